//! Small programs: seq, basename, dirname, stat, du, find and the like.

use std::time::Duration;

use crate::{
    os::{
        Proc,
        fs::{FileType, Stat},
        process::Group,
    },
    programs::{
        Context, Flavour,
        sh::{self, pattern::Pattern},
        util::{self, Arg, Args, Out},
    },
};

pub async fn true_(_proc: Proc) -> i32 {
    0
}

pub async fn false_(_proc: Proc) -> i32 {
    1
}

pub async fn pwd(proc: Proc) -> i32 {
    util::done(proc.print(&format!("{}\n", proc.cwd())).await)
}

pub async fn test(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    match sh::test::run(&proc, &argv) {
        Ok(value) => i32::from(!value),
        Err(error) => {
            let dialect = if ctx.flavour == Flavour::Busybox { sh::Dialect::Ash } else { sh::Dialect::Bash };
            util::fail(&proc, 2, &format!("{}: {}", util::program_name(&proc), error.message(dialect))).await
        }
    }
}

pub async fn yes(proc: Proc) -> i32 {
    let argv = proc.argv();
    let word = if argv.len() > 1 { argv[1..].join(" ") } else { "y".to_string() };
    let line = word + "\n";
    let chunk = line.repeat((8192 / line.len()).max(1));
    loop {
        proc.charge(Duration::from_micros(50)).await;
        if util::write_out(&proc, chunk.as_bytes()).await.is_err() {
            return 1;
        }
    }
}

pub async fn seq(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    let mut separator = "\n".to_string();
    let (mut equal, mut format, mut numbers) = (false, None, Vec::new());
    let mut args = argv.iter().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-s" => separator = args.next().cloned().unwrap_or_default(),
            "-w" => equal = true,
            "-f" => format = args.next().cloned(),
            _ if arg.starts_with("-s") => separator = arg[2..].to_string(),
            _ => numbers.push(arg.clone()),
        }
    }
    let parsed: Option<Vec<f64>> = numbers.iter().map(|text| text.parse().ok()).collect();
    let Some(parsed) = parsed else {
        let bad = numbers.iter().find(|text| text.parse::<f64>().is_err()).cloned().unwrap_or_default();
        let text = match ctx.flavour {
            Flavour::Gnu => {
                format!("seq: invalid floating point argument: '{bad}'\nTry 'seq --help' for more information.")
            }
            Flavour::Busybox => format!("seq: invalid number '{bad}'"),
        };
        return util::fail(&proc, 1, &text).await;
    };
    let (first, step, last) = match parsed[..] {
        [last] => (1.0, 1.0, last),
        [first, last] => (first, 1.0, last),
        [first, step, last] => (first, step, last),
        _ => return util::usage(&proc, Args::of(&proc, ctx.flavour).missing_operand(), 1).await,
    };
    if step == 0.0 {
        return util::fail(&proc, 1, "seq: invalid Zero increment value: '0'\nTry 'seq --help' for more information.")
            .await;
    }
    let decimals = |text: &String| text.split_once('.').map_or(0, |(_, digits)| digits.len());
    let precision = numbers.iter().take(numbers.len().saturating_sub(1).max(1)).map(decimals).max().unwrap_or(0);
    let show = |value: f64| format!("{value:.precision$}");
    let width = if equal { show(first).len().max(show(last).len()) } else { 0 };
    let mut out = Out::new(&proc);
    let mut i = 0_u64;
    loop {
        let value = first + step * i as f64;
        if (step > 0.0 && value > last + step.abs() * 1e-9) || (step < 0.0 && value < last - step.abs() * 1e-9) {
            break;
        }
        if i > 0 && out.write(separator.as_bytes()).await.is_err() {
            return 1;
        }
        let text = match &format {
            Some(format) => util::text(sh::echo::printf(format, &[value.to_string()], sh::Dialect::Bash).output),
            None if value < 0.0 && equal => format!("-{:0>1$}", show(-value), width - 1),
            None => format!("{:0>width$}", show(value)),
        };
        if out.write(text.as_bytes()).await.is_err() {
            return 1;
        }
        i += 1;
        if i.is_multiple_of(1000) {
            proc.charge(Duration::from_micros(100)).await;
        }
    }
    if i > 0 && out.write(b"\n").await.is_err() {
        return 1;
    }
    out.finish(0).await
}

