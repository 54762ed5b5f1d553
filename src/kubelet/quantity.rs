//! Amounts of resources, and what a pod asks for.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, Pod},
    apimachinery::pkg::api::resource::Quantity,
};

use super::status::{init_containers, is_sidecar};

/// A quantity in units of 10^-`decimals`, rounded up; `None` if it isn't one.
pub fn parse(text: &str, decimals: i32) -> Option<i64> {
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (sign, number) = match number.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mantissa: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let (power, factor): (i32, i128) = match suffix {
        "n" => (-9, 1),
        "u" => (-6, 1),
        "m" => (-3, 1),
        "" => (0, 1),
        "k" => (3, 1),
        "M" => (6, 1),
        "G" => (9, 1),
        "T" => (12, 1),
        "P" => (15, 1),
        "E" => (18, 1),
        "Ki" => (0, 1 << 10),
        "Mi" => (0, 1 << 20),
        "Gi" => (0, 1 << 30),
        "Ti" => (0, 1 << 40),
        "Pi" => (0, 1 << 50),
        "Ei" => (0, 1 << 60),
        _ => (suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?, 1),
    };
    let power = power.checked_add(decimals)?.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let value = mantissa.checked_mul(factor)?;
    let scale = 10i128.checked_pow(power.unsigned_abs());
    let value = match (power < 0, scale) {
        (false, Some(scale)) => value.saturating_mul(scale),
        (false, None) => i128::MAX,
        (true, Some(scale)) => value / scale + i128::from(value % scale != 0),
        (true, None) => i128::from(value != 0),
    };
    Some(sign * i64::try_from(value).unwrap_or(i64::MAX))
}

/// The decimals in which admission counts a resource: milli for cpu.
pub fn decimals(resource: &str) -> i32 {
    if resource == "cpu" { 3 } else { 0 }
}

type Amounts = BTreeMap<String, i64>;

fn amounts(list: Option<&BTreeMap<String, Quantity>>) -> Amounts {
    let one = |(name, q): (&String, &Quantity)| Some((name.clone(), parse(&q.0, decimals(name))?));
    list.into_iter().flatten().filter_map(one).collect()
}

fn add(to: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = to.entry(name.clone()).or_insert(0);
        *sum = sum.saturating_add(*amount);
    }
}

/// What a pod asks for by resource (cpu in milli): the sum of its containers and sidecars, or its
/// largest init step; what the pod itself asks for replaces that.
pub fn requests(pod: &Pod) -> Amounts {
    let Some(spec) = &pod.spec else { return Amounts::new() };
    let of = |c: &Container| amounts(c.resources.as_ref().and_then(|r| r.requests.as_ref()));
    let mut sum = Amounts::new();
    spec.containers.iter().for_each(|c| add(&mut sum, &of(c)));
    let (mut sidecars, mut largest) = (Amounts::new(), Amounts::new());
    for container in init_containers(spec) {
        let mut step = of(container);
        if is_sidecar(container) {
            add(&mut sum, &step);
            add(&mut sidecars, &step);
            step = sidecars.clone();
        } else {
            add(&mut step, &sidecars);
        }
        for (name, amount) in step {
            let most = largest.entry(name).or_insert(0);
            *most = amount.max(*most);
        }
    }
    for (name, amount) in largest {
        let total = sum.entry(name).or_insert(0);
        *total = amount.max(*total);
    }
    for (name, amount) in amounts(spec.resources.as_ref().and_then(|r| r.requests.as_ref())) {
        sum.insert(name, amount);
    }
    add(&mut sum, &amounts(spec.overhead.as_ref()));
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        let table = [
            ("1", 3, Some(1000)),
            ("100m", 3, Some(100)),
            ("0.5", 3, Some(500)),
            ("1.5Gi", 0, Some(3 << 29)),
            ("128m", 0, Some(1)),
            ("1e3", 0, Some(1000)),
            ("9E", 0, Some(9_000_000_000_000_000_000)),
            ("99E", 0, Some(i64::MAX)),
            ("-2", 0, Some(-2)),
            ("x", 0, None),
        ];
        for (text, decimals, expected) in table {
            assert_eq!(parse(text, decimals), expected, "{text}");
        }
    }
}
