//! `kubectl apply`: the client-side three-way merge with its annotation, and `--server-side`.

use serde_json::Value;

use super::{
    Args, Ctx, Failure, Outcome,
    files::{self, Loaded},
    last_applied,
    printers::compact,
    write::{self, DryRun},
};
use crate::api::{
    Object,
    client::{Patch, Subresource, WriteOptions},
    patch,
};

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    match args.args.first().map(String::as_str) {
        Some("view-last-applied") => return last_applied::view(cx, args).await,
        Some("set-last-applied") => return last_applied::set(cx, args).await,
        Some(_) => {
            let message = format!("Unexpected args: [{}]", args.args.join(" "));
            return Err(Failure::Usage { command: "apply".into(), message });
        }
        None => files::required(args)?,
    }
    let dry_run = DryRun::of(args)?;
    if args.on("server-side") {
        if dry_run == DryRun::Client {
            let message = "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)";
            return Err(Failure::Message(message.into()));
        }
        return files::for_each(cx, args, "apply", async |loaded| server_side(cx, args, loaded, dry_run).await).await;
    }
    if args.on("force-conflicts") {
        return Err(Failure::Message("--force-conflicts only works with --server-side".into()));
    }
    files::for_each(cx, args, "apply", async |loaded| client_side(cx, args, loaded, dry_run).await).await
}

async fn client_side(cx: &Ctx, args: &Args, loaded: Loaded, dry_run: DryRun) -> Result<(), Failure> {
    let Some(live) = live(cx, &loaded).await? else {
        let Loaded { source, kind, namespace, mut value, .. } = loaded;
        last_applied::annotate(&mut value);
        if dry_run != DryRun::Client {
            let options = write::options(args, dry_run, "kubectl-client-side-apply");
            let created = write::create(cx, kind, &namespace, value, options).await;
            value = created.map_err(|error| write::refused("creating", &source, error))?.to_value();
        }
        return write::report(cx, args, kind, &value, "created", dry_run).await;
    };
    let kind = loaded.kind;
    if dry_run == DryRun::Client {
        return write::report(cx, args, kind, &live.to_value(), "configured", dry_run).await;
    }
    if last_applied::of(&live).is_none() {
        cx.err(format!(
            "Warning: resource {}/{} is missing the {} annotation which is required by kubectl apply. kubectl apply \
             should only be used on resources created declaratively by either kubectl create --save-config or kubectl \
             apply. The missing annotation will be patched automatically.\n",
            kind.qualified(),
            live.name(),
            last_applied::KEY,
        ))
        .await;
    }
    let mut value = loaded.value.clone();
    last_applied::annotate(&mut value);
    let options = write::options(args, dry_run, "kubectl-client-side-apply");
    let changed = merge(cx, &loaded, &live, &value, None, options).await?;
    if live.meta().deletion_timestamp.is_some() {
        cx.err(format!("Warning: Detected changes to resource {} which is currently being deleted.\n", live.name()))
            .await;
    }
    match changed {
        Some(object) => write::report(cx, args, kind, &object.to_value(), "configured", dry_run).await,
        None => write::report(cx, args, kind, &live.to_value(), "unchanged", dry_run).await,
    }
}

/// The object as the server has it; `None` if it has none of that name.
pub async fn live(cx: &Ctx, loaded: &Loaded) -> Result<Option<Object>, Failure> {
    if loaded.name.is_empty() {
        return Err(without_name(loaded));
    }
    match cx.client.get(loaded.kind, &loaded.namespace, &loaded.name).await {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(Failure::ServerWhen {
            doing: format!(
                "error when retrieving current configuration of:\n{}\nfrom server for: \"{}\"",
                shown(loaded),
                loaded.source
            ),
            error: Box::new(error),
        }),
    }
}

fn without_name(loaded: &Loaded) -> Failure {
    let prefix = loaded.value["metadata"]["generateName"].as_str().unwrap_or_default();
    if !prefix.is_empty() {
        return Failure::Message(format!("from {prefix}: cannot use generate name with apply"));
    }
    Failure::Message(format!(
        "error when retrieving current configuration of:\n{}\nfrom server for: \"{}\": resource name may not be empty",
        shown(loaded),
        loaded.source
    ))
}

/// What an object of a file is, as errors show it.
fn shown(loaded: &Loaded) -> String {
    let version = loaded.kind.api_version();
    // As Go prints a GroupVersion: `/v1` for the core group.
    let version = if version.contains('/') { version } else { format!("/{version}") };
    format!(
        "Resource: \"{version}, Resource={}\", GroupVersionKind: \"{version}, Kind={}\"\nName: \"{}\", Namespace: \"{}\"",
        loaded.kind.plural(),
        loaded.kind,
        loaded.name,
        loaded.namespace,
    )
}

/// Sends what `modified` changes in the live object; `None` if that is nothing.
pub async fn merge(
    cx: &Ctx,
    loaded: &Loaded,
    live: &Object,
    modified: &Value,
    resource_version: Option<&str>,
    options: WriteOptions,
) -> Result<Option<Object>, Failure> {
    let original = last_applied::of(live).and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    let patch = patch::three_way(loaded.kind, &original, modified, &live.to_value());
    let mut patch = patch.map_err(|why| Failure::Message(format!("creating patch with:\n{why}")))?;
    if patch.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(None);
    }
    if let Some(version) = resource_version {
        patch["metadata"]["resourceVersion"] = version.into();
    }
    let text = compact(&patch);
    let Loaded { source, kind, namespace, name, .. } = loaded;
    let sent = cx.client.patch(*kind, namespace, name, Subresource::None, Patch::Strategic(patch), options).await;
    let written = sent.map_err(|error| {
        let doing = format!("applying patch:\n{text}\nto:\n{}\nfor", shown(loaded));
        match write::refused("patching", source, error) {
            Failure::ServerWhen { doing: inner, error } => {
                Failure::ServerWhen { doing: format!("error when {doing}: \"{source}\": {inner}"), error }
            }
            other => other,
        }
    })?;
    Ok(Some(write::warned(cx, written).await))
}

async fn server_side(cx: &Ctx, args: &Args, loaded: Loaded, dry_run: DryRun) -> Result<(), Failure> {
    let Loaded { source, kind, namespace, name, value } = loaded;
    let options = write::options(args, dry_run, "kubectl");
    let applied = cx.client.patch(kind, &namespace, &name, Subresource::None, Patch::Apply(value), options).await;
    let written = applied.map_err(|error| write::refused("applying", &source, error))?;
    let object = write::warned(cx, written).await;
    write::report(cx, args, kind, &object.to_value(), "serverside-applied", dry_run).await
}
