//! Events in little memory.
//!
//! A pod has a handful of events that are kept for an hour and that hardly anyone reads. As a struct, each lies in
//! memory as a kilobyte of mostly empty fields and twenty short texts beside it; packed, it is one run of some 250 bytes.
//!
//! The form: the texts in the order of [`texts`], each `0` if there is none, `1`, its length and its bytes, or `2 + n` for
//! the same as text `n`; then the times and numbers. An event with something else in it stays as it is.

use std::rc::Rc;

use k8s_openapi::{
    api::core::v1::{Event, EventSeries, EventSource},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time},
    jiff::Timestamp,
};

/// An event at rest. Cloning shares it.
#[derive(Clone)]
pub(super) enum PackedEvent {
    Bytes(Rc<[u8]>),
    Whole(Rc<Event>),
}

/// All texts of an event, which has a `$source`.
macro_rules! texts {
    ($event:ident, $source:ident, $($by:tt)+) => {
        [
            $($by)+ $event.metadata.name,
            $($by)+ $event.metadata.namespace,
            $($by)+ $event.metadata.uid,
            $($by)+ $event.metadata.resource_version,
            $($by)+ $event.involved_object.api_version,
            $($by)+ $event.involved_object.kind,
            $($by)+ $event.involved_object.name,
            $($by)+ $event.involved_object.namespace,
            $($by)+ $event.involved_object.uid,
            $($by)+ $event.involved_object.resource_version,
            $($by)+ $event.involved_object.field_path,
            $($by)+ $event.reason,
            $($by)+ $event.action,
            $($by)+ $event.message,
            $($by)+ $event.type_,
            $($by)+ $source.component,
            $($by)+ $source.host,
            $($by)+ $event.reporting_component,
            $($by)+ $event.reporting_instance,
        ]
    };
}

impl PackedEvent {
    pub fn new(event: &Event) -> PackedEvent {
        match pack(event) {
            Some(bytes) => PackedEvent::Bytes(bytes),
            None => PackedEvent::Whole(Rc::new(event.clone())),
        }
    }

    pub fn event(&self) -> Rc<Event> {
        match self {
            PackedEvent::Bytes(bytes) => Rc::new(unpack(bytes)),
            PackedEvent::Whole(event) => event.clone(),
        }
    }
}

/// `None` if the event has fields that components don't set.
fn pack(event: &Event) -> Option<Rc<[u8]>> {
    let ObjectMeta {
        annotations: None,
        creation_timestamp,
        deletion_grace_period_seconds: None,
        deletion_timestamp: None,
        finalizers: None,
        generate_name: None,
        generation: None,
        labels: None,
        managed_fields: None,
        name: _,
        namespace: _,
        owner_references: None,
        resource_version: _,
        self_link: None,
        uid: _,
    } = &event.metadata
    else {
        return None;
    };
    let Event {
        metadata: _,
        involved_object: _,
        action: _,
        message: _,
        reason: _,
        type_: _,
        reporting_component: _,
        reporting_instance: _,
        related: None,
        count,
        event_time,
        first_timestamp,
        last_timestamp,
        series,
        source,
    } = event
    else {
        return None;
    };
    let none = EventSource::default();
    let known = source.as_ref().unwrap_or(&none);
    let texts = texts!(event, known, &);
    let mut out = Vec::with_capacity(320);
    for (n, field) in texts.iter().enumerate() {
        match field {
            None => out.push(0),
            Some(text) => match texts[..n].iter().position(|before| before == field) {
                Some(same) => out.push(2 + same as u8),
                None => {
                    out.push(1);
                    out.extend(u32::try_from(text.len()).ok()?.to_le_bytes());
                    out.extend(text.as_bytes());
                }
            },
        }
    }
    let nanos = |at: Timestamp| i64::try_from(at.as_nanosecond()).ok();
    let mut number = |value: Option<i64>| {
        out.push(u8::from(value.is_some()));
        out.extend(value.into_iter().flat_map(i64::to_le_bytes));
    };
    for time in [creation_timestamp, first_timestamp, last_timestamp] {
        number(time.as_ref().map_or(Some(None), |time| nanos(time.0).map(Some))?);
    }
    let observed = series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    for time in [event_time.as_ref(), observed] {
        number(time.map_or(Some(None), |time| nanos(time.0).map(Some))?);
    }
    number(count.map(i64::from));
    number(series.as_ref().and_then(|series| series.count).map(i64::from));
    number(source.as_ref().map(|_| 1));
    number(series.as_ref().map(|_| 1));
    Some(out.into())
}

