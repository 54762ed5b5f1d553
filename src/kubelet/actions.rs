//! What a sync has to do, by what the runtime knows.
//! Source: kubernetes `pkg/kubelet/kuberuntime/kuberuntime_manager.go`, `computePodActions`.

use super::status::{
    RecordState, Runtime, init_containers, is_sidecar,
    restart::{is_restartable, starts_next},
};
use crate::api::{Container, Pod};

/// Why a container is killed; decides its grace period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillReason {
    Other,
    Startup,
    Liveness,
}

/// A container to kill: its id, the event's message, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    pub id: String,
    pub name: String,
    pub message: String,
    pub reason: KillReason,
}

/// What a sync has to do, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    /// Everything of the pod is stopped first.
    pub kill_pod: bool,
    pub create_sandbox: bool,
    pub attempt: u32,
    pub kill: Vec<Kill>,
    /// Indices of init containers, in the order of the pod's.
    pub start_init: Vec<usize>,
    pub start: Vec<usize>,
    /// Indices of ephemeral containers.
    pub start_ephemeral: Vec<usize>,
}

/// What probes want, by container's name and full id.
pub trait Verdicts {
    /// Startup probe: `None` while unknown.
    fn startup(&self, name: &str, id: &str) -> Option<bool>;
    /// The liveness probe failed.
    fn is_dead(&self, name: &str, id: &str) -> bool;
}

fn hash_changed(container: &Container, hash: u64) -> bool {
    hash != container_hash(container)
}

