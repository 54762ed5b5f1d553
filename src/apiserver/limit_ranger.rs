//! LimitRanger (`plugin/pkg/admission/limitranger`): the defaults and bounds that the LimitRanges of a
//! namespace set for its pods and claims.
//!
//! Costs nothing in a namespace without a LimitRange. Where upstream walks a map in no order, the
//! order here is that of the resources' names.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{LimitRangeItem, LimitRangeSpec},
    apimachinery::pkg::api::resource::Quantity as ApiQuantity,
};

use super::{ApiServer, select::Selection};
use crate::api::{
    Container, Error, Kind, Object, Pod, Result,
    quantity::{Quantity, amount},
    resources::{self, Amounts, Options, amounts},
};

const ANNOTATION: &str = "kubernetes.io/limit-ranger";

type List = BTreeMap<String, ApiQuantity>;

impl ApiServer {
    fn limit_ranges(&self, namespace: &str) -> Vec<LimitRangeSpec> {
        let store = self.store.borrow();
        if !store.any(Kind::LimitRange, namespace) {
            return Vec::new();
        }
        let all = store.list(Kind::LimitRange, &Selection::of(namespace));
        let spec = |object: &Object| match object {
            Object::Other(other) => serde_json::from_value(other.content.get("spec")?.clone()).ok(),
            _ => None,
        };
        all.iter().filter_map(spec).collect()
    }

    /// Gives a new pod's containers what they leave out.
    pub(super) fn limit_ranger_defaults(&self, pod: &mut Pod) {
        for range in self.limit_ranges(pod.metadata.namespace.as_deref().unwrap_or_default()) {
            set_defaults(&range, pod);
        }
    }

    /// Refuses a new pod, or a claim, that is out of bounds.
    pub(super) fn limit_ranger(&self, object: &Object) -> Result<()> {
        if !matches!(object.kind(), Kind::Pod | Kind::PersistentVolumeClaim) {
            return Ok(());
        }
        for range in self.limit_ranges(object.namespace()) {
            let wrong = match object {
                Object::Pod(pod) => pod_out_of_bounds(&range, pod),
                Object::Other(claim) => {
                    let requests = claim.content.get("spec").and_then(|spec| spec.pointer("/resources/requests"));
                    let requests: List =
                        requests.and_then(|list| serde_json::from_value(list.clone()).ok()).unwrap_or_default();
                    claim_out_of_bounds(&range, &amounts(Some(&requests)))
                }
                _ => Vec::new(),
            };
            let why = match wrong.as_slice() {
                [] => continue,
                [one] => one.clone(),
                _ => format!("[{}]", once(wrong).join(", ")),
            };
            return Err(Error::forbidden(object.kind(), object.name(), why));
        }
        Ok(())
    }
}

