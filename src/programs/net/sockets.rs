//! ss (iproute2) and netstat (net-tools, busybox): who listens where, who talks to whom.

use std::net::{IpAddr, SocketAddr};

use super::{filter, ip, resolve};
use crate::{
    os::{Proc, ProcInfo, net::SocketInfo},
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
    raw: bool,
    routes: bool,
    interfaces: bool,
    summary: bool,
    no_header: bool,
    v4: bool,
    v6: bool,
}

impl Wanted {
    fn takes(&self, socket: &SocketInfo) -> bool {
        let listens = socket.peer.is_none();
        let v4 = socket.local.is_ipv4() && !(socket.dual && socket.peer.is_some());
        let family = if self.v4 != self.v6 { self.v4 == v4 } else { true };
        family && (self.all || listens == self.listening)
    }

    /// The sockets of these kinds: (udp, socket).
    fn sockets(&self, proc: &Proc, udp_first: bool) -> Vec<(bool, SocketInfo)> {
        let tcp = if self.tcp { proc.net().sockets() } else { Vec::new() };
        let udp = if self.udp { proc.net().datagram_sockets() } else { Vec::new() };
        let tcp = tcp.into_iter().map(|socket| (false, socket));
        let udp = udp.into_iter().map(|socket| (true, socket));
        if udp_first { udp.chain(tcp).collect() } else { tcp.chain(udp).collect() }
    }
}

/// Names of owners, ports and addresses, as far as they can be seen from here.
struct Known {
    uid: u32,
    processes: Vec<ProcInfo>,
    /// Whether ports are shown by name: not if they shouldn't, or there is no /etc/services.
    services: bool,
    hosts: Vec<(IpAddr, Vec<String>)>,
}

impl Known {
    async fn of(proc: &Proc, numeric: bool, flavour: Flavour) -> Known {
        let services = !numeric && (flavour == Flavour::Busybox || proc.stat("/etc/services").is_ok());
        let hosts = if numeric { Vec::new() } else { resolve::hosts(proc).await };
        Known { uid: proc.uid(), processes: proc.processes(), services, hosts }
    }

    /// (pid as seen from here, name) of a socket's owner.
    fn owner(&self, socket: &SocketInfo) -> Option<(u32, &str)> {
        let seen = self.processes.iter().find(|p| p.host_pid == socket.host_pid)?;
        (self.uid == 0 || self.uid == seen.uid).then_some((seen.pid, seen.comm.as_str()))
    }

    fn port(&self, port: u16) -> String {
        let name = if self.services { service(port) } else { None };
        name.map_or_else(|| port.to_string(), str::to_owned)
    }

    fn host(&self, ip: IpAddr) -> Option<&String> {
        self.hosts.iter().find(|(own, _)| *own == ip && ip.is_loopback()).and_then(|(_, names)| names.first())
    }
}

