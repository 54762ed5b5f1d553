//! Services.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use serde_json::json;

use super::{
    METADATA, address, handler,
    meta::{self, Name},
    text,
};
use crate::api::{
    field::{Dump, Errors, Path},
    names,
};

pub fn create(errors: &mut Errors, new: &Service) {
    meta::object_meta(errors, &new.metadata, true, Name::Label, &METADATA);
    service(errors, new);
}

fn service(errors: &mut Errors, service: &Service) {
    let annotation = |key: &str| service.metadata.annotations.as_ref().and_then(|annotations| annotations.get(key));
    const HINTS: &str = "service.kubernetes.io/topology-aware-hints";
    const MODE: &str = "service.kubernetes.io/topology-mode";
    if let (Some(hints), Some(mode)) = (annotation(HINTS), annotation(MODE))
        && hints != mode
    {
        let why = format!("must match annotations[{HINTS}] when both are specified");
        errors.invalid(&METADATA.child("annotations").key(MODE), mode, &why);
    }
    let spec = service.spec.clone().unwrap_or_default();
    let path = Path::root("spec");
    let kind = text(&spec.type_);
    let cluster_ips = spec.cluster_ips.as_deref().unwrap_or_default();
    let is_none = text(&spec.cluster_ip) == "None";
    let headless = is_none && kind == "ClusterIP";
    let ports = spec.ports.as_deref().unwrap_or_default();
    if ports.is_empty() && !headless && kind != "ExternalName" {
        errors.required(&path.child("ports"), "");
    }
    match kind {
        "LoadBalancer" | "NodePort" if is_none => {
            let why = format!("may not be set to 'None' for {kind} services");
            errors.invalid(&path.child("clusterIPs").index(0), "None", &why);
        }
        "ExternalName" => {
            let parts = [
                ("clusterIPs", !text(&spec.cluster_ip).is_empty()),
                ("ipFamilies", spec.ip_families.as_ref().is_some_and(|families| !families.is_empty())),
                ("ipFamilyPolicy", spec.ip_family_policy.is_some()),
            ];
            for (name, _) in parts.into_iter().filter(|(_, set)| *set) {
                errors.forbidden(&path.child(name), "may not be set for ExternalName services");
            }
            let name = text(&spec.external_name);
            let name = name.strip_suffix('.').unwrap_or(name);
            if name.is_empty() {
                errors.required(&path.child("externalName"), "");
            } else {
                errors.invalid_each(&path.child("externalName"), name, names::dns1123_subdomain(name));
            }
        }
        _ => {}
    }
    let ports_path = path.child("ports");
    let mut seen: Vec<&str> = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        self::port(errors, port, ports.len() > 1, &mut seen, &ports_path.index(index));
    }
    meta::labels(errors, spec.selector.as_ref(), &path.child("selector"));
    match text(&spec.session_affinity) {
        "" => errors.required(&path.child("sessionAffinity"), ""),
        "None" => {
            if spec.session_affinity_config.is_some() {
                let why = "must not be set when session affinity is None";
                errors.forbidden(&path.child("sessionAffinityConfig"), why);
            }
        }
        "ClientIP" => client_ip(errors, &spec, &path.child("sessionAffinityConfig")),
        other => errors.not_supported(&path.child("sessionAffinity"), other, &["ClientIP", "None"]),
    }
    if kind != "ExternalName" {
        addresses(errors, &spec, cluster_ips, headless, &path);
    }
    let external = path.child("externalIPs");
    for (index, ip) in spec.external_ips.iter().flatten().enumerate() {
        let path = external.index(index);
        if let Some(parsed) = address::ip(errors, ip, &path) {
            address::endpoint(errors, parsed, ip, &path);
        }
    }
    const KINDS: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if kind.is_empty() {
        errors.required(&path.child("type"), "");
    } else if !KINDS.contains(&kind) {
        errors.not_supported(&path.child("type"), kind, KINDS);
    }
    let node_port = |port: &ServicePort| port.node_port.filter(|number| *number != 0);
    for (index, port) in ports.iter().enumerate() {
        if kind == "ClusterIP" && node_port(port).is_some() {
            let path = ports_path.index(index);
            errors.forbidden(&path.child("nodePort"), "may not be used when `type` is 'ClusterIP'");
        }
    }
    for (index, port) in ports.iter().enumerate() {
        let same = |other: &&ServicePort| other.protocol == port.protocol && node_port(other) == node_port(port);
        if let Some(number) = node_port(port)
            && ports[..index].iter().any(|other| same(&other))
        {
            errors.duplicate(&ports_path.index(index).child("nodePort"), &number);
        }
    }
    for (index, port) in ports.iter().enumerate() {
        if ports[..index].iter().any(|other| other.protocol == port.protocol && other.port == port.port) {
            let shown = format!(
                "{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{},\"TargetPort\":0,\"NodePort\":0}}",
                json!(text(&port.protocol)),
                port.port
            );
            errors.duplicate_because(&ports_path.index(index), &shown, "");
        }
    }
    balanced(errors, service, &spec, kind, &path);
    traffic(errors, &spec, kind, &path);
}

