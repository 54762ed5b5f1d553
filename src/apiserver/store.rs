//! The store: objects in ordered maps, one version counter, a bounded history, and watchers.
//!
//! Invariants:
//! - Every change takes the next version, and the changed object carries it as resourceVersion.
//! - Stored objects are never changed in place: readers share them. Events are packed until someone asks ([`PackedEvent`]).
//! - A change costs as much as there are watchers whose index entry it touches, not as there are
//!   watchers: they are kept by node (`spec.nodeName=X`), by name, by namespace, or under "all".
//! - Old objects are let go soon: a history holds the changes of the last 75 seconds, which is as long as the real watch
//!   cache wants to reach back, but some if they are older and not all if they are many.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    time::Duration,
};

use super::{packed::PackedEvent, select::Selection};
use crate::{
    api::{
        Error, Kind, Object,
        client::{Watch, WatchEvent},
        error::Reason,
    },
    sim::{self, Sender, Sim, SimTime},
};

/// Changes kept for watches that start from an older version, for each kind: at most, and however old they are.
const HISTORY: usize = 1024;
const LEAST_HISTORY: usize = 100;
/// How long others are kept (`eventFreshDuration` of the watch cache).
const FRESH: Duration = Duration::from_secs(75);

/// Where the counter starts: a cluster that came up a moment ago has some hundred writes behind it.
const FIRST_VERSION: u64 = 412;

/// A namespace and a name.
pub(super) type Key = (Rc<str>, Rc<str>);

pub(super) struct Store {
    sim: Sim,
    version: u64,
    tables: Vec<Table>,
    /// Namespaces and names of pods by the node that they are bound to, so that a kubelet's list costs its own pods.
    by_node: BTreeMap<String, BTreeSet<Key>>,
    next_watcher: u64,
    /// Before this nothing in a history grows too old.
    stale_at: SimTime,
}

#[derive(Default)]
struct Table {
    /// By namespace ("" for cluster-scoped kinds), then name.
    objects: BTreeMap<Rc<str>, BTreeMap<Rc<str>, Stored>>,
    history: VecDeque<Past>,
    /// The newest version that the history no longer holds.
    forgotten: u64,
    watchers: Watchers,
}

/// An object at rest. Cloning shares it.
#[derive(Clone)]
enum Stored {
    Object(Object),
    Event(PackedEvent),
}

impl Stored {
    fn new(object: &Object) -> Stored {
        match object {
            Object::Event(event) => Stored::Event(PackedEvent::new(event)),
            object => Stored::Object(object.clone()),
        }
    }

    fn object(&self) -> Object {
        match self {
            Stored::Object(object) => object.clone(),
            Stored::Event(event) => Object::Event(event.event()),
        }
    }
}

/// What happened at one version. `old` and `new` are both there for a modification.
struct Change {
    version: u64,
    old: Option<Object>,
    new: Option<Object>,
}

/// A change that is over.
struct Past {
    version: u64,
    at: SimTime,
    old: Option<Stored>,
    new: Option<Stored>,
}

impl Past {
    fn change(&self) -> Change {
        let object = |stored: &Option<Stored>| stored.as_ref().map(Stored::object);
        Change { version: self.version, old: object(&self.old), new: object(&self.new) }
    }
}

struct Watcher {
    selection: Selection,
    tx: Sender<WatchEvent>,
}

type Bucket = BTreeMap<u64, Watcher>;

#[derive(Default)]
struct Watchers {
    by_node: BTreeMap<String, Bucket>,
    by_name: BTreeMap<String, Bucket>,
    by_namespace: BTreeMap<String, Bucket>,
    all: Bucket,
    count: usize,
    /// Closed watchers are swept out when `count` reaches this.
    sweep_at: usize,
}

