//! The components of a cluster as their machines see them: processes that listen on their ports and answer questions
//! about their health. What they do to the cluster's objects is done elsewhere.
//! Sources: kubernetes `cmd/kube-*`, `staging/src/k8s.io/apiserver/pkg/server`; etcd `server/etcdserver/api/etcdhttp`.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    rc::Rc,
};

use crate::{
    os::{Proc, Signal, TcpListener, process::Disposition},
    programs::{
        net::{
            grpc::{self, Health},
            http::{self, Connection, Request, Response},
            tls::{Certificate, Stream},
        },
        util,
    },
    sim::race,
};

const VERSION: &str = "v1.36.2";

/// What a server answers to a GET.
type Answer = fn(&Request) -> Response;

struct Server {
    address: SocketAddr,
    /// The certificate's subject.
    tls: Option<&'static str>,
    answer: Answer,
    /// Whether it speaks gRPC as well.
    grpc: bool,
}

pub async fn etcd(proc: Proc) -> i32 {
    let mut servers = Vec::new();
    for (name, default, tls) in [
        ("--listen-client-urls", "http://localhost:2379", Some("etcd")),
        ("--listen-peer-urls", "http://localhost:2380", Some("etcd")),
        ("--listen-metrics-urls", "", None),
    ] {
        let urls = flag(&proc, name).unwrap_or_else(|| default.into());
        for url in urls.split(',').filter(|url| !url.is_empty()) {
            let address = url.rsplit('/').next().unwrap_or_default().replace("localhost", "127.0.0.1");
            let Ok(address) = address.parse() else {
                let text = format!("error verifying flags, expected IP in URL for binding ({url}). See 'etcd --help'.");
                return util::fail(&proc, 1, &text).await;
            };
            let tls = tls.filter(|_| url.starts_with("https"));
            servers.push(Server { address, tls, answer: etcd_answer, grpc: true });
        }
    }
    let name = flag(&proc, "--name").unwrap_or_else(|| "default".into());
    let log = |caller: &str, text: String| {
        let ts = stamp(&proc, "%Y-%m-%dT%H:%M:%S%.6fZ");
        format!("{{\"level\":\"info\",\"ts\":\"{ts}\",\"caller\":\"{caller}\",{text}}}\n")
    };
    let mut said = log("embed/etcd.go:140", format!("\"msg\":\"starting an etcd server\",\"name\":\"{name}\""));
    for server in servers.iter().filter(|server| server.address.port() == 2379) {
        let text = format!(
            "\"msg\":\"serving client traffic securely\",\"traffic\":\"grpc+http\",\"address\":\"{}\"",
            server.address
        );
        said += &log("embed/serve.go:283", text);
    }
    let failed = |address: SocketAddr, error: String| {
        let text = format!("\"msg\":\"discovery failed\",\"error\":\"listen tcp {address}: bind: {error}\"");
        log("etcdmain/etcd.go:204", text).replace("\"info\"", "\"fatal\"")
    };
    run(&proc, servers, &said, failed).await
}

fn etcd_answer(request: &Request) -> Response {
    match request.path() {
        "/health" => Response::new(200).body("{\"health\":\"true\",\"reason\":\"\"}"),
        "/livez" | "/readyz" => Response::new(200).body("ok\n"),
        "/version" => {
            Response::new(200).body("{\"etcdserver\":\"3.6.8\",\"etcdcluster\":\"3.6.0\",\"storage\":\"3.6.0\"}")
        }
        _ => Response::new(404).body("404 page not found\n"),
    }
}

pub async fn apiserver(proc: Proc) -> i32 {
    component(&proc, "kube-apiserver", 6443, api_answer, |proc| {
        let own = flag(proc, "--advertise-address").unwrap_or_default();
        vec![
            ("options.go:263", format!("external host was not specified, using {own}")),
            ("server.go:150", format!("Version: {VERSION}")),
        ]
    })
    .await
}

