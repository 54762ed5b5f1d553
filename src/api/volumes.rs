//! Persistent volumes and claims: what is asked for, what is there, and which volume suits a claim.
//! Sources: `component-helpers/storage/volume`, `pkg/volume/util`.

use std::{borrow::Cow, cmp::Reverse, rc::Rc};

use k8s_openapi::{api::core::v1::NodeSelector, apimachinery::pkg::apis::meta::v1::LabelSelector as ApiSelector};
use serde_json::{Value, json};

use super::{
    Object, Pod, Resource, Volume,
    other::Other,
    quantity::{Format, Quantity},
    selector::LabelSelector,
};

pub const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
pub const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// The node that a pod with this claim was given.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
pub const PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
pub const OLD_PROVISIONER: &str = "volume.beta.kubernetes.io/storage-provisioner";
const OLD_CLASS: &str = "volume.beta.kubernetes.io/storage-class";
/// A class of volumes that somebody makes by hand.
pub const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// Holds a claim while pods use it, a volume while a claim does.
pub const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
pub const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";

/// An annotation; "" if there is none.
pub fn annotation<'a>(object: &'a Other, key: &str) -> &'a str {
    object.metadata.annotations.as_ref().and_then(|all| all.get(key)).map_or("", String::as_str)
}

pub fn annotate(object: &mut Other, key: &str, value: &str) {
    object.metadata.annotations.get_or_insert_default().insert(key.into(), value.into());
}

/// The StorageClass of a claim or a volume; "" if it has none.
pub fn class(object: &Other) -> &str {
    match annotation(object, OLD_CLASS) {
        "" => object.text("spec/storageClassName"),
        class => class,
    }
}

/// The newest StorageClass that is marked as the default; among equals the names decide.
pub fn default_class(classes: &[Object]) -> Option<String> {
    const MARKS: [&str; 2] =
        ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
    let is_default = |class: &&Object| {
        let marks = class.meta().annotations.as_ref();
        marks.is_some_and(|all| MARKS.iter().any(|mark| all.get(*mark).is_some_and(|value| value == "true")))
    };
    let age =
        |class: &&Object| (class.meta().creation_timestamp.as_ref().map(|t| t.0), Reverse(class.name().to_string()));
    classes.iter().filter(is_default).max_by_key(age).map(|class| class.name().to_string())
}

/// Whether claims of this class wait for a pod.
pub fn is_delayed(class: Option<&Other>) -> bool {
    class.is_some_and(|class| class.text("volumeBindingMode") == "WaitForFirstConsumer")
}

/// A claim's volume; "" if it has none.
pub fn volume_of(claim: &Other) -> &str {
    claim.text("spec/volumeName")
}

pub fn is_bound(claim: &Other) -> bool {
    !volume_of(claim).is_empty()
        && claim.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(BIND_COMPLETED))
}

/// Whether a volume is meant for a claim, or has been given to it.
pub fn is_claimed_by(volume: &Other, claim: &Other) -> bool {
    let reference = volume.at("spec/claimRef");
    let uid = reference["uid"].as_str().unwrap_or_default();
    reference["name"].as_str() == claim.metadata.name.as_deref()
        && reference["namespace"].as_str() == claim.metadata.namespace.as_deref()
        && (uid.is_empty() || Some(uid) == claim.metadata.uid.as_deref())
}

/// `spec.claimRef` for a claim.
pub fn reference(claim: &Other) -> Value {
    let meta = &claim.metadata;
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "name": meta.name,
        "namespace": meta.namespace,
        "resourceVersion": meta.resource_version,
        "uid": meta.uid,
    })
}

/// A quantity in JSON; none is 0.
pub fn amount(value: &Value) -> Quantity {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| Quantity::zero(Format::BinarySi))
}

pub fn capacity(volume: &Other) -> Quantity {
    amount(volume.at("spec/capacity/storage"))
}

pub fn request(claim: &Other) -> Quantity {
    amount(claim.at("spec/resources/requests/storage"))
}

/// What a bound claim has.
pub fn given(claim: &Other) -> Quantity {
    amount(claim.at("status/capacity/storage"))
}

fn mode(object: &Other) -> &str {
    match object.text("spec/volumeMode") {
        "" => "Filesystem",
        mode => mode,
    }
}

fn has_modes(volume: &Other, claim: &Other) -> bool {
    let given = volume.at("spec/accessModes").as_array();
    let wanted = claim.at("spec/accessModes").as_array().into_iter().flatten();
    wanted.into_iter().all(|mode| given.is_some_and(|given| given.contains(mode)))
}

/// Why a claim that names a volume can't have it.
pub fn mismatch(volume: &Other, claim: &Other) -> Option<&'static str> {
    if request(claim) > capacity(volume) {
        return Some("requested PV is too small");
    }
    if class(claim) != class(volume) {
        return Some("storageClassName does not match");
    }
    if mode(claim) != mode(volume) {
        return Some("incompatible volumeMode");
    }
    if !has_modes(volume, claim) {
        return Some("incompatible accessMode");
    }
    None
}

/// Where a volume can be used; `None`: everywhere.
pub fn affinity(volume: &Other) -> Option<NodeSelector> {
    serde_json::from_value(volume.at("spec/nodeAffinity/required").clone()).ok()
}

