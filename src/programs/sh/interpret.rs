//! Runs the syntax tree.

use std::{rc::Rc, time::Duration};

use futures_util::future::LocalBoxFuture;

use super::{
    Dialect,
    ast::{
        AfterArm, AndOr, Assign, CaseArm, Command, CommandKind, Connector, Item, List, Pipeline, TimeFormat, Word,
        is_name,
    },
    builtins,
    jobs::Spawned,
    state::{Flow, MAX_CALLS, Outcome, Shell, Variable},
};
use crate::{
    os::{Errno, ExitStatus, File, Pid, Proc, Signal, process::Group},
    programs::util,
};

/// Simulated CPU time of a builtin, a fork, a started program.
pub const BUILTIN_COST: Duration = Duration::from_micros(30);
const FORK_COST: Duration = Duration::from_micros(300);
const SPAWN_COST: Duration = Duration::from_micros(500);

/// What a forked child does.
pub enum Work {
    List(Rc<List>),
    AndOr(Rc<AndOr>),
    /// A command substitution.
    Substitution(Rc<List>),
    Command(Rc<Command>),
    /// Writes a here-document that doesn't fit into a pipe.
    Write(Vec<u8>, File),
    /// Runs a file that is no program as a script.
    Script(String, Vec<String>),
}

/// What runs inside a command in this same process.
pub enum Nested {
    Body(Rc<Command>),
    Text(String),
}

/// Whether the shell ends by `set -e` when this pipeline fails.
fn may_fail_shell(pipeline: &Pipeline) -> bool {
    match pipeline.commands.as_slice() {
        [command] => matches!(
            command.kind,
            CommandKind::Simple { .. } | CommandKind::Subshell(_) | CommandKind::Test(_) | CommandKind::Arith(_)
        ),
        _ => true,
    }
}

impl Shell {
    /// Runs a list. With `tail` nothing comes after it in this process.
    pub async fn list(&mut self, list: &List, tail: bool) -> Outcome {
        let mut status = 0;
        let count = list.0.len();
        for (i, Item { and_or, background, text }) in list.0.iter().enumerate() {
            self.check_signals().await?;
            if *background {
                self.start_background(and_or.clone(), text).await?;
                status = 0;
                self.status = 0;
            } else {
                status = self.and_or(and_or, tail && i + 1 == count).await?;
            }
        }
        self.check_signals().await?;
        Ok(status)
    }

    async fn and_or(&mut self, and_or: &AndOr, tail: bool) -> Outcome {
        let count = and_or.rest.len();
        let mut status = 0;
        for i in 0..=count {
            let pipeline = match i {
                0 => &and_or.first,
                _ => {
                    let (connector, pipeline) = &and_or.rest[i - 1];
                    if (*connector == Connector::And) != (status == 0) {
                        continue;
                    }
                    pipeline
                }
            };
            let is_last = i == count;
            self.tested += u32::from(!is_last);
            let result = self.pipeline(pipeline, tail && is_last).await;
            self.tested -= u32::from(!is_last);
            status = result?;
            self.status = status;
            if is_last && status != 0 && !pipeline.negated && self.tested == 0 && may_fail_shell(pipeline) {
                self.run_error_trap(status).await?;
                if self.options.errexit {
                    return Err(Flow::Exit(status));
                }
            }
        }
        Ok(status)
    }

    async fn pipeline(&mut self, pipeline: &Pipeline, tail: bool) -> Outcome {
        let started = self.proc.sim().now();
        let tail = tail && pipeline.timed.is_none() && !pipeline.negated;
        self.tested += u32::from(pipeline.negated);
        let result = match pipeline.commands.as_slice() {
            [] => Ok(0),
            [command] => self.command(command, tail).await,
            commands => self.run_pipeline(commands).await,
        };
        self.tested -= u32::from(pipeline.negated);
        let status = result?;
        if let Some(format) = pipeline.timed {
            let real = self.proc.sim().now().since(started).as_secs_f64();
            let text = match format {
                TimeFormat::Posix => format!("real {real:.2}\nuser 0.00\nsys 0.00\n"),
                TimeFormat::Bash => {
                    let minutes = (real / 60.0).floor();
                    let seconds = real - minutes * 60.0;
                    format!("\nreal\t{minutes}m{seconds:.3}s\nuser\t0m0.000s\nsys\t0m0.000s\n")
                }
            };
            util::ignore(self.proc.eprint(&text).await);
        }
        let status = if pipeline.negated { i32::from(status == 0) } else { status };
        self.status = status;
        Ok(status)
    }

