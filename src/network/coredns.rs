//! CoreDNS: what its plugins kubernetes, forward, health and ready answer.
//! Sources: the specification of Kubernetes' DNS-based service discovery 1.1; CoreDNS `plugin/kubernetes`.

use std::{
    cell::RefCell,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use k8s_openapi::api::core::v1::Service;

use super::table::{Endpoint, Table};
use crate::{
    api::{ApiClient, Kind as ObjectKind},
    os::{Proc, Program, Signal, UdpSocket, process::Disposition},
    programs::{
        net::{
            dns::{self, Code, Data, Kind, Message, Record},
            http::{self, Connection, Response},
            resolve::{self, Config},
        },
        util,
    },
    sim::{Rng, race},
};

const ZONE: &str = "cluster.local";
const TTL: u32 = 30;
/// Of a negative answer.
const DENIAL_TTL: u32 = 30;
/// The forward plugin's patience: with one attempt, and with a question.
const FORWARD: Duration = Duration::from_secs(2);
const FORWARD_IN_ALL: Duration = Duration::from_secs(5);
const VERSION: &str = "CoreDNS-1.14.2\nlinux/amd64, go1.26.1, dd1df4f\n";

/// The program, which answers by `table`.
pub fn program(client: Rc<dyn ApiClient>, table: Rc<Table>) -> Program {
    Rc::new(move |proc| {
        let server = Server { client: client.clone(), table: table.clone() };
        Box::pin(async move { server.run(proc).await })
    })
}

#[derive(Clone)]
struct Server {
    client: Rc<dyn ApiClient>,
    table: Rc<Table>,
}

/// What the zone has by a name.
enum Found {
    Nothing,
    /// It exists, with these records of all kinds.
    Records(Vec<Record>),
    /// Another server is to be asked.
    Elsewhere,
}

impl Server {
    async fn run(self, proc: Proc) -> i32 {
        proc.set_disposition(Signal::TERM, Disposition::Catch);
        let any = |port| SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
        let socket = match UdpSocket::bind(proc.net(), Some(&proc), any(dns::PORT)) {
            Ok(socket) => Rc::new(socket),
            Err(error) => {
                let text = format!("Listen: listen udp :53: bind: {}\n", http::go_errno(error));
                util::ignore(proc.print(&text).await);
                return 1;
            }
        };
        for port in [8080, 8181, 9153] {
            let Ok(listener) = proc.net().listen(&proc, any(port)) else { continue };
            listener.set_steady();
            let own = proc.clone();
            proc.thread(async move {
                http::accept_loop(&own, &listener, |stream| {
                    let garbage = Response::new(400).with("Connection", "close").body("400 Bad Request");
                    http::serve(Connection::plain(stream), Some(garbage), |request| {
                        let known = matches!(request.path(), "/health" | "/ready");
                        let response = if known { Response::new(200).body("OK") } else { Response::new(404) };
                        std::future::ready(response)
                    })
                })
                .await;
            });
        }
        util::ignore(proc.print(&format!(".:53\n{VERSION}")).await);
        let rng = Rc::new(RefCell::new(proc.sim().rng(&format!("coredns {}", proc.hostname()))));
        let answering = async {
            loop {
                let Ok((bytes, from)) = socket.receive().await else { continue };
                let Some(question) = Message::decode(&bytes).filter(|message| !message.response) else { continue };
                let (server, own, socket, rng) = (self.clone(), proc.clone(), socket.clone(), rng.clone());
                proc.thread(async move {
                    let answer = server.answer(&own, &question, &rng).await;
                    // The client may be gone.
                    let _gone = socket.send(&answer.encode(), from);
                });
            }
        };
        if let Ok(listener) = proc.net().listen(&proc, any(dns::PORT)) {
            let (own, me, rng) = (proc.clone(), self.clone(), rng.clone());
            proc.thread(async move {
                http::accept_loop(&own, &listener, |stream| {
                    let (own, me, rng) = (own.clone(), me.clone(), rng.clone());
                    async move {
                        let mut rest = Vec::new();
                        while let Ok(Some(question)) = dns::receive_over_tcp(&stream, &mut rest).await {
                            let answer = me.answer(&own, &question, &rng).await;
                            if dns::send_over_tcp(&stream, &answer).await.is_err() {
                                break;
                            }
                        }
                    }
                })
                .await;
            });
        }
        let ended = async { while proc.next_signal().await != Signal::TERM {} };
        race(ended, answering).await;
        util::ignore(proc.print("[INFO] SIGTERM: Shutting down servers then terminating\n").await);
        0
    }

    async fn answer(&self, proc: &Proc, question: &Message, rng: &RefCell<Rng>) -> Message {
        let found = match question.name.strip_suffix(ZONE).map(|rest| rest.strip_suffix('.').unwrap_or(rest)) {
            Some(rest) if rest.is_empty() || question.name.ends_with(&format!(".{ZONE}")) => {
                self.in_zone(&question.name, rest).await
            }
            _ if question.name.ends_with(".in-addr.arpa") => self.reverse(&question.name),
            _ => Found::Elsewhere,
        };
        let records = match found {
            Found::Elsewhere => return forward(proc, question).await,
            Found::Nothing => return denial(question, Code::NxDomain),
            Found::Records(records) => records,
        };
        let wanted = |record: &Record| record.data.kind() == question.kind || record.data.kind() == Kind::Cname;
        let mut answers: Vec<Record> = records.into_iter().filter(wanted).collect();
        if answers.is_empty() {
            return denial(question, Code::NoError);
        }
        // loadbalance: addresses in any order.
        for last in (1..answers.len()).rev() {
            let other = rng.borrow_mut().below(last as u64 + 1) as usize;
            answers.swap(last, other.min(last));
        }
        let mut answer = question.answer(Code::NoError);
        answer.authoritative = true;
        let alias = answers.iter().find_map(|record| match &record.data {
            Data::Cname(target) => Some(target.clone()),
            _ => None,
        });
        answer.answers = answers;
        if let Some(target) = alias.filter(|_| question.kind != Kind::Cname) {
            let next = Message::question(question.id, &target, question.kind);
            answer.answers.extend(Box::pin(self.answer(proc, &next, rng)).await.answers);
        }
        answer
    }

    /// `rest`: the name without the zone.
    async fn in_zone(&self, name: &str, rest: &str) -> Found {
        let labels: Vec<&str> = rest.split('.').filter(|label| !label.is_empty()).collect();
        let address = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => Some(Record { name: name.into(), ttl: TTL, data: Data::A(ip) }),
            IpAddr::V6(_) => None,
        };
        match labels.as_slice() {
            [] | ["svc" | "pod"] => Found::Records(Vec::new()),
            ["dns", "ns"] | ["ns", "dns"] => {
                let service = self.service("kube-system", "kube-dns");
                let ip = service.and_then(|service| cluster_ip(&service)).and_then(address);
                Found::Records(ip.into_iter().collect())
            }
            [namespace, "svc" | "pod"] if self.has_namespace(namespace).await => Found::Records(Vec::new()),
            [dashed, namespace, "pod"] => {
                let ip = dashed.replace('-', ".").parse::<Ipv4Addr>();
                match ip {
                    Ok(ip) if self.has_namespace(namespace).await => {
                        Found::Records(address(ip.into()).into_iter().collect())
                    }
                    _ => Found::Nothing,
                }
            }
            [service, namespace, "svc"] => match self.service(namespace, service) {
                None => Found::Nothing,
                Some(service) => self.service_records(name, &service, address),
            },
            [port, protocol, service, namespace, "svc"] if port.starts_with('_') && protocol.starts_with('_') => {
                self.port_records(name, port, protocol, namespace, service)
            }
            [label, service, namespace, "svc"] => {
                let endpoints = self.endpoints(namespace, service);
                let found = endpoints.iter().filter(|one| one.label() == *label);
                match found.filter_map(|one| address(one.ip)).collect::<Vec<_>>() {
                    none if none.is_empty() => Found::Nothing,
                    records => Found::Records(records),
                }
            }
            _ => Found::Nothing,
        }
    }

    fn service(&self, namespace: &str, name: &str) -> Option<Rc<Service>> {
        self.table.services.borrow().get(&(namespace.to_string(), name.to_string())).cloned()
    }

    async fn has_namespace(&self, name: &str) -> bool {
        self.client.get(ObjectKind::Namespace, "", name).await.is_ok()
    }

    /// A Service's endpoints that names are given for.
    fn endpoints(&self, namespace: &str, service: &str) -> Vec<Endpoint> {
        let slices = self.table.slices_of(namespace, service);
        let mut all: Vec<Endpoint> =
            slices.iter().flat_map(|slice| &slice.endpoints).filter(|one| one.ready).cloned().collect();
        all.sort_by_key(|one| one.ip);
        all.dedup_by_key(|one| one.ip);
        all
    }

    fn service_records(&self, name: &str, service: &Service, address: impl Fn(IpAddr) -> Option<Record>) -> Found {
        let spec = service.spec.clone().unwrap_or_default();
        if let Some(target) = spec.external_name.filter(|_| spec.type_.as_deref() == Some("ExternalName")) {
            let data = Data::Cname(target.trim_end_matches('.').to_ascii_lowercase());
            return Found::Records(vec![Record { name: name.into(), ttl: TTL, data }]);
        }
        if let Some(ip) = cluster_ip(service) {
            return Found::Records(address(ip).into_iter().collect());
        }
        let meta = &service.metadata;
        let (namespace, own) =
            (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
        match self.endpoints(namespace, own).iter().filter_map(|one| address(one.ip)).collect::<Vec<_>>() {
            // A headless Service without endpoints isn't there.
            none if none.is_empty() => Found::Nothing,
            records => Found::Records(records),
        }
    }

    /// `_http._tcp.web.default.svc`
    fn port_records(&self, name: &str, port: &str, protocol: &str, namespace: &str, service: &str) -> Found {
        let Some(object) = self.service(namespace, service) else { return Found::Nothing };
        let (port, protocol) = (port.trim_start_matches('_'), protocol.trim_start_matches('_').to_uppercase());
        let record = |port: u16, weight: u16, target: String| Record {
            name: name.into(),
            ttl: TTL,
            data: Data::Srv { priority: 0, weight, port, target },
        };
        let own = format!("{service}.{namespace}.svc.{ZONE}");
        let mut records = Vec::new();
        if cluster_ip(&object).is_some() {
            let ports = object.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
            let same = ports.filter(|one| {
                one.name.as_deref() == Some(port) && one.protocol.as_deref().unwrap_or("TCP") == protocol
            });
            records.extend(same.filter_map(|one| Some(record(u16::try_from(one.port).ok()?, 100, own.clone()))));
        } else {
            for slice in self.table.slices_of(namespace, service) {
                let same = |(of, over, _): &&(String, String, u16)| of == port && *over == protocol;
                let Some((_, _, number)) = slice.ports.iter().find(same) else { continue };
                let ready = slice.endpoints.iter().filter(|one| one.ready);
                records.extend(ready.map(|one| record(*number, 0, format!("{}.{own}", one.label()))));
            }
            let weight = u16::try_from(100 / records.len().max(1)).unwrap_or(1).max(1);
            for one in &mut records {
                if let Data::Srv { weight: own, .. } = &mut one.data {
                    *own = weight;
                }
            }
        }
        if records.is_empty() { Found::Nothing } else { Found::Records(records) }
    }

    fn reverse(&self, name: &str) -> Found {
        let pointer =
            |target: String| Found::Records(vec![Record { name: name.into(), ttl: TTL, data: Data::Ptr(target) }]);
        let is = |ip: IpAddr| dns::reverse(ip) == name;
        for ((namespace, service), object) in self.table.services.borrow().iter() {
            if cluster_ip(object).is_some_and(is) {
                return pointer(format!("{service}.{namespace}.svc.{ZONE}"));
            }
        }
        for ((namespace, _), slice) in self.table.slices.borrow().iter() {
            if let Some(one) = slice.endpoints.iter().find(|one| is(one.ip)) {
                return pointer(format!("{}.{}.{namespace}.svc.{ZONE}", one.label(), slice.service));
            }
        }
        Found::Elsewhere
    }
}

fn cluster_ip(service: &Service) -> Option<IpAddr> {
    service.spec.as_ref()?.cluster_ip.as_ref()?.parse().ok()
}

/// No such name, or nothing of that kind by it.
fn denial(question: &Message, code: Code) -> Message {
    let mut answer = question.answer(code);
    answer.authoritative = true;
    let data = Data::Soa {
        server: format!("ns.dns.{ZONE}"),
        mailbox: format!("hostmaster.{ZONE}"),
        numbers: [1_788_249_600, 7200, 1800, 86_400, 30],
    };
    answer.authority = vec![Record { name: ZONE.into(), ttl: DENIAL_TTL, data }];
    answer
}

/// Asks the node's own name server.
async fn forward(proc: &Proc, question: &Message) -> Message {
    let config = Config::read(proc).await;
    let Some(server) = config.servers.first() else { return question.answer(Code::ServFail) };
    let to = SocketAddr::new(*server, dns::PORT);
    let begun = proc.sim().now();
    while proc.sim().now().since(begun) < FORWARD_IN_ALL {
        let next = Message::question(resolve::id(proc), &question.name, question.kind);
        if let Ok(answer) = dns::ask(proc.sim(), proc.net(), Some(proc), to, &next, FORWARD).await {
            return Message { id: question.id, cookie: question.cookie, ..answer };
        }
    }
    let own = proc.net().primary().map_or_else(String::new, |ip| ip.to_string());
    let port = 32_768 + resolve::id(proc) % 28_000;
    let text = format!(
        "[ERROR] plugin/errors: 2 {}. {}: read udp {own}:{port}->{to}: i/o timeout\n",
        question.name,
        question.kind.name()
    );
    util::ignore(proc.print(&text).await);
    question.answer(Code::ServFail)
}
