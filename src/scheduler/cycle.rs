//! One scheduling cycle: filter nodes, score those left, choose; or say why none will do.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
    rc::Rc,
};

use super::{
    cache::{Cache, NodeInfo, PodInfo},
    plugins::{Filter, FilterFn, Normalize, PLUGINS, Refusal, normalize},
    preemption,
};
use crate::sim::Rng;

/// Nodes of a decision that are kept; of a larger cluster only so many.
const KEPT: usize = 50;

/// What became of one node.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub node: Rc<str>,
    /// The plugin that refused it, and why.
    pub refused: Option<(&'static str, Refusal)>,
    /// Normalised scores (0..=100) by position in [`PLUGINS`], before weighting. All zero if there
    /// was nothing to choose between.
    pub scores: [i8; PLUGINS.len()],
    /// The weighted sum.
    pub total: i64,
}

/// A cycle's result.
pub struct Cycle {
    /// The node, or why there is none.
    pub result: Result<Rc<str>, Diagnosis>,
    /// At most [`KEPT`] nodes, the chosen one among them.
    pub verdicts: Vec<Verdict>,
    /// How many nodes were looked at.
    pub examined: usize,
}

/// Why no node will do.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    pub nodes: usize,
    /// A refusal of all nodes at once.
    pub pre_filter: Option<String>,
    /// Reasons with the number of nodes that have them.
    pub reasons: BTreeMap<Cow<'static, str>, usize>,
    /// What eviction of other pods could do.
    pub post_filter: String,
    pub refused_by: BTreeSet<&'static str>,
    /// Nodes that other pods' eviction might free.
    pub potential: Vec<Rc<str>>,
}

impl fmt::Display for Diagnosis {
    /// `FitError.Error()`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0/{} nodes are available:", self.nodes)?;
        if let Some(text) = &self.pre_filter {
            write!(f, " {text}.")?;
        } else if !self.reasons.is_empty() {
            let mut texts: Vec<String> = self.reasons.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
            texts.sort();
            write!(f, " {}.", texts.join(", "))?;
        }
        if !self.post_filter.is_empty() {
            write!(f, " {}", self.post_filter)?;
        }
        Ok(())
    }
}

/// How many nodes are enough to choose from: all of a small cluster, a share of a large one.
pub fn enough(nodes: usize, percent: Option<usize>) -> usize {
    const FEW: usize = 100;
    if nodes < FEW {
        return nodes;
    }
    let percent = percent.unwrap_or_else(|| 50usize.saturating_sub(nodes / 125).max(5));
    (nodes * percent / 100).max(FEW)
}

