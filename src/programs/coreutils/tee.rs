//! tee.

use super::options::parse;
use crate::{
    os::{OpenFlags, Proc},
    programs::{
        Context,
        util::{self},
    },
};

pub async fn tee(proc: Proc, ctx: Context) -> i32 {
    let parsed = match parse(&proc, ctx.flavour, "ai", &[("append", 'a')]) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let flags = if parsed.has('a') { OpenFlags::APPEND } else { OpenFlags::WRITE };
    let mut code = 0;
    let mut files = Vec::new();
    for path in parsed.operands {
        match proc.open(&path, flags, 0o666) {
            Ok(file) => files.push(file),
            Err(error) => code = util::fail(&proc, 1, &format!("tee: {path}: {error}")).await,
        }
    }
    let input = proc.stdin();
    while let Ok(data) = input.read(64 * 1024).await
        && !data.is_empty()
    {
        for file in &files {
            if let Err(error) = file.write_all(&data).await {
                code = util::fail(&proc, 1, &format!("tee: write error: {error}")).await;
            }
        }
        if util::write_out(&proc, &data).await.is_err() {
            code = 1;
        }
    }
    code
}
