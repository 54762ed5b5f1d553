//! Security contexts.

use k8s_openapi::api::core::v1::{
    AppArmorProfile, PodSecurityContext, SeccompProfile, SecurityContext, WindowsSecurityContextOptions,
};
use serde_json::json;

use super::{pod::each_container, text, volume};
use crate::api::{
    PodSpec,
    field::{Dump, Errors, Path},
    names,
};

fn id(errors: &mut Errors, id: Option<i64>, path: &Path) {
    if let Some(id) = id {
        errors.invalid_each(path, &id, names::in_range(id, 0, i64::from(i32::MAX)));
    }
}

pub fn container(errors: &mut Errors, context: Option<&SecurityContext>, host_users: bool, path: &Path) {
    let Some(context) = context else { return };
    if context.privileged == Some(true) && !errors.options.privileged {
        errors.forbidden(&path.child("privileged"), "disallowed by cluster policy");
    }
    id(errors, context.run_as_user, &path.child("runAsUser"));
    id(errors, context.run_as_group, &path.child("runAsGroup"));
    if let Some(mount) = &context.proc_mount {
        if mount != "Default" && mount != "Unmasked" {
            errors.not_supported(&path.child("procMount"), mount, &["Default", "Unmasked"]);
        }
        if host_users && mount == "Unmasked" {
            errors.invalid(&path.child("procMount"), mount, "`hostUsers` must be false to use `Unmasked`");
        }
    }
    seccomp(errors, context.seccomp_profile.as_ref(), &path.child("seccompProfile"));
    if context.allow_privilege_escalation == Some(false) {
        if context.privileged == Some(true) {
            let why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.invalid(path, &Dump(internal(context)), why);
        }
        let added = context.capabilities.iter().flat_map(|capabilities| capabilities.add.iter().flatten());
        if added.into_iter().any(|capability| capability == "CAP_SYS_ADMIN") {
            let why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.invalid(path, &Dump(internal(context)), why);
        }
    }
    windows_options(errors, context.windows_options.as_ref(), &path.child("windowsOptions"));
    app_armor(errors, context.app_armor_profile.as_ref(), &path.child("appArmorProfile"));
}

