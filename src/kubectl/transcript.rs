//! Recorded commands of a real kubectl, run in order on the simulated apiserver and scheduler: whole
//! stdout, stderr and exit code are compared, with ages, ids and the like masked.
//!
//! Reads the recordings from the directory that `PODARIUM_CASES` names; without it there is nothing to
//! compare. `PODARIUM_SHOW` prints the differences.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use serde_json::{Value, json};

use crate::{
    api::{
        ApiClient, Kind,
        client::{Body, Subresource, WriteOptions},
    },
    apiserver::ApiServer,
    os::{ExitStatus, File, SpawnOptions},
    programs::{Programs, testing::World},
    scheduler,
};

struct Lab {
    world: World,
    server: Rc<ApiServer>,
}

impl Lab {
    fn new(files: Vec<(&str, &str)>) -> Lab {
        // The client is only known once there is a simulation, and the simulation is the world's.
        let late: Rc<RefCell<Option<Rc<dyn ApiClient>>>> = Rc::default();
        let seen = late.clone();
        let program: crate::os::Program = Rc::new(move |proc| match seen.borrow().clone() {
            Some(client) => super::program(client)(proc),
            None => Box::pin(async { 1 }),
        });
        let programs = Programs::with(BTreeMap::from([("kubectl".to_string(), program)]));
        let files: Vec<(String, &str)> = files.into_iter().map(|(name, text)| (format!("/tmp/{name}"), text)).collect();
        let world = World::with(programs, files.iter().map(|(name, text)| (name.as_str(), *text)).collect());
        let server = ApiServer::new(&world.sim);
        *late.borrow_mut() = Some(server.clone());
        scheduler::start(&world.sim, server.clone(), "control-plane");
        Lab { world, server }
    }

    fn node(&self, value: &Value) {
        let server = self.server.clone();
        let value = value.clone();
        let (_task, done) = self.world.sim.spawn_join(async move {
            let name = value["metadata"]["name"].as_str().unwrap_or_default().to_string();
            let spec = value.get("spec").cloned().unwrap_or(json!({}));
            let body = json!({"apiVersion": "v1", "kind": "Node", "metadata": value["metadata"], "spec": spec});
            server.create(Kind::Node, "", Body::Json(body), WriteOptions::default()).await.expect("a node");
            let mut live = server.get(Kind::Node, "", &name).await.expect("the node").to_value();
            live["spec"]["taints"] = spec.get("taints").cloned().unwrap_or(json!(null));
            let written = server.update(
                Kind::Node,
                "",
                &name,
                Subresource::None,
                Body::Json(live.clone()),
                WriteOptions::default(),
            );
            live = written.await.expect("taints").object.to_value();
            live["status"] = value["status"].clone();
            let written =
                server.update(Kind::Node, "", &name, Subresource::Status, Body::Json(live), WriteOptions::default());
            written.await.expect("a status");
        });
        self.world.sim.run_ready(1_000_000);
        drop(done);
    }

    fn run(&self, line: &str) -> (String, String, Option<i32>) {
        let capture = || {
            let text = Rc::new(RefCell::new(Vec::new()));
            let sink = text.clone();
            (text, File::sink(move |data| sink.borrow_mut().extend_from_slice(data)))
        };
        let (out, stdout) = capture();
        let (err, stderr) = capture();
        let options = SpawnOptions {
            argv: ["sh", "-c", line].map(str::to_string).to_vec(),
            env: BTreeMap::from([("PATH", "/bin"), ("HOME", "/root")].map(|(k, v)| (k.into(), v.into()))),
            cwd: "/tmp".into(),
            uid: 0,
            gid: 0,
            namespaces: self.world.machine.namespaces().clone(),
            stdin: File::null(),
            stdout,
            stderr,
            tty: None,
            cgroup: "/test".into(),
        };
        let proc = self.world.machine.spawn(options).expect("sh");
        let sim = &self.world.sim;
        let deadline = sim.now() + std::time::Duration::from_secs(60);
        while proc.status().is_none() && sim.next_time().is_none_or(|next| next < deadline) && sim.step(1_000_000) {}
        sim.run_until(sim.now() + std::time::Duration::from_millis(300), 1_000_000);
        let text = |data: &RefCell<Vec<u8>>| String::from_utf8_lossy(&data.borrow()).into_owned();
        (text(&out), text(&err), proc.status().map(ExitStatus::code))
    }
}

