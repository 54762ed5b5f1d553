//! Strict decoding: JSON to an object, with the errors that Go's decoder gives.
//!
//! The value is walked along the [`schema`]: wrong types are refused in `encoding/json`'s words, unknown fields are told,
//! and what is left is what Go's structs would hold (a zero that Go leaves out of its output is dropped, quantities
//! take the spelling that Kubernetes prints), so that the typed object prints like the real one.

use serde_json::{Map, Value};

use super::{
    client::{FieldValidation, Result},
    error::Error,
    object::{Kind, Object},
    quantity::Quantity,
    schema::{self, Base, Form, Shape, Struct},
};

/// Decodes an object of a kind; the second part are warnings (`unknown field "spec.foo"`).
pub fn decode(kind: Kind, value: Value, validation: FieldValidation) -> Result<(Object, Vec<String>)> {
    let refuse = |why: &str| {
        let version = kind.api_version();
        Error::bad_request(format!("{kind} in version \"{}\" cannot be handled as a {kind}: {why}", short(&version)))
    };
    let (value, unknown) = clean(kind, value).map_err(|error| refuse(&error))?;
    let unknown: Vec<String> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
    if validation == FieldValidation::Strict && !unknown.is_empty() {
        return Err(refuse(&format!("strict decoding error: {}", unknown.join(", "))));
    }
    let object = Object::from_value(kind, value).map_err(|error| refuse(&error.to_string()))?;
    let warnings = if validation == FieldValidation::Warn { unknown } else { Vec::new() };
    Ok((object, warnings))
}

/// The apiserver names the version alone: `v1`.
fn short(api_version: &str) -> &str {
    api_version.rsplit('/').next().unwrap_or(api_version)
}

/// What Go's struct would hold, and the paths of unknown fields; the error is of the first wrong type.
pub fn clean(kind: Kind, value: Value) -> std::result::Result<(Value, Vec<String>), String> {
    let given = value.get("apiVersion").and_then(Value::as_str);
    let Some(root) = schema::of_version(kind, given) else { return Ok((value, Vec::new())) };
    let mut walk = Walk::default();
    let value = match value {
        Value::Object(map) => Value::Object(walk.fields(root, map)),
        Value::Null => Value::Object(walk.fields(root, Map::new())),
        other => return Err(format!("json: cannot unmarshal {} into Go value of type v1.{kind}", describe(&other))),
    };
    match walk.error {
        Some(error) => Err(error),
        None => Ok((value, walk.unknown)),
    }
}

/// What kubectl itself decodes of an object before it sends it: wrong types in `metadata` are its own error,
/// `unable to decode "FILE": …`.
pub fn metadata_error(value: &Value) -> Option<String> {
    let meta = schema::type_named("meta.ObjectMeta")?;
    let value = value.get("metadata")?;
    let mut walk = Walk::default();
    walk.stack.push("metadata");
    match value {
        Value::Object(map) => drop(walk.fields(meta, map.clone())),
        Value::Null => {}
        other => {
            let found = describe(other);
            return Some(format!(
                "json: cannot unmarshal {found} into Go struct field .metadata of type v1.ObjectMeta"
            ));
        }
    }
    walk.error
}

/// JSON's word for a value's type.
fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[derive(Default)]
struct Walk {
    /// Where we are, for unknown fields: `spec.containers[0]`.
    path: String,
    /// Go's field names above, for wrong types: without indexes, with embedded structs.
    stack: Vec<&'static str>,
    /// The struct whose field is being decoded.
    holder: &'static str,
    unknown: Vec<String>,
    error: Option<String>,
}

impl Walk {
    fn fields(&mut self, of: &'static Struct, map: Map<String, Value>) -> Map<String, Value> {
        let mut out = Map::new();
        let above = std::mem::replace(&mut self.holder, of.name());
        let length = self.path.len();
        for (name, value) in map {
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(&name);
            match of.field(&name) {
                None => self.unknown.push(self.path.clone()),
                Some(field) => {
                    self.holder = of.name();
                    let depth = self.stack.len();
                    self.stack.extend(field.embedded.filter(|embedded| *embedded != "TypeMeta"));
                    self.stack.push(field.name);
                    if let Some(value) = self.value(&field.shape, value) {
                        let zero = field.omit_empty && !field.shape.pointer && is_zero(&field.shape, &value);
                        if !zero {
                            out.insert(name, value);
                        }
                    }
                    self.stack.truncate(depth);
                }
            }
            self.path.truncate(length);
        }
        self.holder = above;
        // Go's structs are always there, and are printed even when empty.
        for field in &of.fields {
            if let (Form::Base(Base::Struct(index)), false) = (&field.shape.form, field.shape.pointer)
                && !out.contains_key(field.name)
            {
                out.insert(field.name.into(), Value::Object(empty(schema::struct_at(*index))));
            }
        }
        out
    }

