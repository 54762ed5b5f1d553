//! `kubectl apply`: the client-side three-way merge with its annotation, and `--server-side`.

use serde_json::Value;

use super::{
    Args, Ctx, Failure, Outcome,
    files::{self, Loaded},
    last_applied,
    printers::compact,
    prune,
    write::{self, DryRun},
};
use crate::api::{
    Object,
    client::{Patch, Subresource, WriteOptions},
    error::Reason,
    patch,
    selector::LabelSelector,
};

/// What may be done about a conflict.
const CONFLICT_ADVICE: &str = "\
Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts";

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
    let selector = args.get("selector").unwrap_or_default();
    if args.on("all") && !selector.is_empty() {
        return Err(Failure::Message("cannot set --all and --selector at the same time".into()));
    }
    let pruned = prune::kinds(args)?;
    let selector = LabelSelector::parse(selector).map_err(Failure::Message)?;
    let chosen = |loaded: &Loaded| {
        let labels = loaded.value["metadata"]["labels"].as_object();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let labels = labels.map(|labels| labels.iter().map(|(key, value)| (key.clone(), text(value))).collect());
        selector.matches(labels.as_ref())
    };
    if args.on("server-side") {
        if dry_run == DryRun::Client {
            let message = "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)";
            return Err(Failure::Message(message.into()));
        }
        let each = async |loaded| server_side(cx, args, loaded, dry_run).await;
        return files::for_each_of(cx, args, "apply", chosen, each).await;
    }
    if args.on("force-conflicts") {
        return Err(Failure::Message("--force-conflicts only works with --server-side".into()));
    }
    let mut visited = prune::Visited::default();
    if cx.namespace_given {
        visited.namespaces.insert(cx.namespace.clone());
    }
    let each = async |loaded: Loaded| client_side(cx, args, loaded, dry_run, &mut visited).await;
    let code = files::for_each_of(cx, args, "apply", chosen, each).await?;
    match pruned {
        Some(kinds) if code == 0 => prune::main(cx, args, &kinds, &visited, dry_run).await,
        _ => Ok(code),
    }
}

async fn client_side(
    cx: &Ctx,
    args: &Args,
    loaded: Loaded,
    dry_run: DryRun,
    visited: &mut prune::Visited,
) -> Result<(), Failure> {
    if !loaded.namespace.is_empty() {
        visited.namespaces.insert(loaded.namespace.clone());
    }
    let Some(live) = live(cx, &loaded).await? else {
        let Loaded { source, kind, namespace, mut value, .. } = loaded;
        last_applied::annotate(&mut value);
        if dry_run != DryRun::Client {
            let options = write::options(args, dry_run, "kubectl-client-side-apply");
            let created = write::create(cx, kind, &namespace, value, options).await;
            let created = created.map_err(|error| write::refused("creating", &source, error))?;
            visited.uids.insert(created.uid().into());
            return write::report_object(cx, args, &created, "created", dry_run).await;
        }
        return write::report(cx, args, kind, &value, "created", dry_run).await;
    };
    let kind = loaded.kind;
    visited.uids.insert(live.uid().into());
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
    let changed = match (patch_of(&loaded, &live, &value)?, dry_run) {
        (None, _) => None,
        (Some(patch), DryRun::Client) => {
            Some(patch::strategic(kind, &live.to_value(), &patch).map_err(Failure::Message)?)
        }
        (Some(patch), _) => {
            let options = write::options(args, dry_run, "kubectl-client-side-apply");
            Some(send(cx, &loaded, patch, options).await?.to_value())
        }
    };
    if live.meta().deletion_timestamp.is_some() {
        cx.err(format!("Warning: Detected changes to resource {} which is currently being deleted.\n", live.name()))
            .await;
    }
    match changed {
        Some(value) => write::report(cx, args, kind, &value, "configured", dry_run).await,
        None => write::report_object(cx, args, &live, "unchanged", dry_run).await,
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

/// What `modified` changes in the live object; `None` if that is nothing.
pub fn patch_of(loaded: &Loaded, live: &Object, modified: &Value) -> Result<Option<Value>, Failure> {
    let original = last_applied::of(live).and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    let patch = patch::three_way(loaded.kind, &original, modified, &live.to_value());
    let patch = patch.map_err(|why| Failure::Message(format!("creating patch with:\n{why}")))?;
    Ok(Some(patch).filter(|patch| patch.as_object().is_some_and(|patch| !patch.is_empty())))
}

/// Patches the live object.
pub async fn send(cx: &Ctx, loaded: &Loaded, patch: Value, options: WriteOptions) -> Result<Object, Failure> {
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
    Ok(write::warned(cx, written).await)
}

async fn server_side(cx: &Ctx, args: &Args, loaded: Loaded, dry_run: DryRun) -> Result<(), Failure> {
    let Loaded { source, kind, namespace, name, value } = loaded;
    let options = write::options(args, dry_run, "kubectl");
    let applied = cx.client.patch(kind, &namespace, &name, Subresource::None, Patch::Apply(value), options).await;
    let written = applied.map_err(|error| match error.reason {
        Reason::Conflict => Failure::Message(format!("{}\n{CONFLICT_ADVICE}", error.message)),
        _ => write::refused("applying", &source, error),
    })?;
    let object = write::warned(cx, written).await;
    write::report_object(cx, args, &object, "serverside-applied", dry_run).await
}
