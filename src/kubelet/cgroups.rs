//! The control groups of a node: one a quality of service, a pod, a container.
//! Source: kubernetes `pkg/kubelet/cm/{qos_container_manager,pod_container_manager,helpers}_linux.go`,
//! `pkg/kubelet/kuberuntime/kuberuntime_container_linux.go`, `pkg/kubelet/qos/policy.go`.

use super::status::{init_containers, is_sidecar};
use crate::{
    api::{
        Container, Pod, Resource,
        quantity::Quantity,
        resources::{self, Amounts, Options},
    },
    os::{Cgroup, Machine},
};

/// `oom_score_adj` of pause processes.
pub const PAUSE_ADJ: i32 = -998;
const GUARANTEED_ADJ: i32 = -997;
const BEST_EFFORT_ADJ: i32 = 1000;
/// The least cpu.shares, as for no request.
const MIN_SHARES: i64 = 2;
/// The least quota: a millisecond in a period of a hundred.
const MIN_QUOTA: f64 = 0.01;

/// What the kernel and the programs beside the pods have: kubelet, container runtime, the system's own.
const SYSTEM_MEMORY: u64 = 230 << 20;

/// The groups above those of pods.
pub struct Cgroups {
    /// Of guaranteed pods, and above the other two.
    pods: Cgroup,
    burstable: Cgroup,
    best_effort: Cgroup,
}

/// A control group's limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Bytes.
    pub memory: Option<u64>,
    /// Processors.
    pub cpu: Option<f64>,
    pub weight: u64,
}

impl Limits {
    pub fn apply(&self, machine: &Machine, cgroup: &Cgroup) {
        cgroup.set_memory_max(self.memory);
        if cgroup.weight() != self.weight {
            machine.set_cpu_weight(cgroup, self.weight);
        }
        if cgroup.cpu_max() != self.cpu {
            machine.set_cpu_max(cgroup, self.cpu);
        }
    }
}

impl Cgroups {
    pub fn new(machine: &Machine) -> Cgroups {
        machine.set_kernel_memory(SYSTEM_MEMORY);
        let pods = machine.cgroup().child("kubepods");
        let (burstable, best_effort) = (pods.child("burstable"), pods.child("besteffort"));
        machine.set_cpu_weight(&best_effort, weight(MIN_SHARES));
        Cgroups { pods, burstable, best_effort }
    }

    /// A new group for a pod.
    pub fn pod(&self, machine: &Machine, pod: &Pod) -> Cgroup {
        let above = match resources::qos(pod) {
            "Guaranteed" => &self.pods,
            "Burstable" => &self.burstable,
            _ => &self.best_effort,
        };
        let group = above.child(format!("pod{}", pod.uid()));
        pod_limits(pod).apply(machine, &group);
        group
    }
}

fn quantity<'a>(amounts: &'a Amounts, name: &str) -> Option<&'a Quantity> {
    amounts.get(name).filter(|quantity| !quantity.is_zero())
}

fn milli(amounts: &Amounts, name: &str) -> Option<i64> {
    quantity(amounts, name).map(Quantity::milli_value)
}

fn bytes(amounts: &Amounts, name: &str) -> Option<u64> {
    quantity(amounts, name).and_then(|quantity| u64::try_from(quantity.value()).ok())
}

/// cpu.weight for so many cpu.shares.
fn weight(shares: i64) -> u64 {
    let shares = shares.clamp(MIN_SHARES, 262_144);
    u64::try_from(1 + (shares - 2) * 9999 / 262_142).unwrap_or(1)
}

fn limits(memory: Option<u64>, cpu: Option<i64>, request: Option<i64>) -> Limits {
    let quota = |milli: i64| (milli as f64 / 1000.0).max(MIN_QUOTA);
    // Without a request the limit counts as one.
    let shares = request.or(cpu).unwrap_or(0) * 1024 / 1000;
    Limits { memory, cpu: cpu.map(quota), weight: weight(shares) }
}

/// What the pod as a whole may use: the sum, if all its containers are limited.
pub fn pod_limits(pod: &Pod) -> Limits {
    let options = Options::default();
    let (asked, most) = (resources::requests(pod, &options), resources::limits(pod, &options));
    let spec = pod.spec.as_ref();
    let own = spec.and_then(|spec| spec.resources.as_ref()).and_then(|r| r.limits.as_ref());
    let limited = |name: &str| {
        let has = |c: &Container| {
            let limits = c.resources.as_ref().and_then(|r| r.limits.as_ref());
            limits.is_some_and(|limits| limits.contains_key(name))
        };
        own.is_some_and(|own| own.contains_key(name))
            || spec.is_some_and(|spec| init_containers(spec).iter().chain(&spec.containers).all(has))
    };
    let memory = bytes(&most, "memory").filter(|_| limited("memory"));
    limits(memory, milli(&most, "cpu").filter(|_| limited("cpu")), milli(&asked, "cpu"))
}

