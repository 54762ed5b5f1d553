//! A function without its cold regions, and those regions as functions of their own.
//!
//! Invariants: a region takes values of locals in its signature's order, and gives back, in this order: the number of the exit if it
//! has several, the value that the function returns if it may return one, and locals. Exits are numbered as in `Region::exits`.

use std::collections::BTreeMap;

use wasm_encoder::reencode::Reencode;
use wasm_encoder::{BlockType, Function, Instruction};
use wasmparser::{Operator, ValType};

use crate::blocks::{self, Blocks};
use crate::cold::{Exit, Region};
use crate::parts::Renumber;
use crate::{Module, Outcome};

/// Parameters and results.
pub type Signature = (Vec<ValType>, Vec<ValType>);

/// A function of the module that has regions.
pub struct Outlined<'a> {
    blocks: Blocks<'a>,
    locals: Vec<ValType>,
    parameters: usize,
    returns: Option<ValType>,
}

impl<'a> Outlined<'a> {
    pub fn read(module: &Module<'a>, function: u32) -> Outcome<Outlined<'a>> {
        let body = module.body(function);
        let kind = &module.types[module.functions[function as usize] as usize];
        Ok(Outlined {
            blocks: Blocks::read(body)?,
            locals: blocks::locals(kind.params(), body)?,
            parameters: kind.params().len(),
            returns: kind.results().first().copied(),
        })
    }

    /// What a region's function returns of what its own function returns.
    fn returned(&self, region: &Region) -> Option<ValType> {
        self.returns.filter(|_| region.exits.contains(&Exit::Return))
    }

    /// Whether the value that a region's function returns lies under others.
    fn waits(&self, region: &Region) -> bool {
        self.returned(region).is_some() && (region.exits.len() > 1 || !region.results.is_empty())
    }

    pub fn signature(&self, region: &Region) -> Signature {
        let types = |locals: &[u32]| locals.iter().map(|local| self.locals[*local as usize]).collect::<Vec<_>>();
        let number = (region.exits.len() > 1).then_some(ValType::I32);
        let results = number.into_iter().chain(self.returned(region)).chain(types(&region.results)).collect();
        (types(&region.parameters), results)
    }

    /// The function with calls instead of its regions; `call` says how each is called.
    pub fn hot(
        &self,
        renumber: &mut Renumber,
        regions: &[Region],
        call: impl Fn(usize) -> [Instruction<'static>; 2],
    ) -> Outcome<Function> {
        // Where a value waits that is returned if a region says so.
        let kept = self.locals.len() as u32;
        let own = self.returns.filter(|_| regions.iter().any(|region| self.waits(region)));
        let own = self.locals[self.parameters..].iter().copied().chain(own);
        let own = own.map(|kind| renumber.val_type(kind)).collect::<Result<Vec<_>, _>>()?;
        let mut out = Function::new_with_locals_types(own);
        let mut regions = regions.iter().enumerate().peekable();
        let mut i = 0;
        while i < self.blocks.operators.len() {
            if let Some((number, region)) = regions.next_if(|(_, region)| region.operators.start == i) {
                self.call(&mut out, region, call(number), kept);
                i = region.operators.end;
            } else {
                out.instruction(&renumber.instruction(self.blocks.operators[i].clone())?);
                i += 1;
            }
        }
        Ok(out)
    }

    fn call(&self, out: &mut Function, region: &Region, call: [Instruction; 2], kept: u32) {
        let value = self.returned(region).is_some();
        let back = |out: &mut Function| {
            if value {
                out.instruction(&Instruction::LocalGet(kept));
            }
            out.instruction(&Instruction::Return);
        };
        let several = region.exits.len() > 1;
        let branches = several && (region.exits.len() > 2 || region.exits.contains(&Exit::Return));
        // Frames to leave by: the outer one to go on, the inner one to return.
        let [on, returns] = [Exit::On, Exit::Return].map(|exit| branches && region.exits.contains(&exit));
        for _ in 0..u32::from(on) + u32::from(returns) {
            out.instruction(&Instruction::Block(BlockType::Empty));
        }
        for local in &region.parameters {
            out.instruction(&Instruction::LocalGet(*local));
        }
        for instruction in call {
            out.instruction(&instruction);
        }
        for local in region.results.iter().rev() {
            out.instruction(&Instruction::LocalSet(*local));
        }
        if self.waits(region) {
            out.instruction(&Instruction::LocalSet(kept));
        }
        match region.exits[..] {
            [] => {
                out.instruction(&Instruction::Unreachable);
            }
            [Exit::On] => {}
            [Exit::Label(label)] => {
                out.instruction(&Instruction::Br(label));
            }
            [Exit::Return] if region.results.is_empty() => {
                out.instruction(&Instruction::Return);
            }
            [Exit::Return] => back(out),
            [Exit::On, Exit::Label(label)] => {
                out.instruction(&Instruction::BrIf(label));
            }
            _ => {
                let mut labels: Vec<u32> = (region.exits.iter())
                    .map(|exit| match exit {
                        Exit::On => u32::from(returns),
                        Exit::Label(label) => label + u32::from(on) + u32::from(returns),
                        Exit::Return => 0,
                    })
                    .collect();
                let last = labels.pop().unwrap_or_default();
                out.instruction(&Instruction::BrTable(labels.into(), last));
            }
        }
        if returns {
            out.instruction(&Instruction::End);
            back(out);
        }
        if on {
            out.instruction(&Instruction::End);
        }
    }

    /// A region as a function.
    pub fn cold(&self, renumber: &mut Renumber, region: &Region) -> Outcome<Function> {
        let operators = &self.blocks.operators[region.operators.clone()];
        let mut places: BTreeMap<u32, u32> = region.parameters.iter().copied().zip(0..).collect();
        let mut own = vec![];
        let Region { round, function, .. } = *region;
        for operator in operators {
            if let Operator::LocalGet { local_index }
            | Operator::LocalSet { local_index }
            | Operator::LocalTee { local_index } = operator
            {
                let next = places.len() as u32;
                if *places.entry(*local_index).or_insert(next) == next {
                    own.push(self.locals[*local_index as usize]);
                }
            }
        }
        let kept = places.len() as u32;
        let returned = self.returned(region);
        own.extend(returned);
        let own = own.iter().map(|kind| renumber.val_type(*kind)).collect::<Result<Vec<_>, _>>()?;
        let mut out = Function::new_with_locals_types(own);
        for _ in &region.exits {
            out.instruction(&Instruction::Block(BlockType::Empty));
        }
        let number = |exit: Exit| {
            let number = region.exits.iter().position(|other| *other == exit);
            number.map(|number| number as u32).ok_or("an exit that a region hasn't")
        };
        let mut depth = 0;
        let label = |label: u32, depth: u32| {
            if label < depth {
                Ok(label)
            } else {
                number(Exit::of(label - depth, &round, function)).map(|number| depth + number)
            }
        };
        for operator in operators {
            match operator {
                Operator::LocalGet { local_index } => out.instruction(&Instruction::LocalGet(places[local_index])),
                Operator::LocalSet { local_index } => out.instruction(&Instruction::LocalSet(places[local_index])),
                Operator::LocalTee { local_index } => out.instruction(&Instruction::LocalTee(places[local_index])),
                Operator::Return => {
                    if returned.is_some() {
                        out.instruction(&Instruction::LocalSet(kept));
                    }
                    out.instruction(&Instruction::Br(depth + number(Exit::Return)?))
                }
                Operator::Br { relative_depth } => {
                    if returned.is_some() && *relative_depth == depth + function {
                        out.instruction(&Instruction::LocalSet(kept));
                    }
                    out.instruction(&Instruction::Br(label(*relative_depth, depth)?))
                }
                Operator::BrIf { relative_depth } => {
                    out.instruction(&Instruction::BrIf(label(*relative_depth, depth)?))
                }
                Operator::BrTable { targets } => {
                    let others =
                        targets.targets().map(|target| Ok(label(target?, depth)?)).collect::<Outcome<Vec<_>>>()?;
                    out.instruction(&Instruction::BrTable(others.into(), label(targets.default(), depth)?))
                }
                operator => {
                    match operator {
                        Operator::Block { .. } | Operator::Loop { .. } => depth += 1,
                        Operator::End => depth -= 1,
                        _ => {}
                    }
                    out.instruction(&renumber.instruction(operator.clone())?)
                }
            };
        }
        match region.goes_on {
            // Where it goes on is the first way out.
            Some(Exit::On) => {}
            // The function's own end, with the value that it returns.
            Some(exit) => {
                if returned.is_some() {
                    out.instruction(&Instruction::LocalSet(kept));
                }
                out.instruction(&Instruction::Br(number(exit)?));
            }
            None => {
                out.instruction(&Instruction::Unreachable);
            }
        }
        for number in 0..region.exits.len() {
            out.instruction(&Instruction::End);
            if region.exits.len() > 1 {
                out.instruction(&Instruction::I32Const(number as i32));
            }
            if returned.is_some() {
                out.instruction(&Instruction::LocalGet(kept));
            }
            for local in &region.results {
                out.instruction(&Instruction::LocalGet(places[local]));
            }
            if number + 1 < region.exits.len() {
                out.instruction(&Instruction::Return);
            }
        }
        out.instruction(&Instruction::End);
        Ok(out)
    }
}
