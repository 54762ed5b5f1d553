//! What components own of objects, without a note of it: which of them writes what is the same in every cluster, so it
//! follows from the object as it is. Times are those that the status itself tells, to the second of the write that set them.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, Time},
    jiff::Timestamp,
};
use serde_json::{Map, Value, json};

use super::{Fields, LAST_APPLIED, Part, UPDATE, changes, entry, subtract};
use crate::api::{Kind, Object};

const KUBELET: &str = "kubelet";
const SCHEDULER: &str = "kube-scheduler";
const CONTROLLERS: &str = "kube-controller-manager";
const APISERVER: &str = "kube-apiserver";
const KUBEADM: &str = "kubeadm";

const TTL: &str = "node.alpha.kubernetes.io/ttl";
const REVISION: &str = "deployment.kubernetes.io/revision";
const LIMIT_RANGER: &str = "kubernetes.io/limit-ranger";
const TOKEN_VOLUME: &str = "kube-api-access-";

/// The component that made an object, if one did.
pub(super) fn maker(object: &Object) -> Option<&'static str> {
    let meta = object.meta();
    let owned = meta.owner_references.as_ref().is_some_and(|owners| owners.iter().any(|o| o.controller == Some(true)));
    let (namespace, name) = (object.namespace(), object.name());
    Some(match object.kind() {
        Kind::Pod if meta.annotations.as_ref().is_some_and(|all| all.contains_key("kubernetes.io/config.mirror")) => {
            KUBELET
        }
        Kind::Pod if owned => CONTROLLERS,
        Kind::Node => KUBELET,
        Kind::Lease if namespace == "kube-node-lease" => KUBELET,
        Kind::Lease if name.starts_with("apiserver-") => APISERVER,
        Kind::Namespace if name == "default" || name.starts_with("kube-") => APISERVER,
        Kind::PriorityClass if name.starts_with("system-") => APISERVER,
        Kind::Service if namespace == "default" && name == "kubernetes" => APISERVER,
        Kind::Event => match object {
            Object::Event(event) => {
                let source = event.source.as_ref().and_then(|source| source.component.as_deref());
                match source.or(event.reporting_component.as_deref()).filter(|name| !name.is_empty())? {
                    "kubelet" => KUBELET,
                    "default-scheduler" => SCHEDULER,
                    _ => CONTROLLERS,
                }
            }
            _ => return None,
        },
        Kind::ServiceAccount if name == "default" => CONTROLLERS,
        Kind::ConfigMap if name == "kube-root-ca.crt" => CONTROLLERS,
        Kind::EndpointSlice | Kind::Endpoints | Kind::ControllerRevision => CONTROLLERS,
        Kind::ReplicaSet | Kind::Job | Kind::PersistentVolumeClaim if owned => CONTROLLERS,
        _ if namespace == "kube-system" => KUBEADM,
        _ => return None,
    })
}

/// Takes fields out of a map, and the map's name if nothing is left.
fn drop_fields(map: &mut Map<String, Value>, keys: &[&str]) {
    keys.iter().for_each(|key| drop(map.remove(*key)));
}

fn drop_annotation(value: &mut Value, key: &str) {
    let Some(meta) = value["metadata"].as_object_mut() else { return };
    if let Some(all) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
        all.remove(key);
        if all.is_empty() {
            meta.remove("annotations");
        }
    }
}

/// An object as its creator sent it and defaults made it: without what admission, the registry and others set later.
pub(super) fn as_made(kind: Kind, value: &Value) -> Value {
    let mut made = value.clone();
    // What was applied says what its sender gave.
    let config = value["metadata"]["annotations"][LAST_APPLIED].as_str();
    let config: Value = config.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let given = |path: &str| config.pointer(path).is_some();
    match kind {
        Kind::Pod => pod_as_made(&mut made, given),
        Kind::Node => {
            drop_annotation(&mut made, TTL);
            if let Some(spec) = made["spec"].as_object_mut() {
                drop_fields(spec, &["podCIDR", "podCIDRs", "taints", "unschedulable"]);
            }
        }
        Kind::Namespace => drop_of(&mut made, "spec"),
        Kind::Deployment => drop_annotation(&mut made, REVISION),
        Kind::PersistentVolume | Kind::PersistentVolumeClaim => {
            if let Some(meta) = made["metadata"].as_object_mut() {
                meta.remove("finalizers");
            }
            if let Some(spec) = made["spec"].as_object_mut() {
                let bound = if kind == Kind::PersistentVolume { "claimRef" } else { "volumeName" };
                if !given(&format!("/spec/{bound}")) {
                    spec.remove(bound);
                }
            }
        }
        Kind::Service => {
            let headless = made["spec"]["clusterIP"] == "None";
            let Some(spec) = made["spec"].as_object_mut() else { return made };
            drop_fields(spec, &["clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"]);
            if !headless && !given("/spec/clusterIP") {
                spec.remove("clusterIP");
            }
            for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Some(port) = port.as_object_mut() {
                    port.remove("nodePort");
                }
            }
        }
        Kind::Job => {
            let Some(spec) = made["spec"].as_object_mut() else { return made };
            spec.remove("selector");
            let own = |key: &str| key.ends_with("job-name") || key.ends_with("controller-uid");
            if let Some(meta) =
                spec.get_mut("template").and_then(|t| t.get_mut("metadata")).and_then(Value::as_object_mut)
                && let Some(labels) = meta.get_mut("labels").and_then(Value::as_object_mut)
            {
                labels.retain(|key, _| !own(key));
                if labels.is_empty() {
                    meta.remove("labels");
                }
            }
            if let Some(template) = spec.get_mut("template").and_then(Value::as_object_mut)
                && template.get("metadata").and_then(Value::as_object).is_some_and(Map::is_empty)
            {
                template.remove("metadata");
            }
            if let Some(meta) = made["metadata"].as_object_mut()
                && let Some(labels) = meta.get_mut("labels").and_then(Value::as_object_mut)
            {
                labels.retain(|key, _| !own(key));
                if labels.is_empty() {
                    meta.remove("labels");
                }
            }
        }
        _ => {}
    }
    made
}

