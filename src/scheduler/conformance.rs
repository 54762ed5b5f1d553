//! Upstream's own tables of filters, scores and requests (`tests/conformance/`).
//!
//! `PODARIUM_CASES` names another directory with such tables.

use std::{fs, path::PathBuf, rc::Rc};

use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

use super::{
    cache::{Cache, NodeInfo, PodInfo},
    cycle::Diagnosis,
    plugins::{self, Filter, Normalize, PLUGINS, Plugin, Refusal},
    resources::{Resources, nonzero_requests, requests},
};

fn cases(table: &str) -> Vec<Value> {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let path = std::env::var_os("PODARIUM_CASES").map_or_else(own, PathBuf::from).join(format!("{table}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str::<Value>(&text).unwrap()["cases"].as_array().unwrap().clone()
}

/// Runs every case of some tests of a table and reports all that differ.
#[track_caller]
fn check(table: &str, tests: &[&str], run: impl Fn(&Value, &Value) -> Result<(), String>) {
    let mut failures = Vec::new();
    let mut count = 0;
    for case in cases(table).iter().filter(|case| tests.contains(&case["test"].as_str().unwrap_or_default())) {
        count += 1;
        if let Err(text) = run(&case["input"], &case["expected"]) {
            failures.push(format!("{} {}: {text}", case["id"], case["name"]));
        }
    }
    assert!(count > 0, "no cases of {tests:?} in {table}");
    assert!(failures.is_empty(), "{} of {count} differ:\n{}", failures.len(), failures.join("\n"));
}

fn same<T: PartialEq + std::fmt::Debug>(got: T, expected: T) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("got {got:?}, expected {expected:?}")) }
}

fn pod_info(value: &Value) -> PodInfo {
    PodInfo::new(Rc::new(serde_json::from_value::<Pod>(value.clone()).unwrap_or_default()))
}

fn node_info(node: &Value, pods: &Value) -> NodeInfo {
    let mut info = NodeInfo::new(Rc::new(serde_json::from_value::<Node>(node.clone()).unwrap_or_default()));
    for (i, pod) in pods.as_array().into_iter().flatten().enumerate() {
        let mut pod = pod.clone();
        pod["metadata"]["uid"] = format!("u{i}").into();
        info.add(Rc::new(pod_info(&pod)));
    }
    info
}

fn plugin(name: &str) -> &'static dyn Plugin {
    *PLUGINS.iter().find(|p| p.name() == name).unwrap()
}

fn filter(name: &str, pod: &PodInfo, node: &NodeInfo) -> Value {
    let cache = Cache::default();
    match plugin(name).filter(pod, &cache) {
        Filter::Skip => Value::Null,
        Filter::Reject(reason) => json!({"code": "UnschedulableAndUnresolvable", "reasons": [reason]}),
        Filter::Check { check, only } => {
            if only.is_some_and(|only| !only.contains(&*node.name)) {
                return Value::Null;
            }
            status(check(node))
        }
    }
}

fn status(result: Result<(), Refusal>) -> Value {
    match result {
        Ok(()) => Value::Null,
        Err(refusal) => {
            let code = if refusal.unresolvable { "UnschedulableAndUnresolvable" } else { "Unschedulable" };
            json!({"code": code, "reasons": refusal.reasons})
        }
    }
}

/// An expected status without what we don't keep.
fn expected_status(value: &Value) -> Value {
    match value["code"].as_str() {
        None | Some("Success" | "Skip") => Value::Null,
        Some(code) => json!({"code": code, "reasons": value["reasons"]}),
    }
}

