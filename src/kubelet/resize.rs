//! Resizing a pod's containers in place: what was granted to them, what they have, what waits.
//! Source: kubernetes `pkg/kubelet/allocation/allocation_manager.go`, `pkg/kubelet/kuberuntime/kuberuntime_manager.go`,
//! `pkg/kubelet/events/resize.go`.

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::api::core::v1::{PodCondition, ResourceRequirements};
use serde::Serialize;

use super::{
    Inner,
    actions::{Actions, Kill, KillReason},
    admission,
    cgroups::{container_limits, pod_limits},
    status::{
        RecordState, Runtime,
        conditions::{RESIZE_IN_PROGRESS, RESIZE_PENDING},
        init_containers,
    },
    worker::Worker,
};
use crate::{
    api::{Container, Pod, Resource},
    apiserver::events::EventType,
};

/// A pod's resizes.
#[derive(Default)]
pub struct Resize {
    /// The pod with the resources that it was granted, while it wants others.
    pub granted: Option<Rc<Pod>>,
    /// What containers still have, by name, while they were granted something else.
    former: BTreeMap<String, ResourceRequirements>,
    pending: Option<Box<PodCondition>>,
    in_progress: Option<Box<PodCondition>>,
}

impl Resize {
    pub fn conditions(&self) -> Vec<PodCondition> {
        [&self.pending, &self.in_progress]
            .into_iter()
            .flatten()
            .map(|condition| PodCondition::clone(condition))
            .collect()
    }
}

fn condition(kind: &str, pod: &Pod, reason: Option<&str>, message: Option<String>) -> PodCondition {
    PodCondition {
        type_: kind.into(),
        status: "True".into(),
        reason: reason.map(String::from),
        message,
        observed_generation: pod.metadata.generation,
        ..PodCondition::default()
    }
}

fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    pod.spec.iter().flat_map(|spec| init_containers(spec).iter().chain(&spec.containers))
}

fn resources(container: &Container) -> ResourceRequirements {
    container.resources.clone().unwrap_or_default()
}

fn same_resources(a: &Pod, b: &Pod) -> bool {
    containers(a).map(resources).eq(containers(b).map(resources))
}

/// `pod` with the resources that `granted` has.
fn with_resources(pod: &Pod, granted: &Pod) -> Pod {
    let mut pod = pod.clone();
    if let (Some(spec), Some(old)) = (&mut pod.spec, &granted.spec) {
        let give = |containers: &mut [Container], old: &[Container]| {
            for container in containers {
                if let Some(old) = old.iter().find(|o| o.name == container.name) {
                    container.resources.clone_from(&old.resources);
                }
            }
        };
        give(&mut spec.containers, &old.containers);
        give(spec.init_containers.as_deref_mut().unwrap_or_default(), init_containers(old));
    }
    pod
}

#[derive(Serialize)]
struct Share<'a> {
    name: &'a str,
    resources: ResourceRequirements,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    init_containers: Vec<Share<'a>>,
    containers: Vec<Share<'a>>,
    generation: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

/// An event's text: what is said, and the resources that it is about.
fn text(says: &str, pod: &Pod, error: &str) -> String {
    let share = |container| {
        let container: &Container = container;
        Share { name: &container.name, resources: resources(container) }
    };
    let spec = pod.spec.as_ref();
    let summary = Summary {
        init_containers: spec.iter().flat_map(|s| init_containers(s)).map(share).collect(),
        containers: spec.iter().flat_map(|s| &s.containers).map(share).collect(),
        generation: pod.metadata.generation.unwrap_or(0),
        error,
    };
    match serde_json::to_string(&summary) {
        Ok(summary) => format!("{says}: {summary}"),
        Err(_) => says.into(),
    }
}

