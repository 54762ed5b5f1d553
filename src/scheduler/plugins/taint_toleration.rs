//! Nodes keep away pods that don't tolerate their taints.

use k8s_openapi::api::core::v1::{Taint, Toleration};

use super::{Filter, Normalize, Plugin, Refusal, Score};
use crate::{
    api::taints::{tolerates_with, untolerated},
    scheduler::cache::{Cache, NodeInfo, PodInfo},
};

pub struct TaintToleration;

fn taints(node: &NodeInfo) -> &[Taint] {
    node.node.spec.as_ref().and_then(|s| s.taints.as_deref()).unwrap_or_default()
}

impl Plugin for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn weight(&self) -> i64 {
        3
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cache: &'a Cache) -> Filter<'a> {
        let tolerations = pod.spec().tolerations.as_deref().unwrap_or_default();
        let comparing = cache.args.comparing_tolerations;
        Filter::check(move |node| {
            let keeps_away = |taint: &Taint| taint.effect == "NoSchedule" || taint.effect == "NoExecute";
            match untolerated(taints(node), tolerations, keeps_away, comparing) {
                None => Ok(()),
                Some(_) => Err(Refusal::unresolvable("node(s) had untolerated taint(s)")),
            }
        })
    }

    fn score<'a>(&self, pod: &'a PodInfo, cache: &'a Cache, _: &[&'a NodeInfo]) -> Option<Score<'a>> {
        let soft = |t: &&Toleration| matches!(t.effect.as_deref(), None | Some("" | "PreferNoSchedule"));
        let tolerations: Vec<&Toleration> = pod.spec().tolerations.iter().flatten().filter(soft).collect();
        let score = move |node: &NodeInfo| {
            let avoided = taints(node).iter().filter(|taint| taint.effect == "PreferNoSchedule");
            let comparing = cache.args.comparing_tolerations;
            let untolerated = avoided.filter(|taint| !tolerations.iter().any(|t| tolerates_with(t, taint, comparing)));
            untolerated.count() as i64
        };
        Some(Score { score: Box::new(score), normalize: Normalize::Reverse })
    }
}
