//! kubectl's JSONPath dialect: `{.items[*].metadata.name}`, `{range}`…`{end}`, filters, slices,
//! recursive descent, literals (`client-go/util/jsonpath`). Missing keys give nothing.

use std::cmp::Ordering;

use serde_json::Value;

/// Deepest nesting of filters and ranges.
const MAX_DEPTH: usize = 20;

#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Path(Vec<Step>),
    Literal(Value),
    Range(Vec<Step>, Vec<Part>),
}

#[derive(Clone, Debug)]
enum Step {
    Root,
    Field(String),
    Wildcard,
    Recursive,
    Slice(Option<i64>, Option<i64>, Option<i64>),
    Index(i64),
    Filter(Box<Filter>),
    Union(Vec<Vec<Step>>),
}

#[derive(Clone, Debug)]
struct Filter {
    left: Part,
    /// `None`: the left side must exist.
    test: Option<(String, Part)>,
}

impl Template {
    /// The error is the library's text, without `error parsing jsonpath …,`.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parser = Parser { chars: text.chars().collect(), at: 0 };
        let (parts, ended) = parser.parts(0)?;
        if ended {
            return Err("not in range, nothing to end".into());
        }
        Ok(Template { text: text.into(), parts })
    }

    /// A path as flags take it: `x.y`, `.x.y`, `{.x.y}`.
    pub fn relaxed(text: &str) -> Result<Template, String> {
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
        let mut text = String::new();
        render(&self.parts, root, root, &mut text)?;
        Ok(text)
    }

    /// What the paths of the template find.
    pub fn find(&self, root: &Value) -> Result<Vec<Value>, String> {
        let mut all = Vec::new();
        for part in &self.parts {
            all.extend(values(part, root, root)?);
        }
        Ok(all)
    }
}

/// A value as a template prints it: strings bare, the rest as JSON.
pub fn show(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn render(parts: &[Part], root: &Value, here: &Value, text: &mut String) -> Result<(), String> {
    for part in parts {
        match part {
            Part::Text(literal) => text.push_str(literal),
            Part::Range(path, body) => {
                for item in walk(path, root, here)? {
                    render(body, root, &item, text)?;
                }
            }
            part => {
                let found: Vec<String> = values(part, root, here)?.iter().map(show).collect();
                text.push_str(&found.join(" "));
            }
        }
    }
    Ok(())
}

fn values(part: &Part, root: &Value, here: &Value) -> Result<Vec<Value>, String> {
    Ok(match part {
        Part::Literal(value) => vec![value.clone()],
        Part::Path(path) | Part::Range(path, _) => walk(path, root, here)?,
        Part::Text(text) => vec![Value::from(text.as_str())],
    })
}

fn walk(path: &[Step], root: &Value, here: &Value) -> Result<Vec<Value>, String> {
    let mut found: Vec<&Value> = vec![here];
    for step in path {
        let mut next: Vec<&Value> = Vec::new();
        match step {
            Step::Root => next.push(root),
            Step::Field(name) => next.extend(found.iter().filter_map(|value| value.get(name))),
            Step::Wildcard => found.iter().for_each(|value| next.extend(children(value))),
            Step::Recursive => found.iter().for_each(|value| descend(value, &mut next)),
            Step::Index(index) => {
                for list in found.iter().filter_map(|value| value.as_array()) {
                    let at = if *index < 0 { index + list.len() as i64 } else { *index };
                    match usize::try_from(at).ok().and_then(|at| list.get(at)) {
                        Some(value) => next.push(value),
                        None => {
                            return Err(format!("array index out of bounds: index {at}, length {}", list.len()));
                        }
                    }
                }
            }
            Step::Slice(start, end, step) => {
                for list in found.iter().filter_map(|value| value.as_array()) {
                    slice(list, *start, *end, *step, &mut next)?;
                }
            }
            Step::Filter(filter) => {
                for list in found.iter().filter_map(|value| value.as_array()) {
                    for item in list {
                        if filter.takes(root, item)? {
                            next.push(item);
                        }
                    }
                }
            }
            Step::Union(paths) => {
                let mut all = Vec::new();
                for path in paths {
                    for value in &found {
                        all.extend(walk(path, root, value)?);
                    }
                }
                // What follows a union works on copies.
                let rest = path.iter().skip_while(|other| !std::ptr::eq(*other, step)).skip(1).cloned();
                let rest: Vec<Step> = rest.collect();
                let mut result = Vec::new();
                for value in &all {
                    result.extend(walk(&rest, root, value)?);
                }
                return Ok(result);
            }
        }
        found = next;
    }
    Ok(found.into_iter().cloned().collect())
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

fn descend<'a>(value: &'a Value, into: &mut Vec<&'a Value>) {
    into.push(value);
    for child in children(value) {
        descend(child, into);
    }
}

fn slice<'a>(
    list: &'a [Value],
    start: Option<i64>,
    end: Option<i64>,
    step: Option<i64>,
    into: &mut Vec<&'a Value>,
) -> Result<(), String> {
    let length = list.len() as i64;
    let from_end = |index: i64| if index < 0 { index + length } else { index };
    let start = from_end(start.unwrap_or(0));
    let end = from_end(end.unwrap_or(length)).min(length);
    let step = step.unwrap_or(1);
    if start < 0 || (start > length && length > 0) {
        return Err(format!("array index out of bounds: index {start}, length {length}"));
    }
    if start > end && start < length {
        return Err(format!("starting index {start} is greater than ending index {end}"));
    }
    if step <= 0 {
        return Err("step must be > 0".into());
    }
    let mut at = start;
    while at < end {
        into.extend(list.get(at as usize));
        at = at.saturating_add(step);
    }
    Ok(())
}

