//! Validation: names, pods and their changes, the parts of containers and volumes (k0, k, k2).
//!
//! Upstream's tests give each part to the function that checks it. Most compare the type and the field of a fault alone.

use std::rc::Rc;

use podarium::api::{
    Kind, Object, Pod, PodSpec,
    client::{FieldValidation, Subresource},
    decode::decode,
    error::Cause,
    field::{Errors, Path},
    names,
    validate::{self, Options, container, env, handler, pod, resources, scheduling, update, volume},
};
use serde_json::{Value, json};

use super::{Case, Failure, Outcome, Table, each, same, unknown};

pub fn run(table: &Table) -> Vec<Outcome> {
    each(table, |case| match table.name.split('_').next() {
        Some("k0") => name_rule(case),
        Some("k") => pods(case),
        _ => parts(case),
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn name_rule(case: Case) -> Outcome {
    if case.test == "generated" {
        return generated_names(text(&case.input["string"]), case.expected);
    }
    let value = &case.input["value"];
    let wrong = match text(&case.input["function"]) {
        "IsDNS1035Label" => names::dns1035_label(text(value)),
        "IsDNS1123Label" => names::dns1123_label(text(value)),
        "IsDNS1123Subdomain" => names::dns1123_subdomain(text(value)),
        "IsHTTPHeaderName" => names::http_header_name(text(value)),
        "IsRelaxedEnvVarName" => names::env_name(text(value)),
        "IsValidPercent" => names::percent(text(value)),
        "IsValidPortName" => names::port_name(text(value)),
        "IsValidPortNum" => names::port_number(value.as_i64().unwrap_or_default()),
        "IsConfigMapKey" => names::config_key(text(value)),
        "IsQualifiedName" => names::qualified_name(text(value)),
        "IsValidLabelValue" => names::label_value(text(value)),
        "IsDNS1123SubdomainWithUnderscore" => names::dns1123_subdomain_with_underscore(text(value)),
        function => return unknown(function),
    };
    if wrong.is_empty() == (case.expected["valid"] == true) {
        return Ok(());
    }
    Err(Failure::new(format!("valid: {}", case.expected["valid"]), format!("{wrong:?}")))
}

fn generated_names(string: &str, expected: &Value) -> Outcome {
    type Rule = fn(&str) -> Vec<String>;
    let rules: [(&str, Rule); 8] = [
        ("configMapKey", names::config_key),
        ("dns1035Label", names::dns1035_label),
        ("dns1123Label", names::dns1123_label),
        ("dns1123Subdomain", names::dns1123_subdomain),
        ("labelValue", names::label_value),
        ("portName", names::port_name),
        ("qualifiedName", names::qualified_name),
        ("relaxedEnvVarName", names::env_name),
    ];
    for (name, rule) in rules {
        let want: Vec<String> = serde_json::from_value(expected[name].clone()).unwrap_or_default();
        same((name, rule(string)), (name, want))?;
    }
    Ok(())
}

/// A pod as the tables write it, without defaults.
fn read(value: &Value) -> Result<Rc<Pod>, Failure> {
    let mut value = value.clone();
    // A whole object, or just its parts.
    value["apiVersion"] = "v1".into();
    value["kind"] = "Pod".into();
    match decode(Kind::Pod, value, FieldValidation::Ignore) {
        Ok((Object::Pod(pod), _)) => Ok(pod),
        Ok(_) => Err(Failure::not_run("not a pod")),
        Err(error) => Err(Failure::not_run(error.message)),
    }
}

fn read_spec(spec: Value) -> Result<PodSpec, Failure> {
    Ok(read(&json!({"metadata": {}, "spec": spec}))?.spec.clone().unwrap_or_default().into_inner())
}

/// All faults in one text, as Go joins them.
fn aggregate(causes: &[Cause]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for cause in causes {
        let text = format!("{}: {}", cause.field, cause.message);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    if texts.len() == 1 { texts.remove(0) } else { format!("[{}]", texts.join(", ")) }
}

/// No faults, or some with a text among them.
fn refused(causes: &[Cause], with: &str) -> Outcome {
    let got = aggregate(causes);
    if !causes.is_empty() && got.contains(with) { Ok(()) } else { Err(Failure::new(with, got)) }
}

fn accepted(causes: &[Cause]) -> Outcome {
    if causes.is_empty() { Ok(()) } else { Err(Failure::new("accepted", aggregate(causes))) }
}

fn pods(case: Case) -> Outcome {
    let (input, expected) = (case.input, case.expected);
    match case.test {
        "TestValidatePod (success)" => {
            let value = if input["value"].is_object() { &input["value"] } else { &input["pod"] };
            accepted(&validate::create(&Object::Pod(read(value)?)))
        }
        "TestValidatePod (errors)" => {
            refused(&validate::create(&Object::Pod(read(&input["spec"])?)), text(&expected["expectedError"]))
        }
        "TestValidatePodUpdate" => pod_update(case),
        test => unknown(test),
    }
}

/// What the tests add to both sides where they left it out.
fn completed(new: &mut Value, old: &mut Value) {
    let container = json!([{"name": "autoadded", "image": "image", "terminationMessagePolicy": "File", "imagePullPolicy": "Always"}]);
    for (pointer, value) in [
        ("/metadata/name", json!("name")),
        ("/metadata/namespace", json!("namespace")),
        ("/spec/containers", container),
        ("/spec/dnsPolicy", json!("ClusterFirst")),
        ("/spec/restartPolicy", json!("Always")),
    ] {
        let absent = |side: &Value| side.pointer(pointer).is_none_or(|value| value.is_null() || *value == "");
        if absent(new) && absent(old) {
            let (part, key) = pointer[1..].split_once('/').unwrap_or_default();
            new[part][key] = value.clone();
            old[part][key] = value;
        }
    }
    new["metadata"]["resourceVersion"] = "1".into();
    old["metadata"]["resourceVersion"] = "1".into();
}

fn pod_update(case: Case) -> Outcome {
    let (mut new, mut old) = (case.input["new"].clone(), case.input["old"].clone());
    completed(&mut new, &mut old);
    let (new, old) = (Object::Pod(read(&new)?), Object::Pod(read(&old)?));
    let causes = validate::update(&new, &old, Subresource::None);
    match text(&case.expected["err"]) {
        "" => accepted(&causes),
        error => refused(&causes, error),
    }
}

/// An expected fault: `path: type`, and what follows it.
fn fault(error: &str) -> (String, String, String) {
    const TYPES: [&str; 9] = [
        "Required value",
        "Invalid value",
        "Unsupported value",
        "Duplicate value",
        "Forbidden",
        "Not found",
        "Too long",
        "Too many",
        "Internal error",
    ];
    let (path, message) = error.split_once(": ").unwrap_or(("", error));
    let kind = TYPES.iter().find(|kind| message.starts_with(**kind)).copied().unwrap_or_default();
    (path.to_string(), kind.to_string(), message[kind.len()..].to_string())
}

/// Faults against expected ones: paths and types in their order.
fn same_faults(errors: Errors, expected: &Value, whole: bool) -> Outcome {
    let got: Vec<String> = errors.texts();
    let want: Vec<&str> = expected.as_array().into_iter().flatten().map(|error| text(&error["error"])).collect();
    let one = |(got, want): (&String, &&str)| {
        let ((got_path, got_type, _), (path, kind, _)) = (fault(got), fault(want));
        if whole { got == want } else { got_path == path && got_type == kind }
    };
    if got.len() == want.len() && got.iter().zip(&want).all(one) {
        return Ok(());
    }
    Err(Failure::new(want.join("; "), got.join("; ")))
}

/// As [`same_faults`], in any order.
fn same_faults_sorted(errors: Errors, expected: &Value) -> Outcome {
    let mut got: Vec<_> = errors.texts().iter().map(|text| fault(text)).map(|(path, kind, _)| (path, kind)).collect();
    let list = expected.as_array().into_iter().flatten();
    let mut want: Vec<_> = list.map(|error| fault(text(&error["error"]))).map(|(path, kind, _)| (path, kind)).collect();
    got.sort();
    want.sort();
    same(got, want)
}

fn valid(errors: Errors, expected: &Value) -> Outcome {
    if errors.is_empty() == (expected["valid"] == true) {
        return Ok(());
    }
    Err(Failure::new(format!("valid: {}", expected["valid"]), errors.texts().join("; ")))
}

/// Go's field names to those of JSON.
pub fn lowered(value: &Value) -> Value {
    let lower = |key: &str| {
        // `IP`, `TLS`
        if key.chars().all(|letter| letter.is_ascii_uppercase()) {
            return key.to_ascii_lowercase();
        }
        let mut letters = key.chars();
        letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (lower(key), lowered(value))).collect(),
        Value::Array(items) => items.iter().map(lowered).collect(),
        other => other.clone(),
    }
}

fn refused_with(errors: Errors, error: &Value) -> Outcome {
    refused(&errors.into_causes(), text(error))
}

/// What the tests let through. Most give no options at all.
fn options(case: Case) -> Options {
    let on = |name: &str| case.input["opts"][name] == true;
    match case.test {
        "TestValidatePodSpec" | "TestValidatePodSpec.3" | "TestValidateContainerRestartPolicy.2" => Options::default(),
        "TestRelaxedValidateEnv" => Options { any_env_names: true, ..Options::none() },
        _ => Options {
            is_pod: on("ResourceIsPod"),
            zero_sleep: case.input["zeroValueEnabled"] == true,
            privileged: case.test != "TestValidateContainers",
            merged_match_keys: on("AllowMatchLabelKeysInPodTopologySpread")
                && on("AllowMatchLabelKeysInPodTopologySpreadSelectorMerge"),
            wrong_match_keys: on("OldPodViolatesMatchLabelKeysValidation")
                || on("OldPodViolatesLegacyMatchLabelKeysValidation"),
            wrong_spread_selectors: on("AllowInvalidTopologySpreadConstraintLabelSelector"),
            user_namespace_devices: on("AllowUserNamespacesWithVolumeDevices"),
            wrong_token_paths: on("AllowNonLocalProjectedTokenPath"),
            legacy_addresses: case.input["legacyIPs"] == true,
            ..Options::none()
        },
    }
}

fn parts(case: Case) -> Outcome {
    let (input, expected) = (case.input, case.expected);
    let mut errors = Errors::with(options(case));
    let field = Path::root("field");
    match case.test {
        "TestValidateContainers" => {
            let spec = read_spec(json!({"containers": input["containers"], "restartPolicy": "Always",
                "terminationGracePeriodSeconds": 30, "os": {"name": "linux"}}))?;
            let around = container::Around { spec: &spec, volumes: &Vec::new(), claims: &[] };
            container::containers(&mut errors, &around, &Path::root("containers"));
            same_faults(errors, &expected["expectedErrors"], false)
        }
        "TestValidateInitContainers" => {
            let app = json!([{"name": "app", "image": "nginx", "imagePullPolicy": "IfNotPresent", "terminationMessagePolicy": "File"}]);
            let spec = read_spec(json!({"containers": app, "initContainers": input["initContainers"],
                "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "os": {"name": "linux"}}))?;
            let around = container::Around { spec: &spec, volumes: &Vec::new(), claims: &[] };
            container::init_containers(&mut errors, &around, &Path::root("initContainers"));
            same_faults(errors, &expected["expectedErrors"], false)
        }
        "TestValidateEphemeralContainers.2" => {
            let around = |name: &str, image: &str| json!([{"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "terminationMessagePolicy": "File"}]);
            let spec = read_spec(
                json!({"containers": around("ctr", "image"), "initContainers": around("ictr", "iimage"),
                "ephemeralContainers": input["ephemeralContainers"], "restartPolicy": "Always",
                "volumes": [{"name": "blk", "persistentVolumeClaim": {"claimName": "pvc"}}, {"name": "vol", "emptyDir": {}}]}),
            )?;
            let volumes = spec.volumes.iter().flatten().collect();
            let around = container::Around { spec: &spec, volumes: &volumes, claims: &[] };
            container::ephemeral_containers(&mut errors, &around, &Path::root("ephemeralContainers"));
            same_faults(errors, &expected["expectedErrors"], false)
        }
        "TestValidateContainerRestartPolicy.2" => {
            let policies: Vec<Value> = input["RestartPolicyRules"].as_array().cloned().unwrap_or_default();
            let mut item = json!({"name": "abc", "image": "image", "imagePullPolicy": "IfNotPresent", "terminationMessagePolicy": "File",
                "restartPolicyRules": lowered(&policies.into())});
            if input["RestartPolicy"].is_string() {
                item["restartPolicy"] = input["RestartPolicy"].clone();
            }
            let mut spec = read_spec(
                json!({"containers": [item], "restartPolicy": "Always", "terminationGracePeriodSeconds": 30}),
            )?;
            // An empty policy is one, and not none.
            if let Some(policy) = input["RestartPolicy"].as_str() {
                spec.containers[0].restart_policy = Some(policy.into());
            }
            let around = container::Around { spec: &spec, volumes: &Vec::new(), claims: &[] };
            container::containers(&mut errors, &around, &Path::root("containers"));
            same_faults(errors, &expected["ExpectedErrors"], false)
        }
        "TestValidateEnv.2" | "TestRelaxedValidateEnv" | "TestValidateEnvFrom.2" => {
            let key = if case.test == "TestValidateEnvFrom.2" { "envFrom" } else { "env" };
            let spec = read_spec(json!({"containers": [{"name": "a", key: input["envs"]}]}))?;
            let one = &spec.containers[0];
            env::env(&mut errors, one.env.as_deref().unwrap_or_default(), &field);
            env::env_from(&mut errors, one.env_from.as_deref().unwrap_or_default(), &field);
            refused_with(errors, &expected["expectedError"])
        }
        "TestValidatePorts" => {
            let spec = read_spec(json!({"containers": [{"name": "a", "ports": input["P"]}]}))?;
            container::ports(&mut errors, spec.containers[0].ports.as_deref().unwrap_or_default(), &field);
            let causes = errors.into_causes();
            let fits = |cause: &Cause| {
                cause.reason == text(&input["T"])
                    && cause.field.contains(text(&input["F"]))
                    && cause.message.contains(text(&input["D"]))
            };
            if !causes.is_empty() && causes.iter().all(fits) {
                return Ok(());
            }
            Err(Failure::new(format!("{} {} {}", input["T"], input["F"], input["D"]), aggregate(&causes)))
        }
        "TestValidateVolumes" => volumes(case),
        "Test_validateProbe" => {
            let args = &input["args"];
            let spec = read_spec(json!({"containers": [{"name": "a", "livenessProbe": args["probe"]}]}))?;
            let Some(probe) = &spec.containers[0].liveness_probe else { return Err(Failure::not_run("no probe")) };
            handler::any_probe(&mut errors, probe, Some(30), &Path::root(text(&args["fldPath"]["name"])));
            same_faults(errors, &expected["want"], true)
        }
        "TestValidateSleepAction" => {
            let seconds = input["action"]["Seconds"].as_i64().unwrap_or_default();
            handler::sleep(
                &mut errors,
                seconds,
                input["gracePeriod"].as_i64().unwrap_or_default(),
                &Path::root("root"),
            );
            same_faults(errors, &expected["expectErr"], true)
        }
        "TestValidatePodDNSConfig" => {
            let spec = read_spec(json!({"containers": [], "dnsConfig": lowered(&input["dnsConfig"])}))?;
            let config = if input["dnsConfig"].is_null() { None } else { spec.dns_config.as_ref() };
            pod::dns_config(&mut errors, config, text(&input["dnsPolicy"]), &Path::root("dnsConfig"));
            valid(errors, expected)
        }
        "TestValidateHostUsers" => {
            pod::host_users(&mut errors, &read_spec(input["spec"].clone())?, &Path::root("spec"));
            valid(errors, expected)
        }
        "TestValidatePodHostName" => {
            let mut spec = read_spec(input["spec"].clone())?;
            spec.hostname_override = input["spec"]["hostnameOverride"].as_str().map(str::to_string);
            pod::hostname_override(&mut errors, &spec, &Path::root("spec"));
            same_faults(errors, &expected["expectedErrs"], false)
        }
        "TestValidateTopologySpreadConstraints" => {
            let spec = read_spec(json!({"containers": [], "topologySpreadConstraints": input["constraints"]}))?;
            let list = spec.topology_spread_constraints.as_deref().unwrap_or_default();
            scheduling::topology_spread(&mut errors, list, &field);
            same_faults_sorted(errors, &expected["wantFieldErrors"])
        }
        "TestValidatePodResourceNames" => {
            resources::pod_resource_name(&mut errors, text(&input["input"]), &field);
            valid(errors, expected)
        }
        "TestValidateResourceNames" => {
            resources::resource_name(&mut errors, text(&input["input"]), &field);
            valid(errors, expected)
        }
        "TestValidateResourceRequirements" | "TestValidateResourceRequirements.2" => {
            let spec = read_spec(json!({"containers": [{"name": "a", "resources": input["requirements"]}]}))?;
            let (of, path) = (spec.containers[0].resources.as_ref(), Path::root("resources"));
            // The names tell which of two checks the test calls.
            if case.name.starts_with("pod ") {
                resources::pod_requirements(&mut errors, of, &path);
            } else {
                resources::container_resources(&mut errors, of, &[], &path);
            }
            valid(errors, expected)
        }
        "TestValidatePodSpec" | "TestValidatePodSpec.3" => {
            let spec = read(&input["pod"])?.spec.clone().unwrap_or_default();
            pod::pod_spec(&mut errors, &spec, "", &field);
            // The second table is of pods that are refused, whatever for.
            same(errors.is_empty(), case.test == "TestValidatePodSpec")
                .map_err(|failure| Failure::new(failure.expected, errors.texts().join("; ")))
        }
        "TestValidateContainerStateTransition" | "TestValidateInitContainerStateTransition" => {
            let list = |statuses: &Value| {
                let pod = read(
                    &json!({"metadata": {}, "spec": input["podSpec"], "status": {"containerStatuses": statuses}}),
                )?;
                Ok(pod.status.as_ref().and_then(|status| status.container_statuses.clone()).unwrap_or_default())
            };
            let (new, old) = (list(&input["newStatuses"])?, list(&input["oldStatuses"])?);
            let spec = read_spec(input["podSpec"].clone())?;
            let of = if case.test.contains("Init") {
                spec.init_containers.as_deref()
            } else {
                Some(spec.containers.as_slice())
            };
            update::state_transitions(&mut errors, &new, &old, of.unwrap_or_default(), &spec, &field);
            valid(errors, expected)
        }
        test => unknown(test),
    }
}

/// Where the fields end as expected, and the details hold what is expected.
fn volumes(case: Case) -> Outcome {
    let mut errors = Errors::with(options(case));
    let spec = read_spec(json!({"containers": [], "volumes": [case.input["vol"]]}))?;
    volume::volumes(&mut errors, spec.volumes.as_deref().unwrap_or_default(), "", &Path::root("field"));
    let causes = errors.into_causes();
    let want: Vec<&Value> = case.expected["errs"].as_array().into_iter().flatten().collect();
    let fits = |(cause, want): (&Cause, &&Value)| {
        let field = text(&want["field"]);
        cause.reason == text(&want["etype"])
            && (cause.field == field || cause.field.ends_with(&format!(".{field}")))
            && cause.message.contains(text(&want["detail"]))
    };
    if causes.len() == want.len() && causes.iter().zip(&want).all(fits) {
        return Ok(());
    }
    Err(Failure::new(json!(want).to_string(), aggregate(&causes)))
}
