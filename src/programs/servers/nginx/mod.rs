//! nginx: a master process with workers that serve files, fixed answers and proxied pages, as
//! /etc/nginx/nginx.conf says. Log lines are those of nginx 1.2x on Linux.

mod config;
mod serve;

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use config::Config;

use crate::{
    os::{
        Errno, ExitStatus, File, OpenFlags, Pid, Proc, Signal, TcpListener,
        net::ListenOptions,
        process::{Disposition, Group},
    },
    programs::{net::tls::Certificate, util},
};

const DEFAULT_CONFIG: &str = "/etc/nginx/nginx.conf";
const BIND_TRIES: u32 = 5;
const LEVELS: [&str; 8] = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];

/// What the processes of one nginx share.
pub struct Nginx {
    config: Rc<Config>,
    /// Where the configuration is read from, and what `-g` says.
    source: (String, String),
    version: String,
    /// Shared with the next configuration, which may listen on the same addresses.
    listeners: Vec<(config::Listen, Rc<TcpListener>)>,
    /// Whom the workers run as, if the master is root.
    user: Option<(u32, u32)>,
    /// By server, where it has one.
    certificates: Vec<Option<Certificate>>,
    error_log: File,
    access_log: Option<File>,
    connections: std::cell::Cell<u64>,
    requests: std::cell::Cell<u64>,
}

/// A line of the error log.
async fn log(proc: &Proc, file: &File, least: &str, level: &str, text: &str) {
    let rank = |name: &str| LEVELS.iter().position(|l| *l == name).unwrap_or(3);
    if rank(level) > rank(least) {
        return;
    }
    let time = proc.sim().wall().strftime("%Y/%m/%d %H:%M:%S").to_string();
    let pid = proc.pid();
    util::ignore(file.write_all(format!("{time} [{level}] {pid}#{pid}: {text}\n").as_bytes()).await);
}

impl Nginx {
    async fn log(&self, proc: &Proc, level: &str, text: &str) {
        log(proc, &self.error_log, &self.config.level, level, text).await;
    }
}

/// `nginx: [emerg] …` on stderr; 1 is nginx' code for it.
async fn fail(proc: &Proc, text: &str) -> i32 {
    util::fail(proc, 1, &format!("nginx: [emerg] {text}")).await
}

/// Says something before the error log is known: its lines go to stderr as well.
async fn say(proc: &Proc, level: &str, text: &str) {
    let time = proc.sim().wall().strftime("%Y/%m/%d %H:%M:%S").to_string();
    let pid = proc.pid();
    let lines = format!("{time} [{level}] {pid}#{pid}: {text}\nnginx: [{level}] {text}\n");
    util::ignore(proc.eprint(&lines).await);
}

pub async fn main(proc: Proc) -> i32 {
    let version = proc.env("NGINX_VERSION").unwrap_or_else(|| "1.27.5".into());
    let argv = proc.argv();
    let (mut path, mut globals, mut signal, mut test) = (DEFAULT_CONFIG.to_owned(), String::new(), None, false);
    let mut args = argv.iter().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-v" => return util::fail(&proc, 0, &format!("nginx version: nginx/{version}")).await,
            "-V" => {
                let text = format!("nginx version: nginx/{version}\nbuilt by gcc 12.2.0 (Debian 12.2.0-14+deb12u1)");
                return util::fail(&proc, 0, &text).await;
            }
            "-t" | "-T" => test = true,
            "-q" => {}
            "-c" | "-g" | "-s" | "-p" | "-e" => {
                let Some(value) = args.next() else {
                    return util::fail(&proc, 1, &format!("nginx: option \"{arg}\" requires parameter")).await;
                };
                match arg.as_str() {
                    "-c" => path = value.clone(),
                    "-g" => globals = value.clone(),
                    "-s" => signal = Some(value.clone()),
                    _ => {}
                }
            }
            other => return util::fail(&proc, 1, &format!("nginx: invalid option: \"{other}\"")).await,
        }
    }
    let path = proc.absolute(&path);
    let config = match config::load(&proc, &path, &globals).await {
        Ok(config) => config,
        Err(text) => {
            say(&proc, "emerg", &text).await;
            let code = 1;
            if test {
                let text = format!("nginx: configuration file {path} test failed");
                return util::fail(&proc, code, &text).await;
            }
            return code;
        }
    };
    if let Some(name) = signal {
        return send_signal(&proc, &config, &name).await;
    }
    let nginx = match open(&proc, config, (path.clone(), globals), version, test, &[]).await {
        Ok(nginx) => Rc::new(nginx),
        Err(code) => return code,
    };
    if test {
        let text = format!(
            "nginx: the configuration file {path} syntax is ok\nnginx: configuration file {path} test is successful"
        );
        return util::fail(&proc, 0, &text).await;
    }
    let title = argv.join(" ");
    if nginx.config.daemon {
        proc.fork(Vec::new(), Group::New, move |proc| async move {
            // As daemon(3) does: whoever reads what it wrote so far isn't kept waiting.
            (0..=2).for_each(|fd| proc.set_fd(fd, Some(File::null())));
            master(proc, nginx, title).await
        });
        return 0;
    }
    master(proc, nginx, title).await
}

