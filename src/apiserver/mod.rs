//! The apiserver: the store and its verbs, the only state that components share.
//!
//! Invariants:
//! - A verb is atomic: it borrows the store, finishes, and lets go before anyone else runs.
//! - A write goes decode, default, admission, validate, store, in this order (a component's typed
//!   object skips decoding; unchanged specs aren't validated again).
//! - No task of its own: expiry of events is done when events are touched.

mod admission;
pub mod bootstrap;
mod checks;
mod connect;
mod delete;
pub mod events;
mod evict;
mod limit_ranger;
pub mod managed;
pub mod metrics;
mod packed;
mod pod_security;
mod pod_security_checks;
pub mod proxy;
pub mod quota;
mod select;
mod services;
mod store;
pub mod table;
#[cfg(test)]
mod tests;
mod write;

pub use write::{prepare_create, set_condition, updated};

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    rc::{Rc, Weak},
    time::Duration,
};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use self::{proxy::KubeletEndpoint, select::Selection, store::Store};
use crate::{
    api::{
        ApiClient, Error, Kind, Object, PodSpec, Result, Shared, Volume,
        client::{
            Answer, Body, DeleteOptions, Deleted, Dial, ExecOptions, List, ListOptions, LogOptions, Patch, Session,
            Subresource, Watch, WriteOptions, Written,
        },
        metrics::{MetricsOptions, NodeMetrics, PodMetrics},
    },
    sim::{self, Rng, Sim, SimTime},
};

/// What `kubectl version` shows of the server.
pub const VERSION: &str = "v1.36.2";

/// Different specs of pods that are remembered, for others to share: a manifest and a template or two at a time.
const SPECS: usize = 8;

/// How long events are kept (`--event-ttl`).
const EVENT_TTL: Duration = Duration::from_secs(3600);

/// Characters of generated name suffixes (apimachinery `util/rand`).
pub const NAME_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The apiserver of one cluster.
pub struct ApiServer {
    sim: Sim,
    store: RefCell<Store>,
    rng: RefCell<Rng>,
    kubelets: RefCell<BTreeMap<String, Weak<dyn KubeletEndpoint>>>,
    /// metrics.k8s.io is served.
    metrics_server: Cell<bool>,
    /// What pods' volumes with a token share.
    token_volume: Volume,
    /// The specs of pods that were created lately and were not like each other, newest first.
    specs: RefCell<VecDeque<Shared<PodSpec>>>,
    /// Events by the time of their last write, oldest first: when, namespace, name, version.
    events: RefCell<VecDeque<(SimTime, store::Key, u64)>>,
    /// Sessions and forwarded ports that clients opened so far.
    sessions: Cell<u64>,
}

impl ApiServer {
    /// A server with what a fresh cluster holds: namespaces, service accounts, priority classes.
    pub fn new(sim: &Sim) -> Rc<ApiServer> {
        let server = ApiServer {
            sim: sim.clone(),
            store: RefCell::new(Store::new(sim)),
            rng: RefCell::new(sim.rng("apiserver")),
            kubelets: RefCell::default(),
            metrics_server: Cell::default(),
            token_volume: admission::token_volume(),
            specs: RefCell::default(),
            events: RefCell::default(),
            sessions: Cell::default(),
        };
        server.bootstrap();
        Rc::new(server)
    }

    /// Makes a node's kubelet reachable. The server doesn't own it: once dropped, it is gone.
    pub fn connect_kubelet(&self, node: &str, kubelet: &Rc<dyn KubeletEndpoint>) {
        self.kubelets.borrow_mut().insert(node.into(), Rc::downgrade(kubelet));
    }

    pub fn disconnect_kubelet(&self, node: &str) {
        self.kubelets.borrow_mut().remove(node);
    }

    /// The object as it stands, without a request: for the picture.
    pub fn peek(&self, kind: Kind, namespace: &str, name: &str) -> Option<Object> {
        self.store.borrow().get(kind, namespace, name)
    }

    /// All objects of a kind as they stand, by namespace and name: for the picture.
    pub fn peek_all(&self, kind: Kind) -> Vec<Object> {
        self.expire_events(kind);
        self.store.borrow().list(kind, &Selection::of(""))
    }

    /// How often somebody got into a container or to a port of it, which may change it unseen.
    pub fn sessions(&self) -> u64 {
        self.sessions.get()
    }

    /// The version of the last change.
    pub fn resource_version(&self) -> u64 {
        self.store.borrow().version()
    }

    fn find(&self, kind: Kind, namespace: &str, name: &str) -> Result<Object> {
        self.expire_events(kind);
        if namespace == "kube-system" {
            self.renew_identity(kind);
        }
        self.store.borrow().get(kind, namespace, name).ok_or_else(|| Error::not_found(kind, name))
    }

    fn put(&self, object: Object) -> Object {
        let mut store = self.store.borrow_mut();
        let stored = store.put(object);
        if matches!(stored, Object::Event(_))
            && let Some(key) = store.key(Kind::Event, stored.namespace(), stored.name())
        {
            let mut queue = self.events.borrow_mut();
            if queue.len() == queue.capacity() {
                // There are many, and most stay for long.
                let more = 16 + queue.len() / 8;
                queue.reserve_exact(more);
            }
            queue.push_back((self.sim.now(), key, stored.resource_version()));
        }
        stored
    }

