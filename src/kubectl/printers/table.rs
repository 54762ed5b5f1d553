//! Tables as kubectl's tab writer sets them: columns at least 6 wide with 3 blanks between them,
//! nothing after the last.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::{
    api::{Kind, Object, selector::format_labels},
    apiserver::table,
    kubectl::{Args, resource},
};

/// Column widths. They only grow, so the lines of a watch stay below their header.
#[derive(Default)]
pub struct Layout {
    widths: Vec<usize>,
}

impl Layout {
    pub fn print(&mut self, rows: &[Vec<String>]) -> String {
        for row in rows {
            let padded = row.len().saturating_sub(1);
            if self.widths.len() < padded {
                self.widths.resize(padded, 6);
            }
            for (cell, width) in row.iter().take(padded).zip(&mut self.widths) {
                *width = (*width).max(harmless(cell).chars().count() + 3);
            }
        }
        let mut text = String::new();
        for row in rows {
            for (at, cell) in row.iter().enumerate() {
                text += &harmless(cell);
                if at + 1 < row.len() {
                    let blanks = self.widths[at] - harmless(cell).chars().count();
                    text.extend(std::iter::repeat_n(' ', blanks));
                }
            }
            text.push('\n');
        }
        text
    }
}

/// A cell whose control characters can't reach the terminal (`cli-runtime/printers.WriteEscaped`).
fn harmless(cell: &str) -> Cow<'_, str> {
    if cell.contains(['\u{1b}', '\r']) {
        Cow::Owned(cell.replace('\u{1b}', "^[").replace('\r', "\\r"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// What a table shows besides the kind's own columns.
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
    pub wide: bool,
    pub namespace: bool,
    pub with_kind: bool,
    pub labels: bool,
    pub label_columns: Vec<String>,
    pub headers: bool,
}

impl TableOptions {
    pub fn new(args: &Args) -> TableOptions {
        TableOptions {
            wide: args.get("output") == Some("wide"),
            namespace: args.on("all-namespaces"),
            with_kind: args.on("show-kind"),
            labels: args.on("show-labels"),
            label_columns: args.list("label-columns"),
            headers: !args.on("no-headers"),
        }
    }

    fn header(&self, kind: Kind) -> Vec<String> {
        let mut row = Vec::new();
        if self.namespace && kind.namespaced() {
            row.push("NAMESPACE".to_string());
        }
        row.extend(self.shown(kind).map(|(_, name)| name.to_string()));
        let label = |key: &String| key.rsplit('/').next().unwrap_or(key).to_uppercase();
        row.extend(self.label_columns.iter().map(label));
        if self.labels {
            row.push("LABELS".into());
        }
        row
    }

    fn shown(&self, kind: Kind) -> impl Iterator<Item = (usize, &'static str)> {
        let columns = table::columns(kind).iter().enumerate();
        let wide = self.wide;
        columns.filter(move |(_, column)| wide || !column.wide).map(|(at, column)| (at, column.name))
    }

    fn row(&self, object: &Object, now: Timestamp) -> Vec<String> {
        let kind = object.kind();
        let cells = table::row(object, now);
        let labels = object.meta().labels.as_ref();
        let mut row = Vec::new();
        if self.namespace && kind.namespaced() {
            row.push(object.namespace().to_string());
        }
        for (at, name) in self.shown(kind) {
            let cell = cells.get(at).map(String::as_str).unwrap_or_default();
            // A cell is one line; the rest is cut.
            let cell = match cell.find(['\n', '\r', '\u{c}']) {
                Some(end) => format!("{}...", &cell[..end]),
                None => cell.to_string(),
            };
            row.push(if self.with_kind && name == "NAME" { resource::reference(kind, &cell) } else { cell });
        }
        for key in &self.label_columns {
            row.push(labels.and_then(|labels| labels.get(key)).cloned().unwrap_or_default());
        }
        if self.labels {
            row.push(format_labels(labels.into_iter().flatten().map(|(key, value)| (key, value.as_str()))));
        }
        row
    }
}

/// The lines of a table of objects of one kind, the header first.
pub fn rows(objects: &[Object], options: &TableOptions, now: Timestamp) -> Vec<Vec<String>> {
    let header = objects.first().filter(|_| options.headers).map(|first| options.header(first.kind()));
    header.into_iter().chain(objects.iter().map(|object| options.row(object, now))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_as_the_tab_writer_sets_them() {
        let row = |cells: &[&str]| cells.iter().map(|cell| cell.to_string()).collect::<Vec<_>>();
        let mut layout = Layout::default();
        assert_eq!(layout.print(&[row(&["two", "0/2", "0", "3s"])]), "two   0/2   0     3s\n");
        assert_eq!(layout.print(&[row(&["longer", "0/2", "0", ""])]), "longer   0/2   0     \n");
        assert_eq!(layout.print(&[row(&["two", "0/2", "0", "3s"])]), "two      0/2   0     3s\n");
    }
}
