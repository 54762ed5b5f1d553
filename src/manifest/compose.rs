//! One YAML document: parser events to a node tree, and that to a JSON value with its places.
//!
//! The tree is built without recursion over the text; only the bounded expansion recurses. Aliases are
//! expanded under go-yaml's rule against alias bombs.

use std::{borrow::Cow, io::Cursor};

use libyaml_safer::{Error, ErrorKind, Event, EventData, Mark, Parser, ScalarStyle};
use serde_json::{Map, Value};

use super::{
    Document, MAX_DEPTH, SyntaxError,
    scalar::{self, Scalar},
    spans::{Children, Span, Spans},
};

/// How many texts in double quotes with `\'` in them are read in a document.
const MAX_QUOTES: usize = 256;

const PREFIX: &str = "error converting YAML to JSON: ";

enum Shape {
    Scalar { tag: Option<String>, text: String, plain: bool },
    Sequence(Vec<usize>),
    Mapping(Vec<usize>),
    Alias { name: String, to: usize },
}

struct Node {
    shape: Shape,
    span: Span,
}

/// What the documents of a text are read with, one after another: its buffers are large.
pub type Reader = Parser<Cursor<Vec<u8>>>;

/// The document in `text[start..end]`, of which `start` is on line `start_line`; `None` if there is nothing in it.
pub fn document(
    reader: &mut Reader,
    text: &str,
    start: usize,
    end: usize,
    start_line: usize,
) -> Result<Option<Document>, SyntaxError> {
    let chunk = &text[start..end];
    let whole = |span: Span| Span { start: start + span.start, end: start + span.end };
    let nodes = match compose(reader, chunk) {
        Ok(nodes) => nodes,
        Err((problem, span)) => {
            return Err(SyntaxError { message: format!("{PREFIX}{problem}"), span: whole(span) });
        }
    };
    if nodes.is_empty() {
        return Ok(None);
    }
    let mut expansion = Expansion {
        nodes: &nodes,
        offset: start,
        decoded: 0,
        aliased: 0,
        depth: 0,
        open: Vec::new(),
        duplicates: Vec::new(),
    };
    let (value, spans) = expansion.node(0, 0).map_err(|fault| {
        let span = nodes.get(fault.node).map_or(Span::default(), |node| node.span);
        SyntaxError { message: format!("{PREFIX}{}", fault.problem), span: whole(span) }
    })?;
    let content = !value.is_null();
    Ok(content.then_some(Document { value, spans, start_line, duplicates: expansion.duplicates }))
}

/// The nodes of `text`. go-yaml takes `\'` in a text in double quotes for `'` and the parser here doesn't: the parser is
/// given a character as long as the two in their place, one that stands nowhere else.
fn compose(reader: &mut Reader, text: &str) -> Result<Vec<Node>, (String, Span)> {
    let Some((guarded, comma)) = guarded_tags(text)? else { return compose_guarded(reader, text) };
    let mut nodes = compose_guarded(reader, &guarded)?;
    for node in &mut nodes {
        if let Shape::Scalar { text, .. } = &mut node.shape {
            *text = text.replace(comma, ",");
        }
    }
    Ok(nodes)
}

/// The parser panics at a tag that a comma follows at once (`[!a, b]`), where go-yaml complains of the missing blank.
/// So the commas of words that begin like tags give way to a character that stands nowhere in the text, is as long,
/// and belongs to no tag. `None`: there are no such words.
fn guarded_tags(text: &str) -> Result<Option<(String, char)>, (String, Span)> {
    if !text.contains('!') {
        return Ok(None);
    }
    let comma = "^`|<>#".chars().find(|c| !text.contains(*c));
    let mut guarded = String::new();
    let mut from = 0;
    for (at, _) in text.match_indices('!') {
        let word = text[at..].find(|c: char| c.is_whitespace()).map_or(text.len(), |length| at + length);
        if at < from || !text[at..word].contains(',') || !may_begin_tag(&text[..at]) {
            continue;
        }
        let Some(comma) = comma else {
            let problem = "did not find expected whitespace or line break";
            return Err((format!("yaml: {problem}"), Span { start: at, end: word }));
        };
        guarded.push_str(&text[from..at]);
        guarded.push_str(&text[at..word].replace(',', comma.encode_utf8(&mut [0; 4])));
        from = word;
    }
    if from == 0 {
        return Ok(None);
    }
    guarded.push_str(&text[from..]);
    Ok(comma.map(|comma| (guarded, comma)))
}

