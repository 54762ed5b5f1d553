//! uniq.

use super::{input::open, options::parse};
use crate::{
    os::Proc,
    programs::{
        Context,
        util::{self, Lines, Out},
    },
};

pub async fn uniq(proc: Proc, ctx: Context) -> i32 {
    let parsed = match parse(
        &proc,
        ctx.flavour,
        "cdui",
        &[("count", 'c'), ("repeated", 'd'), ("unique", 'u'), ("ignore-case", 'i')],
    ) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let path = parsed.operands.first().map_or("-", String::as_str);
    let Some(file) = open(&proc, ctx.flavour, path).await else { return 1 };
    let mut lines = Lines::new(file);
    let mut out = Out::new(&proc);
    let mut current: Option<(String, u64)> = None;
    loop {
        let Ok(line) = lines.next_text().await else { return 1 };
        let same = match (&line, &current) {
            (Some(line), Some((own, _))) if parsed.has('i') => line.to_lowercase() == own.to_lowercase(),
            (Some(line), Some((own, _))) => line == own,
            _ => false,
        };
        if same {
            if let Some((_, count)) = &mut current {
                *count += 1;
            }
            continue;
        }
        if let Some((text, count)) = current.take()
            && !(parsed.has('d') && count < 2)
            && !(parsed.has('u') && count > 1)
        {
            let text = if parsed.has('c') { format!("{count:7} {text}") } else { text };
            if out.line(&text).await.is_err() {
                return 1;
            }
        }
        match line {
            Some(line) => current = Some((line, 1)),
            None => return out.finish(0).await,
        }
    }
}
