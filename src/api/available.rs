//! Whether a pod counts as available (`pkg/api/v1/pod/util.go`).

use jiff::{SignedDuration, Timestamp};

use super::pod::Pod;

/// Ready, and for at least `min_ready` seconds.
pub fn is_available(pod: &Pod, min_ready: i32, now: Timestamp) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let Some(ready) = conditions.filter(|c| c.type_ == "Ready").find(|c| c.status == "True") else { return false };
    let wait = SignedDuration::from_secs(i64::from(min_ready));
    min_ready == 0 || ready.last_transition_time.as_ref().is_some_and(|since| now.duration_since(since.0) >= wait)
}
