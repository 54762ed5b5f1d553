//! The page's laboratory: turns what the panes ask for into the lab's inputs and the scenes' facts.
//! Seconds are counted from the moment the laboratory opened.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    kubelet::inspect::SandboxView,
    lab::{self, Compare, Config, Input, Lab, NodeSize, Notice, ORIGIN, Output, Player, Ran, Record, Stop, view::View},
    scene::{
        cluster::{ClusterFacts, Pulls},
        compare::{self, Comparison},
        facts::PodFacts,
        observe, past,
        timeline::{Moment, TimelineFacts},
    },
    sim::SimTime,
};

/// Task polls that one step may take.
const STEP: u64 = 400_000;
/// Task polls of a slice in which a laboratory is set up.
const OPENING: u64 = 50;
/// Seconds between what was done and a pod that came of it.
const SEEN_BEFORE: f64 = 2.0;
/// Seconds beyond which no laboratory goes.
const FOREVER: f64 = 1e9;
/// Said of a laboratory whose time stands.
const PAUSED: &str = "paused";
/// How long something is waited for.
const FAR: Duration = Duration::from_secs(7200);

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

/// Whether what a run waits for has happened.
type Question = Box<dyn FnMut(&View) -> bool>;

/// A run to a time, or until something happens.
struct Run {
    until: SimTime,
    ask: Option<Question>,
    /// What there is to say when it ends by itself.
    words: &'static str,
}

/// Inputs, branch, branches.
type Done = (usize, usize, usize);
/// The branch's end, what is shown if that is past, and whether time stands.
type Times = (u64, Option<u64>, bool);

/// A branch, as the list of them shows it.
pub struct BranchFacts {
    pub name: String,
    /// Seconds: where it left another, and as far as it went.
    pub from: f64,
    pub end: f64,
    pub outcome: String,
    pub current: bool,
    pub index: usize,
}

pub struct Session {
    config: Config,
    player: Player,
    /// What comes instead as soon as it is set up, and what is done until then.
    next: Option<(lab::Opening, Vec<Input>)>,
    run: Option<Run>,
    comparing: Option<Compare>,
    /// Time stood when the tab was left.
    paused: bool,
    /// What was kept last.
    kept: (Done, Times),
}

/// A session whose laboratory is being set up, in slices.
pub struct Opening {
    config: Config,
    opening: lab::Opening,
    /// Where time was, if that was past.
    at: Option<SimTime>,
    paused: bool,
}

impl Opening {
    /// What an earlier visit of this tab left, as [`Session::kept`] gave it; else `files` as any visit left them; else the
    /// introduction's.
    pub fn new(files: Option<BTreeMap<String, String>>, shape: Shape, kept: Option<String>) -> Opening {
        let mut config = Config::introduction();
        shape.put_into(&mut config);
        if let Some(files) = files {
            config.files = bytes(files);
        }
        let kept = kept.as_deref().and_then(|text| {
            let (state, record) = text.split_once('\n')?;
            let (at, word) = state.split_once(' ')?;
            Some((at.parse().ok().map(SimTime::from_nanos), word == PAUSED, Record::from_json(record)?))
        });
        match kept {
            Some((at, paused, record)) => {
                config.seed = record.config().seed;
                Opening { config, opening: lab::Opening::resume(record), at, paused }
            }
            None => Opening { opening: lab::Opening::new(config.clone()), config, at: None, paused: false },
        }
    }

    /// Whether it is set up.
    pub fn go_on(&mut self) -> bool {
        self.opening.go_on(OPENING)
    }

    pub fn session(self) -> Session {
        let mut player = self.opening.player();
        if let Some(at) = self.at {
            player.seek(at);
        }
        Session {
            config: self.config,
            player,
            next: None,
            run: None,
            comparing: None,
            paused: self.paused,
            kept: Default::default(),
        }
    }
}

impl Session {
    /// Whether time stood when the tab was left; asked once.
    pub fn take_paused(&mut self) -> bool {
        std::mem::take(&mut self.paused)
    }

    fn lab(&self) -> &Lab {
        self.player.lab()
    }

    fn input(&mut self, input: Input) {
        match &mut self.next {
            Some((_, waiting)) => waiting.push(input),
            None => self.player.input(input),
        }
    }

