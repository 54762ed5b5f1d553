//! The Node object: registration, status, lease. Source: kubernetes `pkg/kubelet/kubelet_node_status.go`,
//! `pkg/kubelet/nodestatus/setters.go`.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        coordination::v1::{Lease, LeaseSpec},
        core::v1::{
            DaemonEndpoint, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeSpec, NodeStatus,
            NodeSystemInfo, ObjectReference,
        },
    },
    apimachinery::pkg::{
        api::resource::Quantity,
        apis::meta::v1::{ObjectMeta, OwnerReference},
    },
};

use super::{
    Inner,
    pressure::{DISK_PRESSURE, MEMORY_PRESSURE},
    quantity::parse,
};
use crate::{
    api::{
        Kind, Resource,
        client::{self, Body, Subresource, WriteOptions},
    },
    apiserver::{
        events::{EventType, micro},
        whole_seconds,
    },
};

/// How often the lease is renewed; also how often the status is looked at for changes.
const LEASE_RENEWAL: Duration = Duration::from_secs(10);
/// An unchanged status is written this often.
const STATUS_REPORT: Duration = Duration::from_secs(300);
const LEASE_SECONDS: i32 = 40;
const LEASES: &str = "kube-node-lease";

/// Until the network plugin is up, and the node with it.
const NETWORK_SETUP: Duration = Duration::from_millis(200);

/// What hard eviction keeps free.
pub(super) const EVICTION_MEMORY: i64 = 100 << 20;

