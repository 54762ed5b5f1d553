//! Containers: regular, init and ephemeral ones.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    self, ContainerPort, ContainerResizePolicy, ContainerRestartRule, EphemeralContainer,
};

use super::{
    env,
    handler::{self, ProbeKind},
    resources, security, text,
    volume::{self, Known},
};
use crate::api::{
    Container, PodSpec,
    field::{Errors, Path},
    names,
};

/// What containers of a pod are checked against.
pub struct Around<'a> {
    pub spec: &'a PodSpec,
    pub volumes: &'a Known<'a>,
    pub claims: &'a [&'a str],
}

impl Around<'_> {
    fn grace(&self) -> Option<i64> {
        self.spec.termination_grace_period_seconds
    }

    fn host_users(&self) -> bool {
        self.spec.host_users != Some(false)
    }
}

pub fn containers(errors: &mut Errors, around: &Around, path: &Path) {
    let containers = &around.spec.containers;
    if containers.is_empty() {
        return errors.required(path, "");
    }
    let mut names: Vec<&str> = Vec::new();
    for (index, container) in containers.iter().enumerate() {
        let path = path.index(index);
        common(errors, container, around, &path);
        if names.contains(&container.name.as_str()) {
            errors.duplicate(&path.child("name"), &container.name);
        }
        names.push(&container.name);
        running(errors, container, around, &path);
        if errors.options.restart_rules {
            restart_policy(errors, container.restart_policy.as_deref(), rules(container), &path);
        } else if container.restart_policy.is_some() {
            errors.forbidden(&path.child("restartPolicy"), "may not be set for non-init containers");
        }
    }
    let mut seen = BTreeSet::new();
    for (index, container) in containers.iter().enumerate() {
        host_ports(errors, container, &mut seen, &path.index(index));
    }
}

fn rules(container: &Container) -> &[ContainerRestartRule] {
    container.restart_policy_rules.as_deref().unwrap_or_default()
}

/// Hooks and probes.
fn running(errors: &mut Errors, container: &Container, around: &Around, path: &Path) {
    let grace = around.grace();
    if let Some(lifecycle) = &container.lifecycle {
        handler::lifecycle(errors, lifecycle, grace, around.spec.os.as_ref(), &path.child("lifecycle"));
    }
    let probes = [
        (&container.liveness_probe, ProbeKind::Liveness, "livenessProbe"),
        (&container.readiness_probe, ProbeKind::Readiness, "readinessProbe"),
        (&container.startup_probe, ProbeKind::Startup, "startupProbe"),
    ];
    for (probe, kind, name) in probes {
        handler::probe(errors, probe.as_ref(), kind, grace, &path.child(name));
    }
}

pub fn init_containers(errors: &mut Errors, around: &Around, path: &Path) {
    let mut names: Vec<&str> = around.spec.containers.iter().map(|container| container.name.as_str()).collect();
    for (index, container) in around.spec.init_containers.iter().flatten().enumerate() {
        let item = path.index(index);
        common(errors, container, around, &item);
        let policy = container.restart_policy.as_deref();
        if policy.is_some() || !rules(container).is_empty() {
            restart_policy_if_set(errors, policy, rules(container), &item);
        }
        if names.contains(&container.name.as_str()) {
            errors.duplicate(&item.child("name"), &container.name);
        } else if !container.name.is_empty() {
            names.push(&container.name);
        }
        // The real check counts from the list's start for each container.
        host_ports(errors, container, &mut BTreeSet::new(), &path.index(0));
        let sidecar = policy == Some("Always");
        if sidecar {
            running(errors, container, around, &item);
        } else {
            let parts = [
                ("lifecycle", container.lifecycle.is_some()),
                ("livenessProbe", container.liveness_probe.is_some()),
                ("readinessProbe", container.readiness_probe.is_some()),
                ("startupProbe", container.startup_probe.is_some()),
            ];
            for (name, _) in parts.into_iter().filter(|(_, set)| *set) {
                errors.forbidden(&item.child(name), "may not be set for init containers without restartPolicy=Always");
            }
        }
        let resize = item.child("resizePolicy");
        let policies = container.resize_policy.as_deref().unwrap_or_default();
        if !errors.options.sidecar_resize && !policies.is_empty() {
            errors.invalid(&resize, &serde_json::json!(policies), "must not be set for init containers");
        }
        let restarting = |rule: &&ContainerResizePolicy| rule.restart_policy == "RestartContainer";
        if !sidecar && !errors.options.init_restart_on_resize {
            for (index, rule) in policies.iter().enumerate().filter(|(_, rule)| restarting(rule)) {
                let path = resize.index(index);
                let why = "must not be set to 'RestartContainer' for non-sidecar initContainers";
                errors.invalid(&path.child("restartPolicy"), &rule.restart_policy, why);
            }
        }
    }
}

fn restart_policy_if_set(errors: &mut Errors, policy: Option<&str>, rules: &[ContainerRestartRule], path: &Path) {
    if policy.is_none() {
        let why = "must specify restartPolicy when restart rules are used";
        return errors.required(&path.child("restartPolicy"), why);
    }
    if errors.options.restart_rules {
        return restart_policy(errors, policy, rules, path);
    }
    if let Some(policy) = policy.filter(|policy| *policy != "Always") {
        errors.not_supported(&path.child("restartPolicy"), policy, &["Always"]);
    }
}

