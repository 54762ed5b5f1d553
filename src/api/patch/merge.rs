//! Applying a strategic merge patch to an object, or to another patch.

use serde_json::{Map, Value};

use super::{DELETE_PRIMITIVES, DIRECTIVE, RETAIN_KEYS, SET_ORDER, field, in_order, index_of, is_delete, weave};
use crate::api::schema::{Field, Struct};

type Object = Map<String, Value>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Onto an object: directives are carried out and vanish.
    Apply,
    /// Two patches into one: directives stay.
    Combine,
}

pub fn merge(original: &mut Object, mut patch: Object, of: Option<&'static Struct>, mode: Mode) -> Result<(), String> {
    match patch.remove(DIRECTIVE) {
        None => {}
        Some(Value::String(word)) if word == "replace" => {
            *original = patch;
            return Ok(());
        }
        Some(Value::String(word)) if word == "delete" => {
            original.clear();
            return Ok(());
        }
        Some(other) => return Err(format!("unknown patch type: {other} in map: {}", Value::Object(patch))),
    }
    retain_keys(original, &mut patch, mode)?;
    ordered_lists(original, &mut patch, of, mode)?;
    for (key, value) in patch {
        if let Some(name) = key.strip_prefix(DELETE_PRIMITIVES) {
            match mode {
                Mode::Combine => drop(original.insert(key, value)),
                Mode::Apply => delete_primitives(original, name, &value),
            }
            continue;
        }
        let found = field(of, &key);
        if value.is_null() {
            original.remove(&key);
            if mode == Mode::Combine {
                original.insert(key, Value::Null);
            }
            continue;
        }
        match (original.get_mut(&key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => {
                if found.is_some_and(|field| field.strategy == "replace") {
                    *into = from;
                } else {
                    merge(into, from, found.and_then(|field| field.shape.inner()), mode)?;
                }
            }
            (Some(Value::Array(into)), Value::Array(from)) => {
                *into = list(std::mem::take(into), from, found, mode)?;
            }
            (_, mut value) => {
                if mode == Mode::Apply {
                    discard_nulls(&mut value);
                }
                if without_directives(&mut value) {
                    original.insert(key, value);
                } else {
                    original.remove(&key);
                }
            }
        }
    }
    Ok(())
}

fn retain_keys(original: &mut Object, patch: &mut Object, mode: Mode) -> Result<(), String> {
    let Some(keys) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let Value::Array(names) = &keys else { return Err(format!("invalid value for special key: {RETAIN_KEYS}")) };
    match mode {
        Mode::Combine => drop(original.insert(RETAIN_KEYS.into(), keys)),
        Mode::Apply => original.retain(|key, _| names.iter().any(|name| name.as_str() == Some(key))),
    }
    Ok(())
}

/// Lists whose order the patch gives (`$setElementOrder/NAME`), merged and ordered.
fn ordered_lists(
    original: &mut Object,
    patch: &mut Object,
    of: Option<&'static Struct>,
    mode: Mode,
) -> Result<(), String> {
    let keys: Vec<String> = patch.keys().filter(|key| key.starts_with(SET_ORDER)).cloned().collect();
    for directive in keys {
        let Some(Value::Array(order)) = patch.remove(&directive) else {
            return Err(format!("invalid value for special key: {directive}"));
        };
        if mode == Mode::Combine {
            original.insert(directive.clone(), Value::Array(order.clone()));
        }
        let name = &directive[SET_ORDER.len()..];
        let found = field(of, name);
        let key = found.and_then(|field| field.merge_key);
        let server = match original.get(name) {
            Some(Value::Array(items)) => Some(items.clone()),
            _ => None,
        };
        let merged = match (server.clone(), patch.remove(name)) {
            (None, None) => continue,
            (Some(items), None | Some(Value::Null)) => items,
            (None, Some(mut items)) => {
                without_directives(&mut items);
                let Value::Array(items) = items else {
                    patch.insert(name.into(), items);
                    continue;
                };
                items
            }
            (Some(items), Some(Value::Array(from))) => {
                // A list of the patch must be part of the order that it gives.
                let listed = |item: &Value| is_delete(item) || index_of(&order, item, key).is_some();
                if !from.iter().all(listed) {
                    return Err(format!(
                        "The order in patch list:\n{}\n doesn't match {directive} list:\n{}\n",
                        Value::Array(from),
                        Value::Array(order)
                    ));
                }
                list(items, from, found, mode)?
            }
            (Some(_), Some(other)) => {
                original.insert(name.into(), other);
                continue;
            }
        };
        let (ours, server_only): (Vec<Value>, Vec<Value>) =
            merged.into_iter().partition(|item| index_of(&order, item, key).is_some());
        let server = server.unwrap_or_default();
        let woven = weave(in_order(server_only, &server, key), in_order(ours, &order, key), &server, key);
        original.insert(name.into(), Value::Array(woven));
    }
    Ok(())
}

fn list(original: Vec<Value>, patch: Vec<Value>, of: Option<&Field>, mode: Mode) -> Result<Vec<Value>, String> {
    let Some(of) = of.filter(|field| field.merges()) else { return Ok(patch) };
    let inner = of.shape.inner();
    let Some(key) = of.merge_key else {
        let mut merged: Vec<Value> = Vec::new();
        for item in original.iter().chain(&patch) {
            if !merged.contains(item) {
                merged.push(item.clone());
            }
        }
        let (ours, server_only): (Vec<Value>, Vec<Value>) = merged.into_iter().partition(|item| patch.contains(item));
        return Ok(weave(server_only, in_order(ours, &patch, None), &original, None));
    };
    let no_key = |item: &Value| format!("map: {item} does not contain declared merge key: {key}");
    let (mut original, mut wanted, mut replace) = (original, Vec::new(), false);
    for item in patch {
        match item.get(DIRECTIVE).and_then(Value::as_str) {
            None if item.get(DIRECTIVE).is_some() || !item.is_object() => {
                return Err(format!("invalid value for special key: {DIRECTIVE}"));
            }
            None => wanted.push(item),
            Some("delete") => {
                let value = item.get(key).ok_or_else(|| no_key(&item))?;
                original.retain(|other| other.get(key) != Some(value));
            }
            Some("replace") => replace = true,
            Some("merge") => return Err("merging lists cannot yet be specified in the patch".into()),
            Some(other) => return Err(format!("unknown patch type: {other} in map: {item}")),
        }
    }
    if replace {
        return Ok(wanted);
    }
    let server = original.clone();
    for item in &wanted {
        let value = item.get(key).ok_or_else(|| no_key(item))?;
        let same = original.iter_mut().find(|other| other.get(key) == Some(value));
        match (same, item) {
            (Some(Value::Object(into)), Value::Object(from)) => {
                // A deletion is undone by an item of the other patch.
                merge(into, from.clone(), inner, mode)?;
            }
            (_, item) => {
                let mut item = item.clone();
                if mode == Mode::Apply {
                    discard_nulls(&mut item);
                    without_directives(&mut item);
                }
                original.push(item);
            }
        }
    }
    let (ours, server_only): (Vec<Value>, Vec<Value>) =
        original.into_iter().partition(|item| index_of(&wanted, item, Some(key)).is_some());
    Ok(weave(in_order(server_only, &server, Some(key)), in_order(ours, &wanted, Some(key)), &server, Some(key)))
}

fn delete_primitives(original: &mut Object, name: &str, gone: &Value) {
    if let (Some(Value::Array(items)), Value::Array(gone)) = (original.get_mut(name), gone) {
        items.retain(|item| !gone.contains(item));
    }
}

fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(discard_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// Takes parts with a `$patch` out; whether the value itself stays.
fn without_directives(value: &mut Value) -> bool {
    match value {
        Value::Object(map) => {
            if map.contains_key(DIRECTIVE) {
                return false;
            }
            map.retain(|_, value| without_directives(value));
        }
        Value::Array(items) => items.retain_mut(without_directives),
        _ => {}
    }
    true
}
