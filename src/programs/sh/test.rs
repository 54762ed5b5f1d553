//! `test`, `[` and `[[`.

use super::{
    Dialect,
    ast::TestExpr,
    state::{Flow, Outcome, Shell},
};
use crate::os::{Proc, fs::FileType};

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestError {
    NotANumber(String),
    /// The operator that was expected to be one, and what follows.
    Unary(String, String),
    /// What stands before it, and the operator.
    Binary(String, String),
    MissingArgument(String),
    /// The argument before, and the one that can't be there.
    Unexpected(String, String),
    MissingBracket,
    MissingParenthesis,
    TooDeep,
}

impl TestError {
    pub fn message(&self, dialect: Dialect) -> String {
        match (self, dialect) {
            (TestError::NotANumber(text), Dialect::Dash) => format!("Illegal number: {text}"),
            (TestError::NotANumber(text), Dialect::Ash) if text.is_empty() => "bad number".to_string(),
            (TestError::NotANumber(text), Dialect::Ash) => format!("{text}: bad number"),
            (TestError::NotANumber(text), Dialect::Bash) => format!("{text}: integer expression expected"),
            (TestError::Unary(text, _), Dialect::Bash) => format!("{text}: unary operator expected"),
            (TestError::Binary(_, text), Dialect::Bash) => format!("{text}: binary operator expected"),
            (TestError::Unary(text, _) | TestError::Binary(text, _), Dialect::Dash) => {
                format!("{text}: unexpected operator")
            }
            (TestError::Unary(_, text) | TestError::Binary(_, text), Dialect::Ash) => {
                format!("{text}: unknown operand")
            }
            (TestError::MissingArgument(_), Dialect::Bash) => "argument expected".to_string(),
            (TestError::MissingArgument(text), _) => format!("{text}: argument expected"),
            (TestError::Unexpected(..), Dialect::Bash) => "too many arguments".to_string(),
            (TestError::Unexpected(text, _), Dialect::Dash) => format!("{text}: unexpected operator"),
            (TestError::Unexpected(_, text), Dialect::Ash) => format!("{text}: unknown operand"),
            (TestError::MissingBracket, Dialect::Bash) => "missing `]'".to_string(),
            (TestError::MissingBracket, _) => "missing ]".to_string(),
            (TestError::MissingParenthesis, Dialect::Bash) => "`)' expected".to_string(),
            (TestError::MissingParenthesis, _) => "closing paren expected".to_string(),
            (TestError::TooDeep, _) => "expression nested too deeply".to_string(),
        }
    }
}

/// `test` or `[` with its arguments (`argv[0]` included).
pub fn run(proc: &Proc, argv: &[String], dialect: Dialect) -> Result<bool, TestError> {
    let mut args: &[String] = argv.get(1..).unwrap_or_default();
    if argv.first().is_some_and(|name| name.ends_with('[')) {
        match args.split_last() {
            Some((last, rest)) if last == "]" => args = rest,
            _ => return Err(TestError::MissingBracket),
        }
    }
    evaluate(proc, args, dialect)
}

/// The rules of POSIX by the number of arguments; beyond four a grammar.
fn evaluate(proc: &Proc, args: &[String], dialect: Dialect) -> Result<bool, TestError> {
    match args {
        [] => Ok(false),
        [text] => Ok(!text.is_empty()),
        [not, text] if not == "!" => Ok(text.is_empty()),
        [op, operand] => match is_unary(op) {
            Some(op) => Ok(unary(proc, op, operand)?),
            None => Err(TestError::Unary(op.clone(), operand.clone())),
        },
        [left, op, right] if is_binary(op, dialect) => binary(proc, left, op, right),
        [not, rest @ ..] if args.len() <= 4 && not == "!" => evaluate(proc, rest, dialect).map(|value| !value),
        [open, text, close] if open == "(" && close == ")" => Ok(!text.is_empty()),
        [left, op, _] if op != "-a" && op != "-o" => Err(TestError::Binary(left.clone(), op.clone())),
        _ => {
            let mut grammar = Grammar { proc, args, pos: 0, depth: 0, dialect };
            let value = grammar.or()?;
            match args.get(grammar.pos) {
                None => Ok(value),
                Some(arg) => {
                    let before = grammar.pos.checked_sub(1).and_then(|at| args.get(at)).cloned().unwrap_or_default();
                    Err(TestError::Unexpected(before, arg.clone()))
                }
            }
        }
    }
}

