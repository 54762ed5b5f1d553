//! A network namespace: interfaces, ports, sockets.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::{Rc, Weak},
    time::Duration,
};

use super::{
    Flow, Nat, NetEvent, NetEventKind, Network, Owner, Pid, Proc, TcpListener, TcpStream,
    fabric::Route,
    tcp::{Endpoint, ListenerInner},
    udp::UdpInner,
};
use crate::{
    os::{Capability, Errno},
    sim::{Notify, VecMap, WaitQueue},
};

/// A network namespace.
#[derive(Clone)]
pub struct NetNs(pub(super) Rc<NsInner>);

pub(super) struct NsInner {
    pub(super) network: Network,
    pub(super) name: Rc<str>,
    /// Besides `lo`.
    pub(super) interfaces: RefCell<Vec<Interface>>,
    gateway: Cell<Option<IpAddr>>,
    pub(super) link: Rc<Link>,
    /// Of a host of the world outside: what a round trip takes.
    pub(super) distance: Cell<Option<Duration>>,
    /// With their addresses, by port.
    pub(super) listeners: RefCell<Vec<(SocketAddr, Rc<ListenerInner>)>>,
    /// UDP sockets by port.
    pub(super) datagrams: RefCell<BTreeMap<u16, Vec<Rc<UdpInner>>>>,
    /// By connection and side.
    pub(super) connections: RefCell<VecMap<(u64, usize), Weak<Endpoint>>>,
    next_port: Cell<u16>,
    unprivileged_ports: Cell<u16>,
}

/// A namespace's cable. Connections hold this, not the namespace: an idle connection doesn't keep
/// a dead pod's address taken.
pub(super) struct Link {
    pub(super) connected: Cell<bool>,
    pub(super) changed: WaitQueue,
}

impl Link {
    pub(super) fn set(&self, connected: bool) {
        self.connected.set(connected);
        self.changed.wake();
    }
}

#[derive(Clone, Debug)]
pub struct Interface {
    pub index: u32,
    pub name: String,
    pub addr: IpAddr,
    pub prefix: u8,
    pub mac: Option<String>,
}

/// A line of `ss -tan`.
#[derive(Clone, Debug)]
pub struct SocketInfo {
    pub state: &'static str,
    pub local: SocketAddr,
    pub peer: Option<SocketAddr>,
    /// Bytes that wait to be read; of a listener, connections that wait to be accepted.
    pub received: usize,
    /// Of a listener, how many connections may wait.
    pub backlog: usize,
    /// An IPv6 socket that takes IPv4 as well, or a connection that came to one.
    pub dual: bool,
    pub host_pid: Pid,
    pub comm: String,
}

/// Socket options that matter for [`NetNs::listen_with`].
#[derive(Clone, Copy, Debug)]
pub struct ListenOptions {
    /// IPV6_V6ONLY: `::` leaves IPv4 alone (nginx' `listen [::]:80`).
    pub v6only: bool,
    /// Connections that may wait to be accepted.
    pub backlog: usize,
}

impl Default for ListenOptions {
    fn default() -> Self {
        ListenOptions { v6only: false, backlog: 511 }
    }
}

const EPHEMERAL: std::ops::RangeInclusive<u16> = 32768..=60999;
/// Time for a handshake within a namespace and between two.
pub(super) const LOCAL_LATENCY: Duration = Duration::from_micros(50);
pub(super) const REMOTE_LATENCY: Duration = Duration::from_micros(300);
/// SYN retransmissions (tcp_syn_retries 6): 127 s in all.
const SYN_WAITS: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];
/// How long ARP tries.
const ARP_TRIES: u64 = 3;

pub(super) fn in_prefix(addr: IpAddr, net: IpAddr, prefix: u8) -> bool {
    match (addr, net) {
        (IpAddr::V4(a), IpAddr::V4(n)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            u32::from(a) & mask == u32::from(n) & mask
        }
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            u128::from(a) & mask == u128::from(n) & mask
        }
        _ => false,
    }
}

