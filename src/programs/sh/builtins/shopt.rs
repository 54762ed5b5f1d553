//! bash's shopt.

use std::{collections::BTreeMap, rc::Rc};

use crate::programs::sh::state::{Outcome, Shell};

/// Names, and whether they are set in a script.
const NAMES: &[(&str, bool)] = &[
    ("autocd", false),
    ("checkwinsize", true),
    ("cmdhist", true),
    ("dotglob", false),
    ("expand_aliases", false),
    ("extglob", false),
    ("extquote", true),
    ("failglob", false),
    ("globstar", false),
    ("histappend", false),
    ("huponexit", false),
    ("inherit_errexit", false),
    ("interactive_comments", true),
    ("lastpipe", false),
    ("login_shell", false),
    ("nocaseglob", false),
    ("nocasematch", false),
    ("nullglob", false),
    ("progcomp", true),
    ("promptvars", true),
    ("sourcepath", true),
    ("xpg_echo", false),
];

/// The options that differ from how they were at the start.
#[derive(Clone, Debug, Default)]
pub struct Shopt(Rc<BTreeMap<&'static str, bool>>);

impl Shopt {
    pub fn has(&self, name: &str) -> bool {
        let default = || NAMES.iter().any(|(own, on)| *own == name && *on);
        self.0.get(name).copied().unwrap_or_else(default)
    }
}

impl Shell {
    pub(super) async fn shopt_builtin(&mut self, args: &[String]) -> Outcome {
        let (mut set, mut quiet, mut print, mut names) = (None, false, false, Vec::new());
        for arg in args {
            match arg.as_str() {
                "-s" => set = Some(true),
                "-u" => set = Some(false),
                "-q" => quiet = true,
                "-p" => print = true,
                _ => names.push(arg),
            }
        }
        let mut known = Vec::new();
        let mut status = 0;
        for name in names.iter() {
            match NAMES.iter().find(|(own, _)| own == name) {
                Some((own, _)) => known.push(*own),
                None => {
                    self.complain(Some("shopt"), &format!("{name}: invalid shell option name")).await;
                    status = 1;
                }
            }
        }
        if names.is_empty() {
            let wanted = |name: &&str| set.is_none_or(|on| self.shopt.has(name) == on);
            known = NAMES.iter().map(|(name, _)| *name).filter(wanted).collect();
        } else if let Some(on) = set {
            Rc::make_mut(&mut self.shopt.0).extend(known.iter().map(|name| (*name, on)));
            return Ok(status);
        } else if known.iter().any(|name| !self.shopt.has(name)) {
            status = 1;
        }
        if quiet {
            return Ok(status);
        }
        let line = |name: &&str| match (print, self.shopt.has(name)) {
            (true, on) => format!("shopt -{} {name}\n", if on { 's' } else { 'u' }),
            (false, on) => format!("{name:<15}\t{}\n", if on { "on" } else { "off" }),
        };
        let text: String = known.iter().map(line).collect();
        self.output(text.as_bytes(), "shopt").await?;
        Ok(if names.is_empty() { 0 } else { status })
    }
}
