//! Pods of a kind are spread over zones, nodes or whatever labels tell apart.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::TopologySpreadConstraint;

use super::{Filter, IGNORED, Normalize, Plugin, Refusal, Score, label, node_affinity};
use crate::{
    api::{
        selector::{LabelSelector, Labels, Operator, Requirement},
        taints::untolerated,
    },
    scheduler::cache::{Cache, NodeInfo, PodInfo},
};

pub struct PodTopologySpread;

const HOSTNAME: &str = "kubernetes.io/hostname";

/// A constraint, read.
#[derive(Debug)]
pub struct Constraint {
    max_skew: i64,
    key: String,
    selector: LabelSelector,
    min_domains: usize,
    honor_affinity: bool,
    pub honor_taints: bool,
}

/// The constraints of a pod with one action: its own, else the configured ones for pods of services.
fn constraints(pod: &PodInfo, cache: &Cache, action: &str) -> Vec<Constraint> {
    let own = pod.spec().topology_spread_constraints.as_deref().unwrap_or_default();
    let read = |list: &[TopologySpreadConstraint]| -> Vec<Constraint> {
        let wanted = list.iter().filter(|constraint| constraint.when_unsatisfiable == action);
        wanted.map(|constraint| Constraint::new(constraint, pod, cache)).collect()
    };
    if !own.is_empty() {
        return read(own);
    }
    let mut all = read(&cache.args.default_constraints);
    if all.is_empty() {
        return all;
    }
    let labels = cache.service_labels(&pod.pod);
    if labels.is_empty() {
        return Vec::new();
    }
    for constraint in &mut all {
        constraint.selector = LabelSelector::from_labels(&labels);
    }
    all
}

impl Constraint {
    fn new(constraint: &TopologySpreadConstraint, pod: &PodInfo, cache: &Cache) -> Constraint {
        let labels = constraint.label_selector.as_ref();
        let mut selector = LabelSelector::from_api(labels).unwrap_or_else(|_| LabelSelector::nothing());
        if cache.args.match_label_keys && labels.is_some() {
            let own = pod.pod.metadata.labels.as_ref();
            for key in constraint.match_label_keys.iter().flatten() {
                if let Some(value) = own.and_then(|labels| labels.get(key)) {
                    let values = vec![value.clone()];
                    selector.requirements.push(Requirement { key: key.clone(), operator: Operator::Equals, values });
                }
            }
        }
        let policies = cache.args.node_inclusion_policies;
        let is = |policy: &Option<String>, what: &str| policies && policy.as_deref() == Some(what);
        Constraint {
            max_skew: i64::from(constraint.max_skew),
            key: constraint.topology_key.clone(),
            selector,
            min_domains: usize::try_from(constraint.min_domains.unwrap_or(1)).unwrap_or(1),
            honor_affinity: !is(&constraint.node_affinity_policy, "Ignore"),
            honor_taints: is(&constraint.node_taints_policy, "Honor"),
        }
    }

    /// Whether a node takes part in the count.
    fn includes(&self, pod: &PodInfo, node: &NodeInfo, cache: &Cache) -> bool {
        if self.honor_affinity && !node_affinity::fits(pod, node) {
            return false;
        }
        let tolerations = pod.spec().tolerations.as_deref().unwrap_or_default();
        let taints = node.node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
        let keeps_away = |taint: &k8s_openapi::api::core::v1::Taint| taint.effect != "PreferNoSchedule";
        !self.honor_taints || untolerated(taints, tolerations, keeps_away, cache.args.comparing_tolerations).is_none()
    }

    /// Whether a pod of the namespace counts.
    pub fn counts(&self, pod: &PodInfo) -> bool {
        self.selector.matches(pod.pod.metadata.labels.as_ref())
    }

    /// The domain that a node belongs to.
    pub fn domain<'a>(&self, node: &'a NodeInfo) -> Option<&'a str> {
        label(node, &self.key)
    }

    /// Pods on a node that count: those of the namespace that aren't going.
    fn count(&self, pod: &PodInfo, node: &NodeInfo) -> i64 {
        if self.selector.is_empty() {
            return 0;
        }
        let namespace = pod.pod.metadata.namespace.as_deref().unwrap_or_default();
        let counts = |other: &&std::rc::Rc<PodInfo>| {
            let meta = &other.pod.metadata;
            meta.deletion_timestamp.is_none()
                && meta.namespace.as_deref().unwrap_or_default() == namespace
                && self.selector.matches(meta.labels.as_ref())
        };
        node.pods.values().filter(counts).count() as i64
    }
}

/// The constraints that must hold.
pub fn required(pod: &PodInfo, cache: &Cache) -> Vec<Constraint> {
    constraints(pod, cache, "DoNotSchedule")
}

/// Whether a node has all the labels that the constraints go by.
pub fn counts_node(constraints: &[Constraint], node: &NodeInfo) -> bool {
    constraints.iter().all(|constraint| label(node, &constraint.key).is_some())
}

/// How many matching pods each domain has, for each constraint that must hold.
pub fn counts<'a>(pod: &PodInfo, cache: &'a Cache) -> Vec<BTreeMap<&'a str, i64>> {
    counted(&constraints(pod, cache, "DoNotSchedule"), pod, cache)
}

