//! Kubernetes' JSON: what it holds even where it is empty (fields of Go's types that are no pointers and lack
//! `omitempty`), and how Go writes it.

use serde_json::{Value, json};

use super::{
    object::Kind,
    schema::{self, Base, Form, Shape, Struct},
};

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
    let json = value.to_string();
    // Nearly all has nothing to escape; the two separators begin with E2.
    if json.bytes().any(|b| matches!(b, b'<' | b'>' | b'&' | 0xe2)) { escaped(&json) } else { json }
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

/// The same for any type of the schema.
pub fn complete_all(of: &Struct, value: &mut Value) {
    let Some(map) = value.as_object_mut() else { return };
    for field in &of.fields {
        let shown = !field.omit_empty || (is_struct(&field.shape) && !field.shape.pointer);
        match map.get_mut(field.name) {
            // Nothing is kept of an empty list, so that it comes back as none.
            Some(value) if !field.omit_empty && !field.shape.pointer && is_empty(value) => {
                *value = nothing(&field.shape.form)
            }
            Some(value) => within(&field.shape, value),
            None if shown => {
                let mut empty = if field.shape.pointer { Value::Null } else { nothing(&field.shape.form) };
                within(&field.shape, &mut empty);
                map.insert(field.name.into(), empty);
            }
            None => {}
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty)
}

fn is_struct(shape: &Shape) -> bool {
    matches!(shape.form, Form::Base(Base::Struct(_)))
}

fn within(shape: &Shape, value: &mut Value) {
    match &shape.form {
        Form::List(item) => value.as_array_mut().into_iter().flatten().for_each(|value| within(item, value)),
        Form::Map(item) => {
            value.as_object_mut().into_iter().flat_map(|map| map.values_mut()).for_each(|value| within(item, value));
        }
        Form::Base(Base::Struct(index)) => complete_all(schema::struct_at(*index), value),
        Form::Base(_) => {}
    }
}

/// Go's zero value as its JSON.
fn nothing(form: &Form) -> Value {
    match form {
        Form::Base(Base::Struct(_)) => json!({}),
        Form::Base(Base::String | Base::Bytes) => json!(""),
        Form::Base(Base::Bool) => json!(false),
        Form::Base(Base::Int32 | Base::Int64 | Base::Float64 | Base::IntOrString) => json!(0),
        Form::Base(Base::Quantity) => json!("0"),
        Form::Base(Base::Duration) => json!("0s"),
        Form::List(_) | Form::Map(_) | Form::Base(Base::Time | Base::MicroTime | Base::Any) => Value::Null,
    }
}

/// Base 64 as tokens have it: safe in URLs, without padding.
pub fn base64_url(bytes: &[u8], text: &mut Vec<u8>) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |group: u32, i: usize| ALPHABET[(group >> (18 - 6 * i)) as usize & 63];
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| chunk.get(i).map_or(0, |byte| u32::from(*byte));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digits = [0, 1, 2, 3].map(|i| digit(group, i));
        text.extend_from_slice(&digits[..=chunk.len()]);
    }
}
