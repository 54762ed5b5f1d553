//! Claims of volumes: those that are bound tie a pod to the nodes of their volumes; those whose class waits for a pod get
//! a volume with the node; the others must be bound first.
//! Sources: kubernetes `pkg/scheduler/framework/plugins/{volumebinding,volumerestrictions}`.

use std::rc::Rc;

use k8s_openapi::api::core::v1::NodeSelector;

use super::{Filter, NodeInfo, Plugin, Refusal, node_affinity};
use crate::{
    api::{
        Resource,
        other::Other,
        volumes::{self, NO_PROVISIONER, SELECTED_NODE, annotation, is_bound, volume_of},
    },
    scheduler::cache::{Cache, PodInfo},
};

pub struct VolumeBinding;

/// What becomes of a claim with the choice of a node.
pub enum Choice {
    /// It gets this volume.
    Volume(Rc<Other>, Rc<Other>),
    /// Its class' provisioner makes one.
    Provision(Rc<Other>),
}

const NO_VOLUME: &str = "node(s) didn't find available persistent volumes to bind";
const LOST_VOLUME: &str = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
const ELSEWHERE: &str = "node(s) didn't match PersistentVolume's node affinity";
const ONE_POD: &str = "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use \
                       by another pod";

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cache: &'a Cache) -> Filter<'a> {
        let mut names = volumes::claims(&pod.pod).peekable();
        if names.peek().is_none() {
            return Filter::Skip;
        }
        let namespace = pod.pod.namespace();
        let mut bound: Vec<Option<Option<NodeSelector>>> = Vec::new();
        let mut delayed: Vec<&Rc<Other>> = Vec::new();
        let (mut immediate, mut in_use) = (false, false);
        for (volume, name) in names {
            let made = volume.persistent_volume_claim.is_none();
            let Some(claim) = cache.claim(namespace, &name) else {
                if made {
                    let why = "waiting for ephemeral volume controller to create the persistentvolumeclaim";
                    return Filter::Reject(format!("{why} \"{name}\"").into());
                }
                return Filter::Reject(format!("persistentvolumeclaim \"{name}\" not found").into());
            };
            if claim.text("status/phase") == "Lost" {
                let volume = volume_of(claim);
                return Filter::Reject(
                    format!("persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{volume}\"")
                        .into(),
                );
            }
            if claim.metadata.deletion_timestamp.is_some() {
                return Filter::Reject(format!("persistentvolumeclaim \"{name}\" is being deleted").into());
            }
            if made && let Err(why) = volumes::is_made_for(claim, &pod.pod) {
                return Filter::Reject(why.into());
            }
            if is_bound(claim) {
                bound.push(cache.volume(volume_of(claim)).map(|volume| volumes::affinity(volume)));
            } else if volume_of(claim).is_empty() && volumes::is_delayed(cache.class(volumes::class(claim))) {
                delayed.push(claim);
            } else {
                immediate = true;
            }
            let modes = claim.at("spec/accessModes").as_array();
            if modes.is_some_and(|modes| modes.iter().any(|mode| mode == "ReadWriteOncePod")) {
                let users = cache.nodes().iter().flat_map(|node| node.pods.values());
                in_use |= users.into_iter().any(|other| other.uid() != pod.uid() && uses(other, namespace, &name));
            }
        }
        if immediate {
            return Filter::Reject("pod has unbound immediate PersistentVolumeClaims".into());
        }
        Filter::check(move |node| {
            if in_use {
                return Err(Refusal::resolvable(ONE_POD));
            }
            for affinity in &bound {
                match affinity {
                    None => return Err(Refusal::unresolvable(LOST_VOLUME)),
                    Some(Some(affinity)) if !allows(affinity, node) => return Err(Refusal::unresolvable(ELSEWHERE)),
                    Some(_) => {}
                }
            }
            let mut taken = Vec::new();
            for claim in &delayed {
                match choose(claim, cache, node, &taken) {
                    Some(Choice::Volume(volume, _)) => taken.push(volume),
                    Some(Choice::Provision(_)) => {}
                    None => return Err(Refusal::unresolvable(NO_VOLUME)),
                }
            }
            Ok(())
        })
    }
}

fn allows(affinity: &NodeSelector, node: &NodeInfo) -> bool {
    affinity.node_selector_terms.iter().any(|term| node_affinity::matches(term, node))
}

/// The volume that a waiting claim gets on a node, or its making; `None` if it can't have one there.
fn choose(claim: &Rc<Other>, cache: &Cache, node: &NodeInfo, taken: &[Rc<Other>]) -> Option<Choice> {
    let selected = annotation(claim, SELECTED_NODE);
    if !selected.is_empty() {
        return (selected == &*node.name).then(|| Choice::Provision(claim.clone()));
    }
    let free = cache.volumes().filter(|volume| {
        !cache.is_promised(volume, claim) && !taken.iter().any(|taken| taken.metadata.name == volume.metadata.name)
    });
    let here = |volume: &Other| volumes::affinity(volume).is_none_or(|affinity| allows(&affinity, node));
    if let Some(volume) = volumes::choose(free, claim, false, here) {
        return Some(Choice::Volume(volume.clone(), claim.clone()));
    }
    let class = cache.class(volumes::class(claim))?;
    let provisioner = class.text("provisioner");
    let mut topologies = class.at("allowedTopologies").as_array().into_iter().flatten().peekable();
    let mut allowed = topologies.peek().is_none();
    for topology in topologies {
        let mut expressions = topology["matchLabelExpressions"].as_array().into_iter().flatten();
        allowed |= expressions.all(|expression| {
            let label = super::label(node, expression["key"].as_str().unwrap_or_default());
            let mut values = expression["values"].as_array().into_iter().flatten();
            values.any(|value| value.as_str() == label)
        });
    }
    (!provisioner.is_empty() && provisioner != NO_PROVISIONER && allowed).then(|| Choice::Provision(claim.clone()))
}

/// What becomes of the pod's waiting claims on the node that was chosen.
pub fn choices(pod: &PodInfo, cache: &Cache, node: &str) -> Vec<Choice> {
    let Some(node) = cache.node(node) else { return Vec::new() };
    let mut choices = Vec::new();
    let mut taken = Vec::new();
    for (_, name) in volumes::claims(&pod.pod) {
        let Some(claim) = cache.claim(pod.pod.namespace(), &name).filter(|claim| !is_bound(claim)) else { continue };
        if let Some(choice) = choose(claim, cache, node, &taken) {
            if let Choice::Volume(volume, _) = &choice {
                taken.push(volume.clone());
            }
            choices.push(choice);
        }
    }
    choices
}

/// Whether a pod uses this claim.
pub fn uses(pod: &PodInfo, namespace: &str, name: &str) -> bool {
    pod.pod.namespace() == namespace && volumes::claims(&pod.pod).any(|(_, claim)| claim == name)
}
