//! find.

use std::time::Duration;

use super::ls::mode_text;
use crate::{
    os::{
        Proc,
        fs::{FileType, Stat},
        process::Group,
    },
    programs::{
        Context,
        sh::pattern::Pattern,
        util::{self, Out},
    },
};

/// An expression of `find`.
enum Test {
    Name(Pattern, bool),
    Path(Pattern),
    Type(char),
    Size(char, u64),
    Empty,
    Newer(crate::sim::SimTime),
    Print,
    Print0,
    Delete,
    Prune,
    Exec(Vec<String>, bool),
    Not(Box<Test>),
    And(Vec<Test>),
    Or(Vec<Test>),
}

struct FindParser<'a> {
    args: &'a [String],
    pos: usize,
    acts: bool,
    depth: u32,
    min: usize,
    max: usize,
}

impl FindParser<'_> {
    fn value(&mut self, option: &str) -> Result<String, String> {
        self.pos += 1;
        self.args.get(self.pos - 1).cloned().ok_or_else(|| format!("find: missing argument to `{option}'"))
    }

    fn or(&mut self, proc: &Proc) -> Result<Test, String> {
        self.depth += 1;
        if self.depth > 50 {
            return Err("find: expression nested too deeply".to_string());
        }
        let mut any = vec![self.and(proc)?];
        while self.args.get(self.pos).is_some_and(|arg| arg == "-o" || arg == "-or") {
            self.pos += 1;
            any.push(self.and(proc)?);
        }
        self.depth -= 1;
        Ok(Test::Or(any))
    }

    fn and(&mut self, proc: &Proc) -> Result<Test, String> {
        let mut all = Vec::new();
        while let Some(arg) = self.args.get(self.pos).cloned() {
            if matches!(arg.as_str(), "-o" | "-or" | ")") {
                break;
            }
            self.pos += 1;
            if !matches!(arg.as_str(), "-a" | "-and") {
                all.extend(self.primary(&arg, proc)?);
            }
        }
        Ok(Test::And(all))
    }

    fn primary(&mut self, arg: &str, proc: &Proc) -> Result<Option<Test>, String> {
        Ok(Some(match arg {
            "!" | "-not" => {
                let next = self.value(arg)?;
                match self.primary(&next, proc)? {
                    Some(test) => Test::Not(Box::new(test)),
                    None => return Ok(None),
                }
            }
            "(" => {
                let test = self.or(proc)?;
                if self.args.get(self.pos).is_none_or(|arg| arg != ")") {
                    return Err(
                        "find: invalid expression; I was expecting to find a ')' somewhere but did not see one."
                            .to_string(),
                    );
                }
                self.pos += 1;
                test
            }
            "-name" => Test::Name(Pattern::parse(&self.value(arg)?), false),
            "-iname" => Test::Name(Pattern::parse(&self.value(arg)?.to_lowercase()), true),
            "-path" | "-wholename" => Test::Path(Pattern::parse(&self.value(arg)?)),
            "-type" => Test::Type(self.value(arg)?.chars().next().unwrap_or('f')),
            "-empty" => Test::Empty,
            "-size" => {
                let text = self.value(arg)?;
                let sign = text.chars().next().filter(|c| matches!(c, '+' | '-')).unwrap_or('=');
                let text = text.trim_start_matches(['+', '-']);
                let (digits, unit) = match text.chars().last() {
                    Some('c') => (&text[..text.len() - 1], 1),
                    Some('k') => (&text[..text.len() - 1], 1024),
                    Some('M') => (&text[..text.len() - 1], 1 << 20),
                    Some('G') => (&text[..text.len() - 1], 1 << 30),
                    _ => (text, 512),
                };
                let count: u64 = digits.parse().map_err(|_| format!("find: Invalid argument `{text}' to -size"))?;
                Test::Size(sign, count.saturating_mul(unit))
            }
            "-newer" => {
                let path = self.value(arg)?;
                Test::Newer(proc.stat(&path).map_err(|error| format!("find: '{path}': {error}"))?.mtime)
            }
            "-maxdepth" | "-mindepth" => {
                let text = self.value(arg)?;
                let depth = text.parse().map_err(|_| {
                    format!("find: Expected a positive decimal integer argument to {arg}, but got '{text}'")
                })?;
                if arg == "-maxdepth" {
                    self.max = depth
                } else {
                    self.min = depth
                }
                return Ok(None);
            }
            "-print" | "-print0" | "-delete" => {
                self.acts = true;
                match arg {
                    "-print" => Test::Print,
                    "-print0" => Test::Print0,
                    _ => Test::Delete,
                }
            }
            "-prune" => Test::Prune,
            "-exec" | "-execdir" => {
                self.acts = true;
                let mut command = Vec::new();
                loop {
                    let word = self.value(arg)?;
                    if word == ";" {
                        break Test::Exec(command, false);
                    }
                    if word == "+" && command.last().is_some_and(|last| last == "{}") {
                        break Test::Exec(command, true);
                    }
                    command.push(word);
                }
            }
            "-xdev" | "-mount" | "-depth" => return Ok(None),
            _ => return Err(format!("find: unknown predicate `{arg}'")),
        }))
    }
}

struct Found<'a> {
    proc: &'a Proc,
    out: Out,
    pruned: bool,
    code: i32,
    /// Paths gathered for `-exec … +`, by the address of the test.
    gathered: Vec<(Vec<String>, Vec<String>)>,
}

