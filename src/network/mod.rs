//! What makes Services more than objects: kube-proxy's rules and CoreDNS' answers.
//!
//! Every node's kube-proxy makes the same rules of the same objects, so they are kept once for all.

pub mod coredns;
pub mod proxy;
mod table;

pub use table::Table;
