//! The cells of `kubectl get` (a, a2).

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use podarium::{
    api::{Kind, Object},
    apiserver::table::{columns, row},
};
use serde_json::Value;

use super::{Case, Failure, Outcome, Table, each, same, validation::lowered};

pub fn run(table: &Table) -> Vec<Outcome> {
    each(table, rows)
}

/// The kinds by the name under which a case holds an object of theirs.
const KINDS: &[(&str, Kind)] = &[
    ("pod", Kind::Pod),
    ("node", Kind::Node),
    ("event", Kind::Event),
    ("namespace", Kind::Namespace),
    ("service", Kind::Service),
    ("configMap", Kind::ConfigMap),
    ("secret", Kind::Secret),
    ("serviceAccount", Kind::ServiceAccount),
    ("pc", Kind::PriorityClass),
    ("replicaSet", Kind::ReplicaSet),
    ("deployment", Kind::Deployment),
    ("daemonSet", Kind::DaemonSet),
    ("ds", Kind::DaemonSet),
    ("statefulSet", Kind::StatefulSet),
    ("rc", Kind::ReplicationController),
    ("job", Kind::Job),
    ("cronjob", Kind::CronJob),
    ("cronJob", Kind::CronJob),
    ("hpa", Kind::HorizontalPodAutoscaler),
    ("pvc", Kind::PersistentVolumeClaim),
    ("pv", Kind::PersistentVolume),
    ("sc", Kind::StorageClass),
    ("resourceQuota", Kind::ResourceQuota),
    ("endpoint", Kind::Endpoints),
    ("endpointSlice", Kind::EndpointSlice),
    ("pdb", Kind::PodDisruptionBudget),
    ("ingress", Kind::Ingress),
    ("ingressClass", Kind::IngressClass),
    ("networkPolicy", Kind::NetworkPolicy),
    ("policy", Kind::NetworkPolicy),
    ("role", Kind::Role),
    ("clusterRole", Kind::ClusterRole),
    ("roleBinding", Kind::RoleBinding),
    ("clusterRoleBinding", Kind::ClusterRoleBinding),
    ("podTemplate", Kind::PodTemplate),
    ("lease", Kind::Lease),
];

fn rows(case: Case) -> Outcome {
    if let Some(items) = case.input["pods"]["items"].as_array() {
        return items.iter().enumerate().try_for_each(|(at, pod)| one(case, Kind::Pod, pod, at));
    }
    let Some((key, kind)) = KINDS.iter().find(|(key, _)| case.input[key].is_object()) else {
        return Err(Failure::not_run("a kind that isn't kept"));
    };
    // Some kinds are written with Go's names.
    let value = &case.input[key];
    if value["ObjectMeta"].is_object() {
        let mut value = plain(lowered(value));
        value["metadata"] = value["objectMeta"].take();
        return one(case, *kind, &value, 0);
    }
    one(case, *kind, value, 0)
}

/// Go's struct of a number or text, as JSON has it.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(map) if map.contains_key("intVal") && map.contains_key("strVal") => {
            map[if map["type"] == 0 { "intVal" } else { "strVal" }].clone()
        }
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        Value::Array(items) => items.into_iter().map(plain).collect(),
        other => other,
    }
}

fn one(case: Case, kind: Kind, value: &Value, at: usize) -> Outcome {
    let object = Object::from_value(kind, value.clone()).map_err(|error| Failure::not_run(error.to_string()))?;
    // The tables' times are cut to seconds; an object from the future was made within the second that was lost.
    let mut now: Timestamp = case.all["now"].as_str().unwrap_or_default().parse().unwrap_or_default();
    if object.meta().creation_timestamp.as_ref().is_some_and(|created| created.0 > now) {
        now += Duration::from_secs(1);
    }
    let cells = row(&object, now);
    let text = |cell: &Value| cell.as_str().map_or_else(|| cell.to_string(), str::to_string);
    let expected = case.expected["rows"][at]["cells"].as_array().into_iter().flatten();
    let expected: Vec<String> = expected.map(text).collect();
    let narrow = cells.iter().zip(columns(kind)).filter(|(_, column)| !column.wide);
    let mut narrow: Vec<String> = narrow.map(|(cell, _)| cell.clone()).collect();
    // The printer leaves out a cell of the narrow table unless all are asked for, as the apiserver always does.
    if kind == Kind::PriorityClass && case.input["options"]["Wide"] == false {
        narrow.pop();
    }
    // The server asks for wide cells always; of classes the last column, which kubectl shows always, is one.
    let fewer = kind == Kind::PriorityClass && case.input["options"]["Wide"] != true;
    let cells = if fewer { cells[..expected.len().min(cells.len())].to_vec() } else { cells };
    same(if expected.len() == narrow.len() { narrow } else { cells }, expected)
}