pub async fn basename(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    let Some(path) = argv.get(1) else {
        return util::usage(&proc, Args::of(&proc, ctx.flavour).missing_operand(), 1).await;
    };
    let trimmed = path.trim_end_matches('/');
    let name = if trimmed.is_empty() && !path.is_empty() { "/" } else { util::file_name(trimmed) };
    let name = match argv.get(2) {
        Some(suffix) if name != suffix => name.strip_suffix(suffix.as_str()).unwrap_or(name),
        _ => name,
    };
    util::done(proc.print(&format!("{name}\n")).await)
}

pub async fn dirname(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    if argv.len() < 2 {
        return util::usage(&proc, Args::of(&proc, ctx.flavour).missing_operand(), 1).await;
    }
    let mut text = String::new();
    for path in &argv[1..] {
        let trimmed = path.trim_end_matches('/');
        let dir = match trimmed.rfind('/') {
            Some(at) => match trimmed[..at].trim_end_matches('/') {
                "" => "/",
                dir => dir,
            },
            None if trimmed.is_empty() && path.starts_with('/') => "/",
            None => ".",
        };
        text += &format!("{dir}\n");
    }
    util::done(proc.print(&text).await)
}

pub async fn realpath(proc: Proc, ctx: Context) -> i32 {
    let mut code = 0;
    for path in proc.argv().iter().skip(1).filter(|arg| !arg.starts_with('-')) {
        match proc.real_path(path) {
            Ok(real) => util::ignore(proc.print(&format!("{real}\n")).await),
            Err(error) => {
                let text = match ctx.flavour {
                    Flavour::Gnu => format!("realpath: {path}: {error}"),
                    Flavour::Busybox => format!("realpath: {path}: {error}"),
                };
                code = util::fail(&proc, 1, &text).await;
            }
        }
    }
    code
}

pub async fn readlink(proc: Proc, ctx: Context) -> i32 {
    let parsed = match super::files::parse(&proc, ctx.flavour, "femnqsvz", &[("canonicalize", 'f')]) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let mut code = 0;
    let real = "fem".chars().any(|c| parsed.has(c));
    for path in &parsed.operands {
        match if real { proc.real_path(path) } else { proc.read_link(path) } {
            Ok(target) => {
                let end = if parsed.has('n') { "" } else { "\n" };
                util::ignore(proc.print(&format!("{target}{end}")).await);
            }
            Err(_) => code = 1,
        }
    }
    code
}

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

