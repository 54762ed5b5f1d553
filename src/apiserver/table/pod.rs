//! A pod's row.

use k8s_openapi::{api::core::v1::ContainerStatus, jiff::Timestamp};

use super::{age, elapsed};
use crate::api::{Container, Pod};

/// What the walk over the containers finds.
struct Summary {
    reason: String,
    ready: usize,
    total: usize,
    restarts: i32,
    last_restart: Option<Timestamp>,
}

/// The STATUS column: `Running`, `Init:1/2`, `CrashLoopBackOff`, `Terminating`, …
pub fn status(pod: &Pod) -> String {
    summary(pod).reason
}

/// The READY column: ready containers, and containers that should be.
pub fn ready_counts(pod: &Pod) -> (usize, usize) {
    let summary = summary(pod);
    (summary.ready, summary.total)
}

pub(super) fn row(pod: &Pod, now: Timestamp) -> Vec<String> {
    let summary = summary(pod);
    let restarts = match summary.last_restart {
        Some(at) if summary.restarts != 0 => format!("{} ({} ago)", summary.restarts, elapsed(at, now)),
        _ => summary.restarts.to_string(),
    };
    let spec = pod.spec.as_ref();
    let status = pod.status.as_ref();
    let or_none = |text: Option<&String>| match text.map(String::as_str) {
        None | Some("") => "<none>".to_string(),
        Some(text) => text.to_string(),
    };
    let first_ip = status.and_then(|s| s.pod_ips.as_ref()?.first()).map(|ip| &ip.ip);
    vec![
        pod.metadata.name.clone().unwrap_or_default(),
        format!("{}/{}", summary.ready, summary.total),
        summary.reason,
        restarts,
        age(&pod.metadata, now),
        or_none(first_ip.or_else(|| status.and_then(|s| s.pod_ip.as_ref()))),
        or_none(spec.and_then(|s| s.node_name.as_ref())),
        or_none(status.and_then(|s| s.nominated_node_name.as_ref())),
        readiness_gates(pod),
    ]
}

fn readiness_gates(pod: &Pod) -> String {
    let gates = pod.spec.as_ref().and_then(|s| s.readiness_gates.as_deref()).unwrap_or_default();
    if gates.is_empty() {
        return "<none>".into();
    }
    let met = gates.iter().filter(|gate| condition(pod, &gate.condition_type)).count();
    format!("{met}/{}", gates.len())
}

fn condition(pod: &Pod, kind: &str) -> bool {
    let mut conditions = pod.status.iter().flat_map(|s| s.conditions.iter().flatten());
    conditions.any(|c| c.type_ == kind && c.status == "True")
}

fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn summary(pod: &Pod) -> Summary {
    let status = pod.status.as_ref();
    let phase = status.and_then(|s| s.phase.as_deref()).unwrap_or_default();
    let own_reason = status.and_then(|s| s.reason.as_deref()).unwrap_or_default();
    let gated = status.iter().flat_map(|s| s.conditions.iter().flatten());
    let gated = gated.filter(|c| c.type_ == "PodScheduled").any(|c| c.reason.as_deref() == Some("SchedulingGated"));
    let init = pod.spec.as_ref().and_then(|s| s.init_containers.as_deref()).unwrap_or_default();
    let regular = pod.spec.as_ref().map_or(0, |s| s.containers.len());
    let mut summary = Summary {
        reason: match (gated, own_reason) {
            (true, _) => "SchedulingGated".into(),
            (false, "") => phase.into(),
            (false, reason) => reason.into(),
        },
        ready: 0,
        total: regular + init.iter().filter(|c| is_sidecar(c)).count(),
        restarts: 0,
        last_restart: None,
    };
    let sidecars = walk_init(pod, init, &mut summary);
    if let Some((restarts, last)) = sidecars {
        summary.restarts = restarts;
        summary.last_restart = last;
        walk_regular(pod, &mut summary);
    }
    if pod.metadata.deletion_timestamp.is_some() {
        if own_reason == "NodeLost" {
            summary.reason = "Unknown".into();
        } else if !matches!(phase, "Succeeded" | "Failed") {
            summary.reason = "Terminating".into();
        }
    }
    summary
}

/// Walks the init containers up to the first unfinished one. Returns the sidecars' restarts if the
/// regular containers count too: none is unfinished, or the pod was initialised once.
fn walk_init(pod: &Pod, init: &[Container], summary: &mut Summary) -> Option<(i32, Option<Timestamp>)> {
    let statuses = pod.status.as_ref().and_then(|s| s.init_container_statuses.as_deref()).unwrap_or_default();
    let (mut sidecar_restarts, mut sidecar_last) = (0, None);
    let mut initializing = false;
    for (index, status) in statuses.iter().enumerate() {
        let sidecar = init.iter().any(|c| c.name == status.name && is_sidecar(c));
        let finished = last_finished(status);
        summary.restarts += status.restart_count;
        summary.last_restart = summary.last_restart.max(finished);
        if sidecar {
            sidecar_restarts += status.restart_count;
            sidecar_last = sidecar_last.max(finished);
        }
        let state = status.state.clone().unwrap_or_default();
        match (&state.terminated, &state.waiting) {
            (Some(end), _) if end.exit_code == 0 => continue,
            _ if sidecar && status.started == Some(true) => {
                summary.ready += usize::from(status.ready);
                continue;
            }
            (Some(_), _) => summary.reason = format!("Init:{}", end_reason(status)),
            (None, Some(waiting)) if !matches!(waiting.reason.as_deref(), None | Some("" | "PodInitializing")) => {
                summary.reason = format!("Init:{}", waiting.reason.as_deref().unwrap_or_default());
            }
            _ => summary.reason = format!("Init:{index}/{}", init.len()),
        }
        initializing = true;
        break;
    }
    (!initializing || condition(pod, "Initialized")).then_some((sidecar_restarts, sidecar_last))
}

/// From the last container to the first, so that the first one's state is the pod's.
fn walk_regular(pod: &Pod, summary: &mut Summary) {
    let statuses = pod.status.as_ref().and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
    let (mut running, mut error) = (false, None);
    for status in statuses.iter().rev() {
        summary.restarts += status.restart_count;
        summary.last_restart = summary.last_restart.max(last_finished(status));
        let state = status.state.clone().unwrap_or_default();
        let waiting = state.waiting.and_then(|w| w.reason).filter(|reason| !reason.is_empty());
        if let Some(reason) = waiting {
            summary.reason = reason;
        } else if let Some(end) = state.terminated {
            summary.reason = end_reason(status);
            if end.exit_code != 0 {
                error = Some(summary.reason.clone());
            }
        } else if status.ready && state.running.is_some() {
            running = true;
            summary.ready += 1;
        }
    }
    if summary.reason == "Completed" {
        if running && condition(pod, "Ready") {
            summary.reason = "Running".into();
        } else if let Some(error) = error {
            summary.reason = error;
        } else if running {
            summary.reason = "NotReady".into();
        }
    }
}

/// `Error`, `Signal:9`, `ExitCode:1`.
fn end_reason(status: &ContainerStatus) -> String {
    let Some(end) = status.state.as_ref().and_then(|s| s.terminated.as_ref()) else { return String::new() };
    match (end.reason.as_deref().unwrap_or_default(), end.signal.unwrap_or(0)) {
        ("", 0) => format!("ExitCode:{}", end.exit_code),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.into(),
    }
}

fn last_finished(status: &ContainerStatus) -> Option<Timestamp> {
    let end = status.last_state.as_ref()?.terminated.as_ref()?;
    end.finished_at.as_ref().map(|time| time.0)
}
