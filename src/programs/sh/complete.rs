//! Tab: command names, variables, files, and what programs know about their own arguments.

use super::{builtins, state::Shell};
use crate::os::fs::FileType;

pub struct Candidate {
    /// The word as it will stand in the line.
    pub word: String,
    /// The word as it is listed.
    pub shown: String,
    /// What follows a word that is the only one.
    pub suffix: &'static str,
}

pub struct Completion {
    /// Where the word begins, in bytes.
    pub start: usize,
    pub candidates: Vec<Candidate>,
}

/// The command before the cursor, taken apart.
struct Context {
    words: Vec<String>,
    /// Where the last word begins, in bytes.
    start: usize,
    /// The open quote in the last word.
    quote: Option<char>,
    /// The last word is the target of a redirection.
    redirected: bool,
}

fn context(text: &str) -> Context {
    let mut words = vec![String::new()];
    let mut start = 0;
    let mut quote = None;
    let mut redirected = false;
    let mut fresh = true;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let mut push = |c: char, words: &mut Vec<String>| {
            if let Some(word) = words.last_mut() {
                word.push(c);
            }
            fresh = false;
        };
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => push(c, &mut words),
            (None, '\'' | '"') => {
                quote = Some(c);
                fresh = false;
            }
            (None, '\\') => {
                if let Some((_, c)) = chars.next() {
                    push(c, &mut words);
                }
            }
            (None, ' ' | '\t') => {
                if !fresh {
                    words.push(String::new());
                    redirected = false;
                }
                fresh = true;
                start = at + 1;
            }
            (None, '|' | ';' | '&' | '(' | '\n' | '`') => {
                words = vec![String::new()];
                fresh = true;
                redirected = false;
                start = at + c.len_utf8();
            }
            (None, '<' | '>') => {
                if !fresh {
                    words.push(String::new());
                }
                redirected = true;
                fresh = true;
                start = at + 1;
            }
            (None, c) => push(c, &mut words),
        }
    }
    Context { words, start, quote, redirected }
}

pub async fn complete(shell: &mut Shell, text: &str) -> Completion {
    let Context { mut words, start, quote, redirected } = context(text);
    // Assignments and words that introduce a command don't count.
    while words.len() > 1
        && (words[0].split_once('=').is_some_and(|(name, _)| super::ast::is_name(name))
            || matches!(
                words[0].as_str(),
                "if" | "then" | "else" | "while" | "until" | "do" | "!" | "{" | "time" | "exec"
            ))
    {
        words.remove(0);
    }
    let prefix = words.last().cloned().unwrap_or_default();
    if quote != Some('\'')
        && let Some(at) = text[start..].rfind('$')
    {
        let raw = &text[start + at + 1..];
        let (brace, name) = match raw.strip_prefix('{') {
            Some(name) => ("{", name),
            None => ("", raw),
        };
        if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            let end = if brace.is_empty() { "" } else { "}" };
            let names = shell.variables.keys().filter(|variable| variable.starts_with(name));
            let candidates = names
                .map(|variable| Candidate {
                    word: format!("${brace}{variable}{end}"),
                    shown: variable.clone(),
                    suffix: " ",
                })
                .collect();
            return Completion { start: start + at, candidates };
        }
    }
    if redirected {
        return Completion { start, candidates: files(shell, &prefix, quote, false) };
    }
    if words.len() == 1 && !prefix.contains('/') && !prefix.starts_with('~') {
        return Completion { start, candidates: commands(shell, &prefix) };
    }
    let command = words.first().cloned().unwrap_or_default();
    if let Some(alias) = shell.aliases.get(&command)
        && words.len() > 1
    {
        let expanded = alias.split_whitespace().map(str::to_string);
        words = expanded.chain(words.into_iter().skip(1)).collect();
    }
    let program = words.first().map(|name| crate::programs::util::file_name(name).to_string()).unwrap_or_default();
    if words.len() > 1
        && let Some(completer) = shell.ctx.programs.completer(&program)
    {
        let found = completer.complete(&shell.proc, &words, words.len() - 1, &prefix).await;
        if !found.is_empty() {
            let candidate = |word: String| Candidate {
                suffix: if word.ends_with(['=', '/', ',', ':']) { "" } else { closing(quote) },
                shown: word.clone(),
                word: escaped(&word, quote),
            };
            return Completion { start, candidates: found.into_iter().map(candidate).collect() };
        }
    }
    let only_directories = matches!(program.as_str(), "cd" | "rmdir") && words.len() > 1;
    Completion { start, candidates: files(shell, &prefix, quote, only_directories) }
}

