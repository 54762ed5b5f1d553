//! Event recorders, as client-go's two: [`Recorder`] for the kubelet and controllers (counts,
//! aggregation, spam filter) and [`SeriesRecorder`] for the scheduler (events.k8s.io series).
//!
//! Recording never waits: events are queued, and a task writes them in order while there are any.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    rc::Rc,
    time::Duration,
};

use k8s_openapi::{
    api::core::v1::{Event, EventSeries, EventSource, ObjectReference},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time},
    jiff::Timestamp,
};

use super::{packed::PackedEvent, whole_seconds};
use crate::{
    api::{
        ApiClient, Error, Kind, Object, Pod,
        client::{Body, Subresource, WriteOptions},
    },
    sim::{Sim, SimTime},
};

/// Different messages of one kind about one object before they are combined.
const MAX_SIMILAR: usize = 10;
/// After this long without a similar event, combining starts anew.
const SIMILAR_WITHIN: Duration = Duration::from_secs(600);
/// The spam filter: events in a burst about one object, and the time for one more.
const BURST: f64 = 25.0;
const REFILL: f64 = 300.0;
/// Objects that a recorder remembers.
const REMEMBERED: usize = 4096;

/// A series that hasn't repeated for this long is closed; looked at as often.
const SERIES_END: Duration = Duration::from_secs(360);
/// How often a running series is written again.
const SERIES_REFRESH: Duration = Duration::from_secs(1800);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    Normal,
    Warning,
}

impl EventType {
    pub fn name(self) -> &'static str {
        match self {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        }
    }
}

/// A reference to an object, as events hold it.
pub fn reference(object: &Object) -> ObjectReference {
    let meta = object.meta();
    ObjectReference {
        api_version: Some(object.kind().api_version()),
        kind: Some(object.kind().name().into()),
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
        field_path: None,
    }
}

/// A reference to a pod, or with `field_path` (`spec.containers{app}`) to a part of it.
pub fn pod_reference(pod: &Pod, field_path: Option<&str>) -> ObjectReference {
    let meta = &pod.metadata;
    ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Pod".into()),
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
        field_path: field_path.map(str::to_string),
    }
}

/// Writes a component's events: equal ones counted in one Event, floods combined or dropped.
#[derive(Clone)]
pub struct Recorder(Rc<Inner>);

struct Inner {
    sink: Sink,
    component: String,
    host: String,
    known: RefCell<Known>,
}

impl Recorder {
    /// `component` and `host` become the events' source; "" if a controller has no host.
    pub fn new(sim: &Sim, client: Rc<dyn ApiClient>, component: &str, host: &str) -> Recorder {
        Recorder(Rc::new(Inner {
            sink: Sink::new(sim, client),
            component: component.into(),
            host: host.into(),
            known: RefCell::default(),
        }))
    }

    /// Records that `reason` happened to the object at `about`.
    pub fn event(&self, about: ObjectReference, kind: EventType, reason: &str, message: impl Into<String>) {
        let inner = &self.0;
        let now = whole_seconds(inner.sink.sim.wall());
        let nanos = inner.sink.nanos();
        let event = Event {
            metadata: name(&about, nanos),
            reason: Some(reason.into()),
            message: Some(message.into()),
            source: Some(EventSource {
                component: Some(inner.component.clone()),
                host: (!inner.host.is_empty()).then(|| inner.host.clone()),
            }),
            first_timestamp: Some(now.clone()),
            last_timestamp: Some(now),
            count: Some(1),
            type_: Some(kind.name().into()),
            reporting_component: Some(inner.component.clone()),
            reporting_instance: Some(inner.host.clone()),
            involved_object: about,
            ..Event::default()
        };
        let write = inner.known.borrow_mut().correlate(event, nanos, inner.sink.sim.now());
        if let Some(write) = write {
            inner.sink.push(write);
        }
    }
}

/// One thing for the sink to do.
enum Write {
    Create(Event),
    /// Set count, time and message of an event that was written before; create it if it has gone.
    Again(Event),
    /// The same for the series of a new-style event.
    Series(Event),
}

