//! What a shell knows: variables, functions, options, positional parameters, jobs.

use std::{collections::BTreeMap, rc::Rc};

use super::{
    Dialect, arith,
    arrays::{self, Array},
    ast::{Command, is_name},
    builtins::{Limit, Shopt},
    jobs::Jobs,
    parser::{Aliases, Parser, SyntaxError},
    traps::Traps,
};
use crate::{
    os::{Pid, Proc, fs::FileType},
    programs::{Context, util},
    sim::Rng,
};

/// The largest script, here-document, variable or expansion, in bytes.
pub const MAX_TEXT: usize = 16 << 20;

/// Nested function calls, `eval`s and compound commands: each costs stack.
pub const MAX_CALLS: u32 = 1000;

/// Why a command did not just end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Break(u32),
    Continue(u32),
    Return(i32),
    Exit(i32),
    /// A reported error that ends a script, and brings a terminal back to the prompt.
    Error(i32),
    /// ^C at a terminal.
    Interrupt,
}

pub type Outcome = Result<i32, Flow>;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variable {
    /// `None`: declared (exported, read-only, local), but not set.
    pub value: Option<String>,
    /// bash's arrays have this instead of a value.
    pub array: Option<Rc<Array>>,
    /// Declared as an array, but given no element yet.
    pub bare: bool,
    pub exported: bool,
    pub readonly: bool,
    /// bash: what is assigned is worked out, or changes its case.
    pub integer: bool,
    pub upper: Option<bool>,
    /// bash: the value is the name of the variable that is meant.
    pub reference: bool,
}

impl Variable {
    /// What the name alone stands for: of an array the first element.
    fn scalar(&self) -> Option<&String> {
        self.value.as_ref().or_else(|| self.array.as_ref()?.first())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    pub allexport: bool,
    pub errexit: bool,
    pub noglob: bool,
    pub noexec: bool,
    pub nounset: bool,
    pub verbose: bool,
    pub xtrace: bool,
    pub noclobber: bool,
    pub monitor: bool,
    pub pipefail: bool,
    pub ignoreeof: bool,
    pub notify: bool,
    pub hashall: bool,
    pub posix: bool,
    pub vi: bool,
    pub emacs: bool,
    pub nolog: bool,
    pub privileged: bool,
    pub errtrace: bool,
    pub functrace: bool,
}

impl Options {
    /// (letter, name); a blank letter if there is none. In the order in which `set -o` lists them.
    const NAMES: &[(char, &str)] = &[
        ('e', "errexit"),
        ('f', "noglob"),
        ('I', "ignoreeof"),
        ('m', "monitor"),
        ('n', "noexec"),
        ('x', "xtrace"),
        ('v', "verbose"),
        ('V', "vi"),
        ('E', "emacs"),
        ('C', "noclobber"),
        ('a', "allexport"),
        ('b', "notify"),
        ('u', "nounset"),
        ('h', "hashall"),
        ('p', "privileged"),
        (' ', "errtrace"),
        ('T', "functrace"),
        (' ', "posix"),
        (' ', "nolog"),
        (' ', "pipefail"),
    ];

    fn flag(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "errexit" => &mut self.errexit,
            "noglob" => &mut self.noglob,
            "ignoreeof" => &mut self.ignoreeof,
            "monitor" => &mut self.monitor,
            "noexec" => &mut self.noexec,
            "xtrace" => &mut self.xtrace,
            "verbose" => &mut self.verbose,
            "vi" => &mut self.vi,
            "emacs" => &mut self.emacs,
            "noclobber" => &mut self.noclobber,
            "allexport" => &mut self.allexport,
            "notify" => &mut self.notify,
            "nounset" => &mut self.nounset,
            "hashall" => &mut self.hashall,
            "errtrace" => &mut self.errtrace,
            "functrace" => &mut self.functrace,
            "privileged" => &mut self.privileged,
            "posix" => &mut self.posix,
            "nolog" => &mut self.nolog,
            "pipefail" => &mut self.pipefail,
            _ => return None,
        })
    }

    pub fn set_long(&mut self, name: &str, on: bool) -> bool {
        self.flag(name).map(|flag| *flag = on).is_some()
    }

    pub fn set_short(&mut self, letter: char, on: bool) -> bool {
        match Options::NAMES.iter().find(|(own, _)| *own == letter && letter != ' ') {
            Some((_, name)) => self.set_long(name, on),
            None => false,
        }
    }

    /// (letter, name, on)
    pub fn all(&self) -> Vec<(char, &'static str, bool)> {
        let mut copy = self.clone();
        Options::NAMES.iter().map(|(c, name)| (*c, *name, copy.flag(name).is_some_and(|on| *on))).collect()
    }
}

