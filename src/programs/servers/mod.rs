//! The servers that come with the catalogue's images. Each listens on simulated sockets and logs
//! what the real one logs.

pub mod agnhost;
mod busybox_httpd;
pub mod control_plane;
pub mod daemon;
pub mod envoy;
pub mod http_server;
pub mod httpd;
pub mod nginx;
pub mod node;
pub mod pause;
pub mod perl;
pub mod python;
pub mod redis;
mod static_files;
mod template;

use super::Entry;

pub const TABLE: &[Entry] = &[
    entry!("busybox-httpd", ctx busybox_httpd::main, "a small web server"),
    entry!("agnhost", agnhost::main, "the end-to-end tests' helper"),
    entry!("daemon", daemon::main, "a server of which only the outside is simulated"),
    entry!("envoy", envoy::main, "a proxy"),
    entry!("etcd", control_plane::etcd, "the cluster's store"),
    entry!("http-server", http_server::main, "a web server made of a file of routes"),
    entry!("httpd", httpd::main, "a web server"),
    entry!("kube-apiserver", control_plane::apiserver, "the cluster's front door"),
    entry!("kube-controller-manager", control_plane::controller_manager, "the cluster's controllers"),
    entry!("kube-proxy", control_plane::proxy, "a node's way to services"),
    entry!("kube-scheduler", control_plane::scheduler, "chooses nodes for pods"),
    entry!("nginx", nginx::main, "a web server"),
    entry!("node", node::main, "runs the images' own JavaScript"),
    entry!("pause", pause::main, "does nothing until told to end"),
    entry!("perl", perl::main, "prints pi"),
    entry!("python3", python::main, "python3 -m http.server"),
    entry!("redis-cli", redis::cli::main, "talks to redis-server"),
    entry!("redis-server", redis::server::main, "keeps values by key"),
];
