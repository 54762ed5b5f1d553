//! nodeSelector and node affinity.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    NodeAffinity as Affinity, NodeSelectorRequirement, NodeSelectorTerm, PreferredSchedulingTerm,
};

use super::{Filter, Normalize, Plugin, Refusal, Score};
use crate::{
    api::selector::{Operator, Requirement},
    scheduler::cache::{Cache, NodeInfo, PodInfo},
};

pub struct NodeAffinity;

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn weight(&self) -> i64 {
        2
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cache: &'a Cache) -> Filter<'a> {
        let added = cache.args.added_affinity.as_ref().and_then(required);
        let selector = pod.spec().node_selector.as_ref().filter(|selector| !selector.is_empty());
        let required = affinity(pod).and_then(required);
        if selector.is_none() && required.is_none() && added.is_none() {
            return Filter::Skip;
        }
        let terms = required;
        let only = terms.and_then(named_nodes);
        if only.as_ref().is_some_and(BTreeSet::is_empty) {
            return Filter::Reject("pod affinity terms conflict".into());
        }
        let check = move |node: &NodeInfo| {
            if added.is_some_and(|terms| !terms.iter().any(|term| matches(term, node))) {
                return Err(Refusal::unresolvable("node(s) didn't match scheduler-enforced node affinity"));
            }
            if fits(pod, node) {
                return Ok(());
            }
            Err(Refusal::unresolvable("node(s) didn't match Pod's node affinity/selector"))
        };
        Filter::Check { check: Box::new(check), only }
    }

    fn score<'a>(&self, pod: &'a PodInfo, cache: &'a Cache, _: &[&'a NodeInfo]) -> Option<Score<'a>> {
        let all = [affinity(pod), cache.args.added_affinity.as_ref()];
        let preferred = all.into_iter().flatten();
        let preferred = preferred.flat_map(|a| a.preferred_during_scheduling_ignored_during_execution.iter().flatten());
        let preferred: Vec<&PreferredSchedulingTerm> = preferred.collect();
        let broken = |term: &&PreferredSchedulingTerm| term.weight != 0 && !faults(&term.preference, "").is_empty();
        if preferred.is_empty() || preferred.iter().any(broken) {
            return None;
        }
        let score = move |node: &NodeInfo| {
            let wanted = preferred.iter().filter(|term| term.weight != 0 && matches(&term.preference, node));
            wanted.map(|term| i64::from(term.weight)).sum()
        };
        Some(Score { score: Box::new(score), normalize: Normalize::Highest })
    }
}

fn required(affinity: &Affinity) -> Option<&[NodeSelectorTerm]> {
    let required = affinity.required_during_scheduling_ignored_during_execution.as_ref();
    required.map(|required| &required.node_selector_terms[..])
}

/// Whether the pod and the scheduler's configuration allow a node.
pub fn allowed(pod: &PodInfo, node: &NodeInfo, cache: &Cache) -> bool {
    let added = cache.args.added_affinity.as_ref().and_then(required);
    added.is_none_or(|terms| terms.iter().any(|term| matches(term, node))) && fits(pod, node)
}

/// Whether a node has what the pod's own selector and required affinity ask for.
pub fn fits(pod: &PodInfo, node: &NodeInfo) -> bool {
    let mut selector = pod.spec().node_selector.iter().flatten();
    let terms = affinity(pod).and_then(required);
    selector.all(|(key, value)| label(node, key) == Some(value))
        && terms.is_none_or(|terms| terms.iter().any(|term| matches(term, node)))
}

fn affinity(pod: &PodInfo) -> Option<&Affinity> {
    pod.spec().affinity.as_ref()?.node_affinity.as_ref()
}

fn label<'a>(node: &'a NodeInfo, key: &str) -> Option<&'a String> {
    node.node.metadata.labels.as_ref()?.get(key)
}

/// The nodes that terms name by `metadata.name`, if each of them does. Terms are alternatives, the
/// fields within one must all hold.
fn named_nodes(terms: &[NodeSelectorTerm]) -> Option<BTreeSet<&str>> {
    let mut all = BTreeSet::new();
    for term in terms {
        let mut named: Option<BTreeSet<&str>> = None;
        for field in term.match_fields.iter().flatten() {
            if field.key == "metadata.name" && field.operator == "In" {
                let names: BTreeSet<&str> = field.values.iter().flatten().map(String::as_str).collect();
                named = Some(match named {
                    Some(named) => named.intersection(&names).copied().collect(),
                    None => names,
                });
            }
        }
        all.extend(named?);
    }
    (!terms.is_empty()).then_some(all)
}

/// Whether a node meets a term. A term without requirements, or with one that is wrong, matches
/// nothing.
pub fn matches(term: &NodeSelectorTerm, node: &NodeInfo) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    expressions.iter().all(|e| holds(e, label(node, &e.key).map(String::as_str)))
        && fields.iter().all(|f| {
            let one = f.values.as_ref().is_some_and(|values| values.len() == 1);
            f.key == "metadata.name"
                && one
                && matches!(f.operator.as_str(), "In" | "NotIn")
                && holds(f, Some(&node.name))
        })
}

/// What is wrong with a term, for which it matches nothing (`nodeaffinity.newNodeSelectorTerm`). `path` is its place.
pub fn faults(term: &NodeSelectorTerm, path: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (index, expression) in term.match_expressions.iter().flatten().enumerate() {
        let path = format!("{path}.matchExpressions[{index}]");
        let operator = match expression.operator.as_str() {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            "Gt" => Operator::GreaterThan,
            "Lt" => Operator::LessThan,
            other => {
                let known = "\"DoesNotExist\", \"Exists\", \"Gt\", \"In\", \"Lt\", \"NotIn\"";
                faults.push(format!("{path}.operator: Unsupported value: {other:?}: supported values: {known}"));
                continue;
            }
        };
        let values = expression.values.clone().unwrap_or_default();
        faults.extend(Requirement::new(&expression.key, operator, values).err().map(|why| format!("{path}.{why}")));
    }
    for (index, field) in term.match_fields.iter().flatten().enumerate() {
        let path = format!("{path}.matchFields[{index}]");
        let values = field.values.as_deref().unwrap_or_default();
        match field.operator.as_str() {
            "In" | "NotIn" if values.len() == 1 => {}
            "In" | "NotIn" => {
                let shown = serde_json::Value::from(values.to_vec());
                faults.push(format!("{path}.values: Invalid value: {shown}: must have one element"));
            }
            other => faults
                .push(format!("{path}.operator: Unsupported value: {other:?}: supported values: \"In\", \"NotIn\"")),
        }
    }
    faults
}

fn holds(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let among = |value: &str| values.iter().any(|v| v == value);
    let compare = |with: fn(&i64, &i64) -> bool| {
        let (Some(value), [bound]) = (value, values) else { return false };
        match (value.parse::<i64>(), bound.parse::<i64>()) {
            (Ok(value), Ok(bound)) => with(&value, &bound),
            _ => false,
        }
    };
    match requirement.operator.as_str() {
        "In" => value.is_some_and(among),
        "NotIn" => {
            let valid = !values.is_empty() && values.iter().all(|value| is_label_value(value));
            valid && !value.is_some_and(among)
        }
        "Exists" => value.is_some() && values.is_empty(),
        "DoesNotExist" => value.is_none() && values.is_empty(),
        "Gt" => compare(i64::gt),
        "Lt" => compare(i64::lt),
        _ => false,
    }
}

/// A term with a value that no label can have is broken as a whole.
fn is_label_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
