//! Rolls a Deployment out by ReplicaSets, one for each template. Source: pkg/controller/deployment.

mod revision;
mod scaling;
mod status;

use std::rc::Rc;

use serde_json::Value;

use self::revision::sync_revision;
use super::{
    World, annotation, controller_of, is_deleted, key_of, name_of, namespace_of, number, owner_reference, pods,
    selector_of, uid_of,
};
use crate::api::{Kind, Object, Result, client::Subresource, other::Other};

const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";

type Sets = Vec<Rc<Other>>;

/// A Deployment with its ReplicaSets.
struct Rollout {
    deployment: Rc<Other>,
    /// The set of the present template.
    new: Option<Rc<Other>>,
    old: Sets,
}

impl Rollout {
    fn all(&self) -> impl Iterator<Item = &Rc<Other>> {
        self.old.iter().chain(&self.new)
    }

    /// Puts a set that was written in its place.
    fn put(&mut self, set: Rc<Other>) {
        let slot = self.old.iter_mut().chain(&mut self.new).find(|other| uid_of(other) == uid_of(&set));
        if let Some(slot) = slot {
            *slot = set;
        }
    }
}

/// How many pods are asked for.
fn replicas(object: &Other) -> i64 {
    number(object, "spec/replicas", 1)
}

fn wanted<'a>(sets: impl IntoIterator<Item = &'a Rc<Other>>) -> i64 {
    sets.into_iter().map(|set| replicas(set)).sum()
}

/// The sum of a number in sets' statuses.
fn total<'a>(sets: impl IntoIterator<Item = &'a Rc<Other>>, key: &str) -> i64 {
    sets.into_iter().map(|set| set.at("status").get(key).and_then(Value::as_i64).unwrap_or(0)).sum()
}

/// The sets that ask for pods.
fn active<'a>(sets: impl IntoIterator<Item = &'a Rc<Other>>) -> Sets {
    sets.into_iter().filter(|set| replicas(set) > 0).cloned().collect()
}

fn created(set: &Other) -> (i64, &str) {
    (set.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second()), name_of(set))
}

fn is_paused(deployment: &Other) -> bool {
    deployment.at("spec/paused").as_bool() == Some(true)
}

fn is_rolling(deployment: &Other) -> bool {
    deployment.text("spec/strategy/type") == "RollingUpdate"
}

/// `25%` of `of`, or a number.
pub fn scaled(value: &Value, of: i64, up: bool) -> i64 {
    let Some(text) = value.as_str() else { return value.as_i64().unwrap_or(0) };
    let percent: i64 = text.strip_suffix('%').and_then(|text| text.parse().ok()).unwrap_or(0);
    if up { (percent * of + 99).div_euclid(100) } else { (percent * of).div_euclid(100) }
}

fn max_surge(deployment: &Other) -> i64 {
    match is_rolling(deployment) {
        true => scaled(deployment.at("spec/strategy/rollingUpdate/maxSurge"), replicas(deployment), true),
        false => 0,
    }
}

fn max_unavailable(deployment: &Other) -> i64 {
    let count = replicas(deployment);
    if !is_rolling(deployment) || count == 0 {
        return 0;
    }
    let most = scaled(deployment.at("spec/strategy/rollingUpdate/maxUnavailable"), count, false);
    // Where percentages come to nothing the rollout could not go on.
    let most = if most == 0 && max_surge(deployment) == 0 { 1 } else { most };
    most.min(count)
}

pub async fn sync(world: &mut World, deployment: &Rc<Other>) -> Result<()> {
    if deployment.at("spec/selector").as_object().is_none_or(serde_json::Map::is_empty) {
        let text = "This deployment is selecting all pods. A non-empty selector is required.";
        world.event(deployment, crate::apiserver::events::EventType::Warning, "SelectingAll", text);
        return Ok(());
    }
    let sets = claim(world, deployment).await?;
    let mut rollout = Rollout { deployment: deployment.clone(), new: None, old: sets };
    if is_deleted(deployment) {
        sync_revision(world, &mut rollout, false).await?;
        return status::sync(world, &rollout).await;
    }
    status::check_paused(world, &mut rollout).await?;
    if is_paused(deployment) {
        sync_revision(world, &mut rollout, false).await?;
        scaling::scale(world, &mut rollout).await?;
        revision::clean_up(world, &rollout).await?;
        return status::sync(world, &rollout).await;
    }
    let current = revision::find_new(&rollout.deployment, &rollout.old).cloned();
    let resized = |set: &Rc<Other>| {
        let desired = annotation(set, DESIRED).and_then(|text| text.parse::<i64>().ok());
        desired.is_some_and(|desired| desired != replicas(deployment))
    };
    let is_alive = |set: &&Rc<Other>| replicas(set) > 0;
    let is_old_or_new = |set: &&Rc<Other>| {
        is_alive(set) || current.as_ref().is_some_and(|new| uid_of(new) == uid_of(set) && is_alive(&new))
    };
    if rollout.old.iter().filter(is_old_or_new).any(resized) {
        sync_revision(world, &mut rollout, false).await?;
        scaling::scale(world, &mut rollout).await?;
        return status::sync(world, &rollout).await;
    }
    match is_rolling(deployment) {
        true => roll(world, rollout).await,
        false => recreate(world, rollout).await,
    }
}

