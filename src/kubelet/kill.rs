//! Stopping containers and pods.
//! Source: kubernetes `pkg/kubelet/kuberuntime/kuberuntime_container.go` (`killContainer`),
//! `kuberuntime_termination_order.go`.

use std::{rc::Rc, time::Duration};

use futures_util::future::join_all;
use k8s_openapi::api::core::v1::Probe;

use super::{
    Inner,
    actions::KillReason,
    hooks,
    runtime::Container,
    status::{init_containers, is_sidecar},
    worker::Worker,
};
use crate::{
    api::{Container as ContainerSpec, Pod},
    apiserver::events::EventType,
};

/// Seconds that a container always gets.
const MIN_GRACE: i64 = 2;

/// A container of the spec with its field path.
pub fn find<'a>(pod: &'a Pod, name: &str) -> Option<(&'a ContainerSpec, String)> {
    let spec = pod.spec.as_ref()?;
    if let Some(container) = spec.containers.iter().find(|c| c.name == name) {
        return Some((container, format!("spec.containers{{{name}}}")));
    }
    let container = init_containers(spec).iter().find(|c| c.name == name)?;
    Some((container, format!("spec.initContainers{{{name}}}")))
}

/// Seconds that a container gets to end (`setTerminationGracePeriod`).
pub fn grace_period(pod: &Pod, name: &str, reason: KillReason) -> i64 {
    if let Some(seconds) = pod.metadata.deletion_grace_period_seconds {
        return seconds;
    }
    let Some(seconds) = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds) else {
        return MIN_GRACE;
    };
    let container = find(pod, name).map(|(container, _)| container);
    let own = |probe: Option<&Probe>| probe.and_then(|probe| probe.termination_grace_period_seconds);
    let of_probe = match reason {
        KillReason::Startup => container.and_then(|c| own(c.startup_probe.as_ref())),
        KillReason::Liveness => container.and_then(|c| own(c.liveness_probe.as_ref())),
        KillReason::Other => None,
    };
    of_probe.unwrap_or(seconds)
}

/// Seconds that a pod gets to end (`calculateEffectiveGracePeriod`): a deletion's, else its own.
pub fn pod_grace(pod: &Pod) -> i64 {
    let deletion = pod.metadata.deletion_grace_period_seconds.filter(|seconds| *seconds > 0);
    let own = pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
    deletion.or(own).unwrap_or(0).max(1)
}

impl Worker {
    /// Stops every container and the sandbox.
    pub(super) async fn kill_pod(self: &Rc<Self>, kubelet: &Rc<Inner>, pod: &Rc<Pod>, grace: Option<i64>) {
        self.kill_containers(kubelet, pod, grace).await;
        let sandbox = self.sandbox.take();
        if let Some(sandbox) = sandbox {
            sandbox.stop(&kubelet.machine);
            if let (Some(ipam), Some(address)) = (&kubelet.ipam, sandbox.address) {
                ipam.free(address);
            }
            self.runtime_changed();
        }
    }

    /// Stops all containers at once; sidecars wait until the others, and later sidecars, have ended.
    pub(super) async fn kill_containers(self: &Rc<Self>, kubelet: &Rc<Inner>, pod: &Rc<Pod>, grace: Option<i64>) {
        let mut running: Vec<Rc<Container>> =
            self.containers.borrow().iter().filter(|c| c.is_running()).cloned().collect();
        // Newest first, but for the oldest, as tasks begun one after another run there.
        let last = usize::from(!running.is_empty());
        running.rotate_right(last);
        let sidecars: Vec<String> = pod
            .spec
            .iter()
            .flat_map(|spec| init_containers(spec).iter().filter(|c| is_sidecar(c)).map(|c| c.name.clone()))
            .collect();
        let place = |name: &str| sidecars.iter().position(|sidecar| sidecar == name);
        let kills = running.iter().map(|container| {
            // A container's turn comes when these have ended.
            let before: Vec<Rc<Container>> = match place(&container.name) {
                None => Vec::new(),
                Some(at) => running.iter().filter(|other| place(&other.name).is_none_or(|p| p > at)).cloned().collect(),
            };
            let seconds = grace.unwrap_or_else(|| grace_period(pod, &container.name, KillReason::Other));
            let text = format!("Stopping container {}", container.name);
            async move {
                self.kill_container(kubelet, pod, &container.id, &text, seconds, Some(before)).await;
            }
        });
        join_all(kills).await;
    }

