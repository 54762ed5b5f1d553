//! The whole status of a pod. Sources: kubernetes `pkg/kubelet/kubelet_pods.go` (`generateAPIPodStatus`),
//! `pkg/kubelet/status/status_manager.go` (`TerminatePod`, `mergePodStatus`).

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1::{ContainerStatus, HostIP, PodCondition, PodIP, PodStatus, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity,
};

use super::{
    NOT_LOCATED, Runtime, UNKNOWN,
    conditions::{self, OWNED},
    containers::{Reasons, statuses},
    has_initialized, init_containers, is_sidecar, is_terminal, last_terminated,
    phase::phase,
    running, terminated, vanished, waiting,
};
use crate::api::{Pod, resources};

/// Those who probe.
pub trait ProbeResults {
    /// Sets `started` and `ready` of a regular container or sidecar (`UpdatePodStatus`).
    fn update(&self, status: &mut ContainerStatus);
}

/// What a status is made from, besides the pod itself.
pub struct Input<'a> {
    pub runtime: &'a Runtime,
    /// The status that was written last.
    pub old: &'a PodStatus,
    pub reasons: &'a Reasons,
    pub probes: &'a dyn ProbeResults,
    pub host_ips: &'a [String],
    pub now: Timestamp,
    /// No container will run any more.
    pub pod_ends: bool,
    /// A verdict that ends the pod: reason, message.
    pub evicted: Option<(&'a str, &'a str)>,
    /// Why the kubelet ends it early.
    pub disruption: Option<PodCondition>,
    /// Of resizes in place.
    pub resize: &'a [PodCondition],
}

/// `generateAPIPodStatus`. Times of transition are set by [`finish`].
pub fn generate(pod: &Pod, input: &Input) -> PodStatus {
    let Some(spec) = &pod.spec else { return PodStatus::default() };
    let none = PodStatus::default();
    let api = pod.status.as_deref().unwrap_or(&none);
    let (runtime, old) = (input.runtime, input.old);
    let restarting_all = super::restart::restarts_all(spec, runtime, old);
    let make = |containers, old: &[ContainerStatus], init| {
        statuses(pod, runtime, old, containers, init, input.reasons, restarting_all, input.now)
    };
    let mut regular = make(&spec.containers, old.container_statuses.as_deref().unwrap_or_default(), false);
    let mut init = make(init_containers(spec), old.init_container_statuses.as_deref().unwrap_or_default(), true);
    let ephemeral: Vec<_> = spec.ephemeral_containers.iter().flatten().map(crate::kubelet::start::ephemeral).collect();
    let mut ephemeral = make(&ephemeral, old.ephemeral_container_statuses.as_deref().unwrap_or_default(), false);
    // Nobody waits for these to start.
    ephemeral.iter_mut().for_each(|status| status.started = None);

    let all = together(&init, &regular);
    let begun = runtime.any_active_regular(spec);
    let mut word = phase(pod, &all, input.pod_ends, begun).to_string();
    if !is_terminal(Some(&word))
        && let Some(end) = [&old.phase, &api.phase].into_iter().flatten().find(|p| is_terminal(Some(p)))
    {
        word.clone_from(end);
    }
    let (mut reason, mut message) = (None, None);
    if old.phase.as_deref() == Some(&word) {
        reason = old.reason.clone().or_else(|| api.reason.clone());
        message = old.message.clone().or_else(|| api.message.clone());
    }
    if let Some((why, text)) = input.evicted {
        word = "Failed".into();
        (reason, message) = (Some(why.to_string()), Some(text.to_string()));
    }
    if let Some(end) = api.phase.as_ref().filter(|p| is_terminal(Some(p))) {
        word.clone_from(end);
    }

    for status in &mut regular {
        input.probes.update(status);
    }
    for (status, container) in init.iter_mut().zip(init_containers(spec)) {
        if is_sidecar(container) {
            input.probes.update(status);
        } else {
            status.started = Some(running(status));
            status.ready = terminated(status).is_some_and(|t| t.exit_code == 0);
        }
    }

    let host_network = spec.host_network == Some(true);
    let all = together(&init, &regular);
    // Most pods have these five and no others.
    let mut list = Vec::with_capacity(5);
    list.extend(api.conditions.iter().flatten().filter(|c| !OWNED.contains(&c.type_.as_str())).cloned());
    let was = old.conditions.iter().flatten().any(|c| c.type_ == "Initialized" && c.status == "True");
    let containers_ready = conditions::containers_ready(spec, Some(&all), &word);
    let ready = conditions::ready(spec, &list, &containers_ready);
    if !input.pod_ends {
        list.extend_from_slice(input.resize);
    }
    list.push(conditions::ready_to_start(runtime, host_network));
    list.push(conditions::initialized(spec, Some(&all), &word, was));
    list.push(ready);
    list.push(containers_ready);
    list.push(conditions::scheduled());
    if super::restart::may_restart_all(spec) {
        list.push(conditions::all_restarting(spec, runtime, old, &word));
    }

    if let Some(disruption) = &input.disruption {
        list.retain(|c| c.type_ != disruption.type_);
        list.push(disruption.clone());
    }

    let sandbox_ips = runtime.sandbox.as_ref().map(|s| s.ips.clone()).unwrap_or_default();
    let sorted = sorted_ips(&sandbox_ips, input.host_ips);
    let mut pod_ips: Vec<PodIP> = sorted.iter().map(|ip| PodIP { ip: ip.clone() }).collect();
    if pod_ips.is_empty() {
        pod_ips = old.pod_ips.clone().unwrap_or_default();
    }
    if host_network && pod_ips.is_empty() {
        pod_ips = input.host_ips.iter().map(|ip| PodIP { ip: ip.clone() }).collect();
    }
    if host_network
        && let ([one], Some(second)) = (pod_ips.as_slice(), input.host_ips.get(1))
        && one.ip.contains(':') != second.contains(':')
    {
        pod_ips.push(PodIP { ip: second.clone() });
    }
    let granted = together_resources(pod);
    PodStatus {
        phase: Some(word),
        reason,
        message,
        conditions: Some(list),
        host_ip: input.host_ips.first().cloned(),
        host_ips: Some(input.host_ips.iter().map(|ip| HostIP { ip: ip.clone() }).collect()),
        pod_ip: pod_ips.first().map(|p| p.ip.clone()),
        pod_ips: (!pod_ips.is_empty()).then_some(pod_ips),
        start_time: old.start_time.clone(),
        init_container_statuses: (!init.is_empty()).then_some(init),
        container_statuses: Some(regular),
        ephemeral_container_statuses: (!ephemeral.is_empty()).then_some(ephemeral),
        qos_class: api.qos_class.clone().or_else(|| Some(crate::api::resources::qos(pod).to_string())),
        observed_generation: pod.metadata.generation,
        allocated_resources: granted.requests.clone(),
        resources: Some(granted),
        nominated_node_name: api.nominated_node_name.clone(),
        ..PodStatus::default()
    }
}

