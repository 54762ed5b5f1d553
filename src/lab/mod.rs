//! One laboratory: a cluster, a workstation beside it, and the workspace's files. Inputs go in,
//! history comes out.
//!
//! Invariants:
//! - All that a laboratory shows is a function of its [`Config`] and its inputs, each at its virtual
//!   time. [`Lab::replay`] is the proof and the way back in time.
//! - An input is taken when everything that could run at its instant has run, so where it falls in
//!   the order of things doesn't depend on how the work was cut into slices.

mod checker;
mod cluster;
mod command;
mod compare;
mod control_plane;
mod examples;
pub mod headless;
pub mod news;
mod player;
mod record;
mod replica;
mod screen;
mod terminal;
pub mod view;
mod workstation;

use std::{cell::Ref, collections::BTreeMap, rc::Rc, time::Duration};

pub use self::checker::Checker;
pub use self::cluster::{Cluster, NodeShape, NodeSize};
pub use self::compare::Compare;
pub use self::examples::{Example, examples};
pub use self::news::Stop;
pub use self::player::{Forecast, Opening, Output, Player, Ran};
pub use self::record::{Branch, Entry, Record};
pub use self::terminal::Notice;
use self::{terminal::Terminal, view::View, workstation::Workstation};
use crate::{
    kubelet::{Capacity, Chance},
    sim::{Reached, Sim, SimTime},
};

/// The cluster is this old when a laboratory opens, so its nodes are ready.
pub const ORIGIN: SimTime = SimTime::from_nanos(60_000_000_000);

/// How long [`Lab::step`] looks ahead for something to happen.
const MAX_STEP: Duration = Duration::from_secs(3600);

/// What a laboratory starts from.
#[derive(Clone, Debug)]
pub struct Config {
    pub seed: u64,
    /// Nodes beside the control plane.
    pub workers: usize,
    pub node: NodeSize,
    /// If there are any, the nodes: neither kind's control plane nor `workers` then.
    pub nodes: Vec<NodeShape>,
    /// Whether kube-system has what kubeadm puts there. The control plane's own pods need kind's shape.
    pub system_pods: bool,
    /// If set, every pull takes just this long, whatever the image's size.
    pub pull_time: Option<Duration>,
    /// Where kubelets take the chance from that lengthens their delays.
    pub chance: Chance,
    /// The workspace: contents by path relative to it.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            seed: 1,
            workers: 2,
            node: NodeSize::default(),
            nodes: Vec::new(),
            system_pods: true,
            pull_time: None,
            chance: Chance::default(),
            files: BTreeMap::new(),
        }
    }
}

impl Config {
    /// The workspace that a first visit finds: the two Pods of the introduction.
    pub fn introduction() -> Config {
        let files = [
            ("kubia-http.yaml", include_str!("../../examples/kubia-http.yaml")),
            ("kubia-ssl.yaml", include_str!("../../examples/kubia-ssl.yaml")),
        ];
        let files = files.map(|(path, text)| (path.to_string(), text.as_bytes().to_vec())).into();
        Config { files, ..Config::default() }
    }
}

/// What a person does to a laboratory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Keys typed into the terminal, as a terminal sends them.
    Type(Vec<u8>),
    Resize {
        columns: u16,
        rows: u16,
    },
    WriteFile {
        path: String,
        data: Vec<u8>,
    },
    /// Replaces `removed` bytes at `at` of a file: less to keep than all of a text at each change of it.
    EditFile {
        path: String,
        at: usize,
        removed: usize,
        data: Vec<u8>,
    },
    RemoveFile {
        path: String,
    },
    RenameFile {
        from: String,
        to: String,
    },
    /// `kubectl apply -f PATH`: typed for the person if the terminal is at its prompt, run beside it
    /// otherwise.
    Apply {
        path: String,
    },
    /// A shell command, typed or run beside the terminal in the same way.
    Command(String),
    StopNode(String),
    StartNode(String),
    /// Gives a node's machine another size.
    ResizeNode {
        name: String,
        size: NodeSize,
    },
    /// Cuts the world outside off, or joins it again.
    Internet(bool),
}

