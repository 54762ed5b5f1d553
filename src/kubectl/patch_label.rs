//! `kubectl label`, `annotate` and `patch`.

use serde_json::{Map, Value};

use super::{
    Args, Ctx, Failure, Outcome,
    program::finish,
    resource,
    write::{self, DryRun},
};
use crate::{
    api::{
        Object,
        client::{Patch, Subresource},
        names,
    },
    manifest,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Labels,
    Annotations,
}

impl Field {
    fn key(self) -> &'static str {
        if self == Field::Labels { "labels" } else { "annotations" }
    }

    fn word(self) -> &'static str {
        if self == Field::Labels { "label" } else { "annotation" }
    }
}

pub async fn label(cx: &Ctx, args: &Args) -> Outcome {
    change(cx, args, Field::Labels).await
}

pub async fn annotate(cx: &Ctx, args: &Args) -> Outcome {
    change(cx, args, Field::Annotations).await
}

/// What to set and what to remove.
pub type Changes = (Vec<(String, String)>, Vec<String>);

/// The words that name objects, and those that change something: `k=v`, `k-`.
fn split(words: &[String], which: Field) -> Result<(&[String], &[String]), String> {
    let is_change =
        |word: &String| (word.contains('=') && !word.starts_with('=')) || (word.ends_with('-') && word.len() > 1);
    let first = words.iter().position(is_change).unwrap_or(words.len());
    let (resources, changes) = words.split_at(first);
    match changes.iter().find(|word| !is_change(word)) {
        Some(word) => Err(format!("all resources must be specified before {} changes: {word}", which.word())),
        None => Ok((resources, changes)),
    }
}

/// The changes of `kubectl label`.
pub fn labels(words: &[String]) -> Result<Changes, String> {
    let (mut set, mut removed): Changes = Default::default();
    for word in words {
        if word.contains('=') {
            let [key, value] = word.split('=').collect::<Vec<_>>()[..] else {
                return Err(format!("invalid label spec: {word}"));
            };
            let faults = names::label_value(value);
            if !faults.is_empty() {
                return Err(format!("invalid label value: \"{word}\": {}", faults.join(";")));
            }
            set.push((key.into(), value.into()));
        } else if let Some(key) = word.strip_suffix('-') {
            removed.push(key.into());
        } else {
            return Err(format!("unknown label spec: {word}"));
        }
    }
    if set.iter().any(|(key, _)| removed.contains(key)) {
        return Err("can not both modify and remove a label in the same command".into());
    }
    Ok((set, removed))
}

/// The changes of `kubectl annotate`.
fn annotations(words: &[String]) -> Result<Changes, String> {
    let (mut set, mut removed): Changes = Default::default();
    let mut invalid = Vec::new();
    for word in words {
        match (word.split_once('='), word.strip_suffix('-')) {
            (Some((key, value)), _) if !key.is_empty() => set.push((key.to_string(), value.to_string())),
            (None, Some(key)) => removed.push(key.to_string()),
            _ => invalid.push(word.as_str()),
        }
    }
    if !invalid.is_empty() {
        return Err(format!("invalid annotation format: {}", invalid.join(", ")));
    }
    let both: Vec<&str> = set.iter().filter(|(key, _)| removed.contains(key)).map(|(key, _)| key.as_str()).collect();
    if !both.is_empty() {
        let both = both.join(", ");
        return Err(format!("can not both modify and remove the following annotation(s) in the same command: {both}"));
    }
    Ok((set, removed))
}

async fn change(cx: &Ctx, args: &Args, which: Field) -> Outcome {
    let (resources, changes) = split(&args.args, which).map_err(Failure::Message)?;
    if resources.is_empty() && args.each("filename").is_empty() {
        let message = "one or more resources must be specified as <resource> <name> or <resource>/<name>";
        return Err(Failure::Message(message.into()));
    }
    let parsed = if which == Field::Labels { labels(changes) } else { annotations(changes) };
    let (set, removed) = parsed.map_err(Failure::Message)?;
    if changes.is_empty() && !args.on("list") {
        return Err(Failure::Message(format!("at least one {} update is required", which.word())));
    }
    let dry_run = DryRun::of(args)?;
    let found = resource::fetch_chosen(cx, args, resources).await?;
    let mut failures = found.failures;
    for object in found.objects {
        let result = one(cx, args, which, &object, &set, &removed, dry_run).await;
        failures.extend(result.err());
    }
    finish(cx, failures).await
}

