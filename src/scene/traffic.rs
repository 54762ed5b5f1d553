//! What travels to, from and within a pod, from the network's events.

use std::net::{IpAddr, SocketAddr};

use super::facts::{Outcome, PodFacts, Request};
use crate::lab::view::View;
use crate::os::net::{NetEvent, NetEventKind};
use crate::sim::SimTime;

/// More than these at once are a flood in which none can be told apart.
const MOST: usize = 6;

/// What set out since `since`, oldest first.
pub fn requests(view: &View, pod: &PodFacts, since: SimTime) -> Vec<Request> {
    let Some(ip) = address(pod) else { return Vec::new() };
    let host = pod.host_network();
    let listens = |port: u16| pod.inside.iter().flat_map(|i| &i.listeners).any(|l| l.port == port);
    let mut answers: Vec<(SocketAddr, SocketAddr, u16)> = Vec::new();
    let mut found: Vec<Request> = Vec::new();
    for e in view.net_events().rev().take_while(|e| e.at >= since) {
        if found.len() == MOST {
            break;
        }
        let (from, to) = (unmapped(e.from.ip()), unmapped(e.to.ip()));
        let local = to.is_loopback() && is_own(e, pod) || to == ip && from == ip && !host;
        let incoming = to == ip && (!host || listens(e.to.port()));
        let outgoing = !host && from == ip && !local;
        if !(incoming || outgoing || local) {
            continue;
        }
        let (what, outcome) = match &e.kind {
            NetEventKind::Response { status, .. } => {
                answers.push((e.from, e.to, *status));
                continue;
            }
            NetEventKind::Request { method, path, tls } => {
                let answer = answers.iter().position(|a| a.0 == e.from && a.1 == e.to);
                let outcome = answer.map_or(Outcome::Asked, |i| Outcome::Answered(answers.swap_remove(i).2));
                (format!("{method} {path}{}", if *tls { " (TLS)" } else { "" }), outcome)
            }
            NetEventKind::Refused => ("TCP".to_owned(), Outcome::Refused),
            NetEventKind::TimedOut => ("TCP".to_owned(), Outcome::TimedOut),
            _ => continue,
        };
        let other = if local { "the pod itself".to_owned() } else { name(view, pod, if outgoing { to } else { from }) };
        let port = e.to.port();
        found.push(Request { id: e.at.as_nanos(), port, from: other, what, local, outgoing, outcome });
    }
    found.reverse();
    for i in 1..found.len() {
        // Two at one instant are still two.
        found[i].id = found[i].id.max(found[i - 1].id + 1);
    }
    found
}

/// An event within the pod's own namespace, which is named after it.
fn is_own(event: &NetEvent, pod: &PodFacts) -> bool {
    let namespace = pod.pod.metadata.namespace.as_deref().unwrap_or("");
    event.from_ns.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('/')) == Some(pod.name())
}

pub(super) fn address(pod: &PodFacts) -> Option<IpAddr> {
    pod.pod.status.as_ref()?.pod_ip.as_deref()?.parse().ok()
}

/// An IPv4 address in IPv6's clothes is that IPv4 address.
pub(super) fn unmapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// Whose address it is, as a person would say.
fn name(view: &View, pod: &PodFacts, ip: IpAddr) -> String {
    let ip = ip.to_string();
    // What comes from a pod's own node are its kubelet's probes, but for what a person starts there by hand.
    if pod.pod.status.as_ref().and_then(|s| s.host_ip.as_deref()) == Some(&ip) && !pod.host_network() {
        return "the kubelet".into();
    }
    let has = |p: &&std::rc::Rc<crate::api::Pod>| {
        let host = p.spec.as_ref().and_then(|s| s.host_network).unwrap_or(false);
        !host && p.status.as_ref().and_then(|s| s.pod_ip.as_deref()) == Some(&ip)
    };
    let node = || {
        let is = |n: &&std::rc::Rc<k8s_openapi::api::core::v1::Node>| {
            let addresses = n.status.as_ref().and_then(|s| s.addresses.as_ref());
            addresses.is_some_and(|a| a.iter().any(|a| a.address == ip))
        };
        view.nodes().find(is).and_then(|n| n.metadata.name.clone())
    };
    view.pods().find(has).and_then(|p| p.metadata.name.clone()).or_else(node).unwrap_or(ip)
}