fn restart_policy(errors: &mut Errors, policy: Option<&str>, rules: &[ContainerRestartRule], path: &Path) {
    const POLICIES: &[&str] = &["Always", "Never", "OnFailure"];
    match policy {
        None if rules.is_empty() => return,
        None => {
            let why = "must specify restartPolicy when restart rules are used";
            errors.required(&path.child("restartPolicy"), why);
        }
        Some(policy) if !POLICIES.contains(&policy) => {
            errors.not_supported(&path.child("restartPolicy"), policy, POLICIES);
        }
        Some(_) => {}
    }
    let rules_path = path.child("restartPolicyRules");
    if rules.len() > 20 {
        errors.too_many(&rules_path, rules.len(), 20);
    }
    for (index, rule) in rules.iter().enumerate() {
        let path = rules_path.index(index);
        if !["Restart", "RestartAllContainers"].contains(&rule.action.as_str()) {
            errors.not_supported(&path.child("action"), &rule.action, &["Restart", "RestartAllContainers"]);
        }
        let codes_path = path.child("exitCodes");
        let Some(codes) = &rule.exit_codes else {
            errors.required(&codes_path, "must be specified");
            continue;
        };
        if !["In", "NotIn"].contains(&codes.operator.as_str()) {
            errors.not_supported(&codes_path.child("operator"), &codes.operator, &["In", "NotIn"]);
        }
        let count = codes.values.as_ref().map_or(0, Vec::len);
        if count > 255 {
            errors.too_many(&codes_path.child("values"), count, 255);
        }
    }
}

pub fn ephemeral_containers(errors: &mut Errors, around: &Around, path: &Path) {
    let spec = around.spec;
    let all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let others: Vec<&str> = all.map(|container| container.name.as_str()).collect();
    let mut names = others.clone();
    for (index, ephemeral) in spec.ephemeral_containers.iter().flatten().enumerate() {
        let path = path.index(index);
        let container = as_container(ephemeral);
        common(errors, &container, around, &path);
        image(errors, text(&ephemeral.image), &path);
        if names.contains(&ephemeral.name.as_str()) {
            errors.duplicate(&path.child("name"), &ephemeral.name);
        } else {
            names.push(&ephemeral.name);
        }
        let target = text(&ephemeral.target_container_name);
        if !target.is_empty() && !others.contains(&target) {
            errors.not_found(&path.child("targetContainerName"), target);
        }
        const FORBIDDEN: &str = "cannot be set for an Ephemeral Container";
        let filled = ephemeral.resources.as_ref().is_some_and(|resources| *resources != Default::default());
        let fields = [
            ("ports", ephemeral.ports.as_ref().is_some_and(|ports| !ports.is_empty())),
            ("resources", filled),
            ("resizePolicy", ephemeral.resize_policy.as_ref().is_some_and(|policies| !policies.is_empty())),
            ("restartPolicy", ephemeral.restart_policy.is_some()),
            ("restartPolicyRules", ephemeral.restart_policy_rules.is_some()),
            ("livenessProbe", ephemeral.liveness_probe.is_some()),
            ("readinessProbe", ephemeral.readiness_probe.is_some()),
            ("startupProbe", ephemeral.startup_probe.is_some()),
            ("lifecycle", ephemeral.lifecycle.is_some()),
        ];
        for (name, _) in fields.into_iter().filter(|(_, set)| *set) {
            errors.forbidden(&path.child(name), FORBIDDEN);
        }
        let mounts = path.child("volumeMounts");
        for (index, mount) in ephemeral.volume_mounts.iter().flatten().enumerate() {
            let path = mounts.index(index);
            if !text(&mount.sub_path).is_empty() {
                errors.forbidden(&path.child("subPath"), FORBIDDEN);
            }
            if !text(&mount.sub_path_expr).is_empty() {
                errors.forbidden(&path.child("subPathExpr"), FORBIDDEN);
            }
        }
    }
}

/// The part that an ephemeral container has in common with others.
pub fn as_container(ephemeral: &EphemeralContainer) -> Container {
    let own = ephemeral.clone();
    Container::from(v1::Container {
        args: own.args,
        command: own.command,
        env: own.env,
        env_from: own.env_from,
        image: own.image,
        image_pull_policy: own.image_pull_policy,
        lifecycle: own.lifecycle,
        liveness_probe: own.liveness_probe,
        name: own.name,
        ports: own.ports,
        readiness_probe: own.readiness_probe,
        resize_policy: own.resize_policy,
        resources: own.resources,
        restart_policy: own.restart_policy,
        restart_policy_rules: own.restart_policy_rules,
        security_context: own.security_context,
        startup_probe: own.startup_probe,
        stdin: own.stdin,
        stdin_once: own.stdin_once,
        termination_message_path: own.termination_message_path,
        termination_message_policy: own.termination_message_policy,
        tty: own.tty,
        volume_devices: own.volume_devices,
        volume_mounts: own.volume_mounts,
        working_dir: own.working_dir,
    })
}

