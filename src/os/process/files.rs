//! What a process does with files.

use std::{borrow::Cow, cell::RefCell, rc::Rc};

use super::Proc;
use crate::os::{
    Capability, Errno, File, MountNs, OpenFlags,
    file::Kind,
    fs::{Body, Cred, Device, DirEntry, FileType, Resolved, Stat, Step},
    pipe::Pipe,
    procfs,
};

impl Proc {
    fn cred(&self) -> Cred {
        self.0.cred.borrow().clone()
    }

    /// `path` against the working directory, for the walk, and the mounts that it leads through: /proc/PID/root is what
    /// that process sees. `..` is left to the walk.
    fn place<'p>(&self, path: &'p str) -> Result<(MountNs, Cow<'p, str>), Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let full = match path.starts_with('/') {
            true => Cow::Borrowed(path),
            false => Cow::Owned(format!("{}/{path}", self.0.cwd.borrow())),
        };
        let mnt = &self.namespaces().mnt;
        if let Some((pid, rest)) = full.strip_prefix("/proc/").and_then(|rest| rest.split_once("/root"))
            && (rest.is_empty() || rest.starts_with('/'))
            && let Some(other) = pid.parse().ok().and_then(|pid| self.namespaces().pid.member(pid))
            && !other.namespaces.mnt.same(mnt)
        {
            if !self.capabilities().has(Capability::SYS_PTRACE)
                && self.uid() != 0
                && self.uid() != other.cred.borrow().uid
            {
                return Err(Errno::EACCES);
            }
            let rest = if rest.is_empty() { "/" } else { rest };
            return Ok((other.namespaces.mnt.clone(), Cow::Owned(rest.to_owned())));
        }
        Ok((mnt.clone(), full))
    }

    fn walk(&self, path: &str, follow: bool) -> Result<(MountNs, Resolved), Errno> {
        let (mnt, full) = self.place(path)?;
        let found = mnt.walk(&self.cred(), Some(self), &full, follow)?;
        Ok((mnt, found))
    }

    /// open(2). `mode` is for a file that is created, less the umask. Opening /dev/stdout or
    /// /proc/self/fd/N gives that descriptor itself.
    pub fn open(&self, path: &str, flags: OpenFlags, mode: u32) -> Result<File, Errno> {
        Ok(self.open_file(path, flags, mode)?.held_by(&self.0))
    }

    fn open_file(&self, path: &str, flags: OpenFlags, mode: u32) -> Result<File, Errno> {
        let cred = self.cred();
        let (mnt, found) = self.walk(path, !(flags.create && flags.exclusive))?;
        let Some(step) = &found.node else {
            if !flags.create {
                return Err(Errno::ENOENT);
            }
            if found.must_be_dir {
                return Err(Errno::EISDIR);
            }
            let step = mnt.create(&cred, &found, Body::File(RefCell::default()), mode & !self.0.umask.get())?;
            let (fs, ino) = mnt.writable(&step)?;
            return Ok(File::from_kind(Kind::Node(fs.open(ino)), flags, found.path));
        };
        if flags.create && flags.exclusive {
            return Err(Errno::EEXIST);
        }
        let (mount, ino) = match step {
            Step::Fs { mount, ino } => (*mount, *ino),
            Step::Proc(at) => return procfs::open(self, at, flags),
        };
        let fs = mnt.fs(mount);
        let stat = fs.stat_ino(ino);
        if flags.directory && stat.file_type != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        let wanted = if flags.read { 4 } else { 0 } | if flags.write { 2 } else { 0 };
        let kind = match stat.file_type {
            FileType::Symlink => return Err(Errno::ELOOP),
            FileType::Directory if flags.write || flags.create => return Err(Errno::EISDIR),
            FileType::Directory => {
                cred.may(&stat, wanted)?;
                Kind::Directory
            }
            FileType::CharDevice => {
                cred.may(&stat, wanted)?;
                if let Some(tty) = fs.terminal(ino) {
                    return Ok(tty.file());
                }
                match fs.device(ino).ok_or(Errno::ENXIO)? {
                    Device::Null => Kind::Null,
                    Device::Zero => Kind::Zero,
                    Device::Full => Kind::Full,
                    Device::Random => Kind::Random(self.machine().random()),
                    Device::Tty => return self.tty().map(|tty| tty.file()).ok_or(Errno::ENXIO),
                    // Terminals come from outside the machine only.
                    Device::Ptmx => return Err(Errno::ENODEV),
                }
            }
            FileType::Fifo => {
                cred.may(&stat, wanted)?;
                let pipe = fs.fifo(ino).ok_or(Errno::ENXIO)?;
                match (flags.read, flags.write) {
                    (true, true) => Kind::PipeBoth(pipe),
                    (false, true) => Kind::PipeWriter(pipe),
                    _ => Kind::PipeReader(pipe),
                }
            }
            FileType::Socket => return Err(Errno::ENXIO),
            FileType::Regular => {
                cred.may(&stat, wanted)?;
                if flags.write {
                    mnt.writable(step)?;
                }
                let node = fs.open(ino);
                if flags.truncate && flags.write && stat.size > 0 {
                    node.truncate(0)?;
                }
                Kind::Node(node)
            }
        };
        Ok(File::from_kind(kind, flags, found.path))
    }

    pub fn stat(&self, path: &str) -> Result<Stat, Errno> {
        let (mnt, full) = self.place(path)?;
        mnt.stat(&self.cred(), Some(self), &full, true)
    }

    pub fn lstat(&self, path: &str) -> Result<Stat, Errno> {
        let (mnt, full) = self.place(path)?;
        mnt.stat(&self.cred(), Some(self), &full, false)
    }

    /// access(2). `mask`: 4 read, 2 write, 1 execute; 0 asks only whether it is there.
    pub fn access(&self, path: &str, mask: u32) -> Result<(), Errno> {
        let (mnt, found) = self.walk(path, true)?;
        match found.node.ok_or(Errno::ENOENT)? {
            Step::Proc(at) => self.cred().may(&procfs::stat(self, &at, true)?, mask),
            step @ Step::Fs { mount, ino } => {
                self.cred().may(&mnt.fs(mount).stat_ino(ino), mask)?;
                if mask & 2 != 0 { mnt.writable(&step).map(drop) } else { Ok(()) }
            }
        }
    }

    /// Sorted by name, without `.` and `..`.
    pub fn read_dir(&self, path: &str) -> Result<Vec<DirEntry>, Errno> {
        let (mnt, full) = self.place(path)?;
        mnt.read_dir(&self.cred(), Some(self), &full)
    }

    pub fn mkdir(&self, path: &str, mode: u32) -> Result<(), Errno> {
        // mkdir dir/ is mkdir dir: a link there isn't followed.
        let name = path.trim_end_matches('/');
        let (mnt, found) = self.walk(if name.is_empty() { path } else { name }, false)?;
        let mode = mode & !self.0.umask.get();
        mnt.create(&self.cred(), &found, Body::Directory(RefCell::default()), mode).map(drop)
    }

    pub fn unlink(&self, path: &str) -> Result<(), Errno> {
        let (mnt, full) = self.place(path)?;
        mnt.unlink(&self.cred(), Some(self), &full)
    }

    pub fn rmdir(&self, path: &str) -> Result<(), Errno> {
        let (mnt, full) = self.place(path)?;
        mnt.rmdir(&self.cred(), Some(self), &full)
    }

    pub fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        let ((mnt, from), (other, to)) = (self.place(from)?, self.place(to)?);
        if !mnt.same(&other) {
            return Err(Errno::EXDEV);
        }
        mnt.rename(&self.cred(), &from, &to)
    }

    pub fn symlink(&self, target: &str, path: &str) -> Result<(), Errno> {
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        if target.len() >= 4096 {
            return Err(Errno::ENAMETOOLONG);
        }
        let (mnt, found) = self.walk(path, false)?;
        if found.node.is_none() && found.must_be_dir {
            return Err(Errno::ENOENT);
        }
        mnt.create(&self.cred(), &found, Body::Symlink(target.into()), 0o777).map(drop)
    }

    pub fn link(&self, existing: &str, path: &str) -> Result<(), Errno> {
        let ((mnt, existing), (other, path)) = (self.place(existing)?, self.place(path)?);
        if !mnt.same(&other) {
            return Err(Errno::EXDEV);
        }
        mnt.link(&self.cred(), &existing, &path)
    }

    /// mkfifo(3). Opening it doesn't wait for the other side; reading and writing do.
    pub fn mkfifo(&self, path: &str, mode: u32) -> Result<(), Errno> {
        let (mnt, found) = self.walk(path, false)?;
        let pipe = Rc::new(Pipe::new(self.machine().next_pipe()));
        let mode = mode & !self.0.umask.get();
        mnt.create(&self.cred(), &found, Body::Fifo(pipe), mode).map(drop)
    }

    pub fn read_link(&self, path: &str) -> Result<String, Errno> {
        let (mnt, full) = self.place(path)?;
        mnt.read_link(&self.cred(), Some(self), &full)
    }

    /// realpath(3): without symlinks, `.` and `..`. The last part need not exist.
    pub fn real_path(&self, path: &str) -> Result<String, Errno> {
        Ok(self.walk(path, true)?.1.path)
    }

    pub fn chmod(&self, path: &str, mode: u32) -> Result<(), Errno> {
        let (mnt, found) = self.walk(path, true)?;
        let step = found.node.ok_or(Errno::ENOENT)?;
        let (fs, ino) = mnt.writable(&step)?;
        let cred = self.cred();
        if !cred.can(Capability::FOWNER) && cred.uid != fs.stat_ino(ino).uid {
            return Err(Errno::EPERM);
        }
        fs.set_mode(ino, mode);
        Ok(())
    }

    pub fn chown(&self, path: &str, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        let (mnt, found) = self.walk(path, true)?;
        let step = found.node.ok_or(Errno::ENOENT)?;
        let (fs, ino) = mnt.writable(&step)?;
        let stat = fs.stat_ino(ino);
        let cred = self.cred();
        let own_group = |gid: u32| gid == stat.gid || gid == cred.gid || cred.groups.contains(&gid);
        let allowed = uid.is_none_or(|u| u == stat.uid) && stat.uid == cred.uid && gid.is_none_or(own_group);
        if !cred.can(Capability::CHOWN) && !allowed {
            return Err(Errno::EPERM);
        }
        fs.set_owner(ino, uid, gid);
        Ok(())
    }

    /// Sets the modification time to now.
    pub fn touch(&self, path: &str) -> Result<(), Errno> {
        self.set_mtime(path, self.sim().now())
    }

    /// Sets the modification time.
    pub fn set_mtime(&self, path: &str, mtime: crate::sim::SimTime) -> Result<(), Errno> {
        let (mnt, found) = self.walk(path, true)?;
        let step = found.node.ok_or(Errno::ENOENT)?;
        let Step::Fs { .. } = step else { return Err(Errno::EPERM) };
        let (fs, ino) = mnt.writable(&step)?;
        let stat = fs.stat_ino(ino);
        if self.uid() != stat.uid {
            self.cred().may(&stat, 2)?;
        }
        fs.set_mtime(ino, mtime);
        Ok(())
    }

    /// The whole of a regular file, or of a device until its end.
    pub async fn read_file(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let file = self.open(path, OpenFlags::READ, 0)?;
        file.read_to_end().await
    }

    /// Creates or replaces a file.
    pub async fn write_file(&self, path: &str, data: &[u8]) -> Result<(), Errno> {
        let file = self.open(path, OpenFlags::WRITE, 0o666)?;
        self.write(&file, data).await
    }

    pub fn umask(&self) -> u32 {
        self.0.umask.get()
    }

    /// Sets the umask; returns what it was.
    pub fn set_umask(&self, mask: u32) -> u32 {
        self.0.umask.replace(mask & 0o777)
    }

    /// statfs(2) of the file system at `path`: bytes used, bytes it can hold, its kind.
    pub fn statfs(&self, path: &str) -> Result<(u64, Option<u64>, String), Errno> {
        let (mnt, found) = self.walk(path, true)?;
        match found.node.ok_or(Errno::ENOENT)? {
            Step::Fs { mount, .. } => {
                let fs = mnt.fs(mount);
                let kind = fs.kind().to_owned();
                Ok(match fs.disk() {
                    // All that lies on the disk is one file system to df.
                    Some(disk) => (disk.used(), Some(disk.size()), kind),
                    // In pages.
                    None => (fs.used().next_multiple_of(4096), fs.limit(), kind),
                })
            }
            Step::Proc(_) => Ok((0, Some(0), "proc".to_owned())),
        }
    }
}