pub async fn find(proc: Proc, _ctx: Context) -> i32 {
    let argv = proc.argv();
    let args = &argv[1..];
    let split = args.iter().position(|arg| arg.starts_with('-') || arg == "!" || arg == "(").unwrap_or(args.len());
    let mut roots = args[..split].to_vec();
    if roots.is_empty() {
        roots.push(".".to_string());
    }
    let mut parser = FindParser { args: &args[split..], pos: 0, acts: false, depth: 0, min: 0, max: usize::MAX };
    let test = match parser.or(&proc) {
        Ok(test) => test,
        Err(text) => return util::fail(&proc, 1, &text).await,
    };
    if let Some(extra) = parser.args.get(parser.pos) {
        return util::fail(&proc, 1, &format!("find: paths must precede expression: `{extra}'")).await;
    }
    let test = if parser.acts { test } else { Test::And(vec![test, Test::Print]) };
    let (min, max) = (parser.min, parser.max);
    let mut found = Found { proc: &proc, out: Out::new(&proc), pruned: false, code: 0, gathered: Vec::new() };
    for root in roots {
        let mut stack = vec![(root, 0)];
        while let Some((path, depth)) = stack.pop() {
            let stat = match proc.lstat(&path) {
                Ok(stat) => stat,
                Err(error) => {
                    found.code = util::fail(&proc, 1, &format!("find: '{path}': {error}")).await;
                    continue;
                }
            };
            found.pruned = false;
            // The children are read before an action may delete them.
            let is_dir = stat.file_type == FileType::Directory;
            let children = if is_dir && depth < max { proc.read_dir(&path) } else { Ok(Vec::new()) };
            if depth >= min {
                found.check(&test, &path, &stat).await;
            }
            match children {
                Ok(children) if !found.pruned => {
                    let dir = path.trim_end_matches('/');
                    stack.extend(children.into_iter().rev().map(|entry| (format!("{dir}/{}", entry.name), depth + 1)));
                }
                Ok(_) => {}
                Err(error) => found.code = util::fail(&proc, 1, &format!("find: '{path}': {error}")).await,
            }
        }
    }
    let Found { mut out, mut code, gathered, .. } = found;
    if out.flush().await.is_err() {
        return 1;
    }
    for (command, paths) in gathered {
        let mut call: Vec<String> = command[..command.len() - 1].to_vec();
        call.extend(paths);
        code = code.max(i32::from(spawn_and_wait(&proc, &call).await != 0));
    }
    code
}

async fn spawn_and_wait(proc: &Proc, call: &[String]) -> i32 {
    proc.charge(Duration::from_micros(500)).await;
    match proc.spawn(call, proc.environ(), Vec::new(), Group::Inherit) {
        Ok(pid) => proc.wait(pid).await.map_or(127, |status| status.code()),
        Err(error) => {
            util::fail(proc, 1, &format!("find: '{}': {error}", call.first().map_or("", String::as_str))).await
        }
    }
}

impl Found<'_> {
    fn check<'a>(
        &'a mut self,
        test: &'a Test,
        path: &'a str,
        stat: &'a Stat,
    ) -> futures_util::future::LocalBoxFuture<'a, bool> {
        Box::pin(async move {
            let name = util::file_name(if path == "/" { path } else { path.trim_end_matches('/') });
            match test {
                Test::Name(pattern, false) => pattern.matches(name),
                Test::Name(pattern, true) => pattern.matches(&name.to_lowercase()),
                Test::Path(pattern) => pattern.matches(path),
                Test::Type(c) => mode_text(stat.file_type, 0).starts_with(if *c == 'f' { '-' } else { *c }),
                Test::Size('+', size) => stat.size > *size,
                Test::Size('-', size) => stat.size < *size,
                Test::Size(_, size) => stat.size == *size,
                Test::Empty => match stat.file_type {
                    FileType::Directory => self.proc.read_dir(path).is_ok_and(|entries| entries.is_empty()),
                    _ => stat.size == 0,
                },
                Test::Newer(time) => stat.mtime > *time,
                Test::Print => self.out.line(path).await.is_ok(),
                Test::Print0 => self.out.write(format!("{path}\0").as_bytes()).await.is_ok(),
                Test::Delete => {
                    let result = match stat.file_type {
                        FileType::Directory => self.proc.rmdir(path),
                        _ => self.proc.unlink(path),
                    };
                    if let Err(error) = result {
                        self.code = util::fail(self.proc, 1, &format!("find: cannot delete '{path}': {error}")).await;
                    }
                    true
                }
                Test::Prune => {
                    self.pruned = true;
                    true
                }
                Test::Exec(command, true) => {
                    match self.gathered.iter_mut().find(|(own, _)| own == command) {
                        Some((_, paths)) => paths.push(path.to_string()),
                        None => self.gathered.push((command.clone(), vec![path.to_string()])),
                    }
                    true
                }
                Test::Exec(command, false) => {
                    if self.out.flush().await.is_err() {
                        return false;
                    }
                    let call: Vec<String> = command.iter().map(|word| word.replace("{}", path)).collect();
                    spawn_and_wait(self.proc, &call).await == 0
                }
                Test::Not(inner) => !self.check(inner, path, stat).await,
                Test::And(all) => {
                    for test in all {
                        if !self.check(test, path, stat).await {
                            return false;
                        }
                    }
                    true
                }
                Test::Or(any) => {
                    for test in any {
                        if self.check(test, path, stat).await {
                            return true;
                        }
                    }
                    false
                }
            }
        })
    }
}
