//! Mount namespaces: the walk along a path, and what can be done at its end.
//!
//! A mount hangs on a name in a directory of another mount, so a mount point needs no inode of its
//! own and mounting changes no file system (but for missing directories above it).

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::BTreeMap,
    ops::Deref,
    rc::Rc,
};

use super::{Body, DirEntry, FileType, Filesystem, FsImage, Ino, ROOT, Stat};
use crate::os::{Capabilities, Capability, Errno, Machine, Privileges, Proc, Tty, procfs};

/// A mount: a directory of `fs` (or a file, for subPath and /etc/hosts) seen at `target`.
#[derive(Clone)]
pub struct Mount {
    pub target: String,
    pub fs: Filesystem,
    /// Path within `fs`; "/" for its root.
    pub source: String,
    pub read_only: bool,
}

/// A mount namespace: the mounts that a process sees. The kernel adds /proc, /sys and /dev itself.
#[derive(Clone)]
pub struct MountNs(Rc<Inner>);

struct Inner {
    mounts: RefCell<Vec<Mounted>>,
    clock_set: Cell<bool>,
}

#[derive(Clone)]
struct Mounted {
    fs: Filesystem,
    at: Rc<Place>,
}

/// Where and how something is mounted. The containers of an image have most of them in common, and share those
/// ([`FsImage::place`]).
#[derive(PartialEq, Eq)]
pub(super) struct Place {
    /// The inode of the file system that is seen.
    root: Ino,
    /// Where it hangs: a name in a directory of an earlier mount.
    parent: usize,
    dir: Ino,
    name: Rc<str>,
    target: Rc<str>,
    source: Rc<str>,
    read_only: bool,
    /// /proc or /sys: no file system behind it.
    proc: bool,
}

impl FsImage {
    /// With the directories above these mount points, which [`MountNs::mount`] would make in each container.
    pub fn with_mount_points(self: &Rc<FsImage>, targets: &[&str]) -> FsImage {
        let root = Filesystem::new("overlay", self.clone());
        let ns = MountNs::new(root.clone(), false);
        for target in targets {
            // What can't be made is told when it is mounted.
            let _made = ns.make_mount_point(target);
        }
        root.freeze()
    }
}

/// What a file system of that kind lies on.
fn device(kind: &str) -> &str {
    if kind == "ext4" { "/dev/vda1" } else { kind }
}

/// Whose permissions count.
#[derive(Clone)]
pub(in crate::os) struct Cred {
    pub(in crate::os) uid: u32,
    pub(in crate::os) gid: u32,
    pub(in crate::os) groups: Rc<[u32]>,
    pub(in crate::os) privileges: Privileges,
}

impl Cred {
    pub(in crate::os) fn root() -> Cred {
        Cred { uid: 0, gid: 0, groups: Rc::default(), privileges: Privileges::HOST }
    }

    /// Those at work: root's, as far as they are bounded.
    pub(in crate::os) fn effective(&self) -> Capabilities {
        if self.uid == 0 { self.privileges.bounding } else { Capabilities::NONE }
    }

    pub(in crate::os) fn can(&self, capability: Capability) -> bool {
        self.effective().has(capability)
    }

    fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// `mask`: 4 read, 2 write, 1 execute.
    pub(in crate::os) fn may(&self, stat: &Stat, mask: u32) -> Result<(), Errno> {
        if self.can(Capability::DAC_OVERRIDE) {
            // Root may do all but execute what nobody may execute.
            let executable = stat.mode & 0o111 != 0 || stat.file_type == FileType::Directory;
            return if mask & 1 != 0 && !executable { Err(Errno::EACCES) } else { Ok(()) };
        }
        self.matches(stat.mode, stat.uid, stat.gid, mask)
    }

