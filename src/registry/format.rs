//! The catalogue's file format: what an author writes, checked and turned into layers.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use serde::Deserialize;

use super::image::{Files, ImageConfig, PortProtocol};
use crate::{
    os::{Signal, fs::Content},
    programs::BUSYBOX_VERSIONS,
};

/// `images/*.yaml`: an image and its tags.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ImageFile {
    /// As people write it: `nginx`, `luksa/kubia`, `registry.k8s.io/pause`.
    pub name: String,
    /// Further names of the same image.
    #[serde(default)]
    pub aliases: Vec<String>,
    #[serde(flatten)]
    pub common: Layer,
    pub tags: Vec<TagEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TagEntry {
    /// All tags of this very image.
    pub tag: Vec<String>,
    /// `sha256:…`; made from name and tag if absent.
    #[serde(default)]
    pub digest: Option<String>,
    /// Compressed, in bytes.
    pub size: u64,
    #[serde(default)]
    pub pull_seconds: Option<f64>,
    /// What a pull fails with.
    #[serde(default)]
    pub pull_error: Option<String>,
    #[serde(flatten)]
    pub layer: Layer,
}

/// `base/*.yaml`, and what an image or a tag adds: the later layer wins.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Layer {
    /// The file name in `base/`, without `.yaml`.
    #[serde(default)]
    pub from: Option<String>,
    #[serde(default)]
    pub user: Option<String>,
    #[serde(default)]
    pub entrypoint: Option<Vec<String>>,
    #[serde(default)]
    pub cmd: Option<Vec<String>>,
    /// `NAME=value`.
    #[serde(default)]
    pub env: Vec<String>,
    #[serde(default)]
    pub workdir: Option<String>,
    /// `80`, `53/udp`.
    #[serde(default)]
    pub exposed_ports: Vec<String>,
    #[serde(default)]
    pub stop_signal: Option<String>,
    /// Directory to programs, separated by blanks: `name`, or `name=program` where the two differ.
    #[serde(default)]
    pub programs: BTreeMap<String, String>,
    /// The version of busybox that all its applets are.
    #[serde(default)]
    pub busybox: Option<String>,
    /// Link to target.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// Directory to mode.
    #[serde(default)]
    pub dirs: BTreeMap<String, String>,
    #[serde(default)]
    pub files: BTreeMap<String, FileEntry>,
    /// Paths that a lower layer has and this one takes away.
    #[serde(default)]
    pub remove: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct FileEntry {
    #[serde(default)]
    pub content: Option<String>,
    #[serde(default)]
    pub program: Option<String>,
    /// A program's size in bytes.
    #[serde(default)]
    pub size: Option<u64>,
    /// Octal, as text: `"0755"`.
    #[serde(default)]
    pub mode: Option<String>,
    /// Owner.
    #[serde(default)]
    pub uid: u32,
}

/// The size shown for a program whose file doesn't say.
const PROGRAM_SIZE: u64 = 68_000;

impl Layer {
    /// Lays this layer over `files` and `config`.
    pub fn apply(&self, files: &mut Files, config: &mut ImageConfig) -> Result<(), String> {
        self.apply_config(config)?;
        for path in &self.remove {
            files.remove(path);
        }
        for (path, mode) in &self.dirs {
            files.insert(absolute(path)?, (octal(mode)?, 0, Content::Directory));
        }
        for (dir, names) in &self.programs {
            for item in names.split_whitespace() {
                let (file, name) = item.split_once('=').unwrap_or((item, item));
                let content = Content::Program { name: name.into(), size: PROGRAM_SIZE };
                files.insert(absolute(&format!("{dir}/{file}"))?, (0o755, 0, content));
            }
        }
        for (link, target) in &self.links {
            files.insert(absolute(link)?, (0o777, 0, Content::Symlink(target.clone())));
        }
        for (path, file) in &self.files {
            let (content, mode) = match (&file.content, &file.program) {
                (Some(text), None) => (Content::Data(Rc::from(text.as_bytes())), 0o644),
                (None, Some(name)) => {
                    (Content::Program { name: name.clone(), size: file.size.unwrap_or(PROGRAM_SIZE) }, 0o755)
                }
                _ => return Err(format!("{path}: give either `content` or `program`")),
            };
            let mode = file.mode.as_deref().map_or(Ok(mode), octal)?;
            files.insert(absolute(path)?, (mode, file.uid, content));
        }
        if let Some(version) = &self.busybox {
            if !BUSYBOX_VERSIONS.contains(&version.as_str()) {
                return Err(format!("busybox: there is no {version} here"));
            }
            for (_, _, content) in files.values_mut() {
                if let Content::Program { name, .. } = content
                    && (name == "busybox" || name.starts_with("busybox@"))
                {
                    *name = format!("busybox@{version}");
                }
            }
        }
        Ok(())
    }

    /// Only the configuration.
    pub fn apply_config(&self, config: &mut ImageConfig) -> Result<(), String> {
        if let Some(entrypoint) = &self.entrypoint {
            config.entrypoint = entrypoint.clone();
            // As `docker build` does: a new entrypoint drops the lower layer's command.
            config.cmd = Vec::new();
        }
        if let Some(cmd) = &self.cmd {
            config.cmd = cmd.clone();
        }
        for item in &self.env {
            let (key, value) = item.split_once('=').ok_or_else(|| format!("env {item}: must be NAME=value"))?;
            match config.env.iter_mut().find(|(k, _)| k == key) {
                Some(entry) => entry.1 = value.into(),
                None => config.env.push((key.into(), value.into())),
            }
        }
        if let Some(user) = &self.user {
            config.user = user.clone();
        }
        if let Some(dir) = &self.workdir {
            config.working_dir = absolute(dir)?;
        }
        if let Some(signal) = &self.stop_signal {
            config.stop_signal = Some(Signal::parse(signal).ok_or_else(|| format!("unknown signal {signal}"))?);
        }
        for port in &self.exposed_ports {
            config.exposed_ports.push(parse_port(port).ok_or_else(|| format!("exposed port {port}: not a port"))?);
        }
        Ok(())
    }
}

impl TagEntry {
    pub fn pull_time(&self) -> Result<Option<Duration>, String> {
        self.pull_seconds
            .map(|secs| Duration::try_from_secs_f64(secs).map_err(|_| format!("pullSeconds {secs}: not a time")))
            .transpose()
    }
}

fn absolute(path: &str) -> Result<String, String> {
    if path.starts_with('/') && !path.split('/').any(|part| part == "..") {
        Ok(path.into())
    } else {
        Err(format!("{path}: must be an absolute path"))
    }
}

fn octal(mode: &str) -> Result<u32, String> {
    u32::from_str_radix(mode, 8).ok().filter(|m| *m <= 0o7777).ok_or_else(|| format!("mode {mode}: must be octal"))
}

pub(super) fn parse_port(text: &str) -> Option<(u16, PortProtocol)> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol {
        "tcp" => PortProtocol::Tcp,
        "udp" => PortProtocol::Udp,
        "sctp" => PortProtocol::Sctp,
        _ => return None,
    };
    Some((port.parse().ok()?, protocol))
}
