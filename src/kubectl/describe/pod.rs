//! A pod in full.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        ContainerPort, ContainerState, ContainerStatus, EnvVar, Probe, ResourceFieldSelector, ResourceRequirements,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::Time, util::intstr::IntOrString},
    jiff::Timestamp,
};
use serde_json::Value;

use super::{age, annotations, labels, time};
use crate::api::{Container, Pod, field::quoted, quantity::amount, resources::qos};

fn some(text: Option<&String>) -> &str {
    text.map(String::as_str).unwrap_or_default()
}

pub fn describe(out: &mut String, pod: &Pod, now: Timestamp) {
    let spec = pod.spec.clone().unwrap_or_default();
    let status = pod.status.clone().unwrap_or_default();
    let meta = &pod.metadata;
    let mut line = |key: &str, value: &str| out.push_str(&format!("{key}:\t{value}\n"));
    line("Name", some(meta.name.as_ref()));
    line("Namespace", some(meta.namespace.as_ref()));
    if let Some(priority) = spec.priority {
        line("Priority", &priority.to_string());
    }
    for (key, value) in [
        ("Priority Class Name", &spec.priority_class_name),
        ("Runtime Class Name", &spec.runtime_class_name),
        ("Service Account", &spec.service_account_name),
    ] {
        if let Some(value) = value.as_ref().filter(|v| !v.is_empty()) {
            line(key, value);
        }
    }
    match spec.node_name.as_deref().filter(|n| !n.is_empty()) {
        Some(node) => line("Node", &format!("{node}/{}", some(status.host_ip.as_ref()))),
        None => line("Node", "<none>"),
    }
    if let Some(start) = &status.start_time {
        line("Start Time", &time(start.0));
    }
    labels(out, "Labels:", meta.labels.as_ref());
    annotations(out, meta.annotations.as_ref());
    let mut line = |key: &str, value: &str| out.push_str(&format!("{key}:\t{value}\n"));
    match &meta.deletion_timestamp {
        Some(at) if !matches!(status.phase.as_deref(), Some("Failed" | "Succeeded")) => {
            line("Status", &format!("Terminating (lasts {})", age(at.0, now)));
            line("Termination Grace Period", &format!("{}s", meta.deletion_grace_period_seconds.unwrap_or(0)));
        }
        _ => line("Status", some(status.phase.as_ref())),
    }
    if let Some(reason) = status.reason.as_ref().filter(|r| !r.is_empty()) {
        line("Reason", reason);
    }
    if let Some(message) = status.message.as_ref().filter(|m| !m.is_empty()) {
        line("Message", message);
    }
    let profile = spec.security_context.as_ref().and_then(|c| c.seccomp_profile.as_ref());
    if let Some(profile) = profile {
        line("SeccompProfile", &profile.type_);
        if profile.type_ == "Localhost" {
            line("LocalhostProfile", some(profile.localhost_profile.as_ref()));
        }
    }
    line("IP", some(status.pod_ip.as_ref()));
    match status.pod_ips.as_deref().unwrap_or_default() {
        [] => line("IPs", "<none>"),
        ips => {
            out.push_str("IPs:\n");
            ips.iter().for_each(|ip| out.push_str(&format!("  IP:\t{}\n", ip.ip)));
        }
    }
    let owner = meta.owner_references.iter().flatten().find(|o| o.controller == Some(true));
    if let Some(owner) = owner {
        out.push_str(&format!("Controlled By:\t{}/{}\n", owner.kind, owner.name));
    }
    if let Some(node) = status.nominated_node_name.as_ref().filter(|n| !n.is_empty()) {
        out.push_str(&format!("NominatedNodeName:\t{node}\n"));
    }
    if let Some(given) = &spec.resources {
        let mut text = String::new();
        resources(&mut text, given);
        // Two levels higher than a container's.
        out.push_str("Resources:\n");
        text.lines().for_each(|line| out.push_str(&format!("{}\n", line.strip_prefix("  ").unwrap_or(line))));
    }
    let no_statuses = Vec::new();
    let init = spec.init_containers.as_deref().unwrap_or_default();
    if !init.is_empty() {
        containers(out, "Init Containers", init, status.init_container_statuses.as_ref().unwrap_or(&no_statuses), pod);
    }
    containers(out, "Containers", &spec.containers, status.container_statuses.as_ref().unwrap_or(&no_statuses), pod);
    let ephemeral: Vec<Container> = spec
        .ephemeral_containers
        .iter()
        .flatten()
        .filter_map(|c| serde_json::from_value(serde_json::to_value(c).ok()?).ok())
        .collect();
    if !ephemeral.is_empty() {
        let statuses = status.ephemeral_container_statuses.as_ref().unwrap_or(&no_statuses);
        containers(out, "Ephemeral Containers", &ephemeral, statuses, pod);
    }
    let conditions = status.conditions.as_deref().unwrap_or_default();
    if let Some(gates) = spec.readiness_gates.as_ref().filter(|g| !g.is_empty()) {
        out.push_str("Readiness Gates:\n  Type\tStatus\n");
        for gate in gates {
            let found = conditions.iter().find(|c| c.type_ == gate.condition_type);
            let status = found.map_or("<none>", |c| c.status.as_str());
            out.push_str(&format!("  {} \t{status} \n", gate.condition_type));
        }
    }
    if !conditions.is_empty() {
        out.push_str("Conditions:\n  Type\tStatus\n");
        conditions.iter().for_each(|c| out.push_str(&format!("  {} \t{} \n", c.type_, c.status)));
    }
    super::volumes::volumes(out, &serde_json::to_value(&spec.volumes).unwrap_or(Value::Null));
    let class = status.qos_class.as_deref().filter(|class| !class.is_empty());
    out.push_str(&format!("QoS Class:\t{}\n", class.unwrap_or_else(|| qos(pod))));
    labels(out, "Node-Selectors:", spec.node_selector.as_ref());
    tolerations(out, spec.tolerations.as_deref().unwrap_or_default());
    let mut spread = spec.topology_spread_constraints.clone().unwrap_or_default();
    spread.sort_by(|a, b| a.topology_key.cmp(&b.topology_key));
    for (i, c) in spread.iter().enumerate() {
        let title = if i == 0 { "Topology Spread Constraints:" } else { "" };
        let selector = crate::api::selector::LabelSelector::from_api(c.label_selector.as_ref());
        let selector = match selector.map(|selector| selector.to_string()) {
            Ok(text) if text.is_empty() => "<none>".into(),
            Ok(text) => text,
            Err(_) => "<error>".into(),
        };
        let selector = if c.label_selector.is_some() { format!(" for selector {selector}") } else { String::new() };
        out.push_str(&format!(
            "{title}\t{}:{} when max skew {} is exceeded{selector}\n",
            c.topology_key, c.when_unsatisfiable, c.max_skew
        ));
    }
    if let Some(group) = &spec.scheduling_group {
        out.push_str(&format!("SchedulingGroup:\n  PodGroupName:\t{}\n", some(group.pod_group_name.as_ref())));
    }
}

