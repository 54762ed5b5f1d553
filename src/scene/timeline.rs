//! The timeline: a lane for each voice on one axis of virtual time, up to now and, faint, what is known of later.

use serde::Serialize;

use super::{Group, Mark, fit, fit_name, sans};

/// A pod's past in seconds since the laboratory began.
#[derive(Clone, Debug, Default, PartialEq)]
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
    pub requests: Vec<f64>,
    pub events: Vec<EventMark>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    pub name: String,
    pub spans: Vec<Span>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    pub from: f64,
    /// `None`: still so.
    pub until: Option<f64>,
    pub mark: Mark,
    pub words: String,
    /// When it is known to end, if it has not.
    pub due: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EventMark {
    pub at: f64,
    pub reason: String,
    pub message: String,
    pub warning: bool,
    pub count: u32,
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
}

const LANE: f64 = 25.0;
/// Free at the right edge.
const RIGHT: f64 = 12.0;
/// Height of the axis, above the lanes.
pub const TOP: f64 = 30.0;

impl TimelineScene {
    /// The time at a place.
    pub fn place(&self) -> impl Fn(f64) -> f64 + 'static {
        let (left, from) = (self.axis_left, self.from);
        let scale = (self.until - from) / (self.width - left - RIGHT).max(1.0);
        move |x| (from + (x - left) * scale).max(0.0)
    }
}

