//! create, update, patch, bind.

use std::rc::Rc;

use k8s_openapi::{
    api::core::v1::PodCondition,
    apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, Time},
};
use serde_json::Value;

use super::{
    ApiServer, SPECS, admission, checks,
    managed::{self, Part},
    select::Selection,
};
use crate::api::{
    Error, Kind, Object, Pod, PodSpec, Result,
    client::{Body, FieldValidation, Patch, Subresource, WriteOptions, Written},
    disabled,
    error::Reason,
    other::{hpa, registry},
    volumes,
};

/// How often a generated name is drawn again if it is taken.
const NAME_ATTEMPTS: usize = 8;

/// Why an update with an old resourceVersion is refused.
const MODIFIED: &str = "the object has been modified; please apply your changes to the latest version and try again";

/// How a write tells its manager.
enum Managed {
    /// A component's: not told.
    Not,
    /// By what it changes.
    Changes,
    /// As server-side apply has worked out.
    Entries(Vec<ManagedFieldsEntry>),
}

impl ApiServer {
    pub(super) fn create_object(
        &self,
        kind: Kind,
        namespace: &str,
        body: Body,
        options: &WriteOptions,
    ) -> Result<Written> {
        let json = matches!(body, Body::Json(_));
        self.create_managed(kind, namespace, body, options, |object, now| {
            if json {
                managed::created(object, &options.field_manager, now);
            }
        })
    }

    fn create_managed(
        &self,
        kind: Kind,
        namespace: &str,
        body: Body,
        options: &WriteOptions,
        manage: impl FnOnce(&mut Object, &Time),
    ) -> Result<Written> {
        self.expire_events(kind);
        let (object, warnings) = decode(kind, body, options.field_validation)?;
        let created = self.create_decoded(kind, namespace, object, warnings.clone(), options, manage);
        created.map_err(|error| error.warned(warnings))
    }

    fn create_decoded(
        &self,
        kind: Kind,
        namespace: &str,
        mut object: Object,
        mut warnings: Vec<String>,
        options: &WriteOptions,
        manage: impl FnOnce(&mut Object, &Time),
    ) -> Result<Written> {
        let older = older_version(&object);
        place(kind, namespace, &mut object)?;
        let meta = object.meta();
        if meta.name.as_deref().unwrap_or_default().is_empty()
            && meta.generate_name.as_deref().unwrap_or_default().is_empty()
        {
            return Err(checks::name_required(&object));
        }
        if object.resource_version() != 0 {
            return Err(Error::new(Reason::Unknown, "resourceVersion should not be set on objects to be created"));
        }
        crate::api::default::apply(&mut object);
        self.admit_create(&mut object)?;
        let meta = object.meta_mut();
        meta.uid = Some(self.rng.borrow_mut().uuid());
        meta.creation_timestamp = Some(self.now());
        meta.deletion_timestamp = None;
        meta.deletion_grace_period_seconds = None;
        meta.resource_version = None;
        meta.self_link = None;
        meta.generation = registry::counts_generations(kind).then_some(1);
        self.generate_name(kind, namespace, &mut object);
        prepare_create(&mut object, &self.now());
        if let Object::Other(other) = &mut object {
            registry::prepare_create(Rc::make_mut(other), &self.now(), self.default_storage_class());
        }
        checks::create(&object)?;
        self.limit_ranger(&object)?;
        let admission_warnings = self.pod_security_create(&object)?;
        let charged = self.quota_create(&object)?;
        if let Object::Service(service) = &mut object {
            self.allocate(Rc::make_mut(service), options.dry_run)?;
        }
        if self.store.borrow().has(kind, namespace, object.name()) {
            return Err(Error::already_exists(kind, object.name()));
        }
        if kind == Kind::Job {
            // Defaults are filled in again when it is read back: a Job without labels has its template's.
            crate::api::default::apply(&mut object);
        }
        warnings.extend(checks::warnings(&object));
        warnings.extend(admission_warnings);
        if !options.dry_run {
            warnings.extend(crate::api::warnings::not_simulated(kind));
        }
        manage(&mut object, &self.now());
        if options.dry_run {
            return Ok(Written { object: in_version(object, older), warnings });
        }
        if let Object::Pod(pod) = &mut object {
            self.share_spec(Rc::make_mut(pod));
        }
        for quota in charged {
            self.put(quota);
        }
        let object = self.put(object);
        Ok(Written { object: in_version(object, older), warnings })
    }

