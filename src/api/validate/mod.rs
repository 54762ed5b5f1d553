//! Validation of objects, with the apiserver's texts (`pkg/apis/core/validation`).
//!
//! One function for each upstream validator, in files by subject. Objects come defaulted. Maps are walked in the order of
//! their keys where Go's order is by chance.

mod address;
mod cluster;
pub mod container;
mod endpoints;
pub mod env;
pub mod handler;
mod job;
mod limits;
mod meta;
mod options;
mod others;
pub mod pod;
pub mod resources;
mod scaling;
pub mod scheduling;
mod security;
mod service;
mod storage;
#[cfg(test)]
mod tests;
pub mod update;
pub mod volume;
mod volume_kinds;
mod workloads;

use super::{
    client::Subresource,
    error::Cause,
    field::{Errors, Path},
    object::Object,
};

pub use meta::{label_selector, labels, object_meta};
pub use options::Options;
pub use pod::pod_spec;

/// What is wrong with a new object.
pub fn create(object: &Object) -> Vec<Cause> {
    let mut errors = Errors::new();
    match object {
        Object::Pod(pod) => pod::create(&mut errors, pod),
        Object::Namespace(namespace) => cluster::namespace(&mut errors, namespace),
        Object::Node(node) => cluster::node(&mut errors, node),
        Object::ConfigMap(map) => cluster::config_map(&mut errors, map),
        Object::Secret(secret) => cluster::secret(&mut errors, secret),
        Object::Service(service) => service::create(&mut errors, service),
        Object::PriorityClass(class) => cluster::priority_class(&mut errors, class),
        Object::Lease(lease) => cluster::lease(&mut errors, lease),
        Object::Other(other) => others::create(&mut errors, other),
        other => {
            meta::object_meta(&mut errors, other.meta(), other.kind().namespaced(), meta::Name::Subdomain, &METADATA)
        }
    }
    unique(errors)
}

/// What is wrong with a change of an object or of a part of it.
pub fn update(new: &Object, old: &Object, subresource: Subresource) -> Vec<Cause> {
    let options = match old {
        Object::Pod(pod) => Options::for_update(pod),
        _ => Options::default(),
    };
    let mut errors = Errors::with(options);
    match (new, old) {
        (Object::Pod(new), Object::Pod(old)) => match subresource {
            Subresource::Status => update::pod_status(&mut errors, new, old),
            Subresource::EphemeralContainers => update::ephemeral_containers(&mut errors, new, old),
            Subresource::Resize => update::resize(&mut errors, new, old),
            _ => update::pod(&mut errors, new, old),
        },
        _ => {
            meta::object_meta_update(&mut errors, new.meta(), old.meta(), &METADATA);
            if subresource == Subresource::None {
                match (new, old) {
                    (Object::ConfigMap(new), Object::ConfigMap(old)) => {
                        cluster::config_map_update(&mut errors, new, old)
                    }
                    (Object::Secret(new), Object::Secret(old)) => cluster::secret_update(&mut errors, new, old),
                    (Object::Node(new), Object::Node(old)) => cluster::node_update(&mut errors, new, old),
                    (Object::PriorityClass(new), Object::PriorityClass(old)) => {
                        cluster::priority_class_update(&mut errors, new, old);
                    }
                    (Object::Service(new), Object::Service(old)) => service::update(&mut errors, new, old),
                    (Object::Lease(new), _) => cluster::lease(&mut errors, new),
                    (Object::Other(new), Object::Other(old)) => others::update(&mut errors, new, old),
                    _ => {}
                }
            }
        }
    }
    unique(errors)
}

const METADATA: Path<'static> = Path::root("metadata");

/// The same text is told once, as the apiserver aggregates it.
fn unique(errors: Errors) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for cause in errors.into_causes() {
        if !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    causes
}

/// "" for absent texts, as Go has it.
fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}

fn names_of_gates(spec: &crate::api::PodSpec) -> Vec<&str> {
    spec.scheduling_gates.iter().flatten().map(|gate| gate.name.as_str()).collect()
}
