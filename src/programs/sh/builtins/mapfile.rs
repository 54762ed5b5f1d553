//! bash's mapfile, which is readarray too.

use crate::programs::{
    sh::{
        arrays::Item,
        ast::is_name,
        state::{MAX_TEXT, Outcome, Shell},
    },
    util,
};

impl Shell {
    pub(super) async fn mapfile(&mut self, builtin: &str, args: &[String]) -> Outcome {
        let (mut delimiter, mut strip, mut count, mut skip, mut origin, mut fd) = (b'\n', false, 0, 0, None, 0);
        let mut args = args.iter();
        let mut name = None;
        while let Some(arg) = args.next() {
            let Some(mut letters) = arg.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                name = Some(arg.clone());
                break;
            };
            while let Some(letter) = letters.chars().next() {
                letters = &letters[letter.len_utf8()..];
                if letter == 't' {
                    strip = true;
                    continue;
                }
                if !"dnOsuCc".contains(letter) {
                    self.complain(Some(builtin), &format!("-{letter}: invalid option")).await;
                    let options =
                        "[-d delim] [-n count] [-O origin] [-s count] [-t] [-u fd] [-C callback] [-c quantum] [array]";
                    return self.usage(&format!("{builtin} {options}")).await;
                }
                let value = match letters {
                    "" => args.next().cloned().unwrap_or_default(),
                    value => value.to_string(),
                };
                letters = "";
                let what = match letter {
                    'd' => {
                        delimiter = value.bytes().next().unwrap_or(0);
                        continue;
                    }
                    'O' => "array origin",
                    'u' => "file descriptor specification",
                    'C' => continue,
                    'c' => "callback quantum",
                    _ => "line count",
                };
                let Ok(number) = value.parse::<u32>() else {
                    return self.error(builtin, &format!("{value}: invalid {what}")).await;
                };
                match letter {
                    'n' => count = number as usize,
                    's' => skip = number as usize,
                    'O' => origin = Some(u64::from(number)),
                    'u' => fd = i32::try_from(number).unwrap_or(-1),
                    _ => {}
                }
            }
        }
        let name = name.unwrap_or_else(|| "MAPFILE".to_string());
        if !is_name(&name) {
            return self.error(builtin, &format!("`{name}': not a valid identifier")).await;
        }
        let Some(input) = self.proc.fd(fd) else {
            return self.error(builtin, &format!("{fd}: invalid file descriptor: Bad file descriptor")).await;
        };
        let mut lines: Vec<Vec<u8>> = vec![Vec::new()];
        let mut size = 0;
        // A byte at a time where lines are counted, as the rest stays for who reads next.
        let at_once = if count == 0 { 64 * 1024 } else { 1 };
        'all: while let Ok(data) = input.read(at_once).await
            && !data.is_empty()
        {
            size += data.len();
            for byte in data.iter() {
                if let Some(line) = lines.last_mut() {
                    line.push(*byte);
                }
                if *byte == delimiter {
                    lines.push(Vec::new());
                    if count > 0 && lines.len() > count + skip {
                        break 'all;
                    }
                }
            }
            if size > MAX_TEXT {
                return self.error(builtin, "cannot allocate memory").await;
            }
        }
        if lines.last().is_some_and(Vec::is_empty) {
            lines.pop();
        }
        let limit = if count == 0 { usize::MAX } else { count };
        let items: Vec<Item> = (origin.unwrap_or(0)..)
            .zip(lines.into_iter().skip(skip).take(limit))
            .map(|(index, mut line)| {
                if strip && line.last() == Some(&delimiter) {
                    line.pop();
                }
                (Some(index.to_string()), false, util::text(line))
            })
            .collect();
        let result = self.assign_list(&name, origin.is_some(), items);
        self.or_complain(result).await?;
        Ok(0)
    }
}
