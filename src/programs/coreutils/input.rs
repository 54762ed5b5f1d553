//! Operands as input.

use crate::{
    os::{Errno, File, Proc},
    programs::{
        Flavour,
        util::{self},
    },
};

/// Input held in memory by programs that must see all of it.
pub const MAX_INPUT: usize = 64 << 20;

/// Opens an operand; says why not.
pub async fn open(proc: &Proc, flavour: Flavour, path: &str) -> Option<File> {
    match util::open_input(proc, path) {
        Ok(file) => Some(file),
        Err(error) => {
            let name = util::program_name(proc);
            let text = match (name.as_str(), flavour) {
                ("head" | "tail", Flavour::Gnu) => format!("{name}: cannot open '{path}' for reading: {error}"),
                _ => util::open_error(flavour, &name, path, error),
            };
            util::fail(proc, 1, &text).await;
            None
        }
    }
}

pub fn or_stdin(mut files: Vec<String>) -> Vec<String> {
    if files.is_empty() {
        files.push("-".to_string());
    }
    files
}

pub async fn read_all(file: &File) -> Result<Vec<u8>, Errno> {
    let mut all = Vec::new();
    loop {
        let data = file.read(64 * 1024).await?;
        if data.is_empty() {
            return Ok(all);
        }
        all.extend_from_slice(&data);
        // It is looked through as well.
        file.cost(2 * data.len());
        if all.len() > MAX_INPUT {
            return Err(Errno::EFBIG);
        }
    }
}
