//! sed: s, d, p, q, a, i, c, y, n, =, {…}, addresses, -n -e -E -i -s.

use regex_lite::Regex;

use super::grep;
use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Lines, Out},
    },
};

#[derive(Clone)]
enum Address {
    Line(u64),
    Last,
    Regex(Regex),
    Step(u64, u64),
    Plus(u64),
}

struct Command {
    from: Option<Address>,
    to: Option<Address>,
    negated: bool,
    /// Inside its range: the line on which it ends, if that is a number.
    active: Option<Option<u64>>,
    action: Action,
}

enum Action {
    Substitute { regex: Regex, with: Vec<Piece>, global: bool, nth: usize, print: bool },
    Translate(Vec<char>, Vec<char>),
    Delete,
    Print,
    Quit(i32),
    Next,
    Number,
    Append(String),
    Insert(String),
    Change(String),
    Group(Vec<Command>),
}

enum Piece {
    Text(String),
    Group(usize),
}

struct Parser<'a> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    extended: bool,
    last: Option<Regex>,
    depth: u32,
}

impl Parser<'_> {
    fn skip(&mut self, also: &str) {
        while self.chars.next_if(|c| c.is_whitespace() || also.contains(*c)).is_some() {}
    }

    fn number(&mut self) -> Option<u64> {
        let digits: String = std::iter::from_fn(|| self.chars.next_if(char::is_ascii_digit)).collect();
        digits.parse().ok()
    }

    /// Text up to an unescaped delimiter.
    fn delimited(&mut self, delimiter: char, regex: bool) -> Result<String, String> {
        let mut text = String::new();
        let mut in_set = false;
        while let Some(c) = self.chars.next() {
            match c {
                '\\' => match self.chars.next() {
                    Some(c) if c == delimiter => text.push(c),
                    Some('n') if regex => text.push('\n'),
                    Some(c) => {
                        text.push('\\');
                        text.push(c);
                    }
                    None => break,
                },
                '[' if regex => {
                    in_set = true;
                    text.push(c);
                }
                ']' if in_set => {
                    in_set = false;
                    text.push(c);
                }
                c if c == delimiter && !in_set => return Ok(text),
                c => text.push(c),
            }
        }
        Err("unterminated address regex".to_string())
    }

    fn regex(&mut self, text: &str, ignore_case: bool) -> Result<Regex, String> {
        if text.is_empty() {
            return self.last.clone().ok_or_else(|| "no previous regular expression".to_string());
        }
        let regex =
            grep::compile(text, self.extended, ignore_case).map_err(|_| "invalid regular expression".to_string())?;
        self.last = Some(regex.clone());
        Ok(regex)
    }

    fn address(&mut self) -> Result<Option<Address>, String> {
        let Some(c) = self.chars.peek().copied() else { return Ok(None) };
        Ok(Some(match c {
            '$' => {
                self.chars.next();
                Address::Last
            }
            '/' | '\\' => {
                self.chars.next();
                let delimiter = if c == '\\' { self.chars.next().unwrap_or('/') } else { '/' };
                let text = self.delimited(delimiter, true)?;
                let ignore_case = self.chars.next_if_eq(&'I').is_some();
                Address::Regex(self.regex(&text, ignore_case)?)
            }
            '+' => {
                self.chars.next();
                Address::Plus(self.number().ok_or("expected number")?)
            }
            c if c.is_ascii_digit() => {
                let line = self.number().ok_or("invalid line number")?;
                match self.chars.next_if_eq(&'~') {
                    Some(_) => Address::Step(line, self.number().unwrap_or(0)),
                    None => Address::Line(line),
                }
            }
            _ => return Ok(None),
        }))
    }

    fn text(&mut self) -> String {
        self.skip("");
        if self.chars.next_if_eq(&'\\').is_some() {
            while self.chars.next_if(|c| *c == ' ' || *c == '\t').is_some() {}
            self.chars.next_if_eq(&'\n');
        }
        let mut text = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                '\n' => break,
                '\\' => text.extend(self.chars.next()),
                c => text.push(c),
            }
        }
        text + "\n"
    }

    fn commands(&mut self, nested: bool) -> Result<Vec<Command>, String> {
        self.depth += 1;
        if self.depth > 30 {
            return Err("nested too deeply".to_string());
        }
        let mut commands = Vec::new();
        loop {
            self.skip(";");
            if self.chars.peek() == Some(&'#') {
                while self.chars.next_if(|c| *c != '\n').is_some() {}
                continue;
            }
            if self.chars.next_if_eq(&'}').is_some() {
                if !nested {
                    return Err("unexpected `}'".to_string());
                }
                break;
            }
            if self.chars.peek().is_none() {
                if nested {
                    return Err("unmatched `{'".to_string());
                }
                break;
            }
            commands.push(self.command()?);
        }
        self.depth -= 1;
        Ok(commands)
    }

    fn command(&mut self) -> Result<Command, String> {
        let from = self.address()?;
        let mut to = None;
        self.chars.next_if_eq(&' ');
        if from.is_some() && self.chars.next_if_eq(&',').is_some() {
            self.skip("");
            to = Some(self.address()?.ok_or("unexpected `,'")?);
        }
        self.skip("");
        let mut negated = false;
        while self.chars.next_if_eq(&'!').is_some() {
            negated = true;
            self.skip("");
        }
        let action = match self.chars.next() {
            Some('s') => self.substitute()?,
            Some('y') => {
                let delimiter = self.chars.next().ok_or("unterminated `y' command")?;
                let from: Vec<char> = self.delimited(delimiter, false)?.chars().collect();
                let to: Vec<char> = self.delimited(delimiter, false)?.chars().collect();
                if from.len() != to.len() {
                    return Err("strings for `y' command are different lengths".to_string());
                }
                Action::Translate(from, to)
            }
            Some('d' | 'D') => Action::Delete,
            Some('p' | 'P') => Action::Print,
            Some('q') => {
                self.chars.next_if_eq(&' ');
                Action::Quit(self.number().unwrap_or(0) as i32)
            }
            Some('n') => Action::Next,
            Some('=') => Action::Number,
            Some('a') => Action::Append(self.text()),
            Some('i') => Action::Insert(self.text()),
            Some('c') => Action::Change(self.text()),
            Some('{') => Action::Group(self.commands(true)?),
            Some(c) => return Err(format!("unknown command: `{c}'")),
            None => return Err("missing command".to_string()),
        };
        Ok(Command { from, to, negated, active: None, action })
    }

    fn substitute(&mut self) -> Result<Action, String> {
        let unterminated = || "unterminated `s' command".to_string();
        let delimiter = self.chars.next().ok_or_else(unterminated)?;
        let pattern = self.delimited(delimiter, true).map_err(|_| unterminated())?;
        let mut with = Vec::new();
        let mut text = String::new();
        loop {
            match self.chars.next().ok_or_else(unterminated)? {
                c if c == delimiter => break,
                '\\' => match self.chars.next().ok_or_else(unterminated)? {
                    c if c.is_ascii_digit() => {
                        with.push(Piece::Text(std::mem::take(&mut text)));
                        with.push(Piece::Group(c.to_digit(10).unwrap_or(0) as usize));
                    }
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    c => text.push(c),
                },
                '&' => {
                    with.push(Piece::Text(std::mem::take(&mut text)));
                    with.push(Piece::Group(0));
                }
                c => text.push(c),
            }
        }
        with.push(Piece::Text(text));
        let (mut global, mut nth, mut print, mut ignore_case) = (false, 1, false, false);
        while let Some(c) = self.chars.peek().copied() {
            match c {
                'g' => global = true,
                'p' => print = true,
                'i' | 'I' => ignore_case = true,
                c if c.is_ascii_digit() => {
                    nth = self.number().unwrap_or(1).max(1) as usize;
                    continue;
                }
                ';' | '}' | '\n' | '#' => break,
                c if c.is_whitespace() => {}
                _ => return Err("unknown option to `s'".to_string()),
            }
            self.chars.next();
        }
        let regex = self.regex(&pattern, ignore_case)?;
        Ok(Action::Substitute { regex, with, global, nth, print })
    }
}

