//! Namespaces, nodes, ConfigMaps, Secrets, priority classes, leases.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{ConfigMap, Namespace, Node, Secret, Taint},
    scheduling::v1::PriorityClass,
};
use serde_json::json;

use super::{
    METADATA, address,
    env::joined,
    meta::{self, NOT_NEGATIVE, Name},
    resources, scheduling, text,
};
use crate::api::{
    field::{Errors, Path},
    names,
    resources::amounts,
};

const MOST_DATA: usize = 1024 * 1024;

pub fn namespace(errors: &mut Errors, namespace: &Namespace) {
    meta::object_meta(errors, &namespace.metadata, false, Name::Label, &METADATA);
    let finalizers = namespace.spec.iter().flat_map(|spec| spec.finalizers.iter().flatten());
    let spec = Path::root("spec");
    for finalizer in finalizers {
        let path = spec.child("finalizers");
        errors.invalid_each(&path, finalizer, names::qualified_name(finalizer));
        if !finalizer.contains('/') && !["kubernetes", "orphan", "foregroundDeletion"].contains(&finalizer.as_str()) {
            errors.invalid(&path, finalizer, "name is neither a standard finalizer name nor is it fully qualified");
        }
    }
}

pub fn node(errors: &mut Errors, node: &Node) {
    meta::object_meta(errors, &node.metadata, false, Name::Subdomain, &METADATA);
    taints(errors, node);
    node_resources(errors, node);
    pod_ranges(errors, node);
}

/// One range of pods' addresses for each family.
fn pod_ranges(errors: &mut Errors, node: &Node) {
    let ranges = node.spec.as_ref().and_then(|spec| spec.pod_cidrs.as_deref()).unwrap_or_default();
    let spec = Path::root("spec");
    let path = spec.child("podCIDRs");
    let parsed: Vec<_> =
        ranges.iter().enumerate().filter_map(|(at, range)| address::cidr(errors, range, &path.index(at))).collect();
    if ranges.len() > 1 {
        let dual = parsed.iter().any(|(ip, _)| ip.is_ipv4()) && parsed.iter().any(|(ip, _)| ip.is_ipv6());
        if !dual || ranges.len() > 2 {
            let shown = serde_json::Value::from(ranges.to_vec());
            errors.invalid(&path, &shown, "may specify no more than one CIDR for each IP family");
        }
    }
}

pub fn node_update(errors: &mut Errors, new: &Node, old: &Node) {
    node_resources(errors, new);
    let (new_spec, old_spec) = (new.spec.clone().unwrap_or_default(), old.spec.clone().unwrap_or_default());
    let spec = Path::root("spec");
    let ranges = old_spec.pod_cidrs.unwrap_or_default();
    if !ranges.is_empty() && new_spec.pod_cidrs.unwrap_or_default() != ranges {
        let why = "node updates may not change podCIDR except from \"\" to valid";
        errors.forbidden(&spec.child("podCIDRs"), why);
    }
    let provider = text(&old_spec.provider_id);
    if !provider.is_empty() && provider != text(&new_spec.provider_id) {
        let why = "node updates may not change providerID except from \"\" to valid";
        errors.forbidden(&spec.child("providerID"), why);
    }
    taints(errors, new);
}

fn node_resources(errors: &mut Errors, node: &Node) {
    let Some(status) = &node.status else { return };
    let path = Path::root("status");
    for (name, list) in [("capacity", &status.capacity), ("allocatable", &status.allocatable)] {
        let path = path.child(name);
        for (name, quantity) in &amounts(list.as_ref()) {
            resources::quantity_value(errors, name, quantity, &path.child(name));
        }
    }
}

fn taints(errors: &mut Errors, node: &Node) {
    // The real check looks for them under metadata.
    let path = METADATA.child("taints");
    let mut seen: Vec<&Taint> = Vec::new();
    for (index, taint) in node.spec.iter().flat_map(|spec| spec.taints.iter().flatten()).enumerate() {
        let path = path.index(index);
        meta::label_name(errors, &taint.key, &path.child("key"));
        let value = text(&taint.value);
        joined(errors, &path.child("value"), value, names::label_value(value));
        if taint.effect.is_empty() {
            errors.required(&path.child("effect"), "");
        } else {
            scheduling::taint_effect(errors, &taint.effect, &path.child("effect"));
        }
        if seen.iter().any(|other| other.key == taint.key && other.effect == taint.effect) {
            let shown = format!(
                "{{\"Key\":{},\"Value\":{},\"Effect\":{},\"TimeAdded\":{}}}",
                json!(taint.key),
                json!(value),
                json!(taint.effect),
                json!(taint.time_added)
            );
            errors.duplicate_because(&path, &shown, "taints must be unique by key and effect pair");
            continue;
        }
        seen.push(taint);
    }
}

pub fn config_map(errors: &mut Errors, map: &ConfigMap) {
    meta::object_meta(errors, &map.metadata, true, Name::Subdomain, &METADATA);
    let mut size = 0;
    let binary = map.binary_data.as_ref();
    let path = Path::root("data");
    for (key, value) in map.data.iter().flatten() {
        errors.invalid_each(&path.key(key), key, names::config_key(key));
        if binary.is_some_and(|binary| binary.contains_key(key)) {
            errors.invalid(&path.key(key), key, "duplicate of key present in binaryData");
        }
        size += value.len();
    }
    let path = Path::root("binaryData");
    for (key, value) in binary.into_iter().flatten() {
        errors.invalid_each(&path.key(key), key, names::config_key(key));
        size += value.0.len();
    }
    if size > MOST_DATA {
        errors.too_long(&Path::root(""), MOST_DATA);
    }
}

