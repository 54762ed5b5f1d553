//! TLS as a marked stream. The records have TLS' real framing (type, version, length), so that a
//! plain-text peer sees garbage and a TLS peer notices plain text, but nothing is encrypted: the
//! server's hello carries its certificate in clear, the client judges it.

use std::net::SocketAddr;

use jiff::Timestamp;

use crate::{
    os::{Errno, TcpStream},
    programs::net::base64,
};

const HANDSHAKE: u8 = 0x16;
const ALERT: u8 = 0x15;
const DATA: u8 = 0x17;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const FINISHED: u8 = 20;
const CLOSE_NOTIFY: [u8; 2] = [1, 0];
const UNKNOWN_CA: [u8; 2] = [2, 48];
/// TLS' largest record.
const MAX_RECORD: usize = 16 * 1024;

/// What a client sees of a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// As curl prints it: `C=XX; L=Default City; CN=example.com`.
    pub subject: String,
    pub issuer: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// Alternative names, beside the subject's CN; `*.` at the front of one stands for any label.
    pub names: Vec<String>,
}

/// The organisations whose certificates programs trust without being told to.
const AUTHORITIES: [&str; 7] = [
    "Amazon",
    "DigiCert Inc",
    "Fastly, Inc.",
    "GlobalSign nv-sa",
    "Google Trust Services",
    "Let's Encrypt",
    "Sectigo Limited",
];

/// Why a certificate isn't good for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    SelfSigned,
    UnknownIssuer,
    Expired,
    WrongName,
}

impl Certificate {
    /// Nobody vouches for it but itself.
    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }

    /// The subject's CN.
    pub fn common_name(&self) -> &str {
        self.subject.rsplit("CN=").next().unwrap_or_default()
    }

    /// Whether it is good for `host` now. `authority`: who is to be trusted, instead of the well-known ones.
    pub fn check(&self, host: &str, now: Timestamp, authority: Option<Option<&Certificate>>) -> Result<(), Fault> {
        let organisation = self.issuer.split("; ").find_map(|part| part.strip_prefix("O="));
        let trusted = match authority {
            Some(authority) => authority.is_some_and(|authority| authority.subject == self.issuer),
            None => !self.is_self_signed() && organisation.is_some_and(|name| AUTHORITIES.contains(&name)),
        };
        let is = |name: &str| match name.strip_prefix("*.") {
            Some(rest) => host.split_once('.').is_some_and(|(_, domain)| domain == rest),
            None => name == host,
        };
        match () {
            () if !trusted && self.is_self_signed() => Err(Fault::SelfSigned),
            () if !trusted => Err(Fault::UnknownIssuer),
            () if now > self.not_after => Err(Fault::Expired),
            () if !is(self.common_name()) && !self.names.iter().any(|name| is(name)) => Err(Fault::WrongName),
            () => Ok(()),
        }
    }

    fn to_text(&self) -> String {
        let names = self.names.join(" ");
        format!("{}\n{}\n{}\n{}\n{names}\n", self.subject, self.issuer, self.not_before, self.not_after)
    }

    fn from_text(text: &str) -> Option<Certificate> {
        let mut lines = text.lines();
        let mut next = || lines.next();
        Some(Certificate {
            subject: next()?.to_owned(),
            issuer: next()?.to_owned(),
            not_before: next()?.parse().ok()?,
            not_after: next()?.parse().ok()?,
            names: next().unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        })
    }

    /// Reads a PEM file: the base64 body holds subject, issuer, the two dates and further names, a line each.
    pub fn from_pem(pem: &str) -> Option<Certificate> {
        let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
        let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
        let body: String = body.split_whitespace().collect();
        Certificate::from_text(&String::from_utf8(base64::decode(&body)?).ok()?)
    }
}

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsError {
    /// The peer's bytes aren't TLS. They are kept, as a server may want to answer them.
    NotTls(Vec<u8>),
    /// The peer closed the connection.
    Closed,
    /// The peer refused: its alert's number.
    Alert(u8),
    Io(Errno),
}

impl From<Errno> for TlsError {
    fn from(error: Errno) -> TlsError {
        TlsError::Io(error)
    }
}

/// A connection that may be wrapped in TLS.
pub struct Stream {
    tcp: TcpStream,
    tls: bool,
    /// Received, not yet taken: plain bytes, or record bytes if `tls`.
    raw: Vec<u8>,
    ended: bool,
}

impl Stream {
    pub fn plain(tcp: TcpStream) -> Stream {
        Stream { tcp, tls: false, raw: Vec::new(), ended: false }
    }

    pub fn is_tls(&self) -> bool {
        self.tls
    }

    pub fn local_addr(&self) -> SocketAddr {
        self.tcp.local_addr()
    }

    pub fn peer_addr(&self) -> SocketAddr {
        self.tcp.peer_addr()
    }

