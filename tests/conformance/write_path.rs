//! The write path: manifests through kubectl and the apiserver (s, w), and changes of pods (s2).
//!
//! The manifests of w lie in `examples/docs`, in or beside the directory of the tables.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use podarium::{
    api::{
        Kind, Object,
        client::{FieldValidation, Subresource},
        decode::decode,
        default,
    },
    apiserver::{prepare_create, updated, whole_seconds},
    kubectl::{Failure as Refusal, failure_text},
    lab::{
        Config,
        headless::{self, Script},
    },
    os::Stream,
};
use serde_json::{Value, json};

use super::{Case, Failure, Outcome, Table, each};

pub fn run(table: &Table) -> Vec<Outcome> {
    match table.name.split('_').next() {
        Some("s2") => each(table, update),
        Some("s") => created(table),
        _ => documented(table),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What a command gave.
#[derive(Clone, Default)]
struct Answer {
    stdout: String,
    stderr: String,
    exit: i64,
}

/// Runs commands one after the other in one laboratory, each in the directory of the same index.
fn run_all(files: BTreeMap<String, Vec<u8>>, commands: &[String]) -> Vec<Answer> {
    /// Printed between commands; a control character that no command prints.
    const MARK: char = '\u{1e}';
    let mut script = String::new();
    for (index, command) in commands.iter().enumerate() {
        script += &format!("cd ~/{index}\n{command}\nprintf '\\036%s\\036' $?; printf '\\036' >&2\n");
    }
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    headless::run(Config { files, ..Config::default() }, Script::Input(script.into_bytes()), &mut |stream, bytes| {
        (if stream == Stream::Stdout { &mut stdout } else { &mut stderr }).extend_from_slice(bytes);
        true
    });
    let (stdout, stderr) =
        (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned());
    let (mut printed, mut complained) = (stdout.split(MARK), stderr.split(MARK));
    let mut answers = Vec::new();
    while let (Some(stdout), Some(code), Some(stderr)) = (printed.next(), printed.next(), complained.next()) {
        answers.push(Answer { stdout: stdout.into(), stderr: stderr.into(), exit: code.parse().unwrap_or(-1) });
    }
    answers.resize(commands.len(), Answer { exit: -1, stderr: "not reached".into(), ..Answer::default() });
    answers
}

/// An object without what no two runs have in common.
fn lasting(value: &Value) -> Value {
    let mut value = value.clone();
    let uid = text(&value["metadata"]["uid"]).to_string();
    if let Some(meta) = value["metadata"].as_object_mut() {
        for key in ["uid", "creationTimestamp", "managedFields", "resourceVersion"] {
            meta.remove(key);
        }
        let base = meta.get("generateName").and_then(Value::as_str).map(str::to_string);
        if let (Some(base), Some(name)) = (base, meta.get_mut("name"))
            && text(name).strip_prefix(base.as_str()).is_some_and(|rest| rest.len() == 5)
        {
            *name = format!("{base}?????").into();
        }
    }
    without_chance(&mut value, &uid);
    value
}

/// `kube-api-access-x7k2p` has its end by chance, and some fields repeat the object's uid.
fn without_chance(value: &mut Value, uid: &str) {
    match value {
        Value::String(text) if text == uid && !uid.is_empty() => *text = "UID".into(),
        Value::String(text) if text.len() == 21 && text.starts_with("kube-api-access-") => {
            text.replace_range(16.., "?????");
        }
        Value::Array(items) => items.iter_mut().for_each(|value| without_chance(value, uid)),
        Value::Object(map) => {
            map.remove("lastTransitionTime");
            map.remove("lastPhaseTransitionTime");
            map.values_mut().for_each(|value| without_chance(value, uid));
        }
        _ => {}
    }
}

/// The first place where values differ: path, expected, got.
fn difference(expected: &Value, got: &Value, path: &str) -> Option<(String, String, String)> {
    match (expected, got) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.into_iter().find_map(|key| {
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                difference(&of(a), &of(b), &format!("{path}.{key}"))
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(i, (a, b))| difference(a, b, &format!("{path}[{i}]")))
        }
        (a, b) if a == b => None,
        (a, b) => Some((path.to_string(), a.to_string(), b.to_string())),
    }
}

fn same_object(expected: &Value, got: &Value) -> Outcome {
    match difference(&lasting(expected), &lasting(got), "") {
        None => Ok(()),
        Some((path, expected, got)) => Err(Failure::new(format!("{path} = {expected}"), format!("{path} = {got}"))),
    }
}

/// What kubectl printed as one object, or as several one after the other.
fn parsed(stdout: &str) -> Value {
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(stdout).into_iter().collect();
    match values {
        Ok(mut one) if one.len() == 1 => one.remove(0),
        Ok(several) => several.into(),
        Err(_) => Value::Null,
    }
}

fn same_end(answer: &Answer, stderr: &Value, exit: &Value) -> Outcome {
    if answer.stderr != text(stderr) {
        return Err(Failure::new(text(stderr), answer.stderr.as_str()));
    }
    if exit.is_i64() && exit.as_i64() != Some(answer.exit) {
        return Err(Failure::new(format!("exit {exit}"), format!("exit {}", answer.exit)));
    }
    Ok(())
}

fn created(table: &Table) -> Vec<Outcome> {
    let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1000});
    let mut files = BTreeMap::from([("0/high.json".to_string(), class.to_string().into_bytes())]);
    let mut commands = vec!["kubectl create -f high.json".to_string()];
    for (index, case) in table.cases.iter().enumerate() {
        let manifest = match (case["inputYAML"].as_str(), case["inputNote"].is_string()) {
            (Some(yaml), _) => yaml.to_string(),
            (None, false) => case["input"].to_string(),
            // One manifest is described, for its size.
            (None, true) => json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": "web", "annotations": {"a": "x".repeat(262_145)}},
                "spec": {"containers": [{"name": "app", "image": "nginx:1.27"}]}})
            .to_string(),
        };
        files.insert(format!("{}/pod.yaml", index + 1), manifest.into_bytes());
        commands.push(text(&case["command"]).to_string());
    }
    let answers = run_all(files, &commands);
    let one = |(case, answer): (&Value, &Answer)| {
        same_end(answer, &case["stderr"], &case["exit"])?;
        if case["result"].is_object() { same_object(&case["result"], &parsed(&answer.stdout)) } else { Ok(()) }
    };
    table.cases.iter().zip(&answers[1..]).map(one).collect()
}

