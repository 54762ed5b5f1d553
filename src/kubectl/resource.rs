//! What a command is about: names of resources, `TYPE NAME…`, `TYPE/NAME`, `a,b`, files and selectors.

use super::{Args, Ctx, Failure, files, info};
use crate::api::{Error, Kind, Object, client::ListOptions, error::Reason, warnings};

/// Neither arguments nor files say what a command is about.
const NOTHING_GIVEN: &str = "You must provide one or more resources by argument or filename.\nExample resource \
                             specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> \
                             <name>'\n   '<resource>'";

/// The kinds of `all`, in the order that they are printed.
const ALL: &[Kind] = &[
    Kind::Pod,
    Kind::ReplicationController,
    Kind::Service,
    Kind::DaemonSet,
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::StatefulSet,
    Kind::HorizontalPodAutoscaler,
    Kind::CronJob,
    Kind::Job,
];

/// Plural, singular, short name or kind; a version and group may follow: `leases.coordination.k8s.io`, `pods.v1.`.
pub fn kind(word: &str) -> Result<Kind, Failure> {
    let lower = word.to_ascii_lowercase();
    let (name, group) = lower.split_once('.').map_or((lower.as_str(), None), |(name, group)| (name, Some(group)));
    let found = Kind::ALL.iter().copied().find(|kind| {
        let named = kind.plural() == name || kind.singular() == name || kind.short_names().contains(&name);
        let qualified = |group: &str| {
            let versioned = format!("{}.{}", kind.version(), kind.group());
            group == kind.group() || group.trim_end_matches('.') == versioned.trim_end_matches('.')
        };
        named && group.is_none_or(qualified)
    });
    found.ok_or_else(|| {
        let listed = info::listed(false).into_iter().find(|listed| {
            let names =
                [listed.name, &listed.kind.to_ascii_lowercase()].contains(&name) || listed.short.contains(&name);
            names && group.is_none_or(|group| listed.group == group)
        });
        match listed {
            // Listed, but none of its objects are kept.
            Some(listed) => Failure::Server(Error::new(
                Reason::NotFound,
                format!(
                    "Unable to list \"{}, Resource={}\": the server could not find the requested resource (get {})",
                    if listed.group.is_empty() { format!("/{}", listed.version) } else { listed.version.clone() },
                    listed.name,
                    listed.qualified()
                ),
            )),
            None => Failure::Message(format!("the server doesn't have a resource type \"{word}\"")),
        }
    })
}

/// `pod/web`, `priorityclass.scheduling.k8s.io/high`: the object in messages and `-o name`.
pub fn reference(kind: Kind, name: &str) -> String {
    format!("{}/{name}", singular(kind))
}

/// `pod`, `priorityclass.scheduling.k8s.io`.
pub fn singular(kind: Kind) -> String {
    if kind.group().is_empty() { kind.singular() } else { format!("{}.{}", kind.singular(), kind.group()) }
}

/// The parsed arguments of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// Kinds without names.
    pub kinds: Vec<Kind>,
    pub named: Vec<(Kind, String)>,
    /// More than one kind was asked for: names are shown with their kind.
    pub several: bool,
}

/// Reads `TYPE[,TYPE] [NAME…]` or `TYPE/NAME…`.
pub fn targets(args: &[String]) -> Result<Targets, Failure> {
    let mut targets = Targets::default();
    if args.iter().any(|arg| arg.contains('/')) {
        for arg in args {
            let Some((resource, name)) = arg.split_once('/') else {
                return Err(Failure::Message(
                    "there is no need to specify a resource type as a separate argument when passing arguments in \
                     resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource \
                     resource/<resource_name>'"
                        .into(),
                ));
            };
            if name.contains('/') {
                let why = "arguments in resource/name form may not have more than one slash";
                return Err(Failure::Message(why.into()));
            }
            if resource.is_empty() || name.is_empty() || resource.contains(',') {
                let why = "arguments in resource/name form must have a single resource and name";
                return Err(Failure::Message(why.into()));
            }
            targets.named.push((kind(resource)?, name.to_string()));
        }
        targets.several = targets.named.iter().any(|(kind, _)| *kind != targets.named[0].0);
        return Ok(targets);
    }
    let Some((types, names)) = args.split_first() else { return Ok(targets) };
    let mut kinds = Vec::new();
    for word in types.split(',').filter(|word| !word.is_empty()) {
        if word == "all" {
            kinds.extend(ALL);
            targets.several = true;
        } else {
            kinds.push(kind(word)?);
        }
    }
    targets.several |= kinds.len() > 1;
    if names.is_empty() {
        targets.kinds = kinds;
        return Ok(targets);
    }
    for kind in kinds {
        targets.named.extend(names.iter().map(|name| (kind, name.clone())));
    }
    Ok(targets)
}

/// The namespace of a request about `kind`.
pub fn scope(cx: &Ctx, kind: Kind) -> &str {
    if kind.namespaced() && !cx.all_namespaces { &cx.namespace } else { "" }
}

/// `-l` and `--field-selector`.
pub fn selectors(args: &Args) -> ListOptions {
    ListOptions {
        label_selector: args.get("selector").unwrap_or_default().into(),
        field_selector: args.get("field-selector").unwrap_or_default().into(),
        resource_version: 0,
    }
}

