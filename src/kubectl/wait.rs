//! `kubectl wait`, and waiting for an object to vanish.

use std::time::Duration;

use serde_json::Value;

use super::{
    Args, Ctx, Failure, Outcome, fail,
    jsonpath::{self, Template},
    resource,
};
use crate::{
    api::{
        Kind, Object,
        client::{ListOptions, Watch, WatchEvent},
        duration::parse_go_duration,
    },
    sim::SimTime,
};

/// Go's `time.ParseDuration`, of positive durations; bare numbers are seconds.
pub fn duration(text: &str) -> Result<Duration, Failure> {
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let nanos = parse_go_duration(text).and_then(|nanos| u64::try_from(nanos).ok());
    let invalid = || Failure::Message(format!("invalid argument \"{text}\": time: invalid duration \"{text}\""));
    nanos.map(Duration::from_nanos).ok_or_else(invalid)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    Gone,
    TimedOut,
}

/// Waits until the object (with this uid) is no more; for ever without `limit`.
pub async fn until_gone(
    cx: &Ctx,
    kind: Kind,
    namespace: &str,
    name: &str,
    uid: Option<&str>,
    limit: Option<Duration>,
) -> Result<Gone, Failure> {
    let waiting = async {
        loop {
            let (object, mut events) = follow(cx, kind, namespace, name).await?;
            if object.is_none_or(|object| uid.is_some_and(|uid| uid != object.uid())) {
                return Ok(Gone::Gone);
            }
            loop {
                match events.recv().await {
                    Some(WatchEvent::Deleted(_)) => return Ok(Gone::Gone),
                    Some(WatchEvent::Error(_)) => break,
                    Some(_) => {}
                    // The connection is lost; a moment later it may be back.
                    None => {
                        cx.proc.sleep(Duration::from_secs(1)).await;
                        break;
                    }
                }
            }
        }
    };
    match limit {
        None => waiting.await,
        Some(limit) => cx.proc.sim().timeout(limit, waiting).await.unwrap_or(Ok(Gone::TimedOut)),
    }
}

/// An object as it is, if it is, and what becomes of it. Watched from the list's version: its own may be long past.
pub async fn follow(cx: &Ctx, kind: Kind, namespace: &str, name: &str) -> Result<(Option<Object>, Watch), Failure> {
    let options = ListOptions { field_selector: format!("metadata.name={name}"), ..ListOptions::default() };
    let mut list = cx.client.list(kind, namespace, options.clone()).await?;
    let options = ListOptions { resource_version: list.resource_version, ..options };
    Ok((list.items.pop(), cx.client.watch(kind, namespace, options).await?))
}

/// What `--for` says.
enum Goal {
    Delete,
    Create,
    Condition { name: String, value: String },
    JsonPath { path: Template, value: Option<String> },
}

impl Goal {
    fn parse(text: &str) -> Result<Goal, Failure> {
        let lower = text.to_ascii_lowercase();
        if lower == "delete" {
            return Ok(Goal::Delete);
        }
        if lower == "create" {
            return Ok(Goal::Create);
        }
        if let Some(condition) = text.strip_prefix("condition=") {
            let (name, value) = condition.split_once('=').unwrap_or((condition, "true"));
            return Ok(Goal::Condition { name: name.into(), value: value.into() });
        }
        if let Some(spec) = text.strip_prefix("jsonpath=") {
            let end = spec.rfind('}').map_or(0, |at| at + 1);
            let (path, value) = match spec[end..].split_once('=') {
                Some((rest, value)) => (&spec[..end + rest.len()], Some(value)),
                None => (spec, None),
            };
            let value = value.map(|value| value.trim_matches(['"', '\'']).to_string());
            if value.as_deref() == Some("") {
                return fail(
                    "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3",
                );
            }
            return Ok(Goal::JsonPath { path: Template::relaxed(path).map_err(Failure::Message)?, value });
        }
        fail(format!("unrecognized condition: \"{text}\""))
    }