pub fn container_limits(container: &Container) -> Limits {
    let of = container.resources.as_ref();
    let most = resources::amounts(of.and_then(|r| r.limits.as_ref()));
    let asked = resources::amounts(of.and_then(|r| r.requests.as_ref()));
    limits(bytes(&most, "memory"), milli(&most, "cpu"), milli(&asked, "cpu"))
}

/// Who is killed first when memory runs out: best effort, then who asked for little.
/// `capacity`: bytes of the node's memory.
pub fn oom_score_adj(pod: &Pod, container: &Container, capacity: i64) -> i32 {
    match resources::qos(pod) {
        "Guaranteed" => return GUARANTEED_ADJ,
        "BestEffort" => return BEST_EFFORT_ADJ,
        _ => {}
    }
    if pod.spec.as_ref().and_then(|spec| spec.priority).is_some_and(|priority| priority >= NODE_CRITICAL) {
        return GUARANTEED_ADJ;
    }
    let own = adj(pod, container, capacity);
    let spec = pod.spec.as_ref();
    if is_sidecar(container) && spec.is_some_and(|s| init_containers(s).iter().any(|c| c.name == container.name)) {
        // A sidecar isn't killed before what it serves.
        let regular = spec.into_iter().flat_map(|spec| &spec.containers);
        return regular.map(|c| adj(pod, c, capacity)).fold(own, i32::min);
    }
    own
}

/// The priority of system-node-critical.
const NODE_CRITICAL: i32 = 2_000_001_000;

fn adj(pod: &Pod, container: &Container, capacity: i64) -> i32 {
    let memory = |amounts: &Amounts| quantity(amounts, "memory").map_or(0, Quantity::value);
    let own = container.resources.as_ref().and_then(|r| r.requests.as_ref());
    let mut request = memory(&resources::amounts(own));
    let spec = pod.spec.as_ref();
    if let Some(asked) = spec.and_then(|s| s.resources.as_ref()).and_then(|r| r.requests.as_ref()) {
        // What the pod asked for beyond its containers is shared among them.
        let whole = memory(&resources::amounts(Some(asked)));
        let all = memory(&resources::container_requests(pod, &Options::default()));
        let count =
            spec.map_or(1, |s| s.containers.len() + init_containers(s).iter().filter(|c| is_sidecar(c)).count());
        request += (whole - all).max(0) / i64::try_from(count.max(1)).unwrap_or(1);
    }
    let score = 1000 - request.saturating_mul(1000) / capacity.max(1);
    i32::try_from(score.clamp(i64::from(1000 + GUARANTEED_ADJ), i64::from(BEST_EFFORT_ADJ - 1))).unwrap_or(999)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scores_and_limits() {
        let gib = |n: i64| n << 30;
        // (resources of a container a and a sidecar s, score of a, of s, the pod's memory and cpu limit, weight)
        let none = json!({});
        let some = json!({"requests": {"memory": "1Gi", "cpu": "250m"}, "limits": {"memory": "2Gi"}});
        let full =
            |cpu: &str| json!({"requests": {"memory": "1Gi", "cpu": cpu}, "limits": {"memory": "1Gi", "cpu": cpu}});
        let table = [
            (&none, &none, 1000, 1000, None, None, 1),
            (&some, &none, 875, 875, None, None, 10),
            (&none, &some, 999, 875, None, None, 10),
            (&some, &some, 875, 875, Some(gib(4)), None, 20),
            (&full("2"), &full("500m"), -997, -997, Some(gib(2)), Some(2.5), 98),
        ];
        for (a, s, own, sidecar, memory, cpu, weight) in table {
            let pod: Pod = serde_json::from_value(json!({"spec": {
                "containers": [{"name": "a", "resources": a}],
                "initContainers": [{"name": "s", "restartPolicy": "Always", "resources": s}],
            }}))
            .expect("a pod");
            let spec = pod.spec.as_ref().expect("a spec");
            let score = |c| oom_score_adj(&pod, c, gib(8));
            assert_eq!((score(&spec.containers[0]), score(&init_containers(spec)[0])), (own, sidecar), "{a} {s}");
            let memory = memory.and_then(|memory| u64::try_from(memory).ok());
            assert_eq!(pod_limits(&pod), Limits { memory, cpu, weight }, "{a} {s}");
        }
    }
}
