//! Changes of pods.

use k8s_openapi::api::core::v1::{ContainerStatus, NodeAffinity, NodeSelectorTerm};
use serde_json::json;

use super::{METADATA, meta, names_of_gates, pod as pods, scheduling, text};
use crate::api::{
    Container, Pod, PodSpec,
    field::{Errors, Path},
    internal, names, restart,
};

const SPEC: Path<'static> = Path::root("spec");

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub fn pod(errors: &mut Errors, new: &Pod, old: &Pod) {
    meta::object_meta_update(errors, &new.metadata, &old.metadata, &METADATA);
    pods::metadata_and_spec(errors, new);
    annotations(errors, new, old);
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return };
    if !images(errors, &new.containers, &old.containers, &SPEC.child("containers")) {
        return;
    }
    let init = |spec: &PodSpec| spec.init_containers.clone().unwrap_or_default();
    if !images(errors, &init(new), &init(old), &SPEC.child("initContainers")) {
        return;
    }
    let deadline = SPEC.child("activeDeadlineSeconds");
    match (new.active_deadline_seconds, old.active_deadline_seconds) {
        (Some(seconds), _) if !(0..=i64::from(i32::MAX)).contains(&seconds) => {
            errors.invalid_each(&deadline, &seconds, names::in_range(seconds, 0, i64::from(i32::MAX)));
            return;
        }
        (Some(seconds), Some(before)) if before < seconds => {
            errors.invalid(&deadline, &seconds, "must be less than or equal to previous value");
            return;
        }
        (None, Some(_)) => {
            let why = "must not update from a positive integer to nil value";
            errors.invalid(&deadline, &serde_json::Value::Null, why);
        }
        _ => {}
    }
    tolerations(errors, new, old);
    gates(errors, new, old);
    if new == old {
        return;
    }
    let masked = masked(errors, new, old);
    if masked != **old {
        let diff = internal::diff(old, &masked);
        errors.forbidden(&SPEC, &format!("pod updates may not change fields other than {UPDATABLE}\n{diff}"));
    }
}

/// Annotations that stay as they were made.
fn annotations(errors: &mut Errors, new: &Pod, old: &Pod) {
    let path = METADATA.child("annotations");
    let of = |pod: &Pod| pod.metadata.annotations.clone().unwrap_or_default();
    let (now, before) = (of(new), of(old));
    let mut refuse = |key: &str, doing: &str| {
        if key.starts_with("container.apparmor.security.beta.kubernetes.io/") {
            errors.forbidden(&path.key(key), &format!("may not {doing} AppArmor annotations"));
        }
        if key == "kubernetes.io/config.mirror" {
            errors.forbidden(&path.key(key), &format!("may not {doing} mirror pod annotation"));
        }
    };
    before
        .iter()
        .filter(|(key, value)| now.get(*key) != Some(*value))
        .for_each(|(key, _)| refuse(key, "remove or update"));
    now.keys().filter(|key| !before.contains_key(*key)).for_each(|key| refuse(key, "add"));
    if let Some(spec) = &new.spec {
        pods::annotations(errors, new, spec, &path);
    }
}

/// Whether the lists can be compared further.
fn images(errors: &mut Errors, new: &[Container], old: &[Container], path: &Path) -> bool {
    if new.len() != old.len() {
        errors.forbidden(path, "pod updates may not add or remove containers");
        return false;
    }
    for (index, container) in new.iter().enumerate() {
        let image = text(&container.image);
        let path = path.index(index);
        if image.is_empty() {
            errors.required(&path.child("image"), "");
        }
        if image.trim() != image {
            errors.invalid(&path.child("image"), image, "must not have leading or trailing whitespace");
        }
    }
    true
}

fn tolerations(errors: &mut Errors, new: &PodSpec, old: &PodSpec) {
    let path = SPEC.child("tolerations");
    let now = new.tolerations.as_deref().unwrap_or_default();
    for before in old.tolerations.iter().flatten() {
        let kept = now.iter().any(|toleration| {
            let mut before = before.clone();
            before.toleration_seconds = toleration.toleration_seconds;
            before == *toleration
        });
        if !kept {
            let why = "existing toleration can not be modified except its tolerationSeconds";
            return errors.forbidden(&path, why);
        }
    }
    scheduling::tolerations(errors, now, &path);
}

