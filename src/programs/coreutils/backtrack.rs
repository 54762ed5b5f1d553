//! Matching of patterns that refer back to what a group matched (`\(.\)\1`), by trying all ways: of the matches that begin
//! first, the longest, as POSIX has it. A bound on the steps keeps it from trying for ever; then the longest that was
//! found counts.
//!
//! A pattern becomes a program of [`Step`]s, which runs with a stack of what else could be tried.

use std::cell::Cell;

use super::regex::Wrong;

/// Steps in search of one match.
const MOST_STEPS: usize = 400_000;
/// Steps from one beginning.
const MOST_STEPS_HERE: usize = 40_000;
/// Steps of a program: repetitions are written out.
const LONGEST: usize = 4000;
const DEEPEST: usize = 100;

/// Where a match and its groups lie, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spans(pub Vec<Option<(usize, usize)>>);

impl Spans {
    pub fn get(&self, group: usize) -> Option<(usize, usize)> {
        self.0.get(group).copied().flatten()
    }

    /// What a group matched; nothing if it took no part.
    pub fn text<'t>(&self, text: &'t str, group: usize) -> &'t str {
        self.get(group).map_or("", |(start, end)| &text[start..end])
    }
}

enum Step {
    Char(char),
    Any,
    Class(Class),
    LineStart,
    LineEnd,
    WordEdge(bool),
    /// Tries one and then the other.
    Split(usize, usize),
    Jump(usize),
    Save(usize),
    Group(usize),
    /// Goes on at the step if nothing was matched since the slot was saved.
    Unless(usize, usize),
    Match,
}

/// A set of characters: looked up for ASCII, asked of the library for others.
struct Class {
    ascii: [bool; 128],
    other: regex_lite::Regex,
}

impl Class {
    fn new(text: &str, ignore_case: bool) -> Result<Class, Wrong> {
        let regex = regex_lite::RegexBuilder::new(&format!("^(?:{text})$"))
            .case_insensitive(ignore_case)
            .dot_matches_new_line(true)
            .build()
            .map_err(|error| Wrong::Other(error.to_string()))?;
        let mut ascii = [false; 128];
        for (n, has) in ascii.iter_mut().enumerate() {
            *has = regex.is_match((n as u8 as char).encode_utf8(&mut [0; 4]));
        }
        Ok(Class { ascii, other: regex })
    }

    fn has(&self, c: char) -> bool {
        match self.ascii.get(c as usize) {
            Some(has) => *has,
            None => self.other.is_match(c.encode_utf8(&mut [0; 4])),
        }
    }
}

/// A compiled pattern.
pub struct Machine {
    program: Vec<Step>,
    /// Groups, the whole match included.
    groups: usize,
    /// Slots of what is saved: two for a group, one for a repetition.
    slots: usize,
    ignore_case: bool,
    lines: bool,
    steps: Cell<usize>,
}

/// What was left to try when another way was taken.
enum Left {
    At(usize, usize),
    Restore(usize, Option<usize>),
}

impl Machine {
    /// Compiles a pattern as [`super::regex::translated`] writes it.
    pub fn new(text: &str, ignore_case: bool, lines: bool) -> Result<Machine, Wrong> {
        let groups = 1 + Compiler::groups_of(text);
        let mut compiler = Compiler {
            chars: text.chars().collect(),
            at: 0,
            depth: 0,
            ignore_case,
            program: Vec::new(),
            groups: 1,
            open: Vec::new(),
            slots: groups * 2,
        };
        compiler.program.push(Step::Save(0));
        compiler.alternatives()?;
        if compiler.at < compiler.chars.len() {
            return Err(Wrong::Other("unmatched )".to_owned()));
        }
        compiler.program.push(Step::Save(1));
        compiler.program.push(Step::Match);
        let Compiler { program, slots, .. } = compiler;
        Ok(Machine { program, groups, slots, ignore_case, lines, steps: Cell::new(0) })
    }

    pub fn groups(&self) -> usize {
        self.groups
    }

    pub fn take_steps(&self) -> usize {
        self.steps.take()
    }

    pub fn is_match(&self, text: &str) -> bool {
        self.search(text, 0, true).is_some()
    }

    /// The longest of the first matches that begin at `at` or later.
    pub fn find_at(&self, text: &str, at: usize) -> Option<Spans> {
        self.search(text, at, false)
    }

