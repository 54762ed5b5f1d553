//! EndpointSlices and Endpoints.

use serde_json::Value;

use super::{annotations, labels};
use crate::api::{Kind, other::Other};

pub fn describe(out: &mut String, object: &Other) {
    let meta = &object.metadata;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    out.push_str(&format!("Name:\t{}\nNamespace:\t{}\n", text(&meta.name), text(&meta.namespace)));
    labels(out, "Labels:", meta.labels.as_ref());
    annotations(out, meta.annotations.as_ref());
    match object.kind {
        Kind::EndpointSlice => slice(out, object),
        _ => subsets(out, object),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A text, number or truth; `<unset>` where there is none.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "<unset>".into(),
        Value::String(text) if text.is_empty() => "<unset>".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn ports(out: &mut String, ports: &[Value], indent: &str) {
    out.push_str(&format!("{indent}Name\tPort\tProtocol\n{indent}----\t----\t--------\n"));
    for port in ports {
        let (name, number, protocol) = (shown(&port["name"]), shown(&port["port"]), shown(&port["protocol"]));
        out.push_str(&format!("{indent}{name}\t{number}\t{protocol}\n"));
    }
}

fn slice(out: &mut String, slice: &Other) {
    out.push_str(&format!("AddressType:\t{}\n", slice.text("addressType")));
    match list(slice.at("ports")) {
        [] => out.push_str("Ports: <unset>\n"),
        all => {
            out.push_str("Ports:\n");
            ports(out, all, "  ");
        }
    }
    let endpoints = list(slice.at("endpoints"));
    if endpoints.is_empty() {
        return out.push_str("Endpoints: <none>\n");
    }
    out.push_str("Endpoints:\n");
    for endpoint in endpoints {
        let addresses: Vec<String> = list(&endpoint["addresses"]).iter().map(shown).collect();
        out.push_str(&format!("  - Addresses:\t{}\n    Conditions:\n", addresses.join(",")));
        out.push_str(&format!("      Ready:\t{}\n", shown(&endpoint["conditions"]["ready"])));
        out.push_str(&format!("    Hostname:\t{}\n", shown(&endpoint["hostname"])));
        let target = &endpoint["targetRef"];
        if target.is_object() {
            out.push_str(&format!("    TargetRef:\t{}/{}\n", shown(&target["kind"]), shown(&target["name"])));
        }
        out.push_str(&format!("    NodeName:\t{}\n", shown(&endpoint["nodeName"])));
        out.push_str(&format!("    Zone:\t{}\n", shown(&endpoint["zone"])));
    }
}

fn subsets(out: &mut String, object: &Other) {
    out.push_str("Subsets:\n");
    for subset in list(object.at("subsets")) {
        for (title, key) in [("Addresses", "addresses"), ("NotReadyAddresses", "notReadyAddresses")] {
            let all: Vec<String> = list(&subset[key]).iter().map(|address| shown(&address["ip"])).collect();
            let all = if all.is_empty() { "<none>".into() } else { all.join(",") };
            out.push_str(&format!("  {title}:\t{all}\n"));
        }
        let all = list(&subset["ports"]);
        if !all.is_empty() {
            out.push_str("  Ports:\n");
            ports(out, all, "    ");
        }
        out.push('\n');
    }
}
