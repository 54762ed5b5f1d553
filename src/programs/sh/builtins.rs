//! Commands inside the shell.

use std::{rc::Rc, time::Duration};

use super::{
    Dialect,
    ast::is_name,
    echo,
    interpret::Nested,
    state::{Flow, Outcome, Shell, option_letters},
    test,
};
use crate::{
    os::{Pid, Signal, process::Group},
    programs::util,
    sim::{Either, race},
};

const SPECIAL: &[&str] = &[
    ":", ".", "break", "continue", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift", "times",
    "trap", "unset",
];

const REGULAR: &[&str] = &[
    "[", "alias", "bg", "cd", "command", "echo", "false", "fg", "getopts", "hash", "jobs", "kill", "local", "printf",
    "pwd", "read", "test", "true", "type", "ulimit", "umask", "unalias", "wait",
];

const BASH_ONLY: &[&str] =
    &["builtin", "declare", "dirs", "disown", "help", "history", "let", "shopt", "source", "typeset"];
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
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

pub fn quoted_if_needed(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=,+@%^!".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_string() } else { quoted(text) }
}

pub fn bash_quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=,+@%^".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_string();
    }
    if text.chars().any(char::is_control) {
        return format!("$'{}'", text.escape_default());
    }
    format!("'{}'", text.replace('\'', "'\\''"))
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
            "pwd" => {
                let text = self.get("PWD").unwrap_or_else(|| self.proc.cwd()) + "\n";
                self.output(text.as_bytes(), "pwd").await
            }
            "exit" => self.exit(args).await,
            "return" => self.return_(args).await,
            "break" | "continue" => self.break_(name, args).await,
            "eval" => {
                let text = args.join(" ");
                self.nested(Nested::Text(text)).await
            }
            "." | "source" => self.source(name, args).await,
            "exec" => self.exec_builtin(args, tail).await,
            "export" | "readonly" => self.export_builtin(name, args).await,
            "declare" | "typeset" => self.declare(args).await,
            "local" => self.local(args).await,
            "unset" => self.unset(args).await,
            "set" => self.set(args).await,
            "shift" => self.shift(args).await,
            "shopt" => Ok(0),
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
            "ulimit" => self.output(b"unlimited\n", "ulimit").await,
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
            "dirs" => {
                let text = self.proc.cwd() + "\n";
                self.output(text.as_bytes(), "dirs").await
            }
            _ => Ok(127),
        }
    }

    /// Writes to stdout for a builtin.
    pub async fn output(&self, data: &[u8], name: &str) -> Outcome {
        match util::write_out(&self.proc, data).await {
            Ok(()) => Ok(0),
            Err(error) => {
                let text = match self.dialect {
                    Dialect::Dash => format!("{name}: I/O error"),
                    _ => format!("{name}: write error: {error}"),
                };
                self.complain(None, &text).await;
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
            (Dialect::Dash, false) => Ok(2),
            (Dialect::Ash, false) => Ok(1),
        }
    }

    async fn printf(&mut self, args: &[String]) -> Outcome {
        let mut args = args;
        let mut variable = None;
        if self.dialect.is_bash() && args.first().is_some_and(|arg| arg == "-v") && args.len() > 1 {
            variable = Some(args[1].clone());
            args = &args[2..];
        }
        if args.first().is_some_and(|arg| arg == "--") {
            args = &args[1..];
        }
        let Some((format, args)) = args.split_first() else {
            let text = match self.dialect {
                Dialect::Bash => "usage: printf [-v var] format [arguments]",
                _ => "usage: printf format [arg ...]",
            };
            self.complain(Some("printf"), text).await;
            return Ok(2);
        };
        let printed = echo::printf(format, args, self.dialect);
        for complaint in &printed.complaints {
            match self.dialect {
                Dialect::Ash => self.complain(None, complaint).await,
                _ => self.complain(Some("printf"), complaint).await,
            }
        }
        let status = i32::from(!printed.complaints.is_empty());
        if let Some(name) = variable {
            self.set_or_fail(&name, util::text(printed.output)).await?;
            return Ok(status);
        }
        Ok(self.output(&printed.output, "printf").await?.max(status))
    }

    async fn test(&mut self, fields: &[String]) -> Outcome {
        let mut fields = fields.to_vec();
        if fields[0] == "[[" {
            if fields.last().is_some_and(|last| last == "]]") {
                fields.pop();
            }
            fields[0] = "test".to_string();
        }
        match test::run(&self.proc, &fields) {
            Ok(value) => Ok(i32::from(!value)),
            Err(error) => {
                let text = error.message(self.dialect);
                let name = (self.dialect != Dialect::Ash).then_some(fields[0].as_str());
                self.complain(name, &text).await;
                Ok(2)
            }
        }
    }

    async fn cd(&mut self, args: &[String]) -> Outcome {
        let args: Vec<&String> = args.iter().filter(|arg| !matches!(arg.as_str(), "-L" | "-P" | "--")).collect();
        let mut print = false;
        let target = match args.as_slice() {
            [] => match self.get("HOME") {
                Some(home) if !home.is_empty() => home,
                _ if self.dialect.is_bash() => return self.error("cd", "HOME not set").await,
                _ => return Ok(0),
            },
            [dash] if *dash == "-" => match self.get("OLDPWD") {
                Some(old) => {
                    print = true;
                    old
                }
                None => return self.error("cd", "OLDPWD not set").await,
            },
            [path] => path.to_string(),
            _ if self.dialect.is_bash() => return self.error("cd", "too many arguments").await,
            [path, ..] => path.to_string(),
        };
        let before = self.get("PWD").unwrap_or_else(|| self.proc.cwd());
        let path = self.proc.absolute(&target);
        if let Err(error) = self.proc.chdir(&path) {
            let text = match self.dialect {
                Dialect::Bash => format!("{target}: {error}"),
                Dialect::Dash => format!("can't cd to {target}"),
                Dialect::Ash => format!("can't cd to {target}: {error}"),
            };
            return self.error("cd", &text).await;
        }
        self.put("OLDPWD", &before);
        let now = self.proc.cwd();
        self.put("PWD", &now);
        if print {
            return self.output(format!("{now}\n").as_bytes(), "cd").await;
        }
        Ok(0)
    }

    /// An exit status given as an argument.
    async fn code(&mut self, name: &str, arg: Option<&String>) -> Result<i32, Flow> {
        let Some(arg) = arg else { return Ok(self.status) };
        match arg.trim().parse::<i64>() {
            Ok(code) if code >= 0 || self.dialect.is_bash() => Ok((code & 0xff) as i32),
            _ => {
                let text = match self.dialect {
                    Dialect::Bash => format!("{arg}: numeric argument required"),
                    _ => format!("Illegal number: {arg}"),
                };
                self.complain(Some(name), &text).await;
                Err(if self.dialect.is_bash() { Flow::Exit(2) } else { Flow::Error(2) })
            }
        }
    }

    async fn exit(&mut self, args: &[String]) -> Outcome {
        let code = self.code("exit", args.first()).await?;
        if args.len() > 1 && self.dialect.is_bash() {
            self.complain(Some("exit"), "too many arguments").await;
            return Ok(1);
        }
        Err(Flow::Exit(code))
    }

    async fn return_(&mut self, args: &[String]) -> Outcome {
        let code = self.code("return", args.first()).await?;
        if self.dialect.is_bash() && self.locals.is_empty() && self.sourced == 0 {
            return self.error("return", "can only `return' from a function or sourced script").await;
        }
        Err(Flow::Return(code))
    }

    async fn break_(&mut self, name: &str, args: &[String]) -> Outcome {
        let count = match args.first() {
            None => 1,
            Some(arg) => match arg.parse::<u32>() {
                Ok(count) if count > 0 => count,
                _ if self.dialect.is_bash() => {
                    return self.error(name, &format!("{arg}: numeric argument required")).await;
                }
                _ => return self.error(name, &format!("Illegal number: {arg}")).await,
            },
        };
        if self.loops == 0 {
            if self.dialect.is_bash() {
                let text = "only meaningful in a `for', `while', or `until' loop";
                self.complain(Some(name), text).await;
            }
            return Ok(0);
        }
        let count = count.min(self.loops);
        Err(if name == "break" { Flow::Break(count) } else { Flow::Continue(count) })
    }

    async fn source(&mut self, name: &str, args: &[String]) -> Outcome {
        let Some(path) = args.first() else {
            return match self.dialect {
                Dialect::Dash => Ok(0),
                _ => self.error(name, "filename argument required").await,
            };
        };
        let mut found = path.clone();
        if !path.contains('/') {
            let dirs = self.get("PATH").unwrap_or_default();
            let in_path = dirs.split(':').map(|dir| format!("{dir}/{path}")).find(|p| self.proc.stat(p).is_ok());
            match in_path {
                Some(file) => found = file,
                None if self.dialect != Dialect::Bash && self.proc.stat(path).is_err() => {
                    let text = match self.dialect {
                        Dialect::Ash => format!("{path}: not found"),
                        _ => format!("{path}: not found"),
                    };
                    return self.error(name, &text).await;
                }
                None => {}
            }
        }
        let text = match self.proc.read_file(&found).await {
            Ok(data) => util::text(data),
            Err(error) => {
                return match self.dialect {
                    Dialect::Bash => {
                        self.complain(None, &format!("{path}: {error}")).await;
                        Ok(1)
                    }
                    Dialect::Dash => self.error(name, &format!("cannot open {path}: No such file")).await,
                    Dialect::Ash => self.error(name, &format!("can't open '{path}': {error}")).await,
                };
            }
        };
        let positional = (args.len() > 1 && self.dialect != Dialect::Dash)
            .then(|| std::mem::replace(&mut self.positional, args[1..].to_vec()));
        self.sourced += 1;
        let result = self.nested(Nested::Text(text)).await;
        self.sourced -= 1;
        if let Some(positional) = positional {
            self.positional = positional;
        }
        match result {
            Err(Flow::Return(code)) => Ok(code),
            other => other,
        }
    }

    async fn exec_builtin(&mut self, args: &[String], _tail: bool) -> Outcome {
        let args = if args.first().is_some_and(|arg| arg == "--") { &args[1..] } else { args };
        if args.is_empty() {
            return Ok(0);
        }
        let env = self.environment();
        self.restore_dispositions();
        match self.exec(args, env).await {
            Ok(code) => {
                self.traps.exit = None;
                Err(Flow::Exit(code))
            }
            Err(error) => {
                if self.interactive {
                    self.catch_keyboard();
                }
                let code = self.cannot_execute(&args[0], error, Some("exec")).await;
                Err(if self.interactive { Flow::Error(code) } else { Flow::Exit(code) })
            }
        }
    }

    async fn export_builtin(&mut self, name: &str, args: &[String]) -> Outcome {
        let operands: Vec<&String> = args.iter().filter(|arg| *arg != "-p" && *arg != "--").collect();
        if operands.is_empty() {
            let export = name == "export";
            let mut text = String::new();
            for (variable, state) in self.variables.iter() {
                if if export { state.exported } else { state.readonly } {
                    let value = state.value.as_ref();
                    text += &match self.dialect {
                        Dialect::Bash => {
                            let flag = if export { "x" } else { "r" };
                            let value = value.map(|v| format!("=\"{}\"", v.replace('"', "\\\""))).unwrap_or_default();
                            format!("declare -{flag} {variable}{value}\n")
                        }
                        _ => format!(
                            "{name} {variable}{}\n",
                            value.map(|v| format!("={}", quoted(v))).unwrap_or_default()
                        ),
                    };
                }
            }
            return self.output(text.as_bytes(), name).await;
        }
        let mut status = 0;
        let mut unexport = false;
        for operand in operands {
            if operand == "-n" && self.dialect != Dialect::Dash {
                unexport = true;
                continue;
            }
            let (variable, value) = match operand.split_once('=') {
                Some((variable, value)) => (variable, Some(value)),
                None => (operand.as_str(), None),
            };
            if !is_name(variable) {
                let text = match self.dialect {
                    Dialect::Bash => format!("`{operand}': not a valid identifier"),
                    _ => format!("{variable}: bad variable name"),
                };
                status = self.error(name, &text).await?;
                continue;
            }
            if let Some(value) = value {
                self.set_or_fail(variable, value.to_string()).await?;
            }
            let variable = Rc::make_mut(&mut self.variables).entry(variable.to_string()).or_default();
            match name {
                "export" => variable.exported = !unexport,
                _ => variable.readonly = true,
            }
        }
        Ok(status)
    }

    /// bash's `declare`, as far as variables without attributes of their own go.
    async fn declare(&mut self, args: &[String]) -> Outcome {
        let (options, operands): (Vec<&String>, Vec<&String>) =
            args.iter().partition(|arg| arg.starts_with('-') && arg.len() > 1);
        let has = |c: char| options.iter().any(|option| option.contains(c));
        if operands.is_empty() {
            return match has('x') {
                true => self.export_builtin("export", &[]).await,
                false => self.set(&[]).await,
            };
        }
        let operands: Vec<String> = operands.into_iter().cloned().collect();
        if !self.locals.is_empty() && !has('g') {
            self.local(&operands).await?;
        }
        for operand in &operands {
            if let Some((name, value)) = operand.split_once('=')
                && is_name(name)
            {
                let value = if has('i') { self.arithmetic(value).await?.to_string() } else { value.to_string() };
                self.set_or_fail(name, value).await?;
            }
        }
        if has('x') {
            self.export_builtin("export", &operands).await?;
        }
        if has('r') {
            let names: Vec<String> = operands.iter().map(|o| o.split('=').next().unwrap_or("").to_string()).collect();
            self.export_builtin("readonly", &names).await?;
        }
        Ok(0)
    }

    async fn local(&mut self, args: &[String]) -> Outcome {
        if self.locals.is_empty() {
            return match self.dialect {
                Dialect::Bash => self.error("local", "can only be used in a function").await,
                _ => {
                    self.complain(Some("local"), "not in a function").await;
                    Err(Flow::Error(2))
                }
            };
        }
        for arg in args.iter().filter(|arg| !arg.starts_with('-')) {
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (arg.as_str(), None),
            };
            if !is_name(name) {
                return self.error("local", &format!("{name}: bad variable name")).await;
            }
            let before = self.variables.get(name).cloned();
            if let Some(saved) = self.locals.last_mut()
                && !saved.iter().any(|(own, _)| own == name)
            {
                saved.push((name.to_string(), before.clone()));
            }
            match value {
                Some(value) => self.set_or_fail(name, value).await?,
                // dash's local variable keeps the value it had outside.
                None if self.dialect == Dialect::Dash => {}
                None => {
                    let exported = before.is_some_and(|variable| variable.exported);
                    let variable = super::state::Variable { exported, ..Default::default() };
                    self.put_back(name.to_string(), Some(variable));
                }
            }
        }
        Ok(0)
    }

    async fn unset(&mut self, args: &[String]) -> Outcome {
        let functions = args.first().is_some_and(|arg| arg == "-f");
        let mut status = 0;
        for name in args.iter().filter(|arg| !matches!(arg.as_str(), "-f" | "-v" | "--")) {
            if functions {
                Rc::make_mut(&mut self.functions).remove(name);
                continue;
            }
            if !is_name(name) && !self.dialect.is_bash() {
                return self.error("unset", &format!("{name}: bad variable name")).await;
            }
            match self.variables.get(name).map(|variable| variable.readonly) {
                Some(true) => {
                    let text = match self.dialect {
                        Dialect::Bash => format!("{name}: cannot unset: readonly variable"),
                        _ => format!("{name}: is read only"),
                    };
                    status = self.error("unset", &text).await?;
                }
                Some(false) => {
                    Rc::make_mut(&mut self.variables).remove(name);
                }
                None if self.dialect.is_bash() => {
                    Rc::make_mut(&mut self.functions).remove(name);
                }
                None => {}
            }
        }
        Ok(status)
    }

    async fn set(&mut self, args: &[String]) -> Outcome {
        if args.is_empty() {
            let mut text = String::new();
            for (name, variable) in self.variables.iter() {
                if let Some(value) = &variable.value {
                    let value = if self.dialect.is_bash() { bash_quoted(value) } else { quoted(value) };
                    text += &format!("{name}={value}\n");
                }
            }
            return self.output(text.as_bytes(), "set").await;
        }
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            if arg == "--" {
                self.positional = after.to_vec();
                return Ok(0);
            }
            if arg == "-" {
                self.options.xtrace = false;
                self.options.verbose = false;
                if !after.is_empty() {
                    self.positional = after.to_vec();
                }
                return Ok(0);
            }
            let Some((on, letters)) = option_letters(arg) else {
                self.positional = rest.to_vec();
                return Ok(0);
            };
            rest = after;
            for letter in letters.chars() {
                if letter == 'o' {
                    let Some((name, after)) = rest.split_first() else {
                        let mut text = if on && !self.dialect.is_bash() {
                            "Current option settings\n".to_string()
                        } else {
                            String::new()
                        };
                        for (_, name, set) in self.options.all() {
                            let state = if set { "on" } else { "off" };
                            text += &match on {
                                true => format!("{name:<15} {state}\n"),
                                false => format!("set {}o {name}\n", if set { '-' } else { '+' }),
                            };
                        }
                        return self.output(text.as_bytes(), "set").await;
                    };
                    rest = after;
                    if !self.options.set_long(name, on) || (name == "pipefail" && self.dialect == Dialect::Dash) {
                        self.options.pipefail &= self.dialect != Dialect::Dash;
                        let sign = if on { '-' } else { '+' };
                        let text = match self.dialect {
                            Dialect::Bash => format!("{name}: invalid option name"),
                            Dialect::Dash => format!("Illegal option {sign}o {name}"),
                            Dialect::Ash => format!("illegal option {sign}o {name}"),
                        };
                        return self.error("set", &text).await;
                    }
                } else if !self.options.set_short(letter, on) {
                    let sign = if on { '-' } else { '+' };
                    let text = match self.dialect {
                        Dialect::Bash => format!("{sign}{letter}: invalid option"),
                        Dialect::Dash => format!("Illegal option {sign}{letter}"),
                        Dialect::Ash => format!("illegal option {sign}{letter}"),
                    };
                    let result = self.error("set", &text).await;
                    if self.dialect.is_bash() {
                        let usage = "set: usage: set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]\n";
                        util::ignore(self.proc.eprint(&format!("{}: {usage}", self.arg0)).await);
                        return Ok(2);
                    }
                    return result;
                }
            }
        }
        Ok(0)
    }

    async fn shift(&mut self, args: &[String]) -> Outcome {
        let count = match args.first().map(|arg| arg.parse::<usize>()) {
            None => 1,
            Some(Ok(count)) => count,
            Some(Err(_)) => {
                let text = match self.dialect {
                    Dialect::Bash => format!("{}: numeric argument required", args[0]),
                    _ => format!("Illegal number: {}", args[0]),
                };
                return self.error("shift", &text).await;
            }
        };
        if count > self.positional.len() {
            return match self.dialect {
                Dialect::Dash => self.error("shift", "can't shift that many").await,
                _ => Ok(1),
            };
        }
        self.positional.drain(..count);
        Ok(0)
    }

    async fn trap(&mut self, args: &[String]) -> Outcome {
        let args: Vec<&String> = args.iter().filter(|arg| *arg != "--").collect();
        if args.first().is_some_and(|arg| *arg == "-l") {
            return self.kill(&["-l".to_string()]).await;
        }
        if args.is_empty() || args == ["-p"] {
            let prefix = if self.dialect.is_bash() { "SIG" } else { "" };
            let mut text = String::new();
            if let Some(command) = &self.traps.exit {
                text += &format!("trap -- {} EXIT\n", quoted(command));
            }
            for (signal, command) in &self.traps.signals {
                text += &format!("trap -- {} {prefix}{}\n", quoted(command), signal.name());
            }
            return self.output(text.as_bytes(), "trap").await;
        }
        let (command, signals) = match args.as_slice() {
            [single] => (None, vec![*single]),
            [command, signals @ ..] if **command == "-" || command.parse::<u8>().is_ok() => {
                let all = if **command == "-" { signals.to_vec() } else { args.clone() };
                (None, all)
            }
            [command, signals @ ..] => (Some(command.to_string()), signals.to_vec()),
            [] => return Ok(0),
        };
        let mut status = 0;
        for name in signals {
            if matches!(name.as_str(), "EXIT" | "0" | "exit") {
                self.traps.exit = command.clone();
                continue;
            }
            if self.dialect.is_bash() && matches!(name.as_str(), "ERR" | "DEBUG" | "RETURN") {
                continue;
            }
            match Signal::parse(name) {
                Some(signal) => self.set_trap(signal, command.clone()),
                None => {
                    status = 1;
                    match self.dialect {
                        Dialect::Dash => {
                            util::ignore(self.proc.eprint(&format!("trap: {name}: bad trap\n")).await);
                        }
                        _ => self.complain(Some("trap"), &format!("{name}: invalid signal specification")).await,
                    }
                }
            }
        }
        Ok(status)
    }

    /// Waits for a child; a signal with a trap ends the wait.
    async fn wait_or_signal(&mut self, pid: Pid) -> Result<Result<i32, i32>, Flow> {
        loop {
            let proc = self.proc.clone();
            let outcome = race(self.wait_job(pid), proc.next_signal()).await;
            match outcome {
                Either::Left(status) => return Ok(Ok(status.unwrap_or(127))),
                Either::Right(signal) => {
                    let trapped = self.traps.signals.contains_key(&signal);
                    self.handle_signal(signal).await?;
                    if trapped {
                        return Ok(Err(128 + signal.number()));
                    }
                }
            }
        }
    }

    async fn wait(&mut self, args: &[String]) -> Outcome {
        let any = args.first().is_some_and(|arg| arg == "-n");
        let args: Vec<&String> = args.iter().filter(|arg| *arg != "-n" && *arg != "--").collect();
        if args.is_empty() {
            self.poll_jobs();
            let pids: Vec<Pid> = self.jobs.0.iter().map(|job| job.pid).collect();
            for pid in pids {
                match self.wait_or_signal(pid).await? {
                    Err(code) => return Ok(code),
                    Ok(code) if any => return Ok(code),
                    Ok(_) => {}
                }
            }
            return Ok(if any { 127 } else { 0 });
        }
        let mut status = 0;
        for arg in args {
            let pid = match arg.strip_prefix('%') {
                Some(_) => self.jobs.find(arg).map(|job| job.pid),
                None => match arg.parse::<Pid>() {
                    Ok(pid) => Some(pid),
                    Err(_) => {
                        let text = match self.dialect {
                            Dialect::Bash => format!("`{arg}': not a pid or valid job spec"),
                            _ => format!("Illegal number: {arg}"),
                        };
                        return self.error("wait", &text).await;
                    }
                },
            };
            let known = pid.filter(|pid| self.jobs.knows(*pid));
            status = match (known, pid) {
                (Some(pid), _) => match self.wait_or_signal(pid).await? {
                    Ok(code) => code,
                    Err(code) => return Ok(code),
                },
                (None, None) => {
                    let text = match self.dialect {
                        Dialect::Bash => format!("{arg}: no such job"),
                        _ => format!("No such job: {arg}"),
                    };
                    self.complain(Some("wait"), &text).await;
                    127
                }
                (None, Some(pid)) => {
                    if self.dialect.is_bash() {
                        self.complain(Some("wait"), &format!("pid {pid} is not a child of this shell")).await;
                    }
                    127
                }
            };
        }
        Ok(status)
    }

    async fn jobs_builtin(&mut self, args: &[String]) -> Outcome {
        self.poll_jobs();
        let only_pids = args.iter().any(|arg| arg == "-p");
        let with_pid = args.iter().any(|arg| arg == "-l");
        let text: String = self
            .jobs
            .0
            .iter()
            .map(|job| if only_pids { format!("{}\n", job.pid) } else { self.job_line(job, with_pid) })
            .collect();
        self.jobs.0.retain(|job| job.ended.is_none());
        self.output(text.as_bytes(), "jobs").await
    }

    async fn fg_bg(&mut self, name: &str, args: &[String]) -> Outcome {
        self.poll_jobs();
        if self.dialect.is_bash() && !self.options.monitor {
            return self.error(name, "no job control").await;
        }
        let spec = args.first().map_or("%+", String::as_str);
        let Some(job) = self.jobs.find(spec).cloned() else {
            let text = match (args.first(), self.dialect) {
                (None, Dialect::Bash) => "current: no such job".to_string(),
                (None, _) => "No current job".to_string(),
                (Some(spec), Dialect::Bash) => format!("{spec}: no such job"),
                (Some(spec), _) => format!("No such job: {spec}"),
            };
            return self.error(name, &text).await;
        };
        if job.in_group {
            // A job that has just ended is found by the wait below.
            let _ = self.proc.kill(-i64::from(job.pid), Some(Signal::CONT));
        }
        if name == "bg" {
            let text = format!("[{}] {} &\n", job.id, job.text);
            return self.output(text.as_bytes(), name).await;
        }
        self.output(format!("{}\n", job.text).as_bytes(), name).await?;
        match job.ended {
            Some(status) => {
                self.jobs.remove(job.pid);
                Ok(status.code())
            }
            None => {
                self.jobs.remove(job.pid);
                self.wait_foreground(job.pid).await
            }
        }
    }

    async fn kill(&mut self, args: &[String]) -> Outcome {
        let mut signal = Some(Signal::TERM);
        let mut rest = args;
        match args.first().map(String::as_str) {
            None => {
                let text = match self.dialect {
                    Dialect::Bash => {
                        let usage = "kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n";
                        util::ignore(self.proc.eprint(usage).await);
                        return Ok(2);
                    }
                    Dialect::Dash => {
                        "Usage: kill [-s sigspec | -signum | -sigspec] [pid | job]... or\nkill -l [exitstatus]"
                    }
                    Dialect::Ash => {
                        self.complain(None, "you need to specify whom to kill").await;
                        return Ok(1);
                    }
                };
                self.complain(Some("kill"), text).await;
                return Ok(2);
            }
            Some("-l" | "-L") => {
                let text = match args.get(1) {
                    Some(arg) if self.dialect == Dialect::Dash && arg.parse::<i32>().is_err() => {
                        return self.error("kill", &format!("Illegal number: {arg}")).await;
                    }
                    Some(arg) => match arg.parse::<i32>() {
                        Ok(n) => Signal::from_number(n & 127).map(|s| s.name().to_string()),
                        Err(_) => Signal::parse(arg).map(|s| s.number().to_string()),
                    }
                    .unwrap_or_else(|| arg.clone()),
                    None => signal_list(self.dialect),
                };
                return self.output(format!("{text}\n").as_bytes(), "kill").await;
            }
            Some("-s" | "-n") => {
                let name = args.get(1).cloned().unwrap_or_default();
                signal = Signal::parse(&name);
                if signal.is_none() && name != "0" {
                    return self.bad_signal(&name).await;
                }
                rest = args.get(2..).unwrap_or_default();
            }
            Some("--") => rest = &args[1..],
            Some(option) if option.starts_with('-') => {
                let name = &option[1..];
                signal = Signal::parse(name);
                if signal.is_none() && name != "0" {
                    return self.bad_signal(name).await;
                }
                rest = &args[1..];
            }
            _ => {}
        }
        if rest.first().is_some_and(|arg| arg == "--") {
            rest = &rest[1..];
        }
        let mut status = 0;
        for target in rest {
            let pid = if target.starts_with('%') {
                self.poll_jobs();
                let job = self.jobs.find(target).map(|job| (i64::from(job.pid), job.in_group));
                match job {
                    Some((pid, in_group)) => Some(if in_group { -pid } else { pid }),
                    None => {
                        let text = match self.dialect {
                            Dialect::Dash => format!("No such job: {target}"),
                            _ => format!("{target}: no such job"),
                        };
                        status = self.error("kill", &text).await?;
                        continue;
                    }
                }
            } else {
                target.parse::<i64>().ok()
            };
            let Some(pid) = pid else {
                let text = match self.dialect {
                    Dialect::Bash => format!("{target}: arguments must be process or job IDs"),
                    Dialect::Dash => format!("Illegal number: {target}"),
                    Dialect::Ash => {
                        self.complain(None, &format!("invalid number '{target}'")).await;
                        status = 1;
                        continue;
                    }
                };
                status = self.error("kill", &text).await?;
                continue;
            };
            if let Err(error) = self.proc.kill(pid, signal) {
                status = 1;
                match self.dialect {
                    Dialect::Bash => self.complain(Some("kill"), &format!("({pid}) - {error}")).await,
                    Dialect::Dash => self.complain(Some("kill"), &format!("{error}\n")).await,
                    Dialect::Ash => self.complain(None, &format!("can't kill pid {pid}: {error}")).await,
                }
            }
        }
        // Signals to the shell itself arrive at once.
        self.proc.sim().yield_now().await;
        self.check_signals().await?;
        Ok(status)
    }

    async fn bad_signal(&mut self, name: &str) -> Outcome {
        let text = match self.dialect {
            Dialect::Bash => format!("{name}: invalid signal specification"),
            Dialect::Dash => format!("Illegal option -{}", name.chars().next().unwrap_or(' ')),
            Dialect::Ash => {
                self.complain(None, &format!("bad signal name '{name}'")).await;
                return Ok(1);
            }
        };
        self.error("kill", &text).await
    }

    async fn getopts(&mut self, args: &[String]) -> Outcome {
        let [spec, name, rest @ ..] = args else {
            let text = match self.dialect {
                Dialect::Bash => "usage: getopts optstring name [arg ...]",
                _ => "Usage: getopts optstring var [arg...]",
            };
            return self.error("getopts", text).await;
        };
        let params = if rest.is_empty() { self.positional.clone() } else { rest.to_vec() };
        let index = self.get("OPTIND").and_then(|text| text.parse::<i64>().ok()).unwrap_or(1).max(1);
        let mut offset = if self.getopts_at.0 == index { self.getopts_at.1 } else { 0 };
        let mut index = index as usize;
        let silent = spec.starts_with(':');
        let current = params.get(index - 1).cloned().unwrap_or_default();
        if offset == 0 {
            if !current.starts_with('-') || current == "-" || current == "--" {
                if current == "--" {
                    index += 1;
                }
                self.getopts_at = (index as i64, 0);
                self.put("OPTIND", &index.to_string());
                self.set_or_fail(name, "?".to_string()).await?;
                return Ok(1);
            }
            offset = 1;
        }
        let letters: Vec<char> = current.chars().collect();
        let letter = letters.get(offset).copied().unwrap_or('?');
        offset += 1;
        let position = spec.chars().skip(usize::from(silent)).position(|c| c == letter && c != ':');
        let takes_value =
            position.is_some_and(|at| spec.chars().nth(at + 1 + usize::from(silent)).is_some_and(|c| c == ':'));
        let at_end = offset >= letters.len();
        let mut found = letter.to_string();
        Rc::make_mut(&mut self.variables).remove("OPTARG");
        if position.is_none() {
            found = "?".to_string();
            if silent {
                self.put("OPTARG", &letter.to_string());
            } else {
                let text = match self.dialect {
                    Dialect::Bash => format!("{}: illegal option -- {letter}\n", self.arg0),
                    _ => format!("Illegal option -{letter}\n"),
                };
                util::ignore(self.proc.eprint(&text).await);
            }
        }
        if takes_value {
            if !at_end {
                let value: String = letters[offset..].iter().collect();
                self.put("OPTARG", &value);
            } else if let Some(value) = params.get(index).cloned() {
                self.put("OPTARG", &value);
                index += 1;
            } else if silent {
                self.put("OPTARG", &letter.to_string());
                found = ":".to_string();
            } else {
                let text = match self.dialect {
                    Dialect::Bash => format!("{}: option requires an argument -- {letter}\n", self.arg0),
                    _ => format!("No arg for -{letter} option\n"),
                };
                util::ignore(self.proc.eprint(&text).await);
                found = "?".to_string();
            }
        }
        if at_end || takes_value {
            index += 1;
            offset = 0;
        }
        self.put("OPTIND", &index.to_string());
        self.getopts_at = (index as i64, offset);
        self.set_or_fail(name, found).await?;
        Ok(0)
    }

    async fn alias(&mut self, builtin: &str, args: &[String]) -> Outcome {
        let prefix = if self.dialect.is_bash() { "alias " } else { "" };
        let mut status = 0;
        if builtin == "unalias" {
            for name in args {
                if name == "-a" {
                    self.aliases = Rc::default();
                } else if Rc::make_mut(&mut self.aliases).remove(name).is_none() {
                    status = self.alias_missing(builtin, name).await;
                }
            }
            return Ok(status);
        }
        if args.is_empty() || args == ["-p"] {
            let text: String =
                self.aliases.iter().map(|(name, text)| format!("{prefix}{name}={}\n", quoted(text))).collect();
            return self.output(text.as_bytes(), "alias").await;
        }
        for arg in args {
            match arg.split_once('=') {
                Some((name, text)) if !name.is_empty() => {
                    Rc::make_mut(&mut self.aliases).insert(name.to_string(), text.to_string());
                }
                _ => match self.aliases.get(arg) {
                    Some(text) => {
                        let line = format!("{prefix}{arg}={}\n", quoted(text));
                        status = status.max(self.output(line.as_bytes(), "alias").await?);
                    }
                    None => status = self.alias_missing(builtin, arg).await,
                },
            }
        }
        Ok(status)
    }

    async fn alias_missing(&self, builtin: &str, name: &str) -> i32 {
        match self.dialect {
            Dialect::Bash => self.complain(Some(builtin), &format!("{name}: not found")).await,
            _ => util::ignore(self.proc.eprint(&format!("{builtin}: {name} not found\n")).await),
        }
        1
    }

    /// What a command name stands for, in the words of `type`.
    fn describe(&self, name: &str) -> Option<String> {
        const KEYWORDS: &[&str] = &[
            "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "in", "{", "}",
            "!",
        ];
        let bash = self.dialect.is_bash();
        if let Some(text) = self.aliases.get(name) {
            return Some(match bash {
                true => format!("{name} is aliased to `{text}'"),
                false => format!("{name} is an alias for {text}"),
            });
        }
        if KEYWORDS.contains(&name) || (bash && matches!(name, "[[" | "]]" | "function" | "time")) {
            return Some(format!("{name} is a shell keyword"));
        }
        if self.functions.contains_key(name) {
            return Some(if bash { format!("{name} is a function") } else { format!("{name} is a shell function") });
        }
        if is_special(name) && !bash {
            return Some(format!("{name} is a special shell builtin"));
        }
        if is_builtin(name, self.dialect) {
            return Some(format!("{name} is a shell builtin"));
        }
        self.find_program(name).map(|path| format!("{name} is {path}"))
    }

    async fn type_(&mut self, args: &[String]) -> Outcome {
        let mut status = 0;
        for name in args.iter().filter(|arg| !arg.starts_with('-')) {
            match self.describe(name) {
                Some(text) => {
                    self.output(format!("{text}\n").as_bytes(), "type").await?;
                }
                None if self.dialect.is_bash() => {
                    self.complain(Some("type"), &format!("{name}: not found")).await;
                    status = 1;
                }
                None => {
                    self.output(format!("{name}: not found\n").as_bytes(), "type").await?;
                    status = 127;
                }
            }
        }
        Ok(status)
    }

    async fn command_builtin(&mut self, name: &str, args: &[String], tail: bool) -> Outcome {
        let mut args = args;
        let mut verbose = None;
        while let Some(option) = args.first().filter(|arg| arg.starts_with('-') && name == "command") {
            match option.as_str() {
                "-v" => verbose = Some(false),
                "-V" => verbose = Some(true),
                "-p" => {}
                _ => break,
            }
            args = &args[1..];
        }
        if args.first().is_some_and(|arg| arg == "--") {
            args = &args[1..];
        }
        let Some(command) = args.first().cloned() else { return Ok(0) };
        if let Some(long) = verbose {
            let mut status = 0;
            for name in args {
                let text = match (long, self.describe(name)) {
                    (_, None) if long => {
                        status = 127;
                        format!("{name}: not found")
                    }
                    (_, None) => {
                        status = if self.dialect.is_bash() { 1 } else { 127 };
                        continue;
                    }
                    (true, Some(text)) => text,
                    (false, Some(_)) => match (self.aliases.get(name), self.find_program(name)) {
                        (Some(text), _) => format!("alias {name}={}", quoted(text)),
                        (None, Some(path)) if !is_builtin(name, self.dialect) && !self.functions.contains_key(name) => {
                            path
                        }
                        _ => name.clone(),
                    },
                };
                self.output(format!("{text}\n").as_bytes(), "command").await?;
            }
            return Ok(status);
        }
        if is_builtin(&command, self.dialect) {
            // `command` takes away what is special: errors don't end the script.
            return match Box::pin(self.builtin(&command, args.to_vec(), tail)).await {
                Err(Flow::Error(code)) => Ok(code),
                other => other,
            };
        }
        if name == "builtin" {
            return self.error("builtin", &format!("{command}: not a shell builtin")).await;
        }
        self.proc.charge(Duration::from_micros(500)).await;
        let mut env = self.environment();
        if let Some(path) = self.get("PATH") {
            env.insert("PATH".to_string(), path);
        }
        let group = if self.controls_jobs() { Group::New } else { Group::Inherit };
        match self.proc.spawn(args, env, Vec::new(), group) {
            Ok(pid) => self.wait_foreground(pid).await,
            Err(error) => Ok(self.cannot_execute(&command, error, None).await),
        }
    }

    async fn hash(&mut self, args: &[String]) -> Outcome {
        let mut status = 0;
        for name in args.iter().filter(|arg| !arg.starts_with('-')) {
            if self.find_program(name).is_none() {
                status = self.error("hash", &format!("{name}: not found")).await?;
            }
        }
        Ok(status)
    }

    async fn umask(&mut self, args: &[String]) -> Outcome {
        match args.first() {
            None => {
                let text = format!("{:04o}\n", self.proc.umask());
                self.output(text.as_bytes(), "umask").await
            }
            Some(arg) if arg == "-S" => {
                let bits = |shift: u32| {
                    let mode = !self.proc.umask() >> shift;
                    [(4, 'r'), (2, 'w'), (1, 'x')]
                        .into_iter()
                        .filter(|(b, _)| mode & b != 0)
                        .map(|(_, c)| c)
                        .collect::<String>()
                };
                let text = format!("u={},g={},o={}\n", bits(6), bits(3), bits(0));
                self.output(text.as_bytes(), "umask").await
            }
            Some(arg) => match u32::from_str_radix(arg, 8) {
                Ok(mask) if mask <= 0o777 => {
                    self.proc.set_umask(mask);
                    Ok(0)
                }
                _ => {
                    let text = match self.dialect {
                        Dialect::Bash => format!("{arg}: octal number out of range"),
                        Dialect::Dash => format!("Illegal number: {arg}"),
                        Dialect::Ash => format!("illegal mode: {arg}"),
                    };
                    self.error("umask", &text).await
                }
            },
        }
    }

    async fn history_builtin(&mut self, args: &[String]) -> Outcome {
        if args.first().is_some_and(|arg| arg == "-c") {
            self.history = Rc::default();
            return Ok(0);
        }
        let count = args.first().and_then(|arg| arg.parse().ok()).unwrap_or(usize::MAX);
        let skip = self.history.len().saturating_sub(count);
        let lines = self.history.iter().enumerate().skip(skip);
        let text: String = lines.map(|(i, line)| format!("{:>5}  {line}\n", i + 1)).collect();
        self.output(text.as_bytes(), "history").await
    }
}

fn signal_list(dialect: Dialect) -> String {
    let names = Signal::ALL.iter();
    match dialect {
        Dialect::Dash => {
            std::iter::once("0".to_string()).chain(names.map(|s| s.name().to_string())).collect::<Vec<_>>().join("\n")
        }
        Dialect::Ash => names.map(|s| format!("{:2}) {}", s.number(), s.name())).collect::<Vec<_>>().join("\n"),
        Dialect::Bash => {
            let cells: Vec<String> = names.map(|s| format!("{:2}) SIG{}", s.number(), s.name())).collect();
            cells.chunks(5).map(|row| row.join("\t")).collect::<Vec<_>>().join("\n")
        }
    }
}
