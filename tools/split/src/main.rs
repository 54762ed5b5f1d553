//! Splits the page's wasm module in two: what the first seconds of a visit run, and the rest, which comes right after.
//!
//! ```text
//! split parts IN RULES FIRST REST [TEXT…]   IN into FIRST and REST; the texts' bytes go with the rest
//! split instrument IN OUT                   OUT marks each function that runs; prints where the marks are, and how many
//! split rules IN MARKS…                     the rules that keep at hand what is marked in any of the MARKS
//! ```
//!
//! A rule is a line: how a function's demangled name begins (without the hashes of crates). A function that a rule meets goes
//! to the rest, every other stays, so that new code without a rule is never late.
//!
//! Invariants: the two modules share the memory, the tables and the globals, all defined by the first. A function of the rest
//! that the first calls, exports or holds in a table is a stub there: it calls the import `rest` (with 1: now!) unless the
//! global `loaded` is set, then the true function through a table of its own, which the rest fills when it is instantiated. The
//! rest also writes its functions over the stubs in the tables that are there already. A text may move only if no function that
//! stays and no pointer in memory names its beginning (so it must be a `const`, in a function of the rest).

mod parts;
mod profile;

use std::error::Error;
use std::fs;

use wasmparser::{FunctionBody, KnownCustom, Name, Parser, Payload, TypeRef};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["parts", input, rules, first, rest, ref texts @ ..] => {
            let (bytes, rules) = (fs::read(input)?, fs::read_to_string(rules)?);
            let texts = texts.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
            let (one, two) = parts::split(&Module::read(&bytes)?, &rules, &texts)?;
            fs::write(first, one)?;
            fs::write(rest, two)?;
        }
        ["instrument", input, output] => {
            let (bytes, base, count) = profile::instrument(&fs::read(input)?)?;
            fs::write(output, bytes)?;
            println!("{base} {count}");
        }
        ["rules", input, ref marks @ ..] => {
            let marks = marks.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
            print!("{}", profile::rules(&Module::read(&fs::read(input)?)?, &marks)?);
        }
        _ => return Err("usage: split parts IN RULES FIRST REST [TEXT…] | instrument IN OUT | rules IN MARKS…".into()),
    }
    Ok(())
}

/// What splitting must know of a module.
pub struct Module<'a> {
    pub bytes: &'a [u8],
    pub types: Vec<wasmparser::FuncType>,
    /// How many functions are imported: these come first.
    pub imported: u32,
    /// The import that asks for the rest.
    pub ask: u32,
    /// Each function's type.
    pub functions: Vec<u32>,
    pub bodies: Vec<FunctionBody<'a>>,
    /// Each function's demangled name.
    pub names: Vec<String>,
    pub tables: u32,
    pub globals: u32,
}

impl<'a> Module<'a> {
    fn read(bytes: &'a [u8]) -> Outcome<Module<'a>> {
        let (mut types, mut functions, mut bodies, mut names) = (vec![], vec![], vec![], vec![]);
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
                Payload::CustomSection(section) => {
                    if let KnownCustom::Name(section) = section.as_known() {
                        names.resize(functions.len(), String::new());
                        for part in section {
                            let Name::Function(map) = part? else { continue };
                            for entry in map {
                                let entry = entry?;
                                let name = names.get_mut(entry.index as usize).ok_or("a name without a function")?;
                                *name = plain(entry.name);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        if names.is_empty() {
            return Err("the module has no names".into());
        }
        let ask = ask.ok_or("the module doesn't import `rest`")?;
        Ok(Module { bytes, types, imported, ask, functions, bodies, names, tables, globals })
    }

    /// The functions that have a body.
    pub fn defined(&self) -> std::ops::Range<u32> {
        self.imported..self.functions.len() as u32
    }

    pub fn body(&self, function: u32) -> &FunctionBody<'a> {
        &self.bodies[(function - self.imported) as usize]
    }
}

/// A demangled name without the hashes of crates (`core[0123456789abcdef]::…`): they change with the compiler.
fn plain(name: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(name));
    let mut out = String::with_capacity(name.len());
    let mut rest = name.as_str();
    while let Some(at) = rest.find('[') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let hash = after.get(1..17).is_some_and(|hash| hash.bytes().all(|b| b.is_ascii_hexdigit())) && after[17..].starts_with(']');
        let skip = if hash { 18 } else { 1 };
        if !hash {
            out.push('[');
        }
        rest = &after[skip..];
    }
    out + rest
}
