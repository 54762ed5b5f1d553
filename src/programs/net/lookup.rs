//! nslookup, dig, host, getent: questions to a name server, and its answers in the words of BIND's tools and busybox.

use std::net::{IpAddr, SocketAddr};

use super::{
    dns::{self, Code, Data, Kind, Message, Record, Silence},
    resolve::{self, Config},
};
use crate::{
    os::{Errno, Proc},
    programs::{Context, Flavour, util},
};

/// The server to ask and what to ask it.
struct Question {
    server: SocketAddr,
    /// As it was given.
    server_name: Option<String>,
    name: String,
    kind: Option<Kind>,
    short: bool,
    search: bool,
    reverse: bool,
    tcp: bool,
    config: Config,
}

/// `[OPTION]... NAME [SERVER]`, with `@SERVER` and types as dig has them. `Err` is the name of a server that can't be
/// found.
async fn question(proc: &Proc) -> Result<Option<Question>, String> {
    let (mut server, mut names, mut kind) = (None, Vec::new(), None);
    let (mut short, mut search, mut reverse, mut tcp) = (false, false, false, false);
    let argv = proc.argv();
    let mut args = argv.iter().skip(1);
    while let Some(arg) = args.next() {
        if let Some(host) = arg.strip_prefix('@') {
            server = Some(host.to_owned());
        } else if arg.starts_with('+') {
            short |= arg == "+short";
            search |= arg == "+search";
            tcp |= matches!(arg.as_str(), "+tcp" | "+vc");
        } else if let Some(wanted) = ["-type=", "-query=", "-q="].iter().find_map(|option| arg.strip_prefix(option)) {
            kind = Kind::parse(wanted);
        } else if arg == "-t" {
            kind = args.next().and_then(|wanted| Kind::parse(wanted));
        } else if arg == "-T" {
            tcp = true;
        } else if arg == "-x" {
            reverse = true;
        } else if arg.starts_with('-') && arg.len() > 1 {
            continue;
        } else if let Some(wanted) = Kind::parse(arg).filter(|_| !names.is_empty() || argv.len() > 2) {
            kind = Some(wanted);
        } else {
            names.push(arg.clone());
        }
    }
    let mut names = names.into_iter();
    let name = names.next();
    server = server.or(names.next());
    let config = Config::read(proc).await;
    let ip = match &server {
        None => config.servers.first().copied(),
        Some(host) => match resolve::resolve(proc, host).await.into_iter().next() {
            Some(ip) => Some(ip),
            None => return Err(host.clone()),
        },
    };
    Ok(name.zip(ip).map(|(name, ip)| Question {
        server: SocketAddr::new(ip, dns::PORT),
        server_name: server,
        name,
        kind,
        short,
        search,
        reverse,
        tcp,
        config,
    }))
}

impl Question {
    async fn ask(&self, proc: &Proc, name: &str, kind: Kind, cookie: bool) -> Result<Message, Silence> {
        let mut question = Message::question(resolve::id(proc), name, kind);
        if cookie {
            let words = [1u64, 2, 3, 4].map(|n| resolve::id(proc).wrapping_mul(n as u16 * 2 + 1).to_be_bytes());
            let mut bytes = [0; 8];
            words.iter().flatten().zip(&mut bytes).for_each(|(from, to)| *to = *from);
            question.cookie = Some(bytes);
        }
        if self.tcp {
            return dns::ask_over_tcp(proc, self.server, &question, self.config.timeout).await;
        }
        dns::ask(proc.sim(), proc.net(), Some(proc), self.server, &question, self.config.timeout).await
    }

    /// As BIND's tools ask: three times, each failure told.
    async fn ask_thrice(&self, proc: &Proc, name: &str, kind: Kind, cookie: bool) -> Option<Message> {
        for _ in 0..3 {
            match self.ask(proc, name, kind, cookie).await {
                Ok(answer) => return Some(answer),
                Err(silence) => {
                    let why = match silence {
                        Silence::TimedOut => "timed out".to_string(),
                        Silence::Failed(error) => error.text().to_lowercase(),
                    };
                    let server = self.server.ip();
                    let text = match silence {
                        Silence::Failed(_) if self.tcp => {
                            let given = self.server_name.clone().unwrap_or_else(|| server.to_string());
                            format!(
                                ";; Connection to {server}#53({given}) for {name} failed: {why}.\n;; no servers could be \
                                 reached\n"
                            )
                        }
                        _ => format!(";; communications error to {server}#53: {why}\n"),
                    };
                    util::ignore(proc.print(&text).await);
                }
            }
        }
        None
    }

