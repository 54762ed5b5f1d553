//! From what an onlooker knows ([`View`]) to the facts that scenes are built from.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Service};

use super::cluster::{ClusterFacts, Pulls, SYSTEM, ServiceTile};
use super::facts::{Counter, Happened, Inside, InsideContainer, Listener, PodFacts, Process, Pull, Refusal};
use super::traffic;
use crate::apiserver::table;
use crate::kubelet::inspect::{self, ProbeKind, SandboxView};
use crate::lab::Lab;
use crate::lab::view::{EventRecord, View};
use crate::network::Table;
use crate::os::ProcInfo;
use crate::scheduler::Verdict;
use crate::sim::SimTime;

/// Events that reasons are looked for in.
const EVENTS: usize = 24;
/// Requests are drawn on their way for this long.
const TRAVEL: Duration = Duration::from_millis(1200);

pub fn cluster(lab: &Lab) -> ClusterFacts {
    let (view, machines) = (lab.view(), lab.cluster().machines());
    // Whether a node's machine is switched on, which the API only finds out later.
    let running = |name: &str| machines.get(name).copied().unwrap_or(false);
    ClusterFacts {
        nodes: view.nodes().map(|n| (n.clone(), n.metadata.name.as_deref().is_some_and(running))).collect(),
        pods: view.pods().map(|p| (p.clone(), table::pod_status(p))).collect(),
        services: services(lab.cluster().services()),
    }
}

/// What the nodes pull now.
pub fn pulls(lab: &Lab) -> Pulls {
    let names = lab.cluster().machines();
    let pull_of = |name: String| {
        let p = lab.cluster().kubelet(&name)?.pull()?;
        Some((name, pull(&p, lab.now())))
    };
    names.into_keys().filter_map(pull_of).collect()
}

/// All but the cluster's own.
fn services(table: &Table) -> Vec<ServiceTile> {
    let services = table.services.borrow();
    let own = |key: &(String, String)| key.0 == SYSTEM || key.0 == "default" && key.1 == "kubernetes";
    let tile = |(key, service): (&(String, String), &Rc<Service>)| {
        let spec = service.spec.as_ref();
        let slices = table.slices_of(&key.0, &key.1);
        let endpoints = || slices.iter().flat_map(|s| &s.endpoints);
        let kind = spec.and_then(|s| s.type_.as_deref()).unwrap_or("ClusterIP");
        let ip = spec.and_then(|s| s.cluster_ip.as_deref()).unwrap_or("");
        let ports: Vec<String> = spec
            .and_then(|s| s.ports.as_ref())
            .into_iter()
            .flatten()
            .map(|p| match p.node_port {
                Some(node) if node > 0 => format!("{}, {node} on each node", p.port),
                _ => p.port.to_string(),
            })
            .collect();
        let selector = spec.and_then(|s| s.selector.as_ref());
        let labels: Vec<String> = selector.into_iter().flatten().map(|(k, v)| format!("{k}={v}")).collect();
        ServiceTile {
            namespace: key.0.clone(),
            name: key.1.clone(),
            about: format!(
                "{} · port {}",
                if ip == "None" || ip.is_empty() { format!("{kind}, headless") } else { format!("{kind} {ip}") },
                ports.join(", ")
            ),
            ready: endpoints().filter(|e| e.ready).count(),
            all: endpoints().count(),
            filter: if labels.is_empty() { String::new() } else { format!("{} ns:{}", labels.join(" "), key.0) },
        }
    };
    services.iter().filter(|(key, _)| !own(key)).map(tile).collect()
}

/// All that can be known now of the pod of this uid, which may be gone.
pub fn pod(lab: &Lab, uid: &str) -> Option<PodFacts> {
    let view = lab.view();
    let pod = view.pods().find(|p| p.metadata.uid.as_deref() == Some(uid))?;
    let mut facts = PodFacts::new(pod.clone(), table::pod_status(pod), lab.wall());
    let name = facts.node().map(str::to_owned);
    if let Some(name) = &name {
        facts.node_lost = view.node(name).and_then(lost_since);
        facts.node_off = lab.cluster().machines().get(name) == Some(&false);
        if let Some(kubelet) = lab.cluster().kubelet(name) {
            facts.inside = kubelet.inspect(uid).map(|sandbox| inside(&sandbox, |time| lab.wall_at(time)));
            facts.pull = kubelet.pull().map(|p| pull(&p, lab.now()));
        }
    } else if let Some(decision) = lab.cluster().scheduler().decision(uid) {
        let refused = |v: &Verdict| {
            let (plugin, refusal) = v.refused.as_ref()?;
            Some(Refusal { node: v.node.to_string(), plugin, reason: refusal.reasons.join(", ") })
        };
        facts.refusals = decision.nodes.iter().filter_map(refused).collect();
    }
    if let Some(history) = view.history(uid) {
        facts.events = history.events.iter().rev().take(EVENTS).rev().map(|(_, e)| happened(e)).collect();
        for (at, record) in &history.records {
            let phase = if record.phase.is_empty() { "Pending" } else { &*record.phase };
            if facts.phases.last().is_none_or(|(_, last)| last != phase) {
                facts.phases.push((at.since(history.created).as_secs_f64(), phase.to_owned()));
            }
        }
    }
    facts.requests = traffic::requests(&view, &facts, SimTime::ZERO + lab.now().since(SimTime::ZERO + TRAVEL));
    Some(facts)
}

fn happened(e: &EventRecord) -> Happened {
    Happened {
        reason: e.reason.to_string(),
        message: e.message.to_string(),
        container: e.container.as_deref().map(str::to_owned),
    }
}

pub(super) fn pull(p: &inspect::Pull, now: SimTime) -> Pull {
    Pull {
        image: p.image.clone(),
        bytes: p.total_bytes,
        left: p.ends.since(now).as_secs_f64(),
        whole: p.ends.since(p.started).as_secs_f64(),
    }
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
                pull_back_off: c.pull_back_off.map(|(end, whole)| (at(end), whole.as_secs_f64())),
                log: c.log.clone(),
                running: c.running,
                memory: c.memory,
                cpu: c.cpu,
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
        interfaces: sandbox.interfaces.iter().map(|i| (i.name.clone(), format!("{}/{}", i.addr, i.prefix))).collect(),
        gateway: sandbox.gateway.map(|ip| ip.to_string()),
        routes: sandbox.routes.clone(),
        host_ipc: sandbox.host_ipc,
        ipc: sandbox.ipc.clone(),
        shm: sandbox.shm.clone(),
        volumes: sandbox.volumes.clone(),
        probes: sandbox
            .probes
            .iter()
            .map(|p| Counter {
                container: p.container.clone(),
                kind: match p.kind {
                    ProbeKind::Startup => "startup",
                    ProbeKind::Liveness => "liveness",
                    ProbeKind::Readiness => "readiness",
                },
                last: p.last,
                run: p.run,
            })
            .collect(),
        grace_ends: sandbox.grace_ends.map(&at),
    }
}

fn process(info: &ProcInfo) -> Process {
    let number = |pid: u32| i32::try_from(pid).unwrap_or(i32::MAX);
    let command = if info.args.is_empty() { info.comm.clone() } else { info.args.join(" ") };
    Process { pid: number(info.pid), host_pid: number(info.host_pid), parent: number(info.ppid), command }
}
