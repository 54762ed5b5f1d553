//! ip (iproute2, busybox) and ifconfig: interfaces, addresses, routes. They show; changing is refused
//! as for anyone without CAP_NET_ADMIN.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::resolve::{self, Trouble};
use crate::{
    os::{NetNs, Proc, net::Interface},
    programs::{Context, Flavour, util},
};

/// An interface with all its addresses.
struct Link {
    index: u32,
    name: String,
    mac: String,
    addresses: Vec<(IpAddr, u8)>,
}

impl Link {
    fn is_loopback(&self) -> bool {
        self.name == "lo"
    }
}

fn links(net: &NetNs) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for Interface { index, name, addr, prefix, mac } in net.interfaces() {
        match links.iter_mut().find(|l| l.name == name) {
            Some(link) => link.addresses.push((addr, prefix)),
            None => {
                let mac = mac.unwrap_or_else(|| hardware(addr));
                links.push(Link { index, name, mac, addresses: vec![(addr, prefix)] });
            }
        }
    }
    for link in &mut links {
        match link_local(&link.mac).filter(|_| !link.is_loopback()) {
            Some(ip) => link.addresses.push((ip.into(), 64)),
            None if link.addresses.iter().any(|(a, _)| a.is_ipv6()) => {}
            None => link.addresses.push((Ipv6Addr::LOCALHOST.into(), 128)),
        }
    }
    links
}

/// The address that the kernel gives an interface by its hardware address.
fn link_local(mac: &str) -> Option<Ipv6Addr> {
    let bytes: Vec<u16> = mac.split(':').filter_map(|byte| u16::from_str_radix(byte, 16).ok()).collect();
    let [a, b, c, d, e, f] = bytes[..] else { return None };
    Some(Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f))
}

/// A hardware address made of an IP address, as network plugins make them.
fn hardware(addr: IpAddr) -> String {
    match addr {
        IpAddr::V4(ip) if !ip.is_loopback() => {
            let [a, b, c, d] = ip.octets();
            format!("0a:58:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
        }
        _ => "00:00:00:00:00:00".into(),
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

fn broadcast(ip: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(ip) | !mask(prefix))
}

fn network(ip: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(ip) & mask(prefix))
}

#[derive(Default)]
struct Show {
    family: Option<u8>,
    brief: bool,
    one_line: bool,
    statistics: u8,
    device: Option<String>,
    scope: Option<String>,
}

impl Show {
    fn takes(&self, ip: IpAddr) -> bool {
        self.family.is_none_or(|f| (f == 4) == ip.is_ipv4())
            && self.scope.as_deref().is_none_or(|scope| scope == scope_of(ip))
    }
}

fn scope_of(ip: IpAddr) -> &'static str {
    match ip {
        ip if ip.is_loopback() => "host",
        IpAddr::V6(ip) if ip.is_unicast_link_local() => "link",
        _ => "global",
    }
}

const USAGE: &str = "Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }
       ip [ -force ] -batch filename
where  OBJECT := { address | addrlabel | amt | fou | help | ila | ioam | l2tp |
                   link | macsec | maddress | monitor | mptcp | mroute | mrule |
                   neighbor | neighbour | netconf | netns | nexthop | ntable |
                   ntbl | route | rule | sr | tap | tcpmetrics |
                   token | tunnel | tuntap | vrf | xfrm }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[esolve] |
                    -h[uman-readable] | -iec | -j[son] | -p[retty] |
                    -f[amily] { inet | inet6 | mpls | bridge | link } |
                    -4 | -6 | -M | -B | -0 |
                    -l[oops] { maximum-addr-flush-attempts } | -br[ief] |
                    -o[neline] | -t[imestamp] | -ts[hort] | -b[atch] [filename] |
                    -rc[vbuf] [size] | -n[etns] name | -N[umeric] | -a[ll] |
                    -c[olor]}";

const BUSYBOX_USAGE: &str = "
Usage: ip [OPTIONS] address|route|link|tunnel|neigh|rule [ARGS]

OPTIONS := -f[amily] inet|inet6|link | -o[neline]

