//! umask and ulimit. Limits are kept by the shell and its children's shells; nothing enforces them.

use std::rc::Rc;

use crate::programs::{
    coreutils::change_mode,
    sh::{
        Dialect,
        state::{Outcome, Shell},
    },
};

/// A resource limit; `None` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    soft: Option<u64>,
    hard: Option<u64>,
}

struct Resource {
    letter: char,
    /// In the words of bash, ash and dash; empty if the shell doesn't know it.
    names: [&'static str; 3],
    limit: Limit,
}

const fn resource(letter: char, names: [&'static str; 3], soft: Option<u64>, hard: Option<u64>) -> Resource {
    Resource { letter, names, limit: Limit { soft, hard } }
}

/// What a container finds.
const RESOURCES: &[Resource] = &[
    resource('R', ["real-time non-blocking time  (microseconds, -R)", "", ""], None, None),
    resource(
        'c',
        ["core file size              (blocks, -c)", "core file size (blocks)         (-c)", "coredump(blocks)"],
        None,
        None,
    ),
    resource(
        'd',
        ["data seg size               (kbytes, -d)", "data seg size (kb)              (-d)", "data(kbytes)"],
        None,
        None,
    ),
    resource(
        'e',
        ["scheduling priority                 (-e)", "scheduling priority             (-e)", ""],
        Some(0),
        Some(0),
    ),
    resource(
        'f',
        ["file size                   (blocks, -f)", "file size (blocks)              (-f)", "file(blocks)"],
        None,
        None,
    ),
    resource(
        'i',
        ["pending signals                     (-i)", "pending signals                 (-i)", ""],
        Some(63_459),
        Some(63_459),
    ),
    resource(
        'l',
        ["max locked memory           (kbytes, -l)", "max locked memory (kb)          (-l)", "locked memory(kbytes)"],
        Some(8192),
        Some(8192),
    ),
    resource(
        'm',
        ["max memory size             (kbytes, -m)", "max memory size (kb)            (-m)", "memory(kbytes)"],
        None,
        None,
    ),
    resource(
        'n',
        ["open files                          (-n)", "open files                      (-n)", "nofiles"],
        Some(1_048_576),
        Some(1_048_576),
    ),
    resource('p', ["pipe size                (512 bytes, -p)", "", ""], Some(8), Some(8)),
    resource(
        'q',
        ["POSIX message queues         (bytes, -q)", "POSIX message queues (bytes)    (-q)", ""],
        Some(819_200),
        Some(819_200),
    ),
    resource(
        'r',
        ["real-time priority                  (-r)", "real-time priority              (-r)", "rtprio"],
        Some(0),
        Some(0),
    ),
    resource(
        's',
        ["stack size                  (kbytes, -s)", "stack size (kb)                 (-s)", "stack(kbytes)"],
        Some(8192),
        None,
    ),
    resource(
        't',
        ["cpu time                   (seconds, -t)", "cpu time (seconds)              (-t)", "time(seconds)"],
        None,
        None,
    ),
    resource(
        'u',
        ["max user processes                  (-u)", "max user processes              (-u)", "process"],
        None,
        None,
    ),
    resource(
        'v',
        ["virtual memory              (kbytes, -v)", "virtual memory (kb)             (-v)", "vmemory(kbytes)"],
        None,
        None,
    ),
    resource(
        'x',
        ["file locks                          (-x)", "file locks                      (-x)", "locks"],
        None,
        None,
    ),
];

/// The order in which dash lists them, by its own letters.
const DASH: &str = "tfdscmlpnvwr";

impl Resource {
    /// dash has letters of its own for two.
    fn letter(&self, dialect: Dialect) -> char {
        match (dialect, self.letter) {
            (Dialect::Dash, 'u') => 'p',
            (Dialect::Dash, 'x') => 'w',
            (_, letter) => letter,
        }
    }

    fn name(&self, dialect: Dialect) -> &'static str {
        self.names[match dialect {
            Dialect::Bash => 0,
            Dialect::Ash => 1,
            Dialect::Dash => 2,
        }]
    }
}

fn shown(value: Option<u64>) -> String {
    value.map_or("unlimited".to_string(), |n| n.to_string())
}

impl Shell {
    pub(super) async fn ulimit(&mut self, args: &[String]) -> Outcome {
        let (mut soft, mut hard, mut all, mut wanted, mut value) = (false, false, false, Vec::new(), None);
        for arg in args {
            let Some(letters) = arg.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                value = Some(arg.clone());
                continue;
            };
            for letter in letters.chars() {
                let known =
                    RESOURCES.iter().find(|r| r.letter(self.dialect) == letter && !r.name(self.dialect).is_empty());
                match (letter, known) {
                    ('S', _) => soft = true,
                    ('H', _) => hard = true,
                    ('a', _) => all = true,
                    (_, Some(resource)) => wanted.push(resource),
                    (_, None) => return self.bad_limit_option(letter).await,
                }
            }
        }
        let of =
            |shell: &Shell, resource: &Resource| shell.limits.get(&resource.letter).copied().unwrap_or(resource.limit);
        if all {
            let mut list: Vec<&Resource> = RESOURCES.iter().filter(|r| !r.name(self.dialect).is_empty()).collect();
            if self.dialect == Dialect::Dash {
                list.sort_by_key(|r| DASH.find(r.letter(Dialect::Dash)));
            }
            let width = if self.dialect == Dialect::Dash { 20 } else { 0 };
            let line = |r: &Resource| {
                let limit = of(self, r);
                format!("{:<width$} {}\n", r.name(self.dialect), shown(if hard { limit.hard } else { limit.soft }))
            };
            let text: String = list.into_iter().map(line).collect();
            return self.output(text.as_bytes(), "ulimit").await;
        }
        let Some(resource) = wanted.last().copied().or_else(|| RESOURCES.iter().find(|r| r.letter == 'f')) else {
            return Ok(0);
        };
        let Limit { soft: now, hard: ceiling } = of(self, resource);
        let Some(value) = value else {
            let text = shown(if hard { ceiling } else { now }) + "\n";
            return self.output(text.as_bytes(), "ulimit").await;
        };
        let new = match value.as_str() {
            "unlimited" => None,
            "hard" if self.dialect.is_bash() => ceiling,
            "soft" if self.dialect.is_bash() => now,
            _ => match value.parse::<u64>() {
                Ok(number) => Some(number),
                Err(_) => {
                    return match self.dialect {
                        Dialect::Bash => self.error("ulimit", &format!("{value}: invalid number")).await,
                        Dialect::Dash => self.error("ulimit", "bad number").await,
                        Dialect::Ash => {
                            self.complain_as_program(&format!("invalid number '{value}'")).await;
                            Ok(1)
                        }
                    };
                }
            },
        };
        let both = soft == hard;
        let limit =
            Limit { soft: if both || soft { new } else { now }, hard: if both || hard { new } else { ceiling } };
        let above = |value: Option<u64>, other: Option<u64>| match (value, other) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(a), Some(b)) => a > b,
        };
        if above(limit.soft, limit.hard) || (above(limit.hard, ceiling) && self.proc.uid() != 0) {
            return match self.dialect {
                Dialect::Bash => {
                    let name = resource.name(Dialect::Bash);
                    let name = name.split("  ").next().unwrap_or(name);
                    self.error("ulimit", &format!("{name}: cannot modify limit: Operation not permitted")).await
                }
                Dialect::Dash => self.error("ulimit", "error setting limit (Operation not permitted)").await,
                Dialect::Ash => {
                    self.complain_as_program("error setting limit: Operation not permitted").await;
                    Ok(1)
                }
            };
        }
        Rc::make_mut(&mut self.limits).insert(resource.letter, limit);
        Ok(0)
    }

    async fn bad_limit_option(&mut self, letter: char) -> Outcome {
        match self.dialect {
            Dialect::Bash => {
                self.complain(Some("ulimit"), &format!("-{letter}: invalid option")).await;
                self.usage("ulimit [-SHabcdefiklmnpqrstuvxPRT] [limit]").await
            }
            Dialect::Dash => self.error("ulimit", &format!("Illegal option -{letter}")).await,
            Dialect::Ash => {
                crate::programs::util::ignore(
                    self.proc.eprint(&format!("ulimit: invalid option -- '{letter}'\n")).await,
                );
                Ok(1)
            }
        }
    }

    pub(super) async fn umask(&mut self, args: &[String]) -> Outcome {
        let mask = self.proc.umask() & 0o777;
        match args.first() {
            None => self.output(format!("{mask:04o}\n").as_bytes(), "umask").await,
            Some(arg) if arg == "-S" => {
                let bits = |shift: u32| {
                    let mode = !mask >> shift;
                    [(4, 'r'), (2, 'w'), (1, 'x')]
                        .into_iter()
                        .filter(|(b, _)| mode & b != 0)
                        .map(|(_, c)| c)
                        .collect::<String>()
                };
                let text = format!("u={},g={},o={}\n", bits(6), bits(3), bits(0));
                self.output(text.as_bytes(), "umask").await
            }
            Some(arg) => {
                let is_number = arg.starts_with(|c: char| c.is_ascii_digit());
                let new = match is_number {
                    true => u32::from_str_radix(arg, 8).ok().filter(|mask| *mask <= 0o777),
                    false => change_mode(arg, !mask & 0o777, false).map(|mode| !mode & 0o777),
                };
                if let Some(new) = new {
                    self.proc.set_umask(new);
                    return Ok(0);
                }
                let operator = arg.chars().find(|c| !"ugoa".contains(*c)).unwrap_or(' ');
                let text = match self.dialect {
                    Dialect::Bash if is_number => format!("{arg}: octal number out of range"),
                    Dialect::Bash => format!("`{operator}': invalid symbolic mode operator"),
                    Dialect::Dash if is_number => format!("Illegal number: {arg}"),
                    Dialect::Dash => format!("Illegal mode: {arg}"),
                    Dialect::Ash => format!("illegal mode: {arg}"),
                };
                self.error("umask", &text).await
            }
        }
    }
}
