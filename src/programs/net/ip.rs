//! ip (iproute2, busybox) and ifconfig: interfaces, addresses, routes. They show; changing is refused
//! as for anyone without CAP_NET_ADMIN.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
    for link in links.iter_mut().filter(|l| l.is_loopback()) {
        if !link.addresses.iter().any(|(a, _)| a.is_ipv6()) {
            link.addresses.push((std::net::Ipv6Addr::LOCALHOST.into(), 128));
        }
    }
    links
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
    device: Option<String>,
}

impl Show {
    fn takes(&self, ip: IpAddr) -> bool {
        self.family.is_none_or(|f| (f == 4) == ip.is_ipv4())
    }
}

const USAGE: &str = "Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\nwhere  OBJECT := { address | link | neighbor | route }\n       \
                     OPTIONS := { -4 | -6 | -br[ief] | -o[neline] | -V[ersion] }";

const BUSYBOX_USAGE: &str = "\nUsage: ip [OPTIONS] address|route|link|neigh [ARGS]\n\n\
                             OPTIONS := -f[amily] inet|inet6|link | -o[neline]";

pub async fn ip(proc: Proc, ctx: Context) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let usage = if busybox { &(ctx.banner() + BUSYBOX_USAGE) } else { USAGE };
    let argv = proc.argv();
    let mut args = argv.iter().skip(1).peekable();
    let mut show = Show::default();
    while let Some(option) = args.next_if(|a| a.starts_with('-')) {
        match option.trim_start_matches('-') {
            "4" => show.family = Some(4),
            "6" => show.family = Some(6),
            "br" | "brief" => show.brief = true,
            "o" | "oneline" => show.one_line = true,
            "f" | "family" => show.family = if args.next().is_some_and(|f| f == "inet6") { Some(6) } else { Some(4) },
            "c" | "color" | "s" | "d" | "n" | "N" => {}
            "V" | "Version" => return util::done(proc.print("ip utility, iproute2-6.1.0, libbpf 1.1.0\n").await),
            other => {
                let text = format!("Option \"-{other}\" is unknown, try \"ip -help\".");
                return util::fail(&proc, 255, &text).await;
            }
        }
    }
    let Some(object) = args.next() else { return util::fail(&proc, if busybox { 1 } else { 255 }, usage).await };
    let is = |full: &str, least: usize| object.len() >= least && full.starts_with(object.as_str());
    let command = args.next().map_or("show", String::as_str);
    if matches!(command, "add" | "del" | "delete" | "set" | "flush" | "replace" | "change" | "append") {
        let text = if busybox {
            "ip: RTNETLINK answers: Operation not permitted"
        } else {
            "RTNETLINK answers: Operation not permitted"
        };
        return util::fail(&proc, 2, text).await;
    }
    let mut rest: Vec<&str> = args.map(String::as_str).collect();
    if !matches!(command, "show" | "list" | "ls" | "sh" | "s" | "l" | "get") {
        rest.insert(0, command);
    }
    let text = if is("address", 1) || is("link", 1) {
        show.device = rest.iter().find(|w| **w != "dev").map(|w| (*w).to_owned());
        let all = links(proc.net());
        if let Some(device) = &show.device
            && !all.iter().any(|l| l.name == *device)
        {
            let (text, code) = if busybox {
                (format!("ip: can't find device '{device}'"), 1)
            } else {
                (format!("Device \"{device}\" does not exist."), 1)
            };
            return util::fail(&proc, code, &text).await;
        }
        addresses(&all, &show, is("link", 1), busybox)
    } else if is("route", 1) {
        if command == "get" {
            let Some(to) = rest.first().and_then(|t| resolve::literal(t)) else {
                let text = "Error: any valid prefix is expected rather than \"get\".";
                return util::fail(&proc, 1, text).await;
            };
            route_to(proc.net(), to)
        } else {
            routes(proc.net(), busybox)
        }
    } else if is("neighbor", 1) || is("neighbour", 1) || is("rule", 2) {
        String::new()
    } else if is("help", 1) {
        return util::fail(&proc, if busybox { 1 } else { 255 }, usage).await;
    } else if busybox {
        return util::fail(&proc, 1, &format!("ip: invalid argument '{object}' to 'ip'")).await;
    } else {
        let text = format!("Object \"{object}\" is unknown, try \"ip help\".");
        return util::fail(&proc, 1, &text).await;
    };
    util::done(proc.print(&text).await)
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
        let first = format!("{}: {name}: <{flags}> mtu {mtu} qdisc noqueue {details}", link.index);
        let second = format!("    link/{kind} {} brd {edge}{peer}", link.mac);
        let wrap = if show.one_line { "\\" } else { "\n" };
        if only_links || !show.one_line {
            let second = if show.family.is_some() && !only_links { String::new() } else { format!("{wrap}{second}") };
            text.push_str(&format!("{first}{second}\n"));
        }
        if only_links {
            continue;
        }
        for (ip, prefix) in shown {
            let line = match ip {
                IpAddr::V4(_) if loopback => format!("inet {ip}/{prefix} scope host lo"),
                IpAddr::V4(v4) => {
                    format!("inet {ip}/{prefix} brd {} scope global {}", broadcast(v4, prefix), link.name)
                }
                IpAddr::V6(_) if loopback => format!("inet6 {ip}/{prefix} scope host "),
                IpAddr::V6(_) => format!("inet6 {ip}/{prefix} scope global "),
            };
            let lead = if show.one_line { format!("{}: {}    ", link.index, link.name) } else { "    ".into() };
            text.push_str(&format!("{lead}{line}{wrap}       valid_lft forever preferred_lft forever\n"));
        }
    }
    text
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