    /// What the bits of a mode say.
    fn matches(&self, mode: u32, uid: u32, gid: u32, mask: u32) -> Result<(), Errno> {
        let bits = if self.uid == uid {
            mode >> 6
        } else if self.in_group(gid) {
            mode >> 3
        } else {
            mode
        };
        if bits & mask == mask { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// [`Cred::may`] go through a directory.
    pub(super) fn may_search(&self, mode: u32, uid: u32, gid: u32) -> Result<(), Errno> {
        if self.can(Capability::DAC_OVERRIDE) { Ok(()) } else { self.matches(mode, uid, gid, 1) }
    }
}

/// Where a walk stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::os) enum Step {
    Fs {
        mount: usize,
        ino: Ino,
    },
    /// A path below /proc, without a slash in front; empty for /proc itself. One of /sys is whole.
    Proc(Rc<str>),
}

/// The end of a walk.
pub(in crate::os) struct Resolved {
    pub(in crate::os) parent: Step,
    /// `None`: the name isn't there, but its directory is.
    pub(in crate::os) node: Option<Step>,
    /// The path without symlinks, `.` and `..`.
    pub(in crate::os) path: String,
    /// It was named with a slash at its end.
    pub(in crate::os) must_be_dir: bool,
}

impl Resolved {
    /// The last part of its path; empty for the root.
    pub(in crate::os) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// `path` without `.`, `..` and double slashes, by text alone.
pub(in crate::os) fn clean_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Where every namespace has something. It is the same everywhere and never changes: one copy serves all.
struct Places {
    /// /proc, /sys and /dev.
    kernels: [Rc<Place>; 3],
    /// The root, and the root that is read-only.
    root: [Rc<Place>; 2],
}

thread_local! {
    static PLACES: Places = {
        let slash: Rc<str> = "/".into();
        let place = |name: Rc<str>, target: Rc<str>, dir, read_only, proc| {
            Rc::new(Place { root: ROOT, parent: 0, dir, name, target, source: slash.clone(), read_only, proc })
        };
        let kernel = |name: &str| place(name.into(), format!("/{name}").into(), ROOT, false, name != "dev");
        Places {
            kernels: ["proc", "sys", "dev"].map(kernel),
            root: [false, true].map(|read_only| place(slash.clone(), slash.clone(), 0, read_only, false)),
        }
    };
}

const MAX_LINKS: u32 = 40;
pub(super) const MAX_NAME: usize = 255;
pub(super) const MAX_PATH: usize = 4096;

impl MountNs {
    pub fn new(root: Filesystem, root_read_only: bool) -> MountNs {
        let mounts = PLACES.with(|places| {
            let [proc, sys, dev] = places.kernels.each_ref().map(Rc::clone);
            vec![
                Mounted { fs: root.clone(), at: places.root[usize::from(root_read_only)].clone() },
                Mounted { fs: root.clone(), at: proc },
                Mounted { fs: root, at: sys },
                Mounted { fs: Filesystem::dev(), at: dev },
            ]
        });
        MountNs::of(mounts, false)
    }

    /// `fs` with nothing mounted on it.
    pub(super) fn alone(fs: &Filesystem) -> MountNs {
        let at = PLACES.with(|places| places.root[0].clone());
        MountNs::of(vec![Mounted { fs: fs.clone(), at }], false)
    }

    fn of(mounts: Vec<Mounted>, clock_set: bool) -> MountNs {
        MountNs(Rc::new(Inner { mounts: RefCell::new(mounts), clock_set: Cell::new(clock_set) }))
    }

    pub fn same(&self, other: &MountNs) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// A new namespace with the same mounts (clone(2) with CLONE_NEWNS).
    pub fn copy(&self) -> MountNs {
        MountNs::of(self.0.mounts.borrow().clone(), self.0.clock_set.get())
    }

    /// Mounts over `target`, making the directories above it if needed. ENOENT if the source isn't
    /// there; ENOTDIR if one of source and target is a directory and the other isn't.
    pub fn mount(&self, mount: Mount) -> Result<(), Errno> {
        let source = mount.fs.at(&mount.source)?;
        let found = self.make_mount_point(&mount.target)?;
        let Step::Fs { mount: parent, ino: dir } = found.parent else { return Err(Errno::ENOENT) };
        if found.path == "/" {
            return Err(Errno::EBUSY);
        }
        if let Some(Step::Fs { mount: at, ino }) = found.node {
            let is_dir = self.fs(at).file_type(ino) == FileType::Directory;
            if is_dir != (mount.fs.file_type(source) == FileType::Directory) {
                return Err(Errno::ENOTDIR);
            }
        }
        self.0.clock_set.set(false);
        let at = Place {
            root: source,
            parent,
            dir,
            name: found.name().into(),
            target: found.path.into(),
            source: mount.source.into(),
            read_only: mount.read_only,
            proc: false,
        };
        let mut mounts = self.0.mounts.borrow_mut();
        let at = mounts[0].fs.image().place(at);
        mounts.push(Mounted { fs: mount.fs, at });
        Ok(())
    }