    fn search(&self, text: &str, at: usize, any: bool) -> Option<Spans> {
        let mut left = MOST_STEPS;
        let begins = text[at..].char_indices().map(|(n, _)| at + n).chain([text.len()]);
        for begin in begins {
            let room = left.min(MOST_STEPS_HERE);
            let (found, took) = self.run(text, begin, room, any);
            self.steps.set(self.steps.get() + took);
            left -= took.min(left);
            if let Some(slots) = found {
                let spans = slots.chunks_exact(2).take(self.groups).map(|pair| Some((pair[0]?, pair[1]?)));
                return Some(Spans(spans.collect()));
            }
            if left == 0 {
                return None;
            }
        }
        None
    }

    /// Tries to match from `begin` on. Gives what was saved, and the steps that it took.
    fn run(&self, text: &str, begin: usize, room: usize, any: bool) -> (Option<Vec<Option<usize>>>, usize) {
        let mut slots = vec![None; self.slots];
        let mut best: Option<Vec<Option<usize>>> = None;
        let mut left = vec![Left::At(0, begin)];
        let mut took = 0;
        while let Some(next) = left.pop() {
            let (mut at, mut pos) = match next {
                Left::At(at, pos) => (at, pos),
                Left::Restore(slot, old) => {
                    slots[slot] = old;
                    continue;
                }
            };
            loop {
                took += 1;
                if took > room {
                    return (best, took);
                }
                let rest = &text[pos..];
                let next = rest.chars().next();
                let eaten = next.map_or(0, char::len_utf8);
                match &self.program[at] {
                    Step::Char(c) if next.is_some_and(|next| self.same(next, *c)) => pos += eaten,
                    Step::Any if next.is_some_and(|c| c != '\n' || !self.lines) => pos += eaten,
                    Step::Class(class) if next.is_some_and(|c| class.has(c)) => pos += eaten,
                    Step::LineStart if pos == 0 || self.lines && text[..pos].ends_with('\n') => {}
                    Step::LineEnd if rest.is_empty() || self.lines && next == Some('\n') => {}
                    Step::WordEdge(wanted) => {
                        let word = |c: char| c.is_alphanumeric() || c == '_';
                        let before = text[..pos].chars().next_back().is_some_and(word);
                        if (before != next.is_some_and(word)) != *wanted {
                            break;
                        }
                    }
                    Step::Split(first, second) => {
                        left.push(Left::At(*second, pos));
                        at = *first;
                        continue;
                    }
                    Step::Jump(to) => {
                        at = *to;
                        continue;
                    }
                    Step::Save(slot) => {
                        left.push(Left::Restore(*slot, slots[*slot]));
                        slots[*slot] = Some(pos);
                    }
                    Step::Unless(slot, out) if slots[*slot] == Some(pos) => {
                        at = *out;
                        continue;
                    }
                    Step::Unless(..) => {}
                    Step::Group(group) => {
                        let (Some(start), Some(end)) = (slots[group * 2], slots[group * 2 + 1]) else { break };
                        let Some(eaten) = self.repeats(&text[start..end], rest) else { break };
                        took += eaten / 8;
                        pos += eaten;
                    }
                    Step::Match => {
                        let longer = best.as_ref().is_none_or(|best| best[1] < Some(pos));
                        if longer {
                            best = Some(slots.clone());
                        }
                        if any || pos == text.len() {
                            return (best, took);
                        }
                        break;
                    }
                    _ => break,
                }
                at += 1;
            }
        }
        (best, took)
    }

    fn same(&self, a: char, b: char) -> bool {
        a == b || self.ignore_case && a.to_lowercase().eq(b.to_lowercase())
    }

    /// How many bytes of `rest` are the text over again.
    fn repeats(&self, text: &str, rest: &str) -> Option<usize> {
        if !self.ignore_case {
            return rest.starts_with(text).then_some(text.len());
        }
        let mut others = rest.chars();
        for c in text.chars() {
            if !others.next().is_some_and(|other| self.same(other, c)) {
                return None;
            }
        }
        Some(rest.len() - others.as_str().len())
    }
}

/// Where the pattern has what is repeated, and its first group.
struct Again {
    begin: usize,
    group: usize,
}

struct Compiler {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    ignore_case: bool,
    program: Vec<Step>,
    /// Groups so far, the whole match included.
    groups: usize,
    /// Groups that haven't ended: what can't be referred to.
    open: Vec<usize>,
    slots: usize,
}

impl Compiler {
    /// How many groups a pattern has, at most.
    fn groups_of(text: &str) -> usize {
        text.matches('(').count() - text.matches("(?:").count()
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += 1;
        c
    }

    fn push(&mut self, step: Step) -> Result<(), Wrong> {
        if self.program.len() >= LONGEST {
            return Err(Wrong::Other("Regular expression too big".to_owned()));
        }
        self.program.push(step);
        Ok(())
    }

