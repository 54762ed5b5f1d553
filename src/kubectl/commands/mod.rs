//! The command table: what parsing, help and completion know of each command.

mod cluster;
mod objects;

use futures_util::future::LocalBoxFuture;

use super::{
    Args, Ctx, Outcome,
    flags::{Flag, optional, switch, value},
};

pub type Main = for<'a> fn(&'a Ctx, &'a Args) -> LocalBoxFuture<'a, Outcome>;

pub struct Command {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// The heading in `kubectl --help`.
    pub group: &'static str,
    pub about: &'static str,
    /// Its arguments, after the name.
    pub usage: &'static str,
    /// Whole lines.
    pub examples: &'static [&'static str],
    pub flags: &'static [&'static [Flag]],
    /// See [`super::flags::parse`].
    pub stop_after: usize,
    pub main: Main,
}

macro_rules! main {
    ($main:path) => {
        |cx, args| Box::pin($main(cx, args))
    };
}
use main;

pub const BASIC: &str = "Basic Commands";
pub const DEBUG: &str = "Troubleshooting and Debugging Commands";
pub const CLUSTER: &str = "Cluster Management Commands";
pub const SETTINGS: &str = "Settings Commands";
pub const OTHER: &str = "Other Commands";

/// Flags that every command has.
pub const GLOBAL: &[Flag] = &[
    value("namespace", "The namespace of this request").short('n'),
    value("context", "The kubeconfig context to use"),
    value("kubeconfig", "Path to the kubeconfig file"),
    value("server", "The address of the API server").short('s'),
    value("token", "Bearer token for the API server"),
    value("request-timeout", "How long to wait for one request; 0 is for ever"),
    value("v", "Log level").short('v'),
    switch("help", "Help for the command").short('h'),
];
pub const ALL_NAMESPACES: &[Flag] = &[switch("all-namespaces", "The objects of all namespaces").short('A')];
pub const SELECTORS: &[Flag] = &[
    value("selector", "Label selector: key1=value1,key2 in (a,b),!key3").short('l'),
    value("field-selector", "Field selector: status.phase=Running"),
];
pub const FILES: &[Flag] = &[
    value("filename", "File or directory with the manifests").short('f'),
    switch("recursive", "Go down into directories").short('R'),
];
pub const OUTPUT: &[Flag] = &[
    value("output", "Output format").short('o'),
    value("template", "The template of -o go-template"),
    switch("allow-missing-template-keys", "Missing keys in templates are no error (default true)"),
];
pub const IGNORE: &[Flag] = &[switch("ignore-not-found", "It is no error if there is no such object")];

pub const WRITE: &[Flag] = &[
    optional("dry-run", "unchanged", "none, server or client"),
    optional("validate", "true", "strict, warn or ignore"),
    value("field-manager", "The name of the writer"),
    switch("show-managed-fields", "Keep metadata.managedFields in YAML and JSON"),
];
pub const CONTAINER: &[Flag] = &[value("container", "The container's name").short('c')];
pub const STDIN: &[Flag] = &[
    switch("stdin", "Pass stdin to the container").short('i'),
    switch("tty", "Stdin is a terminal").short('t'),
    switch("quiet", "Only the output of the container").short('q'),
];

pub const NODES: &[Flag] = &[
    value("selector", "Nodes with these labels").short('l'),
    optional("dry-run", "unchanged", "none, server or client"),
];

pub const META: &[Flag] = &[
    switch("overwrite", "Replace values that are there already"),
    switch("list", "Show the present ones"),
    value("resource-version", "Only if this is the object's version"),
    switch("all", "All objects of the type in the namespace"),
];

/// Every command.
pub fn all() -> impl Iterator<Item = &'static Command> {
    objects::COMMANDS.iter().chain(cluster::COMMANDS)
}

/// The command of this name or alias.
pub fn find(name: &str) -> Option<&'static Command> {
    all().find(|command| command.name == name || command.aliases.contains(&name))
}

/// All flags of a command.
pub fn flags(command: &Command) -> Vec<&'static [Flag]> {
    command.flags.iter().copied().chain([GLOBAL]).collect()
}
