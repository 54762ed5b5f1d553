//! The timeline: a lane for each voice on one axis of virtual time, up to what is known and, faint, what is later than
//! what is shown.
//!
//! However long a run was, there are never more shapes than pixels can tell apart: what is too narrow to be seen by itself
//! is drawn as one, and its words say how much it is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Action, Group, Mark, clock, duration, fit, fit_name, sans};

/// A pod's past in seconds since the laboratory began; or that of all pods, a lane each.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TimelineFacts {
    /// As far as anything is known.
    pub now: f64,
    /// What is shown, now or earlier.
    pub head: f64,
    /// When the pod was created.
    pub from: f64,
    /// When it was gone.
    pub until: Option<f64>,
    pub phases: Vec<Span>,
    pub lanes: Vec<Lane>,
    pub ready: Vec<Span>,
    /// Those beside Ready.
    pub conditions: Vec<Lane>,
    pub probes: Vec<Probe>,
    pub pulls: Vec<Span>,
    pub requests: Vec<Moment>,
    pub events: Vec<EventMark>,
    /// What was done to the laboratory.
    pub actions: Vec<Moment>,
    /// If lanes are pods, their uids.
    pub pods: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lane {
    pub name: String,
    pub spans: Vec<Span>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    pub from: f64,
    /// `None`: still so.
    pub until: Option<f64>,
    pub mark: Mark,
    /// What stands on it; after ` · ` what is said beside.
    pub words: String,
    /// When it is known to end, if it has not.
    pub due: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    pub at: f64,
    pub words: String,
    pub bad: bool,
}

