//! Runs pods until as many of them as a Job asks for have succeeded. Sources: pkg/controller/job,
//! pkg/controller/ttlafterfinished.
//!
//! A pod is counted once: its uid is written into the status, then its finalizer is taken off, then it is counted.

mod backoff;
mod indexes;
mod manage;
mod policy;
mod track;

use std::{rc::Rc, time::Duration};

use crate::api::Pod;
use serde_json::{Map, Value, json};

pub use self::backoff::Backoff;
use self::indexes::Indexes;
use super::{
    World, is_deleted, key_of, number,
    pods::{is_active, is_ready, phase},
    status::text,
};
use crate::{
    api::{Kind, Resource, Result, client::DeleteOptions, other::Other},
    apiserver::events::EventType,
};

/// Holds a pod until its Job has counted it.
pub const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// Which index of an Indexed Job a pod has: an annotation and a label.
pub const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How often pods of an index have failed.
const INDEX_FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// Pods' changes are looked at together.
pub const BATCH: Duration = Duration::from_secs(1);

const LIMIT_EXCEEDED: &str = "Job has reached the specified backoff limit";

/// What one look at a Job knows.
struct Look {
    job: Rc<Other>,
    /// To be written.
    status: Map<String, Value>,
    conditions: Vec<Value>,
    pods: Vec<Rc<Pod>>,
    active: Vec<Rc<Pod>>,
    succeeded: i64,
    failed: i64,
    terminating: i64,
    backoff: Backoff,
    /// Of an Indexed Job: which have succeeded, which have failed.
    done: Indexes,
    lost: Indexes,
    /// The condition that ends the Job.
    end: Option<Value>,
}

pub fn is_indexed(job: &Other) -> bool {
    job.text("spec/completionMode") == "Indexed"
}

fn completions(job: &Other) -> Option<i64> {
    job.at("spec/completions").as_i64()
}

fn limit_per_index(job: &Other) -> Option<i64> {
    job.at("spec/backoffLimitPerIndex").as_i64()
}

pub fn is_suspended(job: &Other) -> bool {
    job.at("spec/suspend").as_bool() == Some(true)
}

/// Whether only pods that have ended are replaced, not those that are being deleted.
fn replaces_failed_only(job: &Other) -> bool {
    job.text("spec/podReplacementPolicy") == "Failed" || job.at("spec/podFailurePolicy").is_object()
}

/// The condition that ended a Job.
pub fn finished(job: &Other) -> Option<&Value> {
    let conditions = job.at("status/conditions").as_array()?;
    conditions.iter().find(|c| matches!(text(c, "type"), "Complete" | "Failed") && c["status"] == "True")
}

/// Pods that will never end count as failed too, unless the Job waits for their end.
fn is_failed(job: &Other, pod: &Pod) -> bool {
    phase(pod) == "Failed"
        || (!replaces_failed_only(job) && pod.metadata.deletion_timestamp.is_some() && phase(pod) != "Succeeded")
}

pub fn is_tracked(pod: &Pod) -> bool {
    pod.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == TRACKING)
}

fn find<'a>(conditions: &'a [Value], of: &str) -> Option<&'a Value> {
    conditions.iter().find(|condition| condition["type"] == of && condition["status"] == "True")
}

/// Sets a condition in its place; one that would only say no isn't begun. Whether that changed anything.
fn ensure(conditions: &mut Vec<Value>, condition: Value) -> bool {
    match conditions.iter_mut().find(|old| old["type"] == condition["type"]) {
        Some(old) if ["status", "reason", "message"].iter().all(|key| old[*key] == condition[*key]) => false,
        Some(old) => {
            *old = condition;
            true
        }
        None if condition["status"] == "False" => false,
        None => {
            conditions.push(condition);
            true
        }
    }
}

fn condition(now: &Value, of: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": of,
        "status": status,
        "lastProbeTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    })
}

impl World {
    fn job_condition(&self, of: &str, status: &str, reason: &str, message: &str) -> Value {
        condition(&self.now_text(), of, status, reason, message)
    }

    /// A pod with our finalizer whose Job has gone is let go.
    pub async fn release_orphan(&mut self, pod: &Pod) -> Result<()> {
        track::untrack(self, pod).await.map(drop)
    }
}

fn uncounted(status: &Map<String, Value>, key: &str) -> Vec<String> {
    let list = status.get("uncountedTerminatedPods").and_then(|lists| lists.get(key));
    list.and_then(|list| serde_json::from_value(list.clone()).ok()).unwrap_or_default()
}

fn status_number(status: &Map<String, Value>, key: &str) -> i64 {
    status.get(key).and_then(Value::as_i64).unwrap_or(0)
}

/// When a Job ended, by the condition that says so.
fn ended_at(end: &Value) -> i64 {
    let ended: Option<jiff::Timestamp> = text(end, "lastTransitionTime").parse().ok();
    ended.map_or(0, jiff::Timestamp::as_second)
}

