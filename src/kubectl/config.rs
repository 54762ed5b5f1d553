//! The kubeconfig file: which namespace a request goes to, and `kubectl config`.

use serde_json::{Value, json};

use super::{
    Args, Ctx, Failure, Outcome, fail,
    printers::{Format, Layout},
    program::finish,
};
use crate::manifest;

/// What `config view` does not show, and what stands in its place.
const SECRETS: [(&str, &str); 5] = [
    ("certificate-authority-data", "DATA+OMITTED"),
    ("client-certificate-data", "DATA+OMITTED"),
    ("client-key-data", "DATA+OMITTED"),
    ("token", "REDACTED"),
    ("password", "REDACTED"),
];

fn path(cx: &Ctx, args: &Args) -> String {
    let from_env = || cx.proc.env("KUBECONFIG").filter(|path| !path.is_empty());
    let home = || format!("{}/.kube/config", cx.proc.env("HOME").unwrap_or_default());
    args.get("kubeconfig").map(str::to_string).or_else(from_env).unwrap_or_else(home)
}

/// The file's content; an empty configuration if there is none, but not if one was named.
async fn load(cx: &Ctx, args: &Args) -> Result<Value, Failure> {
    let empty = || json!({"apiVersion": "v1", "kind": "Config"});
    let path = path(cx, args);
    let bytes = match cx.proc.read_file(&path).await {
        Ok(bytes) => bytes,
        Err(error) if args.get("kubeconfig").is_some() => {
            return fail(format!("stat {path}: {}", error.text().to_lowercase()));
        }
        Err(_) => return Ok(empty()),
    };
    match manifest::parse_bytes(&bytes).items.into_iter().next() {
        None => Ok(empty()),
        Some(Ok(document)) => Ok(document.value),
        Some(Err(error)) => fail(format!("error loading config file \"{path}\": {}", error.message)),
    }
}

/// The entries of a list of the file, by name.
fn entries<'a>(config: &'a Value, list: &str) -> Vec<(&'a str, &'a Value)> {
    let entries = config[list].as_array().into_iter().flatten();
    let mut found: Vec<_> = entries.filter_map(|entry| Some((entry["name"].as_str()?, entry))).collect();
    found.sort_by_key(|(name, _)| *name);
    found
}

/// The context to use: its name and its place among the contexts.
fn current(config: &Value, args: &Args) -> Option<(String, usize)> {
    let name = args.get("context").or_else(|| config["current-context"].as_str())?;
    let at = config["contexts"].as_array()?.iter().position(|context| context["name"].as_str() == Some(name))?;
    Some((name.to_string(), at))
}

/// The namespace of the current context.
pub async fn namespace(cx: &Ctx, args: &Args) -> Result<Option<String>, Failure> {
    let config = load(cx, args).await?;
    let Some((_, at)) = current(&config, args) else {
        return match args.get("context") {
            Some(name) => Err(Failure::Plain(format!(
                "Error in configuration: context was not found for specified context: {name}"
            ))),
            None => Ok(None),
        };
    };
    let namespace = config["contexts"][at]["context"]["namespace"].as_str().unwrap_or_default();
    Ok(Some(namespace.to_string()).filter(|namespace| !namespace.is_empty()))
}

/// `kubectl config`.
pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let config = load(cx, args).await?;
    let words: Vec<&str> = args.args.iter().map(String::as_str).collect();
    match words[..] {
        ["view"] => view(cx, args, config).await,
        ["current-context"] => match config["current-context"].as_str() {
            Some(name) if !name.is_empty() => {
                cx.out(format!("{name}\n")).await;
                Ok(0)
            }
            _ => fail("current-context is not set"),
        },
        ["get-contexts", ref names @ ..] => contexts(cx, args, &config, names).await,
        ["get-clusters"] => listed(cx, &config, "clusters").await,
        ["get-users"] => listed(cx, &config, "users").await,
        ["use-context" | "use", name] => use_context(cx, args, config, name).await,
        ["set-context", ref names @ ..] => set_context(cx, args, config, names).await,
        [command @ ("view" | "use-context" | "use"), ref rest @ ..] => Err(Failure::Usage {
            command: format!("config {command}"),
            message: format!("Unexpected args: [{}]", rest.join(" ")),
        }),
        [_, ..] => {
            Err(Failure::Usage { command: "config".into(), message: format!("unknown command {:?}", words.join(" ")) })
        }
        [] => {
            if let Some(command) = super::commands::find("config") {
                cx.out(super::help::command(command)).await;
            }
            Ok(0)
        }
    }
}

