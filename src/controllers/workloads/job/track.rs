//! Counting pods that have ended, each once, and ending the Job.

use std::{collections::BTreeSet, rc::Rc};

use crate::api::Pod;
use serde_json::{Map, Value, json};

use super::{
    Look, TRACKING, completions, ensure, find, indexes, is_failed, is_indexed, is_tracked, limit_per_index, manage,
    policy, status_number, uncounted,
};
use crate::{
    api::{Resource, Result, other::Other},
    apiserver::events::EventType,
    controllers::workloads::{
        World, is_deleted, key_of,
        pods::{is_active, phase},
        status::{count, text},
    },
};

/// Takes our finalizer from a pod. Whether it is off.
pub async fn untrack(world: &mut World, pod: &Pod) -> Result<bool> {
    let kept: Vec<&String> = pod.metadata.finalizers.iter().flatten().filter(|f| *f != TRACKING).collect();
    let kept = if kept.is_empty() { Value::Null } else { json!(kept) };
    let patch = json!({"metadata": {"finalizers": kept, "uid": pod.metadata.uid}});
    world.patch_pod(pod, patch).await.map(|_| true)
}

/// Whether a pod may go once it is counted.
fn may_go(look: &Look, pod: &Pod) -> bool {
    if is_deleted(&look.job) || look.end.is_some() || phase(pod) == "Succeeded" {
        return true;
    }
    if !is_failed(&look.job, pod) {
        return false;
    }
    // The last failure of an index is kept until it is replaced: it tells how often there were failures.
    if limit_per_index(&look.job).is_some()
        && let Some(index) = indexes::of(pod)
        && !look.lost.contains(index)
        && !look.done.contains(index)
    {
        let replaced = look.active.iter().any(|other| is_active(other) && indexes::of(other) == Some(index));
        return replaced || manage::last_failed(look, index).is_none_or(|last| last.uid() != pod.uid());
    }
    true
}

pub async fn track(world: &mut World, mut look: Look, changed: bool) -> Result<()> {
    let mut dirty = changed;
    let mut leaving: Vec<Rc<Pod>> = Vec::new();
    let (mut done, mut lost) = (uncounted(&look.status, "succeeded"), uncounted(&look.status, "failed"));
    let indexed = is_indexed(&look.job);
    for pod in look.pods.iter().filter(|pod| is_tracked(pod)) {
        if !may_go(&look, pod) {
            continue;
        }
        leaving.push(pod.clone());
        let uid = pod.uid().to_string();
        let valid = indexes::of(pod).is_some_and(|index| index < completions(&look.job).unwrap_or(0));
        if phase(pod) == "Succeeded" && !lost.contains(&uid) {
            if !indexed && !done.contains(&uid) {
                done.push(uid);
                dirty = true;
            }
        } else if (is_failed(&look.job, pod) || look.end.is_some())
            && !lost.contains(&uid)
            && (!indexed || valid)
            && policy::counts(&look.job, pod)
        {
            lost.push(uid);
            dirty = true;
        }
    }
    if indexed {
        dirty |= set_indexes(&mut look, "completedIndexes");
        let total = look.done.len();
        dirty |= status_number(&look.status, "succeeded") != super::count(total);
        count(&mut look.status, "succeeded", total);
    }
    if limit_per_index(&look.job).is_some() {
        dirty |= set_indexes(&mut look, "failedIndexes");
    }
    look.status.insert("uncountedTerminatedPods".into(), lists(&done, &lost));
    // What is to come is told before the pods are let go.
    if let Some(end) = look.end.take() {
        if find(&look.conditions, text(&end, "type")).is_none() {
            look.conditions.push(end.clone());
            dirty = true;
        }
        let of = if text(&end, "type") == "FailureTarget" { "Failed" } else { "Complete" };
        look.end = Some(world.job_condition(of, "True", text(&end, "reason"), text(&end, "message")));
    }
    let backoff = look.backoff.clone();
    if dirty {
        write(world, &mut look).await?;
    }
    world.job_backoffs.insert(key_of(&look.job), backoff);
    let mut held = BTreeSet::new();
    for pod in &leaving {
        if !untrack(world, pod).await? {
            held.insert(pod.uid().to_string());
        }
    }
    // Those that have been let go are counted.
    let tracked: BTreeSet<&str> = look.pods.iter().filter(|pod| is_tracked(pod)).map(|pod| pod.uid()).collect();
    let gone = |uid: &String| {
        !held.contains(uid) && (leaving.iter().any(|pod| pod.uid() == uid) || !tracked.contains(uid.as_str()))
    };
    let (done_now, done): (Vec<String>, Vec<String>) = done.into_iter().partition(gone);
    let (lost_now, lost): (Vec<String>, Vec<String>) = lost.into_iter().partition(gone);
    let mut dirty = !done_now.is_empty() || !lost_now.is_empty();
    if !indexed {
        let succeeded = status_number(&look.status, "succeeded") + super::count(done_now.len());
        count(&mut look.status, "succeeded", succeeded);
    }
    let failed = status_number(&look.status, "failed") + super::count(lost_now.len());
    count(&mut look.status, "failed", failed);
    look.status.insert("uncountedTerminatedPods".into(), lists(&done, &lost));
    let end = look.end.take().filter(|_| done.is_empty() && lost.is_empty() && look.terminating <= 0);
    if let Some(end) = &end {
        ensure(&mut look.conditions, end.clone());
        if text(end, "type") == "Complete" {
            look.status.insert("completionTime".into(), end["lastTransitionTime"].clone());
        }
        dirty = true;
    }
    if dirty {
        write(world, &mut look).await?;
    }
    if let Some(end) = end {
        tell_end(world, &look, &end);
    }
    Ok(())
}

fn lists(done: &[String], lost: &[String]) -> Value {
    let mut lists = Map::new();
    for (key, list) in [("succeeded", done), ("failed", lost)] {
        if !list.is_empty() {
            lists.insert(key.into(), json!(list));
        }
    }
    Value::Object(lists)
}

/// Writes a set of indexes into the status. Whether it differs.
fn set_indexes(look: &mut Look, key: &str) -> bool {
    let indexes = if key == "failedIndexes" { &look.lost } else { &look.done };
    let text = indexes.to_string();
    if look.status.get(key).and_then(Value::as_str).unwrap_or_default() == text {
        return false;
    }
    look.status.insert(key.into(), text.into());
    true
}

async fn write(world: &mut World, look: &mut Look) -> Result<()> {
    let mut status = look.status.clone();
    if !look.conditions.is_empty() {
        status.insert("conditions".into(), look.conditions.clone().into());
    }
    let written: Rc<Other> = world.write_status(&look.job, Value::Object(status)).await?;
    look.job = written;
    Ok(())
}

fn tell_end(world: &mut World, look: &Look, end: &Value) {
    let job = look.job.clone();
    if text(end, "type") == "Failed" {
        world.event(&job, EventType::Warning, text(end, "reason"), text(end, "message"));
        return;
    }
    if completions(&job).is_some_and(|wanted| status_number(&look.status, "succeeded") > wanted) {
        let text = "Too many succeeded pods running after completion count reached";
        world.event(&job, EventType::Warning, "TooManySucceededPods", text);
    }
    world.event(&job, EventType::Normal, "Completed", "Job completed");
}
