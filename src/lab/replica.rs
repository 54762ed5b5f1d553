//! A laboratory that follows a record, and all that its terminal showed.

use super::{Config, Lab, Notice, record::Record, view::View};
use crate::sim::{Reached, SimTime};

/// Bytes of the terminal's output that are kept at least; a screen scrolls back less far.
const KEPT: usize = 512 * 1024;

/// Why [`Replica::run`] came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ran {
    /// It got where it was to go.
    There,
    /// The budget of polls was used up first.
    Budget,
    /// What it was to stop at has happened.
    Stopped,
}

/// A time, and how many of the inputs until then are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Goal {
    pub at: SimTime,
    pub inputs: usize,
}

pub(super) struct Replica {
    /// No two have the same.
    pub id: u64,
    pub lab: Lab,
    /// Inputs of the record's path that it was given, and the last of them.
    pub given: usize,
    pub last: Option<usize>,
    pub output: Vec<u8>,
    /// Bytes of output before those.
    pub forgotten: usize,
    pub notices: Vec<Notice>,
}

impl Replica {
    pub fn begin(id: u64, config: &Config) -> Replica {
        let lab = Lab::begin(config);
        Replica { id, lab, given: 0, last: None, output: Vec::new(), forgotten: 0, notices: Vec::new() }
    }

    /// Follows the record's current path to `goal` with about `budget` polls; `stop` as for [`Lab::advance_until`].
    pub fn run(
        &mut self,
        record: &Record,
        goal: Goal,
        mut budget: u64,
        mut stop: Option<&mut dyn FnMut(&View) -> bool>,
    ) -> Ran {
        loop {
            let next = record.on_path(self.given).filter(|(_, e)| self.given < goal.inputs && e.at <= goal.at);
            let to = next.map_or(goal.at, |(_, e)| e.at);
            let polls = self.lab.polls();
            let reached = match &mut stop {
                Some(stop) => self.lab.advance_until(to, budget, *stop),
                None => Some(self.lab.advance(to, budget)),
            };
            self.collect();
            match reached {
                None => return Ran::Stopped,
                Some(Reached::Budget) => return Ran::Budget,
                Some(Reached::Time) => {}
            }
            let Some((id, entry)) = next else { return Ran::There };
            self.lab.input(entry.input.clone());
            self.given += 1;
            self.last = Some(id);
            self.collect();
            budget = budget.saturating_sub(self.lab.polls() - polls);
            if budget == 0 {
                return Ran::Budget;
            }
        }
    }

    /// Takes what the laboratory showed.
    pub fn collect(&mut self) {
        self.output.extend(self.lab.take_output());
        if self.output.len() > 2 * KEPT {
            let cut = self.output.len() - KEPT;
            let cut = self.output[cut..].iter().position(|b| *b == b'\n').map_or(cut, |at| cut + at + 1);
            self.output.drain(..cut);
            self.forgotten += cut;
        }
        self.notices.extend(self.lab.take_notices());
    }

    /// It was given inputs that the record doesn't have.
    pub fn has_strayed(&self) -> bool {
        self.lab.inputs().len() > self.given || self.lab.waiting() > 0
    }

    /// Whether following the record's path can bring it to `goal`.
    pub fn leads_to(&self, record: &Record, goal: Goal) -> bool {
        !self.has_strayed()
            && self.given <= goal.inputs
            && self.lab.now() <= goal.at
            && (self.given == 0 || record.on_path(self.given - 1).map(|(id, _)| id) == self.last)
            && record.on_path(self.given).is_none_or(|(_, e)| e.at >= self.lab.now())
    }
}
