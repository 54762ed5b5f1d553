//! What the apiserver itself sets on new and changed objects of the kinds kept as values
//! (`pkg/registry/GROUP/KIND/strategy.go`, and the admission of storage).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Map, Value, json};

use super::{Other, entry};
use crate::api::{
    disabled,
    object::Kind,
    volumes::{CLAIM_PROTECTION, VOLUME_PROTECTION},
};

const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Whether `metadata.generation` counts the changes of what is wanted.
pub fn counts_generations(kind: Kind) -> bool {
    match kind {
        Kind::Pod | Kind::PriorityClass => true,
        Kind::Endpoints
        | Kind::LimitRange
        | Kind::PersistentVolume
        | Kind::PersistentVolumeClaim
        | Kind::ResourceQuota
        | Kind::HorizontalPodAutoscaler
        | Kind::RuntimeClass
        | Kind::ClusterRole
        | Kind::ClusterRoleBinding
        | Kind::Role
        | Kind::RoleBinding
        | Kind::StorageClass => false,
        other => other.is_other(),
    }
}

/// A new object, named and with its uid. `default_class` is the cluster's default StorageClass.
pub fn prepare_create(object: &mut Other, now: &Time, default_class: Option<String>) {
    object.content.remove("status");
    if let Some(path) = object.template_path().map(|path| format!("{path}/spec"))
        && let Some((first, rest)) = path.split_once('/')
        && let Some(spec) = object.content.get_mut(first).and_then(|value| value.pointer_mut(&format!("/{rest}")))
    {
        disabled::drop_template_fields(spec);
    }
    let finalizers = object.metadata.finalizers.get_or_insert_default();
    let mut protect = |name: &str| {
        if !finalizers.iter().any(|finalizer| finalizer == name) {
            finalizers.push(name.into());
        }
    };
    match object.kind {
        Kind::Job => select_own_pods(object),
        Kind::DaemonSet => {
            let annotations = object.metadata.annotations.get_or_insert_default();
            annotations.insert(TEMPLATE_GENERATION.into(), "1".into());
        }
        Kind::PersistentVolumeClaim => {
            protect(CLAIM_PROTECTION);
            let spec = entry(&mut object.content, "spec");
            normalize_sources(spec);
            if let (None, Some(class)) = (spec.get("storageClassName"), default_class) {
                spec.insert("storageClassName".into(), class.into());
            }
            object.content.insert("status".into(), json!({"phase": "Pending"}));
        }
        Kind::PersistentVolume => {
            protect(VOLUME_PROTECTION);
            object.content.insert("status".into(), json!({"phase": "Pending", "lastPhaseTransitionTime": now}));
        }
        _ => {}
    }
    if object.metadata.finalizers.as_ref().is_some_and(Vec::is_empty) {
        object.metadata.finalizers = None;
    }
}

/// The old and the new way to say what a claim's volume is filled from, made the same.
fn normalize_sources(spec: &mut Map<String, Value>) {
    let text =
        |value: Option<&Value>, key: &str| value.and_then(|value| value[key].as_str()).unwrap_or_default().to_string();
    if !text(spec.get("dataSourceRef"), "namespace").is_empty() {
        spec.remove("dataSourceRef");
    }
    let old = spec.get("dataSource");
    let known = matches!(
        (text(old, "kind").as_str(), text(old, "apiGroup").as_str()),
        ("PersistentVolumeClaim", "") | ("VolumeSnapshot", "snapshot.storage.k8s.io")
    );
    if !spec.contains_key("dataSourceRef") && !known {
        spec.remove("dataSource");
    }
    for (from, to) in [("dataSource", "dataSourceRef"), ("dataSourceRef", "dataSource")] {
        if let Some(source) = spec.get(from).filter(|_| !spec.contains_key(to)).cloned() {
            spec.insert(to.into(), source);
        }
    }
}

