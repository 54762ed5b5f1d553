//! What holds whatever is asked of a laboratory: random pods, deletions, stopped nodes and time, and
//! after every change of a pod the rules that no cluster breaks.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use podarium::{
    api::{
        Kind, Object, Resource,
        client::{ListOptions, WatchEvent},
    },
    lab::{Config, Input, Lab},
    sim::{Rng, SimTime},
};
use serde_json::{Value, json};

const POLLS: u64 = 100_000_000;
const STEPS: usize = 25;
/// Milli-CPU of a node.
const CPU: i64 = 4000;

/// What was seen of a pod last.
#[derive(Clone, Default)]
struct Last {
    phase: String,
    restarts: BTreeMap<String, i32>,
}

#[derive(Default)]
struct Seen {
    last: BTreeMap<String, Last>,
    /// By namespace and name, as the watch tells it.
    pods: BTreeMap<String, Rc<Pod>>,
    broken: Vec<String>,
}

fn is_terminal(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or_default()
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let regular = status.and_then(|s| s.container_statuses.as_ref());
    let init = status.and_then(|s| s.init_container_statuses.as_ref());
    regular.into_iter().chain(init).flatten()
}

fn node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

/// Milli-CPU that the containers ask for; the manifests here give whole milli-CPUs.
fn cpu(pod: &Pod) -> i64 {
    let of = |q: Option<&k8s_openapi::apimachinery::pkg::api::resource::Quantity>| {
        q.and_then(|q| q.0.trim_end_matches('m').parse::<i64>().ok()).unwrap_or(0)
    };
    let containers = pod.spec.iter().flat_map(|s| &s.containers);
    containers.map(|c| of(c.resources.as_ref().and_then(|r| r.requests.as_ref()).and_then(|r| r.get("cpu")))).sum()
}

impl Seen {
    fn take(&mut self, event: &WatchEvent) {
        let Some(Object::Pod(pod)) = event.object() else { return };
        let key = format!("{}/{}", pod.namespace(), pod.name());
        let last = self.last.entry(pod.uid().to_string()).or_default();
        let now = phase(pod).to_string();
        let old = std::mem::replace(&mut last.phase, now.clone());
        if is_terminal(&old) && old != now {
            self.broken.push(format!("{key}: {old} became {now}"));
        }
        if !["Pending", "Running", "Succeeded", "Failed"].contains(&now.as_str()) {
            self.broken.push(format!("{key}: no phase: {now:?}"));
        }
        for status in statuses(pod) {
            let count = last.restarts.insert(status.name.clone(), status.restart_count).unwrap_or(0);
            if status.restart_count < count {
                self.broken.push(format!("{key}: {} restarted {count}, then {}", status.name, status.restart_count));
            }
        }
        match event {
            WatchEvent::Deleted(_) => {
                self.pods.remove(&key);
            }
            _ => {
                self.pods.insert(key, pod.clone());
            }
        }
        self.check_nodes();
    }

    /// What holds between pods.
    fn check_nodes(&mut self) {
        let mut asked: BTreeMap<&str, i64> = BTreeMap::new();
        let mut addresses: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, pod) in self.pods.iter().filter(|(_, pod)| !is_terminal(phase(pod))) {
            if let Some(node) = node(pod) {
                *asked.entry(node).or_default() += cpu(pod);
            }
            let status = pod.status.as_ref();
            let network = "PodReadyToStartContainers";
            let up = status.and_then(|s| s.conditions.as_ref()).into_iter().flatten();
            let up = up.filter(|c| c.type_ == network).any(|c| c.status == "True");
            if let Some(ip) = status.and_then(|s| s.pod_ip.as_deref()).filter(|_| up)
                && let Some(other) = addresses.insert(ip, name)
            {
                self.broken.push(format!("{name} and {other} both have {ip}"));
            }
        }
        for (node, asked) in asked.into_iter().filter(|(_, asked)| *asked > CPU) {
            self.broken.push(format!("{node} is asked for {asked}m"));
        }
    }
}

/// Follows the pods from the beginning on.
fn follow(lab: &Lab, resource_version: u64) -> Rc<RefCell<Seen>> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let (client, sink) = (lab.cluster().client(), seen.clone());
    lab.sim().spawn(async move {
        let options = ListOptions { resource_version, ..ListOptions::default() };
        let Ok(mut watch) = client.watch(Kind::Pod, "default", options).await else { return };
        while let Some(event) = watch.recv().await {
            sink.borrow_mut().take(&event);
        }
    });
    seen
}

/// All pods now, as text, and the version of the list.
fn list(lab: &Lab) -> (BTreeMap<String, String>, u64) {
    let (client, slot) = (lab.cluster().client(), Rc::new(RefCell::new(None)));
    let put = slot.clone();
    lab.sim().spawn(async move {
        put.replace(client.list(Kind::Pod, "default", ListOptions::default()).await.ok());
    });
    lab.sim().run_ready(POLLS);
    let list = slot.take().expect("an answer at once");
    let text = |object: &Object| match object {
        Object::Pod(pod) => serde_json::to_string(&**pod).expect("JSON"),
        _ => String::new(),
    };
    (list.items.iter().map(|object| (object.name().to_string(), text(object))).collect(), list.resource_version)
}

fn pick<'a, T>(rng: &mut Rng, list: &'a [T]) -> &'a T {
    &list[usize::try_from(rng.below(list.len() as u64)).unwrap_or(0)]
}

