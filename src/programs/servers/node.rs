//! Node.js as far as the images' own scripts go. JavaScript isn't interpreted: a script says in a
//! line `// simulated: NAME [OPTION]...` which built-in behaviour is equal to it.

use std::{cell::RefCell, net::Ipv6Addr, net::SocketAddr, rc::Rc};

use crate::{
    os::{Errno, Proc, Signal, process::Disposition},
    programs::{
        net::http::{self, Connection, Response},
        util::{self, Lines},
    },
    sim::{Either, race},
};

const MARK: &str = "// simulated: ";
/// Said if the image's environment doesn't tell.
const VERSION: &str = "12.18.1";
/// Longer scripts aren't read.
const MAX_SCRIPT: u64 = 1 << 20;

pub async fn main(proc: Proc) -> i32 {
    let version = proc.env("NODE_VERSION").unwrap_or_else(|| VERSION.into());
    let argv = proc.argv();
    let Some(script) = argv.get(1) else {
        return util::fail(&proc, 1, "node: JavaScript is not simulated; only the images' own scripts run").await;
    };
    match script.as_str() {
        "-v" | "--version" => return util::done(proc.print(&format!("v{version}\n")).await),
        option if option.starts_with('-') => {
            return util::fail(&proc, 9, &format!("node: bad option: {option}")).await;
        }
        _ => {}
    }
    let path = proc.absolute(script);
    let text = match read(&proc, &path).await {
        Ok(text) => text,
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EISDIR) => {
            return util::fail(&proc, 1, &module_not_found(&path, &version)).await;
        }
        Err(error) => return util::fail(&proc, 1, &format!("node: {path}: {error}")).await,
    };
    let Some(mark) = text.lines().find_map(|line| line.trim().strip_prefix(MARK)) else {
        let message = format!("node: {path}: JavaScript is not simulated; only the images' own scripts run");
        return util::fail(&proc, 1, &message).await;
    };
    let mut words = mark.split_whitespace();
    match words.next() {
        Some("kubia") => kubia(&proc, &path, &text, &version, words.collect()).await,
        other => {
            let name = other.unwrap_or_default();
            util::fail(&proc, 1, &format!("node: {path}: no simulated script is called '{name}'")).await
        }
    }
}

async fn read(proc: &Proc, path: &str) -> Result<String, Errno> {
    if proc.stat(path)?.size > MAX_SCRIPT {
        return Err(Errno::EFBIG);
    }
    Ok(util::text(proc.read_file(path).await?))
}

/// The book's web server. Options: `sigterm` handles SIGTERM; `stdin` reads greetings from stdin.
async fn kubia(proc: &Proc, path: &str, text: &str, version: &str, options: Vec<&str>) -> i32 {
    // Caught from the start: a script's top level runs before anything can reach the process.
    if options.contains(&"sigterm") {
        proc.set_disposition(Signal::TERM, Disposition::Catch);
    }
    let port = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("const listenPort = "))
        .and_then(|rest| rest.trim_end_matches(';').trim().parse().ok())
        .unwrap_or(8080_u16);
    let host = proc.hostname();
    let started = format!("Kubia server starting...\nLocal hostname is {host}\nListening on port {port}\n");
    if proc.print(&started).await.is_err() {
        return 1;
    }
    let listener = match proc.net().listen(proc, SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
        Ok(listener) => listener,
        Err(error) => {
            let line = text.lines().position(|l| l.contains(".listen(")).map_or(1, |at| at + 1);
            return util::fail(proc, 1, &listen_error(error, port, path, line, version)).await;
        }
    };
    let greeting = Rc::new(RefCell::new("Hey there".to_owned()));
    if options.contains(&"stdin") {
        proc.thread(read_greetings(proc.clone(), greeting.clone()));
    }
    let serve = async {
        http::accept_loop(proc, &listener, |stream| {
            let client = stream.peer_addr().ip();
            let (proc, greeting, version) = (proc.clone(), greeting.clone(), version.to_owned());
            let garbage = Response::new(400).with("Connection", "close");
            http::serve(Connection::plain(stream), Some(garbage), move |request| {
                let (proc, greeting, version) = (proc.clone(), greeting.clone(), version.clone());
                async move {
                    util::ignore(proc.print(&format!("Received request for {} from {client}\n", request.target)).await);
                    let body = format!("{}, this is {}. Your IP is {client}. \n", greeting.borrow(), proc.hostname());
                    let mut response = Response::new(200).with("Date", http::date(proc.sim()));
                    if request.keep_alive() {
                        response.headers.add("Connection", "keep-alive");
                        if major(&version) >= 14 {
                            response.headers.add("Keep-Alive", "timeout=5");
                        }
                    } else {
                        response.headers.add("Connection", "close");
                    }
                    if request.minor > 0 {
                        response.headers.add("Transfer-Encoding", "chunked");
                    }
                    response.body = body.into_bytes();
                    response
                }
            })
        })
        .await;
    };
    match race(terminated(proc), serve).await {
        Either::Left(()) => {
            util::ignore(proc.print("Received SIGTERM. Server shutting down...\n").await);
            0
        }
        Either::Right(()) => 0,
    }
}