    /// The decoded value; `None` leaves the field as it was: absent.
    fn value(&mut self, shape: &Shape, value: Value) -> Option<Value> {
        match (&shape.form, value) {
            (_, Value::Null) => None,
            (Form::List(item), Value::Array(values)) => {
                let length = self.path.len();
                let mut items = Vec::with_capacity(values.len());
                for (index, value) in values.into_iter().enumerate() {
                    self.path.push_str(&format!("[{index}]"));
                    let value = if value.is_null() { None } else { self.value(item, value) };
                    items.push(value.unwrap_or_else(|| zero(item)));
                    self.path.truncate(length);
                }
                Some(Value::Array(items))
            }
            (Form::Map(shape), Value::Object(map)) => {
                let length = self.path.len();
                let mut out = Map::new();
                for (key, value) in map {
                    self.path.push('.');
                    self.path.push_str(&key);
                    let value = if value.is_null() { None } else { self.value(shape, value) };
                    out.insert(key, value.unwrap_or_else(|| zero(shape)));
                    self.path.truncate(length);
                }
                Some(Value::Object(out))
            }
            (Form::Base(base), value) => self.base(*base, shape, value),
            (_, value) => self.mismatch(describe(&value), shape),
        }
    }

    fn base(&mut self, base: Base, shape: &Shape, value: Value) -> Option<Value> {
        match (base, value) {
            (Base::Any, value) => Some(value),
            (Base::Struct(index), Value::Object(map)) => {
                Some(Value::Object(self.fields(schema::struct_at(index), map)))
            }
            (Base::String | Base::IntOrString | Base::Duration, value @ Value::String(_)) => Some(value),
            (Base::Bool, value @ Value::Bool(_)) | (Base::Float64, value @ Value::Number(_)) => Some(value),
            (Base::Int32 | Base::IntOrString, Value::Number(number)) => {
                match number.as_i64().filter(|n| i32::try_from(*n).is_ok()) {
                    Some(int) => Some(Value::from(int)),
                    None => self.mismatch(&format!("number {number}"), shape),
                }
            }
            (Base::Int64, Value::Number(number)) => match number.as_i64() {
                Some(int) => Some(Value::from(int)),
                None => self.mismatch(&format!("number {number}"), shape),
            },
            (Base::Time | Base::MicroTime, Value::String(text)) => match text.parse::<jiff::Timestamp>() {
                Ok(_) => Some(Value::String(text)),
                Err(_) => {
                    let layout = if base == Base::Time {
                        "2006-01-02T15:04:05Z07:00"
                    } else {
                        "2006-01-02T15:04:05.000000Z07:00"
                    };
                    self.fail(format!("parsing time \"{text}\" as \"{layout}\": cannot parse \"{text}\" as \"2006\""))
                }
            },
            (Base::Bytes, Value::String(text)) => match base64_fault(&text) {
                None => Some(Value::String(text)),
                Some(at) => self.fail(format!("illegal base64 data at input byte {at}")),
            },
            (Base::Quantity, value) => {
                let text = match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                match text.trim().parse::<Quantity>() {
                    Ok(quantity) => Some(Value::String(quantity.to_string())),
                    Err(error) => self.fail(error.to_string()),
                }
            }
            (_, value) => self.mismatch(describe(&value), shape),
        }
    }

    fn mismatch(&mut self, found: &str, shape: &Shape) -> Option<Value> {
        let (holder, stack, kind) = (self.holder, self.stack.join("."), shape.go_type());
        self.fail(format!("json: cannot unmarshal {found} into Go struct field {holder}.{stack} of type {kind}"))
    }

    /// Go goes on after an error and reports the first.
    fn fail(&mut self, error: String) -> Option<Value> {
        self.error.get_or_insert(error);
        None
    }
}

/// The offset of the first character that is not standard base64 (line breaks are skipped).
fn base64_fault(text: &str) -> Option<usize> {
    let digits: Vec<(usize, u8)> = text.bytes().enumerate().filter(|(_, b)| !matches!(b, b'\r' | b'\n')).collect();
    let body = digits.iter().take_while(|(_, b)| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).count();
    let padding = &digits[body..];
    let wanted = (4 - body % 4) % 4;
    match padding.iter().position(|(_, b)| *b != b'=') {
        Some(wrong) => padding.get(wrong).map(|(at, _)| *at),
        None if wanted == 3 => Some(text.len()),
        None if padding.len() < wanted => Some(text.len()),
        None => padding.get(wanted).map(|(at, _)| *at),
    }
}

fn is_zero(shape: &Shape, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(bool) => !bool,
        Value::Number(number) => number.as_f64() == Some(0.0) && !matches!(shape.form, Form::Base(Base::IntOrString)),
        Value::String(text) => text.is_empty() && !matches!(shape.form, Form::Base(Base::IntOrString)),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty() && matches!(shape.form, Form::Map(_)),
    }
}

