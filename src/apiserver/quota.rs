//! ResourceQuota (`apiserver/pkg/admission/plugin/resourcequota`, `pkg/quota/v1`): what objects count
//! for, and the refusal of those that a namespace's quotas have no room for.
//!
//! Costs nothing in a namespace without a quota. What a new object takes is added to the quotas'
//! status when it is stored; the controller counts anew when objects change or go.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use k8s_openapi::api::core::v1::{
    PodAffinityTerm, ResourceQuotaSpec, ResourceQuotaStatus, ScopedResourceSelectorRequirement,
};
use serde_json::Value;

use super::{ApiServer, select::Selection};
use crate::api::{
    Error, Kind, Object, Pod, Result,
    client::Subresource,
    other::Other,
    quantity::{Format, Quantity},
    resources::{self, Amounts, Options, amounts, is_pod_level},
};

/// A quota as it is written: its scopes, and what its status counts.
pub struct Quota {
    pub spec: ResourceQuotaSpec,
    pub status: ResourceQuotaStatus,
}

impl Quota {
    pub fn read(object: &Object) -> Option<Quota> {
        let Object::Other(other) = object else { return None };
        let part = |name: &str| other.content.get(name).cloned().unwrap_or(Value::Object(serde_json::Map::new()));
        Some(Quota {
            spec: serde_json::from_value(part("spec")).ok()?,
            status: serde_json::from_value(part("status")).ok()?,
        })
    }

    /// Whether an object is one of those that this quota is about.
    pub fn covers(&self, object: &Object) -> bool {
        let scopes = self.spec.scopes.iter().flatten().map(|scope| ScopedResourceSelectorRequirement {
            scope_name: scope.clone(),
            operator: "Exists".into(),
            values: None,
        });
        let selector = self.spec.scope_selector.iter().flat_map(|s| s.match_expressions.iter().flatten());
        scopes.chain(selector.cloned()).all(|scope| match object {
            Object::Pod(pod) => in_scope(pod, &scope),
            _ => false,
        })
    }

    /// What the objects take of each resource that the spec limits.
    pub fn count<'a>(&self, objects: impl Iterator<Item = &'a Object>, now: i64) -> ResourceQuotaStatus {
        let hard = amounts(self.spec.hard.as_ref());
        let mut used: Amounts = hard.keys().map(|name| (name.clone(), Quantity::zero(Format::DecimalSi))).collect();
        for object in objects.filter(|object| self.covers(object)) {
            for (name, quantity) in usage(object, now) {
                if let Some(sum) = used.get_mut(&name) {
                    *sum = sum.add(&quantity);
                }
            }
        }
        ResourceQuotaStatus { hard: self.spec.hard.clone(), used: Some(listed(&used)) }
    }
}

type List = BTreeMap<String, k8s_openapi::apimachinery::pkg::api::resource::Quantity>;

fn listed(amounts: &Amounts) -> List {
    let api = |quantity: &Quantity| k8s_openapi::apimachinery::pkg::api::resource::Quantity(quantity.to_string());
    amounts.iter().map(|(name, quantity)| (name.clone(), api(quantity))).collect()
}

fn in_scope(pod: &Pod, scope: &ScopedResourceSelectorRequirement) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let terminating = spec.active_deadline_seconds.is_some_and(|seconds| seconds >= 0);
    match scope.scope_name.as_str() {
        "Terminating" => terminating,
        "NotTerminating" => !terminating,
        "BestEffort" => resources::qos(pod) == "BestEffort",
        "NotBestEffort" => resources::qos(pod) != "BestEffort",
        "PriorityClass" => {
            let class = spec.priority_class_name.as_ref().filter(|name| !name.is_empty());
            let listed = class.is_some_and(|class| scope.values.iter().flatten().any(|value| value == class));
            match scope.operator.as_str() {
                "Exists" => class.is_some(),
                "DoesNotExist" => class.is_none(),
                "In" => listed,
                "NotIn" => !listed,
                _ => false,
            }
        }
        "CrossNamespacePodAffinity" => {
            let crosses = |term: &PodAffinityTerm| {
                term.namespaces.as_ref().is_some_and(|names| !names.is_empty()) || term.namespace_selector.is_some()
            };
            let Some(affinity) = &spec.affinity else { return false };
            let near = affinity.pod_affinity.as_ref();
            let apart = affinity.pod_anti_affinity.as_ref();
            let required = [
                near.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref()),
                apart.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref()),
            ];
            let preferred = [
                near.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref()),
                apart.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref()),
            ];
            required.into_iter().flatten().flatten().any(crosses)
                || preferred.into_iter().flatten().flatten().any(|term| crosses(&term.pod_affinity_term))
        }
        _ => false,
    }
}

