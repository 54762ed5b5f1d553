//! What may make a waiting pod fit: which news the plugins listen to, and whether such news would make a plugin that
//! refused the pod say something else (upstream: the plugins' `EventsToRegister` and queueing hints, `framework/events.go`).
//!
//! A plugin that hears of new nodes and not of taints is taken to be interested in every change of taints.

use k8s_openapi::api::core::v1::{Node, NodeStatus, Taint};

use super::{
    cache::{Cache, NodeInfo, PodInfo},
    plugins::{insufficient, node_affinity, pod_topology_spread as spread, volume_binding},
    terms::Term,
};
use crate::api::{
    Resource,
    other::Other,
    taints::{tolerates, untolerated},
    volumes,
};

/// What about a node or a pod is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Add,
    Delete,
    Label,
    /// Nodes: also the end of being cordoned.
    Taint,
    Allocatable,
    /// Pods: they ask for less of something.
    ScaleDown,
    Toleration,
}

/// Something happened.
pub enum News<'a> {
    /// The nodes as if they were empty.
    Node {
        what: What,
        old: Option<&'a NodeInfo>,
        new: Option<&'a NodeInfo>,
    },
    /// Of a pod that has a node, or one that is held for it; or of the waiting pod itself.
    Pod {
        what: What,
        old: Option<&'a PodInfo>,
        new: Option<&'a PodInfo>,
    },
    Claim(&'a Other),
    Volume,
    /// A class came, or its topologies changed.
    Class,
}