fn drop_of(value: &mut Value, key: &str) {
    if let Some(map) = value.as_object_mut() {
        map.remove(key);
    }
}

fn pod_as_made(pod: &mut Value, given: impl Fn(&str) -> bool) {
    let limited = pod["metadata"]["annotations"][LIMIT_RANGER].as_str().map(String::from);
    drop_annotation(pod, LIMIT_RANGER);
    if let Some(labels) = pod["metadata"]["labels"].as_object_mut() {
        drop_fields(labels, &["topology.kubernetes.io/region", "topology.kubernetes.io/zone"]);
    }
    let Some(spec) = pod["spec"].as_object_mut() else { return };
    for key in ["nodeName", "priority", "preemptionPolicy"] {
        if !given(&format!("/spec/{key}")) {
            spec.remove(key);
        }
    }
    let default_account = spec.get("serviceAccountName").is_some_and(|name| name == "default");
    if default_account && !given("/spec/serviceAccountName") {
        drop_fields(spec, &["serviceAccountName", "serviceAccount"]);
    }
    let timed = |toleration: &Value| {
        let key = toleration["key"].as_str().unwrap_or_default();
        ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].contains(&key)
            && toleration["tolerationSeconds"] == 300
    };
    if spec.get("tolerations").and_then(Value::as_array).is_some_and(|all| all.iter().all(timed)) {
        spec.remove("tolerations");
    }
    let is_token = |item: &Value| item["name"].as_str().is_some_and(|name| name.starts_with(TOKEN_VOLUME));
    without(spec, "volumes", is_token);
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(limited) = &limited {
                unlimited(container, limited);
            }
            if let Some(container) = container.as_object_mut() {
                without(container, "volumeMounts", is_token);
            }
        }
    }
}

/// Takes items out of a list, and the list if none is left.
fn without(map: &mut Map<String, Value>, list: &str, is: impl Fn(&Value) -> bool) {
    let Some(items) = map.get_mut(list).and_then(Value::as_array_mut) else { return };
    items.retain(|item| !is(item));
    if items.is_empty() {
        map.remove(list);
    }
}

/// Takes out what LimitRanger says that it set: `cpu, memory request for container c; cpu limit for container c`.
fn unlimited(container: &mut Value, said: &str) {
    let name = container["name"].as_str().unwrap_or_default().to_string();
    let said = said.split_once(": ").map_or(said, |(_, said)| said);
    for part in said.split("; ") {
        let Some((what, of)) = part.split_once(" for ") else { continue };
        if of.rsplit(' ').next() != Some(name.as_str()) {
            continue;
        }
        let Some((names, which)) = what.rsplit_once(' ') else { continue };
        let field = if which == "limit" { "limits" } else { "requests" };
        let Some(resources) = container["resources"].as_object_mut() else { continue };
        if let Some(amounts) = resources.get_mut(field).and_then(Value::as_object_mut) {
            names.split(", ").for_each(|name| drop(amounts.remove(name)));
            if amounts.is_empty() {
                resources.remove(field);
            }
        }
    }
}

/// The newest of the moments that a status tells.
fn newest(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Object(map) => {
            let told = |(key, value): (&String, &Value)| match value {
                Value::String(text) if key.ends_with("Time") || key.ends_with("At") => text.parse().ok(),
                other => newest(other),
            };
            map.iter().filter_map(told).max()
        }
        Value::Array(items) => items.iter().filter_map(newest).max(),
        _ => None,
    }
}