fn one() -> Quantity {
    Quantity::new(1, Format::DecimalSi)
}

/// What an object counts for. `now` is in seconds of the calendar.
pub fn usage(object: &Object, now: i64) -> Amounts {
    let kind = object.kind();
    let mut used = Amounts::from([(format!("count/{}", kind.qualified()), one())]);
    match (kind, object) {
        (Kind::Pod, Object::Pod(pod)) if lives(pod, now) => {
            let options = Options { use_status: true, ..Options::default() };
            used.append(&mut compute(&resources::requests(pod, &options), &resources::limits(pod, &options)));
        }
        (Kind::Service, Object::Service(service)) => {
            used.insert("services".into(), one());
            let spec = service.spec.as_ref();
            let ports = spec.and_then(|s| s.ports.as_ref()).map_or(0, Vec::len) as i64;
            let kind = spec.and_then(|s| s.type_.as_deref()).unwrap_or_default();
            let balancer = kind == "LoadBalancer";
            let on_nodes = kind == "NodePort"
                || (balancer && spec.and_then(|s| s.allocate_load_balancer_node_ports) != Some(false));
            let nodes = if on_nodes { ports } else { 0 };
            used.insert("services.nodeports".into(), Quantity::new(nodes, Format::DecimalSi));
            used.insert("services.loadbalancers".into(), Quantity::new(i64::from(balancer), Format::DecimalSi));
        }
        (Kind::PersistentVolumeClaim, Object::Other(claim)) => {
            let spec = claim.content.get("spec");
            let class = spec.and_then(|s| s.get("storageClassName")).and_then(Value::as_str);
            let storage = spec.and_then(|s| s.pointer("/resources/requests/storage")).and_then(Value::as_str);
            let storage: Option<Quantity> = storage.and_then(|text| text.parse().ok());
            let prefixes = class.map(|class| format!("{class}.storageclass.storage.k8s.io/"));
            for prefix in std::iter::once(String::new()).chain(prefixes) {
                used.insert(format!("{prefix}persistentvolumeclaims"), one());
                if let Some(storage) = &storage {
                    used.insert(format!("{prefix}requests.storage"), storage.clone());
                }
            }
        }
        (Kind::ConfigMap | Kind::Secret | Kind::ReplicationController | Kind::ResourceQuota, _) => {
            used.insert(kind.plural().into(), one());
        }
        _ => {}
    }
    used
}

/// Pods that have ended count no more, nor those that should have gone by now.
fn lives(pod: &Pod, now: i64) -> bool {
    let ended = matches!(pod.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Succeeded" | "Failed"));
    let meta = &pod.metadata;
    let overdue = meta.deletion_timestamp.as_ref().zip(meta.deletion_grace_period_seconds);
    !ended && overdue.is_none_or(|(at, grace)| now <= at.0.as_second().saturating_add(grace))
}

/// What requests and limits count for.
fn compute(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut used = Amounts::from([("pods".into(), one())]);
    for (name, quantity) in requests {
        let plain = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
        if plain {
            used.insert(name.clone(), quantity.clone());
        }
        if plain || is_extended(name) {
            used.insert(format!("requests.{name}"), quantity.clone());
        }
    }
    for (name, quantity) in limits {
        if matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage") {
            used.insert(format!("limits.{name}"), quantity.clone());
        }
    }
    used
}

fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

