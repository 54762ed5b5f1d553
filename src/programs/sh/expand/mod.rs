//! Words to fields: tilde, parameters, command substitution, arithmetic, splitting, pathnames.

mod parameter;
mod split;

use std::{borrow::Cow, rc::Rc, slice};

use futures_util::future::LocalBoxFuture;

use super::{
    arith::{self, ArithError},
    ast::{Part, Word},
    brace,
    pattern::Pattern,
    state::{Flow, MAX_TEXT, Shell},
};
use crate::programs::util;

/// A piece of an expanded word.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text {
        text: String,
        /// Not subject to pathname expansion.
        quoted: bool,
        /// Subject to field splitting.
        split: bool,
    },
    /// Between the fields of `"$@"`.
    Break,
}

/// What is quoted all over is one field as it stands.
fn unsplit(pieces: &[Piece]) -> Option<String> {
    let mut field = String::new();
    for piece in pieces {
        let Piece::Text { text, quoted: true, split: false } = piece else { return None };
        field.push_str(text);
    }
    (!pieces.is_empty()).then_some(field)
}

/// How the text of a word is taken.
#[derive(Clone, Copy)]
struct Mode {
    quoted: bool,
    /// Literal text is split as well (inside `${x:-a b}`).
    split_literals: bool,
    /// A tilde stands for a home directory also after `:` and at the start.
    tilde: Tilde,
}

#[derive(Clone, Copy, PartialEq)]
enum Tilde {
    No,
    Start,
    Assignment,
}

const PLAIN: Mode = Mode { quoted: false, split_literals: false, tilde: Tilde::Start };

/// Characters of one field, each with whether it was quoted.
type Field = Vec<(char, bool)>;

enum Value {
    Unset,
    Scalar(String),
    List(Vec<String>),
}

impl Shell {
    /// The fields that words stand for.
    pub async fn fields(&mut self, words: &[Word]) -> Result<Vec<String>, Flow> {
        let mut fields = Vec::new();
        for word in words {
            if let Some(text) = word.literal()
                && !text.contains(['*', '?', '[', '{', '~'])
            {
                fields.push(text.to_string());
                continue;
            }
            if self.dialect.is_bash()
                && let Some((name, rest)) = assignment_like(word)
                && matches!(rest.parts.first(), Some(Part::Literal(text)) if text.contains('~'))
            {
                let mut pieces = vec![Piece::Text { text: name, quoted: false, split: false }];
                self.parts(&rest.parts, Mode { tilde: Tilde::Assignment, ..PLAIN }, &mut pieces).await?;
                for field in self.split(pieces) {
                    self.pathnames(field, &mut fields);
                }
                continue;
            }
            let words: Cow<[Word]> = match self.dialect.is_bash() {
                true => brace::expand(word).into(),
                false => slice::from_ref(word).into(),
            };
            for word in words.iter() {
                let mut pieces = Vec::new();
                self.parts(&word.parts, PLAIN, &mut pieces).await?;
                if let Some(field) = unsplit(&pieces) {
                    fields.push(field);
                    self.bounded(fields.len().saturating_mul(32)).await?;
                    continue;
                }
                for field in self.split(pieces) {
                    self.pathnames(field, &mut fields);
                    self.bounded(fields.len().saturating_mul(32)).await?;
                }
            }
        }
        Ok(fields)
    }

    /// The fields of a command. What `export` and its like are given as `name=value` is taken as an assignment.
    pub async fn command_fields(&mut self, words: &[Word]) -> Result<Vec<String>, Flow> {
        let name = words.first().and_then(Word::literal).unwrap_or_default();
        let declares = matches!(name, "export" | "readonly" | "local")
            || (self.dialect.is_bash() && matches!(name, "declare" | "typeset"));
        if !declares {
            return self.fields(words).await;
        }
        let mut fields = vec![name.to_string()];
        self.lists.clear();
        for word in &words[1..] {
            if let [Part::Literal(head), Part::Array(array)] = word.parts.as_slice() {
                let list = head.trim_end_matches('=');
                let (list, append) = match list.strip_suffix('+') {
                    Some(list) => (list, true),
                    None => (list, false),
                };
                let items = self.items(&array.0).await?;
                self.trace_bash(|| {
                    let words = items.iter().map(|(key, _, value)| {
                        let key = key.as_ref().map(|key| format!("[{key}]=")).unwrap_or_default();
                        format!("{key}{}", super::builtins::bash_single_quoted(value))
                    });
                    format!("{head}({})", words.collect::<Vec<_>>().join(" "))
                })
                .await;
                self.lists.push((list.to_string(), append, items));
                fields.push(list.to_string());
                continue;
            }
            match assignment_like(word) {
                Some((name, value)) => fields.push(name + &self.assigned(&value).await?),
                None => fields.extend(self.fields(std::slice::from_ref(word)).await?),
            }
        }
        Ok(fields)
    }

