//! Environment variables and the downward API's selectors.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, ObjectFieldSelector, ResourceFieldSelector};

use super::{text, volume};
use crate::api::{
    field::{Errors, Path, Shown},
    names,
    quantity::amount,
};

pub fn env(errors: &mut Errors, vars: &[EnvVar], path: &Path) {
    for (index, var) in vars.iter().enumerate() {
        let path = path.index(index);
        if var.name.is_empty() {
            errors.required(&path.child("name"), "");
        } else {
            let wrong = name(errors, &var.name);
            errors.invalid_each(&path.child("name"), &var.name, wrong);
        }
        value_from(errors, var, &path.child("valueFrom"));
    }
}

fn name(errors: &Errors, name: &str) -> Vec<String> {
    if errors.options.any_env_names { names::env_name(name) } else { names::strict_env_name(name) }
}

fn value_from(errors: &mut Errors, var: &EnvVar, path: &Path) {
    let Some(source) = &var.value_from else { return };
    let mut count = 0;
    if let Some(field) = &source.field_ref {
        count += 1;
        object_field(errors, field, ENV_FIELDS, &path.child("fieldRef"));
    }
    if let Some(resource) = &source.resource_field_ref {
        count += 1;
        resource_field(errors, resource, &path.child("resourceFieldRef"), false);
    }
    if let Some(key) = &source.config_map_key_ref {
        count += 1;
        key_selector(errors, &key.name, &key.key, &path.child("configMapKeyRef"));
    }
    if let Some(key) = &source.secret_key_ref {
        count += 1;
        key_selector(errors, &key.name, &key.key, &path.child("secretKeyRef"));
    }
    if let Some(file) = &source.file_key_ref {
        count += 1;
        let path = path.child("fileKeyRef");
        if file.key.is_empty() {
            errors.required(&path.child("key"), "");
        } else {
            errors.invalid_each(&path.child("key"), &file.key, names::env_name(&file.key));
        }
        if file.volume_name.is_empty() {
            errors.required(&path.child("volumeName"), "");
        } else {
            let wrong = names::dns1123_label(&file.volume_name);
            errors.invalid_each(&path.child("volumeName"), &file.volume_name, wrong);
        }
        if file.path.is_empty() {
            errors.required(&path.child("path"), "");
        } else {
            volume::no_backsteps(errors, &file.path, &path.child("path"));
        }
    }
    if count == 0 {
        let last = if errors.options.env_files { ", `secretKeyRef` or `fileKeyRef`" } else { " or `secretKeyRef`" };
        let why = format!("must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`{last}");
        errors.invalid(path, "", &why);
    } else if !text(&var.value).is_empty() {
        errors.invalid(path, "", "may not be specified when `value` is not empty");
    } else if count > 1 {
        errors.invalid(path, "", "may not have more than one field specified at a time");
    }
}

const ENV_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