fn closing(quote: Option<char>) -> &'static str {
    match quote {
        None => " ",
        Some('\'') => "' ",
        Some(_) => "\" ",
    }
}

/// A word written so that the shell reads it as it is.
fn escaped(word: &str, quote: Option<char>) -> String {
    match quote {
        Some(quote) => format!("{quote}{word}"),
        None => {
            let mut out = String::new();
            for (i, c) in word.chars().enumerate() {
                if " \t\n\\'\"`$&|;<>()*?[]#!{}".contains(c) && !(c == '#' && i > 0) {
                    out.push('\\');
                }
                out.push(c);
            }
            out
        }
    }
}

fn commands(shell: &Shell, prefix: &str) -> Vec<Candidate> {
    let mut names: Vec<String> = builtins::names(shell.dialect).into_iter().map(str::to_string).collect();
    names.extend(["if", "for", "while", "until", "case", "function"].map(str::to_string));
    names.extend(shell.functions.keys().cloned());
    names.extend(shell.aliases.keys().cloned());
    for dir in shell.get("PATH").unwrap_or_default().split(':') {
        for entry in shell.proc.read_dir(if dir.is_empty() { "." } else { dir }).unwrap_or_default() {
            names.push(entry.name);
        }
    }
    names.retain(|name| name.starts_with(prefix));
    names.sort();
    names.dedup();
    names.into_iter().map(|name| Candidate { word: name.clone(), shown: name, suffix: " " }).collect()
}

fn files(shell: &Shell, prefix: &str, quote: Option<char>, only_directories: bool) -> Vec<Candidate> {
    let (dir, name) = match prefix.rfind('/') {
        Some(at) => prefix.split_at(at + 1),
        None => ("", prefix),
    };
    let home = shell.get("HOME").unwrap_or_default();
    let tilde = dir.starts_with("~/") && quote.is_none();
    let real = if tilde { format!("{home}{}", &dir[1..]) } else { dir.to_string() };
    let entries = shell.proc.read_dir(if real.is_empty() { "." } else { &real }).unwrap_or_default();
    let mut found = Vec::new();
    for entry in entries {
        if !entry.name.starts_with(name) || (entry.name.starts_with('.') && !name.starts_with('.')) {
            continue;
        }
        let path = format!("{real}{}", entry.name);
        let is_dir = shell.proc.stat(&path).is_ok_and(|stat| stat.file_type == FileType::Directory);
        if only_directories && !is_dir {
            continue;
        }
        let slash = if is_dir { "/" } else { "" };
        let written = if tilde { format!("~{}", &dir[1..]) } else { escaped_plain(dir, quote) };
        let start = quote.map(String::from).unwrap_or_default();
        found.push(Candidate {
            word: format!("{start}{written}{}{slash}", escaped_plain(&entry.name, quote)),
            shown: format!("{}{slash}", entry.name),
            suffix: if is_dir { "" } else { closing(quote) },
        });
    }
    found
}

fn escaped_plain(text: &str, quote: Option<char>) -> String {
    if quote.is_some() { text.to_string() } else { escaped(text, None) }
}

/// The longest text that all candidates begin with; `None` if there are none.
pub fn common_prefix(candidates: &[Candidate]) -> Option<String> {
    let (first, rest) = candidates.split_first()?;
    let mut common = first.word.as_str();
    for candidate in rest {
        let length: usize =
            common.chars().zip(candidate.word.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        common = &common[..length];
    }
    Some(common.to_string())
}

/// Names in columns, read downwards.
pub fn table(names: &[&str], columns: usize) -> String {
    let width_of = |name: &str| name.chars().map(super::readline::width).sum::<usize>();
    let widest = names.iter().map(|name| width_of(name)).max().unwrap_or(0) + 2;
    let across = (columns / widest).max(1);
    let rows = names.len().div_ceil(across);
    let mut text = String::new();
    for row in 0..rows {
        let mut line = String::new();
        for name in names.iter().skip(row).step_by(rows.max(1)) {
            line.push_str(name);
            line.push_str(&" ".repeat(widest - width_of(name)));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
