//! Exponential back-off per key. Source: client-go `util/flowcontrol/backoff.go`.

use std::{collections::BTreeMap, time::Duration};

use crate::sim::SimTime;

pub const INITIAL: Duration = Duration::from_secs(10);
pub const MAX: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug)]
struct Entry {
    wait: Duration,
    updated: SimTime,
}

/// Back-offs of one kind: doubling up to a limit, forgotten after twice that without a step.
#[derive(Debug)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    entries: BTreeMap<String, Entry>,
}

impl Default for Backoff {
    /// 10 s up to 300 s, as containers and images have it.
    fn default() -> Backoff {
        Backoff::new(INITIAL, MAX)
    }
}

impl Backoff {
    pub fn new(initial: Duration, max: Duration) -> Backoff {
        Backoff { initial, max, entries: BTreeMap::new() }
    }

    fn live(&self, key: &str, event: SimTime) -> Option<Entry> {
        self.entries.get(key).copied().filter(|entry| event.since(entry.updated) <= 2 * self.max)
    }

    /// The present wait of a key.
    pub fn wait(&self, key: &str) -> Duration {
        self.entries.get(key).map_or(Duration::ZERO, |entry| entry.wait)
    }

    /// Whether less than the wait has passed since `event`.
    pub fn holds_since(&self, key: &str, event: SimTime, now: SimTime) -> bool {
        self.live(key, event).is_some_and(|entry| now.since(event) < entry.wait)
    }

    /// Whether less than the wait has passed since the last step.
    pub fn holds(&self, key: &str, now: SimTime) -> bool {
        self.live(key, now).is_some_and(|entry| now.since(entry.updated) < entry.wait)
    }

    /// Whether a container that ended at `finished` has to wait before it is started again; if it
    /// hasn't, its next wait is longer (`doBackOff`).
    pub fn restarts_late(&mut self, key: &str, finished: SimTime, now: SimTime) -> bool {
        let late = self.holds_since(key, finished, now);
        if !late {
            self.step(key, finished, now);
        }
        late
    }

    /// When the present wait ends, and how long it is.
    pub fn ends(&self, key: &str) -> Option<(SimTime, Duration)> {
        self.entries.get(key).map(|entry| (entry.updated + entry.wait, entry.wait))
    }

    /// A step: the next time takes twice as long.
    pub fn step(&mut self, key: &str, event: SimTime, now: SimTime) {
        let wait = self.live(key, event).map_or(self.initial, |entry| (entry.wait * 2).min(self.max));
        self.entries.insert(key.to_string(), Entry { wait, updated: now });
    }

    pub fn forget(&mut self, key: &str) {
        self.entries.remove(key);
    }
}

/// A duration as Go prints it: `10s`, `1m20s`, `1.234s`, `350ms`.
pub fn go_duration(d: Duration) -> String {
    let nanos = d.as_nanos();
    if nanos == 0 {
        return "0s".into();
    }
    let fraction = |value: u128, unit: u128| {
        let (whole, rest) = (value / unit, value % unit);
        if rest == 0 {
            return whole.to_string();
        }
        let digits = unit.ilog10() as usize;
        let text = format!("{whole}.{rest:0digits$}");
        text.trim_end_matches('0').to_string()
    };
    match nanos {
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(nanos, 1_000_000)),
        _ => {
            let secs = nanos / 1_000_000_000;
            let (hours, minutes) = (secs / 3600, secs / 60 % 60);
            let rest = fraction(nanos % 60_000_000_000, 1_000_000_000);
            match (hours, minutes) {
                (0, 0) => format!("{rest}s"),
                (0, m) => format!("{m}m{rest}s"),
                (h, m) => format!("{h}h{m}m{rest}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations() {
        let table = [
            (0, "0s"),
            (1_500, "1.5µs"),
            (350_000_000, "350ms"),
            (1_234_000_000, "1.234s"),
            (10_000_000_000, "10s"),
            (80_000_000_000, "1m20s"),
            (300_000_000_000, "5m0s"),
            (3_661_500_000_000, "1h1m1.5s"),
        ];
        for (nanos, expected) in table {
            assert_eq!(go_duration(Duration::from_nanos(nanos)), expected);
        }
    }

    #[test]
    fn waits_double_and_are_forgotten() {
        let at = |secs: u64| SimTime::from_nanos(secs * 1_000_000_000);
        let mut backoff = Backoff::default();
        assert!(!backoff.holds_since("k", at(0), at(0)));
        let mut waits = Vec::new();
        for _ in 0..7 {
            backoff.step("k", at(1), at(1));
            waits.push(backoff.wait("k").as_secs());
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
        assert!(backoff.holds_since("k", at(5), at(304)));
        assert!(!backoff.holds_since("k", at(5), at(305)));
        backoff.step("k", at(700), at(700));
        assert_eq!(backoff.wait("k").as_secs(), 10);
    }
}
