//! curl's command line.

use std::{net::IpAddr, time::Duration};

use super::Facts;

#[derive(Clone, Default)]
pub struct Options {
    pub urls: Vec<String>,
    pub insecure: bool,
    pub cacert: Option<String>,
    pub verbose: bool,
    pub silent: bool,
    pub show_error: bool,
    pub no_meter: bool,
    pub include: bool,
    pub head: bool,
    pub get: bool,
    pub outputs: Vec<String>,
    /// The `-o` of the URL at hand.
    pub output: Option<String>,
    pub remote_name: bool,
    pub remote_file: Option<String>,
    pub request: Option<String>,
    /// Parts of the body; joined by `&`.
    pub data: Vec<Data>,
    pub json: bool,
    pub headers: Vec<String>,
    pub location: bool,
    pub max_time: Option<Duration>,
    pub connect_timeout: Option<Duration>,
    pub write_out: Option<String>,
    pub fail: bool,
    pub user: Option<String>,
    pub agent: Option<String>,
    pub cookie: Option<String>,
    pub referer: Option<String>,
    pub retry: u32,
    pub retry_delay: Option<Duration>,
    pub retry_connrefused: bool,
    pub retry_all: bool,
    /// host, port, address
    pub resolve: Vec<(String, u16, IpAddr)>,
    /// Only IPv4 or only IPv6.
    pub family: Option<u8>,
    pub http10: bool,
    /// `--version`, `--help`.
    pub shown: Option<&'static str>,
}

#[derive(Clone)]
pub enum Data {
    Text(String),
    /// From a file (`@name`): newlines stay with `--data-binary` only.
    File {
        path: String,
        binary: bool,
    },
    /// `--data-urlencode`
    Encode(String),
}

const VERSION: &str = "curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.16\nRelease-Date: 2023-02-20\n\
                       Protocols: http https\nFeatures: IPv6 Largefile SSL\n";

const HELP: &str = "Usage: curl [options...] <url>\n \
    -d, --data <data>          HTTP POST data\n \
    -f, --fail                 Fail fast with no output on HTTP errors\n \
    -h, --help <category>      Get help for commands\n \
    -i, --include              Include protocol response headers in the output\n \
    -k, --insecure             Allow insecure server connections\n \
    -o, --output <file>        Write to file instead of stdout\n \
    -O, --remote-name          Write output to a file named as the remote file\n \
    -s, --silent               Silent mode\n \
    -u, --user <user:password> Server user and password\n \
    -A, --user-agent <name>    Send User-Agent <name> to server\n \
    -v, --verbose              Make the operation more talkative\n \
    -V, --version              Show version number and quit\n";

/// Long names, with the short one that means the same.
const LONG: &[(&str, char)] = &[
    ("cacert", '\u{1}'),
    ("connect-timeout", '\u{2}'),
    ("cookie", 'b'),
    ("data", 'd'),
    ("data-ascii", 'd'),
    ("data-binary", '\u{3}'),
    ("data-raw", '\u{4}'),
    ("data-urlencode", '\u{5}'),
    ("fail", 'f'),
    ("get", 'G'),
    ("head", 'I'),
    ("header", 'H'),
    ("help", 'h'),
    ("http1.0", '0'),
    ("http1.1", '\u{6}'),
    ("include", 'i'),
    ("insecure", 'k'),
    ("ipv4", '4'),
    ("ipv6", '6'),
    ("json", '\u{7}'),
    ("location", 'L'),
    ("max-time", 'm'),
    ("no-buffer", 'N'),
    ("no-progress-meter", '\u{8}'),
    ("output", 'o'),
    ("progress-bar", '#'),
    ("referer", 'e'),
    ("remote-name", 'O'),
    ("request", 'X'),
    ("resolve", '\u{e}'),
    ("retry", '\u{f}'),
    ("retry-all-errors", '\u{10}'),
    ("retry-connrefused", '\u{11}'),
    ("retry-delay", '\u{12}'),
    ("show-error", 'S'),
    ("silent", 's'),
    ("url", '\u{13}'),
    ("user", 'u'),
    ("user-agent", 'A'),
    ("verbose", 'v'),
    ("version", 'V'),
    ("write-out", 'w'),
];