    /// Stops one container: event, preStop hook, its turn, SIGTERM, SIGKILL. `before` must end first.
    pub(super) async fn kill_container(
        self: &Rc<Self>,
        kubelet: &Rc<Inner>,
        pod: &Rc<Pod>,
        id: &str,
        message: &str,
        grace: i64,
        before: Option<Vec<Rc<Container>>>,
    ) {
        let id = id.trim_start_matches("containerd://");
        let container = self.containers.borrow().iter().find(|c| *c.id == *id).cloned();
        let Some(container) = container.filter(|c| c.is_running()) else { return };
        let sim = &kubelet.sim;
        let found = find(pod, &container.name);
        let path = match &found {
            Some((_, path)) => path.clone(),
            None => format!("spec.ephemeralContainers{{{}}}", container.name),
        };
        kubelet.event(pod, Some(&path), EventType::Normal, "Killing", message);
        let seconds = |n: i64| Duration::from_secs(u64::try_from(n).unwrap_or(0));
        let began = sim.now();
        let total = seconds(grace.max(MIN_GRACE));
        self.grace_ends.set(Some(began + total));
        let left = |total: i64| seconds(total).saturating_sub(Duration::from_secs(sim.now().since(began).as_secs()));
        let hook = found.and_then(|(c, _)| c.lifecycle.as_ref()?.pre_stop.clone().map(|hook| (c.clone(), hook)));
        if let Some((spec, hook)) = hook
            && grace > 0
        {
            let run = hooks::run(kubelet, self, pod, &spec, &container, &hook);
            if let Some(Err(_)) = sim.timeout(seconds(grace), run).await {
                kubelet.event(pod, Some(&path), EventType::Warning, "FailedPreStopHook", "PreStopHook failed");
            }
        }
        if grace > 0 {
            let turn = async {
                for other in before.iter().flatten() {
                    other.ended().await;
                }
            };
            // Whose turn doesn't come in time is stopped all the same.
            let _in_time = sim.timeout(left(grace), turn).await;
        }
        container.stop(&kubelet.machine, left(grace).max(seconds(MIN_GRACE))).await;
        self.runtime_changed();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn grace_periods() {
        let pod = |metadata: serde_json::Value, own: Option<i64>| -> Pod {
            let probe = json!({"terminationGracePeriodSeconds": 7});
            let container = json!({"name": "c", "livenessProbe": probe, "startupProbe": {}});
            let spec = json!({"containers": [container], "terminationGracePeriodSeconds": own});
            serde_json::from_value(json!({"metadata": metadata, "spec": spec})).expect("a pod")
        };
        let deleted = json!({"deletionGracePeriodSeconds": 5});
        // (pod, why, of the container, of the pod)
        let table = [
            (pod(json!({}), None), KillReason::Other, 2, 1),
            (pod(json!({}), Some(30)), KillReason::Other, 30, 30),
            (pod(json!({}), Some(30)), KillReason::Liveness, 7, 30),
            (pod(json!({}), Some(30)), KillReason::Startup, 30, 30),
            (pod(deleted.clone(), Some(30)), KillReason::Liveness, 5, 5),
            (pod(json!({"deletionGracePeriodSeconds": 0}), Some(30)), KillReason::Other, 0, 30),
        ];
        for (pod, why, container, whole) in table {
            assert_eq!(
                (grace_period(&pod, "c", why), pod_grace(&pod)),
                (container, whole),
                "{why:?} {:?}",
                pod.metadata
            );
        }
    }
}
