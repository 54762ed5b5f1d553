//! ss (iproute2) and netstat (net-tools, busybox): who listens where, who talks to whom.

use std::net::{IpAddr, SocketAddr};

use crate::{
    os::{Proc, net::SocketInfo},
    programs::{
        Context, Flavour,
        util::{self, Arg, Args},
    },
};

#[derive(Default)]
struct Wanted {
    listening: bool,
    all: bool,
    numeric: bool,
    processes: bool,
    tcp: bool,
    udp: bool,
    unix: bool,
    routes: bool,
    summary: bool,
    no_header: bool,
    v4: bool,
    v6: bool,
}

impl Wanted {
    fn takes(&self, socket: &SocketInfo) -> bool {
        let listens = socket.peer.is_none();
        let family = if self.v4 != self.v6 { self.v4 == socket.local.is_ipv4() } else { true };
        family && (self.all || listens == self.listening) && (self.tcp || !self.udp)
    }
}

/// (pid as seen from here, name) of a socket's owner, if it can be seen.
fn owner(proc: &Proc, socket: &SocketInfo) -> Option<(u32, String)> {
    let seen = proc.processes().into_iter().find(|p| p.host_pid == socket.host_pid)?;
    (proc.uid() == 0 || proc.uid() == seen.uid).then_some((seen.pid, seen.comm))
}

pub async fn ss(proc: Proc) -> i32 {
    let mut wanted = Wanted::default();
    let mut args = Args::of(&proc, Flavour::Gnu);
    loop {
        match args.next() {
            Err(error) => return util::usage(&proc, error, 255).await,
            Ok(None) => break,
            Ok(Some(Arg::Value(_))) => {}
            Ok(Some(Arg::Short(c))) => match c {
                'l' => wanted.listening = true,
                'a' => wanted.all = true,
                'n' | 'r' | 'e' | 'o' | 'm' | 'i' => wanted.numeric |= c == 'n',
                'p' => wanted.processes = true,
                't' => wanted.tcp = true,
                'u' => wanted.udp = true,
                'x' => wanted.unix = true,
                's' => wanted.summary = true,
                'H' => wanted.no_header = true,
                '4' => wanted.v4 = true,
                '6' => wanted.v6 = true,
                _ => return util::usage(&proc, args.unknown(), 255).await,
            },
            Ok(Some(Arg::Long(name))) => match name.as_str() {
                "listening" => wanted.listening = true,
                "all" => wanted.all = true,
                "numeric" => wanted.numeric = true,
                "processes" => wanted.processes = true,
                "tcp" => wanted.tcp = true,
                "udp" => wanted.udp = true,
                "summary" => wanted.summary = true,
                "no-header" => wanted.no_header = true,
                "ipv4" => wanted.v4 = true,
                "ipv6" => wanted.v6 = true,
                _ => return util::usage(&proc, args.unknown(), 255).await,
            },
        }
    }
    let sockets = proc.net().sockets();
    if wanted.summary {
        let open = sockets.iter().filter(|s| s.peer.is_some()).count();
        let (all, v6) = (sockets.len(), sockets.iter().filter(|s| s.local.is_ipv6()).count());
        let v4 = all - v6;
        let row = |name: &str, n: usize, v4: usize, v6: usize| format!("{name:<10}{n:<10}{v4:<10}{v6:<10}\n");
        let text = format!(
            "Total: {all}\nTCP:   {all} (estab {open}, closed 0, orphaned 0, timewait 0)\n\nTransport Total     IP        \
             IPv6\n{}{}{}{}{}\n",
            row("RAW", 0, 0, 0),
            row("UDP", 0, 0, 0),
            row("TCP", all, v4, v6),
            row("INET", all, v4, v6),
            row("FRAG", 0, 0, 0),
        );
        return util::done(proc.print(&text).await);
    }
    let netid = wanted.tcp == wanted.udp && !wanted.tcp;
    if !wanted.tcp && !wanted.udp && !wanted.unix {
        wanted.tcp = true;
    }
    let rows: Vec<Row> = sockets.iter().filter(|s| wanted.takes(s)).map(|s| Row::of(&proc, s, &wanted)).collect();
    util::done(proc.print(&table(&rows, netid, !wanted.no_header)).await)
}

struct Row {
    state: String,
    queue: String,
    local: (String, String),
    peer: (String, String),
    process: String,
}

impl Row {
    fn of(proc: &Proc, socket: &SocketInfo, wanted: &Wanted) -> Row {
        let port = |port: u16| {
            let name = if wanted.numeric { None } else { service(port) };
            name.map_or_else(|| port.to_string(), str::to_owned)
        };
        let any = if socket.local.is_ipv6() { "*" } else { "0.0.0.0" };
        let process = match owner(proc, socket) {
            Some((pid, name)) if wanted.processes => format!("users:((\"{name}\",pid={pid},fd=3))"),
            _ => String::new(),
        };
        Row {
            state: socket.state.into(),
            queue: if socket.peer.is_none() { "511" } else { "0" }.into(),
            local: (bracketed(socket.local.ip()), port(socket.local.port())),
            peer: socket.peer.map_or((any.into(), "*".into()), |p| (bracketed(p.ip()), port(p.port()))),
            process,
        }
    }
}

/// As ss shows addresses: `*` takes every address of both families.
fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V6(ip) if ip.is_unspecified() => "*".into(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    }
}

