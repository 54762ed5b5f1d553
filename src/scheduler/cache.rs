//! What the scheduler knows of the cluster: nodes with the sums of what runs on them.
//!
//! Invariant: sums are kept as pods come and go, so that a cycle never walks over pods.

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::api::core::v1::{Namespace, Node, Service};

use super::{
    config::Args,
    plugins::service_labels,
    resources::{self, Resources},
    terms::Terms,
};
use crate::api::{Kind, Pod, PodSpec, Shared, other::Other, selector::Labels};

/// A pod with what the plugins need of it, worked out once.
#[derive(Debug)]
pub struct PodInfo {
    pub pod: Rc<Pod>,
    /// The pod's own; an empty one for a pod that has none.
    spec: Shared<PodSpec>,
    pub requests: Resources,
    /// Milli-CPU and bytes, with defaults.
    pub nonzero: (i64, i64),
    pub host_ports: Vec<HostPort>,
    /// Its affinity to other pods, if it has any.
    pub terms: Option<Box<Terms>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    pub protocol: String,
    pub ip: String,
    pub port: i32,
}

impl HostPort {
    /// Whether both can't be bound on one node: 0.0.0.0 clashes with every address.
    pub fn clashes(&self, other: &HostPort) -> bool {
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || self.ip == "0.0.0.0" || other.ip == "0.0.0.0")
    }
}

impl PodInfo {
    pub fn new(pod: Rc<Pod>) -> PodInfo {
        PodInfo {
            requests: resources::requests(&pod),
            nonzero: resources::nonzero_requests(&pod),
            host_ports: host_ports(&pod),
            terms: Terms::of(&pod),
            spec: pod.spec.clone().unwrap_or_default(),
            pod,
        }
    }

    pub fn spec(&self) -> &PodSpec {
        &self.spec
    }

    pub fn uid(&self) -> &str {
        self.pod.metadata.uid.as_deref().unwrap_or_default()
    }

    pub fn priority(&self) -> i32 {
        self.spec().priority.unwrap_or(0)
    }
}

fn host_ports(pod: &Pod) -> Vec<HostPort> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let sidecars = spec.init_containers.iter().flatten().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let ports = spec.containers.iter().chain(sidecars).flat_map(|c| c.ports.iter().flatten());
    ports
        .filter_map(|port| {
            let number = port.host_port.filter(|number| *number > 0)?;
            let or = |text: &Option<String>, default: &str| match text.as_deref() {
                None | Some("") => default.to_string(),
                Some(text) => text.to_string(),
            };
            Some(HostPort { protocol: or(&port.protocol, "TCP"), ip: or(&port.host_ip, "0.0.0.0"), port: number })
        })
        .collect()
}

/// A node and the sums over its pods.
#[derive(Debug)]
pub struct NodeInfo {
    pub name: Rc<str>,
    pub node: Rc<Node>,
    pub allocatable: Resources,
    pub requested: Resources,
    /// Milli-CPU and bytes, with defaults for containers without requests.
    pub nonzero: (i64, i64),
    pub host_ports: Vec<HostPort>,
    pub pods: BTreeMap<String, Rc<PodInfo>>,
    /// How many of them have affinity to other pods.
    pub with_terms: usize,
    /// Bytes by image name.
    pub images: BTreeMap<String, i64>,
}

impl NodeInfo {
    pub fn new(node: Rc<Node>) -> NodeInfo {
        let mut info = NodeInfo {
            name: node.metadata.name.as_deref().unwrap_or_default().into(),
            node: Rc::default(),
            allocatable: Resources::default(),
            requested: Resources::default(),
            nonzero: (0, 0),
            host_ports: Vec::new(),
            pods: BTreeMap::new(),
            with_terms: 0,
            images: BTreeMap::new(),
        };
        info.set_node(node);
        info
    }

    fn set_node(&mut self, node: Rc<Node>) {
        let status = node.status.as_ref();
        self.allocatable = Resources::of(status.and_then(|s| s.allocatable.as_ref()));
        self.images = status
            .iter()
            .flat_map(|s| s.images.iter().flatten())
            .flat_map(|image| {
                let size = image.size_bytes.unwrap_or(0);
                image.names.iter().flatten().map(move |name| (name.clone(), size))
            })
            .collect();
        self.node = node;
    }

    pub fn add(&mut self, pod: Rc<PodInfo>) {
        self.requested.add(&pod.requests);
        self.nonzero.0 += pod.nonzero.0;
        self.nonzero.1 += pod.nonzero.1;
        self.host_ports.extend(pod.host_ports.iter().cloned());
        self.with_terms += usize::from(pod.terms.is_some());
        self.pods.insert(pod.uid().to_string(), pod);
    }

