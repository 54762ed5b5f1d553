//! A pod's spec as the apiserver holds it inside: Go's field names and order, zeros and nulls written out.
//!
//! Refusals of changes show such texts. The types are data (`schema/internal.txt`, written by `tools/schema.py`): a line
//! `@ TYPE`, then `GONAME JSONNAME TYPE` for each field; `^` before a JSON name takes it from the parent, `-` means that the
//! API's JSON has it under another name (old storage systems; shown as unset).

use std::{collections::BTreeMap, sync::OnceLock};

use serde_json::Value;

use super::{field::Shown, pod::PodSpec};

struct Field {
    go: &'static str,
    json: &'static str,
    kind: &'static str,
}

fn types() -> &'static BTreeMap<&'static str, Vec<Field>> {
    static TYPES: OnceLock<BTreeMap<&'static str, Vec<Field>>> = OnceLock::new();
    TYPES.get_or_init(|| {
        let mut types: BTreeMap<&'static str, Vec<Field>> = BTreeMap::new();
        let mut current = "";
        for line in include_str!("schema/internal.txt").lines() {
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next()) {
                (Some("@"), Some(name), _) => {
                    current = name;
                    types.entry(name).or_default();
                }
                (Some(go), Some(json), Some(kind)) => types.entry(current).or_default().push(Field { go, json, kind }),
                _ => {}
            }
        }
        types
    })
}

/// Writes a value; `indent` is the depth, `None` for one line.
fn write(out: &mut String, kind: &str, value: Option<&Value>, parent: Option<&Value>, indent: Option<usize>) {
    let value = value.filter(|value| !value.is_null());
    let deeper = indent.map(|depth| depth + 1);
    if let Some(inner) = kind.strip_prefix('*') {
        return match value {
            None => out.push_str("null"),
            Some(value) => write(out, inner, Some(value), parent, indent),
        };
    }
    if let Some(inner) = kind.strip_prefix("[]") {
        let Some(items) = value.and_then(Value::as_array) else { return out.push_str("null") };
        let parts = items.iter().map(|item| {
            let mut part = String::new();
            write(&mut part, inner, Some(item), None, deeper);
            part
        });
        return bracketed(out, '[', parts.collect(), ']', indent);
    }
    if let Some(inner) = kind.strip_prefix("map:") {
        let Some(map) = value.and_then(Value::as_object) else { return out.push_str("null") };
        let parts = map.iter().map(|(key, value)| {
            let mut part = named(key, indent);
            write(&mut part, inner, Some(value), None, deeper);
            part
        });
        return bracketed(out, '{', parts.collect(), '}', indent);
    }
    if let Some(fields) = types().get(kind) {
        let parts = fields.iter().map(|field| {
            let mut part = named(field.go, indent);
            let found = match field.json.strip_prefix('^') {
                Some(json) => parent.and_then(|parent| parent.get(json)),
                None => value.and_then(|value| value.get(field.json)),
            };
            write(&mut part, field.kind, found, value, deeper);
            part
        });
        return bracketed(out, '{', parts.collect(), '}', indent);
    }
    match (kind, value) {
        ("json", Some(value)) => json(out, value, indent),
        (_, Some(value)) => out.push_str(&value.to_string()),
        ("string", None) => out.push_str("\"\""),
        ("int" | "intorstring", None) => out.push('0'),
        ("quantity", None) => out.push_str("\"0\""),
        ("bool", None) => out.push_str("false"),
        (_, None) => out.push_str("null"),
    }
}

fn json(out: &mut String, value: &Value, indent: Option<usize>) {
    let deeper = indent.map(|depth| depth + 1);
    match value {
        Value::Object(map) => {
            let parts = map.iter().map(|(key, value)| {
                let mut part = named(key, indent);
                json(&mut part, value, deeper);
                part
            });
            bracketed(out, '{', parts.collect(), '}', indent);
        }
        Value::Array(items) => {
            let parts = items.iter().map(|item| {
                let mut part = String::new();
                json(&mut part, item, deeper);
                part
            });
            bracketed(out, '[', parts.collect(), ']', indent);
        }
        other => out.push_str(&other.to_string()),
    }
}

fn named(name: &str, indent: Option<usize>) -> String {
    format!("{}:{}", Value::from(name), if indent.is_some() { " " } else { "" })
}

fn bracketed(out: &mut String, open: char, parts: Vec<String>, close: char, indent: Option<usize>) {
    out.push(open);
    if let (Some(depth), false) = (indent, parts.is_empty()) {
        let blank = " ".repeat(depth + 1);
        let lines: Vec<String> = parts.iter().map(|part| format!("\n{blank}{part}")).collect();
        out.push_str(&lines.join(","));
        out.push('\n');
        out.push_str(&" ".repeat(depth));
    } else {
        out.push_str(&parts.join(","));
    }
    out.push(close);
}

/// A value of an internal type in one line, for a fault that shows it.
pub struct Text(String);

