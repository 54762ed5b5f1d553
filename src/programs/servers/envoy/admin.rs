//! Envoy's administration interface.

use super::Envoy;
use crate::programs::net::http::{self, Request, Response};

/// (path, what it does, whether it changes something and so wants POST)
const COMMANDS: &[(&str, &str, bool)] = &[
    ("certs", "certificates of this machine", false),
    ("clusters", "state of the upstream clusters", false),
    ("config_dump", "the configuration in use", false),
    ("healthcheck/fail", "make health checks of this server fail", true),
    ("healthcheck/ok", "make health checks of this server succeed", true),
    ("help", "this list as text", false),
    ("listeners", "the listeners", false),
    ("memory", "memory in use", false),
    ("quitquitquit", "end this server", true),
    ("ready", "whether this server is ready", false),
    ("reset_counters", "set all counters to zero", true),
    ("server_info", "version and state of this server", false),
    ("stats", "counters", false),
];

/// Answers a request; true if the server must end after it.
pub fn answer(envoy: &Envoy, request: &Request) -> (Response, bool) {
    let name = request.path().trim_start_matches('/');
    if COMMANDS.iter().any(|(n, _, changes)| *n == name && *changes) && request.method != "POST" {
        return (text(envoy, 405, format!("Method Not Allowed: {} must be POST\n", request.path())), false);
    }
    let (status, body) = match name {
        "" => return (page(envoy, "text/html; charset=UTF-8", 200, index()), false),
        "help" => (200, help()),
        "ready" => match (envoy.draining.get(), ()) {
            (true, ()) => (503, "DRAINING\n".to_owned()),
            (false, ()) => (200, "LIVE\n".to_owned()),
        },
        "healthcheck/fail" => {
            envoy.draining.set(true);
            (200, "OK\n".to_owned())
        }
        "healthcheck/ok" => {
            envoy.draining.set(false);
            (200, "OK\n".to_owned())
        }
        "quitquitquit" => return (text(envoy, 200, "OK\n".to_owned()), true),
        "reset_counters" => {
            envoy.stats.borrow_mut().clear();
            (200, "OK\n".to_owned())
        }
        "listeners" => (200, envoy.config.listeners.iter().map(|l| format!("{}::{}\n", l.name, l.address)).collect()),
        "clusters" => (200, clusters(envoy)),
        "stats" => (200, stats(envoy)),
        "server_info" => return (json(envoy, server_info(envoy)), false),
        "memory" => {
            let body = serde_json::json!({
                "allocated": "3913488", "heap_size": "6291456", "pageheap_unmapped": "0",
                "pageheap_free": "327680", "total_thread_cache": "1032376",
            });
            return (json(envoy, body), false);
        }
        "certs" => return (json(envoy, certs(envoy)), false),
        "config_dump" => {
            return match serde_yaml::from_str::<serde_json::Value>(&envoy.config_text) {
                Ok(bootstrap) => (json(envoy, serde_json::json!({"configs": [{"bootstrap": bootstrap}]})), false),
                Err(error) => (text(envoy, 500, format!("{error}\n")), false),
            };
        }
        _ => (404, format!("invalid path. admin commands are:\n{}", help())),
    };
    (text(envoy, status, body), false)
}

fn page(envoy: &Envoy, kind: &str, status: u16, body: String) -> Response {
    let mut response = Response::new(status)
        .with("content-type", kind)
        .with("cache-control", "no-cache, max-age=0")
        .with("x-content-type-options", "nosniff")
        .with("date", http::date(envoy.proc.sim()))
        .with("server", "envoy")
        .with("transfer-encoding", "chunked");
    response.body = body.into_bytes();
    response
}

fn text(envoy: &Envoy, status: u16, body: String) -> Response {
    page(envoy, "text/plain; charset=UTF-8", status, body)
}

fn json(envoy: &Envoy, body: serde_json::Value) -> Response {
    page(envoy, "application/json", 200, format!("{body:#}\n"))
}

fn help() -> String {
    COMMANDS.iter().map(|(name, about, _)| format!("  /{name}: {about}\n")).collect()
}

fn index() -> String {
    let mut html = String::from(
        "<!DOCTYPE html>\n<head>\n  <title>Envoy Admin</title>\n</head>\n<body>\n  <table border='1'>\n    <thead>\n      \
         <th>Command</th>\n      <th>Description</th>\n    </thead>\n    <tbody>\n",
    );
    for (name, about, changes) in COMMANDS {
        let command = if *changes {
            format!("<form action='{name}' method='post'><button>{name}</button></form>")
        } else {
            format!("<a href='{name}'>{name}</a>")
        };
        html.push_str(&format!("      <tr><td>{command}</td><td>{about}</td></tr>\n"));
    }
    html + "    </tbody>\n  </table>\n</body>\n"
}

fn stats(envoy: &Envoy) -> String {
    let mut all = envoy.stats.borrow().clone();
    all.insert("server.live".into(), 1);
    all.insert("server.uptime".into(), envoy.uptime());
    all.insert("listener_manager.total_listeners_active".into(), envoy.config.listeners.len() as u64);
    all.insert("cluster_manager.active_clusters".into(), envoy.config.clusters.len() as u64);
    all.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

fn clusters(envoy: &Envoy) -> String {
    let stats = envoy.stats.borrow();
    let mut text = String::new();
    for cluster in &envoy.config.clusters {
        let name = &cluster.name;
        text.push_str(&format!("{name}::observability_name::{name}\n{name}::added_via_api::false\n"));
        for endpoint in &cluster.endpoints {
            for (shown, stat) in [
                ("cx_connect_fail", "upstream_cx_connect_fail"),
                ("cx_total", "upstream_cx_total"),
                ("rq_error", "upstream_rq_503"),
                ("rq_success", "upstream_rq_200"),
                ("rq_total", "upstream_rq_total"),
            ] {
                let value = stats.get(&format!("cluster.{name}.{stat}")).copied().unwrap_or(0);
                text.push_str(&format!("{name}::{endpoint}::{shown}::{value}\n"));
            }
            text.push_str(&format!("{name}::{endpoint}::health_flags::healthy\n{name}::{endpoint}::weight::1\n"));
        }
    }
    text
}

fn server_info(envoy: &Envoy) -> serde_json::Value {
    let uptime = format!("{}s", envoy.uptime());
    serde_json::json!({
        "version": super::VERSION,
        "state": if envoy.draining.get() { "DRAINING" } else { "LIVE" },
        "uptime_current_epoch": uptime,
        "uptime_all_epochs": uptime,
        "hot_restart_version": "11.104",
        "command_line_options": { "config_path": envoy.config_path, "log_level": "info" },
    })
}

fn certs(envoy: &Envoy) -> serde_json::Value {
    let shown: Vec<serde_json::Value> = envoy
        .certificates
        .iter()
        .flatten()
        .map(|(path, certificate)| {
            let left = certificate.not_after.duration_since(envoy.proc.sim().wall()).as_hours() / 24;
            serde_json::json!({"ca_cert": [], "cert_chain": [{
                "path": path,
                "days_until_expiration": left.to_string(),
                "valid_from": certificate.not_before.to_string(),
                "expiration_time": certificate.not_after.to_string(),
            }]})
        })
        .collect();
    serde_json::json!({ "certificates": shown })
}
