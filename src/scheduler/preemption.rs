//! Making room for a pod by evicting less important ones (`plugins/defaultpreemption`, `framework/preemption`).
//!
//! Invariant: the cache is as before when a function here returns; victims are taken out of it only to see what fits then.

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::api::core::v1::PodCondition;

use super::{
    cache::{Cache, NodeInfo, PodInfo},
    cycle::{self, Diagnosis},
    plugins::Refusal,
};
use crate::{
    api::{
        Pod,
        disruption::{number, selector},
        other::Other,
    },
    sim::Rng,
};

/// A node on which room can be made.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub node: Rc<str>,
    /// The most important first.
    pub victims: Vec<Rc<PodInfo>>,
    /// How many of them some disruption budget would rather keep.
    pub violations: usize,
}

/// What came of an attempt.
pub enum Outcome {
    /// These pods are to go.
    Preempt(Candidate),
    /// Why nothing is done.
    Useless(String),
    /// The pod has preempted already, or may not; it keeps its nomination.
    Ineligible(String),
}

/// Tries to make room for a pod that fitted nowhere.
pub fn attempt(cache: &mut Cache, pod: &PodInfo, diagnosis: &Diagnosis, rng: &mut Rng) -> Outcome {
    let nominated = nomination(&pod.pod);
    let unresolvable = nominated.is_some_and(|node| !diagnosis.potential.iter().any(|name| &**name == node));
    if let Err(why) = eligible(pod, cache, unresolvable) {
        return Outcome::Ineligible(why.into());
    }
    let potential = &diagnosis.potential;
    let budgets: Vec<Rc<Other>> = cache.budgets().cloned().collect();
    let mut faults = BTreeMap::new();
    if !potential.is_empty() {
        let offset = rng.below(potential.len() as u64) as usize;
        let (candidates, refusals) = dry_run(cache, pod, potential, &budgets, offset, enough(potential.len(), 10, 100));
        if let Some(best) = pick(candidates) {
            return Outcome::Preempt(best);
        }
        faults = refusals;
    }
    let mut result = Diagnosis { nodes: diagnosis.nodes, ..Diagnosis::default() };
    for reason in faults.values().flat_map(|refusal| &refusal.reasons) {
        *result.reasons.entry(reason.clone()).or_insert(0) += 1;
    }
    let helpless = diagnosis.nodes - faults.len();
    if helpless > 0 {
        result.reasons.insert("Preemption is not helpful for scheduling".into(), helpless);
    }
    Outcome::Useless(result.to_string())
}

/// How many candidates are enough to choose from.
pub fn enough(nodes: usize, percent: usize, least: usize) -> usize {
    (nodes * percent / 100).max(least).min(nodes)
}

/// The node that an earlier attempt made room on.
pub fn nomination(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.nominated_node_name.as_deref().filter(|node| !node.is_empty())
}

/// Whether a pod may preempt others now. `unresolvable`: on the node it is nominated for, eviction helps no more.
pub fn eligible(pod: &PodInfo, cache: &Cache, unresolvable: bool) -> Result<(), &'static str> {
    if pod.spec().preemption_policy.as_deref() == Some("Never") {
        return Err("not eligible due to preemptionPolicy=Never.");
    }
    let Some(node) = nomination(&pod.pod).filter(|_| !unresolvable).and_then(|node| cache.node(node)) else {
        return Ok(());
    };
    let going = |other: &Rc<PodInfo>| other.priority() < pod.priority() && is_victim(&other.pod);
    if node.pods.values().any(going) {
        return Err("not eligible due to a terminating pod on the nominated node.");
    }
    Ok(())
}

/// Whether a pod is going because the scheduler wanted its place.
fn is_victim(pod: &Pod) -> bool {
    let preempted = |condition: &PodCondition| {
        condition.type_ == "DisruptionTarget"
            && condition.status == "True"
            && condition.reason.as_deref() == Some("PreemptionByScheduler")
    };
    pod.metadata.deletion_timestamp.is_some()
        && pod.status.iter().flat_map(|status| status.conditions.iter().flatten()).any(preempted)
}

/// Looks at nodes, from the one at `offset` on, until `wanted` candidates are found, one of them at no budget's cost. The
/// second part says why others are none.
pub fn dry_run(
    cache: &mut Cache,
    pod: &PodInfo,
    nodes: &[Rc<str>],
    budgets: &[Rc<Other>],
    offset: usize,
    wanted: usize,
) -> (Vec<Candidate>, BTreeMap<Rc<str>, Refusal>) {
    let (mut gentle, mut violating, mut refusals) = (Vec::new(), Vec::new(), BTreeMap::new());
    for i in 0..nodes.len() {
        if !gentle.is_empty() && gentle.len() + violating.len() >= wanted {
            break;
        }
        let node = &nodes[(offset + i) % nodes.len()];
        match select_victims(cache, pod, node, budgets) {
            // It would fit without any eviction: the next cycle will see.
            Ok((victims, _)) if victims.is_empty() => {}
            Ok((victims, violations)) => {
                let candidate = Candidate { node: node.clone(), victims, violations };
                (if violations == 0 { &mut gentle } else { &mut violating }).push(candidate);
            }
            Err(refusal) => drop(refusals.insert(node.clone(), refusal)),
        }
    }
    gentle.append(&mut violating);
    (gentle, refusals)
}