    /// Makes a directory and those above it where missing, as the runtime does for a container's
    /// working directory. ENOTDIR if a file is in the way.
    pub fn mkdir_all(&self, path: &str, mode: u32) -> Result<(), Errno> {
        let found = self.make_mount_point(path)?;
        match (&found.parent, &found.node) {
            (Step::Fs { mount, ino }, None) => {
                let body = Body::Directory(RefCell::default());
                self.fs(*mount).create(*ino, found.name(), body, mode, 0, 0).map(drop)
            }
            (_, Some(Step::Fs { mount, ino })) if self.fs(*mount).file_type(*ino) != FileType::Directory => {
                Err(Errno::ENOTDIR)
            }
            _ => Ok(()),
        }
    }

    fn make_mount_point(&self, target: &str) -> Result<Resolved, Errno> {
        let root = Cred::root();
        let target = clean_path(target);
        // The longest part of the path of which at most the last name is missing.
        let mut end = target.len();
        let mut found = loop {
            match (self.walk(&root, None, &target[..end], true), target[..end].rfind('/')) {
                (Err(Errno::ENOENT), Some(slash)) if slash > 0 => end = slash,
                (walked, _) => break walked?,
            }
        };
        for name in target[end..].split('/').skip(1) {
            let (Step::Fs { mount, ino }, None) = (&found.parent, &found.node) else { return Err(Errno::ENOENT) };
            let (mount, body) = (*mount, Body::Directory(RefCell::default()));
            let ino = self.fs(mount).create(*ino, found.name(), body, 0o755, 0, 0)?;
            let path = format!("{}/{name}", found.path);
            let parent = Step::Fs { mount, ino };
            found = Resolved { parent, node: None, path, must_be_dir: false };
        }
        Ok(found)
    }

    /// Makes room for so many mounts more.
    pub fn reserve(&self, more: usize) {
        self.0.mounts.borrow_mut().reserve_exact(more);
    }

    pub fn mounts(&self) -> Vec<Mount> {
        let mounts = self.0.mounts.borrow();
        mounts
            .iter()
            .filter(|m| !m.proc)
            .map(|m| Mount {
                target: m.target.to_string(),
                fs: m.fs.clone(),
                source: m.source.to_string(),
                read_only: m.read_only,
            })
            .collect()
    }

    /// /dev/pts, where /dev is the kernel's own.
    fn terminals(&self) -> Option<(Filesystem, Ino)> {
        let fs = self.0.mounts.borrow().iter().find(|m| &*m.target == "/dev")?.fs.clone();
        let dir = fs.child(ROOT, "pts")?;
        Some((fs, dir))
    }

    /// Shows a terminal in /dev/pts.
    pub(in crate::os) fn add_terminal(&self, tty: &Tty, uid: u32) {
        let name = tty.name();
        if let (Some((fs, dir)), Some(name)) = (self.terminals(), name.strip_prefix("pts/")) {
            fs.unlink(dir, name);
            // /dev has no size limit: this can't fail.
            let _ = fs.create(dir, name, Body::Terminal(tty.downgrade()), 0o620, uid, 5);
        }
    }

    pub(in crate::os) fn remove_terminal(&self, tty: &Tty) {
        let name = tty.name();
        if let (Some((fs, dir)), Some(name)) = (self.terminals(), name.strip_prefix("pts/")) {
            fs.unlink(dir, name);
        }
    }

