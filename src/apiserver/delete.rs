//! delete.

use std::{rc::Rc, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::{ApiServer, bootstrap, whole_seconds};
use crate::api::{
    Error, Kind, Object, Pod, Result,
    client::{DeleteOptions, Deleted},
    error::Cause,
    object::{FINALIZER_FOREGROUND, FINALIZER_ORPHAN},
};

impl ApiServer {
    pub(super) fn delete_object(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted> {
        let object = self.find(kind, namespace, name)?;
        if kind == Kind::Namespace && bootstrap::immortal(name) {
            return Err(Error::forbidden(kind, name, "this namespace may not be deleted"));
        }
        check_options(options)?;
        check_preconditions(&object, options)?;
        match &object {
            Object::Pod(pod) => self.delete_pod(pod, options),
            Object::Namespace(_) => self.delete_namespace(object, options),
            _ => self.delete_now(object, options),
        }
    }

    /// Sets the deletion time, or brings it forward; removes the pod if no time is left.
    fn delete_pod(&self, old: &Rc<Pod>, options: &DeleteOptions) -> Result<Deleted> {
        let grace = grace_period(old, options.grace_period_seconds);
        let now = self.sim.wall();
        let mut pod = Pod::clone(old);
        let meta = &mut pod.metadata;
        let changed = match (&meta.deletion_timestamp, meta.deletion_grace_period_seconds) {
            (Some(at), Some(left)) => match options.grace_period_seconds.map(|_| grace) {
                // Only a shorter time counts, measured from the first deletion.
                Some(grace) if grace < left => {
                    let span = Duration::from_secs(u64::try_from(left - grace).unwrap_or(0));
                    let moved = at.0.saturating_sub(span).unwrap_or(at.0);
                    // What is over already ends now; gracefully still, if that was asked for.
                    let over = moved < now;
                    meta.deletion_timestamp = Some(if over { whole_seconds(now) } else { Time(moved) });
                    meta.deletion_grace_period_seconds = Some(if over { grace.min(1) } else { grace });
                    true
                }
                _ => false,
            },
            _ => {
                let span = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
                meta.deletion_timestamp = Some(whole_seconds(now.saturating_add(span).unwrap_or(now)));
                meta.deletion_grace_period_seconds = Some(grace);
                // A pod about to go behaves differently, so its generation moves.
                meta.generation = meta.generation.map(|generation| generation + 1);
                true
            }
        };
        let changed = propagate(meta, options) || changed;
        let left = meta.deletion_grace_period_seconds.unwrap_or(0);
        let held = meta.finalizers.as_ref().is_some_and(|f| !f.is_empty());
        let gone = left == 0 && !held;
        if options.dry_run {
            return Ok(Deleted { object: pod.into(), gone });
        }
        let object = if changed { self.put(pod.into()) } else { Object::Pod(old.clone()) };
        self.finish(object, gone)
    }

    fn delete_namespace(&self, object: Object, options: &DeleteOptions) -> Result<Deleted> {
        let Object::Namespace(old) = &object else { return Err(Error::internal("not a namespace")) };
        let held = old.spec.as_ref().and_then(|s| s.finalizers.as_ref()).is_some_and(|f| !f.is_empty())
            || old.metadata.finalizers.as_ref().is_some_and(|f| !f.is_empty());
        if old.metadata.deletion_timestamp.is_some() {
            if !held {
                return self.finish(object, true);
            }
            // A namespace on its way out is told so; the answer is not the object.
            let why = "The system is ensuring all content is removed from this namespace.  Upon completion, this \
                       namespace will automatically be purged by the system.";
            return Err(Error::conflict(Kind::Namespace, object.name(), why));
        }
        let mut namespace = old.clone();
        let changed = Rc::make_mut(&mut namespace);
        changed.metadata.deletion_timestamp = Some(self.now());
        changed.status.get_or_insert_default().phase = Some("Terminating".into());
        if options.dry_run {
            return Ok(Deleted { object: Object::Namespace(namespace), gone: false });
        }
        let object = self.put(Object::Namespace(namespace));
        self.finish(object, !held)
    }

    fn delete_now(&self, mut object: Object, options: &DeleteOptions) -> Result<Deleted> {
        let meta = object.meta_mut();
        let mut changed = propagate(meta, options);
        let held = meta.finalizers.as_ref().is_some_and(|f| !f.is_empty());
        if held && meta.deletion_timestamp.is_none() {
            meta.deletion_timestamp = Some(self.now());
            meta.deletion_grace_period_seconds = Some(0);
            meta.generation = meta.generation.map(|generation| generation + 1);
            changed = true;
        }
        if options.dry_run {
            return Ok(Deleted { object, gone: !held });
        }
        if held && changed {
            object = self.put(object);
        }
        self.finish(object, !held)
    }

    fn finish(&self, object: Object, gone: bool) -> Result<Deleted> {
        if !gone {
            return Ok(Deleted { object, gone });
        }
        let removed = self.store.borrow_mut().remove(object.kind(), object.namespace(), object.name());
        Ok(Deleted { object: removed.unwrap_or(object), gone })
    }
}

/// Seconds that the pod has to end: the request's, or the pod's own; none if it never started
/// anywhere or has ended.
fn grace_period(pod: &Pod, asked: Option<i64>) -> i64 {
    let spec = pod.spec.as_ref();
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    if spec.and_then(|s| s.node_name.as_deref()).unwrap_or_default().is_empty() {
        return 0;
    }
    if matches!(phase, "Succeeded" | "Failed") {
        return 0;
    }
    let own = spec.and_then(|s| s.termination_grace_period_seconds).unwrap_or(30);
    let grace = asked.unwrap_or(own);
    // Negative values count as 1.
    if grace < 0 { 1 } else { grace }
}

/// Sets the finalizers with which the garbage collector holds an object until its dependents are seen
/// to: as the request says, else as the object has them. Whether that changes it.
/// Source: `deletionFinalizersForGarbageCollection`.
fn propagate(meta: &mut ObjectMeta, options: &DeleteOptions) -> bool {
    let wanted = match options.propagation_policy.as_deref() {
        Some("Orphan") => Some(FINALIZER_ORPHAN),
        Some("Foreground") => Some(FINALIZER_FOREGROUND),
        Some(_) => None,
        None => return false,
    };
    let old = meta.finalizers.as_deref().unwrap_or_default();
    let kept = old.iter().map(String::as_str).filter(|f| ![FINALIZER_ORPHAN, FINALIZER_FOREGROUND].contains(f));
    let new: Vec<String> = kept.chain(wanted).map(String::from).collect();
    if new == old {
        return false;
    }
    meta.finalizers = Some(new).filter(|new| !new.is_empty());
    true
}

/// `ValidateDeleteOptions`.
fn check_options(options: &DeleteOptions) -> Result<()> {
    if let Some(policy) = options.propagation_policy.as_deref()
        && !matches!(policy, "Background" | "Foreground" | "Orphan")
    {
        let cause = Cause {
            reason: "FieldValueNotSupported".into(),
            message: format!(
                "Unsupported value: \"{policy}\": supported values: \"Background\", \"Foreground\", \"Orphan\", \"nil\""
            ),
            field: "propagationPolicy".into(),
        };
        let message = format!("DeleteOptions.meta.k8s.io \"\" is invalid: {}: {}", cause.field, cause.message);
        let mut error = Error::new(crate::api::error::Reason::Invalid, message);
        error.causes.push(cause);
        return Err(error);
    }
    Ok(())
}

pub(super) fn check_preconditions(object: &Object, options: &DeleteOptions) -> Result<()> {
    let (kind, name) = (object.kind(), object.name());
    if let Some(uid) = options.precondition_uid.as_deref()
        && uid != object.uid()
    {
        let found = object.uid();
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {found}");
        return Err(Error::conflict(kind, name, why));
    }
    if let Some(version) = options.precondition_resource_version.as_deref()
        && version.parse() != Ok(object.resource_version())
    {
        let found = object.resource_version();
        let why = format!(
            "Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion in object meta: {found}"
        );
        return Err(Error::conflict(kind, name, why));
    }
    Ok(())
}
