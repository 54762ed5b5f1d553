//! Values to YAML text, byte for byte as `kubectl -o yaml` prints (sigs.k8s.io/yaml over go-yaml v2).

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::compose::is_ambiguous;

/// The value as block YAML with a final newline: keys in go-yaml's order, sequences not indented,
/// strings quoted where they would be read as something else, long lines left long.
pub fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0, false),
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0, false),
        _ => {
            scalar(&mut out, value, 2, false);
            out.push('\n');
        }
    }
    out
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// `inline`: the first key goes on the current line (after `- `).
fn mapping(out: &mut String, map: &Map<String, Value>, indent: usize, mut inline: bool) {
    let mut entries: Vec<(&String, &Value)> = map.iter().collect();
    entries.sort_by(|a, b| key_order(a.0, b.0));
    for (key, value) in entries {
        if !std::mem::take(&mut inline) {
            pad(out, indent);
        }
        // libyaml's emitter gives up on `key:` for keys longer than this.
        let explicit = key.len() > 128;
        if explicit {
            out.push_str("? ");
        }
        string(out, key, indent + 2, !explicit);
        if explicit {
            out.push('\n');
            pad(out, indent);
        }
        out.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                out.push(if explicit { ' ' } else { '\n' });
                mapping(out, map, indent + 2, explicit);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push(if explicit { ' ' } else { '\n' });
                sequence(out, items, if explicit { indent + 2 } else { indent }, explicit);
            }
            _ => {
                out.push(' ');
                scalar(out, value, indent + 2, false);
                newline(out);
            }
        }
    }
}

fn sequence(out: &mut String, items: &[Value], indent: usize, mut inline: bool) {
    for item in items {
        if !std::mem::take(&mut inline) {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(out, map, indent + 2, true),
            Value::Array(items) if !items.is_empty() => sequence(out, items, indent + 2, true),
            _ => {
                scalar(out, item, indent + 2, false);
                newline(out);
            }
        }
    }
}

/// Block scalars may have brought their own line end.
fn newline(out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

fn scalar(out: &mut String, value: &Value, indent: usize, key: bool) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => out.push_str(&go_float(float)),
            _ => out.push_str(&number.to_string()),
        },
        Value::String(text) => string(out, text, indent, key),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// Go's `strconv.FormatFloat(f, 'g', -1, 64)`, whole numbers as integers.
