//! A process as its program sees it.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeMap,
    fmt,
    future::{Future, pending, poll_fn},
    rc::{Rc, Weak},
    task::Poll,
    time::Duration,
};

use futures_util::future::LocalBoxFuture;

use super::{
    ChildEvent, Disposition, ExitStatus, Footprint, Group, Machine, Pid, Pids, ProcInfo, ProcInner, SignalSet, Thread,
    environ::Environ,
    exec::{self, Executable},
    life::{Sender, allocate_pids},
};
use crate::{
    os::{
        Capabilities, Capability, Cgroup, Errno, File, Namespaces, NetNs, Privileges, Signal, Tty,
        file::call_cost,
        fs::{Cred, FileType, clean_path},
    },
    sim::{Sim, VecMap},
};

/// A process as its program sees it. Cheap to clone.
#[derive(Clone)]
pub struct Proc(pub(in crate::os) Rc<ProcInner>);

/// Simulated CPU time that a process may use before it must pay with virtual time.
const MAX_DEBT: Duration = Duration::from_millis(10);

/// Processes that a cgroup may have (pids.max): a fork bomb fills its container, not the tab.
const PIDS_MAX: usize = 4096;

/// All that a new process starts with.
pub(super) struct Parentage {
    pub(super) machine: Machine,
    pub(super) namespaces: Namespaces,
    pub(super) parent: Weak<ProcInner>,
    pub(super) pids: Pids,
    pub(super) group: Pids,
    pub(super) session: Pids,
    pub(super) cred: Cred,
    pub(super) argv: Rc<[String]>,
    pub(super) comm: Rc<str>,
    pub(super) exe: Rc<str>,
    pub(super) env: Environ,
    pub(super) cwd: Rc<str>,
    pub(super) umask: u32,
    pub(super) fds: VecMap<i32, File>,
    pub(super) tty: Option<Tty>,
    pub(super) cgroup: Cgroup,
    pub(super) oom_score_adj: i32,
    pub(super) footprint: Footprint,
    pub(super) ignored: SignalSet,
}

/// What a process runs, and what it takes of memory.
struct Runs {
    argv: Rc<[String]>,
    comm: Rc<str>,
    exe: Rc<str>,
    env: Environ,
    footprint: Footprint,
}

impl ProcInner {
    /// A process in the tables that doesn't run yet.
    pub(super) fn new(from: Parentage) -> Rc<ProcInner> {
        let proc = Rc::new(ProcInner {
            started: from.machine.sim().now(),
            machine: from.machine,
            namespaces: from.namespaces,
            host_pid: from.pids[0],
            pids: from.pids,
            parent: RefCell::new(from.parent),
            children: RefCell::default(),
            group: RefCell::new(from.group),
            session: RefCell::new(from.session),
            cred: RefCell::new(from.cred),
            argv: RefCell::new(from.argv),
            comm: RefCell::new(from.comm),
            exe: RefCell::new(from.exe),
            env: RefCell::new(from.env),
            cwd: RefCell::new(from.cwd),
            umask: Cell::new(from.umask),
            fds: RefCell::new(from.fds),
            tty: RefCell::new(from.tty),
            cgroup: from.cgroup,
            oom_score_adj: Cell::new(from.oom_score_adj),
            footprint: Cell::new(Footprint::NONE),
            ignored: Cell::new(from.ignored),
            caught: Cell::default(),
            signalled: Default::default(),
            status: Cell::default(),
            stopped: Cell::default(),
            stop_news: Cell::default(),
            ended: Default::default(),
            task: RefCell::default(),
            main_waker: RefCell::default(),
            cpu: Cell::default(),
            debt: Cell::default(),
            rare: OnceCell::new(),
        });
        proc.register();
        proc.take_up(from.footprint);
        proc
    }
}

impl Proc {
    pub fn sim(&self) -> &Sim {
        self.0.machine.sim()
    }

    pub fn machine(&self) -> &Machine {
        &self.0.machine
    }

    pub fn namespaces(&self) -> &Namespaces {
        &self.0.namespaces
    }

    pub fn net(&self) -> &NetNs {
        &self.0.namespaces.net
    }

    // Identity

    pub fn pid(&self) -> Pid {
        self.0.pid_in(self.0.pid_ns())
    }