impl Worker {
    /// The pod has changed at the server, or room may have become free: grants what it wants, if the
    /// node has it. `before` is what it was granted last.
    pub(super) fn resize(&self, kubelet: &Inner, before: &Rc<Pod>, wanted: &Rc<Pod>) {
        let mut resize = self.resize.borrow_mut();
        if same_resources(before, wanted) {
            (resize.granted, resize.pending) = (None, None);
            return;
        }
        let node = kubelet.node.borrow().clone();
        let active = kubelet.active_pods(wanted.uid());
        match admission::admit(wanted, &node, &admission::amounts(&node), &active) {
            Ok(()) => {
                for (old, new) in containers(before).zip(containers(wanted)) {
                    if resources(old) != resources(new) {
                        resize.former.entry(old.name.clone()).or_insert_with(|| resources(old));
                    }
                }
                (resize.granted, resize.pending) = (None, None);
                resize.in_progress = Some(condition(RESIZE_IN_PROGRESS, wanted, None, None).into());
                kubelet.event(wanted, None, EventType::Normal, "ResizeStarted", text("Pod resize started", wanted, ""));
            }
            Err((_, message)) => {
                let generation = wanted.metadata.generation;
                let told = resize.pending.as_ref().is_some_and(|c| c.observed_generation == generation);
                if !told {
                    let text = text("Pod resize Deferred", wanted, &message);
                    kubelet.event(wanted, None, EventType::Warning, "ResizeDeferred", text);
                }
                resize.pending = Some(condition(RESIZE_PENDING, wanted, Some("Deferred"), Some(message)).into());
                resize.granted = Some(Rc::new(with_resources(wanted, before)));
            }
        }
    }

    /// Whether a resize waits for room.
    pub(super) fn wants_room(&self) -> bool {
        self.resize.borrow().granted.is_some()
    }

    /// At the beginning of a sync: a resize that every running container has is complete.
    pub(super) fn complete_resize(&self, kubelet: &Inner, pod: &Pod, runtime: &Runtime) {
        let mut resize = self.resize.borrow_mut();
        if resize.in_progress.is_none() {
            return;
        }
        let runs = |name: &String| runtime.find(name).is_some_and(|r| r.state == RecordState::Running);
        if !resize.former.keys().any(runs) {
            resize.former.clear();
            resize.in_progress = None;
            kubelet.event(pod, None, EventType::Normal, "ResizeCompleted", text("Pod resize completed", pod, ""));
        }
    }

    /// Containers that must be started again for what they were granted.
    pub(super) fn restart_resized(&self, pod: &Pod, runtime: &Runtime, actions: &mut Actions) {
        let resize = self.resize.borrow();
        if resize.former.is_empty() || actions.kill_pod {
            return;
        }
        let Some(spec) = &pod.spec else { return };
        let lists = [init_containers(spec), spec.containers.as_slice()];
        for (init, list) in [true, false].into_iter().zip(lists) {
            for (i, container) in list.iter().enumerate() {
                let record = runtime.find(&container.name).filter(|r| r.state == RecordState::Running);
                let (Some(record), Some(former)) = (record, resize.former.get(&container.name)) else { continue };
                if actions.kill.iter().any(|kill| kill.name == container.name) || !needs_restart(container, former) {
                    continue;
                }
                let message = format!("Container {} resize requires restart", container.name);
                let (id, name) = (record.id.clone(), container.name.clone());
                actions.kill.push(Kill { id, name, message, reason: KillReason::Other });
                if init { actions.start_init.push(i) } else { actions.start.push(i) }
            }
        }
    }

    /// Gives running containers what was granted to them; true if there was anything to give.
    pub(super) fn give_resized(&self, kubelet: &Inner) -> bool {
        if !self.resize.borrow().former.is_empty() {
            self.apply_limits(kubelet);
        }
        let mut resize = self.resize.borrow_mut();
        let any = !resize.former.is_empty();
        resize.former.clear();
        any
    }
}

impl Worker {
    /// Sets the limits of the pod's control groups to what it was granted.
    fn apply_limits(&self, kubelet: &Inner) {
        let pod = self.pod();
        if let Some(group) = &*self.cgroup.borrow() {
            pod_limits(&pod).apply(&kubelet.machine, group);
        }
        let running: Vec<_> = self.containers.borrow().iter().filter(|c| c.is_running()).cloned().collect();
        for spec in containers(&pod) {
            for container in running.iter().filter(|c| c.name == spec.name) {
                container_limits(spec).apply(&kubelet.machine, &container.cgroup);
            }
        }
    }
}

/// Whether the container's resizePolicy asks for a restart for what differs.
fn needs_restart(container: &Container, former: &ResourceRequirements) -> bool {
    let now = resources(container);
    let differs = |resource: &str| {
        let of = |r: &ResourceRequirements| {
            let amount = |list: &Option<BTreeMap<String, _>>| list.as_ref().and_then(|l| l.get(resource)).cloned();
            (amount(&r.limits), amount(&r.requests))
        };
        of(&now) != of(former)
    };
    let restarts = container.resize_policy.iter().flatten().filter(|p| p.restart_policy == "RestartContainer");
    restarts.into_iter().any(|policy| differs(&policy.resource_name))
}
