//! `kubectl describe`: an object, what belongs to it and its events, as text for people.

mod endpoints;
mod events;
mod generic;
mod hpa;
mod ingress;
mod node;
mod pod;
mod policy;
mod service;
mod storage;
mod volumes;
mod workload;

pub use pod::{container, resources};
pub use workload::template;

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::{
    Args, Ctx, Failure, Outcome, fail, last_applied,
    program::finish,
    resource::{self, Found},
    tabwriter,
};
use crate::api::{Kind, Object, client::ListOptions, other::Other};

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    if args.args.is_empty() && args.each("filename").is_empty() {
        return fail(
            "You must specify the type of resource to describe. Use \"kubectl api-resources\" for a complete list of \
             supported resources.",
        );
    }
    let mut found = resource::fetch(cx, args, &args.args).await?;
    // Of several objects, or where something is missing, events are told only if that is asked for.
    let show_events = match args.get("show-events") {
        None => found.objects.len() < 2 && found.failures.is_empty(),
        Some(asked) => asked != "false",
    };
    let by_prefix = prefixed(cx, args, &mut found).await?;
    if found.objects.is_empty() && found.failures.is_empty() {
        let namespaced = resource::targets(&args.args)?.kinds.iter().all(|kind| kind.namespaced());
        cx.err(match namespaced && !cx.all_namespaces {
            true => format!("No resources found in {} namespace.\n", cx.namespace),
            false => "No resources found\n".to_string(),
        })
        .await;
    }
    for (i, object) in found.objects.iter().enumerate() {
        let text = describe(cx, object, show_events).await?;
        cx.out(if by_prefix {
            text + "\n"
        } else if i > 0 {
            format!("\n\n{text}")
        } else {
            text
        })
        .await;
    }
    finish(cx, found.failures).await
}

/// `TYPE NAME`: a name that is none may be the beginning of some; whether it is.
async fn prefixed(cx: &Ctx, args: &Args, found: &mut Found) -> Result<bool, Failure> {
    let [_, prefix] = &args.args[..] else { return Ok(false) };
    let targets = resource::targets(&args.args)?;
    let ([(kind, name)], [Failure::Server(error)]) = (&targets.named[..], &found.failures[..]) else {
        return Ok(false);
    };
    if !error.is_not_found() || name != prefix {
        return Ok(false);
    }
    let mut all = resource::list(cx, *kind, args).await?;
    all.retain(|object| object.name().starts_with(prefix.as_str()));
    let any = !all.is_empty();
    if any {
        found.objects = all;
        found.failures.clear();
    }
    Ok(any)
}

async fn describe(cx: &Ctx, object: &Object, show_events: bool) -> Result<String, Failure> {
    let mut out = String::new();
    match object {
        Object::Pod(pod) => pod::describe(&mut out, pod, cx.now()),
        Object::Node(node) => node::describe(cx, &mut out, node).await?,
        Object::Service(service) => {
            let label_selector = format!("kubernetes.io/service-name={}", object.name());
            let options = ListOptions { label_selector, ..ListOptions::default() };
            let slices = cx.client.list(Kind::EndpointSlice, object.namespace(), options).await?;
            service::describe(&mut out, service, &slices.items);
        }
        Object::Other(other) if matches!(other.kind, Kind::Endpoints | Kind::EndpointSlice) => {
            endpoints::describe(&mut out, other);
        }
        Object::Other(other) => self::other(cx, &mut out, other, object).await?,
        Object::Namespace(namespace) => {
            generic::describe(&mut out, object);
            policy::of_namespace(cx, &mut out, namespace.metadata.name.as_deref().unwrap_or_default()).await?;
        }
        other => generic::describe(&mut out, other),
    }
    let silent = matches!(
        object.kind(),
        Kind::Event
            | Kind::Namespace
            | Kind::Secret
            | Kind::ResourceQuota
            | Kind::LimitRange
            | Kind::NetworkPolicy
            | Kind::Role
            | Kind::ClusterRole
            | Kind::RoleBinding
            | Kind::ClusterRoleBinding
    );
    if show_events && !silent {
        events::describe(cx, &mut out, object).await?;
    }
    Ok(tabwriter::align(&out))
}

/// Of the kinds that are kept as values.
async fn other(cx: &Ctx, out: &mut String, o: &Other, object: &Object) -> Result<(), Failure> {
    match o.kind {
        Kind::PersistentVolume => storage::volume(out, o, cx.now()),
        Kind::PersistentVolumeClaim => storage::claim(cx, out, o).await?,
        Kind::StorageClass => storage::storage_class(out, o),
        Kind::ResourceQuota => policy::quota(out, o),
        Kind::LimitRange => policy::limit_range(out, o),
        Kind::PodDisruptionBudget => policy::budget(out, o),
        Kind::NetworkPolicy => policy::network_policy(out, o),
        Kind::Role | Kind::ClusterRole => policy::role(out, o),
        Kind::RoleBinding | Kind::ClusterRoleBinding => policy::binding(out, o),
        Kind::HorizontalPodAutoscaler => hpa::describe(out, o),
        Kind::Ingress => ingress::describe(cx, out, o).await?,
        Kind::Deployment
        | Kind::ReplicaSet
        | Kind::ReplicationController
        | Kind::DaemonSet
        | Kind::StatefulSet
        | Kind::Job
        | Kind::CronJob => workload::describe(cx, out, o).await?,
        _ => generic::describe(out, object),
    }
    Ok(())
}

/// `Labels:` with one pair a line.
fn labels(out: &mut String, title: &str, map: Option<&BTreeMap<String, String>>) {
    out.push_str(title);
    let mut first = true;
    for (key, value) in map.into_iter().flatten() {
        out.push_str(&format!("\t{key}={value}\n"));
        first = false;
    }
    if first {
        out.push_str("\t<none>\n");
    }
}

/// `Annotations:` with one a line; long values and those of several lines on lines of their own.
pub fn annotations(out: &mut String, map: Option<&BTreeMap<String, String>>) {
    out.push_str("Annotations:");
    let mut first = true;
    for (key, value) in map.into_iter().flatten().filter(|(key, _)| *key != last_applied::KEY) {
        let value = value.trim_end_matches('\n');
        if key.len() + value.len() + 2 > 140 || value.contains('\n') {
            out.push_str(&format!("\t{key}:\n"));
            for line in value.split('\n') {
                let cut: String = line.chars().take(138).collect();
                let more = if cut.len() < line.len() { "..." } else { "" };
                out.push_str(&format!("\t  {cut}{more}\n"));
            }
        } else {
            out.push_str(&format!("\t{key}: {value}\n"));
        }
        first = false;
    }
    if first {
        out.push_str("\t<none>\n");
    }
}

/// `Mon, 23 Nov 2026 07:50:03 +0000`
fn time(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// AGE of something that began then.
fn age(from: Timestamp, now: Timestamp) -> String {
    crate::api::duration::human_duration(now.as_second() - from.as_second())
}
