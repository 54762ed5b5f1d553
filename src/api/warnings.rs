//! Warnings on accepted pods (`pkg/api/pod/warnings.go`).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use k8s_openapi::api::core::v1::{
    ContainerPort, DownwardAPIVolumeFile, KeyToPath, Node, PersistentVolumeClaimSpec, Service,
};

use super::{
    Kind,
    field::quoted,
    names,
    other::Other,
    pod::{Container, Pod, PodSpec},
    resources::amounts,
};

/// What a client is told about a new pod, in the order of the real code.
pub fn pod(pod: &Pod) -> Vec<String> {
    of_pod(pod, true)
}

fn of_pod(pod: &Pod, named: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    if named && !name.is_empty() {
        let wrong = names::dns1123_label(name);
        if !wrong.is_empty() {
            let wrong = wrong.join(" ");
            warnings.push(format!("metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [{wrong}]"));
        }
    }
    let Some(spec) = &pod.spec else { return warnings };
    node_labels(&mut warnings, spec);
    for (index, constraint) in spec.topology_spread_constraints.iter().flatten().enumerate() {
        if let Some(text) = deprecated_label(&constraint.topology_key) {
            let key = &constraint.topology_key;
            warnings.push(format!("spec.topologySpreadConstraints[{index}].topologyKey: {key} is {text}"));
        }
        if constraint.label_selector.is_none() {
            warnings.push(format!("spec.topologySpreadConstraints[{index}].labelSelector: {NULL_SELECTOR}"));
        }
    }
    annotations(&mut warnings, pod);
    volumes(&mut warnings, spec);
    overlaps(&mut warnings, spec);
    duplicates(&mut warnings, spec);
    let mut overhead = amounts(spec.overhead.as_ref());
    overhead.retain(|name, _| name != "storage");
    fractional(&mut warnings, "spec.overhead", &overhead);
    let all = containers(spec);
    seccomp(&mut warnings, pod, spec, &all);
    for (path, container) in &all {
        self::container(&mut warnings, path, container);
    }
    ports(&mut warnings, &all);
    if spec.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) {
        let text = "must be >= 0; negative values are invalid and will be treated as 1";
        warnings.push(format!("spec.terminationGracePeriodSeconds: {text}"));
    }
    affinity(&mut warnings, spec);
    addresses(&mut warnings, spec);
    // The same is told once.
    let mut seen = BTreeSet::new();
    warnings.retain(|warning| seen.insert(warning.clone()));
    warnings
}

/// What a client is told when it creates an object that nothing here acts on, so that nobody waits for what won't come.
/// The real apiserver says nothing of the kind.
pub fn not_simulated(kind: Kind) -> Option<String> {
    let (what, so) = match kind {
        Kind::HorizontalPodAutoscaler => ("autoscaling", "nothing will be scaled by it"),
        Kind::ValidatingAdmissionPolicy | Kind::ValidatingAdmissionPolicyBinding => {
            ("admission policies", "nothing will be refused by it")
        }
        Kind::Ingress => ("ingress controllers", "no traffic will come through it"),
        Kind::NetworkPolicy => ("network policies", "no traffic will be held back by it"),
        Kind::Endpoints => ("mirroring of Endpoints", "write an EndpointSlice, which is heeded"),
        Kind::ClusterRole | Kind::ClusterRoleBinding | Kind::Role | Kind::RoleBinding => {
            ("authorization", "everybody may do everything")
        }
        Kind::RuntimeClass => ("container runtimes", "Pods will run all the same with it"),
        _ => return None,
    };
    Some(format!("{NOT_SIMULATED} {what} yet: {so}"))
}

/// What everybody is told who deals with Endpoints.
pub const ENDPOINTS: &str = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";

/// How those warnings begin.
pub const NOT_SIMULATED: &str = "Podarium does not simulate";