/// Of what makes a container another one (`HashContainer`): its name and image.
pub fn container_hash(container: &Container) -> u64 {
    let text = [container.name.as_str(), container.image.as_deref().unwrap_or_default()].join("\0");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

pub fn compute(pod: &Pod, runtime: &Runtime, verdicts: &dyn Verdicts) -> Actions {
    let mut actions = Actions::default();
    let Some(spec) = &pod.spec else { return actions };
    let policy = spec.restart_policy.as_deref().unwrap_or("Always");

    let sandbox = runtime.sandbox.as_ref();
    let host_network = spec.host_network == Some(true);
    let fit = sandbox.is_some_and(|s| s.ready && (host_network || !s.ips.is_empty()));
    if !fit {
        actions.kill_pod = true;
        actions.create_sandbox = true;
        actions.attempt = sandbox.map_or(0, |s| s.attempt + 1);
        let restarts = spec.containers.iter().chain(init_containers(spec)).any(|c| is_restartable(c, spec));
        if !restarts && actions.attempt != 0 && !runtime.containers.is_empty() {
            actions.create_sandbox = false;
            return actions;
        }
        let succeeded =
            |c: &Container| runtime.find(&c.name).is_some_and(|r| r.state == RecordState::Exited && r.exit_code == 0);
        let wanted = |(i, c): (usize, &Container)| (!(policy == "OnFailure" && succeeded(c))).then_some(i);
        let start: Vec<usize> = spec.containers.iter().enumerate().filter_map(wanted).collect();
        if start.is_empty() && spec.containers.iter().any(|c| runtime.find(&c.name).is_some()) {
            actions.create_sandbox = false;
            return actions;
        }
        if init_containers(spec).is_empty() {
            actions.start = start;
        } else {
            actions.start_init = vec![0];
        }
        return actions;
    }

    for (i, container) in spec.ephemeral_containers.iter().flatten().enumerate() {
        if runtime.find(&container.name).is_none() {
            actions.start_ephemeral.push(i);
        }
    }

    let initialized = init_actions(pod, runtime, verdicts, &mut actions);
    if actions.kill_pod || !initialized {
        return actions;
    }

    let mut kept = 0;
    for (i, container) in spec.containers.iter().enumerate() {
        let Some(record) = runtime.find(&container.name).filter(|r| r.state == RecordState::Running) else {
            if starts_next(container, pod, runtime) {
                actions.start.push(i);
            }
            continue;
        };
        let name = &container.name;
        let mut restart = is_restartable(container, spec);
        let (what, reason) = if hash_changed(container, record.hash) {
            restart = true;
            ("definition changed", KillReason::Other)
        } else if verdicts.is_dead(name, &record.id) {
            ("failed liveness probe", KillReason::Liveness)
        } else if verdicts.startup(name, &record.id) == Some(false) {
            ("failed startup probe", KillReason::Startup)
        } else {
            kept += 1;
            continue;
        };
        let mut message = format!("Container {name} {what}");
        if restart {
            message.push_str(", will be restarted");
            actions.start.push(i);
        }
        actions.kill.push(Kill { id: record.id.clone(), name: name.clone(), message, reason });
    }
    if kept == 0 && actions.start.is_empty() {
        actions.kill_pod = true;
        // Sidecars don't keep a finished pod going.
        actions.start_init.clear();
    }
    actions
}

/// Init containers, from the last backwards: whether initialisation is over.
fn init_actions(pod: &Pod, runtime: &Runtime, verdicts: &dyn Verdicts, actions: &mut Actions) -> bool {
    let Some(spec) = &pod.spec else { return true };
    let inits = init_containers(spec);
    if inits.is_empty() {
        return true;
    }
    let mut initialized = runtime.any_active_regular(spec);
    let mut seen_later = initialized;
    let last = inits.len() - 1;
    for (i, container) in inits.iter().enumerate().rev() {
        let sidecar = is_sidecar(container);
        let Some(record) = runtime.find(&container.name) else {
            if seen_later && sidecar {
                actions.start_init.push(i);
            }
            continue;
        };
        if seen_later && !sidecar {
            continue;
        }
        match record.state {
            RecordState::Created | RecordState::Unknown => actions.start_init.push(i),
            RecordState::Running if !sidecar => {
                if hash_changed(container, record.hash) {
                    let message = format!("Init container {} definition changed", container.name);
                    kill(actions, record, message, KillReason::Other);
                    actions.start_init.push(i);
                }
            }
            RecordState::Running => {
                let started = match &container.startup_probe {
                    None => Some(true),
                    Some(_) => verdicts.startup(&container.name, &record.id),
                };
                let broken = if started == Some(false) {
                    Some(("failed startup probe", KillReason::Startup))
                } else if hash_changed(container, record.hash) {
                    Some(("definition changed", KillReason::Other))
                } else if verdicts.is_dead(&container.name, &record.id) {
                    Some(("failed liveness probe", KillReason::Liveness))
                } else {
                    None
                };
                if let Some((what, reason)) = broken {
                    kill(actions, record, format!("Init container {} {what}", container.name), reason);
                    actions.start_init.push(i);
                } else if started == Some(true) {
                    if i == last {
                        initialized = true;
                    } else if !seen_later {
                        actions.start_init.push(i + 1);
                    }
                }
            }
            RecordState::Exited if sidecar => actions.start_init.push(i),
            RecordState::Exited if record.exit_code == 0 => {
                if i == last {
                    initialized = true;
                } else {
                    actions.start_init.push(i + 1);
                }
            }
            RecordState::Exited => {
                if !starts_next(container, pod, runtime) {
                    actions.kill_pod = true;
                    actions.start_init.clear();
                    return false;
                }
                actions.start_init.push(i);
            }
        }
        seen_later = true;
    }
    if !seen_later {
        actions.start_init.push(0);
    }
    actions.start_init.reverse();
    initialized
}

fn kill(actions: &mut Actions, record: &super::status::Record, message: String, reason: KillReason) {
    actions.kill.push(Kill { id: record.id.clone(), name: record.name.clone(), message, reason });
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1;
    use serde_json::json;

    use super::{
        super::status::{Record, SandboxRecord},
        *,
    };

    struct NoProbes;
    impl Verdicts for NoProbes {
        fn startup(&self, _: &str, _: &str) -> Option<bool> {
            None
        }
        fn is_dead(&self, name: &str, _: &str) -> bool {
            name == "dead"
        }
    }

    #[test]
    fn actions() {
        let spec = json!({
            "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}],
            "containers": [{"name": "a"}, {"name": "dead"}],
        });
        let pod: Pod = serde_json::from_value(json!({"spec": spec})).expect("a pod");
        // (sandbox is there, containers with their state, what to do)
        let table = [
            (false, vec![], "sandbox 0, init [0]"),
            (true, vec![], "init [0]"),
            (true, vec![("i", "run")], ""),
            (true, vec![("i", "1")], "init [0]"),
            (true, vec![("i", "0")], "init [1]"),
            (true, vec![("s", "run"), ("i", "0")], "start [0, 1]"),
            (true, vec![("a", "run"), ("dead", "1"), ("s", "0"), ("i", "0")], "init [1], start [1]"),
            (
                true,
                vec![("a", "run"), ("dead", "run"), ("s", "run"), ("i", "0")],
                "kill Container dead failed liveness probe, will be restarted, start [1]",
            ),
        ];
        for (sandbox, containers, expected) in table {
            let record = |(name, state): &(&str, &str)| {
                let running = *state == "run";
                let container = Container::from(v1::Container { name: (*name).into(), ..v1::Container::default() });
                Record {
                    name: (*name).into(),
                    state: if running { RecordState::Running } else { RecordState::Exited },
                    exit_code: state.parse().unwrap_or(0),
                    hash: container_hash(&container),
                    ..Record::default()
                }
            };
            let runtime = Runtime {
                sandbox: sandbox.then(|| SandboxRecord {
                    ready: true,
                    ips: vec!["10.244.0.2".into()],
                    ..SandboxRecord::default()
                }),
                containers: containers.iter().map(record).collect(),
            };
            let got = compute(&pod, &runtime, &NoProbes);
            let mut texts = Vec::new();
            if got.create_sandbox {
                texts.push(format!("sandbox {}", got.attempt));
            }
            texts.extend(got.kill.iter().map(|k| format!("kill {}", k.message)));
            if !got.start_init.is_empty() {
                texts.push(format!("init {:?}", got.start_init));
            }
            if !got.start.is_empty() {
                texts.push(format!("start {:?}", got.start));
            }
            assert_eq!(texts.join(", "), expected, "{containers:?}");
        }
    }
}
