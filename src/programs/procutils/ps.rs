//! ps, top and kill.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    os::{Proc, ProcInfo, Signal, procfs::Memory},
    programs::{
        Context, Flavour,
        coreutils::Names,
        util::{self, Arg, Args},
    },
    sim::{Either, SimTime, race},
};

fn command(process: &ProcInfo) -> String {
    match process.args.is_empty() {
        true => format!("[{}]", process.comm),
        false => process.args.join(" "),
    }
}

/// `00:00:03`
fn clock(cpu: Duration) -> String {
    let seconds = cpu.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn cut(line: String, columns: Option<usize>) -> String {
    match columns {
        Some(columns) => line.chars().take(columns).collect(),
        None => line,
    }
}

/// Its part of the machine's memory, in percent.
fn share_of(process: &ProcInfo, total: u64) -> f64 {
    process.resident as f64 * 100.0 / total.max(1) as f64
}

pub async fn ps(proc: Proc, ctx: Context) -> i32 {
    let names = Names::load(&proc).await;
    let columns = proc.stdout().tty().map(|tty| usize::from(tty.size().0));
    if ctx.flavour == Flavour::Busybox {
        return busybox_ps(&proc, &names, columns).await;
    }
    let mut all = false;
    let mut full = false;
    let mut user = false;
    let mut format: Option<String> = None;
    let mut only: Option<Vec<u32>> = None;
    let mut headings = true;
    let argv = proc.argv();
    let mut args = argv.iter().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--no-headers" || arg == "--no-heading" {
            headings = false;
            continue;
        }
        if arg == "--forest" {
            continue;
        }
        let dashed = arg.strip_prefix('-');
        let letters = dashed.unwrap_or(arg);
        let mut rest = letters;
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            let mut value = || {
                let taken = std::mem::take(&mut rest);
                if taken.is_empty() { args.next().cloned().unwrap_or_default() } else { taken.to_string() }
            };
            match (letter, dashed.is_some()) {
                ('e' | 'A', true) | ('a' | 'x', _) => all = true,
                ('f' | 'F', true) => full = true,
                ('u', false) => user = true,
                ('o', _) => {
                    let more = value();
                    format = Some(format.map_or(more.clone(), |format| format!("{format},{more}")));
                }
                ('p', _) => only = Some(value().split([',', ' ']).filter_map(|pid| pid.parse().ok()).collect()),
                ('w' | 'l' | 'H' | 'f' | 'e' | 'j', _) => {}
                _ => {
                    let text = "error: unsupported option (BSD syntax)\n\nUsage:\n ps [options]\n\n Try 'ps --help <simple|list|output|threads|misc|all>'\n  or 'ps --help <s|l|o|t|m|a>'\n for additional help text.\n\nFor more details see ps(1).\n".to_string();
                    util::ignore(proc.eprint(&text).await);
                    return 1;
                }
            }
        }
    }
    let own_tty = proc.tty().map(|tty| tty.name());
    let mut processes = proc.processes();
    if let Some(only) = &only {
        processes.retain(|process| only.contains(&process.pid));
    } else if !all {
        let uid = proc.uid();
        processes.retain(|process| {
            process.uid == uid && process.tty == own_tty && own_tty.is_some() || process.pid == proc.pid()
        });
    }
    let found = !processes.is_empty();
    let now = proc.sim().now();
    let start = |process: &ProcInfo| {
        let time = proc.sim().wall_at(process.started).to_zoned(jiff::tz::TimeZone::UTC);
        let old = now.since(process.started) > Duration::from_secs(24 * 3600);
        time.strftime(if old { "%b%d" } else { "%H:%M" }).to_string()
    };
    let tty = |process: &ProcInfo| process.tty.clone().unwrap_or_else(|| "?".to_string());
    let usage = |process: &ProcInfo| {
        let lived = now.since(process.started).as_secs_f64();
        if lived > 0.0 { (process.cpu.as_secs_f64() / lived * 100.0).min(100.0) } else { 0.0 }
    };
    let total = proc.machine().memory();
    let mut lines = Vec::new();
    if let Some(format) = format {
        let fields: Vec<(String, String)> = format
            .split([',', ' '])
            .filter(|field| !field.is_empty())
            .map(|field| {
                let (name, title) = match field.split_once('=') {
                    Some((name, title)) => (name, title.to_string()),
                    None => (
                        field,
                        match field {
                            "comm" | "args" | "command" | "cmd" if field != "cmd" => "COMMAND".to_string(),
                            "pcpu" | "%cpu" => "%CPU".to_string(),
                            "pmem" | "%mem" => "%MEM".to_string(),
                            "etime" => "ELAPSED".to_string(),
                            "stat" | "state" | "s" => {
                                if field == "stat" {
                                    "STAT".to_string()
                                } else {
                                    "S".to_string()
                                }
                            }
                            "lstart" => "STARTED".to_string(),
                            other => other.to_uppercase(),
                        },
                    ),
                };
                (name.to_string(), title)
            })
            .collect();
        let mut rows: Vec<Vec<String>> = Vec::new();
        if headings && fields.iter().any(|(_, title)| !title.is_empty()) {
            rows.push(fields.iter().map(|(_, title)| title.clone()).collect());
        }
        for process in &processes {
            let cell = |name: &str| match name {
                "pid" => process.pid.to_string(),
                "ppid" => process.ppid.to_string(),
                "pgid" => process.pgid.to_string(),
                "uid" => process.uid.to_string(),
                "user" | "euser" | "ruser" => names.user(process.uid),
                "comm" => process.comm.clone(),
                "args" | "command" | "cmd" => command(process),
                "stat" | "state" | "s" => process.state.to_string(),
                "tty" | "tt" => tty(process),
                "time" => clock(process.cpu),
                "pcpu" | "%cpu" => format!("{:.1}", usage(process)),
                "pmem" | "%mem" => format!("{:.1}", share_of(process, total)),
                "vsz" | "vsize" => (process.size >> 10).to_string(),
                "rss" | "rssize" => (process.resident >> 10).to_string(),
                "cgroup" => format!("0::{}", process.cgroup.path_seen_by(proc.cgroup())),
                "etime" => {
                    let seconds = now.since(process.started).as_secs();
                    format!("{:02}:{:02}", seconds / 60, seconds % 60)
                }
                "start" | "stime" | "lstart" => start(process),
                "nice" | "ni" => "0".to_string(),
                _ => "-".to_string(),
            };
            rows.push(fields.iter().map(|(name, _)| cell(name)).collect());
        }
        let numeric = |name: &str| {
            let names = [
                "pid", "ppid", "pgid", "uid", "vsz", "vsize", "rss", "rssize", "pcpu", "%cpu", "pmem", "%mem", "etime",
            ];
            names.contains(&name)
        };
        let widths: Vec<usize> = (0..fields.len())
            .map(|i| {
                let least = match fields[i].0.as_str() {
                    "pid" | "ppid" | "pgid" => 7,
                    "user" => 8,
                    "vsz" | "rss" | "vsize" | "rssize" => 5,
                    "pcpu" | "%cpu" | "pmem" | "%mem" => 4,
                    _ => 1,
                };
                rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0).max(least)
            })
            .collect();
        for row in rows {
            let cells: Vec<String> = row
                .iter()
                .enumerate()
                .map(|(i, cell)| {
                    let width = widths[i];
                    if numeric(&fields[i].0) {
                        format!("{cell:>width$}")
                    } else if i + 1 == fields.len() {
                        cell.clone()
                    } else {
                        format!("{cell:<width$}")
                    }
                })
                .collect();
            lines.push(cells.join(" "));
        }
    } else if user {
        if headings {
            lines.push("USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND".to_string());
        }
        for process in &processes {
            let seconds = process.cpu.as_secs();
            lines.push(format!(
                "{:<8} {:>7} {:>4.1} {:>4.1} {:>6} {:>5} {:<8} {:<4} {:<5} {:>6} {}",
                names.user(process.uid),
                process.pid,
                usage(process),
                share_of(process, total),
                process.size >> 10,
                process.resident >> 10,
                tty(process),
                process.state,
                start(process),
                format!("{}:{:02}", seconds / 60, seconds % 60),
                command(process),
            ));
        }
    } else if full {
        if headings {
            lines.push("UID          PID    PPID  C STIME TTY          TIME CMD".to_string());
        }
        for process in &processes {
            lines.push(format!(
                "{:<8} {:>7} {:>7} {:>2} {:<5} {:<8} {} {}",
                names.user(process.uid),
                process.pid,
                process.ppid,
                usage(process) as u32,
                start(process),
                tty(process),
                clock(process.cpu),
                command(process),
            ));
        }
    } else {
        if headings {
            lines.push("    PID TTY          TIME CMD".to_string());
        }
        for process in &processes {
            lines.push(format!("{:>7} {:<8} {} {}", process.pid, tty(process), clock(process.cpu), process.comm));
        }
    }
    let text: String = lines.into_iter().map(|line| cut(line, columns) + "\n").collect();
    util::done(proc.print(&text).await).max(i32::from(!found))
}

