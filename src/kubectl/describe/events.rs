//! The `Events:` block.

use k8s_openapi::{api::core::v1::Event, jiff::Timestamp};

use super::age;
use crate::{
    api::{Kind, Object, client::ListOptions},
    apiserver::table::event_source,
    kubectl::{Ctx, Failure},
};

/// First and last time, and how often.
fn span(event: &Event) -> (Option<Timestamp>, Option<Timestamp>, i32) {
    let single = event.event_time.as_ref().map(|t| t.0);
    let first = single.or(event.first_timestamp.as_ref().map(|t| t.0));
    if let Some(series) = &event.series {
        return (first, series.last_observed_time.as_ref().map(|t| t.0), series.count.unwrap_or(0));
    }
    (first, event.last_timestamp.as_ref().map(|t| t.0).or(single), event.count.unwrap_or(1))
}

pub async fn describe(cx: &Ctx, out: &mut String, object: &Object) -> Result<(), Failure> {
    let namespace = object.namespace();
    let mut selector = format!("involvedObject.name={},involvedObject.kind={}", object.name(), object.kind());
    if object.kind() != Kind::Node {
        // What happens to a static pod is told of the uid that its node gave it.
        let mirrored = object.meta().annotations.as_ref().and_then(|all| all.get("kubernetes.io/config.mirror"));
        let uid = mirrored.map_or(object.uid(), String::as_str);
        selector.push_str(&format!(",involvedObject.uid={uid}"));
    }
    let options = ListOptions { field_selector: selector, ..ListOptions::default() };
    let list = cx.client.list(Kind::Event, namespace, options).await?;
    let mut events: Vec<_> = list.items.iter().filter_map(|o| o.as_::<Event>()).collect();
    // By the second in which they last came; what has only an eventTime comes first (`util/event.SortableEvents`).
    events.sort_by_key(|event| event.last_timestamp.as_ref().map(|at| at.0.as_second()));
    block(out, &events, cx.now());
    Ok(())
}

pub fn block(out: &mut String, events: &[&std::rc::Rc<Event>], now: Timestamp) {
    if events.is_empty() {
        out.push_str("Events:\t<none>\n");
        return;
    }
    out.push_str("Events:\n  Type\tReason\tAge\tFrom\tMessage\n  ----\t------\t----\t----\t-------\n");
    for event in events {
        let (first, last, count) = span(event);
        let shown = |at: Option<Timestamp>| at.map_or("<unknown>".into(), |at| age(at, now));
        let when = if count > 1 { format!("{} (x{count} over {})", shown(last), shown(first)) } else { shown(first) };
        let field = event.involved_object.field_path.as_deref().unwrap_or_default();
        let field = if field.is_empty() { String::new() } else { format!("{field}: ") };
        out.push_str(&format!(
            "  {}\t{}\t{when}\t{}\t{field}{}\n",
            event.type_.as_deref().unwrap_or_default(),
            event.reason.as_deref().unwrap_or_default(),
            from(event),
            event.message.as_deref().unwrap_or_default().trim(),
        ));
    }
}

fn from(event: &Event) -> String {
    let component = event.source.as_ref().and_then(|s| s.component.clone()).unwrap_or_default();
    if component.is_empty() {
        let reporter = event.reporting_component.clone().unwrap_or_default();
        return if reporter.is_empty() { event_source(event) } else { reporter };
    }
    component
}
