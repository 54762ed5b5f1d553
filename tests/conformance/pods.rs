//! What pods ask for, and names of images (g, h).

use podarium::{
    api::{
        Pod,
        resources::{self, Amounts, Options},
    },
    registry::{ImageRef, apply_default_tag},
    scheduler::{Resources, nonzero_requests, requests},
};
use serde_json::{Value, json};

use super::{Case, Failure, Outcome, Table, each, same, unknown};

pub fn run(table: &Table) -> Vec<Outcome> {
    each(table, |case| match case.test {
        "TestPodResourceRequests" | "TestPodResourceLimits" | "TestPodLevelResourceRequests" => parts(case, true),
        "TestAggregateContainerRequestsAndLimits" => parts(case, false),
        "TestPodRequestsAndLimits" => whole(case, Options::default()),
        "TestPodRequestsAndLimitsWithoutOverhead" => {
            whole(case, Options { exclude_overhead: true, ..Options::default() })
        }
        "TestPodInfoCalculateResources" => pod_info(case),
        "TestResourceAllocationScorerCalculateRequests" => {
            let got = nonzero_requests(&pod(case.input["pod"].clone())?);
            let want = |name: &str| case.expected["expected"][format!("\"{name}\"")].as_i64().unwrap_or(-1);
            same(got, (want("cpu"), want("memory")))
        }
        "TestParseImageName" | "generated (real ParseImageName run)" => image(case),
        "TestApplyDefaultImageTag" => {
            let got = apply_default_tag(case.input["Input"].as_str().unwrap_or_default());
            let got = got.unwrap_or_else(|error| error.to_string());
            same(got.as_str(), case.expected["Output"].as_str().unwrap_or_default())
        }
        test => unknown(test),
    })
}

fn pod(value: Value) -> Result<Pod, Failure> {
    serde_json::from_value(value).map_err(|error| Failure::not_run(error.to_string()))
}

fn options(case: Case) -> Options {
    let given = if case.input["options"].is_object() { &case.input["options"] } else { &case.input["opts"] };
    let on = |key: &str| given[key] == true;
    Options {
        use_status: on("UseStatusResources"),
        exclude_overhead: on("ExcludeOverhead"),
        skip_pod_level: on("SkipPodLevelResources"),
        skip_container_level: on("SkipContainerLevelResources"),
        in_place_pod_level: on("InPlacePodLevelResourcesVerticalScalingEnabled"),
        use_claims: on("UseDRANodeAllocatableResourceClaimStatus"),
        missing: amounts(&given["NonMissingContainerRequests"]),
    }
}

fn amounts(value: &Value) -> Amounts {
    let list = serde_json::from_value(value.clone()).unwrap_or_default();
    resources::amounts(Some(&list))
}

/// Amounts as texts: `cpu` of `1000m` is that of `1`.
fn shown(amounts: Amounts) -> Vec<String> {
    amounts.into_iter().map(|(name, quantity)| format!("{name}={} n", quantity.scaled_value(-9))).collect()
}

/// The lists that the table expects.
fn compare(case: Case, requests: Amounts, limits: Amounts) -> Outcome {
    for (key, got) in [("expectedRequests", requests), ("expectedLimits", limits)] {
        if case.expected[key].is_object() {
            same((key, shown(got)), (key, shown(amounts(&case.expected[key]))))?;
        }
    }
    Ok(())
}

fn parts(case: Case, whole: bool) -> Outcome {
    let input = case.input;
    let pod = pod(json!({
        "spec": {"containers": input["containers"], "initContainers": input["initContainers"],
            "resources": input["podResources"], "overhead": input["overhead"]},
        "status": {"containerStatuses": first(&[&input["containerStatus"], &input["containerStatuses"]]),
            "initContainerStatuses": input["initContainerStatuses"], "conditions": input["podResizeStatus"],
            "nodeAllocatableResourceClaimStatuses": input["nodeAllocatableResourceClaimStatuses"]},
    }))?;
    let options = options(case);
    if whole {
        return compare(case, resources::requests(&pod, &options), resources::limits(&pod, &options));
    }
    let requests = resources::container_requests(&pod, &options);
    compare(case, requests, resources::container_limits(&pod, &options))
}

fn first<'a>(values: &[&'a Value]) -> &'a Value {
    values.iter().find(|value| !value.is_null()).copied().unwrap_or(&Value::Null)
}

fn whole(case: Case, options: Options) -> Outcome {
    let pod = pod(case.input["pod"].clone())?;
    compare(case, resources::requests(&pod, &options), resources::limits(&pod, &options))
}

fn pod_info(case: Case) -> Outcome {
    let input = case.input;
    let pod = pod(json!({
        "spec": {"containers": input["containers"], "initContainers": input["initContainers"],
            "resources": input["podResources"], "overhead": input["overhead"]},
        "status": {"nodeAllocatableResourceClaimStatuses": input["nodeAllocatableResourceClaimStatuses"]},
    }))?;
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    let expected = &case.expected["expectedResource"];
    let resource = &expected["Resource"];
    let want = (number(&resource["MilliCPU"]), number(&resource["Memory"]), number(&resource["EphemeralStorage"]));
    // Claims of the node's own resources are behind a gate that is off in the scheduler.
    if input["nodeAllocatableResourcesDRAEnabled"] == true {
        let options = Options { use_claims: true, ..Options::default() };
        let got = Resources::of_amounts(&resources::requests(&pod, &options));
        return same((got.milli_cpu, got.memory, got.ephemeral_storage), want);
    }
    let got = requests(&pod);
    same((got.milli_cpu, got.memory, got.ephemeral_storage), want)?;
    same(nonzero_requests(&pod), (number(&expected["Non0CPU"]), number(&expected["Non0Mem"])))
}

/// Repository, tag and digest, or the error.
fn image(case: Case) -> Outcome {
    let generated = case.input["image"].is_string();
    let name = case.input[if generated { "image" } else { "Input" }].as_str().unwrap_or_default();
    let of = |lower: &str, upper: &str| {
        case.expected[if generated { lower } else { upper }].as_str().unwrap_or_default().to_string()
    };
    let error = of("error", "expectedError");
    match ImageRef::parse(name) {
        Ok(image) => {
            let got = (image.repository(), image.tag.unwrap_or_default(), image.digest.unwrap_or_default());
            if !error.is_empty() {
                return Err(Failure::new(error, format!("{got:?}")));
            }
            same(got, (of("repo", "Repo"), of("tag", "Tag"), of("digest", "Digest")))
        }
        Err(why) if error.is_empty() => Err(Failure::new("a name", why.to_string())),
        Err(why) => {
            // The kubelet says which name it couldn't read.
            let got = format!("couldn't parse image name \"{name}\": {why}");
            if got == error || (!generated && got.contains(&error)) { Ok(()) } else { Err(Failure::new(error, got)) }
        }
    }
}