fn gates(errors: &mut Errors, new: &PodSpec, old: &PodSpec) {
    let before = names_of_gates(old);
    let path = SPEC.child("schedulingGates");
    for (index, gate) in names_of_gates(new).iter().enumerate().filter(|(_, gate)| !before.contains(gate)) {
        let why = format!("only deletion is allowed, but found new scheduling gate '{gate}'");
        errors.forbidden(&path.index(index).child("name"), &why);
    }
}

/// The new spec with all allowed changes undone.
fn masked(errors: &mut Errors, new: &PodSpec, old: &PodSpec) -> PodSpec {
    let mut spec = new.clone();
    let images = |new: &mut [Container], old: &[Container]| {
        for (new, old) in new.iter_mut().zip(old) {
            new.image.clone_from(&old.image);
        }
    };
    images(&mut spec.containers, &old.containers);
    images(spec.init_containers.as_deref_mut().unwrap_or_default(), old.init_containers.as_deref().unwrap_or_default());
    spec.active_deadline_seconds = old.active_deadline_seconds;
    spec.scheduling_gates.clone_from(&old.scheduling_gates);
    spec.tolerations.clone_from(&old.tolerations);
    let shortened = old.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0);
    if shortened && spec.termination_grace_period_seconds == Some(1) {
        spec.termination_grace_period_seconds = old.termination_grace_period_seconds;
    }
    if names_of_gates(old).is_empty() {
        return spec;
    }
    let selector = |spec: &PodSpec| spec.node_selector.clone().unwrap_or_default();
    let (now, before) = (selector(&spec), selector(old));
    if now != before {
        if before.iter().any(|(key, value)| now.get(key) != Some(value)) {
            let why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
            errors.invalid(&SPEC.child("nodeSelector"), &json!(now), why);
        }
        spec.node_selector.clone_from(&old.node_selector);
    }
    let affinity = |spec: &PodSpec| spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.clone());
    let (now, before) = (affinity(&spec), affinity(old));
    if now != before {
        node_affinity(errors, now.as_ref(), before.as_ref());
        match &mut spec.affinity {
            None => {
                spec.affinity = before.map(|node| k8s_openapi::api::core::v1::Affinity {
                    node_affinity: Some(node),
                    ..Default::default()
                })
            }
            Some(own) if old.affinity.is_none() && own.pod_affinity.is_none() && own.pod_anti_affinity.is_none() => {
                spec.affinity = None;
            }
            Some(own) => own.node_affinity = before,
        }
    }
    spec
}

fn node_affinity(errors: &mut Errors, new: Option<&NodeAffinity>, old: Option<&NodeAffinity>) {
    let terms = |affinity: Option<&NodeAffinity>| -> Vec<NodeSelectorTerm> {
        let required = affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.clone());
        required.map(|selector| selector.node_selector_terms).unwrap_or_default()
    };
    let path = SPEC.child("affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms");
    let (now, before) = (terms(new), terms(old));
    if before.is_empty() {
        return;
    }
    if now.len() != before.len() {
        let why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        return errors.invalid(&path, &internal::shown("core.NodeSelectorTerm", &json!(now)), why);
    }
    for (index, (now, before)) in now.iter().zip(&before).enumerate() {
        let starts = |now: &Option<Vec<_>>, before: &Option<Vec<_>>| {
            now.as_deref().unwrap_or_default().starts_with(before.as_deref().unwrap_or_default())
        };
        let was_empty = before.match_expressions.as_ref().is_none_or(Vec::is_empty)
            && before.match_fields.as_ref().is_none_or(Vec::is_empty);
        let only_added = starts(&now.match_expressions, &before.match_expressions)
            && starts(&now.match_fields, &before.match_fields)
            && !(was_empty && now != before);
        if !only_added {
            let why = "only additions are allowed (no mutations or deletions)";
            errors.invalid(&path.index(index), &internal::shown("core.NodeSelectorTerm", &json!(now)), why);
        }
    }
}