pub(super) fn containers(out: &mut String, title: &str, list: &[Container], statuses: &[ContainerStatus], pod: &Pod) {
    out.push_str(&format!("{title}:\n"));
    for container in list {
        self::container(out, container, statuses.iter().rfind(|s| s.name == container.name), pod);
    }
}

/// A container, its last known status and what it was given.
pub fn container(out: &mut String, c: &Container, status: Option<&ContainerStatus>, pod: &Pod) {
    out.push_str(&format!("  {}:\n", c.name));
    let mut line = |key: &str, value: &str| out.push_str(&format!("    {key}:\t{value}\n"));
    if let Some(status) = status {
        line("Container ID", some(status.container_id.as_ref()));
    }
    line("Image", some(c.image.as_ref()));
    if let Some(status) = status {
        line("Image ID", &status.image_id);
    }
    let ports = c.ports.as_deref().unwrap_or_default();
    let protocol = |p: Option<&String>| p.map_or("TCP", String::as_str).to_string();
    let numbered = |number: fn(&ContainerPort) -> i32| -> Vec<String> {
        let one = |port: &ContainerPort| {
            let name = port.name.as_ref().filter(|name| !name.is_empty());
            let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
            format!("{}/{}{name}", number(port), protocol(port.protocol.as_ref()))
        };
        ports.iter().map(one).collect()
    };
    let shown = numbered(|port| port.container_port);
    let host = numbered(|port| port.host_port.unwrap_or(0));
    let or_none = |list: &[String]| if list.is_empty() { "<none>".to_string() } else { list.join(", ") };
    let plural = if ports.len() > 1 { "s" } else { "" };
    line(&format!("Port{plural}"), &or_none(&shown));
    line(&format!("Host Port{plural}"), &or_none(&host));
    if let Some(profile) = c.security_context.as_ref().and_then(|s| s.seccomp_profile.as_ref()) {
        line("SeccompProfile", &profile.type_);
        if profile.type_ == "Localhost" {
            line("  LocalhostProfile", some(profile.localhost_profile.as_ref()));
        }
    }
    for (key, words) in [("Command", &c.command), ("Args", &c.args)] {
        if let Some(words) = words.as_ref().filter(|w| !w.is_empty()) {
            out.push_str(&format!("    {key}:\n"));
            for part in words.iter().flat_map(|word| word.split('\n')) {
                out.push_str(&format!("      {part}\n"));
            }
        }
    }
    if let Some(status) = status {
        state(out, "State", status.state.as_ref());
        if status.last_state.as_ref().is_some_and(|s| s.terminated.is_some()) {
            state(out, "Last State", status.last_state.as_ref());
        }
        let ready = if status.ready { "True" } else { "False" };
        out.push_str(&format!("    Ready:\t{ready}\n    Restart Count:\t{}\n", status.restart_count));
    }
    if let Some(given) = &c.resources {
        resources(out, given);
    }
    for (key, found) in
        [("Liveness", &c.liveness_probe), ("Readiness", &c.readiness_probe), ("Startup", &c.startup_probe)]
    {
        if let Some(found) = found {
            out.push_str(&format!("    {key}:\t{}\n", probe(found)));
        }
    }
    let from = c.env_from.as_deref().unwrap_or_default();
    if !from.is_empty() {
        out.push_str("    Environment Variables from:\n");
    }
    for source in from {
        let map = source.config_map_ref.as_ref().map(|r| (&r.name, "ConfigMap", r.optional));
        let secret = source.secret_ref.as_ref().map(|r| (&r.name, "Secret", r.optional));
        if let Some((name, kind, optional)) = map.or(secret) {
            let prefix = source.prefix.as_ref().filter(|p| !p.is_empty());
            let prefix = prefix.map(|p| format!(" with prefix '{p}'")).unwrap_or_default();
            out.push_str(&format!("      {name}\t{kind}{prefix}\tOptional: {}\n", optional.unwrap_or(false)));
        }
    }
    match c.env.as_deref().unwrap_or_default() {
        [] => out.push_str("    Environment:\t<none>\n"),
        env => {
            out.push_str("    Environment:\n");
            // Of a source that it doesn't know the real one says nothing.
            let known = |var: &&EnvVar| var.value_from.as_ref().is_none_or(|from| from.file_key_ref.is_none());
            env.iter()
                .filter(known)
                .for_each(|var| out.push_str(&format!("      {}:\t{}\n", var.name, variable(var, c, pod))));
        }
    }
    let mut mounts: Vec<_> = c.volume_mounts.iter().flatten().collect();
    mounts.sort_by(|a, b| a.mount_path.cmp(&b.mount_path));
    if mounts.is_empty() {
        out.push_str("    Mounts:\t<none>\n");
    } else {
        out.push_str("    Mounts:\n");
    }
    for mount in mounts {
        let access = if mount.read_only == Some(true) { "ro" } else { "rw" };
        let path = mount.sub_path.as_ref().filter(|p| !p.is_empty());
        let path = path.map(|p| format!(",path=\"{p}\"")).unwrap_or_default();
        out.push_str(&format!("      {} from {} ({access}{path})\n", mount.mount_path, mount.name));
    }
    let mut devices: Vec<_> = c.volume_devices.iter().flatten().collect();
    if !devices.is_empty() {
        devices.sort_by(|a, b| a.device_path.cmp(&b.device_path));
        // The real one says so where there are no mounts.
        let none = if c.volume_mounts.as_ref().is_none_or(Vec::is_empty) { "\t<none>" } else { "" };
        out.push_str(&format!("    Devices:{none}\n"));
    }
    for device in devices {
        out.push_str(&format!("      {} from {}\n", device.device_path, device.name));
    }
}

