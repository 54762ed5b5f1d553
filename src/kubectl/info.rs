//! Commands that tell about the cluster as such: version, api-resources, api-versions, cluster-info.

use super::{Args, Ctx, Outcome, config, printers::Layout};
use crate::api::Kind;

/// The version of this kubectl, and of the kustomize in it.
const VERSION: &str = "v1.36.2";
const KUSTOMIZE_VERSION: &str = "v5.8.1";

pub async fn version(cx: &Ctx, args: &Args) -> Outcome {
    cx.out(format!("Client Version: {VERSION}\nKustomize Version: {KUSTOMIZE_VERSION}\n")).await;
    if !args.on("client") {
        let server = cx.client.version().await?;
        cx.out(format!("Server Version: {server}\n")).await;
    }
    Ok(0)
}

pub async fn cluster_info(cx: &Ctx, args: &Args) -> Outcome {
    // Only a server that answers is running.
    cx.client.version().await?;
    let server = config::server(cx, args).await?;
    cx.out(format!(
        "Kubernetes control plane is running at {server}\n\nTo further debug and diagnose cluster problems, use \
         'kubectl cluster-info dump'.\n"
    ))
    .await;
    Ok(0)
}

/// The kinds by group and name, the core group first.
fn kinds() -> Vec<Kind> {
    let mut kinds = Kind::ALL.to_vec();
    kinds.sort_by_key(|kind| (kind.group(), kind.plural()));
    kinds
}

pub async fn api_resources(cx: &Ctx, args: &Args) -> Outcome {
    let namespaced = args.get("namespaced").map(|_| args.on("namespaced"));
    let group = args.get("api-group");
    let shown = kinds().into_iter().filter(|kind| {
        namespaced.is_none_or(|wanted| kind.namespaced() == wanted) && group.is_none_or(|wanted| kind.group() == wanted)
    });
    if args.get("output") == Some("name") {
        let names: String = shown.map(|kind| kind.qualified() + "\n").collect();
        cx.out(names).await;
        return Ok(0);
    }
    let mut rows = Vec::new();
    if !args.on("no-headers") {
        rows.push(["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"].map(String::from).to_vec());
    }
    rows.extend(shown.map(|kind| {
        let short = kind.short_names().join(",");
        vec![kind.plural().into(), short, kind.api_version(), kind.namespaced().to_string(), kind.name().into()]
    }));
    cx.out(Layout::default().print(&rows)).await;
    Ok(0)
}

pub async fn api_versions(cx: &Ctx, _: &Args) -> Outcome {
    let mut versions: Vec<String> = Kind::ALL.iter().map(|kind| kind.api_version()).collect();
    versions.sort();
    versions.dedup();
    cx.out(versions.join("\n") + "\n").await;
    Ok(0)
}
