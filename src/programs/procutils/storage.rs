//! How much memory is used, and what is mounted: free, mount.

use std::time::Duration;

use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        coreutils::parse,
        util::{self, Arg, Args},
    },
};

/// `23.5G`, as busybox shows sizes for people: rounded, with one decimal.
pub fn busybox_human(bytes: u64) -> String {
    let (mut value, mut tenths, mut unit) = (bytes, 0, "");
    let mut units = ["K", "M", "G", "T", "P", "E"].into_iter();
    while value >= 1024 {
        tenths = (value % 1024 * 10 + 512) / 1024;
        value /= 1024;
        unit = units.next().unwrap_or_default();
    }
    if tenths >= 10 {
        (value, tenths) = (value + 1, 0);
    }
    if unit.is_empty() { value.to_string() } else { format!("{value}.{tenths}{unit}") }
}

const FREE_USAGE: &str = "
Usage:
 free [options]

Options:
 -b, --bytes         show output in bytes
     --kilo          show output in kilobytes
     --mega          show output in megabytes
     --giga          show output in gigabytes
     --tera          show output in terabytes
     --peta          show output in petabytes
 -k, --kibi          show output in kibibytes
 -m, --mebi          show output in mebibytes
 -g, --gibi          show output in gibibytes
     --tebi          show output in tebibytes
     --pebi          show output in pebibytes
 -h, --human         show human-readable output
     --si            use powers of 1000 not 1024
 -l, --lohi          show detailed low and high memory statistics
 -t, --total         show total for RAM + swap
 -v, --committed     show committed memory and commit limit
 -s N, --seconds N   repeat printing every N seconds
 -c N, --count N     repeat printing N times, then exit
 -w, --wide          wide output

     --help     display this help and exit
 -V, --version  output version information and exit

For more details see free(1).";

/// How procps' free shows amounts.
struct Amounts {
    human: bool,
    si: bool,
    /// A unit as a power; `None`: KiB.
    power: Option<u32>,
    decimal: bool,
}

impl Amounts {
    fn show(&self, kib: u64) -> String {
        let bytes = kib * 1024;
        let base: u64 = if self.si || self.decimal { 1000 } else { 1024 };
        if !self.human {
            return match self.power {
                None if base == 1024 => kib.to_string(),
                power => (bytes / base.pow(power.unwrap_or(1))).to_string(),
            };
        }
        // What fits in four characters, cut off where there is no room for a decimal.
        let mut text = format!("{bytes}B");
        let mut size = base;
        for unit in ["K", "M", "G", "T", "P"] {
            if text.len() <= 4 {
                break;
            }
            let fine = format!("{:.1}", bytes as f64 / size as f64);
            let coarse = (bytes / size).to_string();
            let number = if fine.len() <= 3 { fine } else { coarse };
            // Longer than it should be: the next unit is for it.
            text = if number.len() <= 3 { number + unit } else { "?????".to_owned() };
            size = size.saturating_mul(base);
        }
        let bare = text.ends_with('B');
        if self.si || bare { text } else { text + "i" }
    }
}

