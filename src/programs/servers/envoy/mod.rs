//! Envoy as a TLS-terminating HTTP proxy: `envoy -c FILE`. Its log lines and the proxy's own answers
//! are Envoy 1.14's (source/server/server.cc, source/common/http).

mod admin;
mod config;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use config::{Action, Config, Listener};

use crate::{
    os::{Errno, Proc, Signal, TcpListener, TcpStream, process::Disposition},
    programs::{
        net::{
            http::{self, Connection, Request, Response},
            tls::{Certificate, Stream},
        },
        util,
    },
    sim::{Either, Notify, Rng, SimTime, race},
};

const VERSION: &str = "3504d40f752eb5c20bc2883053547717bcb92fd8/1.14.1/Clean/RELEASE/BoringSSL";
const MAX_CONFIG: u64 = 1 << 20;
/// Envoy's limit for a single upstream connection attempt is 5 s unless configured; the images' file says 0.25.
const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(250);

pub struct Envoy {
    proc: Proc,
    config_path: String,
    config_text: String,
    config: Config,
    /// For each listener: the certificate and where it was found.
    certificates: Vec<Option<(String, Certificate)>>,
    stats: RefCell<BTreeMap<String, u64>>,
    draining: Cell<bool>,
    quit: Notify,
    rng: RefCell<Rng>,
    started: SimTime,
}

impl Envoy {
    fn count(&self, name: String) {
        *self.stats.borrow_mut().entry(name).or_default() += 1;
    }

    /// In whole seconds.
    fn uptime(&self) -> u64 {
        self.proc.sim().now().since(self.started).as_secs()
    }
}

/// A line of Envoy's log on stderr.
async fn log(proc: &Proc, level: &str, logger: &str, source: &str, text: &str) {
    let now = proc.sim().wall().strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
    let line = format!("[{now}][{}][{level}][{logger}] [source/{source}] {text}\n", proc.pid());
    util::ignore(proc.eprint(&line).await);
}

async fn fail(proc: &Proc, path: &str, text: &str) -> i32 {
    let message = format!("error initializing configuration '{path}': {text}");
    log(proc, "critical", "main", "server/server.cc:94", &message).await;
    log(proc, "info", "main", "server/server.cc:594", "exiting").await;
    util::fail(proc, 1, text).await
}

