//! A worker's volumes: set up beside the syncs, which wait for them; and what containers are told of
//! their pod. Source: kubernetes `pkg/kubelet/volumemanager/`.

use std::{rc::Rc, time::Duration};

use super::{
    Inner,
    env::Context,
    volumes::{Fault, Source},
    worker::{Life, Worker},
};
use crate::{
    api::{Container as ContainerSpec, Pod, Volume},
    apiserver::events::EventType,
    sim::{Either, SimTime, race},
};

/// The volume manager: when it first tries, how often the worker looks, the retries' delays, and
/// when a wait gives up.
const MOUNT_FIRST: Duration = Duration::from_millis(150);
const MOUNT_LOOK: Duration = Duration::from_millis(300);
const MOUNT_RETRY: Duration = Duration::from_millis(500);
const MOUNT_RETRY_MAX: Duration = Duration::from_secs(122);
const MOUNT_TIMEOUT: Duration = Duration::from_secs(123);
/// What the kubelet writes into volumes is brought up to date by the periodic sync.
const VOLUME_REFRESH: Duration = Duration::from_secs(50);

impl Worker {
    pub(super) fn context<'a>(
        &'a self,
        kubelet: &'a Inner,
        pod: &'a Pod,
        pod_ips: &'a [String],
        host_ips: &'a [String],
    ) -> Context<'a> {
        Context {
            client: &*kubelet.client,
            pod,
            pod_ips,
            host_ips,
            node: &kubelet.config.name,
            allocatable: kubelet.allocatable(),
        }
    }

    /// The pod's addresses, as env variables and files see them.
    pub(super) fn pod_ips(&self, kubelet: &Inner) -> Vec<String> {
        match &*self.sandbox.borrow() {
            Some(sandbox) => match sandbox.address {
                Some(address) => vec![address.to_string()],
                None => kubelet.host_ips().to_vec(),
            },
            None => Vec::new(),
        }
    }

    pub(super) async fn environment(
        &self,
        kubelet: &Inner,
        pod: &Pod,
        container: &ContainerSpec,
    ) -> Result<super::env::Env, String> {
        let (pod_ips, host_ips) = (self.pod_ips(kubelet), kubelet.host_ips());
        super::env::build(&self.context(kubelet, pod, &pod_ips, &host_ips), container).await
    }

    pub(super) async fn set_up(&self, kubelet: &Inner, pod: &Pod, volume: &Volume) -> Result<(), Fault> {
        let (pod_ips, host_ips) = (self.pod_ips(kubelet), kubelet.host_ips());
        let group = pod.spec.as_ref().and_then(|s| s.security_context.as_ref()).and_then(|s| s.fs_group);
        let source = Source {
            context: self.context(kubelet, pod, &pod_ips, &host_ips),
            host: &kubelet.host_root,
            now: kubelet.sim.wall(),
            group: group.and_then(|group| u32::try_from(group).ok()),
        };
        self.volumes.set_up(&source, volume).await
    }

    /// Waits until all volumes are set up, as the volume manager does; false if that failed, or the
    /// pod is to end.
    pub(super) async fn mount_volumes(self: &Rc<Self>, kubelet: &Inner, pod: &Pod) -> bool {
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
        let missing = || volumes.iter().filter(|v| !self.volumes.is_ready(&v.name));
        if missing().next().is_none() {
            if kubelet.sim.now().since(self.refreshed.get()) < VOLUME_REFRESH {
                return true;
            }
            self.refreshed.set(kubelet.sim.now());
            for volume in volumes {
                // What was mounted stays as it is if its source has gone.
                let _stale = Box::pin(self.set_up(kubelet, pod, volume)).await;
            }
            return true;
        }
        self.start_mounting();
        let began = kubelet.sim.now();
        let gives_up = began + MOUNT_TIMEOUT;
        let mut looks = began;
        while missing().next().is_some() {
            looks = looks + MOUNT_LOOK;
            if looks > gives_up {
                Box::pin(self.tell_unprocessed(kubelet, pod)).await;
                return false;
            }
            if !self.wait_unless_ending(kubelet, looks).await {
                return false;
            }
        }
        true
    }

    /// Sets missing volumes up beside the syncs, again and again until the pod has ended.
    pub(super) fn start_mounting(self: &Rc<Self>) {
        let mut mounter = self.mounter.borrow_mut();
        if mounter.is_some() {
            return;
        }
        let Some(kubelet) = self.kubelet.upgrade() else { return };
        let me = self.clone();
        let sim = kubelet.sim.clone();
        *mounter = Some(sim.spawn(async move {
            kubelet.sim.sleep(MOUNT_FIRST).await;
            let mut delay = MOUNT_RETRY;
            while me.life.get() != Life::Terminated && !me.mount_missing(&kubelet).await {
                kubelet.sim.sleep(delay).await;
                delay = (delay * 2).min(MOUNT_RETRY_MAX);
            }
            me.refreshed.set(kubelet.sim.now());
            me.mounter.take();
        }));
    }

    /// Tries once to set up what is missing; true if nothing is any more.
    pub(super) async fn mount_missing(&self, kubelet: &Inner) -> bool {
        let pod = self.pod();
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
        let mut all = true;
        for volume in volumes.iter().filter(|v| !self.volumes.is_ready(&v.name)) {
            if let Err(fault) = Box::pin(self.set_up(kubelet, &pod, volume)).await {
                if let Fault::Mount(text) = fault {
                    kubelet.event(&pod, None, EventType::Warning, "FailedMount", text);
                }
                all = false;
            }
        }
        all
    }

    /// The wait for volumes was in vain: says so of claims that aren't there or aren't bound.
    async fn tell_unprocessed(&self, kubelet: &Inner, pod: &Pod) {
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
        let (mut unmounted, mut unprocessed, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for volume in volumes.iter().filter(|v| !self.volumes.is_ready(&v.name)) {
            unmounted.push(volume.name.as_str());
            if (volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some())
                && let Err(Fault::Process(text)) = Box::pin(self.set_up(kubelet, pod, volume)).await
            {
                unprocessed.push(volume.name.as_str());
                faults.push(text);
            }
        }
        if !faults.is_empty() {
            let text = format!(
                "Unable to attach or mount volumes: unmounted volumes=[{}], unattached volumes=[], failed to process \
                 volumes=[{}]: {}",
                unmounted.join(" "),
                unprocessed.join(" "),
                faults.join(", ")
            );
            kubelet.event(pod, None, EventType::Warning, "FailedMount", text);
        }
    }

    /// Sleeps until `at`; false as soon as the pod is to end.
    pub(super) async fn wait_unless_ending(&self, kubelet: &Inner, at: SimTime) -> bool {
        loop {
            let woken = self.wake.notified();
            if self.must_end() {
                return false;
            }
            if kubelet.sim.now() >= at {
                return true;
            }
            let _first: Either<(), ()> = race(woken, kubelet.sim.sleep_until(at)).await;
        }
    }
}
