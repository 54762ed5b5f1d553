//! What processes have in memory, and who is killed when there is no more.
//! Source of the choice: Linux, `mm/oom_kill.c`.

use std::rc::Rc;

use super::{ExitStatus, Machine, Pid, Proc, ProcInner};
use crate::os::{Cgroup, Errno, Signal};

const KIB: u64 = 1 << 10;

/// A process' memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Its own: charged to its control group.
    pub private: u64,
    /// Code and libraries, which others use as well.
    pub shared: u64,
    /// The address space.
    pub size: u64,
}

impl Default for Footprint {
    /// A small program in C.
    fn default() -> Footprint {
        Footprint::kib(160, 1400, 4400)
    }
}

impl Footprint {
    pub(super) const NONE: Footprint = Footprint::kib(0, 0, 0);

    pub const fn kib(private: u64, shared: u64, size: u64) -> Footprint {
        Footprint { private: private * KIB, shared: shared * KIB, size: size * KIB }
    }

    pub fn resident(self) -> u64 {
        self.private + self.shared
    }

    /// What a forked child has: its parent's pages are its own only where it writes to them.
    pub(super) fn forked(self) -> Footprint {
        let private = self.private.min(128 * KIB);
        Footprint { private, shared: self.resident() - private, size: self.size }
    }
}

/// A process that was killed for memory.
#[derive(Clone, Debug)]
pub struct OomKill {
    /// The machine ran out, not a control group.
    pub global: bool,
    pub pid: Pid,
    pub comm: Rc<str>,
    pub cgroup: Cgroup,
}

impl ProcInner {
    /// Has `footprint` from now on, beside what it has.
    pub(super) fn take_up(self: &Rc<Self>, footprint: Footprint) {
        if self.grow(footprint.private) {
            let now = self.footprint.get();
            let (shared, size) = (now.shared + footprint.shared, now.size + footprint.size);
            self.footprint.set(Footprint { shared, size, ..now });
        }
    }

    /// Touches `bytes` of new memory; false if that was its end.
    pub(super) fn grow(self: &Rc<Self>, bytes: u64) -> bool {
        if !self.machine.charge(&self.cgroup, bytes, Some(self)) {
            return false;
        }
        let now = self.footprint.get();
        self.footprint.set(Footprint { private: now.private + bytes, ..now });
        true
    }

    pub(super) fn release_memory(&self) {
        let had = self.footprint.replace(Footprint::NONE);
        self.cgroup.uncharge(had.private, self.machine.sim().now());
    }

    /// How much killing it would free, in bytes, adjusted by its `oom_score_adj`; `None`: it may not be
    /// killed.
    fn badness(&self, total: u64) -> Option<i128> {
        let adj = self.oom_score_adj.get();
        (adj > -1000 && !self.is_dead())
            .then(|| i128::from(self.footprint.get().resident()) + i128::from(adj) * i128::from(total) / 1000)
    }
}

impl Machine {
    /// The machine's size: processors and bytes of memory.
    pub fn set_capacity(&self, processors: f64, memory: u64) {
        self.inner().memory.set(memory);
        self.cgroup().set_memory_max(Some(memory));
        self.set_cpu_max(self.cgroup(), Some(processors));
    }

    /// Memory that the kernel and what isn't shown as processes have from now on, charged to the root.
    pub fn set_kernel_memory(&self, bytes: u64) {
        let now = self.sim().now();
        self.cgroup().uncharge(self.inner().kernel_memory.replace(bytes), now);
        self.cgroup().charge(bytes, now);
    }

    pub fn kernel_memory(&self) -> u64 {
        self.inner().kernel_memory.get()
    }

    /// Processors, the last one perhaps in part.
    pub fn processors(&self) -> u32 {
        self.cgroup().cpu_max().unwrap_or(1.0).ceil() as u32
    }

    /// Bytes of memory.
    pub fn memory(&self) -> u64 {
        self.inner().memory.get()
    }

    /// Calls `heard` for each process that is killed for memory; it replaces the one before.
    pub fn on_oom_kill(&self, heard: impl Fn(&OomKill) + 'static) {
        *self.inner().oom_listener.borrow_mut() = Some(Rc::new(heard));
    }

