//! The opened pod: one network frame with one rail of ports, containers hanging from the ports they hold, what they share
//! as plates on the frame, volumes below, and the node at the left, where traffic and probes come from.
//!
//! Two layouts: containers side by side under a rail from left to right, or, where they do not fit, one below the other
//! beside a rail from top to bottom.

mod card;
mod network;
mod rail;
mod shared;
mod volumes;

use serde::Serialize;

pub use self::card::state as container_state;
use self::card::{Card, card, tree};
use self::rail::Port;
use super::facts::{ContainerFacts, PodFacts, Role};
use super::{Group, Mark, cluster, fit, mono};

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

/// What somebody wants to see beside the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Options {
    /// Processes with their numbers on the node.
    pub host_pids: bool,
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
/// Width at the left for the node, in the wide layout.
const NODE: f64 = 132.0;

pub fn build(facts: &PodFacts, width: f64, options: Options) -> PodScene {
    let width = width.clamp(300.0, 1600.0);
    // Init containers are steps in a row; who is at work, or failed at it, has a card, too.
    let (steps, others): (Vec<_>, Vec<_>) = facts.containers().into_iter().partition(|c| c.role == Role::Init);
    let at_work = |c: &ContainerFacts| {
        let waits = c.waiting_reason().is_none_or(|r| r == "PodInitializing");
        !c.is_done() && (c.is_running() || c.ended().is_some() || !waits)
    };
    let shown: Vec<ContainerFacts> =
        facts.containers().into_iter().filter(|c| c.role == Role::Init && at_work(c)).chain(others).collect();
    let sidecars = facts.containers().into_iter().filter(|c| c.role == Role::Sidecar).count();
    let steps: Vec<ContainerFacts> = if steps.is_empty() {
        Vec::new()
    } else {
        facts.containers().into_iter().take(steps.len() + sidecars).collect()
    };
    let ports = rail::ports(facts);
    let wide = width - NODE - 12.0 - 2.0 * 22.0;
    let n = shown.len().max(1) as f64;
    let across =
        width >= 560.0 && (wide - (n - 1.0) * GAP) / n >= CARD_LEAST && ports.len() as f64 * 96.0 <= wide - 60.0;
    let left = if across { NODE } else { 12.0 };
    let mut p =
        Picture { facts, ports, options, groups: Vec::new(), left, right: width - 12.0, across, threads: across };
    let top = p.plates();
    let height = p.inside(shown, &steps, top);
    let status = facts.pod.status.as_ref();
    let statuses = status.and_then(|s| s.container_statuses.as_deref()).unwrap_or(&[]);
    let wanted = facts.pod.spec.as_ref().map_or(0, |s| s.containers.len());
    let mut about = vec![facts.pod.metadata.namespace.clone().unwrap_or_default()];
    match facts.node() {
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
    options: Options,
    groups: Vec<Group>,
    left: f64,
    right: f64,
    across: bool,
    /// Mounts are drawn as lines to their volumes; else they are named on the card.
    threads: bool,
}

impl Picture<'_> {
    fn inside(&mut self, shown: Vec<ContainerFacts<'_>>, steps: &[ContainerFacts<'_>], top: f64) -> f64 {
        let top = self.routes(top);
        let mut steps_y = self.segments(top) + 20.0;
        if !steps.is_empty() {
            steps_y = self.steps(steps, steps_y);
        }
        let rail_y = steps_y + if steps.is_empty() { 36.0 } else { 50.0 };
        let hosts = self.ports.iter().filter(|p| p.host.is_some()).count() as f64;
        let (cards_left, cards_top) = if self.across {
            (self.left + 24.0, rail_y + 60.0 + (hosts - 1.0).max(0.0) * 24.0)
        } else {
            (self.left + 104.0, steps_y + 48.0)
        };
        let cards_right = self.right - 20.0;
        let n = shown.len().max(1) as f64;
        let w = if self.across {
            ((cards_right - cards_left - (n - 1.0) * GAP) / n).min(if n > 1.0 { 420.0 } else { 720.0 })
        } else {
            cards_right - cards_left
        };
        self.threads = self.across && shown.iter().all(|c| volumes::mount_share(w, c.mounts.len()) >= 84.0);
        let spread = if self.across && n > 1.0 { (cards_right - cards_left - n * w) / (n - 1.0) } else { 0.0 };
        let mut cards: Vec<Card> =
            shown.into_iter().map(|c| card(self.facts, c, w, self.threads, self.options)).collect();
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
        let volumes = volumes::of(self.facts);
        let frame_bottom = bottom + if self.threads && !volumes.is_empty() { 50.0 } else { 24.0 };
        self.frame(frame_bottom);
        self.rail(&cards, &marks, rail_y, steps_y + 18.0, frame_bottom);
        if self.across {
            self.node(&cards, &marks, rail_y, frame_bottom);
        }
        for card in &cards {
            self.groups.extend(card.draw());
        }
        self.drums(&volumes, &cards, bottom, frame_bottom)
    }

    /// The containers that start one after the other, in their order.
    fn steps(&mut self, steps: &[ContainerFacts<'_>], top: f64) -> f64 {
        let (mut x, mut y) = (self.left + 20.0, top);
        for (i, c) in steps.iter().enumerate() {
            let (mut mark, state) = container_state(self.facts, c);
            if mark == Mark::Waiting && c.waiting_reason() == Some("PodInitializing") {
                mark = Mark::Pending;
            }
            let name = fit(c.name, 150.0, SMALL * 0.61);
            let w = 42.0 + mono(&name, SMALL);
            if x + w + 14.0 > self.right - 16.0 && i > 0 {
                x = self.left + 20.0;
                y += 28.0;
            }
            let kind = if c.role == Role::Sidecar { "sidecar" } else { "init container" };
            let mut g = Group::new(
                format!("step-{}", c.name),
                format!("step {}{}", mark.class(), if c.role == Role::Sidecar { " stays" } else { "" }),
                format!("{kind} {}, step {} of {}: {state}", c.name, i + 1, steps.len()),
            );
            g.rect("step-box", x, y, w, 22.0, if c.role == Role::Sidecar { 11.0 } else { 6.0 });
            g.text("mark", x + 9.0, y + 15.5, format!("{} {}", i + 1, mark.glyph()));
            g.text("mono small", x + 34.0, y + 15.5, name);
            g.path("step-arrow", format!("M{} {}h9m-4-3l4 3l-4 3", x + w + 2.0, y + 11.0));
            self.groups.push(g);
            x += w + 14.0;
        }
        y + 26.0
    }

    fn shared_tree(&mut self, x: f64, bottom: f64, w: f64) -> f64 {
        let Some(inside) = self.facts.inside.as_ref().filter(|i| !i.shared_processes.is_empty()) else { return bottom };
        let rows = tree(&inside.shared_processes, 12, self.options.host_pids);
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
}
