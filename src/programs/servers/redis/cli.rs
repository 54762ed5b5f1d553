//! `redis-cli [-h HOST] [-p PORT] [-a PASSWORD] [-n DB] [-r COUNT] [--raw|--no-raw] [COMMAND...]`: one command, those of
//! standard input, or a conversation at a terminal.

use std::net::SocketAddr;

use super::resp::{self, End, Reader, Reply};
use crate::{
    os::{Errno, Proc, TcpStream},
    programs::{
        net::resolve::resolve,
        util::{self, Lines},
    },
};

const VERSION: &str = "7.0.15";

struct Options {
    host: String,
    port: u16,
    password: Option<String>,
    db: Option<String>,
    repeat: u32,
    raw: bool,
}

struct Connection {
    stream: TcpStream,
    reader: Reader,
}

pub async fn main(proc: Proc) -> i32 {
    let terminal = proc.stdout().tty().is_some();
    let password = proc.env("REDISCLI_AUTH");
    let mut options = Options { host: "127.0.0.1".into(), port: 6379, password, db: None, repeat: 1, raw: !terminal };
    let argv = proc.argv();
    let mut args = argv.iter().skip(1).peekable();
    while let Some(option) = args.next_if(|arg| arg.starts_with('-')) {
        let mut value = || args.next().cloned().unwrap_or_default();
        match option.as_str() {
            "-h" => options.host = value(),
            "-p" => match value().parse() {
                Ok(port) => options.port = port,
                Err(_) => return util::fail(&proc, 1, "Invalid server port.").await,
            },
            "-a" | "--pass" => options.password = Some(value()),
            "-n" => options.db = Some(value()),
            "-r" => options.repeat = value().parse().unwrap_or(1),
            "--raw" => options.raw = true,
            "--no-raw" => options.raw = false,
            "--no-auth-warning" => {}
            "-v" | "--version" => return util::done(proc.print(&format!("redis-cli {VERSION}\n")).await),
            other => {
                let text = format!("Unrecognized option or bad number of args for: '{other}'");
                return util::fail(&proc, 1, &text).await;
            }
        }
    }
    let words: Vec<Vec<u8>> = args.map(|arg| arg.clone().into_bytes()).collect();
    if !words.is_empty() {
        return once(&proc, &options, &words).await;
    }
    converse(&proc, &options, terminal && proc.stdin().tty().is_some()).await
}

async fn once(proc: &Proc, options: &Options, words: &[Vec<u8>]) -> i32 {
    let mut connection = match connect(proc, options).await {
        Ok(connection) => connection,
        Err(why) => return util::fail(proc, 1, &why).await,
    };
    for _ in 0..options.repeat {
        if let Err(code) = ask(proc, options, &mut connection, words).await {
            return code;
        }
    }
    0
}

/// Lines until the end, each a command; at a terminal with a prompt.
async fn converse(proc: &Proc, options: &Options, prompts: bool) -> i32 {
    let mut connection = None;
    let mut db = options.db.clone().unwrap_or_default();
    let mut lines = Lines::new(proc.stdin());
    loop {
        if connection.is_none() {
            match connect(proc, options).await {
                Ok(made) => connection = Some(made),
                Err(why) if prompts => util::ignore(proc.eprint(&format!("{why}\n")).await),
                Err(why) => return util::fail(proc, 1, &why).await,
            }
        }
        if prompts {
            let place = match (&connection, db.as_str()) {
                (None, _) => "not connected".to_string(),
                (Some(_), "" | "0") => format!("{}:{}", options.host, options.port),
                (Some(_), db) => format!("{}:{}[{db}]", options.host, options.port),
            };
            util::ignore(proc.print(&format!("{place}> ")).await);
        }
        let Ok(Some(line)) = lines.next().await else { return 0 };
        let Some(words) = resp::split(&line) else {
            util::ignore(proc.print("Invalid argument(s)\n").await);
            continue;
        };
        let Some(first) = words.first().map(|word| util::text(word.to_ascii_lowercase())) else { continue };
        match first.as_str() {
            "quit" | "exit" => return 0,
            "clear" if prompts => {
                util::ignore(proc.print("\x1b[H\x1b[2J").await);
                continue;
            }
            _ => {}
        }
        let Some(open) = &mut connection else { continue };
        match ask(proc, options, open, &words).await {
            Ok(answered) if first == "select" && answered => {
                db = words.get(1).cloned().map(util::text).unwrap_or_default();
            }
            Ok(_) => {}
            Err(_) => connection = None,
        }
    }
}

