//! TCP sockets.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::VecDeque,
    future::poll_fn,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    rc::{Rc, Weak},
    task::{Context, Poll},
};

use super::{
    ListenOptions, NetEventKind, NetNs, Owner, SocketInfo,
    namespace::{Link, NsInner},
};
use crate::{
    os::{Errno, pipe::take_front},
    sim::{Notify, WaitQueue},
};

/// A listening socket; dropping it closes it.
pub struct TcpListener {
    inner: Rc<ListenerInner>,
    ns: NetNs,
}

pub(super) struct ListenerInner {
    pub(super) addr: SocketAddr,
    options: ListenOptions,
    pub(super) owner: Owner,
    queue: RefCell<VecDeque<TcpStream>>,
    arrived: WaitQueue,
    /// See [`TcpListener::set_steady`]; notified when it closes.
    pub(super) steady: OnceCell<Notify>,
    /// Its process is stopped by a signal.
    pub(super) asleep: Cell<bool>,
}

impl ListenerInner {
    pub(super) fn new(addr: SocketAddr, options: ListenOptions, owner: Owner) -> Rc<ListenerInner> {
        Rc::new(ListenerInner {
            addr,
            options,
            owner,
            queue: RefCell::default(),
            arrived: WaitQueue::default(),
            steady: OnceCell::new(),
            asleep: Cell::new(false),
        })
    }

    /// Whether connections to `ip` come here.
    pub(super) fn takes(&self, ip: IpAddr) -> bool {
        match self.addr.ip() {
            IpAddr::V4(any) if any.is_unspecified() => ip.is_ipv4(),
            IpAddr::V6(any) if any.is_unspecified() => ip.is_ipv6() || !self.options.v6only,
            own => own == ip,
        }
    }

    fn is_wildcard(&self) -> bool {
        self.addr.ip().is_unspecified()
    }

    /// Linux' rule for two listening sockets of one port, SO_REUSEADDR or not.
    pub(super) fn clashes_with(&self, other: &ListenerInner) -> bool {
        match (self.is_wildcard(), other.is_wildcard()) {
            (false, false) => self.addr.ip() == other.addr.ip(),
            (true, false) => self.takes(other.addr.ip()),
            (false, true) => other.takes(self.addr.ip()),
            (true, true) => {
                let v4 = |l: &ListenerInner| l.addr.is_ipv4() || !l.options.v6only;
                self.addr.is_ipv4() == other.addr.is_ipv4() || (v4(self) && v4(other))
            }
        }
    }

    pub(super) fn info(&self) -> SocketInfo {
        SocketInfo {
            state: "LISTEN",
            local: self.addr,
            peer: None,
            received: self.queue.borrow().len(),
            backlog: self.options.backlog,
            dual: self.addr.ip() == std::net::Ipv6Addr::UNSPECIFIED && !self.options.v6only,
            host_pid: self.owner.host_pid,
            comm: self.owner.comm().to_owned(),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.queue.borrow().len() <= self.options.backlog
    }
}

impl TcpListener {
    pub(super) fn new(inner: Rc<ListenerInner>, ns: NetNs) -> TcpListener {
        TcpListener { inner, ns }
    }

    /// A connection and its peer. On a dual-stack (`::`) listener an IPv4 peer is `::ffff:a.b.c.d`.
    pub async fn accept(&self) -> Result<TcpStream, Errno> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<TcpStream, Errno>> {
        let next = self.inner.queue.borrow_mut().pop_front();
        match next {
            Some(stream) => Poll::Ready(Ok(stream)),
            None => {
                self.inner.arrived.register(cx);
                Poll::Pending
            }
        }
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.inner.addr
    }

