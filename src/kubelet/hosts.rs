//! A pod's names: hostname, domain, /etc/hosts, /etc/resolv.conf.
//! Sources: kubernetes `pkg/kubelet/kubelet_pods.go`, `pkg/kubelet/network/dns/dns.go`.

use k8s_openapi::api::core::v1::HostAlias;

use crate::api::{Pod, PodSpec, names};

/// The cluster's DNS service and domain.
pub const DNS: &str = "10.96.0.10";
pub const DOMAIN: &str = "cluster.local";

const LONGEST_HOSTNAME: usize = 63;

/// Hostname and domain ("" without one) of a pod (`GeneratePodHostNameAndDomain`).
pub fn hostname_and_domain(pod: &Pod) -> Result<(String, String), String> {
    let none = PodSpec::default();
    let spec = pod.spec.as_deref().unwrap_or(&none);
    let label = |what: &str, text: &str| match names::dns1123_label(text) {
        errors if errors.is_empty() => Ok(()),
        errors => Err(format!("pod {what} {text:?} is not a valid DNS label: {}", errors.join(";"))),
    };
    if let Some(name) = spec.hostname_override.as_ref().filter(|name| !name.is_empty()) {
        let errors = names::dns1123_subdomain(name);
        if !errors.is_empty() {
            let errors = errors.join(";");
            return Err(format!("pod HostnameOverride {name:?} is not a valid DNS subdomain: {errors}"));
        }
        return Ok((name.clone(), String::new()));
    }
    let name = spec.hostname.as_deref().filter(|name| !name.is_empty());
    name.map_or(Ok(()), |name| label("Hostname", name))?;
    let name = name.unwrap_or_else(|| pod.metadata.name.as_deref().unwrap_or_default());
    let mut hostname: String = name.chars().take(LONGEST_HOSTNAME).collect();
    hostname.truncate(hostname.trim_end_matches(['-', '.']).len());
    let domain = match spec.subdomain.as_deref().filter(|sub| !sub.is_empty()) {
        Some(sub) => {
            label("Subdomain", sub)?;
            format!("{sub}.{}.svc.{DOMAIN}", pod.metadata.namespace.as_deref().unwrap_or_default())
        }
        None => String::new(),
    };
    Ok((hostname, domain))
}

/// What the kernel's hostname becomes.
pub fn kernel_hostname(pod: &Pod) -> Result<String, String> {
    let (hostname, domain) = hostname_and_domain(pod)?;
    let fqdn = pod.spec.as_ref().is_some_and(|spec| spec.set_hostname_as_fqdn == Some(true));
    Ok(if fqdn && !domain.is_empty() { format!("{hostname}.{domain}") } else { hostname })
}

const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\t\
                     ip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n";

/// /etc/hosts of a pod with its own network.
pub fn hosts_file(ips: &[String], hostname: &str, domain: &str, aliases: &[HostAlias]) -> String {
    let mut text = format!("# Kubernetes-managed hosts file.\n{HOSTS}");
    for ip in ips {
        if domain.is_empty() {
            text.push_str(&format!("{ip}\t{hostname}\n"));
        } else {
            text.push_str(&format!("{ip}\t{hostname}.{domain}\t{hostname}\n"));
        }
    }
    text + &alias_lines(aliases)
}

/// /etc/hosts of a pod on the node's network: the node's own, and the aliases.
pub fn host_network_hosts_file(node: &str, aliases: &[HostAlias]) -> String {
    format!("# Kubernetes-managed hosts file (host network).\n{node}{}", alias_lines(aliases))
}

/// The hosts file of a node.
pub fn node_hosts_file(ip: &str, name: &str) -> String {
    format!("{HOSTS}{ip}\t{name}\n")
}

fn alias_lines(aliases: &[HostAlias]) -> String {
    if aliases.is_empty() {
        return String::new();
    }
    let mut text = "\n# Entries added by HostAliases.\n".to_string();
    for alias in aliases {
        text.push_str(&format!("{}\t{}\n", alias.ip, alias.hostnames.as_deref().unwrap_or_default().join("\t")));
    }
    text
}

