//! stress(1), version 1.0.4: a parent that waits, and a worker for each unit of load.

use std::{future::pending, time::Duration};

use super::touch;
use crate::{
    os::{
        ExitStatus, OpenFlags, Proc, Signal,
        process::{Disposition, Group},
    },
    programs::util,
    sim::{Either, race},
};

const USAGE: &str = "`stress' imposes certain types of compute stress on your system

Usage: stress [OPTION [ARG]] ...
 -?, --help         show this help statement
     --version      show version statement
 -v, --verbose      be verbose
 -q, --quiet        be quiet
 -n, --dry-run      show what would have been done
 -t, --timeout N    timeout after N seconds
     --backoff N    wait factor of N microseconds before work starts
 -c, --cpu N        spawn N workers spinning on sqrt()
 -i, --io N         spawn N workers spinning on sync()
 -m, --vm N         spawn N workers spinning on malloc()/free()
     --vm-bytes B   malloc B bytes per vm worker (default is 256MB)
     --vm-stride B  touch a byte every B bytes (default is 4096)
     --vm-hang N    sleep N secs before free (default none, 0 is inf)
     --vm-keep      redirty memory instead of freeing and reallocating
 -d, --hdd N        spawn N workers spinning on write()/unlink()
     --hdd-bytes B  write B bytes per hdd worker (default is 1GB)

Example: stress --cpu 8 --io 4 --vm 2 --vm-bytes 128M --timeout 10s

Note: Numbers may be suffixed with s,m,h,d,y (time) or B,K,M,G (size).
";

/// Workers at most: more processes than a control group may have don't start.
const MOST: u64 = 10_000;

#[derive(Clone)]
struct Options {
    /// 0: fatal only, 1: errors and warnings, 2: information, 3: all.
    verbosity: u8,
    dry_run: bool,
    timeout: u64,
    backoff: u64,
    cpu: u64,
    io: u64,
    vm: u64,
    vm_bytes: u64,
    vm_stride: u64,
    vm_hang: Option<u64>,
    vm_keep: bool,
    hdd: u64,
    hdd_bytes: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Work {
    Cpu,
    Io,
    Vm,
    Hdd,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Work::Cpu => "hogcpu",
            Work::Io => "hogio",
            Work::Vm => "hogvm",
            Work::Hdd => "hoghdd",
        }
    }
}

/// `stress: info: [7] …`.
async fn say(proc: &Proc, options: &Options, level: &str, text: &str) {
    let needed = match level {
        "dbug" => 3,
        "info" => 2,
        _ => 1,
    };
    if options.verbosity < needed {
        return;
    }
    let line = format!("stress: {level}: [{}] {text}\n", proc.pid());
    // A closed descriptor doesn't stop the load.
    util::ignore(if level == "FAIL" || level == "WARN" { proc.eprint(&line).await } else { proc.print(&line).await });
}

/// A number with a suffix; the error is what stress says of it, with the line that says it.
fn number(text: &str, suffixes: &[(char, u64)]) -> Result<u64, String> {
    if text.is_empty() {
        return Err("(650) invalid string".into());
    }
    let (digits, factor) = match text.chars().next_back().filter(|last| !last.is_ascii_digit()) {
        None => (text, 1),
        Some(last) => match suffixes.iter().find(|(suffix, _)| *suffix == last) {
            Some((_, factor)) => (&text[..text.len() - 1], *factor),
            None => return Err(format!("(665) unrecognized suffix: {last}")),
        },
    };
    let value: u64 = digits.trim_start().parse().map_err(|_| format!("(673) invalid number: {text}"))?;
    Ok(value.saturating_mul(factor))
}

