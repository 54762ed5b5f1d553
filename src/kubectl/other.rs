//! Commands with little to do here: edit, auth, options, completion, scale.

use serde_json::json;

use super::{
    Args, Ctx, Failure, Outcome, fail, help,
    printers::Layout,
    program::finish,
    resource,
    write::{self, DryRun},
};
use crate::api::{
    Kind, Object,
    client::{Patch, Subresource},
};

/// `kubectl edit`: the page has an editor of its own.
pub async fn edit(cx: &Ctx, args: &Args) -> Outcome {
    let found = resource::fetch_chosen(cx, args, &args.args).await?;
    if !found.failures.is_empty() {
        return finish(cx, found.failures).await;
    }
    fail(
        "there is no editor in this terminal: change the manifest in the editor pane and apply it, or use 'kubectl patch'",
    )
}

pub async fn auth(cx: &Ctx, args: &Args) -> Outcome {
    let words: Vec<&str> = args.args.iter().map(String::as_str).collect();
    match words[..] {
        ["can-i", _verb, resource, ..] => {
            let resource = resource.split('/').next().unwrap_or_default();
            if resource != "*" && !resource.is_empty() && resource::kind(resource).is_err() {
                cx.err(format!("Warning: the server doesn't have a resource type '{resource}'\n\n")).await;
            }
            if !args.on("quiet") {
                cx.out("yes\n").await;
            }
            Ok(0)
        }
        ["can-i", ..] if args.on("list") => {
            let rows = [["Resources", "Non-Resource URLs", "Resource Names", "Verbs"], ["*.*", "[]", "[]", "[*]"], ["", "[*]", "[]", "[*]"]];
            let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(String::from).to_vec()).collect();
            cx.out(Layout::default().print(&rows)).await;
            Ok(0)
        }
        ["can-i", ..] => Err(Failure::Message("you must specify two arguments: verb resource or verb resource/resourceName.\nSee 'kubectl auth can-i -h' for help and examples.".into())),
        ["whoami", ..] => {
            let rows = [
                ["ATTRIBUTE", "VALUE"],
                ["Username", "kubernetes-admin"],
                ["Groups", "[kubeadm:cluster-admins system:authenticated]"],
            ];
            let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(String::from).to_vec()).collect();
            cx.out(Layout::default().print(&rows)).await;
            Ok(0)
        }
        _ if !words.is_empty() => {
            Err(Failure::Usage { command: "auth".into(), message: format!("unknown command {:?}", words.join(" ")) })
        }
        _ => fail("You must specify what to ask: can-i or whoami"),
    }
}

/// `kubectl options`
pub async fn options(cx: &Ctx, _: &Args) -> Outcome {
    cx.out(help::options()).await;
    Ok(0)
}

/// `kubectl completion`: the shell completes kubectl's lines already.
pub async fn completion(cx: &Ctx, args: &Args) -> Outcome {
    let usage = |message: &str| Failure::Usage { command: "completion".into(), message: message.into() };
    match &args.args[..] {
        [] => Err(usage("Shell not specified.")),
        [shell] if ["bash", "zsh", "fish", "powershell"].contains(&shell.as_str()) => {
            cx.out("# Press Tab: this shell completes kubectl's commands, flags, types and names by itself.\n").await;
            Ok(0)
        }
        [shell] => Err(usage(&format!("Unsupported shell type \"{shell}\"."))),
        _ => Err(usage("Too many arguments. Expected only the shell type.")),
    }
}

pub async fn scale(cx: &Ctx, args: &Args) -> Outcome {
    let Some(replicas) = args.get("replicas") else { return fail("required flag(s) \"replicas\" not set") };
    let replicas = match replicas.parse::<i32>() {
        Ok(count) if count >= 0 => count,
        Ok(_) => return fail("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0"),
        Err(_) => {
            return fail(format!(
                "invalid argument \"{replicas}\" for \"--replicas\" flag: strconv.ParseInt: parsing \"{replicas}\": invalid syntax"
            ));
        }
    };
    let dry_run = DryRun::of(args)?;
    let wanted: Option<i64> =
        args.get("current-replicas").and_then(|text| text.parse().ok()).filter(|count| *count >= 0);
    let found = resource::fetch_chosen(cx, args, &args.args).await?;
    let mut failures = found.failures;
    for object in &found.objects {
        failures.extend(scale_one(cx, args, object, replicas, wanted, dry_run).await.err());
    }
    finish(cx, failures).await
}

async fn scale_one(
    cx: &Ctx,
    args: &Args,
    object: &Object,
    replicas: i32,
    wanted: Option<i64>,
    dry_run: DryRun,
) -> Result<(), Failure> {
    let kind = object.kind();
    let scales = [Kind::Deployment, Kind::ReplicaSet, Kind::ReplicationController, Kind::StatefulSet];
    if !scales.contains(&kind) {
        let why = "Error from server (NotFound): the server could not find the requested resource";
        return Err(Failure::Plain(why.into()));
    }
    let mut value = object.to_value();
    let now = value["spec"]["replicas"].as_i64().unwrap_or(1);
    if let Some(wanted) = wanted.filter(|wanted| *wanted != now) {
        return Err(Failure::Message(format!("Expected replicas to be {wanted}, was {now}")));
    }
    if dry_run == DryRun::Client {
        value["spec"]["replicas"] = replicas.into();
    } else {
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        let options = write::options(args, dry_run, "kubectl");
        let (namespace, name) = (object.namespace(), object.name());
        let written = cx.client.patch(kind, namespace, name, Subresource::None, patch, options).await?;
        value = write::warned(cx, written).await.to_value();
    }
    write::report(cx, args, kind, &value, "scaled", dry_run).await
}
