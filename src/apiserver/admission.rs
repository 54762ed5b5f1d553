//! Admission plugins, in the order of the real chain, and what the registry sets on new objects.

use k8s_openapi::{
    api::core::v1::{
        ConfigMapProjection, DownwardAPIProjection, DownwardAPIVolumeFile, KeyToPath, Namespace, NamespaceSpec,
        NamespaceStatus, Node, ObjectFieldSelector, PodAffinityTerm, PodCondition, PodStatus, ProjectedVolumeSource,
        ServiceAccount, ServiceAccountTokenProjection, Taint, Toleration, VolumeMount, VolumeProjection,
    },
    api::scheduling::v1::PriorityClass,
    apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, Time},
};
use std::rc::Rc;

use super::{ApiServer, select::Selection};
use crate::api::{Container, Error, Kind, Object, Pod, PodSpec, Result, Volume, error::Cause, volumes};

/// Where containers find their service account's token.
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const TOKEN_VOLUME: &str = "kube-api-access-";

impl ApiServer {
    pub(super) fn admit_create(&self, object: &mut Object) -> Result<()> {
        self.namespace_lifecycle(object)?;
        match object {
            Object::Pod(pod) => {
                let pod = Rc::make_mut(pod);
                self.limit_ranger_defaults(pod);
                self.service_account(pod)?;
                self.priority(pod)?;
                default_toleration_seconds(pod.spec.get_or_insert_default());
            }
            Object::Node(node) => taint_new_node(Rc::make_mut(node)),
            _ => {}
        }
        Ok(())
    }

    /// A claim may ask for more only if it is bound and its class' volumes can grow (`storage/persistentvolume/resize`).
    pub(super) fn claim_resize(&self, old: &Object, new: &Object) -> Result<()> {
        let (Object::Other(old), Object::Other(new)) = (old, new) else { return Ok(()) };
        if volumes::request(new) <= volumes::request(old) {
            return Ok(());
        }
        let why = if old.text("status/phase") != "Bound" {
            "Only bound persistent volume claims can be expanded"
        } else {
            let name = volumes::class(new);
            let class = self.store.borrow().get(Kind::StorageClass, "", name);
            match class {
                Some(Object::Other(class))
                    if name == volumes::class(old) && class.at("allowVolumeExpansion") == true =>
                {
                    return Ok(());
                }
                _ => {
                    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must \
                     support resize"
                }
            }
        };
        Err(Error::forbidden(new.kind, new.metadata.name.as_deref().unwrap_or_default(), why))
    }

    /// Nothing is created in a namespace that isn't there or is going.
    fn namespace_lifecycle(&self, object: &Object) -> Result<()> {
        let (kind, name) = (object.kind(), object.namespace());
        if !kind.namespaced() {
            return Ok(());
        }
        let store = self.store.borrow();
        let Some(Object::Namespace(namespace)) = store.get(Kind::Namespace, "", name) else {
            return Err(Error::not_found(Kind::Namespace, name));
        };
        if namespace.metadata.deletion_timestamp.is_none() {
            return Ok(());
        }
        let why = format!("unable to create new content in namespace {name} because it is being terminated");
        let mut error = Error::forbidden(kind, given_name(object), why);
        error.causes.push(Cause {
            reason: "NamespaceTerminating".into(),
            message: format!("namespace {name} is being terminated"),
            field: "metadata.namespace".into(),
        });
        Err(error)
    }

