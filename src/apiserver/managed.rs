//! Field managers: who set which field, and what server-side apply may not change (structured-merge-diff).
//!
//! A set of fields is a tree in the form of `FieldsV1`: `f:` a field, `k:` an item of a list by its keys, `v:` one by its
//! value; a node that is empty or holds `.` is a member itself. Only of what is sent as JSON something is kept: components
//! write objects, and what is theirs follows from what an object is ([`components`]). The set of an object's creator is
//! worked out when someone asks, too.

mod components;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry, Time};
use serde_json::{Map, Value};

use crate::api::{
    Error, Kind, Object,
    error::{Cause, Reason},
    schema::{self, Base, Field, Form, Shape, Struct},
    wire::compact,
};

/// What a write can change: everything but the status, or that alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Main,
    Status,
}

impl Part {
    fn subresource(self) -> Option<&'static str> {
        (self == Part::Status).then_some("status")
    }
}

type Fields = Map<String, Value>;

const APPLY: &str = "Apply";
const UPDATE: &str = "Update";

/// The manager of `kubectl apply --server-side`, which takes over from the client-side apply.
const KUBECTL: &str = "kubectl";
/// What the client-side apply applied last.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Metadata that has no manager.
const UNMANAGED: [&str; 8] =
    ["name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields", "resourceVersion"];

/// Whether a field's children have owners of their own; else it is one value.
fn granular<'a>(shape: Option<&'a Shape>, field: Option<&Field>) -> Option<Granular<'a>> {
    match &shape?.form {
        Form::Base(Base::Struct(index)) => Some(Granular::Struct(schema::struct_at(*index))),
        Form::Map(inner) => Some(Granular::Map(inner)),
        Form::List(inner) => match field?.list_type {
            Some("map") => Some(Granular::List(inner, field?.list_keys)),
            Some("set") => Some(Granular::Set),
            _ => None,
        },
        Form::Base(_) => None,
    }
}

enum Granular<'a> {
    Struct(&'static Struct),
    Map(&'a Shape),
    /// Items by their keys, which have commas between them.
    List(&'a Shape, &'static str),
    Set,
}

/// `k:{"name":"app"}`
fn key_of(item: &Value, keys: &str) -> String {
    let given = |key: &str| item.get(key).filter(|value| !value.is_null()).cloned();
    // A port's protocol is the one key with a default.
    let default = |key: &str| (key == "protocol").then(|| Value::from("TCP"));
    let keys: BTreeMap<&str, Value> =
        keys.split(',').filter_map(|key| Some((key, given(key).or_else(|| default(key))?))).collect();
    let parts: Vec<String> = keys.iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
    format!("k:{{{}}}", parts.join(","))
}

/// How a set is made: of a configuration that is applied, or of what is new in an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Applied,
    Added,
}

fn children(fields: impl IntoIterator<Item = (String, Value)>, own: bool) -> Value {
    let mut map: Fields = fields.into_iter().collect();
    if own && !map.is_empty() {
        map.insert(".".into(), Value::Object(Map::new()));
    }
    Value::Object(map)
}

/// The node of a value and all below it.
fn node(value: &Value, shape: Option<&Shape>, field: Option<&Field>, made: Made) -> Value {
    let own = made == Made::Added;
    match (value, granular(shape, field)) {
        (Value::Object(map), Some(Granular::Struct(of))) => {
            // What is there as null counts when an object is new, but nobody applies it.
            let fields = map.iter().filter(|(_, value)| own || !value.is_null()).map(|(key, value)| {
                let field = of.field(key);
                (format!("f:{key}"), node(value, field.map(|field| &field.shape), field, made))
            });
            children(fields, own)
        }
        (Value::Object(map), Some(Granular::Map(inner))) => {
            children(map.iter().map(|(key, value)| (format!("f:{key}"), node(value, Some(inner), None, made))), own)
        }
        (Value::Array(items), Some(Granular::List(inner, keys))) => {
            let item = |item: &Value| {
                let mut fields = node(item, Some(inner), None, made);
                if let Some(map) = fields.as_object_mut() {
                    map.insert(".".into(), Value::Object(Map::new()));
                }
                (key_of(item, keys), fields)
            };
            children(items.iter().map(item), own)
        }
        (Value::Array(items), Some(Granular::Set)) => {
            children(items.iter().map(|item| (format!("v:{item}"), Value::Object(Map::new()))), own)
        }
        _ => Value::Object(Map::new()),
    }
}

