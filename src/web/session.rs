//! The page's laboratory: turns what the panes ask for into the lab's inputs and the scenes' facts.
//! Seconds are counted from the moment the laboratory opened.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    lab::{Config, Input, Lab, NodeSize, Notice, ORIGIN},
    scene::{
        cluster::ClusterFacts,
        facts::{Inside, PodFacts},
        observe, past,
        timeline::{Span, TimelineFacts},
    },
    sim::{Reached, SimTime},
};

/// Requests are drawn on their way for this long.
const TRAVEL: Duration = Duration::from_millis(1200);
/// Task polls that one step may take.
const STEP: u64 = 400_000;

/// What a cluster is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shape {
    /// Nodes beside the control plane.
    pub workers: u32,
    /// Each node's.
    pub cpus: u32,
    /// Each node's, in Gi.
    pub memory: u32,
    pub seed: u32,
}

impl Default for Shape {
    fn default() -> Shape {
        let config = Config::default();
        Shape {
            workers: config.workers as u32,
            cpus: (config.node.cpu_millis / 1000) as u32,
            memory: (config.node.memory_bytes >> 30) as u32,
            seed: config.seed as u32,
        }
    }
}

/// The least and the most of each value.
pub const LIMITS: [(u32, u32); 4] = [(1, 100), (1, 128), (1, 1024), (0, u32::MAX)];

impl Shape {
    pub fn values(self) -> [u32; 4] {
        [self.workers, self.cpus, self.memory, self.seed]
    }

    /// Values outside their limits become the nearest that isn't.
    pub fn of(values: [u32; 4]) -> Shape {
        let [workers, cpus, memory, seed] = std::array::from_fn(|i| values[i].clamp(LIMITS[i].0, LIMITS[i].1));
        Shape { workers, cpus, memory, seed }
    }

    fn put_into(self, config: &mut Config) {
        config.workers = self.workers as usize;
        config.seed = self.seed.into();
        config.node = NodeSize {
            cpu_millis: u64::from(self.cpus) * 1000,
            memory_bytes: u64::from(self.memory) << 30,
            ..NodeSize::default()
        };
    }
}

pub struct Session {
    config: Config,
    lab: Lab,
}

impl Session {
    /// `files` as an earlier visit left them; the introduction's otherwise.
    pub fn new(files: Option<BTreeMap<String, String>>, shape: Shape) -> Session {
        let mut config = Config::introduction();
        shape.put_into(&mut config);
        if let Some(files) = files {
            config.files = bytes(files);
        }
        let lab = Lab::new(&config);
        Session { config, lab }
    }

    /// Text files of the workspace.
    pub fn files(&self) -> BTreeMap<String, String> {
        let texts = self.lab.files().into_iter();
        texts
            .filter(|(path, _)| !path.starts_with('.'))
            .filter_map(|(path, data)| Some((path, String::from_utf8(data).ok()?)))
            .collect()
    }

    pub fn files_revision(&self) -> u64 {
        self.lab.files_revision()
    }

    pub fn write_file(&mut self, path: &str, text: String) {
        self.lab.input(Input::WriteFile { path: path.into(), data: text.into_bytes() });
    }

    pub fn remove_file(&mut self, path: &str) {
        self.lab.input(Input::RemoveFile { path: path.into() });
    }

    pub fn rename_file(&mut self, from: &str, to: &str) {
        self.lab.input(Input::RenameFile { from: from.into(), to: to.into() });
    }

    pub fn type_text(&mut self, text: &str) {
        self.lab.input(Input::Type(text.as_bytes().to_vec()));
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.lab.input(Input::Resize { columns, rows });
    }

    pub fn apply(&mut self, path: &str) {
        self.lab.input(Input::Apply { path: path.into() });
    }

    pub fn stop_node(&mut self, name: &str) {
        self.lab.input(Input::StopNode(name.into()));
    }

