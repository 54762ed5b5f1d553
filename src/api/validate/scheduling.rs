//! Affinity, tolerations, spreading, gates.

use k8s_openapi::{
    api::core::v1::{
        Affinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm, PodSchedulingGate,
        Toleration, TopologySpreadConstraint, WeightedPodAffinityTerm,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};

use super::{
    env::joined,
    meta::{label_name, label_selector, relaxed_label_selector},
    text,
};
use crate::api::{
    field::{Errors, Path},
    names,
};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

pub fn affinity(errors: &mut Errors, affinity: Option<&Affinity>, path: &Path) {
    let Some(affinity) = affinity else { return };
    if let Some(node) = &affinity.node_affinity {
        let path = path.child("nodeAffinity");
        if let Some(selector) = &node.required_during_scheduling_ignored_during_execution {
            node_selector(errors, selector, &path.child(REQUIRED));
        }
        let preferred = path.child(PREFERRED);
        let terms = node.preferred_during_scheduling_ignored_during_execution.iter().flatten();
        for (index, term) in terms.enumerate() {
            let path = preferred.index(index);
            weight(errors, term.weight, &path);
            node_term(errors, &term.preference, true, &path.child("preference"));
        }
    }
    if let Some(pods) = &affinity.pod_affinity {
        let required = pods.required_during_scheduling_ignored_during_execution.as_deref();
        let preferred = pods.preferred_during_scheduling_ignored_during_execution.as_deref();
        pod_terms(errors, required, preferred, &path.child("podAffinity"));
    }
    if let Some(pods) = &affinity.pod_anti_affinity {
        let required = pods.required_during_scheduling_ignored_during_execution.as_deref();
        let preferred = pods.preferred_during_scheduling_ignored_during_execution.as_deref();
        pod_terms(errors, required, preferred, &path.child("podAntiAffinity"));
    }
}

fn weight(errors: &mut Errors, weight: i32, path: &Path) {
    if !(1..=100).contains(&weight) {
        errors.invalid(&path.child("weight"), &weight, "must be in the range 1-100");
    }
}

pub fn node_selector(errors: &mut Errors, selector: &NodeSelector, path: &Path) {
    let path = path.child("nodeSelectorTerms");
    if selector.node_selector_terms.is_empty() {
        return errors.required(&path, "must have at least one node selector term");
    }
    for (index, term) in selector.node_selector_terms.iter().enumerate() {
        let any_values = errors.options.wrong_node_values;
        node_term(errors, term, any_values, &path.index(index));
    }
}

/// In a preference, values need not be good label values.
fn node_term(errors: &mut Errors, term: &NodeSelectorTerm, any_values: bool, path: &Path) {
    let expressions = path.child("matchExpressions");
    for (index, requirement) in term.match_expressions.iter().flatten().enumerate() {
        node_requirement(errors, requirement, any_values, &expressions.index(index));
    }
    let fields = path.child("matchFields");
    for (index, requirement) in term.match_fields.iter().flatten().enumerate() {
        node_field(errors, requirement, &fields.index(index));
    }
}

fn node_requirement(errors: &mut Errors, requirement: &NodeSelectorRequirement, any_values: bool, path: &Path) {
    let values = requirement.values.as_deref().unwrap_or_default();
    let values_path = path.child("values");
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            errors.required(&values_path, "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors.forbidden(&values_path, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Gt" | "Lt" if values.len() != 1 => {
            errors.required(&values_path, "must be specified single value when `operator` is 'Lt' or 'Gt'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
    label_name(errors, &requirement.key, &path.child("key"));
    if !any_values {
        for (index, value) in values.iter().enumerate() {
            errors.invalid_each(&values_path.index(index), value, names::label_value(value));
        }
    }
}

fn node_field(errors: &mut Errors, requirement: &NodeSelectorRequirement, path: &Path) {
    let values = requirement.values.as_deref().unwrap_or_default();
    let values_path = path.child("values");
    match requirement.operator.as_str() {
        "In" | "NotIn" => {
            if values.len() != 1 {
                let why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
                errors.required(&values_path, why);
            }
        }
        other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
    }
    if requirement.key != "metadata.name" {
        return errors.invalid(&path.child("key"), &requirement.key, "not a valid field selector key");
    }
    for (index, value) in values.iter().enumerate() {
        errors.invalid_each(&values_path.index(index), value, names::dns1123_subdomain(value));
    }
}

fn pod_terms(
    errors: &mut Errors,
    required: Option<&[PodAffinityTerm]>,
    preferred: Option<&[WeightedPodAffinityTerm]>,
    path: &Path,
) {
    let required_path = path.child(REQUIRED);
    for (index, term) in required.unwrap_or_default().iter().enumerate() {
        pod_term(errors, term, &required_path.index(index));
    }
    let preferred_path = path.child(PREFERRED);
    for (index, term) in preferred.unwrap_or_default().iter().enumerate() {
        let path = preferred_path.index(index);
        weight(errors, term.weight, &path);
        pod_term(errors, &term.pod_affinity_term, &path.child("podAffinityTerm"));
    }
}

fn pod_term(errors: &mut Errors, term: &PodAffinityTerm, path: &Path) {
    let any_values = errors.options.wrong_selector_values;
    for (name, selector) in [("labelSelector", &term.label_selector), ("namespaceSelector", &term.namespace_selector)] {
        relaxed_label_selector(errors, selector.as_ref(), any_values, &path.child(name));
    }
    for namespace in term.namespaces.iter().flatten() {
        errors.invalid_each(&path.child("namespace"), namespace, names::dns1123_label(namespace));
    }
    let keys = term.match_label_keys.as_deref().unwrap_or_default();
    let mismatch = term.mismatch_label_keys.as_deref().unwrap_or_default();
    match_keys(errors, keys, mismatch, term.label_selector.as_ref(), path);
    if term.topology_key.is_empty() {
        errors.required(&path.child("topologyKey"), "can not be empty");
    }
    label_name(errors, &term.topology_key, &path.child("topologyKey"));
}

fn match_keys(
    errors: &mut Errors,
    keys: &[String],
    mismatch: &[String],
    selector: Option<&LabelSelector>,
    path: &Path,
) {
    for (name, keys) in [("matchLabelKeys", keys), ("mismatchLabelKeys", mismatch)] {
        let path = path.child(name);
        if keys.is_empty() {
            continue;
        }
        if selector.is_none() {
            errors.forbidden(&path, "must not be specified when labelSelector is not set");
            continue;
        }
        for (index, key) in keys.iter().enumerate() {
            label_name(errors, key, &path.index(index));
        }
    }
    if let Some(selector) = selector {
        let mut seen: Vec<&str> = selector.match_labels.iter().flatten().map(|(key, _)| key.as_str()).collect();
        for expression in selector.match_expressions.iter().flatten() {
            let key = expression.key.as_str();
            if let Some(index) = keys.iter().rposition(|own| own == key)
                && seen.contains(&key)
            {
                errors.invalid(&path.index(index), key, "exists in both matchLabelKeys and labelSelector");
            }
            seen.push(key);
        }
    }
    let keys_path = path.child("matchLabelKeys");
    for (index, key) in keys.iter().enumerate().filter(|(_, key)| mismatch.contains(key)) {
        errors.invalid(&keys_path.index(index), key, "exists in both matchLabelKeys and mismatchLabelKeys");
    }
}

const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

pub fn taint_effect(errors: &mut Errors, effect: &str, path: &Path) {
    if !EFFECTS.contains(&effect) {
        errors.not_supported(path, effect, EFFECTS);
    }
}

pub fn tolerations(errors: &mut Errors, tolerations: &[Toleration], path: &Path) {
    for (index, toleration) in tolerations.iter().enumerate() {
        let path = path.index(index);
        let operator_path = path.child("operator");
        let (key, value) = (text(&toleration.key), text(&toleration.value));
        let (operator, effect) = (text(&toleration.operator), text(&toleration.effect));
        if !key.is_empty() {
            label_name(errors, key, &path.child("key"));
        } else if operator != "Exists" {
            let why = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.invalid(&operator_path, operator, why);
        }
        if toleration.toleration_seconds.is_some() && effect != "NoExecute" {
            let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.invalid(&path.child("effect"), effect, why);
        }
        match operator {
            "Equal" | "" => joined(errors, &operator_path, value, names::label_value(value)),
            "Exists" => {
                if !value.is_empty() {
                    errors.invalid(&operator_path, value, "value must be empty when `operator` is 'Exists'");
                }
            }
            "Lt" | "Gt" => errors.not_supported(&operator_path, operator, &["Equal", "Exists", "Lt", "Gt"]),
            other => errors.not_supported(&operator_path, other, &["Equal", "Exists"]),
        }
        if !effect.is_empty() {
            taint_effect(errors, effect, &path.child("effect"));
        }
    }
}

pub fn scheduling_gates(errors: &mut Errors, gates: &[PodSchedulingGate], path: &Path) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, gate) in gates.iter().enumerate() {
        let path = path.index(index);
        errors.invalid_each(&path, &gate.name, names::qualified_name(&gate.name));
        if seen.contains(&gate.name.as_str()) {
            errors.duplicate(&path, &gate.name);
        }
        seen.push(&gate.name);
    }
}

pub fn topology_spread(errors: &mut Errors, constraints: &[TopologySpreadConstraint], path: &Path) {
    for (index, constraint) in constraints.iter().enumerate() {
        let path = path.index(index);
        let action = constraint.when_unsatisfiable.as_str();
        if constraint.max_skew <= 0 {
            errors.invalid(&path.child("maxSkew"), &constraint.max_skew, "must be greater than zero");
        }
        if constraint.topology_key.is_empty() {
            errors.required(&path.child("topologyKey"), "can not be empty");
        }
        const ACTIONS: &[&str] = &["DoNotSchedule", "ScheduleAnyway"];
        if !ACTIONS.contains(&action) {
            errors.not_supported(&path.child("whenUnsatisfiable"), action, ACTIONS);
        }
        let again = constraints[index + 1..]
            .iter()
            .any(|other| other.topology_key == constraint.topology_key && other.when_unsatisfiable == action);
        if again {
            let pair = format!("{{{}, {action}}}", constraint.topology_key);
            errors.duplicate(&path.child("{topologyKey, whenUnsatisfiable}"), &pair);
        }
        if let Some(domains) = constraint.min_domains {
            let path = path.child("minDomains");
            if domains <= 0 {
                errors.invalid(&path, &domains, "must be greater than zero");
            }
            if action != "DoNotSchedule" {
                let why = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
                errors.invalid(&path, &domains, &why);
            }
        }
        let policies = [
            ("nodeAffinityPolicy", &constraint.node_affinity_policy),
            ("nodeTaintsPolicy", &constraint.node_taints_policy),
        ];
        for (name, policy) in policies {
            if let Some(policy) = policy.as_deref().filter(|policy| !["Honor", "Ignore"].contains(policy)) {
                errors.not_supported(&path.child(name), policy, &["Honor", "Ignore"]);
            }
        }
        // An old pod that fails the check of the day is held to the other one.
        if errors.options.merged_match_keys != errors.options.wrong_match_keys {
            spread_match_keys(errors, constraint, &path);
        } else {
            legacy_match_keys(errors, constraint, &path.child("matchLabelKeys"));
        }
        if !errors.options.wrong_spread_selectors {
            label_selector(errors, constraint.label_selector.as_ref(), &path.child("labelSelector"));
        }
    }
}

/// Keys that become a part of the selector.
pub(super) fn spread_match_keys(errors: &mut Errors, constraint: &TopologySpreadConstraint, path: &Path) {
    let keys = constraint.match_label_keys.as_deref().unwrap_or_default();
    match_keys(errors, keys, &[], constraint.label_selector.as_ref(), path);
}

/// The check from before keys became a part of the selector.
fn legacy_match_keys(errors: &mut Errors, constraint: &TopologySpreadConstraint, path: &Path) {
    let keys = constraint.match_label_keys.as_deref().unwrap_or_default();
    if keys.is_empty() {
        return;
    }
    if constraint.label_selector.is_none() {
        errors.forbidden(path, "must not be specified when labelSelector is not set");
    }
    let selector = constraint.label_selector.iter();
    let used: Vec<&str> = selector
        .flat_map(|selector| {
            let labels = selector.match_labels.iter().flatten().map(|(key, _)| key.as_str());
            labels.chain(selector.match_expressions.iter().flatten().map(|e| e.key.as_str()))
        })
        .collect();
    for (index, key) in keys.iter().enumerate() {
        let path = path.index(index);
        label_name(errors, key, &path);
        if used.contains(&key.as_str()) {
            errors.invalid(&path, key, "exists in both matchLabelKeys and labelSelector");
        }
    }
}
