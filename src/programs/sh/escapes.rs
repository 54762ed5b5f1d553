//! Backslash escapes of `$'…'`, `echo -e`, `printf`.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `$'…'`: octal `\nnn`, `\xHH`, `\uHHHH`, `\cX`.
    AnsiC,
    /// bash's `echo -e`: octal `\0nnn`, and `\c` ends all output.
    Echo,
    /// `%b`, and the other shells' `echo`: octal `\nnn` too.
    Octal,
    /// printf's format: octal `\nnn`.
    Format,
}

/// The bytes of `text` with escapes replaced, and whether `\c` said to stop.
pub fn unescape(text: &str, style: Style) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut buffer = [0; 4];
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            continue;
        }
        let Some(escape) = chars.next() else {
            out.push(b'\\');
            break;
        };
        let mut number = |radix: u32, digits: usize| {
            let mut value = None;
            for _ in 0..digits {
                let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else { break };
                value = Some(value.unwrap_or(0) * radix + digit);
                chars.next();
            }
            value
        };
        match escape {
            'a' => out.push(7),
            'b' => out.push(8),
            'e' | 'E' => out.push(27),
            'f' => out.push(12),
            'n' => out.push(b'\n'),
            'r' => out.push(b'\r'),
            't' => out.push(b'\t'),
            'v' => out.push(11),
            '\\' => out.push(b'\\'),
            '\'' | '"' | '?' if style == Style::AnsiC => out.push(escape as u8),
            '"' if style == Style::Format => out.push(b'"'),
            'c' if style == Style::AnsiC => {
                if let Some(control) = chars.next() {
                    out.push((control.to_ascii_uppercase() as u32 as u8) & 0x1f);
                }
            }
            'c' => return (out, true),
            '0' if matches!(style, Style::Echo | Style::Octal) => out.push(number(8, 3).unwrap_or(0) as u8),
            '0'..='7' if style != Style::Echo => {
                let first = escape.to_digit(8).unwrap_or(0);
                let value = [(); 2].iter().fold(first, |value, ()| match number(8, 1) {
                    Some(digit) => value * 8 + digit,
                    None => value,
                });
                out.push(value as u8);
            }
            'x' => match number(16, 2) {
                Some(value) => out.push(value as u8),
                None => out.extend_from_slice(b"\\x"),
            },
            'u' | 'U' => {
                let value = number(16, if escape == 'u' { 4 } else { 8 });
                match value.and_then(char::from_u32) {
                    Some(c) => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
                    None => out.extend_from_slice(&[b'\\', escape as u8]),
                }
            }
            other => {
                out.push(b'\\');
                out.extend_from_slice(other.encode_utf8(&mut buffer).as_bytes());
            }
        }
    }
    (out, false)
}
