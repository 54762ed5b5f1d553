//! The verbs on a whole server, and the watch property.

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::{api::core::v1::Node, jiff::Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::{
    api::{
        Pod, Resource,
        client::{self, FieldValidation, WatchEvent},
        error::Reason,
    },
    sim::{Reached, Rng},
};

struct Cluster {
    sim: Sim,
    server: Rc<ApiServer>,
}

impl Cluster {
    fn new() -> Cluster {
        let sim = Sim::new(1, "2026-11-23T08:00:00.25Z".parse::<Timestamp>().unwrap());
        Cluster { server: ApiServer::new(&sim), sim }
    }

    /// Runs a request to its end.
    fn run<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> T {
        let (_, result) = self.sim.spawn_join(future);
        let out = Rc::new(RefCell::new(None));
        let into = out.clone();
        self.sim.spawn(async move { *into.borrow_mut() = result.await });
        while out.borrow().is_none() {
            assert!(self.sim.step(1_000_000), "a request never ended");
        }
        out.take().unwrap()
    }

    fn pass(&self, seconds: u64) {
        let until = self.sim.now() + Duration::from_secs(seconds);
        assert_eq!(self.sim.run_until(until, u64::MAX), Reached::Time);
    }

    fn create(&self, value: Value) -> Result<Object> {
        let kind = Kind::from_api_version_kind(value["apiVersion"].as_str().unwrap(), value["kind"].as_str().unwrap());
        let namespace = value["metadata"]["namespace"].as_str().unwrap_or("default").to_string();
        let kind = kind.unwrap();
        let namespace = if kind.namespaced() { namespace } else { String::new() };
        self.create_in(kind, &namespace, value)
    }

    fn create_in(&self, kind: Kind, namespace: &str, value: Value) -> Result<Object> {
        let (server, namespace) = (self.server.clone(), namespace.to_string());
        self.run(async move {
            let written = server.create(kind, &namespace, Body::Json(value), WriteOptions::default()).await;
            written.map(|written| written.object)
        })
    }

    fn pod(&self, name: &str) -> Rc<Pod> {
        self.create(pod(name)).unwrap().as_::<Pod>().unwrap().clone()
    }

    fn update(&self, object: Object, subresource: Subresource) -> Result<Object> {
        let server = self.server.clone();
        self.run(async move {
            let (kind, namespace, name) = (object.kind(), object.namespace().to_string(), object.name().to_string());
            let body = Body::Object(object);
            let written = server.update(kind, &namespace, &name, subresource, body, WriteOptions::default()).await;
            written.map(|written| written.object)
        })
    }

    fn patch(&self, kind: Kind, name: &str, subresource: Subresource, patch: Patch) -> Result<Object> {
        let (server, name) = (self.server.clone(), name.to_string());
        let namespace = if kind.namespaced() { "default" } else { "" };
        self.run(async move {
            let written = server.patch(kind, namespace, &name, subresource, patch, WriteOptions::default()).await;
            written.map(|written| written.object)
        })
    }

    fn delete(&self, kind: Kind, name: &str, options: DeleteOptions) -> Result<Deleted> {
        let (server, name) = (self.server.clone(), name.to_string());
        let namespace = if kind.namespaced() { "default" } else { "" };
        self.run(async move { server.delete(kind, namespace, &name, options).await })
    }

    fn bind(&self, name: &str, node: &str) -> Result<()> {
        let (server, name, node) = (self.server.clone(), name.to_string(), node.to_string());
        self.run(async move { server.bind("default", &name, "", &node).await })
    }

    fn get(&self, name: &str) -> Result<Rc<Pod>> {
        let (server, name) = (self.server.clone(), name.to_string());
        self.run(async move { client::get(&*server, "default", &name).await })
    }

    fn watch(&self, kind: Kind, options: ListOptions) -> Watch {
        let server = self.server.clone();
        self.run(async move { server.watch(kind, "", options).await }).unwrap()
    }

    fn list(&self, kind: Kind, options: ListOptions) -> Result<Vec<Object>> {
        let server = self.server.clone();
        self.run(async move { server.list(kind, "", options).await.map(|list| list.items) })
    }
}

fn pod(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "app", "image": "nginx:1.27"}]}})
}

