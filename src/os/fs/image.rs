//! Immutable trees of files.

use std::{cell::RefCell, rc::Rc};

use super::{Content, Device, Ino, Names, ROOT, mount::Place};

/// An immutable tree of files: an image's layers, flattened.
pub struct FsImage {
    /// Inode `n` is at `n - 1`.
    nodes: Vec<ImageNode>,
    /// Where things were mounted on it.
    places: RefCell<Vec<Rc<Place>>>,
}

/// Places that an image keeps.
const PLACES: usize = 64;

#[derive(Clone)]
pub(super) struct ImageNode {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) body: ImageBody,
}

#[derive(Clone)]
pub(super) enum ImageBody {
    Data(Rc<[u8]>),
    Program { name: Rc<str>, size: u64 },
    Symlink(Rc<str>),
    Directory(Names),
    Device(Device),
}

impl Default for FsImage {
    fn default() -> Self {
        FsImage::of(vec![ImageNode { mode: 0o755, uid: 0, body: ImageBody::Directory(Names::default()) }])
    }
}

impl FsImage {
    /// `files`: absolute path, mode, owner uid, content. Missing parent directories are made (0755,
    /// root); parents that are symlinks are followed; a later file replaces an earlier one.
    pub fn new(files: impl IntoIterator<Item = (String, u32, u32, Content)>) -> FsImage {
        let mut image = FsImage::default();
        for (path, mode, uid, content) in files {
            let body = match content {
                Content::Data(data) => ImageBody::Data(data),
                Content::Program { name, size } => ImageBody::Program { name: name.into(), size },
                Content::Symlink(target) => ImageBody::Symlink(target.into()),
                Content::Directory => ImageBody::Directory(Names::default()),
            };
            image.insert(&path, ImageNode { mode, uid, body });
        }
        image
    }

    /// What the kernel shows under /dev.
    pub(super) fn dev() -> FsImage {
        let mut image = FsImage::default();
        let devices = [
            ("full", Device::Full),
            ("null", Device::Null),
            ("ptmx", Device::Ptmx),
            ("random", Device::Random),
            ("tty", Device::Tty),
            ("urandom", Device::Random),
            ("zero", Device::Zero),
        ];
        for (name, device) in devices {
            image.insert(name, ImageNode { mode: 0o666, uid: 0, body: ImageBody::Device(device) });
        }
        let links = [
            ("fd", "/proc/self/fd"),
            ("stderr", "/proc/self/fd/2"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
        ];
        for (name, target) in links {
            image.insert(name, ImageNode { mode: 0o777, uid: 0, body: ImageBody::Symlink(target.into()) });
        }
        for (name, mode) in [("mqueue", 0o1777), ("pts", 0o755), ("shm", 0o1777)] {
            image.insert(name, ImageNode { mode, uid: 0, body: ImageBody::Directory(Names::default()) });
        }
        image
    }

    pub(super) fn node(&self, ino: Ino) -> Option<&ImageNode> {
        self.nodes.get(usize::try_from(ino).ok()?.checked_sub(1)?)
    }

    /// `nodes` in the order of their inodes.
    pub(super) fn of(nodes: Vec<ImageNode>) -> FsImage {
        FsImage { nodes, places: RefCell::default() }
    }

    /// The same place in memory that others have, if something was mounted there before.
    pub(super) fn place(&self, place: Place) -> Rc<Place> {
        let mut places = self.places.borrow_mut();
        if let Some(known) = places.iter().find(|known| ***known == place) {
            return known.clone();
        }
        let place = Rc::new(place);
        if places.len() < PLACES {
            places.push(place.clone());
        }
        place
    }

    pub(super) fn len(&self) -> u64 {
        self.nodes.len() as u64
    }

    fn insert(&mut self, path: &str, node: ImageNode) {
        let mut parts: Vec<Rc<str>> = path.split('/').filter(|p| !p.is_empty() && *p != ".").map(Rc::from).collect();
        let Some(name) = parts.pop() else {
            self.nodes[0].mode = node.mode;
            self.nodes[0].uid = node.uid;
            return;
        };
        let Some(dir) = self.directory(&parts, 0) else { return };
        let existing = self.child(dir, &name);
        if let Some(old) = existing.and_then(|ino| self.nodes.get_mut(ino as usize - 1)) {
            // A directory named twice keeps what it holds.
            if matches!((&old.body, &node.body), (ImageBody::Directory(_), ImageBody::Directory(_))) {
                old.mode = node.mode;
                old.uid = node.uid;
            } else {
                *old = node;
            }
            return;
        }
        self.add(dir, name, node);
    }

    fn add(&mut self, dir: Ino, name: Rc<str>, node: ImageNode) -> Ino {
        self.nodes.push(node);
        let ino = self.nodes.len() as Ino;
        if let Some(ImageNode { body: ImageBody::Directory(entries), .. }) = self.nodes.get_mut(dir as usize - 1) {
            entries.insert(name, ino);
        }
        ino
    }

    fn child(&self, dir: Ino, name: &str) -> Option<Ino> {
        match &self.node(dir)?.body {
            ImageBody::Directory(entries) => entries.get(name),
            _ => None,
        }
    }

    /// The directory at `parts`, made where missing; `None` if a loop of symlinks is in the way.
    fn directory(&mut self, parts: &[Rc<str>], links: u32) -> Option<Ino> {
        let mut stack = vec![ROOT];
        for (i, part) in parts.iter().enumerate() {
            let here = *stack.last()?;
            if &**part == ".." {
                if stack.len() > 1 {
                    stack.pop();
                }
                continue;
            }
            let ino = match self.child(here, part) {
                Some(ino) => ino,
                None => {
                    let body = ImageBody::Directory(Names::default());
                    self.add(here, part.clone(), ImageNode { mode: 0o755, uid: 0, body })
                }
            };
            match &self.node(ino)?.body {
                ImageBody::Directory(_) => stack.push(ino),
                ImageBody::Symlink(target) if links < 40 => {
                    let target = target.clone();
                    let base = if target.starts_with('/') { &[] } else { &parts[..i] };
                    let path: Vec<Rc<str>> = (base.iter().cloned())
                        .chain(target.split('/').filter(|p| !p.is_empty() && *p != ".").map(Rc::from))
                        .chain(parts[i + 1..].iter().cloned())
                        .collect();
                    return self.directory(&path, links + 1);
                }
                ImageBody::Symlink(_) => return None,
                _ => {
                    // A file where a directory must be: the later layer wins.
                    let body = ImageBody::Directory(Names::default());
                    *self.nodes.get_mut(ino as usize - 1)? = ImageNode { mode: 0o755, uid: 0, body };
                    stack.push(ino);
                }
            }
        }
        stack.last().copied()
    }
}
