//! The command table: what parsing, help and completion know of each command.

use futures_util::future::LocalBoxFuture;

use super::{
    Args, Ctx, Outcome, apply, create, delete, describe, events, exec, explain,
    flags::{Flag, optional, switch, value},
    get, info, logs, nodes, patch_label, run, taint, wait,
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
    value("request-timeout", "How long to wait for one request; 0 is for ever"),
    value("v", "Log level").short('v'),
    switch("help", "Help for the command").short('h'),
];
const ALL_NAMESPACES: &[Flag] = &[switch("all-namespaces", "The objects of all namespaces").short('A')];
const SELECTORS: &[Flag] = &[
    value("selector", "Label selector: key1=value1,key2 in (a,b),!key3").short('l'),
    value("field-selector", "Field selector: status.phase=Running"),
];
const FILES: &[Flag] = &[
    value("filename", "File or directory with the manifests").short('f'),
    switch("recursive", "Go down into directories").short('R'),
];
const OUTPUT: &[Flag] = &[value("output", "Output format").short('o')];
const IGNORE: &[Flag] = &[switch("ignore-not-found", "It is no error if there is no such object")];

const WRITE: &[Flag] = &[
    optional("dry-run", "unchanged", "none, server or client"),
    optional("validate", "true", "strict, warn or ignore"),
    value("field-manager", "The name of the writer"),
    switch("show-managed-fields", "Keep metadata.managedFields in YAML and JSON"),
];
const CONTAINER: &[Flag] = &[value("container", "The container's name").short('c')];
const STDIN: &[Flag] = &[
    switch("stdin", "Pass stdin to the container").short('i'),
    switch("tty", "Stdin is a terminal").short('t'),
    switch("quiet", "Only the output of the container").short('q'),
];

const NODES: &[Flag] = &[
    value("selector", "Nodes with these labels").short('l'),
    optional("dry-run", "unchanged", "none, server or client"),
];

const META: &[Flag] = &[
    switch("overwrite", "Replace values that are there already"),
    switch("list", "Show the present ones"),
    switch("all", "All objects of the type in the namespace"),
];