/// The fields of an object that can have a manager.
fn managed(value: &Value, part: Part) -> Value {
    if part == Part::Status {
        return Value::Object(
            value.get("status").map(|status| ("status".to_string(), status.clone())).into_iter().collect(),
        );
    }
    let mut value = value.clone();
    if let Some(map) = value.as_object_mut() {
        ["apiVersion", "kind", "status"].iter().for_each(|key| drop(map.remove(*key)));
    }
    if let Some(meta) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        UNMANAGED.iter().for_each(|key| drop(meta.remove(*key)));
        if meta.is_empty() {
            value.as_object_mut().and_then(|map| map.remove("metadata"));
        }
    }
    value
}

/// What a configuration sets.
fn applied(kind: Kind, config: &Value) -> Fields {
    let config = managed(config, Part::Main);
    let Some(of) = schema::of_kind(kind) else { return Fields::new() };
    let fields = config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()).map(|(key, value)| {
        let field = of.field(key);
        (format!("f:{key}"), node(value, field.map(|field| &field.shape), field, Made::Applied))
    });
    // What holds nothing that can be set is nobody's.
    fields.filter(|(_, node)| node.as_object().is_some_and(|map| !map.is_empty())).collect()
}

/// What `new` adds or changes; `None` if nothing.
fn changed(old: Option<&Value>, new: &Value, shape: Option<&Shape>, field: Option<&Field>) -> Option<Value> {
    let always = field.is_some_and(|field| !field.omit_empty);
    let nothing = match new {
        Value::Array(_) => Value::Array(Vec::new()),
        _ => Value::Object(Map::new()),
    };
    let old = match old.filter(|old| !old.is_null()) {
        Some(old) => old,
        // A field that is never left out was there before, though empty.
        None if always && (new.is_object() || new.is_array()) => &nothing,
        None => return Some(node(new, shape, field, Made::Added)),
    };
    if old == new {
        return None;
    }
    let some = |fields: Vec<(String, Value)>| (!fields.is_empty()).then(|| children(fields, false));
    match (old, new, granular(shape, field)) {
        (Value::Object(old), Value::Object(new), Some(Granular::Struct(of))) => some(
            new.iter()
                .filter(|(_, value)| !value.is_null())
                .filter_map(|(key, value)| {
                    let field = of.field(key);
                    let node = changed(old.get(key), value, field.map(|field| &field.shape), field)?;
                    Some((format!("f:{key}"), node))
                })
                .collect(),
        ),
        (Value::Object(old), Value::Object(new), Some(Granular::Map(inner))) => some(
            new.iter()
                .filter_map(|(key, value)| Some((format!("f:{key}"), changed(old.get(key), value, Some(inner), None)?)))
                .collect(),
        ),
        (Value::Array(old), Value::Array(new), Some(Granular::List(inner, keys))) => some(
            new.iter()
                .filter_map(|item| {
                    let key = key_of(item, keys);
                    match old.iter().find(|old| key_of(old, keys) == key) {
                        Some(old) => changed(Some(old), item, Some(inner), None).map(|node| (key, node)),
                        None => {
                            let mut node = node(item, Some(inner), None, Made::Added);
                            if let Some(map) = node.as_object_mut() {
                                map.insert(".".into(), Value::Object(Map::new()));
                            }
                            Some((key, node))
                        }
                    }
                })
                .collect(),
        ),
        (Value::Array(old), Value::Array(new), Some(Granular::Set)) => some(
            new.iter()
                .filter(|item| !old.contains(item))
                .map(|item| (format!("v:{item}"), Value::Object(Map::new())))
                .collect(),
        ),
        _ => Some(Value::Object(Map::new())),
    }
}