    /// Has the pod share in memory what it has in common with one before.
    fn share_spec(&self, pod: &mut Pod) {
        let Some(spec) = &mut pod.spec else { return };
        let mut known = self.specs.borrow_mut();
        if !known.iter().any(|other| spec.share(other)) {
            known.truncate(SPECS - 1);
            known.push_front(spec.clone());
        }
    }

    fn default_storage_class(&self) -> Option<String> {
        volumes::default_class(&self.store.borrow().list(Kind::StorageClass, &Selection::of("")))
    }

    fn generate_name(&self, kind: Kind, namespace: &str, object: &mut Object) {
        let meta = object.meta();
        if meta.name.as_deref().is_some_and(|name| !name.is_empty()) {
            return;
        }
        // A name part longer than 58 characters is cut, so that the whole is a valid label.
        let base: String = meta.generate_name.as_deref().unwrap_or_default().chars().take(58).collect();
        let mut name = format!("{base}{}", self.suffix());
        for _ in 1..NAME_ATTEMPTS {
            if !self.store.borrow().has(kind, namespace, &name) {
                break;
            }
            name = format!("{base}{}", self.suffix());
        }
        object.meta_mut().name = Some(name);
    }

    pub(super) fn update_object(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        subresource: Subresource,
        body: Body,
        options: &WriteOptions,
    ) -> Result<Written> {
        let managed = if matches!(body, Body::Json(_)) { Managed::Changes } else { Managed::Not };
        let (mut object, warnings) = decode(kind, body, options.field_validation)?;
        place(kind, namespace, &mut object)?;
        match object.name() {
            "" => object.meta_mut().name = Some(name.into()),
            other if other != name => {
                return Err(Error::bad_request(format!(
                    "the name of the object ({other}) does not match the name on the URL ({name})"
                )));
            }
            _ => {}
        }
        let old = self.find(kind, namespace, name)?;
        let replaced = self.replace(old, object, subresource, managed, warnings.clone(), options);
        replaced.map_err(|error| error.warned(warnings))
    }

    /// Replaces `old` by what `subresource` lets through of `object`.
    fn replace(
        &self,
        old: Object,
        mut object: Object,
        subresource: Subresource,
        managed: Managed,
        mut warnings: Vec<String>,
        options: &WriteOptions,
    ) -> Result<Written> {
        let (kind, name) = (old.kind(), old.name());
        let older = older_version(&object);
        let given = object.meta();
        if given.uid.as_deref().is_some_and(|uid| !uid.is_empty() && uid != old.uid()) {
            let why = format!(
                "Precondition failed: UID in precondition: {}, UID in object meta: {}",
                object.uid(),
                old.uid()
            );
            return Err(Error::conflict(kind, name, why));
        }
        if object.resource_version() != 0 && object.resource_version() != old.resource_version() {
            return Err(Error::conflict(kind, name, MODIFIED));
        }
        if let (Object::Pod(pod), Subresource::None) = (&mut object, subresource) {
            let spec = Rc::make_mut(pod).spec.get_or_insert_default();
            admission::default_toleration_seconds(spec);
            if let Some(was) = old.as_::<Pod>().and_then(|old| old.spec.as_ref()) {
                admission::keep_priority(was, spec);
            }
        }
        if subresource == Subresource::None {
            self.reallocate(&old, &mut object, options.dry_run)?;
        }
        let (mut object, spec_changed) = updated(&old, object, subresource)?;
        match managed {
            Managed::Not => {}
            Managed::Changes => {
                let part = if subresource == Subresource::Status { Part::Status } else { Part::Main };
                managed::updated(&old, &mut object, &options.field_manager, part, &self.now());
            }
            Managed::Entries(entries) => object.meta_mut().managed_fields = Some(entries),
        }
        if spec_changed {
            warnings.extend(checks::warnings(&object));
        }
        if kind == Kind::PersistentVolumeClaim && subresource == Subresource::None {
            self.limit_ranger(&object)?;
            self.claim_resize(&old, &object)?;
        }
        warnings.extend(self.pod_security_update(&old, &object, subresource)?);
        let charged = self.quota_update(&old, &object, subresource)?;
        // Writing what is already there changes nothing, not even the version.
        if same(&old, &object) {
            return Ok(Written { object: in_version(old, older), warnings });
        }
        if options.dry_run {
            return Ok(Written { object: in_version(object, older), warnings });
        }
        for quota in charged {
            self.put(quota);
        }
        let object = self.put(object);
        let object = self.remove_if_finished(object);
        Ok(Written { object: in_version(object, older), warnings })
    }

