//! HorizontalPodAutoscalers.

use serde_json::Value;

use super::{annotations, labels};
use crate::api::other::Other;

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

/// One metric: where it comes from, what it is and what it should be.
fn metric(metric: &Value, current: Option<&Value>) -> String {
    let (key, what) = match metric["type"].as_str().unwrap_or_default() {
        "External" => ("external", format!("{:?}", metric["external"]["metric"]["name"].as_str().unwrap_or_default())),
        "Pods" => ("pods", format!("{:?} on pods", metric["pods"]["metric"]["name"].as_str().unwrap_or_default())),
        "Object" => {
            let (name, on) = (&metric["object"]["metric"]["name"], &metric["object"]["describedObject"]);
            ("object", format!("\"{}\" on {}/{} ", shown(name), shown(&on["kind"]), shown(&on["name"])))
        }
        "Resource" => ("resource", format!("resource {} on pods", shown(&metric["resource"]["name"]))),
        "ContainerResource" => {
            let (name, container) = (&metric["containerResource"]["name"], &metric["containerResource"]["container"]);
            ("containerResource", format!("resource {} of container \"{}\" on pods", shown(name), shown(container)))
        }
        other => return format!("  <unknown metric type {other:?}>\n"),
    };
    let target = &metric[key]["target"];
    let now = current.map_or(&Value::Null, |status| &status[key]["current"]);
    let of = |value: &Value, field: &str, absent: &str| match &value[field] {
        Value::Null => absent.to_string(),
        value => shown(value),
    };
    let average = !target["averageValue"].is_null();
    let (how, field) = match (key, average) {
        ("external", true) => (" (target average value)", "averageValue"),
        ("external", false) => (" (target value)", "value"),
        ("object", true) => ("(target average value)", "averageValue"),
        ("object", false) => ("(target value)", "value"),
        (_, true) | ("pods", _) => ("", "averageValue"),
        _ => {
            let now = match &now["averageUtilization"] {
                Value::Null => "<unknown>".to_string(),
                share => format!("{share}% ({})", of(now, "averageValue", "0")),
            };
            let target = match &target["averageUtilization"] {
                Value::Null => "<auto>".to_string(),
                share => format!("{share}%"),
            };
            return format!("  {what}  (as a percentage of request):\t{now} / {target}\n");
        }
    };
    format!("  {what}{how}:\t{} / {}\n", of(now, field, "<unknown>"), of(target, field, "<nil>"))
}

fn direction(out: &mut String, name: &str, rules: &Value) {
    if !rules.is_object() {
        return;
    }
    out.push_str(&format!("  {name}:\n"));
    if let Some(seconds) = rules["stabilizationWindowSeconds"].as_i64() {
        out.push_str(&format!("    Stabilization Window: {seconds} seconds\n"));
    }
    let policies = rules["policies"].as_array().filter(|policies| !policies.is_empty());
    if let Some(policies) = policies {
        out.push_str(&format!("    Select Policy: {}\n", rules["selectPolicy"].as_str().unwrap_or("Max")));
        out.push_str("    Policies:\n");
        for policy in policies {
            let (kind, value, period) = (shown(&policy["type"]), &policy["value"], &policy["periodSeconds"]);
            out.push_str(&format!("      - Type: {kind}\tValue: {value}\tPeriod: {period} seconds\n"));
        }
    }
}

pub fn describe(out: &mut String, o: &Other) {
    let meta = &o.metadata;
    let (namespace, name) = (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    out.push_str(&format!("Name:\t{name}\nNamespace:\t{namespace}\n"));
    labels(out, "Labels:", meta.labels.as_ref());
    annotations(out, meta.annotations.as_ref());
    let created = meta.creation_timestamp.as_ref();
    let created = created.map(|time| time.0.strftime("%a, %d %b %Y %H:%M:%S %z").to_string()).unwrap_or_default();
    out.push_str(&format!("CreationTimestamp:\t{created}\n"));
    let target = o.text("spec/scaleTargetRef/kind");
    out.push_str(&format!("Reference:\t{target}/{}\n", o.text("spec/scaleTargetRef/name")));
    out.push_str("Metrics:\t( current / target )\n");
    for (at, wanted) in o.at("spec/metrics").as_array().into_iter().flatten().enumerate() {
        out.push_str(&metric(wanted, o.at("status/currentMetrics").get(at)));
    }
    let least = o.at("spec/minReplicas").as_i64().map_or("<unset>".to_string(), |count| count.to_string());
    out.push_str(&format!("Min replicas:\t{least}\nMax replicas:\t{}\n", o.at("spec/maxReplicas")));
    if o.at("spec/behavior").is_object() {
        out.push_str("Behavior:\n");
        direction(out, "Scale Up", o.at("spec/behavior/scaleUp"));
        direction(out, "Scale Down", o.at("spec/behavior/scaleDown"));
    }
    let count = |path: &str| o.at(path).as_i64().unwrap_or(0);
    out.push_str(&format!(
        "{target} pods:\t{} current / {} desired\n",
        count("status/currentReplicas"),
        count("status/desiredReplicas")
    ));
    let conditions = o.at("status/conditions").as_array().filter(|all| !all.is_empty());
    if let Some(conditions) = conditions {
        out.push_str("Conditions:\n  Type\tStatus\tReason\tMessage\n  ----\t------\t------\t-------\n");
        for condition in conditions {
            let cells = ["type", "status", "reason", "message"].map(|key| of_text(&condition[key]));
            out.push_str(&format!("  {}\n", cells.join("\t")));
        }
    }
}

fn of_text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}
