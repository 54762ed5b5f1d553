//! Programs on files and directories: ls, cp, mv, rm, mkdir and their like.

use crate::{
    os::{
        Errno, OpenFlags, Proc,
        fs::{FileType, Stat},
    },
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Out, Usage},
    },
};

/// Options that are plain letters, and operands.
pub struct Parsed {
    pub letters: String,
    pub operands: Vec<String>,
}

impl Parsed {
    pub fn has(&self, letter: char) -> bool {
        self.letters.contains(letter)
    }
}

/// Parses options without values: `known` letters and long names with the letter they stand for.
pub fn parse(proc: &Proc, flavour: Flavour, known: &str, long: &[(&str, char)]) -> Result<Parsed, Usage> {
    let mut args = Args::of(proc, flavour);
    let mut parsed = Parsed { letters: String::new(), operands: Vec::new() };
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Value(value) => parsed.operands.push(value),
            Arg::Short(letter) if known.contains(letter) => parsed.letters.push(letter),
            Arg::Long(name) => match long.iter().find(|(own, _)| *own == name) {
                Some((_, letter)) => {
                    args.optional_value();
                    parsed.letters.push(*letter);
                }
                None => return Err(args.unknown()),
            },
            Arg::Short(_) => return Err(args.unknown()),
        }
    }
    Ok(parsed)
}

/// The error for a missing operand, ready to print.
pub fn missing(proc: &Proc, flavour: Flavour) -> Usage {
    Args::of(proc, flavour).missing_operand()
}

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

/// User names of /etc/passwd.
pub struct Names {
    users: Vec<(u32, String)>,
    groups: Vec<(u32, String)>,
}

impl Names {
    pub async fn load(proc: &Proc) -> Names {
        let read = |path: &'static str| async move {
            let text = proc.read_file(path).await.map(util::text).unwrap_or_default();
            let line = |line: &str| {
                let mut fields = line.split(':');
                let name = fields.next()?.to_string();
                Some((fields.nth(1)?.parse().ok()?, name))
            };
            text.lines().filter_map(line).collect::<Vec<(u32, String)>>()
        };
        Names { users: read("/etc/passwd").await, groups: read("/etc/group").await }
    }

    fn find(list: &[(u32, String)], id: u32) -> Option<String> {
        let found = list.iter().find(|(own, _)| *own == id).map(|(_, name)| name.clone());
        found.or_else(|| (id == 0).then(|| "root".to_string()))
    }

    pub fn user_name(&self, id: u32) -> Option<String> {
        Names::find(&self.users, id)
    }

    pub fn group_name(&self, id: u32) -> Option<String> {
        Names::find(&self.groups, id)
    }

    pub fn user(&self, id: u32) -> String {
        self.user_name(id).unwrap_or_else(|| id.to_string())
    }

    pub fn group(&self, id: u32) -> String {
        self.group_name(id).unwrap_or_else(|| id.to_string())
    }

    pub fn uid(&self, name: &str) -> Option<u32> {
        self.users.iter().find(|(_, own)| own == name).map(|(id, _)| *id).or_else(|| parse_id(name))
    }

    pub fn gid(&self, name: &str) -> Option<u32> {
        self.groups.iter().find(|(_, own)| own == name).map(|(id, _)| *id).or_else(|| parse_id(name))
    }
}

