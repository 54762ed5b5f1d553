//! The cluster: nodes with what they promise and what is asked of them, a tile for each pod, Services and what stands
//! behind them.

pub mod dense;
mod filter;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use serde::Serialize;

pub use self::filter::Filter;
use super::facts::Pull;
use super::{Mark, bytes};
use crate::api::resources;
use crate::api::{Pod, quantity::amount};

/// The namespace of the cluster's own pods.
pub const SYSTEM: &str = "kube-system";

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClusterScene {
    pub nodes: Vec<NodeTile>,
    /// Pods that no node has.
    pub unscheduled: Vec<PodTile>,
    pub services: Vec<ServiceTile>,
    /// How many pods have each mark, those of kube-system apart; all of them, whatever the filter.
    pub counts: Vec<(Mark, usize)>,
    /// Pods that the filter lets through.
    pub matching: usize,
    /// Too much for a tile each.
    pub dense: bool,
}

/// A Service and its endpoints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceTile {
    pub namespace: String,
    pub name: String,
    /// `ClusterIP 10.96.7.7, 80 → 8080`.
    pub about: String,
    pub ready: usize,
    pub all: usize,
    /// As the filter takes it: `app=web ns:default`.
    pub filter: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeTile {
    pub name: String,
    /// Without the cluster's name in front.
    pub short: String,
    pub mark: Mark,
    pub status: String,
    /// The capacity: `4 CPU · 8Gi`.
    pub size: String,
    /// The same in processors, Gi of memory and pods, rounded up.
    pub capacity: [u32; 3],
    pub taints: Vec<String>,
    /// Requests over allocatable, 0 to 1000.
    pub cpu: u32,
    pub memory: u32,
    pub running: bool,
    pub cordoned: bool,
    pub pods: Vec<PodTile>,
    /// What a look closer shows, by name: addresses, what is asked of it, conditions, images.
    pub more: Vec<(&'static str, String)>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PodTile {
    pub uid: String,
    pub name: String,
    pub namespace: String,
    pub status: String,
    pub mark: Mark,
    /// Not what the filter asks for.
    pub dim: bool,
    /// Why no node has it.
    pub waits: String,
}

/// What the strip is made from.
pub struct ClusterFacts {
    pub nodes: Vec<(Rc<Node>, bool)>,
    /// Each pod with kubectl's STATUS column.
    pub pods: Vec<(Rc<Pod>, String)>,
    pub services: Vec<ServiceTile>,
}

const GI: f64 = 1_073_741_824.0;

/// What the nodes pull now.
pub type Pulls = BTreeMap<String, Pull>;

/// More nodes, or more pods, have no tiles.
const MOST_NODES: usize = 12;
const MOST_PODS: usize = 150;

pub fn build(facts: &ClusterFacts, filter: &Filter) -> ClusterScene {
    let mut by_node: BTreeMap<&str, Vec<&(Rc<Pod>, String)>> = BTreeMap::new();
    let mut unscheduled = Vec::new();
    let names: BTreeSet<&str> = facts.nodes.iter().filter_map(|(n, _)| n.metadata.name.as_deref()).collect();
    let known = |name: &str| names.contains(name);
    for entry in &facts.pods {
        match entry.0.spec.as_ref().and_then(|s| s.node_name.as_deref()) {
            Some(node) if known(node) => by_node.entry(node).or_default().push(entry),
            _ => unscheduled.push(tile(entry, false, filter)),
        }
    }
    let prefix = common_prefix(facts.nodes.iter().filter_map(|(n, _)| n.metadata.name.as_deref()));
    let nodes = facts
        .nodes
        .iter()
        .map(|(node, running)| {
            let name = node.metadata.name.clone().unwrap_or_default();
            let pods = by_node.get(name.as_str()).map(Vec::as_slice).unwrap_or(&[]);
            node_tile(node, *running, pods, prefix, filter)
        })
        .collect();
    let mut scene = ClusterScene {
        nodes,
        unscheduled,
        services: facts.services.clone(),
        counts: Vec::new(),
        matching: 0,
        dense: facts.nodes.len() > MOST_NODES,
    };
    let mut counts = BTreeMap::<Mark, usize>::new();
    for p in scene.nodes.iter().flat_map(|n| &n.pods).chain(&scene.unscheduled) {
        if p.namespace != SYSTEM {
            *counts.entry(p.mark).or_default() += 1;
        }
        scene.matching += usize::from(!p.dim);
    }
    scene.dense |= counts.values().sum::<usize>() > MOST_PODS;
    scene.counts = counts.into_iter().collect();
    scene
}

fn node_tile(node: &Node, running: bool, pods: &[&(Rc<Pod>, String)], prefix: usize, filter: &Filter) -> NodeTile {
    let name = node.metadata.name.clone().unwrap_or_default();
    let status = node.status.as_ref();
    let ready = status
        .and_then(|s| s.conditions.as_ref())
        .and_then(|c| c.iter().find(|c| c.type_ == "Ready"))
        .map(|c| c.status.as_str());
    let (mark, said) = match ready {
        Some("True") => (Mark::Running, "Ready"),
        Some("False") => (Mark::Failed, "NotReady"),
        Some(_) => (Mark::Unknown, "NotReady"),
        None => (Mark::Pending, "NotReady"),
    };
    let capacity = |resource: &str| status.and_then(|s| s.capacity.as_ref().or(s.allocatable.as_ref()))?.get(resource);
    let allocatable =
        |resource: &str| status.and_then(|s| s.allocatable.as_ref().or(s.capacity.as_ref()))?.get(resource);
    let options = resources::Options::default();
    let asked: Vec<resources::Amounts> =
        pods.iter().filter(|(pod, _)| !is_over(pod)).map(|(pod, _)| resources::requests(pod, &options)).collect();
    let share = |resource: &str| {
        let asked: f64 = asked.iter().filter_map(|a| a.get(resource)).map(|q| q.as_f64()).sum();
        let all = allocatable(resource).map_or(0.0, |q| amount(q).as_f64());
        if all > 0.0 { (asked / all * 1000.0).clamp(0.0, 1000.0).round() as u32 } else { 0 }
    };
    let spec = node.spec.as_ref();
    let mut taints: Vec<String> = spec
        .and_then(|s| s.taints.as_ref())
        .into_iter()
        .flatten()
        .map(|t| {
            let value = t.value.as_deref().map(|v| format!("={v}")).unwrap_or_default();
            format!("{}{value}:{}", t.key, t.effect)
        })
        .collect();
    taints.sort();
    let mut said = said.to_owned();
    let cordoned = spec.and_then(|s| s.unschedulable) == Some(true);
    if cordoned {
        said.push_str(",SchedulingDisabled");
    }
    let mut tiles: Vec<PodTile> = pods.iter().map(|entry| tile(entry, mark == Mark::Unknown, filter)).collect();
    tiles.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    NodeTile {
        short: name.get(prefix..).filter(|s| !s.is_empty()).unwrap_or(&name).to_owned(),
        mark,
        status: said,
        size: format!(
            "{} CPU · {}",
            capacity("cpu").map_or("?", |q| q.0.as_str()),
            capacity("memory").map_or("?".into(), memory)
        ),
        capacity: [("cpu", 1.0), ("memory", GI), ("pods", 1.0)]
            .map(|(resource, unit)| capacity(resource).map_or(0, |q| (amount(q).as_f64() / unit).ceil() as u32)),
        taints,
        cpu: share("cpu"),
        memory: share("memory"),
        running,
        cordoned,
        pods: tiles,
        more: more(node, &asked),
        name,
    }
}

/// What a look closer shows of a node.
fn more(node: &Node, asked: &[resources::Amounts]) -> Vec<(&'static str, String)> {
    let status = node.status.as_ref();
    let mut rows = Vec::new();
    let addresses = status.and_then(|s| s.addresses.as_ref());
    let ip = addresses.and_then(|a| a.iter().find(|a| a.type_ == "InternalIP"));
    rows.extend(ip.map(|a| ("address", a.address.clone())));
    rows.extend(node.spec.as_ref().and_then(|s| s.pod_cidr.clone()).map(|c| ("pods' addresses", c)));
    let allocatable = |resource: &str| {
        Some(amount(status.and_then(|s| s.allocatable.as_ref().or(s.capacity.as_ref()))?.get(resource)?).as_f64())
    };
    let sum = |resource: &str| asked.iter().filter_map(|a| a.get(resource)).map(|q| q.as_f64()).fold(0.0, |a, b| a + b);
    if let Some(all) = allocatable("cpu") {
        let said = format!("{:.2}", sum("cpu"));
        let said = said.trim_end_matches('0').trim_end_matches('.');
        rows.push(("cpu requested", format!("{} of {all}", if said.is_empty() { "0" } else { said })));
    }
    if let Some(all) = allocatable("memory") {
        rows.push(("memory requested", format!("{} of {}", bytes(sum("memory")), bytes(all))));
    }
    if let Some(most) = allocatable("pods") {
        rows.push(("pods", format!("{} of {most}", asked.len())));
    }
    let bad = status.and_then(|s| s.conditions.as_ref()).into_iter().flatten();
    let bad: Vec<String> = bad
        .filter(|c| (c.status == "True") != (c.type_ == "Ready"))
        .map(|c| format!("{}: {}", c.type_, c.message.as_deref().unwrap_or(&c.status)))
        .collect();
    rows.push(("conditions", if bad.is_empty() { "all well".into() } else { bad.join("; ") }));
    let images = status.and_then(|s| s.images.as_ref()).map(Vec::as_slice).unwrap_or(&[]);
    let size: f64 = images.iter().filter_map(|i| i.size_bytes).map(|b| b as f64).sum();
    let names: Vec<&str> = images
        .iter()
        .filter_map(|i| i.names.as_ref()?.last())
        .filter(|n| !n.starts_with("registry.k8s.io/"))
        .map(|n| n.trim_start_matches("docker.io/library/").trim_start_matches("docker.io/"))
        .collect();
    let names = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
    rows.push(("images", format!("{} ({}){names}", images.len(), bytes(size))));
    rows
}

fn is_over(pod: &Pod) -> bool {
    matches!(pod.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Succeeded" | "Failed"))
}

fn tile((pod, status): &(Rc<Pod>, String), lost: bool, filter: &Filter) -> PodTile {
    let mut tile = PodTile {
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        name: pod.metadata.name.clone().unwrap_or_default(),
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        mark: if lost { Mark::Unknown } else { pod_mark(pod, status) },
        status: status.clone(),
        dim: false,
        waits: String::new(),
    };
    tile.dim = !filter.matches(pod, &tile);
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    let unscheduled = |c: &&k8s_openapi::api::core::v1::PodCondition| c.type_ == "PodScheduled" && c.status == "False";
    if let Some(message) = conditions.and_then(|c| c.iter().find(unscheduled)).and_then(|c| c.message.as_deref()) {
        // `0/3 nodes are available: 3 Insufficient cpu. preemption: …`
        let said = message.split_once(": ").map_or(message, |(_, reasons)| reasons);
        tile.waits = said.split(". ").next().unwrap_or(said).trim_end_matches('.').to_owned();
    }
    tile
}

/// The mark of a pod with kubectl's STATUS column.
pub fn pod_mark(pod: &Pod, status: &str) -> Mark {
    if pod.metadata.deletion_timestamp.is_some() {
        return Mark::Ending;
    }
    match pod.status.as_ref().and_then(|s| s.phase.as_deref()) {
        Some("Succeeded") => Mark::Succeeded,
        Some("Failed") => Mark::Failed,
        Some("Unknown") => Mark::Unknown,
        _ if ["BackOff", "Error", "Err", "OOMKilled"].iter().any(|bad| status.contains(bad)) => Mark::Failed,
        Some("Running") => Mark::Running,
        _ => Mark::Pending,
    }
}

/// In Kubernetes' canonical spelling (`8388608Ki` is `8Gi`) where that is short, else rounded.
fn memory(quantity: &ApiQuantity) -> String {
    let quantity = amount(quantity);
    // A sum has no spelling of its own, so the canonical one is printed.
    let exact = quantity.mul(1).to_string();
    if exact.len() <= 6 {
        return exact;
    }
    let gi = quantity.as_f64() / f64::from(1 << 30);
    if gi >= 1.0 { format!("{gi:.1}Gi") } else { format!("{:.0}Mi", gi * 1024.0) }
}

/// Length of the part up to a `-` that all names share.
fn common_prefix<'a>(mut names: impl Iterator<Item = &'a str>) -> usize {
    let Some(first) = names.next() else { return 0 };
    let mut length = first.rfind('-').map_or(0, |i| i + 1);
    let mut several = false;
    for name in names {
        several = true;
        while !name.starts_with(&first[..length]) {
            length = first[..length - 1].rfind('-').map_or(0, |i| i + 1);
        }
    }
    while several && first[..length].matches('-').count() > 1 {
        length = first[..length - 1].rfind('-').map_or(0, |i| i + 1);
    }
    if several { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, ready: &str) -> (Rc<Node>, bool) {
        let json = serde_json::json!({
            "metadata": {"name": name},
            "spec": {"taints": if name.ends_with("plane") {
                serde_json::json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}])
            } else { serde_json::json!([]) }},
            "status": {"capacity": {"cpu": "4", "memory": "8388608Ki"}, "allocatable": {"cpu": "4", "memory": "8286208Ki"},
                "conditions": [
                {"type": "Ready", "status": ready}]}
        });
        (Rc::new(serde_json::from_value(json).expect("a node")), ready == "True")
    }

    fn pod(name: &str, node: Option<&str>, phase: &str, cpu: &str) -> Rc<Pod> {
        let json = serde_json::json!({
            "metadata": {"name": name, "namespace": "default", "uid": format!("uid-{name}")},
            "spec": {"nodeName": node, "containers": [{"name": "main", "resources": {"requests": {"cpu": cpu}}}]},
            "status": {"phase": phase}
        });
        Rc::new(serde_json::from_value(json).expect("a pod"))
    }

    fn said(scene: &ClusterScene) -> String {
        let pods = |tiles: &[PodTile]| {
            tiles.iter().map(|p| format!(" [{} {} {}]", p.mark.glyph(), p.name, p.status)).collect::<String>()
        };
        let mut out = String::new();
        for n in &scene.nodes {
            out += &format!("{} {} {} {} cpu {}‰{}", n.mark.glyph(), n.short, n.status, n.size, n.cpu, pods(&n.pods));
            out += &n.taints.iter().map(|t| format!(" !{t}")).collect::<String>();
            out.push('\n');
        }
        out + &format!("no node:{}\n", pods(&scene.unscheduled))
    }

    #[test]
    fn memory_is_spelt_as_kubernetes_does_if_that_is_short() {
        let said: Vec<String> =
            ["8388608Ki", "1536Mi", "16276164Ki", "500M", "0"].map(|q| memory(&ApiQuantity(q.into()))).into();
        assert_eq!(said, ["8Gi", "1536Mi", "15.5Gi", "500M", "0"]);
    }

    #[test]
    fn nodes_hold_their_pods_and_say_what_is_asked_of_them() {
        let facts = ClusterFacts {
            nodes: vec![
                node("podarium-control-plane", "True"),
                node("podarium-worker", "True"),
                node("podarium-worker2", "Unknown"),
            ],
            pods: vec![
                (pod("web", Some("podarium-worker"), "Running", "500m"), "Running".into()),
                (pod("bad", Some("podarium-worker"), "Running", "1"), "CrashLoopBackOff".into()),
                (pod("done", Some("podarium-worker"), "Succeeded", "2"), "Completed".into()),
                (pod("lost", Some("podarium-worker2"), "Running", "0"), "Running".into()),
                (pod("big", None, "Pending", "64"), "Pending".into()),
            ],
            services: Vec::new(),
        };
        let scene = build(&facts, &Filter::default());
        assert_eq!(
            said(&scene),
            "● control-plane Ready 4 CPU · 8Gi cpu 0‰ !node-role.kubernetes.io/control-plane:NoSchedule\n\
             ● worker Ready 4 CPU · 8Gi cpu 375‰ [✕ bad CrashLoopBackOff] [✓ done Completed] [● web Running]\n\
             ? worker2 NotReady 4 CPU · 8Gi cpu 0‰ [? lost Running]\n\
             no node: [○ big Pending]\n"
        );
        assert_eq!(scene.nodes[1].more[0], ("cpu requested", "1.5 of 4".to_owned()));
        assert_eq!(
            scene.counts,
            [(Mark::Pending, 1), (Mark::Running, 1), (Mark::Succeeded, 1), (Mark::Failed, 1), (Mark::Unknown, 1)]
        );
        let left = |filter: &str| {
            let scene = build(&facts, &Filter::parse(filter));
            let all = scene.nodes.iter().flat_map(|n| &n.pods).chain(&scene.unscheduled);
            all.filter(|p| !p.dim).map(|p| p.name.clone()).collect::<Vec<_>>().join(" ")
        };
        let said =
            ["", "b", "is:failed", "is:crash", "ns:default node:worker2", "ns:other", "app=web", "app!=web is:run"]
                .map(left);
        assert_eq!(said, ["bad done web lost big", "bad web big", "bad", "bad", "lost", "", "", "web lost"]);
    }

    #[test]
    fn five_thousand_pods_fit_and_each_can_be_found() {
        let nodes: Vec<_> = (0..100).map(|i| node(&format!("podarium-worker{i}"), "True")).collect();
        let pods = (0..5000).map(|i| {
            (pod(&format!("p{i}"), Some(&format!("podarium-worker{}", i % 100)), "Running", "1m"), "Running".into())
        });
        let facts = ClusterFacts { nodes, pods: pods.collect(), services: Vec::new() };
        let scene = build(&facts, &Filter::default());
        assert!(scene.dense);
        for width in [366.0, 860.0, 1500.0] {
            let dense = dense::build(&scene, width, 400.0, None);
            assert_eq!(dense.cells.len(), 5000);
            assert_eq!(dense.groups.len(), 100);
            for (at, uid, _) in dense.cells.iter().step_by(97) {
                assert!(at.x >= 0.0 && at.x + at.w <= width && at.y + at.h <= dense.height, "{width}: {at:?}");
                assert_eq!(dense.at(at.x + 1.0, at.y + 1.0).map(|p| p.0), Some(uid.as_str()));
            }
        }
        assert!(dense::build(&scene, 1500.0, 400.0, None).height <= 400.0);
    }
}
