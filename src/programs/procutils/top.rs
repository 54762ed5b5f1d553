//! top: what runs, busiest first, again and again.

use std::{collections::BTreeMap, time::Duration};

use super::{ps, system};
use crate::{
    os::{Proc, ProcInfo, procfs::Memory},
    programs::{
        Context, Flavour,
        coreutils::Names,
        util::{self, Arg, Args},
    },
    sim::{Either, SimTime, race},
};

fn cut(line: String, columns: usize) -> String {
    line.chars().take(columns).collect()
}

/// What the options ask for.
struct Wanted {
    batch: bool,
    count: Option<u64>,
    delay: f64,
    /// Only these.
    pids: Vec<u32>,
    user: Option<u32>,
    /// Arguments in place of names.
    arguments: bool,
    columns: Option<usize>,
    by_memory: bool,
}

/// Reads procps' options. The error is what to say, with the exit status.
fn wanted(args: &mut Args, names: &Names) -> Result<Wanted, (i32, String)> {
    let mut wanted = Wanted {
        batch: false,
        count: None,
        delay: 3.0,
        pids: Vec::new(),
        user: None,
        arguments: false,
        columns: None,
        by_memory: false,
    };
    let fail = |text: String| Err((1, format!("top: {text}")));
    loop {
        let option = match args.next() {
            Ok(None) => return Ok(wanted),
            Ok(Some(Arg::Short(option))) => option,
            Ok(Some(Arg::Value(text))) => return fail(format!("unknown option '{text}'")),
            Ok(Some(Arg::Long(name))) => match name.as_str() {
                "batch-mode" => 'b',
                "delay" => 'd',
                "iterations" => 'n',
                "pid" => 'p',
                "sort-override" => 'o',
                "width" => 'w',
                "cmdline-toggle" => 'c',
                "filter-any-user" => 'U',
                "filter-only-euser" => 'u',
                _ => return Err((0, format!("top: unrecognized option '--{name}'"))),
            },
            Err(error) => return Err((0, error.0.lines().next().unwrap_or_default().to_owned())),
        };
        let value = match option {
            'n' | 'd' | 'p' | 'u' | 'U' | 'o' | 'E' | 'e' => match args.value() {
                Ok(value) => value,
                Err(error) => return Err((0, error.0.lines().next().unwrap_or_default().to_owned())),
            },
            'w' => args.optional_value().unwrap_or_else(|| "512".to_owned()),
            _ => String::new(),
        };
        match option {
            'b' => wanted.batch = true,
            'c' => wanted.arguments = true,
            'n' => match value.parse() {
                Ok(count) if count > 0 => wanted.count = Some(count),
                _ => return fail(format!("bad iterations argument '{value}'")),
            },
            'd' => match value.parse::<f64>() {
                Ok(delay) if delay >= 0.0 => wanted.delay = delay,
                _ => return fail(format!("bad delay interval '{value}'")),
            },
            'p' => {
                for pid in value.split(',') {
                    match pid.parse() {
                        Ok(pid) => wanted.pids.push(pid),
                        Err(_) => return fail(format!("bad pid '{pid}'")),
                    }
                }
            }
            'u' | 'U' => match names.uid(&value) {
                Some(uid) => wanted.user = Some(uid),
                None => return fail("Invalid user".to_owned()),
            },
            'o' => match value.trim_start_matches(['+', '-']) {
                "%MEM" | "RES" | "VIRT" => wanted.by_memory = true,
                "%CPU" | "PID" | "TIME+" | "TIME" | "COMMAND" | "USER" => {}
                _ => return fail(format!("unrecognized field name '{value}'")),
            },
            'w' => match value.parse() {
                Ok(columns) if columns > 0 => wanted.columns = Some(columns),
                _ => return fail(format!("bad width arg '{value}'")),
            },
            'H' | 'i' | 'S' | 's' | '1' | 'E' | 'e' => {}
            other => return Err((0, format!("top: invalid option -- '{other}'"))),
        }
    }
}

/// Reads busybox' options.
fn busybox_wanted(args: &mut Args) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        batch: false,
        count: None,
        delay: 5.0,
        pids: Vec::new(),
        user: None,
        arguments: false,
        columns: None,
        by_memory: false,
    };
    loop {
        match args.next().map_err(|error| error.0)? {
            None => return Ok(wanted),
            Some(Arg::Short('b')) => wanted.batch = true,
            Some(Arg::Short(option @ ('n' | 'd'))) => {
                let value = args.value().map_err(|error| error.0)?;
                let number = value.parse::<u64>().map_err(|_| format!("top: invalid number '{value}'\n"))?;
                if option == 'n' { wanted.count = Some(number) } else { wanted.delay = number as f64 }
            }
            Some(Arg::Short('m' | 'H') | Arg::Value(_)) => {}
            Some(_) => return Err(args.unknown().0),
        }
    }
}

