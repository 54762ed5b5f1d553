//! awk's input and output: operands, getline, redirections, commands.

use std::rc::Rc;

use super::{
    input::{Records, Separator},
    interpret::{ARGC, ARGV, Awk, End, Evaluated, FILENAME, FNR, NR, RS},
    syntax::{Expr, Place, Redirect, Source, unescape},
    value::{Cell, Key, Value},
};
use crate::{
    os::{Errno, File, OpenFlags, Pid, process::Group},
    programs::util,
};

pub struct Sink {
    file: File,
    command: Option<Pid>,
    buffer: Vec<u8>,
}

pub struct Reader {
    records: Records,
    command: Option<Pid>,
}

impl Awk {
    pub(super) fn separator(&mut self) -> Result<Separator, End> {
        let text = self.known(RS);
        Ok(match text.as_bytes() {
            [] => Separator::Paragraph,
            [byte] => Separator::Byte(*byte),
            _ => Separator::Regex(self.regex_of(&text)?),
        })
    }

    pub(super) fn open(&self, path: &str) -> Result<File, Errno> {
        if path == "/dev/stdin" { Ok(self.proc.stdin()) } else { util::open_input(&self.proc, path) }
    }

    /// The next record of the operands, or of stdin.
    pub(super) async fn next_record(&mut self) -> Result<Option<String>, End> {
        loop {
            let separator = self.separator()?;
            if let Some(input) = &mut self.input {
                match input.next(&separator).await {
                    Ok(Some(record)) => {
                        for counter in [NR, FNR] {
                            let next = self.global(counter).number() + 1.0;
                            self.globals[counter] = Cell::Scalar(Value::Number(next));
                        }
                        return Ok(Some(record));
                    }
                    Ok(None) => self.input = None,
                    Err(error) => return Err(End::Error(format!("read error: {error}"))),
                }
                continue;
            }
            let count = self.global(ARGC).number() as usize;
            let operand = loop {
                if self.next_operand >= count {
                    break None;
                }
                let key = Key(self.next_operand.to_string().into());
                self.next_operand += 1;
                let text = self.array(Place::Global(ARGV))?.borrow().get(&key).map(|value| value.string("%.6g"));
                let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
                match text.split_once('=').filter(|(name, _)| crate::programs::sh::is_name(name)) {
                    Some((name, value)) => self.set_named(name, Value::input(&unescape(value))),
                    None => break Some(text),
                }
            };
            let path: Rc<str> = match operand {
                Some(path) => path,
                None if self.saw_file => return Ok(None),
                None => "-".into(),
            };
            self.saw_file = true;
            let file = self.open(&path).map_err(|error| End::Error(format!("cannot open {path} ({error})")))?;
            self.input = Some(Records::new(file));
            self.globals[FNR] = Cell::Scalar(Value::Number(0.0));
            let name = if &*path == "-" { Value::text("") } else { Value::Input(path) };
            self.globals[FILENAME] = Cell::Scalar(name);
        }
    }

    pub(super) async fn getline(&mut self, source: &Source, target: Option<&Expr>) -> Evaluated {
        let (record, counts) = match source {
            Source::Input => (self.next_record().await?, false),
            Source::File(path) => {
                let path = self.text(path).await?;
                if !self.readers.contains_key(&*path) {
                    let Ok(file) = self.open(&path) else { return Ok(Value::Number(-1.0)) };
                    let reader = Reader { records: Records::new(file), command: None };
                    self.readers.insert(path.to_string(), reader);
                }
                (self.read(&path).await?, false)
            }
            Source::Command(command) => {
                let command = self.text(command).await?;
                if !self.readers.contains_key(&*command) {
                    self.flush().await.map_err(|_| End::Broken)?;
                    let (read, write) = self.proc.pipe();
                    let Ok(pid) = self.spawn(&command, vec![(1, write)]) else { return Ok(Value::Number(-1.0)) };
                    let reader = Reader { records: Records::new(read), command: Some(pid) };
                    self.readers.insert(command.to_string(), reader);
                }
                (self.read(&command).await?, true)
            }
        };
        let Some(record) = record else { return Ok(Value::Number(0.0)) };
        if counts {
            let next = self.global(NR).number() + 1.0;
            self.globals[NR] = Cell::Scalar(Value::Number(next));
        }
        match target {
            Some(target) => self.assign(target, Value::input(&record)).await?,
            None => self.set_record(&record),
        }
        Ok(Value::Number(1.0))
    }

