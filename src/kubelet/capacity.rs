//! What a node has to give, and what becomes of a change of it while it runs: the kubelet is restarted, as it learns only
//! when it starts how large its machine is. Containers go on meanwhile; but a kubelet that starts admits all its pods anew,
//! the oldest first, and those that fit no longer are rejected.
//! Source: kubernetes `pkg/kubelet/kubelet.go` (`HandlePodAdditions`), `pkg/kubelet/nodestatus/setters.go` (`MachineInfo`).

use std::rc::Rc;

use super::{Inner, Kubelet, admission, eviction::Eviction, quantity::parse};
use crate::{api::Pod, apiserver::events::EventType};

/// Quantities: `4`, `8Gi`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capacity {
    pub cpu: String,
    pub memory: String,
    pub pods: u32,
}

impl Capacity {
    pub fn processors(&self) -> f64 {
        parse(&self.cpu, 3).unwrap_or(0) as f64 / 1000.0
    }

    pub fn memory_bytes(&self) -> u64 {
        parse(&self.memory, 0).and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0)
    }
}

impl Kubelet {
    pub fn capacity(&self) -> Capacity {
        self.0.capacity.borrow().clone()
    }

    /// Changes the machine and, if it is on, restarts the kubelet. False if nothing differs.
    pub fn set_capacity(&self, capacity: Capacity) -> bool {
        let inner = &self.0;
        if *inner.capacity.borrow() == capacity {
            return false;
        }
        inner.machine.set_capacity(capacity.processors(), capacity.memory_bytes());
        *inner.capacity.borrow_mut() = capacity;
        if self.is_running() {
            inner.watch_pressure();
            let task = inner.sim.spawn(inner.clone().start_again());
            inner.tasks.borrow_mut().push(task);
        }
        true
    }
}

impl Inner {
    async fn start_again(self: Rc<Self>) {
        self.register().await;
        self.write_status().await;
        self.admit_again();
        self.retry_resizes();
    }

    /// Rejects the pods that don't fit beside those that are older.
    fn admit_again(&self) {
        let node = self.node.borrow().clone();
        let amounts = admission::amounts(&node);
        let workers = self.workers.borrow();
        let (fixed, mut others): (Vec<_>, Vec<_>) =
            workers.values().filter(|w| w.holds_resources()).cloned().partition(|w| w.fixed.is_some());
        drop(workers);
        let age = |pod: &Pod| pod.metadata.creation_timestamp.as_ref().map(|t| t.0);
        others.sort_by_cached_key(|w| (age(&w.pod()), w.uid().to_string()));
        let mut active: Vec<Rc<Pod>> = fixed.iter().map(|w| w.pod()).collect();
        for worker in others {
            let pod = worker.pod();
            match admission::admit(&pod, &node, &amounts, &active) {
                Err((reason, message)) if !worker.must_end() => {
                    self.event(&pod, None, EventType::Warning, &reason, message.clone());
                    let message = format!("Pod was rejected: {message}");
                    worker.evict(Eviction { reason, message, disrupts: None });
                }
                _ => active.push(pod),
            }
        }
    }
}
