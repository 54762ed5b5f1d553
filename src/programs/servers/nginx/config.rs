//! nginx' configuration language, and the directives that the simulation acts on.

use std::{
    cell::RefCell,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::{Rc, Weak},
};

use crate::{os::Proc, programs::util};

const MAX_FILE: u64 = 1 << 20;
/// Includes within includes.
const MAX_DEPTH: u32 = 8;

/// `name args…;` or `name args… { block }`.
#[derive(Clone, Debug)]
pub struct Directive {
    pub name: String,
    pub args: Vec<String>,
    pub block: Option<Vec<Directive>>,
    file: String,
    line: usize,
}

impl Directive {
    fn at(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// A listening address as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    pub address: SocketAddr,
    pub tls: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Server {
    pub listen: Vec<Listen>,
    pub names: Vec<String>,
    pub certificate: Option<String>,
    pub locations: Vec<Location>,
    pub common: Common,
}

/// What a server and a location may both say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Common {
    pub root: Option<String>,
    pub index: Option<Vec<String>>,
    pub answer: Option<(u16, String)>,
    pub error_pages: Vec<(u16, String)>,
    /// `add_header`
    pub headers: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Location {
    /// `=`, `^~`, `~`, `~*` or nothing.
    pub modifier: String,
    pub path: String,
    pub alias: Option<String>,
    pub proxy: Option<String>,
    pub stub_status: bool,
    pub common: Common,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub servers: Vec<Server>,
    pub workers: usize,
    /// Its name, and where the file says so.
    pub user: Option<(String, String)>,
    pub daemon: bool,
    pub pid_file: String,
    /// Where bodies are kept that don't fit in memory: client, proxy, fastcgi, uwsgi, scgi.
    pub temporary: [String; 5],
    pub error_log: String,
    /// The least level that is logged.
    pub level: String,
    pub access_log: Option<String>,
}

thread_local! {
    /// The one that was read last. Most servers have what their image brings: they share it.
    static LAST: RefCell<Weak<Config>> = RefCell::default();
}

/// Reads `path` and what it includes; `globals` is the text of `-g`. The error is what follows `nginx: [emerg] `.
pub async fn load(proc: &Proc, path: &str, globals: &str) -> Result<Rc<Config>, String> {
    let mut top = parse(globals, "command line")?;
    top.extend(read(proc, path, 0).await?);
    let config = interpret(&top)?;
    Ok(LAST.with_borrow_mut(|last| match last.upgrade().filter(|last| **last == config) {
        Some(same) => same,
        None => {
            let config = Rc::new(config);
            *last = Rc::downgrade(&config);
            config
        }
    }))
}

async fn read(proc: &Proc, path: &str, depth: u32) -> Result<Vec<Directive>, String> {
    let size = proc.stat(path).map_err(|e| format!("open() \"{path}\" failed ({}: {e})", e.number()))?.size;
    if size > MAX_FILE || depth > MAX_DEPTH {
        return Err(format!("\"{path}\" is too large or included too deep"));
    }
    let bytes = proc.read_file(path).await.map_err(|e| format!("open() \"{path}\" failed ({}: {e})", e.number()))?;
    let directives = parse(&util::text(bytes), path)?;
    include(proc, directives, depth).await
}

/// Replaces each `include` by what it names.
async fn include(proc: &Proc, directives: Vec<Directive>, depth: u32) -> Result<Vec<Directive>, String> {
    let mut out = Vec::new();
    for mut directive in directives {
        if directive.name == "include" {
            let pattern = directive.args.first().cloned().unwrap_or_default();
            let base = directive.file.rsplit_once('/').map_or("/etc/nginx", |(dir, _)| dir);
            let pattern = if pattern.starts_with('/') { pattern } else { format!("{base}/{pattern}") };
            for path in expand(proc, &pattern) {
                out.extend(Box::pin(read(proc, &path, depth + 1)).await?);
            }
            continue;
        }
        if let Some(block) = directive.block.take() {
            directive.block = Some(Box::pin(include(proc, block, depth)).await?);
        }
        out.push(directive);
    }
    Ok(out)
}

/// The files that `dir/*.conf` names, sorted; a name without `*` is itself.
fn expand(proc: &Proc, pattern: &str) -> Vec<String> {
    let (dir, last) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let Some((before, after)) = last.split_once('*') else { return vec![pattern.to_owned()] };
    let entries = proc.read_dir(if dir.is_empty() { "/" } else { dir }).unwrap_or_default();
    let matches = entries.into_iter().filter(|e| {
        e.name.len() >= before.len() + after.len()
            && e.name.starts_with(before)
            && e.name.ends_with(after)
            && !e.name.starts_with('.')
    });
    matches.map(|e| format!("{dir}/{}", e.name)).collect()
}

fn parse(text: &str, file: &str) -> Result<Vec<Directive>, String> {
    let mut stack: Vec<(Option<Directive>, Vec<Directive>)> = vec![(None, Vec::new())];
    let mut words: Vec<String> = Vec::new();
    let mut line = 1;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => line += 1,
            c if c.is_whitespace() => {}
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            '"' | '\'' => {
                let mut word = String::new();
                loop {
                    match chars.next() {
                        None => {
                            return Err(format!("unexpected end of file, expecting \";\" or \"}}\" in {file}:{line}"));
                        }
                        Some('\\') => word.extend(chars.next()),
                        Some(q) if q == c => break,
                        Some(other) => {
                            line += usize::from(other == '\n');
                            word.push(other);
                        }
                    }
                }
                words.push(word);
            }
            ';' | '{' => {
                if words.is_empty() {
                    return Err(format!("unexpected \"{c}\" in {file}:{line}"));
                }
                let args = words.split_off(1);
                let name = words.pop().unwrap_or_default();
                let directive = Directive { name, args, block: None, file: file.into(), line };
                if c == '{' {
                    if stack.len() > 16 {
                        return Err(format!("too many nested blocks in {file}:{line}"));
                    }
                    stack.push((Some(directive), Vec::new()));
                } else if let Some((_, block)) = stack.last_mut() {
                    block.push(directive);
                }
            }
            '}' => {
                if !words.is_empty() || stack.len() < 2 {
                    return Err(format!("unexpected \"}}\" in {file}:{line}"));
                }
                if let Some((Some(mut directive), block)) = stack.pop() {
                    directive.block = Some(block);
                    if let Some((_, outer)) = stack.last_mut() {
                        outer.push(directive);
                    }
                }
            }
            c => {
                let mut word = String::from(c);
                // `${name}` is part of a word.
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !";{}".contains(*c)) {
                    word.push(c);
                    if c == '$' && chars.next_if_eq(&'{').is_some() {
                        word.push('{');
                        while let Some(c) = chars.next_if(|c| *c != '}' && *c != '\n') {
                            word.push(c);
                        }
                        word.extend(chars.next_if_eq(&'}'));
                    }
                }
                words.push(word);
            }
        }
    }
    if !words.is_empty() || stack.len() > 1 {
        return Err(format!("unexpected end of file, expecting \"}}\" in {file}:{line}"));
    }
    Ok(stack.pop().map(|(_, block)| block).unwrap_or_default())
}

