//! What to draw, as plain data: no pane, no browser.
//!
//! A builder takes facts ([`facts`]) and a width in CSS pixels and gives groups of shapes with their positions. Colours
//! and fonts are the style sheet's: a shape names its role (`class`). Text widths are estimates on the wide side, since a
//! scene can't measure; what does not fit is cut with an ellipsis and stays whole in the group's `label`, which is what a
//! screen reader says.

pub mod cluster;
pub mod compare;
pub mod facts;
#[cfg(test)]
mod layout;
pub mod observe;
pub mod past;
pub mod phases;
pub mod pod;
#[cfg(test)]
mod situations;
#[cfg(test)]
mod stories;
#[cfg(test)]
mod svg;
pub mod timeline;
mod traffic;
pub mod why;

use serde::Serialize;

/// A state's mark: a shape and a colour, never a colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, PartialOrd, Ord)]
pub enum Mark {
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
    /// Waits by rule, as in a back-off.
    Waiting,
    Ending,
}

impl Mark {
    /// The style sheet's name.
    pub fn class(self) -> &'static str {
        match self {
            Mark::Pending => "pending",
            Mark::Running => "running",
            Mark::Succeeded => "succeeded",
            Mark::Failed => "failed",
            Mark::Unknown => "unknown",
            Mark::Waiting => "waiting",
            Mark::Ending => "ending",
        }
    }

    pub fn glyph(self) -> &'static str {
        match self {
            Mark::Pending => "○",
            Mark::Running => "●",
            Mark::Succeeded => "✓",
            Mark::Failed | Mark::Waiting => "✕",
            Mark::Unknown => "?",
            Mark::Ending => "◌",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

/// Shapes that belong together; `key` is stable while the thing exists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    pub key: String,
    pub class: String,
    /// What the group is, in words.
    pub label: String,
    pub parts: Vec<Part>,
    /// What a click on it does.
    pub action: Option<Action>,
}

/// What can be done with a thing in a picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Action {
    /// Opens a shell in this container.
    Shell(String),
    /// Shows the log of this container, or no longer.
    Logs(String),
    /// Shows a node closer, or no longer.
    Node(String),
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Part {
    Rect {
        class: &'static str,
        at: Rect,
        round: f64,
    },
    /// An SVG path.
    Path {
        class: &'static str,
        d: String,
    },
    Circle {
        class: &'static str,
        x: f64,
        y: f64,
        r: f64,
    },
    Text {
        class: &'static str,
        x: f64,
        y: f64,
        text: String,
    },
    /// A mark that travels once from one point to another.
    Travel {
        class: &'static str,
        from: (f64, f64),
        to: (f64, f64),
    },
}

impl Group {
    pub fn new(key: impl Into<String>, class: impl Into<String>, label: impl Into<String>) -> Group {
        Group { key: key.into(), class: class.into(), label: label.into(), parts: Vec::new(), action: None }
    }

    pub fn rect(&mut self, class: &'static str, x: f64, y: f64, w: f64, h: f64, round: f64) {
        self.parts.push(Part::Rect { class, at: Rect { x, y, w: w.max(0.0), h: h.max(0.0) }, round });
    }

    pub fn path(&mut self, class: &'static str, d: String) {
        self.parts.push(Part::Path { class, d });
    }

    pub fn circle(&mut self, class: &'static str, x: f64, y: f64, r: f64) {
        self.parts.push(Part::Circle { class, x, y, r });
    }

    pub fn text(&mut self, class: &'static str, x: f64, y: f64, text: impl Into<String>) {
        self.parts.push(Part::Text { class, x, y, text: text.into() });
    }
}

/// Width of proportional text, estimated.
pub(crate) fn sans(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.56
}

/// Width of monospaced text, estimated.
pub(crate) fn mono(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.61
}

