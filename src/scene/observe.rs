//! From what an onlooker knows ([`View`]) to the facts that scenes are built from.

use std::rc::Rc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;

use super::cluster::ClusterFacts;
use super::facts::{Inside, PodFacts};
use crate::apiserver::table;
use crate::lab::view::View;

/// `running`: whether a node's machine is switched on, which the API only finds out later.
pub fn cluster(view: &View, running: impl Fn(&str) -> bool) -> ClusterFacts {
    ClusterFacts {
        nodes: view.nodes().map(|n| (n.clone(), n.metadata.name.as_deref().is_some_and(&running))).collect(),
        pods: view.pods().map(|p| (p.clone(), table::pod_status(p))).collect(),
    }
}

/// The pod of this uid; `inside` is asked of its node.
pub fn pod(view: &View, uid: &str, inside: Option<Inside>, now: Timestamp) -> Option<PodFacts> {
    let pod = view.pods().find(|p| p.metadata.uid.as_deref() == Some(uid))?;
    let node = pod.spec.as_ref().and_then(|s| s.node_name.as_deref()).and_then(|n| view.node(n));
    Some(PodFacts {
        status: table::pod_status(pod),
        inside,
        node_lost: node.is_some_and(is_lost),
        now,
        requests: Vec::new(),
        pod: pod.clone(),
    })
}

/// The uid of the pod that was created last.
pub fn newest_pod(view: &View) -> Option<String> {
    let created = |uid: &str| view.history(uid).map(|h| h.created);
    let pods = view.pods().filter_map(|p| p.metadata.uid.clone());
    pods.max_by(|a, b| created(a).cmp(&created(b)).then_with(|| b.cmp(a)))
}

/// The node's kubelet has not reported for so long that its state is unknown.
fn is_lost(node: &Rc<Node>) -> bool {
    let conditions = node.status.as_ref().and_then(|s| s.conditions.as_ref());
    conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "Unknown")
}
