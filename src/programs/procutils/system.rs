//! What the system is and what time it has: date, hostname, id, uname, df, clear.

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        coreutils::Names,
        util::{self, Arg, Args},
    },
};

pub async fn date(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut format, mut at, mut utc) = (None, None, false);
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Short('u'))) => utc = true,
            Ok(Some(Arg::Long(name))) if name == "utc" => utc = true,
            Ok(Some(Arg::Short('d'))) => at = args.value().ok(),
            Ok(Some(Arg::Long(name))) if name == "date" => at = args.value().ok(),
            Ok(Some(Arg::Short('R'))) => format = Some("%a, %d %b %Y %H:%M:%S +0000".to_string()),
            Ok(Some(Arg::Short('I'))) => format = Some(iso(args.optional_value())),
            Ok(Some(Arg::Long(name))) if name == "iso-8601" => format = Some(iso(args.optional_value())),
            Ok(Some(Arg::Value(value))) => match value.strip_prefix('+') {
                Some(text) => format = Some(text.to_string()),
                None => return util::fail(&proc, 1, &format!("date: invalid date '{value}'")).await,
            },
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    let now = proc.sim().wall();
    let time = match at {
        None => now,
        Some(text) => match moment(&text, now) {
            Some(time) => time,
            None => return util::fail(&proc, 1, &format!("date: invalid date '{text}'")).await,
        },
    };
    let _ = utc;
    let time = time.to_zoned(TimeZone::UTC);
    let format = format.unwrap_or_else(|| match ctx.flavour {
        Flavour::Gnu => "%a %b %e %H:%M:%S UTC %Y".to_string(),
        Flavour::Busybox => "%a %b %e %H:%M:%S UTC %Y".to_string(),
    });
    let text = strftime(&time, &format);
    util::done(proc.print(&format!("{text}\n")).await)
}

fn iso(precision: Option<String>) -> String {
    match precision.as_deref() {
        Some("seconds" | "s") => "%Y-%m-%dT%H:%M:%S+00:00",
        Some("minutes") => "%Y-%m-%dT%H:%M+00:00",
        Some("ns") => "%Y-%m-%dT%H:%M:%S,%N+00:00",
        _ => "%Y-%m-%d",
    }
    .to_string()
}

/// strftime with GNU's additions; what it doesn't know stays as it is.
fn strftime(time: &jiff::Zoned, format: &str) -> String {
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut flag = String::new();
        while let Some(c) = chars.next_if(|c| matches!(c, '-' | '_' | '0' | '^' | '#')) {
            flag.push(c);
        }
        let digits: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
        let Some(c) = chars.next() else {
            out.push('%');
            break;
        };
        let nanos = time.subsec_nanosecond();
        match c {
            'N' => {
                let text = format!("{nanos:09}");
                let width = digits.parse::<usize>().unwrap_or(9).clamp(1, 9);
                out.push_str(&text[..width]);
            }
            's' => out.push_str(&time.timestamp().as_second().to_string()),
            'n' => out.push('\n'),
            't' => out.push('\t'),
            '%' => out.push('%'),
            'Z' => out.push_str("UTC"),
            'z' => out.push_str("+0000"),
            'c' => out.push_str(&time.strftime("%a %b %e %H:%M:%S %Y").to_string()),
            'x' => out.push_str(&time.strftime("%m/%d/%y").to_string()),
            'X' => out.push_str(&time.strftime("%H:%M:%S").to_string()),
            'r' => out.push_str(&time.strftime("%I:%M:%S %p").to_string()),
            c if "aAbBCdDeFgGhHIjklmMpPRSTuUVwWyY".contains(c) => {
                let flag = flag.replace('#', "^");
                out.push_str(&time.strftime(&format!("%{flag}{c}")).to_string());
            }
            c => {
                out.push('%');
                out.push(c);
            }
        }
    }
    out
}

