//! tr.

use super::options::{missing, parse};
use crate::{
    os::Proc,
    programs::{
        Context,
        util::{self, Lines, Out},
    },
};

/// A set of `tr`: ranges, classes, escapes.
fn tr_set(text: &str) -> Vec<char> {
    let (bytes, _) = crate::programs::sh::escapes::unescape(text, crate::programs::sh::escapes::Style::Format);
    let chars: Vec<char> = util::text(bytes).chars().collect();
    let mut set = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let rest: String = chars[i..].iter().take(12).collect();
        if let Some(class) = rest.strip_prefix("[:")
            && let Some(end) = class.find(":]")
        {
            let all = (0..128_u8).map(char::from);
            let members: Vec<char> = match &class[..end] {
                "alpha" => all.filter(char::is_ascii_alphabetic).collect(),
                "digit" => all.filter(char::is_ascii_digit).collect(),
                "alnum" => all.filter(char::is_ascii_alphanumeric).collect(),
                "upper" => all.filter(char::is_ascii_uppercase).collect(),
                "lower" => all.filter(char::is_ascii_lowercase).collect(),
                "space" => vec!['\t', '\n', '\u{b}', '\u{c}', '\r', ' '],
                "blank" => vec!['\t', ' '],
                "punct" => all.filter(char::is_ascii_punctuation).collect(),
                "cntrl" => all.filter(char::is_ascii_control).collect(),
                "print" => all.filter(|c| !c.is_ascii_control()).collect(),
                "xdigit" => all.filter(char::is_ascii_hexdigit).collect(),
                _ => Vec::new(),
            };
            set.extend(members);
            i += end + 4;
        } else if chars.get(i + 1) == Some(&'-') && i + 2 < chars.len() && chars[i] <= chars[i + 2] {
            set.extend((chars[i]..=chars[i + 2]).take(70_000));
            i += 3;
        } else {
            set.push(chars[i]);
            i += 1;
        }
    }
    set
}

pub async fn tr(proc: Proc, ctx: Context) -> i32 {
    let parsed =
        match parse(&proc, ctx.flavour, "dscCt", &[("delete", 'd'), ("squeeze-repeats", 's'), ("complement", 'c')]) {
            Ok(parsed) => parsed,
            Err(error) => return util::usage(&proc, error, 1).await,
        };
    let delete = parsed.has('d');
    let squeeze = parsed.has('s');
    let complement = parsed.has('c') || parsed.has('C');
    let Some(first) = parsed.operands.first() else {
        return util::usage(&proc, missing(&proc, ctx.flavour), 1).await;
    };
    if parsed.operands.len() < 2 && !delete && !squeeze {
        let text = format!(
            "tr: missing operand after '{first}'\nTwo strings must be given when translating.\nTry 'tr --help' for more information."
        );
        return util::fail(&proc, 1, &text).await;
    }
    let from = tr_set(first);
    let to = parsed.operands.get(1).map(|text| tr_set(text)).unwrap_or_default();
    let in_first = |c: char| from.contains(&c) != complement;
    let translates = !delete && !to.is_empty();
    let squeezed = |c: char| match to.is_empty() {
        true => in_first(c),
        false => to.contains(&c),
    };
    let mut lines = Lines::new(proc.stdin());
    let mut out = Out::new(&proc);
    let mut last = None;
    while let Ok(Some(line)) = lines.next().await {
        lines.cost(line.len() * (2 + from.len() / 6));
        let mut text = String::with_capacity(line.len());
        for c in util::text(line).chars() {
            if delete && in_first(c) {
                continue;
            }
            let c = match translates && in_first(c) {
                false => c,
                true if complement => to.last().copied().unwrap_or(c),
                true => {
                    let at = from.iter().rposition(|own| *own == c).unwrap_or(0);
                    to.get(at).or(to.last()).copied().unwrap_or(c)
                }
            };
            if squeeze && last == Some(c) && squeezed(c) {
                continue;
            }
            last = Some(c);
            text.push(c);
        }
        if out.write(text.as_bytes()).await.is_err() {
            return 1;
        }
    }
    out.finish(0).await
}
