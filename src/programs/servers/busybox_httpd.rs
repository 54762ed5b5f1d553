//! busybox' httpd: serves the files of a directory.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::static_files::{self, Found};
use crate::{
    os::{Proc, process::Group},
    programs::{
        Context,
        net::http::{self, Connection, Request, Response},
        util::{self, Arg, Args},
    },
};

struct Options {
    home: String,
    at: SocketAddr,
    foreground: bool,
    verbose: bool,
}

fn options(proc: &Proc, ctx: &Context) -> Result<Options, util::Usage> {
    let mut args = Args::of(proc, ctx.flavour);
    let at = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 80);
    let mut options = Options { home: proc.cwd(), at, foreground: false, verbose: false };
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Short('f') => options.foreground = true,
            Arg::Short('v') => options.verbose = true,
            Arg::Short('i') => {}
            Arg::Short('h') => options.home = proc.absolute(&args.value()?),
            Arg::Short('c' | 'u' | 'r' | 'M') => drop(args.value()?),
            Arg::Short('p') => {
                let text = args.value()?;
                let (host, port) = text.rsplit_once(':').unwrap_or(("", &text));
                let port = port.parse().map_err(|_| util::Usage(format!("httpd: invalid number '{port}'\n")))?;
                options.at.set_port(port);
                if !host.is_empty() {
                    let ip: IpAddr = host.parse().map_err(|_| util::Usage(format!("httpd: bad address '{text}'\n")))?;
                    options.at.set_ip(ip);
                }
            }
            _ => return Err(args.unknown()),
        }
    }
    Ok(options)
}

pub async fn main(proc: Proc, ctx: Context) -> i32 {
    let options = match options(&proc, &ctx) {
        Ok(options) => options,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    if let Err(error) = proc.chdir(&options.home) {
        return util::fail(&proc, 1, &format!("httpd: can't change directory to '{}': {error}", options.home)).await;
    }
    let listener = match proc.net().listen(&proc, options.at) {
        Ok(listener) => listener,
        Err(error) => return util::fail(&proc, 1, &format!("httpd: bind: {error}")).await,
    };
    let Options { home, verbose, foreground, .. } = options;
    let serve = move |proc: Proc| async move {
        http::accept_loop(&proc, &listener, |stream| {
            let (proc, home, client) = (proc.clone(), home.clone(), stream.peer_addr());
            http::serve(Connection::plain(stream), None, move |request| {
                let (proc, home) = (proc.clone(), home.clone());
                async move { answer(&proc, &home, verbose, client, &request).await }
            })
        })
        .await;
        0
    };
    if foreground {
        return serve(proc.clone()).await;
    }
    proc.fork(Vec::new(), Group::New, serve);
    0
}

async fn answer(proc: &Proc, home: &str, verbose: bool, client: SocketAddr, request: &Request) -> Response {
    let known = ["GET", "HEAD"].contains(&request.method.as_str());
    let mut response = match known {
        false => failure(501, "Not Implemented", "The requested method is not recognized"),
        true => match static_files::find(proc, home, &request.target, &["index.html"]).await {
            Found::File { path, data, modified } => {
                let kind = static_files::media_type(&path).unwrap_or("application/octet-stream");
                let response = Response::new(200).with("Content-type", kind);
                response.with("Last-Modified", http::format_date(modified)).body(data)
            }
            Found::NeedsSlash => failure(302, "Found", "").with("Location", format!("{}/", request.path())),
            Found::Directory(_) | Found::Failed(_) => failure(404, "Not Found", "The requested URL was not found"),
        },
    };
    if verbose {
        let text = format!("[{client}]: url:{}\n[{client}]: response:{}\n", request.path(), response.status);
        util::ignore(proc.eprint(&text).await);
    }
    if request.method == "HEAD" {
        response.body.clear();
    }
    response.with("Date", http::date(proc.sim())).with("Connection", "close")
}

fn failure(status: u16, reason: &str, why: &str) -> Response {
    let body = format!(
        "<HTML><HEAD><TITLE>{status} {reason}</TITLE></HEAD>\n<BODY><H1>{status} {reason}</H1>\n{why}\n</BODY></HTML>\n"
    );
    let mut response = Response::new(status).with("Content-type", "text/html").body(body);
    response.reason = reason.to_owned().into();
    response
}
