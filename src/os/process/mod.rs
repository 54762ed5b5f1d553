//! Machines and processes.
//!
//! A process owns itself: its task holds it, and after its end its parent does until it is waited
//! for. The process table (the members of a pid namespace) holds it weakly, so dropping the
//! simulation's tasks frees everything.

mod cpu;
mod environ;
mod exec;
mod files;
mod life;
mod machine;
mod memory;
mod proc;
#[cfg(test)]
mod tests;

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::Pin,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::future::LocalBoxFuture;
use pin_project_lite::pin_project;

use self::environ::Environ;
use super::{Cgroup, File, Namespaces, Signal, Tty, fs::Cred};
use crate::sim::{SimTime, Task, VecMap, WaitQueue};

pub use cpu::Burning;
pub use machine::Machine;
pub(super) use machine::MachineInner;
pub use memory::{Footprint, OomKill};
pub use proc::Proc;

/// A process id. The same process has one in its own pid namespace and one in each above it.
pub type Pid = u32;

/// A program's `main`: gets its process, returns the exit code (0..=255).
pub type Program = Rc<dyn Fn(Proc) -> LocalBoxFuture<'static, i32>>;

/// Finds the code behind an executable file whose content is `Content::Program(name)`.
pub trait ProgramTable {
    fn get(&self, name: &str) -> Option<Program>;

    /// What a process that runs it has in memory from the start.
    fn footprint(&self, _name: &str) -> Footprint {
        Footprint::default()
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    Exited(i32),
    Signaled(Signal),
}

impl ExitStatus {
    /// What a shell and a container runtime report: the code, or 128 + the signal's number.
    pub fn code(self) -> i32 {
        match self {
            ExitStatus::Exited(code) => code,
            ExitStatus::Signaled(signal) => 128 + signal.number(),
        }
    }
}

/// What [`Proc::wait_event`] saw a child do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildEvent {
    Ended(ExitStatus),
    /// Stopped by a signal (^Z); it is still there.
    Stopped(Signal),
}

/// How to start a process from outside (the kubelet's runtime, the lab).
pub struct SpawnOptions {
    /// `argv[0]` is looked up in PATH of `env` if it holds no slash.
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub cwd: String,
    pub uid: u32,
    pub gid: u32,
    pub namespaces: Namespaces,
    pub stdin: File,
    pub stdout: File,
    pub stderr: File,
    /// The controlling terminal, if the process leads a session on one.
    pub tty: Option<Tty>,
    /// What its memory and processor time count for. Inherited.
    pub cgroup: Cgroup,
    /// -1000 (never) to 1000 (first): who is killed when memory runs out. Inherited.
    pub oom_score_adj: i32,
}

/// A line of `ps`.
#[derive(Clone, Debug)]
pub struct ProcInfo {
    pub pid: Pid,
    pub ppid: Pid,
    pub host_pid: Pid,
    pub uid: u32,
    pub gid: u32,
    pub pgid: Pid,
    /// The session's id; 0 if its leader isn't seen from here.
    pub sid: Pid,
    pub leads_session: bool,
    /// The group that has its terminal; 0 if there is none.
    pub foreground_group: Pid,
    /// Short name: `node`.
    pub comm: String,
    pub args: Vec<String>,
    pub started: SimTime,
    /// R, S, T or Z.
    pub state: char,
    pub tty: Option<String>,
    pub cgroup: Cgroup,
    pub cpu: Duration,
    /// Bytes in memory, those that it shares with others included.
    pub resident: u64,
    /// Bytes of its address space.
    pub size: u64,
    /// Bytes in memory that are shared with others.
    pub shared: u64,
}

/// What a signal does to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Default,
    Ignore,
    /// Queued for [`Proc::next_signal`].
    Catch,
}

/// The process group of a new child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The parent's.
    Inherit,
    /// A new one, led by the child.
    New,
    /// That of the process (or led by the group leader) with this pid here; the parent's if there
    /// is no such group any more.
    Join(Pid),
}

/// A set of signals, by number.
#[derive(Clone, Copy, Default)]
struct SignalSet(u64);

impl SignalSet {
    fn has(self, signal: Signal) -> bool {
        self.0 & (1 << signal.number()) != 0
    }

    fn set(&mut self, signal: Signal, on: bool) {
        let bit = 1 << signal.number();
        self.0 = if on { self.0 | bit } else { self.0 & !bit };
    }
}

