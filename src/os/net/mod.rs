//! Networks: namespaces with interfaces and sockets, joined by routes. TCP only as far as programs
//! can see it: listen, accept, connect, refused, reset, half-close, who is at the other end.
//!
//! The fabric holds its namespaces weakly and a namespace its listeners; sockets belong to those who
//! opened them and go with them.

mod fabric;
mod namespace;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::{net::SocketAddr, rc::Rc};

use super::{Pid, Proc};
use crate::sim::SimTime;

pub use fabric::{Flow, Nat, Network};
pub use namespace::{Interface, ListenOptions, NetNs, SocketInfo};
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;

/// Something that happened on the network, in words for the picture.
#[derive(Clone, Debug)]
pub struct NetEvent {
    pub at: SimTime,
    pub kind: NetEventKind,
    pub from: SocketAddr,
    pub to: SocketAddr,
    /// Names of the namespaces at both ends, as given to [`Network::namespace`].
    pub from_ns: Rc<str>,
    pub to_ns: Option<Rc<str>>,
    /// Host pid of the process that caused it.
    pub pid: Option<Pid>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetEventKind {
    Listen,
    /// bind(2) failed with EADDRINUSE.
    Clash,
    /// A listening socket is gone.
    Closed,
    Connect,
    Refused,
    /// No answer, or nobody has the address.
    TimedOut,
    Request {
        method: Rc<str>,
        path: Rc<str>,
        tls: bool,
    },
    Response {
        method: Rc<str>,
        path: Rc<str>,
        status: u16,
    },
}

/// Who holds a socket.
#[derive(Clone)]
struct Owner {
    host_pid: Pid,
    /// `None`: the kubelet, which is no process.
    comm: Option<Rc<str>>,
}

impl Owner {
    fn of(proc: Option<&Proc>) -> Owner {
        match proc {
            Some(proc) => Owner { host_pid: proc.host_pid(), comm: Some(proc.comm()) },
            None => Owner { host_pid: 0, comm: None },
        }
    }

    fn comm(&self) -> &str {
        self.comm.as_deref().unwrap_or("-")
    }

    fn pid(&self) -> Option<Pid> {
        (self.host_pid != 0).then_some(self.host_pid)
    }
}
