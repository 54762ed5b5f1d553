//! Texts with placeholders, for the servers that are made of files.

use crate::os::Proc;

/// `template` with its placeholders filled in, in one pass: what `own` knows, and `{hostname}`, `{address}`, `{pid}`,
/// `{time FORMAT}` (strftime, UTC) and `{env.NAME}`. Other braces, JSON's among them, stay as they are.
pub fn fill(proc: &Proc, template: &str, own: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let name = after.split(['{', '}', '"']).next().unwrap_or_default();
        let ended = after[name.len()..].starts_with('}');
        match ended.then(|| own(name).or_else(|| common(proc, name))).flatten() {
            Some(value) => {
                text.push_str(&value);
                rest = &after[name.len() + 1..];
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn common(proc: &Proc, name: &str) -> Option<String> {
    match name {
        "hostname" => Some(proc.hostname()),
        "address" => Some(proc.net().primary().map_or("127.0.0.1".into(), |ip| ip.to_string())),
        "pid" => Some(proc.pid().to_string()),
        _ => match name.split_once([' ', '.']) {
            Some(("env", variable)) => Some(proc.env(variable).unwrap_or_default()),
            // A format that jiff doesn't know stays as it is.
            Some(("time", format)) => {
                jiff::fmt::strtime::format(format, &proc.sim().wall().to_zoned(jiff::tz::TimeZone::UTC)).ok()
            }
            _ => None,
        },
    }
}