/// A Job's pods have labels that no other's have, unless it says that it chooses for itself.
fn select_own_pods(object: &mut Other) {
    let spec = entry(&mut object.content, "spec");
    if spec.get("manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let name = object.metadata.name.clone().unwrap_or_default();
    let uid = object.metadata.uid.clone().unwrap_or_default();
    let labels = entry(entry(entry(spec, "template"), "metadata"), "labels");
    let pairs = [
        ("job-name", &name),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("batch.kubernetes.io/controller-uid", &uid),
    ];
    for (key, value) in pairs {
        labels.entry(key).or_insert_with(|| value.as_str().into());
    }
    let chosen = entry(entry(spec, "selector"), "matchLabels");
    chosen.entry("batch.kubernetes.io/controller-uid").or_insert_with(|| uid.into());
}

/// Gives a changed object the fields that are the server's; tells whether what is wanted differs.
pub fn prepare_update(old: &Other, object: &mut Other) -> bool {
    keep(&old.content, &mut object.content, "status");
    if object.kind == Kind::DaemonSet {
        let was = old.metadata.annotations.as_ref().and_then(|all| all.get(TEMPLATE_GENERATION));
        let was: i64 = was.and_then(|text| text.parse().ok()).unwrap_or(1);
        let is = was + i64::from(old.at("spec/template") != object.at("spec/template"));
        object.metadata.annotations.get_or_insert_default().insert(TEMPLATE_GENERATION.into(), is.to_string());
    }
    !old.desired().eq(object.desired())
}

/// A write to the status alone; false if the kind has none.
pub fn prepare_status(old: &Other, object: &mut Other) -> bool {
    let status = object.content.remove("status");
    object.content = old.content.clone();
    let known = crate::api::schema::of_kind(object.kind).is_some_and(|of| of.field("status").is_some());
    if let Some(status) = status {
        object.content.insert("status".into(), status);
    }
    known
}

fn keep(old: &Map<String, Value>, new: &mut Map<String, Value>, key: &str) {
    match old.get(key) {
        Some(value) => drop(new.insert(key.into(), value.clone())),
        None => drop(new.remove(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(kind: Kind, value: Value) -> Other {
        Other::read(kind, value).expect("an object")
    }

    #[test]
    fn what_is_wanted_counts_as_a_change_the_status_does_not() {
        let old = other(Kind::Deployment, json!({"spec": {"replicas": 1}, "status": {"replicas": 1}}));
        let mut same = other(Kind::Deployment, json!({"spec": {"replicas": 1}, "status": {"replicas": 9}}));
        assert!(!prepare_update(&old, &mut same));
        assert_eq!(same, old);
        let mut more = other(Kind::Deployment, json!({"spec": {"replicas": 2}}));
        assert!(prepare_update(&old, &mut more));
        assert_eq!(more.at("status/replicas"), &json!(1));
    }

    #[test]
    fn a_status_is_written_alone_and_only_where_there_is_one() {
        let old = other(Kind::Job, json!({"spec": {"parallelism": 1}}));
        let mut new = other(Kind::Job, json!({"spec": {"parallelism": 5}, "status": {"active": 1}}));
        assert!(prepare_status(&old, &mut new));
        assert_eq!(Value::Object(new.content), json!({"spec": {"parallelism": 1}, "status": {"active": 1}}));
        let role = other(Kind::Role, json!({"rules": []}));
        assert!(!prepare_status(&role, &mut role.clone()));
    }

    #[test]
    fn claims_are_protected() {
        let mut claim = other(Kind::PersistentVolumeClaim, json!({"spec": {}}));
        prepare_create(&mut claim, &Time(Default::default()), Some("fast".into()));
        assert_eq!(claim.metadata.finalizers, Some(vec![CLAIM_PROTECTION.to_string()]));
        assert_eq!((claim.text("spec/storageClassName"), claim.text("status/phase")), ("fast", "Pending"));
    }
}
