//! HTTP/1.1, client and server, over [`Stream`]s. Sizes are bounded; a message is held whole.
//!
//! Requests and responses are reported to the network's tap by the client's side.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    future::Future,
    net::SocketAddr,
    rc::Rc,
    task::{Context, Waker},
    time::Duration,
};

pub use super::date::{date, format_date, format_log_date};
use super::tls::{Stream, TlsError};
use crate::{
    os::{Errno, NetNs, Proc, TcpListener, TcpStream, net::NetEvent, net::NetEventKind},
    sim::Sim,
};

/// Bytes of a request or status line with its headers.
const MAX_HEAD: usize = 64 * 1024;
/// Bytes of a body.
const MAX_BODY: usize = 16 << 20;

/// Header fields in order, as they are sent: `Name: value` and a line's end each. Names compare without case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    text: String,
    /// Where each field's line is over: a name is looked for many times in one message.
    ends: Vec<u32>,
}

impl Headers {
    /// With room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Headers {
        Headers { text: String::with_capacity(bytes), ends: Vec::with_capacity(8) }
    }

    fn lines(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let line = &self.text[start..*end as usize - 2];
            start = *end as usize;
            line
        })
    }

    /// (name, value)
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines().map(|line| line.split_once(": ").unwrap_or((line, "")))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let (text, mut start) = (self.text.as_bytes(), 0);
        for end in &self.ends {
            let (colon, end) = (start + name.len(), *end as usize - 2);
            if colon < end && text[colon] == b':' && text[start..colon].eq_ignore_ascii_case(name.as_bytes()) {
                return self.text.get(colon + 2..end);
            }
            start = end + 2;
        }
        None
    }

    pub fn add(&mut self, name: &str, value: impl fmt::Display) {
        self.begin(name);
        // Writing to a string doesn't fail.
        let _ = write!(self.text, "{value}");
        self.end();
    }

    /// [`Headers::add`] for what is text already.
    pub fn add_text(&mut self, name: &str, value: &str) {
        self.begin(name);
        self.text.push_str(value);
        self.end();
    }

    fn begin(&mut self, name: &str) {
        // Room for most fields.
        self.text.reserve(name.len() + 48);
        self.text.push_str(name);
        self.text.push_str(": ");
    }

    fn end(&mut self) {
        self.text.push_str("\r\n");
        self.ends.push(self.text.len() as u32);
    }

    /// Adds another's fields.
    pub fn append(&mut self, other: &Headers) {
        let before = self.text.len() as u32;
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|end| before + end));
    }

    /// Adds a field in front of the others.
    pub fn add_first(&mut self, name: &str, value: impl fmt::Display) {
        let others = std::mem::take(self);
        self.add(name, value);
        self.append(&others);
    }

    /// Replaces every field of that name.
    pub fn set(&mut self, name: &str, value: impl fmt::Display) {
        self.remove(name);
        self.add(name, value);
    }

    pub fn remove(&mut self, name: &str) {
        if self.get(name).is_some() {
            let mut left = Headers::default();
            self.iter().filter(|(n, _)| !n.eq_ignore_ascii_case(name)).for_each(|(name, value)| left.add(name, value));
            *self = left;
        }
    }

    /// Whether a list-valued field holds `token`.
    fn has(&self, name: &str, token: &str) -> bool {
        self.get(name).is_some_and(|value| value.split(',').any(|t| t.trim().eq_ignore_ascii_case(token)))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// `/path?query`, as sent.
    pub target: String,
    /// 0 or 1, of HTTP/1.x.
    pub minor: u8,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Request {
        Request {
            method: method.into(),
            target: target.into(),
            minor: 1,
            headers: Headers::default(),
            body: Vec::new(),
        }
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query, percent-decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then(|| percent_decode(&value.replace('+', " ")).into_owned())
        })
    }

    pub fn keep_alive(&self) -> bool {
        if self.minor == 0 {
            self.headers.has("connection", "keep-alive")
        } else {
            !self.headers.has("connection", "close")
        }
    }

    /// All of it, as it is sent.
    fn bytes(&self) -> Vec<u8> {
        let room = self.method.len() + self.target.len() + self.headers.text.len() + self.body.len() + 16;
        let mut text = String::with_capacity(room);
        self.write_line(&mut text);
        text.push_str("\r\n");
        text.push_str(&self.headers.text);
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Adds its first line: `GET / HTTP/1.1`.
    pub fn write_line(&self, text: &mut String) {
        text.push_str(&self.method);
        text.push(' ');
        text.push_str(&self.target);
        text.push_str(version(self.minor));
    }
}

