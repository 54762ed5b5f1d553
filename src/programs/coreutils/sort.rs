//! sort.

use std::cmp::Ordering;

use super::input::{or_stdin, read_all};
use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        util::{self, Arg, Args},
    },
};

#[derive(Clone, Default)]
struct SortKey {
    from: (usize, usize),
    to: Option<(usize, usize)>,
    letters: String,
}

/// `2`, `2,3`, `2.1,2.3n`, `1r`
fn sort_key(text: &str) -> Option<SortKey> {
    let mut key = SortKey { from: (1, 1), ..SortKey::default() };
    let mut place = |text: &str, default: usize| -> Option<(usize, usize)> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        key.letters.push_str(&text[digits.len()..]);
        match digits.split_once('.') {
            Some((field, character)) => Some((field.parse().ok()?, character.parse().ok()?)),
            None => Some((digits.parse().ok()?, default)),
        }
    };
    let (from, to) = match text.split_once(',') {
        Some((from, to)) => (place(from, 1)?, Some(place(to, 0)?)),
        None => (place(text, 1)?, None),
    };
    key.from = from;
    key.to = to;
    (key.from.0 > 0).then_some(key)
}

fn key_text<'a>(line: &'a str, key: &SortKey, separator: Option<char>) -> &'a str {
    let mut starts = Vec::new();
    let mut ends = Vec::new();
    match separator {
        Some(c) => {
            let mut at = 0;
            for field in line.split(c) {
                starts.push(at);
                at += field.len();
                ends.push(at);
                at += c.len_utf8();
            }
        }
        None => {
            // A field begins with the blanks before it.
            let mut at = 0;
            while at < line.len() {
                starts.push(at);
                let blanks = line[at..].find(|c: char| c != ' ' && c != '\t').unwrap_or(line.len() - at);
                at += blanks;
                at += line[at..].find([' ', '\t']).unwrap_or(line.len() - at);
                ends.push(at);
            }
        }
    }
    let offset = |at: usize, characters: usize| {
        line[at..].char_indices().nth(characters).map_or(line.len(), |(offset, _)| at + offset)
    };
    let start = match starts.get(key.from.0 - 1) {
        Some(at) => offset(*at, key.from.1.saturating_sub(1)),
        None => line.len(),
    };
    let end = match key.to {
        None => line.len(),
        Some((field, 0)) => field.checked_sub(1).and_then(|n| ends.get(n)).copied().unwrap_or(line.len()),
        Some((field, character)) => {
            field.checked_sub(1).and_then(|n| starts.get(n)).map_or(line.len(), |at| offset(*at, character))
        }
    };
    &line[start..end.max(start)]
}

fn leading_number(text: &str) -> f64 {
    let text = text.trim_start();
    let end = text
        .char_indices()
        .find(|(i, c)| !(c.is_ascii_digit() || *c == '.' || (*i == 0 && matches!(c, '-' | '+'))))
        .map_or(text.len(), |(i, _)| i);
    text[..end].parse().unwrap_or(0.0)
}

fn human_number(text: &str) -> f64 {
    let number = leading_number(text);
    let unit = text.trim().chars().find(|c| c.is_ascii_alphabetic()).map_or(0, |c| match c.to_ascii_uppercase() {
        'K' => 1,
        'M' => 2,
        'G' => 3,
        'T' => 4,
        'P' => 5,
        _ => 0,
    });
    number * 1024_f64.powi(unit)
}

/// Runs of digits compare as numbers.
fn compare_versions(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let other = |text: &str| text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len());
        let (i, j) = (other(a), other(b));
        match a[..i].cmp(&b[..j]) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
        (a, b) = (&a[i..], &b[j..]);
        if a.is_empty() || b.is_empty() {
            return a.len().cmp(&b.len());
        }
        let (i, j) = (digits(a), digits(b));
        let (x, y) = (a[..i].trim_start_matches('0'), b[..j].trim_start_matches('0'));
        match x.len().cmp(&y.len()).then(x.cmp(y)) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
        (a, b) = (&a[i..], &b[j..]);
    }
}