pub async fn free(proc: Proc, ctx: Context) -> i32 {
    if ctx.flavour == Flavour::Busybox {
        return busybox_free(proc, ctx).await;
    }
    let mut args = Args::of(&proc, ctx.flavour);
    let mut amounts = Amounts { human: false, si: false, power: None, decimal: false };
    let (mut wide, mut total, mut low, mut committed, mut every, mut times) = (false, false, false, false, None, None);
    loop {
        let arg = match args.next() {
            Ok(None) => break,
            Ok(Some(arg)) => arg,
            Err(error) => return util::usage(&proc, error, 1).await,
        };
        let letter = match &arg {
            Arg::Short(letter) => *letter,
            Arg::Long(name) => match name.as_str() {
                "bytes" => 'b',
                "kibi" => 'k',
                "mebi" => 'm',
                "gibi" => 'g',
                "human" => 'h',
                "wide" => 'w',
                "total" => 't',
                "lohi" => 'l',
                "committed" => 'v',
                "seconds" => 's',
                "count" => 'c',
                "version" => 'V',
                "help" => 'H',
                "si" => {
                    amounts.si = true;
                    continue;
                }
                "kilo" | "mega" | "giga" | "tera" | "peta" | "tebi" | "pebi" => {
                    let at = ["kilo", "mega", "giga", "tera", "peta"].iter().position(|own| own == name);
                    amounts.decimal = at.is_some();
                    amounts.power = Some(at.map_or(if name == "tebi" { 4 } else { 5 }, |at| at as u32 + 1));
                    continue;
                }
                _ => '?',
            },
            Arg::Value(_) => return util::fail(&proc, 1, FREE_USAGE).await,
        };
        match letter {
            'b' => amounts.power = Some(0),
            'k' => amounts.power = Some(1),
            'm' => amounts.power = Some(2),
            'g' => amounts.power = Some(3),
            'h' => amounts.human = true,
            'w' => wide = true,
            't' => total = true,
            'l' => low = true,
            'v' => committed = true,
            'V' => return util::done(proc.print("free from procps-ng 4.0.2\n").await),
            'H' if matches!(arg, Arg::Long(_)) => {
                return util::done(proc.print(&format!("{FREE_USAGE}\n")).await);
            }
            's' | 'c' => match args.value() {
                Ok(value) if letter == 's' => match value.parse::<f64>().ok().filter(|seconds| *seconds > 0.0) {
                    Some(seconds) => every = Some(seconds),
                    None => {
                        let text = format!("free: seconds argument failed: '{value}': Invalid argument");
                        return util::fail(&proc, 1, &text).await;
                    }
                },
                Ok(value) => match value.parse::<u64>() {
                    Ok(n) if n > 0 => times = Some(n),
                    number => {
                        let why = if number.is_ok() { "Numerical result out of range" } else { "Invalid argument" };
                        let text = format!("free: failed to parse count argument: '{value}': {why}");
                        return util::fail(&proc, 1, &text).await;
                    }
                },
                Err(error) => {
                    let line = error.0.lines().next().unwrap_or_default().to_owned();
                    return util::fail(&proc, 1, &format!("{line}\n{FREE_USAGE}")).await;
                }
            },
            _ => {
                let error = args.unknown().0;
                let line = error.lines().next().unwrap_or_default();
                return util::fail(&proc, 1, &format!("{line}\n{FREE_USAGE}")).await;
            }
        }
    }
    let mut left = times.unwrap_or(if every.is_some() { u64::MAX } else { 1 });
    loop {
        let memory = Memory::read(&proc).await;
        let cells = |label: &str, list: &[u64]| {
            let cells: String = list.iter().map(|kib| format!("{:>12}", amounts.show(*kib))).collect();
            format!("{label:<8}{cells}\n")
        };
        let (mut headings, mut amount) = (
            vec!["used", "free", "shared"],
            vec![memory.total, memory.total - memory.available, memory.free, memory.shared],
        );
        if wide {
            headings.extend(["buffers", "cache", "available"]);
            amount.extend([memory.buffers, memory.cached, memory.available]);
        } else {
            headings.extend(["buff/cache", "available"]);
            amount.extend([memory.buffers + memory.cached, memory.available]);
        }
        let headings: String = headings.iter().map(|heading| format!("{heading:>12}")).collect();
        let mut text = format!("{:>20}{headings}\n{}", "total", cells("Mem:", &amount));
        if low {
            text += &cells("Low:", &[memory.total, memory.total - memory.free, memory.free]);
            text += &cells("High:", &[0, 0, 0]);
        }
        text += &cells("Swap:", &[0, 0, 0]);
        if total {
            text += &cells("Total:", &amount[..3]);
        }
        if committed {
            let (limit, used) = (memory.total / 2, memory.total - memory.available);
            text += &cells("Comm:", &[limit, used, limit.saturating_sub(used)]);
        }
        left -= 1;
        if left > 0 {
            text.push('\n');
        }
        if let Err(code) = proc.print(&text).await.map_err(|_| 1) {
            return code;
        }
        if left == 0 {
            return 0;
        }
        proc.sleep(Duration::try_from_secs_f64(every.unwrap_or(1.0)).unwrap_or(Duration::from_secs(1))).await;
    }
}

/// What /proc/meminfo says, in KiB.
struct Memory {
    total: u64,
    free: u64,
    available: u64,
    buffers: u64,
    cached: u64,
    shared: u64,
}

