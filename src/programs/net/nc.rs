//! nc, as OpenBSD's and as busybox'.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::{ip::address, sockets::service};
use crate::{
    os::{Errno, File, Proc, TcpStream},
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Usage},
    },
    sim::{Either, race},
};

#[derive(Default)]
struct Options {
    listen: bool,
    keep: bool,
    scan: bool,
    verbose: bool,
    /// Half-close at the end of stdin.
    finish: bool,
    no_stdin: bool,
    udp: bool,
    unix: bool,
    port: Option<u16>,
    wait: Option<Duration>,
    /// After the end of stdin.
    linger: Option<Duration>,
    source: Option<IpAddr>,
    program: Vec<String>,
    operands: Vec<String>,
}

const USAGE: &str = "usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]\n\t  [-m minttl] [-O length] [-P \
                     proxy_username] [-p source_port]\n\t  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W \
                     recvlimit]\n\t  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]\n\t  [destination] [port]";

const BUSYBOX_USAGE: &str = "\nUsage: nc [OPTIONS] HOST PORT  - connect\nnc [OPTIONS] -l -p \
                             PORT [HOST] [PORT]  - listen";

fn parse(proc: &Proc, flavour: Flavour) -> Result<Options, Usage> {
    let mut options = Options::default();
    let mut args = Args::of(proc, flavour);
    while let Some(arg) = args.next()? {
        let seconds = |value: String| {
            let parsed = value.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
            parsed.ok_or_else(|| Usage(format!("nc: invalid number '{value}'\n")))
        };
        match arg {
            Arg::Value(value) => options.operands.push(value),
            Arg::Short('l') => {
                options.keep |= options.listen && flavour == Flavour::Busybox;
                options.listen = true;
            }
            Arg::Short('k') => options.keep = true,
            Arg::Short('z') => options.scan = true,
            Arg::Short('v') => options.verbose = true,
            Arg::Short('N') => options.finish = true,
            Arg::Short('d') => options.no_stdin = true,
            Arg::Short('u') => options.udp = true,
            Arg::Short('U') => options.unix = true,
            Arg::Short('n' | '4' | '6' | 'C' | 'D' | 't' | 'r') => {}
            Arg::Short('p') => {
                let value = args.value()?;
                options.port = Some(value.parse().map_err(|_| Usage(format!("nc: port number invalid: {value}\n")))?);
            }
            Arg::Short('w') => options.wait = Some(seconds(args.value()?)?),
            Arg::Short('q') => options.linger = Some(seconds(args.value()?)?),
            Arg::Short('i') => {
                seconds(args.value()?)?;
            }
            Arg::Short('s') => {
                let value = args.value()?;
                let source = value.parse().map_err(|_| Usage(format!("nc: bad address '{value}'\n")))?;
                options.source = Some(source);
            }
            Arg::Short('e') if flavour == Flavour::Busybox => {
                options.program.push(args.value()?);
                options.program.append(&mut args.remaining());
            }
            _ => return Err(args.unknown()),
        }
    }
    Ok(options)
}

pub async fn main(proc: Proc, ctx: Context) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let options = match parse(&proc, ctx.flavour) {
        Ok(options) => options,
        Err(error) => return util::usage(&proc, error, 1).await,
    };
    if options.udp || options.unix {
        let kind = if options.udp { "UDP" } else { "Unix domain sockets" };
        return util::fail(&proc, 1, &format!("nc: {kind}: not simulated")).await;
    }
    if options.listen {
        return listen(&proc, &ctx, &options).await;
    }
    let [host, ports] = options.operands.as_slice() else {
        let usage = if busybox { &(ctx.banner() + BUSYBOX_USAGE) } else { USAGE };
        return util::fail(&proc, 1, usage).await;
    };
    let Some((first, last)) = port_range(ports) else {
        let text =
            if busybox { format!("nc: bad port '{ports}'") } else { format!("nc: port number invalid: {ports}") };
        return util::fail(&proc, 1, &text).await;
    };
    let mut code = 1;
    for port in first..=last {
        match connect(&proc, &options, host, port, busybox).await {
            Ok(stream) => {
                code = 0;
                if !options.scan {
                    return relay(&proc, &options, stream, busybox).await;
                }
            }
            Err(Stop::Refused) => {}
            Err(Stop::Unknown) => return 1,
        }
    }
    code
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |t: &str| t.parse::<u16>().ok().or_else(|| (1..=u16::MAX).find(|p| service(*p) == Some(t)));
    let (first, last) = (number(first)?, number(last)?);
    (first > 0 && first <= last).then_some((first, last))
}

enum Stop {
    Refused,
    Unknown,
}

