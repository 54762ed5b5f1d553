//! How processes begin, get signals, and end.

use std::rc::Rc;

use super::{Disposition, ExitStatus, Machine, Pid, Pids, ProcInfo, ProcInner, Running};
use crate::os::{Errno, PidNs, Signal, Tty, signal::DefaultAction};

use futures_util::future::LocalBoxFuture;

/// Where a signal comes from. What an init process ignores depends on it.
#[derive(Clone, Copy)]
pub(super) enum Sender<'a> {
    /// The machine's owner: above every namespace.
    Host,
    /// The kernel itself: a terminal, a broken pipe, the end of a child.
    Kernel,
    /// A process of this pid namespace.
    Process(&'a PidNs),
}

/// Pids for a new process of `ns`, in every namespace up the chain.
pub(super) fn allocate_pids(ns: &PidNs) -> Pids {
    let mut pids = Vec::with_capacity(ns.0.level + 1);
    let mut at = Some(ns);
    while let Some(ns) = at {
        let pid = ns.0.next.get();
        ns.0.next.set(pid + 1);
        pids.push(pid);
        at = ns.0.parent.as_ref();
    }
    pids.reverse();
    pids.into()
}

impl ProcInner {
    pub(super) fn host_pid(&self) -> Pid {
        self.host_pid
    }

    pub(super) fn pid_ns(&self) -> &PidNs {
        &self.namespaces.pid
    }

    /// Its pid as `ns` sees it; 0 if it doesn't.
    pub(super) fn pid_in(&self, ns: &PidNs) -> Pid {
        if ns.sees(self.pid_ns()) { self.pids[ns.0.level] } else { 0 }
    }

    pub(super) fn is_init(&self) -> bool {
        self.pids[self.pids.len() - 1] == 1
    }

    pub(super) fn is_dead(&self) -> bool {
        self.status.get().is_some()
    }

    pub(super) fn parent(&self) -> Option<Rc<ProcInner>> {
        self.parent.borrow().upgrade()
    }

    pub(super) fn ppid_in(&self, ns: &PidNs) -> Pid {
        match self.parent() {
            Some(parent) => parent.pid_in(ns),
            // Started by the machine's owner: below the root namespace nobody is seen to be its parent.
            None if ns.0.parent.is_none() && !(self.pids.len() == 1 && self.is_init()) => 1,
            None => 0,
        }
    }

    /// Its group's id as `ns` sees it.
    pub(super) fn pgid_in(&self, ns: &PidNs) -> Pid {
        self.group.borrow().get(ns.0.level).copied().unwrap_or(0)
    }

    pub(super) fn session_in(&self, ns: &PidNs) -> Pid {
        self.session.borrow().get(ns.0.level).copied().unwrap_or(0)
    }

    /// The group in the foreground of its terminal.
    fn foreground_in(&self, ns: &PidNs) -> Pid {
        let leader = self.tty.borrow().as_ref().and_then(|tty| tty.foreground());
        let group = leader.and_then(|leader| self.machine.process(leader));
        group.map_or(0, |leader| leader.0.pgid_in(ns))
    }

    pub(super) fn leads_session(&self) -> bool {
        self.session.borrow()[0] == self.host_pid()
    }

    pub(in crate::os) fn info(&self, ns: &PidNs) -> ProcInfo {
        let title = self.rare.get().and_then(|rare| rare.title.borrow().clone());
        let args = match title {
            Some(title) => vec![title.to_string()],
            None => self.argv.borrow().to_vec(),
        };
        let state = match () {
            () if self.is_dead() => 'Z',
            () if self.stopped.get().is_some() => 'T',
            () if self.machine.current() == self.host_pid() || self.machine.is_burning(self) => 'R',
            () => 'S',
        };
        ProcInfo {
            pid: self.pid_in(ns),
            ppid: self.ppid_in(ns),
            host_pid: self.host_pid(),
            uid: self.cred.borrow().uid,
            gid: self.cred.borrow().gid,
            pgid: self.pgid_in(ns),
            sid: self.session_in(ns),
            leads_session: self.leads_session(),
            foreground_group: self.foreground_in(ns),
            comm: self.comm.borrow().to_string(),
            args,
            started: self.started,
            state,
            tty: self.tty.borrow().as_ref().map(|t| t.name()),
            cgroup: self.cgroup.clone(),
            cpu: self.cpu_used(),
            resident: if self.is_dead() { 0 } else { self.footprint.get().resident() },
            size: if self.is_dead() { 0 } else { self.footprint.get().size },
            shared: if self.is_dead() { 0 } else { self.footprint.get().shared },
        }
    }

