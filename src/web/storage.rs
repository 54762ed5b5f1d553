//! What stays in the browser: files and settings, as JSON with a version. Storage may be refused (a frame, a private
//! window, a full disk): then only the keeping is lost.

use std::collections::BTreeMap;

use super::session::Shape;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

const FILES: &str = "podarium.files";
const SETTINGS: &str = "podarium.settings";
/// What is kept of a tab alone, as long as it is open: what was done in it, for a reload.
const SESSION: &str = "podarium.session";
const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub version: u32,
    /// `light`, `dark`; the system's if absent.
    pub theme: Option<String>,
    /// Index of the speed.
    pub speed: usize,
    /// Per cent of the width that editor and terminal have.
    pub left: f64,
    /// Per cent of that column's height that the editor has.
    pub split: f64,
    /// Height of the timeline in pixels.
    pub time: f64,
    pub open_file: Option<String>,
    pub shape: Shape,
    /// Processes are shown with their numbers on the node.
    pub host_pids: bool,
    /// The pane that is shown alone.
    pub zoomed: Option<String>,
    /// Panes that are hidden.
    pub away: Vec<String>,
    /// Not the first visit.
    pub visited: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            version: VERSION,
            theme: None,
            speed: 0,
            left: 36.0,
            split: 54.0,
            time: 200.0,
            open_file: None,
            shape: Shape::default(),
            host_pids: false,
            zoomed: None,
            away: Vec::new(),
            visited: false,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Files {
    version: u32,
    files: BTreeMap<String, String>,
}

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

fn read<T: DeserializeOwned>(key: &str) -> Option<T> {
    serde_json::from_str(&storage()?.get_item(key).ok()??).ok()
}

/// Whether it was kept.
fn write<T: Serialize>(key: &str, value: &T) -> bool {
    let Ok(text) = serde_json::to_string(value) else { return false };
    storage().is_some_and(|s| s.set_item(key, &text).is_ok())
}

pub fn settings() -> Settings {
    let mut s: Settings = read(SETTINGS).filter(|s: &Settings| s.version == VERSION).unwrap_or_default();
    let usual = Settings::default();
    let within = |value: f64, least: f64, most: f64, usual: f64| {
        if value.is_finite() { value.clamp(least, most) } else { usual }
    };
    s.left = within(s.left, 20.0, 70.0, usual.left);
    s.split = within(s.split, 15.0, 85.0, usual.split);
    s.shape = Shape::of(s.shape.values());
    s.time = within(s.time, 120.0, 480.0, usual.time);
    s
}

pub fn keep_settings(settings: &Settings) -> bool {
    write(SETTINGS, settings)
}

pub fn files() -> Option<BTreeMap<String, String>> {
    read::<Files>(FILES).filter(|f| f.version == VERSION).map(|f| f.files)
}

pub fn keep_files(files: &BTreeMap<String, String>) -> bool {
    write(FILES, &Files { version: VERSION, files: files.clone() })
}

fn tab() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok().flatten()
}

pub fn session() -> Option<String> {
    tab()?.get_item(SESSION).ok()?
}

/// Whether it was kept.
pub fn keep_session(text: &str) -> bool {
    tab().is_some_and(|s| s.set_item(SESSION, text).is_ok())
}
