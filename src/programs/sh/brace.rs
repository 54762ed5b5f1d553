//! Bash's brace expansion: `a{b,c}d`, `{1..5}`, `{a..e..2}`.

use super::ast::{Part, Word};

/// More words than this are not made: the braces then stand for themselves.
const MAX_WORDS: usize = 100_000;

#[derive(Clone)]
enum Piece {
    Char(char),
    Part(Part),
}

/// The words that `word` stands for.
pub fn expand(word: &Word) -> Vec<Word> {
    if !word.parts.iter().any(|part| matches!(part, Part::Literal(text) if text.contains('{'))) {
        return vec![word.clone()];
    }
    let pieces: Vec<Piece> = word
        .parts
        .iter()
        .flat_map(|part| match part {
            Part::Literal(text) => text.chars().map(Piece::Char).collect(),
            other => vec![Piece::Part(other.clone())],
        })
        .collect();
    let mut budget = MAX_WORDS;
    match alternatives(&pieces, &mut budget, 0) {
        Some(words) => words.into_iter().map(assemble).collect(),
        None => vec![word.clone()],
    }
}

fn assemble(pieces: Vec<Piece>) -> Word {
    let mut parts: Vec<Part> = Vec::new();
    for piece in pieces {
        match (piece, parts.last_mut()) {
            (Piece::Char(c), Some(Part::Literal(text))) => text.push(c),
            (Piece::Char(c), _) => parts.push(Part::Literal(c.to_string())),
            (Piece::Part(part), _) => parts.push(part),
        }
    }
    Word { parts }
}

/// `None` when the budget is used up.
fn alternatives(pieces: &[Piece], budget: &mut usize, depth: u32) -> Option<Vec<Vec<Piece>>> {
    let is = |i: usize, c: char| matches!(pieces.get(i), Some(Piece::Char(own)) if *own == c);
    let mut start = 0;
    while let Some(open) = (start..pieces.len()).find(|i| is(*i, '{')) {
        let mut level = 0;
        let mut commas = Vec::new();
        let mut close = None;
        for (i, piece) in pieces.iter().enumerate().skip(open) {
            match piece {
                Piece::Char('{') => level += 1,
                Piece::Char('}') => {
                    level -= 1;
                    if level == 0 {
                        close = Some(i);
                        break;
                    }
                }
                Piece::Char(',') if level == 1 => commas.push(i),
                _ => {}
            }
        }
        start = open + 1;
        let Some(close) = close else { continue };
        if depth > 30 {
            return None;
        }
        let inner = &pieces[open + 1..close];
        let choices: Vec<Vec<Piece>> = if commas.is_empty() {
            match sequence(inner) {
                Some(choices) => choices,
                None => continue,
            }
        } else {
            let mut choices = Vec::new();
            let mut from = open + 1;
            for end in commas.into_iter().chain([close]) {
                choices.extend(alternatives(&pieces[from..end], budget, depth + 1)?);
                from = end + 1;
            }
            choices
        };
        let rests = alternatives(&pieces[close + 1..], budget, depth + 1)?;
        let count = choices.len().checked_mul(rests.len()).filter(|count| count <= budget)?;
        *budget -= count;
        let mut words = Vec::with_capacity(count);
        for choice in &choices {
            for rest in &rests {
                words.push([&pieces[..open], choice, rest].concat());
            }
        }
        return Some(words);
    }
    Some(vec![pieces.to_vec()])
}

/// `1..5`, `a..e`, `1..9..2`, `01..10`
fn sequence(pieces: &[Piece]) -> Option<Vec<Vec<Piece>>> {
    let text: String =
        pieces.iter().map(|p| if let Piece::Char(c) = p { Some(*c) } else { None }).collect::<Option<_>>()?;
    let fields: Vec<&str> = text.split("..").collect();
    let ([from, to] | [from, to, _]) = fields[..] else { return None };
    let step: i64 = match fields.get(2) {
        Some(step) => step.parse::<i64>().ok()?.checked_abs()?.max(1),
        None => 1,
    };
    let (a, b, letters) = match (from.parse::<i64>(), to.parse::<i64>()) {
        (Ok(a), Ok(b)) => (a, b, false),
        _ => {
            let single = |text: &str| {
                let mut chars = text.chars();
                chars.next().filter(|c| c.is_ascii_alphabetic() && chars.next().is_none()).map(|c| c as i64)
            };
            (single(from)?, single(to)?, true)
        }
    };
    let count = a.checked_sub(b)?.checked_abs()? / step;
    if count >= MAX_WORDS as i64 {
        return None;
    }
    let padded = |text: &str| text.trim_start_matches('-').starts_with('0') && text.trim_start_matches('-').len() > 1;
    let width = if !letters && (padded(from) || padded(to)) { from.len().max(to.len()) } else { 0 };
    let value = |n: i64| {
        let n = if a <= b { a + n * step } else { a - n * step };
        let text = match letters {
            true => u8::try_from(n).map(|c| char::from(c).to_string()).unwrap_or_default(),
            false => format!("{n:0width$}"),
        };
        text.chars().map(Piece::Char).collect()
    };
    Some((0..=count).map(value).collect())
}
