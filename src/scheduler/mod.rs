//! The scheduler: takes pods without a node from its queue, one at a time, and binds each to the
//! node that suits it best, or says why there is none.
//!
//! Invariants:
//! - It speaks to the cluster through [`ApiClient`] alone and keeps sums of what it sees there.
//! - A pod is assumed to be on its node from the decision on, before the binding is written.
//! - A cycle costs as much as it looks at nodes, whatever the number of pods.

pub mod cache;
pub mod config;
mod cycle;
#[cfg(test)]
mod hint_tests;
mod hints;
pub mod plugins;
pub mod preemption;
pub mod queue;
mod resources;
pub mod terms;
#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::poll_fn,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use k8s_openapi::api::core::v1::PodCondition;

use self::{
    cache::{Cache, NodeInfo, PodInfo},
    hints::{News, What, node_changes, pod_changes},
    plugins::{
        scheduling_gates,
        volume_binding::{self, Choice},
    },
    preemption::{Candidate, Outcome},
    queue::{Entry, Queue},
};
pub use self::{
    cycle::{Diagnosis, Verdict, enough},
    plugins::PLUGINS,
    resources::{Resources, nonzero_requests, requests},
};
use crate::{
    api::{
        ApiClient, Error, Kind, Object, Pod, Resource,
        client::{self, ListOptions, Watch, WatchEvent},
        other::Other,
        volumes,
    },
    apiserver::{
        events::{EventType, SeriesRecorder, pod_reference},
        set_condition, whole_seconds,
    },
    sim::{Either, Rng, Sim, SimTime, race},
};

const NAME: &str = "default-scheduler";
/// Decisions remembered for the picture.
const DECISIONS: usize = 500;
/// Events' messages are cut to this length.
const NOTE_LIMIT: usize = 1024;

/// How often it is looked whether a pod's claims are bound, and for how long.
const BIND_LOOK: Duration = Duration::from_secs(1);
const BIND_TIMEOUT: Duration = Duration::from_secs(600);

/// Time that a cycle takes, and that the request after it takes.
const CYCLE: Duration = Duration::from_micros(900);
const REQUEST: Duration = Duration::from_micros(3200);

/// Why a pod is where it is, or nowhere.
#[derive(Clone, Debug)]
pub struct Decision {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub time: SimTime,
    /// The node, or why there is none.
    pub result: Result<Rc<str>, String>,
    /// Some nodes of a large cluster, all of a small one.
    pub nodes: Vec<Verdict>,
    /// How many nodes were looked at, of how many.
    pub examined: usize,
    pub total: usize,
}

/// The running scheduler, to be asked about its decisions.
pub struct Scheduler {
    sim: Sim,
    client: Rc<dyn ApiClient>,
    recorder: SeriesRecorder,
    state: RefCell<State>,
}

struct State {
    cache: Cache,
    queue: Queue,
    /// Where the next cycle starts to look.
    start: usize,
    rng: Rng,
    decisions: BTreeMap<String, Rc<Decision>>,
    order: VecDeque<String>,
    /// Bindings under way, by uid: what to try again if one fails.
    binding: BTreeMap<String, Entry>,
    /// Pods that room was made for, by uid, and where.
    nominated: BTreeMap<String, (Rc<str>, Rc<PodInfo>)>,
}

/// Starts the scheduler. `host` names the machine that it runs on.
pub fn start(sim: &Sim, client: Rc<dyn ApiClient>, host: &str) -> Rc<Scheduler> {
    let scheduler = Rc::new(Scheduler {
        sim: sim.clone(),
        recorder: SeriesRecorder::new(sim, client.clone(), NAME, &format!("{NAME}-{host}")),
        client,
        state: RefCell::new(State {
            cache: Cache::default(),
            queue: Queue::default(),
            start: 0,
            rng: sim.rng("scheduler"),
            decisions: BTreeMap::new(),
            order: VecDeque::new(),
            binding: BTreeMap::new(),
            nominated: BTreeMap::new(),
        }),
    });
    sim.spawn(scheduler.clone().run());
    scheduler
}

