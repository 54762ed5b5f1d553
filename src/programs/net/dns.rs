//! DNS: messages as they go over the wire (RFC 1035, without compression), and asking a server.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use crate::{
    os::{Errno, NetNs, Proc, TcpStream, UdpSocket},
    sim::Sim,
};

pub const PORT: u16 = 53;

const LONGEST_LABEL: usize = 63;
const LONGEST_NAME: usize = 253;

/// What is asked for, or of what kind a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    A,
    Ns,
    Cname,
    Soa,
    Ptr,
    Mx,
    Txt,
    Aaaa,
    Srv,
    Any,
}

const KINDS: [(Kind, u16, &str); 10] = [
    (Kind::A, 1, "A"),
    (Kind::Ns, 2, "NS"),
    (Kind::Cname, 5, "CNAME"),
    (Kind::Soa, 6, "SOA"),
    (Kind::Ptr, 12, "PTR"),
    (Kind::Mx, 15, "MX"),
    (Kind::Txt, 16, "TXT"),
    (Kind::Aaaa, 28, "AAAA"),
    (Kind::Srv, 33, "SRV"),
    (Kind::Any, 255, "ANY"),
];

impl Kind {
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, _, name)| name)
    }

    pub fn parse(name: &str) -> Option<Kind> {
        KINDS.iter().find(|(_, _, known)| known.eq_ignore_ascii_case(name)).map(|(kind, ..)| *kind)
    }

    fn code(self) -> u16 {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or(0, |(_, code, _)| *code)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    A(Ipv4Addr),
    Cname(String),
    Ptr(String),
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: String,
    },
    Soa {
        server: String,
        mailbox: String,
        /// Serial, refresh, retry, expire, minimum.
        numbers: [u32; 5],
    },
}

impl Data {
    pub fn kind(&self) -> Kind {
        match self {
            Data::A(_) => Kind::A,
            Data::Cname(_) => Kind::Cname,
            Data::Ptr(_) => Kind::Ptr,
            Data::Srv { .. } => Kind::Srv,
            Data::Soa { .. } => Kind::Soa,
        }
    }

    /// As zone files write it.
    pub fn text(&self) -> String {
        match self {
            Data::A(ip) => ip.to_string(),
            Data::Cname(name) | Data::Ptr(name) => format!("{name}."),
            Data::Srv { priority, weight, port, target } => format!("{priority} {weight} {port} {target}."),
            Data::Soa { server, mailbox, numbers } => {
                let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
                format!("{server}. {mailbox}. {}", numbers.join(" "))
            }
        }
    }
}

/// Names are in small letters, without the last dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub name: String,
    pub ttl: u32,
    pub data: Data,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Code {
    #[default]
    NoError,
    ServFail,
    NxDomain,
    Refused,
}

const CODES: [(Code, u8, &str); 4] = [
    (Code::NoError, 0, "NOERROR"),
    (Code::ServFail, 2, "SERVFAIL"),
    (Code::NxDomain, 3, "NXDOMAIN"),
    (Code::Refused, 5, "REFUSED"),
];

impl Code {
    pub fn name(self) -> &'static str {
        CODES.iter().find(|(code, ..)| *code == self).map_or("", |(_, _, name)| name)
    }

    pub fn number(self) -> u8 {
        CODES.iter().find(|(code, ..)| *code == self).map_or(0, |(_, number, _)| *number)
    }
}

/// A question, or with `response` its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: u16,
    pub response: bool,
    pub authoritative: bool,
    pub recursion_available: bool,
    pub code: Code,
    pub name: String,
    pub kind: Kind,
    pub answers: Vec<Record>,
    pub authority: Vec<Record>,
    /// EDNS: the client's cookie, which the server sends back.
    pub cookie: Option<[u8; 8]>,
}

impl Message {
    pub fn question(id: u16, name: &str, kind: Kind) -> Message {
        Message {
            id,
            response: false,
            authoritative: false,
            recursion_available: false,
            code: Code::NoError,
            name: name.trim_end_matches('.').to_ascii_lowercase(),
            kind,
            answers: Vec::new(),
            authority: Vec::new(),
            cookie: None,
        }
    }

    /// The answer to this question, still empty.
    pub fn answer(&self, code: Code) -> Message {
        Message { response: true, code, ..self.clone() }
    }