/// Adds the entries of those who write statuses, and of what else components write on their own.
pub(super) fn add(object: &Object, value: &Value, entries: &mut Vec<ManagedFieldsEntry>) {
    let kind = object.kind();
    let created = object.meta().creation_timestamp.clone().unwrap_or(Time(Default::default()));
    if kind == Kind::Node {
        let set = node_fields(value);
        if !set.is_empty() {
            entries.push(entry(kind, CONTROLLERS, UPDATE, Part::Main, Some(set), &created));
        }
    }
    let Some(status) = value.get("status") else { return };
    let Some(manager) = status_writer(kind, value) else { return };
    let before = json!({"status": status_as_made(kind, value)});
    let mut set = changes(kind, &before, value, Part::Status);
    for theirs in entries.iter().filter(|entry| entry.subresource.as_deref() == Some("status")) {
        if let Some(theirs) = theirs.fields_v1.as_ref().and_then(|fields| fields.0.as_object()) {
            subtract(&mut set, theirs);
        }
    }
    let time = newest(status).map_or(created, Time);
    if kind == Kind::Pod
        && let Some((breaker, fields)) = disruption(status, &mut set)
        && let Some(breaker) = breaker
    {
        entries.push(entry(kind, breaker, UPDATE, Part::Status, Some(fields), &time));
    }
    if kind == Kind::Deployment && !value["metadata"]["annotations"][REVISION].is_null() && !set.is_empty() {
        let mut own = Map::from_iter([(format!("f:{REVISION}"), json!({}))]);
        if value["metadata"]["annotations"].as_object().is_some_and(|all| all.len() == 1) {
            own.insert(".".into(), json!({}));
        }
        set.insert("f:metadata".into(), json!({"f:annotations": own}));
    }
    if !set.is_empty() {
        entries.push(entry(kind, manager, UPDATE, Part::Status, Some(set), &time));
    }
}

fn status_writer(kind: Kind, value: &Value) -> Option<&'static str> {
    match kind {
        Kind::Pod if value["spec"]["nodeName"].is_string() => Some(KUBELET),
        Kind::Pod => Some(SCHEDULER),
        Kind::Node => Some(KUBELET),
        Kind::Service | Kind::Namespace | Kind::HorizontalPodAutoscaler | Kind::Ingress => None,
        _ => Some(CONTROLLERS),
    }
}

/// A status as the server makes it, which is nobody's.
fn status_as_made(kind: Kind, value: &Value) -> Value {
    let status = &value["status"];
    match kind {
        Kind::Pod => {
            let conditions = status["conditions"].as_array().into_iter().flatten();
            // The binding says that a pod is scheduled, and the server that it is gated.
            let bound = value["spec"]["nodeName"].is_string();
            let made =
                conditions.filter(|c| c["type"] == "PodScheduled" && (bound || c["reason"] == "SchedulingGated"));
            let made = made.cloned().map(|mut condition| {
                if bound && let Some(condition) = condition.as_object_mut() {
                    condition.remove("observedGeneration");
                }
                condition
            });
            let made: Vec<Value> = made.collect();
            let mut before = json!({"phase": "Pending", "qosClass": status["qosClass"]});
            if !made.is_empty() {
                before["conditions"] = made.into();
            }
            before
        }
        Kind::PersistentVolume | Kind::PersistentVolumeClaim => {
            let mut before = json!({"phase": "Pending"});
            if let Some(since) = status.get("lastPhaseTransitionTime").filter(|_| status["phase"] == "Pending") {
                before["lastPhaseTransitionTime"] = since.clone();
            }
            before
        }
        _ => json!({}),
    }
}

/// Takes a disruption's condition out of the kubelet's set; and whose it is, if it isn't the kubelet's own.
fn disruption(status: &Value, set: &mut Fields) -> Option<(Option<&'static str>, Fields)> {
    let conditions = status["conditions"].as_array()?;
    let reason = conditions.iter().find(|c| c["type"] == "DisruptionTarget")?["reason"].as_str()?;
    let breaker = match reason {
        "PreemptionByScheduler" => Some(SCHEDULER),
        "DeletionByTaintManager" | "DeletionByPodGC" => Some(CONTROLLERS),
        "TerminationByKubelet" => return None,
        _ => None,
    };
    let key = "k:{\"type\":\"DisruptionTarget\"}";
    let theirs = set.get_mut("f:status")?.get_mut("f:conditions")?.as_object_mut()?.remove(key)?;
    let fields = json!({"f:status": {"f:conditions": {key: theirs}}});
    Some((breaker, fields.as_object().cloned().unwrap_or_default()))
}

