//! The opened pod: one network frame with one rail of ports, containers hanging from the ports they hold, what they share
//! as plates on the frame, volumes below.
//!
//! Two layouts: containers side by side under a rail from left to right, or, where they do not fit, one below the other
//! beside a rail from top to bottom.

use serde::Serialize;

use super::facts::{ContainerFacts, PodFacts, Process, Request, Role, is_token};
use super::rail::{self, Port};
use super::{Group, Mark, cluster, duration, fit, fit_name, mono, sans, wrap};
use crate::api::Volume;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PodScene {
    pub name: String,
    /// `default · on podarium-worker · Burstable · 1 of 2 ready`.
    pub about: String,
    pub mark: Mark,
    pub status: String,
    pub width: f64,
    pub height: f64,
    pub groups: Vec<Group>,
}

const TEXT: f64 = 12.5;
const SMALL: f64 = 11.0;
/// A letter of a container's name.
const NAME: f64 = 14.0 * 0.66;
const LINE: f64 = 18.0;
const CARD_LEAST: f64 = 230.0;
const GAP: f64 = 28.0;
/// Below this a card's state has a line of its own.
const NARROW: f64 = 260.0;

/// One line of a card.
enum Line {
    Text(&'static str, String),
    /// A back-off: seconds left and the share that has passed.
    Bar(f64, f64),
}

struct Card<'a> {
    facts: ContainerFacts<'a>,
    mark: Mark,
    state: String,
    image_beside: bool,
    lines: Vec<Line>,
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

pub fn build(facts: &PodFacts, width: f64) -> PodScene {
    let width = width.clamp(300.0, 1600.0);
    let (done, shown): (Vec<_>, Vec<_>) = facts.containers().into_iter().partition(|c| {
        c.role == Role::Init && c.state().and_then(|s| s.terminated.as_ref()).is_some_and(|t| t.exit_code == 0)
    });
    let ports = rail::ports(facts);
    let outside = if width < 560.0 { 12.0 } else { 92.0 };
    let inner = width - outside - 12.0 - 2.0 * 20.0;
    let n = shown.len().max(1) as f64;
    let across =
        width >= 560.0 && (inner - (n - 1.0) * GAP) / n >= CARD_LEAST && ports.len() as f64 * 96.0 <= inner - 60.0;
    let mut p =
        Picture { facts, ports, groups: Vec::new(), left: outside, right: width - 12.0, across, threads: across };
    let top = p.plates();
    let height = p.inside(shown, &done, top);
    let status = facts.pod.status.as_ref();
    let statuses = status.and_then(|s| s.container_statuses.as_deref()).unwrap_or(&[]);
    let wanted = facts.pod.spec.as_ref().map_or(0, |s| s.containers.len());
    let mut about = vec![facts.pod.metadata.namespace.clone().unwrap_or_default()];
    match facts.pod.spec.as_ref().and_then(|s| s.node_name.as_deref()) {
        Some(node) => about.push(format!("on {node}")),
        None => about.push("on no node yet".into()),
    }
    about.extend(status.and_then(|s| s.qos_class.clone()));
    about.push(format!("{} of {wanted} ready", statuses.iter().filter(|s| s.ready).count()));
    let mut shown_status = facts.status.clone();
    if facts.is_unknown() {
        shown_status = format!("Unknown (the API says {})", facts.phase());
    }
    PodScene {
        name: facts.name().to_owned(),
        about: about.join(" · "),
        mark: if facts.is_unknown() { Mark::Unknown } else { cluster::pod_mark(&facts.pod, &facts.status) },
        status: shown_status,
        width,
        height,
        groups: p.groups,
    }
}

struct Picture<'a> {
    facts: &'a PodFacts,
    ports: Vec<Port>,
    groups: Vec<Group>,
    left: f64,
    right: f64,
    across: bool,
    /// Mounts are drawn as lines to their volumes; else they are named on the card.
    threads: bool,
}

