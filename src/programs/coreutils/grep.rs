//! grep.

use std::collections::VecDeque;

use super::regex::{self, Regex, Syntax};
use crate::{
    os::{Proc, fs::FileType},
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Lines, Out, Usage},
    },
};

#[derive(Default)]
struct Grep {
    patterns: Vec<String>,
    letters: String,
    before: usize,
    after: usize,
    max: Option<u64>,
    files: Vec<String>,
    regexes: Vec<Regex>,
    include: Vec<String>,
}

fn parse(proc: &Proc, ctx: &Context) -> Result<Grep, Usage> {
    let mut args = Args::of(proc, ctx.flavour);
    let mut grep = Grep::default();
    match util::program_name(proc).as_str() {
        "egrep" => grep.letters.push('E'),
        "fgrep" => grep.letters.push('F'),
        _ => {}
    }
    let mut operands = Vec::new();
    let number = |args: &mut Args| -> Result<usize, Usage> {
        let text = args.value()?;
        text.parse().map_err(|_| Usage(format!("grep: {text}: invalid context length argument\n")))
    };
    let long = [
        ("ignore-case", 'i'),
        ("invert-match", 'v'),
        ("line-number", 'n'),
        ("count", 'c'),
        ("only-matching", 'o'),
        ("quiet", 'q'),
        ("silent", 'q'),
        ("recursive", 'r'),
        ("word-regexp", 'w'),
        ("line-regexp", 'x'),
        ("extended-regexp", 'E'),
        ("fixed-strings", 'F'),
        ("files-with-matches", 'l'),
        ("no-messages", 's'),
        ("no-filename", 'h'),
        ("with-filename", 'H'),
        ("perl-regexp", 'P'),
    ];
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Value(value) => operands.push(value),
            Arg::Short('e') => grep.patterns.extend(args.value()?.split('\n').map(str::to_string)),
            Arg::Short('A') => grep.after = number(&mut args)?,
            Arg::Short('B') => grep.before = number(&mut args)?,
            Arg::Short('C') => {
                grep.after = number(&mut args)?;
                grep.before = grep.after;
            }
            Arg::Short('m') => grep.max = args.value()?.parse().ok(),
            Arg::Short('f') => {
                args.value()?;
                return Err(Usage("grep: -f is not supported here\n".to_string()));
            }
            Arg::Short(c) if "ivncEFGPoqrRwxlLsHhazU".contains(c) => grep.letters.push(if c == 'R' { 'r' } else { c }),
            Arg::Long(name) => match (long.iter().find(|(own, _)| *own == name), name.as_str()) {
                (Some((_, c)), _) => grep.letters.push(*c),
                (None, "regexp") => grep.patterns.push(args.value()?),
                (None, "after-context") => grep.after = number(&mut args)?,
                (None, "before-context") => grep.before = number(&mut args)?,
                (None, "context") => {
                    grep.after = number(&mut args)?;
                    grep.before = grep.after;
                }
                (None, "include") => grep.include.push(args.value()?),
                (None, "color" | "colour") => {
                    args.optional_value();
                }
                _ => return Err(args.unknown()),
            },
            // `-5` is `-C 5`.
            Arg::Short(c) if c.is_ascii_digit() => {
                grep.after = c.to_digit(10).unwrap_or(0) as usize;
                grep.before = grep.after;
            }
            Arg::Short(_) => return Err(args.unknown()),
        }
    }
    if grep.patterns.is_empty() {
        if operands.is_empty() {
            let text = "Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.\n";
            return Err(Usage(text.to_string()));
        }
        grep.patterns = operands.remove(0).split('\n').map(str::to_string).collect();
    }
    grep.files = operands;
    for pattern in &grep.patterns {
        let has = |c: char| grep.letters.contains(c);
        let syntax = match () {
            () if has('F') => Syntax::Fixed,
            () if has('E') => Syntax::Extended,
            () if has('P') => Syntax::Perl,
            () => Syntax::Basic,
        };
        let mut text = regex::translated(pattern, syntax);
        if has('w') {
            text = format!("(?:^|\\b)(?:{text})(?:\\b|$)");
        }
        if has('x') {
            text = format!("^(?:{text})$");
        }
        let wrong = |error: regex::Wrong| match ctx.flavour {
            Flavour::Gnu => Usage(format!(
                "grep: {}\n",
                Some(error.words(pattern)).filter(|words| !words.contains('[')).unwrap_or("Invalid regular expression")
            )),
            Flavour::Busybox => Usage(format!("grep: bad regex '{pattern}'\n")),
        };
        grep.regexes.push(regex::build(&text, has('i'), false).map_err(wrong)?);
    }
    Ok(grep)
}