fn route_to(net: &NetNs, to: IpAddr) -> String {
    let networks = networks(net);
    let here = |ip: Ipv4Addr| networks.iter().find(|(n, p, ..)| network(ip, *p) == *n);
    match (to, networks.first()) {
        (IpAddr::V4(ip), _) if ip.is_loopback() || networks.iter().any(|(.., source)| *source == ip) => {
            format!("local {ip} dev lo src {ip} uid 0 \n    cache <local> \n")
        }
        (IpAddr::V4(ip), Some((_, _, device, source))) => match here(ip) {
            Some((_, _, device, source)) => format!("{ip} dev {device} src {source} uid 0 \n    cache \n"),
            None => {
                let via = net.gateway().map(|g| format!("via {g} ")).unwrap_or_default();
                format!("{ip} {via}dev {device} src {source} uid 0 \n    cache \n")
            }
        },
        _ => "RTNETLINK answers: Network is unreachable\n".into(),
    }
}

/// `netstat -r`, `route -n`.
pub fn routing_table(net: &NetNs) -> String {
    let mut text = String::from(
        "Kernel IP routing table\nDestination     Gateway         Genmask         Flags   MSS Window  irtt Iface\n",
    );
    let mut row = |to: String, via: String, mask: String, flags: &str, device: &str| {
        text.push_str(&format!("{to:<15} {via:<15} {mask:<15} {flags:<5}     0 0          0 {device}\n"));
    };
    let networks = networks(net);
    let zero = || "0.0.0.0".to_owned();
    if let (Some(gateway), Some((_, _, device, _))) = (net.gateway(), networks.first()) {
        row(zero(), gateway.to_string(), zero(), "UG", device);
    }
    for (network, prefix, device, _) in &networks {
        row(network.to_string(), zero(), Ipv4Addr::from(mask(*prefix)).to_string(), "U", device);
    }
    text
}

pub async fn ifconfig(proc: Proc, ctx: Context) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let argv = proc.argv();
    let wanted = argv.iter().skip(1).find(|a| !a.starts_with('-'));
    if argv.iter().skip(1).filter(|a| !a.starts_with('-')).count() > 1 {
        return util::fail(&proc, 1, "SIOCSIFFLAGS: Operation not permitted").await;
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
                let scope = if link.is_loopback() { "0x10<host>" } else { "0x0<global>" };
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
                let scope = if link.is_loopback() { "Host" } else { "Global" };
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