    pub(super) fn patch_object(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        subresource: Subresource,
        patch: Patch,
        options: &WriteOptions,
    ) -> Result<Written> {
        let old = match self.find(kind, namespace, name) {
            Err(error) if error.is_not_found() => match patch {
                Patch::Apply(mut value) if subresource == Subresource::None => {
                    if value.pointer("/metadata/name").is_none()
                        && let Some(Value::Object(meta)) = value.get_mut("metadata")
                    {
                        meta.insert("name".into(), name.into());
                    }
                    let config = value.clone();
                    return self.create_managed(kind, namespace, Body::Json(value), options, |object, now| {
                        managed::created_by_apply(object, &config, &options.field_manager, now);
                    });
                }
                _ => return Err(error),
            },
            found => found?,
        };
        let mut value = checks::patched(kind, old.to_value(), &patch)?;
        let managed = match &patch {
            Patch::Apply(config) if subresource == Subresource::None => {
                let (manager, force) = (&options.field_manager, options.force);
                Managed::Entries(managed::apply(&old, config, &mut value, manager, force, &self.now())?)
            }
            _ => Managed::Changes,
        };
        let (mut object, warnings) = decode(kind, Body::Json(value), options.field_validation)?;
        place(kind, namespace, &mut object)?;
        if object.name() != name {
            let message = "the name of the object does not match the name on the URL";
            return Err(Error::bad_request(message));
        }
        let replaced = self.replace(old, object, subresource, managed, warnings.clone(), options);
        replaced.map_err(|error| error.warned(warnings))
    }

    pub(super) fn bind_pod(&self, namespace: &str, name: &str, uid: &str, node: &str) -> Result<()> {
        let object = self.find(Kind::Pod, namespace, name)?;
        let Object::Pod(old) = &object else { return Err(Error::internal("not a pod")) };
        let refuse = |why: String| {
            let message = format!("Operation cannot be fulfilled on pods/binding \"{name}\": {why}");
            Err(Error { kind: "pods".into(), name: name.into(), ..Error::new(Reason::Conflict, message) })
        };
        if !uid.is_empty() && uid != object.uid() {
            return refuse(format!(
                "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                object.uid()
            ));
        }
        if old.metadata.deletion_timestamp.is_some() {
            return refuse(format!("pod {name} is being deleted, cannot be assigned to a host"));
        }
        let spec = old.spec.as_ref();
        if let Some(host) = spec.and_then(|s| s.node_name.as_deref()).filter(|host| !host.is_empty()) {
            return refuse(format!("pod {name} is already assigned to node \"{host}\""));
        }
        if spec.is_some_and(|s| s.scheduling_gates.as_ref().is_some_and(|gates| !gates.is_empty())) {
            return refuse(format!("pod {name} has non-empty .spec.schedulingGates"));
        }
        let mut pod = Pod::clone(old);
        pod.spec.get_or_insert_default().node_name = Some(node.into());
        self.copy_topology_labels(node, &mut pod);
        let status = pod.status.get_or_insert_default();
        status.nominated_node_name = None;
        let condition = PodCondition {
            type_: "PodScheduled".into(),
            status: "True".into(),
            last_transition_time: Some(self.now()),
            ..PodCondition::default()
        };
        set_condition(status.conditions.get_or_insert_default(), condition);
        self.put(pod.into());
        Ok(())
    }

    /// Zone and region of the node become labels of the pod (PodTopologyLabels admission).
    fn copy_topology_labels(&self, node: &str, pod: &mut Pod) {
        let node = self.store.borrow().get(Kind::Node, "", node);
        let Some(labels) = node.as_ref().and_then(|node| node.meta().labels.as_ref()) else { return };
        for key in ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"] {
            if let Some(value) = labels.get(key) {
                pod.metadata.labels.get_or_insert_default().insert(key.into(), value.clone());
            }
        }
    }

    /// An object that was only waiting for its finalizers goes when the last one is taken off.
    fn remove_if_finished(&self, object: Object) -> Object {
        let meta = object.meta();
        let waiting = meta.finalizers.as_ref().is_some_and(|f| !f.is_empty());
        let finished = meta.deletion_timestamp.is_some()
            && !waiting
            && match &object {
                // A namespace also has finalizers in its spec, a pod its grace period.
                Object::Namespace(ns) => {
                    ns.spec.as_ref().and_then(|s| s.finalizers.as_ref()).is_none_or(|f| f.is_empty())
                }
                Object::Pod(pod) => pod.metadata.deletion_grace_period_seconds == Some(0),
                _ => true,
            };
        if finished {
            let removed = self.store.borrow_mut().remove(object.kind(), object.namespace(), object.name());
            return removed.unwrap_or(object);
        }
        object
    }
}

