//! Which pods a Job makes and deletes.

use std::{collections::BTreeSet, rc::Rc};

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector};

use super::{
    INDEX, INDEX_FAILURES, Look, TRACKING, backoff, completions, count, indexes, is_failed, is_indexed, is_suspended,
    is_tracked, limit_per_index, policy, replaces_failed_only,
};
use crate::{
    api::{Container, Pod, PodSpec, Resource, Result, other::Other},
    controllers::workloads::{
        World, key_of, name_of, number,
        pods::{Template, deleted_first},
    },
};

/// How many pods are made or deleted in one go.
const BURST: usize = 500;

/// Deletes pods; returns how many.
pub async fn delete(world: &mut World, job: &Rc<Other>, pods: &[Rc<Pod>]) -> Result<i64> {
    for pod in pods {
        world.delete_pod(job, pod).await?;
    }
    Ok(count(pods.len()))
}

/// Deletes pods that aren't to count as failed: they are let go first.
async fn withdraw(world: &mut World, look: &mut Look, pods: &[Rc<Pod>]) -> Result<i64> {
    for pod in pods.iter().filter(|pod| is_tracked(pod)) {
        super::track::untrack(world, pod).await?;
    }
    look.pods.retain(|pod| pods.iter().all(|gone| gone.uid() != pod.uid()));
    let deleted = delete(world, &look.job, pods).await?;
    look.terminating += deleted;
    Ok(deleted)
}

/// Makes or deletes pods; returns how many are active then.
pub async fn manage(world: &mut World, look: &mut Look) -> Result<i64> {
    let job = look.job.clone();
    let active = count(look.active.len());
    if is_suspended(&job) {
        let active_pods = look.active.clone();
        let deleted = withdraw(world, look, &active_pods).await?;
        return Ok(active - deleted);
    }
    let parallelism = number(&job, "spec/parallelism", 1);
    let wanted = match completions(&job) {
        // Once one has succeeded, those that run are the last.
        None if look.succeeded > 0 => active,
        None => parallelism,
        Some(completions) => {
            let failed = if limit_per_index(&job).is_some() { count(look.lost.len()) } else { 0 };
            (completions - look.succeeded - failed).clamp(0, parallelism)
        }
    };
    let surplus = to_delete(world, look, usize::try_from(active - wanted).unwrap_or(0));
    if !surplus.is_empty() {
        let deleted = withdraw(world, look, &surplus).await?;
        return Ok(active - deleted);
    }
    let leaving = if replaces_failed_only(&job) { look.terminating } else { 0 };
    let missing = usize::try_from(wanted - leaving - active).unwrap_or(0).min(BURST);
    if missing == 0 {
        return Ok(active);
    }
    let now = world.sim.wall();
    if limit_per_index(&job).is_none()
        && let Some(until) = look.backoff.until()
        && now.as_nanosecond() < i128::from(until) * 1_000_000_000
    {
        world.look_at_second(key_of(&job), until);
        return Ok(active);
    }
    let made = match is_indexed(&job) {
        true => make_indexed(world, look, missing).await?,
        false => {
            let template = tracked(Template::of(&job)?);
            world.create_pods(&job, missing, |_| template.pod(&job)).await?;
            missing
        }
    };
    Ok(active + count(made))
}

fn tracked(mut template: Template) -> Template {
    let finalizers = template.metadata.finalizers.get_or_insert_default();
    if !finalizers.iter().any(|finalizer| finalizer == TRACKING) {
        finalizers.push(TRACKING.into());
    }
    template
}

/// Pods whose index another one has already, or that are more than wanted.
fn to_delete(world: &World, look: &Look, surplus: usize) -> Vec<Rc<Pod>> {
    let now = world.sim.wall().as_second();
    let mut pods: Vec<&Rc<Pod>> = look.active.iter().collect();
    pods.sort_by(|a, b| deleted_first((a, 0), (b, 0), now));
    let mut chosen = Vec::new();
    if is_indexed(&look.job) {
        let mut seen = BTreeSet::new();
        let most = completions(&look.job).unwrap_or(0);
        // Of two the older one stays.
        for pod in pods.iter().rev() {
            let valid =
                indexes::of(pod).is_some_and(|index| index < most && !look.done.contains(index) && seen.insert(index));
            if !valid {
                chosen.push(Rc::clone(pod));
            }
        }
    }
    for pod in pods {
        if chosen.len() < surplus.min(BURST) && !chosen.iter().any(|other| other.uid() == pod.uid()) {
            chosen.push(pod.clone());
        }
    }
    chosen
}

