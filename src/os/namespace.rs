//! The namespaces a process lives in.

use std::{cell::RefCell, rc::Rc};

use super::{fs::MountNs, net::NetNs, process::Pid};

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
pub struct IpcNs(pub(super) Rc<RefCell<Vec<SharedSegment>>>);

#[derive(Clone, Debug)]
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
    pub(super) next: std::cell::Cell<Pid>,
}

impl PidNs {
    /// A namespace inside `parent`; its processes have an id in every namespace up the chain.
    pub fn child_of(parent: &PidNs) -> PidNs {
        PidNs(Rc::new(PidNsInner { parent: Some(parent.clone()), next: std::cell::Cell::new(1) }))
    }

    pub fn root() -> PidNs {
        PidNs(Rc::new(PidNsInner { parent: None, next: std::cell::Cell::new(1) }))
    }

    pub fn same(&self, other: &PidNs) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
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
