//! Programs that run other programs, or wait: env, watch, timeout, xargs, sleep.

use std::time::Duration;

use crate::{
    os::{Errno, ExitStatus, Proc, Signal, process::Disposition, process::Group},
    programs::{
        Context, Flavour,
        util::{self, Arg, Args},
    },
    sim::{Either, race},
};

/// `1.5`, `2m`, `infinity`; the error is `None`'s.
pub fn duration(text: &str) -> Option<Duration> {
    if text == "infinity" || text == "inf" {
        return Some(Duration::from_secs(u64::MAX / 4_000_000_000));
    }
    let (number, factor) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1.0),
        (at, 'm') => (&text[..at], 60.0),
        (at, 'h') => (&text[..at], 3600.0),
        (at, 'd') => (&text[..at], 86400.0),
        _ => (text, 1.0),
    };
    if !number.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let seconds = number.parse::<f64>().ok()? * factor;
    Some(Duration::try_from_secs_f64(seconds.min(4e9)).unwrap_or(Duration::from_secs(4_000_000_000)))
}

pub async fn sleep(proc: Proc, ctx: Context) -> i32 {
    // What sleeps stays small: there are many of these processes.
    match time_to_sleep(&proc, ctx.flavour) {
        Ok(total) => {
            drop(ctx);
            proc.sleep(total).await;
            0
        }
        Err(None) => Box::pin(util::usage(&proc, Args::of(&proc, ctx.flavour).missing_operand(), 1)).await,
        Err(Some(text)) => Box::pin(util::fail(&proc, 1, &text)).await,
    }
}

/// The sum of the operands. The error is what is wrong with one of them, or `None` if there is none.
fn time_to_sleep(proc: &Proc, flavour: Flavour) -> Result<Duration, Option<String>> {
    let argv = proc.argv();
    let mut operands = argv.iter().skip(1).filter(|arg| *arg != "--").peekable();
    operands.peek().ok_or(None)?;
    operands.try_fold(Duration::ZERO, |total, text| match (duration(text), flavour) {
        (Some(time), _) => Ok(total.saturating_add(time)),
        (None, Flavour::Gnu) => {
            Err(Some(format!("sleep: invalid time interval '{text}'\nTry 'sleep --help' for more information.")))
        }
        (None, Flavour::Busybox) => Err(Some(format!("sleep: invalid number '{text}'"))),
    })
}

/// Says why a program can't run: 127 if it isn't there, else 126.
async fn cannot_run(proc: &Proc, flavour: Flavour, command: &str, error: Errno) -> i32 {
    let name = util::program_name(proc);
    let text = match (flavour, name.as_str()) {
        (Flavour::Busybox, _) => format!("{name}: can't execute '{command}': {error}"),
        (Flavour::Gnu, "env") => format!("env: '{command}': {error}"),
        (Flavour::Gnu, "xargs") => format!("xargs: {command}: {error}"),
        (Flavour::Gnu, _) => format!("{name}: failed to run command '{command}': {error}"),
    };
    let code = if error == Errno::ENOENT { 127 } else { 126 };
    util::fail(proc, code, &text).await
}

pub async fn env(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    args.stop_at_operand = true;
    let mut env = proc.environ();
    let mut command = Vec::new();
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Short('i'))) => env.clear(),
            Ok(Some(Arg::Long(name))) if name == "ignore-environment" => env.clear(),
            Ok(Some(Arg::Short('u'))) => match args.value() {
                Ok(name) if ctx.flavour == Flavour::Gnu && (name.is_empty() || name.contains('=')) => {
                    return util::fail(&proc, 125, &format!("env: cannot unset '{name}': Invalid argument")).await;
                }
                Ok(name) => {
                    env.remove(&name);
                }
                Err(error) => return util::usage(&proc, error, 125).await,
            },
            Ok(Some(Arg::Value(value))) if value == "-" && command.is_empty() => env.clear(),
            Ok(Some(Arg::Value(value))) => match value.split_once('=') {
                Some((name, text)) if command.is_empty() => {
                    env.insert(name.to_string(), text.to_string());
                }
                _ => command.push(value),
            },
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 125).await,
            Err(error) => return util::usage(&proc, error, 125).await,
        }
    }
    if let Some(name) = command.first().cloned() {
        return match proc.exec(&command, env).await {
            Ok(code) => code,
            Err(error) => cannot_run(&proc, ctx.flavour, &name, error).await,
        };
    }
    let text: String = env.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    util::done(proc.print(&text).await)
}

