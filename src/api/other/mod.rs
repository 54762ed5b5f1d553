//! Objects of kinds that no component here reads as types: JSON values beneath typed metadata.
//!
//! The schema decodes them as strictly as the typed ones, [`defaults`] and [`registry`] make of them what the apiserver
//! makes, rules on values validate and print them. A type of Rust for each would make the page far larger.
//! Invariant: the content is what Go's struct of the kind's own version would hold; `apiVersion`, `kind` and `metadata`
//! are not in it.

pub mod defaults;
pub mod hpa;
pub mod registry;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value};

use super::{object::Kind, pod::PodSpec, schema, wire};

#[derive(Clone, Debug, PartialEq)]
pub struct Other {
    pub kind: Kind,
    /// The older version of the kind that the content is written in, on its way from or to a client.
    pub older: Option<&'static str>,
    pub metadata: ObjectMeta,
    pub content: Map<String, Value>,
}

impl Other {
    pub fn read(kind: Kind, value: Value) -> Result<Other, serde_json::Error> {
        let mut content: Map<String, Value> = serde_json::from_value(value)?;
        let metadata = match content.remove("metadata") {
            None | Some(Value::Null) => ObjectMeta::default(),
            Some(metadata) => serde_json::from_value(metadata)?,
        };
        content.remove("kind");
        let given = content.remove("apiVersion");
        let older = kind.older_version().filter(|older| given.as_ref().is_some_and(|given| given == older));
        Ok(Other { kind, older, metadata, content })
    }

    pub fn to_value(&self) -> Value {
        let version = self.older.map_or_else(|| self.kind.api_version(), str::to_string);
        let mut map = self.content.clone();
        // Metadata has string keys and always serialises.
        map.insert("metadata".into(), serde_json::to_value(&self.metadata).unwrap_or_default());
        map.insert("kind".into(), self.kind.name().into());
        map.insert("apiVersion".into(), version.clone().into());
        let mut value = Value::Object(map);
        if let Some(of) = schema::of_version(self.kind, Some(&version)) {
            wire::complete_all(of, &mut value);
        }
        value
    }

    /// The value at a JSON pointer without its first slash, `spec/replicas`; null if there is none.
    pub fn at(&self, path: &str) -> &Value {
        let mut names = path.split('/');
        let first = names.next().and_then(|name| self.content.get(name)).unwrap_or(&Value::Null);
        names.fold(first, |value, name| value.get(name).unwrap_or(&Value::Null))
    }

    /// Text at a pointer; "" if there is none.
    pub fn text(&self, path: &str) -> &str {
        self.at(path).as_str().unwrap_or_default()
    }

    /// Where the pods that are made after it are described, if the kind has that: `spec/template`.
    pub fn template_path(&self) -> Option<&'static str> {
        match self.kind {
            Kind::PodTemplate => Some("template"),
            Kind::CronJob => Some("spec/jobTemplate/spec/template"),
            Kind::DaemonSet
            | Kind::Deployment
            | Kind::Job
            | Kind::ReplicaSet
            | Kind::ReplicationController
            | Kind::StatefulSet => Some("spec/template"),
            _ => None,
        }
    }

    /// The spec of those pods.
    pub fn pod_spec(&self) -> Option<PodSpec> {
        let path = self.template_path()?;
        serde_json::from_value(self.at(path).get("spec")?.clone()).ok()
    }

    /// Everything but the status.
    pub fn desired(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.content.iter().filter(|(key, _)| *key != "status")
    }
}

/// The map under a key, made if it isn't there.
fn entry<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("just made a map"),
    }
}

/// Sets what is unset; "" counts as unset, as in Go.
fn preset(map: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    let unset = map.get(key).is_none_or(|value| value.is_null() || value.as_str().is_some_and(str::is_empty));
    if unset {
        map.insert(key.into(), value.into());
    }
}

/// The maps in a list.
fn items<'a>(map: &'a mut Map<String, Value>, key: &str) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    map.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}