/// A request as it goes over a connection, any number of times.
pub struct Message {
    method: Rc<str>,
    target: Rc<str>,
    bytes: Vec<u8>,
}

impl From<&Request> for Message {
    fn from(request: &Request) -> Message {
        let (method, target) = (request.method.as_str().into(), request.target.as_str().into());
        Message { method, target, bytes: request.bytes() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub reason: Cow<'static, str>,
    pub minor: u8,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Response {
    pub fn new(status: u16) -> Response {
        Response { status, reason: reason(status).into(), minor: 1, headers: Headers::default(), body: Vec::new() }
    }

    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Response {
        self.headers.add(name, value);
        self
    }

    /// Sets the body and, where it belongs, `Content-Length`.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Response {
        self.body = body.into();
        self.headers.add("Content-Length", self.body.len());
        self
    }

    fn is_chunked(&self) -> bool {
        self.headers.has("transfer-encoding", "chunked")
    }

    /// Status line and headers, with the empty line.
    pub fn head(&self) -> String {
        let mut text = String::with_capacity(32 + self.reason.len() + self.headers.text.len() + self.body.len());
        text.push_str(version(self.minor).trim_ascii_start());
        // Writing to a string doesn't fail.
        let _ = write!(text, " {} ", self.status);
        text.push_str(&self.reason);
        text.push_str("\r\n");
        text.push_str(&self.headers.text);
        text.push_str("\r\n");
        text
    }
}

/// As a request's line ends.
fn version(minor: u8) -> &'static str {
    if minor == 0 { " HTTP/1.0" } else { " HTTP/1.1" }
}

/// The standard phrase of a status.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Payload Too Large",
        418 => "I'm a teapot",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

pub fn percent_decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |b: u8| char::from(b).to_digit(16);
        match (first, tail) {
            (b'%', [a, b, after @ ..]) if hex(*a).is_some() && hex(*b).is_some() => {
                bytes.push((hex(*a).unwrap_or(0) * 16 + hex(*b).unwrap_or(0)) as u8);
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// Why a message couldn't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Closed before the first byte.
    Closed,
    /// Closed in the middle: what came of the body.
    Cut {
        missing: u64,
    },
    /// Not HTTP: the bytes.
    Malformed(Vec<u8>),
    TooLarge,
    Io(Errno),
}

/// A connection with what was read ahead on it.
pub struct Connection {
    pub stream: Stream,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn new(stream: Stream) -> Connection {
        Connection { stream, buffer: Vec::new() }
    }

    /// One of which somebody has read the beginning.
    pub fn begun(stream: Stream, buffer: Vec<u8>) -> Connection {
        Connection { stream, buffer }
    }

    pub fn plain(stream: TcpStream) -> Connection {
        Connection::new(Stream::plain(stream))
    }

    /// Reads more; false at the end.
    async fn fill(&mut self) -> Result<bool, ReadError> {
        let more = self.stream.read().await.map_err(ReadError::Io)?;
        let any = !more.is_empty();
        if self.buffer.is_empty() {
            self.buffer = more;
        } else {
            self.buffer.extend_from_slice(&more);
        }
        Ok(any)
    }

    /// The first line and the headers. `plausible` judges the first bytes: garbage is noticed
    /// before a line is complete.
    async fn read_head(&mut self, plausible: fn(&[u8]) -> bool) -> Result<(String, Headers), ReadError> {
        loop {
            if !self.buffer.is_empty() && !plausible(&self.buffer) {
                return Err(ReadError::Malformed(std::mem::take(&mut self.buffer)));
            }
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head = &self.buffer[..end + 2];
                let parsed = match str::from_utf8(head) {
                    Ok(head) => parse_head(head),
                    Err(_) => parse_head(&String::from_utf8_lossy(head)),
                };
                let bytes = self.buffer.drain(..end + 4);
                return parsed.ok_or_else(|| ReadError::Malformed(bytes.collect()));
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(ReadError::TooLarge);
            }
            if !self.fill().await? {
                return Err(if self.buffer.is_empty() {
                    ReadError::Closed
                } else {
                    ReadError::Malformed(std::mem::take(&mut self.buffer))
                });
            }
        }
    }

    async fn read_exact(&mut self, length: usize) -> Result<Vec<u8>, ReadError> {
        if length > MAX_BODY {
            return Err(ReadError::TooLarge);
        }
        while self.buffer.len() < length {
            let missing = (length - self.buffer.len()) as u64;
            if !self.fill().await? {
                return Err(ReadError::Cut { missing });
            }
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    async fn read_line(&mut self) -> Result<String, ReadError> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(ReadError::TooLarge);
            }
            if !self.fill().await? {
                return Err(ReadError::Cut { missing: 0 });
            }
        }
    }

