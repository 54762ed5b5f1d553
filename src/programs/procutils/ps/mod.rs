//! ps, as procps has it (its SysV, BSD and long options) and as busybox has it.

mod busybox;
mod columns;

pub use busybox::{command as busybox_command, state as busybox_state};
pub use columns::command;

use columns::{Column, View};

use crate::{
    os::{Proc, ProcInfo},
    programs::{Context, Flavour, coreutils::Names, util},
};

/// What the arguments ask for.
#[derive(Default)]
struct Request {
    /// BSD's defaults rather than SysV's.
    bsd: bool,
    /// -e, -A, or BSD's a and x together.
    all: bool,
    /// -a: all on terminals but session leaders.
    unix_a: bool,
    /// -d: all but session leaders.
    unix_d: bool,
    bsd_a: bool,
    bsd_x: bool,
    running: bool,
    negate: bool,
    lists: Vec<List>,
    /// Of formats: letters of SysV (`f`, `F`, `l`, `j`) and of BSD.
    sysv: String,
    own: String,
    columns: Vec<Column>,
    /// (column, descending)
    sort: Vec<(Column, bool)>,
    forest: Option<Forest>,
    no_headings: bool,
    bare: bool,
    wide: u32,
    room: Option<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Forest {
    /// -H: blanks.
    Indented,
    /// f, --forest: ` \_ `.
    Drawn,
}

/// Processes by a property; one list that has it is enough.
enum List {
    Pids(Vec<u32>),
    Parents(Vec<u32>),
    Sessions(Vec<u32>),
    Users(Vec<u32>),
    Groups(Vec<u32>),
    Commands(Vec<String>),
    Terminals(Vec<String>),
}

impl List {
    fn has(&self, process: &ProcInfo) -> bool {
        match self {
            List::Pids(list) => list.contains(&process.pid),
            List::Parents(list) => list.contains(&process.ppid),
            List::Sessions(list) => list.contains(&process.sid),
            List::Users(list) => list.contains(&process.uid),
            List::Groups(list) => list.contains(&process.gid),
            List::Commands(list) => list.iter().any(|name| name.chars().take(15).eq(process.comm.chars())),
            List::Terminals(list) => list.iter().any(|name| *name == process.tty.as_deref().unwrap_or("?")),
        }
    }
}

const HELP: &str = "\nUsage:\n ps [options]\n\n Try 'ps --help <simple|list|output|threads|misc|all>'\n  or 'ps --help <s|l|o|t|m|a>'\n for \
                    additional help text.\n\nFor more details see ps(1).\n";

fn items(text: &str) -> Result<Vec<&str>, String> {
    let items: Vec<&str> = text.split([',', ' ', '\t']).collect();
    if items.iter().any(|item| item.is_empty()) { Err("improper list".to_owned()) } else { Ok(items) }
}

fn pids(text: &str) -> Result<Vec<u32>, String> {
    let pid = |item: &&str| match item.parse::<i64>() {
        Ok(pid @ 1..=0x7fff_ffff) => Ok(pid as u32),
        Ok(_) => Err("process ID out of range".to_owned()),
        Err(_) => Err("process ID list syntax error".to_owned()),
    };
    items(text)?.iter().map(pid).collect()
}

/// `pid,comm=NAME,args:40`
fn format(text: &str) -> Result<Vec<Column>, String> {
    let mut columns = Vec::new();
    let text = text.trim_end_matches(',');
    for item in text.split([',', ' ', '\t', '\n']).filter(|item| !item.is_empty()) {
        let (name, heading) = match item.split_once('=') {
            Some((name, heading)) => (name, Some(heading)),
            None => (item, None),
        };
        let (name, width) = match name.split_once(':') {
            Some((name, width)) => (name, Some(width)),
            None => (name, None),
        };
        let mut column =
            Column::named(name).ok_or_else(|| format!("unknown user-defined format specifier \"{name}\""))?;
        if let Some(width) = width {
            let width = width.parse::<usize>().ok().filter(|width| (1..=1000).contains(width));
            column.width = width.ok_or("column widths must be unsigned decimal numbers")?;
        }
        if let Some(heading) = heading {
            column.heading = heading.to_owned();
        }
        column.width = column.width.max(column.heading.chars().count().min(if heading.is_some() { 1000 } else { 0 }));
        columns.push(column);
    }
    Ok(columns)
}

fn sort_keys(text: &str) -> Result<Vec<(Column, bool)>, String> {
    let key = |item: &&str| {
        let name = item.trim_start_matches(['+', '-']);
        let column = Column::named(name).ok_or("unknown sort specifier")?;
        Ok((column, item.starts_with('-')))
    };
    items(text)?.iter().map(key).collect()
}

impl Request {
    fn users(names: &Names, text: &str) -> Result<Vec<u32>, String> {
        items(text)?.iter().map(|name| names.uid(name).ok_or_else(|| "user name does not exist".to_owned())).collect()
    }

