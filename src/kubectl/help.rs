//! Help texts in the form of kubectl's templates (`kubectl/pkg/util/templates`), from the command table.

use super::{
    commands::{self, Command},
    flags::Flag,
};

/// What `kubectl --help` lists, under its headings.
const GROUPS: &[(&str, &str)] = &[
    ("Basic Commands (Beginner):", "create expose run set"),
    ("Basic Commands (Intermediate):", "explain get edit delete"),
    ("Deploy Commands:", "rollout scale autoscale"),
    ("Cluster Management Commands:", "certificate cluster-info top cordon uncordon drain taint"),
    ("Troubleshooting and Debugging Commands:", "describe logs attach exec port-forward proxy cp auth debug events"),
    ("Advanced Commands:", "diff apply patch replace wait kustomize"),
    ("Settings Commands:", "label annotate completion"),
    ("Subcommands provided by plugins:", ""),
    ("Other Commands:", "api-resources api-versions config kuberc plugin version"),
];

/// Commands of the real kubectl that this one only lists.
const MISSING: &[(&str, &str)] = &[
    ("certificate", "Modify certificate resources"),
    ("proxy", "Run a proxy to the Kubernetes API server"),
    ("kustomize", "Build a kustomization target from a directory or URL"),
    ("kuberc", "Manage kuberc configuration files"),
];

/// The long descriptions, where they aren't the short ones.
const LONG: &[(&str, &str)] = &[
    (
        "get",
        "Display one or many resources.\n\n Prints a table of the most important information about the specified \
         resources. You can filter the list using a label selector and the --selector flag. If the desired resource type \
         is namespaced you will only see results in the current namespace if you don't specify any namespace.\n\n By \
         specifying the output as 'template' and providing a Go template as the value of the --template flag, you can \
         filter the attributes of the fetched resources.\n\nUse \"kubectl api-resources\" for a complete list of \
         supported resources.",
    ),
    (
        "rollout",
        "Manage the rollout of one or many resources.\n        \n Valid resource types include:\n\n  *  deployments\n  \
         *  daemonsets\n  *  statefulsets",
    ),
];

/// Commands that are nothing without a second word, and those words.
const SUBCOMMANDS: &[(&str, &[(&str, &str)])] = &[(
    "rollout",
    &[
        ("history", "View rollout history"),
        ("pause", "Mark the provided resource as paused"),
        ("restart", "Restart a resource"),
        ("resume", "Resume a paused resource"),
        ("status", "Show the status of the rollout"),
        ("undo", "Undo a previous rollout"),
    ],
)];

const TIP: &str = "Use \"kubectl options\" for a list of global command-line options (applies to all commands).\n";

/// Whether the real kubectl has a command that this one hasn't.
pub fn is_missing(name: &str) -> bool {
    MISSING.iter().any(|(missing, _)| *missing == name)
}

fn row(name: &str, about: &str, width: usize) -> String {
    format!("  {name:width$}   {about}\n")
}

/// `kubectl --help`.
pub fn overview() -> String {
    let mut text = String::from(
        "kubectl controls the Kubernetes cluster manager.\n\n Find more information at: \
         https://kubernetes.io/docs/reference/kubectl/\n",
    );
    for (heading, names) in GROUPS {
        text += &format!("\n{heading}\n");
        for name in names.split_whitespace() {
            let known = commands::find(name).map(|command| command.about);
            let about = known.or_else(|| MISSING.iter().find(|(missing, _)| *missing == name).map(|(_, about)| *about));
            text += &row(name, about.unwrap_or_default(), 13);
        }
    }
    text + "\nUsage:\n  kubectl [flags] [options]\n\nUse \"kubectl <command> --help\" for more information about a given \
            command.\n"
        + TIP
}

/// A flag and what it does.
fn flag(flag: &Flag) -> String {
    let short = flag.short.map(|short| format!("-{short}, ")).unwrap_or_default();
    format!("    {short}--{}={}:\n\t{}\n\n", flag.long, flag.default, flag.about)
}

/// `kubectl options`.
pub fn options() -> String {
    let mut flags: Vec<&Flag> = commands::GLOBAL.iter().filter(|flag| flag.long != "help").collect();
    flags.sort_by_key(|flag| flag.long);
    let flags: String = flags.into_iter().map(flag).collect();
    format!("The following options can be passed to any command:\n\n{flags}")
}

/// `kubectl COMMAND --help`.
pub fn command(command: &Command) -> String {
    let of =
        |table: &[(&str, &'static str)]| table.iter().find(|(name, _)| *name == command.name).map(|(_, text)| *text);
    let mut text = of(LONG).map_or_else(|| format!("{}.", command.about), str::to_string) + "\n";
    if !command.aliases.is_empty() {
        text += &format!("\nAliases:\n{}, {}\n", command.name, command.aliases.join(", "));
    }
    if !command.examples.is_empty() {
        text += "\nExamples:\n";
        text.extend(command.examples.iter().map(|example| format!("  {example}\n")));
    }
    let subcommands = SUBCOMMANDS.iter().find(|(name, _)| *name == command.name).map(|(_, all)| *all);
    let mut flags: Vec<&Flag> = command.flags.iter().copied().flatten().collect();
    flags.sort_by_key(|flag| flag.long);
    if let Some(subcommands) = subcommands {
        text += "\nAvailable Commands:\n";
        text.extend(subcommands.iter().map(|(name, about)| row(name, about, 11)));
    } else if !flags.is_empty() {
        let flags: String = flags.into_iter().map(flag).collect();
        text += &format!("\nOptions:\n{}\n", flags.trim_end());
    }
    text += &format!("\nUsage:\n  kubectl {} {} [options]\n\n", command.name, command.usage);
    if subcommands.is_some() {
        let name = command.name;
        text += &format!("Use \"kubectl {name} <command> --help\" for more information about a given command.\n");
    }
    text + TIP
}