fn client_ip(errors: &mut Errors, spec: &ServiceSpec, path: &Path) {
    const WHY: &str = "when session affinity type is ClientIP";
    let Some(config) = &spec.session_affinity_config else { return errors.required(path, WHY) };
    let path = path.child("clientIP");
    let Some(config) = &config.client_ip else { return errors.required(&path, WHY) };
    let path = path.child("timeoutSeconds");
    match config.timeout_seconds {
        None => errors.required(&path, WHY),
        Some(seconds) if !(1..=86400).contains(&seconds) => {
            errors.invalid(&path, &seconds, "must be greater than 0 and less than 86400");
        }
        Some(_) => {}
    }
}

/// `clusterIPs` and what goes with them. Where only `clusterIP` is given, the list is filled from it.
fn addresses(errors: &mut Errors, spec: &ServiceSpec, ips: &[String], headless: bool, path: &Path) {
    let list = path.child("clusterIPs");
    let shown = Dump(json!(ips).to_string());
    let one = text(&spec.cluster_ip);
    if one.is_empty() {
        if !ips.is_empty() {
            errors.invalid(&list, &shown, "must be empty when `clusterIP` is not specified");
        }
    } else if ips.first().is_some_and(|first| first != one) {
        errors.invalid(&list, &shown, "first value must match `clusterIP`");
    }
    const FAMILIES: &[&str] = &["IPv4", "IPv6"];
    let families = spec.ip_families.as_deref().unwrap_or_default();
    let families_path = path.child("ipFamilies");
    for (index, family) in families.iter().enumerate() {
        if !FAMILIES.contains(&family.as_str()) {
            errors.not_supported(&families_path.index(index), family, FAMILIES);
        }
        if families[..index].contains(family) {
            errors.duplicate(&families_path.index(index), family);
        }
    }
    const POLICIES: &[&str] = &["PreferDualStack", "RequireDualStack", "SingleStack"];
    if let Some(policy) = spec.ip_family_policy.as_deref().filter(|policy| !POLICIES.contains(policy)) {
        errors.not_supported(&path.child("ipFamilyPolicy"), policy, POLICIES);
    }
    let given = [one.to_string()];
    let all = if ips.is_empty() && !one.is_empty() { &given[..] } else { ips };
    let mut parsed = Vec::new();
    for (index, ip) in all.iter().enumerate() {
        if index == 0 && ip == "None" {
            if all.len() > 1 {
                errors.invalid(&list, &shown, "'None' must be the first and only value");
            }
            continue;
        }
        parsed.extend(address::ip(errors, ip, &list.index(index)));
    }
    if all.len() > 2 {
        errors.invalid(&list, &shown, "may only hold up to 2 values");
    }
    if parsed.len() < all.len() {
        return;
    }
    let v4 = parsed.iter().filter(|ip| ip.is_ipv4()).count();
    if parsed.len() > 1 && (v4 == 0 || v4 == parsed.len()) {
        errors.invalid(&list, &shown, "may specify no more than one IP for each IP family");
    }
    if headless {
        return;
    }
    for (index, ((ip, parsed), family)) in all.iter().zip(&parsed).zip(families).enumerate() {
        let wrong = if parsed.is_ipv4() { family == "IPv6" } else { family == "IPv4" };
        if wrong {
            let why = format!("expected an {family} value as indicated by `ipFamilies[{index}]`");
            errors.invalid(&list.index(index), ip, &why);
        }
    }
}