    fn service_account(&self, pod: &mut Pod) -> Result<()> {
        let mirror = "kubernetes.io/config.mirror";
        if pod.metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(mirror)) {
            return Ok(());
        }
        let shown = pod.metadata.name.clone().or_else(|| pod.metadata.generate_name.clone()).unwrap_or_default();
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        let spec = pod.spec.get_or_insert_default();
        let given = spec.service_account_name.take().filter(|name| !name.is_empty());
        let given = given.or_else(|| spec.service_account.take().filter(|name| !name.is_empty()));
        let name = given.unwrap_or_else(|| "default".into());
        spec.service_account_name = Some(name.clone());
        spec.service_account = Some(name.clone());
        let account = self.store.borrow().get(Kind::ServiceAccount, &namespace, &name);
        let Some(account) = account.as_ref().and_then(|object| object.as_::<ServiceAccount>()) else {
            let why =
                format!("error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found");
            return Err(Error::forbidden(Kind::Pod, &shown, why));
        };
        let mount = spec.automount_service_account_token.or(account.automount_service_account_token);
        if mount.unwrap_or(true) {
            self.mount_token(spec);
        }
        if spec.image_pull_secrets.as_ref().is_none_or(Vec::is_empty) {
            spec.image_pull_secrets.clone_from(&account.image_pull_secrets);
        }
        Ok(())
    }

    fn mount_token(&self, spec: &mut PodSpec) {
        let volumes = spec.volumes.get_or_insert_default();
        let existing = volumes.iter().find(|v| v.name.starts_with(TOKEN_VOLUME)).map(|v| v.name.clone());
        let found = existing.is_some();
        let name = existing.unwrap_or_else(|| format!("{TOKEN_VOLUME}{}", self.suffix()));
        let mut used = false;
        let mut mount = |container: &mut Container| {
            let mounts = container.volume_mounts.get_or_insert_default();
            if mounts.iter().any(|m| m.mount_path == TOKEN_PATH) {
                return;
            }
            used = true;
            mounts.push(VolumeMount {
                name: name.clone(),
                read_only: Some(true),
                mount_path: TOKEN_PATH.into(),
                ..VolumeMount::default()
            });
        };
        spec.init_containers.iter_mut().flatten().for_each(&mut mount);
        spec.containers.iter_mut().for_each(&mut mount);
        if used && !found {
            volumes.push(self.token_volume.named(name));
        }
        if volumes.is_empty() {
            spec.volumes = None;
        }
    }

    fn priority(&self, pod: &mut Pod) -> Result<()> {
        let shown = pod.metadata.name.clone().or_else(|| pod.metadata.generate_name.clone()).unwrap_or_default();
        let spec = pod.spec.get_or_insert_default();
        let named = spec.priority_class_name.clone().filter(|name| !name.is_empty());
        let class = match &named {
            Some(name) => {
                let class = self.store.borrow().get(Kind::PriorityClass, "", name);
                let Some(class) = class else {
                    let why = format!("no PriorityClass with name {name} was found");
                    return Err(Error::forbidden(Kind::Pod, &shown, why));
                };
                Some(class)
            }
            None => {
                let classes = self.store.borrow().list(Kind::PriorityClass, &Selection::of(""));
                let global = classes
                    .into_iter()
                    .filter(|c| c.as_::<PriorityClass>().is_some_and(|c| c.global_default == Some(true)));
                // Of several defaults the lowest counts.
                global.min_by_key(|c| c.as_::<PriorityClass>().and_then(|c| c.value))
            }
        };
        let class = class.as_ref().and_then(|class| class.as_::<PriorityClass>());
        let value = class.and_then(|c| c.value).unwrap_or(0);
        let policy = class.and_then(|c| c.preemption_policy.as_deref()).unwrap_or("PreemptLowerPriority").to_string();
        if named.is_none() {
            spec.priority_class_name = class.and_then(|c| c.metadata.name.clone());
        }
        if let Some(given) = spec.priority.filter(|given| *given != value) {
            let why = format!(
                "the integer value of priority ({given}) must not be provided in pod spec; priority admission \
                 controller computed {value} from the given PriorityClass name"
            );
            return Err(Error::forbidden(Kind::Pod, &shown, why));
        }
        if let Some(given) = spec.preemption_policy.as_ref().filter(|given| **given != policy) {
            let why = format!(
                "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission \
                 controller computed {policy} from the given PriorityClass name"
            );
            return Err(Error::forbidden(Kind::Pod, &shown, why));
        }
        spec.priority = Some(value);
        spec.preemption_policy = Some(policy);
        Ok(())
    }
}

/// The name that a refusal shows: the generated one isn't known yet.
fn given_name(object: &Object) -> &str {
    match object.name() {
        "" => object.meta().generate_name.as_deref().unwrap_or_default(),
        name => name,
    }
}

/// The priority of a pod that is written without one stays what admission made it.
pub(super) fn keep_priority(was: &PodSpec, is: &mut PodSpec) {
    is.priority = is.priority.or(was.priority);
    if is.preemption_policy.is_none() {
        is.preemption_policy.clone_from(&was.preemption_policy);
    }
}

/// Pods stay five minutes on a node that is not ready or unreachable.
pub(super) fn default_toleration_seconds(spec: &mut PodSpec) {
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerations = spec.tolerations.get_or_insert_default();
        let tolerated = tolerations.iter().any(|t| {
            let (k, effect) = (t.key.as_deref().unwrap_or_default(), t.effect.as_deref().unwrap_or_default());
            (k == key || k.is_empty()) && (effect == "NoExecute" || effect.is_empty())
        });
        if !tolerated {
            tolerations.push(Toleration {
                key: Some(key.into()),
                operator: Some("Exists".into()),
                effect: Some("NoExecute".into()),
                toleration_seconds: Some(300),
                value: None,
            });
        }
    }
}

/// A new node takes no pods before it has said that it is ready (TaintNodesByCondition).
fn taint_new_node(node: &mut Node) {
    let taints = node.spec.get_or_insert_default().taints.get_or_insert_default();
    let key = "node.kubernetes.io/not-ready";
    if !taints.iter().any(|t| t.key == key && t.effect == "NoSchedule") {
        taints.push(Taint { key: key.into(), effect: "NoSchedule".into(), ..Taint::default() });
    }
}

