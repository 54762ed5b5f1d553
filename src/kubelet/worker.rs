//! A pod's worker: one task that syncs the pod until it ends, then ends it and cleans up.
//! Source: kubernetes `pkg/kubelet/pod_workers.go`, `pkg/kubelet/kubelet.go` (`SyncPod`, …).

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::{Rc, Weak},
    time::Duration,
};

use k8s_openapi::api::core::v1::{Container as ContainerSpec, Pod, PodCondition, PodStatus, Volume};

use super::{
    Inner, LeftBehind, PICKUP,
    actions::{self, Actions},
    admission,
    backoff::Backoff,
    env::Context,
    probes::Probes,
    relist::Seen,
    resize::Resize,
    runtime::{Container, Sandbox},
    status::{
        Runtime,
        conditions::ALL_RESTARTING,
        containers::Reasons,
        init_containers, is_sidecar, is_terminal,
        pod::{Input, finish, generate, terminate},
        restart,
    },
    volumes::{Source, Volumes},
};
use crate::{
    api::{
        Kind, Resource,
        client::{self, DeleteOptions},
    },
    apiserver::events::EventType,
    os::Filesystem,
    sim::{Either, Notify, SimTime, Task, race},
};

/// A healthy pod is synced this often, and up to half as much later.
const SYNC: Duration = Duration::from_secs(60);
/// After a sync that failed.
const RETRY: Duration = Duration::from_secs(10);

/// The volume manager: when it first tries, how often the worker looks, the retries' delays, and
/// when a wait gives up.
const MOUNT_FIRST: Duration = Duration::from_millis(150);
const MOUNT_LOOK: Duration = Duration::from_millis(300);
const MOUNT_RETRY: Duration = Duration::from_millis(500);
const MOUNT_RETRY_MAX: Duration = Duration::from_secs(122);
const MOUNT_TIMEOUT: Duration = Duration::from_secs(123);
/// What the kubelet writes into volumes is brought up to date by the periodic sync.
const VOLUME_REFRESH: Duration = Duration::from_secs(50);

const DEADLINE: (&str, &str) = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline");

/// How far a pod's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Life {
    Syncing,
    /// Its containers are being stopped.
    Terminating,
    /// Nothing of it runs any more.
    Terminated,
}

pub(crate) struct Worker {
    pub(super) kubelet: Weak<Inner>,
    uid: String,
    pod: RefCell<Rc<Pod>>,
    /// The pod as it was when its status was last written.
    written: RefCell<Option<Rc<Pod>>>,
    pub(super) life: Cell<Life>,
    /// Its object is gone from the server.
    gone: Cell<bool>,
    /// Refused at admission, or ended before this kubelet started.
    pub(super) sandbox: RefCell<Option<Rc<Sandbox>>>,
    /// Of the last sandbox.
    pub(super) last_attempt: Cell<Option<u32>>,
    /// Newest first; two a name at most.
    pub(super) containers: RefCell<Vec<Rc<Container>>>,
    pub(super) volumes: Volumes,
    /// When the volumes' contents were last brought up to date.
    refreshed: Cell<SimTime>,
    /// hosts, hostname, resolv.conf, termination logs.
    pub(super) files: RefCell<Option<Filesystem>>,
    pub(super) shm: RefCell<Option<Filesystem>>,
    pub(super) reasons: RefCell<Reasons>,
    pub(super) crash_backoff: RefCell<Backoff>,
    pub(super) probes: Probes,
    /// When the next sync is due by itself; `None` while there is none to come.
    due: Cell<Option<SimTime>>,
    wake: Notify,
    /// Something happened that calls for a sync.
    pending: Cell<bool>,
    seen: Seen,
    pub(super) resize: RefCell<Resize>,
    syncing: Cell<bool>,
    /// Sets volumes up, while one is missing.
    mounter: RefCell<Option<Task>>,
    /// The deadline of a container's back-off, by name; for the picture.
    pub(super) restarts_at: RefCell<BTreeMap<String, SimTime>>,
    /// When the grace period of what is being stopped ends.
    pub(super) grace_ends: Cell<Option<SimTime>>,
    task: RefCell<Option<Task>>,
}

/// How a sync came out.
enum Outcome {
    /// The pod has reached its end.
    Ended,
    /// Whether anything was done.
    Done(bool),
    /// Something failed: sync again after this.
    Again(Duration),
}

