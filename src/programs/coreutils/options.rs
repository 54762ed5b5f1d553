//! Options that are plain letters.

use crate::{
    os::Proc,
    programs::{
        Flavour,
        util::{Arg, Args, Usage},
    },
};

/// Options that are plain letters, and operands.
pub struct Parsed {
    pub letters: String,
    pub operands: Vec<String>,
}

impl Parsed {
    pub fn has(&self, letter: char) -> bool {
        self.letters.contains(letter)
    }
}

/// Parses options without values: `known` letters and long names with the letter they stand for.
pub fn parse(proc: &Proc, flavour: Flavour, known: &str, long: &[(&str, char)]) -> Result<Parsed, Usage> {
    let mut args = Args::of(proc, flavour);
    let mut parsed = Parsed { letters: String::new(), operands: Vec::new() };
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Value(value) => parsed.operands.push(value),
            Arg::Short(letter) if known.contains(letter) => parsed.letters.push(letter),
            Arg::Long(name) => match long.iter().find(|(own, _)| *own == name) {
                Some((_, letter)) => {
                    args.optional_value();
                    parsed.letters.push(*letter);
                }
                None => return Err(args.unknown()),
            },
            Arg::Short(_) => return Err(args.unknown()),
        }
    }
    Ok(parsed)
}

/// The error for a missing operand, ready to print.
pub fn missing(proc: &Proc, flavour: Flavour) -> Usage {
    Args::of(proc, flavour).missing_operand()
}