/// What a client is told about a new or changed object of the kinds kept as values.
pub fn other(object: &Other) -> Vec<String> {
    let mut warnings = Vec::new();
    match object.kind {
        Kind::Endpoints => {
            warnings.push(ENDPOINTS.into());
        }
        Kind::Ingress => {
            const OLD: &str = "kubernetes.io/ingress.class";
            if object.metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(OLD)) {
                warnings.push(format!(
                    "annotation {} is deprecated, please use 'spec.ingressClassName' instead",
                    quoted(OLD)
                ));
            }
        }
        _ => {}
    }
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let names_pods = [Kind::Deployment, Kind::ReplicaSet, Kind::Job, Kind::CronJob, Kind::ReplicationController];
    let wrong = names::dns1123_label(name);
    if names_pods.contains(&object.kind) && !name.is_empty() && !wrong.is_empty() {
        let wrong = wrong.join(" ");
        warnings.push(format!("metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [{wrong}]"));
    }
    if object.kind == Kind::PersistentVolumeClaim {
        let spec = serde_json::from_value(object.at("spec").clone()).unwrap_or_default();
        claim(&mut warnings, "spec", &spec);
    }
    if let (Some(path), Some(spec)) = (object.template_path(), object.pod_spec()) {
        let metadata = object.at(path).get("metadata").cloned().unwrap_or_default();
        let metadata = serde_json::from_value(metadata).unwrap_or_default();
        let template = Pod { metadata, spec: Some(spec.into()), status: None };
        let path = path.replace('/', ".");
        warnings.extend(of_pod(&template, false).into_iter().map(|warning| {
            let field = warning.starts_with("spec.") || warning.starts_with("metadata.");
            // Ports name other ports.
            if field { format!("{path}.{}", warning.replace(" spec.", &format!(" {path}.spec."))) } else { warning }
        }));
    }
    if object.kind == Kind::StatefulSet {
        let claims = object.at("spec/volumeClaimTemplates").as_array().map(Vec::as_slice).unwrap_or_default();
        for (index, one) in claims.iter().enumerate() {
            let spec = serde_json::from_value(one["spec"].clone()).unwrap_or_default();
            claim(&mut warnings, &format!("spec.volumeClaimTemplates[{index}].spec"), &spec);
        }
        if object.at("spec/revisionHistoryLimit").as_i64().is_some_and(|limit| limit < 0) {
            warnings.push("spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended".into());
        }
    }
    warnings
}

/// What a client is told about a Service.
pub fn service(service: &Service) -> Vec<String> {
    let mut warnings = Vec::new();
    const HINTS: &str = "service.kubernetes.io/topology-aware-hints";
    if service.metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(HINTS)) {
        let instead = "service.kubernetes.io/topology-mode";
        warnings.push(format!("annotation {HINTS} is deprecated, please use {instead} instead"));
    }
    let Some(spec) = &service.spec else { return warnings };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let (kind, cluster_ip) = (text(&spec.type_), text(&spec.cluster_ip));
    let headless = kind == "ClusterIP" && cluster_ip == "None";
    let external = spec.external_ips.as_deref().unwrap_or_default();
    if !cluster_ip.is_empty() && cluster_ip != "None" {
        for (index, ip) in spec.cluster_ips.iter().flatten().enumerate() {
            address(&mut warnings, &format!("spec.clusterIPs[{index}]"), ip);
        }
    }
    if headless {
        if !text(&spec.load_balancer_ip).is_empty() {
            warnings.push("spec.loadBalancerIP is ignored for headless services".into());
        }
        if !external.is_empty() {
            warnings.push("spec.externalIPs is ignored for headless services".into());
        }
        if text(&spec.session_affinity) != "None" {
            warnings.push("spec.SessionAffinity is ignored for headless services".into());
        }
    }
    for (index, ip) in external.iter().enumerate() {
        address(&mut warnings, &format!("spec.externalIPs[{index}]"), ip);
    }
    if !external.is_empty() && !headless && kind != "ExternalName" {
        warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters".into());
    }
    let balancer = text(&spec.load_balancer_ip);
    if !balancer.is_empty() {
        address(&mut warnings, "spec.loadBalancerIP", &balancer);
    }
    if kind == "ExternalName" && !external.is_empty() {
        warnings.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".into());
    }
    if kind != "ExternalName" && !text(&spec.external_name).is_empty() {
        warnings.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".into());
    }
    if spec.traffic_distribution.as_deref() == Some("PreferClose") {
        warnings.push("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"".into());
    }
    warnings
}

/// What a client is told about a Node.
pub fn node(node: &Node) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some(spec) = &node.spec else { return warnings };
    if spec.config_source.is_some() {
        warnings.push("spec.configSource: the feature is removed".into());
    }
    if spec.external_id.as_deref().is_some_and(|id| !id.is_empty()) {
        warnings.push("spec.externalID: this field is deprecated, and is unused by Kubernetes".into());
    }
    warnings
}

