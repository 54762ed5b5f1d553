//! `kubectl run`: one pod from flags, attached to if asked.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use serde_json::{Value, json};

use super::{
    Args, Ctx, Failure, Outcome, exec, failure_text,
    resource::reference,
    write::{self, DryRun},
};
use crate::{
    api::{
        Kind, Pod, client,
        client::{DeleteOptions, ListOptions},
        patch,
    },
    registry::ImageRef,
    sim::{Either, race},
};

fn usage<T>(message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Usage { command: "run".into(), message: message.into() })
}

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let Some((name, rest)) = args.args.split_first() else { return usage("NAME is required for run") };
    let command: Vec<String> = rest.iter().chain(args.dash.iter().flatten()).cloned().collect();
    let kind = args.get("override-type").unwrap_or("merge");
    if !["json", "merge", "strategic"].contains(&kind) {
        return Err(Failure::Message(format!("invalid override type: {kind}, valid values are: json,merge,strategic")));
    }
    let Some(image) = args.get("image").filter(|image| !image.is_empty()) else {
        return Err(Failure::Message("required flag(s) \"image\" not set".into()));
    };
    if ImageRef::parse(image).is_err() {
        return Err(Failure::Message(format!("Invalid image name \"{image}\": invalid reference format")));
    }
    let (stdin, tty, rm) = (args.on("stdin"), args.on("tty"), args.on("rm"));
    if tty && !stdin {
        return usage("-i/--stdin is required for containers with -t/--tty=true");
    }
    let attach = if args.get("attach").is_some() { args.on("attach") } else { stdin || tty };
    if rm && !attach {
        return usage("--rm should only be used for attached containers");
    }
    let port = args.get("port").unwrap_or_default();
    if args.on("expose") && port.is_empty() {
        return usage("--port must be set when exposing a service");
    }
    let dry_run = DryRun::of(args)?;
    if attach && dry_run != DryRun::None {
        return usage(
            "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)",
        );
    }
    let mut pod = object(args, name, image, &command)?;
    if dry_run == DryRun::Client && cx.namespace_given {
        pod["metadata"]["namespace"] = cx.namespace.as_str().into();
    }
    let service = args.on("expose").then(|| service(name, port, &pod["metadata"]["labels"], args));
    let created = if dry_run == DryRun::Client {
        pod
    } else {
        let options = write::options(args, dry_run, "kubectl-run");
        write::create(cx, Kind::Pod, &cx.namespace, pod, options).await?.to_value()
    };
    if let Some(mut service) = service {
        if dry_run != DryRun::Client {
            let options = write::options(args, dry_run, "kubectl-run");
            service = write::create(cx, Kind::Service, &cx.namespace, service, options).await?.to_value();
        }
        write::report(cx, args, Kind::Service, &service, "created", dry_run).await?;
        // As kubectl does it, though the next document brings such a line as well.
        if args.get("output") == Some("yaml") {
            cx.out("---\n").await;
        }
    }
    if !attach {
        write::report(cx, args, Kind::Pod, &created, "created", dry_run).await?;
        return Ok(0);
    }
    let result = attached(cx, args, name).await;
    if rm {
        let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
        cx.client.delete(Kind::Pod, &cx.namespace, name, options).await?;
        if args.on("expose") {
            cx.client.delete(Kind::Service, &cx.namespace, name, DeleteOptions::default()).await?;
        }
        if !args.on("quiet") {
            cx.out(format!("pod \"{name}\" deleted from {} namespace\n", cx.namespace)).await;
        }
    }
    result
}

/// The Service of `--expose`.
fn service(name: &str, port: &str, selector: &Value, args: &Args) -> Value {
    let port = port.parse::<i64>().map_or_else(|_| Value::from(port), Value::from);
    let mut service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"port": port, "protocol": "TCP", "targetPort": port}], "selector": selector},
        "status": {"loadBalancer": {}},
    });
    if !args.each("labels").is_empty() {
        service["metadata"]["labels"] = selector.clone();
    }
    service
}

