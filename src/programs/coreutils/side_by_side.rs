//! paste and comm: lines of several files beside each other.

use std::cmp::Ordering;

use super::{
    input::{open, or_stdin},
    options::missing,
};
use crate::{
    os::{File, Proc},
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Lines, Out, Usage},
    },
};

/// The delimiters of `-d`: `\n`, `\t`, `\\`, `\0` (none).
fn delimiters(list: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = list.chars();
    while let Some(c) = chars.next() {
        found.push(match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => "\n".into(),
            ('\\', Some('t')) => "\t".into(),
            ('\\', Some('0')) => String::new(),
            ('\\', Some(other)) => other.to_string(),
            (c, _) => c.to_string(),
        });
    }
    if found.is_empty() { vec![String::new()] } else { found }
}

pub async fn paste(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut list, mut serial, mut files) = ("\t".to_string(), false, Vec::new());
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(file))) => files.push(file),
            Ok(Some(Arg::Short('s'))) => serial = true,
            Ok(Some(Arg::Long(name))) if name == "serial" => serial = true,
            Ok(Some(Arg::Short('d'))) => match args.value() {
                Ok(value) => list = value,
                Err(error) => return util::usage(&proc, error, 1).await,
            },
            Ok(Some(Arg::Long(name))) if name == "delimiters" => match args.value() {
                Ok(value) => list = value,
                Err(error) => return util::usage(&proc, error, 1).await,
            },
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    let delimiters = delimiters(&list);
    let between = |i: usize| delimiters[i % delimiters.len()].as_str();
    // All operands `-` read from one stdin in turn.
    let (mut inputs, mut sources) = (Vec::<Lines>::new(), Vec::new());
    let mut stdin = None;
    for path in or_stdin(files) {
        if let Some(at) = stdin.filter(|_| path == "-") {
            sources.push(at);
            continue;
        }
        let Some(file) = open(&proc, ctx.flavour, &path).await else { return 1 };
        if path == "-" {
            stdin = Some(inputs.len());
        }
        sources.push(inputs.len());
        inputs.push(Lines::new(file));
    }
    let mut out = Out::new(&proc);
    if serial {
        for at in sources {
            let mut n = 0;
            while let Ok(Some(line)) = inputs[at].next_text().await {
                let text = if n == 0 { line } else { format!("{}{line}", between(n - 1)) };
                n += 1;
                if out.write(text.as_bytes()).await.is_err() {
                    return 1;
                }
            }
            if out.write(b"\n").await.is_err() {
                return 1;
            }
        }
        return out.finish(0).await;
    }
    loop {
        let (mut row, mut any) = (String::new(), false);
        for (i, at) in sources.iter().enumerate() {
            if i > 0 {
                row += between(i - 1);
            }
            if let Ok(Some(line)) = inputs[*at].next_text().await {
                any = true;
                row += &line;
            }
        }
        if !any {
            return out.finish(0).await;
        }
        if out.line(&row).await.is_err() {
            return 1;
        }
    }
}

/// One of comm's two inputs.
struct Sorted {
    lines: Lines,
    line: Option<String>,
    /// 1 or 2; 0 once its disorder was told.
    number: u8,
}

impl Sorted {
    async fn new(file: File, number: u8) -> Sorted {
        let mut lines = Lines::new(file);
        let line = lines.next_text().await.ok().flatten();
        Sorted { lines, line, number }
    }

    /// Goes on; whether the next line is in order.
    async fn advance(&mut self) -> bool {
        let next = self.lines.next_text().await.ok().flatten();
        let ordered = next.is_none() || self.line <= next;
        self.line = next;
        ordered
    }
}

pub async fn comm(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut hidden, mut files, mut delimiter) = ([false; 3], Vec::new(), "\t".to_string());
    let (mut check, mut total) = (None, false);
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(file))) => files.push(file),
            Ok(Some(Arg::Short(column @ '1'..='3'))) => hidden[column as usize - '1' as usize] = true,
            Ok(Some(Arg::Long(name))) => match name.as_str() {
                "check-order" => check = Some(true),
                "nocheck-order" => check = Some(false),
                "total" => total = true,
                "output-delimiter" => match args.value() {
                    Ok(value) => delimiter = value,
                    Err(error) => return util::usage(&proc, error, 1).await,
                },
                _ => return util::usage(&proc, args.unknown(), 1).await,
            },
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    let hint = if ctx.flavour == Flavour::Gnu { "Try 'comm --help' for more information.\n" } else { "" };
    let (first, second) = match &files[..] {
        [first, second] => (first, second),
        [] => return util::usage(&proc, missing(&proc, ctx.flavour), 1).await,
        [only] => return util::usage(&proc, Usage(format!("comm: missing operand after '{only}'\n{hint}")), 1).await,
        [_, _, extra, ..] => {
            return util::usage(&proc, Usage(format!("comm: extra operand '{extra}'\n{hint}")), 1).await;
        }
    };
    let Some(a) = open(&proc, ctx.flavour, first).await else { return 1 };
    let Some(b) = open(&proc, ctx.flavour, second).await else { return 1 };
    let (mut a, mut b) = (Sorted::new(a, 1).await, Sorted::new(b, 2).await);
    let mut out = Out::new(&proc);
    let (mut counts, mut disorder) = ([0_u64; 3], false);
    loop {
        let (column, line) = match (&a.line, &b.line) {
            (None, None) => break,
            (Some(line), None) => (0, line.clone()),
            (None, Some(line)) => (1, line.clone()),
            (Some(x), Some(y)) => match x.cmp(y) {
                Ordering::Less => (0, x.clone()),
                Ordering::Greater => (1, y.clone()),
                Ordering::Equal => (2, x.clone()),
            },
        };
        counts[column] += 1;
        if !hidden[column] {
            let indent = hidden[..column].iter().filter(|hidden| !**hidden).count();
            if out.line(&format!("{}{line}", delimiter.repeat(indent))).await.is_err() {
                return 1;
            }
        }
        for (side, turn) in [(&mut a, column != 1), (&mut b, column != 0)] {
            if turn && !side.advance().await && check != Some(false) && side.number > 0 {
                disorder = true;
                if out.flush().await.is_err() {
                    return 1;
                }
                let text = format!("comm: file {} is not in sorted order", std::mem::take(&mut side.number));
                util::fail(&proc, 1, &text).await;
                if check == Some(true) {
                    return 1;
                }
            }
        }
    }
    if total {
        let counts = counts.map(|count| count.to_string()).join(&delimiter);
        if out.line(&format!("{counts}{delimiter}total")).await.is_err() {
            return 1;
        }
    }
    let code = out.finish(0).await;
    match disorder {
        true => util::fail(&proc, 1, "comm: input is not in sorted order").await,
        false => code,
    }
}
