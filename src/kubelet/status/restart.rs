//! Whether a container that has ended is started again.
//! Source: kubernetes `pkg/kubelet/container/helpers.go`, `pkg/api/v1/pod/util.go`.

use k8s_openapi::api::core::v1::{PodCondition, PodStatus};

use super::{RecordState, Runtime, is_sidecar};
pub use crate::api::restart::{is_restartable, matching_rule, may_restart_all, restarts_after};
use crate::api::{Container, Pod, PodSpec};

/// Whether an exit with this code calls for a restart of the whole pod in place.
pub fn calls_for_all(container: &Container, exit_code: i32) -> bool {
    matching_rule(container, exit_code).is_some_and(|rule| rule.action == "RestartAllContainers")
}

/// `ShouldAllContainersRestart`: a restart of all goes on, or the runtime or the last status `told` call
/// for one.
pub fn restarts_all(spec: &PodSpec, runtime: &Runtime, told: &PodStatus) -> bool {
    let goes_on = |c: &PodCondition| c.type_ == super::conditions::ALL_RESTARTING && c.status == "True";
    if told.conditions.iter().flatten().any(goes_on) {
        return true;
    }
    if !may_restart_all(spec) {
        return false;
    }
    let told = |name: &str| {
        let all = told.init_container_statuses.iter().flatten().chain(told.container_statuses.iter().flatten());
        all.filter(|s| s.name == name).find_map(|s| super::terminated(s)).map(|end| end.exit_code)
    };
    super::init_containers(spec).iter().chain(&spec.containers).any(|container| {
        let record = runtime.find(&container.name).filter(|r| r.state == RecordState::Exited);
        // Where the runtime has no dead container, the status isn't asked either.
        record.is_some_and(|r| {
            calls_for_all(container, r.exit_code)
                || told(&container.name).is_some_and(|code| calls_for_all(container, code))
        })
    })
}

/// `AllContainersRestartCleanedUp`: the runtime has none of the pod's containers left.
pub fn is_cleaned_up(spec: &PodSpec, runtime: &Runtime) -> bool {
    super::init_containers(spec).iter().chain(&spec.containers).all(|c| runtime.find(&c.name).is_none())
}

/// `ShouldContainerBeRestarted`: whether the next sync starts it.
pub fn starts_next(container: &Container, pod: &Pod, runtime: &Runtime) -> bool {
    if pod.metadata.deletion_timestamp.is_some() {
        return false;
    }
    let Some(spec) = &pod.spec else { return false };
    let Some(record) = runtime.find(&container.name) else { return true };
    match record.state {
        RecordState::Running => false,
        RecordState::Created | RecordState::Unknown => true,
        RecordState::Exited => {
            let init = super::init_containers(spec).iter().any(|c| c.name == container.name);
            if init && !is_sidecar(container) && container.restart_policy.is_none() {
                // A regular init container is done at 0; else only Never keeps it from another try.
                return record.exit_code != 0 && spec.restart_policy.as_deref() != Some("Never");
            }
            restarts_after(container, spec, record.exit_code)
        }
    }
}
