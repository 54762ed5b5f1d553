//! `kubectl logs`.

use std::rc::Rc;

use super::{
    Args, Ctx, Failure, Outcome, container,
    pods_of::{self, Best},
    program, resource,
};
use crate::api::{Kind, Pod, Resource, client::LogOptions, duration::parse_go_duration};

const USAGE: &str = "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument \
                     for the logs command";
/// With a selector, so many last lines unless --tail says otherwise.
const SELECTOR_TAIL: i64 = 10;

/// One container's log to read.
struct Source {
    pod: String,
    namespace: String,
    container: String,
}

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let selector = args.get("selector").unwrap_or_default();
    let options = options(args, !selector.is_empty())?;
    let mut asked = args.get("container").map(str::to_string);
    let all = args.on("all-containers");
    let mut sources = Vec::new();
    match (args.args.as_slice(), selector) {
        ([], "") => return usage(),
        ([], _) => {
            let pods = resource::list(cx, Kind::Pod, args).await?;
            if pods.is_empty() {
                cx.err(format!("No resources found in {} namespace.\n", cx.namespace)).await;
                return Ok(0);
            }
            for object in &pods {
                if let Some(pod) = object.as_::<Pod>() {
                    sources.extend(containers(cx, pod, asked.as_deref(), all).await?);
                }
            }
        }
        ([_, ..], selector) if !selector.is_empty() => {
            return Err(Failure::Usage {
                command: "logs".into(),
                message: "only a selector (-l) or a POD name is allowed".into(),
            });
        }
        ([name, rest @ ..], _) if rest.len() < 2 => {
            if let Some(container) = rest.first() {
                if asked.is_some() {
                    let message = "only one of -c or an inline [CONTAINER] arg is allowed";
                    return Err(Failure::Usage { command: "logs".into(), message: message.into() });
                }
                asked = Some(container.clone());
            }
            let pods = pods(cx, name).await?;
            let every = args.on("all-pods");
            if let ([first, _, ..], false) = (&pods[..], every) {
                cx.err(format!("Found {} pods, using pod/{}\n", pods.len(), first.name())).await;
            }
            for pod in pods.iter().take(if every { usize::MAX } else { 1 }) {
                sources.extend(containers(cx, pod, asked.as_deref(), all || every && asked.is_none()).await?);
            }
        }
        _ => return usage(),
    }
    let most: usize = args.get("max-log-requests").and_then(|n| n.parse().ok()).unwrap_or(5);
    let prefix = args.on("prefix") || args.on("all-pods");
    let ignore = args.on("ignore-errors");
    if options.follow && sources.len() > 1 {
        if sources.len() > most {
            return Err(Failure::Message(format!(
                "you are attempting to follow {} log streams, but maximum allowed concurrency is {most}, use \
                 --max-log-requests to increase the limit",
                sources.len()
            )));
        }
        let copies = sources.iter().map(|source| copy(cx, source, &options, prefix, true));
        for result in futures_util::future::join_all(copies).await {
            passed(cx, result, ignore).await?;
        }
        return Ok(0);
    }
    for source in &sources {
        let result = copy(cx, source, &options, prefix, false).await;
        passed(cx, result, ignore).await?;
    }
    Ok(0)
}

async fn passed(cx: &Ctx, result: Result<(), Failure>, ignore: bool) -> Result<(), Failure> {
    match result {
        Err(failure) if ignore => {
            cx.err(program::text(&failure)).await;
            Ok(())
        }
        other => other,
    }
}

fn usage() -> Outcome {
    Err(Failure::Usage { command: "logs".into(), message: USAGE.into() })
}