/// The volume for a claim: one that is meant for it, else the smallest that suits. Only `suits` decides about nodes;
/// `only_reserved` leaves out those that aren't meant for it (`FindMatchingVolume`).
pub fn choose<'a>(
    volumes: impl Iterator<Item = &'a Rc<Other>>,
    claim: &Other,
    only_reserved: bool,
    suits: impl Fn(&Other) -> bool,
) -> Option<&'a Rc<Other>> {
    let selector: Option<ApiSelector> = serde_json::from_value(claim.at("spec/selector").clone()).ok();
    let selector = selector.and_then(|selector| LabelSelector::from_api(Some(&selector)).ok());
    let wanted = request(claim);
    let mut smallest: Option<(Quantity, &Rc<Other>)> = None;
    for volume in volumes {
        let size = capacity(volume);
        if mode(claim) != mode(volume) || size < wanted || volume.metadata.deletion_timestamp.is_some() {
            continue;
        }
        if volume.at("spec/claimRef").is_object() {
            if is_claimed_by(volume, claim) && suits(volume) {
                return Some(volume);
            }
            continue;
        }
        if only_reserved
            || volume.text("status/phase") != "Available"
            || selector.as_ref().is_some_and(|selector| !selector.matches(volume.metadata.labels.as_ref()))
            || class(claim) != class(volume)
            || !has_modes(volume, claim)
            || !suits(volume)
        {
            continue;
        }
        if smallest.as_ref().is_none_or(|(least, _)| size < *least) {
            smallest = Some((size, volume));
        }
    }
    smallest.map(|(_, volume)| volume)
}

/// The name of the claim that a volume of a pod uses: one that it names, or one that is made for this pod.
pub fn claim_of<'a>(pod: &Pod, volume: &'a Volume) -> Option<Cow<'a, str>> {
    match &volume.persistent_volume_claim {
        Some(source) => Some(source.claim_name.as_str().into()),
        None if volume.ephemeral.is_some() => Some(format!("{}-{}", pod.name(), volume.name).into()),
        None => None,
    }
}

/// The claims that a pod's volumes use.
pub fn claims(pod: &Pod) -> impl Iterator<Item = (&Volume, Cow<'_, str>)> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| Some((volume, claim_of(pod, volume)?)))
}

/// A claim with the name of one for an ephemeral volume is of use only if it was made for this pod.
pub fn is_made_for(claim: &Other, pod: &Pod) -> Result<(), String> {
    let owners = claim.metadata.owner_references.iter().flatten();
    let controller = owners.into_iter().find(|owner| owner.controller == Some(true));
    if controller.is_some_and(|owner| Some(&owner.uid) == pod.metadata.uid.as_ref()) {
        return Ok(());
    }
    let namespace = pod.namespace();
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    Err(format!("PVC {namespace}/{name} was not created for pod {namespace}/{} (pod is not owner)", pod.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Kind;

    fn volume(name: &str, size: &str, class: &str, claim: Value, phase: &str) -> Rc<Other> {
        let value = json!({
            "metadata": {"name": name},
            "spec": {"capacity": {"storage": size}, "storageClassName": class, "accessModes": ["ReadWriteOnce"],
                     "claimRef": claim},
            "status": {"phase": phase},
        });
        Rc::new(Other::read(Kind::PersistentVolume, value).expect("a volume"))
    }

    #[test]
    fn the_smallest_that_suits_or_the_one_that_is_meant() {
        let volumes = [
            volume("big", "10Gi", "a", Value::Null, "Available"),
            volume("fit", "2Gi", "a", Value::Null, "Available"),
            volume("small", "500Mi", "a", Value::Null, "Available"),
            volume("pending", "1Gi", "a", Value::Null, "Pending"),
            volume("other", "1Gi", "b", Value::Null, "Available"),
            volume("taken", "1Gi", "a", json!({"name": "x", "namespace": "n", "uid": "1"}), "Bound"),
            volume("meant", "20Gi", "c", json!({"name": "mine", "namespace": "n"}), "Available"),
        ];
        // claim's name, class, size, modes, only reserved: the volume
        for (name, class, size, modes, only_reserved, expected) in [
            ("q", "a", "1Gi", "ReadWriteOnce", false, "fit"),
            ("q", "a", "3Gi", "ReadWriteOnce", false, "big"),
            ("q", "a", "30Gi", "ReadWriteOnce", false, "-"),
            ("q", "b", "1Gi", "ReadWriteOnce", false, "other"),
            ("q", "a", "1Gi", "ReadWriteMany", false, "-"),
            ("q", "a", "1Gi", "ReadWriteOnce", true, "-"),
            ("mine", "a", "1Gi", "ReadWriteOnce", true, "meant"),
            ("x", "a", "1Gi", "ReadWriteOnce", true, "-"),
        ] {
            let value = json!({
                "metadata": {"name": name, "namespace": "n", "uid": "9"},
                "spec": {"storageClassName": class, "accessModes": [modes], "resources": {"requests": {"storage": size}}},
            });
            let claim = Other::read(Kind::PersistentVolumeClaim, value).expect("a claim");
            let found = choose(volumes.iter(), &claim, only_reserved, |_| true);
            let found = found.and_then(|volume| volume.metadata.name.as_deref());
            assert_eq!(found.unwrap_or("-"), expected, "{name} {class} {size} {modes}");
        }
    }
}
