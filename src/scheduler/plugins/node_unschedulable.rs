//! Cordoned nodes take no pods.

use k8s_openapi::api::core::v1::Taint;

use super::{Filter, Plugin, Refusal};
use crate::{
    api::taints::tolerates,
    scheduler::cache::{Cache, PodInfo},
};

pub struct NodeUnschedulable;

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: &'a Cache) -> Filter<'a> {
        let taint =
            Taint { key: "node.kubernetes.io/unschedulable".into(), effect: "NoSchedule".into(), ..Taint::default() };
        if pod.spec().tolerations.iter().flatten().any(|t| tolerates(t, &taint)) {
            return Filter::Skip;
        }
        Filter::check(|node| match node.node.spec.as_ref().and_then(|s| s.unschedulable) {
            Some(true) => Err(Refusal::unresolvable("node(s) were unschedulable")),
            _ => Ok(()),
        })
    }
}
