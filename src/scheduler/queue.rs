//! The scheduling queue: pods to try now, pods in back-off, and pods that wait for something to change.
//!
//! A pod in back-off is tried early when nothing else is to be done; only one that came back because of an error sits its
//! back-off out. Back-offs end with whole seconds (upstream: `backend/queue`).

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use super::{
    cache::{Cache, PodInfo},
    hints::{self, News, What},
};
use crate::sim::SimTime;

const BACKOFF_INITIAL: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// Back-offs end at multiples of this, and are looked at as often.
const WINDOW: Duration = Duration::from_secs(1);
/// A pod that nothing woke for this long is tried again; looked at every [`FLUSH_EVERY`].
const UNSCHEDULABLE_MAX: Duration = Duration::from_secs(300);
const FLUSH_EVERY: Duration = Duration::from_secs(30);

/// A pod to be scheduled.
#[derive(Debug)]
pub struct Entry {
    pub pod: Rc<PodInfo>,
    /// How often it found no node.
    unschedulable: u32,
    /// How often in a row it failed for another reason.
    errors: u32,
    /// The plugins that refused it the last time.
    refused_by: BTreeSet<&'static str>,
    /// It was woken while it made room for itself: from then on only the end of a pod wakes it.
    gated: bool,
    since: SimTime,
    seq: u64,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Active,
    /// Until when.
    Backoff(SimTime),
    ErrorBackoff(SimTime),
    Unschedulable,
}

/// Higher priority first, then who came earlier.
type Rank = (Reverse<i32>, SimTime, u64);

#[derive(Debug, Default)]
pub struct Queue {
    entries: BTreeMap<String, Entry>,
    active: BTreeMap<Rank, String>,
    backoff: BTreeMap<(SimTime, Rank), String>,
    error_backoff: BTreeMap<(SimTime, u64), String>,
    /// Pods that wait, by the time since when.
    unschedulable: BTreeSet<(SimTime, u64, String)>,
    /// Pods that are evicting others just now.
    preempting: BTreeSet<String>,
    seq: u64,
}

impl Entry {
    fn rank(&self) -> Rank {
        (Reverse(self.pod.priority()), self.since, self.seq)
    }

    fn until(&self) -> SimTime {
        let failures = if self.errors > 0 { self.errors } else { self.unschedulable };
        whole(self.since + backoff(failures))
    }

    fn is_helped(&self, news: &News, cache: &Cache) -> bool {
        if self.gated && !matches!(news, News::Pod { what: What::Delete, .. }) {
            return false;
        }
        self.refused_by.iter().any(|plugin| hints::helps(plugin, &self.pod, news, cache))
    }
}

impl Queue {
    pub fn get(&self, uid: &str) -> Option<&Rc<PodInfo>> {
        self.entries.get(uid).map(|entry| &entry.pod)
    }

    pub fn is_anyone_waiting(&self) -> bool {
        !self.unschedulable.is_empty()
    }

    pub fn add(&mut self, pod: Rc<PodInfo>, now: SimTime) {
        self.remove(pod.uid());
        self.put(Entry {
            pod,
            unschedulable: 0,
            errors: 0,
            refused_by: BTreeSet::new(),
            gated: false,
            since: now,
            seq: 0,
            place: Place::Active,
        });
    }

    /// The pod was changed; if in a way that may help it, it is tried again.
    pub fn update(&mut self, pod: Rc<PodInfo>, cache: &Cache, now: SimTime) {
        let Some(mut entry) = self.remove(pod.uid()) else { return };
        let old = std::mem::replace(&mut entry.pod, pod.clone());
        let news = |what| News::Pod { what, old: Some(&old), new: Some(&pod) };
        let wakes = entry.place == Place::Unschedulable
            && hints::pod_changes(&old, &pod).into_iter().any(|what| entry.is_helped(&news(what), cache));
        self.put(entry);
        if wakes {
            self.wake_one(pod.uid(), now);
        }
    }

    pub fn remove(&mut self, uid: &str) -> Option<Entry> {
        let entry = self.entries.remove(uid)?;
        match entry.place {
            Place::Active => drop(self.active.remove(&entry.rank())),
            Place::Backoff(until) => drop(self.backoff.remove(&(until, entry.rank()))),
            Place::ErrorBackoff(until) => drop(self.error_backoff.remove(&(until, entry.seq))),
            Place::Unschedulable => {
                self.unschedulable.remove(&(entry.since, entry.seq, uid.to_string()));
            }
        }
        Some(entry)
    }

    fn put(&mut self, mut entry: Entry) {
        self.seq += 1;
        entry.seq = self.seq;
        let uid = entry.pod.uid().to_string();
        match entry.place {
            Place::Active => drop(self.active.insert(entry.rank(), uid.clone())),
            Place::Backoff(until) => drop(self.backoff.insert((until, entry.rank()), uid.clone())),
            Place::ErrorBackoff(until) => drop(self.error_backoff.insert((until, entry.seq), uid.clone())),
            Place::Unschedulable => {
                self.unschedulable.insert((entry.since, entry.seq, uid.clone()));
            }
        }
        self.entries.insert(uid, entry);
    }

