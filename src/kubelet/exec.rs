//! Running a command in a container for a probe or a hook.

use std::{cell::RefCell, rc::Rc, time::Duration};

use super::runtime::{Container, exec_error};
use crate::{
    os::{File, Machine, Proc, Signal, SpawnOptions, Tty},
    sim::Rng,
};

/// What is kept of a probe's output.
const OUTPUT_BYTES: usize = 10 << 10;

pub struct Streams {
    pub stdin: File,
    pub stdout: File,
    pub stderr: File,
    pub tty: Option<Tty>,
}

/// Starts a command in the namespaces of a running container; the error is containerd's text.
pub fn spawn(
    machine: &Machine,
    container: &Container,
    argv: Vec<String>,
    streams: Streams,
    rng: &mut Rng,
) -> Result<Proc, String> {
    let Some(init) = container.proc() else {
        return Err(format!("failed to load task: task {} not found", container.id));
    };
    let command = argv.first().cloned().unwrap_or_default();
    let mut env = init.environ();
    if streams.tty.is_some() {
        env.entry("TERM".into()).or_insert_with(|| "xterm".into());
    }
    let options = SpawnOptions {
        argv,
        env,
        cwd: container.cwd.clone(),
        uid: container.user.uid,
        gid: container.user.gid,
        namespaces: init.namespaces().clone(),
        stdin: streams.stdin,
        stdout: streams.stdout,
        stderr: streams.stderr,
        tty: streams.tty,
        cgroup: container.cgroup.clone(),
        oom_score_adj: container.oom_score_adj,
    };
    match machine.spawn(options) {
        Ok(proc) => {
            proc.set_groups(&container.user.groups);
            proc.set_privileges(container.privileges);
            Ok(proc)
        }
        Err(errno) => Err(format!(
            "failed to exec in container: failed to start exec \"{}\": OCI runtime exec failed: exec failed: unable to \
             start container process: {}",
            rng.hex(64),
            exec_error(&command, errno)
        )),
    }
}

/// How a command came out.
pub enum Ran {
    Exited(i32, String),
    TimedOut,
    /// It could not be started: containerd's text.
    NotStarted(String),
}

/// Runs a command to its end and gives its output, both streams together.
pub async fn run(
    machine: &Machine,
    container: &Container,
    argv: &[String],
    limit: Duration,
    rng: &RefCell<Rng>,
) -> Ran {
    let output: Rc<RefCell<Vec<u8>>> = Rc::default();
    let sink = || {
        let output = output.clone();
        File::sink(move |data| {
            let mut output = output.borrow_mut();
            let room = OUTPUT_BYTES.saturating_sub(output.len());
            output.extend_from_slice(&data[..data.len().min(room)]);
        })
    };
    let streams = Streams { stdin: File::null(), stdout: sink(), stderr: sink(), tty: None };
    let proc = match spawn(machine, container, argv.to_vec(), streams, &mut rng.borrow_mut()) {
        Ok(proc) => proc,
        Err(text) => return Ran::NotStarted(text),
    };
    let ended = machine.wait(&proc);
    match machine.sim().timeout(limit, ended).await {
        Some(status) => {
            let text = String::from_utf8_lossy(&output.borrow()).into_owned();
            Ran::Exited(status.code(), text)
        }
        None => {
            machine.kill(&proc, Signal::KILL);
            Ran::TimedOut
        }
    }
}
