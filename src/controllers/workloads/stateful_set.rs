//! Runs the pods of a StatefulSet, each with its number, name and claims, one after the other. Source:
//! pkg/controller/statefulset.

use std::rc::Rc;

use k8s_openapi::api::core::v1::{self, PersistentVolumeClaimVolumeSource};
use serde_json::{Map, Value, json};

use super::{
    World, history, is_deleted, key_of, name_of, namespace_of, number, owner_reference,
    pods::{self, Template, is_ready, phase},
    status::count,
    uid_of,
};
use crate::{
    api::{
        Error, Kind, Object, Pod, PodSpec, Resource, Result, Volume,
        client::{Patch, Subresource, WriteOptions},
        other::Other,
    },
    apiserver::events::EventType,
    controllers::is_terminal,
};

/// A set with its revisions.
struct Look {
    set: Rc<Other>,
    current: Rc<Other>,
    update: Rc<Other>,
    pods: Vec<Rc<Pod>>,
    now: i64,
    min_ready: i64,
}

fn ordinal(set: &Other, pod: &Pod) -> Option<i64> {
    pod.name().strip_prefix(name_of(set))?.strip_prefix('-')?.parse().ok().filter(|ordinal| *ordinal >= 0)
}

fn replicas(set: &Other) -> i64 {
    number(set, "spec/replicas", 1)
}

fn start(set: &Other) -> i64 {
    number(set, "spec/ordinals/start", 0)
}

fn partition(set: &Other) -> Option<i64> {
    set.at("spec/updateStrategy/rollingUpdate")
        .is_object()
        .then(|| number(set, "spec/updateStrategy/rollingUpdate/partition", 0))
}

fn revision(pod: &Pod) -> &str {
    let labels = pod.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(history::REVISION_LABEL)).map(String::as_str).unwrap_or_default()
}

fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

fn runs(pod: &Pod) -> bool {
    phase(pod) == "Running" && is_ready(pod)
}

impl Look {
    fn is_available(&self, pod: &Pod) -> bool {
        phase(pod) == "Running" && pods::available_from(pod, self.min_ready).is_some_and(|from| from <= self.now)
    }
}

pub async fn sync(world: &mut World, set: &Rc<Other>) -> Result<()> {
    let claimed = world.claim_pods(set, |pod| ordinal(set, pod).is_some()).await?;
    let history = history::sync(world, set).await?;
    let named = |revision: &&Rc<Other>| name_of(revision) == set.text("status/currentRevision");
    let current = history.old.iter().find(named).unwrap_or(&history.current).clone();
    let mut pods = claimed;
    pods.sort_by_key(|pod| ordinal(set, pod));
    let look = Look {
        set: set.clone(),
        current,
        update: history.current.clone(),
        pods,
        now: world.sim.wall().as_second(),
        min_ready: number(set, "spec/minReadySeconds", 0),
    };
    let stepped = match is_deleted(set) {
        true => Ok(()),
        false => step(world, &look).await,
    };
    write_status(world, &look).await?;
    let live = |revision: &Other| {
        name_of(revision) == name_of(&look.current)
            || look.pods.iter().any(|pod| self::revision(pod) == name_of(revision))
    };
    history::clean_up(world, set, &history.old, live).await?;
    stepped
}

/// Pods that one step makes at most.
const AT_ONCE: u32 = 500;

/// One step towards what is wanted.
async fn step(world: &mut World, look: &Look) -> Result<()> {
    let set = &look.set;
    let in_turn = set.text("spec/podManagementPolicy") != "Parallel";
    let (first, last) = (start(set), start(set) + replicas(set));
    let of = |wanted: i64| look.pods.iter().find(|pod| ordinal(set, pod) == Some(wanted));
    let mut made = 0;
    for index in first..last {
        match of(index) {
            None => {
                make(world, look, index).await?;
                made += 1;
                // The pods made wake this again.
                if in_turn || made == AT_ONCE {
                    return Ok(());
                }
            }
            Some(pod) if is_terminal(pod) => {
                // Its successor is made when it has gone.
                if !is_terminating(pod) {
                    delete(world, set, pod).await?;
                }
                if in_turn {
                    return Ok(());
                }
            }
            Some(pod) => {
                if phase(pod) == "Pending" {
                    claims(world, look, pod).await?;
                }
                if in_turn && (is_terminating(pod) || !look.is_available(pod)) {
                    return Ok(());
                }
            }
        }
    }
    let mut condemned: Vec<&Rc<Pod>> =
        look.pods.iter().filter(|pod| ordinal(set, pod).is_none_or(|index| index < first || index >= last)).collect();
    condemned.reverse();
    let is_healthy = |pod: &Pod| runs(pod) && !is_terminating(pod);
    let wanted = (first..last).filter_map(of);
    let first_unhealthy =
        wanted.chain(condemned.iter().rev().copied()).find(|pod| !is_healthy(pod)).map(|pod| pod.uid());
    for pod in &condemned {
        if is_terminating(pod) {
            if in_turn {
                return Ok(());
            }
            continue;
        }
        if in_turn && !look.is_available(pod) && first_unhealthy != Some(pod.uid()) {
            return Ok(());
        }
        if set.text("spec/persistentVolumeClaimRetentionPolicy/whenScaled") == "Delete" {
            leave_claims(world, set, pod).await?;
        }
        delete(world, set, pod).await?;
        if in_turn {
            return Ok(());
        }
    }
    if set.text("spec/updateStrategy/type") != "RollingUpdate" {
        return Ok(());
    }
    let least = first + partition(set).unwrap_or(0);
    for index in (least..last).rev() {
        let Some(pod) = of(index) else { return Ok(()) };
        if revision(pod) != name_of(&look.update) && !is_terminating(pod) {
            return delete(world, set, pod).await;
        }
        if is_terminating(pod) || !look.is_available(pod) {
            return Ok(());
        }
    }
    Ok(())
}

