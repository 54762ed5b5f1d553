//! RESP, the protocol: what a request and a reply look like on the wire.

use crate::os::{Errno, TcpStream};

/// Longer bulk strings and arrays are refused.
const MAX_BULK: usize = 8 << 20;
const MAX_ITEMS: usize = 1 << 16;
const MAX_DEPTH: u32 = 8;

#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Status(String),
    Error(String),
    Integer(i64),
    /// `None` is nil.
    Bulk(Option<Vec<u8>>),
    Array(Option<Vec<Reply>>),
}

impl Reply {
    pub fn ok() -> Reply {
        Reply::Status("OK".into())
    }

    pub fn error(text: impl Into<String>) -> Reply {
        Reply::Error(text.into())
    }

    pub fn nil() -> Reply {
        Reply::Bulk(None)
    }

    pub fn bulk(data: impl Into<Vec<u8>>) -> Reply {
        Reply::Bulk(Some(data.into()))
    }

    pub fn array(items: impl IntoIterator<Item = Vec<u8>>) -> Reply {
        Reply::Array(Some(items.into_iter().map(Reply::bulk).collect()))
    }

    pub fn count(n: usize) -> Reply {
        Reply::Integer(i64::try_from(n).unwrap_or(i64::MAX))
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        let line = |out: &mut Vec<u8>, mark: char, text: &str| {
            out.extend(format!("{mark}{}\r\n", text.replace(['\r', '\n'], " ")).bytes());
        };
        match self {
            Reply::Status(text) => line(out, '+', text),
            Reply::Error(text) => line(out, '-', text),
            Reply::Integer(n) => line(out, ':', &n.to_string()),
            Reply::Bulk(None) => line(out, '$', "-1"),
            Reply::Bulk(Some(data)) => {
                line(out, '$', &data.len().to_string());
                out.extend(data);
                out.extend(b"\r\n");
            }
            Reply::Array(None) => line(out, '*', "-1"),
            Reply::Array(Some(items)) => {
                line(out, '*', &items.len().to_string());
                items.iter().for_each(|item| item.encode(out));
            }
        }
    }
}

/// A request as clients send it.
pub fn request(words: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    Reply::array(words.iter().cloned()).encode(&mut out);
    out
}

/// Why nothing more comes from a stream.
#[derive(Debug)]
pub enum End {
    Closed,
    Lost(Errno),
    /// Bytes that aren't RESP; the text that Redis answers.
    Protocol(String),
}

/// Reads one message after the other.
pub struct Reader {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Reader {
    pub fn new(stream: TcpStream) -> Reader {
        Reader { stream, buffer: Vec::new() }
    }

    /// A request: an array of bulk strings, or words on a line. Empty lines are skipped.
    pub async fn request(&mut self) -> Result<Vec<Vec<u8>>, End> {
        loop {
            let line = self.line().await?;
            if line.first() != Some(&b'*') {
                let Some(words) = split(&line) else {
                    return Err(End::Protocol("unbalanced quotes in request".into()));
                };
                if words.is_empty() {
                    continue;
                }
                return Ok(words);
            }
            let count = number(&line[1..]).filter(|n| usize::try_from(*n).is_ok_and(|n| n <= MAX_ITEMS) || *n < 0);
            let Some(count) = count else { return Err(End::Protocol("invalid multibulk length".into())) };
            let mut words = Vec::new();
            for _ in 0..count {
                let line = self.line().await?;
                if line.first() != Some(&b'$') {
                    let got = char::from(line.first().copied().unwrap_or(b' '));
                    return Err(End::Protocol(format!("expected '$', got '{got}'")));
                }
                let Some(length) = number(&line[1..]).and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= MAX_BULK)
                else {
                    return Err(End::Protocol("invalid bulk length".into()));
                };
                words.push(self.exactly(length).await?);
            }
            if !words.is_empty() {
                return Ok(words);
            }
        }
    }

    pub async fn reply(&mut self) -> Result<Reply, End> {
        self.nested_reply(MAX_DEPTH).await
    }

