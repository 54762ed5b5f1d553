//! What makes pods after a template: Deployments, ReplicaSets, DaemonSets, StatefulSets, Jobs, CronJobs,
//! ReplicationControllers, PodTemplates (`pkg/apis/apps/validation`, `pkg/apis/batch/validation`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector as ApiSelector, ObjectMeta};
use serde_json::{Value, json};

use super::{
    Options, job,
    meta::{self, NOT_NEGATIVE},
    others::{not_negative, one_of, text},
    pod, storage,
};
use crate::api::{
    cron::Schedule,
    field::{Dump, Errors, Path},
    names,
    object::Kind,
    other::Other,
    selector::LabelSelector,
    zones,
};

const SPEC: Path<'static> = Path::root("spec");
const IMMUTABLE: &str = "field is immutable";

pub fn spec(errors: &mut Errors, object: &Other, old: Option<&Other>) {
    let spec = object.at("spec");
    match object.kind {
        Kind::Deployment => deployment(errors, spec),
        Kind::ReplicaSet => {
            not_negative(errors, spec, &["replicas", "minReadySeconds"], &SPEC);
            let selector = selector(errors, &spec["selector"], "deployment");
            template(errors, &spec["template"], selector.as_ref(), "ReplicaSet", &SPEC.child("template"));
        }
        Kind::DaemonSet => {
            let selector = selector(errors, &spec["selector"], "daemonset");
            template(errors, &spec["template"], selector.as_ref(), "DaemonSet", &SPEC.child("template"));
            not_negative(errors, spec, &["minReadySeconds"], &SPEC);
            daemon_update(errors, &spec["updateStrategy"], &SPEC.child("updateStrategy"));
            not_negative(errors, spec, &["revisionHistoryLimit"], &SPEC);
        }
        Kind::StatefulSet => stateful_set(errors, spec, false, true),
        Kind::ReplicationController => {
            not_negative(errors, spec, &["minReadySeconds"], &SPEC);
            let chosen = spec["selector"].as_object();
            if chosen.is_none_or(|chosen| chosen.is_empty()) {
                errors.required(&SPEC.child("selector"), "");
            }
            not_negative(errors, spec, &["replicas"], &SPEC);
            if spec["template"].is_null() {
                errors.required(&SPEC.child("template"), "");
                return;
            }
            let api = ApiSelector {
                match_labels: serde_json::from_value(spec["selector"].clone()).ok(),
                match_expressions: None,
            };
            let selector = LabelSelector::from_api(Some(&api)).ok();
            template(errors, &spec["template"], selector.as_ref(), "ReplicationController", &SPEC.child("template"));
        }
        Kind::Job => job::job(errors, spec, true, &SPEC),
        Kind::CronJob => cron_job(errors, spec, old),
        _ => pod_template(errors, object.at("template"), &Path::root("template")),
    }
}

fn daemon_update(errors: &mut Errors, strategy: &Value, path: &Path) {
    match text(&strategy["type"]) {
        "OnDelete" => return,
        "RollingUpdate" => {}
        other => {
            let update =
                if strategy["rollingUpdate"].is_null() { "null".into() } else { strategy["rollingUpdate"].to_string() };
            let shown = format!("{{\"Type\":{},\"RollingUpdate\":{update}}}", json!(other));
            return errors.not_supported(path, &Dump(shown), &["RollingUpdate", "OnDelete"]);
        }
    }
    let update = &strategy["rollingUpdate"];
    let path = path.child("rollingUpdate");
    if update.is_null() {
        return errors.required(&path, "");
    }
    let (unavailable, surge) = (&update["maxUnavailable"], &update["maxSurge"]);
    let (unavailable_path, surge_path) = (path.child("maxUnavailable"), path.child("maxSurge"));
    amount_or_percent(errors, unavailable, &unavailable_path);
    amount_or_percent(errors, surge, &surge_path);
    at_most_all(errors, unavailable, &unavailable_path);
    at_most_all(errors, surge, &surge_path);
    match (is_nothing(unavailable), is_nothing(surge)) {
        (false, false) => errors.invalid(&surge_path, surge, "may not be set when maxUnavailable is non-zero"),
        (true, true) => errors.required(&unavailable_path, "cannot be 0 when maxSurge is 0"),
        _ => {}
    }
}

