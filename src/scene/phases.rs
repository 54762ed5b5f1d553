//! The five phases of a pod as a diagram: those it had with their times, the one it is in, and what could come next and why.
//!
//! Pending and Running stand in a row, the three others at the right below each other; where that does not fit, all stand in
//! one column.

use serde::Serialize;

use super::facts::{ContainerFacts, PodFacts, Role};
use super::{Group, Mark, duration, fit, sans, wrap};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseScene {
    pub width: f64,
    pub height: f64,
    pub groups: Vec<Group>,
}

const TEXT: f64 = 11.0;
const PILL: f64 = 96.0;
const HIGH: f64 = 26.0;

#[derive(Clone, Copy, PartialEq)]
enum State {
    Past,
    Now,
    /// Could come next.
    Next,
    Never,
}

struct Phase {
    name: &'static str,
    mark: Mark,
    state: State,
    /// When it came, or what would cause it.
    words: String,
}

pub fn build(facts: &PodFacts, width: f64) -> PhaseScene {
    let width = width.clamp(300.0, 1600.0);
    let phases = phases(facts);
    if width < 560.0 { column(&phases, width) } else { row(&phases, width) }
}

fn phases(facts: &PodFacts) -> [Phase; 5] {
    let containers = facts.containers();
    let now = if facts.is_unknown() { "Unknown" } else { facts.phase() };
    let came = |name: &str| facts.phases.iter().rfind(|(_, phase)| phase == name).map(|(at, _)| *at);
    let over = facts.is_over();
    let phase = |name: &'static str, mark: Mark, cause: Option<String>| {
        let state = match () {
            () if now == name => State::Now,
            () if facts.phase() == name || came(name).is_some() => State::Past,
            () if over || cause.as_ref().is_none_or(|c| c.starts_with("never")) => State::Never,
            () => State::Next,
        };
        let words = match (state, came(name)) {
            (State::Now | State::Past, Some(at)) if name == "Pending" && at < 0.05 => "when it was created".into(),
            (State::Now | State::Past, Some(at)) => format!("after {}", duration(at)),
            _ => cause.unwrap_or_default(),
        };
        Phase { name, mark, state, words }
    };
    let running = now == "Running";
    let pending = now == "Pending";
    [
        phase("Pending", Mark::Pending, None),
        phase("Running", Mark::Running, pending.then(|| to_running(facts, &containers))),
        phase("Succeeded", Mark::Succeeded, (running || pending).then(|| to_succeeded(facts, &containers))),
        phase("Failed", Mark::Failed, (running || pending).then(|| to_failed(facts, &containers))),
        Phase {
            name: "Unknown",
            mark: Mark::Unknown,
            state: if now == "Unknown" { State::Now } else { State::Never },
            words: if now == "Unknown" {
                format!("the node is silent; the API keeps saying {}", facts.phase())
            } else {
                "nobody could say: its node is silent".into()
            },
        },
    ]
}

fn to_running(facts: &PodFacts, containers: &[ContainerFacts]) -> String {
    if facts.node().is_none() {
        return "when a node has it and a container has started".into();
    }
    let left = containers.iter().filter(|c| c.role == Role::Init && !c.is_done()).count();
    match left {
        0 => "when the first container has started".into(),
        1 => "when 1 init container has ended and a container has started".into(),
        n => format!("when {n} init containers have ended and a container has started"),
    }
}

fn to_succeeded(facts: &PodFacts, containers: &[ContainerFacts]) -> String {
    let mains = || containers.iter().filter(|c| c.role == Role::Main);
    let done = mains().filter(|c| c.ended().is_some_and(|t| t.exit_code == 0)).count();
    let all = mains().count();
    match facts.restart_policy() {
        "Always" => "never: Always restarts what ends".into(),
        _ if all == 1 => "when its container has ended with 0".into(),
        _ => format!("when all {all} containers have ended with 0 ({done} so far)"),
    }
}

fn to_failed(facts: &PodFacts, containers: &[ContainerFacts]) -> String {
    let deadline = facts.pod.spec.as_ref().and_then(|s| s.active_deadline_seconds);
    let started = facts.pod.status.as_ref().and_then(|s| s.start_time.as_ref());
    if let (Some(seconds), Some(since)) = (deadline, started) {
        let left = seconds as f64 - facts.now.duration_since(since.0).as_secs_f64();
        return format!("in {}, by activeDeadlineSeconds", duration(left.max(0.0).ceil()));
    }
    let bad = containers.iter().find(|c| c.role == Role::Main && c.ended().is_some_and(|t| t.exit_code != 0));
    match (facts.restart_policy(), bad) {
        ("Never", Some(c)) => format!("when the others have ended: {} did not end with 0", c.name),
        ("Never", None) => "when all have ended, one of them not with 0".into(),
        _ => "only by eviction: failures are restarted".into(),
    }
}

