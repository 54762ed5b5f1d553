//! Python as far as `python3 -m http.server` goes; the language is not simulated. Texts: CPython's http/server.py.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
const VERSION: &str = "3.11.2";
const USAGE: &str = "usage: server.py [-h] [--cgi] [-b ADDRESS] [-d DIRECTORY] [-p VERSION] [port]\n";

struct Options {
    port: u16,
    bind: Option<IpAddr>,
    directory: String,
}

pub async fn main(proc: Proc) -> i32 {
    let version = proc.env("PYTHON_VERSION").unwrap_or_else(|| VERSION.into());
    let argv = proc.argv();
    let words: Vec<&str> = argv.iter().skip(1).map(String::as_str).filter(|word| *word != "-u").collect();
    match words[..] {
        ["-V" | "--version", ..] => util::done(proc.print(&format!("Python {version}\n")).await),
        ["-m", "http.server", ref rest @ ..] => match options(&proc, rest) {
            Ok(options) => serve(&proc, &version, options).await,
            Err(why) => util::fail(&proc, 2, &format!("{USAGE}server.py: error: {why}")).await,
        },
        ["-m", module, ..] => {
            util::fail(&proc, 1, &format!("{}: No module named {module}", util::program_name(&proc))).await
        }
        [file, ..] if !file.starts_with('-') && proc.stat(file).is_err() => {
            let (name, path) = (util::program_name(&proc), proc.absolute(file));
            util::fail(&proc, 2, &format!("{name}: can't open file '{path}': [Errno 2] No such file or directory"))
                .await
        }
        _ => util::fail(&proc, 1, "python3: Python is not simulated; only 'python3 -m http.server' runs").await,
    }
}

fn options(proc: &Proc, words: &[&str]) -> Result<Options, String> {
    let mut options = Options { port: 8000, bind: None, directory: proc.cwd() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let (name, attached) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (*word, None),
        };
        let mut value = |names: &str| {
            attached.or_else(|| words.next().copied()).ok_or(format!("argument {names}: expected one argument"))
        };
        match name {
            "-b" | "--bind" => {
                let text = value("-b/--bind")?;
                options.bind =
                    Some(text.parse().map_err(|_| format!("argument -b/--bind: invalid address: '{text}'"))?);
            }
            "-d" | "--directory" => options.directory = proc.absolute(value("-d/--directory")?),
            "-p" | "--protocol" => drop(value("-p/--protocol")?),
            "--cgi" => {}
            _ if name.starts_with('-') => return Err(format!("unrecognized arguments: {word}")),
            port => {
                options.port = port.parse().map_err(|_| format!("argument port: invalid int value: '{port}'"))?;
            }
        }
    }
    Ok(options)
}

async fn serve(proc: &Proc, version: &str, options: Options) -> i32 {
    let Options { port, bind, directory } = options;
    let host = bind.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    // A signal that Python doesn't handle ends it, but for SIGINT.
    proc.set_disposition(Signal::INT, Disposition::Catch);
    let listener = match proc.net().listen(proc, SocketAddr::new(host, port)) {
        Ok(listener) => listener,
        Err(error) => return util::fail(proc, 1, &format!("OSError: [Errno {}] {error}", error as i32)).await,
    };
    let shown = if host.is_ipv6() { format!("[{host}]") } else { host.to_string() };
    util::ignore(proc.print(&format!("Serving HTTP on {host} port {port} (http://{shown}:{port}/) ...\n")).await);
    let accept = http::accept_loop(proc, &listener, |stream| {
        let client = stream.peer_addr().ip();
        let (proc, version, directory) = (proc.clone(), version.to_string(), directory.clone());
        http::serve(Connection::plain(stream), None, move |request| {
            let (proc, version, directory) = (proc.clone(), version.clone(), directory.clone());
            async move { answer(&proc, &version, &directory, client, &request).await }
        })
    });
    match race(proc.next_signal(), accept).await {
        Either::Left(_interrupt) => {
            util::ignore(proc.print("\nKeyboard interrupt received, exiting.\n").await);
            0
        }
        Either::Right(()) => 1,
    }
}

async fn answer(proc: &Proc, version: &str, root: &str, client: IpAddr, request: &Request) -> Response {
    let base = |status: u16, words: &str| {
        let mut response = Response::new(status);
        (response.minor, response.reason) = (0, words.to_owned().into());
        response.with("Server", format!("SimpleHTTP/0.6 Python/{version}")).with("Date", http::date(proc.sim()))
    };
    let mut logged = Vec::new();
    let response = if !["GET", "HEAD"].contains(&request.method.as_str()) {
        let message = format!("Unsupported method ('{}')", request.method);
        logged.push(format!("code 501, message {message}"));
        error(base(501, &message), &message, "Server does not support this operation.")
    } else {
        match static_files::find(proc, root, &request.target, &["index.html", "index.htm"]).await {
            Found::File { path, data, modified } => {
                let kind = static_files::media_type(&path).unwrap_or("application/octet-stream");
                let length = data.len().to_string();
                let response = base(200, "OK").with("Content-type", kind).with("Content-Length", length);
                let mut response = response.with("Last-Modified", http::format_date(modified));
                response.body = data;
                response
            }
            Found::Directory(names) => listing(base(200, "OK"), request.path(), &names),
            Found::NeedsSlash => {
                let location = format!("{}/", request.path());
                base(301, "Moved Permanently").with("Location", location).with("Content-Length", "0")
            }
            Found::Failed(_) => {
                logged.push("code 404, message File not found".into());
                error(base(404, "File not found"), "File not found", "404 - Nothing matches the given URI.")
            }
        }
    };
    logged.push(format!("\"{} {} HTTP/1.{}\" {} -", request.method, request.target, request.minor, response.status));
    let time = proc.sim().wall().strftime("%d/%b/%Y %H:%M:%S").to_string();
    let client = client.to_canonical();
    let lines: String = logged.iter().map(|line| format!("{client} - - [{time}] {line}\n")).collect();
    util::ignore(proc.eprint(&lines).await);
    // HTTP/1.0: the end of the body is the end of the connection.
    let body = if request.method == "HEAD" { Vec::new() } else { response.body.clone() };
    let mut response = Response { body, ..response };
    if response.headers.get("connection").is_none() {
        response.headers.add("Connection", "close");
    }
    response
}

fn error(response: Response, message: &str, why: &str) -> Response {
    let status = response.status;
    let why = if status == 404 { why.to_string() } else { format!("{status} - {why}") };
    let body = format!(
        "<!DOCTYPE HTML>\n<html lang=\"en\">\n    <head>\n        <meta charset=\"utf-8\">\n        <title>Error \
         response</title>\n    </head>\n    <body>\n        <h1>Error response</h1>\n        <p>Error code: {status}</p>\n        \
         <p>Message: {message}.</p>\n        <p>Error code explanation: {why}</p>\n    </body>\n</html>\n"
    );
    response.with("Connection", "close").with("Content-Type", "text/html;charset=utf-8").body(body)
}

fn listing(response: Response, path: &str, names: &[String]) -> Response {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let title = format!("Directory listing for {}", escape(path));
    let items: String =
        names.iter().map(|name| format!("<li><a href=\"{}\">{}</a></li>\n", escape(name), escape(name))).collect();
    let body = format!(
        "<!DOCTYPE HTML>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n</head>\n<body>\n\
         <h1>{title}</h1>\n<hr>\n<ul>\n{items}</ul>\n<hr>\n</body>\n</html>\n"
    );
    response.with("Content-type", "text/html; charset=utf-8").body(body)
}
