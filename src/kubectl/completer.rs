//! Tab after `kubectl`: commands, flags, resource types, names and namespaces.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use super::{
    commands::{self, Command},
    flags::{Flag, Takes},
    resource,
};
use crate::{
    api::{ApiClient, Kind, client::ListOptions},
    os::Proc,
    programs::Completer,
};

/// Completes kubectl's arguments with what the cluster holds.
pub fn completer(client: Rc<dyn ApiClient>) -> Rc<dyn Completer> {
    Rc::new(Words { client })
}

struct Words {
    client: Rc<dyn ApiClient>,
}

/// What a word may be.
enum Wanted {
    /// Known without asking.
    These(Vec<String>),
    /// Names of objects, perhaps behind `TYPE/`.
    Names { kind: Kind, namespace: String, prefix: String },
}

impl Completer for Words {
    fn complete(&self, _: &Proc, words: &[String], index: usize, prefix: &str) -> LocalBoxFuture<'static, Vec<String>> {
        let wanted = wanted(words.get(1..index).unwrap_or_default(), prefix);
        let (client, prefix) = (self.client.clone(), prefix.to_string());
        Box::pin(async move {
            let mut all = match wanted {
                Wanted::These(all) => all,
                Wanted::Names { kind, namespace, prefix } => {
                    let namespace = if kind.namespaced() { namespace.as_str() } else { "" };
                    // Without an answer there is nothing to offer.
                    let list = client.list(kind, namespace, ListOptions::default()).await;
                    let items = list.map(|list| list.items).unwrap_or_default();
                    items.iter().map(|object| format!("{prefix}{}", object.name())).collect()
                }
            };
            all.retain(|word| word.starts_with(&prefix));
            all.sort();
            all.dedup();
            all
        })
    }
}

/// The words of the command line that count: arguments, the namespace, the flag that waits for a value.
fn wanted(before: &[String], prefix: &str) -> Wanted {
    let mut command: Option<&'static Command> = None;
    let mut arguments: Vec<&str> = Vec::new();
    let mut namespace = "default".to_string();
    let mut open: Option<&Flag> = None;
    for word in before {
        if let Some(flag) = open.take() {
            if flag.long == "namespace" {
                namespace.clone_from(word);
            }
        } else if word == "--" {
            return Wanted::These(Vec::new());
        } else if word.starts_with('-') {
            if let Some(value) = word.strip_prefix("--namespace=") {
                namespace = value.into();
            }
            let flag = flag(command, word);
            open = flag.filter(|flag| flag.takes == Takes::Value && !word.contains('='));
        } else if command.is_none() {
            match commands::find(word) {
                Some(found) => command = Some(found),
                None => return Wanted::These(Vec::new()),
            }
        } else {
            arguments.push(word);
        }
    }
    if let Some(flag) = open {
        return flag_value(flag);
    }
    let Some(command) = command else {
        return Wanted::These(commands::all().map(|command| command.name.to_string()).collect());
    };
    if prefix.starts_with('-') {
        let flags = commands::flags(command).into_iter().flatten();
        return Wanted::These(flags.map(|flag| format!("--{}", flag.long)).collect());
    }
    let names = |kind: Kind, prefix: String| Wanted::Names { kind, namespace: namespace.clone(), prefix };
    if let Some(kind) = prefix.split_once('/').and_then(|(kind, _)| resource::kind(kind).ok()) {
        let typed = prefix.split('/').next().unwrap_or_default();
        return names(kind, format!("{typed}/"));
    }
    match (command.name, arguments.as_slice()) {
        ("logs" | "exec" | "attach", []) => names(Kind::Pod, String::new()),
        ("get" | "delete" | "describe" | "wait" | "label" | "annotate" | "patch", []) => {
            Wanted::These(Kind::ALL.iter().map(|kind| kind.plural().to_string()).collect())
        }
        ("get" | "delete" | "describe" | "wait" | "label" | "annotate" | "patch", [kind, ..]) => {
            match resource::kind(kind) {
                Ok(kind) => names(kind, String::new()),
                Err(_) => Wanted::These(Vec::new()),
            }
        }
        ("config", []) => Wanted::These(
            ["current-context", "get-clusters", "get-contexts", "get-users", "set-context", "use-context", "view"]
                .map(String::from)
                .to_vec(),
        ),
        _ => Wanted::These(Vec::new()),
    }
}

/// The flag that a word ends with.
fn flag(command: Option<&'static Command>, word: &str) -> Option<&'static Flag> {
    let groups = command.map_or_else(|| vec![commands::GLOBAL], commands::flags);
    let mut all = groups.into_iter().flatten();
    match word.strip_prefix("--") {
        Some(long) => all.find(|flag| flag.long == long),
        None => all.find(|flag| flag.short.is_some() && flag.short == word.chars().last()),
    }
}

fn flag_value(flag: &Flag) -> Wanted {
    let these = |words: &[&str]| Wanted::These(words.iter().map(|word| word.to_string()).collect());
    match flag.long {
        "namespace" => Wanted::Names { kind: Kind::Namespace, namespace: String::new(), prefix: String::new() },
        "output" => these(&["custom-columns=", "json", "jsonpath=", "name", "wide", "yaml"]),
        "restart" => these(&["Always", "Never", "OnFailure"]),
        "dry-run" => these(&["client", "none", "server"]),
        // Files are the shell's own business.
        _ => these(&[]),
    }
}