fn counted<'a>(constraints: &[Constraint], pod: &PodInfo, cache: &'a Cache) -> Vec<BTreeMap<&'a str, i64>> {
    let mut counts: Vec<BTreeMap<&str, i64>> = constraints.iter().map(|_| BTreeMap::new()).collect();
    for node in cache.nodes().iter().filter(|node| counts_node(constraints, node)) {
        for (constraint, counts) in constraints.iter().zip(&mut counts) {
            if let Some(value) = label(node, &constraint.key)
                && constraint.includes(pod, node, cache)
            {
                *counts.entry(value).or_insert(0) += constraint.count(pod, node);
            }
        }
    }
    counts
}

impl Plugin for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cache: &'a Cache) -> Filter<'a> {
        let constraints = constraints(pod, cache, "DoNotSchedule");
        if constraints.is_empty() {
            return Filter::Skip;
        }
        let counts = counted(&constraints, pod, cache);
        let least: Vec<i64> = constraints
            .iter()
            .zip(&counts)
            .map(|(constraint, counts)| match counts.values().min() {
                _ if counts.len() < constraint.min_domains => 0,
                Some(least) => *least,
                None => i64::from(i32::MAX),
            })
            .collect();
        Filter::check(move |node| {
            for ((constraint, counts), least) in constraints.iter().zip(&counts).zip(&least) {
                let Some(value) = label(node, &constraint.key) else {
                    let why = "node(s) didn't match pod topology spread constraints (missing required label)";
                    return Err(Refusal::unresolvable(why));
                };
                let itself = i64::from(constraint.selector.matches(pod.pod.metadata.labels.as_ref()));
                let here = counts.get(value).copied().unwrap_or(0);
                if here + itself - least > constraint.max_skew {
                    return Err(Refusal::resolvable("node(s) didn't match pod topology spread constraints"));
                }
            }
            Ok(())
        })
    }

    fn score<'a>(&self, pod: &'a PodInfo, cache: &'a Cache, feasible: &[&'a NodeInfo]) -> Option<Score<'a>> {
        let constraints = constraints(pod, cache, "ScheduleAnyway");
        if constraints.is_empty() {
            return None;
        }
        // A node without a zone is spread over by its name all the same, unless somebody asked for zones.
        let own = pod.spec().topology_spread_constraints.as_ref().is_some_and(|own| !own.is_empty());
        let strict = own || !cache.args.default_constraints_are_the_systems;
        let taken: Vec<&&NodeInfo> =
            feasible.iter().filter(|node| !strict || counts_node(&constraints, node)).collect();
        let mut counts: Vec<BTreeMap<&str, i64>> = constraints.iter().map(|_| BTreeMap::new()).collect();
        for (constraint, counts) in constraints.iter().zip(&mut counts).filter(|(c, _)| c.key != HOSTNAME) {
            for node in &taken {
                counts.insert(label(node, &constraint.key).unwrap_or_default(), 0);
            }
        }
        let size = |constraint: &Constraint, domains: usize| {
            if constraint.key == HOSTNAME { taken.len() } else { domains }
        };
        let weights: Vec<f64> =
            constraints.iter().zip(&counts).map(|(c, counts)| ((size(c, counts.len()) + 2) as f64).ln()).collect();
        for node in cache.nodes().iter().filter(|node| !strict || counts_node(&constraints, node)) {
            for (constraint, counts) in constraints.iter().zip(&mut counts) {
                let value = label(node, &constraint.key).unwrap_or_default();
                if let Some(sum) = counts.get_mut(value)
                    && constraint.includes(pod, node, cache)
                {
                    *sum += constraint.count(pod, node);
                }
            }
        }
        let ignored: BTreeSet<&str> = match strict {
            true => feasible.iter().filter(|node| !counts_node(&constraints, node)).map(|node| &*node.name).collect(),
            false => BTreeSet::new(),
        };
        let score = move |node: &NodeInfo| {
            if ignored.contains(&*node.name) {
                return IGNORED;
            }
            let mut score = 0.0;
            for ((constraint, counts), weight) in constraints.iter().zip(&counts).zip(&weights) {
                let Some(value) = label(node, &constraint.key) else { continue };
                let here = match constraint.key.as_str() {
                    HOSTNAME => constraint.count(pod, node),
                    _ => counts.get(value).copied().unwrap_or(0),
                };
                score += here as f64 * weight + (constraint.max_skew - 1) as f64;
            }
            score.round() as i64
        };
        Some(Score { score: Box::new(score), normalize: Normalize::Spread })
    }
}

/// The labels by which services of the pod's namespace choose it, all together.
pub(crate) fn service_labels<'s>(services: impl Iterator<Item = &'s Labels>, pod: Option<&Labels>) -> Labels {
    let chooses = |selector: &&Labels| {
        !selector.is_empty()
            && selector.iter().all(|(key, value)| pod.is_some_and(|labels| labels.get(key) == Some(value)))
    };
    services.filter(chooses).flat_map(|selector| selector.clone()).collect()
}
