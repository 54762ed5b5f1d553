//! JSON objects one after the other, with their places, and errors in the words of Go's decoder.

use serde_json::{Map, Number, Value};

use super::{
    Document, MAX_DEPTH, SyntaxError,
    spans::{Children, Span, Spans},
};

/// The objects of a stream, and where and why it stopped before its end.
pub fn stream(text: &str) -> (Vec<Document>, Option<(usize, SyntaxError)>) {
    let mut objects = Vec::new();
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, duplicates: Vec::new() };
    loop {
        let before = reader.at;
        reader.blank();
        if reader.at == reader.bytes.len() {
            return (objects, None);
        }
        let start_line = text[..reader.at].bytes().filter(|b| *b == b'\n').count();
        match reader.value(0) {
            Ok((value, spans)) => {
                let duplicates = std::mem::take(&mut reader.duplicates);
                objects.push(Document { value, spans, start_line, duplicates });
            }
            Err(problem) => {
                let at = reader.at.min(text.len());
                let mut end = (at + 1).min(text.len());
                while !text.is_char_boundary(end) {
                    end += 1;
                }
                // Go's offset counts the byte it stumbled over.
                let offset = at + usize::from(at < text.len());
                let message = match problem {
                    Problem::Syntax(text) => format!("json: offset {offset}: {text}"),
                    Problem::Cut => "unexpected EOF".to_string(),
                };
                return (objects, Some((before, SyntaxError { message, span: Span { start: at.min(end), end } })));
            }
        }
    }
}

type Fields = Vec<(String, Spans)>;

enum Problem {
    Syntax(String),
    /// The text ends inside a value.
    Cut,
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    duplicates: Vec<(String, Span)>,
}

