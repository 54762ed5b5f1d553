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
        let mut lengths = 0..=text.len();
        match longest {
            true => lengths.rfind(|n| self.matches_chars(&text[..*n])),
            false => lengths.find(|n| self.matches_chars(&text[..*n])),
        }
    }

    /// Where the shortest or longest suffix of `text` that matches begins.
    pub fn suffix(&self, text: &[char], longest: bool) -> Option<usize> {
        let mut starts = 0..=text.len();
        match longest {
            true => starts.find(|n| self.matches_chars(&text[*n..])),
            false => starts.rfind(|n| self.matches_chars(&text[*n..])),
        }
    }
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
}
