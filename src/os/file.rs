//! Open files: inodes, pipes, terminals, devices, sinks. A `File` is an open file description;
//! clones share its offset, as dup(2) does, and the last clone to go closes it.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::{Rc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use super::{
    Errno, Proc, Tty,
    fs::{FileType, OpenNode, Stat},
    pipe::Pipe,
    process::ProcInner,
};
use crate::sim::{Rng, SimTime};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenFlags {
    pub read: bool,
    pub write: bool,
    pub append: bool,
    pub create: bool,
    pub truncate: bool,
    pub exclusive: bool,
    pub directory: bool,
}

impl OpenFlags {
    pub const READ: OpenFlags = OpenFlags {
        read: true,
        write: false,
        append: false,
        create: false,
        truncate: false,
        exclusive: false,
        directory: false,
    };
    /// `>`
    pub const WRITE: OpenFlags = OpenFlags {
        read: false,
        write: true,
        append: false,
        create: true,
        truncate: true,
        exclusive: false,
        directory: false,
    };
    /// `>>`
    pub const APPEND: OpenFlags = OpenFlags {
        read: false,
        write: true,
        append: true,
        create: true,
        truncate: false,
        exclusive: false,
        directory: false,
    };
    /// `<>`
    pub const READ_WRITE: OpenFlags = OpenFlags {
        read: true,
        write: true,
        append: false,
        create: true,
        truncate: false,
        exclusive: false,
        directory: false,
    };
}

/// Which of a program's two outputs something was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// An open file description, as a process holds it.
#[derive(Clone)]
pub struct File {
    description: Rc<Description>,
    /// Who pays for what is read through it.
    user: Weak<ProcInner>,
}

/// Processor time of a read or write of so many bytes.
pub(super) fn call_cost(bytes: usize) -> Duration {
    Duration::from_nanos(500 + bytes as u64)
}

struct Description {
    kind: Kind,
    flags: OpenFlags,
    offset: Cell<u64>,
    /// The path it was opened by; empty for what has none.
    path: Box<str>,
}

/// Takes what is written, wherever that goes.
pub(super) type Sink = Box<dyn Fn(&[u8])>;

pub(super) enum Kind {
    Node(OpenNode),
    /// Made up when it was opened: a file of /proc.
    Text(Rc<[u8]>),
    Directory,
    PipeReader(Rc<Pipe>),
    PipeWriter(Rc<Pipe>),
    /// A named pipe opened for both.
    PipeBoth(Rc<Pipe>),
    Tty(Tty),
    Null,
    Zero,
    Full,
    Random(Rc<RefCell<Rng>>),
    Sink(Sink),
    /// A descriptor that isn't open.
    Closed,
}

/// What one read of an endless device returns at most, and one of a file.
const DEVICE_CHUNK: usize = 1 << 20;
const FILE_CHUNK: usize = 64 << 20;

/// What [`File::read_to_end`] takes at most: memory is the page's, and /dev/zero has no end.
const MAX_WHOLE: usize = 256 << 20;

impl File {
    pub(super) fn from_kind(kind: Kind, flags: OpenFlags, path: impl Into<Box<str>>) -> File {
        match &kind {
            Kind::PipeReader(pipe) => pipe.open_reader(),
            Kind::PipeWriter(pipe) => pipe.open_writer(),
            Kind::PipeBoth(pipe) => {
                pipe.open_reader();
                pipe.open_writer();
            }
            _ => {}
        }
        let description = Rc::new(Description { kind, flags, offset: Cell::new(0), path: path.into() });
        File { description, user: Weak::new() }
    }

    /// Up to `max` bytes; empty at the end of the file. Waits for pipes and terminals.
    pub async fn read(&self, max: usize) -> Result<Vec<u8>, Errno> {
        // Paid for before the next one: a read that is given up midway must not lose what it has read.
        if let Some(user) = self.user.upgrade() {
            Proc(user).pay().await;
        }
        let data = poll_fn(|cx| self.poll_read(cx, max)).await?;
        if let Some(user) = self.user.upgrade() {
            Proc(user).owe(call_cost(data.len()));
        }
        Ok(data)
    }

