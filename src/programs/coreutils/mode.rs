//! touch, chmod and chown.

use super::{
    copy::join,
    names::Names,
    options::{missing, parse},
};
use crate::{
    os::{Errno, OpenFlags, Proc, fs::FileType},
    programs::{
        Context, Flavour,
        util::{self, Usage},
    },
};

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