/// A process' pids: in the root namespace first, in its own last. A process group is named by its
/// leader's.
type Pids = Rc<[Pid]>;

/// The kernel's record of a process.
pub(super) struct ProcInner {
    pub(super) machine: Machine,
    pub(super) namespaces: Namespaces,
    pids: Pids,
    /// The first of them: asked for each time that the process runs.
    host_pid: Pid,
    parent: RefCell<Weak<ProcInner>>,
    /// By host pid.
    children: RefCell<BTreeMap<Pid, Rc<ProcInner>>>,
    group: RefCell<Pids>,
    session: RefCell<Pids>,
    cred: RefCell<Cred>,
    argv: RefCell<Rc<[String]>>,
    comm: RefCell<Rc<str>>,
    exe: RefCell<Rc<str>>,
    env: RefCell<Environ>,
    cwd: RefCell<Rc<str>>,
    umask: Cell<u32>,
    fds: RefCell<VecMap<i32, File>>,
    tty: RefCell<Option<Tty>>,
    cgroup: Cgroup,
    oom_score_adj: Cell<i32>,
    /// What it has in memory; the private part is charged to its cgroup.
    footprint: Cell<Footprint>,
    started: SimTime,

    ignored: Cell<SignalSet>,
    caught: Cell<SignalSet>,
    signalled: WaitQueue,

    status: Cell<Option<ExitStatus>>,
    /// Stopped by this signal.
    stopped: Cell<Option<Signal>>,
    /// The stop has not been reported to a waiting parent yet.
    stop_news: Cell<bool>,
    ended: WaitQueue,

    task: RefCell<Option<Task>>,
    /// Wakes the main task: another thread put a program in its place.
    main_waker: RefCell<Option<Waker>>,
    cpu: Cell<Duration>,
    debt: Cell<Duration>,
    rare: OnceCell<Box<Rare>>,
}

/// What few processes need.
#[derive(Default)]
struct Rare {
    /// What `ps` shows instead of argv.
    title: RefCell<Option<Rc<str>>>,
    pending: RefCell<VecDeque<Signal>>,
    continued: WaitQueue,
    child_changed: WaitQueue,
    threads: RefCell<Vec<Task>>,
    /// The program that execve put in place of the running one.
    replacement: RefCell<Option<LocalBoxFuture<'static, i32>>>,
}

impl ProcInner {
    fn rare(&self) -> &Rare {
        self.rare.get_or_init(Box::default)
    }
}

impl Drop for ProcInner {
    /// A long line of descendants goes one by one, not each inside the other.
    fn drop(&mut self) {
        let mut todo: Vec<_> = self.children.take().into_values().collect();
        while let Some(child) = todo.pop() {
            if Rc::strong_count(&child) == 1 {
                todo.extend(child.children.take().into_values());
            }
        }
    }
}

/// A process' main task.
struct Running {
    proc: Rc<ProcInner>,
    main: LocalBoxFuture<'static, i32>,
}

impl Future for Running {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.proc.status.get().is_some() {
                return Poll::Ready(());
            }
            if self.proc.stopped.get().is_some() {
                self.proc.rare().continued.register(cx);
                return Poll::Pending;
            }
            self.proc.main_waker.borrow_mut().get_or_insert_with(|| cx.waker().clone());
            let before = self.proc.machine.set_current(self.proc.host_pid());
            let polled = self.main.as_mut().poll(cx);
            self.proc.machine.set_current(before);
            let replacement = self.proc.rare.get().and_then(|rare| rare.replacement.take());
            if let Some(program) = replacement {
                // The old program goes with all it held.
                self.main = program;
                continue;
            }
            return match polled {
                Poll::Pending => Poll::Pending,
                Poll::Ready(code) => {
                    self.proc.exit(ExitStatus::Exited(code & 0xff));
                    Poll::Ready(())
                }
            };
        }
    }
}

pin_project! {
    /// A further task of a process.
    struct Thread<F> {
        proc: Rc<ProcInner>,
        #[pin]
        main: F,
    }
}

impl<F: Future<Output = ()>> Future for Thread<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let me = self.project();
        if me.proc.status.get().is_some() {
            return Poll::Ready(());
        }
        if me.proc.stopped.get().is_some() {
            me.proc.rare().continued.register(cx);
            return Poll::Pending;
        }
        let before = me.proc.machine.set_current(me.proc.host_pid());
        let polled = me.main.poll(cx);
        me.proc.machine.set_current(before);
        polled
    }
}
