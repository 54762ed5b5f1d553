//! programs::procutils

use super::Entry;

pub const TABLE: &[Entry] = &[];
