//! One module into two.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::Range;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemorySection,
    RefType, StartSection, TableSection, TableType, TypeSection, ValType,
};
use wasmparser::{DataKind, ElementItems, ElementKind, ExternalKind, Operator, Parser, Payload};

use crate::{Module, Outcome};

/// Where the rest finds what it imports.
const FIRST: &str = "first";
/// The exported global that says whether the rest is there.
const LOADED: &str = "loaded";

pub fn split(module: &Module, marks: &[Vec<u8>], texts: &[Vec<u8>]) -> Outcome<(Vec<u8>, Vec<u8>)> {
    if marks.iter().any(|marks| marks.len() != module.bodies.len()) {
        return Err("marks of another module".into());
    }
    let ran = |i: usize| marks.iter().any(|marks| marks[i] != 0);
    let late: Vec<bool> =
        (0..module.imported).map(|_| false).chain((0..module.bodies.len()).map(|i| !ran(i))).collect();
    let uses = Uses::read(module, &late)?;
    let moved = uses.moved(module, texts)?;
    Ok((first(module, &uses, &moved)?, rest(module, &uses, &moved)?))
}

/// A table's segment: which table, where it begins, what it holds.
struct Elems {
    table: u32,
    at: u32,
    functions: Vec<u32>,
}

struct Uses<'m> {
    late: &'m [bool],
    /// Late functions that the first module must know: it calls, exports or holds them.
    stubs: BTreeSet<u32>,
    /// Functions of the first module that the rest calls.
    shared: BTreeSet<u32>,
    elems: Vec<Elems>,
    /// Constants in functions that stay.
    constants: BTreeSet<u32>,
}

impl<'m> Uses<'m> {
    fn read(module: &Module, late: &'m [bool]) -> Outcome<Uses<'m>> {
        let mut uses =
            Uses { late, stubs: BTreeSet::new(), shared: BTreeSet::new(), elems: vec![], constants: BTreeSet::new() };
        for caller in module.defined() {
            let stays = !late[caller as usize];
            let mut operators = module.body(caller).get_operators_reader()?;
            while !operators.eof() {
                match operators.read()? {
                    Operator::Call { function_index: called } | Operator::ReturnCall { function_index: called } => {
                        match (stays, late[called as usize]) {
                            (true, true) => uses.stubs.insert(called),
                            (false, false) => uses.shared.insert(called),
                            _ => false,
                        };
                    }
                    Operator::I32Const { value } if stays => {
                        uses.constants.insert(value as u32);
                    }
                    Operator::RefFunc { .. } => return Err("ref.func: not expected in a function".into()),
                    operator if stays => uses.constants.extend(offset(&operator)),
                    _ => {}
                }
            }
        }
        for payload in Parser::new(0).parse_all(module.bytes) {
            match payload? {
                Payload::ElementSection(section) => {
                    for element in section {
                        let element = element?;
                        let (ElementKind::Active { table_index, offset_expr }, ElementItems::Functions(functions)) =
                            (element.kind, element.items)
                        else {
                            return Err("a table's segment of an unknown form".into());
                        };
                        let functions = functions.into_iter().collect::<Result<Vec<_>, _>>()?;
                        uses.stubs.extend(functions.iter().filter(|function| late[**function as usize]));
                        uses.elems.push(Elems {
                            table: table_index.unwrap_or(0),
                            at: constant(&offset_expr)?,
                            functions,
                        });
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Func && late[export.index as usize] {
                            uses.stubs.insert(export.index);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(uses)
    }

    /// Where in memory each text lies. An error if anything that stays knows where it begins: only then it may move.
    fn moved(&self, module: &Module, texts: &[Vec<u8>]) -> Outcome<Vec<Range<u32>>> {
        let data = segments(module)?;
        let mut moved = vec![];
        for text in texts {
            let place = data.iter().find_map(|(at, bytes)| {
                let found = bytes.windows(text.len()).position(|window| window == text)?;
                Some(at + found as u32..at + (found + text.len()) as u32)
            });
            let place = place.ok_or("a text that the module doesn't hold")?;
            let begin = place.start;
            let pointed = data.iter().any(|(at, bytes)| {
                let aligned = bytes.get((at.wrapping_neg() & 3) as usize..).unwrap_or_default();
                aligned.chunks_exact(4).any(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]) == begin)
            });
            if pointed || self.constants.contains(&begin) {
                return Err(
                    format!("something that stays leads to a text of {} bytes that should go", text.len()).into()
                );
            }
            moved.push(place);
        }
        moved.sort_by_key(|place| place.start);
        Ok(moved)
    }
}

/// The constant part of an address.
fn offset(operator: &Operator) -> Option<u32> {
    macro_rules! offsets {
        ($($name:ident)*) => { match operator { $(Operator::$name { memarg, .. } => Some(memarg.offset as u32),)* _ => None } };
    }
    offsets!(I32Load I64Load F32Load F64Load I32Load8S I32Load8U I32Load16S I32Load16U I64Load8S I64Load8U I64Load16S I64Load16U
        I64Load32S I64Load32U I32Store I64Store F32Store F64Store I32Store8 I32Store16 I64Store8 I64Store16 I64Store32)
}

fn constant(expression: &wasmparser::ConstExpr) -> Outcome<u32> {
    match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(value as u32),
        other => Err(format!("a place that is no constant: {other:?}").into()),
    }
}

/// The memory's first content: address and bytes.
fn segments<'a>(module: &Module<'a>) -> Outcome<Vec<(u32, &'a [u8])>> {
    let mut segments = vec![];
    for payload in Parser::new(0).parse_all(module.bytes) {
        let Payload::DataSection(section) = payload? else { continue };
        for data in section {
            let data = data?;
            let DataKind::Active { offset_expr, .. } = data.kind else {
                return Err("passive data: not expected".into());
            };
            segments.push((constant(&offset_expr)?, data.data));
        }
    }
    Ok(segments)
}

/// Old to new function indices.
struct Renumber<'m>(&'m BTreeMap<u32, u32>);

impl Reencode for Renumber<'_> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error<Infallible>> {
        self.0.get(&function).copied().ok_or(reencode::Error::InvalidConstExpr)
    }
}