impl Command {
    fn selects(&mut self, line: &str, number: u64, last: bool) -> bool {
        let matches = |address: &Address| match address {
            Address::Line(n) => *n == number,
            Address::Last => last,
            Address::Regex(regex) => regex.is_match(line),
            Address::Step(first, step) => {
                if *step == 0 {
                    number == *first
                } else {
                    number >= *first && (number - first).is_multiple_of(*step)
                }
            }
            Address::Plus(_) => false,
        };
        let Some(from) = &self.from else { return !self.negated };
        let selected = match (&self.to, self.active) {
            (None, _) => matches(from),
            (Some(_), Some(Some(end))) => {
                if number >= end {
                    self.active = None;
                }
                number <= end
            }
            (Some(to), Some(None)) => {
                if matches(to) {
                    self.active = None;
                }
                true
            }
            (Some(to), None) => {
                let begins = matches(from);
                if begins {
                    self.active = match to {
                        Address::Line(end) => (*end > number).then_some(Some(*end)),
                        Address::Plus(count) => (*count > 0).then_some(Some(number + count)),
                        Address::Last => (!last).then_some(None),
                        _ => Some(None),
                    };
                }
                begins
            }
        };
        selected != self.negated
    }
}

/// What happens after a command.
enum Step {
    Go,
    EndCycle,
    Quit(i32),
    Next,
}