/// The same is said once (`errors.NewAggregate`).
fn once(texts: Vec<String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

fn set_defaults(range: &LimitRangeSpec, pod: &mut Pod) {
    let (mut limits, mut requests) = (List::new(), List::new());
    for item in range.limits.iter().filter(|item| item.type_ == "Container") {
        requests.extend(item.default_request.clone().unwrap_or_default());
        limits.extend(item.default.clone().unwrap_or_default());
    }
    let Some(spec) = &mut pod.spec else { return };
    let mut done = Vec::new();
    let mut set = |container: &mut Container, what: &str| {
        if limits.is_empty() && requests.is_empty() {
            return;
        }
        let resources = container.resources.get_or_insert_default();
        let named_limits = fill(&mut resources.limits, &limits);
        let named_requests = fill(&mut resources.requests, &requests);
        for (names, side) in [(named_requests, "request"), (named_limits, "limit")] {
            if !names.is_empty() {
                done.push(format!("{} {side} for {what} {}", names.join(", "), container.name));
            }
        }
    };
    spec.containers.iter_mut().for_each(|container| set(container, "container"));
    spec.init_containers.iter_mut().flatten().for_each(|container| set(container, "init container"));
    if !done.is_empty() {
        let text = format!("LimitRanger plugin set: {}", done.join("; "));
        pod.metadata.annotations.get_or_insert_default().insert(ANNOTATION.into(), text);
    }
}

/// Adds what is missing; the names of that.
fn fill(list: &mut Option<List>, defaults: &List) -> Vec<String> {
    let mut names = Vec::new();
    for (name, quantity) in defaults {
        let list = list.get_or_insert_default();
        if !list.contains_key(name) {
            list.insert(name.clone(), quantity.clone());
            names.push(name.clone());
        }
    }
    names
}

fn pod_out_of_bounds(range: &LimitRangeSpec, pod: &Pod) -> Vec<String> {
    let mut wrong = Vec::new();
    let Some(spec) = &pod.spec else { return wrong };
    for item in &range.limits {
        match item.type_.as_str() {
            "Container" => {
                for container in spec.containers.iter().chain(spec.init_containers.iter().flatten()) {
                    let resources = container.resources.as_ref();
                    let requests = amounts(resources.and_then(|r| r.requests.as_ref()));
                    let limits = amounts(resources.and_then(|r| r.limits.as_ref()));
                    out_of_bounds(&mut wrong, item, &requests, &limits);
                }
            }
            "Pod" => {
                let options = Options { exclude_overhead: true, ..Options::default() };
                let (requests, limits) = (resources::requests(pod, &options), resources::limits(pod, &options));
                out_of_bounds(&mut wrong, item, &requests, &limits);
            }
            _ => {}
        }
    }
    wrong
}

fn claim_out_of_bounds(range: &LimitRangeSpec, requests: &Amounts) -> Vec<String> {
    let mut wrong = Vec::new();
    for item in range.limits.iter().filter(|item| item.type_ == "PersistentVolumeClaim") {
        for (name, least) in item.min.iter().flatten() {
            wrong.extend(below(item, name, &amount(least), requests, &Amounts::new()));
        }
        for (name, most) in item.max.iter().flatten() {
            let (most, text) = (amount(most), format!("maximum {name} usage per {} is {}", item.type_, most.0));
            match requests.get(name) {
                None => wrong.push(format!("{text}.  No request is specified")),
                Some(request) if *request > most => wrong.push(format!("{text}, but request is {request}")),
                Some(_) => {}
            }
        }
    }
    wrong
}

fn out_of_bounds(wrong: &mut Vec<String>, item: &LimitRangeItem, requests: &Amounts, limits: &Amounts) {
    for (name, least) in item.min.iter().flatten() {
        wrong.extend(below(item, name, &amount(least), requests, limits));
    }
    for (name, most) in item.max.iter().flatten() {
        wrong.extend(above(item, name, &amount(most), requests, limits));
    }
    for (name, most) in item.max_limit_request_ratio.iter().flatten() {
        wrong.extend(beyond_ratio(item, name, &amount(most), requests, limits));
    }
}

fn below(item: &LimitRangeItem, name: &str, least: &Quantity, requests: &Amounts, limits: &Amounts) -> Option<String> {
    let text = format!("minimum {name} usage per {} is {least}", item.type_);
    match (requests.get(name), limits.get(name)) {
        (None, _) => Some(format!("{text}.  No request is specified")),
        (Some(request), _) if request < least => Some(format!("{text}, but request is {request}")),
        (_, Some(limit)) if limit < least => Some(format!("{text}, but limit is {limit}")),
        _ => None,
    }
}

fn above(item: &LimitRangeItem, name: &str, most: &Quantity, requests: &Amounts, limits: &Amounts) -> Option<String> {
    let text = format!("maximum {name} usage per {} is {most}", item.type_);
    match (requests.get(name), limits.get(name)) {
        (_, None) => Some(format!("{text}.  No limit is specified")),
        (_, Some(limit)) if limit > most => Some(format!("{text}, but limit is {limit}")),
        (Some(request), _) if request > most => Some(format!("{text}, but request is {request}")),
        _ => None,
    }
}

fn beyond_ratio(
    item: &LimitRangeItem,
    name: &str,
    most: &Quantity,
    requests: &Amounts,
    limits: &Amounts,
) -> Option<String> {
    let text = format!("{name} max limit to request ratio per {} is {most}", item.type_);
    let positive = |list: &Amounts| list.get(name).filter(|quantity| !quantity.is_zero()).cloned();
    let Some(request) = positive(requests) else {
        return Some(format!("{text}, but no request is specified or request is 0"));
    };
    let Some(limit) = positive(limits) else {
        return Some(format!("{text}, but no limit is specified or limit is 0"));
    };
    let ratio = limit.milli_value() as f64 / request.milli_value() as f64;
    // In thousandths, as the real code compares.
    let beyond = ratio * 1000.0 > most.milli_value() as f64;
    beyond.then(|| format!("{text}, but provided ratio is {ratio:.6}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn range(limits: Value) -> LimitRangeSpec {
        serde_json::from_value(json!({"limits": limits})).unwrap()
    }

    #[test]
    fn defaults_are_filled_in_and_noted() {
        let spec = range(json!([{
            "type": "Container", "default": {"cpu": "500m", "memory": "512Mi"}, "defaultRequest": {"cpu": "100m"},
        }]));
        let mut pod: Pod = serde_json::from_value(json!({"metadata": {}, "spec": {
            "containers": [{"name": "a"}, {"name": "b", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1"}}}],
            "initContainers": [{"name": "i", "resources": {"requests": {"cpu": "1m"}}}],
        }}))
        .unwrap();
        set_defaults(&spec, &mut pod);
        assert_eq!(
            pod.metadata.annotations.as_ref().unwrap()[ANNOTATION],
            "LimitRanger plugin set: cpu request for container a; cpu, memory limit for container a; \
             cpu, memory limit for init container i"
        );
        let containers = serde_json::to_value(&pod.spec.unwrap().containers).unwrap();
        assert_eq!(
            containers[0]["resources"],
            json!({"limits": {"cpu": "500m", "memory": "512Mi"}, "requests": {"cpu": "100m"}})
        );
    }

    #[test]
    fn bounds_have_their_words() {
        // limits of the range, resources of the only container, what is wrong
        let cases: Vec<(Value, Value, &[&str])> = vec![
            (
                json!({"min": {"cpu": "100m"}}),
                json!({}),
                &["minimum cpu usage per Container is 100m.  No request is specified"],
            ),
            (
                json!({"min": {"cpu": "100m"}}),
                json!({"requests": {"cpu": "50m"}}),
                &["minimum cpu usage per Container is 100m, but request is 50m"],
            ),
            (
                json!({"max": {"memory": "1Gi"}}),
                json!({}),
                &["maximum memory usage per Container is 1Gi.  No limit is specified"],
            ),
            (
                json!({"max": {"memory": "1Gi", "cpu": "1"}}),
                json!({"limits": {"memory": "2Gi", "cpu": "2"}}),
                &[
                    "maximum cpu usage per Container is 1, but limit is 2",
                    "maximum memory usage per Container is 1Gi, but limit is 2Gi",
                ],
            ),
            (
                json!({"maxLimitRequestRatio": {"cpu": "2"}}),
                json!({"limits": {"cpu": "1"}, "requests": {"cpu": "300m"}}),
                &["cpu max limit to request ratio per Container is 2, but provided ratio is 3.333333"],
            ),
            (
                json!({"maxLimitRequestRatio": {"cpu": "2"}}),
                json!({"limits": {"cpu": "1"}}),
                &["cpu max limit to request ratio per Container is 2, but no request is specified or request is 0"],
            ),
            (
                json!({"min": {"cpu": "1m"}, "max": {"cpu": "1"}}),
                json!({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}),
                &[],
            ),
        ];
        for (mut item, resources, expected) in cases {
            item["type"] = "Container".into();
            let pod = json!({"metadata": {}, "spec": {"containers": [{"name": "a", "resources": resources}]}});
            let pod: Pod = serde_json::from_value(pod).unwrap();
            assert_eq!(pod_out_of_bounds(&range(json!([item])), &pod), expected, "{item}");
        }
        let pod = json!({"metadata": {}, "spec": {"containers": [
            {"name": "a", "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}},
            {"name": "b", "resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}},
        ]}});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let of_pod = range(json!([{"type": "Pod", "max": {"cpu": "2"}}]));
        assert_eq!(pod_out_of_bounds(&of_pod, &pod), ["maximum cpu usage per Pod is 2, but limit is 3"]);
        let claim =
            range(json!([{"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "5Gi"}}]));
        let wrong =
            |text: &str| claim_out_of_bounds(&claim, &Amounts::from([("storage".into(), text.parse().unwrap())]));
        assert_eq!(wrong("10Gi"), ["maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 10Gi"]);
        assert_eq!(wrong("1Mi"), ["minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"]);
    }
}
