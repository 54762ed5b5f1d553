//! Names to addresses: literals, /etc/hosts, `localhost`. There is no name server yet; what isn't
//! found here is unknown.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{os::Proc, programs::util};

/// The addresses of `host`, as getaddrinfo(3) orders them; empty if it is unknown.
pub async fn resolve(proc: &Proc, host: &str) -> Vec<IpAddr> {
    if let Some(ip) = literal(host) {
        return vec![ip];
    }
    let name = host.trim_end_matches('.');
    let mut found: Vec<IpAddr> = Vec::new();
    for (ip, names) in hosts(proc).await {
        if names.iter().any(|n| n.eq_ignore_ascii_case(name)) && !found.contains(&ip) {
            found.push(ip);
        }
    }
    if found.is_empty() && (name.eq_ignore_ascii_case("localhost") || name.to_lowercase().ends_with(".localhost")) {
        return vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
    }
    // RFC 6724: ::1 before 127.0.0.1; other IPv6 addresses are of no use without a route.
    found.sort_by_key(|ip| !matches!(ip, IpAddr::V6(Ipv6Addr::LOCALHOST)));
    found
}

/// An address written out: also `[::1]`, and IPv4 in brackets' absence only.
pub fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The lines of /etc/hosts.
pub async fn hosts(proc: &Proc) -> Vec<(IpAddr, Vec<String>)> {
    // Without the file, nothing is known.
    let text = proc.read_file("/etc/hosts").await.map(util::text).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            Some((words.next()?.parse().ok()?, words.map(str::to_owned).collect()))
        })
        .collect()
}

/// The name servers of /etc/resolv.conf; the local one if there are none.
pub async fn servers(proc: &Proc) -> Vec<IpAddr> {
    let text = proc.read_file("/etc/resolv.conf").await.map(util::text).unwrap_or_default();
    let found: Vec<IpAddr> =
        text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse().ok()).collect();
    if found.is_empty() { vec![Ipv4Addr::LOCALHOST.into()] } else { found }
}
