//! Resource quantities (`apimachinery/pkg/api/resource`): `100m`, `1536Mi`, `1e3`.
//!
//! The amount is kept in billionths, which is the finest that Kubernetes keeps (finer ones round up).

use std::{cmp::Ordering, fmt, str::FromStr};

const NANO: i128 = 1_000_000_000;
/// Big decimals are kept in billionths.
const BIG_SCALE: i8 = -9;

/// How an amount is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `m`, `k`, `M`, …
    DecimalSi,
    /// `Ki`, `Mi`, …
    BinarySi,
    /// `e3`
    DecimalExponent,
}

#[derive(Clone, Debug)]
pub struct Quantity {
    nanos: i128,
    pub format: Format,
    /// The text it was read from, if Kubernetes keeps that spelling.
    text: Option<Box<str>>,
    /// The power of ten in whose multiples Kubernetes keeps the amount.
    scale: i8,
    /// Too large for 64 bits or too finely written: Kubernetes keeps such amounts as big decimals,
    /// whose whole values wrap where the others' become 0.
    big: bool,
}

/// Why a text is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    Format,
    Suffix,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParseError::Format => {
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            }
            ParseError::Suffix => "unable to parse quantity's suffix",
        })
    }
}

impl std::error::Error for ParseError {}

fn pow10(exponent: u32) -> i128 {
    10i128.checked_pow(exponent).unwrap_or(i128::MAX)
}

/// Division away from zero, as Kubernetes rounds.
fn divide_up(value: i128, by: i128) -> i128 {
    let (quotient, rest) = (value / by, value % by);
    quotient + rest.signum()
}

enum Suffix {
    Decimal(i32, Format),
    Binary(u32),
}

fn suffix(text: &str) -> Option<Suffix> {
    let decimal = |exponent| Some(Suffix::Decimal(exponent, Format::DecimalSi));
    match text {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => Some(Suffix::Binary(10)),
        "Mi" => Some(Suffix::Binary(20)),
        "Gi" => Some(Suffix::Binary(30)),
        "Ti" => Some(Suffix::Binary(40)),
        "Pi" => Some(Suffix::Binary(50)),
        "Ei" => Some(Suffix::Binary(60)),
        _ => {
            let exponent = text.strip_prefix(['e', 'E'])?;
            let exponent: i64 = exponent.parse().ok()?;
            Some(Suffix::Decimal(exponent.clamp(-1000, 1000) as i32, Format::DecimalExponent))
        }
    }
}

impl FromStr for Quantity {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Quantity, ParseError> {
        if text.is_empty() {
            return Err(ParseError::Format);
        }
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let negative = text.starts_with('-');
        let number = unsigned.trim_start_matches('0');
        let whole_end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        let (whole, mut rest) = number.split_at(whole_end);
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            (fraction, rest) = after.split_at(end);
        }
        let letters = rest.find(|c: char| !"eEinumkKMGTP".contains(c)).unwrap_or(rest.len());
        let tail = &rest[letters..];
        if !tail.strip_prefix(['+', '-']).unwrap_or(tail).bytes().all(|b| b.is_ascii_digit()) {
            return Err(ParseError::Format);
        }
        let whole = if whole.is_empty() { "0" } else { whole };
        let suffix = suffix(rest).ok_or(ParseError::Suffix)?;
        let digits = whole.len() + fraction.len();
        let places = fraction.len() as i32;
        let (nanos, format, fast, kept, scale) = match suffix {
            Suffix::Decimal(exponent, format) => {
                let scale = exponent - places;
                let fast = digits <= 18 && scale >= -9;
                let ends = if fraction.is_empty() { whole } else { fraction };
                // Zeros may run over from the fraction into the whole part.
                let zeros = ends.len() - ends.trim_end_matches('0').len();
                let zeros = if zeros == fraction.len() && !fraction.is_empty() {
                    zeros + whole.len() - whole.trim_end_matches('0').len()
                } else {
                    zeros
                };
                let kept = fast && scale % 3 == 0 && zeros < 3 && !whole.starts_with('0');
                (scaled(whole, fraction, exponent, 1), format, fast, kept, scale)
            }
            Suffix::Binary(exponent) => {
                let precision = 15 - whole.len() as i32 - (exponent as f32 * 3.0 / 10.0) as i32 - 1;
                let fast = fraction.is_empty() && precision >= 0;
                let odd = whole.parse::<u64>().is_ok_and(|value| value & 7 != 0);
                let nanos = scaled(whole, fraction, 0, 1i128 << exponent).min(i128::from(i64::MAX) * NANO);
                // Below one it is written as decimals.
                let format = if !fast && nanos > 0 && nanos < NANO { Format::DecimalSi } else { Format::BinarySi };
                (nanos, format, fast, fast && odd, 0)
            }
        };
        let nanos = if negative { -nanos } else { nanos };
        let scale = if fast { i8::try_from(scale).unwrap_or(0) } else { BIG_SCALE };
        Ok(Quantity { nanos, format, text: kept.then(|| text.into()), scale, big: !fast })
    }
}

