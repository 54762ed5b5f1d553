//! The scheduler on a whole apiserver.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{
    api::client::{Body, DeleteOptions, Patch, Subresource, WriteOptions},
    apiserver::ApiServer,
};

struct Cluster {
    sim: Sim,
    server: Rc<ApiServer>,
    scheduler: Rc<Scheduler>,
}

impl Cluster {
    fn new(nodes: &[Value]) -> Cluster {
        let sim = Sim::new(1, "2026-11-23T08:00:00Z".parse::<Timestamp>().unwrap());
        let server = ApiServer::new(&sim);
        let scheduler = start(&sim, server.clone(), "cp");
        let cluster = Cluster { sim, server, scheduler };
        for node in nodes {
            cluster.create(Kind::Node, node.clone());
            // A kubelet's first report lifts the taint of new nodes.
            let taints = node["spec"].get("taints").cloned().unwrap_or(json!([]));
            cluster.patch(Kind::Node, node["metadata"]["name"].as_str().unwrap(), json!({"spec": {"taints": taints}}));
        }
        cluster
    }

    fn run(&self, future: impl Future<Output = ()> + 'static) {
        let task = self.sim.spawn(future);
        while !task.is_finished() {
            self.sim.run_ready(1_000_000);
        }
    }

    fn create(&self, kind: Kind, value: Value) {
        let server = self.server.clone();
        self.run(async move {
            let namespace = if kind.namespaced() { "default" } else { "" };
            server.create(kind, namespace, Body::Json(value), WriteOptions::default()).await.unwrap();
        });
    }

    fn patch(&self, kind: Kind, name: &str, patch: Value) {
        self.patch_subresource(kind, name, Subresource::None, patch);
    }

    fn patch_subresource(&self, kind: Kind, name: &str, subresource: Subresource, patch: Value) {
        let (server, name) = (self.server.clone(), name.to_string());
        let namespace = if kind.namespaced() { "default" } else { "" };
        self.run(async move {
            let patch = Patch::Merge(patch);
            server.patch(kind, namespace, &name, subresource, patch, WriteOptions::default()).await.unwrap();
        });
    }

    fn delete(&self, name: &str) {
        let (server, name) = (self.server.clone(), name.to_string());
        self.run(async move {
            let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
            server.delete(Kind::Pod, "default", &name, now).await.unwrap();
        });
    }

    fn pass(&self, millis: u64) {
        self.sim.run_until(self.sim.now() + Duration::from_millis(millis), u64::MAX);
    }

    fn pod(&self, name: &str) -> Value {
        self.server.peek(Kind::Pod, "default", name).unwrap().to_value()
    }

    fn node_of(&self, name: &str) -> Option<String> {
        self.pod(name)["spec"]["nodeName"].as_str().map(str::to_string)
    }

    fn message(&self, name: &str) -> String {
        self.pod(name)["status"]["conditions"][0]["message"].as_str().unwrap_or_default().into()
    }

    fn events(&self) -> Vec<String> {
        let event = |o: &Object| {
            let event = o.to_value();
            let text = |key: &str| event[key].as_str().unwrap_or_default().to_string();
            format!("{} {} {}", text("type"), text("reason"), text("message"))
        };
        self.server.peek_all(Kind::Event).iter().map(event).collect()
    }
}

fn node(name: &str) -> Value {
    let resources = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {}, "status": {"capacity": resources, "allocatable": resources}})
}

fn with(mut object: Value, changes: Value) -> Value {
    object["spec"].as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    object
}

fn pod(name: &str, spec: Value) -> Value {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "c", "image": "nginx"}]}});
    with(pod, spec)
}

fn asking(name: &str, cpu: &str) -> Value {
    let resources = json!({"requests": {"cpu": cpu}});
    pod(name, json!({"containers": [{"name": "c", "image": "nginx", "resources": resources}]}))
}

