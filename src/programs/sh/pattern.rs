//! Shell patterns: `*`, `?`, `[a-z]`, `[!a]`, `[[:digit:]]`, and bash's `@(a|b)`.

use std::collections::BTreeSet;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Vec<Element>);

/// Patterns with groups aren't tried on longer texts, as they cost the square of the length.
const MAX_GROUPED: usize = 512;

#[derive(Clone, Debug, PartialEq)]
enum Element {
    Char(char),
    Any,
    Star,
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
        classes: Vec<Class>,
    },
    /// bash's `@(a|b)`, and with the others of `?*+!`.
    Group(char, Vec<Vec<Element>>),
}

type Class = fn(&char) -> bool;

fn class(name: &str) -> Option<Class> {
    Some(match name {
        "alnum" => |c| c.is_alphanumeric(),
        "alpha" => |c| c.is_alphabetic(),
        "blank" => |c| matches!(c, ' ' | '\t'),
        "cntrl" => |c| c.is_control(),
        "digit" => char::is_ascii_digit,
        "graph" => |c| !c.is_control() && !c.is_whitespace(),
        "lower" => |c| c.is_lowercase(),
        "print" => |c| !c.is_control(),
        "punct" => char::is_ascii_punctuation,
        "space" => |c| c.is_whitespace(),
        "upper" => |c| c.is_uppercase(),
        "xdigit" => char::is_ascii_hexdigit,
        _ => return None,
    })
}

impl Pattern {
    /// Compiles characters, each with whether it was quoted. A backslash that wasn't quoted (it came
    /// from an expansion) quotes the next character.
    pub fn new(chars: &[(char, bool)]) -> Pattern {
        Pattern(elements(chars, false, 0))
    }

    /// With bash's extended patterns.
    pub fn extended(chars: &[(char, bool)]) -> Pattern {
        Pattern(elements(chars, true, 0))
    }

    fn has_groups(&self) -> bool {
        self.0.iter().any(|element| matches!(element, Element::Group(..)))
    }

    /// Where matches that begin at the start of `text` may end.
    fn ends(&self, text: &[char]) -> BTreeSet<usize> {
        if text.len() > MAX_GROUPED { BTreeSet::new() } else { ends(&self.0, text, BTreeSet::from([0])) }
    }

    /// Compiles text in which nothing is quoted but by backslashes.
    pub fn parse(text: &str) -> Pattern {
        Pattern::new(&text.chars().map(|c| (c, false)).collect::<Vec<_>>())
    }

    pub fn matches(&self, text: &str) -> bool {
        self.matches_chars(&text.chars().collect::<Vec<_>>())
    }

    /// Linear but for going back to the last star.
    pub fn matches_chars(&self, text: &[char]) -> bool {
        if self.has_groups() {
            return self.ends(text).contains(&text.len());
        }
        let (mut p, mut t) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        loop {
            match self.0.get(p) {
                Some(Element::Star) => {
                    back = Some((p, t));
                    p += 1;
                    continue;
                }
                Some(element) if text.get(t).is_some_and(|c| element.accepts(*c)) => {
                    p += 1;
                    t += 1;
                    continue;
                }
                None if t == text.len() => return true,
                _ => {}
            }
            match back {
                Some((star, from)) if from < text.len() => {
                    back = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                _ => return false,
            }
        }
    }

    /// The text if the pattern holds no special characters.
    pub fn literal(&self) -> Option<String> {
        self.0.iter().map(|e| if let Element::Char(c) = e { Some(*c) } else { None }).collect()
    }

    /// Whether it begins with a literal dot, as it must to match hidden files.
    pub fn begins_with_dot(&self) -> bool {
        self.0.first() == Some(&Element::Char('.'))
    }

    /// Length of the shortest or longest prefix of `text` that matches.
    pub fn prefix(&self, text: &[char], longest: bool) -> Option<usize> {
        if self.has_groups() {
            let ends = self.ends(text);
            return if longest { ends.last().copied() } else { ends.first().copied() };
        }
        length(&self.0.iter().collect::<Vec<_>>(), text.iter().copied(), longest)
    }

    /// Where the shortest or longest suffix of `text` that matches begins.
    pub fn suffix(&self, text: &[char], longest: bool) -> Option<usize> {
        if self.has_groups() {
            let matches = |from: &usize| self.ends(&text[*from..]).contains(&(text.len() - from));
            return if longest { (0..=text.len()).find(matches) } else { (0..=text.len()).rev().find(matches) };
        }
        let backwards: Vec<_> = self.0.iter().rev().collect();
        length(&backwards, text.iter().rev().copied(), longest).map(|length| text.len() - length)
    }
}

/// Groups deeper in each other than this are text.
const MAX_NESTED: u32 = 4;

fn elements(chars: &[(char, bool)], extended: bool, depth: u32) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut i = 0;
    while let Some((c, quoted)) = chars.get(i).copied() {
        i += 1;
        let group =
            (extended && depth < MAX_NESTED && !quoted && "?*+@!".contains(c) && chars.get(i) == Some(&('(', false)))
                .then(|| alternatives(&chars[i + 1..]))
                .flatten();
        if let Some((alternatives, used)) = group {
            i += used + 1;
            let inner = alternatives.into_iter().map(|inner| self::elements(inner, extended, depth + 1));
            elements.push(Element::Group(c, inner.collect()));
            continue;
        }
        elements.push(match c {
            _ if quoted => Element::Char(c),
            '*' => {
                if elements.last() == Some(&Element::Star) {
                    continue;
                }
                Element::Star
            }
            '?' => Element::Any,
            '\\' if i < chars.len() => {
                i += 1;
                Element::Char(chars[i - 1].0)
            }
            '[' => match set(&chars[i..]) {
                Some((set, used)) => {
                    i += used;
                    set
                }
                None => Element::Char('['),
            },
            _ => Element::Char(c),
        });
    }
    elements
}

