//! What regular files hold. A run of zeros at the end of a file (`dd if=/dev/zero`, `truncate`) costs
//! no memory.

use std::rc::Rc;

use crate::os::Errno;

/// Bytes other than trailing zeros that one file may hold: memory is the page's.
pub(super) const MAX_BYTES: u64 = 256 << 20;

/// A file's greatest size, as ext4 has it.
const MAX_SIZE: u64 = 16 << 40;

/// What a file that is a program begins with; its name follows. So a copy of a program is that program, too.
const PROGRAM: &[u8] = b"\x7fELF\0";

/// The bytes that an executable file needs to be the program `name`.
pub fn program(name: &str) -> Vec<u8> {
    [PROGRAM, name.as_bytes()].concat()
}

/// The program that a file's first bytes name.
pub(super) fn program_name(head: &[u8]) -> Option<&str> {
    std::str::from_utf8(head.strip_prefix(PROGRAM)?.split(|byte| *byte == 0).next()?).ok()
}

pub(in crate::os) enum Data {
    /// Of an image.
    Shared(Rc<[u8]>),
    Own {
        bytes: Vec<u8>,
        /// Zeros after them.
        zeros: u64,
    },
    Program {
        name: Rc<str>,
        size: u64,
    },
}

impl Default for Data {
    fn default() -> Self {
        Data::Own { bytes: Vec::new(), zeros: 0 }
    }
}

impl Data {
    pub(super) fn len(&self) -> u64 {
        match self {
            Data::Shared(data) => data.len() as u64,
            Data::Own { bytes, zeros } => bytes.len() as u64 + zeros,
            Data::Program { size, .. } => *size,
        }
    }

    pub(super) fn read(&self, offset: u64, max: usize) -> Vec<u8> {
        let mut data = match self {
            Data::Shared(data) => slice(data, offset, max),
            Data::Own { bytes, .. } => slice(bytes, offset, max),
            Data::Program { name, .. } => return read_program(name, offset, max),
        };
        let rest = self.len().saturating_sub(offset + data.len() as u64);
        let zeros = usize::try_from(rest).unwrap_or(usize::MAX).min(max - data.len());
        data.resize(data.len() + zeros, 0);
        data
    }

    /// Writes all of `data`. EFBIG if the file would hold too much.
    pub(super) fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), Errno> {
        if data.is_empty() {
            // Nothing grows by nothing.
            return Ok(());
        }
        let end = offset.checked_add(data.len() as u64).ok_or(Errno::EFBIG)?;
        let (bytes, zeros) = self.own();
        let have = bytes.len() as u64;
        let grows = end.saturating_sub(have + *zeros);
        let overlap = usize::try_from(have.saturating_sub(offset)).unwrap_or(usize::MAX).min(data.len());
        let (front, rest) = data.split_at(overlap);
        // Compared with itself moved by one: that is memcmp.
        let all_zero = rest.first().is_none_or(|first| *first == 0 && rest[1..] == rest[..rest.len() - 1]);
        if end > MAX_SIZE || (!all_zero && end > MAX_BYTES) {
            return Err(Errno::EFBIG);
        }
        *zeros += grows;
        if overlap > 0 {
            let at = offset as usize;
            bytes[at..at + overlap].copy_from_slice(front);
        }
        if !all_zero {
            let at = end as usize - rest.len();
            *zeros -= end - have;
            bytes.resize(end as usize, 0);
            bytes[at..].copy_from_slice(rest);
        }
        Ok(())
    }

    /// EFBIG if no file can be so big.
    pub(super) fn resize(&mut self, size: u64) -> Result<(), Errno> {
        if size > MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        if size == 0 {
            *self = Data::default();
            return Ok(());
        }
        let (bytes, zeros) = self.own();
        if let Ok(kept) = usize::try_from(size) {
            bytes.truncate(kept);
        }
        *zeros = size - bytes.len() as u64;
        Ok(())
    }

    fn own(&mut self) -> (&mut Vec<u8>, &mut u64) {
        let (bytes, zeros) = match self {
            Data::Own { .. } => (Vec::new(), 0),
            Data::Shared(data) => (data.to_vec(), 0),
            Data::Program { name, size } => {
                let bytes = program(name);
                let zeros = size.saturating_sub(bytes.len() as u64);
                (bytes, zeros)
            }
        };
        if !matches!(self, Data::Own { .. }) {
            *self = Data::Own { bytes, zeros };
        }
        match self {
            Data::Own { bytes, zeros } => (bytes, zeros),
            Data::Shared(_) | Data::Program { .. } => unreachable!("made our own above"),
        }
    }
}

pub(super) fn slice(data: &[u8], offset: u64, max: usize) -> Vec<u8> {
    let start = data.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
    data[start..start + max.min(data.len() - start)].to_vec()
}

/// What an image's program reads as.
pub(super) fn read_program(name: &str, offset: u64, max: usize) -> Vec<u8> {
    slice(&program(name), offset, max)
}