impl Picture<'_> {
    /// The plates on the frame's upper edge; gives the y where the rail begins.
    fn plates(&mut self) -> f64 {
        let spec = self.facts.pod.spec.as_ref();
        let status = self.facts.pod.status.as_ref();
        let host = spec.and_then(|s| s.host_network).unwrap_or(false);
        let ip = status.and_then(|s| s.pod_ip.as_deref()).filter(|ip| !ip.is_empty());
        let hostname = self.facts.inside.as_ref().map(|i| i.hostname.as_str()).filter(|h| !h.is_empty());
        let hostname = hostname.or(spec.and_then(|s| s.hostname.as_deref())).unwrap_or(self.facts.name());
        let one_tree = spec.and_then(|s| s.share_process_namespace).unwrap_or(false);
        let mut plates = vec![
            (
                "net",
                if host { "the node's network" } else { "network namespace" },
                ip.unwrap_or("no address yet").to_owned(),
                ip.is_some(),
            ),
            ("uts", "one hostname", hostname.to_owned(), true),
            ("ipc", "one IPC", String::new(), true),
        ];
        // Without it each container shows its own.
        if one_tree {
            plates.push(("pid", "one process tree", String::new(), true));
        }
        let (mut x, mut y) = (self.left + 20.0, 2.0);
        let mut first_row = true;
        for (key, words, value, set) in plates {
            let room = self.right - self.left - 40.0;
            let value = fit(&value, room - sans(words, TEXT) - 40.0, 12.0 * 0.61);
            // The network's plate is set in bold.
            let said = sans(words, if key == "net" { TEXT * 1.14 } else { TEXT });
            let w = 24.0 + said + if value.is_empty() { 0.0 } else { 10.0 + mono(&value, 12.0) };
            if x + w > self.right - 16.0 && x > self.left + 20.0 {
                x = self.left + 20.0;
                y += if first_row { 34.0 } else { 32.0 };
                first_row = false;
            }
            let class = if set { format!("plate {key}") } else { format!("plate {key} unset") };
            let mut g = Group::new(format!("plate-{key}"), class, format!("{words} {value}"));
            g.rect("plate-box", x, y, w, 26.0, if key == "net" { 13.0 } else { 5.0 });
            g.text("words", x + 12.0, y + 17.5, words);
            if !value.is_empty() {
                g.text("mono end", x + w - 12.0, y + 17.5, value);
            }
            self.groups.push(g);
            x += w + 14.0;
        }
        y + 26.0
    }

    fn inside(&mut self, shown: Vec<ContainerFacts<'_>>, done: &[ContainerFacts<'_>], top: f64) -> f64 {
        let mut steps_y = top + 20.0;
        if !done.is_empty() {
            steps_y = self.steps(done, steps_y);
        }
        let rail_y = steps_y + if done.is_empty() { 36.0 } else { 50.0 };
        let (cards_left, cards_top) =
            if self.across { (self.left + 24.0, rail_y + 60.0) } else { (self.left + 104.0, steps_y + 48.0) };
        let cards_right = self.right - 20.0;
        let n = shown.len().max(1) as f64;
        let w = if self.across {
            ((cards_right - cards_left - (n - 1.0) * GAP) / n).min(if n > 1.0 { 420.0 } else { 560.0 })
        } else {
            cards_right - cards_left
        };
        self.threads = self.across && shown.iter().all(|c| mount_share(w, c.mounts.len()) >= 84.0);
        let spread = if self.across && n > 1.0 { (cards_right - cards_left - n * w) / (n - 1.0) } else { 0.0 };
        let mut cards: Vec<Card> = shown.into_iter().map(|c| self.card(c, w)).collect();
        let tallest = cards.iter().map(|c| c.h).fold(0.0, f64::max);
        let mut y = cards_top;
        for (i, card) in cards.iter_mut().enumerate() {
            card.w = w;
            if self.across {
                card.x = cards_left + i as f64 * (w + spread);
                card.y = cards_top;
                card.h = tallest;
            } else {
                let rows = self.ports.iter().filter(|p| p.owner() == Some(card.facts.name)).count() as f64;
                card.x = cards_left;
                card.y = y;
                card.h = card.h.max(rows * 46.0 + 8.0);
                y += card.h + 16.0;
            }
        }
        let mut bottom = if self.across { cards_top + tallest } else { y - 16.0 };
        bottom = self.shared_tree(cards_left, bottom, cards_right - cards_left);
        let marks = self.places(&cards, rail_y, steps_y + 18.0);
        if !self.across {
            // Below the last port and its words is lo.
            bottom = marks.iter().map(|m| m.2 + 46.0).fold(bottom, f64::max);
        }
        let volumes = self.volumes();
        let frame_bottom = bottom + if self.threads && !volumes.is_empty() { 50.0 } else { 24.0 };
        let frame_top = 15.0;
        let there = self.has_address();
        let mut frame = Group::new("frame", if there { "frame" } else { "frame unset" }, "");
        frame.rect("frame-box", self.left, frame_top, self.right - self.left, frame_bottom - frame_top, 18.0);
        self.groups.insert(0, frame);
        self.rail(&cards, &marks, rail_y, steps_y + 18.0, frame_bottom);
        if self.across {
            self.kubelet(&cards);
        }
        for card in &cards {
            let g = draw(card);
            self.groups.push(g);
        }
        self.drums(&volumes, &cards, bottom, frame_bottom)
    }

    /// Init containers that are done: small, in their order.
    fn steps(&mut self, done: &[ContainerFacts<'_>], top: f64) -> f64 {
        let (mut x, mut y) = (self.left + 20.0, top);
        for (i, c) in done.iter().enumerate() {
            let name = fit(c.name, 160.0, SMALL * 0.61);
            let w = 42.0 + mono(&name, SMALL);
            if x + w > self.right - 16.0 && i > 0 {
                x = self.left + 20.0;
                y += 28.0;
            }
            let mut g = Group::new(
                format!("step-{}", c.name),
                "step succeeded",
                format!("init container {} succeeded", c.name),
            );
            g.rect("step-box", x, y, w, 22.0, 6.0);
            g.text("mark", x + 9.0, y + 15.5, format!("{} {}", i + 1, Mark::Succeeded.glyph()));
            g.text("mono small", x + 34.0, y + 15.5, name);
            self.groups.push(g);
            x += w + 8.0;
        }
        y + 26.0
    }

    fn card<'b>(&self, facts: ContainerFacts<'b>, w: f64) -> Card<'b> {
        let inside = self.facts.inside_of(facts.name);
        let (mark, state) = container_state(self.facts, &facts);
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
        let restarts = facts.status.map_or(0, |s| s.restart_count);
        let times = match restarts {
            0 => String::new(),
            1 => ", restarted once".into(),
            n => format!(", restarted {n} times"),
        };
        let running = facts.state().is_some_and(|s| s.running.is_some());
        if let Some(t) = facts.ended().or(facts.ended_before().filter(|_| !running)) {
            let ran = match (&t.started_at, &t.finished_at) {
                (Some(a), Some(b)) => format!(" after {}", duration(b.0.duration_since(a.0).as_secs_f64())),
                _ => String::new(),
            };
            lines.extend(words("quiet", &format!("exited with {}{ran}{times}", t.exit_code), room, 2));
        } else if restarts > 0 {
            lines.push(Line::Text("quiet", times.trim_start_matches(", ").to_owned()));
        }
        if let Some((until, whole)) = inside.and_then(|i| i.back_off) {
            let left = until.duration_since(self.facts.now).as_secs_f64();
            if left > 0.0 && whole > 0.0 {
                lines.push(Line::Bar(left, ((whole - left) / whole).clamp(0.0, 1.0)));
            }
        }
        // A crash's message repeats what the card says already.
        if let Some(waiting) = facts.state().and_then(|s| s.waiting.as_ref())
            && waiting.reason.as_deref() != Some("CrashLoopBackOff")
        {
            lines.extend(words("quiet", waiting.message.as_deref().unwrap_or(""), room, 3));
        }
        if let Some(inside) = inside {
            let several = self.facts.pod.spec.as_ref().is_some_and(|s| s.containers.len() > 1);
            let shared = self.facts.inside.as_ref().is_some_and(|i| !i.shared_processes.is_empty());
            if several && !shared && !inside.processes.is_empty() {
                lines.push(Line::Text("faint", fit("its own processes and files", room, SMALL * 0.56)));
            }
            for row in tree(&inside.processes, 5) {
                lines.push(Line::Text("mono", fit(&row, room, TEXT * 0.61)));
            }
            if inside.processes.is_empty() {
                for row in telling(&inside.log) {
                    lines.extend(
                        wrap(row, room, SMALL * 0.61, 2).into_iter().map(|text| Line::Text("mono quiet small", text)),
                    );
                }
            }
        }
        if running && !self.facts.is_unknown() && !facts.probes.is_empty() {
            let ready = facts.status.is_some_and(|s| s.ready);
            let started = facts.status.and_then(|s| s.started).unwrap_or(false);
            let said: Vec<String> = facts
                .probes
                .iter()
                .map(|p| match *p {
                    "readiness" => format!("readiness {}", if ready { "ok" } else { "not yet" }),
                    "startup" => format!("startup {}", if started { "done" } else { "not yet" }),
                    other => other.to_owned(),
                })
                .collect();
            lines.extend(words("faint", &format!("probes: {}", said.join(", ")), room, 2));
        }
        if !self.threads {
            for (volume, path, read_only) in &facts.mounts {
                let how = if *read_only { ", read-only" } else { "" };
                lines.push(Line::Text("mono vol", fit(&format!("{path} ← {volume}{how}"), room, SMALL * 0.61)));
            }
        }
        let h = 38.0 + lines.len() as f64 * LINE + 10.0;
        Card { facts, mark, state, image_beside, lines, x: 0.0, y: 0.0, w, h: h.max(72.0) }
    }

    fn shared_tree(&mut self, x: f64, bottom: f64, w: f64) -> f64 {
        let Some(inside) = self.facts.inside.as_ref().filter(|i| !i.shared_processes.is_empty()) else { return bottom };
        let rows = tree(&inside.shared_processes, 12);
        let h = 34.0 + rows.len() as f64 * LINE;
        let mut g = Group::new("processes", "card shared", "One process tree for all containers");
        g.rect("card-box", x, bottom + 14.0, w, h, 11.0);
        g.text("faint", x + 18.0, bottom + 34.0, fit("one process tree, under pause", w - 34.0, SMALL * 0.56));
        for (i, row) in rows.iter().enumerate() {
            g.text("mono", x + 18.0, bottom + 54.0 + i as f64 * LINE, fit(row, w - 34.0, TEXT * 0.61));
        }
        self.groups.push(g);
        bottom + 14.0 + h
    }

    /// Where each port sits on the rail: number, x, y.
    fn places(&self, cards: &[Card], rail_y: f64, column_top: f64) -> Vec<(u16, f64, f64)> {
        let card_of = |port: &Port| cards.iter().find(|c| Some(c.facts.name) == port.owner());
        // Which of its owner's ports it is, and of how many.
        let rank = |i: usize| {
            let same = |p: &&Port| p.owner() == self.ports[i].owner();
            (self.ports[..i].iter().filter(same).count() as f64, self.ports.iter().filter(same).count() as f64)
        };
        let mut marks = Vec::new();
        if self.across {
            let (from, to) = (self.left + 54.0, self.right - 104.0);
            let share = (to - from) / self.ports.len().max(1) as f64;
            // A port stands over its container where there is room, else in order.
            let mut last = from;
            for (i, port) in self.ports.iter().enumerate() {
                let (nth, all) = rank(i);
                let x = match card_of(port) {
                    Some(c) => c.x + c.w * (nth + 1.0) / (all + 1.0),
                    None => from + share * (i as f64 + 0.5),
                };
                let x = x.max(last + 34.0).min(to - (self.ports.len() - 1 - i) as f64 * 72.0);
                last = x + 38.0;
                marks.push((port.number, x, rail_y));
            }
        } else {
            let mut least = column_top + 42.0;
            for (i, port) in self.ports.iter().enumerate() {
                let wanted = card_of(port).map_or(least, |c| c.y + 30.0 + rank(i).0 * 46.0);
                let y = wanted.max(least);
                least = y + 46.0;
                marks.push((port.number, self.left + 44.0, y));
            }
        }
        marks
    }

    /// The rail with its ports.
    fn rail(&mut self, cards: &[Card], marks: &[(u16, f64, f64)], rail_y: f64, column_top: f64, frame_bottom: f64) {
        let mut g = Group::new("rail", if self.has_address() { "rail" } else { "rail unset" }, "eth0 and lo");
        if self.across {
            let to = self.right - 44.0;
            g.path("rail-line", format!("M{} {rail_y}H{to}", self.left - 64.0));
            g.circle("end", self.left - 70.0, rail_y, 6.0);
            g.text("quiet", self.left - 82.0, rail_y + 26.0, "node");
            if let Some(ip) = self.facts.pod.status.as_ref().and_then(|s| s.host_ip.as_deref()) {
                g.text("mono faint", self.left - 82.0, rail_y + 42.0, fit(ip, 80.0, SMALL * 0.61));
            }
            nic(&mut g, self.left, rail_y, "eth0");
            nic(&mut g, to + 6.0, rail_y, "lo");
        } else {
            let x = self.left + 44.0;
            g.path("rail-line", format!("M{x} {column_top}V{}", frame_bottom - 26.0));
            nic(&mut g, x, column_top, "eth0");
            nic(&mut g, x, frame_bottom - 22.0, "lo");
        }
        self.groups.push(g);
        // What travels passes under the ports.
        self.travel(marks, rail_y, column_top);
        for (i, port) in self.ports.iter().enumerate() {
            let (_, x, y) = marks[i];
            let before = if i > 0 { x - marks[i - 1].1 } else { 2.0 * (x - self.left - 8.0) };
            let (next, after) = match marks.get(i + 1) {
                Some(m) => (m.1, m.1 - x),
                None => (self.right - 38.0, 2.0 * (self.right - 8.0 - x)),
            };
            let g = self.port(port, x, y, next, before.min(after) - 8.0, cards);
            self.groups.push(g);
        }
    }

    /// The namespace is there from the sandbox on, and with it the address.
    fn has_address(&self) -> bool {
        self.facts.pod.status.as_ref().and_then(|s| s.pod_ip.as_deref()).is_some_and(|ip| !ip.is_empty())
    }

    /// `next`: where the next port or lo is; `above`: the width of what may be written above it.
    fn port(&self, port: &Port, x: f64, y: f64, next: f64, above: f64, cards: &[Card]) -> Group {
        let listens = !port.listening.is_empty();
        let note = port.note();
        let mut label = match (&port.listening[..], &port.declared[..]) {
            (_, declared) if port.unknown => format!("port {}: declared by {}", port.number, declared.join(" and ")),
            ([], declared) => format!("port {}: declared by {}, nobody listens", port.number, declared.join(" and ")),
            (by, _) => format!("port {}: {} listens", port.number, by.join(" and ")),
        };
        for lost in &port.lost {
            label += &format!("; {lost} could not bind it");
        }
        let class = match (listens, port.local) {
            (false, _) => "port idle",
            (true, true) => "port open local",
            (true, false) => "port open",
        };
        let mut g = Group::new(format!("port-{}", port.number), class, label);
        let find = |name: &str| cards.iter().find(|c| c.facts.name == name);
        if let Some(c) = port.listening.first().and_then(|n| find(n)) {
            g.path("hold", self.thread(x, y, c, 0.0));
        }
        for lost in &port.lost {
            if let Some(c) = find(lost) {
                g.path("clash", self.thread(x, y, c, 10.0));
                let (cx, cy) = if self.across {
                    ((x + 10.0 + self.hang(x + 10.0, c)) / 2.0, (y + 15.0 + c.y) / 2.0)
                } else {
                    (x + 46.0, c.y + 20.0)
                };
                g.circle("clash-mark", cx, cy, 9.0);
                g.path("clash-mark", format!("M{} {}l8 8m0-8l-8 8", cx - 4.0, cy - 4.0));
                if self.across {
                    g.text("clash-words small", cx + 14.0, cy - 4.0, "already bound");
                }
            }
        }
        let (w, h) = if self.across { (64.0, 30.0) } else { (56.0, 26.0) };
        g.rect("port-box", x - w / 2.0, y - h / 2.0, w, h, 7.0);
        g.text("mono middle number", x, y + 5.0, port.number.to_string());
        if self.across && listens {
            let room = next - x - w - 14.0;
            if sans(&note, SMALL) <= room {
                g.text("quiet small", x + w / 2.0 + 7.0, y - 8.0, note);
            } else {
                g.text("quiet small middle", x, y - 22.0, fit(&note, above, SMALL * 0.56));
            }
        } else if self.across {
            let said = [note.as_str(), "nobody listens", "idle"];
            let said = said.into_iter().find(|s| sans(s, SMALL) <= above).unwrap_or("idle");
            g.text("faint small middle", x, y - 22.0, said);
        } else if !listens {
            g.text("faint small middle", x, y + 25.0, if port.unknown { "declared" } else { "idle" });
        } else if !note.is_empty() {
            g.text("quiet small middle", x, y + 25.0, fit(&note, 84.0, SMALL * 0.56));
        }
        g
    }

    /// Where on a card's upper edge a line from `x` ends.
    fn hang(&self, x: f64, card: &Card) -> f64 {
        x.clamp(card.x + 24.0, (card.x + card.w - 24.0).max(card.x + 24.0))
    }

    /// A line from a port to a card.
    fn thread(&self, x: f64, y: f64, card: &Card, aside: f64) -> String {
        if self.across {
            let to = self.hang(x + aside, card);
            let (from, top) = (y + 15.0, card.y);
            let mid = (from + top) / 2.0;
            format!("M{} {from}C{} {mid} {to} {mid} {to} {top}", x + aside, x + aside)
        } else {
            let to = y.clamp(card.y + 14.0, card.y + card.h - 14.0);
            let x = x + 28.0;
            let mid = (x + card.x) / 2.0;
            format!("M{x} {}C{mid} {} {mid} {} {} {}", y + aside / 2.0, y + aside / 2.0, to + aside, card.x, to + aside)
        }
    }

    fn travel(&mut self, marks: &[(u16, f64, f64)], rail_y: f64, column_top: f64) {
        let there = |r: &&Request| marks.iter().any(|m| m.0 == r.port);
        let newest = self.facts.requests.iter().rfind(there).map(|r| r.id);
        for r in &self.facts.requests {
            let Some((_, x, y)) = marks.iter().find(|m| m.0 == r.port) else { continue };
            let label = format!("{} from {}", r.what, r.from);
            let mut g = Group::new(format!("request-{}", r.id), "request", &label);
            let from = match (self.across, r.local) {
                (true, false) => (self.left - 64.0, rail_y),
                (true, true) => (self.right - 56.0, rail_y),
                (false, _) => (*x, column_top),
            };
            g.parts.push(super::Part::Travel { class: "mote", from, to: (*x, *y) });
            if newest == Some(r.id) {
                let (x, y) =
                    if self.across { (self.left + 36.0, rail_y - 40.0) } else { (self.left + 78.0, column_top + 4.0) };
                g.text("mono small", x, y, fit(&label, self.right - x - 20.0, SMALL * 0.61));
            }
            self.groups.push(g);
        }
    }

    /// Probes come from the node's kubelet, outside the frame.
    fn kubelet(&mut self, cards: &[Card]) {
        let probed: Vec<&Card> =
            cards.iter().filter(|c| !self.facts.is_unknown() && !c.facts.probes.is_empty()).collect();
        let Some(first) = probed.first() else { return };
        let (x, y) = (self.left - 70.0, first.y + 60.0);
        let mut g = Group::new("kubelet", "kubelet", format!("the kubelet probes {}", first.facts.name));
        g.circle("dot", x, y, 5.0);
        g.path("probe", format!("M{} {y}H{}", x + 6.0, first.x));
        g.text("quiet", x - 12.0, y + 24.0, "kubelet");
        for (i, probe) in first.facts.probes.iter().enumerate() {
            g.text("faint small", x - 12.0, y + 40.0 + i as f64 * 15.0, *probe);
        }
        self.groups.push(g);
    }

    fn volumes(&self) -> Vec<Volume> {
        let spec = self.facts.pod.spec.as_ref();
        spec.and_then(|s| s.volumes.as_ref()).into_iter().flatten().filter(|v| !is_token(&v.name)).cloned().collect()
    }

    fn drums(&mut self, volumes: &[Volume], cards: &[Card], bottom: f64, frame_bottom: f64) -> f64 {
        if volumes.is_empty() {
            return frame_bottom + 10.0;
        }
        let (x0, room) = (self.left + 20.0, self.right - self.left - 40.0);
        let per_row = ((room / 164.0).floor() as usize).clamp(1, volumes.len());
        let share = room / per_row as f64;
        let top = frame_bottom + 24.0;
        for (i, v) in volumes.iter().enumerate() {
            let (row, column) = (i / per_row, i % per_row);
            let x = x0 + share * (column as f64 + 0.5);
            let y = top + row as f64 * 84.0;
            let kind = volume_kind(v);
            let mut g = Group::new(format!("volume-{}", v.name), "volume", format!("volume {}, {kind}", v.name));
            if self.threads {
                for card in cards {
                    let mounts: Vec<_> = card.facts.mounts.iter().filter(|m| m.0 == v.name).collect();
                    for (_, path, read_only) in mounts {
                        let all: Vec<_> = card.facts.mounts.iter().collect();
                        let nth = all.iter().position(|m| m.1 == *path).unwrap_or(0) as f64;
                        let cx = card.x + card.w * (nth + 1.0) / (all.len() as f64 + 1.0);
                        let words = fit(
                            &format!("{path}{}", if *read_only { " read-only" } else { "" }),
                            mount_share(card.w, all.len()) - 26.0,
                            SMALL * 0.61,
                        );
                        let w = mono(&words, SMALL) + 18.0;
                        let side = if cx < x { -1.0 } else { 1.0 };
                        // Into the side of a drum that stands alone, else down into its top.
                        let way = if volumes.len() == 1 && (cx - x).abs() > 90.0 {
                            let (turn, level) = (cx - side * 14.0, y + 26.0);
                            format!("V{}Q{cx} {level} {turn} {level}H{}", level - 14.0, x + side * 72.0)
                        } else {
                            let (a, b) = (frame_bottom + 16.0, frame_bottom + 2.0);
                            format!("V{}C{cx} {a} {x} {b} {x} {y}", frame_bottom - 4.0)
                        };
                        g.path("mount", format!("M{cx} {bottom}{way}"));
                        g.rect("mount-box", cx - w / 2.0, bottom + 16.0, w, 20.0, 5.0);
                        g.text("mono small middle", cx, bottom + 30.0, words);
                    }
                }
            }
            g.path("drum", format!("M{} {y}v46c0 13 144 13 144 0v-46", x - 72.0));
            g.path("drum", format!("M{} {y}c0-13 144-13 144 0s-144 13-144 0", x - 72.0));
            g.text("strong middle", x, y + 30.0, fit(&v.name, 130.0, TEXT * 0.58));
            g.text("quiet small middle", x, y + 45.0, fit(&kind, 136.0, SMALL * 0.56));
            self.groups.push(g);
        }
        let rows = volumes.len().div_ceil(per_row) as f64;
        top + rows * 84.0 - 16.0
    }
}

