//! The endpoints of Services: EndpointSlices, and Endpoints for those who still read them.
//! Sources: kubernetes `pkg/controller/endpointslice/`, `staging/src/k8s.io/endpointslice/{reconciler,utils}.go`,
//! `pkg/controller/endpoint/endpoints_controller.go`.
//!
//! Pods are watched only in namespaces with a Service that selects some.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    future::poll_fn,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use k8s_openapi::{
    api::core::v1::{Service, ServicePort},
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, apis::meta::v1::OwnerReference, util::intstr::IntOrString},
    jiff::Timestamp,
};
use serde_json::{Map, Value, json};

use super::is_terminal;
use crate::{
    api::{
        ApiClient, Container, Kind, Object, Pod, Resource, Result,
        client::{Body, DeleteOptions, ListOptions, Subresource, Watch, WatchEvent, WriteOptions},
        error::Reason,
        other::Other,
    },
    sim::Sim,
};

const SERVICE_NAME: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const SLICE_CONTROLLER: &str = "endpointslice-controller.k8s.io";
const ENDPOINTS_MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const HEADLESS: &str = "service.kubernetes.io/headless";
const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";
/// Endpoints of one slice.
const MAX_ENDPOINTS: usize = 100;

/// By namespace and name.
type Key = (String, String);

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let sim = sim.clone();
    sim.clone().spawn(async move {
        loop {
            // Ends when a watch ends; then everything is looked at anew.
            let _ended = Controller::new(client.clone()).run().await;
            sim.sleep(Duration::from_secs(1)).await;
        }
    });
}

struct Controller {
    client: Rc<dyn ApiClient>,
    services: BTreeMap<Key, Rc<Service>>,
    pods: BTreeMap<Key, Rc<Pod>>,
    /// When what last changed the endpoints happened, by Service and by its pods.
    triggers: BTreeMap<Key, Triggers>,
}

#[derive(Default)]
struct Triggers {
    service: Option<Timestamp>,
    pods: BTreeMap<String, Timestamp>,
}

impl Controller {
    fn new(client: Rc<dyn ApiClient>) -> Controller {
        Controller { client, services: BTreeMap::new(), pods: BTreeMap::new(), triggers: BTreeMap::new() }
    }