impl Scheduler {
    /// The last decision on a pod, if it is remembered.
    pub fn decision(&self, uid: &str) -> Option<Rc<Decision>> {
        self.state.borrow().decisions.get(uid).cloned()
    }

    async fn run(self: Rc<Self>) {
        loop {
            let nodes = self.client.watch(Kind::Node, "", ListOptions::default()).await;
            let pods = self.client.watch(Kind::Pod, "", ListOptions::default()).await;
            let namespaces = self.client.watch(Kind::Namespace, "", ListOptions::default()).await;
            let services = self.client.watch(Kind::Service, "", ListOptions::default()).await;
            let classes = self.client.watch(Kind::StorageClass, "", ListOptions::default()).await;
            let volumes = self.client.watch(Kind::PersistentVolume, "", ListOptions::default()).await;
            let claims = self.client.watch(Kind::PersistentVolumeClaim, "", ListOptions::default()).await;
            let budgets = self.client.watch(Kind::PodDisruptionBudget, "", ListOptions::default()).await;
            let all = [namespaces, services, classes, volumes, claims, budgets, nodes, pods];
            let open: Result<Vec<Watch>, Error> = all.into_iter().collect();
            let Ok(watches) = open else {
                self.sim.sleep(Duration::from_secs(1)).await;
                continue;
            };
            self.watch_and_schedule(watches).await;
            // A watch ended: begin anew with what there is now.
            let mut state = self.state.borrow_mut();
            state.cache = Cache::with(std::mem::take(&mut state.cache.args));
            state.queue = Queue::default();
        }
    }

    /// Nodes come before pods: a pod that comes with its node must find it.
    async fn watch_and_schedule(self: &Rc<Self>, mut watches: Vec<Watch>) {
        loop {
            for watch in &mut watches {
                while let Some(event) = watch.try_recv() {
                    if !self.heard(event) {
                        return;
                    }
                }
            }
            let entry = self.state.borrow_mut().queue.pop(self.sim.now());
            if let Some(entry) = entry {
                self.schedule(entry).await;
                continue;
            }
            let due = self.state.borrow().queue.next_time();
            let heard = poll_fn(|cx| {
                for watch in &mut watches {
                    if let Poll::Ready(event) = watch.poll_recv(cx) {
                        return Poll::Ready(event.is_some_and(|event| self.heard(event)));
                    }
                }
                Poll::Pending
            });
            let open = match due {
                None => heard.await,
                Some(due) => match race(heard, self.sim.sleep_until(due)).await {
                    Either::Left(open) => open,
                    Either::Right(()) => {
                        self.state.borrow_mut().queue.flush(self.sim.now());
                        true
                    }
                },
            };
            if !open {
                return;
            }
        }
    }

    /// False if the watch ended.
    fn heard(&self, event: WatchEvent) -> bool {
        let gone = matches!(event, WatchEvent::Deleted(_));
        match event.object() {
            Some(Object::Node(_)) => return self.node_event(event),
            Some(Object::Pod(_)) => return self.pod_event(event),
            Some(Object::Namespace(namespace)) => {
                let cache = &mut self.state.borrow_mut().cache;
                if gone { cache.remove_namespace(namespace.name()) } else { cache.set_namespace(namespace) }
            }
            Some(Object::Service(service)) => {
                let cache = &mut self.state.borrow_mut().cache;
                if gone {
                    cache.remove_service(service.namespace(), service.name());
                } else {
                    cache.set_service(service);
                }
            }
            Some(Object::Other(object)) => {
                let State { cache, queue, .. } = &mut *self.state.borrow_mut();
                if gone {
                    cache.remove_other(object);
                } else {
                    let topologies = |class: &Other| class.at("allowedTopologies").clone();
                    let old = cache.class(object.metadata.name.as_deref().unwrap_or_default()).map(topologies);
                    cache.set_other(object.clone());
                    let news = match object.kind {
                        Kind::PersistentVolumeClaim => News::Claim(object),
                        Kind::PersistentVolume => News::Volume,
                        Kind::StorageClass if old.is_none_or(|old| old != topologies(object)) => News::Class,
                        _ => return true,
                    };
                    queue.wake(self.sim.now(), &news, cache);
                }
            }
            Some(_) => {}
            None => return false,
        }
        true
    }