/// What only LoadBalancers have.
fn balanced(errors: &mut Errors, service: &Service, spec: &ServiceSpec, kind: &str, path: &Path) {
    const ONLY: &str = "may only be used when `type` is 'LoadBalancer'";
    const SOURCES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
    let balancer = kind == "LoadBalancer";
    let ranges = spec.load_balancer_source_ranges.as_deref().unwrap_or_default();
    let annotation = service.metadata.annotations.as_ref().and_then(|annotations| annotations.get(SOURCES));
    if !ranges.is_empty() {
        let path = path.child("LoadBalancerSourceRanges");
        if !balancer {
            errors.forbidden(&path, ONLY);
        }
        for (index, range) in ranges.iter().enumerate() {
            address::cidr(errors, range.trim(), &path.index(index));
        }
    } else if let Some(ranges) = annotation {
        let path = METADATA.child("annotations");
        if !balancer {
            errors.forbidden(&path.key(SOURCES), ONLY);
        }
        for range in ranges.trim().split(',').filter(|_| !ranges.trim().is_empty()) {
            address::cidr(errors, range.trim(), &path.key(SOURCES));
        }
    }
    if spec.allocate_load_balancer_node_ports.is_some() && !balancer {
        errors.forbidden(&path.child("allocateLoadBalancerNodePorts"), ONLY);
    }
    if let Some(class) = &spec.load_balancer_class {
        let path = path.child("loadBalancerClass");
        if balancer {
            errors.invalid_each(&path, class, names::qualified_name(class));
        } else {
            errors.forbidden(&path, ONLY);
        }
    }
}

fn traffic(errors: &mut Errors, spec: &ServiceSpec, kind: &str, path: &Path) {
    const POLICIES: &[&str] = &["Cluster", "Local"];
    let policy = text(&spec.external_traffic_policy);
    let at = path.child("externalTrafficPolicy");
    let external = spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty());
    let reachable = matches!(kind, "LoadBalancer" | "NodePort") || (kind == "ClusterIP" && external);
    if !reachable {
        if !policy.is_empty() {
            errors.invalid(&at, policy, "may only be set for externally-accessible services");
        }
    } else if policy.is_empty() {
        errors.required(&at, "");
    } else if !POLICIES.contains(&policy) {
        errors.not_supported(&at, policy, POLICIES);
    }
    let health = spec.health_check_node_port.unwrap_or_default();
    let at = path.child("healthCheckNodePort");
    if kind != "LoadBalancer" || policy != "Local" {
        if health != 0 {
            let why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            errors.invalid(&at, &health, why);
        }
    } else if health != 0 {
        // One that is left out is given out.
        errors.invalid_each(&at, &health, names::port_number(i64::from(health)));
    }
    if let Some(policy) = spec.internal_traffic_policy.as_deref().filter(|policy| !POLICIES.contains(policy)) {
        errors.not_supported(&path.child("internalTrafficPolicy"), policy, POLICIES);
    }
    const DISTRIBUTIONS: &[&str] = &["PreferClose", "PreferSameZone", "PreferSameNode"];
    if let Some(wish) = spec.traffic_distribution.as_deref().filter(|wish| !DISTRIBUTIONS.contains(wish)) {
        errors.not_supported(&path.child("trafficDistribution"), wish, DISTRIBUTIONS);
    }
}

fn port<'p>(errors: &mut Errors, port: &'p ServicePort, named: bool, seen: &mut Vec<&'p str>, path: &Path) {
    let name = text(&port.name);
    if !name.is_empty() {
        errors.invalid_each(&path.child("name"), name, names::dns1123_label(name));
        if seen.contains(&name) {
            errors.duplicate(&path.child("name"), name);
        } else {
            seen.push(name);
        }
    } else if named {
        errors.required(&path.child("name"), "");
    }
    errors.invalid_each(&path.child("port"), &port.port, names::port_number(i64::from(port.port)));
    let protocol = text(&port.protocol);
    if protocol.is_empty() {
        errors.required(&path.child("protocol"), "");
    } else if !["SCTP", "TCP", "UDP"].contains(&protocol) {
        errors.not_supported(&path.child("protocol"), protocol, &["SCTP", "TCP", "UDP"]);
    }
    if let Some(target) = &port.target_port {
        handler::port(errors, target, &path.child("targetPort"));
    }
    if let Some(protocol) = &port.app_protocol {
        errors.invalid_each(&path.child("appProtocol"), protocol, names::qualified_name(protocol));
    }
}

pub fn update(errors: &mut Errors, new: &Service, old: &Service) {
    let address = |service: &Service| service.spec.as_ref().map(|spec| text(&spec.cluster_ip).to_string());
    let (new_ip, old_ip) = (address(new).unwrap_or_default(), address(old).unwrap_or_default());
    let external = |service: &Service| service.spec.as_ref().is_some_and(|spec| text(&spec.type_) == "ExternalName");
    if !external(new) && !external(old) && !old_ip.is_empty() && new_ip != old_ip {
        let path = Path::root("spec");
        let why = "may not change once set";
        errors.invalid(&path.child("clusterIPs").index(0), &new_ip, why);
    }
    service(errors, new);
}
