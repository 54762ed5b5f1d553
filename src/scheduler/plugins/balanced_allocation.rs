//! Nodes whose CPU and memory the pod would bring into balance are better.

use super::{Normalize, Plugin, Score};
use crate::scheduler::cache::{Cache, NodeInfo, PodInfo};

pub struct BalancedAllocation;

impl Plugin for BalancedAllocation {
    fn name(&self) -> &'static str {
        "NodeResourcesBalancedAllocation"
    }

    fn weight(&self) -> i64 {
        1
    }

    fn score<'a>(&self, pod: &'a PodInfo, _: &'a Cache) -> Option<Score<'a>> {
        if pod.requests.milli_cpu == 0 && pod.requests.memory == 0 {
            return None;
        }
        let score = |node: &NodeInfo| {
            let (has, used, wants) = (&node.allocatable, &node.requested, &pod.requests);
            let balance = |cpu: i64, memory: i64| {
                let cpu = fraction(used.milli_cpu.saturating_add(cpu), has.milli_cpu);
                let memory = fraction(used.memory.saturating_add(memory), has.memory);
                let deviation = match (cpu, memory) {
                    (Some(cpu), Some(memory)) => ((cpu - memory) / 2.0).abs(),
                    _ => 0.0,
                };
                ((1.0 - deviation) * 100.0) as i64
            };
            50 + (50 + balance(wants.milli_cpu, wants.memory) - balance(0, 0)) / 2
        };
        Some(Score { score: Box::new(score), normalize: Normalize::No })
    }
}

fn fraction(used: i64, capacity: i64) -> Option<f64> {
    (capacity != 0).then(|| (used as f64 / capacity as f64).min(1.0))
}
