//! `$x` and `${x...}`: the values of parameters and what the operators make of them.

use super::{
    super::{
        arrays,
        ast::{Index, Param, ParamOp, ReplaceAt},
        pattern::Pattern,
        state::{Flow, Shell},
    },
    Mode, Piece, Tilde, Value,
};

impl Shell {
    pub(super) fn value_of(&mut self, name: &str) -> Value {
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
            "LINENO" if self.dialect != super::super::Dialect::Dash => scalar(self.line.to_string()),
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
    pub(super) async fn place(&mut self, param: &Param) -> Result<Option<String>, Flow> {
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
    pub(super) fn values_of(&mut self, param: &Param) -> Vec<String> {
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

    pub(super) async fn parameter(&mut self, param: &Param, mode: Mode, out: &mut Vec<Piece>) -> Result<(), Flow> {
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
                    if !super::super::ast::is_name(&param.name) && param.index.is_none() && self.dialect.is_bash() {
                        self.complain(None, &format!("${}: cannot assign in this way", param.name)).await;
                        return Err(Flow::Error(1));
                    }
                    if !super::super::ast::is_name(&param.name) {
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
            let dollar = if self.dialect.is_bash() && !super::super::ast::is_name(&param.name) { "$" } else { "" };
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
    pub(super) fn unset_parameter(&self) -> Flow {
        match self.dialect.is_bash() {
            true if self.reading == super::super::state::Source::Terminal => Flow::Error(1),
            true => Flow::Exit(if self.reading == super::super::state::Source::Command { 127 } else { 1 }),
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

    pub(super) async fn transform(&mut self, value: Value, param: &Param) -> Result<Value, Flow> {
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
                    (Some(variable), Value::List(_)) => {
                        Value::Scalar(super::super::builtins::declaration(name, &variable))
                    }
                    (_, Value::Scalar(text)) => Value::Scalar(format!(
                        "{}={}",
                        param.place(),
                        super::super::builtins::bash_single_quoted(&text)
                    )),
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
                    _ => super::super::builtins::bash_single_quoted(&all),
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
