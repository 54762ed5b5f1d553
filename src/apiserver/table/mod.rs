//! Rows for `kubectl get`: the columns and cells that the server prints for each kind
//! (`pkg/printers/internalversion`). Pure functions of an object and the present time.

mod other;
mod pod;

use k8s_openapi::{
    api::core::v1::{ConfigMap, Event, Node, Secret, Service, ServicePort},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
    jiff::Timestamp,
};

pub use pod::{ready_counts, status as pod_status};

use super::whole_seconds;
use crate::api::{Kind, Object, selector::format_labels};

/// A column of a kind's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// As printed: `NOMINATED NODE`.
    pub name: &'static str,
    /// Shown with `-o wide` only.
    pub wide: bool,
}

const fn column(name: &'static str) -> Column {
    Column { name, wide: false }
}

const fn wide(name: &'static str) -> Column {
    Column { name, wide: true }
}

const NAME: Column = column("NAME");
const AGE: Column = column("AGE");

/// The columns of a kind, in order. Wide ones may stand between others.
pub fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Pod => {
            const {
                &[
                    NAME,
                    column("READY"),
                    column("STATUS"),
                    column("RESTARTS"),
                    AGE,
                    wide("IP"),
                    wide("NODE"),
                    wide("NOMINATED NODE"),
                    wide("READINESS GATES"),
                ]
            }
        }
        Kind::Node => {
            const {
                &[
                    NAME,
                    column("STATUS"),
                    column("ROLES"),
                    AGE,
                    column("VERSION"),
                    wide("INTERNAL-IP"),
                    wide("EXTERNAL-IP"),
                    wide("OS-IMAGE"),
                    wide("KERNEL-VERSION"),
                    wide("CONTAINER-RUNTIME"),
                ]
            }
        }
        Kind::Event => {
            const {
                &[
                    column("LAST SEEN"),
                    column("TYPE"),
                    column("REASON"),
                    column("OBJECT"),
                    wide("SUBOBJECT"),
                    wide("SOURCE"),
                    column("MESSAGE"),
                    wide("FIRST SEEN"),
                    wide("COUNT"),
                    wide("NAME"),
                ]
            }
        }
        Kind::Service => {
            const {
                &[
                    NAME,
                    column("TYPE"),
                    column("CLUSTER-IP"),
                    column("EXTERNAL-IP"),
                    column("PORT(S)"),
                    AGE,
                    wide("SELECTOR"),
                ]
            }
        }
        Kind::Namespace => const { &[NAME, column("STATUS"), AGE] },
        Kind::ConfigMap => const { &[NAME, column("DATA"), AGE] },
        Kind::Secret => const { &[NAME, column("TYPE"), column("DATA"), AGE] },
        Kind::ServiceAccount => const { &[NAME, AGE] },
        Kind::Lease => const { &[NAME, column("HOLDER"), AGE] },
        Kind::PriorityClass => {
            const { &[NAME, column("VALUE"), column("GLOBAL-DEFAULT"), AGE, column("PREEMPTIONPOLICY")] }
        }
        kind => other::columns(kind),
    }
}

/// An object's cells, one for each of [`columns`].
pub fn row(object: &Object, now: Timestamp) -> Vec<String> {
    let name = object.name().to_string();
    let age = age(object.meta(), now);
    match object {
        Object::Pod(o) => pod::row(o, now),
        Object::Node(o) => node_row(o, age),
        Object::Event(o) => event_row(o, now),
        Object::Service(o) => service_row(o, age),
        Object::Namespace(o) => {
            vec![name, o.status.as_ref().and_then(|s| s.phase.clone()).unwrap_or_default(), age]
        }
        Object::ConfigMap(o) => vec![name, config_map_size(o).to_string(), age],
        Object::Secret(o) => secret_row(o, name, age),
        Object::ServiceAccount(_) => vec![name, age],
        Object::Lease(o) => {
            vec![name, o.spec.as_ref().and_then(|s| s.holder_identity.clone()).unwrap_or_default(), age]
        }
        Object::Other(o) => other::row(o, now),
        Object::PriorityClass(o) => vec![
            name,
            o.value.unwrap_or(0).to_string(),
            o.global_default.unwrap_or(false).to_string(),
            age,
            o.preemption_policy.clone().unwrap_or_default(),
        ],
    }
}

fn age(meta: &ObjectMeta, now: Timestamp) -> String {
    since(meta.creation_timestamp.as_ref(), now)
}

/// How long ago `time` was: `5m10s`, or `<unknown>`.
fn since(time: Option<&Time>, now: Timestamp) -> String {
    time.map_or_else(|| "<unknown>".into(), |time| elapsed(time.0, now))
}

/// From one whole second to another: an event's microseconds don't make it look younger.
fn elapsed(then: Timestamp, now: Timestamp) -> String {
    crate::api::duration::human_duration(whole_seconds(now).0.duration_since(whole_seconds(then).0).as_secs())
}