    /// Declares that whoever serves here answers the same question the same way for as long as it listens, so that one
    /// who asks again and again needn't ([`NetNs::steady`]).
    pub fn set_steady(&self) {
        self.inner.steady.get_or_init(Notify::new);
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        let inner = &self.inner;
        self.ns.0.listeners.borrow_mut().retain(|(_, listener)| !Rc::ptr_eq(listener, inner));
        if let Some(steady) = inner.steady.get() {
            steady.notify();
        }
        // Whoever was never accepted is reset.
        for stream in inner.queue.take() {
            stream.reset();
        }
        self.ns.tell(NetEventKind::Closed, inner.addr, inner.addr, Some(self.ns.0.name.clone()), inner.owner.pid());
    }
}

/// Bytes that may be under way in one direction.
const WINDOW: usize = 64 * 1024;

/// One end's receiving side.
#[derive(Default)]
struct Inbox {
    data: RefCell<VecDeque<u8>>,
    /// The peer sends no more.
    finished: Cell<bool>,
    /// The peer reset the connection.
    reset: Cell<bool>,
    /// The reset was reported: from now on it's the end of the stream.
    reset_told: Cell<bool>,
    /// This end is closed: data that arrives is answered by a reset.
    closed: Cell<bool>,
    changed: WaitQueue,
    /// The peer's writers, waiting for room.
    room: WaitQueue,
}

struct Connection {
    inboxes: [Inbox; 2],
    links: [Rc<Link>; 2],
}

impl Connection {
    /// Whether packets pass; else whoever asks is woken when that may have changed.
    fn passes(&self, cx: &Context<'_>) -> bool {
        let [a, b] = &self.links;
        if Rc::ptr_eq(a, b) || (a.connected.get() && b.connected.get()) {
            return true;
        }
        a.changed.register(cx);
        b.changed.register(cx);
        false
    }
}

/// A connection; dropping the last clone closes it.
#[derive(Clone)]
pub struct TcpStream(Rc<Endpoint>);

/// One end of a connection.
pub(super) struct Endpoint {
    id: u64,
    /// 0: the client's end, 1: the server's.
    side: usize,
    connection: Rc<Connection>,
    ns: Weak<NsInner>,
    local: SocketAddr,
    peer: SocketAddr,
    owner: Owner,
}

impl Endpoint {
    fn inbox(&self) -> &Inbox {
        &self.connection.inboxes[self.side]
    }

    fn peer_inbox(&self) -> &Inbox {
        &self.connection.inboxes[1 - self.side]
    }

    fn send_reset(&self) {
        let peer = self.peer_inbox();
        peer.reset.set(true);
        peer.changed.wake();
        self.inbox().room.wake();
    }

    pub(super) fn info(&self) -> SocketInfo {
        let state = match (self.inbox().finished.get(), self.peer_inbox().finished.get()) {
            (true, false) => "CLOSE-WAIT",
            (false, true) => "FIN-WAIT-2",
            (true, true) => "LAST-ACK",
            (false, false) => "ESTAB",
        };
        SocketInfo {
            state,
            local: self.local,
            peer: Some(self.peer),
            received: self.inbox().data.borrow().len(),
            backlog: 0,
            dual: false,
            host_pid: self.owner.host_pid,
            comm: self.owner.comm().to_owned(),
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let inbox = self.inbox();
        inbox.closed.set(true);
        // Closing with data unread resets the connection.
        if !inbox.data.borrow().is_empty() {
            self.send_reset();
        } else {
            let peer = self.peer_inbox();
            peer.finished.set(true);
            peer.changed.wake();
            inbox.room.wake();
        }
        inbox.data.take();
        if let Some(ns) = self.ns.upgrade() {
            ns.connections.borrow_mut().remove(&(self.id, self.side));
        }
    }
}

impl TcpStream {
    /// A connection between a client and a listener's queue; returns the client's end. `local`: the client's
    /// address as it is, and as the server sees it.
    pub(super) fn connect(
        client: &NetNs,
        [local, shown]: [SocketAddr; 2],
        dialled: SocketAddr,
        owner: Owner,
        server: &NetNs,
        to: SocketAddr,
        listener: &Rc<ListenerInner>,
    ) -> TcpStream {
        let connection =
            Rc::new(Connection { inboxes: Default::default(), links: [client.0.link.clone(), server.0.link.clone()] });
        let id = client.0.network.next_connection();
        // A dual-stack socket sees IPv4 as mapped addresses.
        let seen = |addr: SocketAddr| match (listener.addr.ip(), addr.ip()) {
            (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V4(ip)) => {
                SocketAddr::new(ip.to_ipv6_mapped().into(), addr.port())
            }
            _ => addr,
        };
        let end = |side, local, peer, owner, ns: &NetNs| {
            let (connection, of) = (connection.clone(), Rc::downgrade(&ns.0));
            let end = Rc::new(Endpoint { id, side, connection, ns: of, local, peer, owner });
            ns.0.connections.borrow_mut().insert((id, side), Rc::downgrade(&end));
            TcpStream(end)
        };
        let server_end = end(1, seen(to), seen(shown), listener.owner.clone(), server);
        listener.queue.borrow_mut().push_back(server_end);
        listener.arrived.wake();
        end(0, local, dialled, owner, client)
    }

