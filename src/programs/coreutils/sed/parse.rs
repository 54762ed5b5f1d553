//! A script to a flat list of commands, in which blocks and branches are jumps.

use std::collections::BTreeMap;

use super::super::regex::{self, Regex, Syntax};
use crate::programs::Flavour;

#[derive(Clone)]
pub enum Address {
    /// `0,/re/`: before the first line.
    Zero,
    Line(u64),
    Last,
    Regex(Regex),
    Step(u64, u64),
    /// `,+n`
    Plus(u64),
    /// `,~n`: up to the next multiple.
    Multiple(u64),
}

pub struct Command {
    pub from: Option<Address>,
    pub to: Option<Address>,
    pub negated: bool,
    /// Inside its range: the line on which it ends, if that is a number.
    pub active: Option<Option<u64>>,
    pub action: Action,
}

pub enum Action {
    Substitute(Substitute),
    Translate(Vec<char>, Vec<char>),
    Delete,
    DeleteFirst,
    Print,
    PrintFirst,
    /// `l`
    List(Option<u64>),
    Quit(i32),
    QuitSilently(i32),
    Next,
    NextAppended,
    Hold,
    HoldAppended,
    Get,
    GetAppended,
    Exchange,
    Empty,
    Number,
    FileName,
    Append(String),
    Insert(String),
    Change(String),
    /// `r`: the file's text comes after the line.
    Read(String),
    Write(String),
    /// To the command at this place; the label until places are known.
    Branch(Jump, usize, String),
    /// `{`: where its end is, for lines that it isn't for.
    Block(usize),
    Nothing,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Jump {
    Always,
    /// `t`: after a substitution.
    Substituted,
    /// `T`
    NotSubstituted,
}

pub struct Substitute {
    pub regex: Regex,
    pub with: Vec<Piece>,
    pub global: bool,
    pub nth: usize,
    pub print: bool,
    pub write: Option<String>,
}

pub enum Piece {
    Text(String),
    Group(usize),
    /// `\U`, `\L`, `\u`, `\l`, `\E`
    Case(char),
}

/// What is wrong, in each one's words, and the exit status.
pub struct Wrong {
    pub gnu: String,
    pub busybox: String,
    /// GNU's doesn't name a place.
    pub placeless: bool,
}

impl Wrong {
    fn new(gnu: impl Into<String>, busybox: impl Into<String>) -> Wrong {
        Wrong { gnu: gnu.into(), busybox: busybox.into(), placeless: false }
    }
}

pub struct Parser {
    chars: Vec<char>,
    pub pos: usize,
    extended: bool,
    flavour: Flavour,
    last: Option<Regex>,
    commands: Vec<Command>,
    /// Open blocks: where they begin.
    blocks: Vec<usize>,
    labels: BTreeMap<String, usize>,
}

type Parsed<T> = Result<T, Wrong>;

impl Parser {
    pub fn new(script: &str, extended: bool, flavour: Flavour) -> Parser {
        Parser {
            chars: script.chars().collect(),
            pos: 0,
            extended,
            flavour,
            last: None,
            commands: Vec::new(),
            blocks: Vec::new(),
            labels: BTreeMap::new(),
        }
    }

    fn gnu(&self) -> bool {
        self.flavour == Flavour::Gnu
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.pos).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += 1;
        Some(c)
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let c = self.peek().filter(|c| wanted(*c))?;
        self.pos += 1;
        Some(c)
    }

    fn skip(&mut self, also: &str) {
        while self.next_if(|c| c.is_whitespace() || also.contains(c)).is_some() {}
    }

    fn skip_blanks(&mut self) {
        while self.next_if(|c| c == ' ' || c == '\t').is_some() {}
    }

    fn number(&mut self) -> Option<u64> {
        let digits: String = std::iter::from_fn(|| self.next_if(|c| c.is_ascii_digit())).collect();
        digits.parse().ok()
    }