    /// One string, without splitting and pathnames.
    pub async fn single(&mut self, word: &Word) -> Result<String, Flow> {
        let pieces = self.pieces(word, PLAIN).await?;
        Ok(joined(pieces))
    }

    /// The value of an assignment.
    pub async fn assigned(&mut self, word: &Word) -> Result<String, Flow> {
        let pieces = self.pieces(word, Mode { tilde: Tilde::Assignment, ..PLAIN }).await?;
        Ok(joined(pieces))
    }

    /// A here-document's text, an arithmetic expression: as between double quotes.
    pub async fn quoted_text(&mut self, parts: &[Part]) -> Result<String, Flow> {
        let mut pieces = Vec::new();
        self.parts(parts, Mode { quoted: true, split_literals: false, tilde: Tilde::No }, &mut pieces).await?;
        Ok(joined(pieces))
    }

    pub async fn pattern(&mut self, word: &Word) -> Result<Pattern, Flow> {
        let pieces = self.pieces(word, PLAIN).await?;
        let chars = characters(pieces);
        Ok(self.compiled(&chars))
    }

    fn compiled(&self, chars: &[(char, bool)]) -> Pattern {
        match self.dialect.is_bash() && self.shopt.has("extglob") {
            true => Pattern::extended(chars),
            false => Pattern::new(chars),
        }
    }

    /// The right side of `==` in `[[`.
    pub async fn test_pattern(&mut self, word: &Word) -> Result<Pattern, Flow> {
        let pieces = self.pieces(word, PLAIN).await?;
        let chars = characters(pieces);
        Ok(if self.dialect.is_bash() { Pattern::extended(&chars) } else { Pattern::new(&chars) })
    }

    /// A regular expression: quoted text stands for itself.
    pub async fn regex_text(&mut self, word: &Word) -> Result<String, Flow> {
        let mut regex = String::new();
        for piece in self.pieces(word, PLAIN).await? {
            match piece {
                Piece::Text { text, quoted: true, .. } => {
                    for c in text.chars() {
                        if c.is_ascii_punctuation() {
                            regex.push('\\');
                        }
                        regex.push(c);
                    }
                }
                Piece::Text { text, .. } => regex.push_str(&text),
                Piece::Break => regex.push(' '),
            }
        }
        Ok(regex)
    }

    async fn pieces(&mut self, word: &Word, mode: Mode) -> Result<Vec<Piece>, Flow> {
        let mut pieces = Vec::new();
        self.parts(&word.parts, mode, &mut pieces).await?;
        Ok(pieces)
    }

