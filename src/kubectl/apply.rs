//! `kubectl apply`: the client-side three-way merge with its annotation, and `--server-side`.

use serde_json::Value;

use super::{
    Args, Ctx, Failure, Outcome,
    apply_patch::{difference, three_way},
    files::{self, Loaded},
    target,
    write::{self, DryRun},
};
use crate::api::client::{Patch, Subresource};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    if args.each("filename").is_empty() {
        return Err(Failure::Message("must specify one of -f and -k".into()));
    }
    let dry_run = DryRun::of(args)?;
    let mut failures = Vec::new();
    let mut count = 0;
    for item in files::load_each(cx, args).await? {
        count += 1;
        let result = match item {
            Ok(loaded) if args.on("server-side") => server_side(cx, args, loaded, dry_run).await,
            Ok(loaded) => client_side(cx, args, loaded, dry_run).await,
            Err(failure) => Err(failure),
        };
        failures.extend(result.err());
    }
    if count == 0 {
        return Err(Failure::Message("no objects passed to apply".into()));
    }
    target::finish(cx, failures).await
}

/// Writes what is applied into the object's annotation: compact JSON, keys sorted, a newline.
pub fn annotate(value: &mut Value) {
    let meta = &mut value["metadata"];
    if let Some(annotations) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    // kubectl writes the annotations even when there are none.
    if !meta["annotations"].is_object() {
        meta["annotations"] = Value::Object(serde_json::Map::new());
    }
    let text = format!("{value}\n");
    value["metadata"]["annotations"][LAST_APPLIED] = Value::String(text);
}

async fn client_side(cx: &Ctx, args: &Args, loaded: Loaded, dry_run: DryRun) -> Result<(), Failure> {
    let Loaded { source, kind, namespace, name, mut value } = loaded;
    if name.is_empty() {
        let prefix = value["metadata"]["generateName"].as_str().unwrap_or_default();
        if !prefix.is_empty() {
            return Err(Failure::Message(format!("from {prefix}: cannot use generate name with apply")));
        }
        return Err(Failure::Message(format!(
            "error when retrieving current configuration of:\nResource: \"{}, Resource={}\", GroupVersionKind: \"{}, \
             Kind={kind}\"\nName: \"\", Namespace: \"{namespace}\"\nfrom server for: \"{source}\": resource name may \
             not be empty",
            slashed(&kind.api_version()),
            kind.plural(),
            slashed(&kind.api_version()),
        )));
    }
    annotate(&mut value);
    let options = write::options(args, dry_run, "kubectl-client-side-apply");
    let live = match cx.client.get(kind, &namespace, &name).await {
        Ok(object) => object.to_value(),
        Err(error) if error.is_not_found() => {
            if dry_run != DryRun::Client {
                let created = write::create(cx, kind, &namespace, value, options).await;
                value = created.map_err(|error| write::refused("creating", &source, error))?.to_value();
            }
            return write::report(cx, args, kind, &value, "created", dry_run).await;
        }
        Err(error) => return Err(Failure::Server(error)),
    };
    let annotation = live["metadata"]["annotations"][LAST_APPLIED].as_str();
    if annotation.is_none() {
        cx.err(format!(
            "Warning: resource {}/{name} is missing the {LAST_APPLIED} annotation which is required by kubectl apply. \
             kubectl apply should only be used on resources created declaratively by either kubectl create \
             --save-config or kubectl apply. The missing annotation will be patched automatically.\n",
            kind.qualified()
        ))
        .await;
    }
    let last = annotation.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    let mut merged = three_way(&last, &value, &live);
    // A creationTimestamp: null or a status of the file is not the user's to set.
    for key in ["creationTimestamp", "resourceVersion", "uid", "managedFields", "generation"] {
        restore(&mut merged["metadata"], &live["metadata"], key);
    }
    restore(&mut merged, &live, "status");
    let patch = difference(&live, &merged);
    let unchanged = patch.as_object().is_none_or(serde_json::Map::is_empty);
    if unchanged || dry_run == DryRun::Client {
        let verb = if unchanged { "unchanged" } else { "configured" };
        return write::report(cx, args, kind, &merged, verb, dry_run).await;
    }
    let patched = cx.client.patch(kind, &namespace, &name, Subresource::None, Patch::Merge(patch), options).await;
    let written = patched.map_err(|error| write::refused("applying patch to", &source, error))?;
    let object = write::warned(cx, written).await;
    write::report(cx, args, kind, &object.to_value(), "configured", dry_run).await
}

fn restore(to: &mut Value, from: &Value, key: &str) {
    let Some(to) = to.as_object_mut() else { return };
    match from.get(key) {
        Some(value) => to.insert(key.into(), value.clone()),
        None => to.remove(key),
    };
}

/// `/v1` for the core group, as Go prints a GroupVersion.
fn slashed(api_version: &str) -> String {
    if api_version.contains('/') { api_version.into() } else { format!("/{api_version}") }
}

async fn server_side(cx: &Ctx, args: &Args, loaded: Loaded, dry_run: DryRun) -> Result<(), Failure> {
    let Loaded { source, kind, namespace, name, value } = loaded;
    if dry_run == DryRun::Client {
        let message = "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)";
        return Err(Failure::Message(message.into()));
    }
    let options = write::options(args, dry_run, "kubectl");
    let applied = cx.client.patch(kind, &namespace, &name, Subresource::None, Patch::Apply(value), options).await;
    let written = applied.map_err(|error| write::refused("applying", &source, error))?;
    let object = write::warned(cx, written).await;
    write::report(cx, args, kind, &object.to_value(), "serverside-applied", dry_run).await
}
