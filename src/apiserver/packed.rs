//! Events in little memory.
//!
//! A pod has a handful of events that are kept for an hour and that hardly anyone reads. As a struct, each lies in
//! memory as a kilobyte of mostly empty fields and twenty short texts beside it; packed, it is one run of some 150 bytes.
//!
//! The form: the texts in the order of [`texts`], each a byte that says how it is written ([`NONE`] and so on) and what that
//! needs; then the times and numbers. An event with something else in it stays as it is.

use std::rc::Rc;

use k8s_openapi::{
    api::core::v1::{Event, EventSeries, EventSource},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time},
    jiff::Timestamp,
};

/// How a text is written: nothing; length and bytes; the 16 bytes of a uid; the involved object's name, a dot and a number
/// in hexadecimal digits, as events are named; a number in decimal digits; a text before, counted from `SAME`; a text of
/// [`USUAL`], counted from `SAID`.
const NONE: u8 = 0;
const TEXT: u8 = 1;
const UID: u8 = 2;
const NAMED: u8 = 3;
const DECIMAL: u8 = 4;
const SAME: u8 = 5;
const SAID: u8 = 30;

/// What events of pods often say.
const USUAL: [&str; 16] = [
    "",
    "default",
    "v1",
    "Pod",
    "Normal",
    "Warning",
    "kubelet",
    "default-scheduler",
    "Binding",
    "Scheduled",
    "Pulling",
    "Pulled",
    "Created",
    "Started",
    "Killing",
    "BackOff",
];

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
            $($by)+ $event.involved_object.name,
            $($by)+ $event.metadata.name,
            $($by)+ $event.metadata.namespace,
            $($by)+ $event.metadata.uid,
            $($by)+ $event.metadata.resource_version,
            $($by)+ $event.involved_object.api_version,
            $($by)+ $event.involved_object.kind,
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
    // Lengths first: they tell most texts apart.
    let mut lengths = texts.map(|_| usize::MAX);
    let mut out = Vec::with_capacity(512);
    for (n, field) in texts.iter().enumerate() {
        match field {
            None => out.push(NONE),
            Some(text) => match (0..n).find(|before| lengths[*before] == text.len() && texts[*before] == *field) {
                Some(same) => out.push(SAME + same as u8),
                None => {
                    lengths[n] = text.len();
                    write_text(text, texts[0].as_deref(), &mut out)?;
                }
            },
        }
    }
    let nanos = |at: Timestamp| i64::try_from(at.as_nanosecond()).ok();
    let observed = series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let dates = [creation_timestamp, first_timestamp, last_timestamp].map(|time| time.as_ref().map(|time| time.0));
    let instants = [event_time.as_ref(), observed].map(|time| time.map(|time| time.0));
    let mut last = None;
    for time in dates.into_iter().chain(instants) {
        let time = time.map_or(Some(None), |time| nanos(time).map(Some))?;
        match time {
            None => out.push(NONE),
            Some(_) if time == last => out.push(SAME),
            Some(nanos) => {
                out.push(TEXT);
                out.extend(nanos.to_le_bytes());
                last = time;
            }
        }
    }
    let mut number = |value: Option<i32>| match value {
        None => out.push(NONE),
        Some(value) => match u8::try_from(value).ok().and_then(|small| small.checked_add(SAME)) {
            Some(small) => out.push(small),
            None => {
                out.push(TEXT);
                out.extend(value.to_le_bytes());
            }
        },
    };
    number(*count);
    number(series.as_ref().and_then(|series| series.count));
    out.push(u8::from(source.is_some()));
    out.push(u8::from(series.is_some()));
    Some(out.into())
}