/// `@1700000000`, `now`, `2024-01-02`, `2024-01-02T03:04:05Z`, `5 minutes ago`, `+1 day`.
fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(seconds) = text.strip_prefix('@') {
        return Timestamp::from_second(seconds.parse::<f64>().ok()? as i64).ok();
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    for format in ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"] {
        if let Ok(time) = jiff::civil::DateTime::strptime(format, text) {
            return time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp());
        }
    }
    if let Ok(date) = jiff::civil::Date::strptime("%Y-%m-%d", text) {
        return date.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp());
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let (amount, unit, ago) = match words.as_slice() {
        ["now"] | ["today"] => return Some(now),
        ["yesterday"] => (-1, "day", false),
        ["tomorrow"] => (1, "day", false),
        [amount, unit] => (amount.parse::<i64>().ok()?, *unit, false),
        [amount, unit, "ago"] => (amount.parse::<i64>().ok()?, *unit, true),
        _ => return None,
    };
    let seconds = match unit.trim_end_matches('s') {
        "second" | "sec" => 1,
        "minute" | "min" => 60,
        "hour" => 3600,
        "day" => 86400,
        "week" => 604_800,
        _ => return None,
    };
    let seconds = amount.checked_mul(if ago { -seconds } else { seconds })?;
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).ok()
}

pub async fn hostname(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let host = proc.hostname();
    let mut text = host.clone();
    let gnu = ctx.flavour == Flavour::Gnu;
    // The first name of the line of /etc/hosts that has the host's, as the resolver gives it.
    let hosts = proc.read_file("/etc/hosts").await.map(util::text).unwrap_or_default();
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    let names = lines.filter_map(|mut words| Some((words.next()?, words.collect::<Vec<_>>())));
    let own = names.filter(|(_, names)| names.contains(&host.as_str())).collect::<Vec<_>>();
    let full = own.first().and_then(|(_, names)| names.first()).map_or(host.clone(), |name| name.to_string());
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Short('I'))) if gnu => {
                let others = proc.net().interfaces().into_iter().map(|one| one.addr).filter(|ip| !ip.is_loopback());
                text = others.map(|ip| format!("{ip} ")).collect();
            }
            Ok(Some(Arg::Short('i'))) => {
                let address = proc.net().primary().map(|addr| addr.to_string());
                text = address.or_else(|| own.first().map(|(ip, _)| ip.to_string())).unwrap_or("127.0.0.1".into());
            }
            Ok(Some(Arg::Short('s'))) => text = host.split('.').next().unwrap_or("").to_string(),
            Ok(Some(Arg::Short('f'))) => text.clone_from(&full),
            Ok(Some(Arg::Long(name))) if name == "fqdn" || name == "long" => text.clone_from(&full),
            Ok(Some(Arg::Short('d'))) => text = full.split_once('.').map_or(String::new(), |(_, d)| d.to_string()),
            Ok(Some(Arg::Value(_))) => {
                let text = match ctx.flavour {
                    Flavour::Gnu => "hostname: you must be root to change the host name",
                    Flavour::Busybox => "hostname: sethostname: Operation not permitted",
                };
                return util::fail(&proc, 1, text).await;
            }
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    util::done(proc.print(&format!("{text}\n")).await)
}

pub async fn id(proc: Proc, ctx: Context) -> i32 {
    let parsed = match crate::programs::coreutils::parse(
        &proc,
        ctx.flavour,
        "ugGnr",
        &[("user", 'u'), ("group", 'g'), ("groups", 'G'), ("name", 'n')],
    ) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let names = Names::load(&proc).await;
    let (mut uid, mut gid) = (proc.uid(), proc.gid());
    if let Some(user) = parsed.operands.first() {
        match names.uid(user) {
            Some(id) => (uid, gid) = (id, id),
            None => {
                let text = match ctx.flavour {
                    Flavour::Gnu => format!("id: '{user}': no such user"),
                    Flavour::Busybox => format!("id: unknown user {user}"),
                };
                return util::fail(&proc, 1, &text).await;
            }
        }
    }
    let mut groups = vec![gid];
    groups.extend(proc.groups().iter().copied().filter(|group| *group != gid));
    let name = parsed.has('n');
    let chosen: Vec<char> = "ugG".chars().filter(|letter| parsed.has(*letter)).collect();
    let wrong = match ctx.flavour {
        Flavour::Gnu if chosen.len() > 1 => "id: cannot print \"only\" of more than one choice",
        Flavour::Gnu if chosen.is_empty() && (name || parsed.has('r')) => {
            "id: cannot print only names or real IDs in default format"
        }
        _ => "",
    };
    if !wrong.is_empty() {
        return util::fail(&proc, 1, wrong).await;
    }
    let text = if parsed.has('u') {
        if name { names.user(uid) } else { uid.to_string() }
    } else if parsed.has('g') {
        if name { names.group(gid) } else { gid.to_string() }
    } else if parsed.has('G') {
        let all: Vec<String> = groups.iter().map(|g| if name { names.group(*g) } else { g.to_string() }).collect();
        all.join(" ")
    } else {
        let with = |id: u32, name: Option<String>| match name {
            Some(name) => format!("{id}({name})"),
            None => id.to_string(),
        };
        let all: Vec<String> = groups.iter().map(|group| with(*group, names.group_name(*group))).collect();
        format!(
            "uid={} gid={} groups={}",
            with(uid, names.user_name(uid)),
            with(gid, names.group_name(gid)),
            all.join(",")
        )
    };
    util::done(proc.print(&format!("{text}\n")).await)
}