const SS_USAGE: &str = "Usage: ss [ OPTIONS ]
       ss [ OPTIONS ] [ FILTER ]
   -h, --help          this message
   -V, --version       output version information
   -n, --numeric       don't resolve service names
   -r, --resolve       resolve host names
   -a, --all           display all sockets
   -l, --listening     display listening sockets
   -o, --options       show timer information
   -e, --extended      show detailed socket information
   -m, --memory        show socket memory usage
   -p, --processes     show process using socket
   -T, --threads       show thread using socket
   -i, --info          show internal TCP information
       --tipcinfo      show internal tipc socket information
   -s, --summary       show socket usage summary
       --tos           show tos and priority information
       --cgroup        show cgroup information
   -b, --bpf           show bpf filter socket information
   -E, --events        continually display sockets as they are destroyed
   -Z, --context       display task SELinux security contexts
   -z, --contexts      display task and socket SELinux security contexts
   -N, --net           switch to the specified network namespace name

   -4, --ipv4          display only IP version 4 sockets
   -6, --ipv6          display only IP version 6 sockets
   -0, --packet        display PACKET sockets
   -t, --tcp           display only TCP sockets
   -M, --mptcp         display only MPTCP sockets
   -S, --sctp          display only SCTP sockets
   -u, --udp           display only UDP sockets
   -d, --dccp          display only DCCP sockets
   -w, --raw           display only RAW sockets
   -x, --unix          display only Unix domain sockets
       --tipc          display only TIPC sockets
       --vsock         display only vsock sockets
       --xdp           display only XDP sockets
   -f, --family=FAMILY display sockets of type FAMILY
       FAMILY := {inet|inet6|link|unix|netlink|vsock|tipc|xdp|help}

   -K, --kill          forcibly close sockets, display what was closed
   -H, --no-header     Suppress header line
   -O, --oneline       socket's data printed on a single line
       --inet-sockopt  show various inet socket options

   -A, --query=QUERY, --socket=QUERY
       QUERY := {all|inet|tcp|mptcp|udp|raw|unix|unix_dgram|unix_stream|unix_seqpacket|packet|packet_raw|packet_dgram|netlink|dccp|sctp|vsock_stream|vsock_dgram|tipc|xdp}[,QUERY]

   -D, --diag=FILE     Dump raw information about TCP sockets to FILE
   -F, --filter=FILE   read filter information from FILE
       FILTER := [ state STATE-FILTER ] [ EXPRESSION ]
       STATE-FILTER := {all|connected|synchronized|bucket|big|TCP-STATES}
         TCP-STATES := {established|syn-sent|syn-recv|fin-wait-{1,2}|time-wait|closed|close-wait|last-ack|listening|closing}
          connected := {established|syn-sent|syn-recv|fin-wait-{1,2}|time-wait|close-wait|last-ack|closing}
       synchronized := {established|syn-recv|fin-wait-{1,2}|time-wait|close-wait|last-ack|closing}
             bucket := {syn-recv|time-wait}
                big := {established|syn-sent|fin-wait-{1,2}|closed|close-wait|last-ack|listening|closing}
";

/// What is wrong with an option, before a usage text.
fn first_line(error: &util::Usage) -> &str {
    error.0.lines().next().unwrap_or_default()
}

pub async fn ss(proc: Proc) -> i32 {
    let mut wanted = Wanted::default();
    let mut args = Args::of(&proc, Flavour::Gnu);
    let mut words = Vec::new();
    let wrong = loop {
        let letter = match args.next() {
            Err(error) => break error,
            Ok(None) => {
                let text = words.join(" ");
                return show(proc, wanted, &text).await;
            }
            Ok(Some(Arg::Value(word))) => {
                words.push(word);
                continue;
            }
            Ok(Some(Arg::Short(letter))) => letter,
            Ok(Some(Arg::Long(name))) => match name.as_str() {
                "listening" => 'l',
                "all" => 'a',
                "numeric" => 'n',
                "resolve" => 'r',
                "options" => 'o',
                "extended" => 'e',
                "memory" => 'm',
                "info" => 'i',
                "processes" => 'p',
                "tcp" => 't',
                "udp" => 'u',
                "unix" => 'x',
                "raw" => 'w',
                "summary" => 's',
                "no-header" => 'H',
                "oneline" => 'O',
                "ipv4" => '4',
                "ipv6" => '6',
                "family" => 'f',
                "query" | "socket" => 'A',
                "help" => 'h',
                "version" => 'V',
                _ => break args.unknown(),
            },
        };
        match letter {
            'l' => wanted.listening = true,
            'a' => wanted.all = true,
            'n' => wanted.numeric = true,
            'p' => wanted.processes = true,
            't' => wanted.tcp = true,
            'u' => wanted.udp = true,
            'x' => wanted.unix = true,
            'w' => wanted.raw = true,
            's' => wanted.summary = true,
            'H' => wanted.no_header = true,
            '4' => wanted.v4 = true,
            '6' => wanted.v6 = true,
            'r' | 'e' | 'o' | 'm' | 'i' | 'O' | 'T' => {}
            'f' => match args.value().as_deref() {
                Ok("inet") => wanted.v4 = true,
                Ok("inet6") => wanted.v6 = true,
                Ok(_) => wanted.unix = true,
                Err(error) => break error.clone(),
            },
            'A' => match args.value() {
                Ok(list) => {
                    for kind in list.split(',') {
                        let all = kind == "all" || kind == "inet";
                        wanted.tcp |= all || kind == "tcp";
                        wanted.udp |= all || kind == "udp";
                        wanted.unix |= kind.starts_with("unix");
                        wanted.raw |= kind == "raw";
                    }
                }
                Err(error) => break error,
            },
            'h' => return util::done(proc.print(SS_USAGE).await),
            'V' | 'v' => return util::done(proc.print("ss utility, iproute2-6.1.0\n").await),
            'z' | 'Z' => return util::fail(&proc, 1, "ss: SELinux is not enabled.").await,
            _ => break args.unknown(),
        }
    };
    util::fail(&proc, 255, &format!("{}\n{}", first_line(&wrong), SS_USAGE.trim_end())).await
}

