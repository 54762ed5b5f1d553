//! The `read` builtin.

use std::time::Duration;

use super::{
    Dialect,
    ast::is_name,
    state::{Flow, MAX_TEXT, Outcome, Shell},
};
use crate::{
    programs::util,
    sim::{Either, race},
};

#[derive(Default)]
struct Request {
    raw: bool,
    silent: bool,
    prompt: Option<String>,
    timeout: Option<Duration>,
    count: Option<usize>,
    delimiter: u8,
    fd: i32,
    names: Vec<String>,
    /// bash's `-a`: all words go into this array.
    array: Option<String>,
}

/// How reading a line ended.
enum End {
    Delimiter,
    Count,
    Input,
    TimedOut,
}

impl Shell {
    pub async fn read_builtin(&mut self, args: &[String]) -> Outcome {
        let request = match self.read_request(args) {
            Ok(request) => request,
            Err(message) => {
                if self.dialect == Dialect::Ash && message.ends_with("bad variable name") {
                    self.complain_as_program(&format!("read: {message}")).await;
                    return Ok(1);
                }
                self.complain(Some("read"), &message).await;
                if self.dialect.is_bash() && message.ends_with("invalid option") {
                    let usage = "read: usage: read [-ers] [-a array] [-d delim] [-i text] [-n nchars] [-N nchars] [-p prompt] [-t timeout] [-u fd] [name ...]\n";
                    util::ignore(self.proc.eprint(usage).await);
                    return Ok(2);
                }
                return Ok(if self.dialect == Dialect::Bash { 1 } else { 2 });
            }
        };
        let Some(input) = self.proc.fd(request.fd) else { return Ok(1) };
        if let Some(prompt) = &request.prompt
            && input.is_tty()
        {
            util::ignore(self.proc.eprint(prompt).await);
        }
        let tty = input.tty().filter(|_| request.silent || request.count.is_some());
        let modes = tty.as_ref().map(|tty| tty.modes());
        if let (Some(tty), Some(modes)) = (&tty, modes) {
            let canonical = modes.canonical && request.count.is_none();
            tty.set_modes(crate::os::tty::Modes { echo: !request.silent, canonical, ..modes });
        }
        let result = self.read_line(&request, &input).await;
        if let (Some(tty), Some(modes)) = (&tty, modes) {
            tty.set_modes(modes);
        }
        let (chars, end) = result?;
        if let Some(array) = &request.array {
            let words = self.read_words(&chars).into_iter().map(|word| (None, false, word)).collect();
            if let Err(message) = self.assign_list(array, false, words) {
                self.complain(Some("read"), &message).await;
                return Ok(1);
            }
            return Ok(i32::from(!matches!(end, End::Delimiter | End::Count)));
        }
        match self.distribute(&request.names, &chars).await {
            Err(Flow::Error(_)) if self.dialect.is_bash() => return Ok(1),
            distributed => distributed?,
        }
        Ok(match end {
            End::Delimiter | End::Count => 0,
            End::Input => 1,
            End::TimedOut if self.dialect.is_bash() => 142,
            End::TimedOut => 1,
        })
    }

    fn read_request(&self, args: &[String]) -> Result<Request, String> {
        let mut request = Request { delimiter: b'\n', ..Request::default() };
        let mut args = args.iter();
        let mut names = Vec::new();
        while let Some(arg) = args.next() {
            let Some(letters) = arg.strip_prefix('-').filter(|letters| !letters.is_empty() && names.is_empty()) else {
                names.push(arg.clone());
                continue;
            };
            if letters == "-" {
                names.extend(args.by_ref().cloned());
                break;
            }
            let mut rest = letters;
            while let Some(letter) = rest.chars().next() {
                rest = &rest[letter.len_utf8()..];
                match letter {
                    'r' => request.raw = true,
                    's' if self.dialect != Dialect::Dash => request.silent = true,
                    'e' if self.dialect.is_bash() => {}
                    'p' | 't' | 'n' | 'N' | 'd' | 'u' | 'a' | 'i'
                        if letter == 'p'
                            || (self.dialect != Dialect::Dash && !"ai".contains(letter))
                            || self.dialect.is_bash() =>
                    {
                        let value = if rest.is_empty() {
                            args.next().cloned().ok_or_else(|| format!("-{letter}: option requires an argument"))?
                        } else {
                            rest.to_string()
                        };
                        rest = "";
                        let bad = || format!("{value}: invalid number");
                        match letter {
                            'p' => request.prompt = Some(value),
                            'a' => request.array = Some(value),
                            // What a line is begun with at a terminal.
                            'i' => {}
                            't' => {
                                let seconds: f64 = value.parse().map_err(|_| bad())?;
                                request.timeout = Some(Duration::try_from_secs_f64(seconds).map_err(|_| bad())?);
                            }
                            'd' => request.delimiter = value.bytes().next().unwrap_or(0),
                            'u' => request.fd = value.parse().map_err(|_| bad())?,
                            _ => request.count = Some(value.parse().map_err(|_| bad())?),
                        }
                    }
                    _ => {
                        return Err(match self.dialect {
                            Dialect::Bash => format!("-{letter}: invalid option"),
                            Dialect::Dash => format!("Illegal option -{letter}"),
                            Dialect::Ash => format!("illegal option -{letter}"),
                        });
                    }
                }
            }
        }
        if names.is_empty() {
            if self.dialect == Dialect::Dash {
                return Err("arg count".to_string());
            }
            names.push("REPLY".to_string());
        }
        let is_place =
            |name: &str| is_name(name) || (self.dialect.is_bash() && super::arrays::subscripted(name).is_some());
        if let Some(bad) = names.iter().chain(&request.array).find(|name| !is_place(name)) {
            return Err(match self.dialect {
                Dialect::Bash => format!("`{bad}': not a valid identifier"),
                Dialect::Dash => format!("{bad}: bad variable name"),
                Dialect::Ash => format!("'{bad}': bad variable name"),
            });
        }
        request.names = names;
        Ok(request)
    }