    pub fn remove(&mut self, uid: &str) -> Option<Rc<PodInfo>> {
        let pod = self.pods.remove(uid)?;
        self.requested.subtract(&pod.requests);
        self.nonzero.0 -= pod.nonzero.0;
        self.nonzero.1 -= pod.nonzero.1;
        self.with_terms -= usize::from(pod.terms.is_some());
        for port in &pod.host_ports {
            if let Some(at) = self.host_ports.iter().position(|p| p == port) {
                self.host_ports.swap_remove(at);
            }
        }
        Some(pod)
    }
}

/// All nodes, in the order in which they came.
#[derive(Debug, Default)]
pub struct Cache {
    /// How the plugins that look at all this are configured.
    pub args: Args,
    nodes: Vec<NodeInfo>,
    index: BTreeMap<Rc<str>, usize>,
    /// Where each pod is, and what is held for it.
    pods: BTreeMap<String, String>,
    /// Pods on nodes that aren't known (yet), by node.
    homeless: BTreeMap<String, BTreeMap<String, Rc<PodInfo>>>,
    /// How many nodes have an image.
    images: BTreeMap<String, usize>,
    /// Labels of namespaces.
    namespaces: BTreeMap<String, Labels>,
    /// What services select, by namespace and name.
    services: BTreeMap<(String, String), Labels>,
    /// Claims of volumes, by namespace and name.
    claims: BTreeMap<(String, String), Rc<Other>>,
    volumes: BTreeMap<String, Rc<Other>>,
    classes: BTreeMap<String, Rc<Other>>,
    /// Disruption budgets, by namespace and name.
    budgets: BTreeMap<(String, String), Rc<Other>>,
    /// Volumes that were chosen for claims and may not know it yet: the claim's uid by the volume's name.
    promised: BTreeMap<String, String>,
}

impl Cache {
    /// An empty cluster, for plugins that are configured otherwise than usual.
    pub fn with(args: Args) -> Cache {
        Cache { args, ..Cache::default() }
    }

    pub fn nodes(&self) -> &[NodeInfo] {
        &self.nodes
    }

    pub fn node(&self, name: &str) -> Option<&NodeInfo> {
        self.nodes.get(*self.index.get(name)?)
    }

    pub fn set_namespace(&mut self, namespace: &Namespace) {
        let meta = &namespace.metadata;
        self.namespaces.insert(meta.name.clone().unwrap_or_default(), meta.labels.clone().unwrap_or_default());
    }

    pub fn remove_namespace(&mut self, name: &str) {
        self.namespaces.remove(name);
    }

    /// The labels of a pod's namespace, if that is known.
    pub fn namespace_labels(&self, pod: &Pod) -> Option<&Labels> {
        self.namespaces.get(pod.metadata.namespace.as_deref().unwrap_or_default())
    }