/// `whole.fraction * 10^exponent * factor` in billionths, rounded up, saturating.
fn scaled(whole: &str, fraction: &str, exponent: i32, factor: i128) -> i128 {
    const MOST: usize = 36;
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let zeros = digits.iter().take_while(|d| **d == b'0').count();
    digits.drain(..zeros);
    let mut shift = exponent + 9 - fraction.len() as i32;
    let mut more = false;
    if digits.len() > MOST {
        more = digits[MOST..].iter().any(|d| *d != b'0');
        shift += (digits.len() - MOST) as i32;
        digits.truncate(MOST);
    }
    let mut value = digits.iter().fold(0i128, |value, digit| value * 10 + i128::from(digit - b'0'));
    let mut factor = factor;
    // Keep room for the factor: what it makes too large is cut to whole billionths anyway.
    while shift < 0 && factor > 1 && value.checked_mul(factor).is_none() {
        more |= value % 10 != 0;
        value /= 10;
        shift += 1;
    }
    let Some(product) = value.checked_mul(std::mem::replace(&mut factor, 1)) else { return i128::MAX / 10 };
    let amount = if shift >= 0 {
        if product == 0 { 0 } else { product.checked_mul(pow10(shift as u32)).unwrap_or(i128::MAX / 10) }
    } else if shift < -38 {
        i128::from(product > 0)
    } else {
        divide_up(product, pow10(shift.unsigned_abs()))
    };
    if more && shift < 0 { amount.max(1) } else { amount }.min(i128::MAX / 10)
}

impl Quantity {
    pub fn zero(format: Format) -> Quantity {
        Quantity { nanos: 0, format, text: None, scale: 0, big: false }
    }

    /// `value * 10^scale`, for scales from -9.
    pub fn scaled(value: i64, scale: i32, format: Format) -> Quantity {
        let nanos = i128::from(value).saturating_mul(pow10((scale + 9).max(0) as u32));
        Quantity { nanos, format, text: None, scale: i8::try_from(scale).unwrap_or(0), big: false }
    }

    pub fn new(value: i64, format: Format) -> Quantity {
        Quantity::scaled(value, 0, format)
    }

    pub fn milli(value: i64, format: Format) -> Quantity {
        Quantity::scaled(value, -3, format)
    }

    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// -1, 0, 1
    pub fn sign(&self) -> i32 {
        self.nanos.signum() as i32
    }

    /// In units, rounded away from zero (but see [`Quantity::scaled_value`]).
    pub fn value(&self) -> i64 {
        self.scaled_value(0)
    }

    /// In thousandths, rounded away from zero.
    pub fn milli_value(&self) -> i64 {
        self.scaled_value(-3)
    }

    /// In multiples of `10^scale`, rounded away from zero. Of big decimals Go's 64 bits are taken as they come, and what
    /// is left over adds one, below zero too.
    pub fn scaled_value(&self, scale: i32) -> i64 {
        let by = pow10((scale + 9).max(0) as u32);
        if !self.big {
            return i64::try_from(divide_up(self.nanos, by)).unwrap_or(0);
        }
        if self.nanos < i128::from(i64::MAX) {
            let low = (self.nanos.unsigned_abs() as i64).wrapping_mul(self.nanos.signum() as i64);
            let by = i64::try_from(by).unwrap_or(i64::MAX);
            return (low / by).wrapping_add(i64::from(low % by != 0));
        }
        (self.nanos / by + i128::from(self.nanos % by != 0)) as i64
    }

    /// Rounded up to thousandths; `None` if it is that coarse already.
    pub fn rounded_up_to_milli(&self) -> Option<Quantity> {
        const MILLI: i128 = NANO / 1000;
        let fine = self.nanos % MILLI != 0;
        fine.then(|| Quantity { nanos: divide_up(self.nanos, MILLI) * MILLI, text: None, ..self.clone() })
    }

    pub fn is_integer(&self) -> bool {
        self.nanos % NANO == 0
    }

    /// As Go works it out, with Go's rounding.
    pub fn as_f64(&self) -> f64 {
        const CAP: i128 = i64::MAX as i128 * NANO;
        if self.big && self.format == Format::BinarySi && self.nanos.abs() == CAP {
            return (self.nanos / NANO) as f64;
        }
        let power = pow10(u32::try_from(i32::from(self.scale) + 9).unwrap_or(0));
        let base = (self.nanos / power) as f64;
        let factor: f64 = format!("1e{}", self.scale).parse().unwrap_or(1.0);
        if self.scale == 0 { base } else { base * factor }
    }