/// `nginx -s stop|quit|reload|reopen`.
async fn send_signal(proc: &Proc, config: &Config, name: &str) -> i32 {
    let signal = match name {
        "stop" => Signal::TERM,
        "quit" => Signal::QUIT,
        "reload" => Signal::HUP,
        "reopen" => Signal::USR1,
        _ => return util::fail(proc, 1, &format!("nginx: invalid option: \"-s {name}\"")).await,
    };
    let pid_file = &config.pid_file;
    let text = match proc.read_file(pid_file).await {
        Ok(bytes) => util::text(bytes),
        Err(error) => {
            let number = error.number();
            let text = format!("nginx: [error] open() \"{pid_file}\" failed ({number}: {error})");
            return util::fail(proc, 1, &text).await;
        }
    };
    let pid = text.trim();
    match pid.parse::<i64>() {
        Ok(number) if number > 0 => match proc.kill(number, Some(signal)) {
            Ok(()) => 0,
            Err(error) => {
                let text =
                    format!("nginx: [alert] kill({number}, {}) failed ({}: {error})", signal.number(), error.number());
                util::fail(proc, 1, &text).await
            }
        },
        _ => util::fail(proc, 1, &format!("nginx: [error] invalid PID number \"{pid}\" in \"{pid_file}\"")).await,
    }
}

