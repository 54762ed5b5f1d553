//! PodDisruptionBudgets, as evictions, the scheduler and their controller read them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector as ApiSelector, ObjectMeta};
use serde_json::{Value, json};

use super::{other::Other, selector::LabelSelector};

/// What a budget's selector chooses; without one nothing.
pub fn selector(budget: &Other) -> Option<LabelSelector> {
    let selector: ApiSelector = serde_json::from_value(budget.at("spec/selector").clone()).ok()?;
    LabelSelector::from_api(Some(&selector)).ok()
}

pub fn selects(budget: &Other, pod: &ObjectMeta) -> bool {
    budget.metadata.namespace == pod.namespace
        && selector(budget).is_some_and(|selector| selector.matches(pod.labels.as_ref()))
}

/// A number in a budget's status; 0 if it isn't told.
pub fn number(budget: &Other, path: &str) -> i64 {
    budget.at(path).as_i64().unwrap_or(0)
}

/// The only condition: whether a pod may go.
pub fn condition(budget: &Other, allowed: i64, now: &Value) -> Value {
    let (status, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let old = budget.at("status/conditions").as_array().and_then(|all| all.iter().find(|c| c["type"] == TYPE));
    let since = old.filter(|old| old["status"] == status).map_or(now, |old| &old["lastTransitionTime"]);
    json!({
        "type": TYPE,
        "status": status,
        "reason": reason,
        "message": "",
        "observedGeneration": budget.metadata.generation,
        "lastTransitionTime": since,
    })
}

const TYPE: &str = "DisruptionAllowed";
