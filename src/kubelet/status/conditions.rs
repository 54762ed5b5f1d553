//! The conditions that the kubelet owns. Source: kubernetes `pkg/kubelet/status/generate.go`.

use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition, PodStatus};

use super::{Runtime, init_containers, is_sidecar, restart, running, terminated};
use crate::api::PodSpec;

pub const ALL_RESTARTING: &str = "AllContainersRestarting";

pub const RESIZE_PENDING: &str = "PodResizePending";
pub const RESIZE_IN_PROGRESS: &str = "PodResizeInProgress";

pub const OWNED: [&str; 8] = [
    RESIZE_PENDING,
    RESIZE_IN_PROGRESS,
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
    ALL_RESTARTING,
];

fn condition(kind: &str, status: bool, reason: &str, message: String) -> PodCondition {
    PodCondition {
        type_: kind.into(),
        status: if status { "True" } else { "False" }.into(),
        reason: (!reason.is_empty()).then(|| reason.into()),
        message: (!message.is_empty()).then_some(message),
        ..PodCondition::default()
    }
}

/// True while the newest sandbox is up and has a network.
pub fn ready_to_start(runtime: &Runtime, host_network: bool) -> PodCondition {
    let ready = runtime.sandbox.as_ref().is_some_and(|s| s.ready && (host_network || !s.ips.is_empty()));
    condition("PodReadyToStartContainers", ready, "", String::new())
}

/// `GeneratePodInitializedCondition`; `statuses` holds init and regular containers, `was` the old condition.
pub fn initialized(spec: &PodSpec, statuses: Option<&[ContainerStatus]>, phase: &str, was: bool) -> PodCondition {
    const KIND: &str = "Initialized";
    if statuses.is_none() && !init_containers(spec).is_empty() {
        return condition(KIND, false, "UnknownContainerStatuses", String::new());
    }
    let statuses = statuses.unwrap_or_default();
    if was && super::restart::may_restart_all(spec) && phase != "Succeeded" {
        return condition(KIND, true, "", String::new());
    }
    let (mut unknown, mut incomplete) = (Vec::new(), Vec::new());
    for container in init_containers(spec) {
        match statuses.iter().find(|s| s.name == container.name) {
            None => unknown.push(container.name.as_str()),
            Some(s) if is_sidecar(container) => {
                if s.started != Some(true) {
                    incomplete.push(container.name.as_str());
                }
            }
            Some(s) => {
                if !s.ready {
                    incomplete.push(container.name.as_str());
                }
            }
        }
    }
    if phase == "Succeeded" && unknown.is_empty() {
        return condition(KIND, true, "PodCompleted", String::new());
    }
    // Once a regular container has started, its pod has been initialised.
    if any_regular_started(spec, statuses) {
        return condition(KIND, true, "", String::new());
    }
    let message = unready_message(&unknown, "incomplete", &incomplete);
    if message.is_empty() {
        return condition(KIND, true, "", message);
    }
    condition(KIND, false, "ContainersNotInitialized", message)
}

/// `HasAnyRegularContainerStarted`: a regular container runs or has ended.
pub fn any_regular_started(spec: &PodSpec, statuses: &[ContainerStatus]) -> bool {
    let started = |s: &&ContainerStatus| running(s) || terminated(s).is_some();
    statuses.iter().filter(started).any(|s| spec.containers.iter().any(|c| c.name == s.name))
}

fn unready_message(unknown: &[&str], word: &str, unready: &[&str]) -> String {
    let mut parts = Vec::new();
    if !unknown.is_empty() {
        parts.push(format!("containers with unknown status: [{}]", unknown.join(" ")));
    }
    if !unready.is_empty() {
        parts.push(format!("containers with {word} status: [{}]", unready.join(" ")));
    }
    parts.join(", ")
}

/// `GenerateContainersReadyCondition`.
pub fn containers_ready(spec: &PodSpec, statuses: Option<&[ContainerStatus]>, phase: &str) -> PodCondition {
    const KIND: &str = "ContainersReady";
    let Some(statuses) = statuses else {
        return condition(KIND, false, "UnknownContainerStatuses", String::new());
    };
    let (mut unknown, mut unready) = (Vec::new(), Vec::new());
    let sidecars = init_containers(spec).iter().filter(|c| is_sidecar(c));
    for container in sidecars.chain(&spec.containers) {
        match statuses.iter().find(|s| s.name == container.name) {
            None => unknown.push(container.name.as_str()),
            Some(s) if !s.ready => unready.push(container.name.as_str()),
            Some(_) => {}
        }
    }
    if phase == "Succeeded" && unknown.is_empty() {
        return condition(KIND, false, "PodCompleted", String::new());
    }
    if phase == "Failed" {
        return condition(KIND, false, "PodFailed", String::new());
    }
    let message = unready_message(&unknown, "unready", &unready);
    if message.is_empty() {
        return condition(KIND, true, "", message);
    }
    condition(KIND, false, "ContainersNotReady", message)
}

