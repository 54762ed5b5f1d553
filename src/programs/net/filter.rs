//! What ss' filters mean: `state established`, `( sport = :80 or dst 10.0.0.0/8 ) and not dport :443`.

use std::net::IpAddr;

use super::resolve;
use crate::os::net::SocketInfo;

/// The sockets that someone wants to see.
pub struct Filter {
    states: Option<Vec<&'static str>>,
    expression: Option<Expression>,
}

enum Expression {
    /// Local or peer; an address with a prefix, a port and how to compare it.
    Address {
        local: bool,
        ip: Option<(IpAddr, u8)>,
        port: Option<(Compare, u16)>,
        equal: bool,
    },
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
}

#[derive(Clone, Copy)]
enum Compare {
    Equal,
    Least,
    Most,
}

const CONNECTED: [&str; 8] =
    ["ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE-WAIT", "LAST-ACK"];

/// The states of a name in a filter.
fn states(name: &str) -> Option<Vec<&'static str>> {
    Some(match name {
        "all" => CONNECTED.iter().copied().chain(["CLOSING", "LISTEN", "UNCONN"]).collect(),
        "connected" => CONNECTED.iter().copied().chain(["CLOSING"]).collect(),
        "synchronized" => CONNECTED.iter().copied().filter(|state| *state != "SYN-SENT").chain(["CLOSING"]).collect(),
        "bucket" => vec!["SYN-RECV", "TIME-WAIT"],
        "big" => {
            let small = ["SYN-RECV", "TIME-WAIT"];
            let connected = CONNECTED.iter().copied().filter(|state| !small.contains(state));
            connected.chain(["CLOSING", "LISTEN", "UNCONN"]).collect()
        }
        "established" => vec!["ESTAB"],
        "listening" | "listen" => vec!["LISTEN"],
        "unconnected" | "closed" => vec!["UNCONN"],
        "closing" => vec!["CLOSING"],
        _ => vec![CONNECTED.iter().copied().find(|state| state.to_lowercase() == name)?],
    })
}

impl Filter {
    pub fn has_states(&self) -> bool {
        self.states.is_some()
    }

    pub fn has_one_state(&self) -> bool {
        self.states.as_ref().is_some_and(|states| states.len() == 1)
    }

    pub fn takes(&self, socket: &SocketInfo) -> bool {
        self.states.as_ref().is_none_or(|states| states.contains(&socket.state))
            && self.expression.as_ref().is_none_or(|expression| expression.holds(socket))
    }
}

impl Expression {
    fn holds(&self, socket: &SocketInfo) -> bool {
        match self {
            Expression::Not(inner) => !inner.holds(socket),
            Expression::And(a, b) => a.holds(socket) && b.holds(socket),
            Expression::Or(a, b) => a.holds(socket) || b.holds(socket),
            Expression::Address { local, ip, port, equal } => {
                let end = if *local { Some(socket.local) } else { socket.peer };
                let (own, number) = end.map_or((None, 0), |end| (Some(end.ip().to_canonical()), end.port()));
                let here = ip.is_none_or(|(net, prefix)| own.is_some_and(|own| within(own, net, prefix)));
                let there = port.is_none_or(|(compare, wanted)| match compare {
                    Compare::Equal => number == wanted,
                    Compare::Least => number >= wanted,
                    Compare::Most => number <= wanted,
                });
                (here && there) == *equal
            }
        }
    }
}

fn within(ip: IpAddr, net: IpAddr, prefix: u8) -> bool {
    match (ip, net) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (u32::from(a) ^ u32::from(b)).checked_shr(32 - u32::from(prefix.min(32))).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (u128::from(a) ^ u128::from(b)).checked_shr(128 - u32::from(prefix.min(128))).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Nesting that is refused.
const DEEPEST: usize = 50;

struct Parser<'a> {
    words: Vec<&'a str>,
    at: usize,
    depth: usize,
}

type Failed = (i32, String);