/// The ReplicaSets of a Deployment, oldest first: its own, and those of nobody that it selects.
async fn claim(world: &mut World, deployment: &Rc<Other>) -> Result<Sets> {
    let selector = selector_of(deployment);
    let (mut claimed, mut lost, mut orphans) = (Vec::new(), Vec::new(), Vec::new());
    for set in world.of_kind(Kind::ReplicaSet, namespace_of(deployment)) {
        let selected = selector.matches(set.metadata.labels.as_ref());
        match controller_of(&set.metadata) {
            Some(owner) if owner.uid == uid_of(deployment) => {
                if selected {
                    claimed.push(set.clone())
                } else {
                    lost.push(set.clone())
                }
            }
            None if selected && !is_deleted(set) => orphans.push(set.clone()),
            _ => {}
        }
    }
    if !is_deleted(deployment) {
        for set in lost {
            let mut changed = Other::clone(&set);
            changed.metadata.owner_references.get_or_insert_default().retain(|owner| owner.uid != uid_of(deployment));
            world.write(changed, Subresource::None).await?;
        }
        for set in orphans {
            let mut changed = Other::clone(&set);
            changed.metadata.owner_references.get_or_insert_default().push(owner_reference(deployment));
            claimed.push(world.write(changed, Subresource::None).await?);
        }
    }
    claimed.sort_by(|a, b| created(a).cmp(&created(b)));
    Ok(claimed)
}

async fn roll(world: &mut World, mut rollout: Rollout) -> Result<()> {
    sync_revision(world, &mut rollout, true).await?;
    let scaled = scaling::grow_new(world, &mut rollout).await? || scaling::shrink_old(world, &mut rollout).await?;
    if !scaled && status::is_complete(&rollout.deployment, rollout.deployment.at("status")) {
        revision::clean_up(world, &rollout).await?;
    }
    status::sync_rollout(world, &rollout).await
}

async fn recreate(world: &mut World, mut rollout: Rollout) -> Result<()> {
    sync_revision(world, &mut rollout, false).await?;
    let mut scaled = false;
    for set in active(&rollout.old) {
        scaled |= scaling::resize(world, &mut rollout, &set, 0).await?;
    }
    if scaled || old_pods_run(world, &rollout) {
        return status::sync_rollout(world, &rollout).await;
    }
    if rollout.new.is_none() {
        sync_revision(world, &mut rollout, true).await?;
    }
    if let Some(new) = rollout.new.clone() {
        let count = replicas(&rollout.deployment);
        scaling::resize(world, &mut rollout, &new, count).await?;
    }
    if status::is_complete(&rollout.deployment, rollout.deployment.at("status")) {
        revision::clean_up(world, &rollout).await?;
    }
    status::sync_rollout(world, &rollout).await
}

/// Whether a pod of another template has not ended yet.
fn old_pods_run(world: &World, rollout: &Rollout) -> bool {
    let runs =
        |set: &Rc<Other>| world.pods.of(uid_of(set)).any(|pod| !matches!(pods::phase(pod), "Succeeded" | "Failed"));
    total(&rollout.old, "replicas") > 0 || rollout.old.iter().any(runs)
}

/// The key of the Deployment of a pod's or set's controller, to be looked at when the set or its pods change.
pub fn of_set(world: &World, set: &Other) -> Option<super::Key> {
    let owner = controller_of(&set.metadata)?;
    world.owner(namespace_of(set), owner).filter(|object| object.kind == Kind::Deployment).map(|object| key_of(object))
}

/// Deletes a set.
async fn delete(world: &mut World, set: &Other) -> Result<()> {
    let options = crate::api::client::DeleteOptions::default();
    match world.client.delete(Kind::ReplicaSet, namespace_of(set), name_of(set), options).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// A new ReplicaSet; `Ok(None)` if there is one of that name already.
async fn create(world: &mut World, set: Other) -> Result<Option<Rc<Other>>> {
    let namespace = namespace_of(&set).to_string();
    match world.create(Kind::ReplicaSet, &namespace, Object::Other(Rc::new(set))).await {
        Ok(Object::Other(set)) => Ok(Some(set)),
        Ok(_) => Ok(None),
        Err(error) if error.is_already_exists() => Ok(None),
        Err(error) => Err(error),
    }
}