/// Whether objects of `kind` may count for the resource `name`.
fn tracks(kind: Kind, name: &str) -> bool {
    if name.strip_prefix("count/").is_some_and(|of| of == kind.qualified()) {
        return true;
    }
    match kind {
        Kind::Pod => {
            let plain = name.strip_prefix("requests.").or_else(|| name.strip_prefix("limits.")).unwrap_or(name);
            name == "pods"
                || matches!(plain, "cpu" | "memory" | "ephemeral-storage")
                || name.starts_with("hugepages-")
                || name.strip_prefix("requests.").is_some_and(|of| of.starts_with("hugepages-") || is_extended(of))
        }
        Kind::Service => matches!(name, "services" | "services.nodeports" | "services.loadbalancers"),
        Kind::PersistentVolumeClaim => {
            let of = name.split_once(".storageclass.storage.k8s.io/").map_or(name, |(_, of)| of);
            matches!(of, "persistentvolumeclaims" | "requests.storage")
        }
        Kind::ConfigMap | Kind::Secret | Kind::ReplicationController | Kind::ResourceQuota => name == kind.plural(),
        _ => false,
    }
}

/// The kinds that a quota with these limits has to look at.
pub fn kinds(hard: Option<&List>) -> BTreeSet<Kind> {
    let tracked = |kind: &Kind| hard.into_iter().flatten().any(|(name, _)| tracks(*kind, name));
    Kind::ALL.iter().copied().filter(|kind| kind.namespaced() && *kind != Kind::Event).filter(tracked).collect()
}

/// Containers must say what is limited, if it is one of the oldest resources.
fn unsaid(pod: &Pod, limited: &[&String]) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let whole = spec.resources.as_ref();
    let of_pod = whole.and_then(|r| r.requests.as_ref()).into_iter().chain(whole.and_then(|r| r.limits.as_ref()));
    if of_pod.flatten().any(|(name, _)| is_pod_level(name)) {
        return None;
    }
    let old = |name: &str| {
        let plain = name.strip_prefix("requests.").or_else(|| name.strip_prefix("limits.")).unwrap_or(name);
        matches!(plain, "cpu" | "memory")
    };
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
        let own = container.resources.as_ref();
        let said =
            compute(&amounts(own.and_then(|r| r.requests.as_ref())), &amounts(own.and_then(|r| r.limits.as_ref())));
        for name in limited.iter().filter(|name| old(name) && !said.contains_key(**name)) {
            missing.entry(name.as_str()).or_default().insert(&container.name);
        }
    }
    let each = missing.into_iter().map(|(name, of)| format!("{name} for: {}", Vec::from_iter(of).join(",")));
    let all = Vec::from_iter(each);
    (!all.is_empty()).then(|| format!("must specify {}", all.join("; ")))
}

/// `cpu=1,pods=2` of those that are named.
fn printed(amounts: &Amounts, names: &[&String]) -> String {
    let named = amounts.iter().filter(|(name, _)| names.contains(name));
    named.map(|(name, quantity)| format!("{name}={quantity}")).collect::<Vec<_>>().join(",")
}

/// Checks a new object against one quota; what the quota then counts, if that changes.
fn charged(
    name: &str,
    quota: &Quota,
    object: &Object,
    used_up: &Amounts,
) -> std::result::Result<Option<Amounts>, String> {
    let (hard, used) = (amounts(quota.status.hard.as_ref()), amounts(quota.status.used.as_ref()));
    let limited: Vec<&String> = hard.keys().filter(|resource| tracks(object.kind(), resource)).collect();
    if limited.is_empty() || !quota.covers(object) {
        return Ok(None);
    }
    if let Object::Pod(pod) = object
        && let Some(why) = unsaid(pod, &limited)
    {
        return Err(format!("failed quota: {name}: {why}"));
    }
    if limited.iter().any(|resource| !used.contains_key(*resource)) {
        let list = limited.iter().map(|resource| resource.as_str()).collect::<Vec<_>>().join(",");
        return Err(format!("status unknown for quota: {name}, resources: {list}"));
    }
    let requested: Amounts = used_up
        .iter()
        .filter(|(resource, quantity)| !quantity.is_zero() && hard.contains_key(*resource))
        .map(|(resource, quantity)| (resource.clone(), quantity.clone()))
        .collect();
    let mut after = used.clone();
    let mut exceeded = Vec::new();
    for (resource, quantity) in &requested {
        let sum = after.get(resource).map_or_else(|| quantity.clone(), |was| was.add(quantity));
        if hard.get(resource).is_some_and(|most| sum > *most) {
            exceeded.push(resource);
        }
        after.insert(resource.clone(), sum);
    }
    if !exceeded.is_empty() {
        return Err(format!(
            "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
            printed(&requested, &exceeded),
            printed(&used, &exceeded),
            printed(&hard, &exceeded)
        ));
    }
    Ok((!requested.is_empty()).then_some(after))
}