const NULL_SELECTOR: &str = "a null labelSelector results in matching no pod";

/// Init containers first, as the real visitor goes; then their paths.
fn containers(spec: &PodSpec) -> Vec<(String, &Container)> {
    let init = spec.init_containers.iter().flatten().enumerate().map(|(i, c)| (format!("spec.initContainers[{i}]"), c));
    let regular = spec.containers.iter().enumerate().map(|(i, c)| (format!("spec.containers[{i}]"), c));
    init.chain(regular).collect()
}

fn deprecated_label(key: &str) -> Option<String> {
    let instead = match key {
        "beta.kubernetes.io/arch" => "kubernetes.io/arch",
        "beta.kubernetes.io/os" => "kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/region" => "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone" => "topology.kubernetes.io/zone",
        "beta.kubernetes.io/instance-type" => "node.kubernetes.io/instance-type",
        _ => return None,
    };
    let since = if key.starts_with("beta.kubernetes.io/arch") || key.ends_with("/os") { "v1.14" } else { "v1.17" };
    Some(format!("deprecated since {since}; use {} instead", quoted(instead)))
}

fn node_labels(warnings: &mut Vec<String>, spec: &PodSpec) {
    for (key, _) in spec.node_selector.iter().flatten() {
        if let Some(text) = deprecated_label(key) {
            warnings.push(format!("spec.nodeSelector[{key}]: {text}"));
        }
    }
    let Some(node) = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref()) else { return };
    let base = "spec.affinity.nodeAffinity";
    let required = node.required_during_scheduling_ignored_during_execution.iter();
    let required = required.flat_map(|selector| &selector.node_selector_terms).enumerate().map(|(index, term)| {
        (format!("{base}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[{index}]"), term, false)
    });
    let preferred = node.preferred_during_scheduling_ignored_during_execution.iter().flatten().enumerate();
    let preferred = preferred.map(|(index, term)| {
        (format!("{base}.preferredDuringSchedulingIgnoredDuringExecution[{index}].preference"), &term.preference, true)
    });
    for (path, term, values_too) in required.chain(preferred) {
        for (index, expression) in term.match_expressions.iter().flatten().enumerate() {
            if let Some(text) = deprecated_label(&expression.key) {
                warnings.push(format!("{path}.matchExpressions[{index}].key: {} is {text}", expression.key));
            }
            // Required ones are refused.
            for (at, value) in expression.values.iter().flatten().enumerate().filter(|_| values_too) {
                for wrong in names::label_value(value) {
                    warnings
                        .push(format!("{path}.matchExpressions[{index}].values[{at}]: {value} is invalid, {wrong}"));
                }
            }
        }
    }
}

fn annotations(warnings: &mut Vec<String>, pod: &Pod) {
    let texts = [
        (
            "scheduler.alpha.kubernetes.io/critical-pod",
            "non-functional in v1.16+; use the \"priorityClassName\" field instead",
        ),
        ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
        ("security.alpha.kubernetes.io/unsafe-sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
    ];
    let annotations = pod.metadata.annotations.as_ref();
    for (key, text) in texts {
        if annotations.is_some_and(|annotations| annotations.contains_key(key)) {
            warnings.push(format!("metadata.annotations[{key}]: {text}"));
        }
    }
}

fn volumes(warnings: &mut Vec<String>, spec: &PodSpec) {
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        let old = [
            (
                "photonPersistentDisk",
                volume.photon_persistent_disk.is_some(),
                "deprecated in v1.11, non-functional in v1.16+",
            ),
            ("gitRepo", volume.git_repo.is_some(), "deprecated in v1.11, and disabled by default in v1.33+"),
            ("scaleIO", volume.scale_io.is_some(), "deprecated in v1.16, non-functional in v1.22+"),
            ("flocker", volume.flocker.is_some(), "deprecated in v1.22, non-functional in v1.25+"),
            ("storageOS", volume.storageos.is_some(), "deprecated in v1.22, non-functional in v1.25+"),
            ("quobyte", volume.quobyte.is_some(), "deprecated in v1.22, non-functional in v1.25+"),
            ("glusterfs", volume.glusterfs.is_some(), "deprecated in v1.25, non-functional in v1.26+"),
            ("cephfs", volume.cephfs.is_some(), "deprecated in v1.28, non-functional in v1.31+"),
            ("rbd", volume.rbd.is_some(), "deprecated in v1.28, non-functional in v1.31+"),
        ];
        for (name, _, text) in old.into_iter().filter(|(_, used, _)| *used) {
            warnings.push(format!("spec.volumes[{index}].{name}: {text}"));
        }
        if let Some(template) = volume.ephemeral.as_ref().and_then(|source| source.volume_claim_template.as_ref()) {
            claim(warnings, &format!("spec.volumes[{index}].ephemeral.volumeClaimTemplate.spec"), &template.spec);
        }
    }
}