    async fn read_body(&mut self, headers: &Headers, until_end: bool) -> Result<Vec<u8>, ReadError> {
        if headers.has("transfer-encoding", "chunked") {
            let mut body = Vec::new();
            loop {
                let line = self.read_line().await?;
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).map_err(|_| ReadError::Malformed(line.into_bytes()))?;
                if size == 0 {
                    while !self.read_line().await?.is_empty() {}
                    return Ok(body);
                }
                if body.len() + size > MAX_BODY {
                    return Err(ReadError::TooLarge);
                }
                body.extend(self.read_exact(size).await?);
                self.read_line().await?;
            }
        }
        if let Some(length) = headers.get("content-length") {
            let length = length.trim().parse().map_err(|_| ReadError::Malformed(length.as_bytes().to_vec()))?;
            return self.read_exact(length).await;
        }
        if until_end {
            while self.fill().await? {
                if self.buffer.len() > MAX_BODY {
                    return Err(ReadError::TooLarge);
                }
            }
            return Ok(std::mem::take(&mut self.buffer));
        }
        Ok(Vec::new())
    }

    pub async fn read_request(&mut self) -> Result<Request, ReadError> {
        let method = |bytes: &[u8]| {
            let word = bytes.split(|b| *b == b' ').next().unwrap_or_default();
            word.len() <= 32 && !word.is_empty() && word.iter().all(|b| b.is_ascii_uppercase() || *b == b'-')
        };
        let (first, headers) = self.read_head(method).await?;
        let malformed = || ReadError::Malformed(first.clone().into_bytes());
        let mut words = first.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed());
        };
        let minor = minor_version(version).ok_or_else(malformed)?;
        let body = self.read_body(&headers, false).await?;
        Ok(Request { method: method.into(), target: target.into(), minor, headers, body })
    }

    /// Reads the answer to a request of `method`; interim answers are skipped.
    pub async fn read_response(&mut self, method: &str) -> Result<Response, ReadError> {
        let status_line = |bytes: &[u8]| bytes.iter().zip(b"HTTP/1.").all(|(a, b)| a == b);
        loop {
            let (first, headers) = self.read_head(status_line).await?;
            let malformed = || ReadError::Malformed(first.clone().into_bytes());
            let (version, rest) = first.split_once(' ').ok_or_else(malformed)?;
            let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
            let minor = minor_version(version).ok_or_else(malformed)?;
            let status: u16 = status.parse().map_err(|_| malformed())?;
            if (100..200).contains(&status) {
                continue;
            }
            let empty = method == "HEAD" || matches!(status, 204 | 304);
            let body = if empty { Vec::new() } else { self.read_body(&headers, true).await? };
            let usual = self::reason(status);
            let reason = if reason == usual { usual.into() } else { reason.to_owned().into() };
            return Ok(Response { status, reason, minor, headers, body });
        }
    }

    /// Writes an answer; `method` is the request's, as HEAD gets no body.
    pub async fn write_response(&mut self, response: &Response, method: &str) -> Result<(), Errno> {
        let mut bytes = response.head().into_bytes();
        if method != "HEAD" {
            if response.is_chunked() {
                if !response.body.is_empty() {
                    bytes.extend_from_slice(format!("{:x}\r\n", response.body.len()).as_bytes());
                    bytes.extend_from_slice(&response.body);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
            } else {
                bytes.extend_from_slice(&response.body);
            }
        }
        self.stream.write_all(&bytes).await
    }
}

