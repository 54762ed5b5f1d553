//! `kubectl create`: from files, or a namespace by name.

use serde_json::{Value, json};

use super::{
    Args, Ctx, Failure, Outcome, apply, files, target,
    write::{self, DryRun},
};
use crate::api::{Kind, Object};

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    if !args.each("filename").is_empty() {
        return from_files(cx, args).await;
    }
    let words: Vec<&str> = args.args.iter().map(String::as_str).collect();
    let (kind, name) = match words.as_slice() {
        [] => return Err(Failure::Message("must specify one of -f and -k".into())),
        ["namespace" | "ns", rest @ ..] => (Kind::Namespace, one_name("namespace", rest)?),
        ["serviceaccount" | "sa", rest @ ..] => (Kind::ServiceAccount, one_name("serviceaccount", rest)?),
        ["configmap" | "cm", rest @ ..] => (Kind::ConfigMap, one_name("configmap", rest)?),
        [other, ..] => {
            return Err(Failure::Plain(format!(
                "Error: must specify one of -f and -k\n\nerror: unknown command \"{other}\"\nSee 'kubectl create -h' \
                 for help and examples"
            )));
        }
    };
    let mut value = json!({"apiVersion": kind.api_version(), "kind": kind.name(), "metadata": {"name": name}});
    if kind == Kind::ConfigMap {
        value["data"] = literals(args)?;
    }
    let dry_run = DryRun::of(args)?;
    let namespace = if kind.namespaced() { cx.namespace.as_str() } else { "" };
    if kind.namespaced() && (cx.namespace_given || dry_run != DryRun::Client) {
        value["metadata"]["namespace"] = Value::from(namespace);
    }
    if dry_run != DryRun::Client {
        let created = write::create(cx, kind, namespace, value, write::options(args, dry_run, "kubectl-create")).await;
        value = match created {
            Ok(object) => object.to_value(),
            Err(error) if kind == Kind::Namespace => return Err(error.into()),
            Err(error) => {
                return Err(Failure::Message(format!("failed to create {}: {error}", kind.singular())));
            }
        };
    } else if args.get("output") == Some("yaml") && kind == Kind::Namespace {
        value["spec"] = json!({});
        value["status"] = json!({});
    }
    write::report(cx, args, kind, &value, "created", dry_run).await?;
    Ok(0)
}

fn one_name<'a>(command: &str, words: &[&'a str]) -> Result<&'a str, Failure> {
    match words {
        [name] => Ok(name),
        _ => Err(Failure::Usage {
            command: format!("create {command}"),
            message: format!("exactly one NAME is required, got {}", words.len()),
        }),
    }
}

fn literals(args: &Args) -> Result<Value, Failure> {
    let mut data = serde_json::Map::new();
    for literal in args.each("from-literal") {
        let Some((key, value)) = literal.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Failure::Message(format!("invalid literal source {literal}, expected key=value")));
        };
        let value = value.trim_matches(|c| c == '\'' || c == '"');
        if data.insert(key.into(), Value::from(value)).is_some() {
            return Err(Failure::Message(format!("cannot add key \"{key}\", another key by that name already exists")));
        }
    }
    Ok(Value::Object(data))
}

async fn from_files(cx: &Ctx, args: &Args) -> Outcome {
    let dry_run = DryRun::of(args)?;
    let mut failures = Vec::new();
    let mut count = 0;
    for item in files::load_each(cx, args).await? {
        count += 1;
        let result = match item {
            Ok(loaded) => one(cx, args, loaded, dry_run).await,
            Err(failure) => Err(failure),
        };
        failures.extend(result.err());
    }
    if count == 0 {
        return Err(Failure::Message("no objects passed to create".into()));
    }
    target::finish(cx, failures).await
}

async fn one(cx: &Ctx, args: &Args, loaded: files::Loaded, dry_run: DryRun) -> Result<(), Failure> {
    let mut value = loaded.value;
    if args.on("save-config") {
        apply::annotate(&mut value);
    }
    if dry_run != DryRun::Client {
        let options = write::options(args, dry_run, "kubectl-create");
        let created: Result<Object, _> = write::create(cx, loaded.kind, &loaded.namespace, value, options).await;
        value = created.map_err(|error| write::refused("creating", &loaded.source, error))?.to_value();
    }
    write::report(cx, args, loaded.kind, &value, "created", dry_run).await
}
