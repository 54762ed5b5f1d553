//! [`ApiClient`]: the one trait between clients and cluster.
//!
//! The in-tab apiserver implements it; so can a real cluster reached over HTTP. Clients (kubectl,
//! the kubelet, the scheduler, controllers, the panes) know nothing else of the cluster, and all of
//! it can be carried by the real API's requests.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use super::{
    error::{Error, Reason},
    metrics::{MetricsOptions, NodeMetrics, PodMetrics},
    object::{Kind, Object, Resource},
};
use crate::{
    os::{Stream, TcpStream},
    sim,
};

pub type Result<T> = std::result::Result<T, Error>;

/// The answer to come.
pub type Answer<'a, T> = LocalBoxFuture<'a, Result<T>>;

/// `ListOptions`. Selectors are the texts that a query string would hold; "" selects everything.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    pub label_selector: String,
    pub field_selector: String,
    /// Watch: start after this version. 0: send what exists as ADDED first.
    pub resource_version: u64,
}

#[derive(Clone, Debug)]
pub struct List {
    pub items: Vec<Object>,
    pub resource_version: u64,
}

/// What to write: JSON as a person sent it (decoded strictly), or an object made by a component.
#[derive(Clone, Debug)]
pub enum Body {
    Json(Value),
    Object(Object),
}

/// `fieldValidation` of a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    Ignore,
    Warn,
    #[default]
    Strict,
}

#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    pub dry_run: bool,
    pub field_validation: FieldValidation,
    pub field_manager: String,
    /// Server-side apply: take over fields of other managers.
    pub force: bool,
}

/// What a write gave back.
#[derive(Clone, Debug)]
pub struct Written {
    pub object: Object,
    /// `Warning:` headers.
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subresource {
    None,
    Status,
    Resize,
    EphemeralContainers,
    /// PUT namespaces/NAME/finalize.
    Finalize,
}

#[derive(Clone, Debug)]
pub enum Patch {
    Json(Value),
    Merge(Value),
    Strategic(Value),
    Apply(Value),
}

#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// Seconds; `None` takes the object's own.
    pub grace_period_seconds: Option<i64>,
    pub precondition_uid: Option<String>,
    pub precondition_resource_version: Option<String>,
    /// `Background` if `None`.
    pub propagation_policy: Option<String>,
    pub dry_run: bool,
}

/// What a delete gave back: the object, if it lives on for a while (grace, finalizers), or its last state.
#[derive(Clone, Debug)]
pub struct Deleted {
    pub object: Object,
    pub gone: bool,
}

#[derive(Clone, Debug)]
pub enum WatchEvent {
    Added(Object),
    Modified(Object),
    Deleted(Object),
    /// The watch ends: too old a version, or the connection was lost.
    Error(Error),
}

impl WatchEvent {
    pub fn object(&self) -> Option<&Object> {
        match self {
            WatchEvent::Added(o) | WatchEvent::Modified(o) | WatchEvent::Deleted(o) => Some(o),
            WatchEvent::Error(_) => None,
        }
    }
}

/// A running watch; ends when dropped.
pub type Watch = sim::Receiver<WatchEvent>;

/// `PodLogOptions`.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    pub container: Option<String>,
    pub follow: bool,
    pub previous: bool,
    pub timestamps: bool,
    pub tail_lines: Option<i64>,
    pub since_seconds: Option<i64>,
    /// RFC 3339.
    pub since_time: Option<String>,
    pub limit_bytes: Option<i64>,
}

/// `PodExecOptions` / `PodAttachOptions`.
#[derive(Clone, Debug, Default)]
pub struct ExecOptions {
    pub container: Option<String>,
    /// Empty for attach.
    pub command: Vec<String>,
    pub stdin: bool,
    pub tty: bool,
    /// Terminal size at the start (columns, rows), with `tty`.
    pub size: Option<(u16, u16)>,
}

/// Both directions of an exec or attach. Closing `stdin` (dropping it) is end-of-file there.
pub struct Session {
    pub stdin: Option<sim::Sender<Vec<u8>>>,
    /// What the remote side writes, in its order; ends when that has closed both. With a tty all is stdout.
    pub output: sim::Receiver<(Stream, Vec<u8>)>,
    pub resize: sim::Sender<(u16, u16)>,
    /// The exit code, or why there is none; `None` if the connection was lost.
    pub exit: sim::OneshotReceiver<Result<i32>>,
}

/// Connects to a port of 127.0.0.1 in a pod's network namespace.
pub type Dial = Box<dyn Fn(u16) -> Answer<'static, TcpStream>>;

