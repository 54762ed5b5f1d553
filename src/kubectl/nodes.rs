//! `kubectl cordon`, `uncordon` and `drain`.

use std::{rc::Rc, time::Duration};

use k8s_openapi::api::core::v1::Node;
use serde_json::json;

use super::{Args, Ctx, Failure, Outcome, fail, resource};
use crate::{
    api::{
        Kind, Pod, Resource,
        client::{self, DeleteOptions, ListOptions, Patch, Subresource, WatchEvent, WriteOptions},
        duration::parse_go_duration,
        error::Reason,
    },
    sim::{Either, SimTime, race},
};

/// How long a refused eviction waits for its next try.
const EVICTION_RETRY: Duration = Duration::from_secs(5);

pub async fn cordon(cx: &Ctx, args: &Args) -> Outcome {
    let nodes = chosen(cx, args, "cordon").await?;
    mark(cx, args, &nodes, true).await?;
    Ok(0)
}

pub async fn uncordon(cx: &Ctx, args: &Args) -> Outcome {
    let nodes = chosen(cx, args, "uncordon").await?;
    mark(cx, args, &nodes, false).await?;
    Ok(0)
}

/// Nodes by name or selector.
async fn chosen(cx: &Ctx, args: &Args, command: &str) -> Result<Vec<Rc<Node>>, Failure> {
    let usage = |message: &str| Failure::Usage { command: command.into(), message: message.into() };
    let selector = args.get("selector").unwrap_or_default();
    if args.args.is_empty() && selector.is_empty() {
        return Err(usage(&format!("USAGE: {command} NODE [flags]")));
    }
    if !args.args.is_empty() && !selector.is_empty() {
        return Err(usage("error: cannot specify both a node name and a --selector option"));
    }
    if !selector.is_empty() {
        let options = ListOptions { label_selector: selector.into(), ..ListOptions::default() };
        return Ok(client::list::<Node>(&*cx.client, "", options).await?);
    }
    let mut nodes = Vec::new();
    for name in &args.args {
        let name = match name.split_once('/') {
            None => name,
            Some((typed, name)) => match resource::kind(typed)? {
                Kind::Node => name,
                other => return fail(format!("error: expected resource of type node, got \"{}\"", other.plural())),
            },
        };
        nodes.push(client::get::<Node>(&*cx.client, "", name).await?);
    }
    Ok(nodes)
}

/// What a message adds under `--dry-run`.
fn dry_run(args: &Args) -> Result<(&'static str, bool), Failure> {
    match args.get("dry-run") {
        None | Some("none" | "false") => Ok(("", false)),
        Some("client" | "unchanged" | "true") => Ok((" (dry run)", true)),
        Some("server") => Ok((" (server dry run)", true)),
        Some(other) => fail(format!("Invalid dry-run value ({other}). Must be \"none\", \"server\", or \"client\".")),
    }
}

async fn mark(cx: &Ctx, args: &Args, nodes: &[Rc<Node>], unschedulable: bool) -> Result<(), Failure> {
    let (suffix, dry) = dry_run(args)?;
    let verb = if unschedulable { "cordon" } else { "uncordon" };
    for node in nodes {
        let name = node.name();
        if node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false) == unschedulable {
            cx.out(format!("node/{name} already {verb}ed{suffix}\n")).await;
            continue;
        }
        if !dry {
            let value = if unschedulable { json!(true) } else { json!(null) };
            let patch = Patch::Strategic(json!({"spec": {"unschedulable": value}}));
            let written =
                cx.client.patch(Kind::Node, "", name, Subresource::None, patch, WriteOptions::default()).await;
            if let Err(error) = written {
                cx.err(format!("error: unable to {verb} node \"{name}\": {error}\n")).await;
                continue;
            }
        }
        cx.out(format!("node/{name} {verb}ed{suffix}\n")).await;
    }
    Ok(())
}

pub async fn drain(cx: &Ctx, args: &Args) -> Outcome {
    let nodes = chosen(cx, args, "drain").await?;
    mark(cx, args, &nodes, true).await?;
    let (suffix, dry) = dry_run(args)?;
    let mut pending: Vec<(&str, String)> = Vec::new();
    for node in &nodes {
        let name = node.name();
        match empty(cx, args, name, suffix, dry).await {
            Ok(()) => cx.out(format!("node/{name} drained{suffix}\n")).await,
            Err(why) => {
                cx.err(format!("error: unable to drain node \"{name}\" due to error: {why}, continuing command...\n"))
                    .await;
                pending.push((name, why));
            }
        }
    }
    if pending.is_empty() {
        return Ok(0);
    }
    cx.err("There are pending nodes to be drained:\n").await;
    for (name, _) in &pending {
        cx.err(format!(" {name}\n")).await;
    }
    let whys: Vec<String> = pending.into_iter().map(|(_, why)| why).collect();
    Err(Failure::Plain(whys.join("\n")))
}

