//! Elastic tab stops, by the rules of Go's `text/tabwriter`: a cell is text that ends in a tab; a
//! column is a run of consecutive lines that have a cell there, as wide as its widest cell.

/// Lays out tab-separated lines.
pub struct TabWriter {
    min_width: usize,
    padding: usize,
    /// Widths that columns had before; they never shrink (`get -w`). `None`: each text stands alone.
    remembered: Option<Vec<usize>>,
}

impl TabWriter {
    /// The tables of `kubectl get`: at least 6 wide, 3 blanks between columns, widths kept.
    pub fn table() -> TabWriter {
        TabWriter { min_width: 6, padding: 3, remembered: Some(Vec::new()) }
    }

    /// The texts of `kubectl describe`.
    pub fn describe() -> TabWriter {
        TabWriter { min_width: 0, padding: 2, remembered: None }
    }

    /// `text` with its tabs turned into blanks.
    pub fn format(&mut self, text: &str) -> String {
        let (body, last) = match text.strip_suffix('\n') {
            Some(body) => (body, "\n"),
            None => (text, ""),
        };
        let lines: Vec<Vec<&str>> = body.split('\n').map(|line| line.split('\t').collect()).collect();
        let mut widths: Vec<Vec<usize>> = vec![Vec::new(); lines.len()];
        self.columns(&lines, &mut widths, 0, lines.len(), 0);
        let mut out = String::with_capacity(text.len() * 2);
        for (i, (cells, widths)) in lines.iter().zip(&widths).enumerate() {
            if i > 0 {
                out.push('\n');
            }
            for (j, cell) in cells.iter().enumerate() {
                out.push_str(cell);
                if let Some(width) = widths.get(j) {
                    out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
                }
            }
        }
        out.push_str(last);
        out
    }

    fn columns(&mut self, lines: &[Vec<&str>], widths: &mut [Vec<usize>], from: usize, to: usize, column: usize) {
        let mut at = from;
        while at < to {
            if column + 1 >= lines[at].len() {
                at += 1;
                continue;
            }
            let start = at;
            let mut width = self.min_width;
            while at < to && column + 1 < lines[at].len() {
                width = width.max(lines[at][column].chars().count() + self.padding);
                at += 1;
            }
            if let Some(remembered) = &mut self.remembered {
                match remembered.get_mut(column) {
                    Some(before) if *before > width => width = *before,
                    Some(before) => *before = width,
                    None => remembered.push(width),
                }
            }
            for line in &mut widths[start..at] {
                line.push(width);
            }
            self.columns(lines, widths, start, at, column + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_three_blanks_and_six_columns_at_least() {
        let text = "NAME\tREADY\tAGE\ntwo\t0/2\t2s\n";
        assert_eq!(TabWriter::table().format(text), "NAME   READY   AGE\ntwo    0/2     2s\n");
        assert_eq!(TabWriter::table().format("two\t0/2\tPending\t0\t3s\n"), "two   0/2   Pending   0     3s\n");
    }

    #[test]
    fn a_table_keeps_its_widths() {
        let mut writer = TabWriter::table();
        writer.format("NAME\tSTATUS\tAGE\nx\tContainerCreating\t2s\n");
        assert_eq!(writer.format("x\tRunning\t3s\n"), "x      Running             3s\n");
    }

    #[test]
    fn a_column_is_a_run_of_lines() {
        let text = "Name:\tweb\nLabels:\t<none>\nIPs:\n  IP:\t10.0.0.1\nControlled By:\tReplicaSet/web\n";
        let expected =
            "Name:    web\nLabels:  <none>\nIPs:\n  IP:           10.0.0.1\nControlled By:  ReplicaSet/web\n";
        assert_eq!(TabWriter::describe().format(text), expected);
    }
}