fn kind_cluster() -> Vec<Value> {
    let taint = json!({"taints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]});
    vec![with(node("cp"), taint), node("w1"), node("w2")]
}

#[test]
fn a_pod_is_bound_within_some_milliseconds() {
    let cluster = Cluster::new(&kind_cluster());
    cluster.create(Kind::Pod, pod("web", json!({})));
    cluster.pass(3);
    assert_eq!(cluster.node_of("web"), None);
    cluster.pass(4);
    let node = cluster.node_of("web").unwrap();
    assert!(node == "w1" || node == "w2", "{node}");
    assert_eq!(cluster.events(), [format!("Normal Scheduled Successfully assigned default/web to {node}")]);
    let uid = cluster.pod("web")["metadata"]["uid"].as_str().unwrap().to_string();
    let decision = cluster.scheduler.decision(&uid).unwrap();
    assert_eq!(decision.result.as_deref(), Ok(&*node));
    let refused: Vec<_> = decision.nodes.iter().filter_map(|v| Some((&*v.node, v.refused.as_ref()?.0))).collect();
    assert_eq!(refused, [("cp", "TaintToleration")]);
    assert!(decision.nodes.iter().filter(|v| v.refused.is_none()).all(|v| v.total > 0));
}

#[test]
fn pods_are_spread_by_load() {
    let cluster = Cluster::new(&kind_cluster());
    for i in 0..8 {
        cluster.create(Kind::Pod, asking(&format!("p{i}"), "500m"));
        cluster.pass(20);
    }
    let on = |node: &str| (0..8).filter(|i| cluster.node_of(&format!("p{i}")).as_deref() == Some(node)).count();
    assert_eq!((on("cp"), on("w1"), on("w2")), (0, 4, 4));
}

/// Whole messages of FailedScheduling, one cause at a time.
#[test]
fn why_a_pod_fits_nowhere() {
    let claims = "no new claims to deallocate, preemption: 0/3 nodes are available:";
    let helpless = format!("{claims} 3 Preemption is not helpful for scheduling.");
    let affinity = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms":
        [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["w9"]}]}]}}});
    let port = json!([{"name": "c", "image": "nginx", "ports": [{"containerPort": 80, "hostPort": 8080}]}]);
    let tolerant = json!([{"operator": "Exists"}]);
    let table = [
        (
            "node selector",
            pod("a", json!({"nodeSelector": {"disktype": "ssd"}})),
            format!("0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector. {helpless}"),
        ),
        (
            "affinity",
            pod("a", json!({"affinity": affinity, "tolerations": tolerant})),
            format!("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. {helpless}"),
        ),
        (
            "more cpu than any node has",
            asking("a", "5"),
            format!("0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. {helpless}"),
        ),
        (
            "more cpu than is free",
            asking("a", "3900m"),
            format!("0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. {claims} 1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod."),
        ),
        (
            "a host port",
            with(pod("a", json!({"nodeSelector": {"kubernetes.io/hostname": "w1"}})), json!({"containers": port})),
            format!("0/3 nodes are available: 1 node(s) didn't have free ports for the requested pod ports, 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s). {claims} 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling."),
        ),
        (
            "never preempting",
            with(asking("a", "3900m"), json!({"priorityClassName": "shy"})),
            "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.".into(),
        ),
    ];
    for (what, pod_value, expected) in table {
        let cluster = Cluster::new(&kind_cluster());
        cluster.create(
            Kind::PriorityClass,
            json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "shy"},
                "value": 0, "preemptionPolicy": "Never"}),
        );
        for node in ["w1", "w2"] {
            let mut busy = asking(&format!("busy-{node}"), "200m");
            busy["spec"]["nodeName"] = node.into();
            busy["spec"]["containers"][0]["ports"] = json!([{"containerPort": 80, "hostPort": 8080}]);
            cluster.create(Kind::Pod, busy);
        }
        cluster.create(Kind::Pod, pod_value);
        cluster.pass(20);
        assert_eq!(cluster.message("a"), expected, "{what}");
        assert_eq!(cluster.events(), [format!("Warning FailedScheduling {expected}")], "{what}");
        assert_eq!(cluster.pod("a")["status"]["conditions"][0]["reason"], "Unschedulable");
    }
}

#[test]
fn without_nodes() {
    let cluster = Cluster::new(&[]);
    cluster.create(Kind::Pod, pod("web", json!({})));
    cluster.pass(20);
    assert_eq!(cluster.message("web"), "no nodes available to schedule pods");
    // No plugin has said anything, so it is tried again and again, in ever longer steps.
    cluster.pass(20_000);
    assert_eq!(cluster.events().len(), 2, "{:?}", cluster.events());
    cluster.create(Kind::Node, node("w1"));
    cluster.patch(Kind::Node, "w1", json!({"spec": {"taints": []}}));
    cluster.pass(11_000);
    assert!(cluster.node_of("web").is_some());
}

