//! The kubelet of one node: takes the pods that are bound to it, runs their containers on the
//! node's machine, and tells the apiserver how they are.
//!
//! Each pod has one worker task ([`worker`]), woken by changes of the pod, by containers that end,
//! by probe results and by timers. Statuses are pure functions ([`status`]).
//!
//! Invariants:
//! - Speaks to the cluster through [`ApiClient`] alone.
//! - A pod's status is written only when it has changed.
//! - Nothing polls: an idle node costs one timer, an idle pod none but its next sync and its probes.
//! - The two clocks of a real kubelet, a second each, are kept as phases ([`Inner::next_relist`],
//!   [`Inner::next_tick`]): what happens in between is seen at their next beat.

pub mod actions;
mod admission;
pub mod backoff;
mod capacity;
mod cgroups;
pub mod credentials;
pub mod env;
mod eviction;
mod exec;
mod hooks;
pub mod hosts;
pub mod images;
pub mod inspect;
pub mod kill;
mod metrics;
mod mounting;
mod node;
mod pressure;
mod probes;
mod quantity;
mod relist;
mod resize;
mod runtime;
mod server;
mod start;
pub mod statics;
pub mod status;
mod tell;
mod volumes;
mod worker;

#[cfg(test)]
mod tests;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    rc::Rc,
    time::Duration,
};

use k8s_openapi::api::core::v1::{Node, Taint};

pub use self::capacity::Capacity;
use self::{
    cgroups::Cgroups,
    images::{ImageStore, PullBackoff},
    pressure::Pressure,
    runtime::ipam::Ipam,
    worker::Worker,
};
use crate::{
    api::{
        ApiClient, Kind, Pod, Resource,
        client::{ListOptions, WatchEvent},
    },
    apiserver::{
        events::{EventType, Recorder, pod_reference},
        proxy::KubeletEndpoint,
    },
    os::{Filesystem, FsImage, Machine, MountNs},
    registry::{Catalogue, PullTimes},
    sim::{Rng, Sim, SimTime, Task},
};

/// A node, as it is set up.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    pub name: String,
    /// Quantities: `4`, `8Gi`; what it has to give at first.
    pub cpu: String,
    pub memory: String,
    pub max_pods: u32,
    /// `10.244.1.0/24`.
    pub pod_cidr: String,
    pub internal_ip: String,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    /// `control-plane`, `worker`.
    pub roles: Vec<String>,
    pub version: String,
    pub os_image: String,
    pub kernel: String,
    /// `containerd://2.1.3`.
    pub container_runtime: String,
    pub pull_times: PullTimes,
    pub chance: Chance,
}

/// A number from 0 to 1 for a delay that begins at an instant.
type Draw = dyn Fn(SimTime, Duration) -> f64;

/// Where a kubelet takes the chance from that lengthens a delay by up to half: its generator, or
/// somebody who replays what happened elsewhere.
#[derive(Clone, Default)]
pub struct Chance {
    draw: Option<Rc<Draw>>,
    phases: Option<(Duration, Duration)>,
    lag: Duration,
}

impl Chance {
    /// `draw` gives a number from 0 to 1 for the delay that begins now; `phases` are those of the
    /// clocks that look at containers and at due syncs; `lag` is how long after a sync the containers
    /// that it started are looked at.
    pub fn given(
        draw: impl Fn(SimTime, Duration) -> f64 + 'static,
        phases: (Duration, Duration),
        lag: Duration,
    ) -> Chance {
        Chance { draw: Some(Rc::new(draw)), phases: Some(phases), lag }
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.draw.is_some() { "given" } else { "drawn" })
    }
}

impl NodeConfig {
    /// A worker as kind makes it.
    pub fn new(name: &str, pod_cidr: &str, internal_ip: &str) -> NodeConfig {
        NodeConfig {
            name: name.into(),
            cpu: "4".into(),
            memory: "8Gi".into(),
            max_pods: 110,
            pod_cidr: pod_cidr.into(),
            internal_ip: internal_ip.into(),
            labels: BTreeMap::new(),
            taints: Vec::new(),
            roles: Vec::new(),
            version: crate::apiserver::VERSION.into(),
            os_image: "Debian GNU/Linux 13 (trixie)".into(),
            kernel: "6.12.48".into(),
            container_runtime: "containerd://2.1.4".into(),
            pull_times: PullTimes::default(),
            chance: Chance::default(),
        }
    }
}

