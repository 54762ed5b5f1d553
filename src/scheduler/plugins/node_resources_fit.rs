//! A node must have what the pod asks for; emptier nodes are better (LeastAllocated).

use std::borrow::Cow;

use super::{Filter, Normalize, Plugin, Refusal, Score};
use crate::scheduler::{
    cache::{Cache, NodeInfo, PodInfo},
    config::{Args, Strategy},
    resources::is_scalar,
};

pub struct NodeResourcesFit;

impl Plugin for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn weight(&self) -> i64 {
        1
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cache: &'a Cache) -> Filter<'a> {
        Filter::check(|node| match insufficient_but(pod, node, &|name| is_ignored(&cache.args, name)) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        })
    }

    fn score<'a>(&self, pod: &'a PodInfo, cache: &'a Cache, _: &[&'a NodeInfo]) -> Option<Score<'a>> {
        let resources = &cache.args.fit_resources;
        if resources.is_empty() {
            return None;
        }
        let score = move |node: &NodeInfo| {
            let (mut sum, mut weights) = (0, 0);
            for (name, weight) in resources {
                let Some((capacity, used, wanted)) = amounts(name, pod, node) else { continue };
                let score = cache.args.strategy.score(used.saturating_add(wanted), capacity);
                // A ratio of nothing doesn't count.
                if score > 0 || !matches!(cache.args.strategy, Strategy::RequestedToCapacityRatio(_)) {
                    sum += score * weight;
                    weights += weight;
                }
            }
            match &cache.args.strategy {
                _ if weights == 0 => 0,
                Strategy::RequestedToCapacityRatio(_) => (sum as f64 / weights as f64).round() as i64,
                _ => sum / weights,
            }
        };
        Some(Score { score: Box::new(score), normalize: Normalize::No })
    }
}

fn is_ignored(args: &Args, name: &str) -> bool {
    let group = name.split('/').next().unwrap_or_default();
    args.ignored_resources.contains(name) || args.ignored_resource_groups.contains(group)
}

/// What a node has of a resource, what is used of it, and what the pod wants, with defaults for containers that say
/// nothing; `None` if it doesn't count for this pod and node.
fn amounts(name: &str, pod: &PodInfo, node: &NodeInfo) -> Option<(i64, i64, i64)> {
    let amounts = match name {
        "cpu" => (node.allocatable.milli_cpu, node.nonzero.0, pod.nonzero.0),
        "memory" => (node.allocatable.memory, node.nonzero.1, pod.nonzero.1),
        _ => {
            let wanted = pod.requests.get(name);
            if wanted == 0 && is_scalar(name) {
                return None;
            }
            (node.allocatable.get(name), node.requested.get(name), wanted)
        }
    };
    (amounts.0 != 0).then_some(amounts)
}

impl Strategy {
    /// 0 to 100 for what would be used of a capacity that isn't 0.
    fn score(&self, used: i64, capacity: i64) -> i64 {
        let share = |part: i64| i64::try_from(i128::from(part) * 100 / i128::from(capacity)).unwrap_or(0);
        match self {
            Strategy::LeastAllocated if used > capacity => 0,
            Strategy::LeastAllocated => share(capacity - used),
            Strategy::MostAllocated => share(used.min(capacity)),
            Strategy::RequestedToCapacityRatio(shape) => {
                broken_line(shape, if used > capacity { 100 } else { share(used) })
            }
        }
    }
}

/// The value at `x` of straight lines between points.
fn broken_line(points: &[(i64, i64)], x: i64) -> i64 {
    let Some(next) = points.iter().position(|(at, _)| x <= *at) else {
        return points.last().map_or(0, |(_, value)| *value);
    };
    let (right, high) = points[next];
    match next.checked_sub(1).map(|before| points[before]) {
        None => high,
        Some((left, low)) => low + (high - low) * (x - left) / (right - left).max(1),
    }
}

/// What a node lacks for the pod, in the order pods, cpu, memory, ephemeral-storage, others.
pub fn insufficient(pod: &PodInfo, node: &NodeInfo) -> Option<Refusal> {
    insufficient_but(pod, node, &|_| false)
}

fn insufficient_but(pod: &PodInfo, node: &NodeInfo, ignored: &dyn Fn(&str) -> bool) -> Option<Refusal> {
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
            if !ignored(name) && short(*wants, has.get(name), used.get(name)) {
                reasons.push(format!("Insufficient {name}").into());
            }
        }
    }
    (!reasons.is_empty()).then_some(Refusal { reasons, unresolvable })
}