impl Reader<'_> {
    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// `invalid character 'x' CONTEXT`, or the cut.
    fn unexpected<T>(&self, context: &str) -> Result<T, Problem> {
        let Some(c) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) else { return Err(Problem::Cut) };
        // Go looks at bytes and shows each as a character.
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        let shown = match c {
            '\'' => "'\\''".to_string(),
            '"' => "'\"'".to_string(),
            '\n' => "'\\n'".to_string(),
            '\r' => "'\\r'".to_string(),
            '\t' => "'\\t'".to_string(),
            c if (c as u32) < 0x20 => format!("'\\x{:02x}'", c as u32),
            c if c.is_ascii() => format!("'{c}'"),
            _ => format!("'{}'", byte as char),
        };
        Err(Problem::Syntax(format!("invalid character {shown} {context}")))
    }

    fn value(&mut self, depth: usize) -> Result<(Value, Spans), Problem> {
        if depth > MAX_DEPTH {
            return Err(Problem::Syntax("exceeded max depth".into()));
        }
        self.blank();
        let start = self.at;
        let mut children = Children::None;
        let value = match self.bytes.get(self.at) {
            None => return Err(Problem::Cut),
            Some(b'{') => {
                let (map, fields) = self.object(depth)?;
                children = Children::Fields(fields);
                Value::Object(map)
            }
            Some(b'[') => {
                let (items, places) = self.array(depth)?;
                children = Children::Items(places);
                Value::Array(items)
            }
            Some(b'"') => Value::String(self.string()?),
            Some(b't') => self.literal("true", Value::Bool(true))?,
            Some(b'f') => self.literal("false", Value::Bool(false))?,
            Some(b'n') => self.literal("null", Value::Null)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => return self.unexpected("looking for beginning of value"),
        };
        Ok((value, Spans { key: None, value: Span { start, end: self.at }, children }))
    }

    fn object(&mut self, depth: usize) -> Result<(Map<String, Value>, Fields), Problem> {
        let (mut map, mut fields) = (Map::new(), Vec::new());
        self.at += 1;
        loop {
            self.blank();
            match self.bytes.get(self.at) {
                Some(b'}') if fields.is_empty() => break,
                Some(b'"') => {}
                _ if fields.is_empty() => return self.unexpected("looking for beginning of object key string"),
                _ => return self.unexpected("looking for beginning of object key string"),
            }
            let start = self.at;
            let key = self.string()?;
            let place = Span { start, end: self.at };
            self.blank();
            if self.bytes.get(self.at) != Some(&b':') {
                return self.unexpected("after object key");
            }
            self.at += 1;
            let (value, mut spans) = self.value(depth + 1)?;
            spans.key = Some(place);
            fields.push((key.clone(), spans));
            if map.insert(key.clone(), value).is_some() {
                self.duplicates.push((key, place));
            }
            self.blank();
            match self.bytes.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return self.unexpected("after object key:value pair"),
            }
        }
        self.at += 1;
        Ok((map, fields))
    }

    fn array(&mut self, depth: usize) -> Result<(Vec<Value>, Vec<Spans>), Problem> {
        let (mut items, mut places) = (Vec::new(), Vec::new());
        self.at += 1;
        self.blank();
        if self.bytes.get(self.at) == Some(&b']') {
            self.at += 1;
            return Ok((items, places));
        }
        loop {
            let (value, spans) = self.value(depth + 1)?;
            items.push(value);
            places.push(spans);
            self.blank();
            match self.bytes.get(self.at) {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return self.unexpected("after array element"),
            }
        }
        self.at += 1;
        Ok((items, places))
    }

    fn string(&mut self) -> Result<String, Problem> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                None => return Err(Problem::Cut),
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    match self.bytes.get(self.at) {
                        None => return Err(Problem::Cut),
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        Some(b'u') => {
                            self.at += 1;
                            for _ in 0..4 {
                                if !self.bytes.get(self.at).is_some_and(u8::is_ascii_hexdigit) {
                                    return self.unexpected("in \\u hexadecimal character escape");
                                }
                                self.at += 1;
                            }
                        }
                        Some(_) => return self.unexpected("in string escape code"),
                    }
                }
                Some(0..=0x1f) => return self.unexpected("in string literal"),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let literal = &self.text[start..self.at];
        match serde_json::from_str(literal) {
            Ok(string) => Ok(string),
            // Lone surrogates: Go reads each as the replacement character.
            Err(_) => Ok(lenient(literal)),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, Problem> {
        for (at, expected) in word.char_indices().skip(1) {
            self.at += 1;
            if self.bytes.get(self.at).copied().map(char::from) != Some(expected) {
                let _ = at;
                return self.unexpected(&format!("in literal {word} (expecting '{expected}')"));
            }
        }
        self.at += 1;
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Problem> {
        let start = self.at;
        let digits = |reader: &mut Self| {
            let from = reader.at;
            while reader.bytes.get(reader.at).is_some_and(u8::is_ascii_digit) {
                reader.at += 1;
            }
            reader.at > from
        };
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else if !digits(self) {
            return self.unexpected("in numeric literal");
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            if !digits(self) {
                return self.unexpected("after decimal point in numeric literal");
            }
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            if !digits(self) {
                return self.unexpected("in exponent of numeric literal");
            }
        }
        let literal = &self.text[start..self.at];
        let number = serde_json::from_str::<Number>(literal);
        number.map(Value::Number).map_err(|_| Problem::Syntax(format!("number {literal} is out of range")))
    }
}

/// A JSON string whose escapes hold lone surrogates.
fn lenient(literal: &str) -> String {
    let mut fixed = String::with_capacity(literal.len());
    let mut rest = literal;
    while let Some(at) = rest.find("\\u") {
        fixed.push_str(&rest[..at]);
        let code = rest.get(at + 2..at + 6).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or(0xFFFD);
        if (0xD800..0xE000).contains(&code) {
            fixed.push('\u{fffd}')
        } else {
            fixed.push_str(&rest[at..at + 6])
        }
        rest = &rest[(at + 6).min(rest.len())..];
    }
    fixed.push_str(rest);
    serde_json::from_str(&fixed).unwrap_or_default()
}