impl NodeConfig {
    fn capacity(&self) -> Capacity {
        Capacity { cpu: self.cpu.clone(), memory: self.memory.clone(), pods: self.max_pods }
    }
}

/// Dead containers, and the number of the last sandbox.
#[derive(Default)]
struct LeftBehind {
    containers: Vec<Rc<runtime::Container>>,
    attempt: Option<u32>,
}

/// What the system itself has on the disk.
const SYSTEM_DISK: u64 = 6 << 30;

/// How often containers are looked at, the looking included (recorded), and due syncs.
const RELIST: Duration = Duration::from_millis(1001);
const TICK: Duration = Duration::from_secs(1);

/// How long after the watch a worker begins (recorded: bound to first status 12 ms).
const PICKUP: Duration = Duration::from_millis(6);

/// A running kubelet. Cloning shares it.
#[derive(Clone)]
pub struct Kubelet(Rc<Inner>);

pub(crate) struct Inner {
    sim: Sim,
    client: Rc<dyn ApiClient>,
    machine: Machine,
    images: ImageStore,
    cgroups: Cgroups,
    pressure: Pressure,
    config: NodeConfig,
    capacity: RefCell<Capacity>,
    ipam: Option<Ipam>,
    recorder: Recorder,
    rng: RefCell<Rng>,
    running: Cell<bool>,
    /// Its own Node, as last seen.
    node: RefCell<Rc<Node>>,
    workers: RefCell<BTreeMap<String, Rc<Worker>>>,
    pull_backoff: RefCell<PullBackoff>,
    /// What the disk still knows of the pods that ran when the power went, by UID.
    left_behind: RefCell<BTreeMap<String, LeftBehind>>,
    tasks: RefCell<Vec<Task>>,
    /// The eviction manager's.
    manager: RefCell<Option<Task>>,
    /// When in each second containers are looked at, and when due syncs are.
    relist_phase: Duration,
    tick_phase: Duration,
    /// The root that pause processes share.
    pause_root: MountNs,
    /// What lies below the files of a pod ([`start::pod_files`]).
    pod_files: Rc<FsImage>,
    /// The machine's own root file system, for hostPath.
    host_root: Filesystem,
    /// The machine's own /dev/shm, for pods in its IPC namespace.
    host_shm: RefCell<Option<Filesystem>>,
    /// Of static pods.
    manifests: statics::Manifests,
}

impl Kubelet {
    /// Starts the kubelet of `machine`.
    pub fn start(
        sim: &Sim,
        client: Rc<dyn ApiClient>,
        machine: Machine,
        catalogue: Rc<Catalogue>,
        config: NodeConfig,
    ) -> Kubelet {
        let mut rng = sim.rng(&format!("kubelet {}", config.name));
        let mut phase = || Duration::from_millis(rng.below(1000));
        let drawn = (phase(), phase());
        let (relist_phase, tick_phase) = config.chance.phases.unwrap_or(drawn);
        let pause = Filesystem::new("overlay", Rc::new(FsImage::new([])));
        let mounts = machine.namespaces().mnt.mounts();
        let host_root = mounts.first().map_or_else(|| Filesystem::empty("ext4", None), |mount| mount.fs.clone());
        host_root.lie_on(machine.disk());
        // A node that was set up before has it.
        let _there = host_root.socket("/run/containerd/containerd.sock");
        let kubelet = Kubelet(Rc::new(Inner {
            sim: sim.clone(),
            cgroups: {
                let capacity = config.capacity();
                machine.set_capacity(capacity.processors(), capacity.memory_bytes());
                machine.disk().take(SYSTEM_DISK);
                Cgroups::new(&machine)
            },
            pressure: Pressure::default(),
            images: ImageStore::new(sim, catalogue, config.pull_times, machine.disk(), machine.network()),
            ipam: Ipam::new(&config.pod_cidr),
            recorder: Recorder::new(sim, client.clone(), "kubelet", &config.name),
            rng: RefCell::new(rng),
            running: Cell::new(false),
            node: RefCell::default(),
            workers: RefCell::default(),
            pull_backoff: RefCell::default(),
            left_behind: RefCell::default(),
            tasks: RefCell::default(),
            manager: RefCell::default(),
            capacity: RefCell::new(config.capacity()),
            relist_phase,
            tick_phase,
            pause_root: MountNs::new(pause, true),
            pod_files: Rc::new(start::hollow_pod_files()),
            host_root,
            host_shm: RefCell::default(),
            manifests: statics::Manifests::default(),
            client,
            machine,
            config,
        }));
        let inner = Rc::downgrade(&kubelet.0);
        kubelet.0.machine.on_oom_kill(move |kill| {
            // Of a container's limit the kernel names the group, and the kubelet says nothing.
            if let Some(inner) = inner.upgrade().filter(|inner| inner.running.get() && kill.global) {
                let text = format!("System OOM encountered, victim process: {}, pid: {}", kill.comm, kill.pid);
                inner.node_event_of(EventType::Warning, "SystemOOM", &text);
            }
        });
        kubelet.boot();
        kubelet
    }