fn config_map_size(map: &ConfigMap) -> usize {
    map.data.as_ref().map_or(0, |d| d.len()) + map.binary_data.as_ref().map_or(0, |d| d.len())
}

fn secret_row(secret: &Secret, name: String, age: String) -> Vec<String> {
    let size = secret.data.as_ref().map_or(0, |d| d.len());
    vec![name, secret.type_.clone().unwrap_or_default(), size.to_string(), age]
}

fn node_row(node: &Node, age: String) -> Vec<String> {
    let name = node.metadata.name.clone().unwrap_or_default();
    let roles = roles(&node.metadata);
    let status = node.status.as_ref();
    let info = status.and_then(|s| s.node_info.as_ref());
    let address = |kind: &str| {
        let mut all = status.and_then(|s| s.addresses.as_deref()).unwrap_or_default().iter();
        all.find(|a| a.type_ == kind).map_or_else(|| "<none>".into(), |a| a.address.clone())
    };
    let known = |text: Option<&String>| match text.map(String::as_str) {
        None | Some("") => "<unknown>".to_string(),
        Some(text) => text.to_string(),
    };
    let kernel = match info.map(|i| (i.kernel_version.as_str(), i.architecture.as_str())) {
        None | Some(("", _)) => "<unknown>".to_string(),
        Some((kernel, "")) => kernel.to_string(),
        Some((kernel, architecture)) => format!("{kernel} ({architecture})"),
    };
    vec![
        name,
        node_status(node),
        if roles.is_empty() { "<none>".into() } else { roles.join(",") },
        age,
        info.map(|i| i.kubelet_version.clone()).unwrap_or_default(),
        address("InternalIP"),
        address("ExternalIP"),
        known(info.map(|i| &i.os_image)),
        kernel,
        known(info.map(|i| &i.container_runtime_version)),
    ]
}

/// `Ready`, `NotReady,SchedulingDisabled`, `Unknown`.
pub fn node_status(node: &Node) -> String {
    let conditions = node.status.as_ref().and_then(|s| s.conditions.as_deref()).unwrap_or_default();
    let mut status = match conditions.iter().find(|c| c.type_ == "Ready") {
        Some(ready) if ready.status == "True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_string();
    if node.spec.as_ref().and_then(|s| s.unschedulable) == Some(true) {
        status.push_str(",SchedulingDisabled");
    }
    status
}

/// The roles that a node's labels name, sorted.
pub fn roles(meta: &ObjectMeta) -> Vec<&str> {
    let mut roles: Vec<&str> = Vec::new();
    for (key, value) in meta.labels.iter().flatten() {
        if let Some(role) = key.strip_prefix("node-role.kubernetes.io/").filter(|role| !role.is_empty()) {
            roles.push(role);
        } else if key == "kubernetes.io/role" && !value.is_empty() {
            roles.push(value);
        }
    }
    roles.sort_unstable();
    roles.dedup();
    roles
}

fn event_row(event: &Event, now: Timestamp) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let first = match (&event.first_timestamp, &event.event_time) {
        (Some(time), _) => since(Some(time), now),
        (None, Some(time)) => elapsed(time.0, now),
        (None, None) => "<unknown>".into(),
    };
    let mut last = event.last_timestamp.as_ref().map_or_else(|| first.clone(), |time| since(Some(time), now));
    let mut count = event.count.unwrap_or(0);
    if let Some(series) = &event.series {
        count = series.count.unwrap_or(0);
        if let Some(time) = &series.last_observed_time {
            last = elapsed(time.0, now);
        }
    } else if count == 0 {
        // A new-style event without a series happened once.
        count = 1;
    }
    let about = &event.involved_object;
    let kind = about.kind.as_deref().unwrap_or_default().to_lowercase();
    let name = about.name.as_deref().unwrap_or_default();
    let object = if name.is_empty() { kind } else { format!("{kind}/{name}") };
    vec![
        last,
        text(&event.type_),
        text(&event.reason),
        object,
        text(&about.field_path),
        event_source(event),
        text(&event.message).trim().to_string(),
        first,
        count.to_string(),
        event.metadata.name.clone().unwrap_or_default(),
    ]
}

/// `kubelet, node1`.
pub fn event_source(event: &Event) -> String {
    let source = event.source.as_ref();
    let text = |value: Option<&String>| value.cloned().unwrap_or_default();
    let mut component = text(source.and_then(|s| s.component.as_ref()));
    if component.is_empty() {
        component = text(event.reporting_component.as_ref());
    }
    let mut instance = text(source.and_then(|s| s.host.as_ref()));
    if instance.is_empty() {
        instance = text(event.reporting_instance.as_ref());
    }
    if instance.is_empty() { component } else { format!("{component}, {instance}") }
}

