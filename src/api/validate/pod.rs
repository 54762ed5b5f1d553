//! Pods as a whole.

use k8s_openapi::api::core::v1::{PodDNSConfig, PodResourceClaim};
use serde_json::{Value, json};

use super::{
    METADATA, address,
    container::{self, Around},
    meta::{self, Name},
    resources, scheduling, security, text, volume,
};
use crate::api::{
    Pod, PodSpec,
    field::{Errors, Path},
    names,
};

const SPEC: Path<'static> = Path::root("spec");

pub fn create(errors: &mut Errors, pod: &Pod) {
    let Some(spec) = metadata_and_spec(errors, pod) else { return };
    if spec.ephemeral_containers.as_ref().is_some_and(|containers| !containers.is_empty()) {
        errors.forbidden(&SPEC.child("ephemeralContainers"), "cannot be set on create");
    }
    let gated = spec.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty());
    if !text(&spec.node_name).is_empty() && gated {
        errors.forbidden(&SPEC.child("nodeName"), "cannot be set until all schedulingGates have been cleared");
    }
    let Some(annotations) = &pod.metadata.annotations else { return };
    let context = spec.security_context.as_ref();
    if let (Some(profile), Some(annotation)) = (
        context.and_then(|context| context.seccomp_profile.as_ref()),
        annotations.get("seccomp.security.alpha.kubernetes.io/pod"),
    ) {
        let path = SPEC.child("securityContext.seccompProfile");
        same_profile(errors, &SECCOMP, annotation, &profile.type_, text(&profile.localhost_profile), &path);
    }
    each_container(spec, |list, index, container| {
        let key = format!("container.seccomp.security.alpha.kubernetes.io/{}", container.name);
        let own = container.security_context.as_ref();
        let profile = own.and_then(|own| own.seccomp_profile.as_ref());
        if let (Some(profile), Some(annotation)) = (profile, annotations.get(&key)) {
            let (list, local) = (SPEC.child(list), text(&profile.localhost_profile));
            let path = list.index(index);
            let path = path.child("securityContext.seccompProfile");
            same_profile(errors, &SECCOMP, annotation, &profile.type_, local, &path);
        }
    });
    if spec.os.as_ref().is_some_and(|os| os.name == "windows") {
        return;
    }
    each_container(spec, |list, index, container| {
        let key = format!("container.apparmor.security.beta.kubernetes.io/{}", container.name);
        let own = container.security_context.as_ref().and_then(|own| own.app_armor_profile.as_ref());
        let profile = own.or_else(|| context.and_then(|context| context.app_armor_profile.as_ref()));
        if let (Some(profile), Some(annotation)) = (profile, annotations.get(&key)) {
            let (list, local) = (SPEC.child(list), text(&profile.localhost_profile));
            let path = list.index(index);
            let path = path.child("securityContext.appArmorProfile");
            same_profile(errors, &APP_ARMOR, annotation, &profile.type_, local, &path);
        }
    });
}

/// How old annotations name the profiles that are fields now.
struct Profiles {
    name: &'static str,
    runtime_default: &'static [&'static str],
}

const SECCOMP: Profiles = Profiles { name: "seccomp", runtime_default: &["runtime/default", "docker/default"] };
const APP_ARMOR: Profiles = Profiles { name: "apparmor", runtime_default: &["runtime/default"] };

/// An annotation must say the same as the field.
fn same_profile(errors: &mut Errors, profiles: &Profiles, annotation: &str, kind: &str, local: &str, path: &Path) {
    let name = profiles.name;
    let fits = match kind {
        "Unconfined" => annotation == "unconfined",
        "RuntimeDefault" => profiles.runtime_default.contains(&annotation),
        "Localhost" => match annotation.strip_prefix("localhost/") {
            None => false,
            Some(given) if given == local => true,
            Some(_) => {
                let why = format!("{name} profile in annotation and field must match");
                return errors.forbidden(&path.child("localhostProfile"), &why);
            }
        },
        _ => true,
    };
    if !fits {
        errors.forbidden(&path.child("type"), &format!("{name} type in annotation and field must match"));
    }
}

