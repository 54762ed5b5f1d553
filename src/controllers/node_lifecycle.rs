//! Watches over nodes: marks those that stopped reporting, and taints nodes by their conditions.
//!
//! Heartbeats are the leases in `kube-node-lease` and the node's own status. A look at all leases
//! every [`PERIOD`] costs one list; taints follow changes of nodes as they come.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    rc::Rc,
    time::Duration,
};

use k8s_openapi::{
    api::{
        coordination::v1::Lease,
        core::v1::{Node, NodeCondition, PodCondition, Taint},
    },
    apimachinery::pkg::apis::meta::v1::{MicroTime, Time},
};

use super::change_status;
use crate::{
    api::{
        ApiClient, Object, Pod, Resource, Result,
        client::{self, Body, ListOptions, Subresource, WatchEvent, WriteOptions},
    },
    apiserver::{
        events::{EventType, Recorder, pod_reference, reference},
        whole_seconds,
    },
    sim::{Either, Sim, SimTime, race},
};

/// `--node-monitor-period`, `--node-monitor-grace-period`, `--node-startup-grace-period`.
const PERIOD: Duration = Duration::from_secs(5);
const GRACE: Duration = Duration::from_secs(50);
const STARTUP_GRACE: Duration = Duration::from_secs(60);

/// How often a zone's nodes get NoExecute taints: one node each 10 s; each 100 s in a large zone
/// most of whose nodes are lost; never in such a small one.
const EVICTION_EVERY: Duration = Duration::from_secs(10);
const SECONDARY_EVICTION_EVERY: Duration = Duration::from_secs(100);
const LARGE_ZONE: usize = 50;
const UNHEALTHY_SHARE: f64 = 0.55;
/// The queue of nodes to taint is looked at this often.
const EVICTION_PERIOD: Duration = Duration::from_millis(100);

/// Between a node's change and the taint that follows it.
const REACTION: Duration = Duration::from_millis(6);

const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// NoSchedule taints by condition: type, status, key.
const CONDITION_TAINTS: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];
const TTL: &str = "node.alpha.kubernetes.io/ttl";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let sim = sim.clone();
    sim.clone().spawn(async move {
        let recorder = Recorder::new(&sim, client.clone(), "node-controller", "");
        loop {
            let mut controller = Controller {
                sim: sim.clone(),
                client: client.clone(),
                recorder: recorder.clone(),
                nodes: BTreeMap::new(),
                zones: BTreeMap::new(),
                to_sync: BTreeSet::new(),
                sync_at: None,
                taint_at: None,
            };
            let _ended = controller.run().await;
            sim.sleep(Duration::from_secs(1)).await;
        }
    });
}

struct Controller {
    sim: Sim,
    client: Rc<dyn ApiClient>,
    recorder: Recorder,
    nodes: BTreeMap<String, Known>,
    zones: BTreeMap<String, Zone>,
    /// Nodes whose NoSchedule taints don't fit their conditions, and when that is put right.
    to_sync: BTreeSet<String>,
    sync_at: Option<SimTime>,
    /// When nodes that wait for a NoExecute taint are looked at.
    taint_at: Option<SimTime>,
}

/// A node and when it was last heard of.
struct Known {
    node: Rc<Node>,
    heard: SimTime,
    renewed: Option<MicroTime>,
    heartbeat: Option<Time>,
    /// It was already said that it isn't ready.
    reported: bool,
    /// The NoExecute taint that it is to get.
    to_taint: Option<&'static str>,
}

impl Known {
    /// Whether there is anything to do or undo for it.
    fn is_troubled(&self) -> bool {
        let healthy = ready(&self.node).is_some_and(|c| c.status == "True");
        !healthy || self.reported || self.to_taint.is_some() || has_no_execute(&self.node)
    }
}

#[derive(Default)]
struct Zone {
    /// When the next node may be tainted.
    next: SimTime,
    every: Option<Duration>,
}

