//! `$((…))`: C's integer expressions on 64 bits that wrap around.

use super::Dialect;

/// Where variables live.
pub trait Variables {
    /// The value of a variable; `None` if it isn't set.
    fn get(&mut self, name: &str) -> Result<Option<String>, String>;
    fn set(&mut self, name: &str, value: i64) -> Result<(), String>;
    /// Whether subscripts of this array are words rather than expressions.
    fn is_associative(&self, _name: &str) -> bool {
        false
    }
    fn dialect(&self) -> Dialect {
        Dialect::Bash
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum ArithError {
    DivisionByZero,
    /// An operand was expected; what was found instead.
    ExpectingPrimary(String),
    ExpectingEnd(String),
    BadNumber(String),
    TooDeep,
    /// From a variable: unbound, read-only.
    Variable(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Tok {
    Num(i64),
    /// A variable and, in bash, what stands in brackets after it.
    Name(String, Option<String>),
    Op(&'static str),
}

const OPS: &[&str] = &[
    "<<=", ">>=", "**", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=", "%=", "&=",
    "|=", "^=", "+", "-", "*", "/", "%", "<", ">", "=", "!", "~", "&", "|", "^", "?", ":", "(", ")", ",",
];

fn tokens(text: &str, arrays: bool) -> Result<Vec<(Tok, usize)>, ArithError> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if c.is_ascii_alphanumeric() || c == '_' {
            let length = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '#' || c == '@'))
                .unwrap_or(rest.len());
            let word = &rest[..length];
            let from = at;
            at += length;
            if c.is_ascii_digit() {
                out.push((Tok::Num(number(word).ok_or_else(|| ArithError::BadNumber(word.to_string()))?), from));
                continue;
            }
            let index = text[at..].strip_prefix('[').filter(|_| arrays).and_then(closed);
            at += index.map_or(0, |index| index.len() + 2);
            out.push((Tok::Name(word.to_string(), index.map(str::to_string)), from));
        } else if let Some(op) = OPS.iter().find(|op| rest.starts_with(**op)) {
            out.push((Tok::Op(op), at));
            at += op.len();
        } else {
            return Err(ArithError::ExpectingPrimary(rest.to_string()));
        }
    }
    Ok(out)
}

/// The text up to the bracket that closes one before it.
fn closed(text: &str) -> Option<&str> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            ']' if depth == 0 => return Some(&text[..at]),
            ']' => depth -= 1,
            '[' => depth += 1,
            _ => {}
        }
    }
    None
}

/// `12`, `0x1f`, `017`, `2#101`. Too large numbers stick at the largest, as strtoimax does.
pub fn number(text: &str) -> Option<i64> {
    let (radix, digits) = match text.split_once('#') {
        Some((base, digits)) => (base.parse().ok().filter(|base| (2..=36).contains(base))?, digits),
        None => match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => (16, digits),
            None if text.len() > 1 && text.starts_with('0') => (8, &text[1..]),
            None => (10, text),
        },
    };
    if digits.is_empty() {
        return None;
    }
    digits
        .chars()
        .try_fold(0_i64, |n, c| Some(n.saturating_mul(i64::from(radix)).saturating_add(i64::from(c.to_digit(radix)?))))
}

/// Evaluates `text`.
pub fn evaluate(text: &str, variables: &mut dyn Variables) -> Result<i64, ArithError> {
    evaluate_at(text, variables, 0)
}

fn evaluate_at(text: &str, variables: &mut dyn Variables, depth: u32) -> Result<i64, ArithError> {
    let tokens = tokens(text, variables.dialect() == Dialect::Bash)?;
    if tokens.is_empty() {
        if variables.dialect() == Dialect::Dash {
            return Err(ArithError::ExpectingPrimary(String::new()));
        }
        return Ok(0);
    }
    let mut eval = Eval { text, tokens, pos: 0, variables, depth, skip: false };
    let value = eval.comma()?;
    match eval.tokens.get(eval.pos) {
        None => Ok(value),
        Some((_, at)) => Err(ArithError::ExpectingEnd(text[*at..].to_string())),
    }
}

struct Eval<'a> {
    text: &'a str,
    tokens: Vec<(Tok, usize)>,
    pos: usize,
    variables: &'a mut dyn Variables,
    depth: u32,
    /// In the branch not taken of `&&`, `||` and `?:`: nothing is assigned and no division fails.
    skip: bool,
}

const MAX_DEPTH: u32 = 60;

/// Binary operators by rising precedence.
const LEVELS: &[&[&str]] =
    &[&["|"], &["^"], &["&"], &["==", "!="], &["<", "<=", ">", ">="], &["<<", ">>"], &["+", "-"], &["*", "/", "%"]];

