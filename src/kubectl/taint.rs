//! `kubectl taint`.

use k8s_openapi::api::core::v1::{Node, Taint};
use serde_json::json;

use super::{Args, Ctx, Failure, Outcome, fail, resource};
use crate::api::{
    Kind, Resource,
    client::{self, FieldValidation, ListOptions, Patch, Subresource, WriteOptions},
    names,
};

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let (mut resources, mut specs) = (Vec::new(), Vec::new());
    for arg in &args.args {
        if arg.contains(['=', ':']) || arg.ends_with('-') {
            specs.push(arg.as_str());
        } else if specs.is_empty() {
            resources.push(arg.as_str());
        } else {
            return fail(format!("all resources must be specified before taint changes: {arg}"));
        }
    }
    let Some((typed, names)) = resources.split_first() else {
        return fail("one or more resources must be specified as <resource> <name>");
    };
    if specs.is_empty() {
        return fail("at least one taint update is required");
    }
    let usage = |message: String| Failure::Usage { command: "taint".into(), message };
    let changes = Changes::parse(&specs).map_err(usage)?;
    if resource::kind(typed)? != Kind::Node {
        return fail(format!("invalid resource type {}, only node types are supported", typed.to_lowercase()));
    }
    changes.check().map_err(Failure::Message)?;
    let selector = args.get("selector").unwrap_or_default();
    let nodes = match (args.on("all"), selector) {
        (true, selector) if !selector.is_empty() => {
            return fail("setting 'all' parameter with a non empty selector is prohibited");
        }
        (false, "") => {
            if names.is_empty() {
                return fail("at least one resource name must be specified since 'all' parameter is not set");
            }
            let mut nodes = Vec::new();
            for name in names {
                nodes.push(client::get::<Node>(&*cx.client, "", name).await?);
            }
            nodes
        }
        (_, selector) => {
            let options = ListOptions { label_selector: selector.into(), ..ListOptions::default() };
            client::list::<Node>(&*cx.client, "", options).await?
        }
    };
    let (suffix, send, dry_run) = match args.get("dry-run") {
        None | Some("none" | "false") => ("", true, false),
        Some("server") => (" (server dry run)", true, true),
        _ => (" (dry run)", false, false),
    };
    for node in nodes {
        let old = node.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
        let (taints, operation) = changes.apply(node.name(), &old, args.on("overwrite")).map_err(Failure::Message)?;
        if send {
            let taints = if taints.is_empty() { json!(null) } else { json!(taints) };
            let patch = Patch::Merge(json!({"spec": {"taints": taints}}));
            let options = WriteOptions {
                dry_run,
                field_validation: FieldValidation::Strict,
                field_manager: "kubectl-taint".into(),
                force: false,
            };
            cx.client.patch(Kind::Node, "", node.name(), Subresource::None, patch, options).await?;
        }
        cx.out(format!("node/{} {operation}{suffix}\n", node.name())).await;
    }
    Ok(0)
}

/// Taints to add and to remove. One to remove may lack its effect: then it means all of its key.
#[derive(Debug, Default)]
pub struct Changes {
    pub add: Vec<Taint>,
    pub remove: Vec<Taint>,
}

impl Changes {
    /// The specs of a command line: `key=value:effect`, `key:effect-`, `key-`.
    pub fn parse(specs: &[&str]) -> Result<Changes, String> {
        let mut changes = Changes::default();
        for spec in specs {
            if let Some(spec) = spec.strip_suffix('-') {
                let taint = taint(spec)?;
                changes.remove.push(Taint { value: None, ..taint });
                continue;
            }
            let taint = taint(spec)?;
            if taint.effect.is_empty() {
                return Err(format!("invalid taint spec: {spec}"));
            }
            if changes.add.iter().any(|known| same(known, &taint)) {
                let value = taint.value.unwrap_or_default();
                return Err(format!(
                    "duplicated taints with the same key and effect: {{{} {value} {} <nil>}}",
                    taint.key, taint.effect
                ));
            }
            changes.add.push(taint);
        }
        Ok(changes)
    }

    fn check(&self) -> Result<(), String> {
        let mut clashes = Vec::new();
        for add in &self.add {
            for remove in self.remove.iter().filter(|remove| remove.key == add.key) {
                if remove.effect.is_empty() || remove.effect == add.effect {
                    clashes.push(format!("{}={}", remove.key, remove.effect));
                }
            }
        }
        if clashes.is_empty() {
            return Ok(());
        }
        Err(format!(
            "can not both modify and remove the following taint(s) in the same command: {}",
            clashes.join(", ")
        ))
    }

