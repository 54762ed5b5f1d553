//! `kubectl apply --prune`: deletes what an earlier apply made and this one no longer names.
//! Source: kubectl `pkg/cmd/apply/prune.go`, `pkg/util/prune`.

use std::collections::BTreeSet;

use super::{
    Args, Ctx, Failure, Outcome, fail, last_applied,
    write::{self, DryRun},
};
use crate::api::{
    Kind, Object, Result,
    client::{DeleteOptions, ListOptions},
    warnings,
};

/// What is pruned without `--prune-allowlist`.
const KINDS: [Kind; 16] = [
    Kind::ConfigMap,
    Kind::Endpoints,
    Kind::PersistentVolumeClaim,
    Kind::Pod,
    Kind::ReplicationController,
    Kind::Secret,
    Kind::Service,
    Kind::Job,
    Kind::CronJob,
    Kind::Ingress,
    Kind::DaemonSet,
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::StatefulSet,
    Kind::Namespace,
    Kind::PersistentVolume,
];

/// What was applied: it stays.
#[derive(Default)]
pub struct Visited {
    pub uids: BTreeSet<String>,
    pub namespaces: BTreeSet<String>,
}

/// The kinds to prune, if the command line asks for that.
pub fn kinds(args: &Args) -> std::result::Result<Option<Vec<Kind>>, Failure> {
    if !args.on("prune") {
        return Ok(None);
    }
    let mut kinds = Vec::new();
    for text in args.list("prune-allowlist") {
        let parts: Vec<&str> = text.split('/').collect();
        let [group, version, kind] = parts[..] else {
            return fail(format!("invalid GroupVersionKind format: {text}, please follow <group/version/kind>"));
        };
        let group = if group == "core" { "" } else { group };
        let known = |k: &Kind| k.group() == group && k.version() == version && k.name() == kind;
        match Kind::ALL.iter().copied().find(known) {
            Some(kind) => kinds.push(kind),
            None if group.is_empty() => {
                return fail(format!("no matches for kind \"{kind}\" in version \"{version}\""));
            }
            None => return fail(format!("no matches for kind \"{kind}\" in version \"{group}/{version}\"")),
        }
    }
    if !args.on("all") && args.get("selector").unwrap_or_default().is_empty() {
        return fail(
            "all resources selected for prune without explicitly passing --all. To prune all resources, pass the --all \
             flag. If you did not mean to prune all resources, specify a label selector",
        );
    }
    if args.on("server-side") {
        return fail("--prune is in alpha and doesn't currently work on objects created by server-side apply");
    }
    Ok(Some(kinds))
}

pub async fn main(cx: &Ctx, args: &Args, kinds: &[Kind], visited: &Visited, dry_run: DryRun) -> Outcome {
    if kinds.is_empty() {
        let wall = cx.now().strftime("%m%d %H:%M:%S%.6f");
        let pid = cx.proc.pid();
        cx.err(format!(
            "W{wall} {pid:>7} prune.go:71] Deprecated: kubectl apply will no longer prune non-namespaced resources by \
             default when used with the --namespace flag in a future release. To preserve the current behaviour, list \
             the resources you want to target explicitly in the --prune-allowlist flag.\n"
        ))
        .await;
    }
    let kinds = if kinds.is_empty() { &KINDS[..] } else { kinds };
    let (inside, outside): (Vec<Kind>, Vec<Kind>) = kinds.iter().partition(|kind| kind.namespaced());
    for namespace in &visited.namespaces {
        for kind in &inside {
            one(cx, args, *kind, namespace, visited, dry_run).await?;
        }
    }
    for kind in outside {
        one(cx, args, kind, "", visited, dry_run).await?;
    }
    Ok(0)
}

async fn one(
    cx: &Ctx,
    args: &Args,
    kind: Kind,
    namespace: &str,
    visited: &Visited,
    dry_run: DryRun,
) -> std::result::Result<(), Failure> {
    let options = ListOptions { label_selector: args.get("selector").unwrap_or_default().into(), ..Default::default() };
    if kind == Kind::Endpoints {
        cx.err(format!("Warning: {}\n", warnings::ENDPOINTS)).await;
    }
    let listed = cx.client.list(kind, namespace, options).await.map_err(|error| failed(kind, &error.message))?;
    for object in &listed.items {
        if last_applied::of(object).is_none() || visited.uids.contains(object.uid()) {
            continue;
        }
        delete(cx, object, dry_run).await.map_err(|error| failed(kind, &error.message))?;
        write::report_object(cx, args, object, "pruned", dry_run).await?;
    }
    Ok(())
}

async fn delete(cx: &Ctx, object: &Object, dry_run: DryRun) -> Result<()> {
    if dry_run == DryRun::Client {
        return Ok(());
    }
    let options = DeleteOptions {
        propagation_policy: Some("Background".into()),
        dry_run: dry_run == DryRun::Server,
        ..DeleteOptions::default()
    };
    cx.client.delete(object.kind(), object.namespace(), object.name(), options).await.map(drop)
}

fn failed(kind: Kind, why: &str) -> Failure {
    let version = kind.api_version();
    let version = if version.contains('/') { version } else { format!("/{version}") };
    let place = if kind.namespaced() { "namespaced" } else { "nonNamespaced" };
    Failure::Message(format!("error pruning {place} object {version}, Kind={kind}: {why}"))
}