    /// The first name of the search list that exists, else the last answer.
    async fn searched(&self, proc: &Proc, kind: Kind, told: &mut Vec<Message>) -> Option<(String, Message)> {
        let mut last = None;
        for name in self.config.candidates(&self.name) {
            let answer = self.ask_thrice(proc, &name, kind, false).await?;
            let found = answer.code != Code::NxDomain;
            told.push(answer.clone());
            last = Some((name, answer));
            if found {
                break;
            }
        }
        last
    }
}

pub async fn nslookup(proc: Proc, ctx: Context) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let question = match question(&proc).await {
        Ok(Some(question)) => question,
        Ok(None) => {
            let text = if busybox {
                match ctx.busybox() < (1, 29) {
                    true => &(ctx.banner() + "\nUsage: nslookup [HOST] [SERVER]"),
                    false => &(ctx.banner() + "\nUsage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]"),
                }
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
    if busybox && ctx.busybox() < (1, 29) {
        return old_nslookup(&proc, &question).await;
    }
    let asked = if busybox { busybox_nslookup(&proc, &question).await } else { bind_nslookup(&proc, &question).await };
    asked.unwrap_or(1)
}

/// One line of an answer, as both nslookups show it; `dot` ends names.
fn shown(record: &Record, dot: &str) -> String {
    let name = &record.name;
    match &record.data {
        Data::A(ip) => format!("Name:\t{name}\nAddress: {ip}\n"),
        Data::Cname(target) => format!("{name}\tcanonical name = {target}{dot}\n"),
        Data::Ptr(target) => format!("{name}\tname = {target}{dot}\n"),
        Data::Srv { priority, weight, port, target } => {
            format!("{name}\tservice = {priority} {weight} {port} {target}{dot}\n")
        }
        Data::Soa { .. } => String::new(),
    }
}

async fn busybox_nslookup(proc: &Proc, question: &Question) -> Result<i32, Errno> {
    let literal = resolve::literal(&question.name);
    let (names, kinds) = match literal {
        Some(ip) => (vec![dns::reverse(ip)], vec![Kind::Ptr]),
        // Whatever has a dot is taken as it is.
        None if question.name.contains('.') || question.config.search.is_empty() => {
            (vec![question.name.clone()], question.kind.map_or(vec![Kind::A, Kind::Aaaa], |kind| vec![kind]))
        }
        None => {
            let searched = question.config.search.iter().map(|domain| format!("{}.{domain}", question.name));
            (searched.collect(), question.kind.map_or(vec![Kind::A, Kind::Aaaa], |kind| vec![kind]))
        }
    };
    let (mut text, mut code) = (String::new(), 0);
    for kind in kinds {
        for name in &names {
            let mut answer = Err(Silence::TimedOut);
            for _ in 0..question.config.attempts {
                answer = question.ask(proc, name, kind, false).await;
                if answer != Err(Silence::TimedOut) {
                    break;
                }
            }
            let answer = match answer {
                Ok(answer) => answer,
                Err(silence) => {
                    if let Silence::Failed(error) = silence {
                        let server = question.server.ip();
                        proc.eprint(&format!("nslookup: write to '{server}': {}\n", error.text())).await?;
                    }
                    proc.print(";; connection timed out; no servers could be reached\n\n").await?;
                    return Ok(1);
                }
            };
            if answer.code != Code::NoError {
                text += &format!("** server can't find {name}: {}\n\n", answer.code.name());
                code = 1;
                continue;
            }
            if !answer.authoritative && !answer.answers.is_empty() {
                text += "Non-authoritative answer:\n";
            }
            answer.answers.iter().for_each(|record| text += &shown(record, ""));
            text.push('\n');
        }
    }
    proc.print(&format!("Server:\t\t{}\nAddress:\t{}\n\n{text}", question.server.ip(), question.server)).await?;
    Ok(code)
}

/// As busybox had it up to 1.28: it asks the C library's resolver, for the server's name too.
async fn old_nslookup(proc: &Proc, question: &Question) -> i32 {
    let server = question.server.ip().to_string();
    let mut text = old_entry(proc, question, "Server:", &server).await.unwrap_or_default();
    text.push('\n');
    util::ignore(proc.print(&text).await);
    match old_entry(proc, question, "Name:", &question.name).await {
        Some(text) => util::done(proc.print(&text).await),
        None => util::fail(proc, 1, &format!("nslookup: can't resolve '{}'", question.name)).await,
    }
}

/// A host with its addresses, each with the name it has in turn; `None` if there is none.
async fn old_entry(proc: &Proc, question: &Question, heading: &str, host: &str) -> Option<String> {
    let known = resolve::hosts(proc).await;
    let mut ips: Vec<IpAddr> = resolve::literal(host).into_iter().collect();
    if ips.is_empty() {
        let has = |names: &[String]| names.iter().any(|name| name.eq_ignore_ascii_case(host));
        ips.extend(known.iter().filter(|(_, names)| has(names)).map(|(ip, _)| *ip));
    }
    if ips.is_empty() {
        for name in question.config.candidates(host) {
            let Some(answer) = old_ask(proc, question, &name, Kind::A).await else { break };
            if answer.code == Code::NoError && !answer.addresses().is_empty() {
                ips = answer.addresses();
                break;
            }
        }
    }
    if ips.is_empty() {
        return None;
    }
    let mut text = format!("{heading:<10} {host}\n");
    for (n, ip) in ips.iter().enumerate() {
        let own = known.iter().find(|(known, _)| known == ip).and_then(|(_, names)| names.first().cloned());
        let name = match own {
            Some(name) => Some(name),
            None => {
                let answer = old_ask(proc, question, &dns::reverse(*ip), Kind::Ptr).await;
                answer.and_then(|answer| {
                    answer.answers.iter().find_map(|record| match &record.data {
                        Data::Ptr(target) => Some(target.clone()),
                        _ => None,
                    })
                })
            }
        };
        let name = name.map(|name| format!(" {name}")).unwrap_or_default();
        text += &format!("Address {}: {ip}{name}\n", n + 1);
    }
    Some(text)
}

async fn old_ask(proc: &Proc, question: &Question, name: &str, kind: Kind) -> Option<Message> {
    for _ in 0..question.config.attempts {
        match question.ask(proc, name, kind, false).await {
            Ok(answer) => return Some(answer),
            Err(Silence::TimedOut) => {}
            Err(Silence::Failed(_)) => return None,
        }
    }
    None
}

const NO_RECURSION: &str = ";; Got recursion not available from";

async fn bind_nslookup(proc: &Proc, question: &Question) -> Result<i32, Errno> {
    const SILENT: &str = ";; no servers could be reached\n\n";
    let server = question.server.ip();
    let warn = |told: &[Message]| {
        let bare = told.iter().filter(|answer| !answer.recursion_available).count();
        format!("{NO_RECURSION} {server}\n").repeat(bare)
    };
    let header = format!("Server:\t\t{server}\nAddress:\t{server}#53\n\n");
    if let Some(ip) = resolve::literal(&question.name) {
        let name = dns::reverse(ip);
        let Some(answer) = question.ask_thrice(proc, &name, Kind::Ptr, false).await else {
            proc.print(SILENT).await?;
            return Ok(1);
        };
        if answer.code != Code::NoError {
            proc.print(&format!("** server can't find {name}: {}\n\n", answer.code.name())).await?;
            return Ok(1);
        }
        let lines: String = answer.answers.iter().map(|record| shown(record, ".")).collect();
        proc.print(&format!("{lines}\nAuthoritative answers can be found from:\n\n")).await?;
        return Ok(0);
    }
    let kind = question.kind.unwrap_or(Kind::A);
    let mut told = Vec::new();
    let Some((name, answer)) = question.searched(proc, kind, &mut told).await else {
        proc.print(SILENT).await?;
        return Ok(1);
    };
    let mut text = warn(&told);
    text += &header;
    if answer.code != Code::NoError {
        proc.print(&format!("{text}** server can't find {}: {}\n\n", question.name, answer.code.name())).await?;
        return Ok(1);
    }
    if !answer.authoritative && !answer.answers.is_empty() {
        text += "Non-authoritative answer:\n";
    }
    if answer.answers.is_empty() {
        text += &format!("*** Can't find {}: No answer\n", question.name);
    }
    answer.answers.iter().for_each(|record| text += &shown(record, "."));
    // An alias is followed, and both kinds of addresses are asked for.
    let alias = answer.answers.iter().rev().find_map(|record| match &record.data {
        Data::Cname(target) => Some(target.clone()),
        _ => None,
    });
    let asked = alias.clone().filter(|_| answer.addresses().is_empty()).unwrap_or(name);
    if question.kind.is_none()
        && let Some(more) = question.ask_thrice(proc, &asked, Kind::Aaaa, false).await
    {
        if more.code != Code::NoError {
            proc.print(&format!("{text}** server can't find {asked}: {}\n\n", more.code.name())).await?;
            return Ok(1);
        }
        text += &warn(&[more]);
    }
    proc.print(&format!("{text}\n")).await?;
    Ok(0)
}

/// Words at columns, with tabs where they lead on and a blank where the column is passed.
fn columns(words: &[&str], stops: &[usize]) -> String {
    let (mut line, mut at) = (String::new(), 0);
    for (n, word) in words.iter().enumerate() {
        line.push_str(word);
        at += word.len();
        let Some(stop) = stops.get(n) else { break };
        let to = (*stop).max(at + 1);
        let tabs = to / 8 - at / 8;
        line.push_str(&"\t".repeat(tabs));
        let begin = if tabs > 0 { to / 8 * 8 } else { at };
        line.push_str(&" ".repeat(to - begin));
        at = to;
    }
    line
}

fn record_line(record: &Record) -> String {
    let (name, ttl) = (format!("{}.", record.name), record.ttl.to_string());
    columns(&[&name, &ttl, "IN", record.data.kind().name(), &record.data.text()], &[24, 32, 40, 48]) + "\n"
}

pub async fn dig(proc: Proc) -> i32 {
    let question = match question(&proc).await {
        Ok(Some(question)) => question,
        Ok(None) => return util::fail(&proc, 1, "dig: a name is needed").await,
        Err(host) => return util::fail(&proc, 10, &format!("dig: couldn't get address for '{host}': not found")).await,
    };
    let given: Vec<String> = proc.argv().iter().skip(1).cloned().collect();
    let banner = format!("\n; <<>> DiG 9.18.33-1~deb12u2-Debian <<>> {}\n", given.join(" "));
    let (mut name, mut kind) = (question.name.trim_end_matches('.').to_ascii_lowercase(), question.kind);
    if let Some(ip) = resolve::literal(&question.name).filter(|_| question.reverse) {
        (name, kind) = (dns::reverse(ip), Some(Kind::Ptr));
    }
    let kind = kind.unwrap_or(Kind::A);
    let began = proc.sim().now();
    let names = if question.search { question.config.candidates(&question.name) } else { vec![name] };
    let mut found = None;
    for name in names {
        match question.ask_thrice(&proc, &name, kind, true).await {
            Some(answer) => {
                let done = answer.code != Code::NxDomain;
                found = Some(answer);
                if done {
                    break;
                }
            }
            None if question.tcp => return 9,
            None => {
                let head = if question.short { String::new() } else { format!("{banner};; global options: +cmd\n") };
                util::ignore(proc.print(&format!("{head};; no servers could be reached\n")).await);
                return 9;
            }
        }
    }
    let Some(answer) = found else { return 9 };
    if question.short {
        let lines: String = answer.answers.iter().map(|record| format!("{}\n", record.data.text())).collect();
        return util::done(proc.print(&lines).await);
    }
    let mut text = format!("{banner};; global options: +cmd\n;; Got answer:\n");
    if answer.name.ends_with(".local") {
        text += ";; WARNING: .local is reserved for Multicast DNS\n;; You are currently testing what happens when an \
                 mDNS query is leaked to DNS\n";
    }
    text += &format!(";; ->>HEADER<<- opcode: QUERY, status: {}, id: {}\n;; flags: qr", answer.code.name(), answer.id);
    for (word, set) in [(" aa", answer.authoritative), (" rd", true), (" ra", answer.recursion_available)] {
        text += if set { word } else { "" };
    }
    let extra = usize::from(answer.cookie.is_some());
    let (answers, authority) = (answer.answers.len(), answer.authority.len());
    text += &format!("; QUERY: 1, ANSWER: {answers}, AUTHORITY: {authority}, ADDITIONAL: {extra}\n");
    if !answer.recursion_available {
        text += ";; WARNING: recursion requested but not available\n";
    }
    if let Some(cookie) = answer.cookie {
        let hex: String = cookie.iter().map(|byte| format!("{byte:02x}")).collect();
        text += "\n;; OPT PSEUDOSECTION:\n; EDNS: version: 0, flags:; udp: 1232\n";
        text += &format!("; COOKIE: {hex} (echoed)\n;; QUESTION SECTION:\n");
    } else {
        text += "\n;; QUESTION SECTION:\n";
    }
    let asked = columns(&[&format!("{}.", answer.name), "IN", answer.kind.name()], &[32, 40]);
    text += &format!(";{asked}\n\n");
    for (title, records) in [("ANSWER", &answer.answers), ("AUTHORITY", &answer.authority)] {
        if !records.is_empty() {
            text += &format!(";; {title} SECTION:\n");
            records.iter().for_each(|record| text += &record_line(record));
            text.push('\n');
        }
    }
    let server = question.server.ip();
    let took = proc.sim().now().since(began).as_millis();
    text += &format!(
        ";; Query time: {took} msec\n;; SERVER: {server}#53({}) ({})\n;; WHEN: {}\n;; MSG SIZE  rcvd: {}\n\n",
        question.server_name.clone().unwrap_or_else(|| server.to_string()),
        if question.tcp { "TCP" } else { "UDP" },
        proc.sim().wall().strftime("%a %b %d %H:%M:%S UTC %Y"),
        answer.encode().len(),
    );
    util::done(proc.print(&text).await)
}

pub async fn host(proc: Proc) -> i32 {
    let question = match question(&proc).await {
        Ok(Some(question)) => question,
        Ok(None) => return util::fail(&proc, 1, "Usage: host [OPTION]... NAME [SERVER]").await,
        Err(name) => {
            return util::fail(&proc, 1, &format!("host: couldn't get address for '{name}': not found")).await;
        }
    };
    let lines = |answer: &Message| -> String {
        let line = |record: &Record| {
            let name = &record.name;
            match &record.data {
                Data::A(ip) => format!("{name} has address {ip}\n"),
                Data::Cname(target) => format!("{name} is an alias for {target}.\n"),
                Data::Ptr(target) => format!("{name} domain name pointer {target}.\n"),
                Data::Srv { .. } => format!("{name} has SRV record {}\n", record.data.text()),
                Data::Soa { .. } => format!("{name} has SOA record {}\n", record.data.text()),
            }
        };
        answer.answers.iter().map(line).collect()
    };
    let missing = |name: &str, code: Code| format!("Host {name} not found: {}({})\n", code.number(), code.name());
    let (name, answer) = match resolve::literal(&question.name) {
        Some(ip) => {
            let name = dns::reverse(ip);
            let answer = question.ask_thrice(&proc, &name, Kind::Ptr, false).await;
            (format!("{name}."), answer)
        }
        None => {
            let kind = question.kind.unwrap_or(Kind::A);
            let found = question.searched(&proc, kind, &mut Vec::new()).await;
            (question.name.clone(), found.map(|(_, answer)| answer))
        }
    };
    let (text, code) = match answer {
        None => (";; no servers could be reached\n".to_string(), 1),
        Some(answer) if answer.code != Code::NoError => (missing(&name, answer.code), 1),
        Some(answer) => {
            let alias = answer.answers.iter().find_map(|record| match &record.data {
                Data::Cname(target) if answer.addresses().is_empty() => Some(target.clone()),
                _ => None,
            });
            match alias {
                // The alias leads nowhere: neither kind of address is found.
                Some(target) => (lines(&answer) + &missing(&target, Code::NxDomain).repeat(2), 1),
                None if answer.answers.is_empty() && question.kind.is_some() => {
                    (format!("{name} has no {} record\n", answer.kind.name()), 1)
                }
                None => (lines(&answer), 0),
            }
        }
    };
    util::ignore(proc.print(&text).await);
    code
}

const GETENT_HINT: &str = "Try `getent --help' or `getent --usage' for more information.";

/// `getent hosts NAME`: what the resolver knows.
pub async fn getent(proc: Proc) -> i32 {
    let argv = proc.argv();
    let database = argv.get(1).map(String::as_str);
    match (database, argv.get(2)) {
        (Some("hosts"), Some(_)) => {
            let mut code = 0;
            for name in &argv[2..] {
                let line = |name: &str, ip: &IpAddr| format!("{:<15} {name}\n", ip.to_string());
                let text: String = match resolve::canonical(&proc, name).await {
                    Ok((canonical, ips)) => ips.iter().map(|ip| line(&canonical, ip)).collect(),
                    Err(_) => String::new(),
                };
                util::ignore(proc.print(&text).await);
                code = if text.is_empty() { 2 } else { code };
            }
            code
        }
        (Some("ahosts" | "ahostsv4"), Some(name)) => {
            let Ok((canonical, ips)) = resolve::canonical(&proc, name).await else { return 2 };
            let mut text = String::new();
            for (n, ip) in ips.iter().enumerate() {
                let ip = format!("{:<15}", ip.to_string());
                let name = if n == 0 { canonical.as_str() } else { "" };
                text += &format!("{ip} STREAM {name}\n{ip} DGRAM  \n{ip} RAW    \n");
            }
            util::done(proc.print(&text).await)
        }
        (Some("hosts"), None) => {
            let lines = resolve::hosts(&proc).await;
            let text: String =
                lines.iter().map(|(ip, names)| format!("{:<15} {}\n", ip.to_string(), names.join(" "))).collect();
            util::done(proc.print(&text).await)
        }
        (Some(name @ ("passwd" | "group" | "shadow" | "services" | "protocols" | "networks")), key) => {
            let table = proc.read_file(&format!("/etc/{name}")).await.map(util::text).unwrap_or_default();
            let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
            let Some(_) = key else {
                let text: String = lines.map(|line| format!("{line}\n")).collect();
                return util::done(proc.print(&text).await);
            };
            let (mut text, mut code) = (String::new(), 0);
            for key in &argv[2..] {
                // By name, or by number.
                let mut is = lines.clone().filter(|line| {
                    let mut fields = line.split(if name.ends_with('s') { [' ', '\t'] } else { [':', ':'] });
                    let (first, number) =
                        (fields.next(), fields.find(|field| field.starts_with(|c: char| c.is_ascii_digit())));
                    first == Some(key.as_str())
                        || number.is_some_and(|number| number == key && key.parse::<u32>().is_ok())
                });
                match is.next() {
                    Some(line) => text += &format!("{line}\n"),
                    None => code = 2,
                }
            }
            util::ignore(proc.print(&text).await);
            code
        }
        (Some(other), _) => util::fail(&proc, 1, &format!("Unknown database: {other}\n{GETENT_HINT}")).await,
        (None, _) => util::fail(&proc, 1, &format!("getent: wrong number of arguments\n{GETENT_HINT}")).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stand_in_columns() {
        let record = |name: &str, data| record_line(&Record { name: name.into(), ttl: 30, data });
        let rows = [
            (
                record("myservice.default.svc.cluster.local", Data::A([10, 96, 12, 5].into())),
                "myservice.default.svc.cluster.local. 30\tIN A\t10.96.12.5\n",
            ),
            (record("1.0.96.10.in-addr.arpa", Data::Ptr("a.b".into())), "1.0.96.10.in-addr.arpa.\t30\tIN\tPTR\ta.b.\n"),
            (record("cluster.local", Data::Ptr("a".into())), "cluster.local.\t\t30\tIN\tPTR\ta.\n"),
        ];
        for (got, expected) in rows {
            assert_eq!(got, expected);
        }
        assert_eq!(columns(&["google.com.", "IN", "A"], &[32, 40]), "google.com.\t\t\tIN\tA");
    }
}
