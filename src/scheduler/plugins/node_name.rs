//! A pod that names its node runs there or nowhere.

use super::{Filter, Plugin, Refusal};
use crate::scheduler::cache::{Cache, PodInfo};

pub struct NodeName;

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        "NodeName"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: &'a Cache) -> Filter<'a> {
        match pod.spec().node_name.as_deref() {
            None | Some("") => Filter::Skip,
            Some(name) => Filter::check(move |node| {
                if *node.name == *name {
                    return Ok(());
                }
                Err(Refusal::unresolvable("node(s) didn't match the requested node name"))
            }),
        }
    }
}