fn node(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "status": {"addresses": [{"type": "InternalIP", "address": "172.18.0.3"}]}})
}

/// `ADDED web`, `DELETED web`, … of all that a watch has to say now.
fn heard(watch: &mut Watch) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(event) = watch.try_recv() {
        lines.push(match &event {
            WatchEvent::Added(o) => format!("ADDED {}", o.name()),
            WatchEvent::Modified(o) => format!("MODIFIED {}", o.name()),
            WatchEvent::Deleted(o) => format!("DELETED {}", o.name()),
            WatchEvent::Error(e) => format!("ERROR {:?} {e}", e.reason),
        });
    }
    lines
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, reason: Reason, message: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.reason, error.message.as_str()), (reason, message));
}

fn fields(selector: &str) -> ListOptions {
    ListOptions { field_selector: selector.into(), ..ListOptions::default() }
}

#[test]
fn a_new_pod_is_completed_by_admission() {
    let cluster = Cluster::new();
    let pod = cluster.pod("web");
    let meta = &pod.metadata;
    assert_eq!(meta.namespace.as_deref(), Some("default"));
    assert_eq!(meta.generation, Some(1));
    assert_eq!(meta.creation_timestamp.as_ref().unwrap().0.to_string(), "2026-11-23T08:00:00Z");
    assert_eq!(meta.uid.as_ref().unwrap().len(), 36);
    let spec = pod.spec.as_ref().unwrap();
    let volume = spec.volumes.as_ref().unwrap()[0].name.clone();
    assert!(volume.starts_with("kube-api-access-") && volume.len() == "kube-api-access-".len() + 5, "{volume}");
    assert_eq!(spec.containers[0].volume_mounts.as_ref().unwrap()[0].name, volume);
    assert_eq!(spec.service_account_name.as_deref(), Some("default"));
    assert_eq!((spec.priority, spec.preemption_policy.as_deref()), (Some(0), Some("PreemptLowerPriority")));
    let tolerations = serde_json::to_value(&spec.tolerations).unwrap();
    let toleration =
        |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    let both = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].map(toleration);
    assert_eq!(tolerations, json!(both));
    assert_eq!(serde_json::to_value(&pod.status).unwrap(), json!({"phase": "Pending", "qosClass": "BestEffort"}));
}

#[test]
fn a_gated_pod_says_so() {
    let cluster = Cluster::new();
    let mut gated = pod("web");
    gated["spec"]["schedulingGates"] = json!([{"name": "example.com/wait"}]);
    let gated = cluster.create(gated).unwrap();
    assert_eq!(
        gated.to_value()["status"]["conditions"],
        json!([{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates", "lastProbeTime": null,
            "lastTransitionTime": "2026-11-23T08:00:00Z"}])
    );
    refused(
        cluster.bind("web", "n1"),
        Reason::Conflict,
        "Operation cannot be fulfilled on pods/binding \"web\": pod web has non-empty .spec.schedulingGates",
    );
}

