//! How objects are shown: tables, YAML, JSON, names, JSONPath, columns of one's own.

mod format;
mod table;

pub use format::{Format, compact, escaped, list, value};
pub use table::{Layout, TableOptions, rows};
