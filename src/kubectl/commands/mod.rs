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

/// Flags that every command has.
pub const GLOBAL: &[Flag] = &[
    value(
        "as",
        "Username to impersonate for the operation. User could be a regular user or a service account in a namespace.",
    ),
    value(
        "as-group",
        "Group to impersonate for the operation, this flag can be repeated to specify multiple groups.",
    )
    .default("[]"),
    value("as-uid", "UID to impersonate for the operation."),
    value(
        "as-user-extra",
        "User extras to impersonate for the operation, this flag can be repeated to specify multiple values for the same \
         key.",
    )
    .default("[]"),
    value("cache-dir", "Default cache directory").default("'/root/.kube/cache'"),
    value("certificate-authority", "Path to a cert file for the certificate authority"),
    value("client-certificate", "Path to a client certificate file for TLS"),
    value("client-key", "Path to a client key file for TLS"),
    value("cluster", "The name of the kubeconfig cluster to use"),
    value("context", "The name of the kubeconfig context to use"),
    switch("disable-compression", "If true, opt-out of response compression for all requests to the server"),
    switch(
        "insecure-skip-tls-verify",
        "If true, the server's certificate will not be checked for validity. This will make your HTTPS connections \
         insecure",
    ),
    value("kubeconfig", "Path to the kubeconfig file to use for CLI requests."),
    value(
        "kuberc",
        "Path to the kuberc file to use for preferences. This can be disabled by exporting KUBECTL_KUBERC=false feature \
         gate or turning off the feature KUBERC=off.",
    ),
    value("log-flush-frequency", "Maximum number of seconds between log flushes").default("5s"),
    switch("match-server-version", "Require server version to match client version"),
    value("namespace", "If present, the namespace scope for this CLI request").short('n'),
    value("password", "Password for basic authentication to the API server"),
    value(
        "profile",
        "Name of profile to capture. One of (none|cpu|heap|goroutine|threadcreate|block|mutex|trace)",
    )
    .default("'none'"),
    value("profile-output", "Name of the file to write the profile to").default("'profile.pprof'"),
    value(
        "request-timeout",
        "The length of time to wait before giving up on a single server request. Non-zero values should contain a \
         corresponding time unit (e.g. 1s, 2m, 3h). A value of zero means don't timeout requests.",
    )
    .default("'0'"),
    value("server", "The address and port of the Kubernetes API server").short('s'),
    value(
        "tls-server-name",
        "Server name to use for server certificate validation. If it is not provided, the hostname used to contact the \
         server is used",
    ),
    value("token", "Bearer token for authentication to the API server"),
    value("user", "The name of the kubeconfig user to use"),
    value("username", "Username for basic authentication to the API server"),
    value("v", "number for the log level verbosity").short('v').default("0"),
    value(
        "vmodule",
        "comma-separated list of pattern=N settings for file-filtered logging (only works for the default text log \
         format)",
    )
    .default(""),
    switch(
        "warnings-as-errors",
        "Treat warnings received from the server as errors and exit with a non-zero exit code",
    ),
    switch("help", "Help for the command").short('h'),
];
pub const ALL_NAMESPACES: &[Flag] = &[switch("all-namespaces", "The objects of all namespaces").short('A')];
pub const SELECTORS: &[Flag] = &[
    value(
        "selector",
        "Selector (label query) to filter on, supports '=', '==', '!=', 'in', 'notin'.(e.g. -l \
         key1=value1,key2=value2,key3 in (value3)). Matching objects must satisfy all of the specified label constraints.",
    )
    .short('l'),
    value(
        "field-selector",
        "Selector (field query) to filter on, supports '=', '==', and '!='.(e.g. --field-selector \
         key1=value1,key2=value2). The server only supports a limited number of field queries per type.",
    ),
];
pub const FILES: &[Flag] = &[
    value("filename", "File or directory with the manifests").short('f'),
    switch("recursive", "Go down into directories").short('R'),
];
pub const OUTPUT: &[Flag] = &[
    value(
        "output",
        "Output format. One of: (json, yaml, kyaml, name, go-template, go-template-file, template, templatefile, jsonpath, \
         jsonpath-as-json, jsonpath-file, custom-columns, custom-columns-file, wide). See custom columns \
         [https://kubernetes.io/docs/reference/kubectl/#custom-columns], golang template \
         [http://golang.org/pkg/text/template/#pkg-overview] and jsonpath template \
         [https://kubernetes.io/docs/reference/kubectl/jsonpath/].",
    )
    .short('o'),
    value(
        "template",
        "Template string or path to template file to use when -o=go-template, -o=go-template-file. The template format is \
         golang templates [http://golang.org/pkg/text/template/#pkg-overview].",
    ),
    switch(
        "allow-missing-template-keys",
        "If true, ignore any errors in templates when a field or map key is missing in the template. Only applies to \
         golang and jsonpath output formats.",
    )
    .default("true"),
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