/// Where `byte` is first. Eight bytes at a time: lines are too short for a search that takes long to begin.
fn position(bytes: &[u8], byte: u8) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk() {
        // A byte is zero where they are equal; the lowest of the bits that stay set tells the first of these.
        let differs = u64::from_le_bytes(*eight) ^ (ONES * u64::from(byte));
        let zeros = differs.wrapping_sub(ONES) & !differs & (ONES << 7);
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    bytes[at..].iter().position(|b| *b == byte).map(|found| at + found)
}

fn find<const N: usize>(haystack: &[u8], needle: &[u8; N]) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = position(&haystack[at..], needle[0]) {
        at += found;
        if haystack[at..].first_chunk() == Some(needle) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The lines of a text in which each has its end. (Searching for a string costs more to begin than a line is long.)
fn lines(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let end = find(text.as_bytes(), b"\r\n")?;
        let line = &text[..end];
        text = &text[end + 2..];
        Some(line)
    })
}

fn parse_head(text: &str) -> Option<(String, Headers)> {
    let (first, rest) = text.split_at(find(text.as_bytes(), b"\r\n")?);
    let rest = &rest[2..];
    let mut headers = Headers::with_capacity(rest.len());
    for line in lines(rest) {
        let colon = position(line.as_bytes(), b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.is_empty() || position(name.as_bytes(), b' ').is_some() {
            return None;
        }
        // As it is kept, mostly.
        if let [b' ', first, .., last] = value.as_bytes()
            && first.is_ascii_graphic()
            && last.is_ascii_graphic()
        {
            headers.text.push_str(line);
            headers.end();
        } else {
            headers.add_text(name, value.trim());
        }
    }
    Some((first.to_owned(), headers))
}

fn minor_version(version: &str) -> Option<u8> {
    match version {
        "HTTP/1.0" => Some(0),
        "HTTP/1.1" => Some(1),
        _ => None,
    }
}

/// Serves one connection: `handler` answers each request until either side has enough. `garbage`
/// answers bytes that are no HTTP.
pub async fn serve<F: Future<Output = Response>>(
    mut connection: Connection,
    garbage: Option<Response>,
    mut handler: impl FnMut(Request) -> F,
) {
    loop {
        let request = match connection.read_request().await {
            Ok(request) => request,
            Err(ReadError::Malformed(_) | ReadError::TooLarge) => {
                if let Some(answer) = &garbage {
                    // The client may be gone.
                    let _ = connection.write_response(answer, "GET").await;
                    connection.stream.close().await;
                }
                return;
            }
            Err(_) => return,
        };
        let (method, mut keep) = (request.method.clone(), request.keep_alive());
        let response = handler(request).await;
        keep &= !response.headers.has("connection", "close");
        if connection.write_response(&response, &method).await.is_err() {
            return;
        }
        if !keep {
            connection.stream.close().await;
            return;
        }
    }
}

/// Accepts connections for ever; `serve` serves them, each in a thread of its own if it has to wait.
pub async fn accept_loop<F: Future<Output = ()> + 'static>(
    proc: &Proc,
    listener: &TcpListener,
    serve: impl Fn(TcpStream) -> F,
) {
    while let Ok(stream) = listener.accept().await {
        let mut served = Box::pin(serve(stream));
        // Most clients have asked by now, and few answers take time.
        if served.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            proc.thread(served);
        }
    }
}

