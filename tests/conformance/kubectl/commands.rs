//! Single commands and their parts.

use std::{rc::Rc, time::Duration};

use k8s_openapi::api::core::v1::{ContainerStatus, Node, ResourceRequirements, Taint};
use podarium::api::Container;
use podarium::{
    api::{
        Error, Kind, Object, Pod,
        client::FieldValidation,
        error::{Cause, Reason},
        patch,
    },
    kubectl::{Args, Failure as CommandFailure, describe, failure_text, jsonpath, patch_label, printers, taint, write},
};
use serde_json::{Value, json};

use super::world::{Ran, Still, World};
use crate::{Case, Failure, Outcome, same};

const LIMIT: Duration = Duration::from_secs(60);

fn typed<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    serde_json::from_value(value.clone()).map_err(|error| Failure::not_run(error.to_string()))
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_string)).collect()
}

/// Runs kubectl on objects that stand still.
fn kubectl(case: &Case, client: &Rc<Still>, words: &[String]) -> Ran {
    let now = case.all["now"].as_str().unwrap_or("2026-11-23T08:00:00Z");
    let mut argv = vec!["kubectl"];
    argv.extend(words.iter().map(String::as_str));
    World::still(now, client).run_words(&argv, LIMIT)
}

fn words(line: &[&str]) -> Vec<String> {
    line.iter().map(|word| word.to_string()).collect()
}

/// Arguments with the `--` that stood behind the first so many of them; -1: none stood there.
fn dashed(input: &Value) -> Vec<String> {
    let mut args = texts(&input["args"]);
    if let Ok(at) = usize::try_from(input["argsLenAtDash"].as_i64().unwrap_or(-1)) {
        args.insert(at.min(args.len()), "--".into());
    }
    args
}

/// Whether a command failed just when it had to.
fn failed(ran: &Ran, expected: &Value) -> Outcome {
    let must = expected.as_bool().unwrap_or(false);
    if (ran.code != Some(0)) == must {
        return Ok(());
    }
    Err(Failure::new(if must { "an error" } else { "no error" }, format!("{ran:?}")))
}

/// The whole texts of get and describe.
pub fn golden(case: Case) -> Outcome {
    let now = case.all["now"].as_str().unwrap_or_default();
    let kind = case.all["kind"].as_str().unwrap_or_default();
    let mut objects = Vec::new();
    for list in ["items", "podsOnNode", "events"] {
        for item in case.all[list].as_array().into_iter().flatten() {
            let kind = match list {
                "items" => kind,
                "events" => "Event",
                _ => "Pod",
            };
            let kind = Kind::from_api_version_kind("v1", kind).ok_or_else(|| Failure::not_run("a kind not kept"))?;
            let object = Object::from_value(kind, item.clone());
            objects.push(object.map_err(|error| Failure::not_run(error.to_string()))?);
        }
    }
    // What stands on a node is asked for by describe alone.
    let own: Vec<Object> = objects.iter().filter(|object| object.kind().name() == kind).cloned().collect();
    let (client, own) = (Still::new(objects), Still::new(own));
    let type_ = kind.to_lowercase();
    let mut got = Vec::new();
    let mut expected = Vec::new();
    let commands = [
        ("get", "get TYPE"),
        ("getWide", "get TYPE -o wide"),
        ("getShowLabels", "get TYPE --show-labels"),
        ("getNoHeaders", "get TYPE --no-headers"),
        ("getAllNamespaces", "get TYPE -A"),
    ];
    for (key, line) in commands {
        let Some(text) = case.all[key].as_str() else { continue };
        // Made with a column for the namespace even where kubectl shows none.
        if key == "getAllNamespaces" && kind == "Node" {
            continue;
        }
        let line: Vec<String> = line.split(' ').map(|word| word.replace("TYPE", &type_)).collect();
        let argv: Vec<&str> = std::iter::once("kubectl").chain(line.iter().map(String::as_str)).collect();
        got.push(World::still(now, &own).run_words(&argv, LIMIT).stdout);
        expected.push(text.to_string());
    }
    for (name, text) in case.all["describe"].as_object().into_iter().flatten() {
        got.push(World::still(now, &client).run_words(&["kubectl", "describe", &type_, name], LIMIT).stdout);
        expected.push(text.as_str().unwrap_or_default().to_string());
    }
    match got.iter().zip(&expected).find(|(got, expected)| got != expected) {
        None if !got.is_empty() => Ok(()),
        None => Err(Failure::not_run("nothing to compare")),
        Some((got, expected)) => Err(Failure::new(expected, got)),
    }
}

