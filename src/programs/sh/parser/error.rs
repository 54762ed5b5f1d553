//! Syntax errors, in the words of each shell.

use crate::programs::sh::Dialect;

#[derive(Clone, Debug, PartialEq)]
pub struct SyntaxError {
    pub kind: ErrorKind,
    pub line: u32,
    /// The line of the script, for bash.
    pub text: String,
    /// The exit status it makes.
    pub status: i32,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ErrorKind {
    /// `found` as written; `quote` unless it is a word or a newline.
    Unexpected {
        found: String,
        sort: Found,
        expecting: Option<&'static str>,
    },
    Eof {
        expecting: Option<&'static str>,
    },
    Unterminated(char),
    MissingBrace,
    Backquote,
    BadFor,
    BadFunctionName,
    TooDeep,
    /// `$((` without `))`.
    MissingArith,
    /// Internal: `$((` turned out not to begin arithmetic.
    NotArith,
    /// A here-document goes on; lines up to this delimiter belong to it.
    HereDoc {
        delimiter: String,
        strip_tabs: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Token,
    Word,
    Newline,
    Redirection,
}

impl SyntaxError {
    /// Whether more input could complete the command.
    pub fn is_incomplete(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Eof { .. }
                | ErrorKind::Unterminated(_)
                | ErrorKind::MissingBrace
                | ErrorKind::Backquote
                | ErrorKind::MissingArith
                | ErrorKind::HereDoc { .. }
        )
    }

    /// The message in the dialect's words, without the prefix that names the shell. Bash says the
    /// line itself and may add a second message.
    pub fn messages(&self, dialect: Dialect) -> Vec<String> {
        if dialect == Dialect::Bash {
            return match &self.kind {
                ErrorKind::Unexpected { found, .. } => {
                    vec![format!("syntax error near unexpected token `{found}'"), format!("`{}'", self.text)]
                }
                ErrorKind::Eof { .. } | ErrorKind::HereDoc { .. } => {
                    vec!["syntax error: unexpected end of file".to_string()]
                }
                ErrorKind::Unterminated(quote) => {
                    vec![format!("unexpected EOF while looking for matching `{quote}'")]
                }
                ErrorKind::MissingBrace => vec!["unexpected EOF while looking for matching `}'".to_string()],
                ErrorKind::Backquote => vec!["unexpected EOF while looking for matching ``'".to_string()],
                ErrorKind::BadFor => {
                    vec!["syntax error near unexpected token `newline'".to_string(), format!("`{}'", self.text)]
                }
                ErrorKind::BadFunctionName => vec!["syntax error: bad function name".to_string()],
                ErrorKind::TooDeep => vec!["syntax error: nested too deeply".to_string()],
                ErrorKind::MissingArith => vec!["unexpected EOF while looking for matching `)'".to_string()],
                ErrorKind::NotArith => vec!["syntax error in arithmetic expression".to_string()],
            };
        }
        let ash = dialect == Dialect::Ash;
        let expected = |expecting: &Option<&str>| match expecting {
            Some(token) => format!(" (expecting \"{token}\")"),
            None => String::new(),
        };
        let text = match &self.kind {
            ErrorKind::Unexpected { found, sort, expecting } => {
                let what = match sort {
                    Found::Token => format!("\"{found}\""),
                    Found::Word => "word".to_string(),
                    Found::Newline => "newline".to_string(),
                    Found::Redirection => "redirection".to_string(),
                };
                match ash {
                    true => format!("unexpected {what}{}", expected(expecting)),
                    false => format!("{what} unexpected{}", expected(expecting)),
                }
            }
            ErrorKind::Eof { expecting } if ash => format!("unexpected end of file{}", expected(expecting)),
            ErrorKind::Eof { expecting } => format!("end of file unexpected{}", expected(expecting)),
            ErrorKind::HereDoc { .. } => "end of file unexpected".to_string(),
            ErrorKind::Unterminated(_) if ash => "unterminated quoted string".to_string(),
            ErrorKind::Unterminated(_) => "Unterminated quoted string".to_string(),
            ErrorKind::MissingBrace if ash => "missing '}'".to_string(),
            ErrorKind::MissingBrace => "Missing '}'".to_string(),
            ErrorKind::Backquote => "EOF in backquote substitution".to_string(),
            ErrorKind::BadFor if ash => "bad for loop variable".to_string(),
            ErrorKind::BadFor => "Bad for loop variable".to_string(),
            ErrorKind::BadFunctionName if ash => "bad function name".to_string(),
            ErrorKind::BadFunctionName => "Bad function name".to_string(),
            ErrorKind::TooDeep => "nested too deeply".to_string(),
            ErrorKind::NotArith | ErrorKind::MissingArith if ash => "missing '))'".to_string(),
            ErrorKind::NotArith | ErrorKind::MissingArith => "Missing '))'".to_string(),
        };
        vec![format!("{} error: {text}", if ash { "syntax" } else { "Syntax" })]
    }
}
