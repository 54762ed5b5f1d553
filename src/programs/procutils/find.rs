//! pgrep, pkill, pidof, killall: processes by name.

use crate::{
    os::{Proc, ProcInfo, Signal},
    programs::{
        Context, Flavour,
        coreutils::{self, Names},
        util::{self, Arg, Args, Usage},
    },
};

/// A leading `-9`, `-TERM`, `-s TERM`; `Some(None)` for `-0`, which only asks.
fn take_signal(args: &mut Vec<String>) -> Option<Option<Signal>> {
    let parse = |name: &str| if name == "0" { Some(None) } else { Signal::parse(name).map(Some) };
    let first = args.first()?;
    if first == "-s" && args.len() > 1 {
        let signal = parse(&args[1]);
        args.drain(..2);
        return signal;
    }
    let signal = first.strip_prefix('-').and_then(parse)?;
    args.remove(0);
    Some(signal)
}

pub async fn killall(proc: Proc, ctx: Context) -> i32 {
    let mut args: Vec<String> = proc.argv().iter().skip(1).cloned().collect();
    if matches!(args.first().map(String::as_str), Some("-l")) {
        let names: Vec<&str> = Signal::ALL.iter().map(|signal| signal.name()).collect();
        return util::done(proc.print(&format!("{}\n", names.join(" "))).await);
    }
    let signal = take_signal(&mut args).unwrap_or(Some(Signal::TERM));
    let quiet = args.iter().any(|arg| arg == "-q" || arg == "--quiet");
    let names: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    if names.is_empty() {
        let text = match ctx.flavour {
            Flavour::Gnu => "Usage: killall [OPTION]... [--] NAME...",
            Flavour::Busybox => "killall: you need to specify whom to kill",
        };
        return util::fail(&proc, 1, text).await;
    }
    let mut code = 0;
    for name in names {
        let mut found = false;
        for process in proc.processes() {
            if process.comm == *name && process.pid != proc.pid() {
                found = true;
                if let Err(error) = proc.kill(i64::from(process.pid), signal) {
                    let text = match ctx.flavour {
                        Flavour::Gnu => format!("{name}({}): {error}", process.pid),
                        Flavour::Busybox => format!("killall: can't kill pid {}: {error}", process.pid),
                    };
                    code = util::fail(&proc, 1, &text).await;
                }
            }
        }
        if !found {
            code = 1;
            let text = match ctx.flavour {
                Flavour::Gnu => format!("{name}: no process found"),
                Flavour::Busybox => format!("killall: {name}: no process killed"),
            };
            if !quiet {
                util::fail(&proc, 1, &text).await;
            }
        }
    }
    code
}

/// What pgrep and pkill look for.
#[derive(Default)]
struct Wanted {
    full: bool,
    exact: bool,
    inverse: bool,
    newest: bool,
    oldest: bool,
    no_case: bool,
    parents: Vec<u32>,
    groups: Vec<u32>,
    users: Vec<u32>,
    pattern: Option<String>,
    // How what is found is shown.
    name: bool,
    line: bool,
    count: bool,
    echo: bool,
    delimiter: Option<String>,
}

fn numbers(text: &str, own: u32, name: &str) -> Result<Vec<u32>, Usage> {
    let number = |part: &str| match part.parse() {
        Ok(0) => Ok(own),
        Ok(number) => Ok(number),
        Err(_) => Err(Usage(format!("{name}: not a number: {part}\n"))),
    };
    text.split(',').map(number).collect()
}

async fn wanted(proc: &Proc, name: &str, flavour: Flavour, args: Vec<String>) -> Result<Wanted, Usage> {
    let mut args = Args::new(name, flavour, args);
    let mut wanted = Wanted::default();
    let gnu = flavour == Flavour::Gnu;
    let names = Names::load(proc).await;
    while let Some(arg) = args.next()? {
        let letter = match &arg {
            Arg::Value(value) => {
                if wanted.pattern.replace(value.clone()).is_some() {
                    let text = format!("{name}: only one pattern can be provided\n");
                    return Err(Usage(format!("{text}Try `{name} --help' for more information.\n")));
                }
                continue;
            }
            Arg::Short(letter) => *letter,
            Arg::Long(long) => match long.as_str() {
                "full" => 'f',
                "exact" => 'x',
                "list-name" => 'l',
                "list-full" => 'a',
                "newest" => 'n',
                "oldest" => 'o',
                "count" => 'c',
                "inverse" => 'v',
                "ignore-case" => 'i',
                "parent" => 'P',
                "pgroup" => 'g',
                "euid" => 'u',
                "uid" => 'U',
                "delimiter" => 'd',
                "echo" => 'e',
                _ => return Err(args.unknown()),
            },
        };
        match letter {
            'f' => wanted.full = true,
            'x' => wanted.exact = true,
            'l' => wanted.name = true,
            'a' => wanted.line = true,
            'n' => wanted.newest = true,
            'o' => wanted.oldest = true,
            'v' => wanted.inverse = true,
            'c' if gnu => wanted.count = true,
            'i' if gnu => wanted.no_case = true,
            'e' if gnu && name == "pkill" => wanted.echo = true,
            'd' if gnu => wanted.delimiter = Some(args.value()?),
            'P' => wanted.parents = numbers(&args.value()?, proc.ppid(), name)?,
            'g' if gnu => wanted.groups = numbers(&args.value()?, proc.pgid(), name)?,
            'u' | 'U' if gnu => {
                for user in args.value()?.split(',') {
                    let uid = names.uid(user).or_else(|| user.parse().ok());
                    wanted.users.push(uid.ok_or_else(|| Usage(format!("{name}: invalid user name: {user}\n")))?);
                }
            }
            _ => return Err(args.unknown()),
        }
    }
    Ok(wanted)
}