    fn groups(names: &Names, text: &str) -> Result<Vec<u32>, String> {
        items(text)?.iter().map(|name| names.gid(name).ok_or_else(|| "group name does not exist".to_owned())).collect()
    }

    fn terminals(text: &str) -> Result<Vec<String>, String> {
        Ok(items(text)?.iter().map(|name| name.trim_start_matches("/dev/").trim_matches('-').to_owned()).collect())
    }

    /// All arguments; `bsd` takes `-aux` for `aux`.
    fn parse(args: &[String], names: &Names, bsd: bool) -> Result<Request, String> {
        let mut request = Request { bsd, ..Request::default() };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if let Some(long) = arg.strip_prefix("--").filter(|long| !long.is_empty()) {
                request.long(long, &mut rest, names)?;
            } else if let Some(letters) = arg.strip_prefix('-').filter(|_| !bsd) {
                request.sysv(letters, &mut rest, names)?;
            } else if arg.starts_with(|c: char| c.is_ascii_digit()) {
                request.bsd = true;
                let pid = arg.parse().map_err(|_| "process ID list syntax error")?;
                request.lists.push(List::Pids(vec![pid]));
            } else {
                request.bsd(arg.trim_start_matches('-'), &mut rest, names)?;
            }
        }
        request.all |= request.bsd_a && request.bsd_x;
        let formats = [!request.sysv.is_empty(), !request.own.is_empty(), !request.columns.is_empty()];
        if formats.iter().filter(|given| **given).count() > 1 {
            return Err("conflicting format options".to_owned());
        }
        Ok(request)
    }

