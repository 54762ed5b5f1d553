//! Two branches side by side: where they part, and a laboratory of each at one instant. The work is cut into slices, as
//! that of [`super::Player`] is, whose laboratories it leaves alone.

use super::{
    Lab,
    record::{Entry, Record},
    replica::{Goal, Ran, Replica},
};
use crate::sim::SimTime;

pub struct Compare {
    /// As the record numbers them.
    pub branches: [usize; 2],
    /// When the first thing was done that only one of them has.
    pub parted: SimTime,
    /// When both are looked at.
    pub at: SimTime,
    common: usize,
    sides: [Side; 2],
}

struct Side {
    /// With that branch as the current one.
    record: Record,
    replica: Replica,
    goal: Goal,
}

impl Compare {
    /// Compares two branches at the instant nearest to `near` that both have lived and at which they have parted. `None` if
    /// there are no two such branches.
    pub fn begin(record: &Record, branches: [usize; 2], near: SimTime) -> Option<Compare> {
        let [a, b] = branches;
        let of = |branch: usize| {
            let mut record = record.clone();
            (branch == record.current() || record.switch(branch)).then_some(record)
        };
        let records = [of(a)?, of(b)?];
        let common = record.common(a, b);
        let last = records.iter().map(|r| r.branch().end).min()?;
        let own = records.iter().filter_map(|r| r.inputs().nth(common).map(|entry| entry.at));
        let parted = own.min().filter(|_| a != b)?;
        let at = near.max(parted).min(last.max(parted));
        let side = |record: Record| {
            let inputs = record.inputs().take_while(|entry| entry.at <= at).count();
            let replica = Replica::begin(0, record.config());
            Side { record, replica, goal: Goal { at, inputs } }
        };
        Some(Compare { branches, parted, at, common, sides: records.map(side) })
    }

    /// Works with about `budget` polls; whether all is done.
    pub fn run(&mut self, budget: u64) -> bool {
        let run = |side: &mut Side| side.replica.run(&side.record, side.goal, budget, None) != Ran::Budget;
        self.sides.iter_mut().all(run)
    }

    /// The laboratories, at [`Compare::at`] when all is done.
    pub fn labs(&self) -> [&Lab; 2] {
        self.sides.each_ref().map(|side| &side.replica.lab)
    }

    pub fn names(&self) -> [&str; 2] {
        self.sides.each_ref().map(|side| side.record.branch().name.as_str())
    }

    /// As far as each was lived.
    pub fn ends(&self) -> [SimTime; 2] {
        self.sides.each_ref().map(|side| side.record.branch().end)
    }

    /// What both have, oldest first.
    pub fn common(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.sides[0].record.inputs().take(self.common)
    }

    /// What each did after they parted, oldest first.
    pub fn own(&self) -> [Vec<&Entry>; 2] {
        self.sides.each_ref().map(|side| side.record.inputs().skip(self.common).collect())
    }
}
