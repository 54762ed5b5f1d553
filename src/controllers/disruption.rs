//! Keeps the status of PodDisruptionBudgets: how many of their pods are healthy, and how many may go.
//! Source: kubernetes `pkg/controller/disruption/disruption.go`.
//!
//! Pods are watched only in namespaces with budgets.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde_json::{Map, Value, json};

use crate::{
    api::{
        ApiClient, Kind, Object, Pod, Resource, Result,
        client::{Body, ListOptions, Subresource, Watch, WatchEvent, WriteOptions},
        disruption::{condition, selector, selects},
        other::Other,
    },
    apiserver::{
        events::{EventType, Recorder, reference},
        whole_seconds,
    },
    sim::{Either, Sim, race},
};

/// What happens at one instant is counted once; also how long the controller takes (recorded).
const LAG: Duration = Duration::from_millis(20);
/// An evicted pod counts as gone for so long.
const EVICTED_FOR: i64 = 120;

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let recorder = Recorder::new(sim, client.clone(), "controllermanager", "");
    let sim = sim.clone();
    sim.clone().spawn(async move {
        loop {
            // Ends when a watch ends; then everything is looked at anew.
            let _ended = run(&sim, &*client, &recorder).await;
            sim.sleep(Duration::from_secs(1)).await;
        }
    });
}

async fn run(sim: &Sim, client: &dyn ApiClient, recorder: &Recorder) -> Result<()> {
    let mut watch = client.watch(Kind::PodDisruptionBudget, "", ListOptions::default()).await?;
    let mut budgets: BTreeMap<(String, String), Rc<Other>> = BTreeMap::new();
    let mut pods: BTreeMap<String, Watch> = BTreeMap::new();
    loop {
        let mut dirty: BTreeSet<String> = BTreeSet::new();
        let mut ended = false;
        // Evicted pods that stay are counted again after a while.
        let waits =
            |budget: &Rc<Other>| budget.at("status/disruptedPods").as_object().is_some_and(|all| !all.is_empty());
        let waiting = budgets.iter().filter(|(_, budget)| waits(budget)).map(|((namespace, _), _)| namespace.clone());
        let waiting: BTreeSet<String> = waiting.collect();
        let news = poll_fn(|cx| {
            while !ended && let Poll::Ready(event) = watch.poll_recv(cx) {
                let gone = matches!(event, Some(WatchEvent::Deleted(_)));
                let Some(Object::Other(budget)) = event.as_ref().and_then(WatchEvent::object) else {
                    ended = true;
                    break;
                };
                let key = (budget.metadata.namespace.clone().unwrap_or_default(), budget.metadata.name.clone());
                let key = (key.0, key.1.unwrap_or_default());
                dirty.insert(key.0.clone());
                if gone {
                    budgets.remove(&key);
                } else {
                    budgets.insert(key, budget.clone());
                }
            }
            for (namespace, watch) in &mut pods {
                while !ended && let Poll::Ready(event) = watch.poll_recv(cx) {
                    match event {
                        None | Some(WatchEvent::Error(_)) => ended = true,
                        Some(event) => {
                            let pod = event.object().map(Object::meta);
                            if pod.is_some_and(|pod| budgets.values().any(|budget| selects(budget, pod))) {
                                dirty.insert(namespace.clone());
                            }
                        }
                    }
                }
            }
            if dirty.is_empty() && !ended { Poll::Pending } else { Poll::Ready(()) }
        });
        if waiting.is_empty() {
            news.await;
        } else {
            let again = sim.sleep(Duration::from_secs(EVICTED_FOR as u64));
            if let Either::Right(()) = race(news, again).await {
                dirty.extend(waiting);
            }
        }
        if ended {
            return Ok(());
        }
        sim.sleep(LAG).await;
        for namespace in dirty {
            let mine: Vec<(String, String)> = budgets.keys().filter(|(of, _)| *of == namespace).cloned().collect();
            if mine.is_empty() {
                pods.remove(&namespace);
                continue;
            }
            let all = client.list(Kind::Pod, &namespace, ListOptions::default()).await?;
            if !pods.contains_key(&namespace) {
                let options = ListOptions { resource_version: all.resource_version, ..ListOptions::default() };
                pods.insert(namespace.clone(), client.watch(Kind::Pod, &namespace, options).await?);
            }
            let all: Vec<Rc<Pod>> = all.items.iter().filter_map(|object| object.as_::<Pod>().cloned()).collect();
            for (namespace, name) in mine {
                // The newest: an eviction may have changed it.
                if let Ok(Object::Other(budget)) = client.get(Kind::PodDisruptionBudget, &namespace, &name).await {
                    sync(sim, client, recorder, budget, &all).await?;
                }
            }
        }
    }
}

