//! Requests and limits.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{ResourceClaim, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity as ApiQuantity,
};

use super::text;
use crate::api::{
    PodSpec,
    field::{Errors, Path},
    names,
    quantity::{Quantity, amount},
    resources::{self, Options},
};

type NameRule = fn(&mut Errors, &str, &Path);

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

pub(super) fn overcommits(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

fn is_standard_container(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage") || is_huge_page(name)
}

fn is_standard(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "storage",
        "requests.storage",
        "services.nodeports",
        "services.loadbalancers",
    ];
    NAMES.contains(&name) || is_huge_page(name) || name.starts_with("requests.hugepages-")
}

fn is_extended(name: &str) -> bool {
    let quota = format!("requests.{name}");
    !is_native(name) && !name.starts_with("requests.") && names::qualified_name(&quota).is_empty()
}

/// Counted in whole pieces.
fn is_integer_resource(name: &str) -> bool {
    matches!(
        name,
        "pods"
            | "services"
            | "replicationcontrollers"
            | "resourcequotas"
            | "secrets"
            | "configmaps"
            | "persistentvolumeclaims"
            | "services.nodeports"
            | "services.loadbalancers"
    ) || is_extended(name)
}

pub fn resource_name(errors: &mut Errors, name: &str, path: &Path) {
    let wrong = names::qualified_name(name);
    if wrong.is_empty() && !name.contains('/') && !is_standard(name) {
        return errors.invalid(path, name, "must be a standard resource type or fully qualified");
    }
    errors.invalid_each(path, name, wrong);
}

pub(super) fn container_resource_name(errors: &mut Errors, name: &str, path: &Path) {
    resource_name(errors, name, path);
    if !name.contains('/') {
        if !is_standard_container(name) {
            errors.invalid(path, name, "must be a standard resource for containers");
        }
    } else if !is_native(name) && !is_extended(name) {
        errors.invalid(path, name, "doesn't follow extended resource name standard");
    }
}

pub fn pod_resource_name(errors: &mut Errors, name: &str, path: &Path) {
    let before = errors.len();
    resource_name(errors, name, path);
    if errors.len() == before && !resources::is_pod_level(name) {
        errors.not_supported(path, name, &["cpu", "hugepages-", "memory"]);
    }
}

pub fn quantity_value(errors: &mut Errors, name: &str, quantity: &Quantity, path: &Path) {
    if quantity.sign() < 0 {
        errors.invalid(path, &quantity.to_string(), super::meta::NOT_NEGATIVE);
    }
    if is_integer_resource(name) && !quantity.is_integer() {
        errors.invalid(path, &quantity.to_string(), "must be an integer");
    }
}

fn is_divisible(name: &str, quantity: &Quantity) -> bool {
    let size = name.strip_prefix("hugepages-").and_then(|size| size.parse::<Quantity>().ok());
    size.is_some_and(|size| size.value() > 0 && quantity.value() % size.value() == 0)
}

pub(super) fn has_indivisible_huge_pages(list: &BTreeMap<String, ApiQuantity>) -> bool {
    list.iter().any(|(name, quantity)| is_huge_page(name) && !is_divisible(name, &amount(quantity)))
}

fn huge_page_value(errors: &mut Errors, name: &str, quantity: &Quantity, path: &Path) {
    if !errors.options.wrong_huge_pages && !is_divisible(name, quantity) {
        errors.invalid(path, &quantity.to_string(), &format!("{quantity} is not positive integer multiple of {name}"));
    }
}

pub fn container_resources(
    errors: &mut Errors,
    resources: Option<&ResourceRequirements>,
    claims: &[&str],
    path: &Path,
) {
    requirements(errors, resources, container_resource_name, claims, path);
}

pub fn overhead(errors: &mut Errors, overhead: &BTreeMap<String, ApiQuantity>, path: &Path) {
    let resources = ResourceRequirements { limits: Some(overhead.clone()), ..ResourceRequirements::default() };
    requirements(errors, Some(&resources), container_resource_name, &[], path);
}

