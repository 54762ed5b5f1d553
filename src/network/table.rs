//! The Services and what stands behind them, as watches tell it.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::IpAddr,
    rc::Rc,
    time::Duration,
};

use k8s_openapi::api::core::v1::{Node, Service};
use serde_json::Value;

use crate::{
    api::{
        ApiClient, Kind, Object, Resource,
        client::{ListOptions, WatchEvent},
    },
    sim::Sim,
};

/// By namespace and name.
pub type Key = (String, String);

/// A part of a Service's endpoints.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// The Service's name.
    pub service: String,
    /// Name, protocol, number.
    pub ports: Vec<(String, String, u16)>,
    pub endpoints: Vec<Endpoint>,
}

#[derive(Clone, Debug)]
pub struct Endpoint {
    pub ip: IpAddr,
    pub ready: bool,
    pub serving: bool,
    pub terminating: bool,
    pub hostname: Option<String>,
    pub node: Option<String>,
}

impl Endpoint {
    /// `db-0`, or `10-244-1-5`.
    pub fn label(&self) -> String {
        self.hostname.clone().unwrap_or_else(|| self.ip.to_string().replace(['.', ':'], "-"))
    }
}

#[derive(Default)]
pub struct Table {
    pub services: RefCell<BTreeMap<Key, Rc<Service>>>,
    pub slices: RefCell<BTreeMap<Key, Rc<Slice>>>,
    /// A node's address by its name.
    pub nodes: RefCell<BTreeMap<String, IpAddr>>,
    /// Counts changes.
    revision: Cell<u64>,
}

impl Table {
    /// Starts watching.
    pub fn start(sim: &Sim, client: &Rc<dyn ApiClient>) -> Rc<Table> {
        let table = Rc::new(Table::default());
        for kind in [Kind::Service, Kind::EndpointSlice, Kind::Node] {
            let (table, sim_, client) = (table.clone(), sim.clone(), client.clone());
            sim.spawn(async move {
                loop {
                    if let Ok(mut watch) = client.watch(kind, "", ListOptions::default()).await {
                        // A new watch begins with what exists.
                        table.forget(kind);
                        while let Some(event) = watch.recv().await {
                            table.take(&event);
                        }
                    }
                    sim_.sleep(Duration::from_secs(1)).await;
                }
            });
        }
        table
    }

    pub fn revision(&self) -> u64 {
        self.revision.get()
    }

    /// The endpoints of a Service.
    pub fn slices_of(&self, namespace: &str, service: &str) -> Vec<Rc<Slice>> {
        let slices = self.slices.borrow();
        let in_namespace = slices.range((namespace.to_string(), String::new())..);
        let in_namespace = in_namespace.take_while(|((of, _), _)| of == namespace);
        in_namespace.filter(|(_, slice)| slice.service == service).map(|(_, slice)| slice.clone()).collect()
    }

    fn forget(&self, kind: Kind) {
        match kind {
            Kind::Service => self.services.borrow_mut().clear(),
            Kind::EndpointSlice => self.slices.borrow_mut().clear(),
            _ => self.nodes.borrow_mut().clear(),
        }
        self.revision.set(self.revision.get() + 1);
    }

    fn take(&self, event: &WatchEvent) {
        let Some(object) = event.object() else { return };
        let gone = matches!(event, WatchEvent::Deleted(_));
        let key = (object.namespace().to_string(), object.name().to_string());
        match object {
            Object::Service(_) if gone => drop(self.services.borrow_mut().remove(&key)),
            Object::Service(service) => drop(self.services.borrow_mut().insert(key, service.clone())),
            Object::Node(node) => {
                let known = self.nodes.borrow().get(node.name()).copied();
                let now = internal_ip(node).filter(|_| !gone);
                if known == now {
                    return;
                }
                match now {
                    Some(ip) => drop(self.nodes.borrow_mut().insert(node.name().into(), ip)),
                    None => drop(self.nodes.borrow_mut().remove(node.name())),
                }
            }
            Object::Other(_) if gone => drop(self.slices.borrow_mut().remove(&key)),
            Object::Other(other) => {
                let labels = other.metadata.labels.as_ref();
                let service = labels.and_then(|labels| labels.get("kubernetes.io/service-name"));
                let slice = Slice {
                    service: service.cloned().unwrap_or_default(),
                    ports: list(other.at("ports")).iter().filter_map(port).collect(),
                    endpoints: list(other.at("endpoints")).iter().flat_map(endpoints).collect(),
                };
                self.slices.borrow_mut().insert(key, Rc::new(slice));
            }
            _ => {}
        }
        self.revision.set(self.revision.get() + 1);
    }
}

fn internal_ip(node: &Node) -> Option<IpAddr> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    addresses.iter().find(|address| address.type_ == "InternalIP")?.address.parse().ok()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn port(value: &Value) -> Option<(String, String, u16)> {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_string();
    Some((text("name"), text("protocol"), u16::try_from(value["port"].as_u64()?).ok()?))
}

/// One for each address.
fn endpoints(value: &Value) -> Vec<Endpoint> {
    let conditions = &value["conditions"];
    // What isn't told is taken for good.
    let ready = conditions["ready"].as_bool().unwrap_or(true);
    let text = |key: &str| value[key].as_str().filter(|text| !text.is_empty()).map(str::to_string);
    let endpoint = |ip: IpAddr| Endpoint {
        ip,
        ready,
        serving: conditions["serving"].as_bool().unwrap_or(ready),
        terminating: conditions["terminating"].as_bool().unwrap_or(false),
        hostname: text("hostname"),
        node: text("nodeName"),
    };
    list(&value["addresses"]).iter().filter_map(|ip| ip.as_str()?.parse().ok()).map(endpoint).collect()
}
