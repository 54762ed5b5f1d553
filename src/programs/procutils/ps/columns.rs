//! The columns that procps' ps knows: their headings, widths and values.

use std::time::Duration;

use crate::{
    os::{Proc, ProcInfo},
    programs::coreutils::Names,
    sim::SimTime,
};

/// How a cell stands in its column. What doesn't fit pushes the next one, which gives up blanks for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
    /// To the left, cut at the width; a number to the right.
    User,
    /// To the left, cut at the width unless it is the last one.
    Open,
}

use Align::{Left, Open, Right, User};

/// Width of a process id where there may be four million.
const PID: usize = 7;

/// Names, the first of which says what it shows; heading, width, place.
const COLUMNS: &[(&str, &str, usize, Align)] = &[
    ("pid tgid tid", "PID", PID, Right),
    ("lwp", "LWP", PID, Right),
    ("spid", "SPID", PID, Right),
    ("ppid", "PPID", PID, Right),
    ("pgid", "PGID", PID, Right),
    ("pgrp", "PGRP", PID, Right),
    ("sid", "SID", PID, Right),
    ("sess session", "SESS", PID, Right),
    ("tpgid", "TPGID", PID, Right),
    ("uid", "UID", 5, Right),
    ("euid", "EUID", 5, Right),
    ("ruid", "RUID", 5, Right),
    ("gid", "GID", 5, Right),
    ("egid", "EGID", 5, Right),
    ("rgid", "RGID", 5, Right),
    ("user uname", "USER", 8, User),
    ("uid_hack", "UID", 8, User),
    ("euser", "EUSER", 8, User),
    ("ruser", "RUSER", 8, User),
    ("group", "GROUP", 8, User),
    ("egroup", "EGROUP", 8, User),
    ("rgroup", "RGROUP", 8, User),
    ("args command", "COMMAND", 27, Open),
    ("cmd", "CMD", 27, Open),
    ("comm ucomm", "COMMAND", 15, Open),
    ("ucmd", "CMD", 15, Open),
    ("fname", "COMMAND", 8, Left),
    ("s state", "S", 1, Left),
    ("stat", "STAT", 4, Left),
    ("tname", "TTY", 8, Left),
    ("tty tt", "TT", 8, Left),
    ("time cputime", "TIME", 8, Right),
    ("times cputimes", "TIME", 8, Right),
    ("bsdtime", "TIME", 6, Right),
    ("etime", "ELAPSED", 11, Right),
    ("etimes", "ELAPSED", 7, Right),
    ("start_time", "START", 5, Right),
    ("stime", "STIME", 5, Right),
    ("start", "STARTED", 8, Right),
    ("bsdstart", "START", 6, Right),
    ("lstart", "STARTED", 24, Right),
    ("pcpu %cpu", "%CPU", 4, Right),
    ("c util", "C", 2, Right),
    ("cp", "CP", 3, Right),
    ("pmem %mem", "%MEM", 4, Right),
    ("vsz vsize", "VSZ", 6, Right),
    ("rss rssize", "RSS", 5, Right),
    ("rsz", "RSZ", 5, Right),
    ("sz", "SZ", 5, Right),
    ("size", "SIZE", 5, Right),
    ("drs", "DRS", 5, Right),
    ("trs", "TRS", 4, Right),
    ("m_trs", "TRS", 5, Right),
    ("maj_flt", "MAJFL", 6, Right),
    ("majflt", "MAJFLT", 6, Right),
    ("min_flt", "MINFL", 6, Right),
    ("minflt", "MINFLT", 6, Right),
    ("ni nice", "NI", 3, Right),
    ("pri", "PRI", 3, Right),
    ("priority", "PRI", 3, Right),
    ("opri intpri", "PRI", 3, Right),
    ("rtprio", "RTPRIO", 6, Right),
    ("cls", "CLS", 3, Right),
    ("class policy", "CLS", 3, Left),
    ("psr", "PSR", 3, Right),
    ("nlwp", "NLWP", 4, Right),
    ("thcount", "THCNT", 5, Right),
    ("f flags flag", "F", 1, Right),
    ("addr", "ADDR", 1, Left),
    ("wchan wname", "WCHAN", 6, Left),
    ("label", "LABEL", 31, Left),
    ("cgroup", "CGROUP", 27, Open),
];

