//! The progress meter that curl shows where the body goes elsewhere than to a terminal.

use std::time::Duration;

use crate::{os::Proc, programs::util};

pub struct Meter {
    shown: bool,
    started: bool,
}

impl Meter {
    pub fn new(shown: bool) -> Meter {
        Meter { shown, started: false }
    }

    pub async fn start(&mut self, proc: &Proc) {
        if !self.shown {
            return;
        }
        let mut text = String::new();
        if !std::mem::replace(&mut self.started, true) {
            text.push_str(
                "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n                 \
                 \x20               Dload  Upload   Total   Spent    Left  Speed\n",
            );
        }
        text.push('\r');
        text.push_str(&line(0, 0, true));
        util::ignore(proc.eprint(&text).await);
    }

    pub async fn finish(&mut self, proc: &Proc, bytes: usize, took: Duration, complete: bool) {
        if !self.shown {
            return;
        }
        let micros = took.as_micros().max(1);
        let speed = (bytes as u128 * 1_000_000 / micros) as u64;
        let text =
            format!("\r{}\n", line(if complete { bytes } else { 0 }, if complete { speed } else { 0 }, bytes == 0));
        util::ignore(proc.eprint(&text).await);
    }
}

fn line(bytes: usize, speed: u64, empty: bool) -> String {
    let percent = if empty { 0 } else { 100 };
    let (size, rate) = (short(bytes as u64), short(speed));
    format!("{percent:3} {size}  {percent:3} {size}    0     0  {rate}      0 --:--:-- --:--:-- --:--:-- {rate}")
}

/// Five columns: `12345`, ` 632k`, `12.3M`.
fn short(bytes: u64) -> String {
    const K: u64 = 1024;
    const M: u64 = K * K;
    match bytes {
        0..=99_999 => format!("{bytes:5}"),
        _ if bytes < 10_000 * K => format!("{:4}k", bytes / K),
        _ if bytes < 100 * M => format!("{:2}.{}M", bytes / M, (bytes % M) / (M / 10)),
        _ => format!("{:4}M", (bytes / M).min(9999)),
    }
}
