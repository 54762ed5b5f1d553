//! Making strategic merge patches from objects.

use serde_json::{Map, Value};

use super::{DELETE_PRIMITIVES, DIRECTIVE, RETAIN_KEYS, SET_ORDER, field, in_order, merge};
use crate::api::{
    object::Kind,
    schema::{self, Field, Struct},
};

type Object = Map<String, Value>;

/// Which differences count.
#[derive(Clone, Copy)]
struct Options {
    deletions: bool,
    changes: bool,
    /// Tell the order of lists.
    order: bool,
    retain_keys: bool,
}

/// The patch of `kubectl apply`: what `modified` (the file) changes in `current` (the server's), and what it has left out
/// since `original` (the last-applied configuration). `{}` if nothing.
pub fn three_way(kind: Kind, original: &Value, modified: &Value, current: &Value) -> Result<Value, String> {
    let of = schema::of_kind(kind);
    let nothing = Object::new();
    let map = |value: &Value| value.as_object().unwrap_or(&nothing).clone();
    let (original, modified, current) = (map(original), map(modified), map(current));
    let changes = Options { deletions: false, changes: true, order: true, retain_keys: false };
    let delta = maps(&current, &modified, of, changes)?;
    let deletions = Options { deletions: true, changes: false, order: true, retain_keys: false };
    let mut patch = maps(&original, &modified, of, deletions)?;
    merge::merge(&mut patch, delta, of, merge::Mode::Combine)?;
    Ok(Value::Object(patch))
}

/// The patch that makes `modified` of `original` (`kubectl edit`, `label`).
pub fn two_way(kind: Kind, original: &Value, modified: &Value) -> Result<Value, String> {
    let (Value::Object(original), Value::Object(modified)) = (original, modified) else {
        return Err("invalid JSON document".into());
    };
    let options = Options { deletions: true, changes: true, order: true, retain_keys: false };
    maps(original, modified, schema::of_kind(kind), options).map(Value::Object)
}

fn maps(original: &Object, modified: &Object, of: Option<&'static Struct>, options: Options) -> Result<Object, String> {
    let mut patch = Object::new();
    for (key, new) in modified {
        let found = field(of, key);
        match (original.get(key), new) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                let retain_keys = found.is_some_and(Field::retains_keys);
                if found.is_some_and(|field| field.strategy == "replace") {
                    if options.changes {
                        patch.insert(key.clone(), Value::Object(new.clone()));
                    }
                    continue;
                }
                let inner = found.and_then(|field| field.shape.inner());
                let within = maps(old, new, inner, Options { retain_keys, ..options })?;
                if !within.is_empty() {
                    patch.insert(key.clone(), Value::Object(within));
                }
            }
            (Some(Value::Array(old)), Value::Array(new)) => match found.filter(|field| field.merges()) {
                Some(found) => list(key, old, new, found, options, &mut patch)?,
                None if options.changes && old != new => {
                    patch.insert(key.clone(), Value::Array(new.clone()));
                }
                None => {}
            },
            (old, new) => {
                if options.changes && old != Some(new) {
                    patch.insert(key.clone(), new.clone());
                }
            }
        }
    }
    if options.deletions {
        for key in original.keys().filter(|key| !modified.contains_key(*key)) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    if options.retain_keys {
        let keys: Vec<Value> =
            modified.iter().filter(|(_, v)| !v.is_null()).map(|(key, _)| Value::from(key.as_str())).collect();
        let more = modified.keys().any(|key| !original.contains_key(key));
        if !keys.is_empty() && (!patch.is_empty() || more) {
            patch.insert(RETAIN_KEYS.into(), Value::Array(keys));
        }
    }
    Ok(patch)
}

fn list(
    name: &str,
    old: &[Value],
    new: &[Value],
    of: &Field,
    options: Options,
    patch: &mut Object,
) -> Result<(), String> {
    if old.is_empty() {
        if options.changes && !new.is_empty() {
            patch.insert(name.into(), Value::Array(new.to_vec()));
        }
        return Ok(());
    }
    let Some(key) = of.merge_key else {
        let add: Vec<Value> = new.iter().filter(|item| options.changes && !old.contains(item)).cloned().collect();
        let mut gone: Vec<Value> =
            old.iter().filter(|item| options.deletions && !new.contains(item)).cloned().collect();
        gone.sort_by_key(Value::to_string);
        gone.dedup();
        if (options.deletions && !gone.is_empty() || options.changes && old != new) && options.order && !new.is_empty()
        {
            patch.insert(format!("{SET_ORDER}{name}"), Value::Array(new.to_vec()));
        }
        if !add.is_empty() {
            patch.insert(name.into(), Value::Array(add));
        }
        if !gone.is_empty() {
            patch.insert(format!("{DELETE_PRIMITIVES}{name}"), Value::Array(gone));
        }
        return Ok(());
    };
    let value_of = |item: &Value| {
        let value = item.get(key).cloned();
        value.ok_or_else(|| format!("map: {item} does not contain declared merge key: {key}"))
    };
    let inner = of.shape.inner();
    let (mut items, mut gone) = (Vec::new(), Vec::new());
    for item in new {
        let value = value_of(item)?;
        match (old.iter().find(|other| other.get(key) == Some(&value)), item) {
            (Some(Value::Object(before)), Value::Object(after)) => {
                let within = Options { retain_keys: of.retains_keys(), ..options };
                let mut difference = maps(before, after, inner, within)?;
                if !difference.is_empty() {
                    difference.insert(key.into(), value);
                    items.push(Value::Object(difference));
                }
            }
            _ if options.changes => items.push(item.clone()),
            _ => {}
        }
    }
    for item in old {
        let value = value_of(item)?;
        if options.deletions && !new.iter().any(|other| other.get(key) == Some(&value)) {
            let mut deletion = Object::new();
            deletion.insert(key.into(), value);
            deletion.insert(DIRECTIVE.into(), Value::from("delete"));
            gone.push(Value::Object(deletion));
        }
    }
    gone.sort_by_key(|item| item.get(key).map(Value::to_string));
    let same_order = old.len() == new.len() && old.iter().zip(new).all(|(a, b)| a.get(key) == b.get(key));
    let mut items = in_order(items, new, Some(key));
    items.extend(gone);
    let tell = options.changes && (!items.is_empty() || !same_order) || options.deletions && !items.is_empty();
    if options.order && tell && !new.is_empty() {
        let order = new.iter().map(|item| {
            let mut only = Object::new();
            only.insert(key.into(), item.get(key).cloned().unwrap_or_default());
            Value::Object(only)
        });
        patch.insert(format!("{SET_ORDER}{name}"), Value::Array(order.collect()));
    }
    if !items.is_empty() {
        patch.insert(name.into(), Value::Array(items));
    }
    Ok(())
}