/// A column that someone asked for.
#[derive(Clone)]
pub struct Column {
    /// The first of its names.
    name: &'static str,
    pub heading: String,
    pub width: usize,
    pub align: Align,
}

impl Column {
    /// The column of that name, with its usual heading and width.
    pub fn named(name: &str) -> Option<Column> {
        let (names, heading, width, align) =
            COLUMNS.iter().find(|(names, ..)| names.split(' ').any(|own| own == name))?;
        let name = names.split(' ').next().unwrap_or(names);
        Some(Column { name, heading: (*heading).to_owned(), width: *width, align: *align })
    }

    /// Whether it shows the command, which a forest indents.
    fn is_command(&self) -> bool {
        matches!(self.name, "args" | "cmd" | "comm" | "ucmd")
    }
}

/// What all cells need to know.
pub struct View<'a> {
    pub proc: &'a Proc,
    pub names: &'a Names,
    /// The bare name of the program in place of its arguments.
    pub bare: bool,
}

/// `[[DD-]hh:]mm:ss`
fn elapsed(seconds: u64) -> String {
    let (days, hours, rest) =
        (seconds / 86400, seconds / 3600 % 24, format!("{:02}:{:02}", seconds / 60 % 60, seconds % 60));
    match (days, hours) {
        (0, 0) => rest,
        (0, hours) => format!("{hours:02}:{rest}"),
        (days, hours) => format!("{days}-{hours:02}:{rest}"),
    }
}