/// What the pod as a whole was granted: its own resources, else the sums over its containers.
fn together_resources(pod: &Pod) -> ResourceRequirements {
    let Some(spec) = &pod.spec else { return ResourceRequirements::default() };
    let mut given = init_containers(spec).iter().chain(&spec.containers).map(|c| c.resources.as_ref());
    let any = |r: Option<&ResourceRequirements>| r.is_some_and(|r| r.requests.is_some() || r.limits.is_some());
    if !any(spec.resources.as_ref()) && !given.any(any) {
        return ResourceRequirements::default();
    }
    // Only what exists on every node counts for a pod.
    let shown = |amounts: resources::Amounts| -> Option<BTreeMap<String, Quantity>> {
        let kept = amounts.into_iter().filter(|(name, _)| resources::is_pod_level(name));
        let kept: BTreeMap<String, Quantity> =
            kept.map(|(name, amount)| (name, Quantity(amount.to_string()))).collect();
        (!kept.is_empty()).then_some(kept)
    };
    let options = resources::Options { exclude_overhead: true, ..resources::Options::default() };
    ResourceRequirements {
        requests: shown(resources::requests(pod, &options)),
        limits: shown(resources::limits(pod, &options)),
        ..ResourceRequirements::default()
    }
}

/// Init and regular statuses in one list.
fn together<'a>(init: &[ContainerStatus], regular: &'a [ContainerStatus]) -> Cow<'a, [ContainerStatus]> {
    if init.is_empty() { regular.into() } else { init.iter().chain(regular).cloned().collect() }
}

/// A pod's addresses as they are told: one of each family, the node's first (`sortPodIPs`).
pub fn sorted_ips(ips: &[String], host_ips: &[String]) -> Vec<String> {
    let parsed = || ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok());
    let v6_first = host_ips.first().and_then(|ip| ip.parse::<IpAddr>().ok()).is_some_and(|ip| ip.is_ipv6());
    let first = |v6: bool| parsed().find(|ip| ip.is_ipv6() == v6).map(|ip| ip.to_string());
    [v6_first, !v6_first].into_iter().filter_map(first).collect()
}

/// Sets what depends on the status before: start time, transition times, generation. `may_run`: some
/// container could still run, so the phase may not become terminal yet.
pub fn finish(status: &mut PodStatus, old: &PodStatus, generation: Option<i64>, may_run: bool, now: Timestamp) {
    let now = super::time(now);
    if may_run && is_terminal(status.phase.as_deref()) && !is_terminal(old.phase.as_deref()) {
        status.phase.clone_from(&old.phase);
        status.reason.clone_from(&old.reason);
        status.message.clone_from(&old.message);
    }
    status.start_time = old.start_time.clone().or_else(|| Some(now.clone()));
    for condition in status.conditions.iter_mut().flatten() {
        let before = old.conditions.iter().flatten().find(|c| c.type_ == condition.type_);
        let owned = OWNED.contains(&condition.type_.as_str());
        match before.filter(|c| c.status == condition.status) {
            Some(before) => condition.last_transition_time.clone_from(&before.last_transition_time),
            None if owned => condition.last_transition_time = Some(now.clone()),
            None => {}
        }
        if owned {
            condition.observed_generation = generation;
        }
    }
}

/// `TerminatePod`: nothing of the pod is left, so containers whose end is unknown count as failed
/// and the phase is terminal.
pub fn terminate(status: &mut PodStatus, pod: &Pod) {
    let probe = Pod { spec: pod.spec.clone(), status: Some(status.clone().into()), ..Pod::default() };
    let end = |s: &mut ContainerStatus| {
        if terminated(s).is_none() {
            s.state = Some(vanished(UNKNOWN, NOT_LOCATED));
            s.ready = false;
            s.started = Some(false);
        }
    };
    if has_initialized(&probe) {
        status.container_statuses.iter_mut().flatten().for_each(end);
    }
    if let Some(inits) = &mut status.init_container_statuses {
        let moved = |s: &ContainerStatus| !waiting(s) || last_terminated(s).is_some();
        let count = inits.iter().rposition(moved).map_or(1, |at| at + 1);
        inits.iter_mut().take(count).for_each(end);
    }
    if !is_terminal(status.phase.as_deref()) {
        status.phase = Some("Failed".into());
    }
}
