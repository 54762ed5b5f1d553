//! `status.phase`. Source: kubernetes `pkg/kubelet/kubelet_pods.go`, `getPhase`.

use k8s_openapi::api::core::v1::ContainerStatus;

use super::{init_containers, is_sidecar, last_terminated, restart::restarts_after, running, terminated, waiting};
use crate::api::{Container, Pod};

/// The phase by the containers' states. `statuses` holds init and regular containers. `pod_ends`: no
/// container will run any more. `initialized`: some regular container has started in this sandbox.
pub fn phase(pod: &Pod, statuses: &[ContainerStatus], pod_ends: bool, initialized: bool) -> &'static str {
    let Some(spec) = &pod.spec else { return "Pending" };
    let find = |name: &str| statuses.iter().find(|s| s.name == name);
    let comes_back = |container: &Container, code: i32, reason: Option<&str>, init: bool| {
        if reason == Some("RestartingAllContainers") {
            return true;
        }
        if init && container.restart_policy.is_none() {
            return spec.restart_policy.as_deref() != Some("Never");
        }
        restarts_after(container, spec, code)
    };

    let (mut pending_init, mut failed_init) = (0, 0);
    let (mut unknown, mut up, mut pending_sidecars, mut holding) = (0, 0, 0, 0);
    for container in init_containers(spec) {
        let status = find(&container.name);
        if is_sidecar(container) {
            match status {
                None => unknown += 1,
                Some(s) if running(s) => {
                    up += 1;
                    if s.started != Some(true) {
                        pending_sidecars += 1;
                    }
                }
                Some(s) if terminated(s).is_some() => {}
                Some(s) if waiting(s) => {
                    if last_terminated(s).is_none() {
                        pending_sidecars += 1;
                        holding += 1;
                    }
                }
                Some(_) => {
                    pending_sidecars += 1;
                    unknown += 1;
                }
            }
            continue;
        }
        match status {
            None => pending_init += 1,
            Some(s) if running(s) => pending_init += 1,
            Some(s) => match (terminated(s), waiting(s), last_terminated(s)) {
                (Some(end), ..) | (None, true, Some(end)) => {
                    if end.exit_code != 0 && !comes_back(container, end.exit_code, end.reason.as_deref(), true) {
                        failed_init += 1;
                    }
                }
                _ => pending_init += 1,
            },
        }
    }

    let (mut stopped, mut stopped_for_good, mut succeeded) = (0, 0, 0);
    for container in &spec.containers {
        let Some(s) = find(&container.name) else {
            unknown += 1;
            continue;
        };
        if running(s) {
            up += 1;
        } else if let Some(end) = terminated(s) {
            stopped += 1;
            if !comes_back(container, end.exit_code, end.reason.as_deref(), false) {
                stopped_for_good += 1;
            }
            if end.exit_code == 0 {
                succeeded += 1;
            }
        } else if waiting(s) {
            match last_terminated(s) {
                Some(end) => {
                    stopped += 1;
                    if !comes_back(container, end.exit_code, end.reason.as_deref(), false) {
                        stopped_for_good += 1;
                    }
                }
                None => holding += 1,
            }
        } else {
            unknown += 1;
        }
    }

    if failed_init > 0 {
        return "Failed";
    }
    if pending_init > 0 || (pending_sidecars > 0 && !initialized) || holding > 0 {
        return "Pending";
    }
    if up > 0 && unknown == 0 {
        return "Running";
    }
    if up == 0 && stopped > 0 && unknown == 0 {
        let verdict = if stopped == succeeded { "Succeeded" } else { "Failed" };
        if (pod_ends && !is_static(pod)) || stopped == stopped_for_good {
            return verdict;
        }
        return "Running";
    }
    "Pending"
}