/// Ages, ids, versions and dates differ from run to run.
fn masked(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let words: Vec<String> = line.split_whitespace().map(mask_word).collect();
        out.push_str(&words.join(" "));
        out.push('\n');
    }
    out
}

fn mask_word(word: &str) -> String {
    let age = word.trim_matches(['(', ')']);
    let is_age = age.len() > 1
        && age.ends_with(['s', 'm', 'h', 'd'])
        && age.chars().all(|c| c.is_ascii_digit() || "smhd".contains(c))
        && age.starts_with(|c: char| c.is_ascii_digit());
    if is_age {
        return "AGE".into();
    }
    if word.contains("kube-api-access-") {
        return "kube-api-access-X".into();
    }
    if word.contains("2026-11-23T") || word.contains("2023-1") {
        return "TIME".into();
    }
    if word.len() == 36 && word.matches('-').count() == 4 {
        return "UID".into();
    }
    word.into()
}

fn ready_node(name: &str, address: &str) -> Value {
    json!({
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
        "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
        "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready", "lastHeartbeatTime": null, "lastTransitionTime": null}],
        "nodeInfo": {
            "architecture": "amd64", "bootID": "b", "containerRuntimeVersion": "containerd://2.1.4", "kernelVersion": "6.8.0-45-generic",
            "kubeProxyVersion": "", "kubeletVersion": "v1.36.2", "machineID": "m", "operatingSystem": "linux",
            "osImage": "Ubuntu 24.04.1 LTS", "systemUUID": "s",
        },
    })
}

#[test]
fn the_recorded_transcript() {
    let Ok(directory) = std::env::var("PODARIUM_CASES") else { return };
    let text = std::fs::read_to_string(format!("{directory}/u_kubectl_transcript.json")).expect("the recording");
    let recording: Value = serde_json::from_str(&text).expect("JSON");
    let files: Vec<(&str, &str)> = recording["files"]
        .as_object()
        .expect("files")
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str().unwrap_or("")))
        .collect();
    let lab = Lab::new(files);
    for (name, address) in [("control-plane", "192.168.1.19"), ("node1", "192.168.1.11"), ("node2", "192.168.1.12")] {
        let source = recording["files"][format!("{name}.yaml")].as_str().expect("a node");
        let mut value = crate::manifest::parse(source).docs().next().expect("a node").value.clone();
        value["status"] = ready_node(name, address);
        lab.node(&value);
    }
    let (mut good, mut bad) = (0, 0);
    let show = std::env::var("PODARIUM_SHOW").is_ok();
    for case in recording["cases"].as_array().expect("cases") {
        let line = case["cmd"].as_str().unwrap_or_default();
        let (out, err, code) = lab.run(line);
        let Some(expected_out) = case.get("stdout").and_then(Value::as_str) else { continue };
        let expected_err = case["stderr"].as_str().unwrap_or_default();
        let expected_code = case["exit"].as_i64().map(|code| code as i32);
        let same =
            masked(&out) == masked(expected_out) && masked(&err) == masked(expected_err) && code == expected_code;
        if same {
            good += 1;
            continue;
        }
        bad += 1;
        if show {
            println!("### {} {line}", case["id"]);
            if masked(&out) != masked(expected_out) {
                println!("--- expected stdout\n{expected_out}--- got\n{out}");
            }
            if masked(&err) != masked(expected_err) {
                println!("--- expected stderr\n{expected_err}--- got\n{err}");
            }
            if code != expected_code {
                println!("--- expected {expected_code:?}, got {code:?}");
            }
        }
    }
    println!("{good} of {} commands alike", good + bad);
    assert!(good * 10 >= (good + bad) * 5, "{good} alike, {bad} not");
}