/// What wakes a waiting pod, within 0.1 s.
#[test]
fn waking() {
    type Cause = fn(&Cluster);
    let table: [(&str, Value, Cause); 6] = [
        ("a label", pod("a", json!({"nodeSelector": {"disk": "ssd"}})), |c| {
            c.patch(Kind::Node, "w1", json!({"metadata": {"labels": {"disk": "ssd"}}}));
        }),
        ("a lifted taint", pod("a", json!({"nodeSelector": {"kubernetes.io/hostname": "cp"}})), |c| {
            c.patch(Kind::Node, "cp", json!({"spec": {"taints": null}}));
        }),
        ("a new node", pod("a", json!({"nodeSelector": {"kubernetes.io/hostname": "w3"}})), |c| {
            c.create(Kind::Node, node("w3"));
            c.patch(Kind::Node, "w3", json!({"spec": {"taints": []}}));
        }),
        ("another pod's end", asking("a", "3900m"), |c| {
            c.patch_subresource(Kind::Pod, "busy-w2", Subresource::Status, json!({"status": {"phase": "Succeeded"}}));
        }),
        ("another pod's deletion", asking("a", "3900m"), |c| c.delete("busy-w1")),
        ("an added toleration", pod("a", json!({"nodeSelector": {"kubernetes.io/hostname": "cp"}})), |c| {
            let lost = |key| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
            let tolerations = json!([
                lost("node.kubernetes.io/not-ready"),
                lost("node.kubernetes.io/unreachable"),
                {"operator": "Exists"},
            ]);
            c.patch(Kind::Pod, "a", json!({"spec": {"tolerations": tolerations}}));
        }),
    ];
    for (what, value, cause) in table {
        let cluster = Cluster::new(&kind_cluster());
        for node in ["w1", "w2"] {
            let mut busy = asking(&format!("busy-{node}"), "200m");
            busy["spec"]["nodeName"] = node.into();
            cluster.create(Kind::Pod, busy);
        }
        cluster.create(Kind::Pod, value);
        cluster.pass(5000);
        assert_eq!(cluster.node_of("a"), None, "{what}");
        cause(&cluster);
        cluster.pass(100);
        assert!(cluster.node_of("a").is_some(), "{what}: {}", cluster.message("a"));
    }
}

#[test]
fn nothing_wakes_a_pod_for_five_minutes() {
    let cluster = Cluster::new(&kind_cluster());
    cluster.pass(11_000);
    cluster.create(Kind::Pod, pod("a", json!({"nodeSelector": {"disk": "ssd"}})));
    cluster.pass(300_000);
    let count = |cluster: &Cluster| cluster.events().len();
    assert_eq!(count(&cluster), 1);
    // Heartbeats of nodes don't count.
    cluster.patch_subresource(Kind::Node, "w1", Subresource::Status, json!({"status": {"phase": "x"}}));
    cluster.pass(100);
    let before = cluster.sim.polls();
    cluster.pass(30_000);
    assert!(cluster.sim.polls() > before, "it was tried again");
    assert_eq!(count(&cluster), 2, "on the version that its own condition made");
}

#[test]
fn gates_keep_a_pod_out() {
    let cluster = Cluster::new(&kind_cluster());
    cluster.create(Kind::Pod, pod("a", json!({"schedulingGates": [{"name": "example.com/wait"}]})));
    cluster.pass(1000);
    assert_eq!((cluster.node_of("a"), cluster.events().len()), (None, 0));
    cluster.patch(Kind::Pod, "a", json!({"spec": {"schedulingGates": null}}));
    cluster.pass(100);
    assert!(cluster.node_of("a").is_some());
}

