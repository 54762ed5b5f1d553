//! kubectl's JSONPath dialect: `{.items[*].metadata.name}`, `{range}`…`{end}`, filters, slices,
//! recursive descent, literals (`client-go/util/jsonpath`).
//!
//! A template is texts and actions; an action is a list of nodes, each of which takes the values that the one before it
//! found. Identifiers (`range`, `end`) act when they are met, so that their faults come when the template is filled in.

pub mod sort;

use std::cmp::Ordering;

use serde_json::Value;

use super::gotemplate;

/// Deepest nesting of filters and unions.
const MAX_DEPTH: usize = 20;
const TOO_DEEP: &str = "the template is nested too deeply";

#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
    strict: bool,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Action(Vec<Node>),
}

#[derive(Clone, Debug)]
enum Node {
    Literal(Value),
    /// A literal in quotes: one, whatever the number of values before it.
    Quoted(String),
    Field(String),
    Wildcard,
    Recursive,
    Slice(Slice),
    Filter(Filter),
    Union(Vec<Vec<Node>>),
    Identifier(String),
}

/// `[start:end:step]`, or `[start]` alone.
#[derive(Clone, Copy, Debug)]
struct Slice {
    start: Option<i64>,
    end: Option<i64>,
    /// The end was made of the start: it is one item.
    single: bool,
    step: Option<i64>,
}

#[derive(Clone, Debug)]
struct Filter {
    left: Vec<Node>,
    /// `None`: the left side must exist.
    test: Option<(String, Vec<Node>)>,
}

impl Template {
    /// The error is the library's text, without `error parsing jsonpath …,`. Missing keys give nothing.
    pub fn parse(text: &str) -> Result<Template, String> {
        let parts = Parser::new(text).template(0)?;
        Ok(Template { text: text.into(), parts, strict: false })
    }

    /// A missing key is a fault.
    pub fn strict(mut self) -> Template {
        self.strict = true;
        self
    }

    /// A path as flags take it: `x.y`, `.x.y`, `{.x.y}`.
    pub fn relaxed(text: &str) -> Result<Template, String> {
        if text.is_empty() {
            return Template::parse("");
        }
        let inner = text.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).unwrap_or(text);
        if inner.is_empty() || inner.contains(['{', '}']) {
            return Err("unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or \
                 '{.name1.name2}'"
                .into());
        }
        Template::parse(&format!("{{.{}}}", inner.strip_prefix('.').unwrap_or(inner)))
    }

    /// The template as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The template filled in.
    pub fn render(&self, root: &Value) -> Result<String, String> {
        let results = self.results(root)?;
        let join = |values: &Vec<Value>| values.iter().map(show).collect::<Vec<_>>().join(" ");
        Ok(results.iter().map(join).collect())
    }

    /// What the template finds.
    pub fn find(&self, root: &Value) -> Result<Vec<Value>, String> {
        Ok(self.results(root)?.into_iter().flatten().collect())
    }

    /// What each text and action gives, in the order in which they are met.
    fn results(&self, root: &Value) -> Result<Vec<Vec<Value>>, String> {
        let mut results = Vec::new();
        self.run(0, root, 0, &mut results)?;
        Ok(results)
    }

    /// Goes through the parts from `start` on; within a range up to its end, which is given back.
    fn run(
        &self,
        start: usize,
        here: &Value,
        depth: usize,
        results: &mut Vec<Vec<Value>>,
    ) -> Result<Option<usize>, String> {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP.into());
        }
        let mut at = start;
        while let Some(part) = self.parts.get(at) {
            let mut turn = Turn { strict: self.strict, in_range: depth > 0, range: false, end: false };
            let found = match part {
                Part::Text(text) => vec![Value::from(text.as_str())],
                Part::Action(nodes) => turn.list(vec![here.clone()], nodes)?,
            };
            if turn.end {
                return Ok(Some(at));
            }
            at += 1;
            if !turn.range {
                results.push(found);
                continue;
            }
            let mut end = None;
            for value in &found {
                end = self.run(at, value, depth + 1, results)?;
            }
            if found.is_empty() {
                // Its end is looked for all the same.
                end = self.run(at, &Value::Null, depth + 1, &mut Vec::new())?;
            }
            // A range without an end is left after its first line: the rest comes once more.
            at = end.map_or(at, |end| end + 1);
        }
        Ok(None)
    }
}

