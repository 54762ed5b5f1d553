//! The one rail of ports: which ports a pod has, who declared them, who really listens, who lost.

use std::collections::BTreeMap;

use super::super::facts::PodFacts;
use super::super::why;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Port {
    pub number: u16,
    pub names: Vec<String>,
    /// Containers that declare it.
    pub declared: Vec<String>,
    /// Containers that listen on it.
    pub listening: Vec<String>,
    /// The node's port that leads here.
    pub host: Option<u16>,
    /// Only on the loopback address.
    pub local: bool,
    /// Containers that wanted it and could not bind it.
    pub lost: Vec<String>,
    /// The node can't be asked who listens.
    pub unknown: bool,
}

impl Port {
    /// Whose port it is in the picture.
    pub fn owner(&self) -> Option<&str> {
        self.listening.first().or(self.declared.first()).map(String::as_str)
    }

    pub fn note(&self) -> String {
        if self.unknown {
            return "declared".into();
        }
        match (self.listening.is_empty(), self.local, self.names.is_empty()) {
            (true, ..) => "declared, nobody listens".into(),
            (_, true, _) => "only on lo".into(),
            (_, _, false) => self.names.join(", "),
            _ if self.declared.is_empty() => "not declared".into(),
            _ => String::new(),
        }
    }
}

/// By owner's place in the pod, then by number: lines from rail to containers then cross least.
pub fn ports(facts: &PodFacts) -> Vec<Port> {
    let mut ports: BTreeMap<u16, Port> = BTreeMap::new();
    let containers = facts.containers();
    for c in &containers {
        for declared in &c.ports {
            let (number, name) = (declared.number, declared.name);
            let port = ports.entry(number).or_insert_with(|| Port { number, ..Port::default() });
            port.host = port.host.or(declared.host.filter(|_| !facts.host_network()));
            if !port.declared.iter().any(|d| d == c.name) {
                port.declared.push(c.name.to_owned());
            }
            if !name.is_empty() && !port.names.iter().any(|n| n == name) {
                port.names.push(name.to_owned());
            }
        }
    }
    for l in facts.inside.iter().flat_map(|i| &i.listeners) {
        let port = ports.entry(l.port).or_insert_with(|| Port { number: l.port, ..Port::default() });
        port.local = l.local && (port.listening.is_empty() || port.local);
        if !port.listening.contains(&l.container) {
            port.listening.push(l.container.clone());
        }
    }
    for (number, container) in why::clashes(facts) {
        if let Some(port) = ports.get_mut(&number) {
            port.lost.push(container);
        }
    }
    let mut ports: Vec<Port> = ports.into_values().collect();
    for port in &mut ports {
        port.unknown = facts.is_unknown();
    }
    let place = |p: &Port| containers.iter().position(|c| Some(c.name) == p.owner()).unwrap_or(usize::MAX);
    ports.sort_by_key(|p| (place(p), p.number));
    ports
}