fn variable(var: &EnvVar, container: &Container, pod: &Pod) -> String {
    let Some(from) = &var.value_from else { return some(var.value.as_ref()).replace('\n', "\n      \t") };
    if let Some(field) = &from.field_ref {
        let value = field_value(pod, &field.field_path);
        return format!("{value} ({}:{})", field.api_version.as_deref().unwrap_or("v1"), field.field_path);
    }
    if let Some(resource) = &from.resource_field_ref {
        return format!("{} ({})", resource_value(resource, container), resource.resource);
    }
    let map = from.config_map_key_ref.as_ref().map(|r| (&r.key, "of config map", &r.name, r.optional));
    let secret = from.secret_key_ref.as_ref().map(|r| (&r.key, "in secret", &r.name, r.optional));
    secret.or(map).map_or(String::new(), |(key, kind, name, optional)| {
        format!("<set to the key '{key}' {kind} '{name}'>\tOptional: {}", optional.unwrap_or(false))
    })
}

/// What kubectl itself can tell of a pod's fields: its metadata.
fn field_value(pod: &Pod, path: &str) -> String {
    let meta = &pod.metadata;
    let all = |map: Option<&BTreeMap<String, String>>| {
        let lines = map.into_iter().flatten().map(|(key, value)| format!("{key}={}", quoted(value)));
        lines.collect::<Vec<_>>().join("\n")
    };
    let subscripted = |prefix: &str, map: Option<&BTreeMap<String, String>>| {
        let key = path.strip_prefix(prefix)?.strip_prefix("['")?.strip_suffix("']")?;
        Some(map.and_then(|map| map.get(key)).cloned().unwrap_or_default())
    };
    match path {
        "metadata.name" => some(meta.name.as_ref()).into(),
        "metadata.namespace" => some(meta.namespace.as_ref()).into(),
        "metadata.uid" => some(meta.uid.as_ref()).into(),
        "metadata.labels" => all(meta.labels.as_ref()),
        "metadata.annotations" => all(meta.annotations.as_ref()),
        _ => subscripted("metadata.labels", meta.labels.as_ref())
            .or_else(|| subscripted("metadata.annotations", meta.annotations.as_ref()))
            .unwrap_or_default(),
    }
}

