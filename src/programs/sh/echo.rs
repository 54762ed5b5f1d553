//! `echo` and `printf`, as builtins and as programs.

use super::{
    Dialect,
    escapes::{Style, unescape},
};

/// What `echo` writes. dash's knows escapes always and no `-e`.
pub fn echo(args: &[String], dialect: Dialect) -> Vec<u8> {
    let mut escapes = dialect == Dialect::Dash;
    let mut newline = true;
    let mut args = args;
    while let Some(arg) = args.first()
        && let Some(letters) = arg.strip_prefix('-')
        && !letters.is_empty()
        && letters.chars().all(|c| if dialect == Dialect::Dash { c == 'n' } else { "neE".contains(c) })
    {
        for letter in letters.chars() {
            match letter {
                'n' => newline = false,
                'e' => escapes = true,
                _ => escapes = false,
            }
        }
        args = &args[1..];
        if dialect == Dialect::Dash {
            break;
        }
    }
    let text = args.join(" ");
    let mut out = Vec::with_capacity(text.len() + 1);
    if escapes {
        let style = if dialect.is_bash() { Style::Echo } else { Style::Octal };
        let (bytes, stop) = unescape(&text, style);
        out.extend(bytes);
        if stop {
            return out;
        }
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    if newline {
        out.push(b'\n');
    }
    out
}

/// What `printf` writes, and its complaints (without the prefix).
#[derive(Debug, Default, PartialEq)]
pub struct Printed {
    pub output: Vec<u8>,
    /// Each with how much had been written before it.
    pub complaints: Vec<(usize, String)>,
    /// The format itself is wrong.
    pub bad_format: bool,
}

/// Fields wider than this are cut: a width is no way to fill the memory.
const MAX_WIDTH: usize = 65_536;
const MAX_OUTPUT: usize = 16 << 20;

struct Printf<'a> {
    args: &'a [String],
    used: usize,
    dialect: Dialect,
    printed: Printed,
}

pub fn printf(format: &str, args: &[String], dialect: Dialect) -> Printed {
    let mut printf = Printf { args, used: 0, dialect, printed: Printed::default() };
    loop {
        let before = printf.used;
        let more = printf.once(format);
        if !more || printf.used >= args.len() || printf.used == before || printf.printed.output.len() > MAX_OUTPUT {
            return printf.printed;
        }
    }
}

#[derive(Default)]
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