    pub fn start_node(&mut self, name: &str) {
        self.lab.input(Input::StartNode(name.into()));
    }

    /// To the next instant at which something visible happens.
    pub fn step(&mut self) {
        self.lab.step(STEP);
    }

    /// Virtual time.
    pub fn seconds(&self) -> f64 {
        self.lab.now().since(ORIGIN).as_secs_f64()
    }

    /// What the next laboratory's cluster is made of.
    pub fn set_shape(&mut self, shape: Shape) {
        shape.put_into(&mut self.config);
    }

    /// A new laboratory with the files as they are now.
    pub fn reset(&mut self) {
        self.config.files = self.lab.files();
        self.lab = Lab::new(&self.config);
    }

    /// `dt` seconds from now.
    pub fn target(&self, dt: f64) -> f64 {
        self.seconds() + dt
    }

    /// Runs until `until` with at most `budget` polls; true if it got there.
    pub fn advance(&mut self, until: f64, budget: u64) -> bool {
        let until = ORIGIN + Duration::try_from_secs_f64(until).unwrap_or_default();
        self.lab.advance(until, budget) == Reached::Time
    }

    pub fn take_output(&mut self) -> Vec<u8> {
        self.lab.take_output()
    }

    /// What commands that ran beside the terminal came to.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.lab.take_notices()
    }

    pub fn revision(&self) -> u64 {
        self.lab.revision()
    }

    pub fn newest_pod(&self) -> Option<String> {
        observe::newest_pod(&self.lab.view())
    }

    pub fn cluster(&self) -> ClusterFacts {
        observe::cluster(&self.lab.view(), self.running())
    }

    /// Whether a node's machine is switched on.
    fn running(&self) -> impl Fn(&str) -> bool {
        let machines = self.lab.cluster().machines();
        move |name| machines.get(name).copied().unwrap_or(false)
    }

    pub fn pod(&self, uid: &str) -> Option<PodFacts> {
        let view = self.lab.view();
        let mut facts = observe::pod(&view, uid, self.inside(uid), self.running(), self.lab.wall())?;
        let now = self.lab.now();
        facts.requests = past::requests(&view, &facts, SimTime::ZERO + now.since(SimTime::ZERO + TRAVEL));
        Some(facts)
    }

    pub fn timeline(&self, uid: &str) -> Option<TimelineFacts> {
        let view = self.lab.view();
        let pod = observe::pod(&view, uid, self.inside(uid), self.running(), self.lab.wall());
        let facts = past::timeline(view.history(uid)?, &view, pod.as_ref(), self.lab.now());
        Some(since_origin(facts))
    }

    /// What only the pod's node can tell.
    fn inside(&self, uid: &str) -> Option<Inside> {
        let view = self.lab.view();
        let node = view.history(uid)?.node.clone()?;
        let sandbox = self.lab.cluster().kubelet(&node)?.inspect(uid)?;
        Some(observe::inside(&sandbox, |time| self.lab.wall_at(time)))
    }
}

fn bytes(files: BTreeMap<String, String>) -> BTreeMap<String, Vec<u8>> {
    files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect()
}

/// The same facts with times counted from [`ORIGIN`].
fn since_origin(mut facts: TimelineFacts) -> TimelineFacts {
    let origin = ORIGIN.as_secs_f64();
    let shift = |spans: &mut Vec<Span>| {
        for span in spans {
            span.from -= origin;
            span.until = span.until.map(|t| t - origin);
            span.due = span.due.map(|t| t - origin);
        }
    };
    facts.now -= origin;
    facts.from -= origin;
    facts.until = facts.until.map(|t| t - origin);
    shift(&mut facts.phases);
    shift(&mut facts.ready);
    for lane in &mut facts.lanes {
        shift(&mut lane.spans);
    }
    for request in &mut facts.requests {
        *request -= origin;
    }
    for event in &mut facts.events {
        event.at -= origin;
    }
    facts
}