    fn met(&self, object: &Object) -> Result<bool, Failure> {
        let value = object.to_value();
        match self {
            Goal::Delete => Ok(false),
            Goal::Create => Ok(true),
            Goal::Condition { name, value: wanted } => {
                let conditions = value["status"]["conditions"].as_array();
                let is = |condition: &&Value| condition["type"].as_str().is_some_and(|t| t.eq_ignore_ascii_case(name));
                let status =
                    conditions.into_iter().flatten().find(is).and_then(|condition| condition["status"].as_str());
                Ok(status.is_some_and(|status| status.eq_ignore_ascii_case(wanted)))
            }
            Goal::JsonPath { path, value: wanted } => {
                // A path into a list that is still empty has simply not come true yet.
                let found = path.find(&value).unwrap_or_default();
                match (found.as_slice(), wanted) {
                    ([], _) => Ok(false),
                    (_, None) => Ok(true),
                    ([Value::Object(_) | Value::Array(_)], Some(_)) => {
                        fail("jsonpath leads to a nested object or list which is not supported")
                    }
                    ([one], Some(wanted)) => Ok(jsonpath::show(one).trim() == wanted.trim()),
                    (_, Some(_)) => fail("given jsonpath expression matches more than one value"),
                }
            }
        }
    }
}

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let goals = args.each("for").iter().map(|text| Goal::parse(text)).collect::<Result<Vec<_>, _>>()?;
    if goals.is_empty() {
        return fail("unrecognized condition: []");
    }
    let deleted = goals.iter().any(|goal| matches!(goal, Goal::Delete));
    let timeout = args.get("timeout").map(duration).transpose()?.unwrap_or(Duration::from_secs(30));
    let deadline = cx.proc.sim().now() + timeout;
    let mut found = resource::fetch(cx, args, &args.args).await?;
    if goals.iter().any(|goal| matches!(goal, Goal::Create)) {
        while !found.failures.is_empty() || found.objects.is_empty() {
            if cx.proc.sim().now() >= deadline {
                return fail("timed out waiting for the condition");
            }
            cx.proc.sleep(Duration::from_millis(500)).await;
            found = resource::fetch(cx, args, &args.args).await?;
        }
    }
    let mut missing = Vec::new();
    for failure in found.failures {
        match failure {
            Failure::Server(error) if error.is_not_found() && deleted => missing.push(error),
            other => return Err(other),
        }
    }
    if found.objects.is_empty() {
        if deleted && (!missing.is_empty() || !args.each("filename").is_empty()) {
            return Ok(0);
        }
        return fail("no matching resources found");
    }
    let mut late = Vec::new();
    for object in &found.objects {
        for goal in &goals {
            // All objects share the deadline: once it has passed, even what is true already comes too late.
            let in_time = timeout.is_zero() || cx.proc.sim().now() < deadline;
            if !in_time || !wait_for(cx, goal, object, deadline).await? {
                let name = object.name();
                late.push(format!("timed out waiting for the condition on {}/{name}", object.kind().plural()));
                break;
            }
            let reference = resource::reference(object.kind(), object.name());
            if matches!(args.get("output"), Some("name")) {
                cx.out(reference + "\n").await;
            } else {
                let how = if deleted { "deleted" } else { "condition met" };
                cx.out(format!("{reference} {how}\n")).await;
            }
        }
    }
    match late.as_slice() {
        [] => Ok(0),
        [one] => fail(one),
        // Several errors are listed without a prefix.
        many => Err(Failure::Plain(many.join("\n"))),
    }
}

/// Whether the goal was reached before the deadline.
async fn wait_for(cx: &Ctx, goal: &Goal, object: &Object, deadline: SimTime) -> Result<bool, Failure> {
    let left = deadline.since(cx.proc.sim().now());
    let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
    if let Goal::Delete = goal {
        return Ok(until_gone(cx, kind, namespace, name, Some(object.uid()), Some(left)).await? == Gone::Gone);
    }
    let watching = async {
        let (object, mut events) = follow(cx, kind, namespace, name).await?;
        if let Some(object) = object
            && goal.met(&object)?
        {
            return Ok(true);
        }
        while let Some(event) = events.recv().await {
            match event {
                WatchEvent::Error(error) => return Err(error.into()),
                WatchEvent::Added(object) | WatchEvent::Modified(object) if goal.met(&object)? => return Ok(true),
                _ => {}
            }
        }
        fail("the watch was closed")
    };
    cx.proc.sim().timeout(left, watching).await.unwrap_or(Ok(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expected) in [
            ("30s", Some(30_000)),
            ("1m30s", Some(90_000)),
            ("1.5h", Some(5_400_000)),
            ("250ms", Some(250)),
            ("5", Some(5000)),
            ("0", Some(0)),
            ("", None),
            ("5x", None),
        ] {
            assert_eq!(duration(text).ok().map(|d| d.as_millis()), expected, "{text}");
        }
    }
}