pub async fn printenv(proc: Proc) -> i32 {
    let argv = proc.argv();
    let env = proc.environ();
    if argv.len() < 2 {
        let text: String = env.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        return util::done(proc.print(&text).await);
    }
    let mut code = 0;
    for name in argv.iter().skip(1) {
        match env.get(name) {
            Some(value) => code = code.max(util::done(proc.print(&format!("{value}\n")).await)),
            None => code = 1,
        }
    }
    code
}

async fn replace(proc: &Proc, ctx: &Context, command: &[String]) -> i32 {
    let Some(name) = command.first() else {
        return util::usage(proc, Args::of(proc, ctx.flavour).missing_operand(), 125).await;
    };
    match proc.exec(command, proc.environ()).await {
        Ok(code) => code,
        Err(error) => cannot_run(proc, ctx.flavour, name, error).await,
    }
}

pub async fn nohup(proc: Proc, ctx: Context) -> i32 {
    proc.set_disposition(Signal::HUP, Disposition::Ignore);
    if proc.stdout().is_tty() {
        util::ignore(proc.eprint("nohup: ignoring input and appending output to 'nohup.out'\n").await);
        match proc.open("nohup.out", crate::os::OpenFlags::APPEND, 0o600) {
            Ok(file) => {
                proc.set_fd(1, Some(file.clone()));
                proc.set_fd(2, Some(file));
            }
            Err(error) => return util::fail(&proc, 125, &format!("nohup: failed to open 'nohup.out': {error}")).await,
        }
    }
    let argv = proc.argv();
    replace(&proc, &ctx, &argv[1..]).await
}

pub async fn nice(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    let mut rest = &argv[1..];
    if rest.first().is_some_and(|arg| arg == "-n") {
        rest = rest.get(2..).unwrap_or_default();
    } else if rest.first().is_some_and(|arg| arg.starts_with('-')) {
        rest = &rest[1..];
    }
    if rest.is_empty() {
        return util::done(proc.print("0\n").await);
    }
    replace(&proc, &ctx, rest).await
}

pub async fn time(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    let Some(name) = argv.get(1) else { return 0 };
    let started = proc.sim().now();
    let code = match proc.spawn(&argv[1..], proc.environ(), Vec::new(), Group::Inherit) {
        Ok(pid) => proc.wait(pid).await.map_or(127, |status| status.code()),
        Err(error) => return cannot_run(&proc, ctx.flavour, name, error).await,
    };
    let real = proc.sim().now().since(started).as_secs_f64();
    let minutes = (real / 60.0).floor();
    let text = format!("real\t{minutes}m {:.2}s\nuser\t0m 0.00s\nsys\t0m 0.00s\n", real - minutes * 60.0);
    util::ignore(proc.eprint(&text).await);
    code
}

/// Ends this process by a signal; gives the status for where that can't be, as in a container's first process.
async fn die_of(proc: &Proc, signal: Signal) -> i32 {
    proc.set_disposition(signal, Disposition::Default);
    let sent = proc.kill(i64::from(proc.pid()), Some(signal));
    if sent.is_ok() {
        proc.sim().yield_now().await;
    }
    128 + signal.number()
}

