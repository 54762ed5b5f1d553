//! What kubectl and the apiserver would say of a manifest that is being written, with the place of each
//! complaint: the same functions that refuse it when it is applied.

use super::{client::FieldValidation, decode, object::Kind};
use crate::manifest::{Document, Documents, Span};

/// A complaint about the bytes `start..end` of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub start: usize,
    pub end: usize,
    pub message: String,
}

impl Diagnostic {
    fn new(span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { start: span.start, end: span.end, message: message.into() }
    }
}

/// All complaints about a file's documents, in their order.
pub fn diagnose(documents: &Documents) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for item in &documents.items {
        match item {
            Ok(document) => document_faults(document, &mut found),
            Err(error) => found.push(Diagnostic::new(error.span, error.message.clone())),
        }
    }
    found.sort_by_key(|d| d.start);
    found
}

fn document_faults(document: &Document, found: &mut Vec<Diagnostic>) {
    let mut at = |path: &str, message: String| found.push(Diagnostic::new(document.spans.mark(path), message));
    let text = |key: &str| document.value.get(key).and_then(|v| v.as_str()).unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    if !document.value.is_object() {
        return at("", "invalid object to validate".into());
    }
    if version.is_empty() || kind.is_empty() {
        if version.is_empty() {
            at("", "apiVersion not set".into());
        }
        if kind.is_empty() {
            at("", "kind not set".into());
        }
        return;
    }
    // Images of the workspace have rules of their own.
    if version == "podarium.dev/v1" && kind == "Image" {
        return;
    }
    let Some(kind) = Kind::from_api_version_kind(version, kind) else {
        return at("kind", format!("no matches for kind \"{kind}\" in version \"{version}\""));
    };
    match decode::clean(kind, document.value.clone()) {
        Err(message) => {
            // `… Go struct field Container.spec.containers.image of type string`
            let field = message.split("Go struct field ").nth(1).and_then(|rest| rest.split(' ').next());
            let path = field.and_then(|field| field.split_once('.')).map_or("", |(_, path)| path);
            at(path, message.clone());
        }
        Ok((value, unknown)) => {
            for path in &unknown {
                at(path, format!("unknown field \"{path}\""));
            }
            // Left to say: what is wrong in a value itself, a quantity for instance.
            if unknown.is_empty()
                && let Err(error) = decode::decode(kind, value, FieldValidation::Ignore)
            {
                at("", error.message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::manifest;

    fn diagnose(text: &str) -> Vec<super::Diagnostic> {
        super::diagnose(&manifest::parse(text))
    }

    #[test]
    fn complaints_stand_where_the_fault_is() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: mïne\nspec:\n";
        let table = [
            ("a: b: c\n".to_string(), "", "mapping values are not allowed in this context"),
            ("kind: Pod\n".to_string(), "", "apiVersion not set"),
            ("apiVersion: v1\nkind: Podd\n".to_string(), "Podd", "no matches for kind \"Podd\" in version \"v1\""),
            (format!("{pod}  containres: []\n"), "containres", "unknown field \"spec.containres\""),
        ];
        for (text, place, message) in table {
            let found = diagnose(&text);
            let first = found.first().unwrap_or_else(|| panic!("nothing said of {text}"));
            assert!(first.message.contains(message), "{}", first.message);
            assert!(text[first.start..first.end].contains(place), "{:?}", &text[first.start..first.end]);
        }
        assert_eq!(diagnose(&format!("{pod}  containers:\n  - name: a\n    image: b\n")), []);
    }
}