/// The API's verbs. `namespace` is "" for cluster-scoped kinds, and for all namespaces in `list`,
/// `watch`.
pub trait ApiClient {
    fn get<'a>(&'a self, kind: Kind, namespace: &'a str, name: &'a str) -> Answer<'a, Object>;
    fn list<'a>(&'a self, kind: Kind, namespace: &'a str, options: ListOptions) -> Answer<'a, List>;
    fn watch<'a>(&'a self, kind: Kind, namespace: &'a str, options: ListOptions) -> Answer<'a, Watch>;
    fn create<'a>(&'a self, kind: Kind, namespace: &'a str, body: Body, options: WriteOptions) -> Answer<'a, Written>;
    /// Replaces the object (or only its status, resources, …). A resourceVersion in `body` must match.
    fn update<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
        name: &'a str,
        subresource: Subresource,
        body: Body,
        options: WriteOptions,
    ) -> Answer<'a, Written>;
    fn patch<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
        name: &'a str,
        subresource: Subresource,
        patch: Patch,
        options: WriteOptions,
    ) -> Answer<'a, Written>;
    fn delete<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
        name: &'a str,
        options: DeleteOptions,
    ) -> Answer<'a, Deleted>;
    /// POST pods/NAME/binding.
    fn bind<'a>(&'a self, namespace: &'a str, name: &'a str, uid: &'a str, node: &'a str) -> Answer<'a, ()>;
    /// POST pods/NAME/eviction.
    fn evict<'a>(&'a self, namespace: &'a str, name: &'a str, options: DeleteOptions) -> Answer<'a, ()>;
    /// Log bytes; the receiver ends with the log (or, with `follow`, with the container).
    fn logs<'a>(&'a self, namespace: &'a str, name: &'a str, options: LogOptions)
    -> Answer<'a, sim::Receiver<Vec<u8>>>;
    fn exec<'a>(&'a self, namespace: &'a str, name: &'a str, options: ExecOptions) -> Answer<'a, Session>;
    fn attach<'a>(&'a self, namespace: &'a str, name: &'a str, options: ExecOptions) -> Answer<'a, Session>;
    /// A way to a pod's ports.
    fn port_forward<'a>(&'a self, namespace: &'a str, name: &'a str) -> Answer<'a, Dial>;
    /// Of the API group metrics.k8s.io, which not every cluster has.
    fn pod_metrics<'a>(&'a self, _namespace: &'a str, _options: MetricsOptions) -> Answer<'a, Vec<PodMetrics>> {
        no_metrics()
    }
    fn node_metrics<'a>(&'a self, _options: MetricsOptions) -> Answer<'a, Vec<NodeMetrics>> {
        no_metrics()
    }
    /// The server's `gitVersion`: `v1.36.2`.
    fn version<'a>(&'a self) -> Answer<'a, String>;
}

fn no_metrics<'a, T: 'a>() -> Answer<'a, T> {
    Box::pin(async { Err(Error::new(Reason::NotFound, "the server could not find the requested resource")) })
}

/// Typed shorthands for components.
pub async fn get<R: Resource>(client: &dyn ApiClient, namespace: &str, name: &str) -> Result<Rc<R>> {
    let object = client.get(R::KIND, namespace, name).await?;
    typed(object)
}

pub async fn list<R: Resource>(client: &dyn ApiClient, namespace: &str, options: ListOptions) -> Result<Vec<Rc<R>>> {
    client.list(R::KIND, namespace, options).await?.items.into_iter().map(typed).collect()
}

pub async fn create<R: Resource>(client: &dyn ApiClient, resource: R) -> Result<Rc<R>> {
    let namespace = resource.namespace().to_string();
    let body = Body::Object(resource.into());
    typed(client.create(R::KIND, &namespace, body, WriteOptions::default()).await?.object)
}

pub async fn update_status<R: Resource>(client: &dyn ApiClient, resource: Rc<R>) -> Result<Rc<R>> {
    let (namespace, name) = (resource.namespace().to_string(), resource.name().to_string());
    let body = Body::Object(resource.into_object());
    let written = client.update(R::KIND, &namespace, &name, Subresource::Status, body, WriteOptions::default());
    typed(written.await?.object)
}

fn typed<R: Resource>(object: Object) -> Result<Rc<R>> {
    R::from_object(&object).cloned().ok_or_else(|| Error::internal(format!("not a {}: {}", R::KIND, object.kind())))
}