async fn show(proc: Proc, mut wanted: Wanted, words: &str) -> i32 {
    let filter = match filter::parse(words) {
        Ok(filter) => filter,
        Err((code, text)) => return util::fail(&proc, code, &text).await,
    };
    if wanted.summary {
        return util::done(proc.print(&summary(&proc)).await);
    }
    let kinds = [wanted.tcp, wanted.udp, wanted.unix, wanted.raw].iter().filter(|kind| **kind).count();
    if kinds == 0 {
        (wanted.tcp, wanted.udp) = (true, true);
    }
    let known = Known::of(&proc, wanted.numeric, Flavour::Gnu).await;
    wanted.all |= filter.has_states();
    let sockets = wanted.sockets(&proc, true);
    let rows: Vec<Row> = sockets
        .iter()
        .filter(|(_, socket)| wanted.takes(socket) && filter.takes(socket))
        .map(|(udp, socket)| Row::of(*udp, socket, &wanted, &known))
        .collect();
    let table = Table { netid: kinds != 1, state: !filter.has_one_state(), header: !wanted.no_header };
    util::done(proc.print(&table.text(&rows)).await)
}

fn summary(proc: &Proc) -> String {
    let (tcp, udp) = (proc.net().sockets(), proc.net().datagram_sockets());
    let open = tcp.iter().filter(|s| s.state == "ESTAB").count();
    let split = |sockets: &[SocketInfo]| {
        let v6 = sockets.iter().filter(|s| s.local.is_ipv6() || s.dual).count();
        [sockets.len(), sockets.len() - v6, v6]
    };
    let (t, u) = (split(&tcp), split(&udp));
    let row = |name: &str, [n, v4, v6]: [usize; 3]| format!("{name}\t  {n:<9} {v4:<9} {v6:<9}\n");
    format!(
        "Total: {}\nTCP:   {} (estab {open}, closed 0, orphaned 0, timewait 0)\n\nTransport Total     IP        IPv6\n{}{}{}{}{}\n",
        t[0] + u[0],
        t[0],
        row("RAW", [0, 0, 0]),
        row("UDP", u),
        row("TCP", t),
        row("INET", [t[0] + u[0], t[1] + u[1], t[2] + u[2]]),
        row("FRAG", [0, 0, 0]),
    )
}

struct Row {
    kind: &'static str,
    state: String,
    queues: (usize, usize),
    local: (String, String),
    peer: (String, String),
    process: String,
}

