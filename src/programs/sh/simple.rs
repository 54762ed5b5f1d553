//! Simple commands: assignments, functions, builtins, programs.

use std::rc::Rc;

use super::{
    Dialect,
    ast::{Assign, Command, Word},
    builtins,
    interpret::{BUILTIN_COST, Nested, SPAWN_COST, Work},
    state::{Flow, Outcome, Shell, Variable},
};
use crate::{
    os::{Errno, Pid, process::Group},
    programs::util,
};

impl Shell {
    pub(super) async fn simple(
        &mut self,
        command: &Command,
        assigns: &[Assign],
        words: &[Word],
        tail: bool,
    ) -> Outcome {
        self.substituted = None;
        self.run_debug_trap().await?;
        let fields = self.command_fields(words).await?;
        let Some(name) = fields.first().cloned() else {
            self.proc.charge(BUILTIN_COST).await;
            return match self.redirect(&command.redirects).await {
                Err(outcome) => outcome,
                Ok(saved) => {
                    let result = self.assign_all(assigns).await;
                    self.restore(saved);
                    result?;
                    Ok(self.substituted.unwrap_or(0))
                }
            };
        };
        let mut values = Vec::new();
        // Before a command there are no arrays.
        for assign in assigns.iter().filter(|assign| assign.index.is_none()) {
            let value = self.assigned(&assign.value).await?;
            let value = if assign.append { self.appended(&assign.name, value) } else { value };
            values.push((assign.name.clone(), value));
        }
        self.trace(&values, &fields).await;
        let special = builtins::is_special(&name);
        let special = special || (name == "local" && !self.dialect.is_bash());
        let function = if special { None } else { self.functions.get(&name).cloned() };
        if function.is_none() && !builtins::is_builtin(&name, self.dialect) {
            return self.external(command, fields, values, tail).await;
        }
        self.proc.charge(BUILTIN_COST).await;
        let saved = match self.redirect(&command.redirects).await {
            Ok(saved) => saved,
            Err(Ok(code)) if special && !self.dialect.is_bash() => return Err(Flow::Error(code)),
            Err(outcome) => return outcome,
        };
        let keeps = special && function.is_none() && !self.dialect.is_bash();
        let mut before = Vec::new();
        let command_name = name.clone();
        for (name, value) in values {
            if !keeps {
                before.push((name.clone(), self.variables.get(&name).cloned()));
            }
            if let Err(flow) = self.set_or_fail(&name, value).await {
                self.restore(saved);
                return Err(flow);
            }
            if !keeps || command_name == "exec" {
                self.export(&name);
            }
        }
        let result = match function {
            Some(body) => self.call(&body, fields).await,
            None => {
                let outer = self.running.replace(name.clone());
                let result = self.builtin(&name, fields, tail).await;
                self.running = outer;
                match result {
                    // An error in a builtin that isn't special ends no script.
                    Err(Flow::Error(code)) if !special && !self.dialect.is_bash() => Ok(code),
                    result => result,
                }
            }
        };
        for (name, variable) in before.into_iter().rev() {
            self.put_back(name, variable);
        }
        if name == "exec" && result == Ok(0) {
            return Ok(0);
        }
        self.restore(saved);
        result
    }

    pub fn put_back(&mut self, name: String, variable: Option<Variable>) {
        let variables = Rc::make_mut(&mut self.variables);
        match variable {
            Some(variable) => variables.insert(name, variable),
            None => variables.remove(&name),
        };
    }

    pub(super) async fn assign_all(&mut self, assigns: &[Assign]) -> Result<(), Flow> {
        for assign in assigns {
            self.assign_one(assign).await?;
        }
        Ok(())
    }