    /// False if the watch ended.
    fn node_event(&self, event: WatchEvent) -> bool {
        let now = self.sim.now();
        let State { cache, queue, .. } = &mut *self.state.borrow_mut();
        match event {
            WatchEvent::Added(Object::Node(node)) | WatchEvent::Modified(Object::Node(node)) => {
                let name = node.metadata.name.clone().unwrap_or_default();
                let old = cache.node(&name).map(|info| info.node.clone());
                let whats = old.as_ref().map_or(vec![What::Add], |old| node_changes(old, &node));
                cache.set_node(node.clone());
                if queue.is_anyone_waiting() && !whats.is_empty() {
                    let (old, new) = (old.map(NodeInfo::new), NodeInfo::new(node));
                    for what in whats {
                        queue.wake(now, &News::Node { what, old: old.as_ref(), new: Some(&new) }, cache);
                    }
                }
            }
            WatchEvent::Deleted(Object::Node(node)) => {
                let old = NodeInfo::new(node.clone());
                queue.wake(now, &News::Node { what: What::Delete, old: Some(&old), new: None }, cache);
                cache.remove_node(&old.name);
            }
            WatchEvent::Error(_) => return false,
            _ => {}
        }
        true
    }

    /// False if the watch ended.
    fn pod_event(&self, event: WatchEvent) -> bool {
        let now = self.sim.now();
        let State { cache, queue, nominated, .. } = &mut *self.state.borrow_mut();
        let (pod, deleted) = match event {
            WatchEvent::Added(Object::Pod(pod)) | WatchEvent::Modified(Object::Pod(pod)) => (pod, false),
            WatchEvent::Deleted(Object::Pod(pod)) => (pod, true),
            WatchEvent::Error(_) => return false,
            _ => return true,
        };
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let spec = pod.spec.as_ref();
        let node = spec.and_then(|s| s.node_name.as_deref()).filter(|node| !node.is_empty()).map(str::to_string);
        if deleted || is_terminal(&pod) {
            let waited = queue.remove(&uid).map(|entry| entry.pod);
            nominated.remove(&uid);
            if let Some(gone) = cache.remove_pod(&uid) {
                queue.wake(now, &left(&gone), cache);
            } else if let Some(gone) = waited.filter(|gone| preemption::nomination(&gone.pod).is_some()) {
                queue.wake_up_to(gone.priority(), now, &left(&gone), cache);
            }
        } else if let Some(node) = node {
            queue.remove(&uid);
            let old = cache.pod(&uid).cloned();
            // Its binding is known to the cluster now.
            let fresh = old.as_ref().is_none_or(|old| old.spec().node_name.as_deref().is_none_or(str::is_empty));
            // A spec that changed has another generation; binding alone doesn't count.
            let same = |old: &Rc<PodInfo>| {
                old.pod.metadata.generation == pod.metadata.generation
                    && old.pod.metadata.labels == pod.metadata.labels
                    && cache.node_of(&uid) == Some(node.as_str())
                    && !resizing(&old.pod, &pod)
            };
            if old.as_ref().is_some_and(same) {
                drop(old);
                cache.refresh_pod(&uid, pod);
            } else {
                let new = Rc::new(PodInfo::new(pod));
                cache.put_pod(&node, new.clone());
                if let Some(old) = old.filter(|_| !fresh) {
                    for what in pod_changes(&old, &new) {
                        queue.wake(now, &News::Pod { what, old: Some(&old), new: Some(&new) }, cache);
                    }
                }
            }
            if fresh && let Some(new) = cache.pod(&uid) {
                queue.wake(now, &News::Pod { what: What::Add, old: None, new: Some(new) }, cache);
            }
        } else if spec.and_then(|s| s.scheduler_name.as_deref()).unwrap_or(NAME) != NAME {
            // Another scheduler's.
        } else if scheduling_gates::check(&pod).is_err() {
            queue.remove(&uid);
        } else if let Some(old) = queue.get(&uid).cloned() {
            let info = Rc::new(PodInfo::new(pod));
            let (was, is) = (preemption::nomination(&old.pod), preemption::nomination(&info.pod));
            // What was decided a moment ago may not be told yet.
            match is {
                Some(node) => drop(nominated.insert(uid, (node.into(), info.clone()))),
                None if was.is_some() => drop(nominated.remove(&uid)),
                None => {
                    if let Some((_, held)) = nominated.get_mut(&uid) {
                        *held = info.clone();
                    }
                }
            }
            queue.update(info.clone(), cache, now);
            if was.is_some() && was != is {
                queue.wake_up_to(old.priority(), now, &left(&old), cache);
            }
        } else if cache.node_of(&uid).is_none() {
            let info = Rc::new(PodInfo::new(pod));
            if let Some(node) = preemption::nomination(&info.pod) {
                nominated.insert(uid, (node.into(), info.clone()));
            }
            queue.add(info, now);
        }
        true
    }

