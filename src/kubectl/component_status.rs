//! `kubectl get componentstatuses`: what the apiserver of a kubeadm cluster finds when it asks the components beside it
//! (`pkg/registry/core/componentstatus`). Here it is seen by their pods.

use serde_json::{Value, json};

use super::{
    Args, Ctx, Failure, Outcome,
    printers::{self, Format, Layout},
};
use crate::api::{
    Error, Kind, Pod,
    client::{self, ListOptions},
};

const COMPONENTS: [(&str, &str, u16); 2] =
    [("scheduler", "kube-scheduler", 10259), ("controller-manager", "kube-controller-manager", 10257)];

/// Whether the words of `get` ask for this.
pub fn is_meant(words: &[String]) -> bool {
    let kind = words.first().map_or("", |word| word.split('/').next().unwrap_or_default());
    matches!(kind.to_ascii_lowercase().as_str(), "componentstatuses" | "componentstatus" | "cs")
}

pub async fn get(cx: &Ctx, args: &Args, format: &Format) -> Outcome {
    let mut statuses = Vec::new();
    for (name, component, port) in COMPONENTS {
        let options = ListOptions { label_selector: format!("component={component}"), ..ListOptions::default() };
        let pods = client::list::<Pod>(&*cx.client, "kube-system", options).await?;
        let ready = |pod: &Pod| {
            let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
            conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
        };
        let answer = match pods.iter().any(|pod| ready(pod)) {
            true => Ok("ok".to_string()),
            false => Err(format!(
                "Get \"https://127.0.0.1:{port}/healthz\": dial tcp 127.0.0.1:{port}: connect: connection refused"
            )),
        };
        statuses.push((name, answer));
    }
    // It was asked just now for what was listed.
    statuses.push(("etcd-0", Ok("ok".into())));
    cx.err("Warning: v1 ComponentStatus is deprecated in v1.19+\n").await;
    let mut words = args.args.iter();
    let first = words.next().and_then(|word| word.split_once('/')).map(|(_, name)| name.to_string());
    let named: Vec<String> =
        first.into_iter().chain(words.map(|word| word.rsplit('/').next().unwrap_or_default().to_string())).collect();
    if let Some(missing) = named.iter().find(|name| !statuses.iter().any(|(known, _)| known == name)) {
        let mut error = Error::not_found(Kind::Pod, missing);
        error.message = format!("componentstatus {missing:?} not found");
        return Err(Failure::Server(error));
    }
    if !named.is_empty() {
        statuses.retain(|(name, _)| named.iter().any(|wanted| wanted == name));
    }
    let value = |(name, answer): &(&str, Result<String, String>)| {
        let (status, message) = match answer {
            Ok(message) => ("True", message),
            Err(message) => ("False", message),
        };
        json!({
            "apiVersion": "v1",
            "conditions": [{"message": message, "status": status, "type": "Healthy"}],
            "kind": "ComponentStatus",
            "metadata": {"name": name},
        })
    };
    let values: Vec<Value> = statuses.iter().map(value).collect();
    let rows = match format {
        Format::Table | Format::Wide => {
            let header = ["NAME", "STATUS", "MESSAGE", "ERROR"].map(String::from).to_vec();
            let row = |(name, answer): &(&str, Result<String, String>)| {
                let (status, message) = match answer {
                    Ok(message) => ("Healthy", message),
                    Err(message) => ("Unhealthy", message),
                };
                [name, status, message, ""].map(String::from).to_vec()
            };
            let header = (!args.on("no-headers")).then_some(header);
            header.into_iter().chain(statuses.iter().map(row)).collect()
        }
        Format::Name => {
            values.iter().map(|value| vec![format!("componentstatus/{}", text(&value["metadata"]["name"]))]).collect()
        }
        Format::Columns(columns) => {
            let header = columns.iter().map(|(header, _)| header.clone()).collect();
            let mut rows: Vec<Vec<String>> = if args.on("no-headers") { Vec::new() } else { vec![header] };
            for value in &values {
                rows.push(printers::cells(columns, value)?);
            }
            rows
        }
        _ => {
            let whole = if named.len() == 1 { values[0].clone() } else { printers::list(values) };
            cx.out(format.whole(&whole)?).await;
            return Ok(0);
        }
    };
    cx.out(Layout::default().print(&rows)).await;
    Ok(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
