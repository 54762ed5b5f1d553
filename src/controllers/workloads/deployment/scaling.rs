//! How large each ReplicaSet of a Deployment is to be.

use std::{cmp::Reverse, rc::Rc};

use serde_json::Value;

use super::{
    DESIRED, MAX, Rollout, active, annotation, created, is_rolling, max_surge, max_unavailable, name_of, number,
    replicas, revision, total, wanted,
};
use crate::{
    api::{Result, client::Subresource, other::Other},
    apiserver::events::EventType,
    controllers::workloads::World,
};

/// Gives a set a size, and tells of it. Whether the size was another one.
pub async fn resize(world: &mut World, rollout: &mut Rollout, set: &Rc<Other>, count: i64) -> Result<bool> {
    if replicas(set) == count {
        return Ok(false);
    }
    write_size(world, rollout, set, count).await
}

/// Gives a set a size and the annotations that tell of the Deployment's.
async fn write_size(world: &mut World, rollout: &mut Rollout, set: &Rc<Other>, count: i64) -> Result<bool> {
    let before = replicas(set);
    let mut changed = Other::clone(set);
    if let Some(Value::Object(spec)) = changed.content.get_mut("spec") {
        spec.insert("replicas".into(), count.into());
    }
    revision::size(changed.metadata.annotations.get_or_insert_default(), &rollout.deployment);
    if changed == **set {
        return Ok(false);
    }
    let written = world.write(changed, Subresource::None).await?;
    if before != count {
        let way = if before < count { "up" } else { "down" };
        let text = format!("Scaled {way} replica set {} from {before} to {count}", name_of(set));
        world.event(&rollout.deployment, EventType::Normal, "ScalingReplicaSet", text);
    }
    rollout.put(written);
    Ok(before != count)
}

/// The size that the new set, now `current`, may have.
pub fn size_of_new(rollout: &Rollout, current: i64) -> i64 {
    let count = replicas(&rollout.deployment);
    if !is_rolling(&rollout.deployment) {
        return count;
    }
    let most = count + max_surge(&rollout.deployment);
    let now = wanted(&rollout.old) + current;
    if now >= most { current } else { current + (most - now).min(count - current) }
}

pub async fn grow_new(world: &mut World, rollout: &mut Rollout) -> Result<bool> {
    let Some(new) = rollout.new.clone() else { return Ok(false) };
    let (current, count) = (replicas(&new), replicas(&rollout.deployment));
    if current == count {
        return Ok(false);
    }
    let size = if current > count { count } else { size_of_new(rollout, current) };
    resize(world, rollout, &new, size).await
}

pub async fn shrink_old(world: &mut World, rollout: &mut Rollout) -> Result<bool> {
    let least = replicas(&rollout.deployment) - max_unavailable(&rollout.deployment);
    let unavailable_new: i64 =
        rollout.new.iter().map(|new| replicas(new) - number(new, "status/availableReplicas", 0)).sum();
    let mut spare = wanted(rollout.all()) - least - unavailable_new;
    if wanted(&rollout.old) == 0 || spare <= 0 {
        return Ok(false);
    }
    let mut scaled = false;
    // Pods that aren't available are no loss.
    for set in active(&rollout.old) {
        let unavailable = replicas(&set) - number(&set, "status/availableReplicas", 0);
        let fewer = unavailable.min(spare);
        if fewer > 0 {
            scaled |= resize(world, rollout, &set, replicas(&set) - fewer).await?;
            spare -= fewer;
        }
    }
    let mut spare = total(rollout.all(), "availableReplicas") - least;
    for set in active(&rollout.old) {
        let fewer = replicas(&set).min(spare);
        if fewer > 0 {
            scaled |= resize(world, rollout, &set, replicas(&set) - fewer).await?;
            spare -= fewer;
        }
    }
    Ok(scaled)
}

/// Brings the sets to a new size of the Deployment without rolling on: in the midst of a rollout each gets its share.
pub async fn scale(world: &mut World, rollout: &mut Rollout) -> Result<()> {
    let deployment = rollout.deployment.clone();
    let count = replicas(&deployment);
    if let Some(only) = active_or_latest(rollout) {
        if replicas(&only) != count {
            resize(world, rollout, &only, count).await?;
        }
        return Ok(());
    }
    if rollout.new.as_ref().is_some_and(|new| is_saturated(&deployment, new)) {
        for set in active(&rollout.old) {
            resize(world, rollout, &set, 0).await?;
        }
        return Ok(());
    }
    if !is_rolling(&deployment) {
        return Ok(());
    }
    let mut sets = active(rollout.all());
    let most = if count > 0 { count + max_surge(&deployment) } else { 0 };
    let more = most - wanted(&sets);
    // The largest first; of equals the newest when there are more to be, the oldest when there are fewer.
    sets.sort_by(|a, b| {
        let age = created(a).cmp(&created(b));
        Reverse(replicas(a)).cmp(&Reverse(replicas(b))).then(if more > 0 { age.reverse() } else { age })
    });
    let mut added = 0;
    let mut sizes: Vec<i64> = Vec::new();
    for set in &sets {
        let share = if more == 0 { 0 } else { share(set, &deployment, more, added) };
        added += share;
        sizes.push(replicas(set) + share);
    }
    if let Some(first) = sizes.first_mut() {
        *first = (*first + more - added).max(0);
    }
    for (set, size) in sets.iter().zip(sizes) {
        write_size(world, rollout, set, size).await?;
    }
    Ok(())
}

/// The only set that asks for pods, or the newest if none does; `None` if several do.
fn active_or_latest(rollout: &Rollout) -> Option<Rc<Other>> {
    let sets = active(rollout.all());
    match &sets[..] {
        [] => rollout.new.clone().or_else(|| rollout.old.last().cloned()),
        [only] => Some(only.clone()),
        _ => None,
    }
}

fn is_saturated(deployment: &Other, new: &Other) -> bool {
    let count = replicas(deployment);
    let desired = annotation(new, DESIRED).and_then(|text| text.parse().ok());
    replicas(new) == count && desired == Some(count) && number(new, "status/availableReplicas", 0) == count
}

/// How many of `more` pods, of which `added` are given out, a set gets by its size.
fn share(set: &Other, deployment: &Other, more: i64, added: i64) -> i64 {
    let (size, left) = (replicas(set), more - added);
    if size == 0 || left == 0 {
        return 0;
    }
    let count = replicas(deployment);
    let fraction = if count == 0 {
        -size
    } else {
        let before = annotation(set, MAX).and_then(|text| text.parse().ok()).filter(|before| *before > 0);
        let before: i64 = before.unwrap_or_else(|| number(deployment, "status/replicas", 0)).max(1);
        let most = count + max_surge(deployment);
        // Rounded to the nearest.
        (2 * size * most + before).div_euclid(2 * before) - size
    };
    if more > 0 { fraction.min(left) } else { fraction.max(left) }
}
