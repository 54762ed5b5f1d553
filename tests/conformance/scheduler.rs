//! The scheduler: what its plugins filter and score, and how it says that no node will do (e_*, l).

use std::rc::Rc;

use k8s_openapi::api::core::v1::{Node, Pod};
use podarium::scheduler::{
    Diagnosis, PLUGINS,
    cache::{Cache, NodeInfo, PodInfo},
    plugins::{self, Filter, Normalize, Plugin, Refusal},
};
use serde_json::{Value, json};

use super::{Case, Failure, Outcome, Table, each, same, unknown};

pub fn run(table: &Table) -> Vec<Outcome> {
    each(table, case)
}

fn case(case: Case) -> Outcome {
    let (input, expected) = (case.input, case.expected);
    match case.test {
        "TestTaintTolerationFilter" | "TestTaintTolerationFilterWithFeatureGate" => {
            let got = filter("TaintToleration", &pod_info(&input["pod"]), &node_info(&input["node"], &Value::Null));
            same(got, expected_status(&expected["wantStatus"]))
        }
        "TestTaintTolerationScore" => listed("TaintToleration", &input["pod"], case),
        "TestNodeAffinity" => node_affinity(case),
        "TestNodeAffinityPriority" => {
            if input["args"]["AddedAffinity"].is_object() {
                return Err(Failure::not_run("affinity of the scheduler's own configuration"));
            }
            listed("NodeAffinity", &input["pod"], case)
        }
        "TestPodMatchesNodeSelectorAndAffinityTerms" => {
            let node = json!({"metadata": {"name": input["nodeName"], "labels": input["labels"]}});
            let got = filter("NodeAffinity", &pod_info(&input["pod"]), &node_info(&node, &Value::Null)).is_null();
            same(got, expected["want"] == true)
        }
        "TestNodePorts" => {
            let node = node_info(&json!({}), &input["nodeInfo"]["pods"]);
            same(filter("NodePorts", &pod_info(&input["pod"]), &node), expected_status(&expected["wantFilterStatus"]))
        }
        "TestFits" => {
            let node = node_info(&json!({}), &input["existing"]["pods"]);
            same(filter("NodePorts", &pod_info(&input["pod"]), &node).is_null(), expected["expect"] == true)
        }
        "testEnoughRequests" | "testNotEnoughRequests" | "testStorageRequests" | "testRestartableInitContainers" => {
            let node = node_info(&input["nodeInfo"]["node"], &input["nodeInfo"]["pods"]);
            let key = if expected["wantFilterStatus"].is_object() { "wantFilterStatus" } else { "wantStatus" };
            same(filter("NodeResourcesFit", &pod_info(&input["pod"]), &node), expected_status(&expected[key]))
        }
        "TestIsFit" => {
            let node = node_info(&input["node"], &Value::Null);
            same(filter("NodeResourcesFit", &pod_info(&input["pod"]), &node).is_null(), expected["expected"] == true)
        }
        "TestLeastAllocatedScoringStrategy" | "testFitScore" => {
            listed("NodeResourcesFit", &input["requestedPod"], case)
        }
        "testNodeResourcesBalancedAllocation" => {
            listed("NodeResourcesBalancedAllocation", &input["requestedPod"], case)
        }
        "TestNodeName" | "TestNodeUnschedulable" => {
            let plugin = case.test.trim_start_matches("Test");
            let got = filter(plugin, &pod_info(&input["pod"]), &node_info(&input["node"], &Value::Null));
            same(got, expected_status(&expected["wantStatus"]))
        }
        "TestImageLocalityPriority" => listed("ImageLocality", &input["pod"], case),
        "TestDefaultNormalizeScore" => {
            let list =
                |value: &Value| value.as_array().into_iter().flatten().filter_map(Value::as_i64).collect::<Vec<_>>();
            let mut got = list(&input["scores"]);
            let how = if input["reverse"] == true { Normalize::Reverse } else { Normalize::Highest };
            plugins::normalize(&mut got, how);
            same(got, list(&expected["expectedScores"]))
        }
        "TestPodPriority" => {
            same(Some(i64::from(pod_info(&input["pod"]).priority())), expected["expectedPriority"].as_i64())
        }
        "TestFitError_Error" => fit_error(case),
        test => unknown(test),
    }
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

fn cache(nodes: &Value, existing: &Value) -> Cache {
    let mut cache = Cache::default();
    for node in nodes.as_array().into_iter().flatten() {
        cache.set_node(Rc::new(serde_json::from_value(node.clone()).unwrap_or_default()));
    }
    for (i, pod) in existing.as_array().into_iter().flatten().enumerate() {
        let mut pod = pod.clone();
        pod["metadata"]["uid"] = format!("u{i}").into();
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default().to_string();
        cache.put_pod(&node, Rc::new(pod_info(&pod)));
    }
    cache
}

fn plugin(name: &str) -> &'static dyn Plugin {
    *PLUGINS.iter().find(|p| p.name() == name).unwrap_or_else(|| panic!("no plugin {name}"))
}

