//! awk's values: numbers, texts, and texts from outside that look like numbers.

use std::{cell::RefCell, cmp::Ordering, collections::BTreeMap, rc::Rc};

use super::syntax::number_length;
use crate::programs::sh::echo;

#[derive(Clone, Debug, Default)]
pub enum Value {
    #[default]
    Unset,
    Number(f64),
    Text(Rc<str>),
    /// A field or other input: compared as a number where it looks like one.
    Input(Rc<str>),
}

/// An index of an array; those that are numbers come first, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(pub Rc<str>);

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        match (self.0.parse::<i64>(), other.0.parse::<i64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b).then_with(|| self.0.cmp(&other.0)),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => self.0.cmp(&other.0),
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

pub type Array = Rc<RefCell<BTreeMap<Key, Value>>>;

#[derive(Clone, Debug, Default)]
pub enum Cell {
    #[default]
    Unset,
    Scalar(Value),
    Array(Array),
}

impl Value {
    pub fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    pub fn input(text: &str) -> Value {
        Value::Input(text.into())
    }

    pub fn number(&self) -> f64 {
        match self {
            Value::Unset => 0.0,
            Value::Number(value) => *value,
            Value::Text(text) | Value::Input(text) => leading_number(text).0,
        }
    }

    pub fn is_true(&self) -> bool {
        match self {
            Value::Unset => false,
            Value::Number(value) => *value != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Input(text) => match looks_numeric(text) {
                Some(value) => value != 0.0,
                None => !text.is_empty(),
            },
        }
    }

    /// As text; numbers by `format` (CONVFMT, OFMT).
    pub fn string(&self, format: &str) -> Rc<str> {
        match self {
            Value::Unset => "".into(),
            Value::Text(text) | Value::Input(text) => text.clone(),
            Value::Number(value) => number_text(*value, format).into(),
        }
    }

    fn as_number(&self) -> Option<f64> {
        match self {
            Value::Unset => Some(0.0),
            Value::Number(value) => Some(*value),
            Value::Input(text) => looks_numeric(text),
            Value::Text(_) => None,
        }
    }

    pub fn compare(&self, other: &Value, format: &str) -> Ordering {
        let both_unset_or_text =
            matches!((self, other), (Value::Unset, Value::Text(_)) | (Value::Text(_), Value::Unset));
        match (self.as_number(), other.as_number()) {
            (Some(a), Some(b)) if !both_unset_or_text => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            _ => self.string(format).cmp(&other.string(format)),
        }
    }
}

/// The number at the start of a text, and how long it is with blanks and sign.
fn leading_number(text: &str) -> (f64, usize) {
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\r']);
    let blanks = text.len() - trimmed.len();
    let (sign, digits) = match trimmed.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let length = number_length(digits);
    if length == 0 {
        return (0.0, 0);
    }
    let value = digits[..length].parse::<f64>().unwrap_or(0.0) * sign;
    (value, blanks + (trimmed.len() - digits.len()) + length)
}

fn looks_numeric(text: &str) -> Option<f64> {
    let (value, length) = leading_number(text);
    (length > 0 && text[length..].trim().is_empty()).then_some(value)
}

pub fn number_text(value: f64, format: &str) -> String {
    if !value.is_finite() {
        let text = if value.is_nan() { "nan" } else { "inf" };
        return if value.is_sign_negative() { format!("-{text}") } else { text.to_string() };
    }
    if value.fract() == 0.0 && value.abs() < 1e16 {
        return format!("{}", value as i64);
    }
    format_values(format, &[Value::Number(value)], "%.6g")
}

