//! Kinds whose controllers make pods, and the template of these.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector as ApiSelector, ObjectMeta};
use serde_json::Value;

use super::{annotations, labels, pod, storage::formatted, time, volumes};
use crate::{
    api::{
        Kind, Object, Pod, Resource, SharedSpec, client, client::ListOptions, duration::human_duration, other::Other,
        selector::LabelSelector,
    },
    kubectl::{Ctx, Failure},
};

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A number; 0 if it isn't told.
fn count(o: &Other, path: &str) -> i64 {
    o.at(path).as_i64().unwrap_or(0)
}

fn selector(value: &Value) -> LabelSelector {
    let parsed: Option<ApiSelector> = serde_json::from_value(value.clone()).ok();
    LabelSelector::from_api(parsed.as_ref()).unwrap_or_else(|_| LabelSelector::nothing())
}

fn at(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

pub async fn describe(cx: &Ctx, out: &mut String, o: &Other) -> Result<(), Failure> {
    let meta = &o.metadata;
    let (namespace, name) = (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    out.push_str(&format!("Name:\t{name}\nNamespace:\t{namespace}\n"));
    if matches!(o.kind, Kind::Deployment | Kind::StatefulSet)
        && let Some(created) = &meta.creation_timestamp
    {
        out.push_str(&format!("CreationTimestamp:\t{}\n", time(created.0)));
    }
    let chosen = selector(o.at("spec/selector"));
    match o.kind {
        Kind::ReplicationController => {
            let pairs = o.at("spec/selector").as_object().into_iter().flatten();
            out.push_str(&format!("Selector:\t{}\n", formatted(pairs.map(|(k, v)| (k.clone(), text(v))))));
        }
        Kind::CronJob | Kind::Deployment => {}
        _ => out.push_str(&format!("Selector:\t{chosen}\n")),
    }
    if o.kind == Kind::DaemonSet {
        let nodes = o.at("spec/template/spec").get("nodeSelector").and_then(Value::as_object);
        let pairs = nodes.into_iter().flatten().map(|(k, v)| (k.clone(), text(v)));
        out.push_str(&format!("Node-Selector:\t{}\n", formatted(pairs)));
    }
    labels(out, "Labels:", meta.labels.as_ref());
    annotations(out, meta.annotations.as_ref());
    let owner = meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    if let Some(owner) = owner.filter(|_| matches!(o.kind, Kind::ReplicaSet | Kind::Job)) {
        out.push_str(&format!("Controlled By:\t{}/{}\n", owner.kind, owner.name));
    }
    match o.kind {
        Kind::Deployment => deployment(out, o, &chosen),
        Kind::DaemonSet => daemon_set(out, o),
        Kind::StatefulSet => stateful_set(out, o),
        Kind::Job => job(out, o),
        Kind::CronJob => cron_job(out, o),
        _ => out.push_str(&format!(
            "Replicas:\t{} current / {} desired\n",
            count(o, "status/replicas"),
            count(o, "spec/replicas")
        )),
    }
    if !matches!(o.kind, Kind::Deployment | Kind::Job | Kind::CronJob) {
        pods_status(cx, out, o).await?;
    }
    template(out, o);
    match o.kind {
        Kind::StatefulSet => claim_templates(out, o),
        Kind::Job => {}
        Kind::CronJob => schedule(out, o),
        _ => conditions(out, o),
    }
    if o.kind == Kind::Deployment {
        replica_sets(cx, out, o).await?;
    }
    Ok(())
}

fn deployment(out: &mut String, o: &Other, chosen: &LabelSelector) {
    out.push_str(&format!(
        "Selector:\t{chosen}\nReplicas:\t{} desired | {} updated | {} total | {} available | {} unavailable\n",
        count(o, "spec/replicas"),
        count(o, "status/updatedReplicas"),
        count(o, "status/replicas"),
        count(o, "status/availableReplicas"),
        count(o, "status/unavailableReplicas"),
    ));
    out.push_str(&format!(
        "StrategyType:\t{}\nMinReadySeconds:\t{}\n",
        o.text("spec/strategy/type"),
        count(o, "spec/minReadySeconds")
    ));
    let rolling = o.at("spec/strategy/rollingUpdate");
    if rolling.is_object() {
        let (away, more) = (text(&rolling["maxUnavailable"]), text(&rolling["maxSurge"]));
        out.push_str(&format!("RollingUpdateStrategy:\t{away} max unavailable, {more} max surge\n"));
    }
}

fn daemon_set(out: &mut String, o: &Other) {
    for (title, path) in [
        ("Desired Number of Nodes Scheduled", "status/desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "status/currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "status/updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "status/numberAvailable"),
        ("Number of Nodes Misscheduled", "status/numberMisscheduled"),
    ] {
        out.push_str(&format!("{title}: {}\n", count(o, path)));
    }
}

fn stateful_set(out: &mut String, o: &Other) {
    out.push_str(&format!(
        "Replicas:\t{} desired | {} total\nUpdate Strategy:\t{}\n",
        count(o, "spec/replicas"),
        count(o, "status/replicas"),
        o.text("spec/updateStrategy/type")
    ));
    let rolling = o.at("spec/updateStrategy/rollingUpdate");
    if let Some(partition) = rolling["partition"].as_i64() {
        out.push_str(&format!("  Partition:\t{partition}\n"));
        if !rolling["maxUnavailable"].is_null() {
            out.push_str(&format!("  MaxUnavailable:\t{}\n", text(&rolling["maxUnavailable"])));
        }
    }
}

fn job(out: &mut String, o: &Other) {
    let mut line = |key: &str, value: &Value, suffix: &str| {
        if !value.is_null() {
            out.push_str(&format!("{key}:\t{}{suffix}\n", text(value)));
        }
    };
    line("Parallelism", o.at("spec/parallelism"), "");
    let completions = o.at("spec/completions");
    line("Completions", if completions.is_null() { &UNSET } else { completions }, "");
    line("Completion Mode", o.at("spec/completionMode"), "");
    line("Suspend", o.at("spec/suspend"), "");
    line("Backoff Limit", o.at("spec/backoffLimit"), "");
    line("TTL Seconds After Finished", o.at("spec/ttlSecondsAfterFinished"), "");
    let (start, end) = (at(o.at("status/startTime")), at(o.at("status/completionTime")));
    for (title, moment) in [("Start Time", start), ("Completed At", end)] {
        if let Some(moment) = moment {
            line(title, &time(moment).into(), "");
        }
    }
    if let (Some(start), Some(end)) = (start, end) {
        line("Duration", &human_duration(end.as_second() - start.as_second()).into(), "");
    }
    line("Active Deadline Seconds", o.at("spec/activeDeadlineSeconds"), "s");
    let ready = o.at("status/ready").as_i64().map(|ready| format!(" ({ready} Ready)")).unwrap_or_default();
    out.push_str(&format!(
        "Pods Statuses:\t{} Active{ready} / {} Succeeded / {} Failed\n",
        count(o, "status/active"),
        count(o, "status/succeeded"),
        count(o, "status/failed")
    ));
    if o.text("spec/completionMode") == "Indexed" {
        out.push_str(&format!("Completed Indexes:\t{}\n", indexes(o.text("status/completedIndexes"))));
    }
}

static UNSET: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| "<unset>".into());

/// At most fifty characters, cut after a comma.
fn indexes(all: &str) -> String {
    match all.get(50..).and_then(|rest| rest.find(',')) {
        _ if all.is_empty() => "<none>".into(),
        Some(comma) => format!("{}...", &all[..50 + comma + 1]),
        None => all.into(),
    }
}

fn cron_job(out: &mut String, o: &Other) {
    let or_unset = |value: &Value, suffix: &str| match value {
        Value::Null => "<unset>".to_string(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        value => format!("{}{suffix}", text(value)),
    };
    let inner = o.at("spec/jobTemplate/spec");
    let chosen = &inner["selector"];
    for (title, value) in [
        ("Schedule", or_unset(o.at("spec/schedule"), "")),
        ("Concurrency Policy", text(o.at("spec/concurrencyPolicy"))),
        ("Suspend", or_unset(o.at("spec/suspend"), "")),
        ("Time Zone", or_unset(o.at("spec/timeZone"), "")),
        ("Successful Job History Limit", or_unset(o.at("spec/successfulJobsHistoryLimit"), "")),
        ("Failed Job History Limit", or_unset(o.at("spec/failedJobsHistoryLimit"), "")),
        ("Starting Deadline Seconds", or_unset(o.at("spec/startingDeadlineSeconds"), "s")),
        ("Selector", if chosen.is_null() { "<unset>".into() } else { selector(chosen).to_string() }),
        ("Parallelism", or_unset(&inner["parallelism"], "")),
        ("Completions", or_unset(&inner["completions"], "")),
    ] {
        out.push_str(&format!("{title}:\t{value}\n"));
    }
    if !inner["activeDeadlineSeconds"].is_null() {
        out.push_str(&format!("Active Deadline Seconds:\t{}s\n", text(&inner["activeDeadlineSeconds"])));
    }
}

fn schedule(out: &mut String, o: &Other) {
    let last = at(o.at("status/lastScheduleTime")).map_or("<unset>".into(), time);
    let active = o.at("status/active").as_array().into_iter().flatten().map(|job| text(&job["name"]));
    let active: Vec<String> = active.collect();
    let active = if active.is_empty() { "<none>".into() } else { active.join(", ") };
    out.push_str(&format!("Last Schedule Time:\t{last}\nActive Jobs:\t{active}\n"));
}

/// The pods that it controls, by phase.
async fn pods_status(cx: &Ctx, out: &mut String, o: &Other) -> Result<(), Failure> {
    let namespace = o.metadata.namespace.as_deref().unwrap_or_default();
    let pods = client::list::<Pod>(&*cx.client, namespace, ListOptions::default()).await?;
    let mine = |pod: &Pod| {
        let mut owners = pod.meta().owner_references.iter().flatten();
        owners.any(|owner| owner.controller == Some(true) && Some(&owner.uid) == o.metadata.uid.as_ref())
    };
    let phase = |wanted: &str| {
        let of = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some(wanted);
        pods.iter().filter(|pod| mine(pod) && of(pod)).count()
    };
    out.push_str(&format!(
        "Pods Status:\t{} Running / {} Waiting / {} Succeeded / {} Failed\n",
        phase("Running"),
        phase("Pending"),
        phase("Succeeded"),
        phase("Failed")
    ));
    Ok(())
}

fn conditions(out: &mut String, o: &Other) {
    let all = o.at("status/conditions").as_array().map_or(&[][..], Vec::as_slice);
    if !all.is_empty() && o.kind != Kind::DaemonSet {
        out.push_str("Conditions:\n  Type\tStatus\tReason\n  ----\t------\t------\n");
        for c in all {
            out.push_str(&format!("  {} \t{}\t{}\n", text(&c["type"]), text(&c["status"]), text(&c["reason"])));
        }
    }
}

/// `Pod Template:`, also of a revision in a history.
pub fn template(out: &mut String, o: &Other) {
    let Some(path) = o.template_path() else { return };
    let meta: ObjectMeta =
        o.at(path).get("metadata").cloned().and_then(|m| serde_json::from_value(m).ok()).unwrap_or_default();
    let spec = o.pod_spec().unwrap_or_default();
    out.push_str("Pod Template:\n");
    labels(out, "  Labels:", meta.labels.as_ref());
    if meta.annotations.as_ref().is_some_and(|all| !all.is_empty()) {
        let mut lines = String::new();
        annotations(&mut lines, meta.annotations.as_ref());
        out.push_str(&format!("  {lines}"));
    }
    let SharedSpec { service_account_name, priority_class_name, node_selector, tolerations, .. } = &*spec;
    if let Some(account) = service_account_name.as_ref().filter(|name| !name.is_empty()) {
        out.push_str(&format!("  Service Account:\t{account}\n"));
    }
    let none = Pod::default();
    let mut body = String::new();
    let init = spec.init_containers.as_deref().unwrap_or_default();
    if !init.is_empty() {
        pod::containers(&mut body, "Init Containers", init, &[], &none);
    }
    pod::containers(&mut body, "Containers", &spec.containers, &[], &none);
    volumes::volumes(&mut body, &serde_json::to_value(&spec.volumes).unwrap_or_default());
    for line in body.lines() {
        // Titles stand two further in, names one, what is below them as in a pod.
        let indent = match line.bytes().take_while(|b| *b == b' ').count() {
            0 => "  ",
            1..4 => " ",
            _ => "",
        };
        out.push_str(&format!("{indent}{line}\n"));
    }
    if let Some(class) = priority_class_name.as_ref().filter(|name| !name.is_empty()) {
        out.push_str(&format!("  Priority Class Name:\t{class}\n"));
    }
    labels(out, "  Node-Selectors:", node_selector.as_ref());
    out.push_str("  ");
    pod::tolerations(out, tolerations.as_deref().unwrap_or_default());
}

fn claim_templates(out: &mut String, o: &Other) {
    let all = o.at("spec/volumeClaimTemplates").as_array().map_or(&[][..], Vec::as_slice);
    out.push_str(if all.is_empty() { "Volume Claims:\t<none>\n" } else { "Volume Claims:\n" });
    for claim in all {
        let meta: ObjectMeta = serde_json::from_value(claim["metadata"].clone()).unwrap_or_default();
        let spec = &claim["spec"];
        out.push_str(&format!(
            "  Name:\t{}\n  StorageClass:\t{}\n",
            text(&claim["metadata"]["name"]),
            text(&spec["storageClassName"])
        ));
        labels(out, "  Labels:", meta.labels.as_ref());
        let mut lines = String::new();
        annotations(&mut lines, meta.annotations.as_ref());
        out.push_str(&format!("  {lines}"));
        let capacity = spec.pointer("/resources/requests/storage").map_or("<default>".into(), text);
        let modes: Vec<String> = spec["accessModes"].as_array().into_iter().flatten().map(text).collect();
        out.push_str(&format!("  Capacity:\t{capacity}\n  Access Modes:\t[{}]\n", modes.join(" ")));
    }
}

/// The ReplicaSets of a Deployment: old ones, and that of its present template.
async fn replica_sets(cx: &Ctx, out: &mut String, o: &Other) -> Result<(), Failure> {
    let namespace = o.metadata.namespace.as_deref().unwrap_or_default();
    let listed = cx.client.list(Kind::ReplicaSet, namespace, ListOptions::default()).await?.items;
    let plain = |o: &Other| {
        let mut template = o.at("spec/template").clone();
        if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
            labels.remove("pod-template-hash");
        }
        template
    };
    let (mut new, mut old) = (Vec::new(), Vec::new());
    for object in &listed {
        let Object::Other(set) = object else { continue };
        let mut owners = set.metadata.owner_references.iter().flatten();
        if owners.any(|owner| Some(&owner.uid) == o.metadata.uid.as_ref()) {
            let (now, wanted) = (count(set, "status/replicas"), count(set, "spec/replicas"));
            let line = format!("{} ({now}/{wanted} replicas created)", object.name());
            (if plain(set) == plain(o) { &mut new } else { &mut old }).push(line);
        }
    }
    if !new.is_empty() || !old.is_empty() {
        let shown = |list: &[String]| if list.is_empty() { "<none>".into() } else { list.join(", ") };
        out.push_str(&format!("OldReplicaSets:\t{}\nNewReplicaSet:\t{}\n", shown(&old), shown(&new)));
    }
    Ok(())
}
