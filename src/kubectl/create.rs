//! `kubectl create`: from files, or objects of a few kinds from flags.

use k8s_openapi::ByteString;
use serde_json::{Map, Value, json};

use super::{
    Args, Ctx, Failure, Outcome, fail, files, generate, last_applied, token,
    write::{self, DryRun},
};
use crate::{
    api::{Kind, names},
    os::fs::FileType,
};

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let dry_run = DryRun::of(args)?;
    let words: Vec<&str> = args.args.iter().map(String::as_str).collect();
    let Some((what, rest)) = words.split_first() else {
        files::required(args)?;
        return files::for_each(cx, args, "create", async |loaded| {
            let (kind, namespace) = (loaded.kind, loaded.namespace);
            send(cx, args, kind, &namespace, loaded.value, dry_run, |error| {
                write::refused("creating", &loaded.source, error)
            })
            .await
        })
        .await;
    };
    if *what == "token" {
        return token::main(cx, args, rest).await;
    }
    if let Some((made, _)) = generate::make(cx, args, &words).await? {
        return send_made(cx, args, made, dry_run).await;
    }
    let (kind, command, rest) = match (*what, rest) {
        ("namespace" | "ns", rest) => (Kind::Namespace, "namespace", rest),
        ("serviceaccount" | "sa", rest) => (Kind::ServiceAccount, "serviceaccount", rest),
        ("configmap" | "cm", rest) => (Kind::ConfigMap, "configmap", rest),
        ("priorityclass" | "pc", rest) => (Kind::PriorityClass, "priorityclass", rest),
        ("secret", ["generic", rest @ ..]) => (Kind::Secret, "secret generic", rest),
        _ => {
            return Err(Failure::Usage {
                command: "create".into(),
                message: format!("Unexpected args: [{}]", words.join(" ")),
            });
        }
    };
    let [name] = rest else {
        return Err(Failure::Usage {
            command: format!("create {command}"),
            message: format!("exactly one NAME is required, got {}", rest.len()),
        });
    };
    let mut value = json!({"apiVersion": kind.api_version(), "kind": kind.name(), "metadata": {"name": name}});
    let namespace = if kind.namespaced() { cx.namespace.as_str() } else { "" };
    if kind.namespaced() && cx.namespace_given {
        value["metadata"]["namespace"] = namespace.into();
    }
    match kind {
        Kind::Namespace => {
            value["spec"] = json!({});
            value["status"] = json!({});
        }
        Kind::ConfigMap => data(cx, args, kind, name, &mut value).await?,
        Kind::Secret => {
            data(cx, args, kind, name, &mut value).await?;
            if let Some(kind) = args.get("type").filter(|kind| !kind.is_empty()) {
                value["type"] = kind.into();
            }
        }
        Kind::PriorityClass => priority_class(args, &mut value)?,
        _ => {}
    }
    send(cx, args, kind, namespace, value, dry_run, |error| match kind {
        Kind::Namespace => error.into(),
        _ => Failure::Message(format!("failed to create {}: {error}", command.split(' ').next().unwrap_or_default())),
    })
    .await?;
    Ok(0)
}

async fn send_made(cx: &Ctx, args: &Args, made: generate::Made, dry_run: DryRun) -> Outcome {
    let generate::Made { mut value, command, resource, kind } = made;
    let namespaced = !command.starts_with("clusterrole");
    if namespaced && cx.namespace_given {
        value["metadata"]["namespace"] = cx.namespace.as_str().into();
    }
    if args.on("save-config") {
        last_applied::annotate(&mut value);
    }
    if dry_run != DryRun::Client {
        let what = match command.split_once(' ') {
            None => command.to_string(),
            Some(("service", _)) => format!("{} service", value["spec"]["type"].as_str().unwrap_or_default()),
            Some((what, _)) => what.to_string(),
        };
        let Some(kind) = kind else {
            return fail(format!("failed to create {what}: the server could not find the requested resource"));
        };
        let options = write::options(args, dry_run, "kubectl-create");
        let created = write::create(cx, kind, &cx.namespace, value, options).await;
        value = created.map_err(|error| Failure::Message(format!("failed to create {what}: {error}")))?.to_value();
    }
    let name = value["metadata"]["name"].as_str().unwrap_or_default();
    let reference = format!("{resource}/{name}");
    write::report_as(cx, args, &reference, &value, "created", dry_run).await?;
    Ok(0)
}

async fn send(
    cx: &Ctx,
    args: &Args,
    kind: Kind,
    namespace: &str,
    mut value: Value,
    dry_run: DryRun,
    refused: impl Fn(crate::api::Error) -> Failure,
) -> Result<(), Failure> {
    if args.on("save-config") {
        last_applied::annotate(&mut value);
    }
    if dry_run != DryRun::Client {
        let options = write::options(args, dry_run, "kubectl-create");
        value = write::create(cx, kind, namespace, value, options).await.map_err(refused)?.to_value();
    }
    write::report(cx, args, kind, &value, "created", dry_run).await
}