/// Where a service account's token is, and what comes with it.
pub(super) fn token_volume() -> Volume {
    let token = ServiceAccountTokenProjection { expiration_seconds: Some(3607), path: "token".into(), audience: None };
    let ca = ConfigMapProjection {
        name: "kube-root-ca.crt".into(),
        items: Some(vec![KeyToPath { key: "ca.crt".into(), path: "ca.crt".into(), mode: None }]),
        optional: None,
    };
    let namespace = DownwardAPIVolumeFile {
        path: "namespace".into(),
        field_ref: Some(ObjectFieldSelector {
            api_version: Some("v1".into()),
            field_path: "metadata.namespace".into(),
        }),
        ..DownwardAPIVolumeFile::default()
    };
    let sources = vec![
        VolumeProjection { service_account_token: Some(token), ..VolumeProjection::default() },
        VolumeProjection { config_map: Some(ca), ..VolumeProjection::default() },
        VolumeProjection {
            downward_api: Some(DownwardAPIProjection { items: Some(vec![namespace]) }),
            ..VolumeProjection::default()
        },
    ];
    let mut volume = Volume::default();
    volume.projected = Some(ProjectedVolumeSource { default_mode: Some(420), sources: Some(sources) });
    volume
}

/// A new pod's status is the server's: Pending, and why it isn't queued if it is gated.
pub(super) fn prepare_pod(pod: &mut Pod, now: &Time) {
    let gated = pod.spec.as_ref().and_then(|s| s.scheduling_gates.as_ref()).is_some_and(|gates| !gates.is_empty());
    let condition = gated.then(|| {
        vec![PodCondition {
            type_: "PodScheduled".into(),
            status: "False".into(),
            reason: Some("SchedulingGated".into()),
            message: Some("Scheduling is blocked due to non-empty scheduling gates".into()),
            last_transition_time: Some(now.clone()),
            ..PodCondition::default()
        }]
    });
    let status = PodStatus {
        phase: Some("Pending".into()),
        conditions: condition,
        qos_class: Some(crate::api::resources::qos(pod).into()),
        ..PodStatus::default()
    };
    pod.status = Some(status.into());
}

/// The labels that a pod's terms name become a part of their selectors (`mutatePodAffinity`,
/// `mutateTopologySpreadConstraints`).
pub(super) fn merge_label_keys(pod: &mut Pod) {
    let wants =
        pod.spec.as_ref().is_some_and(|spec| spec.affinity.is_some() || spec.topology_spread_constraints.is_some());
    let (true, Some(labels)) = (wants, pod.metadata.labels.clone()) else { return };
    let Some(spec) = &mut pod.spec else { return };
    let merge = |selector: &mut Option<LabelSelector>, keys: &Option<Vec<String>>, operator: &str| {
        let Some(selector) = selector else { return };
        for (key, value) in keys.iter().flatten().filter_map(|key| labels.get_key_value(key)) {
            selector.match_expressions.get_or_insert_default().push(LabelSelectorRequirement {
                key: key.clone(),
                operator: operator.into(),
                values: Some(vec![value.clone()]),
            });
        }
    };
    let term = |term: &mut PodAffinityTerm| {
        merge(&mut term.label_selector, &term.match_label_keys, "In");
        merge(&mut term.label_selector, &term.mismatch_label_keys, "NotIn");
    };
    if let Some(affinity) = &mut spec.affinity {
        if let Some(near) = &mut affinity.pod_affinity {
            let preferred = near.preferred_during_scheduling_ignored_during_execution.iter_mut().flatten();
            preferred.for_each(|weighted| term(&mut weighted.pod_affinity_term));
            near.required_during_scheduling_ignored_during_execution.iter_mut().flatten().for_each(term);
        }
        if let Some(apart) = &mut affinity.pod_anti_affinity {
            let preferred = apart.preferred_during_scheduling_ignored_during_execution.iter_mut().flatten();
            preferred.for_each(|weighted| term(&mut weighted.pod_affinity_term));
            apart.required_during_scheduling_ignored_during_execution.iter_mut().flatten().for_each(term);
        }
    }
    for constraint in spec.topology_spread_constraints.iter_mut().flatten() {
        merge(&mut constraint.label_selector, &constraint.match_label_keys, "In");
    }
}

pub(super) fn prepare_namespace(namespace: &mut Namespace) {
    namespace.status = Some(NamespaceStatus { phase: Some("Active".into()), ..NamespaceStatus::default() });
    let spec: &mut NamespaceSpec = namespace.spec.get_or_insert_default();
    let finalizers = spec.finalizers.get_or_insert_default();
    if !finalizers.iter().any(|f| f == "kubernetes") {
        finalizers.push("kubernetes".into());
    }
    let name = namespace.metadata.name.clone().unwrap_or_default();
    namespace.metadata.labels.get_or_insert_default().insert("kubernetes.io/metadata.name".into(), name);
}
