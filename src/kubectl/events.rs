//! `kubectl events`: events sorted by their last time.

use std::rc::Rc;

use k8s_openapi::api::core::v1::Event;
use serde_json::Value;

use super::{
    Args, Ctx, Outcome, fail,
    printers::{self, Format, Layout},
    resource,
};
use crate::api::{Kind, Object, client::ListOptions, duration::human_duration};

/// When the event was last seen.
fn last(event: &Event) -> Option<jiff::Timestamp> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    series
        .or(event.last_timestamp.as_ref().map(|time| time.0))
        .or(event.event_time.as_ref().map(|time| time.0))
        .or(event.metadata.creation_timestamp.as_ref().map(|time| time.0))
}

/// `31s (x5 over 4m59s)`.
fn seen(event: &Event, now: jiff::Timestamp) -> String {
    let age = |at: Option<jiff::Timestamp>| {
        at.map_or("<unknown>".into(), |at| human_duration(now.duration_since(at).as_secs()))
    };
    let first = event.first_timestamp.as_ref().map(|time| time.0).or(event.event_time.as_ref().map(|time| time.0));
    let count = event.series.as_ref().and_then(|series| series.count).or(event.count).unwrap_or(1);
    if count > 1 { format!("{} (x{count} over {})", age(last(event)), age(first)) } else { age(last(event)) }
}

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let format = Format::read(cx, args.get("output")).await?;
    let mut fields = Vec::new();
    if let Some(of) = args.get("for") {
        let targets = resource::targets(&[of.to_string()])?;
        let [(kind, name)] = targets.named.as_slice() else {
            return fail("--for must be in resource/name form");
        };
        fields.push(format!("involvedObject.kind={}", kind.name()));
        fields.push(format!("involvedObject.name={name}"));
    }
    let options = ListOptions { field_selector: fields.join(","), ..ListOptions::default() };
    let list = cx.client.list(Kind::Event, resource::scope(cx, Kind::Event), options).await?;
    let types = args.list("types");
    let mut events: Vec<Rc<Event>> = list
        .items
        .into_iter()
        .filter_map(|object| match object {
            Object::Event(event) => Some(event),
            _ => None,
        })
        .filter(|event| {
            let kind = event.type_.as_deref().unwrap_or_default();
            types.is_empty() || types.iter().any(|wanted| wanted.eq_ignore_ascii_case(kind))
        })
        .collect();
    events.sort_by_key(|event| last(event));
    if events.is_empty() {
        let place = if cx.all_namespaces { ".".into() } else { format!(" in {} namespace.", cx.namespace) };
        cx.err(format!("No events found{place}\n")).await;
        return Ok(0);
    }
    if !format.is_table() {
        let mut lines = Vec::new();
        for event in &events {
            lines.extend(format.line(&Object::Event(event.clone()))?);
        }
        let values: Vec<Value> =
            events.iter().map(|event| printers::value(&Object::Event(event.clone()), false)).collect();
        cx.out(Layout::default().print(&lines)).await;
        cx.out(format.whole(&printers::list(values))?).await;
        return Ok(0);
    }
    let mut rows = Vec::new();
    if !args.on("no-headers") {
        let mut header = vec!["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"];
        if cx.all_namespaces {
            header.insert(0, "NAMESPACE");
        }
        rows.push(header.into_iter().map(String::from).collect());
    }
    let now = cx.now();
    for event in &events {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let object = &event.involved_object;
        let mut row = vec![
            seen(event, now),
            text(&event.type_),
            text(&event.reason),
            format!("{}/{}", text(&object.kind), text(&object.name)),
            text(&event.message).trim().to_string(),
        ];
        if cx.all_namespaces {
            row.insert(0, text(&event.metadata.namespace));
        }
        rows.push(row);
    }
    cx.out(Layout::default().print(&rows)).await;
    Ok(0)
}