    /// Charges memory to a group, and kills where a limit is reached. False if that hit `toucher`, on
    /// whose behalf nothing is charged then.
    pub(in crate::os) fn charge(&self, cgroup: &Cgroup, bytes: u64, toucher: Option<&Rc<ProcInner>>) -> bool {
        let now = self.sim().now();
        while let Err(full) = cgroup.try_charge(bytes, now) {
            full.count_event(|events| events.max += 1);
            let killed = self.out_of_memory(&full);
            if toucher.is_some_and(|proc| proc.is_dead()) {
                return false;
            }
            if !killed {
                cgroup.charge(bytes, now);
                break;
            }
        }
        true
    }

    /// The process that is on the CPU.
    pub(in crate::os) fn on_cpu(&self) -> Option<Proc> {
        self.process(self.current())
    }

    /// Kills the worst process of a group that is full, and its whole container where
    /// `memory.oom.group` says so. False if there is nobody to kill.
    fn out_of_memory(&self, full: &Cgroup) -> bool {
        let total = full.memory_max().unwrap_or(self.memory());
        let inside = |proc: &Rc<ProcInner>| proc.cgroup.is_within(full);
        let all: Vec<Rc<ProcInner>> = self.namespaces().pid.members().into_iter().filter(inside).collect();
        // Of equals, the last.
        let worst = all.iter().filter_map(|proc| Some((proc.badness(total)?, proc))).max_by_key(|(points, _)| *points);
        full.count_event(|events| events.oom += 1);
        let Some((_, victim)) = worst else { return false };
        let kill = OomKill {
            global: full.parent().is_none(),
            pid: victim.host_pid(),
            comm: victim.comm.borrow().clone(),
            cgroup: victim.cgroup.clone(),
        };
        let up_to_full = victim.cgroup.upwards().take_while(|group| group.is_within(full));
        let group = up_to_full.filter(|group| group.oom_group()).last();
        if let Some(group) = group {
            group.upwards().for_each(|group| group.count_event(|events| events.oom_group_kill += 1));
        }
        let together = |proc: &&Rc<ProcInner>| group.is_some_and(|group| proc.cgroup.is_within(group));
        let victims = all.iter().filter(|proc| Rc::ptr_eq(proc, victim) || together(proc));
        for proc in victims.filter(|proc| proc.badness(total).is_some()) {
            proc.cgroup.upwards().for_each(|group| group.count_event(|events| events.oom_kill += 1));
            proc.exit(ExitStatus::Signaled(Signal::KILL));
        }
        let listener = self.inner().oom_listener.borrow().clone();
        if let Some(heard) = listener {
            heard(&kill);
        }
        true
    }
}

impl Proc {
    pub fn oom_score_adj(&self) -> i32 {
        self.0.oom_score_adj.get()
    }

    /// What killing it would do, from 0 to 2000, as /proc/PID/oom_score shows it.
    pub fn oom_score(&self) -> i128 {
        let total = self.machine().memory().max(1);
        let points = self.0.badness(total).unwrap_or(0).max(-i128::from(total));
        (1000 + points * 1000 / i128::from(total)) * 2 / 3
    }

    /// Maps and touches `bytes` of memory. ENOMEM if the machine can't have so much. Where a limit is in
    /// the way somebody is killed; if it is this process, it goes no further.
    pub async fn allocate(&self, bytes: u64) -> Result<(), Errno> {
        if bytes > self.machine().memory() {
            return Err(Errno::ENOMEM);
        }
        if self.0.grow(bytes) {
            let now = self.0.footprint.get();
            self.0.footprint.set(Footprint { size: now.size + bytes, ..now });
        }
        // Whoever was killed goes no further.
        self.charge(std::time::Duration::ZERO).await;
        Ok(())
    }

    /// Gives memory back that [`Proc::allocate`] took.
    pub fn free(&self, bytes: u64) {
        let now = self.0.footprint.get();
        let bytes = bytes.min(now.private);
        self.0.footprint.set(Footprint { private: now.private - bytes, size: now.size.saturating_sub(bytes), ..now });
        self.0.cgroup.uncharge(bytes, self.sim().now());
    }
}