/// Directives that are read and have no effect here.
const KNOWN: &[&str] = &[
    "absolute_redirect",
    "accept_mutex",
    "access_log",
    "auth_basic",
    "auth_basic_user_file",
    "autoindex",
    "charset",
    "client_body_buffer_size",
    "client_body_temp_path",
    "client_header_timeout",
    "client_max_body_size",
    "default_type",
    "deny",
    "allow",
    "expires",
    "fastcgi_index",
    "fastcgi_param",
    "fastcgi_pass",
    "fastcgi_temp_path",
    "gzip",
    "gzip_types",
    "gzip_min_length",
    "gzip_proxied",
    "keepalive_timeout",
    "keepalive_requests",
    "log_format",
    "log_not_found",
    "map",
    "multi_accept",
    "port_in_redirect",
    "proxy_buffering",
    "proxy_cache",
    "proxy_connect_timeout",
    "proxy_http_version",
    "proxy_read_timeout",
    "proxy_redirect",
    "proxy_send_timeout",
    "proxy_set_header",
    "proxy_temp_path",
    "resolver",
    "rewrite",
    "scgi_temp_path",
    "send_timeout",
    "sendfile",
    "server_name_in_redirect",
    "server_names_hash_bucket_size",
    "server_tokens",
    "set",
    "ssl_ciphers",
    "ssl_certificate_key",
    "ssl_prefer_server_ciphers",
    "ssl_protocols",
    "ssl_session_cache",
    "ssl_session_timeout",
    "tcp_nodelay",
    "tcp_nopush",
    "try_files",
    "types",
    "types_hash_max_size",
    "upstream",
    "use",
    "uwsgi_temp_path",
    "worker_connections",
    "worker_rlimit_nofile",
    "if",
    "etag",
    "worker_shutdown_timeout",
    "load_module",
    "env",
    "limit_req",
    "limit_req_zone",
];