fn table(rows: &[Row], netid: bool, header: bool) -> String {
    let width = |head: &str, of: fn(&Row) -> &str| rows.iter().map(|r| of(r).len()).max().unwrap_or(0).max(head.len());
    let state = width("State", |r| &r.state);
    let local = width("Local Address", |r| &r.local.0);
    let local_port = width("Port", |r| &r.local.1);
    let peer = width("Peer Address", |r| &r.peer.0);
    let peer_port = width("Port", |r| &r.peer.1);
    let mut text = String::new();
    if header {
        if netid {
            text.push_str("Netid ");
        }
        text.push_str(&format!(
            "{:state$} Recv-Q Send-Q {:>local$}:{:local_port$} {:>peer$}:{:peer_port$}Process\n",
            "State", "Local Address", "Port", "Peer Address", "Port"
        ));
    }
    for row in rows {
        if netid {
            text.push_str("tcp   ");
        }
        let process = if row.process.is_empty() { " ".repeat(7) } else { format!(" {}", row.process) };
        text.push_str(&format!(
            "{:state$} {:6} {:6} {:>local$}:{:local_port$} {:>peer$}:{:peer_port$}{process}\n",
            row.state, "0", row.queue, row.local.0, row.local.1, row.peer.0, row.peer.1
        ));
    }
    text
}

/// The name of a port in /etc/services.
pub fn service(port: u16) -> Option<&'static str> {
    Some(match port {
        22 => "ssh",
        25 => "smtp",
        53 => "domain",
        80 => "http",
        443 => "https",
        3306 => "mysql",
        5432 => "postgresql",
        6379 => "redis",
        8080 => "http-alt",
        _ => return None,
    })
}

pub async fn netstat(proc: Proc, ctx: Context) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let mut wanted = Wanted::default();
    let mut args = Args::of(&proc, ctx.flavour);
    loop {
        let arg = match args.next() {
            Err(error) => return util::usage(&proc, error, if busybox { 1 } else { 4 }).await,
            Ok(None) => break,
            Ok(Some(arg)) => arg,
        };
        match arg {
            Arg::Short('l') => wanted.listening = true,
            Arg::Short('a') => wanted.all = true,
            Arg::Short('n') => wanted.numeric = true,
            Arg::Short('p') => wanted.processes = true,
            Arg::Short('t') => wanted.tcp = true,
            Arg::Short('u') => wanted.udp = true,
            Arg::Short('x') => wanted.unix = true,
            Arg::Short('r') => wanted.routes = true,
            Arg::Short('4') => wanted.v4 = true,
            Arg::Short('6') => wanted.v6 = true,
            Arg::Short('w' | 'e' | 'W') | Arg::Value(_) => {}
            Arg::Long(name) => match name.as_str() {
                "listening" => wanted.listening = true,
                "all" => wanted.all = true,
                "numeric" => wanted.numeric = true,
                "program" | "programs" => wanted.processes = true,
                "tcp" => wanted.tcp = true,
                "udp" => wanted.udp = true,
                "route" => wanted.routes = true,
                _ => return util::usage(&proc, args.unknown(), 4).await,
            },
            Arg::Short(_) => return util::usage(&proc, args.unknown(), if busybox { 1 } else { 4 }).await,
        }
    }
    if wanted.routes {
        return util::done(proc.print(&super::ip::routing_table(proc.net())).await);
    }
    let internet_only = wanted.tcp || wanted.udp;
    if !internet_only && !wanted.unix {
        wanted.tcp = true;
    }
    let scope = match (wanted.all, wanted.listening) {
        (true, _) => "servers and established",
        (_, true) => "only servers",
        _ => "w/o servers",
    };
    let mut text = format!("Active Internet connections ({scope})\n");
    text.push_str("Proto Recv-Q Send-Q Local Address           Foreign Address         State       ");
    if wanted.processes {
        text.push_str("PID/Program name    ");
    }
    let end = |line: &mut String| {
        if !busybox && !wanted.processes {
            line.truncate(line.trim_end_matches(' ').len().max(line.len() - 1));
        }
        line.push('\n');
    };
    end(&mut text);
    for socket in proc.net().sockets().iter().filter(|s| wanted.takes(s)) {
        let kind = if socket.local.is_ipv6() && !busybox { "tcp6" } else { "tcp" };
        let any = if socket.local.is_ipv6() { "::" } else { "0.0.0.0" };
        let show = |a: SocketAddr| {
            let ip = if busybox { a.ip() } else { a.ip().to_canonical() };
            let name = if wanted.numeric { None } else { service(a.port()) };
            format!("{ip}:{}", name.map_or_else(|| a.port().to_string(), str::to_owned))
        };
        let peer = socket.peer.map_or_else(|| format!("{any}:*"), show);
        let state = match socket.state {
            "ESTAB" => "ESTABLISHED".to_owned(),
            "FIN-WAIT-2" => "FIN_WAIT2".to_owned(),
            other => other.replace('-', "_"),
        };
        let mut line = format!("{kind:<5} {:>6} {:>6} {:<23} {peer:<23} {state:<12}", 0, 0, show(socket.local));
        if wanted.processes {
            let shown = owner(&proc, socket).map_or_else(|| "-".to_owned(), |(pid, name)| format!("{pid}/{name}"));
            line.push_str(&format!("{shown:<20}"));
        }
        end(&mut line);
        text.push_str(&line);
    }
    if !internet_only {
        text.push_str(&format!("Active UNIX domain sockets ({scope})\n"));
        text.push_str("Proto RefCnt Flags       Type       State         I-Node   Path\n");
    }
    util::done(proc.print(&text).await)
}
