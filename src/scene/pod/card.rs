//! A container as a card: its state, processes, control group, probes, log and mounts, line by line.

use super::super::facts::{ContainerFacts, PodFacts, Probe, Process, Role};
use super::super::{Action, Group, Mark, bytes, duration, fit, fit_name, mono, sans, wrap};
use super::{LINE, NAME, NARROW, Options, SMALL, TEXT};

/// More circles than these say nothing more.
const MOST_PIPS: i32 = 8;

/// One line of a card.
pub(super) enum Line {
    Text(&'static str, String),
    /// Something that comes by itself: words, the share that has passed, the style of the bar.
    Bar(String, f64, &'static str),
    /// What a control group uses of what was asked for and of the limit.
    Gauge {
        name: &'static str,
        words: String,
        used: f64,
        request: Option<f64>,
        limit: Option<f64>,
        hot: bool,
    },
    /// A probe with its count towards the threshold.
    Probe {
        class: &'static str,
        words: String,
        count: i32,
        of: i32,
    },
}

pub(super) struct Card<'a> {
    pub facts: ContainerFacts<'a>,
    pub mark: Mark,
    pub state: String,
    image_beside: bool,
    lines: Vec<Line>,
    /// Has a shell to open, has a log to show.
    acts: (bool, bool),
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

pub(super) fn card<'b>(pod: &PodFacts, facts: ContainerFacts<'b>, w: f64, threads: bool, options: Options) -> Card<'b> {
    let inside = pod.inside_of(facts.name);
    let (mark, state) = state(pod, &facts);
    let room = w - 34.0;
    let mut lines = Vec::new();
    if w < NARROW {
        lines.push(Line::Text("state", fit(&format!("{} {state}", mark.glyph()), room, TEXT * 0.58)));
    }
    // The image stands beside the name where both fit.
    let title = name_width(facts.name) + 10.0 + mono(facts.image, SMALL) + 16.0 + sans(&state, TEXT) + 16.0;
    let image_beside = w >= NARROW && title <= room;
    if !image_beside {
        lines.push(Line::Text("mono faint", fit(facts.image, room, SMALL * 0.61)));
    }
    match facts.role {
        Role::Init => lines.extend(words("faint", "init container: the others wait for its end", room, 2)),
        Role::Sidecar => lines.extend(words("faint", "sidecar: starts first, ends last", room, 2)),
        Role::Ephemeral => lines.extend(words("faint", "ephemeral container", room, 2)),
        Role::Main => {}
    }
    lines.extend(past(&facts, room));
    lines.extend(coming(pod, &facts));
    let running = facts.is_running();
    // A crash's message repeats what the card says already.
    if let Some(waiting) = facts.state().and_then(|s| s.waiting.as_ref())
        && waiting.reason.as_deref() != Some("CrashLoopBackOff")
    {
        lines.extend(words("quiet", waiting.message.as_deref().unwrap_or(""), room, 3));
    }
    if let Some(inside) = inside {
        let shared = pod.inside.as_ref().is_some_and(|i| !i.shared_processes.is_empty());
        let several = pod.pod.spec.as_ref().is_some_and(|s| s.containers.len() > 1);
        if several && !shared && !inside.processes.is_empty() {
            lines.push(Line::Text("faint", fit("its own processes and files", room, SMALL * 0.56)));
        }
        let own = if shared { &[][..] } else { &inside.processes };
        for row in tree(own, 5, options.host_pids) {
            lines.push(Line::Text("mono", fit(&row, room, TEXT * 0.61)));
        }
        if inside.processes.is_empty() {
            for row in telling(&inside.log) {
                let row = wrap(row, room, SMALL * 0.61, 3);
                lines.extend(row.into_iter().map(|text| Line::Text("mono quiet small", text)));
            }
        }
        if inside.running && !pod.is_unknown() {
            lines.extend(gauges(&facts, inside.memory, inside.cpu));
        }
    }
    if running && !pod.is_unknown() {
        lines.extend(facts.probes.iter().map(|p| probe(pod, &facts, p)));
    }
    if !threads {
        for (volume, path, read_only) in &facts.mounts {
            let how = if *read_only { ", read-only" } else { "" };
            lines.push(Line::Text("mono vol", fit(&format!("{path} ← {volume}{how}"), room, SMALL * 0.61)));
        }
    }
    let known = !pod.is_unknown();
    let acts = (running && known, known && inside.is_some_and(|i| !i.log.is_empty() || i.running));
    let foot = if acts.0 || acts.1 { 22.0 } else { 0.0 };
    let h = 38.0 + lines.len() as f64 * LINE + 10.0 + foot;
    Card { facts, mark, state, image_beside, lines, acts, x: 0.0, y: 0.0, w, h: h.max(72.0) }
}

