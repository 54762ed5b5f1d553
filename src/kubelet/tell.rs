//! What a worker tells of its pod, and when it writes that.
//! Source: kubernetes `pkg/kubelet/status/status_manager.go`, `pkg/kubelet/active_deadline.go`.

use std::{rc::Rc, time::Duration};

use k8s_openapi::api::core::v1::{PodCondition, PodStatus};

use super::{
    Inner,
    eviction::DISRUPTION,
    status::{
        Runtime, is_terminal,
        pod::{Input, finish, generate},
    },
    worker::Worker,
};
use crate::{
    api::{Pod, Resource, Shared, client},
    apiserver::events::EventType,
    sim::SimTime,
};

const DEADLINE: (&str, &str) = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline");

impl Worker {
    /// The pod with its status as last written, or as the server has it.
    pub(super) fn told(&self) -> Rc<Pod> {
        let written = self.written.borrow().clone();
        written.unwrap_or_else(|| self.pod())
    }

    pub(super) fn status(&self) -> PodStatus {
        self.told().status.as_deref().cloned().unwrap_or_default()
    }

    /// When activeDeadlineSeconds will be over.
    pub(super) fn deadline(&self) -> Option<SimTime> {
        let pod = self.pod();
        let seconds = u64::try_from(pod.spec.as_ref()?.active_deadline_seconds?).ok()?;
        let kubelet = self.kubelet.upgrade()?;
        let began = self.told().status.as_ref()?.start_time.as_ref()?.0;
        let elapsed = kubelet.sim.wall().duration_since(began);
        let left = Duration::from_secs(seconds).saturating_sub(Duration::try_from(elapsed).unwrap_or_default());
        Some(kubelet.sim.now() + left)
    }

    pub(super) fn past_deadline(&self, kubelet: &Inner) -> bool {
        self.deadline().is_some_and(|at| at <= kubelet.sim.now())
    }

    pub(super) fn generate(&self, kubelet: &Inner, pod: &Pod, runtime: &Runtime, pod_ends: bool) -> PodStatus {
        let told = self.told();
        let none = PodStatus::default();
        let late = self.past_deadline(kubelet);
        if late {
            kubelet.event(pod, None, EventType::Normal, DEADLINE.0, DEADLINE.1);
        }
        let eviction = self.evicted.borrow();
        let evicted = eviction.as_ref().map(|e| (e.reason.as_str(), e.message.as_str())).or(late.then_some(DEADLINE));
        let disruption = eviction.as_ref().and_then(|e| e.disruption(pod.metadata.generation));
        generate(
            pod,
            &Input {
                runtime,
                old: told.status.as_deref().unwrap_or(&none),
                reasons: &self.reasons.borrow(),
                probes: &self.probes,
                host_ips: &kubelet.host_ips(),
                now: kubelet.sim.wall(),
                pod_ends,
                evicted,
                disruption,
                resize: &self.resize.borrow().conditions(),
            },
        )
    }