/// Gives a new object the fields that are the server's to set.
pub fn prepare_create(object: &mut Object, now: &Time) {
    match object {
        Object::Pod(pod) => {
            let pod = Rc::make_mut(pod);
            disabled::drop_fields(pod, None);
            admission::prepare_pod(pod, now);
            admission::merge_label_keys(pod);
        }
        Object::Namespace(ns) => admission::prepare_namespace(Rc::make_mut(ns)),
        _ => {}
    }
}

/// What becomes of `old` when `object`, which was admitted, is written to it: defaulted and checked; and whether the spec
/// changes.
pub fn updated(old: &Object, mut object: Object, subresource: Subresource) -> Result<(Object, bool)> {
    if matches!(subresource, Subresource::None | Subresource::EphemeralContainers | Subresource::Resize) {
        crate::api::default::apply(&mut object);
    }
    keep_system_fields(old, &mut object);
    if let (Object::Pod(pod), Object::Pod(old)) = (&mut object, old)
        && subresource != Subresource::Status
    {
        disabled::drop_fields(Rc::make_mut(pod), Some(old));
    }
    let spec_changed = merge(old, &mut object, subresource)?;
    if spec_changed && (old.kind() == Kind::Pod || (old.kind().is_other() && registry::counts_generations(old.kind())))
    {
        let generation = old.meta().generation.unwrap_or(0) + 1;
        object.meta_mut().generation = Some(generation);
    }
    let meta_changed = object.meta() != old.meta();
    if spec_changed || meta_changed || subresource == Subresource::None {
        checks::update(&object, old, subresource)?;
    }
    Ok((object, spec_changed))
}