fn sorted_taints(taints: &[Taint]) -> Vec<(String, String, String)> {
    let parts = |taint: &Taint| (taint.key.clone(), taint.effect.clone(), taint.value.clone().unwrap_or_default());
    let mut all: Vec<_> = taints.iter().map(parts).collect();
    all.sort();
    all
}

fn taint_spec(taint: &Taint) -> String {
    match &taint.value {
        Some(value) => format!("{}={value}:{}", taint.key, taint.effect),
        None => format!("{}:{}", taint.key, taint.effect),
    }
}

pub fn parse_taints(case: Case) -> Outcome {
    let specs = match case.input.get("taintsToCheck") {
        Some(taint) => vec![taint_spec(&typed(taint)?)],
        None => texts(&case.input["spec"]),
    };
    let specs: Vec<&str> = specs.iter().map(String::as_str).collect();
    let parsed = taint::Changes::parse(&specs);
    let must_fail = case.expected["expectedErr"].as_bool().unwrap_or(false);
    match parsed {
        Err(_) if must_fail => Ok(()),
        Err(why) => Err(Failure::new("taints", why)),
        Ok(changes) if must_fail => Err(Failure::new("an error", format!("{:?}", changes.add))),
        Ok(changes) => {
            for (key, got) in [("expectedTaints", &changes.add), ("expectedTaintsToRemove", &changes.remove)] {
                if case.expected.get(key).is_some() {
                    let expected: Option<Vec<Taint>> = typed(&case.expected[key])?;
                    same(sorted_taints(got), sorted_taints(&expected.unwrap_or_default()))?;
                }
            }
            Ok(())
        }
    }
}

fn change_taints(old: &[Taint], changes: &taint::Changes) -> (Vec<Taint>, bool) {
    match changes.apply("node", old, true) {
        Ok((taints, _)) => {
            let changed = sorted_taints(&taints) != sorted_taints(old);
            (taints, changed)
        }
        Err(_) => (old.to_vec(), false),
    }
}

pub fn add_taint(case: Case) -> Outcome {
    let node: Node = typed(&case.input["node"])?;
    let old = node.spec.and_then(|spec| spec.taints).unwrap_or_default();
    let changes = taint::Changes { add: vec![typed(&case.input["taint"])?], remove: Vec::new() };
    let (taints, changed) = change_taints(&old, &changes);
    let expected: Vec<Taint> = typed(&case.expected["expectedTaints"])?;
    same(
        (sorted_taints(&taints), changed),
        (sorted_taints(&expected), case.expected["expectedUpdate"].as_bool().unwrap_or(false)),
    )
}

pub fn delete_taint(case: Case) -> Outcome {
    let old: Option<Vec<Taint>> = typed(&case.input["taints"])?;
    let remove = match case.input.get("taintToDelete") {
        Some(taint) => typed(taint)?,
        None => Taint { key: case.input["taintKey"].as_str().unwrap_or_default().into(), ..Taint::default() },
    };
    let changes = taint::Changes { add: Vec::new(), remove: vec![remove] };
    let (taints, changed) = change_taints(&old.unwrap_or_default(), &changes);
    let expected: Option<Vec<Taint>> = typed(&case.expected["expectedTaints"])?;
    same(
        (sorted_taints(&taints), changed),
        (sorted_taints(&expected.unwrap_or_default()), case.expected["expectedResult"].as_bool().unwrap_or(false)),
    )
}

pub fn describe_container(case: Case) -> Outcome {
    let container: Container = typed(&case.input["container"])?;
    let status: ContainerStatus = typed(&case.input["status"])?;
    let mut text = String::new();
    let status = Some(&status).filter(|status| status.name == container.name);
    describe::container(&mut text, &container, status, &Pod::default());
    match texts(&case.expected["expectedElements"]).into_iter().find(|element| !text.contains(element.as_str())) {
        Some(missing) => Err(Failure::new(missing, text)),
        None => Ok(()),
    }
}

