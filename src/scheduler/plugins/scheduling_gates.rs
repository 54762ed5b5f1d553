//! A pod with scheduling gates isn't queued.

use k8s_openapi::api::core::v1::Pod;

/// The gates that keep a pod from being scheduled.
pub fn gates(pod: &Pod) -> Vec<&str> {
    let gates = pod.spec.as_ref().and_then(|s| s.scheduling_gates.as_deref()).unwrap_or_default();
    gates.iter().map(|gate| gate.name.as_str()).collect()
}