    async fn run_pipeline(&mut self, commands: &[Rc<Command>]) -> Outcome {
        let mut group = if self.controls_jobs() { Group::New } else { Group::Inherit };
        let mut pids: Vec<Pid> = Vec::new();
        let mut input: Option<File> = None;
        for (i, command) in commands.iter().enumerate() {
            let mut fds: Vec<(i32, File)> = input.take().into_iter().map(|file| (0, file)).collect();
            if i + 1 < commands.len() {
                let (read, write) = self.proc.pipe();
                fds.push((1, write));
                input = Some(read);
            }
            let Ok(pid) = self.fork_in(group, fds, Work::Command(command.clone()), false) else {
                return Err(self.cannot_fork().await);
            };
            if pids.is_empty() && group == Group::New {
                group = Group::Join(pid);
                self.give_terminal(pid);
            }
            pids.push(pid);
            self.proc.charge(FORK_COST).await;
        }
        let mut statuses = Vec::new();
        let mut interrupted = false;
        for pid in pids {
            let ended = self.proc.wait(pid).await.unwrap_or(ExitStatus::Exited(127));
            if let ExitStatus::Signaled(signal) = ended
                && !self.dialect.is_bash()
            {
                self.report_death(pid, signal, "").await;
            }
            interrupted |= ended == ExitStatus::Signaled(Signal::INT);
            statuses.push(ended.code());
        }
        self.take_terminal();
        if interrupted && self.interactive {
            util::ignore(self.proc.eprint("\n").await);
            self.status = 130;
            return Err(Flow::Interrupt);
        }
        let last = statuses.last().copied().unwrap_or(0);
        Ok(match self.options.pipefail {
            true => statuses.into_iter().rev().find(|status| *status != 0).unwrap_or(0),
            false => last,
        })
    }

    /// Runs one command. `tail`: the process ends with it, so a program may take its place.
    pub fn command<'a>(&'a mut self, command: &'a Command, tail: bool) -> LocalBoxFuture<'a, Outcome> {
        Box::pin(async move {
            if self.calls >= MAX_CALLS {
                let text = if self.dialect.is_bash() {
                    "maximum function nesting level exceeded"
                } else {
                    "Maximum function recursion depth reached"
                };
                self.complain(None, text).await;
                return Err(Flow::Error(2));
            }
            if self.options.noexec && !self.interactive {
                return Ok(0);
            }
            self.line = u32::try_from(i64::from(command.line) + self.line_shift).unwrap_or(0);
            self.calls += 1;
            let result = match &command.kind {
                CommandKind::Simple { assigns, words } => self.simple(command, assigns, words, tail).await,
                kind if command.redirects.is_empty() => self.compound(kind, tail).await,
                kind => match self.redirect(&command.redirects).await {
                    Ok(saved) => {
                        let result = self.compound(kind, false).await;
                        self.restore(saved);
                        result
                    }
                    Err(flow) => flow,
                },
            };
            self.calls -= 1;
            if let Ok(status) = result {
                self.status = status;
            }
            result
        })
    }

    async fn compound(&mut self, kind: &CommandKind, tail: bool) -> Outcome {
        match kind {
            CommandKind::Simple { .. } => Ok(0),
            CommandKind::Group(list) => self.list(list, tail).await,
            CommandKind::Subshell(list) => {
                self.proc.charge(FORK_COST).await;
                self.foreground(Work::List(list.clone())).await
            }
            CommandKind::If { arms, otherwise } => {
                for (condition, body) in arms {
                    if self.condition(condition).await? == 0 {
                        return self.list(body, tail).await;
                    }
                }
                match otherwise {
                    Some(body) => self.list(body, tail).await,
                    None => Ok(0),
                }
            }
            CommandKind::While { until, condition, body } => {
                self.loops += 1;
                let result = self.while_loop(*until, condition, body).await;
                self.loops -= 1;
                result
            }
            CommandKind::For { name, words, body } => {
                let items = match words {
                    Some(words) => self.fields(words).await?,
                    None => self.positional.clone(),
                };
                let written = match words {
                    Some(words) => words.iter().map(Word::written).collect::<Vec<_>>().join(" "),
                    None => "\"$@\"".to_string(),
                };
                self.loops += 1;
                let result = self.for_loop(name, &written, items, body).await;
                self.loops -= 1;
                result
            }
            CommandKind::ArithFor { init, condition, step, body } => {
                self.loops += 1;
                let result = self.arith_for(init, condition, step, body).await;
                self.loops -= 1;
                result
            }
            CommandKind::Case { word, arms } => self.case(word, arms).await,
            CommandKind::Function { name, body } => {
                Rc::make_mut(&mut self.functions).insert(name.clone(), body.clone());
                Ok(0)
            }
            CommandKind::Test(test) => self.double_bracket(test).await,
            CommandKind::Arith(word) => {
                let text = self.quoted_text(&word.parts).await?;
                self.trace_bash(|| format!("(( {text} ))")).await;
                Ok(i32::from(self.arithmetic(&text).await? == 0))
            }
        }
    }

