//! The checks of a write: decoding, defaults, validation, patches. The rules live in [`crate::api`].

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use crate::api::{
    Error, Kind, Object, Result,
    client::{FieldValidation, Patch, Subresource},
    error::Cause,
};

pub(super) fn decode(kind: Kind, value: Value, _validation: FieldValidation) -> Result<(Object, Vec<String>)> {
    let object = Object::from_value(kind, value).map_err(|error| {
        let version = kind.version();
        Error::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {error}"))
    })?;
    Ok((object, Vec::new()))
}

pub(super) fn default(_object: &mut Object) {}

pub(super) fn create(_object: &Object) -> Result<()> {
    Ok(())
}

pub(super) fn update(_new: &Object, _old: &Object, _subresource: Subresource) -> Result<()> {
    Ok(())
}

pub(super) fn warnings(_pod: &Pod) -> Vec<String> {
    Vec::new()
}

/// A refusal for an object without a name.
pub(super) fn name_required(object: &Object) -> Error {
    let cause = Cause {
        reason: "FieldValueRequired".into(),
        message: "Required value: name or generateName is required".into(),
        field: "metadata.name".into(),
    };
    Error::invalid(object.kind(), object.name(), vec![cause])
}

pub(super) fn patched(_kind: Kind, mut value: Value, patch: &Patch) -> Result<Value> {
    match patch {
        Patch::Merge(patch) | Patch::Strategic(patch) | Patch::Apply(patch) => merge(&mut value, patch),
        Patch::Json(_) => return Err(Error::bad_request("JSON patch")),
    }
    Ok(value)
}

fn merge(value: &mut Value, patch: &Value) {
    let (Value::Object(into), Value::Object(from)) = (&mut *value, patch) else {
        *value = patch.clone();
        return;
    };
    for (key, patch) in from {
        if patch.is_null() {
            into.remove(key);
        } else {
            merge(into.entry(key).or_insert(Value::Null), patch);
        }
    }
}

pub(super) fn qos(pod: &Pod) -> &'static str {
    let Some(spec) = &pod.spec else { return "BestEffort" };
    let (mut any, mut guaranteed) = (false, true);
    for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
        let resources = container.resources.as_ref();
        let requests = resources.and_then(|r| r.requests.as_ref());
        let limits = resources.and_then(|r| r.limits.as_ref());
        for name in ["cpu", "memory"] {
            let (request, limit) = (requests.and_then(|r| r.get(name)), limits.and_then(|l| l.get(name)));
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && request.is_none_or(|request| Some(request) == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