const TIMES: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('y', 31_536_000)];
const SIZES: [(char, u64); 4] = [('B', 1), ('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30)];

enum Parsed {
    Run(Options),
    Usage(i32),
    Version,
    Wrong(String),
}

fn parse(args: &[String]) -> Parsed {
    let mut options = Options {
        verbosity: 2,
        dry_run: false,
        timeout: 0,
        backoff: 3000,
        cpu: 0,
        io: 0,
        vm: 0,
        vm_bytes: 256 << 20,
        vm_stride: 4096,
        vm_hang: None,
        vm_keep: false,
        hdd: 0,
        hdd_bytes: 1 << 30,
    };
    if args.is_empty() {
        return Parsed::Usage(0);
    }
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-?" | "--help" => return Parsed::Usage(0),
            "--version" => return Parsed::Version,
            "-v" | "--verbose" => options.verbosity = 3,
            "-q" | "--quiet" => options.verbosity = 0,
            "-n" | "--dry-run" => options.dry_run = true,
            "--vm-keep" => options.vm_keep = true,
            _ => {
                let known = [
                    ("-t", "--timeout"),
                    ("", "--backoff"),
                    ("-c", "--cpu"),
                    ("-i", "--io"),
                    ("-m", "--vm"),
                    ("", "--vm-bytes"),
                    ("", "--vm-stride"),
                    ("", "--vm-hang"),
                    ("-d", "--hdd"),
                    ("", "--hdd-bytes"),
                ];
                let Some((_, name)) = known.iter().find(|(short, long)| arg == long || arg == short) else {
                    return Parsed::Wrong(format!("(244) unrecognized option: {arg}"));
                };
                let Some(value) = args.next() else {
                    return Parsed::Wrong(format!("(160) missing argument to option '{name}'"));
                };
                let suffixes: &[_] = match *name {
                    "--timeout" | "--vm-hang" => &TIMES,
                    "--vm-bytes" | "--vm-stride" | "--hdd-bytes" => &SIZES,
                    _ => &[],
                };
                let value = match number(value, suffixes) {
                    Ok(value) => value,
                    Err(text) => return Parsed::Wrong(text),
                };
                match *name {
                    "--timeout" => options.timeout = value,
                    "--backoff" => options.backoff = value,
                    "--cpu" => options.cpu = value,
                    "--io" => options.io = value,
                    "--vm" => options.vm = value,
                    "--vm-bytes" => options.vm_bytes = value,
                    "--vm-stride" => options.vm_stride = value,
                    "--vm-hang" => options.vm_hang = Some(value),
                    "--hdd" => options.hdd = value,
                    _ => options.hdd_bytes = value,
                }
            }
        }
    }
    Parsed::Run(options)
}