    async fn schedule(self: &Rc<Self>, entry: Entry) {
        let pod = entry.pod.pod.clone();
        if pod.metadata.deletion_timestamp.is_some() {
            let (namespace, name) = names(&pod);
            let note = format!("skip schedule deleting pod: {namespace}/{name}");
            self.recorder.event(pod_reference(&pod, None), EventType::Warning, "FailedScheduling", "Scheduling", note);
            return;
        }
        let request = {
            let state = &mut *self.state.borrow_mut();
            let held = state.hold_nominated(&entry.pod);
            let mut cycle = cycle::run(&state.cache, &entry.pod, &mut state.start, &mut state.rng);
            let total = state.cache.nodes().len();
            let mut nominate = Nominate::Keep;
            if let Err(diagnosis) = &mut cycle.result
                && diagnosis.pre_filter.is_none()
            {
                nominate = state.preempt(&entry.pod, diagnosis);
            }
            if let Nominate::On { candidate, .. } = &nominate
                && candidate.victims.iter().any(|victim| victim.pod.metadata.deletion_timestamp.is_none())
            {
                state.queue.begin_preemption(entry.pod.uid());
            }
            held.iter().for_each(|uid| drop(state.cache.remove_pod(uid)));
            let message = cycle.result.as_ref().map(Rc::clone).map_err(|diagnosis| match total {
                0 => "no nodes available to schedule pods".to_string(),
                _ => diagnosis.to_string(),
            });
            let decision = decision(&pod, self.sim.now(), message.clone(), cycle.verdicts, cycle.examined, total);
            state.remember(decision);
            match (cycle.result, message) {
                (Ok(node), _) => {
                    let choices = volume_binding::choices(&entry.pod, &state.cache, &node);
                    for choice in &choices {
                        if let Choice::Volume(volume, claim) = choice {
                            state.cache.promise(volume, claim);
                        }
                    }
                    state.cache.put_pod(&node, entry.pod.clone());
                    state.nominated.remove(entry.pod.uid());
                    state.binding.insert(entry.pod.uid().to_string(), entry);
                    Ok((node, choices))
                }
                (Err(diagnosis), message) => {
                    let refused_by = if total == 0 { BTreeSet::new() } else { diagnosis.refused_by };
                    state.queue.put_back(entry, refused_by, self.sim.now());
                    Err((message.err().unwrap_or_default(), nominate))
                }
            }
        };
        let scheduler = self.clone();
        let after = self.sim.now() + CYCLE + REQUEST + jitter(&mut self.state.borrow_mut().rng);
        self.sim.spawn(async move {
            scheduler.sim.sleep_until(after).await;
            match request {
                Ok((node, choices)) => scheduler.bind(&pod, &node, choices).await,
                Err((message, nominate)) => scheduler.report(&pod, &message, nominate).await,
            }
        });
        self.sim.sleep(CYCLE).await;
    }

