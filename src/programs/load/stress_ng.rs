//! stress-ng(1), version 0.15: its processor and memory stressors.

use std::{future::pending, time::Duration};

use super::touch;
use crate::{
    os::{ExitStatus, Proc, process::Group},
    programs::util,
    sim::race,
};

const VERSION: &str = "0.15.06";
const DAY: u64 = 86_400;

#[derive(Default)]
struct Options {
    cpu: u64,
    cpu_load: Option<u64>,
    vm: u64,
    vm_bytes: Option<u64>,
    vm_hang: Option<u64>,
    vm_keep: bool,
    timeout: Option<u64>,
    quiet: bool,
}

/// A number with a suffix of sizes or times.
fn number(text: &str, suffixes: &[(char, u64)]) -> Result<u64, String> {
    let last = text.chars().next_back().unwrap_or(' ');
    let found = suffixes.iter().find(|(suffix, _)| suffix.eq_ignore_ascii_case(&last));
    let (digits, factor) = match found {
        Some((_, factor)) => (&text[..text.len() - 1], *factor),
        None => (text, 1),
    };
    match digits.parse::<u64>() {
        Ok(value) => Ok(value.saturating_mul(factor)),
        Err(_) => Err(format!("Value {text} contains non-numeric: '{text}'")),
    }
}

const TIMES: [(char, u64); 6] = [('s', 1), ('m', 60), ('h', 3600), ('d', DAY), ('w', 7 * DAY), ('y', 31_536_000)];
const SIZES: [(char, u64); 4] = [('b', 1), ('k', 1 << 10), ('m', 1 << 20), ('g', 1 << 30)];

fn parse(proc: &Proc, args: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut list: Vec<String> = Vec::new();
    for arg in args {
        // `-c4`, `--cpu=4`.
        match arg.strip_prefix("--").and_then(|long| long.split_once('=')) {
            Some((name, value)) => list.extend([format!("--{name}"), value.to_owned()]),
            None if arg.len() > 2 && !arg.starts_with("--") && arg.starts_with('-') && arg.is_char_boundary(2) => {
                list.extend([arg[..2].to_owned(), arg[2..].to_owned()]);
            }
            None => list.push(arg.clone()),
        }
    }
    let mut args = list.into_iter();
    while let Some(arg) = args.next() {
        let known = [
            "-c",
            "--cpu",
            "-l",
            "--cpu-load",
            "-m",
            "--vm",
            "--vm-bytes",
            "--vm-hang",
            "-t",
            "--timeout",
            "--cpu-method",
            "--vm-method",
            "--temp-path",
            "--backoff",
        ];
        let flags = ["--vm-keep", "-q", "--quiet", "-v", "--verbose", "--metrics", "--metrics-brief", "--verify", "-M"];
        let value = if known.contains(&arg.as_str()) {
            args.next().ok_or_else(|| {
                let name = arg.trim_start_matches('-');
                let head = if arg.starts_with("--") {
                    format!("option '{arg}' requires")
                } else {
                    format!("option requires an argument -- '{name}'")
                };
                let tail = if arg.starts_with("--") { " an argument" } else { "" };
                format!("stress-ng: {head}{tail}\nTry 'stress-ng --help' for more information.")
            })?
        } else if flags.contains(&arg.as_str()) {
            String::new()
        } else {
            let text = if arg.starts_with("--") {
                format!("unrecognized option '{arg}'")
            } else {
                format!("invalid option -- '{}'", arg.trim_start_matches('-'))
            };
            return Err(format!("stress-ng: {text}\nTry 'stress-ng --help' for more information."));
        };
        match arg.as_str() {
            // Without a number, one for each processor.
            "-c" | "--cpu" => options.cpu = one_each(proc, number(&value, &[])?),
            "-m" | "--vm" => options.vm = one_each(proc, number(&value, &[])?),
            "-l" | "--cpu-load" => options.cpu_load = Some(number(&value, &[])?),
            "--vm-bytes" => {
                options.vm_bytes = Some(match value.strip_suffix('%') {
                    Some(percent) => proc.machine().memory() / 100 * number(percent, &[])?,
                    None => number(&value, &SIZES)?,
                });
            }
            "--vm-hang" => options.vm_hang = Some(number(&value, &TIMES)?),
            "--vm-keep" => options.vm_keep = true,
            "-t" | "--timeout" => options.timeout = Some(number(&value, &TIMES)?),
            "-q" | "--quiet" => options.quiet = true,
            _ => {}
        }
    }
    Ok(options)
}

fn one_each(proc: &Proc, number: u64) -> u64 {
    if number == 0 { u64::from(proc.machine().processors()) } else { number.min(4096) }
}