    async fn nested_reply(&mut self, depth: u32) -> Result<Reply, End> {
        let line = self.line().await?;
        let Some((mark, rest)) = line.split_first() else { return Err(End::Protocol("empty reply".into())) };
        let text = || String::from_utf8_lossy(rest).into_owned();
        let length = number(rest);
        match (mark, length) {
            (b'+', _) => Ok(Reply::Status(text())),
            (b'-', _) => Ok(Reply::Error(text())),
            (b':', Some(n)) => Ok(Reply::Integer(n)),
            (b'$', Some(n)) if n < 0 => Ok(Reply::nil()),
            (b'*', Some(n)) if n < 0 => Ok(Reply::Array(None)),
            (b'$', Some(n)) => match usize::try_from(n) {
                Ok(n) if n <= MAX_BULK => Ok(Reply::Bulk(Some(self.exactly(n).await?))),
                _ => Err(End::Protocol("invalid bulk length".into())),
            },
            (b'*', Some(n)) if depth > 0 && usize::try_from(n).is_ok_and(|n| n <= MAX_ITEMS) => {
                let mut items = Vec::new();
                for _ in 0..n {
                    items.push(Box::pin(self.nested_reply(depth - 1)).await?);
                }
                Ok(Reply::Array(Some(items)))
            }
            _ => Err(End::Protocol(format!("Got '{}' as reply type byte", char::from(*mark)))),
        }
    }

    async fn more(&mut self) -> Result<(), End> {
        match self.stream.read(16 << 10).await {
            Ok(data) if data.is_empty() => Err(End::Closed),
            Ok(data) => {
                self.buffer.extend(data);
                Ok(())
            }
            Err(errno) => Err(End::Lost(errno)),
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, End> {
        loop {
            if let Some(at) = self.buffer.iter().position(|b| *b == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=at).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            if self.buffer.len() > 64 << 10 {
                return Err(End::Protocol("too big inline request".into()));
            }
            self.more().await?;
        }
    }

    /// So many bytes and the line's end after them.
    async fn exactly(&mut self, count: usize) -> Result<Vec<u8>, End> {
        while self.buffer.len() < count + 2 {
            self.more().await?;
        }
        let mut data: Vec<u8> = self.buffer.drain(..count + 2).collect();
        data.truncate(count);
        Ok(data)
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The words of a line as `redis-cli` and inline requests split them: "…" with escapes, '…'. `None` if a quote is
/// left open, or followed by anything but a blank.
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.iter().copied().peekable();
    loop {
        while rest.next_if(u8::is_ascii_whitespace).is_some() {}
        let Some(&first) = rest.peek() else { return Some(words) };
        let mut word = Vec::new();
        if first == b'"' || first == b'\'' {
            rest.next();
            loop {
                match rest.next()? {
                    b if b == first => break,
                    b'\\' if first == b'"' => word.push(match rest.next()? {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'b' => 8,
                        b'a' => 7,
                        b'x' => {
                            let digits = [rest.next()?, rest.next()?];
                            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
                        }
                        other => other,
                    }),
                    b'\\' if rest.peek() == Some(&b'\'') => word.extend(rest.next()),
                    other => word.push(other),
                }
            }
            if rest.peek().is_some_and(|b| !b.is_ascii_whitespace()) {
                return None;
            }
        } else {
            while let Some(byte) = rest.next_if(|b| !b.is_ascii_whitespace()) {
                word.push(byte);
            }
        }
        words.push(word);
    }
}

/// The requests that a file holds, as far as they can be read.
pub fn requests(mut bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    fn header(bytes: &mut &[u8], mark: u8) -> Option<usize> {
        let at = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let (line, rest) = (&bytes[..at], &bytes[at + 2..]);
        let length = number(line.strip_prefix(&[mark])?)?;
        *bytes = rest;
        usize::try_from(length).ok()
    }
    fn next(bytes: &mut &[u8]) -> Option<Vec<Vec<u8>>> {
        let count = header(bytes, b'*')?;
        let mut words = Vec::new();
        for _ in 0..count {
            let length = header(bytes, b'$')?;
            words.push(bytes.get(..length)?.to_vec());
            *bytes = bytes.get(length + 2..)?;
        }
        Some(words)
    }
    std::iter::from_fn(|| next(&mut bytes)).collect()
}
