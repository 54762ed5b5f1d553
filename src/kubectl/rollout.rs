//! `kubectl rollout` (`kubectl/pkg/cmd/rollout`, `kubectl/pkg/polymorphichelpers`).

use serde_json::{Map, Value, json};

use super::{
    Args, Ctx, Failure, Outcome, describe, fail, last_applied,
    program::finish,
    resource,
    wait::{self, follow},
    write::{self, DryRun},
};
use crate::api::{
    Kind, Object,
    client::{ListOptions, Patch, Subresource, WatchEvent},
    other::Other,
    template_hash::HASH_LABEL,
};

pub const REVISION: &str = "deployment.kubernetes.io/revision";
const CAUSE: &str = "kubernetes.io/change-cause";
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";
/// Annotations that an earlier revision doesn't give back.
const KEPT: [&str; 6] = [
    last_applied::KEY,
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let Some((command, words)) = args.args.split_first() else {
        if let Some(command) = super::commands::find("rollout") {
            cx.out(super::help::command(command)).await;
        }
        return Ok(1);
    };
    if !["history", "pause", "restart", "resume", "status", "undo"].contains(&command.as_str()) {
        let message = format!("unknown command {:?}", args.args.join(" "));
        return Err(Failure::Usage { command: "rollout".into(), message });
    }
    let found = resource::fetch(cx, args, words).await?;
    let mut failures = found.failures;
    if command == "status" && found.objects.is_empty() && failures.is_empty() {
        cx.err(format!("No resources found in {} namespace.\n", cx.namespace)).await;
    }
    for object in &found.objects {
        let done = match command.as_str() {
            "history" => history(cx, args, object).await,
            "status" => status(cx, args, object).await,
            "undo" => undo(cx, args, object).await,
            "pause" => pause(cx, args, object, true).await,
            "resume" => pause(cx, args, object, false).await,
            _ => restart(cx, args, object).await,
        };
        failures.extend(done.err());
    }
    finish(cx, failures).await
}

/// `Pod`, `ReplicaSet.apps`
fn full_kind(kind: Kind) -> String {
    if kind.group().is_empty() { kind.name().into() } else { format!("{}.{}", kind.name(), kind.group()) }
}

fn number(object: &Other, path: &str) -> i64 {
    object.at(path).as_i64().unwrap_or(0)
}

fn annotation<'a>(object: &'a Other, key: &str) -> &'a str {
    let annotations = object.metadata.annotations.as_ref();
    annotations.and_then(|all| all.get(key)).map(String::as_str).unwrap_or_default()
}

fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(Value::Object(labels)) = template.pointer_mut("/metadata/labels") {
        labels.remove(HASH_LABEL);
    }
    template
}

// ---- status