    /// The client's first half of a handshake. Finish it with [`Stream::accept_certificate`] or
    /// [`Stream::refuse_certificate`].
    pub async fn client_hello(&mut self, server_name: &str) -> Result<Certificate, TlsError> {
        let mut hello = vec![CLIENT_HELLO];
        hello.extend_from_slice(server_name.as_bytes());
        // A first hello says TLS 1.0 in its record, for old servers' sake.
        self.tcp.write_all(&record(HANDSHAKE, 1, &hello)).await?;
        self.tls = true;
        match self.read_record().await? {
            Some((HANDSHAKE, body)) if body.first() == Some(&SERVER_HELLO) => String::from_utf8(body[1..].to_vec())
                .ok()
                .and_then(|text| Certificate::from_text(&text))
                .ok_or(TlsError::NotTls(body)),
            Some((ALERT, body)) => Err(TlsError::Alert(body.get(1).copied().unwrap_or(0))),
            Some((_, body)) => Err(TlsError::NotTls(body)),
            None => Err(TlsError::Closed),
        }
    }

    pub async fn accept_certificate(&mut self) -> Result<(), TlsError> {
        Ok(self.tcp.write_all(&record(HANDSHAKE, 3, &[FINISHED])).await?)
    }

    pub async fn refuse_certificate(&mut self) -> Result<(), TlsError> {
        Ok(self.tcp.write_all(&record(ALERT, 3, &UNKNOWN_CA)).await?)
    }

    /// The server's side of a handshake; gives back the name the client asked for.
    pub async fn server_handshake(&mut self, certificate: &Certificate) -> Result<String, TlsError> {
        self.tls = true;
        let name = match self.read_record().await? {
            Some((HANDSHAKE, body)) if body.first() == Some(&CLIENT_HELLO) => {
                String::from_utf8_lossy(&body[1..]).into_owned()
            }
            Some((_, body)) => return Err(TlsError::NotTls(body)),
            None => return Err(TlsError::Closed),
        };
        let mut hello = vec![SERVER_HELLO];
        hello.extend_from_slice(certificate.to_text().as_bytes());
        self.tcp.write_all(&record(HANDSHAKE, 3, &hello)).await?;
        match self.read_record().await? {
            Some((HANDSHAKE, body)) if body.first() == Some(&FINISHED) => Ok(name),
            Some((ALERT, body)) => Err(TlsError::Alert(body.get(1).copied().unwrap_or(0))),
            Some((_, body)) => Err(TlsError::NotTls(body)),
            None => Err(TlsError::Closed),
        }
    }

    /// Some bytes; empty at the end.
    pub async fn read(&mut self) -> Result<Vec<u8>, Errno> {
        if !self.tls {
            return self.tcp.read(64 * 1024).await;
        }
        match self.read_record().await {
            Ok(Some((DATA, body))) => Ok(body),
            Ok(_) => Ok(Vec::new()),
            Err(TlsError::Io(error)) => Err(error),
            Err(_) => Err(Errno::EIO),
        }
    }

    pub async fn write_all(&mut self, data: &[u8]) -> Result<(), Errno> {
        if !self.tls {
            return self.tcp.write_all(data).await;
        }
        for part in data.chunks(MAX_RECORD) {
            self.tcp.write_all(&record(DATA, 3, part)).await?;
        }
        Ok(())
    }

    /// Says that nothing more will be sent.
    pub async fn close(&mut self) {
        if self.tls {
            // The peer may have gone first.
            let _ = self.tcp.write_all(&record(ALERT, 3, &CLOSE_NOTIFY)).await;
        }
        self.tcp.shutdown();
    }

    /// Writes outside of TLS, to a peer that turned out not to speak it.
    pub async fn write_plainly(&self, data: &[u8]) -> Result<(), Errno> {
        self.tcp.write_all(data).await
    }

    /// Hangs up without a word, as after a failed handshake.
    pub fn close_plainly(&self) {
        self.tcp.shutdown();
    }

    /// The next record; `None` at the end of the stream.
    async fn read_record(&mut self) -> Result<Option<(u8, Vec<u8>)>, TlsError> {
        loop {
            if let Some(first) = self.raw.first()
                && (!matches!(*first, HANDSHAKE | ALERT | DATA) || self.raw.get(1).is_some_and(|major| *major != 3))
            {
                return Err(TlsError::NotTls(std::mem::take(&mut self.raw)));
            }
            if let [kind, _, _, high, low, rest @ ..] = self.raw.as_slice() {
                let length = usize::from(*high) << 8 | usize::from(*low);
                if rest.len() >= length {
                    let (kind, body) = (*kind, rest[..length].to_vec());
                    self.raw.drain(..5 + length);
                    return Ok(Some((kind, body)));
                }
            }
            if self.ended {
                return Ok(None);
            }
            let more = self.tcp.read(64 * 1024).await?;
            self.ended = more.is_empty();
            self.raw.extend(more);
        }
    }
}

fn record(kind: u8, minor: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len().min(MAX_RECORD);
    let mut bytes = vec![kind, 3, minor, (length >> 8) as u8, (length & 0xff) as u8];
    bytes.extend_from_slice(&body[..length]);
    bytes
}