/// A caller without a name may ask for the version and the server's health.
fn api_answer(request: &Request) -> Response {
    let path = request.path();
    match path {
        "/version" | "/version/" => Response::new(200).with("Content-Type", "application/json").body(format!(
            "{{\n  \"major\": \"1\",\n  \"minor\": \"36\",\n  \"gitVersion\": \"{VERSION}\",\n  \"platform\": \
                 \"linux/amd64\"\n}}"
        )),
        "/healthz" | "/livez" | "/readyz" => Response::new(200).body("ok"),
        _ => {
            let shown = serde_json::Value::from(path).to_string();
            let shown = shown.trim_matches('"').replace('"', "\\\"");
            let verb = request.method.to_lowercase();
            Response::new(403).with("Content-Type", "application/json").body(format!(
                "{{\n  \"kind\": \"Status\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {{}},\n  \"status\": \
                 \"Failure\",\n  \"message\": \"forbidden: User \\\"system:anonymous\\\" cannot {verb} path \
                 \\\"{shown}\\\"\",\n  \"reason\": \"Forbidden\",\n  \"details\": {{}},\n  \"code\": 403\n}}"
            ))
        }
    }
}

fn healthy(request: &Request) -> Response {
    match request.path() {
        "/healthz" | "/livez" | "/readyz" => Response::new(200).body("ok"),
        _ => Response::new(404).body("404 page not found\n"),
    }
}

pub async fn controller_manager(proc: Proc) -> i32 {
    component(&proc, "kube-controller-manager", 10257, healthy, |_| {
        vec![
            ("serving.go:386", "Generated self-signed cert in-memory".into()),
            ("controllermanager.go:191", format!("\"Starting\" version=\"{VERSION}\"")),
        ]
    })
    .await
}

pub async fn scheduler(proc: Proc) -> i32 {
    component(&proc, "kube-scheduler", 10259, healthy, |_| {
        vec![
            ("serving.go:386", "Generated self-signed cert in-memory".into()),
            ("server.go:176", format!("\"Starting Kubernetes Scheduler\" version=\"{VERSION}\"")),
        ]
    })
    .await
}

pub async fn proxy(proc: Proc) -> i32 {
    let node = flag(&proc, "--hostname-override").unwrap_or_else(|| proc.hostname());
    let said = [
        ("server_linux.go:53", "\"Using iptables proxy\"".to_string()),
        ("server.go:715", format!("\"Successfully retrieved node IPs\" node=\"{node}\"")),
        ("server.go:527", format!("\"Version info\" version=\"{VERSION}\"")),
    ];
    let said: String = said.iter().map(|(place, text)| klog(&proc, 'I', place, text)).collect();
    let server =
        |ip: IpAddr, port| Server { address: SocketAddr::new(ip, port), tls: None, answer: healthy, grpc: false };
    let servers = vec![server(Ipv6Addr::UNSPECIFIED.into(), 10256), server([127, 0, 0, 1].into(), 10249)];
    let failed = |address: SocketAddr, error: String| {
        klog(
            &proc,
            'E',
            "server.go:450",
            &format!("\"Error running ProxyServer\" err=\"listen tcp {address}: bind: {error}\""),
        )
    };
    run(&proc, servers, &said, failed).await
}

