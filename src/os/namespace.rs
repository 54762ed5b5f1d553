//! The namespaces a process lives in.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::{Rc, Weak},
};

use super::{
    fs::MountNs,
    net::NetNs,
    process::{Pid, ProcInner},
};

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

/// System V and POSIX shared memory seen by every process of the namespace.
#[derive(Clone, Default)]
pub struct IpcNs(Rc<RefCell<Vec<SharedSegment>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedSegment {
    pub key: u32,
    pub id: u32,
    pub owner: String,
    pub bytes: u64,
}

impl IpcNs {
    pub fn segments(&self) -> Vec<SharedSegment> {
        self.0.borrow().clone()
    }

    /// Makes a segment (`ipcmk -M`); returns its id.
    pub fn add_segment(&self, key: u32, owner: &str, bytes: u64) -> u32 {
        let mut segments = self.0.borrow_mut();
        let id = segments.last().map_or(0, |s| s.id + 1);
        segments.push(SharedSegment { key, id, owner: owner.to_owned(), bytes });
        id
    }

    /// Removes a segment (`ipcrm -m`); false if there is none.
    pub fn remove_segment(&self, id: u32) -> bool {
        let mut segments = self.0.borrow_mut();
        let before = segments.len();
        segments.retain(|s| s.id != id);
        segments.len() != before
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
    pub(super) members: RefCell<BTreeMap<Pid, Weak<ProcInner>>>,
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