/// Makes pods for the first indexes that have none. Returns how many.
async fn make_indexed(world: &mut World, look: &Look, missing: usize) -> Result<usize> {
    let job = look.job.clone();
    let most = completions(&job).unwrap_or(0);
    let leaving = |pod: &&Rc<Pod>| {
        replaces_failed_only(&job) && pod.metadata.deletion_timestamp.is_some() && !is_failed(&job, pod)
    };
    let mut taken: BTreeSet<i64> = look.active.iter().filter_map(|pod| indexes::of(pod)).collect();
    taken.extend(look.pods.iter().filter(leaving).filter_map(|pod| indexes::of(pod)));
    let (mut wanted, mut next) = (Vec::new(), None::<i64>);
    let now = world.sim.wall().as_second();
    for index in
        (0..most).filter(|index| !taken.contains(index) && !look.done.contains(*index) && !look.lost.contains(*index))
    {
        if wanted.len() == missing {
            break;
        }
        let mut failures = None;
        if limit_per_index(&job).is_some() {
            let last = last_failed(look, index);
            failures = Some(last.map_or(0, |pod| policy::failures_before(pod) + i64::from(policy::counts(&job, pod))));
            if let Some(pod) = last {
                let times = u32::try_from(policy::failures_before(pod) + 1).unwrap_or(u32::MAX);
                let until = backoff::ended(pod).unwrap_or(0) + backoff::wait(times);
                if now < until {
                    next = Some(next.map_or(until, |next| next.min(until)));
                    continue;
                }
            }
        }
        wanted.push((index, failures));
    }
    let mut template = tracked(Template::of(&job)?);
    let spec: &mut PodSpec = &mut template.spec;
    let containers = spec.init_containers.iter_mut().flatten().chain(&mut spec.containers);
    containers.for_each(tell_index);
    let make = |at: usize| {
        let mut pod = template.pod(&job);
        if let Some((index, failures)) = wanted.get(at) {
            pod.metadata.generate_name = Some(format!("{}-{index}-", name_of(&job)));
            let annotations = pod.metadata.annotations.get_or_insert_default();
            annotations.insert(INDEX.into(), index.to_string());
            if let Some(failures) = failures {
                annotations.insert(INDEX_FAILURES.into(), failures.to_string());
            }
            pod.metadata.labels.get_or_insert_default().insert(INDEX.into(), index.to_string());
            if let Some(spec) = &mut pod.spec {
                spec.hostname = Some(format!("{}-{index}", name_of(&job)));
            }
        }
        pod
    };
    world.create_pods(&job, wanted.len(), make).await?;
    if let Some(next) = next {
        world.look_at_second(key_of(&job), next);
    }
    Ok(wanted.len())
}

/// Of an index's pods that failed the last one.
pub fn last_failed(look: &Look, index: i64) -> Option<&Rc<Pod>> {
    let failed = look.pods.iter().filter(|pod| is_tracked(pod) && is_failed(&look.job, pod));
    failed.filter(|pod| indexes::of(pod) == Some(index)).max_by_key(|pod| policy::failures_before(pod))
}

/// A container is told its index by a variable.
fn tell_index(container: &mut Container) {
    const NAME: &str = "JOB_COMPLETION_INDEX";
    let env = container.env.get_or_insert_default();
    if env.iter().any(|variable| variable.name == NAME) {
        return;
    }
    env.push(EnvVar {
        name: NAME.into(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: None,
                field_path: format!("metadata.labels['{INDEX}']"),
            }),
            ..EnvVarSource::default()
        }),
    });
}