/// `scheme://[user@]host[:port]/target`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub tls: bool,
    pub user: Option<String>,
    /// Without brackets.
    pub host: String,
    pub port: u16,
    /// Path and query; begins with a slash.
    pub target: String,
}

/// Why a text is no URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UrlError {
    Scheme(String),
    Port,
    Malformed,
}

impl Url {
    /// Without a scheme it's `http`.
    pub fn parse(text: &str) -> Result<Url, UrlError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            other => return Err(UrlError::Scheme(other.into())),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, authority),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => {
                let (host, after) = v6.split_once(']').ok_or(UrlError::Malformed)?;
                (host, after.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(UrlError::Malformed);
        }
        let port = match port {
            None | Some("") => {
                if tls {
                    443
                } else {
                    80
                }
            }
            Some(port) => port.parse().map_err(|_| UrlError::Port)?,
        };
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Url { tls, user, host: host.into(), port, target })
    }

    pub fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// What stands in the Host header: the port only if it isn't the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }

    /// Where a `Location` seen on this page leads.
    pub fn join(&self, location: &str) -> Result<Url, UrlError> {
        if location.contains("://") {
            return Url::parse(location);
        }
        let target = if location.starts_with('/') {
            location.to_owned()
        } else {
            let path = self.target.split('?').next().unwrap_or_default();
            format!("{}{location}", &path[..=path.rfind('/').unwrap_or(0)])
        };
        Ok(Url { target, ..self.clone() })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.target)
    }
}

/// Tells the tap about a request or its answer, as seen from the client.
pub fn report(net: &NetNs, sim: &Sim, owner: Option<&Proc>, from: SocketAddr, to: SocketAddr, kind: NetEventKind) {
    if !net.network().is_tapped() {
        return;
    }
    let (pid, to_ns) = (owner.map(Proc::host_pid), net.network().name_of(to.ip()));
    let from_ns = net.shared_name();
    net.network().report(NetEvent { at: sim.now(), kind, from, to, from_ns, to_ns, pid });
}

/// Sends a request on an open connection and reads the answer, reporting both.
pub async fn exchange(
    net: &NetNs,
    sim: &Sim,
    owner: Option<&Proc>,
    connection: &mut Connection,
    request: &Request,
) -> Result<Response, ReadError> {
    send(net, sim, owner, connection, &Message::from(request)).await
}

/// [`exchange`] of a request that is sent many times.
async fn send(
    net: &NetNs,
    sim: &Sim,
    owner: Option<&Proc>,
    connection: &mut Connection,
    message: &Message,
) -> Result<Response, ReadError> {
    let (from, to) = (connection.stream.local_addr(), connection.stream.peer_addr());
    let Message { method, target, bytes } = message;
    let tls = connection.stream.is_tls();
    connection.stream.write_all(bytes).await.map_err(ReadError::Io)?;
    report(net, sim, owner, from, to, NetEventKind::Request { method: method.clone(), path: target.clone(), tls });
    let response = connection.read_response(method).await?;
    let (method, path) = (method.clone(), target.clone());
    report(net, sim, owner, from, to, NetEventKind::Response { method, path, status: response.status });
    Ok(response)
}