    /// Text up to an unescaped delimiter; `None` if there is none.
    fn delimited(&mut self, delimiter: char, regex: bool) -> Option<String> {
        let mut text = String::new();
        let mut in_set = 0;
        while let Some(c) = self.next() {
            match c {
                '\\' if in_set == 0 || self.peek().is_some_and(|c| "ntrfv".contains(c)) => match self.next() {
                    Some(c) if c == delimiter => {
                        // An escaped delimiter is itself, also where it would have been special.
                        if regex && "|+?(){}".contains(c) && self.extended {
                            text.push('\\');
                        }
                        text.push(c);
                    }
                    Some('n') if regex => text.push('\n'),
                    Some('t') if regex => text.push('\t'),
                    Some('r') if regex => text.push('\r'),
                    Some('f') if regex => text.push('\x0c'),
                    Some('v') if regex => text.push('\x0b'),
                    Some(c) => {
                        text.push('\\');
                        text.push(c);
                    }
                    None => break,
                },
                '[' if regex && in_set == 0 => {
                    in_set = self.pos;
                    text.push(c);
                }
                ']' if in_set > 0 => {
                    // Right at the beginning it's one of the set.
                    if self.pos > in_set + 1 && !(self.pos == in_set + 2 && self.chars.get(in_set) == Some(&'^')) {
                        in_set = 0;
                    }
                    text.push(c);
                }
                c if c == delimiter && in_set == 0 => return Some(text),
                '\n' if regex && self.gnu() => return None,
                c => text.push(c),
            }
        }
        None
    }

    fn regex(&mut self, text: &str, ignore_case: bool, lines: bool) -> Parsed<Regex> {
        if text.is_empty() {
            if self.last.is_none() {
                self.pos = 0;
            }
            return self.last.clone().ok_or_else(|| Wrong::new("no previous regular expression", "no previous regexp"));
        }
        let syntax = if self.extended { Syntax::Extended } else { Syntax::Basic };
        let regex = regex::build(&regex::translated(text, syntax), ignore_case, lines).map_err(|wrong| {
            let what = wrong.words(text);
            Wrong::new(what, format!("bad regex '{text}': {what}"))
        })?;
        self.last = Some(regex.clone());
        Ok(regex)
    }

    fn address(&mut self) -> Parsed<Option<Address>> {
        let Some(c) = self.peek() else { return Ok(None) };
        Ok(Some(match c {
            '$' => {
                self.pos += 1;
                Address::Last
            }
            '/' | '\\' => {
                self.pos += 1;
                let delimiter = if c == '\\' { self.next().unwrap_or('/') } else { '/' };
                let text = self
                    .delimited(delimiter, true)
                    .ok_or_else(|| Wrong::new("unterminated address regex", format!("unmatched '{delimiter}'")))?;
                let (mut ignore_case, mut lines) = (false, false);
                let gnu = self.gnu();
                while let Some(c) = self.next_if(|c| gnu && (c == 'I' || c == 'M')) {
                    ignore_case |= c == 'I';
                    lines |= c == 'M';
                }
                Address::Regex(self.regex(&text, ignore_case, lines)?)
            }
            '+' | '~'
                if (c == '+' || self.gnu())
                    && self.pos > 0
                    && self.chars[..self.pos].iter().rev().find(|c| !c.is_whitespace()) == Some(&',') =>
            {
                self.pos += 1;
                let count = self.number().ok_or_else(|| Wrong::new("expected number", "no address after comma"))?;
                if c == '+' { Address::Plus(count) } else { Address::Multiple(count) }
            }
            c if c.is_ascii_digit() => {
                let line = self.number().unwrap_or(u64::MAX);
                let gnu = self.gnu();
                match self.next_if(|c| c == '~' && gnu) {
                    Some(_) => Address::Step(line, self.number().unwrap_or(0)),
                    None if line == 0 => Address::Zero,
                    None => Address::Line(line),
                }
            }
            _ => return Ok(None),
        }))
    }

    /// The text of `a`, `i` and `c`.
    fn text(&mut self) -> Parsed<String> {
        self.skip_blanks();
        if self.peek().is_none() && self.gnu() {
            return Err(Wrong::new("expected \\ after `a', `c' or `i'", ""));
        }
        if self.next_if(|c| c == '\\').is_some() {
            let start = self.pos;
            self.skip_blanks();
            // Blanks are kept that come after a backslash on the same line.
            if self.next_if(|c| c == '\n').is_none() {
                self.pos = start;
            }
        }
        if self.peek().is_none() && self.gnu() {
            return Ok(String::new());
        }
        let mut text = String::new();
        while let Some(c) = self.next() {
            match c {
                '\n' => break,
                '\\' => text.extend(self.next()),
                c => text.push(c),
            }
        }
        Ok(text + "\n")
    }

