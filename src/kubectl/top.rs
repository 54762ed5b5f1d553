//! `kubectl top`.

use std::{cmp::Reverse, time::Duration};

use k8s_openapi::api::core::v1::Node;

use super::{Args, Ctx, Failure, Outcome, fail, printers::Layout};
use crate::api::{
    Kind, Object, Pod,
    client::ListOptions,
    duration::go_duration,
    error::Reason,
    metrics::{MetricsOptions, NodeMetrics, PodMetrics, Usage},
    quantity,
};

/// A pod that has no metrics after this will have none.
const CREATION_DELAY: Duration = Duration::from_secs(120);

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let Some((what, words)) = args.args.split_first() else {
        if let Some(command) = super::commands::find("top") {
            cx.out(super::help::command(command)).await;
        }
        return Ok(0);
    };
    let pods = match what.as_str() {
        "pod" | "pods" | "po" => true,
        "node" | "nodes" | "no" => false,
        _ => {
            let message = format!("unknown command {:?}", args.args.join(" "));
            return Err(Failure::Usage { command: "top".into(), message });
        }
    };
    if words.len() > 1 {
        let (command, message) = match pods {
            true => ("top pod", "pod [NAME | -l label]"),
            false => ("top node", "node [NAME | -l label]"),
        };
        return Err(Failure::Usage { command: command.into(), message: message.into() });
    }
    if !matches!(args.get("sort-by").unwrap_or_default(), "" | "cpu" | "memory") {
        return fail("--sort-by accepts only cpu or memory");
    }
    let name = words.first().cloned();
    let given = |flag: &str| args.get(flag).is_some_and(|text| !text.is_empty());
    if name.is_some() && (given("selector") || (pods && given("field-selector"))) {
        return fail(match pods {
            true => "only one of NAME or selector can be provided",
            false => "only one of NAME or --selector can be provided",
        });
    }
    if pods { top_pods(cx, args, name).await } else { top_nodes(cx, args, name).await }
}

/// No group metrics.k8s.io: nobody serves it.
fn unavailable<T>(result: Result<T, crate::api::Error>) -> Result<T, Failure> {
    result.map_err(|error| {
        match error.reason == Reason::NotFound && error.message.starts_with("the server could not") {
            true => Failure::Message("Metrics API not available".into()),
            false => error.into(),
        }
    })
}

/// A table whose last column is padded as well.
fn table(rows: Vec<Vec<String>>) -> String {
    let with_end = |mut row: Vec<String>| {
        row.push(String::new());
        row
    };
    Layout::default().print(&rows.into_iter().map(with_end).collect::<Vec<_>>())
}

fn cells(usage: Usage) -> [String; 2] {
    [format!("{}m", usage.cpu_millis()), format!("{}Mi", usage.memory >> 20)]
}

/// Orders as `--sort-by` says: the greatest first.
fn by_usage(args: &Args, usage: Usage) -> Reverse<u64> {
    Reverse(match args.get("sort-by") {
        Some("cpu") => usage.cpu_millis(),
        Some("memory") => usage.memory,
        _ => 0,
    })
}

async fn top_pods(cx: &Ctx, args: &Args, name: Option<String>) -> Outcome {
    let everywhere = args.on("all-namespaces") && name.is_none();
    let namespace = if everywhere { "" } else { cx.namespace.as_str() };
    let label_selector = args.get("selector").unwrap_or_default().to_string();
    let options = MetricsOptions { name: name.clone(), label_selector: label_selector.clone() };
    let mut metrics = unavailable(cx.client.pod_metrics(namespace, options).await)?;
    let field_selector = args.get("field-selector").unwrap_or_default().to_string();
    if !metrics.is_empty() && !field_selector.is_empty() {
        let options = ListOptions { label_selector: label_selector.clone(), field_selector, ..ListOptions::default() };
        let chosen = cx.client.list(Kind::Pod, namespace, options).await?.items;
        let is = |of: &PodMetrics| chosen.iter().any(|pod| pod.namespace() == of.namespace && pod.name() == of.name);
        metrics.retain(is);
    } else if metrics.is_empty() {
        let options = ListOptions { label_selector, field_selector, ..ListOptions::default() };
        explain(cx, namespace, options).await?;
        match everywhere {
            true => cx.err("No resources found\n").await,
            false => cx.err(format!("No resources found in {namespace} namespace.\n")).await,
        }
    }
    if !metrics.is_empty() {
        cx.out(pod_table(args, metrics, everywhere)).await;
    }
    Ok(0)
}

