//! UDP sockets: datagrams that arrive after the way's latency, or don't.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    task::Poll,
};

use super::{
    Flow, Nat, NetNs, Owner, SocketInfo,
    fabric::Route,
    namespace::{LOCAL_LATENCY, REMOTE_LATENCY, canonical},
};
use crate::{
    os::{Capability, Errno, Proc},
    sim::WaitQueue,
};

/// Datagrams that wait to be read; more are dropped.
const QUEUE: usize = 256;

/// A bound socket; dropping it closes it.
pub struct UdpSocket {
    inner: Rc<UdpInner>,
    ns: NetNs,
}

type Received = Result<(Vec<u8>, SocketAddr), Errno>;

pub(super) struct UdpInner {
    addr: SocketAddr,
    owner: Owner,
    queue: RefCell<VecDeque<Received>>,
    arrived: WaitQueue,
    /// Behind which virtual address each peer stands that was asked for by one.
    virtuals: RefCell<BTreeMap<SocketAddr, SocketAddr>>,
}

impl UdpInner {
    fn takes(&self, ip: IpAddr) -> bool {
        let own = self.addr.ip();
        own == ip || own.is_unspecified() && (own.is_ipv6() || ip.is_ipv4())
    }

    fn push(&self, received: Received) {
        let mut queue = self.queue.borrow_mut();
        if queue.len() < QUEUE {
            queue.push_back(received);
        }
        drop(queue);
        self.arrived.wake();
    }

    pub(super) fn info(&self) -> SocketInfo {
        SocketInfo {
            state: "UNCONN",
            local: self.addr,
            peer: None,
            received: 0,
            backlog: 0,
            dual: self.addr.ip() == std::net::Ipv6Addr::UNSPECIFIED,
            host_pid: self.owner.host_pid,
            comm: self.owner.comm().to_owned(),
        }
    }
}

impl UdpSocket {
    /// socket + bind. Port 0 picks one. Errors as those of [`NetNs::listen`].
    pub fn bind(ns: &NetNs, owner: Option<&Proc>, addr: SocketAddr) -> Result<UdpSocket, Errno> {
        let mut addr = canonical(addr);
        if !addr.ip().is_unspecified() && !ns.has_address(addr.ip()) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let mut sockets = ns.0.datagrams.borrow_mut();
        if addr.port() == 0 {
            addr.set_port(ns.next_free(|port| sockets.contains_key(&port)).ok_or(Errno::EADDRINUSE)?);
        } else if addr.port() < ns.unprivileged_port_start()
            && owner.is_some_and(|owner| !owner.capabilities().has(Capability::NET_BIND_SERVICE))
        {
            return Err(Errno::EACCES);
        }
        let there = sockets.entry(addr.port()).or_default();
        let any = addr.ip().is_unspecified();
        if there.iter().any(|other| any || other.takes(addr.ip())) {
            return Err(Errno::EADDRINUSE);
        }
        let inner = Rc::new(UdpInner {
            addr,
            owner: Owner::of(owner),
            queue: RefCell::default(),
            arrived: WaitQueue::default(),
            virtuals: RefCell::default(),
        });
        there.push(inner.clone());
        drop(sockets);
        Ok(UdpSocket { inner, ns: ns.clone() })
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.inner.addr
    }

    /// Sends one datagram. ENETUNREACH without a route; whether it arrives nobody says, but that nobody is there is
    /// told by the next [`UdpSocket::receive`].
    pub fn send(&self, data: &[u8], to: SocketAddr) -> Result<(), Errno> {
        let dialled = canonical(to);
        let network = self.ns.network().clone();
        let source = self.ns.source_for(dialled.ip()).ok_or(Errno::ENETUNREACH)?;
        let to = match network.translate(&Flow { from: source, to: dialled, udp: true }) {
            None => dialled,
            Some(Nat::To(backend)) => {
                self.inner.virtuals.borrow_mut().insert(backend, dialled);
                backend
            }
            Some(Nat::Refuse) => {
                self.inner.push(Err(Errno::ECONNREFUSED));
                return Ok(());
            }
            Some(Nat::Drop) => return Ok(()),
        };
        let own = self.inner.addr.ip();
        let source = if own.is_unspecified() { self.ns.source_for(to.ip()).unwrap_or(source) } else { own };
        let from = SocketAddr::new(source, self.inner.addr.port());
        let (target, latency) = match network.route(&self.ns, to.ip()) {
            Route::Here => (self.ns.clone(), LOCAL_LATENCY),
            Route::To(ns) => {
                let target = NetNs(ns);
                let far = target.0.distance.get().is_some() || self.ns.0.distance.get().is_some();
                let latency = if far { self.ns.round_trip(&target) / 2 } else { REMOTE_LATENCY };
                (target, latency)
            }
            Route::NoNeighbour | Route::Lost => return Ok(()),
        };
        let (sender, data, sim) = (Rc::downgrade(&self.inner), data.to_vec(), network.0.sim.clone());
        sim.clone().spawn(async move {
            sim.sleep(latency).await;
            let receiver = {
                let sockets = target.0.datagrams.borrow();
                sockets.get(&to.port()).and_then(|there| there.iter().find(|one| one.takes(to.ip()))).cloned()
            };
            match (receiver, sender.upgrade()) {
                (Some(receiver), _) => {
                    let shown = receiver.virtuals.borrow().get(&from).copied().unwrap_or(from);
                    receiver.push(Ok((data, shown)));
                }
                // ICMP: port unreachable.
                (None, Some(sender)) => sender.push(Err(Errno::ECONNREFUSED)),
                (None, None) => {}
            }
        });
        Ok(())
    }

    /// The next datagram and who sent it. ECONNREFUSED: one that was sent found nobody.
    pub async fn receive(&self) -> Received {
        poll_fn(|cx| {
            let next = self.inner.queue.borrow_mut().pop_front();
            match next {
                Some(received) => Poll::Ready(received),
                None => {
                    self.inner.arrived.register(cx);
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        let mut sockets = self.ns.0.datagrams.borrow_mut();
        let port = self.inner.addr.port();
        if let Some(there) = sockets.get_mut(&port) {
            there.retain(|other| !Rc::ptr_eq(other, &self.inner));
            if there.is_empty() {
                sockets.remove(&port);
            }
        }
    }
}
