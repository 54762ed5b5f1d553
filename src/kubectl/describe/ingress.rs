//! `describeIngressV1`.

use serde_json::Value;

use super::{annotations, labels};
use crate::{
    api::{Kind, Object, client::ListOptions, other::Other},
    kubectl::{Ctx, Failure},
};

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub async fn describe(cx: &Ctx, out: &mut String, o: &Other) -> Result<(), Failure> {
    let meta = &o.metadata;
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    out.push_str(&format!("Name:\t{}\n", meta.name.as_deref().unwrap_or_default()));
    labels(out, "Labels:", meta.labels.as_ref());
    let balancers = o.at("status/loadBalancer").get("ingress").and_then(Value::as_array);
    let addresses = balancers.into_iter().flatten().map(|one| match text(&one["ip"]).as_str() {
        "" => text(&one["hostname"]),
        ip => ip.to_string(),
    });
    let addresses: Vec<String> = addresses.filter(|address| !address.is_empty()).collect();
    let class = o.at("spec/ingressClassName").as_str().unwrap_or("<none>");
    let default = match o.at("spec/defaultBackend") {
        Value::Null => "<default>".to_string(),
        given => backend(cx, namespace, given).await?,
    };
    out.push_str(&format!(
        "Namespace:\t{namespace}\nAddress:\t{}\nIngress Class:\t{class}\nDefault backend:\t{default}\n",
        addresses.join(",")
    ));
    let tls = o.at("spec/tls").as_array().map_or(&[][..], Vec::as_slice);
    if !tls.is_empty() {
        out.push_str("TLS:\n");
    }
    for one in tls {
        let hosts: Vec<String> = one["hosts"].as_array().into_iter().flatten().map(text).collect();
        match text(&one["secretName"]).as_str() {
            "" => out.push_str(&format!("  SNI routes {}\n", hosts.join(","))),
            secret => out.push_str(&format!("  {secret} terminates {}\n", hosts.join(","))),
        }
    }
    out.push_str("Rules:\n  Host\tPath\tBackends\n  ----\t----\t--------\n");
    let mut count = 0;
    for rule in o.at("spec/rules").as_array().into_iter().flatten().filter(|rule| rule["http"].is_object()) {
        count += 1;
        let host = rule["host"].as_str().filter(|host| !host.is_empty()).unwrap_or("*");
        out.push_str(&format!("  {host}\t\n"));
        for path in rule["http"]["paths"].as_array().into_iter().flatten() {
            let to = backend(cx, namespace, &path["backend"]).await?;
            out.push_str(&format!("    \t{} \t{to}\n", text(&path["path"])));
        }
    }
    if count == 0 {
        out.push_str(&format!("  *\t*\t{default}\n"));
    }
    annotations(out, meta.annotations.as_ref());
    Ok(())
}

/// `web:80 (10.244.1.2:80,…)`
async fn backend(cx: &Ctx, namespace: &str, backend: &Value) -> Result<String, Failure> {
    let service = &backend["service"];
    if !service.is_object() {
        let resource = &backend["resource"];
        let group = resource["apiGroup"].as_str().unwrap_or("<none>");
        let (kind, name) = (text(&resource["kind"]), text(&resource["name"]));
        return Ok(format!("APIGroup: {group}, Kind: {kind}, Name: {name}"));
    }
    let name = text(&service["name"]);
    let port = &service["port"];
    let wanted = if port["number"].as_i64().unwrap_or(0) != 0 { text(&port["number"]) } else { text(&port["name"]) };
    let shown = format!("{name}:{wanted}");
    let found = match cx.client.get(Kind::Service, namespace, &name).await {
        Ok(Object::Service(found)) => found,
        Ok(_) => return Ok(shown),
        Err(error) => return Ok(format!("{shown} (<error: {error}>)")),
    };
    let ports = found.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let named = ports.into_iter().find(|p| p.port.to_string() == wanted || p.name.as_deref() == Some(&wanted));
    let port_name = named.and_then(|port| port.name.clone()).unwrap_or_default();
    let options =
        ListOptions { label_selector: format!("kubernetes.io/service-name={name}"), ..ListOptions::default() };
    let slices = cx.client.list(Kind::EndpointSlice, namespace, options).await?.items;
    let mut addresses = Vec::new();
    for object in &slices {
        let Object::Other(slice) = object else { continue };
        for port in slice.at("ports").as_array().into_iter().flatten().filter(|p| text(&p["name"]) == port_name) {
            for endpoint in slice.at("endpoints").as_array().into_iter().flatten() {
                if endpoint["conditions"]["ready"] != Value::Bool(false) {
                    let all = endpoint["addresses"].as_array().into_iter().flatten();
                    addresses.extend(all.map(|address| format!("{}:{}", text(address), text(&port["port"]))));
                }
            }
        }
    }
    let more = if addresses.len() > 3 { format!(" + {} more...", addresses.len() - 3) } else { String::new() };
    addresses.truncate(3);
    let list = if addresses.is_empty() { "<none>".to_string() } else { addresses.join(",") + &more };
    Ok(format!("{shown} ({list})"))
}
