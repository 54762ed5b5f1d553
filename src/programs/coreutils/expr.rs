//! expr.

use super::regex;
use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        util::{self, Args},
    },
};

/// What is wrong: the two flavours say it differently.
enum Trouble {
    Missing(String),
    Unexpected(String),
    NotANumber,
    DivisionByZero,
    Regex(String),
}

struct Expr<'a> {
    args: &'a [String],
    pos: usize,
    depth: u32,
}

/// Operators by rising precedence.
const LEVELS: &[&[&str]] =
    &[&["|"], &["&"], &["<", "<=", "=", "==", "!=", ">=", ">"], &["+", "-"], &["*", "/", "%"], &[":"]];

fn is_null(text: &str) -> bool {
    text.is_empty() || text.parse::<i64>() == Ok(0)
}

fn integer(text: &str) -> Result<i64, Trouble> {
    text.parse().map_err(|_| Trouble::NotANumber)
}

impl Expr<'_> {
    fn level(&mut self, level: usize) -> Result<String, Trouble> {
        let Some(operators) = LEVELS.get(level) else { return self.primary() };
        let mut left = self.level(level + 1)?;
        while let Some(op) = self.args.get(self.pos).filter(|arg| operators.contains(&arg.as_str())).cloned() {
            self.pos += 1;
            let right = self.level(level + 1)?;
            left = binary(&op, left, right)?;
        }
        Ok(left)
    }

    fn next(&mut self) -> Result<String, Trouble> {
        let before = self.pos.checked_sub(1).and_then(|at| self.args.get(at)).cloned().unwrap_or_default();
        let arg = self.args.get(self.pos).cloned().ok_or(Trouble::Missing(before))?;
        self.pos += 1;
        Ok(arg)
    }

    fn primary(&mut self) -> Result<String, Trouble> {
        self.depth += 1;
        if self.depth > 100 {
            return Err(Trouble::Unexpected("(".to_string()));
        }
        let word = self.next()?;
        let value = match word.as_str() {
            "(" => {
                let value = self.level(0)?;
                match self.next()?.as_str() {
                    ")" => value,
                    other => return Err(Trouble::Unexpected(other.to_string())),
                }
            }
            "+" => self.next()?,
            "length" if self.pos < self.args.len() => self.primary()?.chars().count().to_string(),
            "match" if self.pos < self.args.len() => {
                let text = self.primary()?;
                let pattern = self.primary()?;
                matched(&text, &pattern)?
            }
            "index" if self.pos < self.args.len() => {
                let text = self.primary()?;
                let wanted = self.primary()?;
                text.chars().position(|c| wanted.contains(c)).map_or(0, |at| at + 1).to_string()
            }
            "substr" if self.pos < self.args.len() => {
                let text = self.primary()?;
                let start = self.primary()?.parse::<usize>().unwrap_or(0);
                let length = self.primary()?.parse::<usize>().unwrap_or(0);
                if start == 0 { String::new() } else { text.chars().skip(start - 1).take(length).collect() }
            }
            _ => word,
        };
        self.depth -= 1;
        Ok(value)
    }
}

/// `:`: the first group, or how much matched from the start on.
fn matched(text: &str, pattern: &str) -> Result<String, Trouble> {
    let whole = regex::translated(pattern.strip_prefix('^').unwrap_or(pattern), regex::Syntax::Basic);
    let regex =
        regex::build(&format!("^(?:{whole})"), false, false).map_err(|wrong| Trouble::Regex(wrong.to_string()))?;
    let has_group = regex.captures_len() > 1;
    Ok(match regex.captures_at(text, 0) {
        Some(found) if has_group => found.text(text, 1).to_string(),
        Some(found) => found.text(text, 0).chars().count().to_string(),
        None if has_group => String::new(),
        None => "0".to_string(),
    })
}

fn binary(op: &str, left: String, right: String) -> Result<String, Trouble> {
    let number = |value: i64| Ok(value.to_string());
    match op {
        "|" if !is_null(&left) => Ok(left),
        "|" => Ok(if is_null(&right) { "0".to_string() } else { right }),
        "&" => Ok(if is_null(&left) || is_null(&right) { "0".to_string() } else { left }),
        ":" => matched(&left, &right),
        "+" | "-" | "*" | "/" | "%" => {
            let (a, b) = (integer(&left)?, integer(&right)?);
            match op {
                "+" => number(a.wrapping_add(b)),
                "-" => number(a.wrapping_sub(b)),
                "*" => number(a.wrapping_mul(b)),
                _ if b == 0 => Err(Trouble::DivisionByZero),
                "/" => number(a.wrapping_div(b)),
                _ => number(a.wrapping_rem(b)),
            }
        }
        _ => {
            let order = match (left.parse::<i64>(), right.parse::<i64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                _ => left.cmp(&right),
            };
            number(i64::from(match op {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                "=" | "==" => order.is_eq(),
                "!=" => order.is_ne(),
                ">=" => order.is_ge(),
                _ => order.is_gt(),
            }))
        }
    }
}

pub async fn expr(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    let args = if argv.get(1).is_some_and(|arg| arg == "--") { &argv[2..] } else { &argv[1..] };
    if args.is_empty() {
        return match ctx.flavour {
            Flavour::Gnu => util::usage(&proc, Args::of(&proc, ctx.flavour).missing_operand(), 2).await,
            Flavour::Busybox => util::fail(&proc, 2, "expr: too few arguments").await,
        };
    }
    let mut expr = Expr { args, pos: 0, depth: 0 };
    let result = expr.level(0);
    let result = match (result, args.get(expr.pos)) {
        (Ok(_), Some(extra)) => Err(Trouble::Unexpected(extra.clone())),
        (result, _) => result,
    };
    let trouble = match result {
        Ok(value) => {
            let code = i32::from(is_null(&value));
            return util::done(proc.print(&format!("{value}\n")).await).max(code);
        }
        Err(trouble) => trouble,
    };
    let text = match (trouble, ctx.flavour) {
        (Trouble::DivisionByZero, _) => "division by zero".to_string(),
        (Trouble::NotANumber, Flavour::Gnu) => "non-integer argument".to_string(),
        (Trouble::NotANumber, Flavour::Busybox) => "non-numeric argument".to_string(),
        (Trouble::Missing(before), Flavour::Gnu) => format!("syntax error: missing argument after '{before}'"),
        (Trouble::Unexpected(found), Flavour::Gnu) => format!("syntax error: unexpected argument '{found}'"),
        (Trouble::Missing(_) | Trouble::Unexpected(_), Flavour::Busybox) => "syntax error".to_string(),
        (Trouble::Regex(error), _) => error,
    };
    util::fail(&proc, 2, &format!("expr: {text}")).await
}
