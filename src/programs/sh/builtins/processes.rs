//! wait, jobs, fg and bg.

use crate::programs::sh::{
    Dialect,
    state::{Flow, Outcome, Shell},
};
use crate::{
    os::{ExitStatus, Pid, Signal},
    sim::{Either, race},
};

impl Shell {
    /// Waits for a child; a signal with a trap ends the wait. All but bash tell how a child died that was `named`.
    async fn wait_or_signal(&mut self, pid: Pid, named: bool) -> Result<Result<i32, i32>, Flow> {
        loop {
            let proc = self.proc.clone();
            let outcome = race(self.wait_job(pid), proc.next_signal()).await;
            match outcome {
                Either::Left(status) => {
                    if let Ok(ExitStatus::Signaled(signal)) = status
                        && named
                        && !self.dialect.is_bash()
                    {
                        self.report_death(pid, signal, "").await;
                    }
                    return Ok(Ok(status.map_or(127, ExitStatus::code)));
                }
                Either::Right(signal) => {
                    let trapped = self.traps.signals.contains_key(&signal);
                    self.handle_signal(signal).await?;
                    if trapped {
                        return Ok(Err(128 + signal.number()));
                    }
                }
            }
        }
    }

    pub(super) async fn wait(&mut self, args: &[String]) -> Outcome {
        let any = args.first().is_some_and(|arg| arg == "-n");
        let args: Vec<&String> = args.iter().filter(|arg| *arg != "-n" && *arg != "--").collect();
        if any && args.is_empty() && self.dialect.is_bash() {
            return self.wait_next().await;
        }
        if args.is_empty() {
            self.poll_jobs();
            let pids: Vec<Pid> = self.jobs.0.iter().map(|job| job.pid).collect();
            for pid in pids {
                match self.wait_or_signal(pid, false).await? {
                    Err(code) => return Ok(code),
                    Ok(code) if any => return Ok(code),
                    Ok(_) => {}
                }
            }
            return Ok(if any { 127 } else { 0 });
        }
        let mut status = 0;
        for arg in args {
            let pid = match arg.strip_prefix('%') {
                Some(_) => self.jobs.find(arg).map(|job| job.pid),
                None => match arg.parse::<Pid>() {
                    Ok(pid) => Some(pid),
                    Err(_) => {
                        let text = match self.dialect {
                            Dialect::Bash => format!("`{arg}': not a pid or valid job spec"),
                            _ => format!("Illegal number: {arg}"),
                        };
                        return self.error("wait", &text).await;
                    }
                },
            };
            let known = pid.filter(|pid| self.jobs.knows(*pid));
            status = match (known, pid) {
                (Some(pid), _) => match self.wait_or_signal(pid, true).await? {
                    Ok(code) => code,
                    Err(code) => return Ok(code),
                },
                (None, None) => {
                    let text = match self.dialect {
                        Dialect::Dash => format!("No such job: {arg}"),
                        _ => format!("{arg}: no such job"),
                    };
                    self.complain(Some("wait"), &text).await;
                    if self.dialect.is_bash() { 127 } else { 2 }
                }
                (None, Some(pid)) => {
                    if self.dialect.is_bash() {
                        self.complain(Some("wait"), &format!("pid {pid} is not a child of this shell")).await;
                    }
                    127
                }
            };
        }
        Ok(status)
    }

    /// Waits for the next job to end.
    async fn wait_next(&mut self) -> Outcome {
        self.poll_jobs();
        if let Some((pid, status)) = self.jobs.0.iter().find_map(|job| Some((job.pid, job.ended?))) {
            self.jobs.retire_one(pid, status);
            return Ok(status.code());
        }
        while !self.jobs.0.is_empty() {
            let proc = self.proc.clone();
            match race(proc.wait_any(), proc.next_signal()).await {
                Either::Left(Ok((pid, status))) => {
                    let is_job = self.jobs.knows(pid);
                    self.jobs.retire_one(pid, status);
                    if is_job {
                        return Ok(status.code());
                    }
                }
                Either::Left(Err(_)) => break,
                Either::Right(signal) => {
                    let trapped = self.traps.signals.contains_key(&signal);
                    self.handle_signal(signal).await?;
                    if trapped {
                        return Ok(128 + signal.number());
                    }
                }
            }
        }
        Ok(127)
    }

    pub(super) async fn jobs_builtin(&mut self, args: &[String]) -> Outcome {
        self.poll_jobs();
        let only_pids = args.iter().any(|arg| arg == "-p");
        let with_pid = args.iter().any(|arg| arg == "-l");
        // All but bash begin with the newest.
        let mut jobs: Vec<_> = self.jobs.0.iter().collect();
        if !self.dialect.is_bash() {
            jobs.reverse();
        }
        let text: String = jobs
            .into_iter()
            .map(|job| if only_pids { format!("{}\n", job.pid) } else { self.job_line(job, with_pid) })
            .collect();
        self.jobs.0.retain(|job| job.ended.is_none());
        self.output(text.as_bytes(), "jobs").await
    }

    pub(super) async fn fg_bg(&mut self, name: &str, args: &[String]) -> Outcome {
        self.poll_jobs();
        if self.dialect.is_bash() && !self.options.monitor {
            return self.error(name, "no job control").await;
        }
        let spec = args.first().map_or("%+", String::as_str);
        let Some(job) = self.jobs.find(spec).cloned() else {
            let text = match (args.first(), self.dialect) {
                (None, Dialect::Bash) => "current: no such job".to_string(),
                (None, _) => "No current job".to_string(),
                (Some(spec), Dialect::Bash) => format!("{spec}: no such job"),
                (Some(spec), _) => format!("No such job: {spec}"),
            };
            return self.error(name, &text).await;
        };
        if !self.options.monitor {
            return self.error(name, &format!("job {spec} not created under job control")).await;
        }
        if job.in_group {
            // A job that has just ended is found by the wait below.
            let _ = self.proc.kill(-i64::from(job.pid), Some(Signal::CONT));
        }
        if name == "bg" {
            let text = format!("[{}] {} &\n", job.id, job.text);
            return self.output(text.as_bytes(), name).await;
        }
        self.output(format!("{}\n", job.text).as_bytes(), name).await?;
        match job.ended {
            Some(status) => {
                self.jobs.remove(job.pid);
                Ok(status.code())
            }
            None => {
                self.jobs.remove(job.pid);
                self.wait_foreground(job.pid).await
            }
        }
    }
}
