//! curl 7.88 for http and https. Texts and exit codes are those of that version with OpenSSL 3.

mod options;
mod progress;
mod transfer;

use std::{net::SocketAddr, time::Duration};

use options::Options;
use progress::Meter;

use super::http::{Response, Url, UrlError};
use crate::{
    os::{OpenFlags, Proc},
    programs::util,
    sim::SimTime,
};

/// Redirects that `-L` follows at most.
const MAX_REDIRECTS: u32 = 50;

/// What went wrong: curl's exit code and text.
#[derive(Debug)]
pub struct Failure {
    pub code: i32,
    pub text: String,
    /// May be another try's business (`--retry`): why.
    pub transient: Option<&'static str>,
}

impl Failure {
    pub fn new(code: i32, text: impl Into<String>) -> Failure {
        Failure { code, text: text.into(), transient: None }
    }
}

/// What `-w` can tell about a transfer.
#[derive(Default)]
pub struct Facts {
    pub status: u16,
    pub size: usize,
    pub remote: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    pub redirects: u32,
    pub redirect_url: String,
    pub content_type: String,
    pub namelookup: Duration,
    pub connect: Duration,
    pub appconnect: Duration,
    pub total: Duration,
}

/// One command's state.
pub struct Curl {
    pub proc: Proc,
    pub options: Options,
    pub facts: Facts,
    pub started: SimTime,
    pub meter: Meter,
    pub connections: u32,
}

impl Curl {
    /// A line of `-v`, with its mark in front.
    pub async fn say(&self, mark: char, text: &str) {
        if self.options.verbose {
            util::ignore(self.proc.eprint(&format!("{mark} {text}\n")).await);
        }
    }

