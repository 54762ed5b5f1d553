//! awk: patterns and actions, fields, arrays, functions, getline, printf, pipes.
//!
//! Where awks differ, this is the one of the image: busybox' words for its own errors, mawk's else. Arrays are walked in the
//! order of their indices, numbers first.

mod builtins;
mod fields;
mod files;
mod input;
mod interpret;
mod parse;
mod syntax;
mod value;

use std::rc::Rc;

use regex_lite::Regex;

use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Usage},
    },
};
use interpret::{Awk, End};
use value::Value;

/// The variables that awk itself knows, by number.
pub const KNOWN: &[&str] = &[
    "NF", "NR", "FNR", "FS", "OFS", "RS", "ORS", "FILENAME", "SUBSEP", "RSTART", "RLENGTH", "CONVFMT", "OFMT",
    "ENVIRON", "ARGC", "ARGV",
];

/// Compiles an extended regular expression as awk writes it.
pub fn regex(text: &str) -> Result<Regex, String> {
    let mut pattern = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('"') => pattern.push('"'),
                // Also between brackets, where a regular expression knows no escapes.
                Some('t') => pattern.push('\t'),
                Some('n') => pattern.push('\n'),
                Some('r') => pattern.push('\r'),
                Some('f') => pattern.push('\x0c'),
                Some('v') => pattern.push('\x0b'),
                Some('/') => pattern.push('/'),
                Some('y') => pattern.push_str("\\b"),
                Some('<' | '>') => pattern.push_str("\\b"),
                Some(other) => {
                    pattern.push('\\');
                    pattern.push(other);
                }
                None => pattern.push_str("\\\\"),
            },
            other => pattern.push(other),
        }
    }
    super::regex(&pattern, true)
}

struct Call {
    text: String,
    separator: Option<String>,
    assigns: Vec<String>,
    operands: Vec<String>,
}

async fn call(proc: &Proc, ctx: &Context) -> Result<Call, i32> {
    let mut args = Args::of(proc, ctx.flavour);
    args.stop_at_operand = true;
    let (mut text, mut separator, mut assigns, mut operands) = (None::<String>, None, Vec::new(), Vec::new());
    let failed: Result<(), Usage> = loop {
        match args.next() {
            Ok(None) => break Ok(()),
            Ok(Some(Arg::Short('F'))) => match args.value() {
                Ok(value) => separator = Some(value),
                Err(error) => break Err(error),
            },
            Ok(Some(Arg::Short('v'))) => match args.value() {
                Ok(value) => assigns.push(value),
                Err(error) => break Err(error),
            },
            Ok(Some(Arg::Short('f'))) => {
                let path = match args.value() {
                    Ok(path) => path,
                    Err(error) => break Err(error),
                };
                let file = util::open_input(proc, &path);
                let data = match file {
                    Ok(file) => super::input::read_all(&file).await,
                    Err(error) => Err(error),
                };
                match data {
                    Ok(data) => {
                        let part = util::text(data);
                        text = Some(text.map_or(part.clone(), |before| format!("{before}\n{part}")));
                    }
                    Err(error) => {
                        return Err(util::fail(
                            proc,
                            2,
                            &format!(
                                "awk: {}",
                                util::open_error(ctx.flavour, "", &path, error).trim_start_matches(": ")
                            ),
                        )
                        .await);
                    }
                }
            }
            Ok(Some(Arg::Value(value))) if text.is_none() => text = Some(value),
            Ok(Some(Arg::Value(value))) => operands.push(value),
            Ok(Some(_)) => break Err(args.unknown()),
            Err(error) => break Err(error),
        }
    };
    if let Err(error) = failed {
        return Err(util::usage(proc, error, 2).await);
    }
    let Some(text) = text else {
        let usage = match ctx.flavour {
            Flavour::Gnu => "usage: awk [-F fs][-v var=value][prog | -f progfile][file ...]",
            Flavour::Busybox => &(ctx.banner() + "\nUsage: awk [OPTIONS] [AWK_PROGRAM] [FILE]..."),
        };
        return Err(util::fail(proc, 2, usage).await);
    };
    Ok(Call { text, separator, assigns, operands })
}

pub async fn awk(proc: Proc, ctx: Context) -> i32 {
    let call = match call(&proc, &ctx).await {
        Ok(call) => call,
        Err(code) => return code,
    };
    let script = match parse::parse(&call.text, KNOWN) {
        Ok(script) => script,
        Err(error) => {
            let text = match ctx.flavour {
                Flavour::Gnu => format!("awk: {error}"),
                Flavour::Busybox => format!("awk: cmd. line: {error}"),
            };
            return util::fail(&proc, if ctx.flavour == Flavour::Gnu { 2 } else { 1 }, &text).await;
        }
    };
    let mut awk = Awk::new(proc.clone(), ctx.flavour, script, &call.operands);
    if let Some(separator) = &call.separator {
        let text = if separator == "t" { "\t".to_string() } else { syntax::unescape(separator) };
        awk.set_named("FS", Value::text(&text));
    }
    for assign in &call.assigns {
        match assign.split_once('=') {
            Some((name, value)) if crate::programs::sh::is_name(name) => {
                awk.set_named(name, Value::input(&syntax::unescape(value)));
            }
            _ => return util::fail(&proc, 2, &format!("awk: invalid -v argument: {assign}")).await,
        }
    }
    let script = awk.script.clone();
    let result = awk.run(&Rc::clone(&script)).await;
    let code = match result {
        Ok(()) => 0,
        Err(End::Exit(code)) => code,
        Err(End::Error(text)) => {
            util::ignore(awk.flush().await);
            match ctx.flavour {
                Flavour::Gnu => util::fail(&proc, 2, &format!("awk: {text}")).await,
                Flavour::Busybox => util::fail(&proc, 1, &format!("awk: cmd. line:1: {text}")).await,
            }
        }
        Err(End::Broken) => 2,
        Err(_) => 0,
    };
    awk.close_all().await;
    code
}
