//! Kubernetes objects: k8s-openapi's v1.36 types, what the API machinery adds to them (kinds,
//! strict decoding, defaulting, validation, quantities, selectors, durations), and [`ApiClient`],
//! the one trait between clients and cluster.

pub mod available;
pub mod client;
pub mod cron;
pub mod decode;
pub mod default;
pub mod diagnose;
pub mod disabled;
pub mod disruption;
pub mod duration;
pub mod error;
pub mod field;
mod internal;
pub mod metrics;
pub mod names;
pub mod object;
pub mod other;
pub mod patch;
pub mod pod;
pub mod quantity;
pub mod resources;
pub mod restart;
pub mod schema;
pub mod selector;
pub mod taints;
pub mod template_hash;
pub mod validate;
pub mod volumes;
pub mod warnings;
pub mod wire;
pub mod zones;

pub use client::{ApiClient, Result};
pub use error::Error;
pub use object::{Kind, Object, Resource};
pub use pod::{Container, Pod, PodSpec, Shared, SharedSpec, Volume};
