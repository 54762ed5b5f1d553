//! Tokens to syntax trees. It never panics, and nesting and size are bounded; every error knows its
//! line and whether more input could mend it (so that a terminal asks for another line).

mod arrays;
mod compound;
mod conditions;
mod error;
mod redirects;

use std::{collections::BTreeMap, rc::Rc};

pub use error::{ErrorKind, Found, SyntaxError};

use super::{
    Dialect,
    ast::{
        AndOr, Assign, Command, CommandKind, Connector, Item, List, Part, Pipeline, Redirect, Target, TimeFormat, Word,
        is_name,
    },
    lexer::{PendingHereDoc, Token},
};

/// Deeper nesting than this is refused: each level costs stack here and in the interpreter.
const MAX_DEPTH: u32 = 80;

pub type Aliases = BTreeMap<String, String>;

pub struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) pos: usize,
    pub(super) line: u32,
    pub(super) dialect: Dialect,
    pub(super) depth: u32,
    pub(super) token_start: usize,
    pub(super) token_line: u32,
    token: Option<Token>,
    pending: Vec<PendingHereDoc>,
    aliases: Option<Rc<Aliases>>,
    /// Aliases being expanded, with the number of characters left when their text ends.
    alias_guard: Vec<(String, usize)>,
    alias_budget: u32,
    /// At the end of the input, take a here-document without its delimiter as complete.
    pub at_end: bool,
    /// bash's `shopt -s extglob`: words may hold `@(a|b)`.
    pub extglob: bool,
    /// What bash warns of: the line and the text.
    pub warnings: Vec<(u32, String)>,
    /// How much of the text has been handed out as read.
    shown: usize,
}

