//! What checks of pods let through (`PodValidationOptions`): features, and the faults of an object that is there already,
//! which a change of something else must not meet.

use k8s_openapi::{api::core::v1::PodAffinityTerm, apimachinery::pkg::apis::meta::v1::LabelSelector};

use super::{pod::each_container, resources, scheduling, text, volume};
use crate::api::{
    Pod, PodSpec,
    field::{Errors, Path},
    names,
};

/// The default is for a new pod, with the features of the simulated version.
#[derive(Clone, Debug)]
pub struct Options {
    /// Almost any printable name for an environment variable.
    pub any_env_names: bool,
    /// `fileKeyRef`.
    pub env_files: bool,
    pub privileged: bool,
    /// A `sleep` of 0 s.
    pub zero_sleep: bool,
    /// Containers with restart policies and rules of their own.
    pub restart_rules: bool,
    /// `resizePolicy` of init containers.
    pub sidecar_resize: bool,
    /// A pod, and not a template.
    pub is_pod: bool,
    /// A spread constraint's `matchLabelKeys` become a part of its selector.
    pub merged_match_keys: bool,
    /// The old pod's `matchLabelKeys` don't stand the check that [`Options::merged_match_keys`] chooses.
    pub wrong_match_keys: bool,
    pub wrong_spread_selectors: bool,
    /// Label values of required node affinity.
    pub wrong_node_values: bool,
    /// Label values of pod affinity.
    pub wrong_selector_values: bool,
    /// `RestartContainer` for init containers that end.
    pub init_restart_on_resize: bool,
    /// Block devices in a user namespace.
    pub user_namespace_devices: bool,
    pub wrong_deletion_cost: bool,
    pub wrong_token_paths: bool,
    pub wrong_huge_pages: bool,
    pub wrong_sysctls: bool,
    /// Addresses as they were read before 1.36, with leading zeros.
    pub legacy_addresses: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            any_env_names: true,
            env_files: true,
            privileged: true,
            zero_sleep: true,
            restart_rules: true,
            sidecar_resize: true,
            is_pod: true,
            merged_match_keys: true,
            ..Options::none()
        }
    }
}

impl Options {
    /// Nothing is let through.
    pub fn none() -> Options {
        Options {
            any_env_names: false,
            env_files: false,
            privileged: false,
            zero_sleep: false,
            restart_rules: false,
            sidecar_resize: false,
            is_pod: false,
            merged_match_keys: false,
            wrong_match_keys: false,
            wrong_spread_selectors: false,
            wrong_node_values: false,
            wrong_selector_values: false,
            init_restart_on_resize: false,
            user_namespace_devices: false,
            wrong_deletion_cost: false,
            wrong_token_paths: false,
            wrong_huge_pages: false,
            wrong_sysctls: false,
            legacy_addresses: false,
        }
    }

    /// For a change of `old` (`GetValidationOptionsFromPodSpecAndMeta`).
    pub fn for_update(old: &Pod) -> Options {
        let Some(spec) = &old.spec else { return Options::default() };
        let fails = |check: &dyn Fn(&mut Errors)| {
            let mut errors = Errors::new();
            check(&mut errors);
            !errors.is_empty()
        };
        let constraints = || spec.topology_spread_constraints.iter().flatten();
        let mut options = Options {
            wrong_spread_selectors: constraints()
                .any(|c| fails(&|e| super::label_selector(e, c.label_selector.as_ref(), &Path::NONE))),
            wrong_match_keys: constraints().any(|c| fails(&|e| scheduling::spread_match_keys(e, c, &Path::NONE))),
            wrong_node_values: wrong_node_values(spec),
            wrong_selector_values: pod_terms(spec)
                .iter()
                .any(|term| wrong_values(&term.label_selector) || wrong_values(&term.namespace_selector)),
            wrong_deletion_cost: old
                .metadata
                .annotations
                .iter()
                .flatten()
                .any(|(key, cost)| key == super::pod::DELETION_COST && !super::pod::is_deletion_cost(cost)),
            wrong_token_paths: volume::token_paths(spec)
                .any(|path| fails(&|e| volume::non_reserved_path(e, path, &Path::NONE))),
            wrong_sysctls: fails(&|e| super::security::host_sysctls(e, spec, &Path::NONE)),
            ..Options::default()
        };
        let mut devices = false;
        each_container(spec, |list, _, container| {
            let of = container.resources.as_ref();
            let lists = [of.and_then(|r| r.requests.as_ref()), of.and_then(|r| r.limits.as_ref())];
            options.wrong_huge_pages |= lists.into_iter().flatten().any(resources::has_indivisible_huge_pages);
            devices |= container.volume_devices.as_ref().is_some_and(|devices| !devices.is_empty());
            let ends = list == "initContainers" && text(&container.restart_policy) != "Always";
            let mut policies = container.resize_policy.iter().flatten();
            options.init_restart_on_resize |= ends && policies.any(|p| p.restart_policy == "RestartContainer");
        });
        options.user_namespace_devices = devices && spec.host_users == Some(false);
        options
    }
}

fn wrong_node_values(spec: &PodSpec) -> bool {
    let node = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required = node.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
    let terms = required.iter().flat_map(|selector| &selector.node_selector_terms);
    let mut expressions = terms.flat_map(|term| term.match_expressions.iter().flatten());
    expressions.any(|e| e.values.iter().flatten().any(|value| !names::label_value(value).is_empty()))
}

fn wrong_values(selector: &Option<LabelSelector>) -> bool {
    let expressions = selector.iter().flat_map(|selector| selector.match_expressions.iter().flatten());
    let mut values = expressions.flat_map(|e| e.values.iter().flatten());
    values.any(|value| !names::label_value(value).is_empty())
}

/// All terms of a pod's affinity and anti-affinity.
fn pod_terms(spec: &PodSpec) -> Vec<&PodAffinityTerm> {
    let Some(affinity) = &spec.affinity else { return Vec::new() };
    let mut terms = Vec::new();
    if let Some(near) = &affinity.pod_affinity {
        terms.extend(near.required_during_scheduling_ignored_during_execution.iter().flatten());
        let preferred = near.preferred_during_scheduling_ignored_during_execution.iter().flatten();
        terms.extend(preferred.map(|weighted| &weighted.pod_affinity_term));
    }
    if let Some(far) = &affinity.pod_anti_affinity {
        terms.extend(far.required_during_scheduling_ignored_during_execution.iter().flatten());
        let preferred = far.preferred_during_scheduling_ignored_during_execution.iter().flatten();
        terms.extend(preferred.map(|weighted| &weighted.pod_affinity_term));
    }
    terms
}