impl Printf<'_> {
    fn arg(&mut self) -> Option<String> {
        let arg = self.args.get(self.used).cloned();
        self.used += 1;
        arg
    }

    /// Goes through the format once; false if `\c` or an error ended all output.
    fn once(&mut self, format: &str) -> bool {
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            let (bytes, stop) = unescape(&rest[..at], Style::Format);
            self.printed.output.extend(bytes);
            if stop {
                return false;
            }
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                self.printed.output.push(b'%');
                rest = after;
                continue;
            }
            match self.conversion(rest) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        let (bytes, stop) = unescape(rest, Style::Format);
        self.printed.output.extend(bytes);
        !stop
    }

    fn conversion<'f>(&mut self, format: &'f str) -> Option<&'f str> {
        let mut spec = Spec::default();
        let mut rest = format;
        loop {
            match rest.chars().next() {
                Some('-') => spec.left = true,
                Some('+') => spec.plus = true,
                Some(' ') => spec.space = true,
                Some('#') => spec.alternate = true,
                Some('0') => spec.zero = true,
                _ => break,
            }
            rest = &rest[1..];
        }
        let mut number = |rest: &mut &'f str| -> Option<i64> {
            if let Some(after) = rest.strip_prefix('*') {
                *rest = after;
                return Some(self.arg().and_then(|text| text.parse().ok()).unwrap_or(0));
            }
            let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (digits, after) = rest.split_at(length);
            *rest = after;
            if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(i64::MAX)) }
        };
        if let Some(width) = number(&mut rest) {
            spec.left |= width < 0;
            spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(MAX_WIDTH).min(MAX_WIDTH);
        }
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            let precision = number(&mut rest).unwrap_or(0);
            spec.precision = usize::try_from(precision).ok().map(|n| n.min(MAX_WIDTH));
        }
        rest = rest.trim_start_matches(['l', 'h', 'L', 'q', 'j', 'z', 't'].as_slice());
        // `%q` was taken for a length by the line above if nothing follows it.
        let quoting = self.dialect.is_bash() && format[..format.len() - rest.len()].ends_with('q');
        if quoting {
            let text = super::builtins::bash_printf_quoted(&self.arg().unwrap_or_default());
            self.pad(text.into_bytes(), &spec);
            return Some(rest);
        }
        let Some(conversion) = rest.chars().next() else {
            self.object(match self.dialect {
                Dialect::Bash => "`%': missing format character".to_string(),
                _ => "%: invalid directive".to_string(),
            });
            return None;
        };
        let after = &rest[conversion.len_utf8()..];
        match conversion {
            's' => {
                let text = self.arg().unwrap_or_default();
                self.pad(cut(text, spec.precision).into_bytes(), &spec);
            }
            'c' => {
                let text = self.arg().unwrap_or_default();
                self.pad(text.chars().take(1).collect::<String>().into_bytes(), &spec);
            }
            'b' => {
                let (bytes, stop) = unescape(&self.arg().unwrap_or_default(), Style::Octal);
                self.pad(bytes, &spec);
                if stop {
                    return None;
                }
            }
            'd' | 'i' => {
                let value = self.integer();
                let sign = if value < 0 {
                    "-"
                } else if spec.plus {
                    "+"
                } else if spec.space {
                    " "
                } else {
                    ""
                };
                self.number(sign, value.unsigned_abs().to_string(), &spec);
            }
            'u' => {
                let value = self.integer() as u64;
                self.number("", value.to_string(), &spec);
            }
            'x' | 'X' | 'o' => {
                let value = self.integer() as u64;
                let (prefix, digits) = match conversion {
                    'x' => ("0x", format!("{value:x}")),
                    'X' => ("0X", format!("{value:X}")),
                    _ => ("0", format!("{value:o}")),
                };
                let prefix = if spec.alternate && value != 0 { prefix } else { "" };
                self.number(prefix, digits, &spec);
            }
            'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
                let value = self.float();
                let text = float(value.abs(), conversion, spec.precision.unwrap_or(6), spec.alternate);
                let sign = if value.is_sign_negative() {
                    "-"
                } else if spec.plus {
                    "+"
                } else if spec.space {
                    " "
                } else {
                    ""
                };
                let spec = Spec { precision: None, ..spec };
                self.number(sign, text, &spec);
            }
            other => {
                self.printed.bad_format = true;
                self.object(match self.dialect {
                    Dialect::Bash => format!("`{other}': invalid format character"),
                    Dialect::Ash => format!("%{rest}: invalid format"),
                    Dialect::Dash => format!("%{other}: invalid directive"),
                });
                return None;
            }
        }
        Some(after)
    }

    fn object(&mut self, text: String) {
        self.printed.complaints.push((self.printed.output.len(), text));
    }

    fn complain(&mut self, text: &str, partly: bool) {
        self.object(match self.dialect {
            Dialect::Bash => format!("{text}: invalid number"),
            Dialect::Ash => format!("invalid number '{text}'"),
            Dialect::Dash if partly => format!("{text}: not completely converted"),
            Dialect::Dash => format!("{text}: expected numeric value"),
        });
    }

    fn integer(&mut self) -> i64 {
        let text = self.arg().unwrap_or_default();
        if text.is_empty() {
            if self.dialect == Dialect::Ash {
                self.complain("", false);
            }
            return 0;
        }
        if let Some(c) = text.strip_prefix(['"', '\'']).map(|rest| rest.chars().next()) {
            return c.map_or(0, |c| i64::from(u32::from(c)));
        }
        let trimmed = text.trim_start();
        let (negative, digits) = match trimmed.strip_prefix(['-', '+']) {
            Some(digits) => (trimmed.starts_with('-'), digits),
            None => (false, trimmed),
        };
        let radix = if digits.starts_with("0x") || digits.starts_with("0X") {
            16
        } else if digits.starts_with('0') {
            8
        } else {
            10
        };
        let number = if radix == 16 { &digits[2..] } else { digits };
        let length = number.find(|c: char| !c.is_digit(radix)).unwrap_or(number.len());
        if length < number.len() || number.is_empty() {
            self.complain(&text, length > 0);
            if self.dialect == Dialect::Ash {
                return 0;
            }
        }
        let value = number[..length].chars().fold(0_i64, |n, c| {
            n.saturating_mul(i64::from(radix)).saturating_add(i64::from(c.to_digit(radix).unwrap_or(0)))
        });
        if negative { -value } else { value }
    }

    fn float(&mut self) -> f64 {
        let Some(text) = self.arg() else { return 0.0 };
        match text.trim().parse() {
            Ok(value) => value,
            Err(_) if text.is_empty() => 0.0,
            Err(_) => {
                self.complain(&text, false);
                0.0
            }
        }
    }

    fn number(&mut self, prefix: &str, digits: String, spec: &Spec) {
        let digits = match spec.precision {
            Some(precision) => "0".repeat(precision.saturating_sub(digits.len())) + &digits,
            None if spec.zero && !spec.left => {
                "0".repeat(spec.width.saturating_sub(digits.len() + prefix.len())) + &digits
            }
            None => digits,
        };
        self.pad(format!("{prefix}{digits}").into_bytes(), spec);
    }

    fn pad(&mut self, bytes: Vec<u8>, spec: &Spec) {
        let length = String::from_utf8_lossy(&bytes).chars().count();
        let blanks = vec![b' '; spec.width.saturating_sub(length)];
        let out = &mut self.printed.output;
        if !spec.left {
            out.extend_from_slice(&blanks);
        }
        out.extend(bytes);
        if spec.left {
            out.extend(blanks);
        }
    }
}

