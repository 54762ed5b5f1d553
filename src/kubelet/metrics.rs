//! What a node's containers and the node itself use: `/metrics/resource`.

use std::{rc::Rc, time::Duration};

use super::{Inner, runtime::Container, worker::Worker};
use crate::{
    api::metrics::Usage,
    apiserver::metrics::Scraped,
    os::{
        Cgroup,
        cgroup::{SAMPLED, last_sample},
    },
    sim::SimTime,
};

/// A younger container has no usage yet.
const FRESH: Duration = Duration::from_secs(10);
/// What the kubelet, the container runtime and the kernel compute, in nanoseconds a second: for the
/// node, and more for each container that runs.
const SYSTEM_CPU: u64 = 24_000_000;
const CONTAINER_CPU: u64 = 1_000_000;

impl Inner {
    /// Usage between the last two scrapes; `None` before the second.
    pub(super) fn scraped(&self) -> Option<Scraped> {
        self.machine.settle();
        let now = self.sim.now();
        let root = self.machine.cgroup();
        let mut node = usage(root, self.machine.booted(), now)?;
        let mut pods = std::collections::BTreeMap::new();
        let workers: Vec<Rc<Worker>> = self.workers.borrow().values().cloned().collect();
        for worker in workers {
            let containers = worker.containers.borrow();
            let running: Vec<&Rc<Container>> = containers.iter().filter(|c| c.is_running()).collect();
            node.cpu += CONTAINER_CPU * running.len() as u64;
            let measure = |c: &&Rc<Container>| Some((c.name.clone(), usage(&c.cgroup, c.started()?, now)?));
            let mut measured: Vec<(String, Usage)> = running.iter().filter_map(measure).collect();
            measured.sort_by(|a, b| a.0.cmp(&b.0));
            if !measured.is_empty() {
                pods.insert(worker.uid().to_string(), measured);
            }
        }
        node.cpu += SYSTEM_CPU;
        Some(Scraped { node, pods })
    }
}

/// What a group that began at `since` used between the last two scrapes; for one that was there at the
/// last only, since it began.
fn usage(cgroup: &Cgroup, since: SimTime, now: SimTime) -> Option<Usage> {
    let at = last_sample(now);
    let samples = cgroup.samples(now);
    let age = at.since(since);
    let (used, window) = match () {
        () if age >= SAMPLED => (samples.cpu.saturating_sub(samples.cpu_before), SAMPLED),
        () if age >= FRESH => (samples.cpu, age),
        () => return None,
    };
    let cpu = (used.as_nanos() * 1_000_000_000).checked_div(window.as_nanos())?;
    // Work that waits for its limit is counted when it begins.
    let most = cgroup.cpu_max().map_or(u64::MAX, |processors| (processors * 1e9) as u64);
    Some(Usage { cpu: u64::try_from(cpu).unwrap_or(u64::MAX).min(most), memory: samples.memory })
}
