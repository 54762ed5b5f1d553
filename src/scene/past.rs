//! A pod's recorded history as a timeline's facts, and the network's events as requests.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Mark;
use super::cluster::SYSTEM;
use super::facts::PodFacts;
use super::timeline::{EventMark, Lane, Moment, Probe, Span, Streak, TimelineFacts};
use super::traffic::{address, unmapped};
use crate::kubelet::inspect::{ProbeKind, SandboxView};
use crate::lab::view::{ContainerRecord, ContainerState, PodHistory, PodRecord, View};
use crate::os::net::{NetEvent, NetEventKind};
use crate::sim::SimTime;

/// Pods that the timeline of all shows at most.
const MOST_PODS: usize = 200;

/// What is known of a pod's life until `now`, `head` being what is shown; `pod` as it is now, if it is still there, with
/// what its node tells of it.
pub fn timeline(
    history: &PodHistory,
    view: &View,
    pod: Option<&PodFacts>,
    sandbox: Option<&SandboxView>,
    now: SimTime,
    head: SimTime,
) -> TimelineFacts {
    let until = history.removed.map(SimTime::as_secs_f64);
    let mut phases = Track::default();
    let mut ready = Track::default();
    let mut conditions: BTreeMap<&str, Track> = BTreeMap::new();
    let mut names: Vec<&str> = Vec::new();
    let mut lanes: BTreeMap<&str, Track> = BTreeMap::new();
    for (at, record) in &history.records {
        let at = at.as_secs_f64();
        let (mark, words) = phase(record);
        phases.turn(at, mark, words);
        if let Some((status, message)) = &record.ready {
            let words = match message {
                Some(message) if status != "True" => format!("{status}: {message}"),
                _ => status.to_string(),
            };
            ready.turn(at, truth(status), words);
        }
        for (name, status) in record.conditions() {
            conditions.entry(name).or_default().turn(at, truth(status), status.to_string());
        }
        for c in record.containers.iter() {
            if !names.contains(&&*c.name) {
                names.push(&c.name);
            }
            let (mark, words) = container(c);
            lanes.entry(&c.name).or_default().turn(at, mark, words);
        }
    }
    // The status lists containers by name; the pod has them in their order.
    if let Some(pod) = pod {
        let order = pod.containers();
        names.sort_by_key(|name| order.iter().position(|c| c.name == *name));
    }
    let mut lanes: Vec<Lane> = names
        .into_iter()
        .filter_map(|name| Some(Lane { name: name.to_owned(), spans: lanes.remove(name)?.end(until) }))
        .collect();
    for lane in &mut lanes {
        let due = pod.and_then(|p| {
            let inside = p.inside_of(&lane.name)?;
            let pulling = lane.spans.last().is_some_and(|s| s.words.starts_with("ImagePull"));
            let (due, _) = if pulling { inside.pull_back_off } else { inside.back_off }?;
            Some(now.as_secs_f64() + due.duration_since(p.now).as_secs_f64())
        });
        if let Some(span) = lane.spans.last_mut().filter(|s| s.until.is_none() && s.mark == Mark::Waiting) {
            span.due = due;
        }
    }
    let mut phases = phases.end(until);
    if let Some(since) = pod.and_then(|p| Some(now.as_secs_f64() - p.now.duration_since(p.node_lost?).as_secs_f64())) {
        lose(&mut phases, since, |words| format!("Unknown (the API says {words})"));
        for lane in &mut lanes {
            lose(&mut lane.spans, since, |_| "Unknown".into());
        }
    }
    // In the order in which a pod comes to have them.
    let order = ["PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady"];
    let mut conditions: Vec<Lane> =
        conditions.into_iter().map(|(name, track)| Lane { name: name.into(), spans: track.end(until) }).collect();
    conditions.sort_by_key(|lane| order.iter().position(|name| *name == lane.name).unwrap_or(order.len()));
    let ip = pod.and_then(address);
    TimelineFacts {
        now: now.as_secs_f64(),
        head: head.as_secs_f64(),
        from: history.created.as_secs_f64(),
        until,
        phases,
        lanes,
        ready: ready.end(until),
        conditions,
        probes: sandbox.map(probes).unwrap_or_default(),
        pulls: pulls(history, until),
        requests: moments(view, ip),
        events: events(history),
        ..TimelineFacts::default()
    }
}

