//! Shell patterns: `*`, `?`, `[a-z]`, `[!a]`, `[[:digit:]]`.

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Vec<Element>);

#[derive(Clone, Debug, PartialEq)]
enum Element {
    Char(char),
    Any,
    Star,
    Set { negated: bool, ranges: Vec<(char, char)>, classes: Vec<Class> },
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
        let mut elements = Vec::new();
        let mut i = 0;
        while let Some((c, quoted)) = chars.get(i).copied() {
            i += 1;
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
        Pattern(elements)
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
        length(&self.0.iter().collect::<Vec<_>>(), text.iter().copied(), longest)
    }

    /// Where the shortest or longest suffix of `text` that matches begins.
    pub fn suffix(&self, text: &[char], longest: bool) -> Option<usize> {
        let backwards: Vec<_> = self.0.iter().rev().collect();
        length(&backwards, text.iter().rev().copied(), longest).map(|length| text.len() - length)
    }
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
            Element::Star => false,
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