    /// Its user will pay for looking through so many bytes.
    pub fn cost(&self, bytes: usize) {
        if let Some(user) = self.user.upgrade() {
            Proc(user).owe(Duration::from_nanos(50 + 10 * bytes as u64));
        }
    }

    /// As `proc` holds it.
    pub(super) fn held_by(mut self, proc: &Rc<ProcInner>) -> File {
        self.user = Rc::downgrade(proc);
        self
    }

    /// As nobody in particular holds it.
    pub(super) fn let_go(mut self) -> File {
        self.user = Weak::new();
        self
    }

    pub fn poll_read(&self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Vec<u8>, Errno>> {
        if !self.description.flags.read {
            return Poll::Ready(Err(Errno::EBADF));
        }
        let offset = self.description.offset.get();
        Poll::Ready(match &self.description.kind {
            Kind::Node(node) => {
                let data = node.read(offset, max.min(FILE_CHUNK));
                self.description.offset.set(offset + data.len() as u64);
                Ok(data)
            }
            Kind::Text(text) => {
                let start = text.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
                let data = text[start..].iter().copied().take(max).collect::<Vec<_>>();
                self.description.offset.set(offset + data.len() as u64);
                Ok(data)
            }
            Kind::Directory => Err(Errno::EISDIR),
            Kind::PipeReader(pipe) | Kind::PipeBoth(pipe) => return pipe.poll_read(cx, max).map(Ok),
            Kind::Tty(tty) => return tty.poll_read(cx, max),
            Kind::Null => Ok(Vec::new()),
            Kind::Zero | Kind::Full => Ok(vec![0; max.min(DEVICE_CHUNK)]),
            Kind::Random(rng) => {
                let mut rng = rng.borrow_mut();
                Ok((0..max.min(DEVICE_CHUNK)).map(|_| rng.below(256) as u8).collect())
            }
            Kind::PipeWriter(_) | Kind::Sink(_) | Kind::Closed => Err(Errno::EBADF),
        })
    }

    /// Everything up to the end. EFBIG beyond 256 MiB.
    pub async fn read_to_end(&self) -> Result<Vec<u8>, Errno> {
        let mut all = Vec::new();
        loop {
            let data = self.read(64 * 1024).await?;
            if data.is_empty() {
                return Ok(all);
            }
            if all.len() + data.len() > MAX_WHOLE {
                return Err(Errno::EFBIG);
            }
            if all.is_empty() {
                all = data;
            } else {
                all.extend_from_slice(&data);
            }
        }
    }

    /// Writes all of `data`; waits while a pipe is full. EPIPE when nobody will read it: write by
    /// [`super::Proc::write`] to have SIGPIPE too.
    pub async fn write_all(&self, data: &[u8]) -> Result<(), Errno> {
        let mut rest = data;
        poll_fn(|cx| self.poll_write(cx, &mut rest)).await
    }

    fn poll_write(&self, cx: &mut Context<'_>, data: &mut &[u8]) -> Poll<Result<(), Errno>> {
        if !self.description.flags.write {
            return Poll::Ready(Err(Errno::EBADF));
        }
        Poll::Ready(match &self.description.kind {
            Kind::Node(node) => {
                let offset = if self.description.flags.append { node.size() } else { self.description.offset.get() };
                let (wrote, result) = node.write(offset, data);
                self.description.offset.set(offset + wrote as u64);
                result
            }
            Kind::PipeWriter(pipe) | Kind::PipeBoth(pipe) => return pipe.poll_write(cx, data),
            Kind::Tty(tty) => tty.write(data),
            Kind::Null | Kind::Zero | Kind::Random(_) => Ok(()),
            Kind::Full => Err(Errno::ENOSPC),
            Kind::Sink(sink) => {
                sink(data);
                Ok(())
            }
            Kind::Text(_) => Err(Errno::EACCES),
            Kind::Directory | Kind::PipeReader(_) | Kind::Closed => Err(Errno::EBADF),
        })
    }

    pub fn is_tty(&self) -> bool {
        matches!(self.description.kind, Kind::Tty(_))
    }

    pub fn tty(&self) -> Option<Tty> {
        match &self.description.kind {
            Kind::Tty(tty) => Some(tty.clone()),
            _ => None,
        }
    }

    pub fn is_open(&self) -> bool {
        !matches!(self.description.kind, Kind::Closed)
    }

    /// Whether both are the same open file description.
    pub fn same(&self, other: &File) -> bool {
        Rc::ptr_eq(&self.description, &other.description)
    }

    /// Moves the offset of a regular file.
    pub fn seek(&self, offset: u64) -> Result<u64, Errno> {
        match self.description.kind {
            Kind::Node(_) | Kind::Text(_) | Kind::Directory => {
                self.description.offset.set(offset);
                Ok(offset)
            }
            Kind::Null | Kind::Zero | Kind::Full | Kind::Random(_) => Ok(0),
            Kind::Closed => Err(Errno::EBADF),
            _ => Err(Errno::ESPIPE),
        }
    }

    /// The offset of a regular file.
    pub fn offset(&self) -> u64 {
        self.description.offset.get()
    }

    /// ftruncate(2).
    pub fn truncate(&self, size: u64) -> Result<(), Errno> {
        match &self.description.kind {
            Kind::Node(node) if self.description.flags.write => node.truncate(size),
            _ => Err(Errno::EINVAL),
        }
    }

    /// fstat(2).
    pub fn stat(&self) -> Result<Stat, Errno> {
        let file_type = match &self.description.kind {
            Kind::Node(node) => return Ok(node.stat()),
            Kind::Closed => return Err(Errno::EBADF),
            Kind::Text(_) => FileType::Regular,
            Kind::Directory => FileType::Directory,
            Kind::PipeReader(_) | Kind::PipeWriter(_) | Kind::PipeBoth(_) | Kind::Sink(_) => FileType::Fifo,
            _ => FileType::CharDevice,
        };
        Ok(Stat { ino: 0, file_type, mode: 0o600, uid: 0, gid: 0, size: 0, nlink: 1, mtime: SimTime::ZERO })
    }

    /// What readlink of /proc/self/fd/N shows: a path, `pipe:[12]`, `/dev/pts/0`.
    pub fn describe(&self) -> String {
        match &self.description.kind {
            Kind::PipeReader(pipe) | Kind::PipeWriter(pipe) if self.description.path.is_empty() => {
                format!("pipe:[{}]", pipe.id)
            }
            Kind::Tty(tty) => format!("/dev/{}", tty.name()),
            Kind::Null => "/dev/null".to_owned(),
            Kind::Sink(_) => "pipe:[0]".to_owned(),
            _ => self.description.path.to_string(),
        }
    }

    /// /dev/null.
    pub fn null() -> File {
        File::from_kind(Kind::Null, OpenFlags::READ_WRITE, "/dev/null")
    }

    /// Calls `sink` with each write. For logs and captured output: costs no task.
    pub fn sink(sink: impl Fn(&[u8]) + 'static) -> File {
        File::from_kind(Kind::Sink(Box::new(sink)), OpenFlags::WRITE, "")
    }

    /// A descriptor that gives EBADF.
    pub(super) fn closed() -> File {
        File::from_kind(Kind::Closed, OpenFlags::READ_WRITE, "")
    }
}

impl Drop for Description {
    fn drop(&mut self) {
        match &self.kind {
            Kind::PipeReader(pipe) => pipe.close_reader(),
            Kind::PipeWriter(pipe) => pipe.close_writer(),
            Kind::PipeBoth(pipe) => {
                pipe.close_reader();
                pipe.close_writer();
            }
            _ => {}
        }
    }
}

/// (read end, write end), 64 KiB between them. Dropping the last clone of an end closes it.
pub fn pipe() -> (File, File) {
    numbered_pipe(0)
}

pub(super) fn numbered_pipe(id: u64) -> (File, File) {
    let pipe = Rc::new(Pipe::new(id));
    let reader = File::from_kind(Kind::PipeReader(pipe.clone()), OpenFlags::READ, "");
    (reader, File::from_kind(Kind::PipeWriter(pipe), OpenFlags::WRITE, ""))
}
