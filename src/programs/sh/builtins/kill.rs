//! kill and trap.

use crate::programs::sh::{
    Dialect,
    builtins::{bash_single_quoted, quoted},
    state::{Outcome, Shell},
};
use crate::{os::Signal, programs::util};

impl Shell {
    pub(super) async fn trap(&mut self, args: &[String]) -> Outcome {
        let args: Vec<&String> = args.iter().filter(|arg| *arg != "--").collect();
        if args.first().is_some_and(|arg| *arg == "-l") {
            return self.kill(&["-l".to_string()]).await;
        }
        let print = args.first().is_some_and(|arg| *arg == "-p");
        if args.is_empty() || print {
            let bash = self.dialect.is_bash();
            let prefix = if bash { "SIG" } else { "" };
            let wanted = |signal: &str| {
                let named = |name: &&&String| name.strip_prefix("SIG").unwrap_or(name) == signal;
                args.len() < 2 || args[1..].iter().any(|name| named(&name))
            };
            let line = |command: &str, name: &str| {
                let quoted = if bash { bash_single_quoted(command) } else { quoted(command) };
                format!("trap -- {quoted} {name}\n")
            };
            let mut text = String::new();
            if let Some(command) = self.traps.exit.as_ref().filter(|_| wanted("EXIT")) {
                text += &line(command, "EXIT");
            }
            for (signal, command) in self.traps.signals.iter().filter(|(signal, _)| wanted(signal.name())) {
                text += &line(command, &format!("{prefix}{}", signal.name()));
            }
            let own =
                [("DEBUG", &self.traps.on_debug), ("ERR", &self.traps.on_error), ("RETURN", &self.traps.on_return)];
            for (name, command) in own {
                text += &command.as_ref().filter(|_| wanted(name)).map(|c| line(c, name)).unwrap_or_default();
            }
            return self.output(text.as_bytes(), "trap").await;
        }
        let (command, signals) = match args.as_slice() {
            [single] => (None, vec![*single]),
            [command, signals @ ..] if **command == "-" || command.parse::<u8>().is_ok() => {
                let all = if **command == "-" { signals.to_vec() } else { args.clone() };
                (None, all)
            }
            [command, signals @ ..] => (Some(command.to_string()), signals.to_vec()),
            [] => return Ok(0),
        };
        let mut status = 0;
        for name in signals {
            if matches!(name.as_str(), "EXIT" | "0" | "exit") {
                self.traps.exit = command.clone();
                continue;
            }
            if self.dialect.is_bash() {
                let own = match name.as_str() {
                    "ERR" => Some(&mut self.traps.on_error),
                    "DEBUG" => Some(&mut self.traps.on_debug),
                    "RETURN" => Some(&mut self.traps.on_return),
                    _ => None,
                };
                if let Some(own) = own {
                    *own = command.clone();
                    continue;
                }
            }
            match Signal::parse(name) {
                Some(signal) => self.set_trap(signal, command.clone()),
                None => {
                    status = 1;
                    match self.dialect {
                        Dialect::Dash => {
                            util::ignore(self.proc.eprint(&format!("trap: {name}: bad trap\n")).await);
                        }
                        _ => self.complain(Some("trap"), &format!("{name}: invalid signal specification")).await,
                    }
                }
            }
        }
        Ok(status)
    }