/// From a file on its node rather than from the apiserver.
pub fn is_static(pod: &Pod) -> bool {
    let source = pod.metadata.annotations.as_ref().and_then(|a| a.get("kubernetes.io/config.source"));
    source.is_some_and(|source| source != "api")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{
        self, ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting,
    };

    use super::*;
    use crate::api::{PodSpec, SharedSpec};

    /// `run`, `exit N`, `wait`, `wait after N`, `none`.
    fn status(name: &str, text: &str) -> ContainerStatus {
        let ended = |code: &str| ContainerState {
            terminated: Some(ContainerStateTerminated {
                exit_code: code.parse().expect("a code"),
                ..ContainerStateTerminated::default()
            }),
            ..ContainerState::default()
        };
        let waits = || ContainerState { waiting: Some(ContainerStateWaiting::default()), ..ContainerState::default() };
        let (state, last) = match text {
            "run" => {
                let run = ContainerStateRunning::default();
                (ContainerState { running: Some(run), ..ContainerState::default() }, None)
            }
            "wait" => (waits(), None),
            "none" => (ContainerState::default(), None),
            _ => match text.strip_prefix("wait after ") {
                Some(code) => (waits(), Some(ended(code))),
                None => (ended(text.strip_prefix("exit ").expect("a state")), None),
            },
        };
        ContainerStatus {
            name: name.into(),
            state: Some(state),
            last_state: last,
            started: Some(true),
            ..ContainerStatus::default()
        }
    }

    #[test]
    fn phases() {
        // (policy, init, containers, the pod ends, phase)
        type Row = (&'static str, &'static [&'static str], &'static [&'static str], bool, &'static str);
        let table: &[Row] = &[
            ("Always", &[], &["run", "run"], false, "Running"),
            ("Always", &[], &["run", "exit 1"], false, "Running"),
            ("Always", &[], &["exit 0", "exit 0"], false, "Running"),
            ("Always", &[], &["exit 0", "exit 0"], true, "Succeeded"),
            ("Always", &[], &["exit 0", "exit 2"], true, "Failed"),
            ("Never", &[], &["exit 0", "exit 0"], false, "Succeeded"),
            ("Never", &[], &["exit 0", "exit 1"], false, "Failed"),
            ("Never", &[], &["run", "exit 1"], false, "Running"),
            ("OnFailure", &[], &["exit 0", "exit 1"], false, "Running"),
            ("OnFailure", &[], &["exit 0", "wait after 1"], false, "Running"),
            ("Always", &[], &["run", "wait"], false, "Pending"),
            ("Always", &[], &["run", "none"], false, "Pending"),
            ("Always", &["run"], &["wait"], false, "Pending"),
            ("Always", &["exit 1"], &["wait"], false, "Pending"),
            ("Never", &["exit 1"], &["wait"], false, "Failed"),
            ("Never", &["wait after 1"], &["wait"], false, "Failed"),
            ("Never", &["exit 0"], &["run"], false, "Running"),
        ];
        for (policy, inits, containers, ends, expected) in table {
            let named = |prefix: &str, states: &[&str]| -> Vec<(String, ContainerStatus)> {
                let name = |i: usize| format!("{prefix}{i}");
                states.iter().enumerate().map(|(i, s)| (name(i), status(&name(i), s))).collect()
            };
            let (inits, containers) = (named("i", inits), named("c", containers));
            let specs = |list: &[(String, ContainerStatus)]| {
                list.iter()
                    .map(|(n, _)| Container::from(v1::Container { name: n.clone(), ..v1::Container::default() }))
                    .collect::<Vec<_>>()
            };
            let spec = PodSpec::from(SharedSpec {
                restart_policy: Some((*policy).into()),
                init_containers: Some(specs(&inits)),
                containers: specs(&containers),
                ..SharedSpec::default()
            });
            let pod = Pod { spec: Some(spec.into()), ..Pod::default() };
            let statuses: Vec<_> = inits.iter().chain(&containers).map(|(_, s)| s.clone()).collect();
            assert_eq!(phase(&pod, &statuses, *ends, true), *expected, "{policy} {statuses:?} {ends}");
        }
    }
}
