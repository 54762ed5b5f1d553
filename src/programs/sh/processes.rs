//! The shell's children: subshells, background jobs, and waiting for them.

use std::rc::Rc;

use super::{
    Dialect,
    ast::{AndOr, CommandKind, List},
    interpret::{FORK_COST, Work},
    jobs::Spawned,
    state::{Flow, Outcome, Shell},
};
use crate::{
    os::{Errno, ExitStatus, File, Pid, Proc, Signal, process::Group},
    programs::util,
};

impl Shell {
    /// Runs work in a child and waits for it.
    pub(super) async fn foreground(&mut self, work: Work) -> Outcome {
        let group = if self.controls_jobs() { Group::New } else { Group::Inherit };
        let Ok(pid) = self.fork_in(group, Vec::new(), work, false) else {
            return Err(self.cannot_fork().await);
        };
        self.wait_foreground(pid).await
    }

    /// fork, in this shell's process group.
    pub fn fork(&mut self, fds: Vec<(i32, File)>, work: Work) -> Result<Pid, Errno> {
        self.fork_in(Group::Inherit, fds, work, false)
    }

    pub fn fork_in(&mut self, group: Group, fds: Vec<(i32, File)>, work: Work, background: bool) -> Result<Pid, Errno> {
        let mut shell = self.clone();
        let deaf = background && group == Group::Inherit;
        let main = move |child| async move {
            shell.become_subshell(child, deaf);
            // A failure in a subshell that is a condition doesn't end it either.
            if background {
                shell.tested = 0;
            }
            Box::pin(shell.work(work)).await
        };
        self.proc.try_fork(fds, group, main)
    }

    /// bash's `<(…)`: starts the command and gives the name of the file to talk to it.
    pub async fn process_file(&mut self, list: Rc<List>, output: bool) -> Result<String, Flow> {
        let (read, write) = self.proc.pipe();
        let (own, theirs) = if output { (write, (0, read)) } else { (read, (1, write)) };
        let Ok(pid) = self.fork(vec![theirs], Work::List(list)) else { return Err(self.cannot_fork().await) };
        let fd = (10..=63).rev().find(|fd| self.proc.fd(*fd).is_none()).unwrap_or(63);
        self.proc.set_fd(fd, Some(own));
        self.substituting.push((fd, pid));
        Ok(format!("/dev/fd/{fd}"))
    }

    /// The command is over that was given such files, from the given one on.
    pub(super) fn end_substitutions(&mut self, from: usize) {
        for (fd, pid) in self.substituting.drain(from..).collect::<Vec<_>>() {
            self.proc.set_fd(fd, None);
            // One that still runs is left to itself, as a job that nobody asks about.
            if matches!(self.proc.try_wait(pid), Ok(None)) {
                self.left_behind.push(pid);
            }
        }
        let proc = self.proc.clone();
        self.left_behind.retain(|pid| matches!(proc.try_wait(*pid), Ok(None)));
    }

    /// Reports that no process could be made.
    pub async fn cannot_fork(&mut self) -> Flow {
        let text = match self.dialect {
            Dialect::Bash => "fork: retry: Resource temporarily unavailable",
            Dialect::Dash => "Cannot fork",
            Dialect::Ash => "can't fork: Resource temporarily unavailable",
        };
        self.complain(None, text).await;
        Flow::Error(if self.dialect.is_bash() { 254 } else { 2 })
    }

    pub(super) fn become_subshell(&mut self, child: Proc, deaf: bool) {
        self.proc = child;
        self.is_subshell = true;
        self.restore_dispositions();
        if deaf {
            self.ignore_keyboard();
        }
        self.traps.forget();
        self.interactive = false;
        self.options.monitor = false;
        self.jobs.forget();
        if self.dialect.is_bash() {
            self.loops = 0;
        }
        self.stack_base = self.calls;
    }

