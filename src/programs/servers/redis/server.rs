//! `redis-server [FILE] [--DIRECTIVE VALUE]...`.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::Rc,
};

use super::{
    commands::{Call, TABLE, glob},
    resp::{self, End, Reader, Reply},
    store::{DATABASES, Store},
};
use crate::{
    os::{Errno, OpenFlags, Proc, Signal, TcpStream, process::Disposition},
    programs::{net::http, util},
    sim::{Notify, SimTime, race},
};

/// Said if the image's environment doesn't tell.
const VERSION: &str = "7.0.15";
const OOM: &str = "OOM command not allowed when used memory > 'maxmemory'.";
const MAX_CONFIG: u64 = 1 << 20;

/// Directives with what they are without being set. Others can't be set.
const DIRECTIVES: &[(&str, &str)] = &[
    ("appendonly", "no"),
    ("bind", "* -::*"),
    ("databases", "16"),
    ("dbfilename", "dump.rdb"),
    ("dir", ""),
    ("loglevel", "notice"),
    ("maxmemory", "0"),
    ("maxmemory-policy", "noeviction"),
    ("port", "6379"),
    ("protected-mode", "yes"),
    ("requirepass", ""),
    ("save", "3600 1 300 100 60 10000"),
    ("tcp-keepalive", "300"),
    ("timeout", "0"),
];
const POLICIES: &[&str] = &[
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
];

struct Server {
    proc: Proc,
    version: String,
    started: SimTime,
    store: RefCell<Store>,
    config: RefCell<BTreeMap<&'static str, String>>,
    stats: RefCell<Stats>,
    /// A client asked for the end.
    ending: Notify,
}

#[derive(Default)]
struct Stats {
    connections: u64,
    clients: u64,
    commands: u64,
}

/// A connection's own state.
struct Client {
    db: usize,
    authenticated: bool,
    id: u64,
    name: Vec<u8>,
    address: SocketAddr,
}

/// What becomes of a connection after a reply.
#[derive(PartialEq)]
enum Then {
    Go,
    Close,
    Shutdown,
}

pub async fn main(proc: Proc) -> i32 {
    let version = proc.env("REDIS_VERSION").unwrap_or_else(|| VERSION.into());
    let argv = proc.argv();
    if let Some("-v" | "--version") = argv.get(1).map(String::as_str) {
        let text = format!("Redis server v={version} sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0\n");
        return util::done(proc.print(&text).await);
    }
    let (file, options) = match argv.get(1) {
        Some(first) if !first.starts_with("--") => (Some(first.clone()), &argv[2..]),
        _ => (None, &argv[argv.len().min(1)..]),
    };
    let mut config: BTreeMap<&'static str, String> = DIRECTIVES.iter().map(|(k, v)| (*k, (*v).to_string())).collect();
    config.insert("dir", proc.cwd());
    let log = Log { proc: proc.clone(), version: version.clone() };
    log.say('C', '*', "oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo").await;
    let lines = match read_config(&proc, file.as_deref(), options).await {
        Ok(lines) => lines,
        Err(error) => {
            let path = file.unwrap_or_default();
            log.say('C', '#', &format!("Fatal error, can't open config file '{path}': {error}")).await;
            return 1;
        }
    };
    for (number, line) in lines.iter().enumerate() {
        if let Err(why) = directive(&mut config, line) {
            let text = format!(
                "\n*** FATAL CONFIG FILE ERROR (Redis {version}) ***\nReading the configuration file, at line {}\n>>> \
                 '{line}'\n{why}\n",
                number + 1
            );
            util::ignore(proc.eprint(&text).await);
            return 1;
        }
    }
    let pid = proc.pid();
    log.say(
        'C',
        '*',
        &format!("Redis version={version}, bits=64, commit=00000000, modified=0, pid={pid}, just started"),
    )
    .await;
    if file.is_none() && options.is_empty() {
        let text = "Warning: no config file specified, using the default config. In order to specify a config file use \
                    redis-server /path/to/redis.conf";
        log.say('C', '#', text).await;
    } else {
        log.say('C', '*', "Configuration loaded").await;
    }
    let server = Rc::new(Server {
        started: proc.sim().now(),
        store: RefCell::new(Store::new()),
        config: RefCell::new(config),
        stats: RefCell::default(),
        ending: Notify::new(),
        version,
        proc,
    });
    server.run(&log).await
}

