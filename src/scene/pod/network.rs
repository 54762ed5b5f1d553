//! The network namespace: its frame with the plates on it, the rail from eth0 to lo with the ports, who holds and who lost
//! them, what travels, and the node's side with the bridge, the host ports and the kubelet.

use super::super::facts::{Outcome, Request};
use super::super::{Group, Part, fit, mono, sans};
use super::card::Card;
use super::rail::Port;
use super::{Picture, SMALL, TEXT};

/// Of the frame, and of the node beside it.
const TOP: f64 = 15.0;
/// Where the node's bridge and kubelet are.
const NODE_X: f64 = 30.0;
const NODE_RIGHT: f64 = 100.0;

impl Picture<'_> {
    /// The plates on the frame's upper edge; gives the y where the rail begins.
    pub(super) fn plates(&mut self) -> f64 {
        let spec = self.facts.pod.spec.as_ref();
        let host = self.facts.host_network();
        let ip = self.address();
        let hostname = self.facts.inside.as_ref().map(|i| i.hostname.as_str()).filter(|h| !h.is_empty());
        let hostname = hostname.or(spec.and_then(|s| s.hostname.as_deref())).unwrap_or(self.facts.name());
        let one_tree = spec.and_then(|s| s.share_process_namespace).unwrap_or(false);
        let mut plates = vec![
            (
                "net",
                if host { "the node's own network namespace" } else { "network namespace" },
                ip.unwrap_or("no address yet").to_owned(),
                ip.is_some(),
            ),
            ("uts", "one hostname", hostname.to_owned(), true),
            ("ipc", if self.host_ipc() { "the node's IPC" } else { "one IPC" }, String::new(), true),
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

    /// Where each port sits on the rail: number, x, y.
    pub(super) fn places(&self, cards: &[Card], rail_y: f64, column_top: f64) -> Vec<(u16, f64, f64)> {
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

    /// The frame itself, behind all else.
    pub(super) fn frame(&mut self, bottom: f64) {
        let host = self.facts.host_network();
        let class = match (self.has_address(), host) {
            (false, _) => "frame unset",
            (true, true) => "frame host",
            (true, false) => "frame",
        };
        let label = if host { "the node's own network namespace: the pod has none" } else { "" };
        let mut frame = Group::new("frame", class, label);
        // A pod in the node's network has no walls towards it.
        let left = if host && self.across { 8.0 } else { self.left };
        frame.rect("frame-box", left, TOP, self.right - left, bottom - TOP, 18.0);
        self.groups.insert(0, frame);
    }

    /// The rail with its ports.
    pub(super) fn rail(
        &mut self,
        cards: &[Card],
        marks: &[(u16, f64, f64)],
        rail_y: f64,
        column_top: f64,
        frame_bottom: f64,
    ) {
        let addresses = self.facts.inside.iter().flat_map(|i| &i.interfaces);
        let said: Vec<String> = addresses.map(|(name, address)| format!("{name} {address}")).collect();
        let label = if said.is_empty() { "eth0 and lo".to_owned() } else { said.join(", ") };
        let mut g = Group::new("rail", if self.has_address() { "rail" } else { "rail unset" }, label);
        let host = self.facts.host_network();
        if self.across {
            let to = self.right - 44.0;
            let from = if self.facts.node().is_some() { NODE_X + 6.0 } else { self.left };
            g.path("rail-line", format!("M{from} {rail_y}H{to}"));
            if !host {
                nic(&mut g, self.left, rail_y, "eth0");
            }
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

    /// The node at the left: its name and address, the bridge, the ports that it lends, and the kubelet.
    pub(super) fn node(&mut self, cards: &[Card], marks: &[(u16, f64, f64)], rail_y: f64, frame_bottom: f64) {
        let Some(name) = self.facts.node() else {
            let mut g = Group::new("node", "node unset", "no node has it yet");
            g.rect("node-box", 8.0, TOP, NODE_RIGHT - 8.0, frame_bottom - TOP, 12.0);
            g.text("faint", 18.0, TOP + 22.0, "no node yet");
            self.groups.push(g);
            return;
        };
        let host = self.facts.host_network();
        let status = self.facts.pod.status.as_ref();
        let mut g =
            Group::new("node", if self.facts.is_unknown() { "node unknown" } else { "node" }, format!("node {name}"));
        if !host {
            g.rect("node-box", 8.0, TOP, NODE_RIGHT - 8.0, frame_bottom - TOP, 12.0);
        }
        let mut y = TOP + if host { 30.0 } else { 20.0 };
        let (first, rest) = split_name(name, NODE_RIGHT - 8.0 - 22.0);
        for part in [Some(first), rest].into_iter().flatten() {
            g.text("strong small", 18.0, y, fit(&part, NODE_RIGHT - 26.0, SMALL * 0.6));
            y += 14.0;
        }
        if let Some(ip) = status.and_then(|s| s.host_ip.as_deref()).filter(|ip| !ip.is_empty()) {
            g.text("mono faint", 18.0, y, fit(ip, NODE_RIGHT - 22.0, SMALL * 0.61));
        }
        g.circle("end", NODE_X, rail_y, 6.0);
        let gateway = self.facts.inside.as_ref().and_then(|i| i.gateway.as_deref());
        let bridge = if host { "eth0" } else { "bridge" };
        g.text("quiet small", NODE_X + 13.0, rail_y - 7.0, bridge);
        if let Some(ip) = gateway.filter(|_| !host) {
            g.text("mono faint", 18.0, rail_y + 20.0, fit(ip, NODE_RIGHT - 22.0, SMALL * 0.61));
        }
        self.groups.push(g);
        let lent: Vec<(u16, u16, f64)> = self
            .ports
            .iter()
            .filter_map(|p| Some((p.host?, p.number, marks.iter().find(|m| m.0 == p.number)?.1)))
            .collect();
        for (i, (host, number, x)) in lent.into_iter().enumerate() {
            let y = rail_y + 40.0 + 24.0 * i as f64;
            let label = format!("port {host} of the node leads to port {number} of the pod");
            let mut g = Group::new(format!("host-port-{host}"), "host-port", label);
            g.path(
                "lent",
                format!("M{NODE_RIGHT} {y}H{}Q{x0} {y} {x0} {}V{}", x - 26.0, y - 8.0, rail_y + 15.0, x0 = x - 18.0),
            );
            g.rect("port-box", NODE_RIGHT - 50.0, y - 10.0, 56.0, 20.0, 6.0);
            g.text("mono small middle", NODE_RIGHT - 22.0, y + 4.0, host.to_string());
            self.groups.push(g);
        }
        self.kubelet(cards, marks, rail_y);
    }

    /// Probes come from the node's kubelet: over the network to a port, or, those that execute, straight into a container.
    fn kubelet(&mut self, cards: &[Card], marks: &[(u16, f64, f64)], rail_y: f64) {
        let Some(first) = cards.first() else { return };
        let y = first.y + 46.0;
        let probed = cards.iter().filter(|c| !self.facts.is_unknown() && c.facts.is_running());
        let probes: Vec<_> = probed.flat_map(|c| c.facts.probes.iter().map(move |p| (c, p))).collect();
        let label = match probes.len() {
            0 => "the node's kubelet".to_owned(),
            _ => {
                let said: Vec<String> =
                    probes.iter().map(|(c, p)| format!("{} of {} by {}", p.kind, c.facts.name, p.what)).collect();
                format!("the kubelet probes {}", said.join(", "))
            }
        };
        let mut g = Group::new("kubelet", "kubelet", label);
        g.circle("dot", NODE_X, y, 5.0);
        g.text("quiet small", NODE_X + 11.0, y + 4.0, "kubelet");
        if probes.iter().any(|(_, p)| p.port.is_some()) {
            g.path("probe", format!("M{NODE_X} {}V{}", y - 7.0, rail_y + 27.0));
        }
        let mut last = String::new();
        let mut pulses = Vec::new();
        for (card, p) in probes {
            let (from, to) = match p.port {
                Some(port) => {
                    let to = marks.iter().find(|m| m.0 == port).map_or(self.left + 34.0, |m| m.1);
                    ((NODE_X, rail_y), (to, rail_y))
                }
                None => {
                    let way = if std::ptr::eq(card, first) {
                        format!("M{NODE_RIGHT} {y}H{}", card.x)
                    } else {
                        let (side, above) = (self.left + 12.0, card.y - 10.0);
                        format!("M{NODE_RIGHT} {}H{side}V{above}H{}V{}", y + 8.0, card.x + 14.0, card.y)
                    };
                    if way != last {
                        g.path("probe", way.clone());
                        last = way;
                    }
                    if std::ptr::eq(card, first) {
                        ((NODE_RIGHT, y), (card.x, y))
                    } else {
                        ((card.x + 14.0, card.y - 10.0), (card.x + 14.0, card.y))
                    }
                }
            };
            let Some(counter) = self.facts.counter(card.facts.name, p.kind) else { continue };
            let Some(ok) = counter.last else { continue };
            // A new key with each result: the mark sets out once for each.
            let key = format!("pulse-{}-{}-{}-{ok}", card.facts.name, p.kind, counter.run);
            let mut pulse = Group::new(key, if ok { "pulse ok" } else { "pulse bad" }, "");
            pulse.parts.push(Part::Travel { class: "mote", from, to });
            pulses.push(pulse);
        }
        self.groups.push(g);
        self.groups.extend(pulses);
    }

    /// The namespace is there from the sandbox on, and with it the address.
    fn has_address(&self) -> bool {
        self.address().is_some()
    }

    /// The pod's: eth0 has it before the kubelet tells of it.
    fn address(&self) -> Option<&str> {
        let told = self.facts.pod.status.as_ref().and_then(|s| s.pod_ip.as_deref()).filter(|ip| !ip.is_empty());
        let inside = self.facts.inside.iter().filter(|_| !self.facts.host_network()).flat_map(|i| &i.interfaces);
        let mut eth0 = inside.filter(|(name, _)| name == "eth0").filter_map(|(_, address)| address.split('/').next());
        told.or_else(|| eth0.next_back())
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
        if let Some(host) = port.host {
            label += &format!("; port {host} of the node leads here");
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
        } else if let Some(host) = port.host {
            g.text("quiet small middle", x, y + 25.0, format!("host {host}"));
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
        let newest = self.facts.requests.last().map(|r| r.id);
        for r in &self.facts.requests {
            let port = marks.iter().find(|m| m.0 == r.port && !r.outgoing);
            let (label, class) = said(r);
            let mut g = Group::new(format!("request-{}", r.id), class, &label);
            // Where nobody has the port, the way ends behind eth0.
            let at = port.map(|m| (m.1, m.2)).unwrap_or(match self.across {
                true => (self.left + 44.0, rail_y),
                false => (self.left + 44.0, column_top + 26.0),
            });
            let from = match (self.across, r.local) {
                (true, false) => (NODE_X + 6.0, rail_y),
                (true, true) => (self.right - 56.0, rail_y),
                (false, _) => (at.0, column_top),
            };
            let (from, to) = if r.outgoing { (at, from) } else { (from, at) };
            g.parts.push(Part::Travel { class: "mote", from, to });
            if r.outcome == Outcome::Refused && !r.outgoing {
                g.path("refusal", format!("M{:.1} {:.1}l9 9m0-9l-9 9", to.0 - 4.5, to.1 - 4.5));
            }
            if newest == Some(r.id) {
                let (x, y) =
                    if self.across { (self.left + 36.0, rail_y - 40.0) } else { (self.left + 78.0, column_top + 4.0) };
                g.text("mono small", x, y, fit(&label, self.right - x - 20.0, SMALL * 0.61));
            }
            self.groups.push(g);
        }
    }
}

/// A request in words, and its look.
fn said(r: &Request) -> (String, &'static str) {
    let to = if r.outgoing { "to" } else { "from" };
    let what = format!("{} {to} {}", r.what, r.from);
    match r.outcome {
        Outcome::Asked => (what, "request"),
        Outcome::Answered(status) if status >= 400 => (format!("{what} → {status}"), "request bad"),
        Outcome::Answered(status) => (format!("{what} → {status}"), "request"),
        Outcome::Refused => (format!("{what}, port {}: connection refused", r.port), "request bad refused"),
        Outcome::TimedOut => (format!("{what}, port {}: timed out", r.port), "request bad timed-out"),
    }
}

/// A node's name on one line or, cut at a hyphen, on two.
fn split_name(name: &str, room: f64) -> (String, Option<String>) {
    let most = (room / (SMALL * 0.6)).floor() as usize;
    if name.chars().count() <= most {
        return (name.to_owned(), None);
    }
    match name.char_indices().rfind(|(i, c)| *c == '-' && *i < most) {
        Some((i, _)) => (name[..=i].to_owned(), Some(name[i + 1..].to_owned())),
        None => (name.to_owned(), None),
    }
}

fn nic(g: &mut Group, x: f64, y: f64, name: &str) {
    let w = if name == "lo" { 40.0 } else { 50.0 };
    g.rect("nic", x - w / 2.0, y - 12.0, w, 24.0, if name == "lo" { 12.0 } else { 6.0 });
    g.text("mono middle", x, y + 4.5, name);
}
