//! What is new at an instant, in words; what a run can be told to stop at; and how all is now.

use super::view::{ContainerState, PodHistory, PodRecord, View};
use crate::os::net::NetEventKind;
use crate::sim::SimTime;

/// The cluster's own namespace, which is no news.
const SYSTEM: &str = "kube-system";

/// What changed at `now`: `kubia-http: Pulled`, `second of clash: Running`.
pub fn at(view: &View, now: SimTime) -> Option<String> {
    let own = |h: &&PodHistory| h.namespace == SYSTEM;
    let people = view.histories().filter(|h| !own(h)).find_map(|h| pod(h, now));
    people
        .or_else(|| view.net_events().rev().take_while(|e| e.at == now).find_map(|e| request(&e.kind)))
        .or_else(|| view.histories().filter(own).find_map(|h| pod(h, now)))
}

fn pod(history: &PodHistory, now: SimTime) -> Option<String> {
    let name = &history.name;
    if history.removed == Some(now) {
        return Some(format!("{name} is gone"));
    }
    let mut records = history.records.iter().rev();
    let last = records.next().filter(|(at, _)| *at == now).map(|(_, record)| record);
    // What it was before this instant.
    let before = records.find(|(at, _)| *at < now).map(|(_, record)| record);
    if let Some(what) = last.and_then(|last| change(before, last)) {
        return Some(format!("{name}: {what}"));
    }
    let (_, event) = history.events.back().filter(|(at, _)| *at == now)?;
    Some(format!("{name}: {}", if event.reason.is_empty() { "event" } else { &event.reason }))
}

fn change(before: Option<&PodRecord>, now: &PodRecord) -> Option<String> {
    let Some(before) = before else { return Some("created".into()) };
    if now.deleting && !before.deleting {
        return Some("Terminating".into());
    }
    if now.phase != before.phase {
        return Some(now.phase.to_string());
    }
    let several = now.containers.len() > 1;
    for c in now.containers.iter() {
        let old = before.containers.iter().find(|o| o.name == c.name);
        if old.map(|o| &o.state) != Some(&c.state) {
            let state = state(&c.state);
            return Some(if several { format!("{} {state}", c.name) } else { state });
        }
    }
    let ready = |r: &PodRecord| r.ready.as_ref().is_some_and(|(status, _)| status == "True");
    match (ready(before), ready(now)) {
        (false, true) => Some("Ready".into()),
        (true, false) => Some("not ready".into()),
        _ => None,
    }
}

fn state(state: &ContainerState) -> String {
    match state {
        ContainerState::Running => "Running".into(),
        ContainerState::Waiting { reason } if reason.is_empty() => "Waiting".into(),
        ContainerState::Waiting { reason } => reason.to_string(),
        ContainerState::Terminated { reason, exit_code: 0 } if !reason.is_empty() => reason.to_string(),
        ContainerState::Terminated { exit_code, .. } => format!("exit code {exit_code}"),
    }
}

fn request(kind: &NetEventKind) -> Option<String> {
    Some(match kind {
        NetEventKind::Request { method, path, .. } => format!("{method} {path}"),
        NetEventKind::Response { status, .. } => format!("answer {status}"),
        NetEventKind::Refused => "connection refused".into(),
        NetEventKind::TimedOut => "connection timed out".into(),
        NetEventKind::Clash => "a port is taken".into(),
        NetEventKind::Listen => "a port opens".into(),
        NetEventKind::Closed => "a port closes".into(),
        NetEventKind::Connect => "a connection".into(),
    })
}

/// Something to run until.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The pod is Ready, having not been so.
    Ready,
    /// A container of the pod was started again.
    Restart,
    /// The pod is in another phase, or gone.
    Phase,
}

impl Stop {
    /// A question to ask of each later view: has it happened to this pod, or to any of the people's without one?
    pub fn watch(self, view: &View, uid: Option<&str>) -> impl FnMut(&View) -> bool + 'static {
        let uid = uid.map(str::to_string);
        let start = self.state(view, uid.as_deref());
        let mut ready = start.0;
        move |view| {
            let (now_ready, restarts, phases) = self.state(view, uid.as_deref());
            let was_ready = std::mem::replace(&mut ready, now_ready);
            match self {
                Stop::Ready => now_ready > was_ready,
                Stop::Restart => restarts > start.1,
                Stop::Phase => phases != start.2,
            }
        }
    }

    /// Ready pods, restarts, phases.
    fn state(self, view: &View, uid: Option<&str>) -> (usize, i64, Vec<(String, String)>) {
        let mut state = (0, 0, Vec::new());
        let mut add = |history: &PodHistory| {
            let Some((_, record)) = history.records.back().filter(|_| history.removed.is_none()) else { return };
            state.0 += usize::from(record.ready.as_ref().is_some_and(|(status, _)| status == "True"));
            state.1 += record.containers.iter().map(|c| i64::from(c.restarts)).sum::<i64>();
            if self == Stop::Phase {
                state.2.push((history.uid.to_string(), record.phase.to_string()));
            }
        };
        match uid {
            Some(uid) => view.history(uid).into_iter().for_each(&mut add),
            None => view.histories().filter(|h| h.namespace != SYSTEM).for_each(&mut add),
        }
        state
    }
}

/// How a laboratory stands: `2 pods: 1 Running, 1 Pending; 3 restarts`.
pub fn summary(view: &View) -> String {
    let mut phases: Vec<(String, usize)> = Vec::new();
    let (mut pods, mut restarts) = (0, 0);
    let living = view.histories().filter(|h| h.namespace != SYSTEM && h.removed.is_none());
    for (_, record) in living.filter_map(|h| h.records.back()) {
        pods += 1;
        restarts += record.containers.iter().map(|c| i64::from(c.restarts)).sum::<i64>();
        let waiting = record.containers.iter().find_map(|c| match &c.state {
            ContainerState::Waiting { reason } if reason.ends_with("BackOff") => Some(reason.to_string()),
            _ => None,
        });
        let word = waiting.unwrap_or_else(|| record.phase.to_string());
        match phases.iter_mut().find(|(phase, _)| *phase == word) {
            Some((_, count)) => *count += 1,
            None => phases.push((word, 1)),
        }
    }
    if pods == 0 {
        return "no pods".into();
    }
    let phases: Vec<String> = phases.iter().map(|(phase, count)| format!("{count} {phase}")).collect();
    let restarts = match restarts {
        0 => String::new(),
        1 => "; 1 restart".into(),
        n => format!("; {n} restarts"),
    };
    format!("{pods} {}: {}{restarts}", if pods == 1 { "pod" } else { "pods" }, phases.join(", "))
}
