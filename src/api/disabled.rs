//! Fields of features that are off: a write loses them, unless the stored object has them (`dropDisabledFields`).

use serde_json::Value;

use super::pod::{Container, Pod, PodSpec};

/// Takes out of a new or changed pod what its cluster doesn't have.
pub fn drop_fields(pod: &mut Pod, old: Option<&Pod>) {
    let before = old.and_then(|old| old.spec.as_deref());
    if let Some(spec) = pod.spec.as_deref_mut() {
        drop_spec_fields(spec, before);
    }
}

/// The same of a pod's spec, or of a template's.
pub fn drop_spec_fields(spec: &mut PodSpec, before: Option<&PodSpec>) {
    if before.is_none_or(|old| old.scheduling_group.is_none()) {
        spec.scheduling_group = None;
    }
    let in_use = |of: fn(&k8s_openapi::api::core::v1::VolumeProjection) -> bool| {
        before.is_some_and(|old| projections(old).any(of))
    };
    let bundles = in_use(|source| source.cluster_trust_bundle.is_some());
    let certificates = in_use(|source| source.pod_certificate.is_some());
    if projections(spec).any(|source| source.cluster_trust_bundle.is_some() || source.pod_certificate.is_some()) {
        let projected = spec.volumes.iter_mut().flatten().filter_map(|volume| volume.projected.as_mut());
        for source in projected.flat_map(|projected| projected.sources.iter_mut().flatten()) {
            if !bundles {
                source.cluster_trust_bundle = None;
            }
            if !certificates {
                source.pod_certificate = None;
            }
        }
    }
    let stops = |container: &Container| container.lifecycle.as_ref().is_some_and(|l| l.stop_signal.is_some());
    let all = |spec: &PodSpec| spec.containers.iter().chain(spec.init_containers.iter().flatten()).any(stops);
    if !all(spec) || before.is_some_and(all) {
        return;
    }
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        if let Some(lifecycle) = &mut container.lifecycle {
            lifecycle.stop_signal = None;
            if *lifecycle == Default::default() {
                container.lifecycle = None;
            }
        }
    }
}

/// The same of a new template that is kept as a value.
pub fn drop_template_fields(spec: &mut Value) {
    let Some(spec) = spec.as_object_mut() else { return };
    spec.remove("schedulingGroup");
    let volumes = spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten();
    let sources = volumes.filter_map(|volume| volume.pointer_mut("/projected/sources")?.as_array_mut()).flatten();
    for source in sources.filter_map(Value::as_object_mut) {
        source.remove("clusterTrustBundle");
        source.remove("podCertificate");
    }
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(lifecycle) = container.get_mut("lifecycle").and_then(Value::as_object_mut) else { continue };
            lifecycle.remove("stopSignal");
        }
    }
}

fn projections(spec: &PodSpec) -> impl Iterator<Item = &k8s_openapi::api::core::v1::VolumeProjection> {
    let projected = spec.volumes.iter().flatten().filter_map(|volume| volume.projected.as_ref());
    projected.flat_map(|projected| projected.sources.iter().flatten())
}
