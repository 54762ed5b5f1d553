//! Many nodes or pods: each node a small card, each pod a cell in it, its state a shape and a colour.

use std::fmt::Write;

use serde::Serialize;

use super::{ClusterScene, PodTile};
use crate::scene::{Action, Group, Mark, Rect, fit_name};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DenseScene {
    pub width: f64,
    pub height: f64,
    pub groups: Vec<Group>,
    /// Where each pod is: its cell, its uid and what it is called.
    #[serde(skip)]
    pub cells: Vec<(Rect, String, String)>,
}

impl DenseScene {
    /// The pod at a point.
    pub fn at(&self, x: f64, y: f64) -> Option<(&str, &str)> {
        let inside = |r: &Rect| x >= r.x && x < r.x + r.w && y >= r.y && y < r.y + r.h;
        self.cells.iter().find(|(r, ..)| inside(r)).map(|(_, uid, name)| (uid.as_str(), name.as_str()))
    }
}

const HEAD: f64 = 16.0;
const FOOT: f64 = 9.0;
const GAP: f64 = 6.0;
const PAD: f64 = 5.0;
const MARKS: [Mark; 7] =
    [Mark::Pending, Mark::Running, Mark::Succeeded, Mark::Failed, Mark::Unknown, Mark::Waiting, Mark::Ending];

/// Cells are as large as fits into `room` pixels of height, within reason.
pub fn build(scene: &ClusterScene, width: f64, room: f64, chosen: Option<&str>) -> DenseScene {
    let width = width.clamp(280.0, 4000.0);
    let most =
        scene.nodes.iter().map(|n| n.pods.len()).chain([scene.unscheduled.len().min(400), 12]).max().unwrap_or(12);
    let fits = [11.0, 9.0, 7.0, 5.0].map(|pitch| (pitch, plan(scene.nodes.len() + 1, most, pitch, width)));
    let (pitch, plan) = fits.into_iter().find(|(_, p)| p.height <= room).unwrap_or(fits[3]);
    let mut out = DenseScene { width, height: plan.height, groups: Vec::new(), cells: Vec::new() };
    for (i, n) in scene.nodes.iter().enumerate() {
        let (x, y) = plan.place(i);
        let mark = if n.running { n.mark } else { Mark::Unknown };
        let said = if n.running { n.status.as_str() } else { "stopped" };
        let label =
            format!("Node {}: {said}, {} pods, cpu {}%, memory {}%", n.name, n.pods.len(), n.cpu / 10, n.memory / 10);
        let mut g = Group::new(format!("node-{}", n.name), format!("mini {}", mark.class()), label);
        g.action = Some(Action::Node(n.name.clone()));
        g.rect("mini-box", x, y, plan.w, plan.h, 5.0);
        let glyph = if mark == Mark::Running { String::new() } else { format!("{} ", mark.glyph()) };
        g.text(
            "mini-name",
            x + PAD,
            y + 11.5,
            glyph.clone() + &fit_name(&n.short, plan.w - 2.0 * PAD - 10.0 * glyph.len().min(1) as f64, 9.5 * 0.6),
        );
        cells(&mut g, &mut out.cells, &n.pods, (x + PAD, y + HEAD), plan.columns, pitch, chosen);
        let bar = plan.w - 2.0 * PAD;
        for (k, share) in [n.cpu, n.memory].into_iter().enumerate() {
            let at = y + plan.h - FOOT + 4.0 * k as f64;
            g.rect("bar", x + PAD, at, bar, 2.0, 0.0);
            g.rect("bar-done", x + PAD, at, bar * f64::from(share) / 1000.0, 2.0, 0.0);
        }
        out.groups.push(g);
    }
    if !scene.unscheduled.is_empty() {
        let (x, y) = plan.place(scene.nodes.len());
        let label = format!("{} pods on no node yet", scene.unscheduled.len());
        let mut g = Group::new("node-none", "mini none", label);
        g.rect("mini-box", x, y, plan.w, plan.h, 5.0);
        g.text("mini-name", x + PAD, y + 11.5, format!("no node: {}", scene.unscheduled.len()));
        let shown = &scene.unscheduled[..scene.unscheduled.len().min(most)];
        cells(&mut g, &mut out.cells, shown, (x + PAD, y + HEAD), plan.columns, pitch, chosen);
        out.groups.push(g);
    }
    out
}

#[derive(Clone, Copy)]
struct Plan {
    columns: usize,
    per_row: usize,
    w: f64,
    h: f64,
    height: f64,
}

impl Plan {
    fn place(&self, i: usize) -> (f64, f64) {
        let (row, column) = (i / self.per_row, i % self.per_row);
        (1.0 + column as f64 * (self.w + GAP), 1.0 + row as f64 * (self.h + GAP))
    }
}

