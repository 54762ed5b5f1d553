//! Claims of volumes must be bound before a pod that uses them can be placed. Nothing binds them here, so a pod that
//! names one waits: until it exists, and then for its volume.

use super::{Filter, Plugin};
use crate::{
    api::Resource,
    scheduler::cache::{Cache, PodInfo},
};

pub struct VolumeBinding;

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, cache: &'a Cache) -> Filter<'a> {
        let claims = pod.spec().volumes.iter().flatten().filter_map(|volume| volume.persistent_volume_claim.as_ref());
        let mut found = None;
        let namespace = pod.pod.namespace();
        for claim in claims {
            if !cache.has_claim(namespace, &claim.claim_name) {
                return Filter::Reject(format!("persistentvolumeclaim \"{}\" not found", claim.claim_name).into());
            }
            found = Some(Filter::Reject("pod has unbound immediate PersistentVolumeClaims".into()));
        }
        found.unwrap_or(Filter::Skip)
    }
}

/// Whether a pod uses this claim.
pub fn uses(pod: &PodInfo, namespace: &str, name: &str) -> bool {
    let mut claims = pod.spec().volumes.iter().flatten().filter_map(|volume| volume.persistent_volume_claim.as_ref());
    pod.pod.namespace() == namespace && claims.any(|claim| claim.claim_name == name)
}
