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
use wasmparser::{DataKind, ElementItems, ElementKind, ExternalKind, Operator, Parser, Payload, Validator};

use crate::blocks::Blocks;
use crate::cold::{self, Region};
use crate::links::Links;
use crate::outline::{Outlined, Signature};
use crate::{Module, Outcome};

/// Where the rest finds what it imports.
const FIRST: &str = "first";
/// The exported global that says whether the rest is there.
const LOADED: &str = "loaded";

pub fn split(module: &Module, links: Option<&Links>, marks: &[Vec<u8>]) -> Outcome<(Vec<u8>, Vec<u8>)> {
    let count = marks.first().map_or(0, Vec::len);
    if marks.iter().any(|marks| marks.len() != count) {
        return Err("marks of different modules".into());
    }
    let ran: Vec<u8> = (0..count).map(|i| marks.iter().map(|marks| marks[i]).max().unwrap_or(0)).collect();
    let plan = Plan::make(module, &ran)?;
    let uses = Uses::read(module, &plan)?;
    let moved = links.map_or(vec![], |links| links.unnamed(&uses.constants));
    let parts = (first(module, &plan, &uses, &moved)?, rest(module, &plan, &uses, &moved)?);
    Validator::new().validate_all(&parts.0)?;
    Validator::new().validate_all(&parts.1)?;
    Ok(parts)
}

/// What goes into the rest: whole functions, and regions of others.
struct Plan {
    late: Vec<bool>,
    /// Of each function.
    regions: Vec<Vec<Region>>,
    /// The kinds of regions, numbered in this order: each has types behind those of the module (see `region_type`), and a
    /// function that calls behind those of the first part.
    kinds: BTreeMap<Signature, u32>,
}

impl Plan {
    fn make(module: &Module, mut ran: &[u8]) -> Outcome<Plan> {
        let mut plan = Plan { late: vec![false; module.imported as usize], regions: vec![], kinds: BTreeMap::new() };
        plan.regions.resize_with(module.imported as usize, Vec::new);
        for function in module.defined() {
            let body = module.body(function);
            let (own, others) = ran.split_at_checked(Blocks::read(body)?.starts.len()).ok_or("too few marks")?;
            ran = others;
            plan.late.push(own[0] == 0);
            let kind = &module.types[module.functions[function as usize] as usize];
            let none = own[0] == 0;
            let regions = if none { vec![] } else { cold::regions(body, kind.params(), kind.results().len(), own)? };
            if !regions.is_empty() {
                let outlined = Outlined::read(module, function)?;
                plan.kinds.extend(regions.iter().map(|region| (outlined.signature(region), 0)));
            }
            plan.regions.push(regions);
        }
        for (kind, number) in plan.kinds.values_mut().zip(0..) {
            *kind = number;
        }
        if ran.is_empty() { Ok(plan) } else { Err("too many marks".into()) }
    }

    /// Whether an operator of a function, counted from 0, is in the first part.
    fn stays(&self, function: u32, operator: usize) -> bool {
        let regions = &self.regions[function as usize];
        !self.late[function as usize] && !regions.iter().any(|region| region.operators.contains(&operator))
    }

