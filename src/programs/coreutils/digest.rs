//! md5sum, sha1sum, sha256sum, sha512sum.

use md5::Md5;
use sha2::{Digest, Sha256, Sha512};

use super::{input::or_stdin, options::parse};
use crate::{
    os::{Errno, Proc},
    programs::{
        Context, Flavour,
        util::{self, Lines, Out},
    },
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn hash<D: Digest>(proc: &Proc, path: &str) -> Result<String, Errno> {
    let file = util::open_input(proc, path)?;
    let mut digest = D::new();
    loop {
        let data = file.read(64 * 1024).await?;
        if data.is_empty() {
            return Ok(hex(&digest.finalize()));
        }
        proc.charge(std::time::Duration::from_micros(100)).await;
        digest.update(&data);
    }
}

/// The digest of a file as the program's name says.
async fn of_file(proc: &Proc, name: &str, path: &str) -> Result<String, Errno> {
    match name {
        "md5sum" => hash::<Md5>(proc, path).await,
        "sha512sum" => hash::<Sha512>(proc, path).await,
        _ => hash::<Sha256>(proc, path).await,
    }
}

pub async fn sum(proc: Proc, ctx: Context) -> i32 {
    let name = util::program_name(&proc);
    let long = [("check", 'c'), ("binary", 'b'), ("text", 't'), ("quiet", 'q'), ("status", 's'), ("warn", 'w')];
    let parsed = match parse(&proc, ctx.flavour, "cbtsw", &long) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let files = or_stdin(parsed.operands.clone());
    if parsed.has('c') {
        return check(&proc, &ctx, &name, files, parsed.has('s'), parsed.has('q')).await;
    }
    let mut out = Out::new(&proc);
    let mut code = 0;
    for path in files {
        match of_file(&proc, &name, &path).await {
            Ok(digest) => {
                let mark = if parsed.has('b') { '*' } else { ' ' };
                if out.line(&format!("{digest} {mark}{path}")).await.is_err() {
                    return 1;
                }
            }
            Err(error) => code = util::fail(&proc, 1, &util::open_error(ctx.flavour, &name, &path, error)).await,
        }
    }
    out.finish(code).await
}

async fn check(proc: &Proc, ctx: &Context, name: &str, lists: Vec<String>, silent: bool, quiet: bool) -> i32 {
    let mut out = Out::new(proc);
    let (mut code, mut wrong, mut all, mut unread, mut malformed) = (0, 0, 0, 0, 0);
    for list in lists {
        let file = match util::open_input(proc, &list) {
            Ok(file) => file,
            Err(error) => {
                code = util::fail(proc, 1, &util::open_error(ctx.flavour, name, &list, error)).await;
                continue;
            }
        };
        let mut lines = Lines::new(file);
        while let Ok(Some(line)) = lines.next_text().await {
            let Some((expected, path)) = line.split_once(' ').filter(|(digest, _)| digest.len() >= 32) else {
                malformed += 1;
                continue;
            };
            let path = path.strip_prefix([' ', '*']).unwrap_or(path);
            all += 1;
            let verdict = match of_file(proc, name, path).await {
                Ok(digest) if digest.eq_ignore_ascii_case(expected) => "OK",
                Ok(_) => {
                    wrong += 1;
                    "FAILED"
                }
                Err(error) => {
                    unread += 1;
                    util::fail(proc, 1, &util::open_error(ctx.flavour, name, path, error)).await;
                    "FAILED open or read"
                }
            };
            let told = !(silent || quiet && verdict == "OK");
            if told && out.line(&format!("{path}: {verdict}")).await.is_err() {
                return 1;
            }
        }
        if all == 0 && malformed > 0 {
            let text = format!("{name}: {list}: no properly formatted checksum lines found");
            util::ignore(out.flush().await);
            return util::fail(proc, 1, &text).await;
        }
    }
    util::ignore(out.flush().await);
    if !silent {
        let plural = |n: u32| if n == 1 { "" } else { "s" };
        if ctx.flavour == Flavour::Busybox && wrong + unread > 0 {
            let text = format!("{name}: WARNING: {} of {all} computed checksums did NOT match", wrong + unread);
            util::fail(proc, 1, &text).await;
        } else {
            if unread > 0 {
                let text = format!("{name}: WARNING: {unread} listed file{} could not be read", plural(unread));
                util::fail(proc, 1, &text).await;
            }
            if wrong > 0 {
                let text = format!("{name}: WARNING: {wrong} computed checksum{} did NOT match", plural(wrong));
                util::fail(proc, 1, &text).await;
            }
        }
    }
    if wrong + unread > 0 { 1 } else { code }
}