/// (type, status, reason, message) of a healthy node; Ready comes last.
const HEALTHY: [(&str, &str, &str, &str); 4] = [
    (MEMORY_PRESSURE, "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    (DISK_PRESSURE, "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
];
/// The same under pressure.
const PRESSED: [(&str, &str, &str, &str); 2] = [
    (MEMORY_PRESSURE, "True", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    (DISK_PRESSURE, "True", "KubeletHasDiskPressure", "kubelet has disk pressure"),
];
/// What an event says when a condition changes.
const PRESSURE_EVENTS: [(&str, &str, &str); 2] = [
    (MEMORY_PRESSURE, "NodeHasInsufficientMemory", "NodeHasSufficientMemory"),
    (DISK_PRESSURE, "NodeHasDiskPressure", "NodeHasNoDiskPressure"),
];

impl Inner {
    /// Makes the node known, or takes over what is known of it.
    pub(super) async fn register(self: &Rc<Self>) {
        self.node_event("Starting", "Starting kubelet.");
        for (reason, text) in [
            ("NodeHasSufficientMemory", "NodeHasSufficientMemory"),
            ("NodeHasNoDiskPressure", "NodeHasNoDiskPressure"),
            ("NodeHasSufficientPID", "NodeHasSufficientPID"),
        ] {
            self.node_event(reason, &format!("Node {} status is now: {text}", self.config.name));
        }
        self.node_event("NodeAllocatableEnforced", "Updated Node Allocatable limit across pods");
        loop {
            let found = client::get::<Node>(&*self.client, "", &self.config.name).await;
            let done = match found {
                Ok(node) => {
                    *self.node.borrow_mut() = node;
                    true
                }
                Err(error) if error.is_not_found() => {
                    let created = client::create(&*self.client, self.new_node()).await;
                    created.map(|node| *self.node.borrow_mut() = node).is_ok()
                }
                Err(_) => false,
            };
            if done {
                break;
            }
            self.sim.sleep(Duration::from_secs(1)).await;
        }
        self.renew_lease().await;
    }

    /// Tells that the node is ready, once its network is up.
    pub(super) async fn report_ready(self: &Rc<Self>) {
        self.sim.sleep(NETWORK_SETUP).await;
        self.write_status().await;
    }

    /// Renews the lease and, where it has changed or is due, the status; for ever.
    pub(super) async fn heartbeat(self: &Rc<Self>) {
        let mut reported = self.sim.now();
        let mut images = self.images.count();
        let mut pressure = self.pressure.conditions();
        loop {
            self.sim.sleep(LEASE_RENEWAL).await;
            self.renew_lease().await;
            let pressed = self.pressure.conditions();
            let changed = self.images.count() != images || pressed != pressure;
            if changed || self.sim.now().since(reported) >= STATUS_REPORT {
                images = self.images.count();
                reported = self.sim.now();
                for (kind, worse, better) in PRESSURE_EVENTS {
                    let (was, is) = (pressure.contains(&kind), pressed.contains(&kind));
                    if was != is {
                        let reason = if is { worse } else { better };
                        self.node_event(reason, &format!("Node {} status is now: {reason}", self.config.name));
                    }
                }
                pressure = pressed;
                self.write_status().await;
            }
        }
    }

    pub(super) fn node_event(&self, reason: &str, message: &str) {
        self.node_event_of(EventType::Normal, reason, message);
    }

    pub(super) fn node_event_of(&self, kind: EventType, reason: &str, message: &str) {
        // A kubelet refers to its node by name where others use the UID.
        let about = ObjectReference {
            kind: Some("Node".into()),
            name: Some(self.config.name.clone()),
            uid: Some(self.config.name.clone()),
            ..ObjectReference::default()
        };
        self.recorder.event(about, kind, reason, message);
    }

    fn new_node(&self) -> Node {
        let config = &self.config;
        let mut labels: BTreeMap<String, String> = [
            ("beta.kubernetes.io/arch", "amd64"),
            ("beta.kubernetes.io/os", "linux"),
            ("kubernetes.io/arch", "amd64"),
            ("kubernetes.io/hostname", &config.name),
            ("kubernetes.io/os", "linux"),
        ]
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .into();
        labels.extend(config.roles.iter().map(|role| (format!("node-role.kubernetes.io/{role}"), String::new())));
        labels.extend(config.labels.clone());
        let annotations = BTreeMap::from([(
            "volumes.kubernetes.io/controller-managed-attach-detach".to_string(),
            "true".to_string(),
        )]);
        Node {
            metadata: ObjectMeta {
                name: Some(config.name.clone()),
                labels: Some(labels),
                annotations: Some(annotations),
                ..ObjectMeta::default()
            },
            spec: Some(NodeSpec {
                pod_cidr: Some(config.pod_cidr.clone()),
                pod_cidrs: Some(vec![config.pod_cidr.clone()]),
                taints: (!config.taints.is_empty()).then(|| config.taints.clone()),
                provider_id: Some(format!("kind://docker/podarium/{}", config.name)),
                ..NodeSpec::default()
            }),
            status: Some(self.node_status(None, false)),
        }
    }

    fn node_status(&self, old: Option<&NodeStatus>, ready: bool) -> NodeStatus {
        let config = &self.config;
        let now = whole_seconds(self.sim.wall());
        let capacity = self.capacity.borrow();
        let memory = parse(&capacity.memory, 0).unwrap_or(0);
        let disk = self.machine.disk().size();
        let quantities = |memory: i64, disk: String| {
            [
                ("cpu", capacity.cpu.clone()),
                ("ephemeral-storage", disk),
                ("hugepages-1Gi", "0".into()),
                ("hugepages-2Mi", "0".into()),
                ("memory", format!("{}Ki", memory >> 10)),
                ("pods", capacity.pods.to_string()),
            ]
            .map(|(name, amount)| (name.to_string(), Quantity(amount)))
            .into()
        };
        let pressed = self.pressure.conditions();
        let condition = |healthy: &(&'static str, &'static str, &'static str, &'static str)| {
            let found = PRESSED.iter().find(|worse| worse.0 == healthy.0 && pressed.contains(&worse.0));
            let (kind, status, reason, message) = found.unwrap_or(healthy);
            let (status, reason, message) = match *kind {
                "Ready" if !ready => (
                    "False",
                    "KubeletNotReady",
                    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady \
                     message:Network plugin returns error: cni plugin not initialized",
                ),
                _ => (*status, *reason, *message),
            };
            let before = old.and_then(|old| old.conditions.iter().flatten().find(|c| c.type_ == *kind));
            let same = before.filter(|c| c.status == status).and_then(|c| c.last_transition_time.clone());
            NodeCondition {
                type_: (*kind).into(),
                status: status.into(),
                reason: Some(reason.into()),
                message: Some(message.into()),
                last_heartbeat_time: Some(now.clone()),
                last_transition_time: same.or_else(|| Some(now.clone())),
            }
        };
        let mut conditions: Vec<NodeCondition> = HEALTHY.iter().map(condition).collect();
        let foreign = old.into_iter().flat_map(|old| old.conditions.iter().flatten());
        conditions.extend(foreign.filter(|c| HEALTHY.iter().all(|(kind, ..)| c.type_ != *kind)).cloned());
        let address = |kind: &str, address: &str| NodeAddress { type_: kind.into(), address: address.into() };
        let mut rng = self.sim.rng(&format!("machine id {}", config.name));
        NodeStatus {
            capacity: Some(quantities(memory, format!("{}Ki", disk >> 10))),
            // The disk's share for pods is counted in bytes.
            allocatable: Some(quantities((memory - EVICTION_MEMORY).max(0), (disk / 10 * 9).to_string())),
            conditions: Some(conditions),
            addresses: Some(vec![address("InternalIP", &config.internal_ip), address("Hostname", &config.name)]),
            daemon_endpoints: Some(NodeDaemonEndpoints { kubelet_endpoint: Some(DaemonEndpoint { port: 10250 }) }),
            node_info: Some(NodeSystemInfo {
                architecture: "amd64".into(),
                operating_system: "linux".into(),
                kernel_version: config.kernel.clone(),
                os_image: config.os_image.clone(),
                container_runtime_version: config.container_runtime.clone(),
                kubelet_version: config.version.clone(),
                kube_proxy_version: String::new(),
                machine_id: rng.hex(32),
                system_uuid: rng.uuid(),
                boot_id: rng.uuid(),
                ..NodeSystemInfo::default()
            }),
            images: Some(self.images.list()).filter(|images| !images.is_empty()),
            ..NodeStatus::default()
        }
    }

    /// Writes the node's status, ready as it is by now.
    pub(super) async fn write_status(self: &Rc<Self>) {
        for _ in 0..5 {
            let Ok(current) = client::get::<Node>(&*self.client, "", &self.config.name).await else { return };
            let status = self.node_status(current.status.as_ref(), true);
            let was_ready = current.status.as_ref().is_some_and(|status| {
                status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
            });
            let node = Node { status: Some(status), ..Node::clone(&current) };
            let body = Body::Object(node.into());
            let name = self.config.name.as_str();
            let options = WriteOptions::default();
            match self.client.update(Kind::Node, "", name, Subresource::Status, body, options).await {
                Ok(written) => {
                    if let Some(node) = Node::from_object(&written.object) {
                        *self.node.borrow_mut() = node.clone();
                    }
                    if !was_ready {
                        self.node_event("NodeReady", &format!("Node {name} status is now: NodeReady"));
                    }
                    return;
                }
                Err(error) if error.is_conflict() => {}
                // The next report tries again.
                Err(_) => return,
            }
        }
    }

    async fn renew_lease(&self) {
        let name = self.config.name.as_str();
        let now: Timestamp = self.sim.wall();
        match client::get::<Lease>(&*self.client, LEASES, name).await {
            Ok(lease) => {
                let mut lease = Lease::clone(&lease);
                lease.spec.get_or_insert_default().renew_time = Some(micro(now));
                let body = Body::Object(lease.into());
                // A heartbeat that fails is followed by the next.
                let _missed = self
                    .client
                    .update(Kind::Lease, LEASES, name, Subresource::None, body, WriteOptions::default())
                    .await;
            }
            Err(error) if error.is_not_found() => {
                let owner = OwnerReference {
                    api_version: "v1".into(),
                    kind: "Node".into(),
                    name: name.into(),
                    uid: self.node.borrow().uid().into(),
                    ..OwnerReference::default()
                };
                let lease = Lease {
                    metadata: ObjectMeta {
                        name: Some(name.into()),
                        namespace: Some(LEASES.into()),
                        owner_references: Some(vec![owner]),
                        ..ObjectMeta::default()
                    },
                    spec: Some(LeaseSpec {
                        holder_identity: Some(name.into()),
                        lease_duration_seconds: Some(LEASE_SECONDS),
                        renew_time: Some(micro(now)),
                        ..LeaseSpec::default()
                    }),
                };
                let _missed = client::create(&*self.client, lease).await;
            }
            Err(_) => {}
        }
    }

    /// Allocatable milli-CPU and bytes of memory.
    pub(super) fn allocatable(&self) -> (i64, i64) {
        let capacity = self.capacity.borrow();
        let memory = parse(&capacity.memory, 0).unwrap_or(0);
        (parse(&capacity.cpu, 3).unwrap_or(0), (memory - EVICTION_MEMORY).max(0))
    }

    pub(super) fn host_ips(&self) -> [String; 1] {
        [self.config.internal_ip.clone()]
    }
}
