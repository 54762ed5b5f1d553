//! The end-to-end tests' helper image: the subcommands that documentation uses.
//! Behaviour: kubernetes' test/images/agnhost.

use std::{
    cell::Cell,
    net::{Ipv6Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use super::pause;
use crate::{
    os::{Proc, Signal, process::Disposition},
    programs::{
        net::{
            grpc::{self, Health},
            http::{self, Connection, Request, Response},
        },
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
        Some("grpc-health-checking") => grpc_health_checking(&proc, &argv).await,
        Some(other) => {
            let text = format!("Error: unknown command \"{other}\" for \"app\"\nRun 'app --help' for usage.");
            util::fail(&proc, 1, &text).await
        }
    }
}

fn flag(argv: &[String], name: &str, default: u16) -> u16 {
    text_flag(argv, name).and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn text_flag(argv: &[String], name: &str) -> Option<String> {
    let mut found = None;
    for (i, arg) in argv.iter().enumerate() {
        if arg == name {
            found = argv.get(i + 1).cloned();
        } else if let Some(value) = arg.strip_prefix(name).and_then(|v| v.strip_prefix('=')) {
            found = Some(value.to_owned());
        }
    }
    found
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

/// A health service on one port, and on another the switch that makes it unhealthy.
async fn grpc_health_checking(proc: &Proc, argv: &[String]) -> i32 {
    let started = proc.sim().now();
    let (port, http_port) = (flag(argv, "--port", 5000), flag(argv, "--http-port", 8080));
    let delay = text_flag(argv, "--delay-unhealthy-sec").and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1);
    let service = text_flag(argv, "--service").unwrap_or_default();
    let forced = Rc::new(Cell::new(None::<bool>));
    let say = |text: &str| log_line(proc, text);
    let any = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    util::ignore(proc.eprint(&say(&format!("Http server starting to listen on :{http_port}"))).await);
    let http = match proc.net().listen(proc, any(http_port)) {
        Ok(listener) => listener,
        Err(error) => {
            let text = say(&format!("listen tcp :{http_port}: bind: {}", http::go_errno(error)));
            util::ignore(proc.eprint(&text).await);
            return 1;
        }
    };
    let listener = match proc.net().listen(proc, any(port)) {
        Ok(listener) => listener,
        Err(error) => {
            let text = format!(
                "Error while starting the listening service listen tcp :{port}: bind: {}",
                http::go_errno(error)
            );
            util::ignore(proc.eprint(&say(&text)).await);
            return 1;
        }
    };
    let (own, switch) = (proc.clone(), forced.clone());
    proc.thread(async move {
        http::accept_loop(&own, &http, |stream| {
            let (own, switch) = (own.clone(), switch.clone());
            let garbage = Response::new(400).with("Connection", "close").body("400 Bad Request");
            http::serve(Connection::plain(stream), Some(garbage), move |request| {
                let (own, switch) = (own.clone(), switch.clone());
                async move {
                    let (unhealthy, text) = match request.path() {
                        "/make-not-serving" => (true, "Mark as unhealthy"),
                        "/make-serving" => (false, "Mark as healthy"),
                        _ => return Response::new(404).body("404 page not found\n"),
                    };
                    util::ignore(own.eprint(&log_line(&own, text)).await);
                    switch.set(Some(unhealthy));
                    Response::new(200).body(format!("{:?}", own.sim().now().since(started)))
                }
            })
        })
        .await;
    });
    util::ignore(proc.eprint(&say(&format!("gRPC server starting to listen on :{port}"))).await);
    let began = proc.sim().wall();
    let accept = http::accept_loop(proc, &listener, |stream| {
        let (own, forced, service) = (proc.clone(), forced.clone(), service.clone());
        async move {
            let checker = own.clone();
            let check = move |asked: &str| {
                let shown = began.strftime("%Y-%m-%d %H:%M:%S%.9f +0000 UTC");
                let text = format!("Serving the Check request for health check, started at {shown}");
                // Its log is written by the one who asked for it to be written.
                let (writer, line) = (checker.clone(), log_line(&checker, &text));
                checker.thread(async move { util::ignore(writer.eprint(&line).await) });
                let age = checker.sim().now().since(started).as_secs();
                let late = u64::try_from(delay).is_ok_and(|delay| age >= delay);
                if asked != service {
                    Health::Error("NotFound", "unknown service".into())
                } else if forced.get() == Some(true) || late {
                    Health::NotServing
                } else {
                    Health::Serving
                }
            };
            grpc::serve(stream, check, |_| std::future::ready(())).await;
        }
    });
    let ended = async { while proc.next_signal().await != Signal::TERM {} };
    proc.set_disposition(Signal::TERM, Disposition::Catch);
    race(ended, accept).await;
    2
}

/// A line as Go's log package writes it.
fn log_line(proc: &Proc, text: &str) -> String {
    format!("{} {text}\n", proc.sim().wall().strftime("%Y/%m/%d %H:%M:%S"))
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
