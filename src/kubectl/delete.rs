//! `kubectl delete`.

use super::{
    Args, Ctx, Failure, Outcome, fail, files,
    program::report,
    resource,
    wait::{Gone, duration, until_gone},
};
use crate::api::{Kind, client::DeleteOptions};

const FORCE_WARNING: &str = "Warning: Immediate deletion does not wait for confirmation that the running resource has \
                             been terminated. The resource may continue to run on the cluster indefinitely.\n";

/// An object to delete; from a file, where it came from.
struct Target {
    kind: Kind,
    namespace: String,
    name: String,
    source: Option<String>,
}

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let force = args.on("force");
    let mut grace = match args.get("grace-period") {
        Some(text) => super::flags::integer::<i64>(text, "--grace-period").map_err(Failure::Message)?,
        None => -1,
    };
    if args.on("now") {
        if grace != -1 {
            return fail("--now and --grace-period cannot be specified together");
        }
        grace = 1;
    }
    if force && grace < 0 {
        grace = 0;
    }
    if force && grace > 0 {
        return fail("--force and --grace-period greater than 0 cannot be specified together");
    }
    if grace == 0 && !force {
        // Zero is for --force alone.
        grace = 1;
    }
    let timeout = args.get("timeout").map(duration).transpose()?.unwrap_or_default();
    let dry_run = match args.get("dry-run") {
        None | Some("none") => None,
        Some("client" | "unchanged") => Some("client"),
        Some("server") => Some("server"),
        Some(other) => {
            return fail(format!("Invalid dry-run value ({other}). Must be \"none\", \"server\", or \"client\"."));
        }
    };
    let (targets, failures) = targets(cx, args).await?;
    if targets.is_empty() && failures.is_empty() {
        if !args.on("ignore-not-found") || args.args.len() == 1 {
            cx.out("No resources found\n").await;
        }
        return Ok(0);
    }
    if grace == 0 {
        cx.err(FORCE_WARNING).await;
    }
    let mut failures = failures;
    let mut waiting = Vec::new();
    for target in targets {
        let options = DeleteOptions {
            grace_period_seconds: (grace >= 0).then_some(grace),
            propagation_policy: Some(propagation(args.get("cascade"))?.into()),
            dry_run: dry_run == Some("server"),
            ..DeleteOptions::default()
        };
        let deleted = match dry_run {
            Some("client") => cx.client.get(target.kind, &target.namespace, &target.name).await.map(|_| None),
            _ => cx.client.delete(target.kind, &target.namespace, &target.name, options).await.map(Some),
        };
        match deleted {
            Ok(deleted) => {
                cx.out(said(args, &target, grace, dry_run)).await;
                if dry_run.is_none()
                    && let Some(deleted) = deleted.filter(|deleted| !deleted.gone)
                {
                    waiting.push((target, deleted.object.uid().to_string()));
                }
            }
            Err(error) if error.is_not_found() && args.on("ignore-not-found") => {}
            Err(error) => failures.push(match target.source {
                Some(source) => {
                    Failure::ServerWhen { doing: format!("error when deleting \"{source}\""), error: error.into() }
                }
                None => error.into(),
            }),
        }
    }
    if args.get("wait") != Some("false") {
        let deadline = (!timeout.is_zero()).then(|| cx.proc.sim().now() + timeout);
        for (target, uid) in waiting {
            let left = deadline.map(|deadline| deadline.since(cx.proc.sim().now()));
            if until_gone(cx, target.kind, &target.namespace, &target.name, Some(&uid), left).await? == Gone::TimedOut {
                let what = format!("{}/{}", target.kind.qualified(), target.name);
                failures.push(Failure::Message(format!("timed out waiting for the condition on {what}")));
            }
        }
    }
    let mut code = 0;
    for failure in &failures {
        code = report(cx, failure).await;
    }
    Ok(code)
}

fn propagation(cascade: Option<&str>) -> Result<&'static str, Failure> {
    match cascade {
        None | Some("background" | "true") => Ok("Background"),
        Some("foreground") => Ok("Foreground"),
        Some("orphan" | "false") => Ok("Orphan"),
        Some(other) => {
            fail(format!("Invalid cascade value ({other}). Must be \"background\", \"foreground\", or \"orphan\"."))
        }
    }
}

fn said(args: &Args, target: &Target, grace: i64, dry_run: Option<&str>) -> String {
    if args.get("output") == Some("name") {
        return resource::reference(target.kind, &target.name) + "\n";
    }
    let how = if grace == 0 { "force deleted" } else { "deleted" };
    let from =
        if target.namespace.is_empty() { String::new() } else { format!(" from {} namespace", target.namespace) };
    let dry = match dry_run {
        Some("server") => " (server dry run)",
        Some(_) => " (dry run)",
        None => "",
    };
    format!("{} \"{}\" {how}{from}{dry}\n", resource::singular(target.kind), target.name)
}

async fn targets(cx: &Ctx, args: &Args) -> Result<(Vec<Target>, Vec<Failure>), Failure> {
    let mut all = Vec::new();
    let mut failures = Vec::new();
    if !args.each("filename").is_empty() {
        for loaded in files::load_each(cx, args).await? {
            match loaded {
                Ok(loaded) => all.push(Target {
                    kind: loaded.kind,
                    namespace: loaded.namespace,
                    name: loaded.name,
                    source: Some(loaded.source),
                }),
                Err(failure) => failures.push(failure),
            }
        }
        return Ok((all, failures));
    }
    if args.args.is_empty() {
        return fail(
            "You must provide one or more resources by argument or filename.\nExample resource specifications \
             include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'",
        );
    }
    let wanted = resource::targets(&args.args)?;
    let selected = args.get("selector").is_some() || args.get("field-selector").is_some();
    if !wanted.named.is_empty() {
        if args.on("all") || selected {
            return fail("name cannot be provided when a selector is specified");
        }
        let target = |(kind, name): (Kind, String)| {
            let namespace = resource::scope(cx, kind).to_string();
            Target { kind, namespace, name, source: None }
        };
        return Ok((wanted.named.into_iter().map(target).collect(), failures));
    }
    if args.on("all") && args.get("selector").is_some() {
        return fail("setting 'all' parameter but found a non empty selector. ");
    }
    if !args.on("all") && !selected {
        return fail("resource(s) were provided, but no name was specified");
    }
    for kind in wanted.kinds {
        let list = resource::list(cx, kind, args).await?;
        all.extend(list.iter().map(|object| Target {
            kind,
            namespace: object.namespace().into(),
            name: object.name().into(),
            source: None,
        }));
    }
    Ok((all, failures))
}
