//! bash's `a[i]=x` and `a=(x [2]=y)`.

use std::rc::Rc;

use super::{ErrorKind, Found, Parser, SyntaxError};
use crate::programs::sh::{
    ast::{Assign, Element, Part, Word},
    lexer::Token,
};

impl Parser {
    /// At a word just peeked at: an assignment to an element, or of a list. The word is taken if it is one.
    pub(super) fn array_assignment(&mut self) -> Result<Option<Assign>, SyntaxError> {
        let (after, after_line, token) = (self.pos, self.line, self.token.take());
        (self.pos, self.line) = (self.token_start, self.token_line);
        if let Some((name, index, append)) = self.head()?
            && (index.is_some() || self.peek_char(0) == Some('('))
        {
            let value = match self.peek_char(0) {
                // What is wrong in a list ends the line it is in, not the script.
                Some('(') => self.array().map_err(|error| SyntaxError { status: 1, ..error })?,
                _ => self.rest_of_word()?,
            };
            return Ok(Some(Assign { name, index, append, value }));
        }
        (self.pos, self.line, self.token) = (after, after_line, token);
        Ok(None)
    }

    /// `name=`, `name+=`, `name[index]=`
    fn head(&mut self) -> Result<Option<(String, Option<Word>, bool)>, SyntaxError> {
        let is_part = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        let length = self.chars[self.pos..].iter().take_while(|c| is_part(c)).count();
        let name: String = self.chars[self.pos..self.pos + length].iter().collect();
        if !crate::programs::sh::ast::is_name(&name) {
            return Ok(None);
        }
        self.pos += length;
        let index = self.index()?;
        Ok(self.equals().map(|append| (name, index, append)))
    }

    fn index(&mut self) -> Result<Option<Word>, SyntaxError> {
        if self.peek_char(0) != Some('[') {
            return Ok(None);
        }
        self.pos += 1;
        let word = self.subscript_word()?;
        self.pos += 1;
        Ok(Some(word))
    }

    /// `=` or `+=`: whether it appends.
    fn equals(&mut self) -> Option<bool> {
        let append = self.looking_at("+=");
        if !append && !self.looking_at("=") {
            return None;
        }
        self.pos += 1 + usize::from(append);
        Some(append)
    }

    /// At the `(` of a list.
    fn array(&mut self) -> Result<Word, SyntaxError> {
        let (start, line) = (self.pos, self.line);
        self.pos += 1;
        let mut elements = Vec::new();
        loop {
            match self.lex()? {
                Token::Newline => {}
                Token::Op(")") => break,
                Token::Word(word) => elements.push(self.element(word)?),
                Token::Eof => return Err(self.error_at(ErrorKind::Unterminated(')'), line)),
                token => {
                    let found = match token {
                        Token::Op(op) => op.to_string(),
                        Token::Fd(n) => n.to_string(),
                        _ => String::new(),
                    };
                    let kind = ErrorKind::Unexpected { found, sort: Found::Token, expecting: None };
                    return Err(self.error_at(kind, self.token_line));
                }
            }
        }
        let text = self.chars[start..self.pos].iter().collect();
        Ok(Word { parts: vec![Part::Array(Rc::new((elements, text)))] })
    }

    /// A word just read, or `[index]=value` in its place.
    fn element(&mut self, word: Word) -> Result<Element, SyntaxError> {
        let (after, line) = (self.pos, self.line);
        if self.chars.get(self.token_start) == Some(&'[') {
            (self.pos, self.line) = (self.token_start, self.token_line);
            if let Some(index) = self.index()?
                && let Some(append) = self.equals()
            {
                return Ok(Element { index: Some(index), append, value: self.rest_of_word()? });
            }
            (self.pos, self.line) = (after, line);
        }
        Ok(Element { index: None, append: false, value: word })
    }
}
