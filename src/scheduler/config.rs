//! How the scheduler's plugins are configured (`KubeSchedulerConfiguration`). The default is kube-scheduler's.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{NodeAffinity, TopologySpreadConstraint};

use crate::api::field::{Errors, Path};

#[derive(Clone, Debug)]
pub struct Args {
    /// NodeAffinity: what all pods are held to besides their own.
    pub added_affinity: Option<NodeAffinity>,
    /// TaintToleration: `Gt` and `Lt` (a feature that is off).
    pub comparing_tolerations: bool,
    /// NodeResourcesFit: extended resources that aren't looked at, by name and by what stands before the slash.
    pub ignored_resources: BTreeSet<String>,
    pub ignored_resource_groups: BTreeSet<String>,
    /// NodeResourcesFit: how nodes are scored, and by which resources.
    pub strategy: Strategy,
    pub fit_resources: Vec<(String, i64)>,
    /// NodeResourcesBalancedAllocation
    pub balanced_resources: Vec<(String, i64)>,
    /// PodTopologySpread: for pods without constraints of their own that services choose.
    pub default_constraints: Vec<TopologySpreadConstraint>,
    /// Whether those are nobody's wish.
    pub default_constraints_are_the_systems: bool,
    /// PodTopologySpread: features that have come to stay.
    pub node_inclusion_policies: bool,
    pub match_label_keys: bool,
    /// InterPodAffinity: how much a pod's required affinity to a newcomer weighs.
    pub hard_affinity_weight: i64,
    /// InterPodAffinity: only the newcomer's own preferences count.
    pub ignore_others_preferences: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strategy {
    LeastAllocated,
    MostAllocated,
    /// Scores (0 to 100) at utilizations in percent, with straight lines between.
    RequestedToCapacityRatio(Vec<(i64, i64)>),
}

impl Default for Args {
    fn default() -> Args {
        let both = || vec![("cpu".to_string(), 1), ("memory".to_string(), 1)];
        Args {
            added_affinity: None,
            comparing_tolerations: false,
            ignored_resources: BTreeSet::new(),
            ignored_resource_groups: BTreeSet::new(),
            strategy: Strategy::LeastAllocated,
            fit_resources: both(),
            balanced_resources: both(),
            default_constraints: vec![spread(3, "kubernetes.io/hostname"), spread(5, "topology.kubernetes.io/zone")],
            default_constraints_are_the_systems: true,
            node_inclusion_policies: true,
            match_label_keys: true,
            hard_affinity_weight: 1,
            ignore_others_preferences: false,
        }
    }
}

fn spread(max_skew: i32, key: &str) -> TopologySpreadConstraint {
    TopologySpreadConstraint {
        max_skew,
        topology_key: key.into(),
        when_unsatisfiable: "ScheduleAnyway".into(),
        ..TopologySpreadConstraint::default()
    }
}

impl Args {
    /// What is wrong with the resources that nodes are scored by.
    pub fn check(&self, errors: &mut Errors) {
        let path = Path::root("scoringStrategy");
        let path = path.child("resources");
        for (index, (name, weight)) in self.fit_resources.iter().enumerate() {
            if !(1..=100).contains(weight) {
                let why = format!("resource weight of {name} not in valid range (0, 100]");
                errors.invalid(&path.index(index).child("weight"), weight, &why);
            }
        }
    }
}
