//! How objects are shown: tables, YAML, JSON, names, JSONPath, columns of one's own.

mod format;
mod table;

pub use format::{Columns, Format, cells, columns, columns_of_file, list, value};

pub use crate::api::wire::{compact, escaped};
pub use table::{Layout, TableOptions, rows};