fn command(process: &ProcInfo) -> String {
    if process.args.is_empty() { process.comm.clone() } else { process.args.join(" ") }
}

pub async fn pgrep(proc: Proc, ctx: Context) -> i32 {
    let name = util::program_name(&proc);
    let mut list: Vec<String> = proc.argv().iter().skip(1).cloned().collect();
    let kills = name == "pkill";
    let signal = if kills { take_signal(&mut list).unwrap_or(Some(Signal::TERM)) } else { None };
    let wanted = match wanted(&proc, &name, ctx.flavour, list).await {
        Ok(wanted) => wanted,
        Err(error) => return util::usage(&proc, error, 2).await,
    };
    let criteria = !wanted.parents.is_empty() || !wanted.groups.is_empty() || !wanted.users.is_empty();
    if wanted.pattern.is_none() && !criteria {
        let text = match ctx.flavour {
            Flavour::Gnu => {
                format!("{name}: no matching criteria specified\nTry `{name} --help' for more information.")
            }
            Flavour::Busybox => format!("{}\nUsage: {name} PATTERN", ctx.banner()),
        };
        return util::fail(&proc, if ctx.flavour == Flavour::Gnu { 2 } else { 1 }, &text).await;
    }
    let pattern = wanted.pattern.clone().unwrap_or_default();
    let folded = if wanted.no_case { pattern.to_lowercase() } else { pattern.clone() };
    let regex = match coreutils::regex(&if wanted.exact { format!("^({folded})$") } else { folded }, true) {
        Ok(regex) => regex,
        Err(_) => return util::fail(&proc, 2, &format!("{name}: regex error: Invalid regular expression")).await,
    };
    let among = |list: &[u32], one: u32| list.is_empty() || list.contains(&one);
    let matches = |process: &ProcInfo| {
        let text = if wanted.full { command(process) } else { process.comm.clone() };
        let text = if wanted.no_case { text.to_lowercase() } else { text };
        let all = among(&wanted.parents, process.ppid)
            && among(&wanted.groups, process.pgid)
            && among(&wanted.users, process.uid)
            && regex.is_match(&text);
        all != wanted.inverse
    };
    let mut found: Vec<ProcInfo> =
        proc.processes().into_iter().filter(|process| process.pid != proc.pid() && matches(process)).collect();
    if found.len() > 1 && (wanted.newest || wanted.oldest) {
        let at = |process: &ProcInfo| (process.started, process.pid);
        let one = if wanted.newest { found.iter().max_by_key(|p| at(p)) } else { found.iter().min_by_key(|p| at(p)) };
        found = one.cloned().into_iter().collect();
    }
    let mut lines = Vec::new();
    let mut code = i32::from(found.is_empty());
    for process in &found {
        if kills {
            match proc.kill(i64::from(process.pid), signal) {
                Ok(()) if wanted.echo => lines.push(format!("{} killed (pid {})", process.comm, process.pid)),
                Ok(()) => {}
                Err(error) => {
                    let text = match ctx.flavour {
                        Flavour::Gnu => format!("pkill: killing pid {} failed: {error}", process.pid),
                        Flavour::Busybox => format!("pkill: can't kill pid {}: {error}", process.pid),
                    };
                    code = util::fail(&proc, 1, &text).await;
                }
            }
        } else if !wanted.count {
            lines.push(match (wanted.line, wanted.name) {
                (true, _) => format!("{} {}", process.pid, command(process)),
                (_, true) => format!("{} {}", process.pid, process.comm),
                _ => process.pid.to_string(),
            });
        }
    }
    if wanted.count {
        lines.push(found.len().to_string());
    }
    let mut text = lines.join(wanted.delimiter.as_deref().unwrap_or("\n"));
    if !lines.is_empty() {
        text.push('\n');
    }
    util::done(proc.print(&text).await).max(code)
}

pub async fn pidof(proc: Proc) -> i32 {
    let argv = proc.argv();
    let (options, names): (Vec<&String>, Vec<&String>) = argv.iter().skip(1).partition(|arg| arg.starts_with('-'));
    let mut pids: Vec<u32> = proc
        .processes()
        .into_iter()
        .filter(|process| names.iter().any(|name| util::file_name(name) == process.comm))
        .map(|process| process.pid)
        .collect();
    pids.reverse();
    if options.iter().any(|option| *option == "-s") {
        pids.truncate(1);
    }
    if pids.is_empty() {
        return 1;
    }
    let text: Vec<String> = pids.iter().map(u32::to_string).collect();
    util::done(proc.print(&format!("{}\n", text.join(" "))).await)
}
