//! The part of Envoy's bootstrap file that the simulation acts on.

use std::net::{IpAddr, SocketAddr};

use serde_yaml::Value;

/// A listener with its HTTP routes.
pub struct Listener {
    pub name: String,
    pub address: SocketAddr,
    /// Path of the certificate, if it speaks TLS.
    pub certificate: Option<String>,
    pub routes: Vec<Route>,
}

pub struct Route {
    pub prefix: String,
    pub action: Action,
}

#[derive(Clone)]
pub enum Action {
    Cluster(String),
    Direct { status: u16, body: String },
}

pub struct Cluster {
    pub name: String,
    pub endpoints: Vec<SocketAddr>,
}

pub struct Config {
    pub admin: Option<SocketAddr>,
    pub listeners: Vec<Listener>,
    pub clusters: Vec<Cluster>,
}

impl Config {
    pub fn parse(text: &str) -> Result<Config, String> {
        let root: Value = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        let statics = &root["static_resources"];
        let admin = &root["admin"]["address"];
        Ok(Config {
            admin: if admin.is_null() { None } else { Some(address(admin, "admin")?) },
            listeners: list(&statics["listeners"]).iter().map(listener).collect::<Result<_, _>>()?,
            clusters: list(&statics["clusters"]).iter().map(cluster).collect::<Result<_, _>>()?,
        })
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_sequence().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn address(value: &Value, of: &str) -> Result<SocketAddr, String> {
    let socket = &value["socket_address"];
    let host = socket["address"].as_str().unwrap_or("0.0.0.0");
    let ip: IpAddr = host.parse().map_err(|_| format!("malformed IP address: {host}"))?;
    let port = socket["port_value"].as_u64().and_then(|p| u16::try_from(p).ok());
    Ok(SocketAddr::new(ip, port.ok_or_else(|| format!("{of}: port_value: value must be a port"))?))
}

fn listener(value: &Value) -> Result<Listener, String> {
    let name = text(&value["name"]).unwrap_or_default();
    let chain = &value["filter_chains"][0];
    let certificates = &chain["transport_socket"]["typed_config"]["common_tls_context"]["tls_certificates"];
    let mut routes = Vec::new();
    for filter in list(&chain["filters"]) {
        for host in list(&filter["typed_config"]["route_config"]["virtual_hosts"]) {
            for route in list(&host["routes"]) {
                let direct = &route["direct_response"];
                let action = match text(&route["route"]["cluster"]) {
                    Some(cluster) => Action::Cluster(cluster),
                    None => Action::Direct {
                        status: direct["status"].as_u64().and_then(|s| u16::try_from(s).ok()).unwrap_or(404),
                        body: text(&direct["body"]["inline_string"]).unwrap_or_default(),
                    },
                };
                let prefix = text(&route["match"]["prefix"]).unwrap_or_else(|| "/".into());
                routes.push(Route { prefix, action });
            }
        }
    }
    let certificate = text(&certificates[0]["certificate_chain"]["filename"]);
    Ok(Listener { address: address(&value["address"], &name)?, name, certificate, routes })
}

fn cluster(value: &Value) -> Result<Cluster, String> {
    let name = text(&value["name"]).ok_or("clusters: name: value length must be at least 1 bytes")?;
    let mut endpoints = Vec::new();
    for locality in list(&value["load_assignment"]["endpoints"]) {
        for endpoint in list(&locality["lb_endpoints"]) {
            endpoints.push(address(&endpoint["endpoint"]["address"], &name)?);
        }
    }
    Ok(Cluster { name, endpoints })
}
