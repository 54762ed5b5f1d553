//! Container statuses. Source: kubernetes `pkg/kubelet/kubelet_pods.go`, `convertToAPIContainerStatuses`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStateWaiting, ContainerStatus,
    ContainerUser, LinuxContainerUser, ResourceRequirements, VolumeMount, VolumeMountStatus,
};

use super::{NOT_LOCATED, Record, RecordState, Runtime, UNKNOWN, is_sidecar, restart, terminated, time, vanished};
use crate::api::{Container, Pod};

const INIT_VANISHED: &str = "Unable to get init container status from container runtime and pod has been initialized, \
                             treat it as exited normally";

/// Why the last attempt to start a container failed: reason, message. By container's name.
pub type Reasons = BTreeMap<String, (String, String)>;

/// Statuses of `containers` (the pod's init or regular ones), in the order that the API shows.
#[allow(clippy::too_many_arguments)] // what a status is made of
pub fn statuses(
    pod: &Pod,
    runtime: &Runtime,
    old: &[ContainerStatus],
    containers: &[Container],
    init: bool,
    reasons: &Reasons,
    restarting_all: bool,
    now: Timestamp,
) -> Vec<ContainerStatus> {
    let has_init = pod.spec.as_ref().is_some_and(|spec| !super::init_containers(spec).is_empty());
    let default_reason = if has_init { "PodInitializing" } else { "ContainerCreating" };
    let mut statuses: Vec<ContainerStatus> = containers
        .iter()
        .map(|container| {
            let old = old.iter().find(|s| s.name == container.name);
            one(pod, container, runtime, old, init, default_reason, reasons, restarting_all, now)
        })
        .collect();
    if !init {
        statuses.sort_by(|a, b| a.name.cmp(&b.name));
    }
    statuses
}

#[allow(clippy::too_many_arguments)] // one step of the loop above, not an interface
fn one(
    pod: &Pod,
    container: &Container,
    runtime: &Runtime,
    old: Option<&ContainerStatus>,
    init: bool,
    default_reason: &str,
    reasons: &Reasons,
    restarting_all: bool,
    now: Timestamp,
) -> ContainerStatus {
    let mut records = runtime.containers.iter().filter(|r| r.name == container.name);
    let mut status = match records.next() {
        Some(record) => {
            let mut status = from_record(record, old, restarting_all, now);
            if let Some(previous) = records.next() {
                status.last_state = from_record(previous, old, restarting_all, now).state;
            }
            status.resources = Some(container.resources.clone().unwrap_or_default());
            let requests = |r: &ResourceRequirements| r.requests.clone();
            status.allocated_resources = container.resources.as_ref().and_then(requests);
            status
        }
        None => without_record(pod, container, old, default_reason, restarting_all),
    };
    status.volume_mounts = mounts(container);

    let record = runtime.find(&container.name);
    let regular_init = init && !is_sidecar(container);
    let done = init && record.is_some_and(|r| r.state == RecordState::Exited && r.exit_code == 0);
    let begun = || pod.spec.iter().flat_map(|s| &s.containers).any(|c| runtime.find(&c.name).is_some());
    if regular_init && record.is_none() && super::waiting(&status) && begun() {
        let ended = ContainerStateTerminated {
            reason: Some("Completed".into()),
            message: Some(INIT_VANISHED.into()),
            ..ContainerStateTerminated::default()
        };
        status.state = Some(ContainerState { terminated: Some(ended), ..ContainerState::default() });
    } else if !done
        && restart::starts_next(container, pod, runtime)
        && let Some((reason, message)) = reasons.get(&container.name)
    {
        if status.state.as_ref().is_some_and(|s| s.terminated.is_some()) {
            status.last_state = status.state.take();
        }
        status.state = Some(waits(reason, message));
    }
    status
}