/// What is to be done with the pods of a node.
#[derive(Default)]
struct Plan {
    delete: Vec<Rc<Pod>>,
    /// Why some can't be deleted, with their names, in order of the reasons' appearance.
    errors: Vec<(&'static str, Vec<String>)>,
    warnings: Vec<(&'static str, Vec<String>)>,
}

fn note(list: &mut Vec<(&'static str, Vec<String>)>, reason: &'static str, pod: &Pod) {
    let name = format!("{}/{}", pod.namespace(), pod.name());
    match list.iter_mut().find(|(known, _)| *known == reason) {
        Some((_, names)) => names.push(name),
        None => list.push((reason, vec![name])),
    }
}

/// kubectl's filters, in their order; the last one that objects has the word.
fn plan(pods: Vec<Rc<Pod>>, args: &Args, now: jiff::Timestamp) -> Plan {
    let mut plan = Plan::default();
    let skip_older: i64 = args.get("skip-wait-for-delete-timeout").and_then(|s| s.parse().ok()).unwrap_or(0);
    for pod in pods {
        let deleted = pod.metadata.deletion_timestamp.as_ref();
        if skip_older > 0 && deleted.is_some_and(|at| now.as_second() - at.0.as_second() > skip_older) {
            continue;
        }
        let annotations = pod.metadata.annotations.as_ref();
        if annotations.is_some_and(|a| a.contains_key("kubernetes.io/config.mirror")) {
            continue;
        }
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
        let finished = phase == "Succeeded" || phase == "Failed";
        let owners = pod.metadata.owner_references.iter().flatten();
        let controller = owners.clone().find(|owner| owner.controller == Some(true));
        let mut warning = None;
        if !finished {
            if controller.is_some_and(|owner| owner.kind == "DaemonSet" && owner.api_version == "apps/v1") {
                if args.on("ignore-daemonsets") {
                    note(&mut plan.warnings, "ignoring DaemonSet-managed Pods", &pod);
                } else {
                    note(&mut plan.errors, "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)", &pod);
                }
                continue;
            }
            let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
            if volumes.into_iter().any(|volume| volume.empty_dir.is_some()) {
                if !args.on("delete-emptydir-data") {
                    let reason = "Pods with local storage (use --delete-emptydir-data to override)";
                    note(&mut plan.errors, reason, &pod);
                    continue;
                }
                warning = Some("deleting Pods with local storage");
            }
            if controller.is_none() {
                if !args.on("force") {
                    note(&mut plan.errors, "Pods that declare no controller (use --force to override)", &pod);
                    continue;
                }
                warning = Some("deleting Pods that declare no controller");
            }
        }
        if let Some(reason) = warning {
            note(&mut plan.warnings, reason, &pod);
        }
        plan.delete.push(pod);
    }
    plan
}

/// Evicts the pods of a node and waits until they are gone. The error is its text.
async fn empty(cx: &Ctx, args: &Args, node: &str, suffix: &str, dry: bool) -> Result<(), String> {
    let options = ListOptions {
        label_selector: args.get("pod-selector").unwrap_or_default().into(),
        field_selector: format!("spec.nodeName={node}"),
        resource_version: 0,
    };
    let pods = client::list::<Pod>(&*cx.client, "", options).await.map_err(|e| e.message)?;
    let plan = plan(pods, args, cx.now());
    if !plan.errors.is_empty() {
        let texts: Vec<String> =
            plan.errors.iter().map(|(why, pods)| format!("cannot delete {why}: {}", pods.join(", "))).collect();
        return Err(if texts.len() == 1 { texts.concat() } else { format!("[{}]", texts.join(", ")) });
    }
    if !plan.warnings.is_empty() {
        let texts: Vec<String> =
            plan.warnings.iter().map(|(why, pods)| format!("{why}: {}", pods.join(", "))).collect();
        cx.err(format!("Warning: {}\n", texts.join("; "))).await;
    }
    if dry {
        for pod in &plan.delete {
            cx.out(format!("evicting pod {}/{}{suffix}\n", pod.namespace(), pod.name())).await;
        }
        return Ok(());
    }
    let sim = cx.proc.sim().clone();
    let limit = args.get("timeout").and_then(parse_go_duration).filter(|limit| *limit > 0);
    let deadline = limit.map(|limit| sim.now() + Duration::from_nanos(limit as u64));
    let grace_period_seconds =
        args.get("grace-period").and_then(|s| s.parse().ok()).filter(|seconds: &i64| *seconds >= 0);
    // Each pod by itself, all at once.
    let each = plan.delete.iter().map(|pod| async move {
        let reached = || format!("global timeout reached: {}s", limit.unwrap_or(0) as f64 / 1e9);
        evict(cx, args, pod, grace_period_seconds, deadline, &reached).await?;
        let done = within(cx, deadline, gone(cx, pod)).await.unwrap_or_else(|| Err(reached()));
        let (namespace, name) = (pod.namespace(), pod.name());
        done.map_err(|why| {
            format!("error when waiting for pod \"{name}\" in namespace \"{namespace}\" to terminate: {why}")
        })?;
        let verb = if args.on("disable-eviction") { "deleted" } else { "evicted" };
        cx.out(format!("pod/{name} {verb}\n")).await;
        Ok(())
    });
    let results: Vec<Result<(), String>> = futures_util::future::join_all(each).await;
    let errors: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    match &errors[..] {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => Err(format!("[{}]", many.join(", "))),
    }
}

async fn within<T>(cx: &Ctx, deadline: Option<SimTime>, work: impl Future<Output = T>) -> Option<T> {
    let Some(deadline) = deadline else { return Some(work.await) };
    match race(work, cx.proc.sim().sleep_until(deadline)).await {
        Either::Left(done) => Some(done),
        Either::Right(()) => None,
    }
}

async fn evict(
    cx: &Ctx,
    args: &Args,
    pod: &Pod,
    grace_period_seconds: Option<i64>,
    deadline: Option<SimTime>,
    reached: &impl Fn() -> String,
) -> Result<(), String> {
    let (namespace, name) = (pod.namespace(), pod.name());
    let options = DeleteOptions { grace_period_seconds, ..DeleteOptions::default() };
    if args.on("disable-eviction") {
        return match cx.client.delete(Kind::Pod, namespace, name, options).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(format!("error when deleting pods/\"{name}\" -n \"{namespace}\": {error}")),
        };
    }
    loop {
        cx.out(format!("evicting pod {namespace}/{name}\n")).await;
        if deadline.is_some_and(|deadline| cx.proc.sim().now() >= deadline) {
            return Err(format!("error when evicting pods/\"{name}\" -n \"{namespace}\": {}", reached()));
        }
        match cx.client.evict(namespace, name, options.clone()).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) if error.reason == Reason::TooManyRequests => {
                cx.err(format!(
                    "error when evicting pods/\"{name}\" -n \"{namespace}\" (will retry after 5s): {error}\n"
                ))
                .await;
                cx.proc.sleep(EVICTION_RETRY).await;
            }
            Err(error) => return Err(format!("error when evicting pods/\"{name}\" -n \"{namespace}\": {error}")),
        }
    }
}

