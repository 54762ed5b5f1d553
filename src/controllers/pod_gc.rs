//! Removes pods that nobody will: orphans of removed nodes, and the oldest ended ones above a
//! threshold.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use k8s_openapi::api::core::v1::Node;

use super::{change_status, is_terminal, mark_disrupted};
use crate::{
    api::{
        ApiClient, Kind, Pod, Resource, Result,
        client::{self, DeleteOptions, ListOptions},
    },
    sim::{Sim, SimTime},
};

const PERIOD: Duration = Duration::from_secs(20);
/// How long a node must have been missing before its pods are removed.
const QUARANTINE: Duration = Duration::from_secs(40);
/// `--terminated-pod-gc-threshold`.
const TERMINATED_THRESHOLD: usize = 12_500;

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let sim = sim.clone();
    sim.clone().spawn(async move {
        // Nodes that pods name and that don't exist: since when that is known.
        let mut missing: BTreeMap<String, SimTime> = BTreeMap::new();
        loop {
            sim.sleep(PERIOD).await;
            // What couldn't be done now is found again next time.
            let _failed = collect(&sim, &*client, &mut missing).await;
        }
    });
}

async fn collect(sim: &Sim, client: &dyn ApiClient, missing: &mut BTreeMap<String, SimTime>) -> Result<()> {
    let pods: Vec<Rc<Pod>> = client::list(client, "", ListOptions::default()).await?;
    let nodes: Vec<Rc<Node>> = client::list(client, "", ListOptions::default()).await?;
    let nodes: BTreeSet<&str> = nodes.iter().map(|node| node.name()).collect();
    let now = sim.now();

    let mut ended: Vec<&Rc<Pod>> = pods.iter().filter(|pod| is_terminal(pod)).collect();
    let surplus = ended.len().saturating_sub(TERMINATED_THRESHOLD);
    if surplus > 0 {
        ended.sort_by_key(|pod| (pod.metadata.creation_timestamp.clone(), pod.name().to_string()));
        for pod in &ended[..surplus] {
            remove(client, pod).await?;
        }
    }

    let homeless = |pod: &&Rc<Pod>| node_of(pod).is_some_and(|node| !nodes.contains(node));
    let orphans: Vec<&Rc<Pod>> = pods.iter().filter(homeless).collect();
    missing.retain(|node, _| orphans.iter().any(|pod| node_of(pod) == Some(node)));
    for pod in orphans {
        let Some(node) = node_of(pod) else { continue };
        let since = *missing.entry(node.to_string()).or_insert(now);
        if now.since(since) < QUARANTINE {
            continue;
        }
        change_status(client, pod, |pod| {
            if is_terminal(pod) {
                return false;
            }
            let generation = pod.metadata.generation;
            let status = pod.status.get_or_insert_default();
            status.phase = Some("Failed".into());
            status.observed_generation = generation;
            mark_disrupted(sim, pod, "DeletionByPodGC", "PodGC: node no longer exists");
            true
        })
        .await?;
        remove(client, pod).await?;
    }

    for pod in pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_some() && node_of(pod).is_none()) {
        remove(client, pod).await?;
    }
    Ok(())
}

fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|node| !node.is_empty())
}

async fn remove(client: &dyn ApiClient, pod: &Pod) -> Result<()> {
    let options = DeleteOptions {
        grace_period_seconds: Some(0),
        precondition_uid: Some(pod.uid().to_string()),
        ..DeleteOptions::default()
    };
    match client.delete(Kind::Pod, pod.namespace(), pod.name(), options).await {
        Err(error) if !error.is_not_found() && !error.is_conflict() => Err(error),
        _ => Ok(()),
    }
}