impl Row {
    fn of(udp: bool, socket: &SocketInfo, wanted: &Wanted, known: &Known) -> Row {
        let any = match (socket.local.ip(), socket.dual) {
            (IpAddr::V6(_), true) => "*",
            (IpAddr::V6(_), false) => "[::]",
            _ => "0.0.0.0",
        };
        let address = |ip: IpAddr| match ip {
            IpAddr::V6(ip) if ip.is_unspecified() => any.to_owned(),
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) if socket.dual => format!("[::ffff:{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        let shown = |to: SocketAddr| (address(to.ip()), known.port(to.port()));
        let process = match known.owner(socket) {
            Some((pid, name)) if wanted.processes => format!("users:((\"{name}\",pid={pid},fd=3))"),
            _ => String::new(),
        };
        Row {
            kind: if udp { "udp" } else { "tcp" },
            state: socket.state.into(),
            queues: (socket.received, if udp { 0 } else { socket.backlog }),
            local: shown(socket.local),
            peer: socket.peer.map_or((any.into(), "*".into()), shown),
            process,
        }
    }
}

/// Which columns ss shows.
struct Table {
    netid: bool,
    state: bool,
    header: bool,
}

impl Table {
    fn text(&self, rows: &[Row]) -> String {
        let width = |head: &str, of: fn(&Row) -> &str| {
            let widest = rows.iter().map(|r| of(r).len()).max().unwrap_or(0);
            if self.header { widest.max(head.len()) } else { widest }
        };
        let state = width("State", |r| &r.state);
        let local = width("Local Address", |r| &r.local.0);
        let local_port = width("Port", |r| &r.local.1);
        let peer = width("Peer Address", |r| &r.peer.0);
        let peer_port = width("Port", |r| &r.peer.1);
        // As wide as its heading or what stands in the first row.
        let first = rows.first().filter(|row| !row.process.is_empty()).map_or(0, |row| row.process.len() + 1);
        let process = if self.header { first.max(7) } else { first };
        let mut text = String::new();
        if self.header {
            if self.netid {
                text.push_str("Netid ");
            }
            if self.state {
                text.push_str(&format!("{:state$} ", "State"));
            }
            text.push_str(&format!(
                "Recv-Q Send-Q {:>local$}:{:local_port$} {:>peer$}:{:peer_port$}{:process$}\n",
                "Local Address", "Port", "Peer Address", "Port", "Process"
            ));
        }
        for row in rows {
            if self.netid {
                text.push_str(&format!("{:<5} ", row.kind));
            }
            if self.state {
                text.push_str(&format!("{:state$} ", row.state));
            }
            let owner = if row.process.is_empty() { String::new() } else { format!(" {}", row.process) };
            text.push_str(&format!(
                "{:<6} {:<6} {:>local$}:{:local_port$} {:>peer$}:{:peer_port$}{owner:process$}\n",
                row.queues.0, row.queues.1, row.local.0, row.local.1, row.peer.0, row.peer.1
            ));
        }
        text
    }
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

const NETSTAT_USAGE: &str = "usage: netstat [-vWeenNcCF] [<Af>] -r         netstat {-V|--version|-h|--help}
       netstat [-vWnNcaeol] [<Socket> ...]
       netstat { [-vWeenNac] -i | [-cnNe] -M | -s [-6tuw] }

        -r, --route              display routing table
        -i, --interfaces         display interface table
        -g, --groups             display multicast group memberships
        -s, --statistics         display networking statistics (like SNMP)
        -M, --masquerade         display masqueraded connections

        -v, --verbose            be verbose
        -W, --wide               don't truncate IP addresses
        -n, --numeric            don't resolve names
        --numeric-hosts          don't resolve host names
        --numeric-ports          don't resolve port names
        --numeric-users          don't resolve user names
        -N, --symbolic           resolve hardware names
        -e, --extend             display other/more information
        -p, --programs           display PID/Program name for sockets
        -o, --timers             display timers
        -c, --continuous         continuous listing

        -l, --listening          display listening server sockets
        -a, --all                display all sockets (default: connected)
        -F, --fib                display Forwarding Information Base (default)
        -C, --cache              display routing cache instead of FIB
        -Z, --context            display SELinux security context for sockets