fn compare(a: &str, b: &str, letters: &str) -> Ordering {
    let has = |c: char| letters.contains(c);
    let (a, b) = if has('b') { (a.trim_start(), b.trim_start()) } else { (a, b) };
    let number = |a: f64, b: f64| a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    if has('n') || has('g') {
        number(leading_number(a), leading_number(b))
    } else if has('h') {
        number(human_number(a), human_number(b))
    } else if has('V') {
        compare_versions(a, b)
    } else if has('f') {
        a.to_uppercase().cmp(&b.to_uppercase())
    } else {
        a.cmp(b)
    }
}

pub async fn sort(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut letters, mut keys, mut separator, mut files, mut output) =
        (String::new(), Vec::new(), None, Vec::new(), None);
    loop {
        let arg = match args.next() {
            Ok(None) => break,
            Ok(Some(arg)) => arg,
            Err(error) => return util::usage(&proc, error, 2).await,
        };
        let value = match arg {
            Arg::Value(file) => {
                files.push(file);
                continue;
            }
            Arg::Short(c) if "nrufbghVsdciz".contains(c) => {
                letters.push(c);
                continue;
            }
            Arg::Short('k' | 't' | 'o' | 'T' | 'S') => args.value(),
            Arg::Long(ref name) => {
                let known = [
                    ("numeric-sort", 'n'),
                    ("reverse", 'r'),
                    ("unique", 'u'),
                    ("ignore-case", 'f'),
                    ("version-sort", 'V'),
                    ("human-numeric-sort", 'h'),
                ];
                match known.iter().find(|(own, _)| own == name) {
                    Some((_, c)) => {
                        letters.push(*c);
                        continue;
                    }
                    None if name == "key" || name == "field-separator" => args.value(),
                    None => return util::usage(&proc, args.unknown(), 2).await,
                }
            }
            _ => return util::usage(&proc, args.unknown(), 2).await,
        };
        let value = match value {
            Ok(value) => value,
            Err(error) => return util::usage(&proc, error, 2).await,
        };
        match arg {
            Arg::Short('k') => match sort_key(&value) {
                Some(key) => keys.push(key),
                None => {
                    let text = format!("sort: invalid number at field start: invalid count at start of '{value}'");
                    return util::fail(&proc, 2, &text).await;
                }
            },
            Arg::Short('t') => separator = value.chars().next(),
            Arg::Short('o') => output = Some(value),
            _ => {}
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for path in or_stdin(files) {
        let file = match util::open_input(&proc, &path) {
            Ok(file) => file,
            Err(error) => {
                let text = match ctx.flavour {
                    Flavour::Gnu => format!("sort: cannot read: {path}: {error}"),
                    Flavour::Busybox => format!("sort: {path}: {error}"),
                };
                return util::fail(&proc, 2, &text).await;
            }
        };
        match read_all(&file).await {
            Ok(data) => lines.extend(util::text(data).lines().map(str::to_string)),
            Err(error) => return util::fail(&proc, 2, &format!("sort: read failed: {path}: {error}")).await,
        }
    }
    let reverse = letters.contains('r');
    let by_keys = |a: &String, b: &String| {
        if keys.is_empty() {
            let order = compare(a, b, &letters);
            return if reverse { order.reverse() } else { order };
        }
        for key in &keys {
            let own = if key.letters.is_empty() { &letters } else { &key.letters };
            let order = compare(key_text(a, key, separator), key_text(b, key, separator), own);
            let order = if own.contains('r') { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    };
    let unique = letters.contains('u');
    let comparisons = lines.len() as u64 * u64::from(lines.len().max(1).ilog2());
    proc.charge(std::time::Duration::from_nanos(comparisons * if keys.is_empty() { 60 } else { 300 })).await;
    lines.sort_by(|a, b| {
        let order = by_keys(a, b);
        if unique || letters.contains('s') || order != Ordering::Equal {
            return order;
        }
        if reverse { b.cmp(a) } else { a.cmp(b) }
    });
    if letters.contains('c') {
        return 0;
    }
    if unique {
        lines.dedup_by(|a, b| by_keys(a, b) == Ordering::Equal);
    }
    let mut text = lines.join("\n");
    if !lines.is_empty() {
        text.push('\n');
    }
    match output {
        Some(path) => match proc.write_file(&path, text.as_bytes()).await {
            Ok(()) => 0,
            Err(error) => util::fail(&proc, 2, &format!("sort: open failed: {path}: {error}")).await,
        },
        None => util::done(proc.print(&text).await),
    }
}
