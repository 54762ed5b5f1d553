//! Debugging profiles: what they change in the pod that is sent. Source: kubectl `pkg/cmd/debug/profiles.go`.

use serde_json::{Value, json};

use super::{LISTS, Style, drop_key, position, push};
use crate::kubectl::{Args, Failure, fail};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Legacy,
    General,
    Baseline,
    Restricted,
    NetAdmin,
    SysAdmin,
}

pub(super) struct Profile<'a> {
    name: Name,
    /// With what a copy keeps of the pod: `--keep-…`.
    args: &'a Args,
}

impl<'a> Profile<'a> {
    pub(super) fn named(name: &str, args: &'a Args) -> Result<Profile<'a>, Failure> {
        let name = match name {
            "legacy" => Name::Legacy,
            "general" => Name::General,
            "baseline" => Name::Baseline,
            "restricted" => Name::Restricted,
            "netadmin" => Name::NetAdmin,
            "sysadmin" => Name::SysAdmin,
            other => return fail(format!("unknown profile: {other}")),
        };
        Ok(Profile { name, args })
    }

    pub(super) fn apply(&self, pod: &mut Value, container: &str, style: Style) {
        if self.name == Name::Legacy {
            match style {
                Style::Node => {
                    mount_root(pod, container);
                    host_namespaces(pod);
                }
                Style::Copy => drop_key(&mut pod["metadata"], "labels"),
                Style::Ephemeral => {}
            }
            return;
        }
        let clears = match self.name {
            Name::Baseline | Name::Restricted => true,
            Name::General => style == Style::Node,
            _ => false,
        };
        if clears && let Some(context) = find(pod, container) {
            drop_key(context, "securityContext");
        }
        match (self.name, style) {
            (Name::General, Style::Node) => {}
            (Name::General, _) => add_capabilities(pod, container, &["SYS_PTRACE"]),
            (Name::NetAdmin, _) => add_capabilities(pod, container, &["NET_ADMIN", "NET_RAW"]),
            (Name::SysAdmin, _) => set(pod, container, "privileged", json!(true)),
            (Name::Restricted, _) => {
                set(pod, container, "runAsNonRoot", json!(true));
                set(pod, container, "capabilities", json!({"drop": ["ALL"]}));
                set(pod, container, "allowPrivilegeEscalation", json!(false));
                set(pod, container, "seccompProfile", json!({"type": "RuntimeDefault"}));
            }
            _ => {}
        }
        match style {
            Style::Node => {
                if matches!(self.name, Name::General | Name::SysAdmin) {
                    mount_root(pod, container);
                }
                if matches!(self.name, Name::General | Name::NetAdmin | Name::SysAdmin) {
                    host_namespaces(pod);
                }
            }
            Style::Copy => {
                self.strip(pod);
                if pod["spec"].get("shareProcessNamespace").is_none_or(Value::is_null) {
                    pod["spec"]["shareProcessNamespace"] = true.into();
                }
            }
            Style::Ephemeral => {}
        }
    }

    /// A copy doesn't serve: it has no labels and no probes, unless they are to be kept.
    fn strip(&self, pod: &mut Value) {
        for key in ["labels", "annotations"] {
            if !self.args.on(&format!("keep-{key}")) {
                drop_key(&mut pod["metadata"], key);
            }
        }
        for container in pod["spec"]["containers"].as_array_mut().into_iter().flatten() {
            for probe in ["liveness", "readiness", "startup"] {
                if !self.args.on(&format!("keep-{probe}")) {
                    drop_key(container, &format!("{probe}Probe"));
                }
            }
        }
        if self.args.get("keep-init-containers").is_some_and(|keep| keep == "false") {
            drop_key(&mut pod["spec"], "initContainers");
        }
    }
}

fn find<'p>(pod: &'p mut Value, name: &str) -> Option<&'p mut Value> {
    let spec = &mut pod["spec"];
    let (list, at) = LISTS.iter().find_map(|list| Some((*list, position(spec, list, name)?)))?;
    spec[list].get_mut(at)
}