    /// The lines of /proc/mounts.
    pub(in crate::os) fn table(&self, machine: &Machine) -> String {
        let mounts = self.0.mounts.borrow();
        let mut lines = Vec::new();
        for m in mounts.iter() {
            let mut line = |rank: usize, text: String| lines.push((rank, text + " 0 0\n"));
            let access = if m.read_only { "ro" } else { "rw" };
            match (&*m.target, m.fs.kind()) {
                ("/proc", _) if m.proc => line(1, "proc /proc proc rw,nosuid,nodev,noexec,relatime".to_owned()),
                (target, _) if m.proc => {
                    line(3, format!("sysfs {target} sysfs ro,nosuid,nodev,noexec,relatime"));
                    line(3, "cgroup /sys/fs/cgroup cgroup2 ro,nosuid,nodev,noexec,relatime".to_owned());
                }
                ("/", kind) => line(0, format!("{} / {kind} {access},relatime", device(kind))),
                ("/dev", "tmpfs") => {
                    line(2, format!("tmpfs /dev tmpfs {access},nosuid,size=65536k,mode=755"));
                    line(2, "devpts /dev/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666".to_owned());
                    line(2, "mqueue /dev/mqueue mqueue rw,nosuid,nodev,noexec,relatime".to_owned());
                }
                ("/dev/shm", "tmpfs") => {
                    let size = m.fs.limit().unwrap_or(64 << 20) / 1024;
                    line(4, format!("shm /dev/shm tmpfs {access},nosuid,nodev,noexec,relatime,size={size}k"));
                }
                // The kubelet bounds them by what the node has.
                (target, "tmpfs") => {
                    let size = m.fs.limit().unwrap_or(machine.memory()) / 1024;
                    line(4, format!("tmpfs {target} tmpfs {access},relatime,size={size}k"));
                }
                (target, kind) => line(4, format!("{} {target} {kind} {access},relatime", device(kind))),
            }
        }
        // In the order in which a runtime mounts them.
        lines.sort_by_key(|(rank, _)| *rank);
        lines.into_iter().map(|(_, line)| line).collect()
    }

    /// Gives every file system its clock and kernel. Costs nothing when it was done before.
    pub(in crate::os) fn set_kernel(&self, machine: &Machine) {
        if !self.0.clock_set.replace(true) {
            for mounted in self.0.mounts.borrow().iter() {
                mounted.fs.set_kernel(machine);
            }
        }
    }

    pub(in crate::os) fn fs(&self, mount: usize) -> Filesystem {
        self.0.mounts.borrow()[mount].fs.clone()
    }

    fn read_only(&self, mount: usize) -> bool {
        self.0.mounts.borrow()[mount].read_only
    }

