//! One file system: inodes and names. Permissions, paths and mounts are the walk's business.

mod open;
mod paths;

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::{Rc, Weak},
};

use super::{
    Cred, Device, FileType, FsImage, Ino, Names, ROOT, Stat,
    data::{self, Data},
    disk::{Account, Disk},
    image::{ImageBody, ImageNode},
};
use crate::{
    os::{Cgroup, Errno, Machine, Proc, Tty, pipe::Pipe, process::MachineInner, tty::WeakTty},
    sim::{Notify, Sim, SimTime, VecMap},
};

pub(in crate::os) use open::OpenNode;

/// A mountable tree: image below, changes above. Clones are the same file system.
#[derive(Clone)]
pub struct Filesystem(Rc<FsInner>);

struct FsInner {
    kind: &'static str,
    lower: Rc<FsImage>,
    /// By inode.
    upper: RefCell<VecMap<Ino, Rc<Node>>>,
    /// Makes what it holds, when somebody first looks.
    fill: RefCell<Option<Fill>>,
    /// What is being made has this date, and takes nobody's memory: no process makes it.
    filling: Cell<Option<SimTime>>,
    next: Cell<Ino>,
    used: Rc<Account>,
    limit: Option<u64>,
    revision: Cell<u64>,
    /// Told of each change, where somebody waits for changes.
    watchers: OnceCell<Notify>,
    clock: OnceCell<Sim>,
    /// A tmpfs' pages are in the memory of this kernel.
    kernel: OnceCell<Weak<MachineInner>>,
}

/// When it was to be done, and what.
type Fill = (SimTime, Box<dyn FnOnce(&Filesystem)>);

/// An inode that was made or changed here.
pub(in crate::os) struct Node {
    ino: Ino,
    mode: Cell<u32>,
    uid: Cell<u32>,
    gid: Cell<u32>,
    nlink: Cell<u32>,
    mtime: Cell<SimTime>,
    body: Body,
    /// The file system's account, and what this file put on it.
    used: Rc<Account>,
    charged: Cell<u64>,
    /// Whose memory its pages are, if they are in memory: the group of who touched them first.
    owner: OnceCell<(Sim, Cgroup)>,
}

pub(in crate::os) enum Body {
    File(RefCell<Data>),
    Directory(RefCell<Names>),
    Symlink(Rc<str>),
    Device(Device),
    Terminal(WeakTty),
    Fifo(Rc<Pipe>),
    /// The name of a socket of the host; nobody can connect to it.
    Socket,
}

thread_local! {
    /// /dev is the same everywhere and never changes: one table serves all.
    static DEV: Rc<FsImage> = Rc::new(FsImage::dev());
    /// Nor does what is below a new file system.
    static NOTHING: Rc<FsImage> = Rc::default();
}

/// What execve finds in a file.
pub(in crate::os) enum Executable {
    Program(Rc<str>),
    Bytes(Vec<u8>),
}

impl Node {
    /// Corrects the account after the file's length changed.
    fn account(&self) {
        if let Body::File(data) = &self.body {
            let len = match &*data.borrow() {
                Data::Program { .. } => 0,
                data => data.len(),
            };
            let before = self.charged.replace(len);
            if let Some((sim, cgroup)) = self.owner.get()
                && len < before
            {
                cgroup.uncharge(before - len, sim.now());
            }
            self.used.change(before, len);
        }
    }