/// A character, and whether it was quoted.
type Char = (char, bool);

/// What a group holds, given what follows its parenthesis: the alternatives, and the length up to the closing one.
fn alternatives(chars: &[Char]) -> Option<(Vec<&[Char]>, usize)> {
    let (mut from, mut depth, mut found) = (0, 0, Vec::new());
    for (i, (c, quoted)) in chars.iter().enumerate() {
        match c {
            _ if *quoted => {}
            '(' => depth += 1,
            ')' if depth == 0 => {
                found.push(&chars[from..i]);
                return Some((found, i + 1));
            }
            ')' => depth -= 1,
            '|' if depth == 0 => {
                found.push(&chars[from..i]);
                from = i + 1;
            }
            _ => {}
        }
    }
    None
}

/// Where matches may end that begin at one of `places`.
fn ends(elements: &[Element], text: &[char], mut places: BTreeSet<usize>) -> BTreeSet<usize> {
    for element in elements {
        places = match element {
            Element::Star => match places.first() {
                Some(first) => (*first..=text.len()).collect(),
                None => return places,
            },
            Element::Group(sort, inner) => {
                let once = |from: &BTreeSet<usize>| -> BTreeSet<usize> {
                    inner.iter().flat_map(|elements| ends(elements, text, from.clone())).collect()
                };
                match sort {
                    '@' => once(&places),
                    '?' => once(&places).union(&places).copied().collect(),
                    '!' => {
                        let others = |place: &usize| {
                            let matched = once(&BTreeSet::from([*place]));
                            (*place..=text.len()).filter(move |end| !matched.contains(end))
                        };
                        places.iter().flat_map(others).collect()
                    }
                    _ => {
                        let mut all = if *sort == '*' { places.clone() } else { BTreeSet::new() };
                        let mut next = once(&places);
                        while !next.is_subset(&all) {
                            all.extend(&next);
                            next = once(&next);
                        }
                        all
                    }
                }
            }
            other => {
                let taken = |place: usize| text.get(place).is_some_and(|c| other.accepts(*c)).then_some(place + 1);
                places.into_iter().filter_map(taken).collect()
            }
        };
    }
    places
}

