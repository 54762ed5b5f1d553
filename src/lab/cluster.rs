//! The cluster: a network, an apiserver, and nodes with a kubelet each; kind's shape by default.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    rc::Rc,
};

use k8s_openapi::api::core::v1::Taint;

use super::{Config, control_plane, view::Observer};
use crate::{
    api::ApiClient,
    apiserver::ApiServer,
    controllers::{self, volumes::local_path},
    kubelet::{Capacity, Kubelet, NodeConfig},
    network::{Table, coredns, internet::Internet, proxy},
    os::{Filesystem, FsImage, Machine, NetNs, Network},
    programs::Programs,
    registry::Catalogue,
    scheduler::{self, Scheduler},
    sim::Sim,
};

/// When every laboratory's cluster was switched on.
const EPOCH: &str = "2026-09-01T08:00:00Z";

/// The network that nodes and the workstation share, as kind's Docker network has it.
const NODE_NETWORK: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 0);
const NODE_PREFIX: u8 = 16;
/// 10.244.0.0/16 holds 256 nodes' ranges of 256 addresses; bigger clusters take 10.128.0.0/9.
const POD_NETWORK: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 0);
const BIG_POD_NETWORK: Ipv4Addr = Ipv4Addr::new(10, 128, 0, 0);

/// What a node has to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeSize {
    pub cpu_millis: u64,
    pub memory_bytes: u64,
    pub pods: u32,
}

impl Default for NodeSize {
    fn default() -> NodeSize {
        NodeSize { cpu_millis: 4000, memory_bytes: 8 << 30, pods: 110 }
    }
}

impl NodeSize {
    fn capacity(self) -> Capacity {
        let cpu = match self.cpu_millis {
            cores if cores % 1000 == 0 => (cores / 1000).to_string(),
            millis => format!("{millis}m"),
        };
        Capacity { cpu, memory: format!("{}Ki", self.memory_bytes >> 10), pods: self.pods }
    }
}

/// A worker node by itself.
#[derive(Clone, Debug, Default)]
pub struct NodeShape {
    pub name: String,
    pub size: NodeSize,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
    /// The range of its pods' addresses, if not one of 256: `10.244.1.0/30` has room for one pod.
    pub pod_cidr: Option<String>,
}

/// A running cluster.
pub struct Cluster {
    sim: Sim,
    network: Network,
    internet: Rc<Internet>,
    server: Rc<ApiServer>,
    scheduler: Rc<Scheduler>,
    observer: Observer,
    catalogue: Rc<Catalogue>,
    services: Rc<Table>,
    nodes: BTreeMap<String, Kubelet>,
}

