//! One request and its answer.

use std::net::{IpAddr, SocketAddr};

use super::{Curl, Failure, options::Data};
use crate::{
    os::{Errno, NetNs, TcpStream},
    programs::{
        net::{
            base64,
            http::{self, Connection, Headers, ReadError, Request, Response, Url},
            resolve,
            tls::{Certificate, Fault, Stream, TlsError},
        },
        util,
    },
};

const UNTRUSTED: &str = "\nMore details here: https://curl.se/docs/sslcerts.html\n\ncurl failed to verify the legitimacy of \
     the server and therefore could not\nestablish a secure connection to it. To learn more about this situation \
     and\nhow to fix it, please visit the web page mentioned above.";

/// Connects, sends, receives.
pub async fn perform(curl: &mut Curl, url: &Url, method: &str, with_body: bool) -> Result<Response, Failure> {
    let request = request(curl, url, method, with_body).await?;
    let (tcp, peer) = connect(curl, url).await?;
    let number = curl.connections;
    curl.connections += 1;
    curl.facts.connect = curl.elapsed();
    curl.facts.remote = Some(peer);
    curl.facts.local = Some(tcp.local_addr());
    curl.say('*', &format!("Connected to {} ({}) port {} (#{number})", url.host, peer.ip(), url.port)).await;
    let mut stream = Stream::plain(tcp);
    let result = async {
        if url.tls {
            handshake(curl, url, &mut stream).await?;
            curl.facts.appconnect = curl.elapsed();
        }
        exchange(curl, url, stream, &request).await
    }
    .await;
    match &result {
        Ok(response) if keeps(response) => {
            curl.say('*', &format!("Connection #{number} to host {} left intact", url.host)).await;
        }
        _ => curl.say('*', &format!("Closing connection {number}")).await,
    }
    result
}

