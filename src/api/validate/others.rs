//! The kinds that are kept as values: storage, networking, quotas, autoscaling, policies, roles.

use std::net::IpAddr;

use k8s_openapi::{api::core::v1::Toleration, apimachinery::pkg::apis::meta::v1::LabelSelector as ApiSelector};
use serde_json::Value;

use super::{
    METADATA, address, endpoints, limits,
    meta::{self, NOT_NEGATIVE, Name},
    resources, scaling, scheduling, storage, workloads,
};
use crate::api::{
    field::{Dump, Errors, Path},
    names,
    object::Kind,
    other::Other,
};

const SPEC: Path<'static> = Path::root("spec");

pub fn create(errors: &mut Errors, object: &Other) {
    let rule = match object.kind {
        // Roles may have any name that can stand in a path.
        Kind::ClusterRole | Kind::ClusterRoleBinding | Kind::Role | Kind::RoleBinding => Name::Path,
        // Its pods' names begin with it, and each is a host's.
        Kind::StatefulSet => Name::Label,
        _ => Name::Subdomain,
    };
    if object.kind == Kind::PodDisruptionBudget {
        // Its own check leaves its metadata to the one that comes after for all kinds.
        spec(errors, object, None);
        if errors.is_empty() {
            meta::object_meta(errors, &object.metadata, true, Name::Path, &METADATA);
        }
        return;
    }
    meta::object_meta(errors, &object.metadata, object.kind.namespaced(), rule, &METADATA);
    if object.kind == Kind::CronJob {
        workloads::cron_name(errors, &object.metadata);
    }
    spec(errors, object, None);
}

pub fn update(errors: &mut Errors, new: &Other, old: &Other) {
    if new.kind == Kind::StatefulSet {
        workloads::stateful_set_update(errors, new, old);
    } else {
        spec(errors, new, Some(old));
    }
    workloads::update(errors, new, old);
    let changed = |path: &str| new.at(path) != old.at(path);
    match new.kind {
        Kind::PersistentVolumeClaim => {
            storage::claim_update(errors, new, old);
        }
        Kind::PersistentVolume => storage::volume_update(errors, new, old),
        Kind::StorageClass => {
            for key in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
                if changed(key) {
                    errors.invalid(&Path::root(key), new.at(key), "field is immutable");
                }
            }
        }
        Kind::ClusterRoleBinding | Kind::RoleBinding if changed("roleRef") => {
            errors.invalid(&Path::root("roleRef"), new.at("roleRef"), "cannot change roleRef");
        }
        Kind::EndpointSlice if changed("addressType") => {
            errors.invalid(&Path::root("addressType"), new.at("addressType"), "field is immutable");
        }
        Kind::RuntimeClass if changed("handler") => {
            errors.invalid(&Path::root("handler"), new.at("handler"), "field is immutable");
        }
        _ => {}
    }
}

fn spec(errors: &mut Errors, object: &Other, old: Option<&Other>) {
    let spec = object.at("spec");
    match object.kind {
        Kind::PersistentVolumeClaim => storage::claim(errors, spec, &SPEC),
        Kind::PersistentVolume => storage::volume(errors, object),
        Kind::HorizontalPodAutoscaler => scaling::autoscaler(errors, spec),
        Kind::PodDisruptionBudget => budget(errors, spec),
        Kind::Ingress => ingress(errors, spec),
        Kind::IngressClass => {
            let controller = text(&spec["controller"]);
            let path = SPEC.child("controller");
            if controller.is_empty() {
                errors.required(&path, "");
            } else {
                let wrong = names::domain_prefixed_key(controller);
                let wrong = wrong.into_iter().map(|why| why.replace("domain-prefixed key", "domain-prefixed path"));
                errors.invalid_each(&path, controller, wrong.collect());
            }
            if spec["parameters"].is_object() {
                class_parameters(errors, &spec["parameters"], &SPEC.child("parameters"));
            }
        }
        Kind::NetworkPolicy => network_policy(errors, spec),
        Kind::ResourceQuota => limits::quota(errors, spec),
        Kind::LimitRange => limits::limit_range(errors, spec),
        Kind::StorageClass => storage::class(errors, object),
        Kind::RuntimeClass => {
            let (handler, path) = (object.text("handler"), Path::root("handler"));
            if handler.is_empty() {
                errors.required(&path, "");
            } else {
                errors.invalid_each(&path, handler, names::dns1123_label(handler));
            }
            if let Ok(overhead) = serde_json::from_value(object.at("overhead/podFixed").clone()) {
                resources::overhead(errors, &overhead, &Path::root("overhead"));
            }
            runtime_scheduling(errors, object.at("scheduling"));
        }
        Kind::Role | Kind::ClusterRole => roles(errors, object),
        Kind::RoleBinding | Kind::ClusterRoleBinding => binding(errors, object),
        Kind::EndpointSlice => endpoints::slice(errors, object, old),
        Kind::Endpoints => endpoints::subsets(errors, object, old),
        Kind::ValidatingAdmissionPolicyBinding => {
            required_text(errors, &spec["policyName"], &SPEC.child("policyName"));
            if list(&spec["validationActions"]).is_empty() {
                errors.required(&SPEC.child("validationActions"), "");
            }
        }
        Kind::ValidatingAdmissionPolicy => {
            if list(&spec["validations"]).is_empty() && list(&spec["auditAnnotations"]).is_empty() {
                let why = "validations or auditAnnotations must contain at least one item";
                errors.required(&SPEC.child("validations"), why);
            }
            if spec["matchConstraints"].is_null() {
                errors.required(&SPEC.child("matchConstraints"), "");
            }
        }
        _ if object.template_path().is_some() => workloads::spec(errors, object, old),
        _ => {}
    }
}