/// The server's log, on stdout.
struct Log {
    proc: Proc,
    version: String,
}

impl Log {
    /// `role`: C before the server is up, M after. `level`: `*` notice, `#` warning. Until 7.2 much of what is told is a
    /// warning.
    async fn say(&self, role: char, level: char, text: &str) {
        let old = ["5.", "6.", "7.0"].iter().any(|start| self.version.starts_with(start));
        let notices = ["monotonic", "Running", "Ready", "DB ", "Saving", "User requested"];
        let level = if old && level == '*' && !notices.iter().any(|n| text.starts_with(n)) { '#' } else { level };
        let time = self.proc.sim().wall().strftime("%d %b %Y %H:%M:%S%.3f");
        util::ignore(self.proc.print(&format!("{}:{role} {time} {level} {text}\n", self.proc.pid())).await);
    }
}

/// The lines of the file, then the options as lines.
async fn read_config(proc: &Proc, file: Option<&str>, options: &[String]) -> Result<Vec<String>, Errno> {
    let mut lines = Vec::new();
    if let Some(path) = file {
        if proc.stat(path)?.size > MAX_CONFIG {
            return Err(Errno::EFBIG);
        }
        let text = util::text(proc.read_file(path).await?);
        lines.extend(text.lines().map(|line| line.trim().to_string()));
    }
    for option in options {
        match option.strip_prefix("--") {
            Some(name) => lines.push(name.to_string()),
            None => match lines.last_mut() {
                Some(line) => *line += &format!(" {option:?}"),
                None => lines.push(option.clone()),
            },
        }
    }
    Ok(lines)
}

/// Takes a line of the configuration.
fn directive(config: &mut BTreeMap<&'static str, String>, line: &str) -> Result<(), String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    let words = resp::split(line.as_bytes()).ok_or("Unbalanced quotes in configuration line")?;
    let words: Vec<String> = words.into_iter().map(util::text).collect();
    let Some((name, values)) = words.split_first() else { return Ok(()) };
    let known = DIRECTIVES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let Some((name, _)) = known else { return Err("Bad directive or wrong number of arguments".into()) };
    if values.is_empty() {
        return Err("wrong number of arguments".into());
    }
    let value = check(name, &values.join(" "))?;
    config.insert(name, value);
    Ok(())
}

/// A directive's value as it is kept.
fn check(name: &str, value: &str) -> Result<String, String> {
    match name {
        "port" | "timeout" | "tcp-keepalive" | "databases" => value
            .parse::<u16>()
            .map(|n| n.to_string())
            .map_err(|_| "argument couldn't be parsed into an integer".into()),
        "maxmemory" => memory(value).map(|n| n.to_string()).ok_or("argument must be a memory value".into()),
        "maxmemory-policy" if !POLICIES.contains(&value) => {
            Err(format!("argument must be one of the following: {}", POLICIES.join(", ")))
        }
        "appendonly" | "protected-mode" if !["yes", "no"].contains(&value) => {
            Err("argument must be 'yes' or 'no'".into())
        }
        _ => Ok(value.into()),
    }
}