/// A simulation whose clock starts with the cluster.
pub(super) fn new_sim(seed: u64) -> Sim {
    Sim::new(seed, EPOCH.parse().unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

impl Cluster {
    pub(super) fn start(sim: &Sim, config: &Config) -> Rc<Cluster> {
        let network = Network::new(sim);
        let internet = Internet::start(sim, &network);
        let server = ApiServer::new(sim);
        server.install_metrics_server();
        let client: Rc<dyn ApiClient> = server.clone();
        let observer = Observer::start(sim, &client);
        let tap = observer.clone();
        network.set_tap(move |event| {
            // The system's own health is no news.
            let own = |ns: &str| ns.starts_with("kube-system/");
            if Internet::owns(&event.from_ns) {
                return;
            }
            let inside = event.to_ns.as_ref().is_none_or(|to| *to == event.from_ns);
            let component =
                inside && [event.from, event.to].iter().any(|end| control_plane::PORTS.contains(&end.port()));
            if !component && !own(&event.from_ns) && !event.to_ns.as_deref().is_some_and(own) {
                tap.net_event(event);
            }
        });
        server.install(local_path::class());
        controllers::start(sim, &client);
        local_path::start(sim, &client);
        let table = Table::start(sim, &client);
        let pod_ranges = Rc::<RefCell<Vec<(u32, String)>>>::default();
        let ranges = pod_ranges.clone();
        // The node that has an address, or whose pods' range it is of.
        let node_of = move |ip: IpAddr| {
            let IpAddr::V4(ip) = ip else { return None };
            let number = u32::from(ip);
            let ranges = ranges.borrow();
            let own = ranges.iter().find(|(first, _)| *first == number);
            let of_pods = |first: u32| first & 0xff == 0 && first >> 8 == number >> 8;
            own.or_else(|| ranges.iter().find(|(first, _)| of_pods(*first))).map(|(_, name)| name.clone())
        };
        proxy::start(sim, &network, table.clone(), node_of);
        let coredns = BTreeMap::from([("coredns".to_string(), coredns::program(client.clone(), table.clone()))]);
        let scheduler = scheduler::start(sim, client, "podarium-control-plane");
        let mut cluster = Cluster {
            sim: sim.clone(),
            network,
            internet,
            server,
            scheduler,
            observer,
            catalogue: Rc::new(Catalogue::load()),
            services: table,
            nodes: BTreeMap::new(),
        };
        let programs = Rc::new(Programs::with(coredns));
        let count = if config.nodes.is_empty() { config.workers + 1 } else { config.nodes.len() };
        let names = (0..count).map(|index| {
            let (name, address, pods) = cluster.add_node(index, count, config, &programs);
            let mut ranges = pod_ranges.borrow_mut();
            ranges.extend([(u32::from(address), name.clone()), (u32::from(pods), name.clone())]);
            name
        });
        let names = names.collect();
        if config.system_pods {
            let own = config.nodes.is_empty().then(|| cluster.addresses().into_iter().next()).flatten();
            let apiserver = own.map(|(_, ip)| ip.to_string());
            control_plane::install_addons(sim, cluster.server.clone(), names, apiserver);
        }
        Rc::new(cluster)
    }

    fn add_node(
        &mut self,
        index: usize,
        count: usize,
        config: &Config,
        programs: &Rc<Programs>,
    ) -> (String, Ipv4Addr, Ipv4Addr) {
        let shape = config.nodes.get(index).cloned().unwrap_or_else(|| kind_node(index, config.node));
        let control_plane = config.nodes.is_empty() && index == 0;
        let NodeShape { name, size, labels, taints, pod_cidr } = shape;
        let offset = u32::try_from(index).unwrap_or(u32::MAX);
        let internal_ip = Ipv4Addr::from(u32::from(NODE_NETWORK).wrapping_add(2).wrapping_add(offset));
        let range = if count <= 256 { POD_NETWORK } else { BIG_POD_NETWORK };
        let pod_network = Ipv4Addr::from(u32::from(range).wrapping_add(offset << 8));
        let net = self.network.namespace(&name);
        self.attach(&net, &internal_ip.to_string());
        let root = Filesystem::new("overlay", Rc::new(FsImage::default()));
        let root_disk = root.clone();
        let machine = Machine::new(&self.sim, &self.network, programs.clone(), &name, net, root);
        let mut node =
            NodeConfig::new(&name, &pod_cidr.unwrap_or_else(|| format!("{pod_network}/24")), &internal_ip.to_string());
        let Capacity { cpu, memory, pods } = size.capacity();
        (node.cpu, node.memory, node.max_pods) = (cpu, memory, pods);
        node.labels = labels;
        node.taints = taints;
        node.pull_times.fixed = config.pull_time;
        node.chance = config.chance.clone();
        if control_plane {
            node.roles = vec!["control-plane".into()];
            if config.system_pods {
                control_plane::write_manifests(&root_disk, &name, &internal_ip.to_string());
            }
        }
        let kubelet = Kubelet::start(&self.sim, self.server.clone(), machine, self.catalogue.clone(), node);
        self.server.connect_kubelet(&name, &kubelet.endpoint());
        if config.system_pods {
            control_plane::preload(&kubelet);
        }
        self.nodes.insert(name.clone(), kubelet);
        (name, internal_ip, pod_network)
    }

    /// Puts a machine on the nodes' network.
    pub(super) fn attach(&self, net: &NetNs, addr: &str) {
        let gateway = IpAddr::V4(Ipv4Addr::from(u32::from(NODE_NETWORK) + 1));
        if let Ok(addr) = addr.parse() {
            let added = net.add_interface("eth0", addr, NODE_PREFIX, Some(gateway));
            debug_assert!(added.is_ok(), "addresses are given out once");
        }
    }

    /// By name, the nodes' addresses.
    pub(super) fn addresses(&self) -> Vec<(String, Ipv4Addr)> {
        let address = |kubelet: &Kubelet| match kubelet.machine().namespaces().net.primary() {
            Some(IpAddr::V4(ip)) => Some((kubelet.name().to_string(), ip)),
            _ => None,
        };
        self.nodes.values().filter_map(address).collect()
    }

    pub fn client(&self) -> Rc<dyn ApiClient> {
        self.server.clone()
    }

    pub fn server(&self) -> &Rc<ApiServer> {
        &self.server
    }

    pub fn scheduler(&self) -> &Rc<Scheduler> {
        &self.scheduler
    }

    /// The Services and what stands behind them.
    pub fn services(&self) -> &Table {
        &self.services
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    pub(super) fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    pub(super) fn internet(&self) -> &Rc<Internet> {
        &self.internet
    }

    /// Whether the world outside can be reached.
    pub fn has_internet(&self) -> bool {
        self.network.is_outside_reachable()
    }

    /// Cuts the cluster and the workstation off from the world outside, or joins them to it again.
    pub fn set_internet(&self, on: bool) {
        self.network.set_outside(on);
    }

    pub(super) fn observer(&self) -> &Observer {
        &self.observer
    }

    /// By name: is the machine on?
    pub fn machines(&self) -> BTreeMap<String, bool> {
        self.nodes.iter().map(|(name, kubelet)| (name.clone(), kubelet.is_running())).collect()
    }

    /// The kubelet of a node that is on: for what only the node itself can tell of its pods.
    pub fn kubelet(&self, node: &str) -> Option<&Kubelet> {
        self.nodes.get(node).filter(|kubelet| kubelet.is_running())
    }

    /// Pulls a node's plug. False if there is no such node or it is off already.
    pub fn stop_node(&self, name: &str) -> bool {
        let Some(kubelet) = self.kubelet(name) else { return false };
        self.server.disconnect_kubelet(name);
        kubelet.stop();
        true
    }

    /// Boots a stopped node. False if there is no such node or it is on already.
    pub fn start_node(&self, name: &str) -> bool {
        let Some(kubelet) = self.nodes.get(name).filter(|kubelet| !kubelet.is_running()) else { return false };
        kubelet.restart();
        self.server.connect_kubelet(name, &kubelet.endpoint());
        true
    }

    /// Gives a node's machine another size. False if there is no such node, or it has that size.
    pub fn resize_node(&self, name: &str, size: NodeSize) -> bool {
        self.nodes.get(name).is_some_and(|kubelet| kubelet.set_capacity(size.capacity()))
    }

    /// The nodes' sizes, by name.
    pub(super) fn capacities(&self) -> Vec<Capacity> {
        self.nodes.values().map(Kubelet::capacity).collect()
    }
}

/// The nodes that kind makes: a control plane, and workers.
fn kind_node(index: usize, size: NodeSize) -> NodeShape {
    let name = match index {
        0 => "podarium-control-plane".to_string(),
        1 => "podarium-worker".to_string(),
        n => format!("podarium-worker{n}"),
    };
    let taints = (index == 0).then(|| Taint {
        key: "node-role.kubernetes.io/control-plane".into(),
        effect: "NoSchedule".into(),
        ..Taint::default()
    });
    NodeShape { name, size, taints: taints.into_iter().collect(), ..NodeShape::default() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Config, Input, Lab};
    use super::NodeSize;

    /// Pods of one node with what they ask for, as `NAME CPU SELECTED`: bound to it, or chosen by a selector.
    fn pod(name: &str, cpu: &str, bound: bool) -> String {
        let place = match bound {
            true => "nodeName: podarium-worker",
            false => "nodeSelector: {kubernetes.io/hostname: podarium-worker}",
        };
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  {place}\n  containers:\n  \
             - {{name: main, image: nginx, resources: {{requests: {{cpu: {cpu}}}}}}}\n"
        )
    }

    #[test]
    fn a_node_whose_size_changes_keeps_what_fits() {
        let mut lab = Lab::new(&Config::default());
        let wait = |lab: &mut Lab, seconds: u64| {
            let until = lab.now() + Duration::from_secs(seconds);
            lab.advance(until, u64::MAX);
        };
        let apply = |lab: &mut Lab, text: String| {
            lab.input(Input::WriteFile { path: "pod.yaml".into(), data: text.into_bytes() });
            lab.input(Input::Apply { path: "pod.yaml".into() });
            wait(lab, 20);
        };
        let resize = |lab: &mut Lab, size: NodeSize| {
            lab.input(Input::ResizeNode { name: "podarium-worker".into(), size });
            wait(lab, 20);
        };
        let said = |lab: &Lab, name: &str| {
            let view = lab.view();
            let Some(status) = view.pod("default", name).and_then(|p| p.status.as_ref()) else { return "none".into() };
            let restarts: i32 = status.container_statuses.iter().flatten().map(|c| c.restart_count).sum();
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            format!("{} {} {restarts}: {}", part(&status.phase), part(&status.reason), part(&status.message))
        };
        let sizes = |lab: &Lab| {
            let view = lab.view();
            let status = view.node("podarium-worker").and_then(|n| n.status.as_ref()).expect("a status");
            let of = |list: &Option<std::collections::BTreeMap<String, _>>| {
                let list: &std::collections::BTreeMap<_, k8s_openapi::apimachinery::pkg::api::resource::Quantity> =
                    list.as_ref().expect("quantities");
                ["cpu", "memory", "pods"].map(|name| list[name].0.clone()).join(" ")
            };
            (of(&status.capacity), of(&status.allocatable))
        };
        apply(&mut lab, pod("older", "1", true));
        apply(&mut lab, pod("younger", "2", true));
        assert_eq!((said(&lab, "older"), said(&lab, "younger")), ("Running  0: ".into(), "Running  0: ".into()));
        resize(&mut lab, NodeSize { cpu_millis: 2000, memory_bytes: 4 << 30, pods: 20 });
        assert_eq!(sizes(&lab), ("2 4194304Ki 20".into(), "2 4091904Ki 20".into()));
        assert_eq!(said(&lab, "older"), "Running  0: ", "what fits goes on");
        assert_eq!(
            said(&lab, "younger"),
            "Failed OutOfcpu 0: Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 1000, capacity: 2000"
        );
        apply(&mut lab, pod("new", "1500m", false));
        assert_eq!(said(&lab, "new"), "Pending  0: ", "the scheduler counts with the new size");
        resize(&mut lab, NodeSize { cpu_millis: 4000, ..NodeSize::default() });
        assert_eq!(said(&lab, "new"), "Running  0: ", "room that comes is used");
        // A machine that is off has its new size when it is on again.
        lab.input(Input::StopNode("podarium-worker".into()));
        resize(&mut lab, NodeSize { cpu_millis: 8000, ..NodeSize::default() });
        assert_eq!(sizes(&lab).0, "4 8388608Ki 110");
        lab.input(Input::StartNode("podarium-worker".into()));
        wait(&mut lab, 20);
        assert_eq!(sizes(&lab).0, "8 8388608Ki 110");
    }
}