/// Why [`get`] failed. `Display` is the text of Go's net/http without the leading `Get "URL": `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    Dial(SocketAddr, Errno),
    Read {
        local: SocketAddr,
        peer: SocketAddr,
        error: Errno,
    },
    /// Closed without an answer.
    Eof,
    /// The answer isn't HTTP: its first bytes.
    Malformed(Vec<u8>),
    /// https asked of a server that speaks plain HTTP.
    PlainServer,
    /// The handshake failed otherwise.
    Handshake(&'static str),
    Timeout,
    TooLarge,
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::Dial(to, Errno::ETIMEDOUT) => write!(f, "dial tcp {to}: connect: connection timed out"),
            HttpError::Dial(to, error) => write!(f, "dial tcp {to}: connect: {}", go_errno(*error)),
            HttpError::Read { local, peer, error } => {
                write!(f, "read tcp {local}->{peer}: read: {}", go_errno(*error))
            }
            HttpError::Eof => f.write_str("EOF"),
            HttpError::Malformed(bytes) => {
                write!(f, "net/http: HTTP/1.x transport connection broken: malformed HTTP response {}", go_quote(bytes))
            }
            HttpError::PlainServer => f.write_str("http: server gave HTTP response to HTTPS client"),
            HttpError::Handshake(text) => f.write_str(text),
            HttpError::Timeout => {
                f.write_str("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
            }
            HttpError::TooLarge => f.write_str("http: response too large"),
        }
    }
}

impl std::error::Error for HttpError {}

/// Go words errno texts in small letters.
pub fn go_errno(error: Errno) -> String {
    error.text().to_lowercase()
}

/// The first line of `bytes` as Go's `%q` shows it.
fn go_quote(bytes: &[u8]) -> String {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let mut text = String::from("\"");
    for byte in line.strip_suffix(b"\r").unwrap_or(line).iter().take(256) {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b'\t' => text.push_str("\\t"),
            b'\r' => text.push_str("\\r"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            0x0b => text.push_str("\\v"),
            0x0c => text.push_str("\\f"),
            0x20..=0x7e => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

/// A request for `url` with these headers, and `Host` if it isn't among them.
pub fn get_request(url: &Url, headers: Headers) -> Request {
    let mut request = Request { headers, ..Request::new("GET", &url.target) };
    if request.headers.get("host").is_none() {
        request.headers.add_first("Host", url.authority());
    }
    request
}

/// A single GET, as the kubelet's probes make it: a new connection, any certificate will do, no
/// redirects followed, `timeout` for all of it. `to` is where `url`'s host is found.
pub async fn get(
    sim: &Sim,
    net: &NetNs,
    to: SocketAddr,
    url: &Url,
    message: &Message,
    timeout: Duration,
) -> Result<Response, HttpError> {
    let whole = async {
        let tcp = net.connect(None, to).await.map_err(|error| HttpError::Dial(to, error))?;
        let (local, peer) = (tcp.local_addr(), tcp.peer_addr());
        let read = |error| HttpError::Read { local, peer, error };
        let mut stream = Stream::plain(tcp);
        if url.tls {
            let handshake = async {
                stream.client_hello(&url.host).await?;
                stream.accept_certificate().await
            };
            // Boxed, as most connections have none.
            Box::pin(handshake).await.map_err(|error| match error {
                TlsError::NotTls(bytes) if bytes.starts_with(b"HTTP/") => HttpError::PlainServer,
                TlsError::NotTls(_) => HttpError::Handshake("tls: first record does not look like a TLS handshake"),
                TlsError::Closed => HttpError::Eof,
                TlsError::Alert(_) => HttpError::Handshake("remote error: tls: handshake failure"),
                TlsError::Io(error) => read(error),
            })?;
        }
        let mut connection = Connection::new(stream);
        send(net, sim, None, &mut connection, message).await.map_err(|error| match error {
            ReadError::Closed => HttpError::Eof,
            ReadError::Cut { .. } => HttpError::Handshake("unexpected EOF"),
            ReadError::Malformed(bytes) => HttpError::Malformed(bytes),
            ReadError::TooLarge => HttpError::TooLarge,
            ReadError::Io(error) => read(error),
        })
    };
    sim.timeout(timeout, whole).await.unwrap_or(Err(HttpError::Timeout))
}