struct State {
    number: u64,
    last: bool,
    quiet: bool,
    /// Printed at the end of the cycle.
    after: String,
    out: String,
}

fn run(commands: &mut [Command], line: &mut String, state: &mut State, at: &mut Vec<usize>, level: usize) -> Step {
    let start = at.get(level).copied().unwrap_or(0);
    #[allow(clippy::needless_range_loop)] // the index is remembered for `n`
    for i in start..commands.len() {
        let resuming = at.len() > level + 1 && i == start;
        if !resuming && !commands[i].selects(line, state.number, state.last) {
            continue;
        }
        at.truncate(if resuming { at.len() } else { level });
        match &mut commands[i].action {
            Action::Delete => return Step::EndCycle,
            Action::Print => {
                state.out += line;
                state.out.push('\n');
            }
            Action::Number => state.out += &format!("{}\n", state.number),
            Action::Quit(code) => return Step::Quit(*code),
            Action::Next => {
                at.truncate(level);
                at.push(i + 1);
                return Step::Next;
            }
            Action::Append(text) => state.after += text,
            Action::Insert(text) => state.out += text,
            Action::Change(text) => {
                let text = text.clone();
                if commands[i].to.is_none() || commands[i].active.is_none() {
                    state.out += &text;
                }
                return Step::EndCycle;
            }
            Action::Translate(from, to) => {
                *line = line.chars().map(|c| from.iter().position(|f| *f == c).map_or(c, |at| to[at])).collect();
            }
            Action::Substitute { regex, with, global, nth, print } => {
                if let Some(changed) = substitute(line, regex, with, *global, *nth) {
                    *line = changed;
                    if *print {
                        state.out += line;
                        state.out.push('\n');
                    }
                }
            }
            Action::Group(inner) => {
                if !resuming {
                    at.truncate(level);
                    at.push(i);
                }
                match run(inner, line, state, at, level + 1) {
                    Step::Go => at.truncate(level),
                    step => return step,
                }
            }
        }
    }
    Step::Go
}

fn substitute(line: &str, regex: &Regex, with: &[Piece], global: bool, nth: usize) -> Option<String> {
    let mut out = String::new();
    let mut end = 0;
    let mut changed = false;
    for (count, captures) in regex.captures_iter(line).enumerate() {
        let Some(whole) = captures.get(0) else { continue };
        if count + 1 < nth {
            continue;
        }
        out += &line[end..whole.start()];
        for piece in with {
            match piece {
                Piece::Text(text) => out += text,
                Piece::Group(n) => out += captures.get(*n).map_or("", |group| group.as_str()),
            }
        }
        end = whole.end();
        changed = true;
        if !global {
            break;
        }
    }
    out += &line[end..];
    changed.then_some(out)
}

