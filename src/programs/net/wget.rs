//! wget, GNU's and busybox'.

use std::{net::SocketAddr, time::Duration};

use super::{
    http::{self, Connection, ReadError, Request, Response, Url},
    ip::address,
    tls::Stream,
};
use crate::{
    os::{Errno, OpenFlags, Proc},
    programs::{
        Context, Flavour,
        util::{self, Arg, Args, Usage},
    },
};

const MAX_REDIRECTS: u32 = 20;

#[derive(Default)]
struct Options {
    urls: Vec<String>,
    output: Option<String>,
    directory: Option<String>,
    quiet: bool,
    brief: bool,
    spider: bool,
    show_headers: bool,
    insecure: bool,
    post: Option<String>,
    method: Option<String>,
    headers: Vec<String>,
    agent: Option<String>,
    timeout: Option<Duration>,
    tries: u32,
}

fn parse(proc: &Proc, flavour: Flavour) -> Result<Options, Usage> {
    let mut options = Options { tries: 20, ..Options::default() };
    let mut args = Args::of(proc, flavour);
    while let Some(arg) = args.next()? {
        let key = match &arg {
            Arg::Value(url) => {
                options.urls.push(url.clone());
                continue;
            }
            Arg::Short(c) => c.to_string(),
            Arg::Long(name) => name.clone(),
        };
        match key.as_str() {
            "q" | "quiet" => options.quiet = true,
            "n" => match args.optional_value().as_deref() {
                Some("v") => options.brief = true,
                Some("c") => {}
                _ => return Err(args.unknown()),
            },
            "no-verbose" => options.brief = true,
            "S" | "server-response" => options.show_headers = true,
            "c" | "continue" | "4" | "6" | "v" | "no-cache" | "no-proxy" | "show-progress" => {}
            "spider" => options.spider = true,
            "no-check-certificate" => options.insecure = true,
            "O" | "output-document" => options.output = Some(args.value()?),
            "P" | "directory-prefix" => options.directory = Some(args.value()?),
            "U" | "user-agent" => options.agent = Some(args.value()?),
            "header" => options.headers.push(args.value()?),
            "post-data" => options.post = Some(args.value()?),
            "method" => options.method = Some(args.value()?),
            "body-data" => options.post = Some(args.value()?),
            "T" | "timeout" | "connect-timeout" | "read-timeout" => {
                let value = args.value()?;
                let seconds = value.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
                options.timeout = Some(seconds.ok_or_else(|| Usage(format!("wget: invalid number '{value}'\n")))?);
            }
            "t" | "tries" => {
                let value = args.value()?;
                options.tries = value.parse().map_err(|_| Usage(format!("wget: invalid number '{value}'\n")))?;
            }
            "o" | "output-file" | "Y" | "e" | "execute" => {
                args.value()?;
            }
            _ => return Err(args.unknown()),
        }
    }
    Ok(options)
}

/// Where a transfer stopped.
enum Failure {
    Resolve(String),
    Connect(SocketAddr, Errno),
    Timeout,
    Handshake,
    Untrusted,
    Closed,
    Status(Response),
    BadUrl(String),
    Redirects,
}

pub async fn main(proc: Proc, ctx: Context) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let options = match parse(&proc, ctx.flavour) {
        Ok(options) => options,
        Err(error) => return util::usage(&proc, error, if busybox { 1 } else { 2 }).await,
    };
    if options.urls.is_empty() {
        let text = if busybox {
            &(ctx.banner()
                + "\nUsage: wget [-cqS] [--spider] [-O FILE] [-o LOGFILE] [--header STR]\n\t[--post-data \
             STR | --post-file FILE] [-Y on/off]\n\t[--no-check-certificate] [-P DIR] [-U AGENT] [-T SEC] URL...\n\nRetrieve files \
             via HTTP or FTP")
        } else {
            "wget: missing URL\nUsage: wget [OPTION]... [URL]...\n\nTry `wget --help' for more options."
        };
        return util::fail(&proc, 1, text).await;
    }
    let mut wget = Wget { proc, busybox, options };
    let mut code = 0;
    for url in wget.options.urls.clone() {
        code = code.max(wget.one(&url).await);
    }
    code
}