    fn rest_of_line(&mut self) -> String {
        self.skip_blanks();
        let text = std::iter::from_fn(|| self.next_if(|c| c != '\n')).collect();
        self.next();
        text
    }

    fn file_name(&mut self) -> Parsed<String> {
        let name = self.rest_of_line();
        match name.is_empty() {
            true => Err(Wrong::new("missing filename in r/R/w/W commands", "empty filename")),
            false => Ok(name),
        }
    }

    fn label(&mut self) -> String {
        self.skip_blanks();
        let busybox = !self.gnu();
        std::iter::from_fn(|| self.next_if(|c| !(c == ';' || c == '\n' || (c.is_whitespace() && !busybox))))
            .collect::<String>()
            .trim_end()
            .to_string()
    }

    /// What may come after a command.
    fn end_of_command(&mut self) -> Parsed<()> {
        self.skip_blanks();
        match self.peek() {
            None | Some('}' | '#') => Ok(()),
            Some(';' | '\n') => {
                self.pos += 1;
                Ok(())
            }
            // busybox takes what comes for the next command.
            Some(_) if !self.gnu() => Ok(()),
            Some(_) => {
                self.pos += 1;
                Err(Wrong::new("extra characters after command", ""))
            }
        }
    }

    pub fn program(mut self) -> Result<Vec<Command>, (Wrong, usize)> {
        match self.all() {
            Ok(()) => Ok(self.commands),
            Err(wrong) => Err((wrong, self.pos)),
        }
    }

