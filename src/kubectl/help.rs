//! Help texts, from the command table.

use super::{
    commands::{self, Command},
    flags::{Flag, Takes},
};

/// `kubectl --help`.
pub fn overview() -> String {
    let mut text = String::from("kubectl controls the Kubernetes cluster manager.\n");
    let mut groups: Vec<&str> = Vec::new();
    for command in commands::all() {
        if !groups.contains(&command.group) {
            groups.push(command.group);
        }
    }
    let width = commands::all().map(|command| command.name.len()).max().unwrap_or(0);
    for group in groups {
        text += &format!("\n{group}:\n");
        for command in commands::all().filter(|command| command.group == group) {
            text += &format!("  {:width$}  {}\n", command.name, command.about);
        }
    }
    text + "\nUsage:\n  kubectl [flags] [options]\n\nUse \"kubectl <command> --help\" for more information about a given command.\n"
}

/// `kubectl COMMAND --help`.
pub fn command(command: &Command) -> String {
    let mut text = format!("{}.\n", command.about);
    if !command.examples.is_empty() {
        text += "\nExamples:\n";
        for example in command.examples {
            text += &format!("  {example}\n");
        }
    }
    let mut flags: Vec<&Flag> = commands::flags(command).into_iter().flatten().collect();
    flags.sort_by_key(|flag| flag.long);
    text += "\nOptions:\n";
    for flag in flags {
        let short = flag.short.map_or("    ".into(), |short| format!("-{short}, "));
        let value = match flag.takes {
            Takes::Switch => "",
            Takes::Value => "=VALUE",
            Takes::Optional(_) => "[=VALUE]",
        };
        text += &format!("    {short}--{}{value}:\n\t{}\n", flag.long, flag.about);
    }
    text + &format!("\nUsage:\n  kubectl {} {}\n", command.name, command.usage)
}
