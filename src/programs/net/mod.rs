//! Network tools and the protocols that they and the servers speak.

pub mod base64;
pub mod curl;
mod date;
pub mod dns;
mod filter;
pub mod grpc;
pub mod http;
pub mod ip;
pub mod lookup;
pub mod nc;
pub mod ping;
pub mod resolve;
pub mod sockets;
pub mod telnet;
#[cfg(test)]
mod tests;
pub mod tls;
pub mod traceroute;
pub mod wget;

use super::Entry;

pub const TABLE: &[Entry] = &[
    entry!("curl", curl::main, "fetch a URL"),
    entry!("dig", lookup::dig, "ask a name server"),
    entry!("getent", lookup::getent, "look up hosts and users"),
    entry!("host", lookup::host, "ask a name server"),
    entry!("ifconfig", ctx ip::ifconfig, "show network interfaces"),
    entry!("ip", ctx ip::ip, "show addresses and routes"),
    entry!("nc", ctx nc::main, "connect or listen on a port"),
    entry!("netstat", ctx sockets::netstat, "show sockets"),
    entry!("nslookup", ctx lookup::nslookup, "ask a name server"),
    entry!("ping", ctx ping::main, "see whether a host answers"),
    entry!("route", ctx ip::route, "show routes"),
    entry!("ss", sockets::ss, "show sockets"),
    entry!("telnet", ctx telnet::main, "talk to a server"),
    entry!("traceroute", ctx traceroute::main, "show the way to a host"),
    entry!("wget", ctx wget::main, "fetch a URL to a file"),
];
