//! The world outside the cluster: hosts with names and addresses that answer pings, questions for names and web requests,
//! as `internet.yaml` says; and the name server beside the nodes that knows them.
//!
//! Each host is a network namespace at some distance; those with a web server run the http-server program. A switch
//! cuts all of them off ([`Network::set_outside`]): then packets to them get lost, and nobody says so.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use serde::Deserialize;

use crate::{
    os::{
        Errno, File, Filesystem, FsImage, Machine, Namespaces, NetNs, Network, ProgramTable, SpawnOptions, UdpSocket,
        UtsNs,
    },
    programs::{
        Programs,
        net::dns::{self, Code, Data, Kind, Message, Record},
        servers::http_server,
    },
    sim::Sim,
};

const DATA: &str = include_str!("internet.yaml");
/// How long the name server waits for others before it gives up.
const PATIENCE: Duration = Duration::from_secs(4);
const NODE_TTL: u32 = 600;
const TTL: u32 = 300;
/// Of the servers' names among namespaces: no Pod's is like it.
const PREFIX: &str = "internet:";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct World {
    #[serde(rename = "publicAddress")]
    public_address: Ipv4Addr,
    resolver: u64,
    hosts: Vec<Host>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Host {
    names: Vec<String>,
    addresses: Vec<Ipv4Addr>,
    milliseconds: u32,
    #[serde(default)]
    name_server: bool,
    #[serde(default)]
    web: Option<http_server::Config>,
    #[serde(default)]
    tls: Option<http_server::Tls>,
    /// The first port serves the pages, too.
    #[serde(default)]
    plain_too: bool,
}

/// Names and addresses of the world outside.
pub struct Internet {
    network: Network,
    names: BTreeMap<String, Vec<Ipv4Addr>>,
    resolver: Duration,
    /// Its hosts' network namespaces, which nobody else holds.
    _hosts: Vec<NetNs>,
}

impl Internet {
    /// Joins the world outside to `network`.
    pub fn start(sim: &Sim, network: &Network) -> Rc<Internet> {
        // Checked by a test.
        let world = serde_yaml::from_str(DATA).unwrap_or(World {
            public_address: Ipv4Addr::UNSPECIFIED,
            resolver: 0,
            hosts: Vec::new(),
        });
        network.set_public_address(world.public_address.into());
        let mut names = BTreeMap::new();
        for host in &world.hosts {
            names.extend(host.names.iter().map(|name| (name.clone(), host.addresses.clone())));
        }
        let programs: Rc<dyn ProgramTable> = Rc::new(Programs::default());
        let root = Filesystem::new("overlay", Rc::new(FsImage::default()));
        let machine = Machine::new(sim, network, programs, "internet", network.namespace("internet:"), root);
        let mut spaces = Vec::new();
        let mut servers = Vec::new();
        for host in world.hosts {
            let name = host.names.first().map_or("", String::as_str);
            let distance = Duration::from_millis(host.milliseconds.into());
            let net = network.outside_host(&format!("{PREFIX}{name}"), distance);
            for (index, address) in host.addresses.iter().enumerate() {
                // Two hosts of one address are a mistake that a test finds.
                let _taken = net.add_interface(&format!("eth{index}"), IpAddr::V4(*address), 32, None);
            }
            if host.name_server {
                servers.push(net.clone());
            }
            if let Some(mut config) = host.web {
                config.port = 80;
                config.latency = distance.as_secs_f64();
                if let Some(tls) = host.tls {
                    config.speak_tls(tls, !host.plain_too);
                }
                run(&machine, name, &net, config);
            }
            spaces.push(net);
        }
        let internet = Rc::new(Internet {
            network: network.clone(),
            names,
            resolver: Duration::from_millis(world.resolver),
            _hosts: spaces,
        });
        for net in servers {
            // Port 53 of a new namespace is free.
            let _bound = internet.serve_names(sim, &net, Vec::new(), Duration::ZERO);
        }
        internet
    }

    /// Whether a network namespace is one of a host outside.
    pub fn owns(namespace: &str) -> bool {
        namespace.starts_with(PREFIX)
    }

    /// The name server beside the nodes: it knows `nodes` itself and asks others for the rest.
    pub fn serve_nodes(self: &Rc<Self>, sim: &Sim, net: &NetNs, nodes: Vec<(String, Ipv4Addr)>) -> Result<(), Errno> {
        self.serve_names(sim, net, nodes, self.resolver)
    }

    fn serve_names(
        self: &Rc<Self>,
        sim: &Sim,
        net: &NetNs,
        nodes: Vec<(String, Ipv4Addr)>,
        takes: Duration,
    ) -> Result<(), Errno> {
        let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), dns::PORT);
        let socket = Rc::new(UdpSocket::bind(net, None, any)?);
        let (me, own) = (self.clone(), sim.clone());
        sim.spawn(async move {
            loop {
                let Ok((bytes, from)) = socket.receive().await else { continue };
                let Some(question) = Message::decode(&bytes).filter(|message| !message.response) else { continue };
                let node = nodes.iter().find(|(name, _)| *name == question.name).map(|(_, ip)| vec![*ip]);
                if let Some(ip) = node {
                    // The client may be gone.
                    let _gone = socket.send(&answer(&question, Some((&ip, NODE_TTL))).encode(), from);
                    continue;
                }
                let (me, sim, socket) = (me.clone(), own.clone(), socket.clone());
                own.spawn(async move {
                    let answer = if me.network.is_outside_reachable() {
                        sim.sleep(takes).await;
                        me.answer(&question)
                    } else {
                        sim.sleep(PATIENCE).await;
                        let mut answer = question.answer(Code::ServFail);
                        answer.recursion_available = true;
                        answer
                    };
                    let _gone = socket.send(&answer.encode(), from);
                });
            }
        });
        Ok(())
    }

    fn answer(&self, question: &Message) -> Message {
        let mut pointers =
            self.names.iter().filter(|(_, all)| all.iter().any(|ip| dns::reverse((*ip).into()) == question.name));
        if let Some((name, _)) = pointers.next() {
            let mut reply = answer(question, Some((&[], TTL)));
            let data = Data::Ptr(name.clone());
            reply.answers.extend((question.kind == Kind::Ptr).then(|| Record {
                name: question.name.clone(),
                ttl: TTL,
                data,
            }));
            return reply;
        }
        answer(question, self.names.get(&question.name).map(|found| (found.as_slice(), TTL)))
    }
}