impl Memory {
    async fn read(proc: &Proc) -> Memory {
        let meminfo = proc.read_file("/proc/meminfo").await.map(util::text).unwrap_or_default();
        let value = |name: &str| {
            let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        let (total, free) = (value("MemTotal"), value("MemFree"));
        Memory {
            total,
            free: free.min(total),
            available: value("MemAvailable").min(total),
            buffers: value("Buffers"),
            cached: value("Cached") + value("SReclaimable"),
            shared: value("Shmem"),
        }
    }
}

async fn busybox_free(proc: Proc, ctx: Context) -> i32 {
    let parsed = match parse(&proc, ctx.flavour, "bkmgh", &[]) {
        Ok(parsed) => parsed,
        Err(_) => {
            let text = ctx.banner() + "\nUsage: free [-bkmgh]\n\nDisplay free and used memory";
            return util::fail(&proc, 1, &text).await;
        }
    };
    let memory = Memory::read(&proc).await;
    let show = |kib: u64| match parsed.letters.chars().next() {
        Some('h') => busybox_human(kib * 1024),
        Some('b') => (kib * 1024).to_string(),
        // To the nearest.
        Some('m') => ((kib + 512) >> 10).to_string(),
        Some('g') => ((kib + (1 << 19)) >> 20).to_string(),
        _ => kib.to_string(),
    };
    let cache = memory.cached + memory.buffers;
    let used = memory.total.saturating_sub(memory.free + cache);
    let row = |label: &str, cells: &[u64]| {
        let cells: Vec<String> = cells.iter().map(|kib| format!("{:>11}", show(*kib))).collect();
        format!("{label:<8}{}\n", cells.join(" "))
    };
    let text = format!(
        "{:>19}{:>12}{:>12}{:>12}{:>12}{:>12}\n{}{}",
        "total",
        "used",
        "free",
        "shared",
        "buff/cache",
        "available",
        row("Mem:", &[memory.total, used, memory.free, memory.shared, cache, memory.available]),
        row("Swap:", &[0, 0, 0]),
    );
    util::done(proc.print(&text).await)
}

/// A line of /proc/mounts: source, target, kind, options.
pub(super) async fn mounts(proc: &Proc) -> Vec<[String; 4]> {
    let table = proc.read_file("/proc/mounts").await.map(util::text).unwrap_or_default();
    let line = |line: &str| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or_default().to_string();
        [word(), word(), word(), word()]
    };
    table.lines().map(line).collect()
}

/// Lists what is mounted; mounting itself nobody in a container may do.
pub async fn mount(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut kinds, mut operands, mut has_options) = (Vec::new(), Vec::new(), false);
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Value(operand))) => operands.push(operand),
            Ok(Some(Arg::Short('l' | 'v' | 'n' | 'r' | 'w'))) => {}
            Ok(Some(Arg::Short('a'))) => return 0,
            Ok(Some(Arg::Short(letter @ ('t' | 'o')))) => match args.value() {
                Ok(list) if letter == 't' => kinds.extend(list.split(',').map(str::to_owned)),
                Ok(_) => has_options = true,
                Err(error) => return util::usage(&proc, error, 1).await,
            },
            Ok(Some(Arg::Long(name))) if matches!(name.as_str(), "bind" | "rbind" | "make-private") => {
                has_options = true
            }
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    if let Some(target) = operands.last() {
        let (code, text) = match ctx.flavour {
            Flavour::Gnu if operands.len() == 1 && !has_options => {
                (1, format!("mount: {target}: can't find in /etc/fstab."))
            }
            Flavour::Gnu if proc.stat(target).is_err() => (
                32,
                format!(
                    "mount: {target}: mount point does not exist.\n       dmesg(1) may have more information after failed mount system call."
                ),
            ),
            Flavour::Gnu => (
                32,
                format!(
                    "mount: {target}: permission denied.\n       dmesg(1) may have more information after failed mount system call."
                ),
            ),
            Flavour::Busybox => (1, "mount: permission denied (are you root?)".to_owned()),
        };
        return util::fail(&proc, code, &text).await;
    }
    let table = mounts(&proc).await;
    let shown = table.iter().filter(|mount| kinds.is_empty() || kinds.contains(&mount[2]));
    let text: String = shown
        .map(|[source, target, kind, options]| format!("{source} on {target} type {kind} ({options})\n"))
        .collect();
    util::done(proc.print(&text).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_shows_what_fits_in_four_characters() {
        let human = Amounts { human: true, si: false, power: None, decimal: false };
        let si = Amounts { human: true, si: true, power: None, decimal: false };
        let rows = [
            (0, "0B", "0B"),
            (24_684_084, "23Gi", "25G"),
            (12_403_636, "11Gi", "12G"),
            (10_293_276, "9.8Gi", "10G"),
            (8872, "8.7Mi", "9.1M"),
            (2_615_692, "2.5Gi", "2.7G"),
            (8_388_608, "8.0Gi", "8.6G"),
        ];
        for (kib, text, decimal) in rows {
            assert_eq!((human.show(kib).as_str(), si.show(kib).as_str()), (text, decimal), "{kib}");
        }
    }

    #[test]
    fn busybox_rounds_to_one_decimal() {
        let rows = [
            (0, "0"),
            (1000, "1000"),
            (4096, "4.0K"),
            (12_334_460 << 10, "11.8G"),
            (24_684_084 << 10, "23.5G"),
            (24 << 10, "24.0K"),
        ];
        for (bytes, text) in rows {
            assert_eq!(busybox_human(bytes), text);
        }
    }
}