    /// All regions, with their functions.
    fn all(&self) -> impl Iterator<Item = (u32, &Region)> {
        (0..).zip(&self.regions).flat_map(|(function, regions)| regions.iter().map(move |region| (function, region)))
    }
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
    fn read(module: &Module, plan: &'m Plan) -> Outcome<Uses<'m>> {
        let late = &plan.late[..];
        let mut uses =
            Uses { late, stubs: BTreeSet::new(), shared: BTreeSet::new(), elems: vec![], constants: BTreeSet::new() };
        for caller in module.defined() {
            for (operator, i) in module.body(caller).get_operators_reader()?.into_iter().zip(0..) {
                let stays = plan.stays(caller, i);
                match operator? {
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

/// A run of the memory's first content: where it lies in memory and in the module.
pub struct Segment<'a> {
    pub address: u32,
    pub place: usize,
    pub bytes: &'a [u8],
}

pub fn data(section: wasmparser::DataSectionReader) -> Outcome<Vec<Segment>> {
    let mut segments = vec![];
    for data in section {
        let data = data?;
        let DataKind::Active { offset_expr, .. } = data.kind else {
            return Err("passive data: not expected".into());
        };
        let place = data.range.end - data.data.len();
        segments.push(Segment { address: constant(&offset_expr)?, place, bytes: data.data });
    }
    Ok(segments)
}

/// The memory's first content.
fn segments<'a>(module: &Module<'a>) -> Outcome<Vec<Segment<'a>>> {
    let mut segments = vec![];
    for payload in Parser::new(0).parse_all(module.bytes) {
        if let Payload::DataSection(section) = payload? {
            segments.extend(data(section)?);
        }
    }
    Ok(segments)
}

/// Old to new function indices.
pub struct Renumber<'m>(&'m BTreeMap<u32, u32>);

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

fn first(module: &Module, plan: &Plan, uses: &Uses, moved: &[Range<u32>]) -> Outcome<Vec<u8>> {
    let here: Vec<u32> = module.defined().filter(|f| !uses.late[*f as usize] || uses.stubs.contains(f)).collect();
    let map: BTreeMap<u32, u32> = (0..module.imported).chain(here.iter().copied()).zip(0..).collect();
    let mut renumber = Renumber(&map);
    let mut out = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(module.bytes) {
        match payload? {
            Payload::TypeSection(section) => {
                out.section(&types(&mut renumber, plan, section)?);
            }
            Payload::ImportSection(section) => {
                out.section(&renumbered!(renumber.parse_import_section, ImportSection, section));
            }
            Payload::FunctionSection(_) => {
                let mut functions = FunctionSection::new();
                for function in &here {
                    functions.function(module.functions[*function as usize]);
                }
                for kind in plan.kinds.values() {
                    functions.function(region_type(module, *kind) + 1);
                }
                out.section(&functions);
            }
            Payload::TableSection(section) => {
                let mut tables = renumbered!(renumber.parse_table_section, TableSection, section);
                tables.table(doors(plan, uses));
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
                out.section(&DataCountSection { count: content(module, moved)?[0].len() });
            }
            Payload::CodeSectionStart { .. } => {
                let mut code = CodeSection::new();
                let mut doors = 0..;
                let mut next = uses.stubs.len() as i32;
                for function in &here {
                    let regions = &plan.regions[*function as usize][..];
                    if uses.late[*function as usize] {
                        // Numbered in the order of functions, as the rest fills them.
                        code.function(&stub(module, *function, doors.next().ok_or("too many stubs")?));
                    } else if regions.is_empty() {
                        renumber.parse_function_body(&mut code, module.body(*function).clone())?;
                    } else {
                        let outlined = Outlined::read(module, *function)?;
                        let call = |number: usize| {
                            let kind = plan.kinds[&outlined.signature(&regions[number])];
                            let caller = module.imported + here.len() as u32 + kind;
                            [Instruction::I32Const(next + number as i32), Instruction::Call(caller)]
                        };
                        code.function(&outlined.hot(&mut renumber, regions, call)?);
                        next += regions.len() as i32;
                    }
                }
                for ((parameters, _), kind) in &plan.kinds {
                    code.function(&caller(module, parameters.len() as u32, *kind));
                }
                out.section(&code);
            }
            Payload::DataSection(_) => {
                out.section(&content(module, moved)?[0]);
            }
            _ => {}
        }
    }
    Ok(out.finish())
}

/// The module's types, and for each kind of region those of its functions and of what calls them.
fn types(renumber: &mut Renumber, plan: &Plan, section: wasmparser::TypeSectionReader) -> Outcome<TypeSection> {
    let mut types = renumbered!(renumber.parse_type_section, TypeSection, section);
    for (parameters, results) in plan.kinds.keys() {
        let mut parameters: Vec<ValType> =
            parameters.iter().map(|kind| renumber.val_type(*kind)).collect::<Result<_, _>>()?;
        let results: Vec<ValType> = results.iter().map(|kind| renumber.val_type(*kind)).collect::<Result<_, _>>()?;
        types.ty().function(parameters.iter().copied(), results.iter().copied());
        parameters.push(ValType::I32);
        types.ty().function(parameters, results);
    }
    Ok(types)
}

/// The type of a kind of regions; that of the function that calls them, with one's door behind its arguments, is the next one.
fn region_type(module: &Module, kind: u32) -> u32 {
    module.types.len() as u32 + 2 * kind
}

/// The table through which stubs and regions' callers reach the rest: first the stubs' functions, then the regions.
fn doors(plan: &Plan, uses: &Uses) -> TableType {
    let size = (uses.stubs.len() + plan.all().count()) as u64;
    TableType { element_type: RefType::FUNCREF, table64: false, minimum: size, maximum: Some(size), shared: false }
}

/// Goes on in a function of the rest.
fn stub(module: &Module, function: u32, door: u32) -> Function {
    let kind = module.functions[function as usize];
    let parameters = module.types[kind as usize].params().len() as u32;
    through(module, parameters, Instruction::I32Const(door as i32), kind)
}

/// Goes on in a region of the rest: its door comes after its arguments.
fn caller(module: &Module, parameters: u32, kind: u32) -> Function {
    through(module, parameters, Instruction::LocalGet(parameters), region_type(module, kind))
}

/// Asks for the rest unless it is there, and goes on in it.
fn through(module: &Module, parameters: u32, door: Instruction, kind: u32) -> Function {
    let mut body = Function::new([]);
    if let Some(ask) = module.ask {
        body.instruction(&Instruction::GlobalGet(module.globals));
        body.instruction(&Instruction::I32Eqz);
        body.instruction(&Instruction::If(BlockType::Empty));
        body.instruction(&Instruction::I32Const(1));
        body.instruction(&Instruction::Call(ask));
        body.instruction(&Instruction::End);
    }
    for parameter in 0..parameters {
        body.instruction(&Instruction::LocalGet(parameter));
    }
    body.instruction(&door);
    body.instruction(&Instruction::CallIndirect { type_index: kind, table_index: module.tables });
    body.instruction(&Instruction::End);
    body
}

/// The memory's first content without what moved, and what moved.
fn content<'a>(module: &Module<'a>, moved: &[Range<u32>]) -> Outcome<[DataSection; 2]> {
    let mut sections = [DataSection::new(), DataSection::new()];
    let mut put = |section: usize, at: u32, bytes: &'a [u8]| {
        // Memory begins with zeros.
        if bytes.iter().any(|byte| *byte != 0) {
            sections[section].active(0, &ConstExpr::i32_const(at as i32), bytes.iter().copied());
        }
    };
    for Segment { mut address, mut bytes, .. } in segments(module)? {
        let range = address..=address + bytes.len() as u32;
        for place in moved.iter().filter(|place| range.contains(&place.start) && range.contains(&place.end)) {
            let (before, after) = bytes.split_at((place.start - address) as usize);
            let (out, after) = after.split_at(place.len());
            put(0, address, before);
            put(1, place.start, out);
            (address, bytes) = (place.end, after);
        }
        put(0, address, bytes);
    }
    Ok(sections)
}

fn rest(module: &Module, plan: &Plan, uses: &Uses, moved: &[Range<u32>]) -> Outcome<Vec<u8>> {
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
                out.section(&types(&mut renumber, plan, section)?);
            }
            Payload::TableSection(section) => {
                for (table, index) in section.into_iter().zip(0..) {
                    imports.import(FIRST, &export('t', index), renumber.table_type(table?.ty)?);
                }
                imports.import(FIRST, &export('t', module.tables), doors(plan, uses));
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
    let mut regions = vec![];
    for (function, region) in plan.all() {
        let outlined = Outlined::read(module, function)?;
        functions.function(region_type(module, plan.kinds[&outlined.signature(region)]));
        regions.push(outlined.cold(&mut renumber, region)?);
    }
    out.section(&functions);
    let mut elements = ElementSection::new();
    let behind = map.len() as u32..;
    let behind = behind.take(regions.len());
    let true_ones: Vec<u32> = uses.stubs.iter().map(|function| map[function]).chain(behind).collect();
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
    for region in &regions {
        code.function(region);
    }
    out.section(&code);
    out.section(&content(module, moved)?[1]);
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
