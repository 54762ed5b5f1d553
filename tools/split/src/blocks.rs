//! A function as basic blocks: where they begin, where each leads, and which locals it finds in use.
//!
//! Invariants: blocks are in the order of the code and leave no gap; the block of an `end` is the one that it closes, and what
//! comes after it begins another. A `loop` is jumped to right behind its beginning.

use std::ops::Range;

use wasmparser::{FunctionBody, Operator, ValType};

use crate::Outcome;

pub struct Blocks<'a> {
    pub operators: Vec<Operator<'a>>,
    /// Where each operator begins, in bytes, and where the last one ends.
    pub offsets: Vec<usize>,
    /// The first operator of each block.
    pub starts: Vec<usize>,
    /// Of a `block` or a `loop`: the operator that ends it.
    pub ends: Vec<usize>,
    /// Nothing but `block` and `loop` nests here. What LLVM makes is so.
    pub plain: bool,
}

/// What a branch may name.
#[derive(Clone, Copy, PartialEq)]
pub struct Frame {
    /// The operator that opens it; none: the function itself.
    pub begin: Option<usize>,
    pub end: usize,
    pub is_loop: bool,
    /// It takes or leaves values.
    pub typed: bool,
}

impl<'a> Blocks<'a> {
    pub fn read(body: &FunctionBody<'a>) -> Outcome<Blocks<'a>> {
        let (mut operators, mut offsets) = (vec![], vec![]);
        for item in body.get_operators_reader()?.into_iter_with_offsets() {
            let (operator, offset) = item?;
            operators.push(operator);
            offsets.push(offset);
        }
        offsets.push(body.range().end);
        let mut ends = vec![0; operators.len()];
        let (mut open, mut starts, mut plain) = (vec![], vec![0], true);
        for (i, operator) in operators.iter().enumerate() {
            match operator {
                Operator::Block { .. } => open.push(i),
                Operator::Loop { .. } => {
                    open.push(i);
                    starts.push(i + 1);
                }
                Operator::If { .. } | Operator::TryTable { .. } => {
                    plain = false;
                    open.push(i);
                    starts.push(i + 1);
                }
                Operator::Else => starts.push(i + 1),
                Operator::End => {
                    if let Some(begin) = open.pop() {
                        ends[begin] = i;
                        starts.push(i + 1);
                    }
                }
                Operator::Br { .. }
                | Operator::BrIf { .. }
                | Operator::BrTable { .. }
                | Operator::Return
                | Operator::Unreachable => starts.push(i + 1),
                _ => {}
            }
        }
        starts.dedup();
        starts.retain(|start| *start < operators.len());
        Ok(Blocks { operators, offsets, starts, ends, plain })
    }

    /// The block that an operator lies in.
    pub fn of(&self, operator: usize) -> usize {
        self.starts.partition_point(|start| *start <= operator) - 1
    }

    pub fn range(&self, block: usize) -> Range<usize> {
        self.starts[block]..self.starts.get(block + 1).copied().unwrap_or(self.operators.len())
    }

    /// The frames that are open before each block, the innermost last, as `each` sees them.
    pub fn walk(&self, mut each: impl FnMut(usize, &[Frame])) {
        let mut frames = vec![Frame { begin: None, end: self.operators.len() - 1, is_loop: false, typed: true }];
        let mut block = 0;
        for (i, operator) in self.operators.iter().enumerate() {
            if self.starts.get(block) == Some(&i) {
                each(block, &frames);
                block += 1;
            }
            match operator {
                Operator::Block { blockty } | Operator::Loop { blockty } => frames.push(Frame {
                    begin: Some(i),
                    end: self.ends[i],
                    is_loop: matches!(operator, Operator::Loop { .. }),
                    typed: *blockty != wasmparser::BlockType::Empty,
                }),
                Operator::If { .. } | Operator::TryTable { .. } => {
                    frames.push(Frame { begin: Some(i), end: self.ends[i], is_loop: false, typed: true });
                }
                Operator::End => {
                    frames.pop();
                }
                _ => {}
            }
        }
    }

    /// The operator that a branch to a frame leads to; none: out of the function.
    pub fn target(&self, frame: &Frame) -> Option<usize> {
        let begin = frame.begin?;
        Some(if frame.is_loop { begin + 1 } else { frame.end + 1 })
    }

    /// Where each block leads, for a plain function; leaving the function is nowhere.
    pub fn successors(&self) -> Vec<Vec<usize>> {
        let mut all = vec![vec![]; self.starts.len()];
        self.walk(|block, frames| {
            let mut frames = frames.to_vec();
            for i in self.range(block) {
                match &self.operators[i] {
                    Operator::Block { .. } | Operator::Loop { .. } => {
                        let is_loop = matches!(self.operators[i], Operator::Loop { .. });
                        frames.push(Frame { begin: Some(i), end: self.ends[i], is_loop, typed: false });
                    }
                    operator => {
                        for label in labels(operator) {
                            let frame = &frames[frames.len() - 1 - label as usize];
                            all[block].extend(self.target(frame).map(|target| self.of(target)));
                        }
                    }
                }
            }
            if self.falls_through(block) && block + 1 < self.starts.len() {
                all[block].push(block + 1);
            }
        });
        all
    }

    /// Whether control may go on from a block's last operator to the next one.
    pub fn falls_through(&self, block: usize) -> bool {
        let last = &self.operators[self.range(block).end - 1];
        !matches!(last, Operator::Br { .. } | Operator::BrTable { .. } | Operator::Return | Operator::Unreachable)
    }

    /// The locals whose values are still read, before each block, given what is read after `leaving` the blocks in question
    /// (`within`) for each block outside.
    pub fn live(
        &self,
        successors: &[Vec<usize>],
        within: Range<usize>,
        leaving: impl Fn(usize) -> Bits,
        locals: usize,
    ) -> Vec<Bits> {
        let mut reads = vec![];
        let mut writes = vec![];
        for block in within.clone() {
            let (mut read, mut written) = (Bits::new(locals), Bits::new(locals));
            for i in self.range(block) {
                match self.operators[i] {
                    Operator::LocalGet { local_index } if !written.has(local_index) => read.add(local_index),
                    Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => written.add(local_index),
                    _ => {}
                }
            }
            reads.push(read);
            writes.push(written);
        }
        let mut live = reads.clone();
        loop {
            let mut changed = false;
            for block in within.clone().rev() {
                let mut out = Bits::new(locals);
                for next in &successors[block] {
                    if within.contains(next) {
                        out.join(&live[next - within.start])
                    } else {
                        out.join(&leaving(*next))
                    };
                }
                out.remove(&writes[block - within.start]);
                changed |= live[block - within.start].join(&out);
            }
            if !changed {
                return live;
            }
        }
    }
}

/// The labels that an operator may branch to.
pub fn labels(operator: &Operator) -> Vec<u32> {
    match operator {
        Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => vec![*relative_depth],
        Operator::BrTable { targets } => targets.targets().flatten().chain([targets.default()]).collect(),
        _ => vec![],
    }
}

/// A set of locals.
#[derive(Clone, PartialEq)]
pub struct Bits(Vec<u64>);

impl Bits {
    pub fn new(size: usize) -> Bits {
        Bits(vec![0; size.div_ceil(64)])
    }

    pub fn add(&mut self, local: u32) {
        self.0[local as usize / 64] |= 1 << (local % 64);
    }

    pub fn has(&self, local: u32) -> bool {
        self.0[local as usize / 64] & 1 << (local % 64) != 0
    }

    /// Whether anything was new.
    pub fn join(&mut self, other: &Bits) -> bool {
        let mut changed = false;
        for (mine, other) in self.0.iter_mut().zip(&other.0) {
            changed |= *other & !*mine != 0;
            *mine |= other;
        }
        changed
    }

    pub fn remove(&mut self, other: &Bits) {
        for (mine, other) in self.0.iter_mut().zip(&other.0) {
            *mine &= !other;
        }
    }

    pub fn keep(&mut self, other: &Bits) {
        for (mine, other) in self.0.iter_mut().zip(&other.0) {
            *mine &= other;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.0.len() as u32 * 64).filter(|local| self.has(*local))
    }
}

/// The types of a function's parameters and locals.
pub fn locals(parameters: &[ValType], body: &FunctionBody) -> Outcome<Vec<ValType>> {
    let mut all = parameters.to_vec();
    for run in body.get_locals_reader()? {
        let (count, kind) = run?;
        all.extend((0..count).map(|_| kind));
    }
    Ok(all)
}