/// `-ex` or `+ex`: on or off, and the letters.
pub fn option_letters(arg: &str) -> Option<(bool, &str)> {
    match arg.strip_prefix('-') {
        Some(letters) => Some((true, letters)),
        None => arg.strip_prefix('+').map(|letters| (false, letters)),
    }
    .filter(|(_, letters)| !letters.is_empty())
}

/// Where commands come from; it shows in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Command,
    Script,
    Stdin,
    Terminal,
}

#[derive(Clone)]
pub struct Shell {
    pub proc: Proc,
    pub ctx: Context,
    pub dialect: Dialect,
    pub arg0: String,
    /// The name the shell was called by, without its directory: busybox' programs say it, also as builtins.
    pub called: String,
    /// The builtin that runs, or the file being read by `.`: dash and ash name it in messages.
    pub running: Option<String>,
    /// The file that bash names in messages instead of `arg0`.
    pub sourced_file: Option<String>,
    /// Added to the line of a command: bash counts on in `eval` and in command substitutions.
    pub line_shift: i64,
    /// The line the parser has reached.
    pub parsed_line: u32,
    pub shopt: Shopt,
    /// bash: where programs were found, and how often.
    pub hashed: Rc<BTreeMap<String, (String, u32)>>,
    pub limits: Rc<BTreeMap<char, Limit>>,
    /// `pushd`'s directories, the last one on top.
    pub directories: Rc<Vec<String>>,
    /// How deep in command substitutions, for bash's `set -x`.
    pub substitutions: usize,
    pub positional: Vec<String>,
    pub options: Options,
    pub status: i32,
    /// `$$`: the main shell's pid, in subshells too.
    pub main_pid: Pid,
    pub last_background: Option<Pid>,
    pub variables: Rc<BTreeMap<String, Variable>>,
    /// Lists that `declare` and its like were given: `declare a=(…)`.
    pub lists: Vec<arrays::List>,
    /// bash's PIPESTATUS.
    pub pipe_status: Vec<i32>,
    /// The functions being run, outermost first.
    pub called_functions: Vec<String>,
    /// Descriptors and processes of `<(…)` in the commands being run.
    pub substituting: Vec<(i32, Pid)>,
    pub left_behind: Vec<Pid>,
    pub functions: Rc<BTreeMap<String, Rc<Command>>>,
    pub aliases: Rc<Aliases>,
    /// Variables to restore at the end of each function call.
    pub locals: Vec<Vec<(String, Option<Variable>)>>,
    pub traps: Traps,
    pub jobs: Jobs,
    pub line: u32,
    pub reading: Source,
    pub interactive: bool,
    pub is_subshell: bool,
    /// Inside a condition, where a failure doesn't end a `set -e` shell.
    pub tested: u32,
    pub loops: u32,
    pub calls: u32,
    /// `calls` when the running task began.
    pub stack_base: u32,
    pub sourced: u32,
    /// Exit status of the last command substitution of the command being expanded.
    pub substituted: Option<i32>,
    pub getopts_at: (i64, usize),
    pub history: Rc<Vec<String>>,
    pub line_numbers: bool,
    pub random: Rng,
}

impl Shell {
    pub fn new(proc: Proc, ctx: Context, dialect: Dialect, called: &str) -> Shell {
        let pid = proc.pid();
        let random = proc.sim().rng(&format!("sh {} {}", proc.hostname(), proc.host_pid()));
        let exported = |value| Variable { value: Some(value), exported: true, ..Default::default() };
        let variables = proc.environ().into_iter().filter(|(name, _)| is_name(name));
        let variables = Rc::new(variables.map(|(name, value)| (name, exported(value))).collect());
        Shell {
            ctx,
            dialect,
            arg0: called.to_string(),
            called: util::file_name(called).to_string(),
            running: None,
            sourced_file: None,
            line_shift: 0,
            parsed_line: 1,
            shopt: Shopt::default(),
            hashed: Rc::default(),
            limits: Rc::default(),
            directories: Rc::default(),
            substitutions: 0,
            positional: Vec::new(),
            options: Options::default(),
            status: 0,
            main_pid: pid,
            last_background: None,
            variables,
            lists: Vec::new(),
            pipe_status: vec![0],
            called_functions: Vec::new(),
            substituting: Vec::new(),
            left_behind: Vec::new(),
            functions: Rc::default(),
            aliases: Rc::default(),
            locals: Vec::new(),
            traps: Traps::default(),
            jobs: Jobs::default(),
            line: 1,
            reading: Source::Command,
            interactive: false,
            is_subshell: false,
            tested: 0,
            loops: 0,
            calls: 0,
            stack_base: 0,
            sourced: 0,
            substituted: None,
            getopts_at: (1, 0),
            history: Rc::default(),
            line_numbers: true,
            random,
            proc,
        }
    }