/// How much from the beginning of `text` the elements match, at least or at most. Goes through the text once with all
/// places of the pattern that it may have come to.
fn length(elements: &[&Element], text: impl Iterator<Item = char>, longest: bool) -> Option<usize> {
    struct Places<'a> {
        elements: &'a [&'a Element],
        now: Vec<usize>,
        /// The step at which each was entered last.
        entered: Vec<usize>,
    }
    impl Places<'_> {
        fn enter(&mut self, mut place: usize, step: usize) {
            while self.entered[place] != step {
                self.entered[place] = step;
                self.now.push(place);
                if self.elements.get(place).is_some_and(|element| **element == Element::Star) {
                    // It may stand for nothing.
                    place += 1;
                }
            }
        }
    }
    let end = elements.len();
    let mut places = Places { elements, now: Vec::new(), entered: vec![0; end + 1] };
    places.enter(0, 1);
    let mut found = None;
    for (n, c) in text.map(Some).chain([None]).enumerate() {
        let step = n + 2;
        if places.entered[end] == step - 1 {
            found = Some(n);
            if !longest {
                break;
            }
        }
        let Some(c) = c else { break };
        let before = std::mem::take(&mut places.now);
        for place in before {
            match elements.get(place) {
                Some(Element::Star) => places.enter(place, step),
                Some(element) if element.accepts(c) => places.enter(place + 1, step),
                _ => {}
            }
        }
        if places.now.is_empty() {
            break;
        }
    }
    found
}

impl Element {
    fn accepts(&self, c: char) -> bool {
        match self {
            Element::Char(own) => *own == c,
            Element::Any => true,
            Element::Star | Element::Group(..) => false,
            Element::Set { negated, ranges, classes } => {
                let inside = ranges.iter().any(|(a, b)| (*a..=*b).contains(&c)) || classes.iter().any(|f| f(&c));
                inside != *negated
            }
        }
    }
}

/// A bracket expression after its `[`: the element and the number of characters it took.
fn set(chars: &[(char, bool)]) -> Option<(Element, usize)> {
    let mut i = 0;
    let negated = matches!(chars.first(), Some(('!' | '^', false)));
    i += usize::from(negated);
    let first = i;
    let mut ranges = Vec::new();
    let mut classes = Vec::new();
    loop {
        let (mut c, quoted) = *chars.get(i)?;
        i += 1;
        if c == ']' && !quoted && i > first + 1 {
            return Some((Element::Set { negated, ranges, classes }, i));
        }
        if c == '[' && !quoted && chars.get(i).map(|c| c.0) == Some(':') {
            let end = (i + 1..chars.len().min(i + 12)).find(|n| chars[*n].0 == ':')?;
            let name: String = chars[i + 1..end].iter().map(|c| c.0).collect();
            if chars.get(end + 1).map(|c| c.0) == Some(']')
                && let Some(class) = class(&name)
            {
                classes.push(class);
                i = end + 2;
                continue;
            }
        }
        if c == '\\' && !quoted {
            c = chars.get(i)?.0;
            i += 1;
        }
        let is_range = matches!(chars.get(i), Some(('-', false))) && chars.get(i + 1).is_some_and(|c| c.0 != ']');
        if is_range {
            ranges.push((c, chars[i + 1].0));
            i += 2;
        } else {
            ranges.push((c, c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches() {
        for (pattern, text, expected) in [
            ("*.txt", "a.txt", true),
            ("*.txt", "a.txt.gz", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[[:digit:]]*", "7up", true),
            ("[", "[", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("a*b*c", "aXbYbZc", true),
            ("*a*a*a*a*b", &"a".repeat(2000), false),
            ("", "", true),
            ("*", "", true),
            ("é?", "éß", true),
        ] {
            assert_eq!(Pattern::parse(pattern).matches(text), expected, "{pattern} {text}");
        }
    }

    /// Against the definition: the ends of the text that match as a whole.
    #[test]
    fn ends() {
        for pattern in ["", "a", "*", "a*", "*a", "*b*", "?", "[ab]?", "a*b", "**b", "c"] {
            for text in ["", "a", "b", "ab", "ba", "aab", "abab", "bbb", "xaxbx"] {
                let (pattern, chars) = (Pattern::parse(pattern), text.chars().collect::<Vec<_>>());
                let prefixes: Vec<_> = (0..=chars.len()).filter(|n| pattern.matches_chars(&chars[..*n])).collect();
                let suffixes: Vec<_> = (0..=chars.len()).filter(|n| pattern.matches_chars(&chars[*n..])).collect();
                let got = [pattern.prefix(&chars, false), pattern.prefix(&chars, true)];
                assert_eq!(got, [prefixes.first().copied(), prefixes.last().copied()], "{pattern:?} {text}");
                let got = [pattern.suffix(&chars, true), pattern.suffix(&chars, false)];
                assert_eq!(got, [suffixes.first().copied(), suffixes.last().copied()], "{pattern:?} {text}");
            }
        }
    }
}