pub async fn main(proc: Proc) -> i32 {
    for signal in [Signal::TERM, Signal::INT] {
        proc.set_disposition(signal, Disposition::Catch);
    }
    let argv = proc.argv();
    let mut path = None;
    let mut args = argv.iter().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-c" | "--config-path" => path = args.next().cloned(),
            "--version" => {
                return util::done(proc.print(&format!("\nenvoy  version: {VERSION}\n\n")).await);
            }
            "-l" | "--log-level" | "--concurrency" | "--service-cluster" | "--service-node" | "--base-id" => {
                args.next();
            }
            other => {
                let text = format!("PARSE ERROR: Argument: {other}\n             Couldn't find match for argument");
                return util::fail(&proc, 1, &text).await;
            }
        }
    }
    let info = |source: &'static str, text: String| {
        let proc = proc.clone();
        async move { log(&proc, "info", "main", source, &text).await }
    };
    info("server/server.cc:255", "initializing epoch 0 (hot restart version: 11.104)".into()).await;
    info("server/server.cc:257", "statically linked extensions:".into()).await;
    for (category, names) in [
        (
            "envoy.access_loggers",
            "envoy.access_loggers.file, envoy.access_loggers.http_grpc, envoy.access_loggers.tcp_grpc",
        ),
        (
            "envoy.clusters",
            "envoy.cluster.eds, envoy.cluster.logical_dns, envoy.cluster.original_dst, envoy.cluster.static, envoy.cluster.strict_dns",
        ),
        (
            "envoy.filters.http",
            "envoy.buffer, envoy.cors, envoy.fault, envoy.filters.http.router, envoy.health_check, envoy.lua, envoy.rate_limit, envoy.router",
        ),
        (
            "envoy.filters.network",
            "envoy.filters.network.http_connection_manager, envoy.filters.network.tcp_proxy, envoy.http_connection_manager, envoy.tcp_proxy",
        ),
        (
            "envoy.transport_sockets.downstream",
            "envoy.transport_sockets.raw_buffer, envoy.transport_sockets.tls, raw_buffer, tls",
        ),
        (
            "envoy.transport_sockets.upstream",
            "envoy.transport_sockets.raw_buffer, envoy.transport_sockets.tls, raw_buffer, tls",
        ),
    ] {
        info("server/server.cc:259", format!("  {category}: {names}")).await;
    }
    let Some(path) = path else {
        let text = "At least one of --config-path or --config-yaml or Options::configProto() should be non-empty";
        log(&proc, "critical", "main", "server/server.cc:94", &format!("error initializing configuration '': {text}"))
            .await;
        info("server/server.cc:594", "exiting".into()).await;
        return util::fail(&proc, 1, text).await;
    };
    let config_text = match read(&proc, &path).await {
        Ok(text) => text,
        Err(_) => return fail(&proc, &path, &format!("unable to read file: {path}")).await,
    };
    let config = match Config::parse(&config_text) {
        Ok(config) => config,
        Err(error) => return fail(&proc, &path, &format!("Unable to parse JSON as proto ({error}): {path}")).await,
    };
    let mut certificates = Vec::new();
    for listener in &config.listeners {
        let Some(file) = &listener.certificate else {
            certificates.push(None);
            continue;
        };
        let Ok(pem) = read(&proc, file).await else {
            return fail(&proc, &path, &format!("Invalid path: {file}")).await;
        };
        match Certificate::from_pem(&pem) {
            Some(certificate) => certificates.push(Some((file.clone(), certificate))),
            None => return fail(&proc, &path, &format!("Failed to load certificate chain from {file}")).await,
        }
    }

    let bind =
        |address| proc.net().listen(&proc, address).map_err(|error: Errno| format!("cannot bind '{address}': {error}"));
    let admin = match config.admin.map(bind).transpose() {
        Ok(listener) => listener,
        Err(text) => return fail(&proc, &path, &text).await,
    };
    if let Some(address) = config.admin {
        info("server/server.cc:340", format!("admin address: {address}")).await;
    }
    let layers =
        "runtime: layers:\n  - name: base\n    static_layer:\n      {}\n  - name: admin\n    admin_layer:\n      {}";
    info("server/server.cc:459", layers.into()).await;
    let counts = [config.clusters.len(), config.listeners.len()];
    for (line, text) in [
        (103, "loading tracing configuration".to_owned()),
        (69, "loading 0 static secret(s)".to_owned()),
        (75, format!("loading {} cluster(s)", counts[0])),
        (79, format!("loading {} listener(s)", counts[1])),
    ] {
        log(&proc, "info", "config", &format!("server/configuration_impl.cc:{line}"), &text).await;
    }
    let mut listeners = Vec::new();
    for listener in &config.listeners {
        match bind(listener.address) {
            Ok(socket) => listeners.push(socket),
            Err(text) => return fail(&proc, &path, &text).await,
        }
    }
    log(&proc, "info", "config", "server/configuration_impl.cc:129", "loading stats sink configuration").await;
    info("server/server.cc:554", "starting main dispatch loop".into()).await;
    log(&proc, "info", "upstream", "common/upstream/cluster_manager_impl.cc:171", "cm init: all clusters initialized")
        .await;
    info("server/server.cc:533", "all clusters initialized. initializing init manager".into()).await;
    log(
        &proc,
        "info",
        "config",
        "server/listener_manager_impl.cc:725",
        "all dependencies initialized. starting workers",
    )
    .await;

    let stream = format!("envoy/{}/{}", proc.hostname(), proc.host_pid());
    let envoy = Rc::new(Envoy {
        rng: RefCell::new(proc.sim().rng(&stream)),
        started: proc.sim().now(),
        proc: proc.clone(),
        config_path: path,
        config_text,
        config,
        certificates,
        stats: RefCell::default(),
        draining: Cell::new(false),
        quit: Notify::new(),
    });
    if let Some(socket) = admin {
        proc.thread(serve_admin(envoy.clone(), socket));
    }
    for (index, socket) in listeners.into_iter().enumerate() {
        proc.thread(serve_listener(envoy.clone(), index, socket));
    }
    let quit = envoy.quit.notified();
    if let Either::Left(signal) = race(proc.next_signal(), quit).await {
        log(&proc, "warning", "main", "server/server.cc:493", &format!("caught {signal}")).await;
    }
    info("server/server.cc:615", "shutting down server instance".into()).await;
    info("server/server.cc:561", "main dispatch loop exited".into()).await;
    info("server/server.cc:609", "exiting".into()).await;
    0
}