/// A value as a template prints it: strings bare, the rest as JSON.
pub fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => {
            value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
        }
        other => other.to_string(),
    }
}

/// Go's name of the type of decoded JSON.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

/// The evaluation of one action.
struct Turn {
    strict: bool,
    in_range: bool,
    /// `range` was met.
    range: bool,
    /// `end` was met.
    end: bool,
}

impl Turn {
    fn list(&mut self, mut values: Vec<Value>, nodes: &[Node]) -> Result<Vec<Value>, String> {
        for node in nodes {
            values = self.node(values, node)?;
        }
        Ok(values)
    }

    fn node(&mut self, values: Vec<Value>, node: &Node) -> Result<Vec<Value>, String> {
        let mut found = Vec::new();
        match node {
            Node::Quoted(text) => found.push(text.as_str().into()),
            Node::Literal(value) => found.resize(values.len(), value.clone()),
            Node::Field(name) => {
                found.extend(values.iter().filter_map(|value| value.get(name)).cloned());
                if found.is_empty() && !values.is_empty() && self.strict {
                    return Err(format!("{name} is not found"));
                }
            }
            Node::Wildcard => found.extend(values.iter().flat_map(children)),
            Node::Recursive => values.iter().for_each(|value| descend(value, &mut found)),
            Node::Slice(slice) => {
                for value in values.iter().filter(|value| !value.is_null()) {
                    let Value::Array(list) = value else {
                        return Err(format!("{} is not array or slice", go_type(value)));
                    };
                    if !slice.take(list, &mut found)? {
                        break;
                    }
                }
            }
            Node::Filter(filter) => {
                for value in &values {
                    let Value::Array(list) = value else {
                        let shown = gotemplate::show(value);
                        return Err(format!("{shown} is not array or slice and cannot be filtered"));
                    };
                    for item in list {
                        if self.takes(filter, item)? {
                            found.push(item.clone());
                        }
                    }
                }
            }
            Node::Union(lists) => {
                for list in lists {
                    found.extend(self.list(values.clone(), list)?);
                }
            }
            Node::Identifier(name) if name == "range" => {
                self.range = true;
                found = values;
            }
            Node::Identifier(name) if name == "end" => {
                if !self.in_range {
                    return Err("not in range, nothing to end".into());
                }
                self.end = true;
            }
            Node::Identifier(name) => return Err(format!("unrecognized identifier {name}")),
        }
        Ok(found)
    }

    fn takes(&mut self, filter: &Filter, item: &Value) -> Result<bool, String> {
        let left = self.list(vec![item.clone()], &filter.left);
        let Some((operator, right)) = &filter.test else { return Ok(left.is_ok_and(|found| !found.is_empty())) };
        let one = |found: Vec<Value>| match <[Value; 1]>::try_from(found) {
            Ok([value]) => Ok(Some(value)),
            Err(none) if none.is_empty() => Ok(None),
            Err(_) => Err("can only compare one element at a time".to_string()),
        };
        let Some(left) = one(left?)? else { return Ok(false) };
        let Some(right) = one(self.list(vec![item.clone()], right)?)? else { return Ok(false) };
        let ordered = || ordering(&left, &right);
        Ok(match operator.as_str() {
            "==" => equal(&left, &right)?,
            "!=" => !equal(&left, &right)?,
            "<" => ordered()?.is_lt(),
            "<=" => ordered()?.is_le(),
            ">" => ordered()?.is_gt(),
            ">=" => ordered()?.is_ge(),
            other => return Err(format!("unrecognized filter operator {other}")),
        })
    }
}

/// The values inside: of a text its bytes.
fn children(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list.clone(),
        Value::Object(map) => map.values().cloned().collect(),
        Value::String(text) => text.bytes().map(Value::from).collect(),
        _ => Vec::new(),
    }
}

/// All values that have others inside, the outer ones first.
fn descend(value: &Value, found: &mut Vec<Value>) {
    let inside = children(value);
    if !inside.is_empty() {
        found.push(value.clone());
        inside.iter().for_each(|child| descend(child, found));
    }
}

