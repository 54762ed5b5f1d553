//! POST pods/NAME/eviction: a deletion that heeds disruption budgets. Source: kubernetes
//! `pkg/registry/core/pod/storage/eviction.go`.

use std::rc::Rc;

use k8s_openapi::api::core::v1::PodCondition;
use serde_json::json;

use super::{ApiServer, delete::check_preconditions, select::Selection, write::set_condition};
use crate::api::{
    Error, Kind, Object, Pod, Result,
    client::DeleteOptions,
    disruption::{condition, number, selects},
    error::{Cause, Reason},
    other::Other,
};

const VIOLATED: &str = "Cannot evict pod as it would violate the pod's disruption budget.";
/// Evicted pods that a budget may wait for.
const MOST_DISRUPTED: usize = 2000;

impl ApiServer {
    pub(super) fn evict_pod(&self, namespace: &str, name: &str, options: &DeleteOptions) -> Result<()> {
        let object = self.find(Kind::Pod, namespace, name)?;
        check_preconditions(&object, options)?;
        let Object::Pod(old) = &object else { return Err(Error::internal("not a pod")) };
        if !counts_for_nothing(old) {
            self.charge_budget(old, options.dry_run)?;
        }
        if !options.dry_run && old.metadata.deletion_timestamp.is_none() {
            let mut pod = Pod::clone(old);
            let condition = PodCondition {
                type_: "DisruptionTarget".into(),
                status: "True".into(),
                reason: Some("EvictionByEvictionAPI".into()),
                message: Some("Eviction API: evicting".into()),
                observed_generation: pod.metadata.generation,
                last_transition_time: Some(self.now()),
                ..PodCondition::default()
            };
            let status = pod.status.get_or_insert_default();
            set_condition(status.conditions.get_or_insert_default(), condition);
            self.put(pod.into());
        }
        // The condition moved the version on, so a precondition on it has had its effect.
        let options = DeleteOptions { precondition_resource_version: None, ..options.clone() };
        self.delete_object(Kind::Pod, namespace, name, &options).map(drop)
    }

    /// Takes the pod from what its budget allows, or refuses.
    fn charge_budget(&self, pod: &Rc<Pod>, dry_run: bool) -> Result<()> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let listed = self.store.borrow().list(Kind::PodDisruptionBudget, &Selection::of(namespace));
        let mut budgets = listed.iter().filter_map(|object| match object {
            Object::Other(budget) if selects(budget, &pod.metadata) => Some(budget),
            _ => None,
        });
        let Some(budget) = budgets.next() else { return Ok(()) };
        if budgets.next().is_some() {
            let why =
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            return Err(Error::new(Reason::Unknown, why));
        }
        let (healthy, desired) = (number(budget, "status/currentHealthy"), number(budget, "status/desiredHealthy"));
        let fits = budget.text("spec/unhealthyPodEvictionPolicy") == "AlwaysAllow" || healthy >= desired && desired > 0;
        if !is_ready(pod) && fits {
            return Ok(());
        }
        let name = budget.metadata.name.as_deref().unwrap_or_default();
        if number(budget, "status/observedGeneration") < budget.metadata.generation.unwrap_or(0) {
            let why = format!("The disruption budget {name} is still being processed by the server.");
            return Err(Error { retry_after: Some(10), ..too_many(why) });
        }
        let forbid = |why: &str| Err(Error::forbidden(Kind::PodDisruptionBudget, name, why));
        let allowed = number(budget, "status/disruptionsAllowed");
        if allowed < 0 {
            return forbid("pdb disruptions allowed is negative");
        }
        let disrupted = budget.at("status/disruptedPods").as_object();
        if disrupted.is_some_and(|pods| pods.len() > MOST_DISRUPTED) {
            return forbid("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
        }
        if allowed == 0 {
            return Err(too_many(format!(
                "The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
            )));
        }
        if dry_run {
            return Ok(());
        }
        let mut charged = Other::clone(budget);
        let now = serde_json::to_value(self.now()).unwrap_or_default();
        let condition = condition(budget, allowed - 1, &now);
        let status = charged.content.entry("status").or_insert_with(|| json!({}));
        status["disruptionsAllowed"] = (allowed - 1).into();
        if allowed == 1 {
            status["conditions"] = json!([condition]);
        }
        if !status["disruptedPods"].is_object() {
            status["disruptedPods"] = json!({});
        }
        status["disruptedPods"][pod.metadata.name.as_deref().unwrap_or_default()] = now;
        self.put(Object::Other(Rc::new(charged)));
        Ok(())
    }
}

fn too_many(why: String) -> Error {
    let mut error = Error::new(Reason::TooManyRequests, VIOLATED);
    error.causes.push(Cause { reason: "DisruptionBudget".into(), message: why, field: String::new() });
    error
}

/// No budget counts on pods that have ended, haven't begun, or go already.
fn counts_for_nothing(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed" | "Pending")) || pod.metadata.deletion_timestamp.is_some()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|c| c.type_ == "Ready" && c.status == "True")
}