fn object(args: &Args, name: &str, image: &str, command: &[String]) -> Result<Value, Failure> {
    // A policy that is given and empty leaves the choice to us.
    let restart = match args.get("restart") {
        Some("") if args.on("stdin") => "OnFailure",
        None | Some("") => "Always",
        Some(policy) => policy,
    };
    if !["Always", "OnFailure", "Never"].contains(&restart) {
        return usage(format!("invalid restart policy: {restart}"));
    }
    let mut container = json!({"name": name, "image": image, "resources": {}});
    match args.get("image-pull-policy").unwrap_or_default() {
        "" => {}
        policy @ ("Always" | "IfNotPresent" | "Never") => container["imagePullPolicy"] = policy.into(),
        other => return usage(format!("invalid image pull policy: {other}")),
    }
    if !command.is_empty() {
        container[if args.on("command") { "command" } else { "args" }] = json!(command);
    }
    let mut env = Vec::new();
    for pair in args.each("env") {
        let Some((key, value)) = pair.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(Failure::Message(format!("invalid env: {pair}")));
        };
        env.push(json!({"name": key, "value": value}));
    }
    if !env.is_empty() {
        container["env"] = Value::Array(env);
    }
    if let Some(port) = args.get("port").filter(|p| !p.is_empty()) {
        let Ok(port) = port.parse::<i64>() else {
            return Err(Failure::Message(format!("strconv.ParseInt: parsing \"{port}\": invalid syntax")));
        };
        container["ports"] = json!([{"containerPort": port}]);
    }
    for flag in ["stdin", "tty"] {
        if args.on(flag) {
            container[flag] = Value::Bool(true);
        }
    }
    if args.on("stdin") && !args.on("leave-stdin-open") {
        container["stdinOnce"] = Value::Bool(true);
    }
    if args.on("privileged") {
        container["securityContext"] = json!({"privileged": true});
    }
    let mut labels = BTreeMap::new();
    for pair in args.list("labels") {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Failure::Message(format!("unexpected label spec: {pair}")));
        };
        labels.insert(key.to_string(), value.to_string());
    }
    if labels.is_empty() {
        labels.insert("run".into(), name.into());
    }
    let mut meta = json!({"name": name, "labels": labels});
    if !args.each("annotations").is_empty() {
        let pairs = args.each("annotations").iter().filter_map(|a| a.split_once('='));
        meta["annotations"] = Value::Object(pairs.map(|(k, v)| (k.to_string(), Value::from(v))).collect());
    }
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"containers": [container], "dnsPolicy": "ClusterFirst", "restartPolicy": restart},
        "status": {},
    });
    if let Some(overrides) = args.get("overrides").filter(|o| !o.is_empty()) {
        let parsed: Value = serde_json::from_str(overrides)
            .map_err(|error| Failure::Message(format!("Invalid JSON Patch: {error}")))?;
        pod = match args.get("override-type").unwrap_or("merge") {
            "json" => patch::json_patch(&pod, &parsed).map_err(Failure::Message)?,
            "strategic" => patch::strategic(Kind::Pod, &pod, &parsed).map_err(Failure::Message)?,
            _ => patch::json_merge(&pod, &parsed),
        };
    }
    Ok(pod)
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or_default()
}

/// Waits until the pod runs or has ended, attaches, then waits for its end to pass its exit code on.
async fn attached(cx: &Ctx, args: &Args, name: &str) -> Outcome {
    let timeout = args.get("pod-running-timeout").and_then(crate::api::duration::parse_go_duration);
    let timeout = Duration::from_nanos(timeout.and_then(|n| u64::try_from(n).ok()).unwrap_or(60_000_000_000));
    let ready = |pod: &Pod| phase(pod) == "Running" || ended(pod);
    let waiting = until(cx, name, ready);
    let pod = match race(waiting, cx.proc.sim().sleep(timeout)).await {
        Either::Left(pod) => pod?,
        Either::Right(()) => {
            return Err(Failure::Message(format!(
                "timed out waiting for the condition on {}",
                reference(Kind::Pod, name)
            )));
        }
    };
    if ended(&pod) {
        // It was over before anyone could attach.
        print_log(cx, &cx.namespace, name, name).await?;
    } else {
        let to = exec::AttachTo {
            container: Some(name),
            stdin: args.on("stdin"),
            tty: args.on("tty"),
            quiet: args.on("quiet"),
        };
        match exec::attach_to(cx, &pod, to).await {
            Ok(_) => {}
            Err(Failure::Exit(code)) => return Ok(code),
            Err(failure) => {
                let why = failure_text(&failure);
                let why = why.strip_prefix("error: ").unwrap_or(&why);
                cx.err(format!("warning: couldn't attach to pod/{name}, falling back to streaming logs: {why}")).await;
                print_log(cx, &cx.namespace, name, name).await?;
            }
        }
    }
    let always = pod.spec.as_ref().and_then(|s| s.restart_policy.as_deref()) == Some("Always");
    if always {
        return Ok(0);
    }
    let pod = until(cx, name, ended).await?;
    let statuses = pod.status.as_ref().and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
    let code = statuses.iter().find_map(|s| Some(s.state.as_ref()?.terminated.as_ref()?.exit_code)).unwrap_or(0);
    if code != 0 {
        cx.err(format!("pod {}/{name} terminated (Error)\n", cx.namespace)).await;
    }
    Ok(code)
}

/// What the container has said.
pub(super) async fn print_log(cx: &Ctx, namespace: &str, pod: &str, container: &str) -> Result<(), Failure> {
    let options = client::LogOptions { container: Some(container.into()), ..client::LogOptions::default() };
    let mut log = cx.client.logs(namespace, pod, options).await?;
    let out = cx.proc.stdout();
    while let Some(data) = log.recv().await {
        if cx.proc.write(&out, &data).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn ended(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

async fn until(cx: &Ctx, name: &str, reached: impl Fn(&Pod) -> bool) -> Result<Rc<Pod>, Failure> {
    let options = ListOptions { field_selector: format!("metadata.name={name}"), ..ListOptions::default() };
    let mut watch = cx.client.watch(Kind::Pod, &cx.namespace, options).await?;
    while let Some(event) = watch.recv().await {
        match event {
            client::WatchEvent::Error(error) => return Err(error.into()),
            client::WatchEvent::Deleted(_) => break,
            client::WatchEvent::Added(object) | client::WatchEvent::Modified(object) => {
                if let Some(pod) = object.as_::<Pod>()
                    && reached(pod)
                {
                    return Ok(pod.clone());
                }
            }
        }
    }
    Err(Failure::Server(crate::api::Error::not_found(Kind::Pod, name)))
}
