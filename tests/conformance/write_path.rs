//! write_path

use super::{Outcome, Table, each, unknown};

pub fn run(table: &Table) -> Vec<Outcome> {
    each(table, |case| unknown(case.test))
}
