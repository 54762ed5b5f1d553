//! Apache's `httpd -D FOREGROUND`, as the image's configuration uses it: `Listen`, `DocumentRoot`, `ServerName`,
//! `DirectoryIndex`. Texts: Apache 2.4.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::static_files::{self, Found};
use crate::{
    os::{Proc, Signal, process::Disposition},
    programs::{
        net::http::{self, Connection, Request, Response},
        util,
    },
    sim::{Either, race},
};

/// Said if the image's environment doesn't tell.
const VERSION: &str = "2.4.65";
const ROOT: &str = "/usr/local/apache2";
const MAX_CONFIG: u64 = 1 << 20;

#[derive(Clone)]
struct Config {
    version: String,
    listen: Vec<SocketAddr>,
    root: String,
    name: Option<String>,
    indexes: Vec<String>,
}

pub async fn main(proc: Proc) -> i32 {
    let version = proc.env("HTTPD_VERSION").unwrap_or_else(|| VERSION.into());
    let argv = proc.argv();
    if argv.iter().any(|arg| arg == "-v") {
        return util::done(proc.print(&format!("Server version: Apache/{version} (Unix)\n")).await);
    }
    let mut config =
        Config { version, listen: Vec::new(), root: format!("{ROOT}/htdocs"), name: None, indexes: Vec::new() };
    let path = argv.iter().skip_while(|arg| *arg != "-f").nth(1).cloned();
    let path = path.unwrap_or_else(|| format!("{ROOT}/conf/httpd.conf"));
    if let Err(why) = read(&proc, &path, &mut config).await {
        return util::fail(&proc, 1, &why).await;
    }
    if config.indexes.is_empty() {
        config.indexes.push("index.html".into());
    }
    if config.name.is_none() {
        let address = proc.net().primary().map_or("127.0.0.1".into(), |ip| ip.to_string());
        let text = format!(
            "AH00558: httpd: Could not reliably determine the server's fully qualified domain name, using {address}. Set \
             the 'ServerName' directive globally to suppress this message\n"
        );
        // Once for each reading of its configuration.
        util::ignore(proc.eprint(&text.repeat(2)).await);
    }
    if argv.iter().any(|arg| arg == "-t") {
        util::ignore(proc.eprint("Syntax OK\n").await);
        return 0;
    }
    serve(&proc, config).await
}

async fn read(proc: &Proc, path: &str, config: &mut Config) -> Result<(), String> {
    let unread = |why: String| format!("httpd: Could not open configuration file {path}: {why}");
    if proc.stat(path).map_err(|errno| unread(errno.to_string()))?.size > MAX_CONFIG {
        return Err(unread("File too large".into()));
    }
    let text = util::text(proc.read_file(path).await.map_err(|errno| unread(errno.to_string()))?);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let Some((name, value)) = line.split_once(char::is_whitespace).filter(|_| !line.starts_with(['#', '<'])) else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        let wrong = |why: &str| format!("AH00526: Syntax error on line {} of {path}:\n{why}", at + 1);
        match name.to_ascii_lowercase().as_str() {
            "listen" => {
                let (host, port) = value.rsplit_once(':').unwrap_or(("", value));
                let host = if host.is_empty() { Ok(IpAddr::from(Ipv6Addr::UNSPECIFIED)) } else { host.parse() };
                match (host, port.parse::<u16>()) {
                    (Ok(host), Ok(port)) if port > 0 => config.listen.push(SocketAddr::new(host, port)),
                    _ => return Err(wrong("Port must be specified")),
                }
            }
            "documentroot" => {
                config.root = value.to_string();
                if proc.stat(value).is_err() {
                    return Err(wrong(&format!("DocumentRoot '{value}' is not a directory, or is not readable")));
                }
            }
            "servername" => config.name = Some(value.to_string()),
            "directoryindex" => config.indexes = value.split_whitespace().map(str::to_string).collect(),
            _ => {}
        }
    }
    Ok(())
}

async fn notice(proc: &Proc, module: &str, text: &str) {
    let time = proc.sim().wall().strftime("%a %b %d %H:%M:%S%.6f %Y").to_string();
    let pid = proc.pid();
    util::ignore(proc.eprint(&format!("[{time}] [{module}:notice] [pid {pid}:tid {pid}] {text}\n")).await);
}

