//! basename, dirname, readlink, realpath, mktemp, pwd.

use super::options::parse;
use crate::{
    os::{Proc, fs::FileType},
    programs::{
        Context, Flavour,
        util::{self, Arg, Args},
    },
};

pub async fn pwd(proc: Proc) -> i32 {
    util::done(proc.print(&format!("{}\n", proc.cwd())).await)
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
    let parsed = match parse(&proc, ctx.flavour, "femnqsvz", &[("canonicalize", 'f')]) {
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

pub async fn which(proc: Proc, ctx: Context) -> i32 {
    let parsed = match parse(&proc, ctx.flavour, "a", &[("all", 'a')]) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 2).await,
    };
    let path = proc.environ().get("PATH").cloned().unwrap_or_default();
    let mut text = String::new();
    let mut code = i32::from(parsed.operands.is_empty());
    for name in &parsed.operands {
        let runnable = |path: &String| {
            proc.stat(path).is_ok_and(|stat| stat.file_type == FileType::Regular && stat.mode & 0o111 != 0)
        };
        let places: Vec<String> = match name.contains('/') {
            true => vec![name.clone()],
            false => path.split(':').map(|dir| format!("{}/{name}", if dir.is_empty() { "." } else { dir })).collect(),
        };
        let found = places.into_iter().filter(runnable);
        let found: Vec<String> = found.take(if parsed.has('a') { usize::MAX } else { 1 }).collect();
        if found.is_empty() {
            code = 1;
        }
        text.extend(found.into_iter().map(|path| path + "\n"));
    }
    util::done(proc.print(&text).await).max(code)
}