impl Slice {
    /// Whether lists that follow are looked at too: one of which nothing is wanted ends the search.
    fn take(self, list: &[Value], found: &mut Vec<Value>) -> Result<bool, String> {
        let length = list.len() as i64;
        let from_end = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
        let start = from_end(self.start.unwrap_or(0));
        let end = match self.end.unwrap_or(length) {
            0 if self.single => length,
            end => from_end(end),
        };
        if start == end {
            return Ok(false);
        }
        let outside = |at: i64| Err(format!("array index out of bounds: index {at}, length {length}"));
        if !(0..length).contains(&start) {
            return outside(start);
        }
        if !(0..=length).contains(&end) {
            return outside(end - 1);
        }
        if start > end {
            return Err(format!("starting index {start} is greater than ending index {end}"));
        }
        let step = match self.step.map(usize::try_from) {
            None => 1,
            Some(Ok(step)) if step > 0 => step,
            Some(_) => return Err("step must be > 0".into()),
        };
        found.extend(list[start as usize..end as usize].iter().step_by(step).cloned());
        Ok(true)
    }
}

const INCOMPARABLE: &str = "incompatible types for comparison";
const NOT_BASIC: &str = "invalid type for comparison";

fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    match (left, right) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        _ => ordering(left, right).map(Ordering::is_eq),
    }
}

/// How two values stand; only numbers of one type and texts do so.
fn ordering(left: &Value, right: &Value) -> Result<Ordering, String> {
    let basic = |value: &Value| !matches!(value, Value::Null | Value::Array(_) | Value::Object(_));
    match (left, right) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() == b.is_f64() => {
            compare(left, right).ok_or_else(|| INCOMPARABLE.to_string())
        }
        (Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        (Value::Bool(_), Value::Bool(_)) => Err(NOT_BASIC.into()),
        (a, b) if basic(a) && basic(b) => Err(INCOMPARABLE.into()),
        _ => Err(NOT_BASIC.into()),
    }
}

