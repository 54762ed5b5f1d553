//! ls, and how files are described.

use super::{
    names::Names,
    options::{Parsed, parse},
};
use crate::{
    os::{
        Proc,
        fs::{FileType, Stat},
    },
    programs::{
        Context, Flavour,
        util::{self, Out},
    },
};

pub fn mode_text(file_type: FileType, mode: u32) -> String {
    let kind = match file_type {
        FileType::Regular => '-',
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::CharDevice => 'c',
        FileType::Fifo => 'p',
        FileType::Socket => 's',
    };
    let mut text = String::from(kind);
    for (shift, special, set, unset) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => set,
            (true, false) => unset,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// `1.5K`, `23M`, as `-h` shows sizes.
pub fn human(size: u64) -> String {
    if size < 1024 {
        return size.to_string();
    }
    let mut value = size as f64;
    let mut unit = ' ';
    for next in ['K', 'M', 'G', 'T', 'P'] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    // GNU rounds up.
    let tenths = (value * 10.0).ceil() / 10.0;
    if tenths < 10.0 { format!("{tenths:.1}{unit}") } else { format!("{:.0}{unit}", value.ceil()) }
}

/// Kilobytes on disk.
pub fn blocks(stat: &Stat) -> u64 {
    match stat.file_type {
        FileType::Regular => stat.size.div_ceil(4096) * 4,
        FileType::Directory => 4,
        _ => 0,
    }
}

struct Listed {
    name: String,
    path: String,
    stat: Stat,
}

struct Ls {
    proc: Proc,
    options: Parsed,
    names: Names,
    columns: Option<usize>,
    out: Out,
    code: i32,
    colour: bool,
}

pub async fn ls(proc: Proc, ctx: Context) -> i32 {
    let long = [
        ("all", 'a'),
        ("almost-all", 'A'),
        ("human-readable", 'h'),
        ("recursive", 'R'),
        ("reverse", 'r'),
        ("directory", 'd'),
        ("inode", 'i'),
        ("classify", 'F'),
        ("size", 's'),
        ("color", 'c'),
        ("dereference", 'L'),
        ("numeric-uid-gid", 'n'),
    ];
    let options = match parse(&proc, ctx.flavour, "alA1hRrdtSiFpnsxCcukLHgoGmQNqbBw", &long) {
        Ok(options) => options,
        Err(error) => return util::usage(&proc, error, if ctx.flavour == Flavour::Gnu { 2 } else { 1 }).await,
    };
    let tty = proc.stdout().tty();
    let columns = match &tty {
        Some(tty) if !options.has('1') => Some(usize::from(tty.size().0)),
        None if options.has('C') => Some(80),
        _ => None,
    };
    let colour =
        tty.is_some() && proc.env("TERM").is_some_and(|term| !term.is_empty() && term != "dumb") && options.has('c');
    let names = Names::load(&proc).await;
    let out = Out::new(&proc);
    let mut ls = Ls { proc, options, names, columns, out, code: 0, colour };
    ls.run(ctx.flavour).await;
    let Ls { out, code, .. } = ls;
    out.finish(code).await
}

impl Ls {
    fn long(&self) -> bool {
        ['l', 'n', 'g', 'o'].iter().any(|c| self.options.has(*c))
    }

    async fn run(&mut self, flavour: Flavour) {
        let mut operands = self.options.operands.clone();
        if operands.is_empty() {
            operands.push(".".to_string());
        }
        let mut files = Vec::new();
        let mut directories = Vec::new();
        let count = operands.len();
        for path in operands {
            let follow = self.options.has('L') || self.options.has('H') || !self.long() && !self.options.has('d');
            let stat = match follow {
                true => self.proc.stat(&path).or_else(|_| self.proc.lstat(&path)),
                false => self.proc.lstat(&path),
            };
            match stat {
                Err(error) => {
                    self.code = if flavour == Flavour::Gnu { 2 } else { 1 };
                    let text = match flavour {
                        Flavour::Gnu => format!("ls: cannot access '{path}': {error}"),
                        Flavour::Busybox => format!("ls: {path}: {error}"),
                    };
                    util::fail(&self.proc, 0, &text).await;
                }
                Ok(stat) => {
                    let is_dir = stat.file_type == FileType::Directory && !self.options.has('d');
                    let listed = Listed { name: path.clone(), path, stat };
                    if is_dir { directories.push(listed) } else { files.push(listed) }
                }
            }
        }
        self.sort(&mut files);
        self.sort(&mut directories);
        let any_files = !files.is_empty();
        self.show(files, false).await;
        let heading = count > 1 || self.options.has('R');
        let mut stack: Vec<String> = directories.into_iter().rev().map(|dir| dir.path).collect();
        let mut first = !any_files;
        while let Some(dir) = stack.pop() {
            let below = self.directory(&dir, heading, first).await;
            first = false;
            stack.extend(below.into_iter().rev());
        }
    }

    /// Lists a directory; gives the directories below it when listing recursively.
    async fn directory(&mut self, dir: &str, heading: bool, first: bool) -> Vec<String> {
        let mut entries = match self.proc.read_dir(dir) {
            Ok(entries) => entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>(),
            Err(error) => {
                self.code = 2;
                util::fail(&self.proc, 0, &format!("ls: cannot open directory '{dir}': {error}")).await;
                return Vec::new();
            }
        };
        if self.options.has('a') {
            entries.extend([".".to_string(), "..".to_string()]);
        } else if !self.options.has('A') {
            entries.retain(|name| !name.starts_with('.'));
        }
        let mut listed = Vec::new();
        for name in entries {
            let path = if dir.ends_with('/') { format!("{dir}{name}") } else { format!("{dir}/{name}") };
            let stat = match self.options.has('L') {
                true => self.proc.stat(&path).or_else(|_| self.proc.lstat(&path)),
                false => self.proc.lstat(&path),
            };
            if let Ok(stat) = stat {
                listed.push(Listed { name, path, stat });
            }
        }
        self.sort(&mut listed);
        if heading {
            let gap = if first { "" } else { "\n" };
            self.print(&format!("{gap}{dir}:\n")).await;
        }
        let mut below = Vec::new();
        if self.options.has('R') {
            let dirs = listed.iter().filter(|entry| entry.stat.file_type == FileType::Directory);
            below.extend(dirs.filter(|entry| entry.name != "." && entry.name != "..").map(|entry| entry.path.clone()));
        }
        self.show(listed, true).await;
        below
    }

    fn sort(&self, listed: &mut [Listed]) {
        listed.sort_by(|a, b| {
            let by_name = a.name.cmp(&b.name);
            if self.options.has('t') {
                b.stat.mtime.cmp(&a.stat.mtime).then(by_name)
            } else if self.options.has('S') {
                b.stat.size.cmp(&a.stat.size).then(by_name)
            } else {
                by_name
            }
        });
        if self.options.has('r') {
            listed.reverse();
        }
    }

    async fn print(&mut self, text: &str) {
        if self.out.write(text.as_bytes()).await.is_err() {
            self.code = 2;
        }
    }

    fn decorated(&self, entry: &Listed) -> String {
        let mark = match entry.stat.file_type {
            FileType::Directory if self.options.has('F') || self.options.has('p') => "/",
            FileType::Symlink if self.options.has('F') && !self.long() => "@",
            FileType::Fifo if self.options.has('F') => "|",
            FileType::Socket if self.options.has('F') => "=",
            FileType::Regular if self.options.has('F') && entry.stat.mode & 0o111 != 0 => "*",
            _ => "",
        };
        let colour = match entry.stat.file_type {
            _ if !self.colour => "",
            FileType::Directory => "\x1b[01;34m",
            FileType::Symlink => "\x1b[01;36m",
            FileType::Regular if entry.stat.mode & 0o111 != 0 => "\x1b[01;32m",
            _ => "",
        };
        let end = if colour.is_empty() { "" } else { "\x1b[0m" };
        let ino = if self.options.has('i') { format!("{} ", entry.stat.ino) } else { String::new() };
        format!("{ino}{colour}{}{end}{mark}", entry.name)
    }

    async fn show(&mut self, listed: Vec<Listed>, in_directory: bool) {
        if self.long() {
            return self.show_long(listed, in_directory).await;
        }
        let names: Vec<String> = listed.iter().map(|entry| self.decorated(entry)).collect();
        match self.columns {
            Some(columns) if !names.is_empty() => {
                let text = columns_of(&names, columns);
                self.print(&text).await;
            }
            _ => {
                for name in names {
                    self.print(&format!("{name}\n")).await;
                }
            }
        }
    }

    async fn show_long(&mut self, listed: Vec<Listed>, in_directory: bool) {
        let numeric = self.options.has('n');
        let rows: Vec<[String; 5]> = listed
            .iter()
            .map(|Listed { stat, .. }| {
                let owner = if numeric { stat.uid.to_string() } else { self.names.user(stat.uid) };
                let group = if numeric { stat.gid.to_string() } else { self.names.group(stat.gid) };
                let size = if self.options.has('h') { human(stat.size) } else { stat.size.to_string() };
                [mode_text(stat.file_type, stat.mode), stat.nlink.to_string(), owner, group, size]
            })
            .collect();
        if in_directory {
            let blocks: u64 = listed.iter().map(|entry| blocks(&entry.stat)).sum();
            let total = if self.options.has('h') { human(blocks * 1024) } else { blocks.to_string() };
            self.print(&format!("total {total}\n")).await;
        }
        let width = |i: usize| rows.iter().map(|row: &[String; 5]| row[i].len()).max().unwrap_or(0);
        let (links, owner, group, size) = (width(1), width(2), width(3), width(4));
        let now = self.proc.sim().wall();
        for (entry, row) in listed.iter().zip(&rows) {
            let time = self.proc.sim().wall_at(entry.stat.mtime).to_zoned(jiff::tz::TimeZone::UTC);
            let old = now.as_second() - time.timestamp().as_second() > 15_778_476;
            let date = time.strftime(if old { "%b %e  %Y" } else { "%b %e %H:%M" });
            let target = match entry.stat.file_type {
                FileType::Symlink => self.proc.read_link(&entry.path).map(|to| format!(" -> {to}")).unwrap_or_default(),
                _ => String::new(),
            };
            let line = format!(
                "{} {:>links$} {:<owner$} {:<group$} {:>size$} {date} {}{target}\n",
                row[0],
                row[1],
                row[2],
                row[3],
                row[4],
                self.decorated(entry),
            );
            self.print(&line).await;
        }
    }
}

/// Names in columns as wide as needed, read downwards.
fn columns_of(names: &[String], columns: usize) -> String {
    let visible = |name: &str| {
        let mut width = 0;
        let mut escape = false;
        for c in name.chars() {
            match c {
                '\x1b' => escape = true,
                'm' if escape => escape = false,
                _ if escape => {}
                c => width += crate::programs::sh::width(c),
            }
        }
        width
    };
    let widths: Vec<usize> = names.iter().map(|name| visible(name)).collect();
    let layout = |rows: usize| -> Vec<usize> {
        widths.chunks(rows).map(|column| column.iter().max().copied().unwrap_or(0) + 2).collect()
    };
    let rows = (1..=names.len())
        .find(|rows| layout(*rows).iter().sum::<usize>().saturating_sub(2) < columns.max(1))
        .unwrap_or(names.len());
    let layout = layout(rows);
    let mut text = String::new();
    for row in 0..rows {
        for (column, width) in layout.iter().enumerate() {
            let Some(name) = names.get(column * rows + row) else { break };
            text.push_str(name);
            if names.get((column + 1) * rows + row).is_some() {
                text.push_str(&" ".repeat(width - widths[column * rows + row]));
            }
        }
        text.push('\n');
    }
    text
}
