//! cp, mv and ln.

use super::{
    directories::remove_tree,
    options::{Parsed, parse},
};
use crate::{
    os::{Errno, OpenFlags, Proc, fs::FileType},
    programs::{
        Context, Flavour,
        util::{self, Usage},
    },
};

pub fn join(dir: &str, name: &str) -> String {
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