fn deployment(errors: &mut Errors, spec: &Value) {
    not_negative(errors, spec, &["replicas"], &SPEC);
    let selector = selector(errors, &spec["selector"], "deployment");
    template(errors, &spec["template"], selector.as_ref(), "ReplicaSet", &SPEC.child("template"));
    let (path, strategy) = (SPEC.child("strategy"), &spec["strategy"]);
    let update = &strategy["rollingUpdate"];
    match text(&strategy["type"]) {
        "Recreate" if update.is_object() => {
            let why = "may not be specified when strategy `type` is 'Recreate'";
            errors.forbidden(&path.child("rollingUpdate"), why);
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let path = path.child("rollingUpdate");
            for key in ["maxUnavailable", "maxSurge"] {
                amount_or_percent(errors, &update[key], &path.child(key));
            }
            if is_nothing(&update["maxUnavailable"]) && is_nothing(&update["maxSurge"]) {
                errors.invalid(
                    &path.child("maxUnavailable"),
                    &update["maxUnavailable"],
                    "may not be 0 when `maxSurge` is 0",
                );
            }
            at_most_all(errors, &update["maxUnavailable"], &path.child("maxUnavailable"));
        }
        other => errors.not_supported(&path.child("type"), other, &["Recreate", "RollingUpdate"]),
    }
    not_negative(errors, spec, &["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"], &SPEC);
    if let (Some(deadline), ready) =
        (spec["progressDeadlineSeconds"].as_i64(), spec["minReadySeconds"].as_i64().unwrap_or(0))
        && deadline <= ready
    {
        errors.invalid(&SPEC.child("progressDeadlineSeconds"), &deadline, "must be greater than minReadySeconds");
    }
}