async fn delete(world: &mut World, set: &Rc<Other>, pod: &Pod) -> Result<()> {
    let (kind, name) = (set.kind, name_of(set).to_string());
    let deleted = world.client.delete(Kind::Pod, pod.namespace(), pod.name(), Default::default()).await;
    match deleted {
        Err(error) if !error.is_not_found() => {
            let text = format!("delete Pod {} in {kind} {name} failed error: {}", pod.name(), error.message);
            world.event(set, EventType::Warning, "FailedDelete", text);
            Err(error)
        }
        _ => {
            let text = format!("Delete Pod {} in {kind} {name} successful", pod.name());
            world.event(set, EventType::Normal, "SuccessfulDelete", text);
            Ok(())
        }
    }
}

/// Makes the pod of a number, and its claims.
async fn make(world: &mut World, look: &Look, index: i64) -> Result<()> {
    let set = &look.set;
    let is_below = match partition(set) {
        Some(partition) => index < start(set) + partition,
        None => index < start(set) + number(set, "status/currentReplicas", 0),
    };
    let of = match set.text("spec/updateStrategy/type") == "RollingUpdate" && is_below {
        true => &look.current,
        false => &look.update,
    };
    let mut templated = Other::clone(set);
    if let Some(Value::Object(spec)) = templated.content.get_mut("spec") {
        let mut template = history::template_of(of).clone();
        if let Value::Object(template) = &mut template {
            template.remove("$patch");
        }
        spec.insert("template".into(), template);
    }
    let mut pod = Template::of(&templated)?.pod(set);
    let name = format!("{}-{index}", name_of(set));
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert("statefulset.kubernetes.io/pod-name".into(), name.clone());
    labels.insert("apps.kubernetes.io/pod-index".into(), index.to_string());
    labels.insert(history::REVISION_LABEL.into(), name_of(of).into());
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(name.clone());
    spec.subdomain = Some(set.text("spec/serviceName").to_string()).filter(|name| !name.is_empty());
    mount(set, spec, index);
    pod.metadata.name = Some(name.clone());
    claims(world, look, &pod).await?;
    let namespace = namespace_of(set).to_string();
    match world.create(Kind::Pod, &namespace, pod.into()).await {
        Ok(_) => {
            let text = format!("Create Pod {name} in {} {} successful", set.kind, name_of(set));
            world.event(set, EventType::Normal, "SuccessfulCreate", text);
            Ok(())
        }
        Err(error) if error.is_already_exists() => Err(error),
        Err(error) => {
            let text = format!("create Pod {name} in {} {} failed error: {}", set.kind, name_of(set), error.message);
            world.event(set, EventType::Warning, "FailedCreate", text);
            Err(error)
        }
    }
}

fn templates(set: &Other) -> impl Iterator<Item = (&str, &Value)> {
    let all = set.at("spec/volumeClaimTemplates").as_array().into_iter().flatten();
    all.filter_map(|template| Some((template["metadata"]["name"].as_str()?, template)))
}

/// The claims' volumes come first, in place of others of their names.
fn mount(set: &Other, spec: &mut PodSpec, index: i64) {
    let mut volumes: Vec<Volume> = Vec::new();
    for (name, _) in templates(set) {
        volumes.push(
            v1::Volume {
                name: name.into(),
                persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                    claim_name: format!("{name}-{}-{index}", name_of(set)),
                    read_only: None,
                }),
                ..v1::Volume::default()
            }
            .into(),
        );
    }
    if volumes.is_empty() {
        return;
    }
    let given = spec.volumes.take().unwrap_or_default();
    volumes.extend(given.into_iter().filter(|volume| templates(set).all(|(name, _)| name != volume.name)));
    spec.volumes = Some(volumes);
}

