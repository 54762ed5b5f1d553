//! A regular file that is open: reading and writing.

use std::{cell::RefCell, rc::Rc};

use super::{
    super::{Ino, Stat, data, image::ImageBody},
    Body, Filesystem, Node,
};
use crate::os::Errno;

/// A regular file as an open description holds it. The inode of an image is looked at in place;
/// once somebody changed it, ours is the changed one.
pub(in crate::os) struct OpenNode {
    pub(super) fs: Filesystem,
    pub(super) ino: Ino,
    pub(super) node: RefCell<Option<Rc<Node>>>,
}

impl OpenNode {
    fn upper(&self) -> Option<Rc<Node>> {
        let mut node = self.node.borrow_mut();
        if node.is_none() {
            *node = self.fs.upper(self.ino);
        }
        node.clone()
    }

    fn own(&self) -> Rc<Node> {
        match self.upper() {
            Some(node) => node,
            None => {
                let node = self.fs.up(self.ino);
                *self.node.borrow_mut() = Some(node.clone());
                node
            }
        }
    }

    pub(in crate::os) fn read(&self, offset: u64, max: usize) -> Vec<u8> {
        match self.upper() {
            Some(node) => match &node.body {
                Body::File(data) => data.borrow().read(offset, max),
                _ => Vec::new(),
            },
            None => match self.fs.lower(self.ino).map(|n| &n.body) {
                Some(ImageBody::Data(data)) => data::slice(data, offset, max),
                Some(ImageBody::Program { name, .. }) => data::read_program(name, offset, max),
                _ => Vec::new(),
            },
        }
    }

    pub(in crate::os) fn size(&self) -> u64 {
        self.stat().size
    }

    pub(in crate::os) fn stat(&self) -> Stat {
        match self.upper() {
            Some(node) => node.stat(),
            None => self.fs.stat_ino(self.ino),
        }
    }

    /// Writes what fits from the front of `data`: how much, and ENOSPC if that wasn't all.
    pub(in crate::os) fn write(&self, offset: u64, data: &mut &[u8]) -> (usize, Result<(), Errno>) {
        let node = self.own();
        let Body::File(content) = &node.body else { return (0, Err(Errno::EISDIR)) };
        let before = content.borrow().len();
        let room = self.fs.room();
        let end = offset.saturating_add(data.len() as u64).min(before.max(offset).saturating_add(room));
        let n = usize::try_from(end.saturating_sub(offset)).unwrap_or(0).min(data.len());
        let more = (offset + n as u64).saturating_sub(before.max(node.charged.get()));
        if !self.fs.touch(&node, more) {
            return (0, Err(Errno::EINTR));
        }
        if let Err(errno) = content.borrow_mut().write(offset, &data[..n]) {
            if let Some((sim, cgroup)) = node.owner.get() {
                cgroup.uncharge(more, sim.now());
            }
            return (0, Err(errno));
        }
        *data = &data[n..];
        self.modified(&node);
        (n, if data.is_empty() { Ok(()) } else { Err(Errno::ENOSPC) })
    }

    pub(in crate::os) fn truncate(&self, size: u64) -> Result<(), Errno> {
        let node = self.own();
        let Body::File(content) = &node.body else { return Err(Errno::EINVAL) };
        let grows = size.saturating_sub(content.borrow().len());
        if grows > self.fs.room() {
            return Err(Errno::ENOSPC);
        }
        if !self.fs.touch(&node, size.saturating_sub(node.charged.get())) {
            return Err(Errno::EINTR);
        }
        content.borrow_mut().resize(size)?;
        self.modified(&node);
        Ok(())
    }

    fn modified(&self, node: &Node) {
        node.account();
        node.mtime.set(self.fs.now());
        self.fs.changed();
    }
}
