//! programs::net

use super::Entry;

pub const TABLE: &[Entry] = &[];
