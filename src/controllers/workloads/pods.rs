//! What the controllers of pods have in common: whose a pod is, whether it is ready and available, making it after a
//! template, and letting it go.
//!
//! Sources: pkg/controller/controller_utils.go, controller_ref_manager.go, pkg/api/v1/pod/util.go.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::json;

use super::{World, controller_of, key_of, name_of, namespace_of, owner_reference, selector_of, uid_of};
use crate::{
    api::{
        Error, Kind, Object, Pod, PodSpec, Resource, Result, Shared,
        client::{DeleteOptions, Patch, Subresource, WriteOptions},
        error::Reason,
        names,
        other::Other,
    },
    apiserver::events::EventType,
    controllers::is_terminal,
};

/// Namespace and name.
type Id = (String, String);

/// All pods, by their controllers.
#[derive(Default)]
pub struct Pods {
    all: BTreeMap<Id, Rc<Pod>>,
    /// By the controller's uid.
    owned: BTreeMap<String, BTreeSet<Id>>,
    orphans: BTreeSet<Id>,
}

impl Pods {
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Rc<Pod>> {
        self.all.get(&(namespace.to_string(), name.to_string()))
    }

    pub fn put(&mut self, pod: &Rc<Pod>, gone: bool) {
        let id = (pod.namespace().to_string(), pod.name().to_string());
        let owner = |pod: &Pod| controller_of(&pod.metadata).map(|owner| owner.uid.clone());
        let old = self.all.get(&id).map(|old| owner(old));
        let new = (!gone).then(|| owner(pod));
        if old != new {
            match old {
                Some(Some(owner)) => {
                    if let Some(ids) = self.owned.get_mut(&owner) {
                        ids.remove(&id);
                        if ids.is_empty() {
                            self.owned.remove(&owner);
                        }
                    }
                }
                Some(None) => drop(self.orphans.remove(&id)),
                None => {}
            }
            match new {
                Some(Some(owner)) => drop(self.owned.entry(owner).or_default().insert(id.clone())),
                Some(None) => drop(self.orphans.insert(id.clone())),
                None => {}
            }
        }
        match gone {
            true => drop(self.all.remove(&id)),
            false => drop(self.all.insert(id, pod.clone())),
        }
    }

    /// The pods that a controller has.
    pub fn of(&self, uid: &str) -> impl Iterator<Item = &Rc<Pod>> {
        self.owned.get(uid).into_iter().flatten().filter_map(|id| self.all.get(id))
    }

    /// The pods of a namespace that nobody controls.
    fn orphans<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Rc<Pod>> {
        let from = (namespace.to_string(), String::new());
        let ids = self.orphans.range(from..).take_while(move |(of, _)| of == namespace);
        ids.filter_map(|id| self.all.get(id))
    }
}

// ---- what a pod is

pub fn is_active(pod: &Pod) -> bool {
    !is_terminal(pod) && pod.metadata.deletion_timestamp.is_none()
}

/// Being deleted, and not ended yet.
pub fn is_terminating(pod: &Pod) -> bool {
    !is_terminal(pod) && pod.metadata.deletion_timestamp.is_some()
}

pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

pub fn node(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

/// Since which second a pod has been ready; `None` if it isn't.
pub fn ready_since(pod: &Pod) -> Option<i64> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready" && condition.status == "True")?;
    Some(ready.last_transition_time.as_ref().map_or(0, |time| time.0.as_second()))
}

pub fn is_ready(pod: &Pod) -> bool {
    ready_since(pod).is_some()
}

/// From which second on a pod that stays ready is available; `None` if it isn't ready.
pub fn available_from(pod: &Pod, min_ready_seconds: i64) -> Option<i64> {
    ready_since(pod).map(|since| if min_ready_seconds == 0 { 0 } else { since + min_ready_seconds })
}

/// How many of these pods are available at `now`, and when the next will be.
pub fn available<'a>(pods: impl Iterator<Item = &'a Rc<Pod>>, min_ready_seconds: i64, now: i64) -> (i64, Option<i64>) {
    let (mut count, mut next) = (0, None);
    for from in pods.filter_map(|pod| available_from(pod, min_ready_seconds)) {
        if from <= now {
            count += 1;
        } else {
            next = Some(next.map_or(from, |next: i64| next.min(from)));
        }
    }
    (count, next)
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    statuses.map(|status| status.restart_count).max().unwrap_or(0)
}

