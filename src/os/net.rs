//! Networks: namespaces with interfaces and sockets, joined by routes. TCP only as far as programs
//! can see it: listen, accept, connect, refused, reset, half-close, who is at the other end.

use std::{
    net::{IpAddr, SocketAddr},
    rc::Rc,
};

use super::{Errno, Pid, Proc};
use crate::sim::SimTime;

/// The fabric that joins network namespaces: who has which address.
#[derive(Clone)]
pub struct Network(Rc<()>);

impl Network {
    pub fn new(sim: &crate::sim::Sim) -> Network {
        todo!()
    }
    /// A namespace with `lo` only.
    pub fn namespace(&self, name: &str) -> NetNs {
        todo!()
    }
    /// Calls `tap` with everything that happens on the network. For the picture and the timeline.
    pub fn set_tap(&self, tap: impl Fn(&NetEvent) + 'static) {
        todo!()
    }
    /// Reports an application-level request (HTTP method, path, status) to the tap.
    pub fn report(&self, event: NetEvent) {
        todo!()
    }
}

/// Something that happened on the network, in words for the picture.
#[derive(Clone, Debug)]
pub struct NetEvent {
    pub at: SimTime,
    pub kind: NetEventKind,
    pub from: SocketAddr,
    pub to: SocketAddr,
    /// Names of the namespaces at both ends, as given to [`Network::namespace`].
    pub from_ns: String,
    pub to_ns: Option<String>,
    pub pid: Option<Pid>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetEventKind {
    Listen,
    /// bind(2) failed with EADDRINUSE.
    Clash,
    Closed,
    Connect,
    Refused,
    TimedOut,
    Request {
        method: String,
        path: String,
        tls: bool,
    },
    Response {
        method: String,
        path: String,
        status: u16,
    },
}

/// A network namespace.
#[derive(Clone)]
pub struct NetNs(Rc<()>);

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
    pub host_pid: Pid,
    pub comm: String,
}

impl NetNs {
    pub fn name(&self) -> String {
        todo!()
    }
    pub fn same(&self, other: &NetNs) -> bool {
        todo!()
    }
    /// Adds an interface and routes its address to here. EADDRINUSE if the address is taken.
    pub fn add_interface(&self, name: &str, addr: IpAddr, prefix: u8, gateway: Option<IpAddr>) -> Result<(), Errno> {
        todo!()
    }
    /// Leaves the network: its addresses route nowhere, open connections hang.
    pub fn disconnect(&self) {
        todo!()
    }
    pub fn reconnect(&self) {
        todo!()
    }
    pub fn interfaces(&self) -> Vec<Interface> {
        todo!()
    }
    pub fn gateway(&self) -> Option<IpAddr> {
        todo!()
    }
    /// The first address that isn't loopback.
    pub fn primary(&self) -> Option<IpAddr> {
        todo!()
    }
    /// socket + bind + listen. `0.0.0.0` and `::` (dual-stack) take every address. Port 0 picks one.
    /// EADDRINUSE if taken, EADDRNOTAVAIL if the address isn't ours, EACCES for a port below 1024
    /// without root.
    pub fn listen(&self, owner: &Proc, addr: SocketAddr) -> Result<TcpListener, Errno> {
        todo!()
    }
    /// ECONNREFUSED if nobody listens, EHOSTUNREACH/ETIMEDOUT (after 127 s) if nobody has the
    /// address, ENETUNREACH without a route.
    pub async fn connect(&self, owner: Option<&Proc>, to: SocketAddr) -> Result<TcpStream, Errno> {
        todo!()
    }
    /// Listening and connected sockets, listeners first, by port.
    pub fn sockets(&self) -> Vec<SocketInfo> {
        todo!()
    }
}

/// A listening socket; dropping it closes it.
pub struct TcpListener(());

impl TcpListener {
    /// A connection and its peer. On a dual-stack (`::`) listener an IPv4 peer is `::ffff:a.b.c.d`.
    pub async fn accept(&self) -> Result<TcpStream, Errno> {
        todo!()
    }
    pub fn local_addr(&self) -> SocketAddr {
        todo!()
    }
}

/// A connection; dropping the last clone closes it.
#[derive(Clone)]
pub struct TcpStream(Rc<()>);

impl TcpStream {
    /// Empty when the peer has finished sending; ECONNRESET if it went with data unread.
    pub async fn read(&self, max: usize) -> Result<Vec<u8>, Errno> {
        todo!()
    }
    pub async fn write_all(&self, data: &[u8]) -> Result<(), Errno> {
        todo!()
    }
    /// Half-close: the peer reads the end of the stream.
    pub fn shutdown(&self) {
        todo!()
    }
    pub fn local_addr(&self) -> SocketAddr {
        todo!()
    }
    pub fn peer_addr(&self) -> SocketAddr {
        todo!()
    }
}
