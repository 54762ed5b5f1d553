//! ping, as iputils and as busybox words it.

use std::{net::IpAddr, time::Duration};

use super::ip::address;
use crate::{
    os::{Errno, Proc, Signal, process::Disposition},
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Usage},
    },
    sim::{Either, race},
};

struct Options {
    host: String,
    count: Option<u64>,
    interval: Duration,
    /// How long to wait for an answer.
    patience: Duration,
    deadline: Option<Duration>,
    size: usize,
    quiet: bool,
}

fn parse(proc: &Proc, flavour: Flavour) -> Result<Options, Usage> {
    let mut options = Options {
        host: String::new(),
        count: None,
        interval: Duration::from_secs(1),
        patience: Duration::from_secs(10),
        deadline: None,
        size: 56,
        quiet: false,
    };
    let mut args = Args::of(proc, flavour);
    while let Some(arg) = args.next()? {
        let bad = |value: &str| Usage(format!("ping: invalid argument: '{value}'\n"));
        match arg {
            Arg::Value(host) => options.host = host,
            Arg::Short('q') => options.quiet = true,
            Arg::Short('4' | '6' | 'n' | 'A' | 'v') => {}
            Arg::Short(c @ ('c' | 'i' | 'W' | 'w' | 's' | 't' | 'I')) => {
                let value = args.value()?;
                let seconds =
                    || value.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok()).ok_or_else(|| bad(&value));
                match c {
                    'c' => options.count = Some(value.parse().ok().filter(|n| *n > 0).ok_or_else(|| bad(&value))?),
                    'i' => options.interval = seconds()?.max(Duration::from_millis(2)),
                    'W' => options.patience = seconds()?,
                    'w' => options.deadline = Some(seconds()?),
                    's' => options.size = value.parse().ok().filter(|n| *n <= 65_507).ok_or_else(|| bad(&value))?,
                    _ => {}
                }
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
        Err(error) => return util::usage(&proc, error, if busybox { 1 } else { 2 }).await,
    };
    if options.host.is_empty() {
        let text = if busybox {
            &(ctx.banner() + "\nUsage: ping [OPTIONS] HOST\n\nSend ICMP ECHO_REQUESTs to HOST")
        } else {
            "ping: usage error: Destination address required"
        };
        return util::fail(&proc, 1, text).await;
    }
    let host = &options.host;
    let to = match address(&proc, host, 0).await {
        Ok(to) => to,
        Err(_) if busybox => return util::fail(&proc, 1, &format!("ping: bad address '{host}'")).await,
        Err(trouble) => return util::fail(&proc, 2, &format!("ping: {host}: {}", trouble.text())).await,
    };
    let ip = to.ip();
    let opening = if busybox {
        format!("PING {host} ({ip}): {} data bytes\n", options.size)
    } else {
        format!("PING {host} ({ip}) {}({}) bytes of data.\n", options.size, options.size + 28)
    };
    proc.set_disposition(Signal::INT, Disposition::Catch);
    let begun = proc.sim().now();
    if proc.print(&opening).await.is_err() {
        return 1;
    }
    let mut tally = Tally::default();
    let work = echo(&proc, &options, ip, busybox, &mut tally);
    let work = async {
        match options.deadline {
            Some(limit) => proc.sim().timeout(limit, work).await.unwrap_or(Ok(())),
            None => work.await,
        }
    };
    let result = match race(work, proc.next_signal()).await {
        Either::Left(result) => result,
        Either::Right(_) => Ok(()),
    };
    if let Err(error) = result {
        return if busybox {
            util::fail(&proc, 1, &format!("ping: sendto: {error}")).await
        } else {
            util::fail(&proc, 2, &format!("ping: connect: {error}")).await
        };
    }
    let took = proc.sim().now().since(begun);
    util::ignore(proc.print(&tally.summary(host, took, busybox)).await);
    if tally.times.is_empty() { 1 } else { 0 }
}

#[derive(Default)]
struct Tally {
    sent: u64,
    errors: u64,
    times: Vec<Duration>,
}

/// Sends and waits until the count is reached. The error is the first send's.
async fn echo(proc: &Proc, options: &Options, ip: IpAddr, busybox: bool, tally: &mut Tally) -> Result<(), Errno> {
    let source = proc.net().primary();
    while options.count.is_none_or(|count| tally.sent < count) {
        let sent_at = proc.sim().now();
        tally.sent += 1;
        let number = if busybox { tally.sent - 1 } else { tally.sent };
        let bytes = options.size + 8;
        let line = match proc.sim().timeout(options.patience, proc.net().ping(ip)).await {
            Some(Ok(time)) => {
                tally.times.push(time);
                let ttl = if proc.net().network().is_outside(ip) { 56 } else { hops(source, ip) };
                let (key, ms) = if busybox {
                    ("seq", format!("{:.3}", time.as_secs_f64() * 1e3))
                } else {
                    ("icmp_seq", millis(time))
                };
                format!("{bytes} bytes from {ip}: {key}={number} ttl={ttl} time={ms} ms\n")
            }
            Some(Err(Errno::EHOSTUNREACH)) => {
                tally.errors += 1;
                match source {
                    Some(source) if !busybox => {
                        format!("From {source} icmp_seq={number} Destination Host Unreachable\n")
                    }
                    _ => String::new(),
                }
            }
            Some(Err(error)) => return Err(error),
            None => String::new(),
        };
        if !options.quiet && !line.is_empty() && proc.print(&line).await.is_err() {
            return Ok(());
        }
        if options.count.is_none_or(|count| tally.sent < count) {
            proc.sim().sleep_until(sent_at + options.interval).await;
        }
    }
    Ok(())
}

/// The time to live of an answer: each router on the way takes one.
fn hops(source: Option<IpAddr>, to: IpAddr) -> u8 {
    match (source, to) {
        _ if to.is_loopback() || source == Some(to) => 64,
        (Some(IpAddr::V4(a)), IpAddr::V4(b)) if a.octets()[..3] == b.octets()[..3] => 63,
        _ => 62,
    }
}

/// As iputils rounds.
fn millis(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        _ if ms < 1.0 => format!("{ms:.3}"),
        _ if ms < 10.0 => format!("{ms:.2}"),
        _ if ms < 100.0 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}

impl Tally {
    fn summary(&self, host: &str, took: Duration, busybox: bool) -> String {
        let (sent, got) = (self.sent, self.times.len() as u64);
        let lost = ((sent - got) * 100).checked_div(sent).unwrap_or(0);
        let ms: Vec<f64> = self.times.iter().map(|t| t.as_secs_f64() * 1e3).collect();
        let least = ms.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ms.iter().copied().fold(0.0, f64::max);
        let mean = ms.iter().sum::<f64>() / ms.len().max(1) as f64;
        let head = format!("\n--- {host} ping statistics ---\n{sent} packets transmitted, ");
        if busybox {
            let mut text = format!("{head}{got} packets received, {lost}% packet loss\n");
            if !ms.is_empty() {
                text.push_str(&format!("round-trip min/avg/max = {least:.3}/{mean:.3}/{most:.3} ms\n"));
            }
            return text;
        }
        let errors = if self.errors > 0 { format!("+{} errors, ", self.errors) } else { String::new() };
        let mut text = format!("{head}{got} received, {errors}{lost}% packet loss, time {}ms\n", took.as_millis());
        if ms.is_empty() {
            text.push('\n');
        } else {
            let deviation = (ms.iter().map(|m| m * m).sum::<f64>() / ms.len() as f64 - mean * mean).max(0.0).sqrt();
            text.push_str(&format!("rtt min/avg/max/mdev = {least:.3}/{mean:.3}/{most:.3}/{deviation:.3} ms\n"));
        }
        text
    }
}
