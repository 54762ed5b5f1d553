//! Brings the Service `kubernetes` back when someone has deleted it. In a real cluster the apiserver looks every ten seconds
//! (`pkg/controlplane/controller/kubernetesendpoints`, `kubernetesservice`).

use std::{rc::Rc, time::Duration};

use crate::{
    api::{
        ApiClient, Kind, Result,
        client::{self, ListOptions, WatchEvent},
    },
    apiserver::bootstrap::kubernetes_service,
    sim::Sim,
};

/// Nanoseconds between two looks.
const EVERY: u64 = 10_000_000_000;

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let sim = sim.clone();
    sim.clone().spawn(async move {
        loop {
            let _ended = run(&sim, &*client).await;
            sim.sleep(Duration::from_secs(1)).await;
        }
    });
}

async fn run(sim: &Sim, client: &dyn ApiClient) -> Result<()> {
    let options = ListOptions { field_selector: "metadata.name=kubernetes".into(), ..ListOptions::default() };
    let mut watch = client.watch(Kind::Service, "default", options).await?;
    while let Some(event) = watch.recv().await {
        match event {
            WatchEvent::Deleted(_) => {
                let since = sim.now().since(crate::sim::SimTime::ZERO).as_nanos() as u64;
                sim.sleep(Duration::from_nanos(EVERY - since % EVERY)).await;
                let _exists = client::create(client, kubernetes_service()).await;
            }
            WatchEvent::Error(error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
