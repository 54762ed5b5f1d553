//! Records: from files, from the operands, from commands.

use std::rc::Rc;

use regex_lite::Regex;

use crate::os::{Errno, File};

/// Reads records.
pub struct Records {
    file: File,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
}

/// How records end.
pub enum Separator {
    Byte(u8),
    /// Empty lines.
    Paragraph,
    Regex(Rc<Regex>),
}

impl Records {
    /// A longer record is handed out in pieces.
    const LONGEST: usize = 4 << 20;

    pub fn new(file: File) -> Records {
        Records { file, buffer: Vec::new(), start: 0, ended: false }
    }

    /// Where the record ends and where the next one begins, if the buffer tells.
    fn end(&self, separator: &Separator) -> Option<(usize, usize)> {
        let data = &self.buffer[self.start..];
        match separator {
            Separator::Byte(byte) => data.iter().position(|b| b == byte).map(|at| (at, at + 1)),
            Separator::Paragraph => {
                let at = data.windows(2).position(|pair| pair == b"\n\n")?;
                let more = data[at..].iter().take_while(|b| **b == b'\n').count();
                // More newlines may follow.
                (self.ended || at + more < data.len()).then_some((at, at + more))
            }
            Separator::Regex(regex) => {
                let text = std::str::from_utf8(data).ok()?;
                let found = regex.find(text).filter(|found| !found.is_empty())?;
                (self.ended || found.end() < text.len()).then_some((found.start(), found.end()))
            }
        }
    }

    pub async fn next(&mut self, separator: &Separator) -> Result<Option<String>, Errno> {
        loop {
            if matches!(separator, Separator::Paragraph) {
                self.start += self.buffer[self.start..].iter().take_while(|b| **b == b'\n').count();
            }
            if let Some((end, next)) = self.end(separator) {
                let record = self.buffer[self.start..self.start + end].to_vec();
                self.start += next;
                return Ok(Some(crate::programs::util::text(record)));
            }
            if self.ended || self.buffer.len() - self.start > Records::LONGEST {
                let mut record = self.buffer.split_off(self.start);
                self.buffer.clear();
                self.start = 0;
                if record.is_empty() {
                    return Ok(None);
                }
                if record.last() == Some(&b'\n') && !matches!(separator, Separator::Byte(b'\n')) {
                    record.pop();
                }
                return Ok(Some(crate::programs::util::text(record)));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            let more = self.file.read(64 * 1024).await?;
            self.ended = more.is_empty();
            self.buffer.extend_from_slice(&more);
        }
    }
}