struct Wget {
    proc: Proc,
    busybox: bool,
    options: Options,
}

impl Wget {
    async fn say(&self, text: &str) {
        if !self.options.quiet && !self.options.brief {
            util::ignore(self.proc.eprint(text).await);
        }
    }

    fn now(&self) -> String {
        self.proc.sim().wall().strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    async fn one(&mut self, text: &str) -> i32 {
        let url = match Url::parse(text) {
            Ok(url) => Ok(url),
            Err(_) => Err(Failure::BadUrl(text.to_owned())),
        };
        let result = match url {
            Ok(url) => self.follow(url).await,
            Err(failure) => Err(failure),
        };
        match result {
            Ok((url, response)) => self.save(&url, response).await,
            Err(failure) => self.report(failure).await,
        }
    }

    async fn follow(&mut self, mut url: Url) -> Result<(Url, Response), Failure> {
        for _ in 0..=MAX_REDIRECTS {
            let response = self.fetch(&url).await?;
            match (response.status, response.headers.get("location")) {
                (301 | 302 | 303 | 307 | 308, Some(location)) => {
                    let next = url.join(location).map_err(|_| Failure::BadUrl(location.into()))?;
                    if !self.busybox {
                        self.say(&format!("Location: {location} [following]\n")).await;
                    }
                    url = next;
                }
                (200..=299, _) => return Ok((url, response)),
                _ => return Err(Failure::Status(response)),
            }
        }
        Err(Failure::Redirects)
    }

    async fn fetch(&self, url: &Url) -> Result<Response, Failure> {
        if !self.busybox {
            self.say(&format!("--{}--  {url}\n", self.now())).await;
        }
        let literal = super::resolve::literal(&url.host).is_some();
        let to = address(&self.proc, &url.host, url.port).await;
        if !literal && !self.busybox {
            let found = match to {
                Ok(to) => to.ip().to_string(),
                Err(trouble) => format!("failed: {}.", trouble.text()),
            };
            self.say(&format!("Resolving {0} ({0})... {found}\n", url.host)).await;
        }
        let to = to.map_err(|_| Failure::Resolve(url.host.clone()))?;
        let shown = if literal { to.to_string() } else { format!("{0} ({0})|{1}|:{2}", url.host, to.ip(), to.port()) };
        if self.busybox {
            self.say(&format!("Connecting to {}:{} ({to})\n", url.host, url.port)).await;
        } else {
            self.say(&format!("Connecting to {shown}... ")).await;
        }
        // Both give up on a connection after a quarter of an hour at the latest.
        let limit = self.options.timeout.unwrap_or(Duration::from_secs(900));
        let connect = self.proc.net().connect(Some(&self.proc), to);
        let tcp = self
            .proc
            .sim()
            .timeout(limit, connect)
            .await
            .ok_or(Failure::Timeout)?
            .map_err(|error| Failure::Connect(to, error))?;
        if !self.busybox {
            self.say("connected.\n").await;
        }
        let mut stream = Stream::plain(tcp);
        if url.tls {
            let Ok(certificate) = stream.client_hello(&url.host).await else { return Err(Failure::Handshake) };
            if self.busybox {
                self.say("wget: note: TLS certificate validation not implemented\n").await;
            } else if !self.options.insecure && certificate.check(&url.host, self.proc.sim().wall(), None).is_err() {
                // The server may have gone.
                let _ = stream.refuse_certificate().await;
                return Err(Failure::Untrusted);
            }
            if stream.accept_certificate().await.is_err() {
                return Err(Failure::Handshake);
            }
        }
        let request = self.request(url);
        if !self.busybox {
            self.say("HTTP request sent, awaiting response... ").await;
        }
        let (net, sim) = (self.proc.net(), self.proc.sim());
        let mut connection = Connection::new(stream);
        let exchange = http::exchange(net, sim, Some(&self.proc), &mut connection, &request);
        let response = match sim.timeout(limit, exchange).await {
            None => return Err(Failure::Timeout),
            Some(Err(ReadError::Io(error))) => return Err(Failure::Connect(to, error)),
            Some(Err(_)) => return Err(Failure::Closed),
            Some(Ok(response)) => response,
        };
        if self.options.show_headers {
            let lines = response.head().replace("\r\n", "\n  ");
            let lead = if self.busybox { "" } else { "\n" };
            self.say(&format!("{lead}  {}\n", lines.trim_end())).await;
        } else if !self.busybox {
            self.say(&format!("{} {}\n", response.status, response.reason)).await;
        }
        Ok(response)
    }

    fn request(&self, url: &Url) -> Request {
        let method = match (&self.options.method, self.options.spider, &self.options.post) {
            (Some(method), ..) => method.as_str(),
            (None, true, _) => "HEAD",
            (None, false, Some(_)) => "POST",
            _ => "GET",
        };
        let mut request = Request::new(method, &url.target);
        request.headers.add("Host", url.authority());
        let agent = if self.busybox { "Wget" } else { "Wget/1.21.3" };
        request.headers.add("User-Agent", self.options.agent.clone().unwrap_or_else(|| agent.into()));
        if !self.busybox {
            request.headers.add("Accept", "*/*");
            request.headers.add("Accept-Encoding", "identity");
        }
        request.headers.add("Connection", if self.busybox { "close" } else { "Keep-Alive" });
        if let Some(data) = &self.options.post {
            request.headers.add("Content-Type", "application/x-www-form-urlencoded");
            request.headers.add("Content-Length", data.len().to_string());
            request.body = data.clone().into_bytes();
        }
        for line in &self.options.headers {
            if let Some((name, value)) = line.split_once(':') {
                request.headers.set(name, value.trim());
            }
        }
        request
    }

    async fn save(&self, url: &Url, response: Response) -> i32 {
        let size = response.body.len();
        if self.options.spider {
            let text = if self.busybox { "remote file exists\n" } else { "Remote file exists.\n\n" };
            self.say(text).await;
            return 0;
        }
        let name = match &self.options.output {
            Some(name) => name.clone(),
            None => {
                let path = url.target.split('?').next().unwrap_or_default();
                let last = path.rsplit('/').next().unwrap_or_default();
                let last = if last.is_empty() { "index.html" } else { last };
                let path = self.options.directory.as_ref().map_or(last.to_owned(), |dir| format!("{dir}/{last}"));
                self.unused(path)
            }
        };
        let to_stdout = name == "-";
        if !self.busybox {
            let kind = response.headers.get("content-type").map(|k| k.split(';').next().unwrap_or(k));
            let kind = kind.map(|k| format!(" [{k}]")).unwrap_or_default();
            let length = response.headers.get("content-length").map_or("unspecified".to_owned(), human);
            let file = if to_stdout { "STDOUT" } else { &name };
            self.say(&format!("Length: {length}{kind}\nSaving to: ‘{file}’\n\n")).await;
        } else {
            let line = if to_stdout { "writing to stdout\n".to_owned() } else { format!("saving to '{name}'\n") };
            self.say(&line).await;
        }
        let written = if to_stdout {
            util::write_out(&self.proc, &response.body).await
        } else {
            // busybox doesn't overwrite a file that it named itself.
            let exclusive = self.busybox && self.options.output.is_none();
            match self.proc.open(&name, OpenFlags { exclusive, ..OpenFlags::WRITE }, 0o666) {
                Ok(file) => file.write_all(&response.body).await,
                Err(error) => Err(error),
            }
        };
        if let Err(error) = written {
            return if self.busybox {
                util::fail(&self.proc, 1, &format!("wget: can't open '{name}': {error}")).await
            } else {
                util::fail(&self.proc, 3, &format!("{name}: {error}\n\nCannot write to ‘{name}’ ({error}).")).await
            };
        }
        if self.busybox {
            let label = util::file_name(&name);
            let bar = "*".repeat(32);
            let end = if to_stdout { "written to stdout".to_owned() } else { format!("'{name}' saved") };
            self.say(&format!("{label:<20} 100% |{bar}| {size:>5}  0:00:00 ETA\n{end}\n")).await;
        } else {
            let known = response.headers.get("content-length").is_some();
            let total = if known { format!("{size}/{size}") } else { size.to_string() };
            let bar = if self.proc.stderr().is_tty() {
                let label: String = name.chars().take(19).collect();
                format!("{label:<19} 100%[===================>] {size:>7}  --.-KB/s    in 0s      \n")
            } else {
                let percent = if known { "100%" } else { "    " };
                format!("{:>6}K {:<50} {percent} 0.00 =0s\n", 0, "")
            };
            let end = if to_stdout {
                format!("written to stdout [{total}]")
            } else {
                format!("‘{name}’ saved [{total}]")
            };
            self.say(&format!("{bar}\n{} (0.00 B/s) - {end}\n\n", self.now())).await;
        }
        if self.options.brief && !self.options.quiet {
            let text = format!("{} URL:{url} [{size}/{size}] -> \"{name}\" [1]\n", self.now());
            util::ignore(self.proc.eprint(&text).await);
        }
        0
    }

    /// GNU wget never overwrites: `name.1`, `name.2`.
    fn unused(&self, path: String) -> String {
        if self.busybox || self.proc.lstat(&path).is_err() {
            return path;
        }
        let numbered = (1..1000).map(|n| format!("{path}.{n}")).find(|p| self.proc.lstat(p).is_err());
        numbered.unwrap_or(path)
    }

    async fn report(&self, failure: Failure) -> i32 {
        let (text, code) = if self.busybox { (busybox_text(&failure), 1) } else { self.gnu_text(&failure) };
        if self.busybox || !self.options.quiet {
            util::ignore(self.proc.eprint(&text).await);
        }
        code
    }

    fn gnu_text(&self, failure: &Failure) -> (String, i32) {
        match failure {
            Failure::Resolve(host) => (format!("wget: unable to resolve host address ‘{host}’\n"), 4),
            Failure::Connect(_, error) => (format!("failed: {error}.\n"), 4),
            Failure::Timeout => ("failed: Connection timed out.\nGiving up.\n\n".into(), 4),
            Failure::Handshake => ("Unable to establish SSL connection.\n".into(), 4),
            Failure::Untrusted => {
                let text = "ERROR: The certificate of the server is not trusted.\nERROR: The certificate of the server \
                            doesn't have a known issuer.\n";
                (text.into(), 5)
            }
            Failure::Closed => ("No data received.\nGiving up.\n\n".into(), 4),
            Failure::Status(response) => {
                (format!("{} ERROR {}: {}.\n\n", self.now(), response.status, response.reason), 8)
            }
            Failure::BadUrl(url) => match url.split_once("://") {
                Some((scheme, _)) if !matches!(scheme, "http" | "https") => {
                    (format!("{url}: Unsupported scheme ‘{scheme}’.\n"), 1)
                }
                _ => (format!("{url}: Invalid host name.\n"), 1),
            },
            Failure::Redirects => (format!("{MAX_REDIRECTS} redirections exceeded.\n"), 8),
        }
    }
}

fn busybox_text(failure: &Failure) -> String {
    match failure {
        Failure::Resolve(host) => format!("wget: bad address '{host}'\n"),
        Failure::Connect(to, error) => format!("wget: can't connect to remote host ({}): {error}\n", to.ip()),
        Failure::Timeout => "wget: download timed out\n".into(),
        Failure::Handshake | Failure::Untrusted => "wget: TLS error from peer\n".into(),
        Failure::Closed => "wget: error getting response\n".into(),
        Failure::Status(response) => {
            format!("wget: server returned error: HTTP/1.{} {} {}\n", response.minor, response.status, response.reason)
        }
        Failure::BadUrl(url) => format!("wget: not an http or ftp url: {url}\n"),
        Failure::Redirects => "wget: too many redirections\n".into(),
    }
}

/// `615`, `2048 (2.0K)`.
fn human(length: &str) -> String {
    match length.parse::<u64>() {
        Ok(n) if n >= 1 << 20 => format!("{n} ({:.1}M)", n as f64 / f64::from(1 << 20)),
        Ok(n) if n >= 1 << 10 => format!("{n} ({:.1}K)", n as f64 / f64::from(1 << 10)),
        _ => length.to_owned(),
    }
}