/// What the controllers write on nodes.
fn node_fields(value: &Value) -> Fields {
    let mut set = Fields::new();
    if value["metadata"]["annotations"].get(TTL).is_some() {
        set.insert("f:metadata".into(), json!({"f:annotations": {format!("f:{TTL}"): {}}}));
    }
    let mut spec = Map::new();
    if value["spec"]["podCIDR"].is_string() {
        spec.insert("f:podCIDR".into(), json!({}));
    }
    if let Some(ranges) = value["spec"]["podCIDRs"].as_array() {
        let mut own: Fields = ranges.iter().map(|range| (format!("v:{range}"), json!({}))).collect();
        own.insert(".".into(), json!({}));
        spec.insert("f:podCIDRs".into(), own.into());
    }
    if value["spec"]["taints"].as_array().is_some_and(|taints| !taints.is_empty()) {
        spec.insert("f:taints".into(), json!({}));
    }
    if !spec.is_empty() {
        set.insert("f:spec".into(), spec.into());
    }
    set
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::FieldsV1;

    use super::*;
    use crate::apiserver::managed::entries;

    fn shown(object: Value, kind: Kind) -> Vec<(String, Option<String>, Value)> {
        let object = Object::from_value(kind, object).expect("an object");
        let show = |entry: ManagedFieldsEntry| {
            let fields = entry.fields_v1.map_or(Value::Null, |FieldsV1(fields)| fields);
            (entry.manager.unwrap_or_default(), entry.subresource, fields)
        };
        entries(&object).into_iter().map(show).collect()
    }

    #[test]
    fn a_pod_is_its_creators_and_its_status_the_kubelets() {
        let condition = |kind: &str| {
            json!({"type": kind, "status": "True", "observedGeneration": 1, "lastProbeTime": null,
                "lastTransitionTime": "2026-11-23T08:51:01Z"})
        };
        let pod = json!({
            "metadata": {"name": "nginx", "creationTimestamp": "2026-11-23T08:51:01Z", "labels": {"app": "nginx"}, "managedFields": [
                {"manager": "kubectl-run", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
                    "time": "2026-11-23T08:51:01Z"}]},
            "spec": {
                "containers": [{"name": "nginx", "image": "nginx", "resources": {}, "volumeMounts": [
                    {"name": "kube-api-access-x", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]}],
                "nodeName": "node-1", "priority": 0, "serviceAccount": "default", "serviceAccountName": "default",
                "tolerations": [{"key": "node.kubernetes.io/not-ready", "tolerationSeconds": 300}],
                "volumes": [{"name": "kube-api-access-x"}],
            },
            "status": {"phase": "Running", "qosClass": "BestEffort", "conditions": [condition("PodScheduled"), condition("Ready")],
                "podIPs": [{"ip": "10.244.0.5"}]},
        });
        let ready = json!({".": {}, "f:lastProbeTime": {}, "f:lastTransitionTime": {}, "f:observedGeneration": {},
            "f:status": {}, "f:type": {}});
        let expected = vec![
            (
                "kubectl-run".to_string(),
                None,
                json!({
                    "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                    "f:spec": {"f:containers": {"k:{\"name\":\"nginx\"}": {".": {}, "f:name": {}, "f:image": {}, "f:resources": {}}}},
                }),
            ),
            (
                "kubelet".to_string(),
                Some("status".to_string()),
                json!({"f:status": {
                    "f:conditions": {
                        "k:{\"type\":\"PodScheduled\"}": {"f:observedGeneration": {}},
                        "k:{\"type\":\"Ready\"}": ready,
                    },
                    "f:phase": {},
                    "f:podIPs": {".": {}, "k:{\"ip\":\"10.244.0.5\"}": {".": {}, "f:ip": {}}},
                }}),
            ),
        ];
        assert_eq!(shown(pod, Kind::Pod), expected);
    }

    #[test]
    fn makers() {
        let of =
            |kind: Kind, meta: Value| maker(&Object::from_value(kind, json!({"metadata": meta})).expect("an object"));
        for (kind, meta, expected) in [
            (Kind::Node, json!({"name": "a"}), Some("kubelet")),
            (Kind::Pod, json!({"name": "a", "namespace": "default"}), None),
            (
                Kind::Pod,
                json!({"name": "a", "ownerReferences": [{"controller": true, "apiVersion": "v1", "kind": "x", "name": "x", "uid": "x"}]}),
                Some("kube-controller-manager"),
            ),
            (Kind::Namespace, json!({"name": "kube-system"}), Some("kube-apiserver")),
            (Kind::Namespace, json!({"name": "mine"}), None),
            (Kind::ConfigMap, json!({"name": "coredns", "namespace": "kube-system"}), Some("kubeadm")),
        ] {
            assert_eq!(of(kind, meta.clone()), expected, "{meta}");
        }
    }
}