const RESERVED: &[&str] =
    &["if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "in", "{", "}", "!"];

/// Reserved words that end a list.
const CLOSERS: &[&str] = &["then", "else", "elif", "fi", "do", "done", "esac", "}"];

impl Parser {
    pub fn new(text: &str, dialect: Dialect, aliases: Option<Rc<Aliases>>) -> Parser {
        Parser {
            chars: text.chars().collect(),
            pos: 0,
            line: 1,
            dialect,
            depth: 0,
            token_start: 0,
            token_line: 1,
            token: None,
            pending: Vec::new(),
            aliases: aliases.filter(|aliases| !aliases.is_empty()),
            alias_guard: Vec::new(),
            alias_budget: 1000,
            at_end: true,
            extglob: false,
            warnings: Vec::new(),
            shown: 0,
        }
    }

    pub fn at_line(mut self, line: u32) -> Parser {
        self.line = line;
        self
    }

    pub fn set_aliases(&mut self, aliases: Option<Rc<Aliases>>) {
        self.aliases = aliases.filter(|aliases| !aliases.is_empty());
    }

    /// The line reached.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// What was read since the last call, for `set -v`.
    pub fn text_read(&mut self) -> String {
        let end = self.pos.clamp(self.shown, self.chars.len());
        let text = self.chars[self.shown..end].iter().collect();
        self.shown = end;
        text
    }

    /// Whether only blank space is left.
    pub fn at_end_of_input(&self) -> bool {
        self.token.as_ref().is_none_or(|token| *token == Token::Eof)
            && self.chars[self.pos.min(self.chars.len())..].iter().all(|c| c.is_whitespace())
    }

    /// Everything up to the end of the input.
    pub fn whole(&mut self) -> Result<List, SyntaxError> {
        let list = self.list(&[])?;
        match self.peek()? {
            Token::Eof => Ok(list),
            _ => Err(self.unexpected(None)),
        }
    }

    /// The next complete command: a list up to the end of its line. `None` at the end of the input.
    pub fn next_command(&mut self) -> Result<Option<List>, SyntaxError> {
        while *self.peek()? == Token::Newline {
            self.advance();
        }
        if *self.peek()? == Token::Eof {
            return Ok(None);
        }
        let mut items = Vec::new();
        loop {
            self.peek()?;
            let start = self.token_start;
            let and_or = Rc::new(self.and_or()?);
            let (more, background) = match self.peek()? {
                Token::Op("&") => (true, true),
                Token::Op(";") => (true, false),
                _ => (false, false),
            };
            let text = if background { self.written(start) } else { String::new() };
            items.push(Item { and_or, background, text });
            if more {
                self.advance();
            }
            match self.peek()? {
                Token::Newline => {
                    self.advance();
                    return Ok(Some(List(items)));
                }
                Token::Eof => return Ok(Some(List(items))),
                _ if more => {}
                _ => return Err(self.unexpected(None)),
            }
        }
    }

    /// Parses a piece of text (backquotes) with this parser's limits.
    pub(super) fn sub_parser<T>(
        &mut self,
        text: &str,
        line: u32,
        parse: impl FnOnce(&mut Parser) -> Result<T, SyntaxError>,
    ) -> Result<T, SyntaxError> {
        self.deeper()?;
        let mut parser = Parser::new(text, self.dialect, None).at_line(line);
        parser.depth = self.depth;
        parser.extglob = self.extglob;
        let result = parse(&mut parser);
        self.depth -= 1;
        result
    }

    pub(super) fn deeper(&mut self) -> Result<(), SyntaxError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error(ErrorKind::TooDeep));
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn error(&self, kind: ErrorKind) -> SyntaxError {
        self.error_at(kind, self.line)
    }

    pub(super) fn error_at(&self, kind: ErrorKind, line: u32) -> SyntaxError {
        let at = self.token_start.min(self.chars.len());
        let start = self.chars[..at].iter().rposition(|c| *c == '\n').map_or(0, |i| i + 1);
        let text = self.chars[start..].iter().take_while(|c| **c != '\n').take(500).collect();
        SyntaxError { kind, line, text, status: 2 }
    }

    /// An end of the input too early: bash names the line where the quote began, the others the last one.
    pub(super) fn unclosed(&self, kind: ErrorKind, start: u32) -> SyntaxError {
        self.error_at(kind, if self.dialect.is_bash() { start } else { self.line })
    }

    fn unexpected(&mut self, expecting: Option<&'static str>) -> SyntaxError {
        let (found, sort) = match &self.token {
            None | Some(Token::Eof) => return self.error(ErrorKind::Eof { expecting }),
            Some(Token::Newline) => ("newline".to_string(), Found::Newline),
            Some(Token::Op(op)) if op.contains(['<', '>']) => (op.to_string(), Found::Redirection),
            Some(Token::Op(op)) => (op.to_string(), Found::Token),
            Some(Token::Fd(n)) => (n.to_string(), Found::Redirection),
            Some(Token::Word(word)) => match word.literal() {
                Some(text) if RESERVED.contains(&text) => (text.to_string(), Found::Token),
                _ => (self.chars[self.token_start..self.pos].iter().collect(), Found::Word),
            },
        };
        // Having read a newline is being on the next line already, but for bash.
        let line = self.token_line + u32::from(sort == Found::Newline && !self.dialect.is_bash());
        self.error_at(ErrorKind::Unexpected { found, sort, expecting }, line)
    }

    fn peek(&mut self) -> Result<&Token, SyntaxError> {
        let token = match self.token.take() {
            Some(token) => token,
            None => self.lex()?,
        };
        Ok(self.token.insert(token))
    }

    fn advance(&mut self) {
        self.token = None;
    }

    fn next(&mut self) -> Result<Token, SyntaxError> {
        self.peek()?;
        Ok(self.token.take().unwrap_or(Token::Eof))
    }

    /// The source from `start` up to the token just peeked at.
    fn written(&self, start: usize) -> String {
        let end = self.token_start.clamp(start, self.chars.len()).min(start + 500);
        self.chars[start..end].iter().collect::<String>().trim().to_string()
    }

    fn skip_newlines(&mut self) -> Result<(), SyntaxError> {
        while *self.peek()? == Token::Newline {
            self.advance();
        }
        Ok(())
    }

    fn is_word(&mut self, text: &str) -> Result<bool, SyntaxError> {
        Ok(matches!(self.peek()?, Token::Word(word) if word.literal() == Some(text)))
    }

    fn expect_word(&mut self, text: &'static str) -> Result<(), SyntaxError> {
        if self.is_word(text)? {
            self.advance();
            return Ok(());
        }
        Err(self.unexpected(Some(text)))
    }

    fn expect_op(&mut self, op: &'static str) -> Result<(), SyntaxError> {
        if *self.peek()? == Token::Op(op) {
            self.advance();
            return Ok(());
        }
        Err(self.unexpected(Some(op)))
    }

    /// Commands up to one of the reserved words `ends`, or a closing operator, or the end.
    fn list(&mut self, ends: &[&str]) -> Result<List, SyntaxError> {
        let mut items = Vec::new();
        loop {
            self.skip_newlines()?;
            match self.peek()? {
                Token::Eof | Token::Op(")" | ";;" | ";&" | ";;&") => break,
                Token::Word(word)
                    if word.literal().is_some_and(|text| ends.contains(&text) || CLOSERS.contains(&text)) =>
                {
                    break;
                }
                _ => {}
            }
            self.peek()?;
            let start = self.token_start;
            let and_or = Rc::new(self.and_or()?);
            let (more, background) = match self.peek()? {
                Token::Op("&") => (true, true),
                Token::Op(";") | Token::Newline => (true, false),
                _ => (false, false),
            };
            let text = if background { self.written(start) } else { String::new() };
            items.push(Item { and_or, background, text });
            if !more {
                break;
            }
            self.advance();
        }
        Ok(List(items))
    }

    /// A list that must hold a command, and its end.
    fn body(&mut self, ends: &[&str], expecting: &'static str) -> Result<List, SyntaxError> {
        self.deeper()?;
        let list = self.list(ends)?;
        self.depth -= 1;
        if list.0.is_empty() {
            let at_end = *self.peek()? == Token::Eof;
            return Err(self.unexpected(at_end.then_some(expecting)));
        }
        Ok(list)
    }

    /// After `$(` or `(`: the list and its closing parenthesis. The token after it is not read, so the
    /// caller can go on with the characters.
    pub(super) fn nested_list(&mut self, close: &'static str) -> Result<List, SyntaxError> {
        self.deeper()?;
        // The lookahead belongs to the level outside, which is in the middle of a word here.
        let outer = self.token.take();
        let (start, line) = (self.token_start, self.token_line);
        let pending = std::mem::take(&mut self.pending);
        let list = self.list(&[])?;
        self.expect_op(close)?;
        self.token = outer;
        self.token_start = start;
        self.token_line = line;
        let inner = std::mem::replace(&mut self.pending, pending);
        self.pending.extend(inner);
        self.depth -= 1;
        Ok(list)
    }

    fn and_or(&mut self) -> Result<AndOr, SyntaxError> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            let connector = match self.peek()? {
                Token::Op("&&") => Connector::And,
                Token::Op("||") => Connector::Or,
                _ => return Ok(AndOr { first, rest }),
            };
            self.advance();
            self.skip_newlines()?;
            rest.push((connector, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, SyntaxError> {
        let mut negated = false;
        let mut timed = None;
        loop {
            if self.is_word("!")? {
                if negated && !self.dialect.is_bash() {
                    return Err(self.unexpected(None));
                }
                self.advance();
                negated = !negated;
            } else if self.dialect.is_bash() && self.is_word("time")? {
                self.advance();
                timed = Some(TimeFormat::Bash);
                if self.is_word("-p")? {
                    self.advance();
                    timed = Some(TimeFormat::Posix);
                }
                if matches!(self.peek()?, Token::Newline | Token::Eof | Token::Op(";")) {
                    return Ok(Pipeline { negated, timed, commands: Vec::new() });
                }
            } else {
                break;
            }
        }
        let mut commands = vec![Rc::new(self.command()?)];
        while let Token::Op(op @ ("|" | "|&")) = *self.peek()? {
            if op == "|&"
                && let Some(command) = commands.last_mut().and_then(Rc::get_mut)
            {
                let stdout = Word { parts: vec![Part::Literal("1".to_string())] };
                command.redirects.push(Redirect { fd: 2, target: Target::Duplicate(stdout) });
            }
            self.advance();
            self.skip_newlines()?;
            commands.push(Rc::new(self.command()?));
        }
        Ok(Pipeline { negated, timed, commands })
    }

    fn command(&mut self) -> Result<Command, SyntaxError> {
        self.deeper()?;
        let command = self.command_at_depth();
        self.depth -= 1;
        command
    }

    fn command_at_depth(&mut self) -> Result<Command, SyntaxError> {
        self.expand_alias()?;
        self.peek()?;
        let line = self.token_line;
        let keyword = match self.peek()? {
            Token::Op("(") => "(".to_string(),
            Token::Word(word) => word.literal().unwrap_or("").to_string(),
            Token::Fd(_) => String::new(),
            Token::Op(op) if op.contains(['<', '>']) => String::new(),
            _ => return Err(self.unexpected(None)),
        };
        let extended = self.dialect.has_bash_syntax();
        let kind = match keyword.as_str() {
            "(" => {
                if self.dialect.is_bash() && self.peek_char(0) == Some('(') {
                    let (pos, at) = (self.pos, self.line);
                    self.pos += 1;
                    match self.arith_word() {
                        Ok(word) => {
                            self.pos += 2;
                            self.advance();
                            return self.with_redirects(CommandKind::Arith(word), line);
                        }
                        Err(error) if error.kind == ErrorKind::NotArith => {
                            self.pos = pos;
                            self.line = at;
                        }
                        Err(error) => return Err(error),
                    }
                }
                self.advance();
                let list = self.body(&[], ")")?;
                self.expect_op(")")?;
                CommandKind::Subshell(Rc::new(list))
            }
            "{" => {
                self.advance();
                let list = self.body(&["}"], "}")?;
                self.expect_word("}")?;
                CommandKind::Group(list)
            }
            "if" => self.if_command()?,
            "while" | "until" => {
                self.advance();
                let condition = self.body(&["do"], "do")?;
                self.expect_word("do")?;
                let body = self.body(&["done"], "done")?;
                self.expect_word("done")?;
                CommandKind::While { until: keyword == "until", condition, body }
            }
            "for" => self.for_command()?,
            "case" => self.case_command()?,
            "select" if self.dialect.is_bash() => self.for_command()?,
            "[[" if extended => {
                self.advance();
                let test = self.test_or()?;
                self.expect_word("]]")?;
                CommandKind::Test(test)
            }
            "function" if extended => {
                self.advance();
                let Token::Word(word) = self.next()? else { return Err(self.unexpected(None)) };
                let name = word.literal().unwrap_or("").to_string();
                if *self.peek()? == Token::Op("(") {
                    self.advance();
                    self.expect_op(")")?;
                }
                return self.function(name, line);
            }
            "then" | "else" | "elif" | "fi" | "do" | "done" | "esac" | "}" | "in" => return Err(self.unexpected(None)),
            _ => return self.simple(line),
        };
        self.with_redirects(kind, line)
    }

    fn with_redirects(&mut self, kind: CommandKind, line: u32) -> Result<Command, SyntaxError> {
        let mut redirects = Vec::new();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        Ok(Command { kind, redirects, line })
    }

    fn simple(&mut self, line: u32) -> Result<Command, SyntaxError> {
        let mut assigns = Vec::new();
        let mut words: Vec<Word> = Vec::new();
        let mut redirects = Vec::new();
        let mut line = line;
        let mut tokens = 0;
        loop {
            // bash counts a command to the line on which its second word ends.
            tokens += 1;
            if tokens <= 2 && self.dialect.is_bash() && matches!(self.peek()?, Token::Word(_)) {
                line = self.line;
            }
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            if words.is_empty() && !(assigns.is_empty() && redirects.is_empty()) {
                self.expand_alias()?;
            }
            match self.peek()? {
                Token::Word(word) => {
                    let word = word.clone();
                    let declares = words.first().and_then(Word::literal).is_some_and(declares_arrays);
                    if self.dialect.is_bash()
                        && (words.is_empty() || declares)
                        && let Some(assign) = self.array_assignment()?
                    {
                        if words.is_empty() {
                            assigns.push(assign);
                        } else {
                            words.push(as_word(assign));
                        }
                        continue;
                    }
                    self.advance();
                    if words.is_empty()
                        && let Some(assign) = assignment(&word, self.dialect)
                    {
                        assigns.push(assign);
                    } else {
                        words.push(word);
                    }
                }
                Token::Op("(") if words.len() == 1 && assigns.is_empty() && redirects.is_empty() => {
                    let Some(name) = words[0].literal().map(str::to_string) else { return Err(self.unexpected(None)) };
                    self.advance();
                    if let Token::Word(_) = self.peek()?
                        && !self.dialect.is_bash()
                    {
                        let (found, sort) = (String::new(), Found::Word);
                        let line = self.token_line;
                        return Err(self.error_at(ErrorKind::Unexpected { found, sort, expecting: Some(")") }, line));
                    }
                    self.expect_op(")")?;
                    let special = crate::programs::sh::builtins::is_special(&name);
                    if !self.dialect.is_bash() && (special || !is_name(&name)) {
                        return Err(self.error(ErrorKind::BadFunctionName));
                    }
                    return self.function(name, line);
                }
                Token::Op("(") => return Err(self.unexpected(None)),
                _ => break,
            }
        }
        Ok(Command { kind: CommandKind::Simple { assigns, words }, redirects, line })
    }

    /// Replaces an alias at the start of a command by its text.
    fn expand_alias(&mut self) -> Result<(), SyntaxError> {
        let Some(aliases) = self.aliases.clone() else { return Ok(()) };
        loop {
            let name = match self.peek()? {
                Token::Word(word) => word.literal().unwrap_or("").to_string(),
                _ => return Ok(()),
            };
            let left = self.chars.len() - self.pos;
            self.alias_guard.retain(|(_, end)| left >= *end);
            let Some(text) = aliases.get(&name) else { return Ok(()) };
            if self.alias_budget == 0 || self.alias_guard.iter().any(|(guarded, _)| *guarded == name) {
                return Ok(());
            }
            self.alias_budget -= 1;
            self.alias_guard.push((name, left));
            let start = self.token_start;
            self.chars.splice(start..self.pos, text.chars());
            self.pos = start;
            self.line = self.token_line;
            self.token = None;
        }
    }
}

/// Commands whose arguments may be lists: `declare a=(x y)`.
fn declares_arrays(name: &str) -> bool {
    matches!(name, "declare" | "typeset" | "local" | "export" | "readonly")
}

/// `name=(…)` as a word.
fn as_word(assign: Assign) -> Word {
    let head = Part::Literal(format!("{}{}", assign.name, if assign.append { "+=" } else { "=" }));
    Word { parts: std::iter::once(head).chain(assign.value.parts).collect() }
}

/// `name=value`, `name+=value`
fn assignment(word: &Word, dialect: Dialect) -> Option<Assign> {
    let Some(Part::Literal(text)) = word.parts.first() else { return None };
    let (name, value) = text.split_once('=')?;
    let (name, append) = match name.strip_suffix('+') {
        Some(name) if dialect.has_bash_syntax() => (name, true),
        _ => (name, false),
    };
    if !is_name(name) {
        return None;
    }
    let mut parts = word.parts.clone();
    parts[0] = Part::Literal(value.to_string());
    if value.is_empty() {
        parts.remove(0);
    }
    Some(Assign { name: name.to_string(), index: None, append, value: Word { parts } })
}
