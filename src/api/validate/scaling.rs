//! HorizontalPodAutoscalers (`pkg/apis/autoscaling/validation`).

use serde_json::Value;

use super::{
    meta::Name,
    others::{list, text},
    resources,
};
use crate::api::{
    field::{Errors, Path},
    names,
    quantity::Quantity,
};

const SPEC: Path<'static> = Path::root("spec");
const LONGEST_WINDOW: i64 = 3600;
const LONGEST_PERIOD: i64 = 1800;

/// The types of metrics and the fields that tell of them, in the order in which they are looked at.
const SOURCES: [(&str, &str); 5] = [
    ("Object", "object"),
    ("External", "external"),
    ("Pods", "pods"),
    ("Resource", "resource"),
    ("ContainerResource", "containerResource"),
];

pub fn autoscaler(errors: &mut Errors, spec: &Value) {
    let (least, most) = (spec["minReplicas"].as_i64(), spec["maxReplicas"].as_i64().unwrap_or(0));
    if let Some(least) = least.filter(|least| *least < 1) {
        errors.invalid(&SPEC.child("minReplicas"), &least, "must be greater than or equal to 1");
    }
    let path = SPEC.child("maxReplicas");
    if most == 0 {
        errors.required(&path, "must be set and greater than 0");
    } else if most < 0 {
        errors.invalid(&path, &most, "must be greater than or equal to 1");
    }
    if least.is_some_and(|least| most < least) {
        errors.invalid(&path, &most, "must be greater than or equal to `minReplicas`");
    }
    reference(errors, &spec["scaleTargetRef"], &SPEC.child("scaleTargetRef"));
    let path = SPEC.child("metrics");
    for (at, one) in list(&spec["metrics"]).iter().enumerate() {
        metric(errors, one, &path.index(at));
    }
    let path = SPEC.child("behavior");
    for key in ["scaleUp", "scaleDown"] {
        rules(errors, &spec["behavior"][key], &path.child(key));
    }
}

fn path_name(errors: &mut Errors, value: &Value, why: &str, path: &Path) {
    match text(value) {
        "" => errors.required(path, why),
        name => errors.invalid_each(path, name, Name::Path.check(name)),
    }
}

fn reference(errors: &mut Errors, of: &Value, path: &Path) {
    path_name(errors, &of["kind"], "", &path.child("kind"));
    path_name(errors, &of["name"], "", &path.child("name"));
    let version = text(&of["apiVersion"]);
    if version.matches('/').count() > 1 {
        errors.invalid(&path.child("apiVersion"), version, &format!("unexpected GroupVersion string: {version}"));
    }
}

fn metric(errors: &mut Errors, metric: &Value, path: &Path) {
    let supported = ["ContainerResource", "External", "Object", "Pods", "Resource"];
    let kind = text(&metric["type"]);
    let known = SOURCES.iter().find(|(name, _)| *name == kind).map(|(_, field)| *field);
    if kind.is_empty() {
        errors.required(&path.child("type"), "must specify a metric source type");
    }
    if known.is_none() {
        errors.not_supported(&path.child("type"), kind, &supported);
    }
    let mut present: Vec<&str> = SOURCES.iter().map(|(_, field)| *field).filter(|f| metric[*f].is_object()).collect();
    if let Some(first) = present.first() {
        source(errors, first, &metric[*first], &path.child(first));
    }
    match known {
        Some(field) if !present.contains(&field) => {
            errors.required(&path.child(field), "must populate information for the given metric source");
        }
        Some(_) => {}
        None => errors.not_supported(&path.child("type"), kind, &supported),
    }
    if present.len() != 1 {
        present.retain(|field| Some(*field) != known);
        for field in present {
            errors.forbidden(&path.child(field), "must populate the given metric source only");
        }
    }
}

