//! Pods that want to be near to others, or away from them: those that come, and those that are there.

use std::collections::BTreeMap;

use super::{Filter, Normalize, Plugin, Refusal, Score, label};
use crate::scheduler::{
    cache::{Cache, NodeInfo, PodInfo},
    terms::Term,
};

pub struct InterPodAffinity;

/// How often each value of each topology key was met.
type Counts<'a> = BTreeMap<(&'a str, &'a str), i64>;

fn count<'a>(counts: &mut Counts<'a>, node: &'a NodeInfo, key: &'a str, by: i64) {
    if let Some(value) = label(node, key) {
        *counts.entry((key, value)).or_insert(0) += by;
    }
}

/// Whether a pod is meant by each of the terms, of which there are some.
fn meant_by_all(terms: &[Term], pod: &PodInfo, cache: &Cache) -> bool {
    !terms.is_empty() && terms.iter().all(|term| term.matches(&pod.pod, cache.namespace_labels(&pod.pod)))
}

impl Plugin for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cache: &'a Cache) -> Filter<'a> {
        let own = pod.terms.as_deref();
        if let Some(why) = own.and_then(|terms| terms.fault.as_ref()) {
            return Filter::Reject(format!("parsing pod: {why}").into());
        }
        let near = own.map_or(&[][..], |terms| &terms.required);
        let far = own.map_or(&[][..], |terms| &terms.required_anti);
        let (mut others, mut wanted, mut unwanted) = (Counts::new(), Counts::new(), Counts::new());
        let namespace = cache.namespace_labels(&pod.pod);
        for node in cache.nodes().iter().filter(|node| node.with_terms > 0) {
            for other in node.pods.values() {
                let terms = other.terms.iter().flat_map(|terms| &terms.required_anti);
                for term in terms.filter(|term| term.matches(&pod.pod, namespace)) {
                    count(&mut others, node, &term.topology_key, 1);
                }
            }
        }
        if near.is_empty() && far.is_empty() {
            if others.is_empty() {
                return Filter::Skip;
            }
        } else {
            for node in cache.nodes() {
                for other in node.pods.values() {
                    if meant_by_all(near, other, cache) {
                        near.iter().for_each(|term| count(&mut wanted, node, &term.topology_key, 1));
                    }
                    let labels = cache.namespace_labels(&other.pod);
                    for term in far.iter().filter(|term| term.matches(&other.pod, labels)) {
                        count(&mut unwanted, node, &term.topology_key, 1);
                    }
                }
            }
        }
        // The first of a group that wants to be together has nobody to be with but itself.
        let first = wanted.is_empty() && meant_by_all(near, pod, cache);
        Filter::check(move |node| {
            let mut near_all = true;
            for term in near {
                match label(node, &term.topology_key) {
                    Some(value) => near_all &= wanted.contains_key(&(term.topology_key.as_str(), value)),
                    None => return Err(Refusal::unresolvable("node(s) didn't match pod affinity rules")),
                }
            }
            if !near_all && !first {
                return Err(Refusal::unresolvable("node(s) didn't match pod affinity rules"));
            }
            let meets = |counts: &Counts, key: &str| label(node, key).is_some_and(|v| counts.contains_key(&(key, v)));
            if far.iter().any(|term| meets(&unwanted, &term.topology_key)) {
                return Err(Refusal::resolvable("node(s) didn't match pod anti-affinity rules"));
            }
            if others.keys().any(|(key, value)| label(node, key) == Some(value)) {
                return Err(Refusal::resolvable("node(s) didn't satisfy existing pods anti-affinity rules"));
            }
            Ok(())
        })
    }

    fn score<'a>(&self, pod: &'a PodInfo, cache: &'a Cache, _: &[&'a NodeInfo]) -> Option<Score<'a>> {
        let own = pod.terms.as_deref();
        let preferring = own.is_some_and(|terms| !terms.preferred.is_empty() || !terms.preferred_anti.is_empty());
        let (args, namespace) = (&cache.args, cache.namespace_labels(&pod.pod));
        if !preferring && args.ignore_others_preferences {
            return None;
        }
        if own.is_some_and(|terms| terms.fault.is_some()) {
            return None;
        }
        let mut sums = Counts::new();
        for node in cache.nodes().iter().filter(|node| preferring || node.with_terms > 0) {
            for other in node.pods.values().filter(|other| preferring || other.terms.is_some()) {
                if let Some(own) = own {
                    let labels = cache.namespace_labels(&other.pod);
                    for (sign, terms) in [(1, &own.preferred), (-1, &own.preferred_anti)] {
                        for (weight, term) in terms.iter().filter(|(_, term)| term.matches(&other.pod, labels)) {
                            count(&mut sums, node, &term.topology_key, sign * weight);
                        }
                    }
                }
                // They prefer us, too.
                let Some(theirs) = other.terms.as_deref() else { continue };
                if args.hard_affinity_weight > 0 {
                    for term in theirs.required.iter().filter(|term| term.matches(&pod.pod, namespace)) {
                        count(&mut sums, node, &term.topology_key, args.hard_affinity_weight);
                    }
                }
                for (sign, terms) in [(1, &theirs.preferred), (-1, &theirs.preferred_anti)] {
                    for (weight, term) in terms.iter().filter(|(_, term)| term.matches(&pod.pod, namespace)) {
                        count(&mut sums, node, &term.topology_key, sign * weight);
                    }
                }
            }
        }
        if sums.is_empty() {
            return None;
        }
        let score = move |node: &NodeInfo| {
            let here = sums.iter().filter(|((key, value), _)| label(node, key) == Some(value));
            here.map(|(_, sum)| sum).sum()
        };
        Some(Score { score: Box::new(score), normalize: Normalize::Range })
    }
}