    /// `set -x`
    pub(super) async fn trace(&mut self, values: &[(String, String)], fields: &[String]) {
        if !self.options.xtrace {
            return;
        }
        let dialect = self.dialect;
        let quote = |text: &String| match dialect {
            Dialect::Bash => builtins::bash_quoted(text),
            Dialect::Dash => text.clone(),
            Dialect::Ash => builtins::quoted_if_needed(text),
        };
        let values = values.iter().map(|(name, value)| match value.is_empty() {
            true => format!("{name}="),
            false => format!("{name}={}", quote(value)),
        });
        let fields: Vec<String> = fields.iter().map(quote).collect();
        if !dialect.is_bash() {
            let words: Vec<String> = values.chain(fields).collect();
            self.trace_line(&words.join(" ")).await;
            return;
        }
        for value in values {
            self.trace_line(&value).await;
        }
        if !fields.is_empty() {
            self.trace_line(&fields.join(" ")).await;
        }
    }

    /// bash doubles the first character of PS4 in command substitutions.
    pub(super) async fn trace_line(&mut self, text: &str) {
        let prefix = self.get("PS4").unwrap_or_default();
        let depth = if self.dialect.is_bash() { self.substitutions } else { 0 };
        let deeper = prefix.chars().next().map(|c| c.to_string().repeat(depth)).unwrap_or_default();
        util::ignore(self.proc.eprint(&format!("{deeper}{prefix}{text}\n")).await);
    }

    /// What `set -x` says of a compound command, in bash.
    pub async fn trace_bash(&mut self, text: impl FnOnce() -> String) {
        if self.options.xtrace && self.dialect.is_bash() {
            self.trace_line(&text()).await;
        }
    }

    pub(super) async fn call(&mut self, body: &Rc<Command>, mut fields: Vec<String>) -> Outcome {
        let name = fields.remove(0);
        let shift = std::mem::take(&mut self.line_shift);
        self.called_functions.push(name);
        let return_trap = self.traps.on_return.clone();
        if !self.options.functrace {
            self.traps.on_return = None;
        }
        let positional = std::mem::replace(&mut self.positional, fields);
        let loops = std::mem::take(&mut self.loops);
        self.locals.push(Vec::new());
        let result = self.nested(Nested::Body(body.clone())).await;
        for (name, variable) in self.locals.pop().unwrap_or_default().into_iter().rev() {
            self.put_back(name, variable);
        }
        self.loops = loops;
        self.positional = positional;
        self.line_shift = shift;
        if matches!(result, Ok(_) | Err(Flow::Return(_)))
            && let Some(text) = self.traps.on_return.clone()
        {
            self.nested(Nested::Text(text)).await?;
        }
        if self.traps.on_return.is_none() {
            self.traps.on_return = return_trap;
        }
        self.called_functions.pop();
        match result {
            Err(Flow::Return(code)) => Ok(code),
            Err(Flow::Break(_) | Flow::Continue(_)) => Ok(self.status),
            other => other,
        }
    }

    pub(super) async fn external(
        &mut self,
        command: &Command,
        fields: Vec<String>,
        values: Vec<(String, String)>,
        tail: bool,
    ) -> Outcome {
        self.proc.charge(SPAWN_COST).await;
        let saved = match self.redirect(&command.redirects).await {
            Ok(saved) => saved,
            Err(outcome) => return outcome,
        };
        let mut env = self.environment();
        env.insert("_".to_string(), fields[0].clone());
        if !self.dialect.is_bash() {
            env.remove("_");
        }
        env.extend(values);
        if self.dialect.is_bash() {
            self.remember_program(&fields[0]);
        }
        let result = if tail && self.may_exec() {
            self.restore_dispositions();
            match self.exec(&fields, env).await {
                Ok(code) => return Err(Flow::Exit(code)),
                Err(error) => Err(error),
            }
        } else {
            let group = if self.controls_jobs() { Group::New } else { Group::Inherit };
            self.spawn(&fields, env, group)
        };
        self.restore(saved.clone());
        match result {
            Ok(pid) => self.wait_foreground_of(pid, || command.written()).await,
            Err(Errno::EAGAIN) => Err(self.cannot_fork().await),
            Err(error) => {
                // The message goes where the command's would have gone.
                let again = self.redirect(&command.redirects).await;
                let code = self.cannot_execute(&fields[0], error, None).await;
                if let Ok(saved) = again {
                    self.restore(saved);
                }
                Ok(code)
            }
        }
    }