pub async fn timeout(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    args.stop_at_operand = true;
    let (mut signal, mut kill_after, mut limit, mut command) = (Signal::TERM, None, None, Vec::new());
    loop {
        let arg = match args.next() {
            Ok(None) => break,
            Ok(Some(arg)) => arg,
            Err(error) => return util::usage(&proc, error, 125).await,
        };
        let value = match &arg {
            Arg::Value(value) if limit.is_none() => {
                limit = duration(value);
                if limit.is_none() {
                    return util::fail(
                        &proc,
                        125,
                        &format!(
                            "timeout: invalid time interval '{value}'\nTry 'timeout --help' for more information."
                        ),
                    )
                    .await;
                }
                continue;
            }
            Arg::Value(value) => {
                command.push(value.clone());
                continue;
            }
            Arg::Short('s' | 'k' | 't') => args.value(),
            Arg::Long(name) if name == "signal" || name == "kill-after" => args.value(),
            Arg::Long(name) if matches!(name.as_str(), "preserve-status" | "foreground") => continue,
            _ => return util::usage(&proc, args.unknown(), 125).await,
        };
        let value = match value {
            Ok(value) => value,
            Err(error) => return util::usage(&proc, error, 125).await,
        };
        match arg {
            Arg::Short('s') => signal = Signal::parse(&value).unwrap_or(Signal::TERM),
            Arg::Long(name) if name == "signal" => signal = Signal::parse(&value).unwrap_or(Signal::TERM),
            Arg::Short('t') => limit = duration(&value),
            _ => kill_after = duration(&value),
        }
    }
    let (Some(limit), Some(name)) = (limit, command.first().cloned()) else {
        return util::usage(&proc, args.missing_operand(), 125).await;
    };
    let pid = match proc.spawn(&command, proc.environ(), Vec::new(), Group::Inherit) {
        Ok(pid) => pid,
        Err(error) => return cannot_run(&proc, ctx.flavour, &name, error).await,
    };
    if limit.is_zero() {
        return proc.wait(pid).await.map_or(127, |status| status.code());
    }
    match race(proc.wait(pid), proc.sleep(limit)).await {
        Either::Left(status) => status.map_or(127, |status| status.code()),
        Either::Right(()) => {
            // It may be ending right now; then there is nothing to kill.
            let _ = proc.kill(i64::from(pid), Some(signal));
            if let Some(after) = kill_after
                && let Either::Right(()) = race(proc.wait(pid), proc.sleep(after)).await
            {
                let _ = proc.kill(i64::from(pid), Some(Signal::KILL));
                let _ = proc.wait(pid).await;
                return 137;
            }
            let status = proc.wait(pid).await;
            match (ctx.flavour, status) {
                // busybox' is the command itself, and GNU's dies like it of what can't be caught.
                (Flavour::Busybox, Ok(ExitStatus::Signaled(signal))) => die_of(&proc, signal).await,
                (Flavour::Busybox, Ok(status)) => status.code(),
                (_, _) if signal == Signal::KILL => die_of(&proc, signal).await,
                _ => 124,
            }
        }
    }
}

pub async fn watch(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    args.stop_at_operand = true;
    let (mut interval, mut title, mut words, mut exec) = (2.0, true, Vec::new(), false);
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(word))) => words.push(word),
            Ok(Some(Arg::Short('n'))) => match args.value().map(|text| text.parse::<f64>()) {
                Ok(Ok(seconds)) => interval = seconds,
                _ => return util::fail(&proc, 1, "watch: failed to parse argument").await,
            },
            Ok(Some(Arg::Short('t'))) => title = false,
            Ok(Some(Arg::Short('x'))) => exec = true,
            Ok(Some(Arg::Short('d' | 'c' | 'e' | 'g' | 'p' | 'b'))) => {}
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    if words.is_empty() {
        return util::fail(&proc, 1, "Usage:\n watch [options] command").await;
    }
    let interval = Duration::try_from_secs_f64(interval.clamp(0.1, 1e6)).unwrap_or(Duration::from_secs(2));
    let text = words.join(" ");
    let command = if exec { words } else { vec!["sh".to_string(), "-c".to_string(), text.clone()] };
    let tty = proc.stdout().tty();
    loop {
        let (read, write) = proc.pipe();
        let fds = vec![(1, write.clone()), (2, write)];
        let pid = match proc.spawn(&command, proc.environ(), fds, Group::Inherit) {
            Ok(pid) => pid,
            Err(error) => return cannot_run(&proc, ctx.flavour, &command[0], error).await,
        };
        let mut output = Vec::new();
        while let Ok(data) = read.read(64 * 1024).await
            && !data.is_empty()
        {
            // A screen shows the beginning only.
            if output.len() < 1 << 20 {
                output.extend(data);
            }
        }
        let _ = proc.wait(pid).await;
        let output = util::text(output);
        let mut screen = String::new();
        let (columns, rows) = tty.as_ref().map_or((80, 24), |tty| tty.size());
        if tty.is_some() {
            screen.push_str("\x1b[H\x1b[2J");
        }
        let mut room = usize::from(rows).max(3);
        if title {
            let now = proc.sim().wall().to_zoned(jiff::tz::TimeZone::UTC).strftime("%a %b %e %H:%M:%S %Y").to_string();
            let left = format!("Every {:.1}s: {text}", interval.as_secs_f64());
            let right = format!("{}: {now}", proc.hostname());
            let gap = usize::from(columns).saturating_sub(left.chars().count() + right.chars().count()).max(1);
            screen += &format!("{left}{}{right}\n\n", " ".repeat(gap));
            room -= 2;
        }
        let lines: Vec<&str> = match tty.is_some() {
            true => output.lines().take(room.saturating_sub(1)).collect(),
            false => output.lines().collect(),
        };
        for line in lines {
            screen += line;
            screen.push('\n');
        }
        if util::write_out(&proc, screen.as_bytes()).await.is_err() {
            return 1;
        }
        proc.sleep(interval).await;
    }
}