/// Where recorders queue what a task then writes.
struct Sink {
    sim: Sim,
    client: Rc<dyn ApiClient>,
    queue: Rc<RefCell<VecDeque<Write>>>,
    busy: Rc<Cell<bool>>,
    /// The time in the name of the last event: names must differ though virtual time stands still.
    last_name: Cell<i64>,
}

impl Sink {
    fn new(sim: &Sim, client: Rc<dyn ApiClient>) -> Sink {
        Sink { sim: sim.clone(), client, queue: Rc::default(), busy: Rc::default(), last_name: Cell::new(0) }
    }

    /// The time that a new event is named by.
    fn nanos(&self) -> i64 {
        let nanos = i64::try_from(self.sim.wall().as_nanosecond()).unwrap_or(i64::MAX);
        let nanos = nanos.max(self.last_name.get() + 1);
        self.last_name.set(nanos);
        nanos
    }

    fn push(&self, write: Write) {
        self.queue.borrow_mut().push_back(write);
        if self.busy.replace(true) {
            return;
        }
        let (client, queue, busy) = (self.client.clone(), self.queue.clone(), self.busy.clone());
        self.sim.spawn(async move {
            loop {
                let next = queue.borrow_mut().pop_front();
                let Some(write) = next else { break };
                // As in a real component, an event that can't be written (its namespace is going,
                // say) is given up.
                let _refused = perform(&*client, write).await;
            }
            busy.set(false);
        });
    }
}

/// Name and namespace of a new event.
fn name(about: &ObjectReference, nanos: i64) -> ObjectMeta {
    let namespace = about.namespace.clone().filter(|namespace| !namespace.is_empty());
    ObjectMeta {
        name: Some(format!("{}.{nanos:x}", about.name.as_deref().unwrap_or_default())),
        namespace: Some(namespace.unwrap_or_else(|| "default".into())),
        ..ObjectMeta::default()
    }
}

async fn perform(client: &dyn ApiClient, write: Write) -> Result<(), Error> {
    match write {
        Write::Create(event) => create(client, event).await,
        Write::Again(event) => {
            let change = |old: &mut Event| {
                old.count = event.count;
                old.last_timestamp.clone_from(&event.last_timestamp);
                old.message.clone_from(&event.message);
            };
            change_or_create(client, &event, change).await
        }
        Write::Series(event) => change_or_create(client, &event, |old| old.series.clone_from(&event.series)).await,
    }
}

async fn create(client: &dyn ApiClient, mut event: Event) -> Result<(), Error> {
    let namespace = event.metadata.namespace.clone().unwrap_or_default();
    for attempt in 1.. {
        let packed = PackedEvent::new(&event);
        let body = Body::Object(event.into());
        match client.create(Kind::Event, &namespace, body, WriteOptions::default()).await {
            // Another component named its event at the same virtual instant.
            Err(error) if error.is_already_exists() && attempt < 16 => {
                event = Rc::unwrap_or_clone(packed.event());
                next_name(&mut event);
            }
            result => return result.map(drop),
        }
    }
    Ok(())
}

fn next_name(event: &mut Event) {
    let name = event.metadata.name.clone().unwrap_or_default();
    if let Some((base, nanos)) = name.rsplit_once('.') {
        let nanos = i64::from_str_radix(nanos, 16).unwrap_or(0).wrapping_add(1);
        event.metadata.name = Some(format!("{base}.{nanos:x}"));
    }
}

async fn change_or_create(client: &dyn ApiClient, event: &Event, change: impl Fn(&mut Event)) -> Result<(), Error> {
    let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
    let name = event.metadata.name.as_deref().unwrap_or_default();
    let old = match client.get(Kind::Event, namespace, name).await {
        Err(error) if error.is_not_found() => return create(client, event.clone()).await,
        found => found?,
    };
    let Some(old) = old.as_::<Event>() else { return Ok(()) };
    let mut new = Event::clone(old);
    change(&mut new);
    let body = Body::Object(new.into());
    client.update(Kind::Event, namespace, name, Subresource::None, body, WriteOptions::default()).await.map(drop)
}