    /// What brings all of it back after a reload, if something was done since the last call; `late`: or if time passed.
    pub fn kept(&mut self, late: bool, paused: bool) -> Option<String> {
        if self.seeking().is_some() {
            return None;
        }
        let record = self.player.record();
        let done = (record.inputs().len(), record.current(), record.branches().len());
        let at = self.player.is_past().then(|| self.player.now().as_nanos());
        let times = (record.branch().end.as_nanos(), at, paused);
        if done == self.kept.0 && !(late && times != self.kept.1) {
            return None;
        }
        self.kept = (done, times);
        let (at, word) = (at.map_or(String::new(), |at| at.to_string()), if paused { PAUSED } else { "playing" });
        Some(format!("{at} {word}\n{}", record.to_json()))
    }

    /// Text files of the workspace.
    pub fn files(&self) -> BTreeMap<String, String> {
        let texts = self.lab().files().into_iter();
        texts
            .filter(|(path, _)| !path.starts_with('.'))
            .filter_map(|(path, data)| Some((path, String::from_utf8(data).ok()?)))
            .collect()
    }

    pub fn files_revision(&self) -> u64 {
        // Two laboratories may count alike.
        self.lab().files_revision().wrapping_add(self.player.identity() << 40)
    }

    pub fn write_file(&mut self, path: &str, text: String) {
        let Some(old) = self.lab().file(path).filter(|_| self.lab().is_settled()) else {
            self.input(Input::WriteFile { path: path.into(), data: text.into_bytes() });
            return;
        };
        let new = text.as_bytes();
        if new == old {
            return;
        }
        let same = |a: &mut dyn Iterator<Item = (&u8, &u8)>| a.take_while(|(a, b)| a == b).count();
        let at = same(&mut old.iter().zip(new));
        let rest = same(&mut old[at..].iter().rev().zip(new[at..].iter().rev()));
        let (removed, data) = (old.len() - at - rest, new[at..new.len() - rest].to_vec());
        self.input(Input::EditFile { path: path.into(), at, removed, data });
    }

    pub fn remove_file(&mut self, path: &str) {
        self.input(Input::RemoveFile { path: path.into() });
    }

    pub fn rename_file(&mut self, from: &str, to: &str) {
        self.input(Input::RenameFile { from: from.into(), to: to.into() });
    }

    pub fn type_text(&mut self, text: &str) {
        self.input(Input::Type(text.as_bytes().to_vec()));
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.input(Input::Resize { columns, rows });
    }

    pub fn apply(&mut self, path: &str) {
        self.input(Input::Apply { path: path.into() });
    }

    /// A shell command, typed at the prompt or run beside the busy terminal.
    pub fn command(&mut self, line: &str) {
        self.input(Input::Command(line.into()));
    }

    /// The terminal waits for a command.
    pub fn at_prompt(&self) -> bool {
        self.lab().at_prompt()
    }

    pub fn stop_node(&mut self, name: &str) {
        self.input(Input::StopNode(name.into()));
    }

    pub fn resize_node(&mut self, name: &str, size: NodeSize) {
        self.input(Input::ResizeNode { name: name.into(), size });
    }

    pub fn has_internet(&self) -> bool {
        self.lab().cluster().has_internet()
    }

    pub fn set_internet(&mut self, on: bool) {
        self.input(Input::Internet(on));
    }

    pub fn start_node(&mut self, name: &str) {
        self.input(Input::StartNode(name.into()));
    }

    /// To the next instant at which something visible happens.
    pub fn step(&mut self) {
        self.run = None;
        self.player.step(STEP);
    }

    /// Virtual time.
    pub fn seconds(&self) -> f64 {
        if self.next.is_some() { 0.0 } else { seconds(self.player.now()) }
    }

    /// As far as this course of things went.
    pub fn end(&self) -> f64 {
        seconds(self.player.end())
    }

    pub fn is_past(&self) -> bool {
        self.player.is_past()
    }

    /// Something was typed into the past.
    pub fn has_strayed(&self) -> bool {
        self.player.has_strayed()
    }

    /// Time is about to go on: what was only read in the past is dropped, anything else a branch.
    pub fn go_on(&mut self) {
        self.player.go_on();
    }

    /// Shows how it was then.
    pub fn seek(&mut self, to: f64) {
        self.run = None;
        self.player.seek(sim_time(to));
    }

    /// Where it is going, and how much of the way is done.
    pub fn seeking(&self) -> Option<(f64, f64)> {
        if self.next.is_some() {
            return Some((0.0, 0.0));
        }
        self.player.seeking().map(|(to, part)| (seconds(to), part))
    }