pub async fn sed(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut script, mut quiet, mut extended, mut in_place, mut operands): (
        Option<String>,
        _,
        _,
        Option<String>,
        Vec<String>,
    ) = (None, false, false, None, Vec::new());
    loop {
        let arg = match args.next() {
            Ok(None) => break,
            Ok(Some(arg)) => arg,
            Err(error) => return util::usage(&proc, error, 1).await,
        };
        match arg {
            Arg::Value(value) => operands.push(value),
            Arg::Short('n') => quiet = true,
            Arg::Short('E' | 'r') => extended = true,
            Arg::Short('s' | 'u') => {}
            Arg::Short('i') => in_place = Some(args.optional_value().unwrap_or_default()),
            Arg::Short(option @ ('e' | 'f')) => {
                let text = match args.value() {
                    Ok(value) if option == 'e' => value,
                    Ok(path) => match proc.read_file(&path).await {
                        Ok(data) => util::text(data),
                        Err(error) => {
                            return util::fail(&proc, 1, &format!("sed: couldn't open file {path}: {error}")).await;
                        }
                    },
                    Err(error) => return util::usage(&proc, error, 1).await,
                };
                script = Some(script.map_or(text.clone(), |script| format!("{script}\n{text}")));
            }
            Arg::Long(name) if matches!(name.as_str(), "quiet" | "silent") => quiet = true,
            Arg::Long(name) if name == "regexp-extended" => extended = true,
            Arg::Long(name) if name == "in-place" => in_place = Some(args.optional_value().unwrap_or_default()),
            _ => return util::usage(&proc, args.unknown(), 1).await,
        }
    }
    let script = match script {
        Some(script) => script,
        None if operands.is_empty() => {
            let text = "Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...";
            return util::fail(&proc, 1, text).await;
        }
        None => operands.remove(0),
    };
    let mut parser = Parser { chars: script.chars().peekable(), extended, last: None, depth: 0 };
    let mut commands = match parser.commands(false) {
        Ok(commands) => commands,
        Err(error) => {
            let at = script.chars().count() - parser.chars.clone().count();
            let text = match ctx.flavour {
                Flavour::Gnu => format!("sed: -e expression #1, char {at}: {error}"),
                Flavour::Busybox => format!("sed: {error}"),
            };
            return util::fail(&proc, 1, &text).await;
        }
    };
    if operands.is_empty() {
        operands.push("-".to_string());
    }
    let mut out = Out::new(&proc);
    let mut state = State { number: 0, last: false, quiet, after: String::new(), out: String::new() };
    let mut code = 0;
    let count = operands.len();
    for (i, path) in operands.iter().enumerate() {
        let file = match util::open_input(&proc, path) {
            Ok(file) => file,
            Err(error) => {
                let text = match ctx.flavour {
                    Flavour::Gnu if error == crate::os::Errno::EISDIR => {
                        format!("sed: couldn't edit {path}: not a regular file")
                    }
                    Flavour::Gnu => format!("sed: can't read {path}: {error}"),
                    Flavour::Busybox => format!("sed: {path}: {error}"),
                };
                code = util::fail(&proc, 2, &text).await;
                continue;
            }
        };
        let mut edited = String::new();
        if in_place.is_some() {
            state.number = 0;
        }
        let mut lines = Lines::new(file);
        let mut next = lines.next().await.ok().flatten();
        let mut at = Vec::new();
        let mut quit = None;
        while let Some(bytes) = next.take() {
            next = lines.next().await.ok().flatten();
            let newline = bytes.last() == Some(&b'\n');
            let mut line = util::text(bytes);
            if newline {
                line.pop();
            }
            state.number += 1;
            proc.owe(std::time::Duration::from_nanos(commands.len() as u64 * (500 + 40 * line.len() as u64)));
            state.last = next.is_none() && (i + 1 == count || in_place.is_some());
            let step = run(&mut commands, &mut line, &mut state, &mut at, 0);
            if !matches!(step, Step::Next) {
                at.clear();
            }
            let prints = match step {
                Step::EndCycle => false,
                // Without a next line `n` prints and ends.
                Step::Go | Step::Quit(_) | Step::Next => !state.quiet,
            };
            if prints {
                state.out += &line;
                if newline || next.is_some() {
                    state.out.push('\n');
                }
            }
            state.out += &std::mem::take(&mut state.after);
            let text = std::mem::take(&mut state.out);
            if in_place.is_some() {
                edited += &text;
            } else if out.write(text.as_bytes()).await.is_err() {
                return 1;
            }
            if let Step::Quit(code) = step {
                quit = Some(code);
                break;
            }
        }
        if let Some(suffix) = &in_place {
            // What follows a `q` stays as it is.
            if let Some(rest) = next.take() {
                edited += &util::text(rest);
            }
            while let Ok(Some(rest)) = lines.next().await {
                edited += &util::text(rest);
            }
            if !suffix.is_empty()
                && let Err(text) =
                    super::copy::copy(&proc, ctx.flavour, path, &format!("{path}{suffix}"), false, true).await
            {
                code = util::fail(&proc, 4, &format!("sed: {text}")).await;
            }
            if let Err(error) = proc.write_file(path, edited.as_bytes()).await {
                code = util::fail(&proc, 4, &format!("sed: couldn't open file {path}: {error}")).await;
            }
        }
        if let Some(quit) = quit {
            return out.finish(quit).await;
        }
    }
    out.finish(code).await
}