/// Where the documentation's manifests are.
fn examples() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let directory = std::env::var_os("PODARIUM_CASES").map_or(own, PathBuf::from);
    let places = [directory.join("examples/docs"), directory.join("../examples/docs")];
    places.into_iter().find(|place| place.is_dir())
}

fn documented(table: &Table) -> Vec<Outcome> {
    let Some(examples) = examples() else {
        return table.cases.iter().map(|_| Err(Failure::not_run("no examples/docs beside the tables"))).collect();
    };
    let mut files = BTreeMap::new();
    let (mut commands, mut missing) = (Vec::new(), Vec::new());
    let mut add = |path: &str, command: String| {
        let name = path.rsplit('/').next().unwrap_or_default().to_string();
        let found = fs::read(examples.join(path));
        missing.push(found.is_err());
        files.insert(format!("{}/{name}", commands.len()), found.unwrap_or_default());
        commands.push(command.replace("FILE", &name));
    };
    const APPLY: &str = "kubectl apply --dry-run=server -f FILE";
    const CREATE: &str = "kubectl create --dry-run=server -o json -f FILE";
    // The recorder's cluster has no class of its own for claims.
    add("", "kubectl delete storageclass standard".into());
    for case in &table.cases {
        add(text(&case["id"]), APPLY.into());
    }
    let prerequisites = "for n in qos-example cpu-example mem-example pod-resources-example; do kubectl create namespace $n; done; \
        kubectl create serviceaccount build-robot; kubectl create priorityclass high --value=1000";
    add("", prerequisites.into());
    for case in &table.cases {
        add(text(&case["id"]), APPLY.into());
        add(text(&case["id"]), CREATE.into());
    }
    let answers = run_all(files, &commands);
    let count = table.cases.len();
    let one = |(index, case): (usize, &Value)| {
        if missing[index + 1] {
            return Err(Failure::not_run("no such manifest"));
        }
        let [first, second, object] = [index + 1, count + 2 + 2 * index, count + 3 + 2 * index].map(|at| &answers[at]);
        let matches = |answer: &Answer, expected: &Value| {
            same_end(answer, &expected["stderr"], &expected["exit"])?;
            if answer.stdout == text(&expected["stdout"]) {
                return Ok(());
            }
            Err(Failure::new(text(&expected["stdout"]), answer.stdout.as_str()))
        };
        matches(first, case)?;
        if case["with_prerequisites"].is_object() {
            matches(second, &case["with_prerequisites"])?;
        }
        if case["defaulted"].is_null() {
            return Ok(());
        }
        let (want, got) = (listed(&case["defaulted"]), listed(&parsed(&object.stdout)));
        if want.len() != got.len() {
            return Err(Failure::new(format!("{} objects", want.len()), format!("{} objects", got.len())));
        }
        want.iter().zip(&got).try_for_each(|(want, got)| same_object(want, got))
    };
    table.cases.iter().enumerate().map(one).collect()
}

/// The objects of a list, or the one.
fn listed(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Object(list) if list.get("kind").is_some_and(|kind| kind == "List") => {
            list.get("items").map(listed).unwrap_or_default()
        }
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

/// The pod's strategy alone, without admission.
fn update(case: Case) -> Outcome {
    let read = |value: &Value| match decode(Kind::Pod, value.clone(), FieldValidation::Strict) {
        Ok((mut object, _)) => {
            object.meta_mut().namespace = Some("default".into());
            Ok(object)
        }
        Err(error) => Err(Failure::not_run(error.message)),
    };
    let mut old: Object = read(&case.all["old"])?;
    default::apply(&mut old);
    prepare_create(&mut old, &whole_seconds(Default::default()));
    let meta = old.meta_mut();
    (meta.generation, meta.resource_version) = (Some(1), Some("1".into()));
    let got = updated(&old, read(&case.all["new"])?, Subresource::None);
    match (got, case.all["kubectlStderr"].as_str()) {
        (Ok((object, _)), None) => {
            let mut expected = case.all["result"].clone();
            expected["kind"] = "Pod".into();
            same_object(&expected, &object.to_value())
        }
        (Err(error), Some(stderr)) => {
            let got = failure_text(&Refusal::Server(error));
            if got == stderr { Ok(()) } else { Err(Failure::new(stderr, got)) }
        }
        (Ok(_), Some(stderr)) => Err(Failure::new(stderr, "accepted")),
        (Err(error), None) => Err(Failure::new("accepted", error.message)),
    }
}