pub async fn main(proc: Proc) -> i32 {
    let argv = proc.argv();
    let options = match parse(&argv[1..]) {
        Parsed::Run(options) => options,
        Parsed::Usage(code) => return util::done(proc.print(USAGE).await).max(code),
        Parsed::Version => return util::done(proc.print("stress 1.0.4\n").await),
        Parsed::Wrong(text) => {
            util::ignore(proc.eprint(&format!("stress: FAIL: [{}] {text}\n", proc.pid())).await);
            return 1;
        }
    };
    if options.cpu + options.io + options.vm + options.hdd == 0 {
        return util::done(proc.print(USAGE).await);
    }
    let text =
        format!("dispatching hogs: {} cpu, {} io, {} vm, {} hdd", options.cpu, options.io, options.vm, options.hdd);
    say(&proc, &options, "info", &text).await;
    let began = proc.sim().now();
    let mut wanted = [
        (Work::Cpu, options.cpu.min(MOST)),
        (Work::Io, options.io.min(MOST)),
        (Work::Vm, options.vm.min(MOST)),
        (Work::Hdd, options.hdd.min(MOST)),
    ];
    let mut children = 0;
    let mut failed = false;
    // One of each kind in turn, as long as there are any.
    while wanted.iter().any(|(_, left)| *left > 0) {
        for (work, left) in &mut wanted {
            if *left == 0 {
                continue;
            }
            let wait = Duration::from_micros(options.backoff.saturating_mul(*left));
            say(&proc, &options, "dbug", &format!("using backoff sleep of {}us", wait.as_micros())).await;
            if options.timeout > 0 {
                say(&proc, &options, "dbug", &format!("setting timeout to {}s", options.timeout)).await;
            }
            let number = *left;
            *left -= 1;
            if options.dry_run {
                say(&proc, &options, "dbug", &format!("--> {} worker {number} [0] forked", work.name())).await;
                continue;
            }
            let (kind, its) = (*work, options.clone());
            match proc.try_fork(vec![], Group::Inherit, move |worker| hog(worker, kind, its, wait)) {
                Ok(pid) => {
                    children += 1;
                    let text = format!("--> {} worker {number} [{pid}] forked", work.name());
                    say(&proc, &options, "dbug", &text).await;
                }
                Err(errno) => {
                    say(&proc, &options, "FAIL", &format!("(395) fork failed: {errno}")).await;
                    failed = true;
                    break;
                }
            }
        }
        if failed {
            break;
        }
    }
    for _ in 0..children {
        let Ok((pid, status)) = proc.wait_any().await else { break };
        let text = match status {
            ExitStatus::Exited(0) => (None, format!("<-- worker {pid} returned normally")),
            ExitStatus::Exited(code) => (Some("(407)"), format!("<-- worker {pid} returned error {code}")),
            ExitStatus::Signaled(Signal::ALRM) => (None, format!("<-- worker {pid} signalled normally")),
            ExitStatus::Signaled(Signal::USR1) => (None, format!("<-- worker {pid} reaped")),
            ExitStatus::Signaled(signal) => (Some("(415)"), format!("<-- worker {pid} got signal {}", signal.number())),
        };
        match text {
            (None, text) => say(&proc, &options, "dbug", &text).await,
            (Some(line), text) => {
                say(&proc, &options, "FAIL", &format!("{line} {text}")).await;
                failed = true;
                let line = if line == "(407)" { "(409)" } else { "(417)" };
                say(&proc, &options, "WARN", &format!("{line} now reaping child worker processes")).await;
                proc.set_disposition(Signal::USR1, Disposition::Ignore);
                // Those that are left, if any.
                let _gone = proc.kill(-i64::from(proc.pgid()), Some(Signal::USR1));
            }
        }
    }
    let seconds = proc.sim().now().since(began).as_secs();
    if failed {
        say(&proc, &options, "FAIL", &format!("(451) failed run completed in {seconds}s")).await;
        return 1;
    }
    say(&proc, &options, "info", &format!("successful run completed in {seconds}s")).await;
    0
}

async fn hog(proc: Proc, work: Work, options: Options, wait: Duration) -> i32 {
    let load = async {
        proc.sleep(wait).await;
        match work {
            Work::Cpu | Work::Io => {
                let _busy = proc.burn(1.0);
                pending().await
            }
            Work::Vm => memory(&proc, &options).await,
            Work::Hdd => disk(&proc, &options).await,
        }
    };
    if options.timeout == 0 {
        return load.await;
    }
    match race(load, proc.sleep(Duration::from_secs(options.timeout))).await {
        Either::Left(code) => code,
        Either::Right(()) => {
            // SIGALRM, which nobody handles.
            let _sent = proc.kill(i64::from(proc.pid()), Some(Signal::ALRM));
            pending().await
        }
    }
}