impl Eval<'_> {
    fn op(&self) -> Option<&'static str> {
        match self.tokens.get(self.pos) {
            Some((Tok::Op(op), _)) => Some(op),
            _ => None,
        }
    }

    fn take(&mut self, op: &str) -> bool {
        let found = self.op() == Some(op);
        self.pos += usize::from(found);
        found
    }

    fn comma(&mut self) -> Result<i64, ArithError> {
        let mut value = self.assignment()?;
        while self.take(",") {
            value = self.assignment()?;
        }
        Ok(value)
    }

    fn assignment(&mut self) -> Result<i64, ArithError> {
        if self.depth > MAX_DEPTH {
            return Err(ArithError::TooDeep);
        }
        self.depth += 1;
        let value = self.assignment_at_depth();
        self.depth -= 1;
        value
    }

    fn assignment_at_depth(&mut self) -> Result<i64, ArithError> {
        if let Some((Tok::Name(name, index), _)) = self.tokens.get(self.pos)
            && let Some((Tok::Op(op), _)) = self.tokens.get(self.pos + 1)
            && let Some(operator) = op.strip_suffix('=')
            && !matches!(*op, "==" | "!=" | "<=" | ">=")
        {
            let (name, index) = (name.clone(), index.clone());
            self.pos += 2;
            let name = self.place(name, index)?;
            let right = self.assignment()?;
            let value = match operator {
                "" => right,
                _ => {
                    let left = self.variable(&name)?;
                    self.binary(operator, left, right)?
                }
            };
            self.set(&name, value)?;
            return Ok(value);
        }
        self.ternary()
    }

    fn ternary(&mut self) -> Result<i64, ArithError> {
        let condition = self.or()?;
        if !self.take("?") {
            return Ok(condition);
        }
        let yes = self.skipping(condition == 0, Self::comma)?;
        if !self.take(":") {
            return Err(self.expected_primary());
        }
        let no = self.skipping(condition != 0, Self::assignment)?;
        Ok(if condition != 0 { yes } else { no })
    }

    fn skipping(
        &mut self,
        skip: bool,
        parse: impl FnOnce(&mut Self) -> Result<i64, ArithError>,
    ) -> Result<i64, ArithError> {
        let before = self.skip;
        // ash works out both branches.
        self.skip |= skip && self.variables.dialect() != Dialect::Ash;
        let result = parse(self);
        self.skip = before;
        result
    }

    fn or(&mut self) -> Result<i64, ArithError> {
        let mut left = self.and()?;
        while self.take("||") {
            let right = self.skipping(left != 0, Self::and)?;
            left = i64::from(left != 0 || right != 0);
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<i64, ArithError> {
        let mut left = self.level(0)?;
        while self.take("&&") {
            let right = self.skipping(left == 0, |eval| eval.level(0))?;
            left = i64::from(left != 0 && right != 0);
        }
        Ok(left)
    }

    fn level(&mut self, level: usize) -> Result<i64, ArithError> {
        let Some(ops) = LEVELS.get(level) else { return self.power() };
        let mut left = self.level(level + 1)?;
        while let Some(op) = self.op().filter(|op| ops.contains(op)) {
            self.pos += 1;
            let right = self.level(level + 1)?;
            left = self.binary(op, left, right)?;
        }
        Ok(left)
    }

    fn power(&mut self) -> Result<i64, ArithError> {
        let base = self.unary()?;
        if !self.take("**") {
            return Ok(base);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ArithError::TooDeep);
        }
        let exponent = self.power()?;
        self.depth -= 1;
        Ok(base.wrapping_pow(u32::try_from(exponent.max(0)).unwrap_or(u32::MAX)))
    }

    fn binary(&self, op: &str, a: i64, b: i64) -> Result<i64, ArithError> {
        Ok(match op {
            "|" => a | b,
            "^" => a ^ b,
            "&" => a & b,
            "==" => i64::from(a == b),
            "!=" => i64::from(a != b),
            "<" => i64::from(a < b),
            "<=" => i64::from(a <= b),
            ">" => i64::from(a > b),
            ">=" => i64::from(a >= b),
            "<<" => a.wrapping_shl(b as u32),
            ">>" => a.wrapping_shr(b as u32),
            "+" => a.wrapping_add(b),
            "-" => a.wrapping_sub(b),
            "*" => a.wrapping_mul(b),
            _ if b == 0 && self.skip => 0,
            _ if b == 0 => return Err(ArithError::DivisionByZero),
            "/" => a.wrapping_div(b),
            _ => a.wrapping_rem(b),
        })
    }

    fn unary(&mut self) -> Result<i64, ArithError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ArithError::TooDeep);
        }
        let value = self.unary_at_depth();
        self.depth -= 1;
        value
    }

    fn unary_at_depth(&mut self) -> Result<i64, ArithError> {
        let Some((token, _)) = self.tokens.get(self.pos).cloned() else { return Err(self.expected_primary()) };
        self.pos += 1;
        match token {
            Tok::Num(value) => Ok(value),
            Tok::Name(name, index) => {
                let name = self.place(name, index)?;
                let value = self.variable(&name)?;
                if let Some(op @ ("++" | "--")) = self.op() {
                    self.pos += 1;
                    self.set(&name, value.wrapping_add(if op == "++" { 1 } else { -1 }))?;
                }
                Ok(value)
            }
            Tok::Op(op @ ("++" | "--")) => {
                if let Some((Tok::Name(name, index), _)) = self.tokens.get(self.pos).cloned() {
                    self.pos += 1;
                    let name = self.place(name, index)?;
                    let value = self.variable(&name)?.wrapping_add(if op == "++" { 1 } else { -1 });
                    self.set(&name, value)?;
                    return Ok(value);
                }
                self.unary()
            }
            Tok::Op("-") => Ok(self.unary()?.wrapping_neg()),
            Tok::Op("+") => self.unary(),
            Tok::Op("!") => Ok(i64::from(self.unary()? == 0)),
            Tok::Op("~") => Ok(!self.unary()?),
            Tok::Op("(") => {
                let value = self.comma()?;
                if !self.take(")") {
                    return Err(self.expected_primary());
                }
                Ok(value)
            }
            Tok::Op(_) => {
                self.pos -= 1;
                Err(self.expected_primary())
            }
        }
    }

    fn expected_primary(&self) -> ArithError {
        let at = self.tokens.get(self.pos).or(self.tokens.last()).map_or(self.text.len(), |(_, at)| *at);
        ArithError::ExpectingPrimary(self.text[at..].to_string())
    }

    /// A variable, or an element as `name[key]`.
    fn place(&mut self, name: String, index: Option<String>) -> Result<String, ArithError> {
        let Some(index) = index.filter(|_| !self.skip) else { return Ok(name) };
        if self.variables.is_associative(&name) {
            return Ok(format!("{name}[{index}]"));
        }
        if self.depth > MAX_DEPTH / 2 {
            return Err(ArithError::TooDeep);
        }
        let index = evaluate_at(&index, self.variables, self.depth + 8)?;
        Ok(format!("{name}[{index}]"))
    }

    /// A variable's value is an expression itself.
    fn variable(&mut self, name: &str) -> Result<i64, ArithError> {
        if self.skip {
            return Ok(0);
        }
        let text = self.variables.get(name).map_err(ArithError::Variable)?.unwrap_or_default();
        let text = text.trim();
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        if digits.is_empty() && sign == 1 {
            return Ok(0);
        }
        if let Some(value) = number(digits) {
            return Ok(value.wrapping_mul(sign));
        }
        if self.variables.dialect() == Dialect::Dash {
            return Err(ArithError::Variable(format!("Illegal number: {text}")));
        }
        if self.depth > MAX_DEPTH / 2 {
            return Err(ArithError::TooDeep);
        }
        evaluate_at(text, self.variables, self.depth + 8)
    }

    fn set(&mut self, name: &str, value: i64) -> Result<(), ArithError> {
        if self.skip { Ok(()) } else { self.variables.set(name, value).map_err(ArithError::Variable) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    impl Variables for BTreeMap<String, String> {
        fn get(&mut self, name: &str) -> Result<Option<String>, String> {
            Ok(BTreeMap::get(self, name).cloned())
        }
        fn set(&mut self, name: &str, value: i64) -> Result<(), String> {
            self.insert(name.to_string(), value.to_string());
            Ok(())
        }
    }

    #[test]
    fn evaluates() {
        let mut variables = BTreeMap::from([("x".to_string(), "5".to_string()), ("e".to_string(), "x+1".to_string())]);
        for (text, expected) in [
            ("", Ok(0)),
            ("1 + 2 * 3", Ok(7)),
            ("(1+2)*3", Ok(9)),
            ("7 / 2 - -7 % 4", Ok(6)),
            ("x * e", Ok(30)),
            ("1 ? 2 : 1/0", Ok(2)),
            ("0 && 1/0", Ok(0)),
            ("0x1f + 010 + 2#101", Ok(44)),
            ("x += 2", Ok(7)),
            ("x++ + ++x", Ok(16)),
            ("y = x > 3", Ok(1)),
            ("2 ** 10", Ok(1024)),
            ("1 << 3 | 1", Ok(9)),
            ("!0 + ~0", Ok(0)),
            ("-9223372036854775807 - 1 - 1", Ok(i64::MAX)),
            ("1, 2", Ok(2)),
            ("1/0", Err(ArithError::DivisionByZero)),
            ("1+", Err(ArithError::ExpectingPrimary("+".to_string()))),
            ("1 2", Err(ArithError::ExpectingEnd("2".to_string()))),
        ] {
            assert_eq!(evaluate(text, &mut variables), expected, "{text}");
        }
        assert_eq!(evaluate(&"(".repeat(5000), &mut variables), Err(ArithError::TooDeep));
        variables.insert("loop".to_string(), "loop".to_string());
        assert_eq!(evaluate("loop", &mut variables), Err(ArithError::TooDeep));
    }
}
