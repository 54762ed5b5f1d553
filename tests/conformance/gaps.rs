//! The committed list of what the product can't do.
//!
//! A line of `known-gaps.txt` is `TABLE | CASES | REASON`. CASES are ids, or the beginnings of ids and `*`, with commas
//! between them; TABLE may end in `*` too. Lines that begin with `#` are remarks.

use std::{fs, path::Path};

pub struct Gaps {
    gaps: Vec<Gap>,
}

struct Gap {
    table: String,
    cases: Vec<String>,
    passed: usize,
    failed: usize,
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => text.starts_with(beginning),
        None => pattern == text,
    }
}

impl Gaps {
    pub fn read(path: &Path) -> Result<Gaps, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let mut gaps = Vec::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let parts: Vec<&str> = line.splitn(3, " | ").map(str::trim).collect();
            let [table, case, reason] = parts[..] else { return Err(format!("not `TABLE | CASE | REASON`: {line}")) };
            if reason.is_empty() {
                return Err(format!("without a reason: {line}"));
            }
            let cases = case.split(',').map(|case| case.trim().to_string()).collect();
            gaps.push(Gap { table: table.into(), cases, passed: 0, failed: 0 });
        }
        Ok(Gaps { gaps })
    }

    /// A case was run. Whether it stands in the list.
    pub fn met(&mut self, table: &str, case: &str, passed: bool) -> bool {
        let mut known = false;
        let listed = |gap: &&mut Gap| matches(&gap.table, table) && gap.cases.iter().any(|known| matches(known, case));
        for gap in self.gaps.iter_mut().filter(listed) {
            known = true;
            *(if passed { &mut gap.passed } else { &mut gap.failed }) += 1;
        }
        known
    }

    /// Lines all of whose cases pass, of those that were met.
    pub fn closed(&self) -> Vec<String> {
        let closed = self.gaps.iter().filter(|gap| gap.passed > 0 && gap.failed == 0);
        closed.map(|gap| format!("{} {}", gap.table, gap.cases.join(", "))).collect()
    }
}
