//! A pod's worker: one task that syncs the pod until it ends, then ends it and cleans up.
//! Source: kubernetes `pkg/kubelet/pod_workers.go`, `pkg/kubelet/kubelet.go` (`SyncPod`, …).

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::{Rc, Weak},
    time::Duration,
};

use k8s_openapi::api::core::v1::{PodCondition, PodStatus};

use super::{
    Inner, LeftBehind, PICKUP,
    actions::{self, Actions},
    admission,
    backoff::Backoff,
    credentials::Credential,
    eviction::{self, Eviction},
    probes::Probes,
    relist::Seen,
    resize::Resize,
    runtime::{Container, Sandbox},
    statics::Static,
    status::{
        Runtime, conditions::ALL_RESTARTING, containers::Reasons, init_containers, is_sidecar, is_terminal,
        phase::is_static, pod::terminate, restart,
    },
    volumes::Volumes,
};
use crate::{
    api::{
        Container as ContainerSpec, Kind, Pod, Resource,
        client::{self, DeleteOptions},
    },
    apiserver::events::EventType,
    os::{Cgroup, Filesystem},
    sim::{Either, Notify, SimTime, Task, race},
};

/// A healthy pod is synced this often, and up to half as much later.
const SYNC: Duration = Duration::from_secs(60);
/// After a sync that failed.
const RETRY: Duration = Duration::from_secs(10);

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
    pub(super) uid: String,
    pub(super) pod: RefCell<Rc<Pod>>,
    /// The pod as it was when its status was last written.
    pub(super) written: RefCell<Option<Rc<Pod>>>,
    pub(super) life: Cell<Life>,
    /// Of a static pod.
    pub(super) fixed: Option<Box<Static>>,
    /// Its object is gone from the server.
    gone: Cell<bool>,
    /// Refused at admission, or ended before this kubelet started.
    pub(super) sandbox: RefCell<Option<Rc<Sandbox>>>,
    /// Of the last sandbox.
    pub(super) last_attempt: Cell<Option<u32>>,
    /// Newest first; two a name at most.
    pub(super) containers: RefCell<Vec<Rc<Container>>>,
    pub(super) cgroup: RefCell<Option<Cgroup>>,
    pub(super) volumes: Volumes,
    /// When the volumes' contents were last brought up to date.
    pub(super) refreshed: Cell<SimTime>,
    /// What the pod's imagePullSecrets are worth.
    pub(super) credentials: RefCell<Rc<[Credential]>>,
    /// hosts, hostname, resolv.conf, termination logs.
    pub(super) files: RefCell<Option<Filesystem>>,
    pub(super) shm: RefCell<Option<Filesystem>>,
    pub(super) reasons: RefCell<Reasons>,
    pub(super) crash_backoff: RefCell<Backoff>,
    pub(super) probes: Probes,
    /// When the next sync is due by itself; `None` while there is none to come.
    pub(super) due: Cell<Option<SimTime>>,
    pub(super) wake: Notify,
    /// Something happened that calls for a sync.
    pending: Cell<bool>,
    pub(super) seen: Seen,
    pub(super) resize: RefCell<Resize>,
    /// Why it was evicted.
    pub(super) evicted: RefCell<Option<Eviction>>,
    /// Measures what the pod stores, if it has limits.
    pub(super) measurer: RefCell<Option<Task>>,
    pub(super) syncing: Cell<bool>,
    /// Sets volumes up, while one is missing.
    pub(super) mounter: RefCell<Option<Task>>,
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
            fixed: is_static(&pod).then(Box::default),
            pod: RefCell::new(pod),
            written: RefCell::default(),
            life: Cell::new(Life::Syncing),
            gone: Cell::default(),
            sandbox: RefCell::default(),
            last_attempt: Cell::new(left.attempt),
            containers: RefCell::new(left.containers),
            cgroup: RefCell::default(),
            volumes: Volumes::default(),
            refreshed: Cell::default(),
            credentials: RefCell::new(Rc::from([])),
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
            evicted: RefCell::default(),
            measurer: RefCell::default(),
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
        for task in [self.mounter.take(), self.measurer.take()].into_iter().flatten() {
            task.abort();
        }
        if let Some(fixed) = &self.fixed {
            fixed.abort();
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
        self.life.get() != Life::Terminated
            && !self.told().status.as_ref().is_some_and(|status| is_terminal(status.phase.as_deref()))
    }

    /// The pod has changed at the server.
    pub(super) fn update(self: &Rc<Self>, pod: Rc<Pod>) {
        let granted = self.pod();
        let old = self.pod.replace(pod.clone());
        match self.kubelet.upgrade().filter(|_| self.life.get() == Life::Syncing) {
            Some(kubelet) => self.resize(&kubelet, &granted, &pod),
            // What ends is granted nothing any more.
            None => self.resize.borrow_mut().granted = None,
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

    pub(super) fn must_end(&self) -> bool {
        let deleted = self.pod.borrow().metadata.deletion_timestamp.is_some();
        let removed = self.fixed.as_ref().is_some_and(|fixed| fixed.is_removed());
        self.gone.get() || deleted || removed || self.evicted.borrow().is_some()
    }

    /// Ends the pod, with this in its status.
    pub(super) fn evict(&self, eviction: Eviction) {
        self.evicted.replace(Some(eviction));
        self.wake.notify();
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
        if let Some(fixed) = &self.fixed {
            return Box::pin(self.end_static(&kubelet, fixed)).await;
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
        self.watch_storage(kubelet);
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
        kubelet.retry_resizes();
    }

    async fn admit(self: &Rc<Self>, kubelet: &Rc<Inner>) {
        let pod = self.pod();
        let node = client::get(&*kubelet.client, "", &kubelet.config.name).await;
        let node = node.unwrap_or_else(|_| kubelet.node.borrow().clone());
        let active = kubelet.active_pods(&self.uid);
        let admitted = (kubelet.pressure.admit(&pod))
            .and_then(|()| admission::admit(&pod, &node, &admission::amounts(&node), &active));
        let Err((reason, message)) = admitted else { return };
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

    async fn sync(self: &Rc<Self>, kubelet: &Rc<Inner>) -> Outcome {
        let pod = self.pod();
        let runtime = self.seen(kubelet);
        self.complete_resize(kubelet, &pod, &runtime);
        let status = self.generate(kubelet, &pod, &runtime, false);
        let ended = is_terminal(status.phase.as_deref());
        let restarting = |c: &PodCondition| c.type_ == ALL_RESTARTING && c.status == "True";
        let restarts_all = status.conditions.iter().flatten().any(restarting);
        // What is short or rare is boxed here and below: a sync that waits for a volume or an image is small.
        Box::pin(self.tell(kubelet, status, true)).await;
        if ended {
            return Outcome::Ended;
        }
        if self.fixed.is_some() {
            Box::pin(self.keep_mirror(kubelet, &pod)).await;
        }
        if !self.mount_volumes(kubelet, &pod).await {
            return Outcome::Again(RETRY);
        }
        self.probes.start(self, kubelet, &pod);

        let spec = pod.spec.as_deref();
        if spec.is_some_and(|spec| spec.image_pull_secrets.is_some()) {
            let found = Box::pin(super::credentials::of_pod(kubelet, &pod)).await;
            *self.credentials.borrow_mut() = found.into();
        }
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
            Box::pin(self.restart_all(kubelet, pod)).await;
            return Ok(true);
        }
        if actions.kill_pod {
            if actions.create_sandbox && actions.attempt > 0 {
                let text = "Pod sandbox changed, it will be killed and re-created.";
                kubelet.event(pod, None, EventType::Normal, "SandboxChanged", text);
            }
            Box::pin(self.kill_pod(kubelet, pod, None)).await;
            if actions.create_sandbox {
                // Init containers run again.
                let inits = init_containers(spec);
                self.containers.borrow_mut().retain(|c| inits.iter().all(|i| i.name != c.name));
            }
        } else {
            for kill in &actions.kill {
                let grace = super::kill::grace_period(pod, &kill.name, kill.reason);
                Box::pin(self.kill_container(kubelet, pod, &kill.id, &kill.message, grace, None)).await;
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
            Box::pin(self.write(kubelet, status, true)).await;
        }

        let starts_any =
            [&actions.start_ephemeral, &actions.start_init, &actions.start].iter().any(|list| !list.is_empty());
        if starts_any && spec.volumes.iter().flatten().any(|volume| volume.image.is_some()) {
            Box::pin(self.ensure_image_volumes(kubelet, pod)).await;
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
        if self.give_resized(kubelet) {
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

    /// `SyncTerminatingPod`: tells it, stops everything, tells how it came out.
    async fn terminate(self: &Rc<Self>, kubelet: &Rc<Inner>) {
        let pod = self.pod();
        if !self.gone.get() {
            let status = self.generate(kubelet, &pod, &self.seen(kubelet), false);
            self.tell(kubelet, status, true).await;
        }
        self.probes.stop_liveness_and_startup();
        let evicted = self.evicted.borrow().is_some();
        let grace = if evicted { eviction::GRACE } else { super::kill::pod_grace(&pod) };
        self.kill_pod(kubelet, &pod, Some(grace)).await;
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
        // A static pod's file can come again, so its phase stays.
        if self.gone.get() || self.fixed.is_some() {
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
