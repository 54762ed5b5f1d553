//! set and shift.

use crate::programs::sh::{
    Dialect,
    builtins::{bash_quoted, quoted},
    state::{Outcome, Shell, option_letters},
};

impl Shell {
    pub(super) async fn set(&mut self, args: &[String]) -> Outcome {
        if args.is_empty() {
            let mut text = String::new();
            for (name, variable) in self.variables.iter() {
                if let Some(array) = variable.array.as_ref().filter(|_| !variable.bare) {
                    text += &format!("{name}={}\n", array.written());
                } else if let Some(value) = &variable.value {
                    let value = if self.dialect.is_bash() { bash_quoted(value) } else { quoted(value) };
                    text += &format!("{name}={value}\n");
                }
            }
            return self.output(text.as_bytes(), "set").await;
        }
        let mut rest = args;
        while let Some((arg, after)) = rest.split_first() {
            if arg == "--" {
                self.positional = after.to_vec();
                return Ok(0);
            }
            if arg == "-" {
                self.options.xtrace = false;
                self.options.verbose = false;
                if !after.is_empty() {
                    self.positional = after.to_vec();
                }
                return Ok(0);
            }
            let Some((on, letters)) = option_letters(arg) else {
                self.positional = rest.to_vec();
                return Ok(0);
            };
            rest = after;
            for letter in letters.chars() {
                if letter == 'o' {
                    let Some((name, after)) = rest.split_first() else {
                        let mut text = if on && !self.dialect.is_bash() {
                            "Current option settings\n".to_string()
                        } else {
                            String::new()
                        };
                        for (_, name, set) in self.options.all() {
                            let state = if set { "on" } else { "off" };
                            text += &match on {
                                true => format!("{name:<15} {state}\n"),
                                false => format!("set {}o {name}\n", if set { '-' } else { '+' }),
                            };
                        }
                        return self.output(text.as_bytes(), "set").await;
                    };
                    rest = after;
                    if !self.options.set_long(name, on) || (name == "pipefail" && self.dialect == Dialect::Dash) {
                        self.options.pipefail &= self.dialect != Dialect::Dash;
                        let sign = if on { '-' } else { '+' };
                        let text = match self.dialect {
                            Dialect::Bash => {
                                self.complain(Some("set"), &format!("{name}: invalid option name")).await;
                                return Ok(2);
                            }
                            Dialect::Ash => {
                                self.complain(Some("set"), &format!("illegal option {sign}o {name}")).await;
                                return Ok(1);
                            }
                            Dialect::Dash => format!("Illegal option {sign}o {name}"),
                        };
                        return self.error("set", &text).await;
                    }
                } else if letter == 'E' && self.dialect.is_bash() {
                    self.options.errtrace = on;
                } else if !self.options.set_short(letter, on) {
                    let sign = if on { '-' } else { '+' };
                    let text = match self.dialect {
                        Dialect::Bash => format!("{sign}{letter}: invalid option"),
                        Dialect::Dash => format!("Illegal option {sign}{letter}"),
                        Dialect::Ash => format!("illegal option {sign}{letter}"),
                    };
                    let result = self.error("set", &text).await;
                    if self.dialect.is_bash() {
                        return self.usage("set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]").await;
                    }
                    return result;
                }
            }
        }
        Ok(0)
    }

    pub(super) async fn shift(&mut self, args: &[String]) -> Outcome {
        let count = match args.first().map(|arg| arg.parse::<usize>()) {
            None => 1,
            Some(Ok(count)) => count,
            Some(Err(_)) => {
                let text = match self.dialect {
                    Dialect::Bash => format!("{}: numeric argument required", args[0]),
                    _ => format!("Illegal number: {}", args[0]),
                };
                return self.error("shift", &text).await;
            }
        };
        if count > self.positional.len() {
            return match self.dialect {
                Dialect::Dash => self.error("shift", "can't shift that many").await,
                _ => Ok(1),
            };
        }
        self.positional.drain(..count);
        Ok(0)
    }
}