    pub fn undoable(&self) -> Option<&str> {
        self.player.undoable()
    }

    pub fn redoable(&self) -> Option<&str> {
        self.player.redoable()
    }

    pub fn undo(&mut self) {
        self.run = None;
        self.player.undo();
    }

    pub fn redo(&mut self) {
        self.run = None;
        self.player.redo();
    }

    pub fn switch(&mut self, branch: usize) {
        self.run = None;
        self.player.switch(branch);
    }

    /// The newest first.
    pub fn branches(&self) -> Vec<BranchFacts> {
        let record = self.player.record();
        let facts = |(index, b): (usize, &crate::lab::Branch)| BranchFacts {
            name: b.name.clone(),
            from: seconds(b.from),
            end: seconds(b.end),
            outcome: b.outcome.clone(),
            current: index == record.current(),
            index,
        };
        record.branches().iter().enumerate().filter(|(_, b)| !b.gone).map(facts).rev().collect()
    }

    /// The current branch and the one that it left, or that left it last.
    pub fn nearest_branch(&self) -> Option<[usize; 2]> {
        let (record, current) = (self.player.record(), self.player.record().current());
        let there = |i: &usize| record.branches().get(*i).is_some_and(|b| !b.gone);
        let child = || (0..record.branches().len()).rev().find(|i| *i != current && there(i));
        Some([current, record.branch().parent.filter(there).or_else(child)?])
    }

    /// Starts to compare two branches at the instant that is shown, or the one nearest to it that both have.
    pub fn compare(&mut self, branches: [usize; 2]) -> bool {
        self.comparing = Compare::begin(self.player.record(), branches, self.player.now());
        self.comparing.is_some()
    }

    pub fn is_comparing(&self) -> bool {
        self.comparing.is_some()
    }

    /// Works on it; what came out when it is done.
    pub fn go_on_comparing(&mut self, budget: u64) -> Option<Comparison> {
        if !self.comparing.as_mut()?.run(budget) {
            return None;
        }
        Some(compare::build(&self.comparing.take()?))
    }

    pub fn stop_comparing(&mut self) {
        self.comparing = None;
    }

    /// What happens next if nobody interferes, if that is known: when and what, or nothing for long.
    pub fn forecast(&self) -> Option<Option<(f64, &str)>> {
        let forecast = self.player.forecast()?;
        Some(forecast.next.as_ref().map(|(at, what)| (seconds(*at), what.as_str())))
    }

    /// Work for idle times; false if there is none.
    pub fn think(&mut self, budget: u64, ahead: bool) -> bool {
        self.player.think(budget, ahead)
    }

    /// What became of time and branches, once.
    pub fn take_said(&mut self) -> Option<String> {
        self.player.take_said()
    }

    /// Lets `length` seconds pass as fast as may be.
    pub fn run_for(&mut self, length: f64) {
        self.player.go_on();
        let until = self.player.now() + Duration::try_from_secs_f64(length).unwrap_or_default();
        self.run = Some(Run { until, ask: None, words: "" });
    }

    /// Lets time pass as fast as may be until something happens to the pod, or to any without one.
    pub fn run_until(&mut self, stop: Stop, uid: Option<&str>) {
        self.player.go_on();
        let ask = stop.watch(&self.lab().view(), uid.filter(|uid| self.lab().view().history(uid).is_some()));
        let words = match stop {
            Stop::Ready => "Not Ready within two hours",
            Stop::Restart => "No restart within two hours",
            Stop::Phase => "The same phase for two hours",
        };
        self.run = Some(Run { until: self.player.now() + FAR, ask: Some(Box::new(ask)), words });
    }

    pub fn is_running(&self) -> bool {
        self.run.is_some()
    }

    pub fn stop_running(&mut self) {
        self.run = None;
    }

    /// What the next laboratory's cluster is made of.
    pub fn set_shape(&mut self, shape: Shape) {
        shape.put_into(&mut self.config);
    }

    /// A new laboratory with the files as they are now; the old one is seen until that is set up.
    pub fn reset(&mut self) {
        self.config.files = self.lab().files();
        self.run = None;
        self.comparing = None;
        self.next = Some((lab::Opening::new(self.config.clone()), Vec::new()));
    }

    fn set_up(&mut self) {
        let Some((mut next, waiting)) = self.next.take() else { return };
        if !next.go_on(OPENING) {
            self.next = Some((next, waiting));
            return;
        }
        self.player = next.player();
        waiting.into_iter().for_each(|input| self.player.input(input));
    }

