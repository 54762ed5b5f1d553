//! The scheduler: what its plugins filter and score, and how it says that no node will do (e_*, l).

use std::rc::Rc;

use k8s_openapi::{
    api::core::v1::{Namespace, Node, NodeSelectorTerm, PreferredSchedulingTerm, Service, Taint, Toleration},
    jiff::Timestamp,
};
use podarium::{
    api::{Kind, Pod, field::Errors, other::Other, taints},
    scheduler::{
        Diagnosis, PLUGINS,
        cache::{Cache, NodeInfo, PodInfo},
        config::{Args, Strategy},
        enough,
        plugins::{
            self, Filter, Normalize, Plugin, Refusal, image_locality::normalized, node_affinity, pod_topology_spread,
            scheduling_gates,
        },
        preemption,
        queue::Queue,
    },
    sim::SimTime,
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
            let node = node_info(&input["node"], &Value::Null);
            let got = filter_with(args(case), "TaintToleration", &pod_info(&input["pod"]), &node);
            same(got, expected_status(&expected["wantStatus"]))
        }
        "TestTaintTolerationScore" => listed("TaintToleration", &input["pod"], case),
        "TestNodeAffinity" => affinity(case),
        "TestNodeAffinityPriority" => listed("NodeAffinity", &input["pod"], case),
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
            let got = filter_with(args(case), "NodeResourcesFit", &pod_info(&input["pod"]), &node);
            same(got, expected_status(&expected[key]))
        }
        "TestIsFit" => {
            let node = node_info(&input["node"], &Value::Null);
            same(filter("NodeResourcesFit", &pod_info(&input["pod"]), &node).is_null(), expected["expected"] == true)
        }
        "TestLeastAllocatedScoringStrategy" | "TestMostAllocatedScoringStrategy" | "testFitScore" => {
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
        "TestNormalizedImageName" => same(
            normalized(input["Input"].as_str().unwrap_or_default()).as_str(),
            input["Output"].as_str().unwrap_or_default(),
        ),
        "TestPreEnqueue" => {
            let pod: Pod = serde_json::from_value(input["pod"].clone()).unwrap_or_default();
            same(status(scheduling_gates::check(&pod)), expected_status(&expected["want"]))
        }
        "TestNumFeasibleNodesToFind" => {
            let given = |key: &str| input[key].as_u64().filter(|percent| *percent > 0);
            let percent = given("profilePercentage").or(given("globalPercentage")).map(|percent| percent as usize);
            let nodes = input["numAllNodes"].as_u64().unwrap_or_default() as usize;
            same(Some(enough(nodes, percent) as u64), expected["wantNumNodes"].as_u64())
        }
        "TestLess" => less(case),
        "TestFindMatchingUntoleratedTaint" => {
            let taints: Vec<Taint> = serde_json::from_value(input["taints"].clone()).unwrap_or_default();
            let tolerations: Vec<Toleration> = serde_json::from_value(input["tolerations"].clone()).unwrap_or_default();
            // Filters are functions, which the table doesn't keep; those that aren't trivial are told by the name.
            let none = case.name.contains("no taints apply to the filter");
            let executing = case.name.starts_with("tolerations match taints");
            let matters = |taint: &Taint| !none && (!executing || taint.effect == "NoExecute");
            let comparing = input["enableComparisonOperatorsFG"] == true;
            let got = taints::untolerated(&taints, &tolerations, matters, comparing).is_none();
            same(got, expected["expectTolerated"] == true)
        }
        "TestNodeSelectorMatch" => {
            let terms = input["nodeSelector"]["nodeSelectorTerms"].clone();
            let terms: Vec<NodeSelectorTerm> = serde_json::from_value(terms).unwrap_or_default();
            let paths = (0..).map(|index| format!("nodeSelectorTerms[{index}]"));
            same_faults(terms.iter().zip(paths), &expected["wantErr"])?;
            let node = node_info(&input["node"], &Value::Null);
            let got = input["node"].is_object() && terms.iter().any(|term| node_affinity::matches(term, &node));
            same(got, expected["wantMatch"] == true)
        }
        "TestPreferredSchedulingTermsScore" => {
            let terms: Vec<PreferredSchedulingTerm> =
                serde_json::from_value(input["prefSchedTerms"].clone()).unwrap_or_default();
            let weighed = || terms.iter().enumerate().filter(|(_, term)| term.weight != 0);
            same_faults(weighed().map(|(index, term)| (&term.preference, format!("[{index}]"))), &expected["wantErr"])?;
            let node = node_info(&input["node"], &Value::Null);
            let matching = weighed().filter(|(_, term)| node_affinity::matches(&term.preference, &node));
            let got: i64 = matching.map(|(_, term)| i64::from(term.weight)).sum();
            same(Some(if input["node"].is_object() { got } else { 0 }), expected["wantScore"].as_i64())
        }
        "TestFitError_Error" => fit_error(case),
        "TestSingleConstraint" | "TestMultipleConstraints" => {
            let cache = cache(case, &input["nodes"], &input["existingPods"]);
            let pod = pod_info(&input["pod"]);
            let filter = plugin("PodTopologySpread").filter(&pod, &cache);
            let code = |node: &NodeInfo| verdict(&filter, node)["code"].as_str().unwrap_or("Success").to_string();
            let got: Value =
                cache.nodes().iter().map(|node| (node.name.to_string(), Value::from(code(node)))).collect();
            same(&got, &expected["wantStatusCode"])
        }
        "TestPreFilterState" => {
            let cache = cache(case, &input["nodes"], &input["existingPods"]);
            let got = json!(pod_topology_spread::counts(&pod_info(&input["pod"]), &cache));
            let want = &expected["want"]["TpValueToMatchNum"];
            same(got, if want.is_null() { json!([]) } else { want.clone() })
        }
        "TestPodTopologySpreadScore" => {
            let mut all = input["nodes"].as_array().cloned().unwrap_or_default();
            all.extend(input["failedNodes"].as_array().into_iter().flatten().cloned());
            let cache = cache(case, &all.into(), &input["existingPods"]);
            let feasible = input["nodes"].as_array().map_or(0, Vec::len);
            same(scores("PodTopologySpread", &pod_info(&input["pod"]), &cache, feasible), list(&expected["want"]))
        }
        "TestRequiredAffinitySingleNode" | "TestRequiredAffinityMultipleNodes" => required_affinity(case),
        "TestPreferredAffinity" => preferred_affinity(case),
        "TestSelectBestCandidate" => {
            let (mut cache, names) = large_nodes(case, "pods");
            let (candidates, _) =
                preemption::dry_run(&mut cache, &pod_info(&input["pod"]), &names, &[], 0, names.len());
            let got = preemption::pick(candidates).map(|candidate| candidate.node.to_string()).unwrap_or_default();
            let wanted = expected["expected"].as_array().into_iter().flatten().any(|name| *name == *got);
            if wanted { Ok(()) } else { Err(Failure::new(expected["expected"].to_string(), got)) }
        }
        "TestPodEligibleToPreemptOthers" => {
            let named = input["nodes"].as_array().into_iter().flatten().map(|name| json!({"metadata": {"name": name}}));
            let cache = cache(case, &named.collect(), &input["pods"]);
            let unresolvable = input["nominatedNodeStatus"]["code"] == "UnschedulableAndUnresolvable";
            let got = preemption::eligible(&pod_info(&input["pod"]), &cache, unresolvable).is_ok();
            same(got, expected["expected"] == true)
        }
        "TestDryRunPreemption" => dry_run(case),
        test => unknown(test),
    }
}

