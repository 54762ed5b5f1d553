//! programs::coreutils

use super::Entry;

pub const TABLE: &[Entry] = &[];
