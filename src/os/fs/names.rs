//! The names in a directory.

use std::{cmp::Ordering, iter::Map, rc::Rc, vec};

use super::Ino;

/// Names with their inodes, sorted. A plain list: most directories that somebody writes to have a handful of names, and
/// there are many of them.
#[derive(Clone, Default)]
pub(in crate::os) struct Names(Vec<Entry>);

#[derive(Clone)]
pub(in crate::os) struct Entry {
    head: u64,
    name: Rc<str>,
    ino: Ino,
}

/// Bytes of a name that its head holds.
const HEAD: usize = size_of::<u64>();

/// A name's first bytes, as a number that sorts as they do. They tell most names apart without a look at the names
/// themselves, which lie elsewhere.
fn head(name: &str) -> u64 {
    let mut bytes = [0; HEAD];
    bytes.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    u64::from_be_bytes(bytes)
}

impl Entry {
    fn cmp(&self, head: u64, name: &str) -> Ordering {
        let rest = |name: &str| name.len().checked_sub(HEAD);
        self.head.cmp(&head).then_with(|| match (rest(&self.name), rest(name)) {
            (Some(_), Some(_)) => (*self.name).cmp(name),
            (ours, theirs) => ours.cmp(&theirs),
        })
    }
}

impl Names {
    fn find(&self, name: &str) -> Result<usize, usize> {
        let head = head(name);
        self.0.binary_search_by(|known| known.cmp(head, name))
    }

    pub(super) fn get(&self, name: &str) -> Option<Ino> {
        self.find(name).ok().map(|at| self.0[at].ino)
    }

    pub(super) fn insert(&mut self, name: Rc<str>, ino: Ino) {
        match self.find(&name) {
            Ok(at) => self.0[at].ino = ino,
            Err(at) => {
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(1 + self.0.len() / 2);
                }
                self.0.insert(at, Entry { head: head(&name), name, ino });
            }
        }
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Ino> {
        self.find(name).ok().map(|at| self.0.remove(at).ino)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Names {
    type Item = (Rc<str>, Ino);
    type IntoIter = Map<vec::IntoIter<Entry>, fn(Entry) -> (Rc<str>, Ino)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().map(|entry| (entry.name, entry.ino))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_as_their_bytes_are() {
        let written =
            ["usr", "", "a", "sevenby", "eightbyt", "ninebytes", "ninebytex", "ninebyte", "é", "eightbyt0", "us"];
        let mut names = Names::default();
        for (ino, name) in written.iter().enumerate() {
            names.insert((*name).into(), ino as Ino);
        }
        for (ino, name) in written.iter().enumerate() {
            assert_eq!(names.get(name), Some(ino as Ino), "{name}");
        }
        assert_eq!((names.get("eightby"), names.get("ninebytes0"), names.remove("us")), (None, None, Some(10)));
        let mut sorted = written[..10].to_vec();
        sorted.sort_unstable();
        assert_eq!(names.into_iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>(), sorted);
    }
}
