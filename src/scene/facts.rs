//! What a scene is built from: an API object and what is really so inside, at one moment.

use std::rc::Rc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateTerminated, ContainerStatus, Probe as ApiProbe, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::{Pod, quantity::amount};
use crate::os::namespace::IpcObject;

/// A pod at one moment.
#[derive(Clone, Debug)]
pub struct PodFacts {
    pub pod: Rc<Pod>,
    /// kubectl's STATUS column.
    pub status: String,
    /// `None` while there is no sandbox, or its node can't be asked.
    pub inside: Option<Inside>,
    /// Since when the node no longer reports: what the API says is the last that was known.
    pub node_lost: Option<Timestamp>,
    /// Its node's machine is switched off, whether the API knows it or not.
    pub node_off: bool,
    pub now: Timestamp,
    /// What is travelling now, oldest first.
    pub requests: Vec<Request>,
    /// The pull that its node is busy with.
    pub pull: Option<Pull>,
    /// Each phase that it had with the seconds since it was created.
    pub phases: Vec<(f64, String)>,
    /// Why the scheduler has placed it nowhere, node by node.
    pub refusals: Vec<Refusal>,
    /// The last of its events, oldest first.
    pub events: Vec<Happened>,
}

/// An event about a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    pub reason: String,
    pub message: String,
    /// The container that it is about.
    pub container: Option<String>,
}

/// An image on its way to a node.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Pull {
    pub image: String,
    /// 0 if nobody knows it.
    pub bytes: u64,
    /// Seconds left, and of how many.
    pub left: f64,
    pub whole: f64,
}

impl Pull {
    /// The share that has come, 0 to 1.
    pub fn passed(&self) -> f64 {
        if self.whole > 0.0 { ((self.whole - self.left) / self.whole).clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// A node that a filter of the scheduler refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub node: String,
    pub plugin: &'static str,
    pub reason: String,
}

/// What runs inside a pod's sandbox.
#[derive(Clone, Debug, Default)]
pub struct Inside {
    pub hostname: String,
    pub containers: Vec<InsideContainer>,
    pub listeners: Vec<Listener>,
    /// With a shared PID namespace: the one tree, `/pause` first.
    pub shared_processes: Vec<Process>,
    /// eth0's and lo's addresses as `ip addr` prints them: `eth0`, `10.244.1.7/24`.
    pub interfaces: Vec<(String, String)>,
    pub gateway: Option<String>,
    /// As `ip route` prints them in the pod.
    pub routes: Vec<String>,
    /// Lives in the node's IPC namespace.
    pub host_ipc: bool,
    /// System V shared memory, semaphores and queues of its IPC namespace.
    pub ipc: Vec<IpcObject>,
    /// POSIX shared memory: name and bytes of the files in /dev/shm.
    pub shm: Vec<(String, u64)>,
    /// Bytes used by volume.
    pub volumes: Vec<(String, u64)>,
    pub probes: Vec<Counter>,
    /// When what still runs is killed.
    pub grace_ends: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
pub struct InsideContainer {
    pub name: String,
    pub processes: Vec<Process>,
    /// When the next start is due, in a back-off, and how long the whole back-off is in seconds.
    pub back_off: Option<(Timestamp, f64)>,
    /// The same for its image, which could not be pulled.
    pub pull_back_off: Option<(Timestamp, f64)>,
    /// The last lines of the current or, without one, the previous log.
    pub log: Vec<String>,
    pub running: bool,
    /// Bytes.
    pub memory: u64,
    /// Processors: used now by those who compute without pause, and how many they could use.
    pub cpu: (f64, f64),
}

/// How a probe's last attempts came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Counter {
    pub container: String,
    /// `startup`, `liveness`, `readiness`.
    pub kind: &'static str,
    pub last: Option<bool>,
    /// How many in a row came out so.
    pub run: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    pub pid: i32,
    /// On the node.
    pub host_pid: i32,
    pub parent: i32,
    pub command: String,
}

/// A listening socket of the pod's network namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    pub port: u16,
    pub container: String,
    /// Bound to the loopback address only.
    pub local: bool,
}

/// How an attempt to reach a socket came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No answer yet.
    Asked,
    Answered(u16),
    Refused,
    TimedOut,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub id: u64,
    pub port: u16,
    /// As a person would name the other end: `kubia-http`, `10.244.1.1`.
    pub from: String,
    /// `GET /`, `TCP`.
    pub what: String,
    /// Within the pod, by the loopback interface.
    pub local: bool,
    /// The pod asks somebody else: `from` is who is asked.
    pub outgoing: bool,
    pub outcome: Outcome,
}

