//! A pod's effective requests and limits (`component-helpers/resource`), and its QoS class.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{ContainerStatus, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity as ApiQuantity,
};

use super::quantity::{Quantity, amount};

use super::pod::{Container, Pod};

/// Amounts by resource name.
pub type Amounts = BTreeMap<String, Quantity>;

type ApiAmounts = BTreeMap<String, ApiQuantity>;

/// What counts; the default is what the scheduler looks at without in-place resize.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Take what containers really have (`status.containerStatuses[].resources`) into account.
    pub use_status: bool,
    pub exclude_overhead: bool,
    pub skip_pod_level: bool,
    pub skip_container_level: bool,
    /// Pod-level resize: take `status.resources` into account.
    pub in_place_pod_level: bool,
    /// Count what devices' claims take of the node's own resources (`status.nodeAllocatableResourceClaimStatuses`).
    pub use_claims: bool,
    /// What a container that requests none counts as.
    pub missing: Amounts,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Requests,
    Limits,
}

impl Side {
    fn of(self, resources: Option<&ResourceRequirements>) -> Option<&ApiAmounts> {
        let resources = resources?;
        if self == Side::Requests { resources.requests.as_ref() } else { resources.limits.as_ref() }
    }
}

pub fn amounts(list: Option<&ApiAmounts>) -> Amounts {
    list.into_iter().flatten().map(|(name, quantity)| (name.clone(), amount(quantity))).collect()
}

fn add(to: &mut Amounts, from: &Amounts) {
    for (name, quantity) in from {
        match to.get_mut(name) {
            Some(sum) => *sum = sum.add(quantity),
            None => drop(to.insert(name.clone(), quantity.clone())),
        }
    }
}

fn raise(to: &mut Amounts, from: &Amounts) {
    for (name, quantity) in from {
        match to.get_mut(name) {
            Some(most) if *most >= *quantity => {}
            Some(most) => *most = quantity.clone(),
            None => drop(to.insert(name.clone(), quantity.clone())),
        }
    }
}

/// Resources that may be set for a pod as a whole.
pub fn is_pod_level(name: &str) -> bool {
    name == "cpu" || name == "memory" || name.starts_with("hugepages-")
}

fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// A resize that the node can't ever do.
fn infeasible(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let pending = conditions.into_iter().find(|condition| condition.type_ == "PodResizePending");
    pending.is_some_and(|condition| condition.reason.as_deref() == Some("Infeasible"))
}

/// What a pod asks for.
pub fn requests(pod: &Pod, options: &Options) -> Amounts {
    effective(pod, options, Side::Requests)
}

/// What a pod may use at most, for the resources that have a limit.
pub fn limits(pod: &Pod, options: &Options) -> Amounts {
    effective(pod, options, Side::Limits)
}

/// What the containers of a pod ask for together.
pub fn container_requests(pod: &Pod, options: &Options) -> Amounts {
    containers(pod, options, Side::Requests)
}

/// What the containers of a pod may use together.
pub fn container_limits(pod: &Pod, options: &Options) -> Amounts {
    containers(pod, options, Side::Limits)
}

fn effective(pod: &Pod, options: &Options, side: Side) -> Amounts {
    let mut total = Amounts::new();
    let Some(spec) = &pod.spec else { return total };
    if side == Side::Limits || !options.skip_container_level {
        total = containers(pod, options, side);
    }
    let pod_level = side.of(spec.resources.as_ref()).filter(|_| !options.skip_pod_level);
    if let Some(pod_level) = pod_level {
        let status = pod.status.as_ref().filter(|_| options.in_place_pod_level && options.use_status);
        let actual = status.and_then(|status| status.resources.as_ref());
        let resized = actual.map(|actual| {
            let allocated = status.and_then(|status| status.allocated_resources.as_ref());
            resized(pod, side, Some(pod_level), side.of(Some(actual)), allocated)
        });
        for (name, quantity) in pod_level.iter().filter(|(name, _)| is_pod_level(name)) {
            let quantity = match &resized {
                Some(resized) => resized.get(name).cloned().unwrap_or_else(|| amount(quantity).mul(0)),
                None => amount(quantity),
            };
            total.insert(name.clone(), quantity);
        }
    }
    if let Some(overhead) = spec.overhead.as_ref().filter(|_| !options.exclude_overhead) {
        let overhead = amounts(Some(overhead));
        match side {
            Side::Requests => add(&mut total, &overhead),
            // What has no limit gets none by the overhead.
            Side::Limits => {
                for (name, quantity) in &overhead {
                    if let Some(limit) = total.get_mut(name).filter(|limit| !limit.is_zero()) {
                        *limit = limit.add(quantity);
                    }
                }
            }
        }
    }
    total
}

/// During a resize the largest of the wanted, the given and the allocated counts.
fn resized(
    pod: &Pod,
    side: Side,
    spec: Option<&ApiAmounts>,
    actual: Option<&ApiAmounts>,
    allocated: Option<&ApiAmounts>,
) -> Amounts {
    let mut most = amounts(actual);
    if side == Side::Requests {
        raise(&mut most, &amounts(allocated));
    }
    if !infeasible(pod) {
        raise(&mut most, &amounts(spec));
    }
    most
}