pub async fn grep(proc: Proc, ctx: Context) -> i32 {
    let grep = match parse(&proc, &ctx) {
        Ok(grep) => grep,
        Err(error) => return util::usage(&proc, error, 2).await,
    };
    let has = |c: char| grep.letters.contains(c);
    let mut files = grep.files.clone();
    if files.is_empty() {
        files.push(if has('r') { "." } else { "-" }.to_string());
    }
    let named = (files.len() > 1 || has('r') || has('H')) && !has('h');
    let mut stack: Vec<String> = files.into_iter().rev().collect();
    let mut out = Out::new(&proc);
    let (mut any, mut failed) = (false, false);
    while let Some(path) = stack.pop() {
        if has('r')
            && path != "-"
            && let Ok(stat) = proc.stat(&path)
            && stat.file_type == FileType::Directory
        {
            let entries = proc.read_dir(&path).unwrap_or_default();
            let dir = path.trim_end_matches('/');
            for entry in entries.into_iter().rev() {
                let child =
                    if path == "." && grep.files.is_empty() { entry.name } else { format!("{dir}/{}", entry.name) };
                let wanted = entry.file_type == FileType::Directory
                    || grep.include.is_empty()
                    || grep
                        .include
                        .iter()
                        .any(|p| crate::programs::sh::pattern::Pattern::parse(p).matches(util::file_name(&child)));
                if wanted && matches!(entry.file_type, FileType::Directory | FileType::Regular) {
                    stack.push(child);
                }
            }
            continue;
        }
        let file = match util::open_input(&proc, &path) {
            Ok(file) => file,
            Err(error) => {
                failed = true;
                if !has('s') {
                    let text = match (ctx.flavour, error) {
                        (_, crate::os::Errno::EISDIR) => format!("grep: {path}: Is a directory"),
                        (Flavour::Gnu, _) => format!("grep: {path}: {error}"),
                        (Flavour::Busybox, _) => format!("grep: {path}: {error}"),
                    };
                    util::fail(&proc, 2, &text).await;
                }
                continue;
            }
        };
        let shown = if path == "-" { "(standard input)" } else { path.as_str() };
        match search(&grep, file, named.then_some(shown), shown, &mut out, any).await {
            Ok(found) => any |= found,
            Err(_) => return 2,
        }
        if any && has('q') {
            return 0;
        }
    }
    let code = match (any, failed) {
        (true, false) => 0,
        (_, true) => 2,
        (false, false) => 1,
    };
    out.finish(code).await
}

/// Searches one file; whether a line was selected.
async fn search(
    grep: &Grep,
    file: crate::os::File,
    name: Option<&str>,
    shown: &str,
    out: &mut Out,
    before_any: bool,
) -> Result<bool, crate::os::Errno> {
    let has = |c: char| grep.letters.contains(c);
    let interactive = file.is_tty() || !matches!(file.stat(), Ok(stat) if stat.file_type == FileType::Regular);
    let mut lines = Lines::new(file);
    let context = grep.before > 0 || grep.after > 0;
    let mut kept: VecDeque<(u64, String)> = VecDeque::new();
    let (mut number, mut selected, mut after) = (0_u64, 0_u64, 0);
    let mut last_printed = 0_u64;
    let head = |number: u64, mark: char| {
        let mut text = name.map(|name| format!("{name}{mark}")).unwrap_or_default();
        if has('n') {
            text += &format!("{number}{mark}");
        }
        text
    };
    while let Some(line) = lines.next_text().await? {
        number += 1;
        lines.cost(5 * grep.regexes.len() * line.len());
        let matches = grep.regexes.iter().any(|regex| regex.is_match(&line)) != has('v');
        lines.cost(grep.regexes.iter().map(Regex::take_steps).sum());
        if !matches {
            if after > 0 {
                after -= 1;
                out.line(&format!("{}{line}", head(number, '-'))).await?;
                last_printed = number;
            } else if grep.before > 0 {
                if kept.len() == grep.before {
                    kept.pop_front();
                }
                kept.push_back((number, line));
            }
            continue;
        }
        selected += 1;
        if has('q') || has('l') || has('L') {
            break;
        }
        if !has('c') {
            if context {
                let first = kept.front().map_or(number, |(n, _)| *n);
                if (last_printed > 0 && first > last_printed + 1) || (last_printed == 0 && before_any) {
                    out.line("--").await?;
                }
                for (n, text) in kept.drain(..) {
                    out.line(&format!("{}{text}", head(n, '-'))).await?;
                }
            }
            if has('o') && !has('v') {
                for part in parts(&grep.regexes, &line) {
                    out.line(&format!("{}{part}", head(number, ':'))).await?;
                }
            } else if !has('o') {
                out.line(&format!("{}{line}", head(number, ':'))).await?;
            }
            last_printed = number;
            after = grep.after;
            if interactive {
                // What comes slowly is shown as it comes.
                out.flush().await?;
            }
        }
        if grep.max.is_some_and(|max| selected >= max) {
            break;
        }
    }
    if has('c') && !has('q') {
        out.line(&format!("{}{selected}", name.map(|name| format!("{name}:")).unwrap_or_default())).await?;
    }
    if (has('l') && selected > 0) || (has('L') && selected == 0) {
        out.line(shown).await?;
    }
    Ok(selected > 0)
}

/// The matching parts of a line, from left to right.
fn parts<'l>(regexes: &[Regex], line: &'l str) -> Vec<&'l str> {
    let mut found = Vec::new();
    let mut at = 0;
    while at <= line.len() {
        let next = regexes
            .iter()
            .filter_map(|regex| regex.find_at(line, at))
            .min_by_key(|(start, end)| (*start, usize::MAX - *end));
        let Some((start, end)) = next else { break };
        if start == end {
            at = end + line[end..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        found.push(&line[start..end]);
        at = end;
    }
    found
}
