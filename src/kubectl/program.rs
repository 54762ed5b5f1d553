//! kubectl's `main`: command line in, exit code out, failures on stderr in kubectl's words.

use std::{cell::Cell, rc::Rc};

use super::{Args, Ctx, Failure, Outcome, commands, config, fail, flags, help, plugin};
use crate::{
    api::{
        ApiClient, Error,
        error::{Cause, Reason},
    },
    os::{Proc, Program},
};

/// The program, speaking to the cluster through `client`.
pub fn program(client: Rc<dyn ApiClient>) -> Program {
    Rc::new(move |proc| {
        let client = client.clone();
        Box::pin(run(proc, client))
    })
}

async fn run(proc: Proc, client: Rc<dyn ApiClient>) -> i32 {
    let argv = proc.argv();
    let words = argv.get(1..).unwrap_or_default();
    let mut cx = Ctx {
        proc,
        client,
        namespace: "default".into(),
        namespace_given: false,
        all_namespaces: false,
        yaml_begun: Cell::new(false),
    };
    // Flags that stand before the command belong to it as well.
    let leading = match leading_flags(words) {
        Ok(leading) => leading,
        Err(error) => {
            cx.err(format!("error: {error}\nSee 'kubectl --help' for usage.\n")).await;
            return 1;
        }
    };
    let (before, after) = words.split_at(leading);
    let Some((name, after)) = after.split_first() else {
        cx.out(help::overview()).await;
        return 0;
    };
    let Some(command) = commands::find(name) else {
        if name == "help" {
            cx.out(after.first().and_then(|name| commands::find(name)).map_or_else(help::overview, help::command))
                .await;
            return 0;
        }
        if name == "alpha" {
            cx.err("No alpha commands are available in this version of kubectl\n").await;
            return 0;
        }
        if before.is_empty()
            && let Some(code) = plugin::run(&cx, words).await
        {
            return code;
        }
        let text = if help::is_missing(name) {
            format!("error: kubectl {name} is not simulated here\n")
        } else {
            unknown_command(name)
        };
        cx.err(text).await;
        return 1;
    };
    let words: Vec<String> = before.iter().chain(after).cloned().collect();
    let args = match flags::parse(&commands::flags(command), command.stop_after, &words) {
        Ok(args) => args,
        Err(error) => {
            cx.err(format!("error: {error}\nSee 'kubectl {} --help' for usage.\n", command.name)).await;
            return 1;
        }
    };
    if args.on("help") {
        cx.out(help::command(command)).await;
        return 0;
    }
    cx.all_namespaces = args.on("all-namespaces");
    match args.get("namespace") {
        Some(namespace) if !namespace.is_empty() => {
            cx.namespace = namespace.to_string();
            cx.namespace_given = true;
        }
        _ => match config::namespace(&cx, &args).await {
            Ok(Some(namespace)) => cx.namespace = namespace,
            Ok(None) => {}
            Err(failure) => return report(&cx, &failure).await,
        },
    }
    if let Err(failure) = reach(&cx, &args).await {
        return report(&cx, &failure).await;
    }
    match (command.main)(&cx, &args).await {
        Ok(code) => code,
        Err(failure) => report(&cx, &failure).await,
    }
}

/// There is one server, and it knows its users by their certificates.
async fn reach(cx: &Ctx, args: &Args) -> Result<(), Failure> {
    if let Some(server) = args.get("server").filter(|server| !server.is_empty())
        && config::server(cx, args).await? != server
    {
        let host = server.split_once("://").map_or(server, |(_, host)| host);
        return Err(Failure::Plain(format!(
            "The connection to the server {host} was refused - did you specify the right host or port?"
        )));
    }
    match args.get("token") {
        Some(token) if !token.is_empty() => fail("You must be logged in to the server (Unauthorized)"),
        _ => Ok(()),
    }
}

/// How many words of global flags stand before the command.
fn leading_flags(words: &[String]) -> Result<usize, String> {
    let mut at = 0;
    while words.get(at).is_some_and(|word| word.starts_with('-') && word != "--") {
        let one = flags::parse(&[commands::GLOBAL], 0, &words[at..=at]);
        at += match one {
            Ok(_) => 1,
            Err(error) if error.starts_with("flag needs") && at + 1 < words.len() => 2,
            Err(error) => return Err(error),
        };
    }
    Ok(at)
}

/// Says why a command (or a part of it) failed; the exit code.
pub async fn report(cx: &Ctx, failure: &Failure) -> i32 {
    if let Failure::Exit(code) = failure {
        return *code;
    }
    cx.err(text(failure)).await;
    1
}

/// The end of a command that went on after failures: one is left to the caller, several are listed without
/// `error: ` (`cmd/util.MultipleErrors`).
pub async fn finish(cx: &Ctx, mut failures: Vec<Failure>) -> Outcome {
    if failures.len() < 2 {
        return failures.pop().map_or(Ok(0), Err);
    }
    for failure in &failures {
        cx.err(match failure {
            Failure::Message(message) | Failure::Usage { message, .. } => format!("{message}\n"),
            Failure::Server(error) => warnings(error) + &server_line(error, ""),
            Failure::ServerWhen { doing, error } => warnings(error) + &server_line(error, doing),
            other => text(other),
        })
        .await;
    }
    Ok(1)
}

