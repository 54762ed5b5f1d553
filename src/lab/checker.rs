//! What is wrong in a manifest that is being written: kubectl's and the apiserver's complaints, and those about images of the
//! workspace. Documents that stayed as they were are not looked at again, so a key costs what its document costs.

use std::{collections::BTreeMap, mem};

use crate::{
    api::diagnose::{self, Diagnostic},
    manifest::{self, Documents},
    registry::own,
};

#[derive(Default)]
pub struct Checker {
    /// What was found in each document of the last text; places count from its beginning.
    known: BTreeMap<String, Vec<Diagnostic>>,
}

impl Checker {
    /// All complaints, in their order.
    pub fn check(&mut self, text: &str) -> Vec<Diagnostic> {
        let Some(parts) = parts(text) else { return faults(&manifest::parse(text)) };
        let mut before = mem::take(&mut self.known);
        let mut all = Vec::new();
        for (start, part) in parts {
            let found = self
                .known
                .entry(part.to_owned())
                .or_insert_with(|| before.remove(part).unwrap_or_else(|| faults(&manifest::parse_yaml(part))));
            all.extend(found.iter().map(|d| Diagnostic {
                start: start + d.start,
                end: start + d.end,
                message: d.message.clone(),
            }));
        }
        all
    }
}

fn faults(documents: &Documents) -> Vec<Diagnostic> {
    let mut found = diagnose::diagnose(documents);
    let images = own::diagnose(documents).into_iter();
    found.extend(images.map(|(span, message)| Diagnostic { start: span.start, end: span.end, message }));
    found.sort_by_key(|d| d.start);
    found
}

/// The documents between separators, with their places; none where they can't be read one by one: JSON, and separators that
/// are none.
fn parts(text: &str) -> Option<Vec<(usize, &str)>> {
    if text.starts_with('\u{feff}') || text.trim_start().starts_with('{') {
        return None;
    }
    let (mut parts, mut start, mut end) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        let at = end;
        end += line.len();
        let Some(after) = line.strip_prefix("---").map(str::trim) else { continue };
        if !after.is_empty() && !after.starts_with('#') {
            return None;
        }
        // A separator with nothing before it belongs to the document that it opens.
        if at > start {
            parts.push((start, &text[start..at]));
            start = end;
        }
    }
    parts.push((start, &text[start..]));
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENTS: [&str; 10] = [
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: mïne\nspec:\n  containres: []\n",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: b}]}\n",
        "a: b: c\n",
        "{\"kind\": \"Pod\"}\n",
        "",
        "# nothing\n\n",
        "kind: Podd\napiVersion: v1\n",
        "text: |\n  one\n  --- two\n",
        "spec: {containers: [{name: a, image: b}}\n",
        "apiVersion: podarium.dev/v1\nkind: Image\nspec: {image: a, sise: 3}\n",
    ];

    #[test]
    fn documents_one_by_one_have_the_faults_that_they_have_together() {
        let mut checker = Checker::default();
        for first in DOCUMENTS {
            for second in DOCUMENTS {
                for separator in ["---\n", "--- # and\n", "---   \n---\n", "--- no\n"] {
                    let text = format!("{first}{separator}{second}{separator}{first}");
                    assert_eq!(checker.check(&text), faults(&manifest::parse(&text)), "{text}");
                }
            }
        }
    }
}