/// The kubelet's and the scheduler's word on a pod.
pub fn pod_status(errors: &mut Errors, new: &Pod, old: &Pod) {
    meta::object_meta_update(errors, &new.metadata, &old.metadata, &METADATA);
    let path = Path::root("status");
    let nominated = new.status.as_ref().map(|status| text(&status.nominated_node_name)).unwrap_or_default();
    if !nominated.is_empty() {
        errors.invalid_each(&path.child("nominatedNodeName"), nominated, names::dns1123_subdomain(nominated));
    }
    let (Some(now), Some(before), Some(spec)) = (&new.status, &old.status, &old.spec) else { return };
    let init = spec.init_containers.as_deref().unwrap_or_default();
    for (name, now, before, of) in [
        ("containerStatuses", &now.container_statuses, &before.container_statuses, spec.containers.as_slice()),
        ("initContainerStatuses", &now.init_container_statuses, &before.init_container_statuses, init),
    ] {
        let (now, before) = (now.as_deref().unwrap_or_default(), before.as_deref().unwrap_or_default());
        state_transitions(errors, now, before, of, spec, &path.child(name));
    }
}

/// What has terminated comes back only where the spec lets it be started again.
pub fn state_transitions(
    errors: &mut Errors,
    new: &[ContainerStatus],
    old: &[ContainerStatus],
    containers: &[Container],
    spec: &PodSpec,
    path: &Path,
) {
    if restart::may_restart_all(spec) {
        return;
    }
    let terminated = |status: &ContainerStatus| status.state.as_ref().and_then(|state| state.terminated.clone());
    for (index, before) in old.iter().enumerate() {
        let Some(ended) = terminated(before) else { continue };
        if !new.iter().any(|now| now.name == before.name && terminated(now).is_none()) {
            continue;
        }
        let container = containers.iter().find(|container| container.name == before.name);
        if !container.is_some_and(|container| restart::restarts_after(container, spec, ended.exit_code)) {
            errors.forbidden(&path.index(index).child("state"), "may not be transitioned to non-terminated state");
        }
    }
}

pub fn ephemeral_containers(errors: &mut Errors, new: &Pod, old: &Pod) {
    meta::object_meta_update(errors, &new.metadata, &old.metadata, &METADATA);
    pods::metadata_and_spec(errors, new);
    let path = SPEC.child("ephemeralContainers");
    let list = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.ephemeral_containers.clone()).unwrap_or_default();
    let now = list(new);
    for before in list(old) {
        match now.iter().find(|container| container.name == before.name) {
            None => {
                let why = format!("existing ephemeral containers \"{}\" may not be removed\n", before.name);
                errors.forbidden(&path, &why);
            }
            Some(container) if *container != before => {
                let why = format!("existing ephemeral containers \"{}\" may not be changed\n", before.name);
                errors.forbidden(&path, &why);
            }
            Some(_) => {}
        }
    }
}

/// `resize`: only cpu and memory of containers may change.
pub fn resize(errors: &mut Errors, new: &Pod, old: &Pod) {
    meta::object_meta_update(errors, &new.metadata, &old.metadata, &METADATA);
    pods::metadata_and_spec(errors, new);
    let (Some(new), Some(old)) = (&new.spec, &old.spec) else { return };
    let mut masked = new.clone();
    for (new, old) in masked.containers.iter_mut().zip(&old.containers) {
        new.resources.clone_from(&old.resources);
        new.resize_policy.clone_from(&old.resize_policy);
    }
    let init = masked.init_containers.as_deref_mut().unwrap_or_default();
    for (new, old) in init.iter_mut().zip(old.init_containers.iter().flatten()) {
        if new.restart_policy.as_deref() == Some("Always") {
            new.resources.clone_from(&old.resources);
            new.resize_policy.clone_from(&old.resize_policy);
        }
    }
    if masked != *old {
        let diff = internal::diff(old, &masked);
        errors.forbidden(&SPEC, &format!("only cpu and memory resources are mutable\n{diff}"));
    }
}