/// `[DD-]hh:mm:ss`
fn clock(seconds: u64) -> String {
    let days = if seconds < 86400 { String::new() } else { format!("{}-", seconds / 86400) };
    format!("{days}{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// Thousandths as percents, as procps cuts them off.
fn percent(thousandths: u64) -> String {
    if thousandths > 999 {
        (thousandths / 10).to_string()
    } else {
        format!("{}.{}", thousandths / 10, thousandths % 10)
    }
}

impl View<'_> {
    fn now(&self) -> SimTime {
        self.proc.sim().now()
    }

    fn lived(&self, process: &ProcInfo) -> Duration {
        self.now().since(process.started)
    }

    /// Its part of one processor since it began, in thousandths.
    fn usage(&self, process: &ProcInfo) -> u64 {
        match self.lived(process).as_secs() {
            0 => 0,
            seconds => process.cpu.as_millis() as u64 / seconds,
        }
    }

    fn share(&self, process: &ProcInfo) -> u64 {
        (process.resident * 1000 / self.proc.machine().memory().max(1)).min(999)
    }

    fn started(&self, process: &ProcInfo, today: &str, recent: &str, else_: &str) -> String {
        let zoned = |time: jiff::Timestamp| time.to_zoned(jiff::tz::TimeZone::UTC);
        let (start, now) = (zoned(self.proc.sim().wall_at(process.started)), zoned(self.proc.sim().wall()));
        let format = match () {
            () if start.date() == now.date() => today,
            () if start.year() == now.year() => recent,
            () => else_,
        };
        start.strftime(format).to_string()
    }

    fn within_a_day(&self, process: &ProcInfo, young: &str, old: &str) -> String {
        let format = if self.lived(process) < Duration::from_secs(86400) { young } else { old };
        self.started(process, format, format, format)
    }

    /// What the column says of a process, without padding. `indent` stands before its command.
    pub fn cell(&self, column: &Column, process: &ProcInfo, indent: &str) -> String {
        let kib = |bytes: u64| (bytes >> 10).to_string();
        let seconds = process.cpu.as_secs();
        let text = match column.name {
            "pid" | "lwp" | "spid" => process.pid.to_string(),
            "ppid" => process.ppid.to_string(),
            "pgid" | "pgrp" => process.pgid.to_string(),
            "sid" | "sess" => process.sid.to_string(),
            "tpgid" if process.tty.is_none() => "-1".to_owned(),
            "tpgid" => process.foreground_group.to_string(),
            "uid" | "euid" | "ruid" => process.uid.to_string(),
            "gid" | "egid" | "rgid" => process.gid.to_string(),
            "user" | "uid_hack" | "euser" | "ruser" => self.names.user(process.uid),
            "group" | "egroup" | "rgroup" => self.names.group(process.gid),
            "args" | "cmd" if !self.bare => command(process),
            "args" | "cmd" | "comm" | "ucmd" => {
                let defunct = if process.state == 'Z' { " <defunct>" } else { "" };
                format!("{}{defunct}", process.comm)
            }
            "fname" => process.comm.chars().take(8).collect(),
            "s" => process.state.to_string(),
            "stat" => state(process),
            "tname" | "tty" => process.tty.clone().unwrap_or_else(|| "?".to_owned()),
            "time" => clock(seconds),
            "times" => seconds.to_string(),
            "bsdtime" => format!("{}:{:02}", seconds / 60, seconds % 60),
            "etime" => elapsed(self.lived(process).as_secs()),
            "etimes" => self.lived(process).as_secs().to_string(),
            "start_time" | "stime" => self.started(process, "%H:%M", "%b%d", "%Y"),
            "start" => self.within_a_day(process, "%H:%M:%S", "  %b %d"),
            "bsdstart" => self.within_a_day(process, "%H:%M", "%b %d"),
            "lstart" => self.started(process, "%a %b %e %H:%M:%S %Y", "%a %b %e %H:%M:%S %Y", "%a %b %e %H:%M:%S %Y"),
            "pcpu" => percent(self.usage(process)),
            "c" => (self.usage(process) / 10).min(99).to_string(),
            "cp" => self.usage(process).to_string(),
            "pmem" => percent(self.share(process)),
            "vsz" => kib(process.size),
            "rss" | "rsz" => kib(process.resident),
            "sz" => (process.size >> 12).to_string(),
            "size" => kib(process.size.saturating_sub(process.shared)),
            "drs" => kib(process.size),
            "trs" | "m_trs" | "maj_flt" | "majflt" | "min_flt" | "minflt" | "ni" | "psr" => "0".to_owned(),
            "pri" => "19".to_owned(),
            "priority" => "20".to_owned(),
            "opri" => "80".to_owned(),
            "cls" | "class" => "TS".to_owned(),
            "nlwp" | "thcount" => "1".to_owned(),
            // Whether it used root's privileges.
            "f" => if process.uid == 0 { "4" } else { "0" }.to_owned(),
            "cgroup" => format!("0::{}", process.cgroup.path_seen_by(self.proc.cgroup())),
            _ => "-".to_owned(),
        };
        if column.is_command() { format!("{indent}{text}") } else { text }
    }
}

/// The arguments, or the name in brackets where there are none.
pub fn command(process: &ProcInfo) -> String {
    match (process.state, process.args.is_empty()) {
        ('Z', _) => format!("[{}] <defunct>", process.comm),
        (_, true) => format!("[{}]", process.comm),
        _ => process.args.join(" "),
    }
}

/// `Ss+`: the state, whether it leads a session, whether its group has the terminal.
fn state(process: &ProcInfo) -> String {
    let leader = if process.leads_session { "s" } else { "" };
    let foreground = if process.tty.is_some() && process.foreground_group == process.pgid { "+" } else { "" };
    format!("{}{leader}{foreground}", process.state)
}

/// Cells side by side, or headings, which aren't cut to the columns' widths.
pub fn line(columns: &[Column], cells: &[String], heading: bool, room: Option<usize>) -> String {
    let mut text = String::new();
    // Where it is, and where it should be.
    let (mut actual, mut correct) = (0, 0);
    for (n, (column, cell)) in columns.iter().zip(cells).enumerate() {
        let last = n + 1 == columns.len();
        let length = cell.chars().count();
        let number = column.align == User && cell.starts_with(|c: char| c.is_ascii_digit());
        let cell = match column.align {
            _ if heading => cell.clone(),
            Open if !last => cell.chars().take(column.width).collect(),
            User if length > column.width => cell.chars().take(column.width - 1).chain(['+']).collect(),
            _ => cell.clone(),
        };
        let length = cell.chars().count();
        let pad = if column.align == Right || number { column.width.saturating_sub(length) } else { 0 };
        let blanks = (correct + pad).saturating_sub(actual).max(usize::from(n > 0));
        text.push_str(&" ".repeat(blanks));
        text.push_str(&cell);
        actual += blanks + length;
        correct += column.width + 1;
    }
    match room {
        Some(room) => text.chars().take(room).collect(),
        None => text,
    }
}