fn parse_id(name: &str) -> Option<u32> {
    if name == "root" { Some(0) } else { name.parse().ok() }
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
            let follow = !self.long() && !self.options.has('d');
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
            if let Ok(stat) = self.proc.lstat(&path) {
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

/// Kilobytes on disk.
pub fn blocks(stat: &Stat) -> u64 {
    match stat.file_type {
        FileType::Regular => stat.size.div_ceil(4096) * 4,
        FileType::Directory => 4,
        _ => 0,
    }
}

pub async fn mkdir(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut parents, mut mode, mut verbose, mut paths) = (false, 0o777, false, Vec::new());
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(path))) => paths.push(path),
            Ok(Some(Arg::Short('p'))) => parents = true,
            Ok(Some(Arg::Short('v'))) => verbose = true,
            Ok(Some(Arg::Long(name))) if name == "parents" => parents = true,
            Ok(Some(Arg::Short('m'))) => match args.value().map(|text| u32::from_str_radix(&text, 8)) {
                Ok(Ok(bits)) => mode = bits,
                _ => return util::fail(&proc, 1, "mkdir: invalid mode").await,
            },
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    if paths.is_empty() {
        return util::usage(&proc, args.missing_operand(), 1).await;
    }
    let mut code = 0;
    for path in paths {
        let mut result = Ok(());
        if parents {
            let mut at = String::new();
            for part in path.split_inclusive('/') {
                at.push_str(part);
                match proc.stat(&at) {
                    Ok(stat) if stat.file_type == FileType::Directory => {}
                    Ok(_) => result = Err(if at == path { Errno::EEXIST } else { Errno::ENOTDIR }),
                    Err(_) => result = proc.mkdir(at.trim_end_matches('/'), mode),
                }
                if result.is_err() {
                    break;
                }
            }
        } else {
            result = proc.mkdir(&path, mode);
        }
        match result {
            Ok(()) if verbose => util::ignore(proc.print(&format!("mkdir: created directory '{path}'\n")).await),
            Ok(()) => {}
            Err(error) => {
                let text = match ctx.flavour {
                    Flavour::Gnu => format!("mkdir: cannot create directory '{path}': {error}"),
                    Flavour::Busybox => format!("mkdir: can't create directory '{path}': {error}"),
                };
                code = util::fail(&proc, 1, &text).await;
            }
        }
    }
    code
}

pub async fn rmdir(proc: Proc, ctx: Context) -> i32 {
    let parsed = match parse(&proc, ctx.flavour, "pv", &[]) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let mut code = 0;
    for path in parsed.operands {
        if let Err(error) = proc.rmdir(&path) {
            let text = match ctx.flavour {
                Flavour::Gnu => format!("rmdir: failed to remove '{path}': {error}"),
                Flavour::Busybox => format!("rmdir: '{path}': {error}"),
            };
            code = util::fail(&proc, 1, &text).await;
        }
    }
    code
}

pub async fn rm(proc: Proc, ctx: Context) -> i32 {
    let long = [("recursive", 'r'), ("force", 'f'), ("verbose", 'v'), ("dir", 'd')];
    let parsed = match parse(&proc, ctx.flavour, "rRfivd", &long) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let force = parsed.has('f');
    if parsed.operands.is_empty() && !force {
        return util::usage(&proc, missing(&proc, ctx.flavour), 1).await;
    }
    let recursive = parsed.has('r') || parsed.has('R');
    let mut code = 0;
    for path in &parsed.operands {
        let name = path.trim_end_matches('/');
        if matches!(util::file_name(name), "." | "..") {
            code =
                util::fail(&proc, 1, &format!("rm: refusing to remove '.' or '..' directory: skipping '{path}'")).await;
            continue;
        }
        if proc.absolute(path) == "/" && recursive {
            let text = "rm: it is dangerous to operate recursively on '/'\nrm: use --no-preserve-root to override this failsafe";
            code = util::fail(&proc, 1, text).await;
            continue;
        }
        let result = match proc.lstat(path) {
            Err(Errno::ENOENT | Errno::ENOTDIR) if force => continue,
            Err(error) => Err((path.clone(), error)),
            Ok(stat) if stat.file_type != FileType::Directory => proc.unlink(path).map_err(|e| (path.clone(), e)),
            Ok(_) if recursive => remove_tree(&proc, path).await,
            Ok(_) if parsed.has('d') => proc.rmdir(path).map_err(|e| (path.clone(), e)),
            Ok(_) => Err((path.clone(), Errno::EISDIR)),
        };
        match result {
            Ok(()) if parsed.has('v') => util::ignore(proc.print(&format!("removed '{path}'\n")).await),
            Ok(()) => {}
            Err((path, error)) => {
                let text = match (ctx.flavour, error) {
                    (Flavour::Gnu, _) => format!("rm: cannot remove '{path}': {error}"),
                    (Flavour::Busybox, Errno::EISDIR) => format!("rm: '{path}' is a directory"),
                    (Flavour::Busybox, _) => format!("rm: can't remove '{path}': {error}"),
                };
                code = util::fail(&proc, 1, &text).await;
            }
        }
    }
    code
}