    fn with(&self, nanos: i128, other: &Quantity) -> Quantity {
        let format = if self.is_zero() { other.format } else { self.format };
        let scale = match (self.is_zero(), other.is_zero()) {
            (true, _) => other.scale,
            (_, true) => self.scale,
            _ => self.scale.min(other.scale),
        };
        let big = self.big || other.big;
        Quantity { nanos, format, text: None, scale: if big { BIG_SCALE } else { scale }, big }
    }

    pub fn add(&self, other: &Quantity) -> Quantity {
        self.with(self.nanos.saturating_add(other.nanos), other)
    }

    pub fn sub(&self, other: &Quantity) -> Quantity {
        self.with(self.nanos.saturating_sub(other.nanos), other)
    }

    pub fn mul(&self, by: i64) -> Quantity {
        Quantity { nanos: self.nanos.saturating_mul(i128::from(by)), text: None, ..self.clone() }
    }

    pub fn neg(&self) -> Quantity {
        Quantity { nanos: -self.nanos, text: None, ..self.clone() }
    }

    /// The canonical spelling: the largest unit without a fraction.
    fn canonical(&self) -> String {
        if self.nanos == 0 {
            return "0".into();
        }
        let small = self.nanos.abs() < 1024 * NANO;
        if self.format == Format::BinarySi && !small && self.is_integer() {
            let (mut value, mut unit) = (self.nanos / NANO, 0);
            while value % 1024 == 0 && unit < 6 {
                value /= 1024;
                unit += 1;
            }
            return format!("{value}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][unit]);
        }
        let (mut value, mut exponent) = (self.nanos, -9i32);
        while value % 10 == 0 {
            value /= 10;
            exponent += 1;
        }
        while exponent.rem_euclid(3) != 0 {
            value *= 10;
            exponent -= 1;
        }
        if self.format == Format::DecimalExponent {
            return if exponent == 0 { value.to_string() } else { format!("{value}e{exponent}") };
        }
        let unit = match exponent {
            -9 => "n",
            -6 => "u",
            -3 => "m",
            3 => "k",
            6 => "M",
            9 => "G",
            12 => "T",
            15 => "P",
            18 => "E",
            _ => "",
        };
        format!("{value}{unit}")
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => f.write_str(text),
            None => f.write_str(&self.canonical()),
        }
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Quantity) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

/// The API's quantity as an amount; a text that is none counts as zero (validated objects have none).
pub fn amount(quantity: &k8s_openapi::apimachinery::pkg::api::resource::Quantity) -> Quantity {
    quantity.0.parse().unwrap_or_else(|_| Quantity::zero(Format::DecimalSi))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_and_values() {
        // text, canonical, value, milli
        let cases = [
            ("0", "0", 0, 0),
            ("-0.5", "-500m", -1, -500),
            ("1.5Gi", "1536Mi", 1_610_612_736, 1_610_612_736_000),
            ("0.05Gi", "53687091200m", 53_687_092, 53_687_091_200),
            ("1024Ki", "1Mi", 1 << 20, (1 << 20) * 1000),
            ("1000m", "1", 1, 1000),
            ("00012", "00012", 12, 12000),
            ("1.", "1.", 1, 1000),
            (".0001k", "100m", 1, 100),
            ("1.53E12", "1530e9", 1_530_000_000_000, 1_530_000_000_000_000),
            ("0.9n", "1n", 1, 1),
            ("1e14", "100e12", 100_000_000_000_000, 100_000_000_000_000_000),
            ("300.2T", "300200G", 300_200_000_000_000, 300_200_000_000_000_000),
            ("100.035k", "100.035k", 100_035, 100_035_000),
            ("9Ei", "9223372036854775807", i64::MAX, -1000),
            ("-92233720368547758.09", "-92233720368547758090m", 1, -10),
            ("0.25Ki", "256", 256, 256_000),
            ("1E3", "1E3", 1000, 1_000_000),
            ("-1Gi", "-1Gi", -(1 << 30), -(1 << 30) * 1000),
        ];
        for (text, canonical, value, milli) in cases {
            let quantity: Quantity = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            let found = (quantity.to_string(), quantity.value(), quantity.milli_value());
            assert_eq!(found, (canonical.to_string(), value, milli), "{text}");
        }
        for (text, error) in [
            ("", ParseError::Format),
            ("1 ", ParseError::Format),
            ("1K", ParseError::Suffix),
            ("1.1.1", ParseError::Format),
            ("1gb", ParseError::Format),
            ("1e", ParseError::Suffix),
        ] {
            assert_eq!(text.parse::<Quantity>(), Err(error), "{text}");
        }
        let sum = "100m".parse::<Quantity>().and_then(|a| Ok(a.add(&"1".parse()?)));
        assert_eq!(sum.map(|s| s.to_string()), Ok("1100m".to_string()));
        let huge = format!("{}.{}Ei", "9".repeat(5000), "9".repeat(5000)).parse::<Quantity>();
        assert_eq!(huge.map(|q| q.value()), Ok(i64::MAX));
    }
}
