//! What a scene is built from: an API object and what is really so inside, at one moment.

use std::rc::Rc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus};

use crate::api::Pod;

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
}

/// What runs inside a pod's sandbox.
#[derive(Clone, Debug, Default)]
pub struct Inside {
    pub hostname: String,
    pub containers: Vec<InsideContainer>,
    pub listeners: Vec<Listener>,
    /// With a shared PID namespace: the one tree, `/pause` first.
    pub shared_processes: Vec<Process>,
}

#[derive(Clone, Debug, Default)]
pub struct InsideContainer {
    pub name: String,
    pub processes: Vec<Process>,
    /// When the next start is due, in a back-off, and how long the whole back-off is in seconds.
    pub back_off: Option<(Timestamp, f64)>,
    /// The last lines of the current or, without one, the previous log.
    pub log: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    pub pid: i32,
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

#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub id: u64,
    pub port: u16,
    /// As a person would name the sender: `kubia-http`, `10.244.1.1`.
    pub from: String,
    /// `GET /`, `TLS`, `TCP`.
    pub what: String,
    /// Within the pod, by the loopback interface.
    pub local: bool,
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

/// A container as its pod's spec and status tell it.
pub struct ContainerFacts<'a> {
    pub name: &'a str,
    pub image: &'a str,
    pub role: Role,
    pub ports: Vec<(u16, &'a str)>,
    pub mounts: Vec<(&'a str, &'a str, bool)>,
    pub probes: Vec<&'static str>,
    pub status: Option<&'a ContainerStatus>,
}

impl PodFacts {
    pub fn name(&self) -> &str {
        self.pod.metadata.name.as_deref().unwrap_or("")
    }

    pub fn phase(&self) -> &str {
        self.pod.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or("Pending")
    }

    /// Nobody can say what is so inside.
    pub fn is_unknown(&self) -> bool {
        self.node_off || self.node_lost.is_some()
    }

    pub fn is_ending(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    pub fn condition(&self, kind: &str) -> Option<&k8s_openapi::api::core::v1::PodCondition> {
        self.pod.status.as_ref()?.conditions.as_ref()?.iter().find(|c| c.type_ == kind)
    }

    pub fn inside_of(&self, container: &str) -> Option<&InsideContainer> {
        self.inside.as_ref()?.containers.iter().find(|c| c.name == container)
    }

    /// Init containers first, in their order, then the others.
    pub fn containers(&self) -> Vec<ContainerFacts<'_>> {
        let Some(spec) = &self.pod.spec else { return Vec::new() };
        let status = self.pod.status.as_ref();
        let find = |list: Option<&'_ Vec<ContainerStatus>>, name: &str| -> Option<usize> {
            list?.iter().position(|s| s.name == name)
        };
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
            for c in containers {
                let role = match (init, c.restart_policy.as_deref()) {
                    (false, _) => Role::Main,
                    (true, Some("Always")) => Role::Sidecar,
                    (true, _) => Role::Init,
                };
                let probes = [
                    ("startup", c.startup_probe.is_some()),
                    ("liveness", c.liveness_probe.is_some()),
                    ("readiness", c.readiness_probe.is_some()),
                ];
                all.push(ContainerFacts {
                    name: &c.name,
                    image: c.image.as_deref().unwrap_or(""),
                    role,
                    ports: c
                        .ports
                        .iter()
                        .flatten()
                        .filter_map(|p| Some((u16::try_from(p.container_port).ok()?, p.name.as_deref().unwrap_or(""))))
                        .collect(),
                    mounts: c
                        .volume_mounts
                        .iter()
                        .flatten()
                        .filter(|m| !is_token(&m.name))
                        .map(|m| (m.name.as_str(), m.mount_path.as_str(), m.read_only.unwrap_or(false)))
                        .collect(),
                    probes: probes.into_iter().filter(|p| p.1).map(|p| p.0).collect(),
                    status: find(statuses, &c.name).and_then(|i| statuses?.get(i)),
                });
            }
        }
        for c in spec.ephemeral_containers.iter().flatten() {
            let statuses = status.and_then(|s| s.ephemeral_container_statuses.as_ref());
            all.push(ContainerFacts {
                name: &c.name,
                image: c.image.as_deref().unwrap_or(""),
                role: Role::Ephemeral,
                ports: Vec::new(),
                mounts: Vec::new(),
                probes: Vec::new(),
                status: find(statuses, &c.name).and_then(|i| statuses?.get(i)),
            });
        }
        all
    }
}

/// The service account's token, which every pod mounts: it would say the same in each picture.
pub fn is_token(volume: &str) -> bool {
    volume.starts_with("kube-api-access-")
}

impl ContainerFacts<'_> {
    pub fn state(&self) -> Option<&ContainerState> {
        self.status?.state.as_ref()
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
}