/// Those that listen on a port.
fn of_port(
    listeners: &[(SocketAddr, Rc<ListenerInner>)],
    port: u16,
) -> impl Iterator<Item = &(SocketAddr, Rc<ListenerInner>)> {
    let first = listeners.partition_point(|(addr, _)| addr.port() < port);
    listeners[first..].iter().take_while(move |(addr, _)| addr.port() == port)
}

/// `::ffff:a.b.c.d` as a.b.c.d.
pub(super) fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

impl NetNs {
    pub(super) fn new(network: &Network, name: &str) -> NetNs {
        NetNs(Rc::new(NsInner {
            network: network.clone(),
            name: name.into(),
            interfaces: RefCell::default(),
            gateway: Cell::new(None),
            link: Rc::new(Link { connected: Cell::new(true), changed: WaitQueue::default() }),
            distance: Cell::default(),
            listeners: RefCell::default(),
            datagrams: RefCell::default(),
            connections: RefCell::default(),
            next_port: Cell::new(*EPHEMERAL.start()),
            unprivileged_ports: Cell::new(1024),
        }))
    }

    pub fn name(&self) -> String {
        self.0.name.to_string()
    }

    pub fn shared_name(&self) -> Rc<str> {
        self.0.name.clone()
    }

    pub fn network(&self) -> &Network {
        &self.0.network
    }