impl Filter {
    fn takes(&self, root: &Value, item: &Value) -> Result<bool, String> {
        let left = values(&self.left, root, item)?;
        let Some((operator, right)) = &self.test else { return Ok(!left.is_empty()) };
        let right = values(right, root, item)?;
        let (Some(left), Some(right)) = (left.first(), right.first()) else { return Ok(false) };
        let order = compare(left, right);
        Ok(match operator.as_str() {
            "==" => order == Some(Ordering::Equal),
            "!=" => order != Some(Ordering::Equal),
            "<" => order == Some(Ordering::Less),
            "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            ">" => order == Some(Ordering::Greater),
            ">=" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            other => return Err(format!("unrecognized filter operator {other}")),
        })
    }
}

/// Numbers by size, texts by their bytes; `None` for things that can't be compared.
pub fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (a, b) => (a == b).then_some(Ordering::Equal),
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Texts and actions up to the end, or to the `{end}` of a range (then `true`).
    fn parts(&mut self, depth: usize) -> Result<(Vec<Part>, bool), String> {
        if depth > MAX_DEPTH {
            return Err("the template is nested too deeply".into());
        }
        let mut parts = Vec::new();
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            if c != '{' {
                text.push(c);
                continue;
            }
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            // An action may hold several: `{.a .b}`.
            loop {
                self.blanks();
                match self.peek() {
                    None => return Err("unclosed action".into()),
                    Some('}') => {
                        self.at += 1;
                        break;
                    }
                    Some(c) if c.is_ascii_alphabetic() => {
                        let word = self.word();
                        match word.as_str() {
                            "range" => {
                                self.blanks();
                                let path = self.path(depth)?;
                                self.blanks();
                                if self.peek() == Some('}') {
                                    self.at += 1;
                                }
                                let (body, ended) = self.parts(depth + 1)?;
                                if !ended {
                                    return Err("unclosed range".into());
                                }
                                parts.push(Part::Range(path, body));
                                break;
                            }
                            "end" => {
                                self.blanks();
                                if self.peek() != Some('}') {
                                    return Err("unclosed action".into());
                                }
                                self.at += 1;
                                return Ok((parts, true));
                            }
                            word => parts.push(identifier(word)?),
                        }
                    }
                    Some(_) => parts.push(self.operand(depth)?),
                }
            }
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok((parts, false))
    }

    fn word(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-') {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    /// A path or a literal.
    fn operand(&mut self, depth: usize) -> Result<Part, String> {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => Ok(Part::Literal(self.quoted(quote)?.into())),
            Some(c) if c.is_ascii_digit() || c == '-' || c == '+' => {
                let start = self.at;
                self.at += 1;
                while self.peek().is_some_and(|c| c.is_ascii_digit() || c == '.') {
                    self.at += 1;
                }
                let number: String = self.chars[start..self.at].iter().collect();
                if let Ok(whole) = number.parse::<i64>() {
                    return Ok(Part::Literal(whole.into()));
                }
                let real = number.parse::<f64>().map_err(|_| format!("cannot parse number {number}"))?;
                Ok(Part::Literal(real.into()))
            }
            Some(c) if c.is_ascii_alphabetic() => {
                let word = self.word();
                identifier(&word)
            }
            _ => Ok(Part::Path(self.path(depth)?)),
        }
    }

    /// After the opening quote's place: the text with its escapes resolved.
    fn quoted(&mut self, quote: char) -> Result<String, String> {
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                c if c == quote => return Ok(text),
                '\\' => {
                    let escaped = self.peek().ok_or("unterminated quoted string")?;
                    self.at += 1;
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        'a' => '\u{7}',
                        other => other,
                    });
                }
                c => text.push(c),
            }
        }
        Err("unterminated quoted string".into())
    }

    fn path(&mut self, depth: usize) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        let start = self.at;
        loop {
            match self.peek() {
                Some('@') if self.at == start => self.at += 1,
                Some('$') if self.at == start => {
                    self.at += 1;
                    steps.push(Step::Root);
                }
                Some('.') => {
                    self.at += 1;
                    if self.peek() == Some('.') {
                        self.at += 1;
                        steps.push(Step::Recursive);
                        if self.peek() == Some('.') {
                            return Err("invalid multiple recursive descent".into());
                        }
                    }
                    match self.peek() {
                        Some('*') => {
                            self.at += 1;
                            steps.push(Step::Wildcard);
                        }
                        Some('[') => {}
                        _ => {
                            let name = self.field();
                            if !name.is_empty() {
                                steps.push(Step::Field(name));
                            }
                        }
                    }
                }
                Some('[') => {
                    self.at += 1;
                    steps.push(self.bracket(depth)?);
                }
                Some(c) if self.at == start => {
                    return Err(format!("unrecognized character in action: U+{:04X} '{c}'", c as u32));
                }
                _ => return Ok(steps),
            }
        }
    }

    /// A field's name; `\.` is a dot within it.
    fn field(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            match c {
                '\\' => {
                    self.at += 1;
                    name.extend(self.peek());
                }
                c if c.is_whitespace() || ".[]{}()@$=<>!|,:'\"".contains(c) => break,
                c => name.push(c),
            }
            self.at += 1;
        }
        name
    }

    /// What stands in `[…]`; the bracket is open already.
    fn bracket(&mut self, depth: usize) -> Result<Step, String> {
        if self.peek() == Some('?') {
            return self.filter(depth);
        }
        let mut text = String::new();
        let mut quote = None;
        loop {
            let c = self.peek().ok_or("unterminated array")?;
            self.at += 1;
            match (quote, c) {
                (None, ']') => break,
                (None, '}') => return Err("unterminated array".into()),
                (None, '\'' | '"') => quote = Some(c),
                (Some(open), c) if c == open => quote = None,
                _ => {}
            }
            text.push(c);
        }
        let invalid = || format!("invalid array index {text}");
        let number = |text: &str| text.trim().parse::<i64>().map_err(|_| invalid());
        let one = |text: &str| -> Result<Step, String> {
            let text = text.trim();
            let unquote = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
            if let Some(name) = unquote('\'').or_else(|| unquote('"')) {
                return Ok(Step::Field(name.replace("\\.", ".")));
            }
            if text == "*" {
                return Ok(Step::Wildcard);
            }
            if !text.contains(':') {
                return Ok(Step::Index(number(text)?));
            }
            let bounds = text.split(':').map(|bound| match bound.trim() {
                "" => Ok(None),
                bound => number(bound).map(Some),
            });
            match bounds.collect::<Result<Vec<_>, _>>()?.as_slice() {
                [start, end] => Ok(Step::Slice(*start, *end, None)),
                [start, end, step] => Ok(Step::Slice(*start, *end, *step)),
                _ => Err(invalid()),
            }
        };
        let parts = split_outside_quotes(&text);
        match parts.as_slice() {
            [single] => one(single),
            many => {
                Ok(Step::Union(many.iter().map(|part| one(part).map(|step| vec![step])).collect::<Result<_, _>>()?))
            }
        }
    }

    /// `?(@.type=="Ready")`, up to the closing bracket.
    fn filter(&mut self, depth: usize) -> Result<Step, String> {
        let unterminated = || "unterminated filter".to_string();
        if depth > MAX_DEPTH {
            return Err("the template is nested too deeply".into());
        }
        self.at += 1;
        if self.peek() != Some('(') {
            return Err(unterminated());
        }
        self.at += 1;
        self.blanks();
        let left = self.operand(depth + 1)?;
        self.blanks();
        let start = self.at;
        while self.peek().is_some_and(|c| "=!<>".contains(c)) {
            self.at += 1;
        }
        let operator: String = self.chars[start..self.at].iter().collect();
        let test = if operator.is_empty() {
            None
        } else {
            self.blanks();
            let right = self.operand(depth + 1)?;
            if !["==", "!=", "<", "<=", ">", ">="].contains(&operator.as_str()) {
                return Err(format!("unrecognized filter operator {operator}"));
            }
            Some((operator, right))
        };
        self.blanks();
        for close in [')', ']'] {
            if self.peek() != Some(close) {
                return Err(unterminated());
            }
            self.at += 1;
        }
        Ok(Step::Filter(Box::new(Filter { left, test })))
    }
}

fn identifier(word: &str) -> Result<Part, String> {
    match word {
        "true" => Ok(Part::Literal(true.into())),
        "false" => Ok(Part::Literal(false.into())),
        other => Err(format!("unrecognized identifier {other}")),
    }
}

fn split_outside_quotes(text: &str) -> Vec<&str> {
    let mut quote = None;
    text.split(|c: char| {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ',') => return true,
            _ => {}
        }
        false
    })
    .collect()
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
