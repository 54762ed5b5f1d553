//! The objects that a command line names: `pod web`, `pod/web node/n1`, `pods -l app=web`, `pods --all`, `-f file`.

use super::{Args, Ctx, Failure, files};
use crate::api::{Error, Kind, Object, client::ListOptions, error::Reason};

/// One named object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub kind: Kind,
    /// "" for cluster-scoped kinds.
    pub namespace: String,
    pub name: String,
}

impl Target {
    /// `pod/web`, `lease.coordination.k8s.io/x`.
    pub fn shown(&self) -> String {
        shown(self.kind, &self.name)
    }
}

/// `pod/web`, as verbs report objects.
pub fn shown(kind: Kind, name: &str) -> String {
    if kind.group().is_empty() {
        format!("{}/{name}", kind.singular())
    } else {
        format!("{}.{}/{name}", kind.singular(), kind.group())
    }
}

/// A resource as people type it: `po`, `pod`, `pods`, `Pod`, `leases.coordination.k8s.io`, `pods.v1.`.
pub fn kind(word: &str) -> Result<Kind, Failure> {
    let lower = word.to_ascii_lowercase();
    let (resource, rest) = lower.split_once('.').unwrap_or((&lower, ""));
    let rest = rest.trim_end_matches('.');
    let found = Kind::ALL.iter().copied().find(|k| {
        let named = k.plural() == resource || k.singular() == resource || k.short_names().contains(&resource);
        let versioned = format!("{}.{}", k.version(), k.group());
        named && (rest.is_empty() || rest == k.group() || rest == versioned.trim_end_matches('.'))
    });
    found.ok_or_else(|| Failure::Message(format!("the server doesn't have a resource type \"{word}\"")))
}

fn namespace_of(cx: &Ctx, kind: Kind) -> String {
    if kind.namespaced() { cx.namespace.clone() } else { String::new() }
}

/// Objects by arguments alone, not looked up.
pub fn named(cx: &Ctx, words: &[String]) -> Result<Vec<Target>, Failure> {
    let target = |kind: Kind, name: &str| Target { kind, namespace: namespace_of(cx, kind), name: name.into() };
    if words.iter().any(|word| word.contains('/')) {
        let mut found = Vec::new();
        for word in words {
            let Some((resource, name)) = word.split_once('/') else {
                let message = "there is no need to specify a resource type as a separate argument when passing arguments in \
                     resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource \
                     resource/<resource_name>'";
                return Err(Failure::Message(message.into()));
            };
            if resource.is_empty() || name.is_empty() || name.contains('/') {
                let message = format!("arguments in resource/name form must have a single resource and name: {word}");
                return Err(Failure::Message(message));
            }
            found.push(target(kind(resource)?, name));
        }
        return Ok(found);
    }
    let Some((resources, names)) = words.split_first() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for resource in resources.split(',') {
        let kind = kind(resource)?;
        found.extend(names.iter().map(|name| target(kind, name)));
    }
    Ok(found)
}

/// The objects themselves, by name, selector, `--all` or file.
pub async fn objects(cx: &Ctx, args: &Args, words: &[String]) -> Result<Vec<Object>, Failure> {
    let mut found = Vec::new();
    if !args.each("filename").is_empty() {
        for loaded in files::load(cx, args).await? {
            found.push(cx.client.get(loaded.kind, &loaded.namespace, &loaded.name).await?);
        }
        return Ok(found);
    }
    let targets = named(cx, words)?;
    let selector = args.get("selector").unwrap_or_default();
    let fields = args.get("field-selector").unwrap_or_default();
    let every = args.on("all") || !selector.is_empty() || !fields.is_empty() || cx.all_namespaces;
    if targets.is_empty() {
        let Some(resources) = words.first() else {
            let message = "You must provide one or more resources by argument or filename.";
            return Err(Failure::Message(message.into()));
        };
        if !every {
            return Err(Failure::Message("resource(s) were provided, but no name was specified".into()));
        }
        for resource in resources.split(',') {
            found.extend(list(cx, kind(resource)?, selector, fields).await?);
        }
        return Ok(found);
    }
    if !selector.is_empty() {
        return Err(Failure::Message("name cannot be provided when a selector is specified".into()));
    }
    for target in targets {
        found.push(cx.client.get(target.kind, &target.namespace, &target.name).await?);
    }
    Ok(found)
}

/// All objects of a kind that the selectors choose, in the namespace in use.
pub async fn list(cx: &Ctx, kind: Kind, labels: &str, fields: &str) -> Result<Vec<Object>, Failure> {
    let namespace = if cx.all_namespaces { String::new() } else { namespace_of(cx, kind) };
    let options =
        ListOptions { label_selector: labels.into(), field_selector: fields.into(), ..ListOptions::default() };
    Ok(cx.client.list(kind, &namespace, options).await?.items)
}

/// What stderr shows for a failure (`CheckErr`).
pub fn failure_text(failure: &Failure) -> String {
    match failure {
        Failure::Message(message) => format!("error: {message}\n"),
        Failure::Plain(message) => format!("{message}\n"),
        Failure::Usage { command, message } => {
            format!("error: {message}\nSee 'kubectl {command} -h' for help and examples\n")
        }
        Failure::Server(error) => server_text("", error),
        Failure::ServerWhen { doing, error } => server_text(doing, error),
        Failure::Exit(_) => String::new(),
    }
}

fn server_text(doing: &str, error: &Error) -> String {
    if error.reason == Reason::Invalid {
        let head = format!("The {} \"{}\" is invalid: ", error.kind, error.name);
        return match error.causes.as_slice() {
            [] => format!("{}\n", error.message),
            [one] => format!("{head}{}: {}\n", one.field, one.message),
            several => {
                let lines: String = several.iter().map(|c| format!("* {}: {}\n", c.field, c.message)).collect();
                format!("{head}\n{lines}")
            }
        };
    }
    let doing = if doing.is_empty() { String::new() } else { format!("{doing}: ") };
    match error.reason.name() {
        "" => format!("Error from server: {doing}{}\n", error.message),
        reason => format!("Error from server ({reason}): {doing}{}\n", error.message),
    }
}

/// Prints every failure but the last, which is left to the caller; 0 without any.
pub async fn finish(cx: &Ctx, mut failures: Vec<Failure>) -> super::Outcome {
    let Some(last) = failures.pop() else { return Ok(0) };
    for failure in &failures {
        cx.err(failure_text(failure)).await;
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_as_typed() {
        let cases = [
            ("po", Some(Kind::Pod)),
            ("Pods", Some(Kind::Pod)),
            ("pods.v1.", Some(Kind::Pod)),
            ("leases.coordination.k8s.io", Some(Kind::Lease)),
            ("lease.v1.coordination.k8s.io", Some(Kind::Lease)),
            ("podz", None),
            ("pods.apps", None),
        ];
        for (word, expected) in cases {
            assert_eq!(kind(word).ok(), expected, "{word}");
        }
    }
}
