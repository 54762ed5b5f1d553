//! A node: conditions, capacity, and what its pods ask for.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{coordination::v1::Lease, core::v1::Node},
    apimachinery::pkg::api::resource::Quantity as ApiQuantity,
};

use super::{age, annotations, labels, time};
use crate::{
    api::{
        Kind, Pod, client,
        client::ListOptions,
        quantity::{Format, Quantity, amount},
        resources::{self, Amounts, Options},
    },
    apiserver::table::roles,
    kubectl::{Ctx, Failure},
};

pub async fn describe(cx: &Ctx, out: &mut String, node: &Node) -> Result<(), Failure> {
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let found = roles(&node.metadata).join(",");
    out.push_str(&format!("Name:\t{name}\nRoles:\t{}\n", if found.is_empty() { "<none>" } else { &found }));
    labels(out, "Labels:", node.metadata.labels.as_ref());
    annotations(out, node.metadata.annotations.as_ref());
    if let Some(created) = &node.metadata.creation_timestamp {
        out.push_str(&format!("CreationTimestamp:\t{}\n", time(created.0)));
    }
    let spec = node.spec.clone().unwrap_or_default();
    let mut taints: Vec<_> = spec.taints.iter().flatten().collect();
    taints
        .sort_by_key(|t| (["NoExecute", "NoSchedule", "PreferNoSchedule"].iter().position(|e| *e == t.effect), &t.key));
    out.push_str("Taints:");
    for taint in &taints {
        let value = taint.value.as_deref().filter(|v| !v.is_empty()).map(|v| format!("={v}")).unwrap_or_default();
        out.push_str(&format!("\t{}{value}:{}\n", taint.key, taint.effect));
    }
    if taints.is_empty() {
        out.push_str("\t<none>\n");
    }
    out.push_str(&format!("Unschedulable:\t{}\n", spec.unschedulable.unwrap_or(false)));
    match client::get::<Lease>(&*cx.client, "kube-node-lease", name).await {
        Err(error) => out.push_str(&format!("Lease:\tFailed to get lease: {error}\n")),
        Ok(lease) => {
            let lease = lease.spec.clone().unwrap_or_default();
            let shown = |at: Option<k8s_openapi::jiff::Timestamp>| at.map_or("<unset>".to_string(), time);
            out.push_str(&format!(
                "Lease:\n  HolderIdentity:\t{}\n  AcquireTime:\t{}\n  RenewTime:\t{}\n",
                lease.holder_identity.as_deref().unwrap_or("<unset>"),
                shown(lease.acquire_time.map(|t| t.0)),
                shown(lease.renew_time.map(|t| t.0)),
            ));
        }
    }
    let status = node.status.clone().unwrap_or_default();
    if let Some(conditions) = &status.conditions {
        out.push_str("Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage\n");
        out.push_str("  ----\t------\t-----------------\t------------------\t------\t-------\n");
        for c in conditions {
            let shown = |at: &Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| {
                at.as_ref().map_or("<unset>".to_string(), |t| time(t.0))
            };
            out.push_str(&format!(
                "  {} \t{} \t{} \t{} \t{} \t{}\n",
                c.type_,
                c.status,
                shown(&c.last_heartbeat_time),
                shown(&c.last_transition_time),
                c.reason.as_deref().unwrap_or_default(),
                c.message.as_deref().unwrap_or_default(),
            ));
        }
    }
    out.push_str("Addresses:\n");
    for address in status.addresses.iter().flatten() {
        out.push_str(&format!("  {}:\t{}\n", address.type_, address.address));
    }
    list(out, "Capacity", status.capacity.as_ref());
    list(out, "Allocatable", status.allocatable.as_ref());
    if let Some(info) = &status.node_info {
        out.push_str(&format!(
            "System Info:\n  Machine ID:\t{}\n  System UUID:\t{}\n  Boot ID:\t{}\n  Kernel Version:\t{}\n  OS \
             Image:\t{}\n  Operating System:\t{}\n  Architecture:\t{}\n  Container Runtime Version:\t{}\n  Kubelet \
             Version:\t{}\n",
            info.machine_id,
            info.system_uuid,
            info.boot_id,
            info.kernel_version,
            info.os_image,
            info.operating_system,
            info.architecture,
            info.container_runtime_version,
            info.kubelet_version,
        ));
    }
    if let Some(cidr) = spec.pod_cidr.filter(|c| !c.is_empty()) {
        out.push_str(&format!("PodCIDR:\t{cidr}\n"));
    }
    if let Some(cidrs) = spec.pod_cidrs.filter(|c| !c.is_empty()) {
        out.push_str(&format!("PodCIDRs:\t{}\n", cidrs.join(",")));
    }
    if let Some(id) = spec.provider_id.filter(|id| !id.is_empty()) {
        out.push_str(&format!("ProviderID:\t{id}\n"));
    }
    let options = ListOptions {
        field_selector: format!("spec.nodeName={name},status.phase!=Failed,status.phase!=Succeeded"),
        ..ListOptions::default()
    };
    let pods = cx.client.list(Kind::Pod, "", options).await?;
    let pods: Vec<_> = pods.items.iter().filter_map(|o| o.as_::<Pod>()).collect();
    let allocatable = resources::amounts(status.allocatable.as_ref().or(status.capacity.as_ref()));
    usage(out, &pods, &allocatable, cx.now());
    Ok(())
}

