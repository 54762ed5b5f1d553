//! Names to addresses, as getaddrinfo(3) finds them: literals, /etc/hosts, `localhost`, and the name servers of
//! /etc/resolv.conf.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use super::dns::{self, Code, Kind, Message, Silence};
use crate::{os::Proc, programs::util};

/// Why there are no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// EAI_NONAME
    Unknown,
    /// EAI_AGAIN: no server said anything of use.
    TryAgain,
}

impl Trouble {
    /// gai_strerror(3)
    pub fn text(self) -> &'static str {
        match self {
            Trouble::Unknown => "Name or service not known",
            Trouble::TryAgain => "Temporary failure in name resolution",
        }
    }
}

/// The addresses of `host`, as getaddrinfo(3) orders them; empty if there are none.
pub async fn resolve(proc: &Proc, host: &str) -> Vec<IpAddr> {
    lookup(proc, host).await.unwrap_or_default()
}

/// The addresses of `host`, never none.
pub async fn lookup(proc: &Proc, host: &str) -> Result<Vec<IpAddr>, Trouble> {
    canonical(proc, host).await.map(|(_, found)| found)
}

/// The name that has the addresses, and the addresses.
pub async fn canonical(proc: &Proc, host: &str) -> Result<(String, Vec<IpAddr>), Trouble> {
    if let Some(ip) = literal(host) {
        return Ok((host.into(), vec![ip]));
    }
    let name = host.trim_end_matches('.');
    let mut found: Vec<IpAddr> = Vec::new();
    for (ip, names) in hosts(proc).await {
        if names.iter().any(|n| n.eq_ignore_ascii_case(name)) && !found.contains(&ip) {
            found.push(ip);
        }
    }
    if found.is_empty() && (name.eq_ignore_ascii_case("localhost") || name.to_lowercase().ends_with(".localhost")) {
        return Ok((name.into(), vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]));
    }
    if found.is_empty() {
        return from_servers(proc, host).await;
    }
    // RFC 6724: ::1 before 127.0.0.1; other IPv6 addresses are of no use without a route.
    found.sort_by_key(|ip| !matches!(ip, IpAddr::V6(Ipv6Addr::LOCALHOST)));
    Ok((name.into(), found))
}

async fn from_servers(proc: &Proc, host: &str) -> Result<(String, Vec<IpAddr>), Trouble> {
    if !dns::is_name(host) {
        return Err(Trouble::Unknown);
    }
    let config = Config::read(proc).await;
    let mut failed = false;
    for name in config.candidates(host) {
        match config.ask(proc, &name, Kind::A).await {
            Ok(answer) if answer.code == Code::NoError && !answer.addresses().is_empty() => {
                let last = answer.answers.last().map_or(name, |record| record.name.clone());
                return Ok((last, answer.addresses()));
            }
            Ok(answer) => failed |= answer.code == Code::ServFail,
            Err(_) => return Err(Trouble::TryAgain),
        }
    }
    Err(if failed { Trouble::TryAgain } else { Trouble::Unknown })
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

/// /etc/resolv.conf
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The local one if the file has none.
    pub servers: Vec<IpAddr>,
    pub search: Vec<String>,
    /// A name with fewer dots is first tried within the search list.
    pub ndots: usize,
    pub timeout: Duration,
    pub attempts: u32,
}

impl Config {
    pub async fn read(proc: &Proc) -> Config {
        Config::parse(&proc.read_file("/etc/resolv.conf").await.map(util::text).unwrap_or_default())
    }

    fn parse(text: &str) -> Config {
        let mut config =
            Config { servers: Vec::new(), search: Vec::new(), ndots: 1, timeout: Duration::from_secs(5), attempts: 2 };
        for line in text.lines() {
            let mut words = line.split(['#', ';']).next().unwrap_or_default().split_whitespace();
            match words.next() {
                Some("nameserver") => config.servers.extend(words.next().and_then(|ip| ip.parse::<IpAddr>().ok())),
                Some("search" | "domain") => config.search = words.map(|w| w.trim_end_matches('.').into()).collect(),
                Some("options") => words.for_each(|option| config.option(option)),
                _ => {}
            }
        }
        // glibc takes three.
        config.servers.truncate(3);
        if config.servers.is_empty() {
            config.servers.push(Ipv4Addr::LOCALHOST.into());
        }
        config
    }

    fn option(&mut self, option: &str) {
        let Some((name, Ok(value))) = option.split_once(':').map(|(name, value)| (name, value.parse::<u32>())) else {
            return;
        };
        match name {
            "ndots" => self.ndots = value.min(15) as usize,
            "timeout" => self.timeout = Duration::from_secs(u64::from(value.clamp(1, 30))),
            "attempts" => self.attempts = value.clamp(1, 5),
            _ => {}
        }
    }

    /// The names to try for `host`, in order.
    pub fn candidates(&self, host: &str) -> Vec<String> {
        if let Some(name) = host.strip_suffix('.') {
            return vec![name.into()];
        }
        let searched = self.search.iter().map(|domain| format!("{host}.{domain}"));
        let dots = host.matches('.').count();
        if dots >= self.ndots {
            std::iter::once(host.to_string()).chain(searched).collect()
        } else {
            searched.chain([host.to_string()]).collect()
        }
    }

    /// Asks the servers in turn, as often as the file says.
    pub async fn ask(&self, proc: &Proc, name: &str, kind: Kind) -> Result<Message, Silence> {
        let mut last = Silence::TimedOut;
        for _ in 0..self.attempts {
            for server in &self.servers {
                let question = Message::question(id(proc), name, kind);
                let server = SocketAddr::new(*server, dns::PORT);
                match dns::ask(proc.sim(), proc.net(), Some(proc), server, &question, self.timeout).await {
                    Ok(answer) => return Ok(answer),
                    Err(silence) => last = silence,
                }
            }
        }
        Err(last)
    }
}

/// A question's number.
pub fn id(proc: &Proc) -> u16 {
    // Drawn from what differs from question to question, so that asking doesn't change what else is drawn.
    let now = proc.sim().now().as_nanos() ^ (u64::from(proc.host_pid()) << 20);
    (now.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_lists() {
        let pod = Config::parse("search a.svc.x svc.x x\nnameserver 10.96.0.10\noptions ndots:5\n");
        assert_eq!(pod.servers, [IpAddr::from([10, 96, 0, 10])]);
        let node = Config::parse("nameserver 172.18.0.1\n");
        let table: [(&Config, &str, &[&str]); 5] = [
            (&pod, "web", &["web.a.svc.x", "web.svc.x", "web.x", "web"]),
            (&pod, "web.b", &["web.b.a.svc.x", "web.b.svc.x", "web.b.x", "web.b"]),
            (&pod, "1.2.3.4.5.6", &["1.2.3.4.5.6", "1.2.3.4.5.6.a.svc.x", "1.2.3.4.5.6.svc.x", "1.2.3.4.5.6.x"]),
            (&pod, "web.b.", &["web.b"]),
            (&node, "web", &["web"]),
        ];
        for (config, host, expected) in table {
            assert_eq!(config.candidates(host), expected, "{host}");
        }
    }
}
