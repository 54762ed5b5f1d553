//! Who gets how much of a machine's processors.
//!
//! What computes without pause ([`Proc::burn`]) is a flow: its share follows from who else computes, from
//! weights and limits, changes only when one of these changes, and takes no events in between. What
//! computes in pieces ([`Proc::charge`]) pays for each piece with time, the more the less is left.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    time::Duration,
};

use super::{Machine, Proc, ProcInner};
use crate::{
    os::{Cgroup, cgroup::DEFAULT_WEIGHT},
    sim::SimTime,
};

/// The flows of a machine.
#[derive(Default)]
pub(super) struct Processors {
    flows: RefCell<Vec<Flow>>,
    /// Up to when their usage is accounted for.
    settled: Cell<SimTime>,
    next: Cell<u64>,
}

struct Flow {
    id: u64,
    proc: Weak<ProcInner>,
    cgroup: Cgroup,
    /// From the root down.
    path: Vec<Cgroup>,
    /// Processors it could use: its threads.
    wants: f64,
    has: f64,
}

/// Computes as long as it lives.
pub struct Burning {
    machine: Machine,
    id: u64,
}

impl Drop for Burning {
    fn drop(&mut self) {
        self.machine.settle();
        self.machine.inner().processors.flows.borrow_mut().retain(|flow| flow.id != self.id);
        self.machine.share_processors();
    }
}

impl ProcInner {
    pub(super) fn use_cpu(&self, used: Duration) {
        self.cpu.set(self.cpu.get() + used);
        self.cgroup.use_cpu(used, self.machine.sim().now());
    }

    pub(super) fn cpu_used(&self) -> Duration {
        self.machine.settle();
        self.cpu.get()
    }
}

impl Proc {
    /// Computes on up to `threads` processors until the answer is dropped.
    pub fn burn(&self, threads: f64) -> Burning {
        let machine = self.machine().clone();
        machine.settle();
        let processors = &machine.inner().processors;
        let id = processors.next.get();
        processors.next.set(id + 1);
        let cgroup = self.cgroup().clone();
        let mut path: Vec<Cgroup> = cgroup.upwards().cloned().collect();
        path.reverse();
        let flow = Flow { id, proc: Rc::downgrade(&self.0), cgroup, path, wants: threads, has: 0.0 };
        processors.flows.borrow_mut().push(flow);
        machine.share_processors();
        Burning { machine, id }
    }
}

impl Machine {
    /// Accounts for what the flows have used until now.
    pub fn settle(&self) {
        let processors = &self.inner().processors;
        let now = self.sim().now();
        let since = processors.settled.replace(now);
        if since >= now {
            return;
        }
        for flow in processors.flows.borrow().iter() {
            let elapsed = now.since(since);
            if let Some(proc) = flow.proc.upgrade() {
                proc.cpu.set(proc.cpu.get() + elapsed.mul_f64(flow.has));
            }
            flow.cgroup.use_cpu_evenly(flow.has, since, now);
            if flow.has > 0.0 && flow.has < flow.wants {
                let limited = flow.path.iter().skip(1).filter(|group| group.cpu_max().is_some());
                limited.for_each(|group| group.throttle(elapsed.mul_f64(flow.wants - flow.has)));
            }
        }
    }

    /// Shares the processors out anew: somebody began or ended, or a limit has changed.
    pub(in crate::os) fn share_processors(&self) {
        let processors = &self.inner().processors;
        if processors.flows.borrow().is_empty() {
            return;
        }
        self.settle();
        let mut flows = processors.flows.borrow_mut();
        let all: Vec<usize> = (0..flows.len()).collect();
        share(&mut flows, &all, 0, f64::INFINITY);
    }

    /// Processors that those of a group who compute without pause have now, and how many they could use. A look that
    /// accounts for nothing.
    pub fn computing(&self, cgroup: &Cgroup) -> (f64, f64) {
        let flows = self.inner().processors.flows.borrow();
        let inside = flows.iter().filter(|flow| flow.cgroup.is_within(cgroup));
        inside.fold((0.0, 0.0), |(has, wants), flow| (has + flow.has, wants + flow.wants))
    }

    /// Whether a flow of this process runs.
    pub(super) fn is_burning(&self, proc: &ProcInner) -> bool {
        let flows = self.inner().processors.flows.borrow();
        flows.iter().any(|flow| std::ptr::eq(flow.proc.as_ptr(), proc))
    }

    /// Limits a group to so many processors.
    pub fn set_cpu_max(&self, cgroup: &Cgroup, processors: Option<f64>) {
        cgroup.set_cpu_max(processors.filter(|processors| *processors > 0.0));
        self.share_processors();
    }

    pub fn set_cpu_weight(&self, cgroup: &Cgroup, weight: u64) {
        cgroup.set_weight(weight);
        self.share_processors();
    }

