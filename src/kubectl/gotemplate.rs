//! `-o go-template`: the parts of Go's `text/template` that make sense on decoded JSON.
//!
//! Fields, variables, pipelines, `if`, `range`, `with`, `else`, `define`-less; the functions `and`, `or`,
//! `not`, `len`, `index`, `print`, `printf`, `println`, `html`, `eq`, `ne`, `lt`, `le`, `gt`, `ge`, and
//! kubectl's own `exists` and `base64decode`.

use std::rc::Rc;

use serde_json::Value;

use super::jsonpath;
use crate::programs::net::base64;

/// Deepest nesting of blocks and parentheses.
const DEEPEST: usize = 64;

#[derive(Clone, Debug)]
pub struct GoTemplate {
    text: Rc<str>,
    nodes: Rc<[Node]>,
}

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Show(Pipe),
    If(Pipe, Vec<Node>, Vec<Node>),
    With(Pipe, Vec<Node>, Vec<Node>),
    Range { key: Option<String>, item: Option<String>, over: Pipe, body: Vec<Node>, empty: Vec<Node> },
    Break,
    Continue,
}

/// Commands joined by `|`, and the variable that takes the value.
#[derive(Clone, Debug)]
struct Pipe {
    assign: Option<String>,
    commands: Vec<Vec<Term>>,
}