pub fn config_map_update(errors: &mut Errors, new: &ConfigMap, old: &ConfigMap) {
    let changed = [("data", new.data != old.data), ("binaryData", new.binary_data != old.binary_data)];
    immutable(errors, new.immutable, old.immutable, &changed);
    config_map(errors, new);
}

fn immutable(errors: &mut Errors, new: Option<bool>, old: Option<bool>, changed: &[(&str, bool)]) {
    const WHY: &str = "field is immutable when `immutable` is set";
    if old != Some(true) {
        return;
    }
    if new != Some(true) {
        errors.forbidden(&Path::root("immutable"), WHY);
    }
    for (name, _) in changed.iter().filter(|(_, changed)| *changed) {
        errors.forbidden(&Path::root(name), WHY);
    }
}

pub fn secret(errors: &mut Errors, secret: &Secret) {
    meta::object_meta(errors, &secret.metadata, true, Name::Subdomain, &METADATA);
    let nothing = BTreeMap::new();
    let data = secret.data.as_ref().unwrap_or(&nothing);
    let path = Path::root("data");
    let mut size = 0;
    for (key, value) in data {
        errors.invalid_each(&path.key(key), key, names::config_key(key));
        size += value.0.len();
    }
    if size > MOST_DATA {
        errors.too_long(&path, MOST_DATA);
    }
    let need = |errors: &mut Errors, key: &str| errors.required(&path.key(key), "");
    match text(&secret.type_) {
        "kubernetes.io/service-account-token" => {
            const NAME: &str = "kubernetes.io/service-account.name";
            if secret.metadata.annotations.as_ref().and_then(|all| all.get(NAME)).is_none_or(String::is_empty) {
                errors.required(&METADATA.child("annotations").key(NAME), "");
            }
        }
        "kubernetes.io/dockercfg" => docker(errors, data, ".dockercfg", &path),
        "kubernetes.io/dockerconfigjson" => docker(errors, data, ".dockerconfigjson", &path),
        "kubernetes.io/basic-auth" if !data.contains_key("username") && !data.contains_key("password") => {
            need(errors, "username");
            need(errors, "password");
        }
        "kubernetes.io/ssh-auth" if data.get("ssh-privatekey").is_none_or(|key| key.0.is_empty()) => {
            need(errors, "ssh-privatekey");
        }
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"] {
                if !data.contains_key(key) {
                    need(errors, key);
                }
            }
        }
        _ => {}
    }
}

fn docker(errors: &mut Errors, data: &BTreeMap<String, k8s_openapi::ByteString>, key: &str, path: &Path) {
    match data.get(key) {
        None => errors.required(&path.key(key), ""),
        Some(bytes) => {
            if let Err(error) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes.0) {
                errors.invalid(&path.key(key), "<secret contents redacted>", &error.to_string());
            }
        }
    }
}

pub fn secret_update(errors: &mut Errors, new: &Secret, old: &Secret) {
    if text(&new.type_) != text(&old.type_) {
        errors.invalid(&Path::root("type"), text(&new.type_), "field is immutable");
    }
    immutable(errors, new.immutable, old.immutable, &[("data", new.data != old.data)]);
    secret(errors, new);
}

pub fn priority_class(errors: &mut Errors, class: &PriorityClass) {
    meta::object_meta(errors, &class.metadata, false, Name::Subdomain, &METADATA);
    const MOST: i32 = 1_000_000_000;
    let number = class.value.unwrap_or_default();
    let name = text(&class.metadata.name);
    if name.starts_with("system-") {
        let known = [("system-node-critical", 2 * MOST + 1000), ("system-cluster-critical", 2 * MOST)];
        let why = match known.iter().find(|(known, _)| *known == name) {
            None => Some(format!("{name} is not a known system priority class")),
            Some((_, value)) if *value != number => Some(format!("value of {name} PriorityClass must be {value}")),
            Some(_) if class.global_default == Some(true) => {
                Some(format!("globalDefault of {name} PriorityClass must be false"))
            }
            Some(_) => None,
        };
        if let Some(why) = why {
            let why =
                format!("priority class names with 'system-' prefix are reserved for system use only. error: {why}");
            errors.forbidden(&METADATA.child("name"), &why);
        }
    } else if number > MOST {
        let why = format!("maximum allowed value of a user defined priority is {MOST}");
        errors.forbidden(&Path::root("value"), &why);
    }
    if let Some(policy) = class.preemption_policy.as_deref() {
        let supported = ["PreemptLowerPriority", "Never"];
        if !supported.contains(&policy) {
            errors.not_supported(&Path::root("preemptionPolicy"), policy, &supported);
        }
    }
}

pub fn priority_class_update(errors: &mut Errors, new: &PriorityClass, old: &PriorityClass) {
    if new.value != old.value {
        errors.forbidden(&Path::root("value"), "may not be changed in an update.");
    }
    let policy = |class: &PriorityClass| class.preemption_policy.clone().unwrap_or("PreemptLowerPriority".into());
    if policy(new) != policy(old) {
        errors.invalid(&Path::root("preemptionPolicy"), &policy(new), "field is immutable");
    }
}

pub fn lease(errors: &mut Errors, lease: &Lease) {
    meta::object_meta(errors, &lease.metadata, true, Name::Subdomain, &METADATA);
    let Some(spec) = &lease.spec else { return };
    let path = Path::root("spec");
    if let Some(seconds) = spec.lease_duration_seconds.filter(|seconds| *seconds <= 0) {
        errors.invalid(&path.child("leaseDurationSeconds"), &seconds, "must be greater than 0");
    }
    if let Some(count) = spec.lease_transitions.filter(|count| *count < 0) {
        errors.invalid(&path.child("leaseTransitions"), &count, NOT_NEGATIVE);
    }
}