/// A container's role in its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Init,
    /// An init container with restartPolicy Always.
    Sidecar,
    Main,
    Ephemeral,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Port<'a> {
    pub number: u16,
    pub name: &'a str,
    /// On the node's addresses.
    pub host: Option<u16>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub kind: &'static str,
    /// `GET /healthz on 8080`, `TCP 3306`, `exec cat /tmp/ok`.
    pub what: String,
    pub port: Option<u16>,
    /// Failures in a row that it takes, and successes.
    pub failures: i32,
    pub successes: i32,
    pub period: i32,
}

/// What a container asks for and may have at most: processors, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Resources {
    pub cpu: (Option<f64>, Option<f64>),
    pub memory: (Option<f64>, Option<f64>),
}

/// A container as its pod's spec and status tell it.
pub struct ContainerFacts<'a> {
    pub name: &'a str,
    pub image: &'a str,
    pub role: Role,
    pub ports: Vec<Port<'a>>,
    pub mounts: Vec<(&'a str, &'a str, bool)>,
    pub probes: Vec<Probe>,
    pub resources: Resources,
    pub status: Option<&'a ContainerStatus>,
    /// `containers[1]`, under the pod's spec.
    pub path: String,
}

impl PodFacts {
    /// A pod as the API tells it; nothing is known of its inside.
    pub fn new(pod: Rc<Pod>, status: String, now: Timestamp) -> PodFacts {
        PodFacts {
            pod,
            status,
            inside: None,
            node_lost: None,
            node_off: false,
            now,
            requests: Vec::new(),
            pull: None,
            phases: Vec::new(),
            refusals: Vec::new(),
            events: Vec::new(),
        }
    }

    pub fn name(&self) -> &str {
        self.pod.metadata.name.as_deref().unwrap_or("")
    }

    /// What tells kubectl its namespace, where that has to be told: `-n kube-system `.
    pub fn flag(&self) -> String {
        match self.pod.metadata.namespace.as_deref() {
            None | Some("" | "default") => String::new(),
            Some(other) => format!("-n {other} "),
        }
    }

    pub fn phase(&self) -> &str {
        self.pod.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or("Pending")
    }

    pub fn node(&self) -> Option<&str> {
        self.pod.spec.as_ref()?.node_name.as_deref().filter(|n| !n.is_empty())
    }

    pub fn restart_policy(&self) -> &str {
        self.pod.spec.as_ref().and_then(|s| s.restart_policy.as_deref()).unwrap_or("Always")
    }

    pub fn host_network(&self) -> bool {
        self.pod.spec.as_ref().and_then(|s| s.host_network).unwrap_or(false)
    }

    /// Nobody can say what is so inside.
    pub fn is_unknown(&self) -> bool {
        self.node_off || self.node_lost.is_some()
    }

    pub fn is_ending(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    pub fn is_over(&self) -> bool {
        matches!(self.phase(), "Succeeded" | "Failed")
    }

    pub fn condition(&self, kind: &str) -> Option<&k8s_openapi::api::core::v1::PodCondition> {
        self.pod.status.as_ref()?.conditions.as_ref()?.iter().find(|c| c.type_ == kind)
    }

    pub fn inside_of(&self, container: &str) -> Option<&InsideContainer> {
        self.inside.as_ref()?.containers.iter().find(|c| c.name == container)
    }

    pub fn counter(&self, container: &str, kind: &str) -> Option<&Counter> {
        self.inside.as_ref()?.probes.iter().find(|p| p.container == container && p.kind == kind)
    }

    /// Init containers first, in their order, then the others.
    pub fn containers(&self) -> Vec<ContainerFacts<'_>> {
        let Some(spec) = &self.pod.spec else { return Vec::new() };
        let status = self.pod.status.as_ref();
        fn find<'s>(list: Option<&'s Vec<ContainerStatus>>, name: &str) -> Option<&'s ContainerStatus> {
            list?.iter().find(|s| s.name == name)
        }
        let mut all = Vec::new();
        let groups = [
            (
                spec.init_containers.as_deref().unwrap_or(&[]),
                status.and_then(|s| s.init_container_statuses.as_ref()),
                true,
            ),
            (&spec.containers[..], status.and_then(|s| s.container_statuses.as_ref()), false),
        ];
        for (containers, statuses, init) in groups {
            for (i, c) in containers.iter().enumerate() {
                let role = match (init, c.restart_policy.as_deref()) {
                    (false, _) => Role::Main,
                    (true, Some("Always")) => Role::Sidecar,
                    (true, _) => Role::Init,
                };
                all.push(ContainerFacts {
                    name: &c.name,
                    image: c.image.as_deref().unwrap_or(""),
                    role,
                    ports: ports(c),
                    mounts: c
                        .volume_mounts
                        .iter()
                        .flatten()
                        .filter(|m| !is_token(&m.name))
                        .map(|m| (m.name.as_str(), m.mount_path.as_str(), m.read_only.unwrap_or(false)))
                        .collect(),
                    probes: probes(c),
                    resources: resources(c.resources.as_ref()),
                    status: find(statuses, &c.name),
                    path: format!("{}[{i}]", if init { "initContainers" } else { "containers" }),
                });
            }
        }
        for (i, c) in spec.ephemeral_containers.iter().flatten().enumerate() {
            let statuses = status.and_then(|s| s.ephemeral_container_statuses.as_ref());
            all.push(ContainerFacts {
                name: &c.name,
                image: c.image.as_deref().unwrap_or(""),
                role: Role::Ephemeral,
                ports: Vec::new(),
                mounts: Vec::new(),
                probes: Vec::new(),
                resources: Resources::default(),
                status: find(statuses, &c.name),
                path: format!("ephemeralContainers[{i}]"),
            });
        }
        all
    }
}

