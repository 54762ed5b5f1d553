//! Nodes that already have large images of the pod are better.

use super::{Normalize, Plugin, Score};
use crate::scheduler::cache::{Cache, NodeInfo, PodInfo};

const MB: i64 = 1024 * 1024;
/// Bytes below which images don't count, and above which (for each container) more don't.
const MIN: i64 = 23 * MB;
const MAX: i64 = 1000 * MB;

pub struct ImageLocality;

impl Plugin for ImageLocality {
    fn name(&self) -> &'static str {
        "ImageLocality"
    }

    fn weight(&self) -> i64 {
        1
    }

    fn score<'a>(&self, pod: &'a PodInfo, cache: &'a Cache, _: &[&'a NodeInfo]) -> Option<Score<'a>> {
        let spec = pod.spec();
        let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
        let count = containers.clone().count() as i64;
        let volumes = spec.volumes.iter().flatten().filter_map(|v| v.image.as_ref()?.reference.as_deref());
        let images: Vec<String> =
            containers.map(|c| c.image.as_deref().unwrap_or_default()).chain(volumes).map(normalized).collect();
        let nodes = cache.nodes().len().max(1) as f64;
        // Images that many nodes have count more, lest one node draws all pods.
        let images: Vec<(String, f64)> = images
            .into_iter()
            .filter_map(|image| {
                let spread = cache.nodes_with(&image);
                (spread > 0).then(|| (image, spread as f64 / nodes))
            })
            .collect();
        let score = move |node: &NodeInfo| {
            let here = |(image, spread): &(String, f64)| {
                node.images.get(image).map_or(0, |size| (*size as f64 * spread) as i64)
            };
            let sum: i64 = images.iter().map(here).sum();
            let max = MAX * count.max(1);
            100 * (sum.clamp(MIN, max) - MIN) / (max - MIN)
        };
        Some(Score { score: Box::new(score), normalize: Normalize::No })
    }
}

/// An image name as nodes list it: with a tag.
pub fn normalized(name: &str) -> String {
    let tagged = name.rfind(':') > name.rfind('/');
    if tagged { name.into() } else { format!("{name}:latest") }
}