/// A running laboratory.
pub struct Lab {
    sim: Sim,
    cluster: Rc<Cluster>,
    workstation: Workstation,
    terminal: Terminal,
    /// The terminal's shell has been started.
    open: bool,
    inputs: Vec<(SimTime, Input)>,
    pending: Vec<Input>,
}

/// What could have been changed by what a person did; no clock and no heartbeat shows in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    version: u64,
    sessions: u64,
    changes: u64,
    files: u64,
    /// On or off: the nodes, and the internet.
    switches: Vec<bool>,
    /// The nodes'.
    sizes: Vec<Capacity>,
}

impl Mark {
    /// Whether only files of the workspace differ.
    pub fn same_cluster(&self, other: &Mark) -> bool {
        let cluster = |m: &Mark| (m.version, m.sessions, m.changes);
        cluster(self) == cluster(other) && self.switches == other.switches && self.sizes == other.sizes
    }
}

impl Lab {
    /// Opens a laboratory at [`ORIGIN`]: the cluster is up, the shell is at its prompt.
    pub fn new(config: &Config) -> Lab {
        let mut lab = Lab::begin(config);
        lab.advance(ORIGIN, u64::MAX);
        lab
    }

    /// A laboratory whose cluster is just being switched on: [`Lab::advance`] brings it to [`ORIGIN`], and opens it there.
    pub fn begin(config: &Config) -> Lab {
        let sim = cluster::new_sim(config.seed);
        let cluster = Cluster::start(&sim, config);
        let workstation = Workstation::start(&sim, &cluster, &config.files);
        let terminal = Terminal::new(&sim);
        Lab { sim, cluster, workstation, terminal, open: false, inputs: Vec::new(), pending: Vec::new() }
    }

    /// The laboratory as it was at `until`, after `inputs`.
    pub fn replay(config: &Config, inputs: &[(SimTime, Input)], until: SimTime) -> Lab {
        let mut lab = Lab::new(config);
        for (time, input) in inputs.iter().take_while(|(time, _)| *time <= until) {
            lab.advance(*time, u64::MAX);
            lab.input(input.clone());
        }
        lab.advance(until.max(ORIGIN), u64::MAX);
        lab
    }

    /// Virtual time; a laboratory opens at [`ORIGIN`].
    pub fn now(&self) -> SimTime {
        self.sim.now()
    }

    /// The calendar time on the cluster's clocks.
    pub fn wall(&self) -> jiff::Timestamp {
        self.sim.wall()
    }

    /// The calendar time of an instant.
    pub fn wall_at(&self, time: SimTime) -> jiff::Timestamp {
        self.sim.wall_at(time)
    }

    /// Everything done so far, oldest first: with the config, all that is needed to be here again.
    pub fn inputs(&self) -> &[(SimTime, Input)] {
        &self.inputs
    }

    /// Takes an input at the present instant (with the next [`Lab::advance`] if work is left at it).
    pub fn input(&mut self, input: Input) {
        self.pending.push(input);
        self.settle(10_000);
    }

    /// Runs until virtual time `until`, with at most about `budget` task polls.
    pub fn advance(&mut self, until: SimTime, budget: u64) -> Reached {
        match self.settle(budget) {
            0 => Reached::Budget,
            left => self.sim.run_until(until, left),
        }
    }

    /// Like [`Lab::advance`], but ends as soon as `stop`, asked whenever something visible changed, says so.
    pub fn advance_until(
        &mut self,
        until: SimTime,
        mut budget: u64,
        stop: &mut dyn FnMut(&View) -> bool,
    ) -> Option<Reached> {
        let mut seen = self.view().changes();
        loop {
            budget = self.settle(budget);
            if budget == 0 {
                return Some(Reached::Budget);
            }
            let changes = self.view().changes();
            if std::mem::replace(&mut seen, changes) != changes && stop(&self.view()) {
                return None;
            }
            match self.sim.next_time() {
                Some(next) if next <= until => {
                    let polls = self.sim.polls();
                    self.sim.run_until(next, budget);
                    budget = budget.saturating_sub(self.sim.polls() - polls);
                }
                _ => return Some(self.sim.run_until(until, budget)),
            }
        }
    }

