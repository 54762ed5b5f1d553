//! Eviction of pods when the node runs short of memory or disk.
//! Sources: kubernetes `pkg/kubelet/eviction/eviction_manager.go`, `helpers.go`.
//!
//! The real manager looks every ten seconds; this one sleeps until memory or disk pass a threshold, looks
//! at the next beat of that clock, and goes on as long as there is something to see.

use std::{cell::RefCell, cmp::Reverse, collections::BTreeMap, rc::Rc, time::Duration};

use k8s_openapi::api::core::v1::Toleration;

use super::{
    Inner,
    admission::Refusal,
    eviction::{EVICTED, Eviction},
    next_beat,
    node::EVICTION_MEMORY,
    status::init_containers,
    worker::{Life, Worker},
};
use crate::{
    api::{
        Container, Pod,
        quantity::{self, Format, Quantity},
        resources,
        taints::tolerates,
    },
    apiserver::{events::EventType, whole_seconds},
    sim::{Either, Notify, SimTime, race},
};

pub const MEMORY_PRESSURE: &str = "MemoryPressure";
pub const DISK_PRESSURE: &str = "DiskPressure";

const MONITORED: Duration = Duration::from_secs(10);
/// A condition stays this long after its threshold was last met.
const TRANSITION: Duration = Duration::from_secs(300);
/// How long to wait for an evicted pod, and how often it is looked at.
const CLEANUP: Duration = Duration::from_secs(30);
const CLEANUP_LOOK: Duration = Duration::from_secs(1);
/// Percent of the disk: imagefs.available, nodefs.available. Both are the same disk here.
const DISK_THRESHOLDS: [u64; 2] = [15, 10];
/// From this priority on a pod is critical.
const CRITICAL: i32 = 2_000_000_000;

/// What the manager knows.
#[derive(Default)]
pub struct Pressure {
    /// When each condition's threshold was last seen to be met.
    observed: RefCell<BTreeMap<&'static str, SimTime>>,
    reached: Notify,
}

impl Pressure {
    /// The conditions that are true now.
    pub fn conditions(&self) -> Vec<&'static str> {
        self.observed.borrow().keys().copied().collect()
    }

    /// Whether a pod is taken in spite of them.
    pub fn admit(&self, pod: &Pod) -> Result<(), Refusal> {
        let conditions = self.conditions();
        if conditions.is_empty() || is_critical(pod) {
            return Ok(());
        }
        if conditions == [MEMORY_PRESSURE] {
            let taint = k8s_openapi::api::core::v1::Taint {
                key: "node.kubernetes.io/memory-pressure".into(),
                effect: "NoSchedule".into(),
                ..Default::default()
            };
            let tolerations: &[Toleration] =
                pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default();
            if resources::qos(pod) != "BestEffort" || tolerations.iter().any(|t| tolerates(t, &taint)) {
                return Ok(());
            }
        }
        // A list as Go prints it.
        Err((EVICTED.into(), format!("The node had condition: [{}]. ", conditions.join(" "))))
    }
}

fn priority(pod: &Pod) -> i32 {
    pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or(0)
}

fn is_critical(pod: &Pod) -> bool {
    let annotations = pod.metadata.annotations.as_ref();
    let from_file = annotations.is_some_and(|a| {
        a.contains_key("kubernetes.io/config.mirror")
            || a.get("kubernetes.io/config.source").is_some_and(|source| source != "api")
    });
    from_file || priority(pod) >= CRITICAL
}

/// A threshold that is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Met {
    condition: &'static str,
    resource: &'static str,
    threshold: i64,
    available: i64,
}

impl Met {
    /// `quantity` in the units that the kubelet prints.
    fn text(quantity: i64) -> String {
        Quantity::new(quantity, Format::BinarySi).to_string()
    }
}

/// What a pod uses of the resource that is short, and what it asked for.
#[derive(Clone, Debug)]
struct Candidate {
    priority: i32,
    used: i64,
    request: i64,
}

