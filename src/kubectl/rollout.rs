//! `kubectl rollout` and `autoscale`: none of the kinds here rolls out or scales.

use super::{Args, Ctx, Failure, Outcome, program::finish, resource};

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let Some((command, words)) = args.args.split_first() else {
        if let Some(command) = super::commands::find("rollout") {
            cx.out(super::help::command(command)).await;
        }
        return Ok(0);
    };
    if !["history", "pause", "restart", "resume", "status", "undo"].contains(&command.as_str()) {
        let message = format!("unknown command {:?}", args.args.join(" "));
        return Err(Failure::Usage { command: "rollout".into(), message });
    }
    let found = resource::fetch_chosen(cx, args, words).await?;
    let mut failures = found.failures;
    for object in &found.objects {
        let (kind, name) = (object.kind(), object.name());
        failures.push(Failure::Message(match command.as_str() {
            "history" => format!("no history viewer has been implemented for \"{kind}\""),
            "status" => format!("no status viewer has been implemented for {kind}"),
            "undo" => format!("no rollbacker has been implemented for \"{kind}\""),
            "pause" => format!("{} \"{name}\" pausing is not supported", kind.qualified()),
            "resume" => format!("{} \"{name}\" resuming is not supported", kind.qualified()),
            _ => format!("{} \"{name}\" restarting is not supported", kind.qualified()),
        }));
    }
    finish(cx, failures).await
}

pub async fn autoscale(cx: &Ctx, args: &Args) -> Outcome {
    if args.get("max").is_none() {
        return Err(Failure::Message("required flag(s) \"max\" not set".into()));
    }
    let found = resource::fetch_chosen(cx, args, &args.args).await?;
    let mut failures = found.failures;
    failures.extend(found.objects.iter().map(|object| {
        let kind = object.kind();
        Failure::Message(format!(
            "cannot autoscale a {kind}: could not find scale subresource for {}/{}, Resource={} in discovery information",
            kind.group(),
            kind.version(),
            kind.plural()
        ))
    }));
    finish(cx, failures).await
}
