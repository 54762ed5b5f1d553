//! Control groups, version 2: what their processes use of memory and processor time, and the limits on
//! it. A charge counts in a group and in all above it.
//!
//! Invariants:
//! - Nothing polls: a figure changes when a process allocates, computes, forks or ends.
//! - A group's memory stays at or below its limit as long as it has a process that may be killed.
//! - A group outlives its processes while something is charged to it: pages of a tmpfs stay with who
//!   touched them first.

use std::{
    cell::{Cell, OnceCell, RefCell},
    fmt,
    rc::Rc,
    time::Duration,
};

use super::Pid;
use crate::sim::{Notify, SimTime, VecMap};

/// The period of `cpu.max`, as the kubelet sets it.
pub const CPU_PERIOD: Duration = Duration::from_millis(100);

/// Usage is remembered as it was at the beats of a clock with this period (metrics-server's
/// `--metric-resolution`).
pub const SAMPLED: Duration = Duration::from_secs(15);

/// `cpu.weight` where none is set.
pub const DEFAULT_WEIGHT: u64 = 100;

/// A control group. Cheap to clone; clones are the same group.
#[derive(Clone)]
pub struct Cgroup(Rc<Inner>);

struct Inner {
    parent: Option<Cgroup>,
    name: Rc<str>,
    /// A cgroup namespace begins here: its processes see themselves at `/`.
    namespace: Cell<bool>,
    /// Host pids.
    members: RefCell<VecMap<Pid, ()>>,
    memory: Cell<u64>,
    memory_peak: Cell<u64>,
    /// `u64::MAX`: none.
    memory_max: Cell<u64>,
    oom_group: Cell<bool>,
    cpu: Cell<Duration>,
    /// Processors; infinite: no limit.
    cpu_max: Cell<f64>,
    weight: Cell<u64>,
    /// When what was computed so far is paid for under `cpu_max`.
    paid_until: Cell<SimTime>,
    samples: Cell<Samples>,
    rare: OnceCell<Box<Rare>>,
}

/// What happens to few groups.
#[derive(Default)]
struct Rare {
    events: Cell<MemoryEvents>,
    throttled: Cell<Throttled>,
    watch: RefCell<Option<Watch>>,
}

/// What `memory.events` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryEvents {
    /// Charges that found the limit in their way.
    pub max: u64,
    /// Times that killing was the only way out, counted where the limit is.
    pub oom: u64,
    /// Processes of the group and those below it that were killed for it.
    pub oom_kill: u64,
    pub oom_group_kill: u64,
}

/// What `cpu.stat` tells of `cpu.max`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttled {
    pub periods: u64,
    pub time: Duration,
}

/// Usage at a beat of the clock, and at the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// The number of the beat.
    beat: u64,
    pub cpu_before: Duration,
    pub cpu: Duration,
    pub memory: u64,
}

/// Who wants to know when a group's memory rises above a level.
struct Watch {
    above: u64,
    reached: Notify,
}

impl Cgroup {
    pub(super) fn root() -> Cgroup {
        Cgroup::make(None, Rc::default())
    }

    /// A new group below this one.
    pub fn child(&self, name: impl Into<Rc<str>>) -> Cgroup {
        Cgroup::make(Some(self.clone()), name.into())
    }

    fn make(parent: Option<Cgroup>, name: Rc<str>) -> Cgroup {
        Cgroup(Rc::new(Inner {
            parent,
            name,
            namespace: Cell::default(),
            members: RefCell::default(),
            memory: Cell::default(),
            memory_peak: Cell::default(),
            memory_max: Cell::new(u64::MAX),
            oom_group: Cell::default(),
            cpu: Cell::default(),
            cpu_max: Cell::new(f64::INFINITY),
            weight: Cell::new(DEFAULT_WEIGHT),
            paid_until: Cell::default(),
            samples: Cell::default(),
            rare: OnceCell::new(),
        }))
    }

    fn rare(&self) -> &Rare {
        self.0.rare.get_or_init(Box::default)
    }

    pub fn same(&self, other: &Cgroup) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    pub fn parent(&self) -> Option<&Cgroup> {
        self.0.parent.as_ref()
    }

    /// This group and those above it, up to the root.
    pub(super) fn upwards(&self) -> impl Iterator<Item = &Cgroup> {
        std::iter::successors(Some(self), |group| group.parent())
    }

    /// Whether it is `other` or below it.
    pub fn is_within(&self, other: &Cgroup) -> bool {
        self.upwards().any(|group| group.same(other))
    }

    /// `/kubepods/burstable/podUID`; `/` is the root.
    pub fn path(&self) -> String {
        self.path_from(None)
    }

    /// The path that a process of `viewer` sees: from the root of its cgroup namespace.
    pub fn path_seen_by(&self, viewer: &Cgroup) -> String {
        let root = viewer.namespace_root();
        let mut path = String::new();
        let mut top = root;
        while !self.is_within(top) {
            let Some(parent) = top.parent() else { break };
            path.push_str("/..");
            top = parent;
        }
        let below = self.path_from(Some(top));
        if path.is_empty() || below != "/" { path + &below } else { path }
    }