    fn stat(&self) -> Stat {
        let (file_type, size) = match &self.body {
            Body::File(data) => (FileType::Regular, data.borrow().len()),
            Body::Directory(_) => (FileType::Directory, 4096),
            Body::Symlink(target) => (FileType::Symlink, target.len() as u64),
            Body::Device(_) | Body::Terminal(_) => (FileType::CharDevice, 0),
            Body::Fifo(_) => (FileType::Fifo, 0),
            Body::Socket => (FileType::Socket, 0),
        };
        Stat {
            ino: self.ino,
            file_type,
            mode: self.mode.get(),
            uid: self.uid.get(),
            gid: self.gid.get(),
            size,
            nlink: self.nlink.get(),
            mtime: self.mtime.get(),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.used.change(self.charged.get(), 0);
        if let Some((sim, cgroup)) = self.owner.get() {
            cgroup.uncharge(self.charged.get(), sim.now());
        }
    }
}

impl Filesystem {
    /// `kind` as /proc/mounts names it: overlay, tmpfs, ext4.
    pub fn new(kind: &'static str, lower: Rc<FsImage>) -> Filesystem {
        Filesystem::make(kind, lower, None)
    }

    /// An empty directory, `limit` bytes at most (ENOSPC beyond).
    pub fn empty(kind: &'static str, limit: Option<u64>) -> Filesystem {
        Filesystem::make(kind, NOTHING.with(Rc::clone), limit)
    }

    /// What the kernel shows under /dev, nothing changed.
    pub fn dev() -> Filesystem {
        Filesystem::new("tmpfs", DEV.with(Rc::clone))
    }

    fn make(kind: &'static str, lower: Rc<FsImage>, limit: Option<u64>) -> Filesystem {
        let next = lower.len() + 1;
        Filesystem(Rc::new(FsInner {
            kind,
            lower,
            upper: RefCell::default(),
            fill: RefCell::default(),
            filling: Cell::default(),
            next: Cell::new(next),
            used: Rc::default(),
            limit,
            revision: Cell::new(0),
            watchers: OnceCell::new(),
            clock: OnceCell::new(),
            kernel: OnceCell::new(),
        }))
    }

    /// What lies below the changes.
    pub(super) fn image(&self) -> &FsImage {
        &self.0.lower
    }

    pub fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// Bytes used by files written here.
    pub fn used(&self) -> u64 {
        self.fill();
        self.0.used.used()
    }

    /// Bytes it can hold.
    pub fn limit(&self) -> Option<u64> {
        self.0.limit
    }

    /// Its files take room on this disk, the present ones too. The first disk keeps it.
    pub fn lie_on(&self, disk: &Disk) {
        self.0.used.lie_on(disk);
    }

    pub fn disk(&self) -> Option<&Disk> {
        self.0.used.disk()
    }

