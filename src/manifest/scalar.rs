//! What a plain scalar means in YAML 1.1, as go-yaml v2 (`resolve.go`) reads it.

use serde_json::{Number, Value};

/// A resolved scalar.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    /// A date: stays the text that it is, but a string that looks so is quoted when printed.
    Timestamp,
    Merge,
    Text,
}

impl Scalar {
    fn tag(&self) -> &'static str {
        match self {
            Scalar::Null => "!!null",
            Scalar::Bool(_) => "!!bool",
            Scalar::Int(_) | Scalar::UInt(_) => "!!int",
            Scalar::Float(_) => "!!float",
            Scalar::Timestamp => "!!timestamp",
            Scalar::Merge => "!!merge",
            Scalar::Text => "!!str",
        }
    }
}

/// A scalar's JSON value; the error is go-yaml's text.
pub fn value(tag: Option<&str>, text: &str, plain: bool) -> Result<Value, String> {
    let long = |tag: &str| match tag.strip_prefix("tag:yaml.org,2002:") {
        Some(short) => format!("!!{short}"),
        None => tag.to_string(),
    };
    let tag = tag.map(long);
    let scalar = match tag.as_deref() {
        None if plain => resolve(text),
        None | Some("!!str" | "!") => Scalar::Text,
        Some(wanted @ ("!!bool" | "!!int" | "!!float" | "!!null" | "!!timestamp")) => {
            let found = resolve(text);
            match (wanted, &found) {
                ("!!float", Scalar::Int(int)) => Scalar::Float(*int as f64),
                _ if found.tag() == wanted => found,
                _ => return Err(format!("cannot decode {} `{text}` as a {wanted}", found.tag())),
            }
        }
        Some(_) => Scalar::Text,
    };
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Bool(bool) => Value::Bool(bool),
        Scalar::Int(int) => Value::from(int),
        Scalar::UInt(int) => Value::from(int),
        Scalar::Float(float) => return number(float),
        Scalar::Timestamp | Scalar::Merge | Scalar::Text => Value::String(text.to_string()),
    })
}

/// A float as Go's JSON would carry it: whole ones without a fraction.
pub fn number(float: f64) -> Result<Value, String> {
    if float.fract() == 0.0 && float.abs() < 9.007_199_254_740_992e15 {
        return Ok(Value::from(float as i64));
    }
    let show = if float.is_nan() {
        "NaN"
    } else if float > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    };
    Number::from_f64(float).map(Value::Number).ok_or_else(|| format!("json: unsupported value: {show}"))
}

/// An untagged plain scalar.
pub fn resolve(text: &str) -> Scalar {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        "<<" => return Scalar::Merge,
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') => go_float(text).map_or(Scalar::Text, Scalar::Float),
        Some(b'+' | b'-' | b'0'..=b'9') => numeric(text),
        _ => Scalar::Text,
    }
}

fn numeric(text: &str) -> Scalar {
    if is_timestamp(text) {
        return Scalar::Timestamp;
    }
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.as_bytes().first() {
        Some(b'-') => (true, &plain[1..]),
        Some(b'+') => (false, &plain[1..]),
        _ => (false, &plain[..]),
    };
    let signed = digits.len() < plain.len();
    if let Some(magnitude) = integer(digits) {
        if negative {
            if magnitude <= i64::MIN.unsigned_abs() {
                return Scalar::Int((magnitude as i64).wrapping_neg());
            }
        } else if let Ok(int) = i64::try_from(magnitude) {
            return Scalar::Int(int);
        } else if !signed {
            return Scalar::UInt(magnitude);
        }
    }
    if is_yaml_float(digits) {
        return plain.parse().map_or(Scalar::Text, Scalar::Float);
    }
    Scalar::Text
}

/// Go's `strconv.ParseUint(text, 0, 64)` without underscores.
fn integer(text: &str) -> Option<u64> {
    let (radix, digits) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &text[2..]),
        [b'0', b'o' | b'O', ..] => (8, &text[2..]),
        [b'0', b'b' | b'B', ..] => (2, &text[2..]),
        [b'0', _, ..] => (8, &text[1..]),
        _ => (10, text),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_yaml_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        if whole + count == 0 {
            return false;
        }
        rest = &fraction[count..];
    } else if whole == 0 {
        return false;
    }
    match rest.strip_prefix(['e', 'E']) {
        None => rest.is_empty(),
        Some(exponent) => {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
    }
}