/// Removes a directory and what is in it, without recursion.
async fn remove_tree(proc: &Proc, path: &str) -> Result<(), (String, Errno)> {
    let mut stack = vec![path.to_string()];
    let mut order = Vec::new();
    while let Some(dir) = stack.pop() {
        let entries = proc.read_dir(&dir).map_err(|error| (dir.clone(), error))?;
        for entry in entries {
            let child = format!("{}/{}", dir.trim_end_matches('/'), entry.name);
            if entry.file_type == FileType::Directory {
                stack.push(child);
            } else {
                proc.unlink(&child).map_err(|error| (child, error))?;
            }
        }
        order.push(dir);
    }
    for dir in order.into_iter().rev() {
        proc.rmdir(&dir).map_err(|error| (dir, error))?;
    }
    Ok(())
}

fn join(dir: &str, name: &str) -> String {
    format!("{}/{name}", dir.trim_end_matches('/'))
}

/// Where each source goes: into a directory, or to one target.
async fn targets(proc: &Proc, ctx: &Context, parsed: &Parsed) -> Result<Vec<(String, String)>, i32> {
    let name = util::program_name(proc);
    let Some((target, sources)) = parsed.operands.split_last() else {
        let text = match ctx.flavour {
            Flavour::Gnu => format!("{name}: missing file operand\nTry '{name} --help' for more information."),
            Flavour::Busybox => format!("{name}: missing file operand"),
        };
        return Err(util::fail(proc, 1, &text).await);
    };
    if sources.is_empty() {
        let text = format!(
            "{name}: missing destination file operand after '{target}'\nTry '{name} --help' for more information."
        );
        return Err(util::fail(proc, 1, &text).await);
    }
    let is_dir = proc.stat(target).is_ok_and(|stat| stat.file_type == FileType::Directory) && !parsed.has('T');
    if !is_dir && sources.len() > 1 {
        return Err(util::fail(proc, 1, &format!("{name}: target '{target}': Not a directory")).await);
    }
    let to = |source: &String| match is_dir {
        true => join(target, util::file_name(source.trim_end_matches('/'))),
        false => target.clone(),
    };
    Ok(sources.iter().map(|source| (source.clone(), to(source))).collect())
}

pub async fn cp(proc: Proc, ctx: Context) -> i32 {
    let long = [("recursive", 'r'), ("force", 'f'), ("verbose", 'v'), ("archive", 'a'), ("no-clobber", 'n')];
    let parsed = match parse(&proc, ctx.flavour, "rRafpvnidLPHTu", &long) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let pairs = match targets(&proc, &ctx, &parsed).await {
        Ok(pairs) => pairs,
        Err(code) => return code,
    };
    let recursive = "rRa".chars().any(|c| parsed.has(c));
    let mut code = 0;
    for (from, to) in pairs {
        if parsed.has('n') && proc.lstat(&to).is_ok() {
            continue;
        }
        if let Err(text) = copy(&proc, ctx.flavour, &from, &to, recursive, parsed.has('a') || parsed.has('p')).await {
            code = util::fail(&proc, 1, &format!("{}: {text}", util::program_name(&proc))).await;
        } else if parsed.has('v') {
            util::ignore(proc.print(&format!("'{from}' -> '{to}'\n")).await);
        }
    }
    code
}