/// What is told of a rollout, and whether it is done.
fn progress(object: &Other, revision: i64) -> Result<(String, bool), Failure> {
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let of = |key: &str| number(object, &format!("status/{key}"));
    let seen = object.metadata.generation.unwrap_or(0) <= of("observedGeneration");
    let waiting = |text: String| Ok((format!("{text}\n"), false));
    if object.kind != Kind::Deployment && object.text("spec/updateStrategy/type") != "RollingUpdate" {
        return fail("rollout status is only available for RollingUpdate strategy type");
    }
    let wanted = number(object, "spec/replicas");
    match object.kind {
        Kind::Deployment => {
            let current: i64 = annotation(object, REVISION).parse().unwrap_or(0);
            if revision > 0 && revision != current {
                return fail(format!(
                    "desired revision ({revision}) is different from the running revision ({current})"
                ));
            }
            if !seen {
                return waiting("Waiting for deployment spec update to be observed...".into());
            }
            let conditions = object.at("status/conditions").as_array().into_iter().flatten();
            let late = |c: &Value| c["type"] == "Progressing" && c["reason"] == "ProgressDeadlineExceeded";
            if conditions.into_iter().any(late) {
                return fail(format!("deployment {name:?} exceeded its progress deadline"));
            }
            let head = format!("Waiting for deployment {name:?} rollout to finish:");
            let (updated, there, available) = (of("updatedReplicas"), of("replicas"), of("availableReplicas"));
            if updated < wanted {
                return waiting(format!("{head} {updated} out of {wanted} new replicas have been updated..."));
            }
            if there > updated {
                return waiting(format!("{head} {} old replicas are pending termination...", there - updated));
            }
            if available < updated {
                return waiting(format!("{head} {available} of {updated} updated replicas are available..."));
            }
            Ok((format!("deployment {name:?} successfully rolled out\n"), true))
        }
        Kind::DaemonSet => {
            if !seen {
                return waiting("Waiting for daemon set spec update to be observed...".into());
            }
            let head = format!("Waiting for daemon set {name:?} rollout to finish:");
            let (wanted, updated) = (of("desiredNumberScheduled"), of("updatedNumberScheduled"));
            if updated < wanted {
                return waiting(format!("{head} {updated} out of {wanted} new pods have been updated..."));
            }
            let available = of("numberAvailable");
            if available < wanted {
                return waiting(format!("{head} {available} of {wanted} updated pods are available..."));
            }
            Ok((format!("daemon set {name:?} successfully rolled out\n"), true))
        }
        _ => {
            if of("observedGeneration") == 0 || !seen {
                return waiting("Waiting for statefulset spec update to be observed...".into());
            }
            let (ready, updated) = (of("readyReplicas"), of("updatedReplicas"));
            if ready < wanted {
                return waiting(format!("Waiting for {} pods to be ready...", wanted - ready));
            }
            if let Some(partition) = object.at("spec/updateStrategy/rollingUpdate/partition").as_i64() {
                let target = wanted - partition;
                if updated < target {
                    return waiting(format!(
                        "Waiting for partitioned roll out to finish: {updated} out of {target} new pods have been \
                         updated..."
                    ));
                }
                return Ok((format!("partitioned roll out complete: {updated} new pods have been updated...\n"), true));
            }
            let (now, next) = (object.text("status/currentRevision"), object.text("status/updateRevision"));
            if now != next {
                return waiting(format!(
                    "waiting for statefulset rolling update to complete {updated} pods at revision {next}..."
                ));
            }
            let current = of("currentReplicas");
            Ok((format!("statefulset rolling update complete {current} pods at revision {now}...\n"), true))
        }
    }
}

async fn status(cx: &Ctx, args: &Args, object: &Object) -> Result<(), Failure> {
    let kind = object.kind();
    if !matches!(kind, Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet) {
        return fail(format!("no status viewer has been implemented for {kind}"));
    }
    let revision = args.get("revision").and_then(|text| text.parse().ok()).unwrap_or(0);
    let watches = args.get("watch") != Some("false");
    let limit = args.get("timeout").map(wait::duration).transpose()?.filter(|limit| !limit.is_zero());
    let tell = async |object: &Object| -> Result<bool, Failure> {
        let Object::Other(other) = object else { return Ok(true) };
        let (text, done) = progress(other, revision)?;
        cx.out(text).await;
        Ok(done || !watches)
    };
    let watching = async {
        let (current, mut events) = follow(cx, kind, object.namespace(), object.name()).await?;
        if let Some(current) = &current
            && tell(current).await?
        {
            return Ok(());
        }
        while let Some(event) = events.recv().await {
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    if tell(&object).await? {
                        return Ok(());
                    }
                }
                WatchEvent::Deleted(_) => return fail("object has been deleted"),
                WatchEvent::Error(error) => return Err(error.into()),
            }
        }
        fail("the watch was closed")
    };
    match limit {
        None => watching.await,
        Some(limit) => {
            let late = || fail("timed out waiting for the condition");
            cx.proc.sim().timeout(limit, watching).await.unwrap_or_else(late)
        }
    }
}

// ---- history

/// An earlier template.
struct Earlier {
    revision: i64,
    cause: String,
    template: Value,
    annotations: Map<String, Value>,
}

