//! `kubectl set`: image, env, resources, selector, serviceaccount.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Args, Ctx, Failure, Outcome, fail,
    program::finish,
    resource,
    write::{self, DryRun},
};
use crate::api::{
    Object,
    client::{Patch, Subresource},
    selector::LabelSelector,
};

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    match args.args.split_first() {
        Some((what, rest)) if what == "image" => image(cx, args, rest).await,
        Some((what, rest)) if what == "env" => env(cx, args, rest).await,
        Some((what, rest)) if what == "resources" => resources(cx, args, rest).await,
        Some((what, rest)) if ["serviceaccount", "sa"].contains(&what.as_str()) => {
            service_account(cx, args, rest).await
        }
        Some((what, rest)) if what == "selector" => selector(cx, args, rest).await,
        Some(_) => {
            Err(Failure::Usage { command: "set".into(), message: format!("unknown command {:?}", args.args.join(" ")) })
        }
        None => fail("You must specify what to set: env, image, resources, selector or serviceaccount"),
    }
}

async fn image(cx: &Ctx, args: &Args, words: &[String]) -> Outcome {
    let (changes, resources): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| word.contains('='));
    let mut images = Vec::new();
    for change in changes {
        match change.split_once('=') {
            Some((container, image)) if !container.is_empty() && !image.is_empty() => images.push((container, image)),
            _ => return fail(format!("invalid image spec: {change}")),
        }
    }
    if resources.is_empty() && args.each("filename").is_empty() {
        return fail("one or more resources must be specified as <resource> <name> or <resource>/<name>");
    }
    if images.is_empty() {
        return fail("at least one image update is required");
    }
    let dry_run = DryRun::of(args)?;
    let resources: Vec<String> = resources.into_iter().cloned().collect();
    let found = resource::fetch_chosen(cx, args, &resources).await?;
    let mut failures = found.failures;
    for object in found.objects {
        failures.extend(one(cx, args, &object, &images, dry_run).await.err());
    }
    finish(cx, failures).await
}

async fn one(cx: &Ctx, args: &Args, object: &Object, images: &[(&str, &str)], dry_run: DryRun) -> Result<(), Failure> {
    let before = object.to_value();
    let mut value = before.clone();
    let of_template = value.pointer("/spec/template/spec").is_some();
    let path = if of_template { "/spec/template/spec" } else { "/spec" };
    let Some(spec) = value.pointer_mut(path) else { return fail("the object has no containers") };
    let mut changed = serde_json::Map::new();
    for (name, image) in images {
        let mut found = false;
        for list in ["initContainers", "containers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                let known = container["name"].as_str().unwrap_or_default().to_string();
                if *name != "*" && known != *name {
                    continue;
                }
                found = true;
                if container["image"].as_str() != Some(image) {
                    container["image"] = (*image).into();
                    let changes = changed.entry(list).or_insert_with(|| json!([]));
                    if let Some(changes) = changes.as_array_mut() {
                        changes.push(json!({"name": known, "image": image}));
                    }
                }
            }
        }
        if !found {
            return fail(format!("unable to find container named \"{name}\""));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    if dry_run != DryRun::Client {
        let spec = Value::Object(changed);
        let patch = if of_template { json!({"spec": {"template": {"spec": spec}}}) } else { json!({"spec": spec}) };
        let options = write::options(args, dry_run, "kubectl-set");
        let (namespace, name) = (object.namespace(), object.name());
        let patch = Patch::Strategic(patch);
        let patched = cx.client.patch(object.kind(), namespace, name, Subresource::None, patch, options).await?;
        value = write::warned(cx, patched).await.to_value();
    }
    write::report(cx, args, object.kind(), &value, "image updated", dry_run).await
}

/// Sends a change of an object's pod spec, or of that of its template, and reports it.
async fn change(cx: &Ctx, args: &Args, object: &Object, spec: Value, verb: &str) -> Result<(), Failure> {
    let dry_run = DryRun::of(args)?;
    let path = template_of(object);
    let mut value = object.to_value();
    if dry_run != DryRun::Client {
        let patch = path.iter().rev().fold(spec, |inner, key| json!({*key: inner}));
        let options = write::options(args, dry_run, "kubectl-set");
        let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
        let patched =
            cx.client.patch(kind, namespace, name, Subresource::None, Patch::Strategic(patch), options).await?;
        value = write::warned(cx, patched).await.to_value();
    }
    write::report(cx, args, object.kind(), &value, verb, dry_run).await
}

/// Where an object's pod spec is.
fn template_of(object: &Object) -> &'static [&'static str] {
    match object {
        Object::Other(other) if other.template_path() == Some("spec/template") => &["spec", "template", "spec"],
        Object::Other(other) if other.template_path().is_some() => &["spec", "jobTemplate", "spec", "template", "spec"],
        _ => &["spec"],
    }
}

