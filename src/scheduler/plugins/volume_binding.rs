//! Claims of volumes must exist before a pod that uses them can be placed. No claims are kept here,
//! so a pod that names one waits for it.

use super::{Filter, Plugin};
use crate::scheduler::cache::{Cache, PodInfo};

pub struct VolumeBinding;

impl Plugin for VolumeBinding {
    fn name(&self) -> &'static str {
        "VolumeBinding"
    }

    fn filter<'a>(&self, pod: &'a PodInfo, _: &'a Cache) -> Filter<'a> {
        let claim = pod.spec().volumes.iter().flatten().find_map(|v| v.persistent_volume_claim.as_ref());
        match claim {
            None => Filter::Skip,
            Some(claim) => Filter::Reject(format!("persistentvolumeclaim \"{}\" not found", claim.claim_name).into()),
        }
    }
}