    /// The addresses among the answers.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let address = |record: &Record| match record.data {
            Data::A(ip) => Some(IpAddr::V4(ip)),
            _ => None,
        };
        self.answers.iter().filter_map(address).collect()
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let flag = |set: bool, bit: u16| if set { bit } else { 0 };
        // Recursion is always desired.
        let flags = flag(self.response, 0x8000)
            | flag(self.authoritative, 0x0400)
            | 0x0100
            | flag(self.recursion_available, 0x0080)
            | u16::from(self.code.number());
        let count = |list: &[Record]| u16::try_from(list.len()).unwrap_or(u16::MAX);
        let (answers, authority) = (count(&self.answers), count(&self.authority));
        for number in [self.id, flags, 1, answers, authority, u16::from(self.cookie.is_some())] {
            out.extend(number.to_be_bytes());
        }
        put_name(&mut out, &self.name);
        out.extend(self.kind.code().to_be_bytes());
        out.extend(1u16.to_be_bytes());
        for record in self.answers.iter().chain(&self.authority) {
            put_record(&mut out, record);
        }
        if let Some(cookie) = self.cookie {
            // OPT: root, 41, size, flags, length, cookie.
            out.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 12, 0, 10, 0, 8]);
            out.extend(cookie);
        }
        out
    }

    /// `None`: not a message, or one that nobody here writes.
    pub fn decode(bytes: &[u8]) -> Option<Message> {
        let mut input = Input(bytes);
        let [id, flags, questions, answers, authority, additional] = [(); 6].map(|()| input.u16());
        let (flags, answers, authority) = (flags?, answers?, authority?);
        if questions? != 1 {
            return None;
        }
        let name = input.name()?;
        let kind = input.kind()?;
        input.u16()?;
        let code = u8::try_from(flags & 0xf).ok()?;
        let mut message = Message {
            id: id?,
            response: flags & 0x8000 != 0,
            authoritative: flags & 0x0400 != 0,
            recursion_available: flags & 0x0080 != 0,
            code: CODES.iter().find(|(_, number, _)| *number == code).map(|(code, ..)| *code)?,
            name,
            kind,
            answers: Vec::new(),
            authority: Vec::new(),
            cookie: None,
        };
        for _ in 0..answers {
            message.answers.push(input.record()?);
        }
        for _ in 0..authority {
            message.authority.push(input.record()?);
        }
        if additional? > 0 {
            input.take(15)?;
            message.cookie = input.take(8)?.try_into().ok();
        }
        Some(message)
    }
}

/// Whether a resolver would put it on the wire at all.
pub fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    !name.is_empty() && name.len() <= LONGEST_NAME && name.split('.').all(|l| (1..=LONGEST_LABEL).contains(&l.len()))
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let label = &label.as_bytes()[..label.len().min(LONGEST_LABEL)];
        out.push(label.len() as u8);
        out.extend(label);
    }
    out.push(0);
}