fn keeps(response: &Response) -> bool {
    let close = response.headers.get("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
    !close && response.minor > 0
}

async fn request(curl: &Curl, url: &Url, method: &str, with_body: bool) -> Result<Request, Failure> {
    let options = &curl.options;
    let mut body = Vec::new();
    if with_body {
        for (index, part) in options.data.iter().enumerate() {
            if index > 0 && !options.json {
                body.push(b'&');
            }
            match part {
                Data::Text(text) => body.extend_from_slice(text.as_bytes()),
                Data::Encode(text) => body.extend_from_slice(encode(text).as_bytes()),
                Data::File { path, binary } => {
                    let data = if path == "-" {
                        curl.proc.stdin().read_to_end().await
                    } else {
                        curl.proc.read_file(path).await
                    };
                    let data = data.map_err(|_| Failure::new(26, format!("Failed to open {path}")))?;
                    body.extend(data.into_iter().filter(|b| *binary || !matches!(b, b'\n' | b'\r' | 0)));
                }
            }
        }
    }
    let mut target = url.target.clone();
    if options.get && !body.is_empty() {
        target.push(if target.contains('?') { '&' } else { '?' });
        target.push_str(&String::from_utf8_lossy(&body));
        body.clear();
    }
    let mut headers = Headers::default();
    headers.add("Host", url.authority());
    if let Some(user) = options.user.as_ref().or(url.user.as_ref()) {
        headers.add("Authorization", format!("Basic {}", base64::encode(user.as_bytes())));
    }
    headers.add("User-Agent", options.agent.clone().unwrap_or_else(|| "curl/7.88.1".into()));
    headers.add("Accept", if options.json { "application/json" } else { "*/*" });
    for (name, value) in [("Cookie", &options.cookie), ("Referer", &options.referer)] {
        if let Some(value) = value {
            headers.add(name, value.clone());
        }
    }
    let has_body = with_body && !options.data.is_empty() && !options.get;
    if has_body {
        headers.add("Content-Length", body.len().to_string());
        let kind = if options.json { "application/json" } else { "application/x-www-form-urlencoded" };
        headers.add("Content-Type", kind);
    }
    for line in &options.headers {
        if let Some(name) = line.strip_suffix(';').filter(|n| !n.contains(':')) {
            headers.set(name, "");
        } else if let Some((name, value)) = line.split_once(':') {
            headers.remove(name);
            if !value.trim().is_empty() {
                if name.eq_ignore_ascii_case("host") {
                    headers.add_first(name, value.trim());
                } else {
                    headers.add(name, value.trim());
                }
            }
        }
    }
    Ok(Request { method: method.into(), target, minor: u8::from(!options.http10), headers, body })
}

/// `--data-urlencode`: `name=text` or `text`.
fn encode(text: &str) -> String {
    let (name, text) = match text.split_once('=') {
        Some((name, text)) => (if name.is_empty() { String::new() } else { format!("{name}=") }, text),
        None => (String::new(), text),
    };
    let mut out = name;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

async fn connect(curl: &mut Curl, url: &Url) -> Result<(TcpStream, SocketAddr), Failure> {
    let fixed = curl.options.resolve.iter().find(|(host, port, _)| *host == url.host && *port == url.port);
    let addresses = match fixed {
        Some((_, _, ip)) => vec![*ip],
        None => resolve::resolve(&curl.proc, &url.host).await,
    };
    curl.facts.namelookup = curl.elapsed();
    let addresses: Vec<IpAddr> =
        addresses.into_iter().filter(|ip| curl.options.family.is_none_or(|f| (f == 4) == ip.is_ipv4())).collect();
    if addresses.is_empty() {
        let text = format!("Could not resolve host: {}", url.host);
        curl.say('*', &text).await;
        curl.say('*', "Closing connection 0").await;
        return Err(Failure::new(6, text));
    }
    let begun = curl.proc.sim().now();
    let net: NetNs = curl.proc.net().clone();
    let mut last = Errno::ECONNREFUSED;
    for ip in addresses {
        let to = SocketAddr::new(ip, url.port);
        curl.say('*', &format!("  Trying {to}...")).await;
        let attempt = net.connect(Some(&curl.proc), to);
        let result = match curl.options.connect_timeout {
            None => attempt.await,
            Some(limit) => match curl.proc.sim().timeout(limit, attempt).await {
                Some(result) => result,
                None => {
                    let ms = curl.proc.sim().now().since(begun).as_millis();
                    let text = format!(
                        "Failed to connect to {} port {} after {ms} ms: Timeout was reached",
                        url.host, url.port
                    );
                    return Err(Failure { transient: Some("timeout"), ..Failure::new(28, text) });
                }
            },
        };
        match result {
            Ok(tcp) => return Ok((tcp, to)),
            Err(error) => {
                curl.say('*', &format!("connect to {ip} port {} failed: {error}", url.port)).await;
                last = error;
            }
        }
    }
    let ms = curl.proc.sim().now().since(begun).as_millis();
    let text = format!("Failed to connect to {} port {} after {ms} ms: Couldn't connect to server", url.host, url.port);
    curl.say('*', &text).await;
    curl.say('*', "Closing connection 0").await;
    Err(if last == Errno::ETIMEDOUT {
        Failure { transient: Some("timeout"), ..Failure::new(28, text) }
    } else {
        Failure::new(7, text)
    })
}

async fn handshake(curl: &mut Curl, url: &Url, stream: &mut Stream) -> Result<(), Failure> {
    curl.say('*', "ALPN: offers h2,http/1.1").await;
    curl.data('}', 5).await;
    curl.say('*', "TLSv1.3 (OUT), TLS handshake, Client hello (1):").await;
    curl.data('}', 512).await;
    if !curl.options.insecure {
        let file = curl.options.cacert.as_deref().unwrap_or("/etc/ssl/certs/ca-certificates.crt");
        curl.say('*', &format!(" CAfile: {file}")).await;
        curl.say('*', &format!(" CApath: {}", if curl.options.cacert.is_some() { "none" } else { "/etc/ssl/certs" }))
            .await;
    }
    let certificate = match stream.client_hello(&url.host).await {
        Ok(certificate) => certificate,
        Err(error) => {
            let text = match error {
                TlsError::NotTls(_) => "OpenSSL/3.0.16: error:0A00010B:SSL routines::wrong version number".to_owned(),
                TlsError::Io(Errno::ECONNRESET) => {
                    format!("OpenSSL SSL_connect: Connection reset by peer in connection to {}:{} ", url.host, url.port)
                }
                TlsError::Alert(_) => {
                    "OpenSSL/3.0.16: error:0A000410:SSL routines::sslv3 alert handshake failure".to_owned()
                }
                TlsError::Closed | TlsError::Io(_) => {
                    format!("OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to {}:{} ", url.host, url.port)
                }
            };
            curl.say('*', &text).await;
            return Err(Failure::new(35, text));
        }
    };
    for (text, size) in [("Server hello (2):", 122), ("Encrypted Extensions (8):", 15), ("Certificate (11):", 1367)] {
        curl.say('*', &format!("TLSv1.3 (IN), TLS handshake, {text}")).await;
        curl.data('{', size).await;
    }
    let verdict = judge(curl, url, &certificate).await;
    if let Err(why) = &verdict
        && !curl.options.insecure
    {
        curl.say('*', "TLSv1.3 (OUT), TLS alert, unknown CA (560):").await;
        curl.data('}', 2).await;
        curl.say('*', &format!("SSL certificate problem: {why}")).await;
        // The server may have gone.
        let _ = stream.refuse_certificate().await;
        return Err(Failure::new(60, format!("SSL certificate problem: {why}{UNTRUSTED}")));
    }
    if stream.accept_certificate().await.is_err() {
        return Err(Failure::new(35, "OpenSSL SSL_connect: Connection reset by peer"));
    }
    for (mark, way, text, size) in [
        ('{', "IN", "TLS handshake, CERT verify (15):", 264),
        ('{', "IN", "TLS handshake, Finished (20):", 52),
        ('}', "OUT", "TLS change cipher, Change cipher spec (1):", 1),
        ('}', "OUT", "TLS handshake, Finished (20):", 52),
    ] {
        curl.say('*', &format!("TLSv1.3 ({way}), {text}")).await;
        curl.data(mark, size).await;
    }
    curl.say('*', "SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384").await;
    curl.say('*', "ALPN: server did not agree on a protocol. Uses default.").await;
    curl.say('*', "Server certificate:").await;
    let day = |t: jiff::Timestamp| t.strftime("%b %e %H:%M:%S %Y GMT").to_string();
    curl.say('*', &format!(" subject: {}", certificate.subject)).await;
    curl.say('*', &format!(" start date: {}", day(certificate.not_before))).await;
    curl.say('*', &format!(" expire date: {}", day(certificate.not_after))).await;
    curl.say('*', &format!(" issuer: {}", certificate.issuer)).await;
    match verdict {
        Ok(()) => curl.say('*', " SSL certificate verify ok.").await,
        Err(why) => {
            let number = if certificate.is_self_signed() { 18 } else { 20 };
            curl.say('*', &format!(" SSL certificate verify result: {why} ({number}), continuing anyway.")).await;
        }
    }
    curl.say('*', "using HTTP/1.x").await;
    curl.data('}', 5).await;
    Ok(())
}

/// Whether the certificate is good for `url`; OpenSSL's words if it isn't.
async fn judge(curl: &Curl, url: &Url, certificate: &Certificate) -> Result<(), String> {
    let given = match &curl.options.cacert {
        Some(path) => {
            let pem = curl.proc.read_file(path).await.map(util::text).unwrap_or_default();
            Some(Certificate::from_pem(&pem))
        }
        None => None,
    };
    let checked = certificate.check(&url.host, curl.proc.sim().wall(), given.as_ref().map(Option::as_ref));
    checked.map_err(|fault| match fault {
        Fault::SelfSigned => "self-signed certificate".into(),
        Fault::UnknownIssuer => "unable to get local issuer certificate".into(),
        Fault::Expired => "certificate has expired".into(),
        Fault::WrongName => {
            let name = certificate.common_name();
            format!("subject name '{name}' does not match target host name '{}'", url.host)
        }
    })
}

async fn exchange(curl: &mut Curl, url: &Url, stream: Stream, request: &Request) -> Result<Response, Failure> {
    let mut connection = Connection::new(stream);
    let version = if request.minor == 0 { "1.0" } else { "1.1" };
    curl.say('>', &format!("{} {} HTTP/{version}", request.method, request.target)).await;
    for (name, value) in request.headers.iter() {
        curl.say('>', &format!("{name}: {value}")).await;
    }
    curl.say('>', "").await;
    if !request.body.is_empty() {
        curl.data('}', request.body.len()).await;
    }
    let (proc, net) = (curl.proc.clone(), curl.proc.net().clone());
    let result = http::exchange(&net, proc.sim(), Some(&proc), &mut connection, request).await;
    let response = match result {
        Ok(response) => response,
        Err(error) => {
            let failure = match error {
                ReadError::Closed => Failure::new(52, "Empty reply from server"),
                ReadError::Cut { missing: 0 } => {
                    Failure::new(18, "transfer closed with outstanding read data remaining")
                }
                ReadError::Cut { missing } => {
                    Failure::new(18, format!("transfer closed with {missing} bytes remaining to read"))
                }
                ReadError::Malformed(_) => Failure::new(1, "Received HTTP/0.9 when not allowed"),
                ReadError::TooLarge => Failure::new(27, "Out of memory"),
                ReadError::Io(Errno::EPIPE) => Failure::new(55, "Send failure: Broken pipe"),
                ReadError::Io(error) => Failure::new(56, format!("Recv failure: {error}")),
            };
            curl.say('*', &failure.text).await;
            return Err(failure);
        }
    };
    if url.tls {
        curl.data('{', 5).await;
    }
    curl.say('<', &format!("HTTP/1.{} {} {}", response.minor, response.status, response.reason)).await;
    for (name, value) in response.headers.iter() {
        curl.say('<', &format!("{name}: {value}")).await;
    }
    curl.say('<', "").await;
    if !response.body.is_empty() {
        curl.data('{', response.body.len()).await;
    }
    curl.facts.status = response.status;
    curl.facts.content_type = response.headers.get("content-type").unwrap_or_default().into();
    Ok(response)
}