impl Store {
    pub fn new(sim: &Sim) -> Store {
        let tables = Kind::ALL.iter().map(|_| Table { forgotten: FIRST_VERSION, ..Table::default() }).collect();
        let (version, by_node, stale_at) = (FIRST_VERSION, BTreeMap::new(), SimTime::ZERO);
        Store { sim: sim.clone(), version, tables, by_node, next_watcher: 0, stale_at }
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Object> {
        self.table(kind).objects.get(namespace)?.get(name).map(Stored::object)
    }

    pub fn has(&self, kind: Kind, namespace: &str, name: &str) -> bool {
        self.table(kind).objects.get(namespace).is_some_and(|names| names.contains_key(name))
    }

    /// The store's own texts for an object's namespace and name, for who holds on to them.
    pub fn key(&self, kind: Kind, namespace: &str, name: &str) -> Option<Key> {
        let (namespace, names) = self.table(kind).objects.get_key_value(namespace)?;
        let (name, _) = names.get_key_value(name)?;
        Some((namespace.clone(), name.clone()))
    }

    /// Whether a namespace has any object of `kind`.
    pub fn any(&self, kind: Kind, namespace: &str) -> bool {
        self.table(kind).objects.contains_key(namespace)
    }

    /// Objects of `kind` that `selection` covers, by namespace and name.
    pub fn list(&self, kind: Kind, selection: &Selection) -> Vec<Object> {
        let matching = |o: &Object| selection.matches(o);
        if let Some(node) = selection.node(kind) {
            let names = self.by_node.get(node).into_iter().flatten();
            let pods = names.filter_map(|(namespace, name)| self.get(kind, namespace, name));
            return pods.filter(matching).collect();
        }
        let table = self.table(kind);
        if selection.namespace.is_empty() {
            return table.objects.values().flat_map(BTreeMap::values).map(Stored::object).filter(matching).collect();
        }
        let names = table.objects.get(&*selection.namespace).into_iter().flat_map(BTreeMap::values);
        names.map(Stored::object).filter(matching).collect()
    }

    /// Writes `object` under the next version and tells the watchers. Returns it as stored.
    pub fn put(&mut self, mut object: Object) -> Object {
        self.version += 1;
        object.meta_mut().resource_version = Some(self.version.to_string());
        let kind = object.kind();
        let new = Stored::new(&object);
        let objects = &mut self.table_mut(kind).objects;
        let stored = objects.get_mut(object.namespace()).and_then(|names| names.get_mut(object.name()));
        let old = match stored {
            Some(stored) => Some(std::mem::replace(stored, new.clone())),
            None => {
                if !objects.contains_key(object.namespace()) {
                    objects.insert(object.namespace().into(), BTreeMap::new());
                }
                objects.get_mut(object.namespace()).and_then(|names| names.insert(object.name().into(), new.clone()))
            }
        };
        let change = Change { version: self.version, old: old.as_ref().map(Stored::object), new: Some(object.clone()) };
        self.index(change.old.as_ref(), change.new.as_ref());
        self.record(kind, &change, old, Some(new));
        object
    }

    /// Removes an object. Returns its last state, under the version of the removal.
    pub fn remove(&mut self, kind: Kind, namespace: &str, name: &str) -> Option<Object> {
        let table = self.table_mut(kind);
        let names = table.objects.get_mut(namespace)?;
        let old = names.remove(name)?.object();
        if names.is_empty() {
            table.objects.remove(namespace);
        }
        self.version += 1;
        self.index(Some(&old), None);
        let mut last = old.clone();
        last.meta_mut().resource_version = Some(self.version.to_string());
        // Watchers get the last state; for them the removed object is both old and gone.
        let change = Change { version: self.version, old: Some(last.clone()), new: None };
        self.record(kind, &change, Some(Stored::new(&last)), None);
        Some(last)
    }

    pub fn watch(&mut self, kind: Kind, selection: Selection, since: u64) -> Result<Watch, Error> {
        let (tx, rx) = sim::channel();
        let table = &self.tables[kind as usize];
        if since == 0 {
            for object in self.list(kind, &selection) {
                send(&tx, WatchEvent::Added(object));
            }
        } else if since < table.forgotten {
            let message = format!("too old resource version: {since} ({})", table.forgotten);
            send(&tx, WatchEvent::Error(Error::new(Reason::Expired, message)));
            return Ok(rx);
        } else if since > self.version {
            let message = format!("Too large resource version: {since}, current: {}", self.version);
            return Err(Error::new(Reason::Timeout, message));
        } else {
            let start = table.history.partition_point(|change| change.version <= since);
            for change in table.history.range(start..).map(Past::change) {
                if let Some(event) = selected(&selection, &change) {
                    send(&tx, event);
                }
            }
        }
        let id = self.next_watcher;
        self.next_watcher += 1;
        self.table_mut(kind).watchers.add(id, kind, Watcher { selection, tx });
        Ok(rx)
    }

    fn table(&self, kind: Kind) -> &Table {
        &self.tables[kind as usize]
    }

    fn table_mut(&mut self, kind: Kind) -> &mut Table {
        &mut self.tables[kind as usize]
    }

    fn index(&mut self, old: Option<&Object>, new: Option<&Object>) {
        let (was, is) = (old.and_then(node_of), new.and_then(node_of));
        if was == is {
            return;
        }
        let key = |object: &Object| {
            let key = self.key(object.kind(), object.namespace(), object.name());
            key.unwrap_or_else(|| (object.namespace().into(), object.name().into()))
        };
        let (gone, come) = (old.filter(|_| was.is_some()).map(key), new.filter(|_| is.is_some()).map(key));
        if let (Some(node), Some(gone)) = (was, gone)
            && let Some(pods) = self.by_node.get_mut(node)
        {
            pods.remove(&gone);
            if pods.is_empty() {
                self.by_node.remove(node);
            }
        }
        if let (Some(node), Some(come)) = (is, come) {
            self.by_node.entry(node.to_string()).or_default().insert(come);
        }
    }

    /// Tells a change, and remembers it as `old` and `new`.
    fn record(&mut self, kind: Kind, change: &Change, old: Option<Stored>, new: Option<Stored>) {
        let at = self.sim.now();
        let table = self.table_mut(kind);
        table.watchers.tell(change);
        table.history.push_back(Past { version: change.version, at, old, new });
        self.forget(kind, at);
    }

    /// Lets go of what histories need not hold any more, after a change of `kind`; those of calm kinds too.
    fn forget(&mut self, kind: Kind, now: SimTime) {
        let stale_at = self.table_mut(kind).forget(now);
        self.stale_at = if now > self.stale_at {
            self.tables.iter_mut().filter_map(|table| table.forget(now)).min().unwrap_or(now)
        } else {
            stale_at.map_or(self.stale_at, |at| at.min(self.stale_at))
        };
    }
}

impl Table {
    /// The time after which there will be more to let go, if nothing is added.
    fn forget(&mut self, now: SimTime) -> Option<SimTime> {
        let history = &mut self.history;
        while let Some(oldest) = history.front()
            && (history.len() > HISTORY || (history.len() > LEAST_HISTORY && now.since(oldest.at) > FRESH))
        {
            self.forgotten = oldest.version;
            history.pop_front();
        }
        // What a burst needed is given back.
        if history.capacity() > 4 * history.len().max(LEAST_HISTORY) {
            history.shrink_to(2 * history.len());
        }
        history.front().filter(|_| history.len() > LEAST_HISTORY).map(|oldest| oldest.at + FRESH)
    }
}

/// The node that a pod is bound to.
fn node_of(object: &Object) -> Option<&str> {
    match object {
        Object::Pod(pod) => pod.spec.as_ref()?.node_name.as_deref().filter(|node| !node.is_empty()),
        _ => None,
    }
}

/// The event that a change is for one selection: an object that leaves it is deleted there, with
/// its state before the change, as the real watch cache does it.
fn selected(selection: &Selection, change: &Change) -> Option<WatchEvent> {
    let was = change.old.as_ref().filter(|o| selection.matches(o));
    let is = change.new.as_ref().filter(|o| selection.matches(o));
    match (was, is) {
        (None, None) => None,
        (None, Some(new)) => Some(WatchEvent::Added(new.clone())),
        (Some(_), Some(new)) => Some(WatchEvent::Modified(new.clone())),
        (Some(old), None) => {
            let mut last = old.clone();
            if old.resource_version() != change.version {
                last.meta_mut().resource_version = Some(change.version.to_string());
            }
            Some(WatchEvent::Deleted(last))
        }
    }
}

/// A watcher that has gone is swept out later; until then what it would hear is dropped.
fn send(tx: &Sender<WatchEvent>, event: WatchEvent) {
    let _ = tx.send(event);
}

impl Watchers {
    fn add(&mut self, id: u64, kind: Kind, watcher: Watcher) {
        if self.count >= self.sweep_at {
            self.sweep();
            self.sweep_at = 2 * self.count + 64;
        }
        self.count += 1;
        let selection = &watcher.selection;
        let bucket = if let Some(node) = selection.node(kind) {
            self.by_node.entry(node.to_string()).or_default()
        } else if let Some(name) = selection.name() {
            self.by_name.entry(name.to_string()).or_default()
        } else if selection.namespace.is_empty() {
            &mut self.all
        } else {
            self.by_namespace.entry(selection.namespace.clone()).or_default()
        };
        bucket.insert(id, watcher);
    }

