//! Which ReplicaSet is the present template's, its making, and the numbers of revisions.

use std::{collections::BTreeMap, rc::Rc};

use serde_json::{Value, json};

use super::{
    DESIRED, MAX, REVISION, REVISION_HISTORY, Rollout, Sets, annotation, created, is_deleted, max_surge, name_of,
    namespace_of, number, replicas, scaling, status, uid_of,
};
use crate::{
    api::{
        Kind, Result,
        client::Subresource,
        other::Other,
        template_hash::{HASH_LABEL, template_hash},
    },
    apiserver::events::EventType,
    controllers::workloads::{World, owner_reference, status::Conditions},
};

/// Annotations of a Deployment that its sets don't get.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];
/// The longest text of earlier revisions.
const HISTORY_LENGTH: usize = 2000;

/// Whether two templates are the same but for the label that tells them apart.
fn same_template(a: &Value, b: &Value) -> bool {
    let bare = |template: &Value| {
        let mut template = template.clone();
        if let Some(Value::Object(labels)) = template.pointer_mut("/metadata/labels") {
            labels.remove(HASH_LABEL);
            if labels.is_empty() {
                template["metadata"] = json!({});
            }
        }
        template
    };
    a == b || bare(a) == bare(b)
}

/// The oldest set that has the Deployment's template. `sets` are sorted by age.
pub fn find_new<'a>(deployment: &Other, sets: &'a Sets) -> Option<&'a Rc<Other>> {
    sets.iter().find(|set| same_template(set.at("spec/template"), deployment.at("spec/template")))
}