pub async fn top(proc: Proc, ctx: Context) -> i32 {
    let names = Names::load(&proc).await;
    let mut args = Args::of(&proc, ctx.flavour);
    let wanted = if ctx.flavour == Flavour::Busybox {
        busybox_wanted(&mut args).map_err(|text| (1, text.trim_end().to_owned()))
    } else {
        wanted(&mut args, &names)
    };
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err((code, text)) => return util::fail(&proc, code, &text).await,
    };
    let delay = Duration::try_from_secs_f64(wanted.delay.clamp(0.1, 86400.0)).unwrap_or(Duration::from_secs(3));
    let tty = proc.stdout().tty().filter(|_| !wanted.batch);
    if tty.is_none() && !wanted.batch && ctx.flavour == Flavour::Gnu {
        return util::fail(&proc, 1, "top: failed tty get").await;
    }
    let modes = tty.as_ref().map(|tty| tty.modes());
    if let (Some(tty), Some(modes)) = (&tty, modes) {
        tty.set_modes(crate::os::tty::Modes { canonical: false, echo: false, ..modes });
    }
    let mut shown = 0;
    let mut code = 0;
    let mut before = Before::default();
    loop {
        let mut text = String::new();
        let (columns, rows) = match (&tty, ctx.flavour) {
            (Some(tty), _) => tty.size(),
            // Of a terminal that nobody knows.
            (None, Flavour::Gnu) => (80, u16::MAX),
            (None, Flavour::Busybox) => (200, u16::MAX),
        };
        let columns = wanted.columns.unwrap_or(usize::from(columns));
        match tty.is_some() {
            true => text.push_str("\x1b[H\x1b[2J"),
            false if shown > 0 && ctx.flavour == Flavour::Gnu => text.push('\n'),
            false => {}
        }
        let lines = match ctx.flavour {
            Flavour::Gnu => screen(&proc, &wanted, &names, columns, &mut before),
            Flavour::Busybox => busybox_screen(&proc, &names, &mut before),
        };
        for line in lines.into_iter().take(usize::from(rows)) {
            text += &(cut(line, columns) + "\n");
        }
        if util::write_out(&proc, text.as_bytes()).await.is_err() {
            code = 1;
            break;
        }
        shown += 1;
        if wanted.count.is_some_and(|count| shown >= count) {
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

impl Before {
    /// Percents of one processor since the last look; the first time, since the process began.
    fn usage(&self, now: SimTime, process: &ProcInfo) -> f64 {
        let (since, used) = match self.at {
            Some(at) => (at.max(process.started), self.used.get(&process.pid).copied().unwrap_or_default()),
            None => (process.started, Duration::ZERO),
        };
        let seconds = now.since(since).as_secs_f64();
        if seconds > 0.0 { process.cpu.saturating_sub(used).as_secs_f64() / seconds * 100.0 } else { 0.0 }
    }

    fn remember(&mut self, now: SimTime, processes: &[ProcInfo]) {
        self.at = Some(now);
        self.used = processes.iter().map(|process| (process.pid, process.cpu)).collect();
    }
}

fn rows(processes: &[ProcInfo], now: SimTime, before: &Before) -> Vec<(f64, ProcInfo)> {
    let mut rows: Vec<_> = processes.iter().map(|process| (before.usage(now, process), process.clone())).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.pid.cmp(&b.1.pid)));
    rows
}

fn count(processes: &[ProcInfo], state: char) -> usize {
    processes.iter().filter(|process| process.state == state).count()
}

fn busybox_screen(proc: &Proc, names: &Names, before: &mut Before) -> Vec<String> {
    let processes = proc.processes();
    let (now, machine) = (proc.sim().now(), proc.machine());
    let rows = rows(&processes, now, before);
    let processors = f64::from(machine.processors().max(1));
    let busy = (rows.iter().map(|(usage, _)| usage).sum::<f64>() / processors).min(100.0);
    let memory = Memory::of(machine);
    let kib = |bytes: u64| bytes >> 10;
    let last = processes.last().map_or(0, |process| process.pid);
    let mut lines = vec![
        format!(
            "Mem: {}K used, {}K free, {}K shrd, {}K buff, {}K cached",
            kib(memory.total - memory.free),
            kib(memory.free),
            kib(memory.shared),
            kib(memory.buffers),
            kib(memory.cached)
        ),
        format!("CPU:{busy:>4.0}% usr   0% sys   0% nic{:>4.0}% idle   0% io   0% irq   0% sirq", 100.0 - busy),
        format!("Load average: 0.00 0.00 0.00 {}/{} {last}", count(&processes, 'R'), processes.len()),
        "  PID  PPID USER     STAT   VSZ %VSZ CPU %CPU COMMAND".to_owned(),
    ];
    for (usage, process) in rows {
        let size = kib(process.size);
        let size = if size > 99_999 { format!("{}m", size >> 10) } else { size.to_string() };
        lines.push(format!(
            "{:>5} {:>5} {:<8} {:<4} {size:>5}{:>4.0}%   0{:>4.0}% {}",
            process.pid,
            process.ppid,
            names.user(process.uid).chars().take(8).collect::<String>(),
            ps::busybox_state(&process),
            process.size as f64 * 100.0 / memory.total.max(1) as f64,
            usage / processors,
            ps::busybox_command(&process)
        ));
    }
    before.remember(now, &processes);
    lines
}

