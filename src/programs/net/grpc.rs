//! gRPC as a marked stream: HTTP/2's preface and frames, so that a peer that speaks something else sees garbage, but with
//! plain text where HTTP/2 compresses headers and gRPC encodes messages. Only health checks are spoken.
//! Sources: RFC 9113; gRPC's health checking protocol; kubernetes `pkg/probe/grpc/grpc.go`.

use std::{fmt, net::SocketAddr, time::Duration};

use crate::{
    os::{Errno, NetNs, TcpStream},
    programs::net::{http::Connection, tls::Stream},
    sim::Sim,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const MAX_FRAME: usize = 16 * 1024;
const CHECK: &str = "/grpc.health.v1.Health/Check";
/// A client's waits between tries to connect: the first, and how much longer each next one is.
const BACKOFF: (Duration, f64) = (Duration::from_secs(1), 1.6);

/// What a server says of one of its services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Serving,
    NotServing,
    /// An error: its code's name and its text.
    Error(&'static str, String),
}

/// Why a probe failed. `Display` is what the kubelet says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    NoConnection(SocketAddr, Duration),
    NoAnswer(Duration),
    Unhealthy(&'static str),
    NotImplemented(String),
    Error { code: String, text: String },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoConnection(to, limit) => write!(
                f,
                "timeout: failed to connect service \"{to}\" within {}s: context deadline exceeded",
                limit.as_secs()
            ),
            Failure::NoAnswer(limit) => write!(f, "timeout: health rpc did not complete within {}s", limit.as_secs()),
            Failure::Unhealthy(status) => write!(f, "service unhealthy (responded with \"{status}\")"),
            Failure::NotImplemented(text) => write!(
                f,
                "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {text}"
            ),
            Failure::Error { code, text } => {
                write!(f, "error: health rpc probe failed: rpc error: code = {code} desc = {text}")
            }
        }
    }
}

impl std::error::Error for Failure {}

fn frame(kind: u8, payload: &str) -> Vec<u8> {
    let length = payload.len().min(MAX_FRAME);
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let stream = u8::from(kind == HEADERS);
    let mut bytes = vec![a, b, c, kind, 0, 0, 0, 0, stream];
    bytes.extend(&payload.as_bytes()[..length]);
    bytes
}

/// A stream with what was read ahead.
struct Frames {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Frames {
    /// `count` bytes; `None` at the end of the stream.
    async fn take(&mut self, count: usize) -> Result<Option<Vec<u8>>, Errno> {
        while self.buffer.len() < count {
            let more = self.stream.read(MAX_FRAME).await?;
            if more.is_empty() {
                return Ok(None);
            }
            self.buffer.extend(more);
        }
        Ok(Some(self.buffer.drain(..count).collect()))
    }

    /// The next frame's kind and payload; `None` at the end, or where there is none.
    async fn next(&mut self) -> Result<Option<(u8, String)>, Errno> {
        let Some(head) = self.take(9).await? else { return Ok(None) };
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        if length > MAX_FRAME || head[3] > 9 {
            return Ok(None);
        }
        let payload = self.take(length).await?;
        Ok(payload.map(|payload| (head[3], String::from_utf8_lossy(&payload).into_owned())))
    }
}

/// Serves one connection. `check` tells of a service; what doesn't speak HTTP/2 is left to `http`.
pub async fn serve<F: Future<Output = ()>>(
    stream: TcpStream,
    check: impl Fn(&str) -> Health,
    http: impl FnOnce(Connection) -> F,
) {
    let mut frames = Frames { stream, buffer: Vec::new() };
    loop {
        let matching = frames.buffer.iter().zip(PREFACE).take_while(|(a, b)| a == b).count();
        if matching == PREFACE.len() {
            break;
        }
        if matching < frames.buffer.len() {
            return http(Connection::begun(Stream::plain(frames.stream), frames.buffer)).await;
        }
        match frames.stream.read(MAX_FRAME).await {
            Ok(more) if !more.is_empty() => frames.buffer.extend(more),
            _ => return,
        }
    }
    frames.buffer.drain(..PREFACE.len());
    if frames.stream.write_all(&frame(SETTINGS, "")).await.is_err() {
        return;
    }
    while let Ok(Some((kind, payload))) = frames.next().await {
        if kind != HEADERS {
            continue;
        }
        let answer = match payload.split_once('\n') {
            Some((CHECK, service)) => match check(service) {
                Health::Serving => "0\nOK\nSERVING".to_string(),
                Health::NotServing => "0\nOK\nNOT_SERVING".to_string(),
                Health::Error(code, text) => format!("1\n{code}\n{text}"),
            },
            _ => "1\nUnimplemented\nunknown service".to_string(),
        };
        if frames.stream.write_all(&frame(HEADERS, &answer)).await.is_err() {
            return;
        }
    }
}

/// Asks for the health of `service`, as the kubelet's probes do.
pub async fn probe(sim: &Sim, net: &NetNs, to: SocketAddr, service: &str, limit: Duration) -> Result<(), Failure> {
    let deadline = sim.now() + limit;
    let connecting = async {
        let mut wait = BACKOFF.0;
        loop {
            if let Ok(stream) = net.connect(None, to).await
                && let Ok(frames) = greet(stream).await
            {
                return frames;
            }
            sim.sleep(wait).await;
            wait = wait.mul_f64(BACKOFF.1);
        }
    };
    let mut frames = sim.timeout(limit, connecting).await.ok_or(Failure::NoConnection(to, limit))?;
    let asking = async {
        frames.stream.write_all(&frame(HEADERS, &format!("{CHECK}\n{service}"))).await?;
        loop {
            match frames.next().await? {
                Some((HEADERS, payload)) => return Ok(payload),
                Some(_) => {}
                None => return Err(Errno::ECONNRESET),
            }
        }
    };
    let unavailable = |error: Errno| Failure::Error {
        code: "Unavailable".into(),
        text: format!("error reading from server: {}", error.text().to_lowercase()),
    };
    let answer: Result<String, Errno> =
        sim.timeout(deadline.since(sim.now()), asking).await.ok_or(Failure::NoAnswer(limit))?;
    let answer = answer.map_err(unavailable)?;
    let mut lines = answer.splitn(3, '\n');
    match (lines.next(), lines.next().unwrap_or_default(), lines.next().unwrap_or_default()) {
        (Some("0"), _, "SERVING") => Ok(()),
        (Some("0"), ..) => Err(Failure::Unhealthy("NOT_SERVING")),
        (_, "Unimplemented", text) => Err(Failure::NotImplemented(text.into())),
        (_, code, text) => Err(Failure::Error { code: code.into(), text: text.into() }),
    }
}

/// The greeting, after which a connection is ready.
async fn greet(stream: TcpStream) -> Result<Frames, Errno> {
    let mut frames = Frames { stream, buffer: Vec::new() };
    let mut hello = PREFACE.to_vec();
    hello.extend(frame(SETTINGS, ""));
    frames.stream.write_all(&hello).await?;
    match frames.next().await? {
        Some((SETTINGS, _)) => Ok(frames),
        _ => Err(Errno::ECONNRESET),
    }
}
