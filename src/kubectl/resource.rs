//! What a command is about: names of resources, `TYPE NAME…`, `TYPE/NAME`, `a,b`, files and selectors.

use super::{Args, Ctx, Failure, files};
use crate::api::{Kind, Object, client::ListOptions};

/// The kinds of `all`, in the order that they are printed.
const ALL: &[Kind] = &[Kind::Pod, Kind::Service];

/// Plural, singular, short name or kind; a group may follow: `leases.coordination.k8s.io`.
pub fn kind(word: &str) -> Option<Kind> {
    let word = word.to_ascii_lowercase();
    let (name, group) = word.split_once('.').map_or((word.as_str(), None), |(name, group)| (name, Some(group)));
    Kind::ALL.iter().copied().find(|kind| {
        let named = kind.plural() == name || kind.singular() == name || kind.short_names().contains(&name);
        let qualified = |group: &str| {
            group == kind.group() || group == format!("{}.{}", kind.version(), kind.group()).trim_end_matches('.')
        };
        named && group.is_none_or(qualified)
    })
}

/// [`kind`], or kubectl's error.
pub fn known(word: &str) -> Result<Kind, Failure> {
    kind(word).ok_or_else(|| Failure::Message(format!("the server doesn't have a resource type \"{word}\"")))
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
            let Some((kind, name)) = arg.split_once('/') else {
                return Err(Failure::Message(
                    "there is no need to specify a resource type as a separate argument when passing arguments in \
                     resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource \
                     resource/<resource_name>'"
                        .into(),
                ));
            };
            if kind.is_empty() || name.is_empty() || name.contains('/') {
                let why = "arguments in resource/name form must have a single resource and name";
                return Err(Failure::Message(why.into()));
            }
            targets.named.push((known(kind)?, name.to_string()));
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
            kinds.push(known(word)?);
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
    /// The newest version seen, where a watch goes on.
    pub resource_version: u64,
}

/// Fetches what the arguments, `-f`, `-l` and `--field-selector` name.
pub async fn fetch(cx: &Ctx, args: &Args) -> Result<Found, Failure> {
    let mut found = Found::default();
    let ignore = args.on("ignore-not-found");
    let mut wanted: Vec<(Kind, String, String)> = Vec::new();
    let options = selectors(args);
    let paths = args.each("filename");
    if paths.is_empty() {
        let targets = targets(&args.args)?;
        if !targets.named.is_empty() && !options.label_selector.is_empty() {
            return Err(Failure::Message("name cannot be provided when a selector is specified".into()));
        }
        if cx.all_namespaces && !targets.named.is_empty() {
            let why = "a resource cannot be retrieved by name across all namespaces";
            return Err(Failure::Message(why.into()));
        }
        found.several = targets.several;
        for kind in targets.kinds {
            match cx.client.list(kind, scope(cx, kind), options.clone()).await {
                Ok(list) => {
                    found.objects.extend(list.items);
                    found.resource_version = list.resource_version;
                }
                Err(error) => found.failures.push(error.into()),
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
    found.single = wanted.len() == 1;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (word, expected) in [
            ("po", Some(Kind::Pod)),
            ("Pods", Some(Kind::Pod)),
            ("pods.v1", Some(Kind::Pod)),
            ("lease.coordination.k8s.io", Some(Kind::Lease)),
            ("leases.v1.coordination.k8s.io", Some(Kind::Lease)),
            ("pods.apps", None),
            ("podz", None),
        ] {
            assert_eq!(kind(word), expected, "{word}");
        }
    }
}
