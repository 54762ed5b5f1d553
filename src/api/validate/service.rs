//! Services.

use k8s_openapi::api::core::v1::{Service, ServicePort};
use serde_json::json;

use super::{
    METADATA, handler,
    meta::{self, Name},
    pod::ip,
    text,
};
use crate::api::{
    field::{Errors, Path},
    names,
};

pub fn service(errors: &mut Errors, service: &Service) {
    meta::object_meta(errors, &service.metadata, true, Name::Dns1035Label, &METADATA);
    let spec = service.spec.clone().unwrap_or_default();
    let path = Path::root("spec");
    let kind = text(&spec.type_);
    let headless = text(&spec.cluster_ip) == "None";
    let ports = spec.ports.as_deref().unwrap_or_default();
    if ports.is_empty() && !headless && kind != "ExternalName" {
        errors.required(&path.child("ports"), "");
    }
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
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
        "ClientIP" => {
            let seconds = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
            let seconds = seconds.and_then(|client| client.timeout_seconds).unwrap_or(10800);
            if !(1..=86400).contains(&seconds) {
                let why = "must be greater than 0 and less than 86400";
                errors.invalid(&path.child("sessionAffinityConfig.clientIP.timeoutSeconds"), &seconds, why);
            }
        }
        other => errors.not_supported(&path.child("sessionAffinity"), other, &["ClientIP", "None"]),
    }
    let cluster_ip = text(&spec.cluster_ip);
    if !cluster_ip.is_empty() && !headless && kind != "ExternalName" {
        ip(errors, cluster_ip, &path.child("clusterIPs").index(0));
    }
    let external = path.child("externalIPs");
    for (index, address) in spec.external_ips.iter().flatten().enumerate() {
        ip(errors, address, &external.index(index));
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
    const POLICIES: &[&str] = &["Cluster", "Local"];
    let external_policy = text(&spec.external_traffic_policy);
    if !external_policy.is_empty() {
        let path = path.child("externalTrafficPolicy");
        let external = spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty());
        if kind != "LoadBalancer" && kind != "NodePort" && !external {
            let why = "may only be set for externally-accessible services";
            errors.invalid(&path, external_policy, why);
        }
        if !POLICIES.contains(&external_policy) {
            errors.not_supported(&path, external_policy, POLICIES);
        }
    }
    if let Some(policy) = spec.internal_traffic_policy.as_deref().filter(|policy| !POLICIES.contains(policy)) {
        errors.not_supported(&path.child("internalTrafficPolicy"), policy, POLICIES);
    }
    if spec.allocate_load_balancer_node_ports.is_some() && kind != "LoadBalancer" {
        let why = "may only be used when `type` is 'LoadBalancer'";
        errors.forbidden(&path.child("allocateLoadBalancerNodePorts"), why);
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
