//! Characters to tokens. Words come out as trees of parts; a `$(…)` inside a word calls the parser.

use std::{cell::OnceCell, rc::Rc};

use super::{
    ast::{Index, Param, ParamOp, Part, ReplaceAt, Word, is_name},
    escapes::{Style, unescape},
    parser::{ErrorKind, Parser, SyntaxError},
};
use crate::programs::util::text;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(Word),
    /// A number right before `<` or `>`.
    Fd(i32),
    Op(&'static str),
    Newline,
    Eof,
}

/// A here-document whose body begins after the next newline.
pub(super) struct PendingHereDoc {
    pub delimiter: String,
    pub expand: bool,
    pub strip_tabs: bool,
    /// Line of the redirection.
    pub line: u32,
    pub body: Rc<OnceCell<Word>>,
}

/// Longest first.
const OPERATORS: &[&str] = &[
    "&>>", "<<-", "<<<", ";;&", "&&", "||", "|&", ";;", ";&", "<<", ">>", "<&", ">&", "<>", ">|", "&>", "&", "|", ";",
    "<", ">", "(", ")",
];

/// Where a run of parts ends.
#[derive(Clone, Copy, PartialEq)]
enum Until {
    /// A blank or an operator.
    Word,
    /// `"`
    Quote,
    /// `}` of `${x…}`; the flag tells whether that stands in double quotes.
    Brace { quoted: bool },
    /// `}` or the given character at the same level.
    BraceOr { quoted: bool, stop: char },
    /// `]` of a subscript, left unread.
    Bracket,
    /// The end of a here-document.
    End,
    /// The `))` of an arithmetic expansion, which is left unread.
    Arith,
    /// `;` or `))` of `for ((;;))`, left unread.
    ArithFor,
}

