//! The names in a directory.

use std::rc::Rc;

use super::Ino;

/// Names with their inodes, sorted. A plain list: most directories that somebody writes to have a handful of names, and
/// there are many of them.
#[derive(Clone, Default)]
pub(in crate::os) struct Names(Vec<(Rc<str>, Ino)>);

impl Names {
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }

    pub(super) fn get(&self, name: &str) -> Option<Ino> {
        self.find(name).ok().map(|at| self.0[at].1)
    }

    pub(super) fn insert(&mut self, name: Rc<str>, ino: Ino) {
        match self.find(&name) {
            Ok(at) => self.0[at].1 = ino,
            Err(at) => {
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(1 + self.0.len() / 2);
                }
                self.0.insert(at, (name, ino));
            }
        }
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Ino> {
        self.find(name).ok().map(|at| self.0.remove(at).1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Names {
    type Item = (Rc<str>, Ino);
    type IntoIter = std::vec::IntoIter<(Rc<str>, Ino)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
