//! if, for, case and functions.

use std::rc::Rc;

use super::{ErrorKind, Found, Parser, SyntaxError};
use crate::programs::sh::{
    ast::{AfterArm, CaseArm, Command, CommandKind, List, Word, is_name},
    lexer::Token,
};

impl Parser {
    pub(super) fn if_command(&mut self) -> Result<CommandKind, SyntaxError> {
        let mut arms = Vec::new();
        let mut otherwise = None;
        loop {
            self.advance();
            let condition = self.body(&["then"], "then")?;
            self.expect_word("then")?;
            let body = self.body(&["elif", "else", "fi"], "fi")?;
            arms.push((condition, body));
            if self.is_word("elif")? {
                continue;
            }
            if self.is_word("else")? {
                self.advance();
                otherwise = Some(self.body(&["fi"], "fi")?);
            }
            self.expect_word("fi")?;
            return Ok(CommandKind::If { arms, otherwise });
        }
    }

    pub(super) fn do_body(&mut self) -> Result<List, SyntaxError> {
        if self.dialect.is_bash() && self.is_word("{")? {
            self.advance();
            let body = self.body(&["}"], "}")?;
            self.expect_word("}")?;
            return Ok(body);
        }
        self.expect_word("do")?;
        let body = self.body(&["done"], "done")?;
        self.expect_word("done")?;
        Ok(body)
    }

    /// `for` and `select`.
    pub(super) fn for_command(&mut self) -> Result<CommandKind, SyntaxError> {
        let select = self.is_word("select")?;
        self.advance();
        if *self.peek()? == Token::Op("(") && self.dialect.is_bash() && self.peek_char(0) == Some('(') {
            self.pos += 1;
            let mut words = Vec::new();
            for i in 0..3 {
                words.push(self.arith_for_word()?);
                if i < 2 && self.peek_char(0) == Some(';') {
                    self.pos += 1;
                } else if i < 2 {
                    return Err(self.error(ErrorKind::Eof { expecting: Some(";") }));
                }
            }
            if !self.looking_at("))") {
                return Err(self.error(ErrorKind::NotArith));
            }
            self.pos += 2;
            self.advance();
            if *self.peek()? == Token::Op(";") {
                self.advance();
            }
            self.skip_newlines()?;
            let body = self.do_body()?;
            let mut words = words.into_iter();
            let mut word = || words.next().unwrap_or_default();
            return Ok(CommandKind::ArithFor { init: word(), condition: word(), step: word(), body });
        }
        let bash = self.dialect.is_bash();
        let name = match self.peek()? {
            Token::Word(word) if word.literal().is_some_and(is_name) => word.literal().unwrap_or("").to_string(),
            // bash finds it when the loop is run.
            Token::Word(word) if bash && word.literal().is_some() => word.literal().unwrap_or("").to_string(),
            _ => return Err(self.error(ErrorKind::BadFor)),
        };
        self.advance();
        let newline_before_in = *self.peek()? == Token::Newline;
        self.skip_newlines()?;
        let mut words = None;
        if self.is_word("in")? {
            self.advance();
            let mut list = Vec::new();
            while let Token::Word(word) = self.peek()? {
                list.push(word.clone());
                self.advance();
            }
            words = Some(list);
            match self.peek()? {
                Token::Op(";") | Token::Newline => self.advance(),
                _ => return Err(self.unexpected(None)),
            }
        } else if *self.peek()? == Token::Op(";") && !newline_before_in {
            self.advance();
        }
        self.skip_newlines()?;
        let body = self.do_body()?;
        Ok(match select {
            true => CommandKind::Select { name, words, body },
            false => CommandKind::For { name, words, body },
        })
    }

    pub(super) fn case_command(&mut self) -> Result<CommandKind, SyntaxError> {
        self.advance();
        let word = match self.next()? {
            Token::Word(word) => word,
            token => {
                self.token = Some(token);
                return Err(self.unexpected(None));
            }
        };
        self.skip_newlines()?;
        self.expect_word("in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_newlines()?;
            if self.is_word("esac")? {
                self.advance();
                return Ok(CommandKind::Case { word, arms });
            }
            if *self.peek()? == Token::Op("(") {
                self.advance();
            }
            let mut patterns = Vec::new();
            loop {
                match self.next()? {
                    Token::Word(word) => patterns.push(word),
                    token => {
                        self.token = Some(token);
                        return Err(self.unexpected(Some(")")));
                    }
                }
                if *self.peek()? != Token::Op("|") {
                    break;
                }
                self.advance();
            }
            self.expect_op(")")?;
            self.deeper()?;
            let body = self.list(&["esac"])?;
            self.depth -= 1;
            let then = match *self.peek()? {
                Token::Op(";&") => AfterArm::NextBody,
                Token::Op(";;&") => AfterArm::NextPattern,
                _ => AfterArm::End,
            };
            match self.peek()? {
                Token::Op(";;" | ";&" | ";;&") => self.advance(),
                Token::Word(word) if word.literal() == Some("esac") => {}
                _ => return Err(self.unexpected(Some(";;"))),
            }
            arms.push(CaseArm { patterns, body, then });
        }
    }

    pub(super) fn function(&mut self, name: String, line: u32) -> Result<Command, SyntaxError> {
        self.skip_newlines()?;
        let body = Rc::new(self.command()?);
        if let CommandKind::Simple { words, .. } = &body.kind
            && self.dialect.is_bash()
        {
            let found = words.first().and_then(Word::literal).unwrap_or_default().to_string();
            return Err(self.error_at(ErrorKind::Unexpected { found, sort: Found::Word, expecting: None }, body.line));
        }
        Ok(Command { kind: CommandKind::Function { name, body }, redirects: Vec::new(), line })
    }
}