    fn path_from(&self, top: Option<&Cgroup>) -> String {
        let inside = |group: &&Cgroup| group.parent().is_some() && top.is_none_or(|top| !group.same(top));
        let mut names: Vec<&str> = self.upwards().take_while(inside).map(|group| &*group.0.name).collect();
        names.reverse();
        format!("/{}", names.join("/"))
    }

    /// Begins a cgroup namespace here: what runs in it sees this group as the root.
    pub fn begin_namespace(&self) {
        self.0.namespace.set(true);
    }

    pub(super) fn namespace_root(&self) -> &Cgroup {
        let root = |group: &&Cgroup| group.0.namespace.get() || group.parent().is_none();
        self.upwards().find(root).unwrap_or(self)
    }

    // Processes

    pub(super) fn enter(&self, pid: Pid) {
        self.0.members.borrow_mut().insert(pid, ());
    }

    pub(super) fn leave(&self, pid: Pid) {
        self.0.members.borrow_mut().remove(&pid);
    }

    /// Its processes' host pids, without those of groups below.
    pub fn pids(&self) -> Vec<Pid> {
        self.0.members.borrow().keys().copied().collect()
    }

    pub fn size(&self) -> usize {
        self.0.members.borrow().len()
    }

    // Memory

    /// Bytes charged here and below.
    pub fn memory(&self) -> u64 {
        self.0.memory.get()
    }

    pub fn memory_peak(&self) -> u64 {
        self.0.memory_peak.get()
    }

    pub fn memory_max(&self) -> Option<u64> {
        Some(self.0.memory_max.get()).filter(|max| *max != u64::MAX)
    }

    pub fn set_memory_max(&self, max: Option<u64>) {
        self.0.memory_max.set(max.unwrap_or(u64::MAX));
    }

    /// `memory.oom.group`: whoever is chosen here, all are killed.
    pub fn oom_group(&self) -> bool {
        self.0.oom_group.get()
    }

    pub fn set_oom_group(&self, on: bool) {
        self.0.oom_group.set(on);
    }

    pub fn memory_events(&self) -> MemoryEvents {
        self.0.rare.get().map(|rare| rare.events.get()).unwrap_or_default()
    }

    pub(super) fn count_event(&self, count: impl Fn(&mut MemoryEvents)) {
        let rare = self.rare();
        let mut events = rare.events.get();
        count(&mut events);
        rare.events.set(events);
    }

    /// Charges memory, or says whose limit is in the way.
    pub(super) fn try_charge(&self, bytes: u64, now: SimTime) -> Result<(), Cgroup> {
        let fits = |group: &&Cgroup| bytes > group.0.memory_max.get().saturating_sub(group.memory());
        match self.upwards().find(fits) {
            Some(full) => Err(full.clone()),
            None => {
                self.charge(bytes, now);
                Ok(())
            }
        }
    }

    /// Charges memory whatever the limits.
    pub fn charge(&self, bytes: u64, now: SimTime) {
        for group in self.upwards() {
            group.roll(now);
            let inner = &group.0;
            let memory = inner.memory.get() + bytes;
            inner.memory.set(memory);
            inner.memory_peak.set(inner.memory_peak.get().max(memory));
            if let Some(rare) = inner.rare.get()
                && let Some(watch) = &*rare.watch.borrow()
                && memory > watch.above
                && memory - bytes <= watch.above
            {
                watch.reached.notify();
            }
        }
    }

    pub fn uncharge(&self, bytes: u64, now: SimTime) {
        for group in self.upwards() {
            group.roll(now);
            group.0.memory.set(group.memory().saturating_sub(bytes));
        }
    }

    /// Notifies each time the memory rises above `bytes`.
    pub fn watch_memory(&self, above: u64, reached: &Notify) {
        *self.rare().watch.borrow_mut() = Some(Watch { above, reached: reached.clone() });
    }

    // Processor time. What processes compute without pause is added by the machine first.

    pub(super) fn cpu(&self) -> Duration {
        self.0.cpu.get()
    }

    pub(super) fn use_cpu(&self, used: Duration, now: SimTime) {
        for group in self.upwards() {
            group.roll(now);
            group.0.cpu.set(group.0.cpu.get() + used);
        }
    }

    /// Adds what was used evenly from `since` until now, beat by beat.
    pub(super) fn use_cpu_evenly(&self, rate: f64, since: SimTime, now: SimTime) {
        let mut from = since;
        while from < now {
            let beat = SimTime::from_nanos((number(from) + 1).saturating_mul(nanos(SAMPLED)));
            let until = beat.min(now);
            self.use_cpu(until.since(from).mul_f64(rate), from);
            // What ends with the beat belongs to it.
            from = until;
        }
    }

    /// The limit, in processors.
    pub fn cpu_max(&self) -> Option<f64> {
        Some(self.0.cpu_max.get()).filter(|max| max.is_finite())
    }

    pub(super) fn set_cpu_max(&self, processors: Option<f64>) {
        self.0.cpu_max.set(processors.unwrap_or(f64::INFINITY));
    }

    pub fn weight(&self) -> u64 {
        self.0.weight.get()
    }