async fn memory(proc: &Proc, options: &Options) -> i32 {
    let bytes = options.vm_bytes;
    // Where only some pages are touched, only those are there.
    let pages = if options.vm_stride > 4096 { bytes / options.vm_stride * 4096 } else { bytes };
    loop {
        say(proc, options, "dbug", &format!("allocating {bytes} bytes ...")).await;
        say(proc, options, "dbug", &format!("touching bytes in strides of {} bytes ...", options.vm_stride)).await;
        if bytes > proc.machine().memory() || touch(proc, pages).await.is_err() {
            say(proc, options, "FAIL", "(494) hogvm malloc failed: Out of memory").await;
            return 1;
        }
        match options.vm_hang {
            // Allocating, touching and freeing again without a pause.
            None => {
                let _busy = proc.burn(1.0);
                pending::<()>().await;
            }
            Some(0) => {
                say(proc, options, "dbug", "sleeping forever with allocated memory").await;
                pending::<()>().await;
            }
            Some(seconds) => {
                say(proc, options, "dbug", &format!("sleeping for {seconds}s with allocated memory")).await;
                proc.sleep(Duration::from_secs(seconds)).await;
            }
        }
        if options.vm_keep {
            proc.charge(Duration::from_millis(pages >> 22)).await;
        } else {
            proc.free(pages);
            say(proc, options, "dbug", &format!("freed {bytes} bytes")).await;
        }
    }
}

/// Writes a file again and again.
async fn disk(proc: &Proc, options: &Options) -> i32 {
    let name = format!("./stress.{:06}", proc.host_pid());
    let piece = vec![0; 1 << 20];
    loop {
        let Ok(file) = proc.open(&name, OpenFlags { exclusive: true, ..OpenFlags::WRITE }, 0o600) else {
            say(proc, options, "FAIL", "(560) mkstemp failed: No such file or directory").await;
            return 1;
        };
        // The file has no name while it is written.
        let _unlinked = proc.unlink(&name);
        let mut left = options.hdd_bytes;
        while left > 0 {
            let n = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            if let Err(errno) = proc.write(&file, &piece[..n]).await {
                say(proc, options, "FAIL", &format!("(600) write failed: {errno}")).await;
                return 1;
            }
            proc.charge(Duration::from_millis(1)).await;
            left -= n as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::programs::testing::World;

    #[test]
    fn words() {
        let world = World::new();
        // (arguments, code, stdout, stderr)
        let info = "stress: info: [2] dispatching hogs: ";
        let table = [
            ("--version", 0, "stress 1.0.4\n".to_owned(), String::new()),
            ("-x", 1, String::new(), "stress: FAIL: [2] (244) unrecognized option: -x\n".to_owned()),
            ("-c 1x", 1, String::new(), "stress: FAIL: [2] (665) unrecognized suffix: x\n".to_owned()),
            ("-c 2 -t 3", 0, format!("{info}2 cpu, 0 io, 0 vm, 0 hdd\nstress: info: [2] successful run completed in 3s\n"), String::new()),
            ("-m 1 --vm-bytes 10M -t 1", 0, format!("{info}0 cpu, 0 io, 1 vm, 0 hdd\nstress: info: [2] successful run completed in 1s\n"), String::new()),
            ("-m 1 --vm-bytes 900G", 1, format!("{info}0 cpu, 0 io, 1 vm, 0 hdd\n"),
             "stress: FAIL: [3] (494) hogvm malloc failed: Out of memory\nstress: FAIL: [2] (407) <-- worker 3 returned error 1\nstress: WARN: [2] (409) now reaping child worker processes\nstress: FAIL: [2] (451) failed run completed in 0s\n".to_owned()),
        ];
        for (args, code, stdout, stderr) in table {
            let argv: Vec<&str> = ["stress"].into_iter().chain(args.split(' ')).collect();
            let ran = world.run(&argv, "");
            assert_eq!(
                (ran.code, blank(&ran.stdout), blank(&ran.stderr)),
                (Some(code), blank(&stdout), blank(&stderr)),
                "{args}"
            );
        }
    }

    /// Without the pids.
    fn blank(text: &str) -> String {
        let mut out = String::new();
        for (i, part) in text.split(['[', ']']).enumerate() {
            out.push_str(if i % 2 == 1 { "PID" } else { part });
        }
        let words: Vec<&str> = out.split(' ').collect();
        let hide = |(i, word): (usize, &&str)| {
            if i > 0 && words[i - 1] == "worker" { "N".to_owned() } else { (*word).to_owned() }
        };
        words.iter().enumerate().map(hide).collect::<Vec<_>>().join(" ")
    }
}
