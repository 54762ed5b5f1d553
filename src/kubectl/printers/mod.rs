//! How objects are shown: tables, YAML, JSON, names, JSONPath, columns of one's own.

mod format;
mod table;

pub use format::{Format, list, value};
pub use table::{Layout, TableOptions, rows};
