//! The scheduler's plugins, one module each.
//!
//! A plugin looks at the pod once in a cycle and gives back closures over what it found: one that
//! filters nodes, one that scores them. So a plugin that needs sums over the whole cluster has
//! them computed once, and a plugin with nothing to say costs nothing.

mod balanced_allocation;
pub mod image_locality;
pub mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_fit;
mod node_unschedulable;
pub mod scheduling_gates;
mod taint_toleration;

use std::{borrow::Cow, collections::BTreeSet};

use super::cache::{Cache, NodeInfo, PodInfo};

pub use node_resources_fit::insufficient;

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
    Reject(&'static str),
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
}

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
    fn score<'a>(&self, _pod: &'a PodInfo, _cache: &'a Cache) -> Option<Score<'a>> {
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
    &balanced_allocation::BalancedAllocation,
    &image_locality::ImageLocality,
];

/// `helper.DefaultNormalizeScore`.
pub fn normalize(scores: &mut [i64], how: Normalize) {
    let max = scores.iter().copied().max().unwrap_or(0);
    match how {
        Normalize::No => {}
        Normalize::Reverse if max == 0 => scores.fill(100),
        _ if max == 0 => {}
        Normalize::Highest => scores.iter_mut().for_each(|s| *s = 100 * *s / max),
        Normalize::Reverse => scores.iter_mut().for_each(|s| *s = 100 - 100 * *s / max),
    }
}