    async fn run(mut self) -> Result<()> {
        let mut services = self.client.watch(Kind::Service, "", ListOptions::default()).await?;
        let mut pods: BTreeMap<String, Watch> = BTreeMap::new();
        loop {
            let mut dirty: BTreeSet<Key> = BTreeSet::new();
            let mut ended = None;
            // Everything that has happened by now counts once.
            poll_fn(|cx| {
                while ended.is_none()
                    && let Poll::Ready(event) = services.poll_recv(cx)
                {
                    match event {
                        Some(WatchEvent::Error(error)) => ended = Some(Err(error)),
                        None => ended = Some(Ok(())),
                        Some(event) => self.service_event(&event, &mut dirty),
                    }
                }
                for watch in pods.values_mut() {
                    while ended.is_none()
                        && let Poll::Ready(event) = watch.poll_recv(cx)
                    {
                        match event {
                            Some(WatchEvent::Error(error)) => ended = Some(Err(error)),
                            None => ended = Some(Ok(())),
                            Some(event) => self.pod_event(&event, &mut dirty),
                        }
                    }
                }
                if dirty.is_empty() && ended.is_none() { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            if let Some(ended) = ended {
                return ended;
            }
            let mut later = false;
            for key in &dirty {
                let selects = self.services.get(key).is_some_and(|service| selector(service).is_some());
                if selects && let Entry::Vacant(free) = pods.entry(key.0.clone()) {
                    free.insert(self.client.watch(Kind::Pod, &key.0, ListOptions::default()).await?);
                    later = true;
                }
            }
            if later {
                // What exists is queued by now.
                for watch in pods.values_mut() {
                    while let Some(event) = watch.try_recv() {
                        self.pod_event(&event, &mut dirty);
                    }
                }
            }
            for key in dirty {
                self.sync(&key).await?;
            }
            let wanted: BTreeSet<&String> = self
                .services
                .iter()
                .filter(|(_, s)| selector(s).is_some())
                .map(|((namespace, _), _)| namespace)
                .collect();
            pods.retain(|namespace, _| wanted.contains(namespace));
            if self.pods.iter().next().is_some() {
                self.pods.retain(|(namespace, _), _| pods.contains_key(namespace));
            }
        }
    }

    fn service_event(&mut self, event: &WatchEvent, dirty: &mut BTreeSet<Key>) {
        let Some(Object::Service(service)) = event.object() else { return };
        let key = key(service.namespace(), service.name());
        if matches!(event, WatchEvent::Deleted(_)) {
            self.services.remove(&key);
            self.triggers.remove(&key);
        } else {
            self.services.insert(key.clone(), service.clone());
        }
        dirty.insert(key);
    }

    fn pod_event(&mut self, event: &WatchEvent, dirty: &mut BTreeSet<Key>) {
        let Some(Object::Pod(pod)) = event.object() else { return };
        let key = key(pod.namespace(), pod.name());
        let gone = matches!(event, WatchEvent::Deleted(_));
        let before = if gone { self.pods.remove(&key) } else { self.pods.insert(key.clone(), pod.clone()) };
        let same = before.as_ref().is_some_and(|before| !gone && matters(before) == matters(pod));
        if same {
            return;
        }
        for (service_key, service) in self.services.range(of_namespace(&key.0)..) {
            if service_key.0 != key.0 {
                break;
            }
            if selects(service, pod) || before.as_ref().is_some_and(|before| selects(service, before)) {
                dirty.insert(service_key.clone());
            }
        }
    }

    /// Brings a Service's slices and Endpoints to what its pods are.
    async fn sync(&mut self, key: &Key) -> Result<()> {
        let Some(service) = self.services.get(key).cloned() else {
            return self.remove_all(key).await;
        };
        let external = service.spec.as_ref().is_some_and(|spec| spec.type_.as_deref() == Some("ExternalName"));
        if selector(&service).is_none() || external {
            return Ok(());
        }
        let in_namespace = self.pods.range(of_namespace(&key.0)..);
        let in_namespace =
            in_namespace.take_while(|((namespace, _), _)| *namespace == key.0).map(|(_, pod)| pod.clone());
        let pods: Vec<Rc<Pod>> = in_namespace.filter(|pod| selects(&service, pod)).collect();
        let trigger = self.trigger_time(key, &service, &pods);
        self.sync_slices(&service, &pods, trigger).await?;
        self.sync_endpoints(&service, &pods, trigger).await
    }

    /// When what changed since the last look happened, the earliest of it.
    fn trigger_time(&mut self, key: &Key, service: &Service, pods: &[Rc<Pod>]) -> Option<Timestamp> {
        let triggers = self.triggers.entry(key.clone()).or_default();
        let mut changed: Vec<Timestamp> = Vec::new();
        let created = service.metadata.creation_timestamp.as_ref().map(|at| at.0);
        if triggers.service < created {
            changed.extend(created);
            triggers.service = created;
        }
        let mut now = BTreeMap::new();
        for pod in pods {
            let Some(at) = ready_condition(pod).and_then(|(_, at)| at) else { continue };
            if triggers.pods.get(pod.name()).is_none_or(|before| *before < at) {
                changed.push(at);
            }
            now.insert(pod.name().to_string(), at);
        }
        triggers.pods = now;
        changed.into_iter().min()
    }

    async fn sync_slices(&self, service: &Rc<Service>, pods: &[Rc<Pod>], trigger: Option<Timestamp>) -> Result<()> {
        let namespace = service.namespace();
        let existing = self.own_slices(namespace, service.name()).await?;
        // Endpoints by the ports that they have.
        let mut wanted: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
        for pod in pods {
            if let Some(endpoint) = slice_endpoint(service, pod) {
                let ports = slice_ports(service, pod);
                wanted.entry(ports.to_string()).or_insert_with(|| (ports, Vec::new())).1.push(endpoint);
            }
        }
        if wanted.is_empty() {
            wanted.insert(String::new(), (Value::Null, Vec::new()));
        }
        let labels = slice_labels(service);
        let mut unused = existing;
        let mut writes = Vec::new();
        for (ports, mut endpoints) in wanted.into_values() {
            let fits = |other: &Rc<Other>| {
                let has = other.at("ports");
                *has == ports || (has.is_null() && list(other.at("endpoints")).is_empty())
            };
            let mut mine: Vec<Rc<Other>> = Vec::new();
            while let Some(at) = unused.iter().position(fits) {
                mine.push(unused.remove(at));
            }
            // Each endpoint stays where it is; new ones fill up.
            let mut parts: Vec<(Option<Rc<Other>>, Vec<Value>)> = Vec::new();
            for slice in mine {
                let mut kept = Vec::new();
                for old in list(slice.at("endpoints")) {
                    let same = |new: &Value| new["targetRef"]["uid"] == old["targetRef"]["uid"];
                    if let Some(at) = endpoints.iter().position(same) {
                        kept.push(endpoints.remove(at));
                    }
                }
                parts.push((Some(slice), kept));
            }
            for endpoint in endpoints {
                match parts.iter_mut().find(|(_, part)| part.len() < MAX_ENDPOINTS) {
                    Some((_, part)) => part.push(endpoint),
                    None => parts.push((None, vec![endpoint])),
                }
            }
            if parts.is_empty() {
                parts.push((None, Vec::new()));
            }
            let several = parts.len() > 1;
            for (slice, endpoints) in parts {
                if several && endpoints.is_empty() {
                    unused.extend(slice);
                } else {
                    writes.push((slice, ports.clone(), endpoints));
                }
            }
        }
        for (slice, ports, endpoints) in writes {
            let content = Map::from_iter([
                ("addressType".to_string(), Value::from("IPv4")),
                ("endpoints".to_string(), Value::from(endpoints)),
                ("ports".to_string(), ports),
            ]);
            self.write_slice(service, slice, &labels, content, trigger).await?;
        }
        for slice in unused {
            self.delete(Kind::EndpointSlice, namespace, slice.metadata.name.as_deref().unwrap_or_default()).await?;
        }
        Ok(())
    }

    async fn write_slice(
        &self,
        service: &Service,
        slice: Option<Rc<Other>>,
        labels: &BTreeMap<String, String>,
        content: Map<String, Value>,
        trigger: Option<Timestamp>,
    ) -> Result<()> {
        let annotation = trigger.map(|at| BTreeMap::from([(TRIGGER_TIME.to_string(), whole(at))]));
        let Some(slice) = slice else {
            let metadata = ObjectMeta {
                generate_name: Some(format!("{}-", service.name())),
                namespace: Some(service.namespace().into()),
                labels: Some(labels.clone()),
                annotations: annotation,
                owner_references: Some(vec![owner(service)]),
                ..ObjectMeta::default()
            };
            return self.create(Other { kind: Kind::EndpointSlice, older: None, metadata, content }).await;
        };
        let same = |key: &str| {
            let (old, new) = (slice.at(key), &content[key]);
            old == new || (list(old).is_empty() && list(new).is_empty())
        };
        if same("endpoints") && same("ports") && slice.metadata.labels.as_ref() == Some(labels) {
            return Ok(());
        }
        let mut changed = Other { content, ..Other::clone(&slice) };
        changed.metadata.labels = Some(labels.clone());
        changed.metadata.annotations = annotation;
        self.update(changed).await
    }

    async fn own_slices(&self, namespace: &str, service: &str) -> Result<Vec<Rc<Other>>> {
        let label_selector = format!("{SERVICE_NAME}={service},{MANAGED_BY}={SLICE_CONTROLLER}");
        let options = ListOptions { label_selector, ..ListOptions::default() };
        let list = self.client.list(Kind::EndpointSlice, namespace, options).await?;
        Ok(list.items.iter().filter_map(other).collect())
    }

    async fn sync_endpoints(&self, service: &Rc<Service>, pods: &[Rc<Pod>], trigger: Option<Timestamp>) -> Result<()> {
        let mut labels = service.metadata.labels.clone().unwrap_or_default();
        labels.remove(HEADLESS);
        if is_headless(service) {
            labels.insert(HEADLESS.into(), String::new());
        }
        labels.insert(ENDPOINTS_MANAGED_BY.into(), "endpoint-controller".into());
        let early = publishes_early(service);
        // Addresses that are ready and that are not, by their ports.
        let mut subsets: BTreeMap<String, (Value, [Vec<Value>; 2])> = BTreeMap::new();
        for pod in pods {
            let deleting = pod.metadata.deletion_timestamp.is_some();
            if (deleting && !early) || !has_place(pod) {
                continue;
            }
            let ports = endpoint_ports(service, pod);
            let spec = pod.spec.as_ref();
            let mut address = json!({
                "ip": pod_ip(pod),
                "targetRef": {"kind": "Pod", "name": pod.name(), "namespace": pod.namespace(), "uid": pod.uid()},
            });
            if let Some(node) = spec.and_then(|spec| spec.node_name.as_ref()) {
                address["nodeName"] = node.as_str().into();
            }
            if let Some(hostname) = hostname(service, pod) {
                address["hostname"] = hostname.into();
            }
            let ready = early || ready_condition(pod).is_some_and(|(ready, _)| ready);
            let (_, sets) = subsets.entry(ports.to_string()).or_insert_with(|| (ports, Default::default()));
            sets[usize::from(!ready)].push(address);
        }
        let subset = |(ports, [mut ready, mut not_ready]): (Value, [Vec<Value>; 2])| {
            for addresses in [&mut ready, &mut not_ready] {
                addresses
                    .sort_by_key(|address| address["ip"].as_str().and_then(|ip| ip.parse::<std::net::IpAddr>().ok()));
            }
            let mut subset = Map::new();
            for (key, addresses) in [("addresses", ready), ("notReadyAddresses", not_ready)] {
                if !addresses.is_empty() {
                    subset.insert(key.into(), addresses.into());
                }
            }
            if !list(&ports).is_empty() {
                subset.insert("ports".into(), ports);
            }
            Value::Object(subset)
        };
        let subsets: Vec<Value> = subsets.into_values().map(subset).collect();
        let content =
            if subsets.is_empty() { Map::new() } else { Map::from_iter([("subsets".to_string(), subsets.into())]) };
        let annotations = trigger.map(|at| BTreeMap::from([(TRIGGER_TIME.to_string(), whole(at))]));
        let found = self.client.get(Kind::Endpoints, service.namespace(), service.name()).await;
        match found.as_ref().ok().and_then(other) {
            Some(old) if old.content == content && old.metadata.labels.as_ref() == Some(&labels) => Ok(()),
            Some(old) => {
                let mut changed = Other { content, ..Other::clone(&old) };
                changed.metadata.labels = Some(labels);
                changed.metadata.annotations = annotations;
                self.update(changed).await
            }
            None => {
                let metadata = ObjectMeta {
                    name: service.metadata.name.clone(),
                    namespace: service.metadata.namespace.clone(),
                    labels: Some(labels),
                    annotations,
                    ..ObjectMeta::default()
                };
                self.create(Other { kind: Kind::Endpoints, older: None, metadata, content }).await
            }
        }
    }

    async fn remove_all(&self, (namespace, name): &Key) -> Result<()> {
        for slice in self.own_slices(namespace, name).await? {
            self.delete(Kind::EndpointSlice, namespace, slice.metadata.name.as_deref().unwrap_or_default()).await?;
        }
        self.delete(Kind::Endpoints, namespace, name).await
    }

    async fn create(&self, object: Other) -> Result<()> {
        let (kind, namespace) = (object.kind, object.metadata.namespace.clone().unwrap_or_default());
        let body = Body::Object(Object::Other(Rc::new(object)));
        match self.client.create(kind, &namespace, body, WriteOptions::default()).await {
            // The namespace is going.
            Err(error) if error.reason == Reason::Forbidden || error.is_not_found() || error.is_already_exists() => {
                Ok(())
            }
            other => other.map(drop),
        }
    }

    async fn update(&self, object: Other) -> Result<()> {
        let (kind, meta) = (object.kind, object.metadata.clone());
        let (namespace, name) = (meta.namespace.unwrap_or_default(), meta.name.unwrap_or_default());
        let body = Body::Object(Object::Other(Rc::new(object)));
        match self.client.update(kind, &namespace, &name, Subresource::None, body, WriteOptions::default()).await {
            // Someone else changed or took it: the next change brings it right.
            Err(error) if error.is_conflict() || error.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }

    async fn delete(&self, kind: Kind, namespace: &str, name: &str) -> Result<()> {
        match self.client.delete(kind, namespace, name, DeleteOptions::default()).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }
}

/// Before all that is in a namespace.
fn of_namespace(namespace: &str) -> Key {
    key(namespace, "")
}

fn key(namespace: &str, name: &str) -> Key {
    (namespace.to_string(), name.to_string())
}

fn other(object: &Object) -> Option<Rc<Other>> {
    match object {
        Object::Other(other) => Some(other.clone()),
        _ => None,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn selector(service: &Service) -> Option<&BTreeMap<String, String>> {
    service.spec.as_ref()?.selector.as_ref().filter(|selector| !selector.is_empty())
}

fn selects(service: &Service, pod: &Pod) -> bool {
    let labels = pod.metadata.labels.as_ref();
    let has = |(key, value): (&String, &String)| labels.is_some_and(|labels| labels.get(key) == Some(value));
    selector(service).is_some_and(|selector| selector.iter().all(has))
}

fn is_headless(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.cluster_ip.as_deref() == Some("None"))
}

fn publishes_early(service: &Service) -> bool {
    service.spec.as_ref().is_some_and(|spec| spec.publish_not_ready_addresses == Some(true))
}

fn pod_ip(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()).unwrap_or_default()
}

fn ready_condition(pod: &Pod) -> Option<(bool, Option<Timestamp>)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready")?;
    Some((ready.status == "True", ready.last_transition_time.as_ref().map(|at| at.0)))
}

/// Whether it is among the endpoints at all (`ShouldPodBeInEndpoints`).
fn has_place(pod: &Pod) -> bool {
    !is_terminal(pod) && !pod_ip(pod).is_empty()
}

/// What of a pod matters to its Services.
fn matters(pod: &Pod) -> impl PartialEq + use<'_> {
    let spec = pod.spec.as_ref();
    (
        &pod.metadata.labels,
        pod.metadata.deletion_timestamp.is_some(),
        is_terminal(pod),
        pod_ip(pod),
        ready_condition(pod).is_some_and(|(ready, _)| ready),
        spec.and_then(|spec| spec.node_name.as_ref()),
        pod.uid(),
    )
}

/// The name that a pod has within a Service of its subdomain.
fn hostname<'p>(service: &Service, pod: &'p Pod) -> Option<&'p str> {
    let spec = pod.spec.as_ref()?;
    let hostname = spec.hostname.as_deref().filter(|hostname| !hostname.is_empty())?;
    (spec.subdomain.as_deref() == service.metadata.name.as_deref()).then_some(hostname)
}