    /// Empty when the peer has finished sending; ECONNRESET if it went with data unread.
    pub async fn read(&self, max: usize) -> Result<Vec<u8>, Errno> {
        poll_fn(|cx| self.poll_read(cx, max)).await
    }

    pub fn poll_read(&self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Vec<u8>, Errno>> {
        if !self.0.connection.passes(cx) {
            return Poll::Pending;
        }
        let inbox = self.0.inbox();
        let data: Vec<u8> = { take_front(&mut inbox.data.borrow_mut(), max) };
        if !data.is_empty() {
            inbox.room.wake();
            return Poll::Ready(Ok(data));
        }
        if inbox.reset.get() && !inbox.reset_told.replace(true) {
            return Poll::Ready(Err(Errno::ECONNRESET));
        }
        if inbox.finished.get() || inbox.reset.get() || max == 0 {
            return Poll::Ready(Ok(data));
        }
        inbox.changed.register(cx);
        Poll::Pending
    }

    /// Everything until the peer has finished sending.
    pub async fn read_to_end(&self) -> Result<Vec<u8>, Errno> {
        let mut all = Vec::new();
        loop {
            let data = self.read(WINDOW).await?;
            if data.is_empty() {
                return Ok(all);
            }
            all.extend(data);
        }
    }

    /// EPIPE if this side was shut down or the peer has reset the connection. A peer that is gone
    /// answers the first write by a reset, so only the next one fails.
    pub async fn write_all(&self, data: &[u8]) -> Result<(), Errno> {
        let mut rest = data;
        poll_fn(|cx| self.poll_write(cx, &mut rest)).await
    }

    fn poll_write(&self, cx: &mut Context<'_>, data: &mut &[u8]) -> Poll<Result<(), Errno>> {
        let (inbox, peer) = (self.0.inbox(), self.0.peer_inbox());
        if inbox.reset.get() {
            let first = !inbox.reset_told.replace(true);
            return Poll::Ready(Err(if first { Errno::ECONNRESET } else { Errno::EPIPE }));
        }
        if peer.finished.get() {
            return Poll::Ready(Err(Errno::EPIPE));
        }
        if data.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if peer.closed.get() {
            inbox.reset.set(true);
            inbox.reset_told.set(true);
            inbox.changed.wake();
            return Poll::Ready(Ok(()));
        }
        let wrote = {
            let mut buffer = peer.data.borrow_mut();
            let n = (WINDOW - buffer.len()).min(data.len());
            buffer.extend(&data[..n]);
            *data = &data[n..];
            n
        };
        if wrote > 0 {
            peer.changed.wake();
        }
        if data.is_empty() {
            return Poll::Ready(Ok(()));
        }
        peer.room.register(cx);
        // A reset or a peer that closes must be heard too.
        inbox.changed.register(cx);
        Poll::Pending
    }

    /// Half-close: the peer reads the end of the stream.
    pub fn shutdown(&self) {
        let peer = self.0.peer_inbox();
        peer.finished.set(true);
        peer.changed.wake();
    }

    /// Resets the connection (close with SO_LINGER 0): the peer gets ECONNRESET.
    pub fn reset(&self) {
        self.0.send_reset();
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.0.local
    }

    pub fn peer_addr(&self) -> SocketAddr {
        self.0.peer
    }
}
