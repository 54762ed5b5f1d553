//! Volumes: drums below the frame, with a line for each mount; a drum with two lines is shared by two.

use super::super::facts::{PodFacts, is_token};
use super::super::{Group, bytes, fit, mono};
use super::card::Card;
use super::{Picture, SMALL, TEXT};
use crate::api::Volume;

pub(super) fn of(facts: &PodFacts) -> Vec<Volume> {
    let spec = facts.pod.spec.as_ref();
    spec.and_then(|s| s.volumes.as_ref()).into_iter().flatten().filter(|v| !is_token(&v.name)).cloned().collect()
}

/// How much of a card's lower edge each of its mounts has.
pub(super) fn mount_share(w: f64, mounts: usize) -> f64 {
    if mounts < 2 { w } else { w / (mounts as f64 + 1.0) }
}

impl Picture<'_> {
    /// Gives the height of the picture.
    pub(super) fn drums(&mut self, volumes: &[Volume], cards: &[Card], bottom: f64, frame_bottom: f64) -> f64 {
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
            let users: Vec<&str> =
                cards.iter().filter(|c| c.facts.mounts.iter().any(|m| m.0 == v.name)).map(|c| c.facts.name).collect();
            let used = self.facts.inside.iter().flat_map(|i| &i.volumes).find(|(name, _)| *name == v.name);
            let mut kind = kind(v);
            if let Some((_, n)) = used.filter(|(_, n)| *n > 0) {
                kind = format!("{kind}, {}", bytes(*n as f64));
            }
            let shared = if users.len() > 1 { format!(", shared by {}", users.join(" and ")) } else { String::new() };
            let mut g = Group::new(
                format!("volume-{}", v.name),
                if users.len() > 1 { "volume shared" } else { "volume" },
                format!("volume {}, {kind}{shared}", v.name),
            );
            if self.threads {
                for card in cards {
                    self.mounts(&mut g, card, &v.name, (x, y), volumes.len() == 1, (bottom, frame_bottom));
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

    /// The lines from a card to a drum at (x, y).
    fn mounts(
        &self,
        g: &mut Group,
        card: &Card,
        volume: &str,
        (x, y): (f64, f64),
        alone: bool,
        (bottom, frame_bottom): (f64, f64),
    ) {
        let all = &card.facts.mounts;
        for (nth, (_, path, read_only)) in all.iter().enumerate().filter(|(_, m)| m.0 == volume) {
            let cx = card.x + card.w * (nth as f64 + 1.0) / (all.len() as f64 + 1.0);
            let words = fit(
                &format!("{path}{}", if *read_only { " read-only" } else { "" }),
                mount_share(card.w, all.len()) - 26.0,
                SMALL * 0.61,
            );
            let w = mono(&words, SMALL) + 18.0;
            let side = if cx < x { -1.0 } else { 1.0 };
            // Into the side of a drum that stands alone, else down into its top.
            let way = if alone && (cx - x).abs() > 90.0 {
                let (turn, level) = (cx - side * 14.0, y + 26.0);
                format!("V{}Q{cx} {level} {turn} {level}H{}", level - 14.0, x + side * 72.0)
            } else {
                let (a, b) = (frame_bottom + 16.0, frame_bottom + 2.0);
                format!("V{}C{cx} {a} {x} {b} {x} {y}", frame_bottom - 4.0)
            };
            g.path(if *read_only { "mount read-only" } else { "mount" }, format!("M{cx} {bottom}{way}"));
            g.rect("mount-box", cx - w / 2.0, bottom + 16.0, w, 20.0, 5.0);
            g.text("mono small middle", cx, bottom + 30.0, words);
        }
    }
}

/// `emptyDir`, `configMap web-config`.
fn kind(v: &Volume) -> String {
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
    if v.ephemeral.is_some() {
        return "a claim of its own".into();
    }
    if v.projected.is_some() {
        return "projected".into();
    }
    if v.downward_api.is_some() {
        return "downwardAPI".into();
    }
    "volume".into()
}