async fn busybox_ps(proc: &Proc, names: &Names, columns: Option<usize>) -> i32 {
    let mut text = "PID   USER     TIME  COMMAND\n".to_string();
    for process in proc.processes() {
        let seconds = process.cpu.as_secs();
        let line = format!(
            "{:>5} {:<8} {:>2}:{:02} {}",
            process.pid,
            names.user(process.uid).chars().take(8).collect::<String>(),
            seconds / 60,
            seconds % 60,
            command(&process)
        );
        text += &(cut(line, columns.or(Some(132))) + "\n");
    }
    util::done(proc.print(&text).await)
}

pub async fn top(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut batch, mut count, mut delay) = (false, None, 3.0);
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Short('b'))) => batch = true,
            Ok(Some(Arg::Short('n'))) => count = args.value().ok().and_then(|text| text.parse::<u64>().ok()),
            Ok(Some(Arg::Short('d'))) => {
                delay = args.value().ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(3.0);
            }
            Ok(Some(_)) => {}
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    let delay = Duration::try_from_secs_f64(delay.clamp(0.1, 86400.0)).unwrap_or(Duration::from_secs(3));
    let tty = proc.stdout().tty().filter(|_| !batch);
    if tty.is_none() && !batch {
        return util::fail(&proc, 1, "top: failed tty get").await;
    }
    let names = Names::load(&proc).await;
    let modes = tty.as_ref().map(|tty| tty.modes());
    if let (Some(tty), Some(modes)) = (&tty, modes) {
        tty.set_modes(crate::os::tty::Modes { canonical: false, echo: false, ..modes });
    }
    let mut shown = 0;
    let mut code = 0;
    let mut before = Before::default();
    loop {
        let mut text = String::new();
        let (columns, rows) = tty.as_ref().map_or((200, u16::MAX), |tty| tty.size());
        if tty.is_some() {
            text.push_str("\x1b[H\x1b[2J");
        }
        for line in screen(&proc, ctx.flavour, &names, &mut before).into_iter().take(usize::from(rows)) {
            text += &(cut(line, Some(usize::from(columns))) + "\n");
        }
        if util::write_out(&proc, text.as_bytes()).await.is_err() {
            code = 1;
            break;
        }
        shown += 1;
        if count.is_some_and(|count| shown >= count) {
            break;
        }
        if tty.is_none() {
            proc.sleep(delay).await;
            continue;
        }
        let input = proc.stdin();
        match race(input.read(1), proc.sleep(delay)).await {
            Either::Left(Ok(key)) if key.is_empty() || key == b"q" => break,
            Either::Left(Err(_)) => break,
            _ => {}
        }
    }
    if let (Some(tty), Some(modes)) = (&tty, modes) {
        tty.set_modes(modes);
    }
    code
}

