//! What an onlooker knows: the objects as the API reports them now, and how pods came to be so.
//!
//! It is fed by watches, as any client of a cluster could be, and by the network's tap. Histories are
//! bounded: the oldest records go first.

use std::{
    borrow::Cow,
    cell::{Ref, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use k8s_openapi::api::core::v1::{ContainerState as ApiState, ContainerStatus, Event, Node, PodCondition};

use crate::{
    api::{
        ApiClient, Kind, Object, Pod, Resource,
        client::{ListOptions, WatchEvent},
    },
    kubelet::statics,
    os::net::NetEvent,
    sim::{Sim, SimTime},
};

const MAX_RECORDS_PER_POD: usize = 4096;
const MAX_GONE_PODS: usize = 256;
const MAX_NET_EVENTS: usize = 2048;

/// A word of a status. The usual ones take no memory.
type Word = Cow<'static, str>;

fn word(text: &str) -> Word {
    const USUAL: [&str; 21] = [
        "",
        "True",
        "False",
        "Unknown",
        "Pending",
        "Running",
        "Succeeded",
        "Failed",
        "ContainerCreating",
        "PodInitializing",
        "CrashLoopBackOff",
        "Completed",
        "Error",
        "Scheduled",
        "Pulling",
        "Pulled",
        "Created",
        "Started",
        "Killing",
        "BackOff",
        "Unhealthy",
    ];
    USUAL.into_iter().find(|usual| *usual == text).map_or_else(|| text.to_owned().into(), Cow::Borrowed)
}

/// The state of one container at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    Waiting { reason: Word },
    Running,
    Terminated { reason: Word, exit_code: i32 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerRecord {
    pub name: Box<str>,
    pub init: bool,
    pub state: ContainerState,
    pub ready: bool,
    pub restarts: i32,
}

impl ContainerRecord {
    fn of(status: &ContainerStatus, init: bool) -> ContainerRecord {
        ContainerRecord {
            name: status.name.as_str().into(),
            init,
            state: container_state(status.state.as_ref()),
            ready: status.ready,
            restarts: status.restart_count,
        }
    }
}

/// What a pod's status said at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRecord {
    pub phase: Word,
    pub reason: Option<Box<str>>,
    pub deleting: bool,
    /// The other conditions: two bits for each of [`CONDITIONS`], none of them if it is not there.
    conditions: u16,
    /// The condition Ready: status, message.
    pub ready: Option<(Word, Option<Box<str>>)>,
    /// Shared with the record before where nothing has changed.
    pub containers: Rc<[ContainerRecord]>,
}

impl PodRecord {
    fn of(pod: &Pod) -> PodRecord {
        let status = pod.status.as_ref();
        let inits = status.and_then(|s| s.init_container_statuses.as_ref()).into_iter().flatten();
        let regular = status.and_then(|s| s.container_statuses.as_ref()).into_iter().flatten();
        let containers =
            inits.map(|c| ContainerRecord::of(c, true)).chain(regular.map(|c| ContainerRecord::of(c, false)));
        let text = |text: &String| text.as_str().into();
        PodRecord {
            phase: word(status.and_then(|s| s.phase.as_deref()).unwrap_or_default()),
            reason: status.and_then(|s| s.reason.as_ref()).map(text),
            deleting: pod.metadata.deletion_timestamp.is_some(),
            conditions: condition_bits(pod),
            ready: conditions(pod)
                .find(|c| c.type_ == "Ready")
                .map(|c| (word(&c.status), c.message.as_ref().map(text))),
            containers: containers.collect(),
        }
    }
}

/// Conditions whose status is recorded beside Ready's.
const CONDITIONS: [&str; 7] = [
    "PodScheduled",
    "PodReadyToStartContainers",
    "Initialized",
    "ContainersReady",
    "DisruptionTarget",
    "PodResizePending",
    "PodResizeInProgress",
];
const STATUSES: [&str; 3] = ["True", "False", "Unknown"];

fn condition_bits(pod: &Pod) -> u16 {
    let place = |names: &[&str], name: &str| names.iter().position(|n| *n == name);
    let bits =
        |c: &PodCondition| Some((place(&STATUSES, &c.status)? as u16 + 1) << (2 * place(&CONDITIONS, &c.type_)?));
    conditions(pod).filter_map(bits).fold(0, |all, bits| all | bits)
}

impl PodRecord {
    /// The conditions that there are beside Ready, with their statuses.
    pub fn conditions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let bits = self.conditions;
        CONDITIONS.into_iter().enumerate().filter_map(move |(i, name)| {
            let status = usize::from(bits >> (2 * i) & 3).checked_sub(1)?;
            Some((name, STATUSES[status]))
        })
    }
}

fn conditions(pod: &Pod) -> impl Iterator<Item = &PodCondition> {
    pod.status.as_ref().and_then(|s| s.conditions.as_ref()).into_iter().flatten()
}

/// Whether the conditions say the same, whenever they began to.
fn same_conditions(a: &Pod, b: &Pod) -> bool {
    let same =
        |(a, b): (&PodCondition, &PodCondition)| a.type_ == b.type_ && a.status == b.status && a.message == b.message;
    conditions(a).count() == conditions(b).count() && conditions(a).zip(conditions(b)).all(same)
}

fn container_state(state: Option<&ApiState>) -> ContainerState {
    let Some(state) = state else { return ContainerState::Waiting { reason: word("") } };
    if state.running.is_some() {
        return ContainerState::Running;
    }
    if let Some(t) = &state.terminated {
        let reason = word(t.reason.as_deref().unwrap_or_default());
        return ContainerState::Terminated { reason, exit_code: t.exit_code };
    }
    let reason = state.waiting.as_ref().and_then(|w| w.reason.as_deref()).unwrap_or_default();
    ContainerState::Waiting { reason: word(reason) }
}

/// What of an event is shown. The event itself is ten times as large, and a pod has a handful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    pub reason: Word,
    pub message: Box<str>,
    /// Whom of the pod it is about.
    pub container: Option<Box<str>>,
    pub warning: bool,
    pub count: u32,
}

