//! Pod Security admission (`k8s.io/pod-security-admission`): what a namespace's labels let its pods do.
//!
//! A namespace without such labels is privileged and costs one look at its labels. Audit labels are
//! read for their errors alone: there is no audit log. Nothing is exempt.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Bound,
};

use k8s_openapi::api::core::v1::Namespace;

use super::{
    ApiServer,
    pod_security_checks::{self as checks, Violation},
    select::Selection,
};
use crate::api::{Error, Kind, Object, Pod, Result, client::Subresource, error::Cause};

const PREFIX: &str = "pod-security.kubernetes.io/";

/// Of a namespace's pods so many are looked at when its level changes.
const MOST_PODS: usize = 3000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Privileged,
    Baseline,
    Restricted,
}

/// The minor version of the rules (`v1.N`), or the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Minor(u32),
    Latest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub level: Level,
    pub version: Version,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.level {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        })?;
        match self.version {
            Version::Minor(minor) => write!(f, ":v1.{minor}"),
            Version::Latest => f.write_str(":latest"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Policies {
    enforce: Policy,
    warn: Policy,
}

fn level(text: &str) -> Option<Level> {
    match text {
        "privileged" => Some(Level::Privileged),
        "baseline" => Some(Level::Baseline),
        "restricted" => Some(Level::Restricted),
        _ => None,
    }
}

fn version(text: &str) -> Option<Version> {
    if text == "latest" {
        return Some(Version::Latest);
    }
    let minor = text.strip_prefix("v1.")?;
    let plain = minor.bytes().all(|b| b.is_ascii_digit()) && (minor == "0" || !minor.starts_with('0'));
    minor.parse().ok().filter(|_| plain).map(Version::Minor)
}

/// What the labels say, and what is wrong with them. A wrong level is enforced as the strictest.
fn policies(labels: Option<&BTreeMap<String, String>>) -> (Policies, Vec<Cause>) {
    let free = Policy { level: Level::Privileged, version: Version::Latest };
    let mut policies = Policies { enforce: free, warn: free };
    let mut causes = Vec::new();
    let Some(labels) = labels.filter(|labels| labelled(labels)) else { return (policies, causes) };
    let mut refuse = |key: &str, value: &str, why: &str| {
        causes.push(Cause {
            reason: "FieldValueInvalid".into(),
            message: format!("Invalid value: {}: {why}", crate::api::field::quoted(value)),
            field: format!("metadata.labels[{key}]"),
        });
    };
    let mut read = |mode: &str, wrong: Level| {
        let (key, version_key) = (format!("{PREFIX}{mode}"), format!("{PREFIX}{mode}-version"));
        let given = labels.get(&key).map(|text| {
            level(text).ok_or_else(|| refuse(&key, text, "must be one of privileged, baseline, restricted"))
        });
        let given_version = labels.get(&version_key).map(|text| {
            version(text).unwrap_or_else(|| {
                refuse(&version_key, text, "must be \"latest\" or \"v1.x\"");
                Version::Latest
            })
        });
        let policy = Policy {
            level: given.map_or(Level::Privileged, |given| given.unwrap_or(wrong)),
            version: given_version.unwrap_or(Version::Latest),
        };
        (policy, given, given_version)
    };
    let (enforce, enforced, _) = read("enforce", Level::Restricted);
    read("audit", Level::Privileged);
    let (mut warn, warned, warn_version) = read("warn", Level::Privileged);
    // What is enforced is also warned of, so that whoever writes a workload hears of it.
    if warned.is_none() && matches!(enforced, Some(Ok(_))) && enforce.level > warn.level {
        warn = Policy { level: enforce.level, version: warn_version.unwrap_or(enforce.version) };
    }
    policies = Policies { enforce, warn };
    (policies, causes)
}

fn labelled(labels: &BTreeMap<String, String>) -> bool {
    labels
        .range::<str, _>((Bound::Included(PREFIX), Bound::Unbounded))
        .next()
        .is_some_and(|(key, _)| key.starts_with(PREFIX))
}

fn reasons(violations: &[Violation]) -> String {
    violations.iter().map(|v| v.reason.as_str()).collect::<Vec<_>>().join(", ")
}

fn details(violations: &[Violation]) -> String {
    violations.iter().map(|v| format!("{} ({})", v.reason, v.detail)).collect::<Vec<_>>().join(", ")
}

/// The template of what makes pods.
fn template(object: &Object) -> Option<Pod> {
    let Object::Other(other) = object else { return None };
    let path: &[&str] = match other.kind {
        Kind::PodTemplate => &["template"],
        Kind::CronJob => &["spec", "jobTemplate", "spec", "template"],
        Kind::DaemonSet
        | Kind::Deployment
        | Kind::Job
        | Kind::ReplicaSet
        | Kind::ReplicationController
        | Kind::StatefulSet => &["spec", "template"],
        _ => return None,
    };
    let mut value = other.content.get(*path.first()?)?;
    for name in &path[1..] {
        value = value.get(name)?;
    }
    serde_json::from_value(value.clone()).ok()
}

/// An update of a pod that its namespace's policy has a say in.
fn significant(old: &Pod, new: &Pod) -> bool {
    let (Some(old), Some(new)) = (&old.spec, &new.spec) else { return true };
    let images = |list: Option<&Vec<_>>| {
        let list: Option<&Vec<crate::api::Container>> = list;
        list.into_iter().flatten().map(|c| c.image.clone()).collect::<Vec<_>>()
    };
    images(Some(&old.containers)) != images(Some(&new.containers))
        || images(old.init_containers.as_ref()) != images(new.init_containers.as_ref())
        || new.ephemeral_containers.iter().flatten().any(|c| {
            let was = old.ephemeral_containers.iter().flatten().find(|was| was.name == c.name);
            was.is_none_or(|was| was.image != c.image)
        })
}

impl ApiServer {
    /// Refuses what the namespace's policy forbids; the warnings on the rest.
    pub(super) fn pod_security_create(&self, object: &Object) -> Result<Vec<String>> {
        if let Object::Namespace(namespace) = object {
            let (_, causes) = policies(namespace.metadata.labels.as_ref());
            return if causes.is_empty() {
                Ok(Vec::new())
            } else {
                Err(Error::invalid(Kind::Namespace, object.name(), causes))
            };
        }
        self.pod_security(object)
    }

    pub(super) fn pod_security_update(
        &self,
        old: &Object,
        new: &Object,
        subresource: Subresource,
    ) -> Result<Vec<String>> {
        match (old, new) {
            (Object::Pod(old), Object::Pod(pod)) if subresource != Subresource::Status && significant(old, pod) => {
                self.pod_security(new)
            }
            (Object::Namespace(was), Object::Namespace(is)) if subresource == Subresource::None => {
                self.policy_changed(was, is)
            }
            (Object::Other(_), _) if subresource == Subresource::None => self.pod_security(new),
            _ => Ok(Vec::new()),
        }
    }

    fn pod_security(&self, object: &Object) -> Result<Vec<String>> {
        if !object.kind().namespaced() {
            return Ok(Vec::new());
        }
        let policies = match self.store.borrow().get(Kind::Namespace, "", object.namespace()) {
            Some(namespace) if namespace.meta().labels.as_ref().is_some_and(labelled) => {
                policies(namespace.meta().labels.as_ref()).0
            }
            _ => return Ok(Vec::new()),
        };
        let violations = if let Object::Pod(pod) = object {
            let Some(spec) = &pod.spec else { return Ok(Vec::new()) };
            let annotations = pod.metadata.annotations.as_ref();
            let enforced = checks::violations(policies.enforce, annotations, spec);
            if !enforced.is_empty() {
                let why = format!("violates PodSecurity \"{}\": {}", policies.enforce, details(&enforced));
                return Err(Error::forbidden(Kind::Pod, object.name(), why));
            }
            checks::violations(policies.warn, annotations, spec)
        } else {
            let Some(template) = template(object) else { return Ok(Vec::new()) };
            let annotations = template.metadata.annotations.as_ref();
            template.spec.as_ref().map(|spec| checks::violations(policies.warn, annotations, spec)).unwrap_or_default()
        };
        let warning = || format!("would violate PodSecurity \"{}\": {}", policies.warn, details(&violations));
        Ok(if violations.is_empty() { Vec::new() } else { vec![warning()] })
    }

    /// A namespace's new level says which of its pods would not be let in.
    fn policy_changed(&self, was: &Namespace, is: &Namespace) -> Result<Vec<String>> {
        if was.metadata.labels == is.metadata.labels {
            return Ok(Vec::new());
        }
        let (old, old_causes) = policies(was.metadata.labels.as_ref());
        let (new, causes) = policies(is.metadata.labels.as_ref());
        let name = is.metadata.name.as_deref().unwrap_or_default();
        if !causes.is_empty() && causes != old_causes {
            return Err(Error::invalid(Kind::Namespace, name, causes));
        }
        let (old, new) = (old.enforce, new.enforce);
        let relaxed = new.version == old.version && new.level <= old.level;
        if new == old || new.level == Level::Privileged || relaxed {
            return Ok(Vec::new());
        }
        Ok(self.violating_pods(name, new))
    }

    fn violating_pods(&self, namespace: &str, policy: Policy) -> Vec<String> {
        let pods = self.store.borrow().list(Kind::Pod, &Selection::of(namespace));
        let (mut first, mut rest, mut owners) = (Vec::new(), Vec::new(), BTreeSet::new());
        for pod in pods.iter().filter_map(|object| object.as_::<Pod>()) {
            // Of the pods of one controller one is looked at before the others.
            let owner = pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
            match owner {
                Some(owner) if !owners.insert(owner.uid.clone()) => rest.push(pod),
                _ => first.push(pod),
            }
        }
        first.append(&mut rest);
        let mut warnings = Vec::new();
        if first.len() > MOST_PODS {
            let all = first.len();
            let text = format!(
                "new PodSecurity enforce level only checked against the first {MOST_PODS} of {all} existing pods"
            );
            warnings.push(text);
        }
        let mut found: BTreeMap<String, (&str, usize)> = BTreeMap::new();
        for pod in first.into_iter().take(MOST_PODS) {
            let Some(spec) = &pod.spec else { continue };
            let violations = checks::violations(policy, pod.metadata.annotations.as_ref(), spec);
            if !violations.is_empty() {
                let name = pod.metadata.name.as_deref().unwrap_or_default();
                let entry = found.entry(reasons(&violations)).or_insert((name, 0));
                *entry = (entry.0.min(name), entry.1 + 1);
            }
        }
        if !found.is_empty() {
            warnings.push(format!(
                "existing pods in namespace \"{namespace}\" violate the new PodSecurity enforce level \"{policy}\""
            ));
        }
        let mut lines: Vec<String> = found
            .into_iter()
            .map(|(reasons, (name, count))| match count {
                1 => format!("{name}: {reasons}"),
                2 => format!("{name} (and 1 other pod): {reasons}"),
                _ => format!("{name} (and {} other pods): {reasons}", count - 1),
            })
            .collect();
        lines.sort();
        warnings.append(&mut lines);
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_say_the_policy() {
        // labels, what is enforced, what is warned of, what is wrong
        type Case = (&'static [(&'static str, &'static str)], &'static str, &'static str, &'static [&'static str]);
        let cases: &[Case] = &[
            (&[], "privileged:latest", "privileged:latest", &[]),
            (&[("enforce", "baseline")], "baseline:latest", "baseline:latest", &[]),
            (&[("enforce", "restricted"), ("enforce-version", "v1.24")], "restricted:v1.24", "restricted:v1.24", &[]),
            (&[("enforce", "baseline"), ("warn", "restricted")], "baseline:latest", "restricted:latest", &[]),
            (&[("enforce", "baseline"), ("warn", "privileged")], "baseline:latest", "privileged:latest", &[]),
            (
                &[("enforce", "strict"), ("warn-version", "v1.01")],
                "restricted:latest",
                "privileged:latest",
                &[
                    "metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"strict\": must be one of privileged, baseline, restricted",
                    "metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: \"v1.01\": must be \"latest\" or \"v1.x\"",
                ],
            ),
        ];
        for (labels, enforce, warn, wrong) in cases {
            let labels = labels.iter().map(|(key, value)| (format!("{PREFIX}{key}"), value.to_string())).collect();
            let (policies, causes) = policies(Some(&labels));
            let causes: Vec<String> = causes.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
            assert_eq!(
                (policies.enforce.to_string(), policies.warn.to_string()),
                (enforce.to_string(), warn.to_string())
            );
            assert_eq!(causes, *wrong, "{labels:?}");
        }
    }
}
