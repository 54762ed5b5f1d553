//! What programs share: options, usage errors, reading lines, writing output.

use std::collections::VecDeque;

use super::Flavour;
use crate::os::{Errno, File, OpenFlags, Proc};

/// The part of a path after the last slash.
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// An exit code for "wrote it all, or could not".
pub fn done(result: Result<(), Errno>) -> i32 {
    i32::from(result.is_err())
}

/// For messages to stderr: if they can't be written there is nobody left to tell.
pub fn ignore(_: Result<(), Errno>) {}

/// Says `message` on stderr and gives back `code`.
pub async fn fail(proc: &Proc, code: i32, message: &str) -> i32 {
    ignore(proc.eprint(&format!("{message}\n")).await);
    code
}

/// The name a program was called by, for its messages.
pub fn program_name(proc: &Proc) -> String {
    proc.argv().first().map(|name| file_name(name).to_string()).unwrap_or_default()
}

/// Writes bytes to stdout. EPIPE raises SIGPIPE, as the kernel does.
pub async fn write_out(proc: &Proc, data: &[u8]) -> Result<(), Errno> {
    write_to(proc, &proc.stdout(), data).await
}

/// Writes bytes to any descriptor. EPIPE raises SIGPIPE, as the kernel does.
pub async fn write_to(proc: &Proc, file: &File, data: &[u8]) -> Result<(), Errno> {
    if data.is_empty() {
        return Ok(());
    }
    proc.write(file, data).await
}

/// Output collected and written in chunks.
pub struct Out {
    proc: Proc,
    buffer: Vec<u8>,
}

impl Out {
    const CHUNK: usize = 32 * 1024;

    pub fn new(proc: &Proc) -> Out {
        Out { proc: proc.clone(), buffer: Vec::new() }
    }

    /// Adds to the buffer, and writes it out when it is large.
    pub async fn write(&mut self, data: &[u8]) -> Result<(), Errno> {
        self.buffer.extend_from_slice(data);
        if self.buffer.len() >= Out::CHUNK { self.flush().await } else { Ok(()) }
    }

    pub async fn line(&mut self, text: &str) -> Result<(), Errno> {
        self.buffer.extend_from_slice(text.as_bytes());
        self.write(b"\n").await
    }

    pub async fn flush(&mut self) -> Result<(), Errno> {
        let data = std::mem::take(&mut self.buffer);
        write_out(&self.proc, &data).await
    }

    /// Writes what is left and turns the outcome into an exit code; `code` if all was written.
    pub async fn finish(mut self, code: i32) -> i32 {
        if self.flush().await.is_ok() { code } else { 1 }
    }
}

/// Reads a file line by line, in chunks.
pub struct Lines {
    file: File,
    end: u8,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
}

impl Lines {
    /// Longer lines are handed out in pieces, so that input without a newline stays bounded.
    const LONGEST: usize = 4 << 20;

    pub fn new(file: File) -> Lines {
        Lines { file, end: b'\n', buffer: Vec::new(), start: 0, ended: false }
    }

    /// With another byte than the newline at the end of each.
    pub fn until(self, end: u8) -> Lines {
        Lines { end, ..self }
    }

    /// The next line with its newline (the last one may lack it); `None` at the end. Costs what looking through it
    /// does.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Errno> {
        let mut searched = self.start;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|b| *b == self.end) {
                let line = self.buffer[self.start..=searched + at].to_vec();
                self.start = searched + at + 1;
                self.file.cost(line.len());
                return Ok(Some(line));
            }
            if self.ended || self.buffer.len() - self.start >= Lines::LONGEST {
                let line = self.buffer.split_off(self.start);
                self.buffer.clear();
                self.start = 0;
                return Ok((!line.is_empty()).then_some(line));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            searched = self.buffer.len();
            let more = self.file.read(64 * 1024).await?;
            self.ended = more.is_empty();
            self.buffer.extend_from_slice(&more);
        }
    }

    /// More work on so many bytes of it, for who holds the file.
    pub fn cost(&self, bytes: usize) {
        self.file.cost(bytes);
    }

    /// The next line as text without its newline.
    pub async fn next_text(&mut self) -> Result<Option<String>, Errno> {
        Ok(self.next().await?.map(|mut line| {
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            text(line)
        }))
    }
}

/// Bytes as text; what isn't UTF-8 becomes U+FFFD.
pub fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Opens an operand for reading; `-` is stdin.
pub fn open_input(proc: &Proc, path: &str) -> Result<File, Errno> {
    if path == "-" {
        return Ok(proc.stdin());
    }
    if proc.stat(path)?.file_type == crate::os::fs::FileType::Directory {
        return Err(Errno::EISDIR);
    }
    proc.open(path, OpenFlags::READ, 0)
}