#[test]
fn the_more_important_pod_goes_first() {
    let cluster = Cluster::new(&[node("w1")]);
    for (name, value) in [("high", 1000), ("low", 1)] {
        cluster.create(
            Kind::PriorityClass,
            json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": value}),
        );
    }
    let server = cluster.server.clone();
    cluster.run(async move {
        for (name, class) in [("a", "low"), ("b", "high")] {
            let value = with(asking(name, "3"), json!({"priorityClassName": class}));
            server.create(Kind::Pod, "default", Body::Json(value), WriteOptions::default()).await.unwrap();
        }
    });
    cluster.pass(50);
    assert_eq!((cluster.node_of("a"), cluster.node_of("b").as_deref()), (None, Some("w1")));
}

#[test]
fn how_many_nodes_are_enough() {
    let table = [(10, 10), (99, 99), (100, 100), (1000, 420), (5000, 500), (6000, 300)];
    for (nodes, expected) in table {
        assert_eq!(cycle::enough(nodes, None), expected, "{nodes}");
    }
}

#[test]
fn room_is_made_for_the_more_important_pod() {
    let cluster = Cluster::new(&[node("w1")]);
    for (name, value, policy) in [("high", 1000, "PreemptLowerPriority"), ("patient", 1000, "Never")] {
        cluster.create(
            Kind::PriorityClass,
            json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name},
                "value": value, "preemptionPolicy": policy}),
        );
    }
    for name in ["low-a", "low-b"] {
        cluster.create(Kind::Pod, asking(name, "1900m"));
    }
    cluster.pass(100);
    cluster.create(Kind::Pod, with(asking("patient", "1900m"), json!({"priorityClassName": "patient"})));
    cluster.pass(100);
    assert!(cluster.message("patient").ends_with("preemption: not eligible due to preemptionPolicy=Never."));
    cluster.delete("patient");
    cluster.create(Kind::Pod, with(asking("high", "1900m"), json!({"priorityClassName": "high"})));
    cluster.pass(100);
    assert_eq!(cluster.message("high"), "0/1 nodes are available: 1 Insufficient cpu.");
    assert_eq!(cluster.pod("high")["status"]["nominatedNodeName"], "w1");
    let victim = cluster.pod("low-b");
    assert!(victim["metadata"]["deletionTimestamp"].is_string());
    let condition = &victim["status"]["conditions"];
    let marked = condition.as_array().into_iter().flatten().any(|c| c["reason"] == "PreemptionByScheduler");
    assert!(marked, "{condition}");
    assert!(cluster.events().iter().any(|event| event.starts_with("Normal Preempted Preempted by pod ")));
    // Nobody of less importance takes the place meanwhile.
    cluster.create(Kind::Pod, asking("late", "100m"));
    cluster.delete("low-b");
    cluster.pass(2000);
    let of = |name: &str| cluster.node_of(name).unwrap_or_default();
    assert_eq!((of("high"), of("low-a"), of("late")), ("w1".into(), "w1".into(), "w1".into()));
    assert_eq!(cluster.pod("high")["status"]["nominatedNodeName"], Value::Null);
}

#[test]
fn pods_keep_to_others_and_away_from_them() {
    let cluster = Cluster::new(&[node("w1"), node("w2")]);
    let labelled = |name: &str, spec: Value| {
        let mut pod = pod(name, spec);
        pod["metadata"]["labels"] = json!({"app": "web"});
        pod
    };
    let term = json!([{"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/hostname"}]);
    let apart = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}});
    for name in ["a", "b", "c"] {
        cluster.create(Kind::Pod, labelled(name, apart.clone()));
        cluster.pass(100);
    }
    assert_ne!(cluster.node_of("a"), cluster.node_of("b"));
    assert!(
        cluster.message("c").contains("2 node(s) didn't match pod anti-affinity rules"),
        "{}",
        cluster.message("c")
    );
    cluster.delete("a");
    cluster.pass(3000);
    assert!(cluster.node_of("c").is_some(), "the place of another is free now");
    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "spread"}}}]});
    for i in 0..4 {
        let mut pod = pod(&format!("s{i}"), spread.clone());
        pod["metadata"]["labels"] = json!({"app": "spread"});
        cluster.create(Kind::Pod, pod);
    }
    cluster.pass(200);
    let on = |node: &str| (0..4).filter(|i| cluster.node_of(&format!("s{i}")).as_deref() == Some(node)).count();
    assert_eq!((on("w1"), on("w2")), (2, 2));
}