/// Looks for a node. `start` is where the last cycle stopped, so that all nodes get their turn.
pub fn run(cache: &Cache, pod: &PodInfo, start: &mut usize, rng: &mut Rng) -> Cycle {
    let nodes = cache.nodes();
    let mut diagnosis = Diagnosis { nodes: nodes.len(), ..Diagnosis::default() };
    let mut filters: Vec<(&'static str, FilterFn)> = Vec::new();
    let mut only: Option<(BTreeSet<&str>, &'static str)> = None;
    for plugin in PLUGINS {
        match plugin.filter(pod, cache) {
            Filter::Skip => {}
            Filter::Reject(reason) => {
                diagnosis.pre_filter = Some(reason.into_owned());
                diagnosis.refused_by.insert(plugin.name());
                // DynamicResources, which speaks first, has not looked at this pod and says so.
                diagnosis.post_filter = "not found".into();
                return Cycle { result: Err(diagnosis), verdicts: Vec::new(), examined: 0 };
            }
            Filter::Check { check, only: names } => {
                filters.push((plugin.name(), check));
                if let Some(names) = names {
                    only = Some((names, plugin.name()));
                }
            }
        }
    }
    // Where room was made for the pod it goes, if it fits by now.
    let nominated = preemption::nomination(&pod.pod).and_then(|node| cache.node(node));
    if let Some(node) = nominated
        && refusal(node, &filters, only.as_ref()).is_none()
    {
        let verdict = Verdict { node: node.name.clone(), refused: None, scores: [0; PLUGINS.len()], total: 0 };
        return Cycle { result: Ok(node.name.clone()), verdicts: vec![verdict], examined: 1 };
    }
    let mut verdicts = Vec::with_capacity(nodes.len().min(KEPT));
    let mut feasible: Vec<usize> = Vec::new();
    let enough = enough(nodes.len(), None);
    let mut examined = 0;
    while examined < nodes.len() && feasible.len() < enough {
        let at = (*start + examined) % nodes.len();
        let node = &nodes[at];
        examined += 1;
        match refusal(node, &filters, only.as_ref()) {
            None => feasible.push(at),
            Some((plugin, refusal)) => {
                for reason in &refusal.reasons {
                    *diagnosis.reasons.entry(reason.clone()).or_insert(0) += 1;
                }
                diagnosis.refused_by.insert(plugin);
                if !refusal.unresolvable {
                    diagnosis.potential.push(node.name.clone());
                }
                if verdicts.len() < KEPT {
                    verdicts.push(Verdict {
                        node: node.name.clone(),
                        refused: Some((plugin, refusal)),
                        scores: [0; PLUGINS.len()],
                        total: 0,
                    });
                }
            }
        }
    }
    if !nodes.is_empty() {
        *start = (*start + examined) % nodes.len();
    }
    drop(filters);
    if feasible.is_empty() {
        return Cycle { result: Err(diagnosis), verdicts, examined };
    }
    let chosen = choose(cache, pod, &feasible, &mut verdicts, rng);
    Cycle { result: Ok(nodes[chosen].name.clone()), verdicts, examined }
}

/// Whether one node would do.
pub fn fits(cache: &Cache, pod: &PodInfo, node: &NodeInfo) -> Result<(), Refusal> {
    for plugin in PLUGINS {
        match plugin.filter(pod, cache) {
            Filter::Skip => {}
            Filter::Reject(reason) => return Err(Refusal { reasons: vec![reason], unresolvable: true }),
            Filter::Check { check, only } => {
                if only.is_some_and(|names| !names.contains(&*node.name)) {
                    let reason = format!("node(s) didn't satisfy plugin(s) [{}]", plugin.name());
                    return Err(Refusal { reasons: vec![reason.into()], unresolvable: true });
                }
                check(node)?;
            }
        }
    }
    Ok(())
}

fn refusal(
    node: &NodeInfo,
    filters: &[(&'static str, FilterFn)],
    only: Option<&(BTreeSet<&str>, &'static str)>,
) -> Option<(&'static str, Refusal)> {
    if let Some((names, plugin)) = only
        && !names.contains(&*node.name)
    {
        let reason = format!("node(s) didn't satisfy plugin(s) [{plugin}]");
        return Some((plugin, Refusal { reasons: vec![reason.into()], unresolvable: true }));
    }
    filters.iter().find_map(|(plugin, check)| check(node).err().map(|refusal| (*plugin, refusal)))
}

/// Scores the feasible nodes and picks the best, by chance among equals.
fn choose(cache: &Cache, pod: &PodInfo, feasible: &[usize], verdicts: &mut Vec<Verdict>, rng: &mut Rng) -> usize {
    let nodes = cache.nodes();
    let mut totals = vec![0i64; feasible.len()];
    let mut scores = vec![[0i64; PLUGINS.len()]; feasible.len()];
    if feasible.len() > 1 {
        let mut raw = vec![0i64; feasible.len()];
        let candidates: Vec<&NodeInfo> = feasible.iter().map(|at| &nodes[*at]).collect();
        for (position, plugin) in PLUGINS.iter().enumerate() {
            let Some(score) = plugin.score(pod, cache, &candidates) else { continue };
            for (raw, at) in raw.iter_mut().zip(feasible) {
                *raw = (score.score)(&nodes[*at]);
            }
            if score.normalize != Normalize::No {
                normalize(&mut raw, score.normalize);
            }
            for (node, raw) in raw.iter().enumerate() {
                scores[node][position] = *raw;
                totals[node] += plugin.weight() * raw;
            }
        }
    }
    let best = totals.iter().copied().max().unwrap_or(0);
    let ties: Vec<usize> = (0..feasible.len()).filter(|node| totals[*node] == best).collect();
    let chosen = if ties.len() == 1 { ties[0] } else { ties[rng.below(ties.len() as u64) as usize] };
    let others = (0..feasible.len()).filter(|node| *node != chosen);
    for node in std::iter::once(chosen).chain(others).take((KEPT - verdicts.len()).max(1)) {
        verdicts.push(Verdict {
            node: nodes[feasible[node]].name.clone(),
            refused: None,
            // Some thousand are kept: normalised scores need no more.
            scores: scores[node].map(|score| score.clamp(0, 100) as i8),
            total: totals[node],
        });
    }
    feasible[chosen]
}