const TEMPORARY: [&str; 5] = ["client", "proxy", "fastcgi", "uwsgi", "scgi"];

/// Which of them `client_body_temp_path` and its like set.
fn temporary(directive: &str) -> Option<usize> {
    let name = directive.strip_suffix("_temp_path")?;
    TEMPORARY.iter().position(|own| *own == name.trim_end_matches("_body"))
}

fn unknown(directive: &Directive) -> Result<(), String> {
    if KNOWN.contains(&directive.name.as_str()) {
        return Ok(());
    }
    Err(format!("unknown directive \"{}\" in {}", directive.name, directive.at()))
}

fn one(directive: &Directive) -> Result<&String, String> {
    directive
        .args
        .first()
        .ok_or_else(|| format!("invalid number of arguments in \"{}\" directive in {}", directive.name, directive.at()))
}

fn block(directive: &Directive) -> Result<&[Directive], String> {
    directive
        .block
        .as_deref()
        .ok_or_else(|| format!("directive \"{}\" has no opening \"{{\" in {}", directive.name, directive.at()))
}

fn interpret(top: &[Directive]) -> Result<Config, String> {
    let mut config = Config {
        servers: Vec::new(),
        workers: 1,
        user: None,
        daemon: true,
        pid_file: "/run/nginx.pid".into(),
        temporary: TEMPORARY.map(|name| format!("/var/cache/nginx/{name}_temp")),
        error_log: "/var/log/nginx/error.log".into(),
        level: "error".into(),
        access_log: Some("/var/log/nginx/access.log".into()),
    };
    let mut events = false;
    for directive in top {
        match directive.name.as_str() {
            "worker_processes" => {
                let count = one(directive)?;
                config.workers = match count.as_str() {
                    // One for each processor, as the nodes have four.
                    "auto" => 4,
                    number => number.parse().ok().filter(|n| (1..=64).contains(n)).ok_or_else(|| {
                        format!("invalid value \"{number}\" in \"worker_processes\" directive in {}", directive.at())
                    })?,
                };
            }
            "user" => config.user = Some((one(directive)?.clone(), directive.at())),
            "daemon" => config.daemon = one(directive)? != "off",
            "pid" => config.pid_file = one(directive)?.clone(),
            "error_log" => {
                config.error_log = one(directive)?.clone();
                config.level = directive.args.get(1).cloned().unwrap_or_else(|| "error".into());
            }
            "events" => events = true,
            "stream" => return Err(format!("unknown directive \"stream\" in {}", directive.at())),
            "http" => {
                for inner in block(directive)? {
                    if let Some(i) = temporary(&inner.name) {
                        config.temporary[i].clone_from(one(inner)?);
                    }
                    match inner.name.as_str() {
                        "server" => config.servers.push(server(inner)?),
                        "access_log" => config.access_log = Some(one(inner)?.clone()).filter(|p| p != "off"),
                        _ => {
                            let mut ignored = Common::default();
                            common(inner, &mut ignored)?;
                        }
                    }
                }
            }
            _ => unknown(directive)?,
        }
    }
    if !events {
        return Err("no \"events\" section in configuration".into());
    }
    Ok(config)
}