/// Go's `strconv.ParseFloat` for a text that begins with a point.
fn go_float(text: &str) -> Option<f64> {
    if is_yaml_float(text) { text.parse().ok() } else { None }
}

/// The date forms that go-yaml knows: `2006-1-2`, with `T`, `t` or a blank and a time.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((bytes[at], &text[at + 1..]))),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let mut part = |max: u32, lengths: std::ops::RangeInclusive<usize>| -> Option<u32> {
        let part = parts.next()?;
        let fits = lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|n| fits && *n <= max)
    };
    let (Some(year), Some(month @ 1..), Some(day @ 1..)) = (part(9999, 4..=4), part(12, 1..=2), part(31, 1..=2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    };
    if parts.next().is_some() || day > days {
        return false;
    }
    let Some((separator, time)) = time else { return true };
    let time = if separator == b' ' {
        time
    } else if let Some(time) = time.strip_suffix('Z') {
        time
    } else {
        let Some(at) = time.rfind(['+', '-']) else { return false };
        let zone = time[at + 1..].split_once(':');
        let two = |text: &str, max: u32| {
            text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) && text.parse().is_ok_and(|n: u32| n <= max)
        };
        if !zone.is_some_and(|(hours, minutes)| two(hours, 24) && two(minutes, 60)) {
            return false;
        }
        &time[..at]
    };
    let (clock, fraction) = time.split_once('.').map_or((time, None), |(clock, fraction)| (clock, Some(fraction)));
    if fraction.is_some_and(|f| f.is_empty() || !f.bytes().all(|b| b.is_ascii_digit())) {
        return false;
    }
    let parts: Vec<&str> = clock.split(':').collect();
    let unit = |text: &str, max: u32| {
        (1..=2).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_digit())
            && text.parse().is_ok_and(|n: u32| n <= max)
    };
    matches!(parts[..], [h, m, s] if unit(h, 23) && unit(m, 59) && unit(s, 59))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars() {
        let cases = [
            ("yes", "true"),
            ("Off", "false"),
            ("y", "true"),
            ("~", "null"),
            ("", "null"),
            ("0644", "420"),
            ("0o17", "15"),
            ("0x1F", "31"),
            ("0b11", "3"),
            ("1_000", "1000"),
            ("-7", "-7"),
            ("+7", "7"),
            ("089", "89"),
            ("1.5", "1.5"),
            (".5", "0.5"),
            ("1e3", "1000"),
            ("1.", "1"),
            ("12:30:45", "\"12:30:45\""),
            ("2001-12-14", "\"2001-12-14\""),
            ("18446744073709551615", "18446744073709551615"),
            ("9223372036854775808", "9223372036854775808"),
            ("1.2.3", "\"1.2.3\""),
            ("100m", "\"100m\""),
            ("-", "\"-\""),
            ("0x", "\"0x\""),
            ("TRUE", "true"),
            ("tRUE", "\"tRUE\""),
            ("-9223372036854775808", "-9223372036854775808"),
        ];
        for (text, json) in cases {
            assert_eq!(value(None, text, true).map(|v| v.to_string()), Ok(json.to_string()), "{text}");
        }
        assert_eq!(value(None, "yes", false), Ok(Value::from("yes")));
        assert_eq!(value(Some("tag:yaml.org,2002:str"), "1", true), Ok(Value::from("1")));
        let wrong = value(Some("tag:yaml.org,2002:int"), "x", true);
        assert_eq!(wrong, Err("cannot decode !!str `x` as a !!int".to_string()));
        assert_eq!(value(None, ".inf", true), Err("json: unsupported value: +Inf".to_string()));
        assert_eq!(resolve("2001-12-14t21:59:43.10-05:00"), Scalar::Timestamp);
        assert_eq!(resolve("2001-13-14"), Scalar::Text);
    }
}