/// The names of an object's containers that `-c` chooses, and what they are.
fn chosen(args: &Args, object: &Object) -> Vec<Value> {
    let value = object.to_value();
    let spec = template_of(object).iter().fold(&value, |value, key| &value[*key]);
    let wanted = args.get("containers").unwrap_or("*");
    let all = spec["containers"].as_array().cloned().unwrap_or_default();
    all.into_iter().filter(|c| wanted == "*" || wanted.split(',').any(|name| c["name"] == name)).collect()
}

fn words_of(rest: &[String], is_change: impl Fn(&str) -> bool) -> (Vec<String>, Vec<String>) {
    rest.iter().cloned().partition(|word| !is_change(word))
}

async fn env(cx: &Ctx, args: &Args, rest: &[String]) -> Outcome {
    let (words, changes) = words_of(rest, |word| word.contains('=') || word.ends_with('-'));
    if words.is_empty() && args.each("filename").is_empty() {
        return fail("one or more resources must be specified as <resource> <name> or <resource>/<name>");
    }
    let mut wanted: Vec<Value> = Vec::new();
    for change in &changes {
        wanted.push(match change.split_once('=') {
            Some((name, value)) => json!({"name": name, "value": value}),
            None => json!({"name": change.trim_end_matches('-'), "$patch": "delete"}),
        });
    }
    if let Some(from) = args.get("from") {
        wanted.extend(keys_of(cx, args, from).await?);
    }
    if wanted.is_empty() && !args.on("list") {
        return fail("at least one environment variable must be provided");
    }
    let found = resource::fetch_chosen(cx, args, &words).await?;
    let mut failures = found.failures;
    for object in found.objects {
        let containers = chosen(args, &object);
        if args.on("list") {
            for container in containers {
                cx.out(listed(&object, &container)).await;
            }
            continue;
        }
        let patch: Vec<Value> = containers.iter().map(|c| json!({"name": c["name"], "env": wanted})).collect();
        failures.extend(change(cx, args, &object, json!({"containers": patch}), "env updated").await.err());
    }
    finish(cx, failures).await
}

/// The variables of a container, as they are listed.
fn listed(object: &Object, container: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let mut out = format!("# {} {}, container {}\n", object.kind(), object.name(), text(&container["name"]));
    for variable in container["env"].as_array().into_iter().flatten() {
        let name = text(&variable["name"]);
        let from = &variable["valueFrom"];
        let key =
            |of: &Value, kind: &str| format!("# {name} from {kind} {}, key {}\n", text(&of["name"]), text(&of["key"]));
        out += &match from.as_object().and_then(|from| from.iter().next()) {
            Some((kind, of)) if kind == "configMapKeyRef" => key(of, "configmap"),
            Some((kind, of)) if kind == "secretKeyRef" => key(of, "secret"),
            Some((kind, of)) if kind == "fieldRef" => format!("# {name} from field path {}\n", text(&of["fieldPath"])),
            Some((_, of)) => format!("# {name} from resource {}\n", text(&of["resource"])),
            None => format!("{name}={}\n", text(&variable["value"])),
        };
    }
    out
}

/// Variables from the keys of a ConfigMap or Secret.
async fn keys_of(cx: &Ctx, args: &Args, from: &str) -> Result<Vec<Value>, Failure> {
    let found = resource::fetch_chosen(cx, args, &[from.to_string()]).await?;
    if let Some(failure) = found.failures.into_iter().next() {
        return Err(failure);
    }
    let prefix = args.get("prefix").unwrap_or_default();
    let mut variables = Vec::new();
    for object in &found.objects {
        let reference = match object {
            Object::ConfigMap(_) => "configMapKeyRef",
            Object::Secret(_) => "secretKeyRef",
            _ => return fail(format!("unsupported resource specified in --from: {from}")),
        };
        for key in object.to_value()["data"].as_object().into_iter().flatten().map(|(key, _)| key) {
            let name = format!("{prefix}{}", key.to_ascii_uppercase().replace(['-', '.'], "_"));
            variables.push(json!({"name": name, "valueFrom": {reference: {"name": object.name(), "key": key}}}));
        }
    }
    Ok(variables)
}