impl Worker {
    pub(super) fn new(kubelet: &Rc<Inner>, pod: Rc<Pod>) -> Rc<Worker> {
        let left = kubelet.left_behind.borrow_mut().remove(pod.uid()).unwrap_or_default();
        Rc::new(Worker {
            kubelet: Rc::downgrade(kubelet),
            uid: pod.uid().to_string(),
            pod: RefCell::new(pod),
            written: RefCell::default(),
            life: Cell::new(Life::Syncing),
            gone: Cell::default(),
            sandbox: RefCell::default(),
            last_attempt: Cell::new(left.attempt),
            containers: RefCell::new(left.containers),
            volumes: Volumes::default(),
            refreshed: Cell::default(),
            files: RefCell::default(),
            shm: RefCell::default(),
            reasons: RefCell::default(),
            crash_backoff: RefCell::default(),
            probes: Probes::default(),
            due: Cell::default(),
            wake: Notify::new(),
            pending: Cell::default(),
            seen: Seen::default(),
            resize: RefCell::default(),
            syncing: Cell::default(),
            mounter: RefCell::default(),
            restarts_at: RefCell::default(),
            grace_ends: Cell::default(),
            task: RefCell::default(),
        })
    }

    pub(super) fn uid(&self) -> &str {
        &self.uid
    }

    /// The pod as it is to run: with the resources that it was granted.
    pub(super) fn pod(&self) -> Rc<Pod> {
        let granted = self.resize.borrow().granted.clone();
        granted.unwrap_or_else(|| self.pod.borrow().clone())
    }

    /// Starts the task.
    pub(super) fn begin(self: &Rc<Self>) {
        let Some(kubelet) = self.kubelet.upgrade() else { return };
        let me = self.clone();
        let task = kubelet.sim.spawn(async move { me.run().await });
        *self.task.borrow_mut() = Some(task);
    }

    /// Ends all tasks at once: the node has lost its power.
    pub(super) fn abort(&self) {
        let task = self.task.take();
        if let Some(task) = task {
            task.abort();
        }
        let mounter = self.mounter.take();
        if let Some(mounter) = mounter {
            mounter.abort();
        }
        self.probes.stop_all();
    }

    /// What outlives a power cut; gives the pod's address back.
    pub(super) fn leave_behind(&self, kubelet: &Inner) -> LeftBehind {
        let containers = self.containers.take();
        containers.iter().for_each(|container| container.lost(kubelet.sim.now()));
        let sandbox = self.sandbox.take();
        if let Some(sandbox) = sandbox {
            sandbox.up.set(false);
            if let (Some(ipam), Some(address)) = (&kubelet.ipam, sandbox.address) {
                ipam.free(address);
            }
        }
        LeftBehind { containers, attempt: self.last_attempt.get() }
    }

    /// Whether it counts against the node's resources.
    pub(super) fn holds_resources(&self) -> bool {
        self.life.get() != Life::Terminated && !is_terminal(self.phase().as_deref())
    }

    /// The pod has changed at the server.
    pub(super) fn update(self: &Rc<Self>, pod: Rc<Pod>) {
        let granted = self.pod();
        let old = self.pod.replace(pod.clone());
        if let Some(kubelet) = self.kubelet.upgrade().filter(|_| self.life.get() == Life::Syncing) {
            self.resize(&kubelet, &granted, &pod);
        }
        let (before, now) = (&old.metadata, &pod.metadata);
        let different = before.generation != now.generation
            || before.deletion_timestamp != now.deletion_timestamp
            || before.labels != now.labels
            || before.annotations != now.annotations;
        let gates = || {
            let gates = pod.spec.as_ref().is_some_and(|spec| spec.readiness_gates.is_some());
            let conditions = |pod: &Pod| pod.status.as_ref().map(|status| status.conditions.clone());
            gates && conditions(&old) != conditions(&pod)
        };
        if different || gates() {
            self.poke();
        }
    }

    /// Tries a resize again that waits for room.
    pub(super) fn retry_resize(&self, kubelet: &Inner) {
        let (granted, wanted) = (self.pod(), self.pod.borrow().clone());
        self.resize(kubelet, &granted, &wanted);
        if !self.wants_room() {
            self.poke();
        }
    }

