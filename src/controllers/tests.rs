//! Node loss, taints, orphans and namespaces, on a whole apiserver with stand-in heartbeats.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use k8s_openapi::{
    api::{
        coordination::v1::{Lease, LeaseSpec},
        core::v1::Node,
    },
    jiff::Timestamp,
};
use serde_json::{Value, json};

use super::*;
use crate::{
    api::{
        Kind, Object,
        client::{Body, DeleteOptions, ListOptions, Patch, Subresource, Watch, WatchEvent, WriteOptions},
    },
    apiserver::{ApiServer, events::micro, table},
};

struct Cluster {
    sim: Sim,
    server: Rc<ApiServer>,
    /// Nodes whose heart doesn't beat.
    silent: Rc<RefCell<BTreeSet<String>>>,
}

impl Cluster {
    fn new(nodes: usize) -> Cluster {
        let sim = Sim::new(1, "2026-11-23T08:00:00Z".parse::<Timestamp>().unwrap());
        let server = ApiServer::new(&sim);
        let client: Rc<dyn ApiClient> = server.clone();
        start(&sim, &client);
        let cluster = Cluster { sim, server, silent: Rc::default() };
        for i in 1..=nodes {
            cluster.add_node(&format!("n{i}"));
        }
        cluster
    }

    fn add_node(&self, name: &str) {
        let value = json!({"metadata": {"name": name}, "status": {"conditions": [
            {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}]}});
        self.create(Kind::Node, value);
        let (sim, client, silent) = (self.sim.clone(), self.server.clone(), self.silent.clone());
        let name = name.to_string();
        self.sim.spawn(async move {
            sim.sleep(Duration::from_millis(200)).await;
            loop {
                let beats = !silent.borrow().contains(&name);
                if beats && heartbeat(&sim, &*client, &name).await.is_err() {
                    return;
                }
                sim.sleep(Duration::from_secs(10)).await;
            }
        });
    }

    fn run(&self, future: impl Future<Output = ()> + 'static) {
        let task = self.sim.spawn(future);
        while !task.is_finished() {
            assert!(self.sim.run_ready(100_000) > 0);
        }
    }

    fn create(&self, kind: Kind, value: Value) {
        let server = self.server.clone();
        let namespace = value["metadata"]["namespace"].as_str().unwrap_or("default").to_string();
        self.run(async move {
            let namespace = if kind.namespaced() { namespace.as_str() } else { "" };
            server.create(kind, namespace, Body::Json(value), WriteOptions::default()).await.unwrap();
        });
    }

    fn patch(&self, kind: Kind, name: &str, patch: Value) {
        let (server, name) = (self.server.clone(), name.to_string());
        let namespace = if kind.namespaced() { "default" } else { "" };
        self.run(async move {
            let (patch, options) = (Patch::Merge(patch), WriteOptions::default());
            server.patch(kind, namespace, &name, Subresource::None, patch, options).await.unwrap();
        });
    }

    /// A running pod.
    fn pod(&self, name: &str, node: &str, tolerations: Value) {
        self.create(
            Kind::Pod,
            json!({"metadata": {"name": name}, "spec": {"nodeName": node, "tolerations": tolerations,
                "containers": [{"name": "c", "image": "nginx"}]}}),
        );
        let (server, name) = (self.server.clone(), name.to_string());
        self.run(async move {
            let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
            let (patch, options) = (Patch::Merge(status), WriteOptions::default());
            server.patch(Kind::Pod, "default", &name, Subresource::Status, patch, options).await.unwrap();
        });
    }

    fn delete(&self, kind: Kind, name: &str) {
        let (server, name) = (self.server.clone(), name.to_string());
        let namespace = if kind.namespaced() { "default" } else { "" };
        self.run(async move {
            server.delete(kind, namespace, &name, DeleteOptions::default()).await.unwrap();
        });
    }

    fn watch(&self, kind: Kind) -> Watch {
        let (server, out) = (self.server.clone(), Rc::new(RefCell::new(None)));
        let into = out.clone();
        self.run(async move {
            let options = ListOptions { resource_version: server.resource_version(), ..ListOptions::default() };
            *into.borrow_mut() = Some(server.watch(kind, "", options).await.unwrap());
        });
        out.take().unwrap()
    }