    pub(super) fn set_weight(&self, weight: u64) {
        self.0.weight.set(weight.clamp(1, 10_000));
    }

    pub fn throttled(&self) -> Throttled {
        self.0.rare.get().map(|rare| rare.throttled.get()).unwrap_or_default()
    }

    pub(super) fn throttle(&self, time: Duration) {
        let rare = self.rare();
        let mut throttled = rare.throttled.get();
        throttled.time += time;
        let periods = time.as_nanos().div_ceil(CPU_PERIOD.as_nanos());
        throttled.periods += u64::try_from(periods).unwrap_or(0);
        rare.throttled.set(throttled);
    }

    /// Pays for `work` at `rate` processors; when that is done. A period's share may be used at once.
    pub(super) fn pay(&self, work: Duration, rate: f64, now: SimTime) -> SimTime {
        let earliest = SimTime::from_nanos(now.as_nanos().saturating_sub(nanos(CPU_PERIOD)));
        let done = self.0.paid_until.get().max(earliest) + work.div_f64(rate);
        self.0.paid_until.set(done);
        done
    }

    // Samples

    /// Usage as it was at the clock's last two beats.
    pub fn samples(&self, now: SimTime) -> Samples {
        self.roll(now);
        self.0.samples.get()
    }

    fn roll(&self, now: SimTime) {
        let beat = number(now);
        let mut samples = self.0.samples.get();
        if beat <= samples.beat {
            return;
        }
        let cpu = self.0.cpu.get();
        samples.cpu_before = if beat == samples.beat + 1 { samples.cpu } else { cpu };
        (samples.cpu, samples.memory, samples.beat) = (cpu, self.memory(), beat);
        self.0.samples.set(samples);
    }
}

fn nanos(d: Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

/// The number of the last beat.
fn number(now: SimTime) -> u64 {
    now.as_nanos() / nanos(SAMPLED)
}

/// The instant of the last beat.
pub fn last_sample(now: SimTime) -> SimTime {
    SimTime::from_nanos(number(now) * nanos(SAMPLED))
}

impl fmt::Debug for Cgroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cgroup({})", self.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> SimTime {
        SimTime::from_secs_f64(seconds)
    }

    #[test]
    fn paths() {
        let root = Cgroup::root();
        let pod = root.child("kubepods").child("pod1");
        let (a, b) = (pod.child("a"), pod.child("b"));
        a.begin_namespace();
        // (who looks, at what, what it sees)
        for (viewer, group, path) in [
            (&root, &root, "/"),
            (&root, &a, "/kubepods/pod1/a"),
            (&b, &a, "/kubepods/pod1/a"),
            (&a, &a, "/"),
            (&a, &b, "/../b"),
            (&a, &pod, "/.."),
            (&a, &root, "/../../.."),
        ] {
            assert_eq!(group.path_seen_by(viewer), path);
        }
        assert!(a.is_within(&pod) && !a.is_within(&b));
    }

    #[test]
    fn charges_count_in_all_groups_above() {
        let root = Cgroup::root();
        let pod = root.child("pod");
        let (a, b) = (pod.child("a"), pod.child("b"));
        pod.set_memory_max(Some(100));
        a.set_memory_max(Some(70));
        let full = |result: Result<(), Cgroup>| result.err().map(|group| group.path());
        assert_eq!(full(a.try_charge(60, at(0.0))), None);
        assert_eq!(full(a.try_charge(20, at(0.0))), Some("/pod/a".into()));
        assert_eq!(full(b.try_charge(50, at(0.0))), Some("/pod".into()));
        assert_eq!(full(b.try_charge(40, at(0.0))), None);
        assert_eq!([&root, &pod, &a, &b].map(Cgroup::memory), [100, 100, 60, 40]);
        a.uncharge(50, at(0.0));
        assert_eq!([&root, &pod, &a, &b].map(Cgroup::memory), [50, 50, 10, 40]);
        assert_eq!(pod.memory_peak(), 100);
    }

    #[test]
    fn samples_are_those_of_the_beats() {
        let group = Cgroup::root();
        let seconds = |samples: Samples| (samples.cpu_before.as_secs_f64(), samples.cpu.as_secs_f64(), samples.memory);
        group.use_cpu(Duration::from_secs(1), at(2.0));
        group.charge(10, at(14.0));
        assert_eq!(seconds(group.samples(at(14.9))), (0.0, 0.0, 0));
        assert_eq!(seconds(group.samples(at(15.0))), (0.0, 1.0, 10));
        group.use_cpu(Duration::from_secs(2), at(16.0));
        group.charge(10, at(16.0));
        assert_eq!(seconds(group.samples(at(29.0))), (0.0, 1.0, 10));
        assert_eq!(seconds(group.samples(at(30.0))), (1.0, 3.0, 20));
        // Long nothing.
        assert_eq!(seconds(group.samples(at(100.0))), (3.0, 3.0, 20));
        group.use_cpu_evenly(0.5, at(100.0), at(120.0));
        assert_eq!(seconds(group.samples(at(120.0))), (5.5, 13.0, 20));
    }
}
