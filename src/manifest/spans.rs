//! Where in a text the parts of a value stand.

/// Byte offsets, end exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// Line and column, both from 0; the column counts characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// The line and column of a byte offset.
pub fn position(text: &str, offset: usize) -> Position {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Position { line: before.matches('\n').count(), column: before[start..].chars().count() }
}

/// The places of a value and, within, of its fields and items.
///
/// What an alias stands for has the alias's place, and no parts.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    pub(super) key: Option<Span>,
    pub(super) value: Span,
    pub(super) children: Children,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Children {
    #[default]
    None,
    Fields(Vec<(String, Spans)>),
    Items(Vec<Spans>),
}

impl Spans {
    /// The place of the value itself.
    pub fn value(&self) -> Span {
        self.value
    }

    /// The place of the key that names it; `None` for items and the document.
    pub fn key(&self) -> Option<Span> {
        self.key
    }

    pub fn field(&self, name: &str) -> Option<&Spans> {
        match &self.children {
            Children::Fields(fields) => fields.iter().rev().find(|(key, _)| key == name).map(|(_, spans)| spans),
            _ => None,
        }
    }

    pub fn item(&self, index: usize) -> Option<&Spans> {
        match &self.children {
            Children::Items(items) => items.get(index),
            _ => None,
        }
    }

    /// Follows a field path (`spec.containers[0].resources.limits[cpu]`) as deep as the text goes.
    /// The flag tells whether the whole path was found.
    pub fn follow(&self, path: &str) -> (&Spans, bool) {
        let mut here = self;
        let mut rest = path;
        loop {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            if rest.is_empty() {
                return (here, true);
            }
            let Some((next, tail)) = here.step(rest) else { return (here, false) };
            (here, rest) = (next, tail);
        }
    }

    fn step<'p>(&self, rest: &'p str) -> Option<(&Spans, &'p str)> {
        if let Some(inside) = rest.strip_prefix('[') {
            let (word, tail) = inside.split_once(']')?;
            return match &self.children {
                Children::Items(items) => Some((items.get(word.parse::<usize>().ok()?)?, tail)),
                _ => Some((self.field(word)?, tail)),
            };
        }
        // Keys may hold dots themselves: the longest that fits.
        let Children::Fields(fields) = &self.children else { return None };
        let fits = |key: &str| {
            rest.strip_prefix(key).filter(|tail| tail.is_empty() || tail.starts_with('.') || tail.starts_with('['))
        };
        fields
            .iter()
            .rev()
            .filter_map(|(key, spans)| fits(key).map(|tail| (spans, tail)))
            .min_by_key(|(_, tail)| tail.len())
    }

    /// The place to mark for a fault at `path`: its value where the text has it, else the key of the
    /// nearest part that the text has, else the start of the document.
    pub fn mark(&self, path: &str) -> Span {
        let (spans, whole) = self.follow(path);
        match (whole, spans.key) {
            (true, _) if spans.value.end > spans.value.start && matches!(spans.children, Children::None) => spans.value,
            (_, Some(key)) => key,
            _ => spans.head(),
        }
    }

    /// The first key of a mapping, or the value's first byte.
    fn head(&self) -> Span {
        match &self.children {
            Children::Fields(fields) => {
                fields.first().and_then(|(_, spans)| spans.key).unwrap_or_else(|| self.first_byte())
            }
            _ => self.first_byte(),
        }
    }

    fn first_byte(&self) -> Span {
        Span { start: self.value.start, end: self.value.end.min(self.value.start + 1) }
    }
}
