//! A pod with scheduling gates isn't queued.

use super::Refusal;
use crate::api::Pod;

/// The gates that keep a pod from being scheduled.
pub fn gates(pod: &Pod) -> Vec<&str> {
    let gates = pod.spec.as_ref().and_then(|s| s.scheduling_gates.as_deref()).unwrap_or_default();
    gates.iter().map(|gate| gate.name.as_str()).collect()
}

/// Whether the pod may be queued.
pub fn check(pod: &Pod) -> Result<(), Refusal> {
    let gates = gates(pod);
    if gates.is_empty() {
        return Ok(());
    }
    let reason = format!("waiting for scheduling gates: [{}]", gates.join(" "));
    Err(Refusal { reasons: vec![reason.into()], unresolvable: true })
}
