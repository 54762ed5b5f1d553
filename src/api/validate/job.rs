//! Jobs (`pkg/apis/batch/validation`).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as ApiSelector;
use serde_json::{Value, json};

use super::{
    meta,
    others::{list, not_negative, text},
    workloads::{labels_of, pod_template},
};
use crate::api::{
    field::{Dump, Errors, Path},
    names,
    selector::LabelSelector,
};

const INDEXED: &str = "requires indexed completion mode";

/// A Job of its own has a selector, one that a CronJob will make doesn't yet.
pub fn job(errors: &mut Errors, spec: &Value, made: bool, path: &Path) {
    counts(errors, spec, path);
    if spec["podFailurePolicy"].is_object() {
        let path = path.child("podFailurePolicy.rules");
        for (index, rule) in list(&spec["podFailurePolicy"]["rules"]).iter().enumerate() {
            failure_rule(errors, spec, rule, &path.index(index));
        }
    }
    if spec["successPolicy"].is_object() {
        success(errors, spec, &path.child("successPolicy"));
    }
    if let Some(policy) = spec["podReplacementPolicy"].as_str() {
        let path = path.child("podReplacementPolicy");
        if spec["podFailurePolicy"].is_object() {
            if policy != "Failed" {
                errors.not_supported(&path, policy, &["Failed"]);
            }
        } else if !["Failed", "TerminatingOrFailed"].contains(&policy) {
            errors.not_supported(&path, policy, &["Failed", "TerminatingOrFailed"]);
        }
    }
    let template = path.child("template");
    pod_template(errors, &spec["template"], &template);
    let policy = &spec["template"]["spec"]["restartPolicy"];
    let at = template.child("spec.restartPolicy");
    match text(policy) {
        "" | "Always" => errors.required(&at, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if spec["podFailurePolicy"].is_object() => {
            errors.invalid(&at, "OnFailure", "only \"Never\" is supported when podFailurePolicy is specified");
        }
        "OnFailure" | "Never" => {}
        other => errors.not_supported(&at, other, &["OnFailure", "Never"]),
    }
    if !made {
        return;
    }
    if spec["selector"].is_null() {
        errors.required(&path.child("selector"), "");
    }
    let chosen: Option<ApiSelector> = serde_json::from_value(spec["selector"].clone()).ok();
    meta::label_selector(errors, chosen.as_ref(), &path.child("selector"));
    let matches = LabelSelector::from_api(chosen.as_ref())
        .is_ok_and(|parsed| chosen.is_some() && parsed.matches(labels_of(&spec["template"]).as_ref()));
    if !matches {
        let shown = &spec["template"]["metadata"]["labels"];
        errors.invalid(&template.child("metadata.labels"), shown, "`selector` does not match template `labels`");
    }
}

fn counts(errors: &mut Errors, spec: &Value, path: &Path) {
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    not_negative(errors, spec, &counts, path);
    let number = |key: &str| spec[key].as_i64();
    let (completions, parallelism) = (number("completions"), number("parallelism"));
    let (per_index, failed) = (number("backoffLimitPerIndex"), number("maxFailedIndexes"));
    let (per_index_path, failed_path) = (path.child("backoffLimitPerIndex"), path.child("maxFailedIndexes"));
    if failed.is_some() && per_index.is_none() {
        errors.required(&per_index_path, "when maxFailedIndexes is specified");
    }
    if let Some(manager) = spec["managedBy"].as_str() {
        let wrong = names::domain_prefixed_key(manager).into_iter();
        let wrong = wrong.map(|why| why.replace("domain-prefixed key", "domain-prefixed path")).collect();
        errors.invalid_each(&path.child("managedBy"), manager, wrong);
        if manager.len() > 63 {
            errors.too_long(&path.child("managedBy"), 63);
        }
    }
    let mode = text(&spec["completionMode"]);
    if !["", "NonIndexed", "Indexed"].contains(&mode) {
        errors.not_supported(&path.child("completionMode"), mode, &["NonIndexed", "Indexed"]);
    }
    if mode == "Indexed" {
        const MOST: i64 = 100_000;
        if completions.is_none() {
            errors.required(&path.child("completions"), "when completion mode is Indexed");
        }
        if let Some(parallelism) = parallelism.filter(|count| *count > MOST) {
            let why = "must be less than or equal to 100000 when completion mode is Indexed";
            errors.invalid(&path.child("parallelism"), &parallelism, why);
        }
        if let (Some(all), Some(failed)) = (completions, failed)
            && failed > all
        {
            errors.invalid(&failed_path, &failed, "must be less than or equal to completions");
        }
        if let Some(failed) = failed.filter(|count| *count > MOST) {
            errors.invalid(&failed_path, &failed, "must be less than or equal to 100000");
        }
        if per_index.is_some() && completions.is_some_and(|count| count > MOST) {
            const WHY: &str = "must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index";
            if failed.is_none() {
                errors.required(&failed_path, "must be specified when completions is above 100000");
            }
            if let Some(parallelism) = parallelism.filter(|count| *count > 10_000) {
                errors.invalid(&path.child("parallelism"), &parallelism, WHY);
            }
            if let Some(failed) = failed.filter(|count| *count > 10_000) {
                errors.invalid(&failed_path, &failed, WHY);
            }
        }
    }
    if ["", "NonIndexed"].contains(&mode) {
        for (path, count) in [(&per_index_path, per_index), (&failed_path, failed)] {
            if let Some(count) = count {
                errors.invalid(path, &count, INDEXED);
            }
        }
    }
}

fn failure_rule(errors: &mut Errors, spec: &Value, rule: &Value, path: &Path) {
    const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];
    let at = path.child("action");
    match text(&rule["action"]) {
        "" => errors.required(&at, "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]"),
        "FailIndex" if spec["backoffLimitPerIndex"].is_null() => {
            errors.invalid(&at, "FailIndex", "requires the backoffLimitPerIndex to be set");
        }
        action if !ACTIONS.contains(&action) => errors.not_supported(&at, action, ACTIONS),
        _ => {}
    }
    let (codes, conditions) = (&rule["onExitCodes"], list(&rule["onPodConditions"]));
    if codes.is_object() {
        exit_codes(errors, spec, codes, &path.child("onExitCodes"));
    }
    let all = path.child("onPodConditions");
    for (index, pattern) in conditions.iter().enumerate() {
        let path = all.index(index);
        let kind = text(&pattern["type"]);
        errors.invalid_each(&path.child("type"), kind, names::qualified_name(kind));
        const STATUSES: &[&str] = &["False", "True", "Unknown"];
        match text(&pattern["status"]) {
            "" => errors.required(&path.child("status"), "valid values: [\"False\" \"True\" \"Unknown\"]"),
            status if !STATUSES.contains(&status) => errors.not_supported(&path.child("status"), status, STATUSES),
            _ => {}
        }
    }
    match (codes.is_object(), conditions.is_empty()) {
        (true, false) => {
            errors.invalid_whole(path, "specifying both OnExitCodes and OnPodConditions is not supported");
        }
        (false, true) => errors.invalid_whole(path, "specifying one of OnExitCodes and OnPodConditions is required"),
        _ => {}
    }
}

