//! Whether a kubelet takes a pod that was bound to its node.
//! Source: kubernetes `pkg/kubelet/lifecycle/predicate.go`, `pkg/kubelet/kubelet.go` (`canAdmitPod`).

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::api::core::v1::{Node, NodeSelectorRequirement, NodeSelectorTerm, Taint};

use super::quantity::{parse, requests};
use crate::api::{Pod, PodSpec, taints::tolerates};

/// Reason and message of a refusal.
pub type Refusal = (String, String);

/// `active`: the node's pods that hold resources; `allocatable`: in `quantity::decimals` units.
pub fn admit(pod: &Pod, node: &Node, allocatable: &BTreeMap<String, i64>, active: &[Rc<Pod>]) -> Result<(), Refusal> {
    let Some(spec) = &pod.spec else { return Ok(()) };
    if let Some(refusal) = resources(pod, allocatable, active).into_iter().next() {
        return Err(refusal);
    }
    if !matches_node(spec, node) {
        let message = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
        return Err(("NodeAffinity".into(), message.into()));
    }
    let ours = host_ports(spec);
    if !ours.is_empty() && active.iter().any(|other| other.spec.as_ref().is_some_and(|other| clash(&ours, other))) {
        let message = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
        return Err(("NodePorts".into(), message.into()));
    }
    let taints = node.spec.as_ref().and_then(|s| s.taints.as_deref()).unwrap_or_default();
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    let untolerated = |taint: &&Taint| taint.effect == "NoExecute" && !tolerations.iter().any(|t| tolerates(t, taint));
    if taints.iter().any(|taint| untolerated(&taint)) {
        let message = "Predicate TaintToleration failed: node(s) had untolerated taint(s)";
        return Err(("TaintToleration".into(), message.into()));
    }
    Ok(())
}

fn resources(pod: &Pod, allocatable: &BTreeMap<String, i64>, active: &[Rc<Pod>]) -> Vec<Refusal> {
    let capacity = |name: &str| allocatable.get(name).copied().unwrap_or(0);
    let mut refusals = Vec::new();
    let refuse = |name: &str, requested: i64, used: i64, capacity: i64| {
        let message = format!(
            "Node didn't have enough resource: {name}, requested: {requested}, used: {used}, capacity: {capacity}"
        );
        (format!("OutOf{name}"), message)
    };
    let pods = i64::try_from(active.len()).unwrap_or(i64::MAX);
    if pods + 1 > capacity("pods") {
        refusals.push(refuse("pods", 1, pods, capacity("pods")));
    }
    let wanted = requests(pod);
    if wanted.values().all(|amount| *amount == 0) {
        return refusals;
    }
    let mut used: BTreeMap<String, i64> = BTreeMap::new();
    for (name, amount) in active.iter().flat_map(|other| requests(other)) {
        *used.entry(name).or_insert(0) += amount;
    }
    let order = ["cpu", "memory", "ephemeral-storage"];
    let rest = wanted.keys().map(String::as_str).filter(|name| !order.contains(name));
    for name in order.into_iter().chain(rest) {
        let amount = wanted.get(name).copied().unwrap_or(0);
        let used = used.get(name).copied().unwrap_or(0);
        if amount > 0 && amount.saturating_add(used) > capacity(name) {
            refusals.push(refuse(name, amount, used, capacity(name)));
        }
    }
    refusals
}

/// nodeSelector and required node affinity.
fn matches_node(spec: &PodSpec, node: &Node) -> bool {
    let none = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&none);
    if !spec.node_selector.iter().flatten().all(|(key, value)| labels.get(key) == Some(value)) {
        return false;
    }
    let required = spec
        .affinity
        .as_ref()
        .and_then(|a| a.node_affinity.as_ref())
        .and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    let Some(required) = required else { return true };
    let name = node.metadata.name.as_deref().unwrap_or_default();
    required.node_selector_terms.iter().any(|term| term_matches(term, labels, name))
}

fn term_matches(term: &NodeSelectorTerm, labels: &BTreeMap<String, String>, name: &str) -> bool {
    let (expressions, fields) = (term.match_expressions.as_deref(), term.match_fields.as_deref());
    let (expressions, fields) = (expressions.unwrap_or_default(), fields.unwrap_or_default());
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let field = |r: &NodeSelectorRequirement| if r.key == "metadata.name" { Some(name) } else { None };
    expressions.iter().all(|r| requirement_matches(r, labels.get(&r.key).map(String::as_str)))
        && fields.iter().all(|r| requirement_matches(r, field(r)))
}