impl ApiServer {
    /// Refuses a new object that a quota has no room for; the quotas with what they then count.
    pub(super) fn quota_create(&self, object: &Object) -> Result<Vec<Object>> {
        self.charge(None, object)
    }

    /// As [`ApiServer::quota_create`], of what an object takes more than before. Only changes that can take more are looked
    /// at (`Handles` of the evaluators).
    pub(super) fn quota_update(&self, old: &Object, new: &Object, subresource: Subresource) -> Result<Vec<Object>> {
        let looked_at = match (old, new, subresource) {
            (Object::Pod(_), _, Subresource::Resize) => true,
            (Object::Pod(old), Object::Pod(new), Subresource::None) => {
                let deadline = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.active_deadline_seconds).is_some();
                deadline(old) != deadline(new)
            }
            (Object::Service(_), _, Subresource::None) => true,
            (_, _, Subresource::None) => old.kind() == Kind::PersistentVolumeClaim,
            _ => false,
        };
        if looked_at { self.charge(Some(old), new) } else { Ok(Vec::new()) }
    }

    fn charge(&self, old: Option<&Object>, object: &Object) -> Result<Vec<Object>> {
        let namespace = object.namespace();
        if namespace.is_empty() || object.kind() == Kind::Event {
            return Ok(Vec::new());
        }
        let quotas = {
            let store = self.store.borrow();
            if !store.any(Kind::ResourceQuota, namespace) {
                return Ok(Vec::new());
            }
            store.list(Kind::ResourceQuota, &Selection::of(namespace))
        };
        let now = self.now().0.as_second();
        let used_up = usage(object, now);
        let more = old.map(|old| {
            let before = usage(old, now);
            let more = used_up.iter().map(|(name, quantity)| {
                let more = before.get(name).map_or_else(|| quantity.clone(), |was| quantity.sub(was));
                (name.clone(), if more.sign() < 0 { Quantity::zero(Format::DecimalSi) } else { more })
            });
            more.collect::<Amounts>()
        });
        let mut changed = Vec::new();
        for stored in quotas {
            let Some(quota) = Quota::read(&stored) else { continue };
            // What a quota wasn't about before counts for it in full.
            let taken = match (&more, old) {
                (Some(more), Some(old)) if quota.covers(old) => more,
                _ => &used_up,
            };
            let after = charged(stored.name(), &quota, object, taken)
                .map_err(|why| Error::forbidden(object.kind(), object.name(), why))?;
            if let (Some(after), Object::Other(mut other)) = (after, stored) {
                set_used(Rc::make_mut(&mut other), &after);
                changed.push(Object::Other(other));
            }
        }
        Ok(changed)
    }
}