pub async fn xargs(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    args.stop_at_operand = true;
    let (mut per_call, mut replace, mut nul, mut no_empty, mut trace, mut delimiter, mut command, mut by_lines) =
        (None, None, false, ctx.flavour == Flavour::Busybox, false, None, Vec::new(), false);
    loop {
        let arg = match args.next() {
            Ok(None) => break,
            Ok(Some(arg)) => arg,
            Err(error) => return util::usage(&proc, error, 1).await,
        };
        let value = match arg {
            Arg::Value(word) => {
                command.push(word);
                continue;
            }
            Arg::Short('0') => {
                nul = true;
                continue;
            }
            Arg::Short('r') => {
                no_empty = true;
                continue;
            }
            Arg::Long(ref name) if name == "no-run-if-empty" => {
                no_empty = true;
                continue;
            }
            Arg::Short('t') => {
                trace = true;
                continue;
            }
            Arg::Short('n' | 'I' | 'd' | 'P' | 'L' | 's') => args.value(),
            _ => return util::usage(&proc, args.unknown(), 1).await,
        };
        let value = match value {
            Ok(value) => value,
            Err(error) => return util::usage(&proc, error, 1).await,
        };
        match arg {
            Arg::Short('n') => per_call = value.parse::<usize>().ok().filter(|n| *n > 0),
            Arg::Short('I') => replace = Some(value),
            Arg::Short('d') => delimiter = Some(value.replace("\\n", "\n").replace("\\t", "\t")),
            Arg::Short('L') => {
                by_lines = true;
                per_call = value.parse::<usize>().ok().filter(|n| *n > 0);
            }
            _ => {}
        }
    }
    if command.is_empty() {
        command.push("echo".to_string());
    }
    let Ok(data) = proc.stdin().read_to_end().await else { return 1 };
    let text = util::text(data);
    let items: Vec<String> = if nul {
        text.split('\0').filter(|item| !item.is_empty()).map(str::to_string).collect()
    } else if let Some(delimiter) = delimiter {
        text.strip_suffix(&delimiter).unwrap_or(&text).split(&delimiter).map(str::to_string).collect()
    } else if replace.is_some() || by_lines {
        text.lines().map(|line| line.trim().to_string()).filter(|line| !line.is_empty()).collect()
    } else {
        match words(&text) {
            Some(words) => words,
            None => return util::fail(
                &proc,
                1,
                "xargs: unmatched single quote; by default quotes are special to xargs unless you use the -0 option",
            )
            .await,
        }
    };
    if items.is_empty() && no_empty {
        return 0;
    }
    let calls: Vec<Vec<String>> = match &replace {
        Some(mark) => {
            items.iter().map(|item| command.iter().map(|word| word.replace(mark.as_str(), item)).collect()).collect()
        }
        None if items.is_empty() => vec![command.clone()],
        None => {
            items.chunks(per_call.unwrap_or(5000)).map(|chunk| command.iter().chain(chunk).cloned().collect()).collect()
        }
    };
    let mut code = 0;
    for call in calls {
        proc.charge(Duration::from_micros(500)).await;
        if trace {
            util::ignore(proc.eprint(&format!("{}\n", call.join(" "))).await);
        }
        let fds = vec![(0, crate::os::File::null())];
        let status = match proc.spawn(&call, proc.environ(), fds, Group::Inherit) {
            Ok(pid) => proc.wait(pid).await.map_or(127, |status| status.code()),
            Err(error) => return cannot_run(&proc, ctx.flavour, &call[0], error).await,
        };
        match status {
            0 => {}
            255 => {
                return util::fail(&proc, 124, &format!("xargs: {}: exited with status 255; aborting", call[0])).await;
            }
            126.. => code = 125,
            _ => code = 123,
        }
    }
    code
}

/// Words as xargs reads them; `None` if a quote is open.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        other => word.push(other),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}