async fn read(proc: &Proc, path: &str) -> Result<String, Errno> {
    if proc.stat(path)?.size > MAX_CONFIG {
        return Err(Errno::EFBIG);
    }
    Ok(util::text(proc.read_file(path).await?))
}

async fn serve_admin(envoy: Rc<Envoy>, socket: TcpListener) {
    let proc = envoy.proc.clone();
    http::accept_loop(&proc, &socket, |stream| {
        let envoy = envoy.clone();
        let bad = bad_request(&envoy);
        http::serve(Connection::plain(stream), Some(bad), move |request| {
            let (response, quit) = admin::answer(&envoy, &request);
            if quit {
                envoy.quit.notify();
            }
            std::future::ready(response)
        })
    })
    .await;
}

async fn serve_listener(envoy: Rc<Envoy>, index: usize, socket: TcpListener) {
    let proc = envoy.proc.clone();
    http::accept_loop(&proc, &socket, |stream| serve_connection(envoy.clone(), index, stream)).await;
}

async fn serve_connection(envoy: Rc<Envoy>, index: usize, tcp: TcpStream) {
    let listener = &envoy.config.listeners[index];
    let mut stream = Stream::plain(tcp);
    let stat = |name: &str| format!("listener.{}.{name}", listener.address.to_string().replace(':', "_"));
    envoy.count(stat("downstream_cx_total"));
    if let Some((_, certificate)) = &envoy.certificates[index] {
        if stream.server_handshake(certificate).await.is_err() {
            envoy.count(stat("ssl.connection_error"));
            stream.close_plainly();
            return;
        }
        envoy.count(stat("ssl.handshake"));
    }
    let bad = bad_request(&envoy);
    let mut upstream: Option<(std::net::SocketAddr, Connection)> = None;
    let mut connection = Connection::new(stream);
    // Not `http::serve`: the upstream connection is kept between requests.
    loop {
        let request = match connection.read_request().await {
            Ok(request) => request,
            Err(http::ReadError::Malformed(_)) => {
                // The client may be gone.
                let _ = connection.write_response(&bad, "GET").await;
                connection.stream.close().await;
                return;
            }
            Err(_) => return,
        };
        let (method, keep) = (request.method.clone(), request.keep_alive());
        let mut response = proxy(&envoy, listener, request, &mut upstream).await;
        if !keep {
            response.headers.add("connection", "close");
        }
        if connection.write_response(&response, &method).await.is_err() {
            return;
        }
        if !keep {
            connection.stream.close().await;
            return;
        }
    }
}

fn bad_request(envoy: &Envoy) -> Response {
    Response::new(400)
        .with("content-length", "0")
        .with("date", http::date(envoy.proc.sim()))
        .with("server", "envoy")
        .with("connection", "close")
}