    fn parts<'a>(
        &'a mut self,
        parts: &'a [Part],
        mode: Mode,
        out: &'a mut Vec<Piece>,
    ) -> LocalBoxFuture<'a, Result<(), Flow>> {
        Box::pin(async move {
            for (i, part) in parts.iter().enumerate() {
                let quoted = mode.quoted;
                match part {
                    Part::Literal(text) => {
                        let last = i + 1 == parts.len();
                        let rest = match mode.tilde {
                            Tilde::Start if i == 0 => self.tilde(text, last, out),
                            Tilde::Assignment => self.tildes(text, i == 0, last, out),
                            _ => text.clone(),
                        };
                        if !rest.is_empty() {
                            out.push(Piece::Text { text: rest, quoted, split: mode.split_literals && !quoted });
                        }
                    }
                    Part::Quoted(text) => {
                        out.push(Piece::Text { text: text.clone(), quoted: true, split: false });
                    }
                    Part::Double(inner) => {
                        let before = out.len();
                        let inside = Mode { quoted: true, split_literals: false, tilde: Tilde::No };
                        self.parts(inner, inside, out).await?;
                        // `""` is an empty field, `"$@"` without parameters is none.
                        if out.len() == before && !is_only_at(inner) {
                            out.push(Piece::Text { text: String::new(), quoted: true, split: false });
                        }
                    }
                    Part::Param(param) => self.parameter(param, mode, out).await?,
                    Part::Command(list) => {
                        let text = self.substitute(list.clone()).await?;
                        self.bounded(text.len()).await?;
                        out.push(Piece::Text { text, quoted, split: !quoted });
                    }
                    Part::Arith(inner) => {
                        let text = self.quoted_text(inner).await?;
                        let value = self.arithmetic(&text).await?.to_string();
                        out.push(Piece::Text { text: value, quoted, split: !quoted });
                    }
                    Part::Process { list, output } => {
                        let text = self.process_file(list.clone(), *output).await?;
                        out.push(Piece::Text { text, quoted: true, split: false });
                    }
                    // Only assignments know what to do with it.
                    Part::Array(array) => {
                        out.push(Piece::Text { text: array.1.clone(), quoted: true, split: false });
                    }
                    Part::Bad(text) => {
                        let message = match self.dialect {
                            super::Dialect::Bash => format!("{text}: bad substitution"),
                            super::Dialect::Ash => "syntax error: bad substitution".to_string(),
                            super::Dialect::Dash => "Bad substitution".to_string(),
                        };
                        if self.dialect == super::Dialect::Ash {
                            self.line = self.parsed_line;
                        }
                        self.complain(None, &message).await;
                        return Err(Flow::Error(if self.dialect.is_bash() { 1 } else { 2 }));
                    }
                }
            }
            Ok(())
        })
    }

    /// Refuses text beyond the limit.
    async fn bounded(&self, length: usize) -> Result<(), Flow> {
        if length <= MAX_TEXT {
            return Ok(());
        }
        self.complain(None, "Cannot allocate memory").await;
        Err(Flow::Error(2))
    }

    // Tilde

    fn tilde(&self, text: &str, is_last: bool, out: &mut Vec<Piece>) -> String {
        if !text.starts_with('~') {
            return text.to_string();
        }
        let end = text.find('/');
        if end.is_none() && !is_last {
            return text.to_string();
        }
        let (name, rest) = text.split_at(end.unwrap_or(text.len()));
        match self.home_of(&name[1..]) {
            Some(home) => {
                out.push(Piece::Text { text: home, quoted: true, split: false });
                rest.to_string()
            }
            None => text.to_string(),
        }
    }

    fn tildes(&self, text: &str, is_first: bool, is_last: bool, out: &mut Vec<Piece>) -> String {
        if !text.contains('~') {
            return text.to_string();
        }
        let count = text.split(':').count();
        for (i, item) in text.split(':').enumerate() {
            if i > 0 {
                out.push(Piece::Text { text: ":".to_string(), quoted: false, split: false });
            }
            let rest = match i > 0 || is_first {
                true => self.tilde(item, i + 1 < count || is_last, out),
                false => item.to_string(),
            };
            if !rest.is_empty() {
                out.push(Piece::Text { text: rest, quoted: false, split: false });
            }
        }
        String::new()
    }

    fn home_of(&self, user: &str) -> Option<String> {
        match user {
            "" => self.get("HOME"),
            "+" if self.dialect.is_bash() => self.get("PWD"),
            "-" if self.dialect.is_bash() => self.get("OLDPWD"),
            "root" => Some("/root".to_string()),
            _ => None,
        }
    }

    // Arithmetic

    pub async fn arithmetic(&mut self, text: &str) -> Result<i64, Flow> {
        if text.len() > 100_000 {
            self.bounded(usize::MAX).await?;
        }
        let error = match arith::evaluate(text, self) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        self.complain(None, &self.arithmetic_message(text, &error)).await;
        Err(Flow::Error(if self.dialect.is_bash() { 1 } else { 2 }))
    }

    /// What the shell says of an expression it can't work out.
    pub fn arithmetic_message(&self, text: &str, error: &ArithError) -> String {
        let trimmed = text.trim_start();
        match (error, self.dialect) {
            (ArithError::Variable(message), _) => message.clone(),
            (ArithError::DivisionByZero, super::Dialect::Ash) => "divide by zero".to_string(),
            (_, super::Dialect::Ash) => "arithmetic syntax error".to_string(),
            (ArithError::DivisionByZero, super::Dialect::Dash) => {
                format!("arithmetic expression: division by zero: \"{text}\"")
            }
            (ArithError::ExpectingPrimary(_), super::Dialect::Dash) => {
                format!("arithmetic expression: expecting primary: \"{text}\"")
            }
            (ArithError::ExpectingEnd(_), super::Dialect::Dash) => {
                format!("arithmetic expression: expecting EOF: \"{text}\"")
            }
            (ArithError::BadNumber(_), super::Dialect::Dash) => {
                format!("arithmetic expression: expecting EOF: \"{text}\"")
            }
            (ArithError::TooDeep, _) => format!("{trimmed}: expression recursion level exceeded"),
            (ArithError::DivisionByZero, _) => {
                let divisor = trimmed.rsplit(['/', '%']).next().unwrap_or("").trim();
                format!("{trimmed}: division by 0 (error token is \"{divisor}\")")
            }
            (ArithError::ExpectingPrimary(token), _) => {
                format!("{trimmed}: syntax error: operand expected (error token is \"{token}\")")
            }
            (ArithError::ExpectingEnd(token), _) => {
                format!("{trimmed}: syntax error in expression (error token is \"{token}\")")
            }
            (ArithError::BadNumber(number), _) => {
                format!("{number}: value too great for base (error token is \"{number}\")")
            }
        }
    }

    /// The output of a command, without the newlines at its end.
    async fn substitute(&mut self, list: Rc<super::ast::List>) -> Result<String, Flow> {
        let list = if self.dialect.is_bash() { reading_file(list) } else { list };
        let (read, write) = self.proc.pipe();
        let Ok(pid) = self.fork(vec![(1, write)], super::interpret::Work::Substitution(list)) else {
            return Err(self.cannot_fork().await);
        };
        let mut output = Vec::new();
        while let Ok(data) = read.read(64 * 1024).await
            && !data.is_empty()
        {
            output.extend_from_slice(&data);
            if output.len() > MAX_TEXT {
                break;
            }
        }
        drop(read);
        let status = self.wait_for(pid).await;
        self.substituted = Some(status);
        self.check_signals().await?;
        self.bounded(output.len()).await?;
        while output.last() == Some(&b'\n') {
            output.pop();
        }
        output.retain(|b| *b != 0);
        Ok(util::text(output))
    }
}