    pub fn same(&self, other: &NetNs) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Adds an interface and routes its address to here. EADDRINUSE if the address is taken.
    pub fn add_interface(&self, name: &str, addr: IpAddr, prefix: u8, gateway: Option<IpAddr>) -> Result<(), Errno> {
        if !self.0.network.claim(addr, &self.0) {
            return Err(Errno::EADDRINUSE);
        }
        let mut interfaces = self.0.interfaces.borrow_mut();
        let known = interfaces.iter().find(|i| i.name == name).map(|i| i.index);
        let index = known.unwrap_or_else(|| interfaces.iter().map(|i| i.index).max().unwrap_or(1) + 1);
        let mac = match addr {
            IpAddr::V4(a) => {
                let [a, b, c, d] = a.octets();
                format!("0a:58:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
            }
            IpAddr::V6(a) => {
                let o = a.octets();
                format!("0a:58:{:02x}:{:02x}:{:02x}:{:02x}", o[12], o[13], o[14], o[15])
            }
        };
        interfaces.reserve_exact(1);
        interfaces.push(Interface { index, name: name.to_owned(), addr, prefix, mac: Some(mac) });
        if gateway.is_some() {
            self.0.gateway.set(gateway);
        }
        Ok(())
    }

    /// Removes an interface: its addresses are free for others.
    pub fn remove_interface(&self, name: &str) {
        let mut interfaces = self.0.interfaces.borrow_mut();
        for interface in interfaces.iter().filter(|i| i.name == name) {
            self.0.network.release(interface.addr);
        }
        interfaces.retain(|i| i.name != name);
    }

    /// Leaves the network: its addresses route nowhere, open connections hang.
    pub fn disconnect(&self) {
        self.0.link.set(false);
    }

    pub fn reconnect(&self) {
        self.0.link.set(true);
    }

    pub fn is_connected(&self) -> bool {
        self.0.link.connected.get()
    }

    /// `lo` and the others, by index.
    pub fn interfaces(&self) -> Vec<Interface> {
        let lo = |addr, prefix| Interface { index: 1, name: "lo".to_owned(), addr, prefix, mac: None };
        let mut all = vec![lo(Ipv4Addr::LOCALHOST.into(), 8), lo(Ipv6Addr::LOCALHOST.into(), 128)];
        all.extend(self.0.interfaces.borrow().iter().cloned());
        all
    }

    pub fn gateway(&self) -> Option<IpAddr> {
        self.0.gateway.get()
    }

    /// The first address that isn't loopback.
    pub fn primary(&self) -> Option<IpAddr> {
        self.0.interfaces.borrow().first().map(|i| i.addr)
    }

    pub(super) fn has_address(&self, addr: IpAddr) -> bool {
        addr.is_loopback() || self.0.interfaces.borrow().iter().any(|i| i.addr == addr)
    }

    /// socket + bind + listen. `0.0.0.0` and `::` (dual-stack) take every address. Port 0 picks one.
    /// EADDRINUSE if taken, EADDRNOTAVAIL if the address isn't ours, EACCES for a port below
    /// [`NetNs::unprivileged_port_start`] without CAP_NET_BIND_SERVICE.
    pub fn listen(&self, owner: &Proc, addr: SocketAddr) -> Result<TcpListener, Errno> {
        self.listen_with(owner, addr, ListenOptions::default())
    }

    /// [`NetNs::listen`] with options.
    pub fn listen_with(&self, owner: &Proc, addr: SocketAddr, options: ListenOptions) -> Result<TcpListener, Errno> {
        let mut addr = canonical(addr);
        let ip = addr.ip();
        if !ip.is_unspecified() && !self.has_address(ip) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let owner_info = Owner::of(Some(owner));
        if addr.port() == 0 {
            addr.set_port(self.free_port().ok_or(Errno::EADDRINUSE)?);
        } else if addr.port() < self.unprivileged_port_start()
            && !owner.capabilities().has(Capability::NET_BIND_SERVICE)
        {
            return Err(Errno::EACCES);
        }
        let listener = ListenerInner::new(addr, options, owner_info.clone());
        let taken = {
            let mut listeners = self.0.listeners.borrow_mut();
            let taken = of_port(&listeners, addr.port()).any(|(_, other)| other.clashes_with(&listener));
            if !taken {
                let at = listeners.partition_point(|(other, _)| other.port() <= addr.port());
                listeners.insert(at, (addr, listener.clone()));
            }
            taken
        };
        let kind = if taken { NetEventKind::Clash } else { NetEventKind::Listen };
        self.tell(kind, addr, addr, Some(self.0.name.clone()), owner_info.pid());
        if taken { Err(Errno::EADDRINUSE) } else { Ok(TcpListener::new(listener, self.clone())) }
    }

    /// net.ipv4.ip_unprivileged_port_start: the first port that others than root may listen on. 1024
    /// from the start; containerd sets 0 in a pod's namespace.
    pub fn set_unprivileged_port_start(&self, port: u16) {
        self.0.unprivileged_ports.set(port);
    }

    pub fn unprivileged_port_start(&self) -> u16 {
        self.0.unprivileged_ports.get()
    }

    fn free_port(&self) -> Option<u16> {
        let listeners = self.0.listeners.borrow();
        self.next_free(|port| of_port(&listeners, port).next().is_some())
    }

    /// The next ephemeral port that isn't taken.
    pub(super) fn next_free(&self, taken: impl Fn(u16) -> bool) -> Option<u16> {
        for _ in EPHEMERAL {
            let port = self.0.next_port.get();
            self.0.next_port.set(if port == *EPHEMERAL.end() { *EPHEMERAL.start() } else { port + 1 });
            if !taken(port) {
                return Some(port);
            }
        }
        None
    }

    /// ECONNREFUSED if nobody listens, EHOSTUNREACH (after 3 s) if nobody has an address of a
    /// network at hand, ETIMEDOUT (after 127 s) if packets get lost, ENETUNREACH without a route.
    pub async fn connect(&self, owner: Option<&Proc>, to: SocketAddr) -> Result<TcpStream, Errno> {
        let owner = Owner::of(owner);
        let dialled = match canonical(to) {
            to if !to.ip().is_unspecified() => to,
            to if to.is_ipv4() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), to.port()),
            to => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), to.port()),
        };
        let source = self.source_for(dialled.ip()).ok_or(Errno::ENETUNREACH)?;
        let verdict = self.0.network.translate(&Flow { from: source, to: dialled, udp: false });
        let (to, lost) = match verdict {
            Some(Nat::To(backend)) => (backend, false),
            Some(Nat::Drop) => (dialled, true),
            _ => (dialled, false),
        };
        let source = self.source_for(to.ip()).unwrap_or(source);
        let local = SocketAddr::new(source, self.free_port().ok_or(Errno::EADDRNOTAVAIL)?);
        let sim = self.0.network.0.sim.clone();
        if verdict == Some(Nat::Refuse) {
            sim.sleep(LOCAL_LATENCY).await;
            self.tell(NetEventKind::Refused, local, to, None, owner.pid());
            return Err(Errno::ECONNREFUSED);
        }
        let mut arp_tries = 0;
        let mut syns = SYN_WAITS.iter();
        loop {
            let target = match self.0.network.route(self, to.ip()) {
                _ if lost => None,
                Route::Here => Some(self.clone()),
                Route::To(ns) => Some(NetNs(ns)),
                Route::NoNeighbour if arp_tries == ARP_TRIES => {
                    self.tell(NetEventKind::TimedOut, local, to, None, owner.pid());
                    return Err(Errno::EHOSTUNREACH);
                }
                Route::NoNeighbour => {
                    arp_tries += 1;
                    sim.sleep(Duration::from_secs(1)).await;
                    continue;
                }
                Route::Lost => None,
            };
            if let Some(target) = target {
                sim.sleep(self.round_trip(&target)).await;
                let name = || Some(target.0.name.clone());
                match target.find_listener(to) {
                    None => {
                        self.tell(NetEventKind::Refused, local, to, name(), owner.pid());
                        return Err(Errno::ECONNREFUSED);
                    }
                    Some(listener) if listener.has_room() => {
                        self.tell(NetEventKind::Connect, local, to, name(), owner.pid());
                        let outside = target.0.distance.get().is_some() && self.0.distance.get().is_none();
                        let public = self.0.network.public_address().filter(|_| outside);
                        let shown = SocketAddr::new(public.unwrap_or(source), local.port());
                        return Ok(TcpStream::connect(self, [local, shown], dialled, owner, &target, to, &listener));
                    }
                    // The backlog is full: the SYN is dropped.
                    Some(_) => {}
                }
            }
            let Some(wait) = syns.next() else {
                self.tell(NetEventKind::TimedOut, local, to, None, owner.pid());
                return Err(Errno::ETIMEDOUT);
            };
            sim.sleep(Duration::from_secs(*wait)).await;
        }
    }

    /// What a packet there and back takes. Ways through the world outside differ a little from time to time.
    pub(super) fn round_trip(&self, target: &NetNs) -> Duration {
        match target.0.distance.get().or(self.0.distance.get()) {
            _ if target.same(self) => LOCAL_LATENCY,
            None => REMOTE_LATENCY,
            Some(distance) => {
                let mixed = (self.0.network.0.sim.now().as_nanos() / 1000).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
                // Up to an eighth more.
                REMOTE_LATENCY + distance + distance * (mixed as u32) / 2048
            }
        }
    }

    /// One ICMP echo: the round-trip time. ENETUNREACH without a route, EHOSTUNREACH after 3 s if
    /// nobody has an address of a network at hand; waits for ever if packets get lost.
    pub async fn ping(&self, to: IpAddr) -> Result<Duration, Errno> {
        let to = to.to_canonical();
        let network = &self.0.network;
        self.source_for(to).ok_or(Errno::ENETUNREACH)?;
        let sim = network.0.sim.clone();
        let start = sim.now();
        for _ in 0..ARP_TRIES {
            match network.route(self, to) {
                Route::Here => sim.sleep(LOCAL_LATENCY).await,
                Route::To(target) => sim.sleep(self.round_trip(&NetNs(target))).await,
                Route::Lost => std::future::pending().await,
                Route::NoNeighbour => {
                    sim.sleep(Duration::from_secs(1)).await;
                    continue;
                }
            }
            return Ok(sim.now().since(start));
        }
        Err(Errno::EHOSTUNREACH)
    }

    /// The address that packets to `to` come from.
    pub(super) fn source_for(&self, to: IpAddr) -> Option<IpAddr> {
        if to.is_loopback() {
            return Some(if to.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        if self.has_address(to) {
            return Some(to);
        }
        self.0.interfaces.borrow().iter().map(|i| i.addr).find(|a| a.is_ipv4() == to.is_ipv4())
    }

    fn find_listener(&self, to: SocketAddr) -> Option<Rc<ListenerInner>> {
        let listeners = self.0.listeners.borrow();
        let there = || of_port(&listeners, to.port());
        let found = there().find(|(addr, _)| addr.ip() == to.ip()).or_else(|| there().find(|(_, l)| l.takes(to.ip())));
        found.map(|(_, listener)| listener.clone())
    }

    /// If whoever listens at `to` answers the same way as long as it does: its end.
    pub fn steady(&self, to: SocketAddr) -> Option<Notify> {
        let target = match self.0.network.route(self, to.ip()) {
            Route::Here => self.clone(),
            Route::To(ns) => NetNs(ns),
            _ => return None,
        };
        let listener = target.find_listener(to)?;
        if listener.asleep.get() {
            return None;
        }
        listener.steady.get().cloned()
    }

    /// A process was stopped by a signal, or goes on: what it serves isn't steady meanwhile.
    pub(in crate::os) fn process_sleeps(&self, host_pid: Pid, asleep: bool) {
        for (_, listener) in self.0.listeners.borrow().iter().filter(|(_, l)| l.owner.host_pid == host_pid) {
            listener.asleep.set(asleep);
            if let Some(steady) = listener.steady.get() {
                steady.notify();
            }
        }
    }

    /// UDP sockets, by port.
    pub fn datagram_sockets(&self) -> Vec<SocketInfo> {
        self.0.datagrams.borrow().values().flatten().map(|socket| socket.info()).collect()
    }

    /// Listening and connected sockets, listeners first, by port.
    pub fn sockets(&self) -> Vec<SocketInfo> {
        let listening = self.0.listeners.borrow();
        let of_dual = |port: u16| of_port(&listening, port).any(|(_, l)| l.info().dual);
        let connections = self.0.connections.borrow();
        let mut connected: Vec<SocketInfo> =
            connections.values().filter_map(Weak::upgrade).map(|end| end.info()).collect();
        for socket in &mut connected {
            socket.dual = socket.local.is_ipv4() && of_dual(socket.local.port());
        }
        connected.sort_by_key(|s| (s.local.port(), s.peer));
        listening.iter().map(|(_, l)| l.info()).chain(connected).collect()
    }

    /// A file of /proc/net.
    pub(in crate::os) fn proc_table(&self, name: &str) -> String {
        match name {
            "dev" => self.device_table(),
            "route" => self.route_table(),
            _ => self.socket_table(name.starts_with("udp"), name.ends_with('6')),
        }
    }

    /// Packets aren't counted.
    fn device_table(&self) -> String {
        let mut names: Vec<String> = self.interfaces().into_iter().map(|interface| interface.name).collect();
        names.dedup();
        let line = |name: String| {
            let received = format!("{:>7} {:>7} {:>4} {:>4} {:>4} {:>5} {:>10} {:>9}", 0, 0, 0, 0, 0, 0, 0, 0);
            let sent = format!("{:>8} {:>7} {:>4} {:>4} {:>4} {:>5} {:>7} {:>10}", 0, 0, 0, 0, 0, 0, 0, 0);
            format!("{name:>6}: {received} {sent}\n")
        };
        "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed \
         multicast|bytes    packets errs drop fifo colls carrier compressed\n"
            .to_owned()
            + &names.into_iter().map(line).collect::<String>()
    }

    fn route_table(&self) -> String {
        let mut table = String::from(
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       \n",
        );
        let mut row = |name: &str, to: u32, via: u32, flags: u32, mask: u32| {
            let [to, via, mask] = [to, via, mask].map(u32::swap_bytes);
            let line = format!("{name}\t{to:08X}\t{via:08X}\t{flags:04X}\t0\t0\t0\t{mask:08X}\t0\t0\t0");
            table.push_str(&format!("{line:<127}\n"));
        };
        let interfaces = self.0.interfaces.borrow();
        if let (Some(IpAddr::V4(gateway)), Some(first)) = (self.gateway(), interfaces.first()) {
            row(&first.name, 0, u32::from(gateway), 3, 0);
        }
        for interface in interfaces.iter() {
            if let IpAddr::V4(ip) = interface.addr {
                let mask = u32::MAX.checked_shl(32 - u32::from(interface.prefix.min(32))).unwrap_or(0);
                row(&interface.name, u32::from(ip) & mask, 0, 1, mask);
            }
        }
        table
    }

    /// /proc/net/tcp, tcp6, udp or udp6.
    fn socket_table(&self, udp: bool, v6: bool) -> String {
        let mut table = String::from(match (udp, v6) {
            (false, false) => {
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n"
            }
            (false, true) => {
                "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
            }
            (true, false) => {
                "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            \n"
            }
            (true, true) => {
                "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
            }
        });
        let hex = |addr: SocketAddr| match addr.ip() {
            IpAddr::V4(ip) if v6 => {
                format!("0000000000000000FFFF0000{:08X}:{:04X}", u32::from(ip).swap_bytes(), addr.port())
            }
            IpAddr::V4(ip) => format!("{:08X}:{:04X}", u32::from(ip).swap_bytes(), addr.port()),
            IpAddr::V6(ip) => {
                let words = ip.octets();
                let words: String =
                    words.chunks(4).map(|w| format!("{:02X}{:02X}{:02X}{:02X}", w[3], w[2], w[1], w[0])).collect();
                format!("{words}:{:04X}", addr.port())
            }
        };
        let of_family = |s: &SocketInfo| (s.local.is_ipv6() || s.peer.is_some() && s.dual) == v6;
        let sockets = if udp { self.datagram_sockets() } else { self.sockets() };
        for (n, socket) in sockets.into_iter().filter(of_family).enumerate() {
            let any: IpAddr = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
            let peer = socket.peer.unwrap_or(SocketAddr::new(any, 0));
            let state = match socket.state {
                "LISTEN" => "0A",
                "CLOSE-WAIT" => "08",
                "FIN-WAIT-2" => "05",
                "UNCONN" => "07",
                _ => "01",
            };
            let (local, peer) = (hex(socket.local), hex(peer));
            let end = if udp { "2 0000000000000000 0" } else { "1 0000000000000000 100 0 0 10 0" };
            let line = format!(
                "{n:>0$}: {local} {peer} {state} 00000000:{1:08X} 00:00000000 00000000     0        0 0 {end}",
                if udp { 5 } else { 4 },
                socket.received
            );
            // IPv4's lines are filled up.
            let width = match (udp, v6) {
                (false, false) => 149,
                (true, false) => 127,
                _ => 0,
            };
            table.push_str(&format!("{line:<width$}\n"));
        }
        table
    }

    pub(super) fn tell(
        &self,
        kind: NetEventKind,
        from: SocketAddr,
        to: SocketAddr,
        to_ns: Option<Rc<str>>,
        pid: Option<Pid>,
    ) {
        let network = &self.0.network;
        if network.is_tapped() {
            let at = network.0.sim.now();
            network.report(NetEvent { at, kind, from, to, from_ns: self.0.name.clone(), to_ns, pid });
        }
    }
}

impl Drop for NsInner {
    fn drop(&mut self) {
        for interface in self.interfaces.borrow().iter() {
            self.network.release(interface.addr);
        }
        self.link.set(false);
    }
}
