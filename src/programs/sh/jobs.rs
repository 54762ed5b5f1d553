//! Background jobs and the terminal's foreground group.

use super::{Dialect, state::Shell};
use crate::{
    os::{Errno, ExitStatus, Pid, Signal},
    programs::util,
};

#[derive(Clone, Debug)]
pub struct Job {
    pub id: usize,
    pub pid: Pid,
    pub text: String,
    /// It leads a process group of its own.
    pub in_group: bool,
    pub ended: Option<ExitStatus>,
}

pub struct Spawned {
    pub pid: Pid,
    pub text: String,
    pub in_group: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Jobs(pub Vec<Job>, Past);

/// How jobs ended that are no longer listed: `wait PID` may still ask.
type Past = std::collections::VecDeque<(Pid, ExitStatus)>;

impl Jobs {
    /// Ended jobs that nobody asked about; more are forgotten.
    const REMEMBERED: usize = 1000;

    pub fn add(&mut self, job: Spawned) -> usize {
        if self.0.len() > Jobs::REMEMBERED
            && let Some(oldest) = self.0.iter().position(|job| job.ended.is_some())
        {
            self.0.remove(oldest);
        }
        let running = self.0.iter().filter(|job| job.ended.is_none());
        let id = running.map(|job| job.id).max().unwrap_or(0) + 1;
        let Spawned { pid, text, in_group } = job;
        self.0.push(Job { id, pid, text, in_group, ended: None });
        id
    }

    pub fn forget(&mut self) {
        self.0.clear();
    }

    /// Whether it is or was a job.
    pub fn knows(&self, pid: Pid) -> bool {
        self.0.iter().map(|job| job.pid).chain(self.1.iter().map(|(past, _)| *past)).any(|known| known == pid)
    }

    pub fn remove(&mut self, pid: Pid) {
        self.0.retain(|job| job.pid != pid);
    }

    /// No longer lists a job that has ended, but remembers how.
    pub fn retire_one(&mut self, pid: Pid, status: ExitStatus) {
        self.remove(pid);
        if !self.1.iter().any(|(past, _)| *past == pid) {
            self.1.push_back((pid, status));
        }
        let surplus = self.1.len().saturating_sub(Jobs::REMEMBERED);
        self.1.drain(..surplus);
    }

    /// No longer lists the jobs that have ended; gives those.
    fn retire(&mut self) -> Vec<Job> {
        let (ended, running) = std::mem::take(&mut self.0).into_iter().partition(|job: &Job| job.ended.is_some());
        self.0 = running;
        let ended: Vec<Job> = ended;
        self.1.extend(ended.iter().filter_map(|job| Some((job.pid, job.ended?))));
        let surplus = self.1.len().saturating_sub(Jobs::REMEMBERED);
        self.1.drain(..surplus);
        ended
    }

    /// The job that `%1`, `%+`, `%%`, `%-`, `%name` or `%?text` names.
    pub fn find(&self, spec: &str) -> Option<&Job> {
        let spec = spec.strip_prefix('%').unwrap_or(spec);
        match spec {
            "" | "%" | "+" => self.0.last(),
            "-" => self.0.iter().rev().nth(1).or(self.0.last()),
            _ => match (spec.parse::<usize>(), spec.strip_prefix('?')) {
                (Ok(id), _) => self.0.iter().rev().find(|job| job.id == id),
                (_, Some(text)) => self.0.iter().find(|job| job.text.contains(text)),
                _ => self.0.iter().find(|job| job.text.starts_with(spec)),
            },
        }
    }
}

/// What shells call a death by signal.
pub fn signal_text(signal: Signal) -> String {
    match signal {
        Signal::HUP => "Hangup".to_string(),
        Signal::INT => "Interrupt".to_string(),
        Signal::QUIT => "Quit".to_string(),
        Signal::ILL => "Illegal instruction".to_string(),
        Signal::TRAP => "Trace/breakpoint trap".to_string(),
        Signal::ABRT => "Aborted".to_string(),
        Signal::BUS => "Bus error".to_string(),
        Signal::FPE => "Floating point exception".to_string(),
        Signal::KILL => "Killed".to_string(),
        Signal::USR1 => "User defined signal 1".to_string(),
        Signal::SEGV => "Segmentation fault".to_string(),
        Signal::USR2 => "User defined signal 2".to_string(),
        Signal::PIPE => "Broken pipe".to_string(),
        Signal::ALRM => "Alarm clock".to_string(),
        Signal::TERM => "Terminated".to_string(),
        Signal::STKFLT => "Stack fault".to_string(),
        Signal::URG => "Urgent I/O condition".to_string(),
        Signal::XCPU => "CPU time limit exceeded".to_string(),
        Signal::XFSZ => "File size limit exceeded".to_string(),
        Signal::VTALRM => "Virtual timer expired".to_string(),
        Signal::PROF => "Profiling timer expired".to_string(),
        Signal::POLL => "I/O possible".to_string(),
        Signal::PWR => "Power failure".to_string(),
        Signal::SYS => "Bad system call".to_string(),
        other => format!("{other}"),
    }
}

impl Shell {
    /// Whether foreground jobs get the terminal as a group of their own.
    pub fn controls_jobs(&self) -> bool {
        self.interactive && self.options.monitor && self.proc.tty().is_some()
    }

