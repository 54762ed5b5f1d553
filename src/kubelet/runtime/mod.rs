//! The container runtime of a node: sandboxes and containers made of processes and namespaces.
//!
//! Invariants:
//! - A sandbox owns the namespaces that its containers share; its pause process keeps them.
//! - When a container's first process ends, all of its processes end, and its files are dropped; its
//!   record and log stay.

pub mod ipam;
pub mod log;
pub mod user;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use self::log::Log;
use super::{
    cgroups::Limits,
    status::{Record, RecordState, SandboxRecord},
};
use crate::{
    os::{
        Cgroup, Errno, ExitStatus, File, Filesystem, IpcNs, Machine, MountNs, Namespaces, NetNs, PidNs, Privileges,
        Proc, Signal, SpawnOptions, Stream, Tty, UtsNs, fs::Mount,
    },
    programs::servers::pause,
    registry::Image,
    sim::{Notify, Sim, SimTime},
};

/// What containerd sets when an image has no PATH.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Most of a termination message that is kept.
const MESSAGE_BYTES: usize = 4096;
/// What of the log becomes the message with `FallbackToLogsOnError`.
const FALLBACK_BYTES: usize = 2048;
const FALLBACK_LINES: usize = 80;

/// How a sandbox is wanted.
pub struct SandboxOptions {
    pub id: Rc<str>,
    pub attempt: u32,
    /// `default/web`, for the picture and the network's events.
    pub name: String,
    pub hostname: String,
    pub host_network: bool,
    pub host_pid: bool,
    pub host_ipc: bool,
    pub share_pids: bool,
    /// Ports of the host that lead to the pod's: address and port, whether UDP, the pod's port.
    pub host_ports: Vec<(SocketAddr, bool, u16)>,
    /// The pod's.
    pub cgroup: Cgroup,
    pub oom_score_adj: i32,
}

/// A pod's sandbox.
pub struct Sandbox {
    pub id: Rc<str>,
    pub attempt: u32,
    pub net: NetNs,
    pub uts: UtsNs,
    pub ipc: IpcNs,
    /// Shared by all containers, if the pod wants that.
    pub shared_pids: Option<PidNs>,
    host_pid: bool,
    pub address: Option<Ipv4Addr>,
    host_ports: Vec<(SocketAddr, bool, u16)>,
    pub up: Cell<bool>,
    /// The pod's, and below it that of the pause process.
    pub pod_cgroup: Cgroup,
    cgroup: Cgroup,
}

impl Sandbox {
    /// Makes a sandbox on `machine`; `address` is its pod IP with the prefix, unless it lives on the
    /// host's network. `ended` is called when its pause process has ended, whyever.
    pub fn create(
        machine: &Machine,
        pause_root: &MountNs,
        options: SandboxOptions,
        address: Option<(Ipv4Addr, u8, Ipv4Addr)>,
        ended: impl FnOnce() + 'static,
    ) -> Result<Rc<Sandbox>, Errno> {
        let host = machine.namespaces();
        let net = match address {
            None => host.net.clone(),
            Some((ip, prefix, gateway)) => {
                let net = machine.network().namespace(&options.name);
                net.add_interface("eth0", IpAddr::V4(ip), prefix, Some(IpAddr::V4(gateway)))?;
                net.set_unprivileged_port_start(0);
                net
            }
        };
        let uts = if options.host_network { host.uts.clone() } else { UtsNs::new(options.hostname.as_str()) };
        let ipc = if options.host_ipc { host.ipc.clone() } else { IpcNs::default() };
        let pid = if options.host_pid { host.pid.clone() } else { PidNs::child_of(&host.pid) };
        let sandbox = Rc::new(Sandbox {
            cgroup: options.cgroup.child(options.id.clone()),
            pod_cgroup: options.cgroup,
            id: options.id,
            attempt: options.attempt,
            net: net.clone(),
            uts: uts.clone(),
            ipc: ipc.clone(),
            shared_pids: options.share_pids.then(|| pid.clone()),
            host_pid: options.host_pid,
            address: address.map(|(ip, ..)| ip),
            host_ports: options.host_ports,
            up: Cell::new(true),
        });
        if let Some(own) = sandbox.address {
            for (port, udp, to) in &sandbox.host_ports {
                machine.network().forward(*port, *udp, Some(SocketAddr::new(own.into(), *to)));
            }
        }
        let null = File::null();
        let spawn = SpawnOptions {
            argv: vec!["/pause".into()],
            env: BTreeMap::from([("PATH".to_string(), PATH.to_string())]),
            cwd: "/".into(),
            uid: 65535,
            gid: 65535,
            namespaces: Namespaces { net, uts, ipc, pid, mnt: pause_root.clone() },
            stdin: null.clone(),
            stdout: null.clone(),
            stderr: null,
            tty: None,
            cgroup: sandbox.cgroup.clone(),
            oom_score_adj: options.oom_score_adj,
        };
        let guard = Ended(Some(Box::new({
            let sandbox = Rc::downgrade(&sandbox);
            move || {
                // Stopped on purpose: nothing to tell.
                if sandbox.upgrade().is_some_and(|sandbox| sandbox.up.replace(false)) {
                    ended();
                }
            }
        })));
        machine.spawn_fn(spawn, move |proc| async move {
            let _guard = guard;
            pause::main(proc).await
        });
        Ok(sandbox)
    }

