//! Commands that tell about the cluster as such: version, api-resources, api-versions, cluster-info.

use super::{Args, Ctx, Outcome, config, printers::Layout};
use crate::api::{
    Kind,
    client::{self, ListOptions},
};
use k8s_openapi::api::core::v1::Service;

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
    let mut text = format!("Kubernetes control plane is running at {server}\n");
    let namespace = args.get("namespace").unwrap_or("kube-system");
    let options = ListOptions { label_selector: "kubernetes.io/cluster-service=true".into(), ..ListOptions::default() };
    for service in client::list::<Service>(&*cx.client, namespace, options).await? {
        text += &running(&service, &server);
    }
    text += "\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n";
    cx.out(text).await;
    Ok(0)
}

/// The line on a service of the cluster itself, reached through the apiserver's proxy or its load balancer.
fn running(service: &Service, server: &str) -> String {
    let meta = &service.metadata;
    let name = meta.name.as_deref().unwrap_or_default();
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
    let balancer = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let link = if let Some(ingress) = balancer.and_then(|b| b.ingress.as_ref()?.first()) {
        let address = ingress.ip.as_deref().or(ingress.hostname.as_deref()).unwrap_or_default();
        ports.iter().map(|port| format!("http://{address}:{} ", port.port)).collect()
    } else {
        let port = ports.first().and_then(|port| port.name.as_deref()).unwrap_or_default();
        let target = match ports.first() {
            Some(first) if port == "https" || first.port == 443 => format!("https:{name}:{port}"),
            _ if port.is_empty() => name.to_string(),
            _ => format!("{name}:{port}"),
        };
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        format!("{server}/api/v1/namespaces/{namespace}/services/{target}/proxy")
    };
    let title = meta.labels.as_ref().and_then(|labels| labels.get("kubernetes.io/name")).map_or(name, String::as_str);
    format!("{title} is running at {link}\n")
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
