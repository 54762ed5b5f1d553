//! stat.

use super::ls::{blocks, mode_text};
use crate::{
    os::{
        Proc,
        fs::{FileType, Stat},
    },
    programs::{
        Context, Flavour,
        util::{self, Arg, Args},
    },
};

fn kind(stat: &Stat) -> &'static str {
    match stat.file_type {
        FileType::Regular if stat.size == 0 => "regular empty file",
        FileType::Regular => "regular file",
        FileType::Directory => "directory",
        FileType::Symlink => "symbolic link",
        FileType::CharDevice => "character special file",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
    }
}

/// The bits of a type in a raw mode.
fn type_bits(stat: &Stat) -> u32 {
    match stat.file_type {
        FileType::Fifo => 0o010_000,
        FileType::CharDevice => 0o020_000,
        FileType::Directory => 0o040_000,
        FileType::Regular => 0o100_000,
        FileType::Symlink => 0o120_000,
        FileType::Socket => 0o140_000,
    }
}

/// The device that all files lie on.
const DEVICE: u32 = 1;

/// `\n` and the like, as --printf has them.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('e') => out.push('\x1b'),
            Some('\\') | None => out.push('\\'),
            Some('"') => out.push('"'),
            Some(c) => out.extend(['\\', c]),
        }
    }
    out
}

struct Shown<'a> {
    path: &'a str,
    stat: Stat,
    /// Where a link leads.
    link: Option<String>,
    mount: String,
    time: jiff::Zoned,
    names: &'a super::Names,
    flavour: Flavour,
}

impl Shown<'_> {
    fn quoted(&self) -> String {
        match (&self.link, self.flavour) {
            (Some(target), _) => format!("'{}' -> '{target}'", self.path),
            (None, Flavour::Gnu) => format!("'{}'", self.path),
            (None, Flavour::Busybox) => self.path.to_owned(),
        }
    }

    fn stamp(&self) -> String {
        self.time.strftime("%Y-%m-%d %H:%M:%S.%9f +0000").to_string()
    }

    /// What a letter of a format stands for; `None` if it is none.
    fn field(&self, letter: char) -> Option<String> {
        let (stat, gnu) = (&self.stat, self.flavour == Flavour::Gnu);
        Some(match letter {
            'n' => self.path.to_owned(),
            'N' => self.quoted(),
            's' => stat.size.to_string(),
            'a' => format!("{:o}", stat.mode),
            'A' => mode_text(stat.file_type, stat.mode),
            'f' => format!("{:x}", type_bits(stat) | stat.mode),
            'u' => stat.uid.to_string(),
            'U' => self.names.user_name(stat.uid).unwrap_or_else(|| "UNKNOWN".to_owned()),
            'g' => stat.gid.to_string(),
            'G' => self.names.group_name(stat.gid).unwrap_or_else(|| "UNKNOWN".to_owned()),
            'i' => stat.ino.to_string(),
            'h' => stat.nlink.to_string(),
            'F' => kind(stat).to_owned(),
            'b' => (blocks(stat) * 2).to_string(),
            'B' => "512".to_owned(),
            'o' => "4096".to_owned(),
            'd' => DEVICE.to_string(),
            'D' => format!("{DEVICE:x}"),
            't' | 'T' => "0".to_owned(),
            'm' if gnu => self.mount.clone(),
            'w' if gnu => "-".to_owned(),
            'W' if gnu => "0".to_owned(),
            'y' | 'x' | 'z' => self.stamp(),
            'Y' | 'X' | 'Z' => self.time.timestamp().as_second().to_string(),
            _ => return None,
        })
    }

    fn formatted(&self, format: &str) -> String {
        let mut out = String::new();
        let mut chars = format.chars().peekable();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let (mut flags, mut width) = (String::new(), String::new());
            while let Some(c) = chars.next_if(|c| "-0+ #'".contains(*c)) {
                flags.push(c);
            }
            while let Some(c) = chars.next_if(char::is_ascii_digit) {
                width.push(c);
            }
            let width = width.parse::<usize>().unwrap_or(0).min(10_000);
            let text = match chars.next() {
                None | Some('%') => "%".to_owned(),
                Some(letter) => self.field(letter).unwrap_or_else(|| match self.flavour {
                    Flavour::Gnu => "?".to_owned(),
                    Flavour::Busybox => letter.to_string(),
                }),
            };
            out += &match () {
                () if flags.contains('-') => format!("{text:<width$}"),
                () if flags.contains('0') => format!("{text:0>width$}"),
                () => format!("{text:>width$}"),
            };
        }
        out
    }

    fn whole(&self) -> String {
        let (stat, stamp) = (&self.stat, self.stamp());
        let mode = mode_text(stat.file_type, stat.mode);
        let user = |name: Option<String>| name.unwrap_or_else(|| "UNKNOWN".to_owned());
        let file = match (&self.link, self.flavour) {
            (Some(target), Flavour::Gnu) => format!("{} -> {target}", self.path),
            _ if self.link.is_some() => self.quoted(),
            _ => self.path.to_owned(),
        };
        let (device, birth) = match self.flavour {
            Flavour::Gnu => (format!("0,{DEVICE}"), " Birth: -\n"),
            Flavour::Busybox => (format!("{DEVICE:x}h/{DEVICE}d"), ""),
        };
        format!(
            "  File: {file}\n  Size: {:<10}\tBlocks: {:<10} IO Block: 4096   {}\nDevice: {device}\tInode: {:<10}  Links: {}\nAccess: \
             ({:04o}/{mode})  Uid: ({:5}/{:>8})   Gid: ({:5}/{:>8})\nAccess: {stamp}\nModify: {stamp}\nChange: {stamp}\n{birth}",
            stat.size,
            blocks(stat) * 2,
            kind(stat),
            stat.ino,
            stat.nlink,
            stat.mode,
            stat.uid,
            user(self.names.user_name(stat.uid)),
            stat.gid,
            user(self.names.group_name(stat.gid)),
        )
    }

    fn terse(&self) -> String {
        let birth = if self.flavour == Flavour::Gnu { " %W" } else { "" };
        self.formatted(&format!("%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z{birth} %o"))
    }
}