    /// Enters the process into the tables.
    pub(super) fn register(self: &Rc<Self>) {
        let mut at = Some(self.pid_ns());
        let mut level = self.pids.len();
        while let Some(ns) = at {
            level -= 1;
            ns.0.members.borrow_mut().insert(self.pids[level], Rc::downgrade(self));
            at = ns.0.parent.as_ref();
        }
        self.cgroup.enter(self.host_pid());
    }

    /// Sets it running.
    pub(super) fn start(self: &Rc<Self>, main: LocalBoxFuture<'static, i32>) {
        let task = self.machine.sim().spawn(Running { proc: self.clone(), main });
        *self.task.borrow_mut() = Some(task);
        if !self.pid_ns().is_alive() {
            self.exit(ExitStatus::Signaled(Signal::KILL));
        }
    }

    pub(super) fn disposition(&self, signal: Signal) -> Disposition {
        if self.ignored.get().has(signal) {
            Disposition::Ignore
        } else if self.caught.get().has(signal) {
            Disposition::Catch
        } else {
            Disposition::Default
        }
    }

    pub(super) fn set_disposition(&self, signal: Signal, disposition: Disposition) {
        if matches!(signal, Signal::KILL | Signal::STOP) {
            return;
        }
        let (mut ignored, mut caught) = (self.ignored.get(), self.caught.get());
        ignored.set(signal, disposition == Disposition::Ignore);
        caught.set(signal, disposition == Disposition::Catch);
        self.ignored.set(ignored);
        self.caught.set(caught);
        if disposition == Disposition::Ignore
            && let Some(rare) = self.rare.get()
        {
            rare.pending.borrow_mut().retain(|s| *s != signal);
        }
    }

    /// Sends a signal.
    pub(super) fn deliver(self: &Rc<Self>, signal: Signal, sender: Sender<'_>) {
        if self.is_dead() {
            return;
        }
        let from_above = match sender {
            Sender::Host => true,
            Sender::Kernel => false,
            Sender::Process(ns) => !ns.same(self.pid_ns()),
        };
        // An init is spared what it doesn't handle; KILL and STOP spare it from inside only.
        let spared = self.is_init() && !(from_above && matches!(signal, Signal::KILL | Signal::STOP));
        if signal == Signal::CONT && self.stopped.take().is_some() {
            self.stop_news.set(false);
            self.machine.share_processors();
            self.namespaces.net.process_sleeps(self.host_pid(), false);
            self.rare().continued.wake();
        }
        match self.disposition(signal) {
            Disposition::Ignore => {}
            Disposition::Catch => {
                let mut pending = self.rare().pending.borrow_mut();
                if !pending.contains(&signal) {
                    pending.push_back(signal);
                }
                drop(pending);
                self.signalled.wake();
            }
            Disposition::Default if spared => {}
            Disposition::Default => match signal.default_action() {
                DefaultAction::Terminate => self.exit(ExitStatus::Signaled(signal)),
                // Nobody could continue an orphaned group.
                DefaultAction::Stop if signal != Signal::STOP && self.machine.is_orphaned(self.group.borrow()[0]) => {}
                DefaultAction::Stop => {
                    if self.stopped.replace(Some(signal)).is_none() {
                        self.stop_news.set(true);
                        self.machine.share_processors();
                        self.namespaces.net.process_sleeps(self.host_pid(), true);
                        if let Some(parent) = self.parent() {
                            parent.deliver(Signal::CHLD, Sender::Kernel);
                            parent.rare().child_changed.wake();
                        }
                    }
                }
                DefaultAction::Ignore | DefaultAction::Continue => {}
            },
        }
    }

