//! The checks of the Pod Security Standards, by level and version
//! (`k8s.io/pod-security-admission/policy`): first those of baseline, then those of restricted, each
//! by the names that upstream gives them.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{PodSpec, Volume};
use k8s_openapi::api::core::v1::{
    ContainerPort, Lifecycle, LifecycleHandler, PodSecurityContext, Probe, SecurityContext,
};

use super::pod_security::{Level, Policy, Version};

/// Why a pod isn't let in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub reason: String,
    pub detail: String,
}

type Annotations = BTreeMap<String, String>;
type Check = fn(&Subject) -> Option<Violation>;

/// What the containers of the three kinds have in common.
struct Container<'a> {
    name: &'a str,
    security: Option<&'a SecurityContext>,
    ports: &'a [ContainerPort],
    probes: [Option<&'a Probe>; 3],
    lifecycle: Option<&'a Lifecycle>,
}

struct Subject<'a> {
    annotations: Option<&'a Annotations>,
    spec: &'a PodSpec,
    security: Option<&'a PodSecurityContext>,
    containers: Vec<Container<'a>>,
    /// The minor version of the rules.
    version: u32,
}

/// Each with the version from which a check of restricted takes its place there.
const BASELINE: [(Check, u32); 12] = [
    (app_armor, u32::MAX),
    (capabilities_baseline, 22),
    (host_namespaces, u32::MAX),
    (host_path, 0),
    (host_ports, u32::MAX),
    (probe_hosts, u32::MAX),
    (privileged, u32::MAX),
    (proc_mount, u32::MAX),
    (se_linux, u32::MAX),
    (seccomp_baseline, 19),
    (sysctls, u32::MAX),
    (host_process, u32::MAX),
];

/// Each with the version that it came with.
const RESTRICTED: [(Check, u32); 6] = [
    (privilege_escalation, 8),
    (capabilities_restricted, 22),
    (restricted_volumes, 0),
    (non_root, 0),
    (root_user, 23),
    (seccomp_restricted, 19),
];

pub(super) fn violations(policy: Policy, annotations: Option<&Annotations>, spec: &PodSpec) -> Vec<Violation> {
    if policy.level == Level::Privileged {
        return Vec::new();
    }
    let version = match policy.version {
        Version::Minor(minor) => minor,
        // Checks overridden by none are so "from" the greatest number.
        Version::Latest => u32::MAX - 1,
    };
    let restricted = policy.level == Level::Restricted;
    let security = spec.security_context.as_ref();
    let subject = Subject { annotations, spec, security, containers: containers(spec), version };
    let baseline = BASELINE.iter().filter(|(_, overridden)| !restricted || version < *overridden);
    let stricter = RESTRICTED.iter().filter(|(_, since)| restricted && version >= *since);
    baseline.chain(stricter).filter_map(|(check, _)| check(&subject)).collect()
}

fn containers(spec: &PodSpec) -> Vec<Container<'_>> {
    macro_rules! view {
        ($c:expr) => {
            Container {
                name: &$c.name,
                security: $c.security_context.as_ref(),
                ports: $c.ports.as_deref().unwrap_or_default(),
                probes: [$c.liveness_probe.as_ref(), $c.readiness_probe.as_ref(), $c.startup_probe.as_ref()],
                lifecycle: $c.lifecycle.as_ref(),
            }
        };
    }
    let init = spec.init_containers.iter().flatten().map(|c| view!(c));
    let plain = spec.containers.iter().map(|c| view!(c));
    init.chain(plain).chain(spec.ephemeral_containers.iter().flatten().map(|c| view!(c))).collect()
}

impl<'a> Subject<'a> {
    /// The names of the containers that `bad` holds for.
    fn bad(&self, mut bad: impl FnMut(&Container) -> bool) -> Vec<&'a str> {
        let mut names = Vec::new();
        for container in &self.containers {
            if bad(container) {
                names.push(container.name);
            }
        }
        names
    }

    fn bad_context(&self, mut bad: impl FnMut(&SecurityContext) -> bool) -> Vec<&'a str> {
        self.bad(|c| c.security.is_some_and(&mut bad))
    }

    /// Pods of Windows need not say what Windows doesn't know.
    fn is_windows(&self) -> bool {
        self.version >= 25 && self.spec.os.as_ref().is_some_and(|os| os.name == "windows")
    }

    /// The root of a pod in its own user namespace isn't the node's.
    fn has_user_namespace(&self) -> bool {
        self.version >= 35 && self.spec.host_users == Some(false)
    }
}