impl Candidate {
    /// Who goes first: who uses more than it asked for, then by priority, then by how much more.
    fn rank(&self) -> (Reverse<bool>, i32, Reverse<i64>) {
        (Reverse(self.used > self.request), self.priority, Reverse(self.used - self.request))
    }
}

impl Inner {
    /// Starts the manager, or starts it again with what the machine has by now.
    pub(super) fn watch_pressure(self: &Rc<Self>) {
        let manager = self.sim.spawn(self.clone().manage_pressure());
        if let Some(before) = self.manager.replace(Some(manager)) {
            before.abort();
        }
    }

    async fn manage_pressure(self: Rc<Self>) {
        let memory = self.machine.memory();
        let above = memory.saturating_sub(u64::try_from(EVICTION_MEMORY).unwrap_or(0));
        self.machine.cgroup().watch_memory(above, &self.pressure.reached);
        let disk = self.machine.disk().clone();
        disk.watch(disk.size() - disk.size() / 100 * DISK_THRESHOLDS[0], &self.pressure.reached);
        loop {
            let reached = self.pressure.reached.notified();
            if self.met().is_empty() {
                // A condition ends with its time, not with what caused it.
                let last = self.pressure.observed.borrow().values().min().copied();
                match last {
                    None => reached.await,
                    Some(at) => {
                        let _first: Either<(), ()> = race(reached, self.sim.sleep_until(at + TRANSITION)).await;
                    }
                }
            }
            let beat = next_beat(self.sim.now(), self.tick_phase, MONITORED);
            self.sim.sleep_until(beat).await;
            while let Some(evicted) = self.synchronize() {
                let until = self.sim.now() + CLEANUP;
                while evicted.life.get() != Life::Terminated && self.sim.now() < until {
                    self.sim.sleep(CLEANUP_LOOK).await;
                }
            }
        }
    }

    /// The thresholds that are met now, memory first.
    fn met(&self) -> Vec<Met> {
        let mut met = Vec::new();
        let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let available = signed(self.machine.memory().saturating_sub(self.machine.cgroup().memory()));
        if available < EVICTION_MEMORY {
            let (condition, resource) = (MEMORY_PRESSURE, "memory");
            met.push(Met { condition, resource, threshold: EVICTION_MEMORY, available });
        }
        let disk = self.machine.disk();
        for percent in DISK_THRESHOLDS {
            let (threshold, available) = (signed(disk.size() / 100 * percent), signed(disk.free()));
            if available < threshold {
                met.push(Met { condition: DISK_PRESSURE, resource: "ephemeral-storage", threshold, available });
            }
        }
        met
    }

    /// Looks, and evicts one pod if need be.
    fn synchronize(&self) -> Option<Rc<Worker>> {
        let now = self.sim.now();
        let met = self.met();
        {
            let mut observed = self.pressure.observed.borrow_mut();
            observed.extend(met.iter().map(|met| (met.condition, now)));
            observed.retain(|_, at| now.since(*at) < TRANSITION);
        }
        let short = *met.first()?;
        let text = format!("Attempting to reclaim {}", short.resource);
        self.node_event_of(EventType::Warning, "EvictionThresholdMet", &text);
        if short.condition == DISK_PRESSURE {
            self.reclaim_disk();
            if self.met().is_empty() {
                return None;
            }
        }
        let workers: Vec<Rc<Worker>> = self.workers.borrow().values().cloned().collect();
        let active = workers.into_iter().filter(|worker| worker.is_active());
        let mut ranked: Vec<_> =
            active.map(|worker| (self.candidate(&worker, short.resource).rank(), worker)).collect();
        ranked.sort_by_key(|(rank, worker)| (*rank, worker.uid().to_string()));
        let (_, victim) = ranked.into_iter().find(|(_, worker)| !is_critical(&worker.pod()))?;
        let message = self.message(&victim, &met);
        let disrupts = Some(whole_seconds(self.sim.wall()));
        self.evict(&victim, Eviction { reason: EVICTED.into(), message, disrupts });
        Some(victim)
    }

