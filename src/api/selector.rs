//! Label selectors and field selectors: their texts, errors and matching (`apimachinery/pkg/labels`, `pkg/fields`).

use std::{borrow::Cow, collections::BTreeMap, fmt};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as ApiSelector;

use super::{
    field::{Path, quoted},
    names,
};

pub type Labels = BTreeMap<String, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    In,
    NotIn,
    Equals,
    DoubleEquals,
    NotEquals,
    Exists,
    DoesNotExist,
    GreaterThan,
    LessThan,
}

impl Operator {
    /// As the real parser names it.
    pub fn name(self) -> &'static str {
        match self {
            Operator::In => "in",
            Operator::NotIn => "notin",
            Operator::Equals => "=",
            Operator::DoubleEquals => "==",
            Operator::NotEquals => "!=",
            Operator::Exists => "exists",
            Operator::DoesNotExist => "!",
            Operator::GreaterThan => "gt",
            Operator::LessThan => "lt",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub key: String,
    pub operator: Operator,
    /// Sorted.
    pub values: Vec<String>,
}

impl Requirement {
    /// The error lists all that is wrong, as the real constructor does.
    pub fn new(key: &str, operator: Operator, values: Vec<String>) -> Result<Requirement, String> {
        let mut errors: Vec<String> = Vec::new();
        let wrong = names::qualified_name(key);
        if !wrong.is_empty() {
            errors.push(format!("key: Invalid value: {}: {}", quoted(key), wrong.join("; ")));
        }
        let show = || format!("values: Invalid value: {}", serde_json::Value::from(values.clone()));
        match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                errors.push(format!("{}: for 'in', 'notin' operators, values set can't be empty", show()));
            }
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
                errors.push(format!("{}: exact-match compatibility requires one single value", show()));
            }
            Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                errors.push(format!("{}: values set must be empty for exists and does not exist", show()));
            }
            Operator::GreaterThan | Operator::LessThan => {
                if values.len() != 1 {
                    errors.push(format!("{}: for 'Gt', 'Lt' operators, exactly one value is required", show()));
                }
                for (index, value) in values.iter().enumerate().filter(|(_, value)| value.parse::<i64>().is_err()) {
                    let why = "for 'Gt', 'Lt' operators, the value must be an integer";
                    errors.push(format!("values[{index}]: Invalid value: {}: {why}", quoted(value)));
                }
            }
            _ => {}
        }
        for (index, value) in values.iter().enumerate() {
            let wrong = names::label_value(value);
            if !wrong.is_empty() {
                errors.push(format!("values[{index}][{key}]: Invalid value: {}: {}", quoted(value), wrong.join("; ")));
            }
        }
        match errors.len() {
            0 => Ok(Requirement { key: key.into(), operator, values }),
            1 => Err(errors.remove(0)),
            _ => Err(format!("[{}]", errors.join(", "))),
        }
    }

    pub fn matches(&self, value: Option<&str>) -> bool {
        let has = |value: &str| self.values.iter().any(|v| v == value);
        let compare = |value: &str| Some(value.parse::<i64>().ok()?.cmp(&self.values.first()?.parse().ok()?));
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => value.is_some_and(has),
            Operator::NotIn | Operator::NotEquals => value.is_none_or(|value| !has(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => value.and_then(compare).is_some_and(|order| order.is_gt()),
            Operator::LessThan => value.and_then(compare).is_some_and(|order| order.is_lt()),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, values) = (&self.key, self.values.join(","));
        match self.operator {
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

/// All requirements must hold; none selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    pub requirements: Vec<Requirement>,
    /// Selects nothing at all (an absent API selector).
    nothing: bool,
}

impl LabelSelector {
    pub fn everything() -> LabelSelector {
        LabelSelector::default()
    }

    pub fn nothing() -> LabelSelector {
        LabelSelector { requirements: Vec::new(), nothing: true }
    }

    /// A `-l` text: `app=web,tier in (front, back),!old`.
    pub fn parse(text: &str) -> Result<LabelSelector, String> {
        let mut requirements = Parser { tokens: lex(text), at: 0 }.parse()?;
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(LabelSelector { requirements, nothing: false })
    }

    /// `labels.ConvertSelectorToLabelsMap`: a text of `key=value` alone, as a map.
    pub fn exact_labels(text: &str) -> Result<Labels, String> {
        let mut labels = Labels::new();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let pair: Vec<&str> = part.split('=').collect();
            let [key, value] = pair[..] else { return Err(format!("invalid selector: {part}")) };
            let (key, value) = (key.trim(), value.trim());
            let wrong = names::qualified_name(key);
            if !wrong.is_empty() {
                return Err(format!("key: Invalid value: {}: {}", quoted(key), wrong.join("; ")));
            }
            let wrong = names::label_value(value);
            if !wrong.is_empty() {
                return Err(format!("value: Invalid value: {}: {}", quoted(value), wrong.join("; ")));
            }
            labels.insert(key.into(), value.into());
        }
        Ok(labels)
    }

    /// Exactly these labels.
    pub fn from_labels(labels: &Labels) -> LabelSelector {
        let requirement = |(key, value): (&String, &String)| Requirement {
            key: key.clone(),
            operator: Operator::Equals,
            values: vec![value.clone()],
        };
        LabelSelector { requirements: labels.iter().map(requirement).collect(), nothing: false }
    }

    /// `metav1.LabelSelectorAsSelector`: an absent one selects nothing, an empty one everything.
    pub fn from_api(selector: Option<&ApiSelector>) -> Result<LabelSelector, String> {
        let Some(selector) = selector else { return Ok(LabelSelector::nothing()) };
        let mut all = LabelSelector::default();
        for (key, value) in selector.match_labels.iter().flatten() {
            all.requirements.push(Requirement::new(key, Operator::Equals, vec![value.clone()])?);
        }
        for expression in selector.match_expressions.iter().flatten() {
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(format!("{} is not a valid label selector operator", quoted(other))),
            };
            let mut values = expression.values.clone().unwrap_or_default();
            values.sort();
            all.requirements.push(Requirement::new(&expression.key, operator, values)?);
        }
        all.requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(all)
    }

    /// The labels that it asks for, if it asks for nothing else.
    pub fn exact(&self) -> Option<Labels> {
        let exact = |r: &Requirement| match (r.operator, r.values.as_slice()) {
            (Operator::Equals | Operator::DoubleEquals, [value]) => Some((r.key.clone(), value.clone())),
            _ => None,
        };
        self.requirements.iter().map(exact).collect()
    }

    pub fn is_empty(&self) -> bool {
        !self.nothing && self.requirements.is_empty()
    }

    pub fn matches(&self, labels: Option<&Labels>) -> bool {
        let value = |key: &str| labels.and_then(|labels| labels.get(key)).map(String::as_str);
        !self.nothing && self.requirements.iter().all(|r| r.matches(value(&r.key)))
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.requirements.iter().map(Requirement::to_string).collect();
        f.write_str(&texts.join(","))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    End,
    Symbol(&'static str),
    Word(String),
    Wrong(String),
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Token::End => "",
            Token::Symbol(text) => text,
            Token::Word(text) | Token::Wrong(text) => text,
        }
    }
}