#[test]
fn refusals() {
    let cluster = Cluster::new();
    cluster.pod("web");
    refused(cluster.create(pod("web")), Reason::AlreadyExists, "pods \"web\" already exists");
    refused(cluster.get("nope"), Reason::NotFound, "pods \"nope\" not found");
    let elsewhere = |namespace: &str| {
        let mut value = pod("a");
        value["metadata"]["namespace"] = namespace.into();
        value
    };
    refused(cluster.create(elsewhere("missing")), Reason::NotFound, "namespaces \"missing\" not found");
    refused(
        cluster.create_in(Kind::Pod, "default", elsewhere("other")),
        Reason::BadRequest,
        "the namespace of the provided object does not match the namespace sent on the request",
    );
    let with = |key: &str, value: Value| {
        let mut pod = pod("b");
        pod["spec"][key] = value;
        pod
    };
    refused(
        cluster.create(with("serviceAccountName", json!("x"))),
        Reason::Forbidden,
        "pods \"b\" is forbidden: error looking up service account default/x: serviceaccount \"x\" not found",
    );
    refused(
        cluster.create(with("priorityClassName", json!("x"))),
        Reason::Forbidden,
        "pods \"b\" is forbidden: no PriorityClass with name x was found",
    );
    refused(
        cluster.create(with("priority", json!(5))),
        Reason::Forbidden,
        "pods \"b\" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority \
         admission controller computed 0 from the given PriorityClass name",
    );
    refused(
        cluster.delete(Kind::Namespace, "default", DeleteOptions::default()),
        Reason::Forbidden,
        "namespaces \"default\" is forbidden: this namespace may not be deleted",
    );
    refused(cluster.list(Kind::Pod, fields("foo=bar")), Reason::BadRequest, "field label not supported: foo");
    refused(
        cluster.patch(Kind::ConfigMap, "kube-root-ca.crt", Subresource::Status, Patch::Merge(json!({"data": {}}))),
        Reason::NotFound,
        "the server could not find the requested resource",
    );
}