    /// Ends the process: its tasks are dropped and with them what they own, its descriptors closed,
    /// its children handed to its namespace's init, its parent told.
    pub(super) fn exit(self: &Rc<Self>, status: ExitStatus) {
        if self.is_dead() {
            return;
        }
        self.status.set(Some(status));
        self.stopped.set(None);
        // Dropped one by one with nothing borrowed: destructors may look at this process. A task
        // that ends itself is dropped when it next awaits.
        let task = self.task.take();
        if let Some(task) = task {
            task.abort();
        }
        if let Some(rare) = self.rare.get() {
            for thread in rare.threads.take() {
                thread.abort();
            }
            drop(rare.replacement.take());
            rare.pending.take();
        }
        drop(self.fds.take());
        self.release_memory();
        let tty = self.tty.borrow().clone();
        if let Some(tty) = tty.filter(|_| self.leads_session()) {
            self.namespaces.mnt.remove_terminal(&tty);
            tty.signal_foreground(Signal::HUP);
            tty.signal_foreground(Signal::CONT);
        }
        let ns = self.pid_ns();
        if self.is_init() {
            ns.0.dead.set(true);
            for member in ns.members() {
                member.exit(ExitStatus::Signaled(Signal::KILL));
            }
        }
        let heir = if ns.is_alive() { ns.member(1) } else { None };
        for child in self.children.take().into_values() {
            *child.parent.borrow_mut() = heir.as_ref().map(Rc::downgrade).unwrap_or_default();
            match &heir {
                Some(heir) => {
                    heir.children.borrow_mut().insert(child.host_pid(), child.clone());
                    if child.is_dead() {
                        heir.child_ended(&child);
                    }
                }
                None if child.is_dead() => child.reap(),
                None => {}
            }
            // A stopped job that lost its shell would stay stopped for ever.
            let group = child.group.borrow()[0];
            if child.stopped.get().is_some() && self.machine.is_orphaned(group) {
                self.machine.signal_group(group, Signal::HUP);
                self.machine.signal_group(group, Signal::CONT);
            }
        }
        match self.parent() {
            Some(parent) => parent.child_ended(self),
            None => self.reap(),
        }
        self.ended.wake();
    }

    fn child_ended(self: &Rc<Self>, child: &Rc<ProcInner>) {
        if self.disposition(Signal::CHLD) == Disposition::Ignore {
            self.children.borrow_mut().remove(&child.host_pid());
            child.reap();
        } else {
            self.deliver(Signal::CHLD, Sender::Kernel);
        }
        if let Some(rare) = self.rare.get() {
            rare.child_changed.wake();
        }
    }

    /// Takes an ended process out of the tables. Its parent's record is the caller's business.
    pub(super) fn reap(&self) {
        let mut at = Some(self.pid_ns());
        let mut level = self.pids.len();
        while let Some(ns) = at {
            level -= 1;
            ns.0.members.borrow_mut().remove(&self.pids[level]);
            at = ns.0.parent.as_ref();
        }
        self.cgroup.leave(self.host_pid());
    }
}

impl Machine {
    /// Whether no member of a group has a parent in the same session but another group, so that no
    /// shell controls it.
    fn is_orphaned(&self, group: Pid) -> bool {
        !self.namespaces().pid.members().iter().filter(|p| p.group.borrow()[0] == group && !p.is_dead()).any(|p| {
            p.parent().is_some_and(|parent| {
                parent.group.borrow()[0] != group && parent.session.borrow()[0] == p.session.borrow()[0]
            })
        })
    }

    /// Whether the process on the CPU may read from `tty`. One in the background gets SIGTTIN, or EIO
    /// where that can't stop it.
    pub(in crate::os) fn may_read(&self, tty: &Tty) -> Result<bool, Errno> {
        let Some(proc) = self.namespaces().pid.member(self.current()) else { return Ok(true) };
        let controls = proc.tty.borrow().as_ref().is_some_and(|own| own.same(tty));
        let group = proc.group.borrow()[0];
        if !controls || tty.foreground().is_none_or(|foreground| foreground == group) {
            return Ok(true);
        }
        if proc.disposition(Signal::TTIN) == Disposition::Ignore || self.is_orphaned(group) {
            return Err(Errno::EIO);
        }
        self.signal_group(group, Signal::TTIN);
        Ok(false)
    }

    /// A signal of the kernel to the process group led by this host pid.
    pub(in crate::os) fn signal_group(&self, group: Pid, signal: Signal) {
        for member in self.namespaces().pid.members() {
            if member.group.borrow()[0] == group {
                member.deliver(signal, Sender::Kernel);
            }
        }
    }
}
