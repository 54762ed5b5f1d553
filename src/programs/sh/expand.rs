//! Words to fields: tilde, parameters, command substitution, arithmetic, splitting, pathnames.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use super::{
    arith::{self, ArithError},
    arrays,
    ast::{Index, Param, ParamOp, Part, ReplaceAt, Word},
    brace,
    pattern::Pattern,
    state::{Flow, MAX_TEXT, Shell},
};
use crate::{os::fs::FileType, programs::util};

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
            let words = if self.dialect.is_bash() { brace::expand(word) } else { vec![word.clone()] };
            for word in words {
                let mut pieces = Vec::new();
                self.parts(&word.parts, PLAIN, &mut pieces).await?;
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

    // Parameters

    fn value_of(&mut self, name: &str) -> Value {
        let scalar = |text: String| Value::Scalar(text);
        match name {
            "@" | "*" => Value::List(self.positional.clone()),
            "#" => scalar(self.positional.len().to_string()),
            "?" => scalar(self.status.to_string()),
            "$" => scalar(self.main_pid.to_string()),
            "!" => self.last_background.map_or(Value::Unset, |pid| scalar(pid.to_string())),
            "-" => scalar(self.flags()),
            "0" => scalar(self.arg0.clone()),
            _ if name.starts_with(|c: char| c.is_ascii_digit()) => {
                let index = name.parse::<usize>().unwrap_or(usize::MAX);
                match index {
                    0 => scalar(self.arg0.clone()),
                    _ => self.positional.get(index - 1).cloned().map_or(Value::Unset, Value::Scalar),
                }
            }
            // Debian builds dash without it.
            "LINENO" if self.dialect != super::Dialect::Dash => scalar(self.line.to_string()),
            "RANDOM" if self.dialect.has_bash_syntax() => scalar(self.random.below(32768).to_string()),
            "SECONDS" if self.dialect.is_bash() => {
                scalar((self.proc.sim().now().as_nanos() / 1_000_000_000).to_string())
            }
            "EPOCHSECONDS" if self.dialect.has_bash_syntax() => scalar(self.proc.sim().wall().as_second().to_string()),
            "BASHPID" if self.dialect.is_bash() => scalar(self.proc.pid().to_string()),
            _ if name.ends_with(']') && self.dialect.is_bash() => match arrays::subscripted(name) {
                Some((name, "@" | "*")) => Value::List(self.all_values(name)),
                Some((name, key)) => self.element(name, key).ok().flatten().map_or(Value::Unset, Value::Scalar),
                None => Value::Unset,
            },
            "PIPESTATUS" | "FUNCNAME" | "BASH_SOURCE" | "BASH_VERSINFO" | "GROUPS" => {
                let first = self.array(name).and_then(|array| array.first().cloned());
                first.or_else(|| self.get(name)).map_or(Value::Unset, Value::Scalar)
            }
            _ => self.get(name).map_or(Value::Unset, Value::Scalar),
        }
    }

    /// What a parameter names: a variable, or `name[key]` with the key worked out. `None`: nothing that can be.
    async fn place(&mut self, param: &Param) -> Result<Option<String>, Flow> {
        let name = &param.name;
        let Some(Index::Word(word)) = &param.index else { return Ok(Some(name.clone())) };
        let key = self.single(word).await?;
        if key.is_empty() {
            self.complain(None, &format!("{}: bad substitution", param.text)).await;
            return Err(Flow::Error(1));
        }
        if self.has_words_as_keys(name) {
            return Ok(Some(format!("{name}[{key}]")));
        }
        let index = self.arithmetic(&key).await?;
        match self.index(&index.to_string(), self.array_end(name)) {
            Ok(Some(index)) => Ok(Some(format!("{name}[{index}]"))),
            _ => {
                self.complain(None, &format!("{name}: bad array subscript")).await;
                Ok(None)
            }
        }
    }

    /// The values of `${name[@]}` and its like.
    fn values_of(&mut self, param: &Param) -> Vec<String> {
        match param.op {
            ParamOp::Keys => self.all_keys(&param.name),
            ParamOp::Names => {
                let variables = self.variables.iter().filter(|(_, variable)| **variable != Default::default());
                variables.map(|(name, _)| name.clone()).filter(|name| name.starts_with(&param.name)).collect()
            }
            _ => self.all_values(&param.name),
        }
    }

    /// The value of a variable or parameter as one string.
    pub fn lookup(&mut self, name: &str) -> Option<String> {
        match self.value_of(name) {
            Value::Unset => None,
            Value::Scalar(text) => Some(text),
            Value::List(list) => Some(list.join(" ")),
        }
    }

    async fn parameter(&mut self, param: &Param, mode: Mode, out: &mut Vec<Piece>) -> Result<(), Flow> {
        let (place, mut value) = match param.index {
            Some(Index::At | Index::Star) => (param.name.clone(), Value::List(self.values_of(param))),
            _ => match self.place(param).await? {
                Some(place) => {
                    let value = self.value_of(&place);
                    (place, value)
                }
                None => (param.place(), Value::Unset),
            },
        };
        if let ParamOp::Default { colon, op, word } = &param.op {
            let is_empty = match &value {
                Value::Unset => true,
                Value::Scalar(text) => *colon && text.is_empty(),
                Value::List(list) => list.is_empty() || (*colon && list.iter().all(String::is_empty)),
            };
            let inside = Mode { split_literals: !mode.quoted, ..mode };
            match (op, is_empty) {
                ('-', true) | ('+', false) => return self.parts(&word.parts, inside, out).await,
                ('+', true) => return Ok(()),
                ('=', true) => {
                    let text = match mode.quoted {
                        true => self.quoted_text(&word.parts).await?,
                        false => self.assigned(word).await?,
                    };
                    if !super::ast::is_name(&param.name) && param.index.is_none() && self.dialect.is_bash() {
                        self.complain(None, &format!("${}: cannot assign in this way", param.name)).await;
                        return Err(Flow::Error(1));
                    }
                    if !super::ast::is_name(&param.name) {
                        self.complain(None, &format!("{}: bad variable name", param.name)).await;
                        return Err(Flow::Error(2));
                    }
                    self.set_or_fail(&place, text.clone()).await?;
                    value = Value::Scalar(text);
                }
                ('?', true) => {
                    let text = self.single(word).await?;
                    let bash = self.dialect.is_bash();
                    let text = match (text.is_empty(), *colon) {
                        (false, _) => text,
                        (true, true) if bash => "parameter null or not set".to_string(),
                        (true, true) => "parameter not set or null".to_string(),
                        (true, false) => "parameter not set".to_string(),
                    };
                    self.complain(None, &format!("{}: {text}", param.place())).await;
                    return Err(self.unset_parameter());
                }
                _ => {}
            }
        }
        if let (Value::Unset, true) = (&value, self.options.nounset) {
            let text = if self.dialect.is_bash() { "unbound variable" } else { "parameter not set" };
            let dollar = if self.dialect.is_bash() && !super::ast::is_name(&param.name) { "$" } else { "" };
            self.complain(None, &format!("{dollar}{}: {text}", param.place())).await;
            return Err(self.unset_parameter());
        }
        if param.op == ParamOp::Length {
            let length = match &value {
                Value::Unset => 0,
                Value::Scalar(text) if self.dialect.is_bash() => text.chars().count(),
                Value::Scalar(text) => text.len(),
                Value::List(list) if self.dialect.is_bash() => list.len(),
                Value::List(list) => list.join(" ").len(),
            };
            out.push(Piece::Text { text: length.to_string(), quoted: mode.quoted, split: !mode.quoted });
            return Ok(());
        }
        if param.op == ParamOp::Indirect {
            value = match value {
                Value::Scalar(name) => self.value_of(&name),
                other => other,
            };
        }
        let value = self.transform(value, param).await?;
        let (quoted, split) = (mode.quoted, !mode.quoted);
        match value {
            Value::Unset => {}
            Value::Scalar(text) if text.is_empty() => {}
            Value::Scalar(text) => out.push(Piece::Text { text, quoted, split }),
            Value::List(list) if param.is_star() && (mode.quoted || mode.tilde == Tilde::Assignment) => {
                let separator = self.get("IFS").map_or(" ".to_string(), |ifs| ifs.chars().take(1).collect());
                let text = list.join(&separator);
                out.push(Piece::Text { text, quoted, split });
            }
            Value::List(list) => {
                for (i, text) in list.into_iter().enumerate() {
                    if i > 0 {
                        out.push(Piece::Break);
                    }
                    if quoted || !text.is_empty() {
                        out.push(Piece::Text { text, quoted, split });
                    }
                }
            }
        }
        Ok(())
    }

    /// The end that an unset parameter makes of a script.
    fn unset_parameter(&self) -> Flow {
        match self.dialect.is_bash() {
            true if self.reading == super::state::Source::Terminal => Flow::Error(1),
            true => Flow::Exit(if self.reading == super::state::Source::Command { 127 } else { 1 }),
            false => Flow::Error(2),
        }
    }

    /// Assigns, or reports why not.
    pub async fn set_or_fail(&mut self, name: &str, value: String) -> Result<(), Flow> {
        self.bounded(value.len()).await?;
        match self.assign(name, value) {
            Ok(()) => Ok(()),
            Err(message) => {
                self.complain(None, &message).await;
                Err(Flow::Error(if self.dialect.is_bash() { 1 } else { 2 }))
            }
        }
    }

    async fn transform(&mut self, value: Value, param: &Param) -> Result<Value, Flow> {
        let each = |value: Value, f: &dyn Fn(&[char]) -> String| {
            let apply = |text: String| f(&text.chars().collect::<Vec<_>>());
            match value {
                Value::Unset => Value::Unset,
                Value::Scalar(text) => Value::Scalar(apply(text)),
                Value::List(list) => Value::List(list.into_iter().map(apply).collect()),
            }
        };
        let collect = |chars: &[char]| chars.iter().collect::<String>();
        Ok(match &param.op {
            ParamOp::Value
            | ParamOp::Length
            | ParamOp::Indirect
            | ParamOp::Keys
            | ParamOp::Names
            | ParamOp::Default { .. } => value,
            ParamOp::Transform('A') => {
                let name = &param.name;
                match (self.variable(name).cloned(), value) {
                    (Some(variable), Value::List(_)) => Value::Scalar(super::builtins::declaration(name, &variable)),
                    (_, Value::Scalar(text)) => {
                        Value::Scalar(format!("{}={}", param.place(), super::builtins::bash_single_quoted(&text)))
                    }
                    (_, value) => value,
                }
            }
            ParamOp::Transform(op) => each(value, &|text| {
                let all = collect(text);
                match op {
                    'U' => all.to_uppercase(),
                    'L' => all.to_lowercase(),
                    'u' => {
                        text.iter().take(1).flat_map(|c| c.to_uppercase()).chain(text.iter().skip(1).copied()).collect()
                    }
                    _ => super::builtins::bash_single_quoted(&all),
                }
            }),
            ParamOp::Trim { suffix, longest, pattern } => {
                let pattern = self.pattern(pattern).await?;
                each(value, &|text| match suffix {
                    true => collect(&text[..pattern.suffix(text, *longest).unwrap_or(text.len())]),
                    false => collect(&text[pattern.prefix(text, *longest).unwrap_or(0)..]),
                })
            }
            ParamOp::Replace { at, pattern, with } => {
                let pattern = self.pattern(pattern).await?;
                let with = self.single(with).await?;
                each(value, &|text| replace(text, *at, &pattern, &with))
            }
            ParamOp::Case { upper, all } => each(value, &|text| {
                let change = |c: &char| match upper {
                    true => c.to_uppercase().collect::<String>(),
                    false => c.to_lowercase().collect(),
                };
                let count = if *all { text.len() } else { text.len().min(1) };
                text[..count].iter().map(change).collect::<String>() + &collect(&text[count..])
            }),
            ParamOp::Substring { offset, length } => {
                let offset = self.quoted_text(&offset.parts).await?;
                let offset = self.arithmetic(&offset).await?;
                let length = match length {
                    Some(word) => {
                        let text = self.quoted_text(&word.parts).await?;
                        Some(self.arithmetic(&text).await?)
                    }
                    None => None,
                };
                match value {
                    // Indices count here, not places.
                    Value::List(list) if param.index.is_some() => {
                        let keys = self.all_keys(&param.name);
                        let end = i64::try_from(self.array_end(&param.name)).unwrap_or(i64::MAX);
                        let from = if offset < 0 { end.saturating_add(offset) } else { offset };
                        if let Some(length) = length.filter(|length| *length < 0) {
                            self.complain(None, &format!("{length}: substring expression < 0")).await;
                            return Err(Flow::Error(1));
                        }
                        let count = length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
                        let index =
                            |place: usize| keys.get(place).and_then(|key| key.parse().ok()).unwrap_or(place as i64);
                        let items =
                            list.into_iter().enumerate().filter(|(place, _)| from >= 0 && index(*place) >= from);
                        Value::List(items.map(|(_, item)| item).take(count).collect())
                    }
                    Value::List(list) => {
                        let mut all = vec![self.arg0.clone()];
                        all.extend(list);
                        let from = if offset == 0 { 1 } else { offset };
                        Value::List(all[substring(all.len(), from, length)].to_vec())
                    }
                    value => each(value, &|text| collect(&text[substring(text.len(), offset, length)])),
                }
            }
        })
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

    // Fields

    fn split(&self, pieces: Vec<Piece>) -> Vec<Field> {
        let ifs = self.get("IFS").unwrap_or_else(|| " \t\n".to_string());
        let mut fields: Vec<Field> = Vec::new();
        let mut field: Option<Field> = None;
        // A field just ended at white space, so a delimiter that follows belongs to the same gap.
        let mut after_space = false;
        for piece in pieces {
            match piece {
                Piece::Break => {
                    fields.extend(field.take());
                    after_space = false;
                }
                Piece::Text { text, quoted, split: false } => {
                    field.get_or_insert_default().extend(text.chars().map(|c| (c, quoted)));
                    after_space = false;
                }
                Piece::Text { text, quoted, split: true } => {
                    for c in text.chars() {
                        if !ifs.contains(c) {
                            field.get_or_insert_default().push((c, quoted));
                            after_space = false;
                        } else if matches!(c, ' ' | '\t' | '\n') {
                            if let Some(done) = field.take() {
                                fields.push(done);
                                after_space = true;
                            }
                        } else {
                            match field.take() {
                                Some(done) => fields.push(done),
                                None if after_space => {}
                                None => fields.push(Field::new()),
                            }
                            after_space = false;
                        }
                    }
                }
            }
        }
        fields.extend(field);
        fields
    }

    fn pathnames(&mut self, field: Field, out: &mut Vec<String>) {
        let extglob = self.shopt.has("extglob");
        let is_special = |(c, quoted): &(char, bool)| {
            !quoted && (matches!(c, '*' | '?' | '[') || (extglob && matches!(c, '+' | '@' | '!')))
        };
        let special = !self.options.noglob && field.iter().any(is_special);
        if special {
            let mut found = self.glob(&field);
            if !found.is_empty() {
                found.sort();
                out.append(&mut found);
                return;
            }
            if self.shopt.has("nullglob") {
                return;
            }
        }
        out.push(field.into_iter().map(|(c, _)| c).collect());
    }

    /// The paths that match, unsorted; none if nothing does.
    fn glob(&self, field: &[(char, bool)]) -> Vec<String> {
        let absolute = field.first().is_some_and(|(c, _)| *c == '/');
        let mut found = vec![if absolute { "/".to_string() } else { String::new() }];
        let components: Vec<&[(char, bool)]> = field.split(|(c, _)| *c == '/').collect();
        let count = components.len();
        for (i, component) in components.into_iter().enumerate() {
            let is_last = i + 1 == count;
            if component.is_empty() {
                if is_last {
                    found.retain(|path| self.proc.stat(path).is_ok_and(|s| s.file_type == FileType::Directory));
                }
                continue;
            }
            let pattern = self.compiled(component);
            let mut next = Vec::new();
            for base in &found {
                let child = |name: &str| format!("{base}{name}{}", if is_last { "" } else { "/" });
                if let Some(name) = pattern.literal() {
                    let path = child(&name);
                    let exists = self.proc.lstat(path.trim_end_matches('/')).is_ok();
                    if exists {
                        next.push(path);
                    }
                    continue;
                }
                let entries = self.proc.read_dir(if base.is_empty() { "." } else { base }).unwrap_or_default();
                let dots = [".", ".."].map(str::to_string);
                let names = entries.into_iter().map(|entry| entry.name);
                let names =
                    names.chain(dots.into_iter().filter(|_| pattern.begins_with_dot() && !self.dialect.is_bash()));
                for name in names {
                    if (!name.starts_with('.') || pattern.begins_with_dot() || self.shopt.has("dotglob"))
                        && pattern.matches(&name)
                    {
                        let path = child(&name);
                        if is_last || self.proc.stat(&path).is_ok_and(|s| s.file_type == FileType::Directory) {
                            next.push(path);
                        }
                    }
                }
            }
            found = next;
        }
        found
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

/// The range of `${x:offset:length}` in `count` items.
fn substring(count: usize, offset: i64, length: Option<i64>) -> std::ops::Range<usize> {
    let count = count as i64;
    let start = if offset < 0 { count.saturating_add(offset) } else { offset };
    if start < 0 || start > count {
        return 0..0;
    }
    let end = match length {
        None => count,
        Some(n) if n < 0 => count.saturating_add(n),
        Some(n) => start.saturating_add(n).min(count),
    };
    start as usize..end.max(start) as usize
}

fn replace(text: &[char], at: ReplaceAt, pattern: &Pattern, with: &str) -> String {
    let tail = |from: usize| text[from..].iter().collect::<String>();
    match at {
        ReplaceAt::Start => match pattern.prefix(text, true) {
            Some(n) => with.to_string() + &tail(n),
            None => tail(0),
        },
        ReplaceAt::End => match pattern.suffix(text, true) {
            Some(n) => text[..n].iter().collect::<String>() + with,
            None => tail(0),
        },
        ReplaceAt::First | ReplaceAt::All => {
            let mut out = String::new();
            let mut i = 0;
            while i < text.len() {
                match pattern.prefix(&text[i..], true).filter(|n| *n > 0) {
                    Some(n) => {
                        out.push_str(with);
                        i += n;
                        if at == ReplaceAt::First {
                            return out + &tail(i);
                        }
                    }
                    None => {
                        out.push(text[i]);
                        i += 1;
                    }
                }
            }
            out
        }
    }
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
