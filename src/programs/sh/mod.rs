//! programs::sh

use super::Entry;

pub const TABLE: &[Entry] = &[];