fn changes(kind: Kind, old: &Value, new: &Value, part: Part) -> Fields {
    let (old, new) = (managed(old, part), managed(new, part));
    let of = schema::of_kind(kind);
    let fields = new.as_object().into_iter().flatten().filter_map(|(key, value)| {
        let field = of.and_then(|of| of.field(key));
        // Metadata and spec are there in every object.
        let before = old.get(key).cloned().unwrap_or_else(|| match value {
            Value::Object(_) => Value::Object(Map::new()),
            _ => Value::Null,
        });
        Some((format!("f:{key}"), changed(Some(&before), value, field.map(|field| &field.shape), field)?))
    });
    fields.collect()
}

fn member(node: &Fields) -> bool {
    node.is_empty() || node.contains_key(".")
}

/// Takes the members of `other` out of `set`.
fn subtract(set: &mut Fields, other: &Fields) {
    set.retain(|key, value| {
        let (Some(own), Some(taken)) = (value.as_object_mut(), other.get(key).and_then(Value::as_object)) else {
            return true;
        };
        if key == "." {
            return false;
        }
        if own.is_empty() {
            return !member(taken);
        }
        subtract(own, taken);
        !own.is_empty()
    });
}

/// Adds the members of `other` to `set`.
fn unite(set: &mut Fields, other: &Fields) {
    for (key, added) in other {
        match set.get_mut(key).and_then(Value::as_object_mut) {
            None => drop(set.insert(key.clone(), added.clone())),
            Some(own) => {
                let Some(added) = added.as_object() else { continue };
                if own.is_empty() != added.is_empty() {
                    own.insert(".".into(), Value::Object(Map::new()));
                }
                unite(own, added);
            }
        }
    }
}

/// The paths that are members of both: `.spec.containers[name="app"].image`.
fn common(a: &Fields, b: &Fields, path: &str, found: &mut Vec<String>) {
    for (key, a) in a.iter().filter(|(key, _)| *key != ".") {
        let (Some(a), Some(b)) = (a.as_object(), b.get(key).and_then(Value::as_object)) else { continue };
        let path = format!("{path}{}", step(key));
        if member(a) && member(b) {
            found.push(path.clone());
        }
        common(a, b, &path, found);
    }
}

/// A key of the tree as paths show it.
fn step(key: &str) -> String {
    match key.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let parts: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", parts.join(","))
        }
        Some(("v", value)) => format!("[={value}]"),
        _ => String::new(),
    }
}

/// Takes out of a value what is a member of `set`.
fn remove(value: &mut Value, set: &Fields, shape: Option<&Shape>, field: Option<&Field>) {
    match (value, granular(shape, field)) {
        (Value::Object(map), Some(Granular::Struct(of))) => {
            for (key, node) in set {
                let (Some(name), Some(node)) = (key.strip_prefix("f:"), node.as_object()) else { continue };
                if member(node) {
                    map.remove(name);
                } else if let Some(inner) = map.get_mut(name) {
                    let field = of.field(name);
                    remove(inner, node, field.map(|field| &field.shape), field);
                }
            }
        }
        (Value::Object(map), Some(Granular::Map(_))) => {
            set.keys().filter_map(|key| key.strip_prefix("f:")).for_each(|name| drop(map.remove(name)));
        }
        (Value::Array(items), Some(Granular::List(inner, keys))) => {
            items.retain_mut(|item| match set.get(&key_of(item, keys)).and_then(Value::as_object) {
                Some(node) if member(node) => false,
                Some(node) => {
                    remove(item, node, Some(inner), None);
                    true
                }
                None => true,
            })
        }
        (Value::Array(items), Some(Granular::Set)) => items.retain(|item| !set.contains_key(&format!("v:{item}"))),
        _ => {}
    }
}

/// Takes out of a set what is no longer there.
fn prune(set: &mut Fields, value: &Value, shape: Option<&Shape>, field: Option<&Field>) {
    set.retain(|key, below| {
        if key == "." {
            return true;
        }
        let (found, shape, field) = match (value, granular(shape, field)) {
            (Value::Object(map), Some(Granular::Struct(of))) => {
                let name = key.strip_prefix("f:").unwrap_or_default();
                let field = of.field(name);
                (map.get(name), field.map(|field| &field.shape), field)
            }
            (Value::Object(map), Some(Granular::Map(inner))) => {
                (map.get(key.strip_prefix("f:").unwrap_or_default()), Some(inner), None)
            }
            (Value::Array(items), Some(Granular::List(inner, keys))) => {
                (items.iter().find(|item| key_of(item, keys) == *key), Some(inner), None)
            }
            (Value::Array(items), Some(Granular::Set)) => {
                (items.iter().find(|item| format!("v:{item}") == *key), None, None)
            }
            _ => (None, None, None),
        };
        let (Some(found), Some(below)) = (found.filter(|found| !found.is_null()), below.as_object_mut()) else {
            return false;
        };
        let whole = below.is_empty();
        prune(below, found, shape, field);
        whole || !below.is_empty()
    });
}