    fn tell(&self, change: &Change) {
        if self.count == 0 {
            return;
        }
        let tell = |bucket: Option<&Bucket>| {
            for watcher in bucket.into_iter().flat_map(|bucket| bucket.values()).filter(|w| !w.tx.is_closed()) {
                if let Some(event) = selected(&watcher.selection, change) {
                    send(&watcher.tx, event);
                }
            }
        };
        tell(Some(&self.all));
        let Some(object) = change.new.as_ref().or(change.old.as_ref()) else { return };
        tell(self.by_namespace.get(object.namespace()));
        tell(self.by_name.get(object.name()));
        let was = change.old.as_ref().and_then(node_of);
        let is = change.new.as_ref().and_then(node_of);
        if let Some(node) = was.filter(|_| was != is) {
            tell(self.by_node.get(node));
        }
        if let Some(node) = is {
            tell(self.by_node.get(node));
        }
    }

    fn sweep(&mut self) {
        let clean = |buckets: &mut BTreeMap<String, Bucket>| {
            buckets.retain(|_, bucket| {
                bucket.retain(|_, watcher| !watcher.tx.is_closed());
                !bucket.is_empty()
            });
            buckets.values().map(BTreeMap::len).sum::<usize>()
        };
        let indexed = clean(&mut self.by_node) + clean(&mut self.by_name) + clean(&mut self.by_namespace);
        self.all.retain(|_, watcher| !watcher.tx.is_closed());
        self.count = indexed + self.all.len();
    }
}