    /// Its pid in the namespace of `other`; 0 if it isn't there.
    pub(in crate::os) fn pid_seen_by(&self, other: &Proc) -> Pid {
        self.0.pid_in(other.0.pid_ns())
    }

    /// 0 if the parent isn't in this pid namespace.
    pub fn ppid(&self) -> Pid {
        self.0.ppid_in(self.0.pid_ns())
    }

    pub fn host_pid(&self) -> Pid {
        self.0.host_pid()
    }

    pub fn argv(&self) -> Rc<[String]> {
        self.0.argv.borrow().clone()
    }

    /// The short name, as `ps -o comm` shows it.
    pub fn comm(&self) -> Rc<str> {
        self.0.comm.borrow().clone()
    }

    /// The path of the program's file.
    pub fn exe(&self) -> Rc<str> {
        self.0.exe.borrow().clone()
    }

    /// Replaces what `ps` shows as the command line (`nginx: worker process`).
    pub fn set_title(&self, title: &str) {
        *self.0.rare().title.borrow_mut() = Some(title.into());
    }

    pub fn uid(&self) -> u32 {
        self.0.cred.borrow().uid
    }

    pub fn gid(&self) -> u32 {
        self.0.cred.borrow().gid
    }

    /// Supplementary groups.
    pub fn groups(&self) -> Rc<[u32]> {
        self.0.cred.borrow().groups.clone()
    }

    /// Sets the supplementary groups (setgroups(2)); children inherit them.
    pub fn set_groups(&self, groups: &[u32]) {
        self.0.cred.borrow_mut().groups = groups.into();
    }

    /// What bounds it and its children.
    pub fn privileges(&self) -> Privileges {
        self.0.cred.borrow().privileges
    }

    pub fn set_privileges(&self, privileges: Privileges) {
        self.0.cred.borrow_mut().privileges = privileges;
    }

    /// Its capabilities that are at work.
    pub fn capabilities(&self) -> Capabilities {
        self.0.cred.borrow().effective()
    }

    /// setuid and setgid; EPERM without the capability.
    pub fn set_ids(&self, uid: u32, gid: u32) -> Result<(), Errno> {
        let mut cred = self.0.cred.borrow_mut();
        if !cred.can(Capability::SETUID) && (cred.uid, cred.gid) != (uid, gid) {
            return Err(Errno::EPERM);
        }
        cred.uid = uid;
        cred.gid = gid;
        Ok(())
    }

    pub fn cgroup(&self) -> &Cgroup {
        &self.0.cgroup
    }

    pub fn hostname(&self) -> String {
        self.0.namespaces.uts.hostname()
    }

    pub fn env(&self, key: &str) -> Option<String> {
        self.0.env.borrow().get(key)
    }

    pub fn environ(&self) -> BTreeMap<String, String> {
        self.0.env.borrow().variables()
    }

    pub fn set_env(&self, key: &str, value: Option<&str>) {
        let mut env = self.environ();
        match value {
            Some(value) => env.insert(key.to_owned(), value.to_owned()),
            None => env.remove(key),
        };
        *self.0.env.borrow_mut() = Environ::new(&env);
    }

    pub fn cwd(&self) -> String {
        self.0.cwd.borrow().to_string()
    }

    pub fn chdir(&self, path: &str) -> Result<(), Errno> {
        if self.stat(path)?.file_type != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        self.access(path, 1)?;
        let path = self.real_path(path)?;
        *self.0.cwd.borrow_mut() = path.into();
        Ok(())
    }

