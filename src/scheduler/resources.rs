//! What pods ask for and nodes have, in the scheduler's units.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;

use crate::api::{
    Pod,
    quantity::{Format, Quantity},
    resources::{self, Amounts, Options},
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

impl Resources {
    /// Of a list as the API has it.
    pub fn of(list: Option<&BTreeMap<String, ApiQuantity>>) -> Resources {
        Resources::of_amounts(&resources::amounts(list))
    }

    pub fn of_amounts(amounts: &Amounts) -> Resources {
        let mut resources = Resources::default();
        for (name, quantity) in amounts {
            match name.as_str() {
                "cpu" => resources.milli_cpu = quantity.milli_value(),
                "memory" => resources.memory = quantity.value(),
                "ephemeral-storage" => resources.ephemeral_storage = quantity.value(),
                "pods" => resources.pods = quantity.value(),
                name if is_scalar(name) => drop(resources.scalars.insert(name.into(), quantity.value())),
                _ => {}
            }
        }
        resources
    }

    /// The amount of a resource by its name; cpu in thousandths.
    pub fn get(&self, name: &str) -> i64 {
        match name {
            "cpu" => self.milli_cpu,
            "memory" => self.memory,
            "ephemeral-storage" => self.ephemeral_storage,
            other => self.scalars.get(other).copied().unwrap_or(0),
        }
    }

    /// All that there may be, but pods.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        ["cpu", "memory", "ephemeral-storage"].into_iter().chain(self.scalars.keys().map(String::as_str))
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
pub(super) fn is_scalar(name: &str) -> bool {
    name.starts_with("hugepages-") || name.starts_with("attachable-volumes-") || name.contains('/')
}

/// What a pod asks for: the sum of its containers and sidecars, or its largest init step.
pub fn requests(pod: &Pod) -> Resources {
    Resources::of_amounts(&resources::requests(pod, &options()))
}

/// The same with defaults for containers without requests: cpu and memory for scoring.
pub fn nonzero_requests(pod: &Pod) -> (i64, i64) {
    let missing = [
        ("cpu".to_string(), Quantity::milli(DEFAULT_MILLI_CPU, Format::DecimalSi)),
        ("memory".to_string(), Quantity::new(DEFAULT_MEMORY, Format::DecimalSi)),
    ];
    let total = resources::requests(pod, &Options { missing: missing.into(), ..options() });
    let total = Resources::of_amounts(&total);
    (total.milli_cpu, total.memory)
}

/// While a container is being resized, the largest of what it asks for, of what the kubelet has set aside and of what is
/// in force counts; what can't be had doesn't.
fn options() -> Options {
    Options { use_status: true, in_place_pod_level: true, ..Options::default() }
}