/// `open_input`'s error in the words of the flavour.
pub fn open_error(flavour: Flavour, name: &str, path: &str, error: Errno) -> String {
    match (flavour, error) {
        (Flavour::Gnu, _) => format!("{name}: {path}: {error}"),
        (Flavour::Busybox, Errno::EISDIR) => format!("{name}: read error: {error}"),
        (Flavour::Busybox, _) => format!("{name}: can't open '{path}': {error}"),
    }
}

/// One step of an option parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    /// `-x`
    Short(char),
    /// `--name`
    Long(String),
    /// An operand.
    Value(String),
}

/// A getopt_long: bundled short options, attached and separate values, `--name=value`, `--`, options
/// after operands.
pub struct Args {
    name: String,
    flavour: Flavour,
    rest: VecDeque<String>,
    /// Short options left in the current bundle.
    bundle: Option<String>,
    /// The value of `--name=value`, not asked for yet.
    attached: Option<String>,
    current: String,
    only_operands: bool,
    /// Stop reading options at the first operand (`env`, `timeout`, `xargs`).
    pub stop_at_operand: bool,
}

/// A usage error, ready to print (one or two lines).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage(pub String);

impl Args {
    pub fn of(proc: &Proc, flavour: Flavour) -> Args {
        Args::new(&program_name(proc), flavour, proc.argv().iter().skip(1).cloned())
    }

    pub fn new(name: &str, flavour: Flavour, args: impl IntoIterator<Item = String>) -> Args {
        Args {
            name: name.to_string(),
            flavour,
            rest: args.into_iter().collect(),
            bundle: None,
            attached: None,
            current: String::new(),
            only_operands: false,
            stop_at_operand: false,
        }
    }

    /// The next option or operand; `None` at the end.
    #[allow(clippy::should_implement_trait)] // an iterator could not report errors
    pub fn next(&mut self) -> Result<Option<Arg>, Usage> {
        if self.attached.take().is_some() {
            let option = &self.current;
            let name = &self.name;
            return Err(Usage(format!("{name}: option '{option}' doesn't allow an argument\n{}", self.hint())));
        }
        if let Some(bundle) = &mut self.bundle
            && !bundle.is_empty()
        {
            let option = bundle.remove(0);
            self.current = option.to_string();
            return Ok(Some(Arg::Short(option)));
        }
        self.bundle = None;
        let Some(arg) = self.rest.pop_front() else { return Ok(None) };
        if self.only_operands || arg == "-" || !arg.starts_with('-') {
            if self.stop_at_operand {
                self.only_operands = true;
            }
            return Ok(Some(Arg::Value(arg)));
        }
        if arg == "--" {
            self.only_operands = true;
            return self.next();
        }
        if let Some(long) = arg.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (long, None),
            };
            self.current = format!("--{name}");
            self.attached = value;
            return Ok(Some(Arg::Long(name.to_string())));
        }
        self.bundle = Some(arg[1..].to_string());
        self.next()
    }

    /// The value of the option just read.
    pub fn value(&mut self) -> Result<String, Usage> {
        if let Some(value) = self.attached.take() {
            return Ok(value);
        }
        if let Some(bundle) = self.bundle.take()
            && !bundle.is_empty()
        {
            return Ok(bundle);
        }
        match self.rest.pop_front() {
            Some(value) => Ok(value),
            None if self.current.starts_with("--") => {
                Err(Usage(format!("{}: option '{}' requires an argument\n{}", self.name, self.current, self.hint())))
            }
            None => {
                Err(Usage(format!("{}: option requires an argument -- '{}'\n{}", self.name, self.current, self.hint())))
            }
        }
    }

    /// The value of the option just read, if it is attached (`--color=auto`).
    pub fn optional_value(&mut self) -> Option<String> {
        self.attached.take().or_else(|| self.bundle.take().filter(|bundle| !bundle.is_empty()))
    }

    /// The error for an option that the program doesn't know.
    pub fn unknown(&self) -> Usage {
        let Args { name, current, .. } = self;
        match current.strip_prefix("--") {
            Some(_) => Usage(format!("{name}: unrecognized option '{current}'\n{}", self.hint())),
            None => Usage(format!("{name}: invalid option -- '{current}'\n{}", self.hint())),
        }
    }

    pub fn missing_operand(&self) -> Usage {
        Usage(format!("{}: missing operand\n{}", self.name, self.hint()))
    }

    /// The operands left, without looking for options in them.
    pub fn remaining(&mut self) -> Vec<String> {
        self.rest.drain(..).collect()
    }

    fn hint(&self) -> String {
        match self.flavour {
            Flavour::Gnu => format!("Try '{} --help' for more information.\n", self.name),
            Flavour::Busybox => String::new(),
        }
    }
}

/// Reports a usage error.
pub async fn usage(proc: &Proc, error: Usage, code: i32) -> i32 {
    ignore(proc.eprint(&error.0).await);
    code
}
