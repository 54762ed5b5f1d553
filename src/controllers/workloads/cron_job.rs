//! Makes Jobs by the clock. Source: pkg/controller/cronjob.

use std::{rc::Rc, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    World, controller_of, is_deleted, job::finished, key_of, name_of, namespace_of, owner_reference, status::text,
    uid_of,
};
use crate::{
    api::{Kind, Object, Result, client::DeleteOptions, cron::Schedule, other::Other, zones},
    apiserver::events::EventType,
};

/// How long after its time a Job is made.
const DELAY: Duration = Duration::from_millis(100);
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// So many missed times are worth a warning.
const MANY: i64 = 100;

fn second(value: &Value) -> Option<i64> {
    value.as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

fn time_text(second: i64) -> String {
    Timestamp::from_second(second).map(|time| time.to_string()).unwrap_or_default()
}

pub async fn sync(world: &mut World, cron: &Rc<Other>) -> Result<()> {
    let mine = |job: &&Rc<Other>| controller_of(&job.metadata).is_some_and(|owner| owner.uid == uid_of(cron));
    let jobs: Vec<Rc<Other>> = world.of_kind(Kind::Job, namespace_of(cron)).filter(mine).cloned().collect();
    let mut status = cron.at("status").as_object().cloned().unwrap_or_default();
    let mut active = status.get("active").and_then(Value::as_array).cloned().unwrap_or_default();
    see(world, cron, &jobs, &mut status, &mut active);
    let started = match is_deleted(cron) {
        true => Ok(()),
        false => start(world, cron, &jobs, &mut status, &mut active).await,
    };
    clean_up(world, cron, &jobs, &mut active).await?;
    match active.is_empty() {
        true => drop(status.remove("active")),
        false => drop(status.insert("active".into(), active.into())),
    }
    world.write_status(cron, Value::Object(status)).await?;
    started
}

/// What has become of the Jobs.
fn see(
    world: &mut World,
    cron: &Rc<Other>,
    jobs: &[Rc<Other>],
    status: &mut Map<String, Value>,
    active: &mut Vec<Value>,
) {
    for job in jobs {
        let known = active.iter().position(|reference| reference["uid"] == uid_of(job));
        match (known, finished(job)) {
            (None, None) => {
                let message = format!("Saw a job that the controller did not create or forgot: {}", name_of(job));
                world.event(cron, EventType::Warning, "UnexpectedJob", message);
            }
            (Some(at), Some(end)) => {
                active.remove(at);
                let message = format!("Saw completed job: {}, condition: {}", name_of(job), text(end, "type"));
                world.event(cron, EventType::Normal, "SawCompletedJob", message);
            }
            (None, Some(end)) if text(end, "type") == "Complete" => {
                let (done, last) = (job.at("status/completionTime"), status.get("lastSuccessfulTime"));
                if second(done) > last.and_then(second) {
                    status.insert("lastSuccessfulTime".into(), done.clone());
                }
            }
            _ => {}
        }
    }
    let mut missing = Vec::new();
    active.retain(|reference| {
        let there = jobs.iter().any(|job| reference["uid"] == uid_of(job));
        if !there {
            missing.push(text(reference, "name").to_string());
        }
        there
    });
    for name in missing {
        world.event(cron, EventType::Normal, "MissingJob", format!("Active job went missing: {name}"));
    }
}

/// Makes a Job if it is time, and sees when it will be next.
async fn start(
    world: &mut World,
    cron: &Rc<Other>,
    jobs: &[Rc<Other>],
    status: &mut Map<String, Value>,
    active: &mut Vec<Value>,
) -> Result<()> {
    let zone = cron.text("spec/timeZone");
    let Some(zone) = zones::find(zone) else {
        let message = format!("invalid timeZone: {zone:?}: unknown time zone {zone}");
        world.event(cron, EventType::Warning, "UnknownTimeZone", message);
        return Ok(());
    };
    if cron.at("spec/suspend").as_bool() == Some(true) {
        return Ok(());
    }
    let written = cron.text("spec/schedule");
    let schedule = match Schedule::parse(written) {
        Ok(schedule) => schedule,
        Err(why) => {
            let message = format!("unparseable schedule: {written:?} : {why}");
            world.event(cron, EventType::Warning, "UnparseableSchedule", message);
            return Ok(());
        }
    };
    let now = world.sim.wall().as_second();
    let deadline = cron.at("spec/startingDeadlineSeconds").as_i64();
    let created = cron.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
    let last = status.get("lastScheduleTime").and_then(second);
    let mut earliest = last.unwrap_or(created);
    if let Some(seconds) = deadline {
        earliest = earliest.max(now - seconds);
    }
    let Some((due, next)) = around(world, cron, &|second| schedule.next(second, &zone), earliest, now) else {
        return Ok(());
    };
    if let Some(next) = next {
        let wait = i128::from(next) * 1_000_000_000 - world.sim.wall().as_nanosecond();
        world.look_after(key_of(cron), Duration::from_nanos(u64::try_from(wait).unwrap_or(0)) + DELAY);
    }
    let Some(due) = due else { return Ok(()) };
    if deadline.is_some_and(|seconds| due + seconds < now) {
        let message = format!("Missed scheduled time to start a job: {}", rfc1123(due));
        world.event(cron, EventType::Warning, "MissSchedule", message);
        return Ok(());
    }
    let name = format!("{}-{}", name_of(cron), due / 60);
    if last == Some(due) || active.iter().any(|reference| reference["name"] == name.as_str()) {
        return Ok(());
    }
    match cron.text("spec/concurrencyPolicy") {
        "Forbid" if !active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            world.event(cron, EventType::Normal, "JobAlreadyActive", message);
            return Ok(());
        }
        "Replace" => {
            for job in jobs.iter().filter(|job| active.iter().any(|reference| reference["uid"] == uid_of(job))) {
                delete(world, cron, job).await?;
            }
            active.clear();
        }
        _ => {}
    }
    let Some(job) = make(cron, &name, &zone.rfc3339(due)) else { return Ok(()) };
    let made = match world.create(Kind::Job, namespace_of(cron), Object::Other(Rc::new(job))).await {
        Ok(Object::Other(made)) => made,
        Err(error) if !error.is_already_exists() => {
            world.event(cron, EventType::Warning, "FailedCreate", format!("Error creating job: {}", error.message));
            return Err(error);
        }
        _ => return Ok(()),
    };
    world.event(cron, EventType::Normal, "SuccessfulCreate", format!("Created job {name}"));
    active.push(json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": name,
        "namespace": namespace_of(cron),
        "resourceVersion": made.metadata.resource_version,
        "uid": uid_of(&made),
    }));
    status.insert("lastScheduleTime".into(), time_text(due).into());
    Ok(())
}