/// An answer of the proxy's own.
fn local_reply(envoy: &Envoy, status: u16, body: &str) -> Response {
    let mut response = Response::new(status).with("content-length", body.len().to_string());
    if !body.is_empty() {
        response.headers.add("content-type", "text/plain");
    }
    response.headers.add("date", http::date(envoy.proc.sim()));
    response.headers.add("server", "envoy");
    response.body = body.as_bytes().to_vec();
    response
}

async fn proxy(
    envoy: &Envoy,
    listener: &Listener,
    mut request: Request,
    upstream: &mut Option<(std::net::SocketAddr, Connection)>,
) -> Response {
    let path = request.path();
    let action = listener.routes.iter().find(|r| path.starts_with(&r.prefix)).map(|r| r.action.clone());
    let cluster = match action {
        Some(Action::Cluster(name)) => name,
        Some(Action::Direct { status, body }) => return local_reply(envoy, status, &body),
        None => return local_reply(envoy, 404, ""),
    };
    let stat = |name: &str| format!("cluster.{cluster}.{name}");
    let endpoints = envoy.config.clusters.iter().find(|c| c.name == cluster).map(|c| c.endpoints.as_slice());
    let Some([endpoint, ..]) = endpoints else {
        return local_reply(envoy, 503, "no healthy upstream");
    };
    let begun = envoy.proc.sim().now();
    request.headers.remove("connection");
    request.headers.set("x-forwarded-proto", if listener.certificate.is_some() { "https" } else { "http" });
    if request.headers.get("x-request-id").is_none() {
        request.headers.add("x-request-id", envoy.rng.borrow_mut().uuid());
    }
    request.headers.add("x-envoy-expected-rq-timeout-ms", "15000");
    envoy.count(stat("upstream_rq_total"));
    // A kept connection may have been closed by the other side meanwhile: then a new one is made.
    let mut reused = upstream.take().filter(|(to, _)| to == endpoint).map(|(_, connection)| connection);
    let answer = loop {
        let fresh = reused.is_none();
        let mut connection = match reused.take() {
            Some(connection) => connection,
            None => {
                envoy.count(stat("upstream_cx_total"));
                let connect = envoy.proc.net().connect(Some(&envoy.proc), *endpoint);
                match envoy.proc.sim().timeout(CONNECT_TIMEOUT, connect).await {
                    Some(Ok(tcp)) => Connection::plain(tcp),
                    _ => {
                        envoy.count(stat("upstream_cx_connect_fail"));
                        break Err("connection failure");
                    }
                }
            }
        };
        let (net, sim) = (envoy.proc.net(), envoy.proc.sim());
        match http::exchange(net, sim, Some(&envoy.proc), &mut connection, &request).await {
            Ok(response) => {
                let closing = response.headers.get("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
                if !closing && response.minor > 0 {
                    *upstream = Some((*endpoint, connection));
                }
                break Ok(response);
            }
            Err(_) if !fresh => {}
            Err(http::ReadError::Malformed(_)) => break Err("protocol error"),
            Err(_) => break Err("connection termination"),
        }
    };
    match answer {
        Ok(answer) => {
            envoy.count(stat(&format!("upstream_rq_{}", answer.status)));
            let mut response = Response::new(answer.status);
            response.reason = answer.reason;
            for (name, value) in answer.headers.iter() {
                let name = name.to_ascii_lowercase();
                if !matches!(name.as_str(), "connection" | "keep-alive" | "transfer-encoding" | "server") {
                    response.headers.add(&name, value);
                }
            }
            let took = envoy.proc.sim().now().since(begun).as_millis();
            response.headers.add("x-envoy-upstream-service-time", took.to_string());
            response.headers.add("server", "envoy");
            if response.headers.get("content-length").is_none() {
                response.headers.add("transfer-encoding", "chunked");
            }
            response.body = answer.body;
            response
        }
        Err(why) => {
            envoy.count(stat("upstream_rq_503"));
            let body = format!("upstream connect error or disconnect/reset before headers. reset reason: {why}");
            local_reply(envoy, 503, &body)
        }
    }
}