impl Controller {
    async fn run(&mut self) -> Result<()> {
        let mut watch = self.client.watch(crate::api::Kind::Node, "", ListOptions::default()).await?;
        let mut monitor_at = self.sim.now();
        loop {
            let next =
                [Some(monitor_at), self.sync_at, self.taint_at].into_iter().flatten().min().unwrap_or(monitor_at);
            match race(poll_fn(|cx| watch.poll_recv(cx)), self.sim.sleep_until(next)).await {
                Either::Left(Some(WatchEvent::Added(Object::Node(n)) | WatchEvent::Modified(Object::Node(n)))) => {
                    let name = n.name().to_string();
                    let is_new = !self.nodes.contains_key(&name);
                    self.node(n);
                    if is_new {
                        let ttl = ttl(self.nodes.len());
                        self.change(&name, |node, _| {
                            let annotations = node.metadata.annotations.get_or_insert_default();
                            annotations.insert(TTL.into(), ttl.into());
                        })
                        .await;
                    }
                }
                Either::Left(Some(WatchEvent::Deleted(object))) => self.removed(&object),
                Either::Left(Some(WatchEvent::Error(error))) => return Err(error),
                Either::Left(Some(_)) => {}
                Either::Left(None) => return Ok(()),
                Either::Right(()) => {
                    let due = |at: Option<SimTime>| at.is_some_and(|at| at <= next);
                    if due(self.sync_at) {
                        self.sync_at = None;
                        for name in std::mem::take(&mut self.to_sync) {
                            self.change(&name, sync_no_schedule).await;
                        }
                    }
                    if due(self.taint_at) {
                        self.taint_at = None;
                        self.taint_nodes().await;
                    }
                    if due(Some(monitor_at)) {
                        monitor_at = next + PERIOD;
                        self.monitor().await?;
                    }
                }
            }
        }
    }

    fn node(&mut self, node: Rc<Node>) {
        let name = node.name().to_string();
        let now = self.sim.now();
        match self.nodes.get_mut(&name) {
            Some(known) => known.node = node.clone(),
            None => {
                let message = format!("Node {name} event: Registered Node {name} in Controller");
                self.recorder.event(
                    reference(&Object::Node(node.clone())),
                    EventType::Normal,
                    "RegisteredNode",
                    message,
                );
                let known = Known {
                    node: node.clone(),
                    heard: now,
                    renewed: None,
                    heartbeat: None,
                    reported: ready(&node).is_some_and(|c| c.status != "True"),
                    to_taint: None,
                };
                self.nodes.insert(name.clone(), known);
            }
        }
        if no_schedule_taints(&node) != current_no_schedule_taints(&node) {
            self.to_sync.insert(name);
            self.sync_at.get_or_insert(now + REACTION);
        }
    }

    fn removed(&mut self, object: &Object) {
        let name = object.name();
        self.nodes.remove(name);
        let message = format!("Node {name} event: Removing Node {name} from Controller");
        self.recorder.event(reference(object), EventType::Normal, "RemovingNode", message);
    }

    /// Looks at every node's heartbeat.
    async fn monitor(&mut self) -> Result<()> {
        let leases: Vec<Rc<Lease>> = client::list(&*self.client, "kube-node-lease", ListOptions::default()).await?;
        // Both are in the order of names.
        let mut leases = leases.iter().peekable();
        let now = self.sim.now();
        let mut late = Vec::new();
        for (name, known) in &mut self.nodes {
            while leases.next_if(|lease| lease.name() < name.as_str()).is_some() {}
            let lease = leases.next_if(|lease| lease.name() == name);
            let renewed = lease.and_then(|lease| lease.spec.as_ref()?.renew_time.clone());
            let condition = ready(&known.node);
            let heartbeat = condition.and_then(|c| c.last_heartbeat_time.clone());
            if renewed.is_some() && renewed != known.renewed {
                known.renewed = renewed;
                known.heard = now;
            }
            if heartbeat != known.heartbeat {
                known.heartbeat = heartbeat;
                // Unknown is what this controller wrote itself.
                if condition.is_some_and(|c| c.status != "Unknown") {
                    known.heard = now;
                }
            }
            let grace = if condition.is_some() { GRACE } else { STARTUP_GRACE };
            if now.since(known.heard) >= grace && condition.is_none_or(|c| c.status != "Unknown") {
                late.push(name.clone());
            }
        }
        for name in late {
            self.mark_unknown(&name).await;
        }
        let troubled: Vec<String> =
            self.nodes.iter().filter(|(_, known)| known.is_troubled()).map(|(name, _)| name.clone()).collect();
        if !troubled.is_empty() {
            self.judge_zones().await;
        }
        for name in troubled {
            self.judge(&name).await;
        }
        Ok(())
    }