fn priority_class(args: &Args, value: &mut Value) -> Result<(), Failure> {
    let number = args.get("value").unwrap_or("0");
    let number: i32 = super::flags::integer(number, "--value").map_err(Failure::Message)?;
    value["value"] = number.into();
    value["preemptionPolicy"] = args.get("preemption-policy").unwrap_or("PreemptLowerPriority").into();
    if args.on("global-default") {
        value["globalDefault"] = true.into();
    }
    if let Some(description) = args.get("description").filter(|text| !text.is_empty()) {
        value["description"] = description.into();
    }
    Ok(())
}

/// Keys and values of `--from-file`, `--from-literal` and `--from-env-file`.
async fn data(cx: &Ctx, args: &Args, kind: Kind, name: &str, value: &mut Value) -> Result<(), Failure> {
    let (files, literals, env) = (args.list("from-file"), args.each("from-literal"), args.list("from-env-file"));
    if !env.is_empty() && (!files.is_empty() || !literals.is_empty()) {
        return fail("from-env-file cannot be combined with from-file or from-literal");
    }
    let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
    for source in &files {
        entries.extend(from_file(cx, source).await?);
    }
    for literal in literals {
        let Some((key, value)) = literal.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return fail(format!("invalid literal source {literal}, expected key=value"));
        };
        entries.push((key.into(), unquoted(value).into()));
    }
    for path in &env {
        let text = String::from_utf8_lossy(&read(cx, path).await?).into_owned();
        for line in text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, value) = match line.split_once('=') {
                Some((key, value)) => (key, value.to_string()),
                None => (line, cx.proc.env(line).unwrap_or_default()),
            };
            entries.push((key.into(), value.into_bytes()));
        }
    }
    let (mut texts, mut binary) = (Map::new(), Map::new());
    for (key, bytes) in entries {
        let faults = names::config_key(&key);
        if !faults.is_empty() {
            return fail(format!("\"{key}\" is not a valid key name for a {}: {}", kind.name(), faults.join(",")));
        }
        if texts.contains_key(&key) || binary.contains_key(&key) {
            return fail(match kind {
                Kind::Secret => format!("cannot add key {key}, another key by that name already exists"),
                _ => format!(
                    "cannot add key \"{key}\", another key by that name already exists in Data for ConfigMap \"{name}\""
                ),
            });
        }
        match String::from_utf8(bytes) {
            Ok(text) if kind == Kind::ConfigMap => drop(texts.insert(key, text.into())),
            Ok(text) => drop(texts.insert(key, json!(ByteString(text.into_bytes())))),
            Err(error) => {
                let into = if kind == Kind::ConfigMap { &mut binary } else { &mut texts };
                into.insert(key, json!(ByteString(error.into_bytes())));
            }
        }
    }
    for (field, map) in [("data", texts), ("binaryData", binary)] {
        if !map.is_empty() {
            value[field] = Value::Object(map);
        }
    }
    Ok(())
}

/// `'a'` and `"a"` without their quotes, if they stand at both ends.
fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote).and_then(|inner| inner.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// `FILE`, `KEY=FILE` or a directory.
async fn from_file(cx: &Ctx, source: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let (key, path) = match source.split_once('=') {
        None => (source.trim_end_matches('/').rsplit('/').next().unwrap_or(source), source),
        Some(("", path)) => return fail(format!("key name for file path {path} missing")),
        Some((key, "")) => return fail(format!("file path for key name {key} missing")),
        Some((_, path)) if path.contains('=') => return fail("key names or file paths cannot contain '='"),
        Some(pair) => pair,
    };
    let stat = cx.proc.stat(path).map_err(|error| unreadable(path, error))?;
    if stat.file_type != FileType::Directory {
        return Ok(vec![(key.into(), read(cx, path).await?)]);
    }
    if source.contains('=') {
        return fail("cannot give a key name for a directory path");
    }
    let mut entries = cx.proc.read_dir(path).map_err(|error| unreadable(path, error))?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut found = Vec::new();
    for entry in entries {
        let inside = format!("{}/{}", path.trim_end_matches('/'), entry.name);
        if cx.proc.stat(&inside).is_ok_and(|stat| stat.file_type == FileType::Regular) {
            found.push((entry.name, read(cx, &inside).await?));
        }
    }
    Ok(found)
}

async fn read(cx: &Ctx, path: &str) -> Result<Vec<u8>, Failure> {
    cx.proc.read_file(path).await.map_err(|error| unreadable(path, error))
}

fn unreadable(path: &str, error: crate::os::Errno) -> Failure {
    Failure::Message(format!("error reading {path}: {}", error.text().to_lowercase()))
}