fn violation(reason: &str, detail: String) -> Option<Violation> {
    Some(Violation { reason: reason.into(), detail })
}

fn plural<'a>(one: &'a str, many: &'a str, count: usize) -> &'a str {
    if count == 1 { one } else { many }
}

fn quote<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> String {
    items.into_iter().map(|item| format!("\"{}\"", item.as_ref())).collect::<Vec<_>>().join(", ")
}

/// `container "a"`, `containers "a", "b"`.
fn named(names: &[&str]) -> String {
    format!("{} {}", plural("container", "containers", names.len()), quote(names))
}

/// `pod and container "a"`.
fn setters(pod: bool, names: &[&str]) -> Option<String> {
    match (pod, names.is_empty()) {
        (false, true) => None,
        (true, true) => Some("pod".into()),
        (false, false) => Some(named(names)),
        (true, false) => Some(format!("pod and {}", named(names))),
    }
}

fn app_armor(s: &Subject) -> Option<Violation> {
    let mut values = BTreeSet::new();
    let mut bad = |profile: &str| {
        let bad = !matches!(profile, "RuntimeDefault" | "Localhost");
        if bad {
            values.insert(profile.to_string());
        }
        bad
    };
    let pod = s.security.and_then(|c| c.app_armor_profile.as_ref()).is_some_and(|p| bad(&p.type_));
    let names = s.bad_context(|c| c.app_armor_profile.as_ref().is_some_and(|p| bad(&p.type_)));
    let mut all: Vec<String> = setters(pod, &names).into_iter().collect();
    let prefix = "container.apparmor.security.beta.kubernetes.io/";
    let annotations: Vec<String> = s
        .annotations
        .into_iter()
        .flatten()
        .filter(|(key, value)| {
            let fine = value.is_empty() || *value == "runtime/default" || value.starts_with("localhost/");
            key.starts_with(prefix) && !fine
        })
        .map(|(key, value)| format!("{key}={}", crate::api::field::quoted(value)))
        .collect();
    if !annotations.is_empty() {
        all.push(plural("annotation", "annotations", annotations.len()).into());
    }
    if all.is_empty() {
        return None;
    }
    let values: Vec<String> = values.into_iter().chain(annotations).collect();
    let reason = plural("forbidden AppArmor profile", "forbidden AppArmor profiles", values.len());
    violation(reason, format!("{} must not set AppArmor profile type to {}", all.join(" and "), quote(&values)))
}

fn capabilities_baseline(s: &Subject) -> Option<Violation> {
    const ALLOWED: [&str; 13] = [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ];
    let (names, added) = adding(s, &ALLOWED);
    let detail = format!("{} must not include {} in securityContext.capabilities.add", named(&names), quote(added));
    if names.is_empty() { None } else { violation("non-default capabilities", detail) }
}

/// The containers that add other capabilities than those allowed, and these.
fn adding<'a>(s: &Subject<'a>, allowed: &[&str]) -> (Vec<&'a str>, BTreeSet<String>) {
    let mut added = BTreeSet::new();
    let names = s.bad_context(|c| {
        let before = c.capabilities.iter().flat_map(|c| c.add.iter().flatten());
        let bad: Vec<&String> = before.filter(|name| !allowed.contains(&name.as_str())).collect();
        added.extend(bad.iter().map(|name| name.to_string()));
        !bad.is_empty()
    });
    (names, added)
}

fn host_namespaces(s: &Subject) -> Option<Violation> {
    let all = [
        (s.spec.host_network, "hostNetwork=true"),
        (s.spec.host_pid, "hostPID=true"),
        (s.spec.host_ipc, "hostIPC=true"),
    ];
    let set: Vec<&str> = all.iter().filter(|(set, _)| *set == Some(true)).map(|(_, name)| *name).collect();
    if set.is_empty() { None } else { violation("host namespaces", set.join(", ")) }
}

fn host_path(s: &Subject) -> Option<Violation> {
    let volumes = s.spec.volumes.iter().flatten().filter(|v| v.host_path.is_some());
    let names: Vec<&str> = volumes.map(|v| v.name.as_str()).collect();
    let detail = format!("{} {}", plural("volume", "volumes", names.len()), quote(&names));
    if names.is_empty() { None } else { violation("hostPath volumes", detail) }
}