    fn boot(&self) {
        let inner = &self.0;
        inner.running.set(true);
        inner.machine.power_on();
        let (node, pods, files) = (inner.clone(), inner.clone(), inner.clone());
        let task = inner.sim.spawn(async move {
            node.register().await;
            let files_task = files.sim.spawn(files.clone().watch_manifests());
            files.tasks.borrow_mut().push(files_task);
            node.report_ready().await;
            let pods_task = pods.sim.spawn(pods.clone().watch_pods());
            pods.tasks.borrow_mut().push(pods_task);
            node.heartbeat().await;
        });
        inner.tasks.borrow_mut().push(task);
        inner.watch_pressure();
    }

    /// Power cut: every process of the node ends at once, and nobody says so. Its disk stays.
    pub fn stop(&self) {
        let inner = &self.0;
        inner.running.set(false);
        for task in inner.tasks.take().into_iter().chain(inner.manager.take()) {
            task.abort();
        }
        let workers = inner.workers.take();
        for worker in workers.values() {
            worker.abort();
            let left = worker.leave_behind(inner);
            inner.left_behind.borrow_mut().insert(worker.uid().to_string(), left);
        }
        inner.machine.power_off();
        inner.host_shm.take();
        drop(workers);
        inner.images.reset();
        *inner.pull_backoff.borrow_mut() = PullBackoff::default();
    }

    /// Boots the node again after [`Kubelet::stop`]: its containers have ended, its images are there.
    pub fn restart(&self) {
        if !self.is_running() {
            let now = self.0.sim.now();
            for left in self.0.left_behind.borrow().values() {
                left.containers.iter().for_each(|container| container.lost(now));
            }
            self.boot();
        }
    }

    pub fn is_running(&self) -> bool {
        self.0.running.get()
    }

    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    pub fn machine(&self) -> &Machine {
        &self.0.machine
    }

    /// What the apiserver asks for logs, exec and attach. It must not be asked while the node is off.
    pub fn endpoint(&self) -> Rc<dyn KubeletEndpoint> {
        self.0.clone()
    }

    /// Puts an image on the node's disk.
    pub fn preload(&self, image: &str) {
        self.0.images.preload(image);
    }

    /// The image that is being pulled.
    pub fn pull(&self) -> Option<images::Pull> {
        self.0.images.current()
    }
}

impl Inner {
    /// The next beat of the clock that looks at containers.
    fn next_relist(&self) -> SimTime {
        self.relist_after(self.sim.now())
    }

    fn relist_after(&self, at: SimTime) -> SimTime {
        next_beat(at, self.relist_phase, RELIST)
    }

    /// The next beat, at or after `at`, of the clock that looks for due syncs.
    fn tick_from(&self, at: SimTime) -> SimTime {
        next_beat(SimTime::from_nanos(at.as_nanos().saturating_sub(1)), self.tick_phase, TICK)
    }

    fn event(&self, pod: &Pod, path: Option<&str>, kind: EventType, reason: &str, message: impl Into<String>) {
        self.recorder.event(pod_reference(pod, path), kind, reason, message);
    }

    /// A delay lengthened by up to half, so that syncs don't bunch.
    fn jitter(&self, delay: Duration) -> Duration {
        let chance = match &self.config.chance.draw {
            Some(draw) => draw(self.sim.now(), delay).clamp(0.0, 1.0),
            None => self.rng.borrow_mut().f64(),
        };
        delay.mul_f64(1.0 + 0.5 * chance)
    }