fn lex(text: &str) -> Vec<Token> {
    const SYMBOLS: [&str; 9] = [")", ",", "!", "==", "=", ">", "<", "!=", "("];
    let special = |b: u8| matches!(b, b'=' | b'!' | b'(' | b')' | b',' | b'>' | b'<');
    let blank = |b: u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    let bytes = text.as_bytes();
    let (mut tokens, mut at) = (Vec::new(), 0);
    loop {
        while at < bytes.len() && blank(bytes[at]) {
            at += 1;
        }
        // A zero byte ends the text for the real lexer too.
        if at >= bytes.len() || bytes[at] == 0 {
            tokens.push(Token::End);
            return tokens;
        }
        let start = at;
        if special(bytes[at]) {
            let mut found = None;
            while at < bytes.len() && special(bytes[at]) {
                let longer = SYMBOLS.iter().find(|s| **s == &text[start..=at]);
                if longer.is_none() && found.is_some() {
                    break;
                }
                found = longer.copied();
                at += 1;
            }
            tokens.push(match found {
                Some(symbol) => Token::Symbol(symbol),
                None => Token::Wrong(format!("error expected: keyword found '{}'", &text[start..at])),
            });
        } else {
            while at < bytes.len() && !special(bytes[at]) && !blank(bytes[at]) && bytes[at] != 0 {
                at += 1;
            }
            tokens.push(Token::Word(text[start..at].to_string()));
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn parse(mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        loop {
            match self.peek() {
                Token::Word(_) | Token::Symbol("!") => {
                    let requirement = self.requirement().map_err(|e| format!("unable to parse requirement: {e}"))?;
                    requirements.push(requirement);
                    match self.next() {
                        Token::End => return Ok(requirements),
                        Token::Symbol(",") => match self.peek() {
                            Token::Word(_) | Token::Symbol("!") => {}
                            other => return Err(format!("found '{}', expected: identifier after ','", other.text())),
                        },
                        other => return Err(format!("found '{}', expected: ',' or 'end of string'", other.text())),
                    }
                }
                Token::End => return Ok(requirements),
                other => return Err(format!("found '{}', expected: !, identifier, or 'end of string'", other.text())),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let mut token = self.next();
        let absent = token == Token::Symbol("!");
        if absent {
            token = self.next();
        }
        let Token::Word(key) = token else { return Err(format!("found '{}', expected: identifier", token.text())) };
        let wrong = names::qualified_name(&key);
        if !wrong.is_empty() {
            return Err(format!("{}: Invalid value: {}: {}", Path::NONE, quoted(&key), wrong.join("; ")));
        }
        if absent {
            return Requirement::new(&key, Operator::DoesNotExist, Vec::new());
        }
        if matches!(self.peek(), Token::End | Token::Symbol(",")) {
            return Requirement::new(&key, Operator::Exists, Vec::new());
        }
        let token = self.next();
        let operator = match &token {
            Token::Word(word) if word == "in" => Operator::In,
            Token::Word(word) if word == "notin" => Operator::NotIn,
            Token::Symbol("=") => Operator::Equals,
            Token::Symbol("==") => Operator::DoubleEquals,
            Token::Symbol("!=") => Operator::NotEquals,
            Token::Symbol(">") => Operator::GreaterThan,
            Token::Symbol("<") => Operator::LessThan,
            other => return Err(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", other.text())),
        };
        let mut values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => vec![self.exact()?],
        };
        values.sort();
        values.dedup();
        Requirement::new(&key, operator, values)
    }

    fn exact(&mut self) -> Result<String, String> {
        if matches!(self.peek(), Token::End | Token::Symbol(",")) {
            return Ok(String::new());
        }
        match self.next() {
            Token::Word(word) => Ok(word),
            other => Err(format!("found '{}', expected: identifier", other.text())),
        }
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let open = self.next();
        if open != Token::Symbol("(") {
            return Err(format!("found '{}' expected: '('", open.text()));
        }
        match self.peek() {
            Token::Word(_) | Token::Symbol(",") => {}
            Token::Symbol(")") => {
                self.at += 1;
                return Ok(vec![String::new()]);
            }
            other => return Err(format!("found '{}', expected: ',', ')' or identifier", other.text())),
        }
        let mut values = Vec::new();
        loop {
            match self.next() {
                Token::Word(word) => {
                    values.push(word);
                    match self.peek() {
                        Token::Symbol(",") => {}
                        Token::Symbol(")") => break,
                        other => return Err(format!("found '{}', expected: ',' or ')'", other.text())),
                    }
                }
                Token::Symbol(",") => {
                    // Nothing before, between or after commas is an empty value.
                    if values.is_empty() || matches!(self.peek(), Token::Symbol(")" | ",")) {
                        values.push(String::new());
                    }
                    if self.peek() == &Token::Symbol(")") {
                        break;
                    }
                }
                other => return Err(format!("found '{}', expected: ',', or identifier", other.text())),
            }
        }
        self.at += 1;
        Ok(values)
    }
}

/// A field selector's term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldTerm {
    pub field: String,
    pub equal: bool,
    pub value: String,
}

/// `--field-selector`: terms joined by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    pub terms: Vec<FieldTerm>,
}

impl FieldSelector {
    pub fn parse(text: &str) -> Result<FieldSelector, String> {
        let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
        for (at, c) in text.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                ',' => {
                    parts.push(&text[start..at]);
                    start = at + 1;
                }
                _ => {}
            }
        }
        parts.push(&text[start..]);
        parts.sort();
        let mut terms = Vec::new();
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let split = part.char_indices().find_map(|(at, _)| {
                ["!=", "==", "="].iter().find(|op| part[at..].starts_with(**op)).map(|op| (at, *op))
            });
            let Some((at, operator)) = split else {
                return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
            };
            let value = unescape(&part[at + operator.len()..])?;
            let field = &part[..at];
            // No field without a value is everything.
            if !field.is_empty() || !value.is_empty() {
                terms.push(FieldTerm { field: field.into(), equal: operator != "!=", value });
            }
        }
        Ok(FieldSelector { terms })
    }

    /// `value` gives a field's value; "" if it is unset.
    pub fn matches<'a>(&self, value: impl Fn(&str) -> Cow<'a, str>) -> bool {
        self.terms.iter().all(|term| (value(&term.field) == term.value) == term.equal)
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let term = |t: &FieldTerm| {
            let value = t.value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=");
            format!("{}{}{value}", t.field, if t.equal { "=" } else { "!=" })
        };
        f.write_str(&self.terms.iter().map(term).collect::<Vec<_>>().join(","))
    }
}

fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => out.push(c),
                Some(c) => return Err(format!("invalid field selector: invalid escape sequence: \\{c}")),
                None => return Err("invalid field selector: invalid escape sequence: \\".into()),
            },
            ',' | '=' => return Err(format!("invalid field selector: unescaped character in value: {}", c as u32)),
            c => out.push(c),
        }
    }
    Ok(out)
}

/// Labels in one line, in the order of the whole `key=value` (`labels.FormatLabels`).
pub fn format_labels<'a>(labels: impl Iterator<Item = (&'a String, &'a str)>) -> String {
    let mut pairs: Vec<String> = labels.map(|(key, value)| format!("{key}={value}")).collect();
    pairs.sort();
    if pairs.is_empty() { "<none>".into() } else { pairs.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_selectors() {
        let show = |text: &str| LabelSelector::parse(text).map(|s| s.to_string());
        let good = [
            ("", ""),
            (" a = b ", "a=b"),
            ("x in (a,,)", "x in (,a)"),
            ("b,a notin ( ),!c", "a notin (),b,!c"),
            ("in", "in"),
            ("a in (x,notin,in)", "a in (in,notin,x)"),
            ("x>1,y<2", "x>1,y<2"),
            ("a==b,a!=c", "a==b,a!=c"),
            ("x=", "x="),
        ];
        for (text, expected) in good {
            assert_eq!(show(text), Ok(expected.to_string()), "{text}");
        }
        let bad = [
            ("!", "unable to parse requirement: found '', expected: identifier"),
            ("(", "found '(', expected: !, identifier, or 'end of string'"),
            ("a exists", "unable to parse requirement: found 'exists', expected: in, notin, =, ==, !=, gt, lt"),
            ("a in", "unable to parse requirement: found '' expected: '('"),
            ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("a,,b", "found ',', expected: identifier after ','"),
            ("a=b c", "found 'c', expected: ',' or 'end of string'"),
            (
                "a>x",
                "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
            ),
        ];
        for (text, expected) in bad {
            assert_eq!(show(text), Err(expected.to_string()), "{text}");
        }
        let labels = Labels::from([("x".into(), "foo".into()), ("n".into(), "5".into())]);
        for (text, expected) in
            [("x in (foo),z notin (a)", true), ("x=foo,!n", false), ("n>4,n<6", true), ("x>1", false), ("", true)]
        {
            assert_eq!(LabelSelector::parse(text).map(|s| s.matches(Some(&labels))), Ok(expected), "{text}");
        }
        assert!(!LabelSelector::nothing().matches(Some(&labels)));
    }

    #[test]
    fn labels_in_a_line() {
        let labels: BTreeMap<String, String> = [("app", "web"), ("app.kubernetes.io/name", "web")]
            .into_iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        let shown = format_labels(labels.iter().map(|(key, value)| (key, value.as_str())));
        assert_eq!(shown, "app.kubernetes.io/name=web,app=web");
    }

    #[test]
    fn field_selectors() {
        let show = |text: &str| FieldSelector::parse(text).map(|s| s.to_string());
        assert_eq!(show("status.phase==Running, a!=b"), Ok(" a!=b,status.phase=Running".into()));
        assert_eq!(show("a=b=c"), Err("invalid field selector: unescaped character in value: 61".into()));
        assert_eq!(show("a!b"), Err("invalid selector: 'a!b'; can't understand 'a!b'".into()));
        let selector = FieldSelector::parse("phase!=Running").unwrap_or_default();
        assert_eq!(show("=,a=b"), Ok("a=b".into()));
        assert!(selector.matches(|_| "Pending".into()) && !selector.matches(|_| "Running".into()));
    }
}