ip addr add|del IFADDR dev IFACE | show|flush [dev IFACE] [to PREFIX]
ip route list|flush|add|del|change|append|replace|test ROUTE
ip link set IFACE [up|down] [arp on|off] [multicast on|off]
\t[promisc on|off] [mtu NUM] [name NAME] [qlen NUM] [address MAC]
\t[master IFACE | nomaster] [netns PID]
ip tunnel add|change|del|show [NAME]
\t[mode ipip|gre|sit] [remote ADDR] [local ADDR] [ttl TTL]
ip neigh show|flush [to PREFIX] [dev DEV] [nud STATE]
ip rule [list] | add|del SELECTOR ACTION";

/// Says why not on stderr: the exit status and the text.
type Refused = (i32, String);

pub async fn ip(proc: Proc, ctx: Context) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let argv = proc.argv();
    let done = if busybox {
        busybox_ip(&proc, &argv[1..], &(ctx.banner() + BUSYBOX_USAGE))
    } else {
        iproute(&proc, &argv[1..])
    };
    match done {
        Ok(text) => util::done(proc.print(&text).await),
        Err((code, text)) => util::fail(&proc, code, &text).await,
    }
}

/// The whole name that `word` begins, if it is one of them.
fn begun<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    names.iter().find(|name| !word.is_empty() && name.starts_with(word)).copied()
}

fn iproute(proc: &Proc, args: &[String]) -> Result<String, Refused> {
    let usage = || (255, USAGE.to_owned());
    let mut args = args.iter().map(String::as_str).peekable();
    let mut show = Show::default();
    while let Some(option) = args.next_if(|a| a.starts_with('-')) {
        let name = option.strip_prefix("--").unwrap_or(&option[1..]);
        const OPTIONS: [&str; 17] = [
            "4",
            "6",
            "0",
            "brief",
            "oneline",
            "family",
            "color",
            "statistics",
            "stats",
            "details",
            "human-readable",
            "netns",
            "Numeric",
            "resolve",
            "Version",
            "help",
            "all",
        ];
        match begun(name, &OPTIONS) {
            Some("4") => show.family = Some(4),
            Some("6") => show.family = Some(6),
            Some("brief") if name.len() > 1 => show.brief = true,
            Some("oneline") => show.one_line = true,
            Some("statistics" | "stats") => show.statistics += 1,
            Some("family") => match args.next() {
                Some("inet") => show.family = Some(4),
                Some("inet6") => show.family = Some(6),
                Some("link" | "mpls" | "bridge") => {}
                Some(other) => {
                    return Err((255, format!("Error: argument \"{other}\" is wrong: invalid protocol family")));
                }
                None => return Err((255, "Command line is not complete. Try option \"help\"".to_owned())),
            },
            Some("Version") => return Ok("ip utility, iproute2-6.1.0, libbpf 1.1.2\n".to_owned()),
            Some("help") => return Err(usage()),
            Some("human-readable") if name == "h" => return Err(usage()),
            Some("netns") => drop(args.next()),
            Some("color" | "details" | "human-readable" | "Numeric" | "resolve" | "0" | "all") => {}
            _ => return Err((255, format!("Option \"{option}\" is unknown, try \"ip -help\"."))),
        }
    }
    let Some(object) = args.next() else { return Err(usage()) };
    const OBJECTS: [&str; 11] =
        ["address", "link", "route", "rule", "neighbor", "neighbour", "help", "netns", "tunnel", "tuntap", "maddress"];
    let Some(kind) = begun(object, &OBJECTS) else {
        return Err((1, format!("Object \"{object}\" is unknown, try \"ip help\".")));
    };
    if kind == "help" {
        return Err(usage());
    }
    let help = if kind.starts_with("neigh") { "neigh" } else { kind };
    const COMMANDS: [&str; 14] = [
        "show", "list", "lst", "ls", "add", "delete", "set", "flush", "replace", "change", "append", "get", "help",
        "save",
    ];
    let command = args.next();
    let rest: Vec<&str> = args.collect();
    let after = |word: &str| rest.iter().position(|own| *own == word).and_then(|at| rest.get(at + 1)).copied();
    let has_device = |name: &str| proc.net().interfaces().iter().any(|own| own.name == name);
    match command.map_or(Some("show"), |command| begun(command, &COMMANDS)) {
        Some("show" | "list" | "lst" | "ls") => {}
        Some("get") if kind == "route" => {
            let to = rest.iter().find(|word| **word != "to").copied();
            let Some(to) = to else { return Err((1, "need at least a destination address".to_owned())) };
            let Some(ip) = resolve::literal(to) else {
                return Err((1, format!("Error: any valid prefix is expected rather than \"{to}\".")));
            };
            return route_to(proc, ip).ok_or((2, "RTNETLINK answers: Network is unreachable".to_owned()));
        }
        Some("get" | "save" | "help") | None => {
            let command = command.unwrap_or_default();
            return Err((255, format!("Command \"{command}\" is unknown, try \"ip {help} help\".")));
        }
        Some(change) => {
            let device = after("dev").or(if kind == "link" { rest.first().copied() } else { None });
            return Err(match device {
                None if kind == "address" || kind == "link" && change == "set" => {
                    (1, "Not enough information: \"dev\" argument is required.".to_owned())
                }
                Some(device) if change != "add" && !has_device(device) || kind != "link" && !has_device(device) => {
                    (1, format!("Cannot find device \"{device}\""))
                }
                _ => (2, "RTNETLINK answers: Operation not permitted".to_owned()),
            });
        }
    }
    match kind {
        "address" | "link" => {
            select(&mut show, &rest, |given| {
                (255, format!("Error: either \"dev\" is duplicate, or \"{given}\" is a garbage."))
            })?;
            let all = links(proc.net());
            match show.device.as_ref().filter(|device| !has_device(device)) {
                Some(device) => Err((1, format!("Device \"{device}\" does not exist."))),
                None => Ok(addresses(&all, &show, kind == "link", false)),
            }
        }
        "route" => {
            if show.family == Some(6) {
                return Ok(String::new());
            }
            let wrong = rest.first().filter(|word| {
                ![
                    "default", "dev", "table", "to", "via", "proto", "scope", "src", "root", "match", "exact", "type",
                    "all",
                ]
                .contains(word)
                    && resolve::literal(word.split('/').next().unwrap_or_default()).is_none()
            });
            match wrong {
                Some(word) => Err((1, format!("Error: any valid prefix is expected rather than \"{word}\"."))),
                None => Ok(routes_shown(proc.net(), &rest, false)),
            }
        }
        "rule" => Ok(rules("")),
        _ => Ok(String::new()),
    }
}

