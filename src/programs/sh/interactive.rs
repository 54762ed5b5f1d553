//! The shell at a terminal: prompts, history, commands over several lines.

use std::rc::Rc;

use super::{
    Dialect,
    parser::Parser,
    readline::{self, Read},
    state::{Flow, MAX_TEXT, Shell, Source},
};
use crate::programs::util;

/// Lines kept in the history and its file.
const HISTORY_LINES: usize = 1000;

pub async fn run(shell: &mut Shell) -> i32 {
    shell.reading = Source::Terminal;
    shell.catch_keyboard();
    shell.take_terminal();
    load_history(shell).await;
    let code = commands(shell).await;
    save_history(shell).await;
    shell.leave(code).await
}

async fn commands(shell: &mut Shell) -> i32 {
    let mut text = String::new();
    let mut line_number = 1;
    let mut eofs = 0;
    loop {
        if text.is_empty() {
            shell.report_jobs().await;
        }
        let prompt = prompt(shell, if text.is_empty() { "PS1" } else { "PS2" }).await;
        match readline::read(shell, &prompt).await {
            Read::Interrupted => {
                text.clear();
                shell.status = 130;
                continue;
            }
            Read::End if text.is_empty() => {
                eofs += 1;
                if shell.options.ignoreeof && eofs < 10 {
                    util::ignore(shell.proc.eprint("Use \"exit\" to leave the shell.\n").await);
                    continue;
                }
                let word = if shell.dialect.is_bash() { "exit\n" } else { "\n" };
                util::ignore(shell.proc.eprint(word).await);
                return shell.status;
            }
            Read::HungUp => return shell.status,
            // The end in the middle of a command: what there is must do, or is an error.
            Read::End => {}
            Read::Line(line) => {
                text.push_str(&line);
                text.push('\n');
                if text.len() > MAX_TEXT {
                    shell.report_too_long().await;
                    text.clear();
                    continue;
                }
                if let Err(error) = check(shell, &text)
                    && error.is_incomplete()
                {
                    continue;
                }
            }
        }
        eofs = 0;
        remember(shell, text.trim_end_matches('\n'));
        let command = std::mem::take(&mut text);
        let lines = command.matches('\n').count() as u32;
        let outcome = run_command(shell, &command, line_number).await;
        line_number += lines;
        shell.take_terminal();
        match outcome {
            Ok(code) | Err(Flow::Error(code) | Flow::Return(code)) => shell.status = code,
            Err(Flow::Exit(code)) => return code,
            Err(Flow::Interrupt) => shell.status = 130,
            Err(Flow::Break(_) | Flow::Continue(_)) => {}
        }
        // Whatever was cut short left nothing behind.
        shell.tested = 0;
        shell.loops = 0;
        shell.calls = 0;
        shell.stack_base = 0;
        shell.locals.clear();
    }
}

fn check(shell: &Shell, text: &str) -> Result<(), super::parser::SyntaxError> {
    let mut parser = Parser::new(text, shell.dialect, shell.usable_aliases());
    parser.at_end = false;
    while parser.next_command()?.is_some() {}
    // A backslash before the newline goes on in the next line.
    Ok(())
}

async fn run_command(shell: &mut Shell, text: &str, line: u32) -> super::state::Outcome {
    let mut parser = Parser::new(text, shell.dialect, None).at_line(line);
    let mut status = shell.status;
    loop {
        parser.set_aliases(shell.usable_aliases());
        match parser.next_command() {
            Err(error) => return Ok(shell.report_syntax(&error).await),
            Ok(None) => return Ok(status),
            Ok(Some(list)) => status = shell.list(&list, false).await?,
        }
        shell.status = status;
    }
}

fn remember(shell: &mut Shell, line: &str) {
    let blank = line.trim().is_empty() || (line.starts_with(' ') && shell.dialect.is_bash());
    if blank || shell.history.last().is_some_and(|last| last == line) {
        return;
    }
    let history = Rc::make_mut(&mut shell.history);
    history.push(line.to_string());
    if history.len() > HISTORY_LINES {
        history.remove(0);
    }
}

