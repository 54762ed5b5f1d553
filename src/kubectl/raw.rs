//! `kubectl get --raw PATH`: what the server answers to a path, as it is.

use serde_json::{Map, Value, json};

use super::{Ctx, Failure, Outcome, printers::compact};
use crate::api::{
    Error, Kind, Object,
    client::{ListOptions, LogOptions},
    error::Reason,
};

/// What has to have started before the server is ready, in the order in which it says so.
const CHECKS: &str = "ping log etcd etcd-readiness informer-sync \
    poststarthook/start-apiserver-admission-initializer poststarthook/generic-apiserver-start-informers \
    poststarthook/priority-and-fairness-config-consumer poststarthook/priority-and-fairness-filter \
    poststarthook/storage-object-count-tracker-hook poststarthook/start-apiextensions-informers \
    poststarthook/start-apiextensions-controllers poststarthook/crd-informer-synced \
    poststarthook/start-system-namespaces-controller poststarthook/start-cluster-authentication-info-controller \
    poststarthook/start-kube-apiserver-identity-lease-controller \
    poststarthook/start-kube-apiserver-identity-lease-garbage-collector \
    poststarthook/start-legacy-token-tracking-controller poststarthook/start-service-ip-repair-controllers \
    poststarthook/rbac/bootstrap-roles poststarthook/scheduling/bootstrap-system-priority-classes \
    poststarthook/priority-and-fairness-config-producer poststarthook/bootstrap-controller \
    poststarthook/start-kubernetes-service-cidr-controller poststarthook/aggregator-reload-proxy-client-cert \
    poststarthook/start-kube-aggregator-informers poststarthook/apiservice-status-local-available-controller \
    poststarthook/apiservice-status-remote-available-controller poststarthook/apiservice-registration-controller \
    poststarthook/apiservice-discovery-controller poststarthook/kube-apiserver-autoregistration \
    autoregister-completion poststarthook/apiservice-openapi-controller \
    poststarthook/apiservice-openapiv3-controller";

/// Checks that only one of the three endpoints makes.
const READY_ALONE: [&str; 2] = ["etcd-readiness", "informer-sync"];

pub async fn main(cx: &Ctx, uri: &str) -> Outcome {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let parameter = |name: &str| {
        let pair = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pair.filter(|(key, _)| *key == name).map(|(_, value)| decoded(value)).next()
    };
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let text = match parts[..] {
        [probe @ ("healthz" | "livez" | "readyz")] => {
            cx.client.version().await?;
            if parameter("verbose").is_some() { checks(probe) } else { "ok".into() }
        }
        ["version"] => version(&cx.client.version().await?),
        ["api"] => compact(&json!({"kind": "APIVersions", "versions": ["v1"]})) + "\n",
        ["api", version, ref rest @ ..] if !rest.is_empty() => object(cx, "", version, rest, parameter).await?,
        ["apis", group, version, ref rest @ ..] if !rest.is_empty() => {
            object(cx, group, version, rest, parameter).await?
        }
        _ => return Err(missing()),
    };
    cx.out(text).await;
    Ok(0)
}

fn missing() -> Failure {
    Error::new(Reason::NotFound, "the server could not find the requested resource").into()
}

fn checks(probe: &str) -> String {
    let ready = probe == "readyz";
    let names = CHECKS.split_whitespace().filter(|name| ready || !READY_ALONE.contains(name));
    let mut text: String = names.map(|name| format!("[+]{name} ok\n")).collect();
    if ready {
        text += "[+]shutdown ok\n";
    }
    text + &format!("{probe} check passed\n")
}

fn version(git: &str) -> String {
    let numbers = git.trim_start_matches('v');
    let mut parts = numbers.split('.');
    let (major, minor) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let before = minor.parse::<u32>().map(|minor| minor.saturating_sub(1).to_string()).unwrap_or_default();
    let fields = [
        ("major", major),
        ("minor", minor),
        ("emulationMajor", major),
        ("emulationMinor", minor),
        ("minCompatibilityMajor", major),
        ("minCompatibilityMinor", &before),
        ("gitVersion", git),
        ("gitTreeState", "clean"),
        ("compiler", "gc"),
        ("platform", "linux/amd64"),
    ];
    let lines: Vec<String> = fields.iter().map(|(key, value)| format!("  \"{key}\": \"{value}\"")).collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

/// Percent signs undone.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, code.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(if first == b'+' { b' ' } else { first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What is at a path below a group and version: an object, or a list.
async fn object(
    cx: &Ctx,
    group: &str,
    version: &str,
    rest: &[&str],
    parameter: impl Fn(&str) -> Option<String>,
) -> Result<String, Failure> {
    let kind = |plural: &str| {
        let found = Kind::ALL.iter().copied().find(|kind| kind.plural() == plural && kind.group() == group);
        found.filter(|kind| kind.version() == version).ok_or_else(missing)
    };
    let (namespace, kind, rest) = match *rest {
        ["namespaces", namespace, plural, ref rest @ ..] if !["status", "finalize"].contains(&plural) => {
            (namespace, kind(plural)?, rest)
        }
        [plural, ref rest @ ..] => ("", kind(plural)?, rest),
        [] => return Err(missing()),
    };
    match *rest {
        [] => {
            let options = ListOptions {
                label_selector: parameter("labelSelector").unwrap_or_default(),
                field_selector: parameter("fieldSelector").unwrap_or_default(),
                resource_version: 0,
            };
            let list = cx.client.list(kind, namespace, options).await?;
            let items: Vec<String> = list.items.iter().map(|object| whole(object, false)).collect();
            Ok(format!(
                "{{\"kind\":\"{kind}List\",\"apiVersion\":\"{}\",\"metadata\":{{\"resourceVersion\":\"{}\"}},\"items\":[{}]}}\n",
                kind.api_version(),
                list.resource_version,
                items.join(",")
            ))
        }
        [name] | [name, "status"] => {
            let object = cx.client.get(kind, namespace, name).await?;
            Ok(whole(&object, true) + "\n")
        }
        [name, "log"] if kind == Kind::Pod => {
            let options = LogOptions { container: parameter("container"), ..LogOptions::default() };
            let mut log = cx.client.logs(namespace, name, options).await?;
            let mut bytes = Vec::new();
            while let Some(chunk) = log.recv().await {
                bytes.extend(chunk);
            }
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => Err(missing()),
    }
}

/// An object as the server sends it: its kind first, which the items of a list don't have.
fn whole(object: &Object, with_kind: bool) -> String {
    let mut value = object.to_value();
    let map = value.as_object_mut().map(std::mem::take).unwrap_or_default();
    let first = if with_kind { &["kind", "apiVersion", "metadata"][..] } else { &["metadata"] };
    let others = map.keys().filter(|key| !["kind", "apiVersion", "metadata"].contains(&key.as_str()));
    let keys: Vec<&str> = first.iter().copied().chain(others.map(String::as_str)).collect();
    let field = |map: &Map<String, Value>, key: &str| map.get(key).map(|value| format!("\"{key}\":{}", compact(value)));
    let fields: Vec<String> = keys.iter().filter_map(|key| field(&map, key)).collect();
    format!("{{{}}}", fields.join(","))
}
