//! The end-to-end tests' helper image: the subcommands that documentation uses.
//! Behaviour: kubernetes' test/images/agnhost.

use std::{
    net::{Ipv6Addr, SocketAddr},
    time::Duration,
};

use super::pause;
use crate::{
    os::{Proc, Signal, process::Disposition},
    programs::{
        net::http::{self, Connection, Request, Response},
        util,
    },
    sim::{Either, race},
};

/// What a handler answers: status and body.
type Answer = (u16, String);

pub async fn main(proc: Proc) -> i32 {
    let argv = proc.argv();
    match argv.get(1).map(String::as_str) {
        None | Some("pause") => {
            util::ignore(proc.print("Paused\n").await);
            pause::main(proc).await
        }
        Some("liveness") => {
            let started = proc.sim().now();
            serve(&proc, 8080, "", move |proc, request, _| match request.path() {
                // Healthy for ten seconds.
                "/healthz" => {
                    let age = proc.sim().now().since(started);
                    if age > Duration::from_secs(10) {
                        (500, format!("error: {}", age.as_secs_f64()))
                    } else {
                        (200, "ok".into())
                    }
                }
                "/started" => (200, format!("{}", proc.sim().now().since(started).as_secs_f64())),
                _ => (404, "404 page not found\n".into()),
            })
            .await
        }
        Some("serve-hostname") => {
            serve(&proc, flag(&argv, "--port", 9376), "Serving hostname.", |proc, _, _| {
                (200, format!("{}\n", proc.hostname()))
            })
            .await
        }
        Some("netexec") => {
            let port = flag(&argv, "--http-port", 8080);
            serve(&proc, port, &format!("Started HTTP server on port {port}"), netexec).await
        }
        Some(other) => {
            let text = format!("Error: unknown command \"{other}\" for \"app\"\nRun 'app --help' for usage.");
            util::fail(&proc, 1, &text).await
        }
    }
}

fn flag(argv: &[String], name: &str, default: u16) -> u16 {
    let mut found = None;
    for (i, arg) in argv.iter().enumerate() {
        if arg == name {
            found = argv.get(i + 1).cloned();
        } else if let Some(value) = arg.strip_prefix(name).and_then(|v| v.strip_prefix('=')) {
            found = Some(value.to_owned());
        }
    }
    found.and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn netexec(proc: &Proc, request: &Request, client: &str) -> Answer {
    match request.path() {
        "/" => (200, format!("NOW: {}", proc.sim().wall())),
        "/hostname" | "/hostName" => (200, proc.hostname()),
        "/clientip" => (200, client.to_owned()),
        "/healthz" => (200, String::new()),
        "/echo" => {
            let code = request.query("code").and_then(|c| c.parse().ok()).unwrap_or(200);
            (code, request.query("msg").unwrap_or_default())
        }
        "/header" => {
            let key = request.query("key").unwrap_or_default();
            (200, request.headers.get(&key).unwrap_or_default().to_owned())
        }
        "/exit" => (200, String::new()),
        _ => (404, "404 page not found\n".into()),
    }
}

async fn serve(
    proc: &Proc,
    port: u16,
    started: &str,
    handler: impl Fn(&Proc, &Request, &str) -> Answer + Clone + 'static,
) -> i32 {
    proc.set_disposition(Signal::TERM, Disposition::Catch);
    let log = |text: String| {
        let time = proc.sim().wall().strftime("%Y/%m/%d %H:%M:%S").to_string();
        async move { util::ignore(proc.eprint(&format!("{time} {text}\n")).await) }
    };
    let listener = match proc.net().listen(proc, SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
        Ok(listener) => listener,
        Err(error) => {
            log(format!("listen tcp :{port}: bind: {}", http::go_errno(error))).await;
            return 1;
        }
    };
    if !started.is_empty() {
        log(started.to_owned()).await;
    }
    let accept = http::accept_loop(proc, &listener, |stream| {
        let client = stream.peer_addr();
        let client = SocketAddr::new(client.ip().to_canonical(), client.port()).to_string();
        let (proc, handler) = (proc.clone(), handler.clone());
        let garbage = Response::new(400).with("Connection", "close").body("400 Bad Request");
        http::serve(Connection::plain(stream), Some(garbage), move |request| {
            let (status, body) = handler(&proc, &request, &client);
            let response = Response::new(status)
                .with("Date", http::date(proc.sim()))
                .with("Content-Type", "text/plain; charset=utf-8");
            std::future::ready(response.body(body))
        })
    });
    let ended = async { while proc.next_signal().await != Signal::TERM {} };
    match race(ended, accept).await {
        // The Go runtime's code for a signal that nobody handles.
        Either::Left(()) => 2,
        Either::Right(()) => 1,
    }
}
