//! Programs that do nothing but use memory and processors.

mod stress;
mod stress_ng;
mod vish;

use std::time::Duration;

use super::Entry;
use crate::os::{Errno, Proc};

pub const TABLE: &[Entry] = &[
    entry!("stress", stress::main, "load on processors and memory"),
    entry!("stress-ng", stress_ng::main, "load on processors and memory"),
    entry!("vish-stress", vish::main, "the Kubernetes documentation's load"),
];

/// Memory is touched in pieces of this size, each of which takes its time.
const PIECE: u64 = 4 << 20;
const PIECE_TIME: Duration = Duration::from_millis(1);

/// Maps `bytes` and touches all of them.
async fn touch(proc: &Proc, bytes: u64) -> Result<(), Errno> {
    if bytes > proc.machine().memory() {
        return Err(Errno::ENOMEM);
    }
    let mut left = bytes;
    while left > 0 {
        let piece = left.min(PIECE);
        proc.allocate(piece).await?;
        proc.charge(PIECE_TIME.mul_f64(piece as f64 / PIECE as f64)).await;
        left -= piece;
    }
    Ok(())
}
