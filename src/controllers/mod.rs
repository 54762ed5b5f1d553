//! The controllers: tasks that watch the cluster and bring it towards what it should be.
//!
//! Invariants:
//! - Each controller speaks to the cluster through [`ApiClient`] alone and keeps no state that a
//!   fresh list wouldn't give, but for times.
//! - What a controller does costs as much as what changed; the periodic looks of the node and pod
//!   garbage controllers cost one list.

mod disruption;
pub mod endpoints;
pub mod garbage_collector;
mod kubernetes_service;
pub mod namespace;
pub mod node_lifecycle;
pub mod pod_gc;
pub mod resource_quota;
pub mod service_account;
pub mod taint_eviction;
#[cfg(test)]
mod tests;
pub mod volumes;
pub mod workloads;

use std::rc::Rc;

use k8s_openapi::api::core::v1::PodCondition;

use crate::{
    api::{ApiClient, Error, Pod, Resource, client},
    apiserver::{set_condition, whole_seconds},
    sim::Sim,
};

/// Starts every controller.
pub fn start(sim: &Sim, client: &Rc<dyn ApiClient>) {
    namespace::start(sim, client.clone());
    service_account::start(sim, client.clone());
    kubernetes_service::start(sim, client.clone());
    node_lifecycle::start(sim, client.clone());
    taint_eviction::start(sim, client.clone());
    endpoints::start(sim, client.clone());
    pod_gc::start(sim, client.clone());
    garbage_collector::start(sim, client.clone());
    resource_quota::start(sim, client.clone());
    disruption::start(sim, client.clone());
    volumes::start(sim, client);
    workloads::start(sim, client.clone());
}

/// Changes a pod's status by `change` on its newest version. `Ok(None)` if it has gone or `change`
/// leaves it alone.
async fn change_status(
    client: &dyn ApiClient,
    pod: &Pod,
    change: impl Fn(&mut Pod) -> bool,
) -> Result<Option<Rc<Pod>>, Error> {
    loop {
        let current: Rc<Pod> = match client::get(client, pod.namespace(), pod.name()).await {
            Err(error) if error.is_not_found() => return Ok(None),
            found => found?,
        };
        let mut changed = Pod::clone(&current);
        if current.uid() != pod.uid() || !change(&mut changed) {
            return Ok(None);
        }
        match client::update_status(client, Rc::new(changed)).await {
            // Someone else wrote in between: change what that one wrote.
            Err(error) if error.is_conflict() => {}
            Err(error) if error.is_not_found() => return Ok(None),
            written => return written.map(Some),
        }
    }
}

/// Why a pod is about to be removed.
fn mark_disrupted(sim: &Sim, pod: &mut Pod, reason: &str, message: &str) {
    let condition = PodCondition {
        type_: "DisruptionTarget".into(),
        status: "True".into(),
        reason: Some(reason.into()),
        message: Some(message.into()),
        observed_generation: pod.metadata.generation,
        last_transition_time: Some(whole_seconds(sim.wall())),
        ..PodCondition::default()
    };
    set_condition(pod.status.get_or_insert_default().conditions.get_or_insert_default(), condition);
}

fn is_terminal(pod: &Pod) -> bool {
    matches!(pod.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Succeeded" | "Failed"))
}