/// Adds a condition, or replaces the one of its type; the time of the last transition is kept while
/// the status stays the same.
pub fn set_condition(conditions: &mut Vec<PodCondition>, mut condition: PodCondition) {
    match conditions.iter_mut().find(|c| c.type_ == condition.type_) {
        Some(old) => {
            if old.status == condition.status {
                condition.last_transition_time = old.last_transition_time.clone();
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
}

fn decode(kind: Kind, body: Body, validation: FieldValidation) -> Result<(Object, Vec<String>)> {
    match body {
        Body::Json(value) => crate::api::decode::decode(kind, value, validation),
        Body::Object(object) if object.kind() == kind => Ok((object, Vec::new())),
        Body::Object(object) => Err(Error::bad_request(format!("a {} was sent as a {kind}", object.kind()))),
    }
}

/// The older version that an object was written in.
fn older_version(object: &Object) -> Option<&'static str> {
    match object {
        Object::Other(other) => other.older,
        _ => None,
    }
}

/// The object in the version in which it was sent.
fn in_version(mut object: Object, older: Option<&'static str>) -> Object {
    if let (Some(_), Object::Other(other)) = (older, &mut object) {
        hpa::downgrade(Rc::make_mut(other));
    }
    object
}

/// Puts the object into the request's namespace, or refuses if it names another one.
fn place(kind: Kind, namespace: &str, object: &mut Object) -> Result<()> {
    if !kind.namespaced() {
        if !object.namespace().is_empty() {
            object.meta_mut().namespace = None;
        }
        return Ok(());
    }
    match object.namespace() {
        "" if namespace.is_empty() => Err(Error::bad_request("an empty namespace may not be set during creation")),
        "" => {
            object.meta_mut().namespace = Some(namespace.into());
            Ok(())
        }
        own if own == namespace => Ok(()),
        _ => Err(Error::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        )),
    }
}

/// What a writer can't change is taken from the stored object where it left it out.
fn keep_system_fields(old: &Object, object: &mut Object) {
    let (was, is) = (old.meta(), object.meta_mut());
    is.uid.clone_from(&was.uid);
    is.generation = was.generation;
    is.resource_version.clone_from(&was.resource_version);
    is.deletion_timestamp.clone_from(&was.deletion_timestamp);
    is.deletion_grace_period_seconds = was.deletion_grace_period_seconds;
    is.generate_name.clone_from(&was.generate_name);
    is.managed_fields.clone_from(&was.managed_fields);
    if is.creation_timestamp.is_none() {
        is.creation_timestamp.clone_from(&was.creation_timestamp);
    }
    is.self_link = None;
}

/// Takes from `object` only what `subresource` may write; the rest becomes that of `old`. Returns
/// whether the spec differs.
fn merge(old: &Object, object: &mut Object, subresource: Subresource) -> Result<bool> {
    match (old, object) {
        (Object::Pod(old), Object::Pod(pod)) => {
            let pod = Rc::make_mut(pod);
            match subresource {
                Subresource::None => pod.status.clone_from(&old.status),
                Subresource::Status => {
                    pod.spec.clone_from(&old.spec);
                    pod.metadata.owner_references.clone_from(&old.metadata.owner_references);
                    let qos = old.status.as_ref().and_then(|status| status.qos_class.as_ref());
                    let status = pod.status.get_or_insert_default();
                    // Mostly it is so already, and the writer still has the status.
                    if status.qos_class.as_ref() != qos {
                        status.qos_class = qos.cloned();
                    }
                    return Ok(false);
                }
                Subresource::Resize => merge_spec(old, pod, |spec, given| {
                    let given_init = given.init_containers.iter().flatten();
                    let init = spec.init_containers.iter_mut().flatten().zip(given_init);
                    for (container, given) in init.chain(spec.containers.iter_mut().zip(&given.containers)) {
                        container.resources.clone_from(&given.resources);
                        container.resize_policy.clone_from(&given.resize_policy);
                    }
                    spec.resources.clone_from(&given.resources);
                }),
                Subresource::EphemeralContainers => merge_spec(old, pod, |spec, given| {
                    spec.ephemeral_containers.clone_from(&given.ephemeral_containers);
                }),
                Subresource::Finalize => return Err(no_such_resource()),
            }
            Ok(pod.spec != old.spec)
        }
        (Object::Node(old), Object::Node(node)) => {
            let node = Rc::make_mut(node);
            match subresource {
                Subresource::None => node.status.clone_from(&old.status),
                Subresource::Status => node.spec.clone_from(&old.spec),
                _ => return Err(no_such_resource()),
            }
            Ok(node.spec != old.spec)
        }
        (Object::Namespace(old), Object::Namespace(namespace)) => {
            let namespace = Rc::make_mut(namespace);
            match subresource {
                Subresource::None => {
                    namespace.spec.clone_from(&old.spec);
                    namespace.status.clone_from(&old.status);
                }
                Subresource::Status => namespace.spec.clone_from(&old.spec),
                Subresource::Finalize => namespace.status.clone_from(&old.status),
                _ => return Err(no_such_resource()),
            }
            Ok(namespace.spec != old.spec)
        }
        (Object::Service(old), Object::Service(service)) => {
            let service = Rc::make_mut(service);
            match subresource {
                Subresource::None => {
                    service.status.clone_from(&old.status);
                    if let (Some(was), Some(is)) = (&old.spec, &mut service.spec)
                        && is.cluster_ip.as_deref().unwrap_or_default().is_empty()
                    {
                        is.cluster_ip.clone_from(&was.cluster_ip);
                        is.cluster_ips.clone_from(&was.cluster_ips);
                    }
                }
                Subresource::Status => service.spec.clone_from(&old.spec),
                _ => return Err(no_such_resource()),
            }
            Ok(service.spec != old.spec)
        }
        (Object::Other(old), Object::Other(other)) => {
            let other = Rc::make_mut(other);
            match subresource {
                Subresource::None => Ok(registry::prepare_update(old, other)),
                Subresource::Status if registry::prepare_status(old, other) => Ok(false),
                _ => Err(no_such_resource()),
            }
        }
        _ if subresource == Subresource::None => Ok(true),
        _ => Err(no_such_resource()),
    }
}

/// The old spec with what `take` lets through of the given one; status and metadata stay.
fn merge_spec(old: &Pod, pod: &mut Pod, take: impl FnOnce(&mut PodSpec, PodSpec)) {
    let given = pod.spec.take().unwrap_or_default().into_inner();
    *pod = old.clone();
    take(pod.spec.get_or_insert_default(), given);
}

fn no_such_resource() -> Error {
    Error::new(Reason::NotFound, "the server could not find the requested resource")
}

fn same(old: &Object, new: &Object) -> bool {
    match (old, new) {
        (Object::ConfigMap(a), Object::ConfigMap(b)) => a == b,
        (Object::Event(a), Object::Event(b)) => a == b,
        (Object::Namespace(a), Object::Namespace(b)) => a == b,
        (Object::Node(a), Object::Node(b)) => a == b,
        // What changes most often is compared first.
        (Object::Pod(a), Object::Pod(b)) => a.status == b.status && a == b,
        (Object::Secret(a), Object::Secret(b)) => a == b,
        (Object::ServiceAccount(a), Object::ServiceAccount(b)) => a == b,
        (Object::Service(a), Object::Service(b)) => a == b,
        (Object::Lease(a), Object::Lease(b)) => a == b,
        (Object::PriorityClass(a), Object::PriorityClass(b)) => a == b,
        (Object::Other(a), Object::Other(b)) => a == b,
        _ => false,
    }
}