/// Ends when SIGTERM was caught; never, if nobody catches it.
async fn terminated(proc: &Proc) {
    while proc.next_signal().await != Signal::TERM {}
}

async fn read_greetings(proc: Proc, greeting: Rc<RefCell<String>>) {
    let mut lines = Lines::new(proc.stdin());
    while let Ok(Some(line)) = lines.next_text().await {
        if line.trim().is_empty() {
            util::ignore(proc.eprint("Enter new greeting and press ENTER.\n").await);
        } else {
            util::ignore(proc.print(&format!("Greeting set to: {line}\n")).await);
            *greeting.borrow_mut() = line;
        }
    }
}

fn major(version: &str) -> u32 {
    version.split('.').next().and_then(|v| v.parse().ok()).unwrap_or(0)
}

/// What an uncaught `error` event of a server prints; frames are those of Node.js 12 and 20.
fn listen_error(error: Errno, port: u16, path: &str, line: usize, version: &str) -> String {
    let code = error.name();
    let text = if error == Errno::EADDRINUSE { "address already in use".into() } else { error.text().to_lowercase() };
    let call = format!("    at Object.<anonymous> ({path}:{line}:8)\n");
    if major(version) < 15 {
        format!(
            "events.js:292\n      throw er; // Unhandled 'error' event\n      ^\n\n\
             Error: listen {code}: {text} :::{port}\n\
             \x20   at Server.setupListenHandle [as _listen2] (net.js:1318:16)\n\
             \x20   at listenInCluster (net.js:1366:12)\n\
             \x20   at Server.listen (net.js:1452:7)\n{call}\
             \x20   at Module._compile (internal/modules/cjs/loader.js:1138:30)\n\
             \x20   at Object.Module._extensions..js (internal/modules/cjs/loader.js:1158:10)\n\
             \x20   at Module.load (internal/modules/cjs/loader.js:986:32)\n\
             \x20   at Function.Module._load (internal/modules/cjs/loader.js:879:14)\n\
             \x20   at Function.executeUserEntryPoint [as runMain] (internal/modules/run_main.js:71:12)\n\
             \x20   at internal/main/run_main_module.js:17:47\n\
             Emitted 'error' event on Server instance at:\n\
             \x20   at emitErrorNT (net.js:1345:8)\n\
             \x20   at processTicksAndRejections (internal/process/task_queues.js:84:21) {{\n\
             \x20 code: '{code}',\n  errno: '{code}',\n  syscall: 'listen',\n  address: '::',\n  port: {port}\n}}"
        )
    } else {
        let number = error.number();
        format!(
            "node:events:502\n      throw er; // Unhandled 'error' event\n      ^\n\n\
             Error: listen {code}: {text} :::{port}\n\
             \x20   at Server.setupListenHandle [as _listen2] (node:net:1908:16)\n\
             \x20   at listenInCluster (node:net:1965:12)\n\
             \x20   at Server.listen (node:net:2067:7)\n{call}\
             \x20   at Module._compile (node:internal/modules/cjs/loader:1521:14)\n\
             \x20   at Module._extensions..js (node:internal/modules/cjs/loader:1623:10)\n\
             \x20   at Module.load (node:internal/modules/cjs/loader:1266:32)\n\
             \x20   at Module._load (node:internal/modules/cjs/loader:1091:12)\n\
             \x20   at Function.executeUserEntryPoint [as runMain] (node:internal/modules/run_main:164:12)\n\
             \x20   at node:internal/main/run_main_module:28:49\n\
             Emitted 'error' event on Server instance at:\n\
             \x20   at emitErrorNT (node:net:1944:8)\n\
             \x20   at process.processTicksAndRejections (node:internal/process/task_queues:82:21) {{\n\
             \x20 code: '{code}',\n  errno: -{number},\n  syscall: 'listen',\n  address: '::',\n  port: {port}\n}}\n\n\
             Node.js v{version}"
        )
    }
}

fn module_not_found(path: &str, version: &str) -> String {
    if major(version) < 15 {
        format!(
            "internal/modules/cjs/loader.js:969\n  throw err;\n  ^\n\nError: Cannot find module '{path}'\n\
             \x20   at Function.Module._resolveFilename (internal/modules/cjs/loader.js:966:15)\n\
             \x20   at Function.Module._load (internal/modules/cjs/loader.js:842:27)\n\
             \x20   at Function.executeUserEntryPoint [as runMain] (internal/modules/run_main.js:71:12)\n\
             \x20   at internal/main/run_main_module.js:17:47 {{\n  code: 'MODULE_NOT_FOUND',\n  requireStack: []\n}}"
        )
    } else {
        format!(
            "node:internal/modules/cjs/loader:1210\n  throw err;\n  ^\n\nError: Cannot find module '{path}'\n\
             \x20   at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15)\n\
             \x20   at Module._load (node:internal/modules/cjs/loader:1038:27)\n\
             \x20   at Function.executeUserEntryPoint [as runMain] (node:internal/modules/run_main:164:12)\n\
             \x20   at node:internal/main/run_main_module:28:49 {{\n  code: 'MODULE_NOT_FOUND',\n  requireStack: []\n}}\n\n\
             Node.js v{version}"
        )
    }
}
