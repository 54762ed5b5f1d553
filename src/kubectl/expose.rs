//! `kubectl expose`: a Service for what an object selects.

use serde_json::{Map, Value, json};

use super::{
    Args, Ctx, Failure, Outcome,
    program::finish,
    resource,
    write::{self, DryRun},
};
use crate::api::Kind;

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let dry_run = DryRun::of(args)?;
    let found = resource::fetch_chosen(cx, args, &args.args).await?;
    let mut failures = found.failures;
    for object in found.objects {
        let made = service(args, object.kind(), &object.to_value());
        let result = match made {
            Ok(value) => send(cx, args, object.namespace(), value, dry_run).await,
            Err(message) => Err(Failure::Message(message)),
        };
        failures.extend(result.err());
    }
    finish(cx, failures).await
}

/// Creates a Service that a command made, and tells of it.
pub async fn send(cx: &Ctx, args: &Args, namespace: &str, mut value: Value, dry_run: DryRun) -> Result<(), Failure> {
    if dry_run != DryRun::Client {
        value["metadata"]["namespace"] = namespace.into();
        let options = write::options(args, dry_run, "kubectl-expose");
        value = write::create(cx, Kind::Service, namespace, value, options).await?.to_value();
    }
    write::report(cx, args, Kind::Service, &value, "exposed", dry_run).await
}

fn service(args: &Args, kind: Kind, object: &Value) -> Result<Value, String> {
    let selector = match args.get("selector").filter(|text| !text.is_empty()) {
        Some(text) => pairs(text)?,
        None => match kind {
            Kind::Pod => object.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default(),
            Kind::Service => object.pointer("/spec/selector").and_then(Value::as_object).cloned().unwrap_or_default(),
            _ => match object.pointer("/spec/selector/matchLabels").and_then(Value::as_object) {
                Some(labels) => labels.clone(),
                None => return Err(format!("cannot expose a {}", kind.name())),
            },
        },
    };
    if selector.is_empty() {
        return Err("couldn't retrieve selectors via --selector flag or introspection: the object has no labels and cannot be exposed".into());
    }
    let spec = object.pointer("/spec/template/spec").or_else(|| object.get("spec"));
    let declared: Vec<(i64, String)> = spec
        .and_then(|spec| spec.get("containers"))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .flat_map(|container| container["ports"].as_array().cloned().unwrap_or_default())
        .filter_map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP").to_string();
            Some((port["containerPort"].as_i64()?, protocol))
        })
        .collect();
    let wanted: Vec<i64> = match args.get("port").filter(|text| !text.is_empty()) {
        Some(text) => {
            let ports: Result<Vec<i64>, _> = text.split(',').map(str::parse).collect();
            ports.map_err(|_| format!("strconv.Atoi: parsing \"{text}\": invalid syntax"))?
        }
        None => declared.iter().map(|(port, _)| *port).collect(),
    };
    if wanted.is_empty() {
        return Err("couldn't find port via --port flag or introspection".into());
    }
    let mut ports = Vec::new();
    for (i, port) in wanted.iter().enumerate() {
        let protocol = match args.get("protocol").filter(|text| !text.is_empty()) {
            Some(protocol) => protocol.to_string(),
            None => declared.iter().find(|(known, _)| known == port).map_or("TCP".into(), |(_, p)| p.clone()),
        };
        let target: Value = match args.get("target-port").filter(|text| !text.is_empty()) {
            Some(text) => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
            None => (*port).into(),
        };
        let mut entry = json!({"port": port, "protocol": protocol, "targetPort": target});
        if wanted.len() > 1 {
            entry["name"] = format!("port-{}", i + 1).into();
        }
        ports.push(entry);
    }
    let labels = match args.get("labels").filter(|text| !text.is_empty()) {
        Some(text) => pairs(text)?,
        None => object.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default(),
    };
    let name = args.get("name").filter(|name| !name.is_empty());
    let name = name.or_else(|| object.pointer("/metadata/name").and_then(Value::as_str)).unwrap_or_default();
    let mut metadata = json!({"name": name});
    if !labels.is_empty() {
        metadata["labels"] = Value::Object(labels);
    }
    let mut spec = json!({"ports": ports, "selector": selector});
    for (flag, key) in [
        ("type", "type"),
        ("cluster-ip", "clusterIP"),
        ("session-affinity", "sessionAffinity"),
        ("load-balancer-ip", "loadBalancerIP"),
    ] {
        if let Some(value) = args.get(flag).filter(|value| !value.is_empty()) {
            spec[key] = value.into();
        }
    }
    if let Some(ip) = args.get("external-ip").filter(|ip| !ip.is_empty()) {
        spec["externalIPs"] = json!([ip]);
    }
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": spec,
        "status": {"loadBalancer": {}},
    }))
}

fn pairs(text: &str) -> Result<Map<String, Value>, String> {
    let mut map = Map::new();
    for pair in text.split(',') {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("unexpected label spec: {pair}"))?;
        map.insert(key.into(), value.into());
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_for_a_pod() {
        let pod = json!({
            "metadata": {"name": "web", "labels": {"app": "w"}},
            "spec": {"containers": [{"ports": [{"containerPort": 80, "protocol": "TCP"}]}]},
        });
        let made = service(&Args::default(), Kind::Pod, &pod).unwrap();
        assert_eq!(
            made["spec"],
            json!({"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], "selector": {"app": "w"}})
        );
        assert_eq!(made["metadata"], json!({"labels": {"app": "w"}, "name": "web"}));
        let bare = json!({"metadata": {"name": "web", "labels": {"app": "w"}}, "spec": {"containers": [{}]}});
        let missing = service(&Args::default(), Kind::Pod, &bare);
        assert_eq!(missing, Err("couldn't find port via --port flag or introspection".into()));
    }
}