/// Whether a token may begin after `before`: at the start of a line, after an indicator, an anchor or another tag.
fn may_begin_tag(before: &str) -> bool {
    let line = before.trim_end_matches([' ', '\t']);
    match line.chars().next_back() {
        None | Some('\n' | '\r' | '[' | '{' | ',' | ':' | '-' | '?') => true,
        Some(_) => {
            let word = line.rfind(|c: char| c.is_whitespace() || "[{,".contains(c)).map_or(line, |at| &line[at + 1..]);
            word.starts_with(['&', '!'])
        }
    }
}

fn compose_guarded(reader: &mut Reader, text: &str) -> Result<Vec<Node>, (String, Span)> {
    let (mut read, mut stand_in) = (Cow::Borrowed(text), None);
    for _ in 0..MAX_QUOTES {
        let (problem, span) = match Composer::new(&read).compose(reader) {
            Ok(nodes) if stand_in.is_none() => return Ok(nodes),
            Ok(mut nodes) => {
                for node in &mut nodes {
                    if let (Shape::Scalar { text, .. }, Some(stand_in)) = (&mut node.shape, stand_in) {
                        *text = text.replace(stand_in, "'");
                    }
                }
                return Ok(nodes);
            }
            Err(fault) => fault,
        };
        stand_in = stand_in.or_else(|| ('\u{100}'..'\u{7ff}').find(|c| !text.contains(*c)));
        let quote = problem.ends_with("found unknown escape character") && read[span.start..].starts_with("\\'");
        let (true, Some(stand_in)) = (quote, stand_in) else { return Err((problem, span)) };
        read = Cow::Owned(escaped_quotes_replaced(&read, span.start, stand_in));
    }
    Composer::new(&read).compose(reader)
}

/// `text` with `stand_in` for each `\'` from `from` on, up to the double quote that ends the text there.
fn escaped_quotes_replaced(text: &str, from: usize, stand_in: char) -> String {
    let (mut new, mut rest) = (String::from(&text[..from]), &text[from..]);
    while let Some(at) = rest.find(['\\', '"']) {
        let (before, here) = rest.split_at(at);
        new.push_str(before);
        let Some(escaped) = here.strip_prefix('\\').and_then(|after| after.chars().next()) else {
            rest = here;
            break;
        };
        let (escape, after) = here.split_at(1 + escaped.len_utf8());
        match escaped {
            '\'' => new.push(stand_in),
            _ => new.push_str(escape),
        }
        rest = after;
    }
    new + rest
}

struct Composer<'t> {
    text: &'t str,
    nodes: Vec<Node>,
    /// Open collections.
    open: Vec<usize>,
    anchors: std::collections::BTreeMap<String, usize>,
}