/// KiB in so many characters, in larger units where it takes more.
fn fitted(kib: u64, width: usize) -> String {
    let mut text = kib.to_string();
    let mut value = kib as f64;
    for unit in ['m', 'g', 't', 'p'] {
        if text.len() <= width {
            break;
        }
        value /= 1024.0;
        text = format!("{value:.1}{unit}");
    }
    text
}

fn screen(proc: &Proc, wanted: &Wanted, names: &Names, columns: usize, before: &mut Before) -> Vec<String> {
    let mut processes = proc.processes();
    processes.retain(|process| wanted.pids.is_empty() || wanted.pids.contains(&process.pid));
    let (now, machine) = (proc.sim().now(), proc.machine());
    let mut rows = rows(&processes, now, before);
    if wanted.by_memory {
        rows.sort_by_key(|(_, process)| std::cmp::Reverse(process.resident));
    }
    rows.retain(|(_, process)| wanted.user.is_none_or(|uid| uid == process.uid));
    let busy: f64 = rows.iter().map(|(usage, _)| usage).sum::<f64>() / f64::from(machine.processors().max(1));
    let busy = busy.min(100.0);
    let memory = Memory::of(machine);
    let used = memory.total - memory.available;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let mut lines = vec![
        format!("top -{}", system::up_since(proc, "0 user")),
        format!(
            "Tasks: {:3} total, {:3} running, {:3} sleeping, {:3} stopped, {:3} zombie",
            processes.len(),
            count(&processes, 'R'),
            count(&processes, 'S'),
            count(&processes, 'T'),
            count(&processes, 'Z')
        ),
        format!(
            "%Cpu(s):{busy:>5.1} us,  0.0 sy,  0.0 ni,{:>5.1} id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st ",
            100.0 - busy
        ),
        format!(
            "MiB Mem :{:>9.1} total,{:>9.1} free,{:>9.1} used,{:>9.1} buff/cache     ",
            mib(memory.total),
            mib(memory.free),
            mib(used),
            mib(memory.buffers + memory.cached)
        ),
        format!(
            "MiB Swap:{:>9.1} total,{:>9.1} free,{:>9.1} used.{:>9.1} avail Mem ",
            0.0,
            0.0,
            0.0,
            mib(memory.available)
        ),
        String::new(),
        "    PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND".to_owned(),
    ];
    for (usage, process) in rows {
        let centis = process.cpu.as_millis() / 10;
        let user = names.user(process.uid);
        let user = if user.len() > 8 { user.chars().take(7).chain(['+']).collect() } else { user };
        let begin = format!(
            "{:>7} {user:<8}  20   0 {:>7} {:>6} {:>6} {} {usage:>5.1} {:>5.1} {:>9} ",
            process.pid,
            fitted(process.size >> 10, 7),
            fitted(process.resident >> 10, 6),
            fitted(process.shared >> 10, 6),
            process.state,
            process.resident as f64 * 100.0 / memory.total.max(1) as f64,
            format!("{}:{:02}.{:02}", centis / 6000, centis / 100 % 60, centis % 100),
        );
        let command = if wanted.arguments { ps::command(&process) } else { process.comm.clone() };
        let room = columns.saturating_sub(begin.len()).max(1);
        let long = command.chars().count() > room;
        let command = if long { command.chars().take(room - 1).chain(['+']).collect() } else { command };
        lines.push(begin + &command);
    }
    before.remember(now, &processes);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_sizes_take_larger_units() {
        let rows =
            [(999_999, 6, "999999"), (1_809_732, 6, "1.7g"), (3_967_204, 7, "3967204"), (12_000_000, 7, "11.4g")];
        for (kib, width, text) in rows {
            assert_eq!(fitted(kib, width), text);
        }
    }
}