/// Opens logs and sockets. The error is the exit code; it has been said.
async fn open(
    proc: &Proc,
    config: Rc<Config>,
    source: (String, String),
    version: String,
    test: bool,
    held: &[(config::Listen, Rc<TcpListener>)],
) -> Result<Nginx, i32> {
    if let (Some((_, at)), true) = (&config.user, proc.uid() != 0) {
        let text = "the \"user\" directive makes sense only if the master process runs with super-user privileges";
        say(proc, "warn", &format!("{text}, ignored in {at}")).await;
    }
    let error_log = match config.error_log.as_str() {
        "stderr" => proc.stderr(),
        path => match proc.open(path, OpenFlags::APPEND, 0o644) {
            Ok(file) => file,
            Err(error) => {
                let text = format!("open() \"{path}\" failed ({}: {error})", error.number());
                return Err(fail(proc, &text).await);
            }
        },
    };
    let access_log = match &config.access_log {
        None => None,
        Some(path) => match proc.open(path, OpenFlags::APPEND, 0o644) {
            Ok(file) => Some(file),
            Err(error) => {
                let text = format!("open() \"{path}\" failed ({}: {error})", error.number());
                return Err(fail(proc, &text).await);
            }
        },
    };
    let user = match &config.user {
        Some((name, _)) if proc.uid() == 0 => match ids(proc, name).await {
            Some(ids) => Some(ids),
            None => return Err(fail(proc, &format!("getpwnam(\"{name}\") failed")).await),
        },
        _ => None,
    };
    for path in &config.temporary {
        if let Err(error) = proc.mkdir(path, 0o700)
            // Packages of distributions bring the directories above theirs, wherever these are.
            && !matches!(error, Errno::EEXIST | Errno::ENOENT)
        {
            let text = format!("mkdir() \"{path}\" failed ({}: {error})", error.number());
            say(proc, "emerg", &text).await;
            return Err(1);
        }
    }
    let mut certificates = Vec::new();
    for server in &config.servers {
        let Some(path) = server.certificate.as_ref().filter(|_| server.listen.iter().any(|l| l.tls)) else {
            certificates.push(None);
            continue;
        };
        let pem = proc.read_file(path).await.map(util::text).unwrap_or_default();
        let Some(certificate) = Certificate::from_pem(&pem) else {
            return Err(
                fail(proc, &format!("cannot load certificate \"{path}\": PEM_read_bio_X509_AUX() failed")).await
            );
        };
        certificates.push(Some(certificate));
    }
    let mut wanted: BTreeMap<std::net::SocketAddr, config::Listen> = BTreeMap::new();
    for listen in config.servers.iter().flat_map(|s| &s.listen) {
        wanted.entry(listen.address).or_insert_with(|| listen.clone()).tls |= listen.tls;
    }
    let mut listeners: Vec<(config::Listen, Rc<TcpListener>)> = Vec::new();
    for listen in wanted.values() {
        if let Some((_, socket)) = held.iter().find(|(l, _)| l.address == listen.address) {
            listeners.push((listen.clone(), socket.clone()));
        }
    }
    // As nginx does: whoever can't be bound is tried again, all of them five times.
    for round in 1..=BIND_TRIES {
        let mut failed = false;
        for (address, listen) in &wanted {
            if listeners.iter().any(|(l, _)| l.address == *address) {
                continue;
            }
            let options = ListenOptions { v6only: true, ..ListenOptions::default() };
            match proc.net().listen_with(proc, *address, options) {
                Ok(socket) => listeners.push((listen.clone(), Rc::new(socket))),
                // A test of the configuration beside a running nginx.
                Err(Errno::EADDRINUSE) if test => {}
                Err(error) => {
                    let text = format!("bind() to {address} failed ({}: {error})", error.number());
                    log(proc, &error_log, &config.level, "emerg", &text).await;
                    util::ignore(proc.eprint(&format!("nginx: [emerg] {text}\n")).await);
                    if error != Errno::EADDRINUSE {
                        return Err(1);
                    }
                    failed = true;
                }
            }
        }
        if !failed {
            break;
        }
        if round == BIND_TRIES {
            log(proc, &error_log, &config.level, "emerg", "still could not bind()").await;
            return Err(fail(proc, "still could not bind()").await);
        }
        log(proc, &error_log, &config.level, "notice", "try again to bind() after 500ms").await;
        proc.sleep(Duration::from_millis(500)).await;
    }
    if test {
        listeners.clear();
    }
    Ok(Nginx {
        config,
        source,
        user,
        version,
        listeners,
        certificates,
        error_log,
        access_log,
        connections: std::cell::Cell::new(0),
        requests: std::cell::Cell::new(0),
    })
}

async fn master(proc: Proc, mut nginx: Rc<Nginx>, title: String) -> i32 {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP, Signal::CHLD, Signal::USR1, Signal::WINCH] {
        proc.set_disposition(signal, Disposition::Catch);
    }
    proc.set_title(&format!("nginx: master process {title}"));
    let pid_file = nginx.config.pid_file.clone();
    if let Err(error) = proc.write_file(&pid_file, format!("{}\n", proc.pid()).as_bytes()).await {
        return fail(&proc, &format!("open() \"{pid_file}\" failed ({}: {error})", error.number())).await;
    }
    nginx.log(&proc, "notice", "using the \"epoll\" event method").await;
    nginx.log(&proc, "notice", &format!("nginx/{}", nginx.version)).await;
    nginx.log(&proc, "notice", "built by gcc 12.2.0 (Debian 12.2.0-14+deb12u1)").await;
    nginx.log(&proc, "notice", "OS: Linux 6.12.0").await;
    nginx.log(&proc, "notice", "getrlimit(RLIMIT_NOFILE): 1048576:1048576").await;
    let mut workers = start_workers(&proc, &nginx).await;
    // Workers of an earlier configuration, told to end.
    let mut retired: Vec<Pid> = Vec::new();
    let mut ending = false;
    loop {
        let signal = proc.next_signal().await;
        let number = signal.number();
        match signal {
            Signal::QUIT | Signal::TERM | Signal::INT if !ending => {
                let word = if signal == Signal::QUIT { "shutting down" } else { "exiting" };
                nginx.log(&proc, "notice", &format!("signal {number} ({signal}) received, {word}")).await;
                ending = true;
                tell(&proc, workers.iter().chain(&retired), signal);
            }
            Signal::HUP if !ending => {
                nginx.log(&proc, "notice", &format!("signal {number} ({signal}) received, reconfiguring")).await;
                nginx.log(&proc, "notice", "reconfiguring").await;
                if let Some(next) = reload(&proc, &nginx).await {
                    nginx = Rc::new(next);
                    nginx.log(&proc, "notice", "using the \"epoll\" event method").await;
                    tell(&proc, workers.iter(), Signal::QUIT);
                    retired.append(&mut workers);
                    workers = start_workers(&proc, &nginx).await;
                }
            }
            Signal::CHLD => {}
            _ => continue,
        }
        while let Ok(Some((pid, status))) = proc.try_wait_any() {
            nginx.log(&proc, "notice", &format!("signal 17 (SIGCHLD) received from {pid}")).await;
            let at = workers.iter().position(|w| *w == pid);
            if at.is_none() && !retired.contains(&pid) {
                continue;
            }
            match status {
                ExitStatus::Exited(code) => {
                    nginx.log(&proc, "notice", &format!("worker process {pid} exited with code {code}")).await;
                }
                ExitStatus::Signaled(by) => {
                    let text = format!("worker process {pid} exited on signal {}", by.number());
                    nginx.log(&proc, "alert", &text).await;
                }
            }
            retired.retain(|w| *w != pid);
            let Some(at) = at else { continue };
            workers.remove(at);
            if !ending {
                let new = start_worker(&proc, &nginx, at == 0);
                nginx.log(&proc, "notice", &format!("start worker process {new}")).await;
                workers.insert(at, new);
            }
        }
        if ending && workers.is_empty() && retired.is_empty() {
            nginx.log(&proc, "notice", "exit").await;
            // Nobody is left who could want it.
            let _ = proc.unlink(&pid_file);
            return 0;
        }
    }
}