pub fn metadata_and_spec<'p>(errors: &mut Errors, pod: &'p Pod) -> Option<&'p PodSpec> {
    meta::object_meta(errors, &pod.metadata, true, Name::Subdomain, &METADATA);
    let spec = pod.spec.as_ref()?;
    annotations(errors, pod, spec, &METADATA.child("annotations"));
    pod_spec(errors, spec, text(&pod.metadata.name), &SPEC);
    if text(&spec.service_account_name).is_empty() {
        let volumes = SPEC.child("volumes");
        for (index, volume) in spec.volumes.iter().flatten().enumerate() {
            let path = volumes.index(index);
            let path = path.child("projected.sources");
            let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
            for (index, _) in sources.enumerate().filter(|(_, source)| source.service_account_token.is_some()) {
                let path = path.index(index);
                let why = "must not be specified when serviceAccountName is not set";
                errors.forbidden(&path.child("serviceAccountToken"), why);
            }
        }
    }
    let init = spec.init_containers.as_deref().unwrap_or_default();
    for (name, containers) in [("containers", spec.containers.as_slice()), ("initContainers", init)] {
        let path = SPEC.child(name);
        for (index, container) in containers.iter().enumerate() {
            container::image(errors, text(&container.image), &path.index(index));
        }
    }
    Some(spec)
}

pub(super) const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// A plus or leading zeros are refused too.
pub(super) fn is_deletion_cost(value: &str) -> bool {
    value.parse::<i32>().is_ok_and(|number| number.to_string() == *value)
}

pub(super) fn annotations(errors: &mut Errors, pod: &Pod, spec: &PodSpec, path: &Path) {
    let Some(annotations) = &pod.metadata.annotations else { return };
    const MIRROR: &str = "kubernetes.io/config.mirror";
    if let Some(value) = annotations.get(MIRROR)
        && text(&spec.node_name).is_empty()
    {
        errors.invalid(&path.key(MIRROR), value, "must set spec.nodeName if mirror pod annotation is set");
    }
    if let Some(value) = annotations.get(DELETION_COST)
        && !errors.options.wrong_deletion_cost
        && !is_deletion_cost(value)
    {
        errors.invalid(&path.key(DELETION_COST), value, "must be a 32bit integer");
    }
    for (key, profile) in annotations {
        let seccomp = key == "seccomp.security.alpha.kubernetes.io/pod"
            || key.starts_with("container.seccomp.security.alpha.kubernetes.io/");
        if seccomp && !["runtime/default", "docker/default", "unconfined"].contains(&profile.as_str()) {
            match profile.strip_prefix("localhost/") {
                Some(local) => volume::descending_path(errors, local, &path.child(key)),
                None => errors.invalid(&path.child(key), profile, "must be a valid seccomp profile"),
            }
        }
        if let Some(container) = key.strip_prefix("container.apparmor.security.beta.kubernetes.io/") {
            let all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
            if !all.into_iter().any(|c| c.name == container) {
                errors.invalid(&path.key(key), container, "container not found");
            }
            let good =
                ["", "runtime/default", "unconfined"].contains(&profile.as_str()) || profile.starts_with("localhost/");
            if !good {
                errors.invalid(&path.key(key), profile, &format!("invalid AppArmor profile name: \"{profile}\""));
            }
        }
    }
}