fn list(out: &mut String, title: &str, amounts: Option<&BTreeMap<String, ApiQuantity>>) {
    let Some(amounts) = amounts else { return };
    out.push_str(&format!("{title}:\n"));
    for (name, quantity) in amounts {
        out.push_str(&format!("  {name}:\t{}\n", amount(quantity)));
    }
}

fn usage(out: &mut String, pods: &[&std::rc::Rc<Pod>], allocatable: &Amounts, now: k8s_openapi::jiff::Timestamp) {
    let zero = || Quantity::zero(Format::DecimalSi);
    let share = |amounts: &Amounts, name: &str| {
        let used = amounts.get(name).cloned().unwrap_or_else(zero);
        let all = allocatable.get(name).cloned().unwrap_or_else(zero);
        let percent = if name == "cpu" {
            used.milli_value().saturating_mul(100).checked_div(all.milli_value())
        } else {
            (i128::from(used.value()) * 100)
                .checked_div(i128::from(all.value()))
                .and_then(|share| i64::try_from(share).ok())
        };
        format!("{used} ({}%)", percent.unwrap_or(0))
    };
    out.push_str(&format!("Non-terminated Pods:\t({} in total)\n", pods.len()));
    out.push_str("  Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge\n");
    out.push_str("  ---------\t----\t\t------------\t----------\t---------------\t-------------\t---\n");
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    let options = Options::default();
    for pod in pods {
        let (own, most) = (resources::requests(pod, &options), resources::limits(pod, &options));
        out.push_str(&format!(
            "  {}\t{}\t\t{}\t{}\t{}\t{}\t{}\n",
            pod.metadata.namespace.as_deref().unwrap_or_default(),
            pod.metadata.name.as_deref().unwrap_or_default(),
            share(&own, "cpu"),
            share(&most, "cpu"),
            share(&own, "memory"),
            share(&most, "memory"),
            pod.metadata.creation_timestamp.as_ref().map_or("<unknown>".into(), |t| age(t.0, now)),
        ));
        for (total, part) in [(&mut requests, own), (&mut limits, most)] {
            for (name, quantity) in part {
                let sum = total.get(&name).map_or_else(|| quantity.clone(), |before| before.add(&quantity));
                total.insert(name, sum);
            }
        }
    }
    out.push_str("Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)\n");
    out.push_str("  Resource\tRequests\tLimits\n  --------\t--------\t------\n");
    let fixed = ["cpu", "memory", "ephemeral-storage"];
    let huge = |name: &&str| name.starts_with("hugepages-");
    let others = || allocatable.keys().map(String::as_str).filter(|name| !fixed.contains(name) && *name != "pods");
    for name in fixed.into_iter().chain(others().filter(huge)) {
        out.push_str(&format!("  {name}\t{}\t{}\n", share(&requests, name), share(&limits, name)));
    }
    // Those of others are counted, not shared.
    let count = |amounts: &Amounts, name: &str| amounts.get(name).cloned().unwrap_or_else(zero);
    for name in others().filter(|name| !huge(name)) {
        out.push_str(&format!("  {name}\t{}\t{}\n", count(&requests, name), count(&limits, name)));
    }
}