#[test]
fn a_terminating_namespace_takes_nothing_new() {
    let cluster = Cluster::new();
    cluster.create(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab"}})).unwrap();
    let deleted = cluster.delete(Kind::Namespace, "lab", DeleteOptions::default()).unwrap();
    assert!(!deleted.gone);
    assert_eq!(deleted.object.to_value()["status"]["phase"], "Terminating");
    let mut pod = pod("web");
    pod["metadata"]["namespace"] = "lab".into();
    let error = cluster.create(pod).unwrap_err();
    assert_eq!(
        error.message,
        "pods \"web\" is forbidden: unable to create new content in namespace lab because it is being terminated"
    );
    assert_eq!(error.causes[0].message, "namespace lab is being terminated");
}

#[test]
fn generated_names() {
    let cluster = Cluster::new();
    let mut value = pod("");
    value["metadata"] = json!({"generateName": "web-"});
    let name = cluster.create(value).unwrap().name().to_string();
    let suffix = name.strip_prefix("web-").unwrap();
    assert!(suffix.len() == 5 && suffix.bytes().all(|b| NAME_ALPHABET.contains(&b)), "{name}");
}

#[test]
fn versions_and_generations() {
    let cluster = Cluster::new();
    let old = cluster.pod("web");
    let mut changed = Pod::clone(&old);
    changed.metadata.labels = Some([("a".to_string(), "b".to_string())].into());
    let labelled = cluster.update(changed.into(), Subresource::None).unwrap();
    assert_eq!(labelled.meta().generation, Some(1), "labels aren't the spec");

    refused(
        cluster.update(Object::Pod(old.clone()), Subresource::None),
        Reason::Conflict,
        "Operation cannot be fulfilled on pods \"web\": the object has been modified; please apply your changes to the \
         latest version and try again",
    );
    let containers = json!([{"name": "app", "image": "nginx:1.28"}]);
    let image = Patch::Strategic(json!({"spec": {"containers": containers}}));
    let image = cluster.patch(Kind::Pod, "web", Subresource::None, image).unwrap();
    assert_eq!(image.meta().generation, Some(2));

    let version = cluster.server.resource_version();
    let same = cluster.update(image.clone(), Subresource::None).unwrap();
    assert_eq!(same.resource_version(), image.resource_version());
    assert_eq!(cluster.server.resource_version(), version, "writing the same changes nothing");

    let mut other = Pod::clone(&old);
    other.metadata.uid = Some("b1d53852-1111-45b2-8cbb-33791c8fd233".into());
    other.metadata.resource_version = None;
    refused(
        cluster.update(other.into(), Subresource::None),
        Reason::Conflict,
        &format!(
            "Operation cannot be fulfilled on pods \"web\": Precondition failed: UID in precondition: \
             b1d53852-1111-45b2-8cbb-33791c8fd233, UID in object meta: {}",
            old.uid()
        ),
    );
}

#[test]
fn status_and_spec_are_written_apart() {
    let cluster = Cluster::new();
    let mut pod = Pod::clone(&cluster.pod("web"));
    pod.spec.as_mut().unwrap().node_name = Some("sneaky".into());
    pod.status.as_mut().unwrap().phase = Some("Running".into());
    pod.status.as_mut().unwrap().qos_class = Some("Guaranteed".into());
    let written = cluster.update(pod.clone().into(), Subresource::Status).unwrap().to_value();
    assert_eq!(written["spec"]["nodeName"], Value::Null);
    assert_eq!(written["status"], json!({"phase": "Running", "qosClass": "BestEffort"}));
}

#[test]
fn binding() {
    let cluster = Cluster::new();
    let mut labelled = node("n1");
    labelled["metadata"]["labels"] = json!({"topology.kubernetes.io/zone": "z"});
    cluster.create(labelled).unwrap();
    cluster.pod("web");
    cluster.bind("web", "n1").unwrap();
    let bound = Object::Pod(cluster.get("web").unwrap()).to_value();
    assert_eq!(bound["spec"]["nodeName"], "n1");
    assert_eq!(bound["metadata"]["labels"], json!({"topology.kubernetes.io/zone": "z"}));
    assert_eq!(bound["metadata"]["generation"], 1);
    assert_eq!(
        bound["status"]["conditions"],
        json!([{"type": "PodScheduled", "status": "True", "lastProbeTime": null,
            "lastTransitionTime": "2026-11-23T08:00:00Z"}])
    );
    refused(
        cluster.bind("web", "n2"),
        Reason::Conflict,
        "Operation cannot be fulfilled on pods/binding \"web\": pod web is already assigned to node \"n1\"",
    );
}

#[test]
fn deletion_of_a_pod_that_never_ran() {
    let cluster = Cluster::new();
    cluster.pod("web");
    let mut watch = cluster.watch(Kind::Pod, ListOptions::default());
    assert!(cluster.delete(Kind::Pod, "web", DeleteOptions::default()).unwrap().gone);
    assert_eq!(heard(&mut watch), ["ADDED web", "MODIFIED web", "DELETED web"]);
    refused(cluster.get("web"), Reason::NotFound, "pods \"web\" not found");
}

#[test]
fn deletion_with_grace() {
    let cluster = Cluster::new();
    cluster.pod("web");
    cluster.bind("web", "n1").unwrap();
    let state = |deleted: Deleted| {
        let meta = deleted.object.meta().clone();
        let at = meta.deletion_timestamp.unwrap().0.to_string();
        (deleted.gone, at, meta.deletion_grace_period_seconds.unwrap(), meta.generation.unwrap())
    };
    let grace = |seconds| DeleteOptions { grace_period_seconds: Some(seconds), ..DeleteOptions::default() };
    let deleted = cluster.delete(Kind::Pod, "web", grace(20)).unwrap();
    assert_eq!(state(deleted), (false, "2026-11-23T08:00:20Z".into(), 20, 2));
    cluster.pass(2);
    let longer = cluster.delete(Kind::Pod, "web", grace(60)).unwrap();
    assert_eq!(state(longer), (false, "2026-11-23T08:00:20Z".into(), 20, 2), "never longer");
    let shorter = cluster.delete(Kind::Pod, "web", grace(5)).unwrap();
    assert_eq!(state(shorter), (false, "2026-11-23T08:00:05Z".into(), 5, 2));
    let own = cluster.delete(Kind::Pod, "web", DeleteOptions::default()).unwrap();
    assert_eq!(state(own), (false, "2026-11-23T08:00:05Z".into(), 5, 2));
    let wrong = DeleteOptions { precondition_uid: Some("x".into()), ..grace(0) };
    let uid = cluster.get("web").unwrap().uid().to_string();
    refused(
        cluster.delete(Kind::Pod, "web", wrong),
        Reason::Conflict,
        &format!(
            "Operation cannot be fulfilled on pods \"web\": Precondition failed: UID in precondition: x, UID in object \
             meta: {uid}"
        ),
    );
    assert!(cluster.delete(Kind::Pod, "web", grace(0)).unwrap().gone);
}

#[test]
fn finalizers_hold_an_object() {
    let cluster = Cluster::new();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "m", "finalizers": ["example.com/hold"]}});
    cluster.create(map).unwrap();
    assert!(!cluster.delete(Kind::ConfigMap, "m", DeleteOptions::default()).unwrap().gone);
    let mut watch = cluster.watch(Kind::ConfigMap, fields("metadata.name=m"));
    let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    cluster.patch(Kind::ConfigMap, "m", Subresource::None, patch).unwrap();
    assert_eq!(heard(&mut watch), ["ADDED m", "MODIFIED m", "DELETED m"]);
}

