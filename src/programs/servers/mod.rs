//! programs::servers

use super::Entry;

pub const TABLE: &[Entry] = &[];