    /// Ends the pause process and leaves the network.
    pub fn stop(&self, machine: &Machine) {
        self.up.set(false);
        machine.kill_cgroup(&self.cgroup);
        for (port, udp, _) in &self.host_ports {
            machine.network().forward(*port, *udp, None);
        }
        if self.address.is_some() {
            self.net.remove_interface("eth0");
        }
    }

    /// The namespaces of a container with this root.
    fn namespaces(&self, machine: &Machine, mnt: MountNs, target: Option<PidNs>) -> Namespaces {
        let host = &machine.namespaces().pid;
        let pid = match &self.shared_pids {
            Some(shared) => shared.clone(),
            None if self.host_pid => host.clone(),
            None => target.unwrap_or_else(|| PidNs::child_of(host)),
        };
        Namespaces { net: self.net.clone(), uts: self.uts.clone(), ipc: self.ipc.clone(), pid, mnt }
    }

    pub fn record(&self) -> SandboxRecord {
        SandboxRecord {
            id: self.id.clone(),
            ready: self.up.get(),
            ips: self.address.iter().map(ToString::to_string).collect(),
            attempt: self.attempt,
        }
    }
}

/// Where something is mounted in the root itself, not within another mount.
fn in_root(mounts: &[Mount]) -> Vec<&str> {
    let within = |target: &str| {
        let of = |mount: &Mount| target.strip_prefix(&*mount.target).is_some_and(|rest| rest.starts_with('/'));
        mounts.iter().any(of)
    };
    mounts.iter().map(|mount| &*mount.target).filter(|target| !within(target)).collect()
}

/// Calls its function when it is dropped: when the process that owns it has ended.
struct Ended(Option<Box<dyn FnOnce()>>);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(ended) = self.0.take() {
            ended();
        }
    }
}

/// How a container is wanted.
pub struct ContainerOptions {
    /// 64 hexadecimal digits.
    pub id: Rc<str>,
    pub name: String,
    pub image: Rc<Image>,
    pub hash: u64,
    pub restart_count: i32,
    pub argv: Vec<String>,
    /// Without what the runtime adds.
    pub env: BTreeMap<String, String>,
    pub cwd: String,
    pub user: user::User,
    pub privileges: Privileges,
    pub read_only_root: bool,
    pub mounts: Vec<Mount>,
    pub stdin: bool,
    pub tty: bool,
    pub message_path: String,
    pub fallback_to_logs: bool,
    /// The processes of another container that this one joins, unless the pod's containers share theirs anyway.
    pub target: Option<PidNs>,
    pub limits: Limits,
    pub oom_score_adj: i32,
}