/// Copies a file or a tree. The error is the message without the program's name.
pub async fn copy(
    proc: &Proc,
    flavour: Flavour,
    from: &str,
    to: &str,
    recursive: bool,
    keep: bool,
) -> Result<(), String> {
    let no_stat = |path: &str, error: Errno| match flavour {
        Flavour::Gnu => format!("cannot stat '{path}': {error}"),
        Flavour::Busybox => format!("can't stat '{path}': {error}"),
    };
    let mut stack = vec![(from.to_string(), to.to_string())];
    while let Some((from, to)) = stack.pop() {
        let stat = match recursive {
            true => proc.lstat(&from),
            false => proc.stat(&from),
        }
        .map_err(|error| no_stat(&from, error))?;
        let create = |error: Errno| format!("cannot create regular file '{to}': {error}");
        match stat.file_type {
            FileType::Directory if !recursive => {
                return Err(match flavour {
                    Flavour::Gnu => format!("-r not specified; omitting directory '{from}'"),
                    Flavour::Busybox => format!("omitting directory '{from}'"),
                });
            }
            FileType::Directory => {
                let inside = format!("{}/", proc.absolute(&to)).starts_with(&format!("{}/", proc.absolute(&from)));
                if inside {
                    return Err(format!("cannot copy a directory, '{from}', into itself, '{to}'"));
                }
                match proc.mkdir(&to, stat.mode | 0o700) {
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(error) => return Err(format!("cannot create directory '{to}': {error}")),
                }
                for entry in proc.read_dir(&from).map_err(|error| format!("cannot access '{from}': {error}"))? {
                    stack.push((join(&from, &entry.name), join(&to, &entry.name)));
                }
            }
            FileType::Symlink => {
                let target = proc.read_link(&from).map_err(|error| no_stat(&from, error))?;
                proc.symlink(&target, &to).map_err(|error| format!("cannot create symbolic link '{to}': {error}"))?;
            }
            _ => {
                if proc.absolute(&from) == proc.absolute(&to) {
                    return Err(format!("'{from}' and '{to}' are the same file"));
                }
                let input = proc
                    .open(&from, OpenFlags::READ, 0)
                    .map_err(|error| format!("cannot open '{from}' for reading: {error}"))?;
                let output = proc.open(&to, OpenFlags::WRITE, stat.mode & 0o777).map_err(create)?;
                loop {
                    let data = input.read(64 * 1024).await.map_err(|e| format!("error reading '{from}': {e}"))?;
                    if data.is_empty() {
                        break;
                    }
                    output.write_all(&data).await.map_err(|e| format!("error writing '{to}': {e}"))?;
                }
            }
        }
        if keep && stat.file_type != FileType::Symlink {
            // Who may not keep the mode or owner copies without.
            let _ = proc.chmod(&to, stat.mode);
            let _ = proc.chown(&to, Some(stat.uid), Some(stat.gid));
            let _ = proc.set_mtime(&to, stat.mtime);
        }
    }
    Ok(())
}

pub async fn mv(proc: Proc, ctx: Context) -> i32 {
    let parsed = match parse(&proc, ctx.flavour, "fivnTu", &[("force", 'f'), ("verbose", 'v'), ("no-clobber", 'n')]) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let pairs = match targets(&proc, &ctx, &parsed).await {
        Ok(pairs) => pairs,
        Err(code) => return code,
    };
    let mut code = 0;
    for (from, to) in pairs {
        if parsed.has('n') && proc.lstat(&to).is_ok() {
            continue;
        }
        let result = match proc.rename(&from, &to) {
            Err(Errno::EXDEV) => match copy(&proc, ctx.flavour, &from, &to, true, true).await {
                Ok(()) => {
                    let removed = match proc.lstat(&from).map(|stat| stat.file_type) {
                        Ok(FileType::Directory) => remove_tree(&proc, &from).await,
                        _ => proc.unlink(&from).map_err(|error| (from.clone(), error)),
                    };
                    removed.map_err(|(path, error)| format!("cannot remove '{path}': {error}"))
                }
                Err(text) => Err(text),
            },
            Err(error) => Err(match (ctx.flavour, error) {
                (Flavour::Gnu, Errno::ENOENT) if proc.lstat(&from).is_err() => format!("cannot stat '{from}': {error}"),
                (Flavour::Gnu, _) => format!("cannot move '{from}' to '{to}': {error}"),
                (Flavour::Busybox, _) => format!("can't rename '{from}': {error}"),
            }),
            Ok(()) => Ok(()),
        };
        match result {
            Ok(()) if parsed.has('v') => util::ignore(proc.print(&format!("renamed '{from}' -> '{to}'\n")).await),
            Ok(()) => {}
            Err(text) => code = util::fail(&proc, 1, &format!("{}: {text}", util::program_name(&proc))).await,
        }
    }
    code
}

