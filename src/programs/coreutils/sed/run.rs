//! The cycle: a line into the pattern space, the commands on it, and out.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Options,
    parse::{Action, Address, Command, Jump, Piece, Substitute},
};
use crate::{
    os::{Errno, File, OpenFlags, Proc},
    programs::{
        Flavour,
        util::{self, Lines, Out},
    },
};

/// The largest pattern and hold space, in bytes.
const MAX_SPACE: usize = 16 << 20;

/// How a cycle goes on.
enum Step {
    End {
        print: bool,
    },
    /// `D`: again, without reading a line.
    Again,
    Quit {
        code: i32,
        print: bool,
    },
}

enum After {
    Text(String),
    File(String),
}

pub struct Machine {
    proc: Proc,
    flavour: Flavour,
    options: Options,
    commands: Vec<Command>,
    space: String,
    hold: String,
    number: u64,
    substituted: bool,
    after: Vec<After>,
    out: Out,
    /// What a file edited in place becomes.
    edited: Option<String>,
    /// The last line had no newline: one comes first before more is written.
    owes_newline: bool,
    /// Whether the line in the pattern space ended with one.
    ended: bool,
    hold_ended: bool,
    files: BTreeMap<String, File>,
    // Input
    waiting: std::collections::VecDeque<String>,
    name: String,
    lines: Option<Lines>,
    next: Option<Vec<u8>>,
    status: i32,
    /// Commands since processor time was paid for.
    owed: u64,
}

impl Command {
    /// What its patterns took that refer back to themselves.
    fn steps(&self) -> usize {
        let address = |address: &Option<Address>| match address {
            Some(Address::Regex(regex)) => regex.take_steps(),
            _ => 0,
        };
        let action = match &self.action {
            Action::Substitute(substitute) => substitute.regex.take_steps(),
            _ => 0,
        };
        address(&self.from) + address(&self.to) + action
    }

