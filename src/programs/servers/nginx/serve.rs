//! A worker's side of nginx: requests and their answers.

use std::{borrow::Cow, fmt::Write as _, net::SocketAddr, rc::Rc};

use super::{
    Nginx,
    config::{Common, Location, Server},
};
use crate::{
    os::{Errno, File, OpenFlags, Proc, TcpStream, fs::FileType},
    programs::net::{
        http::{self, Connection, Headers, ReadError, Request, Response, Url},
        resolve,
        tls::{Stream, TlsError},
    },
};

/// Larger files aren't served.
const MAX_FILE: u64 = 16 << 20;

pub async fn accept(proc: Proc, nginx: Rc<Nginx>, index: usize) {
    http::accept_loop(&proc, &nginx.listeners[index].1, |stream| {
        connection(proc.clone(), nginx.clone(), index, stream)
    })
    .await;
}

async fn connection(proc: Proc, nginx: Rc<Nginx>, index: usize, tcp: TcpStream) {
    nginx.connections.set(nginx.connections.get() + 1);
    let listen = &nginx.listeners[index].0;
    let client = tcp.peer_addr();
    let local = tcp.local_addr();
    let mut stream = Stream::plain(tcp);
    if listen.tls {
        let server = nginx.config.servers.iter().position(|s| s.listen.iter().any(|l| l.address == listen.address));
        let certificate = server.and_then(|at| nginx.certificates[at].as_ref());
        let Some(certificate) = certificate else { return };
        match Box::pin(stream.server_handshake(certificate)).await {
            Ok(_) => {}
            Err(TlsError::NotTls(bytes)) if bytes.first().is_some_and(u8::is_ascii_uppercase) => {
                let title = "400 The plain HTTP request was sent to HTTPS port";
                let body = format!(
                    "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>\r\n\
                     <center>The plain HTTP request was sent to HTTPS port</center>\r\n<hr><center>nginx/{}</center>\r\n\
                     </body>\r\n</html>\r\n",
                    nginx.version
                );
                let response = finish(&proc, &nginx, Response::new(400), "text/html", body.into_bytes(), false);
                let text = response.head().into_bytes();
                // The client may be gone.
                let _ = stream.write_plainly(&[text, response.body].concat()).await;
                stream.close_plainly();
                return;
            }
            Err(_) => {
                stream.close_plainly();
                return;
            }
        }
    }
    let mut connection = Connection::new(stream);
    loop {
        let request = match connection.read_request().await {
            Ok(request) => request,
            Err(ReadError::Malformed(bytes)) => {
                let response = error(&proc, &nginx, 400, false);
                // The client may be gone.
                let _ = connection.write_response(&response, "GET").await;
                connection.stream.close().await;
                let first =
                    String::from_utf8_lossy(bytes.split(|b| *b == b'\n').next().unwrap_or_default()).into_owned();
                access(&proc, &nginx, client, Asked::Garbage(&escape(&first)), &response, 400).await;
                return;
            }
            Err(_) => return,
        };
        nginx.requests.set(nginx.requests.get() + 1);
        let keep = request.keep_alive();
        let response = answer(&proc, &nginx, &request, local, client, keep).await;
        if connection.write_response(&response, &request.method).await.is_err() {
            return;
        }
        access(&proc, &nginx, client, Asked::Request(&request), &response, response.status).await;
        if !keep {
            connection.stream.close().await;
            return;
        }
    }
}

/// What can't be printed, as nginx' log shows it.
fn escape(text: &str) -> String {
    text.trim_end_matches('\r')
        .chars()
        .map(|c| if c.is_control() || !c.is_ascii() { format!("\\x{:02X}", c as u32 & 0xff) } else { c.to_string() })
        .collect()
}

