//! A web server made of a YAML file, for images whose program is one: `http-server [--listen ADDR]
//! [--text TEXT] [FILE]`. In texts, `{client}`, `{ip}`, `{method}`, `{target}`, `{host}`, `{status}`, `{port}`, `{date}` and
//! what [`template`] knows are replaced. The world outside the cluster is made of the same files.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use serde::Deserialize;

use super::template;
use crate::{
    os::{Errno, Proc, Signal, process::Disposition},
    programs::{
        net::{
            http::{self, Connection, Request, Response},
            tls::{Certificate, Stream},
        },
        util,
    },
    sim::{Rng, race},
};

const MAX_CONFIG: u64 = 1 << 20;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Config {
    pub port: u16,
    /// An environment variable that overrides `port`.
    port_env: String,
    /// Said on stderr at the start.
    started: String,
    /// Said on stderr for each request.
    log: String,
    /// Said on stderr when the port is taken.
    listen_error: String,
    headers: BTreeMap<String, String>,
    routes: BTreeMap<String, Route>,
    /// For every other path. A path of `routes` that ends with `*` stands for all that begin like it.
    fallback: Route,
    /// Seconds before each answer.
    pub latency: f64,
    /// The part of the requests that fail with status 500, from 0 to 1.
    error_rate: f64,
    /// A second port, where the server speaks TLS.
    pub tls: Option<Tls>,
    /// What the first port answers to all, if not what the second one does: to go there, mostly.
    plain: Option<Route>,
    /// Exit code after SIGTERM; a Go program that doesn't handle it has 2.
    exit_on_term: i32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            port: 8080,
            port_env: String::new(),
            started: String::new(),
            log: String::new(),
            listen_error: "listen tcp :{port}: bind: address already in use\n".into(),
            headers: BTreeMap::new(),
            routes: BTreeMap::new(),
            fallback: Route { status: 404, body: "404 page not found\n".into(), ..Route::default() },
            latency: 0.0,
            error_rate: 0.0,
            tls: None,
            plain: None,
            exit_on_term: 2,
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    #[serde(default = "https")]
    port: u16,
    /// As curl prints it: `O=Example; CN=example.com`.
    subject: String,
    /// Who signed the certificate; itself if nobody did.
    #[serde(default)]
    issuer: Option<String>,
    /// The names that the certificate is for, beside the subject's.
    #[serde(default)]
    names: Vec<String>,
}

fn https() -> u16 {
    443
}

impl Config {
    /// Adds TLS. With `only`, the first port sends everybody to the second.
    pub fn speak_tls(&mut self, tls: Tls, only: bool) {
        self.tls = Some(tls);
        if only {
            let headers = BTreeMap::from([("Location".to_string(), "https://{host}{target}".to_string())]);
            self.plain = Some(Route { status: 301, headers, ..Route::default() });
        }
    }
}