/// What was found, in the order of the arguments.
#[derive(Default)]
pub struct Found {
    pub objects: Vec<Object>,
    pub failures: Vec<Failure>,
    /// One object was asked for by name.
    pub single: bool,
    pub several: bool,
    /// How many lists and objects were asked for.
    pub requests: usize,
    /// The newest version seen, where a watch goes on.
    pub resource_version: u64,
}

/// Fetches what the words, `-f`, `-l` and `--field-selector` name. A type alone means all its objects.
pub async fn fetch(cx: &Ctx, args: &Args, words: &[String]) -> Result<Found, Failure> {
    let mut found = Found::default();
    let ignore = args.on("ignore-not-found");
    let mut wanted: Vec<(Kind, String, String)> = Vec::new();
    let mut listed: Vec<Kind> = Vec::new();
    let options = selectors(args);
    if args.each("filename").is_empty() {
        if words.is_empty() {
            return Err(Failure::Message(NOTHING_GIVEN.into()));
        }
        let targets = targets(words)?;
        if !targets.named.is_empty() && (!options.label_selector.is_empty() || !options.field_selector.is_empty()) {
            return Err(Failure::Message(if words.iter().any(|word| word.contains('/')) {
                "selectors and the all flag cannot be used when passing resource/name arguments".into()
            } else {
                "name cannot be provided when a selector is specified".into()
            }));
        }
        if cx.all_namespaces && !targets.named.is_empty() {
            let why = "a resource cannot be retrieved by name across all namespaces";
            return Err(Failure::Message(why.into()));
        }
        found.several = targets.several;
        found.requests = targets.kinds.len();
        for kind in targets.kinds {
            listed.push(kind);
            match cx.client.list(kind, scope(cx, kind), options.clone()).await {
                Ok(list) => {
                    found.objects.extend(list.items);
                    found.resource_version = list.resource_version;
                }
                Err(error) => found.failures.push(not_listed(kind, &options, error)),
            }
        }
        let named = targets.named.into_iter();
        wanted.extend(named.map(|(kind, name)| (kind, scope(cx, kind).to_string(), name)));
    } else {
        for loaded in files::load_each(cx, args).await? {
            match loaded {
                Ok(loaded) => wanted.push((loaded.kind, loaded.namespace, loaded.name)),
                Err(failure) => found.failures.push(failure),
            }
        }
        found.several = wanted.iter().any(|(kind, ..)| *kind != wanted[0].0);
    }
    if listed.contains(&Kind::Endpoints) || wanted.iter().any(|(kind, ..)| *kind == Kind::Endpoints) {
        // The server says so with each answer, kubectl once.
        cx.err(format!("Warning: {}\n", warnings::ENDPOINTS)).await;
    }
    found.single = wanted.len() == 1;
    found.requests += wanted.len();
    for (kind, namespace, name) in wanted {
        match cx.client.get(kind, &namespace, &name).await {
            Ok(object) => {
                found.resource_version = found.resource_version.max(object.resource_version());
                found.objects.push(object);
            }
            Err(error) if ignore && error.is_not_found() => {}
            Err(error) => found.failures.push(error.into()),
        }
    }
    Ok(found)
}

/// As [`fetch`], for commands that change things: a type alone needs `--all` or a selector.
pub async fn fetch_chosen(cx: &Ctx, args: &Args, words: &[String]) -> Result<Found, Failure> {
    let selected =
        ["selector", "field-selector"].iter().any(|flag| args.get(flag).is_some_and(|text| !text.is_empty()));
    if !selected && !args.on("all") && args.each("filename").is_empty() && !targets(words)?.kinds.is_empty() {
        return Err(Failure::Message("resource(s) were provided, but no name was specified".into()));
    }
    fetch(cx, args, words).await
}

/// All objects of a kind that the selectors choose, in the namespace in use.
pub async fn list(cx: &Ctx, kind: Kind, args: &Args) -> Result<Vec<Object>, Failure> {
    let options = selectors(args);
    let list = cx.client.list(kind, scope(cx, kind), options.clone()).await;
    list.map(|list| list.items).map_err(|error| not_listed(kind, &options, error))
}

/// A refused list, with what was asked for (`cli-runtime/resource.Selector`).
pub fn not_listed(kind: Kind, options: &ListOptions, mut error: Error) -> Failure {
    if matches!(error.reason, Reason::BadRequest | Reason::NotFound) {
        let resource = format!("{}/{}, Resource={}", kind.group(), kind.version(), kind.plural());
        let (labels, fields) = (&options.label_selector, &options.field_selector);
        error.message = if labels.is_empty() && fields.is_empty() {
            format!("Unable to list {resource:?}: {}", error.message)
        } else {
            format!(
                "Unable to find {resource:?} that match label selector {labels:?}, field selector {fields:?}: {}",
                error.message
            )
        };
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (word, expected) in [
            ("po", Some(Kind::Pod)),
            ("Pods", Some(Kind::Pod)),
            ("pods.v1", Some(Kind::Pod)),
            ("pods.v1.", Some(Kind::Pod)),
            ("lease.coordination.k8s.io", Some(Kind::Lease)),
            ("leases.v1.coordination.k8s.io", Some(Kind::Lease)),
            ("pods.apps", None),
            ("podz", None),
        ] {
            assert_eq!(kind(word).ok(), expected, "{word}");
        }
    }
}