    pub(super) fn gone(&self) {
        self.gone.set(true);
        self.poke();
    }

    /// Asks for a sync now.
    pub(super) fn poke(&self) {
        self.pending.set(true);
        self.wake.notify();
    }

    /// The runtime's state has changed: the next relist sees it.
    pub(super) fn runtime_changed(&self) {
        let Some(kubelet) = self.kubelet.upgrade() else { return };
        if self.seen.changed(kubelet.next_relist()) {
            self.wake.notify();
        }
    }

    /// A relist: what the runtime knows now is what syncs go by, and calls for one if it is new.
    fn relist(&self, kubelet: &Inner) {
        if !self.seen.is_stale() {
            return;
        }
        self.seen.look(self.runtime(kubelet));
        self.pending.set(true);
        // Of the dead containers of a name, the last one is kept.
        let mut containers = self.containers.borrow_mut();
        let before = containers.len();
        let mut dead: Vec<String> = Vec::new();
        containers.retain(|c| {
            let kept = c.is_running() || !dead.contains(&c.name);
            if !c.is_running() {
                dead.push(c.name.clone());
            }
            kept
        });
        if containers.len() < before {
            self.seen.tidied(kubelet.next_relist());
        }
    }

    /// The runtime as syncs see it.
    fn seen(&self, kubelet: &Inner) -> Rc<Runtime> {
        if self.seen.is_untidy(kubelet.sim.now()) && !self.seen.is_stale() {
            self.seen.look(self.runtime(kubelet));
        }
        self.seen.runtime()
    }

    /// Waits until the runtime has been looked at since the last sync (`GetNewerThan`).
    async fn freshen(&self, kubelet: &Inner) {
        if let Some(beat) = self.seen.fresh_at(|last| kubelet.relist_after(last)) {
            kubelet.sim.sleep_until(beat).await;
            self.seen.freshened();
            self.relist(kubelet);
        }
    }

    /// Waits until something calls for a sync.
    async fn work(&self, kubelet: &Inner) {
        loop {
            let woken = self.wake.notified();
            let now = kubelet.sim.now();
            if self.seen.stale_until().is_some_and(|beat| beat <= now) {
                self.relist(kubelet);
            }
            if self.due.get().is_some_and(|due| due <= now) {
                self.due.set(None);
                self.pending.set(true);
            }
            if self.pending.replace(false) || self.must_end() {
                return;
            }
            match [self.due.get(), self.seen.stale_until()].into_iter().flatten().min() {
                Some(at) => {
                    let _first: Either<(), ()> = race(woken, kubelet.sim.sleep_until(at)).await;
                }
                None => woken.await,
            }
        }
    }

    fn must_end(&self) -> bool {
        self.gone.get() || self.pod.borrow().metadata.deletion_timestamp.is_some()
    }

    async fn run(self: Rc<Self>) {
        let Some(kubelet) = self.kubelet.upgrade() else { return };
        let sim = kubelet.sim.clone();
        let ended_before = is_terminal(self.pod().status.as_ref().and_then(|s| s.phase.as_deref()));
        if ended_before {
            self.life.set(Life::Terminated);
        } else {
            sim.sleep(PICKUP).await;
            if !self.must_end() {
                Box::pin(self.admit(&kubelet)).await;
            }
            self.live(&kubelet).await;
        }
        // What has ended stays for its logs until its object goes.
        if self.pod().metadata.deletion_timestamp.is_some() && !self.gone.get() {
            Box::pin(self.delete(&kubelet)).await;
        }
        while !self.gone.get() {
            let woken = self.wake.notified();
            if self.gone.get() {
                break;
            }
            woken.await;
            if self.pod().metadata.deletion_timestamp.is_some() && !self.gone.get() {
                Box::pin(self.delete(&kubelet)).await;
            }
        }
        kubelet.forget(&self.uid);
    }