fn go_float(float: f64) -> String {
    if float.fract() == 0.0 && float.abs() < 1e15 {
        return format!("{float}");
    }
    let shortest = format!("{float:e}");
    let Some((mantissa, exponent)) = shortest.split_once('e') else { return shortest };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..21).contains(&exponent) {
        return format!("{float}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// What libyaml's emitter finds out about a text before it chooses a style.
struct Analysis {
    multiline: bool,
    plain: bool,
    single: bool,
    block: bool,
}

fn printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
        || c >= '\u{10000}'
}

fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn analyze(text: &str) -> Analysis {
    let blank_at = |at: usize| text[at..].chars().next().is_none_or(|c| c == ' ' || c == '\t');
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let mut special = false;
    let (mut breaks, mut break_space, mut space_break) = (false, false, false);
    let (mut previous_space, mut previous_break, mut after_blank) = (false, false, true);
    for (at, c) in text.char_indices() {
        let before_blank = blank_at(at + c.len_utf8());
        indicators |= match c {
            '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                if at == 0 =>
            {
                true
            }
            '?' | ':' | '-' if at == 0 => before_blank,
            ':' => before_blank,
            '#' => after_blank,
            _ => false,
        };
        special |= !printable(c);
        if c == ' ' {
            break_space |= previous_break;
            (previous_space, previous_break) = (true, false);
        } else if is_break(c) {
            breaks = true;
            space_break |= previous_space;
            (previous_space, previous_break) = (false, true);
        } else {
            (previous_space, previous_break) = (false, false);
        }
        after_blank = c == ' ' || c == '\t' || is_break(c);
    }
    let edge = |c: Option<char>| c.is_some_and(|c| c == ' ' || is_break(c));
    let odd_edges = edge(text.chars().next()) || edge(text.chars().next_back());
    let broken = space_break || special;
    Analysis {
        multiline: breaks,
        plain: !(odd_edges || break_space || broken || breaks || indicators),
        single: !(break_space || broken),
        block: !(text.ends_with(' ') || broken || text.is_empty()),
    }
}

fn string(out: &mut String, text: &str, indent: usize, key: bool) {
    let analysis = analyze(text);
    if text.contains('\n') && !(key && analysis.multiline) && analysis.block {
        return literal(out, text, indent);
    }
    let quoted = text.contains('\n') || is_ambiguous(text) || is_base60(text) || (key && analysis.multiline);
    if quoted || !(analysis.plain || analysis.single) {
        return double_quoted(out, text);
    }
    if analysis.plain && !text.is_empty() {
        return out.push_str(text);
    }
    out.push('\'');
    let mut previous_break = false;
    for c in text.chars() {
        match c {
            '\'' => out.push_str("''"),
            // A break inside single quotes is written twice, or it would be read as a blank.
            '\n' if !previous_break => out.push_str("\n\n"),
            c => out.push(c),
        }
        previous_break = is_break(c);
    }
    out.push('\'');
}

fn literal(out: &mut String, text: &str, indent: usize) {
    out.push('|');
    if text.starts_with(|c| c == ' ' || is_break(c)) {
        out.push('2');
    }
    let mut ends = text.chars().rev();
    match (ends.next().is_some_and(is_break), ends.next().map(is_break)) {
        (false, _) => out.push('-'),
        (true, None | Some(true)) => out.push('+'),
        (true, Some(false)) => {}
    }
    out.push('\n');
    for line in text.split_inclusive('\n') {
        if line != "\n" {
            pad(out, indent);
        }
        out.push_str(line);
    }
}

fn double_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        if printable(c) && !is_break(c) && c != '"' && c != '\\' {
            out.push(c);
            continue;
        }
        out.push('\\');
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(c);
                out.push_str(&match code {
                    0..=0xFF => format!("x{code:02X}"),
                    0x100..=0xFFFF => format!("u{code:04X}"),
                    _ => format!("U{code:08X}"),
                });
                continue;
            }
        };
        out.push(short);
    }
    out.push('"');
}

/// YAML 1.1's base 60 numbers, which go-yaml quotes though it does not read them: `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`
fn is_base60(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = text.split(':');
    let head = parts.next().unwrap_or_default();
    if !head.starts_with(|c: char| c.is_ascii_digit()) || !head.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return false;
    }
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.last_mut() else { return false };
    if let Some((whole, fraction)) = last.split_once('.') {
        if !fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
            return false;
        }
        *last = whole;
    }
    parts.iter().all(|part| match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
        _ => false,
    })
}

/// go-yaml's order of keys: letters after other signs, numbers inside by their value.
fn key_order(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    for i in 0..a.len().min(b.len()) {
        if a[i] == b[i] {
            continue;
        }
        let (letter_a, letter_b) = (a[i].is_alphabetic(), b[i].is_alphabetic());
        if letter_a && letter_b {
            return a[i].cmp(&b[i]);
        }
        if letter_a || letter_b {
            return if letter_b { Ordering::Less } else { Ordering::Greater };
        }
        // Inside a number the digits before count too, if one of them is not 0.
        let mut start = 0u64;
        if a[i] == '0' || b[i] == '0' {
            let before = a[..i].iter().rev().take_while(|c| c.is_ascii_digit());
            start = u64::from(before.into_iter().any(|c| *c != '0'));
        }
        let number = |text: &[char]| {
            let digits = text[i..].iter().map_while(|c| c.to_digit(10));
            digits.fold((start, 0usize), |(n, length), d| (n.wrapping_mul(10).wrapping_add(u64::from(d)), length + 1))
        };
        let ((number_a, length_a), (number_b, length_b)) = (number(&a), number(&b));
        return number_a.cmp(&number_b).then(length_a.cmp(&length_b)).then(a[i].cmp(&b[i]));
    }
    a.len().cmp(&b.len())
}