pub fn describe_resources(case: Case) -> Outcome {
    let resources: ResourceRequirements = typed(&case.input["resources"])?;
    let mut text = String::new();
    describe::resources(&mut text, &resources);
    for (element, count) in case.expected["expectedElements"].as_object().into_iter().flatten() {
        same((element, text.matches(element.as_str()).count() as i64), (element, count.as_i64().unwrap_or(-1)))?;
    }
    if case.expected["expectedElements"] == json!({}) { same(text, String::new()) } else { Ok(()) }
}

pub fn describe_annotations(case: Case) -> Outcome {
    let annotations = typed(&case.input["annotations"])?;
    let mut text = String::new();
    describe::annotations(&mut text, Some(&annotations));
    same(text.as_str(), case.expected["expectPrint"].as_str().unwrap_or_default())
}

fn compare_columns(parsed: Result<printers::Columns, CommandFailure>, expected: &Value) -> Outcome {
    match (parsed, expected["expectErr"].as_bool().unwrap_or(false)) {
        (Err(_), true) => Ok(()),
        (Err(why), false) => Err(Failure::new("columns", failure_text(&why))),
        (Ok(_), true) => Err(Failure::new("an error", "columns")),
        (Ok(columns), false) => {
            let got: Vec<Value> =
                columns.iter().map(|(head, path)| json!({"Header": head, "FieldSpec": path.text()})).collect();
            same(Value::from(got), expected["expectedColumns"].clone())
        }
    }
}

pub fn columns_of(case: Case) -> Outcome {
    let spec = case.input["spec"].as_str().unwrap_or_default();
    let parsed = if case.test == "TestNewColumnPrinterFromTemplate" {
        printers::columns_of_file(spec)
    } else {
        printers::columns(spec)
    };
    compare_columns(parsed, case.expected)
}

pub fn columns(case: Case) -> Outcome {
    let (columns, object) = match case.input["spec"].as_str() {
        Some(spec) => {
            let containers: Vec<Value> = (0..4).map(|n| json!({"name": format!("fake{n}")})).collect();
            (printers::columns(spec), json!({"metadata": {"name": "fake-pod"}, "spec": {"containers": containers}}))
        }
        None => {
            let specs = case.input["columns"].as_array().into_iter().flatten();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
            let specs: Vec<String> =
                specs.map(|spec| format!("{}:{}", text(&spec["Header"]), text(&spec["FieldSpec"]))).collect();
            (printers::columns(&specs.join(",")), case.input["obj"].clone())
        }
    };
    let columns = columns.map_err(|why| Failure::not_run(failure_text(&why)))?;
    let objects = object["items"].as_array().cloned().unwrap_or_else(|| vec![object.clone()]);
    let mut rows = vec![columns.iter().map(|(head, _)| head.clone()).collect()];
    for object in &objects {
        match printers::cells(&columns, object) {
            Ok(row) => rows.push(row),
            Err(_) if case.expected["expectErr"] == true => return Ok(()),
            Err(why) => return Err(Failure::new("a row", failure_text(&why))),
        }
    }
    if case.expected["expectErr"] == true {
        return Err(Failure::new("an error", format!("{rows:?}")));
    }
    let got = printers::Layout::default().print(&rows);
    same(got.as_str(), case.expected["expectedOutput"].as_str().unwrap_or_default())
}

pub fn relaxed_path(case: Case) -> Outcome {
    let got = jsonpath::Template::relaxed(case.input["input"].as_str().unwrap_or_default());
    let expected = case.expected["expectedOutput"].as_str().unwrap_or_default();
    match (got, case.expected["expectErr"].as_bool().unwrap_or(false)) {
        (Ok(path), false) => same(path.text(), expected),
        (Err(_), true) => Ok(()),
        (got, _) => Err(Failure::new(expected, format!("{got:?}"))),
    }
}

pub fn sorted(case: Case) -> Outcome {
    if case.test == "TestRuntimeSortLess" {
        let sort = &case.input["runtimeSort"];
        let at = |key: &str| case.input[key].as_u64().and_then(|at| sort["objs"].get(at as usize)).cloned();
        let (Some(i), Some(j)) = (at("i"), at("j")) else { return Err(Failure::not_run("no such objects")) };
        // Of two, the second comes first if it is less.
        let order = jsonpath::sort::order(&[j, i], sort["field"].as_str().unwrap_or_default());
        let less = order.map_err(Failure::not_run)? == [1, 0];
        return same(less, case.expected["expectResult"].as_bool().unwrap_or(false));
    }
    let items = case.input["obj"]["items"].as_array().cloned().unwrap_or_default();
    let order = jsonpath::sort::order(&items, case.input["field"].as_str().unwrap_or_default());
    let error = case.expected["expectedErr"].as_str().unwrap_or_default();
    match order {
        Err(why) => same(why.as_str(), error),
        Ok(_) if !error.is_empty() => Err(Failure::new(error, "an order")),
        Ok(order) => {
            let got: Vec<Value> = order.into_iter().map(|at| items[at].clone()).collect();
            same(Value::from(got), case.expected["sort"]["items"].clone())
        }
    }
}