pub async fn ln(proc: Proc, ctx: Context) -> i32 {
    let parsed = match parse(&proc, ctx.flavour, "sfnvT", &[("symbolic", 's'), ("force", 'f')]) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let (sources, target) = match parsed.operands.as_slice() {
        [] => return util::usage(&proc, Usage("ln: missing file operand\n".to_string()), 1).await,
        [single] => (vec![single.clone()], ".".to_string()),
        [sources @ .., target] => (sources.to_vec(), target.clone()),
    };
    let follow = !parsed.has('n');
    let stat = if follow { proc.stat(&target) } else { proc.lstat(&target) };
    let into = stat.is_ok_and(|stat| stat.file_type == FileType::Directory) && !parsed.has('T');
    let mut code = 0;
    for source in sources {
        let to = if into { join(&target, util::file_name(&source)) } else { target.clone() };
        if parsed.has('f') {
            // Nothing to replace is fine.
            let _ = proc.unlink(&to);
        }
        let symbolic = parsed.has('s');
        let result = if symbolic { proc.symlink(&source, &to) } else { proc.link(&source, &to) };
        if let Err(error) = result {
            let text = match (ctx.flavour, symbolic) {
                (Flavour::Busybox, _) => format!("ln: {to}: {error}"),
                (Flavour::Gnu, true) => format!("ln: failed to create symbolic link '{to}': {error}"),
                (Flavour::Gnu, false) if proc.lstat(&source).is_err() => {
                    format!("ln: failed to access '{source}': {error}")
                }
                (Flavour::Gnu, false) => format!("ln: failed to create hard link '{to}': {error}"),
            };
            code = util::fail(&proc, 1, &text).await;
        }
    }
    code
}

pub async fn touch(proc: Proc, ctx: Context) -> i32 {
    let parsed = match parse(&proc, ctx.flavour, "camh", &[("no-create", 'c')]) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    if parsed.operands.is_empty() {
        let text = "touch: missing file operand\nTry 'touch --help' for more information.\n";
        return util::usage(&proc, Usage(text.to_string()), 1).await;
    }
    let mut code = 0;
    for path in &parsed.operands {
        let result = match proc.stat(path) {
            Ok(_) => proc.touch(path),
            Err(Errno::ENOENT) if parsed.has('c') => Ok(()),
            Err(_) => {
                let flags = OpenFlags { truncate: false, ..OpenFlags::WRITE };
                proc.open(path, flags, 0o666).map(drop)
            }
        };
        if let Err(error) = result {
            let text = match ctx.flavour {
                Flavour::Gnu => format!("touch: cannot touch '{path}': {error}"),
                Flavour::Busybox => format!("touch: {path}: {error}"),
            };
            code = util::fail(&proc, 1, &text).await;
        }
    }
    code
}

/// A mode as chmod takes it, applied to `mode`: `755`, `u+x,go-w`, `a=rX`.
pub fn change_mode(text: &str, mode: u32, is_directory: bool) -> Option<u32> {
    if text.chars().all(|c| c.is_digit(8)) && !text.is_empty() {
        return u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
    }
    let mut mode = mode;
    for clause in text.split(',') {
        let at = clause.find(['+', '-', '='])?;
        let (who, mut rest) = clause.split_at(at);
        let mut mask = 0;
        for c in who.chars() {
            mask |= match c {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o1007,
                'a' => 0o7777,
                _ => return None,
            };
        }
        if who.is_empty() {
            mask = 0o7777;
        }
        while let Some(op) = rest.chars().next() {
            let end = rest[1..].find(['+', '-', '=']).map_or(rest.len(), |at| at + 1);
            let mut bits = 0;
            for c in rest[1..end].chars() {
                bits |= match c {
                    'r' => 0o444,
                    'w' => 0o222,
                    'x' => 0o111,
                    'X' if is_directory || mode & 0o111 != 0 => 0o111,
                    'X' => 0,
                    's' => 0o6000,
                    't' => 0o1000,
                    'u' => (mode >> 6 & 7) * 0o111,
                    'g' => (mode >> 3 & 7) * 0o111,
                    'o' => (mode & 7) * 0o111,
                    _ => return None,
                };
            }
            let bits = bits & mask;
            mode = match op {
                '+' => mode | bits,
                '-' => mode & !bits,
                _ => mode & !(mask & 0o777) | bits,
            };
            rest = &rest[end..];
        }
    }
    Some(mode)
}