/// A change is lenient with what was let in before.
fn stateful_set(errors: &mut Errors, spec: &Value, changed: bool, template_too: bool) {
    match text(&spec["podManagementPolicy"]) {
        "" => errors.required(&SPEC.child("podManagementPolicy"), ""),
        "OrderedReady" | "Parallel" => {}
        other => errors.invalid(&SPEC.child("podManagementPolicy"), other, "must be 'OrderedReady' or 'Parallel'"),
    }
    let path = SPEC.child("updateStrategy");
    match text(&spec["updateStrategy"]["type"]) {
        "" => errors.required(&path, ""),
        "OnDelete" if spec["updateStrategy"]["rollingUpdate"].is_object() => {
            let why = "only allowed for updateStrategy 'RollingUpdate'";
            errors.invalid(&path.child("rollingUpdate"), &spec["updateStrategy"]["rollingUpdate"], why);
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            let path = path.child("rollingUpdate");
            let update = &spec["updateStrategy"]["rollingUpdate"];
            not_negative(errors, update, &["partition"], &path);
            let (most, path) = (&update["maxUnavailable"], path.child("maxUnavailable"));
            if !most.is_null() {
                amount_or_percent(errors, most, &path);
                if is_nothing(most) {
                    errors.invalid(&path, most, "cannot be 0");
                }
                at_most_all(errors, most, &path);
            }
        }
        _ => {
            let why = "must be 'RollingUpdate' or 'OnDelete'";
            errors.invalid(&path, &spec["updateStrategy"], why);
        }
    }
    let retention = SPEC.child("persistentVolumeClaimRetentionPolicy");
    let policy = &spec["persistentVolumeClaimRetentionPolicy"];
    for key in ["whenDeleted", "whenScaled"].into_iter().filter(|_| policy.is_object()) {
        const POLICIES: &[&str] = &["Retain", "Delete"];
        let value = text(&policy[key]);
        if !POLICIES.contains(&value) {
            errors.not_supported(&retention.child(key), value, POLICIES);
        }
    }
    let claims = spec["volumeClaimTemplates"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !changed {
        let path = SPEC.child("volumeClaimTemplates");
        for (index, claim) in claims.iter().enumerate() {
            storage::claim(errors, &claim["spec"], &path.index(index).child("spec"));
        }
    }
    not_negative(errors, spec, &["replicas", "minReadySeconds"], &SPEC);
    not_negative(errors, &spec["ordinals"], &["start"], &SPEC.child("ordinals"));
    let service = text(&spec["serviceName"]);
    if !changed && !service.is_empty() {
        errors.invalid_each(&SPEC.child("serviceName"), service, names::dns1123_label(service));
    }
    let selector = selector(errors, &spec["selector"], "statefulset");
    // The pods' volumes for its claims are not in the template, and their names are the set's to give.
    let mut made = spec["template"].clone();
    if let Some(of) = made.get_mut("spec").and_then(Value::as_object_mut) {
        of.remove("subdomain");
        of.remove("hostname");
        let mut volumes: Vec<Value> = Vec::new();
        for claim in claims {
            let name = text(&claim["metadata"]["name"]);
            volumes.push(json!({"name": name, "persistentVolumeClaim": {"claimName": name}}));
        }
        let own = of.get("volumes").and_then(Value::as_array).cloned().unwrap_or_default();
        let hidden = |volume: &Value| claims.iter().any(|claim| claim["metadata"]["name"] == volume["name"]);
        volumes.extend(own.into_iter().filter(|volume| !hidden(volume)));
        of.insert("volumes".into(), volumes.into());
    }
    let path = SPEC.child("template");
    matching(errors, &made, selector.as_ref(), &path);
    if template_too {
        pod_template(errors, &made, &path);
    }
    labels_and_annotations(errors, &made, &path);
    runs_forever(errors, &made, "StatefulSet", &path);
}

fn cron_job(errors: &mut Errors, spec: &Value, old: Option<&Other>) {
    let schedule = text(&spec["schedule"]);
    let path = SPEC.child("schedule");
    if schedule.is_empty() {
        errors.required(&path, "");
    } else {
        if let Err(why) = Schedule::parse(schedule) {
            errors.invalid(&path, schedule, &why);
        }
        let before = old.map_or(&Value::Null, |old| old.at("spec/schedule"));
        let had_zone = text(before).contains("TZ");
        if had_zone && schedule.contains("TZ") && !spec["timeZone"].is_null() {
            errors.invalid(&path, schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule");
        } else if !had_zone && schedule.contains("TZ") {
            errors.invalid(&path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
        }
    }
    not_negative(errors, spec, &["startingDeadlineSeconds"], &SPEC);
    if let Some(zone) = spec["timeZone"].as_str()
        && old.is_none_or(|old| old.at("spec/timeZone") != zone)
    {
        time_zone(errors, zone, &SPEC.child("timeZone"));
    }
    one_of(errors, spec, "concurrencyPolicy", &["Allow", "Forbid", "Replace"], &SPEC);
    let template = SPEC.child("jobTemplate");
    let labels = serde_json::from_value(spec["jobTemplate"]["metadata"]["labels"].clone()).ok();
    meta::labels(errors, labels.as_ref(), &template.child("metadata.labels"));
    let path = template.child("spec");
    if spec["jobTemplate"]["spec"]["manualSelector"] == true {
        errors.not_supported(&path.child("manualSelector"), &true, &["nil", "false"]);
    }
    job::job(errors, &spec["jobTemplate"]["spec"], false, &path);
    not_negative(errors, spec, &["successfulJobsHistoryLimit", "failedJobsHistoryLimit"], &SPEC);
}

/// `validateTimeZone`.
fn time_zone(errors: &mut Errors, zone: &str, path: &Path) {
    if zone.is_empty() {
        return errors.invalid(path, zone, "timeZone must be nil or non-empty string");
    }
    let unknown = format!("unknown time zone {zone}");
    let is_named = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
        part != "."
            && part != ".."
            && !part.starts_with('-')
            && (1..=14).contains(&part.len())
            && part.bytes().all(plain)
    };
    if !zone.split('/').all(is_named) {
        return errors.invalid(path, zone, &unknown);
    }
    if zone.eq_ignore_ascii_case("Local") {
        let why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.invalid(path, zone, why);
    }
    if zone != "Local" && zones::find(zone).is_none() {
        errors.invalid(path, zone, &unknown);
    }
}

/// A selector that must choose something.
fn selector(errors: &mut Errors, value: &Value, what: &str) -> Option<LabelSelector> {
    let path = SPEC.child("selector");
    if value.is_null() {
        errors.required(&path, "");
        return None;
    }
    let api: ApiSelector = serde_json::from_value(value.clone()).unwrap_or_default();
    meta::label_selector(errors, Some(&api), &path);
    let parsed = LabelSelector::from_api(Some(&api));
    match &parsed {
        Ok(parsed) if parsed.is_empty() => {
            errors.invalid(&path, value, &format!("empty selector is invalid for {what}"));
        }
        Ok(_) => {}
        Err(_) => {
            let part = |key: &str| (!value[key].is_null()).then(|| format!("\"{key}\":{}", value[key]));
            let parts: Vec<String> = ["matchLabels", "matchExpressions"].into_iter().filter_map(part).collect();
            let why = if what == "statefulset" { "" } else { "invalid label selector" };
            errors.invalid(&path, &Dump(format!("{{{}}}", parts.join(","))), why);
        }
    }
    parsed.ok()
}

/// The template of what runs forever: its labels are chosen, its pods always start again.
fn template(errors: &mut Errors, template: &Value, selector: Option<&LabelSelector>, what: &str, path: &Path) {
    matching(errors, template, selector, path);
    pod_template(errors, template, path);
    runs_forever(errors, template, what, path);
}

fn matching(errors: &mut Errors, template: &Value, selector: Option<&LabelSelector>, path: &Path) {
    if let Some(selector) = selector.filter(|selector| !selector.is_empty())
        && !selector.matches(labels_of(template).as_ref())
    {
        let labels = &template["metadata"]["labels"];
        errors.invalid(&path.child("metadata.labels"), labels, "`selector` does not match template `labels`");
    }
}

fn runs_forever(errors: &mut Errors, template: &Value, what: &str, path: &Path) {
    let policy = text(&template["spec"]["restartPolicy"]);
    if policy != "Always" {
        errors.not_supported(&path.child("spec.restartPolicy"), policy, &["Always"]);
    }
    if !template["spec"]["activeDeadlineSeconds"].is_null() {
        let why = format!("activeDeadlineSeconds in {what} is not Supported");
        errors.forbidden(&path.child("spec.activeDeadlineSeconds"), &why);
    }
}

pub(super) fn labels_of(template: &Value) -> Option<std::collections::BTreeMap<String, String>> {
    serde_json::from_value(template["metadata"]["labels"].clone()).ok()
}

fn labels_and_annotations(errors: &mut Errors, template: &Value, path: &Path) {
    let metadata: ObjectMeta = serde_json::from_value(template["metadata"].clone()).unwrap_or_default();
    meta::labels(errors, metadata.labels.as_ref(), &path.child("labels"));
    meta::annotations(errors, metadata.annotations.as_ref(), &path.child("annotations"));
}

pub(super) fn pod_template(errors: &mut Errors, template: &Value, path: &Path) {
    labels_and_annotations(errors, template, path);
    let Ok(spec) = serde_json::from_value(template["spec"].clone()) else { return };
    let mut of_spec = Errors::with(Options { is_pod: false, ..errors.options.clone() });
    pod::pod_spec(&mut of_spec, &spec, "", &path.child("spec"));
    errors.append(of_spec);
    if spec.ephemeral_containers.as_ref().is_some_and(|containers| !containers.is_empty()) {
        errors.forbidden(&path.child("spec.ephemeralContainers"), "ephemeral containers not allowed in pod template");
    }
}

/// A set whose pods would be refused today may still change.
pub fn stateful_set_update(errors: &mut Errors, new: &Other, old: &Other) {
    let mut before = Errors::with(errors.options.clone());
    stateful_set(&mut before, old.at("spec"), true, true);
    stateful_set(errors, new.at("spec"), true, before.is_empty());
}

/// What may not change.
pub fn update(errors: &mut Errors, new: &Other, old: &Other) {
    let same = |path: &str| new.at(path) == old.at(path);
    match new.kind {
        Kind::Deployment | Kind::ReplicaSet | Kind::DaemonSet if !same("spec/selector") => {
            errors.invalid(&SPEC.child("selector"), new.at("spec/selector"), IMMUTABLE);
        }
        Kind::Job => {
            for key in ["completions", "selector", "template", "completionMode"] {
                let path = format!("spec/{key}");
                let suspended = old.at("spec/suspend") == true && key == "template";
                if !same(&path) && !suspended {
                    errors.invalid(&SPEC.child(key), new.at(&path), IMMUTABLE);
                }
            }
        }
        Kind::StatefulSet => {
            const FREE: [&str; 7] = [
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            ];
            let fixed = |object: &Other| -> Vec<(String, Value)> {
                let fields = object.at("spec").as_object().into_iter().flatten();
                let fixed = fields.filter(|(key, _)| !FREE.contains(&key.as_str()));
                fixed.map(|(key, value)| (key.clone(), value.clone())).collect()
            };
            if fixed(new) != fixed(old) {
                let names: Vec<String> = FREE.iter().map(|name| format!("'{name}'")).collect();
                let (last, others) = names.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
                let why = format!(
                    "updates to statefulset spec for fields other than {} and {last} are forbidden",
                    others.join(", ")
                );
                errors.forbidden(&SPEC, &why);
            }
        }
        _ => {}
    }
}

/// An amount, or a share as `25%`.
fn amount_or_percent(errors: &mut Errors, value: &Value, path: &Path) {
    match value {
        Value::String(text) => errors.invalid_each(path, text.as_str(), names::percent(text)),
        Value::Number(number) if number.as_i64().is_some_and(|number| number < 0) => {
            errors.invalid(path, value, NOT_NEGATIVE);
        }
        _ => {}
    }
}

pub fn at_most_all(errors: &mut Errors, value: &Value, path: &Path) {
    let share = value.as_str().and_then(|text| text.strip_suffix('%')).and_then(|text| text.parse::<i64>().ok());
    if share.is_some_and(|share| share > 100) {
        errors.invalid(path, value, "must not be greater than 100%");
    }
}

fn is_nothing(value: &Value) -> bool {
    *value == json!(0) || *value == json!("0%") || value.is_null()
}

/// A CronJob's name leaves room for what its Jobs' names end with.
pub fn cron_name(errors: &mut Errors, metadata: &ObjectMeta) {
    const MOST: usize = 52;
    let name = metadata.name.as_deref().unwrap_or_default();
    if name.len() > MOST {
        let why = "must be no more than 52 characters";
        errors.invalid(&Path::root("metadata").child("name"), name, why);
    }
}
