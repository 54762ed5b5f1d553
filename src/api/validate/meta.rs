//! Metadata, labels, selectors (`apimachinery/pkg/api/validation`, `pkg/apis/meta/v1/validation`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};

use super::text;
use crate::api::{
    field::{Dump, Errors, Path},
    names,
};

/// Which rule an object's name follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Name {
    Subdomain,
    Label,
    Dns1035Label,
    /// What may stand in a path (`api/validation/path`).
    Path,
}

impl Name {
    pub fn check(self, name: &str) -> Vec<String> {
        match self {
            Name::Subdomain => names::dns1123_subdomain(name),
            Name::Label => names::dns1123_label(name),
            Name::Dns1035Label => names::dns1035_label(name),
            Name::Path => match name {
                "." | ".." => vec![format!("may not be '{name}'")],
                _ => {
                    let found = ["/", "%"].into_iter().filter(|part| name.contains(part));
                    found.map(|part| format!("may not contain '{part}'")).collect()
                }
            },
        }
    }
}

pub fn object_meta(errors: &mut Errors, meta: &ObjectMeta, namespaced: bool, rule: Name, path: &Path) {
    let generate_name = text(&meta.generate_name);
    if !generate_name.is_empty() {
        let wrong = rule.check(&names::mask_trailing_dash(generate_name));
        errors.invalid_each(&path.child("generateName"), generate_name, wrong);
    }
    let name = text(&meta.name);
    if name.is_empty() {
        errors.required(&path.child("name"), "name or generateName is required");
    } else {
        errors.invalid_each(&path.child("name"), name, rule.check(name));
    }
    let namespace = text(&meta.namespace);
    match (namespaced, namespace.is_empty()) {
        (true, true) => errors.required(&path.child("namespace"), ""),
        (true, false) => errors.invalid_each(&path.child("namespace"), namespace, names::dns1123_label(namespace)),
        (false, false) => errors.forbidden(&path.child("namespace"), "not allowed on this type"),
        (false, true) => {}
    }
    rest(errors, meta, path);
}

fn rest(errors: &mut Errors, meta: &ObjectMeta, path: &Path) {
    if let Some(generation) = meta.generation.filter(|generation| *generation < 0) {
        errors.invalid(&path.child("generation"), &generation, NOT_NEGATIVE);
    }
    labels(errors, meta.labels.as_ref(), &path.child("labels"));
    annotations(errors, meta.annotations.as_ref(), &path.child("annotations"));
    owners(errors, meta.owner_references.as_deref().unwrap_or_default(), &path.child("ownerReferences"));
    let finalizers_path = path.child("finalizers");
    let finalizers = meta.finalizers.as_deref().unwrap_or_default();
    for finalizer in finalizers {
        errors.invalid_each(&finalizers_path, finalizer, names::qualified_name(finalizer));
    }
    let has = |name: &str| finalizers.iter().any(|finalizer| finalizer == name);
    if has("orphan") && has("foregroundDeletion") {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.invalid(&finalizers_path, &serde_json::Value::from(finalizers.to_vec()), why);
    }
    for (index, finalizer) in finalizers.iter().enumerate() {
        let standard = ["kubernetes", "orphan", "foregroundDeletion"].contains(&finalizer.as_str());
        if !finalizer.contains('/') && !standard {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            errors.invalid(&finalizers_path.index(index), finalizer, why);
        }
    }
}

pub const NOT_NEGATIVE: &str = "must be greater than or equal to 0";

pub fn labels(errors: &mut Errors, labels: Option<&BTreeMap<String, String>>, path: &Path) {
    for (key, value) in labels.into_iter().flatten() {
        label_name(errors, key, path);
        errors.invalid_each(path, value, names::label_value(value));
    }
}

pub fn label_name(errors: &mut Errors, name: &str, path: &Path) {
    errors.invalid_each(path, name, names::qualified_name(name));
}

pub fn annotations(errors: &mut Errors, annotations: Option<&BTreeMap<String, String>>, path: &Path) {
    let Some(annotations) = annotations else { return };
    for key in annotations.keys() {
        errors.invalid_each(path, key, names::qualified_name(&key.to_lowercase()));
    }
    annotations_size(errors, annotations, path);
}

pub fn annotations_size(errors: &mut Errors, annotations: &BTreeMap<String, String>, path: &Path) {
    const MOST: usize = 256 * 1024;
    let size: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > MOST {
        errors.too_long(path, MOST);
    }
}

