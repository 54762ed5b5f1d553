//! Probes: one task each, a tick every period. Sources: kubernetes `pkg/kubelet/prober/{worker,prober}.go`,
//! `pkg/probe/`.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    net::{Ipv4Addr, SocketAddr},
    rc::{Rc, Weak},
    task::Poll,
    time::Duration,
};

use k8s_openapi::{
    api::core::v1::{ContainerStatus, HTTPGetAction, PodStatus, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{
    Inner,
    actions::Verdicts,
    exec, hooks, kill,
    runtime::Container,
    start::pod_label,
    status::{init_containers, is_sidecar, is_terminal, pod::ProbeResults, restart::restarts_after, running},
    worker::Worker,
};
use crate::{
    api::{Container as ContainerSpec, Pod, PodSpec},
    apiserver::events::EventType,
    os::Errno,
    programs::net::{
        grpc,
        http::{self, Message, Url},
    },
    sim::{Either, Notify, SimTime, Task, WaitQueue, race},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Startup,
    Liveness,
    Readiness,
}

impl Kind {
    fn probe(self, container: &ContainerSpec) -> Option<&Probe> {
        match self {
            Kind::Startup => container.startup_probe.as_ref(),
            Kind::Liveness => container.liveness_probe.as_ref(),
            Kind::Readiness => container.readiness_probe.as_ref(),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Kind::Startup => "Startup",
            Kind::Liveness => "Liveness",
            Kind::Readiness => "Readiness",
        }
    }
}

/// Tries of one probe when it can't be made at all.
const TRIES: usize = 3;
/// A probe that a status asks for comes a little after it.
const TRIGGERED: Duration = Duration::from_millis(2);
const MAX_REDIRECTS: usize = 10;
const AGENT: &str = "kube-probe/1.36";

/// The probes of a pod.
#[derive(Default)]
pub struct Probes {
    probes: RefCell<BTreeMap<(String, Kind), Running>>,
}

struct Running {
    task: Option<Task>,
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    /// The container that the result is about, by its full id.
    id: RefCell<String>,
    /// `None`: unknown.
    result: Cell<Option<bool>>,
    /// No probing until another container comes.
    on_hold: Cell<bool>,
    run: Cell<u32>,
    /// The probes that came out as the last one did, and those before.
    streak: Cell<Option<Streak>>,
    streaks: RefCell<VecDeque<Streak>>,
    /// A readiness probe is asked for out of turn.
    triggered: Cell<bool>,
    /// Its worker, until then.
    waiting: WaitQueue,
}

impl State {
    /// Waits until a probe is asked for out of turn.
    fn triggered(&self) -> impl Future<Output = ()> {
        poll_fn(|cx| {
            if self.triggered.get() {
                return Poll::Ready(());
            }
            self.waiting.register(cx);
            Poll::Pending
        })
    }

    /// How the last probe came out.
    fn last(&self) -> Option<bool> {
        self.streak.get().map(|streak| streak.success)
    }

    fn note(&self, now: SimTime, success: bool) {
        let streak = match self.streak.get() {
            Some(last) if last.success == success => Streak { until: now, count: last.count.saturating_add(1), ..last },
            other => {
                let mut streaks = self.streaks.borrow_mut();
                streaks.extend(other);
                if streaks.len() == MAX_STREAKS {
                    streaks.pop_front();
                }
                Streak { from: now, until: now, count: 1, success }
            }
        };
        self.streak.set(Some(streak));
    }
}

/// Probes in a row that came out alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streak {
    /// The first of them and the last.
    pub from: SimTime,
    pub until: SimTime,
    pub count: u32,
    pub success: bool,
}

/// Streaks that are remembered of a probe.
const MAX_STREAKS: usize = 64;

/// A probe's counters, for the picture.
#[derive(Clone, Debug)]
pub struct Counter {
    pub container: String,
    pub kind: Kind,
    /// How the last probe came out, and how many in a row did so.
    pub last: Option<bool>,
    pub run: u32,
    pub result: Option<bool>,
    /// How it came out so far, oldest first.
    pub streaks: Vec<Streak>,
}

impl ProbeResults for Probes {
    fn update(&self, status: &mut ContainerStatus) {
        let id = status.container_id.clone().unwrap_or_default();
        let started = running(status) && self.has_started(status, &id);
        status.started = Some(started);
        status.ready = started && self.result(&status.name, Kind::Readiness, &id, Some(true)) == Some(true);
    }
}

impl Verdicts for Probes {
    fn startup(&self, name: &str, id: &str) -> Option<bool> {
        self.result(name, Kind::Startup, id, Some(true))
    }

    fn is_dead(&self, name: &str, id: &str) -> bool {
        self.result(name, Kind::Liveness, id, None) == Some(false)
    }
}

impl Probes {
    fn has_started(&self, status: &ContainerStatus, id: &str) -> bool {
        let probes = self.probes.borrow();
        match probes.get(&(status.name.clone(), Kind::Startup)) {
            None => true,
            Some(running) if *running.state.id.borrow() == id => running.state.result.get() == Some(true),
            // The probe hasn't come to this instance yet: what was said of the one before goes on.
            Some(_) => status.started == Some(true),
        }
    }

    /// A probe's result for this instance; `without` if there is no such probe.
    fn result(&self, container: &str, kind: Kind, id: &str, without: Option<bool>) -> Option<bool> {
        let probes = self.probes.borrow();
        if probes.is_empty() {
            return without;
        }
        let Some(running) = probes.get(&(container.to_string(), kind)) else { return without };
        if *running.state.id.borrow() == id { running.state.result.get() } else { None }
    }

    pub fn counters(&self) -> Vec<Counter> {
        let counter = |((container, kind), running): (&(String, Kind), &Running)| Counter {
            container: container.clone(),
            kind: *kind,
            last: running.state.last(),
            run: running.state.run.get(),
            result: running.state.result.get(),
            streaks: running.state.streaks.borrow().iter().copied().chain(running.state.streak.get()).collect(),
        };
        self.probes.borrow().iter().map(counter).collect()
    }

    /// Probes readiness now, or as soon as the probe that runs is over.
    pub fn trigger_readiness(&self, container: &str) {
        let probes = self.probes.borrow();
        if let Some(running) = probes.get(&(container.to_string(), Kind::Readiness)) {
            running.state.triggered.set(true);
            running.state.waiting.wake();
        }
    }

    /// Starts the workers of a pod's probes, those that aren't there yet.
    pub(super) fn start(&self, worker: &Rc<Worker>, kubelet: &Rc<Inner>, pod: &Pod) {
        let Some(spec) = &pod.spec else { return };
        let lasting =
            |(place, container): &(usize, &ContainerSpec)| *place < spec.containers.len() || is_sidecar(container);
        for (place, container) in containers(spec).enumerate().filter(lasting) {
            for kind in [Kind::Startup, Kind::Readiness, Kind::Liveness] {
                let Some(probe) = kind.probe(container) else { continue };
                let key = (container.name.clone(), kind);
                if self.probes.borrow().contains_key(&key) {
                    continue;
                }
                let state = Rc::new(State::default());
                let prober = Prober {
                    kubelet: kubelet.clone(),
                    worker: Rc::downgrade(worker),
                    container: container.name.clone(),
                    place,
                    kind,
                    spec: probe.clone(),
                    state: state.clone(),
                    target: RefCell::default(),
                    dialled: Cell::default(),
                    known: RefCell::default(),
                };
                let period = Duration::from_secs(u64::from(number(probe.period_seconds, 10)));
                let task = kubelet.sim.spawn(prober.run(period));
                self.probes.borrow_mut().insert(key, Running { task: Some(task), state });
            }
        }
    }

    pub fn stop_liveness_and_startup(&self) {
        self.stop(|kind| kind != Kind::Readiness);
    }

    pub fn stop_all(&self) {
        self.stop(|_| true);
    }

    fn stop(&self, which: impl Fn(Kind) -> bool) {
        let mut tasks = Vec::new();
        for ((_, kind), running) in self.probes.borrow_mut().iter_mut() {
            if which(*kind) {
                tasks.extend(running.task.take());
            }
        }
        for task in tasks {
            task.abort();
        }
    }
}

struct Prober {
    kubelet: Rc<Inner>,
    worker: Weak<Worker>,
    /// Its name: what it is, the pod knows.
    container: String,
    /// Its place among the pod's containers, which stay as they are.
    place: usize,
    kind: Kind,
    /// What the pod's spec says of it, which never changes.
    spec: Probe,
    state: Rc<State>,
    /// Where an httpGet probe went last, and for which address of the sandbox.
    target: RefCell<Option<(Option<Ipv4Addr>, Rc<Target>)>>,
    /// Likewise for the probes that name a port alone.
    dialled: Cell<Option<(Option<Ipv4Addr>, SocketAddr)>>,
    known: RefCell<Option<Known>>,
}

/// A container that was to be probed, and the pod by which.
struct Known {
    written: Rc<Pod>,
    pod: Rc<Pod>,
    container: Weak<Container>,
}

/// What a tick calls for.
enum Due {
    Probe(Rc<Container>),
    Nothing,
    /// There is nothing to probe any more.
    End,
}

/// What an httpGet probe asks whom.
struct Target {
    to: SocketAddr,
    url: Url,
    message: Message,
}

/// What a probe sends: its connection serves no other.
fn request(url: &Url, action: &HTTPGetAction) -> Message {
    let mut request = hooks::request(url, action, AGENT);
    if request.keep_alive() {
        request.headers.add("Connection", "close");
    }
    Message::from(&request)
}

/// How one probe came out.
enum Outcome {
    Success,
    Failure(String),
    Warning(String),
    /// It could not be made.
    Error(String),
}

/// A pod's containers, then its init containers.
fn containers(spec: &PodSpec) -> impl Iterator<Item = &ContainerSpec> {
    spec.containers.iter().chain(init_containers(spec))
}

fn number(value: Option<i32>, default: u32) -> u32 {
    value.and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0).unwrap_or(default)
}