    /// Follows an absolute path. `proc` is who asks, for what /proc shows of it.
    pub(in crate::os) fn walk(
        &self,
        cred: &Cred,
        proc: Option<&Proc>,
        path: &str,
        follow_last: bool,
    ) -> Result<Resolved, Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if path.len() >= MAX_PATH {
            return Err(Errno::ENAMETOOLONG);
        }
        let mounts = self.0.mounts.borrow();
        let must_be_dir = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
        // Where we are, each step with the length of the path so far.
        let mut stack = Vec::with_capacity(8);
        stack.push((Step::Fs { mount: 0, ino: mounts[0].root }, 0));
        let mut done = String::with_capacity(path.len());
        let mut rest = Cow::Borrowed(path);
        let mut at = 0;
        let mut links = 0;
        loop {
            let start = at;
            let slash = rest.as_bytes()[start..].iter().position(|byte| *byte == b'/');
            let end = slash.map_or(rest.len(), |slash| start + slash);
            at = rest.len().min(end + 1);
            let part = &rest[start..end];
            if part.is_empty() || part == "." {
                if at >= rest.len() {
                    break;
                }
                continue;
            }
            let here = &stack[stack.len() - 1].0;
            let known = part != ".." && part.len() <= MAX_NAME;
            // What the directory itself has by that name; of /proc it is asked below.
            let within = match here {
                Step::Fs { mount, ino } => {
                    mounts[*mount].fs.search(cred, *ino, |names| if known { names.get(part) } else { None })?
                }
                Step::Proc(_) if is_dir(&mounts, proc, here)? => None,
                Step::Proc(_) => return Err(Errno::ENOTDIR),
            };
            if part == ".." {
                if let Some((_, length)) = stack.pop_if(|(_, length)| *length > 0) {
                    done.truncate(length);
                    done.truncate(done.rfind('/').unwrap_or(0));
                }
                continue;
            }
            if part.len() > MAX_NAME {
                return Err(Errno::ENAMETOOLONG);
            }
            let last = || at == rest.len() || rest[at..].split('/').all(|p| p.is_empty() || p == ".");
            let Some(next) = child(&mounts, proc, here, part, within)? else {
                if !last() {
                    return Err(Errno::ENOENT);
                }
                done.push('/');
                done.push_str(part);
                return Ok(Resolved { parent: here.clone(), node: None, path: done, must_be_dir });
            };
            if (follow_last || must_be_dir || !last())
                && let Some(target) = link_target(&mounts, proc, &next, last)?
            {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::ELOOP);
                }
                if target.is_empty() {
                    return Err(Errno::ENOENT);
                }
                if target.starts_with('/') {
                    stack.truncate(1);
                    done.clear();
                }
                rest = Cow::Owned(format!("{target}/{}", &rest[at..]));
                at = 0;
                continue;
            }
            done.push('/');
            done.push_str(part);
            stack.push((next, done.len()));
        }
        let node = stack[stack.len() - 1].0.clone();
        let parent = stack[stack.len().saturating_sub(2)].0.clone();
        if must_be_dir && !is_dir(&mounts, proc, &node)? {
            return Err(Errno::ENOTDIR);
        }
        if done.is_empty() {
            done.push('/');
        }
        Ok(Resolved { parent, node: Some(node), path: done, must_be_dir })
    }

    // What is at the end of a walk.

    pub(in crate::os) fn stat(
        &self,
        cred: &Cred,
        proc: Option<&Proc>,
        path: &str,
        follow: bool,
    ) -> Result<Stat, Errno> {
        match self.walk(cred, proc, path, follow)?.node.ok_or(Errno::ENOENT)? {
            Step::Fs { mount, ino } => Ok(self.fs(mount).stat_ino(ino)),
            Step::Proc(at) => procfs::stat(proc.ok_or(Errno::ENOENT)?, &at, follow),
        }
    }

    pub(in crate::os) fn read_dir(&self, cred: &Cred, proc: Option<&Proc>, path: &str) -> Result<Vec<DirEntry>, Errno> {
        let (mount, dir) = match self.walk(cred, proc, path, true)?.node.ok_or(Errno::ENOENT)? {
            Step::Fs { mount, ino } => (mount, ino),
            Step::Proc(at) => return procfs::read_dir(proc.ok_or(Errno::ENOENT)?, &at),
        };
        let fs = self.fs(mount);
        if fs.file_type(dir) != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        cred.may(&fs.inode(dir), 4)?;
        let mut entries: BTreeMap<Rc<str>, (FileType, Ino)> =
            fs.entries(dir).into_iter().map(|(name, ino)| (name, (fs.file_type(ino), ino))).collect();
        for m in self.0.mounts.borrow().iter().skip(1).filter(|m| m.parent == mount && m.dir == dir) {
            let file_type = if m.proc { FileType::Directory } else { m.fs.file_type(m.root) };
            entries.insert(m.name.clone(), (file_type, m.root));
        }
        let entry = |(name, (file_type, ino)): (Rc<str>, _)| DirEntry { name: name.to_string(), file_type, ino };
        Ok(entries.into_iter().map(entry).collect())
    }

    pub(in crate::os) fn read_link(&self, cred: &Cred, proc: Option<&Proc>, path: &str) -> Result<String, Errno> {
        match self.walk(cred, proc, path, false)?.node.ok_or(Errno::ENOENT)? {
            Step::Fs { mount, ino } => self.fs(mount).link_target(ino).map(|t| t.to_string()).ok_or(Errno::EINVAL),
            Step::Proc(at) => procfs::link(proc.ok_or(Errno::ENOENT)?, &at)?.ok_or(Errno::EINVAL),
        }
    }

    // Changes.

    /// The directory in which a name may be made or taken away.
    fn writable_parent(&self, cred: &Cred, found: &Resolved) -> Result<(Filesystem, usize, Ino), Errno> {
        match found.parent {
            Step::Fs { mount, ino } => {
                if self.read_only(mount) {
                    return Err(Errno::EROFS);
                }
                let fs = self.fs(mount);
                cred.may(&fs.inode(ino), 3)?;
                Ok((fs, mount, ino))
            }
            Step::Proc(_) => Err(Errno::EPERM),
        }
    }

    /// Makes what `found` names, which isn't there. /proc has no room for it.
    pub(in crate::os) fn create(&self, cred: &Cred, found: &Resolved, body: Body, mode: u32) -> Result<Step, Errno> {
        if found.node.is_some() {
            return Err(Errno::EEXIST);
        }
        if let Step::Proc(_) = found.parent {
            return Err(Errno::ENOENT);
        }
        let (fs, mount, dir) = self.writable_parent(cred, found)?;
        let ino = fs.create(dir, found.name(), body, mode, cred.uid, cred.gid)?;
        Ok(Step::Fs { mount, ino })
    }

    /// An existing inode that may be changed, by its owner only if `owner_only`.
    pub(in crate::os) fn writable(&self, step: &Step) -> Result<(Filesystem, Ino), Errno> {
        match step {
            Step::Fs { mount, .. } if self.read_only(*mount) => Err(Errno::EROFS),
            Step::Fs { mount, ino } => Ok((self.fs(*mount), *ino)),
            Step::Proc(_) => Err(Errno::EPERM),
        }
    }

    /// Whether `name` in a directory is where something is mounted.
    fn is_mount_point(&self, mount: usize, dir: Ino, name: &str) -> bool {
        self.0.mounts.borrow().iter().skip(1).any(|m| m.parent == mount && m.dir == dir && *m.name == *name)
    }

    /// A name that may be taken out of its directory: (file system, mount, directory, inode).
    fn removable(&self, cred: &Cred, found: &Resolved) -> Result<(Filesystem, usize, Ino, Ino), Errno> {
        let Some(node) = &found.node else { return Err(Errno::ENOENT) };
        if found.path == "/" {
            return Err(Errno::EBUSY);
        }
        let (fs, mount, dir) = self.writable_parent(cred, found)?;
        if self.is_mount_point(mount, dir, found.name()) {
            return Err(Errno::EBUSY);
        }
        let Step::Fs { ino, .. } = *node else { return Err(Errno::EPERM) };
        let parent = fs.stat_ino(dir);
        let sticky = parent.mode & 0o1000 != 0;
        if sticky && !cred.can(Capability::FOWNER) && cred.uid != parent.uid && cred.uid != fs.stat_ino(ino).uid {
            return Err(Errno::EPERM);
        }
        Ok((fs, mount, dir, ino))
    }

    pub(in crate::os) fn unlink(&self, cred: &Cred, proc: Option<&Proc>, path: &str) -> Result<(), Errno> {
        let found = self.walk(cred, proc, path, false)?;
        let (fs, _, dir, ino) = self.removable(cred, &found)?;
        if fs.file_type(ino) == FileType::Directory {
            return Err(Errno::EISDIR);
        }
        fs.unlink(dir, found.name());
        Ok(())
    }

    pub(in crate::os) fn rmdir(&self, cred: &Cred, proc: Option<&Proc>, path: &str) -> Result<(), Errno> {
        if path.ends_with("/.") {
            return Err(Errno::EINVAL);
        }
        if path.ends_with("/..") {
            return Err(Errno::ENOTEMPTY);
        }
        let found = self.walk(cred, proc, path, false)?;
        let (fs, mount, dir, ino) = self.removable(cred, &found)?;
        if fs.file_type(ino) != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        if !fs.entries(ino).is_empty() || self.0.mounts.borrow().iter().any(|m| m.parent == mount && m.dir == ino) {
            return Err(Errno::ENOTEMPTY);
        }
        fs.unlink(dir, found.name());
        Ok(())
    }

    /// rename(2) of absolute paths.
    pub(in crate::os) fn rename(&self, cred: &Cred, from: &str, to: &str) -> Result<(), Errno> {
        if [from, to].iter().any(|path| path.ends_with("/.") || path.ends_with("/..")) {
            return Err(Errno::EBUSY);
        }
        let old = self.walk(cred, None, from, false)?;
        let new = self.walk(cred, None, to, false)?;
        let (fs, mount, dir, ino) = self.removable(cred, &old)?;
        let (_, new_mount, new_dir) = match new.node {
            Some(_) => {
                let (fs, mount, dir, _) = self.removable(cred, &new)?;
                (fs, mount, dir)
            }
            None => self.writable_parent(cred, &new)?,
        };
        if mount != new_mount {
            return Err(Errno::EXDEV);
        }
        let is_dir = fs.file_type(ino) == FileType::Directory;
        if new.node.is_none() && new.must_be_dir && !is_dir {
            return Err(Errno::ENOTDIR);
        }
        if is_dir && new.path.strip_prefix(&old.path).is_some_and(|rest| rest.starts_with('/')) {
            return Err(Errno::EINVAL);
        }
        if let Some(Step::Fs { ino: there, .. }) = new.node {
            if there == ino {
                return Ok(());
            }
            match (is_dir, fs.file_type(there) == FileType::Directory) {
                (true, false) => return Err(Errno::ENOTDIR),
                (false, true) => return Err(Errno::EISDIR),
                (true, true) if !fs.entries(there).is_empty() => return Err(Errno::ENOTEMPTY),
                _ => {}
            }
        }
        fs.rename_ino(dir, old.name(), new_dir, new.name());
        Ok(())
    }

    pub(in crate::os) fn link(&self, cred: &Cred, existing: &str, path: &str) -> Result<(), Errno> {
        let old = self.walk(cred, None, existing, false)?;
        let new = self.walk(cred, None, path, false)?;
        if new.node.is_some() {
            return Err(Errno::EEXIST);
        }
        let Step::Fs { mount, ino } = old.node.ok_or(Errno::ENOENT)? else { return Err(Errno::EXDEV) };
        let (fs, new_mount, dir) = self.writable_parent(cred, &new)?;
        if mount != new_mount {
            return Err(Errno::EXDEV);
        }
        if fs.file_type(ino) == FileType::Directory {
            return Err(Errno::EPERM);
        }
        fs.link(ino, dir, new.name());
        Ok(())
    }
}