fn deletion_cost(pod: &Pod) -> i32 {
    const COST: &str = "controller.kubernetes.io/pod-deletion-cost";
    let text = pod.metadata.annotations.as_ref().and_then(|all| all.get(COST));
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Times are told apart by their order of magnitude only: which is younger.
fn magnitude(now: i64, second: i64) -> i64 {
    let age = now.saturating_sub(second).saturating_mul(1_000_000_000);
    if age > 0 { i64::from(age.ilog2()) } else { -1 }
}

/// Which of two active pods is deleted first when there are too many: `Less` is. With each comes how many related pods
/// there are on its node.
pub fn deleted_first((a, rank_a): (&Pod, usize), (b, rank_b): (&Pod, usize), now: i64) -> Ordering {
    let phase_order = |pod: &Pod| match phase(pod) {
        "Pending" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    let created = |pod: &Pod| pod.metadata.creation_timestamp.as_ref().map_or(0, |time| time.0.as_second());
    let assigned = |pod: &Pod| !node(pod).is_empty();
    assigned(a)
        .cmp(&assigned(b))
        .then_with(|| phase_order(a).cmp(&phase_order(b)))
        .then_with(|| is_ready(a).cmp(&is_ready(b)))
        .then_with(|| deletion_cost(a).cmp(&deletion_cost(b)))
        .then_with(|| rank_b.cmp(&rank_a))
        .then_with(|| match (ready_since(a), ready_since(b)) {
            (Some(x), Some(y)) if x != y => {
                magnitude(now, x).cmp(&magnitude(now, y)).then_with(|| a.uid().cmp(b.uid()))
            }
            _ => Ordering::Equal,
        })
        .then_with(|| restarts(b).cmp(&restarts(a)))
        .then_with(|| match (created(a), created(b)) {
            (x, y) if x != y => magnitude(now, x).cmp(&magnitude(now, y)).then_with(|| a.uid().cmp(b.uid())),
            _ => Ordering::Equal,
        })
}

// ---- what is made

/// A template of pods.
pub struct Template {
    pub metadata: ObjectMeta,
    pub spec: Shared<PodSpec>,
}

impl Template {
    pub fn of(owner: &Other) -> Result<Template> {
        let template = owner.template_path().map(|path| owner.at(path)).unwrap_or(&serde_json::Value::Null);
        let metadata = template.get("metadata").cloned().unwrap_or_default();
        let read = serde_json::from_value(metadata).unwrap_or_default();
        let spec = owner.pod_spec().ok_or_else(|| Error::internal("the template can't be read"))?;
        Ok(Template { metadata: read, spec: spec.into() })
    }

    /// A pod after the template, controlled by `owner`.
    pub fn pod(&self, owner: &Other) -> Pod {
        let given = &self.metadata;
        // A name that can't begin a pod's has to do without the hyphen.
        let prefix = format!("{}-", name_of(owner));
        let prefix =
            if names::dns1123_subdomain(&format!("{prefix}a")).is_empty() { prefix } else { name_of(owner).into() };
        Pod {
            metadata: ObjectMeta {
                generate_name: Some(prefix),
                namespace: owner.metadata.namespace.clone(),
                labels: given.labels.clone(),
                annotations: given.annotations.clone(),
                finalizers: given.finalizers.clone(),
                owner_references: Some(vec![owner_reference(owner)]),
                ..ObjectMeta::default()
            },
            spec: Some(self.spec.clone()),
            status: None,
        }
    }
}

/// Nothing can be made in a namespace that is being deleted; that isn't worth an event.
fn namespace_ends(error: &Error) -> bool {
    error.reason == Reason::Forbidden && error.causes.iter().any(|cause| cause.reason == "NamespaceTerminating")
}

impl World {
    /// Makes a pod for its controller `owner`, and says so.
    pub async fn create_pod(&mut self, owner: &Rc<Other>, pod: Pod) -> Result<Rc<Pod>> {
        let namespace = namespace_of(owner).to_string();
        match self.create(Kind::Pod, &namespace, pod.into()).await {
            Ok(Object::Pod(pod)) => {
                self.event(owner, EventType::Normal, "SuccessfulCreate", format!("Created pod: {}", pod.name()));
                Ok(pod)
            }
            Ok(_) => Err(Error::internal("another kind of object came back")),
            Err(error) => {
                if !namespace_ends(&error) {
                    let text = format!("Error creating: {}", error.message);
                    self.event(owner, EventType::Warning, "FailedCreate", text);
                }
                Err(error)
            }
        }
    }

    /// Makes `count` pods in batches that double, so that what can't be made isn't tried a thousand times. Returns the
    /// first error.
    pub async fn create_pods(&mut self, owner: &Rc<Other>, count: usize, make: impl Fn(usize) -> Pod) -> Result<()> {
        let (mut done, mut batch) = (0, 1);
        while done < count {
            batch = batch.min(count - done);
            let mut failed = None;
            for index in done..done + batch {
                if let Err(error) = self.create_pod(owner, make(index)).await {
                    failed.get_or_insert(error);
                }
            }
            if let Some(error) = failed {
                // While the namespace is going nothing can be done about it.
                return if namespace_ends(&error) { Ok(()) } else { Err(error) };
            }
            done += batch;
            batch *= 2;
        }
        Ok(())
    }

    /// Deletes a pod of `owner`, and says so.
    pub async fn delete_pod(&mut self, owner: &Rc<Other>, pod: &Pod) -> Result<()> {
        match self.client.delete(Kind::Pod, pod.namespace(), pod.name(), DeleteOptions::default()).await {
            Ok(_) => {
                self.event(owner, EventType::Normal, "SuccessfulDelete", format!("Deleted pod: {}", pod.name()));
                Ok(())
            }
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => {
                let text = format!("Error deleting: {}", error.message);
                self.event(owner, EventType::Warning, "FailedDelete", text);
                Err(error)
            }
        }
    }

    /// The pods of an object: those that it controls and still selects, and those of nobody that it selects, which it
    /// adopts. Those that it no longer selects are released. `may` says which pods it takes at all.
    pub async fn claim_pods(&mut self, owner: &Rc<Other>, may: impl Fn(&Pod) -> bool) -> Result<Vec<Rc<Pod>>> {
        let selector = selector_of(owner);
        let selects = |pod: &&Rc<Pod>| selector.matches(pod.metadata.labels.as_ref());
        let (mine, lost): (Vec<Rc<Pod>>, Vec<Rc<Pod>>) =
            self.pods.of(uid_of(owner)).filter(|pod| may(pod)).cloned().partition(|pod| selects(&pod));
        let orphans: Vec<Rc<Pod>> = self
            .pods
            .orphans(namespace_of(owner))
            .filter(|pod| pod.metadata.deletion_timestamp.is_none() && may(pod))
            .filter(selects)
            .cloned()
            .collect();
        let mut claimed = mine;
        if owner.metadata.deletion_timestamp.is_some() {
            return Ok(claimed);
        }
        for pod in lost {
            self.set_owners(&pod, |owners| owners.retain(|of| of.uid != uid_of(owner))).await?;
        }
        for pod in orphans {
            claimed.extend(self.set_owners(&pod, |owners| owners.push(owner_reference(owner))).await?);
        }
        Ok(claimed)
    }

    /// Changes whose a pod is. `None` if it has gone or changed in between: then the watch tells.
    async fn set_owners(
        &mut self,
        pod: &Pod,
        change: impl FnOnce(&mut Vec<OwnerReference>),
    ) -> Result<Option<Rc<Pod>>> {
        let mut owners = pod.metadata.owner_references.clone().unwrap_or_default();
        change(&mut owners);
        let version = &pod.metadata.resource_version;
        let metadata = json!({"ownerReferences": owners, "uid": pod.metadata.uid, "resourceVersion": version});
        self.patch_pod(pod, json!({"metadata": metadata})).await
    }

    pub async fn patch_pod(&mut self, pod: &Pod, patch: serde_json::Value) -> Result<Option<Rc<Pod>>> {
        let (patch, options) = (Patch::Merge(patch), WriteOptions::default());
        let written =
            self.client.patch(Kind::Pod, pod.namespace(), pod.name(), Subresource::None, patch, options).await;
        match written {
            Ok(written) => Ok(written.object.as_::<Pod>().cloned()),
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The key of the object that `pod`'s controller is.
pub fn same_owner(a: &Other, b: &Other) -> bool {
    match (controller_of(&a.metadata), controller_of(&b.metadata)) {
        (Some(a), Some(b)) => a.uid == b.uid,
        _ => key_of(a) == key_of(b),
    }
}
