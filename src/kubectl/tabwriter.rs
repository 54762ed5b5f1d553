//! Elastic tab stops as Go's `text/tabwriter` sets them for `kubectl describe`: a cell is text that ends in a tab; a
//! column is a run of consecutive lines that have a cell there, two blanks wider than its widest cell.

const PADDING: usize = 2;
/// Tabs behind so many columns stay as they are; no description has more.
const MOST_COLUMNS: usize = 32;

/// The text with its tabs turned into blanks.
pub fn align(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.splitn(MOST_COLUMNS, '\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = vec![Vec::new(); lines.len()];
    columns(&lines, &mut widths, 0, lines.len(), 0);
    let mut out = String::with_capacity(text.len() * 2);
    for (cells, widths) in lines.iter().zip(&widths) {
        for (i, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            let pad = widths.get(i).map_or(0, |width| width.saturating_sub(cell.chars().count()));
            out.extend(std::iter::repeat_n(' ', pad));
        }
        out.push('\n');
    }
    out
}

/// Sets the widths of this column and those right of it, in the lines from `at` to `to`.
fn columns(lines: &[Vec<&str>], widths: &mut [Vec<usize>], mut at: usize, to: usize, column: usize) {
    while at < to {
        let start = at;
        let mut width = 0;
        while at < to && column + 1 < lines[at].len() {
            width = width.max(lines[at][column].chars().count() + PADDING);
            at += 1;
        }
        if at == start {
            at += 1;
            continue;
        }
        for line in &mut widths[start..at] {
            line.push(width);
        }
        columns(lines, widths, start, at, column + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_a_run_of_lines() {
        let text = "Name:\tweb\nNamespace:\tdefault\nIPs:\n  IP:\t1.2.3.4\na\t\tb\n";
        let expected = "Name:       web\nNamespace:  default\nIPs:\n  IP:  1.2.3.4\na        b\n";
        assert_eq!(align(text), expected);
    }
}
