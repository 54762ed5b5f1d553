//! What other stories did to nodes while one was told: cordons, taints, a lost kubelet.
//!
//! The stories of one run of the recorder happened at the same time in one cluster, each told by its own clock. Their clocks
//! were brought together by this: when a node's taints change, the pods that wait are tried again. For the same reason a
//! story's clock, known to a second by the creation of its pod, is known better.

use Change::{Cordoned, Started, Stopped, Tainted};
use serde_json::Value;

/// `clusterNodes` of the run begins so.
const RUN: &str = "node-1..node-12";
/// 2026-11-23T08:41:00Z
const BASE: f64 = 1_795_423_260.0;
/// Seconds within which a waiting pod is tried again.
const PROMPT: f64 = 0.08;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Cordoned(bool),
    /// Key, value and effect; `None`: no longer.
    Tainted(Option<[&'static str; 3]>),
    Stopped,
    Started,
}

/// Seconds after [`BASE`], node, what was done.
const DEEDS: [(f64, &str, Change); 11] = [
    (24.75, "node-8", Stopped),
    (27.61, "node-4", Tainted(None)),
    (28.77, "node-12", Cordoned(true)),
    (33.04, "node-5", Tainted(Some(["maint", "now", "NoExecute"]))),
    (37.68, "node-6", Cordoned(true)),
    (42.76, "node-12", Cordoned(false)),
    (60.63, "node-6", Cordoned(false)),
    (61.03, "node-5", Tainted(None)),
    (65.62, "node-7", Cordoned(true)),
    (120.64, "node-7", Cordoned(false)),
    (444.94, "node-8", Started),
];

/// The cluster's own part in this: it taints a cordoned node, and one whose kubelet is lost.
const MOMENTS: [f64; 12] = [27.61, 28.78, 33.04, 37.68, 42.76, 60.63, 61.03, 65.63, 74.57, 74.60, 120.64, 120.65];

/// In the told story's time, in seconds.
#[derive(Clone, Debug)]
pub struct Deed {
    pub t: f64,
    pub node: &'static str,
    pub change: Change,
}

/// When a story's clock was at zero at the earliest, in seconds after [`BASE`]; a second later at the latest.
fn zero(case: &Value) -> Option<f64> {
    let object = &case["finalObject"]["metadata"];
    let created: jiff::Timestamp = object["creationTimestamp"].as_str()?.parse().ok()?;
    let pod = case["pods"].as_array().into_iter().flatten().find(|pod| pod["name"] == object["name"]);
    Some(created.as_second() as f64 - BASE - pod.and_then(|pod| pod["created"].as_f64()).unwrap_or(0.0))
}

/// What the others of its run did to nodes that aren't the story's own.
pub fn deeds(case: &Value) -> Vec<Deed> {
    let of_run = case["clusterNodes"].as_str().is_some_and(|nodes| nodes.starts_with(RUN));
    let Some(earliest) = zero(case).filter(|_| of_run) else { return Vec::new() };
    let failed = |event: &&Value| event[2] == "FailedScheduling";
    let tried: Vec<f64> =
        case["events"].as_array().into_iter().flatten().filter(failed).filter_map(|event| event[0].as_f64()).collect();
    // In hundredths; among equals what is nearest to the middle.
    let score = |hundredths: &i32| {
        let began = earliest + f64::from(*hundredths) / 100.0;
        let follows = |moment: &&f64| tried.iter().any(|t| (0.0..PROMPT).contains(&(t + began - **moment)));
        (MOMENTS.iter().filter(follows).count(), -(hundredths - 50).abs())
    };
    let began = earliest + f64::from((-10..=110).max_by_key(score).unwrap_or(50)) / 100.0;
    let changed = |state: &Value| {
        state["unschedulable"] == true || state["taints"].as_array().is_some_and(|taints| !taints.is_empty())
    };
    let states = case["nodes"]["transitions"].as_object().into_iter().flatten();
    let own: Vec<&String> = states
        .filter(|(_, states)| states.as_array().into_iter().flatten().any(|state| changed(&state[1])))
        .map(|(node, _)| node)
        .collect();
    let deeds = DEEDS.into_iter().filter(|(_, node, _)| !own.iter().any(|own| own == node));
    deeds.map(|(t, node, change)| Deed { t: t - began, node, change }).collect()
}