/// Processor time at the last look, by pid.
#[derive(Default)]
struct Before {
    at: Option<SimTime>,
    used: BTreeMap<u32, Duration>,
}

/// What top shows.
fn screen(proc: &Proc, flavour: Flavour, names: &Names, before: &mut Before) -> Vec<String> {
    let processes = proc.processes();
    let (now, machine) = (proc.sim().now(), proc.machine());
    // The first time, since each began.
    let usage = |process: &ProcInfo| {
        let (since, used) = match before.at {
            Some(at) => (at.max(process.started), before.used.get(&process.pid).copied().unwrap_or_default()),
            None => (process.started, Duration::ZERO),
        };
        let seconds = now.since(since).as_secs_f64();
        if seconds > 0.0 { process.cpu.saturating_sub(used).as_secs_f64() / seconds * 100.0 } else { 0.0 }
    };
    let mut rows: Vec<(f64, &ProcInfo)> = processes.iter().map(|process| (usage(process), process)).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.pid.cmp(&b.1.pid)));
    let count = |state: char| processes.iter().filter(|process| process.state == state).count();
    let busy: f64 = rows.iter().map(|(usage, _)| usage).sum::<f64>() / f64::from(machine.processors().max(1));
    let busy = busy.min(100.0);
    let memory = Memory::of(machine);
    let used = memory.total - memory.free - memory.buffers - memory.cached;
    let mut lines = Vec::new();
    if flavour == Flavour::Busybox {
        let kib = |bytes: u64| bytes >> 10;
        lines.push(format!(
            "Mem: {}K used, {}K free, {}K shrd, {}K buff, {}K cached",
            kib(memory.total - memory.free),
            kib(memory.free),
            kib(memory.shared),
            kib(memory.buffers),
            kib(memory.cached)
        ));
        lines.push(format!(
            "CPU:{busy:>4.0}% usr   0% sys   0% nic{:>4.0}% idle   0% io   0% irq   0% sirq",
            100.0 - busy
        ));
        let last = processes.last().map_or(0, |process| process.pid);
        lines.push(format!("Load average: 0.00 0.00 0.00 {}/{} {last}", count('R'), processes.len()));
        lines.push("  PID  PPID USER     STAT   VSZ %VSZ CPU %CPU COMMAND".to_owned());
        for (usage, process) in rows {
            let size = kib(process.size);
            let size = if size > 99_999 { format!("{:.0}m", size as f64 / 1024.0) } else { size.to_string() };
            lines.push(format!(
                "{:>5} {:>5} {:<8} {:<4} {size:>5}{:>4.0}%   0{:>4.0}% {}",
                process.pid,
                process.ppid,
                names.user(process.uid).chars().take(8).collect::<String>(),
                process.state,
                process.size as f64 * 100.0 / memory.total.max(1) as f64,
                usage / f64::from(machine.processors().max(1)),
                command(process)
            ));
        }
    } else {
        let time = proc.sim().wall().to_zoned(jiff::tz::TimeZone::UTC).strftime("%H:%M:%S");
        let minutes = now.as_nanos() / 60_000_000_000;
        lines.push(format!("top - {time} up {minutes} min,  0 users,  load average: 0.00, 0.00, 0.00"));
        lines.push(format!(
            "Tasks: {:3} total, {:3} running, {:3} sleeping, {:3} stopped, {:3} zombie",
            processes.len(),
            count('R'),
            count('S'),
            count('T'),
            count('Z')
        ));
        lines.push(format!(
            "%Cpu(s):{busy:>5.1} us,  0.0 sy,  0.0 ni,{:>5.1} id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st ",
            100.0 - busy
        ));
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        lines.push(format!(
            "MiB Mem :{:>9.1} total,{:>9.1} free,{:>9.1} used,{:>9.1} buff/cache     ",
            mib(memory.total),
            mib(memory.free),
            mib(used),
            mib(memory.buffers + memory.cached)
        ));
        lines.push(format!(
            "MiB Swap:{:>9.1} total,{:>9.1} free,{:>9.1} used.{:>9.1} avail Mem ",
            0.0,
            0.0,
            0.0,
            mib(memory.available)
        ));
        lines.push(String::new());
        lines.push("    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND".to_owned());
        for (usage, process) in rows {
            let centis = process.cpu.as_millis() / 10;
            lines.push(format!(
                "{:>7} {:<8}  20   0 {:>7} {:>6} {:>6} {} {usage:>5.1} {:>5.1} {:>9} {}",
                process.pid,
                names.user(process.uid),
                process.size >> 10,
                process.resident >> 10,
                process.shared >> 10,
                process.state,
                share_of(process, memory.total),
                format!("{}:{:02}.{:02}", centis / 6000, centis / 100 % 60, centis % 100),
                process.comm
            ));
        }
    }
    before.at = Some(now);
    before.used = processes.iter().map(|process| (process.pid, process.cpu)).collect();
    lines
}