/// A pod's spec; `pod_name` is "" for templates.
pub fn pod_spec(errors: &mut Errors, spec: &PodSpec, pod_name: &str, path: &Path) {
    if spec.termination_grace_period_seconds.is_none() {
        errors.required(&path.child("terminationGracePeriodSeconds"), "");
    }
    let volumes =
        volume::volumes(errors, spec.volumes.as_deref().unwrap_or_default(), pod_name, &path.child("volumes"));
    let claims = spec.resource_claims.as_deref().unwrap_or_default();
    let claim_names: Vec<&str> = claims.iter().map(|claim| claim.name.as_str()).collect();
    resource_claims(errors, claims, &path.child("resourceClaims"));
    let around = Around { spec, volumes: &volumes, claims: &claim_names };
    container::containers(errors, &around, &path.child("containers"));
    container::init_containers(errors, &around, &path.child("initContainers"));
    container::ephemeral_containers(errors, &around, &path.child("ephemeralContainers"));
    resources::pod_resources(errors, spec, &claim_names, &path.child("resources"));
    host_network(errors, spec, path);
    one_of(errors, text(&spec.restart_policy), &["Always", "OnFailure", "Never"], &path.child("restartPolicy"));
    const DNS: &[&str] = &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    one_of(errors, text(&spec.dns_policy), DNS, &path.child("dnsPolicy"));
    meta::labels(errors, spec.node_selector.as_ref(), &path.child("nodeSelector"));
    security::pod(errors, spec, &path.child("securityContext"));
    scheduling::affinity(errors, spec.affinity.as_ref(), &path.child("affinity"));
    dns_config(errors, spec.dns_config.as_ref(), text(&spec.dns_policy), &path.child("dnsConfig"));
    let gates = path.child("readinessGates");
    for (index, gate) in spec.readiness_gates.iter().flatten().enumerate() {
        let wrong = names::qualified_name(&gate.condition_type);
        errors.invalid_each(&gates.index(index).child("conditionType"), &gate.condition_type, wrong);
    }
    let gates = spec.scheduling_gates.as_deref().unwrap_or_default();
    scheduling::scheduling_gates(errors, gates, &path.child("schedulingGates"));
    let constraints = spec.topology_spread_constraints.as_deref().unwrap_or_default();
    scheduling::topology_spread(errors, constraints, &path.child("topologySpreadConstraints"));
    security::host_process(errors, spec, path);
    host_users(errors, spec, path);
    hostname_override(errors, spec, path);
    let named = [("serviceAccountName", &spec.service_account_name), ("nodeName", &spec.node_name)];
    for (name, value) in named {
        subdomain(errors, text(value), &path.child(name));
    }
    if let Some(seconds) = spec.active_deadline_seconds {
        let wrong = names::in_range(seconds, 1, i64::from(i32::MAX));
        errors.invalid_each(&path.child("activeDeadlineSeconds"), &seconds, wrong);
    }
    for (name, value) in [("hostname", text(&spec.hostname)), ("subdomain", text(&spec.subdomain))] {
        if !value.is_empty() {
            errors.invalid_each(&path.child(name), value, names::dns1123_label(value));
        }
    }
    scheduling::tolerations(errors, spec.tolerations.as_deref().unwrap_or_default(), &path.child("tolerations"));
    host_aliases(errors, spec, &path.child("hostAliases"));
    subdomain(errors, text(&spec.priority_class_name), &path.child("priorityClassName"));
    if let Some(class) = &spec.runtime_class_name {
        errors.invalid_each(&path.child("runtimeClassName"), class, names::dns1123_subdomain(class));
    }
    if let Some(policy) = &spec.preemption_policy {
        one_of(errors, policy, &["PreemptLowerPriority", "Never"], &path.child("preemptionPolicy"));
    }
    if let Some(overhead) = &spec.overhead {
        resources::overhead(errors, overhead, &path.child("overhead"));
    }
    os(errors, spec, path);
    if let Some(group) = &spec.scheduling_group {
        let path = path.child("schedulingGroup.podGroupName");
        match &group.pod_group_name {
            None => errors.invalid(&path, &Value::Null, "must specify one of: `podGroupName`"),
            Some(name) => errors.invalid_each(&path, name, names::dns1123_subdomain(name)),
        }
    }
    file_keys(errors, spec, path);
}

fn one_of(errors: &mut Errors, value: &str, supported: &[&str], path: &Path) {
    if value.is_empty() {
        errors.required(path, "");
    } else if !supported.contains(&value) {
        errors.not_supported(path, value, supported);
    }
}

fn subdomain(errors: &mut Errors, value: &str, path: &Path) {
    if !value.is_empty() {
        errors.invalid_each(path, value, names::dns1123_subdomain(value));
    }
}

