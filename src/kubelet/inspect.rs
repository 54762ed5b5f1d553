//! What the picture shows of a pod that no API tells: its network, processes, mounts, timers. Plain
//! data, made on request.

use std::{net::SocketAddr, time::Duration};

use super::{
    Kubelet,
    runtime::Container,
    worker::{Life, Worker},
};
pub use super::{
    images::Pull,
    probes::{Counter, Kind as ProbeKind, Streak},
};
use crate::{
    api::Pod,
    os::{ProcInfo, fs::Filesystem, namespace::IpcObject, net::Interface},
    programs::net::ip,
    sim::SimTime,
};

/// The inside of one pod.
#[derive(Clone, Debug, Default)]
pub struct SandboxView {
    pub hostname: String,
    pub host_network: bool,
    pub gateway: Option<std::net::IpAddr>,
    pub interfaces: Vec<Interface>,
    /// As `ip route` prints them.
    pub routes: Vec<String>,
    /// Lives in the node's IPC namespace.
    pub host_ipc: bool,
    /// System V objects of its IPC namespace.
    pub ipc: Vec<IpcObject>,
    /// Files of the /dev/shm that its containers share: POSIX shared memory, in bytes.
    pub shm: Vec<(String, u64)>,
    /// Listening sockets.
    pub listeners: Vec<Listener>,
    pub containers: Vec<ContainerView>,
    /// With shareProcessNamespace: the one tree, pause first.
    pub shared_processes: Option<Vec<ProcInfo>>,
    /// Bytes used by volume.
    pub volumes: Vec<(String, u64)>,
    pub probes: Vec<Counter>,
    /// While the pod or a container of it is being stopped: when it will be killed.
    pub grace_ends: Option<SimTime>,
}

#[derive(Clone, Debug)]
pub struct Listener {
    pub address: SocketAddr,
    /// The container that owns it, if it is one of the pod's.
    pub container: Option<String>,
    pub comm: String,
}

#[derive(Clone, Debug, Default)]
pub struct ContainerView {
    pub name: String,
    /// 64 hexadecimal digits.
    pub id: String,
    pub running: bool,
    /// With pids as the container sees them.
    pub processes: Vec<ProcInfo>,
    /// Bytes charged to its control group, and the group's limit.
    pub memory: u64,
    pub memory_max: Option<u64>,
    /// Processors that it computes on without pause now, and how many it could use.
    pub cpu: (f64, f64),
    pub cpu_max: Option<f64>,
    pub mounts: Vec<MountView>,
    /// When it will be started again, and the whole length of that back-off.
    pub back_off: Option<(SimTime, Duration)>,
    /// Until when its image, which could not be pulled, isn't tried again; the whole length of that back-off.
    pub pull_back_off: Option<(SimTime, Duration)>,
    /// The last lines of its log, or without one of the log before.
    pub log: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct MountView {
    pub target: String,
    /// `overlay`, `tmpfs`, `ext4`.
    pub kind: String,
    pub read_only: bool,
}

/// Lines of each log that are looked at: a crash's telling line is rarely its last.
const LOG_LINES: usize = 30;

impl Kubelet {
    /// What is inside a pod; `None` while it has no sandbox here.
    pub fn inspect(&self, uid: &str) -> Option<SandboxView> {
        let worker = self.0.worker_of(uid)?;
        let sandbox = worker.sandbox.borrow().clone()?;
        let machine = &self.0.machine;
        let host_pids = &machine.namespaces().pid;
        let containers = worker.containers.borrow().clone();
        let owner = |host_pid: u32| {
            let process = machine.process(host_pid)?;
            containers.iter().find(|c| c.cgroup.same(process.cgroup())).map(|c| c.name.clone())
        };
        let listeners = sandbox
            .net
            .sockets()
            .into_iter()
            .filter(|socket| socket.state == "LISTEN")
            .map(|socket| Listener { address: socket.local, container: owner(socket.host_pid), comm: socket.comm });
        let names = container_names(&worker);
        let host_ipc = sandbox.ipc.same(&machine.namespaces().ipc);
        let shm = if host_ipc { &self.0.host_shm } else { &worker.shm };
        Some(SandboxView {
            hostname: sandbox.uts.hostname(),
            host_network: sandbox.address.is_none(),
            gateway: sandbox.net.gateway(),
            interfaces: sandbox.net.interfaces(),
            routes: ip::routes(&sandbox.net, false).lines().map(|line| line.trim_end().to_string()).collect(),
            host_ipc,
            ipc: sandbox.ipc.objects(),
            shm: shm.borrow().as_ref().map(Filesystem::files).unwrap_or_default(),
            // On the host's network only what is the pod's own.
            listeners: listeners.filter(|l| sandbox.address.is_some() || l.container.is_some()).collect(),
            containers: names.iter().map(|name| self.container_view(&worker, name)).collect(),
            shared_processes: sandbox
                .shared_pids
                .as_ref()
                .filter(|pids| !pids.same(host_pids))
                .map(|pids| machine.processes_seen_from(pids)),
            volumes: worker.volumes.used(),
            probes: worker.probes.counters(),
            grace_ends: worker.grace_ends.get().filter(|at| *at > self.0.sim.now()),
        })
    }

