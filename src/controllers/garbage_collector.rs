//! Deletes objects whose owners have all gone, and frees objects that were deleted with propagation
//! `Foreground` (once their blocking dependents have gone) or `Orphan` (once nothing names them).
//!
//! Source: pkg/controller/garbagecollector. Invariants:
//! - Only objects that have owners, or wait for their dependents, are remembered.
//! - Whether an owner exists is asked of the API server, never concluded from what was remembered.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::poll_fn,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::{Value, json};

use crate::{
    api::{
        ApiClient, Kind, Object, Result,
        client::{DeleteOptions, ListOptions, Patch, Subresource, Watch, WatchEvent, WriteOptions},
        object::{FINALIZER_FOREGROUND, FINALIZER_ORPHAN},
    },
    sim::Sim,
};

/// Before what couldn't be done is tried again.
const RETRY: Duration = Duration::from_millis(5);

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let sim = sim.clone();
    sim.clone().spawn(async move {
        loop {
            // Ends when a watch ends; then everything is looked at anew.
            let _ended = run(&sim, &*client).await;
            sim.sleep(Duration::from_secs(1)).await;
        }
    });
}

/// An object as it was last told.
struct Node {
    kind: Kind,
    namespace: String,
    name: String,
    owners: Vec<OwnerReference>,
    /// Deleted, and waiting for its dependents.
    foreground: bool,
}

enum Work {
    /// Deletes the object if its owners have gone.
    Check(String),
    /// Lets the object go if nothing that blocks it is left, else sees to that.
    Foreground(String),
    /// Takes the object's name from its dependents, then lets it go.
    Orphan(String),
}

#[derive(Default)]
struct Graph {
    nodes: BTreeMap<String, Node>,
    /// Uids of the objects that name an owner, by its uid.
    dependents: BTreeMap<String, BTreeSet<String>>,
    work: VecDeque<Work>,
}

fn has(meta: &ObjectMeta, finalizer: &str) -> bool {
    meta.finalizers.iter().flatten().any(|f| f == finalizer)
}

/// Deleted and waiting for its dependents to go first.
fn waits(meta: &ObjectMeta) -> bool {
    meta.deletion_timestamp.is_some() && has(meta, FINALIZER_FOREGROUND)
}

impl Graph {
    fn take(&mut self, event: &WatchEvent) {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => self.observe(object),
            WatchEvent::Deleted(object) => self.forget(object.uid()),
            WatchEvent::Error(_) => {}
        }
    }

    fn observe(&mut self, object: &Object) {
        let (meta, uid) = (object.meta(), object.uid());
        let owners = meta.owner_references.as_deref().unwrap_or_default();
        let (foreground, orphan) = (waits(meta), meta.deletion_timestamp.is_some() && has(meta, FINALIZER_ORPHAN));
        let known = self.nodes.get(uid);
        if known.is_none() && owners.is_empty() && !foreground && !orphan {
            return;
        }
        if orphan {
            self.work.push_back(Work::Orphan(uid.into()));
        }
        if foreground {
            self.work.push_back(Work::Foreground(uid.into()));
        }
        if known.is_some_and(|known| known.owners == owners && known.foreground == foreground) {
            return;
        }
        self.unlink(uid);
        for owner in owners {
            self.dependents.entry(owner.uid.clone()).or_default().insert(uid.into());
        }
        if !owners.is_empty() {
            self.work.push_back(Work::Check(uid.into()));
        }
        let node = Node {
            kind: object.kind(),
            namespace: object.namespace().into(),
            name: object.name().into(),
            owners: owners.to_vec(),
            foreground,
        };
        self.nodes.insert(uid.into(), node);
    }

    /// Forgets a node and of whom it depends. Returns the owners.
    fn unlink(&mut self, uid: &str) -> Vec<OwnerReference> {
        let owners = self.nodes.remove(uid).map(|node| node.owners).unwrap_or_default();
        for owner in &owners {
            if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
        }
        owners
    }

    fn forget(&mut self, uid: &str) {
        for owner in self.unlink(uid) {
            if self.nodes.get(&owner.uid).is_some_and(|node| node.foreground) {
                self.work.push_back(Work::Foreground(owner.uid));
            }
        }
        let dependents: Vec<Work> = self.dependents_of(uid).map(Work::Check).collect();
        self.work.extend(dependents);
    }

    fn dependents_of(&self, uid: &str) -> impl Iterator<Item = String> {
        self.dependents.get(uid).into_iter().flatten().cloned()
    }

    /// Dependents that keep their owner from going.
    fn blocking(&self, uid: &str) -> Vec<String> {
        let blocks = |dependent: &String| {
            let owners = self.nodes.get(dependent).into_iter().flat_map(|node| &node.owners);
            owners.filter(|owner| owner.uid == uid).any(|owner| owner.block_owner_deletion == Some(true))
        };
        self.dependents_of(uid).filter(blocks).collect()
    }
}