    /// Everything from the first sync to the last container's end.
    async fn live(self: &Rc<Self>, kubelet: &Rc<Inner>) {
        let sim = &kubelet.sim;
        self.pending.set(true);
        self.seen.look(self.runtime(kubelet));
        while self.life.get() == Life::Syncing {
            self.work(kubelet).await;
            self.freshen(kubelet).await;
            if self.must_end() {
                break;
            }
            // Boxed, so that an idle worker's task is small.
            self.syncing.set(true);
            let outcome = Box::pin(self.sync(kubelet)).await;
            self.syncing.set(false);
            self.seen.synced(sim.now());
            match outcome {
                Outcome::Ended => {
                    self.freshen(kubelet).await;
                    break;
                }
                Outcome::Done(acted) => {
                    if acted {
                        // What was done without an error is looked at at once.
                        if !kubelet.config.chance.lag.is_zero() {
                            sim.sleep(kubelet.config.chance.lag).await;
                        }
                        self.seen.freshened();
                        self.relist(kubelet);
                    }
                    self.due.set(Some(sim.now() + kubelet.jitter(SYNC)));
                }
                Outcome::Again(delay) => self.due.set(Some(sim.now() + kubelet.jitter(delay))),
            }
            let due = self.due.get().into_iter().chain(self.deadline()).min();
            self.due.set(due.map(|due| kubelet.tick_from(due)));
        }
        if self.life.get() == Life::Terminated {
            return;
        }
        self.life.set(Life::Terminating);
        Box::pin(self.terminate(kubelet)).await;
        self.seen.synced(sim.now());
        self.freshen(kubelet).await;
        Box::pin(self.finish_up(kubelet)).await;
    }

    async fn admit(self: &Rc<Self>, kubelet: &Rc<Inner>) {
        let pod = self.pod();
        let node = client::get(&*kubelet.client, "", &kubelet.config.name).await;
        let node = node.unwrap_or_else(|_| kubelet.node.borrow().clone());
        let active = kubelet.active_pods(&self.uid);
        let Err((reason, message)) = admission::admit(&pod, &node, &admission::amounts(&node), &active) else { return };
        kubelet.event(&pod, None, EventType::Warning, &reason, message.clone());
        let status = PodStatus {
            phase: Some("Failed".into()),
            reason: Some(reason),
            message: Some(format!("Pod was rejected: {message}")),
            qos_class: pod.status.as_ref().and_then(|s| s.qos_class.clone()),
            observed_generation: pod.metadata.generation,
            conditions: pod.status.as_ref().and_then(|s| s.conditions.clone()),
            ..PodStatus::default()
        };
        self.life.set(Life::Terminated);
        self.write(kubelet, status, false).await;
    }

    /// What the runtime knows.
    pub(super) fn runtime(&self, kubelet: &Inner) -> Runtime {
        let containers = self.containers.borrow();
        let mut sandbox = self.sandbox.borrow().as_ref().map(|s| s.record());
        if sandbox.is_none()
            && let Some(attempt) = self.last_attempt.get()
        {
            sandbox = Some(super::status::SandboxRecord { attempt, ..Default::default() });
        }
        let record = |c: &Rc<Container>| super::status::Record {
            stale: Some(c.attempt) != self.last_attempt.get(),
            ..c.record(&kubelet.sim)
        };
        Runtime { sandbox, containers: containers.iter().map(record).collect() }
    }

    /// The pod with its status as last written, or as the server has it.
    pub(super) fn told(&self) -> Rc<Pod> {
        let written = self.written.borrow().clone();
        written.unwrap_or_else(|| self.pod())
    }

    pub(super) fn status(&self) -> PodStatus {
        self.told().status.clone().unwrap_or_default()
    }

    fn phase(&self) -> Option<String> {
        self.told().status.as_ref().and_then(|status| status.phase.clone())
    }

    /// When activeDeadlineSeconds will be over.
    fn deadline(&self) -> Option<SimTime> {
        let pod = self.pod();
        let seconds = u64::try_from(pod.spec.as_ref()?.active_deadline_seconds?).ok()?;
        let kubelet = self.kubelet.upgrade()?;
        let began = self.told().status.as_ref()?.start_time.as_ref()?.0;
        let elapsed = kubelet.sim.wall().duration_since(began);
        let left = Duration::from_secs(seconds).saturating_sub(Duration::try_from(elapsed).unwrap_or_default());
        Some(kubelet.sim.now() + left)
    }

    fn past_deadline(&self, kubelet: &Inner) -> bool {
        self.deadline().is_some_and(|at| at <= kubelet.sim.now())
    }