pub async fn kill(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    let mut args = &argv[1..];
    let mut signal = Some(Signal::TERM);
    let name = match args.first().map(String::as_str) {
        Some("-l" | "-L") => {
            let text = match args.get(1) {
                Some(arg) => match arg.parse::<i32>() {
                    Ok(n) => Signal::from_number(n & 127).map(|signal| signal.name().to_string()),
                    Err(_) => Signal::parse(arg).map(|signal| signal.number().to_string()),
                }
                .unwrap_or_default(),
                None => Signal::ALL.iter().map(|signal| signal.name()).collect::<Vec<_>>().join(" "),
            };
            return util::done(proc.print(&format!("{text}\n")).await);
        }
        Some("-s") => {
            let name = args.get(1).cloned();
            args = args.get(2..).unwrap_or_default();
            name
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
    if let Some(name) = name {
        signal = Signal::parse(&name);
        if signal.is_none() && name != "0" {
            let text = match ctx.flavour {
                Flavour::Gnu => format!("kill: unknown signal name '{name}'"),
                Flavour::Busybox => format!("kill: bad signal name '{name}'"),
            };
            return util::fail(&proc, 1, &text).await;
        }
    }
    if args.is_empty() {
        let text = match ctx.flavour {
            Flavour::Gnu => "kill: not enough arguments",
            Flavour::Busybox => "kill: you need to specify whom to kill",
        };
        return util::fail(&proc, 1, text).await;
    }
    let mut code = 0;
    for target in args {
        let result = match target.parse::<i64>() {
            Ok(pid) => proc.kill(pid, signal).map_err(|error| match ctx.flavour {
                Flavour::Gnu => format!("kill: sending signal to {pid} failed: {error}"),
                Flavour::Busybox => format!("kill: can't kill pid {pid}: {error}"),
            }),
            Err(_) => Err(match ctx.flavour {
                Flavour::Gnu => format!("kill: cannot find process \"{target}\""),
                Flavour::Busybox => format!("kill: invalid number '{target}'"),
            }),
        };
        if let Err(text) = result {
            code = util::fail(&proc, 1, &text).await;
        }
    }
    code
}