pub const VOLUME_FIELDS: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/// Fields of a pod that the API knows by a label; only some are allowed in each place.
const FIELD_LABELS: &[&str] = &[
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

pub fn object_field(errors: &mut Errors, field: &ObjectFieldSelector, allowed: &[&str], path: &Path) {
    let version = text(&field.api_version);
    if version.is_empty() {
        return errors.required(&path.child("apiVersion"), "");
    }
    if field.field_path.is_empty() {
        return errors.required(&path.child("fieldPath"), "");
    }
    let field_path = path.child("fieldPath");
    let not_converted = |errors: &mut Errors, why: String| {
        errors.invalid(&field_path, &field.field_path, &format!("error converting fieldPath: {why}"));
    };
    if version != "v1" {
        return not_converted(errors, format!("unsupported pod version: {version}"));
    }
    let subscripted = field.field_path.strip_suffix("']").and_then(|rest| rest.split_once("['"));
    if let Some((name, subscript)) = subscripted.filter(|(name, _)| !name.is_empty()) {
        return match name {
            "metadata.annotations" => {
                errors.invalid_each(path, &subscript.to_lowercase(), names::qualified_name(&subscript.to_lowercase()))
            }
            "metadata.labels" => errors.invalid_each(path, subscript, names::qualified_name(subscript)),
            _ => not_converted(errors, format!("field label does not support subscript: {}", field.field_path)),
        };
    }
    // The old name of the node's field.
    let name = if field.field_path == "spec.host" { "spec.nodeName" } else { field.field_path.as_str() };
    if !FIELD_LABELS.contains(&name) {
        return not_converted(errors, format!("field label not supported: {name}"));
    }
    if !allowed.contains(&name) {
        errors.not_supported(&field_path, name, allowed);
    }
}

const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

pub fn resource_field(errors: &mut Errors, field: &ResourceFieldSelector, path: &Path, in_volume: bool) {
    let resource = field.resource.as_str();
    let huge = resource.starts_with("requests.hugepages-") || resource.starts_with("limits.hugepages-");
    if in_volume && text(&field.container_name).is_empty() {
        errors.required(&path.child("containerName"), "");
    } else if resource.is_empty() {
        errors.required(&path.child("resource"), "");
    } else if !RESOURCES.contains(&resource) && !huge {
        errors.not_supported(&path.child("resource"), resource, RESOURCES);
    }
    let Some(divisor) = field.divisor.as_ref().map(amount).filter(|divisor| !divisor.is_zero()) else { return };
    let divisor = divisor.to_string();
    let bytes = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
    let (good, what) = match resource {
        "limits.cpu" | "requests.cpu" => {
            (["1m", "1"].contains(&divisor.as_str()), "1m and 1 are supported with the cpu")
        }
        _ => {
            let what = match resource {
                "limits.memory" | "requests.memory" => "memory",
                "limits.ephemeral-storage" | "requests.ephemeral-storage" => "local ephemeral storage",
                _ if huge => "hugepages",
                _ => return,
            };
            if bytes.contains(&divisor.as_str()) {
                return;
            }
            let why = format!("only divisor's values {} are supported with the {what} resource", bytes.join(", "));
            return errors.invalid(&path.child("divisor"), resource, &why);
        }
    };
    if !good {
        errors.invalid(&path.child("divisor"), resource, &format!("only divisor's values {what} resource"));
    }
}

fn key_selector(errors: &mut Errors, name: &str, key: &str, path: &Path) {
    errors.invalid_each(&path.child("name"), name, names::dns1123_subdomain(name));
    if key.is_empty() {
        errors.required(&path.child("key"), "");
    } else {
        errors.invalid_each(&path.child("key"), key, names::config_key(key));
    }
}

pub fn env_from(errors: &mut Errors, sources: &[EnvFromSource], path: &Path) {
    for (index, source) in sources.iter().enumerate() {
        let item = path.index(index);
        let prefix = text(&source.prefix);
        if !prefix.is_empty() {
            let wrong = name(errors, prefix);
            errors.invalid_each(&item.child("prefix"), prefix, wrong);
        }
        let config_map = source.config_map_ref.as_ref().map(|reference| ("configMapRef", &reference.name));
        let secret = source.secret_ref.as_ref().map(|reference| ("secretRef", &reference.name));
        for (field, name) in [config_map, secret].into_iter().flatten() {
            let path = item.child(field);
            if name.is_empty() {
                errors.required(&path.child("name"), "");
            } else {
                errors.invalid_each(&path.child("name"), name, names::dns1123_subdomain(name));
            }
        }
        match (config_map, secret) {
            (None, None) => errors.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"),
            (Some(_), Some(_)) => errors.invalid(path, "", "may not have more than one field specified at a time"),
            _ => {}
        }
    }
}

/// Texts of several rules joined as one value's fault.
pub fn joined<V: Shown + ?Sized>(errors: &mut Errors, path: &Path, value: &V, wrong: Vec<String>) {
    if !wrong.is_empty() {
        errors.invalid(path, value, &wrong.join(";"));
    }
}