/// `GeneratePodReadyCondition`: containers ready, and every readiness gate True among `all`.
pub fn ready(spec: &PodSpec, all: &[PodCondition], containers_ready: &PodCondition) -> PodCondition {
    if containers_ready.status != "True" {
        return PodCondition { type_: "Ready".into(), ..containers_ready.clone() };
    }
    let mut missing = Vec::new();
    for gate in spec.readiness_gates.iter().flatten() {
        let kind = &gate.condition_type;
        match all.iter().find(|c| c.type_ == *kind) {
            None => missing.push(format!("corresponding condition of pod readiness gate \"{kind}\" does not exist.")),
            Some(c) if c.status != "True" => {
                missing.push(format!("the status of pod readiness gate \"{kind}\" is not \"True\", but {}", c.status));
            }
            Some(_) => {}
        }
    }
    if missing.is_empty() {
        return condition("Ready", true, "", String::new());
    }
    condition("Ready", false, "ReadinessGatesNotReady", missing.join(", "))
}

pub fn scheduled() -> PodCondition {
    condition("PodScheduled", true, "", String::new())
}

/// Written only for pods that a rule may restart as a whole.
pub fn all_restarting(spec: &PodSpec, runtime: &Runtime, told: &PodStatus, phase: &str) -> PodCondition {
    const KIND: &str = ALL_RESTARTING;
    match phase {
        "Succeeded" => condition(KIND, false, "PodCompleted", String::new()),
        "Failed" => condition(KIND, false, "PodFailed", String::new()),
        _ if restart::restarts_all(spec, runtime, told) && !restart::is_cleaned_up(spec, runtime) => {
            condition(KIND, true, "RestartAllContainersStarted", "container exited with restart policy rule".into())
        }
        _ => condition(KIND, false, "", String::new()),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{self, PodReadinessGate};

    use super::*;
    use crate::api::{Container, SharedSpec};

    fn spec(containers: &[&str]) -> PodSpec {
        let named = |n: &&str| Container::from(v1::Container { name: (*n).into(), ..v1::Container::default() });
        SharedSpec { containers: containers.iter().map(named).collect(), ..SharedSpec::default() }.into()
    }

    fn status(name: &str, ready: bool) -> ContainerStatus {
        ContainerStatus { name: name.into(), ready, ..ContainerStatus::default() }
    }

    fn show(c: &PodCondition) -> String {
        let text = |t: &Option<String>| t.clone().unwrap_or_default();
        format!("{}={} {} | {}", c.type_, c.status, text(&c.reason), text(&c.message))
    }

    #[test]
    fn readiness_of_containers() {
        let table = [
            (vec![], "Running", "ContainersReady=False ContainersNotReady | containers with unknown status: [a b]"),
            (
                vec![status("a", false)],
                "Running",
                "ContainersReady=False ContainersNotReady | containers with unknown status: [b], containers with unready \
                 status: [a]",
            ),
            (vec![status("a", true), status("b", true)], "Running", "ContainersReady=True  | "),
            (vec![status("a", false), status("b", false)], "Succeeded", "ContainersReady=False PodCompleted | "),
            (vec![status("a", false), status("b", false)], "Failed", "ContainersReady=False PodFailed | "),
        ];
        for (statuses, phase, expected) in table {
            assert_eq!(show(&containers_ready(&spec(&["a", "b"]), Some(&statuses), phase)), expected);
        }
        let unknown = containers_ready(&spec(&["a"]), None, "Running");
        assert_eq!(show(&unknown), "ContainersReady=False UnknownContainerStatuses | ");
    }

    #[test]
    fn gates_hold_readiness_back() {
        let mut spec = spec(&["a"]);
        spec.readiness_gates = Some(["x", "y"].map(|g| PodReadinessGate { condition_type: g.into() }).to_vec());
        let all_up = containers_ready(&spec, Some(&[status("a", true)]), "Running");
        let y = condition("y", false, "", String::new());
        let expected = "Ready=False ReadinessGatesNotReady | corresponding condition of pod readiness gate \"x\" does not \
                        exist., the status of pod readiness gate \"y\" is not \"True\", but False";
        assert_eq!(show(&ready(&spec, &[y], &all_up)), expected);
    }
}