/// All containers of a pod with their paths' parts, in the order of the real visitor.
pub(super) fn each_container(spec: &PodSpec, mut visit: impl FnMut(&'static str, usize, &crate::api::Container)) {
    for (index, container) in spec.init_containers.iter().flatten().enumerate() {
        visit("initContainers", index, container);
    }
    for (index, container) in spec.containers.iter().enumerate() {
        visit("containers", index, container);
    }
    for (index, container) in spec.ephemeral_containers.iter().flatten().enumerate() {
        visit("ephemeralContainers", index, &container::as_container(container));
    }
}

fn resource_claims(errors: &mut Errors, claims: &[PodResourceClaim], path: &Path) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, claim) in claims.iter().enumerate() {
        let path = path.index(index);
        if claim.name.is_empty() {
            errors.required(&path.child("name"), "");
        } else if seen.contains(&claim.name.as_str()) {
            errors.duplicate(&path.child("name"), &claim.name);
        } else {
            errors.invalid_each(&path.child("name"), &claim.name, names::dns1123_label(&claim.name));
            seen.push(&claim.name);
        }
        let shown = json!({
            "Name": claim.name,
            "ResourceClaimName": claim.resource_claim_name,
            "ResourceClaimTemplateName": claim.resource_claim_template_name,
        });
        match (&claim.resource_claim_name, &claim.resource_claim_template_name) {
            (Some(_), Some(_)) => {
                let why = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
                errors.invalid(&path, &shown, why);
            }
            (None, None) => {
                let why = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`";
                errors.invalid(&path, &shown, why);
            }
            _ => {}
        }
        let names = [
            ("resourceClaimName", &claim.resource_claim_name),
            ("resourceClaimTemplateName", &claim.resource_claim_template_name),
        ];
        for (field, name) in names {
            if let Some(name) = name {
                errors.invalid_each(&path.child(field), name, names::dns1123_subdomain(name));
            }
        }
    }
}

fn host_network(errors: &mut Errors, spec: &PodSpec, path: &Path) {
    if spec.host_network != Some(true) {
        return;
    }
    let containers = path.child("containers");
    for (index, container) in spec.containers.iter().enumerate() {
        let path = containers.index(index);
        let ports = path.child("ports");
        for (index, port) in container.ports.iter().flatten().enumerate() {
            let host = port.host_port.unwrap_or_default();
            // In a template the pod that is made of it gets what is left out.
            if (errors.options.is_pod || host != 0) && host != port.container_port {
                let why = "must match `containerPort` when `hostNetwork` is true";
                errors.invalid(&ports.index(index).child("hostPort"), &host, why);
            }
        }
    }
}

pub fn dns_config(errors: &mut Errors, config: Option<&PodDNSConfig>, policy: &str, path: &Path) {
    let servers_path = path.child("nameservers");
    if policy == "None" {
        let Some(config) = config else {
            return errors.required(path, "must provide `dnsConfig` when `dnsPolicy` is None");
        };
        if config.nameservers.as_ref().is_none_or(Vec::is_empty) {
            let why = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            return errors.required(&servers_path, why);
        }
    }
    let Some(config) = config else { return };
    let servers = config.nameservers.as_deref().unwrap_or_default();
    if servers.len() > 3 {
        errors.invalid(&servers_path, &Value::from(servers.to_vec()), "must not have more than 3 nameservers");
    }
    for (index, server) in servers.iter().enumerate() {
        address::ip(errors, server, &servers_path.index(index));
    }
    let searches = config.searches.as_deref().unwrap_or_default();
    let searches_path = path.child("searches");
    if searches.len() > 32 {
        errors.invalid(&searches_path, &Value::from(searches.to_vec()), "must not have more than 32 search paths");
    }
    if searches.join(" ").len() > 2048 {
        let why = "must not have more than 2048 characters (including spaces) in the search list";
        errors.invalid(&searches_path, &Value::from(searches.to_vec()), why);
    }
    for (index, search) in searches.iter().enumerate().filter(|(_, search)| *search != ".") {
        let search = search.strip_suffix('.').unwrap_or(search);
        let wrong = names::dns1123_subdomain_with_underscore(search);
        errors.invalid_each(&searches_path.index(index), search, wrong);
    }
    let options = path.child("options");
    for (index, option) in config.options.iter().flatten().enumerate() {
        if text(&option.name).is_empty() {
            errors.required(&options.index(index), "must not be empty");
        }
    }
}

fn host_aliases(errors: &mut Errors, spec: &PodSpec, path: &Path) {
    for (index, alias) in spec.host_aliases.iter().flatten().enumerate() {
        let path = path.index(index);
        address::ip(errors, &alias.ip, &path.child("ip"));
        let hostnames = path.child("hostnames");
        for (index, hostname) in alias.hostnames.iter().flatten().enumerate() {
            errors.invalid_each(&hostnames.index(index), hostname, names::dns1123_subdomain(hostname));
        }
    }
}

pub fn host_users(errors: &mut Errors, spec: &PodSpec, path: &Path) {
    if spec.host_users != Some(false) {
        return;
    }
    const WHY: &str = "when `hostUsers` is false";
    let shared = [("hostNetwork", spec.host_network), ("HostPID", spec.host_pid), ("HostIPC", spec.host_ipc)];
    for (name, _) in shared.into_iter().filter(|(_, set)| *set == Some(true)) {
        errors.forbidden(&path.child(name), WHY);
    }
    if errors.options.user_namespace_devices {
        return;
    }
    each_container(spec, |list, index, container| {
        if container.volume_devices.as_ref().is_some_and(|devices| !devices.is_empty()) {
            let list = path.child(list);
            errors.forbidden(&list.index(index).child("volumeDevices"), WHY);
        }
    });
}

pub fn hostname_override(errors: &mut Errors, spec: &PodSpec, path: &Path) {
    let Some(name) = &spec.hostname_override else { return };
    let path = path.child("hostnameOverride");
    if spec.set_hostname_as_fqdn == Some(true) {
        errors.forbidden(&path, "may not be specified when setHostnameAsFQDN is true");
    }
    if spec.host_network == Some(true) {
        errors.forbidden(&path, "may not be specified when hostNetwork is true");
    }
    if name.len() > 64 {
        errors.too_long(&path, 64);
    }
    errors.invalid_each(&path, name, names::dns1123_subdomain(name));
}

fn os(errors: &mut Errors, spec: &PodSpec, path: &Path) {
    let Some(os) = &spec.os else { return };
    match os.name.as_str() {
        "" => errors.required(&path.child("os.name"), ""),
        "linux" => linux(errors, spec, path),
        "windows" => windows(errors, spec, path),
        other => errors.not_supported(&path.child("os"), other, &["linux", "windows"]),
    }
}

fn linux(errors: &mut Errors, spec: &PodSpec, path: &Path) {
    const WHY: &str = "windows options cannot be set for a linux pod";
    if spec.security_context.as_ref().is_some_and(|context| context.windows_options.is_some()) {
        errors.forbidden(&path.child("securityContext.windowsOptions"), WHY);
    }
    each_container(spec, |list, index, container| {
        if container.security_context.as_ref().is_some_and(|context| context.windows_options.is_some()) {
            let list = path.child(list);
            errors.forbidden(&list.index(index).child("securityContext.windowsOptions"), WHY);
        }
    });
}

fn windows(errors: &mut Errors, spec: &PodSpec, path: &Path) {
    const WHY: &str = "cannot be set for a windows pod";
    if let Some(context) = &spec.security_context {
        let path = path.child("securityContext");
        let parts = [
            ("appArmorProfile", context.app_armor_profile.is_some()),
            ("seLinuxOptions", context.se_linux_options.is_some()),
            ("hostUsers", spec.host_users.is_some()),
            ("hostPID", spec.host_pid == Some(true)),
            ("hostIPC", spec.host_ipc == Some(true)),
            ("seccompProfile", context.seccomp_profile.is_some()),
            ("fsGroup", context.fs_group.is_some()),
            ("fsGroupChangePolicy", context.fs_group_change_policy.is_some()),
            ("sysctls", context.sysctls.as_ref().is_some_and(|sysctls| !sysctls.is_empty())),
            ("shareProcessNamespace", spec.share_process_namespace.is_some()),
            ("runAsUser", context.run_as_user.is_some()),
            ("runAsGroup", context.run_as_group.is_some()),
            ("supplementalGroups", context.supplemental_groups.is_some()),
            ("supplementalGroupsPolicy", context.supplemental_groups_policy.is_some()),
        ];
        for (name, _) in parts.into_iter().filter(|(_, set)| *set) {
            errors.forbidden(&path.child(name), WHY);
        }
    }
    each_container(spec, |list, index, container| {
        let Some(context) = &container.security_context else { return };
        let list = path.child(list);
        let item = list.index(index);
        let path = item.child("securityContext");
        let parts = [
            ("appArmorProfile", context.app_armor_profile.is_some()),
            ("seLinuxOptions", context.se_linux_options.is_some()),
            ("seccompProfile", context.seccomp_profile.is_some()),
            ("capabilities", context.capabilities.is_some()),
            ("readOnlyRootFilesystem", context.read_only_root_filesystem.is_some()),
            ("privileged", context.privileged.is_some()),
            ("allowPrivilegeEscalation", context.allow_privilege_escalation.is_some()),
            ("procMount", context.proc_mount.is_some()),
            ("runAsUser", context.run_as_user.is_some()),
            ("runAsGroup", context.run_as_group.is_some()),
        ];
        for (name, _) in parts.into_iter().filter(|(_, set)| *set) {
            errors.forbidden(&path.child(name), WHY);
        }
    });
}

fn file_keys(errors: &mut Errors, spec: &PodSpec, path: &Path) {
    each_container(spec, |list, index, container| {
        let list = path.child(list);
        let item = list.index(index);
        let env = item.child("env");
        for (index, var) in container.env.iter().flatten().enumerate() {
            let Some(file) = var.value_from.as_ref().and_then(|source| source.file_key_ref.as_ref()) else { continue };
            let env = env.index(index);
            let path = env.child("valueFrom.fileKeyRef.volumeName");
            match spec.volumes.iter().flatten().find(|volume| volume.name == file.volume_name) {
                None => errors.not_found(&path, &file.volume_name),
                Some(volume) if volume.empty_dir.is_none() => {
                    errors.invalid(&path, &file.volume_name, "referenced volume must be of type emptyDir");
                }
                Some(_) => {}
            }
        }
    });
}