/// The plugins' configuration in a case, under any of its names.
fn args(case: Case) -> Args {
    let input = case.input;
    let given = if input["nodeResourcesFitArgs"].is_object() { &input["nodeResourcesFitArgs"] } else { &input["args"] };
    let mut args = Args {
        comparing_tolerations: input["enableTaintTolerationComparisonOps"] == true,
        match_label_keys: input["enableMatchLabelKeys"] == true,
        node_inclusion_policies: input["enableNodeInclusionPolicy"] == true,
        ignore_others_preferences: input["ignorePreferredTermsOfExistingPods"] == true,
        ..Args::default()
    };
    if input["defaultConstraints"].is_array() {
        args.default_constraints = serde_json::from_value(input["defaultConstraints"].clone()).unwrap_or_default();
        args.default_constraints_are_the_systems = false;
    }
    if given["AddedAffinity"].is_object() {
        args.added_affinity = serde_json::from_value(given["AddedAffinity"].clone()).ok();
    }
    let names = |key: &str| {
        let list = given[key].as_array().into_iter().flatten();
        list.filter_map(|name| name.as_str().map(str::to_string)).collect()
    };
    args.ignored_resources = names("IgnoredResources");
    args.ignored_resource_groups = names("IgnoredResourceGroups");
    let strategy = &given["ScoringStrategy"];
    let resources = |list: &Value| {
        let one = |r: &Value| (r["Name"].as_str().unwrap_or_default().to_string(), r["Weight"].as_i64().unwrap_or(0));
        list.as_array().map(|list| list.iter().map(one).collect::<Vec<_>>())
    };
    match case.test {
        "TestLeastAllocatedScoringStrategy" | "TestMostAllocatedScoringStrategy" => {
            args.fit_resources = resources(&input["resources"]).unwrap_or_default();
        }
        "testNodeResourcesBalancedAllocation" => {
            args.balanced_resources = resources(&given["Resources"]).unwrap_or_default();
        }
        _ => args.fit_resources = resources(&strategy["Resources"]).unwrap_or(args.fit_resources),
    }
    let kind = strategy["Type"].as_str().unwrap_or_default();
    if kind == "MostAllocated" || case.test == "TestMostAllocatedScoringStrategy" {
        args.strategy = Strategy::MostAllocated;
    }
    if kind == "RequestedToCapacityRatio" {
        let points = strategy["RequestedToCapacityRatio"]["Shape"].as_array().into_iter().flatten();
        let number = |point: &Value, key: &str| point[key].as_i64().unwrap_or_default();
        // The configuration's scores go up to 10.
        let points = points.map(|point| (number(point, "Utilization"), number(point, "Score") * 10)).collect();
        args.strategy = Strategy::RequestedToCapacityRatio(points);
    }
    args
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

fn cache(case: Case, nodes: &Value, existing: &Value) -> Cache {
    let mut cache = Cache::with(args(case));
    // The namespaces of upstream's tests.
    for (name, team) in [
        ("subteam1.team1", Some("team1")),
        ("subteam2.team1", Some("team1")),
        ("subteam1.team2", Some("team2")),
        ("subteam2.team2", Some("team2")),
        ("nsWithNoLabels", None),
    ] {
        let labels = team.map(|team| json!({"team": team}));
        let namespace = json!({"metadata": {"name": name, "labels": labels}});
        cache.set_namespace(&serde_json::from_value::<Namespace>(namespace).unwrap_or_default());
    }
    for object in case.input["objs"].as_array().into_iter().flatten() {
        cache.set_service(&serde_json::from_value::<Service>(object.clone()).unwrap_or_default());
    }
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
    filter_with(Args::default(), name, pod, node)
}

fn filter_with(args: Args, name: &str, pod: &PodInfo, node: &NodeInfo) -> Value {
    match plugin(name).filter(pod, &Cache::with(args)) {
        Filter::Skip => Value::Null,
        Filter::Reject(reason) => json!({"code": "UnschedulableAndUnresolvable", "reasons": [reason]}),
        Filter::Check { only: Some(only), .. } if !only.contains(&*node.name) => {
            json!({"code": "UnschedulableAndUnresolvable", "reasons": ["not among the nodes named"]})
        }
        Filter::Check { check, .. } => status(check(node)),
    }
}

/// What a plugin's filter says of a node, as the tables write it; null for success.
fn verdict(filter: &Filter, node: &NodeInfo) -> Value {
    match filter {
        Filter::Skip => Value::Null,
        Filter::Reject(reason) => json!({"code": "UnschedulableAndUnresolvable", "reasons": [reason]}),
        Filter::Check { check, .. } => status(check(node)),
    }
}

/// Nodes of half a CPU; a name says its labels too.
fn large_nodes(case: Case, pods: &str) -> (Cache, Vec<Rc<str>>) {
    let node = |name: &Value| {
        let parts: Vec<&str> = name.as_str().unwrap_or_default().split('/').collect();
        let labels: Value = ["hostname", "zone", "region"]
            .iter()
            .zip(&parts)
            .map(|(key, value)| (key.to_string(), Value::from(*value)))
            .collect();
        let capacity = json!({"cpu": "500m", "memory": "500", "pods": "32"});
        // A filter that refuses all nodes, for which upstream has a plugin of its own.
        let refused = case.input["fakeFilterRC"] == 2;
        json!({"metadata": {"name": parts[0], "labels": labels}, "spec": {"unschedulable": refused},
            "status": {"capacity": capacity, "allocatable": capacity}})
    };
    let nodes: Value = case.input["nodeNames"].as_array().into_iter().flatten().map(node).collect();
    let cache = cache(case, &nodes, &case.input[pods]);
    let names = cache.nodes().iter().map(|node| node.name.clone()).collect();
    (cache, names)
}

/// Candidates with their victims. Where the search begins is chance, which the table doesn't tell: any beginning will do.
fn dry_run(case: Case) -> Outcome {
    let (mut cache, names) = large_nodes(case, "initPods");
    let budgets = case.input["pdbs"].as_array().into_iter().flatten().cloned();
    let budgets: Vec<Rc<Other>> =
        budgets.filter_map(|budget| Other::read(Kind::PodDisruptionBudget, budget).ok().map(Rc::new)).collect();
    let number = |key: &str, default: u64| case.input["args"][key].as_u64().unwrap_or(default) as usize;
    let wanted = preemption::enough(
        names.len(),
        number("MinCandidateNodesPercentage", 10),
        number("MinCandidateNodesAbsolute", 100),
    );
    for (at, pod) in case.input["testPods"].as_array().into_iter().flatten().enumerate() {
        let expected = case.expected["expected"][at].as_array().into_iter().flatten().map(|candidate| {
            let victims = candidate["victims"]["Pods"].as_array().into_iter().flatten();
            let mut victims: Vec<String> =
                victims.map(|pod| pod["metadata"]["name"].as_str().unwrap_or_default().into()).collect();
            victims.sort();
            let violations = candidate["victims"]["NumPDBViolations"].as_u64().unwrap_or_default() as usize;
            (candidate["name"].as_str().unwrap_or_default().to_string(), violations, victims)
        });
        let expected: Vec<_> = expected.collect();
        let pod = pod_info(pod);
        let mut run = |offset: usize| {
            let (candidates, _) = preemption::dry_run(&mut cache, &pod, &names, &budgets, offset, wanted);
            let one = |candidate: preemption::Candidate| {
                let names = candidate.victims.iter().map(|v| v.pod.metadata.name.clone().unwrap_or_default());
                let mut victims: Vec<String> = names.collect();
                victims.sort();
                (candidate.node.to_string(), candidate.violations, victims)
            };
            let mut found: Vec<_> = candidates.into_iter().map(one).collect();
            found.sort();
            found
        };
        let got: Vec<_> = (0..names.len()).map(&mut run).collect();
        if !got.contains(&expected) {
            return Err(Failure::new(format!("{expected:?}"), format!("{:?}", got.first())));
        }
    }
    Ok(())
}

fn required_affinity(case: Case) -> Outcome {
    let (input, expected) = (case.input, case.expected);
    let nodes = if input["nodes"].is_array() { input["nodes"].clone() } else { json!([input["node"]]) };
    let cache = cache(case, &nodes, &input["pods"]);
    let pod = pod_info(&input["pod"]);
    let filter = plugin("InterPodAffinity").filter(&pod, &cache);
    if expected["wantPreFilterStatus"]["code"] == "Skip" {
        return same(matches!(filter, Filter::Skip), true);
    }
    let whole = expected_status(&expected["wantPreFilterStatus"]);
    let want: Vec<Value> = match expected["wantFilterStatuses"].as_array() {
        _ if !whole.is_null() => cache.nodes().iter().map(|_| whole.clone()).collect(),
        Some(list) => list.iter().map(expected_status).collect(),
        None => vec![expected_status(&expected["wantFilterStatus"])],
    };
    same(cache.nodes().iter().map(|node| verdict(&filter, node)).collect(), want)
}

fn preferred_affinity(case: Case) -> Outcome {
    let (input, expected) = (case.input, case.expected);
    let cache = cache(case, &input["nodes"], &input["pods"]);
    let pod = pod_info(&input["pod"]);
    match expected["wantStatus"]["code"].as_str() {
        Some("Error") => {
            let got = pod.terms.as_ref().and_then(|terms| terms.fault.clone()).unwrap_or_default();
            let want = expected["wantStatus"]["reasons"][0].as_str().unwrap_or_default();
            if got.contains(want) { Ok(()) } else { Err(Failure::new(want, got)) }
        }
        Some("Skip") => {
            let feasible: Vec<&NodeInfo> = cache.nodes().iter().collect();
            same(plugin("InterPodAffinity").score(&pod, &cache, &feasible).is_none(), true)
        }
        _ => same(scores("InterPodAffinity", &pod, &cache, cache.nodes().len()), list(&expected["expectedList"])),
    }
}

/// Normalised scores of the first nodes, which are those that are left to choose from.
fn scores(name: &str, pod: &PodInfo, cache: &Cache, feasible: usize) -> Vec<(String, i64)> {
    let nodes: Vec<&NodeInfo> = cache.nodes().iter().take(feasible).collect();
    let values: Vec<i64> = match plugin(name).score(pod, cache, &nodes) {
        None => vec![0; nodes.len()],
        Some(score) => {
            let mut raw: Vec<i64> = nodes.iter().map(|node| (score.score)(node)).collect();
            plugins::normalize(&mut raw, score.normalize);
            raw
        }
    };
    nodes.iter().map(|node| node.name.to_string()).zip(values).collect()
}

fn list(expected: &Value) -> Vec<(String, i64)> {
    let entry =
        |e: &Value| (e["Name"].as_str().unwrap_or_default().to_string(), e["Score"].as_i64().unwrap_or_default());
    expected.as_array().into_iter().flatten().map(entry).collect()
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

fn affinity(case: Case) -> Outcome {
    let (input, expected) = (case.input, case.expected);
    let node = json!({"metadata": {"name": input["nodeName"], "labels": input["labels"]}});
    let (pod, node) = (pod_info(&input["pod"]), node_info(&node, &Value::Null));
    let want = match &expected["wantPreFilterStatus"]["code"] {
        Value::String(code) if code != "Skip" => &expected["wantPreFilterStatus"],
        _ => &expected["wantStatus"],
    };
    let cache = Cache::with(args(case));
    let got = match plugin("NodeAffinity").filter(&pod, &cache) {
        Filter::Skip => Value::Null,
        Filter::Reject(reason) => json!({"code": "UnschedulableAndUnresolvable", "reasons": [reason]}),
        Filter::Check { check, .. } => status(check(&node)),
    };
    same(got, expected_status(want))
}

/// Normalised scores of all nodes against the list that is expected under any of its names.
fn listed(name: &str, pod: &Value, case: Case) -> Outcome {
    let cache = cache(case, &case.input["nodes"], &case.input["existingPods"]);
    if case.expected["wantErrs"].is_array() {
        let mut errors = Errors::new();
        cache.args.check(&mut errors);
        let got: Vec<String> = errors.into_causes().into_iter().map(|cause| cause.field).collect();
        let want = case.expected["wantErrs"].as_array().into_iter().flatten();
        let path = |error: &Value| error["error"].as_str().unwrap_or_default().split(": ").next().map(str::to_string);
        return same(got, want.filter_map(path).collect());
    }
    let pod = pod_info(pod);
    let expected = ["expectedList", "expectedScores", "expectedPriorities"].map(|key| &case.expected[key]);
    let Some(expected) = expected.into_iter().find(|expected| expected.is_array()) else {
        // Nothing is scored.
        let feasible: Vec<&NodeInfo> = cache.nodes().iter().collect();
        return same(plugin(name).score(&pod, &cache, &feasible).is_none(), true);
    };
    same(scores(name, &pod, &cache, cache.nodes().len()), list(expected))
}

/// Terms that can't be read, in one text.
fn same_faults<'t>(terms: impl Iterator<Item = (&'t NodeSelectorTerm, String)>, expected: &Value) -> Outcome {
    let mut faults: Vec<String> = terms.flat_map(|(term, path)| node_affinity::faults(term, &path)).collect();
    let got = match faults.len() {
        0 => String::new(),
        1 => faults.remove(0),
        _ => format!("[{}]", faults.join(", ")),
    };
    same(got.as_str(), expected["error"].as_str().unwrap_or_default())
}

/// Who comes first out of the queue.
fn less(case: Case) -> Outcome {
    let mut queue = Queue::default();
    let mut both: Vec<(Timestamp, &str)> = ["p1", "p2"]
        .into_iter()
        .map(|name| (case.input[name]["Timestamp"].as_str().and_then(|t| t.parse().ok()).unwrap_or_default(), name))
        .collect();
    both.sort();
    for (at, (_, name)) in both.into_iter().enumerate() {
        let mut pod = case.input[name]["PodInfo"]["Pod"].clone();
        pod["metadata"]["uid"] = name.into();
        queue.add(Rc::new(pod_info(&pod)), SimTime::from_nanos(at as u64));
    }
    let first = queue.pop(SimTime::from_nanos(9));
    same(first.is_some_and(|entry| entry.pod.uid() == "p1"), case.expected["expected"] == true)
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