#[test]
fn a_selection_sees_objects_come_and_go() {
    let cluster = Cluster::new();
    cluster.pod("a");
    let mut on_node = cluster.watch(Kind::Pod, fields("spec.nodeName=n1"));
    let mut labelled =
        cluster.watch(Kind::Pod, ListOptions { label_selector: "app=web".into(), ..ListOptions::default() });
    let mut named = cluster.watch(Kind::Pod, fields("metadata.name=a"));
    let label = |value: Value| {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"app": value}}}));
        cluster.patch(Kind::Pod, "a", Subresource::None, patch).unwrap()
    };
    label(json!("web"));
    cluster.pod("b");
    cluster.bind("a", "n1").unwrap();
    label(Value::Null);
    cluster
        .delete(Kind::Pod, "a", DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() })
        .unwrap();
    assert_eq!(heard(&mut on_node), ["ADDED a", "MODIFIED a", "MODIFIED a", "DELETED a"]);
    assert_eq!(heard(&mut labelled), ["ADDED a", "MODIFIED a", "DELETED a"]);
    assert_eq!(heard(&mut named), ["ADDED a", "MODIFIED a", "MODIFIED a", "MODIFIED a", "MODIFIED a", "DELETED a"]);
}

#[test]
fn too_old_a_version() {
    let cluster = Cluster::new();
    cluster.pod("web");
    let since = cluster.server.resource_version();
    for i in 0..1100 {
        let patch = Patch::Merge(json!({"metadata": {"labels": {"i": i.to_string()}}}));
        cluster.patch(Kind::Pod, "web", Subresource::None, patch).unwrap();
    }
    let from = |version| ListOptions { resource_version: version, ..ListOptions::default() };
    let oldest = cluster.server.resource_version() - 1024;
    assert_eq!(
        heard(&mut cluster.watch(Kind::Pod, from(since))),
        [format!("ERROR Expired too old resource version: {since} ({oldest})")]
    );
    assert_eq!(heard(&mut cluster.watch(Kind::Pod, from(oldest))).len(), 1024);
    let server = cluster.server.clone();
    let future = cluster.server.resource_version() + 1;
    let ahead = cluster.run(async move { server.watch(Kind::Pod, "", from(future)).await.map(drop) });
    let current = future - 1;
    refused(ahead, Reason::Timeout, &format!("Too large resource version: {future}, current: {current}"));
}

