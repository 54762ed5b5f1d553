//! Lets deleted claims go when no pod uses them any more, and deleted volumes when no claim does.
//! Sources: kubernetes `pkg/controller/volume/{pvcprotection,pvprotection}`.
//!
//! Pods are watched only in namespaces where a claim is to go.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    rc::Rc,
    task::Poll,
};

use super::{Key, News, World, key};
use crate::{
    api::{
        ApiClient, Kind, Result,
        client::{ListOptions, Subresource, Watch, WatchEvent},
        other::Other,
        volumes::{self, CLAIM_PROTECTION, VOLUME_PROTECTION},
    },
    sim::Sim,
};

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let of = sim.clone();
    super::keep(sim, move || run(of.clone(), client.clone()));
}

async fn run(sim: Sim, client: Rc<dyn ApiClient>) -> Result<()> {
    let mut world = World::watch(&sim, client.clone()).await?;
    // Claims that are to go, and the pods of their namespaces.
    let mut going: BTreeSet<Key> = BTreeSet::new();
    let mut watches: BTreeMap<String, Watch> = BTreeMap::new();
    loop {
        let mut looked: Vec<Key> = Vec::new();
        let news = poll_fn(|cx| {
            if let Poll::Ready(news) = world.poll_news(cx) {
                return Poll::Ready(Some(news));
            }
            for (namespace, watch) in &mut watches {
                while let Poll::Ready(event) = watch.poll_recv(cx) {
                    match event {
                        None | Some(WatchEvent::Error(_)) => return Poll::Ready(Some(None)),
                        Some(WatchEvent::Deleted(_)) => {
                            looked.extend(going.iter().filter(|(of, _)| of == namespace).cloned());
                        }
                        Some(_) => {}
                    }
                }
            }
            if looked.is_empty() { Poll::Pending } else { Poll::Ready(None) }
        });
        match news.await {
            Some(None) => return Ok(()),
            Some(Some(News::Claim(claim))) if is_held(&claim, CLAIM_PROTECTION) => looked.push(key(&claim)),
            Some(Some(News::Volume(volume)))
                if is_held(&volume, VOLUME_PROTECTION) && volume.text("status/phase") != "Bound" =>
            {
                world.write(without(&volume, VOLUME_PROTECTION), Subresource::None).await;
            }
            Some(Some(News::ClaimGone(claim))) => drop(going.remove(&key(&claim))),
            _ => {}
        }
        for key in looked {
            let Some(claim) = world.claims.get(&key).cloned() else { continue };
            if is_used(&*client, &key).await {
                going.insert(key.clone());
                if !watches.contains_key(&key.0) {
                    let version = client.list(Kind::Pod, &key.0, ListOptions::default()).await?.resource_version;
                    let options = ListOptions { resource_version: version, ..ListOptions::default() };
                    watches.insert(key.0.clone(), client.watch(Kind::Pod, &key.0, options).await?);
                }
            } else {
                going.remove(&key);
                world.write(without(&claim, CLAIM_PROTECTION), Subresource::None).await;
            }
        }
        watches.retain(|namespace, _| going.iter().any(|(of, _)| of == namespace));
    }
}

/// Whether a pod that has a node names the claim.
async fn is_used(client: &dyn ApiClient, (namespace, name): &Key) -> bool {
    super::pods(client, namespace).await.iter().any(|pod| {
        let Some(spec) = &pod.spec else { return false };
        spec.node_name.as_deref().is_some_and(|node| !node.is_empty())
            && volumes::claims(pod).any(|(_, claim)| claim == *name)
    })
}

fn is_held(object: &Other, finalizer: &str) -> bool {
    let meta = &object.metadata;
    meta.deletion_timestamp.is_some() && meta.finalizers.iter().flatten().any(|held| held == finalizer)
}

fn without(object: &Rc<Other>, finalizer: &str) -> Other {
    let mut object = Other::clone(object);
    let finalizers = object.metadata.finalizers.take().unwrap_or_default();
    let left: Vec<String> = finalizers.into_iter().filter(|held| held != finalizer).collect();
    object.metadata.finalizers = (!left.is_empty()).then_some(left);
    object
}