async fn connect(proc: &Proc, options: &Options, host: &str, port: u16, busybox: bool) -> Result<TcpStream, Stop> {
    let to = match address(proc, host, port).await {
        Ok(to) => to,
        Err(trouble) => {
            let text = if busybox {
                format!("nc: bad address '{host}'")
            } else {
                format!("nc: getaddrinfo for host \"{host}\" port {port}: {}", trouble.text())
            };
            util::fail(proc, 1, &text).await;
            return Err(Stop::Unknown);
        }
    };
    let attempt = proc.net().connect(Some(proc), to);
    let result = match options.wait.filter(|w| !w.is_zero()) {
        Some(limit) => proc.sim().timeout(limit, attempt).await.unwrap_or(Err(Errno::ETIMEDOUT)),
        None => attempt.await,
    };
    let name = if host == to.ip().to_string() { host.to_owned() } else { format!("{host} ({})", to.ip()) };
    match result {
        Ok(stream) => {
            if options.verbose {
                let text = if busybox {
                    format!("{host} ({to}) open\n")
                } else {
                    let service = service(port).unwrap_or("*");
                    format!("Connection to {name} {port} port [tcp/{service}] succeeded!\n")
                };
                util::ignore(proc.eprint(&text).await);
            }
            Ok(stream)
        }
        Err(error) => {
            let text = if busybox {
                if options.verbose {
                    format!("nc: {host} ({to}): {error}\n")
                } else {
                    format!("nc: can't connect to remote host ({}): {error}\n", to.ip())
                }
            } else {
                format!("nc: connect to {name} port {port} (tcp) failed: {error}\n")
            };
            if options.verbose || (busybox && !options.scan) {
                util::ignore(proc.eprint(&text).await);
            }
            Err(Stop::Refused)
        }
    }
}

async fn listen(proc: &Proc, ctx: &Context, options: &Options) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let operand = options.operands.last().and_then(|o| o.parse().ok());
    let Some(port) = options.port.or(operand) else {
        let usage = if busybox { &(ctx.banner() + BUSYBOX_USAGE) } else { USAGE };
        return util::fail(proc, 1, usage).await;
    };
    let here = match options.operands.as_slice() {
        [host, _] => host.parse().ok(),
        _ => None,
    };
    let ip = options.source.or(here).unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let listener = match proc.net().listen(proc, SocketAddr::new(ip, port)) {
        Ok(listener) => listener,
        Err(error) => {
            let text = if busybox { format!("nc: bind: {error}") } else { format!("nc: {error}") };
            return util::fail(proc, 1, &text).await;
        }
    };
    if options.verbose {
        let at = listener.local_addr();
        let text = if busybox {
            format!("listening on {at} ...\n")
        } else {
            format!("Listening on {} {}\n", at.ip(), at.port())
        };
        util::ignore(proc.eprint(&text).await);
    }
    loop {
        let Ok(stream) = listener.accept().await else { return 1 };
        if options.verbose {
            let peer = stream.peer_addr();
            let text = if busybox {
                format!("connect to {} from {peer}\n", stream.local_addr())
            } else {
                format!("Connection received on {} {}\n", peer.ip(), peer.port())
            };
            util::ignore(proc.eprint(&text).await);
        }
        let code = if options.program.is_empty() {
            relay(proc, options, stream, busybox).await
        } else {
            serve(proc, options, stream).await
        };
        if !options.keep {
            return code;
        }
    }
}

/// Copies both ways until the peer has finished.
async fn relay(proc: &Proc, options: &Options, stream: TcpStream, busybox: bool) -> i32 {
    let receive = async {
        loop {
            let read = stream.read(64 * 1024);
            let data = match options.wait.filter(|w| !w.is_zero()) {
                Some(limit) => match proc.sim().timeout(limit, read).await {
                    Some(data) => data,
                    None => return 0,
                },
                None => read.await,
            };
            match data {
                Ok(data) if data.is_empty() => return 0,
                Ok(data) if util::write_out(proc, &data).await.is_ok() => {}
                _ => return 1,
            }
        }
    };
    let send = async {
        if !options.no_stdin {
            let stdin = proc.stdin();
            loop {
                match stdin.read(64 * 1024).await {
                    Ok(data) if !data.is_empty() => {
                        if stream.write_all(&data).await.is_err() {
                            return;
                        }
                    }
                    _ => break,
                }
            }
            if options.finish || busybox {
                stream.shutdown();
            }
            if let Some(linger) = options.linger {
                proc.sleep(linger).await;
                return;
            }
        }
        std::future::pending().await
    };
    // Sending goes first, so that what is at hand is sent even to a peer that has finished.
    match race(send, receive).await {
        Either::Left(()) => 0,
        Either::Right(code) => code,
    }
}

/// `-e PROGRAM`: the connection is its stdin and stdout, by way of two pipes.
async fn serve(proc: &Proc, options: &Options, stream: TcpStream) -> i32 {
    let ((to_child, input), (output, from_child)) = {
        let (read, write) = proc.pipe();
        let (out_read, out_write) = proc.pipe();
        ((read, write), (out_read, out_write))
    };
    let fds = vec![(0, to_child), (1, from_child)];
    let pid = match proc.spawn(&options.program, proc.environ(), fds, crate::os::process::Group::Inherit) {
        Ok(pid) => pid,
        Err(error) => {
            let name = options.program.first().map_or("", String::as_str);
            return util::fail(proc, 1, &format!("nc: can't execute '{name}': {error}")).await;
        }
    };
    let incoming = stream.clone();
    proc.thread(feed(incoming, input));
    while let Ok(data) = output.read(64 * 1024).await {
        if data.is_empty() || stream.write_all(&data).await.is_err() {
            break;
        }
    }
    stream.shutdown();
    proc.wait(pid).await.map_or(1, |status| status.code())
}

async fn feed(stream: TcpStream, input: File) {
    while let Ok(data) = stream.read(64 * 1024).await {
        if data.is_empty() || input.write_all(&data).await.is_err() {
            return;
        }
    }
}
