//! The fabric: who has which address, and the way from one namespace to another.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    rc::{Rc, Weak},
    time::Duration,
};

use super::{
    NetEvent, NetNs,
    namespace::{NsInner, in_prefix},
};
use crate::sim::Sim;

/// The fabric that joins network namespaces: who has which address.
#[derive(Clone)]
pub struct Network(pub(super) Rc<Fabric>);

type Tap = Rc<dyn Fn(NetEvent)>;
type Translation = Rc<dyn Fn(&Flow) -> Option<Nat>>;

/// A connection or datagram on its way.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    pub from: IpAddr,
    pub to: SocketAddr,
    pub udp: bool,
}

/// What is done to what goes to a virtual address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    To(SocketAddr),
    /// Answered by: nobody is there.
    Refuse,
    Drop,
}

pub(super) struct Fabric {
    pub(super) sim: Sim,
    addresses: RefCell<BTreeMap<IpAddr, Weak<NsInner>>>,
    tap: RefCell<Option<Tap>>,
    nat: RefCell<Option<Translation>>,
    /// Ports of hosts that lead to pods: host port to pod port.
    forwards: RefCell<BTreeMap<(SocketAddr, bool), SocketAddr>>,
    connections: Cell<u64>,
    /// Whether the world outside can be reached.
    outside: Cell<bool>,
    /// Behind which address the network hides from the world outside.
    public: Cell<Option<IpAddr>>,
}

/// Where packets for an address go.
pub(super) enum Route {
    /// To this very namespace.
    Here,
    To(Rc<NsInner>),
    /// On a network of ours, but nobody has it: ARP fails.
    NoNeighbour,
    /// Into the void.
    Lost,
}

impl Network {
    pub fn new(sim: &Sim) -> Network {
        Network(Rc::new(Fabric {
            sim: sim.clone(),
            addresses: RefCell::default(),
            tap: RefCell::default(),
            nat: RefCell::default(),
            forwards: RefCell::default(),
            connections: Cell::new(0),
            outside: Cell::new(true),
            public: Cell::default(),
        }))
    }

    /// A namespace with `lo` only.
    pub fn namespace(&self, name: &str) -> NetNs {
        NetNs::new(self, name)
    }

    /// A host of the world outside: round trips to it take `distance` more than within the network.
    pub fn outside_host(&self, name: &str, distance: Duration) -> NetNs {
        let host = self.namespace(name);
        host.0.distance.set(Some(distance));
        host.0.link.connected.set(self.0.outside.get());
        host
    }

    /// Cuts the world outside off, or joins it again. What is open to there hangs meanwhile.
    pub fn set_outside(&self, reachable: bool) {
        self.0.outside.set(reachable);
        let hosts: Vec<Rc<NsInner>> = self.0.addresses.borrow().values().filter_map(Weak::upgrade).collect();
        for host in hosts.iter().filter(|host| host.distance.get().is_some()) {
            host.link.set(reachable);
        }
    }

    pub fn is_outside_reachable(&self) -> bool {
        self.0.outside.get()
    }

    /// Source address translation on the way out: servers outside see connections come from `address`.
    pub fn set_public_address(&self, address: IpAddr) {
        self.0.public.set(Some(address));
    }

    pub(super) fn public_address(&self) -> Option<IpAddr> {
        self.0.public.get()
    }

    /// Whether `addr` is of the world outside.
    pub fn is_outside(&self, addr: IpAddr) -> bool {
        let owner = self.0.addresses.borrow().get(&addr).and_then(Weak::upgrade);
        owner.is_some_and(|owner| owner.distance.get().is_some())
    }

    /// Calls `tap` with everything that happens on the network. For the picture and the timeline.
    pub fn set_tap(&self, tap: impl Fn(NetEvent) + 'static) {
        *self.0.tap.borrow_mut() = Some(Rc::new(tap));
    }

    /// Translates destinations before they are routed: virtual addresses of services. The client goes
    /// on seeing the address that it dialled.
    pub fn set_nat(&self, nat: impl Fn(&Flow) -> Option<Nat> + 'static) {
        *self.0.nat.borrow_mut() = Some(Rc::new(nat));
    }

    /// Reports an application-level request (HTTP method, path, status) to the tap.
    pub fn report(&self, event: NetEvent) {
        let tap = self.0.tap.borrow().clone();
        if let Some(tap) = tap {
            tap(event);
        }
    }

    /// Whether somebody listens to events: without, nobody need make them up.
    pub fn is_tapped(&self) -> bool {
        self.0.tap.borrow().is_some()
    }

    /// The name of the namespace that has `addr`.
    pub fn name_of(&self, addr: IpAddr) -> Option<Rc<str>> {
        let owner = self.0.addresses.borrow().get(&addr).and_then(Weak::upgrade);
        owner.map(|owner| owner.name.clone())
    }

    /// Leads a host's port to a pod's, as the portmap plugin does; `None`: no more.
    pub fn forward(&self, port: SocketAddr, udp: bool, to: Option<SocketAddr>) {
        let mut forwards = self.0.forwards.borrow_mut();
        match to {
            Some(to) => forwards.insert((port, udp), to),
            None => forwards.remove(&(port, udp)),
        };
    }

    pub(super) fn translate(&self, flow: &Flow) -> Option<Nat> {
        let nat = self.0.nat.borrow().clone();
        let forward = || self.0.forwards.borrow().get(&(flow.to, flow.udp)).copied().map(Nat::To);
        nat.and_then(|nat| nat(flow)).or_else(forward)
    }

    pub(super) fn next_connection(&self) -> u64 {
        let id = self.0.connections.get();
        self.0.connections.set(id + 1);
        id
    }

    /// Gives `addr` to `ns`; false if another has it.
    pub(super) fn claim(&self, addr: IpAddr, ns: &Rc<NsInner>) -> bool {
        let mut addresses = self.0.addresses.borrow_mut();
        if addresses.get(&addr).is_some_and(|owner| owner.strong_count() > 0) {
            return false;
        }
        addresses.insert(addr, Rc::downgrade(ns));
        true
    }

    pub(super) fn release(&self, addr: IpAddr) {
        self.0.addresses.borrow_mut().remove(&addr);
    }

    pub(super) fn route(&self, from: &NetNs, to: IpAddr) -> Route {
        if from.has_address(to) {
            return Route::Here;
        }
        if !from.is_connected() {
            return Route::Lost;
        }
        let addresses = self.0.addresses.borrow();
        if let Some(owner) = addresses.get(&to).and_then(Weak::upgrade) {
            return if owner.link.connected.get() { Route::To(owner) } else { Route::Lost };
        }
        if from.0.distance.get().is_some() {
            return Route::Lost;
        }
        let on_link = addresses.values().filter_map(Weak::upgrade).any(|ns| {
            ns.link.connected.get() && ns.interfaces.borrow().iter().any(|i| in_prefix(to, i.addr, i.prefix))
        });
        if on_link { Route::NoNeighbour } else { Route::Lost }
    }
}
