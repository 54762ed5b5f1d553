//! The namespaces a process lives in.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
};

use super::{
    fs::MountNs,
    net::NetNs,
    process::{Pid, ProcInner},
};
use crate::sim::VecMap;

/// A hostname shared by every process of the namespace.
#[derive(Clone)]
pub struct UtsNs(Rc<RefCell<String>>);

impl UtsNs {
    pub fn new(hostname: impl Into<String>) -> UtsNs {
        UtsNs(Rc::new(RefCell::new(hostname.into())))
    }

    pub fn hostname(&self) -> String {
        self.0.borrow().clone()
    }

    pub fn set_hostname(&self, name: impl Into<String>) {
        *self.0.borrow_mut() = name.into();
    }

    pub fn same(&self, other: &UtsNs) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// System V objects seen by every process of the namespace.
#[derive(Clone, Default)]
pub struct IpcNs(Rc<RefCell<Vec<IpcObject>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpcKind {
    Queue,
    Memory,
    Semaphores,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpcObject {
    pub kind: IpcKind,
    pub key: u32,
    /// Unique among its kind.
    pub id: u32,
    pub uid: u32,
    pub mode: u32,
    /// Bytes of shared memory, semaphores of an array.
    pub size: u64,
}

/// As many as Linux allows of a kind that it allows fewest of.
const MAX_OBJECTS: usize = 4096;

impl IpcNs {
    /// In the order they were made.
    pub fn objects(&self) -> Vec<IpcObject> {
        self.0.borrow().clone()
    }

    /// Makes one; its id, or `None` if there are too many.
    pub fn add(&self, kind: IpcKind, key: u32, uid: u32, mode: u32, size: u64) -> Option<u32> {
        let mut objects = self.0.borrow_mut();
        if objects.len() >= MAX_OBJECTS {
            return None;
        }
        let id = objects.iter().filter(|object| object.kind == kind).map(|object| object.id + 1).max().unwrap_or(0);
        objects.push(IpcObject { kind, key, id, uid, mode, size });
        Some(id)
    }

    /// False if there is none.
    pub fn remove(&self, kind: IpcKind, id: u32) -> bool {
        let mut objects = self.0.borrow_mut();
        let before = objects.len();
        objects.retain(|object| object.kind != kind || object.id != id);
        objects.len() != before
    }

    pub fn same(&self, other: &IpcNs) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// A process-id space. Its process 1 is its init: signals that init doesn't handle are ignored,
/// orphans become init's children, and when init ends the kernel kills all the others.
#[derive(Clone)]
pub struct PidNs(pub(super) Rc<PidNsInner>);

pub(super) struct PidNsInner {
    pub(super) parent: Option<PidNs>,
    /// 0 for a root namespace.
    pub(super) level: usize,
    pub(super) next: Cell<Pid>,
    /// By pid in this namespace. Processes own themselves (their task and their parent hold them).
    pub(super) members: RefCell<VecMap<Pid, Weak<ProcInner>>>,
    /// Its init has ended: nothing can be started in it any more.
    pub(super) dead: Cell<bool>,
}

impl PidNs {
    /// A namespace inside `parent`; its processes have an id in every namespace up the chain.
    pub fn child_of(parent: &PidNs) -> PidNs {
        PidNs::make(Some(parent.clone()), parent.0.level + 1)
    }

    pub fn root() -> PidNs {
        PidNs::make(None, 0)
    }

    fn make(parent: Option<PidNs>, level: usize) -> PidNs {
        PidNs(Rc::new(PidNsInner {
            parent,
            level,
            next: Cell::new(1),
            members: RefCell::default(),
            dead: Cell::new(false),
        }))
    }

    pub fn same(&self, other: &PidNs) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Whether this is `other` or an ancestor of it: its processes see those of `other`.
    pub fn sees(&self, other: &PidNs) -> bool {
        let mut at = Some(other);
        while let Some(ns) = at {
            if ns.same(self) {
                return true;
            }
            at = ns.0.parent.as_ref();
        }
        false
    }

    /// False once its init has ended.
    pub fn is_alive(&self) -> bool {
        !self.0.dead.get()
    }

    pub(super) fn member(&self, pid: Pid) -> Option<Rc<ProcInner>> {
        self.0.members.borrow().get(&pid)?.upgrade()
    }

    /// All its processes, by pid.
    pub(super) fn members(&self) -> Vec<Rc<ProcInner>> {
        self.0.members.borrow().values().filter_map(Weak::upgrade).collect()
    }
}

/// All of a process' namespaces.
#[derive(Clone)]
pub struct Namespaces {
    pub net: NetNs,
    pub uts: UtsNs,
    pub ipc: IpcNs,
    pub pid: PidNs,
    pub mnt: MountNs,
}