/// `stat -f`.
fn file_system(proc: &Proc, path: &str) -> Result<String, crate::os::Errno> {
    let (used, limit, kind) = proc.statfs(path)?;
    let size = limit.unwrap_or(proc.machine().memory() / 2).max(used) / 4096;
    let free = size - used / 4096;
    let kind = match kind.as_str() {
        "overlay" => "overlayfs",
        "ext4" => "ext2/ext3",
        other => other,
    };
    Ok(format!(
        "  File: \"{path}\"\n    ID: 0        Namelen: 255     Type: {kind}\nBlock size: 4096       Fundamental block size: 4096\nBlocks: \
         Total: {size:<10} Free: {free:<10} Available: {free}\nInodes: Total: {:<10} Free: {}\n",
        size / 4,
        size / 4,
    ))
}

pub async fn stat(proc: Proc, ctx: Context) -> i32 {
    let gnu = ctx.flavour == Flavour::Gnu;
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut format, mut plain, mut follow, mut terse, mut system, mut files) =
        (None, false, false, false, false, Vec::new());
    loop {
        let letter = match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(file))) => {
                files.push(file);
                continue;
            }
            Ok(Some(Arg::Short(letter))) => letter,
            Ok(Some(Arg::Long(name))) if gnu => match name.as_str() {
                "format" => 'c',
                "printf" => 'p',
                "dereference" => 'L',
                "terse" => 't',
                "file-system" => 'f',
                _ => '?',
            },
            Ok(Some(Arg::Long(_))) => '?',
            Err(error) => return util::usage(&proc, error, 1).await,
        };
        match letter {
            'c' | 'p' => match args.value() {
                Ok(text) if letter == 'c' => (format, plain) = (Some(text), false),
                Ok(text) => (format, plain) = (Some(unescaped(&text)), true),
                Err(error) => return util::usage(&proc, error, 1).await,
            },
            'L' => follow = true,
            't' => terse = true,
            'f' => system = true,
            _ => return util::usage(&proc, args.unknown(), 1).await,
        }
    }
    if files.is_empty() {
        let banner =
            || ctx.banner() + "\nUsage: stat [-ltf] [-c FMT] FILE...\n\nDisplay file (default) or filesystem status\n";
        let usage = if gnu { args.missing_operand() } else { util::Usage(banner()) };
        return util::usage(&proc, usage, 1).await;
    }
    let names = super::Names::load(&proc).await;
    let table = proc.read_file("/proc/mounts").await.map(util::text).unwrap_or_default();
    let mut code = 0;
    for path in files {
        let fail = |error: crate::os::Errno| match (ctx.flavour, system) {
            (Flavour::Gnu, true) => {
                format!("stat: cannot read file system information for '{path}': {error}")
            }
            (Flavour::Gnu, false) => format!("stat: cannot statx '{path}': {error}"),
            (Flavour::Busybox, _) => format!("stat: can't stat '{path}': {error}"),
        };
        if system && format.is_none() {
            match file_system(&proc, &path) {
                Ok(text) => util::ignore(proc.print(&text).await),
                Err(error) => code = util::fail(&proc, 1, &fail(error)).await,
            }
            continue;
        }
        let stat = match if follow { proc.stat(&path) } else { proc.lstat(&path) } {
            Ok(stat) => stat,
            Err(error) => {
                code = util::fail(&proc, 1, &fail(error)).await;
                continue;
            }
        };
        let real = proc.real_path(&path).unwrap_or_else(|_| path.clone());
        let above = |target: &&str| real == **target || *target == "/" || real.starts_with(&format!("{target}/"));
        let targets = table.lines().filter_map(|line| line.split(' ').nth(1)).filter(above);
        let mount = targets.max_by_key(|target| target.len()).unwrap_or("/").to_owned();
        let link = (stat.file_type == FileType::Symlink).then(|| proc.read_link(&path).unwrap_or_default());
        let time = proc.sim().wall_at(stat.mtime).to_zoned(jiff::tz::TimeZone::UTC);
        let shown = Shown { path: &path, stat, link, mount, time, names: &names, flavour: ctx.flavour };
        let text = match &format {
            None if terse => shown.terse() + "\n",
            None => shown.whole(),
            Some(format) => shown.formatted(format) + if plain { "" } else { "\n" },
        };
        util::ignore(proc.print(&text).await);
    }
    code
}
