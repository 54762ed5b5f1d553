//! busybox' ps.

use super::columns::command as full_command;
use crate::{
    os::{Proc, ProcInfo},
    programs::{
        Context,
        coreutils::Names,
        util::{self, Arg, Args},
    },
};

/// Name, heading, width.
const COLUMNS: [(&str, &str, usize); 17] = [
    ("user", "USER", 8),
    ("group", "GROUP", 8),
    ("comm", "COMMAND", 16),
    ("args", "COMMAND", 256),
    ("pid", "PID", 5),
    ("ppid", "PPID", 5),
    ("pgid", "PGID", 5),
    ("etime", "ELAPSED", 7),
    ("nice", "NI", 5),
    ("rgroup", "RGROUP", 8),
    ("ruser", "RUSER", 8),
    ("time", "TIME", 5),
    ("tty", "TT", 6),
    ("vsz", "VSZ", 4),
    ("sid", "SID", 5),
    ("stat", "STAT", 4),
    ("rss", "RSS", 4),
];

struct Column {
    name: &'static str,
    heading: String,
    width: usize,
}

/// The columns of `user,pid=NUMBER`; the error is the name that isn't one.
fn columns(list: &str) -> Result<Vec<Column>, String> {
    let mut columns = Vec::new();
    for item in list.split(',').filter(|item| !item.is_empty()) {
        let (name, given) = match item.split_once('=') {
            Some((name, heading)) => (name, Some(heading)),
            None => (item, None),
        };
        let (name, heading, width) = *COLUMNS.iter().find(|(own, ..)| *own == name).ok_or_else(|| name.to_owned())?;
        columns.push(match given {
            None => Column { name, heading: heading.to_owned(), width },
            Some("") => Column { name, heading: String::new(), width },
            // Its own heading is as wide as the column then is.
            Some(given) => Column { name, heading: given.to_owned(), width: given.chars().count() },
        });
    }
    Ok(columns)
}

/// A time in five characters: `12:34`, `12h34`, `12d34`.
pub fn short_time(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match () {
        () if hours == 0 => format!("{minutes:2}:{:02}", seconds % 60),
        () if days == 0 => format!("{hours:2}h{:02}", minutes % 60),
        () if days < 100 => format!("{days:2}d{:02}", hours % 24),
        () => format!("{days:4}d"),
    }
}

/// KiB in four characters: `1628`, `9.7m`, `127m`, `1.2g`.
pub fn short_size(kib: u64) -> String {
    let mut units = ['k', 'm', 'g', 't'].into_iter();
    let (mut value, mut unit) = (kib as f64, units.next());
    if kib <= 9999 {
        return kib.to_string();
    }
    while value >= 1000.0 {
        value /= 1024.0;
        unit = units.next();
    }
    let unit = unit.unwrap_or('t');
    // Cut off, not rounded.
    if value < 10.0 { format!("{:.1}{unit}", (value * 10.0).floor() / 10.0) } else { format!("{}{unit}", value as u64) }
}

/// The arguments, after the name where it differs from the program's.
pub fn command(process: &ProcInfo) -> String {
    let text = full_command(process);
    let Some(first) = process.args.first().filter(|_| process.state != 'Z') else {
        return format!("[{}]", process.comm);
    };
    let program = first.split(' ').next().unwrap_or_default();
    let base = util::file_name(program);
    let base = base.strip_prefix('-').unwrap_or(base);
    if base.starts_with(&process.comm) { text } else { format!("{{{}}} {text}", process.comm) }
}

/// The state in four characters: W has nothing in memory.
pub fn state(process: &ProcInfo) -> String {
    let empty = process.resident == 0 && process.state != 'Z';
    format!("{}{}", process.state, if empty { "W" } else { "" })
}

pub async fn ps(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let mut format = String::new();
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Short('o'))) => match args.value() {
                Ok(list) => format = format + "," + &list,
                Err(error) => return util::usage(&proc, error, 1).await,
            },
            Ok(Some(Arg::Value(_) | Arg::Short('a' | 'A' | 'd' | 'e' | 'f' | 'l' | 'T'))) => {}
            Ok(Some(_)) => {
                let text = "\nUsage: ps [-o COL1,COL2=HEADER] [-T]\n\nShow list of processes\n\n\t-o COL1,COL2=HEADER\tSelect columns for \
                            display\n\t-T\t\t\tShow threads\n";
                let error = args.unknown();
                util::ignore(proc.eprint(&error.0).await);
                util::ignore(proc.eprint(&(ctx.banner() + text)).await);
                return 1;
            }
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    let columns = match columns(if format.is_empty() { "pid,user,time,args" } else { &format }) {
        Ok(columns) => columns,
        Err(name) => {
            let all: Vec<&str> = COLUMNS.iter().map(|(name, ..)| *name).collect();
            let text = format!("ps: bad -o argument '{name}', supported arguments: {}", all.join(","));
            return util::fail(&proc, 1, &text).await;
        }
    };
    let names = Names::load(&proc).await;
    let room = proc.stdout().tty().map_or(132, |tty| usize::from(tty.size().0));
    let now = proc.sim().now();
    let cell = |column: &Column, process: &ProcInfo| match column.name {
        "user" | "ruser" => names.user(process.uid),
        "group" | "rgroup" => names.group(process.gid),
        "comm" => process.comm.chars().take(15).collect(),
        "args" => command(process),
        "etime" => format!("{:>7}", short_time(now.since(process.started).as_secs())),
        "time" => short_time(process.cpu.as_secs()),
        "tty" => match process.tty.as_deref().and_then(|tty| tty.strip_prefix("pts/")) {
            Some(number) => format!("136,{number}"),
            None => "?".to_owned(),
        },
        "vsz" => format!("{:>4}", short_size(process.size >> 10)),
        "rss" => format!("{:>4}", short_size(process.resident >> 10)),
        "stat" => format!("{:<3}", state(process)),
        name => {
            let number = match name {
                "pid" => process.pid,
                "ppid" => process.ppid,
                "pgid" => process.pgid,
                "sid" => process.sid,
                _ => 0,
            };
            format!("{number:>0$}", column.width)
        }
    };
    let row = |cells: Vec<String>| {
        let mut text = String::new();
        for (n, (Column { width, .. }, cell)) in columns.iter().zip(cells).enumerate() {
            let last = n + 1 == columns.len();
            let cell: String = cell.chars().take(*width).collect();
            text += &if last { cell } else { format!("{cell:<width$} ") };
        }
        text.chars().take(room).collect::<String>() + "\n"
    };
    let mut text = String::new();
    if columns.iter().any(|column| !column.heading.is_empty()) {
        text += &row(columns.iter().map(|column| column.heading.clone()).collect());
    }
    for process in proc.processes() {
        text += &row(columns.iter().map(|column| cell(column, &process)).collect());
    }
    util::done(proc.print(&text).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_short() {
        let times =
            [(0, " 0:00"), (3599, "59:59"), (3600, " 1h00"), (86399, "23h59"), (90000, " 1d01"), (8_640_000, " 100d")];
        for (seconds, text) in times {
            assert_eq!(short_time(seconds), text);
        }
        for (kib, text) in [(0, "0"), (9999, "9999"), (10_000, "9.7m"), (44_000, "42m"), (1_270_000, "1.2g")] {
            assert_eq!(short_size(kib), text);
        }
    }
}