/// What a recorder remembers of the objects that it has reported on.
#[derive(Default)]
struct Known {
    /// By the hash of what tells them apart.
    objects: BTreeMap<u64, About>,
    /// Least recently used first.
    used: BTreeMap<u64, u64>,
    clock: u64,
}

struct About {
    used: u64,
    buckets: [Bucket; 2],
    similar: Vec<Similar>,
    written: Vec<Written>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    refilled: SimTime,
}

/// Events of one type and reason, whatever their message.
struct Similar {
    key: u64,
    last: SimTime,
    messages: Vec<u64>,
}

/// An Event that was written, to be counted up when it repeats.
struct Written {
    key: u64,
    count: i32,
    /// When it was first written, in whole seconds.
    first: i64,
    /// What tells its name from others about the object.
    nanos: i64,
}

impl Known {
    /// What to write for `event`, if anything.
    /// `nanos` is what the event is named by.
    fn correlate(&mut self, mut event: Event, nanos: i64, now: SimTime) -> Option<Write> {
        let about = self.about(&event.involved_object, now);
        let kind = hash(&(&event.type_, &event.reason));
        let message = hash(&event.message);
        let mut key = hash(&(kind, message, &event.involved_object.field_path));
        let similar = match about.similar.iter().position(|s| s.key == kind) {
            Some(at) => &mut about.similar[at],
            None => {
                about.similar.reserve_exact(1);
                about.similar.push(Similar { key: kind, last: now, messages: Vec::new() });
                let last = about.similar.len() - 1;
                &mut about.similar[last]
            }
        };
        if now.since(similar.last) > SIMILAR_WITHIN {
            similar.messages.clear();
        }
        similar.last = now;
        if !similar.messages.contains(&message) {
            similar.messages.reserve_exact(1);
            similar.messages.push(message);
        }
        if similar.messages.len() >= MAX_SIMILAR {
            similar.messages.remove(0);
            key = kind;
            let message = event.message.unwrap_or_default();
            event.message = Some(format!("(combined from similar events): {message}"));
        }
        let again = match about.written.iter_mut().find(|w| w.key == key) {
            Some(written) => {
                written.count = written.count.saturating_add(1);
                event.count = Some(written.count);
                event.first_timestamp = Timestamp::from_second(written.first).ok().map(Time);
                event.metadata = name(&event.involved_object, written.nanos);
                true
            }
            None => {
                let first = event.first_timestamp.as_ref().map_or(0, |time| time.0.as_second());
                about.written.reserve_exact(1);
                about.written.push(Written { key, count: 1, first, nanos });
                false
            }
        };
        // Warnings and others each have their own.
        let bucket = &mut about.buckets[usize::from(event.type_.as_deref() == Some("Warning"))];
        bucket.tokens = (bucket.tokens + now.since(bucket.refilled).as_secs_f64() / REFILL).min(BURST);
        bucket.refilled = now;
        if bucket.tokens < 1.0 {
            return None;
        }
        bucket.tokens -= 1.0;
        Some(if again { Write::Again(event) } else { Write::Create(event) })
    }

    fn about(&mut self, object: &ObjectReference, now: SimTime) -> &mut About {
        let key = hash(&(&object.uid, &object.kind, &object.namespace, &object.name));
        self.clock += 1;
        let clock = self.clock;
        if let Some(about) = self.objects.get(&key) {
            self.used.remove(&about.used);
        } else if self.objects.len() >= REMEMBERED
            && let Some((_, oldest)) = self.used.pop_first()
        {
            self.objects.remove(&oldest);
        }
        self.used.insert(clock, key);
        let about = self.objects.entry(key).or_insert_with(|| About {
            used: clock,
            buckets: [Bucket { tokens: BURST, refilled: now }; 2],
            similar: Vec::new(),
            written: Vec::new(),
        });
        about.used = clock;
        about
    }
}