async fn view(cx: &Ctx, args: &Args, mut config: Value) -> Outcome {
    if args.on("minify") {
        let Some((name, at)) = current(&config, args) else {
            return fail("current-context must exist in order to minify");
        };
        let context = config["contexts"][at].clone();
        for (list, key) in [("clusters", "cluster"), ("users", "user")] {
            let wanted = &context["context"][key];
            if let Some(entries) = config[list].as_array_mut() {
                entries.retain(|entry| &entry["name"] == wanted);
            }
        }
        config["contexts"] = json!([context]);
        config["current-context"] = name.into();
    }
    if !args.on("raw") && !args.on("flatten") {
        for (list, key) in [("clusters", "cluster"), ("users", "user")] {
            for entry in config[list].as_array_mut().into_iter().flatten() {
                for (secret, shown) in SECRETS {
                    if let Some(value) = entry[key].get_mut(secret) {
                        *value = shown.into();
                    }
                }
            }
        }
    }
    let text = Format::read(cx, args.get("output").or(Some("yaml"))).await?.whole(&config)?;
    cx.out(text).await;
    Ok(0)
}

async fn contexts(cx: &Ctx, args: &Args, config: &Value, names: &[&str]) -> Outcome {
    let only_names = match args.get("output").unwrap_or_default() {
        "" => false,
        "name" => true,
        other => {
            return fail(format!(
                "--output {other} is not available in kubectl config get-contexts; resetting to default output format"
            ));
        }
    };
    let known = entries(config, "contexts");
    let missing = names.iter().filter(|name| known.iter().all(|(known, _)| known != *name));
    let failures: Vec<Failure> = missing.map(|name| Failure::Message(format!("context {name} not found"))).collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    if !only_names && !args.on("no-headers") {
        rows.push(["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"].map(String::from).to_vec());
    }
    for (name, entry) in known.into_iter().filter(|(name, _)| names.is_empty() || names.contains(name)) {
        if only_names {
            rows.push(vec![name.to_string()]);
            continue;
        }
        let mark = if config["current-context"].as_str() == Some(name) { "*" } else { " " };
        let field = |key: &str| entry["context"][key].as_str().unwrap_or_default().to_string();
        rows.push(vec![mark.into(), name.into(), field("cluster"), field("user"), field("namespace")]);
    }
    cx.out(Layout::default().print(&rows)).await;
    finish(cx, failures).await
}

async fn listed(cx: &Ctx, config: &Value, list: &str) -> Outcome {
    let names: String = entries(config, list).iter().map(|(name, _)| format!("{name}\n")).collect();
    cx.out(format!("NAME\n{names}")).await;
    Ok(0)
}

async fn use_context(cx: &Ctx, args: &Args, mut config: Value, name: &str) -> Outcome {
    if entries(&config, "contexts").iter().all(|(known, _)| *known != name) {
        return fail(format!("no context exists with the name: \"{name}\""));
    }
    config["current-context"] = name.into();
    store(cx, args, &config).await?;
    cx.out(format!("Switched to context \"{name}\".\n")).await;
    Ok(0)
}

async fn set_context(cx: &Ctx, args: &Args, mut config: Value, names: &[&str]) -> Outcome {
    let name = match (names, args.on("current")) {
        ([], false) => return fail("you must specify a non-empty context name or --current"),
        ([_], true) => return fail("you cannot specify both a context name and --current"),
        ([name], false) => name.to_string(),
        ([], true) => match config["current-context"].as_str() {
            Some(name) if !name.is_empty() => name.to_string(),
            _ => return fail("no current context is set"),
        },
        _ => {
            let message = format!("Unexpected args: [{}]", names.join(" "));
            return Err(Failure::Usage { command: "config set-context".into(), message });
        }
    };
    if !config["contexts"].is_array() {
        config["contexts"] = json!([]);
    }
    let Some(contexts) = config["contexts"].as_array_mut() else { return fail("the contexts are no list") };
    let found = contexts.iter().position(|entry| entry["name"].as_str() == Some(name.as_str()));
    let at = found.unwrap_or(contexts.len());
    if found.is_none() {
        contexts.push(json!({"context": {"cluster": "", "user": ""}, "name": name}));
    }
    for key in ["cluster", "user", "namespace"] {
        if let Some(value) = args.get(key) {
            contexts[at]["context"][key] = value.into();
        }
    }
    store(cx, args, &config).await?;
    cx.out(format!("Context \"{name}\" {}.\n", if found.is_some() { "modified" } else { "created" })).await;
    Ok(0)
}

async fn store(cx: &Ctx, args: &Args, config: &Value) -> Result<(), Failure> {
    let path = path(cx, args);
    let written = cx.proc.write_file(&path, manifest::to_yaml(config).as_bytes()).await;
    written.map_err(|error| Failure::Message(format!("open {path}: {}", error.text().to_lowercase())))
}

/// The address of the current context's cluster.
pub async fn server(cx: &Ctx, args: &Args) -> Result<String, Failure> {
    let config = load(cx, args).await?;
    let cluster = current(&config, args).and_then(|(_, at)| config["contexts"][at]["context"]["cluster"].as_str());
    let found = entries(&config, "clusters").into_iter().find(|(name, _)| Some(*name) == cluster);
    let server = found.and_then(|(_, entry)| entry["cluster"]["server"].as_str());
    Ok(server.unwrap_or("http://localhost:8080").to_string())
}