async fn one(
    cx: &Ctx,
    args: &Args,
    which: Field,
    object: &Object,
    set: &[(String, String)],
    removed: &[String],
    dry_run: DryRun,
) -> Result<(), Failure> {
    let meta = object.meta();
    let there = if which == Field::Labels { &meta.labels } else { &meta.annotations }.clone().unwrap_or_default();
    if set.is_empty() && removed.is_empty() {
        let lines: String = there.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        cx.out(lines).await;
        return Ok(());
    }
    if !args.on("overwrite") {
        let clashes: Vec<String> = set
            .iter()
            .filter_map(|(key, value)| there.get(key).filter(|old| *old != value).map(|old| (key, old)))
            .map(|(key, old)| format!("'{key}' already has a value ({old})"))
            .collect();
        match (clashes.as_slice(), which) {
            ([], _) => {}
            ([first, ..], Field::Labels) => {
                return Err(Failure::Message(format!("{first}, and --overwrite is false")));
            }
            (all, Field::Annotations) => {
                return Err(Failure::Message(format!(
                    "--overwrite is false but found the following declared annotation(s): {}",
                    all.join("; ")
                )));
            }
        }
    }
    let mut patch = Map::new();
    for key in removed {
        if there.contains_key(key) {
            patch.insert(key.clone(), Value::Null);
        } else if which == Field::Labels {
            cx.out(format!("label \"{key}\" not found.\n")).await;
        }
    }
    for (key, value) in set {
        if there.get(key) != Some(value) {
            patch.insert(key.clone(), Value::from(value.as_str()));
        }
    }
    let verb = match which {
        Field::Annotations => "annotated",
        Field::Labels if patch.is_empty() => "not labeled",
        Field::Labels if patch.values().all(Value::is_null) => "unlabeled",
        Field::Labels if patch.values().any(Value::is_null) => "modified",
        Field::Labels => "labeled",
    };
    let mut value = object.to_value();
    if !patch.is_empty() && dry_run != DryRun::Client {
        let mut body = serde_json::json!({"metadata": {which.key(): patch}});
        if let Some(version) = args.get("resource-version").filter(|version| !version.is_empty()) {
            body["metadata"]["resourceVersion"] = version.into();
        }
        let options =
            write::options(args, dry_run, if which == Field::Labels { "kubectl-label" } else { "kubectl-annotate" });
        let (namespace, name) = (object.namespace(), object.name());
        let patched = cx.client.patch(object.kind(), namespace, name, Subresource::None, Patch::Merge(body), options);
        value = write::warned(cx, patched.await?).await.to_value();
    }
    write::report(cx, args, object.kind(), &value, verb, dry_run).await
}

/// `kubectl patch`.
pub async fn patch(cx: &Ctx, args: &Args) -> Outcome {
    let text = match (args.get("patch"), args.get("patch-file")) {
        (Some(text), None) if !text.is_empty() => text.to_string(),
        (None, Some(path)) => {
            let read = cx.proc.read_file(path).await;
            let bytes = read.map_err(|_| {
                Failure::Message(format!("unable to read patch file: open {path}: no such file or directory"))
            })?;
            String::from_utf8_lossy(&bytes).into_owned()
        }
        (Some(_), Some(_)) => return Err(Failure::Message("cannot specify --patch and --patch-file together".into())),
        _ => {
            return Err(Failure::Message(
                "must specify --patch or --patch-file containing the contents of the patch".into(),
            ));
        }
    };
    let value = match manifest::parse_yaml(&text).items.into_iter().next() {
        Some(Ok(document)) => document.value,
        Some(Err(error)) => {
            let why = error.message.trim_start_matches("error converting YAML to JSON: ");
            return Err(Failure::Message(format!("unable to parse {text:?}: {why}")));
        }
        None => Value::Null,
    };
    let subresource = match args.get("subresource").unwrap_or_default() {
        "" => Subresource::None,
        "status" => Subresource::Status,
        "resize" => Subresource::Resize,
        other => {
            let message = format!("invalid subresource value: \"{other}\". Must be one of [status scale resize]");
            return Err(Failure::Message(message));
        }
    };
    let dry_run = DryRun::of(args)?;
    let body = match args.get("type").unwrap_or("strategic") {
        "json" => Patch::Json(value),
        "merge" => Patch::Merge(value),
        "strategic" => Patch::Strategic(value),
        other => {
            let message = format!("--type must be one of [json merge strategic], not \"{other}\"");
            return Err(Failure::Usage { command: "patch".into(), message });
        }
    };
    let found = resource::fetch_chosen(cx, args, &args.args).await?;
    let mut failures = found.failures;
    for object in found.objects {
        let result = patch_one(cx, args, &object, body.clone(), subresource, dry_run).await;
        failures.extend(result.err());
    }
    finish(cx, failures).await
}

async fn patch_one(
    cx: &Ctx,
    args: &Args,
    object: &Object,
    body: Patch,
    subresource: Subresource,
    dry_run: DryRun,
) -> Result<(), Failure> {
    let mut result = object.to_value();
    let mut verb = "patched";
    if dry_run != DryRun::Client {
        let options = write::options(args, dry_run, "kubectl-patch");
        let (namespace, name) = (object.namespace(), object.name());
        let written = cx.client.patch(object.kind(), namespace, name, subresource, body, options).await?;
        let patched = write::warned(cx, written).await.to_value();
        if patched == result {
            verb = "patched (no change)";
        }
        result = patched;
    }
    write::report(cx, args, object.kind(), &result, verb, dry_run).await
}
