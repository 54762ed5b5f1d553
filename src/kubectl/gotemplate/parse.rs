//! Templates' texts: pieces of text and actions, actions into tokens, tokens into pipelines.

use serde_json::Value;

use super::{Node, Pipe, Term};

/// Deepest nesting of blocks and parentheses.
const DEEPEST: usize = 64;

/// The nodes of a whole template.
pub fn template(text: &str) -> Result<Vec<Node>, String> {
    let mut pieces = split(text)?.into_iter();
    let (nodes, end) = block(&mut pieces, 0)?;
    match end {
        Stop::File => Ok(nodes),
        _ => Err("template: output:1: unexpected {{end}}".into()),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Field(String),
    Variable(String),
    Value(Value),
    Word(String),
    Sign(&'static str),
    /// A name after a value without a blank between: `$x.a`, `(…).a`.
    Attached(String),
}

enum Piece {
    Text(String),
    Action(String),
}

fn split(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut trim = false;
    while let Some(at) = rest.find("{{") {
        let mut before = &rest[..at];
        if trim {
            before = before.trim_start();
        }
        let after = &rest[at + 2..];
        let end = action_end(after).ok_or("template: output:1: unclosed action")?;
        let mut inside = &after[..end];
        rest = &after[end + 2..];
        if let Some(trimmed) = inside.strip_prefix("- ") {
            before = before.trim_end();
            inside = trimmed;
        }
        trim = inside.ends_with(" -");
        let inside = inside.strip_suffix(" -").unwrap_or(inside).trim();
        if !before.is_empty() {
            pieces.push(Piece::Text(before.into()));
        }
        if !(inside.starts_with("/*") && inside.ends_with("*/")) {
            pieces.push(Piece::Action(inside.into()));
        }
    }
    let last = if trim { rest.trim_start() } else { rest };
    if !last.is_empty() {
        pieces.push(Piece::Text(last.into()));
    }
    Ok(pieces)
}

/// Where `}}` stands outside of quotes.
fn action_end(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some('"') if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '"' || c == '`' => quote = Some(c),
            None if text[at..].starts_with("}}") => return Some(at),
            None => {}
        }
    }
    None
}

enum Stop {
    File,
    End,
    Else(Option<String>),
}

fn block(pieces: &mut std::vec::IntoIter<Piece>, depth: usize) -> Result<(Vec<Node>, Stop), String> {
    if depth > DEEPEST {
        return Err("template: output:1: blocks are nested too deeply".into());
    }
    let mut nodes = Vec::new();
    while let Some(piece) = pieces.next() {
        let action = match piece {
            Piece::Text(text) => {
                nodes.push(Node::Text(text));
                continue;
            }
            Piece::Action(action) => action,
        };
        let (word, rest) = action.split_once(char::is_whitespace).unwrap_or((&action, ""));
        match word {
            "end" => return Ok((nodes, Stop::End)),
            "else" => return Ok((nodes, Stop::Else((!rest.trim().is_empty()).then(|| rest.trim().to_string())))),
            "break" => nodes.push(Node::Break),
            "continue" => nodes.push(Node::Continue),
            "if" | "with" | "range" => nodes.push(control(word, rest, pieces, depth)?),
            _ => nodes.push(Node::Show(pipe(&action)?)),
        }
    }
    Ok((nodes, Stop::File))
}

fn control(word: &str, condition: &str, pieces: &mut std::vec::IntoIter<Piece>, depth: usize) -> Result<Node, String> {
    let (body, end) = block(pieces, depth + 1)?;
    let otherwise = match end {
        Stop::End => Vec::new(),
        Stop::File => return Err("template: output:1: unexpected EOF".into()),
        Stop::Else(None) => match block(pieces, depth + 1)? {
            (nodes, Stop::End) => nodes,
            _ => return Err("template: output:1: unexpected EOF".into()),
        },
        Stop::Else(Some(next)) => {
            let (word, rest) = next.split_once(char::is_whitespace).unwrap_or((&next, ""));
            if !matches!(word, "if" | "with") {
                return Err(format!("template: output:1: unexpected <{word}> in else"));
            }
            vec![control(word, rest, pieces, depth + 1)?]
        }
    };
    Ok(match word {
        "if" => Node::If(pipe(condition)?, body, otherwise),
        "with" => Node::With(pipe(condition)?, body, otherwise),
        _ => {
            let (names, over) = match condition.split_once(":=") {
                Some((names, over)) => (names, over),
                None => ("", condition),
            };
            let mut names: Vec<String> =
                names.split(',').map(|name| name.trim().trim_start_matches('$').to_string()).collect();
            let item = names.pop().filter(|name| !name.is_empty());
            let key = names.pop().filter(|name| !name.is_empty());
            Node::Range { key, item, over: pipe(over)?, body, empty: otherwise }
        }
    })
}

fn pipe(text: &str) -> Result<Pipe, String> {
    let tokens = tokens(text)?;
    let (assign, tokens) = match &tokens[..] {
        [Token::Variable(name), Token::Sign(":=" | "="), rest @ ..] => (Some(name.clone()), rest),
        all => (None, all),
    };
    let mut at = 0;
    let mut pipe = pipe_of(tokens, &mut at, 0)?;
    if at < tokens.len() {
        return Err("template: output:1: unexpected \")\"".into());
    }
    pipe.assign = assign;
    Ok(pipe)
}