/// An amount that a container asks for, in units of the divisor, rounded up.
fn resource_value(of: &ResourceFieldSelector, container: &Container) -> String {
    let Some((list, name)) = of.resource.split_once('.') else { return String::new() };
    let known = matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with("hugepages-");
    let resources = container.resources.as_ref();
    let list = match list {
        "limits" if known => resources.and_then(|resources| resources.limits.as_ref()),
        "requests" if known => resources.and_then(|resources| resources.requests.as_ref()),
        _ => return String::new(),
    };
    let asked = list.and_then(|list| list.get(name)).map(amount);
    let divisor = of.divisor.as_ref().map(amount).filter(|divisor| !divisor.is_zero());
    let (asked, divisor) = if name == "cpu" {
        (asked.map_or(0, |asked| asked.milli_value()), divisor.map_or(1000, |divisor| divisor.milli_value()))
    } else {
        (asked.map_or(0, |asked| asked.value()), divisor.map_or(1, |divisor| divisor.value()))
    };
    let value = asked / divisor.max(1) + i64::from(asked % divisor.max(1) != 0);
    if value == 0 && matches!(of.resource.as_str(), "limits.cpu" | "limits.memory") {
        return "node allocatable".into();
    }
    value.to_string()
}

fn state(out: &mut String, title: &str, state: Option<&ContainerState>) {
    let mut line = |indent: &str, key: &str, value: &str| out.push_str(&format!("    {indent}{key}:\t{value}\n"));
    let Some(state) = state else { return line("", title, "Waiting") };
    if let Some(running) = &state.running {
        line("", title, "Running");
        line("  ", "Started", &when(running.started_at.as_ref()));
    } else if let Some(ended) = &state.terminated {
        line("", title, "Terminated");
        for (key, value) in [("Reason", &ended.reason), ("Message", &ended.message)] {
            if let Some(value) = value.as_ref().filter(|v| !v.is_empty()) {
                line("  ", key, value);
            }
        }
        line("  ", "Exit Code", &ended.exit_code.to_string());
        if let Some(signal) = ended.signal.filter(|s| *s > 0) {
            line("  ", "Signal", &signal.to_string());
        }
        line("  ", "Started", &when(ended.started_at.as_ref()));
        line("  ", "Finished", &when(ended.finished_at.as_ref()));
    } else {
        line("", title, "Waiting");
        if let Some(reason) = state.waiting.as_ref().and_then(|w| w.reason.as_ref()).filter(|r| !r.is_empty()) {
            line("  ", "Reason", reason);
        }
    }
}