    /// Adds `by` to where the steps from `from` on lead.
    fn shift(program: &mut [Step], from: usize, by: usize) {
        for step in program {
            match step {
                Step::Split(a, b) => {
                    *a += if *a >= from { by } else { 0 };
                    *b += if *b >= from { by } else { 0 };
                }
                Step::Jump(to) | Step::Unless(_, to) if *to >= from => *to += by,
                _ => {}
            }
        }
    }

    /// Puts a step before those from `from` on.
    fn insert(&mut self, from: usize, step: Step) -> Result<(), Wrong> {
        Compiler::shift(&mut self.program[from..], from, 1);
        self.push(Step::Match)?;
        self.program.pop();
        self.program.insert(from, step);
        Ok(())
    }

    fn alternatives(&mut self) -> Result<(), Wrong> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Wrong::Other("Regular expression too big".to_owned()));
        }
        let mut ends = Vec::new();
        loop {
            let from = self.program.len();
            while !matches!(self.peek(), None | Some('|' | ')')) {
                self.repeated()?;
            }
            if self.peek() != Some('|') {
                break;
            }
            self.at += 1;
            self.insert(from, Step::Match)?;
            ends.push(self.program.len());
            self.push(Step::Match)?;
            self.program[from] = Step::Split(from + 1, self.program.len());
        }
        let after = self.program.len();
        for end in ends {
            self.program[end] = Step::Jump(after);
        }
        self.depth -= 1;
        Ok(())
    }

    /// A character, a set or a group with what says how often.
    fn repeated(&mut self) -> Result<(), Wrong> {
        let from = self.program.len();
        let (begin, group) = (self.at, self.groups);
        self.one()?;
        loop {
            let (least, most) = match self.peek() {
                Some('*') => (0, None),
                Some('+') => (1, None),
                Some('?') => (0, Some(1)),
                Some('{') => match self.bounds() {
                    Some(bounds) => bounds,
                    None => return Err(Wrong::Other("Invalid content of \\{\\}".to_owned())),
                },
                _ => return Ok(()),
            };
            self.at += 1;
            self.repeat(from, &Again { begin, group }, least, most)?;
        }
    }

    /// `{2}`, `{2,}`, `{2,3}`; leaves off at the closing brace.
    fn bounds(&mut self) -> Option<(usize, Option<usize>)> {
        let end = self.at + self.chars[self.at..].iter().position(|c| *c == '}')?;
        let text: String = self.chars[self.at + 1..end].iter().collect();
        self.at = end;
        let number = |text: &str| text.parse::<usize>().ok().filter(|n| *n <= 1000);
        Some(match text.split_once(',') {
            None => (number(&text)?, Some(number(&text)?)),
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (if least.is_empty() { 0 } else { number(least)? }, Some(number(most)?)),
        })
    }

    /// Writes what is repeated once more, with the same groups.
    fn again(&mut self, what: &Again) -> Result<(), Wrong> {
        let (at, groups) = (self.at, self.groups);
        (self.at, self.groups) = (what.begin, what.group);
        self.one()?;
        (self.at, self.groups) = (at, groups);
        Ok(())
    }

    /// Makes the steps from `from` on be done that often.
    fn repeat(&mut self, from: usize, what: &Again, least: usize, most: Option<usize>) -> Result<(), Wrong> {
        match (least, most) {
            (0, None) => {
                let slot = self.slots;
                self.slots += 1;
                // split; save; what is repeated; unless; jump
                self.insert(from, Step::Save(slot))?;
                self.insert(from, Step::Match)?;
                let after = self.program.len() + 2;
                self.push(Step::Unless(slot, after))?;
                self.push(Step::Jump(from))?;
                self.program[from] = Step::Split(from + 1, after);
            }
            (0, Some(0)) => self.program.truncate(from),
            (0, Some(1)) => {
                self.insert(from, Step::Match)?;
                self.program[from] = Step::Split(from + 1, self.program.len());
            }
            _ => {
                for _ in 1..least {
                    self.again(what)?;
                }
                let next = self.program.len();
                match most {
                    None => {
                        self.again(what)?;
                        self.repeat(next, what, 0, None)?;
                    }
                    Some(most) => {
                        let optional = most.saturating_sub(least.max(1));
                        if least == 0 {
                            self.repeat(from, what, 0, Some(1))?;
                        }
                        for _ in 0..optional {
                            let from = self.program.len();
                            self.again(what)?;
                            self.repeat(from, what, 0, Some(1))?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn one(&mut self) -> Result<(), Wrong> {
        let Some(c) = self.next() else { return Ok(()) };
        match c {
            '.' => self.push(Step::Any),
            '^' => self.push(Step::LineStart),
            '$' => self.push(Step::LineEnd),
            '[' => {
                let text = self.set();
                let class = Class::new(&text, self.ignore_case)?;
                self.push(Step::Class(class))
            }
            '(' => {
                let counts = !self.chars[self.at..].starts_with(&['?', ':']);
                if !counts {
                    self.at += 2;
                }
                let group = self.groups;
                if counts {
                    self.groups += 1;
                    self.open.push(group);
                    self.push(Step::Save(group * 2))?;
                }
                self.alternatives()?;
                if self.next() != Some(')') {
                    return Err(Wrong::Other("Unmatched ( or \\(".to_owned()));
                }
                if counts {
                    self.open.pop();
                    self.push(Step::Save(group * 2 + 1))?;
                }
                Ok(())
            }
            '\\' => match self.next() {
                Some(digit @ '1'..='9') => {
                    let group = digit as usize - '0' as usize;
                    if group >= self.groups || self.open.contains(&group) {
                        return Err(Wrong::Reference);
                    }
                    self.push(Step::Group(group))
                }
                Some('b') => self.push(Step::WordEdge(true)),
                Some('B') => self.push(Step::WordEdge(false)),
                Some(kind @ ('w' | 'W' | 's' | 'S' | 'd' | 'D')) => {
                    let class = Class::new(&format!("\\{kind}"), self.ignore_case)?;
                    self.push(Step::Class(class))
                }
                Some('n') => self.push(Step::Char('\n')),
                Some('t') => self.push(Step::Char('\t')),
                Some(c) => self.push(Step::Char(c)),
                None => self.push(Step::Char('\\')),
            },
            c => self.push(Step::Char(c)),
        }
    }

    /// A set after its opening bracket, whole.
    fn set(&mut self) -> String {
        let mut text = String::from("[");
        while let Some(c) = self.next() {
            text.push(c);
            match c {
                '\\' => text.extend(self.next()),
                '[' => {
                    while let Some(c) = self.next() {
                        text.push(c);
                        if c == ']' {
                            break;
                        }
                    }
                }
                ']' => break,
                _ => {}
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::coreutils::regex::{Syntax, translated};

    fn machine(pattern: &str) -> Result<Machine, Wrong> {
        Machine::new(&translated(pattern, Syntax::Extended), false, false)
    }

    #[test]
    fn the_longest_of_the_first_matches() {
        let rows = [
            (r"(.)\1", "hello", Some("ll")),
            (r"(.)\1", "helo", None),
            (r"^(.*)\n\1$", "ab\nab", Some("ab\nab")),
            (r"(a*)\1", "aaaaa", Some("aaaa")),
            (r"(a|ab)(c|bcd)\2?", "abcd", Some("abcd")),
            (r"(a|ab)\1", "abab", Some("abab")),
            (r"(a*)*\1b", "aab", Some("aab")),
            (r"([a-c]+)-\1", "abc-abd", None),
            (r"([a-c]+)-\1", "xabc-abcd", Some("abc-abc")),
            (r"(.)(.)\2\1", "xabbay", Some("abba")),
            (r"(ab?){2}\1", "abaa", Some("abaa")),
            (r"(a{2,3})\1", "aaaaaaa", Some("aaaaaa")),
            (r"([[:digit:]])x\1", "1x2x2", Some("2x2")),
            (r"\b(\w+) \1\b", "the the cat", Some("the the")),
            (r"(x)?\1y", "y", None),
            (r"(é)\1", "aéé", Some("éé")),
            (r"((a)(b))\3\2\1", "abbaab", Some("abbaab")),
        ];
        for (pattern, text, expected) in rows {
            let machine = machine(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            let found = machine.find_at(text, 0);
            assert_eq!(found.as_ref().map(|spans| spans.text(text, 0)), expected, "{pattern} {text}");
            assert_eq!(machine.is_match(text), expected.is_some(), "{pattern} {text}");
        }
    }

    #[test]
    fn a_group_must_be_there() {
        for pattern in [r"(a)\2", r"(a\1)", r"\1(a)"] {
            assert!(matches!(machine(pattern), Err(Wrong::Reference)), "{pattern}");
        }
        assert!(machine(&format!("(a)\\1{}", "(b{1000}){1000}")).is_err());
        assert!(machine(&("(".repeat(100_000) + "a" + &")".repeat(100_000) + "\\1")).is_err());
    }

    /// What would take for ever is given up.
    #[test]
    fn steps_are_bounded() {
        let machine = machine(r"(a*)*(a*)*(a*)*\1b").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(machine.find_at(&"a".repeat(5000), 0), None);
        let steps = machine.take_steps();
        assert!((MOST_STEPS..MOST_STEPS * 2).contains(&steps), "{steps}");
    }
}