/// Options with a value.
const VALUED: &str = "bdHmoeXuAw\u{1}\u{2}\u{3}\u{4}\u{5}\u{7}\u{e}\u{f}\u{12}\u{13}";

impl Options {
    /// The error is curl's line about it; empty if it has none.
    pub fn parse(args: &[String]) -> Result<Options, String> {
        let mut options = Options::default();
        let mut args = args.iter();
        let mut only_urls = false;
        while let Some(arg) = args.next() {
            if only_urls || !arg.starts_with('-') || arg == "-" {
                options.urls.push(arg.clone());
            } else if arg == "--" {
                only_urls = true;
            } else if let Some(long) = arg.strip_prefix("--") {
                let Some((_, letter)) = LONG.iter().find(|(name, _)| *name == long) else {
                    return Err(format!("curl: option {arg}: is unknown"));
                };
                let value = if VALUED.contains(*letter) { Some(required(args.next(), arg)?) } else { None };
                options.set(*letter, value, arg)?;
            } else {
                let mut letters = arg[1..].chars();
                while let Some(letter) = letters.next() {
                    let value = if VALUED.contains(letter) {
                        let attached = letters.as_str().to_owned();
                        letters = "".chars();
                        Some(if attached.is_empty() { required(args.next(), arg)? } else { attached })
                    } else {
                        None
                    };
                    options.set(letter, value, arg)?;
                }
            }
        }
        if options.urls.is_empty() && options.shown.is_none() {
            return Err(String::new());
        }
        options.remote_file = options.urls.first().map(|url| {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            path.rsplit('/').next().unwrap_or_default().to_owned()
        });
        Ok(options)
    }

    fn set(&mut self, letter: char, value: Option<String>, arg: &str) -> Result<(), String> {
        let value = value.unwrap_or_default();
        let seconds = |text: &str| {
            let bad = || format!("curl: option {arg}: expected a proper numerical parameter");
            let number: f64 = text.parse().map_err(|_| bad())?;
            Duration::try_from_secs_f64(number).map_err(|_| bad())
        };
        match letter {
            'k' => self.insecure = true,
            'v' => self.verbose = true,
            's' => self.silent = true,
            'S' => self.show_error = true,
            'i' => self.include = true,
            'I' => self.head = true,
            'G' => self.get = true,
            'L' => self.location = true,
            'f' => self.fail = true,
            'O' => self.remote_name = true,
            '0' => self.http10 = true,
            '4' => self.family = Some(4),
            '6' => self.family = Some(6),
            '\u{8}' => self.no_meter = true,
            'N' | '#' | '\u{6}' | 'g' | 'q' | 'j' => {}
            'V' => self.shown = Some(VERSION),
            'h' => self.shown = Some(HELP),
            'o' => self.outputs.push(value),
            'X' => self.request = Some(value),
            'd' => self.data.push(match value.strip_prefix('@') {
                Some(path) => Data::File { path: path.into(), binary: false },
                None => Data::Text(value),
            }),
            '\u{3}' => self.data.push(match value.strip_prefix('@') {
                Some(path) => Data::File { path: path.into(), binary: true },
                None => Data::Text(value),
            }),
            '\u{4}' => self.data.push(Data::Text(value)),
            '\u{5}' => self.data.push(Data::Encode(value)),
            '\u{7}' => {
                self.json = true;
                self.data.push(Data::Text(value));
            }
            'H' => self.headers.push(value),
            'm' => self.max_time = Some(seconds(&value)?).filter(|d| !d.is_zero()),
            '\u{2}' => self.connect_timeout = Some(seconds(&value)?).filter(|d| !d.is_zero()),
            '\u{f}' => {
                self.retry =
                    value.parse().map_err(|_| format!("curl: option {arg}: expected a proper numerical parameter"))?;
            }
            '\u{12}' => self.retry_delay = Some(seconds(&value)?).filter(|d| !d.is_zero()),
            '\u{11}' => self.retry_connrefused = true,
            '\u{10}' => self.retry_all = true,
            'w' => self.write_out = Some(value),
            'u' => self.user = Some(value),
            'A' => self.agent = Some(value),
            'b' => self.cookie = Some(value),
            'e' => self.referer = Some(value),
            '\u{1}' => self.cacert = Some(value),
            '\u{13}' => self.urls.push(value),
            '\u{e}' => {
                let mut parts = value.splitn(3, ':');
                let entry = (|| {
                    let (host, port, ip) = (parts.next()?, parts.next()?, parts.next()?);
                    let ip = super::super::resolve::literal(ip.split(',').next()?)?;
                    Some((host.trim_start_matches('+').to_owned(), port.parse().ok()?, ip))
                })();
                let bad = || format!("curl: (49) Couldn't parse CURLOPT_RESOLVE entry '{value}'");
                self.resolve.push(entry.ok_or_else(bad)?);
            }
            _ => return Err(format!("curl: option {arg}: is unknown")),
        }
        Ok(())
    }