fn ports(c: &Container) -> Vec<Port<'_>> {
    let number = |n: i32| u16::try_from(n).ok();
    let port =
        |p: &'_ k8s_openapi::api::core::v1::ContainerPort| (number(p.container_port), p.host_port.and_then(number));
    c.ports
        .iter()
        .flatten()
        .filter_map(|p| match port(p) {
            (Some(number), host) => Some(Port { number, name: p.name.as_deref().unwrap_or(""), host }),
            _ => None,
        })
        .collect()
}

fn probes(c: &Container) -> Vec<Probe> {
    let all = [("startup", &c.startup_probe), ("liveness", &c.liveness_probe), ("readiness", &c.readiness_probe)];
    all.into_iter().filter_map(|(kind, probe)| Some(described(kind, probe.as_ref()?, c))).collect()
}

fn described(kind: &'static str, p: &ApiProbe, c: &Container) -> Probe {
    let named = |port: &IntOrString| match port {
        IntOrString::Int(n) => u16::try_from(*n).ok(),
        IntOrString::String(s) => {
            let of_name = c.ports.iter().flatten().find(|p| p.name.as_deref() == Some(s));
            of_name.and_then(|p| u16::try_from(p.container_port).ok())
        }
    };
    let said = |port: Option<u16>| port.map_or("?".to_owned(), |n| n.to_string());
    let (what, port) = if let Some(http) = &p.http_get {
        let port = named(&http.port);
        (format!("GET {} on {}", http.path.as_deref().unwrap_or("/"), said(port)), port)
    } else if let Some(tcp) = &p.tcp_socket {
        let port = named(&tcp.port);
        (format!("TCP {}", said(port)), port)
    } else if let Some(grpc) = &p.grpc {
        let port = u16::try_from(grpc.port).ok();
        (format!("gRPC {}", said(port)), port)
    } else if let Some(exec) = &p.exec {
        (format!("exec {}", exec.command.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")), None)
    } else {
        (String::new(), None)
    };
    Probe {
        kind,
        what,
        port,
        failures: p.failure_threshold.unwrap_or(3),
        successes: p.success_threshold.unwrap_or(1),
        period: p.period_seconds.unwrap_or(10),
    }
}

fn resources(r: Option<&ResourceRequirements>) -> Resources {
    let Some(r) = r else { return Resources::default() };
    let of = |list: &Option<std::collections::BTreeMap<String, _>>, name: &str| {
        list.as_ref().and_then(|l| l.get(name)).map(|q| amount(q).as_f64())
    };
    let both = |name| (of(&r.requests, name), of(&r.limits, name));
    Resources { cpu: both("cpu"), memory: both("memory") }
}

/// The service account's token, which every pod mounts: it would say the same in each picture.
pub fn is_token(volume: &str) -> bool {
    volume.starts_with("kube-api-access-")
}

impl ContainerFacts<'_> {
    pub fn state(&self) -> Option<&ContainerState> {
        self.status?.state.as_ref()
    }

    pub fn is_running(&self) -> bool {
        self.state().is_some_and(|s| s.running.is_some())
    }

    /// An init container that has done its work.
    pub fn is_done(&self) -> bool {
        self.role == Role::Init && self.ended().is_some_and(|t| t.exit_code == 0)
    }

    /// How it ended, while the API still says so.
    pub fn ended(&self) -> Option<&ContainerStateTerminated> {
        self.state()?.terminated.as_ref()
    }

    /// How the run before this one ended.
    pub fn ended_before(&self) -> Option<&ContainerStateTerminated> {
        self.status?.last_state.as_ref()?.terminated.as_ref()
    }

    pub fn waiting_reason(&self) -> Option<&str> {
        self.state()?.waiting.as_ref()?.reason.as_deref()
    }

    /// A field of it in the pod's manifest.
    pub fn field(&self, leaf: &str) -> String {
        format!("spec.{}{}{leaf}", self.path, if leaf.is_empty() { "" } else { "." })
    }
}