    async fn condition(&mut self, list: &List) -> Outcome {
        self.tested += 1;
        let result = self.list(list, false).await;
        self.tested -= 1;
        result
    }

    /// What a loop does with the outcome of its body: the status to go on with, or the loop's own end.
    fn turn(&mut self, outcome: Outcome) -> Result<Result<i32, i32>, Flow> {
        match outcome {
            Ok(status) => Ok(Ok(status)),
            Err(Flow::Break(1)) => Ok(Err(0)),
            Err(Flow::Break(n)) => Err(Flow::Break(n - 1)),
            Err(Flow::Continue(1)) => Ok(Ok(0)),
            Err(Flow::Continue(n)) => Err(Flow::Continue(n - 1)),
            Err(flow) => Err(flow),
        }
    }

    async fn while_loop(&mut self, until: bool, condition: &List, body: &List) -> Outcome {
        let mut status = 0;
        loop {
            self.proc.charge(BUILTIN_COST).await;
            let outcome = self.condition(condition).await;
            match self.turn(outcome)? {
                Ok(tested) if (tested == 0) == until => return Ok(status),
                Ok(_) => {}
                Err(end) => return Ok(end),
            }
            let outcome = self.list(body, false).await;
            match self.turn(outcome)? {
                Ok(code) => status = code,
                Err(end) => return Ok(end),
            }
        }
    }

    async fn for_loop(&mut self, name: &str, words: &str, items: Vec<String>, body: &List) -> Outcome {
        if !is_name(name) {
            self.complain(None, &format!("`{name}': not a valid identifier")).await;
            return Ok(1);
        }
        let mut status = 0;
        for item in items {
            self.proc.charge(BUILTIN_COST).await;
            self.trace_bash(|| format!("for {name} in {words}")).await;
            self.set_or_fail(name, item).await?;
            let outcome = self.list(body, false).await;
            match self.turn(outcome)? {
                Ok(code) => status = code,
                Err(end) => return Ok(end),
            }
        }
        Ok(status)
    }

    async fn arith_for(&mut self, init: &Word, condition: &Word, step: &Word, body: &List) -> Outcome {
        let mut status = 0;
        let text = self.quoted_text(&init.parts).await?;
        self.arithmetic(&text).await?;
        loop {
            self.proc.charge(BUILTIN_COST).await;
            let text = self.quoted_text(&condition.parts).await?;
            if !text.trim().is_empty() && self.arithmetic(&text).await? == 0 {
                return Ok(status);
            }
            let outcome = self.list(body, false).await;
            match self.turn(outcome)? {
                Ok(code) => status = code,
                Err(end) => return Ok(end),
            }
            let text = self.quoted_text(&step.parts).await?;
            self.arithmetic(&text).await?;
        }
    }

    async fn case(&mut self, word: &Word, arms: &[CaseArm]) -> Outcome {
        self.trace_bash(|| format!("case {} in", word.written())).await;
        let text = self.single(word).await?;
        let chars: Vec<char> = text.chars().collect();
        let mut status = 0;
        let mut falling = false;
        for arm in arms {
            let mut chosen = falling;
            for pattern in &arm.patterns {
                if chosen {
                    break;
                }
                chosen = self.pattern(pattern).await?.matches_chars(&chars);
            }
            if !chosen {
                continue;
            }
            status = self.list(&arm.body, false).await?;
            falling = arm.then == AfterArm::NextBody;
            if arm.then == AfterArm::End {
                break;
            }
        }
        Ok(status)
    }

    // Simple commands