impl arith::Variables for Shell {
    fn get(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.value_of(name) {
            Value::Scalar(text) => Ok(Some(text)),
            _ if self.options.nounset && self.dialect.is_bash() => Err(match self.dialect {
                super::Dialect::Bash => format!("{name}: unbound variable"),
                _ => format!("{name}: parameter not set"),
            }),
            _ => Ok(None),
        }
    }

    fn set(&mut self, name: &str, value: i64) -> Result<(), String> {
        self.assign(name, value.to_string())
    }

    fn is_associative(&self, name: &str) -> bool {
        self.has_words_as_keys(name)
    }

    fn dialect(&self) -> super::Dialect {
        self.dialect
    }
}

/// `name=` and what comes after it.
fn assignment_like(word: &Word) -> Option<(String, Word)> {
    let Some(Part::Literal(text)) = word.parts.first() else { return None };
    let (name, value) = text.split_once('=').filter(|(name, _)| super::ast::is_name(name))?;
    let value = (!value.is_empty()).then(|| Part::Literal(value.to_string()));
    let parts = value.into_iter().chain(word.parts[1..].iter().cloned()).collect();
    Some((format!("{name}="), Word { parts }))
}

fn characters(pieces: Vec<Piece>) -> Vec<(char, bool)> {
    let mut chars = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text { text, quoted, .. } => chars.extend(text.chars().map(|c| (c, quoted))),
            Piece::Break => chars.push((' ', true)),
        }
    }
    chars
}

/// `"$@"`, or several of them.
fn is_only_at(parts: &[Part]) -> bool {
    !parts.is_empty()
        && parts.iter().any(|part| matches!(part, Part::Param(param) if param.is_at()))
        && parts.iter().all(|part| matches!(part, Part::Param(_)))
}

fn joined(pieces: Vec<Piece>) -> String {
    pieces
        .into_iter()
        .map(|piece| match piece {
            Piece::Text { text, .. } => text,
            Piece::Break => " ".to_string(),
        })
        .collect()
}

/// bash reads `$(<file)` as `$(cat file)`.
fn reading_file(list: Rc<super::ast::List>) -> Rc<super::ast::List> {
    use super::ast::{CommandKind, Target};
    let [item] = list.0.as_slice() else { return list };
    let ([command], []) = (item.and_or.first.commands.as_slice(), item.and_or.rest.as_slice()) else { return list };
    let CommandKind::Simple { assigns, words } = &command.kind else { return list };
    if !assigns.is_empty()
        || !words.is_empty()
        || !matches!(&command.redirects[..], [one] if matches!(one.target, Target::Read(_)))
    {
        return list;
    }
    let mut command = (**command).clone();
    let cat = Word { parts: vec![Part::Literal("cat".to_string())] };
    command.kind = CommandKind::Simple { assigns: Vec::new(), words: vec![cat] };
    let mut item = item.clone();
    let mut and_or = (*item.and_or).clone();
    and_or.first.commands = vec![Rc::new(command)];
    item.and_or = Rc::new(and_or);
    Rc::new(super::ast::List(vec![item]))
}
