//! The scheduler's plugins, one module each.
//!
//! A plugin looks at the pod once in a cycle and gives back closures over what it found: one that
//! filters nodes, one that scores them. So a plugin that needs sums over the whole cluster has
//! them computed once, and a plugin with nothing to say costs nothing.

mod balanced_allocation;
pub mod image_locality;
mod inter_pod_affinity;
pub mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_fit;
mod node_unschedulable;
pub mod pod_topology_spread;
pub mod scheduling_gates;
mod taint_toleration;
pub mod volume_binding;

use std::{borrow::Cow, collections::BTreeSet};

use super::cache::{Cache, NodeInfo, PodInfo};

pub use node_resources_fit::insufficient;
pub(crate) use pod_topology_spread::service_labels;

/// Why a node was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reasons: Vec<Cow<'static, str>>,
    /// Evicting pods wouldn't help.
    pub unresolvable: bool,
}

impl Refusal {
    pub fn resolvable(reason: &'static str) -> Refusal {
        Refusal { reasons: vec![reason.into()], unresolvable: false }
    }

    pub fn unresolvable(reason: &'static str) -> Refusal {
        Refusal { reasons: vec![reason.into()], unresolvable: true }
    }
}

pub type FilterFn<'a> = Box<dyn Fn(&NodeInfo) -> Result<(), Refusal> + 'a>;

/// What a plugin's look at the pod gave for filtering.
pub enum Filter<'a> {
    /// Nothing to check.
    Skip,
    /// No node can do.
    Reject(Cow<'static, str>),
    Check {
        check: FilterFn<'a>,
        /// Only these nodes can do.
        only: Option<BTreeSet<&'a str>>,
    },
}

impl<'a> Filter<'a> {
    fn check(check: impl Fn(&NodeInfo) -> Result<(), Refusal> + 'a) -> Filter<'a> {
        Filter::Check { check: Box::new(check), only: None }
    }
}

/// How raw scores become 0..=100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    /// They already are.
    No,
    /// 100 for the highest.
    Highest,
    /// 0 for the highest, 100 for zero.
    Reverse,
    /// 0 for the lowest, 100 for the highest.
    Range,
    /// 100 for the lowest of a spread, less for higher ones; 0 for those that are [`IGNORED`].
    Spread,
}

/// The raw score of a node that takes no part.
pub const IGNORED: i64 = i64::MIN;

/// A plugin's scores for one pod.
pub struct Score<'a> {
    pub score: Box<dyn Fn(&NodeInfo) -> i64 + 'a>,
    pub normalize: Normalize,
}

pub trait Plugin {
    fn name(&self) -> &'static str;

    /// How much its scores count; 0 if it doesn't score.
    fn weight(&self) -> i64 {
        0
    }

    fn filter<'a>(&self, _pod: &'a PodInfo, _cache: &'a Cache) -> Filter<'a> {
        Filter::Skip
    }

    /// `None`: every node gets 0.
    fn score<'a>(&self, _pod: &'a PodInfo, _cache: &'a Cache, _feasible: &[&'a NodeInfo]) -> Option<Score<'a>> {
        None
    }
}

/// The default plugins in the order in which they filter and score.
pub const PLUGINS: &[&dyn Plugin] = &[
    &node_unschedulable::NodeUnschedulable,
    &node_name::NodeName,
    &taint_toleration::TaintToleration,
    &node_affinity::NodeAffinity,
    &node_ports::NodePorts,
    &node_resources_fit::NodeResourcesFit,
    &volume_binding::VolumeBinding,
    &pod_topology_spread::PodTopologySpread,
    &inter_pod_affinity::InterPodAffinity,
    &balanced_allocation::BalancedAllocation,
    &image_locality::ImageLocality,
];

/// A label of a node.
fn label<'a>(node: &'a NodeInfo, key: &str) -> Option<&'a str> {
    node.node.metadata.labels.as_ref()?.get(key).map(String::as_str)
}

/// `helper.DefaultNormalizeScore`, and those of plugins that do it otherwise.
pub fn normalize(scores: &mut [i64], how: Normalize) {
    let taken = || scores.iter().copied().filter(|score| *score != IGNORED);
    let (min, max) = (taken().min().unwrap_or(0), taken().max().unwrap_or(0));
    match how {
        Normalize::No => {}
        Normalize::Range => {
            let share = |score: i64| (100.0 * ((score - min) as f64 / (max - min) as f64)) as i64;
            scores.iter_mut().for_each(|s| *s = if max > min { share(*s) } else { 0 });
        }
        Normalize::Spread => scores.iter_mut().for_each(|s| {
            *s = match *s {
                IGNORED => 0,
                _ if max == 0 => 100,
                score => 100 * (max + min - score) / max,
            };
        }),
        Normalize::Reverse if max == 0 => scores.fill(100),
        _ if max == 0 => {}
        Normalize::Highest => scores.iter_mut().for_each(|s| *s = 100 * *s / max),
        Normalize::Reverse => scores.iter_mut().for_each(|s| *s = 100 - 100 * *s / max),
    }
}