    fn until(&self, millis: u64) {
        self.sim.run_until(crate::sim::SimTime::ZERO + Duration::from_millis(millis), u64::MAX);
    }

    /// Advances to `millis` in small steps and tells what changed when: `62.05 n1 NotReady …`.
    fn story(&self, millis: u64) -> Vec<String> {
        let mut watches = [Kind::Node, Kind::Pod, Kind::Event].map(|kind| self.watch(kind));
        let mut lines: Vec<String> = Vec::new();
        while self.sim.now() < crate::sim::SimTime::ZERO + Duration::from_millis(millis) {
            self.sim.run_until(self.sim.now() + Duration::from_millis(1), u64::MAX);
            let at = format!("{:.3}", self.sim.now().as_secs_f64());
            for watch in &mut watches {
                while let Some(event) = watch.try_recv() {
                    lines.push(format!("{at} {}", line(&event)));
                }
            }
        }
        lines.dedup();
        lines
    }
}

fn line(event: &WatchEvent) -> String {
    let gone = if matches!(event, WatchEvent::Deleted(_)) { " gone" } else { "" };
    match event.object().unwrap() {
        Object::Node(node) => {
            let taints = node.spec.iter().flat_map(|s| s.taints.iter().flatten());
            let taints: Vec<String> = taints.map(|t| format!(" {}:{}", t.key, t.effect)).collect();
            format!("{} {}{}{gone}", node.name(), table::node_status(node), taints.concat())
        }
        Object::Pod(pod) => {
            let conditions = pod.status.iter().flat_map(|s| s.conditions.iter().flatten());
            let conditions: Vec<String> = conditions.map(|c| format!(" {}={}", c.type_, c.status)).collect();
            format!("{} {}{}{gone}", pod.name(), table::pod_status(pod), conditions.concat())
        }
        Object::Event(event) => {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let about = text(&event.involved_object.name);
            format!("event {about} {} {}: {}", text(&event.type_), text(&event.reason), text(&event.message))
        }
        other => format!("{} {}", other.kind(), other.name()),
    }
}

async fn heartbeat(sim: &Sim, client: &dyn ApiClient, node: &str) -> crate::api::Result<()> {
    let renew = Some(micro(sim.wall()));
    let found = client::get::<Lease>(client, "kube-node-lease", node).await;
    match found {
        Ok(lease) => {
            let mut lease = Lease::clone(&lease);
            lease.spec.get_or_insert_default().renew_time = renew;
            let body = Body::Object(lease.into());
            let (kind, none) = (Kind::Lease, Subresource::None);
            client.update(kind, "kube-node-lease", node, none, body, WriteOptions::default()).await?;
        }
        Err(_) => {
            let mut lease = Lease::default();
            lease.metadata.name = Some(node.into());
            lease.metadata.namespace = Some("kube-node-lease".into());
            lease.spec = Some(LeaseSpec { renew_time: renew, ..LeaseSpec::default() });
            client::create(client, lease).await?;
        }
    }
    let current: Rc<Node> = client::get(client, "", node).await?;
    let mut node = Node::clone(&current);
    for condition in node.status.iter_mut().flat_map(|s| s.conditions.iter_mut().flatten()) {
        if condition.status == "Unknown" {
            condition.status = if condition.type_ == "Ready" { "True".into() } else { "False".into() };
            condition.last_heartbeat_time = Some(whole_seconds(sim.wall()));
        }
    }
    if *current != node {
        client::update_status(client, Rc::new(node)).await?;
    }
    Ok(())
}

