//! A machine: one kernel.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::{Future, pending, poll_fn},
    rc::{Rc, Weak},
    task::Poll,
};

use futures_util::future::LocalBoxFuture;

use super::{
    ExitStatus, Footprint, OomKill, Pid, Proc, ProcInfo, ProcInner, ProgramTable, SpawnOptions,
    cpu::Processors,
    environ::Environ,
    exec::{self, Executable},
    life::{Sender, allocate_pids},
    proc::Parentage,
};
use crate::{
    os::{
        Cgroup, Errno, Filesystem, IpcNs, MountNs, Namespaces, NetNs, Network, PidNs, Signal, UtsNs,
        fs::{Cred, Disk},
        process::Disposition,
    },
    sim::{Rng, Sim, SimTime},
};

pub(super) type OomListener = Rc<dyn Fn(&OomKill)>;

/// A machine's memory unless it is told otherwise.
const MEMORY: u64 = 8 << 30;
/// A machine's disk.
const DISK: u64 = 100 << 30;

/// One kernel: a process table over a simulation and a network.
#[derive(Clone)]
pub struct Machine(Rc<MachineInner>);

pub(in crate::os) struct MachineInner {
    sim: Sim,
    network: Network,
    programs: Rc<dyn ProgramTable>,
    namespaces: Namespaces,
    booted: Cell<SimTime>,
    cgroup: Cgroup,
    disk: Disk,
    pub(super) processors: Processors,
    /// Bytes of memory.
    pub(super) memory: Cell<u64>,
    pub(super) kernel_memory: Cell<u64>,
    /// Hears of processes that are killed for memory.
    pub(super) oom_listener: RefCell<Option<OomListener>>,
    random: Rc<RefCell<Rng>>,
    next_pipe: Cell<u64>,
    /// Host pid of the process that is on the CPU; 0: none.
    current: Cell<Pid>,
}

impl Machine {
    /// A machine with its own root namespaces: host network `net`, hostname, and root file system.
    /// Its process 1 is there from the start.
    pub fn new(
        sim: &Sim,
        network: &Network,
        programs: Rc<dyn ProgramTable>,
        hostname: &str,
        net: NetNs,
        root: Filesystem,
    ) -> Machine {
        let namespaces = Namespaces {
            net,
            uts: UtsNs::new(hostname),
            ipc: IpcNs::default(),
            pid: PidNs::root(),
            mnt: MountNs::new(root, false),
        };
        let machine = Machine(Rc::new(MachineInner {
            sim: sim.clone(),
            network: network.clone(),
            programs,
            namespaces,
            booted: Cell::new(sim.now()),
            cgroup: Cgroup::root(),
            disk: Disk::new(DISK),
            processors: Processors::default(),
            memory: Cell::new(MEMORY),
            kernel_memory: Cell::default(),
            oom_listener: RefCell::default(),
            random: Rc::new(RefCell::new(sim.rng(&format!("urandom {hostname}")))),
            next_pipe: Cell::new(1),
            current: Cell::new(0),
        }));
        machine.set_capacity(2.0, MEMORY);
        machine.start_init();
        machine
    }

    /// The machine's own init: reaps orphans, ends at power-off.
    fn start_init(&self) {
        let options = SpawnOptions {
            argv: vec!["/sbin/init".to_owned()],
            env: BTreeMap::new(),
            cwd: "/".to_owned(),
            uid: 0,
            gid: 0,
            namespaces: self.namespaces().clone(),
            stdin: super::File::null(),
            stdout: super::File::null(),
            stderr: super::File::null(),
            tty: None,
            cgroup: self.cgroup().child("init.scope"),
            oom_score_adj: 0,
        };
        let init = self.create(options, "init".into(), None, Footprint::default());
        init.set_disposition(Signal::CHLD, Disposition::Ignore);
        init.start(Box::pin(pending()));
    }

    pub fn sim(&self) -> &Sim {
        &self.0.sim
    }

    /// The root of the machine's control groups.
    pub fn cgroup(&self) -> &Cgroup {
        &self.0.cgroup
    }

    /// The machine's disk; what lies on it says so ([`Filesystem::lie_on`]).
    pub fn disk(&self) -> &Disk {
        &self.0.disk
    }

    pub(super) fn inner(&self) -> &MachineInner {
        &self.0
    }

    pub fn network(&self) -> &Network {
        &self.0.network
    }

    /// The root namespaces (hostNetwork, hostPID, hostIPC pods live in these).
    pub fn namespaces(&self) -> &Namespaces {
        &self.0.namespaces
    }

    pub(in crate::os) fn programs(&self) -> &Rc<dyn ProgramTable> {
        &self.0.programs
    }

    pub fn booted(&self) -> SimTime {
        self.0.booted.get()
    }

    pub(in crate::os) fn random(&self) -> Rc<RefCell<Rng>> {
        self.0.random.clone()
    }

    pub(in crate::os) fn next_pipe(&self) -> u64 {
        let id = self.0.next_pipe.get();
        self.0.next_pipe.set(id + 1);
        id
    }

    /// Puts a process on the CPU; returns who was there.
    pub(super) fn set_current(&self, pid: Pid) -> Pid {
        self.0.current.replace(pid)
    }

    pub(in crate::os) fn current(&self) -> Pid {
        self.0.current.get()
    }

    pub(in crate::os) fn downgrade(&self) -> Weak<MachineInner> {
        Rc::downgrade(&self.0)
    }

    pub(in crate::os) fn from_inner(inner: Rc<MachineInner>) -> Machine {
        Machine(inner)
    }