    /// `{ [N bytes data]`: only where the data isn't seen itself.
    pub async fn data(&self, mark: char, bytes: usize) {
        if !self.proc.stdout().is_tty() || self.options.output.is_some() {
            self.say(mark, &format!("[{bytes} bytes data]")).await;
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.proc.sim().now().since(self.started)
    }
}

pub async fn main(proc: Proc) -> i32 {
    let argv = proc.argv();
    let options = match Options::parse(&argv[1..]) {
        Ok(options) => options,
        Err(text) => {
            let hint = "curl: try 'curl --help' or 'curl --manual' for more information";
            let text = if text.is_empty() { hint.to_owned() } else { format!("{text}\n{hint}") };
            return util::fail(&proc, 2, &text).await;
        }
    };
    if let Some(text) = options.shown {
        return util::done(proc.print(text).await);
    }
    let mut code = 0;
    for (index, text) in options.urls.iter().enumerate() {
        let mut options = options.clone();
        // Each -o belongs to the URL in the same place.
        options.output = options.outputs.get(index).cloned();
        code = one(&proc, options, text).await;
    }
    code
}

async fn one(proc: &Proc, options: Options, text: &str) -> i32 {
    let parsed = match Url::parse(text) {
        Ok(url) => Ok(url),
        Err(UrlError::Scheme(scheme)) => {
            Err(Failure::new(1, format!("Protocol \"{scheme}\" not supported or disabled in libcurl")))
        }
        Err(UrlError::Port | UrlError::Malformed) => {
            Err(Failure::new(3, "URL using bad/illegal format or missing URL"))
        }
    };
    // The meter stands aside where the body itself is seen.
    let seen = options.output.is_none() && !options.remote_name && proc.stdout().is_tty();
    let meter = Meter::new(!options.silent && !options.no_meter && !seen);
    let mut curl =
        Curl { proc: proc.clone(), facts: Facts::default(), started: proc.sim().now(), meter, connections: 0, options };
    let result = match parsed {
        Ok(url) => attempts(&mut curl, url).await,
        Err(failure) => Err(failure),
    };
    curl.facts.total = curl.elapsed();
    if let Some(format) = &curl.options.write_out {
        let shown = options::write_out(format, &curl.facts, text, result.as_ref().err().map_or(0, |f| f.code));
        if proc.print(&shown).await.is_err() {
            return 23;
        }
    }
    match result {
        Ok(()) => 0,
        Err(failure) => {
            if !curl.options.silent || curl.options.show_error {
                util::ignore(proc.eprint(&format!("curl: ({}) {}\n", failure.code, failure.text)).await);
            }
            failure.code
        }
    }
}

/// The transfer and, with `--retry`, its repetitions.
async fn attempts(curl: &mut Curl, url: Url) -> Result<(), Failure> {
    let mut left = curl.options.retry;
    let mut wait = Duration::from_secs(1);
    loop {
        let result = follow(curl, url.clone()).await;
        let why = match &result {
            Ok(()) if matches!(curl.facts.status, 408 | 429 | 500 | 502 | 503 | 504) => Some("HTTP error"),
            Err(failure) if failure.code == 22 && matches!(curl.facts.status, 408 | 429 | 500 | 502 | 503 | 504) => {
                Some("HTTP error")
            }
            Err(failure) if failure.text.starts_with("Failed to connect") && failure.code == 7 => {
                (curl.options.retry_connrefused || curl.options.retry_all).then_some("connection refused")
            }
            Err(failure) => failure.transient.or(curl.options.retry_all.then_some("(retrying all errors)")),
            Ok(()) => None,
        };
        let Some(why) = why.filter(|_| left > 0) else { return result };
        if let Err(failure) = &result
            && (!curl.options.silent || curl.options.show_error)
        {
            let text = format!("curl: ({}) {}\n", failure.code, failure.text);
            util::ignore(curl.proc.eprint(&text).await);
        }
        let delay = curl.options.retry_delay.unwrap_or(wait);
        if !curl.options.silent {
            let retries = if left == 1 { "1 retries" } else { &format!("{left} retries") };
            let text = format!("Problem : {why}. Will retry in {} seconds. {retries} left.", delay.as_secs());
            util::ignore(curl.proc.eprint(&warning(&text)).await);
        }
        curl.proc.sleep(delay).await;
        wait = (wait * 2).min(Duration::from_secs(600));
        left -= 1;
    }
}

/// `Warning: …`, broken at 79 columns as curl breaks it.
pub fn warning(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while rest.len() > 70 {
        let cut = rest.get(..70).and_then(|head| head.rfind(' ')).map_or(rest.len(), |at| at + 1);
        out.push_str(&format!("Warning: {}\n", &rest[..cut]));
        rest = &rest[cut..];
    }
    if !rest.is_empty() {
        out.push_str(&format!("Warning: {rest}\n"));
    }
    out
}

/// A transfer with the redirects it leads to.
async fn follow(curl: &mut Curl, mut url: Url) -> Result<(), Failure> {
    let mut method = curl.options.method();
    let mut with_body = true;
    curl.started = curl.proc.sim().now();
    curl.facts = Facts::default();
    curl.meter.start(&curl.proc).await;
    let (limit, sim) = (curl.options.max_time, curl.proc.sim().clone());
    let work = async {
        loop {
            let response = transfer::perform(curl, &url, &method, with_body).await?;
            let location = response.headers.get("location").map(str::to_owned);
            let redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
            if let (true, Some(location)) = (redirect, location) {
                let next = url.join(&location).ok();
                if let (true, Some(next)) = (curl.options.location, next.clone()) {
                    if curl.facts.redirects >= MAX_REDIRECTS {
                        return Err(Failure::new(47, format!("Maximum ({MAX_REDIRECTS}) redirects followed")));
                    }
                    if curl.options.include || curl.options.head {
                        deliver(curl, &response, false).await?;
                    }
                    curl.facts.redirects += 1;
                    curl.say('*', &format!("Issue another request to this URL: '{next}'")).await;
                    if matches!(response.status, 301..=303) && method == "POST" && curl.options.request.is_none() {
                        method = "GET".into();
                        with_body = false;
                    }
                    url = next;
                    continue;
                }
                curl.facts.redirect_url = next.map(|n| n.to_string()).unwrap_or_default();
            }
            if curl.options.fail && response.status >= 400 {
                return Err(Failure::new(22, format!("The requested URL returned error: {}", response.status)));
            }
            return deliver(curl, &response, true).await;
        }
    };
    let result = match limit {
        None => work.await,
        Some(limit) => {
            // `work` borrows `curl`; how far it came is read from the facts after it.
            match sim.timeout(limit, work).await {
                Some(result) => result,
                None => {
                    let ms = limit.as_millis();
                    let text = if curl.facts.remote.is_none() {
                        format!("Connection timed out after {ms} milliseconds")
                    } else {
                        format!("Operation timed out after {ms} milliseconds with 0 bytes received")
                    };
                    Err(Failure { transient: Some("timeout"), ..Failure::new(28, text) })
                }
            }
        }
    };
    curl.meter.finish(&curl.proc, curl.facts.size, curl.elapsed(), result.is_ok()).await;
    result
}

/// Writes headers (`-i`, `-I`) and body to where they belong.
async fn deliver(curl: &mut Curl, response: &Response, body: bool) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    if curl.options.include || curl.options.head {
        bytes.extend_from_slice(response.head().as_bytes());
    }
    if body && !curl.options.head {
        bytes.extend_from_slice(&response.body);
        curl.facts.size = response.body.len();
    }
    let failed = || Failure::new(23, "Failure writing output to destination");
    let path = match (&curl.options.output, curl.options.remote_name) {
        (Some(path), _) if path != "-" => path.clone(),
        (None, true) => curl.options.remote_file.clone().unwrap_or_default(),
        _ => return util::write_out(&curl.proc, &bytes).await.map_err(|_| failed()),
    };
    if bytes.is_empty() {
        return Ok(());
    }
    let file = match curl.proc.open(&path, OpenFlags::WRITE, 0o666) {
        Ok(file) => file,
        Err(error) => {
            if !curl.options.silent {
                let text = warning(&format!("Failed to open the file {path}: {error}"));
                util::ignore(curl.proc.eprint(&text).await);
            }
            return Err(failed());
        }
    };
    file.write_all(&bytes).await.map_err(|_| failed())
}
