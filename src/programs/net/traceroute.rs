//! traceroute, in busybox' and in Debian's words. On the way to another network lies its gateway; what lies behind that
//! doesn't answer.

use std::{net::IpAddr, time::Duration};

use super::ip::address;
use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Usage},
    },
};

struct Options {
    host: Option<String>,
    numeric: bool,
    hops: u32,
    probes: u32,
    patience: Duration,
}

fn parse(proc: &Proc, flavour: Flavour) -> Result<Options, Usage> {
    let mut options = Options { host: None, numeric: false, hops: 30, probes: 3, patience: Duration::from_secs(5) };
    let mut args = Args::of(proc, flavour);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Value(host) if options.host.is_none() => options.host = Some(host),
            // The size of a packet.
            Arg::Value(_) => {}
            Arg::Short('n') => options.numeric = true,
            Arg::Short('I' | 'T' | 'U' | '4' | 'F' | 'r' | 'v' | 'l') => {}
            Arg::Short(letter @ ('m' | 'q' | 'w' | 'f' | 'p' | 's' | 't' | 'i' | 'g' | 'z')) => {
                let value = args.value()?;
                let bad = || Usage(format!("traceroute: invalid number '{value}'\n"));
                match letter {
                    'm' => options.hops = value.parse().ok().filter(|n| (1..=255).contains(n)).ok_or_else(bad)?,
                    'q' => options.probes = value.parse().ok().filter(|n| (1..=10).contains(n)).ok_or_else(bad)?,
                    'w' => {
                        let seconds = value.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
                        options.patience = seconds.ok_or_else(bad)?;
                    }
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
    let Some(host) = &options.host else {
        let text = match busybox {
            true => &(ctx.banner() + "\nUsage: traceroute [OPTIONS] HOST [BYTES]"),
            false => "Usage:\n  traceroute [ options ] host [ packetlen ]",
        };
        return util::fail(&proc, if busybox { 1 } else { 2 }, text).await;
    };
    let to = match address(&proc, host, 0).await {
        Ok(to) => to.ip(),
        Err(_) if busybox => return util::fail(&proc, 1, &format!("traceroute: bad address '{host}'")).await,
        Err(trouble) => {
            let text = format!(
                "{host}: {}\nCannot handle \"host\" cmdline arg `{host}' on position 1 (argc 1)",
                trouble.text()
            );
            return util::fail(&proc, 2, &text).await;
        }
    };
    let bytes = if busybox { 46 } else { 60 };
    let title = format!("traceroute to {host} ({to}), {} hops max, {bytes} byte packets\n", options.hops);
    if proc.print(&title).await.is_err() {
        return 1;
    }
    let shown = |ip: IpAddr, name: &str| if options.numeric { ip.to_string() } else { format!("{name} ({ip})") };
    let mut hop = 0;
    if let Some(gateway) = gateway(&proc, to) {
        hop += 1;
        let times = "  0.050 ms".repeat(options.probes as usize);
        let line = format!("{hop:2}  {}{times}\n", shown(gateway, &gateway.to_string()));
        if proc.print(&line).await.is_err() {
            return 1;
        }
    }
    while hop < options.hops {
        hop += 1;
        let (mut text, mut answered, mut named) = (format!("{hop:2}"), false, false);
        for _ in 0..options.probes {
            let answer = proc.sim().timeout(options.patience, proc.net().ping(to)).await;
            match answer {
                Some(Ok(time)) => {
                    if !named {
                        text += &format!("  {}", shown(to, host));
                        named = true;
                    }
                    answered = true;
                    text += &format!("  {:.3} ms", time.as_secs_f64() * 1000.0);
                }
                // Somebody on the way says so.
                Some(Err(_)) => {
                    answered = true;
                    text += "  !H";
                }
                None => text += if busybox { "  *" } else { " *" },
            }
        }
        if !busybox {
            text = text.replacen(" *", "  *", usize::from(!named));
        }
        if proc.print(&format!("{text}\n")).await.is_err() {
            return 1;
        }
        if answered {
            break;
        }
    }
    0
}

/// The router that packets to `to` pass first; `None` if it is on a network of ours.
fn gateway(proc: &Proc, to: IpAddr) -> Option<IpAddr> {
    let IpAddr::V4(wanted) = to else { return None };
    let near = |prefix: u8, own: IpAddr| match own {
        IpAddr::V4(own) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            u32::from(own) & mask == u32::from(wanted) & mask
        }
        IpAddr::V6(_) => false,
    };
    let on_link = proc.net().interfaces().iter().any(|i| near(i.prefix, i.addr));
    proc.net().gateway().filter(|gateway| !on_link && *gateway != to)
}
