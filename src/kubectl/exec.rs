//! `kubectl exec` and `kubectl attach`: a terminal or plain streams to a container and back.

use std::{future::pending, rc::Rc};

use super::{Args, Ctx, Failure, Outcome, container, pods_of};
use crate::{
    api::{
        Error, Pod,
        client::{ExecOptions, Session},
        error::Reason,
    },
    os::{Signal, Stream, Tty, process::Disposition, tty::Modes},
    sim::{self, Either, race},
};

const EXEC_USAGE: &str = "expected 'exec (POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [ARG...]'.\nPOD or TYPE/NAME \
                          and COMMAND are required arguments for the exec command";
const ATTACH_USAGE: &str = "expected 'attach POD -c CONTAINER'.\nPOD or TYPE/NAME is a required argument for the attach \
                            command";
const OLD_FORM: &str = "kubectl exec [POD] [COMMAND] is DEPRECATED and will be removed in a future version. Use kubectl \
                        exec [POD] -- [COMMAND] instead.\n";
const NO_TTY: &str = "Unable to use a TTY - input is not a terminal or the right kind of file\n";
const RECORDED: &str = "All commands and output from this session will be recorded in container logs, including \
                        credentials and sensitive information passed through the command prompt.\n";
const PROMPT: &str = "If you don't see a command prompt, try pressing enter.\n";

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let Some((pod, old_form)) = args.args.split_first() else {
        return Err(Failure::Usage { command: "exec".into(), message: EXEC_USAGE.into() });
    };
    // Newer kubectl refuses a command without `--`; older ones run it with this warning.
    if !old_form.is_empty() {
        cx.err(OLD_FORM).await;
    }
    let command: Vec<String> = old_form.iter().chain(args.dash.iter().flatten()).cloned().collect();
    if command.is_empty() {
        return Err(Failure::Message("you must specify at least one command for the container".into()));
    }
    let pod = find(cx, pod).await?;
    refuse_completed(&pod, "exec into")?;
    let quiet = args.on("quiet");
    let container = container::choose(cx, &pod, args.get("container"), quiet).await?;
    let stdin = args.on("stdin");
    let tty = local_tty(cx, stdin, args.on("tty"), quiet).await;
    let options = ExecOptions {
        container: Some(container),
        command,
        stdin,
        tty: tty.is_some(),
        size: tty.as_ref().map(Tty::size),
    };
    let raw = tty.as_ref().map(RawMode::enter);
    let (namespace, name) = place(&pod);
    let code = match cx.client.exec(namespace, name, options).await {
        Ok(session) => stream(cx, session, tty).await,
        Err(error) => Err(upgrade_failure(error)),
    };
    drop(raw);
    let code = code?;
    if code != 0 {
        cx.err(format!("command terminated with exit code {code}\n")).await;
    }
    Ok(code)
}

/// `kubectl attach`.
pub async fn attach(cx: &Ctx, args: &Args) -> Outcome {
    let [pod] = args.args.as_slice() else {
        return Err(Failure::Usage { command: "attach".into(), message: ATTACH_USAGE.into() });
    };
    let pod = find(cx, pod).await?;
    refuse_completed(&pod, "attach")?;
    let options = AttachTo {
        container: args.get("container"),
        stdin: args.on("stdin"),
        tty: args.on("tty"),
        quiet: args.on("quiet"),
    };
    attach_to(cx, &pod, options).await
}

/// What `attach` and `run -it` ask for.
pub struct AttachTo<'a> {
    pub container: Option<&'a str>,
    pub stdin: bool,
    pub tty: bool,
    pub quiet: bool,
}

/// Attaches to a container of a pod until its end.
pub async fn attach_to(cx: &Ctx, pod: &Pod, options: AttachTo<'_>) -> Outcome {
    let AttachTo { container, stdin, mut tty, quiet } = options;
    let container = container::choose(cx, pod, container, quiet).await?;
    let allocated = has_tty(pod, &container);
    if tty && !allocated && !quiet {
        cx.err(format!("error: Unable to use a TTY - container {container} did not allocate one\n")).await;
    }
    tty = allocated;
    let local = local_tty(cx, stdin, tty, quiet).await;
    if !quiet {
        cx.err(RECORDED).await;
        cx.err(PROMPT).await;
    }
    let options = ExecOptions {
        container: Some(container.clone()),
        command: Vec::new(),
        stdin,
        tty: local.is_some(),
        size: local.as_ref().map(Tty::size),
    };
    let raw = local.as_ref().map(RawMode::enter);
    let had_terminal = raw.is_some();
    let (namespace, name) = place(pod);
    let code = match cx.client.attach(namespace, name, options).await {
        Ok(session) => stream(cx, session, local).await,
        Err(error) => Err(upgrade_failure(error)),
    };
    drop(raw);
    let code = code?;
    if had_terminal && !quiet {
        let command = format!("'kubectl attach {name} -c {container} -n {namespace} -i -t'");
        let ephemeral = pod.spec.iter().flat_map(|s| s.ephemeral_containers.iter().flatten());
        let again = if ephemeral.into_iter().any(|c| c.name == container) {
            format!(
                "the ephemeral container will not be restarted but may be reattached using {command} if it is still running"
            )
        } else {
            format!("resume using {command} command")
        };
        cx.out(format!("Session ended, {again}\n")).await;
    }
    Ok(code)
}

