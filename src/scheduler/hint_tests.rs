//! Which news wake a pod that a plugin refused.

use serde_json::{Value, json};

use super::*;
use crate::scheduler::hints::{News, What, helps, node_changes, pod_changes};

fn info(value: Value) -> PodInfo {
    PodInfo::new(Rc::new(serde_json::from_value(value).expect("a pod")))
}

fn node_info(value: Value) -> NodeInfo {
    NodeInfo::new(Rc::new(serde_json::from_value(value).expect("a node")))
}

/// A pod of the namespace `default`; `spec` may have labels, a node and a nomination beside its own fields.
fn pod(uid: &str, mut spec: Value) -> Value {
    let mut take = |key: &str| spec.as_object_mut().and_then(|spec| spec.remove(key)).unwrap_or(Value::Null);
    let (labels, namespace, requests, ports) = (take("labels"), take("namespace"), take("requests"), take("hostPort"));
    let mut container = json!({"name": "c", "image": "nginx"});
    if requests.is_object() {
        container["resources"] = json!({"requests": requests});
    }
    if let Some(port) = ports.as_i64() {
        container["ports"] = json!([{"containerPort": port, "hostPort": port}]);
    }
    spec["containers"] = json!([container]);
    let namespace = namespace.as_str().unwrap_or("default").to_string();
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": uid, "uid": uid, "namespace": namespace},
        "spec": spec});
    if labels.is_object() {
        pod["metadata"]["labels"] = labels;
    }
    pod
}

fn node(labels: Value, spec: Value, allocatable: Value) -> Value {
    let mut list = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
    list.as_object_mut().expect("an object").extend(allocatable.as_object().cloned().unwrap_or_default());
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "labels": labels}, "spec": spec,
        "status": {"allocatable": list}})
}

fn check(plugin: &str, what: &str, expected: bool, waiting: &Value, news: impl FnOnce(&PodInfo, &Cache) -> Vec<bool>) {
    let waiting = info(waiting.clone());
    let got = news(&waiting, &Cache::default()).contains(&true);
    assert_eq!(got, expected, "{plugin}: {what}");
}