/// The fewest pods of a node that have to go, and how many of them at a budget's cost; or why it doesn't help.
fn select_victims(
    cache: &mut Cache,
    pod: &PodInfo,
    node: &Rc<str>,
    budgets: &[Rc<Other>],
) -> Result<(Vec<Rc<PodInfo>>, usize), Refusal> {
    let lesser = |info: &NodeInfo| -> Vec<Rc<PodInfo>> {
        info.pods.values().filter(|other| other.priority() < pod.priority()).cloned().collect()
    };
    let mut potential = cache.node(node).map(lesser).unwrap_or_default();
    if potential.is_empty() {
        return Err(Refusal::unresolvable("No preemption victims found for incoming pod"));
    }
    for victim in &potential {
        cache.remove_pod(victim.uid());
    }
    let fits = |cache: &Cache| cache.node(node).map_or(Ok(()), |info| cycle::fits(cache, pod, info));
    if let Err(refusal) = fits(cache) {
        potential.into_iter().for_each(|victim| cache.put_pod(node, victim));
        return Err(refusal);
    }
    potential.sort_by_key(importance);
    let (protected, others) = by_budgets(potential, budgets);
    let mixed = !protected.is_empty() && !others.is_empty();
    let (mut victims, mut violations) = (Vec::new(), 0);
    for (victim, protected) in protected.into_iter().map(|v| (v, true)).chain(others.into_iter().map(|v| (v, false))) {
        cache.put_pod(node, victim.clone());
        if fits(cache).is_err() {
            cache.remove_pod(victim.uid());
            victims.push(victim);
            violations += usize::from(protected);
        }
    }
    victims.iter().for_each(|victim| cache.put_pod(node, victim.clone()));
    if mixed {
        victims.sort_by_key(importance);
    }
    Ok((victims, violations))
}

/// Sorts the most important pod first: by priority, then who started earlier. Among equals the names decide.
fn importance(pod: &Rc<PodInfo>) -> (i64, i128, Option<String>) {
    (-i64::from(pod.priority()), started(&pod.pod), pod.pod.metadata.name.clone())
}

/// In nanoseconds; what hasn't started comes last.
fn started(pod: &Pod) -> i128 {
    let time = pod.status.as_ref().and_then(|status| status.start_time.as_ref());
    time.map_or(i128::MAX, |time| time.0.as_nanosecond())
}

/// Pods whose eviction some budget doesn't allow, and the others.
fn by_budgets(pods: Vec<Rc<PodInfo>>, budgets: &[Rc<Other>]) -> (Vec<Rc<PodInfo>>, Vec<Rc<PodInfo>>) {
    let mut left: Vec<i64> = budgets.iter().map(|budget| number(budget, "status/disruptionsAllowed")).collect();
    let selectors: Vec<_> = budgets.iter().map(|budget| selector(budget)).collect();
    pods.into_iter().partition(|pod| {
        let meta = &pod.pod.metadata;
        let mut violated = false;
        for ((budget, left), selector) in budgets.iter().zip(&mut left).zip(&selectors) {
            let Some(selector) = selector else { continue };
            let labelled = meta.labels.as_ref().is_some_and(|labels| !labels.is_empty());
            let meant = labelled
                && budget.metadata.namespace == meta.namespace
                && !selector.is_empty()
                && selector.matches(meta.labels.as_ref());
            let name = meta.name.as_deref().unwrap_or_default();
            if !meant || budget.at("status/disruptedPods").get(name).is_some() {
                continue;
            }
            *left -= 1;
            violated |= *left < 0;
        }
        violated
    })
}

/// The candidate that costs least.
pub fn pick(candidates: Vec<Candidate>) -> Option<Candidate> {
    let highest = |c: &Candidate| c.victims.iter().map(|victim| victim.priority()).max().unwrap_or(i32::MIN);
    candidates.into_iter().min_by_key(|candidate| {
        let highest = highest(candidate);
        // All priorities count as positive, lest many unimportant pods weigh less than few.
        let sum: i64 = candidate.victims.iter().map(|victim| i64::from(victim.priority()) + (1 << 31)).sum();
        let top = candidate.victims.iter().filter(|victim| victim.priority() == highest);
        let earliest = top.map(|victim| started(&victim.pod)).min().unwrap_or(i128::MAX);
        (candidate.violations, highest, sum, candidate.victims.len(), std::cmp::Reverse(earliest))
    })
}