    fn selects(&mut self, line: &str, number: u64, last: bool) -> bool {
        let matches = |address: &Address| match address {
            Address::Line(n) => *n == number,
            Address::Last => last,
            Address::Regex(regex) => regex.is_match(line),
            Address::Step(first, step) => match step {
                0 => number == *first,
                step => number >= *first && (number - first).is_multiple_of(*step),
            },
            Address::Zero | Address::Plus(_) | Address::Multiple(_) => false,
        };
        let Some(from) = &self.from else { return !self.negated };
        // `0,/re/` is in its range before the first line.
        if matches!(from, Address::Zero) && number == 1 && self.active.is_none() {
            self.active = Some(None);
        }
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
                        Address::Plus(count) => (*count > 0).then_some(Some(number.saturating_add(*count))),
                        Address::Multiple(0) => None,
                        Address::Multiple(of) => {
                            let end = (number / of).saturating_add(1).saturating_mul(*of);
                            (end > number).then_some(Some(end))
                        }
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

impl Machine {
    pub fn new(proc: Proc, flavour: Flavour, options: Options, commands: Vec<Command>) -> Machine {
        let out = Out::new(&proc);
        Machine {
            proc,
            flavour,
            options,
            commands,
            space: String::new(),
            hold: String::new(),
            number: 0,
            substituted: false,
            after: Vec::new(),
            out,
            edited: None,
            owes_newline: false,
            ended: true,
            hold_ended: true,
            files: BTreeMap::new(),
            waiting: Default::default(),
            name: "-".to_string(),
            lines: None,
            next: None,
            status: 0,
            owed: 0,
        }
    }

    /// Each file is a stream of its own.
    fn separate(&self) -> bool {
        self.options.separate || self.options.in_place.is_some()
    }

    pub async fn run(mut self, operands: Vec<String>) -> i32 {
        if let Err(code) = self.open_written().await {
            return code;
        }
        let mut code = None;
        let groups: Vec<Vec<String>> = match self.separate() {
            true => operands.into_iter().map(|path| vec![path]).collect(),
            false => vec![operands],
        };
        for group in groups {
            let path = group[0].clone();
            let copies = self.options.in_place.is_some() && path != "-";
            if self.separate() {
                self.number = 0;
            }
            self.waiting = group.into();
            self.owes_newline = false;
            self.advance(true).await;
            if self.lines.is_none() && self.next.is_none() {
                continue;
            }
            self.edited = copies.then(String::new);
            let ended = self.cycles().await;
            let Ok(quit) = ended else { return 1 };
            if copies && let Err(error) = self.replace(&path).await {
                self.status = util::fail(&self.proc, 4, &format!("sed: couldn't open file {path}: {error}")).await;
            }
            if quit.is_some() {
                code = quit;
                break;
            }
        }
        let code = code.unwrap_or(self.status);
        self.out.finish(code).await
    }

    /// Files that `w` names are there from the beginning.
    async fn open_written(&mut self) -> Result<(), i32> {
        for command in &self.commands {
            let path = match &command.action {
                Action::Write(path) | Action::Substitute(Substitute { write: Some(path), .. }) => path,
                _ => continue,
            };
            if self.files.contains_key(path) || path == "/dev/stdout" {
                continue;
            }
            match self.proc.open(path, OpenFlags::WRITE, 0o666) {
                Ok(file) => self.files.insert(path.clone(), file),
                Err(error) => {
                    return Err(match self.flavour {
                        Flavour::Gnu => {
                            util::fail(&self.proc, 4, &format!("sed: couldn't open file {path}: {error}")).await
                        }
                        Flavour::Busybox => util::fail(&self.proc, 1, &format!("sed: {path}: {error}")).await,
                    });
                }
            };
        }
        Ok(())
    }

    /// Puts what was written in the file's place.
    async fn replace(&mut self, path: &str) -> Result<(), Errno> {
        let mut text = self.edited.take().unwrap_or_default();
        // What follows a `q` stays as it is.
        while let Some(rest) = self.next.take() {
            text += &util::text(rest);
            if let Some(lines) = &mut self.lines {
                self.next = lines.next().await.ok().flatten();
            }
        }
        self.lines = None;
        let suffix = self.options.in_place.clone().unwrap_or_default();
        if !suffix.is_empty() {
            // A star stands for the file's name.
            let backup = match suffix.contains('*') && self.flavour == Flavour::Gnu {
                true => suffix.replace('*', path),
                false => format!("{path}{suffix}"),
            };
            if let Err(text) = super::super::copy::copy(&self.proc, self.flavour, path, &backup, false, true).await {
                self.status = util::fail(&self.proc, 4, &format!("sed: {text}")).await;
            }
        }
        self.proc.write_file(path, text.as_bytes()).await
    }

    /// Reads ahead: the next line, of the next file if need be. `first`: nothing has been read of these files.
    async fn advance(&mut self, first: bool) {
        if first {
            self.lines = None;
        }
        self.next = None;
        loop {
            if let Some(lines) = &mut self.lines {
                match lines.next().await {
                    Ok(Some(line)) => {
                        self.next = Some(line);
                        return;
                    }
                    Ok(None) => {}
                    Err(error) => self.cannot_read(error).await,
                }
                if self.waiting.is_empty() {
                    return;
                }
            }
            let Some(path) = self.waiting.pop_front() else { return };
            self.name = path.clone();
            let is_directory =
                || self.proc.stat(&path).is_ok_and(|stat| stat.file_type == crate::os::fs::FileType::Directory);
            match util::open_input(&self.proc, &path) {
                Ok(_) if path != "-" && is_directory() => self.cannot_read(Errno::EISDIR).await,
                Ok(file) => {
                    self.lines = Some(Lines::new(file).until(if self.options.null { 0 } else { b'\n' }));
                }
                Err(error) => self.cannot_read(error).await,
            }
        }
    }

    async fn cannot_read(&mut self, error: Errno) {
        let path = &self.name;
        let (text, code) = match (self.flavour, error, self.options.in_place.is_some()) {
            (Flavour::Gnu, Errno::EISDIR, true) => (format!("couldn't edit {path}: not a regular file"), 4),
            (Flavour::Gnu, Errno::EISDIR, false) => (format!("read error on {path}: {error}"), 4),
            (Flavour::Gnu, ..) => (format!("can't read {path}: {error}"), 2),
            (Flavour::Busybox, Errno::EISDIR, false) => return,
            (Flavour::Busybox, ..) => (format!("{path}: {error}"), 1),
        };
        self.status = util::fail(&self.proc, code, &format!("sed: {text}")).await;
    }

    /// Takes the next line; `None` at the end.
    async fn read(&mut self) -> Option<String> {
        let mut bytes = self.next.take()?;
        let newline = if self.options.null { 0 } else { b'\n' };
        self.ended = bytes.last() == Some(&newline);
        if self.ended {
            bytes.pop();
        }
        self.number += 1;
        self.advance(false).await;
        Some(util::text(bytes))
    }

    async fn cycles(&mut self) -> Result<Option<i32>, Errno> {
        while let Some(line) = self.read().await {
            self.space = line;
            loop {
                self.substituted = false;
                let step = self.cycle().await?;
                let print = match step {
                    Step::End { print } | Step::Quit { print, .. } => print,
                    Step::Again => false,
                };
                if print && !self.options.quiet {
                    let space = std::mem::take(&mut self.space);
                    self.print(&space, self.ended).await?;
                }
                self.flush_after().await?;
                match step {
                    Step::Quit { code, .. } => return Ok(Some(code)),
                    Step::Again => {}
                    Step::End { .. } => break,
                }
            }
        }
        Ok(None)
    }

    async fn emit(&mut self, text: &str) -> Result<(), Errno> {
        match &mut self.edited {
            Some(edited) => {
                *edited += text;
                if edited.len() > MAX_SPACE { Err(Errno::ENOMEM) } else { Ok(()) }
            }
            None => self.out.write(text.as_bytes()).await,
        }
    }

    /// Writes a line.
    async fn print(&mut self, line: &str, newline: bool) -> Result<(), Errno> {
        let end = if self.options.null { "\0" } else { "\n" };
        if std::mem::replace(&mut self.owes_newline, !newline) {
            self.emit(end).await?;
        }
        self.emit(line).await?;
        if newline { self.emit(end).await } else { Ok(()) }
    }

    /// Writes text that has its newlines.
    async fn print_text(&mut self, text: &str) -> Result<(), Errno> {
        if std::mem::take(&mut self.owes_newline) {
            self.emit("\n").await?;
        }
        self.emit(text).await
    }

    async fn flush_after(&mut self) -> Result<(), Errno> {
        for after in std::mem::take(&mut self.after) {
            match after {
                After::Text(text) => self.print_text(&text).await?,
                // A file that isn't there is an empty one.
                After::File(path) => {
                    let data = self.proc.read_file(&path).await.unwrap_or_default();
                    if !data.is_empty() {
                        self.print_text(&util::text(data)).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn write_to(&mut self, path: &str) -> Result<(), Errno> {
        let line = format!("{}\n", self.space);
        match self.files.get(path) {
            Some(file) => file.write_all(line.as_bytes()).await,
            None => self.out.write(line.as_bytes()).await,
        }
    }

    fn has_next(&self) -> bool {
        self.next.is_some()
    }

    async fn cycle(&mut self) -> Result<Step, Errno> {
        let mut at = 0;
        while at < self.commands.len() {
            self.owed += 500 + 40 * self.space.len() as u64 + 10 * self.commands[at].steps() as u64;
            if self.owed > 100_000 {
                self.proc.charge(Duration::from_nanos(std::mem::take(&mut self.owed))).await;
            }
            if self.space.len() > MAX_SPACE || self.hold.len() > MAX_SPACE {
                util::ignore(self.proc.eprint("sed: couldn't allocate memory\n").await);
                return Ok(Step::Quit { code: 4, print: false });
            }
            let (number, last) = (self.number, self.next.is_none());
            let command = &mut self.commands[at];
            at += 1;
            if !command.selects(&self.space, number, last) {
                if let Action::Block(end) = command.action {
                    at = end;
                }
                if at == usize::MAX {
                    util::ignore(self.proc.eprint("sed: unterminated {\n").await);
                    return Ok(Step::Quit { code: 1, print: false });
                }
                continue;
            }
            match &command.action {
                Action::Nothing | Action::Block(_) => {}
                Action::Delete => return Ok(Step::End { print: false }),
                Action::DeleteFirst => match self.space.split_once('\n') {
                    Some((_, rest)) => {
                        self.space = rest.to_string();
                        return Ok(Step::Again);
                    }
                    None => return Ok(Step::End { print: false }),
                },
                Action::Print => {
                    let line = self.space.clone();
                    self.print(&line, self.ended || self.flavour == Flavour::Busybox).await?;
                }
                Action::PrintFirst => {
                    let line = self.space.split('\n').next().unwrap_or_default().to_string();
                    self.print(&line, true).await?;
                }
                Action::List(width) => {
                    let text = listed(&self.space, width.unwrap_or(70) as usize);
                    self.print_text(&text).await?;
                }
                Action::Number => self.print_text(&format!("{number}\n")).await?,
                Action::FileName => {
                    let text = format!("{}\n", self.name);
                    self.print_text(&text).await?;
                }
                Action::Quit(code) => return Ok(Step::Quit { code: *code, print: true }),
                Action::QuitSilently(code) => return Ok(Step::Quit { code: *code, print: false }),
                Action::Next => {
                    if !self.has_next() {
                        return Ok(Step::End { print: true });
                    }
                    if !self.options.quiet {
                        let line = std::mem::take(&mut self.space);
                        self.print(&line, self.ended).await?;
                    }
                    self.flush_after().await?;
                    self.space = self.read().await.unwrap_or_default();
                }
                Action::NextAppended => {
                    if !self.has_next() {
                        return Ok(Step::End { print: true });
                    }
                    self.flush_after().await?;
                    let line = self.read().await.unwrap_or_default();
                    self.space.push('\n');
                    self.space += &line;
                }
                Action::Hold => {
                    self.hold.clone_from(&self.space);
                    self.hold_ended = self.ended;
                }
                Action::HoldAppended => {
                    self.hold.push('\n');
                    self.hold += &self.space;
                }
                Action::Get => {
                    self.space.clone_from(&self.hold);
                    self.ended = self.hold_ended;
                }
                Action::GetAppended => {
                    self.ended = true;
                    self.space.push('\n');
                    self.space += &self.hold;
                }
                Action::Exchange => {
                    std::mem::swap(&mut self.space, &mut self.hold);
                    std::mem::swap(&mut self.ended, &mut self.hold_ended);
                }
                Action::Empty => self.space.clear(),
                Action::Append(text) => self.after.push(After::Text(text.clone())),
                Action::Read(path) => self.after.push(After::File(path.clone())),
                Action::Insert(text) => {
                    let text = text.clone();
                    self.print_text(&text).await?;
                }
                Action::Change(text) => {
                    // Of a range only the end says it.
                    if command.to.is_none() || command.active.is_none() || command.negated {
                        let text = text.clone();
                        self.print_text(&text).await?;
                    }
                    return Ok(Step::End { print: false });
                }
                Action::Write(path) => {
                    let path = path.clone();
                    self.write_to(&path).await?;
                }
                Action::Translate(from, to) => {
                    let change = |c: char| from.iter().position(|f| *f == c).map_or(c, |at| to[at]);
                    self.space = self.space.chars().map(change).collect();
                }
                Action::Branch(jump, place, label) => {
                    let place = *place;
                    let jumps = match jump {
                        Jump::Always => true,
                        Jump::Substituted => std::mem::take(&mut self.substituted),
                        Jump::NotSubstituted => !std::mem::take(&mut self.substituted),
                    };
                    if jumps && place == usize::MAX {
                        let text = format!("sed: can't find label for jump to '{}'\n", label.clone());
                        util::ignore(self.proc.eprint(&text).await);
                        return Ok(Step::Quit { code: 1, print: false });
                    }
                    if jumps {
                        at = place;
                    }
                }
                Action::Substitute(substitute) => {
                    let Some(changed) = substitute.apply(&self.space) else { continue };
                    let (print, write) = (substitute.print, substitute.write.clone());
                    self.space = changed;
                    self.substituted = true;
                    if print {
                        let line = self.space.clone();
                        self.print(&line, self.ended || self.flavour == Flavour::Busybox).await?;
                    }
                    if let Some(path) = write {
                        self.write_to(&path).await?;
                    }
                }
            }
        }
        Ok(Step::End { print: true })
    }
}

impl Substitute {
    fn apply(&self, line: &str) -> Option<String> {
        let mut out = String::new();
        let mut end = 0;
        let mut changed = false;
        for captures in self.regex.matches(line).skip(self.nth - 1) {
            let Some((from, to)) = captures.get(0) else { continue };
            out += &line[end..from];
            let mut case = Case::default();
            for piece in &self.with {
                match piece {
                    Piece::Text(text) => case.push(text, &mut out),
                    Piece::Group(n) => case.push(captures.text(line, *n), &mut out),
                    Piece::Case(c @ ('u' | 'l')) => case.once = Some(*c == 'u'),
                    Piece::Case(c) => case.all = (*c != 'E').then_some(*c == 'U'),
                }
            }
            end = to;
            changed = true;
            if !self.global || out.len() > MAX_SPACE {
                break;
            }
        }
        out += &line[end..];
        changed.then_some(out)
    }
}

/// What `\U` and its like make of the text after them: to upper case or not.
#[derive(Default)]
struct Case {
    all: Option<bool>,
    once: Option<bool>,
}

impl Case {
    fn push(&mut self, text: &str, out: &mut String) {
        if self.all.is_none() && self.once.is_none() {
            *out += text;
            return;
        }
        for c in text.chars() {
            match self.once.take().or(self.all) {
                Some(true) => out.extend(c.to_uppercase()),
                Some(false) => out.extend(c.to_lowercase()),
                None => out.push(c),
            }
        }
    }
}

/// As `l` shows a line.
fn listed(line: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    let width = if width > 1 { width - 1 } else { usize::MAX };
    for byte in line.bytes() {
        let piece = match byte {
            b'\\' => "\\\\".to_string(),
            b'\n' => "\\n".to_string(),
            b'\t' => "\\t".to_string(),
            b'\r' => "\\r".to_string(),
            7 => "\\a".to_string(),
            8 => "\\b".to_string(),
            11 => "\\v".to_string(),
            12 => "\\f".to_string(),
            b' '..=b'~' => char::from(byte).to_string(),
            other => format!("\\{other:03o}"),
        };
        if column + piece.len() > width {
            out += "\\\n";
            column = 0;
        }
        column += piece.len();
        out += &piece;
    }
    out + "$\n"
}