pub static COMMANDS: &[Command] = &[
    Command {
        name: "get",
        aliases: &[],
        group: BASIC,
        about: "Display one or many resources",
        usage: "TYPE[,TYPE] [NAME...]|TYPE/NAME... [flags]",
        examples: &["kubectl get pods -o wide", "kubectl get pod web -o yaml", "kubectl get pods -w"],
        flags: &[
            ALL_NAMESPACES,
            SELECTORS,
            FILES,
            OUTPUT,
            IGNORE,
            &[
                switch("watch", "After listing, watch for changes").short('w'),
                switch("watch-only", "Watch for changes without listing first"),
                switch("show-labels", "The labels as the last column"),
                value("label-columns", "Labels to show as columns").short('L'),
                switch("no-headers", "Without the header line"),
                value("sort-by", "Sort by this JSONPath"),
                switch("show-managed-fields", "Keep metadata.managedFields in YAML and JSON"),
                switch("show-kind", "Show names with their kind"),
                value("chunk-size", "How many objects to ask for at once"),
            ],
        ],
        stop_after: 0,
        main: main!(get::main),
    },
    Command {
        name: "delete",
        aliases: &[],
        group: BASIC,
        about: "Delete resources by file names, resources and names, or by label selector",
        usage: "([-f FILENAME] | TYPE [(NAME | -l label | --all)]) [flags]",
        examples: &["kubectl delete pod web", "kubectl delete -f pod.yaml", "kubectl delete pods --all --now"],
        flags: &[
            ALL_NAMESPACES,
            SELECTORS,
            FILES,
            OUTPUT,
            IGNORE,
            &[
                switch("all", "All objects of the type in the namespace"),
                value("grace-period", "Seconds the object gets to end; -1 is its own wish"),
                switch("force", "Remove from the API at once, with a grace period of 0"),
                switch("now", "A grace period of 1 second"),
                switch("wait", "Wait until the objects are gone (default true)"),
                value("timeout", "How long to wait; 0 is for ever"),
                optional("cascade", "background", "background, orphan or foreground"),
                optional("dry-run", "unchanged", "none, server or client"),
            ],
        ],
        stop_after: 0,
        main: main!(delete::main),
    },
    Command {
        name: "create",
        aliases: &[],
        group: BASIC,
        about: "Create a resource from a file or from stdin",
        usage: "-f FILENAME",
        examples: &["kubectl create -f pod.yaml", "kubectl create namespace lab"],
        flags: &[
            FILES,
            OUTPUT,
            WRITE,
            &[
                value("from-literal", "KEY=VALUE of a config map or secret"),
                value("from-file", "A file for a config map or secret"),
                switch("save-config", "Keep the configuration for a later apply"),
            ],
        ],
        stop_after: 0,
        main: main!(create::main),
    },
    Command {
        name: "apply",
        aliases: &[],
        group: BASIC,
        about: "Apply a configuration to a resource by file name or stdin",
        usage: "-f FILENAME",
        examples: &["kubectl apply -f pod.yaml"],
        flags: &[
            FILES,
            OUTPUT,
            WRITE,
            &[
                switch("server-side", "Let the server merge"),
                switch("force-conflicts", "Take fields of other managers"),
            ],
        ],
        stop_after: 0,
        main: main!(apply::main),
    },
    Command {
        name: "logs",
        aliases: &["log"],
        group: DEBUG,
        about: "Print the logs of a container in a pod",
        usage: "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]",
        examples: &["kubectl logs web", "kubectl logs -f web -c app", "kubectl logs web --previous"],
        flags: &[
            CONTAINER,
            &[
                value("selector", "Label selector: key1=value1").short('l'),
                switch("follow", "Go on as the log grows").short('f'),
                switch("previous", "The container's run before this one").short('p'),
                switch("timestamps", "Begin each line with its time"),
                switch("all-containers", "All containers of the pod"),
                switch("all-pods", "All pods of the object"),
                switch("prefix", "Begin each line with pod and container"),
                switch("ignore-errors", "Go on after an error"),
                value("tail", "The last lines only; -1 for all"),
                value("since", "Only what is younger: 5s, 2m, 3h"),
                value("since-time", "Only what is younger than this date (RFC 3339)"),
                value("limit-bytes", "At most this many bytes"),
                value("max-log-requests", "How many logs to follow at most"),
            ],
        ],
        stop_after: 0,
        main: main!(logs::main),
    },
    Command {
        name: "exec",
        aliases: &[],
        group: DEBUG,
        about: "Execute a command in a container",
        usage: "(POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
        examples: &["kubectl exec web -- date", "kubectl exec -it web -- sh"],
        flags: &[CONTAINER, STDIN, FILES, &[value("pod-running-timeout", "How long to wait for a running pod")]],
        stop_after: 2,
        main: main!(exec::main),
    },
    Command {
        name: "attach",
        aliases: &[],
        group: DEBUG,
        about: "Attach to a running container",
        usage: "(POD | TYPE/NAME) [-c CONTAINER] [flags]",
        examples: &["kubectl attach -it web"],
        flags: &[CONTAINER, STDIN, &[value("pod-running-timeout", "How long to wait for a running pod")]],
        stop_after: 0,
        main: main!(exec::attach),
    },
    Command {
        name: "run",
        aliases: &[],
        group: BASIC,
        about: "Run an image in a pod",
        usage: "NAME --image=image [--env=\"key=value\"] [--port=port] [-- COMMAND] [args...]",
        examples: &["kubectl run web --image=nginx:1.27", "kubectl run -it --rm sh --image=busybox:1.36 -- sh"],
        flags: &[
            STDIN,
            OUTPUT,
            WRITE,
            &[
                value("image", "The container's image"),
                value("image-pull-policy", "Always, IfNotPresent or Never"),
                value("restart", "Always, OnFailure or Never"),
                value("port", "The port that the container opens"),
                value("env", "NAME=VALUE in the container's environment").short('e'),
                value("labels", "Labels of the pod").short('l'),
                value("annotations", "Annotations of the pod"),
                value("overrides", "JSON to merge into the pod"),
                value("pod-running-timeout", "How long to wait for the running pod"),
                switch("attach", "Attach to the container once it runs"),
                switch("command", "The words after -- are the command, not its arguments"),
                switch("leave-stdin-open", "Keep stdin open after the first attach"),
                switch("privileged", "A privileged container"),
                switch("rm", "Delete the pod afterwards"),
            ],
        ],
        stop_after: 0,
        main: main!(run::main),
    },
    Command {
        name: "label",
        aliases: &[],
        group: SETTINGS,
        about: "Update the labels of a resource",
        usage: "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N",
        examples: &["kubectl label pod web tier=front", "kubectl label pod web tier-"],
        flags: &[ALL_NAMESPACES, SELECTORS, FILES, OUTPUT, WRITE, META],
        stop_after: 0,
        main: main!(patch_label::label),
    },
    Command {
        name: "annotate",
        aliases: &[],
        group: SETTINGS,
        about: "Update the annotations of a resource",
        usage: "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N",
        examples: &["kubectl annotate pod web note=hello"],
        flags: &[ALL_NAMESPACES, SELECTORS, FILES, OUTPUT, WRITE, META],
        stop_after: 0,
        main: main!(patch_label::annotate),
    },
    Command {
        name: "patch",
        aliases: &[],
        group: SETTINGS,
        about: "Update fields of a resource",
        usage: "(-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE]",
        examples: &["kubectl patch pod web -p '{\"metadata\":{\"labels\":{\"a\":\"b\"}}}'"],
        flags: &[
            FILES,
            OUTPUT,
            WRITE,
            &[
                value("patch", "The patch").short('p'),
                value("patch-file", "A file with the patch"),
                value("type", "json, merge or strategic"),
                value("subresource", "status, resize, ..."),
            ],
        ],
        stop_after: 0,
        main: main!(patch_label::patch),
    },
    Command {
        name: "explain",
        aliases: &[],
        group: BASIC,
        about: "Get documentation for a resource",
        usage: "TYPE [--recursive=FALSE|TRUE] [--api-version=api-version-group]",
        examples: &["kubectl explain pods", "kubectl explain pods.spec.containers", "kubectl explain pods --recursive"],
        flags: &[
            OUTPUT,
            &[
                switch("recursive", "Names and types of all fields, without descriptions"),
                value("api-version", "The API version to explain"),
            ],
        ],
        stop_after: 0,
        main: main!(explain::main),
    },
    Command {
        name: "cordon",
        aliases: &[],
        group: CLUSTER,
        about: "Mark node as unschedulable",
        usage: "NODE",
        examples: &["kubectl cordon node1"],
        flags: &[NODES],
        stop_after: 0,
        main: main!(nodes::cordon),
    },
    Command {
        name: "uncordon",
        aliases: &[],
        group: CLUSTER,
        about: "Mark node as schedulable",
        usage: "NODE",
        examples: &["kubectl uncordon node1"],
        flags: &[NODES],
        stop_after: 0,
        main: main!(nodes::uncordon),
    },
    Command {
        name: "drain",
        aliases: &[],
        group: CLUSTER,
        about: "Drain node in preparation for maintenance",
        usage: "NODE",
        examples: &["kubectl drain node1 --ignore-daemonsets", "kubectl drain node1 --force --grace-period=900"],
        flags: &[
            NODES,
            &[
                switch("force", "Also pods that no controller would replace"),
                switch("ignore-daemonsets", "Leave the pods of DaemonSets where they are"),
                switch("delete-emptydir-data", "Also pods whose emptyDir volumes will be lost"),
                switch("disable-eviction", "Delete instead of evicting, whatever disruption budgets say"),
                value("grace-period", "Seconds each pod gets to end; negative is its own wish"),
                value("timeout", "How long to wait; 0 is for ever"),
                value("pod-selector", "Only pods with these labels"),
                value("skip-wait-for-delete-timeout", "Don't wait for pods deleted more than this many seconds ago"),
                value("chunk-size", "How many objects to ask for at once"),
            ],
        ],
        stop_after: 0,
        main: main!(nodes::drain),
    },
    Command {
        name: "taint",
        aliases: &[],
        group: CLUSTER,
        about: "Update the taints on one or more nodes",
        usage: "NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N",
        examples: &[
            "kubectl taint nodes node1 dedicated=special-user:NoSchedule",
            "kubectl taint nodes node1 dedicated:NoSchedule-",
        ],
        flags: &[
            NODES,
            OUTPUT,
            &[switch("all", "All nodes of the cluster"), switch("overwrite", "Replace taints that are there already")],
        ],
        stop_after: 0,
        main: main!(taint::main),
    },
    Command {
        name: "describe",
        aliases: &[],
        group: DEBUG,
        about: "Show details of a specific resource or group of resources",
        usage: "(-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)",
        examples: &[
            "kubectl describe nodes podarium-worker",
            "kubectl describe pods/nginx",
            "kubectl describe po -l app=web",
        ],
        flags: &[
            ALL_NAMESPACES,
            SELECTORS,
            FILES,
            &[optional("show-events", "true", "Also show events about the object (default true)")],
        ],
        stop_after: 0,
        main: main!(describe::main),
    },
    Command {
        name: "events",
        aliases: &[],
        group: DEBUG,
        about: "List events, oldest first",
        usage: "[flags]",
        examples: &["kubectl events --for pod/web", "kubectl events --types=Warning"],
        flags: &[
            ALL_NAMESPACES,
            OUTPUT,
            &[
                value("for", "Only events of this object, TYPE/NAME"),
                value("types", "Only events of these types"),
                switch("no-headers", "Without the header line"),
            ],
        ],
        stop_after: 0,
        main: main!(events::main),
    },
    Command {
        name: "wait",
        aliases: &[],
        group: OTHER,
        about: "Wait for a condition on one or many resources",
        usage: "([-f FILENAME] | TYPE/NAME | TYPE [(-l label | --all)]) --for=create|delete|condition=NAME[=VALUE]|jsonpath=EXPR[=VALUE]",
        examples: &["kubectl wait --for=condition=Ready pod/web", "kubectl wait --for=delete pod/web --timeout=60s"],
        flags: &[
            ALL_NAMESPACES,
            SELECTORS,
            FILES,
            OUTPUT,
            &[
                value("for", "What to wait for"),
                value("timeout", "How long to wait (default 30s)"),
                switch("all", "All objects of the type in the namespace"),
            ],
        ],
        stop_after: 0,
        main: main!(wait::main),
    },
    Command {
        name: "cluster-info",
        aliases: &[],
        group: CLUSTER,
        about: "Display where the cluster can be reached",
        usage: "[flags]",
        examples: &["kubectl cluster-info"],
        flags: &[],
        stop_after: 0,
        main: main!(info::cluster_info),
    },
    Command {
        name: "api-resources",
        aliases: &[],
        group: OTHER,
        about: "Print the kinds of objects that the server knows",
        usage: "[flags]",
        examples: &["kubectl api-resources --namespaced=false"],
        flags: &[
            OUTPUT,
            &[
                switch("namespaced", "Only kinds that live in a namespace, or don't"),
                switch("no-headers", "Without the header line"),
                value("api-group", "Only kinds of this API group"),
            ],
        ],
        stop_after: 0,
        main: main!(info::api_resources),
    },
    Command {
        name: "api-versions",
        aliases: &[],
        group: OTHER,
        about: "Print the API versions of the server, as group/version",
        usage: "",
        examples: &["kubectl api-versions"],
        flags: &[],
        stop_after: 0,
        main: main!(info::api_versions),
    },
    Command {
        name: "config",
        aliases: &[],
        group: OTHER,
        about: "Show and change the kubeconfig file",
        usage: "(view | current-context | set-context --current --namespace=NAMESPACE)",
        examples: &["kubectl config set-context --current --namespace=lab"],
        flags: &[&[switch("current", "Change the current context"), switch("minify", "Only the current context")]],
        stop_after: 0,
        main: main!(super::config::main),
    },
    Command {
        name: "version",
        aliases: &[],
        group: OTHER,
        about: "Print the versions of client and server",
        usage: "[flags]",
        examples: &["kubectl version"],
        flags: &[&[switch("client", "Only the client's version")]],
        stop_after: 0,
        main: main!(info::version),
    },
];

/// The command of this name or alias.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name || command.aliases.contains(&name))
}

/// All flags of a command.
pub fn flags(command: &Command) -> Vec<&'static [Flag]> {
    command.flags.iter().copied().chain([GLOBAL]).collect()
}
