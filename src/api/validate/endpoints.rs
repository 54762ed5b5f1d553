//! EndpointSlices and Endpoints (`pkg/apis/discovery/validation`, `ValidateEndpoints`).

use std::net::IpAddr;

use serde_json::Value;

use super::{
    address,
    others::{list, one_of, text},
};
use crate::api::{
    field::{Errors, Path},
    names,
    other::Other,
};

const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const MOST_ENDPOINTS: usize = 1000;
const MOST_ADDRESSES: usize = 100;
const MOST_PORTS: usize = 20_000;
const MOST_HINTS: usize = 8;

pub fn slice(errors: &mut Errors, object: &Other, old: Option<&Other>) {
    let root = Value::Object(object.content.clone());
    one_of(errors, &root, "addressType", &["FQDN", "IPv4", "IPv6"], &Path::NONE);
    slice_ports(errors, list(object.at("ports")), &Path::root("ports"));
    // What hasn't changed was good enough once.
    if old.is_none_or(|old| old.at("endpoints") != object.at("endpoints")) {
        endpoints(errors, list(object.at("endpoints")), object.text("addressType"), &Path::root("endpoints"));
    }
}

fn slice_ports(errors: &mut Errors, ports: &[Value], path: &Path) {
    if ports.len() > MOST_PORTS {
        return errors.too_many(path, ports.len(), MOST_PORTS);
    }
    let mut known = Vec::new();
    for (at, port) in ports.iter().enumerate() {
        let path = path.index(at);
        let name = text(&port["name"]);
        if !name.is_empty() {
            errors.invalid_each(&path.child("name"), name, names::dns1123_label(name));
        }
        if known.contains(&name) {
            errors.duplicate(&path.child("name"), name);
        }
        known.push(name);
        protocols(errors, port, &path);
    }
}

fn protocols(errors: &mut Errors, port: &Value, path: &Path) {
    one_of(errors, port, "protocol", PROTOCOLS, path);
    if let Some(name) = port["appProtocol"].as_str() {
        errors.invalid_each(&path.child("appProtocol"), name, names::qualified_name(name));
    }
}

fn endpoints(errors: &mut Errors, endpoints: &[Value], kind: &str, path: &Path) {
    if endpoints.len() > MOST_ENDPOINTS {
        return errors.too_many(path, endpoints.len(), MOST_ENDPOINTS);
    }
    for (at, endpoint) in endpoints.iter().enumerate() {
        let path = path.index(at);
        let addresses_path = path.child("addresses");
        let addresses = list(&endpoint["addresses"]);
        if addresses.is_empty() {
            errors.required(&addresses_path, "must contain at least 1 address");
        } else if addresses.len() > MOST_ADDRESSES {
            errors.too_many(&addresses_path, addresses.len(), MOST_ADDRESSES);
        }
        for (at, address) in addresses.iter().map(text).enumerate() {
            let path = addresses_path.index(at);
            match kind {
                "IPv4" | "IPv6" => {
                    let Some(parsed) = address::ip(errors, address, &path) else { continue };
                    if parsed.is_ipv4() != (kind == "IPv4") {
                        errors.invalid(&addresses_path, address, &format!("must be an {kind} address"));
                    }
                    address::endpoint(errors, parsed, address, &path);
                }
                "FQDN" => domain(errors, address, &path),
                _ => {}
            }
        }
        if let Some(name) = endpoint["nodeName"].as_str() {
            errors.invalid_each(&path.child("nodeName"), name, names::dns1123_subdomain(name));
        }
        if let Some(name) = endpoint["hostname"].as_str() {
            errors.invalid_each(&path.child("hostname"), name, names::dns1123_label(name));
        }
        let path = path.child("hints");
        hints(errors, list(&endpoint["hints"]["forZones"]), names::label_value, &path.child("forZones"));
        hints(errors, list(&endpoint["hints"]["forNodes"]), names::dns1123_subdomain, &path.child("forNodes"));
    }
}

/// `IsFullyQualifiedDomainName`
fn domain(errors: &mut Errors, name: &str, path: &Path) {
    if name.is_empty() {
        return errors.required(path, "");
    }
    let bare = name.strip_suffix('.').unwrap_or(name);
    let wrong = names::dns1123_subdomain(bare);
    if !wrong.is_empty() {
        return errors.invalid_each(path, bare, wrong);
    }
    if !bare.contains('.') {
        return errors.invalid(path, bare, "should be a domain with at least two segments separated by dots");
    }
    for label in bare.split('.') {
        errors.invalid_each(path, label, names::dns1123_label(label));
    }
}

fn hints(errors: &mut Errors, hints: &[Value], rule: impl Fn(&str) -> Vec<String>, path: &Path) {
    if hints.len() > MOST_HINTS {
        return errors.too_many(path, hints.len(), MOST_HINTS);
    }
    let mut known = Vec::new();
    for (at, name) in hints.iter().map(|hint| text(&hint["name"])).enumerate() {
        let path = path.index(at);
        let path = path.child("name");
        if known.contains(&name) {
            errors.duplicate(&path, name);
        }
        known.push(name);
        errors.invalid_each(&path, name, rule(name));
    }
}

/// The older kind.
pub fn subsets(errors: &mut Errors, object: &Other, old: Option<&Other>) {
    if old.is_some_and(|old| old.at("subsets") == object.at("subsets")) {
        return;
    }
    let root = Path::root("subsets");
    for (at, subset) in list(object.at("subsets")).iter().enumerate() {
        let path = root.index(at);
        if list(&subset["addresses"]).is_empty() && list(&subset["notReadyAddresses"]).is_empty() {
            errors.required(&path, "must specify `addresses` or `notReadyAddresses`");
        }
        for key in ["addresses", "notReadyAddresses"] {
            let path = path.child(key);
            for (at, one) in list(&subset[key]).iter().enumerate() {
                subset_address(errors, one, &path.index(at));
            }
        }
        let ports = list(&subset["ports"]);
        let path = path.child("ports");
        for (at, port) in ports.iter().enumerate() {
            let path = path.index(at);
            match text(&port["name"]) {
                "" if ports.len() > 1 => errors.required(&path.child("name"), ""),
                "" => {}
                name => errors.invalid_each(&path.child("name"), name, names::dns1123_label(name)),
            }
            let number = port["port"].as_i64().unwrap_or(0);
            errors.invalid_each(&path.child("port"), &number, names::port_number(number));
            protocols(errors, port, &path);
        }
    }
}

fn subset_address(errors: &mut Errors, one: &Value, path: &Path) {
    let given = text(&one["ip"]);
    let ip_path = path.child("ip");
    let parsed = address::ip(errors, given, &ip_path);
    match text(&one["hostname"]) {
        "" => {}
        name => errors.invalid_each(&path.child("hostname"), name, names::dns1123_label(name)),
    }
    if let Some(name) = one["nodeName"].as_str() {
        errors.invalid_each(&path.child("nodeName"), name, names::dns1123_subdomain(name));
    }
    match parsed.or_else(|| given.parse::<IpAddr>().ok()) {
        Some(parsed) => address::endpoint(errors, parsed, given, &ip_path),
        None => errors.invalid(&ip_path, given, "must be a valid IP address"),
    }
}