pub fn run_pod(case: Case) -> Outcome {
    let client = Still::new(Vec::new());
    let input = case.input;
    let mut line = words(&["run"]);
    match case.test {
        "TestRunValidations" => {
            line.extend(texts(&input["args"]));
            let flags = input["flags"].as_object().into_iter().flatten();
            line.extend(flags.map(|(flag, value)| format!("--{flag}={}", value.as_str().unwrap_or_default())));
            let ran = kubectl(&case, &client, &line);
            let expected = case.expected["expectedErr"].as_str().unwrap_or_default();
            return match ran.stderr.contains(expected) && ran.code != Some(0) {
                true => Ok(()),
                false => Err(Failure::new(expected, format!("{ran:?}"))),
            };
        }
        "TestGetRestartPolicy" => {
            line.extend(words(&["x", "--image=i", "--dry-run=client", "-o", "jsonpath={.spec.restartPolicy}"]));
            line.push(format!("--restart={}", input["input"].as_str().unwrap_or_default()));
            if input["interactive"] == true {
                line.extend(words(&["--stdin", "--attach=false"]));
            }
            let ran = kubectl(&case, &client, &line);
            failed(&ran, &case.expected["expectErr"])?;
            return same(ran.stdout.as_str(), case.expected["expected"].as_str().unwrap_or_default());
        }
        "TestRunArgsFollowDashRules" => {
            line.extend(words(&["--image=i"]));
            line.extend(dashed(input));
            return failed(&kubectl(&case, &client, &line), &case.expected["expectError"]);
        }
        _ => {}
    }
    line.extend(words(&["test", "--image=busybox", "--dry-run=client", "-o", "yaml", "-n", "ns"]));
    line.push(format!("--overrides={}", input["overrides"].as_str().unwrap_or_default()));
    if let Some(kind) = input["overrideType"].as_str().filter(|kind| !kind.is_empty()) {
        line.push(format!("--override-type={kind}"));
    }
    let ran = kubectl(&case, &client, &line);
    same(ran.stdout.as_str(), case.expected["expectedOutput"].as_str().unwrap_or_default())
}

pub fn run_expose(case: Case) -> Outcome {
    let client = Still::new(Vec::new());
    let mut line = words(&["run", "--image=i", "--expose"]);
    let args = texts(&case.input["args"]);
    line.extend(if args.is_empty() { words(&["foo"]) } else { args });
    if let Some(labels) = case.input["params"]["labels"].as_str() {
        line.push(format!("--labels={labels}"));
    }
    line.push(format!("--port={}", case.input["port"].as_str().unwrap_or_default()));
    let must_fail = case.expected["expectErr"] == true;
    let post = case.expected["expectPOST"] == true;
    if !post && !must_fail {
        line.push("--dry-run=client".into());
    }
    let ran = kubectl(&case, &client, &line);
    failed(&ran, &case.expected["expectErr"])?;
    let created = client.created.borrow();
    let service = created.iter().find(|object| object["kind"] == "Service");
    match (post, service) {
        (false, None) => Ok(()),
        (true, Some(service)) => same(service.clone(), case.input["service"].clone()),
        (post, service) => Err(Failure::new(format!("a service: {post}"), format!("{service:?}"))),
    }
}

fn labelled(value: &Value) -> Result<Object, Failure> {
    let mut value = value.clone();
    value["apiVersion"] = "v1".into();
    value["kind"] = "Pod".into();
    value["metadata"]["name"] = "foo".into();
    value["metadata"]["namespace"] = "default".into();
    if value["spec"]["containers"].is_null() {
        value["spec"]["containers"] = json!([]);
    }
    Object::from_value(Kind::Pod, value).map_err(|error| Failure::not_run(error.to_string()))
}