    /// The node's conditions become Unknown.
    async fn mark_unknown(&mut self, name: &str) {
        let Some(known) = self.nodes.get_mut(name) else { return };
        let now = whole_seconds(self.sim.wall());
        let mut node = Node::clone(&known.node);
        let conditions = node.status.get_or_insert_default().conditions.get_or_insert_default();
        for kind in ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"] {
            match conditions.iter_mut().find(|c| c.type_ == kind) {
                Some(condition) if condition.status == "Unknown" => {}
                Some(condition) => {
                    condition.status = "Unknown".into();
                    condition.reason = Some("NodeStatusUnknown".into());
                    condition.message = Some("Kubelet stopped posting node status.".into());
                    condition.last_transition_time = Some(now.clone());
                }
                None => conditions.push(NodeCondition {
                    type_: kind.into(),
                    status: "Unknown".into(),
                    reason: Some("NodeStatusNeverUpdated".into()),
                    message: Some("Kubelet never posted node status.".into()),
                    last_heartbeat_time: node.metadata.creation_timestamp.clone(),
                    last_transition_time: Some(now.clone()),
                }),
            }
        }
        // On a conflict the node has just reported, and is looked at again next time.
        if let Ok(node) = client::update_status(&*self.client, Rc::new(node)).await {
            known.node = node;
        }
    }

    /// Acts on whether a node is ready: events, its pods' conditions, NoExecute taints.
    async fn judge(&mut self, name: &str) {
        let Some(known) = self.nodes.get_mut(name) else { return };
        let status = ready(&known.node).map(|c| c.status.clone()).unwrap_or_default();
        if status == "True" {
            known.reported = false;
            known.to_taint = None;
            if has_no_execute(&known.node) {
                self.change(name, |node, _| remove_no_execute(node)).await;
            }
            return;
        }
        if !known.reported {
            known.reported = true;
            let message = format!("Node {name} status is now: NodeNotReady");
            let about = reference(&Object::Node(known.node.clone()));
            self.recorder.event(about, EventType::Normal, "NodeNotReady", message);
            self.mark_pods_not_ready(name).await;
        }
        let key = match status.as_str() {
            "False" => NOT_READY,
            "Unknown" => UNREACHABLE,
            _ => return,
        };
        let Some(known) = self.nodes.get_mut(name) else { return };
        if has_taint(&known.node, key) {
            known.to_taint = None;
        } else if has_no_execute(&known.node) {
            // From not-ready to unreachable or back: at once.
            self.change(name, |node, now| swap_no_execute(node, key, now)).await;
        } else {
            known.to_taint = Some(key);
            self.taint_at.get_or_insert(self.sim.now() + EVICTION_PERIOD / 3);
        }
    }

    /// READY of the node's pods can't be true any more, for whoever sends them requests.
    async fn mark_pods_not_ready(&self, node: &str) {
        let options = ListOptions { field_selector: format!("spec.nodeName={node}"), ..ListOptions::default() };
        let Ok(pods) = client::list::<Pod>(&*self.client, "", options).await else { return };
        for pod in pods {
            let now = whole_seconds(self.sim.wall());
            let changed = change_status(&*self.client, &pod, |pod| not_ready(pod, &now)).await;
            if matches!(changed, Ok(Some(_))) {
                self.recorder.event(pod_reference(&pod, None), EventType::Warning, "NodeNotReady", "Node is not ready");
            }
        }
    }

    /// How fast each zone's nodes may be tainted; if no node at all is ready, none are.
    async fn judge_zones(&mut self) {
        let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for known in self.nodes.values() {
            let (ready_nodes, lost) = counts.entry(zone(&known.node)).or_default();
            match ready(&known.node) {
                Some(condition) if condition.status == "True" => *ready_nodes += 1,
                _ => *lost += 1,
            }
        }
        let all_lost = !counts.is_empty() && counts.values().all(|(ready_nodes, lost)| *ready_nodes == 0 && *lost > 0);
        for (name, (ready_nodes, lost)) in counts {
            let nodes = ready_nodes + lost;
            let zone = self.zones.entry(name).or_default();
            zone.every = if all_lost {
                None
            } else if ready_nodes > 0 && lost > 2 && lost as f64 / nodes as f64 >= UNHEALTHY_SHARE {
                (nodes > LARGE_ZONE).then_some(SECONDARY_EVICTION_EVERY)
            } else {
                Some(EVICTION_EVERY)
            };
        }
        if all_lost {
            // Then it is rather the control plane that is cut off: pods stay.
            let tainted: Vec<String> =
                self.nodes.iter().filter(|(_, k)| has_no_execute(&k.node)).map(|(name, _)| name.clone()).collect();
            for name in tainted {
                self.change(&name, |node, _| remove_no_execute(node)).await;
            }
        }
    }

    /// Gives NoExecute taints as fast as the zones allow.
    async fn taint_nodes(&mut self) {
        let now = self.sim.now();
        let waiting: Vec<(String, &'static str)> =
            self.nodes.iter().filter_map(|(name, known)| Some((name.clone(), known.to_taint?))).collect();
        for (name, key) in waiting {
            let Some(known) = self.nodes.get_mut(&name) else { continue };
            let zone = self.zones.entry(zone(&known.node)).or_default();
            let Some(every) = zone.every else { continue };
            if zone.next > now {
                self.taint_at = Some(self.taint_at.map_or(zone.next, |at| at.min(zone.next)));
                continue;
            }
            zone.next = now + every;
            known.to_taint = None;
            self.change(&name, |node, now| swap_no_execute(node, key, now)).await;
        }
    }

    /// Changes a node's taints or metadata on its newest version.
    async fn change(&mut self, name: &str, change: impl Fn(&mut Node, &Time)) {
        loop {
            let Ok(current) = client::get::<Node>(&*self.client, "", name).await else { return };
            let mut node = Node::clone(&current);
            change(&mut node, &whole_seconds(self.sim.wall()));
            if node.spec.as_ref().is_some_and(|s| s.taints.as_ref().is_some_and(Vec::is_empty))
                && let Some(spec) = &mut node.spec
            {
                spec.taints = None;
            }
            if node.spec == current.spec && node.metadata == current.metadata {
                return;
            }
            let body = Body::Object(node.into());
            let kind = crate::api::Kind::Node;
            let written = self.client.update(kind, "", name, Subresource::None, body, WriteOptions::default()).await;
            match written {
                Ok(written) => {
                    if let (Some(known), Object::Node(node)) = (self.nodes.get_mut(name), written.object) {
                        known.node = node;
                    }
                    return;
                }
                Err(error) if error.is_conflict() => {}
                Err(_) => return,
            }
        }
    }
}