fn context<'p>(pod: &'p mut Value, name: &str) -> Option<&'p mut Value> {
    let container = find(pod, name)?;
    if !container["securityContext"].is_object() {
        container["securityContext"] = json!({});
    }
    container.get_mut("securityContext")
}

fn set(pod: &mut Value, container: &str, key: &str, value: Value) {
    if let Some(context) = context(pod, container) {
        context[key] = value;
    }
}

fn add_capabilities(pod: &mut Value, container: &str, names: &[&str]) {
    let Some(context) = context(pod, container) else { return };
    if !context["capabilities"].is_object() {
        context["capabilities"] = json!({});
    }
    let all = &mut context["capabilities"]["add"];
    if !all.is_array() {
        *all = json!([]);
    }
    if let Some(all) = all.as_array_mut() {
        all.extend(names.iter().map(|name| Value::from(*name)));
    }
}

/// The node's files at /host.
fn mount_root(pod: &mut Value, container: &str) {
    const NAME: &str = "host-root";
    push(&mut pod["spec"], "volumes", json!({"name": NAME, "hostPath": {"path": "/"}}));
    if let Some(container) = find(pod, container) {
        push(container, "volumeMounts", json!({"name": NAME, "mountPath": "/host"}));
    }
}

fn host_namespaces(pod: &mut Value) {
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        pod["spec"][key] = true.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles() {
        let args = Args::default();
        let at = |pod: &Value, path: &str| pod.pointer(path).map_or("-".to_string(), Value::to_string);
        let table = [
            ("legacy", "{}", "{\"capabilities\":{\"add\":[\"KILL\"]}}", "-", "true", "1"),
            (
                "general",
                "{\"capabilities\":{\"add\":[\"SYS_PTRACE\"]}}",
                "{\"capabilities\":{\"add\":[\"KILL\",\"SYS_PTRACE\"]}}",
                "true",
                "true",
                "1",
            ),
            ("baseline", "-", "-", "true", "-", "0"),
            ("restricted", RESTRICTED, RESTRICTED, "true", "-", "0"),
            (
                "netadmin",
                "{\"capabilities\":{\"add\":[\"NET_ADMIN\",\"NET_RAW\"]}}",
                "{\"capabilities\":{\"add\":[\"KILL\",\"NET_ADMIN\",\"NET_RAW\"]}}",
                "true",
                "true",
                "0",
            ),
            (
                "sysadmin",
                "{\"privileged\":true}",
                "{\"capabilities\":{\"add\":[\"KILL\"]},\"privileged\":true}",
                "true",
                "true",
                "1",
            ),
        ];
        for (name, ephemeral, copy, shared, host, mounts) in table {
            let Ok(profile) = Profile::named(name, &args) else { panic!("{name}") };
            let mut pod =
                json!({"metadata": {}, "spec": {"ephemeralContainers": [{"name": "d", "securityContext": {}}]}});
            profile.apply(&mut pod, "d", Style::Ephemeral);
            assert_eq!(at(&pod, "/spec/ephemeralContainers/0/securityContext"), ephemeral, "{name}");
            let own = json!({"name": "d", "livenessProbe": {}, "securityContext": {"capabilities": {"add": ["KILL"]}}});
            let mut pod = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [own]}});
            profile.apply(&mut pod, "d", Style::Copy);
            assert_eq!(at(&pod, "/spec/containers/0/securityContext"), copy, "{name}");
            assert_eq!(at(&pod, "/spec/shareProcessNamespace"), shared, "{name}");
            assert_eq!(at(&pod, "/metadata/labels"), "-", "{name}");
            let mut pod = json!({"metadata": {}, "spec": {"containers": [{"name": "d"}]}});
            profile.apply(&mut pod, "d", Style::Node);
            assert_eq!(at(&pod, "/spec/hostPID"), host, "{name}");
            let count = pod["spec"]["volumes"].as_array().map_or(0, Vec::len);
            assert_eq!(count.to_string(), mounts, "{name}");
        }
    }

    const RESTRICTED: &str = "{\"allowPrivilegeEscalation\":false,\"capabilities\":{\"drop\":[\"ALL\"]},\
                              \"runAsNonRoot\":true,\"seccompProfile\":{\"type\":\"RuntimeDefault\"}}";
}