    /// Removes containers that have ended for good and images that nobody uses.
    fn reclaim_disk(&self) {
        let workers: Vec<Rc<Worker>> = self.workers.borrow().values().cloned().collect();
        let mut used = Vec::new();
        for worker in workers {
            used.extend(worker.containers.borrow().iter().map(|container| container.image.clone()));
        }
        self.images.delete_unused(&used);
    }

    fn candidate(&self, worker: &Worker, resource: &str) -> Candidate {
        let pod = worker.pod();
        let requests = super::quantity::requests(&pod);
        let used = if resource == "memory" {
            let cgroup = worker.cgroup.borrow();
            cgroup.as_ref().map_or(0, |cgroup| i64::try_from(cgroup.memory()).unwrap_or(i64::MAX))
        } else {
            worker.stored_in_all(&pod)
        };
        let request = requests.get(resource).copied().unwrap_or(0);
        Candidate { priority: priority(&pod), used, request }
    }

    /// `evictionMessage`.
    fn message(&self, worker: &Worker, met: &[Met]) -> String {
        let Some(short) = met.first() else { return String::new() };
        let resource = short.resource;
        let mut message = format!(
            "The node was low on resource: {resource}. Threshold quantity: {}, available: {}. ",
            Met::text(short.threshold),
            Met::text(short.available)
        );
        let pod = worker.pod();
        let Some(spec) = &pod.spec else { return message };
        let amount = |list: Option<&BTreeMap<String, _>>| {
            list.and_then(|list| list.get(resource)).map_or(Quantity::zero(Format::DecimalSi), quantity::amount)
        };
        let own = spec.resources.as_ref().and_then(|r| r.requests.as_ref());
        if resource == "memory" && own.is_some_and(|own| own.contains_key(resource)) {
            let used = self.candidate(worker, resource).used;
            message += &format!(
                "Pod {} was using {}, request is {}, has larger consumption of {resource}. ",
                pod.metadata.name.as_deref().unwrap_or_default(),
                Met::text(used),
                amount(own)
            );
        }
        for container in spec.containers.iter().chain(init_containers(spec)) {
            let Some(used) = worker.usage(container, resource) else { continue };
            let request = amount(container.resources.as_ref().and_then(|r| r.requests.as_ref()));
            if used > request.value() {
                message += &format!(
                    "Container {} was using {}, request is {request}, has larger consumption of {resource}. ",
                    container.name,
                    Met::text(used)
                );
            }
        }
        message
    }
}

impl Worker {
    /// Whether anything of it may run.
    fn is_active(&self) -> bool {
        self.life.get() == Life::Syncing && !self.must_end() && self.sandbox.borrow().is_some()
    }

    /// What a running container uses.
    fn usage(&self, container: &Container, resource: &str) -> Option<i64> {
        let running = {
            let containers = self.containers.borrow();
            containers.iter().find(|c| c.name == container.name && c.is_running()).cloned()
        }?;
        Some(match resource {
            "memory" => i64::try_from(running.cgroup.memory()).unwrap_or(i64::MAX),
            _ => self.stored(&container.name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks() {
        let candidate = |priority, used, request| Candidate { priority, used, request };
        let mut all = [
            ("within its request", candidate(0, 50, 60)),
            ("a little over, less important", candidate(-1, 11, 10)),
            ("over", candidate(0, 20, 10)),
            ("further over", candidate(0, 500, 100)),
            ("over, important", candidate(100, 900, 0)),
            ("within, less important", candidate(-5, 1, 60)),
        ];
        all.sort_by_key(|(_, candidate)| candidate.rank());
        let names = all.map(|(name, _)| name);
        let expected = [
            "a little over, less important",
            "further over",
            "over",
            "over, important",
            "within, less important",
            "within its request",
        ];
        assert_eq!(names, expected);
    }
}
