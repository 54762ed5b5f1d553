//! Gives every namespace its `default` service account and the cluster's root certificate.

use std::{future::poll_fn, rc::Rc, task::Poll, time::Duration};

use crate::{
    api::{
        ApiClient, Kind, Object, Result,
        client::{self, ListOptions, Watch, WatchEvent},
    },
    apiserver::bootstrap::{default_service_account, root_ca},
    sim::Sim,
};

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let sim = sim.clone();
    sim.clone().spawn(async move {
        loop {
            // Ends when a watch ends; then everything is looked at anew.
            let _ended = run(&*client).await;
            sim.sleep(Duration::from_secs(1)).await;
        }
    });
}

async fn run(client: &dyn ApiClient) -> Result<()> {
    let named = |name: &str| ListOptions { field_selector: format!("metadata.name={name}"), ..ListOptions::default() };
    let mut watches: [Watch; 3] = [
        client.watch(Kind::Namespace, "", ListOptions::default()).await?,
        client.watch(Kind::ServiceAccount, "", named("default")).await?,
        client.watch(Kind::ConfigMap, "", named("kube-root-ca.crt")).await?,
    ];
    loop {
        let event = poll_fn(|cx| {
            let ready = watches.iter_mut().map(|watch| watch.poll_recv(cx)).find(Poll::is_ready);
            ready.unwrap_or(Poll::Pending)
        });
        let namespace = match event.await {
            Some(WatchEvent::Added(Object::Namespace(namespace))) => namespace.metadata.name.clone(),
            Some(WatchEvent::Deleted(object)) if object.kind().namespaced() => Some(object.namespace().to_string()),
            Some(WatchEvent::Error(error)) => return Err(error),
            None => return Ok(()),
            Some(_) => None,
        };
        if let Some(namespace) = namespace {
            ensure(client, &namespace).await;
        }
    }
}

/// Creates what is missing. In a namespace that is going nothing can be, and need not be.
async fn ensure(client: &dyn ApiClient, namespace: &str) {
    let _exists = client::create(client, default_service_account(namespace)).await;
    let _exists = client::create(client, root_ca(namespace)).await;
}
