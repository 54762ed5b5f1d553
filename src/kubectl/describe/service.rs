//! A service.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{LoadBalancerIngress, Service},
    apimachinery::pkg::util::intstr::IntOrString,
};

use serde_json::Value;

use super::{annotations, labels};
use crate::api::{Object, selector::format_labels};

pub fn describe(out: &mut String, service: &Service, slices: &[Object]) {
    let meta = &service.metadata;
    let spec = service.spec.clone().unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let listed = |list: &Option<Vec<String>>| match list.as_deref().unwrap_or_default() {
        [] => "<none>".to_string(),
        list => list.join(","),
    };
    out.push_str(&format!("Name:\t{}\nNamespace:\t{}\n", text(&meta.name), text(&meta.namespace)));
    labels(out, "Labels:", meta.labels.as_ref());
    annotations(out, meta.annotations.as_ref());
    let mut line = |key: &str, value: &str| out.push_str(&format!("{key}:\t{value}\n"));
    line("Selector", &pairs(spec.selector.as_ref()));
    line("Type", &text(&spec.type_));
    if let Some(policy) = &spec.ip_family_policy {
        line("IP Family Policy", policy);
    }
    line("IP Families", &listed(&spec.ip_families));
    line("IP", &text(&spec.cluster_ip));
    line("IPs", &listed(&spec.cluster_ips));
    if spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty()) {
        line("External IPs", &listed(&spec.external_ips));
    }
    for (key, value) in [("Desired LoadBalancer IP", &spec.load_balancer_ip), ("External Name", &spec.external_name)] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            line(key, value);
        }
    }
    let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let ingress = status.and_then(|balancer| balancer.ingress.as_deref()).unwrap_or_default();
    if !ingress.is_empty() {
        let one = |to: &LoadBalancerIngress| match (text(&to.ip), &to.ip_mode) {
            (ip, _) if ip.is_empty() => text(&to.hostname),
            (ip, Some(mode)) => format!("{ip} ({mode})"),
            (ip, None) => ip,
        };
        line("LoadBalancer Ingress", &ingress.iter().map(one).collect::<Vec<_>>().join(", "));
    }
    for port in spec.ports.iter().flatten() {
        let name = port.name.as_deref().filter(|name| !name.is_empty()).unwrap_or("<unset>");
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        line("Port", &format!("{name}\t{}/{protocol}", port.port));
        line(
            "TargetPort",
            &match &port.target_port {
                Some(IntOrString::String(target)) => format!("{target}/{protocol}"),
                Some(IntOrString::Int(target)) => format!("{target}/{protocol}"),
                None => format!("{}/{protocol}", port.port),
            },
        );
        if let Some(app) = &port.app_protocol {
            line("AppProtocol", app);
        }
        if let Some(node_port) = port.node_port.filter(|port| *port != 0) {
            line("NodePort", &format!("{name}\t{node_port}/{protocol}"));
        }
        line("Endpoints", &endpoints(slices, port.name.as_deref().unwrap_or_default()));
    }
    line("Session Affinity", &text(&spec.session_affinity));
    for (key, value) in [
        ("External Traffic Policy", &spec.external_traffic_policy),
        ("Internal Traffic Policy", &spec.internal_traffic_policy),
    ] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            line(key, value);
        }
    }
    if let Some(port) = spec.health_check_node_port.filter(|port| *port != 0) {
        line("HealthCheck NodePort", &port.to_string());
    }
    if spec.load_balancer_source_ranges.as_ref().is_some_and(|ranges| !ranges.is_empty()) {
        line("LoadBalancer Source Ranges", &listed(&spec.load_balancer_source_ranges));
    }
    if let Some(distribution) = &spec.traffic_distribution {
        line("Traffic Distribution", distribution);
    }
}

/// The ready endpoints of a port; the first three, and how many more there are.
fn endpoints(slices: &[Object], port_name: &str) -> String {
    const SHOWN: usize = 3;
    if slices.is_empty() {
        return "<none>".into();
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut all: Vec<String> = Vec::new();
    for slice in slices {
        let Object::Other(slice) = slice else { continue };
        let ready = |endpoint: &Value| endpoint["conditions"]["ready"].as_bool().unwrap_or(true);
        let addresses: Vec<String> = list(slice.at("endpoints"))
            .iter()
            .filter(|endpoint| ready(endpoint))
            .filter_map(|endpoint| endpoint["addresses"][0].as_str().map(str::to_string))
            .collect();
        let ports = list(slice.at("ports"));
        if ports.is_empty() {
            all.extend(addresses.iter().cloned());
        }
        for port in ports.iter().filter(|port| port["name"].as_str().unwrap_or_default() == port_name) {
            let shown = |ip: &String| {
                if ip.contains(':') { format!("[{ip}]:{}", port["port"]) } else { format!("{ip}:{}", port["port"]) }
            };
            all.extend(addresses.iter().map(shown));
        }
    }
    match all.len() {
        count if count > SHOWN => format!("{} + {} more...", all[..SHOWN].join(","), count - SHOWN),
        _ => all.join(","),
    }
}

/// `a=b,c=d`
fn pairs(map: Option<&BTreeMap<String, String>>) -> String {
    format_labels(map.into_iter().flatten().map(|(key, value)| (key, value.as_str())))
}
