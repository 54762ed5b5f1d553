//! File systems and mounts. A container's root is a read-only image below and its own changes above
//! (copy on write by inode), so a thousand containers of one image share its files.
//!
//! - [`FsImage`]: an immutable table of inodes, shared.
//! - [`Filesystem`]: an image below, changed inodes above. Knows directories and names, not paths.
//! - [`MountNs`]: mounts, and the walk along a path through them.

mod data;
mod disk;
mod filesystem;
mod image;
mod mount;
mod names;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use crate::sim::SimTime;

pub use data::program;
pub use disk::Disk;
pub use filesystem::Filesystem;
pub(super) use filesystem::{Body, Executable, OpenNode};
pub use image::FsImage;
pub(super) use mount::{Cred, Resolved, Step, clean_path};
pub use mount::{Mount, MountNs};
pub(super) use names::Names;

/// An inode number, unique within a file system.
pub(super) type Ino = u64;

/// The root directory of every file system.
pub(super) const ROOT: Ino = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    Regular,
    Directory,
    Symlink,
    CharDevice,
    Fifo,
    Socket,
}

#[derive(Clone, Debug)]
pub struct Stat {
    pub ino: u64,
    pub file_type: FileType,
    /// Permission bits, without the type.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub nlink: u32,
    pub mtime: SimTime,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    pub name: String,
    pub file_type: FileType,
    pub ino: u64,
}

/// What a file of an image holds.
#[derive(Clone, Debug)]
pub enum Content {
    Data(Rc<[u8]>),
    /// An executable whose code is found in the machine's `ProgramTable`; it shows `size` bytes.
    Program {
        name: String,
        size: u64,
    },
    Symlink(String),
    Directory,
}

/// The character devices of /dev.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Device {
    Null,
    Zero,
    Full,
    Random,
    Tty,
    Ptmx,
}