pub async fn whoami(proc: Proc) -> i32 {
    let names = Names::load(&proc).await;
    match names.user_name(proc.uid()) {
        Some(name) => util::done(proc.print(&format!("{name}\n")).await),
        None => util::fail(&proc, 1, &format!("whoami: cannot find name for user ID {}", proc.uid())).await,
    }
}

pub async fn groups(proc: Proc) -> i32 {
    let names = Names::load(&proc).await;
    util::done(proc.print(&format!("{}\n", names.group(proc.gid()))).await)
}

const KERNEL: &str = "6.12.0";
const BUILD: &str = "#1 SMP PREEMPT_DYNAMIC";

pub async fn uname(proc: Proc, ctx: Context) -> i32 {
    let parsed = match crate::programs::coreutils::parse(&proc, ctx.flavour, "asnrvmpio", &[("all", 'a')]) {
        Ok(parsed) => parsed,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    let host = proc.hostname();
    let letters = match parsed.letters.as_str() {
        "" => "s",
        letters if letters.contains('a') => "snrvmo",
        letters => letters,
    };
    if let (Flavour::Gnu, Some(operand)) = (ctx.flavour, parsed.operands.first()) {
        let text = format!("uname: extra operand '{operand}'\nTry 'uname --help' for more information.");
        return util::fail(&proc, 1, &text).await;
    }
    let fields = [
        ('s', "Linux"),
        ('n', &host),
        ('r', KERNEL),
        ('v', BUILD),
        ('m', "x86_64"),
        ('p', "unknown"),
        ('i', "unknown"),
        ('o', if ctx.flavour == Flavour::Gnu { "GNU/Linux" } else { "Linux" }),
    ];
    let text: Vec<&str> = fields.iter().filter(|(c, _)| letters.contains(*c)).map(|(_, text)| *text).collect();
    util::done(proc.print(&format!("{}\n", text.join(" "))).await)
}

pub async fn arch(proc: Proc) -> i32 {
    util::done(proc.print("x86_64\n").await)
}

/// ` 02:51:12 up 17:23,  0 users,  load average: 0.00, 0.00, 0.00`
pub fn up_since(proc: &Proc, users: &str) -> String {
    let seconds = proc.sim().now().as_nanos() / 1_000_000_000;
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    let days = match days {
        0 => String::new(),
        1 => "1 day, ".to_string(),
        n => format!("{n} days, "),
    };
    let time = if hours > 0 { format!("{hours:2}:{minutes:02}") } else { format!("{minutes} min") };
    let now = proc.sim().wall().to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string();
    format!(" {now} up {days}{time},  {users},  load average: 0.00, 0.00, 0.00")
}

/// `up 1 day, 2 hours, 3 minutes`
fn pretty(seconds: u64) -> String {
    let units = [
        (seconds / 31_536_000, "year"),
        (seconds / 604_800 % 52, "week"),
        (seconds / 86400 % 7, "day"),
        (seconds / 3600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
    ];
    let word = |(n, unit): &(u64, &str)| format!("{n} {unit}{}", if *n == 1 { "" } else { "s" });
    let words: Vec<String> = units.iter().filter(|(n, _)| *n > 0).map(word).collect();
    format!("up {}", if words.is_empty() { "0 minutes".to_owned() } else { words.join(", ") })
}

const UPTIME_USAGE: &str = "
Usage:
 uptime [options]

Options:
 -p, --pretty   show uptime in pretty format
 -h, --help     display this help and exit
 -s, --since    system up since
 -V, --version  output version information and exit

For more details see uptime(1).";

pub async fn uptime(proc: Proc, ctx: Context) -> i32 {
    let booted = proc.sim().wall_at(proc.machine().booted()).to_zoned(TimeZone::UTC);
    let since = booted.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let gnu = ctx.flavour == Flavour::Gnu;
    let mut args = Args::of(&proc, ctx.flavour);
    let text = match args.next() {
        Ok(Some(Arg::Short('s'))) => since,
        Ok(Some(Arg::Long(name))) if gnu && name == "since" => since,
        Ok(Some(Arg::Short('p'))) if gnu => pretty(proc.sim().now().as_nanos() / 1_000_000_000),
        Ok(Some(Arg::Long(name))) if gnu && name == "pretty" => pretty(proc.sim().now().as_nanos() / 1_000_000_000),
        Ok(Some(Arg::Short('V'))) if gnu => "uptime from procps-ng 4.0.2".to_owned(),
        Ok(Some(Arg::Value(_))) if gnu => return util::fail(&proc, 1, UPTIME_USAGE).await,
        Ok(None | Some(Arg::Value(_))) => up_since(&proc, if gnu { "0 user" } else { "0 users" }),
        _ if gnu => {
            let error = args.unknown().0;
            let text = format!("{}\n{UPTIME_USAGE}", error.lines().next().unwrap_or_default());
            return util::fail(&proc, 1, &text).await;
        }
        _ => return util::usage(&proc, args.unknown(), 1).await,
    };
    util::done(proc.print(&(text + "\n")).await)
}

pub async fn nproc(proc: Proc) -> i32 {
    let text = proc.read_file("/proc/cpuinfo").await.map(util::text).unwrap_or_default();
    let count = text.lines().filter(|line| line.starts_with("processor")).count();
    util::done(proc.print(&format!("{}\n", if count == 0 { 4 } else { count })).await)
}

pub async fn tty(proc: Proc) -> i32 {
    match proc.stdin().tty() {
        Some(tty) => util::done(proc.print(&format!("/dev/{}\n", tty.name())).await),
        None => util::done(proc.print("not a tty\n").await).max(1),
    }
}

pub async fn stty(proc: Proc) -> i32 {
    let Some(tty) = proc.stdin().tty() else {
        return util::fail(&proc, 1, "stty: 'standard input': Inappropriate ioctl for device").await;
    };
    let (columns, rows) = tty.size();
    let mut modes = tty.modes();
    let argv = proc.argv();
    let mut args = argv.iter().skip(1);
    if argv.len() == 1 || argv[1] == "-a" {
        let flag = |on: bool, name: &str| format!("{}{name}", if on { "" } else { "-" });
        let text = format!(
            "speed 38400 baud; rows {rows}; columns {columns};\n{} {} {} {}\n",
            flag(modes.signals, "isig"),
            flag(modes.canonical, "icanon"),
            flag(modes.echo, "echo"),
            flag(modes.output_newlines, "onlcr")
        );
        return util::done(proc.print(&text).await);
    }
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "size" => util::ignore(proc.print(&format!("{rows} {columns}\n")).await),
            "echo" => modes.echo = true,
            "-echo" => modes.echo = false,
            "icanon" | "-cbreak" => modes.canonical = true,
            "-icanon" | "cbreak" => modes.canonical = false,
            "isig" => modes.signals = true,
            "-isig" => modes.signals = false,
            "raw" => modes = crate::os::tty::Modes::RAW,
            "sane" | "-raw" | "cooked" => modes = crate::os::tty::Modes::COOKED,
            "rows" | "cols" | "columns" => match args.next().and_then(|n| n.parse::<u16>().ok()) {
                Some(n) if arg == "rows" => tty.set_size(columns, n),
                Some(n) => tty.set_size(n, rows),
                None => return util::fail(&proc, 1, &format!("stty: missing argument to '{arg}'")).await,
            },
            other => {
                let text = format!("stty: invalid argument '{other}'\nTry 'stty --help' for more information.");
                return util::fail(&proc, 1, &text).await;
            }
        }
    }
    tty.set_modes(modes);
    0
}

pub async fn clear(proc: Proc) -> i32 {
    util::done(proc.print("\x1b[H\x1b[2J\x1b[3J").await)
}

pub async fn nothing(_proc: Proc) -> i32 {
    0
}

pub async fn no_editor(proc: Proc, _ctx: Context) -> i32 {
    let name = util::program_name(&proc);
    util::fail(&proc, 1, &format!("{name}: editors are not simulated: files of the workspace open in the editor pane; elsewhere use sed -i, or cat > FILE")).await
}

pub async fn help(proc: Proc, ctx: Context) -> i32 {
    let mut text = "Programs here:\n\n".to_string();
    for (name, about) in ctx.programs.list() {
        if !about.is_empty() {
            text += &format!("  {name:<12} {about}\n");
        }
    }
    text += "\nTab completes names and files; Ctrl-R searches the history; Ctrl-C ends a command.\n";
    util::done(proc.print(&text).await)
}
