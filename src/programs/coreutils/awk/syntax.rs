//! awk's syntax tree, and its lexer.

use std::rc::Rc;

use regex_lite::Regex;

/// Where a variable lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Global(usize),
    /// In the frame of the function that runs.
    Local(usize),
}

#[derive(Clone, Debug)]
pub enum Expr {
    Number(f64),
    Text(Rc<str>),
    /// Alone: matched against `$0`.
    Regex(Rc<Regex>),
    Variable(Place),
    Element(Place, Vec<Expr>),
    Field(Box<Expr>),
    /// `None`: plain assignment.
    Assign(Box<Expr>, Option<Binary>, Box<Expr>),
    Condition(Box<Expr>, Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    In(Vec<Expr>, Place),
    Match(bool, Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    Concat(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Plus(Box<Expr>),
    /// `++` and `--`: the step, and whether the value is the one before.
    Step(Box<Expr>, f64, bool),
    Call(usize, Vec<Expr>),
    Builtin(Builtin, Vec<Expr>),
    Getline(Source, Option<Box<Expr>>),
    /// In parentheses: no list, no redirection.
    Group(Box<Expr>),
}

#[derive(Clone, Debug)]
pub enum Source {
    Input,
    File(Box<Expr>),
    Command(Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessEqual,
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    Atan2,
    Close,
    Cos,
    Exp,
    Fflush,
    Gsub,
    Index,
    Int,
    Length,
    Log,
    Match,
    Rand,
    Sin,
    Split,
    Sprintf,
    Sqrt,
    Srand,
    Strftime,
    Sub,
    Substr,
    System,
    Systime,
    Tolower,
    Toupper,
}

impl Builtin {
    pub fn named(name: &str) -> Option<Builtin> {
        Some(match name {
            "atan2" => Builtin::Atan2,
            "close" => Builtin::Close,
            "cos" => Builtin::Cos,
            "exp" => Builtin::Exp,
            "fflush" => Builtin::Fflush,
            "gsub" => Builtin::Gsub,
            "index" => Builtin::Index,
            "int" => Builtin::Int,
            "length" => Builtin::Length,
            "log" => Builtin::Log,
            "match" => Builtin::Match,
            "rand" => Builtin::Rand,
            "sin" => Builtin::Sin,
            "split" => Builtin::Split,
            "sprintf" => Builtin::Sprintf,
            "sqrt" => Builtin::Sqrt,
            "srand" => Builtin::Srand,
            "strftime" => Builtin::Strftime,
            "sub" => Builtin::Sub,
            "substr" => Builtin::Substr,
            "system" => Builtin::System,
            "systime" => Builtin::Systime,
            "tolower" => Builtin::Tolower,
            "toupper" => Builtin::Toupper,
            _ => return None,
        })
    }
}

#[derive(Clone, Debug)]
pub enum Redirect {
    File(Expr),
    Append(Expr),
    Pipe(Expr),
}

#[derive(Clone, Debug)]
pub enum Statement {
    Expr(Expr),
    Print(Vec<Expr>, Option<Redirect>),
    Printf(Vec<Expr>, Option<Redirect>),
    If(Expr, Box<Statement>, Option<Box<Statement>>),
    While(Expr, Box<Statement>),
    DoWhile(Box<Statement>, Expr),
    For(Option<Box<Statement>>, Option<Expr>, Option<Box<Statement>>, Box<Statement>),
    ForIn(Place, Place, Box<Statement>),
    Block(Vec<Statement>),
    Delete(Place, Option<Vec<Expr>>),
    Next,
    Exit(Option<Expr>),
    Return(Option<Expr>),
    Break,
    Continue,
}

#[derive(Debug)]
pub enum Pattern {
    Begin,
    End,
    Always,
    When(Expr),
    /// From a record to a record; the number tells ranges apart.
    Range(Expr, Expr, usize),
}

#[derive(Debug)]
pub struct Function {
    pub parameters: usize,
    pub body: Statement,
}

#[derive(Debug, Default)]
pub struct Script {
    pub rules: Vec<(Pattern, Option<Statement>)>,
    pub functions: Vec<Function>,
    /// Names of the variables by number.
    pub globals: Vec<String>,
    pub ranges: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Number(f64),
    Text(String),
    Regex(String),
    /// A name; the flag tells that a `(` follows at once.
    Name(String, bool),
    Op(&'static str),
    Newline,
    End,
}

/// Longest first.
const OPERATORS: &[&str] = &[
    "**=", "!~", "&&", "||", "**", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", "==", "<=", ">=", "!=", ">>", "{",
    "}", "(", ")", "[", "]", ";", ",", "+", "-", "*", "/", "%", "^", "!", ">", "<", "|", "?", ":", "~", "$", "=",
];

pub struct Lexer {
    chars: Vec<char>,
    pos: usize,
    pub line: u32,
    /// What came before decides whether a slash divides.
    after_value: bool,
}

impl Lexer {
    pub fn new(text: &str) -> Lexer {
        Lexer { chars: text.chars().collect(), pos: 0, line: 1, after_value: false }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.pos + ahead).copied()
    }

    pub fn next(&mut self) -> Result<Token, String> {
        let token = self.token()?;
        self.after_value = matches!(
            &token,
            Token::Number(_) | Token::Text(_) | Token::Regex(_) | Token::Op(")" | "]" | "$" | "++" | "--")
        ) || matches!(&token, Token::Name(name, _) if !is_keyword(name));
        Ok(token)
    }

    fn token(&mut self) -> Result<Token, String> {
        loop {
            match self.peek(0) {
                Some(' ' | '\t' | '\r') => self.pos += 1,
                Some('\\') if self.peek(1) == Some('\n') => {
                    self.pos += 2;
                    self.line += 1;
                }
                Some('#') => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.pos += 1;
                    }
                }
                _ => break,
            }
        }
        let Some(c) = self.peek(0) else { return Ok(Token::End) };
        if c == '\n' {
            self.pos += 1;
            self.line += 1;
            return Ok(Token::Newline);
        }
        if c == '"' {
            self.pos += 1;
            return self.string().map(Token::Text);
        }
        if c == '/' && !self.after_value {
            self.pos += 1;
            return self.regex().map(Token::Regex);
        }
        if c.is_ascii_digit() || (c == '.' && self.peek(1).is_some_and(|c| c.is_ascii_digit())) {
            let rest: String = self.chars[self.pos..].iter().take(400).collect();
            let length = number_length(&rest);
            self.pos += length;
            return Ok(Token::Number(rest[..length].parse().unwrap_or(0.0)));
        }
        if c.is_ascii_alphabetic() || c == '_' {
            let mut name = String::new();
            while let Some(c) = self.peek(0).filter(|c| c.is_ascii_alphanumeric() || *c == '_') {
                name.push(c);
                self.pos += 1;
            }
            return Ok(Token::Name(name, self.peek(0) == Some('(')));
        }
        for op in OPERATORS {
            if op.chars().enumerate().all(|(i, c)| self.peek(i) == Some(c)) {
                self.pos += op.len();
                return Ok(Token::Op(match *op {
                    "**" => "^",
                    "**=" => "^=",
                    op => op,
                }));
            }
        }
        Err(format!("unexpected character '{c}'"))
    }

    fn string(&mut self) -> Result<String, String> {
        let mut raw = String::new();
        loop {
            match self.peek(0) {
                None | Some('\n') => return Err("unterminated string".to_string()),
                Some('"') => {
                    self.pos += 1;
                    return Ok(unescape(&raw));
                }
                Some('\\') => {
                    raw.push('\\');
                    raw.extend(self.peek(1));
                    self.pos += 2;
                }
                Some(c) => {
                    raw.push(c);
                    self.pos += 1;
                }
            }
        }
    }

    fn regex(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut bracket = false;
        loop {
            match self.peek(0) {
                None | Some('\n') => return Err("unterminated regular expression".to_string()),
                Some('/') if !bracket => {
                    self.pos += 1;
                    return Ok(text);
                }
                Some('\\') if self.peek(1) == Some('/') => {
                    text.push('/');
                    self.pos += 2;
                }
                Some('\\') => {
                    text.push('\\');
                    text.extend(self.peek(1));
                    self.pos += 2;
                }
                Some(c) => {
                    bracket = c == '[' || (bracket && c != ']');
                    text.push(c);
                    self.pos += 1;
                }
            }
        }
    }
}

pub fn is_keyword(name: &str) -> bool {
    matches!(
        name,
        "BEGIN"
            | "END"
            | "function"
            | "func"
            | "if"
            | "else"
            | "while"
            | "for"
            | "do"
            | "break"
            | "continue"
            | "next"
            | "nextfile"
            | "exit"
            | "return"
            | "delete"
            | "in"
            | "getline"
            | "print"
            | "printf"
    )
}

/// `\n`, `\"`, `\101`; other escapes stay as they are.
pub fn unescape(raw: &str) -> String {
    let mut out = String::new();
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('a') => out.push('\x07'),
            Some('b') => out.push('\x08'),
            Some('f') => out.push('\x0c'),
            Some('v') => out.push('\x0b'),
            Some(c @ ('"' | '\\' | '/')) => out.push(c),
            Some(c) if c.is_digit(8) => {
                let mut value = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) else { break };
                    value = value * 8 + digit;
                    chars.next();
                }
                out.extend(char::from_u32(value));
            }
            Some(c) => {
                out.push('\\');
                out.push(c);
            }
            None => out.push('\\'),
        }
    }
    out
}

/// How much of `text` (which begins with a digit or a point) is a number.
pub fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut at = digits(0);
    let whole = at;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        fraction = digits(at + 1);
        at += 1 + fraction;
    }
    if whole + fraction == 0 {
        return 0;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if bytes.len() > at + 1 + sign {
            let exponent = digits(at + 1 + sign);
            if exponent > 0 {
                at += 1 + sign + exponent;
            }
        }
    }
    at
}