pub async fn stat(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut format, mut follow, mut files) = (None, false, Vec::new());
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(file))) => files.push(file),
            Ok(Some(Arg::Short('c'))) => format = args.value().ok(),
            Ok(Some(Arg::Long(name))) if name == "format" || name == "printf" => format = args.value().ok(),
            Ok(Some(Arg::Short('L'))) => follow = true,
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    let names = super::Names::load(&proc).await;
    let mut code = 0;
    for path in files {
        let stat = match if follow { proc.stat(&path) } else { proc.lstat(&path) } {
            Ok(stat) => stat,
            Err(error) => {
                let text = match ctx.flavour {
                    Flavour::Gnu => format!("stat: cannot statx '{path}': {error}"),
                    Flavour::Busybox => format!("stat: can't stat '{path}': {error}"),
                };
                code = util::fail(&proc, 1, &text).await;
                continue;
            }
        };
        let time = proc.sim().wall_at(stat.mtime).to_zoned(jiff::tz::TimeZone::UTC);
        let stamp = time.strftime("%Y-%m-%d %H:%M:%S.%9f +0000").to_string();
        let mode = super::files::mode_text(stat.file_type, stat.mode);
        let blocks = super::files::blocks(&stat) * 2;
        let text = match &format {
            None => format!(
                "  File: {path}\n  Size: {:<15}\tBlocks: {blocks:<10} IO Block: 4096   {}\nDevice: 0,1\tInode: {:<11} Links: {}\nAccess: ({:04o}/{mode})  Uid: ({:5}/{:>8})   Gid: ({:5}/{:>8})\nAccess: {stamp}\nModify: {stamp}\nChange: {stamp}\n Birth: -\n",
                stat.size,
                kind(&stat),
                stat.ino,
                stat.nlink,
                stat.mode,
                stat.uid,
                names.user(stat.uid),
                stat.gid,
                names.group(stat.gid)
            ),
            Some(format) => {
                let mut out = String::new();
                let mut chars = format.chars();
                while let Some(c) = chars.next() {
                    if c != '%' {
                        out.push(c);
                        continue;
                    }
                    match chars.next() {
                        Some('n') => out += &path,
                        Some('N') => out += &format!("'{path}'"),
                        Some('s') => out += &stat.size.to_string(),
                        Some('a') => out += &format!("{:o}", stat.mode),
                        Some('A') => out += &mode,
                        Some('u') => out += &stat.uid.to_string(),
                        Some('U') => out += &names.user(stat.uid),
                        Some('g') => out += &stat.gid.to_string(),
                        Some('G') => out += &names.group(stat.gid),
                        Some('i') => out += &stat.ino.to_string(),
                        Some('h') => out += &stat.nlink.to_string(),
                        Some('F') => out += kind(&stat),
                        Some('b') => out += &blocks.to_string(),
                        Some('y' | 'x' | 'z') => out += &stamp,
                        Some('Y' | 'X' | 'Z') => out += &time.timestamp().as_second().to_string(),
                        Some('%') => out.push('%'),
                        Some(other) => {
                            out.push('%');
                            out.push(other);
                        }
                        None => out.push('%'),
                    }
                }
                out + "\n"
            }
        };
        util::ignore(proc.print(&text).await);
    }
    code
}

pub async fn du(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut all, mut summary, mut human, mut bytes, mut total, mut depth, mut files) =
        (false, false, false, false, false, usize::MAX, Vec::new());
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(file))) => files.push(file),
            Ok(Some(Arg::Short('a'))) => all = true,
            Ok(Some(Arg::Short('s'))) => summary = true,
            Ok(Some(Arg::Short('h'))) => human = true,
            Ok(Some(Arg::Short('b'))) => bytes = true,
            Ok(Some(Arg::Short('c'))) => total = true,
            Ok(Some(Arg::Short('k' | 'x' | 'm'))) => {}
            Ok(Some(Arg::Short('d'))) => depth = args.value().ok().and_then(|n| n.parse().ok()).unwrap_or(usize::MAX),
            Ok(Some(Arg::Long(name))) if name == "max-depth" => {
                depth = args.value().ok().and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
            }
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    if files.is_empty() {
        files.push(".".to_string());
    }
    let size = |stat: &Stat| if bytes { stat.size } else { super::files::blocks(stat) * 1024 };
    let show = |size: u64| match (human, bytes) {
        (true, _) => super::files::human(size),
        (_, true) => size.to_string(),
        _ => size.div_ceil(1024).to_string(),
    };
    let (mut code, mut sum) = (0, 0);
    let mut text = String::new();
    for root in files {
        if let Err(error) = proc.lstat(&root) {
            code = util::fail(&proc, 1, &format!("du: cannot access '{root}': {error}")).await;
            continue;
        }
        // Depth first; sizes of directories are summed on the way back.
        let mut order: Vec<(String, usize, u64, bool, Option<usize>)> = Vec::new();
        let mut stack = vec![(root, 0_usize, None)];
        while let Some((path, level, parent)) = stack.pop() {
            let Ok(stat) = proc.lstat(&path) else { continue };
            let is_dir = stat.file_type == FileType::Directory;
            let me = order.len();
            if is_dir {
                for entry in proc.read_dir(&path).unwrap_or_default().into_iter().rev() {
                    stack.push((format!("{}/{}", path.trim_end_matches('/'), entry.name), level + 1, Some(me)));
                }
            }
            order.push((path, level, size(&stat), is_dir, parent));
        }
        for i in (1..order.len()).rev() {
            if let Some(parent) = order[i].4 {
                order[parent].2 += order[i].2;
            }
        }
        sum += order.first().map_or(0, |root| root.2);
        for (path, level, size, is_dir, _) in order.iter().rev() {
            if (*level == 0 || (!summary && *level <= depth && (all || *is_dir))) && *level <= depth {
                text += &format!("{}\t{path}\n", show(*size));
            }
        }
    }
    if total {
        text += &format!("{}\ttotal\n", show(sum));
    }
    util::done(proc.print(&text).await).max(code)
}

