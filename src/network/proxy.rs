//! kube-proxy in iptables mode: where packets to a Service's addresses go.
//! Source: kubernetes `pkg/proxy/{topology,serviceport}.go`, `pkg/proxy/iptables/proxier.go`.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use k8s_openapi::api::core::v1::{Service, ServicePort};

use super::table::{Endpoint, Table};
use crate::{
    os::{
        Network,
        net::{Flow, Nat},
    },
    sim::{Rng, Sim, SimTime},
};

/// How long a client stays with an endpoint, if the Service doesn't say.
const AFFINITY: i32 = 10_800;

/// One port of a Service.
struct Rule {
    /// Where it leads: all endpoints that can be used, each with its node.
    backends: Vec<(SocketAddr, Option<String>)>,
    /// Seconds that a client stays with its endpoint.
    affinity: Option<u64>,
    /// From outside only to endpoints of the node that was asked.
    external_local: bool,
    /// From inside only to endpoints of the client's node.
    internal_local: bool,
    affine: RefCell<BTreeMap<IpAddr, (SocketAddr, SimTime)>>,
}

/// Of an address and port: UDP or TCP.
type Place = (IpAddr, u16, bool);

struct Proxy {
    sim: Sim,
    table: Rc<Table>,
    rng: RefCell<Rng>,
    /// The table's revision that the rules were made from.
    made: Cell<Option<u64>>,
    virtuals: RefCell<BTreeMap<Place, Rc<Rule>>>,
    node_ports: RefCell<BTreeMap<(u16, bool), Rc<Rule>>>,
}

/// Makes the network heed the table's Services. `node_of` tells on which node an address is.
pub fn start(sim: &Sim, network: &Network, table: Rc<Table>, node_of: impl Fn(IpAddr) -> Option<String> + 'static) {
    let proxy = Proxy {
        sim: sim.clone(),
        table,
        rng: RefCell::new(sim.rng("kube-proxy")),
        made: Cell::default(),
        virtuals: RefCell::default(),
        node_ports: RefCell::default(),
    };
    network.set_nat(move |flow| proxy.translate(flow, &node_of));
}

impl Proxy {
    fn translate(&self, flow: &Flow, node_of: &dyn Fn(IpAddr) -> Option<String>) -> Option<Nat> {
        self.renew();
        let (ip, port) = (flow.to.ip(), flow.to.port());
        let rule = self.virtuals.borrow().get(&(ip, port, flow.udp)).cloned();
        if let Some(rule) = rule {
            let node = if rule.internal_local { Some(node_of(flow.from)) } else { None };
            return Some(self.choose(&rule, flow.from, node));
        }
        let rule = self.node_ports.borrow().get(&(port, flow.udp)).cloned()?;
        let node = self.table.nodes.borrow().iter().find(|(_, own)| **own == ip).map(|(name, _)| name.clone())?;
        let node = if rule.external_local { Some(Some(node)) } else { None };
        Some(self.choose(&rule, flow.from, node))
    }

    /// One of the backends; with `node`, of those that are there.
    fn choose(&self, rule: &Rule, client: IpAddr, node: Option<Option<String>>) -> Nat {
        if rule.backends.is_empty() {
            return Nat::Refuse;
        }
        let usable = rule.backends.iter().filter(|(_, at)| node.as_ref().is_none_or(|node| node == at));
        let usable: Vec<SocketAddr> = usable.map(|(address, _)| *address).collect();
        if usable.is_empty() {
            return Nat::Drop;
        }
        let now = self.sim.now();
        if let Some(seconds) = rule.affinity {
            let mut affine = rule.affine.borrow_mut();
            if let Some((address, last)) = affine.get_mut(&client)
                && usable.contains(address)
                && now.since(*last) < Duration::from_secs(seconds)
            {
                *last = now;
                return Nat::To(*address);
            }
        }
        let index = match usable.len() {
            1 => 0,
            count => self.rng.borrow_mut().below(count as u64) as usize,
        };
        let chosen = usable[index.min(usable.len() - 1)];
        if rule.affinity.is_some() {
            rule.affine.borrow_mut().insert(client, (chosen, now));
        }
        Nat::To(chosen)
    }

    /// Makes the rules anew if the objects have changed.
    fn renew(&self) {
        let revision = self.table.revision();
        if self.made.replace(Some(revision)) == Some(revision) {
            return;
        }
        let (mut virtuals, mut node_ports) = (BTreeMap::new(), BTreeMap::new());
        let before = self.virtuals.take();
        for ((namespace, name), service) in self.table.services.borrow().iter() {
            let Some(spec) = &service.spec else { continue };
            let ips = || {
                let own = spec.cluster_ip.iter().chain(spec.external_ips.iter().flatten());
                own.filter_map(|ip| ip.parse::<IpAddr>().ok())
            };
            if spec.type_.as_deref() == Some("ExternalName") || ips().next().is_none() {
                continue;
            }
            for port in spec.ports.iter().flatten() {
                let Ok(number) = u16::try_from(port.port) else { continue };
                let udp = port.protocol.as_deref() == Some("UDP");
                let rule = Rc::new(self.rule(namespace, name, service, port));
                for ip in ips() {
                    // Clients stay where they are.
                    if let Some(old) = before.get(&(ip, number, udp)) {
                        rule.affine.borrow_mut().extend(old.affine.borrow().clone());
                    }
                    virtuals.insert((ip, number, udp), rule.clone());
                }
                if let Some(node_port) = port.node_port.and_then(|port| u16::try_from(port).ok()).filter(|p| *p > 0) {
                    node_ports.insert((node_port, udp), rule);
                }
            }
        }
        *self.virtuals.borrow_mut() = virtuals;
        *self.node_ports.borrow_mut() = node_ports;
    }

    fn rule(&self, namespace: &str, name: &str, service: &Service, port: &ServicePort) -> Rule {
        let (label, protocol) = (port.name.as_deref().unwrap_or_default(), port.protocol.as_deref().unwrap_or("TCP"));
        let mut all: Vec<(SocketAddr, Endpoint)> = Vec::new();
        for slice in self.table.slices_of(namespace, name) {
            let same = |(of, over, _): &&(String, String, u16)| of == label && over == protocol;
            let Some((_, _, target)) = slice.ports.iter().find(same) else { continue };
            all.extend(slice.endpoints.iter().map(|one| (SocketAddr::new(one.ip, *target), one.clone())));
        }
        // Without any that is ready, those that end but still serve.
        let ready = all.iter().any(|(_, one)| one.ready);
        let usable = |one: &Endpoint| if ready { one.ready } else { one.serving && one.terminating };
        let mut backends: Vec<_> =
            all.into_iter().filter(|(_, one)| usable(one)).map(|(address, one)| (address, one.node)).collect();
        backends.sort();
        backends.dedup();
        let none = Default::default();
        let spec = service.spec.as_ref().unwrap_or(&none);
        let seconds = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
        let seconds = seconds.and_then(|client| client.timeout_seconds).unwrap_or(AFFINITY);
        let affine = spec.session_affinity.as_deref() == Some("ClientIP");
        Rule {
            backends,
            affinity: affine.then(|| u64::try_from(seconds).unwrap_or(0)),
            external_local: spec.external_traffic_policy.as_deref() == Some("Local"),
            internal_local: spec.internal_traffic_policy.as_deref() == Some("Local"),
            affine: RefCell::default(),
        }
    }
}