fn exit_codes(errors: &mut Errors, spec: &Value, codes: &Value, path: &Path) {
    const OPERATORS: &[&str] = &["In", "NotIn"];
    let operator = text(&codes["operator"]);
    if operator.is_empty() {
        errors.required(&path.child("operator"), "valid values: [\"In\" \"NotIn\"]");
    } else if !OPERATORS.contains(&operator) {
        errors.not_supported(&path.child("operator"), operator, OPERATORS);
    }
    let pod = &spec["template"]["spec"];
    let mut containers = list(&pod["containers"]).iter().chain(list(&pod["initContainers"]));
    if let Some(name) = codes["containerName"].as_str()
        && !containers.any(|container| text(&container["name"]) == name)
    {
        let why = "must be one of the container or initContainer names in the pod template";
        errors.invalid(&path.child("containerName"), name, why);
    }
    let at = path.child("values");
    let values: Vec<i64> = list(&codes["values"]).iter().filter_map(Value::as_i64).collect();
    if values.is_empty() {
        errors.invalid(&at, &codes["values"], "at least one value is required");
    } else if values.len() > 255 {
        errors.too_many(&at, values.len(), 255);
    }
    for (index, value) in values.iter().enumerate() {
        if operator == "In" && *value == 0 {
            errors.invalid(&at.index(index), value, "must not be 0 for the In operator");
        }
        if values[..index].contains(value) {
            errors.duplicate(&at.index(index), value);
        }
    }
    if !values.is_sorted() {
        errors.invalid(&at, &codes["values"], "must be ordered");
    }
}

