//! What a worker has seen of the container runtime. A sync goes by what the last relist found, not by
//! what is there, and waits for a relist after the sync before.
//! Source: kubernetes `pkg/kubelet/pleg/generic.go`, `pkg/kubelet/pod_workers.go`.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::status::Runtime;
use crate::sim::SimTime;

#[derive(Default)]
pub struct Seen {
    runtime: RefCell<Rc<Runtime>>,
    /// Something has changed since: the relist that will see it.
    stale_until: Cell<Option<SimTime>>,
    /// Dead containers were removed, which calls for no sync: the relist that will see it.
    tidied_until: Cell<Option<SimTime>>,
    /// When the last sync ended, unless the runtime has been looked at since.
    synced: Cell<Option<SimTime>>,
}

impl Seen {
    /// The runtime as last looked at.
    pub fn runtime(&self) -> Rc<Runtime> {
        self.runtime.borrow().clone()
    }

    pub fn look(&self, runtime: Runtime) {
        *self.runtime.borrow_mut() = Rc::new(runtime);
        self.stale_until.set(None);
        self.tidied_until.set(None);
    }

    /// Dead containers were removed.
    pub fn tidied(&self, beat: SimTime) {
        self.tidied_until.set(Some(beat));
    }

    /// Whether a relist since has seen what was removed.
    pub fn is_untidy(&self, now: SimTime) -> bool {
        self.tidied_until.get().is_some_and(|beat| beat <= now)
    }

    /// The runtime has changed, which the relist at `beat` will see. False if one is awaited already.
    pub fn changed(&self, beat: SimTime) -> bool {
        let first = self.stale_until.get().is_none();
        if first {
            self.stale_until.set(Some(beat));
        }
        first
    }

    pub fn is_stale(&self) -> bool {
        self.stale_until.get().is_some()
    }

    pub fn stale_until(&self) -> Option<SimTime> {
        self.stale_until.get()
    }

    pub fn synced(&self, now: SimTime) {
        self.synced.set(Some(now));
    }

    pub fn freshened(&self) {
        self.synced.set(None);
    }

    /// When the next sync may begin; `None`: the runtime has been looked at since the last one.
    pub fn fresh_at(&self, relist_after: impl Fn(SimTime) -> SimTime) -> Option<SimTime> {
        self.synced.get().map(relist_after)
    }
}