/// Equal for equal values within a run; its order means nothing (it differs between platforms).
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Writes new-style events: equal ones form a series.
#[derive(Clone)]
pub struct SeriesRecorder(Rc<SeriesInner>);

struct SeriesInner {
    sink: Sink,
    controller: String,
    instance: String,
    /// Events of the last minutes by what makes them equal.
    known: RefCell<BTreeMap<Box<str>, PackedEvent>>,
    sweeping: Cell<bool>,
}

impl SeriesRecorder {
    /// `controller` and `instance` are what the events report: `default-scheduler`,
    /// `default-scheduler-podarium-control-plane`.
    pub fn new(sim: &Sim, client: Rc<dyn ApiClient>, controller: &str, instance: &str) -> SeriesRecorder {
        SeriesRecorder(Rc::new(SeriesInner {
            sink: Sink::new(sim, client),
            controller: controller.into(),
            instance: instance.into(),
            known: RefCell::default(),
            sweeping: Cell::default(),
        }))
    }

    /// Records an event. The message isn't part of what makes two equal, but the version of the
    /// object is.
    pub fn event(&self, about: ObjectReference, kind: EventType, reason: &str, action: &str, message: String) {
        let inner = &self.0;
        let now = micro(inner.sink.sim.wall());
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        let of = [&about.uid, &about.namespace, &about.name, &about.resource_version, &about.field_path].map(part);
        let key = format!("{}/{reason}/{action}/{}", kind.name(), of.join("/"));
        let mut known = inner.known.borrow_mut();
        if let Some(packed) = known.get_mut(key.as_str()) {
            let mut event = Rc::unwrap_or_clone(packed.event());
            let begins = event.series.is_none();
            let series = event.series.get_or_insert(EventSeries { count: Some(1), last_observed_time: None });
            series.count = series.count.map(|count| count.saturating_add(1));
            series.last_observed_time = Some(now);
            *packed = PackedEvent::new(&event);
            if begins {
                inner.sink.push(Write::Series(event));
            }
            return;
        }
        let event = Event {
            metadata: name(&about, inner.sink.nanos()),
            event_time: Some(now),
            type_: Some(kind.name().into()),
            reason: Some(reason.into()),
            action: Some(action.into()),
            message: Some(message),
            reporting_component: Some(inner.controller.clone()),
            reporting_instance: Some(inner.instance.clone()),
            source: Some(EventSource::default()),
            involved_object: about,
            ..Event::default()
        };
        known.insert(key.into(), PackedEvent::new(&event));
        drop(known);
        inner.sink.push(Write::Create(event));
        self.sweep();
    }

    /// While events are remembered, closes and refreshes series from time to time.
    fn sweep(&self) {
        if self.0.sweeping.replace(true) {
            return;
        }
        let inner = self.0.clone();
        let sim = inner.sink.sim.clone();
        sim.clone().spawn(async move {
            let mut refresh_at = sim.now() + SERIES_REFRESH;
            loop {
                sim.sleep(SERIES_END).await;
                let refresh = sim.now() >= refresh_at;
                if refresh {
                    refresh_at = sim.now() + SERIES_REFRESH;
                }
                let old = micro(sim.wall().saturating_sub(SERIES_END).unwrap_or(Timestamp::MIN));
                let mut known = inner.known.borrow_mut();
                known.retain(|_, packed| {
                    let event = packed.event();
                    let ended = match &event.series {
                        Some(series) => series.last_observed_time.as_ref().is_none_or(|at| *at < old),
                        None => event.event_time.as_ref().is_none_or(|at| *at < old),
                    };
                    if event.series.is_some() && (ended || refresh) {
                        inner.sink.push(Write::Series(Rc::unwrap_or_clone(event)));
                    }
                    !ended
                });
                if known.is_empty() {
                    break;
                }
            }
            inner.sweeping.set(false);
        });
    }
}

/// A `metav1.MicroTime`: whole microseconds.
pub fn micro(at: Timestamp) -> MicroTime {
    MicroTime(Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at))
}
