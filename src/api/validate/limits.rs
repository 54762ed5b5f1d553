//! LimitRanges and ResourceQuotas.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    others::{list, text},
    resources,
};
use crate::api::{
    field::{Dump, Errors, Path},
    names,
    quantity::{Quantity, amount},
};

const SPEC: Path<'static> = Path::root("spec");

type Amounts = BTreeMap<String, Quantity>;

fn amounts(value: &Value) -> Amounts {
    let list: BTreeMap<String, _> = serde_json::from_value(value.clone()).unwrap_or_default();
    list.into_iter().map(|(name, quantity)| (name, amount(&quantity))).collect()
}

pub fn limit_range(errors: &mut Errors, spec: &Value) {
    let all = SPEC.child("limits");
    let items = list(&spec["limits"]);
    for (index, item) in items.iter().enumerate() {
        let path = all.index(index);
        let kind = text(&item["type"]);
        let at = path.child("type");
        let wrong = names::qualified_name(kind);
        if wrong.is_empty() && !kind.contains('/') && !["Pod", "Container", "PersistentVolumeClaim"].contains(&kind) {
            errors.invalid(&at, kind, "must be a standard limit type or fully qualified");
        }
        errors.invalid_each(&at, kind, wrong);
        if items[..index].iter().any(|other| text(&other["type"]) == kind) {
            errors.duplicate(&at, kind);
        }
        let [max, min, mut default, mut request, ratio] =
            ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"].map(|key| amounts(&item[key]));
        let named = |errors: &mut Errors, key: &str, list: &Amounts| {
            let path = path.child(key);
            for name in list.keys() {
                if matches!(kind, "Pod" | "Container") {
                    resources::container_resource_name(errors, name, &path.key(name));
                } else {
                    resources::resource_name(errors, name, &path.key(name));
                }
            }
        };
        named(errors, "max", &max);
        named(errors, "min", &min);
        for (key, list) in [("default", &mut default), ("defaultRequest", &mut request)] {
            if kind != "Pod" {
                named(errors, key, list);
            } else if !list.is_empty() {
                errors.forbidden(&path.child(key), "may not be specified when `type` is 'Pod'");
                list.clear();
            }
        }
        if kind == "PersistentVolumeClaim" && !max.contains_key("storage") && !min.contains_key("storage") {
            let why = "either minimum or maximum storage value is required, but neither was provided";
            errors.required(&path.child("limits"), why);
        }
        named(errors, "maxLimitRequestRatio", &ratio);
        let mut names: Vec<&String> =
            [&max, &min, &default, &request, &ratio].into_iter().flat_map(Amounts::keys).collect();
        names.sort();
        names.dedup();
        for name in names {
            let [max, min, default, request, ratio] =
                [&max, &min, &default, &request, &ratio].map(|list| list.get(name.as_str()));
            compare(errors, name, &path, [max, min, default, request, ratio]);
        }
    }
}

/// How the amounts of one resource fit each other.
fn compare(errors: &mut Errors, name: &str, path: &Path, amounts: [Option<&Quantity>; 5]) {
    let [max, min, default, request, ratio] = amounts;
    let more = |one: Option<&Quantity>, other: Option<&Quantity>| match (one, other) {
        (Some(one), Some(other)) if one.sub(other).sign() > 0 => Some((one.clone(), other.clone())),
        _ => None,
    };
    let mut wrong = |at: &str, shown: &Quantity, why: String| {
        errors.invalid(&path.child(at).key(name), &shown.to_string(), &why);
    };
    if let Some((min, max)) = more(min, max) {
        wrong("min", &min, format!("min value {min} is greater than max value {max}"));
    }
    if let Some((min, request)) = more(min, request) {
        wrong("defaultRequest", &request, format!("min value {min} is greater than default request value {request}"));
    }
    if let Some((request, max)) = more(request, max) {
        wrong("defaultRequest", &request, format!("default request value {request} is greater than max value {max}"));
    }
    if let Some((request, default)) = more(request, default) {
        let why = format!("default request value {request} is greater than default limit value {default}");
        wrong("defaultRequest", &request, why);
    }
    if let Some((min, default)) = more(min, default) {
        wrong("default", &min, format!("min value {min} is greater than default value {default}"));
    }
    if let Some((default, max)) = more(default, max) {
        wrong("default", &max, format!("default value {default} is greater than max value {max}"));
    }
    if let Some(ratio) = ratio {
        if ratio.milli_value() < 1000 {
            wrong("maxLimitRequestRatio", ratio, format!("ratio {ratio} is less than 1"));
        }
        if let (Some(min), Some(max)) = (min, max) {
            let most = max.as_f64() / min.as_f64();
            if ratio.as_f64() > most {
                wrong("maxLimitRequestRatio", ratio, format!("ratio {ratio} is greater than max/min = {most:.6}"));
            }
        }
    }
    if let (Some(default), Some(request)) = (default, request)
        && !resources::overcommits(name)
        && default.sub(request).sign() != 0
    {
        let why = format!("default value {default} must equal to defaultRequest value {request} in {name}");
        wrong("defaultRequest", request, why);
    }
}