/// Where a RuntimeClass lets its pods run.
fn runtime_scheduling(errors: &mut Errors, given: &Value) {
    let path = Path::root("scheduling");
    if let Ok(labels) = serde_json::from_value(given["nodeSelector"].clone()) {
        meta::labels(errors, Some(&labels), &path.child("nodeSelector"));
    }
    let tolerations: Vec<Toleration> = serde_json::from_value(given["tolerations"].clone()).unwrap_or_default();
    scheduling::tolerations(errors, &tolerations, &path.child("tolerations"));
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn required_text(errors: &mut Errors, value: &Value, path: &Path) {
    if text(value).is_empty() {
        errors.required(path, "");
    }
}

/// Numbers of `of`, where they are given.
pub(super) fn not_negative(errors: &mut Errors, of: &Value, keys: &[&str], path: &Path) {
    for key in keys {
        if let Some(number) = of[*key].as_i64().filter(|number| *number < 0) {
            errors.invalid(&path.child(key), &number, NOT_NEGATIVE);
        }
    }
}

pub(super) fn one_of(errors: &mut Errors, of: &Value, key: &str, supported: &[&str], path: &Path) {
    let value = text(&of[key]);
    if value.is_empty() {
        errors.required(&path.child(key), "");
    } else if !supported.contains(&value) {
        errors.not_supported(&path.child(key), value, supported);
    }
}

fn budget(errors: &mut Errors, spec: &Value) {
    if !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null() {
        let part = |key: &str| spec[key].to_string();
        let shown = format!(
            "{{\"MinAvailable\":{},\"Selector\":{},\"MaxUnavailable\":{},\"UnhealthyPodEvictionPolicy\":{}}}",
            part("minAvailable"),
            part("selector"),
            part("maxUnavailable"),
            part("unhealthyPodEvictionPolicy")
        );
        errors.invalid(&SPEC, &Dump(shown), "minAvailable and maxUnavailable cannot be both set");
    }
    for key in ["minAvailable", "maxUnavailable"] {
        let path = SPEC.child(key);
        match &spec[key] {
            Value::String(share) => errors.invalid_each(&path, share.as_str(), names::percent(share)),
            value if value.as_i64().is_some_and(|number| number < 0) => errors.invalid(&path, value, NOT_NEGATIVE),
            _ => {}
        }
        workloads::at_most_all(errors, &spec[key], &path);
    }
    let selector: Option<ApiSelector> = serde_json::from_value(spec["selector"].clone()).ok();
    meta::label_selector(errors, selector.as_ref(), &SPEC.child("selector"));
    let policy = text(&spec["unhealthyPodEvictionPolicy"]);
    if !["", "AlwaysAllow", "IfHealthyBudget"].contains(&policy) {
        errors.not_supported(&SPEC.child("unhealthyPodEvictionPolicy"), policy, &["AlwaysAllow", "IfHealthyBudget"]);
    }
}

fn ingress(errors: &mut Errors, spec: &Value) {
    let rules = list(&spec["rules"]);
    if rules.is_empty() && spec["defaultBackend"].is_null() {
        let rules = if spec["rules"].is_null() { Value::Array(Vec::new()) } else { spec["rules"].clone() };
        errors.invalid(&SPEC, &rules, "either `defaultBackend` or `rules` must be specified");
    }
    for (index, tls) in list(&spec["tls"]).iter().enumerate() {
        let hosts = SPEC.child("tls");
        let path = hosts.index(index);
        for (index, host) in list(&tls["hosts"]).iter().map(text).enumerate() {
            let wrong = if host.contains('*') { wildcard(host) } else { names::dns1123_subdomain(host) };
            errors.invalid_each(&path.child("hosts").index(index), host, wrong);
        }
        let secret = text(&tls["secretName"]);
        if !secret.is_empty() {
            errors.invalid_each(&path.child("secretName"), secret, names::dns1123_subdomain(secret));
        }
    }
    if spec["defaultBackend"].is_object() {
        backend(errors, &spec["defaultBackend"], &SPEC.child("defaultBackend"));
    }
    let all = SPEC.child("rules");
    for (index, rule) in rules.iter().enumerate() {
        let path = all.index(index);
        let host = text(&rule["host"]);
        let at = path.child("host");
        if host.parse::<IpAddr>().is_ok() {
            errors.invalid(&at, host, "must be a DNS name, not an IP address");
        } else if host.contains('*') {
            errors.invalid_each(&at, host, wildcard(host));
        } else if !host.is_empty() {
            errors.invalid_each(&at, host, names::dns1123_subdomain(host));
        }
        if !rule["http"].is_object() {
            continue;
        }
        let paths = path.child("http.paths");
        if list(&rule["http"]["paths"]).is_empty() {
            errors.required(&paths, "");
        }
        for (index, one) in list(&rule["http"]["paths"]).iter().enumerate() {
            let path = paths.index(index);
            let target = text(&one["path"]);
            match one["pathType"].as_str() {
                None => errors.required(&path.child("pathType"), "pathType must be specified"),
                Some("Exact" | "Prefix") => {
                    if !target.starts_with('/') {
                        errors.invalid(&path.child("path"), target, "must be an absolute path");
                    }
                    for part in ["//", "/./", "/../", "%2f", "%2F"].into_iter().filter(|part| target.contains(part)) {
                        errors.invalid(&path.child("path"), target, &format!("must not contain '{part}'"));
                    }
                    for end in ["/..", "/."].into_iter().filter(|end| target.ends_with(end)) {
                        errors.invalid(&path.child("path"), target, &format!("cannot end with '{end}'"));
                    }
                }
                Some("ImplementationSpecific") => {
                    if !target.is_empty() && !target.starts_with('/') {
                        errors.invalid(&path.child("path"), target, "must be an absolute path");
                    }
                }
                Some(other) => {
                    let known = ["Exact", "ImplementationSpecific", "Prefix"];
                    errors.not_supported(&path.child("pathType"), other, &known);
                }
            }
            backend(errors, &one["backend"], &path.child("backend"));
        }
    }
    if let Some(class) = spec["ingressClassName"].as_str() {
        errors.invalid_each(&SPEC.child("ingressClassName"), class, names::dns1123_subdomain(class));
    }
}

fn wildcard(host: &str) -> Vec<String> {
    let fits = host.strip_prefix("*.").is_some_and(|rest| names::dns1123_subdomain(rest).is_empty());
    if fits {
        return Vec::new();
    }
    vec![
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of \
         lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', \
         regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            .into(),
    ]
}

fn backend(errors: &mut Errors, backend: &Value, path: &Path) {
    let (service, resource) = (&backend["service"], &backend["resource"]);
    match (service.is_object(), resource.is_object()) {
        (true, true) => errors.invalid(path, "", "cannot set both resource and service backends"),
        (false, false) => errors.invalid(path, "", "resource or service backend is required"),
        (false, true) => reference(errors, resource, &path.child("resource")),
        (true, false) => {
            let at = path.child("service");
            let name = text(&service["name"]);
            if name.is_empty() {
                errors.required(&at.child("name"), "");
            } else {
                errors.invalid_each(&at.child("name"), name, names::dns1123_label(name));
            }
            let (number, named) = (service["port"]["number"].as_i64().unwrap_or(0), text(&service["port"]["name"]));
            let at = at.child("port");
            match (number, named) {
                (0, "") => errors.required(path, "port name or number is required"),
                (0, name) => errors.invalid_each(&at.child("name"), name, names::port_name(name)),
                (_, "") => errors.invalid_each(&at.child("number"), &number, names::port_number(number)),
                _ => errors.invalid(path, "", "cannot set both port name & port number"),
            }
        }
    }
}

/// An object of any kind, by its group, kind and name.
fn reference(errors: &mut Errors, to: &Value, path: &Path) {
    if let Some(group) = to["apiGroup"].as_str() {
        errors.invalid_each(&path.child("apiGroup"), group, names::dns1123_subdomain(group));
    }
    for key in ["kind", "name"] {
        let value = text(&to[key]);
        if value.is_empty() {
            errors.required(&path.child(key), "");
        } else {
            errors.invalid_each(&path.child(key), value, Name::Path.check(value));
        }
    }
}

fn class_parameters(errors: &mut Errors, parameters: &Value, path: &Path) {
    reference(errors, parameters, path);
    let at = path.child("namespace");
    let namespace = parameters["namespace"].as_str();
    match parameters["scope"].as_str() {
        None => errors.required(&path.child("scope"), ""),
        Some("Namespace") => match namespace {
            None => errors.required(&at, "`parameters.scope` is set to 'Namespace'"),
            Some(name) => errors.invalid_each(&at, name, names::dns1123_label(name)),
        },
        Some("Cluster") => {
            if namespace.is_some() {
                errors.forbidden(&at, "`parameters.scope` is set to 'Cluster'");
            }
        }
        Some(other) => errors.not_supported(&path.child("scope"), other, &["Cluster", "Namespace"]),
    }
}

fn network_policy(errors: &mut Errors, spec: &Value) {
    let selector: Option<ApiSelector> = serde_json::from_value(spec["podSelector"].clone()).ok();
    meta::label_selector(errors, selector.as_ref(), &SPEC.child("podSelector"));
    for (list_name, peers) in [("ingress", "from"), ("egress", "to")] {
        let path = SPEC.child(list_name);
        for (index, rule) in list(&spec[list_name]).iter().enumerate() {
            let path = path.index(index);
            let ports = path.child("ports");
            for (index, port) in list(&rule["ports"]).iter().enumerate() {
                let path = ports.index(index);
                let protocol = text(&port["protocol"]);
                if !["TCP", "UDP", "SCTP"].contains(&protocol) {
                    errors.not_supported(&path.child("protocol"), protocol, &["TCP", "UDP", "SCTP"]);
                }
                policy_port(errors, port, &path);
            }
            let all = path.child(peers);
            for (index, peer) in list(&rule[peers]).iter().enumerate() {
                let path = all.index(index);
                for key in ["podSelector", "namespaceSelector"] {
                    let selector: Option<ApiSelector> = serde_json::from_value(peer[key].clone()).ok();
                    meta::label_selector(errors, selector.as_ref(), &path.child(key));
                }
                let block = peer["ipBlock"].is_object();
                if block {
                    ip_block(errors, &peer["ipBlock"], &path.child("ipBlock"));
                }
                if block && (peer["podSelector"].is_object() || peer["namespaceSelector"].is_object()) {
                    errors.forbidden(&path, "may not specify both ipBlock and another peer");
                } else if !block && !peer["podSelector"].is_object() && !peer["namespaceSelector"].is_object() {
                    errors.required(&path, "must specify a peer");
                }
            }
        }
    }
    let types = list(&spec["policyTypes"]);
    let path = SPEC.child("policyTypes");
    if types.len() > 2 {
        return errors.invalid(&path, &spec["policyTypes"], "may not specify more than two policyTypes");
    }
    for (index, kind) in types.iter().map(text).enumerate().filter(|(_, kind)| !["Ingress", "Egress"].contains(kind)) {
        errors.not_supported(&path.index(index), kind, &["Ingress", "Egress"]);
    }
}

fn policy_port(errors: &mut Errors, port: &Value, path: &Path) {
    let (end, at) = (port["endPort"].as_i64(), path.child("endPort"));
    match &port["port"] {
        Value::String(name) => {
            if let Some(end) = end {
                errors.invalid(&at, &end, "may not be specified when `port` is non-numeric");
            }
            errors.invalid_each(&path.child("port"), name.as_str(), names::port_name(name));
        }
        Value::Number(number) => {
            let number = number.as_i64().unwrap_or_default();
            errors.invalid_each(&path.child("port"), &number, names::port_number(number));
            if let Some(end) = end {
                if end < number {
                    errors.invalid(&at, &number, "must be greater than or equal to `port`");
                }
                errors.invalid_each(&at, &end, names::port_number(end));
            }
        }
        _ => {
            if let Some(end) = end {
                errors.invalid(&at, &end, "may not be specified when `port` is not specified");
            }
        }
    }
}

/// A range of addresses, and ranges within it that are left out.
fn ip_block(errors: &mut Errors, block: &Value, path: &Path) {
    let range = text(&block["cidr"]);
    if range.is_empty() {
        return errors.required(&path.child("cidr"), "");
    }
    let whole = address::cidr(errors, range, &path.child("cidr"));
    let path = path.child("except");
    for (index, part) in list(&block["except"]).iter().map(text).enumerate().filter(|_| whole.is_some()) {
        let path = path.index(index);
        let within = |whole: (IpAddr, u32), part: (IpAddr, u32)| {
            part.1 > whole.1
                && match (whole.0, part.0) {
                    (IpAddr::V4(one), IpAddr::V4(other)) => {
                        (one.to_bits() ^ other.to_bits()).checked_shr(32 - whole.1).unwrap_or(0) == 0
                    }
                    (IpAddr::V6(one), IpAddr::V6(other)) => {
                        (one.to_bits() ^ other.to_bits()).checked_shr(128 - whole.1).unwrap_or(0) == 0
                    }
                    _ => false,
                }
        };
        if let (Some(whole), Some(parsed)) = (whole, address::cidr(errors, part, &path))
            && !within(whole, parsed)
        {
            errors.invalid(&path, part, "must be a strict subset of `cidr`");
        }
    }
}

fn roles(errors: &mut Errors, object: &Other) {
    let all = Path::root("rules");
    for (index, rule) in list(object.at("rules")).iter().enumerate() {
        let path = all.index(index);
        if list(&rule["verbs"]).is_empty() {
            errors.required(&path.child("verbs"), "verbs must contain at least one value");
        }
        let (urls, resources) = (list(&rule["nonResourceURLs"]), list(&rule["resources"]));
        if !urls.is_empty() {
            if object.kind == Kind::Role {
                let why = "namespaced rules cannot apply to non-resource URLs";
                errors.invalid(&path.child("nonResourceURLs"), &rule["nonResourceURLs"], why);
            }
            if !resources.is_empty() {
                let why = "rules cannot apply to both regular resources and non-resource URLs";
                errors.invalid(&path.child("nonResourceURLs"), &rule["nonResourceURLs"], why);
            }
            continue;
        }
        if list(&rule["apiGroups"]).is_empty() {
            errors.required(&path.child("apiGroups"), "resource rules must supply at least one api group");
        }
        if resources.is_empty() {
            errors.required(&path.child("resources"), "resource rules must supply at least one resource");
        }
    }
}

fn binding(errors: &mut Errors, object: &Other) {
    let role = Path::root("roleRef");
    let known: &[&str] =
        if object.kind == Kind::ClusterRoleBinding { &["ClusterRole"] } else { &["Role", "ClusterRole"] };
    const GROUP: &[&str] = &["rbac.authorization.k8s.io"];
    let group = object.text("roleRef/apiGroup");
    if !GROUP.contains(&group) {
        errors.not_supported(&role.child("apiGroup"), group, GROUP);
    }
    let kind = object.text("roleRef/kind");
    if !known.contains(&kind) {
        errors.not_supported(&role.child("kind"), kind, known);
    }
    let name = object.text("roleRef/name");
    if name.is_empty() {
        errors.required(&role.child("name"), "");
    } else {
        errors.invalid_each(&role.child("name"), name, Name::Path.check(name));
    }
    let all = Path::root("subjects");
    for (index, subject) in list(object.at("subjects")).iter().enumerate() {
        let path = all.index(index);
        required_text(errors, &subject["name"], &path.child("name"));
        let group = text(&subject["apiGroup"]);
        let group_path = path.child("apiGroup");
        match text(&subject["kind"]) {
            "ServiceAccount" => {
                let name = text(&subject["name"]);
                if !name.is_empty() {
                    errors.invalid_each(&path.child("name"), name, names::dns1123_subdomain(name));
                }
                if !group.is_empty() {
                    errors.not_supported(&group_path, group, &[""]);
                }
                if object.kind == Kind::ClusterRoleBinding {
                    required_text(errors, &subject["namespace"], &path.child("namespace"));
                }
            }
            "User" | "Group" => {
                if !GROUP.contains(&group) {
                    errors.not_supported(&group_path, group, GROUP);
                }
            }
            other => errors.not_supported(&path.child("kind"), other, &["ServiceAccount", "User", "Group"]),
        }
    }
}