/// As much of `text` as fits into `width`, with an ellipsis if it is not all.
pub(crate) fn fit(text: &str, width: f64, per_char: f64) -> String {
    let room = (width / per_char).floor().max(1.0) as usize;
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(room.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Like [`fit`] for a name: what is left out is in its middle, for names differ at their ends.
pub(crate) fn fit_name(name: &str, width: f64, per_char: f64) -> String {
    let (room, length) = ((width / per_char).floor().max(1.0) as usize, name.chars().count());
    if length <= room || room < 6 {
        return fit(name, width, per_char);
    }
    let tail = (room - 1) / 2;
    name.chars().take(room - 1 - tail).chain(['…']).chain(name.chars().skip(length - tail)).collect()
}

/// Lines of at most `width`, at most `most` of them; breaks at spaces where there are any.
pub(crate) fn wrap(text: &str, width: f64, per_char: f64, most: usize) -> Vec<String> {
    let room = (width / per_char).floor().max(4.0) as usize;
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word = word.to_owned();
        loop {
            let used = line.chars().count();
            let need = word.chars().count() + usize::from(used > 0);
            if used + need <= room {
                if used > 0 {
                    line.push(' ');
                }
                line.push_str(&word);
                break;
            }
            if used == 0 {
                let head: String = word.chars().take(room).collect();
                word = word.chars().skip(room).collect();
                lines.push(head);
            } else {
                lines.push(std::mem::take(&mut line));
            }
        }
        if lines.len() > most {
            break;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            let keep = last.chars().count().min(room.saturating_sub(1));
            *last = last.chars().take(keep).chain(['…']).collect();
        }
    }
    lines
}

/// `0.3 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds < 9.95 {
        return format!("{seconds:.1} s").replace(".0 s", " s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 if whole.is_multiple_of(60) => format!("{} min", whole / 60),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ if (whole / 60).is_multiple_of(60) => format!("{} h", whole / 3600),
        _ => format!("{} h {} min", whole / 3600, whole / 60 % 60),
    }
}

/// Seconds as a clock shows them, with so many decimals: `00:41.3`, `1:02:03`.
pub fn clock(seconds: f64, decimals: u32) -> String {
    let unit = 10u64.pow(decimals.min(3));
    let parts = (seconds.max(0.0) * unit as f64 + 1e-6).floor() as u64;
    let whole = parts / unit;
    let hours = if whole >= 3600 { format!("{}:", whole / 3600) } else { String::new() };
    let rest = match decimals.min(3) {
        0 => String::new(),
        n => format!(".{:0width$}", parts % unit, width = n as usize),
    };
    format!("{hours}{:02}:{:02}{rest}", whole / 60 % 60, whole % 60)
}

/// `12Mi`, `1.5Gi`, `300Ki`.
pub(crate) fn bytes(n: f64) -> String {
    const UNITS: [(&str, f64); 3] = [("Gi", 1_073_741_824.0), ("Mi", 1_048_576.0), ("Ki", 1024.0)];
    match UNITS.into_iter().find(|(_, size)| n >= *size) {
        Some((unit, size)) if n / size < 9.95 => format!("{:.1}{unit}", n / size).replace(".0", ""),
        Some((unit, size)) => format!("{:.0}{unit}", n / size),
        None => format!("{n:.0} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let said: Vec<String> = [0.0, 0.31, 9.9, 12.0, 60.0, 200.0, 7500.0, 7200.0].map(duration).into();
        assert_eq!(said, ["0 s", "0.3 s", "9.9 s", "12 s", "1 min", "3 min 20 s", "2 h 5 min", "2 h"]);
    }

    #[test]
    fn clocks_show_hours_when_there_are_any() {
        let shown = [(0.0, 1), (41.39, 1), (41.39, 0), (3723.4, 1), (59.9999999, 1), (1.0625, 3), (-1.0, 0)];
        let shown = shown.map(|(s, d)| clock(s, d));
        assert_eq!(shown, ["00:00.0", "00:41.3", "00:41", "1:02:03.4", "01:00.0", "00:01.062", "00:00"]);
    }

    #[test]
    fn text_is_wrapped_at_spaces_and_cut_at_the_last_line() {
        assert_eq!(wrap("one two three four", 8.0, 1.0, 3), ["one two", "three", "four"]);
        assert_eq!(wrap("abcdefghijklmnop", 6.0, 1.0, 2), ["abcdef", "ghijk…"]);
        assert_eq!(wrap("", 6.0, 1.0, 2), Vec::<String>::new());
        assert_eq!(fit("kubia-ssl", 6.0, 1.0), "kubia…");
        assert_eq!(fit_name("container-1", 7.0, 1.0), "con…r-1");
        assert_eq!(fit_name("container-1", 11.0, 1.0), "container-1");
    }
}