pub async fn mktemp(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut directory, mut template, mut dry, mut dir) = (false, None, false, None);
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Short('d'))) => directory = true,
            Ok(Some(Arg::Short('u'))) => dry = true,
            Ok(Some(Arg::Short('q' | 't'))) => {}
            Ok(Some(Arg::Short('p'))) => dir = args.value().ok(),
            Ok(Some(Arg::Value(value))) => template = Some(value),
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    let dir = dir.or_else(|| if template.is_none() { proc.env("TMPDIR").or(Some("/tmp".to_string())) } else { None });
    let template = template.unwrap_or_else(|| "tmp.XXXXXXXXXX".to_string());
    let marks = template.len() - template.trim_end_matches('X').len();
    if marks < 3 {
        return util::fail(&proc, 1, &format!("mktemp: too few X's in template '{template}'")).await;
    }
    let mut rng = proc.sim().rng(&format!("mktemp {} {}", proc.hostname(), proc.host_pid()));
    let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let name = format!("{}{}", template.trim_end_matches('X'), rng.string(marks, letters));
    let path = match dir {
        Some(dir) => format!("{}/{name}", dir.trim_end_matches('/')),
        None => name,
    };
    let result = if dry {
        Ok(())
    } else if directory {
        proc.mkdir(&path, 0o700)
    } else {
        proc.open(&path, crate::os::OpenFlags { exclusive: true, ..crate::os::OpenFlags::WRITE }, 0o600).map(drop)
    };
    match result {
        Ok(()) => util::done(proc.print(&format!("{path}\n")).await),
        Err(error) => {
            let what = if directory { "directory" } else { "file" };
            util::fail(&proc, 1, &format!("mktemp: failed to create {what} via template '{template}': {error}")).await
        }
    }
}

pub async fn base64(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut decode, mut wrap, mut path) = (false, 76, "-".to_string());
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Short('d' | 'D'))) => decode = true,
            Ok(Some(Arg::Long(name))) if name == "decode" => decode = true,
            Ok(Some(Arg::Short('i'))) => {}
            Ok(Some(Arg::Short('w'))) => wrap = args.value().ok().and_then(|n| n.parse().ok()).unwrap_or(76),
            Ok(Some(Arg::Long(name))) if name == "wrap" => {
                wrap = args.value().ok().and_then(|n| n.parse().ok()).unwrap_or(76);
            }
            Ok(Some(Arg::Value(value))) => path = value,
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    let data = match util::open_input(&proc, &path) {
        Ok(file) => file.read_to_end().await,
        Err(error) => Err(error),
    };
    let data = match data {
        Ok(data) => data,
        Err(error) => return util::fail(&proc, 1, &util::open_error(ctx.flavour, "base64", &path, error)).await,
    };
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    if decode {
        let (mut bits, mut count) = (0_u32, 0);
        for byte in data {
            if byte == b'=' || byte.is_ascii_whitespace() {
                continue;
            }
            let Some(value) = LETTERS.iter().position(|c| *c == byte) else {
                util::ignore(util::write_out(&proc, &out).await);
                return util::fail(&proc, 1, "base64: invalid input").await;
            };
            bits = bits << 6 | value as u32;
            count += 6;
            if count >= 8 {
                count -= 8;
                out.push((bits >> count) as u8);
                bits &= (1 << count) - 1;
            }
        }
        return util::done(util::write_out(&proc, &out).await);
    }
    let mut column = 0;
    for chunk in data.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            if wrap > 0 && column == wrap {
                out.push(b'\n');
                column = 0;
            }
            let padding = i > chunk.len();
            out.push(if padding { b'=' } else { LETTERS[(bits >> (18 - 6 * i) & 63) as usize] });
            column += 1;
        }
    }
    if column > 0 && wrap > 0 {
        out.push(b'\n');
    }
    util::done(util::write_out(&proc, &out).await)
}