pub fn build(facts: &TimelineFacts, width: f64) -> TimelineScene {
    let width = width.clamp(280.0, 4000.0);
    let axis_left = if width < 520.0 { 84.0 } else { 132.0 };
    let end = facts.until.unwrap_or(facts.now);
    let from = facts.from;
    // The axis grows by steps, so that it does not creep at every frame.
    let length = nice((end - from).max(8.0) * 1.18);
    let until = from + length;
    let scale = (width - axis_left - RIGHT) / length;
    let x = |t: f64| axis_left + (t.clamp(from, until) - from) * scale;
    let mut groups = Vec::new();
    let lanes = 4 + facts.lanes.len();
    let height = TOP + lanes as f64 * LANE + 8.0;

    let mut axis = Group::new("axis", "axis", "virtual time");
    let step = tick(length, width - axis_left);
    let mut t = 0.0;
    while t <= length + 1e-6 {
        let at = x(from + t);
        axis.path("tick", format!("M{at:.1} {}V{height}", TOP - 8.0));
        let words = super::duration(t);
        let room = sans(&words, 11.0) / 2.0 + 8.0;
        // The playhead's cap stands in the same row.
        if at < width - 30.0 && (at.max(axis_left + 8.0) - x(facts.head.min(end))).abs() > room {
            axis.text("faint small middle", at.max(axis_left + 8.0), 14.0, words);
        }
        t += step;
    }
    groups.push(axis);

    let mut y = TOP;
    let mut lane = |name: &str, key: String, class: &str, spans: &[Span], groups: &mut Vec<Group>| {
        let mut g = Group::new(key, format!("lane {class}"), describe(name, spans));
        g.text(
            if class == "phase" { "lane-name strong" } else { "lane-name" },
            12.0,
            y + 15.0,
            fit_name(name, axis_left - 20.0, 6.9),
        );
        groups.push(g);
        let last = spans.len();
        for (i, s) in spans.iter().enumerate() {
            let a = x(s.from);
            let b = x(s.until.unwrap_or(end)).max(a + 2.0);
            let mut g = Group::new(
                format!("span-{name}-{i}"),
                format!("span {class} {}", s.mark.class()),
                format!(
                    "{} from {} to {}",
                    s.words,
                    super::duration(s.from - from),
                    s.until.map_or("now".into(), |u| super::duration(u - from))
                ),
            );
            let h = if class == "phase" { 18.0 } else { 15.0 };
            let top = y + (19.0 - h) / 2.0;
            g.rect("span-box", a, top, b - a, h, 3.0);
            if s.mark == Mark::Waiting {
                g.rect("hatch", a, top, b - a, h, 3.0);
            }
            if let Some(due) = s.due.filter(|due| s.until.is_none() && *due > end) {
                g.rect("due", b, top, x(due) - b, h, 3.0);
            }
            let room = if i + 1 == last && s.until.is_none() { width - 12.0 - a } else { b - a };
            if room > 30.0 && b - a > sans(&s.words, 11.0).min(46.0) {
                g.text("span-words small", a + 7.0, y + 13.5, fit(&s.words, (b - a - 10.0).max(1.0), 6.3));
            }
            groups.push(g);
        }
        y += LANE;
    };
    lane("phase", "lane-phase".into(), "phase", &facts.phases, &mut groups);
    for l in &facts.lanes {
        lane(&l.name, format!("lane-c-{}", l.name), "container", &l.spans, &mut groups);
    }
    lane("ready", "lane-ready".into(), "ready", &facts.ready, &mut groups);

    let mut requests = Group::new("requests", "lane requests", format!("{} requests", facts.requests.len()));
    requests.text("lane-name", 12.0, y + 15.0, "requests");
    let mut d = String::new();
    let mut last = f64::NEG_INFINITY;
    for at in facts.requests.iter().map(|t| x(*t)) {
        // More marks than pixels say nothing more.
        if at - last >= 1.0 {
            d += &format!("M{at:.1} {}v11", y + 4.0);
            last = at;
        }
    }
    requests.path("request-tick", d);
    groups.push(requests);
    y += LANE;

    let mut events = Group::new("events", "lane events", format!("{} events", facts.events.len()));
    events.text("lane-name", 12.0, y + 15.0, "events");
    groups.push(events);
    let mut free = axis_left;
    for (i, e) in facts.events.iter().enumerate() {
        let at = x(e.at);
        let times = if e.count > 1 { format!(" ×{}", e.count) } else { String::new() };
        let mut g = Group::new(
            format!("event-{i}"),
            if e.warning { "event warning" } else { "event" },
            format!("{}{times} at {}: {}", e.reason, super::duration(e.at - from), e.message),
        );
        g.circle("event-dot", at, y + 10.0, 3.5);
        let words = format!("{}{times}", e.reason);
        let w = sans(&words, 10.5) + 14.0;
        let next = facts.events.get(i + 1).map_or(width - 12.0, |n| x(n.at));
        if at >= free && at + w <= next {
            g.text("quiet tiny", at + 8.0, y + 14.0, words);
            free = at + w;
        }
        groups.push(g);
    }

    let now = x(facts.head.min(end));
    let mut head = Group::new("now", "playhead", "now");
    head.rect("later", now, TOP - 10.0, width - now, height - TOP + 10.0, 0.0);
    head.path("playhead-line", format!("M{now:.1} {}V{height}", TOP - 14.0));
    head.path("playhead-cap", format!("M{:.1} {}h10l-5 8z", now - 5.0, TOP - 18.0));
    groups.push(head);
    TimelineScene { width, height, groups, from, until, axis_left }
}

fn describe(name: &str, spans: &[Span]) -> String {
    match spans.last() {
        Some(s) => format!("{name}: {}", s.words),
        None => format!("{name}: nothing yet"),
    }
}

/// The next of 10, 20, 30, 60 s, 2, 5, 10 min… that holds `seconds`.
fn nice(seconds: f64) -> f64 {
    const STEPS: [f64; 16] =
        [10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 450.0, 600.0, 900.0, 1200.0, 1800.0, 2700.0];
    STEPS.into_iter().find(|s| *s >= seconds).unwrap_or_else(|| (seconds / 1800.0).ceil() * 1800.0)
}

fn tick(length: f64, width: f64) -> f64 {
    let most = (width / 90.0).max(2.0);
    const STEPS: [f64; 14] =
        [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0];
    STEPS.into_iter().find(|s| length / s <= most).unwrap_or(length / most)
}