fn scores(name: &str, pod: &Value, nodes: &Value, existing: &Value) -> Vec<(String, i64)> {
    let mut cache = Cache::default();
    for node in nodes.as_array().unwrap() {
        cache.set_node(Rc::new(serde_json::from_value(node.clone()).unwrap()));
    }
    for (i, pod) in existing.as_array().into_iter().flatten().enumerate() {
        let mut pod = pod.clone();
        pod["metadata"]["uid"] = format!("u{i}").into();
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default().to_string();
        cache.put_pod(&node, Rc::new(pod_info(&pod)));
    }
    let pod = pod_info(pod);
    let names = cache.nodes().iter().map(|node| node.name.to_string());
    let mut values: Vec<i64> = match plugin(name).score(&pod, &cache) {
        None => vec![0; cache.nodes().len()],
        Some(score) => {
            let mut raw: Vec<i64> = cache.nodes().iter().map(|node| (score.score)(node)).collect();
            plugins::normalize(&mut raw, score.normalize);
            raw
        }
    };
    names.zip(values.drain(..)).collect()
}

fn expected_scores(list: &Value) -> Vec<(String, i64)> {
    let entry = |e: &Value| (e["Name"].as_str().unwrap().to_string(), e["Score"].as_i64().unwrap());
    list.as_array().into_iter().flatten().map(entry).collect()
}

#[test]
fn taint_toleration() {
    // Comparing numbers is behind a gate that is off.
    let gated = |input: &Value| input["enableTaintTolerationComparisonOps"] == true;
    check(
        "e_tainttoleration",
        &["TestTaintTolerationFilter", "TestTaintTolerationFilterWithFeatureGate"],
        |input, expected| {
            if gated(input) {
                return Ok(());
            }
            let got = filter("TaintToleration", &pod_info(&input["pod"]), &node_info(&input["node"], &Value::Null));
            same(got, expected_status(&expected["wantStatus"]))
        },
    );
    check("e_tainttoleration", &["TestTaintTolerationScore"], |input, expected| {
        if gated(input) {
            return Ok(());
        }
        let got = scores("TaintToleration", &input["pod"], &input["nodes"], &Value::Null);
        same(got, expected_scores(&expected["expectedList"]))
    });
}

#[test]
fn node_affinity() {
    check("e_nodeaffinity", &["TestNodeAffinity"], |input, expected| {
        // Affinity enforced by the scheduler's own configuration isn't simulated.
        if input["args"]["AddedAffinity"].is_object() {
            return Ok(());
        }
        let node = json!({"metadata": {"name": input["nodeName"], "labels": input["labels"]}});
        let (pod, node) = (pod_info(&input["pod"]), node_info(&node, &Value::Null));
        let want = match &expected["wantPreFilterStatus"]["code"] {
            Value::String(code) if code != "Skip" => &expected["wantPreFilterStatus"],
            _ => &expected["wantStatus"],
        };
        let cache = Cache::default();
        let got = match plugin("NodeAffinity").filter(&pod, &cache) {
            Filter::Skip => Value::Null,
            Filter::Reject(reason) => json!({"code": "UnschedulableAndUnresolvable", "reasons": [reason]}),
            Filter::Check { check, .. } => status(check(&node)),
        };
        same(got, expected_status(want))
    });
    check("e_nodeaffinity", &["TestNodeAffinityPriority"], |input, expected| {
        if !expected["expectedList"].is_array() {
            return Ok(());
        }
        if input["args"]["AddedAffinity"].is_object() {
            return Ok(());
        }
        let got = scores("NodeAffinity", &input["pod"], &input["nodes"], &Value::Null);
        same(got, expected_scores(&expected["expectedList"]))
    });
    check("e_misc_plugins", &["TestPodMatchesNodeSelectorAndAffinityTerms"], |input, expected| {
        let node = json!({"metadata": {"name": input["nodeName"], "labels": input["labels"]}});
        let got = filter("NodeAffinity", &pod_info(&input["pod"]), &node_info(&node, &Value::Null)).is_null();
        let pod = pod_info(&input["pod"]);
        let cache = Cache::default();
        let named_out = match plugin("NodeAffinity").filter(&pod, &cache) {
            Filter::Check { only: Some(only), .. } => !only.contains(input["nodeName"].as_str().unwrap_or_default()),
            _ => false,
        };
        same(got && !named_out, expected["want"] == true)
    });
}

