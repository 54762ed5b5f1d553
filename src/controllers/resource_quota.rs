//! Keeps the status of ResourceQuotas: what of each limited resource the namespace's objects take.
//!
//! Admission adds what new objects take; this counts anew when a quota is written and when what it
//! counts ends, goes or changes. Without a quota it watches nothing but quotas.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    future::poll_fn,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use super::is_terminal;
use crate::{
    api::{
        ApiClient, Kind, Object, Result,
        client::{Body, ListOptions, Subresource, Watch, WatchEvent, WriteOptions},
    },
    apiserver::quota::{Quota, kinds},
    sim::Sim,
};

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

async fn run(sim: &Sim, client: &dyn ApiClient) -> Result<()> {
    let mut quotas = client.watch(Kind::ResourceQuota, "", ListOptions::default()).await?;
    let mut counted: BTreeMap<(String, Kind), Watch> = BTreeMap::new();
    loop {
        let mut dirty = BTreeSet::new();
        let mut ended = None;
        // Everything that has happened by now counts once.
        poll_fn(|cx| {
            while ended.is_none()
                && let Poll::Ready(event) = quotas.poll_recv(cx)
            {
                match event {
                    Some(WatchEvent::Error(error)) => ended = Some(Err(error)),
                    None => ended = Some(Ok(())),
                    Some(event) if rewritten(&event) => {
                        dirty.extend(event.object().map(|quota| quota.namespace().to_string()));
                    }
                    Some(_) => {}
                }
            }
            for ((namespace, _), watch) in &mut counted {
                while ended.is_none()
                    && let Poll::Ready(event) = watch.poll_recv(cx)
                {
                    match event {
                        Some(WatchEvent::Error(error)) => ended = Some(Err(error)),
                        None => ended = Some(Ok(())),
                        Some(event) => dirty.extend(matters(&event).then(|| namespace.clone())),
                    }
                }
            }
            if dirty.is_empty() && ended.is_none() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        if let Some(ended) = ended {
            return ended;
        }
        for namespace in dirty {
            let wanted = sync(sim, client, &namespace).await?;
            counted.retain(|(of, kind), _| *of != namespace || wanted.contains(kind));
            for kind in wanted {
                if let Entry::Vacant(free) = counted.entry((namespace.clone(), kind)) {
                    let version = client.list(kind, &namespace, ListOptions::default()).await?.resource_version;
                    let options = ListOptions { resource_version: version, ..ListOptions::default() };
                    free.insert(client.watch(kind, &namespace, options).await?);
                }
            }
        }
    }
}

/// What admission and this controller write into a quota's status needs no counting.
fn rewritten(event: &WatchEvent) -> bool {
    match event {
        WatchEvent::Modified(object) => Quota::read(object).is_some_and(|quota| quota.spec.hard != quota.status.hard),
        _ => true,
    }
}

/// Of a pod's life only its end and its resizes change what it counts for.
fn matters(event: &WatchEvent) -> bool {
    match event {
        WatchEvent::Added(_) => false,
        WatchEvent::Modified(Object::Pod(pod)) => is_terminal(pod) || pod.metadata.generation.unwrap_or(1) > 1,
        _ => true,
    }
}

/// Counts for each quota of a namespace. Returns the kinds that they count.
async fn sync(sim: &Sim, client: &dyn ApiClient, namespace: &str) -> Result<BTreeSet<Kind>> {
    let mut objects: BTreeMap<Kind, Vec<Object>> = BTreeMap::new();
    for stored in client.list(Kind::ResourceQuota, namespace, ListOptions::default()).await?.items {
        let Some(quota) = Quota::read(&stored) else { continue };
        let wanted = kinds(quota.spec.hard.as_ref());
        for kind in &wanted {
            if !objects.contains_key(kind) {
                let listed = client.list(*kind, namespace, ListOptions::default()).await?.items;
                objects.insert(*kind, listed);
            }
        }
        let counted = wanted.iter().filter_map(|kind| objects.get(kind)).flatten();
        let status = quota.count(counted, sim.wall().as_second());
        if status == quota.status {
            continue;
        }
        let Object::Other(mut other) = stored else { continue };
        let content = &mut Rc::make_mut(&mut other).content;
        content.insert("status".into(), serde_json::to_value(&status).unwrap_or_default());
        let name = other.metadata.name.clone().unwrap_or_default();
        let (body, options) = (Body::Object(Object::Other(other)), WriteOptions::default());
        let written = client.update(Kind::ResourceQuota, namespace, &name, Subresource::Status, body, options).await;
        match written {
            // What was written or removed in between is told by the watch.
            Err(error) if !error.is_conflict() && !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(objects.into_keys().collect())
}