impl Deref for Mounted {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.at
    }
}

fn is_dir(mounts: &[Mounted], proc: Option<&Proc>, step: &Step) -> Result<bool, Errno> {
    match step {
        Step::Fs { mount, ino } => Ok(mounts[*mount].fs.file_type(*ino) == FileType::Directory),
        Step::Proc(at) => Ok(procfs::file_type(proc.ok_or(Errno::ENOENT)?, at)? == FileType::Directory),
    }
}

/// What stands at `name` in a directory of which the file system itself has `within` there.
fn child(
    mounts: &[Mounted],
    proc: Option<&Proc>,
    step: &Step,
    name: &str,
    within: Option<Ino>,
) -> Result<Option<Step>, Errno> {
    match step {
        Step::Fs { mount, ino } => {
            let on_top = mounts.iter().skip(1).rposition(|m| m.parent == *mount && m.dir == *ino && *m.name == *name);
            Ok(match on_top.map(|i| i + 1) {
                Some(i) if mounts[i].proc => {
                    Some(Step::Proc(if &*mounts[i].target == "/sys" { "/sys" } else { "" }.into()))
                }
                Some(i) => Some(Step::Fs { mount: i, ino: mounts[i].root }),
                None => within.map(|ino| Step::Fs { mount: *mount, ino }),
            })
        }
        Step::Proc(at) => {
            let path: Rc<str> = if at.is_empty() { name.into() } else { format!("{at}/{name}").into() };
            let proc = proc.ok_or(Errno::ENOENT)?;
            match procfs::file_type(proc, &path) {
                Ok(_) => Ok(Some(Step::Proc(path))),
                Err(Errno::ENOENT) => Ok(None),
                Err(errno) => Err(errno),
            }
        }
    }
}

/// Where a symlink leads. A descriptor under /proc, as the last part, is no path but the thing
/// itself: opening it gives the descriptor.
fn link_target(
    mounts: &[Mounted],
    proc: Option<&Proc>,
    step: &Step,
    last: impl Fn() -> bool,
) -> Result<Option<Rc<str>>, Errno> {
    match step {
        Step::Fs { mount, ino } => Ok(mounts[*mount].fs.link_target(*ino)),
        Step::Proc(at) => {
            let proc = proc.ok_or(Errno::ENOENT)?;
            if last() && procfs::descriptor(proc, at).is_some() {
                return Ok(None);
            }
            Ok(procfs::link(proc, at)?.map(Rc::from))
        }
    }
}