/// What came from a client.
#[derive(Clone, Copy)]
enum Asked<'a> {
    Request(&'a Request),
    /// The first line of what is no request.
    Garbage(&'a str),
}

/// A line of the access log.
async fn access(proc: &Proc, nginx: &Nginx, client: SocketAddr, asked: Asked<'_>, response: &Response, status: u16) {
    let Some(file) = &nginx.access_log else { return };
    let mut text = String::with_capacity(256);
    // Writing to a string doesn't fail.
    let _ = write!(text, "{}", client.ip());
    text.push_str(" - - [");
    text.push_str(&http::format_log_date(proc.sim().wall()));
    text.push_str("] \"");
    let size = match asked {
        Asked::Request(request) => {
            request.write_line(&mut text);
            if request.method == "HEAD" { 0 } else { response.body.len() }
        }
        Asked::Garbage(line) => {
            text.push_str(line);
            response.body.len()
        }
    };
    let _ = write!(text, "\" {status} {size}");
    for name in ["referer", "user-agent", "x-forwarded-for"] {
        let header = match asked {
            Asked::Request(request) => request.headers.get(name),
            Asked::Garbage(_) => None,
        };
        text.push_str(" \"");
        text.push_str(header.unwrap_or("-"));
        text.push('"');
    }
    text.push('\n');
    crate::programs::util::ignore(file.write_all(text.as_bytes()).await);
}

/// The server that the Host header names among those of the socket; else the first of them.
fn choose<'a>(nginx: &'a Nginx, request: &Request, local: SocketAddr) -> Option<&'a Server> {
    let host = request.headers.get("host").unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    let port = local.port();
    let mut here = nginx.config.servers.iter().filter(|s| s.listen.iter().any(|l| l.address.port() == port));
    let first = here.clone().next();
    here.find(|s| s.names.iter().any(|n| n == name)).or(first)
}

/// `=`, then the longest prefix. Regular expressions: only `\.ext$` endings are understood.
fn locate<'a>(server: &'a Server, path: &str) -> Option<&'a Location> {
    let locations = &server.locations;
    if let Some(exact) = locations.iter().find(|l| l.modifier == "=" && l.path == path) {
        return Some(exact);
    }
    let prefix = locations
        .iter()
        .filter(|l| matches!(l.modifier.as_str(), "" | "^~") && path.starts_with(&l.path))
        .max_by_key(|l| l.path.len());
    if prefix.is_some_and(|l| l.modifier == "^~") {
        return prefix;
    }
    let ending = |l: &&Location| {
        let suffix = l.path.strip_suffix('$').map(|p| p.replace('\\', ""));
        l.modifier.starts_with('~') && suffix.is_some_and(|s| path.ends_with(&s))
    };
    locations.iter().find(ending).or(prefix)
}

async fn answer(
    proc: &Proc,
    nginx: &Rc<Nginx>,
    request: &Request,
    local: SocketAddr,
    client: SocketAddr,
    keep: bool,
) -> Response {
    if request.minor == 1 && request.headers.get("host").is_none() {
        return error(proc, nginx, 400, keep);
    }
    let Some(server) = choose(nginx, request, local) else { return error(proc, nginx, 404, keep) };
    let decoded = http::percent_decode(request.path());
    let path = normalise(&decoded);
    let location = locate(server, &path);
    let levels = [location.map_or(&server.common, |l| &l.common), &server.common];
    let common = &levels[usize::from(location.is_none())..];
    let mut response = if let Some((status, text)) = common.iter().find_map(|c| c.answer.as_ref()) {
        fixed(proc, nginx, request, *status, text, keep)
    } else if let Some(to) = location.and_then(|l| l.proxy.as_ref()) {
        // Boxed, as most requests have none.
        Box::pin(proxy(proc, nginx, request, to, client, keep)).await
    } else if location.is_some_and(|l| l.stub_status) {
        let (n, r) = (nginx.connections.get(), nginx.requests.get());
        let body = format!(
            "Active connections: 1 \nserver accepts handled requests\n {n} {n} {r} \nReading: 0 Writing: 1 Waiting: 0 \n"
        );
        finish(proc, nginx, Response::new(200), "text/plain", body.into_bytes(), keep)
    } else {
        match file(proc, nginx, request, location, common, &path, keep).await {
            Ok(response) => response,
            Err((status, why)) => {
                if let Some(why) = why {
                    let line = format!("{} {} HTTP/1.{}", request.method, request.target, request.minor);
                    let name = server.names.first().map_or("", String::as_str);
                    let host = request.headers.get("host").unwrap_or_default();
                    let text = format!(
                        "*{} {why}, client: {}, server: {name}, request: \"{line}\", host: \"{host}\"",
                        nginx.connections.get(),
                        client.ip()
                    );
                    nginx.log(proc, "error", &text).await;
                }
                Box::pin(page(proc, nginx, common, status, keep)).await
            }
        }
    };
    if response.status < 400 {
        for (name, value) in common.iter().flat_map(|c| &c.headers) {
            response.headers.add(name, value);
        }
    }
    response
}

