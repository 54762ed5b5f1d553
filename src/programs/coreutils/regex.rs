//! Regular expressions as grep, sed and expr have them: basic and extended ones, written as the regex library wants them,
//! which takes linear time. Those that refer back to what a group matched are for [`super::backtrack`].

use std::rc::Rc;

use super::backtrack::{Machine, Spans};

/// How a pattern is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    Basic,
    Extended,
    Perl,
    Fixed,
}

/// Why a pattern isn't one.
#[derive(Debug)]
pub enum Wrong {
    /// It refers to a group that isn't there.
    Reference,
    Other(String),
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wrong::Reference => f.write_str("Invalid back reference"),
            Wrong::Other(text) => f.write_str(text),
        }
    }
}

impl Wrong {
    /// What the C library says of such a pattern.
    pub fn words(&self, pattern: &str) -> &'static str {
        let count = |c: char| pattern.matches(c).count();
        match self {
            Wrong::Reference => "Invalid back reference",
            _ if count('(') > count(')') => "Unmatched ( or \\(",
            _ if count('[') > count(']') => "Unmatched [, [^, [:, [., or [=",
            _ if count(')') > count('(') => "Unmatched ) or \\)",
            _ => "Invalid preceding regular expression",
        }
    }
}

/// A compiled pattern; cheap to clone.
#[derive(Clone)]
pub enum Regex {
    Linear(regex_lite::Regex),
    Backtracking(Rc<Machine>),
}

impl Regex {
    pub fn is_match(&self, text: &str) -> bool {
        match self {
            Regex::Linear(regex) => regex.is_match(text),
            Regex::Backtracking(machine) => machine.is_match(text),
        }
    }

    /// The first match that begins at `at` or later.
    pub fn find_at(&self, text: &str, at: usize) -> Option<(usize, usize)> {
        match self {
            Regex::Linear(regex) => regex.find_at(text, at).map(|found| (found.start(), found.end())),
            Regex::Backtracking(machine) => machine.find_at(text, at).and_then(|spans| spans.get(0)),
        }
    }

    /// The same with what its groups matched.
    pub fn captures_at(&self, text: &str, at: usize) -> Option<Spans> {
        match self {
            Regex::Linear(regex) => {
                let captures = regex.captures_at(text, at)?;
                Some(Spans(captures.iter().map(|group| group.map(|group| (group.start(), group.end()))).collect()))
            }
            Regex::Backtracking(machine) => machine.find_at(text, at),
        }
    }

    /// The matches from left to right; an empty one doesn't follow another right away.
    pub fn matches<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Spans> + 'a {
        let (mut at, mut last_end) = (0, None);
        std::iter::from_fn(move || {
            while at <= text.len() {
                let found = self.captures_at(text, at)?;
                let (start, end) = found.get(0)?;
                if start == end && last_end == Some(end) {
                    at = end + text[end..].chars().next().map_or(1, char::len_utf8);
                    continue;
                }
                (at, last_end) = (end, Some(end));
                return Some(found);
            }
            None
        })
    }

    /// How many groups there are, the whole match included.
    pub fn captures_len(&self) -> usize {
        match self {
            Regex::Linear(regex) => regex.captures_len(),
            Regex::Backtracking(machine) => machine.groups(),
        }
    }

    /// The steps that matching took since the last call, besides those that are in proportion to the text.
    pub fn take_steps(&self) -> usize {
        match self {
            Regex::Linear(_) => 0,
            Regex::Backtracking(machine) => machine.take_steps(),
        }
    }
}

/// A pattern as the regex library writes it, but for references.
pub fn translated(pattern: &str, syntax: Syntax) -> String {
    match syntax {
        Syntax::Fixed => regex_lite::escape(pattern),
        Syntax::Extended => extended(pattern),
        Syntax::Perl => pattern.to_owned(),
        Syntax::Basic => basic_to_extended(pattern),
    }
}

/// Whether a translated pattern refers to a group.
fn refers(text: &str) -> bool {
    let (mut chars, mut in_set) = (text.chars(), false);
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('1'..='9') if !in_set => return true,
                _ => {}
            },
            '[' if !in_set => in_set = true,
            // A class within the set.
            '[' => {
                let rest = chars.as_str();
                chars = rest[rest.find(":]").map_or(rest.len(), |end| end + 2)..].chars();
            }
            ']' => in_set = false,
            _ => {}
        }
    }
    false
}

