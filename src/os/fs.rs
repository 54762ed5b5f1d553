//! File systems and mounts. A container's root is a read-only image below and its own changes above
//! (copy on write by inode), so a thousand containers of one image share its files.

use std::rc::Rc;

use super::Errno;
use crate::sim::SimTime;

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

#[derive(Clone, Debug)]
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

/// An immutable tree of files: an image's layers, flattened.
#[derive(Default)]
pub struct FsImage(());

impl FsImage {
    /// `files`: absolute path, mode, owner uid, content. Missing parent directories are made (0755, root).
    pub fn new(files: impl IntoIterator<Item = (String, u32, u32, Content)>) -> FsImage {
        todo!()
    }
}

/// A mountable tree: image below, changes above. Clones are the same file system.
#[derive(Clone)]
pub struct Filesystem(Rc<()>);

impl Filesystem {
    /// `kind` as /proc/mounts names it: overlay, tmpfs, ext4.
    pub fn new(kind: &str, lower: Rc<FsImage>) -> Filesystem {
        todo!()
    }
    /// An empty directory, `limit` bytes at most (ENOSPC beyond).
    pub fn empty(kind: &str, limit: Option<u64>) -> Filesystem {
        todo!()
    }
    /// Bytes used by files written here.
    pub fn used(&self) -> u64 {
        todo!()
    }
    /// Direct access from outside any process (volumes set up by the kubelet, the workspace).
    pub fn write(&self, path: &str, data: &[u8], mode: u32) -> Result<(), Errno> {
        todo!()
    }
    pub fn read(&self, path: &str) -> Result<Vec<u8>, Errno> {
        todo!()
    }
    pub fn remove(&self, path: &str) -> Result<(), Errno> {
        todo!()
    }
    pub fn mkdir_all(&self, path: &str, mode: u32) -> Result<(), Errno> {
        todo!()
    }
    pub fn symlink(&self, target: &str, path: &str) -> Result<(), Errno> {
        todo!()
    }
    pub fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        todo!()
    }
    /// Every regular file, sorted: (absolute path, size).
    pub fn files(&self) -> Vec<(String, u64)> {
        todo!()
    }
    /// Counts changes; lets a watcher (the editor's tabs) notice that something was written.
    pub fn revision(&self) -> u64 {
        todo!()
    }
}

/// A mount: a directory of `fs` (or a file, for subPath and /etc/hosts) seen at `target`.
#[derive(Clone)]
pub struct Mount {
    pub target: String,
    pub fs: Filesystem,
    /// Path within `fs`; "/" for its root.
    pub source: String,
    pub read_only: bool,
}

/// A mount namespace: the mounts that a process sees. The kernel adds /proc and /dev itself.
#[derive(Clone)]
pub struct MountNs(Rc<()>);

impl MountNs {
    pub fn new(root: Filesystem, root_read_only: bool) -> MountNs {
        todo!()
    }
    /// Mounts over `target`, making the mount point if needed.
    pub fn mount(&self, mount: Mount) -> Result<(), Errno> {
        todo!()
    }
    pub fn mounts(&self) -> Vec<Mount> {
        todo!()
    }
}
