//! Small programs on text and files.

mod text;

use super::{Entry, entry};

pub const TABLE: &[Entry] = &[
    entry!("cat", ctx text::cat, "print files"),
    entry!("echo", ctx text::echo, "print arguments"),
    entry!("printf", ctx text::printf, "print by a format"),
];
