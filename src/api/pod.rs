//! [`Pod`], its spec, containers and volumes: as in k8s-openapi, but that copies share what is large.
//!
//! A pod is written several times on its way to Running, each time as a new object beside the old ones that watchers and
//! histories still hold. Most of a pod is its spec, which stays the same: so a copy of a pod has the same spec in memory
//! until one of them changes its own. And pods of one making differ in little: where they are, and the name of the volume
//! with their service account's token. So a spec, a container and a volume have that for themselves and the rest in a part
//! that those of other pods share ([`PodSpec::share`]).

use std::{
    collections::BTreeMap,
    fmt,
    ops::{Deref, DerefMut},
    rc::Rc,
};

use k8s_openapi::{
    api::core::v1::{
        self, Affinity, EphemeralContainer, HostAlias, LocalObjectReference, PodDNSConfig, PodOS, PodReadinessGate,
        PodResourceClaim, PodSchedulingGate, PodSchedulingGroup, PodSecurityContext, PodStatus, ResourceRequirements,
        Toleration, TopologySpreadConstraint, VolumeMount,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::ObjectMeta},
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Unexpected},
    ser::SerializeStruct,
};

/// A value that copies share until one of them is written to.
#[derive(Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shared<T>(Rc<T>);

impl<T> Shared<T> {
    /// Whether both are one value in memory.
    pub fn is(&self, other: &Shared<T>) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: Clone> Shared<T> {
    /// The value, copied if it is shared.
    pub fn into_inner(self) -> T {
        Rc::unwrap_or_clone(self.0)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared(self.0.clone())
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Shared<T> {
        Shared(Rc::new(value))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Rc::make_mut(&mut self.0)
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Shared<T>) -> bool {
        self.is(other) || self.0 == other.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A Pod; cloning it copies the metadata alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    pub metadata: ObjectMeta,
    pub spec: Option<Shared<PodSpec>>,
    pub status: Option<Shared<PodStatus>>,
}

impl<'de> Deserialize<'de> for Pod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pod, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Fields {
            api_version: Option<String>,
            kind: Option<String>,
            #[serde(deserialize_with = "null_is_empty")]
            metadata: ObjectMeta,
            spec: Option<Shared<PodSpec>>,
            status: Option<Shared<PodStatus>>,
        }
        let Fields { api_version, kind, metadata, spec, status } = Fields::deserialize(deserializer)?;
        for (given, expected) in [(api_version, "v1"), (kind, "Pod")] {
            if let Some(given) = given.filter(|given| given != expected) {
                return Err(D::Error::invalid_value(Unexpected::Str(&given), &expected));
            }
        }
        Ok(Pod { metadata, spec, status })
    }
}

impl Serialize for Pod {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 3 + usize::from(self.spec.is_some()) + usize::from(self.status.is_some());
        let mut state = serializer.serialize_struct("Pod", fields)?;
        state.serialize_field("apiVersion", "v1")?;
        state.serialize_field("kind", "Pod")?;
        state.serialize_field("metadata", &self.metadata)?;
        if let Some(spec) = &self.spec {
            state.serialize_field("spec", spec)?;
        }
        if let Some(status) = &self.status {
            state.serialize_field("status", status)?;
        }
        state.end()
    }
}

/// Go writes `null` for an empty list.
fn null_is_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// What a pod is to be. Its fields are those of [`SharedSpec`], but for these.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodSpec {
    pub containers: Vec<Container>,
    pub init_containers: Option<Vec<Container>>,
    pub node_name: Option<String>,
    pub volumes: Option<Vec<Volume>>,
    rest: Shared<SharedSpec>,
}

impl PodSpec {
    /// Has its shared parts in memory where `other` has its own, if all are equal: whether they are.
    pub fn share(&mut self, other: &PodSpec) -> bool {
        let inits = |spec: &PodSpec| spec.init_containers.iter().flatten().map(|c| c.rest.clone()).collect::<Vec<_>>();
        let containers = |spec: &PodSpec| spec.containers.iter().map(|c| c.rest.clone()).collect::<Vec<_>>();
        if self.rest != other.rest || containers(self) != containers(other) || inits(self) != inits(other) {
            return false;
        }
        self.rest = other.rest.clone();
        let own = self.containers.iter_mut().chain(self.init_containers.iter_mut().flatten());
        for (own, other) in own.zip(other.containers.iter().chain(other.init_containers.iter().flatten())) {
            own.rest = other.rest.clone();
        }
        true
    }
}