fn unpack(bytes: &[u8]) -> Event {
    let mut rest = bytes;
    let mut event = Event::default();
    let mut source = EventSource::default();
    let mut read: Vec<Option<String>> = Vec::new();
    for _ in texts!(event, source, &) {
        let text = match take::<1>(&mut rest)[0] {
            0 => None,
            1 => {
                let length = u32::from_le_bytes(take(&mut rest)) as usize;
                let (text, after) = rest.split_at_checked(length).unwrap_or_default();
                rest = after;
                Some(String::from_utf8_lossy(text).into_owned())
            }
            same => read.get(usize::from(same) - 2).cloned().flatten(),
        };
        read.push(text);
    }
    for (field, text) in texts!(event, source, &mut).into_iter().zip(read) {
        *field = text;
    }
    let mut number = || (take::<1>(&mut rest)[0] == 1).then(|| i64::from_le_bytes(take(&mut rest)));
    let instant = |nanos: i64| Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default();
    event.metadata.creation_timestamp = number().map(instant).map(Time);
    event.first_timestamp = number().map(instant).map(Time);
    event.last_timestamp = number().map(instant).map(Time);
    event.event_time = number().map(instant).map(MicroTime);
    let last_observed_time = number().map(instant).map(MicroTime);
    let small = |number: i64| i32::try_from(number).unwrap_or_default();
    event.count = number().map(small);
    let count = number().map(small);
    event.source = number().map(|_| source);
    event.series = number().map(|_| EventSeries { count, last_observed_time });
    event
}

/// The next bytes; zeros beyond the end.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let Some((bytes, after)) = rest.split_first_chunk::<N>() else { return [0; N] };
    *rest = after;
    *bytes
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ObjectReference;

    use super::*;

    #[test]
    fn events_come_back_as_they_were() {
        let text = |text: &str| Some(text.to_string());
        let at = |nanos| Timestamp::from_nanosecond(nanos).unwrap();
        let plain = Event {
            metadata: ObjectMeta { name: text("web.1"), namespace: text("default"), ..ObjectMeta::default() },
            involved_object: ObjectReference { name: text("web"), namespace: text("default"), ..Default::default() },
            message: text("Ünïcode, and \"quotes\""),
            reason: text(""),
            ..Event::default()
        };
        let counted = Event {
            source: Some(EventSource { component: text("kubelet"), host: text("node-1") }),
            reporting_component: text("kubelet"),
            reporting_instance: text("node-1"),
            first_timestamp: Some(Time(at(1_700_000_000_000_000_000))),
            last_timestamp: Some(Time(at(1_700_000_001_000_000_000))),
            count: Some(7),
            ..plain.clone()
        };
        let series = Event {
            source: Some(EventSource::default()),
            event_time: Some(MicroTime(at(1_700_000_000_123_456_000))),
            series: Some(EventSeries { count: Some(2), last_observed_time: Some(MicroTime(at(-5))) }),
            action: text("Binding"),
            ..plain.clone()
        };
        for event in [Event::default(), plain.clone(), counted, series] {
            let packed = PackedEvent::new(&event);
            assert!(matches!(packed, PackedEvent::Bytes(_)), "{event:?}");
            assert_eq!(*packed.event(), event);
        }
        let related = Event { related: Some(ObjectReference::default()), ..plain.clone() };
        let labels = Some([("a".to_string(), "b".to_string())].into());
        let labelled = Event { metadata: ObjectMeta { labels, ..plain.metadata.clone() }, ..plain };
        for event in [related, labelled] {
            let packed = PackedEvent::new(&event);
            assert!(matches!(packed, PackedEvent::Whole(_)), "{event:?}");
            assert_eq!(*packed.event(), event);
        }
    }
}