/// How long kubelets may keep what they read, in a cluster of so many nodes (`pkg/controller/ttl`).
fn ttl(nodes: usize) -> &'static str {
    match nodes {
        0..=100 => "0",
        101..=500 => "15",
        501..=1000 => "30",
        1001..=2000 => "60",
        2001..=10_000 => "300",
        _ => "600",
    }
}

fn ready(node: &Node) -> Option<&NodeCondition> {
    node.status.as_ref()?.conditions.as_ref()?.iter().find(|c| c.type_ == "Ready")
}

fn zone(node: &Node) -> String {
    let label = |key: &str| node.metadata.labels.as_ref().and_then(|l| l.get(key)).cloned().unwrap_or_default();
    format!("{}:{}", label("topology.kubernetes.io/region"), label("topology.kubernetes.io/zone"))
}

fn taints(node: &Node) -> &[Taint] {
    node.spec.as_ref().and_then(|s| s.taints.as_deref()).unwrap_or_default()
}

/// The keys of the NoSchedule taints that a node's conditions ask for.
fn no_schedule_taints(node: &Node) -> Vec<&'static str> {
    let conditions = node.status.as_ref().and_then(|s| s.conditions.as_deref()).unwrap_or_default();
    let mut keys: Vec<&str> = CONDITION_TAINTS
        .iter()
        .filter(|(kind, status, _)| conditions.iter().any(|c| c.type_ == *kind && c.status == *status))
        .map(|(_, _, key)| *key)
        .collect();
    // A node that has never reported keeps the taint that it was born with.
    if ready(node).is_none() && taints(node).iter().any(|t| t.key == NOT_READY && t.effect == "NoSchedule") {
        keys.push(NOT_READY);
    }
    if node.spec.as_ref().and_then(|s| s.unschedulable) == Some(true) {
        keys.push(UNSCHEDULABLE);
    }
    keys.sort_unstable();
    keys
}