fn containers(pod: &Pod, options: &Options, side: Side) -> Amounts {
    let mut total = Amounts::new();
    let Some(spec) = &pod.spec else { return total };
    let statuses = pod.status.iter().filter(|_| options.use_status);
    let statuses: Vec<&ContainerStatus> = statuses
        .flat_map(|s| s.container_statuses.iter().flatten().chain(s.init_container_statuses.iter().flatten()))
        .collect();
    let of = |container: &Container, resizable: bool| {
        let own = side.of(container.resources.as_ref());
        let status = statuses.iter().find(|status| resizable && status.name == container.name);
        let mut found = match status.and_then(|status| Some((status, status.resources.as_ref()?))) {
            Some((status, actual)) => {
                resized(pod, side, own, side.of(Some(actual)), status.allocated_resources.as_ref())
            }
            None => amounts(own),
        };
        if side == Side::Requests {
            for (name, quantity) in &options.missing {
                found.entry(name.clone()).or_insert_with(|| quantity.clone());
            }
        }
        found
    };
    for container in &spec.containers {
        add(&mut total, &of(container, true));
    }
    let (mut sidecars, mut init) = (Amounts::new(), Amounts::new());
    for container in spec.init_containers.iter().flatten() {
        let mut own = of(container, is_sidecar(container));
        if is_sidecar(container) {
            add(&mut total, &own);
            add(&mut sidecars, &own);
            raise(&mut init, &sidecars);
        } else {
            add(&mut own, &sidecars);
            raise(&mut init, &own);
        }
    }
    raise(&mut total, &init);
    if options.use_claims && side == Side::Requests {
        let claims = pod.status.iter().flat_map(|s| s.node_allocatable_resource_claim_statuses.iter().flatten());
        claims.for_each(|claim| add(&mut total, &amounts(Some(&claim.resources))));
    }
    total
}

/// The QoS class that a pod's resources give it.
pub fn qos(pod: &Pod) -> &'static str {
    let Some(spec) = &pod.spec else { return "BestEffort" };
    let whole = spec.resources.as_ref();
    let parts: Vec<Option<&ResourceRequirements>> = match whole {
        Some(_) => vec![whole],
        None => {
            let all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
            all.map(|container| container.resources.as_ref()).collect()
        }
    };
    let counted = |list: Option<&ApiAmounts>| {
        let mut found = amounts(list);
        found.retain(|name, quantity| (name == "cpu" || name == "memory") && quantity.sign() > 0);
        found
    };
    let (mut requests, mut limits, mut guaranteed) = (Amounts::new(), Amounts::new(), true);
    for part in parts {
        let own = counted(Side::Limits.of(part));
        // A pod's own resources count as incomplete only if they have limits at all.
        guaranteed &= own.len() == 2 || (whole.is_some() && Side::Limits.of(part).is_none_or(BTreeMap::is_empty));
        add(&mut limits, &own);
        add(&mut requests, &counted(Side::Requests.of(part)));
    }
    match (requests.is_empty() && limits.is_empty(), guaranteed && requests == limits) {
        (true, _) => "BestEffort",
        (_, true) => "Guaranteed",
        _ => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(spec: Value) -> Pod {
        serde_json::from_value(json!({ "spec": spec })).unwrap_or_default()
    }

    #[test]
    fn sums() {
        let spec = json!({
            "containers": [{"name": "a", "resources": {"requests": {"cpu": "100m"}}}, {"name": "b", "resources": {"requests": {"cpu": "1"}}}],
            "initContainers": [
                {"name": "i", "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}},
                {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": "200m"}}},
                {"name": "j", "resources": {"requests": {"cpu": "1500m"}}},
            ],
            "overhead": {"cpu": "10m"},
        });
        let sum = requests(&pod(spec), &Options::default());
        let texts: Vec<String> = sum.iter().map(|(name, quantity)| format!("{name}={quantity}")).collect();
        assert_eq!(texts, ["cpu=1710m", "memory=1Gi"]);
    }

    #[test]
    fn classes() {
        let container = |resources: Value| pod(json!({"containers": [{"name": "a", "resources": resources}]}));
        let full = json!({"cpu": "1", "memory": "1Gi"});
        assert_eq!(qos(&container(json!({}))), "BestEffort");
        assert_eq!(qos(&container(json!({"requests": full, "limits": full}))), "Guaranteed");
        assert_eq!(qos(&container(json!({"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": full}))), "Burstable");
        assert_eq!(qos(&container(json!({"limits": {"cpu": "1"}}))), "Burstable");
        assert_eq!(qos(&container(json!({"requests": {"cpu": "0"}}))), "BestEffort");
        assert_eq!(
            qos(&container(json!({"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": full}))),
            "Guaranteed"
        );
    }
}