/// Numbers by size, texts by their bytes; `None` for things that can't be compared.
pub fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (a, b) => (a == b).then_some(Ordering::Equal),
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn new(text: &str) -> Parser {
        Parser { chars: text.chars().collect(), at: 0 }
    }

    /// What stands between braces, given without them.
    fn action_of(text: &str, depth: usize) -> Result<Vec<Node>, String> {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP.into());
        }
        let mut parser = Parser::new(&format!("{{{text}}}"));
        match parser.template(depth)?.into_iter().next() {
            Some(Part::Action(nodes)) => Ok(nodes),
            _ => Ok(Vec::new()),
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn since(&self, start: usize) -> String {
        self.chars[start..self.at].iter().collect()
    }

    fn follows(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.chars.get(self.at + i) == Some(&c))
    }

    fn template(&mut self, depth: usize) -> Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        let mut start = self.at;
        while let Some(c) = self.next() {
            if c != '{' {
                continue;
            }
            if self.at - 1 > start {
                parts.push(Part::Text(self.chars[start..self.at - 1].iter().collect()));
            }
            parts.push(Part::Action(self.action(depth)?));
            start = self.at;
        }
        if self.at > start {
            parts.push(Part::Text(self.since(start)));
        }
        Ok(parts)
    }

    /// The nodes up to the closing brace, which is taken too.
    fn action(&mut self, depth: usize) -> Result<Vec<Node>, String> {
        let mut nodes = Vec::new();
        loop {
            if self.follows("[?(") {
                self.at += 3;
                nodes.push(Node::Filter(self.filter(depth)?));
                continue;
            }
            if self.follows("..") {
                if matches!(nodes.last(), Some(Node::Recursive)) {
                    return Err("invalid multiple recursive descent".into());
                }
                self.at += 2;
                nodes.push(Node::Recursive);
                if self.peek().is_some_and(|c| c == '_' || c.is_alphanumeric()) {
                    nodes.push(self.field());
                }
                continue;
            }
            match self.next() {
                None | Some('\r' | '\n') => return Err("unclosed action".into()),
                Some('}') => return Ok(nodes),
                Some(' ' | '@' | '$') => {}
                Some('[') => self.brackets(&mut nodes, depth)?,
                Some(quote @ ('"' | '\'')) => nodes.push(Node::Quoted(self.quoted(quote)?)),
                Some('.') => nodes.push(self.field()),
                Some(c) if c == '+' || c == '-' || c.is_numeric() => nodes.push(self.number()?),
                Some(c) if c == '_' || c.is_alphabetic() => nodes.push(self.identifier()),
                Some(c) => return Err(format!("unrecognized character in action: U+{:04X} '{c}'", c as u32)),
            }
        }
    }

    /// Goes on to the end of a name.
    fn name(&mut self, escapes: bool) {
        while let Some(c) = self.peek() {
            if c == '\\' && escapes {
                self.at += 1;
            } else if c.is_ascii_whitespace() || ".,[]$@{}".contains(c) {
                return;
            }
            self.next();
        }
    }

    /// After the point.
    fn field(&mut self) -> Node {
        let start = self.at;
        self.name(true);
        match self.since(start) {
            name if name == "*" => Node::Wildcard,
            name => Node::Field(name.replace('\\', "")),
        }
    }

    /// After its first letter.
    fn identifier(&mut self) -> Node {
        let start = self.at - 1;
        self.name(false);
        match self.since(start).as_str() {
            "true" => Node::Literal(true.into()),
            "false" => Node::Literal(false.into()),
            other => Node::Identifier(other.into()),
        }
    }

    /// After its first character.
    fn number(&mut self) -> Result<Node, String> {
        let start = self.at - 1;
        while self.peek().is_some_and(|c| c == '.' || c.is_numeric()) {
            self.at += 1;
        }
        let number = self.since(start);
        if let Ok(whole) = number.parse::<i64>() {
            return Ok(Node::Literal(whole.into()));
        }
        let real = number.parse::<f64>().map_err(|_| format!("cannot parse number {number}"))?;
        Ok(Node::Literal(real.into()))
    }

    /// After the opening quote: the text with its escapes resolved.
    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let start = self.at;
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated quoted string".into()),
                Some(c) if c == quote && self.chars[self.at - 2] != '\\' => break,
                Some(_) => {}
            }
        }
        let inner = &self.chars[start..self.at - 1];
        unquote(inner, quote).ok_or_else(|| {
            let whole: String = self.chars[start - 1..self.at].iter().collect();
            format!("unquote string {whole} error invalid syntax")
        })
    }

    /// What stands in `[…]`; the bracket is open already.
    fn brackets(&mut self, nodes: &mut Vec<Node>, depth: usize) -> Result<(), String> {
        let start = self.at;
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated array".into()),
                Some(']') => break,
                Some(_) => {}
            }
        }
        let text: String = self.chars[start..self.at - 1].iter().collect();
        let text = if text == "*" { ":" } else { text.as_str() };
        if text.contains(',') {
            let one = |part: &str| Parser::action_of(&format!("[{}]", part.trim_matches(' ')), depth + 1);
            nodes.push(Node::Union(text.split(',').map(one).collect::<Result<_, _>>()?));
            return Ok(());
        }
        let key = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).filter(|key| !key.contains('\''));
        if let Some(key) = key {
            nodes.extend(Parser::action_of(&format!(".{key}"), depth + 1)?);
            return Ok(());
        }
        nodes.push(Node::Slice(slice(text)?));
        Ok(())
    }

    /// `?(@.type=="Ready")]` after the opening parenthesis.
    fn filter(&mut self, depth: usize) -> Result<Filter, String> {
        let start = self.at;
        // A parenthesis within quotes is no end.
        let (mut quote, mut closed) = (None, false);
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated filter".into()),
                Some(c @ ('"' | '\'')) => match quote {
                    None => quote = Some(c),
                    Some(open) => closed |= c == open && self.chars[self.at - 2] != '\\',
                },
                Some(')') if quote.is_some() == closed => break,
                Some(_) => {}
            }
        }
        let text: String = self.chars[start..self.at - 1].iter().collect();
        if self.next() != Some(']') {
            return Err("unclosed array expect ]".into());
        }
        let comparing = |c: char| "!<>=".contains(c);
        let split = text.find(comparing).filter(|at| *at > 0).and_then(|at| {
            let (left, rest) = text.split_at(at);
            // The operator leaves at least one character for the right side.
            let last = rest.char_indices().next_back()?.0;
            let end = rest.find(|c| !comparing(c)).unwrap_or(rest.len()).min(last);
            (end > 0).then(|| (left, &rest[..end], &rest[end..]))
        });
        let side = |text: &str| Parser::action_of(text, depth + 1);
        Ok(match split {
            None => Filter { left: side(&text)?, test: None },
            Some((left, operator, right)) => Filter { left: side(left)?, test: Some((operator.into(), side(right)?)) },
        })
    }
}