struct Grammar<'a> {
    proc: &'a Proc,
    args: &'a [String],
    pos: usize,
    depth: u32,
    dialect: Dialect,
}

impl Grammar<'_> {
    fn is(&self, text: &str) -> bool {
        self.args.get(self.pos).is_some_and(|arg| arg == text)
    }

    fn or(&mut self) -> Result<bool, TestError> {
        let mut value = self.and()?;
        while self.is("-o") {
            self.pos += 1;
            value |= self.and()?;
        }
        Ok(value)
    }

    fn and(&mut self) -> Result<bool, TestError> {
        let mut value = self.not()?;
        while self.is("-a") {
            self.pos += 1;
            value &= self.not()?;
        }
        Ok(value)
    }

    fn not(&mut self) -> Result<bool, TestError> {
        let mut negated = false;
        while self.is("!") && self.pos + 1 < self.args.len() {
            self.pos += 1;
            negated = !negated;
        }
        Ok(self.primary()? != negated)
    }

    fn primary(&mut self) -> Result<bool, TestError> {
        let Some(first) = self.args.get(self.pos).cloned() else {
            let last = self.args.last().cloned().unwrap_or_default();
            return Err(TestError::MissingArgument(last));
        };
        let next = self.args.get(self.pos + 1);
        if let (Some(op), Some(right)) = (next, self.args.get(self.pos + 2))
            && is_binary(op, self.dialect)
        {
            self.pos += 3;
            return binary(self.proc, &first, op, right);
        }
        if first == "(" {
            self.depth += 1;
            if self.depth > 50 {
                return Err(TestError::TooDeep);
            }
            self.pos += 1;
            let value = self.or()?;
            if !self.is(")") {
                return Err(TestError::MissingParenthesis);
            }
            self.pos += 1;
            return Ok(value);
        }
        if let (Some(op), Some(operand)) = (is_unary(&first), next) {
            self.pos += 2;
            return unary(self.proc, op, operand);
        }
        self.pos += 1;
        Ok(!first.is_empty())
    }
}

fn is_unary(op: &str) -> Option<char> {
    let mut chars = op.strip_prefix('-')?.chars();
    chars.next().filter(|c| chars.next().is_none() && "bcdefghknoprstuvwxzGLNOS".contains(*c))
}

fn is_binary(op: &str, dialect: Dialect) -> bool {
    (op != "==" || dialect != Dialect::Dash)
        && matches!(
            op,
            "=" | "==" | "!=" | "<" | ">" | "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" | "-nt" | "-ot" | "-ef"
        )
}

fn integer(text: &str) -> Result<i64, TestError> {
    text.trim().parse().map_err(|_| TestError::NotANumber(text.to_string()))
}

pub fn unary(proc: &Proc, op: char, operand: &str) -> Result<bool, TestError> {
    let stat = || proc.stat(operand).ok().filter(|_| !operand.is_empty());
    let is_type = |file_type| stat().is_some_and(|stat| stat.file_type == file_type);
    Ok(match op {
        'n' => !operand.is_empty(),
        'z' => operand.is_empty(),
        'e' => stat().is_some(),
        'f' => is_type(FileType::Regular),
        'd' => is_type(FileType::Directory),
        'c' => is_type(FileType::CharDevice),
        'p' => is_type(FileType::Fifo),
        'S' => is_type(FileType::Socket),
        'h' | 'L' => proc.lstat(operand).is_ok_and(|stat| stat.file_type == FileType::Symlink),
        's' => stat().is_some_and(|stat| stat.size > 0),
        'r' | 'w' => stat().is_some_and(|stat| allowed(proc, &stat, if op == 'r' { 4 } else { 2 })),
        'x' => stat().is_some_and(|stat| match proc.uid() {
            0 => stat.mode & 0o111 != 0 || stat.file_type == FileType::Directory,
            _ => allowed(proc, &stat, 1),
        }),
        'O' => stat().is_some_and(|stat| stat.uid == proc.uid()),
        'G' => stat().is_some_and(|stat| stat.gid == proc.gid()),
        'u' => stat().is_some_and(|stat| stat.mode & 0o4000 != 0),
        'g' => stat().is_some_and(|stat| stat.mode & 0o2000 != 0),
        'k' => stat().is_some_and(|stat| stat.mode & 0o1000 != 0),
        't' => {
            let fd = integer(operand)?;
            i32::try_from(fd).ok().and_then(|fd| proc.fd(fd)).is_some_and(|file| file.is_tty())
        }
        _ => false,
    })
}