impl Parser {
    pub(super) fn peek_char(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.pos + ahead).copied()
    }

    pub(super) fn looking_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.peek_char(i) == Some(c))
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek_char(0)?;
        self.pos += 1;
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.peek_char(0) {
                Some(' ' | '\t') => self.pos += 1,
                Some('\\') if self.peek_char(1) == Some('\n') => {
                    self.bump();
                    self.bump();
                }
                Some('#') => {
                    while self.peek_char(0).is_some_and(|c| c != '\n') {
                        self.pos += 1;
                    }
                }
                _ => break,
            }
        }
    }

    /// Reads the next token.
    pub(super) fn lex(&mut self) -> Result<Token, SyntaxError> {
        self.skip_blanks();
        self.token_start = self.pos;
        self.token_line = self.line;
        let Some(c) = self.peek_char(0) else {
            // A here-document cut short by the end of the input.
            self.read_here_docs()?;
            return Ok(Token::Eof);
        };
        if c == '\n' {
            self.bump();
            self.read_here_docs()?;
            return Ok(Token::Newline);
        }
        let process = self.dialect.has_bash_syntax() && (self.looking_at("<(") || self.looking_at(">("));
        for op in OPERATORS.iter().filter(|_| !process) {
            if self.looking_at(op)
                && match *op {
                    "&>" | ";&" | ";;&" => self.dialect.has_bash_syntax(),
                    "&>>" | "<<<" | "|&" => self.dialect.is_bash(),
                    _ => true,
                }
            {
                self.pos += op.len();
                return Ok(Token::Op(op));
            }
        }
        let digits = (0..).take_while(|i| self.peek_char(*i).is_some_and(|c| c.is_ascii_digit())).count();
        if (1..=3).contains(&digits) && matches!(self.peek_char(digits), Some('<' | '>')) {
            let text: String = self.chars[self.pos..self.pos + digits].iter().collect();
            self.pos += digits;
            return Ok(Token::Fd(text.parse().unwrap_or(0)));
        }
        Ok(Token::Word(Word { parts: self.parts(Until::Word)? }))
    }

    /// A word that runs to the end of the input, in which quotes mean nothing (a here-document, PS1).
    pub(super) fn here_doc_word(&mut self) -> Result<Word, SyntaxError> {
        Ok(Word { parts: self.parts(Until::End)? })
    }

    pub(super) fn arith_word(&mut self) -> Result<Word, SyntaxError> {
        Ok(Word { parts: self.parts(Until::Arith)? })
    }

    /// A subscript, up to its `]`.
    pub(super) fn subscript_word(&mut self) -> Result<Word, SyntaxError> {
        Ok(Word { parts: self.parts(Until::Bracket)? })
    }

    /// What is left of a word.
    pub(super) fn rest_of_word(&mut self) -> Result<Word, SyntaxError> {
        Ok(Word { parts: self.parts(Until::Word)? })
    }

    pub(super) fn arith_for_word(&mut self) -> Result<Word, SyntaxError> {
        Ok(Word { parts: self.parts(Until::ArithFor)? })
    }

    fn parts(&mut self, until: Until) -> Result<Vec<Part>, SyntaxError> {
        self.deeper()?;
        let result = self.parts_at_depth(until);
        self.depth -= 1;
        result
    }

    fn parts_at_depth(&mut self, until: Until) -> Result<Vec<Part>, SyntaxError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut parens = 0usize;
        let mut brackets = 0usize;
        // Open parentheses of extended patterns.
        let mut groups = 0usize;
        let quoted = matches!(
            until,
            Until::Quote | Until::End | Until::Brace { quoted: true } | Until::BraceOr { quoted: true, .. }
        );
        let arith = matches!(until, Until::Arith | Until::ArithFor);
        let start_line = self.line;
        let flush = |text: &mut String, parts: &mut Vec<Part>| {
            if !text.is_empty() {
                parts.push(Part::Literal(std::mem::take(text)));
            }
        };
        loop {
            let Some(c) = self.peek_char(0) else {
                match until {
                    Until::Word | Until::End => break,
                    Until::Bracket => return Err(self.unclosed(ErrorKind::Unterminated(']'), start_line)),
                    Until::Quote => return Err(self.unclosed(ErrorKind::Unterminated('"'), start_line)),
                    Until::Brace { .. } | Until::BraceOr { .. } => {
                        return Err(self.unclosed(ErrorKind::MissingBrace, start_line));
                    }
                    Until::Arith | Until::ArithFor => return Err(self.unclosed(ErrorKind::MissingArith, start_line)),
                }
            };
            match c {
                '<' | '>'
                    if until == Until::Word && self.dialect.has_bash_syntax() && self.peek_char(1) == Some('(') =>
                {
                    flush(&mut text, &mut parts);
                    self.bump();
                    if let Part::Command(list) = self.command_substitution()? {
                        parts.push(Part::Process { list, output: c == '>' });
                    }
                }
                '?' | '*' | '+' | '@' | '!'
                    if until == Until::Word && self.extglob && self.peek_char(1) == Some('(') =>
                {
                    text.extend([c, '(']);
                    self.pos += 2;
                    groups += 1;
                }
                '(' | ')' if groups > 0 => {
                    text.push(c);
                    self.bump();
                    groups = if c == '(' { groups + 1 } else { groups - 1 };
                }
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' if until == Until::Word && groups == 0 => {
                    break;
                }
                '[' | ']' if until == Until::Bracket => {
                    if c == ']' && brackets == 0 {
                        break;
                    }
                    brackets = if c == '[' { brackets + 1 } else { brackets - 1 };
                    text.push(c);
                    self.bump();
                }
                '"' if until == Until::Quote => {
                    self.bump();
                    break;
                }
                '}' if matches!(until, Until::Brace { .. } | Until::BraceOr { .. }) => break,
                c if matches!(until, Until::BraceOr { stop, .. } if c == stop) => break,
                ';' if until == Until::ArithFor && parens == 0 => break,
                '(' if arith => {
                    parens += 1;
                    text.push(c);
                    self.bump();
                }
                ')' if arith => {
                    if parens == 0 {
                        if self.peek_char(1) == Some(')') || until == Until::ArithFor {
                            break;
                        }
                        // bash tries a command substitution; the others read on for the `))`.
                        if self.dialect.is_bash() {
                            return Err(self.error(ErrorKind::NotArith));
                        }
                    }
                    parens = parens.saturating_sub(1);
                    text.push(c);
                    self.bump();
                }
                '\\' => self.backslash(until, quoted || arith, &mut text, &mut parts),
                '\'' if !quoted && !arith => {
                    flush(&mut text, &mut parts);
                    self.bump();
                    let line = self.line;
                    let mut inner = String::new();
                    loop {
                        match self.bump() {
                            Some('\'') => break,
                            Some(c) => inner.push(c),
                            None => return Err(self.unclosed(ErrorKind::Unterminated('\''), line)),
                        }
                    }
                    parts.push(Part::Quoted(inner));
                }
                // bash looks for the other quote, though it quotes nothing.
                '\'' if self.dialect.is_bash() && until == (Until::Brace { quoted: true }) => {
                    let end = (self.pos + 1..self.chars.len()).find(|at| self.chars[*at] == '\'');
                    let Some(end) = end else {
                        return Err(self.unclosed(ErrorKind::Unterminated('\''), self.line));
                    };
                    while self.pos <= end {
                        text.extend(self.bump());
                    }
                }
                '"' if until != Until::End && !arith => {
                    flush(&mut text, &mut parts);
                    self.bump();
                    parts.push(Part::Double(self.parts(Until::Quote)?));
                }
                // bash takes quotes away here.
                '"' if arith => {
                    if !self.dialect.is_bash() {
                        text.push(c);
                    }
                    self.bump();
                }
                '$' => {
                    if let Some(part) = self.dollar(quoted, &mut text)? {
                        flush(&mut text, &mut parts);
                        parts.push(part);
                    }
                }
                '`' => {
                    flush(&mut text, &mut parts);
                    parts.push(self.backquote(quoted)?);
                }
                _ => {
                    text.push(c);
                    self.bump();
                }
            }
        }
        flush(&mut text, &mut parts);
        Ok(parts)
    }

    fn backslash(&mut self, until: Until, quoted: bool, text: &mut String, parts: &mut Vec<Part>) {
        self.bump();
        let Some(next) = self.peek_char(0) else {
            text.push('\\');
            return;
        };
        if next == '\n' {
            self.bump();
            return;
        }
        if quoted {
            let escapes = match next {
                '$' | '`' | '\\' => true,
                '"' => until != Until::End,
                '}' => matches!(until, Until::Brace { .. } | Until::BraceOr { .. }),
                _ => false,
            };
            if !escapes {
                text.push('\\');
                return;
            }
        }
        self.bump();
        if !text.is_empty() {
            parts.push(Part::Literal(std::mem::take(text)));
        }
        parts.push(Part::Quoted(next.to_string()));
    }

    /// At a `$`. `None` if it stands for itself (and is then added to `text`).
    fn dollar(&mut self, quoted: bool, text: &mut String) -> Result<Option<Part>, SyntaxError> {
        self.bump();
        match self.peek_char(0) {
            Some('(') if self.peek_char(1) == Some('(') => {
                let (pos, line) = (self.pos, self.line);
                self.pos += 2;
                match self.parts(Until::Arith) {
                    Ok(parts) => {
                        self.pos += 2;
                        Ok(Some(Part::Arith(parts)))
                    }
                    // `$((` may also begin a command substitution with a subshell in it.
                    Err(error) if error.kind == ErrorKind::NotArith => {
                        self.pos = pos;
                        self.line = line;
                        self.command_substitution().map(Some).map_err(|error| SyntaxError { line, ..error })
                    }
                    Err(error) => Err(error),
                }
            }
            Some('(') => self.command_substitution().map(Some),
            Some('{') => self.braced(quoted).map(Some),
            Some('\'') if !quoted && self.dialect.has_bash_syntax() => {
                self.bump();
                self.ansi_c_quote().map(Some)
            }
            Some('"') if !quoted && self.dialect.is_bash() => {
                self.bump();
                Ok(Some(Part::Double(self.parts(Until::Quote)?)))
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let name = self.name();
                Ok(Some(simple_param(name)))
            }
            Some(c) if c.is_ascii_digit() || "@*#?-$!".contains(c) => {
                self.bump();
                Ok(Some(simple_param(c.to_string())))
            }
            _ => {
                text.push('$');
                Ok(None)
            }
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        loop {
            match self.peek_char(0) {
                Some(c) if c.is_ascii_alphanumeric() || c == '_' => {
                    name.push(c);
                    self.pos += 1;
                }
                // A continued line joins names too.
                Some('\\') if self.peek_char(1) == Some('\n') => {
                    self.bump();
                    self.bump();
                }
                _ => return name,
            }
        }
    }

    fn command_substitution(&mut self) -> Result<Part, SyntaxError> {
        self.pos += 1;
        match self.nested_list(")") {
            Err(error) if self.dialect.is_bash() && matches!(error.kind, ErrorKind::Eof { .. }) => {
                Err(SyntaxError { kind: ErrorKind::Unterminated(')'), ..error })
            }
            list => Ok(Part::Command(Rc::new(list?))),
        }
    }

    fn backquote(&mut self, quoted: bool) -> Result<Part, SyntaxError> {
        let line = self.line;
        self.bump();
        let mut inner = String::new();
        loop {
            match self.bump() {
                None => return Err(self.unclosed(ErrorKind::Backquote, line)),
                Some('`') => break,
                Some('\\') => match self.peek_char(0) {
                    Some(c @ ('$' | '`' | '\\')) => {
                        self.bump();
                        inner.push(c);
                    }
                    Some('"') if quoted => {
                        self.bump();
                        inner.push('"');
                    }
                    Some('\n') => {
                        self.bump();
                    }
                    _ => inner.push('\\'),
                },
                Some(c) => inner.push(c),
            }
        }
        let list = self.sub_parser(&inner, line, |parser| parser.whole())?;
        Ok(Part::Command(Rc::new(list)))
    }

    fn ansi_c_quote(&mut self) -> Result<Part, SyntaxError> {
        let line = self.line;
        let mut raw = String::new();
        loop {
            match self.bump() {
                None => return Err(self.unclosed(ErrorKind::Unterminated('\''), line)),
                Some('\'') => break,
                Some('\\') => {
                    raw.push('\\');
                    raw.extend(self.bump());
                }
                Some(c) => raw.push(c),
            }
        }
        Ok(Part::Quoted(text(unescape(&raw, Style::AnsiC).0)))
    }

    /// At the `{` of `${`.
    fn braced(&mut self, quoted: bool) -> Result<Part, SyntaxError> {
        let start = self.pos;
        self.pos += 1;
        let line = self.line;
        let found = self.braced_body(quoted)?;
        if found.is_none() {
            if self.peek_char(0) == Some('\n') && !self.dialect.is_bash() {
                return Err(self.error_at(ErrorKind::MissingBrace, self.line + 1));
            }
            self.parts(Until::Brace { quoted })?;
        }
        if self.peek_char(0) != Some('}') {
            return Err(self.unclosed(ErrorKind::MissingBrace, line));
        }
        self.pos += 1;
        let text = format!("${}", self.chars[start..self.pos].iter().collect::<String>());
        Ok(match found {
            Some((name, index, op)) => Part::Param(Box::new(Param { name, index, op, text })),
            None => Part::Bad(text),
        })
    }

    /// Name and operation, up to the closing brace; `None` if they make no sense.
    fn braced_body(&mut self, quoted: bool) -> Result<Option<(String, Option<Index>, ParamOp)>, SyntaxError> {
        let starts_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.peek_char(0) == Some('#') && self.peek_char(1).is_some_and(|c| starts_name(c) || "@*?-$!#".contains(c))
        {
            let start = self.pos;
            self.pos += 1;
            let name = self.braced_name();
            let index = self.braced_index(&name)?;
            if self.peek_char(0) == Some('}') {
                return Ok(Some((name, index, ParamOp::Length)));
            }
            self.pos = start;
        }
        if self.dialect.is_bash() && self.peek_char(0) == Some('!') && self.peek_char(1).is_some_and(starts_name) {
            self.pos += 1;
            let name = self.braced_name();
            let index = self.braced_index(&name)?;
            let op = match (&index, self.peek_char(0)) {
                (Some(Index::At | Index::Star), _) => ParamOp::Keys,
                (None, Some(c @ ('@' | '*'))) => {
                    self.pos += 1;
                    let index = Some(if c == '@' { Index::At } else { Index::Star });
                    return Ok((self.peek_char(0) == Some('}')).then_some((name, index, ParamOp::Names)));
                }
                _ => ParamOp::Indirect,
            };
            return Ok((self.peek_char(0) == Some('}')).then_some((name, index, op)));
        }
        let name = self.braced_name();
        if name.is_empty() {
            return Ok(None);
        }
        let index = self.braced_index(&name)?;
        let extended = self.dialect.has_bash_syntax();
        let colon = self.peek_char(0) == Some(':');
        let op = self.peek_char(usize::from(colon));
        let param = match (colon, op) {
            (false, Some('}')) => ParamOp::Value,
            (_, Some(op @ ('-' | '=' | '+' | '?'))) => {
                self.pos += 1 + usize::from(colon);
                ParamOp::Default { colon, op, word: self.braced_word(quoted)? }
            }
            (true, _) if extended => {
                self.pos += 1;
                let offset = Word { parts: self.parts(Until::BraceOr { quoted, stop: ':' })? };
                let mut length = None;
                if self.peek_char(0) == Some(':') {
                    self.pos += 1;
                    length = Some(self.braced_word(quoted)?);
                }
                ParamOp::Substring { offset, length }
            }
            (false, Some(op @ ('%' | '#'))) => {
                self.pos += 1;
                let longest = self.peek_char(0) == Some(op);
                self.pos += usize::from(longest);
                ParamOp::Trim { suffix: op == '%', longest, pattern: self.braced_word(false)? }
            }
            (false, Some('/')) if extended => {
                self.pos += 1;
                let at = match self.peek_char(0) {
                    Some('/') => ReplaceAt::All,
                    Some('#') => ReplaceAt::Start,
                    Some('%') => ReplaceAt::End,
                    _ => ReplaceAt::First,
                };
                self.pos += usize::from(at != ReplaceAt::First);
                let pattern = Word { parts: self.parts(Until::BraceOr { quoted: false, stop: '/' })? };
                let mut with = Word::default();
                if self.peek_char(0) == Some('/') {
                    self.pos += 1;
                    with = self.braced_word(quoted)?;
                }
                ParamOp::Replace { at, pattern, with }
            }
            (false, Some(op @ ('^' | ','))) if self.dialect.is_bash() => {
                self.pos += 1;
                let all = self.peek_char(0) == Some(op);
                self.pos += usize::from(all);
                ParamOp::Case { upper: op == '^', all }
            }
            (false, Some('@')) if self.dialect.is_bash() && self.peek_char(2) == Some('}') => {
                let Some(op) = self.peek_char(1).filter(|op| "QAUuL".contains(*op)) else { return Ok(None) };
                self.pos += 2;
                ParamOp::Transform(op)
            }
            _ => return Ok(None),
        };
        Ok((matches!(self.peek_char(0), Some('}') | None)).then_some((name, index, param)))
    }

    /// bash's `[…]` after a name.
    fn braced_index(&mut self, name: &str) -> Result<Option<Index>, SyntaxError> {
        if !self.dialect.is_bash() || self.peek_char(0) != Some('[') || !is_name(name) {
            return Ok(None);
        }
        self.pos += 1;
        let word = self.subscript_word()?;
        self.pos += 1;
        Ok(Some(match word.literal() {
            Some("@") => Index::At,
            Some("*") => Index::Star,
            _ => Index::Word(word),
        }))
    }

    fn braced_word(&mut self, quoted: bool) -> Result<Word, SyntaxError> {
        Ok(Word { parts: self.parts(Until::Brace { quoted })? })
    }

    fn braced_name(&mut self) -> String {
        match self.peek_char(0) {
            Some(c) if c.is_ascii_digit() => {
                let mut name = String::new();
                while let Some(c) = self.peek_char(0).filter(char::is_ascii_digit) {
                    name.push(c);
                    self.pos += 1;
                }
                name
            }
            Some(c) if "@*#?-$!".contains(c) => {
                self.pos += 1;
                c.to_string()
            }
            _ => self.name(),
        }
    }
}

fn simple_param(name: String) -> Part {
    let text = format!("${name}");
    Part::Param(Box::new(Param { name, index: None, op: ParamOp::Value, text }))
}