impl EventRecord {
    fn of(event: &Event) -> EventRecord {
        // `spec.containers{web}`
        let path = event.involved_object.field_path.as_deref();
        let container = path.and_then(|path| path.split_once('{')?.1.strip_suffix('}'));
        EventRecord {
            container: container.map(Box::from),
            reason: word(event.reason.as_deref().unwrap_or_default()),
            message: event.message.as_deref().unwrap_or_default().into(),
            warning: event.type_.as_deref() == Some("Warning"),
            count: event.count.and_then(|count| u32::try_from(count).ok()).unwrap_or(1),
        }
    }
}

/// The life of one pod.
#[derive(Clone, Debug)]
pub struct PodHistory {
    pub uid: Rc<str>,
    pub namespace: String,
    pub name: String,
    pub node: Option<String>,
    pub created: SimTime,
    pub removed: Option<SimTime>,
    /// Changes of what is recorded, oldest first; no two neighbours are equal.
    pub records: VecDeque<(SimTime, PodRecord)>,
    /// Events about the pod as they were reported, repeats included.
    pub events: VecDeque<(SimTime, EventRecord)>,
}

/// The objects now, and the pods' histories.
#[derive(Default)]
pub struct View {
    pods: BTreeMap<(String, String), Rc<Pod>>,
    nodes: BTreeMap<String, Rc<Node>>,
    histories: BTreeMap<Rc<str>, Box<PodHistory>>,
    gone: VecDeque<Rc<str>>,
    net: VecDeque<NetEvent>,
    changes: u64,
}

impl View {
    /// By namespace and name.
    pub fn pods(&self) -> impl Iterator<Item = &Rc<Pod>> {
        self.pods.values()
    }

    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Rc<Pod>> {
        self.pods.get(&(namespace.to_string(), name.to_string()))
    }

    /// By name.
    pub fn nodes(&self) -> impl Iterator<Item = &Rc<Node>> {
        self.nodes.values()
    }

    pub fn node(&self, name: &str) -> Option<&Rc<Node>> {
        self.nodes.get(name)
    }

    pub fn history(&self, uid: &str) -> Option<&PodHistory> {
        self.histories.get(uid).map(Box::as_ref)
    }

    /// By uid; the pods that are gone are kept for a while.
    pub fn histories(&self) -> impl Iterator<Item = &PodHistory> {
        self.histories.values().map(Box::as_ref)
    }

    /// What happened on the network lately, oldest first.
    pub fn net_events(&self) -> impl DoubleEndedIterator<Item = &NetEvent> {
        self.net.iter()
    }

