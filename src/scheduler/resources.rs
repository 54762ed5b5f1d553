//! What pods ask for and nodes have, in the scheduler's units.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, Pod, PodSpec},
    apimachinery::pkg::api::resource::Quantity,
};

/// Containers without a request count this much when nodes are scored.
const DEFAULT_MILLI_CPU: i64 = 100;
const DEFAULT_MEMORY: i64 = 200 * 1024 * 1024;

/// Amounts of resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    pub milli_cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// Bytes.
    pub ephemeral_storage: i64,
    /// Nodes only: pods that it takes.
    pub pods: i64,
    /// Extended resources and huge pages.
    pub scalars: BTreeMap<String, i64>,
}

type List = BTreeMap<String, Quantity>;

impl Resources {
    pub fn of(list: Option<&List>) -> Resources {
        let mut resources = Resources::default();
        for (name, quantity) in list.into_iter().flatten() {
            match name.as_str() {
                "cpu" => resources.milli_cpu = scaled(quantity, 3),
                "memory" => resources.memory = scaled(quantity, 0),
                "ephemeral-storage" => resources.ephemeral_storage = scaled(quantity, 0),
                "pods" => resources.pods = scaled(quantity, 0),
                name if is_scalar(name) => {
                    resources.scalars.insert(name.into(), scaled(quantity, 0));
                }
                _ => {}
            }
        }
        resources
    }

    pub fn add(&mut self, other: &Resources) {
        self.combine(other, i64::saturating_add);
    }

    pub fn subtract(&mut self, other: &Resources) {
        self.combine(other, i64::saturating_sub);
    }

    /// The larger of each.
    pub fn raise(&mut self, other: &Resources) {
        self.combine(other, i64::max);
    }

    /// `pods` isn't part of what pods ask for.
    fn combine(&mut self, other: &Resources, with: impl Fn(i64, i64) -> i64) {
        self.milli_cpu = with(self.milli_cpu, other.milli_cpu);
        self.memory = with(self.memory, other.memory);
        self.ephemeral_storage = with(self.ephemeral_storage, other.ephemeral_storage);
        for (name, amount) in &other.scalars {
            let own = self.scalars.entry(name.clone()).or_insert(0);
            *own = with(*own, *amount);
        }
    }

    pub fn is_zero(&self) -> bool {
        self.milli_cpu == 0 && self.memory == 0 && self.ephemeral_storage == 0 && self.scalars.is_empty()
    }
}

/// `schedutil.IsScalarResourceName`: extended resources, huge pages, prefixed native ones.
fn is_scalar(name: &str) -> bool {
    name.starts_with("hugepages-") || name.starts_with("attachable-volumes-") || name.contains('/')
}

/// What a pod asks for: the sum of its containers and sidecars, or its largest init step.
pub fn requests(pod: &Pod) -> Resources {
    total(pod, false)
}

/// The same with defaults for containers without requests: cpu and memory for scoring.
pub fn nonzero_requests(pod: &Pod) -> (i64, i64) {
    let resources = total(pod, true);
    (resources.milli_cpu, resources.memory)
}

fn total(pod: &Pod, defaults: bool) -> Resources {
    let Some(spec) = &pod.spec else { return Resources::default() };
    let of = |container: &Container| {
        let list = container.resources.as_ref().and_then(|r| r.requests.as_ref());
        let mut resources = held(pod, container);
        if defaults {
            default_missing(&mut resources, list);
        }
        resources
    };
    let mut sum = Resources::default();
    for container in &spec.containers {
        sum.add(&of(container));
    }
    let (mut sidecars, mut init) = (Resources::default(), Resources::default());
    for container in spec.init_containers.iter().flatten() {
        let mut step = of(container);
        if container.restart_policy.as_deref() == Some("Always") {
            sum.add(&step);
            sidecars.add(&step);
            step = sidecars.clone();
        } else {
            step.add(&sidecars);
        }
        init.raise(&step);
    }
    sum.raise(&init);
    pod_level(spec, &mut sum);
    sum.add(&Resources::of(spec.overhead.as_ref()));
    sum
}