fn put_record(out: &mut Vec<u8>, record: &Record) {
    put_name(out, &record.name);
    out.extend(record.data.kind().code().to_be_bytes());
    out.extend(1u16.to_be_bytes());
    out.extend(record.ttl.to_be_bytes());
    let mut data = Vec::new();
    match &record.data {
        Data::A(ip) => data.extend(ip.octets()),
        Data::Cname(name) | Data::Ptr(name) => put_name(&mut data, name),
        Data::Srv { priority, weight, port, target } => {
            for number in [priority, weight, port] {
                data.extend(number.to_be_bytes());
            }
            put_name(&mut data, target);
        }
        Data::Soa { server, mailbox, numbers } => {
            put_name(&mut data, server);
            put_name(&mut data, mailbox);
            numbers.iter().for_each(|number| data.extend(number.to_be_bytes()));
        }
    }
    out.extend(u16::try_from(data.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(data);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn name(&mut self) -> Option<String> {
        let mut labels = Vec::new();
        loop {
            let length = usize::from(*self.take(1)?.first()?);
            match length {
                0 => return Some(labels.join(".")),
                1..=LONGEST_LABEL => labels.push(String::from_utf8_lossy(self.take(length)?).to_ascii_lowercase()),
                _ => return None,
            }
        }
    }

    fn kind(&mut self) -> Option<Kind> {
        let code = self.u16()?;
        KINDS.iter().find(|(_, known, _)| *known == code).map(|(kind, ..)| *kind)
    }

    fn record(&mut self) -> Option<Record> {
        let name = self.name()?;
        let kind = self.kind()?;
        self.u16()?;
        let ttl = self.u32()?;
        self.u16()?;
        let data = match kind {
            Kind::A => Data::A(Ipv4Addr::from(self.u32()?)),
            Kind::Cname => Data::Cname(self.name()?),
            Kind::Ptr => Data::Ptr(self.name()?),
            Kind::Srv => {
                Data::Srv { priority: self.u16()?, weight: self.u16()?, port: self.u16()?, target: self.name()? }
            }
            Kind::Soa => {
                let (server, mailbox) = (self.name()?, self.name()?);
                let numbers = [self.u32()?, self.u32()?, self.u32()?, self.u32()?, self.u32()?];
                Data::Soa { server, mailbox, numbers }
            }
            _ => return None,
        };
        Some(Record { name, ttl, data })
    }
}

/// `4.3.2.1.in-addr.arpa`
pub fn reverse(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().into_iter().rev().flat_map(|byte| [byte & 0xf, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    TimedOut,
    Failed(Errno),
}

/// Asks one server once, over TCP: messages go with their lengths before them.
pub async fn ask_over_tcp(
    proc: &Proc,
    server: SocketAddr,
    question: &Message,
    timeout: Duration,
) -> Result<Message, Silence> {
    let asked = async {
        let stream = proc.net().connect(Some(proc), server).await?;
        send_over_tcp(&stream, question).await?;
        receive_over_tcp(&stream, &mut Vec::new()).await?.ok_or(Errno::ECONNRESET)
    };
    match proc.sim().timeout(timeout, asked).await {
        Some(answer) => answer.map_err(Silence::Failed),
        None => Err(Silence::TimedOut),
    }
}

pub async fn send_over_tcp(stream: &TcpStream, message: &Message) -> Result<(), Errno> {
    let bytes = message.encode();
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
    stream.write_all(&[&length, bytes.as_slice()].concat()).await
}

/// The next message; `None` at the end, or where the bytes are none. `rest` keeps what has come too early.
pub async fn receive_over_tcp(stream: &TcpStream, rest: &mut Vec<u8>) -> Result<Option<Message>, Errno> {
    loop {
        if let [high, low, body @ ..] = rest.as_slice() {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if let Some(bytes) = body.get(..length) {
                let message = Message::decode(bytes);
                rest.drain(..2 + length);
                return Ok(message);
            }
        }
        let data = stream.read(64 * 1024).await?;
        if data.is_empty() {
            return Ok(None);
        }
        rest.extend(data);
    }
}

/// Asks one server once.
pub async fn ask(
    sim: &Sim,
    net: &NetNs,
    owner: Option<&Proc>,
    server: SocketAddr,
    question: &Message,
    timeout: Duration,
) -> Result<Message, Silence> {
    let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let socket = UdpSocket::bind(net, owner, any).map_err(Silence::Failed)?;
    socket.send(&question.encode(), server).map_err(Silence::Failed)?;
    let answer = async {
        loop {
            let (bytes, from) = socket.receive().await.map_err(Silence::Failed)?;
            match Message::decode(&bytes) {
                Some(answer) if from == server && answer.response && answer.id == question.id => return Ok(answer),
                _ => {}
            }
        }
    };
    sim.timeout(timeout, answer).await.unwrap_or(Err(Silence::TimedOut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_over_the_wire_and_back() {
        let mut question = Message::question(7, "Web.Default.svc.cluster.local.", Kind::A);
        question.cookie = Some([1, 2, 3, 4, 5, 6, 7, 8]);
        let record = |data| Record { name: "web.default.svc.cluster.local".into(), ttl: 30, data };
        let mut answer = question.answer(Code::NxDomain);
        answer.answers = vec![
            record(Data::A([10, 96, 0, 1].into())),
            record(Data::Cname("example.com".into())),
            record(Data::Ptr("a.b".into())),
            record(Data::Srv { priority: 0, weight: 100, port: 443, target: "x.y".into() }),
        ];
        answer.authority =
            vec![record(Data::Soa { server: "ns".into(), mailbox: "m".into(), numbers: [1, 2, 3, 4, 5] })];
        for message in [question, answer] {
            let bytes = message.encode();
            assert_eq!(Message::decode(&bytes), Some(message));
            for cut in 0..bytes.len() {
                assert_eq!(Message::decode(&bytes[..cut]), None, "{cut}");
            }
        }
    }

    #[test]
    fn reversed_addresses() {
        assert_eq!(reverse([10, 96, 0, 1].into()), "1.0.96.10.in-addr.arpa");
        assert!(reverse(std::net::Ipv6Addr::LOCALHOST.into()).starts_with("1.0.0."));
    }
}