  <Socket>={-t|--tcp} {-u|--udp} {-U|--udplite} {-S|--sctp} {-w|--raw}
           {-x|--unix} --ax25 --ipx --netrom
  <AF>=Use '-6|-4' or '-A <af>' or '--<af>'; default: inet
  List of possible address families (which support routing):
    inet (DARPA Internet) inet6 (IPv6) ax25 (AMPR AX.25) 
    netrom (AMPR NET/ROM) rose (AMPR ROSE) ipx (Novell IPX) 
    ddp (Appletalk DDP) x25 (CCITT X.25) ";

const BUSYBOX_NETSTAT_USAGE: &str = "
Usage: netstat [-ral] [-tuwx] [-enWp]

Display networking information

\t-r\tRouting table
\t-a\tAll sockets
\t-l\tListening sockets
\t\tElse: connected sockets
\t-t\tTCP sockets
\t-u\tUDP sockets
\t-w\tRaw sockets
\t-x\tUnix sockets
\t\tElse: all socket types
\t-e\tOther/more information
\t-n\tDon't resolve names
\t-W\tWide display
\t-p\tShow PID/program name for sockets";

pub async fn netstat(proc: Proc, ctx: Context) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let mut wanted = Wanted::default();
    let mut args = Args::of(&proc, ctx.flavour);
    let wrong = loop {
        let letter = match args.next() {
            Err(error) => break Some(error),
            Ok(None) => break None,
            Ok(Some(Arg::Value(_))) => continue,
            Ok(Some(Arg::Short(letter))) => letter,
            Ok(Some(Arg::Long(name))) => match name.as_str() {
                "listening" => 'l',
                "all" => 'a',
                "numeric" | "numeric-hosts" | "numeric-ports" => 'n',
                "program" | "programs" => 'p',
                "tcp" => 't',
                "udp" => 'u',
                "unix" => 'x',
                "raw" => 'w',
                "route" => 'r',
                "interfaces" => 'i',
                "wide" => 'W',
                "inet" => '4',
                "inet6" => '6',
                "extend" => 'e',
                _ => break Some(args.unknown()),
            },
        };
        match letter {
            'l' => wanted.listening = true,
            'a' => wanted.all = true,
            'n' => wanted.numeric = true,
            'p' => wanted.processes = true,
            't' => wanted.tcp = true,
            'u' => wanted.udp = true,
            'x' => wanted.unix = true,
            'w' => wanted.raw = true,
            'r' => wanted.routes = true,
            'e' | 'W' => {}
            'i' if !busybox => wanted.interfaces = true,
            '4' if !busybox => wanted.v4 = true,
            '6' if !busybox => wanted.v6 = true,
            'v' | 'o' | 'c' if !busybox => {}
            _ => break Some(args.unknown()),
        }
    };
    if let Some(error) = wrong {
        let usage = if busybox { ctx.banner() + BUSYBOX_NETSTAT_USAGE } else { NETSTAT_USAGE.to_owned() };
        return util::fail(&proc, if busybox { 1 } else { 3 }, &format!("{}\n{usage}", first_line(&error))).await;
    }
    if wanted.routes {
        let text = ip::routing_table(proc.net(), wanted.numeric, busybox, false);
        return util::done(proc.print(&text).await);
    }
    if wanted.interfaces {
        return util::done(proc.print(&ip::interface_table(proc.net(), true)).await);
    }
    let internet_only = wanted.tcp || wanted.udp || wanted.raw;
    let unix_only = wanted.unix && !internet_only;
    if !internet_only && !wanted.unix {
        (wanted.tcp, wanted.udp) = (true, true);
    }
    let scope = match (wanted.all, wanted.listening) {
        (true, _) => "servers and established",
        (_, true) => "only servers",
        _ => "w/o servers",
    };
    let known = Known::of(&proc, wanted.numeric, ctx.flavour).await;
    let mut text = String::new();
    if !unix_only {
        text = format!("Active Internet connections ({scope})\n");
        text.push_str("Proto Recv-Q Send-Q Local Address           Foreign Address         State       ");
        if wanted.processes {
            text.push_str("PID/Program name    ");
        }
        end_line(&mut text, busybox || wanted.processes);
        for (udp, socket) in wanted.sockets(&proc, false).iter().filter(|(_, socket)| wanted.takes(socket)) {
            text.push_str(&connection(*udp, socket, &wanted, &known, busybox));
        }
    }
    if !internet_only || wanted.unix {
        let path = if busybox { "I-Node Path" } else { "I-Node   Path" };
        text.push_str(&format!("Active UNIX domain sockets ({scope})\n"));
        text.push_str(&format!("Proto RefCnt Flags       Type       State         {path}\n"));
    }
    util::done(proc.print(&text).await)
}

/// net-tools leaves out the last blank.
fn end_line(line: &mut String, whole: bool) {
    if !whole {
        line.pop();
    }
    line.push('\n');
}

fn connection(udp: bool, socket: &SocketInfo, wanted: &Wanted, known: &Known, busybox: bool) -> String {
    let v6 = socket.local.is_ipv6() || socket.dual && socket.peer.is_some();
    let kind = match (udp, v6 && !busybox) {
        (false, false) => "tcp",
        (false, true) => "tcp6",
        (true, false) => "udp",
        (true, true) => "udp6",
    };
    let any = if socket.local.is_ipv6() { "::" } else { "0.0.0.0" };
    let show = |a: SocketAddr| {
        let ip = match a.ip().to_canonical() {
            IpAddr::V4(ip) if v6 && busybox => format!("::ffff:{ip}"),
            ip => known.host(ip).cloned().unwrap_or_else(|| ip.to_string()),
        };
        // What is too long for the column is cut, not the port.
        let port = known.port(a.port());
        format!("{}:{port}", ip.chars().take(22_usize.saturating_sub(port.len())).collect::<String>())
    };
    let peer = socket.peer.map_or_else(|| format!("{any}:*"), show);
    let state = match socket.state {
        _ if udp && socket.peer.is_none() => String::new(),
        "ESTAB" => "ESTABLISHED".to_owned(),
        "FIN-WAIT-2" => "FIN_WAIT2".to_owned(),
        other => other.replace('-', "_"),
    };
    let mut line =
        format!("{kind:<5} {:>6} {:>6} {:<23} {peer:<23} {state:<12}", socket.received, 0, show(socket.local));
    if wanted.processes {
        let shown = known.owner(socket).map_or_else(|| "-".to_owned(), |(pid, name)| format!("{pid}/{name}"));
        line.push_str(&format!("{shown:<20}"));
    }
    end_line(&mut line, busybox || wanted.processes);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: &str, queues: (usize, usize), local: (&str, &str), peer: (&str, &str), process: &str) -> Row {
        let pair = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
        Row { kind: "tcp", state: state.into(), queues, local: pair(local), peer: pair(peer), process: process.into() }
    }