/// The number of a Service's port in a pod (`FindPort`).
fn find_port(pod: &Pod, port: &ServicePort) -> Option<i32> {
    let protocol = port.protocol.as_deref().unwrap_or("TCP");
    match port.target_port.as_ref() {
        None | Some(IntOrString::Int(0)) => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(name)) => {
            let spec = pod.spec.as_ref()?;
            let sidecar = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
            let sidecars = spec.init_containers.iter().flatten().filter(sidecar);
            let ports = spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
            let same = |port: &&k8s_openapi::api::core::v1::ContainerPort| {
                port.name.as_ref() == Some(name) && port.protocol.as_deref().unwrap_or("TCP") == protocol
            };
            ports.filter(same).map(|port| port.container_port).next()
        }
    }
}

fn ports_of<'a>(service: &'a Service, pod: &'a Pod) -> impl Iterator<Item = (&'a ServicePort, i32)> {
    let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    ports.filter_map(|port| Some((port, find_port(pod, port)?)))
}

fn slice_ports(service: &Service, pod: &Pod) -> Value {
    let port = |(port, number): (&ServicePort, i32)| {
        let mut value = json!({
            "name": port.name.as_deref().unwrap_or_default(),
            "port": number,
            "protocol": port.protocol.as_deref().unwrap_or("TCP"),
        });
        if let Some(app) = &port.app_protocol {
            value["appProtocol"] = app.as_str().into();
        }
        value
    };
    let ports: Vec<Value> = ports_of(service, pod).map(port).collect();
    if ports.is_empty() { Value::Null } else { ports.into() }
}