fn host_ports(s: &Subject) -> Option<Violation> {
    // By their text, as upstream's set of texts is.
    let mut ports = BTreeSet::new();
    let names = s.bad(|c| {
        let taken: Vec<i32> = c.ports.iter().filter_map(|p| p.host_port).filter(|port| *port != 0).collect();
        ports.extend(taken.iter().map(i32::to_string));
        !taken.is_empty()
    });
    if names.is_empty() {
        return None;
    }
    let list: Vec<&str> = ports.iter().map(String::as_str).collect();
    let (uses, word) = (plural("uses", "use", names.len()), plural("hostPort", "hostPorts", list.len()));
    violation("hostPort", format!("{} {uses} {word} {}", named(&names), list.join(", ")))
}

fn probe_hosts(s: &Subject) -> Option<Violation> {
    if s.version < 34 {
        return None;
    }
    let mut hosts = BTreeSet::new();
    let mut names = BTreeSet::new();
    for container in &s.containers {
        let http = |action: Option<&k8s_openapi::api::core::v1::HTTPGetAction>| action.and_then(|a| a.host.clone());
        let tcp = |action: Option<&k8s_openapi::api::core::v1::TCPSocketAction>| action.and_then(|a| a.host.clone());
        let probes = container.probes.iter().flatten();
        let of_probes = probes.flat_map(|p| [http(p.http_get.as_ref()), tcp(p.tcp_socket.as_ref())]);
        let handlers = container.lifecycle.into_iter().flat_map(|l| [l.post_start.as_ref(), l.pre_stop.as_ref()]);
        let of_handler = |h: &LifecycleHandler| [http(h.http_get.as_ref()), tcp(h.tcp_socket.as_ref())];
        let all = of_probes.chain(handlers.flatten().flat_map(of_handler));
        for host in all.flatten().filter(|host| !host.is_empty()) {
            hosts.insert(host);
            names.insert(container.name);
        }
    }
    if names.is_empty() {
        return None;
    }
    let names: Vec<&str> = names.into_iter().collect();
    let uses = plural("uses", "use", names.len());
    let word = plural("probe or lifecycle host", "probe or lifecycle hosts", hosts.len());
    violation("probe or lifecycle host", format!("{} {uses} {word} {}", named(&names), quote(&hosts)))
}

fn privileged(s: &Subject) -> Option<Violation> {
    let names = s.bad_context(|c| c.privileged == Some(true));
    let detail = format!("{} must not set securityContext.privileged=true", named(&names));
    if names.is_empty() { None } else { violation("privileged", detail) }
}

fn proc_mount(s: &Subject) -> Option<Violation> {
    if s.has_user_namespace() {
        return None;
    }
    let mut types = BTreeSet::new();
    let names = s.bad_context(|c| {
        let bad = c.proc_mount.clone().filter(|mount| mount != "Default");
        types.extend(bad.clone());
        bad.is_some()
    });
    let detail = format!("{} must not set securityContext.procMount to {}", named(&names), quote(&types));
    if names.is_empty() { None } else { violation("procMount", detail) }
}

fn se_linux(s: &Subject) -> Option<Violation> {
    let (mut types, mut user, mut role) = (BTreeSet::new(), false, false);
    let version = s.version;
    let mut bad = |options: Option<&k8s_openapi::api::core::v1::SELinuxOptions>| {
        let Some(options) = options else { return false };
        let kind = options.type_.as_deref().unwrap_or_default();
        let fine = matches!(kind, "" | "container_t" | "container_init_t" | "container_kvm_t")
            || (version >= 31 && kind == "container_engine_t");
        if !fine {
            types.insert(kind.to_string());
        }
        let has_user = options.user.as_ref().is_some_and(|user| !user.is_empty());
        let has_role = options.role.as_ref().is_some_and(|role| !role.is_empty());
        user |= has_user;
        role |= has_role;
        !fine || has_user || has_role
    };
    let pod = bad(s.security.and_then(|c| c.se_linux_options.as_ref()));
    let names = s.bad_context(|c| bad(c.se_linux_options.as_ref()));
    let who = setters(pod, &names)?;
    let mut what = Vec::new();
    if !types.is_empty() {
        what.push(format!("{} {}", plural("type", "types", types.len()), quote(&types)));
    }
    if user {
        what.push("user may not be set".into());
    }
    if role {
        what.push("role may not be set".into());
    }
    let detail = format!("{who} set forbidden securityContext.seLinuxOptions: {}", what.join("; "));
    violation("seLinuxOptions", detail)
}