/// An expression of `find`.
enum Test {
    Name(Pattern, bool),
    Path(Pattern),
    Type(char),
    Size(char, u64),
    Empty,
    Newer(crate::sim::SimTime),
    Print,
    Print0,
    Delete,
    Prune,
    Exec(Vec<String>, bool),
    Not(Box<Test>),
    And(Vec<Test>),
    Or(Vec<Test>),
}

struct FindParser<'a> {
    args: &'a [String],
    pos: usize,
    acts: bool,
    depth: u32,
    min: usize,
    max: usize,
}

impl FindParser<'_> {
    fn value(&mut self, option: &str) -> Result<String, String> {
        self.pos += 1;
        self.args.get(self.pos - 1).cloned().ok_or_else(|| format!("find: missing argument to `{option}'"))
    }

    fn or(&mut self, proc: &Proc) -> Result<Test, String> {
        self.depth += 1;
        if self.depth > 50 {
            return Err("find: expression nested too deeply".to_string());
        }
        let mut any = vec![self.and(proc)?];
        while self.args.get(self.pos).is_some_and(|arg| arg == "-o" || arg == "-or") {
            self.pos += 1;
            any.push(self.and(proc)?);
        }
        self.depth -= 1;
        Ok(Test::Or(any))
    }

    fn and(&mut self, proc: &Proc) -> Result<Test, String> {
        let mut all = Vec::new();
        while let Some(arg) = self.args.get(self.pos).cloned() {
            if matches!(arg.as_str(), "-o" | "-or" | ")") {
                break;
            }
            self.pos += 1;
            if !matches!(arg.as_str(), "-a" | "-and") {
                all.extend(self.primary(&arg, proc)?);
            }
        }
        Ok(Test::And(all))
    }

    fn primary(&mut self, arg: &str, proc: &Proc) -> Result<Option<Test>, String> {
        Ok(Some(match arg {
            "!" | "-not" => {
                let next = self.value(arg)?;
                match self.primary(&next, proc)? {
                    Some(test) => Test::Not(Box::new(test)),
                    None => return Ok(None),
                }
            }
            "(" => {
                let test = self.or(proc)?;
                if self.args.get(self.pos).is_none_or(|arg| arg != ")") {
                    return Err(
                        "find: invalid expression; I was expecting to find a ')' somewhere but did not see one."
                            .to_string(),
                    );
                }
                self.pos += 1;
                test
            }
            "-name" => Test::Name(Pattern::parse(&self.value(arg)?), false),
            "-iname" => Test::Name(Pattern::parse(&self.value(arg)?.to_lowercase()), true),
            "-path" | "-wholename" => Test::Path(Pattern::parse(&self.value(arg)?)),
            "-type" => Test::Type(self.value(arg)?.chars().next().unwrap_or('f')),
            "-empty" => Test::Empty,
            "-size" => {
                let text = self.value(arg)?;
                let sign = text.chars().next().filter(|c| matches!(c, '+' | '-')).unwrap_or('=');
                let text = text.trim_start_matches(['+', '-']);
                let (digits, unit) = match text.chars().last() {
                    Some('c') => (&text[..text.len() - 1], 1),
                    Some('k') => (&text[..text.len() - 1], 1024),
                    Some('M') => (&text[..text.len() - 1], 1 << 20),
                    Some('G') => (&text[..text.len() - 1], 1 << 30),
                    _ => (text, 512),
                };
                let count: u64 = digits.parse().map_err(|_| format!("find: Invalid argument `{text}' to -size"))?;
                Test::Size(sign, count.saturating_mul(unit))
            }
            "-newer" => {
                let path = self.value(arg)?;
                Test::Newer(proc.stat(&path).map_err(|error| format!("find: '{path}': {error}"))?.mtime)
            }
            "-maxdepth" | "-mindepth" => {
                let text = self.value(arg)?;
                let depth = text.parse().map_err(|_| {
                    format!("find: Expected a positive decimal integer argument to {arg}, but got '{text}'")
                })?;
                if arg == "-maxdepth" {
                    self.max = depth
                } else {
                    self.min = depth
                }
                return Ok(None);
            }
            "-print" | "-print0" | "-delete" => {
                self.acts = true;
                match arg {
                    "-print" => Test::Print,
                    "-print0" => Test::Print0,
                    _ => Test::Delete,
                }
            }
            "-prune" => Test::Prune,
            "-exec" | "-execdir" => {
                self.acts = true;
                let mut command = Vec::new();
                loop {
                    let word = self.value(arg)?;
                    if word == ";" {
                        break Test::Exec(command, false);
                    }
                    if word == "+" && command.last().is_some_and(|last| last == "{}") {
                        break Test::Exec(command, true);
                    }
                    command.push(word);
                }
            }
            "-xdev" | "-mount" | "-depth" => return Ok(None),
            _ => return Err(format!("find: unknown predicate `{arg}'")),
        }))
    }
}