fn endpoint_ports(service: &Service, pod: &Pod) -> Value {
    let port = |(port, number): (&ServicePort, i32)| {
        let mut value = json!({"port": number, "protocol": port.protocol.as_deref().unwrap_or("TCP")});
        let texts = [("name", &port.name), ("appProtocol", &port.app_protocol)];
        for (key, text) in texts.into_iter().filter_map(|(key, text)| Some((key, text.as_ref()?))) {
            if !text.is_empty() {
                value[key] = text.as_str().into();
            }
        }
        value
    };
    ports_of(service, pod).map(port).collect::<Vec<Value>>().into()
}

/// `None`: it isn't one.
fn slice_endpoint(service: &Service, pod: &Pod) -> Option<Value> {
    if !has_place(pod) {
        return None;
    }
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let serving = ready_condition(pod).is_some_and(|(ready, _)| ready);
    let ready = publishes_early(service) || (serving && !terminating);
    let mut endpoint = json!({
        "addresses": [pod_ip(pod)],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": {"kind": "Pod", "name": pod.name(), "namespace": pod.namespace(), "uid": pod.uid()},
    });
    if let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) {
        endpoint["nodeName"] = node.as_str().into();
    }
    if let Some(hostname) = hostname(service, pod) {
        endpoint["hostname"] = hostname.into();
    }
    Some(endpoint)
}

fn slice_labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.metadata.labels.clone().unwrap_or_default();
    // These are the controller's own.
    for key in [SERVICE_NAME, MANAGED_BY, HEADLESS] {
        labels.remove(key);
    }
    labels.insert(SERVICE_NAME.into(), service.name().into());
    labels.insert(MANAGED_BY.into(), SLICE_CONTROLLER.into());
    if is_headless(service) {
        labels.insert(HEADLESS.into(), String::new());
    }
    labels
}

fn owner(service: &Service) -> OwnerReference {
    OwnerReference {
        api_version: "v1".into(),
        kind: "Service".into(),
        name: service.name().into(),
        uid: service.uid().into(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// `2026-11-23T08:39:57Z`
fn whole(at: Timestamp) -> String {
    crate::apiserver::whole_seconds(at).0.to_string()
}