fn container(rng: &mut Rng, name: String, init: bool) -> Value {
    let scripts: &[&str] = if init {
        &["sleep 1", "true", "sleep 2; exit 1", "sleep 5"]
    } else {
        &[
            "sleep 3600",
            "sleep 20; exit 1",
            "exit 0",
            "exit 7",
            "trap 'sleep 3; exit 0' TERM; sleep 3600 & wait",
            "sleep 40",
        ]
    };
    let image = *pick(rng, &["busybox:1.36", "busybox:1.36", "busybox:1.36", "alpine:3.20", "nginx:nope"]);
    let mut out = json!({"name": name, "image": image, "command": ["sh", "-c", pick(rng, scripts)]});
    if rng.below(2) == 0 {
        let amount = *pick(rng, &["100m", "500m", "1500m"]);
        out["resources"] = json!({"requests": {"cpu": amount}});
    }
    if init && rng.below(3) == 0 {
        out["restartPolicy"] = "Always".into();
        out["command"][2] = "sleep 3600".into();
    }
    if !init && rng.below(3) == 0 {
        let kind = *pick(rng, &["livenessProbe", "readinessProbe", "startupProbe"]);
        let command = *pick(rng, &["true", "false", "test -e /tmp/x"]);
        out[kind] = json!({"exec": {"command": ["sh", "-c", command]}, "periodSeconds": 2, "failureThreshold": 2});
    }
    if !init && rng.below(4) == 0 {
        out["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 2}}});
    }
    if rng.below(8) == 0 {
        out["env"] = json!([{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "none", "key": "k"}}}]);
    }
    out
}

fn manifest(rng: &mut Rng, name: &str) -> String {
    let (inits, regulars) = (rng.below(3), 1 + rng.below(3));
    let mut spec = json!({
        "restartPolicy": pick(rng, &["Always", "OnFailure", "Never"]),
        "terminationGracePeriodSeconds": 3 + rng.below(20),
        "initContainers": (0..inits).map(|n| container(rng, format!("i{n}"), true)).collect::<Vec<_>>(),
        "containers": (0..regulars).map(|n| container(rng, format!("c{n}"), false)).collect::<Vec<_>>(),
    });
    if rng.below(5) == 0 {
        spec["activeDeadlineSeconds"] = (5 + rng.below(60)).into();
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}).to_string()
}

/// One random input.
fn input(rng: &mut Rng, step: usize, lab: &mut Lab) {
    let nodes = ["podarium-worker", "podarium-worker2"];
    let run = |lab: &mut Lab, line: String| lab.input(Input::Type(format!("{line}\r").into_bytes()));
    match rng.below(10) {
        0..=4 => {
            let path = format!("p{step}.yaml");
            let data = manifest(rng, &format!("p{step}")).into_bytes();
            lab.input(Input::WriteFile { path: path.clone(), data });
            run(lab, format!("kubectl apply -f {path}"));
        }
        5 | 6 => {
            let victim = rng.below(step as u64 + 1);
            let how = *pick(rng, &["", "--grace-period=1", "--grace-period=0 --force"]);
            run(lab, format!("kubectl delete pod p{victim} --wait=false {how}"));
        }
        7 => lab.input(Input::StopNode((*pick(rng, &nodes)).into())),
        _ => lab.input(Input::StartNode((*pick(rng, &nodes)).into())),
    }
}

#[test]
fn whatever_happens() {
    for seed in 1..=6 {
        let config = Config { seed, ..Config::default() };
        let mut lab = Lab::new(&config);
        let mut rng = lab.sim().rng("what happens");
        let seen = follow(&lab, 0);
        let mut middle = None;
        for step in 0..STEPS {
            input(&mut rng, step, &mut lab);
            let pause = *pick(&mut rng, &[0.0, 0.4, 3.0, 15.0, 70.0, 400.0]);
            let until = lab.now().as_secs_f64() + pause + rng.f64();
            lab.advance(SimTime::from_secs_f64(until), POLLS);
            if step == STEPS / 2 {
                // From here on, a second onlooker will be told what happened.
                middle = Some(list(&lab));
            }
        }
        lab.advance(lab.now() + Duration::from_secs(30), POLLS);
        assert_eq!(seen.borrow().broken, Vec::<String>::new(), "seed {seed}");

        let (now, version) = list(&lab);
        let (mut rebuilt, since) = middle.expect("a middle");
        assert!(since <= version);
        let late = follow_text(&lab, since);
        lab.sim().run_ready(POLLS);
        for (name, text) in late.take() {
            match text {
                Some(text) => rebuilt.insert(name, text),
                None => rebuilt.remove(&name),
            };
        }
        assert_eq!(rebuilt, now, "seed {seed}: replayed from version {since}");

        let again = Lab::replay(&config, lab.inputs(), lab.now());
        assert_eq!(list(&again).0, now, "seed {seed}: the same inputs again");
    }
}

/// Changes of pods as names with the new text, or none for those that go.
type Changes = Rc<RefCell<Vec<(String, Option<String>)>>>;

fn follow_text(lab: &Lab, resource_version: u64) -> Changes {
    let changes = Changes::default();
    let (client, sink) = (lab.cluster().client(), changes.clone());
    lab.sim().spawn(async move {
        let options = ListOptions { resource_version, ..ListOptions::default() };
        let Ok(mut watch) = client.watch(Kind::Pod, "default", options).await else { return };
        while let Some(event) = watch.recv().await {
            let Some(Object::Pod(pod)) = event.object() else { continue };
            let gone = matches!(event, WatchEvent::Deleted(_));
            let text = (!gone).then(|| serde_json::to_string(&**pod).expect("JSON"));
            sink.borrow_mut().push((pod.name().to_string(), text));
        }
    });
    changes
}
