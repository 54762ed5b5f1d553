//! How long a Job waits before it replaces a pod that failed: 10 s, and twice as long after each further one.

use std::rc::Rc;

use crate::api::Pod;

const FIRST: i64 = 10;
const LONGEST: i64 = 600;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backoff {
    /// Since the last success.
    failures: u32,
    /// The second of the last failure.
    last: Option<i64>,
}

/// The second in which the last of a pod's containers ended.
pub fn ended(pod: &Pod) -> Option<i64> {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let times = statuses.filter_map(|status| status.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref());
    let ended = times.map(|time| time.0.as_second()).max();
    let ready = pod.status.iter().flat_map(|status| status.conditions.iter().flatten()).find(|c| c.type_ == "Ready");
    ended
        .or_else(|| ready?.last_transition_time.as_ref().map(|time| time.0.as_second()))
        .or_else(|| pod.metadata.deletion_timestamp.as_ref().map(|time| time.0.as_second()))
        .or_else(|| pod.metadata.creation_timestamp.as_ref().map(|time| time.0.as_second()))
}

impl Backoff {
    /// With pods that have ended since.
    pub fn after(mut self, succeeded: &[Rc<Pod>], failed: &[Rc<Pod>]) -> Backoff {
        let success = succeeded.iter().filter_map(|pod| ended(pod)).max();
        if success.is_some_and(|success| self.last.is_none_or(|last| last < success)) {
            self = Backoff::default();
        }
        for time in failed.iter().filter_map(|pod| ended(pod)) {
            if success.is_none_or(|success| time > success) {
                self.failures += 1;
                self.last = Some(self.last.map_or(time, |last| last.max(time)));
            }
        }
        self
    }

    /// The second at which the next pod may be made; `None` if there is no need to wait.
    pub fn until(&self) -> Option<i64> {
        (self.failures > 0).then(|| self.last.unwrap_or(0) + wait(self.failures))
    }
}

/// Seconds to wait after so many failures.
pub fn wait(failures: u32) -> i64 {
    FIRST.saturating_mul(1 << (failures - 1).min(10)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_ten_minutes() {
        let waits: Vec<i64> = (1..=8).map(wait).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(Backoff::default().until(), None);
    }
}
