//! nslookup, dig, host: questions to a name server. None answers yet, so each waits and gives up as
//! the real ones do, unless the question is about an address that the program can answer itself.

use std::{net::IpAddr, time::Duration};

use super::resolve;
use crate::{
    os::Proc,
    programs::{Context, Flavour, util},
};

/// The server to ask and what to ask it.
struct Question {
    server: IpAddr,
    name: String,
    short: bool,
}

/// `[OPTION]... NAME [SERVER]`, with `@SERVER` as dig has it. `Err` is the name of a server that can't be found.
async fn question(proc: &Proc) -> Result<Option<Question>, String> {
    let mut server = None;
    let mut names = Vec::new();
    let mut short = false;
    for arg in proc.argv().iter().skip(1) {
        if let Some(host) = arg.strip_prefix('@') {
            server = Some(host.to_owned());
        } else if arg.starts_with('+') {
            short |= arg == "+short";
        } else if !arg.starts_with('-') && !matches!(arg.as_str(), "A" | "AAAA" | "SRV" | "ANY" | "TXT" | "PTR") {
            names.push(arg.clone());
        }
    }
    let mut names = names.into_iter();
    let name = names.next();
    server = server.or(names.next());
    let server = match server {
        None => resolve::servers(proc).await.into_iter().next(),
        Some(host) => match resolve::resolve(proc, &host).await.into_iter().next() {
            Some(ip) => Some(ip),
            None => return Err(host),
        },
    };
    Ok(name.zip(server).map(|(name, server)| Question { server, name, short }))
}

pub async fn nslookup(proc: Proc, ctx: Context) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let question = match question(&proc).await {
        Ok(Some(question)) => question,
        Ok(None) => {
            let text = if busybox {
                "BusyBox v1.37.0 multi-call binary.\n\nUsage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]"
            } else {
                "nslookup: interactive mode is not simulated"
            };
            return util::fail(&proc, 1, text).await;
        }
        Err(host) if busybox => return util::fail(&proc, 1, &format!("nslookup: bad address '{host}'")).await,
        Err(host) => {
            let text = format!("nslookup: couldn't get address for '{host}': not found");
            return util::fail(&proc, 1, &text).await;
        }
    };
    if busybox {
        // Two tries of five seconds.
        proc.sleep(Duration::from_secs(10)).await;
        util::ignore(proc.print(";; connection timed out; no servers could be reached\n\n").await);
        return 1;
    }
    util::ignore(gave_up(&proc, &question).await);
    util::ignore(proc.print(";; no servers could be reached\n\n\n").await);
    1
}

/// Three tries of five seconds, as BIND's tools report them.
async fn gave_up(proc: &Proc, question: &Question) -> Result<(), crate::os::Errno> {
    for _ in 0..3 {
        proc.sleep(Duration::from_secs(5)).await;
        proc.print(&format!(";; communications error to {}#53: timed out\n", question.server)).await?;
    }
    Ok(())
}

pub async fn dig(proc: Proc) -> i32 {
    let question = match question(&proc).await {
        Ok(Some(question)) => question,
        Ok(None) => return util::fail(&proc, 1, "dig: a name is needed").await,
        Err(host) => return util::fail(&proc, 10, &format!("dig: couldn't get address for '{host}': not found")).await,
    };
    util::ignore(gave_up(&proc, &question).await);
    let banner = format!("\n; <<>> DiG 9.18.33-1~deb12u2-Debian <<>> {}\n;; global options: +cmd\n", question.name);
    let banner = if question.short { "" } else { &banner };
    util::ignore(proc.print(&format!("{banner};; no servers could be reached\n")).await);
    9
}

pub async fn host(proc: Proc) -> i32 {
    match question(&proc).await {
        Ok(Some(question)) => {
            util::ignore(gave_up(&proc, &question).await);
            util::ignore(proc.print(";; no servers could be reached\n").await);
            1
        }
        Ok(None) => util::fail(&proc, 1, "Usage: host [OPTION]... NAME [SERVER]").await,
        Err(name) => util::fail(&proc, 1, &format!("host: couldn't get address for '{name}': not found")).await,
    }
}

/// `getent hosts NAME`: what the resolver knows.
pub async fn getent(proc: Proc) -> i32 {
    let argv = proc.argv();
    let database = argv.get(1).map(String::as_str);
    match (database, argv.get(2)) {
        (Some("hosts" | "ahosts" | "ahostsv4"), Some(name)) => {
            let found = resolve::resolve(&proc, name).await;
            let text: String = found.iter().map(|ip| format!("{:<15} {name}\n", ip.to_string())).collect();
            util::ignore(proc.print(&text).await);
            if found.is_empty() { 2 } else { 0 }
        }
        (Some("hosts"), None) => {
            let lines = resolve::hosts(&proc).await;
            let text: String =
                lines.iter().map(|(ip, names)| format!("{:<15} {}\n", ip.to_string(), names.join(" "))).collect();
            util::done(proc.print(&text).await)
        }
        (Some("passwd" | "group"), key) => {
            let file = format!("/etc/{}", database.unwrap_or_default());
            let text = proc.read_file(&file).await.map(util::text).unwrap_or_default();
            let wanted = |line: &&str| key.is_none_or(|k| line.split(':').next() == Some(k.as_str()));
            let text: String = text.lines().filter(wanted).map(|l| format!("{l}\n")).collect();
            util::ignore(proc.print(&text).await);
            if text.is_empty() { 2 } else { 0 }
        }
        (Some(other), _) => util::fail(&proc, 1, &format!("Unknown database: {other}")).await,
        (None, _) => util::fail(&proc, 1, "getent: wrong number of arguments").await,
    }
}
