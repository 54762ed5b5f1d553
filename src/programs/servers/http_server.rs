//! A web server made of a YAML file, for images whose program is one: `http-server [--listen ADDR]
//! [--text TEXT] [FILE]`. In texts, `{client}`, `{method}`, `{target}`, `{status}`, `{port}`, `{date}` and what
//! [`template`] knows are replaced.

use std::{
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
        net::http::{self, Connection, Request, Response},
        util,
    },
    sim::race,
};

const MAX_CONFIG: u64 = 1 << 20;

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Config {
    port: u16,
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
    /// For every other path.
    fallback: Route,
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
            exit_on_term: 2,
        }
    }
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Route {
    status: u16,
    body: String,
    headers: BTreeMap<String, String>,
    /// Seconds before the answer.
    latency: f64,
}

impl Default for Route {
    fn default() -> Route {
        Route { status: 200, body: String::new(), headers: BTreeMap::new(), latency: 0.0 }
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

async fn serve(proc: &Proc, address: SocketAddr, config: Config) -> i32 {
    proc.set_disposition(Signal::TERM, Disposition::Catch);
    let blank = Request::new("", "");
    let listener = match proc.net().listen(proc, address) {
        Ok(listener) => listener,
        Err(error) => {
            let text = fill(proc, &config, &config.listen_error, &blank, "", 0);
            let text = if error == Errno::EADDRINUSE { text } else { format!("listen tcp {address}: {error}\n") };
            util::ignore(proc.eprint(&text).await);
            return 1;
        }
    };
    util::ignore(proc.eprint(&fill(proc, &config, &config.started, &blank, "", 0)).await);
    let config = Rc::new(config);
    let accept = http::accept_loop(proc, &listener, |stream| {
        let client = stream.peer_addr().to_string();
        let (proc, config) = (proc.clone(), config.clone());
        let garbage = Response::new(400)
            .with("Content-Type", "text/plain; charset=utf-8")
            .with("Connection", "close")
            .body("400 Bad Request");
        http::serve(Connection::plain(stream), Some(garbage), move |request| {
            answer(proc.clone(), config.clone(), client.clone(), request)
        })
    });
    let ended = async { while proc.next_signal().await != Signal::TERM {} };
    race(ended, accept).await;
    config.exit_on_term
}

async fn answer(proc: Proc, config: Rc<Config>, client: String, request: Request) -> Response {
    let route = config.routes.get(request.path()).unwrap_or(&config.fallback);
    if let Ok(latency) = Duration::try_from_secs_f64(route.latency) {
        proc.sleep(latency).await;
    }
    let text = |template: &str| fill(&proc, &config, template, &request, &client, route.status);
    let mut response = Response::new(route.status);
    for (name, value) in config.headers.iter().chain(&route.headers) {
        response.headers.add(name, text(value));
    }
    response.headers.add("Date", http::date(proc.sim()));
    let mut response = response.body(text(&route.body));
    if response.headers.get("content-type").is_none() {
        response.headers.add("Content-Type", "text/plain; charset=utf-8");
    }
    util::ignore(proc.eprint(&text(&config.log)).await);
    response
}

/// `template` with what is known of the request filled in.
fn fill(proc: &Proc, config: &Config, template: &str, request: &Request, client: &str, status: u16) -> String {
    template::fill(proc, template, |name| match name {
        "client" => Some(client.to_string()),
        "method" => Some(request.method.clone()),
        "target" => Some(request.target.clone()),
        "status" => Some(status.to_string()),
        "port" => Some(config.port.to_string()),
        "date" => Some(proc.sim().wall().strftime("%Y/%m/%d %H:%M:%S").to_string()),
        _ => None,
    })
}