    /// `dt` seconds from now.
    pub fn target(&self, dt: f64) -> f64 {
        self.seconds() + dt
    }

    /// Runs until `until` with at most `budget` polls: whether it got there, and what there is to say if a run ended.
    pub fn advance(&mut self, until: f64, budget: u64) -> (bool, Option<String>) {
        if self.next.is_some() {
            self.set_up();
            return (false, None);
        }
        let until = sim_time(until);
        let Some(run) = &mut self.run else { return (self.player.advance(until, budget, None) != Ran::Budget, None) };
        let ask = run.ask.as_mut().map(|ask| &mut **ask as &mut dyn FnMut(&View) -> bool);
        match self.player.advance(until.min(run.until), budget, ask) {
            Ran::Budget => (false, None),
            Ran::There if self.player.now() < run.until => (true, None),
            Ran::There => {
                let said = run.words.to_string();
                self.run = None;
                (true, Some(said))
            }
            Ran::Stopped => {
                self.run = None;
                let news = crate::lab::news::at(&self.lab().view(), self.player.now());
                (true, Some(news.unwrap_or_default()))
            }
        }
    }

    /// For the terminal: whether it begins anew, and what to write.
    pub fn take_output(&mut self) -> (bool, Vec<u8>) {
        match self.player.take_output() {
            Output::Anew(bytes) => (true, bytes),
            Output::More(bytes) => (false, bytes),
        }
    }

    /// What commands that ran beside the terminal came to.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        self.player.take_notices()
    }

    pub fn revision(&self) -> u64 {
        self.player.revision()
    }

    pub fn newest_pod(&self) -> Option<String> {
        if self.next.is_some() {
            return None; // of the old laboratory
        }
        // In the past it may be still to come.
        let later = || observe::newest_pod(&self.player.latest().view());
        observe::newest_pod(&self.lab().view()).or_else(later)
    }

    /// A pod that this course of things has or had.
    pub fn is_known(&self, uid: &str) -> bool {
        self.player.is_past() && self.player.latest().view().history(uid).is_some()
    }

    pub fn cluster(&self) -> ClusterFacts {
        observe::cluster(self.lab())
    }

    pub fn pulls(&self) -> Pulls {
        observe::pulls(self.lab())
    }

    pub fn pod(&self, uid: &str) -> Option<PodFacts> {
        observe::pod(self.lab(), uid)
    }

    pub fn timeline(&self, uid: &str) -> Option<TimelineFacts> {
        let lab = self.player.latest();
        let view = lab.view();
        let sandbox = sandbox(lab, uid);
        let pod = observe::pod(lab, uid);
        let (now, head) = (lab.now(), self.player.now());
        let facts = past::timeline(view.history(uid)?, &view, pod.as_ref(), sandbox.as_ref(), now, head);
        Some(self.with_actions(facts))
    }

    /// All pods', a lane each.
    pub fn overview(&self) -> TimelineFacts {
        let lab = self.player.latest();
        let facts = past::overview(&lab.view(), lab.now(), self.player.now());
        self.with_actions(facts)
    }

    fn with_actions(&self, facts: TimelineFacts) -> TimelineFacts {
        let mut facts = facts.since(ORIGIN.as_secs_f64());
        let titled = |e: &crate::lab::Entry| Some(Moment { at: seconds(e.at), words: e.title.clone()?, bad: false });
        facts.actions = self.player.record().inputs().filter_map(titled).collect();
        // What was done for it is seen, too: it takes effect a moment later.
        let just_before = facts.from - SEEN_BEFORE..facts.from;
        let cause = facts.actions.iter().map(|a| a.at).filter(|at| just_before.contains(at)).reduce(f64::max);
        facts.from = cause.unwrap_or(facts.from);
        facts
    }
}

fn sandbox(lab: &Lab, uid: &str) -> Option<SandboxView> {
    let view = lab.view();
    let node = view.history(uid)?.node.clone()?;
    lab.cluster().kubelet(&node)?.inspect(uid)
}

fn seconds(at: SimTime) -> f64 {
    at.since(ORIGIN).as_secs_f64()
}

fn sim_time(seconds: f64) -> SimTime {
    ORIGIN + Duration::try_from_secs_f64(seconds.clamp(0.0, FOREVER)).unwrap_or_default()
}

fn bytes(files: BTreeMap<String, String>) -> BTreeMap<String, Vec<u8>> {
    files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect()
}