async fn sync(
    sim: &Sim,
    client: &dyn ApiClient,
    recorder: &Recorder,
    budget: Rc<Other>,
    pods: &[Rc<Pod>],
) -> Result<()> {
    let pods: Vec<&Rc<Pod>> = pods.iter().filter(|pod| selects(&budget, &pod.metadata)).collect();
    let about = || reference(&Object::Other(budget.clone()));
    if pods.is_empty() {
        recorder.event(about(), EventType::Normal, "NoPods", "No matching pods found");
    }
    let (most_away, least) = (budget.at("spec/maxUnavailable"), budget.at("spec/minAvailable"));
    let scaled = !most_away.is_null() || least.is_string();
    let expected = if scaled {
        let (count, unmanaged) = expected_scale(client, &pods).await?;
        if unmanaged {
            let selector = selector(&budget).map(|selector| selector.to_string()).unwrap_or_default();
            recorder.event(about(), EventType::Warning, "UnmanagedPods", unmanaged_text(&selector));
        }
        count
    } else {
        pods.len() as i64
    };
    let desired = desired(most_away, least, expected);
    let now = sim.wall();
    let mut disrupted = Map::new();
    for (name, since) in budget.at("status/disruptedPods").as_object().into_iter().flatten() {
        let there = pods.iter().find(|pod| pod.name() == name).filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let at: Option<Time> = serde_json::from_value(since.clone()).ok();
        let young = at.is_some_and(|at| at.0.as_second() + EVICTED_FOR > now.as_second());
        match there {
            Some(_) if young => drop(disrupted.insert(name.clone(), since.clone())),
            Some(pod) => {
                let (namespace, name) = (pod.namespace(), budget.metadata.name.as_deref().unwrap_or_default());
                let text = format!("Pod was expected by PDB {namespace}/{name} to be deleted but it wasn't");
                let pod = reference(&Object::Pod((*pod).clone()));
                recorder.event(pod, EventType::Warning, "NotDeleted", text);
            }
            None => {}
        }
    }
    let healthy = pods.iter().filter(|pod| {
        pod.metadata.deletion_timestamp.is_none() && !disrupted.contains_key(pod.name()) && is_ready(pod)
    });
    let healthy = healthy.count() as i64;
    let allowed = if expected > 0 { (healthy - desired).max(0) } else { 0 };
    let now = serde_json::to_value(whole_seconds(now)).unwrap_or_default();
    let mut status = json!({
        "conditions": [condition(&budget, allowed, &now)],
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "expectedPods": expected,
        "observedGeneration": budget.metadata.generation,
    });
    if !disrupted.is_empty() {
        status["disruptedPods"] = Value::Object(disrupted);
    }
    if status == *budget.at("status") {
        return Ok(());
    }
    let mut changed = Other::clone(&budget);
    changed.content.insert("status".into(), status);
    let ObjectMeta { namespace, name, .. } = &budget.metadata;
    let (namespace, name) = (namespace.clone().unwrap_or_default(), name.clone().unwrap_or_default());
    let (body, options) = (Body::Object(Object::Other(Rc::new(changed))), WriteOptions::default());
    // What was written or removed in between is told by the watch.
    let _written =
        client.update(Kind::PodDisruptionBudget, &namespace, &name, Subresource::Status, body, options).await;
    Ok(())
}

fn unmanaged_text(selector: &str) -> String {
    format!(
        "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. As a result, the \
         status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these \
         pods please set \".spec.minAvailable\" field of the PDB to an integer value."
    )
}

/// How many pods have to be healthy.
fn desired(most_away: &Value, least: &Value, expected: i64) -> i64 {
    if !most_away.is_null() {
        return (expected - scaled(most_away, expected)).max(0);
    }
    scaled(least, expected)
}

/// A number, or a percentage of `of`, rounded up.
fn scaled(value: &Value, of: i64) -> i64 {
    match value.as_str().and_then(|text| text.strip_suffix('%')?.parse::<i64>().ok()) {
        Some(percent) => (percent * of + 99).div_euclid(100),
        None => value.as_i64().unwrap_or(0),
    }
}

/// How many pods their controllers want, and whether some have none.
async fn expected_scale(client: &dyn ApiClient, pods: &[&Rc<Pod>]) -> Result<(i64, bool)> {
    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    let mut unmanaged = false;
    for pod in pods {
        let Some(owner) = controller(&pod.metadata) else {
            unmanaged = true;
            continue;
        };
        if wanted.contains_key(&owner.uid) {
            continue;
        }
        let mut found = get(client, pod.namespace(), owner).await;
        let above = found.as_ref().and_then(|found| controller(&found.metadata)).cloned();
        if let Some(above) = above {
            found = get(client, pod.namespace(), &above).await.or(found);
        }
        if let Some(found) = found {
            let replicas = found.at("spec/replicas").as_i64().unwrap_or(0);
            wanted.insert(found.metadata.uid.clone().unwrap_or_default(), replicas);
        }
    }
    Ok((wanted.values().sum(), unmanaged))
}

fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

async fn get(client: &dyn ApiClient, namespace: &str, owner: &OwnerReference) -> Option<Rc<Other>> {
    let kind = Kind::from_api_version_kind(&owner.api_version, &owner.kind)?;
    match client.get(kind, namespace, &owner.name).await {
        Ok(Object::Other(found)) if found.metadata.uid.as_ref() == Some(&owner.uid) => Some(found),
        _ => None,
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_have_to_be_healthy() {
        for (most_away, least, expected, result) in [
            (json!(1), Value::Null, 2, 1),
            (json!(3), Value::Null, 2, 0),
            (json!("50%"), Value::Null, 3, 1),
            (Value::Null, json!(2), 7, 2),
            (Value::Null, json!("50%"), 3, 2),
            (Value::Null, json!("100%"), 3, 3),
            (Value::Null, Value::Null, 3, 0),
        ] {
            assert_eq!(desired(&most_away, &least, expected), result, "{most_away} {least} {expected}");
        }
    }
}
