//! Commands inside the shell, a family a file.

mod control;
mod directories;
mod getopts;
mod history;
mod kill;
mod limits;
mod mapfile;
mod names;
mod processes;
mod set;
mod shopt;
mod text;
mod variables;

pub use limits::Limit;
pub use shopt::Shopt;
pub use variables::declaration;

use super::{
    Dialect, echo,
    state::{Flow, Outcome, Shell},
};
use crate::programs::util;

const SPECIAL: &[&str] = &[
    ":", ".", "break", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift", "times",
    "trap", "unset",
];

const REGULAR: &[&str] = &[
    "[", "alias", "bg", "cd", "command", "echo", "false", "fg", "getopts", "hash", "jobs", "kill", "local", "printf",
    "pwd", "read", "test", "true", "type", "ulimit", "umask", "unalias", "wait",
];

const BASH_ONLY: &[&str] = &[
    "builtin",
    "declare",
    "dirs",
    "disown",
    "help",
    "history",
    "let",
    "mapfile",
    "popd",
    "pushd",
    "readarray",
    "shopt",
    "source",
    "typeset",
];
const ASH_TOO: &[&str] = &["source", "history", "let", "help"];

pub fn is_special(name: &str) -> bool {
    SPECIAL.contains(&name)
}

pub fn is_builtin(name: &str, dialect: Dialect) -> bool {
    is_special(name)
        || REGULAR.contains(&name)
        || (dialect.is_bash() && BASH_ONLY.contains(&name))
        || (dialect == Dialect::Ash && (ASH_TOO.contains(&name) || name == "[["))
        || (name == "history")
}

pub fn names(dialect: Dialect) -> Vec<&'static str> {
    let mut names: Vec<&str> = SPECIAL.iter().chain(REGULAR).copied().collect();
    if dialect.is_bash() {
        names.extend(BASH_ONLY);
    }
    names.push("history");
    names.sort_unstable();
    names.dedup();
    names
}

/// `text` in single quotes, as `set`, `alias`, `trap` and `export -p` print it.
pub fn quoted(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    loop {
        let length = rest.find('\'').unwrap_or(rest.len());
        out += &format!("'{}'", &rest[..length]);
        rest = &rest[length..];
        let quotes = rest.len() - rest.trim_start_matches('\'').len();
        if quotes > 0 {
            out += &format!("\"{}\"", &rest[..quotes]);
        }
        rest = &rest[quotes..];
        if rest.is_empty() {
            return out;
        }
    }
}

/// `text` in single quotes, as bash prints it.
pub fn bash_single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// As busybox' `set -x` prints a word.
pub fn quoted_if_needed(text: &str) -> String {
    const RESERVED: &[&str] =
        &["case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in", "then", "until", "while"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,+@^]~".contains(c);
    if text.chars().all(plain) && !RESERVED.contains(&text) { text.to_string() } else { quoted(text) }
}

pub fn bash_quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=,+@%^".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_string();
    }
    if text.chars().any(char::is_control) {
        return format!("$'{}'", text.escape_default());
    }
    bash_single_quoted(text)
}

/// `text` in double quotes, as `declare -p` prints it.
pub fn bash_double_quoted(text: &str) -> String {
    if text.chars().any(char::is_control) {
        return format!("$'{}'", text.escape_default());
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        if "\"$`\\".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out + "\""
}

/// `printf %q`
pub fn bash_printf_quoted(text: &str) -> String {
    if text.is_empty() {
        return "''".to_string();
    }
    if text.chars().any(char::is_control) {
        return format!("$'{}'", text.escape_default());
    }
    let mut out = String::new();
    for c in text.chars() {
        if !(c.is_alphanumeric() || "_-./:=+@%".contains(c)) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Shell {
    /// Runs a builtin; `fields[0]` is its name.
    pub async fn builtin(&mut self, name: &str, fields: Vec<String>, tail: bool) -> Outcome {
        let args = &fields[1..];
        match name {
            ":" | "true" => Ok(0),
            "false" => Ok(1),
            "echo" => {
                let data = echo::echo(args, self.dialect);
                self.output(&data, "echo").await
            }
            "printf" => self.printf(args).await,
            "test" | "[" | "[[" => self.test(&fields).await,
            "cd" => self.cd(args).await,
            "pwd" => self.pwd(args).await,
            "exit" => self.exit(args).await,
            "return" => self.return_(args).await,
            "break" | "continue" => self.break_(name, args).await,
            "eval" => self.eval(args).await,
            "." | "source" => self.source(name, args).await,
            "exec" => self.exec_builtin(args, tail).await,
            "export" | "readonly" => self.export_builtin(name, args).await,
            "declare" | "typeset" => self.declare(name, args).await,
            "local" => self.local(args).await,
            "mapfile" | "readarray" => self.mapfile(name, args).await,
            "unset" => self.unset(args).await,
            "set" => self.set(args).await,
            "shift" => self.shift(args).await,
            "shopt" => self.shopt_builtin(args).await,
            "trap" => self.trap(args).await,
            "wait" => self.wait(args).await,
            "jobs" => self.jobs_builtin(args).await,
            "fg" | "bg" => self.fg_bg(name, args).await,
            "disown" => {
                self.jobs.forget();
                Ok(0)
            }
            "kill" => self.kill(args).await,
            "read" => self.read_builtin(args).await,
            "getopts" => self.getopts(args).await,
            "alias" | "unalias" => self.alias(name, args).await,
            "type" => self.type_(args).await,
            "command" | "builtin" => self.command_builtin(name, args, tail).await,
            "hash" => self.hash(args).await,
            "umask" => self.umask(args).await,
            "ulimit" => self.ulimit(args).await,
            "times" => self.output(b"0m0.000000s 0m0.000000s\n0m0.000000s 0m0.000000s\n", "times").await,
            "history" => self.history_builtin(args).await,
            "let" => {
                let mut value = 0;
                for arg in args {
                    value = self.arithmetic(arg).await?;
                }
                Ok(i32::from(value == 0))
            }
            "help" => {
                let list = self.ctx.programs.list();
                let text: String = list.iter().map(|(name, about)| format!("{name:<12} {about}\n")).collect();
                self.output(text.as_bytes(), "help").await
            }
            "dirs" | "pushd" | "popd" => self.directory_stack(name, args).await,
            _ => Ok(127),
        }
    }

    /// Writes to stdout for a builtin.
    pub async fn output(&self, data: &[u8], name: &str) -> Outcome {
        match util::write_out(&self.proc, data).await {
            Ok(()) => Ok(0),
            Err(error) => {
                match self.dialect {
                    Dialect::Dash => self.complain(Some(name), &format!("{name}: I/O error")).await,
                    Dialect::Bash => self.complain(Some(name), &format!("write error: {error}")).await,
                    Dialect::Ash => self.complain_as_program(&format!("write error: {error}")).await,
                }
                Ok(1)
            }
        }
    }

    /// Reports a builtin's error: its status is 1 in bash, and 2 for special builtins elsewhere, where it
    /// ends a script.
    async fn error(&self, name: &str, text: &str) -> Outcome {
        self.complain(Some(name), text).await;
        match (self.dialect, is_special(name)) {
            (Dialect::Bash, _) => Ok(1),
            (_, true) => Err(Flow::Error(2)),
            (_, false) => Ok(2),
        }
    }

    /// What bash says when a builtin is called wrongly.
    async fn usage(&self, text: &str) -> Outcome {
        let name = text.split(' ').next().unwrap_or(text);
        util::ignore(self.proc.eprint(&format!("{name}: usage: {text}\n")).await);
        Ok(2)
    }
}
