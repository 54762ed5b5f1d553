//! Commands that tell about the cluster as such: version, api-resources, api-versions, cluster-info.

use k8s_openapi::api::core::v1::Service;

use super::{Args, Ctx, Outcome, cluster_dump, config, fail, printers::Layout};
use crate::api::{
    Kind,
    client::{self, ListOptions},
    metrics::MetricsOptions,
};

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
    if args.args.first().is_some_and(|word| word == "dump") {
        return cluster_dump::main(cx, args).await;
    }
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

/// A line of `api-resources`.
pub struct Listed {
    pub name: &'static str,
    pub short: Vec<&'static str>,
    pub group: &'static str,
    pub version: String,
    pub namespaced: bool,
    pub kind: &'static str,
}

/// Resources that the real server has and this one keeps no objects of: name, short names, version, scope and kind.
const NOT_KEPT: &[(&str, &str, &str, bool, &str)] = &[
    ("bindings", "", "v1", true, "Binding"),
    ("componentstatuses", "cs", "v1", false, "ComponentStatus"),
    ("mutatingadmissionpolicies", "", "admissionregistration.k8s.io/v1", false, "MutatingAdmissionPolicy"),
    ("mutatingadmissionpolicybindings", "", "admissionregistration.k8s.io/v1", false, "MutatingAdmissionPolicyBinding"),
    ("mutatingwebhookconfigurations", "", "admissionregistration.k8s.io/v1", false, "MutatingWebhookConfiguration"),
    ("validatingwebhookconfigurations", "", "admissionregistration.k8s.io/v1", false, "ValidatingWebhookConfiguration"),
    ("customresourcedefinitions", "crd,crds", "apiextensions.k8s.io/v1", false, "CustomResourceDefinition"),
    ("apiservices", "", "apiregistration.k8s.io/v1", false, "APIService"),
    ("selfsubjectreviews", "", "authentication.k8s.io/v1", false, "SelfSubjectReview"),
    ("tokenreviews", "", "authentication.k8s.io/v1", false, "TokenReview"),
    ("localsubjectaccessreviews", "", "authorization.k8s.io/v1", true, "LocalSubjectAccessReview"),
    ("selfsubjectaccessreviews", "", "authorization.k8s.io/v1", false, "SelfSubjectAccessReview"),
    ("selfsubjectrulesreviews", "", "authorization.k8s.io/v1", false, "SelfSubjectRulesReview"),
    ("subjectaccessreviews", "", "authorization.k8s.io/v1", false, "SubjectAccessReview"),
    ("certificatesigningrequests", "csr", "certificates.k8s.io/v1", false, "CertificateSigningRequest"),
    ("events", "ev", "events.k8s.io/v1", true, "Event"),
    ("flowschemas", "", "flowcontrol.apiserver.k8s.io/v1", false, "FlowSchema"),
    ("prioritylevelconfigurations", "", "flowcontrol.apiserver.k8s.io/v1", false, "PriorityLevelConfiguration"),
    ("ipaddresses", "ip", "networking.k8s.io/v1", false, "IPAddress"),
    ("servicecidrs", "", "networking.k8s.io/v1", false, "ServiceCIDR"),
    ("deviceclasses", "", "resource.k8s.io/v1", false, "DeviceClass"),
    ("resourceclaims", "", "resource.k8s.io/v1", true, "ResourceClaim"),
    ("resourceclaimtemplates", "", "resource.k8s.io/v1", true, "ResourceClaimTemplate"),
    ("resourceslices", "", "resource.k8s.io/v1", false, "ResourceSlice"),
    ("csidrivers", "", "storage.k8s.io/v1", false, "CSIDriver"),
    ("csinodes", "", "storage.k8s.io/v1", false, "CSINode"),
    ("csistoragecapacities", "", "storage.k8s.io/v1", true, "CSIStorageCapacity"),
    ("volumeattachments", "", "storage.k8s.io/v1", false, "VolumeAttachment"),
    ("volumeattributesclasses", "vac", "storage.k8s.io/v1", false, "VolumeAttributesClass"),
];