impl<'t> Composer<'t> {
    fn new(text: &'t str) -> Composer<'t> {
        Composer { text, nodes: Vec::new(), open: Vec::new(), anchors: Default::default() }
    }

    fn compose(mut self, parser: &mut Reader) -> Result<Vec<Node>, (String, Span)> {
        // The parser panics where a text ends within a scalar's last line; a line break more, and it doesn't.
        let mut ended = Vec::with_capacity(self.text.len() + 1);
        ended.extend_from_slice(self.text.as_bytes());
        if !self.text.ends_with('\n') {
            ended.push(b'\n');
        }
        let last_line = self.text.rsplit('\n').next().unwrap_or_default();
        let added = !last_line.trim_start().is_empty();
        parser.reset();
        parser.set_input(Cursor::new(ended));
        loop {
            let event = parser.parse().map_err(|error| self.fault(&error))?;
            let span = self.span(&event);
            match event.data {
                EventData::StreamStart { .. } | EventData::DocumentStart { .. } => {}
                // go-yaml reads one document; what follows it in the chunk is not looked at.
                EventData::StreamEnd | EventData::DocumentEnd { .. } => return Ok(self.nodes),
                EventData::Alias { anchor } => {
                    let Some(&to) = self.anchors.get(&anchor) else {
                        return Err((format!("yaml: unknown anchor '{anchor}' referenced"), span));
                    };
                    self.add(Shape::Alias { name: anchor, to }, span, None);
                }
                EventData::Scalar { anchor, tag, mut value, plain_implicit, style, .. } => {
                    let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                    if added && block && event.end_mark.index as usize >= self.text.len() && value.ends_with('\n') {
                        value.pop();
                    }
                    let shape = Shape::Scalar { tag, text: value, plain: plain_implicit };
                    self.add(shape, span, anchor);
                }
                EventData::SequenceStart { anchor, .. } => self.open(Shape::Sequence(Vec::new()), span, anchor)?,
                EventData::MappingStart { anchor, .. } => self.open(Shape::Mapping(Vec::new()), span, anchor)?,
                EventData::SequenceEnd | EventData::MappingEnd => {
                    if let Some(index) = self.open.pop() {
                        let last = match &self.nodes[index].shape {
                            Shape::Sequence(children) | Shape::Mapping(children) => children.last().copied(),
                            _ => None,
                        };
                        // A block's end event stands at the next token, far below: its last part ends it.
                        let end = match last {
                            Some(last) if span.start == span.end => self.nodes[last].span.end,
                            _ => span.end,
                        };
                        let node = &mut self.nodes[index];
                        node.span.end = end.max(node.span.end);
                    }
                }
            }
        }
    }

    fn open(&mut self, shape: Shape, span: Span, anchor: Option<String>) -> Result<(), (String, Span)> {
        if self.open.len() >= MAX_DEPTH {
            return Err((format!("yaml: exceeded max depth of {MAX_DEPTH}"), span));
        }
        let index = self.add(shape, span, anchor);
        self.open.push(index);
        Ok(())
    }

    fn add(&mut self, shape: Shape, span: Span, anchor: Option<String>) -> usize {
        let index = self.nodes.len();
        self.nodes.push(Node { shape, span });
        if let Some(&parent) = self.open.last()
            && let Shape::Sequence(children) | Shape::Mapping(children) = &mut self.nodes[parent].shape
        {
            children.push(index);
        }
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, index);
        }
        index
    }

    fn span(&self, event: &Event) -> Span {
        let start = (event.start_mark.index as usize).min(self.text.len());
        let end = (event.end_mark.index as usize).clamp(start, self.text.len());
        // Block scalars run on over the blank lines after them.
        let kept = self.text.get(start..end).map_or(end - start, |text| text.trim_end().len());
        Span { start, end: start + kept }
    }

    /// go-yaml v2's text for a parser's error, and a place to mark.
    fn fault(&self, error: &Error) -> (String, Span) {
        let (problem, context) = (error.problem_mark(), error.context_mark());
        let at = |mark: Option<Mark>| mark.filter(|mark| mark.line != 0);
        let line = match (at(problem), at(context)) {
            (Some(mark), _) => Some(mark.line + u64::from(error.kind() == ErrorKind::Scanner)),
            (None, Some(mark)) => Some(mark.line),
            (None, None) => None,
        };
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        let text = match error.kind() {
            ErrorKind::Io => "input error: unexpected end".into(),
            _ => error.problem().to_string(),
        };
        let start = match (problem, error.kind()) {
            (Some(mark), _) => mark.index as usize,
            (None, _) => self.text.find(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')).unwrap_or(0),
        };
        (format!("yaml: {place}{text}"), self.visible(start))
    }

    /// A span of one character at or before `start` that can be seen.
    fn visible(&self, start: usize) -> Span {
        let mut start = start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let here = self.text[start..].chars().next();
        if here.is_none_or(|c| c == '\n' || c == '\r') {
            // Faults at a line's end or the text's: the last word before it.
            let before = self.text[..start].trim_end();
            let width = before.chars().next_back().map_or(0, char::len_utf8);
            return Span { start: before.len() - width, end: before.len() };
        }
        Span { start, end: start + here.map_or(0, char::len_utf8) }
    }
}