    /// Makes the group of `pid` the terminal's foreground group.
    pub fn give_terminal(&self, pid: Pid) {
        // Without a terminal there is nothing to give.
        let _ = self.proc.set_foreground(pid);
    }

    /// Makes the shell's own group the foreground group.
    pub fn take_terminal(&self) {
        if self.controls_jobs() {
            self.give_terminal(self.proc.pgid());
        }
    }

    /// Notes which jobs have ended.
    pub fn poll_jobs(&mut self) {
        for job in self.jobs.0.iter_mut().filter(|job| job.ended.is_none()) {
            match self.proc.try_wait(job.pid) {
                Ok(Some(status)) => job.ended = Some(status),
                Ok(None) => {}
                // Reaped by someone else.
                Err(_) => job.ended = Some(ExitStatus::Exited(0)),
            }
        }
    }

    pub fn job_line(&self, job: &Job, with_pid: bool) -> String {
        let last = self.jobs.0.last().map(|job| job.pid);
        let before = self.jobs.0.iter().rev().nth(1).map(|job| job.pid);
        let mark = match Some(job.pid) {
            pid if pid == last => '+',
            pid if pid == before => '-',
            _ => ' ',
        };
        let state = match job.ended {
            None => "Running".to_string(),
            Some(ExitStatus::Exited(0)) => "Done".to_string(),
            Some(ExitStatus::Exited(code)) if self.dialect.is_bash() => format!("Exit {code}"),
            Some(ExitStatus::Exited(code)) => format!("Done({code})"),
            Some(ExitStatus::Signaled(signal)) => signal_text(signal),
        };
        let (id, text) = (job.id, &job.text);
        let pid = if with_pid { format!("{} ", job.pid) } else { String::new() };
        match self.dialect {
            Dialect::Bash => {
                let and = if job.ended.is_none() { " &" } else { "" };
                format!("[{id}]{mark}  {pid}{state:<24}{text}{and}\n")
            }
            Dialect::Dash => format!("[{id}] {mark} {pid}{state:<27}{text}\n"),
            Dialect::Ash => format!("[{id}]{mark}  {pid}{state:<27}{text}\n"),
        }
    }

    /// Before a prompt: says which jobs ended, and forgets them.
    pub async fn report_jobs(&mut self) {
        self.poll_jobs();
        let ended: Vec<Job> = self.jobs.0.iter().filter(|job| job.ended.is_some()).cloned().collect();
        for job in ended {
            util::ignore(self.proc.eprint(&self.job_line(&job, false)).await);
            self.jobs.remove(job.pid);
        }
    }

    /// After a command in the foreground bash forgets, without a terminal, which jobs have ended, and names only
    /// those that were killed.
    pub async fn forget_ended_jobs(&mut self) {
        if self.interactive || !self.dialect.is_bash() || self.jobs.0.is_empty() {
            return;
        }
        self.poll_jobs();
        for job in self.jobs.retire() {
            if let Some(ExitStatus::Signaled(signal)) = job.ended
                && !matches!(signal, Signal::INT | Signal::TERM | Signal::PIPE)
            {
                let (arg0, line, state) = (&self.arg0, self.line, signal_text(signal));
                let text = format!("{arg0}: line {line}: {:5} {state:<24}{}\n", job.pid, job.text);
                util::ignore(self.proc.eprint(&text).await);
            }
        }
    }

    /// Waits for a job or another child. 127 if it is none of ours.
    pub async fn wait_job(&mut self, pid: Pid) -> Result<ExitStatus, Errno> {
        if let Some(job) = self.jobs.0.iter().find(|job| job.pid == pid)
            && let Some(status) = job.ended
        {
            self.jobs.retire_one(pid, status);
            return Ok(status);
        }
        if let Some(at) = self.jobs.1.iter().position(|(past, _)| *past == pid)
            && let Some((_, status)) = self.jobs.1.get(at)
        {
            return Ok(*status);
        }
        let status = self.proc.wait(pid).await?;
        self.jobs.retire_one(pid, status);
        Ok(status)
    }
}