/// A container of which the runtime has nothing: not started yet, or gone.
fn without_record(
    pod: &Pod,
    container: &Container,
    old: Option<&ContainerStatus>,
    default_reason: &str,
    restarting_all: bool,
) -> ContainerStatus {
    if let Some(old) = old
        && restarting_all
        && !super::waiting(old)
    {
        return ContainerStatus {
            state: Some(waits(super::RESTARTING_ALL, super::REMOVED)),
            last_state: Some(vanished(super::RESTARTING_ALL, super::REMOVED)),
            restart_count: old.restart_count + 1,
            ready: false,
            started: Some(false),
            ..if terminated(old).is_some() { old.clone() } else { blank(container) }
        };
    }
    if let Some(old) = old
        && terminated(old).is_some()
    {
        return old.clone();
    }
    let mut status = ContainerStatus { state: Some(waits(default_reason, "")), ..blank(container) };
    let Some(old) = old else { return status };
    status.restart_count = old.restart_count;
    status.last_state.clone_from(&old.last_state);
    let was_running = old.state.as_ref().is_some_and(|s| s.running.is_some());
    if was_running && super::last_terminated(old).is_none() {
        status.last_state = Some(vanished(
            UNKNOWN,
            "The container could not be located when the pod was deleted.  The container used to be Running",
        ));
        if pod.metadata.deletion_timestamp.is_none() {
            status.restart_count += 1;
        }
    }
    status
}

fn blank(container: &Container) -> ContainerStatus {
    ContainerStatus {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        started: Some(false),
        ..ContainerStatus::default()
    }
}

pub fn waits(reason: &str, message: &str) -> ContainerState {
    let text = |t: &str| (!t.is_empty()).then(|| t.to_string());
    let waiting = ContainerStateWaiting { reason: text(reason), message: text(message) };
    ContainerState { waiting: Some(waiting), ..ContainerState::default() }
}

fn from_record(
    record: &Record,
    old: Option<&ContainerStatus>,
    restarting_all: bool,
    now: Timestamp,
) -> ContainerStatus {
    let mut restart_count = record.restart_count.max(old.map_or(0, |old| old.restart_count));
    let runs = record.state == RecordState::Running;
    // What ended before this instance began is the last state; else what was it before still is.
    let mut last_state = None;
    if let Some(old) = old {
        let another = old.container_id.as_deref().unwrap_or_default() != record.id;
        let last = terminated(old).filter(|_| another).or_else(|| super::last_terminated(old));
        last_state = last.map(|end| ContainerState { terminated: Some(end.clone()), ..ContainerState::default() });
        if runs && terminated(old).is_some() && old.restart_count >= record.restart_count {
            restart_count = old.restart_count + 1;
        }
    }
    let state = match record.state {
        RecordState::Running => ContainerState {
            running: Some(ContainerStateRunning { started_at: record.started_at.map(time) }),
            ..ContainerState::default()
        },
        RecordState::Created => waits("", ""),
        RecordState::Exited => {
            let text = |t: &str| (!t.is_empty()).then(|| t.to_string());
            let ended = ContainerStateTerminated {
                exit_code: record.exit_code,
                reason: text(&record.reason),
                message: text(&record.message),
                started_at: record.started_at.map(time),
                finished_at: record.finished_at.map(time),
                container_id: text(&record.id),
                ..ContainerStateTerminated::default()
            };
            ContainerState { terminated: Some(ended), ..ContainerState::default() }
        }
        RecordState::Unknown => match old.filter(|old| old.state.as_ref().is_some_and(|s| s.running.is_some())) {
            Some(old) => {
                restart_count = old.restart_count + 1;
                let reason = if restarting_all { super::RESTARTING_ALL } else { UNKNOWN };
                let mut state = vanished(reason, NOT_LOCATED);
                if let Some(ended) = &mut state.terminated {
                    ended.finished_at = Some(time(now));
                }
                state
            }
            None => waits("", ""),
        },
    };
    let user = record.user.as_ref().map(|(uid, gid, groups)| ContainerUser {
        linux: Some(LinuxContainerUser { uid: *uid, gid: *gid, supplemental_groups: Some(groups.clone()) }),
    });
    ContainerStatus {
        name: record.name.clone(),
        image: record.image.to_string(),
        image_id: record.image_id.to_string(),
        container_id: Some(record.id.clone()).filter(|id| !id.is_empty()),
        restart_count,
        started: if runs { old.and_then(|old| old.started) } else { Some(false) },
        state: Some(state),
        last_state,
        user,
        ..ContainerStatus::default()
    }
}