async fn serve(proc: &Proc, config: Config) -> i32 {
    for signal in [Signal::TERM, Signal::INT, Signal::WINCH] {
        proc.set_disposition(signal, Disposition::Catch);
    }
    let mut listeners = Vec::new();
    for address in &config.listen {
        match proc.net().listen(proc, *address) {
            Ok(listener) => listeners.push(listener),
            Err(error) => {
                let wild = if address.ip().is_unspecified() { vec!["[::]", "0.0.0.0"] } else { Vec::new() };
                let mut hosts: Vec<String> = wild.into_iter().map(str::to_string).collect();
                if hosts.is_empty() {
                    hosts.push(address.ip().to_string());
                }
                let line = |host: &String| {
                    let port = address.port();
                    format!("({}){error}: AH00072: make_sock: could not bind to address {host}:{port}\n", error as i32)
                };
                let mut text: String = hosts.iter().map(line).collect();
                text += "no listening sockets available, shutting down\nAH00015: Unable to open logs";
                return util::fail(proc, 1, &text).await;
            }
        }
    }
    let text = format!("AH00489: Apache/{} (Unix) configured -- resuming normal operations", config.version);
    notice(proc, "mpm_event", &text).await;
    notice(proc, "core", &format!("AH00094: Command line: '{}'", proc.argv().join(" "))).await;
    for listener in listeners {
        let (task, config) = (proc.clone(), config.clone());
        proc.thread(async move {
            http::accept_loop(&task, &listener, |stream| {
                let client = stream.peer_addr().ip();
                let (proc, config) = (task.clone(), config.clone());
                let garbage = error_page(Response::new(400).with("Connection", "close"));
                http::serve(Connection::plain(stream), Some(garbage), move |request| {
                    let (proc, config) = (proc.clone(), config.clone());
                    async move { answer(&proc, &config, client, &request).await }
                })
            })
            .await;
        });
    }
    if let Either::Left(Signal::WINCH) = race(proc.next_signal(), std::future::pending::<()>()).await {
        notice(proc, "mpm_event", "AH00492: caught SIGWINCH, shutting down gracefully").await;
    } else {
        notice(proc, "mpm_event", "AH00491: caught SIGTERM, shutting down").await;
    }
    0
}

async fn answer(proc: &Proc, config: &Config, client: IpAddr, request: &Request) -> Response {
    let response = |status: u16| {
        let server = format!("Apache/{} (Unix)", config.version);
        Response::new(status).with("Date", http::date(proc.sim())).with("Server", server)
    };
    let indexes: Vec<&str> = config.indexes.iter().map(String::as_str).collect();
    let answer = match static_files::find(proc, &config.root, &request.target, &indexes).await {
        _ if !["GET", "HEAD", "POST", "OPTIONS"].contains(&request.method.as_str()) => error_page(response(405)),
        Found::File { path, data, modified } => {
            let tag = format!("\"{:x}-{:x}\"", data.len(), modified.as_microsecond());
            let mut found = response(200).with("Last-Modified", http::format_date(modified)).with("ETag", tag);
            found.headers.add("Accept-Ranges", "bytes");
            found = found.body(data);
            if let Some(kind) = static_files::media_type(&path) {
                found.headers.add("Content-Type", kind);
            }
            found
        }
        Found::Directory(names) => {
            let items: String = names.iter().map(|name| format!("<li><a href=\"{name}\"> {name}</a></li>\n")).collect();
            let (title, path) = ("Index of ", request.path());
            let body = format!(
                "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">\n<html>\n <head>\n  <title>{title}{path}</title>\n \
                 </head>\n <body>\n<h1>{title}{path}</h1>\n<ul>{items}</ul>\n</body></html>\n"
            );
            response(200).body(body).with("Content-Type", "text/html;charset=UTF-8")
        }
        Found::NeedsSlash => {
            let host = request.headers.get("host").unwrap_or("localhost");
            error_page(response(301).with("Location", format!("http://{host}{}/", request.path())))
        }
        Found::Failed(crate::os::Errno::EACCES) => error_page(response(403)),
        Found::Failed(_) => error_page(response(404)),
    };
    let time = proc.sim().wall().strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
    let (client, size) = (client.to_canonical(), answer.body.len());
    let size = if size == 0 || request.method == "HEAD" { "-".to_string() } else { size.to_string() };
    let Request { method, target, minor, .. } = request;
    let line = format!("{client} - - [{time}] \"{method} {target} HTTP/1.{minor}\" {} {size}\n", answer.status);
    util::ignore(proc.print(&line).await);
    answer
}

fn error_page(response: Response) -> Response {
    let (status, words) = (response.status, response.reason.clone());
    let why = match status {
        301 => "The document has moved.",
        400 => "Your browser sent a request that this server could not understand.<br />",
        403 => "You don't have permission to access this resource.",
        405 => "The requested method is not allowed for this URL.",
        _ => "The requested URL was not found on this server.",
    };
    let body = format!(
        "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>{status} \
         {words}</title>\n</head><body>\n<h1>{words}</h1>\n<p>{why}</p>\n</body></html>\n"
    );
    response.body(body).with("Content-Type", "text/html; charset=iso-8859-1")
}