    pub(super) async fn work(&mut self, work: Work) -> i32 {
        let result = match work {
            Work::List(list) => self.list(&list, true).await,
            Work::Substitution(list) => {
                self.tested = 0;
                self.substitutions += 1;
                // Only dash goes on with `set -e` there.
                self.options.errexit &= self.dialect == Dialect::Dash || self.shopt.has("inherit_errexit");
                if self.dialect.is_bash()
                    && let Some(first) = list.0.first().and_then(|item| item.and_or.first.commands.first())
                {
                    self.line_shift = i64::from(self.line) - i64::from(first.line);
                }
                self.list(&list, true).await
            }
            Work::AndOr(and_or) => self.and_or(&and_or, true).await,
            Work::Command(command) => match &command.kind {
                CommandKind::Subshell(list) if command.redirects.is_empty() => self.list(list, true).await,
                _ => self.command(&command, true).await,
            },
            Work::Write(data, file) => Ok(util::done(util::write_to(&self.proc, &file, &data).await)),
            Work::Script(file, args) => Ok(self.script(&file, &args).await),
        };
        let code = match result {
            Ok(code) | Err(Flow::Exit(code) | Flow::Error(code) | Flow::Return(code)) => code,
            Err(Flow::Interrupt) => 130,
            Err(Flow::Break(_) | Flow::Continue(_)) => self.status,
        };
        self.leave(code).await
    }

    pub(super) async fn start_background(&mut self, and_or: Rc<AndOr>, text: &str) -> Result<(), Flow> {
        let group = if self.options.monitor { Group::New } else { Group::Inherit };
        let fds = if group == Group::Inherit { vec![(0, File::null())] } else { Vec::new() };
        let Ok(pid) = self.fork_in(group, fds, Work::AndOr(and_or), true) else {
            return Err(self.cannot_fork().await);
        };
        self.proc.charge(FORK_COST).await;
        self.last_background = Some(pid);
        // Only job control makes the others keep what was written.
        let text = if self.dialect.is_bash() || self.options.monitor { text } else { "" };
        let id = self.jobs.add(Spawned { pid, text: text.to_string(), in_group: group == Group::New });
        if self.interactive && self.dialect != Dialect::Ash {
            let line = if self.dialect.is_bash() { format!("[{id}] {pid}\n") } else { String::new() };
            util::ignore(self.proc.eprint(&line).await);
        }
        Ok(())
    }

    /// Waits for a child that is not a job of its own; gives its exit status.
    pub async fn wait_for(&mut self, pid: Pid) -> i32 {
        self.proc.wait(pid).await.map_or(127, ExitStatus::code)
    }

    /// Waits for the foreground job.
    pub async fn wait_foreground(&mut self, pid: Pid) -> Outcome {
        self.wait_foreground_of(pid, String::new).await
    }

    /// Waits for the foreground job, which is written as `text` says.
    pub(super) async fn wait_foreground_of(&mut self, pid: Pid, text: impl Fn() -> String) -> Outcome {
        if self.controls_jobs() {
            self.give_terminal(pid);
        }
        let ended = self.proc.wait(pid).await.unwrap_or(ExitStatus::Exited(127));
        self.take_terminal();
        let code = ended.code();
        self.status = code;
        if let ExitStatus::Signaled(signal) = ended {
            if signal == Signal::INT && self.interactive {
                util::ignore(self.proc.eprint("\n").await);
                return Err(Flow::Interrupt);
            }
            self.report_death(pid, signal, &text()).await;
        }
        self.forget_ended_jobs().await;
        Ok(code)
    }

    /// What a shell says when a command was killed.
    pub async fn report_death(&self, pid: Pid, signal: Signal, command: &str) {
        let text = match signal {
            Signal::INT | Signal::PIPE => return,
            _ => super::jobs::signal_text(signal),
        };
        let line = match self.dialect {
            Dialect::Bash if !self.interactive && !self.traps.signals.contains_key(&signal) => {
                let line = format!("{}: line {}: {pid:5} {text:<23} {command}", self.arg0, self.line);
                format!("{}\n", line.trim_end())
            }
            _ => format!("{text}\n"),
        };
        util::ignore(self.proc.eprint(&line).await);
    }
}