    /// To tell whether something was changed.
    pub fn mark(&self) -> Mark {
        let machines = self.cluster.machines();
        Mark {
            version: self.cluster.server().resource_version(),
            sessions: self.cluster.server().sessions(),
            changes: self.view().changes(),
            files: self.files_revision(),
            sizes: self.cluster.capacities(),
            switches: machines.into_values().chain([self.cluster.network().is_outside_reachable()]).collect(),
        }
    }

    /// No work is left at this instant, and no input waits.
    pub fn is_settled(&self) -> bool {
        self.open && self.pending.is_empty() && self.sim.next_time().is_none_or(|next| next > self.now())
    }

    /// It has reached its beginning.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Inputs that wait for the work of this instant to be done.
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// The shell waits at an empty prompt.
    pub fn is_at_prompt(&self) -> bool {
        self.terminal.is_idle()
    }

    /// A file of the workspace.
    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.workstation.read_file(path)
    }

    /// Work done so far, in task polls.
    pub fn polls(&self) -> u64 {
        self.sim.polls()
    }

    /// Goes on to the next instant at which an onlooker sees something change. False if `budget`
    /// polls or an hour went by without.
    pub fn step(&mut self, budget: u64) -> bool {
        let (polls, start) = (self.sim.polls(), self.now());
        let seen = self.view().changes();
        if self.settle(budget) == 0 {
            return false;
        }
        while self.view().changes() == seen {
            let left = budget.saturating_sub(self.sim.polls() - polls);
            if left == 0 || self.now().since(start) > MAX_STEP || !self.sim.step(left) {
                return false;
            }
        }
        true
    }

    /// Changes whenever anything may have changed but the time.
    pub fn revision(&self) -> u64 {
        self.sim.polls() + self.inputs.len() as u64
    }

    /// The terminal's shell waits at an empty prompt.
    pub fn at_prompt(&self) -> bool {
        self.terminal.is_idle()
    }

    pub fn cluster(&self) -> &Rc<Cluster> {
        &self.cluster
    }

    /// The simulation, for onlookers with tasks of their own.
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// The objects now, and how they came to be so.
    pub fn view(&self) -> Ref<'_, View> {
        self.cluster.observer().view()
    }

    /// What the terminal has to show since the last call.
    pub fn take_output(&mut self) -> Vec<u8> {
        self.terminal.take_output()
    }

    /// What commands that ran beside the terminal had to say since the last call.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.terminal.take_notices()
    }

    /// The workspace's files: contents by path.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.workstation.files()
    }

    /// Changes whenever a file of the workspace does.
    pub fn files_revision(&self) -> u64 {
        self.workstation.files_revision()
    }

    /// Runs what is left of this instant and takes waiting inputs. Returns what is left of `budget`.
    fn settle(&mut self, mut budget: u64) -> u64 {
        if !self.open {
            let polls = self.sim.polls();
            if self.sim.run_until(ORIGIN, budget) == Reached::Budget {
                return 0;
            }
            budget = budget.saturating_sub(self.sim.polls() - polls);
            self.open = true;
            self.terminal.open(&self.workstation);
        }
        let mut left = self.sim.run_ready(budget);
        while left > 0 && !self.pending.is_empty() {
            let input = self.pending.remove(0);
            self.take(&input);
            self.inputs.push((self.now(), input));
            left = self.sim.run_ready(left);
        }
        left
    }

    fn take(&mut self, input: &Input) {
        match input {
            Input::Type(bytes) => self.terminal.type_bytes(bytes),
            Input::Resize { columns, rows } => self.terminal.resize(*columns, *rows),
            Input::WriteFile { path, data } => self.workstation.write_file(path, data),
            Input::EditFile { path, at, removed, data } => self.workstation.edit_file(path, *at, *removed, data),
            Input::RemoveFile { path } => self.workstation.remove_file(path),
            Input::RenameFile { from, to } => self.workstation.rename_file(from, to),
            Input::Apply { path } => self.terminal.apply(&self.workstation, path),
            Input::Command(line) => self.terminal.command(&self.workstation, line),
            Input::StopNode(name) => {
                self.cluster.stop_node(name);
            }
            Input::StartNode(name) => {
                self.cluster.start_node(name);
            }
            Input::ResizeNode { name, size } => {
                self.cluster.resize_node(name, *size);
            }
            Input::Internet(on) => self.cluster.set_internet(*on),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Tasks hold handles on all the rest.
        self.sim.shutdown();
    }
}
