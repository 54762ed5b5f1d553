//! Whether a container that has ended is started again.
//! Source: kubernetes `pkg/kubelet/container/helpers.go`, `pkg/api/v1/pod/util.go`.

use k8s_openapi::api::core::v1::{Container, Pod};

use super::{RecordState, Runtime, is_sidecar};
pub use crate::api::restart::{is_restartable, matching_rule, may_restart_all, restarts_after};

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
