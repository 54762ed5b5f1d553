//! `kubectl describe`: an object, what belongs to it and its events, as text for people.

mod events;
mod generic;
mod node;
mod pod;

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::{Args, Ctx, Failure, Outcome, target};
use crate::api::{Kind, Object};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let words = &args.args;
    let mut objects = Vec::new();
    let mut failures = Vec::new();
    let named = target::named(cx, words)?;
    if !named.is_empty() {
        for target in named {
            match cx.client.get(target.kind, &target.namespace, &target.name).await {
                Ok(object) => objects.push(object),
                Err(error) if error.is_not_found() => {
                    // A name that is none may be the beginning of some.
                    let all = target::list(cx, target.kind, "", "").await?;
                    let before = objects.len();
                    objects.extend(all.into_iter().filter(|o| o.name().starts_with(&target.name)));
                    if objects.len() == before {
                        failures.push(Failure::Server(error));
                    }
                }
                Err(error) => failures.push(Failure::Server(error)),
            }
        }
    } else if let Some(resources) = words.first() {
        let selector = args.get("selector").unwrap_or_default();
        for resource in resources.split(',') {
            objects.extend(target::list(cx, target::kind(resource)?, selector, "").await?);
        }
        if objects.is_empty() {
            let place = match cx.all_namespaces {
                true => "No resources found\n".to_string(),
                false => format!("No resources found in {} namespace.\n", cx.namespace),
            };
            cx.err(place).await;
        }
    } else {
        objects = target::objects(cx, args, words).await?;
    }
    let show_events = args.get("show-events") != Some("false");
    for (i, object) in objects.iter().enumerate() {
        if i > 0 {
            cx.out("\n\n").await;
        }
        let text = describe(cx, object, show_events).await?;
        cx.out(text).await;
    }
    target::finish(cx, failures).await
}

async fn describe(cx: &Ctx, object: &Object, show_events: bool) -> Result<String, Failure> {
    let mut out = String::new();
    match object {
        Object::Pod(pod) => pod::describe(&mut out, pod, cx.now()),
        Object::Node(node) => node::describe(cx, &mut out, node).await?,
        other => generic::describe(&mut out, other),
    }
    if show_events && object.kind() != Kind::Event {
        events::describe(cx, &mut out, object).await?;
    }
    Ok(align(&out))
}

/// Go's tabwriter without a least width and two blanks of padding: a column is a run of consecutive
/// lines that have a cell there.
fn align(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = vec![Vec::new(); lines.len()];
    block(&lines, &mut widths, 0, lines.len(), 0);
    let mut out = String::with_capacity(text.len() * 2);
    for (cells, widths) in lines.iter().zip(&widths) {
        for (i, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            let pad = widths.get(i).map_or(0, |w| w.saturating_sub(cell.chars().count()));
            out.extend(std::iter::repeat_n(' ', pad));
        }
        out.push('\n');
    }
    out
}

fn block(lines: &[Vec<&str>], widths: &mut [Vec<usize>], from: usize, to: usize, column: usize) {
    let mut at = from;
    while at < to {
        let start = at;
        let mut width = 0;
        while at < to && column + 1 < lines[at].len() {
            // A column of empty cells only takes no room.
            let cell = lines[at][column].chars().count();
            width = width.max(if cell == 0 { 0 } else { cell + 2 });
            at += 1;
        }
        if at == start {
            at += 1;
            continue;
        }
        for line in &mut widths[start..at] {
            line.push(width);
        }
        block(lines, widths, start, at, column + 1);
    }
}

/// `Labels:` with one pair a line.
fn labels(out: &mut String, title: &str, map: Option<&BTreeMap<String, String>>) {
    out.push_str(title);
    let mut first = true;
    for (key, value) in map.into_iter().flatten() {
        out.push_str(&format!("\t{key}={value}\n"));
        first = false;
    }
    if first {
        out.push_str("\t<none>\n");
    }
}

fn annotations(out: &mut String, map: Option<&BTreeMap<String, String>>) {
    out.push_str("Annotations:");
    let mut first = true;
    for (key, value) in map.into_iter().flatten().filter(|(key, _)| *key != LAST_APPLIED) {
        let value = value.trim_end_matches('\n');
        if key.len() + value.len() + 2 > 140 || value.contains('\n') {
            out.push_str(&format!("\t{key}:\n"));
            for line in value.split('\n') {
                let cut: String = line.chars().take(138).collect();
                let more = if cut.len() < line.len() { "..." } else { "" };
                out.push_str(&format!("\t  {cut}{more}\n"));
            }
        } else {
            out.push_str(&format!("\t{key}: {value}\n"));
        }
        first = false;
    }
    if first {
        out.push_str("\t<none>\n");
    }
}

/// `Mon, 23 Nov 2026 07:50:03 +0000`
fn time(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// AGE of something that began then.
fn age(from: Timestamp, now: Timestamp) -> String {
    crate::api::duration::human_duration(now.as_second() - from.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_alone_in_each_run() {
        let text = "Name:\tweb\nNamespace:\tdefault\nIPs:\n  IP:\t1.2.3.4\n";
        assert_eq!(align(text), "Name:       web\nNamespace:  default\nIPs:\n  IP:  1.2.3.4\n");
    }
}
