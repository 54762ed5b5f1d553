//! Defaults of the kinds that are kept as values (`pkg/apis/GROUP/VERSION/defaults.go`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Other, entry, hpa, items, preset};
use crate::api::{PodSpec, default, object::Kind};

type Fields = Map<String, Value>;

/// Fills in an object's defaults. Doing it twice changes nothing more.
pub fn apply(object: &mut Other) {
    hpa::upgrade(object);
    let content = &mut object.content;
    match object.kind {
        Kind::Deployment => {
            let spec = entry(content, "spec");
            preset(spec, "replicas", 1);
            rolling(spec, "strategy", &[("maxUnavailable", json!("25%")), ("maxSurge", json!("25%"))]);
            preset(spec, "revisionHistoryLimit", 10);
            preset(spec, "progressDeadlineSeconds", 600);
            template(spec);
        }
        Kind::DaemonSet => {
            let spec = entry(content, "spec");
            rolling(spec, "updateStrategy", &[("maxUnavailable", json!(1)), ("maxSurge", json!(0))]);
            preset(spec, "revisionHistoryLimit", 10);
            template(spec);
        }
        Kind::StatefulSet => stateful_set(entry(content, "spec")),
        Kind::ReplicaSet => {
            let spec = entry(content, "spec");
            preset(spec, "replicas", 1);
            template(spec);
        }
        Kind::ReplicationController => {
            let spec = entry(content, "spec");
            preset(spec, "replicas", 1);
            if spec.get("template").is_some_and(Value::is_object) {
                let labels = spec["template"]["metadata"].get("labels").cloned();
                if let Some(labels) = labels.as_ref().and_then(Value::as_object).filter(|labels| !labels.is_empty()) {
                    preset(spec, "selector", labels.clone());
                    let own = object.metadata.labels.get_or_insert_default();
                    if own.is_empty() {
                        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
                        own.extend(labels.iter().map(|(key, value)| (key.clone(), text(value))));
                    }
                }
                template(spec);
            }
        }
        Kind::Job => {
            let spec = entry(content, "spec");
            job(spec);
            // A Job without labels has those of its template, which a new one gets after this.
            if object.metadata.uid.is_some() && object.metadata.labels.as_ref().is_none_or(BTreeMap::is_empty) {
                object.metadata.labels = serde_json::from_value(spec["template"]["metadata"]["labels"].clone()).ok();
            }
        }
        Kind::CronJob => {
            let spec = entry(content, "spec");
            preset(spec, "concurrencyPolicy", "Allow");
            preset(spec, "suspend", false);
            preset(spec, "successfulJobsHistoryLimit", 3);
            preset(spec, "failedJobsHistoryLimit", 1);
            template(entry(entry(spec, "jobTemplate"), "spec"));
        }
        Kind::PodTemplate => template(content),
        Kind::HorizontalPodAutoscaler => {
            let spec = entry(content, "spec");
            preset(spec, "minReplicas", 1);
            if spec.get("metrics").and_then(Value::as_array).is_none_or(Vec::is_empty) {
                let target = json!({"type": "Utilization", "averageUtilization": 80});
                let metric = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
                spec.insert("metrics".into(), json!([metric]));
            }
            if let Some(Value::Object(behavior)) = spec.get_mut("behavior") {
                hpa::behavior(behavior);
            }
        }
        Kind::PersistentVolumeClaim => claim(content),
        Kind::PersistentVolume => {
            preset(entry(content, "status"), "phase", "Pending");
            let spec = entry(content, "spec");
            preset(spec, "persistentVolumeReclaimPolicy", "Retain");
            preset(spec, "volumeMode", "Filesystem");
            if let Some(Value::Object(host_path)) = spec.get_mut("hostPath") {
                preset(host_path, "type", "");
            }
            if let Some(Value::Object(iscsi)) = spec.get_mut("iscsi") {
                preset(iscsi, "iscsiInterface", "default");
            }
        }
        Kind::StorageClass => {
            preset(content, "reclaimPolicy", "Delete");
            preset(content, "volumeBindingMode", "Immediate");
        }
        Kind::LimitRange => items(entry(content, "spec"), "limits").for_each(limits),
        Kind::Endpoints => {
            for subset in items(content, "subsets") {
                items(subset, "ports").for_each(|port| preset(port, "protocol", "TCP"));
            }
        }
        Kind::EndpointSlice => items(content, "ports").for_each(|port| {
            preset(port, "name", "");
            preset(port, "protocol", "TCP");
        }),
        Kind::IngressClass => {
            if let Some(Value::Object(parameters)) = entry(content, "spec").get_mut("parameters") {
                preset(parameters, "scope", "Cluster");
            }
        }
        Kind::NetworkPolicy => {
            let spec = entry(content, "spec");
            for list in ["ingress", "egress"] {
                for rule in items(spec, list) {
                    items(rule, "ports").for_each(|port| preset(port, "protocol", "TCP"));
                }
            }
            let egress = spec.get("egress").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
            if spec.get("policyTypes").and_then(Value::as_array).is_none_or(Vec::is_empty) {
                let types = if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
                spec.insert("policyTypes".into(), types);
            }
        }
        Kind::ClusterRoleBinding | Kind::RoleBinding => {
            const GROUP: &str = "rbac.authorization.k8s.io";
            preset(entry(content, "roleRef"), "apiGroup", GROUP);
            for subject in items(content, "subjects") {
                if subject.get("kind").is_some_and(|kind| kind == "User" || kind == "Group") {
                    preset(subject, "apiGroup", GROUP);
                }
            }
        }
        Kind::ValidatingAdmissionPolicy => {
            let spec = entry(content, "spec");
            preset(spec, "failurePolicy", "Fail");
            if let Some(Value::Object(constraints)) = spec.get_mut("matchConstraints") {
                matching(constraints);
            }
        }
        Kind::ValidatingAdmissionPolicyBinding => {
            if let Some(Value::Object(resources)) = entry(content, "spec").get_mut("matchResources") {
                matching(resources);
            }
        }
        _ => {}
    }
}