/// /etc/resolv.conf, by the pod's dnsPolicy and dnsConfig.
pub fn resolv_conf(pod: &Pod, node_resolver: &str) -> String {
    let none = PodSpec::default();
    let spec = pod.spec.as_deref().unwrap_or(&none);
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let on_host = spec.host_network == Some(true);
    let cluster = match spec.dns_policy.as_deref().unwrap_or("ClusterFirst") {
        "ClusterFirst" => !on_host,
        "ClusterFirstWithHostNet" => true,
        _ => false,
    };
    let none_policy = spec.dns_policy.as_deref() == Some("None");
    let (mut servers, mut search, mut options) = (Vec::new(), Vec::new(), Vec::<String>::new());
    if cluster {
        servers.push(DNS.to_string());
        search.extend([format!("{namespace}.svc.{DOMAIN}"), format!("svc.{DOMAIN}"), DOMAIN.to_string()]);
        options.push("ndots:5".into());
    } else if !none_policy {
        servers.push(node_resolver.to_string());
    }
    if let Some(config) = &spec.dns_config {
        let add = |list: &mut Vec<String>, more: Option<&Vec<String>>| {
            for item in more.into_iter().flatten() {
                if !list.contains(item) {
                    list.push(item.clone());
                }
            }
        };
        add(&mut servers, config.nameservers.as_ref());
        add(&mut search, config.searches.as_ref());
        for option in config.options.iter().flatten() {
            let name = option.name.clone().unwrap_or_default();
            options.retain(|o| o.split(':').next() != Some(&name));
            options.push(option.value.as_ref().map_or(name.clone(), |value| format!("{name}:{value}")));
        }
    }
    let mut text = String::new();
    if !search.is_empty() {
        text.push_str(&format!("search {}\n", search.join(" ")));
    }
    for server in &servers {
        text.push_str(&format!("nameserver {server}\n"));
    }
    if !options.is_empty() {
        text.push_str(&format!("options {}\n", options.join(" ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use super::*;
    use crate::api::SharedSpec;

    fn pod(name: &str, spec: PodSpec) -> Pod {
        let metadata =
            ObjectMeta { name: Some(name.into()), namespace: Some("default".into()), ..ObjectMeta::default() };
        Pod { metadata, spec: Some(spec.into()), ..Pod::default() }
    }

    #[test]
    fn hostnames() {
        let spec = |hostname: &str, subdomain: &str, over: &str| {
            PodSpec::from(SharedSpec {
                hostname: Some(hostname.into()),
                subdomain: Some(subdomain.into()),
                hostname_override: Some(over.into()),
                ..SharedSpec::default()
            })
        };
        let long = format!("{}-{}", "a".repeat(62), "b".repeat(5));
        let cut = "a".repeat(62);
        let table = [
            ("web", spec("", "", ""), ("web", "")),
            ("web", spec("db", "", ""), ("db", "")),
            ("web", spec("db", "svc", ""), ("db", "svc.default.svc.cluster.local")),
            ("web", spec("db", "svc", "other.host"), ("other.host", "")),
            (&long, spec("", "", ""), (&cut, "")),
        ];
        for (name, spec, (hostname, domain)) in table {
            assert_eq!(hostname_and_domain(&pod(name, spec)), Ok((hostname.to_string(), domain.to_string())));
        }
    }

    #[test]
    fn resolvers() {
        let spec = |policy: &str, host_network| {
            PodSpec::from(SharedSpec {
                dns_policy: Some(policy.into()),
                host_network: Some(host_network),
                ..SharedSpec::default()
            })
        };
        let cluster = "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions \
                       ndots:5\n";
        let node = "nameserver 172.18.0.1\n";
        let table = [
            ("ClusterFirst", false, cluster),
            ("ClusterFirst", true, node),
            ("ClusterFirstWithHostNet", true, cluster),
            ("Default", false, node),
            ("None", false, ""),
        ];
        for (policy, host_network, expected) in table {
            assert_eq!(resolv_conf(&pod("web", spec(policy, host_network)), "172.18.0.1"), expected, "{policy}");
        }
    }
}