/// How it ended, and how often it was started again.
fn past(facts: &ContainerFacts, room: f64) -> Vec<Line> {
    let restarts = facts.status.map_or(0, |s| s.restart_count);
    let times = match restarts {
        0 => String::new(),
        1 => ", restarted once".into(),
        n => format!(", restarted {n} times"),
    };
    let Some(t) = facts.ended().or(facts.ended_before()) else {
        return if restarts > 0 { words("quiet", times.trim_start_matches(", "), room, 1) } else { Vec::new() };
    };
    let ran = match (&t.started_at, &t.finished_at) {
        (Some(a), Some(b)) => format!(" after {}", duration(b.0.duration_since(a.0).as_secs_f64())),
        _ => String::new(),
    };
    let why = match t.reason.as_deref() {
        None | Some("" | "Error" | "Completed") => String::new(),
        Some(reason) => format!(" ({reason})"),
    };
    let when = if facts.is_running() { "before, it exited" } else { "exited" };
    words("quiet", &format!("{when} with {}{why}{ran}{times}", t.exit_code), room, 2)
}

/// What is due: the next try, the end of a pull, the end of the grace.
fn coming(pod: &PodFacts, facts: &ContainerFacts) -> Vec<Line> {
    let inside = pod.inside_of(facts.name);
    if let Some((until, whole)) = inside.and_then(|i| i.back_off) {
        let left = until.duration_since(pod.now).as_secs_f64();
        if left > 0.0 && whole > 0.0 {
            let words = format!("next try in {}", duration(left.ceil()));
            return vec![Line::Bar(words, ((whole - left) / whole).clamp(0.0, 1.0), "bar-done")];
        }
    }
    if facts.waiting_reason() == Some("ImagePullBackOff")
        && let Some((end, whole)) = inside.and_then(|i| i.pull_back_off)
    {
        let left = end.duration_since(pod.now).as_secs_f64().max(0.0);
        let words =
            if left > 0.0 { format!("pull waits {}", duration(left.ceil())) } else { "pulled again at once".into() };
        return vec![Line::Bar(words, ((whole - left) / whole.max(1.0)).clamp(0.0, 1.0), "bar-done")];
    }
    if let Some(pull) =
        pod.pull.as_ref().filter(|p| facts.state().is_none_or(|s| s.waiting.is_some()) && is_image(p, facts.image))
    {
        let size = if pull.bytes > 0 { format!(" {}", bytes(pull.bytes as f64)) } else { String::new() };
        let words = format!("pulling{size}, {} left", duration(pull.left.ceil()));
        return vec![Line::Bar(words, pull.passed(), "bar-done calm")];
    }
    if let Some(end) = pod.inside.as_ref().and_then(|i| i.grace_ends).filter(|_| pod.is_ending() && facts.is_running())
    {
        let left = end.duration_since(pod.now).as_secs_f64().max(0.0);
        let whole = pod.pod.metadata.deletion_grace_period_seconds.unwrap_or(30).max(1) as f64;
        let words = format!("SIGKILL in {}", duration(left.ceil()));
        return vec![Line::Bar(words, ((whole - left) / whole).clamp(0.0, 1.0), "bar-done")];
    }
    Vec::new()
}