/// A strategy of type RollingUpdate unless another is given, with its own defaults.
fn rolling(spec: &mut Fields, key: &str, defaults: &[(&str, Value)]) {
    let strategy = entry(spec, key);
    preset(strategy, "type", "RollingUpdate");
    if strategy.get("type").is_some_and(|kind| kind == "RollingUpdate") {
        let update = entry(strategy, "rollingUpdate");
        for (key, value) in defaults {
            preset(update, key, value.clone());
        }
    }
}

fn stateful_set(spec: &mut Fields) {
    preset(spec, "podManagementPolicy", "OrderedReady");
    let strategy = entry(spec, "updateStrategy");
    if strategy.get("type").is_none_or(|kind| kind == "") {
        strategy.insert("type".into(), "RollingUpdate".into());
        entry(strategy, "rollingUpdate");
    }
    if strategy.get("type").is_some_and(|kind| kind == "RollingUpdate")
        && let Some(Value::Object(update)) = strategy.get_mut("rollingUpdate")
    {
        preset(update, "partition", 0);
        // Its feature gate is off.
        update.remove("maxUnavailable");
    }
    let retention = entry(spec, "persistentVolumeClaimRetentionPolicy");
    preset(retention, "whenDeleted", "Retain");
    preset(retention, "whenScaled", "Retain");
    preset(spec, "replicas", 1);
    preset(spec, "revisionHistoryLimit", 10);
    template(spec);
    for claim in items(spec, "volumeClaimTemplates") {
        self::claim(claim);
        preset(claim, "apiVersion", "v1");
        preset(claim, "kind", "PersistentVolumeClaim");
    }
}

fn job(spec: &mut Fields) {
    if spec.get("completions").is_none() && spec.get("parallelism").is_none() {
        preset(spec, "completions", 1);
    }
    preset(spec, "parallelism", 1);
    let each = spec.contains_key("backoffLimitPerIndex");
    preset(spec, "backoffLimit", if each { i32::MAX } else { 6 });
    preset(spec, "completionMode", "NonIndexed");
    preset(spec, "suspend", false);
    preset(spec, "manualSelector", false);
    preset(
        spec,
        "podReplacementPolicy",
        match spec.contains_key("podFailurePolicy") {
            true => "Failed",
            false => "TerminatingOrFailed",
        },
    );
    if let Some(Value::Object(policy)) = spec.get_mut("podFailurePolicy") {
        for rule in items(policy, "rules") {
            items(rule, "onPodConditions").for_each(|condition| preset(condition, "status", "True"));
        }
    }
    template(spec);
}

fn claim(claim: &mut Fields) {
    preset(entry(claim, "status"), "phase", "Pending");
    preset(entry(claim, "spec"), "volumeMode", "Filesystem");
}

/// A container's default limit is the most allowed; its request that limit, or the least allowed.
fn limits(item: &mut Fields) {
    if item.get("type").is_none_or(|kind| kind != "Container") {
        return;
    }
    for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
        let given = item.get(from).and_then(Value::as_object).cloned().unwrap_or_default();
        let target = entry(item, to);
        for (name, amount) in given {
            target.entry(name).or_insert(amount);
        }
    }
    item.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
}

fn matching(resources: &mut Fields) {
    preset(resources, "matchPolicy", "Equivalent");
    entry(resources, "namespaceSelector");
    entry(resources, "objectSelector");
    for list in ["resourceRules", "excludeResourceRules"] {
        items(resources, list).for_each(|rule| preset(rule, "scope", "*"));
    }
}

/// The defaults of the pod that `template` describes.
fn template(holder: &mut Fields) {
    let template = entry(holder, "template");
    entry(template, "metadata");
    let spec = Value::Object(std::mem::take(entry(template, "spec")));
    let spec = match serde_json::from_value::<PodSpec>(spec.clone()) {
        Ok(mut typed) => {
            default::template(&mut typed);
            // What came from JSON goes back to it.
            serde_json::to_value(&typed).unwrap_or(spec)
        }
        Err(_) => spec,
    };
    template.insert("spec".into(), spec);
}