    async fn bind(&self, pod: &Pod, node: &str, choices: Vec<Choice>) {
        let (namespace, name) = names(pod);
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        let mut bound = Ok(());
        if !choices.is_empty() {
            // Others are told where it will be, as this takes a while.
            self.expect_on(pod, Some(node)).await;
            let given = Box::pin(self.give_volumes(pod, node, &choices)).await;
            bound = given.map_err(|error| (format!("running PreBind plugin \"VolumeBinding\": {error}"), error));
        }
        if bound.is_ok() {
            let written = self.client.bind(namespace, name, uid, node).await;
            bound = written.map_err(|error| (format!("running Bind plugin \"DefaultBinder\": {error}"), error));
        }
        let entry = self.state.borrow_mut().binding.remove(uid);
        match bound {
            Ok(()) => {
                let note = format!("Successfully assigned {namespace}/{name} to {node}");
                self.recorder.event(pod_reference(pod, None), EventType::Normal, "Scheduled", "Binding", note);
            }
            Err((message, error)) => {
                {
                    let State { cache, queue, .. } = &mut *self.state.borrow_mut();
                    for choice in &choices {
                        if let Choice::Volume(volume, _) = choice {
                            cache.take_back(volume);
                        }
                    }
                    if let Some(gone) = cache.remove_pod(uid) {
                        queue.wake(self.sim.now(), &left(&gone), cache);
                    }
                }
                if error.is_not_found() {
                    return;
                }
                if let Some(entry) = entry {
                    self.state.borrow_mut().queue.put_back(entry, BTreeSet::new(), self.sim.now());
                }
                self.write_failure(pod, "SchedulerError", &message, &Nominate::Nowhere).await;
            }
        }
    }

    /// Gives the pod's waiting claims their volumes, or says where they are to be made, and waits until all are bound.
    async fn give_volumes(&self, pod: &Pod, node: &str, choices: &[Choice]) -> Result<(), Error> {
        for choice in choices {
            // Whatever is newer by now is a conflict, and then the pod is tried again.
            let changed = match choice {
                Choice::Volume(volume, claim) => {
                    let mut volume = Other::clone(volume);
                    volumes::annotate(&mut volume, volumes::BOUND_BY_CONTROLLER, "yes");
                    if let Some(spec) = volume.content.get_mut("spec") {
                        spec["claimRef"] = volumes::reference(claim);
                    }
                    volume
                }
                Choice::Provision(claim) => {
                    let mut claim = Other::clone(claim);
                    volumes::annotate(&mut claim, volumes::SELECTED_NODE, node);
                    claim
                }
            };
            let kind = changed.kind;
            let (namespace, name) = (&changed.metadata.namespace, changed.metadata.name.clone().unwrap_or_default());
            let namespace = namespace.clone().unwrap_or_default();
            let body = client::Body::Object(Object::Other(Rc::new(changed)));
            let options = client::WriteOptions::default();
            let subresource = client::Subresource::None;
            self.client.update(kind, &namespace, &name, subresource, body, options).await?;
        }
        let (namespace, name) = names(pod);
        let began = self.sim.now();
        loop {
            let unbound = {
                let cache = &self.state.borrow().cache;
                let mut claims = volumes::claims(pod).map(|(_, name)| cache.claim(namespace, &name));
                !claims.all(|claim| claim.is_some_and(|claim| volumes::is_bound(claim)))
            };
            if !unbound {
                return Ok(());
            }
            if self.sim.now().since(began) >= BIND_TIMEOUT {
                return Err(Error::internal("binding volumes: context deadline exceeded"));
            }
            self.sim.sleep(BIND_LOOK).await;
            // A pod that has gone needs no volumes.
            client::get::<Pod>(&*self.client, namespace, name).await?;
        }
    }

    async fn report(&self, pod: &Pod, message: &str, nominate: Nominate) {
        self.write_failure(pod, "Unschedulable", message, &nominate).await;
        let Nominate::On { candidate, losers } = nominate else { return };
        for loser in &losers {
            self.expect_on(&loser.pod, None).await;
        }
        let mut failed = false;
        for victim in candidate.victims.iter().filter(|v| v.pod.metadata.deletion_timestamp.is_none()) {
            failed = self.evict(&victim.pod, pod, &candidate.node).await.is_err();
            if failed {
                break;
            }
        }
        self.state.borrow_mut().queue.end_preemption(pod.metadata.uid.as_deref().unwrap_or_default(), failed);
    }

