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
pub mod plugins;
pub mod preemption;
pub mod queue;
mod resources;
pub mod terms;
#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use k8s_openapi::api::core::v1::{Node, PodCondition};

use self::{
    cache::{Cache, NodeInfo, PodInfo},
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
        taints::tolerates,
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
                    cache.set_other(object.clone());
                    if object.kind == Kind::PodDisruptionBudget {
                        return true;
                    }
                    let name = object.metadata.name.as_deref().unwrap_or_default();
                    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
                    queue.wake(self.sim.now(), |entry| {
                        entry.refused_by.contains("VolumeBinding")
                            && (object.kind != Kind::PersistentVolumeClaim
                                || volume_binding::uses(&entry.pod, namespace, name))
                    });
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
                cache.set_node(node);
                if queue.is_anyone_waiting()
                    && let Some(new) = cache.node(&name)
                    && old.as_ref().is_none_or(|old| matters(old, &new.node))
                {
                    let change = NodeChange { old: old.map(NodeInfo::new), new };
                    queue.wake(now, |entry| change.helps(entry));
                }
            }
            WatchEvent::Deleted(object) => cache.remove_node(object.name()),
            WatchEvent::Error(_) => return false,
            WatchEvent::Added(_) | WatchEvent::Modified(_) => {}
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
            queue.remove(&uid);
            nominated.remove(&uid);
            if let Some(gone) = cache.remove_pod(&uid) {
                queue.wake(now, |entry| freed(entry, &gone));
            }
        } else if let Some(node) = node {
            queue.remove(&uid);
            let old = cache.pod(&uid);
            // A spec that changed has another generation; binding alone doesn't count.
            if old.is_some_and(|old| {
                old.pod.metadata.generation == pod.metadata.generation
                    && cache.node_of(&uid) == Some(node.as_str())
                    && !resizing(&old.pod, &pod)
            }) {
                // Its binding is known to the cluster now.
                let unbound = |old: &PodInfo| old.spec().node_name.as_deref().is_none_or(str::is_empty);
                let assigned = cache.pod(&uid).is_some_and(|old| unbound(old));
                cache.refresh_pod(&uid, pod);
                if assigned && let Some(new) = cache.pod(&uid) {
                    queue.wake(now, |entry| joined(entry, new, cache));
                }
                return true;
            }
            let new = Rc::new(PodInfo::new(pod));
            let shrunk = old.is_some_and(|old| old.requests != new.requests);
            let fresh = old.is_none();
            cache.put_pod(&node, new.clone());
            if fresh {
                queue.wake(now, |entry| joined(entry, &new, cache));
            }
            if shrunk {
                queue.wake(now, |entry| freed(entry, &new));
            }
        } else if spec.and_then(|s| s.scheduler_name.as_deref()).unwrap_or(NAME) != NAME {
            // Another scheduler's.
        } else if scheduling_gates::check(&pod).is_err() {
            queue.remove(&uid);
        } else if let Some(old) = queue.get(&uid) {
            let matters = old.pod.spec != pod.spec || old.pod.metadata.labels != pod.metadata.labels;
            queue.update(Rc::new(PodInfo::new(pod)), matters, now);
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
                    state.queue.put_back(entry, diagnosis.refused_by, self.sim.now());
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
                        queue.wake(self.sim.now(), |entry| freed(entry, &gone));
                    }
                }
                if error.is_not_found() {
                    return;
                }
                if let Some(entry) = entry {
                    self.state.borrow_mut().queue.put_back_after_error(entry, self.sim.now());
                }
                self.write_failure(pod, "SchedulerError", &message, &Nominate::Keep).await;
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
                let claims = pod.spec.iter().flat_map(|spec| volumes::claims(spec));
                let bound =
                    |(_, claim): (&str, &str)| cache.claim(namespace, claim).is_some_and(|c| volumes::is_bound(c));
                !claims.into_iter().all(bound)
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
        let Nominate::On(candidate) = nominate else { return };
        for victim in &candidate.victims {
            self.evict(&victim.pod, pod, &candidate.node).await;
        }
    }

    /// Lets a pod go that is in the way of a more important one.
    async fn evict(&self, victim: &Pod, pod: &Pod, node: &str) {
        if victim.metadata.deletion_timestamp.is_some() {
            return;
        }
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
            if !error.is_conflict() {
                return;
            }
        }
        let options =
            client::DeleteOptions { precondition_uid: victim.metadata.uid.clone(), ..client::DeleteOptions::default() };
        if self.client.delete(Kind::Pod, namespace, name, options).await.is_ok() {
            let uid = pod.metadata.uid.as_deref().unwrap_or_default();
            let note = format!("Preempted by pod {uid} on node {node}");
            self.recorder.event(pod_reference(victim, None), EventType::Normal, "Preempted", "Preempting", note);
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
            Nominate::On(candidate) => status.nominated_node_name = Some(candidate.node.to_string()),
        }
        set_condition(status.conditions.get_or_insert_default(), condition);
        client::update_status(&*self.client, Rc::new(changed)).await.map(drop)
    }
}