async fn run(sim: &Sim, client: &dyn ApiClient) -> Result<()> {
    let mut watches: Vec<Watch> = Vec::new();
    // Nobody owns an event.
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Event) {
        watches.push(client.watch(*kind, "", ListOptions::default()).await?);
    }
    let mut graph = Graph::default();
    loop {
        let ended = poll_fn(|cx| {
            for watch in &mut watches {
                while let Poll::Ready(event) = watch.poll_recv(cx) {
                    match event {
                        Some(WatchEvent::Error(error)) => return Poll::Ready(Some(Err(error))),
                        Some(event) => graph.take(&event),
                        None => return Poll::Ready(Some(Ok(()))),
                    }
                }
            }
            if graph.work.is_empty() { Poll::Pending } else { Poll::Ready(None) }
        })
        .await;
        if let Some(ended) = ended {
            return ended;
        }
        if let Some(work) = graph.work.pop_front() {
            let done = match &work {
                Work::Check(uid) => check(client, &mut graph, uid).await,
                Work::Foreground(uid) => let_go(client, &mut graph, uid).await,
                Work::Orphan(uid) => orphan(client, &graph, uid).await,
            };
            match done {
                Err(error) if !error.is_not_found() => {
                    sim.sleep(RETRY).await;
                    graph.work.push_back(work);
                }
                _ => {}
            }
        }
    }
}

/// The object as it is now, if it is still the same one.
async fn current(client: &dyn ApiClient, kind: Kind, namespace: &str, name: &str, uid: &str) -> Result<Option<Object>> {
    match client.get(kind, namespace, name).await {
        Ok(object) if object.uid() == uid => Ok(Some(object)),
        Ok(_) => Ok(None),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn check(client: &dyn ApiClient, graph: &mut Graph, uid: &str) -> Result<()> {
    let Some(node) = graph.nodes.get(uid) else { return Ok(()) };
    let Some(object) = current(client, node.kind, &node.namespace, &node.name, uid).await? else { return Ok(()) };
    let meta = object.meta();
    if meta.deletion_timestamp.is_some() {
        return if waits(meta) { let_go(client, graph, uid).await } else { Ok(()) };
    }
    let (mut solid, mut loose, mut waiting) = (false, Vec::new(), Vec::new());
    for owner in meta.owner_references.iter().flatten() {
        // An owner of a kind that isn't known can't be shown to have gone.
        let Some(kind) = Kind::from_api_version_kind(&owner.api_version, &owner.kind) else { return Ok(()) };
        let namespace = if kind.namespaced() { object.namespace() } else { "" };
        match current(client, kind, namespace, &owner.name, &owner.uid).await? {
            None => loose.push(owner.uid.as_str()),
            Some(owner) if waits(owner.meta()) => waiting.push(owner.uid().to_string()),
            Some(_) => solid = true,
        }
    }
    if solid {
        let gone = |owner: &OwnerReference| loose.contains(&owner.uid.as_str()) || waiting.contains(&owner.uid);
        return disown(client, &object, gone).await;
    }
    if loose.is_empty() && waiting.is_empty() {
        return Ok(());
    }
    let policy = if !waiting.is_empty() && graph.dependents_of(uid).next().is_some() {
        "Foreground"
    } else if has(meta, FINALIZER_ORPHAN) {
        "Orphan"
    } else if has(meta, FINALIZER_FOREGROUND) {
        "Foreground"
    } else {
        "Background"
    };
    let options = DeleteOptions {
        precondition_uid: Some(uid.into()),
        propagation_policy: Some(policy.into()),
        ..DeleteOptions::default()
    };
    client.delete(object.kind(), object.namespace(), object.name(), options).await.map(drop)
}

async fn let_go(client: &dyn ApiClient, graph: &mut Graph, uid: &str) -> Result<()> {
    let blocking = graph.blocking(uid);
    if blocking.is_empty() {
        return lift(client, graph, uid, FINALIZER_FOREGROUND).await;
    }
    let idle = |dependent: &String| graph.nodes.get(dependent).is_some_and(|node| !node.foreground);
    let checks: Vec<Work> = blocking.into_iter().filter(idle).map(Work::Check).collect();
    graph.work.extend(checks);
    Ok(())
}

async fn orphan(client: &dyn ApiClient, graph: &Graph, uid: &str) -> Result<()> {
    for dependent in graph.dependents_of(uid) {
        let Some(node) = graph.nodes.get(&dependent) else { continue };
        if let Some(object) = current(client, node.kind, &node.namespace, &node.name, &dependent).await? {
            disown(client, &object, |owner| owner.uid == uid).await?;
        }
    }
    lift(client, graph, uid, FINALIZER_ORPHAN).await
}

/// Takes some owners from an object.
async fn disown(client: &dyn ApiClient, object: &Object, gone: impl Fn(&OwnerReference) -> bool) -> Result<()> {
    let owners = object.meta().owner_references.as_deref().unwrap_or_default();
    let kept: Vec<&OwnerReference> = owners.iter().filter(|owner| !gone(owner)).collect();
    if kept.len() == owners.len() {
        return Ok(());
    }
    patch(client, object, json!({"ownerReferences": kept})).await
}

async fn lift(client: &dyn ApiClient, graph: &Graph, uid: &str, finalizer: &str) -> Result<()> {
    let Some(node) = graph.nodes.get(uid) else { return Ok(()) };
    let Some(object) = current(client, node.kind, &node.namespace, &node.name, uid).await? else { return Ok(()) };
    if !has(object.meta(), finalizer) {
        return Ok(());
    }
    let kept: Vec<&String> = object.meta().finalizers.iter().flatten().filter(|f| *f != finalizer).collect();
    patch(client, &object, json!({"finalizers": kept})).await
}

/// Changes metadata of exactly this version of the object.
async fn patch(client: &dyn ApiClient, object: &Object, mut metadata: Value) -> Result<()> {
    metadata["uid"] = object.uid().into();
    metadata["resourceVersion"] = object.resource_version().to_string().into();
    let (patch, options) = (Patch::Merge(json!({"metadata": metadata})), WriteOptions::default());
    let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
    client.patch(kind, namespace, name, Subresource::None, patch, options).await.map(drop)
}