    /// As iproute2's prints the same sockets.
    #[test]
    fn columns() {
        let listening = row("LISTEN", (0, 128), ("0.0.0.0", "2024"), ("0.0.0.0", "*"), "");
        let open = row("ESTAB", (0, 0), ("127.0.0.1", "8085"), ("127.0.0.1", "51110"), "");
        let owned = row("LISTEN", (0, 1), ("0.0.0.0", "8085"), ("0.0.0.0", "*"), "users:((\"nc\",pid=31786,fd=3))");
        let table = Table { netid: false, state: true, header: true };
        assert_eq!(
            table.text(std::slice::from_ref(&listening)),
            "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n\
             LISTEN 0      128          0.0.0.0:2024      0.0.0.0:*          \n"
        );
        assert_eq!(
            table.text(&[listening, owned]),
            "State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n\
             LISTEN 0      128          0.0.0.0:2024      0.0.0.0:*          \n\
             LISTEN 0      1            0.0.0.0:8085      0.0.0.0:*    users:((\"nc\",pid=31786,fd=3))\n"
        );
        assert_eq!(
            Table { state: false, ..table }.text(std::slice::from_ref(&open)),
            "Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
             0      0          127.0.0.1:8085    127.0.0.1:51110       \n"
        );
        assert_eq!(
            Table { netid: true, state: true, header: false }.text(&[open]),
            "tcp   ESTAB 0      0      127.0.0.1:8085 127.0.0.1:51110\n"
        );
    }
}