/// [`prune`] of all entries, for the object that is written.
fn prune_all(kind: Kind, entries: &mut [ManagedFieldsEntry], value: &Value) {
    for set in entries.iter_mut().filter_map(set_of) {
        set.retain(|key, below| {
            let name = key.strip_prefix("f:").unwrap_or_default();
            let field = schema::of_kind(kind).and_then(|of| of.field(name));
            let Some(below) = below.as_object_mut() else { return false };
            prune(below, &value[name], field.map(|field| &field.shape), field);
            !below.is_empty()
        });
    }
}

/// A manager's entry.
fn entry(
    kind: Kind,
    manager: &str,
    operation: &str,
    part: Part,
    fields: Option<Fields>,
    now: &Time,
) -> ManagedFieldsEntry {
    ManagedFieldsEntry {
        api_version: Some(kind.api_version()),
        fields_type: Some("FieldsV1".into()),
        fields_v1: fields.map(|fields| FieldsV1(Value::Object(fields))),
        manager: Some(manager.into()),
        operation: Some(operation.into()),
        subresource: part.subresource().map(String::from),
        time: Some(now.clone()),
    }
}

fn is(entry: &ManagedFieldsEntry, manager: &str, operation: &str, part: Part) -> bool {
    entry.manager.as_deref() == Some(manager)
        && entry.operation.as_deref() == Some(operation)
        && entry.subresource.as_deref() == part.subresource()
}

fn set_of(entry: &mut ManagedFieldsEntry) -> Option<&mut Fields> {
    entry.fields_v1.as_mut()?.0.as_object_mut()
}

/// The entry of whoever made an object; its fields are worked out by [`entries`].
pub fn created(object: &mut Object, manager: &str, now: &Time) {
    if !manager.is_empty() {
        let kind = object.kind();
        object.meta_mut().managed_fields = Some(vec![entry(kind, manager, UPDATE, Part::Main, None, now)]);
    }
}

/// The entry of whoever made an object by applying it.
pub fn created_by_apply(object: &mut Object, config: &Value, manager: &str, now: &Time) {
    let kind = object.kind();
    let fields = Some(applied(kind, config));
    object.meta_mut().managed_fields = Some(vec![entry(kind, manager, APPLY, Part::Main, fields, now)]);
}

/// The entries of an object, complete and in the order in which the server shows them.
pub fn entries(object: &Object) -> Vec<ManagedFieldsEntry> {
    let value = object.to_value();
    let mut entries = stored(object, &value);
    components::add(object, &value, &mut entries);
    // Appliers first, then by time and name.
    entries.sort_by(|a, b| {
        let key = |entry: &ManagedFieldsEntry| {
            (entry.operation.clone(), entry.time.as_ref().map(|time| time.0), entry.manager.clone())
        };
        key(a).cmp(&key(b))
    });
    entries
}

/// The entries that writes by people have to respect: all but those of statuses that components write.
fn stored(object: &Object, value: &Value) -> Vec<ManagedFieldsEntry> {
    let kind = object.kind();
    let mut entries = object.meta().managed_fields.clone().unwrap_or_default();
    if entries.is_empty()
        && let Some(maker) = components::maker(object)
    {
        let time = object.meta().creation_timestamp.clone().unwrap_or(Time(Default::default()));
        entries.push(entry(kind, maker, UPDATE, Part::Main, None, &time));
    }
    if entries.iter().any(|entry| entry.fields_v1.is_none()) {
        let made = components::as_made(kind, value);
        let fields = changes(kind, &Value::Object(Map::new()), &made, Part::Main);
        for entry in entries.iter_mut().filter(|entry| entry.fields_v1.is_none()) {
            entry.fields_v1 = Some(FieldsV1(Value::Object(fields.clone())));
        }
        entries.retain_mut(|entry| set_of(entry).is_none_or(|set| !set.is_empty()));
    }
    entries
}