/// What changed of a node that may matter to a pod; heartbeats don't.
pub fn node_changes(old: &Node, new: &Node) -> Vec<What> {
    let unschedulable = |node: &Node| node.spec.as_ref().and_then(|s| s.unschedulable).unwrap_or(false);
    fn allocatable(node: &Node) -> Option<&NodeStatus> {
        node.status.as_ref().filter(|s| s.allocatable.as_ref().is_some_and(|list| !list.is_empty()))
    }
    let differ = [
        (What::Taint, unschedulable(old) && !unschedulable(new)),
        (What::Allocatable, allocatable(old).map(|s| &s.allocatable) != allocatable(new).map(|s| &s.allocatable)),
        (What::Label, old.metadata.labels.iter().flatten().ne(new.metadata.labels.iter().flatten())),
        (What::Taint, taints(old) != taints(new)),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
}

/// What changed of a pod that may matter to another or to itself.
pub fn pod_changes(old: &PodInfo, new: &PodInfo) -> Vec<What> {
    let labels = |pod: &PodInfo| pod.pod.metadata.labels.clone().unwrap_or_default();
    let tolerations = |pod: &PodInfo| pod.spec().tolerations.as_ref().map_or(0, Vec::len);
    let less = |name: &str| old.requests.get(name) > new.requests.get(name);
    let differ = [
        (What::Label, labels(old) != labels(new)),
        (What::ScaleDown, old.requests != new.requests && old.requests.names().any(less)),
        (What::Toleration, tolerations(old) != tolerations(new)),
    ];
    differ.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
}

/// Whether the news may change what a plugin said of a pod.
pub fn helps(plugin: &str, pod: &PodInfo, news: &News, cache: &Cache) -> bool {
    match news {
        News::Node { what: What::Taint, .. }
            if !matches!(plugin, "NodeUnschedulable" | "TaintToleration" | "PodTopologySpread") =>
        {
            true
        }
        News::Node { what: What::Delete, old: Some(gone), .. } => {
            plugin == "PodTopologySpread" && spread::counts_node(&spread::required(pod, cache), gone)
        }
        News::Node { what, old, new: Some(new) } => node_helps(plugin, pod, *what, *old, new, cache),
        News::Pod { what: What::Delete, old: Some(gone), .. } => gone_helps(plugin, pod, gone, cache),
        News::Pod { what, old, new: Some(new) } => pod_helps(plugin, pod, *what, *old, new, cache),
        News::Node { .. } | News::Pod { .. } => false,
        News::Claim(claim) => {
            let meta = &claim.metadata;
            let (namespace, name) = (meta.namespace.as_deref(), meta.name.as_deref());
            plugin == "VolumeBinding"
                && volume_binding::uses(pod, namespace.unwrap_or_default(), name.unwrap_or_default())
        }
        News::Volume | News::Class => plugin == "VolumeBinding",
    }
}

fn node_helps(plugin: &str, pod: &PodInfo, what: What, old: Option<&NodeInfo>, new: &NodeInfo, cache: &Cache) -> bool {
    use What::{Add, Allocatable, Label, Taint};
    let became = |fits: &dyn Fn(&NodeInfo) -> bool| fits(new) && !old.is_some_and(fits);
    match (plugin, what) {
        ("NodeUnschedulable", Add | Taint) => {
            became(&|node| node.node.spec.as_ref().and_then(|s| s.unschedulable) != Some(true))
        }
        ("TaintToleration", Add | Taint) => became(&|node| is_tolerated(pod, node, cache)),
        ("NodeAffinity", Add | Label) => became(&|node| node_affinity::allowed(pod, node, cache)),
        ("NodeResourcesFit", Add | Allocatable) => {
            insufficient(pod, new).is_none() && old.is_none_or(|old| has_more(pod, old, new))
        }
        ("NodeName" | "NodePorts", Add) | ("VolumeBinding", Add | Label) => true,
        ("PodTopologySpread", Add | Label | Taint) => {
            let constraints = spread::required(pod, cache);
            let counts = |node: &NodeInfo| spread::counts_node(&constraints, node);
            let Some(old) = old else { return counts(new) };
            let other_taints = || taints(&old.node) != taints(&new.node);
            counts(old) != counts(new)
                || counts(new) && (constraints.iter().any(|c| c.domain(old) != c.domain(new)) || other_taints())
        }
        ("InterPodAffinity", Add | Label) => {
            let label = |node: &NodeInfo, term: &Term| {
                node.node.metadata.labels.as_ref().and_then(|labels| labels.get(&term.topology_key)).cloned()
            };
            let moved = |term: &Term| old.map(|old| (label(old, term), label(new, term)));
            let near = |term: &Term| match moved(term) {
                None => label(new, term).is_some(),
                Some((was, is)) => is.is_some() && was != is,
            };
            let far = |term: &Term| match moved(term) {
                None => true,
                Some((was, is)) => was.is_some() && was != is,
            };
            required(pod).iter().any(near) || required_anti(pod).iter().any(far)
        }
        _ => false,
    }
}

/// A pod came to a node, or one with a node, or the waiting one itself, was changed.
fn pod_helps(plugin: &str, pod: &PodInfo, what: What, old: Option<&PodInfo>, new: &PodInfo, cache: &Cache) -> bool {
    use What::{Add, Label, ScaleDown, Toleration};
    let itself = pod.uid() == new.uid();
    match (plugin, what) {
        ("NodeResourcesFit", ScaleDown) => {
            let freed = |name: &str| {
                pod.requests.get(name) > 0 && old.is_some_and(|old| old.requests.get(name) > new.requests.get(name))
            };
            itself || pod.requests.names().any(freed)
        }
        ("TaintToleration", Toleration) => itself,
        ("NodeUnschedulable", Toleration) => {
            let taint = Taint {
                key: "node.kubernetes.io/unschedulable".into(),
                effect: "NoSchedule".into(),
                ..Taint::default()
            };
            itself && new.spec().tolerations.iter().flatten().any(|toleration| tolerates(toleration, &taint))
        }
        ("InterPodAffinity", Label) if itself => true,
        ("InterPodAffinity", Add | Label) => {
            let (near, far) = (required(pod), required_anti(pod));
            match old {
                None => meant_by_all(near, new),
                Some(old) => {
                    !meant_by_all(near, old) && meant_by_all(near, new)
                        || meant_by_all(far, old) && !meant_by_all(far, new)
                }
            }
        }
        ("PodTopologySpread", Add | Label | Toleration) if itself || same_namespace(pod, new) => {
            let constraints = spread::required(pod, cache);
            let Some(old) = old else { return constraints.iter().any(|c| c.counts(new)) };
            let tolerations = |pod: &PodInfo| pod.spec().tolerations.clone();
            itself && tolerations(old) != tolerations(new) && constraints.iter().any(|c| c.honor_taints)
                || constraints.iter().any(|c| c.counts(old) != c.counts(new))
        }
        _ => false,
    }
}

/// A pod left its node, or won't come to it.
fn gone_helps(plugin: &str, pod: &PodInfo, gone: &PodInfo, cache: &Cache) -> bool {
    match plugin {
        "NodeResourcesFit" => true,
        "NodePorts" => pod.host_ports.iter().any(|wanted| gone.host_ports.iter().any(|port| port.clashes(wanted))),
        "VolumeBinding" => {
            let namespace = gone.pod.namespace();
            volumes::claims(&gone.pod).any(|(_, claim)| volume_binding::uses(pod, namespace, &claim))
        }
        "PodTopologySpread" => same_namespace(pod, gone) && spread::required(pod, cache).iter().any(|c| c.counts(gone)),
        "InterPodAffinity" => meant_by_all(required_anti(pod), gone) || meant_by_all(required_anti(gone), pod),
        _ => false,
    }
}

fn taints(node: &Node) -> &[Taint] {
    node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
}

fn is_tolerated(pod: &PodInfo, node: &NodeInfo, cache: &Cache) -> bool {
    let tolerations = pod.spec().tolerations.as_deref().unwrap_or_default();
    let keeps_away = |taint: &Taint| taint.effect == "NoSchedule" || taint.effect == "NoExecute";
    untolerated(taints(&node.node), tolerations, keeps_away, cache.args.comparing_tolerations).is_none()
}

/// Whether a node has more than before of what the pod asks for.
fn has_more(pod: &PodInfo, old: &NodeInfo, new: &NodeInfo) -> bool {
    let (was, is) = (&old.allocatable, &new.allocatable);
    is.pods > was.pods || pod.requests.names().any(|name| pod.requests.get(name) > 0 && is.get(name) > was.get(name))
}

fn same_namespace(pod: &PodInfo, other: &PodInfo) -> bool {
    pod.pod.namespace() == other.pod.namespace()
}

fn required(pod: &PodInfo) -> &[Term] {
    pod.terms.as_deref().map_or(&[], |terms| &terms.required)
}

fn required_anti(pod: &PodInfo) -> &[Term] {
    pod.terms.as_deref().map_or(&[], |terms| &terms.required_anti)
}

/// Whether a pod is meant by each of the terms, of which there are some. Labels of namespaces don't count here.
fn meant_by_all(terms: &[Term], pod: &PodInfo) -> bool {
    !terms.is_empty() && terms.iter().all(|term| term.matches(&pod.pod, None))
}
