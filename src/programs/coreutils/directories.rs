//! mkdir, rmdir and rm.

use super::options::{missing, parse};
use crate::{
    os::{Errno, Proc, fs::FileType},
    programs::{
        Context, Flavour,
        util::{self, Arg, Args},
    },
};

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
pub async fn remove_tree(proc: &Proc, path: &str) -> Result<(), (String, Errno)> {
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
