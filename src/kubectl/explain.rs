//! `kubectl explain`: what the API's schema says of a kind or field.

use super::{Args, Ctx, Outcome, fail, resource};
use crate::api::{
    Kind,
    schema::{self, Field, Struct},
};

/// Deepest fields that `--recursive` lists; no type of the API goes deeper without repeating itself.
const DEEPEST: usize = 24;

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let typed = match &args.args[..] {
        [] => {
            return fail(
                "You must specify the type of resource to explain. Use \"kubectl api-resources\" for a complete list of supported resources.",
            );
        }
        [typed] => typed.trim_end_matches('.'),
        _ => return fail("We accept only this format: explain RESOURCE"),
    };
    match args.get("output").unwrap_or_default() {
        "" | "plaintext" | "plaintext-openapiv2" => {}
        other => return fail(format!("unrecognized format: {other}")),
    }
    let mut words = typed.split('.');
    let kind = resource::kind(words.next().unwrap_or_default())?;
    let path: Vec<&str> = words.collect();
    let (text, missing) = explain(kind, &path, args.on("recursive"));
    cx.out(text).await;
    match missing {
        Some(name) => fail(format!("field \"{name}\" does not exist")),
        None => Ok(0),
    }
}

/// The text, and the name of the field that does not exist, if one doesn't.
fn explain(kind: Kind, path: &[&str], recursive: bool) -> (String, Option<String>) {
    let mut out = String::new();
    if !kind.group().is_empty() {
        out.push_str(&format!("GROUP:      {}\n", kind.group()));
    }
    out.push_str(&format!("KIND:       {}\nVERSION:    {}\n\n", kind.name(), kind.version()));
    let found = match schema::lookup(kind, path) {
        Ok(found) => found,
        Err(_) => return (out, path.last().map(|name| name.to_string())),
    };
    if !path.is_empty() {
        out.push_str(&format!("FIELD: {} <{}>\n", found.name, found.type_name));
        if !found.values.is_empty() {
            out.push_str("ENUM:");
            for value in &found.values {
                out.push_str(&format!("\n    {}", shown(value)));
            }
        }
        out.push_str("\n\n");
    }
    let description = if found.description.is_empty() { "<empty>".into() } else { format!("{}\n", found.description) };
    out.push_str(&format!("DESCRIPTION:\n{}\n", wrapped(&description, 76, 4)));
    if let Some(inner) = found.inner
        && !found.children.is_empty()
    {
        out.push_str("FIELDS:\n");
        fields(inner, 1, recursive, &mut out);
    }
    out.push('\n');
    (out, None)
}

fn fields(of: &Struct, level: usize, recursive: bool, out: &mut String) {
    for field in &of.fields {
        detail(of, field, level, recursive, out);
        if recursive
            && level < DEEPEST
            && let Some(inner) = field.shape.inner()
            && inner.key != of.key
        {
            fields(inner, level + 1, recursive, out);
        }
    }
}

fn detail(of: &Struct, field: &Field, level: usize, short: bool, out: &mut String) {
    let indent = level * 2;
    let blanks = " ".repeat(indent);
    out.push_str(&format!("{blanks}{}\t<{}>", field.name, field.shape.explained()));
    if field.required {
        out.push_str(" -required-");
    }
    let values: Vec<&str> = field.shape.values.split(',').filter(|value| !value.is_empty()).collect();
    if !values.is_empty() {
        let mut first: Vec<&str> = values.iter().take(4).map(|value| shown(value)).collect();
        if values.len() > 4 {
            first.push("....");
        }
        out.push_str(&format!("\n{blanks}enum: {}", first.join(", ")));
    }
    out.push('\n');
    if !short {
        let description = schema::description(of, field);
        let description = if description.is_empty() { "<no description>" } else { &description };
        out.push_str(&wrapped(description, 78 - indent, indent + 2));
        out.push_str("\n\n");
    }
}

fn shown(value: &str) -> &str {
    if value.is_empty() { "\"\"" } else { value }
}

/// `text` with its words in lines of at most `width`, each behind `indent` blanks; its own line breaks
/// and the blanks at the start of its lines stay.
fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.split('\n') {
        let start = paragraph.len() - paragraph.trim_start().len();
        let mut line = paragraph[..start].to_string();
        let mut empty = true;
        for word in paragraph.split_whitespace() {
            let needed = line.chars().count() + usize::from(!empty) + word.chars().count();
            if !empty && needed > width {
                lines.push(std::mem::take(&mut line));
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        lines.push(line);
    }
    let blanks = " ".repeat(indent);
    let lines: Vec<String> = lines.into_iter().map(|line| format!("{blanks}{line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enum() {
        let expected = "KIND:       Pod
VERSION:    v1

FIELD: restartPolicy <string>
ENUM:
    Always
    Never
    OnFailure

DESCRIPTION:
    Restart policy for all containers within the pod. One of Always, OnFailure,
    Never. In some contexts, only a subset of those values may be permitted.
    Default to Always. More info:
    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
    
    Possible enum values:
     - `\"Always\"`
     - `\"Never\"`
     - `\"OnFailure\"`
    

";
        assert_eq!(explain(Kind::Pod, &["spec", "restartPolicy"], false), (expected.to_string(), None));
    }

    #[test]
    fn a_struct_lists_its_fields() {
        let (text, missing) = explain(Kind::Pod, &["spec", "containers", "livenessProbe"], false);
        assert_eq!(missing, None);
        assert!(text.contains("FIELD: livenessProbe <Probe>\n\n\nDESCRIPTION:\n"), "{text}");
        assert!(
            text.contains(
                "\nFIELDS:\n  exec\t<ExecAction>\n    Exec specifies a command to execute in the container.\n\n"
            ),
            "{text}"
        );
        assert!(text.ends_with("#container-probes\n\n\n"), "{text}");
    }

    #[test]
    fn recursion_shows_names_and_types() {
        let (text, _) = explain(Kind::Pod, &["spec", "containers", "ports"], true);
        assert!(text.ends_with("FIELDS:\n  containerPort\t<integer> -required-\n  hostIP\t<string>\n  hostPort\t<integer>\n  name\t<string>\n  protocol\t<string>\n  enum: SCTP, TCP, UDP\n\n"), "{text}");
    }

    #[test]
    fn a_wrong_name() {
        let (text, missing) = explain(Kind::Pod, &["spec", "nosuch"], false);
        assert_eq!((text.as_str(), missing.as_deref()), ("KIND:       Pod\nVERSION:    v1\n\n", Some("nosuch")));
    }
}