fn claim(warnings: &mut Vec<String>, path: &str, spec: &PersistentVolumeClaimSpec) {
    let resources = spec.resources.as_ref();
    let lists = [
        ("requests", resources.and_then(|resources| resources.requests.as_ref())),
        ("limits", resources.and_then(|resources| resources.limits.as_ref())),
    ];
    for (name, list) in lists {
        let mut amounts = amounts(list);
        amounts.retain(|name, _| name == "storage");
        fractional(warnings, &format!("{path}.resources.{name}"), &amounts);
    }
}

/// Annotations that have become fields.
fn seccomp(warnings: &mut Vec<String>, pod: &Pod, spec: &PodSpec, containers: &[(String, &Container)]) {
    let Some(annotations) = &pod.metadata.annotations else { return };
    let mut warn = |key: &str| {
        if annotations.contains_key(key) {
            let text = "non-functional in v1.27+; use the \"seccompProfile\" field instead";
            warnings.push(format!("metadata.annotations[{key}]: {text}"));
        }
    };
    if spec.security_context.as_ref().is_none_or(|context| context.seccomp_profile.is_none()) {
        warn("seccomp.security.alpha.kubernetes.io/pod");
    }
    for (_, container) in containers {
        if container.security_context.as_ref().is_none_or(|context| context.seccomp_profile.is_none()) {
            warn(&format!("container.seccomp.security.alpha.kubernetes.io/{}", container.name));
        }
    }
}

/// A path in a volume, and where it comes from.
type Placed = (String, String);

/// Files of a volume that hide each other.
fn overlaps(warnings: &mut Vec<String>, spec: &PodSpec) {
    for volume in spec.volumes.iter().flatten() {
        let keys = |items: &Option<Vec<KeyToPath>>, source: &str| -> Vec<Placed> {
            items.iter().flatten().map(|item| (item.path.clone(), source.to_string())).collect()
        };
        let files = |items: &Option<Vec<DownwardAPIVolumeFile>>, source: &str| -> Vec<Placed> {
            items.iter().flatten().map(|item| (item.path.clone(), source.to_string())).collect()
        };
        let name = quoted(&volume.name);
        let mut warn = |kind: &str, paths: Vec<Placed>| {
            for text in overlapping(paths) {
                warnings.push(format!("volume {name} ({kind}): overlapping paths: {text}"));
            }
        };
        if let Some(map) = &volume.config_map {
            warn(&format!("ConfigMap {}", quoted(&map.name)), keys(&map.items, ""));
        }
        if let Some(secret) = &volume.secret {
            let of = quoted(secret.secret_name.as_deref().unwrap_or_default());
            warn(&format!("Secret {of}"), keys(&secret.items, ""));
        }
        if let Some(downward) = &volume.downward_api {
            warn("DownwardAPI", files(&downward.items, ""));
        }
        let Some(projected) = &volume.projected else { continue };
        let mut paths = Vec::new();
        let mut empty = false;
        for source in projected.sources.iter().flatten() {
            empty |= *source == Default::default();
            if let Some(map) = source.config_map.as_ref().filter(|map| map.items.is_some()) {
                paths.extend(keys(&map.items, &format!("ConfigMap {}", quoted(&map.name))));
            } else if let Some(secret) = source.secret.as_ref().filter(|secret| secret.items.is_some()) {
                paths.extend(keys(&secret.items, &format!("Secret {}", quoted(&secret.name))));
            } else if let Some(downward) = source.downward_api.as_ref().filter(|downward| downward.items.is_some()) {
                paths.extend(files(&downward.items, "DownwardAPI"));
            } else if let Some(token) = &source.service_account_token {
                paths.push((token.path.clone(), "ServiceAccountToken".into()));
            }
        }
        warn("Projected", paths);
        if empty {
            warnings.push(format!("volume {name} (Projected) has no sources provided"));
        }
    }
}

