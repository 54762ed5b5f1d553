//! Nodes keep away pods that don't tolerate their taints.

use k8s_openapi::api::core::v1::{Taint, Toleration};

use super::{Filter, Normalize, Plugin, Refusal, Score};
use crate::scheduler::cache::{Cache, NodeInfo, PodInfo};

pub struct TaintToleration;

/// Whether a toleration covers a taint (`Toleration.ToleratesTaint`).
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let or_any = |value: &Option<String>, own: &str| match value.as_deref() {
        None | Some("") => true,
        Some(value) => value == own,
    };
    if !or_any(&toleration.effect, &taint.effect) || !or_any(&toleration.key, &taint.key) {
        return false;
    }
    match toleration.operator.as_deref() {
        Some("Exists") => true,
        None | Some("" | "Equal") => {
            toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default()
        }
        // Comparing numbers (Lt, Gt) is behind a gate that is off.
        _ => false,
    }
}

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

    fn filter<'a>(&self, pod: &'a PodInfo, _: &'a Cache) -> Filter<'a> {
        let tolerations = pod.spec().tolerations.as_deref().unwrap_or_default();
        Filter::check(move |node| {
            let keeps_away = |taint: &&Taint| taint.effect == "NoSchedule" || taint.effect == "NoExecute";
            let mut hard = taints(node).iter().filter(keeps_away);
            if hard.all(|taint| tolerations.iter().any(|t| tolerates(t, taint))) {
                return Ok(());
            }
            Err(Refusal::unresolvable("node(s) had untolerated taint(s)"))
        })
    }

    fn score<'a>(&self, pod: &'a PodInfo, _: &'a Cache) -> Option<Score<'a>> {
        let soft = |t: &&Toleration| matches!(t.effect.as_deref(), None | Some("" | "PreferNoSchedule"));
        let tolerations: Vec<&Toleration> = pod.spec().tolerations.iter().flatten().filter(soft).collect();
        let score = move |node: &NodeInfo| {
            let avoided = taints(node).iter().filter(|taint| taint.effect == "PreferNoSchedule");
            let untolerated = avoided.filter(|taint| !tolerations.iter().any(|t| tolerates(t, taint)));
            untolerated.count() as i64
        };
        Some(Score { score: Box::new(score), normalize: Normalize::Reverse })
    }
}