    fn generate(&self, kubelet: &Inner, pod: &Pod, runtime: &Runtime, pod_ends: bool) -> PodStatus {
        let told = self.told();
        let none = PodStatus::default();
        let evicted = self.past_deadline(kubelet);
        if evicted {
            kubelet.event(pod, None, EventType::Normal, DEADLINE.0, DEADLINE.1);
        }
        let status = generate(
            pod,
            &Input {
                runtime,
                old: told.status.as_ref().unwrap_or(&none),
                reasons: &self.reasons.borrow(),
                probes: &self.probes,
                host_ips: &kubelet.host_ips(),
                now: kubelet.sim.wall(),
                pod_ends,
                evicted: evicted.then_some(DEADLINE),
                resize: &self.resize.borrow().conditions(),
            },
        );
        status
    }

    /// Writes a status that was made now; containers that it calls unready are probed now.
    async fn tell(&self, kubelet: &Inner, status: PodStatus, may_run: bool) {
        let statuses =
            status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten());
        let unready = statuses.filter(|s| s.started == Some(true) && !s.ready);
        let unready: Vec<String> = unready.map(|s| s.name.clone()).collect();
        self.write(kubelet, status, may_run).await;
        unready.iter().for_each(|name| self.probes.trigger_readiness(name));
    }

    /// Writes a status if it differs from the last one. `may_run`: containers could still run.
    pub(super) async fn write(&self, kubelet: &Inner, mut status: PodStatus, may_run: bool) {
        let pod = self.pod();
        let told = self.told();
        let none = PodStatus::default();
        let old = told.status.as_ref().unwrap_or(&none);
        finish(&mut status, old, pod.metadata.generation, may_run, kubelet.sim.wall());
        if status == *old {
            return;
        }
        for _ in 0..5 {
            let Ok(current) = client::get::<Pod>(&*kubelet.client, pod.namespace(), pod.name()).await else { return };
            if current.uid() != self.uid {
                return;
            }
            let mut status = status.clone();
            if let Some(server) = &current.status {
                keep_foreign(&mut status, server);
            }
            let next = Pod { metadata: current.metadata.clone(), spec: current.spec.clone(), status: Some(status) };
            match client::update_status(&*kubelet.client, next).await {
                Ok(written) => {
                    *self.written.borrow_mut() = Some(written);
                    return;
                }
                Err(error) if error.is_conflict() => {}
                // Gone, or refused: the next sync tries again.
                Err(_) => return,
            }
        }
    }

    /// A readiness probe's result, told at once even if a sync is busy (`SetContainerReadiness`).
    pub(super) async fn tell_readiness(&self, kubelet: &Inner, container: &str, id: &str, ready: bool) {
        let pod = self.pod();
        let Some(spec) = &pod.spec else { return };
        let mut status = self.status();
        let mut found = false;
        let statuses = status.container_statuses.iter_mut().flatten();
        for told in statuses.chain(status.init_container_statuses.iter_mut().flatten()) {
            if told.name == container && told.container_id.as_deref() == Some(id) && told.ready != ready {
                told.ready = ready;
                found = true;
            }
        }
        if !found {
            return;
        }
        let all: Vec<_> = (status.init_container_statuses.iter().flatten())
            .chain(status.container_statuses.iter().flatten())
            .cloned()
            .collect();
        let phase = status.phase.clone().unwrap_or_default();
        let list = status.conditions.get_or_insert_default();
        let containers_ready = super::status::conditions::containers_ready(spec, Some(&all), &phase);
        let ready = super::status::conditions::ready(spec, list, &containers_ready);
        for new in [ready, containers_ready] {
            if let Some(old) = list.iter_mut().find(|c| c.type_ == new.type_) {
                *old = new;
            }
        }
        self.write(kubelet, status, true).await;
    }

    /// A startup probe's result, told at once if a sync is busy, which would tell it else
    /// (`SetContainerStartup`).
    pub(super) async fn tell_startup(&self, kubelet: &Inner, container: &str, id: &str, started: bool) {
        if !self.syncing.get() {
            return;
        }
        let mut status = self.status();
        let statuses = status.container_statuses.iter_mut().flatten();
        for told in statuses.chain(status.init_container_statuses.iter_mut().flatten()) {
            if told.name == container && told.container_id.as_deref() == Some(id) {
                told.started = Some(started);
            }
        }
        self.write(kubelet, status, true).await;
    }

    async fn sync(self: &Rc<Self>, kubelet: &Rc<Inner>) -> Outcome {
        let pod = self.pod();
        let runtime = self.seen(kubelet);
        self.complete_resize(kubelet, &pod, &runtime);
        let status = self.generate(kubelet, &pod, &runtime, false);
        let ended = is_terminal(status.phase.as_deref());
        let restarting = |c: &PodCondition| c.type_ == ALL_RESTARTING && c.status == "True";
        let restarts_all = status.conditions.iter().flatten().any(restarting);
        self.tell(kubelet, status, true).await;
        if ended {
            return Outcome::Ended;
        }
        if !self.mount_volumes(kubelet, &pod).await {
            return Outcome::Again(RETRY);
        }
        self.probes.start(self, kubelet, &pod);

        let mut actions = actions::compute(&pod, &runtime, &self.probes);
        self.restart_resized(&pod, &runtime, &mut actions);
        match self.perform(kubelet, &pod, &runtime, actions, restarts_all).await {
            Ok(acted) => Outcome::Done(acted),
            Err(Some(wait)) => Outcome::Again(wait.min(SYNC)),
            Err(None) => Outcome::Again(RETRY),
        }
    }

    /// Does what `actions` says, and says whether that was anything. The error: how long a back-off still lasts, `None` for others.
    async fn perform(
        self: &Rc<Self>,
        kubelet: &Rc<Inner>,
        pod: &Rc<Pod>,
        runtime: &Runtime,
        actions: Actions,
        restarts_all: bool,
    ) -> Result<bool, Option<Duration>> {
        let Some(spec) = &pod.spec else { return Ok(false) };
        let starts = [&actions.start_ephemeral, &actions.start_init, &actions.start];
        let mut acted = actions.kill_pod || !actions.kill.is_empty() || starts.iter().any(|list| !list.is_empty());
        if restarts_all {
            self.restart_all(kubelet, pod).await;
            return Ok(true);
        }
        if actions.kill_pod {
            if actions.create_sandbox && actions.attempt > 0 {
                let text = "Pod sandbox changed, it will be killed and re-created.";
                kubelet.event(pod, None, EventType::Normal, "SandboxChanged", text);
            }
            self.kill_pod(kubelet, pod, None).await;
            if actions.create_sandbox {
                // Init containers run again.
                let inits = init_containers(spec);
                self.containers.borrow_mut().retain(|c| inits.iter().all(|i| i.name != c.name));
            }
        } else {
            for kill in &actions.kill {
                let grace = super::kill::grace_period(pod, &kill.name, kill.reason);
                self.kill_container(kubelet, pod, &kill.id, &kill.message, grace, None).await;
            }
        }
        if actions.create_sandbox {
            self.create_sandbox(kubelet, pod, actions.attempt).await.map_err(|()| None)?;
            // The condition is told before the first container starts.
            let mut status = self.status();
            let ready =
                super::status::conditions::ready_to_start(&self.runtime(kubelet), spec.host_network == Some(true));
            if let Some(list) = &mut status.conditions {
                match list.iter_mut().find(|c| c.type_ == ready.type_) {
                    Some(old) => old.status = ready.status,
                    None => list.insert(0, ready),
                }
            }
            self.write(kubelet, status, true).await;
        }

        let mut failure: Option<Option<Duration>> = None;
        let mut note = |result: Result<(), Option<Duration>>| {
            if let Err(wait) = result {
                failure = Some(match failure {
                    None => wait,
                    // Of several, the earliest back-off decides; a plain failure has its own delay.
                    Some(first) => match (first, wait) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        _ => None,
                    },
                });
                return false;
            }
            true
        };
        let ephemeral: Vec<ContainerSpec> =
            spec.ephemeral_containers.iter().flatten().map(super::start::ephemeral).collect();
        for &i in &actions.start_ephemeral {
            let path = format!("spec.ephemeralContainers{{{}}}", ephemeral[i].name);
            note(self.start_container(kubelet, pod, runtime, &ephemeral[i], &path).await);
        }
        for &i in &actions.start_init {
            let container = &init_containers(spec)[i];
            let path = format!("spec.initContainers{{{}}}", container.name);
            let started = note(self.start_container(kubelet, pod, runtime, container, &path).await);
            if !started && !is_sidecar(container) {
                return failure.map_or(Ok(acted), Err);
            }
        }
        if self.give_resized() {
            acted = true;
            self.poke();
        }
        for &i in &actions.start {
            let container = &spec.containers[i];
            let path = format!("spec.containers{{{}}}", container.name);
            note(self.start_container(kubelet, pod, runtime, container, &path).await);
        }
        failure.map_or(Ok(acted), Err)
    }

    /// A rule's RestartAllContainers: every container is stopped and removed, one after another, those
    /// that called for it last. The next sync starts them again in place.
    async fn restart_all(self: &Rc<Self>, kubelet: &Rc<Inner>, pod: &Rc<Pod>) {
        let Some(spec) = &pod.spec else { return };
        let calls = |c: &ContainerSpec, container: &Container| {
            container.exit_code().is_some_and(|code| restart::calls_for_all(c, code))
        };
        let all = self.containers.borrow().clone();
        let of = |list: &[ContainerSpec], sources: bool| -> Vec<Rc<Container>> {
            let each = list.iter().flat_map(|c| all.iter().filter(move |i| i.name == c.name).map(move |i| (c, i)));
            each.filter(|(c, i)| calls(c, i) == sources).map(|(_, i)| i.clone()).collect()
        };
        let inits = init_containers(spec);
        let order = [of(&spec.containers, false), of(inits, false), of(&spec.containers, true), of(inits, true)];
        for container in order.iter().flatten() {
            self.kill_container(kubelet, pod, &container.id, "killing", 0, None).await;
            self.containers.borrow_mut().retain(|c| c.id != container.id);
            self.runtime_changed();
        }
        self.poke();
    }

    fn context<'a>(
        &'a self,
        kubelet: &'a Inner,
        pod: &'a Pod,
        pod_ips: &'a [String],
        host_ips: &'a [String],
    ) -> Context<'a> {
        Context {
            client: &*kubelet.client,
            pod,
            pod_ips,
            host_ips,
            node: &kubelet.config.name,
            allocatable: kubelet.allocatable(),
        }
    }

    /// The pod's addresses, as env variables and files see them.
    pub(super) fn pod_ips(&self, kubelet: &Inner) -> Vec<String> {
        match &*self.sandbox.borrow() {
            Some(sandbox) => match sandbox.address {
                Some(address) => vec![address.to_string()],
                None => kubelet.host_ips().to_vec(),
            },
            None => Vec::new(),
        }
    }

    pub(super) async fn environment(
        &self,
        kubelet: &Inner,
        pod: &Pod,
        container: &ContainerSpec,
    ) -> Result<super::env::Env, String> {
        let (pod_ips, host_ips) = (self.pod_ips(kubelet), kubelet.host_ips());
        super::env::build(&self.context(kubelet, pod, &pod_ips, &host_ips), container).await
    }

    async fn set_up(&self, kubelet: &Inner, pod: &Pod, volume: &Volume) -> Result<(), String> {
        let (pod_ips, host_ips) = (self.pod_ips(kubelet), kubelet.host_ips());
        let group = pod.spec.as_ref().and_then(|s| s.security_context.as_ref()).and_then(|s| s.fs_group);
        let source = Source {
            context: self.context(kubelet, pod, &pod_ips, &host_ips),
            host: &kubelet.host_root,
            now: kubelet.sim.wall(),
            group: group.and_then(|group| u32::try_from(group).ok()),
        };
        self.volumes.set_up(&source, volume).await
    }

    /// Waits until all volumes are set up, as the volume manager does; false if that failed, or the
    /// pod is to end.
    async fn mount_volumes(self: &Rc<Self>, kubelet: &Inner, pod: &Pod) -> bool {
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
        let missing = || volumes.iter().filter(|v| !self.volumes.is_ready(&v.name));
        if missing().next().is_none() {
            if kubelet.sim.now().since(self.refreshed.get()) < VOLUME_REFRESH {
                return true;
            }
            self.refreshed.set(kubelet.sim.now());
            for volume in volumes {
                // What was mounted stays as it is if its source has gone.
                let _stale = self.set_up(kubelet, pod, volume).await;
            }
            return true;
        }
        self.start_mounting();
        let began = kubelet.sim.now();
        let gives_up = began + MOUNT_TIMEOUT;
        let mut looks = began;
        while missing().next().is_some() {
            looks = looks + MOUNT_LOOK;
            if looks > gives_up || !self.wait_unless_ending(kubelet, looks).await {
                return false;
            }
        }
        true
    }

    /// Sets missing volumes up beside the syncs, again and again until the pod has ended.
    fn start_mounting(self: &Rc<Self>) {
        let mut mounter = self.mounter.borrow_mut();
        if mounter.is_some() {
            return;
        }
        let Some(kubelet) = self.kubelet.upgrade() else { return };
        let me = self.clone();
        let sim = kubelet.sim.clone();
        *mounter = Some(sim.spawn(async move {
            kubelet.sim.sleep(MOUNT_FIRST).await;
            let mut delay = MOUNT_RETRY;
            while me.life.get() != Life::Terminated && !me.mount_missing(&kubelet).await {
                kubelet.sim.sleep(delay).await;
                delay = (delay * 2).min(MOUNT_RETRY_MAX);
            }
            me.refreshed.set(kubelet.sim.now());
            me.mounter.take();
        }));
    }

    /// Tries once to set up what is missing; true if nothing is any more.
    async fn mount_missing(&self, kubelet: &Inner) -> bool {
        let pod = self.pod();
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
        let mut all = true;
        for volume in volumes.iter().filter(|v| !self.volumes.is_ready(&v.name)) {
            if let Err(error) = self.set_up(kubelet, &pod, volume).await {
                let text = format!("MountVolume.SetUp failed for volume \"{}\" : {error}", volume.name);
                kubelet.event(&pod, None, EventType::Warning, "FailedMount", text);
                all = false;
            }
        }
        all
    }

    /// Sleeps until `at`; false as soon as the pod is to end.
    async fn wait_unless_ending(&self, kubelet: &Inner, at: SimTime) -> bool {
        loop {
            let woken = self.wake.notified();
            if self.must_end() {
                return false;
            }
            if kubelet.sim.now() >= at {
                return true;
            }
            let _first: Either<(), ()> = race(woken, kubelet.sim.sleep_until(at)).await;
        }
    }

    /// `SyncTerminatingPod`: tells it, stops everything, tells how it came out.
    async fn terminate(self: &Rc<Self>, kubelet: &Rc<Inner>) {
        let pod = self.pod();
        if !self.gone.get() {
            let status = self.generate(kubelet, &pod, &self.seen(kubelet), false);
            self.tell(kubelet, status, true).await;
        }
        self.probes.stop_liveness_and_startup();
        self.kill_pod(kubelet, &pod, Some(super::kill::pod_grace(&pod))).await;
        self.probes.stop_all();
        self.life.set(Life::Terminated);
        if !self.gone.get() {
            let pod = self.pod();
            let runtime = self.runtime(kubelet);
            let status = self.generate(kubelet, &pod, &runtime, true);
            self.write(kubelet, status, false).await;
        }
    }

    /// `SyncTerminatedPod` and `TerminatePod`.
    async fn finish_up(self: &Rc<Self>, kubelet: &Rc<Inner>) {
        if self.gone.get() {
            return;
        }
        let pod = self.pod();
        let mut status = self.generate(kubelet, &pod, &self.runtime(kubelet), true);
        terminate(&mut status, &pod);
        self.write(kubelet, status, false).await;
    }

    /// Confirms the deletion: nothing of the pod is left here.
    async fn delete(&self, kubelet: &Inner) {
        let pod = self.pod();
        let options = DeleteOptions {
            grace_period_seconds: Some(0),
            precondition_uid: Some(self.uid.clone()),
            ..DeleteOptions::default()
        };
        // Gone already, or another pod by that name: either way there is nothing left to confirm.
        let _done = kubelet.client.delete(Kind::Pod, pod.namespace(), pod.name(), options).await;
    }
}

/// Conditions and fields that others own are the server's.
fn keep_foreign(status: &mut PodStatus, server: &PodStatus) {
    let owned = |kind: &str| super::status::conditions::OWNED.contains(&kind);
    let foreign: Vec<_> = server.conditions.iter().flatten().filter(|c| !owned(&c.type_)).cloned().collect();
    let list = status.conditions.get_or_insert_default();
    list.retain(|c| owned(&c.type_));
    list.splice(0..0, foreign);
    status.nominated_node_name.clone_from(&server.nominated_node_name);
    status.resource_claim_statuses.clone_from(&server.resource_claim_statuses);
    if status.qos_class.is_none() {
        status.qos_class.clone_from(&server.qos_class);
    }
}
