//! A server of which only the outside is simulated, made of a YAML file: `daemon FILE [ARGUMENT]...`. It logs, listens,
//! greets who connects, and ends as the real one does; the protocols behind its ports are not spoken.
//!
//! In texts, `{time FORMAT}` (strftime), `{pid}`, `{hostname}`, `{address}`, `{port}` (the first), `{args}` and
//! `{env.NAME}` are replaced.

use std::{
    net::{Ipv6Addr, SocketAddr},
    time::Duration,
};

use serde::Deserialize;

use super::template;
use crate::{
    os::{Errno, File, Proc, Signal, TcpListener, process::Disposition},
    programs::{net::http, util},
    sim::race,
};

const MAX_CONFIG: u64 = 1 << 20;

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Config {
    /// Said before it listens.
    starting: Vec<Said>,
    ports: Vec<Port>,
    /// An environment variable that overrides the first port.
    port_env: String,
    /// Said once it listens.
    ready: Vec<Said>,
    /// Said when a port is taken, and the exit code then.
    listen_error: String,
    listen_exit: i32,
    /// Said when it is told to end.
    stopping: Vec<Said>,
    exit: i32,
    stdout: bool,
    /// The process' title once it runs.
    title: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Said {
    /// Seconds after what was said before.
    after: f64,
    text: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Port {
    port: u16,
    /// Sent to who connects.
    greeting: String,
}

pub async fn main(proc: Proc) -> i32 {
    let argv = proc.argv();
    let Some(path) = argv.get(1) else { return util::fail(&proc, 2, "daemon: which file?").await };
    let mut config = match read(&proc, path).await {
        Ok(config) => config,
        Err(why) => return util::fail(&proc, 1, &format!("daemon: {path}: {why}")).await,
    };
    if let Some(port) = proc.env(&config.port_env).and_then(|port| port.parse().ok())
        && let Some(first) = config.ports.first_mut()
    {
        first.port = port;
    }
    let arguments = argv.get(2..).unwrap_or_default().join(" ");
    run(&proc, &config, &arguments).await
}

async fn read(proc: &Proc, path: &str) -> Result<Config, String> {
    if proc.stat(path).map_err(|errno| errno.to_string())?.size > MAX_CONFIG {
        return Err(Errno::EFBIG.to_string());
    }
    let bytes = proc.read_file(path).await.map_err(|errno| errno.to_string())?;
    serde_yaml::from_str(&util::text(bytes)).map_err(|error| error.to_string())
}

async fn run(proc: &Proc, config: &Config, arguments: &str) -> i32 {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        proc.set_disposition(signal, Disposition::Catch);
    }
    if !config.title.is_empty() {
        proc.set_title(&config.title);
    }
    let served = async {
        say(proc, config, arguments, &config.starting).await;
        let mut listeners = Vec::new();
        for port in &config.ports {
            match proc.net().listen(proc, SocketAddr::from((Ipv6Addr::UNSPECIFIED, port.port))) {
                Ok(listener) => listeners.push((listener, port)),
                Err(_) => {
                    let text = config.listen_error.clone();
                    say(proc, config, arguments, &[Said { after: 0.0, text }]).await;
                    return config.listen_exit;
                }
            }
        }
        for (listener, port) in listeners {
            proc.thread(greet(proc.clone(), listener, port.greeting.clone()));
        }
        say(proc, config, arguments, &config.ready).await;
        std::future::pending().await
    };
    match race(proc.next_signal(), served).await {
        crate::sim::Either::Left(_told_to_end) => {
            say(proc, config, arguments, &config.stopping).await;
            config.exit
        }
        crate::sim::Either::Right(code) => code,
    }
}

async fn say(proc: &Proc, config: &Config, arguments: &str, lines: &[Said]) {
    let to: File = if config.stdout { proc.stdout() } else { proc.stderr() };
    let port = config.ports.first().map_or(0, |port| port.port);
    for Said { after, text } in lines {
        if let Ok(pause) = Duration::try_from_secs_f64(*after) {
            proc.sleep(pause).await;
        }
        let text = template::fill(proc, text, |name| match name {
            "port" => Some(port.to_string()),
            "args" => Some(arguments.to_string()),
            _ => None,
        });
        util::ignore(util::write_to(proc, &to, text.as_bytes()).await);
    }
}

/// Greets whoever connects, and reads what they say until they go.
async fn greet(proc: Proc, listener: TcpListener, greeting: String) {
    http::accept_loop(&proc, &listener, |stream| {
        let greeting = greeting.clone();
        async move {
            if stream.write_all(greeting.as_bytes()).await.is_ok() {
                while stream.read(4096).await.is_ok_and(|data| !data.is_empty()) {}
            }
        }
    })
    .await;
}