    /// Starts a program. Errors as execve(2) gives them: ENOENT (not in PATH, or no such file),
    /// EACCES (not executable, or a directory), ENOTDIR, ENOEXEC; ENOMEM if the init of the pid
    /// namespace has ended.
    pub fn spawn(&self, options: SpawnOptions) -> Result<Proc, Errno> {
        if !options.namespaces.pid.is_alive() {
            return Err(Errno::ENOMEM);
        }
        let cred = Cred { uid: options.uid, gid: options.gid, ..Cred::root() };
        let Executable { program, argv, comm, path, footprint } =
            exec::resolve(self, &options.namespaces.mnt, &cred, None, &options.cwd, &options.argv, &options.env)?;
        let mut options = options;
        options.argv = argv;
        let proc = self.create(options, comm, Some(path), footprint);
        proc.start(program(Proc(proc.clone())));
        Ok(Proc(proc))
    }

    /// Starts `main` as a process without an executable (the runtime's pause, the shell of the lab).
    pub fn spawn_fn<F: Future<Output = i32> + 'static>(
        &self,
        options: SpawnOptions,
        main: impl FnOnce(Proc) -> F + 'static,
    ) -> Proc {
        let comm = exec::comm(options.argv.first().map_or("", String::as_str));
        let proc = self.create(options, comm, None, Footprint::default());
        let main: LocalBoxFuture<'static, i32> = Box::pin(main(Proc(proc.clone())));
        proc.start(main);
        Proc(proc)
    }

    fn create(
        &self,
        options: SpawnOptions,
        comm: Rc<str>,
        exe: Option<Rc<str>>,
        footprint: Footprint,
    ) -> Rc<ProcInner> {
        options.namespaces.mnt.set_kernel(self);
        let exe = exe.unwrap_or_else(|| options.argv.first().map_or("", String::as_str).into());
        let pids = allocate_pids(&options.namespaces.pid);
        if let Some(tty) = &options.tty {
            tty.attach(self);
            options.namespaces.mnt.add_terminal(tty, options.uid);
            tty.set_foreground(Some(pids[0]));
        }
        let fds = [(0, options.stdin), (1, options.stdout), (2, options.stderr)];
        ProcInner::new(Parentage {
            machine: self.clone(),
            namespaces: options.namespaces,
            parent: Weak::new(),
            group: pids.clone(),
            session: pids.clone(),
            pids,
            cred: Cred { uid: options.uid, gid: options.gid, ..Cred::root() },
            argv: options.argv.into(),
            comm,
            exe,
            env: Environ::new(&options.env),
            cwd: super::super::fs::clean_path(&options.cwd).into(),
            umask: 0o022,
            fds: fds.into_iter().filter(|(_, file)| file.is_open()).collect(),
            tty: options.tty,
            cgroup: options.cgroup,
            oom_score_adj: options.oom_score_adj,
            footprint,
            ignored: Default::default(),
        })
    }

    /// Waits until a process started by `spawn` has ended; may be called after its end.
    pub fn wait(&self, proc: &Proc) -> impl Future<Output = ExitStatus> + 'static {
        let proc = proc.0.clone();
        poll_fn(move |cx| match proc.status.get() {
            Some(status) => Poll::Ready(status),
            None => {
                proc.ended.register(cx);
                Poll::Pending
            }
        })
    }

    /// Sends a signal from outside: init processes get it too if they handle it, or if it is KILL.
    pub fn kill(&self, proc: &Proc, signal: Signal) {
        proc.0.deliver(signal, Sender::Host);
    }

    /// Kills every process of a cgroup at once.
    pub fn kill_cgroup(&self, cgroup: &Cgroup) {
        for pid in cgroup.pids() {
            if let Some(proc) = self.namespaces().pid.member(pid) {
                proc.exit(ExitStatus::Signaled(Signal::KILL));
            }
        }
    }

    /// Power cut: every process ends at once, and every network of the machine leaves the network.
    pub fn power_off(&self) {
        let members = self.namespaces().pid.members();
        self.namespaces().net.disconnect();
        for member in &members {
            member.namespaces.net.disconnect();
        }
        for member in members {
            member.exit(ExitStatus::Signaled(Signal::KILL));
        }
    }

    /// Boots a machine that was powered off: an empty process table, the host's network back.
    pub fn power_on(&self) {
        let root = &self.namespaces().pid;
        if root.is_alive() {
            return;
        }
        root.0.dead.set(false);
        root.0.next.set(1);
        self.0.booted.set(self.sim().now());
        self.namespaces().net.reconnect();
        self.start_init();
    }

    /// Every process, by host pid.
    pub fn processes(&self) -> Vec<ProcInfo> {
        self.processes_seen_from(&self.namespaces().pid)
    }

    /// The processes of a cgroup, by host pid.
    pub fn processes_in(&self, cgroup: &Cgroup) -> Vec<ProcInfo> {
        let root = &self.namespaces().pid;
        cgroup.pids().into_iter().filter_map(|pid| Some(root.member(pid)?.info(root))).collect()
    }

    /// The processes seen from `ns`, with their pids there.
    pub fn processes_seen_from(&self, ns: &PidNs) -> Vec<ProcInfo> {
        ns.members().iter().map(|p| p.info(ns)).collect()
    }

    /// A process by its host pid.
    pub fn process(&self, host_pid: Pid) -> Option<Proc> {
        self.namespaces().pid.member(host_pid).map(Proc)
    }
}