/// A section with the new function indices.
macro_rules! renumbered {
    ($renumber:ident.$parse:ident, $kind:ident, $section:expr) => {{
        let mut out = $kind::new();
        $renumber.$parse(&mut out, $section)?;
        out
    }};
}

fn first(module: &Module, uses: &Uses, moved: &[Range<u32>]) -> Outcome<Vec<u8>> {
    let here: Vec<u32> = module.defined().filter(|f| !uses.late[*f as usize] || uses.stubs.contains(f)).collect();
    let map: BTreeMap<u32, u32> = (0..module.imported).chain(here.iter().copied()).zip(0..).collect();
    let mut renumber = Renumber(&map);
    let mut out = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(module.bytes) {
        match payload? {
            Payload::TypeSection(section) => {
                out.section(&renumbered!(renumber.parse_type_section, TypeSection, section));
            }
            Payload::ImportSection(section) => {
                out.section(&renumbered!(renumber.parse_import_section, ImportSection, section));
            }
            Payload::FunctionSection(_) => {
                let mut functions = FunctionSection::new();
                for function in &here {
                    functions.function(module.functions[*function as usize]);
                }
                out.section(&functions);
            }
            Payload::TableSection(section) => {
                let mut tables = renumbered!(renumber.parse_table_section, TableSection, section);
                tables.table(doors(uses));
                out.section(&tables);
            }
            Payload::MemorySection(section) => {
                out.section(&renumbered!(renumber.parse_memory_section, MemorySection, section));
            }
            Payload::GlobalSection(section) => {
                let mut globals = renumbered!(renumber.parse_global_section, GlobalSection, section);
                globals.global(
                    GlobalType { val_type: ValType::I32, mutable: true, shared: false },
                    &ConstExpr::i32_const(0),
                );
                out.section(&globals);
            }
            Payload::ExportSection(section) => {
                let mut exports = renumbered!(renumber.parse_export_section, ExportSection, section);
                for function in &uses.shared {
                    exports.export(&export('f', *function), ExportKind::Func, map[function]);
                }
                for table in 0..=module.tables {
                    exports.export(&export('t', table), ExportKind::Table, table);
                }
                for global in 0..module.globals {
                    exports.export(&export('g', global), ExportKind::Global, global);
                }
                exports.export(LOADED, ExportKind::Global, module.globals);
                exports.export(&export('m', 0), ExportKind::Memory, 0);
                out.section(&exports);
            }
            Payload::StartSection { func, .. } => {
                out.section(&StartSection { function_index: map[&func] });
            }
            Payload::ElementSection(section) => {
                out.section(&renumbered!(renumber.parse_element_section, ElementSection, section));
            }
            Payload::DataCountSection { .. } => {
                out.section(&DataCountSection { count: kept(module, moved)?.len() as u32 });
            }
            Payload::CodeSectionStart { .. } => {
                let mut code = CodeSection::new();
                let mut doors = 0..;
                for function in &here {
                    if uses.late[*function as usize] {
                        // Numbered in the order of functions, as the rest fills them.
                        code.function(&stub(module, *function, doors.next().ok_or("too many stubs")?));
                    } else {
                        renumber.parse_function_body(&mut code, module.body(*function).clone())?;
                    }
                }
                out.section(&code);
            }
            Payload::DataSection(_) => {
                let mut data = DataSection::new();
                for (at, bytes) in kept(module, moved)? {
                    data.active(0, &ConstExpr::i32_const(at as i32), bytes.iter().copied());
                }
                out.section(&data);
            }
            _ => {}
        }
    }
    Ok(out.finish())
}

/// The table through which stubs reach the rest.
fn doors(uses: &Uses) -> TableType {
    let size = uses.stubs.len() as u64;
    TableType { element_type: RefType::FUNCREF, table64: false, minimum: size, maximum: Some(size), shared: false }
}

