//! Addresses and ports that services get when they are written (`pkg/registry/core/service/storage/alloc.go`). The cluster
//! has IPv4 alone.

use std::{collections::BTreeSet, rc::Rc};

use k8s_openapi::api::core::v1::{Service, ServiceSpec};

use super::{ApiServer, select::Selection};
use crate::api::{Error, Kind, Object, Resource, Result, error::Cause};

/// Services' addresses: 10.96.0.0/16, of which the first 256 are for those who choose their own.
const NETWORK: u32 = 0x0a60_0000;
const RESERVED: u32 = 256;
const SIZE: u32 = 1 << 16;
/// Node ports, of which the first 86 are for those who choose their own.
const PORTS: std::ops::Range<i32> = 30086..32768;
/// What a dry run gives: no address, and no port, is taken.
const DRY_ADDRESS: &str = "10.96.0.0";
const DRY_PORT: i32 = 32769;

impl ApiServer {
    /// Gives a service what it needs and didn't ask for by name.
    pub(super) fn allocate(&self, service: &mut Service, dry_run: bool) -> Result<()> {
        let name = service.name().to_string();
        let place = format!("service {}/{name}", service.namespace());
        let spec = service.spec.get_or_insert_default();
        let kind = spec.type_.clone().unwrap_or_default();
        if kind == "ExternalName" {
            return Ok(());
        }
        families(spec).map_err(|causes| Error::invalid(Kind::Service, &name, causes))?;
        let others: Vec<Rc<Service>> = self
            .store
            .borrow()
            .list(Kind::Service, &Selection::of(""))
            .iter()
            .filter_map(|o| o.as_::<Service>().cloned())
            .collect();
        let mut rng = self.sim.rng(&place);
        let given = spec.cluster_ip.clone().filter(|ip| !ip.is_empty());
        let address = given.unwrap_or_else(|| {
            if dry_run {
                return DRY_ADDRESS.into();
            }
            let taken: BTreeSet<&str> = others.iter().filter_map(|o| o.spec.as_ref()?.cluster_ip.as_deref()).collect();
            let free = |ip: &String| !taken.contains(ip.as_str());
            let mut draw = || {
                let offset = RESERVED + rng.below(u64::from(SIZE - RESERVED - 1)) as u32;
                std::net::Ipv4Addr::from(NETWORK + offset).to_string()
            };
            // Among so many the second try is good enough, the thousandth certainly.
            (0..1000).map(|_| draw()).find(free).unwrap_or_default()
        });
        spec.cluster_ips = Some(vec![address.clone()]);
        spec.cluster_ip = Some(address);
        let wanted =
            kind == "NodePort" || (kind == "LoadBalancer" && spec.allocate_load_balancer_node_ports != Some(false));
        if !wanted {
            return Ok(());
        }
        let ports = |spec: &ServiceSpec| -> Vec<i32> {
            spec.ports.iter().flatten().filter_map(|port| port.node_port).collect()
        };
        let mut taken: BTreeSet<i32> = others.iter().filter_map(|o| o.spec.as_ref()).flat_map(ports).collect();
        taken.extend(ports(spec));
        for port in spec.ports.iter_mut().flatten().filter(|port| port.node_port.unwrap_or(0) == 0) {
            let count = (PORTS.end - PORTS.start) as u64;
            let mut draw = || PORTS.start + rng.below(count) as i32;
            let number = match dry_run {
                true => DRY_PORT,
                false => (0..1000).map(|_| draw()).find(|number| !taken.contains(number)).unwrap_or(PORTS.start),
            };
            taken.insert(number);
            port.node_port = Some(number);
        }
        Ok(())
    }

    /// The same for a service that is changed: what it has it keeps.
    pub(super) fn reallocate(&self, old: &Object, object: &mut Object, dry_run: bool) -> Result<()> {
        let (Object::Service(old), Object::Service(service)) = (old, object) else { return Ok(()) };
        let service = Rc::make_mut(service);
        let (Some(was), Some(is)) = (&old.spec, &mut service.spec) else { return Ok(()) };
        if is.type_.as_deref() != Some("ExternalName") {
            if is.cluster_ip.as_deref().unwrap_or_default().is_empty() {
                is.cluster_ip.clone_from(&was.cluster_ip);
            }
            is.ip_families = is.ip_families.take().or_else(|| was.ip_families.clone());
            is.ip_family_policy = is.ip_family_policy.take().or_else(|| was.ip_family_policy.clone());
            let reachable = matches!(is.type_.as_deref(), Some("NodePort" | "LoadBalancer"));
            let bare = is.ports.iter_mut().flatten().filter(|port| reachable && port.node_port.is_none());
            for port in bare {
                let same = was
                    .ports
                    .iter()
                    .flatten()
                    .find(|before| before.port == port.port && before.protocol == port.protocol);
                port.node_port = same.and_then(|before| before.node_port);
            }
        }
        self.allocate(service, dry_run)
    }
}

/// Fills in the families of addresses, or says why they can't be had.
fn families(spec: &mut ServiceSpec) -> std::result::Result<(), Vec<Cause>> {
    let bare = spec.cluster_ip.as_deref() == Some("None") && spec.selector.as_ref().is_none_or(|s| s.is_empty());
    let policy =
        spec.ip_family_policy.get_or_insert_with(|| if bare { "RequireDualStack" } else { "SingleStack" }.into());
    let families = spec.ip_families.get_or_insert_default();
    if bare {
        if families.is_empty() {
            families.push("IPv4".into());
        }
        if families.len() < 2 && policy != "SingleStack" {
            let other = if families[0] == "IPv4" { "IPv6" } else { "IPv4" };
            families.push(other.into());
        }
        return Ok(());
    }
    let cause = |field: String, shown: &str, why: &str| Cause {
        reason: "FieldValueInvalid".into(),
        message: format!("Invalid value: \"{shown}\": {why}"),
        field,
    };
    let mut causes = Vec::new();
    if policy == "RequireDualStack" {
        let why = "this cluster is not configured for dual-stack services";
        causes.push(cause("spec.ipFamilyPolicy".into(), policy, why));
    }
    for (index, family) in families.iter().enumerate().filter(|(_, family)| *family != "IPv4") {
        causes.push(cause(format!("spec.ipFamilies[{index}]"), family, "not configured on this cluster"));
    }
    if !causes.is_empty() {
        return Err(causes);
    }
    if families.is_empty() {
        families.push("IPv4".into());
    }
    Ok(())
}