async fn find(cx: &Ctx, word: &str) -> Result<Rc<Pod>, Failure> {
    let pods = pods_of::meant(cx, word, pods_of::Best::Active, "attach to").await?;
    pods.into_iter().next().ok_or_else(|| Failure::Message("timed out waiting for the condition".into()))
}

/// A pod that has ended has no container to `what`.
pub fn refuse_completed(pod: &Pod, what: &str) -> Result<(), Failure> {
    match phase(pod) {
        phase @ ("Succeeded" | "Failed") => {
            Err(Failure::Message(format!("cannot {what} a container in a completed pod; current phase is {phase}")))
        }
        _ => Ok(()),
    }
}

/// Namespace and name.
pub fn place(pod: &Pod) -> (&str, &str) {
    (pod.metadata.namespace.as_deref().unwrap_or_default(), pod.metadata.name.as_deref().unwrap_or_default())
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or_default()
}

fn has_tty(pod: &Pod, name: &str) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let mut all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let ephemeral = spec.ephemeral_containers.iter().flatten().find(|c| c.name == name);
    let tty = all.find(|c| c.name == name).map(|c| c.tty).or(ephemeral.map(|c| c.tty));
    tty.flatten().unwrap_or(false)
}

/// The terminal to hand over: only with -i, and only if stdin is one.
async fn local_tty(cx: &Ctx, stdin: bool, tty: bool, quiet: bool) -> Option<Tty> {
    if !stdin || !tty {
        return None;
    }
    let found = cx.proc.stdin().tty();
    if found.is_none() && !quiet {
        cx.err(NO_TTY).await;
    }
    found
}

/// A refused upgrade in kubectl's words.
pub fn upgrade_failure(error: Error) -> Failure {
    match error.reason {
        Reason::BadRequest if error.message.contains("unable to upgrade connection") => Failure::Message(error.message),
        Reason::BadRequest => Failure::Message(format!("unable to upgrade connection: {}", error.message)),
        Reason::InternalError => Failure::Message(error.message),
        _ => Failure::Server(error),
    }
}

/// What came over the error stream at a session's end. The apiserver, which translates the kubelet's streams, wraps
/// its error in one of its own.
pub fn exit_code(exit: Option<Result<i32, Error>>) -> Outcome {
    match exit {
        Some(Ok(code)) => Ok(code),
        Some(Err(error)) if error.reason == Reason::InternalError => {
            Err(Failure::Message(Error::internal(error).message))
        }
        Some(Err(error)) => Err(upgrade_failure(error)),
        None => Err(Failure::Message("error reading from error stream: unexpected EOF".into())),
    }
}

/// A terminal in raw mode until dropped, whatever ends the command.
struct RawMode {
    tty: Tty,
    before: Modes,
}

impl RawMode {
    fn enter(tty: &Tty) -> RawMode {
        let before = tty.modes();
        tty.set_modes(Modes::RAW);
        RawMode { tty: tty.clone(), before }
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        self.tty.set_modes(self.before);
    }
}

/// Copies both ways until the remote side has ended; its exit code.
async fn stream(cx: &Ctx, session: Session, tty: Option<Tty>) -> Outcome {
    let Session { stdin, mut output, resize, exit } = session;
    if tty.is_some() {
        cx.proc.set_disposition(Signal::WINCH, Disposition::Catch);
    }
    let output = async {
        while let Some((stream, data)) = output.recv().await {
            let to = match stream {
                Stream::Stdout => cx.proc.stdout(),
                Stream::Stderr => cx.proc.stderr(),
            };
            if cx.proc.write(&to, &data).await.is_err() {
                break;
            }
        }
        exit.await
    };
    let input = futures_util::future::join(copy_in(cx, stdin), sizes(cx, tty, resize));
    // The output side is looked at first, and the read of stdin is dropped with it: what is typed
    // after the end of the session stays for the next reader.
    match race(output, input).await {
        Either::Left(exit) => exit_code(exit),
        Either::Right(_) => Ok(0),
    }
}

/// Local input to the remote side; at its end the remote stdin is closed. Never ends itself.
async fn copy_in(cx: &Ctx, to: Option<sim::Sender<Vec<u8>>>) {
    if let Some(to) = to {
        let from = cx.proc.stdin();
        while let Ok(data) = from.read(4096).await {
            if data.is_empty() || to.send(data).is_err() {
                break;
            }
        }
    }
    pending().await
}

/// Tells the remote terminal each new size of the local one.
async fn sizes(cx: &Ctx, tty: Option<Tty>, resize: sim::Sender<(u16, u16)>) {
    let Some(tty) = tty else { return pending().await };
    while cx.proc.next_signal().await == Signal::WINCH {
        if resize.send(tty.size()).is_err() {
            break;
        }
    }
    pending().await
}