struct Fault {
    problem: String,
    node: usize,
}

struct Expansion<'n> {
    nodes: &'n [Node],
    /// Where the chunk starts in the whole text.
    offset: usize,
    decoded: usize,
    aliased: usize,
    /// Aliases being expanded, one inside the other.
    depth: usize,
    open: Vec<usize>,
    duplicates: Vec<(String, Span)>,
}

impl Expansion<'_> {
    fn node(&mut self, index: usize, level: usize) -> Result<(Value, Spans), Fault> {
        self.count(index)?;
        // Aliases within aliases can nest deeper than the text does.
        if level > 2 * MAX_DEPTH {
            return Err(Fault { problem: format!("yaml: exceeded max depth of {}", 2 * MAX_DEPTH), node: index });
        }
        let nodes = self.nodes;
        let node = &nodes[index];
        let mut spans = Spans { key: None, value: self.place(node.span), children: Children::None };
        let value = match &node.shape {
            Shape::Scalar { tag, text, plain } => scalar::value(tag.as_deref(), text, *plain)
                .map_err(|problem| Fault { problem: yaml(problem), node: index })?,
            Shape::Alias { name, to } => {
                self.enter(index, name, *to)?;
                let (value, _) = self.node(*to, level + 1)?;
                self.leave();
                value
            }
            Shape::Sequence(children) => {
                let mut items = Vec::with_capacity(children.len());
                let mut places = Vec::new();
                for &child in children {
                    let (value, place) = self.node(child, level + 1)?;
                    items.push(value);
                    if self.depth == 0 {
                        places.push(place);
                    }
                }
                spans.children = Children::Items(places);
                Value::Array(items)
            }
            Shape::Mapping(children) => {
                let mut map = Map::new();
                let mut fields = Vec::new();
                self.mapping(index, children, level, &mut map, &mut fields)?;
                spans.children = Children::Fields(fields);
                Value::Object(map)
            }
        };
        Ok((value, spans))
    }

    fn mapping(
        &mut self,
        index: usize,
        children: &[usize],
        level: usize,
        map: &mut Map<String, Value>,
        fields: &mut Vec<(String, Spans)>,
    ) -> Result<(), Fault> {
        // Go sets merged keys where `<<` stands and does not look whether they are there already.
        let mut written = std::collections::BTreeSet::new();
        for pair in children.chunks_exact(2) {
            let (key, value) = (pair[0], pair[1]);
            if self.is_merge(key) {
                self.merge(value, index, level, map, fields)?;
                continue;
            }
            let name = self.key(key, level)?;
            let place = self.place(self.nodes[key].span);
            let (value, mut spans) = self.node(value, level + 1)?;
            if !written.insert(name.clone()) && self.depth == 0 {
                self.duplicates.push((name.clone(), place));
            }
            if self.depth == 0 {
                spans.key = Some(place);
                fields.push((name.clone(), spans));
            }
            map.insert(name, value);
        }
        Ok(())
    }

    fn merge(
        &mut self,
        value: usize,
        parent: usize,
        level: usize,
        map: &mut Map<String, Value>,
        fields: &mut Vec<(String, Spans)>,
    ) -> Result<(), Fault> {
        let nodes = self.nodes;
        let wrong =
            || Fault { problem: "yaml: map merge requires map or sequence of maps as the value".into(), node: parent };
        match &nodes[value].shape {
            Shape::Sequence(children) => {
                for &child in children.iter().rev() {
                    if !self.is_mapping(child) {
                        return Err(wrong());
                    }
                    self.merge(child, parent, level + 1, map, fields)?;
                }
                Ok(())
            }
            Shape::Alias { name, to } => {
                let Shape::Mapping(children) = &nodes[*to].shape else { return Err(wrong()) };
                self.count(value)?;
                self.enter(value, name, *to)?;
                let done = self.mapping(*to, children, level + 1, map, fields);
                self.leave();
                done
            }
            Shape::Mapping(children) => {
                self.count(value)?;
                self.mapping(value, children, level + 1, map, fields)
            }
            Shape::Scalar { .. } => Err(wrong()),
        }
    }

    fn is_mapping(&self, index: usize) -> bool {
        match &self.nodes[index].shape {
            Shape::Mapping(_) => true,
            Shape::Alias { to, .. } => matches!(self.nodes[*to].shape, Shape::Mapping(_)),
            _ => false,
        }
    }

    fn is_merge(&self, key: usize) -> bool {
        match &self.nodes[key].shape {
            Shape::Scalar { tag, text, plain } => {
                text == "<<" && (*plain || tag.as_deref() == Some("tag:yaml.org,2002:merge"))
            }
            _ => false,
        }
    }

    /// A key as sigs.k8s.io/yaml makes it a string.
    fn key(&mut self, index: usize, level: usize) -> Result<String, Fault> {
        let (value, _) = self.node(index, level + 1)?;
        let problem = match value {
            Value::String(text) => return Ok(text),
            Value::Bool(bool) => return Ok(bool.to_string()),
            Value::Number(number) => return Ok(number.to_string()),
            Value::Null => "unsupported map key of type: %!s(<nil>), key: <nil>".to_string(),
            Value::Array(_) => "yaml: invalid map key: []interface {}".to_string(),
            Value::Object(_) => "yaml: invalid map key: map[interface {}]interface {}".to_string(),
        };
        Err(Fault { problem, node: index })
    }

    fn count(&mut self, node: usize) -> Result<(), Fault> {
        self.decoded += 1;
        if self.depth > 0 {
            self.aliased += 1;
        }
        let excessive = self.aliased > 100
            && self.decoded > 1000
            && self.aliased as f64 / self.decoded as f64 > allowed_alias_ratio(self.decoded);
        if excessive {
            return Err(Fault { problem: "yaml: document contains excessive aliasing".into(), node });
        }
        Ok(())
    }

    fn enter(&mut self, index: usize, name: &str, to: usize) -> Result<(), Fault> {
        if self.open.contains(&to) {
            return Err(Fault { problem: format!("yaml: anchor '{name}' value contains itself"), node: index });
        }
        self.open.push(to);
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self) {
        self.open.pop();
        self.depth -= 1;
    }

    fn place(&self, span: Span) -> Span {
        Span { start: span.start + self.offset, end: span.end + self.offset }
    }
}

fn yaml(problem: String) -> String {
    if problem.starts_with("json: ") { problem } else { format!("yaml: {problem}") }
}

/// go-yaml's share of decoding steps that may come from aliases, falling as documents grow.
fn allowed_alias_ratio(decoded: usize) -> f64 {
    const LOW: f64 = 400_000.0;
    const HIGH: f64 = 4_000_000.0;
    let decoded = decoded as f64;
    if decoded <= LOW {
        0.99
    } else if decoded >= HIGH {
        0.10
    } else {
        0.99 - 0.89 * ((decoded - LOW) / (HIGH - LOW))
    }
}

/// Whether a string printed plain would be read back as something else.
pub(super) fn is_ambiguous(text: &str) -> bool {
    scalar::resolve(text) != Scalar::Text
}