impl Listed {
    /// `leases.coordination.k8s.io`
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.name.into() } else { format!("{}.{}", self.name, self.group) }
    }

    fn verbs(&self) -> &'static str {
        match self.name {
            "componentstatuses" => "get,list",
            "bindings" => "create",
            name if name.ends_with("reviews") => "create",
            "namespaces" => "create,delete,get,list,patch,update,watch",
            "nodes" | "pods" if self.group == "metrics.k8s.io" => "get,list",
            _ => "create,delete,deletecollection,get,list,patch,update,watch",
        }
    }

    fn categories(&self) -> &'static str {
        const ALL: [&str; 10] = [
            "pods",
            "replicationcontrollers",
            "services",
            "daemonsets",
            "deployments",
            "replicasets",
            "statefulsets",
            "horizontalpodautoscalers",
            "cronjobs",
            "jobs",
        ];
        match self.group {
            "admissionregistration.k8s.io" | "apiextensions.k8s.io" | "apiregistration.k8s.io" => "api-extensions",
            "metrics.k8s.io" => "",
            _ if ALL.contains(&self.name) => "all",
            _ => "",
        }
    }
}

/// All that the server lists, by group and name, the core group first.
pub fn listed(with_metrics: bool) -> Vec<Listed> {
    let kept = Kind::ALL.iter().map(|kind| Listed {
        name: kind.plural(),
        short: kind.short_names().to_vec(),
        group: kind.group(),
        version: kind.api_version(),
        namespaced: kind.namespaced(),
        kind: kind.name(),
    });
    let metrics: &[_] = &[
        ("nodes", "", "metrics.k8s.io/v1beta1", false, "NodeMetrics"),
        ("pods", "", "metrics.k8s.io/v1beta1", true, "PodMetrics"),
    ];
    let metrics = metrics.iter().filter(|_| with_metrics);
    let others = NOT_KEPT.iter().chain(metrics).map(|&(name, short, version, namespaced, kind)| Listed {
        name,
        short: short.split(',').filter(|short| !short.is_empty()).collect(),
        group: version.split_once('/').map_or("", |(group, _)| group),
        version: version.into(),
        namespaced,
        kind,
    });
    let mut all: Vec<Listed> = kept.chain(others).collect();
    all.sort_by_key(|listed| (listed.group, listed.name));
    all
}

async fn has_metrics(cx: &Ctx) -> bool {
    cx.client.node_metrics(MetricsOptions::default()).await.is_ok()
}

pub async fn api_resources(cx: &Ctx, args: &Args) -> Outcome {
    let namespaced = args.get("namespaced").map(|_| args.on("namespaced"));
    let group = args.get("api-group");
    let wide = match args.get("output") {
        None | Some("" | "name") => false,
        Some("wide") => true,
        Some(other) => return fail(format!("--output {other} is not available")),
    };
    let mut shown = listed(has_metrics(cx).await);
    shown.retain(|listed| {
        namespaced.is_none_or(|wanted| listed.namespaced == wanted) && group.is_none_or(|wanted| listed.group == wanted)
    });
    match args.get("sort-by") {
        Some("name") => shown.sort_by_key(|listed| listed.name),
        Some("kind") => shown.sort_by_key(|listed| listed.kind),
        _ => {}
    }
    if args.get("output") == Some("name") {
        let names: String = shown.iter().map(|listed| listed.qualified() + "\n").collect();
        cx.out(names).await;
        return Ok(0);
    }
    let columns = if wide { 7 } else { 5 };
    let mut rows = Vec::new();
    if !args.on("no-headers") {
        let headers = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND", "VERBS", "CATEGORIES"];
        rows.push(headers[..columns].iter().map(|header| header.to_string()).collect());
    }
    rows.extend(shown.iter().map(|listed| {
        let namespaced = listed.namespaced.to_string();
        let mut row: Vec<String> =
            vec![listed.name.into(), listed.short.join(","), listed.version.clone(), namespaced, listed.kind.into()];
        row.extend([listed.verbs(), listed.categories()].map(String::from));
        row.truncate(columns);
        row
    }));
    cx.out(Layout::default().print(&rows)).await;
    Ok(0)
}

pub async fn api_versions(cx: &Ctx, _: &Args) -> Outcome {
    let mut versions: Vec<String> = listed(has_metrics(cx).await).into_iter().map(|listed| listed.version).collect();
    versions.extend(Kind::ALL.iter().filter_map(|kind| kind.older_version()).map(String::from));
    versions.sort();
    versions.dedup();
    cx.out(versions.join("\n") + "\n").await;
    Ok(0)
}