pub fn label(case: Case) -> Outcome {
    let client = Still::new(vec![labelled(&json!({"metadata": {"labels": {"existing": "abc"}}}))?]);
    let mut line = words(&["label"]);
    line.extend(texts(&case.input["args"]));
    if case.input["overwrite"] == true {
        line.push("--overwrite".into());
    }
    if let Some(dry_run) = case.input["dryRun"].as_str().filter(|text| !text.is_empty()) {
        line.push(format!("--dry-run={dry_run}"));
    }
    let ran = kubectl(&case, &client, &line);
    if case.test == "TestLabelErrors" {
        return failed(&ran, &Value::Bool(true));
    }
    match case.expected["expectedError"]["error"].as_str() {
        Some(error) if ran.stderr.contains(error) => Ok(()),
        Some(error) => Err(Failure::new(error, format!("{ran:?}"))),
        None => same(ran.stdout.as_str(), case.expected["expectedOut"].as_str().unwrap_or_default()),
    }
}

pub fn label_object(case: Case) -> Outcome {
    let input = case.input;
    let object = match case.test {
        "TestValidateLabels" => json!({"metadata": input["meta"]}),
        _ => input["obj"].clone(),
    };
    let client = Still::new(vec![labelled(&object)?]);
    let mut line = words(&["label", "pod", "foo"]);
    let set = input["labels"].as_object().into_iter().flatten();
    line.extend(set.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())));
    line.extend(texts(&input["remove"]).iter().map(|key| format!("{key}-")));
    if input["overwrite"] == true {
        line.push("--overwrite".into());
    }
    let version = input["version"].as_str().or(input["resourceVersion"].as_str()).filter(|text| !text.is_empty());
    line.extend(version.map(|version| format!("--resource-version={version}")));
    let ran = kubectl(&case, &client, &line);
    let must_fail = match &case.expected["expectErr"] {
        Value::String(error) => Value::Bool(!error.is_empty()),
        other => other.clone(),
    };
    failed(&ran, &must_fail)?;
    if let Some(message) = case.expected["expectMsg"].as_str() {
        let got = ran.stdout.lines().last().and_then(|line| line.strip_prefix("pod/foo ")).unwrap_or_default();
        same(got, message)?;
    }
    for key in ["expected", "expectObj"] {
        if case.expected[key].is_object() {
            let patched = client.patched.borrow();
            let got = patched.last().cloned().unwrap_or_else(|| client.objects[0].to_value());
            let labels = |value: &Value| value["metadata"]["labels"].as_object().cloned().unwrap_or_default();
            let version = |value: &Value| value["metadata"]["resourceVersion"].clone();
            same((labels(&got), version(&got)), (labels(&case.expected[key]), version(&case.expected[key])))?;
        }
    }
    Ok(())
}

pub fn parse_labels(case: Case) -> Outcome {
    let parsed = patch_label::labels(&texts(&case.input["labels"]));
    match (parsed, case.expected["expectErr"].as_bool().unwrap_or(false)) {
        (Err(_), true) => Ok(()),
        (Err(why), false) => Err(Failure::new("labels", why)),
        (Ok(changes), true) => Err(Failure::new("an error", format!("{changes:?}"))),
        (Ok((set, removed)), false) => {
            let set: serde_json::Map<String, Value> = set.into_iter().map(|(k, v)| (k, v.into())).collect();
            let expected = &case.expected;
            same((Value::from(set), removed), (expected["expected"].clone(), texts(&expected["expectedRemove"])))
        }
    }
}

pub fn taint(case: Case) -> Outcome {
    let old = &case.input["oldTaints"];
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-name"}, "spec": {"taints": old}});
    let node = Object::from_value(Kind::Node, node).map_err(|error| Failure::not_run(error.to_string()))?;
    let client = Still::new(vec![node]);
    let mut line = words(&["taint"]);
    if case.test == "TestValidateFlags" {
        let options = &case.input["taintOpts"];
        let names = texts(&options["resources"]);
        line.extend(if names.is_empty() { words(&["node"]) } else { names });
        line.push("foo=bar:NoSchedule".into());
        line.extend((options["all"] == true).then(|| "--all".to_string()));
        let selector = options["selector"].as_str().filter(|text| !text.is_empty());
        line.extend(selector.map(|text| format!("--selector={text}")));
        return failed(&kubectl(&case, &client, &line), &case.expected["expectFatal"]);
    }
    line.extend(texts(&case.input["args"]));
    let ran = kubectl(&case, &client, &line);
    failed(&ran, &case.expected["expectFatal"])?;
    same(client.writes.get() > 0, case.expected["expectTaint"].as_bool().unwrap_or(false))?;
    if case.expected["expectTaint"] == true {
        let patched = client.patched.borrow();
        let spec = patched.last().map(|node| node["spec"]["taints"].clone()).unwrap_or_default();
        let (got, expected): (Option<Vec<Taint>>, Option<Vec<Taint>>) =
            (typed(&spec)?, typed(&case.input["newTaints"])?);
        return same(sorted_taints(&got.unwrap_or_default()), sorted_taints(&expected.unwrap_or_default()));
    }
    Ok(())
}

