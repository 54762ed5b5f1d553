//! The shell of the workstation and of every container: `sh`, `ash`, `dash`, `bash`.
//!
//! Layers: `lexer` and `parser` make a syntax tree (`ast`) of text; `expand` turns words into fields;
//! `interpret` runs the tree; `builtins` are the commands inside the shell; `interactive` and
//! `readline` talk to a terminal.
//!
//! Invariants:
//! - No input panics or recurses without bound: nesting, sizes and call depth are limited.
//! - Every command and every turn of a loop costs simulated CPU time, so no script freezes the machine.
//! - A pipeline stage, a subshell, a background job and a command substitution are forked processes.

mod arith;
mod arrays;
mod ast;
mod brace;
mod builtins;
mod complete;
#[cfg(test)]
mod corpus;
pub mod echo;
pub mod escapes;
mod expand;
mod interactive;
mod interpret;
mod jobs;
mod lexer;
mod parser;
pub mod pattern;
mod read;
mod readline;
pub use ast::is_name;
pub use readline::width;
mod processes;
mod redirect;
mod select;
mod simple;
mod state;
pub mod test;
#[cfg(test)]
mod tests;
mod traps;

use super::{Context, Entry, Flavour, util};
use crate::os::{File, Proc};
use parser::Parser;
use state::{Flow, Shell};

pub const TABLE: &[Entry] = &[
    entry!("sh", ctx sh, "the shell"),
    entry!("ash", ctx ash, "the shell, in the words of busybox"),
    entry!("dash", ctx dash, "the shell, in the words of Debian's sh"),
    entry!("bash", ctx bash, "the shell, in the words of bash"),
];

/// Whose words the shell speaks, and whose extensions it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Ash,
    Dash,
    Bash,
}

impl Dialect {
    pub fn is_bash(self) -> bool {
        self == Dialect::Bash
    }

    /// What ash took over from bash: `[[ ]]`, `$'…'`, `${x/a/b}`, `${x:1:2}`, `function`, `&>`.
    pub fn has_bash_syntax(self) -> bool {
        self != Dialect::Dash
    }
}

async fn sh(proc: Proc, ctx: Context) -> i32 {
    let dialect = if ctx.flavour == Flavour::Busybox { Dialect::Ash } else { Dialect::Dash };
    main(proc, ctx, dialect).await
}

async fn ash(proc: Proc, ctx: Context) -> i32 {
    main(proc, ctx, Dialect::Ash).await
}

async fn dash(proc: Proc, ctx: Context) -> i32 {
    main(proc, ctx, Dialect::Dash).await
}

async fn bash(proc: Proc, ctx: Context) -> i32 {
    main(proc, ctx, Dialect::Bash).await
}

/// What the command line asks for.
#[derive(Default)]
struct Invocation {
    command: Option<String>,
    from_stdin: bool,
    interactive: Option<bool>,
    login: bool,
    no_rc: bool,
    operands: Vec<String>,
}

async fn main(proc: Proc, ctx: Context, dialect: Dialect) -> i32 {
    let argv = proc.argv();
    let called = argv.first().cloned().unwrap_or_default();
    let mut shell = Shell::new(proc.clone(), ctx, dialect, called.trim_start_matches('-'));
    let invocation = match parse_arguments(&mut shell, &argv) {
        Ok(invocation) => invocation,
        Err(message) => return util::fail(&proc, 2, &message).await,
    };
    let login = invocation.login || called.starts_with('-');
    let mut operands = invocation.operands.into_iter();
    let mut script = None;
    if invocation.command.is_some() {
        if let Some(name) = operands.next() {
            shell.arg0 = name;
        }
    } else if !invocation.from_stdin {
        script = operands.next();
    }
    shell.positional = operands.collect();
    let tty = proc.stdin().is_tty() && proc.stderr().is_tty();
    let interactive = invocation.interactive.unwrap_or(invocation.command.is_none() && script.is_none() && tty);
    let code = match (invocation.command, script) {
        (Some(text), _) => {
            shell.line_numbers = dialect != Dialect::Ash;
            shell.start(interactive, login, invocation.no_rc).await;
            shell.reading = state::Source::Command;
            shell.run_text(&text, true).await
        }
        (None, Some(path)) => {
            shell.start(interactive, login, invocation.no_rc).await;
            run_script(&mut shell, &path).await
        }
        (None, None) if interactive && tty => {
            shell.start(true, login, invocation.no_rc).await;
            return interactive::run(&mut shell).await;
        }
        (None, None) => {
            shell.start(interactive, login, invocation.no_rc).await;
            shell.reading = state::Source::Stdin;
            run_stdin(&mut shell).await
        }
    };
    shell.leave(code).await
}

