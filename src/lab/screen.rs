//! What stands on a line of the terminal, to name what was typed there.

/// Lines that a command may have been wrapped to.
const WRAPPED: usize = 8;

/// The command on the line that was being typed when the terminal had shown `from` bytes, without its prompt.
pub(super) fn command(output: &[u8], from: usize) -> Option<String> {
    let from = from.min(output.len());
    let end = output[from..].iter().position(|b| *b == b'\n').map_or(output.len(), |at| from + at);
    let mut start = from;
    for _ in 0..WRAPPED {
        start = output[..start].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let lines = String::from_utf8_lossy(&output[start..end]);
        let shown: String = lines.split('\n').map(line).collect();
        if let Some(prompt) = ["$ ", "# "].iter().filter_map(|mark| shown.find(mark)).min() {
            let command = shown[prompt + 2..].trim();
            return (!command.is_empty()).then(|| command.to_string());
        }
        start = start.checked_sub(1)?;
    }
    None
}

/// A line as a screen shows it, whose cursor went back and forth in it.
fn line(text: &str) -> String {
    let mut line: Vec<char> = Vec::new();
    let mut at = 0usize;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => at = 0,
            '\x08' => at = at.saturating_sub(1),
            '\x1b' if chars.next_if_eq(&'[').is_some() => {
                let mut number = 0usize;
                let last = loop {
                    match chars.next() {
                        Some(digit @ '0'..='9') => {
                            number = number.saturating_mul(10).saturating_add(digit as usize - '0' as usize);
                        }
                        Some(';' | '?') => number = 0,
                        last => break last,
                    }
                };
                match last {
                    Some('C') => at = at.saturating_add(number.clamp(1, 1000)).min(line.len()),
                    Some('D') => at = at.saturating_sub(number.max(1)),
                    Some('K') if number == 0 => line.truncate(at),
                    Some('J') if number == 2 => line.clear(),
                    Some('H') => at = 0,
                    Some('P') => {
                        let end = at.saturating_add(number.max(1)).min(line.len());
                        line.drain(at.min(end)..end);
                    }
                    _ => {}
                }
            }
            c if c.is_control() => {}
            c if at < line.len() => {
                line[at] = c;
                at += 1;
            }
            c => {
                line.push(c);
                at = line.len();
            }
        }
    }
    line.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_read_as_it_is_seen() {
        let cases = [
            ("~ $ kubectl get po", "\r\nNAME\r\n~ $ ", Some("kubectl get po")),
            ("old\r\n~ $ lx\x08s\x1b[K -l", "\r\n", Some("ls -l")),
            ("~ $ abc\x1b[3Dx", "\r\n", Some("xbc")),
            ("root@kubia:/# kill 1", "\r\n", Some("kill 1")),
            ("~ $ ", "echo a\r\na\r\n", Some("echo a")),
            ("~ $ ", "\r\n", None),
            ("no prompt", "\r\n", None),
            ("$ a\r\n~ $ kubectl run web --ima\r\nge=nginx", "\r\n", Some("kubectl run web --image=nginx")),
            ("\x1b[9999999999999999999999C\x1b[", "", None),
        ];
        for (before, after, expected) in cases {
            let output = format!("{before}{after}");
            assert_eq!(command(output.as_bytes(), before.len()).as_deref(), expected, "{output:?}");
        }
    }
}
