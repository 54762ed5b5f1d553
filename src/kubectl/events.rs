//! `kubectl events`: events sorted by their last time.

use std::rc::Rc;

use k8s_openapi::api::core::v1::Event;
use serde_json::Value;

use super::{
    Args, Ctx, Failure, Outcome, fail,
    printers::{self, Format, Layout},
    resource,
};
use crate::api::{
    Kind, Object,
    client::{ListOptions, WatchEvent},
    duration::human_duration,
};

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
    let types = args.list("types");
    if types.iter().any(|wanted| !["normal", "warning"].contains(&wanted.to_ascii_lowercase().as_str())) {
        return fail("valid --types are Normal or Warning");
    }
    let mut fields = Vec::new();
    if let Some(of) = args.get("for") {
        if of.matches('/').count() > 1 {
            return fail("arguments in resource/name form may not have more than one slash");
        }
        let targets = resource::targets(&[of.to_string()])?;
        let [(kind, name)] = targets.named.as_slice() else {
            return fail("--for must be in resource/name form");
        };
        fields.push(format!("involvedObject.kind={}", kind.name()));
        fields.push(format!("involvedObject.name={name}"));
    }
    let options = ListOptions { field_selector: fields.join(","), ..ListOptions::default() };
    let wanted = |event: &Event| {
        let kind = event.type_.as_deref().unwrap_or_default();
        types.is_empty() || types.iter().any(|wanted| wanted.eq_ignore_ascii_case(kind))
    };
    let scope = resource::scope(cx, Kind::Event);
    let mut printer = Printer { cx, format, headers: !args.on("no-headers"), layout: Layout::default(), begun: false };
    if args.on("watch") {
        // What there is comes first, in no order.
        let mut events = cx.client.watch(Kind::Event, scope, options).await?;
        while let Some(news) = events.recv().await {
            match news {
                WatchEvent::Added(Object::Event(event)) | WatchEvent::Modified(Object::Event(event))
                    if wanted(&event) =>
                {
                    printer.one(event).await?;
                }
                WatchEvent::Error(error) => return Err(error.into()),
                _ => {}
            }
        }
        return Ok(0);
    }
    let list = cx.client.list(Kind::Event, scope, options).await?;
    let events = list.items.into_iter().filter_map(|object| match object {
        Object::Event(event) => Some(event),
        _ => None,
    });
    let mut events: Vec<Rc<Event>> = events.filter(|event| wanted(event)).collect();
    events.sort_by_key(|event| last(event));
    if events.is_empty() {
        let place = if cx.all_namespaces { ".".into() } else { format!(" in {} namespace.", cx.namespace) };
        cx.err(format!("No events found{place}\n")).await;
        return Ok(0);
    }
    printer.all(&events).await?;
    Ok(0)
}

struct Printer<'a> {
    cx: &'a Ctx,
    format: Format,
    headers: bool,
    layout: Layout,
    begun: bool,
}

impl Printer<'_> {
    async fn all(&mut self, events: &[Rc<Event>]) -> Result<(), Failure> {
        if self.format.is_table() {
            let text = self.table(events);
            self.cx.out(text).await;
            return Ok(());
        }
        let mut lines = Vec::new();
        for event in events {
            lines.extend(self.format.line(&Object::Event(event.clone()))?);
        }
        let values: Vec<Value> =
            events.iter().map(|event| printers::value(&Object::Event(event.clone()), false)).collect();
        self.cx.out(Layout::default().print(&lines)).await;
        self.cx.out(self.format.whole(&printers::list(values))?).await;
        Ok(())
    }

    /// The next event of a watch.
    async fn one(&mut self, event: Rc<Event>) -> Result<(), Failure> {
        let text = if self.format.is_table() {
            self.table(&[event])
        } else {
            let object = Object::Event(event);
            let again = std::mem::replace(&mut self.begun, true) && matches!(self.format, Format::Yaml);
            let text = match self.format.line(&object)? {
                Some(line) => self.layout.print(&[line]),
                None => self.format.whole(&printers::value(&object, false))?,
            };
            if again { format!("---\n{text}") } else { text }
        };
        self.cx.out(text).await;
        Ok(())
    }

    fn table(&mut self, events: &[Rc<Event>]) -> String {
        let cx = self.cx;
        let mut rows = Vec::new();
        if std::mem::replace(&mut self.headers, false) {
            let mut header = vec!["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"];
            if cx.all_namespaces {
                header.insert(0, "NAMESPACE");
            }
            rows.push(header.into_iter().map(String::from).collect());
        }
        let now = cx.now();
        for event in events {
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
        self.layout.print(&rows)
    }
}
