//! cut.

use super::input::{open, or_stdin};
use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Lines, Out},
    },
};

/// `1,3-5,7-`
fn ranges(text: &str) -> Option<Vec<(usize, usize)>> {
    text.split([',', ' '])
        .map(|range| match range.split_once('-') {
            None => range.parse().ok().filter(|n| *n > 0).map(|n| (n, n)),
            Some(("", "")) => None,
            Some((from, to)) => {
                let from = if from.is_empty() { 1 } else { from.parse().ok()? };
                let to = if to.is_empty() { usize::MAX } else { to.parse().ok()? };
                (from > 0 && from <= to).then_some((from, to))
            }
        })
        .collect()
}

pub async fn cut(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut list, mut delimiter, mut only, mut complement, mut out_delimiter, mut files) =
        (None, '\t', false, false, None, Vec::new());
    loop {
        let arg = match args.next() {
            Ok(None) => break,
            Ok(Some(arg)) => arg,
            Err(error) => return util::usage(&proc, error, 1).await,
        };
        let value = match &arg {
            Arg::Value(file) => {
                files.push(file.clone());
                continue;
            }
            Arg::Short('s') => {
                only = true;
                continue;
            }
            Arg::Short('n') => continue,
            Arg::Long(name) if name == "complement" => {
                complement = true;
                continue;
            }
            Arg::Long(name) if name == "only-delimited" => {
                only = true;
                continue;
            }
            Arg::Short('f' | 'c' | 'b' | 'd') => args.value(),
            Arg::Long(name) if matches!(name.as_str(), "fields" | "delimiter" | "output-delimiter") => args.value(),
            _ => return util::usage(&proc, args.unknown(), 1).await,
        };
        let value = match value {
            Ok(value) => value,
            Err(error) => return util::usage(&proc, error, 1).await,
        };
        match arg {
            Arg::Short('d') => delimiter = value.chars().next().unwrap_or('\0'),
            Arg::Long(name) if name == "delimiter" => delimiter = value.chars().next().unwrap_or('\0'),
            Arg::Long(name) if name == "output-delimiter" => out_delimiter = Some(value),
            Arg::Short(kind @ ('c' | 'b')) => list = Some((kind, value)),
            _ => list = Some(('f', value)),
        }
    }
    let Some((kind, list)) = list else {
        let text = match ctx.flavour {
            Flavour::Gnu => {
                "cut: you must specify a list of bytes, characters, or fields\nTry 'cut --help' for more information."
            }
            Flavour::Busybox => "cut: expected a list of bytes, characters, or fields",
        };
        return util::fail(&proc, 1, text).await;
    };
    let Some(ranges) = ranges(&list) else {
        let what = if kind == 'f' { "field value" } else { "byte or character position" };
        return util::fail(&proc, 1, &format!("cut: invalid {what} '{list}'\nTry 'cut --help' for more information."))
            .await;
    };
    let wanted = |n: usize| ranges.iter().any(|(from, to)| (*from..=*to).contains(&n)) != complement;
    let mut out = Out::new(&proc);
    let mut code = 0;
    for path in or_stdin(files) {
        let Some(file) = open(&proc, ctx.flavour, &path).await else {
            code = 1;
            continue;
        };
        let mut lines = Lines::new(file);
        while let Ok(Some(line)) = lines.next_text().await {
            let text = if kind != 'f' {
                line.chars().enumerate().filter(|(i, _)| wanted(i + 1)).map(|(_, c)| c).collect()
            } else if !line.contains(delimiter) {
                if only {
                    continue;
                }
                line
            } else {
                let fields: Vec<&str> =
                    line.split(delimiter).enumerate().filter(|(i, _)| wanted(i + 1)).map(|(_, f)| f).collect();
                fields.join(&out_delimiter.clone().unwrap_or_else(|| delimiter.to_string()))
            };
            if out.line(&text).await.is_err() {
                return 1;
            }
        }
    }
    out.finish(code).await
}
