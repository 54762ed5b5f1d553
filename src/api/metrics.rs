//! What the API group metrics.k8s.io tells: usage of pods' containers and of nodes.

/// Usage over the last window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Nanoseconds of processor time a second.
    pub cpu: u64,
    /// Bytes of the working set.
    pub memory: u64,
}

impl Usage {
    /// As a quantity's milli value: rounded up.
    pub fn cpu_millis(self) -> u64 {
        self.cpu.div_ceil(1_000_000)
    }
}

impl std::ops::Add for Usage {
    type Output = Usage;

    fn add(self, other: Usage) -> Usage {
        Usage { cpu: self.cpu + other.cpu, memory: self.memory + other.memory }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodMetrics {
    pub namespace: String,
    pub name: String,
    /// Those that run, by name.
    pub containers: Vec<(String, Usage)>,
}

impl PodMetrics {
    pub fn total(&self) -> Usage {
        self.containers.iter().fold(Usage::default(), |sum, (_, usage)| sum + *usage)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeMetrics {
    pub name: String,
    pub usage: Usage,
}

/// What is asked for: one object by its name, or those that a label selector chooses.
#[derive(Clone, Debug, Default)]
pub struct MetricsOptions {
    pub name: Option<String>,
    pub label_selector: String,
}
