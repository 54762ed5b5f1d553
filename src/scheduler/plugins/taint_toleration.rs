//! Nodes keep away pods that don't tolerate their taints.

use k8s_openapi::api::core::v1::{Taint, Toleration};

use super::{Filter, Normalize, Plugin, Refusal, Score};
use crate::scheduler::cache::{Cache, NodeInfo, PodInfo};

pub struct TaintToleration;

/// Whether a toleration covers a taint (`Toleration.ToleratesTaint`).
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    tolerates_with(toleration, taint, false)
}

/// The same, with `Gt` and `Lt` if numbers may be compared.
pub fn tolerates_with(toleration: &Toleration, taint: &Taint, comparing: bool) -> bool {
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
        Some(operator @ ("Gt" | "Lt")) if comparing => {
            let number = |value: &Option<String>| value.as_deref().unwrap_or_default().parse::<i64>().ok();
            match (number(&taint.value), number(&toleration.value)) {
                (Some(taint), Some(bound)) if operator == "Gt" => taint > bound,
                (Some(taint), Some(bound)) => taint < bound,
                _ => false,
            }
        }
        _ => false,
    }
}

/// The first taint, of those that matter, that no toleration covers.
pub fn untolerated<'t>(
    taints: &'t [Taint],
    tolerations: &[Toleration],
    matters: impl Fn(&Taint) -> bool,
    comparing: bool,
) -> Option<&'t Taint> {
    let covered = |taint: &&Taint| tolerations.iter().any(|t| tolerates_with(t, taint, comparing));
    taints.iter().filter(|taint| matters(taint)).find(|taint| !covered(taint))
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

    fn score<'a>(&self, pod: &'a PodInfo, cache: &'a Cache) -> Option<Score<'a>> {
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