/// Notes in `new` what `manager` changed of `old`.
pub fn updated(old: &Object, new: &mut Object, manager: &str, part: Part, now: &Time) {
    let kind = old.kind();
    let (before, after) = (old.to_value(), new.to_value());
    if manager.is_empty() || managed(&before, part) == managed(&after, part) {
        return;
    }
    let changes = changes(kind, &before, &after, part);
    let mut entries = stored(old, &before);
    prune_all(kind, &mut entries, &after);
    let own = entries.iter().position(|entry| is(entry, manager, UPDATE, part));
    for (_, other) in entries.iter_mut().enumerate().filter(|(at, _)| Some(*at) != own) {
        if let Some(set) = set_of(other) {
            subtract(set, &changes);
        }
    }
    match own.map(|at| &mut entries[at]) {
        Some(own) => {
            if let Some(set) = set_of(own) {
                unite(set, &changes);
            }
            own.time = Some(now.clone());
        }
        None if changes.is_empty() => {}
        None => entries.push(entry(kind, manager, UPDATE, part, Some(changes), now)),
    }
    keep(new, entries);
}

fn keep(object: &mut Object, mut entries: Vec<ManagedFieldsEntry>) {
    entries.retain_mut(|entry| set_of(entry).is_none_or(|set| !set.is_empty()));
    object.meta_mut().managed_fields = (!entries.is_empty()).then_some(entries);
}

/// Of a configuration that is applied to `live`: `merged` without what the manager no longer sets, and the entries that
/// follow. Refuses what others have set otherwise, unless it is forced.
pub fn apply(
    live: &Object,
    config: &Value,
    merged: &mut Value,
    manager: &str,
    force: bool,
    now: &Time,
) -> Result<Vec<ManagedFieldsEntry>, Error> {
    let kind = live.kind();
    let set = applied(kind, config);
    let before = live.to_value();
    let mut entries = stored(live, &before);
    let own = entries.iter().position(|entry| is(entry, manager, APPLY, Part::Main));
    if let Some(previous) = own.and_then(|at| set_of(&mut entries[at]).cloned()) {
        let mut dropped = previous;
        subtract(&mut dropped, &set);
        for (_, other) in entries.iter_mut().enumerate().filter(|(at, _)| Some(*at) != own) {
            if let Some(set) = set_of(other) {
                subtract(&mut dropped, set);
            }
        }
        if let Some(of) = schema::of_kind(kind) {
            for (key, node) in &dropped {
                let (Some(name), Some(node)) = (key.strip_prefix("f:"), node.as_object()) else { continue };
                let field = of.field(name);
                remove(&mut merged[name], node, field.map(|field| &field.shape), field);
            }
        }
    }
    prune_all(kind, &mut entries, merged);
    let changes = changes(kind, &before, merged, Part::Main);
    let mut conflicts: Vec<(String, String)> = Vec::new();
    for (_, other) in entries.iter_mut().enumerate().filter(|(at, _)| Some(*at) != own) {
        let shown = shown(other);
        let Some(set) = set_of(other) else { continue };
        let mut paths = Vec::new();
        common(set, &changes, "", &mut paths);
        conflicts.extend(paths.into_iter().map(|path| (shown.clone(), path)));
        subtract(set, &changes);
    }
    let last = live.meta().annotations.as_ref().and_then(|all| all.get(LAST_APPLIED)).filter(|_| manager == KUBECTL);
    if let Some(last) = last {
        // What kubectl itself applied before, it may change; and the note of it is kept up to date.
        let last: Value = serde_json::from_str(last).unwrap_or_default();
        let mut own = Vec::new();
        common(&applied(kind, &last), &changes, "", &mut own);
        conflicts.retain(|(_, path)| !own.contains(path));
        let text = compact(&managed_config(config)) + "\n";
        merged["metadata"]["annotations"][LAST_APPLIED] = text.into();
    }
    if !conflicts.is_empty() && !force {
        return Err(refused(conflicts));
    }
    match own {
        Some(at) if entries[at].fields_v1.as_ref().is_some_and(|fields| fields.0.as_object() == Some(&set)) => {}
        Some(at) => entries[at] = entry(kind, manager, APPLY, Part::Main, Some(set), now),
        None => entries.push(entry(kind, manager, APPLY, Part::Main, Some(set), now)),
    }
    entries.retain_mut(|entry| set_of(entry).is_none_or(|set| !set.is_empty()));
    Ok(entries)
}

