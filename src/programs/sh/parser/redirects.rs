//! Redirections and here-documents.

use std::{cell::OnceCell, rc::Rc};

use super::{ErrorKind, Parser, SyntaxError};
use crate::programs::sh::{
    ast::{Part, Redirect, Target, Word},
    lexer::{PendingHereDoc, Token},
};

impl Parser {
    pub(super) fn redirect(&mut self) -> Result<Option<Redirect>, SyntaxError> {
        let fd = match self.peek()? {
            Token::Fd(n) => {
                let n = *n;
                self.advance();
                Some(n)
            }
            _ => None,
        };
        let op = match self.peek()? {
            Token::Op(op) if op.contains(['<', '>']) => *op,
            _ => return Ok(None),
        };
        self.advance();
        let word = match self.peek()? {
            Token::Word(word) => word.clone(),
            _ => return Err(self.unexpected(None)),
        };
        self.advance();
        let default = i32::from(op.starts_with('>'));
        let target = match op {
            "<" => Target::Read(word),
            ">" => Target::Write(word),
            ">|" => Target::Clobber(word),
            ">>" => Target::Append(word),
            "<>" => Target::ReadWrite(word),
            "&>" => Target::Both { file: word, append: false },
            "&>>" => Target::Both { file: word, append: true },
            "<<<" => Target::HereString(word),
            "<&" | ">&" => {
                let number = word.literal().is_some_and(|text| text == "-" || text.parse::<u16>().is_ok());
                let expands = word.literal().is_none();
                if op == ">&" && fd.is_none() && !number && !expands && self.dialect.has_bash_syntax() {
                    Target::Both { file: word, append: false }
                } else {
                    Target::Duplicate(word)
                }
            }
            _ => {
                let (delimiter, quoted) = delimiter_of(&word);
                let body = Rc::new(OnceCell::new());
                self.pending.push(PendingHereDoc {
                    line: self.token_line,
                    delimiter,
                    expand: !quoted,
                    strip_tabs: op == "<<-",
                    body: body.clone(),
                });
                // `cat <<EOF` at the very end of the line: the newline is still unread, as it must be.
                Target::HereDoc(body)
            }
        };
        Ok(Some(Redirect { fd: fd.unwrap_or(default), target }))
    }

    /// At the start of a line: reads the bodies of the here-documents announced on the line before.
    pub(in crate::programs::sh) fn read_here_docs(&mut self) -> Result<(), SyntaxError> {
        for doc in std::mem::take(&mut self.pending) {
            let first_line = self.line;
            let mut text = String::new();
            let mut ended = false;
            while self.pos < self.chars.len() {
                let rest = &self.chars[self.pos..];
                let length = rest.iter().position(|c| *c == '\n');
                let line = &rest[..length.unwrap_or(rest.len())];
                let skip = if doc.strip_tabs { line.iter().take_while(|c| **c == '\t').count() } else { 0 };
                let line: String = line[skip..].iter().collect();
                self.pos += length.map_or(rest.len(), |n| n + 1);
                self.line += 1;
                if line == doc.delimiter {
                    ended = true;
                    break;
                }
                text.push_str(&line);
                if length.is_some() {
                    text.push('\n');
                }
            }
            if !ended && !self.at_end {
                let kind = ErrorKind::HereDoc { delimiter: doc.delimiter, strip_tabs: doc.strip_tabs };
                return Err(self.error(kind));
            }
            if !ended && self.dialect.is_bash() {
                let (from, wanted) = (doc.line, &doc.delimiter);
                let text = format!("here-document at line {from} delimited by end-of-file (wanted `{wanted}')");
                self.warnings.push((self.line.saturating_sub(1), text));
            }
            let word = match doc.expand {
                true => self.sub_parser(&text, first_line, |parser| parser.here_doc_word())?,
                false => Word { parts: vec![Part::Quoted(text)] },
            };
            // Set once only: each here-document is read once.
            let _ = doc.body.set(word);
        }
        Ok(())
    }
}

/// A here-document's delimiter, and whether any of it was quoted.
fn delimiter_of(word: &Word) -> (String, bool) {
    fn collect(parts: &[Part], text: &mut String, quoted: &mut bool) {
        for part in parts {
            match part {
                Part::Literal(s) => text.push_str(s),
                Part::Quoted(s) => {
                    text.push_str(s);
                    *quoted = true;
                }
                Part::Double(inner) => {
                    *quoted = true;
                    collect(inner, text, quoted);
                }
                Part::Param(param) => text.push_str(&param.text),
                Part::Bad(s) => text.push_str(s),
                Part::Command(_) | Part::Arith(_) | Part::Process { .. } | Part::Array(_) => {}
            }
        }
    }
    let (mut text, mut quoted) = (String::new(), false);
    collect(&word.parts, &mut text, &mut quoted);
    (text, quoted)
}