/// `//`, `.` and `..` resolved.
fn normalise(path: &str) -> Cow<'_, str> {
    // As most are. Its last part may be empty, unlike the others.
    let end = path.strip_suffix('/').unwrap_or(path);
    if end.strip_prefix('/').is_some_and(|parts| parts.split('/').all(|part| !matches!(part, "" | "." | "..")))
        || path == "/"
    {
        return path.into();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let slash = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    format!("/{}{slash}", parts.join("/")).into()
}

fn fixed(proc: &Proc, nginx: &Nginx, request: &Request, status: u16, text: &str, keep: bool) -> Response {
    let host = request.headers.get("host").unwrap_or_default();
    let text = text
        .replace("$hostname", &proc.hostname())
        .replace("$host", host.split(':').next().unwrap_or_default())
        .replace("$request_uri", &request.target)
        .replace("$uri", request.path())
        .replace("\\n", "\n");
    match status {
        301..=303 | 307 | 308 => {
            let mut response = error(proc, nginx, status, keep);
            response.headers.add("Location", text);
            response
        }
        400.. if text.is_empty() => error(proc, nginx, status, keep),
        _ => finish(proc, nginx, Response::new(status), "application/octet-stream", text.into_bytes(), keep),
    }
}

type Refusal = (u16, Option<String>);

async fn file(
    proc: &Proc,
    nginx: &Nginx,
    request: &Request,
    location: Option<&Location>,
    common: &[&Common],
    path: &str,
    keep: bool,
) -> Result<Response, Refusal> {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Err((405, None));
    }
    let root = common.iter().find_map(|c| c.root.as_deref()).unwrap_or("/etc/nginx/html");
    let of = |path: &str| match location.and_then(|l| l.alias.as_ref().map(|a| (a, &l.path))) {
        Some((alias, prefix)) => [alias, path.strip_prefix(prefix.as_str()).unwrap_or(path)].concat(),
        None => [root, path].concat(),
    };
    let not_there = |name: &str, error: Errno| {
        let status = if error == Errno::EACCES { 403 } else { 404 };
        (status, Some(format!("open() \"{name}\" failed ({}: {error})", error.number())))
    };
    // Opened at once, as it can be mostly; what can't be opened may still be there.
    let look = |name: String| {
        let file = proc.open(&name, OpenFlags::READ, 0);
        let stat = file.as_ref().map_or_else(|_| proc.stat(&name), File::stat).map_err(|e| not_there(&name, e))?;
        Ok((name, stat, file))
    };
    let mut found = None;
    if path.ends_with('/') {
        let dir = of(path);
        let there = |name: &str| look([&dir, name].concat()).ok();
        found = match common.iter().find_map(|c| c.index.as_deref()) {
            Some(names) => names.iter().find_map(|name| there(name)),
            None => there("index.html"),
        };
        if found.is_none() {
            // Not found, unless it is a directory.
            proc.stat(&dir).map_err(|e| not_there(&dir, e))?;
            return Err((403, Some(format!("directory index of \"{dir}\" is forbidden"))));
        }
    }
    let (name, stat, file) = match found {
        Some(found) => found,
        None => look(of(path))?,
    };
    if stat.file_type == FileType::Directory && !path.ends_with('/') {
        let host = request.headers.get("host").unwrap_or_default();
        let scheme = if nginx.listeners.iter().any(|(l, _)| l.tls) { "https" } else { "http" };
        let mut response = error(proc, nginx, 301, keep);
        response.headers.add("Location", format!("{scheme}://{host}{path}/"));
        return Ok(response);
    }
    if stat.size > MAX_FILE || stat.file_type != FileType::Regular {
        return Err((403, Some(format!("\"{name}\" is not a regular file"))));
    }
    let file = file.map_err(|e| not_there(&name, e))?;
    let data = file.read_to_end().await.map_err(|e| not_there(&name, e))?;
    let changed = proc.sim().wall_at(stat.mtime);
    let tag = format!("\"{:x}-{:x}\"", changed.as_second(), data.len());
    if request.headers.get("if-none-match") == Some(&tag) {
        return Ok(finish(proc, nginx, Response::new(304), "", Vec::new(), keep));
    }
    let mut response = Response::new(200);
    response.headers.add_text("Last-Modified", &http::format_date(changed));
    let mut response = finish(proc, nginx, response, mime(&name), data, keep);
    response.headers.add_text("ETag", &tag);
    response.headers.add_text("Accept-Ranges", "bytes");
    Ok(response)
}

