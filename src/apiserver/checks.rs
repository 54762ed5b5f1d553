//! The checks of a write: decoding, defaults, validation, patches. The rules live in [`crate::api`].

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

use crate::api::{
    Error, Kind, Object, Result,
    client::{Patch, Subresource},
    error::Cause,
};

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