    /// Sets the variables that every shell has and reads the start-up files.
    pub async fn start(&mut self, interactive: bool, login: bool, no_rc: bool) {
        self.interactive = interactive;
        let bash = self.dialect.is_bash();
        self.put("IFS", " \t\n");
        self.put("OPTIND", "1");
        self.put("PPID", &self.proc.ppid().to_string());
        self.put("PWD", &self.proc.cwd());
        self.put("PS4", "+ ");
        if self.get("PATH").is_none() {
            self.put("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        }
        if bash {
            self.options.hashall = true;
            self.put("BASH", "/bin/bash");
            self.put("BASH_VERSION", "5.2.15(1)-release");
            self.put("HOSTNAME", &self.proc.hostname());
            self.put("UID", &self.proc.uid().to_string());
            self.put("EUID", &self.proc.uid().to_string());
            let level = self.get("SHLVL").and_then(|level| level.parse().ok()).unwrap_or(0) + 1;
            self.put("SHLVL", &level.to_string());
            self.export("SHLVL");
            self.export("PWD");
        }
        if interactive {
            self.options.monitor = true;
            let root = self.proc.uid() == 0;
            let prompt = match self.dialect {
                Dialect::Bash => "\\u@\\h:\\w\\$ ",
                Dialect::Ash => "\\w \\$ ",
                Dialect::Dash if root => "# ",
                Dialect::Dash => "$ ",
            };
            if self.get("PS1").is_none() {
                self.put("PS1", prompt);
            }
            if self.get("PS2").is_none() {
                self.put("PS2", "> ");
            }
        }
        if no_rc {
            return;
        }
        let home = self.get("HOME").unwrap_or_default();
        let mut files = Vec::new();
        if login {
            files.push("/etc/profile".to_string());
            files.push(format!("{home}/.profile"));
        }
        if interactive && bash && !login {
            files.push(format!("{home}/.bashrc"));
        } else if interactive && !bash {
            files.extend(self.get("ENV"));
        }
        for file in files {
            if let Ok(data) = self.proc.read_file(&file).await {
                self.status = self.run_text(&util::text(data), false).await;
            }
        }
        self.status = 0;
    }

    // Variables

    pub fn get(&self, name: &str) -> Option<String> {
        self.variable(name)?.scalar().cloned()
    }

    /// The name of the variable that `declare -n` made this one stand for, or the name itself.
    pub fn target(&self, name: &str) -> String {
        let mut name = name.to_string();
        for _ in 0..8 {
            match self.variables.get(&name) {
                Some(Variable { reference: true, value: Some(target), .. }) if is_name(target) => name = target.clone(),
                _ => break,
            }
        }
        name
    }

    pub fn variable(&self, name: &str) -> Option<&Variable> {
        match self.variables.get(name) {
            Some(variable) if variable.reference => self.variables.get(&self.target(name)),
            variable => variable,
        }
    }

    pub fn variable_mut(&mut self, name: &str) -> &mut Variable {
        let name = self.target(name);
        Rc::make_mut(&mut self.variables).entry(name).or_default()
    }

    /// Sets a variable whatever its attributes; for the shell's own ones.
    pub fn put(&mut self, name: &str, value: &str) {
        Rc::make_mut(&mut self.variables).entry(name.to_string()).or_default().value = Some(value.to_string());
    }

    pub fn export(&mut self, name: &str) {
        Rc::make_mut(&mut self.variables).entry(name.to_string()).or_default().exported = true;
    }

    /// Sets a variable as an assignment does. The error is the message for a read-only one.
    pub fn assign(&mut self, name: &str, value: String) -> Result<(), String> {
        if self.dialect.is_bash()
            && let Some((name, key)) = arrays::subscripted(name)
        {
            return self.assign_element(name, key, value);
        }
        let allexport = self.options.allexport;
        self.refuse_readonly(name)?;
        let value = self.converted(name, value)?;
        let variable = self.variable_mut(name);
        variable.exported |= allexport;
        match &mut variable.array {
            Some(array) => {
                variable.bare = false;
                Rc::make_mut(array).set_first(value);
            }
            None => variable.value = Some(value),
        }
        if name == "OPTIND" {
            self.getopts_at = (0, 0);
        }
        Ok(())
    }

    pub fn refuse_readonly(&self, name: &str) -> Result<(), String> {
        if self.variable(name).is_none_or(|variable| !variable.readonly) {
            return Ok(());
        }
        Err(match self.dialect {
            Dialect::Bash => format!("{name}: readonly variable"),
            _ => format!("{name}: is read only"),
        })
    }

    /// A value as the variable's attributes make it.
    pub fn converted(&mut self, name: &str, value: String) -> Result<String, String> {
        let (integer, upper) = match self.variable(name) {
            Some(variable) => (variable.integer, variable.upper),
            None => return Ok(value),
        };
        if integer {
            let number = arith::evaluate(&value, self).map_err(|error| self.arithmetic_message(&value, &error))?;
            return Ok(number.to_string());
        }
        Ok(match upper {
            None => value,
            Some(true) => value.to_uppercase(),
            Some(false) => value.to_lowercase(),
        })
    }

    /// What a program started now finds in its environment.
    pub fn environment(&self) -> BTreeMap<String, String> {
        self.variables
            .iter()
            .filter(|(_, variable)| variable.exported)
            .filter_map(|(name, variable)| Some((name.clone(), variable.value.clone()?)))
            .collect()
    }

    /// The aliases, where they are expanded: bash does so at a terminal only.
    pub fn usable_aliases(&self) -> Option<Rc<Aliases>> {
        (self.interactive || self.shopt.has("expand_aliases") || !self.dialect.is_bash()).then(|| self.aliases.clone())
    }

    /// `$-`
    pub fn flags(&self) -> String {
        let mut flags: String =
            self.options.all().into_iter().filter(|(c, _, on)| *on && *c != ' ').map(|(c, ..)| c).collect();
        if self.interactive {
            flags.push('i');
        }
        if self.dialect.is_bash() {
            flags.push('B');
        }
        match self.reading {
            Source::Command if self.dialect != Dialect::Dash => flags.push('c'),
            Source::Stdin | Source::Terminal => flags.push('s'),
            _ => {}
        }
        flags
    }

    // Programs

    /// The executable file that `name` stands for, by PATH.
    pub fn find_program(&self, name: &str) -> Option<String> {
        if name.contains('/') {
            return self.is_executable(name).then(|| name.to_string());
        }
        let path = self.get("PATH").unwrap_or_default();
        path.split(':')
            .map(|dir| if dir.is_empty() { name.to_string() } else { format!("{}/{name}", dir.trim_end_matches('/')) })
            .find(|candidate| self.is_executable(candidate))
    }

    fn is_executable(&self, path: &str) -> bool {
        self.proc.stat(path).is_ok_and(|stat| stat.file_type == FileType::Regular && stat.mode & 0o111 != 0)
    }

    // Messages

    /// Reports an error of the shell, or of a builtin.
    pub async fn complain(&self, builtin: Option<&str>, text: &str) {
        util::ignore(self.proc.eprint(&self.message(builtin, text)).await);
    }

    fn message(&self, builtin: Option<&str>, text: &str) -> String {
        let (arg0, line) = (&self.arg0, self.line);
        let arg0 = if self.dialect.is_bash() { self.sourced_file.as_ref().unwrap_or(arg0) } else { arg0 };
        let builtin = builtin.or(self.running.as_deref().filter(|_| !self.dialect.is_bash()));
        let of = |name: Option<&str>| name.map(|name| format!("{name}: ")).unwrap_or_default();
        match self.dialect {
            Dialect::Dash => format!("{arg0}: {line}: {}{text}\n", of(builtin)),
            Dialect::Bash if self.reading == Source::Terminal => format!("{arg0}: {}{text}\n", of(builtin)),
            Dialect::Bash => format!("{arg0}: line {line}: {}{text}\n", of(builtin)),
            Dialect::Ash => match (builtin, self.reading) {
                (Some(name), Source::Command) => format!("{arg0}: {name}: line {}: {text}\n", line - 1),
                (Some(name), _) => format!("{arg0}: {name}: line {line}: {text}\n"),
                (None, Source::Script) => format!("{arg0}: line {line}: {text}\n"),
                (None, _) => format!("{arg0}: {text}\n"),
            },
        }
    }

    /// Reports a syntax error and gives back the exit status.
    /// What a program of busybox says, when it is a builtin too.
    pub async fn complain_as_program(&self, text: &str) {
        util::ignore(self.proc.eprint(&format!("{}: {text}\n", self.called)).await);
    }

    /// Prints the warnings that bash has while it reads.
    pub async fn warn(&self, parser: &mut Parser) {
        let arg0 = self.sourced_file.as_ref().unwrap_or(&self.arg0);
        for (line, text) in std::mem::take(&mut parser.warnings) {
            util::ignore(self.proc.eprint(&format!("{arg0}: line {line}: warning: {text}\n")).await);
        }
    }

    /// `set -v`
    pub async fn show(&self, text: &str) {
        if self.options.verbose {
            util::ignore(self.proc.eprint(text).await);
        }
    }

    pub async fn report_syntax(&self, error: &SyntaxError) -> i32 {
        let file = self.sourced_file.as_ref().filter(|_| self.dialect.is_bash());
        let arg0 = file.unwrap_or(&self.arg0);
        let line = (i64::from(error.line) + self.line_shift).max(0);
        let running = self.running.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let messages = error.messages(self.dialect);
        let text: String = messages
            .iter()
            .map(|message| match self.dialect {
                Dialect::Dash => format!("{arg0}: {line}: {running}{message}\n"),
                Dialect::Ash if !running.is_empty() => format!("{arg0}: {running}line {line}: {message}\n"),
                Dialect::Bash if self.running.as_deref() == Some("eval") => {
                    format!("{arg0}: eval: line {line}: {message}\n")
                }
                Dialect::Bash if file.is_some() => format!("{arg0}: line {line}: {message}\n"),
                Dialect::Bash if self.reading == Source::Terminal => format!("{arg0}: {message}\n"),
                Dialect::Bash if self.reading == Source::Command => format!("{arg0}: -c: line {line}: {message}\n"),
                Dialect::Bash => format!("{arg0}: line {line}: {message}\n"),
                Dialect::Ash if self.reading == Source::Script => format!("{arg0}: line {line}: {message}\n"),
                Dialect::Ash => format!("{arg0}: {message}\n"),
            })
            .collect();
        util::ignore(self.proc.eprint(&text).await);
        error.status
    }

    pub async fn report_too_long(&self) -> i32 {
        self.complain(None, "command too long").await;
        2
    }

    // Running text

    /// Runs a script's text command by command. `top`: the shell ends with it. Gives the exit status, having reported
    /// errors.
    pub async fn run_text(&mut self, text: &str, top: bool) -> i32 {
        match self.evaluate(text, top).await {
            Ok(code) | Err(Flow::Exit(code) | Flow::Error(code) | Flow::Return(code)) => code,
            Err(Flow::Interrupt) => 130,
            Err(Flow::Break(_) | Flow::Continue(_)) => self.status,
        }
    }

    /// Whether a script goes on with its next line after an error that ended the one before: bash does
    /// when an expansion or an assignment failed.
    pub fn goes_on_after(&self, code: i32) -> bool {
        self.dialect.is_bash() && code == 1
    }

    /// Runs text in this shell: the script itself (`top`), or what `eval`, `.` and traps are given. The last command
    /// of `sh -c` may take the shell's place.
    pub async fn evaluate(&mut self, text: &str, top: bool) -> Outcome {
        if text.len() > MAX_TEXT {
            return Err(Flow::Error(self.report_too_long().await));
        }
        let mut parser = Parser::new(text, self.dialect, None);
        let mut status = 0;
        loop {
            // An alias works from the line after its definition on.
            parser.set_aliases(self.usable_aliases());
            parser.extglob = self.shopt.has("extglob") && self.dialect.is_bash();
            let command = parser.next_command();
            self.parsed_line = parser.line();
            self.warn(&mut parser).await;
            if top {
                let text = parser.text_read();
                self.show(&text).await;
            }
            match command {
                Err(error) => {
                    let code = self.report_syntax(&error).await;
                    return if self.dialect.is_bash() && !top { Ok(code) } else { Err(Flow::Error(code)) };
                }
                Ok(None) => return Ok(status),
                Ok(Some(list)) => {
                    let last = top && self.reading == Source::Command && parser.at_end_of_input();
                    status = match self.list(&list, last).await {
                        Err(Flow::Error(code)) if top && self.goes_on_after(code) => code,
                        outcome => outcome?,
                    };
                    self.status = status;
                }
            }
        }
    }

    /// The shell's end: the EXIT trap, the history.
    pub async fn leave(&mut self, code: i32) -> i32 {
        self.status = code;
        self.run_exit_trap().await
    }
}