struct Found<'a> {
    proc: &'a Proc,
    out: Out,
    pruned: bool,
    code: i32,
    /// Paths gathered for `-exec … +`, by the address of the test.
    gathered: Vec<(Vec<String>, Vec<String>)>,
}

pub async fn find(proc: Proc, _ctx: Context) -> i32 {
    let argv = proc.argv();
    let args = &argv[1..];
    let split = args.iter().position(|arg| arg.starts_with('-') || arg == "!" || arg == "(").unwrap_or(args.len());
    let mut roots = args[..split].to_vec();
    if roots.is_empty() {
        roots.push(".".to_string());
    }
    let mut parser = FindParser { args: &args[split..], pos: 0, acts: false, depth: 0, min: 0, max: usize::MAX };
    let test = match parser.or(&proc) {
        Ok(test) => test,
        Err(text) => return util::fail(&proc, 1, &text).await,
    };
    if let Some(extra) = parser.args.get(parser.pos) {
        return util::fail(&proc, 1, &format!("find: paths must precede expression: `{extra}'")).await;
    }
    let test = if parser.acts { test } else { Test::And(vec![test, Test::Print]) };
    let (min, max) = (parser.min, parser.max);
    let mut found = Found { proc: &proc, out: Out::new(&proc), pruned: false, code: 0, gathered: Vec::new() };
    for root in roots {
        let mut stack = vec![(root, 0)];
        while let Some((path, depth)) = stack.pop() {
            let stat = match proc.lstat(&path) {
                Ok(stat) => stat,
                Err(error) => {
                    found.code = util::fail(&proc, 1, &format!("find: '{path}': {error}")).await;
                    continue;
                }
            };
            found.pruned = false;
            // The children are read before an action may delete them.
            let is_dir = stat.file_type == FileType::Directory;
            let children = if is_dir && depth < max { proc.read_dir(&path) } else { Ok(Vec::new()) };
            if depth >= min {
                found.check(&test, &path, &stat).await;
            }
            match children {
                Ok(children) if !found.pruned => {
                    let dir = path.trim_end_matches('/');
                    stack.extend(children.into_iter().rev().map(|entry| (format!("{dir}/{}", entry.name), depth + 1)));
                }
                Ok(_) => {}
                Err(error) => found.code = util::fail(&proc, 1, &format!("find: '{path}': {error}")).await,
            }
        }
    }
    let Found { mut out, mut code, gathered, .. } = found;
    if out.flush().await.is_err() {
        return 1;
    }
    for (command, paths) in gathered {
        let mut call: Vec<String> = command[..command.len() - 1].to_vec();
        call.extend(paths);
        code = code.max(i32::from(spawn_and_wait(&proc, &call).await != 0));
    }
    code
}

