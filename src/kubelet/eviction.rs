//! Eviction of a pod that uses more local storage than it may: of an emptyDir, of a container, or in
//! all. Source: kubernetes `pkg/kubelet/eviction/eviction_manager.go` (`localStorageEviction`).

use std::{rc::Rc, time::Duration};

use k8s_openapi::{api::core::v1::PodCondition, apimachinery::pkg::apis::meta::v1::Time};

use super::{
    Inner,
    quantity::parse,
    worker::{Life, Worker},
};
use crate::{
    api::{
        Container, Pod, Volume,
        quantity::{Format, Quantity},
    },
    apiserver::events::EventType,
};

/// How often usage is measured, and up to half as much later.
const MEASURED: Duration = Duration::from_secs(60);
/// Seconds that an evicted pod gets.
pub const GRACE: i64 = 1;
const STORAGE: &str = "ephemeral-storage";

fn storage_limit(container: &Container) -> Option<i64> {
    let limit = container.resources.as_ref()?.limits.as_ref()?.get(STORAGE)?;
    parse(&limit.0, 0).filter(|limit| *limit > 0)
}

/// Whether the pod has any limit to exceed.
fn is_limited(pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let mut dirs = spec.volumes.iter().flatten().filter_map(|v| v.empty_dir.as_ref());
    dirs.any(|dir| dir.size_limit.is_some()) || spec.containers.iter().any(|c| storage_limit(c).is_some())
}

/// A pod's end before its time.
#[derive(Clone, Debug)]
pub struct Eviction {
    /// Of its status, and of the event.
    pub reason: String,
    pub message: String,
    /// When it was decided, if it is for the node's sake.
    pub disrupts: Option<Time>,
}

/// The reason of the status and of the event.
pub const EVICTED: &str = "Evicted";
pub const DISRUPTION: &str = "DisruptionTarget";

impl Eviction {
    /// The condition that tells of it.
    pub fn disruption(&self, generation: Option<i64>) -> Option<PodCondition> {
        Some(PodCondition {
            type_: DISRUPTION.into(),
            status: "True".into(),
            reason: Some("TerminationByKubelet".into()),
            message: Some(self.message.clone()),
            last_transition_time: Some(self.disrupts.clone()?),
            observed_generation: generation,
            ..PodCondition::default()
        })
    }
}

impl Inner {
    /// Says that a pod is evicted, and ends it.
    pub(super) fn evict(&self, worker: &Worker, eviction: Eviction) {
        self.event(&worker.pod(), None, EventType::Warning, EVICTED, eviction.message.clone());
        worker.evict(eviction);
    }
}

impl Worker {
    /// Measures a pod that has limits, until it ends.
    pub(super) fn watch_storage(self: &Rc<Self>, kubelet: &Rc<Inner>) {
        if !is_limited(&self.pod()) {
            return;
        }
        let (me, kubelet) = (Rc::downgrade(self), kubelet.clone());
        let sim = kubelet.sim.clone();
        let task = sim.spawn(async move {
            loop {
                kubelet.sim.sleep(kubelet.jitter(MEASURED)).await;
                let Some(worker) = me.upgrade().filter(|w| w.life.get() == Life::Syncing) else { return };
                let pod = worker.pod();
                if let Some(message) = worker.excess(&pod) {
                    kubelet.evict(&worker, Eviction { reason: EVICTED.into(), message, disrupts: None });
                    return;
                }
            }
        });
        *self.measurer.borrow_mut() = Some(task);
    }

    /// Bytes on the node's disk of all of the pod's containers and volumes.
    pub(super) fn stored_in_all(&self, pod: &Pod) -> i64 {
        let Some(spec) = &pod.spec else { return 0 };
        let on_disk =
            |volume: &&Volume| volume.empty_dir.as_ref().is_some_and(|d| d.medium.as_deref() != Some("Memory"));
        let volumes = spec.volumes.iter().flatten().filter(on_disk);
        let used = |volume: &Volume| self.volumes.get(&volume.name).map_or(0, |ready| ready.fs.used());
        let volumes: u64 = volumes.map(used).sum();
        let containers: i64 = spec.containers.iter().map(|c| self.stored(&c.name)).sum();
        containers + i64::try_from(volumes).unwrap_or(i64::MAX)
    }

    /// Bytes that a running container has written to its own file system and its log.
    pub(super) fn stored(&self, name: &str) -> i64 {
        let containers = self.containers.borrow();
        let Some(container) = containers.iter().find(|c| c.name == name) else { return 0 };
        let root = container.proc().and_then(|proc| {
            let mounts = proc.namespaces().mnt.mounts();
            mounts.into_iter().find(|mount| mount.target == "/")
        });
        let root = root.map_or(0, |root| root.fs.used());
        i64::try_from(root + container.log.file_size()).unwrap_or(i64::MAX)
    }

    /// What of its limits the pod exceeds, as its status then says.
    fn excess(&self, pod: &Pod) -> Option<String> {
        let spec = pod.spec.as_ref()?;
        let mut total = 0;
        for volume in spec.volumes.iter().flatten() {
            let Some(dir) = &volume.empty_dir else { continue };
            let used = self.volumes.get(&volume.name).map_or(0, |ready| ready.fs.used());
            let used = i64::try_from(used).unwrap_or(i64::MAX);
            if let Some(limit) = &dir.size_limit
                && parse(&limit.0, 0).is_some_and(|most| most > 0 && used > most)
            {
                return Some(format!(
                    "Usage of EmptyDir volume \"{}\" exceeds the limit \"{}\". ",
                    volume.name, limit.0
                ));
            }
            if dir.medium.as_deref() != Some("Memory") {
                total += used;
            }
        }
        let used = |container: &Container| self.stored(&container.name);
        let each: Vec<(&Container, i64)> = spec.containers.iter().map(|c| (c, used(c))).collect();
        total += each.iter().map(|(_, used)| used).sum::<i64>();
        let limits = spec.containers.iter().filter_map(storage_limit);
        if let Some(most) = limits.reduce(|a, b| a + b)
            && total > most
        {
            let most = Quantity::new(most, Format::BinarySi);
            return Some(format!("Pod ephemeral local storage usage exceeds the total limit of containers {most}. "));
        }
        let over = each.iter().find(|(c, used)| storage_limit(c).is_some_and(|most| *used > most))?.0;
        let limit = &over.resources.as_ref()?.limits.as_ref()?.get(STORAGE)?.0;
        Some(format!("Container {} exceeded its local ephemeral storage limit \"{limit}\". ", over.name))
    }
}