    fn long(&mut self, long: &str, rest: &mut std::slice::Iter<String>, names: &Names) -> Result<(), String> {
        let (name, attached) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (long, None),
        };
        let mut value = |what: &str| {
            let given = attached.clone().or_else(|| rest.next().cloned()).filter(|value| !value.is_empty());
            given.ok_or_else(|| format!("{what} must follow --{name}"))
        };
        match name {
            "pid" | "quick-pid" => self.lists.push(List::Pids(pids(&value("list of process IDs")?)?)),
            "ppid" => self.lists.push(List::Parents(pids(&value("list of process IDs")?)?)),
            "sid" => self.lists.push(List::Sessions(pids(&value("some sid thing(s)")?)?)),
            "user" => self.lists.push(List::Users(Request::users(names, &value("list of effective users")?)?)),
            "User" => self.lists.push(List::Users(Request::users(names, &value("list of real users")?)?)),
            "group" => self.lists.push(List::Groups(Request::groups(names, &value("list of effective groups")?)?)),
            "Group" => self.lists.push(List::Groups(Request::groups(names, &value("list of real groups")?)?)),
            "tty" => self.lists.push(List::Terminals(Request::terminals(&value("list of terminals")?)?)),
            "format" => self.columns.extend(format(&value("format specification")?)?),
            "sort" => self.sort.extend(sort_keys(&value("long sort specification")?)?),
            "deselect" => self.negate = true,
            "forest" => self.forest = Some(Forest::Drawn),
            "no-headers" | "no-headings" | "no-header" | "no-heading" | "noheaders" | "noheadings" | "noheader"
            | "noheading" => self.no_headings = true,
            "headers" | "headings" | "header" | "heading" => {}
            "cols" | "columns" | "width" => {
                let number = value("").ok().and_then(|value| value.parse().ok()).filter(|columns| *columns > 0);
                self.room = Some(number.ok_or("number of columns must follow --cols, --width, or --columns")?);
            }
            "rows" | "lines" => {
                value("number of rows")?;
            }
            _ => return Err("unknown gnu long option".to_owned()),
        }
        Ok(())
    }

    fn sysv(&mut self, letters: &str, rest: &mut std::slice::Iter<String>, names: &Names) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let after = &letters[at + letter.len_utf8()..];
            let mut value = |what: &str| {
                let given = if after.is_empty() { rest.next().map(String::as_str) } else { Some(after) };
                given
                    .filter(|value| !value.is_empty())
                    .map(str::to_owned)
                    .ok_or(format!("{what} must follow -{letter}"))
            };
            match letter {
                'e' | 'A' => self.all = true,
                'a' => self.unix_a = true,
                'd' => self.unix_d = true,
                'f' | 'F' | 'l' | 'j' => self.sysv.push(letter),
                'H' => self.forest = Some(Forest::Indented),
                'N' => self.negate = true,
                'w' => self.wide += 1,
                'c' | 'L' | 'T' | 'm' | 'P' | 'y' | 'M' | 'Z' => {}
                _ => {
                    match letter {
                        'o' => self.columns.extend(format(&value("format specification")?)?),
                        'O' => {
                            let list =
                                format!("pid,{},state,tname,time,command", value("format or sort specification")?);
                            self.columns.extend(format(&list)?);
                        }
                        'p' => self.lists.push(List::Pids(pids(&value("list of process IDs")?)?)),
                        'q' => {
                            let list = value("list").map_err(|_| "List of process IDs must follow -q.")?;
                            self.lists.push(List::Pids(pids(&list)?));
                        }
                        's' => self.lists.push(List::Sessions(pids(&value("list of session IDs")?)?)),
                        'C' => {
                            let list = value("list of command names")?;
                            self.lists.push(List::Commands(items(&list)?.into_iter().map(str::to_owned).collect()));
                        }
                        'u' => self.lists.push(List::Users(Request::users(names, &value("list of users")?)?)),
                        'U' => self.lists.push(List::Users(Request::users(names, &value("list of real users")?)?)),
                        'G' => self.lists.push(List::Groups(Request::groups(names, &value("list of real groups")?)?)),
                        'g' => {
                            let list = value("list of session leaders OR effective group IDs")?;
                            self.lists.push(match pids(&list) {
                                Ok(list) => List::Sessions(list),
                                Err(_) => List::Groups(Request::groups(names, &list)?),
                            });
                        }
                        't' => self.lists.push(List::Terminals(Request::terminals(&value("list of terminals")?)?)),
                        _ => return Err("unsupported SysV option".to_owned()),
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn bsd(&mut self, letters: &str, rest: &mut std::slice::Iter<String>, names: &Names) -> Result<(), String> {
        self.bsd = true;
        for (at, letter) in letters.char_indices() {
            let after = &letters[at + letter.len_utf8()..];
            let mut value = |what: &str| {
                let given = if after.is_empty() { rest.next().map(String::as_str) } else { Some(after) };
                given.filter(|value| !value.is_empty()).map(str::to_owned).ok_or(format!("{what} must follow {letter}"))
            };
            match letter {
                'a' => self.bsd_a = true,
                'x' => self.bsd_x = true,
                'u' | 'l' | 'j' | 'v' => self.own.push(letter),
                'f' => self.forest = Some(Forest::Drawn),
                'r' => self.running = true,
                'c' => self.bare = true,
                'h' => self.no_headings = true,
                'w' => self.wide += 1,
                'e' | 'n' | 'S' | 'g' | 'H' | 'm' => {}
                'T' => self.lists.push(List::Terminals(vec![String::new()])),
                _ => {
                    match letter {
                        'o' => self.columns.extend(format(&value("format specification")?)?),
                        'O' => {
                            let list =
                                format!("pid,{},state,tname,time,command", value("format or sort specification")?);
                            self.columns.extend(format(&list)?);
                        }
                        'p' => self.lists.push(List::Pids(pids(&value("list of process IDs")?)?)),
                        'q' => self.lists.push(List::Pids(pids(&value("list of process IDs")?)?)),
                        'k' => {
                            let keys = value("").map_err(|_| "long sort specification must follow 'k'")?;
                            self.sort.extend(sort_keys(&keys)?);
                        }
                        'U' => self.lists.push(List::Users(Request::users(names, &value("list of users")?)?)),
                        't' if after.is_empty() => self.lists.push(List::Terminals(vec![String::new()])),
                        't' => self.lists.push(List::Terminals(Request::terminals(after)?)),
                        _ => return Err("unsupported option (BSD syntax)".to_owned()),
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The columns of the format that the letters name.
    fn shown(&self) -> Vec<Column> {
        let has = |letter: char| self.sysv.contains(letter);
        let list = match () {
            () if !self.columns.is_empty() => return self.columns.clone(),
            () if self.own.contains('u') => "user,pid,%cpu,%mem,vsz,rss,tname,stat,start_time,bsdtime,args",
            () if self.own.contains('l') => "f,uid,pid,ppid,priority,ni,vsz,rss,wchan,stat,tname,bsdtime,args",
            () if self.own.contains('j') => "ppid,pid,pgid,sid,tname,tpgid,stat,uid,bsdtime,args",
            () if self.own.contains('v') => "pid,tname,stat,bsdtime,maj_flt,m_trs,drs,rss,%mem,args",
            () if has('l') && (has('f') || has('F')) => {
                "f,s,uid_hack,pid,ppid,c,opri,ni,addr,sz,wchan,stime,tname,time,cmd"
            }
            () if has('l') => "f,s,uid,pid,ppid,c,opri,ni,addr,sz,wchan,tname,time,ucmd",
            () if has('j') && has('f') => "uid_hack,pid,ppid,pgid,sid,c,stime,tname,time,cmd",
            () if has('j') => "pid,pgid,sid,tname,time,ucmd",
            () if has('F') => "uid_hack,pid,ppid,c,sz,rss,psr,stime,tname,time,cmd",
            () if has('f') => "uid_hack,pid,ppid,c,stime,tname,time,cmd",
            () if self.bsd => "pid,tname,stat,bsdtime,args",
            () => "pid,tname,time,ucmd",
        };
        list.split(',').filter_map(Column::named).collect()
    }

    fn takes(&self, process: &ProcInfo, me: &ProcInfo) -> bool {
        let simple = self.unix_a || self.unix_d || self.bsd_a || self.bsd_x;
        let by_table = || match () {
            () if self.bsd_a => process.tty.is_some(),
            () if self.bsd_x => process.uid == me.uid,
            () if self.unix_d => !process.leads_session,
            () if self.unix_a => !process.leads_session && process.tty.is_some(),
            () if self.bsd => process.uid == me.uid && process.tty.is_some(),
            () => process.uid == me.uid && process.tty == me.tty,
        };
        let listed = || {
            self.lists.iter().any(|list| match list {
                List::Terminals(names) if names.iter().any(String::is_empty) => process.tty == me.tty,
                list => list.has(process),
            })
        };
        let chosen = self.all || (simple || self.lists.is_empty()) && by_table() || listed();
        (chosen && (!self.running || process.state == 'R')) != self.negate
    }
}

/// The processes as trees: each with what stands before its command.
fn trees(processes: Vec<ProcInfo>, forest: Forest) -> Vec<(ProcInfo, String)> {
    let is_root =
        |process: &ProcInfo| process.ppid == process.pid || !processes.iter().any(|other| other.pid == process.ppid);
    // What is to come, the next at the end: a process, what stands before it, and before its children.
    let mut open: Vec<(&ProcInfo, String, String)> =
        processes.iter().rev().filter(|root| is_root(root)).map(|root| (root, String::new(), String::new())).collect();
    let mut rows = Vec::new();
    while let Some((process, own, lead)) = open.pop() {
        let children = processes.iter().rev().filter(|child| child.ppid == process.pid && child.pid != process.pid);
        for (at, child) in children.enumerate() {
            let (own, next) = match forest {
                Forest::Indented => ("  ", "  "),
                Forest::Drawn => (" \\_ ", if at == 0 { "    " } else { " |  " }),
            };
            open.push((child, format!("{lead}{own}"), format!("{lead}{next}")));
        }
        rows.push((process.clone(), own));
    }
    rows
}

pub async fn ps(proc: Proc, ctx: Context) -> i32 {
    if ctx.flavour == Flavour::Busybox {
        return busybox::ps(proc, ctx).await;
    }
    let argv = proc.argv();
    let args = &argv[1..];
    match args.first().map(String::as_str) {
        Some("--help") => return util::done(proc.print(HELP).await),
        Some("-V" | "V" | "--version") if args.len() == 1 => {
            return util::done(proc.print("ps from procps-ng 4.0.2\n").await);
        }
        _ => {}
    }
    let names = Names::load(&proc).await;
    let parsed =
        Request::parse(args, &names, false).or_else(|error| Request::parse(args, &names, true).map_err(|_| error));
    let request = match parsed {
        Ok(request) => request,
        Err(error) => return util::fail(&proc, 1, format!("error: {error}\n{HELP}").trim_end_matches('\n')).await,
    };
    let mut processes = proc.processes();
    let Some(me) = processes.iter().find(|process| process.pid == proc.pid()).cloned() else { return 1 };
    processes.retain(|process| request.takes(process, &me));
    let found = !processes.is_empty();
    let view = View { proc: &proc, names: &names, bare: request.bare };
    for (column, descending) in request.sort.iter().rev() {
        let value = |process: &ProcInfo| {
            let text = view.cell(column, process, "");
            let number = text.parse::<f64>().unwrap_or(0.0);
            (number, text)
        };
        processes.sort_by(|a, b| {
            let (a, b) = (value(a), value(b));
            let order = a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1));
            if *descending { order.reverse() } else { order }
        });
    }
    let rows = match request.forest {
        Some(forest) => trees(processes, forest),
        None => processes.into_iter().map(|process| (process, String::new())).collect(),
    };
    let terminal = proc.stdout().tty().map(|tty| usize::from(tty.size().0).max(1));
    let said = proc.environ().get("COLUMNS").and_then(|columns| columns.parse::<usize>().ok()).filter(|n| *n > 0);
    let room = match request.wide {
        0 => request.room.or(terminal).or(said),
        1 => request.room.or(terminal).or(said).map(|room| room.max(132)),
        _ => None,
    };
    let columns = request.shown();
    let mut text = String::new();
    if !request.no_headings && columns.iter().any(|column| !column.heading.is_empty()) {
        let headings: Vec<String> = columns.iter().map(|column| column.heading.clone()).collect();
        text += &(columns::line(&columns, &headings, true, room) + "\n");
    }
    for (process, indent) in &rows {
        let cells: Vec<String> = columns.iter().map(|column| view.cell(column, process, indent)).collect();
        text += &(columns::line(&columns, &cells, false, room) + "\n");
    }
    util::done(proc.print(&text).await).max(i32::from(!found))
}