fn requirement_matches(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let listed = value.is_some_and(|value| values.iter().any(|v| v == value));
    let numbers = || Some((value?.parse::<i64>().ok()?, values.first()?.parse::<i64>().ok()?));
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => numbers().is_some_and(|(a, b)| a > b),
        "Lt" => numbers().is_some_and(|(a, b)| a < b),
        _ => false,
    }
}

/// Host ports as (protocol, address, port); those of hostNetwork pods count.
fn host_ports(spec: &PodSpec) -> Vec<(String, String, i32)> {
    let on_host = spec.host_network == Some(true);
    let containers = spec.containers.iter().chain(super::status::init_containers(spec));
    containers
        .flat_map(|c| c.ports.iter().flatten())
        .filter_map(|p| {
            let port = p.host_port.filter(|port| *port > 0).or(on_host.then_some(p.container_port))?;
            let address = p.host_ip.clone().filter(|ip| !ip.is_empty()).unwrap_or_else(|| "0.0.0.0".into());
            Some((p.protocol.clone().unwrap_or_else(|| "TCP".into()), address, port))
        })
        .collect()
}

fn clash(ours: &[(String, String, i32)], other: &PodSpec) -> bool {
    let any = |ip: &str| ip == "0.0.0.0";
    host_ports(other).iter().any(|(protocol, ip, port)| {
        ours.iter().any(|(p, i, n)| p == protocol && n == port && (i == ip || any(i) || any(ip)))
    })
}

/// What `admit` counts with, from a node's allocatable quantities.
pub fn amounts(node: &Node) -> BTreeMap<String, i64> {
    let list = node.status.as_ref().and_then(|s| s.allocatable.as_ref());
    let amount = |name: &str, text: &str| parse(text, super::quantity::decimals(name)).unwrap_or(0);
    list.into_iter().flatten().map(|(name, q)| (name.clone(), amount(name, &q.0))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: serde_json::Value) -> Pod {
        serde_json::from_value(json!({"spec": spec})).expect("a pod")
    }

    #[test]
    fn refusals() {
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": "n1", "labels": {"disk": "ssd"}},
            "spec": {"taints": [{"key": "k", "value": "v", "effect": "NoExecute"}, {"key": "s", "effect": "NoSchedule"}]},
            "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "3"}},
        }))
        .expect("a node");
        let tolerant = json!([{"key": "k", "operator": "Exists"}]);
        let container = |cpu: &str, port: i32| json!({"name": "c", "resources": {"requests": {"cpu": cpu}}, "ports": [{"containerPort": 80, "hostPort": port}]});
        let active = vec![Rc::new(pod(json!({"containers": [container("1", 8080)]})))];
        // (spec, reason and message)
        let table = [
            (json!({"containers": [], "tolerations": tolerant}), None),
            (
                json!({"containers": [container("3500m", 1)], "tolerations": tolerant}),
                Some("OutOfcpu: Node didn't have enough resource: cpu, requested: 3500, used: 1000, capacity: 4000"),
            ),
            (
                json!({"containers": [], "nodeSelector": {"disk": "hdd"}, "tolerations": tolerant}),
                Some("NodeAffinity: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"),
            ),
            (
                json!({"containers": [container("1", 8080)], "tolerations": tolerant}),
                Some(
                    "NodePorts: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
                ),
            ),
            (
                json!({"containers": []}),
                Some("TaintToleration: Predicate TaintToleration failed: node(s) had untolerated taint(s)"),
            ),
        ];
        for (spec, expected) in table {
            let got = admit(&pod(spec.clone()), &node, &amounts(&node), &active);
            let got = got.err().map(|(reason, message)| format!("{reason}: {message}"));
            assert_eq!(got.as_deref(), expected, "{spec}");
        }
        let full = vec![active[0].clone(); 3];
        let got = admit(&pod(json!({"containers": [], "tolerations": tolerant})), &node, &amounts(&node), &full);
        let text = "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3";
        assert_eq!(got, Err(("OutOfpods".into(), text.into())));
    }
}