    /// The next pod to try.
    pub fn pop(&mut self, now: SimTime) -> Option<Entry> {
        self.end_backoffs(now);
        let uid = self.active.values().next().or_else(|| self.backoff.values().next())?.clone();
        self.remove(&uid)
    }

    /// Puts back a pod that found no node, with the plugins that refused it. If none did, something else was wrong, and
    /// it is tried again after its back-off.
    pub fn put_back(&mut self, mut entry: Entry, refused_by: BTreeSet<&'static str>, now: SimTime) {
        entry.since = now;
        entry.refused_by = refused_by;
        if entry.refused_by.is_empty() {
            entry.errors += 1;
            entry.place = Place::ErrorBackoff(entry.until());
        } else {
            entry.unschedulable += 1;
            entry.errors = 0;
            entry.place = Place::Unschedulable;
        }
        self.put(entry);
    }

    /// Wakes waiting pods that may fit now.
    pub fn wake(&mut self, now: SimTime, news: &News, cache: &Cache) {
        self.wake_some(now, news, cache, |_| true);
    }

    /// The same for pods that matter no more than this.
    pub fn wake_up_to(&mut self, priority: i32, now: SimTime, news: &News, cache: &Cache) {
        self.wake_some(now, news, cache, |entry| entry.pod.priority() <= priority);
    }

    fn wake_some(&mut self, now: SimTime, news: &News, cache: &Cache, meant: impl Fn(&Entry) -> bool) {
        let waiting = self.unschedulable.iter().filter_map(|(_, _, uid)| self.entries.get(uid));
        let helped = waiting.filter(|entry| meant(entry) && entry.is_helped(news, cache));
        let helped: Vec<String> = helped.map(|entry| entry.pod.uid().to_string()).collect();
        for uid in helped {
            self.wake_one(&uid, now);
        }
    }

    /// Wakes pods that have waited too long. Call when [`Queue::next_time`] has come.
    pub fn flush(&mut self, now: SimTime) {
        self.end_backoffs(now);
        let late = self.unschedulable.iter().take_while(|(since, ..)| flush_time(*since) <= now);
        let late = late.filter(|(_, _, uid)| self.entries.get(uid).is_some_and(|entry| !entry.gated));
        for uid in late.map(|(_, _, uid)| uid.clone()).collect::<Vec<_>>() {
            self.wake_one(&uid, now);
        }
    }

    fn wake_one(&mut self, uid: &str, now: SimTime) {
        let Some(mut entry) = self.remove(uid) else { return };
        entry.gated = self.preempting.contains(uid);
        if !entry.gated {
            let until = entry.until();
            entry.place = if is_over(until, now) { Place::Active } else { Place::Backoff(until) };
        }
        self.put(entry);
    }

    /// The pod is not tried until it has told all pods to go that are in its way.
    pub fn begin_preemption(&mut self, uid: &str) {
        self.preempting.insert(uid.to_string());
    }

    /// All were told. If that failed, the pod is tried again at once.
    pub fn end_preemption(&mut self, uid: &str, failed: bool) {
        self.preempting.remove(uid);
        if failed && let Some(mut entry) = self.remove(uid) {
            (entry.gated, entry.place) = (false, Place::Active);
            self.put(entry);
        }
    }

    fn end_backoffs(&mut self, now: SimTime) {
        let over =
            self.backoff.iter().map(|((until, _), uid)| (until, uid)).take_while(|(until, _)| is_over(**until, now));
        let errors = self.error_backoff.iter().map(|((until, _), uid)| (until, uid));
        let over = over.chain(errors.take_while(|(until, _)| is_over(**until, now)));
        for uid in over.map(|(_, uid)| uid.clone()).collect::<Vec<_>>() {
            let Some(mut entry) = self.remove(&uid) else { break };
            entry.place = Place::Active;
            self.put(entry);
        }
    }

    /// When something will be due although nothing happens.
    pub fn next_time(&self) -> Option<SimTime> {
        let waiting = self.unschedulable.iter().find(|(_, _, uid)| self.entries.get(uid).is_some_and(|e| !e.gated));
        let waiting = waiting.map(|(since, ..)| flush_time(*since));
        let failed = self.error_backoff.keys().next().map(|(until, _)| *until + WINDOW);
        waiting.into_iter().chain(failed).min()
    }
}

/// The beginning of the second.
fn whole(time: SimTime) -> SimTime {
    let window = WINDOW.as_nanos() as u64;
    SimTime::from_nanos(time.as_nanos() / window * window)
}

/// A back-off ends with its whole second.
fn is_over(until: SimTime, now: SimTime) -> bool {
    until < whole(now)
}

/// 1 s, 2 s, 4 s, 8 s, 10 s.
fn backoff(failures: u32) -> Duration {
    BACKOFF_INITIAL.saturating_mul(1 << failures.saturating_sub(1).min(4)).min(BACKOFF_MAX)
}

/// The first look at waiting pods that finds one too long there.
fn flush_time(since: SimTime) -> SimTime {
    let due = (since + UNSCHEDULABLE_MAX).as_nanos();
    let every = FLUSH_EVERY.as_nanos() as u64;
    SimTime::from_nanos((due / every + 1) * every)
}
