//! Open files: inodes, pipes, terminals, sinks. A `File` is an open file description; clones share
//! its offset, as dup(2) does.

use std::rc::Rc;

use super::{Errno, Tty};

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
}

/// An open file description.
#[derive(Clone)]
pub struct File(Rc<()>);

impl File {
    /// Up to `max` bytes; empty at the end of the file. Waits for pipes and terminals.
    pub async fn read(&self, max: usize) -> Result<Vec<u8>, Errno> {
        todo!()
    }
    /// Everything up to the end.
    pub async fn read_to_end(&self) -> Result<Vec<u8>, Errno> {
        todo!()
    }
    /// Writes all of `data`; waits while a pipe is full. EPIPE when nobody will read it.
    pub async fn write_all(&self, data: &[u8]) -> Result<(), Errno> {
        todo!()
    }
    pub fn is_tty(&self) -> bool {
        todo!()
    }
    pub fn tty(&self) -> Option<Tty> {
        todo!()
    }
    /// Moves the offset of a regular file.
    pub fn seek(&self, offset: u64) -> Result<u64, Errno> {
        todo!()
    }
    /// What readlink of /proc/self/fd/N shows: a path, `pipe:[12]`, `/dev/pts/0`.
    pub fn describe(&self) -> String {
        todo!()
    }

    /// /dev/null.
    pub fn null() -> File {
        todo!()
    }
    /// Calls `sink` with each write. For logs and captured output: costs no task.
    pub fn sink(sink: impl Fn(&[u8]) + 'static) -> File {
        todo!()
    }
}

/// (read end, write end), 64 KiB between them. Dropping the last clone of an end closes it.
pub fn pipe() -> (File, File) {
    todo!()
}