/// The context as Go prints its internal type: all fields, in Go's order and names.
fn internal(context: &SecurityContext) -> String {
    let capabilities = context.capabilities.as_ref().map_or("null".to_string(), |capabilities| {
        format!("{{\"Add\":{},\"Drop\":{}}}", json!(capabilities.add), json!(capabilities.drop))
    });
    let linux = context.se_linux_options.as_ref().map_or("null".to_string(), |options| {
        let [user, role, kind, level] =
            [&options.user, &options.role, &options.type_, &options.level].map(|field| json!(text(field)));
        format!("{{\"User\":{user},\"Role\":{role},\"Type\":{kind},\"Level\":{level}}}")
    });
    let profile = |kind: &str, local: &Option<String>| {
        format!("{{\"Type\":{},\"LocalhostProfile\":{}}}", json!(kind), json!(local))
    };
    let seccomp = context.seccomp_profile.as_ref().map(|p| profile(&p.type_, &p.localhost_profile));
    let armor = context.app_armor_profile.as_ref().map(|p| profile(&p.type_, &p.localhost_profile));
    let windows = context.windows_options.as_ref().map(|options| {
        format!(
            "{{\"GMSACredentialSpecName\":{},\"GMSACredentialSpec\":{},\"RunAsUserName\":{},\"HostProcess\":{}}}",
            json!(options.gmsa_credential_spec_name),
            json!(options.gmsa_credential_spec),
            json!(options.run_as_user_name),
            json!(options.host_process)
        )
    });
    let null = || "null".to_string();
    let fields: [(&str, String); 12] = [
        ("Capabilities", capabilities),
        ("Privileged", json!(context.privileged).to_string()),
        ("SELinuxOptions", linux),
        ("WindowsOptions", windows.unwrap_or_else(null)),
        ("RunAsUser", json!(context.run_as_user).to_string()),
        ("RunAsGroup", json!(context.run_as_group).to_string()),
        ("RunAsNonRoot", json!(context.run_as_non_root).to_string()),
        ("ReadOnlyRootFilesystem", json!(context.read_only_root_filesystem).to_string()),
        ("AllowPrivilegeEscalation", json!(context.allow_privilege_escalation).to_string()),
        ("ProcMount", json!(context.proc_mount).to_string()),
        ("SeccompProfile", seccomp.unwrap_or_else(null)),
        ("AppArmorProfile", armor.unwrap_or_else(null)),
    ];
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

fn seccomp(errors: &mut Errors, profile: Option<&SeccompProfile>, path: &Path) {
    let Some(profile) = profile else { return };
    match profile.type_.as_str() {
        "Localhost" | "RuntimeDefault" | "Unconfined" => {}
        "" => errors.required(&path.child("type"), "type is required when seccompProfile is set"),
        other => errors.not_supported(&path.child("type"), other, &["Localhost", "RuntimeDefault", "Unconfined"]),
    }
    match (&profile.localhost_profile, profile.type_ == "Localhost") {
        (None, true) => {
            errors.required(&path.child("localhostProfile"), "must be set when seccomp type is Localhost");
        }
        (Some(local), true) => volume::descending_path(errors, local, &path.child("localhostProfile")),
        (Some(local), false) => {
            let dump = format!("{{\"Type\":{},\"LocalhostProfile\":{}}}", json!(profile.type_), json!(local));
            let why = "can only be set when seccomp type is Localhost";
            errors.invalid(&path.child("localhostProfile"), &Dump(dump), why);
        }
        (None, false) => {}
    }
}

fn app_armor(errors: &mut Errors, profile: Option<&AppArmorProfile>, path: &Path) {
    let Some(profile) = profile else { return };
    let local = path.child("localhostProfile");
    match (profile.type_.as_str(), &profile.localhost_profile) {
        ("Localhost", None) => errors.required(&local, "must be set when AppArmor type is Localhost"),
        ("Localhost", Some(name)) => {
            if name.trim() != name {
                errors.invalid(&local, name, "must not be padded with whitespace");
            } else if name.is_empty() {
                errors.required(&local, "must be set when AppArmor type is Localhost");
            }
            if name.len() > 4095 {
                errors.too_long(&local, 4095);
            }
        }
        ("RuntimeDefault" | "Unconfined", Some(name)) => {
            errors.invalid(&local, name, "can only be set when AppArmor type is Localhost");
        }
        ("RuntimeDefault" | "Unconfined", None) => {}
        ("", _) => errors.required(&path.child("type"), "type is required when appArmorProfile is set"),
        (other, _) => errors.not_supported(&path.child("type"), other, &["Localhost", "RuntimeDefault", "Unconfined"]),
    }
}

fn windows_options(errors: &mut Errors, options: Option<&WindowsSecurityContextOptions>, path: &Path) {
    let Some(options) = options else { return };
    if let Some(name) = &options.gmsa_credential_spec_name {
        let path = path.child("gmsaCredentialSpecName");
        errors.invalid_each(&path, name, names::dns1123_subdomain(name));
    }
    if let Some(spec) = &options.gmsa_credential_spec {
        let path = path.child("gmsaCredentialSpec");
        if spec.is_empty() {
            errors.invalid(&path, spec, "gmsaCredentialSpec cannot be an empty string");
        } else if spec.len() > 64 * 1024 {
            errors.invalid(&path, spec, "gmsaCredentialSpec size must be under 64 KiB");
        }
    }
    if let Some(user) = &options.run_as_user_name {
        let path = path.child("runAsUserName");
        if user.is_empty() {
            errors.invalid(&path, user, "runAsUserName cannot be an empty string");
        } else if user.chars().any(char::is_control) {
            errors.invalid(&path, user, "runAsUserName cannot contain control characters");
        } else if user.matches('\\').count() > 1 {
            errors.invalid(&path, user, "runAsUserName cannot contain more than one backslash");
        } else {
            windows_user(errors, user, &path);
        }
    }
}

/// All of a Windows pod's containers are processes of its host, or none.
pub fn host_process(errors: &mut Errors, spec: &PodSpec, path: &Path) {
    let of_pod = spec.security_context.as_ref().and_then(|context| context.windows_options.as_ref());
    let of_pod = of_pod.and_then(|options| options.host_process);
    let (mut all, mut on_host) = (0, 0);
    each_container(spec, |list, index, container| {
        all += 1;
        let own = container.security_context.as_ref().and_then(|context| context.windows_options.as_ref());
        let own = own.and_then(|options| options.host_process);
        if let (Some(of_pod), Some(own)) = (of_pod, own)
            && of_pod != own
        {
            let list = path.child(list);
            let why = format!("pod hostProcess value must be identical if both are specified, was {of_pod}");
            errors.invalid(&list.index(index).child("securityContext.windowsOptions.hostProcess"), &own, &why);
        }
        on_host += usize::from(own.or(of_pod) == Some(true));
    });
    if on_host == 0 {
        return;
    }
    if on_host != all {
        let why = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        errors.invalid(path, "", why);
    }
    if spec.host_network != Some(true) {
        let why = "hostNetwork must be true if pod contains any hostProcess containers";
        errors.invalid(&path.child("hostNetwork"), &false, why);
    }
}

/// `USER` or `DOMAIN\USER`.
fn windows_user(errors: &mut Errors, name: &str, path: &Path) {
    let (domain, user) = name.split_once('\\').map_or((None, name), |(domain, user)| (Some(domain), user));
    if domain.is_some_and(|domain| domain.len() >= 256) {
        errors.invalid(path, name, "runAsUserName's Domain length must be under 256 characters");
    }
    let net_bios = |domain: &str| {
        (1..=15).contains(&domain.chars().count())
            && !domain.starts_with('.')
            && !domain.contains(['\\', '/', ':', '*', '?', '"', '<', '>', '|'])
    };
    let dns = |domain: &str| {
        domain.split('.').all(|label| {
            let ends = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
            label.len() <= 63
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && ends(label.chars().next())
                && ends(label.chars().last())
        })
    };
    if domain.is_some_and(|domain| !net_bios(domain) && !dns(domain)) {
        errors.invalid(path, name, "runAsUserName's Domain doesn't match the NetBios nor the DNS format");
    }
    if user.is_empty() {
        errors.invalid(path, name, "runAsUserName's User cannot be empty");
    } else if user.len() > 104 {
        errors.invalid(path, name, "runAsUserName's User length must not be longer than 104 characters");
    }
    if !user.is_empty() && user.chars().all(|letter| matches!(letter, '.' | ' ')) {
        errors.invalid(path, name, "runAsUserName's User cannot contain only periods or spaces");
    }
    const BAD: &str = "\"/\\:;|=,+*?<>@[]";
    if user.contains(|letter| BAD.contains(letter)) {
        let why = "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]";
        errors.invalid(path, name, why);
    }
}

pub fn pod(errors: &mut Errors, spec: &PodSpec, path: &Path) {
    let Some(context) = &spec.security_context else { return };
    id(errors, context.fs_group, &path.child("fsGroup"));
    id(errors, context.run_as_user, &path.child("runAsUser"));
    id(errors, context.run_as_group, &path.child("runAsGroup"));
    for (index, group) in context.supplemental_groups.iter().flatten().enumerate() {
        id(errors, Some(*group), &path.child("supplementalGroups").index(index));
    }
    if spec.share_process_namespace == Some(true) && spec.host_pid == Some(true) {
        let why = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.invalid(&path.child("shareProcessNamespace"), &true, why);
    }
    sysctls(errors, spec, context, &path.child("sysctls"));
    if let Some(policy) = &context.fs_group_change_policy
        && policy != "OnRootMismatch"
        && policy != "Always"
    {
        errors.not_supported(&path.child("fsGroupChangePolicy"), policy, &["Always", "OnRootMismatch"]);
    }
    seccomp(errors, context.seccomp_profile.as_ref(), &path.child("seccompProfile"));
    windows_options(errors, context.windows_options.as_ref(), &path.child("windowsOptions"));
    app_armor(errors, context.app_armor_profile.as_ref(), &path.child("appArmorProfile"));
    if let Some(policy) = &context.supplemental_groups_policy
        && policy != "Merge"
        && policy != "Strict"
    {
        errors.not_supported(&path.child("supplementalGroupsPolicy"), policy, &["Merge", "Strict"]);
    }
    if let Some(policy) = &context.se_linux_change_policy
        && policy != "Recursive"
    {
        errors.not_supported(&path.child("seLinuxChangePolicy"), policy, &["Recursive"]);
    }
}

fn sysctls(errors: &mut Errors, spec: &PodSpec, context: &PodSecurityContext, path: &Path) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, sysctl) in context.sysctls.iter().flatten().enumerate() {
        let item = path.index(index);
        let (path, name) = (item.child("name"), sysctl.name.as_str());
        if name.is_empty() {
            errors.required(&path, "");
        } else if !is_sysctl(name) {
            let why = r"must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            errors.invalid(&path, name, why);
        } else if seen.contains(&name) {
            errors.duplicate(&path, name);
        }
        if !errors.options.wrong_sysctls {
            host_sysctl(errors, spec, name, &path);
        }
        seen.push(name);
    }
}