/// Asks for the rest unless it is there, and goes on in it.
fn stub(module: &Module, function: u32, door: u32) -> Function {
    let kind = module.functions[function as usize];
    let mut body = Function::new([]);
    body.instruction(&Instruction::GlobalGet(module.globals));
    body.instruction(&Instruction::I32Eqz);
    body.instruction(&Instruction::If(BlockType::Empty));
    body.instruction(&Instruction::I32Const(1));
    body.instruction(&Instruction::Call(module.ask));
    body.instruction(&Instruction::End);
    for parameter in 0..module.types[kind as usize].params().len() as u32 {
        body.instruction(&Instruction::LocalGet(parameter));
    }
    body.instruction(&Instruction::I32Const(door as i32));
    body.instruction(&Instruction::CallIndirect { type_index: kind, table_index: module.tables });
    body.instruction(&Instruction::End);
    body
}

/// The memory's first content without what moved.
fn kept<'a>(module: &Module<'a>, moved: &[Range<u32>]) -> Outcome<Vec<(u32, &'a [u8])>> {
    let mut kept = vec![];
    for (mut at, mut bytes) in segments(module)? {
        for place in moved {
            if place.start >= at && place.end as usize <= at as usize + bytes.len() {
                let (before, after) = bytes.split_at((place.start - at) as usize);
                kept.push((at, before));
                bytes = &after[place.len()..];
                at = place.end;
            }
        }
        kept.push((at, bytes));
    }
    kept.retain(|(_, bytes)| !bytes.is_empty());
    Ok(kept)
}

fn rest(module: &Module, uses: &Uses, moved: &[Range<u32>]) -> Outcome<Vec<u8>> {
    let here: Vec<u32> = module.defined().filter(|f| uses.late[*f as usize]).collect();
    let map: BTreeMap<u32, u32> = uses.shared.iter().chain(&here).copied().zip(0..).collect();
    let mut renumber = Renumber(&map);
    let mut out = wasm_encoder::Module::new();
    let mut imports = ImportSection::new();
    for function in &uses.shared {
        imports.import(FIRST, &export('f', *function), EntityType::Function(module.functions[*function as usize]));
    }
    for payload in Parser::new(0).parse_all(module.bytes) {
        match payload? {
            Payload::TypeSection(section) => {
                out.section(&renumbered!(renumber.parse_type_section, TypeSection, section));
            }
            Payload::TableSection(section) => {
                for (table, index) in section.into_iter().zip(0..) {
                    imports.import(FIRST, &export('t', index), renumber.table_type(table?.ty)?);
                }
                imports.import(FIRST, &export('t', module.tables), doors(uses));
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    imports.import(FIRST, &export('m', 0), renumber.memory_type(memory?)?);
                }
            }
            Payload::GlobalSection(section) => {
                for (global, index) in section.into_iter().zip(0..) {
                    imports.import(FIRST, &export('g', index), renumber.global_type(global?.ty)?);
                }
            }
            _ => {}
        }
    }
    out.section(&imports);
    let mut functions = FunctionSection::new();
    for function in &here {
        functions.function(module.functions[*function as usize]);
    }
    out.section(&functions);
    let mut elements = ElementSection::new();
    let true_ones: Vec<u32> = uses.stubs.iter().map(|function| map[function]).collect();
    elements.active(Some(module.tables), &ConstExpr::i32_const(0), Elements::Functions(true_ones.into()));
    for elems in &uses.elems {
        let mut at = elems.at;
        for run in elems.functions.chunk_by(|a, b| uses.late[*a as usize] == uses.late[*b as usize]) {
            if uses.late[run[0] as usize] {
                let functions: Vec<u32> = run.iter().map(|function| map[function]).collect();
                let table = Some(elems.table).filter(|table| *table != 0);
                elements.active(table, &ConstExpr::i32_const(at as i32), Elements::Functions(functions.into()));
            }
            at += run.len() as u32;
        }
    }
    out.section(&elements);
    let mut code = CodeSection::new();
    for function in &here {
        renumber.parse_function_body(&mut code, module.body(*function).clone())?;
    }
    out.section(&code);
    let mut data = DataSection::new();
    for (at, bytes) in segments(module)? {
        for place in moved.iter().filter(|place| place.start >= at && place.end as usize <= at as usize + bytes.len()) {
            let bytes = &bytes[(place.start - at) as usize..(place.end - at) as usize];
            data.active(0, &ConstExpr::i32_const(place.start as i32), bytes.iter().copied());
        }
    }
    out.section(&data);
    Ok(out.finish())
}

/// Short names: there are thousands, and all are downloaded twice.
fn export(kind: char, mut index: u32) -> String {
    let mut name = String::from(kind);
    loop {
        name.push(char::from_digit(index % 36, 36).unwrap_or('_'));
        index /= 36;
        if index == 0 {
            return name;
        }
    }
}