fn pipe_of(tokens: &[Token], at: &mut usize, depth: usize) -> Result<Pipe, String> {
    if depth > DEEPEST {
        return Err("template: output:1: parentheses are nested too deeply".into());
    }
    let mut commands = vec![Vec::new()];
    while let Some(token) = tokens.get(*at) {
        let attached = |at: &mut usize| {
            let mut fields = Vec::new();
            while let Some(Token::Attached(name)) = tokens.get(*at + 1) {
                fields.push(name.clone());
                *at += 1;
            }
            fields
        };
        let term = match token {
            Token::Sign(")") => break,
            Token::Sign("|") => {
                commands.push(Vec::new());
                *at += 1;
                continue;
            }
            Token::Sign("(") => {
                *at += 1;
                let inner = pipe_of(tokens, at, depth + 1)?;
                if tokens.get(*at) != Some(&Token::Sign(")")) {
                    return Err("template: output:1: unclosed left paren".into());
                }
                Term::Paren(inner, attached(at))
            }
            Token::Sign(sign) => return Err(format!("template: output:1: unexpected \"{sign}\" in operand")),
            Token::Field(name) => {
                let mut fields = if name.is_empty() { Vec::new() } else { vec![name.clone()] };
                fields.extend(attached(at));
                Term::Fields(fields)
            }
            Token::Attached(name) => Term::Fields(vec![name.clone()]),
            Token::Variable(name) => Term::Variable(name.clone(), attached(at)),
            Token::Value(value) => Term::Value(value.clone()),
            Token::Word(word) => {
                const KNOWN: &[&str] = &[
                    "and",
                    "or",
                    "not",
                    "len",
                    "index",
                    "print",
                    "printf",
                    "println",
                    "html",
                    "eq",
                    "ne",
                    "lt",
                    "le",
                    "gt",
                    "ge",
                    "exists",
                    "base64decode",
                ];
                if !KNOWN.contains(&word.as_str()) {
                    return Err(format!("template: output:1: function \"{word}\" not defined"));
                }
                Term::Function(word.clone())
            }
        };
        *at += 1;
        if let Some(command) = commands.last_mut() {
            command.push(term);
        }
    }
    if commands.iter().any(Vec::is_empty) {
        return Err("template: output:1: missing value for command".into());
    }
    Ok(Pipe { assign: None, commands })
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    let word_end = |mut at: usize| {
        while chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
            at += 1;
        }
        at
    };
    while let Some(c) = chars.get(at).copied() {
        let text = |from: usize, to: usize| chars[from..to].iter().collect::<String>();
        match c {
            c if c.is_whitespace() => at += 1,
            '.' => {
                let end = word_end(at + 1);
                let after_value =
                    at > 0 && (chars[at - 1].is_alphanumeric() || matches!(chars[at - 1], '_' | ')' | '$'));
                let name = text(at + 1, end);
                tokens.push(if after_value { Token::Attached(name) } else { Token::Field(name) });
                at = end;
            }
            '$' => {
                let end = word_end(at + 1);
                tokens.push(Token::Variable(text(at + 1, end)));
                at = end;
            }
            '(' | ')' | '|' | ',' => {
                let sign = match c {
                    '(' => "(",
                    ')' => ")",
                    '|' => "|",
                    _ => ",",
                };
                tokens.push(Token::Sign(sign));
                at += 1;
            }
            ':' if chars.get(at + 1) == Some(&'=') => {
                tokens.push(Token::Sign(":="));
                at += 2;
            }
            '=' => {
                tokens.push(Token::Sign("="));
                at += 1;
            }
            '"' => {
                let start = at;
                at += 1;
                while chars.get(at).is_some_and(|c| *c != '"') {
                    at += if chars[at] == '\\' { 2 } else { 1 };
                }
                at += 1;
                if at > chars.len() {
                    return Err("template: output:1: unterminated quoted string".into());
                }
                let literal = text(start, at);
                let value = serde_json::from_str(&literal)
                    .map_err(|_| format!("template: output:1: invalid string {literal}"))?;
                tokens.push(Token::Value(value));
            }
            '`' => {
                let Some(length) = chars[at + 1..].iter().position(|c| *c == '`') else {
                    return Err("template: output:1: unterminated raw quoted string".into());
                };
                tokens.push(Token::Value(Value::String(text(at + 1, at + 1 + length))));
                at += length + 2;
            }
            c if c.is_ascii_digit() || c == '-' || c == '+' => {
                let mut end = at + 1;
                while chars.get(end).is_some_and(|c| c.is_ascii_digit() || *c == '.') {
                    end += 1;
                }
                let number = text(at, end);
                let value = serde_json::from_str(number.trim_start_matches('+'))
                    .map_err(|_| format!("template: output:1: bad number syntax: \"{number}\""))?;
                tokens.push(Token::Value(value));
                at = end;
            }
            c if c.is_alphabetic() || c == '_' => {
                let end = word_end(at);
                let word = text(at, end);
                at = end;
                tokens.push(match word.as_str() {
                    "true" => Token::Value(Value::Bool(true)),
                    "false" => Token::Value(Value::Bool(false)),
                    "nil" => Token::Value(Value::Null),
                    _ => Token::Word(word),
                });
            }
            c => return Err(format!("template: output:1: unexpected {c:?} in operand")),
        }
    }
    Ok(tokens)
}