/// A container: one instance.
pub struct Container {
    pub id: Rc<str>,
    pub name: String,
    pub image: Rc<Image>,
    pub hash: u64,
    pub restart_count: i32,
    /// Which of the pod's sandboxes it is in.
    pub attempt: u32,
    pub created_at: SimTime,
    pub log: Log,
    pub user: user::User,
    pub privileges: Privileges,
    pub cwd: String,
    pub cgroup: Cgroup,
    pub oom_score_adj: i32,
    message_path: String,
    fallback_to_logs: bool,
    state: RefCell<State>,
    changed: Notify,
    /// Where attached input goes: a pipe, or the terminal.
    stdin: RefCell<Option<File>>,
    pub tty: Option<Tty>,
}

enum State {
    Created(Box<SpawnOptions>),
    Running { proc: Proc, started: SimTime },
    Exited(End),
}

#[derive(Clone, Debug)]
struct End {
    started: Option<SimTime>,
    finished: SimTime,
    code: i32,
    reason: &'static str,
    message: String,
}

impl Container {
    /// Makes the container's root and namespaces. The error is the runtime's text.
    pub fn create(machine: &Machine, sandbox: &Sandbox, options: ContainerOptions) -> Result<Rc<Container>, String> {
        let sim = machine.sim();
        let mut mounts = options.mounts;
        mounts.sort_by_key(|mount| mount.target.bytes().filter(|byte| *byte == b'/').count());
        let root = Filesystem::new("overlay", options.image.fs_with(&in_root(&mounts)));
        root.lie_on(machine.disk());
        let mnt = MountNs::new(root, options.read_only_root);
        mnt.reserve(mounts.len());
        for mount in mounts {
            let (target, source) = (mount.target.clone(), mount.source.clone());
            mnt.mount(mount).map_err(|errno| mount_error(&source, &target, errno))?;
        }
        let cwd = options.cwd;
        if cwd != "/" {
            // runc makes a missing working directory; where it can't, starting fails below.
            let _exists = mnt.mkdir_all(&cwd, 0o755);
        }
        let mut env = options.env;
        let mut default = |key: &str, value: &str| {
            env.entry(key.to_string()).or_insert_with(|| value.to_string());
        };
        default("PATH", PATH);
        default("HOSTNAME", &sandbox.uts.hostname());
        default("HOME", &options.user.home);
        if options.tty {
            default("TERM", "xterm");
        }
        let log = Log::new(sim);
        let (stdin, stdin_writer) = if options.tty || !options.stdin {
            (File::null(), None)
        } else {
            let (reader, writer) = crate::os::file::pipe();
            (reader, Some(writer))
        };
        let sink = |stream| {
            let log = log.clone();
            File::sink(move |data| log.write(stream, data))
        };
        let tty = options.tty.then(|| {
            let log = log.clone();
            Tty::new("pts/0", move |data| log.write(Stream::Stdout, data))
        });
        let (stdin, stdout, stderr) = match &tty {
            Some(tty) => (tty.file(), tty.file(), tty.file()),
            None => (stdin, sink(Stream::Stdout), sink(Stream::Stderr)),
        };
        let cgroup = sandbox.pod_cgroup.child(options.id.clone());
        cgroup.begin_namespace();
        cgroup.set_oom_group(true);
        options.limits.apply(machine, &cgroup);
        let spawn = SpawnOptions {
            argv: options.argv,
            env,
            cwd: cwd.clone(),
            uid: options.user.uid,
            gid: options.user.gid,
            namespaces: sandbox.namespaces(machine, mnt, options.target),
            stdin,
            stdout,
            stderr,
            tty: tty.clone(),
            cgroup: cgroup.clone(),
            oom_score_adj: options.oom_score_adj,
        };
        Ok(Rc::new(Container {
            id: options.id,
            name: options.name,
            image: options.image,
            hash: options.hash,
            restart_count: options.restart_count,
            attempt: sandbox.record().attempt,
            created_at: sim.now(),
            log,
            user: options.user,
            privileges: options.privileges,
            cwd,
            cgroup,
            oom_score_adj: options.oom_score_adj,
            message_path: options.message_path,
            fallback_to_logs: options.fallback_to_logs,
            state: RefCell::new(State::Created(Box::new(spawn))),
            changed: Notify::new(),
            stdin: RefCell::new(stdin_writer),
            tty,
        }))
    }