/// Kernel parameters of namespaces that the pod shares with its node.
pub(super) fn host_sysctls(errors: &mut Errors, spec: &PodSpec, path: &Path) {
    let context = spec.security_context.iter();
    for sysctl in context.flat_map(|context| context.sysctls.iter().flatten()) {
        host_sysctl(errors, spec, &sysctl.name, path);
    }
}

fn host_sysctl(errors: &mut Errors, spec: &PodSpec, name: &str, path: &Path) {
    let dotted = name.replace('/', ".");
    if spec.host_network == Some(true) && dotted.starts_with("net.") {
        errors.invalid(path, name, "may not be specified when 'hostNetwork' is true");
    } else if spec.host_ipc == Some(true)
        && (dotted.starts_with("kernel.shm")
            || dotted.starts_with("kernel.msg")
            || dotted == "kernel.sem"
            || dotted.starts_with("fs.mqueue."))
    {
        errors.invalid(path, name, "may not be specified when 'hostIPC' is true");
    }
}

fn is_sysctl(name: &str) -> bool {
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let part = |part: &str| {
        part.bytes().all(|b| lower(b) || b == b'-' || b == b'_')
            && part.bytes().next().is_some_and(lower)
            && part.bytes().next_back().is_some_and(lower)
    };
    name.len() <= 253 && name.split(['.', '/']).all(part)
}