impl From<SharedSpec> for PodSpec {
    fn from(mut spec: SharedSpec) -> PodSpec {
        PodSpec {
            containers: std::mem::take(&mut spec.containers),
            init_containers: spec.init_containers.take(),
            node_name: spec.node_name.take(),
            volumes: spec.volumes.take(),
            rest: spec.into(),
        }
    }
}

impl Deref for PodSpec {
    type Target = SharedSpec;

    fn deref(&self) -> &SharedSpec {
        &self.rest
    }
}

impl DerefMut for PodSpec {
    fn deref_mut(&mut self) -> &mut SharedSpec {
        &mut self.rest
    }
}

impl Serialize for PodSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let PodSpec { containers, init_containers, node_name, volumes, rest } = self.clone();
        SharedSpec { containers, init_containers, node_name, volumes, ..rest.into_inner() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PodSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PodSpec, D::Error> {
        SharedSpec::deserialize(deserializer).map(PodSpec::from)
    }
}

/// All of a spec. Behind a [`PodSpec`] its containers, volumes and node lie empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SharedSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automount_service_account_token: Option<bool>,
    #[serde(deserialize_with = "null_is_empty")]
    pub containers: Vec<Container>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<PodDNSConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_service_links: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral_containers: Option<Vec<EphemeralContainer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_aliases: Option<Vec<HostAlias>>,
    #[serde(rename = "hostIPC", skip_serializing_if = "Option::is_none")]
    pub host_ipc: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_network: Option<bool>,
    #[serde(rename = "hostPID", skip_serializing_if = "Option::is_none")]
    pub host_pid: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_users: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname_override: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_secrets: Option<Vec<LocalObjectReference>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_containers: Option<Vec<Container>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<PodOS>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overhead: Option<BTreeMap<String, Quantity>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preemption_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_gates: Option<Vec<PodReadinessGate>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_claims: Option<Vec<PodResourceClaim>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_class_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduling_gates: Option<Vec<PodSchedulingGate>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduling_group: Option<PodSchedulingGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<PodSecurityContext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    #[serde(rename = "setHostnameAsFQDN", skip_serializing_if = "Option::is_none")]
    pub set_hostname_as_fqdn: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_process_namespace: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subdomain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerations: Option<Vec<Toleration>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volumes: Option<Vec<Volume>>,
}

/// A container: where its volumes are mounted, and the rest, which containers of other pods may share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    pub volume_mounts: Option<Vec<VolumeMount>>,
    /// Without mounts.
    rest: Shared<v1::Container>,
}

impl From<v1::Container> for Container {
    fn from(mut container: v1::Container) -> Container {
        Container { volume_mounts: container.volume_mounts.take(), rest: container.into() }
    }
}

impl Deref for Container {
    type Target = v1::Container;

    fn deref(&self) -> &v1::Container {
        &self.rest
    }
}

impl DerefMut for Container {
    fn deref_mut(&mut self) -> &mut v1::Container {
        &mut self.rest
    }
}

impl Serialize for Container {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Container { volume_mounts, rest } = self.clone();
        v1::Container { volume_mounts, ..rest.into_inner() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Container {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Container, D::Error> {
        v1::Container::deserialize(deserializer).map(Container::from)
    }
}

/// A volume: its name, and its source, which volumes under other names may share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Volume {
    pub name: String,
    /// Without a name.
    source: Shared<v1::Volume>,
}

impl Volume {
    /// A volume from the same source.
    pub fn named(&self, name: String) -> Volume {
        Volume { name, source: self.source.clone() }
    }
}

impl From<v1::Volume> for Volume {
    fn from(mut volume: v1::Volume) -> Volume {
        Volume { name: std::mem::take(&mut volume.name), source: volume.into() }
    }
}

impl Deref for Volume {
    type Target = v1::Volume;

    fn deref(&self) -> &v1::Volume {
        &self.source
    }
}

impl DerefMut for Volume {
    fn deref_mut(&mut self) -> &mut v1::Volume {
        &mut self.source
    }
}

impl Serialize for Volume {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        v1::Volume { name: self.name.clone(), ..v1::Volume::clone(&self.source) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Volume {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Volume, D::Error> {
        v1::Volume::deserialize(deserializer).map(Volume::from)
    }
}