fn mounts(container: &Container) -> Option<Vec<VolumeMountStatus>> {
    let status = |mount: &VolumeMount| {
        let read_only = mount.read_only.unwrap_or(false);
        let recursive = match mount.recursive_read_only.as_deref() {
            Some("Enabled" | "IfPossible") => "Enabled",
            _ => "Disabled",
        };
        VolumeMountStatus {
            name: mount.name.clone(),
            mount_path: mount.mount_path.clone(),
            read_only: read_only.then_some(true),
            recursive_read_only: read_only.then(|| recursive.into()),
            ..VolumeMountStatus::default()
        }
    };
    container.volume_mounts.as_ref().filter(|m| !m.is_empty()).map(|m| m.iter().map(status).collect())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{
        api::core::v1,
        apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
    };

    use super::*;
    use crate::api::{PodSpec, SharedSpec};

    fn show(s: &ContainerStatus) -> String {
        let state = |s: &Option<ContainerState>| match s {
            Some(ContainerState { running: Some(_), .. }) => "running".into(),
            Some(ContainerState { waiting: Some(w), .. }) => {
                format!("waiting {}", w.reason.as_deref().unwrap_or_default())
            }
            Some(ContainerState { terminated: Some(t), .. }) => {
                format!("terminated {} {}", t.reason.as_deref().unwrap_or_default(), t.exit_code)
            }
            _ => "none".to_string(),
        };
        format!("{} | {} | {}", state(&s.state), state(&s.last_state), s.restart_count)
    }

    fn record(state: RecordState, exit_code: i32, restart_count: i32) -> Record {
        let reason = if exit_code == 0 { "Completed" } else { "Error" };
        Record { name: "c".into(), state, exit_code, restart_count, reason: reason.into(), ..Record::default() }
    }

    #[test]
    fn states() {
        use RecordState::{Created, Exited, Running};
        let crash = ("CrashLoopBackOff", "back-off 10s");
        let (up, down) = (record(Running, 0, 1), record(Exited, 1, 0));
        // (records, old state, reason for not starting, being deleted, status)
        type Row = (Vec<Record>, Option<&'static str>, Option<(&'static str, &'static str)>, bool, &'static str);
        let table: Vec<Row> = vec![
            (vec![], None, None, false, "waiting ContainerCreating | none | 0"),
            (vec![up.clone()], None, None, false, "running | none | 1"),
            (vec![up, down.clone()], None, None, false, "running | terminated Error 1 | 1"),
            (vec![down.clone()], None, None, false, "terminated Error 1 | none | 0"),
            (vec![down.clone()], None, Some(crash), false, "waiting CrashLoopBackOff | terminated Error 1 | 0"),
            (vec![down], None, Some(crash), true, "terminated Error 1 | none | 0"),
            (vec![record(Created, 0, 0)], None, None, false, "waiting  | none | 0"),
            (
                vec![],
                Some("running"),
                None,
                false,
                "waiting ContainerCreating | terminated ContainerStatusUnknown 137 | 1",
            ),
            (
                vec![],
                Some("running"),
                None,
                true,
                "waiting ContainerCreating | terminated ContainerStatusUnknown 137 | 0",
            ),
            (vec![], None, Some(("ErrImagePull", "x")), false, "waiting ErrImagePull | none | 0"),
        ];
        for (containers, old, reason, deleted, expected) in table {
            let container = Container::from(v1::Container { name: "c".into(), ..v1::Container::default() });
            let pod = Pod {
                metadata: ObjectMeta {
                    deletion_timestamp: deleted.then_some(Time(Timestamp::UNIX_EPOCH)),
                    ..ObjectMeta::default()
                },
                spec: Some(
                    PodSpec::from(SharedSpec { containers: vec![container.clone()], ..SharedSpec::default() }).into(),
                ),
                ..Pod::default()
            };
            let old: Vec<ContainerStatus> = old
                .map(|_| ContainerStatus {
                    name: "c".into(),
                    state: Some(ContainerState {
                        running: Some(ContainerStateRunning::default()),
                        ..ContainerState::default()
                    }),
                    ..ContainerStatus::default()
                })
                .into_iter()
                .collect();
            let reasons: Reasons =
                reason.map(|(r, m)| ("c".to_string(), (r.to_string(), m.to_string()))).into_iter().collect();
            let runtime = Runtime { containers, ..Runtime::default() };
            let got = statuses(&pod, &runtime, &old, &[container], false, &reasons, false, Timestamp::UNIX_EPOCH);
            assert_eq!(show(&got[0]), expected);
        }
    }
}
