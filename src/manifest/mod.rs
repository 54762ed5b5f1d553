//! YAML and JSON text to values and back, by kubectl's rules.
//!
//! One front door: [`parse`] splits a file into documents as kubectl does (`---` lines, or a stream
//! of JSON objects when the text begins with `{`), reads each with a descendant of libyaml under YAML
//! 1.1's rules (as sigs.k8s.io/yaml over go-yaml v2 does) and keeps where in the text each part
//! stands. [`to_yaml`] prints as `kubectl -o yaml`.
//!
//! Invariants: nothing here panics or hangs on any input; a broken document gives a [`SyntaxError`] in
//! kubectl's words and does not hide the documents before and after it; size ([`MAX_BYTES`]), nesting
//! ([`MAX_DEPTH`]) and alias expansion are bounded.

mod compose;
mod json;
mod print;
mod scalar;
mod spans;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use print::to_yaml;
pub use spans::{Position, Span, Spans, position};

/// Longest text that is read: kubectl's own limit for one document of a stream.
pub const MAX_BYTES: usize = 5 * 1024 * 1024;
/// Deepest nesting. go-yaml stops at 10000; the stack of a browser tab asks for less.
pub const MAX_DEPTH: usize = 120;

/// One non-empty document of a file.
#[derive(Clone, Debug)]
pub struct Document {
    pub value: Value,
    /// Where each part of `value` stands in the whole text.
    pub spans: Spans,
    /// Line (from 0) of the whole text where the document's own line count starts.
    pub start_line: usize,
    /// Keys written twice in a mapping (the last one wins), with the place of the later one.
    pub duplicates: Vec<(String, Span)>,
}

/// Why a document can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// What kubectl prints after `error parsing FILE: `.
    pub message: String,
    /// Byte offsets in the whole text: where to mark it.
    pub span: Span,
}

/// What a file holds, in its order.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    pub items: Vec<Result<Document, SyntaxError>>,
}

impl Documents {
    /// The readable documents.
    pub fn docs(&self) -> impl Iterator<Item = &Document> {
        self.items.iter().filter_map(|item| item.as_ref().ok())
    }

    pub fn errors(&self) -> impl Iterator<Item = &SyntaxError> {
        self.items.iter().filter_map(|item| item.as_ref().err())
    }
}

/// Reads a file of YAML documents or JSON objects. Documents without content are left out.
pub fn parse(text: &str) -> Documents {
    if text.len() > MAX_BYTES {
        let message = format!("the text is too long: {} bytes, at most {MAX_BYTES} are read", text.len());
        return Documents { items: vec![Err(SyntaxError { message, span: Span { start: 0, end: 0 } })] };
    }
    let mut items = Vec::new();
    let mut rest = 0;
    if text.trim_start().starts_with('{') {
        let (objects, stopped) = json::stream(text);
        let count = objects.len();
        items.extend(objects.into_iter().map(Ok));
        match stopped {
            None => return Documents { items },
            // kubectl can't tell yet that it is JSON and tries YAML; if that fails too, JSON's error counts.
            Some((offset, error)) if count <= 1 => {
                let mut tail = Vec::new();
                yaml_stream(text, after_blank(text, offset), &mut tail);
                match tail.first() {
                    None | Some(Err(_)) => items.push(Err(error)),
                    Some(Ok(_)) => items.append(&mut tail),
                }
                return Documents { items };
            }
            Some((_, error)) => {
                items.push(Err(error));
                return Documents { items };
            }
        }
    }
    if text.starts_with('\u{feff}') {
        rest = '\u{feff}'.len_utf8();
    }
    yaml_stream(text, rest, &mut items);
    Documents { items }
}

/// YAML documents, even if the text begins like JSON.
pub fn parse_yaml(text: &str) -> Documents {
    if text.len() > MAX_BYTES {
        return parse(text);
    }
    let mut items = Vec::new();
    yaml_stream(text, 0, &mut items);
    Documents { items }
}

/// [`parse`] for a file's bytes, which may not be text at all.
pub fn parse_bytes(bytes: &[u8]) -> Documents {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text),
        Err(error) => {
            let at = error.valid_up_to();
            let problem = match (error.error_len(), bytes.get(at)) {
                (None, _) => "incomplete UTF-8 octet sequence",
                (_, Some(0x80..=0xBF | 0xF8..=0xFF)) => "invalid leading UTF-8 octet",
                _ => "invalid trailing UTF-8 octet",
            };
            let message = format!("error converting YAML to JSON: yaml: {problem}");
            Documents { items: vec![Err(SyntaxError { message, span: Span { start: at, end: at + 1 } })] }
        }
    }
}

/// The first place after white space from `offset`, but not beyond the first line break.
fn after_blank(text: &str, offset: usize) -> usize {
    let rest = &text[offset..];
    let blank = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
    offset + rest[..blank].find('\n').map_or(blank, |newline| newline + 1)
}

/// YAML documents between lines that begin with `---`.
fn yaml_stream(text: &str, from: usize, items: &mut Vec<Result<Document, SyntaxError>>) {
    let mut reader = compose::Reader::new();
    let mut start = from;
    let mut end = from;
    // Lines before `start` and before `end`.
    let mut start_line = text[..from].matches('\n').count();
    let mut lines = start_line;
    for line in text[from..].split_inclusive('\n') {
        let at = end;
        end += line.len();
        lines += 1;
        let Some(after) = line.strip_prefix("---") else { continue };
        let after = after.trim();
        if !after.is_empty() && !after.starts_with('#') {
            let message = format!("invalid Yaml document separator: {after}");
            items.push(Err(SyntaxError { message, span: Span { start: at, end: at + line.trim_end().len() } }));
        } else if at > start {
            items.extend(compose::document(&mut reader, text, start, at, start_line).transpose());
        } else {
            // A separator with nothing before it belongs to the document that it opens.
            continue;
        }
        (start, start_line) = (end, lines);
    }
    if end > start {
        items.extend(compose::document(&mut reader, text, start, end, start_line).transpose());
    }
}
