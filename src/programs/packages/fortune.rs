//! fortune: a saying, another one each time.

use crate::{
    os::Proc,
    programs::{net::resolve, util},
};

const SAYINGS: &str = include_str!("fortunes.txt");

pub async fn main(proc: Proc) -> i32 {
    let all: Vec<&str> = SAYINGS.split("\n%\n").collect();
    let number = usize::from(resolve::id(&proc)) % all.len().max(1);
    let saying = all.get(number).copied().unwrap_or_default();
    util::done(proc.print(&format!("{}\n", saying.trim_end())).await)
}