/// Reads the words after the options. The error is what ss says, with its exit status.
pub fn parse(text: &str) -> Result<Filter, Failed> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace("\\ ", " ");
    let mut parser = Parser { words: spaced.split_whitespace().collect(), at: 0, depth: 0 };
    let mut chosen: Option<Vec<&'static str>> = None;
    while let Some(word @ ("state" | "exclude" | "excl")) = parser.peek() {
        parser.at += 1;
        let name = parser.next().unwrap_or_default();
        let named = states(name).ok_or_else(|| (255, format!("ss: wrong state name: {name}")))?;
        match word {
            "state" => chosen.get_or_insert_default().extend(named),
            _ => {
                let all = states("all").unwrap_or_default();
                chosen.get_or_insert(all).retain(|state| !named.contains(state));
            }
        }
    }
    let expression = if parser.peek().is_some() { Some(parser.or()?) } else { None };
    match parser.peek() {
        Some(_) => Err((255, "ss: bison bellows (while parsing filter): \"syntax error!\" Sorry.".to_owned())),
        None => Ok(Filter { states: chosen, expression }),
    }
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        let word = self.peek();
        self.at += 1;
        word
    }

    fn or(&mut self) -> Result<Expression, Failed> {
        let mut left = self.and()?;
        while let Some("or" | "|" | "||") = self.peek() {
            self.at += 1;
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, Failed> {
        let mut left = self.one()?;
        loop {
            match self.peek() {
                Some("and" | "&" | "&&") => self.at += 1,
                None | Some("or" | "|" | "||" | ")") => return Ok(left),
                Some(_) => {}
            }
            left = Expression::And(Box::new(left), Box::new(self.one()?));
        }
    }

    fn one(&mut self) -> Result<Expression, Failed> {
        let bellows = || (255, "ss: bison bellows (while parsing filter): \"syntax error!\" Sorry.".to_owned());
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(bellows());
        }
        let found = match self.next() {
            Some("(") => {
                let inner = self.or()?;
                if self.next() != Some(")") {
                    return Err(bellows());
                }
                inner
            }
            Some("not" | "!") => Expression::Not(Box::new(self.one()?)),
            Some(word @ ("sport" | "dport" | "src" | "dst")) => {
                let (operator, compare, equal) = match self.peek() {
                    Some("=" | "==" | "eq" | "is") => (true, Compare::Equal, true),
                    Some("!=" | "ne" | "neq") => (true, Compare::Equal, false),
                    Some(">=" | "ge" | "geq") => (true, Compare::Least, true),
                    Some("<" | "lt") => (true, Compare::Least, false),
                    Some("<=" | "le" | "leq") => (true, Compare::Most, true),
                    Some(">" | "gt") => (true, Compare::Most, false),
                    _ => (false, Compare::Equal, true),
                };
                self.at += usize::from(operator);
                let text = self.next().ok_or_else(bellows)?;
                let local = word.starts_with('s');
                address(text, word.ends_with("port"), local, compare, equal)?
            }
            Some(word) => address(word, false, false, Compare::Equal, true)?,
            None => return Err(bellows()),
        };
        self.depth -= 1;
        Ok(found)
    }
}

/// `10.0.0.1`, `10.0.0.0/8:80`, `:http`, `[::1]:80`.
fn address(text: &str, port_only: bool, local: bool, compare: Compare, equal: bool) -> Result<Expression, Failed> {
    let failed = |why: String| (1, format!("{why}\nCannot parse dst/src address."));
    let (ip, port) = match text.rsplit_once(':') {
        Some((ip, port)) if !ip.contains(':') || ip.ends_with(']') => (ip, Some(port)),
        None if port_only => ("", Some(text)),
        _ => (text, None),
    };
    let port = match port {
        None | Some("" | "*") => None,
        Some(port) => {
            let known = (1..=u16::MAX).find(|number| super::sockets::service(*number) == Some(port));
            let number = port.parse().ok().or(known);
            let number = number.ok_or_else(|| failed(format!("Error: \"{port}\" does not look like a port.")))?;
            Some((compare, number))
        }
    };
    let ip = match ip.trim_start_matches('[').trim_end_matches(']') {
        "" | "*" => None,
        ip => {
            let (ip, prefix) = ip.split_once('/').map_or((ip, None), |(ip, prefix)| (ip, Some(prefix)));
            let ip = ip.trim_end_matches(']');
            let found = resolve::literal(ip);
            let wrong = || failed(format!("Error: an inet prefix is expected rather than \"{ip}\"."));
            let found = found.ok_or_else(wrong)?;
            let widest = if found.is_ipv4() { 32 } else { 128 };
            Some((found, prefix.map_or(Ok(widest), |prefix| prefix.parse().map_err(|_| wrong()))?))
        }
    };
    Ok(Expression::Address { local, ip, port, equal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        let socket = |state: &'static str, local: &str, peer: Option<&str>| SocketInfo {
            state,
            local: local.parse().unwrap(),
            peer: peer.map(|peer| peer.parse().unwrap()),
            received: 0,
            backlog: 0,
            dual: false,
            host_pid: 1,
            comm: String::new(),
        };
        let all = [
            socket("LISTEN", "0.0.0.0:80", None),
            socket("ESTAB", "10.0.0.1:80", Some("10.0.0.2:40000")),
            socket("ESTAB", "10.0.0.1:40001", Some("10.1.0.3:443")),
        ];
        let rows = [
            ("", "012"),
            ("sport = :80", "01"),
            ("sport = :http", "01"),
            ("sport 80", "01"),
            ("dport = :443 or sport = :80", "012"),
            ("( dport = :443 or sport = :80 ) and state established", "!"),
            ("state established ( dport = :443 or sport = :80 )", "12"),
            ("state listening", "0"),
            ("state connected dst 10.1.0.0/16", "2"),
            ("exclude established", "0"),
            ("not dst 10.0.0.2", "02"),
            ("dst 10.0.0.2:40000", "1"),
            ("sport > :1024", "2"),
            ("sport le 80", "01"),
            ("dport != :443", "01"),
            ("src 10.0.0.1 dport 443", "2"),
        ];
        for (text, expected) in rows {
            let found = match parse(text) {
                Ok(filter) => (0..3).filter(|n| filter.takes(&all[*n])).map(|n| n.to_string()).collect(),
                Err(_) => "!".to_owned(),
            };
            assert_eq!(found, expected, "{text}");
        }
        let told = |text: &str| parse(text).err().unwrap_or_default();
        let prefix = "Error: an inet prefix is expected rather than \"foo\".\nCannot parse dst/src address.";
        assert_eq!(told("foo"), (1, prefix.to_owned()));
        let port = "Error: \"foo\" does not look like a port.\nCannot parse dst/src address.";
        assert_eq!(told("sport foo"), (1, port.to_owned()));
        assert_eq!(told("state foo"), (255, "ss: wrong state name: foo".to_owned()));
        assert_eq!(told(&"( ".repeat(10_000)).0, 255);
    }
}