fn rules(end: &str) -> String {
    format!("0:\tfrom all lookup local{end}\n32766:\tfrom all lookup main{end}\n32767:\tfrom all lookup default{end}\n")
}

/// What the words after `show` narrow to.
fn select(show: &mut Show, rest: &[&str], garbage: impl Fn(&str) -> Refused) -> Result<(), Refused> {
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        match *word {
            "up" | "primary" | "dynamic" | "permanent" => {}
            "scope" => show.scope = words.next().map(|scope| (*scope).to_owned()),
            "type" | "to" | "label" | "master" | "vrf" | "group" => drop(words.next()),
            _ => {
                let name = if *word == "dev" { words.next().unwrap_or(&"") } else { word };
                if show.device.is_some() {
                    return Err(garbage(name));
                }
                show.device = Some((*name).to_owned());
            }
        }
    }
    Ok(())
}

/// `ip route show`: of the table local, to a device, the default alone.
fn routes_shown(net: &NetNs, rest: &[&str], busybox: bool) -> String {
    let after = |word: &str| rest.iter().position(|own| *own == word).and_then(|at| rest.get(at + 1)).copied();
    let text = if after("table") == Some("local") { local_routes(net, busybox) } else { routes(net, busybox) };
    let default = rest.first() == Some(&"default") || after("to") == Some("default");
    let kept = text.lines().filter(|line| {
        (!default || line.starts_with("default"))
            && after("dev").is_none_or(|device| line.contains(&format!(" dev {device} ")))
    });
    kept.map(|line| format!("{line}\n")).collect()
}

fn local_routes(net: &NetNs, busybox: bool) -> String {
    let mut text = String::new();
    let of = |i: Interface| match i.addr {
        IpAddr::V4(ip) => Some((i.name, ip, i.prefix)),
        IpAddr::V6(_) => None,
    };
    let kernel = if busybox { "" } else { " proto kernel" };
    let gap = if busybox { " " } else { "" };
    for (name, ip, prefix) in net.interfaces().into_iter().filter_map(of) {
        let mut line = |to: String, scope: &str| {
            text.push_str(&format!("{to} dev {name}{kernel} scope {scope}{gap} src {ip} \n"));
        };
        if ip.is_loopback() {
            line(format!("local {}/{prefix}", network(ip, prefix)), "host");
        }
        line(format!("local {ip}"), "host");
        line(format!("broadcast {}", broadcast(ip, prefix)), "link");
    }
    text
}