fn set_used(quota: &mut Other, used: &Amounts) {
    if let Some(Value::Object(status)) = quota.content.get_mut("status") {
        status.insert("used".into(), serde_json::to_value(listed(used)).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: Value) -> Object {
        Object::from_value(Kind::Pod, json!({"metadata": {"name": "p", "namespace": "n"}, "spec": spec})).unwrap()
    }

    fn quota(spec: Value, used: Value) -> Quota {
        let status = json!({"hard": spec["hard"], "used": used});
        let value = json!({"metadata": {"name": "q", "namespace": "n"}, "spec": spec, "status": status});
        Quota::read(&Object::from_value(Kind::ResourceQuota, value).unwrap()).unwrap()
    }

    #[test]
    fn refusals_have_their_words() {
        let small = || {
            pod(
                json!({"containers": [{"name": "a", "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}}}]}),
            )
        };
        type Case = (Value, Value, Object, std::result::Result<Option<Value>, &'static str>);
        let cases: Vec<Case> = vec![
            (
                json!({"hard": {"pods": "2", "requests.cpu": "500m"}}),
                json!({"pods": "1", "requests.cpu": "200m"}),
                small(),
                Ok(Some(json!({"pods": "2", "requests.cpu": "300m"}))),
            ),
            (
                json!({"hard": {"pods": "2", "requests.cpu": "500m"}}),
                json!({"pods": "2", "requests.cpu": "450m"}),
                small(),
                Err(
                    "exceeded quota: q, requested: pods=1,requests.cpu=100m, used: pods=2,requests.cpu=450m, limited: pods=2,requests.cpu=500m",
                ),
            ),
            (
                json!({"hard": {"requests.cpu": "1", "limits.cpu": "1", "memory": "1Gi"}}),
                json!({}),
                pod(json!({"containers": [{"name": "b"}, {"name": "a", "resources": {"requests": {"memory": "1"}}}]})),
                Err("failed quota: q: must specify limits.cpu for: a,b; memory for: b; requests.cpu for: a,b"),
            ),
            (json!({"hard": {"pods": "1"}}), json!({}), small(), Err("status unknown for quota: q, resources: pods")),
            (json!({"hard": {"services": "1"}}), json!({"services": "1"}), small(), Ok(None)),
            (json!({"hard": {"pods": "0"}, "scopes": ["BestEffort"]}), json!({"pods": "0"}), small(), Ok(None)),
            (
                json!({"hard": {"pods": "0"}, "scopes": ["NotBestEffort", "NotTerminating"]}),
                json!({"pods": "0"}),
                small(),
                Err("exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"),
            ),
            (
                json!({"hard": {"pods": "0"}, "scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}}),
                json!({"pods": "0"}),
                pod(json!({"priorityClassName": "high", "containers": []})),
                Err("exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"),
            ),
        ];
        for (spec, used, object, expected) in cases {
            let after = charged("q", &quota(spec.clone(), used), &object, &usage(&object, 0));
            let after = after.map(|after| after.map(|after| serde_json::to_value(listed(&after)).unwrap()));
            assert_eq!(after, expected.map_err(str::to_string), "{spec}");
        }
    }

    #[test]
    fn objects_are_counted() {
        let claim = json!({"metadata": {"name": "c", "namespace": "n"}, "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "2Gi"}}}});
        let service = json!({"metadata": {"name": "s", "namespace": "n"}, "spec": {"type": "NodePort", "ports": [{"port": 1}, {"port": 2}]}});
        let mut ended = json!({"metadata": {"name": "e", "namespace": "n"}, "spec": {"containers": []}});
        ended["status"] = json!({"phase": "Succeeded"});
        let objects = [
            Object::from_value(Kind::PersistentVolumeClaim, claim).unwrap(),
            Object::from_value(Kind::Service, service).unwrap(),
            Object::from_value(Kind::Pod, ended).unwrap(),
            pod(json!({"containers": []})),
        ];
        let hard = json!({"pods": "9", "count/pods": "9", "services.nodeports": "9", "requests.storage": "9Gi", "secrets": "9",
            "fast.storageclass.storage.k8s.io/persistentvolumeclaims": "9", "count/deployments.apps": "9"});
        let status = quota(json!({"hard": hard}), json!({})).count(objects.iter(), 0);
        let expected = json!({"pods": "1", "count/pods": "2", "services.nodeports": "2", "requests.storage": "2Gi", "secrets": "0",
            "fast.storageclass.storage.k8s.io/persistentvolumeclaims": "1", "count/deployments.apps": "0"});
        assert_eq!(serde_json::to_value(status.used).unwrap(), expected);
        let kinds: Vec<Kind> = kinds(status.hard.as_ref()).into_iter().collect();
        assert_eq!(kinds, [Kind::Pod, Kind::Secret, Kind::Service, Kind::PersistentVolumeClaim, Kind::Deployment]);
    }
}