/// A component with one secure port, which `--bind-address` and `--secure-port` choose.
async fn component(
    proc: &Proc,
    name: &'static str,
    port: u16,
    answer: Answer,
    begins: impl Fn(&Proc) -> Vec<(&'static str, String)>,
) -> i32 {
    let port = flag(proc, "--secure-port").and_then(|port| port.parse().ok()).unwrap_or(port);
    let ip = flag(proc, "--bind-address").and_then(|ip| ip.parse().ok()).unwrap_or(Ipv6Addr::UNSPECIFIED.into());
    let address = SocketAddr::new(ip, port);
    let mut said: String = begins(proc).iter().map(|(place, text)| klog(proc, 'I', place, text)).collect();
    said += &klog(proc, 'I', "secure_serving.go:211", &format!("Serving securely on {address}"));
    let failed = |address: SocketAddr, error: String| {
        let text = format!(
            "\"command failed\" err=\"failed to create listener: failed to listen on {address}: listen tcp {address}: \
             bind: {error}\""
        );
        klog(proc, 'E', "run.go:72", &text)
    };
    run(proc, vec![Server { address, tls: Some(name), answer, grpc: false }], &said, failed).await
}

/// `I0901 08:00:00.123456       1 server.go:150] text`
fn klog(proc: &Proc, level: char, place: &str, text: &str) -> String {
    format!("{level}{} {:>7} {place}] {text}\n", stamp(proc, "%m%d %H:%M:%S%.6f"), proc.pid())
}

fn stamp(proc: &Proc, format: &str) -> String {
    proc.sim().wall().strftime(format).to_string()
}

/// The value of `--name=value` or `--name value`.
fn flag(proc: &Proc, name: &str) -> Option<String> {
    let argv = proc.argv();
    let at = argv
        .iter()
        .position(|arg| arg.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))?;
    match argv[at].split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => argv.get(at + 1).cloned(),
    }
}

/// Serves until told to end. `failed` says that a port is taken.
async fn run(proc: &Proc, servers: Vec<Server>, said: &str, failed: impl Fn(SocketAddr, String) -> String) -> i32 {
    proc.set_disposition(Signal::TERM, Disposition::Catch);
    let mut listening: Vec<(TcpListener, Server)> = Vec::new();
    for server in servers {
        match proc.net().listen(proc, server.address) {
            Ok(listener) => listening.push((listener, server)),
            Err(error) => {
                util::ignore(proc.eprint(&failed(server.address, http::go_errno(error))).await);
                return 1;
            }
        }
    }
    util::ignore(proc.eprint(said).await);
    let mut last = None;
    for (listener, server) in listening {
        // The first of them is served by the process itself.
        if let Some((listener, server)) = last.replace((listener, server)) {
            let me = proc.clone();
            proc.thread(async move { accept(&me, &listener, &server).await });
        }
    }
    let ended = async { while proc.next_signal().await != Signal::TERM {} };
    let serving = async {
        match &last {
            Some((listener, server)) => accept(proc, listener, server).await,
            None => std::future::pending().await,
        }
    };
    race(ended, serving).await;
    0
}

/// Every service is well that is asked for by no name.
fn health(service: &str) -> Health {
    if service.is_empty() { Health::Serving } else { Health::Error("NotFound", "unknown service".into()) }
}

async fn accept(proc: &Proc, listener: &TcpListener, server: &Server) {
    listener.set_steady();
    let certificate = server.tls.map(|name| {
        let begin = proc.sim().wall_at(crate::sim::SimTime::ZERO);
        let year = jiff::SignedDuration::from_hours(24 * 365);
        Rc::new(Certificate {
            subject: format!("CN={name}"),
            issuer: "CN=kubernetes".into(),
            not_before: begin,
            not_after: begin.checked_add(year).unwrap_or(begin),
            names: Vec::new(),
        })
    });
    let (answer, speaks) = (server.answer, server.grpc && server.tls.is_none());
    http::accept_loop(proc, listener, |stream| {
        let certificate = certificate.clone();
        async move {
            if speaks {
                // etcd's ports speak both.
                let garbage = Response::new(400).with("Connection", "close").body("400 Bad Request");
                let http = |connection| {
                    http::serve(connection, Some(garbage), move |request| std::future::ready(answer(&request)))
                };
                return grpc::serve(stream, health, http).await;
            }
            let mut stream = Stream::plain(stream);
            if let Some(certificate) = certificate
                && stream.server_handshake(&certificate).await.is_err()
            {
                let text = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
                // Whoever asked may be gone.
                let _gone = stream.write_plainly(text).await;
                stream.close_plainly();
                return;
            }
            let garbage = Response::new(400).with("Connection", "close").body("400 Bad Request");
            http::serve(Connection::new(stream), Some(garbage), move |request| std::future::ready(answer(&request)))
                .await;
        }
    })
    .await;
}