    /// Reads up to the delimiter and no further. Each byte comes with whether a backslash quoted it.
    async fn read_line(&mut self, request: &Request, input: &crate::os::File) -> Result<(Vec<(u8, bool)>, End), Flow> {
        let deadline = request.timeout.map(|timeout| self.proc.sim().now() + timeout);
        let mut line = Vec::new();
        let mut escaped = false;
        loop {
            if request.count.is_some_and(|count| line.len() >= count) {
                return Ok((line, End::Count));
            }
            if line.len() > MAX_TEXT {
                return Ok((line, End::Input));
            }
            let proc = self.proc.clone();
            let event = async { race(input.read(1), proc.next_signal()).await };
            let event = match deadline {
                None => event.await,
                Some(deadline) => match race(event, proc.sim().sleep_until(deadline)).await {
                    Either::Left(event) => event,
                    Either::Right(()) => return Ok((line, End::TimedOut)),
                },
            };
            let byte = match event {
                Either::Right(signal) => {
                    self.handle_signal(signal).await?;
                    continue;
                }
                Either::Left(Ok(data)) => data.first().copied(),
                Either::Left(Err(_)) => None,
            };
            let Some(byte) = byte else { return Ok((line, End::Input)) };
            if escaped {
                escaped = false;
                if byte != b'\n' {
                    line.push((byte, true));
                }
            } else if byte == b'\\' && !request.raw {
                escaped = true;
            } else if byte == request.delimiter {
                return Ok((line, End::Delimiter));
            } else if byte != 0 {
                line.push((byte, false));
            }
        }
    }

    /// All words of the line.
    fn read_words(&self, line: &[(u8, bool)]) -> Vec<String> {
        let ifs = self.get("IFS").unwrap_or_else(|| " \t\n".to_string()).into_bytes();
        let (mut words, mut word) = (Vec::new(), None::<Vec<u8>>);
        let mut after_space = false;
        for (c, quoted) in line {
            if *quoted || !ifs.contains(c) {
                word.get_or_insert_default().push(*c);
                after_space = false;
            } else if c.is_ascii_whitespace() {
                after_space |= word.is_some();
                words.extend(word.take());
            } else {
                match word.take() {
                    None if after_space => {}
                    done => words.push(done.unwrap_or_default()),
                }
                after_space = false;
            }
        }
        words.extend(word);
        words.into_iter().map(util::text).collect()
    }

    /// Splits the line at IFS; the last variable gets the rest.
    async fn distribute(&mut self, names: &[String], line: &[(u8, bool)]) -> Result<(), Flow> {
        let ifs = self.get("IFS").unwrap_or_else(|| " \t\n".to_string()).into_bytes();
        let is_space = |(c, quoted): &(u8, bool)| !quoted && ifs.contains(c) && c.is_ascii_whitespace();
        let is_separator = |(c, quoted): &(u8, bool)| !quoted && ifs.contains(c);
        let text = |part: &[(u8, bool)]| util::text(part.iter().map(|(c, _)| *c).collect());
        let mut rest = line;
        while rest.first().is_some_and(is_space) {
            rest = &rest[1..];
        }
        for (i, name) in names.iter().enumerate() {
            if i + 1 == names.len() {
                while rest.last().is_some_and(is_space) {
                    rest = &rest[..rest.len() - 1];
                }
                // One separator at the end belongs to a single last field.
                if let Some((last, before)) = rest.split_last()
                    && is_separator(last)
                    && !before.iter().any(is_separator)
                {
                    rest = before;
                }
                self.set_or_fail(name, text(rest)).await?;
                break;
            }
            let end = rest.iter().position(is_separator).unwrap_or(rest.len());
            self.set_or_fail(name, text(&rest[..end])).await?;
            rest = &rest[end..];
            while rest.first().is_some_and(is_space) {
                rest = &rest[1..];
            }
            if rest.first().is_some_and(is_separator) {
                rest = &rest[1..];
                while rest.first().is_some_and(is_space) {
                    rest = &rest[1..];
                }
            }
        }
        Ok(())
    }
}
