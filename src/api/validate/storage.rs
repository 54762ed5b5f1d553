//! Persistent volumes, claims and their classes (`pkg/apis/core/validation`, `pkg/apis/storage/validation`).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::core::v1::{ISCSIVolumeSource, PersistentVolumeClaimSpec},
    apimachinery::pkg::api::resource::Quantity,
};
use serde_json::Value;

use super::{
    meta,
    others::{list, one_of, text},
    scheduling, volume as volumes, volume_kinds,
};
use crate::api::{
    field::{Dump, Errors, Path},
    internal, names,
    other::Other,
    volumes::{amount, request},
};

const SPEC: Path<'static> = Path::root("spec");
const IMMUTABLE: &str = "field is immutable";

const ACCESS_MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

fn access_modes(errors: &mut Errors, spec: &Value, path: &Path) {
    let modes = list(&spec["accessModes"]);
    let path = path.child("accessModes");
    if modes.is_empty() {
        errors.required(&path, "at least 1 access mode is required");
    }
    for mode in modes.iter().map(text).filter(|mode| !ACCESS_MODES.contains(mode)) {
        errors.not_supported(&path, mode, ACCESS_MODES);
    }
    if modes.len() > 1 && modes.iter().any(|mode| mode == "ReadWriteOncePod") {
        errors.forbidden(&path, "may not use ReadWriteOncePod with other access modes");
    }
}