/// The answer that a name has these addresses, or doesn't exist.
fn answer(question: &Message, found: Option<(&[Ipv4Addr], u32)>) -> Message {
    let mut answer = question.answer(if found.is_some() { Code::NoError } else { Code::NxDomain });
    answer.recursion_available = true;
    if let Some((addresses, ttl)) = found.filter(|_| question.kind == Kind::A) {
        let record = |ip: &Ipv4Addr| Record { name: question.name.clone(), ttl, data: Data::A(*ip) };
        answer.answers.extend(addresses.iter().map(record));
    }
    answer
}

/// Starts a web server on a host outside.
fn run(machine: &Machine, name: &str, net: &NetNs, config: http_server::Config) {
    let options = SpawnOptions {
        argv: vec!["http-server".into()],
        env: BTreeMap::new(),
        cwd: "/".into(),
        uid: 0,
        gid: 0,
        namespaces: Namespaces { net: net.clone(), uts: UtsNs::new(name), ..machine.namespaces().clone() },
        stdin: File::null(),
        stdout: File::null(),
        stderr: File::null(),
        tty: None,
        cgroup: machine.cgroup().child(name),
        oom_score_adj: 0,
    };
    let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), config.port);
    machine.spawn_fn(options, move |proc| async move { http_server::serve(&proc, any, config).await });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_world_can_be_read() {
        let world: World = serde_yaml::from_str(DATA).expect("readable");
        let (mut names, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for host in &world.hosts {
            assert!(!host.names.is_empty() && !host.addresses.is_empty() && host.milliseconds > 0);
            for name in &host.names {
                assert!(dns::is_name(name) && names.insert(name.clone()), "{name}");
            }
            for address in &host.addresses {
                assert!(addresses.insert(*address), "{address}");
            }
        }
    }
}