/// Who sets a seccomp profile of a wrong type, and which types.
fn wrong_seccomp(s: &Subject) -> Option<Violation> {
    let mut values = BTreeSet::new();
    let mut bad = |profile: Option<&k8s_openapi::api::core::v1::SeccompProfile>| {
        let wrong = profile.filter(|p| !matches!(p.type_.as_str(), "Localhost" | "RuntimeDefault"));
        values.extend(wrong.map(|p| p.type_.clone()));
        wrong.is_some()
    };
    let pod = bad(s.security.and_then(|c| c.seccomp_profile.as_ref()));
    let names = s.bad_context(|c| bad(c.seccomp_profile.as_ref()));
    let who = setters(pod, &names)?;
    violation("seccompProfile", format!("{who} must not set securityContext.seccompProfile.type to {}", quote(&values)))
}

fn seccomp_baseline(s: &Subject) -> Option<Violation> {
    if s.version >= 19 {
        return wrong_seccomp(s);
    }
    let pod = "seccomp.security.alpha.kubernetes.io/pod".to_string();
    let prefix = "container.seccomp.security.alpha.kubernetes.io/";
    let keys = s.containers.iter().map(|c| format!("{prefix}{}", c.name));
    let mut wrong = BTreeSet::new();
    for key in keys.chain([pod]) {
        let Some(value) = s.annotations.and_then(|all| all.get(&key)) else { continue };
        if !matches!(value.as_str(), "runtime/default" | "docker/default") && !value.starts_with("localhost/") {
            wrong.insert(format!("{key}={}", crate::api::field::quoted(value)));
        }
    }
    let word = plural("annotation", "annotations", wrong.len());
    let list: Vec<String> = wrong.into_iter().collect();
    if list.is_empty() { None } else { violation("seccompProfile", format!("forbidden {word} {}", list.join(", "))) }
}

fn sysctls(s: &Subject) -> Option<Violation> {
    const ALLOWED: [(&str, u32); 12] = [
        ("kernel.shm_rmid_forced", 0),
        ("net.ipv4.ip_local_port_range", 0),
        ("net.ipv4.tcp_syncookies", 0),
        ("net.ipv4.ping_group_range", 0),
        ("net.ipv4.ip_unprivileged_port_start", 0),
        ("net.ipv4.ip_local_reserved_ports", 27),
        ("net.ipv4.tcp_keepalive_time", 29),
        ("net.ipv4.tcp_fin_timeout", 29),
        ("net.ipv4.tcp_keepalive_intvl", 29),
        ("net.ipv4.tcp_keepalive_probes", 29),
        ("net.ipv4.tcp_rmem", 32),
        ("net.ipv4.tcp_wmem", 32),
    ];
    let fine = |name: &str| ALLOWED.iter().any(|(allowed, since)| *allowed == name && s.version >= *since);
    let set = s.security.into_iter().flat_map(|c| c.sysctls.iter().flatten());
    let names: Vec<&str> = set.map(|sysctl| sysctl.name.as_str()).filter(|name| !fine(name)).collect();
    if names.is_empty() { None } else { violation("forbidden sysctls", names.join(", ")) }
}

fn host_process(s: &Subject) -> Option<Violation> {
    let bad = |options: Option<&k8s_openapi::api::core::v1::WindowsSecurityContextOptions>| {
        options.is_some_and(|options| options.host_process == Some(true))
    };
    let pod = bad(s.security.and_then(|c| c.windows_options.as_ref()));
    let names = s.bad_context(|c| bad(c.windows_options.as_ref()));
    let who = setters(pod, &names)?;
    violation("hostProcess", format!("{who} must not set securityContext.windowsOptions.hostProcess=true"))
}

fn privilege_escalation(s: &Subject) -> Option<Violation> {
    let names = s.bad(|c| c.security.and_then(|c| c.allow_privilege_escalation) != Some(false));
    let detail = format!("{} must set securityContext.allowPrivilegeEscalation=false", named(&names));
    if names.is_empty() || s.is_windows() { None } else { violation("allowPrivilegeEscalation != false", detail) }
}

