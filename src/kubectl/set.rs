//! `kubectl set image`.

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
};

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    match args.args.split_first() {
        Some((what, rest)) if what == "image" => image(cx, args, rest).await,
        Some(_) => {
            Err(Failure::Usage { command: "set".into(), message: format!("unknown command {:?}", args.args.join(" ")) })
        }
        None => fail("You must specify what to set: image"),
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