/// A pull names its image in full, a manifest in short.
fn is_image(pull: &super::super::facts::Pull, image: &str) -> bool {
    crate::registry::ImageRef::parse(image).is_ok_and(|full| full.to_string() == pull.image)
}

fn gauges(facts: &ContainerFacts, memory: u64, (has, wants): (f64, f64)) -> Vec<Line> {
    let mut lines = Vec::new();
    let (request, limit) = facts.resources.memory;
    let used = memory as f64;
    let words = match (request, limit) {
        (_, Some(limit)) => format!("{} of {}", bytes(used), bytes(limit)),
        (Some(request), None) => format!("{}, asked for {}", bytes(used), bytes(request)),
        (None, None) => format!("{}, no limit", bytes(used)),
    };
    let hot = limit.is_some_and(|l| used > l * 0.9);
    lines.push(Line::Gauge { name: "memory", words, used, request, limit, hot });
    let (request, limit) = facts.resources.cpu;
    if request.is_some() || limit.is_some() || wants > 0.0 {
        let throttled = wants > has + 0.005 && limit.is_some_and(|l| has + 0.005 >= l);
        let said = |n: f64| format!("{:.2}", n).trim_end_matches('0').trim_end_matches('.').to_owned();
        let words = match limit {
            Some(limit) if throttled => format!("{} of {}, throttled", said(has), said(limit)),
            Some(limit) => format!("{} of {}", said(has), said(limit)),
            None => format!("{}, no limit", said(has)),
        };
        lines.push(Line::Gauge { name: "cpu", words, used: has, request, limit, hot: throttled });
    }
    lines
}

fn probe(pod: &PodFacts, facts: &ContainerFacts, p: &Probe) -> Line {
    let counter = pod.counter(facts.name, p.kind);
    let started = facts.status.and_then(|s| s.started).unwrap_or(false);
    let line = |class, glyph: &str, words: String, count, of| Line::Probe {
        class,
        words: format!("{glyph} {} {words}", p.kind),
        count,
        of,
    };
    if p.kind == "startup" && started {
        return line("faint", "✓", "is done".into(), 0, 0);
    }
    if p.kind != "startup" && !started && facts.probes.iter().any(|p| p.kind == "startup") {
        return line("faint", "–", "waits for startup".into(), 0, 0);
    }
    let run = counter.map_or(0, |c| i32::try_from(c.run).unwrap_or(i32::MAX));
    match counter.and_then(|c| c.last) {
        None => line("faint", "○", p.what.clone(), 0, 0),
        Some(true) if p.successes > 1 => line("probe-ok", "✓", p.what.clone(), run.min(p.successes), p.successes),
        Some(true) => line("probe-ok", "✓", p.what.clone(), 0, 0),
        Some(false) => line("probe-bad", "✕", p.what.clone(), run.min(p.failures), p.failures),
    }
}

fn words(class: &'static str, text: &str, room: f64, most: usize) -> Vec<Line> {
    wrap(text, room, TEXT * 0.54, most).into_iter().map(|line| Line::Text(class, line)).collect()
}

/// A container's mark and its state in kubectl's words.
pub fn state(pod: &PodFacts, c: &ContainerFacts) -> (Mark, String) {
    let Some(state) = c.state() else { return (Mark::Pending, "Waiting".into()) };
    if pod.is_unknown() {
        return (Mark::Unknown, "Unknown".into());
    }
    if state.running.is_some() {
        return if pod.is_ending() { (Mark::Ending, "Terminating".into()) } else { (Mark::Running, "Running".into()) };
    }
    if let Some(t) = &state.terminated {
        let reason = t.reason.clone().unwrap_or_else(|| if t.exit_code == 0 { "Completed" } else { "Error" }.into());
        return (if t.exit_code == 0 { Mark::Succeeded } else { Mark::Failed }, reason);
    }
    let reason = state.waiting.as_ref().and_then(|w| w.reason.clone()).unwrap_or_else(|| "Waiting".into());
    let mark = match reason.as_str() {
        "CrashLoopBackOff" | "ImagePullBackOff" => Mark::Waiting,
        r if r.starts_with("Err") || r.ends_with("Error") || r.starts_with("Invalid") => Mark::Failed,
        _ => Mark::Pending,
    };
    (mark, reason)
}