fn success(errors: &mut Errors, spec: &Value, path: &Path) {
    let rules = &spec["successPolicy"]["rules"];
    if spec["completionMode"] != "Indexed" {
        let one = |rule: &Value| {
            let (indexes, count) = (&rule["succeededIndexes"], &rule["succeededCount"]);
            format!("{{\"SucceededIndexes\":{indexes},\"SucceededCount\":{count}}}")
        };
        let shown = match rules {
            Value::Array(rules) => format!("[{}]", rules.iter().map(one).collect::<Vec<_>>().join(",")),
            _ => "null".into(),
        };
        return errors.invalid(path, &Dump(format!("{{\"Rules\":{shown}}}")), INDEXED);
    }
    let path = path.child("rules");
    let rules = list(rules);
    if rules.is_empty() {
        errors.required(&path, "at least one rules must be specified when the successPolicy is specified");
    } else if rules.len() > 20 {
        errors.too_many(&path, rules.len(), 20);
    }
    let completions = spec["completions"].as_i64().unwrap_or(0);
    for (index, rule) in rules.iter().enumerate() {
        let path = path.index(index);
        let (indexes, count) = (rule["succeededIndexes"].as_str(), rule["succeededCount"].as_i64());
        if indexes.is_none() && count.is_none() {
            errors.required(&path, "at least one of succeededCount or succeededIndexes must be specified");
        }
        let mut chosen = None;
        if let Some(indexes) = indexes {
            match count_indexes(indexes, completions) {
                Ok(count) => chosen = Some(count),
                Err(why) => {
                    let why = format!("error parsing succeededIndexes: {why}");
                    errors.invalid(&path.child("succeededIndexes"), indexes, &why);
                    chosen = Some(0);
                }
            }
        }
        if let Some(count) = count {
            let path = path.child("succeededCount");
            if count < 0 {
                errors.invalid(&path, &count, meta::NOT_NEGATIVE);
            }
            if count > completions {
                let why = format!("must be less than or equal to {completions} (the number of specified completions)");
                errors.invalid(&path, &count, &why);
            }
            if let Some(chosen) = chosen.filter(|chosen| count > *chosen) {
                let what = "the number of indexes in the specified succeededIndexes field";
                errors.invalid(&path, &count, &format!("must be less than or equal to {chosen} ({what})"));
            }
        }
    }
}

/// How many `1,3-5` are.
fn count_indexes(text: &str, completions: i64) -> Result<i64, String> {
    let mut count = 0;
    let mut last: Option<i64> = None;
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let ends: Vec<&str> = part.split('-').collect();
        if ends.len() > 2 {
            return Err(format!(
                "the fragment {} violates the requirement that an index interval can have at most two parts separated by '-'",
                json!(part)
            ));
        }
        let number = |text: &str| {
            let why = "cannot convert string to integer for index";
            text.parse::<i64>().map_err(|_| format!("{why}: {}", json!(text)))
        };
        let first = number(ends[0])?;
        if first >= completions {
            return Err(format!("too large index: {}", json!(ends[0])));
        }
        if last.is_some_and(|last| first <= last) {
            return Err(format!("non-increasing order, previous: {}, current: {first}", last.unwrap_or(0)));
        }
        let end = match ends.get(1) {
            Some(end) => {
                let end_ = number(end)?;
                if end_ >= completions {
                    return Err(format!("too large index: {}", json!(end)));
                }
                if first >= end_ {
                    return Err(format!("non-increasing order, previous: {first}, current: {end_}"));
                }
                end_
            }
            None => first,
        };
        count += end - first + 1;
        last = Some(end);
    }
    Ok(count)
}