    /// Follows the pods that are bound to this node.
    async fn watch_pods(self: Rc<Self>) {
        let field_selector = format!("spec.nodeName={}", self.config.name);
        loop {
            let options = ListOptions { field_selector: field_selector.clone(), ..ListOptions::default() };
            let Ok(mut watch) = self.client.watch(Kind::Pod, "", options).await else {
                self.sim.sleep(Duration::from_secs(1)).await;
                continue;
            };
            // A new watch begins with what exists; what is missing from it has gone.
            let of_server = |worker: &&Rc<Worker>| worker.fixed.is_none();
            let mut known: Vec<String> =
                self.workers.borrow().values().filter(of_server).map(|worker| worker.uid().to_string()).collect();
            let mut listed = Vec::new();
            let mut first = true;
            while let Some(event) = watch.recv().await {
                match event {
                    WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                        if let Some(pod) = Pod::from_object(&object) {
                            if statics::mirrored(pod).is_some() {
                                self.mirror_changed(pod);
                                continue;
                            }
                            if !known.is_empty() {
                                listed.push(pod.uid().to_string());
                            }
                            self.changed(pod.clone());
                        }
                    }
                    WatchEvent::Deleted(object) => {
                        if let Some(pod) = Pod::from_object(&object) {
                            if statics::mirrored(pod).is_some() {
                                self.mirror_removed(pod);
                                continue;
                            }
                            self.removed(pod);
                        }
                    }
                    WatchEvent::Error(_) => break,
                }
                if std::mem::take(&mut first) {
                    self.sim.yield_now().await;
                }
                if !known.is_empty() {
                    // All that exists was queued when the watch began.
                    known.retain(|uid| !listed.contains(uid));
                    self.forget_missing(&mut known).await;
                }
            }
        }
    }

    /// After a new watch: pods that the server no longer has.
    async fn forget_missing(&self, known: &mut Vec<String>) {
        for uid in std::mem::take(known) {
            let worker = self.workers.borrow().get(&uid).cloned();
            let Some(worker) = worker else { continue };
            let pod = worker.pod();
            let found = self.client.get(Kind::Pod, pod.namespace(), pod.name()).await;
            if found.is_err() || found.is_ok_and(|object| object.uid() != uid) {
                worker.gone();
            }
        }
    }

    fn changed(self: &Rc<Self>, pod: Rc<Pod>) {
        let worker = self.workers.borrow().get(pod.uid()).cloned();
        match worker {
            Some(worker) => worker.update(pod),
            None => {
                let worker = Worker::new(self, pod.clone());
                self.workers.borrow_mut().insert(pod.uid().to_string(), worker.clone());
                worker.begin();
            }
        }
    }

    fn removed(&self, pod: &Rc<Pod>) {
        let worker = self.workers.borrow().get(pod.uid()).cloned();
        if let Some(worker) = worker {
            worker.update(pod.clone());
            worker.gone();
        }
    }

    /// A worker has nothing left to do and its pod is gone.
    fn forget(&self, uid: &str) {
        let worker = self.workers.borrow_mut().remove(uid);
        drop(worker);
        self.pull_backoff.borrow_mut().forget_pod(uid);
        self.retry_resizes();
    }

    /// Room has become free: resizes that wait for it are tried again.
    fn retry_resizes(&self) {
        let waiting: Vec<_> = self.workers.borrow().values().filter(|w| w.wants_room()).cloned().collect();
        waiting.iter().for_each(|worker| worker.retry_resize(self));
    }

    /// Pods of this node that hold resources: all but those that have ended, and `but`.
    fn active_pods(&self, but: &str) -> Vec<Rc<Pod>> {
        let workers = self.workers.borrow();
        workers.values().filter(|w| w.uid() != but && w.holds_resources()).map(|w| w.pod()).collect()
    }
}

/// The first instant after `now` that is `phase` into its `period`.
pub(crate) fn next_beat(now: SimTime, phase: Duration, period: Duration) -> SimTime {
    let nanos = |d: Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
    let (now, phase, period) = (now.as_nanos(), nanos(phase), nanos(period));
    let mut beat = now / period * period + phase;
    if beat <= now {
        beat += period;
    }
    SimTime::from_nanos(beat)
}
