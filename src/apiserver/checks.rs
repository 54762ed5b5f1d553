//! The checks of a write: decoding, defaults, validation, patches. The rules live in [`crate::api`].

use serde_json::Value;

use crate::api::{
    Error, Kind, Object, Result,
    client::{Patch, Subresource},
    error::{Cause, Reason},
    patch, validate,
};

pub(super) fn create(object: &Object) -> Result<()> {
    refuse(object, validate::create(object))
}

pub(super) fn update(new: &Object, old: &Object, subresource: Subresource) -> Result<()> {
    refuse(new, validate::update(new, old, subresource))
}

fn refuse(object: &Object, causes: Vec<Cause>) -> Result<()> {
    if causes.is_empty() { Ok(()) } else { Err(Error::invalid(object.kind(), object.name(), causes)) }
}

pub(super) fn warnings(object: &Object) -> Vec<String> {
    match object {
        Object::Pod(pod) => crate::api::warnings::pod(pod),
        Object::Other(other) => crate::api::warnings::other(other),
        Object::Service(service) => crate::api::warnings::service(service),
        Object::Node(node) => crate::api::warnings::node(node),
        _ => Vec::new(),
    }
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

pub(super) fn patched(kind: Kind, value: Value, patch: &Patch) -> Result<Value> {
    match patch {
        Patch::Merge(patch) => Ok(patch::json_merge(&value, patch)),
        Patch::Strategic(patch) => patch::strategic(kind, &value, patch).map_err(Error::bad_request),
        Patch::Json(patch) if !patch.is_array() => patch::json_patch(&value, patch).map_err(Error::bad_request),
        // Why is for the server's log alone.
        Patch::Json(patch) => patch::json_patch(&value, patch)
            .map_err(|_| Error::new(Reason::Invalid, "the server rejected our request due to an error in our request")),
        // Lists merge by their keys.
        Patch::Apply(patch) => patch::strategic(kind, &value, patch).map_err(Error::bad_request),
    }
}