fn history_file(shell: &Shell) -> Option<String> {
    if let Some(file) = shell.get("HISTFILE") {
        return Some(file).filter(|file| !file.is_empty());
    }
    let home = shell.get("HOME").filter(|home| !home.is_empty())?;
    match shell.dialect {
        Dialect::Bash => Some(format!("{home}/.bash_history")),
        Dialect::Ash => Some(format!("{home}/.ash_history")),
        Dialect::Dash => None,
    }
}

async fn load_history(shell: &mut Shell) {
    let Some(file) = history_file(shell) else { return };
    if let Ok(data) = shell.proc.read_file(&file).await {
        let text = util::text(data);
        let lines: Vec<String> = text.lines().map(str::to_string).collect();
        let skip = lines.len().saturating_sub(HISTORY_LINES);
        shell.history = Rc::new(lines[skip..].to_vec());
    }
}

async fn save_history(shell: &mut Shell) {
    let Some(file) = history_file(shell) else { return };
    if shell.history.is_empty() {
        return;
    }
    let text = shell.history.join("\n") + "\n";
    // A read-only file system keeps no history, and that is all.
    util::ignore(shell.proc.write_file(&file, text.as_bytes()).await);
}

/// The prompt in a variable, expanded.
async fn prompt(shell: &mut Shell, name: &str) -> String {
    let text = shell.get(name).unwrap_or_default();
    let text = if shell.dialect == Dialect::Dash { text } else { escapes(shell, &text) };
    if !text.contains(['$', '`']) {
        return text;
    }
    let mut parser = Parser::new(&text, shell.dialect, None);
    let Ok(word) = parser.here_doc_word() else { return text };
    let status = shell.status;
    let expanded = shell.quoted_text(&word.parts).await.unwrap_or(text);
    shell.status = status;
    expanded
}

/// `\u`, `\h`, `\w`, `\$` and the others of bash.
fn escapes(shell: &Shell, text: &str) -> String {
    let proc = &shell.proc;
    let home = shell.get("HOME").unwrap_or_default();
    let cwd = proc.cwd();
    let short = match cwd.strip_prefix(&home) {
        Some(rest) if !home.is_empty() && home != "/" && (rest.is_empty() || rest.starts_with('/')) => {
            format!("~{rest}")
        }
        _ => cwd.clone(),
    };
    let root = proc.uid() == 0;
    let hostname = proc.hostname();
    let now = || proc.sim().wall().to_zoned(jiff::tz::TimeZone::UTC);
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('u') => match root {
                true => out.push_str("root"),
                false => out.push_str(&shell.get("USER").unwrap_or_else(|| "I have no name!".to_string())),
            },
            Some('h') => out.push_str(hostname.split('.').next().unwrap_or("")),
            Some('H') => out.push_str(&hostname),
            Some('w') => out.push_str(&short),
            Some('W') if short == "~" || short == "/" => out.push_str(&short),
            Some('W') => out.push_str(util::file_name(&short)),
            Some('$') => out.push(if root { '#' } else { '$' }),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('a') => out.push('\u{7}'),
            Some('e') => out.push('\u{1b}'),
            Some('s') => out.push_str(util::file_name(&shell.arg0)),
            Some('v') => out.push_str("5.2"),
            Some('V') => out.push_str("5.2.15"),
            Some('t') => out.push_str(&now().strftime("%H:%M:%S").to_string()),
            Some('T') => out.push_str(&now().strftime("%I:%M:%S").to_string()),
            Some('A') => out.push_str(&now().strftime("%H:%M").to_string()),
            Some('d') => out.push_str(&now().strftime("%a %b %d").to_string()),
            Some('j') => out.push_str(&shell.jobs.0.len().to_string()),
            Some('!' | '#') => out.push_str(&(shell.history.len() + 1).to_string()),
            Some('[' | ']') => {}
            Some('\\') => out.push('\\'),
            Some('0') => {
                let digits: String = std::iter::from_fn(|| chars.next_if(|c| c.is_digit(8))).take(2).collect();
                let code = u32::from_str_radix(&digits, 8).unwrap_or(0);
                out.extend(char::from_u32(code).filter(|c| *c != '\0'));
            }
            Some(other) => {
                out.push('\\');
                out.push(other);
            }
            None => out.push('\\'),
        }
    }
    out
}