    /// The node's new taints, and what is said of it.
    pub fn apply(&self, node: &str, old: &[Taint], overwrite: bool) -> Result<(Vec<Taint>, &'static str), String> {
        if !overwrite {
            let known: Vec<&str> = self
                .add
                .iter()
                .filter(|add| old.iter().any(|old| same(old, add)))
                .map(|taint| taint.key.as_str())
                .collect();
            if !known.is_empty() {
                return Err(format!(
                    "node {node} already has {} taint(s) with same effect(s) and --overwrite is false",
                    known.join(",")
                ));
            }
        }
        let mut taints = self.add.clone();
        for taint in old {
            if !taints.iter().any(|new| same(new, taint)) {
                taints.push(taint.clone());
            }
        }
        let added = old.len() != taints.len();
        let mut missing = Vec::new();
        let mut removed = false;
        for remove in &self.remove {
            let before = taints.len();
            taints.retain(|taint| {
                !(taint.key == remove.key && (remove.effect.is_empty() || taint.effect == remove.effect))
            });
            removed = taints.len() != before;
            if !removed {
                let effect = if remove.effect.is_empty() { String::new() } else { format!(":{}", remove.effect) };
                missing.push(format!("taint \"{}{effect}\" not found", remove.key));
            }
        }
        if !missing.is_empty() {
            return Err(if missing.len() == 1 { missing.concat() } else { format!("[{}]", missing.join(", ")) });
        }
        let operation = if (added && removed) || overwrite {
            "modified"
        } else if added {
            "tainted"
        } else {
            "untainted"
        };
        Ok((taints, operation))
    }
}

fn same(a: &Taint, b: &Taint) -> bool {
    a.key == b.key && a.effect == b.effect
}

/// `key=value:effect`, `key:effect`, `key`.
fn taint(spec: &str) -> Result<Taint, String> {
    let invalid = |why: Vec<String>| match why.is_empty() {
        true => format!("invalid taint spec: {spec}"),
        false => format!("invalid taint spec: {spec}, {}", why.join("; ")),
    };
    let parts: Vec<&str> = spec.split(':').collect();
    let (key, value, effect) = match parts[..] {
        [key] => (key, "", ""),
        [pair, effect] => {
            if !EFFECTS.contains(&effect) {
                return Err(format!("invalid taint effect: {effect}, unsupported taint effect"));
            }
            match pair.split('=').collect::<Vec<_>>()[..] {
                [key] => (key, "", effect),
                [key, value] => {
                    let faults = names::label_value(value);
                    if !faults.is_empty() {
                        return Err(invalid(faults));
                    }
                    (key, value, effect)
                }
                _ => return Err(invalid(Vec::new())),
            }
        }
        _ => return Err(invalid(Vec::new())),
    };
    let faults = names::qualified_name(key);
    if !faults.is_empty() {
        return Err(invalid(faults));
    }
    Ok(Taint {
        key: key.into(),
        value: (!value.is_empty()).then(|| value.into()),
        effect: effect.into(),
        time_added: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(old: &str, specs: &str, overwrite: bool) -> String {
        let old: Vec<Taint> = old.split_whitespace().map(|spec| taint(spec).unwrap()).collect();
        let specs: Vec<&str> = specs.split_whitespace().collect();
        let changed = Changes::parse(&specs).and_then(|changes| {
            changes.check()?;
            changes.apply("n", &old, overwrite)
        });
        match changed {
            Ok((taints, operation)) => {
                let texts: Vec<String> = taints
                    .iter()
                    .map(|t| format!("{}={}:{}", t.key, t.value.as_deref().unwrap_or_default(), t.effect))
                    .collect();
                format!("{operation} {}", texts.join(" "))
            }
            Err(why) => why,
        }
    }

    #[test]
    fn changes() {
        let rows = [
            ("", "a=b:NoSchedule", false, "tainted a=b:NoSchedule"),
            (
                "a=b:NoSchedule",
                "a=c:NoSchedule",
                false,
                "node n already has a taint(s) with same effect(s) and --overwrite is false",
            ),
            ("a=b:NoSchedule", "a=c:NoSchedule", true, "modified a=c:NoSchedule"),
            ("a=b:NoSchedule", "a:NoSchedule-", false, "untainted "),
            ("a=b:NoSchedule a=b:NoExecute", "a-", false, "untainted "),
            ("a=b:NoSchedule", "dedicated-", false, "taint \"dedicated\" not found"),
            ("", "a=b:Foo", false, "invalid taint effect: Foo, unsupported taint effect"),
            (
                "",
                "a=b",
                false,
                "invalid taint spec: a=b, name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            ),
            (
                "",
                "a=b:NoSchedule a-",
                false,
                "can not both modify and remove the following taint(s) in the same command: a=",
            ),
        ];
        for (old, specs, overwrite, expected) in rows {
            assert_eq!(change(old, specs, overwrite), expected, "{specs}");
        }
    }
}