/// A watch from any version, replayed on the list of that version, gives the list of the end.
#[test]
fn a_watch_rebuilds_the_list() {
    for seed in 0..20 {
        let cluster = Cluster::new();
        let mut rng: Rng = Sim::new(seed, Timestamp::UNIX_EPOCH).rng("test");
        let selectors = ["", "spec.nodeName=n1", "metadata.name=p3", "spec.nodeName!=n1", "status.phase=Running"];
        let mut snapshots = Vec::new();
        for _ in 0..150 {
            let name = format!("p{}", rng.below(6));
            match rng.below(6) {
                0 | 1 => drop(cluster.create(pod(&name))),
                2 => drop(cluster.bind(&name, ["n1", "n2"][rng.below(2) as usize])),
                3 => {
                    let labels = json!({"metadata": {"labels": {"l": rng.below(3).to_string()}}});
                    drop(cluster.patch(Kind::Pod, &name, Subresource::None, Patch::Merge(labels)));
                }
                4 => {
                    let phase = ["Running", "Pending"][rng.below(2) as usize];
                    let status = Patch::Merge(json!({"status": {"phase": phase}}));
                    drop(cluster.patch(Kind::Pod, &name, Subresource::Status, status));
                }
                _ => {
                    let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
                    drop(cluster.delete(Kind::Pod, &name, now));
                }
            }
            let selector = selectors[rng.below(5) as usize];
            let state: BTreeMap<String, u64> = as_state(&cluster.list(Kind::Pod, fields(selector)).unwrap());
            snapshots.push((cluster.server.resource_version(), selector, state));
        }
        for (version, selector, mut state) in snapshots {
            let options = ListOptions { resource_version: version, ..fields(selector) };
            let mut watch = cluster.watch(Kind::Pod, options);
            while let Some(event) = watch.try_recv() {
                let known = state.contains_key(event.object().unwrap().name());
                match event {
                    WatchEvent::Added(o) => {
                        assert!(!known, "added twice");
                        state.insert(o.name().into(), o.resource_version());
                    }
                    WatchEvent::Modified(o) => {
                        assert!(known, "modified before it was added");
                        state.insert(o.name().into(), o.resource_version());
                    }
                    WatchEvent::Deleted(o) => {
                        assert!(known, "deleted before it was added");
                        assert!(o.resource_version() > version);
                        state.remove(o.name());
                    }
                    WatchEvent::Error(e) => panic!("{e}"),
                }
            }
            let end = as_state(&cluster.list(Kind::Pod, fields(selector)).unwrap());
            assert_eq!(state, end, "seed {seed}, from {version} by {selector:?}");
        }
    }
}

fn as_state(objects: &[Object]) -> BTreeMap<String, u64> {
    objects.iter().map(|o| (o.name().to_string(), o.resource_version())).collect()
}

#[test]
fn logs_choose_a_container_and_a_node() {
    let cluster = Cluster::new();
    cluster.create(node("n1")).unwrap();
    let mut two = pod("two");
    two["spec"]["initContainers"] = json!([{"name": "setup", "image": "a"}]);
    two["spec"]["containers"] = json!([{"name": "app", "image": "a"}, {"name": "sidecar", "image": "a"}]);
    cluster.create(two).unwrap();
    cluster.pod("web");
    let logs = |name: &'static str, container: Option<&str>| {
        let (server, container) = (cluster.server.clone(), container.map(str::to_string));
        let options = LogOptions { container, ..LogOptions::default() };
        cluster.run(async move { server.logs("default", name, options).await.map(drop) })
    };
    refused(logs("nope", None), Reason::NotFound, "pods \"nope\" not found");
    refused(
        logs("two", None),
        Reason::BadRequest,
        "a container name must be specified for pod two, choose one of: [setup app sidecar]",
    );
    refused(logs("web", Some("x")), Reason::BadRequest, "container x is not valid for pod web");
    assert!(logs("web", None).is_ok(), "no node, no log");
    let exec = || {
        let server = cluster.server.clone();
        let options = ExecOptions { command: vec!["ls".into()], ..ExecOptions::default() };
        cluster.run(async move { server.exec("default", "web", options).await.map(drop) })
    };
    refused(exec(), Reason::BadRequest, "pod web does not have a host assigned");
    cluster.bind("web", "n1").unwrap();
    refused(
        logs("web", None),
        Reason::Unknown,
        "Get \"https://172.18.0.3:10250/containerLogs/default/web/app\": dial tcp 172.18.0.3:10250: connect: no route to \
         host",
    );
    refused(exec(), Reason::Unknown, "error dialing backend: dial tcp 172.18.0.3:10250: connect: no route to host");
}