fn plan(nodes: usize, most: usize, pitch: f64, width: f64) -> Plan {
    // Twice as wide as high, and wide enough for a name.
    let columns = ((most as f64 * 2.0).sqrt().ceil() as usize).max((58.0 / pitch).ceil() as usize);
    let rows = most.div_ceil(columns);
    let w = columns as f64 * pitch + 2.0 * PAD;
    let h = HEAD + rows as f64 * pitch + FOOT + 4.0;
    let per_row = (((width - 2.0 + GAP) / (w + GAP)).floor() as usize).max(1);
    let height = nodes.div_ceil(per_row) as f64 * (h + GAP) + 2.0;
    Plan { columns, per_row, w, h, height }
}

/// One path for each state, so that thousands of pods are a few elements.
fn cells(
    g: &mut Group,
    places: &mut Vec<(Rect, String, String)>,
    pods: &[PodTile],
    (x0, y0): (f64, f64),
    columns: usize,
    pitch: f64,
    chosen: Option<&str>,
) {
    let size = pitch - 2.0;
    for (dim, class) in MARKS.into_iter().flat_map(|m| [(false, m), (true, m)]).map(|(dim, m)| ((dim, m), look(m, dim)))
    {
        let mut d = String::new();
        for (i, p) in pods.iter().enumerate().filter(|(_, p)| (p.dim, p.mark) == dim) {
            let (x, y) = (x0 + (i % columns) as f64 * pitch, y0 + (i / columns) as f64 * pitch);
            shape(&mut d, p.mark, x, y, size);
        }
        if !d.is_empty() {
            g.path(class, d);
        }
    }
    for (i, p) in pods.iter().enumerate() {
        let (x, y) = (x0 + (i % columns) as f64 * pitch, y0 + (i / columns) as f64 * pitch);
        places.push((
            Rect { x, y, w: pitch, h: pitch },
            p.uid.clone(),
            format!("{}/{}: {}", p.namespace, p.name, p.status),
        ));
        if chosen == Some(p.uid.as_str()) {
            g.rect("cell-chosen", x - 1.5, y - 1.5, size + 3.0, size + 3.0, 1.0);
        }
    }
}

fn look(mark: Mark, dim: bool) -> &'static str {
    match (mark, dim) {
        (Mark::Pending, false) => "cell pending",
        (Mark::Running, false) => "cell running",
        (Mark::Succeeded, false) => "cell succeeded",
        (Mark::Failed, false) => "cell failed",
        (Mark::Unknown, false) => "cell unknown",
        (Mark::Waiting, false) => "cell waiting",
        (Mark::Ending, false) => "cell ending",
        (Mark::Pending, true) => "cell dim pending",
        (Mark::Running, true) => "cell dim running",
        (Mark::Succeeded, true) => "cell dim succeeded",
        (Mark::Failed, true) => "cell dim failed",
        (Mark::Unknown, true) => "cell dim unknown",
        (Mark::Waiting, true) => "cell dim waiting",
        (Mark::Ending, true) => "cell dim ending",
    }
}

/// Full: runs; a frame: pending or ending; a cross: failed; a bar: done; a triangle: unknown.
fn shape(d: &mut String, mark: Mark, x: f64, y: f64, s: f64) {
    // A string takes whatever is written to it.
    let _ = match mark {
        Mark::Running => write!(d, "M{x} {y}h{s}v{s}h-{s}z"),
        Mark::Pending | Mark::Ending => {
            let inner = s - 2.0;
            write!(d, "M{x} {y}h{s}v{s}h-{s}zM{} {}v{inner}h{inner}v-{inner}z", x + 1.0, y + 1.0)
        }
        Mark::Failed | Mark::Waiting => {
            let (a, b) = (s * 0.3, s * 0.7);
            write!(
                d,
                "M{x} {} L{} {y} L{} {} L{} {y} L{} {} L{} {} L{} {} L{} {} L{} {} L{} {} L{x} {} L{} {}z",
                y + a,
                x + a,
                x + s / 2.0,
                y + s / 2.0 - a,
                x + b,
                x + s,
                y + a,
                x + s / 2.0 + a,
                y + s / 2.0,
                x + s,
                y + b,
                x + b,
                y + s,
                x + s / 2.0,
                y + s / 2.0 + a,
                x + a,
                y + s,
                y + b,
                x + s / 2.0 - a,
                y + s / 2.0
            )
        }
        Mark::Succeeded => write!(d, "M{x} {}h{s}v{}h-{s}z", y + s * 0.33, s * 0.34),
        Mark::Unknown => write!(d, "M{x} {y}h{s}l-{} {s}z", s / 2.0),
    };
}