/// A configuration without what only the server knows.
fn managed_config(config: &Value) -> Value {
    let mut config = config.clone();
    if let Some(meta) = config["metadata"].as_object_mut() {
        meta.remove("managedFields");
        if let Some(annotations) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(LAST_APPLIED);
        }
    }
    config
}

/// A manager in a message.
fn shown(entry: &ManagedFieldsEntry) -> String {
    let name = entry.manager.as_deref().unwrap_or_default();
    match entry.operation.as_deref() {
        Some(UPDATE) => format!("{name:?} using {}", entry.api_version.as_deref().unwrap_or_default()),
        _ => format!("{name:?}"),
    }
}

fn refused(conflicts: Vec<(String, String)>) -> Error {
    let message = match conflicts.as_slice() {
        [(manager, path)] => format!("Apply failed with 1 conflict: conflict with {manager}: {path}"),
        many => {
            let mut by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            many.iter().for_each(|(manager, path)| by.entry(manager).or_default().push(path));
            let lines: Vec<String> = by
                .iter()
                .map(|(manager, paths)| {
                    let paths: String = paths.iter().map(|path| format!("\n- {path}")).collect();
                    format!("conflicts with {manager}:{paths}")
                })
                .collect();
            format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n"))
        }
    };
    let mut error = Error::new(Reason::Conflict, message);
    error.causes = conflicts
        .into_iter()
        .map(|(manager, field)| Cause {
            reason: "FieldManagerConflict".into(),
            message: format!("conflict with {manager}"),
            field,
        })
        .collect();
    error
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn sets() {
        let config = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"x": "y"}},
            "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]},
        });
        let expected = json!({
            "f:metadata": {"f:labels": {"f:x": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {
                ".": {}, "f:name": {}, "f:image": {},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
            }}},
        });
        assert_eq!(Value::Object(applied(Kind::Pod, &config)), expected);
        let mut changed = config.clone();
        changed["spec"]["containers"][0]["image"] = "j".into();
        changed["metadata"]["labels"] = json!({});
        let changes = changes(Kind::Pod, &config, &changed, Part::Main);
        let expected = json!({"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {"f:image": {}}}}});
        assert_eq!(Value::Object(changes.clone()), expected);
        let mut paths = Vec::new();
        common(&applied(Kind::Pod, &config), &changes, "", &mut paths);
        assert_eq!(paths, [".spec.containers[name=\"c\"].image"]);
    }

    #[test]
    fn sums_and_differences() {
        let cases = [
            (json!({"f:a": {}, "f:b": {}}), json!({"f:a": {}}), json!({"f:b": {}}), json!({"f:a": {}, "f:b": {}})),
            (
                json!({"f:a": {".": {}, "f:b": {}}}),
                json!({"f:a": {"f:b": {}}}),
                json!({"f:a": {".": {}}}),
                json!({"f:a": {".": {}, "f:b": {}}}),
            ),
            (json!({"f:a": {"f:b": {}}}), json!({"f:a": {"f:b": {}}}), json!({}), json!({"f:a": {"f:b": {}}})),
            (json!({"f:a": {}}), json!({"f:a": {"f:b": {}}}), json!({"f:a": {}}), json!({"f:a": {".": {}, "f:b": {}}})),
        ];
        for (a, b, difference, sum) in cases {
            let mut set = fields(a.clone());
            subtract(&mut set, &fields(b.clone()));
            assert_eq!(Value::Object(set), difference, "{a} less {b}");
            let mut set = fields(a.clone());
            unite(&mut set, &fields(b.clone()));
            assert_eq!(Value::Object(set), sum, "{a} and {b}");
        }
    }
}
