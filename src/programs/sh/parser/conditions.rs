//! `[[ … ]]`

use super::{Parser, SyntaxError};
use crate::programs::sh::{
    ast::{Part, TestExpr, Word},
    lexer::Token,
};

impl Parser {
    pub(super) fn test_or(&mut self) -> Result<TestExpr, SyntaxError> {
        self.deeper()?;
        let mut left = self.test_and()?;
        while *self.peek()? == Token::Op("||") {
            self.advance();
            left = TestExpr::Or(Box::new(left), Box::new(self.test_and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    pub(super) fn test_and(&mut self) -> Result<TestExpr, SyntaxError> {
        let mut left = self.test_not()?;
        while *self.peek()? == Token::Op("&&") {
            self.advance();
            left = TestExpr::And(Box::new(left), Box::new(self.test_not()?));
        }
        Ok(left)
    }

    pub(super) fn test_not(&mut self) -> Result<TestExpr, SyntaxError> {
        self.skip_newlines()?;
        let mut negated = false;
        while self.is_word("!")? {
            self.advance();
            negated = !negated;
        }
        let test = self.test_primary()?;
        self.skip_newlines()?;
        Ok(if negated { TestExpr::Not(Box::new(test)) } else { test })
    }

    pub(super) fn test_primary(&mut self) -> Result<TestExpr, SyntaxError> {
        if *self.peek()? == Token::Op("(") {
            self.advance();
            let test = self.test_or()?;
            self.expect_op(")")?;
            return Ok(test);
        }
        let word = self.test_word()?;
        if let Some(op) = word.literal().and_then(|text| text.strip_prefix('-'))
            && let [op] = op.chars().collect::<Vec<_>>()[..]
            && "abcdefghknoprstuvwxzGLNOS".contains(op)
            && matches!(self.peek()?, Token::Word(word) if word.literal() != Some("]]"))
        {
            return Ok(TestExpr::Unary(op, self.test_word()?));
        }
        let op = match self.peek()? {
            Token::Op(op @ ("<" | ">")) => op.to_string(),
            Token::Word(op) => match op.literal() {
                Some(
                    op @ ("=" | "==" | "!=" | "=~" | "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" | "-nt" | "-ot"
                    | "-ef"),
                ) => op.to_string(),
                _ => return Ok(TestExpr::NonEmpty(word)),
            },
            _ => return Ok(TestExpr::NonEmpty(word)),
        };
        self.advance();
        // bash's patterns are extended here in any case.
        let extglob = self.extglob;
        self.extglob |= self.dialect.is_bash();
        let right = if op == "=~" { self.regex_word() } else { self.test_word() };
        self.extglob = extglob;
        let right = right?;
        Ok(TestExpr::Binary(op, word, right))
    }

    pub(super) fn test_word(&mut self) -> Result<Word, SyntaxError> {
        match self.next()? {
            Token::Word(word) if word.literal() != Some("]]") => Ok(word),
            token => {
                self.token = Some(token);
                Err(self.unexpected(None))
            }
        }
    }

    /// The right side of `=~`: parentheses and bars are part of it.
    pub(super) fn regex_word(&mut self) -> Result<Word, SyntaxError> {
        let mut word = Word::default();
        loop {
            match self.next()? {
                Token::Word(next) if next.literal() != Some("]]") => word.parts.extend(next.parts),
                Token::Op(op @ ("(" | ")" | "|" | "<" | ">")) => word.parts.push(Part::Literal(op.to_string())),
                Token::Fd(n) => word.parts.push(Part::Literal(n.to_string())),
                token => {
                    self.token = Some(token);
                    return Err(self.unexpected(None));
                }
            }
            if self.peek_char(0).is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | ';' | '&')) {
                return Ok(word);
            }
        }
    }
}