fn owners(errors: &mut Errors, owners: &[OwnerReference], path: &Path) {
    let mut controller: Option<String> = None;
    for owner in owners {
        // `a/b/c` has no version.
        let slashes = owner.api_version.matches('/').count();
        let version = owner.api_version.rsplit('/').next().filter(|_| slashes < 2).unwrap_or_default();
        if version.is_empty() {
            errors.invalid(&path.child("apiVersion"), &owner.api_version, "version must not be empty");
        }
        for (name, value) in [("kind", &owner.kind), ("name", &owner.name), ("uid", &owner.uid)] {
            if value.is_empty() {
                errors.invalid(&path.child(name), value, "must not be empty");
            }
        }
        if owner.api_version == "v1" && owner.kind == "Event" {
            errors.invalid(path, &serde_json::json!(owner), "/v1, Kind=Event is disallowed from being an owner");
        }
        if owner.controller == Some(true) {
            let name = format!("{}/{}", owner.kind, owner.name);
            match &controller {
                Some(first) => {
                    let why = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {name}"
                    );
                    errors.invalid(path, &Dump(dumped(owners)), &why);
                }
                None => controller = Some(name),
            }
        }
    }
}

/// The references in the order of the real fields.
fn dumped(owners: &[OwnerReference]) -> String {
    let one = |owner: &OwnerReference| {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let mut fields = format!(
            "\"apiVersion\":{},\"kind\":{},\"name\":{},\"uid\":{}",
            text(&owner.api_version),
            text(&owner.kind),
            text(&owner.name),
            text(&owner.uid)
        );
        for (name, value) in [("controller", owner.controller), ("blockOwnerDeletion", owner.block_owner_deletion)] {
            if let Some(value) = value {
                fields += &format!(",\"{name}\":{value}");
            }
        }
        format!("{{{fields}}}")
    };
    format!("[{}]", owners.iter().map(one).collect::<Vec<_>>().join(","))
}

pub fn object_meta_update(errors: &mut Errors, new: &ObjectMeta, old: &ObjectMeta, path: &Path) {
    const IMMUTABLE: &str = "field is immutable";
    if let (Some(new), Some(old)) = (new.generation, old.generation)
        && new < old
    {
        errors.invalid(&path.child("generation"), &new, "must not be decremented");
    }
    if old.deletion_timestamp.is_some() {
        let old_ones = old.finalizers.as_deref().unwrap_or_default();
        let added: Vec<&String> = new.finalizers.iter().flatten().filter(|f| !old_ones.contains(f)).collect();
        if !added.is_empty() {
            let names: Vec<String> = added.iter().map(|name| format!("\"{name}\"")).collect();
            let list = names.join(", ");
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{list}}}"
            );
            errors.forbidden(&path.child("finalizers"), &why);
        }
    }
    if text(&new.resource_version).is_empty() {
        errors.invalid(&path.child("resourceVersion"), text(&new.resource_version), "must be specified for an update");
    }
    let fields =
        [("name", &new.name, &old.name), ("namespace", &new.namespace, &old.namespace), ("uid", &new.uid, &old.uid)];
    for (name, new, old) in fields {
        if text(new) != text(old) {
            errors.invalid(&path.child(name), text(new), IMMUTABLE);
        }
    }
    let times = [
        ("creationTimestamp", &new.creation_timestamp, &old.creation_timestamp),
        ("deletionTimestamp", &new.deletion_timestamp, &old.deletion_timestamp),
    ];
    for (name, new, old) in times {
        if new != old {
            errors.invalid(&path.child(name), &serde_json::json!(new), IMMUTABLE);
        }
    }
    if new.deletion_grace_period_seconds != old.deletion_grace_period_seconds {
        let value = serde_json::json!(new.deletion_grace_period_seconds);
        errors.invalid(&path.child("deletionGracePeriodSeconds"), &value, IMMUTABLE);
    }
    rest(errors, new, path);
}

/// `metav1.LabelSelector`.
pub fn label_selector(errors: &mut Errors, selector: Option<&LabelSelector>, path: &Path) {
    relaxed_label_selector(errors, selector, false, path);
}

/// The same, in which the values of expressions need not be good.
pub fn relaxed_label_selector(errors: &mut Errors, selector: Option<&LabelSelector>, any_values: bool, path: &Path) {
    let Some(selector) = selector else { return };
    labels(errors, selector.match_labels.as_ref(), &path.child("matchLabels"));
    let expressions = path.child("matchExpressions");
    for (index, expression) in selector.match_expressions.iter().flatten().enumerate() {
        let path = expressions.index(index);
        let values = expression.values.as_deref().unwrap_or_default();
        match expression.operator.as_str() {
            "In" | "NotIn" if values.is_empty() => {
                errors.required(&path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'");
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.forbidden(&path.child("values"), why);
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
        }
        label_name(errors, &expression.key, &path.child("key"));
        for (index, value) in values.iter().enumerate().filter(|_| !any_values) {
            errors.invalid_each(&path.child("values").index(index), value, names::label_value(value));
        }
    }
}
