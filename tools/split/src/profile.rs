//! Which functions a visit runs, and the rules that say so in few words.

use std::collections::BTreeMap;
use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, Instruction, MemArg, MemoryType};
use wasmparser::{CustomSectionReader, FunctionBody, Parser};

use crate::{Module, Outcome};

const PAGE: u64 = 65536;
/// Marks have pages of their own behind the memory that the module asks for: no allocator knows of them.
const PAGES: u64 = 2;
/// A rule must move so many bytes of code.
const WORTH: usize = 300;

/// The module with a byte of memory for each function, set as soon as it runs; the first byte's address; how many.
pub fn instrument(bytes: &[u8]) -> Outcome<(Vec<u8>, u64, u64)> {
    let mut marks = Marks { base: 0, count: 0 };
    let mut module = wasm_encoder::Module::new();
    marks.parse_core_module(&mut module, Parser::new(0), bytes)?;
    if marks.count > PAGES * PAGE {
        return Err("more functions than marks".into());
    }
    Ok((module.finish(), marks.base, marks.count))
}

struct Marks {
    base: u64,
    count: u64,
}

type Reencoded<T> = Result<T, reencode::Error<Infallible>>;

impl Reencode for Marks {
    type Error = Infallible;

    fn memory_type(&mut self, memory: wasmparser::MemoryType) -> Reencoded<MemoryType> {
        let mut memory = reencode::utils::memory_type(self, memory);
        self.base = memory.minimum * PAGE;
        memory.minimum += PAGES;
        Ok(memory)
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Reencoded<()> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        function.instruction(&Instruction::I32Const(0));
        function.instruction(&Instruction::I32Const(1));
        let at = MemArg { offset: self.base + self.count, align: 0, memory_index: 0 };
        function.instruction(&Instruction::I32Store8(at));
        self.count += 1;
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            function.instruction(&self.parse_instruction(&mut operators)?);
        }
        code.function(&function);
        Ok(())
    }

    fn parse_custom_section(&mut self, _: &mut wasm_encoder::Module, _: CustomSectionReader<'_>) -> Reencoded<()> {
        Ok(())
    }
}

/// The shortest beginnings of names that only unmarked functions have, a line each, in order. No rule begins another.
pub fn rules(module: &Module, marks: &[Vec<u8>]) -> Outcome<String> {
    let mut tree = Tree::default();
    for (i, function) in module.defined().enumerate() {
        let mut ran = false;
        for marks in marks {
            ran |= *marks.get(i).ok_or("marks of another module")? != 0;
        }
        let size = module.body(function).range().len();
        tree.add(pieces(&module.names[function as usize]), if ran { None } else { Some(size) });
    }
    let mut out = String::new();
    tree.write(&mut String::new(), &mut out);
    Ok(out)
}

/// By the pieces of names: whether any function below ran, and the bytes of code of those that didn't.
#[derive(Default)]
struct Tree<'a> {
    ran: bool,
    late: usize,
    below: BTreeMap<&'a str, Tree<'a>>,
}

impl<'a> Tree<'a> {
    fn add(&mut self, mut pieces: impl Iterator<Item = &'a str>, late: Option<usize>) {
        self.ran |= late.is_none();
        self.late += late.unwrap_or(0);
        if let Some(piece) = pieces.next() {
            self.below.entry(piece).or_default().add(pieces, late);
        }
    }

    fn write(&self, name: &mut String, out: &mut String) {
        if !self.ran {
            if self.late >= WORTH {
                out.push_str(name);
                out.push('\n');
            }
            return;
        }
        for (piece, tree) in &self.below {
            let before = name.len();
            name.push_str(piece);
            tree.write(name, out);
            name.truncate(before);
        }
    }
}

/// A name cut behind each `::`, `<`, ` as ` and `, `; its end counts as a piece of its own.
fn pieces(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = ["::", "<", " as ", ", "].iter().filter_map(|mark| Some(rest.find(mark)? + mark.len())).min();
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(piece)
    })
}