/// Makes the claims of a pod that aren't there.
async fn claims(world: &mut World, look: &Look, pod: &Pod) -> Result<()> {
    let set = &look.set;
    let Some(index) = ordinal(set, pod) else { return Ok(()) };
    let wanted: Vec<(String, Value)> =
        templates(set).map(|(name, template)| (format!("{name}-{}-{index}", name_of(set)), template.clone())).collect();
    for (name, template) in wanted {
        match world.client.get(Kind::PersistentVolumeClaim, namespace_of(set), &name).await {
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
            Ok(_) => continue,
        }
        let mut metadata = template["metadata"].clone();
        metadata["name"] = name.as_str().into();
        metadata["namespace"] = namespace_of(set).into();
        for (key, value) in set.at("spec/selector/matchLabels").as_object().into_iter().flatten() {
            metadata["labels"][key] = value.clone();
        }
        if set.text("spec/persistentVolumeClaimRetentionPolicy/whenDeleted") == "Delete" {
            metadata["ownerReferences"] = json!([owner_reference(set)]);
        }
        let value = json!({"metadata": metadata, "spec": template["spec"]});
        let claim = Other::read(Kind::PersistentVolumeClaim, value).map_err(Error::internal)?;
        let namespace = namespace_of(set).to_string();
        let made = world.create(Kind::PersistentVolumeClaim, &namespace, Object::Other(Rc::new(claim))).await;
        let what = format!("Claim {name} Pod {} in {} {}", pod.name(), set.kind, name_of(set));
        match made {
            Err(error) if !error.is_already_exists() => {
                let text = format!("create {what} failed error: {}", error.message);
                world.event(set, EventType::Warning, "FailedCreate", text);
                return Err(error);
            }
            _ => world.event(set, EventType::Normal, "SuccessfulCreate", format!("Create {what} success")),
        }
    }
    Ok(())
}

/// A pod that goes for good takes its claims with it, if the set says so.
async fn leave_claims(world: &mut World, set: &Other, pod: &Pod) -> Result<()> {
    let Some(index) = ordinal(set, pod) else { return Ok(()) };
    let owner = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "name": pod.name(),
        "uid": pod.uid(),
        "controller": true,
        "blockOwnerDeletion": true,
    });
    for (name, _) in templates(set) {
        let name = format!("{name}-{}-{index}", name_of(set));
        let patch = Patch::Merge(json!({"metadata": {"ownerReferences": [owner]}}));
        let options = WriteOptions::default();
        let kind = Kind::PersistentVolumeClaim;
        match world.client.patch(kind, namespace_of(set), &name, Subresource::None, patch, options).await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

async fn write_status(world: &mut World, look: &Look) -> Result<()> {
    let set = &look.set;
    // As the pods are by now, but for what the watches haven't told.
    let pods: Vec<Rc<Pod>> = world.pods.of(uid_of(set)).cloned().collect();
    let tally = |is: &dyn Fn(&Pod) -> bool| i64::try_from(pods.iter().filter(|pod| is(pod)).count()).unwrap_or(0);
    let of = |revision: &Other| tally(&|pod| !is_terminating(pod) && self::revision(pod) == name_of(revision));
    let (ready, available) = (tally(&runs), tally(&|pod| look.is_available(pod)));
    let (mut current, updated) = (of(&look.current), of(&look.update));
    let mut current_name = name_of(&look.current);
    let total = tally(&|_| true);
    let wanted = replicas(set);
    let is_rolling = set.text("spec/updateStrategy/type") == "RollingUpdate";
    if is_rolling && updated == wanted && ready == wanted && total == wanted {
        (current, current_name) = (updated, name_of(&look.update));
    }
    let mut status = Map::new();
    status.insert("replicas".into(), total.into());
    status.insert("availableReplicas".into(), available.into());
    count(&mut status, "readyReplicas", ready);
    count(&mut status, "currentReplicas", current);
    count(&mut status, "updatedReplicas", updated);
    count(&mut status, "observedGeneration", set.metadata.generation.unwrap_or(0));
    status.insert("currentRevision".into(), current_name.into());
    status.insert("updateRevision".into(), name_of(&look.update).into());
    status.insert("collisionCount".into(), number(set, "status/collisionCount", 0).into());
    world.write_status(set, Value::Object(status)).await?;
    let later = |pod: &Rc<Pod>| pods::available_from(pod, look.min_ready).filter(|from| *from > look.now);
    if let Some(next) = pods.iter().filter_map(later).min() {
        world.look_at_second(key_of(set), next);
    }
    Ok(())
}