/// Why there are no metrics, if there are pods.
async fn explain(cx: &Ctx, namespace: &str, options: ListOptions) -> Result<(), Failure> {
    let pods = cx.client.list(Kind::Pod, namespace, options).await?.items;
    for object in &pods {
        let created = object.as_::<Pod>().and_then(|pod| pod.metadata.creation_timestamp.as_ref());
        let age = created.map_or_else(Default::default, |created| cx.now().duration_since(created.0));
        if Duration::try_from(age).is_ok_and(|age| age > CREATION_DELAY) {
            let age = go_duration(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX));
            return fail(format!("Metrics not available for pod {}/{}, age: {age}", object.namespace(), object.name()));
        }
    }
    if pods.is_empty() { Ok(()) } else { fail("metrics not available yet") }
}

fn pod_table(args: &Args, mut metrics: Vec<PodMetrics>, everywhere: bool) -> String {
    let by_name = |of: &PodMetrics| (if everywhere { of.namespace.clone() } else { String::new() }, of.name.clone());
    metrics.sort_by_cached_key(|of| (by_usage(args, of.total()), by_name(of)));
    let containers = args.on("containers");
    let mut rows = Vec::new();
    let front = |namespace: &str, pod: &str| {
        let mut row: Vec<String> = Vec::new();
        row.extend(everywhere.then(|| namespace.to_string()));
        row.extend(containers.then(|| pod.to_string()));
        row
    };
    if !args.on("no-headers") {
        let mut row = front("NAMESPACE", "POD");
        row.extend(["NAME", "CPU(cores)", "MEMORY(bytes)"].map(String::from));
        rows.push(row);
    }
    let mut sum = Usage::default();
    for mut of in metrics {
        sum = sum + of.total();
        of.containers.sort_by_cached_key(|(name, usage)| (by_usage(args, *usage), name.clone()));
        let lines = match containers {
            true => of.containers.clone(),
            false => vec![(of.name.clone(), of.total())],
        };
        for (name, usage) in lines {
            let mut row = front(&of.namespace, &of.name);
            row.push(name);
            row.extend(cells(usage));
            rows.push(row);
        }
    }
    if args.on("sum") {
        let blanks = 1 + usize::from(everywhere) + usize::from(containers);
        let under = |cells: [String; 2]| vec![String::new(); blanks].into_iter().chain(cells).collect();
        rows.push(under(["________".into(), "________".into()]));
        rows.push(under(cells(sum)));
    }
    table(rows)
}

async fn top_nodes(cx: &Ctx, args: &Args, name: Option<String>) -> Outcome {
    let label_selector = args.get("selector").unwrap_or_default().to_string();
    let options = MetricsOptions { name: name.clone(), label_selector: label_selector.clone() };
    let mut metrics = unavailable(cx.client.node_metrics(options).await)?;
    if metrics.is_empty() {
        return fail("metrics not available yet");
    }
    let nodes: Vec<Object> = match &name {
        Some(name) => vec![cx.client.get(Kind::Node, "", name).await?],
        None => {
            let options = ListOptions { label_selector, ..ListOptions::default() };
            cx.client.list(Kind::Node, "", options).await?.items
        }
    };
    metrics.sort_by_cached_key(|of| (by_usage(args, of.usage), of.name.clone()));
    let mut rows = Vec::new();
    if !args.on("no-headers") {
        rows.push(["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"].map(String::from).to_vec());
    }
    for of in &metrics {
        let node = nodes.iter().find(|node| node.name() == of.name).and_then(Object::as_::<Node>).map(|node| &**node);
        rows.push(node_row(of, node, args.on("show-capacity")));
    }
    let unknown = nodes.iter().filter(|node| metrics.iter().all(|of| of.name != node.name()));
    rows.extend(unknown.map(|node| {
        let mut row = vec![node.name().to_string()];
        row.resize(5, "<unknown>".into());
        row
    }));
    cx.out(table(rows)).await;
    Ok(0)
}

fn node_row(of: &NodeMetrics, node: Option<&Node>, capacity: bool) -> Vec<String> {
    let status = node.and_then(|node| node.status.as_ref());
    let available = status.and_then(|s| if capacity { s.capacity.as_ref() } else { s.allocatable.as_ref() });
    let percent = |resource: &str, used_milli: f64| {
        let all = available.and_then(|list| list.get(resource)).map(|all| quantity::amount(all).as_f64() * 1000.0)?;
        Some(format!("{}%", if all > 0.0 { (used_milli / all * 100.0) as u64 } else { 0 }))
    };
    let [cpu, memory] = cells(of.usage);
    let mut row = vec![of.name.clone(), cpu];
    row.extend(percent("cpu", of.usage.cpu_millis() as f64));
    row.push(memory);
    row.extend(percent("memory", of.usage.memory as f64 * 1000.0));
    row
}