/// The last time of a schedule since `earliest` and up to `now`, and the next after `now`.
fn around(
    world: &mut World,
    cron: &Rc<Other>,
    next: &dyn Fn(i64) -> Option<i64>,
    earliest: i64,
    now: i64,
) -> Option<(Option<i64>, Option<i64>)> {
    let first = next(earliest)?;
    if first > now {
        return Some((None, Some(first)));
    }
    let second = next(first)?;
    let apart = (second - first).max(1);
    let missed = (now - first) / apart + 1;
    if missed > MANY {
        let message = format!(
            "too many missed start times: {missed}. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        );
        world.event(cron, EventType::Warning, "TooManyMissedTimes", message);
    }
    // Irregular schedules are walked through from shortly before.
    let mut due =
        if missed > MANY { next(now - 2 * apart).filter(|time| *time <= now).unwrap_or(first) } else { first };
    loop {
        match next(due) {
            Some(later) if later <= now => due = later,
            later => return Some((Some(due), later)),
        }
    }
}

/// `Mon, 23 Nov 2026 08:40:00 +0000`
fn rfc1123(second: i64) -> String {
    let time = Timestamp::from_second(second).unwrap_or_default();
    time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

fn make(cron: &Other, name: &str, due: &str) -> Option<Other> {
    let template = cron.at("spec/jobTemplate");
    let mut metadata = json!({
        "name": name,
        "namespace": namespace_of(cron),
        "ownerReferences": [owner_reference(cron)],
    });
    for key in ["labels", "annotations"] {
        if let Some(Value::Object(given)) = template["metadata"].get(key) {
            metadata[key] = Value::Object(given.clone());
        }
    }
    metadata["annotations"][SCHEDULED] = due.into();
    Other::read(Kind::Job, json!({"metadata": metadata, "spec": template["spec"]})).ok()
}

async fn delete(world: &mut World, cron: &Rc<Other>, job: &Other) -> Result<()> {
    let options = DeleteOptions { propagation_policy: Some("Background".into()), ..DeleteOptions::default() };
    match world.client.delete(Kind::Job, namespace_of(job), name_of(job), options).await {
        Err(error) if !error.is_not_found() => {
            world.event(cron, EventType::Warning, "FailedDelete", format!("Deleted job: {}", error.message));
            Err(error)
        }
        _ => {
            world.event(cron, EventType::Normal, "SuccessfulDelete", format!("Deleted job {}", name_of(job)));
            Ok(())
        }
    }
}

/// Deletes the oldest ended Jobs beyond the limits.
async fn clean_up(world: &mut World, cron: &Rc<Other>, jobs: &[Rc<Other>], active: &mut Vec<Value>) -> Result<()> {
    for (condition, limit) in
        [("Failed", "spec/failedJobsHistoryLimit"), ("Complete", "spec/successfulJobsHistoryLimit")]
    {
        let Some(limit) = cron.at(limit).as_u64().and_then(|limit| usize::try_from(limit).ok()) else { continue };
        let ended =
            |job: &&Rc<Other>| finished(job).is_some_and(|end| text(end, "type") == condition) && !is_deleted(job);
        let mut ended: Vec<&Rc<Other>> = jobs.iter().filter(ended).collect();
        ended.sort_by_key(|job| (second(job.at("status/startTime")), name_of(job).to_string()));
        let surplus = ended.len().saturating_sub(limit);
        for job in &ended[..surplus] {
            delete(world, cron, job).await?;
            active.retain(|reference| reference["uid"] != uid_of(job));
        }
    }
    Ok(())
}