/// Paths below the operands, and the operands themselves, when `-R` is given.
fn with_children(proc: &Proc, path: &str, recursive: bool) -> Vec<String> {
    let mut all = vec![path.to_string()];
    let mut next = 0;
    while recursive && next < all.len() {
        let dir = all[next].clone();
        next += 1;
        if proc.lstat(&dir).is_ok_and(|stat| stat.file_type == FileType::Directory) {
            let entries = proc.read_dir(&dir).unwrap_or_default();
            all.extend(entries.into_iter().map(|entry| join(&dir, &entry.name)));
        }
    }
    all
}

pub async fn chmod(proc: Proc, ctx: Context) -> i32 {
    // A mode may begin with a dash: `chmod -x file`.
    let argv = proc.argv();
    let (options, operands): (Vec<&String>, Vec<&String>) = argv
        .iter()
        .skip(1)
        .partition(|arg| matches!(arg.as_str(), "-R" | "-v" | "-f" | "-c" | "--recursive" | "--verbose" | "--"));
    let recursive = options.iter().any(|option| matches!(option.as_str(), "-R" | "--recursive"));
    let [mode, paths @ ..] = operands.as_slice() else {
        return util::usage(&proc, missing(&proc, ctx.flavour), 1).await;
    };
    if paths.is_empty() {
        let text = format!("chmod: missing operand after '{mode}'\nTry 'chmod --help' for more information.\n");
        return util::usage(&proc, Usage(text), 1).await;
    }
    let mut code = 0;
    for path in paths.iter().flat_map(|path| with_children(&proc, path, recursive)) {
        let result = match proc.stat(&path) {
            Ok(stat) => {
                let Some(bits) = change_mode(mode, stat.mode, stat.file_type == FileType::Directory) else {
                    let text = format!("chmod: invalid mode: '{mode}'\nTry 'chmod --help' for more information.\n");
                    return util::usage(&proc, Usage(text), 1).await;
                };
                proc.chmod(&path, bits)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            let text = match (ctx.flavour, error) {
                (Flavour::Gnu, Errno::ENOENT) => format!("chmod: cannot access '{path}': {error}"),
                (Flavour::Gnu, _) => format!("chmod: changing permissions of '{path}': {error}"),
                (Flavour::Busybox, _) => format!("chmod: {path}: {error}"),
            };
            code = util::fail(&proc, 1, &text).await;
        }
    }
    code
}

pub async fn chown(proc: Proc, ctx: Context) -> i32 {
    let name = util::program_name(&proc);
    let parsed = match parse(&proc, ctx.flavour, "Rvfhc", &[("recursive", 'R')]) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let [owner, paths @ ..] = parsed.operands.as_slice() else {
        return util::usage(&proc, missing(&proc, ctx.flavour), 1).await;
    };
    let names = Names::load(&proc).await;
    let (user, group) = match name.as_str() {
        "chgrp" => ("", Some(owner.as_str())),
        _ => match owner.split_once([':', '.']) {
            Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
            None => (owner.as_str(), None),
        },
    };
    let uid = if user.is_empty() { None } else { names.uid(user) };
    let gid = group.and_then(|group| names.gid(group));
    if !user.is_empty() && uid.is_none() {
        return util::fail(&proc, 1, &format!("{name}: invalid user: '{owner}'")).await;
    }
    if group.is_some() && gid.is_none() {
        return util::fail(&proc, 1, &format!("{name}: invalid group: '{owner}'")).await;
    }
    let mut code = 0;
    for path in paths.iter().flat_map(|path| with_children(&proc, path, parsed.has('R'))) {
        if let Err(error) = proc.chown(&path, uid, gid) {
            let text = match (ctx.flavour, error) {
                (Flavour::Gnu, Errno::ENOENT) => format!("{name}: cannot access '{path}': {error}"),
                (Flavour::Gnu, _) => format!("{name}: changing ownership of '{path}': {error}"),
                (Flavour::Busybox, _) => format!("{name}: {path}: {error}"),
            };
            code = util::fail(&proc, 1, &text).await;
        }
    }
    code
}