/// Signals workers; one that has just ended doesn't hear it.
fn tell<'a>(proc: &Proc, workers: impl Iterator<Item = &'a Pid>, signal: Signal) {
    for pid in workers {
        let _ = proc.kill(i64::from(*pid), Some(signal));
    }
}

/// The configuration as it is now, with the sockets that are already there. `None` keeps the old one;
/// why has been said.
async fn reload(proc: &Proc, old: &Nginx) -> Option<Nginx> {
    let (path, globals) = &old.source;
    match config::load(proc, path, globals).await {
        Ok(config) => open(proc, config, old.source.clone(), old.version.clone(), false, &old.listeners).await.ok(),
        Err(text) => {
            old.log(proc, "emerg", &text).await;
            None
        }
    }
}

async fn start_workers(proc: &Proc, nginx: &Rc<Nginx>) -> Vec<Pid> {
    nginx.log(proc, "notice", "start worker processes").await;
    let mut workers = Vec::new();
    for _ in 0..nginx.config.workers {
        let pid = start_worker(proc, nginx, workers.is_empty());
        nginx.log(proc, "notice", &format!("start worker process {pid}")).await;
        workers.push(pid);
    }
    workers
}

/// Forks a worker. Connections are the first one's work: the others would only wait beside it.
fn start_worker(proc: &Proc, nginx: &Rc<Nginx>, first: bool) -> Pid {
    let nginx = nginx.clone();
    proc.fork(Vec::new(), Group::Inherit, move |proc| async move {
        proc.set_title("nginx: worker process");
        if let (0, Some((uid, gid))) = (proc.uid(), nginx.user) {
            // Root may become anyone.
            let _ = proc.set_ids(uid, gid);
        }
        for signal in [Signal::CHLD, Signal::HUP, Signal::USR1, Signal::WINCH] {
            proc.set_disposition(signal, Disposition::Ignore);
        }
        for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
            proc.set_disposition(signal, Disposition::Catch);
        }
        if first {
            for index in 0..nginx.listeners.len() {
                proc.thread(serve::accept(proc.clone(), nginx.clone(), index));
            }
        }
        let quit = proc.next_signal().await == Signal::QUIT;
        if quit {
            nginx.log(&proc, "notice", "gracefully shutting down").await;
        }
        nginx.log(&proc, "notice", "exiting").await;
        nginx.log(&proc, "notice", "exit").await;
        0
    })
}

/// A user's uid and gid, by /etc/passwd.
async fn ids(proc: &Proc, name: &str) -> Option<(u32, u32)> {
    let text = util::text(proc.read_file("/etc/passwd").await.ok()?);
    text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            [user, _, uid, gid, ..] if *user == name => Some((uid.parse().ok()?, gid.parse().ok()?)),
            _ => None,
        }
    })
}