    pub fn method(&self) -> String {
        match &self.request {
            Some(method) => method.clone(),
            None if self.head => "HEAD".into(),
            None if !self.data.is_empty() && !self.get => "POST".into(),
            None => "GET".into(),
        }
    }
}

fn required(value: Option<&String>, option: &str) -> Result<String, String> {
    value.cloned().ok_or_else(|| format!("curl: option {option}: requires parameter"))
}

/// Fills in a `-w` format.
pub fn write_out(format: &str, facts: &Facts, url: &str, code: i32) -> String {
    let seconds = |d: Duration| format!("{:.6}", d.as_secs_f64());
    let mut out = String::new();
    let mut rest = format;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("%{")
            && let Some((name, after)) = after.split_once('}')
        {
            let ip = |a: Option<std::net::SocketAddr>| a.map(|a| a.ip().to_string()).unwrap_or_default();
            let port = |a: Option<std::net::SocketAddr>| a.map_or(0, |a| a.port()).to_string();
            out.push_str(&match name {
                "http_code" | "response_code" => format!("{:03}", facts.status),
                "size_download" => facts.size.to_string(),
                "time_total" => seconds(facts.total),
                "time_namelookup" => seconds(facts.namelookup),
                "time_connect" => seconds(facts.connect),
                "time_appconnect" => seconds(facts.appconnect),
                "time_pretransfer" => seconds(facts.connect.max(facts.appconnect)),
                "time_starttransfer" => seconds(facts.total),
                "remote_ip" => ip(facts.remote),
                "remote_port" => port(facts.remote),
                "local_ip" => ip(facts.local),
                "local_port" => port(facts.local),
                "num_redirects" => facts.redirects.to_string(),
                "redirect_url" => facts.redirect_url.clone(),
                "content_type" => facts.content_type.clone(),
                "http_version" => if facts.status == 0 { "0" } else { "1.1" }.into(),
                "url" | "url_effective" => url.to_owned(),
                "exitcode" => code.to_string(),
                _ => String::new(),
            });
            rest = after;
            continue;
        }
        let (text, length) = match rest.as_bytes() {
            [b'%', b'%', ..] => ("%", 2),
            [b'\\', b'n', ..] => ("\n", 2),
            [b'\\', b't', ..] => ("\t", 2),
            [b'\\', b'r', ..] => ("\r", 2),
            _ => (&rest[..c.len_utf8()], c.len_utf8()),
        };
        out.push_str(text);
        rest = &rest[length..];
    }
    out
}