/// All pods' phases, the oldest first; the cluster's own don't count.
pub fn overview(view: &View, now: SimTime, head: SimTime) -> TimelineFacts {
    let mut all: Vec<&PodHistory> = view.histories().filter(|h| h.namespace != SYSTEM).collect();
    all.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.name.cmp(&b.name)));
    let newest = all.len().saturating_sub(MOST_PODS);
    let lane = |h: &&PodHistory| {
        let mut track = Track::default();
        for (at, record) in &h.records {
            let stuck = record.containers.iter().find(|c| {
                matches!(&c.state, ContainerState::Waiting { reason } if reason.ends_with("BackOff") || reason.starts_with("Err"))
            });
            let (mark, words) = match stuck.filter(|_| !record.deleting) {
                Some(c) => container(c),
                None => phase(record),
            };
            track.turn(at.as_secs_f64(), mark, words);
        }
        let name = if h.namespace == "default" { h.name.clone() } else { format!("{}/{}", h.namespace, h.name) };
        Lane { name, spans: track.end(h.removed.map(SimTime::as_secs_f64)) }
    };
    TimelineFacts {
        now: now.as_secs_f64(),
        head: head.as_secs_f64(),
        from: all.get(newest).map_or(now, |h| h.created).as_secs_f64(),
        lanes: all.iter().skip(newest).map(lane).collect(),
        pods: all.iter().skip(newest).map(|h| h.uid.to_string()).collect(),
        ..TimelineFacts::default()
    }
}

fn truth(status: &str) -> Mark {
    if status == "True" { Mark::Running } else { Mark::Pending }
}

fn probes(sandbox: &SandboxView) -> Vec<Probe> {
    let kind = |kind| match kind {
        ProbeKind::Startup => "startup",
        ProbeKind::Liveness => "liveness",
        ProbeKind::Readiness => "readiness",
    };
    let several = sandbox.containers.len() > 1;
    let name = |container: &str, kind: &str| if several { format!("{kind} {container}") } else { kind.to_string() };
    let streak = |s: &crate::kubelet::inspect::Streak| Streak {
        from: s.from.as_secs_f64(),
        until: s.until.as_secs_f64(),
        count: s.count,
        success: s.success,
    };
    let probe = |c: &crate::kubelet::inspect::Counter| Probe {
        name: name(&c.container, kind(c.kind)),
        container: c.container.clone(),
        streaks: c.streaks.iter().map(streak).collect(),
    };
    sandbox.probes.iter().map(probe).collect()
}

/// What was pulled for the pod, as its events tell.
fn pulls(history: &PodHistory, until: Option<f64>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (at, e) in &history.events {
        let (at, reason) = (at.as_secs_f64(), &*e.reason);
        let Some(image) = e.message.split('"').nth(1) else { continue };
        let open = spans.iter_mut().rev().find(|s| s.until.is_none() && s.words.ends_with(image));
        match (reason, open) {
            ("Pulling", _) => {
                spans.push(Span {
                    from: at,
                    until: None,
                    mark: Mark::Pending,
                    words: format!("pulling {image}"),
                    due: None,
                });
            }
            ("Pulled", Some(span)) => {
                (span.until, span.mark, span.words) = (Some(at), Mark::Succeeded, format!("pulled {image}"));
            }
            ("Failed", Some(span)) => {
                (span.until, span.mark, span.words) = (Some(at), Mark::Failed, format!("failed {image}"));
            }
            _ => {}
        }
    }
    for span in &mut spans {
        span.until = span.until.or(until);
    }
    spans
}