#[test]
fn a_lost_node_and_its_return() {
    let cluster = Cluster::new(3);
    cluster.until(1000);
    cluster.pod("bare", "n1", json!([]));
    cluster.pod(
        "short",
        "n1",
        json!([{"key": "node.kubernetes.io/unreachable", "operator": "Exists",
        "effect": "NoExecute", "tolerationSeconds": 30}]),
    );
    cluster.pod("daemon", "n1", json!([{"operator": "Exists"}]));
    cluster.until(12_000);
    cluster.silent.borrow_mut().insert("n1".into());
    let unreachable = "node.kubernetes.io/unreachable";
    let lost = [
        "65.000 n1 NotReady".to_string(),
        "65.000 bare Running Ready=False".into(),
        "65.000 daemon Running Ready=False".into(),
        "65.000 short Running Ready=False".into(),
        "65.000 event n1 Normal NodeNotReady: Node n1 status is now: NodeNotReady".into(),
        "65.000 event bare Warning NodeNotReady: Node is not ready".into(),
        "65.000 event daemon Warning NodeNotReady: Node is not ready".into(),
        "65.000 event short Warning NodeNotReady: Node is not ready".into(),
        format!("65.006 n1 NotReady {unreachable}:NoSchedule"),
        format!("65.034 n1 NotReady {unreachable}:NoSchedule {unreachable}:NoExecute"),
    ];
    // The lease was last seen to change at the look at 15 s.
    assert_eq!(cluster.story(80_000), lost);
    assert_eq!(
        cluster.story(350_000),
        [
            "95.034 short Running Ready=False DisruptionTarget=True",
            "95.034 short Terminating Ready=False DisruptionTarget=True",
            "95.034 event short Normal TaintManagerEviction: Marking for deletion Pod default/short",
        ]
    );
    assert_eq!(
        cluster.story(401_000),
        [
            "365.034 bare Running Ready=False DisruptionTarget=True",
            "365.034 bare Terminating Ready=False DisruptionTarget=True",
            "365.034 event bare Normal TaintManagerEviction: Marking for deletion Pod default/bare",
        ]
    );
    cluster.silent.borrow_mut().clear();
    assert_eq!(
        cluster.story(420_000),
        [
            format!("410.200 n1 Ready {unreachable}:NoSchedule {unreachable}:NoExecute"),
            format!("410.206 n1 Ready {unreachable}:NoExecute"),
            "415.000 n1 Ready".into(),
        ]
    );
}

#[test]
fn a_node_that_never_reported_keeps_its_taint() {
    let cluster = Cluster::new(1);
    cluster.silent.borrow_mut().insert("n2".into());
    cluster.create(Kind::Node, json!({"metadata": {"name": "n2"}}));
    cluster.until(50_000);
    let node = cluster.server.peek(Kind::Node, "", "n2").unwrap().to_value();
    assert_eq!(node["spec"]["taints"], json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]));
    cluster.until(70_000);
    let node = cluster.server.peek(Kind::Node, "", "n2").unwrap().to_value();
    let ready = &node["status"]["conditions"][3];
    assert_eq!(ready["reason"], "NodeStatusNeverUpdated");
    assert_eq!(ready["message"], "Kubelet never posted node status.");
}

#[test]
fn cordoning_taints() {
    let cluster = Cluster::new(1);
    cluster.until(1000);
    cluster.patch(Kind::Node, "n1", json!({"spec": {"unschedulable": true}}));
    cluster.until(1100);
    cluster.patch(Kind::Node, "n1", json!({"spec": {"unschedulable": null}}));
    let story = cluster.story(1200);
    assert_eq!(story, ["1.106 n1 Ready"]);
}

#[test]
fn taints_evict() {
    let cluster = Cluster::new(2);
    cluster.until(1000);
    cluster.pod("plain", "n1", json!([]));
    cluster.pod(
        "secs",
        "n1",
        json!([{"key": "maint", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 10}]),
    );
    cluster.pod("forever", "n1", json!([{"key": "maint", "operator": "Exists"}]));
    cluster.pod("elsewhere", "n2", json!([]));
    cluster.until(2000);
    cluster.patch(Kind::Node, "n1", json!({"spec": {"taints": [{"key": "maint", "effect": "NoExecute"}]}}));
    let told = |millis| -> Vec<String> {
        cluster.until(millis);
        let events = cluster.server.peek_all(Kind::Event);
        let events = events.iter().map(|event| event.to_value());
        let events = events.filter(|event| event["reason"] == "TaintManagerEviction");
        events.map(|event| event["message"].as_str().unwrap().to_string()).collect()
    };
    let (plain, secs) = ("Marking for deletion Pod default/plain", "Marking for deletion Pod default/secs");
    assert_eq!(told(3000), [plain]);
    cluster.patch(Kind::Node, "n1", json!({"spec": {"taints": null}}));
    let cancelled = "Cancelling deletion of Pod default/secs";
    assert_eq!(told(4000), [plain, cancelled]);
    cluster.patch(Kind::Node, "n1", json!({"spec": {"taints": [{"key": "maint", "effect": "NoExecute"}]}}));
    assert_eq!(told(13_990), [plain, cancelled]);
    assert_eq!(told(14_010), [plain, cancelled, secs]);
}