fn parse_arguments(shell: &mut Shell, argv: &[String]) -> Result<Invocation, String> {
    let mut invocation = Invocation::default();
    let mut args = argv.iter().skip(1).peekable();
    let mut wants_command = false;
    while let Some(arg) = args.peek() {
        let arg = arg.as_str();
        if arg == "-" || arg == "--" {
            args.next();
            break;
        }
        if let Some(long) = arg.strip_prefix("--") {
            match long {
                "login" => invocation.login = true,
                "norc" | "noprofile" => invocation.no_rc = true,
                "posix" | "noediting" => {}
                _ if shell.dialect.is_bash() => {
                    return Err(format!("{}: {arg}: invalid option", shell.arg0));
                }
                _ => return Err(format!("{}: 0: Illegal option --", shell.arg0)),
            }
            args.next();
            continue;
        }
        let Some((on, letters)) = state::option_letters(arg) else { break };
        args.next();
        for letter in letters.chars() {
            match letter {
                'c' if on => wants_command = true,
                's' if on => invocation.from_stdin = true,
                'i' => invocation.interactive = Some(on),
                'l' if on => invocation.login = true,
                'o' => {
                    let name = args.next().cloned().unwrap_or_default();
                    if !shell.options.set_long(&name, on) {
                        return Err(format!("{}: 0: Illegal option -o {name}", shell.arg0));
                    }
                }
                _ if shell.options.set_short(letter, on) => {}
                _ if shell.dialect.is_bash() => return Err(format!("{}: -{letter}: invalid option", shell.arg0)),
                _ => return Err(format!("{}: 0: Illegal option -{letter}", shell.arg0)),
            }
        }
    }
    if wants_command {
        invocation.command = match args.next() {
            Some(text) => Some(text.clone()),
            None if shell.dialect.is_bash() => {
                return Err(format!("{}: -c: option requires an argument", shell.arg0));
            }
            None if shell.dialect == Dialect::Ash => {
                return Err(format!("{}: option requires an argument -- 'c'", shell.arg0));
            }
            None => return Err(format!("{}: 0: -c requires an argument", shell.arg0)),
        };
    }
    invocation.operands = args.cloned().collect();
    Ok(invocation)
}

async fn run_script(shell: &mut Shell, path: &str) -> i32 {
    let found = match shell.proc.stat(path) {
        Err(_) if !path.contains('/') => shell.find_program(path).unwrap_or_else(|| path.to_string()),
        _ => path.to_string(),
    };
    let text = match shell.proc.read_file(&found).await {
        Ok(data) => util::text(data),
        Err(error) => {
            let arg0 = &shell.arg0;
            let message = match shell.dialect {
                Dialect::Bash => format!("{arg0}: {path}: {error}"),
                Dialect::Dash => format!("{arg0}: 0: cannot open {path}: No such file"),
                Dialect::Ash => format!("{arg0}: can't open '{path}': {error}"),
            };
            let code = if error == crate::os::Errno::ENOENT { 127 } else { 126 };
            let code = if shell.dialect == Dialect::Ash || !shell.dialect.is_bash() { 2 } else { code };
            return util::fail(&shell.proc, code, &message).await;
        }
    };
    shell.arg0 = path.to_string();
    shell.reading = state::Source::Script;
    shell.run_text(&text, true).await
}

/// Runs commands as their lines come in; what follows is left to the commands that read stdin.
async fn run_stdin(shell: &mut Shell) -> i32 {
    let input = shell.proc.stdin();
    let mut text = String::new();
    let mut first_line = 1;
    let mut here_doc: Option<(String, bool)> = None;
    loop {
        let line = read_line(&input).await;
        let at_end = line.is_none();
        let line = line.unwrap_or_default();
        shell.show(&line).await;
        text.push_str(&line);
        if !at_end && text.len() > state::MAX_TEXT {
            return shell.report_too_long().await;
        }
        if !at_end && let Some((delimiter, strip_tabs)) = &here_doc {
            let line = line.trim_end_matches('\n');
            if (if *strip_tabs { line.trim_start_matches('\t') } else { line }) != delimiter {
                continue;
            }
        }
        here_doc = None;
        let mut parser = Parser::new(&text, shell.dialect, shell.usable_aliases()).at_line(first_line);
        parser.at_end = at_end;
        let command = parser.next_command();
        shell.parsed_line = parser.line();
        shell.warn(&mut parser).await;
        match command {
            Err(error) if error.is_incomplete() && !at_end => {
                if let parser::ErrorKind::HereDoc { delimiter, strip_tabs } = error.kind {
                    here_doc = Some((delimiter, strip_tabs));
                }
                continue;
            }
            Err(error) => return shell.report_syntax(&error).await,
            Ok(None) => {}
            Ok(Some(list)) => match shell.list(&list, false).await {
                Ok(code) => shell.status = code,
                Err(Flow::Error(code)) if shell.goes_on_after(code) => shell.status = code,
                Err(Flow::Exit(code) | Flow::Error(code)) => return code,
                Err(_) => {}
            },
        }
        first_line += text.matches('\n').count() as u32;
        text.clear();
        if at_end {
            return shell.status;
        }
    }
}

/// A line with its newline, without reading beyond it; `None` at the end.
async fn read_line(input: &File) -> Option<String> {
    let mut line = Vec::new();
    while let Ok(byte) = input.read(1).await
        && !byte.is_empty()
    {
        line.extend_from_slice(&byte);
        if byte == b"\n" || line.len() > state::MAX_TEXT {
            break;
        }
    }
    (!line.is_empty()).then(|| util::text(line))
}