fn busybox_ip(proc: &Proc, args: &[String], usage: &str) -> Result<String, Refused> {
    let usage = || (1, usage.to_owned());
    let mut args = args.iter().map(String::as_str).peekable();
    let mut show = Show::default();
    while let Some(option) = args.next_if(|a| a.starts_with('-')) {
        match begun(option.trim_start_matches('-'), &["oneline", "family", "4", "6", "0"]) {
            Some("4") => show.family = Some(4),
            Some("6") => show.family = Some(6),
            Some("oneline") => show.one_line = true,
            Some("family") => match args.next() {
                Some("inet") => show.family = Some(4),
                Some("inet6") => show.family = Some(6),
                Some("link") => {}
                other => {
                    return Err((
                        1,
                        format!("ip: invalid argument '{}' to 'protocol family'", other.unwrap_or_default()),
                    ));
                }
            },
            Some("0") => {}
            _ => return Err(usage()),
        }
    }
    let Some(object) = args.next() else { return Err(usage()) };
    let Some(kind) = begun(object, &["address", "route", "link", "tunnel", "neighbour", "rule"]) else {
        return Err(usage());
    };
    let command = args.next();
    let rest: Vec<&str> = args.collect();
    const COMMANDS: [&str; 14] = [
        "show", "list", "lst", "add", "delete", "set", "flush", "replace", "change", "chg", "append", "prepend", "get",
        "test",
    ];
    let has_device = |name: &str| proc.net().interfaces().iter().any(|own| own.name == name);
    let after = |word: &str| rest.iter().position(|own| *own == word).and_then(|at| rest.get(at + 1)).copied();
    match command.map_or(Some("show"), |command| begun(command, &COMMANDS)) {
        Some("show" | "list" | "lst") => {}
        Some("get") if kind == "route" => {
            let to = rest.iter().find_map(|word| resolve::literal(word));
            let Some(ip) = to else { return Err((1, "ip: need at least destination address".to_owned())) };
            let text = route_to(proc, ip).ok_or((2, "ip: RTNETLINK answers: Network is unreachable".to_owned()))?;
            // Without the user, and the cache only where it says something.
            let text = text.replace(" src ", "  src ").replace(&format!(" uid {}", proc.uid()), "");
            return Ok(text.replace("    cache \n", ""));
        }
        None | Some("get" | "test") => {
            return Err((1, format!("ip: invalid argument '{}' to 'ip'", command.unwrap_or_default())));
        }
        Some(_) => {
            let device = after("dev").or(if kind == "link" { rest.first().copied() } else { None });
            return Err(match device.filter(|device| !has_device(device)) {
                Some(device) => (1, format!("ip: can't find device '{device}'")),
                None => (2, "ip: RTNETLINK answers: Operation not permitted".to_owned()),
            });
        }
    }
    match kind {
        "address" | "link" => {
            select(&mut show, &rest, |given| {
                (1, format!("ip: either \"dev\" is duplicate, or \"{given}\" is garbage"))
            })?;
            let all = links(proc.net());
            match show.device.as_ref().filter(|device| !has_device(device)) {
                Some(device) => Err((1, format!("ip: can't find device '{device}'"))),
                None => Ok(addresses(&all, &show, kind == "link", true)),
            }
        }
        "route" if show.family == Some(6) => Ok(String::new()),
        "route" => Ok(routes_shown(proc.net(), &rest, true)),
        "rule" => Ok(rules(" ")),
        _ => Ok(String::new()),
    }
}