/// What becomes of the node that a pod is nominated for.
enum Nominate {
    Keep,
    Nowhere,
    On(Candidate),
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
                self.nominated.retain(|_, (node, info)| *node != candidate.node || info.priority() >= pod.priority());
                self.nominated.insert(pod.uid().to_string(), (candidate.node.clone(), pod.clone()));
                Nominate::On(candidate)
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

/// What a change of a node means for waiting pods (the plugins' queueing hints).
struct NodeChange<'a> {
    old: Option<NodeInfo>,
    new: &'a NodeInfo,
}

/// Whether a change of a node can matter to any pod; heartbeats don't.
fn matters(old: &Node, new: &Node) -> bool {
    let allocatable = |node: &Node| node.status.as_ref().and_then(|s| s.allocatable.clone());
    old.spec != new.spec || old.metadata.labels != new.metadata.labels || allocatable(old) != allocatable(new)
}

impl NodeChange<'_> {
    /// Whether one of the plugins that refused the pod would say something else now.
    fn helps(&self, entry: &Entry) -> bool {
        let pod = &entry.pod;
        let old = self.old.as_ref();
        let was = |fits: &dyn Fn(&NodeInfo) -> bool| old.is_some_and(fits);
        let hint = |plugin: &str| {
            let fits: &dyn Fn(&NodeInfo) -> bool = match plugin {
                "NodeUnschedulable" => &|node| node.node.spec.as_ref().and_then(|s| s.unschedulable) != Some(true),
                "TaintToleration" => &|node| tolerated(pod, &node.node),
                "NodeAffinity" => &|node| {
                    let cache = Cache::default();
                    let affinity = PLUGINS.iter().find(|p| p.name() == "NodeAffinity");
                    match affinity.map(|plugin| plugin.filter(pod, &cache)) {
                        Some(plugins::Filter::Check { check, .. }) => check(node).is_ok(),
                        _ => true,
                    }
                },
                "NodeResourcesFit" => {
                    let more = old.is_none_or(|old| old.allocatable != self.new.allocatable);
                    return more && plugins::insufficient(pod, self.new).is_none();
                }
                "PodTopologySpread" | "InterPodAffinity" => {
                    return old.is_none_or(|old| old.node.metadata.labels != self.new.node.metadata.labels);
                }
                _ => return old.is_none(),
            };
            fits(self.new) && !was(fits)
        };
        entry.refused_by.is_empty() || entry.refused_by.iter().any(|plugin| hint(plugin))
    }
}

fn tolerated(pod: &PodInfo, node: &Node) -> bool {
    let tolerations = pod.spec().tolerations.as_deref().unwrap_or_default();
    let mut taints =
        node.spec.iter().flat_map(|s| s.taints.iter().flatten()).filter(|t| t.effect != "PreferNoSchedule");
    taints.all(|taint| tolerations.iter().any(|t| tolerates(t, taint)))
}

/// Whether a pod that came to a node may be one that a waiting one wants to be with, or to be spread against.
fn joined(entry: &Entry, new: &PodInfo, cache: &Cache) -> bool {
    entry.refused_by.iter().any(|plugin| match *plugin {
        "InterPodAffinity" => entry
            .pod
            .terms
            .iter()
            .flat_map(|terms| &terms.required)
            .any(|term| term.matches(&new.pod, cache.namespace_labels(&new.pod))),
        "PodTopologySpread" => new.pod.metadata.namespace == entry.pod.pod.metadata.namespace,
        _ => false,
    })
}

/// Whether a pod that went may have made room for a waiting one.
fn freed(entry: &Entry, gone: &PodInfo) -> bool {
    entry.refused_by.iter().any(|plugin| match *plugin {
        "NodeResourcesFit" => true,
        "InterPodAffinity" => true,
        "PodTopologySpread" => gone.pod.metadata.namespace == entry.pod.pod.metadata.namespace,
        "VolumeBinding" => {
            volumes::claims(gone.spec()).any(|(_, claim)| volume_binding::uses(&entry.pod, names(&gone.pod).0, claim))
        }
        "NodePorts" => entry.pod.host_ports.iter().any(|wanted| gone.host_ports.iter().any(|p| p.clashes(wanted))),
        _ => false,
    })
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
