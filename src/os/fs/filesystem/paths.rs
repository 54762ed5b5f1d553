//! A file system by path, from outside any process: volumes that the kubelet sets up, the workspace. Paths that neither
//! links nor `..` are in are followed here; the others are walked.

use std::{borrow::Cow, cell::RefCell};

use super::{
    super::{
        Cred, FileType, Ino, ROOT, Resolved, Stat, Step, data,
        mount::{MAX_NAME, MAX_PATH, MountNs},
    },
    Body, Filesystem,
};
use crate::os::Errno;

impl Filesystem {
    /// Creates or replaces a file; its directory must exist.
    pub fn write(&self, path: &str, data: &[u8], mode: u32) -> Result<(), Errno> {
        let (dir, name, node) = self.find(path)?;
        let ino = match node {
            Some(ino) if self.file_type(ino) == FileType::Directory => return Err(Errno::EISDIR),
            Some(ino) => ino,
            None => self.create(dir, &name, Body::File(RefCell::default()), mode, 0, 0)?,
        };
        let node = self.open(ino);
        node.truncate(0)?;
        node.write(0, &mut &data[..]).1?;
        self.up(ino).mode.set(mode);
        Ok(())
    }

    /// EFBIG beyond 256 MiB.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let ino = self.at(path)?;
        match self.file_type(ino) {
            FileType::Directory => Err(Errno::EISDIR),
            _ if self.stat_ino(ino).size > data::MAX_BYTES => Err(Errno::EFBIG),
            _ => Ok(self.open(ino).read(0, data::MAX_BYTES as usize)),
        }
    }

    /// Removes a file, a symlink, or a directory with all it holds.
    pub fn remove(&self, path: &str) -> Result<(), Errno> {
        let found = self.walk(path, false)?;
        let (Step::Fs { ino: dir, .. }, Some(Step::Fs { ino, .. })) = (&found.parent, &found.node) else {
            return Err(Errno::ENOENT);
        };
        if *ino == ROOT {
            return Err(Errno::EBUSY);
        }
        self.remove_tree(*dir, found.name(), *ino);
        Ok(())
    }

    fn remove_tree(&self, dir: Ino, name: &str, ino: Ino) {
        if self.file_type(ino) == FileType::Directory {
            for (name, child) in self.entries(ino) {
                self.remove_tree(ino, &name, child);
            }
        }
        self.unlink(dir, name);
    }

    pub fn mkdir_all(&self, path: &str, mode: u32) -> Result<(), Errno> {
        let mut at = String::new();
        for part in path.split('/').filter(|p| !p.is_empty()) {
            at.push('/');
            at.push_str(part);
            let (dir, name, node) = self.find(&at)?;
            match node {
                Some(ino) if self.file_type(ino) == FileType::Directory => {}
                Some(_) => return Err(Errno::ENOTDIR),
                None => {
                    self.create(dir, &name, Body::Directory(RefCell::default()), mode, 0, 0)?;
                }
            }
        }
        Ok(())
    }

    pub fn symlink(&self, target: &str, path: &str) -> Result<(), Errno> {
        let body = Body::Symlink(target.into());
        if let Some((dir, name, None)) = self.plain(path) {
            return self.create(dir, name, body, 0o777, 0, 0).map(drop);
        }
        let found = self.walk(path, false)?;
        match (&found.parent, &found.node) {
            (_, Some(_)) => Err(Errno::EEXIST),
            (Step::Fs { ino, .. }, None) => self.create(*ino, found.name(), body, 0o777, 0, 0).map(drop),
            _ => Err(Errno::ENOENT),
        }
    }

    /// Puts the name of a socket there, with the directories above it.
    pub fn socket(&self, path: &str) -> Result<(), Errno> {
        self.mkdir_all(path.rsplit_once('/').map_or("/", |(above, _)| above), 0o755)?;
        match self.find(path)? {
            (_, _, Some(_)) => Err(Errno::EEXIST),
            (dir, name, None) => self.create(dir, &name, Body::Socket, 0o660, 0, 0).map(drop),
        }
    }

    /// Replaces what was at `to`, as rename(2).
    pub fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        MountNs::alone(self).rename(&Cred::root(), from, to)
    }

    pub fn chmod(&self, path: &str, mode: u32) -> Result<(), Errno> {
        let ino = self.at(path)?;
        self.set_mode(ino, mode);
        Ok(())
    }

    pub fn chown(&self, path: &str, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        let ino = self.at(path)?;
        self.set_owner(ino, uid, gid);
        Ok(())
    }

    pub fn stat(&self, path: &str) -> Result<Stat, Errno> {
        Ok(self.stat_ino(self.at(path)?))
    }

    pub fn exists(&self, path: &str) -> bool {
        self.at(path).is_ok()
    }

    /// The names in a directory, sorted.
    pub fn names(&self, path: &str) -> Result<Vec<String>, Errno> {
        let ino = self.at(path)?;
        match self.file_type(ino) {
            FileType::Directory => Ok(self.entries(ino).into_iter().map(|(name, _)| name.to_string()).collect()),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Every regular file, sorted: (absolute path, size).
    pub fn files(&self) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        let mut todo = vec![(String::new(), ROOT)];
        while let Some((path, dir)) = todo.pop() {
            for (name, ino) in self.entries(dir) {
                let path = format!("{path}/{name}");
                match self.file_type(ino) {
                    FileType::Directory => todo.push((path, ino)),
                    FileType::Regular => found.push((path, self.stat_ino(ino).size)),
                    _ => {}
                }
            }
        }
        found.sort();
        found
    }

    /// (directory, name, what is there), where no link and no `..` is on the way; `None`: it takes a real walk.
    fn plain<'p>(&self, path: &'p str) -> Option<(Ino, &'p str, Option<Ino>)> {
        if path.len() >= MAX_PATH || (path.len() > 1 && path.ends_with(['/', '.'])) {
            return None;
        }
        let (mut dir, mut name, mut node) = (ROOT, "", Some(ROOT));
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            (dir, name) = (node?, part);
            if part == ".." || part.len() > MAX_NAME || self.file_type(dir) != FileType::Directory {
                return None;
            }
            node = self.child(dir, part);
            if node.is_some_and(|ino| self.file_type(ino) == FileType::Symlink) {
                return None;
            }
        }
        Some((dir, name, node))
    }

    fn walk(&self, path: &str, follow: bool) -> Result<Resolved, Errno> {
        let absolute = format!("/{path}");
        MountNs::alone(self).walk(&Cred::root(), None, &absolute, follow)
    }

    /// (directory, name, what is there), following symlinks.
    fn find<'p>(&self, path: &'p str) -> Result<(Ino, Cow<'p, str>, Option<Ino>), Errno> {
        if let Some((dir, name, node)) = self.plain(path) {
            return Ok((dir, name.into(), node));
        }
        let found = self.walk(path, true)?;
        let name = found.name().to_owned().into();
        match (found.parent, found.node) {
            (Step::Fs { ino: dir, .. }, None) => Ok((dir, name, None)),
            (Step::Fs { ino: dir, .. }, Some(Step::Fs { ino, .. })) => Ok((dir, name, Some(ino))),
            _ => Err(Errno::ENOENT),
        }
    }

    /// The inode at a path of this file system.
    pub(in crate::os::fs) fn at(&self, path: &str) -> Result<Ino, Errno> {
        self.find(path)?.2.ok_or(Errno::ENOENT)
    }
}