/// A probe's results, those in a row that came out alike as one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Probe {
    pub name: String,
    /// Whose.
    pub container: String,
    pub streaks: Vec<Streak>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Streak {
    pub from: f64,
    pub until: f64,
    pub count: u32,
    pub success: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventMark {
    pub at: f64,
    pub reason: String,
    pub message: String,
    pub warning: bool,
    pub count: u32,
    /// The container that it is about.
    pub container: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TimelineScene {
    pub width: f64,
    pub height: f64,
    pub groups: Vec<Group>,
    /// Seconds at the left edge and at the right edge of the axis, to turn a place into a time.
    pub from: f64,
    pub until: f64,
    pub axis_left: f64,
    /// Lanes that are pods: upper edge, lower edge, uid.
    pub picks: Vec<(f64, f64, String)>,
}

const LANE: f64 = 25.0;
/// Lanes of what is rarely looked at.
const LOW: f64 = 19.0;
/// Height of the axis, above the lanes.
pub const TOP: f64 = 30.0;
/// Free at the right edge.
const RIGHT: f64 = 12.0;
/// A span that is narrower is drawn with its neighbours.
const NARROW: f64 = 3.0;
/// Widest of what is drawn as one.
const TOGETHER: f64 = 8.0;
/// Marks of one lane that are nearer are one.
const NEAR: f64 = 4.0;
/// Things that one mark's words tell one by one.
const TOLD: usize = 12;
/// What can be seen at once, in seconds.
pub const WINDOW: (f64, f64) = (0.02, 40.0 * 86_400.0);

impl TimelineFacts {
    /// The same with times counted from `origin`.
    pub fn since(mut self, origin: f64) -> TimelineFacts {
        let spans = |spans: &mut Vec<Span>| {
            for span in spans {
                span.from -= origin;
                span.until = span.until.map(|t| t - origin);
                span.due = span.due.map(|t| t - origin);
            }
        };
        self.now -= origin;
        self.head -= origin;
        self.from -= origin;
        self.until = self.until.map(|t| t - origin);
        spans(&mut self.phases);
        spans(&mut self.ready);
        spans(&mut self.pulls);
        self.lanes.iter_mut().chain(&mut self.conditions).for_each(|lane| spans(&mut lane.spans));
        for streak in self.probes.iter_mut().flat_map(|p| &mut p.streaks) {
            streak.from -= origin;
            streak.until -= origin;
        }
        self.requests.iter_mut().chain(&mut self.actions).for_each(|m| m.at -= origin);
        self.events.iter_mut().for_each(|e| e.at -= origin);
        self
    }

    /// What shows all of it: from, until. It grows by steps, so that the axis does not creep at every frame.
    pub fn all(&self) -> (f64, f64) {
        let end = self.until.unwrap_or(self.now).max(self.head);
        (self.from, self.from + nice((end - self.from).max(8.0) * 1.18))
    }
}

impl TimelineScene {
    /// The time at a place.
    pub fn place(&self) -> impl Fn(f64) -> f64 + 'static {
        let (left, from) = (self.axis_left, self.from);
        let scale = (self.until - from) / (self.width - left - RIGHT).max(1.0);
        move |x| from + (x - left) * scale
    }
}

/// All of it.
pub fn build(facts: &TimelineFacts, width: f64) -> TimelineScene {
    build_in(facts, None, width)
}

/// What falls into the window (from, until); without one, all of it.
pub fn build_in(facts: &TimelineFacts, window: Option<(f64, f64)>, width: f64) -> TimelineScene {
    let width = width.clamp(280.0, 4000.0);
    let left = if width < 520.0 { 84.0 } else { 132.0 };
    let (from, until) = window.filter(|(a, b)| (*a).is_finite() && b - a >= WINDOW.0 / 2.0).unwrap_or(facts.all());
    let end = facts.until.unwrap_or(facts.now);
    let mut drawing = Drawing { from, until, end, left, width, y: TOP, groups: Vec::new(), picks: Vec::new() };
    for (i, lane) in facts.lanes.iter().enumerate().filter(|_| !facts.pods.is_empty()) {
        let top = drawing.y;
        drawing.lane(&lane.name, "phase", &lane.spans, LANE);
        drawing.picks.push((top, drawing.y, facts.pods.get(i).cloned().unwrap_or_default()));
    }
    if facts.pods.is_empty() {
        drawing.lane("phase", "phase", &facts.phases, LANE);
        for lane in &facts.lanes {
            drawing.lane(&lane.name, "container", &lane.spans, LANE);
        }
        drawing.lane("ready", "ready", &facts.ready, LANE);
        for probe in &facts.probes {
            drawing.probe(probe);
        }
        if !facts.pulls.is_empty() {
            drawing.lane("pulls", "pull", &facts.pulls, LANE);
        }
        drawing.requests(&facts.requests);
        drawing.events(&facts.events);
    }
    if !facts.actions.is_empty() {
        drawing.actions(&facts.actions);
    }
    for lane in &facts.conditions {
        drawing.lane(&lane.name, "condition", &lane.spans, LOW);
    }
    let height = drawing.y + 8.0;
    let head = drawing.head(facts.head.min(facts.now), height);
    let axis = drawing.axis(facts.head.min(facts.now), height);
    let Drawing { mut groups, picks, .. } = drawing;
    groups.insert(0, axis);
    groups.push(head);
    TimelineScene { width, height, groups, from, until, axis_left: left, picks }
}

struct Drawing {
    from: f64,
    until: f64,
    /// What still goes on is drawn up to here.
    end: f64,
    left: f64,
    width: f64,
    y: f64,
    groups: Vec<Group>,
    picks: Vec<(f64, f64, String)>,
}

/// Spans drawn as one.
struct Piece {
    from: usize,
    until: usize,
    a: f64,
    b: f64,
}

impl Drawing {
    fn x(&self, t: f64) -> f64 {
        let scale = (self.width - self.left - RIGHT) / (self.until - self.from);
        self.left + (t.clamp(self.from, self.until) - self.from) * scale
    }

    fn sees(&self, from: f64, until: f64) -> bool {
        until >= self.from && from <= self.until
    }

    /// When, as words.
    fn span(&self, from: f64, until: f64) -> String {
        format!("{} – {}, {}", clock(from, 1), clock(until, 1), duration(until - from))
    }

    fn axis(&self, head: f64, height: f64) -> Group {
        let mut axis = Group::new("axis", "axis", "virtual time");
        let step = tick(self.until - self.from, self.width - self.left);
        let decimals = if step >= 1.0 { 0 } else { (-step.log10()).ceil().clamp(1.0, 3.0) as u32 };
        let first = (self.from.max(0.0) / step - 1e-9).ceil();
        let head = self.sees(head, head).then(|| self.x(head));
        for n in 0..60 {
            let t = (first + f64::from(n)) * step;
            if t > self.until + step * 1e-6 {
                break;
            }
            let at = self.x(t);
            axis.path("tick", format!("M{at:.1} {}V{height}", TOP - 8.0));
            let words = clock(t, decimals);
            let half = sans(&words, 11.0) / 2.0;
            // The playhead's cap stands in the same row.
            let free = head.is_none_or(|head| (at - head).abs() > half + 8.0);
            if at + half < self.width - 2.0 && at - half > self.left - 24.0 && free {
                axis.text("faint small middle", at, 14.0, words);
            }
        }
        axis
    }

    fn head(&self, head: f64, height: f64) -> Group {
        let mut group = Group::new("now", "playhead", format!("what is shown: {}", clock(head, 1)));
        let at = self.x(head);
        group.rect("later", at, TOP - 10.0, self.width - at, height - TOP + 10.0, 0.0);
        if self.sees(head, head) {
            group.path("playhead-line", format!("M{at:.1} {}V{height}", TOP - 14.0));
            group.path("playhead-cap", format!("M{:.1} {}h10l-5 8z", at - 5.0, TOP - 18.0));
        }
        group
    }

    fn name(&self, key: &str, class: &str, name: &str, label: String) -> Group {
        let mut g = Group::new(key, format!("lane {class}"), label);
        let strong = class == "phase" && key == "lane-phase";
        let class = if strong { "lane-name strong" } else { "lane-name" };
        g.text(class, 12.0, self.y + 15.0, fit_name(name, self.left - 20.0, 6.9));
        g
    }

    fn lane(&mut self, name: &str, class: &'static str, spans: &[Span], height: f64) {
        let now = spans.last().map_or(format!("{name}: nothing yet"), |s| format!("{name}: {}", plain(&s.words)));
        let key = match class {
            "container" => format!("lane-c-{name}"),
            _ => format!("lane-{name}"),
        };
        let own = (class == "container").then(|| Action::Logs(name.to_owned()));
        let mut lane = self.name(&key, class, name, now);
        lane.action.clone_from(&own);
        self.groups.push(lane);
        for piece in self.pieces(spans) {
            let mut group = self.piece(name, class, spans, &piece, height);
            group.action.clone_from(&own);
            self.groups.push(group);
        }
        self.y += height;
    }

    fn pieces(&self, spans: &[Span]) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for (i, s) in spans.iter().enumerate() {
            let until = s.until.unwrap_or(self.end);
            if !self.sees(s.from, until.max(s.due.unwrap_or(until))) {
                continue;
            }
            let (a, b) = (self.x(s.from), self.x(until));
            let together = |p: &Piece| p.until == i && p.b - p.a < TOGETHER && b - p.a <= TOGETHER && b - a < NARROW;
            match pieces.last_mut() {
                Some(last) if together(last) && (last.until - last.from > 1 || last.b - last.a < NARROW) => {
                    (last.until, last.b) = (i + 1, b);
                }
                _ => pieces.push(Piece { from: i, until: i + 1, a, b }),
            }
        }
        pieces
    }

    fn piece(&self, name: &str, class: &'static str, spans: &[Span], piece: &Piece, height: f64) -> Group {
        let all = &spans[piece.from..piece.until];
        let Some((first, last)) = all.first().zip(all.last()) else { return Group::new("", "", "") };
        let until = last.until.unwrap_or(self.end);
        let (mark, label) = match all {
            [one] => {
                let due = one.due.filter(|due| one.until.is_none() && *due > self.end);
                let due = due.map_or(String::new(), |due| format!("; ends at {}", clock(due, 1)));
                let still = if one.until.is_none() { ", and still" } else { "" };
                (one.mark, format!("{name}: {}\n{}{still}{due}", plain(&one.words), self.span(one.from, until)))
            }
            all => (longest(all, self.end), format!("{name}: {}\n{}", tally(all), self.span(first.from, until))),
        };
        let (a, b) = (piece.a, piece.b.max(piece.a + 2.0));
        let key = format!("span-{name}-{}", piece.from);
        let mut g = Group::new(key, format!("span {class} {}", mark.class()), label);
        let h = match class {
            "phase" => 18.0,
            "condition" => 11.0,
            _ => 15.0,
        };
        let top = self.y + (height - 6.0 - h) / 2.0;
        g.rect("span-box", a, top, b - a, h, 3.0);
        if all.len() > 1 {
            g.rect("many", a, top, b - a, h, 3.0);
        } else if mark == Mark::Waiting {
            g.rect("hatch", a, top, b - a, h, 3.0);
        }
        if let Some(due) = first.due.filter(|due| all.len() == 1 && first.until.is_none() && *due > self.end) {
            g.rect("due", b, top, self.x(due) - b, h, 3.0);
        }
        let words = first.words.split(" · ").next().unwrap_or_default();
        if all.len() == 1 && class != "condition" && b - a > sans(words, 11.0).min(46.0) {
            g.text("span-words small", a + 7.0, self.y + 13.5, fit(words, (b - a - 10.0).max(1.0), 6.3));
        }
        g
    }

    fn probe(&mut self, probe: &Probe) {
        let last = probe.streaks.last();
        let now = last.map_or("not yet".to_string(), |s| format!("{} {}", s.count, outcome(s.success, s.count)));
        let own = Some(Action::Logs(probe.container.clone()));
        let mut lane =
            self.name(&format!("probe-{}", probe.name), "probes", &probe.name, format!("{}: {now}", probe.name));
        lane.action.clone_from(&own);
        self.groups.push(lane);
        for (i, s) in probe.streaks.iter().enumerate() {
            if !self.sees(s.from, s.until) {
                continue;
            }
            let words = format!("{}: {} {}", probe.name, s.count, outcome(s.success, s.count));
            let when = if s.count == 1 { clock(s.from, 1) } else { self.span(s.from, s.until) };
            let class = if s.success { "probe-run" } else { "probe-run failed" };
            let mut g = Group::new(format!("probe-{}-{i}", probe.name), class, format!("{words}\n{when}"));
            g.action.clone_from(&own);
            let (a, b) = (self.x(s.from), self.x(s.until));
            let each = (s.until - s.from) / f64::from(s.count.max(2) - 1);
            let apart = self.x(self.from + each) - self.left;
            if s.count > 1 && apart < NEAR {
                g.rect("probe-band", a, self.y + 6.0, (b - a).max(2.0), 7.0, 2.0);
            } else {
                let first = if each > 0.0 { ((self.from - s.from) / each).ceil().max(0.0) } else { 0.0 };
                let mut d = String::new();
                let mut n = first;
                while n < f64::from(s.count) && s.from + n * each <= self.until {
                    let at = self.x(s.from + n * each);
                    d += &match s.success {
                        true => format!("M{at:.1} {:.1}v8", self.y + 5.5),
                        false => format!("M{:.1} {:.1}l6 6m0 -6l-6 6", at - 3.0, self.y + 6.5),
                    };
                    n += 1.0;
                    if each <= 0.0 {
                        break;
                    }
                }
                g.path("probe-tick", d);
                // So that a thin tick can be pointed at.
                g.rect("reach", a - 4.0, self.y + 1.0, b - a + 8.0, 17.0, 0.0);
            }
            self.groups.push(g);
        }
        self.y += LANE;
    }

    fn requests(&mut self, requests: &[Moment]) {
        let lane = self.name("requests", "requests", "requests", format!("{} requests", requests.len()));
        self.groups.push(lane);
        for (at, few) in self.near(requests, |r| r.at, NARROW) {
            let bad = few.iter().any(|r| r.bad);
            let class = if bad { "request-mark failed" } else { "request-mark" };
            let mut g =
                Group::new(format!("request-{at:.0}"), class, told(few, |r| format!("{} {}", clock(r.at, 1), r.words)));
            g.path("request-tick", format!("M{at:.1} {:.1}v11", self.y + 4.0));
            g.rect("reach", at - 3.0, self.y + 1.0, 6.0, 17.0, 0.0);
            self.groups.push(g);
        }
        self.y += LANE;
    }

    fn events(&mut self, events: &[EventMark]) {
        let lane = self.name("events", "events", "events", format!("{} events", events.len()));
        self.groups.push(lane);
        let marks: Vec<(f64, &[EventMark])> = self.near(events, |e| e.at, NEAR);
        let mut free = self.left;
        let times = |e: &EventMark| if e.count > 1 { format!(" ×{}", e.count) } else { String::new() };
        for (i, (at, few)) in marks.iter().enumerate() {
            let class = if few.iter().any(|e| e.warning) { "event warning" } else { "event" };
            let label = told(few, |e| format!("{} {}{}: {}", clock(e.at, 1), e.reason, times(e), e.message));
            let mut g = Group::new(format!("event-{i}"), class, label);
            g.action = few.iter().find_map(|e| e.container.clone()).map(Action::Logs);
            g.circle("event-dot", *at, self.y + 10.0, if few.len() > 1 { 4.5 } else { 3.5 });
            let words = match few {
                [one] => format!("{}{}", one.reason, times(one)),
                few => format!("{} events", few.len()),
            };
            let w = sans(&words, 10.5) + 14.0;
            let next = marks.get(i + 1).map_or(self.width - RIGHT, |n| n.0);
            if *at >= free && at + w <= next {
                g.text("quiet tiny", at + 8.0, self.y + 14.0, words);
                free = at + w;
            }
            self.groups.push(g);
        }
        self.y += LANE;
    }

    fn actions(&mut self, actions: &[Moment]) {
        let lane = self.name("actions", "actions", "you", format!("{} things done", actions.len()));
        self.groups.push(lane);
        let marks: Vec<(f64, &[Moment])> = self.near(actions, |a| a.at, NEAR);
        for (i, (at, few)) in marks.iter().enumerate() {
            let mut g =
                Group::new(format!("action-{i}"), "action", told(few, |a| format!("{} {}", clock(a.at, 1), a.words)));
            g.path("action-mark", format!("M{at:.1} {:.1}l5 5l-5 5l-5 -5z", self.y + 5.0));
            let next = marks.get(i + 1).map_or(self.width - RIGHT, |n| n.0);
            let words = match few {
                [one] => one.words.clone(),
                few => format!("{} things", few.len()),
            };
            let room = next - at - 16.0;
            if room > 40.0 {
                g.text("quiet tiny", at + 9.0, self.y + 14.0, fit(&words, room, 6.3));
            }
            self.groups.push(g);
        }
        self.y += LANE;
    }

    /// What can be seen, by place: neighbours nearer than `near` together.
    fn near<'a, T>(&self, all: &'a [T], at: impl Fn(&T) -> f64, near: f64) -> Vec<(f64, &'a [T])> {
        let mut found: Vec<(f64, usize, usize)> = Vec::new();
        for (i, one) in all.iter().enumerate() {
            let t = at(one);
            if !self.sees(t, t) {
                continue;
            }
            let x = self.x(t);
            match found.last_mut() {
                Some((first, _, end)) if x - *first < near && *end == i => *end = i + 1,
                _ => found.push((x, i, i + 1)),
            }
        }
        found.into_iter().map(|(x, from, until)| (x, &all[from..until])).collect()
    }
}