fn unpack(bytes: &[u8]) -> Event {
    let mut rest = bytes;
    let mut event = Event::default();
    let mut source = EventSource::default();
    let mut read: Vec<Option<String>> = Vec::with_capacity(texts!(event, source, &).len());
    for _ in texts!(event, source, &) {
        let text = match take::<1>(&mut rest)[0] {
            NONE => None,
            TEXT => {
                let length = usize::try_from(take_number(&mut rest)).unwrap_or(usize::MAX);
                let (text, after) = rest.split_at_checked(length).unwrap_or_default();
                rest = after;
                Some(String::from_utf8_lossy(text).into_owned())
            }
            UID => Some(uid_text(take(&mut rest))),
            NAMED => {
                let about = read.first().and_then(Option::as_deref).unwrap_or_default();
                Some(format!("{about}.{:x}", take_number(&mut rest)))
            }
            DECIMAL => Some(take_number(&mut rest).to_string()),
            said @ SAID.. => USUAL.get(usize::from(said - SAID)).map(|text| text.to_string()),
            same => read.get(usize::from(same - SAME)).cloned().flatten(),
        };
        read.push(text);
    }
    for (field, text) in texts!(event, source, &mut).into_iter().zip(read) {
        *field = text;
    }
    let mut last = 0;
    let mut time = || {
        match take::<1>(&mut rest)[0] {
            NONE => return None,
            TEXT => last = i64::from_le_bytes(take(&mut rest)),
            _ => {}
        }
        Some(Timestamp::from_nanosecond(i128::from(last)).unwrap_or_default())
    };
    event.metadata.creation_timestamp = time().map(Time);
    event.first_timestamp = time().map(Time);
    event.last_timestamp = time().map(Time);
    event.event_time = time().map(MicroTime);
    let last_observed_time = time().map(MicroTime);
    let mut number = || match take::<1>(&mut rest)[0] {
        NONE => None,
        TEXT => Some(i32::from_le_bytes(take(&mut rest))),
        small => Some(i32::from(small.saturating_sub(SAME))),
    };
    event.count = number();
    let count = number();
    let [sourced, in_series] = take(&mut rest);
    event.source = (sourced == 1).then_some(source);
    event.series = (in_series == 1).then_some(EventSeries { count, last_observed_time });
    event
}

/// Writes a text that isn't one of those before it. `about` is the involved object's name. `None` if it is too long.
fn write_text(text: &str, about: Option<&str>, out: &mut Vec<u8>) -> Option<()> {
    if let Some(usual) = USUAL.iter().position(|usual| *usual == text) {
        out.push(SAID + usual as u8);
        return Some(());
    }
    if let Some(uid) = uid_bytes(text) {
        out.push(UID);
        out.extend(uid);
        return Some(());
    }
    let digits = |text: &str, radix| {
        let plain = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
        u64::from_str_radix(text, radix).ok().filter(|_| plain)
    };
    let suffix = about.and_then(|about| text.strip_prefix(about)?.strip_prefix('.'));
    if let Some(number) = suffix.and_then(|suffix| digits(suffix, 16)) {
        out.push(NAMED);
        write_number(number, out);
    } else if let Some(number) = digits(text, 10) {
        out.push(DECIMAL);
        write_number(number, out);
    } else {
        out.push(TEXT);
        write_number(u64::from(u32::try_from(text.len()).ok()?), out);
        out.extend(text.as_bytes());
    }
    Some(())
}

/// Seven bits a byte, the least first; all but the last have the eighth.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_number(rest: &mut &[u8]) -> u64 {
    let mut number = 0;
    for place in 0..10 {
        let byte = take::<1>(rest)[0];
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            break;
        }
    }
    number
}

const UID_DASHES: [usize; 4] = [8, 13, 18, 23];

/// Of a uid in small letters.
fn uid_bytes(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut digits = text.iter().enumerate().filter(|(at, _)| !UID_DASHES.contains(at)).map(|(_, digit)| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    });
    if UID_DASHES.iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(bytes)
}

fn uid_text(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for byte in bytes {
        if UID_DASHES.contains(&text.len()) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or_default());
        }
    }
    text
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
        let named = |name: &str, uid: &str, version: &str| {
            let mut event = plain.clone();
            event.metadata.name = text(name);
            event.metadata.uid = text(uid);
            event.metadata.resource_version = text(version);
            event.count = Some(250);
            event.involved_object.uid = text("0f8fad5b-d9cb-469f-a165-70867728950e");
            event
        };
        let written = [
            named("web.18a3f00d", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "18446744073709551615"),
            named("web.018a", "7C9E6679-7425-40de-944b-e07fc1f90ae7", "007"),
            named("web.", "7c9e6679-7425-40de-944b-e07fc1f90ae", "0"),
            named("web.+1", "7c9e667937425-40de-944b-e07fc1f90ae7", "+5"),
            named("web.8A", "é", "99999999999999999999"),
        ];
        for event in [Event::default(), plain.clone(), counted, series].into_iter().chain(written) {
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