async fn spawn_and_wait(proc: &Proc, call: &[String]) -> i32 {
    proc.charge(Duration::from_micros(500)).await;
    match proc.spawn(call, proc.environ(), Vec::new(), Group::Inherit) {
        Ok(pid) => proc.wait(pid).await.map_or(127, |status| status.code()),
        Err(error) => {
            util::fail(proc, 1, &format!("find: '{}': {error}", call.first().map_or("", String::as_str))).await
        }
    }
}

impl Found<'_> {
    fn check<'a>(
        &'a mut self,
        test: &'a Test,
        path: &'a str,
        stat: &'a Stat,
    ) -> futures_util::future::LocalBoxFuture<'a, bool> {
        Box::pin(async move {
            let name = util::file_name(if path == "/" { path } else { path.trim_end_matches('/') });
            match test {
                Test::Name(pattern, false) => pattern.matches(name),
                Test::Name(pattern, true) => pattern.matches(&name.to_lowercase()),
                Test::Path(pattern) => pattern.matches(path),
                Test::Type(c) => {
                    super::files::mode_text(stat.file_type, 0).starts_with(if *c == 'f' { '-' } else { *c })
                }
                Test::Size('+', size) => stat.size > *size,
                Test::Size('-', size) => stat.size < *size,
                Test::Size(_, size) => stat.size == *size,
                Test::Empty => match stat.file_type {
                    FileType::Directory => self.proc.read_dir(path).is_ok_and(|entries| entries.is_empty()),
                    _ => stat.size == 0,
                },
                Test::Newer(time) => stat.mtime > *time,
                Test::Print => self.out.line(path).await.is_ok(),
                Test::Print0 => self.out.write(format!("{path}\0").as_bytes()).await.is_ok(),
                Test::Delete => {
                    let result = match stat.file_type {
                        FileType::Directory => self.proc.rmdir(path),
                        _ => self.proc.unlink(path),
                    };
                    if let Err(error) = result {
                        self.code = util::fail(self.proc, 1, &format!("find: cannot delete '{path}': {error}")).await;
                    }
                    true
                }
                Test::Prune => {
                    self.pruned = true;
                    true
                }
                Test::Exec(command, true) => {
                    match self.gathered.iter_mut().find(|(own, _)| own == command) {
                        Some((_, paths)) => paths.push(path.to_string()),
                        None => self.gathered.push((command.clone(), vec![path.to_string()])),
                    }
                    true
                }
                Test::Exec(command, false) => {
                    if self.out.flush().await.is_err() {
                        return false;
                    }
                    let call: Vec<String> = command.iter().map(|word| word.replace("{}", path)).collect();
                    spawn_and_wait(self.proc, &call).await == 0
                }
                Test::Not(inner) => !self.check(inner, path, stat).await,
                Test::And(all) => {
                    for test in all {
                        if !self.check(test, path, stat).await {
                            return false;
                        }
                    }
                    true
                }
                Test::Or(any) => {
                    for test in any {
                        if self.check(test, path, stat).await {
                            return true;
                        }
                    }
                    false
                }
            }
        })
    }
}