/// `sprintf`
pub fn format_values(format: &str, values: &[Value], convfmt: &str) -> String {
    const WIDEST: usize = 65_536;
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    let mut values = values.iter();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.peek() == Some(&'%') {
            chars.next();
            out.push('%');
            continue;
        }
        let mut written = "%".to_string();
        let (mut left, mut plus, mut space, mut zero, mut alternate) = (false, false, false, false, false);
        while let Some(flag @ ('-' | '+' | ' ' | '0' | '#')) = chars.peek().copied() {
            chars.next();
            written.push(flag);
            match flag {
                '-' => left = true,
                '+' => plus = true,
                ' ' => space = true,
                '0' => zero = true,
                _ => alternate = true,
            }
        }
        let mut number = |chars: &mut std::iter::Peekable<std::str::Chars>, written: &mut String| -> Option<i64> {
            if chars.peek() == Some(&'*') {
                chars.next();
                return Some(values.next().map_or(0.0, Value::number) as i64);
            }
            let mut value = None;
            while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                chars.next();
                written.push(char::from_digit(digit, 10).unwrap_or('0'));
                value = Some((value.unwrap_or(0_i64) * 10 + i64::from(digit)).min(1 << 20));
            }
            value
        };
        let width = number(&mut chars, &mut written).unwrap_or(0);
        left |= width < 0;
        let width = usize::try_from(width.unsigned_abs()).unwrap_or(WIDEST).min(WIDEST);
        let mut precision = None;
        if chars.peek() == Some(&'.') {
            chars.next();
            written.push('.');
            let value = number(&mut chars, &mut written).unwrap_or(0);
            precision = usize::try_from(value).ok().map(|n| n.min(WIDEST));
        }
        while matches!(chars.peek(), Some('l' | 'h' | 'L' | 'q' | 'j' | 'z')) {
            chars.next();
        }
        let Some(conversion) = chars.next() else {
            out += &written;
            break;
        };
        let value = match conversion {
            'd' | 'i' | 'o' | 'x' | 'X' | 'u' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'c' | 's' => values.next(),
            other => {
                out += &written;
                out.push(other);
                continue;
            }
        };
        let unset = Value::Unset;
        let value = value.unwrap_or(&unset);
        let sign = |negative: bool| match (negative, plus, space) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        let (prefix, body, numeric) = match conversion {
            's' => {
                let text = value.string(convfmt);
                (String::new(), text.chars().take(precision.unwrap_or(usize::MAX)).collect(), false)
            }
            'c' => {
                let text: String = match value {
                    Value::Number(code) => char::from_u32(*code as u32).map(String::from).unwrap_or_default(),
                    other => other.string(convfmt).chars().take(1).collect(),
                };
                (String::new(), text, false)
            }
            'd' | 'i' | 'u' => {
                let number = value.number().trunc();
                let digits = format!("{}", number.abs() as u128);
                let digits = "0".repeat(precision.unwrap_or(0).saturating_sub(digits.len())) + &digits;
                (sign(number < 0.0).to_string(), digits, precision.is_none())
            }
            'o' | 'x' | 'X' => {
                let number = value.number().trunc() as i64;
                let (prefix, digits) = match conversion {
                    'o' => ("0", format!("{number:o}")),
                    'x' => ("0x", format!("{number:x}")),
                    _ => ("0X", format!("{number:X}")),
                };
                let prefix = if alternate && number != 0 { prefix } else { "" };
                (prefix.to_string(), digits, precision.is_none())
            }
            _ => {
                let number = value.number();
                let text = echo::float(number.abs(), conversion, precision.unwrap_or(6), alternate);
                (sign(number.is_sign_negative()).to_string(), text, true)
            }
        };
        let missing = width.saturating_sub(prefix.chars().count() + body.chars().count());
        match (left, zero && numeric) {
            (true, _) => out += &format!("{prefix}{body}{}", " ".repeat(missing)),
            (false, true) => out += &format!("{prefix}{}{body}", "0".repeat(missing)),
            (false, false) => out += &format!("{}{prefix}{body}", " ".repeat(missing)),
        }
        if out.len() > 16 << 20 {
            break;
        }
    }
    out
}