fn service_row(service: &Service, age: String) -> Vec<String> {
    let spec = service.spec.clone().unwrap_or_default();
    let none = || "<none>".to_string();
    let kind = spec.type_.clone().unwrap_or_default();
    let ip = spec.cluster_ips.as_ref().and_then(|ips| ips.first().cloned()).or(spec.cluster_ip.clone());
    let ports: Vec<String> = spec.ports.iter().flatten().map(port).collect();
    vec![
        service.metadata.name.clone().unwrap_or_default(),
        kind,
        ip.filter(|ip| !ip.is_empty()).unwrap_or_else(none),
        external_ip(service),
        if ports.is_empty() { none() } else { ports.join(",") },
        age,
        format_labels(spec.selector.iter().flatten().map(|(key, value)| (key, value.as_str()))),
    ]
}

fn port(port: &ServicePort) -> String {
    let protocol = port.protocol.as_deref().unwrap_or_default();
    match port.node_port {
        Some(node) if node > 0 => format!("{}:{node}/{protocol}", port.port),
        _ => format!("{}/{protocol}", port.port),
    }
}

fn external_ip(service: &Service) -> String {
    let Some(spec) = &service.spec else { return "<none>".into() };
    let own: Vec<String> = spec.external_ips.clone().unwrap_or_default();
    match spec.type_.as_deref().unwrap_or_default() {
        "LoadBalancer" => {
            let balancer = service.status.as_ref().and_then(|s| s.load_balancer.as_ref());
            let ingress = balancer.and_then(|b| b.ingress.as_deref()).unwrap_or_default();
            let mut all: Vec<String> = ingress
                .iter()
                .filter_map(|i| i.ip.clone().filter(|ip| !ip.is_empty()).or_else(|| i.hostname.clone()))
                .collect();
            all.sort();
            all.dedup();
            all.extend(own);
            if all.is_empty() { "<pending>".into() } else { all.join(",") }
        }
        "ExternalName" => spec.external_name.clone().unwrap_or_default(),
        _ if own.is_empty() => "<none>".into(),
        _ => own.join(","),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(kind: Kind, object: serde_json::Value, expected: &[&str]) {
        let now: Timestamp = "2026-11-23T08:00:25Z".parse().unwrap();
        let object = Object::from_value(kind, object).unwrap();
        let cells = row(&object, now);
        assert_eq!(cells, expected);
        assert_eq!(cells.len(), columns(kind).len());
    }

    #[test]
    fn nodes() {
        let addresses = json!([{"type": "ExternalIP", "address": "2.2.2.2"}, {"type": "InternalIP", "address": "3.3.3.3"},
            {"type": "ExternalIP", "address": "4.4.4.4"}]);
        check(
            Kind::Node,
            json!({"metadata": {"name": "n", "labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "a"}},
                "spec": {"unschedulable": true},
                "status": {"conditions": [{"type": "Ready", "status": "Unknown"}], "addresses": addresses}}),
            &[
                "n",
                "NotReady,SchedulingDisabled",
                "a,worker",
                "<unknown>",
                "",
                "3.3.3.3",
                "2.2.2.2",
                "<unknown>",
                "<unknown>",
                "<unknown>",
            ],
        );
    }

    #[test]
    fn events() {
        let event = |extra: serde_json::Value| {
            let mut event = json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "web",
                "fieldPath": "spec.containers{app}"}, "reason": "R", "message": "M", "type": "Normal",
                "source": {"component": "kubelet", "host": "n1"}});
            event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            event
        };
        let line = |last: &'static str, first: &'static str, count: &'static str| {
            [last, "Normal", "R", "pod/web", "spec.containers{app}", "kubelet, n1", "M", first, count, "e"]
        };
        check(
            Kind::Event,
            event(
                json!({"firstTimestamp": "2026-11-20T08:00:25Z", "lastTimestamp": "2026-11-21T08:00:25Z", "count": 6}),
            ),
            &line("2d", "3d", "6"),
        );
        check(Kind::Event, event(json!({"eventTime": "2026-11-20T08:00:25.738879Z"})), &line("3d", "3d", "1"));
        let series = json!({"count": 2, "lastObservedTime": "2026-11-21T08:00:25.000000Z"});
        check(
            Kind::Event,
            event(json!({"eventTime": "2026-11-20T08:00:25.000000Z", "series": series})),
            &line("2d", "3d", "2"),
        );
    }

    #[test]
    fn services() {
        check(
            Kind::Service,
            json!({"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "clusterIPs": ["1.5.6.7"],
                "externalIPs": ["80.11.12.10"], "selector": {"foo": "bar"},
                "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]},
                "status": {"loadBalancer": {"ingress": [{"ip": "3.4.5.6", "hostname": "h"}, {"hostname": "g"}]}}}),
            &["s", "LoadBalancer", "1.5.6.7", "3.4.5.6,g,80.11.12.10", "80:30080/TCP,53/UDP", "<unknown>", "foo=bar"],
        );
    }
}