/// What becomes of a node, for pods that were refused by each plugin.
#[test]
fn of_nodes() {
    let none = || json!({});
    let plain = || node(none(), none(), none());
    let labelled = |key: &str, value: &str| node(json!({key: value}), none(), none());
    let tainted =
        |effect: &str| node(none(), json!({"taints": [{"key": "k", "value": "v", "effect": effect}]}), none());
    let cordoned = || node(none(), json!({"unschedulable": true}), none());
    let zone = |when: &str| {
        json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": when,
            "labelSelector": {"matchLabels": {"a": "b"}}}])
    };
    let term = |kind: &str| {
        json!({kind: {"requiredDuringSchedulingIgnoredDuringExecution":
            [{"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}]}})
    };
    let near = || json!({"affinity": term("podAffinity")});
    let far = || json!({"affinity": term("podAntiAffinity")});
    let spread = || json!({"topologySpreadConstraints": zone("DoNotSchedule")});
    let two = |cpu: &str| json!({"requests": {"cpu": cpu}});
    let tolerant = || json!({"tolerations": [{"key": "k", "operator": "Exists"}]});
    // The plugin, the waiting pod, the node before and after (null: not there), whether it is tried again.
    #[rustfmt::skip]
    let table: Vec<(&str, Value, Value, Value, bool)> = vec![
        ("NodeUnschedulable", none(), Value::Null, plain(), true),
        ("NodeUnschedulable", none(), Value::Null, cordoned(), false),
        ("NodeUnschedulable", none(), cordoned(), plain(), true),
        ("NodeUnschedulable", none(), plain(), cordoned(), false),
        ("NodeUnschedulable", none(), plain(), tainted("NoSchedule"), false),
        ("NodeName", none(), Value::Null, plain(), true),
        ("NodeName", none(), plain(), labelled("a", "b"), false),
        ("NodeName", none(), plain(), tainted("NoSchedule"), true),
        ("TaintToleration", none(), Value::Null, plain(), true),
        ("TaintToleration", none(), Value::Null, tainted("NoSchedule"), false),
        ("TaintToleration", none(), Value::Null, tainted("PreferNoSchedule"), true),
        ("TaintToleration", tolerant(), Value::Null, tainted("NoExecute"), true),
        ("TaintToleration", none(), tainted("NoExecute"), plain(), true),
        ("TaintToleration", none(), tainted("NoExecute"), tainted("NoSchedule"), false),
        ("TaintToleration", none(), plain(), tainted("NoSchedule"), false),
        ("TaintToleration", none(), plain(), labelled("a", "b"), false),
        ("NodeAffinity", json!({"nodeSelector": {"a": "b"}}), Value::Null, plain(), false),
        ("NodeAffinity", json!({"nodeSelector": {"a": "b"}}), Value::Null, labelled("a", "b"), true),
        ("NodeAffinity", json!({"nodeSelector": {"a": "b"}}), plain(), labelled("a", "b"), true),
        ("NodeAffinity", json!({"nodeSelector": {"a": "b"}}), labelled("a", "b"), labelled("a", "c"), false),
        ("NodeAffinity", json!({"nodeSelector": {"a": "b"}}), plain(), labelled("b", "a"), false),
        ("NodeAffinity", json!({"nodeSelector": {"a": "b"}}), plain(), tainted("NoSchedule"), true),
        ("NodeAffinity", json!({"nodeSelector": {"a": "b"}}), cordoned(), plain(), true),
        ("NodeAffinity", json!({"nodeSelector": {"a": "b"}}), plain(), cordoned(), false),
        ("NodePorts", none(), Value::Null, plain(), true),
        ("NodePorts", none(), plain(), labelled("a", "b"), false),
        ("NodePorts", none(), tainted("NoSchedule"), plain(), true),
        ("NodeResourcesFit", two("2"), Value::Null, plain(), true),
        ("NodeResourcesFit", two("6"), Value::Null, plain(), false),
        ("NodeResourcesFit", two("6"), plain(), node(none(), none(), json!({"cpu": "8"})), true),
        ("NodeResourcesFit", two("6"), plain(), node(none(), none(), json!({"cpu": "5"})), false),
        ("NodeResourcesFit", two("2"), plain(), node(none(), none(), json!({"memory": "9Gi"})), false),
        ("NodeResourcesFit", two("2"), plain(), node(none(), none(), json!({"cpu": "3"})), false),
        ("NodeResourcesFit", none(), plain(), node(none(), none(), json!({"cpu": "8"})), false),
        ("NodeResourcesFit", none(), plain(), node(none(), none(), json!({"pods": "120"})), true),
        ("NodeResourcesFit", two("2"), plain(), labelled("a", "b"), false),
        ("NodeResourcesFit", two("2"), plain(), tainted("NoSchedule"), true),
        ("VolumeBinding", none(), Value::Null, plain(), true),
        ("VolumeBinding", none(), plain(), labelled("a", "b"), true),
        ("VolumeBinding", none(), plain(), tainted("NoSchedule"), true),
        ("VolumeBinding", none(), plain(), node(none(), none(), json!({"cpu": "8"})), false),
        ("PodTopologySpread", spread(), Value::Null, plain(), false),
        ("PodTopologySpread", spread(), Value::Null, labelled("zone", "1"), true),
        ("PodTopologySpread", spread(), labelled("zone", "1"), Value::Null, true),
        ("PodTopologySpread", spread(), plain(), Value::Null, false),
        ("PodTopologySpread", spread(), plain(), labelled("zone", "1"), true),
        ("PodTopologySpread", spread(), labelled("zone", "1"), labelled("zone", "2"), true),
        ("PodTopologySpread", spread(), labelled("zone", "1"), plain(), true),
        ("PodTopologySpread", spread(), plain(), labelled("a", "b"), false),
        ("PodTopologySpread", spread(), plain(), tainted("NoSchedule"), false),
        ("InterPodAffinity", near(), Value::Null, plain(), false),
        ("InterPodAffinity", near(), Value::Null, labelled("zone", "1"), true),
        ("InterPodAffinity", near(), plain(), labelled("zone", "1"), true),
        ("InterPodAffinity", near(), labelled("zone", "1"), labelled("zone", "2"), true),
        ("InterPodAffinity", near(), labelled("zone", "1"), plain(), false),
        ("InterPodAffinity", far(), Value::Null, plain(), true),
        ("InterPodAffinity", far(), labelled("zone", "1"), plain(), true),
        ("InterPodAffinity", far(), labelled("zone", "1"), labelled("zone", "2"), true),
        ("InterPodAffinity", far(), plain(), labelled("zone", "1"), false),
        ("InterPodAffinity", far(), plain(), tainted("NoSchedule"), true),
    ];
    for (plugin, spec, old, new, expected) in table {
        let what = format!("{spec}\n{old}\n{new}");
        let there = |value: Value| (!value.is_null()).then(|| node_info(value));
        let (old, new) = (there(old), there(new));
        check(plugin, &what, expected, &pod("waiting", spec), |waiting, cache| {
            let whats = match (&old, &new) {
                (Some(old), Some(new)) => node_changes(&old.node, &new.node),
                (None, _) => vec![What::Add],
                _ => vec![What::Delete],
            };
            let news = |what| News::Node { what, old: old.as_ref(), new: new.as_ref() };
            whats.into_iter().map(|what| helps(plugin, waiting, &news(what), cache)).collect()
        });
    }
}

/// What becomes of another pod, or of the waiting one.
#[test]
fn of_pods() {
    let none = || json!({});
    let on_node = |spec: Value| {
        let mut value = pod("other", spec);
        value["spec"]["nodeName"] = "n".into();
        value
    };
    let itself = |spec: Value| pod("waiting", spec);
    let labelled = |key: &str| on_node(json!({"labels": {key: "b"}}));
    let asking = |cpu: &str| json!({"requests": {"cpu": cpu, "memory": "1Gi"}});
    let term = |kind: &str| {
        json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution":
            [{"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}]}}})
    };
    let (near, far) = (|| term("podAffinity"), || term("podAntiAffinity"));
    let spread = |policy: &str| {
        json!({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "nodeTaintsPolicy": policy, "labelSelector": {"matchLabels": {"a": "b"}}}]})
    };
    let with = |mut spec: Value, key: &str, value: Value| {
        spec[key] = value;
        spec
    };
    let tolerations = |key: &str| json!([{"key": key, "operator": "Exists"}]);
    let cordon = || tolerations("node.kubernetes.io/unschedulable");
    let claim = |name: &str| json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": name}}]});
    // The plugin, the waiting pod, the pod before and after (null: not there), whether it is tried again.
    #[rustfmt::skip]
    let table: Vec<(&str, Value, Value, Value, bool)> = vec![
        ("NodeResourcesFit", asking("1"), on_node(none()), Value::Null, true),
        ("NodeResourcesFit", asking("1"), Value::Null, on_node(none()), false),
        ("NodeResourcesFit", asking("1"), on_node(asking("2")), on_node(asking("1")), true),
        ("NodeResourcesFit", asking("1"), on_node(asking("1")), on_node(asking("2")), false),
        ("NodeResourcesFit", json!({"requests": {"memory": "1Gi"}}), on_node(asking("2")), on_node(asking("1")), false),
        ("NodeResourcesFit", asking("2"), itself(asking("2")), itself(asking("1")), true),
        ("NodeResourcesFit", asking("2"), itself(asking("2")), itself(with(asking("2"), "labels", json!({"x": "y"}))), false),
        ("NodePorts", json!({"hostPort": 80}), on_node(json!({"hostPort": 80})), Value::Null, true),
        ("NodePorts", json!({"hostPort": 80}), on_node(json!({"hostPort": 81})), Value::Null, false),
        ("NodePorts", json!({"hostPort": 80}), on_node(none()), Value::Null, false),
        ("NodeAffinity", none(), on_node(none()), Value::Null, false),
        ("TaintToleration", none(), on_node(none()), Value::Null, false),
        ("TaintToleration", none(), itself(none()), itself(json!({"tolerations": tolerations("any")})), true),
        ("TaintToleration", none(), on_node(none()), on_node(json!({"tolerations": tolerations("any")})), false),
        ("NodeUnschedulable", none(), itself(none()), itself(json!({"tolerations": cordon()})), true),
        ("NodeUnschedulable", none(), itself(none()), itself(json!({"tolerations": tolerations("any")})), false),
        ("VolumeBinding", claim("a"), on_node(claim("a")), Value::Null, true),
        ("VolumeBinding", claim("a"), on_node(claim("b")), Value::Null, false),
        ("VolumeBinding", claim("a"), on_node(with(claim("a"), "namespace", json!("other"))), Value::Null, false),
        ("InterPodAffinity", near(), Value::Null, labelled("a"), true),
        ("InterPodAffinity", near(), Value::Null, labelled("x"), false),
        ("InterPodAffinity", near(), labelled("a"), Value::Null, false),
        ("InterPodAffinity", near(), labelled("x"), labelled("a"), true),
        ("InterPodAffinity", near(), labelled("a"), labelled("x"), false),
        ("InterPodAffinity", near(), itself(near()), itself(with(near(), "labels", json!({"x": "y"}))), true),
        ("InterPodAffinity", far(), labelled("a"), Value::Null, true),
        ("InterPodAffinity", far(), labelled("x"), Value::Null, false),
        ("InterPodAffinity", far(), labelled("a"), labelled("x"), true),
        ("InterPodAffinity", far(), labelled("x"), labelled("a"), false),
        ("InterPodAffinity", json!({"labels": {"a": "b"}}), on_node(far()), Value::Null, true),
        ("InterPodAffinity", json!({"labels": {"x": "b"}}), on_node(far()), Value::Null, false),
        ("PodTopologySpread", spread("Ignore"), Value::Null, labelled("a"), true),
        ("PodTopologySpread", spread("Ignore"), Value::Null, labelled("x"), false),
        ("PodTopologySpread", spread("Ignore"), Value::Null, on_node(json!({"labels": {"a": "b"}, "namespace": "other"})), false),
        ("PodTopologySpread", spread("Ignore"), labelled("a"), Value::Null, true),
        ("PodTopologySpread", spread("Ignore"), labelled("x"), Value::Null, false),
        ("PodTopologySpread", spread("Ignore"), labelled("x"), labelled("a"), true),
        ("PodTopologySpread", spread("Ignore"), labelled("x"), labelled("y"), false),
        ("PodTopologySpread", spread("Ignore"), itself(spread("Ignore")), itself(with(spread("Ignore"), "tolerations", tolerations("any"))), false),
        ("PodTopologySpread", spread("Honor"), itself(spread("Honor")), itself(with(spread("Honor"), "tolerations", tolerations("any"))), true),
    ];
    for (plugin, spec, old, new, expected) in table {
        let what = format!("{spec}\n{old}\n{new}");
        let there = |value: Value| (!value.is_null()).then(|| info(value));
        let (old, new) = (there(old), there(new));
        check(plugin, &what, expected, &pod("waiting", spec), |waiting, cache| {
            let whats = match (&old, &new) {
                (Some(old), Some(new)) => pod_changes(old, new),
                (None, _) => vec![What::Add],
                _ => vec![What::Delete],
            };
            let news = |what| News::Pod { what, old: old.as_ref(), new: new.as_ref() };
            whats.into_iter().map(|what| helps(plugin, waiting, &news(what), cache)).collect()
        });
    }
}

fn millis(millis: u64) -> SimTime {
    SimTime::from_nanos(millis * 1_000_000)
}

/// When a pod that failed for the n-th time is tried again, in milliseconds: it was tried at 100 ms, and at 200 ms
/// something happened that may help.
#[test]
fn back_offs() {
    let gone = info(pod("gone", json!({})));
    // Failures, refused by a plugin or an error, when it is tried again although something else is to be done.
    let table =
        [(1, true, 2000), (2, true, 3000), (3, true, 5000), (4, true, 9000), (5, true, 11_000), (9, true, 11_000)];
    let errors = table.map(|(times, _, at)| (times, false, at));
    for (times, refused, expected) in table.into_iter().chain(errors) {
        let mut queue = Queue::default();
        let refused_by = || if refused { BTreeSet::from(["NodeResourcesFit"]) } else { BTreeSet::new() };
        queue.add(Rc::new(info(pod("a", json!({})))), millis(0));
        for _ in 0..times {
            let entry = queue.pop(millis(1_000_000)).expect("the pod");
            queue.put_back(entry, refused_by(), millis(100));
            queue.wake(millis(200), &left(&gone), &Cache::default());
        }
        let tried = (200..20_000).step_by(100).find(|at| {
            queue.add(Rc::new(info(pod("urgent", json!({"priority": -1})))), millis(*at));
            queue.pop(millis(*at)).is_some_and(|entry| entry.pod.uid() == "a")
        });
        assert_eq!(tried, Some(expected), "{times} times, refused: {refused}");
    }
}

/// What is in back-off is tried when nobody else waits, but not after errors.
#[test]
fn early_tries() {
    let gone = info(pod("gone", json!({})));
    for (refused_by, early) in [(vec!["NodeResourcesFit"], true), (vec!["NodeAffinity"], false), (vec![], false)] {
        let mut queue = Queue::default();
        queue.add(Rc::new(info(pod("a", json!({})))), millis(0));
        let entry = queue.pop(millis(0)).expect("the pod");
        queue.put_back(entry, refused_by.iter().copied().collect(), millis(0));
        queue.wake(millis(10), &left(&gone), &Cache::default());
        assert_eq!(queue.pop(millis(20)).is_some(), early, "{refused_by:?}");
    }
}

/// A pod that makes room for itself waits until all victims were told, and then for the end of one.
#[test]
fn preempting() {
    let gone = info(pod("gone", json!({})));
    let taint = node_info(node(json!({}), json!({"taints": [{"key": "k", "effect": "NoSchedule"}]}), json!({})));
    let bare = node_info(node(json!({}), json!({}), json!({})));
    let (end, change) = (left(&gone), News::Node { what: What::Taint, old: Some(&bare), new: Some(&taint) });
    let cache = Cache::default();
    let begin = || {
        let mut queue = Queue::default();
        queue.add(Rc::new(info(pod("a", json!({})))), millis(0));
        let entry = queue.pop(millis(0)).expect("the pod");
        queue.begin_preemption("a");
        queue.put_back(entry, BTreeSet::from(["NodeResourcesFit"]), millis(0));
        queue
    };
    let mut queue = begin();
    queue.wake(millis(5), &end, &cache);
    assert!(queue.pop(millis(6)).is_none(), "not while it preempts");
    queue.end_preemption("a", false);
    assert!(queue.pop(millis(7)).is_none(), "what happened meanwhile is lost");
    queue.wake(millis(8), &change, &cache);
    assert!(queue.pop(millis(9)).is_none(), "only the end of a pod wakes it");
    queue.wake(millis(10), &end, &cache);
    assert!(queue.pop(millis(11)).is_some());
    let mut queue = begin();
    queue.end_preemption("a", true);
    assert!(queue.pop(millis(6)).is_some(), "it failed");
    let mut queue = begin();
    queue.end_preemption("a", false);
    queue.wake(millis(8), &change, &cache);
    assert!(queue.pop(millis(9)).is_some(), "nothing came between");
}