    fn container_view(&self, worker: &Worker, name: &str) -> ContainerView {
        let containers = worker.containers.borrow();
        let mut own = containers.iter().filter(|c| c.name == name);
        let mut view = ContainerView { name: name.into(), ..ContainerView::default() };
        let back_off = worker.restarts_at.borrow().get(name).copied();
        view.back_off = back_off.filter(|_| worker.life.get() == Life::Syncing).map(|at| {
            let since = own.clone().find_map(|c| c.finished_at()).unwrap_or(at);
            (at, at.since(since))
        });
        view.pull_back_off =
            image_of(&worker.pod(), name).and_then(|i| self.0.pull_backoff.borrow().ends(worker.uid(), i));
        let Some(current) = own.next() else { return view };
        view.id = current.id.to_string();
        view.running = current.is_running();
        view.log = current.log.tail(LOG_LINES);
        if view.log.is_empty()
            && let Some(previous) = own.next()
        {
            view.log = previous.log.tail(LOG_LINES);
        }
        if view.running {
            view.memory = current.cgroup.memory();
            view.memory_max = current.cgroup.memory_max();
            view.cpu = self.0.machine.computing(&current.cgroup);
            view.cpu_max = current.cgroup.cpu_max();
        }
        if let Some(proc) = current.proc() {
            let namespaces = proc.namespaces();
            let seen = self.0.machine.processes_seen_from(&namespaces.pid);
            view.processes = seen.into_iter().filter(|p| p.cgroup.same(&current.cgroup)).collect();
            view.mounts = mounts(current);
        }
        view
    }
}

fn mounts(container: &Container) -> Vec<MountView> {
    let Some(proc) = container.proc() else { return Vec::new() };
    let view = |mount: crate::os::fs::Mount| MountView {
        target: mount.target,
        kind: mount.fs.kind().into(),
        read_only: mount.read_only,
    };
    proc.namespaces().mnt.mounts().into_iter().map(view).collect()
}

/// Init containers, then the others, then ephemeral ones, as the pod has them.
fn container_names(worker: &Worker) -> Vec<String> {
    let pod = worker.pod();
    let Some(spec) = &pod.spec else { return Vec::new() };
    let inits = super::status::init_containers(spec).iter().map(|c| &c.name);
    let others = spec.containers.iter().map(|c| &c.name);
    inits.chain(others).chain(spec.ephemeral_containers.iter().flatten().map(|c| &c.name)).cloned().collect()
}

fn image_of<'a>(pod: &'a Pod, container: &str) -> Option<&'a str> {
    let spec = pod.spec.as_ref()?;
    let all = super::status::init_containers(spec).iter().chain(&spec.containers);
    all.into_iter().find(|c| c.name == container)?.image.as_deref()
}