fn requirements(
    errors: &mut Errors,
    resources: Option<&ResourceRequirements>,
    rule: NameRule,
    claims: &[&str],
    path: &Path,
) {
    let Some(resources) = resources else { return };
    let (limits_path, requests_path) = (path.child("limits"), path.child("requests"));
    let (mut compute, mut huge) = (false, false);
    let limits = resources::amounts(resources.limits.as_ref());
    for (name, limit) in &limits {
        let path = limits_path.key(name);
        rule(errors, name, &path);
        quantity_value(errors, name, limit, &path);
        if is_huge_page(name) {
            huge = true;
            huge_page_value(errors, name, limit, &path);
        }
        compute |= name == "cpu" || name == "memory";
    }
    for (name, request) in &resources::amounts(resources.requests.as_ref()) {
        let path = requests_path.key(name);
        rule(errors, name, &path);
        quantity_value(errors, name, request, &path);
        match limits.get(name) {
            Some(limit) if request != limit && !overcommits(name) => {
                errors.invalid(
                    &requests_path,
                    &request.to_string(),
                    &format!("must be equal to {name} limit of {limit}"),
                );
            }
            Some(limit) if request > limit => {
                let why = format!("must be less than or equal to {name} limit of {limit}");
                errors.invalid(&requests_path, &request.to_string(), &why);
            }
            None if !overcommits(name) => {
                errors.required(&limits_path, "Limit must be set for non overcommitable resources");
            }
            _ => {}
        }
        if is_huge_page(name) {
            huge = true;
            huge_page_value(errors, name, request, &path);
        }
        compute |= name == "cpu" || name == "memory";
    }
    if huge && !compute {
        errors.forbidden(path, "HugePages require cpu or memory");
    }
    claim_names(errors, resources.claims.as_deref().unwrap_or_default(), claims, &path.child("claims"));
}

fn claim_names(errors: &mut Errors, claims: &[ResourceClaim], known: &[&str], path: &Path) {
    let mut seen: Vec<String> = Vec::new();
    for (index, claim) in claims.iter().enumerate() {
        let path = path.index(index);
        if claim.name.is_empty() {
            errors.required(&path, "");
            continue;
        }
        if seen.contains(&claim.name) {
            errors.duplicate(&path, &claim.name);
        } else {
            let request = text(&claim.request);
            let mut key = claim.name.clone();
            if !request.is_empty() {
                errors.invalid_each(&path.child("request"), request, names::dns1123_label(request));
                key = format!("{key}/{request}");
            }
            let part = format!("{}/", claim.name);
            if seen.contains(&key) {
                errors.duplicate(&path, &key);
            } else if request.is_empty() && seen.iter().any(|other| other.starts_with(&part)) {
                errors.duplicate(&path, &claim.name);
            }
            seen.push(key);
        }
        if !known.contains(&claim.name.as_str()) {
            let mut known = known.to_vec();
            known.sort_unstable();
            let tail = if known.is_empty() { " which is empty".to_string() } else { format!(": {}", known.join(", ")) };
            let why = format!("must be one of the names in pod.spec.resourceClaims{tail}");
            errors.not_found_because(&path, &claim.name, &why);
        }
    }
}

/// The amounts of `spec.resources`.
pub fn pod_requirements(errors: &mut Errors, resources: Option<&ResourceRequirements>, path: &Path) {
    requirements(errors, resources, pod_resource_name, &[], path);
}

/// `spec.resources`.
pub fn pod_resources(errors: &mut Errors, spec: &PodSpec, claims: &[&str], path: &Path) {
    let Some(resources) = &spec.resources else { return };
    if spec.os.as_ref().is_some_and(|os| os.name == "windows") {
        return errors.forbidden(path, "may not be set for a windows pod");
    }
    if resources.claims.is_some() {
        errors.forbidden(&path.child("claims"), "claims may not be set for Resources at pod-level");
    }
    requirements(errors, Some(resources), pod_resource_name, claims, path);
    consistency(errors, spec, resources, path);
}

/// What the containers have must fit into what the pod has.
fn consistency(errors: &mut Errors, spec: &PodSpec, own: &ResourceRequirements, path: &Path) {
    let pod = crate::api::Pod { spec: Some(spec.clone().into()), ..Default::default() };
    let options = Options { skip_pod_level: true, exclude_overhead: true, ..Options::default() };
    let requests_path = path.child("requests");
    for (name, sum) in &resources::requests(&pod, &options) {
        if let Some(request) = own.requests.as_ref().and_then(|requests| requests.get(name)).map(amount)
            && *sum > request
        {
            let why = format!("must be greater than or equal to aggregate container requests of {sum}");
            errors.invalid(&requests_path.key(name), &request.to_string(), &why);
        }
    }
    let own_limits = resources::amounts(own.limits.as_ref());
    let limits_path = path.child("limits");
    for (name, sum) in resources::limits(&pod, &options).iter().filter(|(name, _)| is_huge_page(name)) {
        if let Some(limit) = own_limits.get(name).filter(|limit| sum > limit) {
            let why = format!("must be greater than or equal to aggregate container limits of {sum}");
            errors.invalid(&limits_path.key(name), &limit.to_string(), &why);
        }
    }
    let containers = path.child("containers");
    for (index, container) in spec.containers.iter().enumerate() {
        let limits = container.resources.as_ref().and_then(|resources| resources.limits.as_ref());
        for (name, limit) in &resources::amounts(limits) {
            if let Some(most) = own_limits.get(name).filter(|most| limit > most) {
                let why = format!("must be less than or equal to pod limits of {most}");
                errors.invalid(&containers.index(index).key(name).child("limits"), &limit.to_string(), &why);
            }
        }
    }
}
