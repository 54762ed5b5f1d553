//! The syntax tree of a script. What a forked child runs is behind an `Rc`, so forking copies no tree.

use std::{cell::OnceCell, rc::Rc};

/// Commands joined by `;`, `&` or newlines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List(pub Vec<Item>);

#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub and_or: Rc<AndOr>,
    pub background: bool,
    /// As written, for `jobs`; only of background commands.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AndOr {
    pub first: Pipeline,
    pub rest: Vec<(Connector, Pipeline)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connector {
    And,
    Or,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    pub negated: bool,
    /// `time`; with `-p` in the POSIX format.
    pub timed: Option<TimeFormat>,
    pub commands: Vec<Rc<Command>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    Bash,
    Posix,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    pub kind: CommandKind,
    pub redirects: Vec<Redirect>,
    /// Line of the script, from 1.
    pub line: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CommandKind {
    Simple {
        assigns: Vec<Assign>,
        words: Vec<Word>,
    },
    Subshell(Rc<List>),
    Group(List),
    If {
        arms: Vec<(List, List)>,
        otherwise: Option<List>,
    },
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    ArithFor {
        init: Word,
        condition: Word,
        step: Word,
        body: List,
    },
    While {
        until: bool,
        condition: List,
        body: List,
    },
    /// bash's `select`.
    Select {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    Case {
        word: Word,
        arms: Vec<CaseArm>,
    },
    Function {
        name: String,
        body: Rc<Command>,
    },
    /// `[[ … ]]`
    Test(TestExpr),
    /// `(( … ))`
    Arith(Word),
}

#[derive(Clone, Debug, PartialEq)]
pub struct CaseArm {
    pub patterns: Vec<Word>,
    pub body: List,
    pub then: AfterArm,
}

/// What follows an arm that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterArm {
    /// `;;`
    End,
    /// `;&`
    NextBody,
    /// `;;&`
    NextPattern,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Assign {
    pub name: String,
    /// Of `a[index]=value`.
    pub index: Option<Word>,
    pub append: bool,
    pub value: Word,
}

/// One of the words of `a=(x [2]=y)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    pub index: Option<Word>,
    pub append: bool,
    pub value: Word,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TestExpr {
    Unary(char, Word),
    Binary(String, Word, Word),
    NonEmpty(Word),
    Not(Box<TestExpr>),
    And(Box<TestExpr>, Box<TestExpr>),
    Or(Box<TestExpr>, Box<TestExpr>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Redirect {
    pub fd: i32,
    pub target: Target,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Read(Word),
    Write(Word),
    /// `>|`: over an existing file even under `set -C`.
    Clobber(Word),
    Append(Word),
    ReadWrite(Word),
    /// `&>` and `>&file`: stdout and stderr.
    Both {
        file: Word,
        append: bool,
    },
    /// `>&n`, `<&n`, `>&-`
    Duplicate(Word),
    /// The body is filled in once its lines have been read.
    HereDoc(Rc<OnceCell<Word>>),
    HereString(Word),
}

/// A word before expansion.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Word {
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Unquoted text: subject to tilde, brace and pathname expansion.
    Literal(String),
    /// `'…'`, `\x`, `$'…'`
    Quoted(String),
    /// `"…"`
    Double(Vec<Part>),
    Param(Box<Param>),
    Command(Rc<List>),
    Arith(Vec<Part>),
    /// `<(…)`, or with `output` `>(…)`
    Process {
        list: Rc<List>,
        output: bool,
    },
    /// `(…)` after `name=`, with its text as written.
    Array(Rc<(Vec<Element>, String)>),
    /// `${…}` that makes no sense: an error when it is expanded.
    Bad(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// A name, digits, or one of `@*#?-$!0`.
    pub name: String,
    pub index: Option<Index>,
    pub op: ParamOp,
    /// As written, for messages.
    pub text: String,
}

/// What stands in brackets after a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Index {
    /// `[@]`
    At,
    /// `[*]`
    Star,
    Word(Word),
}

#[derive(Clone, Debug, PartialEq)]
pub enum ParamOp {
    Value,
    Length,
    /// `${!x}`
    Indirect,
    /// `${!a[@]}`
    Keys,
    /// `${!prefix*}`, `${!prefix@}`
    Names,
    /// `${x@Q}`
    Transform(char),
    /// `-`, `=`, `+` or `?`; with `colon` an empty value counts as unset.
    Default {
        colon: bool,
        op: char,
        word: Word,
    },
    Trim {
        suffix: bool,
        longest: bool,
        pattern: Word,
    },
    Replace {
        at: ReplaceAt,
        pattern: Word,
        with: Word,
    },
    Substring {
        offset: Word,
        length: Option<Word>,
    },
    Case {
        upper: bool,
        all: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplaceAt {
    First,
    All,
    Start,
    End,
}

impl Word {
    /// The text of a word made of unquoted text only.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

/// Whether `name` can name a variable.
pub fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

// What was written, as far as messages need it.

impl Word {
    /// The word as it was written, more or less: blanks between the words of a command inside are gone.
    pub fn written(&self) -> String {
        written(&self.parts)
    }
}

fn written(parts: &[Part]) -> String {
    parts
        .iter()
        .map(|part| match part {
            Part::Literal(text) | Part::Bad(text) => text.clone(),
            Part::Quoted(text) if text.chars().count() == 1 && !text.contains([' ', '\'']) => format!("\\{text}"),
            Part::Quoted(text) => format!("'{text}'"),
            Part::Double(inner) => format!("\"{}\"", written(inner)),
            Part::Param(param) => param.text.clone(),
            Part::Command(_) => "$(...)".to_string(),
            Part::Process { output, .. } => format!("{}(...)", if *output { '>' } else { '<' }),
            Part::Array(array) => array.1.clone(),
            Part::Arith(inner) => format!("$(({}))", written(inner)),
        })
        .collect()
}

impl Assign {
    pub fn written(&self) -> String {
        let index = self.index.as_ref().map(|index| format!("[{}]", index.written())).unwrap_or_default();
        format!("{}{index}{}{}", self.name, if self.append { "+=" } else { "=" }, self.value.written())
    }
}

impl Param {
    /// Whether its values are one word between double quotes: `$*`, `${a[*]}`.
    pub fn is_star(&self) -> bool {
        match &self.index {
            Some(index) => *index == Index::Star,
            None => self.name == "*",
        }
    }

    /// Whether its values are a word each between double quotes: `$@`, `${a[@]}`.
    pub fn is_at(&self) -> bool {
        match &self.index {
            Some(index) => *index == Index::At,
            None => self.name == "@",
        }
    }

    /// Name and index as messages say them.
    pub fn place(&self) -> String {
        match &self.index {
            None => self.name.clone(),
            Some(Index::At) => format!("{}[@]", self.name),
            Some(Index::Star) => format!("{}[*]", self.name),
            Some(Index::Word(word)) => format!("{}[{}]", self.name, word.written()),
        }
    }
}

impl Command {
    /// A simple command's words as they were written; nothing of a compound one.
    pub fn written(&self) -> String {
        let CommandKind::Simple { assigns, words } = &self.kind else { return String::new() };
        let assigns = assigns.iter().map(Assign::written);
        assigns.chain(words.iter().map(Word::written)).collect::<Vec<_>>().join(" ")
    }
}