/// A status' page: the configured one, or nginx' own.
async fn page(proc: &Proc, nginx: &Nginx, common: &[&Common], status: u16, keep: bool) -> Response {
    let custom = common.iter().flat_map(|c| &c.error_pages).find(|(s, _)| *s == status);
    if let Some((_, page)) = custom {
        let root = common.iter().find_map(|c| c.root.clone()).unwrap_or_else(|| "/usr/share/nginx/html".into());
        if let Ok(data) = proc.read_file(&format!("{root}{page}")).await {
            return finish(proc, nginx, Response::new(status), "text/html", data, keep);
        }
    }
    error(proc, nginx, status, keep)
}

fn error(proc: &Proc, nginx: &Nginx, status: u16, keep: bool) -> Response {
    let words = match status {
        302 => "Moved Temporarily",
        303 => "See Other",
        405 => "Not Allowed",
        413 => "Request Entity Too Large",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        _ => http::reason(status),
    };
    let title = format!("{status} {words}");
    let body = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n<hr><center>nginx/{}\
         </center>\r\n</body>\r\n</html>\r\n",
        nginx.version
    );
    let mut response = Response::new(status);
    response.reason = words.into();
    finish(proc, nginx, response, "text/html", body.into_bytes(), keep)
}

/// The headers that every answer has, around those that it has already.
fn finish(proc: &Proc, nginx: &Nginx, response: Response, kind: &str, body: Vec<u8>, keep: bool) -> Response {
    let mut headers = Headers::with_capacity(256);
    headers.add("Server", format_args!("nginx/{}", nginx.version));
    headers.add_text("Date", &http::date(proc.sim()));
    if !kind.is_empty() {
        headers.add_text("Content-Type", kind);
        headers.add("Content-Length", body.len());
    }
    headers.append(&response.headers);
    headers.add_text("Connection", if keep { "keep-alive" } else { "close" });
    Response { headers, body, ..response }
}

fn mime(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ext)| ext) {
        Some("html" | "htm") => "text/html",
        Some("css") => "text/css",
        Some("js") => "application/javascript",
        Some("json") => "application/json",
        Some("txt") => "text/plain",
        Some("xml") => "text/xml",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        _ => "application/octet-stream",
    }
}

async fn proxy(proc: &Proc, nginx: &Nginx, request: &Request, to: &str, client: SocketAddr, keep: bool) -> Response {
    let Ok(url) = Url::parse(to) else { return error(proc, nginx, 502, keep) };
    let Some(ip) = resolve::resolve(proc, &url.host).await.into_iter().find(|ip| ip.is_ipv4()) else {
        return error(proc, nginx, 502, keep);
    };
    let address = SocketAddr::new(ip, url.port);
    let result = async {
        let tcp = proc.net().connect(Some(proc), address).await.map_err(ReadError::Io)?;
        let mut upstream = Request { minor: 0, ..request.clone() };
        upstream.headers.set("Host", url.authority());
        upstream.headers.set("Connection", "close");
        http::exchange(proc.net(), proc.sim(), Some(proc), &mut Connection::plain(tcp), &upstream).await
    }
    .await;
    match result {
        Ok(answer) => {
            let kind = answer.headers.get("content-type").unwrap_or_default().to_owned();
            let mut response = Response::new(answer.status);
            response.reason = answer.reason;
            finish(proc, nginx, response, if kind.is_empty() { "text/plain" } else { &kind }, answer.body, keep)
        }
        Err(cause) => {
            let why = match cause {
                ReadError::Io(Errno::ECONNREFUSED) => {
                    "connect() failed (111: Connection refused) while connecting to upstream"
                }
                ReadError::Io(Errno::ETIMEDOUT) => {
                    "upstream timed out (110: Connection timed out) while connecting to upstream"
                }
                _ => "upstream prematurely closed connection while reading response header from upstream",
            };
            let line = format!("{} {} HTTP/1.{}", request.method, request.target, request.minor);
            let n = nginx.connections.get();
            let text = format!(
                "*{n} {why}, client: {}, request: \"{line}\", upstream: \"http://{address}{}\"",
                client.ip(),
                request.target
            );
            nginx.log(proc, "error", &text).await;
            let status = if cause == ReadError::Io(Errno::ETIMEDOUT) { 504 } else { 502 };
            error(proc, nginx, status, keep)
        }
    }
}