fn server(directive: &Directive) -> Result<Server, String> {
    let mut server = Server::default();
    for inner in block(directive)? {
        match inner.name.as_str() {
            "listen" => server.listen.push(listen(inner)?),
            "server_name" => server.names = inner.args.clone(),
            "ssl_certificate" => server.certificate = Some(one(inner)?.clone()),
            "location" => server.locations.push(location(inner)?),
            _ => common(inner, &mut server.common)?,
        }
    }
    if server.listen.is_empty() {
        server.listen.push(Listen { address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 80)), tls: false });
    }
    Ok(server)
}

fn listen(directive: &Directive) -> Result<Listen, String> {
    let text = one(directive)?;
    let tls = directive.args.iter().any(|a| a == "ssl");
    let any = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    let bad = |what: &str| format!("{what} in \"{text}\" of the \"listen\" directive in {}", directive.at());
    let port = |p: &str| p.parse::<u16>().ok().filter(|p| *p > 0).ok_or_else(|| bad("invalid port"));
    let address = if text.bytes().all(|b| b.is_ascii_digit()) {
        SocketAddr::new(any, port(text)?)
    } else if let Some(rest) = text.strip_prefix('[') {
        let (ip, after) = rest.split_once(']').ok_or_else(|| bad("invalid IPv6 address"))?;
        let ip: Ipv6Addr = ip.parse().map_err(|_| bad("invalid IPv6 address"))?;
        SocketAddr::new(ip.into(), after.strip_prefix(':').map_or(Ok(80), port)?)
    } else {
        let (host, number) = match text.split_once(':') {
            Some((host, number)) => (host, port(number)?),
            None => (text.as_str(), 80),
        };
        let ip = match host {
            "*" => any,
            "localhost" => Ipv4Addr::LOCALHOST.into(),
            host => host.parse().map_err(|_| bad("host not found"))?,
        };
        SocketAddr::new(ip, number)
    };
    Ok(Listen { address, tls })
}

fn location(directive: &Directive) -> Result<Location, String> {
    let (modifier, path) = match directive.args.as_slice() {
        [path] => (String::new(), path.clone()),
        [modifier, path] => (modifier.clone(), path.clone()),
        _ => {
            let at = directive.at();
            return Err(format!("invalid number of arguments in \"location\" directive in {at}"));
        }
    };
    let mut location =
        Location { modifier, path, alias: None, proxy: None, stub_status: false, common: Common::default() };
    for inner in block(directive)? {
        match inner.name.as_str() {
            "alias" => location.alias = Some(one(inner)?.clone()),
            "proxy_pass" => location.proxy = Some(one(inner)?.clone()),
            "stub_status" => location.stub_status = true,
            _ => common(inner, &mut location.common)?,
        }
    }
    Ok(location)
}

fn common(directive: &Directive, into: &mut Common) -> Result<(), String> {
    match directive.name.as_str() {
        "root" => into.root = Some(one(directive)?.clone()),
        "index" => into.index = Some(directive.args.clone()),
        "return" => {
            let first = one(directive)?;
            into.answer = match first.parse::<u16>() {
                Ok(status) => Some((status, directive.args.get(1).cloned().unwrap_or_default())),
                Err(_) if first.starts_with("http") => Some((302, first.clone())),
                Err(_) => return Err(format!("invalid return code \"{first}\" in {}", directive.at())),
            };
        }
        "error_page" => {
            if let Some((page, codes)) = directive.args.split_last() {
                into.error_pages.extend(codes.iter().filter_map(|c| Some((c.parse().ok()?, page.clone()))));
            }
        }
        "add_header" => {
            if let [name, value, ..] = directive.args.as_slice() {
                into.headers.push((name.clone(), value.clone()));
            }
        }
        _ => unknown(directive)?,
    }
    Ok(())
}