    /// Bytes that there is room for.
    fn room(&self) -> u64 {
        let own = self.0.limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.used()));
        own.min(self.disk().map_or(u64::MAX, Disk::free))
    }

    /// Counts changes; lets a watcher (the editor's tabs) notice that something was written.
    pub fn revision(&self) -> u64 {
        self.0.revision.get()
    }

    /// Notified of each change: a whole file system's inotify.
    pub fn changes(&self) -> Notify {
        self.0.watchers.get_or_init(Notify::new).clone()
    }

    pub fn same(&self, other: &Filesystem) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Where modification times come from. The kernel sets it when a process first sees the file
    /// system; before that files are dated at the simulation's start.
    pub fn set_clock(&self, sim: &Sim) {
        // A second machine sharing it brings the same clock.
        let _ = self.0.clock.set(sim.clone());
    }

    /// The kernel that has it mounted: a tmpfs' pages count for the processes that touch them.
    pub(super) fn set_kernel(&self, machine: &Machine) {
        self.set_clock(machine.sim());
        if self.kind() == "tmpfs" {
            // The first kernel keeps it.
            let _ = self.0.kernel.set(machine.downgrade());
        }
    }

    /// Takes memory for `bytes` more of a file; false if who writes was killed for it.
    fn touch(&self, node: &Node, bytes: u64) -> bool {
        if bytes == 0 || self.0.filling.get().is_some() {
            return true;
        }
        let Some(kernel) = self.0.kernel.get().and_then(Weak::upgrade) else { return true };
        let machine = Machine::from_inner(kernel);
        let writer = machine.on_cpu();
        let owner = node.owner.get_or_init(|| {
            let cgroup = writer.as_ref().map_or(machine.cgroup(), Proc::cgroup).clone();
            (machine.sim().clone(), cgroup)
        });
        machine.charge(&owner.1, bytes, writer.as_ref().map(|proc| &proc.0))
    }

    /// `fill` makes what it holds when somebody first looks, with the dates of now. Most of what the kubelet writes for a
    /// pod nobody ever reads. If there are files below (all in the root), they lie there empty, and who looks at the root
    /// alone sees enough: `fill` writes those files.
    pub fn fill_later(&self, fill: impl FnOnce(&Filesystem) + 'static) {
        let at = self.now();
        *self.0.fill.borrow_mut() = Some((at, Box::new(fill)));
    }

    /// Whether an inode is yet to be filled.
    fn is_hollow(&self, ino: Ino) -> bool {
        self.0.fill.borrow().is_some() && (self.0.lower.len() == ROOT || (ROOT + 1..=self.0.lower.len()).contains(&ino))
    }

    fn fill(&self) {
        let fill = self.0.fill.take();
        if let Some((at, fill)) = fill {
            self.0.filling.set(Some(at));
            fill(self);
            self.0.filling.set(None);
        }
    }

    /// The tree as it stands, as an image; without owning groups and dates.
    pub(super) fn freeze(&self) -> FsImage {
        let node = |ino| match (self.upper(ino), self.lower(ino)) {
            (Some(node), _) => {
                let body = match &node.body {
                    Body::Directory(names) => ImageBody::Directory(names.borrow().clone()),
                    Body::Symlink(target) => ImageBody::Symlink(target.clone()),
                    Body::File(data) => match &*data.borrow() {
                        Data::Program { name, size } => ImageBody::Program { name: name.clone(), size: *size },
                        data => ImageBody::Data(data.read(0, usize::MAX).into()),
                    },
                    Body::Device(device) => ImageBody::Device(*device),
                    Body::Terminal(_) | Body::Fifo(_) | Body::Socket => ImageBody::Data(Rc::default()),
                };
                ImageNode { mode: node.mode.get(), uid: node.uid.get(), body }
            }
            (None, Some(node)) => node.clone(),
            (None, None) => ImageNode { mode: 0, uid: 0, body: ImageBody::Data(Rc::default()) },
        };
        FsImage::of((ROOT..self.0.next.get()).map(node).collect())
    }

    // By inode.

    fn now(&self) -> SimTime {
        self.0.filling.get().unwrap_or_else(|| self.0.clock.get().map_or(SimTime::ZERO, Sim::now))
    }

    fn changed(&self) {
        self.0.revision.set(self.0.revision.get() + 1);
        if let Some(watchers) = self.0.watchers.get() {
            watchers.notify();
        }
    }

    fn upper(&self, ino: Ino) -> Option<Rc<Node>> {
        if self.is_hollow(ino) {
            self.fill();
        }
        self.0.upper.borrow().get(&ino).cloned()
    }

    /// What `look` sees of an inode that was made or changed here.
    fn see<R>(&self, ino: Ino, look: impl FnOnce(&Node) -> R) -> Option<R> {
        if self.is_hollow(ino) {
            self.fill();
        }
        self.0.upper.borrow().get(&ino).map(|node| look(node))
    }

    fn lower(&self, ino: Ino) -> Option<&ImageNode> {
        self.0.lower.node(ino)
    }

    fn insert(&self, body: Body, mode: u32, uid: u32, gid: u32) -> Rc<Node> {
        let ino = self.0.next.get();
        self.0.next.set(ino + 1);
        self.insert_at(ino, body, mode, uid, gid, self.now())
    }

    fn insert_at(&self, ino: Ino, body: Body, mode: u32, uid: u32, gid: u32, mtime: SimTime) -> Rc<Node> {
        let node = Rc::new(Node {
            ino,
            mode: Cell::new(mode & 0o7777),
            uid: Cell::new(uid),
            gid: Cell::new(gid),
            nlink: Cell::new(1),
            mtime: Cell::new(mtime),
            body,
            used: self.0.used.clone(),
            charged: Cell::new(0),
            owner: OnceCell::new(),
        });
        node.account();
        let before = self.0.upper.borrow_mut().insert(ino, node.clone());
        drop(before);
        node
    }

    /// The inode as ours to change: copied from the image at the first change.
    fn up(&self, ino: Ino) -> Rc<Node> {
        if let Some(node) = self.upper(ino) {
            return node;
        }
        let Some(lower) = self.lower(ino) else {
            // Removed, yet still open.
            return Rc::new(Node {
                ino,
                mode: Cell::new(0o644),
                uid: Cell::new(0),
                gid: Cell::new(0),
                nlink: Cell::new(0),
                mtime: Cell::new(self.now()),
                body: Body::File(RefCell::default()),
                used: self.0.used.clone(),
                charged: Cell::new(0),
                owner: OnceCell::new(),
            });
        };
        let body = match &lower.body {
            ImageBody::Data(data) => Body::File(RefCell::new(Data::Shared(data.clone()))),
            ImageBody::Program { name, size } => {
                Body::File(RefCell::new(Data::Program { name: name.clone(), size: *size }))
            }
            ImageBody::Symlink(target) => Body::Symlink(target.clone()),
            ImageBody::Directory(entries) => Body::Directory(RefCell::new(entries.clone())),
            ImageBody::Device(device) => Body::Device(*device),
        };
        self.insert_at(ino, body, lower.mode, lower.uid, lower.uid, SimTime::ZERO)
    }

    pub(in crate::os) fn file_type(&self, ino: Ino) -> FileType {
        // What is there but hollow is of the type that it will have.
        let hollow = self.0.lower.len() > ROOT && self.is_hollow(ino);
        let of_ours = |node: &Node| match node.body {
            Body::File(_) => FileType::Regular,
            Body::Directory(_) => FileType::Directory,
            Body::Symlink(_) => FileType::Symlink,
            Body::Device(_) | Body::Terminal(_) => FileType::CharDevice,
            Body::Fifo(_) => FileType::Fifo,
            Body::Socket => FileType::Socket,
        };
        let upper = if hollow { None } else { self.see(ino, of_ours) };
        upper.unwrap_or_else(|| match self.lower(ino).map(|n| &n.body) {
            Some(ImageBody::Directory(_)) => FileType::Directory,
            Some(ImageBody::Symlink(_)) => FileType::Symlink,
            Some(ImageBody::Device(_)) => FileType::CharDevice,
            _ => FileType::Regular,
        })
    }

    /// Asks a directory's names, for somebody who may go through it: else ENOTDIR or EACCES.
    pub(super) fn search<R>(&self, cred: &Cred, dir: Ino, ask: impl FnOnce(&Names) -> R) -> Result<R, Errno> {
        if self.is_hollow(dir) {
            self.fill();
        }
        let nodes = self.0.upper.borrow();
        if let Some(node) = nodes.get(&dir) {
            let Body::Directory(names) = &node.body else { return Err(Errno::ENOTDIR) };
            cred.may_search(node.mode.get(), node.uid.get(), node.gid.get())?;
            return Ok(ask(&names.borrow()));
        }
        match self.lower(dir) {
            Some(ImageNode { mode, uid, body: ImageBody::Directory(names) }) => {
                cred.may_search(*mode, *uid, *uid)?;
                Ok(ask(names))
            }
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub(in crate::os) fn child(&self, dir: Ino, name: &str) -> Option<Ino> {
        let upper = self.see(dir, |node| match &node.body {
            Body::Directory(entries) => entries.borrow().get(name),
            _ => None,
        });
        if let Some(found) = upper {
            return found;
        }
        match &self.lower(dir)?.body {
            ImageBody::Directory(entries) => entries.get(name),
            _ => None,
        }
    }

    pub(in crate::os) fn entries(&self, dir: Ino) -> Names {
        if let Some(node) = self.upper(dir) {
            return match &node.body {
                Body::Directory(entries) => entries.borrow().clone(),
                _ => Names::default(),
            };
        }
        match self.lower(dir).map(|n| &n.body) {
            Some(ImageBody::Directory(entries)) => entries.clone(),
            _ => Names::default(),
        }
    }

    pub(in crate::os) fn link_target(&self, ino: Ino) -> Option<Rc<str>> {
        let upper = self.see(ino, |node| match &node.body {
            Body::Symlink(target) => Some(target.clone()),
            _ => None,
        });
        if let Some(found) = upper {
            return found;
        }
        match &self.lower(ino)?.body {
            ImageBody::Symlink(target) => Some(target.clone()),
            _ => None,
        }
    }

    pub(in crate::os) fn device(&self, ino: Ino) -> Option<Device> {
        if let Some(node) = self.upper(ino) {
            return match node.body {
                Body::Device(device) => Some(device),
                _ => None,
            };
        }
        match self.lower(ino)?.body {
            ImageBody::Device(device) => Some(device),
            _ => None,
        }
    }

    pub(in crate::os) fn terminal(&self, ino: Ino) -> Option<Tty> {
        match &self.upper(ino)?.body {
            Body::Terminal(tty) => tty.upgrade(),
            _ => None,
        }
    }

    pub(in crate::os) fn fifo(&self, ino: Ino) -> Option<Rc<Pipe>> {
        match &self.upper(ino)?.body {
            Body::Fifo(pipe) => Some(pipe.clone()),
            _ => None,
        }
    }

    pub(in crate::os) fn executable(&self, ino: Ino) -> Executable {
        if let Some(node) = self.upper(ino)
            && let Body::File(data) = &node.body
        {
            return match &*data.borrow() {
                Data::Program { name, .. } => Executable::Program(name.clone()),
                data => {
                    let head = data.read(0, 256);
                    data::program_name(&head)
                        .map(|name| Executable::Program(name.into()))
                        .unwrap_or(Executable::Bytes(head))
                }
            };
        }
        match self.lower(ino).map(|n| &n.body) {
            Some(ImageBody::Program { name, .. }) => Executable::Program(name.clone()),
            Some(ImageBody::Data(data)) => Executable::Bytes(data.iter().copied().take(256).collect()),
            _ => Executable::Bytes(Vec::new()),
        }
    }

    pub(in crate::os) fn stat_ino(&self, ino: Ino) -> Stat {
        let stat = self.inode(ino);
        match stat.file_type {
            FileType::Directory => Stat { nlink: self.directory_links(ino), ..stat },
            _ => stat,
        }
    }

    /// [`Filesystem::stat_ino`] without the number of a directory's links, which is a count.
    pub(in crate::os) fn inode(&self, ino: Ino) -> Stat {
        if let Some(stat) = self.see(ino, Node::stat) {
            return stat;
        }
        let lower = self.lower(ino);
        let (mode, uid) = lower.map_or((0, 0), |n| (n.mode, n.uid));
        let (file_type, size) = match lower.map(|n| &n.body) {
            Some(ImageBody::Data(data)) => (FileType::Regular, data.len() as u64),
            Some(ImageBody::Program { size, .. }) => (FileType::Regular, *size),
            Some(ImageBody::Symlink(target)) => (FileType::Symlink, target.len() as u64),
            Some(ImageBody::Directory(_)) => (FileType::Directory, 4096),
            Some(ImageBody::Device(_)) => (FileType::CharDevice, 0),
            None => (FileType::Regular, 0),
        };
        Stat { ino, file_type, mode: mode & 0o7777, uid, gid: uid, size, nlink: 1, mtime: SimTime::ZERO }
    }

    /// Itself, its name, and `..` of each directory in it.
    fn directory_links(&self, ino: Ino) -> u32 {
        let inside =
            self.entries(ino).into_iter().filter(|(_, ino)| self.file_type(*ino) == FileType::Directory).count();
        2 + inside as u32
    }

    /// Makes `name` in `dir`, which must not have it.
    pub(in crate::os) fn create(
        &self,
        dir: Ino,
        name: &str,
        body: Body,
        mode: u32,
        uid: u32,
        gid: u32,
    ) -> Result<Ino, Errno> {
        if self.file_type(dir) != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        if self.0.limit.is_some_and(|limit| self.used() >= limit && limit > 0) {
            return Err(Errno::ENOSPC);
        }
        let parent = self.up(dir);
        // A set-group-id directory hands its group down.
        let (mode, gid) = match parent.mode.get() & 0o2000 {
            0 => (mode, gid),
            _ if matches!(body, Body::Directory(_)) => (mode | 0o2000, parent.gid.get()),
            _ => (mode, parent.gid.get()),
        };
        let ino = self.insert(body, mode, uid, gid).ino;
        self.enter(&parent, name, ino);
        Ok(ino)
    }

    fn enter(&self, dir: &Node, name: &str, ino: Ino) {
        if let Body::Directory(entries) = &dir.body {
            entries.borrow_mut().insert(name.into(), ino);
        }
        dir.mtime.set(self.now());
        self.changed();
    }

    fn leave(&self, dir: &Node, name: &str) -> Option<Ino> {
        let Body::Directory(entries) = &dir.body else { return None };
        let ino = entries.borrow_mut().remove(name);
        dir.mtime.set(self.now());
        self.changed();
        ino
    }

    /// Takes `name` out of `dir`; the inode goes with its last name (open files keep its data).
    pub(in crate::os) fn unlink(&self, dir: Ino, name: &str) {
        if let Some(ino) = self.leave(&self.up(dir), name) {
            self.drop_link(ino);
        }
    }

    fn drop_link(&self, ino: Ino) {
        if let Some(node) = self.upper(ino) {
            node.nlink.set(node.nlink.get().saturating_sub(1));
            if node.nlink.get() == 0 || matches!(node.body, Body::Directory(_)) {
                let gone = self.0.upper.borrow_mut().remove(&ino);
                drop(gone);
            }
        }
    }

    /// Moves a name; what was at the new one goes.
    pub(in crate::os) fn rename_ino(&self, from: Ino, name: &str, to: Ino, new_name: &str) {
        let Some(ino) = self.leave(&self.up(from), name) else { return };
        if let Some(old) = self.child(to, new_name) {
            self.leave(&self.up(to), new_name);
            self.drop_link(old);
        }
        self.enter(&self.up(to), new_name, ino);
    }

    pub(in crate::os) fn link(&self, ino: Ino, dir: Ino, name: &str) {
        let node = self.up(ino);
        node.nlink.set(node.nlink.get() + 1);
        self.enter(&self.up(dir), name, ino);
    }

    pub(in crate::os) fn set_mode(&self, ino: Ino, mode: u32) {
        self.up(ino).mode.set(mode & 0o7777);
        self.changed();
    }

    pub(in crate::os) fn set_owner(&self, ino: Ino, uid: Option<u32>, gid: Option<u32>) {
        let node = self.up(ino);
        node.uid.set(uid.unwrap_or(node.uid.get()));
        node.gid.set(gid.unwrap_or(node.gid.get()));
        self.changed();
    }

    pub(in crate::os) fn set_mtime(&self, ino: Ino, mtime: SimTime) {
        self.up(ino).mtime.set(mtime);
        self.changed();
    }

    pub(in crate::os) fn open(&self, ino: Ino) -> OpenNode {
        OpenNode { fs: self.clone(), ino, node: RefCell::new(self.upper(ino)) }
    }
}