/// The resources that a quota can name without a domain.
fn is_quota_resource(name: &str) -> bool {
    matches!(
        name,
        "cpu"
            | "memory"
            | "ephemeral-storage"
            | "requests.cpu"
            | "requests.memory"
            | "requests.storage"
            | "requests.ephemeral-storage"
            | "limits.cpu"
            | "limits.memory"
            | "limits.ephemeral-storage"
            | "pods"
            | "resourcequotas"
            | "services"
            | "replicationcontrollers"
            | "secrets"
            | "persistentvolumeclaims"
            | "configmaps"
            | "services.nodeports"
            | "services.loadbalancers"
    ) || name.starts_with("hugepages-")
        || name.starts_with("requests.hugepages-")
}

const SCOPES: [&str; 7] = [
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "VolumeAttributesClass",
    "CrossNamespacePodAffinity",
];

/// Whether a scope can be asked of a resource.
fn scopes(scope: &str, resource: &str) -> bool {
    let compute = ["cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];
    match scope {
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | "requests.storage"),
        scope if SCOPES.contains(&scope) => resource == "pods" || compute.contains(&resource),
        _ => true,
    }
}

fn conflict(scopes: &[&str]) -> usize {
    let both = |one: &str, other: &str| scopes.contains(&one) && scopes.contains(&other);
    usize::from(both("BestEffort", "NotBestEffort")) + usize::from(both("Terminating", "NotTerminating"))
}

pub fn quota(errors: &mut Errors, spec: &Value) {
    let path = SPEC.child("hard");
    let hard = amounts(&spec["hard"]);
    for (name, quantity) in &hard {
        let path = path.key(name);
        resources::resource_name(errors, name, &path);
        if !name.contains('/') && !is_quota_resource(name) {
            errors.invalid(&path, name, "must be a standard resource for quota");
        }
        resources::quantity_value(errors, name, quantity, &path);
    }
    let unfit = |scope: &str| hard.keys().filter(|name| is_quota_resource(name) && !scopes(scope, name)).count();
    let path = SPEC.child("scopes");
    let given: Vec<&str> = list(&spec["scopes"]).iter().map(text).collect();
    for scope in &given {
        if !SCOPES.contains(scope) {
            errors.invalid(&path, &spec["scopes"], "unsupported scope");
        }
        for _ in 0..unfit(scope) {
            errors.invalid(&path, &spec["scopes"], "unsupported scope applied to resource");
        }
    }
    for _ in 0..conflict(&given) {
        errors.invalid(&path, &spec["scopes"], "conflicting scopes");
    }
    if !spec["scopeSelector"].is_object() {
        return;
    }
    let path = SPEC.child("scopeSelector.matchExpressions");
    let expressions = list(&spec["scopeSelector"]["matchExpressions"]);
    let dumped = |one: &Value| {
        let values = one["values"].clone();
        let (name, operator) = (json!(text(&one["scopeName"])), json!(text(&one["operator"])));
        format!("{{\"ScopeName\":{name},\"Operator\":{operator},\"Values\":{values}}}")
    };
    let shown = expressions.iter().map(dumped).collect::<Vec<_>>().join(",");
    let shown = Dump(format!("{{\"MatchExpressions\":[{shown}]}}"));
    for one in expressions {
        let (scope, operator) = (text(&one["scopeName"]), text(&one["operator"]));
        if !SCOPES.contains(&scope) {
            errors.invalid(&path.child("scopeName"), scope, "unsupported scope");
        }
        for _ in 0..unfit(scope) {
            errors.invalid(&path, &shown, "unsupported scope applied to resource");
        }
        let valueless = SCOPES.contains(&scope) && !matches!(scope, "PriorityClass" | "VolumeAttributesClass");
        if valueless && operator != "Exists" {
            let why = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
            errors.invalid(&path.child("operator"), operator, why);
        }
        let values = list(&one["values"]);
        match operator {
            "In" | "NotIn" if values.is_empty() => {
                let why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
                errors.required(&path.child("values"), why);
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
                errors.invalid(&path.child("values"), &one["values"], why);
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => errors.invalid(&path.child("operator"), other, "not a valid selector operator"),
        }
    }
    let given: Vec<&str> = expressions.iter().map(|one| text(&one["scopeName"])).collect();
    for _ in 0..conflict(&given) {
        let scopes = if spec["scopes"].is_null() { Value::Null } else { spec["scopes"].clone() };
        errors.invalid(&path, &scopes, "conflicting scopes");
    }
}
