//! Runs the syntax tree.

use std::{rc::Rc, time::Duration};

use futures_util::future::LocalBoxFuture;

use super::{
    ast::{AfterArm, AndOr, CaseArm, Command, CommandKind, Connector, Item, List, Pipeline, TimeFormat, Word, is_name},
    state::{Flow, MAX_CALLS, Outcome, Shell},
};
use crate::{
    os::{ExitStatus, File, Pid, Signal, process::Group},
    programs::util,
};

/// Simulated CPU time of a builtin, a fork, a started program.
pub const BUILTIN_COST: Duration = Duration::from_micros(30);

pub const FORK_COST: Duration = Duration::from_micros(300);

pub const SPAWN_COST: Duration = Duration::from_micros(500);

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

    pub(super) async fn and_or(&mut self, and_or: &AndOr, tail: bool) -> Outcome {
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

    pub(super) async fn pipeline(&mut self, pipeline: &Pipeline, tail: bool) -> Outcome {
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
        if self.dialect.is_bash()
            && let [command] = pipeline.commands.as_slice()
            && matches!(
                command.kind,
                CommandKind::Simple { .. } | CommandKind::Subshell(_) | CommandKind::Test(_) | CommandKind::Arith(_)
            )
        {
            self.pipe_status.clear();
            self.pipe_status.push(status);
        }
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

    pub(super) async fn run_pipeline(&mut self, commands: &[Rc<Command>]) -> Outcome {
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
        self.pipe_status.clone_from(&statuses);
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
            let substituting = self.substituting.len();
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
            if self.substituting.len() > substituting {
                self.end_substitutions(substituting);
            }
            if let Ok(status) = result {
                self.status = status;
            }
            result
        })
    }

    pub(super) async fn compound(&mut self, kind: &CommandKind, tail: bool) -> Outcome {
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
            CommandKind::Select { name, words, body } => {
                let items = match words {
                    Some(words) => self.fields(words).await?,
                    None => self.positional.clone(),
                };
                self.loops += 1;
                let result = self.select(name, items, body).await;
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

    pub(super) async fn condition(&mut self, list: &List) -> Outcome {
        self.tested += 1;
        let result = self.list(list, false).await;
        self.tested -= 1;
        result
    }

    /// What a loop does with the outcome of its body: the status to go on with, or the loop's own end.
    pub(super) fn turn(&mut self, outcome: Outcome) -> Result<Result<i32, i32>, Flow> {
        match outcome {
            Ok(status) => Ok(Ok(status)),
            Err(Flow::Break(1)) => Ok(Err(0)),
            Err(Flow::Break(n)) => Err(Flow::Break(n - 1)),
            Err(Flow::Continue(1)) => Ok(Ok(0)),
            Err(Flow::Continue(n)) => Err(Flow::Continue(n - 1)),
            Err(flow) => Err(flow),
        }
    }

    pub(super) async fn while_loop(&mut self, until: bool, condition: &List, body: &List) -> Outcome {
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

    pub(super) async fn for_loop(&mut self, name: &str, words: &str, items: Vec<String>, body: &List) -> Outcome {
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

    pub(super) async fn arith_for(&mut self, init: &Word, condition: &Word, step: &Word, body: &List) -> Outcome {
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

    pub(super) async fn case(&mut self, word: &Word, arms: &[CaseArm]) -> Outcome {
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

    pub(super) async fn run_nested(&mut self, work: Nested) -> Outcome {
        match work {
            Nested::Body(body) => self.command(&body, false).await,
            Nested::Text(text) => self.evaluate(&text, false).await,
        }
    }
}
