//! The servers that come with the catalogue's images. Each listens on simulated sockets and logs
//! what the real one logs.

pub mod agnhost;
pub mod envoy;
pub mod http_server;
pub mod nginx;
pub mod node;
pub mod pause;

use super::Entry;

pub const TABLE: &[Entry] = &[
    entry!("agnhost", agnhost::main, "the end-to-end tests' helper"),
    entry!("envoy", envoy::main, "a proxy"),
    entry!("http-server", http_server::main, "a web server made of a file of routes"),
    entry!("nginx", nginx::main, "a web server"),
    entry!("node", node::main, "runs the images' own JavaScript"),
    entry!("pause", pause::main, "does nothing until told to end"),
];
