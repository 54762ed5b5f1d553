//! tac and rev.

use super::input::{open, or_stdin, read_all};
use crate::{
    os::Proc,
    programs::{
        Context,
        util::{self, Lines, Out},
    },
};

pub async fn tac(proc: Proc, ctx: Context) -> i32 {
    let mut code = 0;
    for path in or_stdin(proc.argv().iter().skip(1).cloned().collect()) {
        let Some(file) = open(&proc, ctx.flavour, &path).await else {
            code = 1;
            continue;
        };
        let Ok(data) = read_all(&file).await else { return 1 };
        let mut text = Vec::with_capacity(data.len());
        for line in data.split_inclusive(|b| *b == b'\n').rev() {
            text.extend_from_slice(line);
        }
        if util::write_out(&proc, &text).await.is_err() {
            return 1;
        }
    }
    code
}

pub async fn rev(proc: Proc, ctx: Context) -> i32 {
    let mut out = Out::new(&proc);
    let mut code = 0;
    for path in or_stdin(proc.argv().iter().skip(1).cloned().collect()) {
        let Some(file) = open(&proc, ctx.flavour, &path).await else {
            code = 1;
            continue;
        };
        let mut lines = Lines::new(file);
        while let Ok(Some(line)) = lines.next_text().await {
            if out.line(&line.chars().rev().collect::<String>()).await.is_err() {
                return 1;
            }
        }
    }
    out.finish(code).await
}