fn addresses(links: &[Link], show: &Show, only_links: bool, busybox: bool) -> String {
    let mut text = String::new();
    for link in links.iter().filter(|l| show.device.as_ref().is_none_or(|d| *d == l.name)) {
        let shown: Vec<(IpAddr, u8)> = link.addresses.iter().copied().filter(|(ip, _)| show.takes(*ip)).collect();
        if show.family.is_some() && shown.is_empty() && !only_links {
            continue;
        }
        let loopback = link.is_loopback();
        // The other end of a pod's cable is an interface of the node.
        let name = if loopback { link.name.clone() } else { format!("{}@if{}", link.name, link.index + 1) };
        let (flags, mtu, state) = if loopback {
            ("LOOPBACK,UP,LOWER_UP", 65536, "UNKNOWN")
        } else {
            ("BROADCAST,MULTICAST,UP,LOWER_UP", 1500, "UP")
        };
        if show.brief {
            text.push_str(&format!("{name:<16} {state:<14} "));
            if only_links {
                text.push_str(&format!("{} <{flags}> ", link.mac));
            } else {
                shown.iter().for_each(|(ip, prefix)| text.push_str(&format!("{ip}/{prefix} ")));
            }
            text.push('\n');
            continue;
        }
        let mode = if only_links { " mode DEFAULT" } else { "" };
        let details = if busybox { "qlen 1000".into() } else { format!("state {state}{mode} group default qlen 1000") };
        let (kind, edge) = if loopback { ("loopback", "00:00:00:00:00:00") } else { ("ether", "ff:ff:ff:ff:ff:ff") };
        let peer = if loopback || busybox { "" } else { " link-netnsid 0" };
        // What is asked of IPv6 knows neither queues nor groups.
        let first = match (show.family, busybox) {
            (Some(6), false) if !only_links => {
                format!("{}: {name}: <{flags}> mtu {mtu} state {state} qlen 1000", link.index)
            }
            (Some(6), true) if !only_links => format!("{}: {name}: <{flags}> mtu {mtu} qlen 1000", link.index),
            _ => format!("{}: {name}: <{flags}> mtu {mtu} qdisc noqueue {details}", link.index),
        };
        let second = format!("    link/{kind} {} brd {edge}{peer}", link.mac);
        let wrap = if show.one_line { "\\" } else { "\n" };
        if only_links || !show.one_line {
            let second = if show.family.is_some() && !only_links { String::new() } else { format!("{wrap}{second}") };
            text.push_str(&format!("{first}{second}\n"));
        }
        if only_links {
            text.push_str(&statistics(show.statistics, show.one_line));
            continue;
        }
        for (ip, prefix) in shown {
            let line = match ip {
                IpAddr::V4(_) if loopback => format!("inet {ip}/{prefix} scope host lo"),
                IpAddr::V4(v4) => {
                    format!("inet {ip}/{prefix} brd {} scope global {}", broadcast(v4, prefix), link.name)
                }
                IpAddr::V6(_) if loopback => format!("inet6 {ip}/{prefix} scope host "),
                IpAddr::V6(_) => format!("inet6 {ip}/{prefix} scope {} ", scope_of(ip)),
            };
            let lead = if show.one_line { format!("{}: {}    ", link.index, link.name) } else { "    ".into() };
            text.push_str(&format!("{lead}{line}{wrap}       valid_lft forever preferred_lft forever\n"));
        }
        text.push_str(&statistics(show.statistics, show.one_line));
    }
    text
}

/// Packets aren't counted: an interface as it was made.
fn statistics(level: u8, one_line: bool) -> String {
    let zeros = "             0       0      0       0       0       0 ";
    let mut lines = Vec::new();
    for (way, heading, errors) in [
        ("RX", "errors dropped  missed   mcast           ", "   length    crc   frame    fifo overrun"),
        ("TX", "errors dropped carrier collsns           ", "  aborted   fifo  window heartbt transns"),
    ] {
        lines.push(format!("    {way}:  bytes packets {heading}"));
        lines.push(zeros.to_owned());
        if level > 1 {
            lines.push(format!("    {way} errors:{errors}"));
            lines.push("                      0      0       0       0       0 ".to_owned());
        }
    }
    let wrap = if one_line { "\\" } else { "\n" };
    if level == 0 { String::new() } else { lines.join(wrap) + "\n" }
}

/// (network, prefix, interface, source) of each IPv4 network at hand.
fn networks(net: &NetNs) -> Vec<(Ipv4Addr, u8, String, Ipv4Addr)> {
    let of = |i: Interface| match i.addr {
        IpAddr::V4(ip) if !ip.is_loopback() => Some((network(ip, i.prefix), i.prefix, i.name, ip)),
        _ => None,
    };
    net.interfaces().into_iter().filter_map(of).collect()
}