#[test]
fn a_dry_run_leaves_no_trace() {
    let cluster = Cluster::new();
    let version = cluster.server.resource_version();
    let server = cluster.server.clone();
    let options = WriteOptions { dry_run: true, field_validation: FieldValidation::Strict, ..WriteOptions::default() };
    let created =
        cluster.run(async move { server.create(Kind::Pod, "default", Body::Json(pod("web")), options).await }).unwrap();
    assert_eq!(created.object.meta().resource_version, None);
    assert_eq!(cluster.server.resource_version(), version);
    refused(cluster.get("web"), Reason::NotFound, "pods \"web\" not found");
}

#[test]
fn events_are_counted_combined_and_thinned() {
    let cluster = Cluster::new();
    let pod = cluster.pod("web");
    let client: Rc<dyn ApiClient> = cluster.server.clone();
    let recorder = events::Recorder::new(&cluster.sim, client, "kubelet", "n1");
    let lines = || {
        let events = cluster.list(Kind::Event, ListOptions::default()).unwrap();
        events
            .iter()
            .map(|event| {
                let event = event.to_value();
                format!("{} x{}", event["message"].as_str().unwrap(), event["count"])
            })
            .collect::<Vec<_>>()
    };
    let tell = |message: String| {
        let about = events::pod_reference(&pod, Some("spec.containers{app}"));
        recorder.event(about, events::EventType::Warning, "BackOff", message);
        cluster.pass(1);
    };
    for _ in 0..3 {
        tell("back-off".into());
    }
    assert_eq!(lines(), ["back-off x3"]);
    for i in 1..12 {
        tell(format!("other {i}"));
    }
    let mut expected: Vec<String> = vec!["back-off x3".into()];
    expected.extend((1..9).map(|i| format!("other {i} x1")));
    expected.push("(combined from similar events): other 11 x3".into());
    assert_eq!(lines(), expected);
    for _ in 0..20 {
        tell("back-off".into());
    }
    // 14 were told before; of the others the burst of 25 leaves 11. One is combined, then the
    // message is known again and counted by itself.
    assert_eq!(lines()[0], "back-off x13");
    assert_eq!(lines().last().unwrap(), "(combined from similar events): back-off x4");
    cluster.pass(3601);
    assert_eq!(lines(), Vec::<String>::new(), "events are gone after an hour");
}

#[test]
fn a_series_is_written_twice_and_then_kept_in_mind() {
    let cluster = Cluster::new();
    let pod = cluster.pod("web");
    let client: Rc<dyn ApiClient> = cluster.server.clone();
    let recorder = events::SeriesRecorder::new(&cluster.sim, client, "default-scheduler", "default-scheduler-n1");
    let line = || {
        let event = cluster.list(Kind::Event, ListOptions::default()).unwrap().remove(0).to_value();
        (event["message"].as_str().unwrap().to_string(), event["series"]["count"].as_i64())
    };
    let tell = |message: &str| {
        let about = events::pod_reference(&pod, None);
        recorder.event(about, events::EventType::Warning, "FailedScheduling", "Scheduling", message.into());
        cluster.pass(1);
    };
    tell("first");
    assert_eq!(line(), ("first".into(), None));
    tell("second");
    assert_eq!(line(), ("first".into(), Some(2)));
    tell("third");
    assert_eq!(line(), ("first".into(), Some(2)), "counted, not written");
    cluster.pass(800);
    assert_eq!(line(), ("first".into(), Some(3)), "written when the series has ended");
    assert!(cluster.sim.next_time().is_none(), "nothing ticks once all series are closed");
}

#[test]
fn a_new_node_takes_no_pods_yet() {
    let cluster = Cluster::new();
    let node = cluster.create(node("n1")).unwrap();
    let taints = node.as_::<Node>().unwrap().spec.as_ref().unwrap().taints.clone();
    assert_eq!(
        serde_json::to_value(taints).unwrap(),
        json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}])
    );
}