    /// `path` made absolute against the working directory and normalised (`.` and `..` by text).
    pub fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { clean_path(path) } else { clean_path(&format!("{}/{path}", self.0.cwd.borrow())) }
    }

    // Descriptors

    pub fn fd(&self, n: i32) -> Option<File> {
        self.0.fds.borrow().get(&n).cloned().map(|file| file.held_by(&self.0))
    }

    /// dup2 / close.
    pub fn set_fd(&self, n: i32, file: Option<File>) {
        if self.0.is_dead() {
            return;
        }
        let mut fds = self.0.fds.borrow_mut();
        let before = match file.filter(File::is_open) {
            Some(file) => fds.insert(n, file.let_go()),
            None => fds.remove(&n),
        };
        drop(fds);
        // Closing may wake somebody.
        drop(before);
    }

    pub fn fds(&self) -> Vec<(i32, File)> {
        self.0.fds.borrow().iter().map(|(n, file)| (*n, file.clone())).collect()
    }

    /// Descriptor 0, 1, 2; a closed one gives EBADF on use.
    pub fn stdin(&self) -> File {
        self.fd(0).unwrap_or_else(File::closed)
    }

    pub fn stdout(&self) -> File {
        self.fd(1).unwrap_or_else(File::closed)
    }

    pub fn stderr(&self) -> File {
        self.fd(2).unwrap_or_else(File::closed)
    }

    /// write(2) of all of `data`. EPIPE also raises SIGPIPE, which normally ends the process here.
    pub async fn write(&self, file: &File, data: &[u8]) -> Result<(), Errno> {
        self.pay().await;
        let result = file.write_all(data).await;
        self.owe(call_cost(data.len()));
        if result == Err(Errno::EPIPE) {
            self.0.deliver(Signal::PIPE, Sender::Kernel);
            self.go_on().await;
        }
        result
    }

    /// Writes all of `text` to stdout. EPIPE also raises SIGPIPE, which normally ends the process here.
    pub async fn print(&self, text: &str) -> Result<(), Errno> {
        self.write(&self.stdout(), text.as_bytes()).await
    }

    pub async fn eprint(&self, text: &str) -> Result<(), Errno> {
        self.write(&self.stderr(), text.as_bytes()).await
    }

    /// A pipe (read end, write end) with Linux' 64 KiB of room.
    pub fn pipe(&self) -> (File, File) {
        let (read, write) = crate::os::file::numbered_pipe(self.0.machine.next_pipe());
        (read.held_by(&self.0), write.held_by(&self.0))
    }

    /// The controlling terminal.
    pub fn tty(&self) -> Option<Tty> {
        self.0.tty.borrow().clone()
    }

    /// tcsetpgrp on the controlling terminal: the group by its pid in this namespace.
    pub fn set_foreground(&self, group: Pid) -> Result<(), Errno> {
        let tty = self.tty().ok_or(Errno::ENOTTY)?;
        let group = self.group_named(group).ok_or(Errno::ESRCH)?;
        tty.set_foreground(Some(group[0]));
        Ok(())
    }

    /// tcgetpgrp on the controlling terminal; 0 if the group isn't in this namespace.
    pub fn foreground(&self) -> Result<Pid, Errno> {
        let tty = self.tty().ok_or(Errno::ENOTTY)?;
        let Some(host) = tty.foreground() else { return Ok(0) };
        let ns = self.0.pid_ns();
        let leader = ns.members().into_iter().find(|p| p.group.borrow()[0] == host);
        Ok(leader.map_or(0, |p| p.pgid_in(ns)))
    }

    // Children

    fn group_named(&self, pid: Pid) -> Option<Pids> {
        let ns = self.0.pid_ns();
        let in_group = ns.members().into_iter().find(|p| p.pgid_in(ns) == pid);
        in_group.or_else(|| ns.member(pid)).map(|p| p.group.borrow().clone())
    }

    fn child(&self, runs: Runs, fds: Vec<(i32, File)>, group: Group) -> Rc<ProcInner> {
        let Runs { argv, comm, exe, env, footprint } = runs;
        let me = &self.0;
        let pids = allocate_pids(me.pid_ns());
        let group = match group {
            Group::New => pids.clone(),
            Group::Inherit => me.group.borrow().clone(),
            Group::Join(pid) => self.group_named(pid).unwrap_or_else(|| me.group.borrow().clone()),
        };
        let mut table = me.fds.borrow().clone();
        for (n, file) in fds {
            if file.is_open() {
                table.insert(n, file.let_go());
            } else {
                table.remove(&n);
            }
        }
        let child = ProcInner::new(Parentage {
            machine: me.machine.clone(),
            namespaces: me.namespaces.clone(),
            parent: Rc::downgrade(me),
            pids,
            group,
            session: me.session.borrow().clone(),
            cred: me.cred.borrow().clone(),
            argv,
            comm,
            exe,
            env,
            cwd: me.cwd.borrow().clone(),
            umask: me.umask.get(),
            fds: table,
            tty: me.tty.borrow().clone(),
            cgroup: me.cgroup.clone(),
            oom_score_adj: me.oom_score_adj.get(),
            footprint,
            ignored: me.ignored.get(),
        });
        me.children.borrow_mut().insert(child.host_pid(), child.clone());
        child
    }

    /// Sets a child going; one of a dead process dies with it.
    fn start(&self, child: &Rc<ProcInner>, main: LocalBoxFuture<'static, i32>) -> Pid {
        child.start(main);
        if self.0.is_dead() {
            self.0.children.borrow_mut().remove(&child.host_pid());
            *child.parent.borrow_mut() = Weak::new();
            child.exit(ExitStatus::Signaled(Signal::KILL));
        }
        child.pid_in(self.0.pid_ns())
    }

    fn resolve(&self, argv: &[String], env: &BTreeMap<String, String>) -> Result<Executable, Errno> {
        let cred = self.0.cred.borrow().clone();
        let cwd = self.0.cwd.borrow().clone();
        exec::resolve(&self.0.machine, &self.namespaces().mnt, &cred, Some(self), &cwd, argv, env)
    }

    /// EAGAIN if the cgroup has as many processes as it may.
    fn may_fork(&self) -> Result<(), Errno> {
        let many = self.0.cgroup.size() >= PIDS_MAX;
        if many { Err(Errno::EAGAIN) } else { Ok(()) }
    }

    /// fork + execve; EAGAIN beyond the cgroup's 4096 processes. The child gets copies of this process' descriptors (except as given in `fds`),
    /// environment (as given), working directory, namespaces, credentials and ignored signals.
    pub fn spawn(
        &self,
        argv: &[String],
        env: BTreeMap<String, String>,
        fds: Vec<(i32, File)>,
        group: Group,
    ) -> Result<Pid, Errno> {
        self.may_fork()?;
        let Executable { program, argv, comm, path, footprint } = self.resolve(argv, &env)?;
        let runs = Runs { argv: argv.into(), comm, exe: path, env: Environ::new(&env), footprint };
        let child = self.child(runs, fds, group);
        Ok(self.start(&child, program(Proc(child.clone()))))
    }

    /// fork: the child runs `main` (a subshell, a pipeline stage, a server's worker). 0 where
    /// [`Proc::try_fork`] fails.
    pub fn fork<F: Future<Output = i32> + 'static>(
        &self,
        fds: Vec<(i32, File)>,
        group: Group,
        main: impl FnOnce(Proc) -> F + 'static,
    ) -> Pid {
        self.try_fork(fds, group, main).unwrap_or(0)
    }

    /// fork; EAGAIN beyond the cgroup's 4096 processes.
    pub fn try_fork<F: Future<Output = i32> + 'static>(
        &self,
        fds: Vec<(i32, File)>,
        group: Group,
        main: impl FnOnce(Proc) -> F + 'static,
    ) -> Result<Pid, Errno> {
        self.may_fork()?;
        let footprint = self.0.footprint.get().forked();
        let env = self.0.env.borrow().clone();
        let runs = Runs { argv: self.argv(), comm: self.comm(), exe: self.exe(), env, footprint };
        let child = self.child(runs, fds, group);
        Ok(self.start(&child, Box::pin(main(Proc(child.clone())))))
    }

    /// Starts a further task of this process (a thread, a connection's handler). It ends with the
    /// process.
    pub fn thread(&self, main: impl Future<Output = ()> + 'static) {
        if self.0.is_dead() {
            return;
        }
        let task = self.sim().spawn(Thread { proc: self.0.clone(), main });
        let mut threads = self.0.rare().threads.borrow_mut();
        // Keeps the list as long as the threads that run, at little cost a start.
        if threads.len() == threads.capacity() {
            threads.retain(|t| !t.is_finished());
        }
        threads.push(task);
    }

    /// Replaces the program: resolves like `spawn`, then runs it in this same process. On success the
    /// caller is dropped at this await, with whatever it holds; else the error says why not.
    pub async fn exec(&self, argv: &[String], env: BTreeMap<String, String>) -> Result<i32, Errno> {
        self.go_on().await;
        let Executable { program, argv, comm, path, footprint } = self.resolve(argv, &env)?;
        let me = &self.0;
        me.release_memory();
        me.take_up(footprint);
        *me.argv.borrow_mut() = argv.into();
        *me.comm.borrow_mut() = comm;
        *me.exe.borrow_mut() = path;
        *me.env.borrow_mut() = Environ::new(&env);
        *me.rare().title.borrow_mut() = None;
        me.caught.set(SignalSet::default());
        me.rare().pending.borrow_mut().clear();
        for thread in me.rare().threads.take() {
            thread.abort();
        }
        *me.rare().replacement.borrow_mut() = Some(program(self.clone()));
        let waker = me.main_waker.borrow().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
        pending().await
    }

    /// exit(2): ends the process here.
    pub async fn exit(&self, code: i32) -> ! {
        self.0.exit(ExitStatus::Exited(code & 0xff));
        pending().await
    }

    /// Whether it has ended.
    pub fn status(&self) -> Option<ExitStatus> {
        self.0.status.get()
    }

    fn child_with(&self, pid: Pid) -> Option<Rc<ProcInner>> {
        let child = self.0.pid_ns().member(pid)?;
        self.0.children.borrow().get(&child.host_pid()).filter(|c| Rc::ptr_eq(c, &child)).cloned()
    }

    fn reap(&self, child: &ProcInner) {
        let gone = self.0.children.borrow_mut().remove(&child.host_pid());
        child.reap();
        drop(gone);
    }

    /// Waits for a child (and reaps it). ECHILD if it is none of ours.
    pub async fn wait(&self, pid: Pid) -> Result<ExitStatus, Errno> {
        poll_fn(|cx| match self.try_wait(pid) {
            Ok(Some(status)) => Poll::Ready(Ok(status)),
            Err(errno) => Poll::Ready(Err(errno)),
            Ok(None) => {
                self.0.rare().child_changed.register(cx);
                Poll::Pending
            }
        })
        .await
    }

    /// Waits until a child ends (and reaps it) or is stopped: waitpid with WUNTRACED.
    pub async fn wait_event(&self, pid: Pid) -> Result<ChildEvent, Errno> {
        poll_fn(|cx| {
            if let Some(child) = self.child_with(pid)
                && child.stop_news.take()
                && let Some(signal) = child.stopped.get()
            {
                return Poll::Ready(Ok(ChildEvent::Stopped(signal)));
            }
            match self.try_wait(pid) {
                Ok(Some(status)) => Poll::Ready(Ok(ChildEvent::Ended(status))),
                Err(errno) => Poll::Ready(Err(errno)),
                Ok(None) => {
                    self.0.rare().child_changed.register(cx);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Waits for any child. ECHILD if there is none.
    pub async fn wait_any(&self) -> Result<(Pid, ExitStatus), Errno> {
        poll_fn(|cx| match self.try_wait_any() {
            Ok(Some(ended)) => Poll::Ready(Ok(ended)),
            Err(errno) => Poll::Ready(Err(errno)),
            Ok(None) => {
                self.0.rare().child_changed.register(cx);
                Poll::Pending
            }
        })
        .await
    }

    /// A child that has ended, if there is one. ECHILD if there are no children.
    pub fn try_wait_any(&self) -> Result<Option<(Pid, ExitStatus)>, Errno> {
        let ended = {
            let children = self.0.children.borrow();
            if children.is_empty() {
                return Err(Errno::ECHILD);
            }
            children.values().find(|c| c.is_dead()).cloned()
        };
        let Some(child) = ended else { return Ok(None) };
        self.reap(&child);
        Ok(child.status.get().map(|status| (child.pid_in(self.0.pid_ns()), status)))
    }

    pub fn try_wait(&self, pid: Pid) -> Result<Option<ExitStatus>, Errno> {
        let child = self.child_with(pid).ok_or(Errno::ECHILD)?;
        let status = child.status.get();
        if status.is_some() {
            self.reap(&child);
        }
        Ok(status)
    }

    /// kill(2) in this pid namespace: pid > 0 one process, 0 our group, -1 all but us and init,
    /// < -1 the group. Without a signal it only asks whether it could.
    pub fn kill(&self, pid: i64, signal: Option<Signal>) -> Result<(), Errno> {
        let ns = self.0.pid_ns();
        let targets: Vec<Rc<ProcInner>> = match pid {
            1.. => Pid::try_from(pid).ok().and_then(|pid| ns.member(pid)).into_iter().collect(),
            0 => ns.members().into_iter().filter(|p| p.group.borrow()[0] == self.0.group.borrow()[0]).collect(),
            -1 => {
                let spared = |p: &Rc<ProcInner>| p.pid_in(ns) == 1 || Rc::ptr_eq(p, &self.0);
                ns.members().into_iter().filter(|p| !spared(p)).collect()
            }
            _ => ns.members().into_iter().filter(|p| i64::from(p.pgid_in(ns)) == -pid).collect(),
        };
        if targets.is_empty() {
            return Err(Errno::ESRCH);
        }
        let (uid, any) = (self.uid(), self.capabilities().has(Capability::KILL));
        let allowed: Vec<_> = targets.into_iter().filter(|p| any || p.cred.borrow().uid == uid).collect();
        if allowed.is_empty() {
            return Err(Errno::EPERM);
        }
        if let Some(signal) = signal {
            for target in allowed {
                target.deliver(signal, Sender::Process(ns));
            }
        }
        Ok(())
    }

    pub fn pgid(&self) -> Pid {
        self.0.pgid_in(self.0.pid_ns())
    }

    /// The session's id; 0 if its leader isn't in this namespace.
    pub fn sid(&self) -> Pid {
        self.0.session_in(self.0.pid_ns())
    }

    /// setpgid(0, 0): leads a group of its own.
    pub fn lead_group(&self) {
        *self.0.group.borrow_mut() = self.0.pids.clone();
    }

    /// setsid(2): leads a session and a group of its own, without a terminal. EPERM if it leads a
    /// group already.
    pub fn lead_session(&self) -> Result<(), Errno> {
        if self.0.group.borrow()[0] == self.host_pid() {
            return Err(Errno::EPERM);
        }
        self.lead_group();
        *self.0.session.borrow_mut() = self.0.pids.clone();
        let tty = self.0.tty.take();
        drop(tty);
        Ok(())
    }

    /// Processes this one can see, by pid.
    pub fn processes(&self) -> Vec<ProcInfo> {
        self.0.machine.processes_seen_from(self.0.pid_ns())
    }

    // Signals

    pub fn set_disposition(&self, signal: Signal, disposition: Disposition) {
        self.0.set_disposition(signal, disposition);
    }

    pub fn disposition(&self, signal: Signal) -> Disposition {
        self.0.disposition(signal)
    }

    /// The next caught signal; pending ones first, in order of arrival.
    pub async fn next_signal(&self) -> Signal {
        poll_fn(|cx| match self.take_signal() {
            Some(signal) => Poll::Ready(signal),
            None => {
                self.0.signalled.register(cx);
                Poll::Pending
            }
        })
        .await
    }

    pub fn take_signal(&self) -> Option<Signal> {
        self.0.rare.get()?.pending.borrow_mut().pop_front()
    }

    /// (ignored, caught) as /proc/PID/status shows them: signal n is bit n - 1.
    pub(in crate::os) fn signal_masks(&self) -> (u64, u64) {
        (self.0.ignored.get().0 >> 1, self.0.caught.get().0 >> 1)
    }

    // Time

    pub async fn sleep(&self, d: Duration) {
        self.go_on().await;
        self.sim().sleep(d).await;
    }

    /// Accounts for simulated CPU time. The debt is paid by sleeping once it reaches 10 ms, so
    /// short commands take no virtual time and work while time is stopped, yet no loop is free.
    pub async fn charge(&self, cpu: Duration) {
        self.owe(cpu);
        self.pay().await;
    }

    /// Accounts for simulated CPU time that is paid for with what is charged next.
    pub fn owe(&self, cpu: Duration) {
        if !self.0.is_dead() {
            self.0.use_cpu(cpu);
            self.0.debt.set(self.0.debt.get() + cpu);
        }
    }

    /// Pays for what is owed, once it is worth it.
    pub async fn pay(&self) {
        self.go_on().await;
        let debt = self.0.debt.get();
        if debt >= MAX_DEBT {
            self.0.debt.set(Duration::ZERO);
            let done = self.0.machine.compute(&self.0.cgroup, debt);
            self.sim().sleep_until(done).await;
        }
    }

    /// Goes no further if the process was ended or stopped within this very turn.
    async fn go_on(&self) {
        if self.0.is_dead() {
            pending::<()>().await;
        }
        poll_fn(|cx| {
            if self.0.stopped.get().is_none() {
                return Poll::Ready(());
            }
            self.0.rare().continued.register(cx);
            Poll::Pending
        })
        .await;
    }
}

impl fmt::Debug for Proc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proc({})", self.host_pid())
    }
}
