//! Empties a deleted namespace and lets it go.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition};

use super::is_terminal;
use crate::{
    api::{
        ApiClient, Kind, Object, Pod, Resource, Result,
        client::{self, Body, DeleteOptions, ListOptions, Subresource, WatchEvent, WriteOptions},
    },
    apiserver::whole_seconds,
    sim::Sim,
};

/// Components may still write into a namespace that was just deleted; they get this long to notice.
const GRACE: Duration = Duration::from_secs(5);

/// Used when something other than pods is left.
const RETRY: Duration = Duration::from_secs(15);

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let sim = sim.clone();
    sim.clone().spawn(async move {
        loop {
            let _ended = run(&sim, &client).await;
            sim.sleep(Duration::from_secs(1)).await;
        }
    });
}

async fn run(sim: &Sim, client: &Rc<dyn ApiClient>) -> Result<()> {
    let mut watch = client.watch(Kind::Namespace, "", ListOptions::default()).await?;
    // Namespaces being emptied, by uid: each by a task of its own.
    let mut going: BTreeSet<String> = BTreeSet::new();
    while let Some(event) = watch.recv().await {
        match event {
            WatchEvent::Added(Object::Namespace(ns)) | WatchEvent::Modified(Object::Namespace(ns))
                if ns.metadata.deletion_timestamp.is_some() && going.insert(ns.uid().to_string()) =>
            {
                sim.spawn(empty(sim.clone(), client.clone(), ns.name().to_string()));
            }
            WatchEvent::Deleted(object) => drop(going.remove(object.uid())),
            WatchEvent::Error(error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Deletes what the namespace holds, waits until it is gone, then lifts the finalizer.
async fn empty(sim: Sim, client: Rc<dyn ApiClient>, name: String) {
    sim.sleep(GRACE).await;
    loop {
        let wait = match delete_content(&sim, &*client, &name).await {
            Ok(None) => match finalize(&*client, &name).await {
                Err(error) if error.is_conflict() => Duration::ZERO,
                _ => return,
            },
            Ok(Some(wait)) => wait,
            Err(error) if error.is_not_found() => return,
            Err(_) => RETRY,
        };
        sim.sleep(wait).await;
    }
}

/// Deletes everything in a namespace. Returns when to look again if something is left.
async fn delete_content(sim: &Sim, client: &dyn ApiClient, namespace: &str) -> Result<Option<Duration>> {
    let mut left: Vec<(Kind, usize)> = Vec::new();
    let mut finalizers: Vec<(String, usize)> = Vec::new();
    let mut grace = 0;
    for kind in Kind::ALL.iter().copied().filter(|kind| kind.namespaced()) {
        let objects = client.list(kind, namespace, ListOptions::default()).await?.items;
        for object in &objects {
            if let Object::Pod(pod) = object {
                grace = grace.max(grace_period(pod));
            }
            match client.delete(kind, namespace, object.name(), DeleteOptions::default()).await {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        let objects = client.list(kind, namespace, ListOptions::default()).await?.items;
        if !objects.is_empty() {
            left.push((kind, objects.len()));
        }
        for finalizer in objects.iter().flat_map(|object| object.meta().finalizers.iter().flatten()) {
            match finalizers.iter_mut().find(|(name, _)| name == finalizer) {
                Some((_, count)) => *count += 1,
                None => finalizers.push((finalizer.clone(), 1)),
            }
        }
    }
    write_conditions(sim, client, namespace, &left, &finalizers).await?;
    if left.is_empty() {
        return Ok(None);
    }
    let wait = if grace > 0 { Duration::from_secs(grace / 2 + 1) } else { RETRY };
    Ok(Some(wait))
}

/// Seconds that a pod may take to end.
fn grace_period(pod: &Pod) -> u64 {
    if is_terminal(pod) {
        return 0;
    }
    let own = pod.spec.as_ref().and_then(|s| s.termination_grace_period_seconds).unwrap_or(30);
    u64::try_from(own).unwrap_or(0)
}

async fn write_conditions(
    sim: &Sim,
    client: &dyn ApiClient,
    name: &str,
    left: &[(Kind, usize)],
    finalizers: &[(String, usize)],
) -> Result<()> {
    let mut namespace = Namespace::clone(&*client::get::<Namespace>(client, "", name).await?);
    let list = |items: Vec<String>| items.join(", ");
    let remaining: Vec<String> =
        left.iter().map(|(kind, n)| format!("{}. has {n} resource instances", kind.qualified())).collect();
    let held: Vec<String> = finalizers.iter().map(|(name, n)| format!("{name} in {n} resource instances")).collect();
    let content = match remaining.is_empty() {
        true => ("False", "ContentRemoved", "All content successfully removed".to_string()),
        false => ("True", "SomeResourcesRemain", format!("Some resources are remaining: {}", list(remaining))),
    };
    let finalizing = match held.is_empty() {
        true => ("False", "ContentHasNoFinalizers", "All content-preserving finalizers finished".to_string()),
        false => {
            let text = format!("Some content in the namespace has finalizers remaining: {}", list(held));
            ("True", "SomeFinalizersRemain", text)
        }
    };
    let conditions = namespace.status.get_or_insert_default().conditions.get_or_insert_default();
    for (kind, (status, reason, message)) in [
        (
            "NamespaceDeletionDiscoveryFailure",
            ("False", "ResourcesDiscovered", "All resources successfully discovered".to_string()),
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            ("False", "ParsedGroupVersions", "All legacy kube types successfully parsed".to_string()),
        ),
        (
            "NamespaceDeletionContentFailure",
            ("False", "ContentDeleted", "All content successfully deleted, may be waiting on finalization".to_string()),
        ),
        ("NamespaceContentRemaining", content),
        ("NamespaceFinalizersRemaining", finalizing),
    ] {
        let condition = NamespaceCondition {
            type_: kind.into(),
            status: status.into(),
            reason: Some(reason.into()),
            message: Some(message),
            last_transition_time: Some(whole_seconds(sim.wall())),
        };
        set(conditions, condition);
    }
    client::update_status(client, Rc::new(namespace)).await.map(drop)
}

fn set(conditions: &mut Vec<NamespaceCondition>, mut condition: NamespaceCondition) {
    match conditions.iter_mut().find(|c| c.type_ == condition.type_) {
        Some(old) => {
            if old.status == condition.status {
                condition.last_transition_time = old.last_transition_time.clone();
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
}

/// Takes off the finalizer; with it goes the namespace.
async fn finalize(client: &dyn ApiClient, name: &str) -> Result<()> {
    let mut namespace = Namespace::clone(&*client::get::<Namespace>(client, "", name).await?);
    if let Some(finalizers) = namespace.spec.as_mut().and_then(|s| s.finalizers.as_mut()) {
        finalizers.retain(|finalizer| finalizer != "kubernetes");
    }
    let body = Body::Object(namespace.into());
    client.update(Kind::Namespace, "", name, Subresource::Finalize, body, WriteOptions::default()).await.map(drop)
}
