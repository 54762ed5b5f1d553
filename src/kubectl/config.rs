//! The kubeconfig file: which namespace a request goes to, and `kubectl config`.

use serde_json::{Value, json};

use super::{Args, Ctx, Failure, Outcome, fail};
use crate::manifest;

fn path(cx: &Ctx, args: &Args) -> String {
    let from_env = || cx.proc.env("KUBECONFIG").filter(|path| !path.is_empty());
    let home = || format!("{}/.kube/config", cx.proc.env("HOME").unwrap_or_default());
    args.get("kubeconfig").map(str::to_string).or_else(from_env).unwrap_or_else(home)
}

/// The file's content; an empty configuration if there is none.
async fn load(cx: &Ctx, args: &Args) -> Result<Value, Failure> {
    let empty = || json!({"apiVersion": "v1", "kind": "Config"});
    let path = path(cx, args);
    let Ok(bytes) = cx.proc.read_file(&path).await else { return Ok(empty()) };
    match manifest::parse_bytes(&bytes).items.into_iter().next() {
        None => Ok(empty()),
        Some(Ok(document)) => Ok(document.value),
        Some(Err(error)) => fail(format!("error loading config file \"{path}\": {}", error.message)),
    }
}

/// The context to use: its name and its place among the contexts.
fn current(config: &Value, args: &Args) -> Option<(String, usize)> {
    let name = args.get("context").or_else(|| config["current-context"].as_str())?;
    let at = config["contexts"].as_array()?.iter().position(|context| context["name"].as_str() == Some(name))?;
    Some((name.to_string(), at))
}

/// The namespace of the current context.
pub async fn namespace(cx: &Ctx, args: &Args) -> Option<String> {
    let config = load(cx, args).await.ok()?;
    let (_, at) = current(&config, args)?;
    let namespace = config["contexts"][at]["context"]["namespace"].as_str()?;
    Some(namespace.to_string()).filter(|namespace| !namespace.is_empty())
}

/// `kubectl config`.
pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let mut config = load(cx, args).await?;
    match args.args.first().map(String::as_str) {
        Some("view") => cx.out(manifest::to_yaml(&config)).await,
        Some("current-context") => match config["current-context"].as_str() {
            Some(name) if !name.is_empty() => cx.out(format!("{name}\n")).await,
            _ => return fail("current-context is not set"),
        },
        Some("set-context") => {
            let Some((name, at)) = current(&config, args).filter(|_| args.on("current")) else {
                return fail("no current context is set");
            };
            if let Some(namespace) = args.get("namespace") {
                config["contexts"][at]["context"]["namespace"] = namespace.into();
            }
            let path = path(cx, args);
            if let Err(error) = cx.proc.write_file(&path, manifest::to_yaml(&config).as_bytes()).await {
                return fail(format!("open {path}: {error}"));
            }
            cx.out(format!("Context \"{name}\" modified.\n")).await;
        }
        Some(other) => {
            return fail(format!("unknown command \"{other}\"\nSee 'kubectl config -h' for help and examples"));
        }
        None => {
            if let Some(command) = super::commands::find("config") {
                cx.out(super::help::command(command)).await;
            }
        }
    }
    Ok(0)
}

/// The address of the current context's cluster.
pub async fn server(cx: &Ctx, args: &Args) -> Result<String, Failure> {
    let config = load(cx, args).await?;
    let cluster = current(&config, args).and_then(|(_, at)| config["contexts"][at]["context"]["cluster"].as_str());
    let clusters = config["clusters"].as_array();
    let found = clusters.into_iter().flatten().find(|entry| cluster.is_some() && entry["name"].as_str() == cluster);
    let server = found.and_then(|entry| entry["cluster"]["server"].as_str());
    Ok(server.unwrap_or("http://localhost:8080").to_string())
}