impl Shown for Text {
    fn shown(&self) -> String {
        self.0.clone()
    }
}

/// `kind`: a type of the table, or `[]` and one.
pub fn shown(kind: &str, value: &Value) -> Text {
    let mut out = String::new();
    write(&mut out, kind, Some(value), None, None);
    Text(out)
}

/// The unified diff of two specs: three lines around each change, no file header.
pub fn diff(old: &PodSpec, new: &PodSpec) -> String {
    let value = |spec| serde_json::to_value(spec).unwrap_or_default();
    diff_of("PodSpec", &value(old), &value(new))
}

/// The same for two values of another type.
pub fn diff_of(kind: &str, old: &Value, new: &Value) -> String {
    let pretty = |value| {
        let mut out = String::new();
        write(&mut out, kind, Some(value), None, Some(0));
        out
    };
    let (old, new) = (pretty(old), pretty(new));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    unified(&old, &new)
}

/// One line of a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Same,
    Gone,
    Added,
}

/// The longest common subsequence of lines, or all replaced if that were too much work.
fn compare(old: &[&str], new: &[&str]) -> Vec<Line> {
    const MOST: usize = 4_000_000;
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[head..], &new[head..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[..old.len() - tail], &new[..new.len() - tail]);
    let mut lines = vec![Line::Same; head];
    if old.len() * new.len() > MOST {
        lines.extend(std::iter::repeat_n(Line::Gone, old.len()));
        lines.extend(std::iter::repeat_n(Line::Added, new.len()));
    } else {
        let width = new.len() + 1;
        let mut best = vec![0u32; (old.len() + 1) * width];
        for i in (0..old.len()).rev() {
            for j in (0..new.len()).rev() {
                best[i * width + j] = if old[i] == new[j] {
                    best[(i + 1) * width + j + 1] + 1
                } else {
                    best[(i + 1) * width + j].max(best[i * width + j + 1])
                };
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < old.len() || j < new.len() {
            if i < old.len() && j < new.len() && old[i] == new[j] {
                lines.push(Line::Same);
                (i, j) = (i + 1, j + 1);
            } else if i < old.len() && (j == new.len() || best[(i + 1) * width + j] >= best[i * width + j + 1]) {
                lines.push(Line::Gone);
                i += 1;
            } else {
                lines.push(Line::Added);
                j += 1;
            }
        }
    }
    lines.extend(std::iter::repeat_n(Line::Same, tail));
    lines
}

fn unified(old: &[&str], new: &[&str]) -> String {
    const AROUND: usize = 3;
    let lines = compare(old, new);
    let changed: Vec<usize> = (0..lines.len()).filter(|index| lines[*index] != Line::Same).collect();
    let mut out = String::new();
    let mut next = 0;
    while next < changed.len() {
        let start = changed[next].saturating_sub(AROUND);
        let mut last = next;
        while changed.get(last + 1).is_some_and(|index| index - changed[last] <= 2 * AROUND + 1) {
            last += 1;
        }
        let end = (changed[last] + AROUND + 1).min(lines.len());
        let count = |range: &[Line], without: Line| range.iter().filter(|line| **line != without).count();
        let (before, inside) = (&lines[..start], &lines[start..end]);
        let (from, to) = (count(before, Line::Added), count(before, Line::Gone));
        let range = |start: usize, length: usize| match length {
            1 => format!("{}", start + 1),
            0 => format!("{start},0"),
            _ => format!("{},{length}", start + 1),
        };
        let (gone, added) = (count(inside, Line::Added), count(inside, Line::Gone));
        out.push_str(&format!("@@ -{} +{} @@\n", range(from, gone), range(to, added)));
        let (mut i, mut j) = (from, to);
        for line in inside {
            let (mark, text) = match line {
                Line::Same => (' ', old[i]),
                Line::Gone => ('-', old[i]),
                Line::Added => ('+', new[j]),
            };
            i += usize::from(*line != Line::Added);
            j += usize::from(*line != Line::Gone);
            out.push(mark);
            out.push_str(text);
            out.push('\n');
        }
        next = last + 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_changed_spec() {
        let spec = |policy: &str| -> PodSpec {
            let value = json!({"containers": [{"name": "app", "resources": {}}], "restartPolicy": policy, "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst"});
            serde_json::from_value(value).unwrap_or_default()
        };
        let expected = "@@ -35,7 +35,7 @@\n   }\n  ],\n  \"EphemeralContainers\": null,\n- \"RestartPolicy\": \"Always\",\n+ \"RestartPolicy\": \"Never\",\n  \"TerminationGracePeriodSeconds\": 30,\n  \"ActiveDeadlineSeconds\": null,\n  \"DNSPolicy\": \"ClusterFirst\",\n";
        assert_eq!(diff(&spec("Always"), &spec("Never")), expected);
        assert_eq!(diff(&spec("Always"), &spec("Always")), "");
        assert_eq!(unified(&["a"], &["b", "c"]), "@@ -1 +1,2 @@\n-a\n+b\n+c\n");
    }
}