fn capabilities_restricted(s: &Subject) -> Option<Violation> {
    if s.is_windows() {
        return None;
    }
    let keeping = s.bad(|c| {
        let mut dropped = c.security.iter().flat_map(|c| c.capabilities.iter()).flat_map(|c| c.drop.iter().flatten());
        !dropped.any(|name| name == "ALL")
    });
    let (names, added) = adding(s, &["NET_BIND_SERVICE"]);
    let mut details = Vec::new();
    if !keeping.is_empty() {
        details.push(format!("{} must set securityContext.capabilities.drop=[\"ALL\"]", named(&keeping)));
    }
    if !names.is_empty() {
        let list = quote(added);
        details.push(format!("{} must not include {list} in securityContext.capabilities.add", named(&names)));
    }
    if details.is_empty() { None } else { violation("unrestricted capabilities", details.join("; ")) }
}

/// The name of a volume's source if restricted pods may not have it.
fn restricted_source(volume: &Volume) -> Option<String> {
    let fine = volume.config_map.is_some()
        || volume.csi.is_some()
        || volume.downward_api.is_some()
        || volume.empty_dir.is_some()
        || volume.ephemeral.is_some()
        || volume.persistent_volume_claim.is_some()
        || volume.projected.is_some()
        || volume.secret.is_some();
    if fine {
        return None;
    }
    let value = serde_json::to_value(volume).unwrap_or_default();
    let source = value.as_object().and_then(|map| map.keys().find(|key| *key != "name" && *key != "image").cloned());
    Some(source.unwrap_or_else(|| "unknown".into()))
}

fn restricted_volumes(s: &Subject) -> Option<Violation> {
    let (mut names, mut types) = (Vec::new(), BTreeSet::new());
    for volume in s.spec.volumes.iter().flatten() {
        if let Some(source) = restricted_source(volume) {
            names.push(volume.name.as_str());
            types.insert(source);
        }
    }
    if names.is_empty() {
        return None;
    }
    let (word, uses) = (plural("volume", "volumes", names.len()), plural("uses", "use", names.len()));
    let kind = plural("restricted volume type", "restricted volume types", types.len());
    violation("restricted volume types", format!("{word} {} {uses} {kind} {}", quote(&names), quote(&types)))
}

fn non_root(s: &Subject) -> Option<Violation> {
    if s.has_user_namespace() {
        return None;
    }
    let pod = s.security.and_then(|c| c.run_as_non_root);
    let names = s.bad_context(|c| c.run_as_non_root == Some(false));
    let reason = "runAsNonRoot != true";
    if let Some(who) = setters(pod == Some(false), &names) {
        return violation(reason, format!("{who} must not set securityContext.runAsNonRoot=false"));
    }
    let unset = s.bad(|c| c.security.and_then(|c| c.run_as_non_root).is_none() && pod != Some(true));
    let detail = format!("pod or {} must set securityContext.runAsNonRoot=true", named(&unset));
    if unset.is_empty() { None } else { violation(reason, detail) }
}

fn root_user(s: &Subject) -> Option<Violation> {
    if s.has_user_namespace() {
        return None;
    }
    let pod = s.security.is_some_and(|c| c.run_as_user == Some(0));
    let names = s.bad_context(|c| c.run_as_user == Some(0));
    let who = setters(pod, &names)?;
    violation("runAsUser=0", format!("{who} must not set runAsUser=0"))
}