    /// Processor time used by a group and those below it.
    pub fn cpu_used(&self, cgroup: &Cgroup) -> Duration {
        self.settle();
        cgroup.cpu()
    }

    /// When `work` will be done that a process of `cgroup` begins now.
    pub(super) fn compute(&self, cgroup: &Cgroup, work: Duration) -> SimTime {
        let now = self.sim().now();
        let mut done = now + work;
        let flows = self.inner().processors.flows.borrow();
        for group in cgroup.upwards() {
            let Some(most) = group.cpu_max() else { continue };
            let inside = || flows.iter().filter(|flow| flow.cgroup.is_within(group));
            let taken: f64 = inside().map(|flow| flow.has).sum();
            // Whoever computes without pause leaves room for one more.
            let fair = most / (inside().count() as f64 + 1.0);
            let ready = group.pay(work, (most - taken).max(fair), now);
            if ready > done {
                group.throttle(ready.since(done));
                done = ready;
            }
        }
        done
    }
}

/// What a flow, or all flows of a group below, could use.
struct Share {
    wants: f64,
    weight: f64,
    gets: f64,
}

/// Flows, all of one group, by the group below that they belong to; those of the group itself alone.
fn split(flows: &[Flow], members: &[usize], depth: usize) -> Vec<(Option<Cgroup>, Vec<usize>)> {
    let mut parts: Vec<(Option<Cgroup>, Vec<usize>)> = Vec::new();
    for i in members {
        let below = flows[*i].path.get(depth + 1).cloned();
        let same = |part: &&mut (Option<Cgroup>, Vec<usize>)| match (&part.0, &below) {
            (Some(a), Some(b)) => a.same(b),
            _ => false,
        };
        match parts.iter_mut().find(same) {
            Some((_, inside)) => inside.push(*i),
            None => parts.push((below, vec![*i])),
        }
    }
    parts
}

/// The limit of the group at `depth` of these flows' paths.
fn limit(flows: &[Flow], members: &[usize], depth: usize) -> f64 {
    let group = members.first().and_then(|i| flows[*i].path.get(depth));
    group.and_then(Cgroup::cpu_max).unwrap_or(f64::INFINITY)
}

/// What the flows of the group at `depth` could use, by its limits and those below.
fn wanted(flows: &[Flow], members: &[usize], depth: usize) -> f64 {
    let part = |(below, inside): &(Option<Cgroup>, Vec<usize>)| match below {
        Some(_) => wanted(flows, inside, depth + 1),
        None => inside.iter().map(|i| flows[*i].wants()).sum(),
    };
    let sum: f64 = split(flows, members, depth).iter().map(part).sum();
    sum.min(limit(flows, members, depth))
}

/// Shares `most` processors among the flows of the group at `depth`.
fn share(flows: &mut [Flow], members: &[usize], depth: usize, most: f64) {
    let most = most.min(limit(flows, members, depth));
    let parts = split(flows, members, depth);
    let share_of = |(below, inside): &(Option<Cgroup>, Vec<usize>)| match below {
        Some(group) => Share { wants: wanted(flows, inside, depth + 1), weight: group.weight() as f64, gets: 0.0 },
        None => {
            Share { wants: inside.iter().map(|i| flows[*i].wants()).sum(), weight: DEFAULT_WEIGHT as f64, gets: 0.0 }
        }
    };
    let mut shares: Vec<Share> = parts.iter().map(share_of).collect();
    fill(&mut shares, most);
    for ((below, inside), part) in parts.iter().zip(shares) {
        match below {
            Some(_) => share(flows, inside, depth + 1, part.gets),
            None => inside.iter().for_each(|i| flows[*i].has = part.gets),
        }
    }
}

impl Flow {
    /// A stopped process wants nothing.
    fn wants(&self) -> f64 {
        match self.proc.upgrade() {
            Some(proc) if proc.stopped.get().is_none() && !proc.is_dead() => self.wants,
            _ => 0.0,
        }
    }
}

/// Gives each what it wants, or its part by weight where that is less.
fn fill(shares: &mut [Share], most: f64) {
    let mut left = most;
    let mut open: Vec<usize> = (0..shares.len()).collect();
    while !open.is_empty() {
        let weight: f64 = open.iter().map(|i| shares[*i].weight).sum();
        let part = |share: &Share| left * share.weight / weight;
        let (content, rest): (Vec<usize>, Vec<usize>) =
            open.iter().partition(|i| shares[**i].wants <= part(&shares[**i]));
        if content.is_empty() {
            for i in rest {
                shares[i].gets = part(&shares[i]);
            }
            return;
        }
        for i in content {
            shares[i].gets = shares[i].wants;
            left -= shares[i].wants;
        }
        open = rest;
    }
}
