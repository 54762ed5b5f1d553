//! stat and du.

use super::ls::{self, blocks, mode_text};
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
        let mode = mode_text(stat.file_type, stat.mode);
        let blocks = blocks(&stat) * 2;
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
    let size = |stat: &Stat| if bytes { stat.size } else { blocks(stat) * 1024 };
    let show = |size: u64| match (human, bytes) {
        (true, _) => ls::human(size),
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