fn allowed(proc: &Proc, stat: &crate::os::fs::Stat, bit: u32) -> bool {
    let shift = if stat.uid == proc.uid() {
        6
    } else if stat.gid == proc.gid() {
        3
    } else {
        0
    };
    proc.uid() == 0 || stat.mode >> shift & bit != 0
}

pub fn binary(proc: &Proc, left: &str, op: &str, right: &str) -> Result<bool, TestError> {
    let stat = |path: &str| proc.stat(path).ok();
    Ok(match op {
        "=" | "==" => left == right,
        "!=" => left != right,
        "<" => left < right,
        ">" => left > right,
        "-nt" => match (stat(left), stat(right)) {
            (Some(a), Some(b)) => a.mtime > b.mtime,
            (a, _) => a.is_some(),
        },
        "-ot" => match (stat(left), stat(right)) {
            (Some(a), Some(b)) => a.mtime < b.mtime,
            (_, b) => b.is_some(),
        },
        "-ef" => match (stat(left), stat(right)) {
            (Some(a), Some(b)) => a.ino == b.ino,
            _ => false,
        },
        _ => {
            let (a, b) = (integer(left)?, integer(right)?);
            match op {
                "-eq" => a == b,
                "-ne" => a != b,
                "-lt" => a < b,
                "-le" => a <= b,
                "-gt" => a > b,
                _ => a >= b,
            }
        }
    })
}

impl Shell {
    pub async fn double_bracket(&mut self, test: &TestExpr) -> Outcome {
        Ok(i32::from(!self.test_expression(test).await?))
    }

    fn test_expression<'a>(
        &'a mut self,
        test: &'a TestExpr,
    ) -> futures_util::future::LocalBoxFuture<'a, Result<bool, Flow>> {
        Box::pin(async move {
            Ok(match test {
                TestExpr::NonEmpty(word) => !self.single(word).await?.is_empty(),
                TestExpr::Not(inner) => !self.test_expression(inner).await?,
                TestExpr::And(a, b) => self.test_expression(a).await? && self.test_expression(b).await?,
                TestExpr::Or(a, b) => self.test_expression(a).await? || self.test_expression(b).await?,
                TestExpr::Unary('v', word) => {
                    let name = self.single(word).await?;
                    match super::arrays::subscripted(&name) {
                        Some((name, "@" | "*")) => !self.all_values(name).is_empty(),
                        _ => self.lookup(&name).is_some(),
                    }
                }
                TestExpr::Unary(op, word) => {
                    let operand = self.single(word).await?;
                    unary(&self.proc, *op, &operand).unwrap_or(false)
                }
                TestExpr::Binary(op, left, right) => {
                    let left = self.single(left).await?;
                    match op.as_str() {
                        // ash has forgotten by then what was quoted.
                        "=" | "==" | "!=" if self.dialect == Dialect::Ash => {
                            let right = self.single(right).await?;
                            super::pattern::Pattern::parse(&right).matches(&left) == (op != "!=")
                        }
                        "=" | "==" | "!=" => {
                            let matches = self.test_pattern(right).await?.matches(&left);
                            matches == (op != "!=")
                        }
                        "=~" => {
                            let regex = self.regex_text(right).await?;
                            let Ok(regex) = regex_lite::Regex::new(&regex) else { return Err(Flow::Error(2)) };
                            let caught = regex.captures(&left);
                            let found = caught.is_some();
                            let groups: Vec<String> = caught
                                .iter()
                                .flat_map(|caught| caught.iter())
                                .map(|group| group.map_or(String::new(), |group| group.as_str().to_string()))
                                .collect();
                            self.put_array("BASH_REMATCH", groups);
                            found
                        }
                        "<" | ">" => {
                            let right = self.single(right).await?;
                            if op == "<" { left < right } else { left > right }
                        }
                        "-nt" | "-ot" | "-ef" => {
                            let right = self.single(right).await?;
                            binary(&self.proc, &left, op, &right).unwrap_or(false)
                        }
                        _ => {
                            let right = self.single(right).await?;
                            let a = self.arithmetic(&left).await?;
                            let b = self.arithmetic(&right).await?;
                            match op.as_str() {
                                "-eq" => a == b,
                                "-ne" => a != b,
                                "-lt" => a < b,
                                "-le" => a <= b,
                                "-gt" => a > b,
                                _ => a >= b,
                            }
                        }
                    }
                }
            })
        })
    }
}