fn slice(text: &str) -> Result<Slice, String> {
    let bounds: Vec<&str> = text.split(':').collect();
    let is_bound = |bound: &&str| bound.strip_prefix('-').unwrap_or(bound).bytes().all(|b| b.is_ascii_digit());
    if bounds.len() > 3 || !bounds.iter().all(is_bound) {
        return Err(format!("invalid array index {text}"));
    }
    let number = |at: usize| match bounds.get(at).filter(|bound| !bound.is_empty()) {
        None => Ok(None),
        Some(bound) => bound.parse::<i64>().map(Some).map_err(|_| format!("array index {bound} is not a number")),
    };
    let (start, end, step) = (number(0)?, number(1)?, number(2)?);
    let single = bounds.len() == 1;
    let end = if single { Some(start.unwrap_or(0).saturating_add(1)) } else { end };
    Ok(Slice { start, end, single, step })
}

/// Go's escapes; `None` where there is one that Go doesn't know.
fn unquote(chars: &[char], quote: char) -> Option<String> {
    let mut text = String::new();
    let mut rest = chars;
    while let Some((&c, after)) = rest.split_first() {
        rest = after;
        if c == quote {
            return None;
        }
        if c != '\\' {
            text.push(c);
            continue;
        }
        let (&escape, after) = rest.split_first()?;
        let digits = match escape {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '0'..='7' => 3,
            _ => 0,
        };
        if digits > 0 {
            let (from, radix) = if escape.is_ascii_digit() { (rest, 8) } else { (after, 16) };
            let number: String = from.get(..digits)?.iter().collect();
            text.push(char::from_u32(u32::from_str_radix(&number, radix).ok()?)?);
            rest = &from[digits..];
            continue;
        }
        rest = after;
        text.push(match escape {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '\\' => '\\',
            c if c == quote => c,
            _ => return None,
        });
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        let root = serde_json::json!({
            "items": [
                {"name": "a", "n": 1, "labels": {"app.io/x": "y"}, "conditions": [{"type": "Ready", "status": "True"}]},
                {"name": "b", "n": 20, "conditions": [{"type": "Ready", "status": "False"}]},
                {"name": "c", "n": 3},
            ],
            "kind": "List",
        });
        for (template, expected) in [
            ("{.items[*].name}", "a b c"),
            ("{range .items[*]}{.name}{\"\\t\"}{.n}{\"\\n\"}{end}", "a\t1\nb\t20\nc\t3\n"),
            ("kind={.kind}!", "kind=List!"),
            ("{.items[?(@.n>2)].name}", "b c"),
            ("{.items[?(@.name==\"b\")].conditions[?(@.type=='Ready')].status}", "False"),
            ("{.items[?(@.conditions)].name}", "a b"),
            ("{.items[-1].name} {.items[0:2].name} {.items[::2].name}", "c a b a c"),
            ("{.items[0,2].name}", "a c"),
            ("{.items[0]['name','n']}", "a 1"),
            ("{.items[0].labels.app\\.io/x}{.items[0].labels['app\\.io/x']}", "yy"),
            ("{.items[1].conditions}", r#"[{"status":"False","type":"Ready"}]"#),
            ("{..status}", "True False"),
            ("{$.kind}{@.kind}{.nothing.at.all}", "ListList"),
            ("{range .items[*]}{$.name}{end}", "abc"),
            ("{.kind[0]}", "error: string is not array or slice"),
            ("{.items[?(@.n>'a')].name}", "error: incompatible types for comparison"),
            ("{.items[1:9].name}", "error: array index out of bounds: index 8, length 3"),
            ("{.items[0].labels['app\\.io/x']}{'\\u0041\\t'}", "yA\t"),
            ("{'\\q'}", "error: unquote string '\\q' error invalid syntax"),
            ("{.items[?(@.name=~'a')].name}", "error: unrecognized character in action: U+007E '~'"),
            ("{range .items[*]}{.name}{range .conditions[*]}[{.status}]{end},{end}", "a[True],b[False],c,"),
            ("{.spec", "error: unclosed action"),
            ("{*}", "error: unrecognized character in action: U+002A '*'"),
            ("{[1}", "error: unterminated array"),
            ("{........}", "error: invalid multiple recursive descent"),
            ("{+12.3.0}", "error: cannot parse number +12.3.0"),
            ("{hello}", "error: unrecognized identifier hello"),
            ("{end}", "error: not in range, nothing to end"),
            ("{.items[7].name}", "error: array index out of bounds: index 7, length 3"),
        ] {
            let shown = Template::parse(template).and_then(|parsed| parsed.render(&root));
            assert_eq!(shown.unwrap_or_else(|error| format!("error: {error}")), expected, "{template}");
        }
    }
}