fn nic(g: &mut Group, x: f64, y: f64, name: &str) {
    let w = if name == "lo" { 40.0 } else { 50.0 };
    g.rect("nic", x - w / 2.0, y - 12.0, w, 24.0, if name == "lo" { 12.0 } else { 6.0 });
    g.text("mono middle", x, y + 4.5, name);
}

fn words(class: &'static str, text: &str, room: f64, most: usize) -> Vec<Line> {
    wrap(text, room, TEXT * 0.54, most).into_iter().map(|line| Line::Text(class, line)).collect()
}

/// A container's mark and its state in kubectl's words.
pub fn container_state(pod: &PodFacts, c: &ContainerFacts) -> (Mark, String) {
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

fn draw(card: &Card) -> Group {
    let Card { facts, mark, state, x, y, w, h, .. } = card;
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
    if card.image_beside {
        g.text("mono faint", x + 28.0 + name_width(facts.name), y + 25.0, facts.image);
    }
    let mut at = y + 46.0;
    for line in &card.lines {
        match line {
            Line::Text(class, text) => g.text(class, x + 18.0, at, text.as_str()),
            Line::Bar(left, passed) => {
                let words = format!("next try in {}", duration(left.ceil()));
                let from = 30.0 + sans("next try in 59 s", TEXT * 1.1).max(sans(&words, TEXT * 1.1));
                g.text("strong", x + 18.0, at, fit(&words, w - 34.0, TEXT * 0.6));
                let room = w - from - 18.0;
                if room >= 24.0 {
                    g.rect("bar", x + from, at - 8.0, room, 7.0, 3.5);
                    g.rect("bar-done", x + from, at - 8.0, room * passed, 7.0, 3.5);
                }
            }
        }
        at += LINE;
    }
    g
}

/// Of a container's name, which is set larger and in bold.
fn name_width(name: &str) -> f64 {
    name.chars().count() as f64 * NAME
}

/// How much of a card's lower edge each of its mounts has.
fn mount_share(w: f64, mounts: usize) -> f64 {
    if mounts < 2 { w } else { w / (mounts as f64 + 1.0) }
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
fn tree(processes: &[Process], most: usize) -> Vec<String> {
    fn under(all: &[Process], parent: i32, depth: usize, rows: &mut Vec<String>) {
        if depth > 16 {
            return;
        }
        for p in all.iter().filter(|p| p.parent == parent && p.pid != parent) {
            let stem = if depth == 0 { String::new() } else { format!("{}└ ", "  ".repeat(depth - 1)) };
            rows.push(format!("{stem}{} {}", p.pid, p.command));
            under(all, p.pid, depth + 1, rows);
        }
    }
    let mut rows = Vec::new();
    let mut roots: Vec<i32> =
        processes.iter().filter(|p| !processes.iter().any(|q| q.pid == p.parent)).map(|p| p.parent).collect();
    roots.dedup();
    roots.sort_unstable();
    roots.dedup();
    for root in roots {
        under(processes, root, 0, &mut rows);
    }
    if rows.len() > most {
        let more = rows.len() - (most - 1);
        rows.truncate(most - 1);
        rows.push(format!("and {more} more"));
    }
    rows
}

/// `emptyDir`, `configMap web-config`.
fn volume_kind(v: &Volume) -> String {
    if let Some(e) = &v.empty_dir {
        return match (e.medium.as_deref(), &e.size_limit) {
            (Some("Memory"), _) => "emptyDir in memory".into(),
            (_, Some(q)) => format!("emptyDir, at most {}", q.0),
            _ => "emptyDir".into(),
        };
    }
    if let Some(c) = &v.config_map {
        return format!("configMap {}", c.name);
    }
    if let Some(s) = &v.secret {
        return format!("secret {}", s.secret_name.as_deref().unwrap_or(""));
    }
    if let Some(h) = &v.host_path {
        return format!("hostPath {}", h.path);
    }
    if let Some(c) = &v.persistent_volume_claim {
        return format!("claim {}", c.claim_name);
    }
    if v.projected.is_some() {
        return "projected".into();
    }
    if v.downward_api.is_some() {
        return "downwardAPI".into();
    }
    "volume".into()
}
