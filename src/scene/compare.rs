//! Two branches compared: where they part, what each did then, and the pods that differ at one instant.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Mark;
use super::cluster::{SYSTEM, pod_mark};
use crate::api::Pod;
use crate::apiserver::table;
use crate::lab::{Compare, Entry, Lab, ORIGIN};
use crate::sim::SimTime;

/// Inputs of a branch that are told, and pods.
const MOST_INPUTS: usize = 12;
const MOST_PODS: usize = 40;

/// Times are in seconds since the laboratory opened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    pub parted: f64,
    /// The last thing that both did.
    pub after: Option<String>,
    /// When both are looked at.
    pub at: f64,
    pub sides: [Side; 2],
    /// Pods that differ, by name.
    pub pods: Vec<PodPair>,
    /// Pods that differ and aren't among those.
    pub more: usize,
    /// Pods that are alike.
    pub same: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// As the record numbers branches.
    pub index: usize,
    pub name: String,
    pub end: f64,
    /// What was done after they parted: when, and what.
    pub inputs: Vec<(f64, String)>,
    /// Inputs after those.
    pub more: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PodPair {
    /// With its namespace, where that isn't `default`.
    pub name: String,
    /// `None` where there is no such pod.
    pub sides: [Option<PodState>; 2],
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PodState {
    pub mark: Mark,
    pub phase: String,
    /// kubectl's STATUS column.
    pub status: String,
    pub restarts: i32,
}

/// Of a comparison whose work is done.
pub fn build(compare: &Compare) -> Comparison {
    let [a, b] = compare.labs().map(pods);
    let mut names: Vec<&(String, String)> = a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))).collect();
    names.sort();
    let all = names.len();
    let pair = |name: &(String, String)| {
        let sides = [a.get(name).cloned(), b.get(name).cloned()];
        let shown = if name.0 == "default" { name.1.clone() } else { format!("{}/{}", name.0, name.1) };
        (sides[0] != sides[1]).then_some(PodPair { name: shown, sides })
    };
    let mut pods: Vec<PodPair> = names.into_iter().filter_map(pair).collect();
    let differ = pods.len();
    pods.truncate(MOST_PODS);
    let (own, names, ends) = (compare.own(), compare.names(), compare.ends());
    let side = |i: usize| {
        let mut inputs: Vec<(f64, String)> = Vec::new();
        for (at, words) in own[i].iter().filter_map(|e| Some((seconds(e.at), said(e)?))) {
            // Keys typed into one file are one edit.
            if inputs.last().is_none_or(|(_, last)| *last != words) {
                inputs.push((at, words));
            }
        }
        let more = inputs.len().saturating_sub(MOST_INPUTS);
        inputs.truncate(MOST_INPUTS);
        Side { index: compare.branches[i], name: names[i].to_owned(), end: seconds(ends[i]), inputs, more }
    };
    Comparison {
        parted: seconds(compare.parted),
        after: compare.common().rev().find_map(said),
        at: seconds(compare.at),
        sides: [side(0), side(1)],
        more: differ - pods.len(),
        pods,
        same: all - differ,
    }
}

/// What was done, if it is worth a word: keys and sizes aren't.
fn said(entry: &Entry) -> Option<String> {
    entry.title.clone().or_else(|| entry.input.title())
}

fn seconds(at: SimTime) -> f64 {
    at.since(ORIGIN).as_secs_f64()
}

/// All but the cluster's own, by namespace and name.
fn pods(lab: &Lab) -> BTreeMap<(String, String), PodState> {
    let state = |pod: &Pod| {
        let status = pod.status.as_ref();
        let said = table::pod_status(pod);
        let containers = status.and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
        PodState {
            mark: pod_mark(pod, &said),
            phase: status.and_then(|s| s.phase.clone()).unwrap_or_default(),
            restarts: containers.iter().map(|c| c.restart_count).sum(),
            status: said,
        }
    };
    let name = |pod: &Pod| {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        (part(&pod.metadata.namespace), part(&pod.metadata.name))
    };
    let view = lab.view();
    view.pods().filter(|p| p.metadata.namespace.as_deref() != Some(SYSTEM)).map(|p| (name(p), state(p))).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lab::{Config, Input, NodeSize, Player};

    fn go(player: &mut Player, to: f64) {
        player.advance(ORIGIN + Duration::from_secs_f64(to), u64::MAX, None);
    }

    fn compared(player: &Player, near: f64) -> Comparison {
        let near = ORIGIN + Duration::from_secs_f64(near);
        let mut compare = Compare::begin(player.record(), [0, 1], near).expect("two branches");
        let mut slices = 0;
        while !compare.run(500) {
            slices += 1;
        }
        assert!(slices > 1, "the work is cut");
        build(&compare)
    }

    #[test]
    fn branches_are_told_apart_by_what_was_done_and_by_their_pods() {
        let mut player = Player::new(Config::introduction());
        player.input(Input::Command("kubectl apply -f kubia-http.yaml".into()));
        go(&mut player, 20.0);
        player.input(Input::Command("kubectl run one --image=nginx".into()));
        go(&mut player, 40.0);
        player.seek(ORIGIN + Duration::from_secs(15));
        go(&mut player, 15.0);
        player.input(Input::Command("kubectl delete pod kubia-http --wait=false".into()));
        go(&mut player, 16.0);
        let size = NodeSize { pods: 5, ..NodeSize::default() };
        player.input(Input::ResizeNode { name: "podarium-worker".into(), size });
        assert_eq!(player.undoable(), Some("Resize podarium-worker: 4 CPU, 8Gi, 5 pods"));
        player.input(Input::EditFile { path: "kubia-ssl.yaml".into(), at: 0, removed: 0, data: b"#".to_vec() });
        player.input(Input::EditFile { path: "kubia-ssl.yaml".into(), at: 1, removed: 0, data: b"!".to_vec() });
        go(&mut player, 60.0);
        let told = compared(&player, 30.0);
        assert_eq!((told.parted, told.at), (15.0, 30.0));
        assert_eq!(told.after.as_deref(), Some("kubectl apply -f kubia-http.yaml"));
        let inputs =
            told.sides.each_ref().map(|s| s.inputs.iter().map(|(at, w)| format!("{at} {w}")).collect::<Vec<_>>());
        assert_eq!(
            inputs,
            [
                vec!["20 kubectl run one --image=nginx"],
                vec![
                    "15 kubectl delete pod kubia-http --wait=false",
                    "16 Resize podarium-worker: 4 CPU, 8Gi, 5 pods",
                    "16 Edit kubia-ssl.yaml"
                ],
            ]
        );
        let said = |s: &Option<PodState>| {
            s.as_ref().map_or("-".into(), |s| format!("{} {} {}", s.phase, s.status, s.restarts))
        };
        let pods: Vec<String> =
            told.pods.iter().map(|p| format!("{}: {} | {}", p.name, said(&p.sides[0]), said(&p.sides[1]))).collect();
        assert_eq!(pods, ["kubia-http: Running Running 0 | Running Terminating 0", "one: Running Running 0 | -"]);
        // Neither before they part, nor after one's end.
        assert_eq!((compared(&player, 3.0).at, compared(&player, 50.0).at), (15.0, 40.0));
        assert!(Compare::begin(player.record(), [1, 1], ORIGIN).is_none());
        assert!(Compare::begin(player.record(), [0, 7], ORIGIN).is_none());
    }
}