impl Tls {
    /// Two months old, and good for a year in all.
    fn certificate(&self, proc: &Proc) -> Certificate {
        let now = proc.sim().wall_at(crate::sim::SimTime::ZERO);
        let days = |n: i64| jiff::SignedDuration::from_hours(24 * n);
        Certificate {
            subject: self.subject.clone(),
            issuer: self.issuer.clone().unwrap_or_else(|| self.subject.clone()),
            not_before: now.checked_sub(days(60)).unwrap_or(now),
            not_after: now.checked_add(days(305)).unwrap_or(now),
            names: self.names.clone(),
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Route {
    status: u16,
    body: String,
    headers: BTreeMap<String, String>,
    /// Seconds before the answer, instead of the server's.
    latency: Option<f64>,
    /// Instead of the server's.
    error_rate: Option<f64>,
}

impl Default for Route {
    fn default() -> Route {
        Route { status: 200, body: String::new(), headers: BTreeMap::new(), latency: None, error_rate: None }
    }
}

pub async fn main(proc: Proc) -> i32 {
    let (mut file, mut listen, mut text) = (None, None, None);
    let argv = proc.argv();
    let name = util::program_name(&proc);
    let mut args = argv.iter().skip(1);
    while let Some(arg) = args.next() {
        let (option, attached) = match arg.split_once('=') {
            Some((option, value)) if arg.starts_with('-') => (option, Some(value.to_owned())),
            _ => (arg.as_str(), None),
        };
        let slot = match option {
            "--listen" | "-listen" => &mut listen,
            "--text" | "-text" => &mut text,
            "--config" | "-config" => &mut file,
            _ if option.starts_with('-') => {
                return util::fail(&proc, 2, &format!("flag provided but not defined: {option}")).await;
            }
            _ => {
                file = Some(arg.clone());
                continue;
            }
        };
        *slot = attached.or_else(|| args.next().cloned());
        if slot.is_none() {
            return util::fail(&proc, 2, &format!("flag needs an argument: {option}")).await;
        }
    }
    let mut config = match &file {
        None => Config::default(),
        Some(path) => match read(&proc, path).await {
            Ok(config) => config,
            Err(message) => return util::fail(&proc, 1, &format!("{name}: {path}: {message}")).await,
        },
    };
    if let Some(text) = text {
        config.fallback = Route { body: format!("{text}\n"), ..Route::default() };
        config.routes.remove("/");
    }
    if let Some(port) = proc.env(&config.port_env).and_then(|p| p.parse().ok()) {
        config.port = port;
    }
    let mut host = IpAddr::from(Ipv6Addr::UNSPECIFIED);
    if let Some(listen) = listen {
        let (address, port) = listen.rsplit_once(':').unwrap_or(("", &listen));
        let parsed = if address.is_empty() { Some(host) } else { address.parse().ok() };
        let (Some(ip), Ok(port)) = (parsed, port.parse()) else {
            return util::fail(&proc, 1, &format!("listen tcp: address {listen}: not an address")).await;
        };
        (host, config.port) = (ip, port);
    }
    serve(&proc, SocketAddr::new(host, config.port), config).await
}

async fn read(proc: &Proc, path: &str) -> Result<Config, String> {
    if proc.stat(path).map_err(|e| e.to_string())?.size > MAX_CONFIG {
        return Err(Errno::EFBIG.to_string());
    }
    let bytes = proc.read_file(path).await.map_err(|e| e.to_string())?;
    serde_yaml::from_str(&util::text(bytes)).map_err(|e| e.to_string())
}

/// What the connections of one server share.
struct Server {
    proc: Proc,
    config: Config,
    certificate: Option<Certificate>,
    /// Decides which requests fail.
    chance: RefCell<Rng>,
}

/// Serves until SIGTERM; gives the exit code.
pub async fn serve(proc: &Proc, address: SocketAddr, config: Config) -> i32 {
    proc.set_disposition(Signal::TERM, Disposition::Catch);
    let blank = Request::new("", "");
    let mut addresses = vec![address];
    addresses.extend(config.tls.as_ref().map(|tls| SocketAddr::new(address.ip(), tls.port)));
    let mut listeners = Vec::new();
    for address in addresses {
        match proc.net().listen(proc, address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => {
                let text = fill(proc, &config, &config.listen_error, &blank, "", 0);
                let text = if error == Errno::EADDRINUSE { text } else { format!("listen tcp {address}: {error}\n") };
                util::ignore(proc.eprint(&text).await);
                return 1;
            }
        }
    }
    util::ignore(proc.eprint(&fill(proc, &config, &config.started, &blank, "", 0)).await);
    let certificate = config.tls.as_ref().map(|tls| tls.certificate(proc));
    let chance = RefCell::new(proc.sim().rng(&format!("http-server {}", proc.hostname())));
    let server = Rc::new(Server { proc: proc.clone(), config, certificate, chance });
    let mut listeners = listeners.into_iter();
    let first = listeners.next();
    if let Some(second) = listeners.next() {
        let server = server.clone();
        proc.thread(async move {
            http::accept_loop(&server.proc, &second, |stream| server.clone().connection(Stream::plain(stream), true))
                .await;
        });
    }
    let accept = async {
        if let Some(listener) = &first {
            http::accept_loop(proc, listener, |stream| server.clone().connection(Stream::plain(stream), false)).await;
        }
    };
    let ended = async { while proc.next_signal().await != Signal::TERM {} };
    race(ended, accept).await;
    server.config.exit_on_term
}

impl Server {
    async fn connection(self: Rc<Server>, mut stream: Stream, tls: bool) {
        let client = stream.peer_addr();
        let client = SocketAddr::new(client.ip().to_canonical(), client.port()).to_string();
        if let Some(certificate) = self.certificate.as_ref().filter(|_| tls)
            && stream.server_handshake(certificate).await.is_err()
        {
            let text = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
            // Whoever asked may be gone.
            let _gone = stream.write_plainly(text).await;
            return stream.close_plainly();
        }
        let garbage = Response::new(400)
            .with("Content-Type", "text/plain; charset=utf-8")
            .with("Connection", "close")
            .body("400 Bad Request");
        http::serve(Connection::new(stream), Some(garbage), |request| self.answer(&client, tls, request)).await;
    }

    fn route(&self, path: &str, tls: bool) -> &Route {
        let config = &self.config;
        if let Some(route) = config.plain.as_ref().filter(|_| !tls) {
            return route;
        }
        let begins = |(pattern, _): &(&String, &Route)| pattern.strip_suffix('*').is_some_and(|p| path.starts_with(p));
        // The last of them in order is the longest.
        let found = config.routes.get(path).or_else(|| config.routes.iter().rfind(begins).map(|(_, route)| route));
        found.unwrap_or(&config.fallback)
    }

    async fn answer(&self, client: &str, tls: bool, request: Request) -> Response {
        let (proc, config) = (&self.proc, &self.config);
        let route = self.route(request.path(), tls);
        if let Ok(latency) = Duration::try_from_secs_f64(route.latency.unwrap_or(config.latency))
            && !latency.is_zero()
        {
            proc.sleep(latency).await;
        }
        let rate = route.error_rate.unwrap_or(config.error_rate);
        let fails = rate > 0.0 && (self.chance.borrow_mut().below(1_000_000) as f64) < rate * 1e6;
        let status = if fails { 500 } else { route.status };
        let text = |template: &str| fill(proc, config, template, &request, client, status);
        let mut response = Response::new(status);
        for (name, value) in config.headers.iter().chain(&route.headers) {
            response.headers.set(name, text(value));
        }
        response.headers.add("Date", http::date(proc.sim()));
        let mut response = response.body(if fails { "Internal Server Error\n".into() } else { text(&route.body) });
        if response.headers.get("content-type").is_none() {
            response.headers.add("Content-Type", "text/plain; charset=utf-8");
        }
        util::ignore(proc.eprint(&text(&config.log)).await);
        response
    }
}

/// `template` with what is known of the request filled in.
fn fill(proc: &Proc, config: &Config, template: &str, request: &Request, client: &str, status: u16) -> String {
    template::fill(proc, template, |name| match name {
        "client" => Some(client.to_string()),
        "method" => Some(request.method.clone()),
        "target" => Some(request.target.clone()),
        "ip" => Some(client.rsplit_once(':').map_or(client, |(ip, _)| ip).to_string()),
        "host" => Some(request.headers.get("host").unwrap_or_default().to_string()),
        "status" => Some(status.to_string()),
        "port" => Some(config.port.to_string()),
        "date" => Some(proc.sim().wall().strftime("%Y/%m/%d %H:%M:%S").to_string()),
        _ => None,
    })
}