/// `ip route`.
pub fn routes(net: &NetNs, busybox: bool) -> String {
    let networks = networks(net);
    let mut text = String::new();
    if let (Some(gateway), Some((_, _, device, _))) = (net.gateway(), networks.first()) {
        text.push_str(&format!("default via {gateway} dev {device} \n"));
    }
    for (network, prefix, device, source) in networks {
        let how = if busybox { "scope link  src" } else { "proto kernel scope link src" };
        text.push_str(&format!("{network}/{prefix} dev {device} {how} {source} \n"));
    }
    text
}

/// `ip route get`; `None` without a route.
fn route_to(proc: &Proc, to: IpAddr) -> Option<String> {
    let (net, uid) = (proc.net(), proc.uid());
    let networks = networks(net);
    let IpAddr::V4(ip) = to else {
        return to.is_loopback().then(|| "local ::1 dev lo proto kernel src ::1 metric 0 pref medium\n".to_owned());
    };
    if ip.is_loopback() || networks.iter().any(|(.., source)| *source == ip) {
        return Some(format!("local {ip} dev lo src {ip} uid {uid} \n    cache <local> \n"));
    }
    let here = networks.iter().find(|(own, prefix, ..)| network(ip, *prefix) == *own);
    let (via, (_, _, device, source)) = match (here, net.gateway()) {
        (Some(network), _) => (String::new(), network),
        (None, Some(gateway)) => (format!("via {gateway} "), networks.first()?),
        (None, None) => return None,
    };
    Some(format!("{ip} {via}dev {device} src {source} uid {uid} \n    cache \n"))
}

/// `netstat -r`, `route`: with metrics for the latter.
pub fn routing_table(net: &NetNs, numeric: bool, busybox: bool, metrics: bool) -> String {
    let rest = if metrics { "Flags Metric Ref    Use Iface" } else { "Flags   MSS Window  irtt Iface" };
    let mut text = format!("Kernel IP routing table\nDestination     Gateway         Genmask         {rest}\n");
    let mut row = |to: String, via: String, mask: String, flags: &str, device: &str| {
        let rest =
            if metrics { format!("{flags:<5} 0      0        0") } else { format!("{flags:<5}     0 0          0") };
        text.push_str(&format!("{to:<15} {via:<15} {mask:<15} {rest} {device}\n"));
    };
    let networks = networks(net);
    let zero = || "0.0.0.0".to_owned();
    let everywhere = || if numeric { zero() } else { "default".to_owned() };
    let none = || if busybox && !numeric { "*".to_owned() } else { zero() };
    if let (Some(gateway), Some((_, _, device, _))) = (net.gateway(), networks.first()) {
        row(everywhere(), gateway.to_string(), zero(), "UG", device);
    }
    for (network, prefix, device, _) in &networks {
        row(network.to_string(), none(), Ipv4Addr::from(mask(*prefix)).to_string(), "U", device);
    }
    text
}

/// `netstat -i` (with a title), `ifconfig -s`.
pub fn interface_table(net: &NetNs, title: bool) -> String {
    let gap = if title { "             " } else { "      " };
    let mut text = if title { "Kernel Interface table\n".to_owned() } else { String::new() };
    text += &format!("Iface{gap}MTU    RX-OK RX-ERR RX-DRP RX-OVR    TX-OK TX-ERR TX-DRP TX-OVR Flg\n");
    let mut all = links(net);
    all.sort_by(|a, b| a.name.cmp(&b.name));
    for link in all {
        let (mtu, flags) = if link.is_loopback() { (65536, "LRU") } else { (1500, "BMRU") };
        text += &format!(
            "{:<15} {mtu:>5}        0      0      0 0             0      0      0      0 {flags}\n",
            link.name
        );
    }
    text
}

pub async fn route(proc: Proc, ctx: Context) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let argv = proc.argv();
    let (options, words): (Vec<&String>, Vec<&String>) = argv.iter().skip(1).partition(|arg| arg.starts_with('-'));
    if words.iter().any(|word| matches!(word.as_str(), "add" | "del")) {
        let lead = if busybox { "route: SIOCADDRT" } else { "SIOCADDRT" };
        return util::fail(&proc, if busybox { 1 } else { 7 }, &format!("{lead}: Operation not permitted")).await;
    }
    let numeric = options.iter().any(|option| option.contains('n'));
    let text = routing_table(proc.net(), numeric, busybox, !options.iter().any(|option| option.contains('e')));
    util::done(proc.print(&text).await)
}

