//! HorizontalPodAutoscalers in the version `autoscaling/v1`: one metric, the use of the processor, as a field of its own.
//! Objects are kept in v2; what came in v1 is given back in v1 (`pkg/apis/autoscaling/v1/conversion.go`).

use serde_json::{Map, Value, json};

use super::{Other, entry};

pub const V1: &str = "autoscaling/v1";

const TARGET: &str = "targetCPUUtilizationPercentage";
const CURRENT: &str = "currentCPUUtilizationPercentage";

/// Makes v2 of v1.
pub fn upgrade(object: &mut Other) {
    if object.older.take().is_none() {
        return;
    }
    let spec = entry(&mut object.content, "spec");
    if let Some(target) = spec.remove(TARGET) {
        let metric = json!({"type": "Resource", "resource": {"name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": target}}});
        spec.insert("metrics".into(), json!([metric]));
    }
    let status = entry(&mut object.content, "status");
    if let Some(current) = status.remove(CURRENT) {
        let metric = json!({"type": "Resource", "resource": {"name": "cpu",
            "current": {"averageUtilization": current, "averageValue": "0"}}});
        status.insert("currentMetrics".into(), json!([metric]));
    }
}

/// Makes v1 of v2. Metrics other than the processor's have no place in it.
pub fn downgrade(object: &mut Other) {
    object.older = Some(V1);
    for (part, list, amount, field) in
        [("spec", "metrics", "target", TARGET), ("status", "currentMetrics", "current", CURRENT)]
    {
        let part = entry(&mut object.content, part);
        let found = part.remove(list).and_then(|metrics| {
            let mut metrics = metrics.as_array().cloned().unwrap_or_default().into_iter();
            metrics.find_map(|metric| processor(&metric, amount))
        });
        if let Some(found) = found {
            part.insert(field.into(), found);
        }
        for key in ["behavior", "conditions"] {
            part.remove(key);
        }
    }
}

fn processor(metric: &Value, amount: &str) -> Option<Value> {
    let resource = metric.get("resource").filter(|resource| resource["name"] == "cpu")?;
    resource.get(amount)?.get("averageUtilization").cloned()
}

/// How fast it scales, where the object says that it minds.
pub(super) fn behavior(behavior: &mut Map<String, Value>) {
    let policy = |kind: &str, value: i32| json!({"type": kind, "value": value, "periodSeconds": 15});
    let up = json!({"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [policy("Pods", 4), policy("Percent", 100)]});
    let down = json!({"selectPolicy": "Max", "policies": [policy("Percent", 100)]});
    for (key, default) in [("scaleUp", up), ("scaleDown", down)] {
        let rules = entry(behavior, key);
        for (key, value) in default.as_object().into_iter().flatten() {
            if rules.get(key).is_none_or(Value::is_null) {
                rules.insert(key.clone(), value.clone());
            }
        }
    }
}
