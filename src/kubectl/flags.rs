//! Flags as pflag reads them: `-n ns`, `-nns`, `-n=ns`, `-it`, `--flag=value`, `--flag value`, `--`,
//! flags after arguments. A command's flags are data; the parser knows nothing else.

use super::Args;

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A boolean: nothing, or `=true`, `=false`.
    Switch,
    /// A value, with `=` or as the next word.
    Value,
    /// A value with `=` only; without it this one.
    Optional(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub struct Flag {
    pub long: &'static str,
    pub short: Option<char>,
    pub takes: Takes,
    /// Its value when it isn't given, as help shows it.
    pub default: &'static str,
    /// One line of help.
    pub about: &'static str,
}

pub const fn switch(long: &'static str, about: &'static str) -> Flag {
    Flag { long, short: None, takes: Takes::Switch, default: "false", about }
}

pub const fn value(long: &'static str, about: &'static str) -> Flag {
    Flag { long, short: None, takes: Takes::Value, default: "''", about }
}

pub const fn optional(long: &'static str, default: &'static str, about: &'static str) -> Flag {
    Flag { long, short: None, takes: Takes::Optional(default), default: "''", about }
}

impl Flag {
    pub const fn short(mut self, short: char) -> Flag {
        self.short = Some(short);
        self
    }

    pub const fn default(mut self, default: &'static str) -> Flag {
        self.default = default;
        self
    }
}

/// Reads the words after a command's name. With `stop_after` > 0 and no `--` in the line, what
/// follows that many arguments is left alone. The error is pflag's text.
pub fn parse(flags: &[&[Flag]], stop_after: usize, words: &[String]) -> Result<Args, String> {
    let all = || flags.iter().flat_map(|group| group.iter());
    let dashed = words.iter().any(|word| word == "--");
    let mut args = Args::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            args.dash = Some(rest.cloned().collect());
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            let (name, given) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (long, None),
            };
            if name.is_empty() || name.starts_with('-') {
                return Err(format!("bad flag syntax: {word}"));
            }
            let flag = all().find(|flag| flag.long == name).ok_or_else(|| format!("unknown flag: --{name}"))?;
            let value = match (given, flag.takes) {
                (Some(value), Takes::Switch) => boolean(&value, &format!("--{name}"))?,
                (Some(value), _) => value,
                (None, Takes::Switch) => "true".into(),
                (None, Takes::Optional(default)) => default.into(),
                (None, Takes::Value) => {
                    rest.next().cloned().ok_or_else(|| format!("flag needs an argument: --{name}"))?
                }
            };
            args.flags.entry(flag.long).or_default().push(value);
        } else if word.len() > 1 && word.starts_with('-') {
            for (at, short) in word[1..].char_indices() {
                let cluster = &word[1 + at..];
                let flag = all()
                    .find(|flag| flag.short == Some(short))
                    .ok_or_else(|| format!("unknown shorthand flag: '{short}' in -{cluster}"))?;
                let after = &cluster[short.len_utf8()..];
                let (value, ended) = match (after.strip_prefix('='), flag.takes) {
                    (Some(value), Takes::Switch) => (boolean(value, &format!("-{short}, --{}", flag.long))?, true),
                    (Some(value), _) => (value.to_string(), true),
                    (None, Takes::Switch) => ("true".into(), false),
                    (None, Takes::Optional(default)) => (default.to_string(), false),
                    (None, Takes::Value) if !after.is_empty() => (after.to_string(), true),
                    (None, Takes::Value) => {
                        let next = rest.next().cloned();
                        (next.ok_or_else(|| format!("flag needs an argument: '{short}' in -{cluster}"))?, true)
                    }
                };
                args.flags.entry(flag.long).or_default().push(value);
                if ended {
                    break;
                }
            }
        } else {
            args.args.push(word.clone());
            if stop_after > 0 && !dashed && args.args.len() == stop_after {
                args.args.extend(rest.cloned());
                break;
            }
        }
    }
    Ok(args)
}

/// A flag's number, with what Go's `strconv.ParseInt` says of texts that are none or too large.
pub fn integer<T: std::str::FromStr>(text: &str, flag: &str) -> Result<T, String> {
    text.parse().map_err(|_| {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let why = if is_number { "value out of range" } else { "invalid syntax" };
        format!("invalid argument \"{text}\" for \"{flag}\" flag: strconv.ParseInt: parsing \"{text}\": {why}")
    })
}

/// Go's `strconv.ParseBool`, as `true` or `false`.
fn boolean(text: &str, flag: &str) -> Result<String, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok("true".into()),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok("false".into()),
        _ => Err(format!(
            "invalid argument \"{text}\" for \"{flag}\" flag: strconv.ParseBool: parsing \"{text}\": invalid syntax"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: &[Flag] = &[
        value("namespace", "").short('n'),
        switch("stdin", "").short('i'),
        switch("tty", "").short('t'),
        optional("dry-run", "unchanged", ""),
    ];

    fn show(line: &str, stop_after: usize) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        match parse(&[FLAGS], stop_after, &words) {
            Ok(Args { flags, args, dash }) => format!("{flags:?} {args:?} {dash:?}"),
            Err(error) => error,
        }
    }

    #[test]
    fn lines() {
        for (line, stop_after, expected) in [
            ("a -n ns b", 0, r#"{"namespace": ["ns"]} ["a", "b"] None"#),
            ("-nns", 0, r#"{"namespace": ["ns"]} [] None"#),
            ("-itn=x a", 0, r#"{"namespace": ["x"], "stdin": ["true"], "tty": ["true"]} ["a"] None"#),
            ("--stdin=false --dry-run a", 0, r#"{"dry-run": ["unchanged"], "stdin": ["false"]} ["a"] None"#),
            ("pod -it -- ls -l", 2, r#"{"stdin": ["true"], "tty": ["true"]} ["pod"] Some(["ls", "-l"])"#),
            ("-i pod ls -l", 2, r#"{"stdin": ["true"]} ["pod", "ls", "-l"] None"#),
            ("--foo", 0, "unknown flag: --foo"),
            ("-ix", 0, "unknown shorthand flag: 'x' in -x"),
            ("-n", 0, "flag needs an argument: 'n' in -n"),
            ("--namespace", 0, "flag needs an argument: --namespace"),
        ] {
            assert_eq!(show(line, stop_after), expected, "{line}");
        }
    }
}
