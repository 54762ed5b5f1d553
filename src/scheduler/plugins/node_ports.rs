//! Host ports are taken once on a node.

use super::{Filter, Plugin, Refusal};
use crate::scheduler::cache::{Cache, PodInfo};

pub struct NodePorts;

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: &'a Cache) -> Filter<'a> {
        if pod.host_ports.is_empty() {
            return Filter::Skip;
        }
        Filter::check(|node| {
            if pod.host_ports.iter().any(|wanted| node.host_ports.iter().any(|used| used.clashes(wanted))) {
                return Err(Refusal::resolvable("node(s) didn't have free ports for the requested pod ports"));
            }
            Ok(())
        })
    }
}
