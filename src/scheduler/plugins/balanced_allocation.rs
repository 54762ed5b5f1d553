//! Nodes whose resources the pod would bring into balance are better.

use super::{Normalize, Plugin, Score};
use crate::scheduler::{
    cache::{Cache, NodeInfo, PodInfo},
    resources::is_scalar,
};

pub struct BalancedAllocation;

impl Plugin for BalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    fn weight(&self) -> i64 {
        1
    }

    fn score<'a>(&self, pod: &'a PodInfo, cache: &'a Cache, _: &[&'a NodeInfo]) -> Option<Score<'a>> {
        let resources = &cache.args.balanced_resources;
        if resources.iter().all(|(name, _)| pod.requests.get(name) == 0) {
            return None;
        }
        let score = move |node: &NodeInfo| {
            let balance = |with_pod: bool| {
                let shares = resources.iter().filter_map(|(name, _)| {
                    let (has, wants) = (node.allocatable.get(name), pod.requests.get(name));
                    if has == 0 || (wants == 0 && is_scalar(name)) {
                        return None;
                    }
                    let used = node.requested.get(name).saturating_add(if with_pod { wants } else { 0 });
                    Some((used as f64 / has as f64).min(1.0))
                });
                let shares: Vec<f64> = shares.collect();
                ((1.0 - deviation(&shares)) * 100.0) as i64
            };
            50 + (50 + balance(true) - balance(false)) / 2
        };
        Some(Score { score: Box::new(score), normalize: Normalize::No })
    }
}

fn deviation(shares: &[f64]) -> f64 {
    match shares {
        [] | [_] => 0.0,
        // The same as below, in one step.
        [one, other] => ((one - other) / 2.0).abs(),
        _ => {
            let count = shares.len() as f64;
            let mean = shares.iter().sum::<f64>() / count;
            (shares.iter().map(|share| (share - mean) * (share - mean)).sum::<f64>() / count).sqrt()
        }
    }
}
