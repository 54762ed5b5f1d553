//! What the linker noted (`--emit-relocs`): of which pieces the memory's first content is made, and which of them code or other
//! pieces name. wasm-bindgen, which comes after it, moves functions but no memory.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use wasmparser::{KnownCustom, Linking, Parser, Payload, RelocationType, SymbolInfo};

use crate::Outcome;

/// Shorter pieces stay where they are.
const LEAST: usize = 32;

pub struct Links {
    /// Where each symbol lies in memory, if it is data.
    symbols: Vec<Option<Range<u32>>>,
    /// The symbols that a number in code may stand for.
    named: BTreeMap<u32, BTreeSet<u32>>,
    /// Where in memory a symbol's address is kept, and which one's.
    kept: BTreeMap<u32, u32>,
}

impl Links {
    pub fn read(linked: &[u8]) -> Outcome<Links> {
        // Address and place in the section of each segment.
        let (mut segments, mut code, mut data) = (vec![], 0, 0);
        let mut links = Links { symbols: vec![], named: BTreeMap::new(), kept: BTreeMap::new() };
        for (payload, section) in Parser::new(0).parse_all(linked).filter(is_section).zip(0..) {
            match payload? {
                Payload::CodeSectionStart { .. } => code = section,
                Payload::DataSection(reader) => {
                    data = section;
                    let begin = reader.range().start;
                    for segment in crate::parts::data(reader)? {
                        segments.push((segment.address, segment.place - begin, segment.bytes.len()));
                    }
                }
                Payload::CustomSection(reader) => match reader.as_known() {
                    KnownCustom::Linking(reader) => {
                        for part in reader.subsections() {
                            let Linking::SymbolTable(table) = part? else { continue };
                            for symbol in table {
                                let SymbolInfo::Data { symbol: Some(at), .. } = symbol? else {
                                    links.symbols.push(None);
                                    continue;
                                };
                                let segment = segments.get(at.index as usize).ok_or("a symbol in no segment")?;
                                let begin = segment.0 + at.offset;
                                links.symbols.push(Some(begin..begin + at.size));
                            }
                        }
                    }
                    KnownCustom::Reloc(reader) => {
                        for entry in reader.entries() {
                            let entry = entry?;
                            let is_address = matches!(
                                entry.ty,
                                RelocationType::MemoryAddrLeb
                                    | RelocationType::MemoryAddrSleb
                                    | RelocationType::MemoryAddrI32
                            );
                            let symbol = links.symbols.get(entry.index as usize).cloned().flatten();
                            let Some(symbol) = symbol.filter(|_| is_address) else { continue };
                            if reader.section_index() == code {
                                let value = symbol.start.wrapping_add(entry.addend as u32);
                                links.named.entry(value).or_default().insert(entry.index);
                            } else if reader.section_index() == data {
                                let at = entry.offset as usize;
                                let holds =
                                    |(_, begin, size): &&(u32, usize, usize)| (*begin..begin + size).contains(&at);
                                let (address, begin, _) =
                                    segments.iter().find(holds).ok_or("an address in no segment")?;
                                links.kept.insert(address + (at - begin) as u32, entry.index);
                            }
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        if links.symbols.is_empty() || links.named.is_empty() {
            return Err("the linker's notes are missing: it must be called with --emit-relocs".into());
        }
        Ok(links)
    }

    /// The pieces of memory that nothing leads to that begins with one of these numbers in code.
    pub fn unnamed(&self, numbers: &BTreeSet<u32>) -> Vec<Range<u32>> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<u32> =
            numbers.iter().filter_map(|number| self.named.get(number)).flatten().copied().collect();
        while let Some(symbol) = open.pop() {
            if let Some(place) = self.symbols[symbol as usize].clone().filter(|_| reached.insert(symbol)) {
                open.extend(self.kept.range(place).map(|(_, symbol)| symbol));
            }
        }
        let end = self.symbols.iter().flatten().map(|place| place.end).max().unwrap_or(0);
        let mut late = vec![false; end as usize + 1];
        let mut set = |place: &Range<u32>, value| late[place.start as usize..place.end as usize].fill(value);
        self.symbols.iter().flatten().for_each(|place| set(place, true));
        reached.iter().flat_map(|symbol| &self.symbols[*symbol as usize]).for_each(|place| set(place, false));
        let (mut places, mut at) = (vec![], 0);
        for run in late.chunk_by(|a, b| a == b) {
            if run[0] && run.len() >= LEAST {
                places.push(at as u32..(at + run.len()) as u32);
            }
            at += run.len();
        }
        places
    }
}

/// Whether it is one of those that relocations count.
fn is_section(payload: &Result<Payload, wasmparser::BinaryReaderError>) -> bool {
    !matches!(payload, Ok(Payload::Version { .. } | Payload::CodeSectionEntry(_) | Payload::End(_)))
}
