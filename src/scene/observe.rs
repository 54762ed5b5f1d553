//! From what an onlooker knows ([`View`]) to the facts that scenes are built from.

use std::rc::Rc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;

use super::cluster::{ClusterFacts, SYSTEM};
use super::facts::{Inside, InsideContainer, Listener, PodFacts, Process};
use crate::apiserver::table;
use crate::kubelet::inspect::SandboxView;
use crate::lab::view::View;
use crate::os::ProcInfo;
use crate::sim::SimTime;

/// `running`: whether a node's machine is switched on, which the API only finds out later.
pub fn cluster(view: &View, running: impl Fn(&str) -> bool) -> ClusterFacts {
    ClusterFacts {
        nodes: view.nodes().map(|n| (n.clone(), n.metadata.name.as_deref().is_some_and(&running))).collect(),
        pods: view.pods().map(|p| (p.clone(), table::pod_status(p))).collect(),
    }
}

/// The pod of this uid; `inside` is asked of its node, `running` as for [`cluster`].
pub fn pod(
    view: &View,
    uid: &str,
    inside: Option<Inside>,
    running: impl Fn(&str) -> bool,
    now: Timestamp,
) -> Option<PodFacts> {
    let pod = view.pods().find(|p| p.metadata.uid.as_deref() == Some(uid))?;
    let name = pod.spec.as_ref().and_then(|s| s.node_name.as_deref());
    let node = name.and_then(|n| view.node(n));
    Some(PodFacts {
        status: table::pod_status(pod),
        inside,
        node_lost: node.and_then(lost_since),
        node_off: name.is_some_and(|n| !running(n)),
        now,
        requests: Vec::new(),
        pod: pod.clone(),
    })
}

/// The uid of the pod that was created last; the cluster's own don't count.
pub fn newest_pod(view: &View) -> Option<String> {
    let created = |uid: &str| view.history(uid).map(|h| h.created);
    let pods = view.pods().filter(|p| p.metadata.namespace.as_deref() != Some(SYSTEM));
    let pods = pods.filter_map(|p| p.metadata.uid.clone());
    pods.max_by(|a, b| created(a).cmp(&created(b)).then_with(|| b.cmp(a)))
}

/// Since when the node's state is unknown, its kubelet not having reported for too long.
fn lost_since(node: &Rc<Node>) -> Option<Timestamp> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|c| c.type_ == "Ready" && c.status == "Unknown")?;
    Some(ready.last_transition_time.as_ref().map_or(Timestamp::UNIX_EPOCH, |t| t.0))
}

/// What a pod's node tells of its sandbox; `at` gives the calendar time of an instant.
pub fn inside(sandbox: &SandboxView, at: impl Fn(SimTime) -> Timestamp) -> Inside {
    Inside {
        hostname: sandbox.hostname.clone(),
        containers: sandbox
            .containers
            .iter()
            .map(|c| InsideContainer {
                name: c.name.clone(),
                processes: c.processes.iter().map(process).collect(),
                back_off: c.back_off.map(|(due, whole)| (at(due), whole.as_secs_f64())),
                log: c.log.clone(),
            })
            .collect(),
        listeners: sandbox
            .listeners
            .iter()
            .map(|l| Listener {
                port: l.address.port(),
                container: l.container.clone().unwrap_or_default(),
                local: l.address.ip().is_loopback(),
            })
            .collect(),
        shared_processes: sandbox.shared_processes.iter().flatten().map(process).collect(),
    }
}

fn process(info: &ProcInfo) -> Process {
    let number = |pid: u32| i32::try_from(pid).unwrap_or(i32::MAX);
    let command = if info.args.is_empty() { info.comm.clone() } else { info.args.join(" ") };
    Process { pid: number(info.pid), parent: number(info.ppid), command }
}
