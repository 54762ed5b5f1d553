//! What makes Services more than objects: kube-proxy's rules and CoreDNS' answers; and the world outside the cluster.
//!
//! Every node's kube-proxy makes the same rules of the same objects, so they are kept once for all.

pub mod coredns;
pub mod internet;
pub mod proxy;
mod table;

pub use table::Table;