    /// Starts the first process; `ended` is called when it has ended. The error is the runtime's
    /// text, and the container then counts as ended with code 128.
    pub fn start(self: &Rc<Self>, machine: &Machine, ended: impl FnOnce() + 'static) -> Result<(), String> {
        let sim = machine.sim();
        let gone = State::Exited(End {
            started: None,
            finished: sim.now(),
            code: 128,
            reason: "StartError",
            message: String::new(),
        });
        let State::Created(spawn) = self.state.replace(gone) else { return Ok(()) };
        let command = spawn.argv.first().cloned().unwrap_or_default();
        match machine.spawn(*spawn) {
            Ok(proc) => {
                proc.set_groups(&self.user.groups);
                proc.set_privileges(self.privileges);
                *self.state.borrow_mut() = State::Running { proc: proc.clone(), started: sim.now() };
                let (me, machine) = (self.clone(), machine.clone());
                sim.spawn(async move {
                    let status = machine.wait(&proc).await;
                    me.end(&machine, &proc, status);
                    ended();
                });
                Ok(())
            }
            Err(errno) => {
                let text = start_error(&command, errno);
                if let State::Exited(end) = &mut *self.state.borrow_mut() {
                    end.message.clone_from(&text);
                }
                self.log.close();
                self.changed.notify();
                Err(text)
            }
        }
    }

    /// The node has lost its power: nobody saw how the container ended. containerd finds that out
    /// when it is up again, at `found`.
    pub fn lost(&self, found: SimTime) {
        let started = self.started_at();
        let unknown = End { started, finished: found, code: 255, reason: "Unknown", message: String::new() };
        let found_running = self.is_running();
        let mut state = self.state.borrow_mut();
        match &mut *state {
            State::Exited(end) if end.reason == "Unknown" => end.finished = found,
            State::Exited(_) => {}
            State::Created(_) | State::Running { .. } => {
                let old = std::mem::replace(&mut *state, State::Exited(unknown));
                drop(state);
                drop(old);
            }
        }
        if found_running {
            self.stdin.take();
            self.log.close();
        }
    }

    fn end(&self, machine: &Machine, proc: &Proc, status: ExitStatus) {
        if !self.is_running() {
            return;
        }
        machine.kill_cgroup(&self.cgroup);
        let code = status.code();
        self.log.close();
        let message = self.termination_message(proc, code);
        let started = self.started_at();
        let finished = machine.sim().now();
        let reason = match code {
            // containerd hears of any process of the container that was killed for memory.
            _ if self.cgroup.memory_events().oom_kill > 0 => "OOMKilled",
            0 => "Completed",
            _ => "Error",
        };
        let old = self.state.replace(State::Exited(End { started, finished, code, reason, message }));
        self.stdin.take();
        drop(old);
        self.changed.notify();
    }