#[test]
fn node_ports() {
    check("e_nodeports", &["TestNodePorts"], |input, expected| {
        let node = node_info(&json!({}), &input["nodeInfo"]["pods"]);
        same(filter("NodePorts", &pod_info(&input["pod"]), &node), expected_status(&expected["wantFilterStatus"]))
    });
    check("e_nodeports", &["TestFits"], |input, expected| {
        let node = node_info(&json!({}), &input["existing"]["pods"]);
        same(filter("NodePorts", &pod_info(&input["pod"]), &node).is_null(), expected["expect"] == true)
    });
}

#[test]
fn resources_fit() {
    let tests = ["testEnoughRequests", "testNotEnoughRequests", "testStorageRequests", "testRestartableInitContainers"];
    check("e_noderesources_fit_filter", &tests, |input, expected| {
        let other_args =
            input["args"]["IgnoredResources"].is_array() || input["args"]["IgnoredResourceGroups"].is_array();
        if input["draExtendedResourceEnabled"] == true || input["enableSidecarContainers"] == false || other_args {
            return Ok(());
        }
        let node = node_info(&input["nodeInfo"]["node"], &input["nodeInfo"]["pods"]);
        let want = if expected["wantFilterStatus"].is_object() {
            &expected["wantFilterStatus"]
        } else {
            &expected["wantStatus"]
        };
        same(filter("NodeResourcesFit", &pod_info(&input["pod"]), &node), expected_status(want))
    });
    check("e_noderesources_fit_filter", &["TestIsFit"], |input, expected| {
        let node = node_info(&input["node"], &Value::Null);
        same(filter("NodeResourcesFit", &pod_info(&input["pod"]), &node).is_null(), expected["expected"] == true)
    });
}

#[test]
fn resource_scores() {
    let plain = |resources: &Value| {
        let list = resources.as_array().cloned().unwrap_or_default();
        let names: Vec<&str> = list.iter().filter_map(|r| r["Name"].as_str()).collect();
        names == ["cpu", "memory"] && list.iter().all(|r| r["Weight"] == 1)
    };
    check("e_noderesources_scores", &["TestLeastAllocatedScoringStrategy"], |input, expected| {
        if !plain(&input["resources"]) || expected["wantErrs"].is_object() || expected["wantErrs"].is_array() {
            return Ok(());
        }
        let got = scores("NodeResourcesFit", &input["requestedPod"], &input["nodes"], &input["existingPods"]);
        same(got, expected_scores(&expected["expectedScores"]))
    });
    check("e_noderesources_scores", &["testFitScore"], |input, expected| {
        let strategy = &input["nodeResourcesFitArgs"]["ScoringStrategy"];
        if strategy["Type"] != "LeastAllocated" || !plain(&strategy["Resources"]) || input["draObjects"].is_array() {
            return Ok(());
        }
        let got = scores("NodeResourcesFit", &input["requestedPod"], &input["nodes"], &input["existingPods"]);
        same(got, expected_scores(&expected["expectedPriorities"]))
    });
    check("e_noderesources_scores", &["testNodeResourcesBalancedAllocation"], |input, expected| {
        let skipped = expected["expectedPreScoreStatusCode"] == "Skip";
        if !plain(&input["args"]["Resources"]) || skipped || input["draObjects"].is_array() {
            return Ok(());
        }
        let got =
            scores("NodeResourcesBalancedAllocation", &input["requestedPod"], &input["nodes"], &input["existingPods"]);
        same(got, expected_scores(&expected["expectedScores"]))
    });
}

