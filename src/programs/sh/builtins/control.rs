//! exit, return, break, source and exec: what changes the course of a script.

use crate::programs::sh::{
    Dialect,
    interpret::Nested,
    state::{Flow, Outcome, Shell},
};
use crate::programs::util;

impl Shell {
    /// An exit status given as an argument.
    pub(super) async fn code(&mut self, name: &str, arg: Option<&String>) -> Result<i32, Flow> {
        let Some(arg) = arg else { return Ok(self.status) };
        match arg.trim().parse::<i64>() {
            // dash cuts off what a process can't tell only when it ends.
            Ok(code) if self.dialect == Dialect::Dash && (0..=i64::from(i32::MAX)).contains(&code) => Ok(code as i32),
            Ok(code) if code >= 0 || self.dialect.is_bash() => Ok((code & 0xff) as i32),
            _ => {
                let text = match self.dialect {
                    Dialect::Bash => format!("{arg}: numeric argument required"),
                    _ => format!("Illegal number: {arg}"),
                };
                self.complain(Some(name), &text).await;
                Err(match (self.dialect, name) {
                    (Dialect::Bash, "exit") => Flow::Exit(2),
                    (Dialect::Bash, _) => Flow::Return(2),
                    _ => Flow::Error(2),
                })
            }
        }
    }

    pub(super) async fn exit(&mut self, args: &[String]) -> Outcome {
        let code = self.code("exit", args.first()).await?;
        if args.len() > 1 && self.dialect.is_bash() {
            self.complain(Some("exit"), "too many arguments").await;
            return Ok(1);
        }
        Err(Flow::Exit(code & 0xff))
    }

    pub(super) async fn return_(&mut self, args: &[String]) -> Outcome {
        let code = self.code("return", args.first()).await?;
        if self.dialect.is_bash() && self.locals.is_empty() && self.sourced == 0 {
            let text = "can only `return' from a function or sourced script";
            self.complain(Some("return"), text).await;
            return Ok(2);
        }
        Err(Flow::Return(code))
    }

    pub(super) async fn break_(&mut self, name: &str, args: &[String]) -> Outcome {
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

    pub(super) async fn eval(&mut self, args: &[String]) -> Outcome {
        let shift = self.line_shift;
        if self.dialect.is_bash() {
            self.line_shift = i64::from(self.line) - 1;
        }
        let result = self.nested(Nested::Text(args.join(" "))).await;
        self.line_shift = shift;
        result
    }

    pub(super) async fn source(&mut self, name: &str, args: &[String]) -> Outcome {
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
        let running = self.running.replace(path.clone());
        let file = self.sourced_file.replace(path.clone());
        let shift = std::mem::take(&mut self.line_shift);
        let result = self.nested(Nested::Text(text)).await;
        self.line_shift = shift;
        self.sourced_file = file;
        self.running = running;
        self.sourced -= 1;
        if let Some(positional) = positional {
            self.positional = positional;
        }
        match result {
            Err(Flow::Return(code)) => Ok(code),
            other => other,
        }
    }

    pub(super) async fn exec_builtin(&mut self, args: &[String], _tail: bool) -> Outcome {
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
}