#[derive(Clone, Debug)]
enum Term {
    /// `.a.b`; empty is `.`
    Fields(Vec<String>),
    /// `$x.a`; the name is "" for `$`.
    Variable(String, Vec<String>),
    Value(Value),
    Function(String),
    Paren(Pipe, Vec<String>),
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

impl GoTemplate {
    pub fn parse(text: &str) -> Result<GoTemplate, String> {
        let mut pieces = split(text)?.into_iter();
        let (nodes, end) = block(&mut pieces, 0)?;
        match end {
            Stop::File => Ok(GoTemplate { text: text.into(), nodes: nodes.into() }),
            _ => Err("template: output:1: unexpected {{end}}".into()),
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn render(&self, value: &Value) -> Result<String, String> {
        let mut run = Run { variables: vec![(String::new(), value.clone())], out: String::new() };
        run.nodes(&self.nodes, value)?;
        Ok(run.out)
    }
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

struct Run {
    /// Innermost last; `$` first.
    variables: Vec<(String, Value)>,
    out: String,
}

#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

impl Run {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, String> {
        for node in nodes {
            let flow = match node {
                Node::Text(text) => {
                    self.out.push_str(text);
                    Flow::On
                }
                Node::Show(pipe) => {
                    let value = self.pipe(pipe, dot)?;
                    match &pipe.assign {
                        Some(name) => self.assign(name, value.unwrap_or(Value::Null)),
                        None => self.out.push_str(&value.map_or("<no value>".into(), |value| show(&value))),
                    }
                    Flow::On
                }
                Node::If(condition, body, otherwise) => {
                    let scope = self.variables.len();
                    let value = self.pipe(condition, dot)?.unwrap_or(Value::Null);
                    if let Some(name) = &condition.assign {
                        self.assign(name, value.clone());
                    }
                    let flow = self.nodes(if truth(&value) { body } else { otherwise }, dot)?;
                    self.variables.truncate(scope);
                    flow
                }
                Node::With(condition, body, otherwise) => {
                    let scope = self.variables.len();
                    let value = self.pipe(condition, dot)?.unwrap_or(Value::Null);
                    if let Some(name) = &condition.assign {
                        self.assign(name, value.clone());
                    }
                    let flow = match truth(&value) {
                        true => self.nodes(body, &value)?,
                        false => self.nodes(otherwise, dot)?,
                    };
                    self.variables.truncate(scope);
                    flow
                }
                Node::Range { key, item, over, body, empty } => {
                    self.range(key.as_deref(), item.as_deref(), over, body, empty, dot)?
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn range(
        &mut self,
        key: Option<&str>,
        item: Option<&str>,
        over: &Pipe,
        body: &[Node],
        empty: &[Node],
        dot: &Value,
    ) -> Result<Flow, String> {
        let entries: Vec<(Value, Value)> = match self.pipe(over, dot)?.unwrap_or(Value::Null) {
            Value::Array(items) => items.into_iter().enumerate().map(|(i, value)| (i.into(), value)).collect(),
            Value::Object(map) => map.into_iter().map(|(key, value)| (key.into(), value)).collect(),
            Value::Null => Vec::new(),
            other => return Err(format!("range can't iterate over {}", show(&other))),
        };
        if entries.is_empty() {
            return self.nodes(empty, dot);
        }
        for (index, value) in entries {
            let scope = self.variables.len();
            if let Some(name) = key {
                self.variables.push((name.into(), index));
            }
            if let Some(name) = item {
                self.variables.push((name.into(), value.clone()));
            }
            let flow = self.nodes(body, &value)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn assign(&mut self, name: &str, value: Value) {
        self.variables.push((name.into(), value));
    }

    /// `None`: a field that isn't there.
    fn pipe(&self, pipe: &Pipe, dot: &Value) -> Result<Option<Value>, String> {
        let mut last: Option<Option<Value>> = None;
        for command in &pipe.commands {
            last = Some(self.command(command, last, dot)?);
        }
        Ok(last.flatten())
    }

    fn command(&self, command: &[Term], last: Option<Option<Value>>, dot: &Value) -> Result<Option<Value>, String> {
        let Some((first, rest)) = command.split_first() else { return Ok(None) };
        let Term::Function(name) = first else {
            if !rest.is_empty() || last.is_some() {
                return Err("can't give argument to non-function".into());
            }
            return self.term(first, dot);
        };
        let mut args = Vec::with_capacity(rest.len() + 1);
        for term in rest {
            args.push(self.term(term, dot)?.unwrap_or(Value::Null));
        }
        args.extend(last.map(|value| value.unwrap_or(Value::Null)));
        function(name, &args).map(Some)
    }

    fn term(&self, term: &Term, dot: &Value) -> Result<Option<Value>, String> {
        match term {
            Term::Value(value) => Ok(Some(value.clone())),
            Term::Fields(fields) => walk(dot, fields),
            Term::Variable(name, fields) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                let (_, value) = found.ok_or_else(|| format!("undefined variable \"${name}\""))?;
                walk(value, fields)
            }
            Term::Paren(pipe, fields) => {
                let value = self.pipe(pipe, dot)?.unwrap_or(Value::Null);
                walk(&value, fields)
            }
            Term::Function(name) => function(name, &[]).map(Some),
        }
    }
}

fn walk(value: &Value, fields: &[String]) -> Result<Option<Value>, String> {
    let mut value = value;
    for field in fields {
        match value {
            Value::Object(map) => match map.get(field) {
                Some(inner) => value = inner,
                None => return Ok(None),
            },
            Value::Null => return Ok(None),
            other => return Err(format!("can't evaluate field {field} in type {}", go_type(other))),
        }
    }
    Ok(Some(value.clone()))
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "interface {}",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// Go's `%v`.
pub fn show(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".into(),
        Value::Array(list) => format!("[{}]", list.iter().map(show).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{}", show(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        other => jsonpath::show(other),
    }
}

fn function(name: &str, args: &[Value]) -> Result<Value, String> {
    let needs = |least: usize| match args.len() < least {
        true => Err(format!("wrong number of args for {name}: want at least {least} got {}", args.len())),
        false => Ok(()),
    };
    match name {
        "and" => {
            needs(1)?;
            Ok(args.iter().find(|arg| !truth(arg)).or(args.last()).cloned().unwrap_or(Value::Null))
        }
        "or" => {
            needs(1)?;
            Ok(args.iter().find(|arg| truth(arg)).or(args.last()).cloned().unwrap_or(Value::Null))
        }
        "not" => {
            needs(1)?;
            Ok(Value::Bool(!truth(&args[0])))
        }
        "len" => {
            needs(1)?;
            match &args[0] {
                Value::String(text) => Ok(text.len().into()),
                Value::Array(list) => Ok(list.len().into()),
                Value::Object(map) => Ok(map.len().into()),
                other => Err(format!("error calling len: len of type {}", go_type(other))),
            }
        }
        "index" => {
            needs(1)?;
            let mut value = &args[0];
            for key in &args[1..] {
                value = match (value, key) {
                    (Value::Object(map), Value::String(key)) => map.get(key).unwrap_or(&Value::Null),
                    (Value::Array(list), Value::Number(at)) => {
                        let found = at.as_u64().and_then(|at| list.get(at as usize));
                        found.ok_or_else(|| format!("error calling index: index out of range: {at}"))?
                    }
                    (Value::Null, _) => return Err("error calling index: index of untyped nil".into()),
                    (other, _) => {
                        return Err(format!("error calling index: can't index item of type {}", go_type(other)));
                    }
                };
            }
            Ok(value.clone())
        }
        "exists" => {
            needs(1)?;
            let mut value = &args[0];
            for key in &args[1..] {
                let found = match (value, key) {
                    (Value::Object(map), Value::String(key)) => map.get(key),
                    (Value::Array(list), Value::Number(at)) => at.as_u64().and_then(|at| list.get(at as usize)),
                    _ => None,
                };
                match found {
                    Some(inner) => value = inner,
                    None => return Ok(Value::Bool(false)),
                }
            }
            Ok(Value::Bool(true))
        }
        "print" => Ok(Value::String(sprint(args, false))),
        "println" => Ok(Value::String(format!("{}\n", sprint(args, true)))),
        "printf" => {
            needs(1)?;
            Ok(Value::String(printf(&show(&args[0]), &args[1..])))
        }
        "html" => {
            let text = sprint(args, false);
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            Ok(Value::String(text.replace('"', "&#34;").replace('\'', "&#39;")))
        }
        "base64decode" => {
            needs(1)?;
            let bytes = base64::decode(&show(&args[0]));
            let bytes = bytes.ok_or("error calling base64decode: illegal base64 data")?;
            Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
        }
        "eq" => {
            needs(2)?;
            for other in &args[1..] {
                if compare(&args[0], other)?.is_eq() {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        _ => {
            needs(2)?;
            let order = compare(&args[0], &args[1])?;
            Ok(Value::Bool(match name {
                "ne" => order.is_ne(),
                "lt" => order.is_lt(),
                "le" => order.is_le(),
                "gt" => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
    }
}

fn compare(a: &Value, b: &Value) -> Result<std::cmp::Ordering, String> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Ok(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().partial_cmp(&b.as_f64()).ok_or_else(|| "incomparable numbers".to_string())
        }
        (Value::Null, Value::Null) => Ok(std::cmp::Ordering::Equal),
        (Value::Null, _) => Ok(std::cmp::Ordering::Less),
        (_, Value::Null) => Ok(std::cmp::Ordering::Greater),
        _ => Err("error calling eq: incompatible types for comparison".into()),
    }
}

/// Go puts blanks between operands of `print` when neither is a string, of `println` always.
fn sprint(args: &[Value], always: bool) -> String {
    let mut out = String::new();
    for (i, arg) in args.iter().enumerate() {
        if i > 0 && (always || !(arg.is_string() || args[i - 1].is_string())) {
            out.push(' ');
        }
        out.push_str(&show(arg));
    }
    out
}

fn printf(format: &str, args: &[Value]) -> String {
    let mut args = args.iter();
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let (mut left, mut zero, mut width) = (false, false, String::new());
        while let Some(c) =
            chars.next_if(|c| matches!(c, '-' | '0' | '+' | ' ' | '#') || c.is_ascii_digit() || *c == '.')
        {
            match c {
                '-' => left = true,
                '0' if width.is_empty() => zero = true,
                c => width.push(c),
            }
        }
        let (width, precision) = match width.split_once('.') {
            Some((width, precision)) => (width.to_string(), precision.parse::<usize>().ok()),
            None => (width, None),
        };
        let width: usize = width.parse().unwrap_or(0).min(1000);
        let verb = chars.next().unwrap_or('%');
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(arg) = args.next() else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        let text = match (verb, arg) {
            ('q', arg) => Value::String(show(arg)).to_string(),
            ('f', Value::Number(number)) => {
                format!("{:.*}", precision.unwrap_or(6).min(100), number.as_f64().unwrap_or(0.0))
            }
            ('s', Value::String(text)) => text.chars().take(precision.unwrap_or(usize::MAX)).collect(),
            ('d', Value::Number(number)) if !number.is_f64() => number.to_string(),
            ('t', Value::Bool(value)) => value.to_string(),
            ('v', arg) => show(arg),
            ('T', arg) => go_type(arg).into(),
            (verb, arg) => format!("%!{verb}({}={})", go_type(arg), show(arg)),
        };
        let missing = width.saturating_sub(text.chars().count());
        match (left, zero) {
            (true, _) => out.push_str(&format!("{text}{}", " ".repeat(missing))),
            (false, true) => out.push_str(&format!("{}{text}", "0".repeat(missing))),
            (false, false) => out.push_str(&format!("{}{text}", " ".repeat(missing))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates() {
        let value = json!({
            "metadata": {"name": "web", "labels": {"app": "w"}},
            "items": [{"n": "a", "v": 1}, {"n": "b", "v": 2.5}],
            "data": {"p": "aGk="},
        });
        let rows = [
            ("{{.metadata.name}}", "web"),
            ("{{range .items}}{{.n}}={{.v}} {{end}}", "a=1 b=2.5 "),
            ("{{range $i, $e := .items}}{{$i}}:{{$e.n}}{{\"\\n\"}}{{end}}", "0:a\n1:b\n"),
            ("{{range .none}}x{{else}}empty{{end}}", "empty"),
            ("{{if .metadata.labels.app}}yes{{else}}no{{end}}", "yes"),
            ("{{if eq .metadata.name \"x\"}}x{{else if eq .metadata.name \"web\"}}w{{end}}", "w"),
            ("{{with .metadata}}{{.name}} {{$.data.p}}{{end}}", "web aGk="),
            ("{{printf \"%-5s|%3d|%q\" .metadata.name 7 \"x\"}}", "web  |  7|\"x\""),
            ("{{.missing}}", "<no value>"),
            ("{{index .items 1 \"n\"}} {{len .items}}", "b 2"),
            ("{{(index .items 0).n | printf \"<%s>\"}}", "<a>"),
            ("{{.data.p | base64decode}}", "hi"),
            ("{{.metadata.labels}}", "map[app:w]"),
            ("a {{- /* no */ -}} b {{- \"c\" }} d", "abc d"),
            ("{{$x := .metadata.name}}{{$x}}", "web"),
            ("{{.metadata", "error: template: output:1: unclosed action"),
            ("{{foo}}", "error: template: output:1: function \"foo\" not defined"),
            ("{{if .a}}", "error: template: output:1: unexpected EOF"),
        ];
        for (template, expected) in rows {
            let text = GoTemplate::parse(template).and_then(|parsed| parsed.render(&value));
            assert_eq!(text.unwrap_or_else(|why| format!("error: {why}")), expected, "{template}");
        }
    }
}