impl Prober {
    async fn run(self, period: Duration) {
        let sim = self.kubelet.sim.clone();
        let mut next = sim.now() + period;
        loop {
            let _first: Either<(), ()> = race(self.state.triggered(), sim.sleep_until(next)).await;
            if self.state.triggered.replace(false) {
                // The ticks are counted from here.
                sim.sleep(TRIGGERED).await;
                next = sim.now() + period;
            } else {
                // Of the ticks that a slow probe misses, one is caught up on.
                while next <= sim.now() {
                    next = next + period;
                }
            }
            let Some(worker) = self.worker.upgrade() else { return };
            let pod = worker.pod();
            match self.due(&worker, &pod) {
                Due::Probe(container) => Box::pin(self.probe_once(&worker, &pod, &container)).await,
                Due::Nothing => {}
                Due::End => return,
            }
            // An answer that can't change needn't be asked for: the ticks go on when that is over.
            if let Some(over) = self.steady() {
                drop((worker, pod));
                let _first: Either<(), ()> = race(self.state.triggered(), over.notified()).await;
                while next <= sim.now() {
                    next = next + period;
                }
            }
        }
    }

    /// The container that has the probe.
    fn probed<'a>(&self, pod: &'a Pod) -> Option<(&'a PodSpec, &'a ContainerSpec)> {
        let spec = pod.spec.as_ref()?;
        Some((spec, containers(spec).nth(self.place)?))
    }

    fn port(&self, pod: &Pod, port: &IntOrString) -> Result<u16, String> {
        let (_, container) = self.probed(pod).ok_or("no such container")?;
        hooks::port(container, port)
    }

    /// If the probe succeeds, and will for as long as its server listens: the end of that.
    fn steady(&self) -> Option<Notify> {
        let done = self.kind == Kind::Startup && self.state.on_hold.get();
        if !done && self.state.result.get() != Some(true) || self.state.last() != Some(true) {
            return None;
        }
        let to = self.target.borrow().as_ref()?.1.to;
        self.kubelet.machine.namespaces().net.steady(to)
    }

    fn set(&self, worker: &Worker, result: Option<bool>) {
        if self.state.result.replace(result) == result {
            return;
        }
        if self.kind != Kind::Liveness || result == Some(false) {
            worker.poke();
        }
    }

    /// What a tick calls for.
    fn due(&self, worker: &Worker, pod: &Rc<Pod>) -> Due {
        let written = worker.told();
        let containers = worker.containers.borrow();
        // While nothing is written, what was found out last time still holds.
        if let Some(known) = &*self.known.borrow()
            && Rc::ptr_eq(&known.written, &written)
            && Rc::ptr_eq(&known.pod, pod)
            && !self.state.on_hold.get()
            && let Some(container) = containers.iter().find(|c| Rc::as_ptr(c) == known.container.as_ptr())
        {
            return Due::Probe(container.clone());
        }
        let none = PodStatus::default();
        let status = written.status.as_deref().unwrap_or(&none);
        if is_terminal(status.phase.as_deref()) {
            return Due::End;
        }
        let name = &self.container;
        let mut all = status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten());
        let Some(told) = all.find(|s| s.name == *name) else { return Due::Nothing };
        let Some(id) = told.container_id.as_deref().filter(|id| !id.is_empty()) else { return Due::Nothing };
        let state = &self.state;
        if *state.id.borrow() != id {
            state.id.replace(id.to_string());
            let initial = match self.kind {
                Kind::Startup => None,
                Kind::Liveness => Some(true),
                Kind::Readiness => Some(false),
            };
            state.result.set(initial);
            if self.kind != Kind::Liveness {
                worker.poke();
            }
            state.on_hold.set(false);
        }
        if state.on_hold.get() {
            return Due::Nothing;
        }
        let Some(running) = told.state.as_ref().and_then(|s| s.running.as_ref()) else {
            self.set(worker, Some(false));
            let end = told.state.as_ref().and_then(|s| s.terminated.as_ref());
            let comes_back =
                |code| self.probed(pod).is_some_and(|(spec, container)| restarts_after(container, spec, code));
            return if end.is_none_or(|end| comes_back(end.exit_code)) { Due::Nothing } else { Due::End };
        };
        if pod.metadata.deletion_timestamp.is_some() && self.kind != Kind::Readiness {
            self.state.result.set(Some(true));
            return Due::End;
        }
        let now = self.kubelet.sim.wall();
        let age = running.started_at.as_ref().map_or(0, |at| now.duration_since(at.0).as_secs());
        if age < i64::from(self.spec.initial_delay_seconds.unwrap_or(0)) {
            return Due::Nothing;
        }
        // Only a startup probe runs before the container has started, and only then.
        if (told.started == Some(true)) == (self.kind == Kind::Startup) {
            return Due::Nothing;
        }
        let Some(container) = containers.iter().find(|c| id.ends_with(&*c.id)) else { return Due::Nothing };
        let known = Known { written: written.clone(), pod: pod.clone(), container: Rc::downgrade(container) };
        *self.known.borrow_mut() = Some(known);
        Due::Probe(container.clone())
    }

    /// `doProbe`
    async fn probe_once(&self, worker: &Rc<Worker>, pod: &Pod, container: &Rc<Container>) {
        let Some(success) = self.probe(worker, pod, container).await else { return };
        let state = &self.state;
        state.run.set(if state.last() == Some(success) { state.run.get() + 1 } else { 1 });
        state.note(self.kubelet.sim.now(), success);
        let needed =
            if success { number(self.spec.success_threshold, 1) } else { number(self.spec.failure_threshold, 3) };
        if state.run.get() < needed {
            return;
        }
        if state.result.get() != Some(success) {
            let (name, id) = (&self.container, state.id.borrow().clone());
            match self.kind {
                Kind::Readiness => Box::pin(worker.tell_readiness(&self.kubelet, name, &id, success)).await,
                Kind::Startup => Box::pin(worker.tell_startup(&self.kubelet, name, &id, success)).await,
                Kind::Liveness => {}
            }
        }
        self.set(worker, Some(success));
        if self.kind == Kind::Startup || self.kind == Kind::Liveness && !success {
            state.on_hold.set(true);
            state.run.set(0);
        }
    }

    /// One probe with its events; `None` if nothing can be said.
    async fn probe(&self, worker: &Rc<Worker>, pod: &Pod, container: &Rc<Container>) -> Option<bool> {
        let mut outcome = Outcome::Error(String::new());
        for _ in 0..TRIES {
            outcome = self.attempt(worker, pod, container).await;
            if !matches!(outcome, Outcome::Error(_)) {
                break;
            }
        }
        let title = self.kind.title();
        let event = |reason: &str, text: String| {
            let path = kill::find(pod, &self.container).map(|(_, path)| path);
            self.kubelet.event(pod, path.as_deref(), EventType::Warning, reason, text);
        };
        match outcome {
            Outcome::Success => Some(true),
            Outcome::Warning(text) => {
                event("ProbeWarning", format!("{title} probe warning: {text}"));
                Some(true)
            }
            Outcome::Failure(text) => {
                event("Unhealthy", format!("{title} probe failed: {text}"));
                Some(false)
            }
            Outcome::Error(text) => {
                event("Unhealthy", format!("{title} probe errored and resulted in unknown state: {text}"));
                None
            }
        }
    }

    async fn attempt(&self, worker: &Rc<Worker>, pod: &Pod, container: &Rc<Container>) -> Outcome {
        let limit = Duration::from_secs(u64::from(number(self.spec.timeout_seconds, 1)));
        let machine = &self.kubelet.machine;
        if let Some(action) = &self.spec.exec {
            let argv = action.command.clone().unwrap_or_default();
            return match Box::pin(exec::run(machine, container, &argv, limit, &self.kubelet.rng)).await {
                exec::Ran::Exited(0, _) => Outcome::Success,
                exec::Ran::Exited(_, output) => Outcome::Failure(output),
                exec::Ran::TimedOut => Outcome::Failure(format!(
                    "command timed out: \"{}\" timed out after {}s",
                    argv.join(" "),
                    limit.as_secs()
                )),
                exec::Ran::NotStarted(text) => Outcome::Error(format!("rpc error: code = Unknown desc = {text}")),
            };
        }
        if let Some(action) = &self.spec.http_get {
            return Box::pin(self.http(worker, pod, action, limit)).await;
        }
        if let Some(action) = &self.spec.tcp_socket {
            let to = match self.dialled(worker, action.host.as_deref(), || self.port(pod, &action.port)) {
                Ok(to) => to,
                Err(text) => return Outcome::Error(text),
            };
            return match self.connect(to, limit).await {
                Ok(()) => Outcome::Success,
                Err(text) => Outcome::Failure(text),
            };
        }
        if let Some(action) = &self.spec.grpc {
            let to = match self.dialled(worker, None, || Ok(u16::try_from(action.port).unwrap_or(0))) {
                Ok(to) => to,
                Err(text) => return Outcome::Error(text),
            };
            let service = action.service.as_deref().unwrap_or_default();
            let net = &machine.namespaces().net;
            return match grpc::probe(&self.kubelet.sim, net, to, service, limit).await {
                Ok(()) => Outcome::Success,
                Err(failure) => Outcome::Failure(failure.to_string()),
            };
        }
        Outcome::Error(format!("missing probe handler for {}:{}", pod_label(&worker.pod()), self.container))
    }

    /// Found out once, as it changes with the pod's address alone.
    fn dialled(
        &self,
        worker: &Worker,
        host: Option<&str>,
        port: impl FnOnce() -> Result<u16, String>,
    ) -> Result<SocketAddr, String> {
        let address = worker.sandbox.borrow().as_ref().map(|sandbox| sandbox.address);
        if let (Some((known, to)), Some(address)) = (self.dialled.get(), address)
            && known == address
        {
            return Ok(to);
        }
        let to = self.address(worker, host, port()?)?;
        self.dialled.set(address.map(|address| (address, to)));
        Ok(to)
    }

    fn address(&self, worker: &Worker, host: Option<&str>, port: u16) -> Result<SocketAddr, String> {
        let host = match host.filter(|host| !host.is_empty()) {
            Some(host) => host.to_string(),
            None => worker.pod_ips(&self.kubelet).first().cloned().ok_or("pod has no IP")?,
        };
        let ip = host.parse().map_err(|_| format!("dial tcp: lookup {host}: no such host"))?;
        Ok(SocketAddr::new(ip, port))
    }

    async fn connect(&self, to: SocketAddr, limit: Duration) -> Result<(), String> {
        let net = &self.kubelet.machine.namespaces().net;
        match self.kubelet.sim.timeout(limit, net.connect(None, to)).await {
            Some(Ok(_)) => Ok(()),
            Some(Err(Errno::ETIMEDOUT)) | None => Err(format!("dial tcp {to}: i/o timeout")),
            Some(Err(error)) => Err(format!("dial tcp {to}: connect: {}", http::go_errno(error))),
        }
    }

    /// Made once, as it changes with the pod's address alone.
    fn target(&self, worker: &Worker, pod: &Pod, action: &HTTPGetAction) -> Result<Rc<Target>, String> {
        let address = worker.sandbox.borrow().as_ref().and_then(|sandbox| sandbox.address);
        if let Some((known, target)) = &*self.target.borrow()
            && *known == address
        {
            return Ok(target.clone());
        }
        let (_, container) = self.probed(pod).ok_or("no such container")?;
        let (to, url) = hooks::target(&self.kubelet, worker, container, action)?;
        let target = Rc::new(Target { to, message: request(&url, action), url });
        *self.target.borrow_mut() = Some((address, target.clone()));
        Ok(target)
    }

    async fn http(&self, worker: &Worker, pod: &Pod, action: &HTTPGetAction, limit: Duration) -> Outcome {
        let first = match self.target(worker, pod, action) {
            Ok(target) => target,
            Err(text) => return Outcome::Error(text),
        };
        let net = &self.kubelet.machine.namespaces().net;
        let deadline = self.kubelet.sim.now() + limit;
        let mut target = first.clone();
        for _ in 0..MAX_REDIRECTS {
            let left = deadline.since(self.kubelet.sim.now());
            let Target { to, url, message } = &*target;
            let response = match http::get(&self.kubelet.sim, net, *to, url, message, left).await {
                Ok(response) => response,
                Err(error) => return Outcome::Failure(format!("Get \"{}\": {error}", hooks::show(&first.url))),
            };
            let location = response.headers.get("location").filter(|_| (301..=308).contains(&response.status));
            let Some(location) = location else {
                return if (200..400).contains(&response.status) {
                    Outcome::Success
                } else {
                    Outcome::Failure(format!("HTTP probe failed with statuscode: {}", response.status))
                };
            };
            let Ok(next) = url.join(location) else { return Outcome::Success };
            if next.host != url.host {
                let body = String::from_utf8_lossy(&response.body).into_owned();
                return Outcome::Warning(format!("Probe terminated redirects, Response body: {body}"));
            }
            let to = SocketAddr::new(to.ip(), next.port);
            target = Rc::new(Target { to, message: request(&next, action), url: next });
        }
        Outcome::Failure(format!("Get \"{}\": stopped after {MAX_REDIRECTS} redirects", hooks::show(&first.url)))
    }
}