fn pill(p: &Phase, x: f64, y: f64) -> Group {
    let (class, how) = match p.state {
        State::Past => ("past", "was"),
        State::Now => ("now", "is now"),
        State::Next => ("next", "could be next"),
        State::Never => ("never", "not"),
    };
    let mut g = Group::new(
        format!("phase-{}", p.name),
        format!("phase-pill {class} {}", p.mark.class()),
        format!("{}: {how}, {}", p.name, p.words),
    );
    g.rect("pill", x, y, PILL, HIGH, HIGH / 2.0);
    g.text("middle", x + PILL / 2.0, y + 17.5, format!("{} {}", p.mark.glyph(), p.name));
    g
}

fn edge(from: (f64, f64), to: (f64, f64), state: State) -> Group {
    let class = match state {
        State::Past | State::Now => "phase-edge taken",
        State::Next => "phase-edge next",
        State::Never => "phase-edge never",
    };
    let mut g = Group::new(format!("edge-{:.0}-{:.0}-{:.0}", from.0, to.0, to.1), class, "");
    let d = if from.1 == to.1 {
        format!("M{} {}H{}", from.0, from.1, to.0 - 5.0)
    } else {
        // Down or up at once, then level, so that words have a level line to stand on.
        let turn = from.0 + 16.0;
        format!("M{} {}C{turn} {} {turn} {} {} {}H{}", from.0, from.1, from.1, to.1, from.0 + 34.0, to.1, to.0 - 5.0)
    };
    g.path("edge-line", d);
    g.path("edge-head", format!("M{} {}l-6-4v8z", to.0, to.1));
    g
}

fn row(phases: &[Phase; 5], width: f64) -> PhaseScene {
    let [pending, running, succeeded, failed, unknown] = phases;
    let middle = 52.0;
    let (x0, x2) = (12.0, width - 12.0 - PILL);
    // Words stand on the edges: the one from Pending needs less room than those to the three ends.
    let x1 = x0 + PILL + (x2 - x0 - 2.0 * PILL) * 0.42;
    let mut groups = Vec::new();
    let words = |g: &mut Group, p: &Phase, from: f64, to: f64, y: f64| {
        let room = to - from - 16.0;
        let class = if p.state == State::Never { "faint" } else { "quiet small" };
        if sans(&p.words, TEXT) <= room {
            g.text(class, from + 8.0, y - 6.0, p.words.as_str());
        } else {
            for (i, line) in wrap(&p.words, room, TEXT * 0.56, 2).into_iter().enumerate() {
                g.text(class, from + 8.0, y - 6.0 + i as f64 * 19.0, line);
            }
        }
    };
    let ends = [(succeeded, 16.0), (failed, middle), (unknown, middle * 2.0 - 16.0)];
    let mut g = edge((x0 + PILL, middle), (x1, middle), running.state);
    words(&mut g, running, x0 + PILL, x1, middle);
    groups.push(g);
    for (p, y) in ends {
        let mut g = edge(
            (x1 + PILL, middle),
            (x2, y),
            if p.name == "Unknown" && p.state != State::Now { State::Never } else { p.state },
        );
        words(&mut g, p, x1 + PILL + 30.0, x2, y);
        groups.push(g);
    }
    groups.push(pill(pending, x0, middle - HIGH / 2.0));
    groups.push(pill(running, x1, middle - HIGH / 2.0));
    for (p, y) in ends {
        groups.push(pill(p, x2, y - HIGH / 2.0));
    }
    PhaseScene { width, height: 2.0 * middle, groups }
}

fn column(phases: &[Phase; 5], width: f64) -> PhaseScene {
    let mut groups = Vec::new();
    for (i, p) in phases.iter().enumerate() {
        let y = 4.0 + i as f64 * 34.0;
        let mut g = pill(p, 8.0, y);
        let (x, room) = (8.0 + PILL + 10.0, width - PILL - 26.0);
        let lines = wrap(&p.words, room, TEXT * 0.56, 2);
        let class = if p.state == State::Never { "faint" } else { "quiet small" };
        let first = if lines.len() > 1 { y + 10.5 } else { y + 17.0 };
        for (n, line) in lines.into_iter().enumerate() {
            g.text(class, x, first + n as f64 * 13.0, fit(&line, room, TEXT * 0.56));
        }
        groups.push(g);
    }
    PhaseScene { width, height: 5.0 * 34.0 + 2.0, groups }
}