    pub fn set_service(&mut self, service: &Service) {
        let meta = &service.metadata;
        let key = (meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
        let selector = service.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default();
        self.services.insert(key, selector);
    }

    pub fn remove_service(&mut self, namespace: &str, name: &str) {
        self.services.remove(&(namespace.to_string(), name.to_string()));
    }

    /// A claim, a volume or a class of them, or a disruption budget.
    pub fn set_other(&mut self, object: Rc<Other>) {
        let meta = &object.metadata;
        let name = meta.name.clone().unwrap_or_default();
        match object.kind {
            Kind::PersistentVolumeClaim => {
                self.claims.insert((meta.namespace.clone().unwrap_or_default(), name), object);
            }
            Kind::PersistentVolume => {
                if object.at("spec/claimRef").is_object() {
                    self.promised.remove(&name);
                }
                self.volumes.insert(name, object);
            }
            Kind::PodDisruptionBudget => {
                self.budgets.insert((meta.namespace.clone().unwrap_or_default(), name), object);
            }
            _ => drop(self.classes.insert(name, object)),
        }
    }

    pub fn remove_other(&mut self, object: &Other) {
        let meta = &object.metadata;
        let name = meta.name.clone().unwrap_or_default();
        match object.kind {
            Kind::PersistentVolumeClaim => {
                self.claims.remove(&(meta.namespace.clone().unwrap_or_default(), name));
            }
            Kind::PersistentVolume => {
                self.promised.remove(&name);
                self.volumes.remove(&name);
            }
            Kind::PodDisruptionBudget => {
                self.budgets.remove(&(meta.namespace.clone().unwrap_or_default(), name));
            }
            _ => drop(self.classes.remove(&name)),
        }
    }

    pub fn claim(&self, namespace: &str, name: &str) -> Option<&Rc<Other>> {
        self.claims.get(&(namespace.to_string(), name.to_string()))
    }

    pub fn volume(&self, name: &str) -> Option<&Rc<Other>> {
        self.volumes.get(name)
    }

    pub fn volumes(&self) -> impl Iterator<Item = &Rc<Other>> {
        self.volumes.values()
    }

    pub fn budgets(&self) -> impl Iterator<Item = &Rc<Other>> {
        self.budgets.values()
    }

    pub fn class(&self, name: &str) -> Option<&Other> {
        self.classes.get(name).map(|class| &**class)
    }

    /// Whether a volume was chosen for another claim.
    pub fn is_promised(&self, volume: &Other, claim: &Other) -> bool {
        let uid = volume.metadata.name.as_ref().and_then(|name| self.promised.get(name));
        uid.is_some_and(|uid| Some(uid) != claim.metadata.uid.as_ref())
    }

    pub fn promise(&mut self, volume: &Other, claim: &Other) {
        let (name, uid) = (volume.metadata.name.clone(), claim.metadata.uid.clone());
        self.promised.insert(name.unwrap_or_default(), uid.unwrap_or_default());
    }

    pub fn take_back(&mut self, volume: &Other) {
        self.promised.remove(volume.metadata.name.as_deref().unwrap_or_default());
    }

    /// The labels by which services choose a pod.
    pub fn service_labels(&self, pod: &Pod) -> Labels {
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        let mine = self.services.iter().filter(|((of, _), _)| *of == namespace).map(|(_, selector)| selector);
        service_labels(mine, pod.metadata.labels.as_ref())
    }

    /// How many nodes have the image.
    pub fn nodes_with(&self, image: &str) -> usize {
        self.images.get(image).copied().unwrap_or(0)
    }

    pub fn set_node(&mut self, node: Rc<Node>) {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        if let Some(&at) = self.index.get(name) {
            self.count_images(at, false);
            self.nodes[at].set_node(node);
            self.count_images(at, true);
            return;
        }
        let mut info = NodeInfo::new(node);
        for (_, pod) in self.homeless.remove(&*info.name).into_iter().flatten() {
            info.add(pod);
        }
        self.index.insert(info.name.clone(), self.nodes.len());
        self.nodes.push(info);
        self.count_images(self.nodes.len() - 1, true);
    }

    pub fn remove_node(&mut self, name: &str) {
        let Some(at) = self.index.remove(name) else { return };
        self.count_images(at, false);
        let info = self.nodes.remove(at);
        if !info.pods.is_empty() {
            self.homeless.insert(name.into(), info.pods);
        }
        for index in self.index.values_mut().filter(|index| **index > at) {
            *index -= 1;
        }
    }

    fn count_images(&mut self, at: usize, there: bool) {
        for name in self.nodes[at].images.keys() {
            match (self.images.get_mut(name), there) {
                (Some(count), true) => *count += 1,
                (Some(1), false) => drop(self.images.remove(name)),
                (Some(count), false) => *count -= 1,
                (None, true) => drop(self.images.insert(name.clone(), 1)),
                (None, false) => {}
            }
        }
    }

    /// Where a pod is held to run.
    pub fn node_of(&self, uid: &str) -> Option<&str> {
        self.pods.get(uid).map(String::as_str)
    }

    /// What is held for a pod.
    pub fn pod(&self, uid: &str) -> Option<&Rc<PodInfo>> {
        let node = self.pods.get(uid)?;
        match self.index.get(node.as_str()) {
            Some(&at) => self.nodes[at].pods.get(uid),
            None => self.homeless.get(node)?.get(uid),
        }
    }

    /// Puts the newest version of a held pod, whose spec is the same, in the place of an older one,
    /// so that nobody keeps that one in memory.
    pub fn refresh_pod(&mut self, uid: &str, pod: Rc<Pod>) {
        let Some(node) = self.pods.get(uid) else { return };
        let held = match self.index.get(node.as_str()) {
            Some(&at) => self.nodes[at].pods.get_mut(uid),
            None => self.homeless.get_mut(node).and_then(|pods| pods.get_mut(uid)),
        };
        if let Some(info) = held.and_then(Rc::get_mut) {
            info.spec = pod.spec.clone().unwrap_or_default();
            info.pod = pod;
        }
    }

    /// Holds what `pod` asks for on `node`, instead of what was held for it before.
    pub fn put_pod(&mut self, node: &str, pod: Rc<PodInfo>) {
        self.remove_pod(pod.uid());
        self.pods.insert(pod.uid().to_string(), node.into());
        match self.index.get(node) {
            Some(&at) => self.nodes[at].add(pod),
            None => {
                self.homeless.entry(node.into()).or_default().insert(pod.uid().to_string(), pod);
            }
        }
    }

    pub fn remove_pod(&mut self, uid: &str) -> Option<Rc<PodInfo>> {
        let node = self.pods.remove(uid)?;
        if let Some(&at) = self.index.get(node.as_str()) {
            return self.nodes[at].remove(uid);
        }
        let pods = self.homeless.get_mut(&node)?;
        let pod = pods.remove(uid);
        if pods.is_empty() {
            self.homeless.remove(&node);
        }
        pod
    }
}
