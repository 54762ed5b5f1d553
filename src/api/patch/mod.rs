//! Patches: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch and the three-way patch that
//! `kubectl apply` makes (`apimachinery/pkg/util/strategicpatch`).
//!
//! All work on JSON values; which lists merge by which key is in the [`schema`](super::schema).

mod diff;
mod json_patch;
mod merge;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{
    object::Kind,
    schema::{self, Field, Struct},
};

pub use diff::{three_way, two_way};
pub use json_patch::json_patch;

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const SET_ORDER: &str = "$setElementOrder/";
const DELETE_PRIMITIVES: &str = "$deleteFromPrimitiveList/";

/// A merge patch: null deletes, lists are replaced.
pub fn json_merge(current: &Value, patch: &Value) -> Value {
    let mut merged = current.clone();
    json_merge_into(&mut merged, patch);
    merged
}

fn json_merge_into(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(value) = value else { return };
    for (key, patch) in patch {
        if patch.is_null() {
            value.remove(key);
        } else {
            json_merge_into(value.entry(key).or_insert(Value::Null), patch);
        }
    }
}

/// The object after a strategic merge patch.
pub fn strategic(kind: Kind, current: &Value, patch: &Value) -> Result<Value, String> {
    let (Value::Object(mut object), Value::Object(patch)) = (current.clone(), patch.clone()) else {
        return Err("invalid JSON document".into());
    };
    merge::merge(&mut object, patch, schema::of_kind(kind), merge::Mode::Apply)?;
    Ok(Value::Object(object))
}

/// A field of a type that is known, found or not.
fn field(of: Option<&'static Struct>, name: &str) -> Option<&'static Field> {
    of.and_then(|of| of.field(name))
}

fn index_of(list: &[Value], item: &Value, key: Option<&str>) -> Option<usize> {
    list.iter().position(|other| match key {
        Some(key) => other.get(key) == item.get(key),
        None => other == item,
    })
}

fn is_delete(item: &Value) -> bool {
    item.get(DIRECTIVE).and_then(Value::as_str) == Some("delete")
}

/// Items in the order of another list; what that list lacks keeps its place, deletions come last.
fn in_order(items: Vec<Value>, order: &[Value], key: Option<&str>) -> Vec<Value> {
    let (deletions, mut items): (Vec<Value>, Vec<Value>) = items.into_iter().partition(is_delete);
    items.sort_by_key(|item| index_of(order, item, key).unwrap_or(0));
    items.extend(deletions);
    items
}

/// Items that only the server has, woven into those of the patch by the server's order.
fn weave(server_only: Vec<Value>, patch: Vec<Value>, server: &[Value], key: Option<&str>) -> Vec<Value> {
    let mut woven = Vec::with_capacity(server_only.len() + patch.len());
    let (mut left, mut right) = (server_only.into_iter().peekable(), patch.into_iter().peekable());
    loop {
        let from_left = match (left.peek(), right.peek()) {
            (Some(l), Some(r)) => match (index_of(server, l, key), index_of(server, r, key)) {
                (Some(l), Some(r)) => l < r,
                _ => false,
            },
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return woven,
        };
        woven.extend(if from_left { left.next() } else { right.next() });
    }
}