/// `"a/b" with "a"`: each path with those before it that are the same, or directories above or below.
fn overlapping(paths: Vec<Placed>) -> Vec<String> {
    let shown = |(path, source): &Placed| {
        let path = quoted(path);
        if source.is_empty() { path } else { format!("{path} ({source})") }
    };
    let mut texts = Vec::new();
    let mut before: Vec<Placed> = Vec::new();
    for (path, source) in paths {
        let one = (path.trim_end_matches('/').to_string(), source);
        let within = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        let hides = |(other, _): &&Placed| *other == one.0 || within(other, &one.0) || within(&one.0, other);
        if !one.0.is_empty() {
            let hidden = before.iter().filter(|(other, _)| !other.is_empty()).filter(hides);
            texts.extend(hidden.map(|other| format!("{} with {}", shown(&one), shown(other))));
        }
        before.push(one);
    }
    texts
}

/// Addresses that are written in a way that won't be read for ever.
fn addresses(warnings: &mut Vec<String>, spec: &PodSpec) {
    let servers = spec.dns_config.iter().flat_map(|config| config.nameservers.iter().flatten()).enumerate();
    for (index, server) in servers {
        address(warnings, &format!("spec.dnsConfig.nameservers[{index}]"), server);
    }
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        address(warnings, &format!("spec.hostAliases[{index}].ip"), &alias.ip);
    }
}

fn address(warnings: &mut Vec<String>, path: &str, address: &str) {
    let shown = quoted(address);
    let strange = |canonical: String| {
        let text = "will be considered invalid in a future Kubernetes release";
        format!("{path}: non-standard IP address {shown} {text}: use {}", quoted(&canonical))
    };
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => {}
        Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => warnings.push(strange(v4.to_string())),
            None if v6.to_string() != *address => {
                let canonical = quoted(&v6.to_string());
                warnings
                    .push(format!("{path}: IPv6 address {shown} should be in RFC 5952 canonical format ({canonical})"));
            }
            None => {}
        },
        Err(_) => {
            let parts: Vec<String> = address
                .split('.')
                .map(|part| part.trim_start_matches('0'))
                .map(|part| if part.is_empty() { "0".into() } else { part.to_string() })
                .collect();
            if let Ok(v4) = parts.join(".").parse::<IpAddr>() {
                warnings.push(strange(v4.to_string()));
            }
        }
    }
}

fn duplicates(warnings: &mut Vec<String>, spec: &PodSpec) {
    let mut seen = BTreeSet::new();
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        if !seen.insert(&alias.ip) {
            warnings.push(format!("spec.hostAliases[{index}].ip: duplicate ip {}", quoted(&alias.ip)));
        }
    }
    let mut seen = BTreeSet::new();
    for (index, secret) in spec.image_pull_secrets.iter().flatten().enumerate() {
        if !seen.insert(&secret.name) {
            let name = quoted(&secret.name);
            warnings.push(format!("spec.imagePullSecrets[{index}].name: duplicate name {name}"));
        }
    }
    for (index, secret) in spec.image_pull_secrets.iter().flatten().enumerate() {
        if secret.name.is_empty() {
            warnings.push(format!("spec.imagePullSecrets[{index}].name: invalid empty name \"\""));
        }
    }
}

fn fractional(warnings: &mut Vec<String>, path: &str, list: &super::resources::Amounts) {
    for name in ["memory", "ephemeral-storage", "storage"] {
        if let Some(quantity) = list.get(name).filter(|quantity| !quantity.is_integer()) {
            let value = quoted(&quantity.to_string());
            warnings.push(format!("{path}[{name}]: fractional byte value {value} is invalid, must be an integer"));
        }
    }
}