fn outcome(success: bool, count: u32) -> &'static str {
    match (success, count) {
        (true, 1) => "success",
        (true, _) => "successes",
        (false, 1) => "failure",
        (false, _) => "failures",
    }
}

/// A span's words with what is said beside.
fn plain(words: &str) -> String {
    words.replace(" · ", ", ")
}

/// What lasted longest.
fn longest(spans: &[Span], end: f64) -> Mark {
    let mut lengths: BTreeMap<Mark, f64> = BTreeMap::new();
    for s in spans {
        *lengths.entry(s.mark).or_default() += s.until.unwrap_or(end) - s.from;
    }
    lengths.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(Mark::Unknown, |(mark, _)| mark)
}

/// `5 turns: Running ×3, Error ×2`.
fn tally(spans: &[Span]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for s in spans {
        let words = s.words.split(" · ").next().unwrap_or_default();
        match counts.iter_mut().find(|(w, _)| *w == words) {
            Some((_, n)) => *n += 1,
            None => counts.push((words, 1)),
        }
    }
    let counts: Vec<String> = counts.iter().map(|(words, n)| format!("{words} ×{n}")).collect();
    format!("{} turns: {}", spans.len(), counts.join(", "))
}

/// Some things, a line each.
fn told<T>(few: &[T], line: impl Fn(&T) -> String) -> String {
    let mut lines: Vec<String> = few.iter().take(TOLD).map(line).collect();
    if few.len() > TOLD {
        lines.push(format!("and {} more", few.len() - TOLD));
    }
    lines.join("\n")
}