fn amounts(value: &Value) -> BTreeMap<String, Quantity> {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

pub(super) fn claim(errors: &mut Errors, spec: &Value, path: &Path) {
    let spec: PersistentVolumeClaimSpec = serde_json::from_value(spec.clone()).unwrap_or_default();
    volumes::claim_spec(errors, &spec, path);
}

/// `ValidatePersistentVolumeClaimUpdate`.
pub(super) fn claim_update(errors: &mut Errors, new: &Other, old: &Other) {
    let spec = |object: &Other| object.at("spec").as_object().cloned().unwrap_or_default();
    let (mut now, mut was) = (spec(new), spec(old));
    let keep = |now: &mut serde_json::Map<String, Value>, was: &serde_json::Map<String, Value>, key: &str| match was
        .get(key)
    {
        Some(value) => drop(now.insert(key.into(), value.clone())),
        None => drop(now.remove(key)),
    };
    if text(old.at("spec/volumeName")).is_empty() {
        keep(&mut was, &now, "volumeName");
    }
    if old.at("spec/storageClassName").is_null() {
        keep(&mut now, &was, "storageClassName");
    }
    if new.text("status/phase") == "Bound" {
        let before = old.at("spec/resources/requests/storage");
        if let Some(requests) = now.get_mut("resources").and_then(|resources| resources.get_mut("requests")) {
            requests["storage"] = before.clone();
        }
        keep(&mut now, &was, "volumeAttributesClassName");
    }
    if now != was {
        let diff = internal::diff_of("PersistentVolumeClaimSpec", &was.into(), &now.into());
        let why =
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        errors.forbidden(&SPEC, &format!("{why}\n{diff}"));
    }
    if request(new) < request(old) && request(new) <= amount(old.at("status/capacity/storage")) {
        errors.forbidden(&SPEC.child("resources.requests.storage"), "field can not be less than status.capacity");
    }
    if new.at("spec/volumeMode") != old.at("spec/volumeMode") {
        errors.invalid(&Path::root("volumeMode"), new.at("spec/volumeMode"), "field is immutable");
    }
}

fn positive(errors: &mut Errors, quantity: &Quantity, path: &Path) {
    if quantity.0.parse::<crate::api::quantity::Quantity>().is_ok_and(|amount| amount.sign() <= 0) {
        errors.invalid(path, quantity.0.as_str(), "must be greater than zero");
    }
}

pub(super) fn volume(errors: &mut Errors, object: &Other) {
    let spec = object.at("spec");
    if list(&spec["accessModes"]).is_empty() {
        errors.required(&SPEC.child("accessModes"), "");
    } else {
        access_modes(errors, spec, &SPEC);
    }
    let capacity = amounts(&spec["capacity"]);
    let path = SPEC.child("capacity");
    if capacity.is_empty() {
        errors.required(&path, "");
    }
    if capacity.len() > 1 || !capacity.contains_key("storage") {
        let shown = if capacity.is_empty() { "null".into() } else { spec["capacity"].to_string() };
        errors.not_supported(&path, &Dump(shown), &["storage"]);
    }
    for (name, quantity) in &capacity {
        positive(errors, quantity, &path.key(name));
    }
    let policy = text(&spec["persistentVolumeReclaimPolicy"]);
    let policy_path = SPEC.child("persistentVolumeReclaimPolicy");
    if !["", "Delete", "Recycle", "Retain"].contains(&policy) {
        errors.not_supported(&policy_path, policy, &["Delete", "Recycle", "Retain"]);
    }
    let affinity = &spec["nodeAffinity"];
    if affinity.is_object() {
        let path = SPEC.child("nodeAffinity.required");
        match serde_json::from_value(affinity["required"].clone()) {
            Ok(selector) => scheduling::node_selector(errors, &selector, &path),
            Err(_) => errors.required(&path, "must specify required node constraints"),
        }
    }
    volume_source(errors, spec, object.metadata.name.as_deref().unwrap_or_default());
    if policy == "Recycle" && clean_is_root(text(&spec["hostPath"]["path"])) {
        errors.forbidden(&policy_path, "may not be 'recycle' for a hostPath mount of '/'");
    }
    let class_name = |errors: &mut Errors, key: &str| {
        let class = text(&spec[key]);
        errors.invalid_each(&SPEC.child(key), class, names::dns1123_subdomain(class));
    };
    if !text(&spec["storageClassName"]).is_empty() {
        class_name(errors, "storageClassName");
    }
    if let Some(mode) = spec["volumeMode"].as_str().filter(|mode| !["Block", "Filesystem"].contains(mode)) {
        errors.not_supported(&SPEC.child("volumeMode"), mode, &["Block", "Filesystem"]);
    }
    match spec["volumeAttributesClassName"].as_str() {
        None => return,
        Some("") => errors.required(&SPEC.child("volumeAttributesClassName"), "an empty string is disallowed"),
        Some(_) => class_name(errors, "volumeAttributesClassName"),
    }
    if !spec["csi"].is_object() {
        errors.required(&SPEC.child("csi"), "has to be specified when using volumeAttributesClassName");
    }
}

fn clean_is_root(path: &str) -> bool {
    path.starts_with('/') && path.split('/').all(|part| matches!(part, "" | "." | ".."))
}

/// The sources in the order of the real code, with what each can't do without.
const SOURCES: [(&str, &[&str]); 22] = [
    ("hostPath", &["path"]),
    ("gcePersistentDisk", &["pdName"]),
    ("awsElasticBlockStore", &["volumeID"]),
    ("glusterfs", &["endpoints", "path"]),
    ("flocker", &[]),
    ("nfs", &["server", "path"]),
    ("rbd", &["monitors", "image"]),
    ("quobyte", &["registry", "volume"]),
    ("cephfs", &["monitors"]),
    ("iscsi", &[]),
    ("cinder", &["volumeID"]),
    ("fc", &[]),
    ("flexVolume", &["driver"]),
    ("azureFile", &["secretName", "shareName"]),
    ("vsphereVolume", &["volumePath"]),
    ("photonPersistentDisk", &["pdID"]),
    ("portworxVolume", &["volumeID"]),
    ("azureDisk", &["diskName", "diskURI"]),
    ("scaleIO", &["gateway", "system", "volumeName"]),
    ("local", &["path"]),
    ("storageos", &["volumeName"]),
    ("csi", &[]),
];

/// Just one source.
fn volume_source(errors: &mut Errors, spec: &Value, name: &str) {
    let mut found = SOURCES.into_iter().filter(|(source, _)| spec[*source].is_object());
    let Some((first, needed)) = found.next() else { return errors.required(&SPEC, "must specify a volume type") };
    let source = &spec[first];
    let path = SPEC.child(if first == "gcePersistentDisk" { "persistentDisk" } else { first });
    for key in needed {
        if text(&source[*key]).is_empty() && list(&source[*key]).is_empty() {
            errors.required(&path.child(key), "");
        }
    }
    let target = text(&source["path"]);
    match first {
        "hostPath" | "local" => {
            if !target.is_empty() {
                volumes::no_backsteps(errors, target, &path.child("path"));
                volumes::host_path_type(errors, source["type"].as_str(), &path.child("type"));
            }
            if first == "local" && !spec["nodeAffinity"].is_object() {
                errors.required(&SPEC.child("nodeAffinity"), "Local volume requires node affinity");
            }
        }
        "nfs" if !target.starts_with('/') => errors.invalid(&path.child("path"), target, "must be an absolute path"),
        "gcePersistentDisk" | "awsElasticBlockStore" => {
            if let Some(number) = source["partition"].as_i64().filter(|number| !(0..=255).contains(number)) {
                errors.invalid(&path.child("partition"), &number, "must be between 1 and 255, inclusive");
            }
        }
        "iscsi" => {
            let disk: ISCSIVolumeSource = serde_json::from_value(source.clone()).unwrap_or_default();
            volume_kinds::iscsi(errors, &disk, &path);
            if disk.initiator_name.is_some() && name.len() + 1 + disk.target_portal.len() > 64 {
                let why = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
                errors.invalid(&path.child("targetportal"), &disk.target_portal, why);
            }
        }
        "csi" => {
            volume_kinds::driver_name(errors, text(&source["driver"]), &path.child("driver"));
            if text(&source["volumeHandle"]).is_empty() {
                errors.required(&path.child("volumeHandle"), "");
            }
            for key in [
                "controllerPublishSecretRef",
                "controllerExpandSecretRef",
                "nodePublishSecretRef",
                "nodeExpandSecretRef",
            ] {
                if source[key].is_object() {
                    secret(errors, &source[key], &path.child(key));
                }
            }
        }
        _ => {}
    }
    for (more, _) in found {
        let name = if more == "cephfs" { "cephFS" } else { more };
        if more != "flexVolume" {
            errors.forbidden(&SPEC.child(name), "may not specify more than 1 volume type");
        }
    }
}

fn secret(errors: &mut Errors, reference: &Value, path: &Path) {
    for (key, rule) in
        [("name", names::dns1123_subdomain as fn(&str) -> Vec<String>), ("namespace", names::dns1123_label)]
    {
        match text(&reference[key]) {
            "" => errors.required(&path.child(key), ""),
            value => errors.invalid_each(&path.child(key), value, rule(value)),
        }
    }
}

/// `ValidatePersistentVolumeUpdate`.
pub(super) fn volume_update(errors: &mut Errors, new: &Other, old: &Other) {
    let sources = |object: &Other| -> Value {
        let fields = object.at("spec").as_object().cloned().unwrap_or_default();
        fields.into_iter().filter(|(key, _)| SOURCES.iter().any(|(source, _)| source == key)).collect()
    };
    let (now, was) = (sources(new), sources(old));
    if now != was {
        let diff = internal::diff_of("PersistentVolumeSource", &was, &now);
        let why = format!("spec.persistentvolumesource is immutable after creation\n{diff}");
        errors.forbidden(&SPEC.child("persistentvolumesource"), &why);
    }
    let changed = |path: &str| new.at(path) != old.at(path);
    if changed("spec/volumeMode") {
        errors.invalid(&Path::root("volumeMode"), new.at("spec/volumeMode"), IMMUTABLE);
    }
    if changed("spec/nodeAffinity") && !old.at("spec/nodeAffinity").is_null() {
        let why = format!("{IMMUTABLE}, except for updating from beta label to GA");
        let shown = internal::shown("*VolumeNodeAffinity", new.at("spec/nodeAffinity"));
        errors.invalid(&Path::root("nodeAffinity"), &shown, &why);
    }
    if changed("spec/volumeAttributesClassName") && new.at("spec/volumeAttributesClassName").is_null() {
        let why = "update from non-nil value to nil is forbidden";
        errors.forbidden(&SPEC.child("volumeAttributesClassName"), why);
    }
}

pub(super) fn class(errors: &mut Errors, object: &Other) {
    let (provisioner, path) = (object.text("provisioner"), Path::root("provisioner"));
    if provisioner.is_empty() {
        errors.required(&path, "");
    } else {
        let lower = provisioner.to_ascii_lowercase();
        errors.invalid_each(&path, &*lower, names::qualified_name(&lower));
    }
    parameters(errors, object.at("parameters"));
    let root = Value::Object(object.content.clone());
    one_of(errors, &root, "reclaimPolicy", &["Delete", "Retain"], &Path::NONE);
    one_of(errors, &root, "volumeBindingMode", &["Immediate", "WaitForFirstConsumer"], &Path::NONE);
    let mut known: Vec<BTreeMap<&str, BTreeSet<&str>>> = Vec::new();
    for (index, topology) in list(object.at("allowedTopologies")).iter().enumerate() {
        let path = Path::root("allowedTopologies");
        let (path, mut terms) = (path.index(index), BTreeMap::new());
        let path = path.child("matchLabelExpressions");
        for (index, rule) in list(&topology["matchLabelExpressions"]).iter().enumerate() {
            let path = path.index(index);
            let (key, mut values) = (text(&rule["key"]), BTreeSet::new());
            if list(&rule["values"]).is_empty() {
                errors.required(&path.child("values"), "");
            }
            for (index, value) in list(&rule["values"]).iter().map(text).enumerate() {
                if !values.insert(value) {
                    errors.duplicate(&path.child("values").index(index), value);
                }
            }
            meta::label_name(errors, key, &path.child("key"));
            if terms.insert(key, values).is_some() {
                errors.duplicate(&path.child("key"), key);
            }
        }
        // The real code compares with as many empty ones as there are terms.
        if terms.is_empty() || known.contains(&terms) {
            errors.duplicate(&path, "");
        }
        known.push(terms);
    }
}

/// What a StorageClass passes on to its provisioner.
fn parameters(errors: &mut Errors, parameters: &Value) {
    const MOST: usize = 512;
    const MOST_BYTES: usize = 256 << 10;
    let path = Path::root("parameters");
    let Some(parameters) = parameters.as_object() else { return };
    if parameters.len() > MOST {
        return errors.too_long(&path, MOST);
    }
    if parameters.contains_key("") {
        errors.invalid(&path, "", "field can not be empty.");
    }
    if parameters.iter().map(|(key, value)| key.len() + text(value).len()).sum::<usize>() > MOST_BYTES {
        errors.too_long(&path, MOST_BYTES);
    }
}