    /// What the container left at its terminationMessagePath, or the end of its log.
    fn termination_message(&self, proc: &Proc, code: i32) -> String {
        let read = || {
            let mounts = proc.namespaces().mnt.mounts();
            let mount = mounts.iter().rev().find(|mount| mount.target == self.message_path)?;
            mount.fs.read(&mount.source).ok()
        };
        let mut text = read().unwrap_or_default();
        text.truncate(MESSAGE_BYTES);
        if text.is_empty() && self.fallback_to_logs && code != 0 {
            let lines = self.log.since(0);
            let tail = &lines[lines.len().saturating_sub(FALLBACK_LINES)..];
            text = tail.iter().flat_map(|line| line.data.iter().copied()).collect();
            text.drain(..text.len().saturating_sub(FALLBACK_BYTES));
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    fn started_at(&self) -> Option<SimTime> {
        match &*self.state.borrow() {
            State::Created(_) => None,
            State::Running { started, .. } => Some(*started),
            State::Exited(end) => end.started,
        }
    }

    /// When it was started.
    pub fn started(&self) -> Option<SimTime> {
        self.started_at()
    }

    /// The first process, while it runs.
    pub fn proc(&self) -> Option<Proc> {
        match &*self.state.borrow() {
            State::Running { proc, .. } => Some(proc.clone()),
            _ => None,
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(&*self.state.borrow(), State::Running { .. })
    }

    /// The processes that its own see, while it runs.
    pub fn processes(&self) -> Option<PidNs> {
        match &*self.state.borrow() {
            State::Running { proc, .. } => Some(proc.namespaces().pid.clone()),
            _ => None,
        }
    }

    pub fn exit_code(&self) -> Option<i32> {
        match &*self.state.borrow() {
            State::Exited(end) => Some(end.code),
            _ => None,
        }
    }

    pub fn finished_at(&self) -> Option<SimTime> {
        match &*self.state.borrow() {
            State::Exited(end) => Some(end.finished),
            _ => None,
        }
    }

    /// Asks the container to end, and makes it after `grace`.
    pub async fn stop(&self, machine: &Machine, grace: Duration) {
        let Some(proc) = self.proc() else { return };
        let signal = self.image.config.stop_signal.unwrap_or(Signal::TERM);
        machine.kill(&proc, signal);
        if machine.sim().timeout(grace, self.ended()).await.is_some() {
            return;
        }
        machine.kill_cgroup(&self.cgroup);
        self.ended().await;
    }

    /// Waits until the container has ended.
    pub async fn ended(&self) {
        loop {
            let changed = self.changed.notified();
            if !self.is_running() {
                return;
            }
            changed.await;
        }
    }

    /// The descriptor that feeds the container's stdin.
    pub fn stdin(&self) -> Option<File> {
        self.stdin.borrow().clone()
    }

    /// stdinOnce: the input ends with the first attached session.
    pub fn close_stdin(&self) {
        self.stdin.take();
    }

    pub fn record(&self, sim: &Sim) -> Record {
        let wall = |at: SimTime| sim.wall_at(at);
        let mut record = Record {
            id: format!("containerd://{}", self.id),
            name: self.name.clone(),
            image: self.image.reference.clone(),
            image_id: self.image.image_id(),
            created_at: wall(self.created_at),
            restart_count: self.restart_count,
            hash: self.hash,
            user: Some((
                i64::from(self.user.uid),
                i64::from(self.user.gid),
                self.user.groups.iter().map(|g| i64::from(*g)).collect(),
            )),
            ..Record::default()
        };
        match &*self.state.borrow() {
            State::Created(_) => {}
            State::Running { started, .. } => {
                record.state = RecordState::Running;
                record.started_at = Some(wall(*started));
            }
            State::Exited(end) => {
                record.state = RecordState::Exited;
                // What never ran began, to the runtime, at the beginning of time.
                record.started_at = Some(end.started.map_or(jiff::Timestamp::UNIX_EPOCH, wall));
                record.finished_at = Some(wall(end.finished));
                record.exit_code = end.code;
                record.reason = end.reason.into();
                record.message.clone_from(&end.message);
            }
        }
        record
    }
}

fn mount_error(source: &str, target: &str, errno: Errno) -> String {
    format!(
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: \
         unable to start container process: error during container init: error mounting \"{source}\" to rootfs at \
         \"{target}\": {}",
        go_errno(errno)
    )
}

/// Why a container's first process could not be executed, in runc's words.
fn start_error(command: &str, errno: Errno) -> String {
    format!(
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: \
         unable to start container process: error during container init: {}",
        exec_error(command, errno)
    )
}

/// `exec: "foo": executable file not found in $PATH`.
pub fn exec_error(command: &str, errno: Errno) -> String {
    let path = command.contains('/');
    match errno {
        Errno::ENOENT if !path => format!("exec: \"{command}\": executable file not found in $PATH"),
        Errno::ENOENT => format!("exec: \"{command}\": stat {command}: no such file or directory"),
        Errno::EISDIR => format!("exec: \"{command}\": is a directory"),
        Errno::EACCES => format!("exec: \"{command}\": permission denied"),
        Errno::ENOEXEC => format!("exec {command}: exec format error"),
        other => format!("exec: \"{command}\": {}", go_errno(other)),
    }
}

/// Go words errno texts in small letters.
fn go_errno(errno: Errno) -> String {
    errno.text().to_lowercase()
}
