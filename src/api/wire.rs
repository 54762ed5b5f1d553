//! What Kubernetes' JSON holds even where it is empty: fields of Go's types that are no pointers and lack `omitempty`.

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