    pub(super) async fn read(&mut self, name: &str) -> Result<Option<String>, End> {
        let separator = self.separator()?;
        let Some(reader) = self.readers.get_mut(name) else { return Ok(None) };
        reader.records.next(&separator).await.map_err(|error| End::Error(format!("read error on {name} ({error})")))
    }

    pub fn spawn(&self, command: &str, fds: Vec<(i32, File)>) -> Result<Pid, Errno> {
        let argv = ["sh", "-c", command].map(str::to_string);
        self.proc.spawn(&argv, self.proc.environ(), fds, Group::Inherit)
    }

    pub async fn write(&mut self, data: &[u8]) -> Result<(), End> {
        self.out.write(data).await.map_err(|_| End::Broken)
    }

    pub(super) async fn write_to(&mut self, redirect: &Redirect, data: &[u8]) -> Result<(), End> {
        let (expr, append, is_pipe) = match redirect {
            Redirect::File(expr) => (expr, false, false),
            Redirect::Append(expr) => (expr, true, false),
            Redirect::Pipe(expr) => (expr, false, true),
        };
        let name = self.text(expr).await?;
        match &*name {
            "/dev/stdout" | "-" if !is_pipe => return self.write(data).await,
            "/dev/stderr" if !is_pipe => {
                self.flush().await.map_err(|_| End::Broken)?;
                let stderr = self.proc.stderr();
                return util::write_to(&self.proc, &stderr, data).await.map_err(|_| End::Broken);
            }
            _ => {}
        }
        if !self.sinks.contains_key(&*name) {
            let sink = match is_pipe {
                true => {
                    self.flush().await.map_err(|_| End::Broken)?;
                    let (read, write) = self.proc.pipe();
                    let spawned = self.spawn(&name, vec![(0, read)]);
                    let pid = spawned.map_err(|error| End::Error(format!("cannot open \"{name}\" ({error})")))?;
                    Sink { file: write, command: Some(pid), buffer: Vec::new() }
                }
                false => {
                    let flags = if append { OpenFlags::APPEND } else { OpenFlags::WRITE };
                    let opened = self.proc.open(&name, flags, 0o666);
                    let file =
                        opened.map_err(|error| End::Error(format!("cannot open \"{name}\" for output ({error})")))?;
                    Sink { file, command: None, buffer: Vec::new() }
                }
            };
            self.sinks.insert(name.to_string(), sink);
        }
        let proc = self.proc.clone();
        if let Some(sink) = self.sinks.get_mut(&*name) {
            sink.buffer.extend_from_slice(data);
            if sink.buffer.len() > 32 * 1024 {
                let data = std::mem::take(&mut sink.buffer);
                util::write_to(&proc, &sink.file, &data).await.map_err(|_| End::Broken)?;
            }
        }
        Ok(())
    }

    /// Writes out everything that waits.
    pub async fn flush(&mut self) -> Result<(), Errno> {
        for sink in self.sinks.values_mut() {
            let data = std::mem::take(&mut sink.buffer);
            util::ignore(util::write_to(&self.proc, &sink.file, &data).await);
        }
        self.out.flush().await
    }

    /// `close`: the exit status of a command, 0 of a file, -1 if it isn't open.
    pub async fn close(&mut self, name: &str) -> f64 {
        if let Some(Sink { file, command, buffer }) = self.sinks.remove(name) {
            util::ignore(util::write_to(&self.proc, &file, &buffer).await);
            drop(file);
            return self.ended(command).await;
        }
        match self.readers.remove(name) {
            Some(Reader { records, command }) => {
                drop(records);
                self.ended(command).await
            }
            None => -1.0,
        }
    }

    pub(super) async fn ended(&self, command: Option<Pid>) -> f64 {
        match command {
            Some(pid) => self.proc.wait(pid).await.map_or(-1.0, |status| f64::from(status.code())),
            None => 0.0,
        }
    }

    pub async fn close_all(&mut self) {
        util::ignore(self.flush().await);
        let names: Vec<String> = self.sinks.keys().chain(self.readers.keys()).cloned().collect();
        for name in names {
            self.close(&name).await;
        }
    }
}
