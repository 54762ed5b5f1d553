//! Durations as kubectl and Go print them.

/// `duration.HumanDuration` (`apimachinery/pkg/util/duration`): the AGE column. Takes whole seconds,
/// cut towards zero.
pub fn human_duration(seconds: i64) -> String {
    let two = |large: i64, large_unit: &str, small: i64, small_unit: &str| {
        if small == 0 { format!("{large}{large_unit}") } else { format!("{large}{large_unit}{small}{small_unit}") }
    };
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let (days, years) = (hours / 24, hours / 24 / 365);
    match seconds {
        ..-1 => "<invalid>".into(),
        -1 => "0s".into(),
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if days < 8 => two(days, "d", hours % 24, "h"),
        _ if days < 2 * 365 => format!("{days}d"),
        _ if years < 8 => two(years, "y", days % 365, "d"),
        _ => format!("{years}y"),
    }
}

/// `duration.ShortHumanDuration`: one unit.
pub fn short_human_duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        ..-1 => "<invalid>".into(),
        -1 => "0s".into(),
        0..60 => format!("{seconds}s"),
        _ if minutes < 60 => format!("{minutes}m"),
        _ if hours < 24 => format!("{hours}h"),
        _ if hours < 24 * 365 => format!("{}d", hours / 24),
        _ => format!("{}y", hours / 24 / 365),
    }
}

/// Go's `time.Duration.String`: `1h0m59s`, `1.5s`, `250ms`.
pub fn go_duration(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".into();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let fraction = |value: u64, unit: u64| {
        let (whole, rest) = (value / unit, value % unit);
        if rest == 0 {
            return whole.to_string();
        }
        let digits = unit.ilog10() as usize;
        format!("{whole}.{}", format!("{rest:0digits$}").trim_end_matches('0'))
    };
    match nanos {
        0..1_000 => return format!("{sign}{nanos}ns"),
        1_000..1_000_000 => return format!("{sign}{}µs", fraction(nanos, 1_000)),
        1_000_000..1_000_000_000 => return format!("{sign}{}ms", fraction(nanos, 1_000_000)),
        _ => {}
    }
    let minutes = nanos / 60_000_000_000;
    let seconds = fraction(nanos % 60_000_000_000, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// Why Go's `time.ParseDuration` doesn't read a text.
pub fn go_duration_fault(text: &str) -> String {
    let quoted = format!("{text:?}");
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    while rest.starts_with(|c: char| c == '.' || c.is_ascii_digit()) {
        let number = rest.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(rest.len());
        if !rest[..number].contains(|c: char| c.is_ascii_digit()) {
            break;
        }
        rest = &rest[number..];
        let unit = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        if unit == 0 {
            return format!("time: missing unit in duration {quoted}");
        }
        if !["ns", "us", "µs", "μs", "ms", "s", "m", "h"].contains(&&rest[..unit]) {
            return format!("time: unknown unit {:?} in duration {quoted}", &rest[..unit]);
        }
        rest = &rest[unit..];
    }
    format!("time: invalid duration {quoted}")
}

/// Go's `time.ParseDuration`, in nanoseconds: `1h30m`, `-1.5s`, `300ms`.
pub fn parse_go_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: f64 = 0.0;
    let mut exact: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let unit: i64 = match &tail[..end] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        exact = exact.checked_add(whole.checked_mul(unit)?)?;
        if !fraction.is_empty() {
            total += format!("0.{fraction}").parse::<f64>().ok()? * unit as f64;
        }
        rest = &tail[end..];
    }
    let nanos = exact.checked_add(total.round() as i64)?;
    Some(if negative { -nanos } else { nanos })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            ("-2s", "<invalid>"),
            ("-1s", "0s"),
            ("1.9s", "1s"),
            ("119s", "119s"),
            ("2m", "2m"),
            ("9m59s", "9m59s"),
            ("10m", "10m"),
            ("179m", "179m"),
            ("3h", "3h"),
            ("7h59m59s", "7h59m"),
            ("8h", "8h"),
            ("47h59m", "47h"),
            ("49h", "2d1h"),
            ("240h", "10d"),
            ("17519h", "729d"),
            ("17520h", "2y"),
            ("26300h", "3y"),
            ("70082h", "8y"),
        ];
        for (text, expected) in cases {
            let nanos = parse_go_duration(text).unwrap_or_default();
            assert_eq!(human_duration(nanos / 1_000_000_000), expected, "{text}");
        }
        for text in ["1h0m59s", "1.9s", "250ms", "1.5µs", "7ns", "-1m0.5s", "0s"] {
            assert_eq!(parse_go_duration(text).map(go_duration).as_deref(), Some(text));
        }
        for text in ["", "1", "s", "1x", ".s", "-"] {
            assert_eq!(parse_go_duration(text), None, "{text}");
        }
    }
}