/// A time that isn't there is Go's zero.
fn when(at: Option<&Time>) -> String {
    at.map_or_else(|| "Mon, 01 Jan 0001 00:00:00 +0000".into(), |at| time(at.0))
}

/// Limits and requests, where there are any.
pub fn resources(out: &mut String, given: &ResourceRequirements) {
    amounts(out, "Limits", given.limits.as_ref());
    amounts(out, "Requests", given.requests.as_ref());
}

fn amounts(out: &mut String, title: &str, list: Option<&BTreeMap<String, Quantity>>) {
    let Some(list) = list.filter(|l| !l.is_empty()) else { return };
    out.push_str(&format!("    {title}:\n"));
    list.iter().for_each(|(name, quantity)| out.push_str(&format!("      {name}:\t{}\n", amount(quantity))));
}

fn port(port: &IntOrString) -> String {
    match port {
        IntOrString::Int(n) => n.to_string(),
        IntOrString::String(name) => name.clone(),
    }
}

fn probe(p: &Probe) -> String {
    let action = if let Some(exec) = &p.exec {
        format!("exec [{}]", exec.command.as_deref().unwrap_or_default().join(" "))
    } else if let Some(http) = &p.http_get {
        let scheme = http.scheme.as_deref().unwrap_or("HTTP").to_ascii_lowercase();
        format!("http-get {scheme}://{}:{}{}", some(http.host.as_ref()), port(&http.port), some(http.path.as_ref()))
    } else if let Some(tcp) = &p.tcp_socket {
        format!("tcp-socket {}:{}", some(tcp.host.as_ref()), port(&tcp.port))
    } else if let Some(grpc) = &p.grpc {
        format!("grpc <pod>:{} {}", grpc.port, some(grpc.service.as_ref()))
    } else {
        "unknown".into()
    };
    format!(
        "{action} delay={}s timeout={}s period={}s #success={} #failure={}",
        p.initial_delay_seconds.unwrap_or(0),
        p.timeout_seconds.unwrap_or(0),
        p.period_seconds.unwrap_or(0),
        p.success_threshold.unwrap_or(0),
        p.failure_threshold.unwrap_or(0),
    )
}

pub(super) fn tolerations(out: &mut String, list: &[k8s_openapi::api::core::v1::Toleration]) {
    let mut list: Vec<_> = list.iter().collect();
    list.sort_by(|a, b| a.key.cmp(&b.key));
    out.push_str("Tolerations:");
    if list.is_empty() {
        out.push_str("\t<none>\n");
    }
    for t in list {
        let mut text = some(t.key.as_ref()).to_string();
        if let Some(value) = t.value.as_ref().filter(|v| !v.is_empty()) {
            text.push_str(&format!("={value}"));
        }
        if let Some(effect) = t.effect.as_ref().filter(|e| !e.is_empty()) {
            text.push_str(&format!(":{effect}"));
        }
        if t.operator.as_deref() == Some("Exists") && t.value.as_deref().unwrap_or_default().is_empty() {
            text.push_str(if text.is_empty() { "op=Exists" } else { " op=Exists" });
        }
        if let Some(seconds) = t.toleration_seconds {
            text.push_str(&format!(" for {seconds}s"));
        }
        out.push_str(&format!("\t{text}\n"));
    }
}