impl Card<'_> {
    pub(super) fn draw(&self) -> Vec<Group> {
        let Card { facts, mark, state, x, y, w, h, .. } = self;
        let mut g = Group::new(
            format!("container-{}", facts.name),
            format!("card {}", mark.class()),
            format!("container {}: {state}", facts.name),
        );
        g.rect("card-box", *x, *y, *w, *h, 11.0);
        if *mark == Mark::Waiting {
            g.rect("hatch", *x, *y, *w, *h, 11.0);
        }
        g.rect("edge", *x, *y, 4.0, *h, 2.0);
        let said = format!("{} {state}", mark.glyph());
        let said = fit(&said, w * 0.62, TEXT * 0.58);
        let room = if *w < NARROW { w - 34.0 } else { w - 40.0 - sans(&said, TEXT) };
        g.text("name", x + 18.0, y + 25.0, fit_name(facts.name, room, NAME));
        if *w >= NARROW {
            g.text("state end", x + w - 16.0, y + 25.0, said);
        }
        if self.image_beside {
            g.text("mono faint", x + 28.0 + name_width(facts.name), y + 25.0, facts.image);
        }
        let mut at = y + 46.0;
        for line in &self.lines {
            self.line(&mut g, line, at);
            at += LINE;
        }
        g.action = match self.acts {
            (true, _) => Some(Action::Shell(facts.name.into())),
            (false, true) => Some(Action::Logs(facts.name.into())),
            (false, false) => None,
        };
        let mut groups = vec![g];
        let mut right = x + w - 12.0;
        let acts = [
            (self.acts.1, "logs", format!("Logs of {}", facts.name), Action::Logs(facts.name.into())),
            (self.acts.0, "shell", format!("Shell in {}", facts.name), Action::Shell(facts.name.into())),
        ];
        for (_, word, label, action) in acts.into_iter().filter(|a| a.0) {
            let wide = sans(word, SMALL) + 16.0;
            let mut g = Group::new(format!("{word}-{}", facts.name), "act", label);
            g.rect("act-box", right - wide, y + h - 27.0, wide, 22.0, 5.0);
            g.text("small middle act-words", right - wide / 2.0, y + h - 12.5, word);
            g.action = Some(action);
            groups.push(g);
            right -= wide + 6.0;
        }
        groups
    }

    fn line(&self, g: &mut Group, line: &Line, at: f64) {
        let (x, w) = (self.x, self.w);
        match line {
            Line::Text(class, text) => g.text(class, x + 18.0, at, text.as_str()),
            Line::Bar(words, passed, class) => {
                let from =
                    30.0 + sans("pulling 100Mi, 59 s left ", TEXT * 1.05).min(w * 0.55).max(sans(words, TEXT * 1.05));
                g.text("strong", x + 18.0, at, fit(words, w - 34.0, TEXT * 0.6));
                let room = w - from - 18.0;
                if room >= 24.0 {
                    g.rect("bar", x + from, at - 8.0, room, 7.0, 3.5);
                    g.rect(class, x + from, at - 8.0, room * passed, 7.0, 3.5);
                }
            }
            Line::Gauge { name, words, used, request, limit, hot } => {
                g.text("faint", x + 18.0, at, *name);
                let words = fit(words, w - 34.0 - 54.0, SMALL * 0.58);
                if request.is_none() && limit.is_none() {
                    g.text("quiet small", x + 72.0, at, words);
                    return;
                }
                let wide = sans(&words, SMALL);
                g.text(if *hot { "small end hot" } else { "quiet small end" }, x + w - 16.0, at, words);
                let (from, room) = (x + 72.0, w - 72.0 - 16.0 - wide - 14.0);
                if room < 30.0 {
                    return;
                }
                let whole = limit.unwrap_or_else(|| request.unwrap_or(0.0).max(*used) * 1.5);
                let share = |n: f64| if whole > 0.0 { (n / whole).clamp(0.0, 1.0) * room } else { 0.0 };
                g.rect(if limit.is_some() { "bar" } else { "bar open" }, from, at - 8.0, room, 7.0, 3.5);
                g.rect(if *hot { "bar-done" } else { "bar-done calm" }, from, at - 8.0, share(*used), 7.0, 3.5);
                if let Some(request) = request {
                    g.path("request-mark", format!("M{:.1} {:.1}v11", from + share(*request), at - 10.0));
                }
            }
            Line::Probe { class, words, count, of } => {
                let pips = (*of).clamp(0, MOST_PIPS);
                let said = if *of > MOST_PIPS { format!("{count} of {of}") } else { String::new() };
                let wide = if said.is_empty() { f64::from(pips) * 10.0 } else { sans(&said, SMALL) };
                g.text(class, x + 18.0, at, fit(words, w - 34.0 - wide - 8.0, SMALL * 0.58));
                if !said.is_empty() {
                    g.text("small end hot", x + w - 16.0, at, said);
                    return;
                }
                for i in 0..pips {
                    let at_x = x + w - 20.0 - f64::from(pips - 1 - i) * 10.0;
                    let class = match (i < *count, *class) {
                        (false, _) => "pip",
                        (true, "probe-ok") => "pip ok",
                        (true, _) => "pip bad",
                    };
                    g.circle(class, at_x, at - 4.0, 3.5);
                }
            }
        }
    }
}

