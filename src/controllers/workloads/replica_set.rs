//! Keeps as many pods as a ReplicaSet or ReplicationController asks for. Source: pkg/controller/replicaset.

use std::{collections::BTreeMap, rc::Rc};

use crate::api::Pod;
use serde_json::{Map, Value, json};

use super::{
    World, is_deleted, key_of, namespace_of, number,
    pods::{self, Template, same_owner},
    status::{Conditions, count},
    uid_of,
};
use crate::api::{Error, Kind, Result, other::Other, selector::LabelSelector};

/// How many pods are made or deleted in one go.
const BURST: usize = 500;

pub async fn sync(world: &mut World, set: &Rc<Other>) -> Result<()> {
    let active = world.claim_pods(set, pods::is_active).await?;
    let terminating = world.pods.of(uid_of(set)).filter(|pod| pods::is_terminating(pod)).count();
    let managed = match is_deleted(set) {
        true => Ok(()),
        false => manage(world, set, &active).await,
    };
    let now = world.sim.wall().as_second();
    let min_ready = number(set, "spec/minReadySeconds", 0);
    let (available, next) = pods::available(active.iter(), min_ready, now);
    let status = status(world, set, &active, terminating, available, managed.as_ref().err());
    world.write_status(set, status).await?;
    if let Some(next) = next {
        world.look_at_second(key_of(set), next);
    }
    managed
}

/// Makes the pods that are missing, or deletes those that are too many.
async fn manage(world: &mut World, set: &Rc<Other>, active: &[Rc<Pod>]) -> Result<()> {
    let wanted = usize::try_from(number(set, "spec/replicas", 1)).unwrap_or(0);
    if active.len() < wanted {
        let template = Template::of(set)?;
        let missing = (wanted - active.len()).min(BURST);
        return world.create_pods(set, missing, |_| template.pod(set)).await;
    }
    let surplus = (active.len() - wanted).min(BURST);
    if surplus == 0 {
        return Ok(());
    }
    let mut failed = None;
    for pod in to_delete(world, set, active, surplus) {
        if let Err(error) = world.delete_pod(set, &pod).await {
            failed.get_or_insert(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

fn to_delete(world: &World, set: &Other, active: &[Rc<Pod>], surplus: usize) -> Vec<Rc<Pod>> {
    let mut chosen: Vec<&Rc<Pod>> = active.iter().collect();
    if surplus < active.len() {
        // Pods of all sets of one Deployment count as related.
        let mut on_node: BTreeMap<&str, usize> = BTreeMap::new();
        for other in world.of_kind(set.kind, namespace_of(set)).filter(|other| same_owner(other, set)) {
            for pod in world.pods.of(uid_of(other)).filter(|pod| pods::is_active(pod)) {
                *on_node.entry(pods::node(pod)).or_insert(0) += 1;
            }
        }
        let now = world.sim.wall().as_second();
        let rank = |pod: &Pod| on_node.get(pods::node(pod)).copied().unwrap_or(0);
        chosen.sort_by(|a, b| pods::deleted_first((a, rank(a)), (b, rank(b)), now));
    }
    chosen.into_iter().take(surplus).cloned().collect()
}

fn status(
    world: &World,
    set: &Other,
    active: &[Rc<Pod>],
    terminating: usize,
    available: i64,
    failed: Option<&Error>,
) -> Value {
    let labels = serde_json::from_value(set.at("spec/template/metadata/labels").clone()).unwrap_or_default();
    let full = LabelSelector::from_labels(&labels);
    let labelled = active.iter().filter(|pod| full.matches(pod.metadata.labels.as_ref())).count();
    let mut status = Map::new();
    status.insert("replicas".into(), active.len().into());
    count(&mut status, "fullyLabeledReplicas", labelled);
    count(&mut status, "readyReplicas", active.iter().filter(|pod| pods::is_ready(pod)).count());
    count(&mut status, "availableReplicas", available);
    if set.kind == Kind::ReplicaSet {
        status.insert("terminatingReplicas".into(), terminating.into());
    }
    count(&mut status, "observedGeneration", set.metadata.generation.unwrap_or(0));
    let mut conditions = Conditions::of(set);
    match failed {
        None => conditions.remove("ReplicaFailure"),
        // What failed first is told until all is well.
        Some(_) if conditions.get("ReplicaFailure").is_some() => {}
        Some(error) => {
            let wanted = usize::try_from(number(set, "spec/replicas", 1)).unwrap_or(0);
            let reason = if active.len() < wanted { "FailedCreate" } else { "FailedDelete" };
            conditions.set(json!({
                "type": "ReplicaFailure",
                "status": "True",
                "lastTransitionTime": world.now_text(),
                "reason": reason,
                "message": error.message,
            }));
        }
    }
    conditions.write(&mut status);
    Value::Object(status)
}