/// The failure as stderr shows it, with the newline.
pub fn text(failure: &Failure) -> String {
    match failure {
        Failure::Message(message) => format!("error: {message}\n"),
        Failure::Plain(message) => format!("{}\n", message.trim_end_matches('\n')),
        Failure::Usage { command, message } => {
            format!("error: {message}\nSee 'kubectl {command} -h' for help and examples\n")
        }
        Failure::Server(error) => warnings(error) + &server(error, ""),
        Failure::ServerWhen { doing, error } => warnings(error) + &server(error, doing),
        Failure::Exit(_) => String::new(),
    }
}

/// What the server warned of while it refused.
fn warnings(error: &Error) -> String {
    let all = error.warnings.iter().flat_map(|warned| &warned.0);
    all.map(|warning| format!("Warning: {warning}\n")).collect()
}

fn server(error: &Error, doing: &str) -> String {
    if error.reason == Reason::Invalid {
        return invalid(error);
    }
    server_line(error, doing)
}

fn server_line(error: &Error, doing: &str) -> String {
    let doing = doing.trim_end().trim_end_matches(':');
    let doing = if doing.is_empty() { String::new() } else { format!("{doing}: ") };
    match error.reason.name() {
        "" => format!("Error from server: {doing}{}\n", error.message),
        reason => format!("Error from server ({reason}): {doing}{}\n", error.message),
    }
}

/// `The Pod "web" is invalid: …`: one cause on the line, several below it.
fn invalid(error: &Error) -> String {
    let prefix = match (error.kind.is_empty() && error.name.is_empty(), error.causes.is_empty()) {
        (true, true) if error.message.is_empty() => return "The request is invalid\n".into(),
        (true, true) => return format!("The request is invalid: {}\n", error.message),
        (true, false) => "The request is invalid".to_string(),
        _ => format!("The {} \"{}\" is invalid", error.kind, error.name),
    };
    let show = |cause: &Cause| {
        if cause.field.is_empty() { cause.message.clone() } else { format!("{}: {}", cause.field, cause.message) }
    };
    let mut causes: Vec<String> = Vec::new();
    for cause in error.causes.iter().map(show) {
        if !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    match causes.as_slice() {
        [] => format!("{prefix}\n"),
        [one] => format!("{prefix}: {one}\n"),
        many => format!("{prefix}: \n{}", many.iter().map(|cause| format!("* {cause}\n")).collect::<String>()),
    }
}

/// With the commands that are two changes away at most, or begin with the word (cobra's rule).
fn unknown_command(name: &str) -> String {
    let near = |command: &&commands::Command| {
        distance(name, command.name) <= 2 || command.name.starts_with(&name.to_ascii_lowercase())
    };
    let mut near: Vec<&commands::Command> = commands::all().filter(near).collect();
    near.sort_by_key(|command| ORDER.iter().position(|name| *name == command.name));
    let near: Vec<String> = near.into_iter().map(|command| format!("\t{}\n", command.name)).collect();
    let hint = if near.is_empty() { String::new() } else { format!("\nDid you mean this?\n{}", near.concat()) };
    format!("error: unknown command \"{name}\" for \"kubectl\"\n{hint}")
}

/// The order in which kubectl suggests commands.
const ORDER: &[&str] = &[
    "create",
    "expose",
    "run",
    "set",
    "explain",
    "get",
    "edit",
    "delete",
    "scale",
    "cluster-info",
    "top",
    "cordon",
    "uncordon",
    "drain",
    "taint",
    "describe",
    "logs",
    "attach",
    "exec",
    "port-forward",
    "cp",
    "auth",
    "events",
    "apply",
    "patch",
    "replace",
    "wait",
    "label",
    "annotate",
    "completion",
    "api-resources",
    "api-versions",
    "config",
    "version",
    "options",
];

/// Levenshtein's distance, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_ascii_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.to_ascii_lowercase().chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, &b) in b.iter().enumerate() {
            let change = corner + usize::from(a != b);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Kind;

    #[test]
    fn failures() {
        let cause =
            |field: &str| Cause { reason: String::new(), message: "Required value".into(), field: field.into() };
        let invalid = |causes| Failure::Server(Error::invalid(Kind::Pod, "web", causes));
        for (failure, expected) in [
            (Failure::Server(Error::not_found(Kind::Pod, "x")), "Error from server (NotFound): pods \"x\" not found\n"),
            (invalid(vec![cause("a")]), "The Pod \"web\" is invalid: a: Required value\n"),
            (
                invalid(vec![cause("a"), cause("b")]),
                "The Pod \"web\" is invalid: \n* a: Required value\n* b: Required value\n",
            ),
            (Failure::Message("no".into()), "error: no\n"),
        ] {
            assert_eq!(text(&failure), expected);
        }
        assert_eq!(
            unknown_command("gett"),
            "error: unknown command \"gett\" for \"kubectl\"\n\nDid you mean this?\n\tset\n\tget\n"
        );
    }
}