/// The table kept an error's text alone: its kind, name and causes are read from that.
fn status_error(text: &str, expected: &str) -> Error {
    let whole = || {
        Error::new(if expected.starts_with("The request is invalid") { Reason::Invalid } else { Reason::Unknown }, text)
    };
    let Some((object, causes)) = text.split_once(" is invalid") else { return whole() };
    let causes = causes.trim_start_matches(": ");
    let Some((kind, name)) = object.split_once(' ') else { return whole() };
    let causes = causes.trim_start_matches('[').trim_end_matches(']');
    let cause = |text: &str| {
        let (field, message) = text.split_once(": ").unwrap_or(("", text));
        Cause { reason: String::new(), message: message.into(), field: field.into() }
    };
    let mut error = Error::new(Reason::Invalid, text);
    (error.kind, error.name) = (kind.into(), name.trim_matches('"').into());
    error.causes = causes.split(", ").filter(|text| !text.is_empty()).map(cause).collect();
    error
}

pub fn check_error(case: Case) -> Outcome {
    let text = case.input["err"]["error"].as_str().unwrap_or_default();
    let expected = case.expected["expectedErr"].as_str().unwrap_or_default();
    let failure = match case.input["err"]["type"].as_str().unwrap_or_default() {
        "*errors.StatusError" => CommandFailure::Server(status_error(text, expected)),
        other => return Err(Failure::not_run(format!("an error of the type {other}"))),
    };
    same(failure_text(&failure).trim_end_matches('\n'), expected.trim_end_matches('\n'))
}

pub fn exec(case: Case) -> Outcome {
    let mut object = case.input["obj"].clone();
    object["apiVersion"] = "v1".into();
    object["kind"] = "Pod".into();
    let object = Object::from_value(Kind::Pod, object).map_err(|error| Failure::not_run(error.to_string()))?;
    let namespace = format!("--namespace={}", object.namespace());
    let client = Still::new(vec![object]);
    let mut line = words(&["exec", &namespace]);
    let container = case.input["p"]["StreamOptions"]["ContainerName"].as_str().filter(|name| !name.is_empty());
    line.extend(container.map(|name| format!("--container={name}")));
    line.extend(dashed(case.input));
    let ran = kubectl(&case, &client, &line);
    let executed = client.executed.borrow();
    match (case.expected["expectError"] == true, executed.first()) {
        (true, None) => Ok(()),
        (false, Some((pod, container, command))) => {
            let text = |key: &str| case.expected[key].as_str().unwrap_or_default().to_string();
            same((pod.clone(), command.clone()), (text("expectedPod"), texts(&case.expected["expectedArgs"])))?;
            let expected = text("expectedContainer");
            if expected.is_empty() { Ok(()) } else { same(container.clone(), expected) }
        }
        _ => Err(Failure::new(case.expected.to_string(), format!("{ran:?} {executed:?}"))),
    }
}

/// The kinds whose pods' logs are asked for, as the cases are named.
const WORKLOADS: [(&str, Kind); 7] = [
    ("replication controller", Kind::ReplicationController),
    ("replica set", Kind::ReplicaSet),
    ("deployment", Kind::Deployment),
    ("job", Kind::Job),
    ("stateful set", Kind::StatefulSet),
    ("daemon set", Kind::DaemonSet),
    ("service", Kind::Service),
];

