//! The load of the image vish/stress: threads that copy from /dev/zero, and memory taken step by step.
//! It logs as glog does.

use std::{future::pending, time::Duration};

use crate::{os::Proc, programs::util};

const USAGE: &str = "Usage of /stress:
  -alsologtostderr
    \tlog to standard error as well as files
  -cpus int
    \ttotal number of CPUs to utilize
  -log_backtrace_at value
    \twhen logging hits line file:N, emit a stack trace
  -log_dir string
    \tIf non-empty, write log files in this directory
  -logtostderr
    \tlog to standard error instead of files
  -mem-alloc-size string
    \tamount of memory to be consumed in each allocation (default \"4Ki\")
  -mem-alloc-sleep duration
    \tduration to sleep between allocations (default 1ms)
  -mem-total string
    \ttotal memory to be consumed. Memory will be consumed via multiple allocations. (default \"0\")
  -stderrthreshold value
    \tlogs at or above this threshold go to stderr
  -v value
    \tlog level for V logs
  -vmodule value
    \tcomma-separated list of pattern=N settings for file-filtered logging
";

/// Steps between two looks at the clock: a millisecond's sleep for each 4 KiB would be an event each.
const STEPS: u64 = 64;

struct Options {
    cpus: u32,
    total: u64,
    total_text: String,
    step: u64,
    step_text: String,
    sleep: Duration,
    sleep_text: String,
}

/// A quantity of bytes: `150Mi`, `1G`, `4096`.
fn bytes(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(at);
    let factor: u64 = match suffix {
        "" => 1,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "k" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Some((number * factor as f64).ceil() as u64)
}

/// A Go duration of one unit: `10s`, `1ms`, `1m`.
fn duration(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| c.is_ascii_alphabetic() || c == 'µ')?;
    let unit = match &text[at..] {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(text[..at].parse::<f64>().ok()? * unit).ok()
}

/// The options, or what is said against them.
fn parse(args: &[String]) -> Result<Options, String> {
    let mut options = Options {
        cpus: 0,
        total: 0,
        total_text: "0".into(),
        step: 4096,
        step_text: "4Ki".into(),
        sleep: Duration::from_millis(1),
        sleep_text: "1ms".into(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let Some(flag) = arg.strip_prefix("--").or(arg.strip_prefix('-')).filter(|flag| !flag.is_empty()) else {
            break;
        };
        let (name, mut value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        match name {
            "help" | "h" => return Err(String::new()),
            "logtostderr" | "alsologtostderr" => continue,
            "cpus" | "mem-total" | "mem-alloc-size" | "mem-alloc-sleep" | "v" | "vmodule" | "stderrthreshold"
            | "log_dir" | "log_backtrace_at" => {}
            _ => return Err(format!("flag provided but not defined: -{name}\n")),
        }
        if value.is_none() {
            value = args.next().cloned();
        }
        let Some(value) = value else { return Err(format!("flag needs an argument: -{name}\n")) };
        let invalid = || format!("invalid value \"{value}\" for flag -{name}: parse error\n");
        match name {
            "cpus" => options.cpus = value.parse().map_err(|_| invalid())?,
            "mem-total" => (options.total, options.total_text) = (bytes(&value).ok_or_else(invalid)?, value),
            "mem-alloc-size" => (options.step, options.step_text) = (bytes(&value).ok_or_else(invalid)?, value),
            "mem-alloc-sleep" => (options.sleep, options.sleep_text) = (duration(&value).ok_or_else(invalid)?, value),
            _ => {}
        }
    }
    Ok(options)
}

/// `I1123 16:00:00.000000       1 main.go:26] text`
async fn log(proc: &Proc, line: u32, text: &str) {
    let time = proc.sim().wall().to_zoned(jiff::tz::TimeZone::UTC).strftime("%m%d %H:%M:%S.%6f").to_string();
    util::ignore(proc.eprint(&format!("I{time} {:>7} main.go:{line}] {text}\n", proc.pid())).await);
}

pub async fn main(proc: Proc) -> i32 {
    let options = match parse(&proc.argv()[1..]) {
        Ok(options) => options,
        Err(text) => {
            util::ignore(proc.eprint(&format!("{text}{USAGE}")).await);
            return 2;
        }
    };
    let text = format!(
        "Allocating \"{}\" memory, in \"{}\" chunks, with a {} sleep between allocations",
        options.total_text, options.step_text, options.sleep_text
    );
    log(&proc, 26, &text).await;
    for _ in 0..options.cpus {
        log(&proc, 39, "Spawning a thread to consume CPU").await;
    }
    let _busy = (options.cpus > 0).then(|| proc.burn(f64::from(options.cpus)));
    let mut taken = 0;
    while taken < options.total {
        let room = options.total - taken;
        // Small steps are taken together.
        let steps = if options.sleep >= Duration::from_millis(100) { 1 } else { STEPS };
        let part = options.step.max(1).saturating_mul(steps).min(room);
        let rests = part.div_ceil(options.step.max(1));
        if let Err(errno) = proc.allocate(part).await {
            return util::fail(&proc, 2, &format!("fatal error: runtime: {errno}")).await;
        }
        taken += part;
        proc.sleep(options.sleep.saturating_mul(u32::try_from(rests).unwrap_or(u32::MAX))).await;
    }
    log(&proc, 29, &format!("Allocated \"{}\" memory", options.total_text)).await;
    pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (text, expected) in
            [("150Mi", Some(150 << 20)), ("4096", Some(4096)), ("1.5G", Some(1_500_000_000)), ("x", None)]
        {
            assert_eq!(bytes(text), expected, "{text}");
        }
        for (text, expected) in [("10s", Some(10_000)), ("1ms", Some(1)), ("2m", Some(120_000)), ("7", None)] {
            assert_eq!(duration(text).map(|d| d.as_millis()), expected, "{text}");
        }
    }
}
