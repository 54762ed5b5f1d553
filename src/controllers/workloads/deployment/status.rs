//! A Deployment's status: counts, and whether it is available and goes on.

use std::{rc::Rc, time::Duration};

use serde_json::{Map, Value, json};

use super::{Rollout, is_paused, key_of, max_unavailable, name_of, replicas, total, wanted};
use crate::{
    api::{Result, client::Subresource, other::Other},
    controllers::workloads::{
        World,
        status::{Conditions, count, text},
    },
};

/// Seconds after which a rollout without progress has failed.
pub fn deadline(deployment: &Other) -> Option<i64> {
    let seconds = deployment.at("spec/progressDeadlineSeconds").as_i64();
    seconds.filter(|seconds| *seconds != i64::from(i32::MAX))
}

pub fn condition(world: &World, of: &str, status: &str, reason: &str, message: &str) -> Value {
    let now = world.now_text();
    json!({
        "type": of,
        "status": status,
        "lastUpdateTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    })
}

/// Puts conditions into a status.
pub fn put(object: &mut Other, conditions: Conditions) {
    if let Value::Object(status) = object.content.entry("status").or_insert_with(|| json!({})) {
        conditions.write(status);
    }
}

/// The condition of a Deployment that was paused or resumed.
pub async fn check_paused(world: &mut World, rollout: &mut Rollout) -> Result<()> {
    let deployment = &rollout.deployment;
    if deadline(deployment).is_none() {
        return Ok(());
    }
    let mut conditions = Conditions::of(deployment);
    let reason = conditions.get("Progressing").map(|condition| text(condition, "reason")).unwrap_or_default();
    let was_paused = reason == "DeploymentPaused";
    if reason == "ProgressDeadlineExceeded" || was_paused == is_paused(deployment) {
        return Ok(());
    }
    let (reason, message) = match was_paused {
        true => ("DeploymentResumed", "Deployment is resumed"),
        false => ("DeploymentPaused", "Deployment is paused"),
    };
    conditions.set(condition(world, "Progressing", "Unknown", reason, message));
    let mut changed = Other::clone(deployment);
    put(&mut changed, conditions);
    rollout.deployment = world.write(changed, Subresource::Status).await?;
    Ok(())
}

/// The status that the sets give, with the condition Available.
fn calculate(world: &World, rollout: &Rollout) -> (Map<String, Value>, Conditions) {
    let deployment = &rollout.deployment;
    let available = total(rollout.all(), "availableReplicas");
    let mut status = deployment.at("status").as_object().cloned().unwrap_or_default();
    count(&mut status, "observedGeneration", deployment.metadata.generation.unwrap_or(0));
    count(&mut status, "replicas", total(rollout.all(), "replicas"));
    count(&mut status, "updatedReplicas", total(&rollout.new, "replicas"));
    count(&mut status, "readyReplicas", total(rollout.all(), "readyReplicas"));
    count(&mut status, "availableReplicas", available);
    count(&mut status, "unavailableReplicas", (wanted(rollout.all()) - available).max(0));
    let known = |set: &&Rc<Other>| set.at("status/terminatingReplicas").is_i64();
    if rollout.all().all(|set| known(&set)) {
        status.insert("terminatingReplicas".into(), total(rollout.all(), "terminatingReplicas").into());
    } else if !status.contains_key("terminatingReplicas") {
        status.insert("terminatingReplicas".into(), 0.into());
    }
    let mut conditions = Conditions::of(deployment);
    conditions.set(match available >= replicas(deployment) - max_unavailable(deployment) {
        true => {
            let message = "Deployment has minimum availability.";
            condition(world, "Available", "True", "MinimumReplicasAvailable", message)
        }
        false => {
            let message = "Deployment does not have minimum availability.";
            condition(world, "Available", "False", "MinimumReplicasUnavailable", message)
        }
    });
    (status, conditions)
}

pub async fn sync(world: &mut World, rollout: &Rollout) -> Result<()> {
    let (mut status, conditions) = calculate(world, rollout);
    conditions.write(&mut status);
    world.write_status(&rollout.deployment, Value::Object(status)).await.map(drop)
}

fn of(status: &Value, key: &str) -> i64 {
    status[key].as_i64().unwrap_or(0)
}

/// Whether every pod is of the present template and available.
pub fn is_complete(deployment: &Other, status: &Value) -> bool {
    let count = replicas(deployment);
    ["updatedReplicas", "replicas", "availableReplicas"].iter().all(|key| of(status, key) == count)
        && of(status, "observedGeneration") >= deployment.metadata.generation.unwrap_or(0)
}

fn goes_on(old: &Value, new: &Value) -> bool {
    let outdated = |status| of(status, "replicas") - of(status, "updatedReplicas");
    outdated(new) < outdated(old)
        || ["updatedReplicas", "readyReplicas", "availableReplicas"].iter().any(|key| of(new, key) > of(old, key))
}

/// The second by which a rollout must have gone on.
fn due(deployment: &Other, progressing: &Value) -> Option<i64> {
    let updated: jiff::Timestamp = text(progressing, "lastUpdateTime").parse().ok()?;
    Some(updated.as_second() + deadline(deployment)?)
}

fn has_timed_out(world: &World, deployment: &Other, conditions: &Conditions) -> bool {
    let Some(progressing) = conditions.get("Progressing") else { return false };
    match text(progressing, "reason") {
        "NewReplicaSetAvailable" => false,
        "ProgressDeadlineExceeded" => true,
        _ => due(deployment, progressing)
            .is_some_and(|due| world.sim.wall().as_nanosecond() > i128::from(due) * 1_000_000_000),
    }
}

/// Writes the status of a rollout, with the condition Progressing.
pub async fn sync_rollout(world: &mut World, rollout: &Rollout) -> Result<()> {
    let deployment = &rollout.deployment;
    let (mut status, mut conditions) = calculate(world, rollout);
    let limited = deadline(deployment).is_some();
    if !limited {
        conditions.remove("Progressing");
    }
    let current = Conditions::of(deployment).get("Progressing").cloned();
    let is_done = of(&json!(status), "replicas") == of(&json!(status), "updatedReplicas")
        && current.as_ref().is_some_and(|condition| text(condition, "reason") == "NewReplicaSetAvailable");
    if limited && !is_done {
        let what = match &rollout.new {
            Some(new) => format!("ReplicaSet \"{}\"", name_of(new)),
            None => format!("Deployment \"{}\"", name_of(deployment)),
        };
        let now = Value::Object(status.clone());
        if is_complete(deployment, &now) {
            let message = format!("{what} has successfully progressed.");
            conditions.set(condition(world, "Progressing", "True", "NewReplicaSetAvailable", &message));
        } else if goes_on(deployment.at("status"), &now) {
            let message = format!("{what} is progressing.");
            let mut next = condition(world, "Progressing", "True", "ReplicaSetUpdated", &message);
            if let Some(current) = current.as_ref().filter(|current| current["status"] == "True") {
                next["lastTransitionTime"] = current["lastTransitionTime"].clone();
            }
            // Also what stays the same tells anew when it was seen.
            conditions.remove("Progressing");
            conditions.set(next);
        } else if has_timed_out(world, deployment, &conditions) {
            let message = format!("{what} has timed out progressing.");
            conditions.set(condition(world, "Progressing", "False", "ProgressDeadlineExceeded", &message));
        }
    }
    let failure = |set: &Rc<Other>| Conditions::of(set).get("ReplicaFailure").cloned();
    match rollout.new.iter().chain(&rollout.old).find_map(failure) {
        Some(mut failure) => {
            failure["lastUpdateTime"] = failure["lastTransitionTime"].clone();
            conditions.set(failure);
        }
        None => conditions.remove("ReplicaFailure"),
    }
    conditions.write(&mut status);
    let status = Value::Object(status);
    if deployment.at("status") != &status {
        return world.write_status(deployment, status).await.map(drop);
    }
    // Nothing has changed; it is time to look again when the deadline has passed.
    if let Some(current) = current
        && limited
        && !is_complete(deployment, &status)
        && text(&current, "reason") != "ProgressDeadlineExceeded"
        && let Some(due) = due(deployment, &current)
    {
        let now = world.sim.wall().as_second();
        match due - now {
            wait if wait < 1 => world.look_after(key_of(deployment), Duration::from_secs(1)),
            wait => {
                let second = now + wait + 1;
                world.look_at_second(key_of(deployment), second);
            }
        }
    }
    Ok(())
}
