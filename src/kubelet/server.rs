//! The kubelet's server: logs, exec, attach, port-forward. Sources: kubernetes `pkg/kubelet/kubelet_pods.go`
//! (`GetKubeletContainerLogs`, `validateContainerLogStatus`), `pkg/kubelet/server/`.

use std::{
    cell::RefCell,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::Range,
    rc::Rc,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ContainerStatus;

use super::{
    Inner,
    exec::{self, Streams},
    runtime::{
        Container, Sandbox,
        log::{Line, Log},
    },
    worker::Worker,
};
use crate::{
    api::{
        Error, Pod, Resource, Result,
        client::{Answer, Dial, ExecOptions, LogOptions, Session},
        error::Reason,
    },
    apiserver::{metrics::Scraped, proxy::KubeletEndpoint},
    os::{File, Stream, TcpStream, Tty},
    sim::{Either, OneshotReceiver, OneshotSender, Receiver, Sender, channel, oneshot, race},
};

impl KubeletEndpoint for Inner {
    fn scrape(&self) -> Option<Scraped> {
        self.running.get().then(|| self.scraped())?
    }

    fn logs<'a>(&'a self, pod: &'a Pod, container: &'a str, options: LogOptions) -> Answer<'a, Receiver<Vec<u8>>> {
        Box::pin(async move { self.serve_logs(pod, container, options) })
    }

    fn exec<'a>(&'a self, pod: &'a Pod, container: &'a str, options: ExecOptions) -> Answer<'a, Session> {
        Box::pin(async move { self.serve_exec(pod, container, options) })
    }

    fn attach<'a>(&'a self, pod: &'a Pod, container: &'a str, options: ExecOptions) -> Answer<'a, Session> {
        Box::pin(async move { self.serve_attach(pod, container, options) })
    }

    fn port_forward(&self, pod: &Pod) -> Result<Dial> {
        let sandbox = self.worker(pod).and_then(|worker| worker.sandbox.borrow().clone());
        let Some(sandbox) = sandbox.filter(|sandbox| sandbox.up.get()) else {
            let text = format!("pod not found (\"{}_{}\")", pod.name(), pod.namespace());
            return Err(Error::internal(text));
        };
        Ok(Box::new(move |port| Box::pin(dial(sandbox.clone(), port))))
    }
}