/// `2mb`, `100k`, `1gb`, bytes.
fn memory(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &text[digits.len()..] {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(scale)
}

impl Server {
    fn setting(&self, name: &str) -> String {
        self.config.borrow().get(name).cloned().unwrap_or_default()
    }

    async fn run(self: Rc<Self>, log: &Log) -> i32 {
        let proc = &self.proc;
        for signal in [Signal::TERM, Signal::INT] {
            proc.set_disposition(signal, Disposition::Catch);
        }
        log.say('M', '*', "monotonic clock: POSIX clock_gettime").await;
        let port: u16 = self.setting("port").parse().unwrap_or(6379);
        let listener = match proc.net().listen(proc, SocketAddr::new(self.address(), port)) {
            Ok(listener) => listener,
            Err(error) => {
                let text = format!("Warning: Could not create server TCP listening socket *:{port}: bind: {error}");
                log.say('M', '#', &text).await;
                log.say('M', '#', &format!("Failed listening on port {port} (tcp), aborting.")).await;
                return 1;
            }
        };
        log.say('M', '*', &format!("Running mode=standalone, port={port}.")).await;
        log.say('M', '*', "Server initialized").await;
        if self.load().await {
            log.say('M', '*', "DB loaded from disk: 0.000 seconds").await;
        }
        let tcp = if self.version.starts_with("7.0") || self.version.as_str() < "7" { "" } else { " tcp" };
        log.say('M', '*', &format!("Ready to accept connections{tcp}")).await;
        let accept = http::accept_loop(proc, &listener, |stream| self.clone().serve(stream));
        let ended = async {
            match race(proc.next_signal(), self.ending.notified()).await {
                crate::sim::Either::Left(signal) => Some(signal),
                crate::sim::Either::Right(()) => None,
            }
        };
        if let crate::sim::Either::Left(Some(signal)) = race(ended, accept).await {
            let seconds = proc.sim().wall().as_second();
            let name = if signal == Signal::INT { "SIGINT" } else { "SIGTERM" };
            let text = format!("{}:signal-handler ({seconds}) Received {name} scheduling shutdown...\n", proc.pid());
            util::ignore(proc.print(&text).await);
        }
        log.say('M', '*', "User requested shutdown...").await;
        if !self.setting("save").is_empty() {
            log.say('M', '*', "Saving the final RDB snapshot before exiting.").await;
            match self.save().await {
                Ok(()) => log.say('M', '*', "DB saved on disk").await,
                Err(error) => {
                    let text = format!("Failed opening the temp RDB file temp-{}.rdb for saving: {error}", proc.pid());
                    log.say('M', '#', &text).await;
                }
            }
        }
        log.say('M', '*', "Redis is now ready to exit, bye bye...").await;
        0
    }

    /// The address that `bind` names first; all if it names several.
    fn address(&self) -> IpAddr {
        let bind = self.setting("bind");
        match bind.split_whitespace().collect::<Vec<_>>()[..] {
            [one] => one.trim_start_matches('-').parse().unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            _ => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    fn dump_path(&self) -> String {
        format!("{}/{}", self.setting("dir").trim_end_matches('/'), self.setting("dbfilename"))
    }

    /// Keeps everything in the dump file: a line that tells what it is, then the requests that would make it again.
    async fn save(&self) -> Result<(), Errno> {
        let now = self.proc.sim().now();
        let mut text = b"REDIS0011\n".to_vec();
        for db in 0..DATABASES {
            let keys = self.store.borrow_mut().keys(db, now);
            if keys.is_empty() {
                continue;
            }
            text.extend(resp::request(&[b"select".to_vec(), db.to_string().into_bytes()]));
            for (key, entry) in self.store.borrow().entries(db) {
                text.extend(resp::request(&entry.value.rebuild(key)));
                if let Some(at) = entry.expires {
                    let wall = self.proc.sim().wall_at(at).as_second().to_string();
                    text.extend(resp::request(&[b"expireat".to_vec(), key.clone(), wall.into_bytes()]));
                }
            }
        }
        let file = self.proc.open(&self.dump_path(), OpenFlags::WRITE, 0o644)?;
        self.proc.write(&file, &text).await
    }

    /// Reads the dump file, if there is one.
    async fn load(&self) -> bool {
        let Ok(bytes) = self.proc.read_file(&self.dump_path()).await else { return false };
        let Some(requests) = bytes.strip_prefix(b"REDIS0011\n") else { return false };
        let mut client = Client::new(0, SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0));
        client.authenticated = true;
        for words in resp::requests(requests) {
            let _made_again = self.answer(&mut client, &words).await;
        }
        true
    }

    async fn serve(self: Rc<Self>, stream: TcpStream) {
        let id = {
            let mut stats = self.stats.borrow_mut();
            stats.connections += 1;
            stats.clients += 1;
            stats.connections
        };
        let mut client = Client::new(id, stream.peer_addr());
        self.converse(&mut client, stream).await;
        self.stats.borrow_mut().clients -= 1;
    }

    async fn converse(&self, client: &mut Client, stream: TcpStream) {
        let mut reader = Reader::new(stream.clone());
        loop {
            let (reply, then) = match reader.request().await {
                Ok(words) => self.answer(client, &words).await,
                Err(End::Protocol(why)) => (Reply::Error(format!("ERR Protocol error: {why}")), Then::Close),
                Err(End::Closed | End::Lost(_)) => return,
            };
            let mut out = Vec::new();
            reply.encode(&mut out);
            if then == Then::Shutdown {
                self.ending.notify();
                return;
            }
            if stream.write_all(&out).await.is_err() || then == Then::Close {
                return;
            }
        }
    }

    async fn answer(&self, client: &mut Client, words: &[Vec<u8>]) -> (Reply, Then) {
        let Some((name, args)) = words.split_first() else { return (Reply::ok(), Then::Go) };
        let lower = util::text(name.to_ascii_lowercase());
        self.stats.borrow_mut().commands += 1;
        let password = self.setting("requirepass");
        if !password.is_empty() && !client.authenticated && !["auth", "hello", "quit"].contains(&lower.as_str()) {
            return (Reply::error("NOAUTH Authentication required."), Then::Go);
        }
        let now = self.proc.sim().now();
        if let Some((_, arity, grows)) = TABLE.iter().find(|(known, ..)| *known == lower) {
            if !fits(*arity, words.len()) {
                return (wrong_number(&lower), Then::Go);
            }
            let mut store = self.store.borrow_mut();
            let limit = usize::try_from(memory(&self.setting("maxmemory")).unwrap_or(0)).unwrap_or(usize::MAX);
            if *grows && limit > 0 && store.used_memory() > limit {
                let policy = self.setting("maxmemory-policy");
                if policy == "noeviction" || !store.evict(limit, policy.starts_with("volatile")) {
                    return (Reply::error(OOM), Then::Go);
                }
            }
            let wall = self.proc.sim().wall().as_millisecond();
            return (Call { store: &mut store, db: client.db, now, wall, name: &lower, args }.run(), Then::Go);
        }
        let first = args.first().map(|word| util::text(word.to_ascii_lowercase())).unwrap_or_default();
        let reply = match (lower.as_str(), args.len()) {
            ("ping", 0) => Reply::Status("PONG".into()),
            ("ping" | "echo", 1) => Reply::bulk(args[0].clone()),
            ("quit", _) => return (Reply::ok(), Then::Close),
            ("shutdown", _) => {
                if first == "nosave" {
                    self.config.borrow_mut().insert("save", String::new());
                }
                return (Reply::ok(), Then::Shutdown);
            }
            ("select", 1) => match first.parse::<usize>() {
                Ok(db) if db < DATABASES => {
                    client.db = db;
                    Reply::ok()
                }
                Ok(_) => Reply::error("ERR DB index is out of range"),
                Err(_) => Reply::error("ERR value is not an integer or out of range"),
            },
            ("auth", 1 | 2) if password.is_empty() && args.len() == 1 => Reply::error(
                "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
                 configuration is correct?",
            ),
            ("auth", 1 | 2) => {
                let user = args.len() == 1 || first == "default";
                client.authenticated = user && args.last().is_some_and(|word| *word == password.as_bytes());
                match client.authenticated || password.is_empty() {
                    true => Reply::ok(),
                    false => Reply::error("WRONGPASS invalid username-password pair or user is disabled."),
                }
            }
            ("flushall" | "flushdb", _) => {
                let all = lower == "flushall";
                let mut store = self.store.borrow_mut();
                (0..DATABASES).filter(|db| all || *db == client.db).for_each(|db| store.clear(db));
                Reply::ok()
            }
            ("save" | "bgsave", _) => match self.save().await {
                Ok(()) if lower == "save" => Reply::ok(),
                Ok(()) => Reply::Status("Background saving started".into()),
                Err(_) => Reply::error("ERR"),
            },
            ("time", 0) => {
                let micros = self.proc.sim().wall().as_microsecond();
                Reply::array([micros / 1_000_000, micros % 1_000_000].map(|n| n.to_string().into_bytes()))
            }
            ("info", _) => Reply::bulk(self.info(&first)),
            ("config", 2..) if first == "get" => {
                let patterns: Vec<Vec<u8>> = args[1..].iter().map(|word| word.to_ascii_lowercase()).collect();
                let config = self.config.borrow();
                let chosen = config.iter().filter(|(name, _)| patterns.iter().any(|p| glob(p, name.as_bytes())));
                Reply::array(chosen.flat_map(|(name, value)| [name.as_bytes().to_vec(), value.clone().into_bytes()]))
            }
            ("config", 3) if first == "set" => {
                let (name, value) = (util::text(args[1].clone()), util::text(args[2].clone()));
                let known = DIRECTIVES.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
                match known.map(|(known, _)| (known, check(known, &value))) {
                    None => {
                        Reply::Error(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'"))
                    }
                    Some((known, Ok(value))) => {
                        self.config.borrow_mut().insert(known, value);
                        Reply::ok()
                    }
                    Some((known, Err(why))) => {
                        Reply::Error(format!("ERR CONFIG SET failed (possibly related to argument '{known}') - {why}"))
                    }
                }
            }
            ("client", _) => match first.as_str() {
                "id" => Reply::Integer(i64::try_from(client.id).unwrap_or(0)),
                "getname" => Reply::Bulk(Some(client.name.clone()).filter(|name| !name.is_empty())),
                "setname" => {
                    client.name = args.get(1).cloned().unwrap_or_default();
                    Reply::ok()
                }
                "list" => {
                    Reply::bulk(format!("id={} addr={} db={} cmd=client|list\n", client.id, client.address, client.db))
                }
                _ => Reply::ok(),
            },
            // What clients ask first; none is needed.
            ("command", _) => Reply::Array(Some(Vec::new())),
            (known, _) if ["ping", "echo", "select", "auth", "time", "config"].contains(&known) => wrong_number(known),
            _ => {
                let shown: String = args.iter().map(|word| format!("'{}' ", util::text(word.clone()))).collect();
                let name = util::text(name.clone());
                Reply::Error(format!("ERR unknown command '{name}', with args beginning with: {shown}"))
            }
        };
        (reply, Then::Go)
    }

    /// `INFO`, whole or one section of it.
    fn info(&self, section: &str) -> String {
        let uptime = self.proc.sim().now().since(self.started).as_secs();
        let (store, stats) = (self.store.borrow(), self.stats.borrow());
        let limit = self.setting("maxmemory");
        let mut keyspace = String::new();
        for db in 0..DATABASES {
            let (mut keys, mut expires) = (0, 0);
            for (_, entry) in store.entries(db) {
                keys += 1;
                expires += u32::from(entry.expires.is_some());
            }
            if keys > 0 {
                keyspace += &format!("db{db}:keys={keys},expires={expires},avg_ttl=0\n");
            }
        }
        let used = store.used_memory();
        let sections = [
            (
                "Server",
                format!(
                    "redis_version:{}\nredis_mode:standalone\nos:Linux x86_64\narch_bits:64\nprocess_id:{}\ntcp_port:{}\n\
                 uptime_in_seconds:{uptime}\nuptime_in_days:{}\n",
                    self.version,
                    self.proc.pid(),
                    self.setting("port"),
                    uptime / 86_400
                ),
            ),
            ("Clients", format!("connected_clients:{}\nblocked_clients:0\n", stats.clients)),
            (
                "Memory",
                format!(
                    "used_memory:{used}\nused_memory_human:{:.2}M\nmaxmemory:{limit}\nmaxmemory_policy:{}\n",
                    used as f64 / f64::from(1 << 20),
                    self.setting("maxmemory-policy")
                ),
            ),
            ("Persistence", "loading:0\nrdb_last_bgsave_status:ok\naof_enabled:0\n".into()),
            (
                "Stats",
                format!(
                    "total_connections_received:{}\ntotal_commands_processed:{}\nexpired_keys:{}\nevicted_keys:{}\n",
                    stats.connections, stats.commands, store.expired, store.evicted
                ),
            ),
            ("Replication", "role:master\nconnected_slaves:0\n".into()),
            ("Cluster", "cluster_enabled:0\n".into()),
            ("Keyspace", keyspace),
        ];
        let wanted = |name: &str| section.is_empty() || section == "all" || name.eq_ignore_ascii_case(section);
        let chosen = sections.iter().filter(|(name, _)| wanted(name));
        let texts: Vec<String> = chosen.map(|(name, text)| format!("# {name}\n{text}")).collect();
        texts.join("\n").replace('\n', "\r\n")
    }
}

impl Client {
    fn new(id: u64, address: SocketAddr) -> Client {
        Client { db: 0, authenticated: false, id, name: Vec::new(), address }
    }
}

fn fits(arity: i32, words: usize) -> bool {
    let words = i32::try_from(words).unwrap_or(i32::MAX);
    if arity < 0 { words >= -arity } else { words == arity }
}

fn wrong_number(name: &str) -> Reply {
    Reply::Error(format!("ERR wrong number of arguments for '{name}' command"))
}
