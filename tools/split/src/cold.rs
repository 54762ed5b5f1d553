//! What of a function that runs does not run itself: runs of blocks up to the end of what they stand in. Each can become a
//! function of the rest, which is handed the locals that it reads and gives back those that are read after it.

use std::collections::BTreeSet;
use std::ops::Range;

use wasmparser::{FunctionBody, Operator, ValType};

use crate::Outcome;
use crate::blocks::{self, Bits, Blocks, Frame};

/// What must be spared, in bytes, for a run of blocks to leave its function.
const LEAST: usize = 16;

pub struct Region {
    pub operators: Range<usize>,
    /// The function's locals that it takes, by type.
    pub parameters: Vec<u32>,
    /// The function's locals that it gives back, by type.
    pub results: Vec<u32>,
    /// Ways out of it, in the order of their numbers.
    pub exits: Vec<Exit>,
    /// Where its last operator leads without a branch.
    pub goes_on: Option<Exit>,
    /// The frame that it stands in, which ends where it ends.
    pub round: Frame,
    /// The label of the whole function, seen from its beginning.
    pub function: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// To what comes after it.
    On,
    /// To a frame round it: 0 is the innermost.
    Label(u32),
    Return,
}

/// The cold regions of a function, in their order. `ran`: which blocks did.
pub fn regions(body: &FunctionBody, parameters: &[ValType], results: usize, ran: &[u8]) -> Outcome<Vec<Region>> {
    let blocks = Blocks::read(body)?;
    let mut regions = vec![];
    // Results of more than one value would need more than one place for them.
    if !blocks.plain || results > 1 || ran.iter().all(|ran| *ran != 0) {
        return Ok(regions);
    }
    let locals = blocks::locals(parameters, body)?;
    let mut found: Vec<(Range<usize>, Vec<Frame>)> = vec![];
    blocks.walk(|block, frames| {
        let operators = blocks.starts[block]..frames[frames.len() - 1].end;
        let covered = found.last().is_some_and(|(last, _)| last.end >= operators.end);
        let within = block..blocks.of(operators.end) + 1;
        let size = blocks.offsets[operators.end] - blocks.offsets[operators.start];
        if !covered && size > LEAST && ran[within].iter().all(|ran| *ran == 0) {
            found.push((operators, frames.to_vec()));
        }
    });
    if found.is_empty() {
        return Ok(regions);
    }
    let function = Function { successors: blocks.successors(), locals: &locals, results, blocks: &blocks };
    let nothing = Bits::new(locals.len());
    let live = blocks.live(&function.successors, 0..blocks.starts.len(), |_| nothing.clone(), locals.len());
    for (operators, frames) in found {
        regions.extend(function.region(operators, &frames, &live));
    }
    Ok(regions)
}

struct Function<'a> {
    blocks: &'a Blocks<'a>,
    successors: Vec<Vec<usize>>,
    locals: &'a [ValType],
    results: usize,
}

impl Function<'_> {
    /// None: it can't leave the function, or leaving spares nothing.
    fn region(&self, operators: Range<usize>, frames: &[Frame], live: &[Bits]) -> Option<Region> {
        let Function { blocks, successors, locals, .. } = self;
        let round = frames[frames.len() - 1];
        let within = blocks.of(operators.start)..blocks.of(operators.end) + 1;
        let mut exits = self.exits(operators.clone(), frames)?;
        let last = within.end - 1;
        let mut goes_on = None;
        if self.reached(within.clone()).contains(&last) && blocks.falls_through(last) {
            match round.begin {
                None => goes_on = Some(Exit::Return),
                Some(_) if round.typed => return None,
                Some(_) => goes_on = Some(Exit::On),
            }
        }
        exits.extend(goes_on);
        exits.sort_unstable();
        exits.dedup();
        let mut written = Bits::new(locals.len());
        for operator in &blocks.operators[operators.clone()] {
            if let Operator::LocalSet { local_index } | Operator::LocalTee { local_index } = operator {
                written.add(*local_index);
            }
        }
        let mut given = Bits::new(locals.len());
        for exit in &exits {
            let to = match exit {
                Exit::On => Some(round.end + 1),
                Exit::Label(label) => blocks.target(&frames[frames.len() - 1 - *label as usize]),
                Exit::Return => None,
            };
            if let Some(to) = to {
                given.join(&live[blocks.of(to)]);
            }
        }
        given.keep(&written);
        let taken = blocks.live(successors, within, |_| given.clone(), locals.len()).swap_remove(0);
        let by_type = |set: &Bits| {
            let mut all: Vec<u32> = set.iter().collect();
            all.sort_by_key(|local| kind(locals[*local as usize]));
            all
        };
        let (parameters, results) = (by_type(&taken), by_type(&given));
        let size = blocks.offsets[operators.end] - blocks.offsets[operators.start];
        let cost = 2 * (parameters.len() + results.len()) + 7 + if exits.len() > 1 { 4 + 2 * exits.len() } else { 2 };
        let function = frames.len() as u32 - 1;
        (size >= cost + LEAST).then_some(Region { operators, parameters, results, exits, goes_on, round, function })
    }

    /// Where its branches and returns lead out; none if one of them takes values along that it can't.
    fn exits(&self, operators: Range<usize>, frames: &[Frame]) -> Option<Vec<Exit>> {
        let (mut exits, mut depth) = (vec![], 0);
        for operator in &self.blocks.operators[operators] {
            match operator {
                Operator::Block { .. } | Operator::Loop { .. } => depth += 1,
                Operator::End => depth -= 1,
                Operator::Return => exits.push(Exit::Return),
                operator => {
                    for label in blocks::labels(operator).into_iter().filter(|label| *label >= depth) {
                        let label = label - depth;
                        let frame = frames[frames.len() - 1 - label as usize];
                        exits.push(match frame.begin {
                            None if self.results == 0 || matches!(operator, Operator::Br { .. }) => Exit::Return,
                            None => return None,
                            Some(_) if frame.is_loop => Exit::Label(label),
                            Some(_) if frame.typed => return None,
                            Some(_) if label == 0 => Exit::On,
                            Some(_) => Exit::Label(label),
                        });
                    }
                }
            }
        }
        Some(exits)
    }

    /// The blocks that its first one leads to.
    fn reached(&self, within: Range<usize>) -> BTreeSet<usize> {
        let mut reached = BTreeSet::from([within.start]);
        let mut open = vec![within.start];
        while let Some(block) = open.pop() {
            let next = self.successors[block].iter().filter(|to| within.contains(to));
            open.extend(next.filter(|to| reached.insert(**to)));
        }
        reached
    }
}

fn kind(kind: ValType) -> u8 {
    match kind {
        ValType::I32 => 0,
        ValType::I64 => 1,
        ValType::F32 => 2,
        ValType::F64 => 3,
        ValType::V128 => 4,
        ValType::Ref(_) => 5,
    }
}

impl Exit {
    /// How a branch leaves by a label as seen from the beginning of a region: see there for `round` and `function`.
    pub fn of(label: u32, round: &Frame, function: u32) -> Exit {
        match label {
            label if label == function => Exit::Return,
            0 if !round.is_loop => Exit::On,
            label => Exit::Label(label),
        }
    }
}
