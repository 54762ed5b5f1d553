//! The line editor: a terminal in raw mode, Emacs keys, history, search, completion.
//!
//! Bytes are read one by one, so what is typed ahead stays for the programs that are started.

use super::{
    complete::{self, Completion},
    state::{MAX_TEXT, Shell},
};
use crate::{
    os::{Tty, tty::Modes},
    programs::util,
    sim::{Either, race},
};

/// How reading a line ended.
pub enum Read {
    Line(String),
    /// ^C
    Interrupted,
    /// ^D on an empty line.
    End,
    /// The terminal is gone.
    HungUp,
}

/// Columns that a character takes.
pub fn width(c: char) -> usize {
    match u32::from(c) {
        0..0x20 | 0x7f..0xa0 => 0,
        0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f | 0x20d0..=0x20ff => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0x33ff
        | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff
        | 0xa000..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f680..=0x1f6ff
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Where the cursor is after `text`, from (row, column), on a terminal of `columns`.
fn advance((mut row, mut column): (usize, usize), text: &[char], columns: usize) -> (usize, usize) {
    let mut i = 0;
    while let Some(c) = text.get(i) {
        i += 1;
        match c {
            '\n' => {
                row += 1;
                column = 0;
            }
            '\r' => column = 0,
            '\u{1b}' if text.get(i) == Some(&'[') => {
                i += 1;
                while text.get(i).is_some_and(|c| !('@'..='~').contains(c)) {
                    i += 1;
                }
                i += 1;
            }
            c => {
                let w = width(*c);
                if column + w > columns {
                    row += 1;
                    column = 0;
                }
                column += w;
                if column == columns {
                    row += 1;
                    column = 0;
                }
            }
        }
    }
    (row, column)
}

enum Key {
    Char(char),
    Ctrl(char),
    Alt(char),
    Up,
    Down,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Delete,
    Paste(String),
    Unknown,
}

struct Search {
    query: String,
    /// Index into the history of what is shown.
    at: usize,
    failed: bool,
    saved: Vec<char>,
}

struct Editor<'a> {
    shell: &'a mut Shell,
    tty: Tty,
    prompt: Vec<char>,
    line: Vec<char>,
    cursor: usize,
    /// Row of the cursor below the row of the prompt's start, as last drawn.
    row: usize,
    history_at: usize,
    unsent: Vec<char>,
    killed: Vec<char>,
    search: Option<Search>,
    last_was_tab: bool,
    out: String,
}

pub async fn read(shell: &mut Shell, prompt: &str) -> Read {
    let Some(tty) = shell.proc.stdin().tty() else { return Read::HungUp };
    let modes = tty.modes();
    tty.set_modes(Modes::RAW);
    let paste = shell.get("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    let history_at = shell.history.len();
    let mut editor = Editor {
        prompt: prompt.replace('\n', "\r\n").chars().collect(),
        tty: tty.clone(),
        line: Vec::new(),
        cursor: 0,
        row: 0,
        history_at,
        unsent: Vec::new(),
        killed: Vec::new(),
        search: None,
        last_was_tab: false,
        out: String::new(),
        shell,
    };
    if paste {
        editor.out.push_str("\x1b[?2004h");
    }
    editor.out.push_str(&prompt.replace('\n', "\r\n"));
    editor.row = editor.position(0).0;
    let result = editor.edit().await;
    if paste {
        editor.out.push_str("\x1b[?2004l");
    }
    editor.flush().await;
    // A program may have left the terminal raw; a shell never does.
    tty.set_modes(if modes.canonical { modes } else { Modes::COOKED });
    result
}

impl Editor<'_> {
    async fn edit(&mut self) -> Read {
        loop {
            self.flush().await;
            let Some(key) = self.key().await else { return Read::HungUp };
            let tab = std::mem::take(&mut self.last_was_tab);
            if self.search.is_some() && self.searching(&key) {
                continue;
            }
            match key {
                Key::Ctrl('j' | 'm') => {
                    self.move_to(self.line.len());
                    self.out.push_str("\r\n");
                    return Read::Line(self.line.iter().collect());
                }
                Key::Ctrl('c') => {
                    self.move_to(self.line.len());
                    self.out.push_str("^C\r\n");
                    return Read::Interrupted;
                }
                Key::Ctrl('d') if self.line.is_empty() => return Read::End,
                Key::Ctrl('i') => self.complete(tab).await,
                Key::Ctrl('l') => {
                    self.out.push_str("\x1b[H\x1b[2J");
                    self.row = 0;
                    self.draw();
                }
                Key::Ctrl('r') => {
                    let saved = self.line.clone();
                    self.search =
                        Some(Search { query: String::new(), at: self.shell.history.len(), failed: false, saved });
                    self.draw();
                }
                Key::Char(c) => self.insert(&[c]),
                Key::Paste(text) => {
                    let chars: Vec<char> = text.replace("\r\n", "\n").replace('\r', "\n").chars().collect();
                    let end = chars.iter().rposition(|c| *c != '\n').map_or(0, |at| at + 1);
                    self.insert(&chars[..end]);
                }
                key => self.motion(key),
            }
        }
    }

    fn motion(&mut self, key: Key) {
        match key {
            Key::Left | Key::Ctrl('b') => self.move_to(self.cursor.saturating_sub(1)),
            Key::Right | Key::Ctrl('f') => self.move_to((self.cursor + 1).min(self.line.len())),
            Key::Home | Key::Ctrl('a') => self.move_to(0),
            Key::End | Key::Ctrl('e') => self.move_to(self.line.len()),
            Key::WordLeft | Key::Alt('b') => self.move_to(self.word_left(char::is_alphanumeric)),
            Key::WordRight | Key::Alt('f') => self.move_to(self.word_right()),
            Key::Up | Key::Ctrl('p') => self.recall(self.history_at.saturating_sub(1)),
            Key::Down | Key::Ctrl('n') => self.recall(self.history_at + 1),
            Key::Ctrl('h') if self.cursor > 0 => self.delete(self.cursor - 1, self.cursor, false),
            Key::Delete | Key::Ctrl('d') if self.cursor < self.line.len() => {
                self.delete(self.cursor, self.cursor + 1, false);
            }
            Key::Ctrl('k') => self.delete(self.cursor, self.line.len(), true),
            Key::Ctrl('u') => self.delete(0, self.cursor, true),
            Key::Ctrl('w') => self.delete(self.word_left(|c| !c.is_whitespace()), self.cursor, true),
            Key::Alt('\u{7f}') => self.delete(self.word_left(char::is_alphanumeric), self.cursor, true),
            Key::Alt('d') => self.delete(self.cursor, self.word_right(), true),
            Key::Ctrl('y') => {
                let killed = self.killed.clone();
                self.insert(&killed);
            }
            Key::Ctrl('t') if self.cursor > 0 && self.line.len() > 1 => {
                let at = self.cursor.min(self.line.len() - 1);
                self.line.swap(at - 1, at);
                self.cursor = at + 1;
                self.draw();
            }
            Key::Alt('.') => {
                let last = self.shell.history.last().and_then(|line| line.split_whitespace().last());
                let word: Vec<char> = last.unwrap_or("").chars().collect();
                self.insert(&word);
            }
            _ => {}
        }
    }

    // Input

    /// The next byte; `None` when the terminal is gone. Signals are handled while waiting.
    async fn byte(&mut self) -> Option<u8> {
        let file = self.shell.proc.stdin();
        loop {
            let proc = self.shell.proc.clone();
            match race(file.read(1), proc.next_signal()).await {
                Either::Left(Ok(data)) => return data.first().copied(),
                Either::Left(Err(_)) => return None,
                Either::Right(signal) => {
                    if self.shell.traps.signals.contains_key(&signal) {
                        self.tty.set_modes(Modes::COOKED);
                        // Even a trap that calls `exit` leaves the line to be finished.
                        let _ = self.shell.handle_signal(signal).await;
                        self.tty.set_modes(Modes::RAW);
                    }
                }
            }
        }
    }

    async fn key(&mut self) -> Option<Key> {
        let byte = self.byte().await?;
        Some(match byte {
            0x1b => return self.escape().await,
            0x7f => Key::Ctrl('h'),
            0..0x20 => Key::Ctrl(char::from(byte + b'a' - 1)),
            0x20..0x7f => Key::Char(char::from(byte)),
            _ => {
                let length = match byte {
                    0xc0..=0xdf => 2,
                    0xe0..=0xef => 3,
                    0xf0..=0xf7 => 4,
                    _ => 1,
                };
                let mut bytes = vec![byte];
                while bytes.len() < length {
                    bytes.push(self.byte().await?);
                }
                match std::str::from_utf8(&bytes).ok().and_then(|text| text.chars().next()) {
                    Some(c) => Key::Char(c),
                    None => Key::Unknown,
                }
            }
        })
    }

    async fn escape(&mut self) -> Option<Key> {
        let byte = self.byte().await?;
        if byte != b'[' && byte != b'O' {
            return Some(match byte {
                0x7f | 8 => Key::Alt('\u{7f}'),
                _ => Key::Alt(char::from(byte)),
            });
        }
        let mut text = String::new();
        let end = loop {
            let byte = self.byte().await?;
            if (0x40..=0x7e).contains(&byte) || text.len() > 16 {
                break char::from(byte);
            }
            text.push(char::from(byte));
        };
        Some(match (end, text.as_str()) {
            ('A', _) => Key::Up,
            ('B', _) => Key::Down,
            ('C', "") => Key::Right,
            ('D', "") => Key::Left,
            ('C', _) => Key::WordRight,
            ('D', _) => Key::WordLeft,
            ('H', _) | ('~', "1" | "7") => Key::Home,
            ('F', _) | ('~', "4" | "8") => Key::End,
            ('~', "3") => Key::Delete,
            ('~', "200") => Key::Paste(self.pasted().await?),
            _ => Key::Unknown,
        })
    }

    /// Pasted text, up to the mark of its end.
    async fn pasted(&mut self) -> Option<String> {
        const END: &[u8] = b"\x1b[201~";
        let mut bytes = Vec::new();
        while !bytes.ends_with(END) {
            let byte = self.byte().await?;
            if bytes.len() < MAX_TEXT {
                bytes.push(byte);
            } else if byte == b'~' {
                return Some(String::new());
            }
        }
        bytes.truncate(bytes.len() - END.len());
        Some(util::text(bytes))
    }

    // Editing

    fn insert(&mut self, chars: &[char]) {
        if chars.is_empty() || self.line.len() + chars.len() > MAX_TEXT {
            return;
        }
        let chars: Vec<char> = chars.iter().copied().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect();
        let at_end = self.cursor == self.line.len();
        let before = self.position(self.cursor);
        self.line.splice(self.cursor..self.cursor, chars.iter().copied());
        self.cursor += chars.len();
        let after = self.position(self.cursor);
        if at_end && before.0 == after.0 && self.search.is_none() && !chars.contains(&'\t') {
            self.out.extend(chars);
        } else {
            self.draw();
        }
    }

    fn delete(&mut self, from: usize, to: usize, kill: bool) {
        if from >= to {
            return;
        }
        let at_end = to == self.line.len() && from + 1 == to && self.position(from).0 == self.position(to).0;
        let removed: Vec<char> = self.line.drain(from..to).collect();
        self.cursor = from;
        let columns: usize = removed.iter().map(|c| width(*c)).sum();
        if at_end && columns == 1 {
            self.out.push_str("\x08 \x08");
        } else {
            self.draw();
        }
        if kill {
            self.killed = removed;
        }
    }

    fn word_left(&self, in_word: impl Fn(char) -> bool) -> usize {
        let mut at = self.cursor;
        while at > 0 && !in_word(self.line[at - 1]) {
            at -= 1;
        }
        while at > 0 && in_word(self.line[at - 1]) {
            at -= 1;
        }
        at
    }

    fn word_right(&self) -> usize {
        let mut at = self.cursor;
        while at < self.line.len() && !self.line[at].is_alphanumeric() {
            at += 1;
        }
        while at < self.line.len() && self.line[at].is_alphanumeric() {
            at += 1;
        }
        at
    }

    fn recall(&mut self, at: usize) {
        let count = self.shell.history.len();
        if at > count || at == self.history_at {
            return;
        }
        if self.history_at == count {
            self.unsent = self.line.clone();
        }
        self.line = match self.shell.history.get(at) {
            Some(line) => line.chars().collect(),
            None => self.unsent.clone(),
        };
        self.history_at = at;
        self.cursor = self.line.len();
        self.draw();
    }

    // Reverse search

    /// Handles a key while searching; false if the key ends the search and means what it says.
    fn searching(&mut self, key: &Key) -> bool {
        let Some(mut search) = self.search.take() else { return false };
        match key {
            Key::Char(c) => {
                search.query.push(*c);
                search.at = (search.at + 1).min(self.shell.history.len());
                self.find(&mut search);
            }
            Key::Ctrl('r') => self.find(&mut search),
            Key::Ctrl('h') => {
                search.query.pop();
                search.at = self.shell.history.len();
                self.find(&mut search);
            }
            Key::Ctrl('g' | 'c') => {
                self.line = search.saved;
                self.cursor = self.line.len();
                self.draw();
                return matches!(key, Key::Ctrl('g'));
            }
            _ => {
                self.history_at = search.at;
                self.draw();
                return false;
            }
        }
        self.search = Some(search);
        self.draw();
        true
    }

    fn find(&mut self, search: &mut Search) {
        let found = self.shell.history[..search.at].iter().rposition(|line| line.contains(&search.query));
        search.failed = found.is_none();
        if let Some(at) = found {
            search.at = at;
            let line = &self.shell.history[at];
            let byte = line.find(&search.query).unwrap_or(0);
            self.cursor = line[..byte].chars().count();
            self.line = line.chars().collect();
        }
    }

    // Completion

    async fn complete(&mut self, again: bool) {
        let text: String = self.line[..self.cursor].iter().collect();
        let Completion { start, candidates } = complete::complete(self.shell, &text).await;
        let typed = text[start..].to_string();
        let mut inserted = false;
        if let Some(common) = complete::common_prefix(&candidates) {
            let single = candidates.len() == 1;
            let end = if single { candidates[0].suffix } else { "" };
            if (common.len() > typed.len() || !common.starts_with(&typed) || single) && !common.is_empty() {
                let from = text[..start].chars().count();
                let replacement: Vec<char> = common.chars().chain(end.chars()).collect();
                inserted = replacement != self.line[from..self.cursor];
                if let Some(more) = format!("{common}{end}").strip_prefix(&typed) {
                    let more: Vec<char> = more.chars().collect();
                    self.insert(&more);
                } else {
                    self.line.splice(from..self.cursor, replacement.iter().copied());
                    self.cursor = from + replacement.len();
                    self.draw();
                }
            }
        }
        if inserted {
            return;
        }
        if !again || candidates.is_empty() {
            self.last_was_tab = !candidates.is_empty();
            self.out.push('\u{7}');
            return;
        }
        let cursor = self.cursor;
        self.move_to(self.line.len());
        let columns = self.columns();
        self.out.push_str("\r\n");
        let names: Vec<&str> = candidates.iter().map(|candidate| candidate.shown.as_str()).collect();
        self.out.push_str(&complete::table(&names, columns).replace('\n', "\r\n"));
        self.cursor = cursor;
        self.row = 0;
        self.draw();
        self.last_was_tab = true;
    }

    // Drawing

    fn columns(&self) -> usize {
        usize::from(self.tty.size().0).max(2)
    }

    /// What stands before the line.
    fn head(&self) -> Vec<char> {
        match &self.search {
            None => self.prompt.clone(),
            Some(search) => {
                let failed = if search.failed { "failed " } else { "" };
                format!("({failed}reverse-i-search)`{}': ", search.query).chars().collect()
            }
        }
    }

    /// Row and column of a place in the line.
    fn position(&self, at: usize) -> (usize, usize) {
        let columns = self.columns();
        advance(advance((0, 0), &self.head(), columns), &self.line[..at], columns)
    }

    /// Draws prompt and line anew.
    fn draw(&mut self) {
        if self.row > 0 {
            self.out.push_str(&format!("\x1b[{}A", self.row));
        }
        self.out.push_str("\r\x1b[J");
        self.out.extend(self.head());
        for c in &self.line {
            match c {
                '\n' => self.out.push_str("\r\n"),
                c => self.out.push(*c),
            }
        }
        let end = self.position(self.line.len());
        let last_is_newline = self.line.last() == Some(&'\n');
        if end.1 == 0 && end.0 > 0 && !last_is_newline {
            // Leave the state in which the terminal is about to wrap.
            self.out.push_str("\r\n");
        }
        self.row = end.0;
        self.go(self.position(self.cursor));
    }

    fn go(&mut self, (row, column): (usize, usize)) {
        match self.row {
            from if from > row => self.out.push_str(&format!("\x1b[{}A", from - row)),
            from if from < row => self.out.push_str(&format!("\x1b[{}B", row - from)),
            _ => {}
        }
        self.out.push('\r');
        if column > 0 {
            self.out.push_str(&format!("\x1b[{column}C"));
        }
        self.row = row;
    }

    fn move_to(&mut self, at: usize) {
        if at == self.cursor {
            return;
        }
        self.cursor = at;
        self.go(self.position(at));
    }

    async fn flush(&mut self) {
        let out = std::mem::take(&mut self.out);
        if !out.is_empty() {
            util::ignore(self.tty.file().write_all(out.as_bytes()).await);
        }
    }
}
