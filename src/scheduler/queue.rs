//! The scheduling queue: pods to try now, pods in back-off, and pods that wait for something to
//! change.
//!
//! As in the real queue, a pod in back-off is tried early when nothing else is to be done.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use super::cache::PodInfo;
use crate::sim::SimTime;

const BACKOFF_INITIAL: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// A pod that nothing woke for this long is tried again; looked at every [`FLUSH_EVERY`].
const UNSCHEDULABLE_MAX: Duration = Duration::from_secs(300);
const FLUSH_EVERY: Duration = Duration::from_secs(30);

/// A pod to be scheduled.
#[derive(Debug)]
pub struct Entry {
    pub pod: Rc<PodInfo>,
    /// How often it was tried.
    pub attempts: u32,
    /// The plugins that refused it the last time.
    pub refused_by: BTreeSet<&'static str>,
    since: SimTime,
    seq: u64,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Active,
    Backoff(SimTime),
    Unschedulable,
}

#[derive(Debug, Default)]
pub struct Queue {
    entries: BTreeMap<String, Entry>,
    /// Higher priority first, then who came earlier.
    active: BTreeMap<(Reverse<i32>, SimTime, u64), String>,
    backoff: BTreeMap<(SimTime, u64), String>,
    /// Pods that wait, by the time since when.
    unschedulable: BTreeSet<(SimTime, u64, String)>,
    seq: u64,
}

impl Queue {
    pub fn get(&self, uid: &str) -> Option<&PodInfo> {
        self.entries.get(uid).map(|entry| &*entry.pod)
    }

    pub fn is_anyone_waiting(&self) -> bool {
        !self.unschedulable.is_empty()
    }

    pub fn add(&mut self, pod: Rc<PodInfo>, now: SimTime) {
        self.remove(pod.uid());
        let entry = Entry { pod, attempts: 0, refused_by: BTreeSet::new(), since: now, seq: 0, place: Place::Active };
        self.put(entry);
    }

    /// The pod was changed; if in a way that matters, it is tried again.
    pub fn update(&mut self, pod: Rc<PodInfo>, matters: bool, now: SimTime) {
        let Some(mut entry) = self.remove(pod.uid()) else { return };
        entry.pod = pod;
        if matters && entry.place == Place::Unschedulable {
            entry.place = woken(&entry, now);
        }
        self.put(entry);
    }

    pub fn remove(&mut self, uid: &str) -> Option<Entry> {
        let entry = self.entries.remove(uid)?;
        match entry.place {
            Place::Active => drop(self.active.remove(&(Reverse(entry.pod.priority()), entry.since, entry.seq))),
            Place::Backoff(until) => drop(self.backoff.remove(&(until, entry.seq))),
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
            Place::Active => {
                drop(self.active.insert((Reverse(entry.pod.priority()), entry.since, entry.seq), uid.clone()));
            }
            Place::Backoff(until) => drop(self.backoff.insert((until, entry.seq), uid.clone())),
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
        let mut entry = self.remove(&uid)?;
        entry.attempts += 1;
        Some(entry)
    }

    /// Puts back a pod that found no node.
    pub fn put_back(&mut self, mut entry: Entry, refused_by: BTreeSet<&'static str>, now: SimTime) {
        entry.since = now;
        entry.refused_by = refused_by;
        entry.place = Place::Unschedulable;
        self.put(entry);
    }

    /// Puts back a pod whose binding failed: it is tried again after its back-off.
    pub fn put_back_after_error(&mut self, mut entry: Entry, now: SimTime) {
        entry.since = now;
        entry.refused_by = BTreeSet::new();
        entry.place = Place::Backoff(now + backoff(entry.attempts));
        self.put(entry);
    }

    /// Wakes waiting pods for which `helps` says that they may fit now.
    pub fn wake(&mut self, now: SimTime, helps: impl Fn(&Entry) -> bool) {
        let waiting = self.unschedulable.iter().map(|(_, _, uid)| uid);
        let woken_ones: Vec<String> =
            waiting.filter(|uid| self.entries.get(*uid).is_some_and(&helps)).cloned().collect();
        for uid in woken_ones {
            self.wake_one(&uid, now);
        }
    }

    /// Wakes pods that have waited too long. Call when [`Queue::next_time`] has come.
    pub fn flush(&mut self, now: SimTime) {
        self.end_backoffs(now);
        while let Some((since, _, uid)) = self.unschedulable.first()
            && flush_time(*since) <= now
        {
            let uid = uid.clone();
            self.wake_one(&uid, now);
        }
    }

    fn wake_one(&mut self, uid: &str, now: SimTime) {
        let Some(mut entry) = self.remove(uid) else { return };
        entry.place = woken(&entry, now);
        self.put(entry);
    }

    fn end_backoffs(&mut self, now: SimTime) {
        while let Some(((until, _), uid)) = self.backoff.first_key_value()
            && *until <= now
        {
            let uid = uid.clone();
            let Some(mut entry) = self.remove(&uid) else { break };
            entry.place = Place::Active;
            self.put(entry);
        }
    }

    /// When something will be due although nothing happens.
    pub fn next_time(&self) -> Option<SimTime> {
        self.unschedulable.first().map(|(since, ..)| flush_time(*since))
    }
}

fn woken(entry: &Entry, now: SimTime) -> Place {
    let until = entry.since + backoff(entry.attempts);
    if until <= now { Place::Active } else { Place::Backoff(until) }
}

/// 1 s, 2 s, 4 s, 8 s, 10 s.
fn backoff(attempts: u32) -> Duration {
    BACKOFF_INITIAL.saturating_mul(1 << attempts.saturating_sub(1).min(4)).min(BACKOFF_MAX)
}

/// The first look at waiting pods that finds one too long there.
fn flush_time(since: SimTime) -> SimTime {
    let due = (since + UNSCHEDULABLE_MAX).as_nanos();
    let every = FLUSH_EVERY.as_nanos() as u64;
    SimTime::from_nanos((due / every + 1) * every)
}