async fn connect(proc: &Proc, options: &Options) -> Result<Connection, String> {
    let at = format!("Could not connect to Redis at {}:{}", options.host, options.port);
    let addresses = resolve(proc, &options.host).await;
    if addresses.is_empty() {
        return Err(format!("{at}: Name or service not known"));
    }
    let mut error = Errno::ECONNREFUSED;
    for address in addresses {
        match proc.net().connect(Some(proc), SocketAddr::new(address, options.port)).await {
            Ok(stream) => return greet(proc, options, stream).await.map_err(|why| format!("{at}: {why}")),
            Err(errno) => error = errno,
        }
    }
    Err(format!("{at}: {error}"))
}

/// Authenticates and chooses the database.
async fn greet(proc: &Proc, options: &Options, stream: TcpStream) -> Result<Connection, String> {
    let mut connection = Connection { reader: Reader::new(stream.clone()), stream };
    let auth = options.password.as_ref().map(|password| ("AUTH", password));
    let select = options.db.as_ref().map(|db| ("SELECT", db));
    for (name, value) in auth.into_iter().chain(select) {
        let words = [name.as_bytes().to_vec(), value.clone().into_bytes()];
        match exchange(&mut connection, &words).await {
            Ok(Reply::Error(why)) => util::ignore(proc.eprint(&format!("{name} failed: {why}\n")).await),
            Ok(_) => {}
            Err(_) => return Err("Server closed the connection".into()),
        }
    }
    Ok(connection)
}

async fn exchange(connection: &mut Connection, words: &[Vec<u8>]) -> Result<Reply, End> {
    connection.stream.write_all(&resp::request(words)).await.map_err(End::Lost)?;
    connection.reader.reply().await
}

/// Sends a command and prints the reply; whether it was none of an error. An exit code if the connection is lost.
async fn ask(proc: &Proc, options: &Options, connection: &mut Connection, words: &[Vec<u8>]) -> Result<bool, i32> {
    match exchange(connection, words).await {
        Ok(reply) => {
            let text = if options.raw { raw(&reply) } else { shown(&reply, "") };
            util::ignore(util::write_out(proc, &text).await);
            Ok(!matches!(reply, Reply::Error(_)))
        }
        // The server's answer to SHUTDOWN is to go.
        Err(End::Closed) if words[0].eq_ignore_ascii_case(b"shutdown") => Err(0),
        Err(End::Closed) => {
            util::ignore(proc.eprint("Error: Server closed the connection\n").await);
            Err(1)
        }
        Err(End::Lost(errno)) => {
            util::ignore(proc.eprint(&format!("Error: {errno}\n")).await);
            Err(1)
        }
        Err(End::Protocol(why)) => {
            util::ignore(proc.eprint(&format!("Error: Protocol error, {why}\n")).await);
            Err(1)
        }
    }
}

/// As scripts want it.
fn raw(reply: &Reply) -> Vec<u8> {
    let mut out = match reply {
        // An error has an empty line after it.
        Reply::Error(text) => format!("{text}\n").into_bytes(),
        Reply::Status(text) => text.clone().into_bytes(),
        Reply::Integer(n) => n.to_string().into_bytes(),
        Reply::Bulk(data) => data.clone().unwrap_or_default(),
        Reply::Array(items) => {
            let lines: Vec<Vec<u8>> = items.iter().flatten().map(raw).collect();
            let mut all = lines.concat();
            all.pop();
            all
        }
    };
    out.push(b'\n');
    out
}

/// As people want it; `indent` is what stands before further lines of an array.
fn shown(reply: &Reply, indent: &str) -> Vec<u8> {
    let line = |text: String| (text + "\n").into_bytes();
    match reply {
        Reply::Error(text) => line(format!("(error) {text}")),
        Reply::Status(text) => line(text.clone()),
        Reply::Integer(n) => line(format!("(integer) {n}")),
        Reply::Bulk(None) | Reply::Array(None) => line("(nil)".into()),
        Reply::Bulk(Some(data)) => line(quoted(data)),
        Reply::Array(Some(items)) if items.is_empty() => line("(empty array)".into()),
        Reply::Array(Some(items)) => {
            let width = items.len().to_string().len();
            let mut out = Vec::new();
            for (at, item) in items.iter().enumerate() {
                let number = format!("{:>width$}) ", at + 1);
                if at > 0 {
                    out.extend(indent.bytes());
                }
                out.extend(number.bytes());
                out.extend(shown(item, &format!("{indent}{}", " ".repeat(number.len()))));
            }
            out
        }
    }
}

fn quoted(data: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in data {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            b'\n' => text += "\\n",
            b'\r' => text += "\\r",
            b'\t' => text += "\\t",
            7 => text += "\\a",
            8 => text += "\\b",
            0x20..=0x7e => text.push(char::from(*byte)),
            _ => text += &format!("\\x{byte:02x}"),
        }
    }
    text.push('"');
    text
}
