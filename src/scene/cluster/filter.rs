//! Which pods somebody wants to see: words of a name, `ns:kube-system`, `node:worker2`, `is:failed`, labels as
//! `app=web` or `app!=web`. A pod has to meet all of them.

use super::PodTile;
use crate::api::Pod;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter(Vec<Term>);

#[derive(Clone, Debug, PartialEq)]
enum Term {
    Word(String),
    Namespace(String),
    Node(String),
    Is(String),
    Label { key: String, value: String, not: bool },
}

impl Filter {
    pub fn parse(text: &str) -> Filter {
        Filter(text.split_whitespace().map(term).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn matches(&self, pod: &Pod, tile: &PodTile) -> bool {
        let node = pod.spec.as_ref().and_then(|s| s.node_name.as_deref()).unwrap_or("");
        let labels = pod.metadata.labels.as_ref();
        self.0.iter().all(|term| match term {
            Term::Word(w) => tile.name.contains(w.as_str()) || tile.namespace.contains(w.as_str()),
            Term::Namespace(n) => tile.namespace == *n,
            Term::Node(n) => node.contains(n.as_str()),
            Term::Is(s) => tile.mark.class().starts_with(s.as_str()) || tile.status.to_lowercase().contains(s.as_str()),
            Term::Label { key, value, not } => (labels.and_then(|l| l.get(key)).is_some_and(|v| v == value)) != *not,
        })
    }
}

fn term(word: &str) -> Term {
    if let Some(n) = word.strip_prefix("ns:") {
        return Term::Namespace(n.into());
    }
    if let Some(n) = word.strip_prefix("node:") {
        return Term::Node(n.into());
    }
    if let Some(s) = word.strip_prefix("is:") {
        return Term::Is(s.to_lowercase());
    }
    if let Some((key, value)) = word.split_once("!=") {
        return Term::Label { key: key.into(), value: value.into(), not: true };
    }
    if let Some((key, value)) = word.split_once('=') {
        return Term::Label { key: key.into(), value: value.trim_start_matches('=').into(), not: false };
    }
    Term::Word(word.into())
}