fn default_missing(resources: &mut Resources, list: Option<&List>) {
    if list.is_none_or(|list| !list.contains_key("cpu")) {
        resources.milli_cpu = resources.milli_cpu.max(DEFAULT_MILLI_CPU);
    }
    if list.is_none_or(|list| !list.contains_key("memory")) {
        resources.memory = resources.memory.max(DEFAULT_MEMORY);
    }
}

/// What a container asks for. While it is being resized, the largest of that, of what the kubelet
/// has set aside and of what is in force counts; what can't be had doesn't.
fn held(pod: &Pod, container: &Container) -> Resources {
    let asked = Resources::of(container.resources.as_ref().and_then(|r| r.requests.as_ref()));
    let Some(status) = &pod.status else { return asked };
    let mut statuses =
        (status.container_statuses.iter().flatten()).chain(status.init_container_statuses.iter().flatten());
    let Some(container_status) = statuses.find(|status| status.name == container.name) else { return asked };
    let actual = container_status.resources.as_ref().and_then(|r| r.requests.as_ref());
    let allocated = container_status.allocated_resources.as_ref();
    if actual.is_none() && allocated.is_none() {
        return asked;
    }
    let infeasible = status
        .conditions
        .iter()
        .flatten()
        .any(|c| c.type_ == "PodResizePending" && c.status == "True" && c.reason.as_deref() == Some("Infeasible"));
    let mut most = if infeasible { Resources::default() } else { asked };
    most.raise(&Resources::of(actual));
    most.raise(&Resources::of(allocated));
    most
}

/// Requests of the pod itself replace those of its containers.
fn pod_level(spec: &PodSpec, sum: &mut Resources) {
    let Some(list) = spec.resources.as_ref().and_then(|r| r.requests.as_ref()) else { return };
    let given = Resources::of(Some(list));
    if list.contains_key("cpu") {
        sum.milli_cpu = given.milli_cpu;
    }
    if list.contains_key("memory") {
        sum.memory = given.memory;
    }
    for (name, amount) in given.scalars.into_iter().filter(|(name, _)| name.starts_with("hugepages-")) {
        sum.scalars.insert(name, amount);
    }
}

/// A quantity in units of 10^-`decimals`, rounded up; 0 if it isn't one (it was validated).
fn scaled(quantity: &Quantity, decimals: i32) -> i64 {
    parse(&quantity.0, decimals).unwrap_or(0)
}

fn parse(text: &str, decimals: i32) -> Option<i64> {
    let digits_end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits_end);
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mantissa: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let (mut exponent, mut factor): (i32, i128) = (-i32::try_from(fraction.len()).ok()?, 1);
    match suffix {
        "n" => exponent -= 9,
        "u" => exponent -= 6,
        "m" => exponent -= 3,
        "" => {}
        "k" => exponent += 3,
        "M" => exponent += 6,
        "G" => exponent += 9,
        "T" => exponent += 12,
        "P" => exponent += 15,
        "E" => exponent += 18,
        "Ki" => factor = 1 << 10,
        "Mi" => factor = 1 << 20,
        "Gi" => factor = 1 << 30,
        "Ti" => factor = 1 << 40,
        "Pi" => factor = 1 << 50,
        "Ei" => factor = 1 << 60,
        _ => exponent += suffix.strip_prefix(['e', 'E'])?.parse::<i32>().ok()?,
    }
    let exponent = exponent + decimals;
    let mut value = mantissa.checked_mul(factor)?;
    let power = 10i128.checked_pow(exponent.unsigned_abs());
    value = match (exponent < 0, power) {
        (false, Some(power)) => value.saturating_mul(power),
        (false, None) => i128::MAX,
        (true, Some(power)) => value / power + i128::from(value % power != 0),
        (true, None) => i128::from(value != 0),
    };
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        let table = [
            ("1", 3, 1000),
            ("100m", 3, 100),
            ("0.5", 3, 500),
            ("1.2345", 3, 1235),
            ("8Gi", 0, 8 << 30),
            ("128m", 0, 1),
            ("1e3", 0, 1000),
            ("1E", 0, 1_000_000_000_000_000_000),
            ("4k", 0, 4000),
            ("99999999999E", 0, i64::MAX),
            ("-2", 0, -2),
        ];
        for (text, decimals, expected) in table {
            assert_eq!(parse(text, decimals), Some(expected), "{text}");
        }
    }
}