fn common(errors: &mut Errors, container: &Container, around: &Around, path: &Path) {
    if container.name.is_empty() {
        errors.required(&path.child("name"), "");
    } else {
        errors.invalid_each(&path.child("name"), &container.name, names::dns1123_label(&container.name));
    }
    if text(&container.image).is_empty() {
        errors.required(&path.child("image"), "");
    }
    match text(&container.termination_message_policy) {
        "File" | "FallbackToLogsOnError" => {}
        "" => errors.required(&path.child("terminationMessagePolicy"), ""),
        other => {
            let supported = ["File", "FallbackToLogsOnError"];
            errors.not_supported(&path.child("terminationMessagePolicy"), other, &supported);
        }
    }
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    let devices = container.volume_devices.as_deref().unwrap_or_default();
    ports(errors, container.ports.as_deref().unwrap_or_default(), &path.child("ports"));
    env::env(errors, container.env.as_deref().unwrap_or_default(), &path.child("env"));
    env::env_from(errors, container.env_from.as_deref().unwrap_or_default(), &path.child("envFrom"));
    volume::mounts(errors, container, around.volumes, &path.child("volumeMounts"));
    volume::devices(errors, devices, mounts, around.volumes, &path.child("volumeDevices"));
    pull_policy(errors, text(&container.image_pull_policy), &path.child("imagePullPolicy"));
    resources::container_resources(errors, container.resources.as_ref(), around.claims, &path.child("resources"));
    let pod_policy = text(&around.spec.restart_policy);
    resize_policy(
        errors,
        container.resize_policy.as_deref().unwrap_or_default(),
        pod_policy,
        &path.child("resizePolicy"),
    );
    let context = container.security_context.as_ref();
    security::container(errors, context, around.host_users(), &path.child("securityContext"));
}

/// What only pods are checked for, not templates.
pub fn image(errors: &mut Errors, image: &str, path: &Path) {
    if image.trim() != image {
        errors.invalid(&path.child("image"), image, "must not have leading or trailing whitespace");
    }
}

pub fn ports(errors: &mut Errors, ports: &[ContainerPort], path: &Path) {
    let mut names: Vec<&str> = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = text(&port.name);
        if !name.is_empty() {
            let wrong = names::port_name(name);
            if !wrong.is_empty() {
                errors.invalid_each(&path.child("name"), name, wrong);
            } else if names.contains(&name) {
                errors.duplicate(&path.child("name"), name);
            } else {
                names.push(name);
            }
        }
        let number = port.container_port;
        if number == 0 {
            errors.required(&path.child("containerPort"), "");
        } else {
            errors.invalid_each(&path.child("containerPort"), &number, names::port_number(i64::from(number)));
        }
        if let Some(number) = port.host_port.filter(|number| *number != 0) {
            errors.invalid_each(&path.child("hostPort"), &number, names::port_number(i64::from(number)));
        }
        let protocol = text(&port.protocol);
        if protocol.is_empty() {
            errors.required(&path.child("protocol"), "");
        } else if !["SCTP", "TCP", "UDP"].contains(&protocol) {
            errors.not_supported(&path.child("protocol"), protocol, &["SCTP", "TCP", "UDP"]);
        }
    }
}

fn host_ports(errors: &mut Errors, container: &Container, seen: &mut BTreeSet<String>, path: &Path) {
    let path = path.child("ports");
    for (index, port) in container.ports.iter().flatten().enumerate() {
        let Some(number) = port.host_port.filter(|number| *number != 0) else { continue };
        let key = format!("{}/{}/{number}", text(&port.protocol), text(&port.host_ip));
        if seen.contains(&key) {
            errors.duplicate(&path.index(index).child("hostPort"), &key);
        } else {
            seen.insert(key);
        }
    }
}

pub fn pull_policy(errors: &mut Errors, policy: &str, path: &Path) {
    match policy {
        "Always" | "IfNotPresent" | "Never" => {}
        "" => errors.required(path, ""),
        other => errors.not_supported(path, other, &["Always", "IfNotPresent", "Never"]),
    }
}

fn resize_policy(errors: &mut Errors, policies: &[ContainerResizePolicy], pod_policy: &str, path: &Path) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, policy) in policies.iter().enumerate() {
        if seen.contains(&policy.resource_name.as_str()) {
            errors.duplicate(&path.index(index), &policy.resource_name);
        }
        seen.push(&policy.resource_name);
        match policy.resource_name.as_str() {
            "cpu" | "memory" => {}
            "" => errors.required(path, ""),
            other => errors.not_supported(path, other, &["cpu", "memory"]),
        }
        match policy.restart_policy.as_str() {
            "NotRequired" | "RestartContainer" => {}
            "" => errors.required(path, ""),
            other => errors.not_supported(path, other, &["NotRequired", "RestartContainer"]),
        }
        if pod_policy == "Never" && policy.restart_policy != "NotRequired" {
            let why = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
            errors.invalid(path, &policy.restart_policy, why);
        }
    }
}