    /// Removes events whose time is over. Each write of an event queued an entry; only that of its
    /// newest version counts.
    fn expire_events(&self, kind: Kind) {
        if kind != Kind::Event {
            return;
        }
        let mut queue = self.events.borrow_mut();
        let now = self.sim.now();
        while queue.front().is_some_and(|(written, ..)| now.since(*written) >= EVENT_TTL) {
            let Some((_, (namespace, name), version)) = queue.pop_front() else { break };
            let mut store = self.store.borrow_mut();
            if store.get(kind, &namespace, &name).is_some_and(|event| event.resource_version() == version) {
                store.remove(kind, &namespace, &name);
            }
        }
    }

    /// The present calendar time in whole seconds, as `metav1.Time` has it.
    fn now(&self) -> Time {
        whole_seconds(self.sim.wall())
    }

    fn suffix(&self) -> String {
        self.rng.borrow_mut().string(5, NAME_ALPHABET)
    }
}

/// A `metav1.Time`: whole seconds.
pub fn whole_seconds(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

impl ApiClient for ApiServer {
    fn get<'a>(&'a self, kind: Kind, namespace: &'a str, name: &'a str) -> Answer<'a, Object> {
        Box::pin(async move { self.find(kind, namespace, name) })
    }

    fn list<'a>(&'a self, kind: Kind, namespace: &'a str, options: ListOptions) -> Answer<'a, List> {
        Box::pin(async move {
            self.expire_events(kind);
            if matches!(namespace, "" | "kube-system") {
                self.renew_identity(kind);
            }
            let selection = Selection::parse(kind, namespace, &options)?;
            let store = self.store.borrow();
            Ok(List { items: store.list(kind, &selection), resource_version: store.version() })
        })
    }

    fn watch<'a>(&'a self, kind: Kind, namespace: &'a str, options: ListOptions) -> Answer<'a, Watch> {
        Box::pin(async move {
            self.expire_events(kind);
            let selection = Selection::parse(kind, namespace, &options)?;
            self.store.borrow_mut().watch(kind, selection, options.resource_version)
        })
    }

    fn create<'a>(&'a self, kind: Kind, namespace: &'a str, body: Body, options: WriteOptions) -> Answer<'a, Written> {
        Box::pin(async move { self.create_object(kind, namespace, body, &options) })
    }

    fn update<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
        name: &'a str,
        subresource: Subresource,
        body: Body,
        options: WriteOptions,
    ) -> Answer<'a, Written> {
        Box::pin(async move { self.update_object(kind, namespace, name, subresource, body, &options) })
    }

    fn patch<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
        name: &'a str,
        subresource: Subresource,
        patch: Patch,
        options: WriteOptions,
    ) -> Answer<'a, Written> {
        Box::pin(async move { self.patch_object(kind, namespace, name, subresource, patch, &options) })
    }

    fn delete<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
        name: &'a str,
        options: DeleteOptions,
    ) -> Answer<'a, Deleted> {
        Box::pin(async move { self.delete_object(kind, namespace, name, &options) })
    }

    fn bind<'a>(&'a self, namespace: &'a str, name: &'a str, uid: &'a str, node: &'a str) -> Answer<'a, ()> {
        Box::pin(async move { self.bind_pod(namespace, name, uid, node) })
    }

    fn evict<'a>(&'a self, namespace: &'a str, name: &'a str, options: DeleteOptions) -> Answer<'a, ()> {
        Box::pin(async move { self.evict_pod(namespace, name, &options) })
    }

    fn logs<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        options: LogOptions,
    ) -> Answer<'a, sim::Receiver<Vec<u8>>> {
        Box::pin(self.pod_logs(namespace, name, options))
    }

    fn pod_metrics<'a>(&'a self, namespace: &'a str, options: MetricsOptions) -> Answer<'a, Vec<PodMetrics>> {
        Box::pin(self.measured_pods(namespace, options))
    }

    fn node_metrics<'a>(&'a self, options: MetricsOptions) -> Answer<'a, Vec<NodeMetrics>> {
        Box::pin(self.measured_nodes(options))
    }

    fn exec<'a>(&'a self, namespace: &'a str, name: &'a str, options: ExecOptions) -> Answer<'a, Session> {
        Box::pin(self.pod_session(namespace, name, connect::Verb::Exec, options))
    }

    fn attach<'a>(&'a self, namespace: &'a str, name: &'a str, options: ExecOptions) -> Answer<'a, Session> {
        Box::pin(self.pod_session(namespace, name, connect::Verb::Attach, options))
    }

    fn port_forward<'a>(&'a self, namespace: &'a str, name: &'a str) -> Answer<'a, Dial> {
        Box::pin(self.pod_ports(namespace, name))
    }

    fn version<'a>(&'a self) -> Answer<'a, String> {
        Box::pin(async move { Ok(VERSION.to_string()) })
    }
}