/// What was asked of an address, and what became of it where nothing was answered.
fn moments(view: &View, ip: Option<IpAddr>) -> Vec<Moment> {
    let moment = |e: &NetEvent| {
        let (words, bad) = match &e.kind {
            NetEventKind::Request { method, path, .. } => (format!("{method} {path}"), false),
            NetEventKind::Refused => (format!("port {}: connection refused", e.to.port()), true),
            NetEventKind::TimedOut => (format!("port {}: timed out", e.to.port()), true),
            _ => return None,
        };
        let to_it = ip.is_some_and(|ip| unmapped(e.to.ip()) == ip);
        to_it.then(|| Moment { at: e.at.as_secs_f64(), words: format!("{words} from {}", unmapped(e.from.ip())), bad })
    };
    view.net_events().filter_map(moment).collect()
}

/// From `since` on nothing is known.
fn lose(spans: &mut Vec<Span>, since: f64, words: impl Fn(&str) -> String) {
    let Some(last) = spans.last_mut().filter(|s| s.until.is_none()) else { return };
    let since = since.max(last.from);
    last.until = Some(since);
    let words = words(&last.words);
    spans.push(Span { from: since, until: None, mark: Mark::Unknown, words, due: None });
}

fn phase(record: &PodRecord) -> (Mark, String) {
    let phase = if record.phase.is_empty() { "Pending" } else { &record.phase };
    if record.deleting {
        return (Mark::Ending, format!("{phase}, Terminating"));
    }
    let mark = match phase {
        "Running" => Mark::Running,
        "Succeeded" => Mark::Succeeded,
        "Failed" => Mark::Failed,
        "Unknown" => Mark::Unknown,
        _ => Mark::Pending,
    };
    let reason = record.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default();
    (mark, format!("{phase}{reason}"))
}

fn container(record: &ContainerRecord) -> (Mark, String) {
    let (mark, words) = state(&record.state);
    match record.restarts {
        0 => (mark, words),
        n => (mark, format!("{words} · restart {n}")),
    }
}

fn state(state: &ContainerState) -> (Mark, String) {
    match state {
        ContainerState::Running => (Mark::Running, "Running".into()),
        ContainerState::Waiting { reason } if reason.ends_with("BackOff") => (Mark::Waiting, reason.to_string()),
        ContainerState::Waiting { reason } if reason.starts_with("Err") || reason.ends_with("Error") => {
            (Mark::Failed, reason.to_string())
        }
        ContainerState::Waiting { reason } => {
            (Mark::Pending, if reason.is_empty() { "Waiting".into() } else { reason.to_string() })
        }
        ContainerState::Terminated { reason, exit_code: 0 } => {
            (Mark::Succeeded, if reason.is_empty() { "Completed".into() } else { reason.to_string() })
        }
        ContainerState::Terminated { reason, exit_code } => {
            (Mark::Failed, format!("{}, exit code {exit_code}", if reason.is_empty() { "Error" } else { reason }))
        }
    }
}

fn events(history: &PodHistory) -> Vec<EventMark> {
    history
        .events
        .iter()
        .map(|(at, e)| EventMark {
            at: at.as_secs_f64(),
            reason: e.reason.to_string(),
            message: e.message.to_string(),
            warning: e.warning,
            count: e.count,
            container: e.container.as_deref().map(str::to_owned),
        })
        .collect()
}

/// Spans in the making: a turn to the same again is no turn.
#[derive(Default)]
struct Track(Vec<Span>);

impl Track {
    fn turn(&mut self, at: f64, mark: Mark, words: String) {
        if let Some(last) = self.0.last_mut() {
            if last.mark == mark && last.words == words {
                return;
            }
            last.until = Some(at);
        }
        self.0.push(Span { from: at, until: None, mark, words, due: None });
    }

    fn end(mut self, until: Option<f64>) -> Vec<Span> {
        if let (Some(last), Some(until)) = (self.0.last_mut(), until) {
            last.until = Some(until);
        }
        self.0
    }
}
