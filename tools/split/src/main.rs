//! Splits the page's wasm module in two: what the first seconds of a visit run, and the rest, which comes right after.
//!
//! ```text
//! split mark IN OUT                          OUT marks what of it runs in a memory `marks`; prints how many marks
//! split parts IN LINKED FIRST REST MARKS…    FIRST has what any of the MARKS has, REST all else; LINKED is the module as the
//!                                            linker wrote it, with relocations (or `-`: memory's content stays together)
//! split strip IN OUT                         OUT is IN without what only tools read
//! ```
//!
//! Invariants: the two modules share the memory, the tables and the globals, all defined by the first. A function of the rest
//! that the first calls, exports or holds in a table is a stub there: it calls the import `rest` (with 1: now!) unless the
//! global `loaded` is set, then the true function through a table of its own, which the rest fills when it is instantiated. The
//! rest also writes its functions over the stubs in the tables that are there already. Of a function of the first, runs of
//! blocks that nobody saw run are functions of the rest, called in the same way. Memory's content is the rest's where no code
//! of the first and no content of its own has the address of.

mod blocks;
mod cold;
mod links;
mod marks;
mod outline;
mod parts;

use std::error::Error;
use std::fs;

use links::Links;
use wasmparser::{FunctionBody, Parser, Payload, TypeRef};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["mark", input, output] => {
            let (bytes, count) = marks::mark(&Module::read(&fs::read(input)?)?)?;
            fs::write(output, bytes)?;
            println!("{count}");
        }
        ["parts", input, linked, first, rest, ref marks @ ..] => {
            let bytes = fs::read(input)?;
            let marks = marks.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
            let links = if linked == "-" { None } else { Some(Links::read(&fs::read(linked)?)?) };
            let (one, two) = parts::split(&Module::read(&bytes)?, links.as_ref(), &marks)?;
            fs::write(first, one)?;
            fs::write(rest, two)?;
        }
        ["strip", input, output] => fs::write(output, strip(&fs::read(input)?)?)?,
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

const USAGE: &str = "usage: split mark IN OUT | split parts IN LINKED FIRST REST MARKS… | split strip IN OUT";

/// The module without the linker's notes and others of no use to a browser.
fn strip(bytes: &[u8]) -> Outcome<Vec<u8>> {
    let mut out = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let Some((id, range)) = payload?.as_section().filter(|(id, _)| *id != CUSTOM) {
            out.section(&wasm_encoder::RawSection { id, data: &bytes[range] });
        }
    }
    Ok(out.finish())
}

/// The number of custom sections.
const CUSTOM: u8 = 0;

/// What splitting must know of a module.
pub struct Module<'a> {
    pub bytes: &'a [u8],
    pub types: Vec<wasmparser::FuncType>,
    /// How many functions are imported: these come first.
    pub imported: u32,
    /// The import that asks for the rest, if there is one: without it, the rest must come before anything is called.
    pub ask: Option<u32>,
    /// Each function's type.
    pub functions: Vec<u32>,
    pub bodies: Vec<FunctionBody<'a>>,
    pub tables: u32,
    pub globals: u32,
}

impl<'a> Module<'a> {
    fn read(bytes: &'a [u8]) -> Outcome<Module<'a>> {
        let (mut types, mut functions, mut bodies) = (vec![], vec![], vec![]);
        let (mut imported, mut ask, mut tables, mut globals) = (0, None, 0, 0);
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    types = section.into_iter_err_on_gc_types().collect::<Result<_, _>>()?;
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        let TypeRef::Func(kind) = import.ty else {
                            return Err(format!("{} is imported, and no function", import.name).into());
                        };
                        if import.name.starts_with("__wbg_rest_") {
                            ask = Some(imported);
                        }
                        functions.push(kind);
                        imported += 1;
                    }
                }
                Payload::FunctionSection(section) => {
                    for kind in section {
                        functions.push(kind?);
                    }
                }
                Payload::TableSection(section) => tables = section.count(),
                Payload::GlobalSection(section) => globals = section.count(),
                Payload::CodeSectionEntry(body) => bodies.push(body),
                _ => {}
            }
        }
        Ok(Module { bytes, types, imported, ask, functions, bodies, tables, globals })
    }

    /// The functions that have a body.
    pub fn defined(&self) -> std::ops::Range<u32> {
        self.imported..self.functions.len() as u32
    }

    pub fn body(&self, function: u32) -> &FunctionBody<'a> {
        &self.bodies[(function - self.imported) as usize]
    }
}
