//! `kubectl autoscale`: a HorizontalPodAutoscaler for something that scales (`kubectl/pkg/cmd/autoscale`).

use serde_json::{Value, json};

use super::{
    Args, Ctx, Failure, Outcome, fail, last_applied,
    program::finish,
    resource,
    write::{self, DryRun},
};
use crate::api::{Kind, Object, quantity::Quantity};

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let Some(max) = number(args, "max")? else { return fail("required flag(s) \"max\" not set") };
    let dry_run = DryRun::of(args)?;
    let min = number(args, "min")?.unwrap_or(-1);
    let percent = number(args, "cpu-percent")?.unwrap_or(-1);
    if args.get("cpu-percent").is_some() {
        cx.err(
            "Flag --cpu-percent has been deprecated, Use --cpu with percentage or resource quantity format (e.g., '70%' \
             for utilization or '500m' for milliCPU).\n",
        )
        .await;
    }
    if max < 1 {
        return fail(format!("--max=MAXPODS is required and must be at least 1, max: {max}"));
    }
    if max < min {
        return fail(format!("--max=MAXPODS must be larger or equal to --min=MINPODS, max: {max}, min: {min}"));
    }
    let given = |flag: &str| args.get(flag).filter(|text| !text.is_empty());
    if percent > 0 && given("cpu").is_some() {
        return fail("--cpu-percent and --cpu are mutually exclusive");
    }
    let mut metrics = Vec::new();
    if percent > 0 {
        metrics.push(metric("cpu", json!({"type": "Utilization", "averageUtilization": percent})));
    }
    for (name, unit) in [("cpu", "m"), ("memory", "Mi")] {
        if let Some(text) = given(name) {
            metrics.push(metric(name, target(name, unit, text.trim())?));
        }
    }
    let found = resource::fetch_chosen(cx, args, &args.args).await?;
    if found.objects.is_empty() && found.failures.is_empty() {
        return fail("no objects passed to autoscale");
    }
    let mut failures = found.failures;
    for object in &found.objects {
        let mut spec = json!({
            "scaleTargetRef": {"apiVersion": object.kind().api_version(), "kind": object.kind().name(), "name": object.name()},
            "maxReplicas": max,
        });
        if min > 0 {
            spec["minReplicas"] = min.into();
        }
        if !metrics.is_empty() {
            spec["metrics"] = metrics.clone().into();
        }
        failures.extend(one(cx, args, object, spec, dry_run).await.err());
    }
    finish(cx, failures).await
}

async fn one(cx: &Ctx, args: &Args, object: &Object, spec: Value, dry_run: DryRun) -> Result<(), Failure> {
    let kind = object.kind();
    let scales = [Kind::Deployment, Kind::ReplicaSet, Kind::ReplicationController, Kind::StatefulSet];
    if !scales.contains(&kind) {
        return fail(format!(
            "cannot autoscale a {kind}: could not find scale subresource for {}/{}, Resource={} in discovery information",
            kind.group(),
            kind.version(),
            kind.plural()
        ));
    }
    let name = args.get("name").filter(|name| !name.is_empty()).unwrap_or(object.name());
    let made = Kind::HorizontalPodAutoscaler;
    let mut value = json!({
        "apiVersion": made.api_version(),
        "kind": made.name(),
        "metadata": {"name": name},
        "spec": spec,
    });
    if cx.namespace_given {
        value["metadata"]["namespace"] = cx.namespace.as_str().into();
    }
    if dry_run == DryRun::Client {
        return write::report(cx, args, made, &value, "created", dry_run).await;
    }
    if args.on("save-config") {
        last_applied::annotate(&mut value);
    }
    let options = write::options(args, dry_run, "kubectl-autoscale");
    let created = match write::create(cx, made, &cx.namespace, value, options).await {
        Ok(created) => created,
        // Whatever the reason is, the older version is tried, which knows shares of the CPU alone.
        Err(_) if args.get("cpu").unwrap_or_default().is_empty() => {
            return fail(
                "failed to create autoscaling/v2 HPA and the configuration is incompatible with autoscaling/v1: empty input",
            );
        }
        Err(error) => return Err(error.into()),
    };
    write::report_object(cx, args, &created, "autoscaled", dry_run).await
}

fn metric(name: &str, target: Value) -> Value {
    json!({"type": "Resource", "resource": {"name": name, "target": target}})
}

/// `80%` of what is requested, or an amount; a bare number counts in `unit`.
fn target(name: &str, unit: &str, text: &str) -> Result<Value, Failure> {
    if let Some(percent) = text.strip_suffix('%') {
        return match percent.parse::<i32>() {
            Ok(percent) if percent >= 0 => Ok(json!({"type": "Utilization", "averageUtilization": percent})),
            _ => fail(format!("invalid percentage value: {percent}")),
        };
    }
    let amount = if text.parse::<f64>().is_ok() { format!("{text}{unit}") } else { text.to_string() };
    match amount.parse::<Quantity>() {
        Ok(amount) => Ok(json!({"type": "AverageValue", "averageValue": amount.to_string()})),
        Err(_) => fail(format!("invalid resource {name} value: {text}")),
    }
}

fn number(args: &Args, flag: &str) -> Result<Option<i32>, Failure> {
    let Some(text) = args.get(flag) else { return Ok(None) };
    super::flags::integer(text, &format!("--{flag}")).map(Some).map_err(Failure::Message)
}