fn seccomp_restricted(s: &Subject) -> Option<Violation> {
    if s.is_windows() {
        return None;
    }
    if let Some(wrong) = wrong_seccomp(s) {
        return Some(wrong);
    }
    let pod = s.security.is_some_and(|c| c.seccomp_profile.is_some());
    let unset = s.bad(|c| !pod && c.security.is_none_or(|c| c.seccomp_profile.is_none()));
    let what = "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"";
    if unset.is_empty() { None } else { violation("seccompProfile", format!("pod or {} {what}", named(&unset))) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(level: Level, version: Version, annotations: &[(&str, &str)], spec: Value) -> Vec<String> {
        let annotations = annotations.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let spec: PodSpec = serde_json::from_value(spec).unwrap();
        let all = violations(Policy { level, version }, Some(&annotations), &spec);
        all.into_iter().map(|v| format!("{} ({})", v.reason, v.detail)).collect()
    }

    #[test]
    fn each_check_has_its_words() {
        let good = json!({
            "runAsNonRoot": true, "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        });
        let one = |extra: Value| {
            let mut security = good.clone();
            security.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            json!({"containers": [{"name": "a", "securityContext": security}]})
        };
        let with = |extra: Value| {
            let mut spec = one(json!({}));
            spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            spec
        };
        let cases: Vec<(Value, &[&str])> = vec![
            (one(json!({})), &[]),
            (
                json!({"initContainers": [{"name": "i"}], "containers": [{"name": "a"}]}),
                &[
                    "allowPrivilegeEscalation != false (containers \"i\", \"a\" must set securityContext.allowPrivilegeEscalation=false)",
                    "unrestricted capabilities (containers \"i\", \"a\" must set securityContext.capabilities.drop=[\"ALL\"])",
                    "runAsNonRoot != true (pod or containers \"i\", \"a\" must set securityContext.runAsNonRoot=true)",
                    "seccompProfile (pod or containers \"i\", \"a\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")",
                ],
            ),
            (
                one(json!({"privileged": true, "runAsUser": 0, "procMount": "Unmasked"})),
                &[
                    "privileged (container \"a\" must not set securityContext.privileged=true)",
                    "procMount (container \"a\" must not set securityContext.procMount to \"Unmasked\")",
                    "runAsUser=0 (container \"a\" must not set runAsUser=0)",
                ],
            ),
            (
                one(json!({"capabilities": {"add": ["SYS_ADMIN", "NET_BIND_SERVICE", "CHOWN"]}})),
                &[
                    "unrestricted capabilities (container \"a\" must set securityContext.capabilities.drop=[\"ALL\"]; container \"a\" must not include \"CHOWN\", \"SYS_ADMIN\" in securityContext.capabilities.add)",
                ],
            ),
            (
                with(json!({
                    "hostNetwork": true, "hostPID": true,
                    "volumes": [{"name": "h", "hostPath": {"path": "/"}}, {"name": "n", "nfs": {"server": "s", "path": "/"}}, {"name": "e", "emptyDir": {}}],
                    "securityContext": {"runAsNonRoot": false, "sysctls": [{"name": "kernel.msgmax", "value": "1"}, {"name": "net.ipv4.tcp_rmem", "value": "1"}], "seLinuxOptions": {"user": "u", "type": "t"}, "seccompProfile": {"type": "Unconfined"}, "appArmorProfile": {"type": "Unconfined"}, "windowsOptions": {"hostProcess": true}},
                })),
                &[
                    "forbidden AppArmor profile (pod must not set AppArmor profile type to \"Unconfined\")",
                    "host namespaces (hostNetwork=true, hostPID=true)",
                    "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type \"t\"; user may not be set)",
                    "forbidden sysctls (kernel.msgmax)",
                    "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
                    "restricted volume types (volumes \"h\", \"n\" use restricted volume types \"hostPath\", \"nfs\")",
                    "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)",
                    "seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\")",
                ],
            ),
        ];
        for (spec, expected) in cases {
            assert_eq!(found(Level::Restricted, Version::Latest, &[], spec.clone()), expected, "{spec}");
        }
    }

    #[test]
    fn versions_and_baseline_have_their_own_rules() {
        let spec = json!({
            "volumes": [{"name": "h", "hostPath": {"path": "/"}}],
            "containers": [{
                "name": "a",
                "ports": [{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 80}],
                "livenessProbe": {"httpGet": {"port": 1, "host": "h"}},
                "securityContext": {"capabilities": {"add": ["NET_RAW"]}},
            }],
        });
        let annotations = [("container.seccomp.security.alpha.kubernetes.io/a", "unconfined")];
        let capabilities = "non-default capabilities (container \"a\" must not include \"NET_RAW\" in securityContext.capabilities.add)";
        let ports = "hostPort (container \"a\" uses hostPorts 80, 9)";
        let latest = [
            capabilities,
            "hostPath volumes (volume \"h\")",
            ports,
            "probe or lifecycle host (container \"a\" uses probe or lifecycle host \"h\")",
        ];
        assert_eq!(found(Level::Baseline, Version::Latest, &annotations, spec.clone()), latest);
        let old = [
            capabilities,
            ports,
            "seccompProfile (forbidden annotation container.seccomp.security.alpha.kubernetes.io/a=\"unconfined\")",
            "restricted volume types (volume \"h\" uses restricted volume type \"hostPath\")",
            "runAsNonRoot != true (pod or container \"a\" must set securityContext.runAsNonRoot=true)",
        ];
        assert_eq!(found(Level::Restricted, Version::Minor(7), &annotations, spec.clone()), old);
        assert!(found(Level::Privileged, Version::Latest, &annotations, spec).is_empty());
    }
}