/// As containerd connects, for which the pod's ports are those of its loopback interface.
async fn dial(sandbox: Rc<Sandbox>, port: u16) -> Result<TcpStream> {
    let to = |ip: IpAddr| sandbox.net.connect(None, SocketAddr::new(ip, port));
    let first = match to(Ipv4Addr::LOCALHOST.into()).await {
        Ok(stream) => return Ok(stream),
        Err(errno) => errno.text().to_lowercase(),
    };
    let second = match to(Ipv6Addr::LOCALHOST.into()).await {
        Ok(stream) => return Ok(stream),
        Err(errno) => errno.text().to_lowercase(),
    };
    let id = &sandbox.id;
    // The name that the network plugin gave the namespace: a UUID.
    let part = |range: Range<usize>| id.get(range).unwrap_or_default();
    let cni = [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-");
    Err(Error::new(
        Reason::Unknown,
        format!(
            "error forwarding port {port} to pod {id}, uid : failed to execute portforward in network namespace \
         \"/var/run/netns/cni-{cni}\": failed to connect to localhost:{port} inside namespace \"{id}\", IPv4: dial tcp4 \
         127.0.0.1:{port}: connect: {first} IPv6 dial tcp6 [::1]:{port}: connect: {second} "
        ),
    ))
}

impl Inner {
    fn worker(&self, pod: &Pod) -> Option<Rc<Worker>> {
        let uid = super::statics::mirrored(pod).unwrap_or(pod.uid());
        self.workers.borrow().get(uid).cloned()
    }

    fn running(&self, pod: &Pod, container: &str) -> Result<Rc<Container>> {
        let worker = self.worker(pod);
        let found = worker.and_then(|w| w.containers.borrow().iter().find(|c| c.name == container).cloned());
        found.filter(|c| c.is_running()).ok_or_else(|| {
            Error::internal(format!("unable to upgrade connection: container not found (\"{container}\")"))
        })
    }

    fn serve_logs(&self, pod: &Pod, container: &str, options: LogOptions) -> Result<Receiver<Vec<u8>>> {
        let worker = self.worker(pod);
        let status = worker.as_ref().map(|w| w.status()).or_else(|| pod.status.as_deref().cloned()).unwrap_or_default();
        let mut all = (status.container_statuses.iter().flatten())
            .chain(status.init_container_statuses.iter().flatten())
            .chain(status.ephemeral_container_statuses.iter().flatten());
        let Some(told) = all.find(|s| s.name == container) else {
            let text = format!("container \"{container}\" in pod \"{}\" is not available", pod.name());
            return Err(Error::bad_request(text));
        };
        let id = log_of(told, pod.name(), options.previous)?;
        let log = worker.and_then(|w| {
            let id = id.trim_start_matches("containerd://");
            w.containers.borrow().iter().find(|c| *c.id == *id).map(|c| c.log.clone())
        });
        let (to, receiver) = channel();
        let Some(log) = log else {
            let text = format!("unable to retrieve container logs for {id}");
            // The answer is fine, its text isn't: so does the real one.
            let _nobody_listens = to.send(text.into_bytes());
            return Ok(receiver);
        };
        let since = match (&options.since_seconds, &options.since_time) {
            (Some(seconds), _) => self.sim.wall().checked_sub(jiff::SignedDuration::from_secs(*seconds)).ok(),
            (None, Some(time)) => time.parse::<Timestamp>().ok(),
            _ => None,
        };
        let mut writer = LogWriter {
            to,
            timestamps: options.timestamps,
            since,
            left: options.limit_bytes.and_then(|bytes| usize::try_from(bytes).ok()),
        };
        let lines = log.since(0);
        let skip = match options.tail_lines {
            Some(count) => lines.len().saturating_sub(usize::try_from(count).unwrap_or(0)),
            None => 0,
        };
        let open = writer.write(&lines[skip..]);
        if options.follow && open {
            let from = log.end();
            self.sim.spawn(follow(log, from, writer));
        }
        Ok(receiver)
    }

    fn serve_exec(&self, pod: &Pod, container: &str, options: ExecOptions) -> Result<Session> {
        let container = self.running(pod, container)?;
        let (out, output) = channel();
        let (resize, resized) = channel();
        let (done, exit) = oneshot();
        let (input, typed) = channel::<Vec<u8>>();
        let sink = |stream| {
            let to = out.clone();
            File::sink(move |data| {
                // The other side may have gone; the command goes on regardless.
                let _unread = to.send((stream, data.to_vec()));
            })
        };
        let mut feed = None;
        let (streams, tty) = if options.tty {
            let number = self.rng.borrow_mut().below(4) + 1;
            let to = out.clone();
            let tty = Tty::new(&format!("pts/{number}"), move |data| {
                let _unread = to.send((Stream::Stdout, data.to_vec()));
            });
            if let Some((columns, rows)) = options.size {
                tty.set_size(columns, rows);
            }
            let streams = Streams { stdin: tty.file(), stdout: tty.file(), stderr: tty.file(), tty: Some(tty.clone()) };
            (streams, Some(tty))
        } else {
            let stdin = if options.stdin {
                let (reader, writer) = crate::os::file::pipe();
                feed = Some(writer);
                reader
            } else {
                File::null()
            };
            (Streams { stdin, stdout: sink(Stream::Stdout), stderr: sink(Stream::Stderr), tty: None }, None)
        };
        let proc = match exec::spawn(&self.machine, &container, options.command, streams, &mut self.rng.borrow_mut()) {
            Ok(proc) => proc,
            Err(text) => {
                done.send(Err(Error::internal(format!("error executing command in container: {text}"))));
                return Ok(Session { stdin: None, output, resize, exit });
            }
        };
        let feeder = match (tty, feed) {
            (Some(tty), _) => {
                let fed = feed_tty(tty.clone(), typed, resized, options.stdin);
                Some(self.sim.spawn(async move {
                    fed.await;
                    tty.hang_up();
                }))
            }
            (None, Some(writer)) => Some(self.sim.spawn(feed_pipe(writer, typed))),
            (None, None) => None,
        };
        let ended = self.machine.wait(&proc);
        self.sim.spawn(async move {
            let code = ended.await.code();
            // It holds the terminal, and the terminal the way out, which ends with the command.
            if let Some(feeder) = feeder {
                feeder.abort();
            }
            done.send(Ok(code));
        });
        Ok(Session { stdin: options.stdin.then_some(input), output, resize, exit })
    }

    fn serve_attach(&self, pod: &Pod, name: &str, options: ExecOptions) -> Result<Session> {
        let container = self.running(pod, name)?;
        let once = super::kill::find(pod, name).is_some_and(|(spec, _)| spec.stdin_once == Some(true));
        let (out, output) = channel();
        let (resize, resized) = channel();
        let (done, exit): (OneshotSender<Result<i32>>, OneshotReceiver<Result<i32>>) = oneshot();
        let (input, typed) = channel::<Vec<u8>>();
        container.log.listen(out);
        if let Some(tty) = container.tty.clone() {
            if let Some((columns, rows)) = options.size {
                tty.set_size(columns, rows);
            }
            // Who leaves a container's terminal leaves it open.
            self.sim.spawn(feed_tty(tty, typed, resized, options.stdin));
        } else if options.stdin
            && let Some(writer) = container.stdin()
        {
            let container = container.clone();
            self.sim.spawn(async move {
                feed_pipe(writer, typed).await;
                if once {
                    container.close_stdin();
                }
            });
        }
        self.sim.spawn(async move {
            container.ended().await;
            // attach has no exit code of its own: the client looks at the pod.
            done.send(Ok(0));
        });
        Ok(Session { stdin: options.stdin.then_some(input), output, resize, exit })
    }
}

/// Which instance's log to show, or why there is none (`validateContainerLogStatus`).
fn log_of(status: &ContainerStatus, pod: &str, previous: bool) -> Result<String> {
    let name = &status.name;
    let own = || status.container_id.clone().filter(|id| !id.is_empty());
    let last = status.last_state.as_ref().and_then(|s| s.terminated.as_ref()).and_then(|t| t.container_id.clone());
    let starting =
        |why: &str| Error::bad_request(format!("container \"{name}\" in pod \"{pod}\" is waiting to start: {why}"));
    if previous {
        return last.filter(|id| !id.is_empty()).ok_or_else(|| {
            Error::bad_request(format!("previous terminated container \"{name}\" in pod \"{pod}\" not found"))
        });
    }
    let state = status.state.clone().unwrap_or_default();
    if state.running.is_some() {
        return own().ok_or_else(|| starting("ContainerCreating"));
    }
    if let Some(ended) = &state.terminated {
        // An instance whose end nobody saw has no log; the one before it may have.
        return match ended.container_id.clone().filter(|id| !id.is_empty()).or(last) {
            Some(id) => Ok(id),
            None => Err(starting("no logs available")),
        };
    }
    if let Some(id) = last {
        return Ok(id);
    }
    match state.waiting.and_then(|w| w.reason) {
        Some(reason) => Err(match reason.as_str() {
            "ErrImagePull" => starting("image can't be pulled"),
            "ImagePullBackOff" => starting("trying and failing to pull image"),
            reason => starting(reason),
        }),
        None => Err(starting("no logs available")),
    }
}

/// Passes log lines on as asked.
struct LogWriter {
    to: Sender<Vec<u8>>,
    timestamps: bool,
    since: Option<Timestamp>,
    left: Option<usize>,
}

impl LogWriter {
    /// False if no more is wanted.
    fn write(&mut self, lines: &[Line]) -> bool {
        let mut data = Vec::new();
        let mut whole = true;
        for line in lines {
            if self.since.is_some_and(|since| line.at < since) {
                continue;
            }
            if self.timestamps && whole {
                data.extend_from_slice(format!("{:.9} ", line.at).as_bytes());
            }
            data.extend_from_slice(&line.data);
            whole = line.data.ends_with(b"\n");
        }
        if let Some(left) = &mut self.left {
            data.truncate(*left);
            *left -= data.len();
        }
        let more = self.left != Some(0);
        (data.is_empty() || self.to.send(data).is_ok()) && more
    }
}

async fn follow(log: Log, mut from: usize, mut writer: LogWriter) {
    loop {
        let changed = log.changed();
        let lines = log.since(from);
        from += lines.len();
        if !lines.is_empty() && !writer.write(&lines) {
            return;
        }
        if log.is_closed() || writer.to.is_closed() {
            return;
        }
        changed.await;
    }
}

async fn feed_pipe(writer: File, mut typed: Receiver<Vec<u8>>) {
    while let Some(data) = typed.recv().await {
        if writer.write_all(&data).await.is_err() {
            return;
        }
    }
}

/// Passes on what is typed and the terminal's size until both have ended.
async fn feed_tty(tty: Tty, typed: Receiver<Vec<u8>>, resized: Receiver<(u16, u16)>, interactive: bool) {
    let (typed, resized) = (RefCell::new(typed), RefCell::new(resized));
    let (mut typing, mut sizing) = (interactive, true);
    loop {
        match (typing, sizing) {
            (false, false) => break,
            (true, false) => match receive(&typed).await {
                Some(data) => tty.input(&data),
                None => typing = false,
            },
            (false, true) => match receive(&resized).await {
                Some((columns, rows)) => tty.set_size(columns, rows),
                None => sizing = false,
            },
            (true, true) => match race(receive(&typed), receive(&resized)).await {
                Either::Left(Some(data)) => tty.input(&data),
                Either::Left(None) => typing = false,
                Either::Right(Some((columns, rows))) => tty.set_size(columns, rows),
                Either::Right(None) => sizing = false,
            },
        }
    }
}

async fn receive<T>(from: &RefCell<Receiver<T>>) -> Option<T> {
    std::future::poll_fn(|cx| from.borrow_mut().poll_recv(cx)).await
}