/// Of a container's name, which is set larger and in bold.
fn name_width(name: &str) -> f64 {
    name.chars().count() as f64 * NAME
}

/// The line of an ended container's log that tells why, else the last two.
fn telling(log: &[String]) -> &[String] {
    const WORDS: [&str; 8] =
        ["error:", "address already in use", "address in use", "fatal", "panic", "denied", "not found", "can't"];
    let tells = |line: &String| {
        let line = line.to_ascii_lowercase();
        WORDS.iter().any(|word| line.contains(word))
    };
    match log.iter().rposition(tells) {
        Some(i) => &log[i..=i],
        None => &log[log.len().saturating_sub(2)..],
    }
}

/// Processes as rows, children under their parents.
pub(super) fn tree(processes: &[Process], most: usize, host_pids: bool) -> Vec<String> {
    fn under(all: &[Process], parent: i32, depth: usize, host_pids: bool, rows: &mut Vec<String>) {
        if depth > 16 {
            return;
        }
        for p in all.iter().filter(|p| p.parent == parent && p.pid != parent) {
            let stem = if depth == 0 { String::new() } else { format!("{}└ ", "  ".repeat(depth - 1)) };
            let host = if host_pids { format!(" (host {})", p.host_pid) } else { String::new() };
            rows.push(format!("{stem}{}{host} {}", p.pid, p.command));
            under(all, p.pid, depth + 1, host_pids, rows);
        }
    }
    let mut rows = Vec::new();
    let mut roots: Vec<i32> =
        processes.iter().filter(|p| !processes.iter().any(|q| q.pid == p.parent)).map(|p| p.parent).collect();
    roots.sort_unstable();
    roots.dedup();
    for root in roots {
        under(processes, root, 0, host_pids, &mut rows);
    }
    if rows.len() > most {
        let more = rows.len() - (most - 1);
        rows.truncate(most - 1);
        rows.push(format!("and {more} more"));
    }
    rows
}