    fn all(&mut self) -> Parsed<()> {
        loop {
            self.skip(";");
            match self.peek() {
                None => break,
                Some('#') => while self.next_if(|c| c != '\n').is_some() {},
                Some(_) => self.command()?,
            }
        }
        let (end, gnu) = (self.commands.len(), self.gnu());
        if gnu && !self.blocks.is_empty() {
            self.pos = 0;
            return Err(Wrong::new("unmatched `{'", ""));
        }
        for command in &mut self.commands {
            if let Action::Branch(_, place, label) = &mut command.action {
                *place = match label.as_str() {
                    "" => end,
                    // busybox finds out when it gets there.
                    label if !gnu => self.labels.get(label).copied().unwrap_or(usize::MAX),
                    label => *self.labels.get(label).ok_or_else(|| Wrong {
                        placeless: true,
                        ..Wrong::new(format!("can't find label for jump to `{label}'"), "")
                    })?,
                };
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<()> {
        let mut from = self.address()?;
        let mut to = None;
        self.skip_blanks();
        if self.peek() == Some(',') && (from.is_some() || !self.gnu()) {
            self.pos += 1;
            self.skip_blanks();
            to = self.address()?;
            if to.is_none() || from.is_none() {
                self.pos += 1;
                return Err(Wrong::new("unexpected `,'", "no address after comma"));
            }
        }
        self.skip_blanks();
        let mut negated = false;
        while self.next_if(|c| c == '!').is_some() {
            if negated {
                return Err(Wrong::new("multiple `!'s", "unsupported command !"));
            }
            negated = true;
            self.skip_blanks();
        }
        let Some(name) = self.next() else { return Err(Wrong::new("missing command", "missing command")) };
        if matches!(from, Some(Address::Zero)) && !matches!(to, Some(Address::Regex(_))) {
            if self.gnu() {
                return Err(Wrong::new("invalid usage of line address 0", ""));
            }
            // busybox takes it for every line.
            from = None;
        }
        if matches!(from, Some(Address::Zero)) && !self.gnu() {
            from = Some(Address::Line(1));
        }
        if matches!(to, Some(Address::Zero)) {
            to = Some(Address::Line(0));
        }
        let gnu = self.gnu();
        let number = |parser: &mut Parser| {
            parser.skip_blanks();
            parser.number().map(|number| number as i32).unwrap_or(0)
        };
        let mut ends = true;
        let action = match name {
            's' => {
                ends = false;
                self.substitute()?
            }
            'y' => self.translate()?,
            'd' => Action::Delete,
            'D' => Action::DeleteFirst,
            'p' => Action::Print,
            'P' => Action::PrintFirst,
            'l' => {
                self.skip_blanks();
                let width = self.number();
                if gnu { Action::List(width) } else { Action::Nothing }
            }
            'q' if to.is_some() && gnu => return Err(Wrong::new("command only uses one address", "")),
            'q' if gnu => Action::Quit(number(self)),
            'q' => Action::Quit(0),
            'Q' if gnu => Action::QuitSilently(number(self)),
            'n' => Action::Next,
            'N' => Action::NextAppended,
            'h' => Action::Hold,
            'H' => Action::HoldAppended,
            'g' => Action::Get,
            'G' => Action::GetAppended,
            'x' => Action::Exchange,
            'z' if gnu => Action::Empty,
            'F' if gnu => Action::FileName,
            '=' => Action::Number,
            'a' | 'i' | 'c' => {
                ends = false;
                let text = self.text()?;
                match name {
                    'a' => Action::Append(text),
                    'i' => Action::Insert(text),
                    _ => Action::Change(text),
                }
            }
            'r' | 'w' => {
                ends = false;
                let file = self.file_name()?;
                if name == 'r' { Action::Read(file) } else { Action::Write(file) }
            }
            'b' | 't' | 'T' => {
                let jump = match name {
                    'b' => Jump::Always,
                    't' => Jump::Substituted,
                    _ => Jump::NotSubstituted,
                };
                self.skip_blanks();
                // GNU's labels end at a brace where nothing else does.
                let mut label = self.label();
                if gnu && let Some(at) = label.find('}') {
                    self.pos -= label[at..].chars().count();
                    label.truncate(at);
                }
                Action::Branch(jump, 0, label)
            }
            ':' => {
                ends = false;
                if from.is_some() && gnu {
                    return Err(Wrong::new(": doesn't want any addresses", ""));
                }
                let label = self.label();
                if label.is_empty() && gnu {
                    return Err(Wrong::new("\":\" lacks a label", ""));
                }
                self.labels.insert(label, self.commands.len());
                Action::Nothing
            }
            '{' => {
                ends = false;
                self.blocks.push(self.commands.len());
                // Its end, once that is known. busybox misses it when it gets there.
                Action::Block(usize::MAX)
            }
            '}' => {
                if gnu && self.blocks.is_empty() {
                    return Err(Wrong::new("unexpected `}'", ""));
                }
                if gnu && from.is_some() {
                    return Err(Wrong::new("`}' doesn't want any addresses", ""));
                }
                let end = self.commands.len();
                if let Some(start) = self.blocks.pop().and_then(|start| self.commands.get_mut(start)) {
                    start.action = Action::Block(end);
                }
                Action::Nothing
            }
            c => return Err(Wrong::new(format!("unknown command: `{c}'"), format!("unsupported command {c}"))),
        };
        if ends {
            self.end_of_command()?;
        }
        self.commands.push(Command { from, to, negated, active: None, action });
        Ok(())
    }

    fn translate(&mut self) -> Parsed<Action> {
        let delimiter = self.next().unwrap_or('\n');
        let unterminated = || Wrong::new("unterminated `y' command", format!("unmatched '{delimiter}'"));
        let gnu = self.gnu();
        let mut side = || -> Parsed<Vec<char>> {
            let text = self.delimited(delimiter, false).ok_or_else(unterminated)?;
            let mut chars = text.chars();
            let mut all = Vec::new();
            while let Some(c) = chars.next() {
                let escaped = if c == '\\' { chars.next() } else { None };
                match (c, escaped) {
                    ('\\', Some('n')) => all.push('\n'),
                    ('\\', Some('t')) => all.push('\t'),
                    ('\\', Some('\\') | None) if gnu => all.push('\\'),
                    ('\\', None) => all.push('\\'),
                    ('\\', Some(other)) => all.extend(['\\', other]),
                    (c, _) => all.push(c),
                }
            }
            Ok(all)
        };
        let (from, mut to) = (side()?, side()?);
        if from.len() != to.len() {
            if self.gnu() {
                return Err(Wrong::new("strings for `y' command are different lengths", ""));
            }
            to.extend(from.iter().skip(to.len()));
        }
        Ok(Action::Translate(from, to))
    }

    fn replacement(&mut self, delimiter: char, unterminated: &dyn Fn() -> Wrong) -> Parsed<Vec<Piece>> {
        let mut with = Vec::new();
        let mut text = String::new();
        loop {
            let piece = match self.next().ok_or_else(unterminated)? {
                c if c == delimiter => break,
                '\\' => match self.next().ok_or_else(unterminated)? {
                    c if c.is_ascii_digit() => Piece::Group(c.to_digit(10).unwrap_or(0) as usize),
                    c @ ('U' | 'L' | 'u' | 'l' | 'E') if self.gnu() => Piece::Case(c),
                    'x' if self.gnu() => {
                        let digits: String =
                            std::iter::from_fn(|| self.next_if(|c| c.is_ascii_hexdigit())).take(2).collect();
                        text.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
                        continue;
                    }
                    c => {
                        text.push(match c {
                            'n' => '\n',
                            't' => '\t',
                            'r' => '\r',
                            'f' => '\x0c',
                            'a' => '\x07',
                            'v' => '\x0b',
                            c => c,
                        });
                        continue;
                    }
                },
                '&' => Piece::Group(0),
                c => {
                    text.push(c);
                    continue;
                }
            };
            with.push(Piece::Text(std::mem::take(&mut text)));
            with.push(piece);
        }
        with.push(Piece::Text(text));
        Ok(with)
    }

    fn substitute(&mut self) -> Parsed<Action> {
        let delimiter = self.next().unwrap_or('\n');
        let unterminated = || Wrong::new("unterminated `s' command", format!("unmatched '{delimiter}'"));
        let pattern = self.delimited(delimiter, true).ok_or_else(unterminated)?;
        let with = self.replacement(delimiter, &unterminated)?;
        let (mut global, mut nth, mut print, mut ignore_case, mut lines, mut write) =
            (false, None, false, false, false, None);
        let twice = |what: &str| Wrong::new(format!("multiple {what} options to `s' command"), "");
        while let Some(c) = self.peek() {
            match c {
                'g' if global && self.gnu() => {
                    self.pos += 1;
                    return Err(twice("`g'"));
                }
                'g' => global = true,
                'p' if print && self.gnu() => {
                    self.pos += 1;
                    return Err(twice("`p'"));
                }
                'p' => print = true,
                'i' | 'I' => ignore_case = true,
                'm' | 'M' if self.gnu() => lines = true,
                'w' => {
                    self.pos += 1;
                    write = Some(self.file_name()?);
                    break;
                }
                c if c.is_ascii_digit() => {
                    let number = self.number().unwrap_or(u64::MAX);
                    if self.gnu() && nth.is_some() {
                        return Err(twice("number"));
                    }
                    if self.gnu() && number == 0 {
                        return Err(Wrong::new("number option to `s' command may not be zero", ""));
                    }
                    nth = Some(number.max(1) as usize);
                    continue;
                }
                ';' | '\n' => {
                    self.pos += 1;
                    break;
                }
                '}' | '#' => break,
                c if c.is_whitespace() => {}
                _ => {
                    self.pos += 1;
                    return Err(Wrong::new("unknown option to `s'", "bad option in substitution expression"));
                }
            }
            self.pos += 1;
        }
        let regex = self.regex(&pattern, ignore_case, lines)?;
        let groups = regex.captures_len();
        let missing = with.iter().find_map(|piece| match piece {
            Piece::Group(n) if *n >= groups => Some(*n),
            _ => None,
        });
        if let Some(n) = missing.filter(|_| self.gnu()) {
            return Err(Wrong::new(format!("invalid reference \\{n} on `s' command's RHS"), ""));
        }
        // The last command of a script may end with the script, so there is nothing left to look at.
        self.pos = self.pos.min(self.chars.len());
        // busybox forgets the number beside `g`.
        let nth = nth.filter(|_| self.gnu() || !global).unwrap_or(1);
        Ok(Action::Substitute(Substitute { regex, with, global, nth, print, write }))
    }
}