    /// Writes a status that was made now; containers that it calls unready are probed now.
    pub(super) async fn tell(&self, kubelet: &Inner, status: PodStatus, may_run: bool) {
        let statuses =
            status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten());
        let unready = statuses.filter(|s| s.started == Some(true) && !s.ready);
        let unready: Vec<String> = unready.map(|s| s.name.clone()).collect();
        self.write(kubelet, status, may_run).await;
        unready.iter().for_each(|name| self.probes.trigger_readiness(name));
    }

    /// Writes a status if it differs from the last one. `may_run`: containers could still run.
    pub(super) async fn write(&self, kubelet: &Inner, mut status: PodStatus, may_run: bool) {
        let pod = self.pod();
        let told = self.told();
        let none = PodStatus::default();
        let old = told.status.as_deref().unwrap_or(&none);
        finish(&mut status, old, pod.metadata.generation, may_run, kubelet.sim.wall());
        if status == *old {
            return;
        }
        if self.fixed.is_some() {
            let told = Pod { metadata: pod.metadata.clone(), spec: pod.spec.clone(), status: Some(status.into()) };
            *self.written.borrow_mut() = Some(Rc::new(told));
            return Box::pin(self.tell_mirror(kubelet)).await;
        }
        for _ in 0..5 {
            let Ok(current) = client::get::<Pod>(&*kubelet.client, pod.namespace(), pod.name()).await else { return };
            if current.uid() != self.uid {
                return;
            }
            if let Some(server) = &current.status {
                keep_foreign(&mut status, server);
            }
            // Kept, in case that it must be written again.
            let told = Shared::from(status);
            let (metadata, spec) = (current.metadata.clone(), current.spec.clone());
            let next = Pod { metadata, spec, status: Some(told.clone()) };
            match client::update_status(&*kubelet.client, Rc::new(next)).await {
                Ok(written) => {
                    *self.written.borrow_mut() = Some(written);
                    return;
                }
                Err(error) if error.is_conflict() => status = told.into_inner(),
                // Gone, or refused: the next sync tries again.
                Err(_) => return,
            }
        }
    }

    /// A readiness probe's result, told at once even if a sync is busy (`SetContainerReadiness`).
    pub(super) async fn tell_readiness(&self, kubelet: &Inner, container: &str, id: &str, ready: bool) {
        let pod = self.pod();
        let Some(spec) = &pod.spec else { return };
        let mut status = self.status();
        let mut found = false;
        let statuses = status.container_statuses.iter_mut().flatten();
        for told in statuses.chain(status.init_container_statuses.iter_mut().flatten()) {
            if told.name == container && told.container_id.as_deref() == Some(id) && told.ready != ready {
                told.ready = ready;
                found = true;
            }
        }
        if !found {
            return;
        }
        let all: Vec<_> = (status.init_container_statuses.iter().flatten())
            .chain(status.container_statuses.iter().flatten())
            .cloned()
            .collect();
        let phase = status.phase.clone().unwrap_or_default();
        let list = status.conditions.get_or_insert_default();
        let containers_ready = super::status::conditions::containers_ready(spec, Some(&all), &phase);
        let ready = super::status::conditions::ready(spec, list, &containers_ready);
        for new in [ready, containers_ready] {
            if let Some(old) = list.iter_mut().find(|c| c.type_ == new.type_) {
                *old = new;
            }
        }
        self.write(kubelet, status, true).await;
    }

    /// A startup probe's result, told at once if a sync is busy, which would tell it else
    /// (`SetContainerStartup`).
    pub(super) async fn tell_startup(&self, kubelet: &Inner, container: &str, id: &str, started: bool) {
        if !self.syncing.get() {
            return;
        }
        let mut status = self.status();
        let statuses = status.container_statuses.iter_mut().flatten();
        for told in statuses.chain(status.init_container_statuses.iter_mut().flatten()) {
            if told.name == container && told.container_id.as_deref() == Some(id) {
                told.started = Some(started);
            }
        }
        self.write(kubelet, status, true).await;
    }
}

/// Conditions and fields that others own are the server's.
pub(super) fn keep_foreign(status: &mut PodStatus, server: &PodStatus) {
    let owned = |kind: &str| super::status::conditions::OWNED.contains(&kind);
    let ends = is_terminal(status.phase.as_deref()) && !is_terminal(server.phase.as_deref());
    let list = status.conditions.get_or_insert_default();
    // A disruption may be of others' making, too: ours is told when the pod ends by it.
    let is_ours = |c: &&PodCondition| c.type_ == DISRUPTION && c.reason.as_deref() == Some("TerminationByKubelet");
    let ours = list.iter().find(is_ours).filter(|_| ends).cloned();
    let mut foreign: Vec<_> = server.conditions.iter().flatten().filter(|c| !owned(&c.type_)).cloned().collect();
    if let Some(ours) = ours {
        match foreign.iter_mut().find(|c| c.type_ == DISRUPTION) {
            Some(theirs) => *theirs = ours,
            None => foreign.push(ours),
        }
    }
    list.retain(|c| owned(&c.type_));
    list.splice(0..0, foreign);
    status.nominated_node_name.clone_from(&server.nominated_node_name);
    status.resource_claim_statuses.clone_from(&server.resource_claim_statuses);
    if status.qos_class.is_none() {
        status.qos_class.clone_from(&server.qos_class);
    }
}