    /// Tells in a pod's status which place it is to have, or that it has lost it.
    async fn expect_on(&self, pod: &Pod, node: Option<&str>) {
        let (namespace, name) = names(pod);
        let tell = async || -> Result<(), Error> {
            let current: Rc<Pod> = client::get(&*self.client, namespace, name).await?;
            if current.uid() != pod.uid() || preemption::nomination(&current) == node {
                return Ok(());
            }
            let mut changed = Pod::clone(&current);
            changed.status.get_or_insert_default().nominated_node_name = node.map(str::to_string);
            client::update_status(&*self.client, Rc::new(changed)).await.map(drop)
        };
        while tell().await.is_err_and(|error| error.is_conflict()) {}
    }

    /// Lets a pod go that is in the way of a more important one. One that has gone is no error.
    async fn evict(&self, victim: &Pod, pod: &Pod, node: &str) -> Result<(), Error> {
        let (namespace, name) = names(victim);
        let mark = async || -> Result<(), Error> {
            let current: Rc<Pod> = client::get(&*self.client, namespace, name).await?;
            if current.uid() != victim.uid() {
                return Ok(());
            }
            let mut changed = Pod::clone(&current);
            let condition = PodCondition {
                type_: "DisruptionTarget".into(),
                status: "True".into(),
                reason: Some("PreemptionByScheduler".into()),
                message: Some(format!("{NAME}: preempting to accommodate a higher priority pod")),
                observed_generation: current.metadata.generation,
                last_transition_time: Some(whole_seconds(self.sim.wall())),
                ..PodCondition::default()
            };
            set_condition(changed.status.get_or_insert_default().conditions.get_or_insert_default(), condition);
            client::update_status(&*self.client, Rc::new(changed)).await.map(drop)
        };
        while let Err(error) = mark().await {
            if error.is_not_found() {
                return Ok(());
            }
            if !error.is_conflict() {
                return Err(error);
            }
        }
        let options =
            client::DeleteOptions { precondition_uid: victim.metadata.uid.clone(), ..client::DeleteOptions::default() };
        match self.client.delete(Kind::Pod, namespace, name, options).await {
            Ok(_) => {
                let uid = pod.metadata.uid.as_deref().unwrap_or_default();
                let note = format!("Preempted by pod {uid} on node {node}");
                self.recorder.event(pod_reference(victim, None), EventType::Normal, "Preempted", "Preempting", note);
                Ok(())
            }
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Says in an event and in the pod's status that it found no node.
    async fn write_failure(&self, pod: &Pod, reason: &str, message: &str, nominate: &Nominate) {
        let about = pod_reference(pod, None);
        self.recorder.event(about, EventType::Warning, "FailedScheduling", "Scheduling", cut(message));
        // Another writer may be quicker; then it is done again on what that one wrote.
        while let Err(error) = self.write_condition(pod, reason, message, nominate).await {
            if !error.is_conflict() {
                break;
            }
        }
    }

    async fn write_condition(&self, pod: &Pod, reason: &str, message: &str, nominate: &Nominate) -> Result<(), Error> {
        let (namespace, name) = names(pod);
        let current: Rc<Pod> = client::get(&*self.client, namespace, name).await?;
        let bound = current.spec.as_ref().is_some_and(|s| s.node_name.as_deref().is_some_and(|n| !n.is_empty()));
        if current.uid() != pod.uid() || bound {
            return Ok(());
        }
        let mut changed = Pod::clone(&current);
        let condition = PodCondition {
            type_: "PodScheduled".into(),
            status: "False".into(),
            reason: Some(reason.into()),
            message: Some(message.into()),
            observed_generation: current.metadata.generation,
            last_transition_time: Some(whole_seconds(self.sim.wall())),
            ..PodCondition::default()
        };
        let status = changed.status.get_or_insert_default();
        match nominate {
            Nominate::Keep => {}
            Nominate::Nowhere => status.nominated_node_name = None,
            Nominate::On { candidate, .. } => status.nominated_node_name = Some(candidate.node.to_string()),
        }
        set_condition(status.conditions.get_or_insert_default(), condition);
        client::update_status(&*self.client, Rc::new(changed)).await.map(drop)
    }
}

/// What becomes of the node that a pod is nominated for.
enum Nominate {
    Keep,
    Nowhere,
    /// With the less important pods that were to have this place.
    On {
        candidate: Candidate,
        losers: Vec<Rc<PodInfo>>,
    },
}

impl State {
    /// Puts the pods that room was made for into their places, as far as they matter as much as `pod`; their uids.
    fn hold_nominated(&mut self, pod: &PodInfo) -> Vec<String> {
        let held = |uid: &String, info: &PodInfo| *uid != pod.uid() && info.priority() >= pod.priority();
        let mut uids = Vec::new();
        for (uid, (node, info)) in self.nominated.iter().filter(|(uid, (_, info))| held(uid, info)) {
            if self.cache.node_of(uid).is_none() {
                self.cache.put_pod(node, info.clone());
                uids.push(uid.clone());
            }
        }
        uids
    }

    /// What the plugins that run when no node is left do. DynamicResources speaks first, of claims, for every pod, unless
    /// preemption makes room.
    fn preempt(&mut self, pod: &Rc<PodInfo>, diagnosis: &mut Diagnosis) -> Nominate {
        let say = |why: &str| format!("no new claims to deallocate, preemption: {why}");
        match preemption::attempt(&mut self.cache, pod, diagnosis, &mut self.rng) {
            Outcome::Ineligible(why) => {
                diagnosis.post_filter = say(&why);
                Nominate::Keep
            }
            Outcome::Useless(why) => {
                diagnosis.post_filter = say(&why);
                self.nominated.remove(pod.uid());
                Nominate::Nowhere
            }
            Outcome::Preempt(candidate) => {
                // Less important pods that wait for this place look for another one.
                let lesser = |_: &String, (node, info): &mut (Rc<str>, Rc<PodInfo>)| {
                    *node == candidate.node && info.priority() < pod.priority()
                };
                let losers = self.nominated.extract_if(.., lesser).map(|(_, (_, info))| info).collect();
                self.nominated.insert(pod.uid().to_string(), (candidate.node.clone(), pod.clone()));
                Nominate::On { candidate, losers }
            }
        }
    }

    fn remember(&mut self, decision: Decision) {
        let uid = decision.uid.clone();
        if self.decisions.insert(uid.clone(), Rc::new(decision)).is_none() {
            self.order.push_back(uid);
        }
        while self.order.len() > DECISIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.decisions.remove(&oldest);
        }
    }
}

/// The news that a pod is not where it was, or won't come.
fn left(gone: &PodInfo) -> News<'_> {
    News::Pod { what: What::Delete, old: Some(gone), new: None }
}