/// The revisions of an object, the oldest first.
async fn revisions(cx: &Ctx, object: &Object) -> Result<Vec<Earlier>, Failure> {
    let (kind, path) = match object.kind() {
        Kind::Deployment => (Kind::ReplicaSet, "spec/template"),
        _ => (Kind::ControllerRevision, "data/spec/template"),
    };
    let listed = cx.client.list(kind, object.namespace(), ListOptions::default()).await?.items;
    let mut all = Vec::new();
    for other in listed.iter().filter_map(|object| if let Object::Other(other) = object { Some(other) } else { None }) {
        let mut owners = other.metadata.owner_references.iter().flatten();
        if !owners.any(|owner| owner.controller == Some(true) && owner.uid == object.uid()) {
            continue;
        }
        let revision = match kind {
            Kind::ReplicaSet => annotation(other, REVISION).parse().unwrap_or(0),
            _ => number(other, "revision"),
        };
        let cause = annotation(other, CAUSE);
        let mut template = other.at(path).clone();
        if let Value::Object(template) = &mut template {
            template.remove("$patch");
        }
        let pairs = other.metadata.annotations.iter().flatten();
        all.push(Earlier {
            revision,
            cause: if cause.is_empty() { "<none>".into() } else { cause.into() },
            template,
            annotations: pairs.map(|(key, value)| (key.clone(), value.as_str().into())).collect(),
        });
    }
    all.sort_by_key(|earlier| earlier.revision);
    Ok(all)
}

async fn history(cx: &Ctx, args: &Args, object: &Object) -> Result<(), Failure> {
    let kind = object.kind();
    if !matches!(kind, Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet) {
        return fail(format!("no history viewer has been implemented for {:?}", full_kind(kind)));
    }
    let all = revisions(cx, object).await?;
    let reference = resource::reference(kind, object.name());
    let wanted: i64 = match args.get("revision").unwrap_or("0").parse() {
        Ok(revision) if revision >= 0 => revision,
        _ => return fail(format!("revision must be a positive integer: {}", args.get("revision").unwrap_or_default())),
    };
    if wanted > 0 {
        let Some(earlier) = all.iter().find(|earlier| earlier.revision == wanted) else {
            return fail("unable to find the specified revision");
        };
        let mut template = earlier.template.clone();
        if earlier.cause != "<none>" {
            template["metadata"]["annotations"][CAUSE] = earlier.cause.as_str().into();
        }
        let text = described(object, &template);
        cx.out(format!("{reference} with revision #{wanted}\n{text}\n")).await;
        return Ok(());
    }
    let mut rows = vec![vec!["REVISION".to_string(), "CHANGE-CAUSE".to_string()]];
    rows.extend(all.iter().map(|earlier| vec![earlier.revision.to_string(), earlier.cause.clone()]));
    let table: String = rows.iter().map(|row| row.join("\t") + "\n").collect();
    cx.out(format!("{reference} \n{}\n", super::tabwriter::align(&table))).await;
    Ok(())
}

/// A template, as an object's is described.
fn described(object: &Object, template: &Value) -> String {
    let mut text = String::new();
    if let Object::Other(other) = object {
        let mut other = Other::clone(other);
        other.content.insert("spec".into(), json!({"template": template}));
        describe::template(&mut text, &other);
    }
    text
}

// ---- changes

/// Sends a patch and reports it.
async fn change(cx: &Ctx, args: &Args, object: &Object, patch: Patch, verb: &str) -> Result<(), Failure> {
    let dry_run = DryRun::of(args)?;
    let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
    if dry_run == DryRun::Client {
        return write::report_object(cx, args, object, verb, dry_run).await;
    }
    let options = write::options(args, dry_run, "kubectl-rollout");
    let written = cx.client.patch(kind, namespace, name, Subresource::None, patch, options).await?;
    let written = write::warned(cx, written).await;
    write::report_object(cx, args, &written, verb, dry_run).await
}

async fn pause(cx: &Ctx, args: &Args, object: &Object, pauses: bool) -> Result<(), Failure> {
    let (kind, name) = (object.kind(), object.name());
    let what = format!("{} \"{name}\"", kind.qualified());
    let Object::Other(other) = object else {
        return fail(format!("{what} {} is not supported", if pauses { "pausing" } else { "resuming" }));
    };
    if kind != Kind::Deployment {
        return fail(format!("{what} {} is not supported", if pauses { "pausing" } else { "resuming" }));
    }
    let is_paused = other.at("spec/paused").as_bool() == Some(true);
    match (pauses, is_paused) {
        (true, true) => fail(format!("{what} is already paused")),
        (false, false) => fail(format!("{what} is not paused")),
        _ => {
            let value = if pauses { Value::Bool(true) } else { Value::Null };
            let patch = Patch::Merge(json!({"spec": {"paused": value}}));
            change(cx, args, object, patch, if pauses { "paused" } else { "resumed" }).await
        }
    }
}