#[test]
fn when_all_nodes_are_lost_pods_stay() {
    let cluster = Cluster::new(2);
    cluster.until(1000);
    cluster.pod("web", "n1", json!([]));
    cluster.silent.borrow_mut().extend(["n1".to_string(), "n2".to_string()]);
    cluster.until(600_000);
    let node = cluster.server.peek(Kind::Node, "", "n1").unwrap().to_value();
    assert_eq!(node["status"]["conditions"][0]["status"], "Unknown");
    assert_eq!(node["spec"]["taints"].as_array().unwrap().len(), 1, "NoSchedule alone");
    let pod = cluster.server.peek(Kind::Pod, "default", "web").unwrap();
    assert!(pod.meta().deletion_timestamp.is_none());
}

#[test]
fn orphans_are_collected() {
    let cluster = Cluster::new(2);
    cluster.until(1000);
    cluster.pod("web", "n1", json!([]));
    cluster.delete(Kind::Node, "n1");
    cluster.until(55_000);
    assert!(cluster.server.peek(Kind::Pod, "default", "web").is_some(), "in quarantine");
    let story = cluster.story(61_000);
    assert_eq!(
        story,
        [
            "60.000 web Failed Ready=True DisruptionTarget=True",
            "60.000 web Failed Ready=True DisruptionTarget=True gone",
        ]
    );
}

#[test]
fn a_new_namespace_is_furnished_and_a_deleted_one_emptied() {
    let cluster = Cluster::new(1);
    cluster.until(1000);
    cluster.create(Kind::Namespace, json!({"metadata": {"name": "lab"}}));
    cluster.until(1001);
    let there = |kind, name: &str| cluster.server.peek(kind, "lab", name).is_some();
    assert!(there(Kind::ServiceAccount, "default") && there(Kind::ConfigMap, "kube-root-ca.crt"));
    let pod = json!({"metadata": {"name": "web", "namespace": "lab"},
        "spec": {"containers": [{"name": "c", "image": "nginx"}]}});
    cluster.create(Kind::Pod, pod);
    cluster.delete(Kind::Namespace, "lab");
    cluster.until(5900);
    assert!(there(Kind::Pod, "web"), "the content stays for five seconds");
    cluster.until(6100);
    assert!(!there(Kind::Pod, "web") && !there(Kind::ConfigMap, "kube-root-ca.crt"));
    assert!(cluster.server.peek(Kind::Namespace, "", "lab").is_none());
}

#[test]
fn a_namespace_waits_for_its_pods() {
    let cluster = Cluster::new(1);
    cluster.until(1000);
    cluster.create(Kind::Namespace, json!({"metadata": {"name": "lab"}}));
    cluster.until(1001);
    let pod = json!({"metadata": {"name": "web", "namespace": "lab"},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "nginx"}]}});
    cluster.create(Kind::Pod, pod);
    cluster.delete(Kind::Namespace, "lab");
    cluster.until(7000);
    let namespace = cluster.server.peek(Kind::Namespace, "", "lab").unwrap().to_value();
    assert_eq!(
        namespace["status"]["conditions"][3]["message"],
        "Some resources are remaining: pods. has 1 resource instances"
    );
    let server = cluster.server.clone();
    cluster.run(async move {
        let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        server.delete(Kind::Pod, "lab", "web", now).await.unwrap();
    });
    // Looked at again after half the pods' grace and a second.
    cluster.until(21_900);
    assert!(cluster.server.peek(Kind::Namespace, "", "lab").is_some());
    cluster.until(22_100);
    assert!(cluster.server.peek(Kind::Namespace, "", "lab").is_none());
}