#[test]
fn other_plugins() {
    for (test, name) in [("TestNodeName", "NodeName"), ("TestNodeUnschedulable", "NodeUnschedulable")] {
        check("e_misc_plugins", &[test], |input, expected| {
            let got = filter(name, &pod_info(&input["pod"]), &node_info(&input["node"], &Value::Null));
            same(got, expected_status(&expected["wantStatus"]))
        });
    }
    check("e_misc_plugins", &["TestImageLocalityPriority"], |input, expected| {
        let got = scores("ImageLocality", &input["pod"], &input["nodes"], &Value::Null);
        same(got, expected_scores(&expected["expectedList"]))
    });
    check("e_misc_plugins", &["TestDefaultNormalizeScore"], |input, expected| {
        let list = |value: &Value| value.as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).collect::<Vec<_>>();
        let mut got = list(&input["scores"]);
        let how = if input["reverse"] == true { Normalize::Reverse } else { Normalize::Highest };
        plugins::normalize(&mut got, how);
        same(got, list(&expected["expectedScores"]))
    });
    check("e_misc_plugins", &["TestPodPriority"], |input, expected| {
        same(i64::from(pod_info(&input["pod"]).priority()), expected["expectedPriority"].as_i64().unwrap())
    });
}

#[test]
fn fit_error() {
    check("l_fit_error", &["TestFitError_Error"], |input, expected| {
        let diagnosis = &input["diagnosis"];
        let text = |key: &str| diagnosis[key].as_str().unwrap_or_default().to_string();
        let mut got = Diagnosis {
            nodes: usize::try_from(input["numAllNodes"].as_u64().unwrap()).unwrap(),
            pre_filter: Some(text("PreFilterMsg")).filter(|text| !text.is_empty()),
            post_filter: text("PostFilterMsg"),
            ..Diagnosis::default()
        };
        for node in diagnosis["NodeToStatus"]["nodeToStatus"].as_object().unwrap().values() {
            for reason in node["reasons"].as_array().unwrap() {
                *got.reasons.entry(reason.as_str().unwrap().to_string().into()).or_insert(0) += 1;
            }
        }
        same(got.to_string().as_str(), expected["wantReasonMsg"].as_str().unwrap())
    });
}

#[test]
fn pod_requests() {
    check("g_pod_requests", &["TestPodResourceRequests", "TestPodLevelResourceRequests"], |input, expected| {
        let options = if input["options"].is_object() { &input["options"] } else { &input["opts"] };
        let set = |key: &str| options[key] == true;
        let statuses = input["containerStatus"].is_array() || input["initContainerStatuses"].is_array();
        // The scheduler always counts overhead and pod-level resources, and looks at statuses.
        if set("SkipPodLevelResources")
            || set("SkipContainerLevelResources")
            || set("ExcludeOverhead")
            || (statuses && !set("UseStatusResources"))
            || options["NonMissingContainerRequests"].is_object()
        {
            return Ok(());
        }
        let pod = json!({
            "spec": {"containers": input["containers"], "initContainers": input["initContainers"],
                "resources": input["podResources"], "overhead": input["overhead"]},
            "status": {"containerStatuses": input["containerStatus"],
                "initContainerStatuses": input["initContainerStatuses"], "conditions": input["podResizeStatus"]},
        });
        let pod: Pod = serde_json::from_value(pod).map_err(|error| error.to_string())?;
        let expected = serde_json::from_value(expected["expectedRequests"].clone()).map_err(|e| e.to_string())?;
        same(requests(&pod), Resources::of(Some(&expected)))
    });
    check("g_pod_requests", &["TestPodInfoCalculateResources"], |input, expected| {
        if input["nodeAllocatableResourcesDRAEnabled"] == true {
            return Ok(());
        }
        let pod = json!({"spec": {"containers": input["containers"], "initContainers": input["initContainers"],
            "resources": input["podResources"], "overhead": input["overhead"]}});
        let pod: Pod = serde_json::from_value(pod).map_err(|error| error.to_string())?;
        let number = |value: &Value| value.as_i64().unwrap_or(0);
        let expected = &expected["expectedResource"];
        let resource = &expected["Resource"];
        let got = requests(&pod);
        same((got.milli_cpu, got.memory), (number(&resource["MilliCPU"]), number(&resource["Memory"])))?;
        same(nonzero_requests(&pod), (number(&expected["Non0CPU"]), number(&expected["Non0Mem"])))
    });
}