fn is_condition_taint(taint: &Taint) -> bool {
    taint.effect == "NoSchedule"
        && (taint.key == UNSCHEDULABLE || CONDITION_TAINTS.iter().any(|(_, _, key)| *key == taint.key))
}

/// Those of them that it has.
fn current_no_schedule_taints(node: &Node) -> Vec<&str> {
    let mut keys: Vec<&str> = taints(node).iter().filter(|t| is_condition_taint(t)).map(|t| t.key.as_str()).collect();
    keys.sort_unstable();
    keys
}

fn sync_no_schedule(node: &mut Node, now: &Time) {
    let wanted = no_schedule_taints(node);
    let taints = node.spec.get_or_insert_default().taints.get_or_insert_default();
    taints.retain(|t| !is_condition_taint(t) || wanted.contains(&t.key.as_str()));
    for key in wanted {
        if !taints.iter().any(|t| t.key == key && t.effect == "NoSchedule") {
            taints.push(taint(key, "NoSchedule", now));
        }
    }
}

fn taint(key: &str, effect: &str, now: &Time) -> Taint {
    Taint { key: key.into(), effect: effect.into(), time_added: Some(now.clone()), value: None }
}

fn is_no_execute(taint: &Taint) -> bool {
    taint.effect == "NoExecute" && (taint.key == UNREACHABLE || taint.key == NOT_READY)
}

fn has_no_execute(node: &Node) -> bool {
    taints(node).iter().any(is_no_execute)
}

fn has_taint(node: &Node, key: &str) -> bool {
    taints(node).iter().any(|t| is_no_execute(t) && t.key == key)
}

fn remove_no_execute(node: &mut Node) {
    if let Some(taints) = node.spec.as_mut().and_then(|s| s.taints.as_mut()) {
        taints.retain(|t| !is_no_execute(t));
    }
}

fn swap_no_execute(node: &mut Node, key: &str, now: &Time) {
    remove_no_execute(node);
    node.spec.get_or_insert_default().taints.get_or_insert_default().push(taint(key, "NoExecute", now));
}

/// Only the status of the Ready condition changes, not its reason.
fn not_ready(pod: &mut Pod, now: &Time) -> bool {
    let conditions = pod.status.as_mut().and_then(|s| s.conditions.as_mut());
    let ready: Option<&mut PodCondition> = conditions.and_then(|c| c.iter_mut().find(|c| c.type_ == "Ready"));
    match ready {
        Some(ready) if ready.status == "True" => {
            ready.status = "False".into();
            ready.last_transition_time = Some(now.clone());
            true
        }
        _ => false,
    }
}