/// Waits until this very pod is gone (another of its name may have come).
async fn gone(cx: &Ctx, pod: &Pod) -> Result<(), String> {
    let (namespace, name) = (pod.namespace(), pod.name());
    let options = ListOptions { field_selector: format!("metadata.name={name}"), ..ListOptions::default() };
    let list = cx.client.list(Kind::Pod, namespace, options.clone()).await.map_err(|e| e.message)?;
    if !list.items.iter().any(|object| object.uid() == pod.uid()) {
        return Ok(());
    }
    let options = ListOptions { resource_version: list.resource_version, ..options };
    let mut watch = cx.client.watch(Kind::Pod, namespace, options).await.map_err(|e| e.message)?;
    while let Some(event) = watch.recv().await {
        match event {
            WatchEvent::Deleted(object) if object.uid() == pod.uid() => return Ok(()),
            WatchEvent::Error(error) => return Err(error.message),
            _ => {}
        }
    }
    Err("the watch of the pod ended".into())
}

#[cfg(test)]
mod tests {
    use serde_json::from_value;

    use super::*;

    #[test]
    fn what_a_drain_does_with_pods() {
        let daemon =
            json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "1", "controller": true}]);
        let set = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "1", "controller": true}]);
        let pods = || -> Vec<Rc<Pod>> {
            let all = [
                json!({"metadata": {"name": "bare", "namespace": "a"}}),
                json!({"metadata": {"name": "done", "namespace": "a"}, "status": {"phase": "Succeeded"}}),
                json!({"metadata": {"name": "daemon", "namespace": "a", "ownerReferences": daemon}}),
                json!({"metadata": {"name": "kept", "namespace": "a", "ownerReferences": set}}),
                json!({"metadata": {"name": "data", "namespace": "a", "ownerReferences": set}, "spec": {"containers": [], "volumes": [{"name": "v", "emptyDir": {}}]}}),
                json!({"metadata": {"name": "mirror", "namespace": "a", "annotations": {"kubernetes.io/config.mirror": "x"}}}),
            ];
            all.into_iter().map(|value| Rc::new(from_value::<Pod>(value).unwrap())).collect()
        };
        let text = |args: &[&'static str]| {
            let mut parsed = Args::default();
            for flag in args {
                parsed.flags.insert(flag, vec!["true".into()]);
            }
            let plan = plan(pods(), &parsed, jiff::Timestamp::UNIX_EPOCH);
            let names: Vec<&str> = plan.delete.iter().map(|pod| pod.name()).collect();
            (names.join(" "), plan.errors.len(), plan.warnings.len())
        };
        assert_eq!(text(&[]), ("done kept".to_string(), 3, 0));
        assert_eq!(text(&["ignore-daemonsets", "force"]), ("bare done kept".to_string(), 1, 2));
        let all = ["ignore-daemonsets", "force", "delete-emptydir-data"];
        assert_eq!(text(&all), ("bare done kept data".to_string(), 0, 3));
    }
}