    /// Counts everything that an onlooker could notice; heartbeats don't count.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    fn net_event(&mut self, event: NetEvent) {
        if self.net.len() == MAX_NET_EVENTS {
            self.net.pop_front();
        }
        self.net.push_back(event);
        self.changes += 1;
    }

    fn pod_written(&mut self, now: SimTime, pod: &Rc<Pod>) {
        if !self.histories.contains_key(pod.uid()) {
            let uid: Rc<str> = pod.uid().into();
            let history = PodHistory {
                uid: uid.clone(),
                namespace: pod.namespace().to_string(),
                name: pod.name().to_string(),
                node: None,
                created: now,
                removed: None,
                records: VecDeque::new(),
                events: VecDeque::new(),
            };
            self.histories.insert(uid, Box::new(history));
        }
        let Some(history) = self.histories.get_mut(pod.uid()) else { return };
        history.node = pod.spec.as_ref().and_then(|s| s.node_name.clone());
        let mut record = PodRecord::of(pod);
        let new = history.records.back().is_none_or(|(_, last)| *last != record);
        if new {
            if history.records.len() == MAX_RECORDS_PER_POD {
                history.records.pop_front();
            }
            if let Some((_, last)) = history.records.back().filter(|(_, last)| last.containers == record.containers) {
                record.containers = last.containers.clone();
            }
            grow(&mut history.records);
            history.records.push_back((now, record));
        }
        let before = self.pods.insert((pod.namespace().to_string(), pod.name().to_string()), pod.clone());
        if new || !before.is_some_and(|before| same_conditions(&before, pod)) {
            self.changes += 1;
        }
    }

    fn pod_removed(&mut self, now: SimTime, pod: &Pod) {
        self.changes += 1;
        let key = (pod.namespace().to_string(), pod.name().to_string());
        if self.pods.get(&key).is_some_and(|p| p.uid() == pod.uid()) {
            self.pods.remove(&key);
        }
        if let Some(history) = self.histories.get_mut(pod.uid()) {
            history.removed = Some(now);
            self.gone.push_back(history.uid.clone());
            if self.gone.len() > MAX_GONE_PODS
                && let Some(oldest) = self.gone.pop_front()
            {
                self.histories.remove(&oldest);
            }
        }
    }

    fn node_written(&mut self, node: &Rc<Node>) {
        let visible = |n: &Node| {
            let conditions: Vec<_> = n
                .status
                .as_ref()
                .and_then(|s| s.conditions.as_ref())
                .into_iter()
                .flatten()
                .map(|c| (c.type_.clone(), c.status.clone()))
                .collect();
            (n.spec.clone(), conditions)
        };
        if self.nodes.get(node.name()).is_none_or(|old| visible(old) != visible(node)) {
            self.changes += 1;
        }
        self.nodes.insert(node.name().to_string(), node.clone());
    }

    fn event_written(&mut self, now: SimTime, event: &Event) {
        let Some(uid) = &event.involved_object.uid else { return };
        // What happens to a static pod is shown with its mirror.
        let about = &event.involved_object;
        let key = (about.namespace.clone().unwrap_or_default(), about.name.clone().unwrap_or_default());
        let mirror = self.pods.get(&key).filter(|pod| statics::mirrored(pod) == Some(uid.as_str()));
        let uid = mirror.map_or(uid.as_str(), |mirror| mirror.uid());
        if let Some(history) = self.histories.get_mut(uid) {
            if history.events.len() == MAX_RECORDS_PER_POD {
                history.events.pop_front();
            }
            grow(&mut history.events);
            history.events.push_back((now, EventRecord::of(event)));
            self.changes += 1;
        }
    }
}

/// Makes room for one more; most histories stay short, and there are many.
fn grow<T>(records: &mut VecDeque<T>) {
    if records.len() == records.capacity() {
        let more = 1 + records.len() / 4;
        records.reserve_exact(more);
    }
}

/// Keeps a [`View`] up to date.
#[derive(Clone, Default)]
pub struct Observer(Rc<RefCell<View>>);

impl Observer {
    /// Starts watching.
    pub fn start(sim: &Sim, client: &Rc<dyn ApiClient>) -> Observer {
        let observer = Observer::default();
        for kind in [Kind::Node, Kind::Pod, Kind::Event] {
            let (observer, sim_, client) = (observer.clone(), sim.clone(), client.clone());
            sim.spawn(async move {
                // A watch ends only if its version was too old: begin anew from what exists.
                while let Ok(mut watch) = client.watch(kind, "", ListOptions::default()).await {
                    while let Some(event) = watch.recv().await {
                        observer.apply(sim_.now(), &event);
                    }
                }
            });
        }
        observer
    }

    pub fn view(&self) -> Ref<'_, View> {
        self.0.borrow()
    }

    pub(super) fn net_event(&self, event: NetEvent) {
        self.0.borrow_mut().net_event(event);
    }

    fn apply(&self, now: SimTime, event: &WatchEvent) {
        let mut view = self.0.borrow_mut();
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => match object {
                Object::Pod(pod) => view.pod_written(now, pod),
                Object::Node(node) => view.node_written(node),
                Object::Event(event) => view.event_written(now, event),
                _ => {}
            },
            WatchEvent::Deleted(object) => match object {
                Object::Pod(pod) => view.pod_removed(now, pod),
                Object::Node(node) => {
                    view.nodes.remove(node.name());
                    view.changes += 1;
                }
                _ => {}
            },
            WatchEvent::Error(_) => {}
        }
    }
}