fn container(warnings: &mut Vec<String>, path: &str, container: &Container) {
    let resources = container.resources.clone().unwrap_or_default();
    let (limits, requests) = (amounts(resources.limits.as_ref()), amounts(resources.requests.as_ref()));
    for name in ["memory", "ephemeral-storage"] {
        for (field, list) in [("limits", &limits), ("requests", &requests)] {
            let one = list.iter().filter(|(key, _)| *key == name).map(|(key, value)| (key.clone(), value.clone()));
            fractional(warnings, &format!("{path}.resources.{field}"), &one.collect());
        }
    }
    let mut seen = BTreeSet::new();
    for (index, var) in container.env.iter().flatten().enumerate() {
        if seen.insert(&var.name) {
            continue;
        }
        // A later value may build on the earlier one.
        let reference = format!("$({})", var.name);
        let value = var.value.as_deref().unwrap_or_default();
        if var.value_from.is_some() || value == reference || !value.contains(&reference) {
            let name = quoted(&var.name);
            warnings.push(format!(
                "{path}.env[{index}]: hides previous definition of {name}, which may be dropped when using apply"
            ));
        }
    }
}

fn ports(warnings: &mut Vec<String>, containers: &[(String, &Container)]) {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut by_number: BTreeMap<(i32, String), Vec<(String, &ContainerPort)>> = BTreeMap::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let all = || {
        containers.iter().flat_map(|(path, container)| {
            let ports = container.ports.iter().flatten().enumerate();
            ports.map(move |(index, port)| (format!("{path}.ports[{index}]"), port))
        })
    };
    for (path, port) in all() {
        let (ip, host) = (text(&port.host_ip), port.host_port.unwrap_or_default());
        if !ip.is_empty() && host == 0 {
            let (name, protocol) = (text(&port.name), text(&port.protocol));
            let number = port.container_port;
            warnings.push(format!("{path}: hostIP set without hostPort: {{Name:{name} HostPort:0 ContainerPort:{number} Protocol:{protocol} HostIP:{ip}}}"));
        }
        let others = by_number.entry((port.container_port, text(&port.protocol))).or_default();
        for (other_path, other) in others.iter() {
            let (other_ip, other_host) = (text(&other.host_ip), other.host_port.unwrap_or_default());
            let what = if ip == other_ip && host == other_host {
                "duplicate"
            } else if host == 0 || other_host == 0 {
                "overlapping"
            } else if host == other_host && (ip.is_empty() != other_ip.is_empty()) {
                "dangerously ambiguous"
            } else {
                continue;
            };
            warnings.push(format!("{path}: {what} port definition with {other_path}"));
        }
        others.push((path, port));
    }
    for (path, port) in all() {
        let name = text(&port.name);
        if name.is_empty() {
            continue;
        }
        match names.get(&name) {
            Some(other) => warnings.push(format!("{path}: duplicate port name {} with {other}, services and probes that select ports by name will use {other}", quoted(&name))),
            None => drop(names.insert(name, path)),
        }
    }
}

fn affinity(warnings: &mut Vec<String>, spec: &PodSpec) {
    let Some(affinity) = &spec.affinity else { return };
    let kinds = [
        (
            "podAffinity",
            affinity.pod_affinity.as_ref().map(|a| {
                (
                    &a.required_during_scheduling_ignored_during_execution,
                    &a.preferred_during_scheduling_ignored_during_execution,
                )
            }),
        ),
        (
            "podAntiAffinity",
            affinity.pod_anti_affinity.as_ref().map(|a| {
                (
                    &a.required_during_scheduling_ignored_during_execution,
                    &a.preferred_during_scheduling_ignored_during_execution,
                )
            }),
        ),
    ];
    for (name, terms) in kinds {
        let Some((required, preferred)) = terms else { continue };
        let base = format!("spec.affinity.{name}");
        for (index, _) in required.iter().flatten().enumerate().filter(|(_, term)| term.label_selector.is_none()) {
            let path = format!("{base}.requiredDuringSchedulingIgnoredDuringExecution[{index}]");
            warnings.push(format!("{path}.labelSelector: {NULL_SELECTOR}"));
        }
        let preferred = preferred.iter().flatten().enumerate();
        for (index, _) in preferred.filter(|(_, term)| term.pod_affinity_term.label_selector.is_none()) {
            let path = format!("{base}.preferredDuringSchedulingIgnoredDuringExecution[{index}]");
            warnings.push(format!("{path}.podAffinityTerm.labelSelector: {NULL_SELECTOR}"));
        }
    }
}