pub async fn sync(world: &mut World, job: &Rc<Other>) -> Result<()> {
    if !["", "kubernetes.io/job-controller"].contains(&job.text("spec/managedBy")) {
        return match finished(job) {
            Some(end) => expire(world, job, ended_at(end)).await,
            None => Ok(()),
        };
    }
    if let Some(end) = finished(job) {
        world.job_backoffs.remove(&key_of(job));
        return expire(world, job, ended_at(end)).await;
    }
    let pods = world.claim_pods(job, |_| true).await?;
    let mut look = begin(world, job, pods);
    let suspended = is_suspended(job);
    if !look.status.contains_key("startTime") && !suspended {
        look.status.insert("startTime".into(), world.now_text());
        if let Some(seconds) = job.at("spec/activeDeadlineSeconds").as_i64() {
            world.look_after(key_of(job), Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        }
    }
    look.end = why_ended(world, &look);

    let mut active = count(look.active.len());
    let mut resumed_or_suspended = false;
    let mut managed = Ok(());
    if look.end.is_some() {
        let deleted = manage::delete(world, &look.job, &look.active).await;
        match deleted {
            Ok(deleted) => {
                active -= deleted;
                look.terminating += deleted;
            }
            Err(error) => {
                // It isn't over while pods may go on.
                look.end = None;
                managed = Err(error);
            }
        }
    } else {
        let manages = !is_deleted(job);
        if manages {
            match manage::manage(world, &mut look).await {
                Ok(count) => active = count,
                Err(error) => managed = Err(error),
            }
        }
        let is_complete = match completions(job) {
            None => look.succeeded > 0 && active == 0,
            Some(wanted) => look.succeeded >= wanted && active == 0,
        };
        if is_complete {
            let message = "Reached expected number of succeeded pods";
            look.end = Some(world.job_condition("SuccessCriteriaMet", "True", "CompletionsReached", message));
        } else if manages {
            resumed_or_suspended = suspend_or_resume(world, &mut look);
        }
    }
    let ready = count(look.active.iter().filter(|pod| is_ready(pod)).count()).min(active);
    let is = |key: &str, count: i64| look.status.get(key).and_then(Value::as_i64) == Some(count);
    let changed = resumed_or_suspended
        || status_number(&look.status, "active") != active
        || !is("ready", ready)
        || !is("terminating", look.terminating);
    super::status::count(&mut look.status, "active", active);
    look.status.insert("ready".into(), ready.into());
    look.status.insert("terminating".into(), look.terminating.into());
    track::track(world, look, changed).await?;
    managed
}

fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What the pods and the status say.
fn begin(world: &mut World, job: &Rc<Other>, pods: Vec<Rc<Pod>>) -> Look {
    let status = job.at("status").as_object().cloned().unwrap_or_default();
    let conditions = status.get("conditions").and_then(Value::as_array).cloned().unwrap_or_default();
    let active: Vec<Rc<Pod>> = pods.iter().filter(|pod| is_active(pod)).cloned().collect();
    let (was_done, was_lost) = (uncounted(&status, "succeeded"), uncounted(&status, "failed"));
    let fresh = |pod: &&Rc<Pod>, counted: &[String]| {
        let valid = !is_indexed(job) || indexes::of(pod).is_some_and(|index| index < completions(job).unwrap_or(0));
        valid && is_tracked(pod) && !counted.iter().any(|uid| uid == pod.uid())
    };
    let new_done: Vec<Rc<Pod>> =
        pods.iter().filter(|pod| phase(pod) == "Succeeded" && fresh(pod, &was_done)).cloned().collect();
    let new_lost: Vec<Rc<Pod>> =
        pods.iter().filter(|pod| is_failed(job, pod) && fresh(pod, &was_lost)).cloned().collect();
    let counted_lost = new_lost.iter().filter(|pod| policy::counts(job, pod)).count();
    let mut succeeded = status_number(&status, "succeeded") + count(new_done.len() + was_done.len());
    let failed = status_number(&status, "failed") + count(counted_lost + was_lost.len());
    let read = |key: &str| Indexes::parse(status.get(key).and_then(Value::as_str).unwrap_or_default());
    let (mut done, mut lost) = (read("completedIndexes"), read("failedIndexes"));
    if is_indexed(job) {
        done.extend(new_done.iter().filter_map(|pod| indexes::of(pod)));
        succeeded = count(done.len());
        if let Some(limit) = limit_per_index(job) {
            lost.extend(
                pods.iter().filter(|pod| policy::index_has_failed(job, pod, limit)).filter_map(|pod| indexes::of(pod)),
            );
            lost.remove_all(&done);
        }
    }
    let terminating = count(pods.iter().filter(|pod| super::pods::is_terminating(pod)).count());
    let known = world.job_backoffs.get(&key_of(job)).cloned().unwrap_or_default();
    let backoff = known.after(&new_done, &new_lost);
    let job = job.clone();
    Look { job, status, conditions, pods, active, succeeded, failed, terminating, backoff, done, lost, end: None }
}

/// Why a Job is over, if it is.
fn why_ended(world: &mut World, look: &Look) -> Option<Value> {
    let job = look.job.clone();
    if let Some(known) = find(&look.conditions, "FailureTarget") {
        return Some(known.clone());
    }
    if let Some(known) = find(&look.conditions, "SuccessCriteriaMet") {
        return Some(known.clone());
    }
    let now = world.now_text();
    let failure = |reason: &str, message: &str| Some(condition(&now, "FailureTarget", "True", reason, message));
    if let Some(message) =
        look.pods.iter().filter(|pod| is_failed(&job, pod)).find_map(|pod| policy::fails_job(&job, pod))
    {
        return failure("PodFailurePolicy", &message);
    }
    if let Some(rule) = policy::succeeds(&job, &look.done) {
        let message = format!("Matched rules at index {rule}");
        return Some(world.job_condition("SuccessCriteriaMet", "True", "SuccessPolicy", &message));
    }
    let limit = number(&job, "spec/backoffLimit", 6);
    let has_new = look.failed > status_number(&look.status, "failed");
    if (has_new && look.failed > limit) || restarts_exceed(look, limit) {
        return failure("BackoffLimitExceeded", LIMIT_EXCEEDED);
    }
    if let (Some(seconds), Some(started)) = (job.at("spec/activeDeadlineSeconds").as_i64(), started(look))
        && !is_suspended(&job)
    {
        if world.sim.wall().as_second() >= started + seconds {
            return failure("DeadlineExceeded", "Job was active longer than specified deadline");
        }
        world.look_at_second(key_of(&job), started + seconds);
    }
    if limit_per_index(&job).is_some() {
        let lost = count(look.lost.len());
        if job.at("spec/maxFailedIndexes").as_i64().is_some_and(|most| lost > most) {
            let message = "Job has exceeded the specified maximal number of failed indexes";
            return failure("MaxFailedIndexesExceeded", message);
        }
        if lost > 0 && lost + count(look.done.len()) >= completions(&job).unwrap_or(0) {
            return failure("FailedIndexes", "Job has failed indexes");
        }
    }
    None
}

/// The second in which a Job began.
fn started(look: &Look) -> Option<i64> {
    let time: jiff::Timestamp = look.status.get("startTime")?.as_str()?.parse().ok()?;
    Some(time.as_second())
}

/// Whether containers that are restarted in their pods have used up the limit.
fn restarts_exceed(look: &Look, limit: i64) -> bool {
    if look.job.text("spec/template/spec/restartPolicy") != "OnFailure" {
        return false;
    }
    let running = look.pods.iter().filter(|pod| matches!(phase(pod), "Running" | "Pending"));
    let restarts: i64 = running
        .filter_map(|pod| pod.status.as_ref())
        .flat_map(|status| [&status.init_container_statuses, &status.container_statuses])
        .flat_map(|statuses| statuses.iter().flatten())
        .map(|status| i64::from(status.restart_count))
        .sum();
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}

fn suspend_or_resume(world: &mut World, look: &mut Look) -> bool {
    if is_suspended(&look.job) {
        let condition = world.job_condition("Suspended", "True", "JobSuspended", "Job suspended");
        if !ensure(&mut look.conditions, condition) {
            return false;
        }
        look.status.remove("startTime");
        world.event(&look.job, EventType::Normal, "Suspended", "Job suspended");
        return true;
    }
    let condition = world.job_condition("Suspended", "False", "JobResumed", "Job resumed");
    if !ensure(&mut look.conditions, condition) {
        return false;
    }
    look.status.insert("startTime".into(), world.now_text());
    world.event(&look.job, EventType::Normal, "Resumed", "Job resumed");
    if let Some(seconds) = look.job.at("spec/activeDeadlineSeconds").as_i64() {
        world.look_after(key_of(&look.job), Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
    }
    true
}

/// Deletes a Job that has ended, if it says after how long.
async fn expire(world: &mut World, job: &Rc<Other>, ended: i64) -> Result<()> {
    let Some(seconds) = job.at("spec/ttlSecondsAfterFinished").as_i64() else { return Ok(()) };
    if is_deleted(job) {
        return Ok(());
    }
    if world.sim.wall().as_second() < ended + seconds {
        world.look_at_second(key_of(job), ended + seconds);
        return Ok(());
    }
    let options = DeleteOptions {
        precondition_uid: job.metadata.uid.clone(),
        propagation_policy: Some("Foreground".into()),
        ..DeleteOptions::default()
    };
    let (_, namespace, name) = key_of(job);
    match world.client.delete(Kind::Job, &namespace, &name, options).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}
