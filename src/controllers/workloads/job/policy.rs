//! What a Job's policies say of pods that ended.

use k8s_openapi::api::core::v1::ContainerStatus;
use serde_json::Value;

use super::{INDEX_FAILURES, indexes::Indexes, is_failed};
use crate::api::{Pod, Resource, other::Other};

/// What is done about a pod that failed.
enum Verdict {
    FailJob(String),
    FailIndex,
    Ignore,
    Count,
}

fn verdict(job: &Other, pod: &Pod) -> Verdict {
    let rules = job.at("spec/podFailurePolicy/rules").as_array();
    for (index, rule) in rules.into_iter().flatten().enumerate() {
        let action = rule["action"].as_str().unwrap_or_default();
        let what = match (rule.get("onExitCodes"), rule.get("onPodConditions")) {
            (Some(codes), _) if codes.is_object() => exited(pod, codes),
            (_, Some(Value::Array(patterns))) => in_condition(pod, patterns),
            _ => None,
        };
        let Some(what) = what else { continue };
        return match action {
            "FailJob" => {
                let (namespace, name) = (pod.namespace(), pod.name());
                Verdict::FailJob(
                    what.replace("POD", &format!("{namespace}/{name}"))
                        + &format!(" matching {action} rule at index {index}"),
                )
            }
            "FailIndex" => Verdict::FailIndex,
            "Ignore" => Verdict::Ignore,
            _ => Verdict::Count,
        };
    }
    Verdict::Count
}

fn exited(pod: &Pod, codes: &Value) -> Option<String> {
    let values: Vec<i64> = codes["values"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
    let (is_in, of) = (codes["operator"] == "In", codes["containerName"].as_str());
    let matches = |status: &&ContainerStatus| {
        let code =
            status.state.as_ref().and_then(|state| state.terminated.as_ref()).map(|end| i64::from(end.exit_code));
        of.is_none_or(|of| of == status.name) && code.is_some_and(|code| code != 0 && values.contains(&code) == is_in)
    };
    let status = pod.status.as_ref()?;
    let all = status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten());
    let found = all.into_iter().find(matches)?;
    let code = found.state.as_ref()?.terminated.as_ref()?.exit_code;
    Some(format!("Container {} for pod POD failed with exit code {code}", found.name))
}

fn in_condition(pod: &Pod, patterns: &[Value]) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let is = |pattern: &Value| {
        conditions.iter().find(|c| pattern["type"] == c.type_.as_str() && pattern["status"] == c.status.as_str())
    };
    let found = patterns.iter().find_map(is)?;
    Some(format!("Pod POD has condition {}", found.type_))
}

/// Whether a pod that failed counts.
pub fn counts(job: &Other, pod: &Pod) -> bool {
    !matches!(verdict(job, pod), Verdict::Ignore)
}

/// Why a pod's failure is that of the Job.
pub fn fails_job(job: &Other, pod: &Pod) -> Option<String> {
    match verdict(job, pod) {
        Verdict::FailJob(message) => Some(message),
        _ => None,
    }
}

/// How often the pods of a pod's index had failed before it.
pub fn failures_before(pod: &Pod) -> i64 {
    let text = pod.metadata.annotations.as_ref().and_then(|all| all.get(INDEX_FAILURES));
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Whether a pod's failure is that of its index.
pub fn index_has_failed(job: &Other, pod: &Pod, limit: i64) -> bool {
    is_failed(job, pod)
        && match verdict(job, pod) {
            Verdict::FailIndex => true,
            Verdict::Ignore => false,
            _ => failures_before(pod) >= limit,
        }
}

/// Which rule of its success policy a Job meets.
pub fn succeeds(job: &Other, done: &Indexes) -> Option<usize> {
    let rules = job.at("spec/successPolicy/rules").as_array()?;
    let met = |rule: &Value| {
        let count = rule["succeededCount"].as_i64();
        match rule["succeededIndexes"].as_str() {
            Some(text) => {
                let wanted = Indexes::parse(text);
                let there = super::count(wanted.iter().filter(|index| done.contains(*index)).count());
                there >= count.unwrap_or_else(|| super::count(wanted.len()))
            }
            None => count.is_some_and(|count| super::count(done.len()) >= count),
        }
    };
    rules.iter().position(met)
}