/// The next of 10, 20, 30, 60 s, 2, 5, 10 min… that holds `seconds`.
fn nice(seconds: f64) -> f64 {
    const STEPS: [f64; 16] =
        [10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 450.0, 600.0, 900.0, 1200.0, 1800.0, 2700.0];
    STEPS.into_iter().find(|s| *s >= seconds).unwrap_or_else(|| (seconds / 1800.0).ceil() * 1800.0)
}

fn tick(length: f64, width: f64) -> f64 {
    let most = (width / 90.0).max(2.0);
    const STEPS: [f64; 25] = [
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0,
        600.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0, 86_400.0,
    ];
    STEPS.into_iter().find(|s| length / s <= most).unwrap_or(length / most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crash_loop(rounds: usize) -> TimelineFacts {
        let span = |from: f64, length: f64, mark, words: &str| Span {
            from,
            until: Some(from + length),
            mark,
            words: words.into(),
            due: None,
        };
        let round = |i: usize| {
            let from = i as f64 * 300.0;
            [
                span(from, 0.5, Mark::Running, &format!("Running · restart {i}")),
                span(from + 0.5, 0.4, Mark::Failed, "Error, exit code 1"),
                span(from + 0.9, 299.1, Mark::Waiting, "CrashLoopBackOff"),
            ]
        };
        let now = rounds as f64 * 300.0;
        TimelineFacts {
            now,
            head: now,
            phases: vec![span(0.0, now, Mark::Running, "Running")],
            lanes: vec![Lane { name: "main".into(), spans: (0..rounds).flat_map(round).collect() }],
            probes: vec![Probe {
                container: "main".into(),
                name: "main liveness".into(),
                streaks: vec![
                    Streak { from: 10.0, until: now - 20.0, count: (now / 10.0) as u32, success: true },
                    Streak { from: now - 10.0, until: now, count: 2, success: false },
                ],
            }],
            requests: (0..rounds * 10)
                .map(|i| Moment { at: i as f64 * 30.0, words: "GET /".into(), bad: false })
                .collect(),
            actions: vec![Moment { at: 0.0, words: "kubectl apply -f crash.yaml".into(), bad: false }],
            conditions: vec![Lane {
                name: "PodScheduled".into(),
                spans: vec![Span { until: None, ..span(0.1, 0.0, Mark::Running, "True") }],
            }],
            ..TimelineFacts::default()
        }
    }

    fn find<'a>(scene: &'a TimelineScene, key: &str) -> &'a Group {
        scene.groups.iter().find(|g| g.key == key).unwrap_or_else(|| panic!("no {key}"))
    }

    #[test]
    fn a_long_run_has_no_more_shapes_than_can_be_seen() {
        for rounds in [10, 100, 1400] {
            let scene = build(&crash_loop(rounds), 1200.0);
            let parts: usize = scene.groups.iter().map(|g| g.parts.len()).sum();
            assert!(parts < 1700, "{rounds} rounds: {parts} shapes");
        }
        let scene = build(&crash_loop(1400), 1200.0);
        let many = scene.groups.iter().find(|g| g.label.contains("turns")).expect("drawn together");
        assert!(many.label.contains("Running ×") && many.label.contains("CrashLoopBackOff ×"), "{}", many.label);
    }

    #[test]
    fn a_window_shows_what_falls_into_it() {
        let facts = crash_loop(100);
        let scene = build_in(&facts, Some((600.0, 602.0)), 1200.0);
        let said: Vec<&str> =
            scene.groups.iter().filter(|g| g.class.starts_with("span")).map(|g| g.label.as_str()).collect();
        assert_eq!(
            said,
            [
                "phase: Running\n00:00.0 – 8:20:00.0, 8 h 20 min",
                "main: CrashLoopBackOff\n05:00.9 – 10:00.0, 4 min 59 s",
                "main: Running, restart 2\n10:00.0 – 10:00.5, 0.5 s",
                "main: Error, exit code 1\n10:00.5 – 10:00.9, 0.4 s",
                "main: CrashLoopBackOff\n10:00.9 – 15:00.0, 4 min 59 s",
                "PodScheduled: True\n00:00.1 – 8:20:00.0, 8 h 20 min, and still",
            ]
        );
        let ticks: Vec<String> = find(&scene, "axis")
            .parts
            .iter()
            .filter_map(|p| match p {
                super::super::Part::Text { text, .. } => Some(text.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(ticks.first().map(String::as_str), Some("10:00.0"));
        let at = scene.place();
        assert!((at(scene.axis_left) - 600.0).abs() < 1e-9 && (at(scene.width - RIGHT) - 602.0).abs() < 1e-9);
        // No window that can be asked for breaks it.
        for window in [(0.0, 0.0), (5.0, 1.0), (f64::NAN, 1.0), (-1e300, 1e300), (0.0, f64::INFINITY)] {
            build_in(&facts, Some(window), 1200.0);
        }
    }

    #[test]
    fn probes_are_ticks_while_they_can_be_told_apart() {
        let facts = crash_loop(4);
        let scene = build_in(&facts, Some((1100.0, 1200.0)), 1200.0);
        let ticks = |key: &str| match &find(&scene, key).parts[..] {
            [super::super::Part::Path { d, .. }, _] => d.matches('M').count(),
            other => panic!("{other:?}"),
        };
        assert_eq!((ticks("probe-main liveness-0"), ticks("probe-main liveness-1")), (9, 2));
        assert!(find(&scene, "probe-main liveness-1").label.starts_with("main liveness: 2 failures\n"));
        let long = build(&crash_loop(100), 1200.0);
        assert!(matches!(find(&long, "probe-main liveness-0").parts[..], [super::super::Part::Rect { .. }]));
    }

    #[test]
    fn pods_are_lanes_that_can_be_picked() {
        let mut facts = crash_loop(2);
        facts.pods = vec!["uid-1".into()];
        let scene = build(&facts, 900.0);
        assert_eq!(scene.picks, [(TOP, TOP + LANE, "uid-1".into())]);
    }
}
