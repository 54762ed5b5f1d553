//! A disk that several file systems share.

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
};

use crate::sim::Notify;

/// A disk. Cheap to clone; clones are the same disk.
#[derive(Clone)]
pub struct Disk(Rc<Inner>);

struct Inner {
    size: u64,
    used: Cell<u64>,
    watch: RefCell<Option<(u64, Notify)>>,
}

impl Disk {
    pub fn new(size: u64) -> Disk {
        Disk(Rc::new(Inner { size, used: Cell::default(), watch: RefCell::default() }))
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.0.size
    }

    pub fn used(&self) -> u64 {
        self.0.used.get()
    }

    pub fn free(&self) -> u64 {
        self.size().saturating_sub(self.used())
    }

    /// Takes room, whether there is any or not.
    pub fn take(&self, bytes: u64) {
        let before = self.used();
        self.0.used.set(before + bytes);
        if let Some((above, reached)) = &*self.0.watch.borrow()
            && before <= *above
            && self.used() > *above
        {
            reached.notify();
        }
    }

    pub fn give_back(&self, bytes: u64) {
        self.0.used.set(self.used().saturating_sub(bytes));
    }

    /// Notifies each time more than `above` bytes are in use.
    pub fn watch(&self, above: u64, reached: &Notify) {
        *self.0.watch.borrow_mut() = Some((above, reached.clone()));
    }
}

/// What the files of one file system take.
#[derive(Default)]
pub(super) struct Account {
    used: Cell<u64>,
    disk: OnceCell<Disk>,
}

impl Account {
    pub(super) fn used(&self) -> u64 {
        self.used.get()
    }

    /// It lies on this disk from now on.
    pub(super) fn lie_on(&self, disk: &Disk) {
        if self.disk.set(disk.clone()).is_ok() {
            disk.take(self.used());
        }
    }

    pub(super) fn disk(&self) -> Option<&Disk> {
        self.disk.get()
    }

    pub(super) fn change(&self, from: u64, to: u64) {
        self.used.set((self.used() + to).saturating_sub(from));
        if let Some(disk) = self.disk() {
            if to > from { disk.take(to - from) } else { disk.give_back(from - to) }
        }
    }
}
