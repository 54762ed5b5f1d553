//! `kubectl replace`.

use super::{
    Args, Ctx, Failure, Outcome, files, resource, wait,
    write::{self, DryRun},
};
use crate::api::client::{Body, DeleteOptions, Subresource};

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    files::required(args)?;
    let dry_run = DryRun::of(args)?;
    files::for_each(cx, args, "replace", async |loaded| {
        if args.on("force") { anew(cx, args, loaded, dry_run).await } else { one(cx, args, loaded, dry_run).await }
    })
    .await
}

async fn one(cx: &Ctx, args: &Args, loaded: files::Loaded, dry_run: DryRun) -> Result<(), Failure> {
    let mut value = loaded.value;
    if dry_run != DryRun::Client {
        let options = write::options(args, dry_run, "kubectl-replace");
        let (kind, namespace, name) = (loaded.kind, &loaded.namespace, &loaded.name);
        let written = cx.client.update(kind, namespace, name, Subresource::None, Body::Json(value), options).await;
        let written = written.map_err(|error| write::refused("replacing", &loaded.source, error))?;
        value = write::warned(cx, written).await.to_value();
    }
    write::report(cx, args, loaded.kind, &value, "replaced", dry_run).await
}

/// `--force`: deletes the object, waits until it is gone, creates it again.
async fn anew(cx: &Ctx, args: &Args, loaded: files::Loaded, dry_run: DryRun) -> Result<(), Failure> {
    let (kind, namespace, name) = (loaded.kind, loaded.namespace.clone(), loaded.name.clone());
    if dry_run == DryRun::None {
        // A grace of 0 is made 1 second, so that the wait below sees the end.
        let given: Option<i64> = args.get("grace-period").and_then(|text| text.parse().ok()).filter(|s| *s >= 0);
        let options =
            DeleteOptions { grace_period_seconds: given.map(|seconds| seconds.max(1)), ..DeleteOptions::default() };
        match cx.client.delete(kind, &namespace, &name, options).await {
            Ok(deleted) => {
                let named = resource::singular(kind);
                let place = if namespace.is_empty() { String::new() } else { format!(" from {namespace} namespace") };
                cx.out(format!("{named} \"{name}\" deleted{place}\n")).await;
                if !deleted.gone {
                    wait::until_gone(cx, kind, &namespace, &name, Some(deleted.object.uid()), None).await?;
                }
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut value = loaded.value;
    if dry_run != DryRun::Client {
        let options = write::options(args, dry_run, "kubectl-replace");
        let created = write::create(cx, kind, &namespace, value, options).await;
        value = created.map_err(|error| write::refused("creating", &loaded.source, error))?.to_value();
    }
    write::report(cx, args, kind, &value, "replaced", dry_run).await
}