    /// Whether the shell's process may be replaced: nothing is left for it to do.
    pub fn may_exec(&self) -> bool {
        !self.traps.any_set() && !self.interactive && self.locals.is_empty()
    }

    pub(super) fn resolve(&self, fields: &[String]) -> Result<(), Errno> {
        if fields[0].contains('/') {
            return Ok(());
        }
        // A program that is found but can't be run is reported as such.
        let path = self.get("PATH").unwrap_or_default();
        if self.find_program(&fields[0]).is_none() {
            let exists = path.split(':').any(|dir| {
                self.proc
                    .stat(&format!("{dir}/{}", fields[0]))
                    .is_ok_and(|s| s.file_type == crate::os::fs::FileType::Regular)
            });
            return Err(if exists { Errno::EACCES } else { Errno::ENOENT });
        }
        Ok(())
    }

    pub(super) fn spawn(
        &mut self,
        fields: &[String],
        mut env: std::collections::BTreeMap<String, String>,
        group: Group,
    ) -> Result<Pid, Errno> {
        if fields[0].is_empty() {
            return Err(Errno::ENOENT);
        }
        self.resolve(fields)?;
        let path_hidden = !env.contains_key("PATH");
        if path_hidden && let Some(path) = self.get("PATH") {
            env.insert("PATH".to_string(), path);
        }
        match self.proc.spawn(fields, env, Vec::new(), group) {
            Err(Errno::ENOEXEC) => {
                let file = self.find_program(&fields[0]).ok_or(Errno::ENOENT)?;
                self.fork_in(group, Vec::new(), Work::Script(file, fields[1..].to_vec()), false)
            }
            other => other,
        }
    }

    /// Puts a program in the place of this process; the code is the process' end.
    pub async fn exec(
        &mut self,
        fields: &[String],
        mut env: std::collections::BTreeMap<String, String>,
    ) -> Result<i32, Errno> {
        if fields[0].is_empty() {
            return Err(Errno::ENOENT);
        }
        self.resolve(fields)?;
        if !env.contains_key("PATH")
            && let Some(path) = self.get("PATH")
        {
            env.insert("PATH".to_string(), path);
        }
        match self.proc.exec(fields, env).await {
            Err(Errno::ENOEXEC) => {
                let file = self.find_program(&fields[0]).ok_or(Errno::ENOENT)?;
                let mut shell = self.clone();
                Ok(Box::pin(shell.script(&file, &fields[1..])).await)
            }
            other => other,
        }
    }

    pub(super) async fn script(&mut self, file: &str, args: &[String]) -> i32 {
        self.positional = args.to_vec();
        self.functions = Rc::default();
        super::run_script(self, file).await
    }

    /// Says why a command can't run, and gives the exit status.
    pub async fn cannot_execute(&mut self, name: &str, error: Errno, builtin: Option<&str>) -> i32 {
        let is_directory = self.proc.stat(name).is_ok_and(|s| s.file_type == crate::os::fs::FileType::Directory);
        let (text, code) = match (self.dialect, error) {
            (Dialect::Dash | Dialect::Ash, Errno::ENOENT) if name.is_empty() => {
                (": Permission denied".to_string(), 127)
            }
            (Dialect::Bash, Errno::ENOENT) if !name.contains('/') && builtin.is_none() => {
                (format!("{name}: command not found"), 127)
            }
            (Dialect::Bash, Errno::ENOENT) if builtin.is_some() && !name.contains('/') => {
                (format!("{name}: not found"), 127)
            }
            (Dialect::Bash, Errno::ENOENT) => (format!("{name}: {error}"), 127),
            (Dialect::Bash, _) if is_directory => (format!("{name}: Is a directory"), 126),
            (_, Errno::ENOENT | Errno::ENOTDIR) => (format!("{name}: not found"), 127),
            _ => (format!("{name}: {error}"), 126),
        };
        self.complain(builtin, &text).await;
        code
    }
}