async fn restart(cx: &Ctx, args: &Args, object: &Object) -> Result<(), Failure> {
    let (kind, name) = (object.kind(), object.name());
    if !matches!(kind, Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet) {
        return fail(format!("{} \"{name}\" restarting is not supported", kind.qualified()));
    }
    let Object::Other(other) = object else { return Ok(()) };
    if other.at("spec/paused").as_bool() == Some(true) {
        return fail(format!(
            "{} \"{name}\" can't restart paused deployment (run rollout resume first)",
            kind.qualified()
        ));
    }
    let now = jiff::Timestamp::from_second(cx.now().as_second()).unwrap_or(cx.now()).to_string();
    if other.at("spec/template/metadata/annotations").get(RESTARTED).is_some_and(|at| *at == now) {
        return fail(
            "if restart has already been triggered within the past second, please wait before attempting to trigger another",
        );
    }
    let patch = json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED: now}}}}});
    change(cx, args, object, Patch::Strategic(patch), "restarted").await
}

async fn undo(cx: &Ctx, args: &Args, object: &Object) -> Result<(), Failure> {
    let (kind, name) = (object.kind(), object.name());
    let Object::Other(other) = object else {
        return fail(format!("no rollbacker has been implemented for {:?}", full_kind(kind)));
    };
    if !matches!(kind, Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet) {
        return fail(format!("no rollbacker has been implemented for {:?}", full_kind(kind)));
    }
    if last_applied::of(object).is_some() {
        cx.err(format!(
            "Warning: resource {}/{name} was previously managed with 'kubectl apply'. Rolling back will not update the {} \
             annotation, which may cause unexpected behavior on future 'kubectl apply' operations. Consider using \
             'kubectl apply' with your previous configuration file instead.\n",
            kind.plural(),
            last_applied::KEY
        ))
        .await;
    }
    let wanted: i64 = match args.get("to-revision").unwrap_or("0").parse() {
        Ok(revision) => revision,
        Err(_) => return fail(format!("invalid revision: {}", args.get("to-revision").unwrap_or_default())),
    };
    let missing = || fail(format!("unable to find specified revision {wanted} in history"));
    if wanted < 0 {
        return missing();
    }
    if other.at("spec/paused").as_bool() == Some(true) {
        return fail(
            "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again",
        );
    }
    let all = revisions(cx, object).await?;
    let earlier = match wanted {
        0 if all.len() < 2 => return fail(format!("no rollout history found for {} {name:?}", kind.singular())),
        0 => all.get(all.len() - 2),
        _ => all.iter().find(|earlier| earlier.revision == wanted),
    };
    let Some(earlier) = earlier else { return missing() };
    let template = without_hash(&earlier.template);
    if template == without_hash(other.at("spec/template")) {
        let text = format!("skipped rollback (current template already matches revision {})", earlier.revision);
        return write::report_object(cx, args, object, &text, DryRun::of(args)?).await;
    }
    if DryRun::of(args)? == DryRun::Client {
        let text = described(object, &template);
        cx.out(format!("{} {text} (dry run)\n", resource::reference(kind, name))).await;
        return Ok(());
    }
    let mut patch = vec![json!({"op": "replace", "path": "/spec/template", "value": template})];
    if kind == Kind::Deployment {
        let own = other.metadata.annotations.iter().flatten().filter(|(key, _)| KEPT.contains(&key.as_str()));
        let mut annotations: Map<String, Value> =
            own.map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        let theirs = earlier.annotations.iter().filter(|(key, _)| !KEPT.contains(&key.as_str()));
        annotations.extend(theirs.map(|(key, value)| (key.clone(), value.clone())));
        let op = if other.metadata.annotations.is_some() { "replace" } else { "add" };
        patch.push(json!({"op": op, "path": "/metadata/annotations", "value": annotations}));
    }
    change(cx, args, object, Patch::Json(patch.into()), "rolled back").await
}
