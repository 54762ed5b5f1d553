//! less and more: files by the screen, on a terminal; elsewhere they are cat.

use std::collections::VecDeque;

use regex_lite::Regex;

use super::{
    input::{or_stdin, read_all},
    text::cat,
};
use crate::{
    os::{Proc, Tty, tty::Modes},
    programs::{
        Context, Flavour,
        sh::width,
        util::{self, Arg, Args},
    },
};

/// A line as the rows it takes on a screen so wide.
fn rows_of(line: &str, columns: usize, out: &mut Vec<String>) {
    let mut row = String::new();
    let mut used = 0;
    for c in line.chars() {
        let text = match c {
            '\t' => " ".repeat(8 - used % 8),
            c if c.is_control() => format!("^{}", char::from((c as u32 as u8 & 0x1f) + 64)),
            c => c.to_string(),
        };
        let cells = text.chars().map(width).sum::<usize>();
        if used + cells > columns && used > 0 {
            out.push(std::mem::take(&mut row));
            used = 0;
        }
        used += cells;
        row += &text;
    }
    out.push(row);
}

struct Pager {
    proc: Proc,
    tty: Tty,
    rows: Vec<String>,
    /// The first row shown.
    top: usize,
    name: String,
    search: Option<Regex>,
    backwards: bool,
    /// Keys that came together with the last one.
    typed: VecDeque<char>,
}

impl Pager {
    /// Rows for text: the last one is the prompt's.
    fn height(&self) -> usize {
        usize::from(self.tty.size().1).saturating_sub(1).max(1)
    }

    fn last_top(&self) -> usize {
        self.rows.len().saturating_sub(self.height())
    }

    async fn say(&self, text: &str) {
        util::ignore(self.proc.print(text).await);
    }

    /// A key; `None` when the terminal has gone.
    async fn key(&mut self) -> Option<char> {
        if let Some(key) = self.typed.pop_front() {
            return Some(key);
        }
        let bytes = self.tty.file().read(16).await.ok()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Some(match text.as_str() {
            "" => return None,
            "\x1b[A" | "\x1bOA" => 'k',
            "\x1b[B" | "\x1bOB" => 'j',
            "\x1b[5~" => 'b',
            "\x1b[6~" => ' ',
            "\x1b[H" | "\x1b[1~" => 'g',
            "\x1b[F" | "\x1b[4~" => 'G',
            text => {
                self.typed.extend(text.chars());
                self.typed.pop_front()?
            }
        })
    }

    async fn draw(&self, message: Option<&str>) {
        let mut text = "\x1b[H\x1b[2J".to_string();
        let shown = self.rows.iter().skip(self.top).take(self.height());
        let count = shown.len();
        for row in shown {
            text += row;
            text.push('\n');
        }
        for _ in count..self.height() {
            text += "~\n";
        }
        let at_end = self.top >= self.last_top();
        let prompt = match (message, at_end) {
            (Some(message), _) => message.to_string(),
            (None, true) => "(END)".to_string(),
            (None, false) if self.top == 0 && !self.name.is_empty() => self.name.clone(),
            (None, false) => ":".to_string(),
        };
        let prompt = if prompt == ":" { prompt } else { format!("\x1b[7m{prompt}\x1b[27m") };
        self.say(&(text + &prompt)).await;
    }

    /// Reads what is searched for, at the bottom of the screen.
    async fn ask(&mut self, lead: char) -> Option<String> {
        let mut text = String::new();
        loop {
            self.say(&format!("\r\x1b[K{lead}{text}")).await;
            match self.key().await? {
                '\r' | '\n' => return Some(text),
                '\x1b' | '\x03' => return None,
                '\x7f' | '\x08' => {
                    text.pop()?;
                }
                c => text.push(c),
            }
        }
    }

    /// The next row after the top one that holds what is searched for.
    fn find(&mut self, backwards: bool) -> bool {
        let Some(regex) = &self.search else { return false };
        let found = match backwards {
            false => (self.top + 1..self.rows.len()).find(|i| regex.is_match(&self.rows[*i])),
            true => (0..self.top).rev().find(|i| regex.is_match(&self.rows[*i])),
        };
        self.top = found.unwrap_or(self.top);
        found.is_some()
    }

