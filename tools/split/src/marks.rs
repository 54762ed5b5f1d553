//! A module that notes which of its functions run.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, Instruction, MemArg, MemoryType};
use wasmparser::{CustomSectionReader, FunctionBody, Parser};

use crate::Outcome;

const PAGE: u64 = 65536;
/// Marks have pages of their own behind the memory that the module asks for: no allocator knows of them.
const PAGES: u64 = 2;

/// The module with a byte of memory for each function, set as soon as it runs; the first byte's address; how many.
pub fn mark(bytes: &[u8]) -> Outcome<(Vec<u8>, u64, u64)> {
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