fn source(errors: &mut Errors, field: &str, source: &Value, path: &Path) {
    let target_path = path.child("target");
    let given = |key: &str| !source["target"][key].is_null();
    match field {
        "resource" | "containerResource" => {
            let name = text(&source["name"]);
            if name.is_empty() {
                errors.required(&path.child("name"), "must specify a resource name");
            } else if field == "containerResource" {
                resources::container_resource_name(errors, name, &path.child("name"));
            }
            if field == "containerResource" {
                match text(&source["container"]) {
                    "" => errors.required(&path.child("container"), "must specify a container"),
                    name => errors.invalid_each(&path.child("container"), name, names::dns1123_label(name)),
                }
            }
            target(errors, &source["target"], &target_path);
            match (given("averageUtilization"), given("averageValue")) {
                (false, false) => errors.required(
                    &target_path.child("averageUtilization"),
                    "must set either a target raw value or a target utilization",
                ),
                (true, true) => errors.forbidden(
                    &target_path.child("averageValue"),
                    "may not set both a target raw value and a target utilization",
                ),
                _ => {}
            }
            return;
        }
        "object" => reference(errors, &source["describedObject"], &path.child("describedObject")),
        _ => {}
    }
    let metric = path.child("metric");
    path_name(errors, &source["metric"]["name"], "must specify a metric name", &metric.child("name"));
    target(errors, &source["target"], &target_path);
    let (value, average) = (given("value"), given("averageValue"));
    let path = target_path.child("averageValue");
    match field {
        "object" if !value && !average => errors.required(&path, "must set either a target value or averageValue"),
        "external" if !value && !average => {
            errors.required(&path, "must set either a target value for metric or a per-pod target");
        }
        "external" if value && average => {
            let why = "may not set both a target value for metric and a per-pod target";
            errors.forbidden(&target_path.child("value"), why);
        }
        "pods" if !average => errors.required(&path, "must specify a positive target averageValue"),
        _ => {}
    }
}

fn target(errors: &mut Errors, target: &Value, path: &Path) {
    let kind = text(&target["type"]);
    if kind.is_empty() {
        errors.required(&path.child("type"), "must specify a metric target type");
    }
    if !["Utilization", "Value", "AverageValue"].contains(&kind) {
        errors.invalid(&path.child("type"), kind, "must be either Utilization, Value, or AverageValue");
    }
    for key in ["value", "averageValue"] {
        let amount: Option<Quantity> = target[key].as_str().and_then(|amount| amount.parse().ok());
        if let Some(amount) = amount.filter(|amount| amount.sign() != 1) {
            errors.invalid(&path.child(key), &amount.to_string(), "must be positive");
        }
    }
    if let Some(share) = target["averageUtilization"].as_i64().filter(|share| *share < 1) {
        errors.invalid(&path.child("averageUtilization"), &share, "must be greater than 0");
    }
}

fn rules(errors: &mut Errors, rules: &Value, path: &Path) {
    if !rules.is_object() {
        return;
    }
    if let Some(window) = rules["stabilizationWindowSeconds"].as_i64() {
        let path = path.child("stabilizationWindowSeconds");
        if window < 0 {
            errors.invalid(&path, &window, "must be greater than or equal to zero");
        }
        if window > LONGEST_WINDOW {
            errors.invalid(&path, &window, &format!("must be less than or equal to {LONGEST_WINDOW}"));
        }
    }
    if let Some(choice) = rules["selectPolicy"].as_str().filter(|c| !["Disabled", "Max", "Min"].contains(c)) {
        errors.not_supported(&path.child("selectPolicy"), choice, &["Disabled", "Max", "Min"]);
    }
    let path = path.child("policies");
    let policies = list(&rules["policies"]);
    if policies.is_empty() {
        errors.required(&path, "must specify at least one Policy");
    }
    for (at, policy) in policies.iter().enumerate() {
        let path = path.index(at);
        let kind = text(&policy["type"]);
        if !["Pods", "Percent"].contains(&kind) {
            errors.not_supported(&path.child("type"), kind, &["Percent", "Pods"]);
        }
        for key in ["value", "periodSeconds"] {
            let number = policy[key].as_i64().unwrap_or(0);
            if number <= 0 {
                errors.invalid(&path.child(key), &number, "must be greater than zero");
            }
            if key == "periodSeconds" && number > LONGEST_PERIOD {
                errors.invalid(&path.child(key), &number, &format!("must be less than or equal to {LONGEST_PERIOD}"));
            }
        }
    }
}