    async fn less(&mut self) {
        self.say("\x1b[?1049h").await;
        let mut message: Option<&str> = None;
        loop {
            self.draw(message.take()).await;
            let Some(key) = self.key().await else { break };
            let (height, last) = (self.height(), self.last_top());
            match key {
                'q' | 'Q' => break,
                ' ' | 'f' | '\x06' => self.top = (self.top + height).min(last.max(self.top)),
                'b' | '\x02' => self.top = self.top.saturating_sub(height),
                'd' | '\x04' => self.top = (self.top + height / 2).min(last.max(self.top)),
                'u' | '\x15' => self.top = self.top.saturating_sub(height / 2),
                'j' | 'e' | '\r' | '\n' => self.top = (self.top + 1).min(last.max(self.top)),
                'k' | 'y' => self.top = self.top.saturating_sub(1),
                'g' | '<' => self.top = 0,
                'G' | '>' => self.top = last,
                '/' | '?' => {
                    let typed = self.ask(key).await;
                    self.backwards = if typed.is_some() { key == '?' } else { self.backwards };
                    // Nothing: what was searched for before.
                    if typed.as_deref() == Some("") && self.search.is_some() {
                        if !self.find(self.backwards) {
                            message = Some("Pattern not found  (press RETURN)");
                        }
                    } else if let Some(text) = typed {
                        match super::regex(&text, true) {
                            Ok(regex) => {
                                self.search = Some(regex);
                                if !self.find(self.backwards) {
                                    message = Some("Pattern not found  (press RETURN)");
                                }
                            }
                            Err(_) => message = Some("Invalid pattern  (press RETURN)"),
                        }
                    }
                }
                'n' | 'N' if !self.find((key == 'N') != self.backwards) => {
                    message = Some("Pattern not found  (press RETURN)")
                }
                _ => {}
            }
        }
        self.say("\x1b[?1049l").await;
    }

    async fn more(&mut self) {
        let mut wanted = self.height();
        loop {
            let end = (self.top + wanted).min(self.rows.len());
            let text: String = self.rows[self.top..end].iter().map(|row| format!("{row}\n")).collect();
            self.say(&text).await;
            self.top = end;
            if end == self.rows.len() {
                return;
            }
            let percent = end * 100 / self.rows.len().max(1);
            self.say(&format!("\x1b[7m--More--({percent}%)\x1b[27m")).await;
            wanted = loop {
                match self.key().await {
                    None | Some('q' | 'Q' | '\x03') => {
                        self.say("\r\x1b[K").await;
                        return;
                    }
                    Some(' ' | 'f' | 'z') => break self.height(),
                    Some('d' | '\x04') => break (self.height() / 2).max(1),
                    Some('b' | '\x02') => {
                        self.top = self.top.saturating_sub(2 * self.height());
                        break self.height();
                    }
                    Some('\r' | '\n' | 'j') => break 1,
                    Some(_) => {}
                }
            };
            self.say("\r\x1b[K").await;
        }
    }
}

/// What util-linux' more writes where there is no terminal: each file under its name.
async fn titled(proc: &Proc) -> i32 {
    let mut code = 0;
    for path in proc.argv().iter().skip(1).filter(|arg| !arg.starts_with('-')) {
        let data = match util::open_input(proc, path) {
            Ok(file) => read_all(&file).await,
            Err(error) => Err(error),
        };
        match data {
            Ok(data) => {
                util::ignore(proc.print(&format!("::::::::::::::\n{path}\n::::::::::::::\n")).await);
                util::ignore(util::write_out(proc, &data).await);
            }
            Err(error) => code = util::fail(proc, 1, &format!("more: cannot open {path}: {error}")).await,
        }
    }
    code
}

pub async fn pager(proc: Proc, ctx: Context) -> i32 {
    let is_less = util::program_name(&proc) == "less";
    let (Some(tty), Some(_)) = (proc.stdout().tty(), proc.tty()) else {
        if !is_less && ctx.flavour == Flavour::Gnu && proc.argv().len() > 1 {
            return titled(&proc).await;
        }
        return cat(proc, ctx).await;
    };
    let mut args = Args::of(&proc, ctx.flavour);
    let mut files = Vec::new();
    let mut fits = false;
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(file))) => files.push(file),
            Ok(Some(Arg::Short('F'))) => fits = true,
            // Colours, line numbers and the like change nothing here.
            Ok(Some(_)) => {}
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    if files.is_empty() && proc.stdin().is_tty() {
        let text = if is_less {
            "Missing filename (\"less --help\" for help)"
        } else {
            "more: bad usage\nTry 'more --help' for more information."
        };
        return util::fail(&proc, 1, text).await;
    }
    let mut rows = Vec::new();
    let columns = usize::from(tty.size().0).max(1);
    let mut code = 0;
    let name = files.first().cloned().unwrap_or_default();
    for path in or_stdin(files) {
        let data = match util::open_input(&proc, &path) {
            Ok(file) => read_all(&file).await,
            Err(error) => Err(error),
        };
        match data {
            Ok(data) => util::text(data).lines().for_each(|line| rows_of(line, columns, &mut rows)),
            Err(error) => code = util::fail(&proc, 1, &format!("{path}: {error}")).await,
        }
    }
    if code != 0 && rows.is_empty() {
        return code;
    }
    let modes = tty.modes();
    let mut pager =
        Pager { proc, tty: tty.clone(), rows, top: 0, name, search: None, backwards: false, typed: VecDeque::new() };
    if !is_less || (fits && pager.rows.len() <= pager.height()) {
        if !is_less {
            tty.set_modes(Modes { canonical: false, echo: false, ..modes });
        }
        pager.more().await;
    } else {
        tty.set_modes(Modes { canonical: false, echo: false, signals: false, ..modes });
        pager.less().await;
    }
    tty.set_modes(modes);
    code
}