fn options(args: &Args, selected: bool) -> Result<LogOptions, Failure> {
    let bad = |message: &str| Err(Failure::Message(message.into()));
    let number = |flag: &str| -> Result<Option<i64>, Failure> {
        let Some(text) = args.get(flag) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            Failure::Message(format!(
                "invalid argument \"{text}\" for \"--{flag}\" flag: strconv.ParseInt: parsing \"{text}\": invalid syntax"
            ))
        })
    };
    let mut tail_lines = number("tail")?;
    if tail_lines.is_some_and(|n| n < -1) {
        return bad("--tail must be greater than or equal to -1");
    }
    if tail_lines.is_none() && selected {
        tail_lines = Some(SELECTOR_TAIL);
    }
    let mut since_seconds = None;
    if let Some(text) = args.get("since") {
        let Some(nanos) = parse_go_duration(text) else {
            return bad(&format!(
                "invalid argument \"{text}\" for \"--since\" flag: time: invalid duration \"{text}\""
            ));
        };
        if nanos < 0 {
            return bad("--since must be greater than 0");
        }
        since_seconds = Some((nanos + 999_999_999) / 1_000_000_000).filter(|&s| s > 0);
    }
    let since_time = args.get("since-time").filter(|t| !t.is_empty()).map(str::to_string);
    if since_time.is_some() && since_seconds.is_some() {
        return bad("at most one of `sinceTime` or `sinceSeconds` may be specified");
    }
    Ok(LogOptions {
        container: None,
        follow: args.on("follow"),
        previous: args.on("previous"),
        timestamps: args.on("timestamps"),
        tail_lines: tail_lines.filter(|&n| n >= 0),
        since_seconds,
        since_time,
        limit_bytes: number("limit-bytes")?.filter(|&n| n > 0),
    })
}

async fn pods(cx: &Ctx, word: &str) -> Result<Vec<Rc<Pod>>, Failure> {
    pods_of::meant(cx, word, Best::Logging, "get the logs from").await.map_err(|failure| match failure {
        Failure::Server(error) if error.is_not_found() => {
            let text = format!("error from server (NotFound): {} in namespace \"{}\"", error.message, cx.namespace);
            Failure::Message(text)
        }
        other => other,
    })
}

async fn containers(cx: &Ctx, pod: &Pod, asked: Option<&str>, all: bool) -> Result<Vec<Source>, Failure> {
    let source = |container: &str| Source {
        pod: pod.metadata.name.clone().unwrap_or_default(),
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        container: container.into(),
    };
    if all {
        return Ok(container::names(pod).into_iter().map(source).collect());
    }
    Ok(vec![source(&container::choose(cx, pod, asked, false).await?)])
}

/// One log to stdout; by whole lines if it is marked or mixed with others.
async fn copy(cx: &Ctx, from: &Source, options: &LogOptions, prefix: bool, mixed: bool) -> Result<(), Failure> {
    let options = LogOptions { container: Some(from.container.clone()), ..options.clone() };
    let mut stream = cx.client.logs(&from.namespace, &from.pod, options).await?;
    let out = cx.proc.stdout();
    let mark = if prefix { format!("[pod/{}/{}] ", from.pod, from.container) } else { String::new() };
    let mut rest: Vec<u8> = Vec::new();
    while let Some(data) = stream.recv().await {
        let ready = if prefix || mixed {
            rest.extend_from_slice(&data);
            let Some(end) = rest.iter().rposition(|&b| b == b'\n') else { continue };
            let tail = rest.split_off(end + 1);
            marked(&mark, &std::mem::replace(&mut rest, tail))
        } else {
            data
        };
        if cx.proc.write(&out, &ready).await.is_err() {
            return Ok(());
        }
    }
    if !rest.is_empty() {
        // Nobody is left to tell if stdout is closed.
        let _ = cx.proc.write(&out, &marked(&mark, &rest)).await;
    }
    Ok(())
}

fn marked(mark: &str, lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len() + mark.len());
    for line in lines.split_inclusive(|&b| b == b'\n') {
        out.extend_from_slice(mark.as_bytes());
        out.extend_from_slice(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_marked() {
        assert_eq!(marked("[pod/a/b] ", b"x\ny"), b"[pod/a/b] x\n[pod/a/b] y");
        assert_eq!(marked("", b"x\n"), b"x\n");
    }
}