    async fn simple(&mut self, command: &Command, assigns: &[Assign], words: &[Word], tail: bool) -> Outcome {
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
        for assign in assigns {
            let value = self.assigned(&assign.value).await?;
            let value = if assign.append { self.get(&assign.name).unwrap_or_default() + &value } else { value };
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

    async fn assign_all(&mut self, assigns: &[Assign]) -> Result<(), Flow> {
        for assign in assigns {
            let value = self.assigned(&assign.value).await?;
            let value = if assign.append { self.get(&assign.name).unwrap_or_default() + &value } else { value };
            self.trace(&[(assign.name.clone(), value.clone())], &[]).await;
            self.set_or_fail(&assign.name, value).await?;
        }
        Ok(())
    }

    /// `set -x`
    async fn trace(&mut self, values: &[(String, String)], fields: &[String]) {
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
    async fn trace_line(&mut self, text: &str) {
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

    async fn call(&mut self, body: &Rc<Command>, mut fields: Vec<String>) -> Outcome {
        let name = fields.remove(0);
        let shift = std::mem::take(&mut self.line_shift);
        let outer_name = self.variables.get("FUNCNAME").cloned();
        if self.dialect.is_bash() {
            self.put("FUNCNAME", &name);
        }
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
        if self.dialect.is_bash() {
            self.put_back("FUNCNAME".to_string(), outer_name);
        }
        match result {
            Err(Flow::Return(code)) => Ok(code),
            Err(Flow::Break(_) | Flow::Continue(_)) => Ok(self.status),
            other => other,
        }
    }

    /// Runs a function's body or a text. Now and then it gets a task of its own: the futures of nested
    /// calls are polled one inside the other, so deep recursion would otherwise use up the native stack.
    pub async fn nested(&mut self, work: Nested) -> Outcome {
        const FRAMES: u32 = 12;
        if self.calls - self.stack_base < FRAMES {
            return Box::pin(self.run_nested(work)).await;
        }
        let base = std::mem::replace(&mut self.stack_base, self.calls);
        let (tx, rx) = crate::sim::oneshot();
        let mut shell = self.clone();
        self.proc.thread(async move {
            let result = shell.run_nested(work).await;
            tx.send((shell, result));
        });
        let Some((shell, result)) = rx.await else {
            // `exec` has put a program in this one's place.
            return std::future::pending().await;
        };
        *self = shell;
        self.stack_base = base;
        result
    }

    async fn run_nested(&mut self, work: Nested) -> Outcome {
        match work {
            Nested::Body(body) => self.command(&body, false).await,
            Nested::Text(text) => self.evaluate(&text, false).await,
        }
    }

    async fn external(
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

    fn resolve(&self, fields: &[String]) -> Result<(), Errno> {
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

    fn spawn(
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

    async fn script(&mut self, file: &str, args: &[String]) -> i32 {
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

    // Processes

    /// Runs work in a child and waits for it.
    async fn foreground(&mut self, work: Work) -> Outcome {
        let group = if self.controls_jobs() { Group::New } else { Group::Inherit };
        let Ok(pid) = self.fork_in(group, Vec::new(), work, false) else {
            return Err(self.cannot_fork().await);
        };
        self.wait_foreground(pid).await
    }

    /// fork, in this shell's process group.
    pub fn fork(&mut self, fds: Vec<(i32, File)>, work: Work) -> Result<Pid, Errno> {
        self.fork_in(Group::Inherit, fds, work, false)
    }

    pub fn fork_in(&mut self, group: Group, fds: Vec<(i32, File)>, work: Work, background: bool) -> Result<Pid, Errno> {
        let mut shell = self.clone();
        let deaf = background && group == Group::Inherit;
        let main = move |child| async move {
            shell.become_subshell(child, deaf);
            // A failure in a subshell that is a condition doesn't end it either.
            if background {
                shell.tested = 0;
            }
            Box::pin(shell.work(work)).await
        };
        self.proc.try_fork(fds, group, main)
    }

    /// Reports that no process could be made.
    pub async fn cannot_fork(&mut self) -> Flow {
        let text = match self.dialect {
            Dialect::Bash => "fork: retry: Resource temporarily unavailable",
            Dialect::Dash => "Cannot fork",
            Dialect::Ash => "can't fork: Resource temporarily unavailable",
        };
        self.complain(None, text).await;
        Flow::Error(if self.dialect.is_bash() { 254 } else { 2 })
    }

    fn become_subshell(&mut self, child: Proc, deaf: bool) {
        self.proc = child;
        self.is_subshell = true;
        self.restore_dispositions();
        if deaf {
            self.ignore_keyboard();
        }
        self.traps.forget();
        self.interactive = false;
        self.options.monitor = false;
        self.jobs.forget();
        if self.dialect.is_bash() {
            self.loops = 0;
        }
        self.stack_base = self.calls;
    }

    async fn work(&mut self, work: Work) -> i32 {
        let result = match work {
            Work::List(list) => self.list(&list, true).await,
            Work::Substitution(list) => {
                self.tested = 0;
                self.substitutions += 1;
                // Only dash goes on with `set -e` there.
                self.options.errexit &= self.dialect == Dialect::Dash || self.shopt.has("inherit_errexit");
                if self.dialect.is_bash()
                    && let Some(first) = list.0.first().and_then(|item| item.and_or.first.commands.first())
                {
                    self.line_shift = i64::from(self.line) - i64::from(first.line);
                }
                self.list(&list, true).await
            }
            Work::AndOr(and_or) => self.and_or(&and_or, true).await,
            Work::Command(command) => match &command.kind {
                CommandKind::Subshell(list) if command.redirects.is_empty() => self.list(list, true).await,
                _ => self.command(&command, true).await,
            },
            Work::Write(data, file) => Ok(util::done(util::write_to(&self.proc, &file, &data).await)),
            Work::Script(file, args) => Ok(self.script(&file, &args).await),
        };
        let code = match result {
            Ok(code) | Err(Flow::Exit(code) | Flow::Error(code) | Flow::Return(code)) => code,
            Err(Flow::Interrupt) => 130,
            Err(Flow::Break(_) | Flow::Continue(_)) => self.status,
        };
        self.leave(code).await
    }

    async fn start_background(&mut self, and_or: Rc<AndOr>, text: &str) -> Result<(), Flow> {
        let group = if self.options.monitor { Group::New } else { Group::Inherit };
        let fds = if group == Group::Inherit { vec![(0, File::null())] } else { Vec::new() };
        let Ok(pid) = self.fork_in(group, fds, Work::AndOr(and_or), true) else {
            return Err(self.cannot_fork().await);
        };
        self.proc.charge(FORK_COST).await;
        self.last_background = Some(pid);
        // Only job control makes the others keep what was written.
        let text = if self.dialect.is_bash() || self.options.monitor { text } else { "" };
        let id = self.jobs.add(Spawned { pid, text: text.to_string(), in_group: group == Group::New });
        if self.interactive && self.dialect != Dialect::Ash {
            let line = if self.dialect.is_bash() { format!("[{id}] {pid}\n") } else { String::new() };
            util::ignore(self.proc.eprint(&line).await);
        }
        Ok(())
    }

    /// Waits for a child that is not a job of its own; gives its exit status.
    pub async fn wait_for(&mut self, pid: Pid) -> i32 {
        self.proc.wait(pid).await.map_or(127, ExitStatus::code)
    }

    /// Waits for the foreground job.
    pub async fn wait_foreground(&mut self, pid: Pid) -> Outcome {
        self.wait_foreground_of(pid, String::new).await
    }

    /// Waits for the foreground job, which is written as `text` says.
    async fn wait_foreground_of(&mut self, pid: Pid, text: impl Fn() -> String) -> Outcome {
        if self.controls_jobs() {
            self.give_terminal(pid);
        }
        let ended = self.proc.wait(pid).await.unwrap_or(ExitStatus::Exited(127));
        self.take_terminal();
        let code = ended.code();
        self.status = code;
        if let ExitStatus::Signaled(signal) = ended {
            if signal == Signal::INT && self.interactive {
                util::ignore(self.proc.eprint("\n").await);
                return Err(Flow::Interrupt);
            }
            self.report_death(pid, signal, &text()).await;
        }
        self.forget_ended_jobs().await;
        Ok(code)
    }

    /// What a shell says when a command was killed.
    pub async fn report_death(&self, pid: Pid, signal: Signal, command: &str) {
        let text = match signal {
            Signal::INT | Signal::PIPE => return,
            _ => super::jobs::signal_text(signal),
        };
        let line = match self.dialect {
            Dialect::Bash if !self.interactive && !self.traps.signals.contains_key(&signal) => {
                let line = format!("{}: line {}: {pid:5} {text:<23} {command}", self.arg0, self.line);
                format!("{}\n", line.trim_end())
            }
            _ => format!("{text}\n"),
        };
        util::ignore(self.proc.eprint(&line).await);
    }
}
