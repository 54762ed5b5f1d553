//! What a pod's status says, as pure functions of its spec, of what the runtime knows, and of the
//! status before.
//!
//! Sources: kubernetes `pkg/kubelet/kubelet_pods.go`, `pkg/kubelet/status/`, `pkg/kubelet/container/helpers.go`.

pub mod conditions;
pub mod containers;
pub mod phase;
pub mod pod;
pub mod restart;

use std::rc::Rc;

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus},
    apimachinery::pkg::apis::meta::v1::Time,
};

use crate::api::{Container, Pod, PodSpec};

pub const UNKNOWN: &str = "ContainerStatusUnknown";
/// The state of a container that a restart of all has removed.
pub const RESTARTING_ALL: &str = "RestartingAllContainers";
pub const REMOVED: &str = "The container is removed because RestartAllContainers in place";
pub const NOT_LOCATED: &str = "The container could not be located when the pod was terminated";

/// What the container runtime knows of one instance of a container.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// `containerd://<64 hex>`.
    pub id: String,
    pub name: String,
    /// The image as the runtime names it: `docker.io/library/nginx:1.27`.
    pub image: Rc<str>,
    pub image_id: Rc<str>,
    pub state: RecordState,
    pub created_at: Timestamp,
    /// `None` if it never ran (StartError).
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub exit_code: i32,
    pub reason: String,
    pub message: String,
    pub restart_count: i32,
    /// Of what the container was made from; another one means that its definition has changed.
    pub hash: u64,
    /// uid, gid, supplemental groups.
    pub user: Option<(i64, i64, Vec<i64>)>,
    /// It belongs to a sandbox before the newest.
    pub stale: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordState {
    #[default]
    Created,
    Running,
    Exited,
    Unknown,
}

/// What the runtime knows of a pod.
#[derive(Clone, Debug, Default)]
pub struct Runtime {
    /// The newest sandbox.
    pub sandbox: Option<SandboxRecord>,
    /// Newest first.
    pub containers: Vec<Record>,
}

#[derive(Clone, Debug, Default)]
pub struct SandboxRecord {
    pub id: Rc<str>,
    pub ready: bool,
    /// Empty for the host's network.
    pub ips: Vec<String>,
    pub attempt: u32,
}

impl Runtime {
    /// The newest instance of a container.
    pub fn find(&self, name: &str) -> Option<&Record> {
        self.containers.iter().find(|c| c.name == name)
    }

    /// Whether a regular container has started in the newest sandbox
    /// (`HasAnyActiveRegularContainerStarted`).
    pub fn any_active_regular(&self, spec: &PodSpec) -> bool {
        spec.containers.iter().any(|c| self.containers.iter().any(|r| r.name == c.name && !r.stale))
    }
}

/// A sidecar: an init container with restartPolicy Always.
pub fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

pub fn init_containers(spec: &PodSpec) -> &[Container] {
    spec.init_containers.as_deref().unwrap_or_default()
}

pub fn is_terminal(phase: Option<&str>) -> bool {
    matches!(phase, Some("Succeeded" | "Failed"))
}

pub(crate) fn waiting(status: &ContainerStatus) -> bool {
    status.state.as_ref().is_some_and(|s| s.waiting.is_some())
}

pub(crate) fn running(status: &ContainerStatus) -> bool {
    status.state.as_ref().is_some_and(|s| s.running.is_some())
}

pub(crate) fn terminated(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.state.as_ref()?.terminated.as_ref()
}

pub(crate) fn last_terminated(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.last_state.as_ref()?.terminated.as_ref()
}

/// A container whose end nobody saw.
pub(crate) fn vanished(reason: &str, message: &str) -> ContainerState {
    ContainerState {
        terminated: Some(ContainerStateTerminated {
            exit_code: 137,
            reason: Some(reason.into()),
            message: Some(message.into()),
            ..ContainerStateTerminated::default()
        }),
        ..ContainerState::default()
    }
}

pub(crate) fn time(at: Timestamp) -> Time {
    crate::apiserver::whole_seconds(at)
}

/// Whether all regular init containers have done their work, by what the status says
/// (`hasPodInitialized`).
pub fn has_initialized(pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return true };
    let Some(last) = init_containers(spec).last() else { return true };
    let Some(status) = &pod.status else { return false };
    let moved = |s: &ContainerStatus| last_terminated(s).is_some() || !waiting(s);
    if status.container_statuses.iter().flatten().any(moved) {
        return true;
    }
    let Some(s) = status.init_container_statuses.iter().flatten().find(|s| s.name == last.name) else { return false };
    if is_sidecar(last) {
        return running(s) && s.started == Some(true);
    }
    terminated(s).is_some_and(|t| t.exit_code == 0) || last_terminated(s).is_some_and(|t| t.exit_code == 0)
}
