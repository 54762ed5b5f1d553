//! Kinds without a layout of their own: metadata, then the fields as they are.

use serde_json::Value;

use super::{annotations, labels, time};
use crate::{
    api::{Kind, Object},
    programs::net::base64,
};

pub fn describe(out: &mut String, object: &Object) {
    let meta = object.meta();
    if let Object::PriorityClass(class) = object {
        let annotations: Vec<String> =
            meta.annotations.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
        out.push_str(&format!(
            "Name:\t{}\nValue:\t{}\nGlobalDefault:\t{}\nPreemptionPolicy:\t{}\nDescription:\t{}\nAnnotations:\t{}\n",
            object.name(),
            class.value.unwrap_or(0),
            class.global_default.unwrap_or(false),
            class.preemption_policy.as_deref().unwrap_or_default(),
            class.description.as_deref().unwrap_or_default(),
            if annotations.is_empty() { "<none>".to_string() } else { annotations.join(",") },
        ));
        return;
    }
    out.push_str(&format!("Name:\t{}\n", object.name()));
    if object.kind().namespaced() {
        out.push_str(&format!("Namespace:\t{}\n", object.namespace()));
    }
    labels(out, "Labels:", meta.labels.as_ref());
    annotations(out, meta.annotations.as_ref());
    let value = object.to_value();
    match object {
        Object::Namespace(namespace) => {
            let phase = namespace.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or_default();
            out.push_str(&format!("Status:\t{phase}\n"));
            let conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
            let mut head = "Conditions:\n  Type\tStatus\tLastTransitionTime\tReason\tMessage\n  \
                            ----\t------\t------------------\t------\t-------\n";
            for c in conditions {
                let at = c.last_transition_time.as_ref().map(|at| time(at.0)).unwrap_or_default();
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                let (reason, message) = (text(&c.reason), text(&c.message));
                out.push_str(&format!("{head}  {}\t{}\t{at}\t{reason}\t{message}\n", c.type_, c.status));
                head = "";
            }
        }
        Object::ConfigMap(_) => {
            out.push_str("\nData\n====\n");
            for (key, value) in value["data"].as_object().into_iter().flatten() {
                out.push_str(&format!("{key}:\n----\n{}\n\n", value.as_str().unwrap_or_default()));
            }
            out.push_str("\nBinaryData\n====\n");
            for (key, value) in value["binaryData"].as_object().into_iter().flatten() {
                let length = value.as_str().and_then(base64::decode).map_or(0, |bytes| bytes.len());
                out.push_str(&format!("{key}: {length} bytes\n"));
            }
            out.push('\n');
        }
        Object::ServiceAccount(account) => {
            let mut header = "Image pull secrets:";
            for secret in account.image_pull_secrets.iter().flatten() {
                out.push_str(&format!("{header}\t{}\n", secret.name));
                header = "                   ";
            }
            if header != "                   " {
                out.push_str(&format!("{header}\t<none>\n"));
            }
        }
        Object::Secret(secret) => {
            out.push_str(&format!("\nType:\t{}\n\nData\n====\n", secret.type_.as_deref().unwrap_or_default()));
            let tokens = secret.type_.as_deref() == Some("kubernetes.io/service-account-token");
            for (key, value) in secret.data.iter().flatten() {
                match tokens && key == "token" {
                    true => out.push_str(&format!("{key}:\t{}\n", String::from_utf8_lossy(&value.0))),
                    false => out.push_str(&format!("{key}:\t{} bytes\n", value.0.len())),
                }
            }
        }
        _ => {
            if let Some(created) = &meta.creation_timestamp {
                out.push_str(&format!("API Version:\t{}\nKind:\t{}\n", object.kind().api_version(), object.kind()));
                if object.kind() != Kind::Service {
                    out.push_str(&format!("Created:\t{}\n", time(created.0)));
                }
            }
            for (key, value) in value.as_object().into_iter().flatten() {
                if !["apiVersion", "kind", "metadata"].contains(&key.as_str()) {
                    tree(out, key, value, 0);
                }
            }
        }
    }
}

/// `containerPort` as `Container Port`.
fn title(key: &str) -> String {
    let mut out = String::new();
    for (i, c) in key.chars().enumerate() {
        if i == 0 {
            out.extend(c.to_uppercase());
        } else {
            if c.is_ascii_uppercase() {
                out.push(' ');
            }
            out.push(c);
        }
    }
    out
}

fn tree(out: &mut String, key: &str, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Null => {}
        Value::Object(map) => {
            out.push_str(&format!("{indent}{}:\n", title(key)));
            for (key, value) in map {
                tree(out, key, value, depth + 1);
            }
        }
        Value::Array(items) => {
            out.push_str(&format!("{indent}{}:\n", title(key)));
            for item in items {
                match item {
                    Value::Object(map) => map.iter().for_each(|(key, value)| tree(out, key, value, depth + 1)),
                    other => out.push_str(&format!("{indent}  {}\n", plain(other))),
                }
            }
        }
        other => out.push_str(&format!("{indent}{}:\t{}\n", title(key), plain(other))),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}
