//! Amounts of resources in the units that a kubelet counts with.

use std::collections::BTreeMap;

use crate::api::{Pod, quantity::Quantity, resources};

/// A quantity in units of 10^-`decimals`, rounded up; `None` if it isn't one.
pub fn parse(text: &str, decimals: i32) -> Option<i64> {
    text.parse::<Quantity>().ok().map(|quantity| quantity.scaled_value(-decimals))
}

/// The decimals in which admission counts a resource: milli for cpu.
pub fn decimals(resource: &str) -> i32 {
    if resource == "cpu" { 3 } else { 0 }
}

/// What a pod asks for by resource (cpu in milli).
pub fn requests(pod: &Pod) -> BTreeMap<String, i64> {
    let scaled = |(name, quantity): (String, Quantity)| {
        let amount = quantity.scaled_value(-decimals(&name));
        (name, amount)
    };
    resources::requests(pod, &resources::Options::default()).into_iter().map(scaled).collect()
}
