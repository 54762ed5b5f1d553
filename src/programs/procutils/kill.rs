//! kill as a program: procps' and busybox'.

use crate::{
    os::{Errno, Proc, Signal},
    programs::{Context, Flavour, util},
};

/// The name or the number of a signal; 0 is none.
fn parse(text: &str) -> Option<Option<Signal>> {
    if text == "0" { Some(None) } else { Signal::parse(text).map(Some) }
}

pub async fn kill(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    match ctx.flavour {
        Flavour::Gnu => procps(&proc, &argv[1..]).await,
        Flavour::Busybox => busybox(&proc, &argv[1..]).await,
    }
}

async fn busybox(proc: &Proc, args: &[String]) -> i32 {
    let mut args = args;
    let name = match args.first().map(String::as_str) {
        Some("-l") => {
            let mut text = String::new();
            for arg in &args[1..] {
                text += &match arg.parse::<i32>() {
                    Ok(0) => "EXIT".to_owned(),
                    Ok(n) => Signal::from_number(n & 127).map_or(arg.clone(), |signal| signal.name().to_owned()),
                    Err(_) => match Signal::parse(arg) {
                        Some(signal) => signal.number().to_string(),
                        None => return util::fail(proc, 1, &format!("kill: unknown signal '{arg}'")).await,
                    },
                };
                text.push('\n');
            }
            if args.len() == 1 {
                text = Signal::ALL.iter().map(|signal| format!("{:2}) {}\n", signal.number(), signal.name())).collect();
            }
            return util::done(proc.print(&text).await);
        }
        Some("-s") if args.len() > 1 => {
            let name = args[1].clone();
            args = &args[2..];
            Some(name)
        }
        Some("--") => {
            args = &args[1..];
            None
        }
        Some(option) if option.starts_with('-') && option.len() > 1 => {
            let name = option[1..].to_string();
            args = &args[1..];
            Some(name)
        }
        _ => None,
    };
    let signal = match name.as_deref().map(|name| parse(name).ok_or(name)) {
        None => Some(Signal::TERM),
        Some(Ok(signal)) => signal,
        Some(Err(name)) => return util::fail(proc, 1, &format!("kill: bad signal name '{name}'")).await,
    };
    if args.first().is_some_and(|arg| arg == "--") {
        args = &args[1..];
    }
    if args.is_empty() {
        return util::fail(proc, 1, "kill: you need to specify whom to kill").await;
    }
    let mut failed = 0;
    for target in args {
        let text = match target.parse::<i64>() {
            Ok(pid) => match proc.kill(pid, signal) {
                Ok(()) => continue,
                Err(error) => format!("kill: can't kill pid {pid}: {error}"),
            },
            Err(_) => format!("kill: invalid number '{target}'"),
        };
        failed += util::fail(proc, 1, &text).await;
    }
    failed
}

const USAGE: &str = "
Usage:
 kill [options] <pid> [...]

Options:
 <pid> [...]            send signal to every <pid> listed
 -<signal>, -s, --signal <signal>
                        specify the <signal> to be sent
 -q, --queue <value>    integer value to be sent with the signal
 -l, --list=[<signal>]  list all signal names, or convert one to a name
 -L, --table            list all signal names in a nice table

 -h, --help     display this help and exit
 -V, --version  output version information and exit

For more details see kill(1).";

/// The names in two lines, as procps breaks them.
fn names() -> String {
    let mut lines = vec![String::new()];
    for signal in Signal::ALL {
        let line = lines.last().map_or(0, String::len);
        if line + signal.name().len() + 1 > 76 {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            *line += if line.is_empty() { "" } else { " " };
            *line += signal.name();
        }
    }
    lines.join("\n")
}

fn table() -> String {
    let cells = Signal::ALL.iter().map(|signal| (signal.number(), signal.name()));
    let cell = |(n, name)| if n % 7 == 0 { format!("{n:2} {name}\n") } else { format!("{n:2} {name:<8}") };
    cells.map(cell).collect()
}

async fn procps(proc: &Proc, args: &[String]) -> i32 {
    let called = proc.argv().first().cloned().unwrap_or_default();
    let mut args = args;
    let mut signal = Some(Signal::TERM);
    while let Some(option) = args.first().filter(|arg| arg.starts_with('-') && arg.len() > 1) {
        let rest = &args[1..];
        let (name, value) = match option.split_once('=').filter(|_| option.starts_with("--")) {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (option.as_str(), None),
        };
        match name {
            "--" => {
                args = rest;
                break;
            }
            "-l" | "--list" => {
                let text = match value.as_ref().or(rest.first()) {
                    None => names(),
                    Some(one) => {
                        let known = match one.parse::<i32>() {
                            Ok(n) => Signal::from_number(n).map(|signal| signal.name().to_owned()),
                            Err(_) => Signal::parse(one).map(|signal| signal.number().to_string()),
                        };
                        match known {
                            Some(text) => text,
                            None => return util::fail(proc, 0, &format!("{called}: unknown signal name {one}")).await,
                        }
                    }
                };
                return util::done(proc.print(&(text + "\n")).await);
            }
            "-L" | "--table" => return util::done(proc.print(&(table() + "\n")).await),
            "-V" | "--version" => return util::done(proc.print("kill from procps-ng 4.0.2\n").await),
            "-h" | "--help" => return util::done(proc.print(&format!("{USAGE}\n")).await),
            "-q" | "--queue" if !rest.is_empty() => args = &rest[1..],
            "-s" | "--signal" if value.is_some() || !rest.is_empty() => {
                let name = value.clone().unwrap_or_else(|| rest[0].clone());
                args = if value.is_some() { rest } else { &rest[1..] };
                match parse(&name) {
                    Some(known) => signal = known,
                    None => {
                        return targets(proc, &called, args, |pid| proc.kill(pid, None).and(Err(Errno::EINVAL))).await;
                    }
                }
            }
            _ => match parse(&name[1..]).or_else(|| parse(name.strip_prefix("-s")?)) {
                Some(known) => {
                    signal = known;
                    args = rest;
                }
                None => {
                    let letter = name[1..].chars().next().filter(|c| *c != '-').unwrap_or('-');
                    let text = format!("{called}: invalid argument {letter}\n{USAGE}");
                    return util::fail(proc, 1, &text).await;
                }
            },
        }
    }
    targets(proc, &called, args, |pid| proc.kill(pid, signal)).await
}

async fn targets(proc: &Proc, called: &str, args: &[String], send: impl Fn(i64) -> Result<(), Errno>) -> i32 {
    if args.is_empty() {
        return util::fail(proc, 1, USAGE).await;
    }
    let mut code = 0;
    for target in args {
        match target.parse::<i64>() {
            Ok(pid) => {
                if let Err(error) = send(pid) {
                    code = util::fail(proc, 1, &format!("{called}: ({pid}): {error}")).await;
                }
            }
            Err(_) => return util::fail(proc, 1, &format!("{called}: failed to parse argument: '{target}'")).await,
        }
    }
    code
}