fn cut(text: String, precision: Option<usize>) -> String {
    match precision {
        Some(n) => text.chars().take(n).collect(),
        None => text,
    }
}

/// `%f`, `%e` and `%g` of a number that isn't negative.
pub fn float(value: f64, conversion: char, precision: usize, alternate: bool) -> String {
    let precision = precision.min(500);
    if !value.is_finite() {
        let text = if value.is_nan() { "nan" } else { "inf" };
        return if conversion.is_ascii_uppercase() { text.to_uppercase() } else { text.to_string() };
    }
    let exponential = |precision: usize| {
        let text = format!("{value:.precision$e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        (mantissa.to_string(), exponent.parse::<i32>().unwrap_or(0))
    };
    let written = |mantissa: &str, exponent: i32| {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    };
    let text = match conversion.to_ascii_lowercase() {
        'f' => format!("{value:.precision$}"),
        'e' => {
            let (mantissa, exponent) = exponential(precision);
            written(&mantissa, exponent)
        }
        _ => {
            let digits = precision.max(1);
            let (mantissa, exponent) = exponential(digits - 1);
            let trim = |text: String| match text.contains('.') && !alternate {
                true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
                false => text,
            };
            if exponent < -4 || exponent >= digits as i32 {
                written(&trim(mantissa), exponent)
            } else {
                let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
                trim(format!("{value:.decimals$}"))
            }
        }
    };
    if conversion.is_ascii_uppercase() { text.to_uppercase() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints() {
        for (format, args, expected) in [
            ("%s\n", vec!["a", "b"], "a\nb\n"),
            ("%d-%s|", vec!["1", "x", "2"], "1-x|2-|"),
            ("%5d|%-5d|%05d|%+d", vec!["42", "42", "42", "42"], "   42|42   |00042|+42"),
            ("%x %X %o %#x", vec!["255", "255", "8", "255"], "ff FF 10 0xff"),
            ("%.2f %e %g %g", vec!["3.14159", "12345.678", "0.0001", "1e10"], "3.14 1.234568e+04 0.0001 1e+10"),
            ("%.3s|%5s|%-5s|", vec!["abcdef", "é", "é"], "abc|    é|é    |"),
            ("%b", vec!["a\\tb\\n"], "a\tb\n"),
            ("%c%c", vec!["hello", "world"], "hw"),
            ("%%|\\101|\\x41", vec![], "%|A|A"),
            ("%*d", vec!["5", "1"], "    1"),
            ("no args\n", vec!["x", "y"], "no args\n"),
            ("%d %d", vec!["0x10", "'A"], "16 65"),
        ] {
            let args: Vec<String> = args.into_iter().map(str::to_string).collect();
            let printed = printf(format, &args, Dialect::Dash);
            assert_eq!(String::from_utf8_lossy(&printed.output), expected, "{format}");
        }
    }
}
