//! Terms of pods' affinity to other pods, worked out once for each pod.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PodAffinityTerm, WeightedPodAffinityTerm};

use crate::api::{
    Pod,
    selector::{LabelSelector, Labels},
};

/// All terms of one pod.
#[derive(Debug, Default)]
pub struct Terms {
    pub required: Vec<Term>,
    pub required_anti: Vec<Term>,
    /// With their weights.
    pub preferred: Vec<(i64, Term)>,
    pub preferred_anti: Vec<(i64, Term)>,
    /// Why terms can't be read; they are left out then.
    pub fault: Option<String>,
}

#[derive(Debug)]
pub struct Term {
    namespaces: BTreeSet<String>,
    namespace_selector: LabelSelector,
    selector: LabelSelector,
    pub topology_key: String,
}

impl Terms {
    /// `None` for a pod without affinity to other pods.
    pub fn of(pod: &Pod) -> Option<Box<Terms>> {
        let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref())?;
        let (near, far) = (affinity.pod_affinity.as_ref(), affinity.pod_anti_affinity.as_ref());
        if near.is_none() && far.is_none() {
            return None;
        }
        let mut faults = Vec::new();
        let mut weighted = |name: &str, list: Option<&Vec<WeightedPodAffinityTerm>>| {
            let terms: Result<Vec<_>, String> = list
                .into_iter()
                .flatten()
                .map(|term| Ok((i64::from(term.weight), Term::new(pod, &term.pod_affinity_term)?)))
                .collect();
            terms.unwrap_or_else(|why| {
                faults.push(format!("{name}: {why}"));
                Vec::new()
            })
        };
        let preferred = near.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref());
        let preferred = weighted("preferredAffinityTerms", preferred);
        let preferred_anti = far.and_then(|a| a.preferred_during_scheduling_ignored_during_execution.as_ref());
        let preferred_anti = weighted("preferredAntiAffinityTerms", preferred_anti);
        let mut plain = |name: &str, list: Option<&Vec<PodAffinityTerm>>| {
            let terms: Result<Vec<_>, String> = list.into_iter().flatten().map(|term| Term::new(pod, term)).collect();
            terms.unwrap_or_else(|why| {
                faults.push(format!("{name}: {why}"));
                Vec::new()
            })
        };
        let required = near.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
        let required = plain("requiredAffinityTerms", required);
        let required_anti = far.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
        let required_anti = plain("requiredAntiAffinityTerms", required_anti);
        let fault = match faults.len() {
            0 => None,
            1 => faults.pop(),
            _ => Some(format!("[{}]", faults.join(", "))),
        };
        Some(Box::new(Terms { required, required_anti, preferred, preferred_anti, fault }))
    }
}

impl Term {
    fn new(pod: &Pod, term: &PodAffinityTerm) -> Result<Term, String> {
        let mut namespaces: BTreeSet<String> = term.namespaces.iter().flatten().cloned().collect();
        if namespaces.is_empty() && term.namespace_selector.is_none() {
            namespaces.insert(pod.metadata.namespace.clone().unwrap_or_default());
        }
        Ok(Term {
            namespaces,
            namespace_selector: LabelSelector::from_api(term.namespace_selector.as_ref())?,
            selector: LabelSelector::from_api(term.label_selector.as_ref())?,
            topology_key: term.topology_key.clone(),
        })
    }

    /// Whether the term means a pod, in a namespace with these labels.
    pub fn matches(&self, pod: &Pod, namespace_labels: Option<&Labels>) -> bool {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        (self.namespaces.contains(namespace) || self.namespace_selector.matches(namespace_labels))
            && self.selector.matches(pod.metadata.labels.as_ref())
    }
}
