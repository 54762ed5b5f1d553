//! The controllers of persistent volumes: [`binder`] gives volumes to claims, [`protection`] keeps what is in use,
//! [`ephemeral`] makes claims for pods' ephemeral volumes, [`local_path`] makes volumes of directories on nodes.
//!
//! What they have in common: a copy of all claims and volumes, as watches and their own writes tell of them.

mod binder;
mod ephemeral;
pub mod local_path;
mod protection;

use std::{collections::BTreeMap, rc::Rc, task::Poll, time::Duration};

use crate::{
    api::{
        ApiClient, Kind, Object, Pod, Result,
        client::{self, Body, ListOptions, Subresource, Watch, WatchEvent, WriteOptions},
        other::Other,
    },
    sim::Sim,
};

/// How long a request takes (recorded).
const REQUEST: Duration = Duration::from_millis(4);

/// Namespace and name.
type Key = (String, String);

pub fn start(sim: &Sim, client: &Rc<dyn ApiClient>) {
    binder::start(sim, client.clone());
    ephemeral::start(sim, client.clone());
    protection::start(sim, client.clone());
}

/// Runs a controller over and over: a run ends when a watch does.
fn keep<F: Future<Output = Result<()>> + 'static>(sim: &Sim, run: impl Fn() -> F + 'static) {
    let sim = sim.clone();
    sim.clone().spawn(async move {
        loop {
            let _ended = run().await;
            sim.sleep(Duration::from_secs(1)).await;
        }
    });
}

fn key(object: &Other) -> Key {
    (object.metadata.namespace.clone().unwrap_or_default(), object.metadata.name.clone().unwrap_or_default())
}

/// All claims and volumes.
struct World {
    sim: Sim,
    client: Rc<dyn ApiClient>,
    claims: BTreeMap<Key, Rc<Other>>,
    volumes: BTreeMap<String, Rc<Other>>,
    watches: [Watch; 2],
}

/// What a watch told.
enum News {
    Claim(Rc<Other>),
    ClaimGone(Rc<Other>),
    Volume(Rc<Other>),
    VolumeGone(Rc<Other>),
}

impl World {
    async fn watch(sim: &Sim, client: Rc<dyn ApiClient>) -> Result<World> {
        let watches = [
            client.watch(Kind::PersistentVolume, "", ListOptions::default()).await?,
            client.watch(Kind::PersistentVolumeClaim, "", ListOptions::default()).await?,
        ];
        Ok(World { sim: sim.clone(), client, claims: BTreeMap::new(), volumes: BTreeMap::new(), watches })
    }

    /// What has changed; `None` when a watch has ended.
    fn poll_news(&mut self, cx: &mut std::task::Context<'_>) -> Poll<Option<News>> {
        for watch in &mut self.watches {
            let Poll::Ready(event) = watch.poll_recv(cx) else { continue };
            let gone = matches!(event, Some(WatchEvent::Deleted(_)));
            let Some(Object::Other(object)) = event.as_ref().and_then(WatchEvent::object).cloned() else {
                return Poll::Ready(None);
            };
            return Poll::Ready(Some(self.learn(object, gone)));
        }
        Poll::Pending
    }

    fn learn(&mut self, object: Rc<Other>, gone: bool) -> News {
        let key = key(&object);
        match (object.kind, gone) {
            (Kind::PersistentVolume, false) => {
                self.volumes.insert(key.1, object.clone());
                News::Volume(object)
            }
            (Kind::PersistentVolume, true) => {
                self.volumes.remove(&key.1);
                News::VolumeGone(object)
            }
            (_, false) => {
                self.claims.insert(key, object.clone());
                News::Claim(object)
            }
            (_, true) => {
                self.claims.remove(&key);
                News::ClaimGone(object)
            }
        }
    }

    /// Writes an object; what somebody else has changed in between is told by the watch, and tried again then.
    async fn write(&mut self, object: Other, subresource: Subresource) -> Option<Rc<Other>> {
        self.sim.sleep(REQUEST).await;
        let written = write(&*self.client, object, subresource).await?;
        if written.metadata.deletion_timestamp.is_none() || written.metadata.finalizers.is_some() {
            self.learn(written.clone(), false);
        }
        Some(written)
    }
}

async fn write(client: &dyn ApiClient, object: Other, subresource: Subresource) -> Option<Rc<Other>> {
    let (kind, key) = (object.kind, key(&object));
    let body = Body::Object(Object::Other(Rc::new(object)));
    let written = client.update(kind, &key.0, &key.1, subresource, body, WriteOptions::default()).await.ok()?;
    match written.object {
        Object::Other(object) => Some(object),
        _ => None,
    }
}

/// A StorageClass, if it exists.
async fn storage_class(client: &dyn ApiClient, name: &str) -> Option<Rc<Other>> {
    match client.get(Kind::StorageClass, "", name).await {
        Ok(Object::Other(class)) => Some(class),
        _ => None,
    }
}

async fn pods(client: &dyn ApiClient, namespace: &str) -> Vec<Rc<Pod>> {
    client::list(client, namespace, ListOptions::default()).await.unwrap_or_default()
}