/// Compiles what [`translated`] gave. With `lines`, `^` and `$` are at the ends of each line of the text, and `.` isn't
/// its end.
pub fn build(text: &str, ignore_case: bool, lines: bool) -> Result<Regex, Wrong> {
    if refers(text) {
        return Ok(Regex::Backtracking(Rc::new(Machine::new(text, ignore_case, lines)?)));
    }
    let regex = regex_lite::RegexBuilder::new(text)
        .case_insensitive(ignore_case)
        .multi_line(lines)
        .dot_matches_new_line(!lines)
        .size_limit(1 << 20)
        .build();
    regex.map(Regex::Linear).map_err(|error| Wrong::Other(error.to_string()))
}

/// Compiles a basic or an extended pattern.
pub fn compile(pattern: &str, is_extended: bool) -> Result<Regex, Wrong> {
    build(&translated(pattern, if is_extended { Syntax::Extended } else { Syntax::Basic }), false, false)
}

/// Compiles a pattern for those who need the library's own type: it can't refer to its groups.
pub fn compile_linear(pattern: &str, is_extended: bool) -> Result<regex_lite::Regex, String> {
    match compile(pattern, is_extended) {
        Ok(Regex::Linear(regex)) => Ok(regex),
        Ok(Regex::Backtracking(_)) => Err("back references are not supported here".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// A basic regular expression written as an extended one: `\(`, `\|`, `\{`, `\+`, `\?` are special,
/// their plain forms are not.
pub fn basic_to_extended(basic: &str) -> String {
    let mut out = String::new();
    let mut chars = basic.chars().peekable();
    let mut start = true;
    while let Some(c) = chars.next() {
        let was_start = std::mem::replace(&mut start, false);
        match c {
            '\\' => match chars.next() {
                Some(c @ ('(' | '|' | '{')) => {
                    out.push(c);
                    start = c != '{';
                }
                Some(c @ (')' | '}' | '+' | '?')) => out.push(c),
                Some('<' | '>') => out.push_str("\\b"),
                Some(c) => {
                    out.push('\\');
                    out.push(c);
                }
                None => out.push_str("\\\\"),
            },
            '(' | ')' | '{' | '}' | '+' | '?' | '|' => {
                out.push('\\');
                out.push(c);
            }
            '*' if was_start => out.push_str("\\*"),
            '^' if was_start => {
                out.push('^');
                start = true;
            }
            '^' => out.push_str("\\^"),
            '[' => {
                out.push('[');
                if chars.peek() == Some(&'^') {
                    out.extend(chars.next());
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str("\\]");
                }
                bracket(&mut chars, &mut out);
            }
            c => out.push(c),
        }
    }
    out
}

/// The rest of a bracket expression; a backslash means itself there.
fn bracket(chars: &mut std::iter::Peekable<std::str::Chars>, out: &mut String) {
    while let Some(c) = chars.next() {
        match c {
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                while let Some(c) = chars.next() {
                    out.push(c);
                    if c == ':' && chars.peek() == Some(&']') {
                        out.extend(chars.next());
                        break;
                    }
                }
            }
            '[' => out.push_str("\\["),
            '\\' => out.push_str("\\\\"),
            '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            ']' => {
                out.push(']');
                return;
            }
            c => out.push(c),
        }
    }
}

/// An extended expression as the regex crate wants it.
pub fn extended(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('<' | '>') => out.push_str("\\b"),
                Some(c) => {
                    out.push('\\');
                    out.push(c);
                }
                None => out.push_str("\\\\"),
            },
            '[' => {
                out.push('[');
                if chars.peek() == Some(&'^') {
                    out.extend(chars.next());
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str("\\]");
                }
                bracket(&mut chars, &mut out);
            }
            // A brace that begins no repetition means itself.
            '{' if !chars.peek().is_some_and(char::is_ascii_digit) => out.push_str("\\{"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_expressions() {
        for (basic, text, expected) in [
            ("a+b", "a+b", true),
            ("a\\+b", "aab", true),
            ("\\(a\\|b\\)c", "bc", true),
            ("(a)", "(a)", true),
            ("*a", "*a", true),
            ("^*a", "*a", true),
            ("a\\{2\\}", "aa", true),
            ("[]a]", "]", true),
            ("[\\]", "\\", true),
            ("a^b", "a^b", true),
            ("\\<foo\\>", "a foo b", true),
            ("\\<foo\\>", "foobar", false),
        ] {
            let regex = compile(basic, false).unwrap_or_else(|error| panic!("{basic}: {error}"));
            assert_eq!(regex.is_match(text), expected, "{basic} {text}");
        }
    }
}