pub async fn ifconfig(proc: Proc, ctx: Context) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let argv = proc.argv();
    let wanted = argv.iter().skip(1).find(|a| !a.starts_with('-'));
    if argv.iter().skip(1).filter(|a| !a.starts_with('-')).count() > 1 {
        return util::fail(&proc, 1, "SIOCSIFFLAGS: Operation not permitted").await;
    }
    let options: Vec<&String> = argv.iter().skip(1).filter(|a| a.starts_with('-')).collect();
    if !busybox && let Some(option) = options.iter().find(|o| !["-a", "-s", "-v", "--version"].contains(&o.as_str())) {
        let text = format!("ifconfig: option `{option}' not recognised.\nifconfig: `--help' gives usage information.");
        return util::fail(&proc, 1, &text).await;
    }
    if !busybox && options.iter().any(|option| *option == "-s") {
        return util::done(proc.print(&interface_table(proc.net(), false)).await);
    }
    let mut all = links(proc.net());
    // ifconfig sorts by name.
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all.retain(|l| wanted.is_none_or(|w| *w == l.name));
    if let (true, Some(name)) = (all.is_empty(), wanted) {
        let why = ": error fetching interface information: Device not found";
        let lead = if busybox { "ifconfig: " } else { "" };
        return util::fail(&proc, 1, &format!("{lead}{name}{why}")).await;
    }
    let text: String = all.iter().map(|l| if busybox { old_style(l) } else { new_style(l) }).collect();
    util::done(proc.print(&text).await)
}

fn new_style(link: &Link) -> String {
    let mut text = if link.is_loopback() {
        "lo: flags=73<UP,LOOPBACK,RUNNING>  mtu 65536\n".to_owned()
    } else {
        format!("{}: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 1500\n", link.name)
    };
    for (ip, prefix) in &link.addresses {
        match ip {
            IpAddr::V4(v4) => {
                let netmask = Ipv4Addr::from(mask(*prefix));
                text.push_str(&format!("        inet {ip}  netmask {netmask}"));
                if !link.is_loopback() {
                    text.push_str(&format!("  broadcast {}", broadcast(*v4, *prefix)));
                }
            }
            IpAddr::V6(_) => {
                let scope = match scope_of(*ip) {
                    "host" => "0x10<host>",
                    "link" => "0x20<link>",
                    _ => "0x0<global>",
                };
                text.push_str(&format!("        inet6 {ip}  prefixlen {prefix}  scopeid {scope}"));
            }
        }
        text.push('\n');
    }
    text.push_str(&if link.is_loopback() {
        "        loop  txqueuelen 1000  (Local Loopback)\n".to_owned()
    } else {
        format!("        ether {}  txqueuelen 1000  (Ethernet)\n", link.mac)
    });
    for way in ["RX", "TX"] {
        let last = if way == "RX" { "frame 0" } else { "carrier 0  collisions 0" };
        let dropped = if way == "RX" { "dropped 0  overruns" } else { "dropped 0 overruns" };
        text.push_str(&format!(
            "        {way} packets 0  bytes 0 (0.0 B)\n        {way} errors 0  {dropped} 0  {last}\n"
        ));
    }
    text + "\n"
}

fn old_style(link: &Link) -> String {
    let mut text = if link.is_loopback() {
        "lo        Link encap:Local Loopback  \n".to_owned()
    } else {
        format!("{:<9} Link encap:Ethernet  HWaddr {}  \n", link.name, link.mac.to_uppercase())
    };
    for (ip, prefix) in &link.addresses {
        let netmask = Ipv4Addr::from(mask(*prefix));
        text.push_str(&match ip {
            IpAddr::V4(_) if link.is_loopback() => format!("          inet addr:{ip}  Mask:{netmask}\n"),
            IpAddr::V4(v4) => {
                format!("          inet addr:{ip}  Bcast:{}  Mask:{netmask}\n", broadcast(*v4, *prefix))
            }
            IpAddr::V6(_) => {
                let scope = match scope_of(*ip) {
                    "host" => "Host",
                    "link" => "Link",
                    _ => "Global",
                };
                format!("          inet6 addr: {ip}/{prefix} Scope:{scope}\n")
            }
        });
    }
    let flags =
        if link.is_loopback() { "UP LOOPBACK RUNNING  MTU:65536" } else { "UP BROADCAST RUNNING MULTICAST  MTU:1500" };
    text.push_str(&format!(
        "          {flags}  Metric:1\n          RX packets:0 errors:0 dropped:0 overruns:0 frame:0\n          TX packets:0 errors:0 \
         dropped:0 overruns:0 carrier:0\n          collisions:0 txqueuelen:1000 \n          RX bytes:0 (0.0 B)  TX bytes:0 (0.0 \
         B)\n\n"
    ));
    text
}