/// Whether the kubelet reports other resources than before.
fn resizing(old: &Pod, new: &Pod) -> bool {
    let allocated = |pod: &Pod| -> Vec<_> {
        let statuses = pod.status.iter().flat_map(|s| s.container_statuses.iter().flatten());
        statuses.map(|s| s.allocated_resources.clone()).collect()
    };
    let any = |pod: &Pod| {
        let mut statuses = pod.status.iter().flat_map(|s| s.container_statuses.iter().flatten());
        statuses.any(|s| s.allocated_resources.is_some())
    };
    (any(old) || any(new)) && allocated(old) != allocated(new)
}

fn is_terminal(pod: &Pod) -> bool {
    matches!(pod.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Succeeded" | "Failed"))
}

fn names(pod: &Pod) -> (&str, &str) {
    let meta = &pod.metadata;
    (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

fn decision(
    pod: &Pod,
    time: SimTime,
    result: Result<Rc<str>, String>,
    nodes: Vec<Verdict>,
    examined: usize,
    total: usize,
) -> Decision {
    let (namespace, name) = names(pod);
    let uid = pod.metadata.uid.clone().unwrap_or_default();
    Decision { namespace: namespace.into(), name: name.into(), uid, time, result, nodes, examined, total }
}

/// Up to 2 ms, as requests vary.
fn jitter(rng: &mut Rng) -> Duration {
    Duration::from_micros(rng.below(2000))
}

/// A message cut to what an event takes.
fn cut(message: &str) -> String {
    const SUFFIX: &str = " ...";
    if message.len() <= NOTE_LIMIT {
        return message.into();
    }
    let mut end = NOTE_LIMIT - SUFFIX.len();
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{SUFFIX}", &message[..end])
}