pub fn logs(case: Case) -> Outcome {
    let object = &case.input["obj"];
    let pod = |value: &Value| {
        let mut value = value.clone();
        value["kind"] = "Pod".into();
        Object::from_value(Kind::Pod, value).map_err(|error| Failure::not_run(error.to_string()))
    };
    let (pods, target) = match object["items"].as_array() {
        Some(items) => (items.iter().map(pod).collect::<Result<Vec<_>, _>>()?, "--selector=!none".to_string()),
        None if object["spec"]["containers"].is_array() => {
            let pod = pod(object)?;
            let name = pod.name().to_string();
            (vec![pod], name)
        }
        None => {
            let kind = WORKLOADS.iter().find(|(name, _)| case.name.starts_with(name));
            let Some((_, kind)) = kind else { return Err(Failure::not_run("a kind that isn't known")) };
            let owner =
                Object::from_value(*kind, object.clone()).map_err(|error| Failure::not_run(error.to_string()))?;
            let target = format!("{}/{}", kind.qualified(), owner.name());
            let listed = case.input["clientsetPods"].as_array().into_iter().flatten();
            let mut objects = listed.map(pod).collect::<Result<Vec<_>, _>>()?;
            objects.push(owner);
            (objects, target)
        }
    };
    let namespace = format!("--namespace={}", pods.first().map(Object::namespace).unwrap_or_default());
    let client = Still::new(pods);
    let mut line = words(&["logs", &target, &namespace]);
    line.extend((case.input["allContainers"] == true).then(|| "--all-containers".to_string()));
    let container = case.input["opts"]["container"].as_str().filter(|name| !name.is_empty());
    line.extend(container.map(|name| format!("--container={name}")));
    let ran = kubectl(&case, &client, &line);
    let error = case.expected["expectedErr"].as_str().unwrap_or_default();
    if !error.is_empty() {
        return if ran.stderr.contains(error) { Ok(()) } else { Err(Failure::new(error, format!("{ran:?}"))) };
    }
    let source = |source: &Value| {
        let text = |key: &str| source[key].as_str().unwrap_or_default().to_string();
        let path = text("fieldPath");
        let container = path.split_once('{').map_or("", |(_, rest)| rest.trim_end_matches('}'));
        format!("{}/{}/{container}", text("namespace"), text("name"))
    };
    let expected: Vec<String> = case.expected["expectedSources"].as_array().into_iter().flatten().map(source).collect();
    same(client.logs.borrow().clone(), expected)
}

pub fn validation(case: Case) -> Outcome {
    let mut args = Args::default();
    // The tests leave the flag out where the table has an empty text.
    if let Some(flag) = case.input["validateFlag"].as_str().filter(|flag| !flag.is_empty()) {
        args.flags.insert("validate", vec![flag.into()]);
    }
    let got = match write::validation(&args) {
        Ok(FieldValidation::Ignore) => "Ignore",
        Ok(FieldValidation::Warn) => "Warn",
        Ok(FieldValidation::Strict) => "Strict",
        Err(why) if case.expected["expectedErr"].is_null() => {
            return Err(Failure::new(case.expected["expectedDirective"].to_string(), failure_text(&why)));
        }
        Err(_) => return Ok(()),
    };
    same(got, case.expected["expectedDirective"].as_str().unwrap_or_default())
}

/// `--overrides` on objects of any kind.
pub fn merge(case: Case) -> Outcome {
    let mut object = case.input["obj"].clone();
    let kind = if object["status"]["loadBalancer"].is_object() { Kind::Service } else { Kind::Pod };
    object["apiVersion"] = "v1".into();
    object["kind"] = kind.name().into();
    let fragment = serde_json::from_str::<Value>(case.input["fragment"].as_str().unwrap_or_default());
    let merged = fragment.map_err(|error| error.to_string()).and_then(|fragment| match case.test {
        "TestMerge" => Ok(patch::json_merge(&object, &fragment)),
        _ => patch::json_patch(&object, &fragment),
    });
    let merged = merged.and_then(|merged| {
        let version = merged["apiVersion"].as_str().unwrap_or_default();
        match Kind::from_api_version_kind(version, kind.name()) {
            Some(_) => Ok(merged),
            None => Err(format!("no kind \"{kind}\" is registered for version \"{version}\"")),
        }
    });
    match (merged, case.expected["expectErr"] == true) {
        (Err(_), true) => Ok(()),
        (Err(why), false) => Err(Failure::new(case.expected["expected"].to_string(), why)),
        (Ok(merged), true) => Err(Failure::new("an error", merged.to_string())),
        (Ok(merged), false) => same(merged, case.expected["expected"].clone()),
    }
}