/// What an absent item is.
fn zero(shape: &Shape) -> Value {
    match &shape.form {
        Form::List(_) => Value::Array(Vec::new()),
        Form::Map(_) => Value::Object(Map::new()),
        Form::Base(base) => match base {
            Base::Struct(index) => Value::Object(empty(schema::struct_at(*index))),
            Base::Bool => Value::Bool(false),
            Base::Int32 | Base::Int64 | Base::Float64 | Base::IntOrString => Value::from(0),
            Base::Quantity => Value::from("0"),
            Base::Any | Base::Time | Base::MicroTime => Value::Null,
            Base::String | Base::Bytes | Base::Duration => Value::from(""),
        },
    }
}

/// A struct without values still has the structs in it.
fn empty(of: &'static Struct) -> Map<String, Value> {
    let mut out = Map::new();
    for field in &of.fields {
        if let (Form::Base(Base::Struct(index)), false) = (&field.shape.form, field.shape.pointer) {
            out.insert(field.name.into(), Value::Object(empty(schema::struct_at(*index))));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(spec: Value) -> String {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec});
        match decode(Kind::Pod, pod, FieldValidation::Strict) {
            Ok(_) => String::new(),
            Err(error) => error.message.replace("Pod in version \"v1\" cannot be handled as a Pod: ", ""),
        }
    }

    #[test]
    fn errors_in_gos_words() {
        let one = |container: Value| json!({"containers": [container]});
        let quantity = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
        let cases = [
            (
                one(json!({"imagePullpolicy": "x"})),
                "strict decoding error: unknown field \"spec.containers[0].imagePullpolicy\"",
            ),
            (
                json!({"foo": 1, "containers": [{"bar": 2}]}),
                "strict decoding error: unknown field \"spec.containers[0].bar\", unknown field \"spec.foo\"",
            ),
            (
                one(json!({"ports": [{"containerPort": "80"}]})),
                "json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
            ),
            (
                one(json!({"ports": [{"containerPort": 80.5}]})),
                "json: cannot unmarshal number 80.5 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
            ),
            (
                json!({"containers": {}}),
                "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
            ),
            (
                one(json!({"env": [{"value": 1}]})),
                "json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string",
            ),
            (
                one(json!({"command": "a"})),
                "json: cannot unmarshal string into Go struct field Container.spec.containers.command of type []string",
            ),
            (
                one(json!({"args": [1]})),
                "json: cannot unmarshal number into Go struct field Container.spec.containers.args of type string",
            ),
            (json!("x"), "json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec"),
            (
                json!({"hostNetwork": "x", "foo": 1}),
                "json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool",
            ),
            (
                one(json!({"livenessProbe": {"httpGet": {"port": {}}}})),
                "json: cannot unmarshal object into Go struct field HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32",
            ),
            (one(json!({"resources": {"limits": {"cpu": "x"}}})), quantity),
            (
                one(json!({"ports": [{"protocol": 1}]})),
                "json: cannot unmarshal number into Go struct field ContainerPort.spec.containers.ports.protocol of type v1.Protocol",
            ),
        ];
        for (spec, expected) in cases {
            assert_eq!(error(spec.clone()), expected, "{spec}");
        }
        let meta = json!({"metadata": {"labels": {"a": 1}}});
        let expected = "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string";
        assert_eq!(metadata_error(&meta).as_deref(), Some(expected));
        let list = json!({"metadata": {"labels": []}});
        let expected =
            "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type map[string]string";
        assert_eq!(metadata_error(&list).as_deref(), Some(expected));
    }

    #[test]
    fn what_go_would_hold() {
        let pod = json!({
            "metadata": {"labels": {}, "annotations": {"a": null}},
            "spec": {"containers": [null, {"name": "a", "env": [{"name": "E", "value": ""}], "stdin": false, "resources": {"requests": {"cpu": 1.5}}}], "hostname": "", "priority": 0, "tolerations": []},
        });
        let expected = json!({
            "metadata": {"annotations": {"a": ""}},
            "spec": {"containers": [{"resources": {}}, {"name": "a", "env": [{"name": "E"}], "resources": {"requests": {"cpu": "1500m"}}}], "priority": 0},
            "status": {},
        });
        assert_eq!(clean(Kind::Pod, pod), Ok((expected, Vec::new())));
        let secret = |data: &str| clean(Kind::Secret, json!({"data": {"k": data}})).err();
        assert_eq!(secret("aGk="), None);
        assert_eq!(secret("a b="), Some("illegal base64 data at input byte 1".into()));
        assert_eq!(secret("aGk"), Some("illegal base64 data at input byte 3".into()));
    }

    #[test]
    fn warnings_and_nothing() {
        let pod = || json!({"spec": {"foo": 1}});
        let with = |validation| decode(Kind::Pod, pod(), validation).map(|(_, warnings)| warnings);
        assert_eq!(with(FieldValidation::Warn), Ok(vec!["unknown field \"spec.foo\"".to_string()]));
        assert_eq!(with(FieldValidation::Ignore), Ok(Vec::new()));
    }
}
