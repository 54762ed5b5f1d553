//! A node must have what the pod asks for; emptier nodes are better (LeastAllocated).

use std::borrow::Cow;

use super::{Filter, Normalize, Plugin, Refusal, Score};
use crate::scheduler::cache::{Cache, NodeInfo, PodInfo};

pub struct NodeResourcesFit;

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn weight(&self) -> i64 {
        1
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: &'a Cache) -> Filter<'a> {
        Filter::check(|node| match insufficient(pod, node) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        })
    }

    fn score<'a>(&self, pod: &'a PodInfo, _: &'a Cache) -> Option<Score<'a>> {
        let score = |node: &NodeInfo| {
            let free = |capacity: i64, used: i64| {
                if capacity == 0 {
                    return None;
                }
                let used = i128::from(used);
                let capacity = i128::from(capacity);
                Some(if used > capacity { 0 } else { (capacity - used) * 100 / capacity })
            };
            let scores = [
                free(node.allocatable.milli_cpu, node.nonzero.0.saturating_add(pod.nonzero.0)),
                free(node.allocatable.memory, node.nonzero.1.saturating_add(pod.nonzero.1)),
            ];
            let (sum, count) = scores.iter().flatten().fold((0, 0), |(sum, count), score| (sum + score, count + 1));
            if count == 0 { 0 } else { i64::try_from(sum / count).unwrap_or(0) }
        };
        Some(Score { score: Box::new(score), normalize: Normalize::No })
    }
}

/// What a node lacks for the pod, in the order pods, cpu, memory, ephemeral-storage, others.
pub fn insufficient(pod: &PodInfo, node: &NodeInfo) -> Option<Refusal> {
    let mut reasons: Vec<Cow<'static, str>> = Vec::new();
    let (has, used, wants) = (&node.allocatable, &node.requested, &pod.requests);
    if node.pods.len() as i64 + 1 > has.pods {
        reasons.push("Too many pods".into());
    }
    let mut unresolvable = false;
    let mut short = |wants: i64, has: i64, used: i64| {
        let short = wants > 0 && wants > has - used;
        unresolvable |= short && wants > has;
        short
    };
    if !wants.is_zero() {
        if short(wants.milli_cpu, has.milli_cpu, used.milli_cpu) {
            reasons.push("Insufficient cpu".into());
        }
        if short(wants.memory, has.memory, used.memory) {
            reasons.push("Insufficient memory".into());
        }
        if short(wants.ephemeral_storage, has.ephemeral_storage, used.ephemeral_storage) {
            reasons.push("Insufficient ephemeral-storage".into());
        }
        for (name, wants) in &wants.scalars {
            let of = |list: &std::collections::BTreeMap<String, i64>| list.get(name).copied().unwrap_or(0);
            if short(*wants, of(&has.scalars), of(&used.scalars)) {
                reasons.push(format!("Insufficient {name}").into());
            }
        }
    }
    (!reasons.is_empty()).then_some(Refusal { reasons, unresolvable })
}
