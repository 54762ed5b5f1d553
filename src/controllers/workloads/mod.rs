//! The controllers that make pods for others: ReplicaSet, ReplicationController, Deployment, Job, CronJob, DaemonSet and
//! StatefulSet.
//!
//! They are one task with one cache, as the real ones share their informers. Invariants:
//! - Each look begins when all that the watches told has been taken in, and what it writes comes back through them. So
//!   what was created a moment ago is never missed, which the real controllers need expectations for.
//! - Pods and nodes are watched only while there is an object whose controller needs them.

mod cron_job;
mod daemon_set;
mod deployment;
mod history;
mod job;
mod pods;
mod replica_set;
mod stateful_set;
mod status;

use std::{
    collections::{BTreeMap, VecDeque},
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use k8s_openapi::{
    api::core::v1::Node,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use serde_json::Value;

use self::pods::Pods;
use crate::{
    api::{
        ApiClient, Error, Kind, Object, Pod, Resource, Result,
        client::{Body, ListOptions, Subresource, Watch, WatchEvent, WriteOptions},
        other::Other,
        selector::LabelSelector,
    },
    apiserver::events::{EventType, Recorder, reference},
    sim::{Sim, SimTime, Sleep},
};

const KINDS: [Kind; 7] = [
    Kind::ReplicationController,
    Kind::DaemonSet,
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::StatefulSet,
    Kind::CronJob,
    Kind::Job,
];
/// The first wait before a failed look is tried again; each further one is twice as long.
const RETRY: Duration = Duration::from_millis(5);
const LONGEST_RETRY: Duration = Duration::from_secs(1000);
/// The same of Jobs.
const JOB_RETRY: Duration = Duration::from_secs(1);
const LONGEST_JOB_RETRY: Duration = Duration::from_secs(60);

/// An object by kind, namespace and name.
type Key = (Kind, String, String);

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let sim = sim.clone();
    sim.clone().spawn(async move {
        let mut world = World::new(&sim, client);
        loop {
            // Ends when a watch does; then everything is looked at anew.
            let _ended = run(&mut world).await;
            sim.sleep(Duration::from_secs(1)).await;
        }
    });
}

/// What the watches told, and what is to be looked at.
/// How much faster than its rate a client may be for a while: `--kube-api-qps=20`, `--kube-api-burst=30`.
const PERIOD: Duration = Duration::from_millis(50);
const BURST: u32 = 30;

struct World {
    sim: Sim,
    /// When the objects made so far are paid for, each with a [`PERIOD`].
    paid_until: SimTime,
    client: Rc<dyn ApiClient>,
    objects: BTreeMap<Key, Rc<Other>>,
    pods: Pods,
    nodes: BTreeMap<String, Rc<Node>>,
    /// What to look at, in turn.
    ready: VecDeque<Key>,
    /// When to look at what later; of two times the earlier holds.
    later: BTreeMap<Key, SimTime>,
    /// Pods whose Job has gone and that wait for it.
    orphans: Vec<Rc<Pod>>,
    job_backoffs: BTreeMap<Key, job::Backoff>,
    /// How often a look has failed in a row.
    failures: BTreeMap<Key, u32>,
    recorders: BTreeMap<Kind, Recorder>,
}

/// Whose controller an object has.
fn controller_of(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

fn key_of(object: &Other) -> Key {
    let meta = &object.metadata;
    (object.kind, meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
}

fn uid_of(object: &Other) -> &str {
    object.metadata.uid.as_deref().unwrap_or_default()
}

fn name_of(object: &Other) -> &str {
    object.metadata.name.as_deref().unwrap_or_default()
}

fn namespace_of(object: &Other) -> &str {
    object.metadata.namespace.as_deref().unwrap_or_default()
}

fn is_deleted(object: &Other) -> bool {
    object.metadata.deletion_timestamp.is_some()
}

/// A whole number at a path; `default` if there is none.
fn number(object: &Other, path: &str, default: i64) -> i64 {
    object.at(path).as_i64().unwrap_or(default)
}

fn annotation<'a>(object: &'a Other, key: &str) -> Option<&'a str> {
    Some(object.metadata.annotations.as_ref()?.get(key)?.as_str())
}

/// Which pods (or ReplicaSets) an object selects.
fn selector_of(object: &Other) -> LabelSelector {
    let value = object.at("spec/selector");
    if object.kind == Kind::ReplicationController {
        let labels = serde_json::from_value(value.clone()).unwrap_or_default();
        return LabelSelector::from_labels(&labels);
    }
    let selector = serde_json::from_value(value.clone()).ok();
    // One that can't be read selects nothing.
    LabelSelector::from_api(selector.as_ref()).unwrap_or_else(|_| LabelSelector::nothing())
}

/// A reference to an object as to the controller of what it makes.
fn owner_reference(object: &Other) -> OwnerReference {
    OwnerReference {
        api_version: object.kind.api_version(),
        kind: object.kind.name().into(),
        name: name_of(object).into(),
        uid: uid_of(object).into(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

impl World {
    fn new(sim: &Sim, client: Rc<dyn ApiClient>) -> World {
        World {
            sim: sim.clone(),
            paid_until: sim.now(),
            client,
            objects: BTreeMap::new(),
            pods: Pods::default(),
            nodes: BTreeMap::new(),
            ready: VecDeque::new(),
            later: BTreeMap::new(),
            orphans: Vec::new(),
            job_backoffs: BTreeMap::new(),
            failures: BTreeMap::new(),
            recorders: BTreeMap::new(),
        }
    }

    fn look_at(&mut self, key: Key) {
        if !self.ready.contains(&key) {
            self.ready.push_back(key);
        }
    }

    fn look_after(&mut self, key: Key, wait: Duration) {
        if wait.is_zero() {
            return self.look_at(key);
        }
        let time = self.sim.now() + wait;
        let known = self.later.entry(key).or_insert(time);
        *known = time.min(*known);
    }

    /// An object or what belongs to it has changed. Changes of a Job's pods are looked at together.
    fn woken(&mut self, key: Key) {
        match key.0 {
            Kind::Job => self.look_after(key, job::BATCH),
            _ => self.look_at(key),
        }
    }

    /// Looks again as soon as the calendar shows `second`.
    fn look_at_second(&mut self, key: Key, second: i64) {
        let now = self.sim.wall();
        let nanos = i128::from(second) * 1_000_000_000 - now.as_nanosecond();
        self.look_after(key, Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)));
    }

    /// Looks again after a wait that doubles with each failure in a row.
    fn look_later(&mut self, key: Key) {
        let (first, longest) = if key.0 == Kind::Job { (JOB_RETRY, LONGEST_JOB_RETRY) } else { (RETRY, LONGEST_RETRY) };
        let failures = self.failures.entry(key.clone()).or_insert(0);
        let wait = first.saturating_mul(1 << (*failures).min(20)).min(longest);
        *failures += 1;
        self.look_after(key, wait);
    }

    /// Records an event about an object of these kinds.
    fn event(&mut self, about: &Rc<Other>, kind: EventType, reason: &str, message: impl Into<String>) {
        let component = match about.kind {
            Kind::ReplicationController => "replication-controller",
            Kind::ReplicaSet => "replicaset-controller",
            Kind::Deployment => "deployment-controller",
            Kind::StatefulSet => "statefulset-controller",
            Kind::DaemonSet => "daemonset-controller",
            Kind::CronJob => "cronjob-controller",
            _ => "job-controller",
        };
        let new = || Recorder::new(&self.sim, self.client.clone(), component, "");
        let recorder = self.recorders.entry(about.kind).or_insert_with(new);
        recorder.event(reference(&Object::Other(about.clone())), kind, reason, message);
    }

    /// The objects of a kind in a namespace.
    fn of_kind<'a>(&'a self, kind: Kind, namespace: &'a str) -> impl Iterator<Item = &'a Rc<Other>> {
        let from = (kind, namespace.to_string(), String::new());
        let of = self.objects.range(from..).take_while(move |((k, ns, _), _)| *k == kind && ns == namespace);
        of.map(|(_, object)| object)
    }

    /// The object that controls what names `owner`, if it still is that one.
    fn owner(&self, namespace: &str, owner: &OwnerReference) -> Option<&Rc<Other>> {
        let kind = Kind::from_api_version_kind(&owner.api_version, &owner.kind)?;
        let object = self.objects.get(&(kind, namespace.to_string(), owner.name.clone()))?;
        (uid_of(object) == owner.uid).then_some(object)
    }

    fn take(&mut self, event: &WatchEvent) {
        let gone = matches!(event, WatchEvent::Deleted(_));
        match event.object() {
            Some(Object::Pod(pod)) => self.take_pod(pod, gone),
            Some(Object::Other(object)) => self.take_object(object, gone),
            Some(Object::Node(node)) => self.take_node(node, gone),
            _ => {}
        }
    }

    /// Only what decides where pods may be matters to DaemonSets.
    fn take_node(&mut self, node: &Rc<Node>, gone: bool) {
        let old = match gone {
            true => self.nodes.remove(node.name()),
            false => self.nodes.insert(node.name().to_string(), node.clone()),
        };
        if !gone && old.is_some_and(|old| old.metadata.labels == node.metadata.labels && old.spec == node.spec) {
            return;
        }
        let sets = self.objects.keys().filter(|(kind, ..)| *kind == Kind::DaemonSet);
        let keys: Vec<Key> = sets.cloned().collect();
        keys.into_iter().for_each(|key| self.look_at(key));
    }

    fn has_daemons(&self) -> bool {
        self.objects.keys().any(|(kind, ..)| *kind == Kind::DaemonSet)
    }

    fn take_object(&mut self, object: &Rc<Other>, gone: bool) {
        let key = key_of(object);
        let old = match gone {
            true => self.objects.remove(&key),
            false => self.objects.insert(key.clone(), object.clone()),
        };
        if gone {
            self.later.remove(&key);
            self.failures.remove(&key);
            self.job_backoffs.remove(&key);
        }
        if object.kind == Kind::Job {
            if gone {
                let held = self.pods.of(uid_of(object)).filter(|pod| job::is_tracked(pod)).cloned();
                self.orphans.extend(held);
            }
            // A CronJob watches its Jobs.
            let owner = controller_of(&object.metadata).and_then(|owner| self.owner(&key.1, owner));
            if let Some(owner) = owner.map(|owner| key_of(owner)) {
                self.look_at(owner);
            }
            if old.is_some_and(|old| old.metadata.generation == object.metadata.generation) && !gone {
                return self.woken(key);
            }
        }
        if object.kind == Kind::ReplicaSet {
            match deployment::of_set(self, object) {
                Some(deployment) => self.look_at(deployment),
                None if !gone && controller_of(&object.metadata).is_none() => {
                    let wants = |of: &&Rc<Other>| selector_of(of).matches(object.metadata.labels.as_ref());
                    let of = self.of_kind(Kind::Deployment, namespace_of(object)).filter(wants).map(|of| key_of(of));
                    let keys: Vec<Key> = of.collect();
                    keys.into_iter().for_each(|key| self.look_at(key));
                }
                None => {}
            }
        }
        self.look_at(key);
    }

    fn take_pod(&mut self, pod: &Rc<Pod>, gone: bool) {
        let old = self.pods.get(pod.namespace(), pod.name()).cloned();
        let owner = controller_of(&pod.metadata);
        let before = old.as_ref().and_then(|old| controller_of(&old.metadata));
        if let Some(before) = before.filter(|before| owner.is_none_or(|owner| owner.uid != before.uid)) {
            self.woken_by(pod, before);
        }
        if let Some(owner) = owner {
            self.woken_by(pod, owner);
        } else if old.as_ref().is_none_or(|old| old.metadata.labels != pod.metadata.labels || before.is_some()) && !gone
        {
            // Whoever selects it may adopt it.
            for kind in [Kind::ReplicationController, Kind::ReplicaSet, Kind::DaemonSet, Kind::StatefulSet, Kind::Job] {
                let wants = |object: &&Rc<Other>| selector_of(object).matches(pod.metadata.labels.as_ref());
                let keys: Vec<Key> = self.of_kind(kind, pod.namespace()).filter(wants).map(|o| key_of(o)).collect();
                keys.into_iter().for_each(|key| self.woken(key));
            }
        }
        self.pods.put(pod, gone);
        // A Deployment that recreates waits for the last pod.
        if gone
            && let Some(set) = owner.and_then(|owner| self.owner(pod.namespace(), owner)).cloned()
            && let Some(deployment) = deployment::of_set(self, &set)
        {
            self.look_at(deployment);
        }
    }

    /// A pod of `owner` has changed.
    fn woken_by(&mut self, pod: &Rc<Pod>, owner: &OwnerReference) {
        match self.owner(pod.namespace(), owner).map(|object| key_of(object)) {
            Some(key) => self.woken(key),
            None if owner.kind == Kind::Job.name() && job::is_tracked(pod) => self.orphans.push(pod.clone()),
            None => {}
        }
    }

    async fn look(&mut self, key: &Key) -> Result<()> {
        let Some(object) = self.objects.get(key).cloned() else { return Ok(()) };
        match object.kind {
            Kind::ReplicaSet | Kind::ReplicationController => replica_set::sync(self, &object).await,
            Kind::Deployment => deployment::sync(self, &object).await,
            Kind::DaemonSet => daemon_set::sync(self, &object).await,
            Kind::StatefulSet => stateful_set::sync(self, &object).await,
            Kind::Job => job::sync(self, &object).await,
            Kind::CronJob => cron_job::sync(self, &object).await,
            _ => Ok(()),
        }
    }

    // ---- writes

    /// Makes an object, no faster than the controllers' client may: whoever asks for millions of pods gets them as
    /// slowly as from a real cluster.
    async fn create(&mut self, kind: Kind, namespace: &str, object: Object) -> Result<Object> {
        self.paid_until = self.paid_until.max(self.sim.now()) + PERIOD;
        let ahead = self.paid_until.since(self.sim.now());
        self.sim.sleep(ahead.saturating_sub(PERIOD * BURST)).await;
        let written = self.client.create(kind, namespace, Body::Object(object), WriteOptions::default());
        written.await.map(|written| written.object)
    }

    async fn write(&mut self, object: Other, subresource: Subresource) -> Result<Rc<Other>> {
        let key = key_of(&object);
        let body = Body::Object(Object::Other(Rc::new(object)));
        let written = self.client.update(key.0, &key.1, &key.2, subresource, body, WriteOptions::default()).await?;
        match written.object {
            Object::Other(object) => Ok(object),
            _ => Err(Error::internal("another kind of object came back")),
        }
    }

    /// Writes a status if it differs.
    async fn write_status(&mut self, object: &Rc<Other>, status: Value) -> Result<Rc<Other>> {
        if object.at("status") == &status {
            return Ok(object.clone());
        }
        let mut changed = Other::clone(object);
        changed.content.insert("status".into(), status);
        self.write(changed, Subresource::Status).await
    }

    /// The present in whole seconds, as objects hold it.
    fn now_text(&self) -> Value {
        serde_json::to_value(crate::apiserver::whole_seconds(self.sim.wall())).unwrap_or_default()
    }
}

/// The watches, and which of them are wanted.
#[derive(Default)]
struct Watches {
    objects: Vec<Watch>,
    pods: Option<Watch>,
    nodes: Option<Watch>,
}

impl Watches {
    /// Whether pods and nodes are watched as `world` needs it.
    fn fit(&self, world: &World) -> bool {
        world.objects.is_empty() == self.pods.is_none() && world.has_daemons() == self.nodes.is_some()
    }

    async fn refit(&mut self, world: &mut World) -> Result<()> {
        if world.objects.is_empty() != self.pods.is_none() {
            self.pods = match world.objects.is_empty() {
                true => None,
                false => Some(world.client.watch(Kind::Pod, "", ListOptions::default()).await?),
            };
            world.pods = Pods::default();
        }
        if world.has_daemons() != self.nodes.is_some() {
            self.nodes = match world.has_daemons() {
                true => Some(world.client.watch(Kind::Node, "", ListOptions::default()).await?),
                false => None,
            };
            world.nodes.clear();
        }
        Ok(())
    }
}

async fn run(world: &mut World) -> Result<()> {
    world.objects.clear();
    world.ready.clear();
    world.later.clear();
    world.orphans.clear();
    let mut watches = Watches::default();
    for kind in KINDS {
        watches.objects.push(world.client.watch(kind, "", ListOptions::default()).await?);
    }
    loop {
        let ended = wait(world, &mut watches).await;
        if let Some(ended) = ended {
            return ended;
        }
        if !watches.fit(world) {
            watches.refit(world).await?;
            continue;
        }
        for pod in std::mem::take(&mut world.orphans) {
            // Who can't be let go now comes again with the next change.
            let _done = world.release_orphan(&pod).await;
        }
        let now = world.sim.now();
        let due: Vec<Key> = world.later.iter().filter(|(_, time)| **time <= now).map(|(key, _)| key.clone()).collect();
        for key in due {
            world.later.remove(&key);
            world.look_at(key);
        }
        let Some(key) = world.ready.pop_front() else { continue };
        match world.look(&key).await {
            Ok(()) => drop(world.failures.remove(&key)),
            Err(_) => world.look_later(key),
        }
    }
}

/// Takes in what has happened; returns when there is something to look at, or `Some` when a watch has ended.
async fn wait(world: &mut World, watches: &mut Watches) -> Option<Result<()>> {
    let mut alarm: Option<(SimTime, Pin<Box<Sleep>>)> = None;
    poll_fn(|cx| {
        let all = watches.objects.iter_mut().chain(&mut watches.nodes).chain(&mut watches.pods);
        for watch in all {
            while let Poll::Ready(event) = watch.poll_recv(cx) {
                match event {
                    Some(WatchEvent::Error(error)) => return Poll::Ready(Some(Err(error))),
                    Some(event) => world.take(&event),
                    None => return Poll::Ready(Some(Ok(()))),
                }
            }
        }
        // A watch of pods begins or ends as soon as that is known.
        if !watches.fit(world) {
            return Poll::Ready(None);
        }
        if !world.ready.is_empty() || !world.orphans.is_empty() {
            return Poll::Ready(None);
        }
        let Some(time) = world.later.values().min().copied() else {
            alarm = None;
            return Poll::Pending;
        };
        if time <= world.sim.now() {
            return Poll::Ready(None);
        }
        if alarm.as_ref().is_none_or(|(of, _)| *of != time) {
            alarm = Some((time, Box::pin(world.sim.sleep_until(time))));
        }
        match &mut alarm {
            Some((_, sleep)) => sleep.as_mut().poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}
