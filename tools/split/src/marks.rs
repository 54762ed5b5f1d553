//! A module that notes which blocks of its functions run.

use std::convert::Infallible;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, ExportKind, ExportSection, Instruction, MemArg, MemorySection, MemoryType};
use wasmparser::{CustomSectionReader, ExportSectionReader, FunctionBody, MemorySectionReader, Parser};

use crate::blocks::Blocks;
use crate::{Module, Outcome};

const PAGE: u64 = 65536;
/// Marks have a memory of their own, so that everything lies where it lies without them: what runs hangs on that, too, as
/// hashes of addresses do.
const MEMORY: u32 = 1;
const EXPORT: &str = "marks";

/// The module with a byte of memory for each block of its functions, set as soon as it runs; how many.
pub fn mark(module: &Module) -> Outcome<(Vec<u8>, u64)> {
    let starts = module.bodies.iter().map(|body| Ok(Blocks::read(body)?.starts)).collect::<Outcome<Vec<_>>>()?;
    let pages = (starts.iter().map(Vec::len).sum::<usize>() as u64).div_ceil(PAGE);
    let mut marks = Marks { starts: starts.iter(), pages, count: 0 };
    let mut out = wasm_encoder::Module::new();
    marks.parse_core_module(&mut out, Parser::new(0), module.bytes)?;
    Ok((out.finish(), marks.count))
}

struct Marks<'m> {
    /// Where blocks begin in each function that is still to come.
    starts: std::slice::Iter<'m, Vec<usize>>,
    pages: u64,
    count: u64,
}

type Reencoded<T> = Result<T, reencode::Error<Infallible>>;

impl Reencode for Marks<'_> {
    type Error = Infallible;

    fn parse_memory_section(&mut self, out: &mut MemorySection, section: MemorySectionReader<'_>) -> Reencoded<()> {
        reencode::utils::parse_memory_section(self, out, section)?;
        let marks =
            MemoryType { minimum: self.pages, maximum: None, memory64: false, shared: false, page_size_log2: None };
        out.memory(marks);
        Ok(())
    }

    fn parse_export_section(&mut self, out: &mut ExportSection, section: ExportSectionReader<'_>) -> Reencoded<()> {
        reencode::utils::parse_export_section(self, out, section)?;
        out.export(EXPORT, ExportKind::Memory, MEMORY);
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Reencoded<()> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut starts = self.starts.next().into_iter().flatten().peekable();
        let mut operators = body.get_operators_reader()?;
        for i in 0.. {
            if operators.eof() {
                break;
            }
            if starts.next_if(|start| **start == i).is_some() {
                function.instruction(&Instruction::I32Const(0));
                function.instruction(&Instruction::I32Const(1));
                let at = MemArg { offset: self.count, align: 0, memory_index: MEMORY };
                function.instruction(&Instruction::I32Store8(at));
                self.count += 1;
            }
            function.instruction(&self.parse_instruction(&mut operators)?);
        }
        code.function(&function);
        Ok(())
    }

    fn parse_custom_section(&mut self, _: &mut wasm_encoder::Module, _: CustomSectionReader<'_>) -> Reencoded<()> {
        Ok(())
    }
}