/// An address to dial: a literal or a known name, IPv4 first unless it's written as IPv6.
pub async fn address(proc: &Proc, host: &str, port: u16) -> Result<SocketAddr, Trouble> {
    let found = resolve::lookup(proc, host).await?;
    let ip = found.iter().find(|ip| ip.is_ipv4()).or(found.first()).ok_or(Trouble::Unknown)?;
    Ok(SocketAddr::new(*ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::testing::World;

    /// What iproute2's and busybox' own say of the same words.
    #[test]
    fn words_that_mean_nothing() {
        let world = World::new();
        let rows = [
            ("ip foo", 1, "Object \"foo\" is unknown, try \"ip help\".\n"),
            ("ip -foo", 255, "Option \"-foo\" is unknown, try \"ip -help\".\n"),
            ("ip addr foo", 255, "Command \"foo\" is unknown, try \"ip address help\".\n"),
            ("ip link foo", 255, "Command \"foo\" is unknown, try \"ip link help\".\n"),
            ("ip neigh foo", 255, "Command \"foo\" is unknown, try \"ip neigh help\".\n"),
            ("ip route foo", 255, "Command \"foo\" is unknown, try \"ip route help\".\n"),
            ("ip addr show foo", 1, "Device \"foo\" does not exist.\n"),
            ("ip addr show lo foo", 255, "Error: either \"dev\" is duplicate, or \"foo\" is a garbage.\n"),
            ("ip addr add", 1, "Not enough information: \"dev\" argument is required.\n"),
            ("ip addr add 10.0.0.1/24 dev foo", 1, "Cannot find device \"foo\"\n"),
            ("ip addr add 10.0.0.1/24 dev lo", 2, "RTNETLINK answers: Operation not permitted\n"),
            ("ip route get foo", 1, "Error: any valid prefix is expected rather than \"foo\".\n"),
            ("ip route get", 1, "need at least a destination address\n"),
            ("ip -f foo addr", 255, "Error: argument \"foo\" is wrong: invalid protocol family\n"),
            ("/busybox/ip addr foo", 1, "ip: invalid argument 'foo' to 'ip'\n"),
            ("/busybox/ip addr show foo", 1, "ip: can't find device 'foo'\n"),
            ("/busybox/ip route get foo", 1, "ip: need at least destination address\n"),
        ];
        for (command, code, stderr) in rows {
            let ran = world.run(&command.split(' ').collect::<Vec<_>>(), "");
            assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), stderr), "{command}");
        }
    }

    #[test]
    fn the_loopback_interface() {
        let world = World::new();
        let first = "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536";
        let rows = [
            ("ip -br addr", "lo               UNKNOWN        127.0.0.1/8 ::1/128 \n".to_owned()),
            (
                "ip -4 -o addr show lo",
                "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n".to_owned(),
            ),
            (
                "ip -6 addr",
                format!(
                    "{first} state UNKNOWN qlen 1000\n    inet6 ::1/128 scope host \n       valid_lft forever preferred_lft forever\n"
                ),
            ),
            (
                "ip -o link",
                format!(
                    "{first} qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    link/loopback 00:00:00:00:00:00 brd \
                     00:00:00:00:00:00\n"
                ),
            ),
            ("ip rule", rules("")),
            ("ip route get 127.0.0.1", "local 127.0.0.1 dev lo src 127.0.0.1 uid 0 \n    cache <local> \n".to_owned()),
        ];
        for (command, stdout) in rows {
            let ran = world.run(&command.split(' ').collect::<Vec<_>>(), "");
            assert_eq!(ran.stdout, stdout, "{command}");
        }
    }
}
