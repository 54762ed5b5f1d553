//! getopts.

use std::rc::Rc;

use crate::programs::sh::{
    Dialect,
    state::{Outcome, Shell},
};
use crate::programs::util;

impl Shell {
    pub(super) async fn getopts(&mut self, args: &[String]) -> Outcome {
        let [spec, name, rest @ ..] = args else {
            let text = match self.dialect {
                Dialect::Bash => return self.usage("getopts optstring name [arg ...]").await,
                Dialect::Ash => "usage: getopts optstring var [arg]",
                Dialect::Dash => "Usage: getopts optstring var [arg...]",
            };
            return self.error("getopts", text).await;
        };
        let params = if rest.is_empty() { self.positional.clone() } else { rest.to_vec() };
        let index = self.get("OPTIND").and_then(|text| text.parse::<i64>().ok()).unwrap_or(1).max(1);
        let mut offset = if self.getopts_at.0 == index { self.getopts_at.1 } else { 0 };
        let mut index = index as usize;
        let silent = spec.starts_with(':');
        let current = params.get(index - 1).cloned().unwrap_or_default();
        if offset == 0 {
            if !current.starts_with('-') || current == "-" || current == "--" {
                if current == "--" {
                    index += 1;
                }
                self.getopts_at = (index as i64, 0);
                self.put("OPTIND", &index.to_string());
                self.set_or_fail(name, "?".to_string()).await?;
                return Ok(1);
            }
            offset = 1;
        }
        let letters: Vec<char> = current.chars().collect();
        let letter = letters.get(offset).copied().unwrap_or('?');
        offset += 1;
        let position = spec.chars().skip(usize::from(silent)).position(|c| c == letter && c != ':');
        let takes_value =
            position.is_some_and(|at| spec.chars().nth(at + 1 + usize::from(silent)).is_some_and(|c| c == ':'));
        let at_end = offset >= letters.len();
        let mut found = letter.to_string();
        Rc::make_mut(&mut self.variables).remove("OPTARG");
        if position.is_none() {
            found = "?".to_string();
            if silent {
                self.put("OPTARG", &letter.to_string());
            } else {
                let text = match self.dialect {
                    Dialect::Bash => format!("{}: illegal option -- {letter}\n", self.arg0),
                    _ => format!("Illegal option -{letter}\n"),
                };
                util::ignore(self.proc.eprint(&text).await);
            }
        }
        if takes_value {
            if !at_end {
                let value: String = letters[offset..].iter().collect();
                self.put("OPTARG", &value);
            } else if let Some(value) = params.get(index).cloned() {
                self.put("OPTARG", &value);
                index += 1;
            } else if silent {
                self.put("OPTARG", &letter.to_string());
                found = ":".to_string();
            } else {
                let text = match self.dialect {
                    Dialect::Bash => format!("{}: option requires an argument -- {letter}\n", self.arg0),
                    _ => format!("No arg for -{letter} option\n"),
                };
                util::ignore(self.proc.eprint(&text).await);
                found = "?".to_string();
            }
        }
        if at_end || takes_value {
            index += 1;
            offset = 0;
        }
        self.put("OPTIND", &index.to_string());
        self.getopts_at = (index as i64, offset);
        self.set_or_fail(name, found).await?;
        Ok(0)
    }
}