/// `3600 second (1 hour, 0.00 secs)`, as the run is announced.
fn run_time(seconds: u64) -> String {
    let unit = |n: u64, name: &str| match n {
        0 => String::new(),
        1 => format!("1 {name}, "),
        n => format!("{n} {name}s, "),
    };
    if seconds < 60 {
        return format!("{seconds} second");
    }
    let parts = [(seconds / DAY, "day"), (seconds / 3600 % 24, "hour"), (seconds / 60 % 60, "min")];
    let text: String = parts.into_iter().map(|(n, name)| unit(n, name)).collect();
    format!("{seconds} second ({text}{:.2} secs)", (seconds % 60) as f64)
}

pub async fn main(proc: Proc) -> i32 {
    let argv = proc.argv();
    if argv.iter().any(|arg| arg == "--version" || arg == "-V") {
        return util::done(proc.print(&format!("stress-ng, version {VERSION} (gcc 12.2.0, x86_64 Linux)\n")).await);
    }
    let options = match parse(&proc, &argv[1..]) {
        Ok(options) => options,
        Err(text) => {
            util::ignore(proc.eprint(&format!("{text}\n")).await);
            return 1;
        }
    };
    let pid = proc.pid();
    let say = async |level: &str, text: &str| {
        if !options.quiet || level == "error:" {
            util::ignore(proc.print(&format!("stress-ng: {level:<6} [{pid}] {text}\n")).await);
        }
    };
    let seconds = options.timeout.filter(|seconds| *seconds > 0);
    match seconds {
        Some(seconds) => say("info:", &format!("setting to a {} run per stressor", run_time(seconds))).await,
        None => say("info:", &format!("defaulting to a {} run per stressor", run_time(DAY))).await,
    }
    let kinds = [("cpu", options.cpu), ("vm", options.vm)];
    let hogs: Vec<String> = kinds.iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} {name}")).collect();
    if hogs.is_empty() {
        say("error:", "No stress workers invoked").await;
        return 1;
    }
    say("info:", &format!("dispatching hogs: {}", hogs.join(", "))).await;
    let began = proc.sim().now();
    let time = Duration::from_secs(seconds.unwrap_or(DAY));
    // The memory is all instances' together.
    let total = options.vm_bytes.unwrap_or(256 << 20);
    let bytes = if options.vm_bytes.is_some() && options.vm > 0 { total / options.vm } else { total };
    let load = options.cpu_load.unwrap_or(100).min(100) as f64 / 100.0;
    let mut pids = Vec::new();
    for (name, count) in kinds {
        for _ in 0..count {
            let (hang, keep) = (options.vm_hang, options.vm_keep);
            let work = move |worker: Proc| async move {
                let all = worker.clone();
                let run = async {
                    if name == "cpu" {
                        let _busy = worker.burn(load);
                        pending::<()>().await;
                    }
                    loop {
                        if touch(&worker, bytes).await.is_err() {
                            return;
                        }
                        match hang {
                            Some(0) | None => {
                                let _busy = hang.is_none().then(|| worker.burn(1.0));
                                pending::<()>().await;
                            }
                            Some(seconds) => worker.sleep(Duration::from_secs(seconds)).await,
                        }
                        if !keep {
                            worker.free(bytes);
                        }
                    }
                };
                let _first = race(run, all.sleep(time)).await;
                0
            };
            match proc.try_fork(vec![], Group::Inherit, work) {
                Ok(child) => pids.push(child),
                Err(errno) => say("error:", &format!("Cannot fork: {errno}")).await,
            }
        }
    }
    let mut failed = false;
    for child in pids {
        if let Ok(ExitStatus::Signaled(signal)) = proc.wait(child).await {
            let text = format!("process [{child}] terminated on signal: {} ({})", signal.number(), signal);
            say("error:", &text).await;
            failed = true;
        }
    }
    let took = proc.sim().now().since(began).as_secs_f64();
    let outcome = if failed { "unsuccessful" } else { "successful" };
    say("info:", &format!("{outcome} run completed in {took:.2}s")).await;
    if failed { 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use crate::programs::testing::World;

    #[test]
    fn words() {
        let world = World::new();
        let ran = world.run(&["stress-ng", "--cpu", "1", "--vm", "2", "--vm-bytes", "20M", "-t", "2"], "");
        let lines: Vec<&str> = ran.stdout.lines().map(|line| line.split("] ").nth(1).unwrap_or(line)).collect();
        let expected = [
            "setting to a 2 second run per stressor",
            "dispatching hogs: 1 cpu, 2 vm",
            "successful run completed in 2.00s",
        ];
        assert_eq!((ran.code, lines), (Some(0), expected.to_vec()));
        let ran = world.run(&["stress-ng", "--bogus"], "");
        let text = "stress-ng: unrecognized option '--bogus'\nTry 'stress-ng --help' for more information.\n";
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), text));
    }
}
