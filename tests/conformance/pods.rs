//! What pods ask for, and names of images (g, h).

use k8s_openapi::api::core::v1::Pod;
use podarium::scheduler::{Resources, nonzero_requests, requests};
use serde_json::{Value, json};

use super::{Case, Failure, Outcome, Table, each, same, unknown};

pub fn run(table: &Table) -> Vec<Outcome> {
    each(table, |case| match case.test {
        "TestPodResourceRequests" | "TestPodLevelResourceRequests" => pod_requests(case),
        "TestPodInfoCalculateResources" => pod_info(case),
        test => unknown(test),
    })
}

fn pod(value: Value) -> Result<Pod, Failure> {
    serde_json::from_value(value).map_err(|error| Failure::not_run(error.to_string()))
}

fn pod_requests(case: Case) -> Outcome {
    let input = case.input;
    let pod = pod(json!({
        "spec": {"containers": input["containers"], "initContainers": input["initContainers"],
            "resources": input["podResources"], "overhead": input["overhead"]},
        "status": {"containerStatuses": input["containerStatus"],
            "initContainerStatuses": input["initContainerStatuses"], "conditions": input["podResizeStatus"]},
    }))?;
    let expected = serde_json::from_value(case.expected["expectedRequests"].clone()).unwrap_or_default();
    same(requests(&pod), Resources::of(Some(&expected)))
}

fn pod_info(case: Case) -> Outcome {
    let input = case.input;
    let pod = pod(json!({"spec": {"containers": input["containers"], "initContainers": input["initContainers"],
        "resources": input["podResources"], "overhead": input["overhead"]}}))?;
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    let expected = &case.expected["expectedResource"];
    let resource = &expected["Resource"];
    let got = requests(&pod);
    same((got.milli_cpu, got.memory), (number(&resource["MilliCPU"]), number(&resource["Memory"])))?;
    same(nonzero_requests(&pod), (number(&expected["Non0CPU"]), number(&expected["Non0Mem"])))
}
