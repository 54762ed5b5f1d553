//! What is written along the frame's upper edge, below its plates: the routes of the network namespace, and what the
//! containers share through IPC, if there is anything.

use super::super::facts::Inside;
use super::super::{Group, bytes, fit, mono, sans, wrap};
use super::{Picture, SMALL};
use crate::os::namespace::{IpcKind, IpcObject};

/// A row of small print.
const ROW: f64 = 17.0;
/// A row of segments.
const STEP: f64 = 28.0;
/// Segments that are drawn; of more it is said how many.
const MOST: usize = 12;
/// Letters of a segment at most.
const LONG: usize = 44;

impl Picture<'_> {
    /// The routes, on one line where they fit; gives the y where the next begins.
    pub(super) fn routes(&mut self, top: f64) -> f64 {
        let Some(inside) = self.facts.inside.as_ref().filter(|i| !i.routes.is_empty()) else { return top };
        let (x, room) = (self.left + 20.0, self.right - self.left - 40.0);
        let mut g = Group::new("routes", "routes", format!("routes: {}", inside.routes.join(", ")));
        let all = inside.routes.join("  ·  ");
        let lines = match mono(&all, SMALL) <= room {
            true => vec![all],
            false => inside.routes.iter().flat_map(|route| wrap(route, room, SMALL * 0.61, 2)).collect(),
        };
        let mut y = top + 15.0;
        for line in &lines {
            g.text("mono faint", x, y, line.as_str());
            y += ROW;
        }
        self.groups.push(g);
        y - 13.0
    }

    /// Each segment as a box of its own; gives the y where the next begins.
    pub(super) fn segments(&mut self, top: f64) -> f64 {
        let Some(inside) = self.facts.inside.as_ref() else { return top };
        let said = described(inside);
        if said.is_empty() {
            return top;
        }
        let whose = if inside.host_ipc { "in the node's IPC:" } else { "shared by IPC:" };
        let (left, right) = (self.left + 20.0, self.right - 16.0);
        let mut words = Group::new("segments", "segments", "");
        words.text("faint", left, top + 23.0, whose);
        self.groups.push(words);
        let (mut x, mut y) = (left + sans(whose, SMALL) + 10.0, top + 8.0);
        let more = said.len().saturating_sub(MOST);
        let rest = (more > 0).then(|| ("more".to_owned(), format!("and {more} more"), format!("{more} more")));
        for (key, short, label) in said.into_iter().take(MOST).chain(rest) {
            let short = fit(&short, (right - left - 22.0).min(LONG as f64 * SMALL * 0.61), SMALL * 0.61);
            let w = mono(&short, SMALL) + 22.0;
            if x + w > right && x > left {
                (x, y) = (left, y + STEP);
            }
            let mut g = Group::new(format!("segment-{key}"), "segment", label);
            g.rect("segment-box", x, y, w, 22.0, 3.0);
            g.text("mono small middle", x + w / 2.0, y + 15.0, short);
            self.groups.push(g);
            x += w + 8.0;
        }
        y + 22.0
    }

    pub(super) fn host_ipc(&self) -> bool {
        let said = self.facts.pod.spec.as_ref().and_then(|s| s.host_ipc).unwrap_or(false);
        self.facts.inside.as_ref().map_or(said, |i| i.host_ipc)
    }
}

/// Each with a key, in short and in full.
fn described(inside: &Inside) -> Vec<(String, String, String)> {
    let object = |o: &IpcObject| {
        let IpcObject { kind, key, id, size, .. } = o;
        // Nothing here attaches a segment: `ipcs` says so, too.
        let (name, what, full) = match kind {
            IpcKind::Memory => (
                "shm",
                format!("{} · 0 attached", bytes(*size as f64)),
                format!("shared memory of {size} bytes, 0 attached"),
            ),
            IpcKind::Semaphores => ("sem", format!("array of {size}"), format!("{size} semaphores")),
            IpcKind::Queue => ("queue", "empty".into(), "message queue, empty".into()),
        };
        (
            format!("{name}-{id}"),
            format!("{name} {id} · {key:#010x} · {what}"),
            format!("{full}, id {id}, key {key:#010x}"),
        )
    };
    let file = |(path, size): &(String, u64)| {
        let name = format!("/dev/shm/{}", path.trim_start_matches('/'));
        let size = bytes(*size as f64);
        (name.clone(), format!("{name} · {size}"), format!("POSIX shared memory {name}, {size}"))
    };
    inside.ipc.iter().map(object).chain(inside.shm.iter().map(file)).collect()
}