/// A filter's status for one node, as the tables write it; null for success.
fn filter(name: &str, pod: &PodInfo, node: &NodeInfo) -> Value {
    match plugin(name).filter(pod, &Cache::default()) {
        Filter::Skip => Value::Null,
        Filter::Reject(reason) => json!({"code": "UnschedulableAndUnresolvable", "reasons": [reason]}),
        Filter::Check { only: Some(only), .. } if !only.contains(&*node.name) => {
            json!({"code": "UnschedulableAndUnresolvable", "reasons": ["not among the nodes named"]})
        }
        Filter::Check { check, .. } => status(check(node)),
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

fn node_affinity(case: Case) -> Outcome {
    let (input, expected) = (case.input, case.expected);
    if input["args"]["AddedAffinity"].is_object() {
        return Err(Failure::not_run("affinity of the scheduler's own configuration"));
    }
    let node = json!({"metadata": {"name": input["nodeName"], "labels": input["labels"]}});
    let (pod, node) = (pod_info(&input["pod"]), node_info(&node, &Value::Null));
    let want = match &expected["wantPreFilterStatus"]["code"] {
        Value::String(code) if code != "Skip" => &expected["wantPreFilterStatus"],
        _ => &expected["wantStatus"],
    };
    let got = match plugin("NodeAffinity").filter(&pod, &Cache::default()) {
        Filter::Skip => Value::Null,
        Filter::Reject(reason) => json!({"code": "UnschedulableAndUnresolvable", "reasons": [reason]}),
        Filter::Check { check, .. } => status(check(&node)),
    };
    same(got, expected_status(want))
}

/// Normalised scores of all nodes against the list that is expected under any of its names.
fn listed(name: &str, pod: &Value, case: Case) -> Outcome {
    let cache = cache(&case.input["nodes"], &case.input["existingPods"]);
    let pod = pod_info(pod);
    let values: Vec<i64> = match plugin(name).score(&pod, &cache) {
        None => vec![0; cache.nodes().len()],
        Some(score) => {
            let mut raw: Vec<i64> = cache.nodes().iter().map(|node| (score.score)(node)).collect();
            plugins::normalize(&mut raw, score.normalize);
            raw
        }
    };
    let got: Vec<(String, i64)> = cache.nodes().iter().map(|node| node.name.to_string()).zip(values).collect();
    let list =
        ["expectedList", "expectedScores", "expectedPriorities"].iter().find_map(|key| case.expected[key].as_array());
    let Some(list) = list else { return Err(Failure::not_run("no list of scores")) };
    let entry =
        |e: &Value| (e["Name"].as_str().unwrap_or_default().to_string(), e["Score"].as_i64().unwrap_or_default());
    same(got, list.iter().map(entry).collect())
}

fn fit_error(case: Case) -> Outcome {
    let diagnosis = &case.input["diagnosis"];
    let text = |key: &str| diagnosis[key].as_str().unwrap_or_default().to_string();
    let mut got = Diagnosis {
        nodes: case.input["numAllNodes"].as_u64().unwrap_or_default() as usize,
        pre_filter: Some(text("PreFilterMsg")).filter(|text| !text.is_empty()),
        post_filter: text("PostFilterMsg"),
        ..Diagnosis::default()
    };
    for node in diagnosis["NodeToStatus"]["nodeToStatus"].as_object().into_iter().flatten().map(|(_, node)| node) {
        for reason in node["reasons"].as_array().into_iter().flatten() {
            *got.reasons.entry(reason.as_str().unwrap_or_default().to_string().into()).or_insert(0) += 1;
        }
    }
    same(got.to_string().as_str(), case.expected["wantReasonMsg"].as_str().unwrap_or_default())
}
