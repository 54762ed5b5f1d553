//! alias, type, command and hash: what a name stands for.

use std::rc::Rc;
use std::time::Duration;

use crate::programs::sh::{
    Dialect,
    builtins::{is_builtin, is_special, quoted},
    state::{Flow, Outcome, Shell},
};
use crate::{os::process::Group, programs::util};

impl Shell {
    pub(super) async fn alias(&mut self, builtin: &str, args: &[String]) -> Outcome {
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

    pub(super) async fn alias_missing(&self, builtin: &str, name: &str) -> i32 {
        match self.dialect {
            Dialect::Bash => self.complain(Some(builtin), &format!("{name}: not found")).await,
            _ => util::ignore(self.proc.eprint(&format!("{builtin}: {name} not found\n")).await),
        }
        1
    }

    /// What a command name stands for, in the words of `type`.
    pub(super) fn describe(&self, name: &str) -> Option<String> {
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
            let sort = if self.dialect == Dialect::Dash { "shell function" } else { "function" };
            return Some(format!("{name} is a {sort}"));
        }
        if is_special(name) && !bash {
            return Some(format!("{name} is a special shell builtin"));
        }
        if is_builtin(name, self.dialect) {
            return Some(format!("{name} is a shell builtin"));
        }
        self.find_program(name).map(|path| format!("{name} is {path}"))
    }

    pub(super) async fn type_(&mut self, args: &[String]) -> Outcome {
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

    pub(super) async fn command_builtin(&mut self, name: &str, args: &[String], tail: bool) -> Outcome {
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
                    (_, None) if long && self.dialect.is_bash() => {
                        self.complain(Some("command"), &format!("{name}: not found")).await;
                        status = 1;
                        continue;
                    }
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
        // Messages are now those of the program's run.
        self.running = None;
        match self.proc.spawn(args, env, Vec::new(), group) {
            Ok(pid) => self.wait_foreground(pid).await,
            Err(error) => Ok(self.cannot_execute(&command, error, None).await),
        }
    }

    pub(super) async fn hash(&mut self, args: &[String]) -> Outcome {
        let mut status = 0;
        if args.iter().any(|arg| arg == "-r") {
            self.hashed = Rc::default();
            return Ok(0);
        }
        if args.is_empty() && self.dialect.is_bash() {
            let lines = self.hashed.values().map(|(path, hits)| format!("{hits:4}\t{path}\n"));
            let text = match self.hashed.is_empty() {
                true => "hash: hash table empty\n".to_string(),
                false => format!("hits\tcommand\n{}", lines.collect::<String>()),
            };
            return self.output(text.as_bytes(), "hash").await;
        }
        for name in args.iter().filter(|arg| !arg.starts_with('-')) {
            if self.find_program(name).is_none() {
                self.complain(Some("hash"), &format!("{name}: not found")).await;
                status = 1;
            }
        }
        Ok(status)
    }

    /// Notes for `hash` where bash found a program.
    pub fn remember_program(&mut self, name: &str) {
        if !name.contains('/')
            && let Some(path) = self.find_program(name)
        {
            Rc::make_mut(&mut self.hashed).entry(name.to_string()).or_insert((path, 0)).1 += 1;
        }
    }
}
