//! Kubernetes' JSON: what it holds even where it is empty (fields of Go's types that are no pointers and lack
//! `omitempty`), and how Go writes it.

use serde_json::{Value, json};

use super::object::Kind;

/// Adds the empty fields that the API's JSON shows.
pub fn complete(kind: Kind, value: &mut Value) {
    match kind {
        Kind::Pod => {
            each(value, "/status/conditions", &[("lastProbeTime", Value::Null), ("lastTransitionTime", Value::Null)]);
            for list in ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] {
                each(value, &format!("/status/{list}"), &[("lastState", json!({})), ("state", json!({}))]);
            }
        }
        Kind::Node => {
            let times = [("lastHeartbeatTime", Value::Null), ("lastTransitionTime", Value::Null)];
            each(value, "/status/conditions", &times);
        }
        Kind::Event => {
            let times = ["eventTime", "firstTimestamp", "lastTimestamp"].map(|key| (key, Value::Null));
            let texts = ["reportingComponent", "reportingInstance"].map(|key| (key, json!("")));
            fill(value, &times);
            fill(value, &texts);
            fill(value, &[("source", json!({}))]);
        }
        _ => {}
    }
}

fn each(value: &mut Value, list: &str, fields: &[(&str, Value)]) {
    for item in value.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
        fill(item, fields);
    }
}

fn fill(value: &mut Value, fields: &[(&str, Value)]) {
    let Some(map) = value.as_object_mut() else { return };
    for (key, empty) in fields {
        map.entry(*key).or_insert_with(|| empty.clone());
    }
}

/// JSON on one line, as Go prints it.
pub fn compact(value: &Value) -> String {
    escaped(&value.to_string())
}

/// JSON with what Go's encoder escapes so that it can stand in HTML.
pub fn escaped(json: &str) -> String {
    let escape = |out: &mut String, c: char| match c {
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        c => out.push(c),
    };
    let mut out = String::with_capacity(json.len());
    json.chars().for_each(|c| escape(&mut out, c));
    out
}