fn revision(object: &Other) -> i64 {
    annotation(object, REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Parts the new set from the old ones, and makes it if `make` says so and there is none.
pub async fn sync_revision(world: &mut World, rollout: &mut Rollout, make: bool) -> Result<()> {
    rollout.old.extend(rollout.new.take());
    rollout.old.sort_by(|a, b| created(a).cmp(&created(b)));
    let found = find_new(&rollout.deployment, &rollout.old).cloned();
    if let Some(new) = &found {
        rollout.old.retain(|set| uid_of(set) != uid_of(new));
    }
    let next = rollout.old.iter().map(|set| revision(set)).max().unwrap_or(0) + 1;
    match found {
        Some(new) => keep(world, rollout, new, next).await,
        None if make => self::make(world, rollout, next).await,
        None => Ok(()),
    }
}

/// Brings an existing set's annotations up to date, and the Deployment's.
async fn keep(world: &mut World, rollout: &mut Rollout, new: Rc<Other>, next: i64) -> Result<()> {
    let deployment = rollout.deployment.clone();
    let mut changed = Other::clone(&new);
    annotate(&deployment, &mut changed, next, true);
    let min_ready = number(&deployment, "spec/minReadySeconds", 0);
    if number(&changed, "spec/minReadySeconds", 0) != min_ready
        && let Some(Value::Object(spec)) = changed.content.get_mut("spec")
    {
        match min_ready {
            0 => drop(spec.remove("minReadySeconds")),
            seconds => drop(spec.insert("minReadySeconds".into(), seconds.into())),
        }
    }
    if changed != *new {
        rollout.new = Some(world.write(changed, Subresource::None).await?);
        return Ok(());
    }
    let mut known = Other::clone(&deployment);
    let text = annotation(&new, REVISION).unwrap_or_default();
    known.metadata.annotations.get_or_insert_default().insert(REVISION.into(), text.into());
    let mut conditions = Conditions::of(&known);
    if status::deadline(&known).is_some() && conditions.get("Progressing").is_none() {
        let text = format!("Found new replica set \"{}\"", name_of(&new));
        conditions.set(status::condition(world, "Progressing", "True", "FoundNewReplicaSet", &text));
        status::put(&mut known, conditions);
    }
    if known != *deployment {
        rollout.deployment = world.write(known, Subresource::Status).await?;
    }
    rollout.new = Some(new);
    Ok(())
}

/// Makes the set of a new template.
async fn make(world: &mut World, rollout: &mut Rollout, next: i64) -> Result<()> {
    let deployment = rollout.deployment.clone();
    let collisions = deployment.at("status/collisionCount").as_i64().and_then(|count| u32::try_from(count).ok());
    let hash = template_hash(deployment.at("spec/template"), collisions);
    let name = format!("{}-{hash}", name_of(&deployment));
    let mut template = deployment.at("spec/template").clone();
    template["metadata"]["labels"][HASH_LABEL] = hash.as_str().into();
    let mut selector = deployment.at("spec/selector").clone();
    selector["matchLabels"][HASH_LABEL] = hash.as_str().into();
    let mut spec = json!({"replicas": 0, "selector": selector, "template": template});
    let min_ready = number(&deployment, "spec/minReadySeconds", 0);
    if min_ready != 0 {
        spec["minReadySeconds"] = min_ready.into();
    }
    let labels = spec["template"]["metadata"]["labels"].clone();
    let value = json!({
        "metadata": {
            "name": name,
            "namespace": namespace_of(&deployment),
            "labels": labels,
            "ownerReferences": [owner_reference(&deployment)],
        },
        "spec": spec,
    });
    let Ok(mut set) = Other::read(Kind::ReplicaSet, value) else { return Ok(()) };
    let count = scaling::size_of_new(rollout, 0);
    if let Some(Value::Object(spec)) = set.content.get_mut("spec") {
        spec.insert("replicas".into(), count.into());
    }
    annotate(&deployment, &mut set, next, false);
    let mut known = Other::clone(&deployment);
    let made = match super::create(world, set).await {
        Ok(made) => made,
        Err(error) => {
            let text = format!("Failed to create new replica set \"{name}\": {}", error.message);
            if status::deadline(&known).is_some() {
                let mut conditions = Conditions::of(&known);
                conditions.set(status::condition(world, "Progressing", "False", "ReplicaSetCreateError", &text));
                status::put(&mut known, conditions);
                world.write(known, Subresource::Status).await?;
            }
            world.event(&deployment, EventType::Warning, "ReplicaSetCreateError", text);
            return Err(error);
        }
    };
    let Some(set) = made else {
        // Another set has the name: the next attempt gives another hash.
        let count = collisions.unwrap_or(0) + 1;
        if let Value::Object(status) = known.content.entry("status").or_insert_with(|| json!({})) {
            status.insert("collisionCount".into(), count.into());
        }
        world.write(known, Subresource::Status).await?;
        return Err(crate::api::Error::already_exists(Kind::ReplicaSet, &name));
    };
    if count > 0 {
        let text = format!("Scaled up replica set {name} from 0 to {count}");
        world.event(&deployment, EventType::Normal, "ScalingReplicaSet", text);
    }
    known.metadata.annotations.get_or_insert_default().insert(REVISION.into(), next.to_string());
    if status::deadline(&known).is_some() {
        let mut conditions = Conditions::of(&known);
        let text = format!("Created new replica set \"{name}\"");
        conditions.set(status::condition(world, "Progressing", "True", "NewReplicaSetCreated", &text));
        status::put(&mut known, conditions);
    }
    rollout.new = Some(set);
    rollout.deployment = world.write(known, Subresource::Status).await?;
    Ok(())
}

/// A set's annotations: the Deployment's, the revision, and for a new set the sizes.
fn annotate(deployment: &Other, set: &mut Other, next: i64, exists: bool) {
    let before = revision(set);
    let had = annotation(set, REVISION).map(str::to_string);
    let annotations = set.metadata.annotations.get_or_insert_default();
    for (key, value) in deployment.metadata.annotations.iter().flatten() {
        if !OWN.contains(&key.as_str()) {
            annotations.insert(key.clone(), value.clone());
        }
    }
    if before < next {
        annotations.insert(REVISION.into(), next.to_string());
        if let Some(had) = had {
            let history = annotations.get(REVISION_HISTORY).filter(|text| !text.is_empty());
            let mut all = match history {
                Some(history) => format!("{history},{had}"),
                None => had,
            };
            while all.len() > HISTORY_LENGTH
                && let Some((_, rest)) = all.split_once(',')
            {
                all = rest.to_string();
            }
            annotations.insert(REVISION_HISTORY.into(), all);
        }
    }
    if !exists {
        size(annotations, deployment);
    }
}

/// How many pods the Deployment wants, and may have: what a later change of its size is measured by.
pub fn size(annotations: &mut BTreeMap<String, String>, deployment: &Other) {
    let count = replicas(deployment);
    annotations.insert(DESIRED.into(), count.to_string());
    annotations.insert(MAX.into(), (count + max_surge(deployment)).to_string());
}

/// Deletes old sets beyond the history's limit.
pub async fn clean_up(world: &mut World, rollout: &Rollout) -> Result<()> {
    let limit = number(&rollout.deployment, "spec/revisionHistoryLimit", 10);
    let Ok(limit) = usize::try_from(limit) else { return Ok(()) };
    let mut sets: Vec<&Rc<Other>> = rollout.old.iter().filter(|set| !is_deleted(set)).collect();
    let surplus = sets.len().saturating_sub(limit);
    sets.sort_by_key(|set| revision(set));
    for set in sets.into_iter().take(surplus) {
        let busy = number(set, "status/replicas", 0) != 0 || replicas(set) != 0;
        if !busy && set.metadata.generation.unwrap_or(0) <= number(set, "status/observedGeneration", 0) {
            super::delete(world, set).await?;
        }
    }
    Ok(())
}