/// `cpu=200m,memory=256Mi`
fn amounts(text: &str) -> Result<Value, Failure> {
    let mut amounts = serde_json::Map::new();
    for pair in text.split(',').filter(|pair| !pair.is_empty()) {
        let Some((name, amount)) = pair.split_once('=') else {
            return fail(format!("invalid argument syntax {pair}, expected <resource>=<value>"));
        };
        amounts.insert(name.into(), amount.into());
    }
    Ok(Value::Object(amounts))
}

async fn resources(cx: &Ctx, args: &Args, rest: &[String]) -> Outcome {
    let (limits, requests) = (args.get("limits"), args.get("requests"));
    if limits.is_none() && requests.is_none() {
        return fail("you must specify an update to requests or limits (in the form of --requests/--limits)");
    }
    let mut wanted = serde_json::Map::new();
    for (key, text) in [("limits", limits), ("requests", requests)] {
        if let Some(text) = text {
            wanted.insert(key.into(), amounts(text)?);
        }
    }
    let found = resource::fetch_chosen(cx, args, rest).await?;
    let mut failures = found.failures;
    for object in found.objects {
        let containers = chosen(args, &object);
        let patch: Vec<Value> = containers.iter().map(|c| json!({"name": c["name"], "resources": wanted})).collect();
        let patch = json!({"containers": patch});
        failures.extend(change(cx, args, &object, patch, "resource requirements updated").await.err());
    }
    finish(cx, failures).await
}

async fn service_account(cx: &Ctx, args: &Args, rest: &[String]) -> Outcome {
    let Some((account, words)) = rest.split_last().filter(|(_, words)| !words.is_empty()) else {
        return fail("serviceaccount is required");
    };
    let found = resource::fetch_chosen(cx, args, words).await?;
    let mut failures = found.failures;
    for object in found.objects {
        let patch = json!({"serviceAccountName": account, "serviceAccount": account});
        failures.extend(change(cx, args, &object, patch, "serviceaccount updated").await.err());
    }
    finish(cx, failures).await
}

/// A Service's selector becomes what the last word says.
async fn selector(cx: &Ctx, args: &Args, rest: &[String]) -> Outcome {
    let dry_run = DryRun::of(args)?;
    let Some((expression, words)) = rest.split_last() else { return fail("one selector is required") };
    let wanted = LabelSelector::parse(expression)
        .map_err(|why| Failure::Message(format!("couldn't parse the selector string \"{expression}\": {why}")))?;
    let labels = wanted
        .exact()
        .ok_or_else(|| Failure::Message(format!("match expression {expression} not supported on this object")))?;
    let found = resource::fetch_chosen(cx, args, words).await?;
    let mut failures = found.failures;
    for object in &found.objects {
        failures.extend(select(cx, args, object, &labels, dry_run).await.err());
    }
    finish(cx, failures).await
}

async fn select(
    cx: &Ctx,
    args: &Args,
    object: &Object,
    labels: &BTreeMap<String, String>,
    dry_run: DryRun,
) -> Result<(), Failure> {
    let Object::Service(service) = object else { return fail("setting a selector is only supported for Services") };
    let old = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let gone = old.into_iter().flatten().filter(|(key, _)| !labels.contains_key(*key));
    let mut changes: serde_json::Map<String, Value> = gone.map(|(key, _)| (key.clone(), Value::Null)).collect();
    changes.extend(labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())));
    let mut patch = json!({"spec": {"selector": changes}});
    if let Some(version) = args.get("resource-version").filter(|version| !version.is_empty()) {
        patch["metadata"] = json!({"resourceVersion": version});
    }
    let mut value = object.to_value();
    if dry_run == DryRun::Client {
        value["spec"]["selector"] = json!(labels);
    } else {
        let options = write::options(args, dry_run, "kubectl-set");
        let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
        let patch = Patch::Strategic(patch);
        let patched = cx.client.patch(kind, namespace, name, Subresource::None, patch, options).await?;
        value = write::warned(cx, patched).await.to_value();
    }
    write::report(cx, args, object.kind(), &value, "selector updated", dry_run).await
}