    pub(super) async fn kill(&mut self, args: &[String]) -> Outcome {
        let mut signal = Some(Signal::TERM);
        let mut rest = args;
        match args.first().map(String::as_str) {
            None => {
                let text = match self.dialect {
                    Dialect::Bash => {
                        let usage = "kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n";
                        util::ignore(self.proc.eprint(usage).await);
                        return Ok(2);
                    }
                    Dialect::Dash => {
                        "Usage: kill [-s sigspec | -signum | -sigspec] [pid | job]... or\nkill -l [exitstatus]"
                    }
                    Dialect::Ash => {
                        self.complain_as_program("you need to specify whom to kill").await;
                        return Ok(1);
                    }
                };
                self.complain(Some("kill"), text).await;
                return Ok(2);
            }
            Some("-l" | "-L") => {
                let text = match args.get(1) {
                    Some(arg) if self.dialect == Dialect::Dash && arg.parse::<i32>().is_err() => {
                        return self.error("kill", &format!("Illegal number: {arg}")).await;
                    }
                    Some(arg) => match arg.parse::<i32>() {
                        Ok(n) => Signal::from_number(n & 127).map(|s| s.name().to_string()),
                        Err(_) => Signal::parse(arg).map(|s| s.number().to_string()),
                    }
                    .unwrap_or_else(|| arg.clone()),
                    None => signal_list(self.dialect),
                };
                return self.output(format!("{text}\n").as_bytes(), "kill").await;
            }
            Some("-s" | "-n") => {
                let name = args.get(1).cloned().unwrap_or_default();
                signal = Signal::parse(&name);
                if signal.is_none() && name != "0" {
                    return self.bad_signal(&name).await;
                }
                rest = args.get(2..).unwrap_or_default();
            }
            Some("--") => rest = &args[1..],
            Some(option) if option.starts_with('-') => {
                let name = &option[1..];
                signal = Signal::parse(name);
                if signal.is_none() && name != "0" {
                    return self.bad_signal(name).await;
                }
                rest = &args[1..];
            }
            _ => {}
        }
        if rest.first().is_some_and(|arg| arg == "--") {
            rest = &rest[1..];
        }
        let mut status = 0;
        for target in rest {
            let pid = if target.starts_with('%') {
                self.poll_jobs();
                let job = self.jobs.find(target).map(|job| (i64::from(job.pid), job.in_group));
                match job {
                    // dash kills the group, which only job control gives a job.
                    Some((pid, in_group)) => Some(if in_group || self.dialect == Dialect::Dash { -pid } else { pid }),
                    None => {
                        let text = match self.dialect {
                            Dialect::Dash => format!("No such job: {target}"),
                            _ => format!("{target}: no such job"),
                        };
                        status = self.error("kill", &text).await?;
                        continue;
                    }
                }
            } else {
                target.parse::<i64>().ok()
            };
            let Some(pid) = pid else {
                let text = match self.dialect {
                    Dialect::Bash => format!("{target}: arguments must be process or job IDs"),
                    Dialect::Dash => format!("Illegal number: {target}"),
                    Dialect::Ash => {
                        self.complain_as_program(&format!("invalid number '{target}'")).await;
                        status = 1;
                        continue;
                    }
                };
                status = self.error("kill", &text).await?;
                continue;
            };
            if let Err(error) = self.proc.kill(pid, signal) {
                status = 1;
                match self.dialect {
                    Dialect::Bash => self.complain(Some("kill"), &format!("({pid}) - {error}")).await,
                    Dialect::Dash => self.complain(Some("kill"), &format!("{error}\n")).await,
                    Dialect::Ash => self.complain_as_program(&format!("can't kill pid {pid}: {error}")).await,
                }
            }
        }
        // Signals to the shell itself arrive at once.
        self.proc.sim().yield_now().await;
        self.check_signals().await?;
        Ok(status)
    }

    pub(super) async fn bad_signal(&mut self, name: &str) -> Outcome {
        let text = match self.dialect {
            Dialect::Bash => format!("{name}: invalid signal specification"),
            Dialect::Dash => format!("Illegal option -{}", name.chars().next().unwrap_or(' ')),
            Dialect::Ash => {
                self.complain_as_program(&format!("bad signal name '{name}'")).await;
                return Ok(1);
            }
        };
        self.error("kill", &text).await
    }
}

/// The name of a real-time signal, by its nearer end.
fn real_time(number: i32) -> String {
    match number {
        34 => "RTMIN".to_string(),
        35..=49 => format!("RTMIN+{}", number - 34),
        64 => "RTMAX".to_string(),
        _ => format!("RTMAX-{}", 64 - number),
    }
}

fn signal_list(dialect: Dialect) -> String {
    let name = |signal: &Signal| if *signal == Signal::POLL { "IO" } else { signal.name() };
    match dialect {
        Dialect::Dash => {
            // Those that it has no name for are numbers.
            let known = Signal::ALL.iter().map(|s| if *s == Signal::STKFLT { "16" } else { name(s) }.to_string());
            let numbers = ["32", "33"].map(str::to_string);
            let all = std::iter::once("0".to_string()).chain(known).chain(numbers).chain((34..=64).map(real_time));
            all.collect::<Vec<_>>().join("\n")
        }
        Dialect::Ash => {
            Signal::ALL.iter().map(|s| format!("{:2}) {}", s.number(), s.name())).collect::<Vec<_>>().join("\n")
        }
        Dialect::Bash => {
            let cells = Signal::ALL.iter().map(|s| (s.number(), name(s).to_string()));
            let cells = cells.chain((34..=64).map(|n| (n, real_time(n))));
            let cells: Vec<String> = cells.map(|(n, name)| format!("{n:2}) SIG{name}")).collect();
            // Each ends with a tab but those at the ends of full lines.
            let rows = cells.chunks(5).map(|row| row.join("\t") + if row.len() < 5 { "\t" } else { "" });
            rows.collect::<Vec<_>>().join("\n")
        }
    }
}
