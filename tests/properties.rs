//! What must hold whatever a person does: random manifests, deletions, nodes stopped and started, processes killed,
//! time passing; looked at after every change that the API server tells.

use std::{cell::RefCell, collections::BTreeMap, fmt::Write as _, rc::Rc, time::Duration};

use k8s_openapi::api::core::v1::Node;
use podarium::{
    api::{
        Kind, Object, Pod, Resource,
        client::{ListOptions, WatchEvent},
        resources,
    },
    lab::{Config, Input, Lab, NodeSize},
    sim::{Reached, SimTime},
};

const LABORATORIES: u64 = 12;
const INPUTS: usize = 40;

/// Chooses; its own generator, so that the laboratory's isn't touched.
struct Chance(fastrand::Rng);

impl Chance {
    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.0.usize(..of.len())]
    }

    fn in_ten(&mut self, times: u32) -> bool {
        self.0.u32(..10) < times
    }
}

fn container(chance: &mut Chance, name: &str) -> String {
    let image =
        chance.one(&["busybox:1.36", "busybox:1.36", "luksa/kubia:1.0", "luksa/kubia:1.1", "nginx:1.27", "no/such:1"]);
    let mut text = format!("  - name: {name}\n    image: {image}\n");
    if image.starts_with("busybox") {
        let script = chance.one(&[
            "sleep 1000",
            "sleep 7",
            "exit 0",
            "sleep 3; exit 1",
            "trap 'exit 0' TERM; while true; do sleep 1; done",
            "sleep 1000 & sleep 2; kill -9 $!; sleep 1000",
            "nosuch",
        ]);
        let _ = writeln!(text, "    command: [sh, -c, \"{script}\"]");
    }
    if chance.in_ten(4) {
        let (cpu, memory) = (chance.one(&["100m", "1500m", "3"]), chance.one(&["16Mi", "3Gi"]));
        let _ = writeln!(text, "    resources: {{requests: {{cpu: {cpu}, memory: {memory}}}}}");
    }
    if chance.in_ten(3) {
        let probe = chance.one(&["readinessProbe", "livenessProbe", "startupProbe"]);
        let how = chance.one(&[
            "exec: {command: [\"true\"]}",
            "exec: {command: [\"false\"]}",
            "httpGet: {port: 8080}",
            "tcpSocket: {port: 80}",
        ]);
        let _ = writeln!(text, "    {probe}: {{{how}, periodSeconds: 2, failureThreshold: 2}}");
    }
    if chance.in_ten(1) {
        text += "    env: [{name: X, valueFrom: {configMapKeyRef: {name: none, key: k}}}]\n";
    }
    text
}

fn manifest(chance: &mut Chance, name: &str) -> String {
    let mut text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n");
    let _ = writeln!(text, "  restartPolicy: {}", chance.one(&["Always", "Always", "OnFailure", "Never"]));
    let _ = writeln!(text, "  terminationGracePeriodSeconds: {}", chance.one(&["0", "2", "30"]));
    if chance.in_ten(2) {
        text += "  activeDeadlineSeconds: 20\n";
    }
    if chance.in_ten(1) {
        text += "  hostNetwork: true\n";
    }
    if chance.in_ten(3) {
        text += "  initContainers:\n";
        for i in 0..1 + chance.0.u32(..2) {
            text += &container(chance, &format!("i{i}"));
            if chance.in_ten(3) {
                text += "    restartPolicy: Always\n";
            } else if chance.in_ten(5) {
                // Not probed: only sidecars are.
                text = text.lines().filter(|line| !line.contains("Probe:")).fold(String::new(), |t, l| t + l + "\n");
            }
        }
    }
    text += "  containers:\n";
    for i in 0..1 + chance.0.u32(..3) {
        text += &container(chance, &format!("c{i}"));
    }
    text
}

fn input(chance: &mut Chance) -> Vec<Input> {
    let name = format!("p{}", chance.0.u32(..8));
    let typed = |text: String| vec![Input::Type(format!("{text}\r").into_bytes())];
    let node = chance.one(&["podarium-worker", "podarium-worker2"]).to_string();
    match chance.0.u32(..13) {
        0..6 => {
            let path = format!("{name}.yaml");
            let data = manifest(chance, &name).into_bytes();
            vec![Input::WriteFile { path: path.clone(), data }, Input::Apply { path }]
        }
        6 => typed(format!("kubectl delete pod {name} --wait=false")),
        7 => typed(format!("kubectl delete pod {name} --grace-period=0 --force")),
        8 => typed(format!("kubectl exec {name} -- sh -c 'kill 1; kill -9 2'")),
        9 => typed(format!(
            "kubectl patch pod {name} -p '{{\"spec\":{{\"containers\":[{{\"name\":\"c0\",\"image\":\"nginx:1.27\"}}]}}}}'"
        )),
        10 => vec![Input::StopNode(node)],
        11 => {
            // Fewer pods at most. While pods end that a smaller machine has no processors for, more is asked for than it has.
            let size = NodeSize { pods: chance.0.u32(1..12), ..NodeSize::default() };
            vec![Input::ResizeNode { name: node, size }]
        }
        _ => vec![Input::StartNode(node)],
    }
}

/// All that the API server tells about a kind after a version, in its order.
fn watch(lab: &Lab, kinds: &[Kind], resource_version: u64) -> Rc<RefCell<Vec<WatchEvent>>> {
    let told = Rc::<RefCell<Vec<WatchEvent>>>::default();
    for &kind in kinds {
        let (client, told) = (lab.cluster().client(), told.clone());
        lab.sim().spawn(async move {
            let options = ListOptions { resource_version, ..ListOptions::default() };
            let mut watch = client.watch(kind, "", options).await.expect("a watch");
            while let Some(event) = watch.recv().await {
                told.borrow_mut().push(event);
            }
        });
    }
    told
}

/// The cluster as the events have told it so far.
#[derive(Default)]
struct Known {
    pods: BTreeMap<String, Rc<Pod>>,
    nodes: BTreeMap<String, Rc<Node>>,
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or_default()
}

fn is_over(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

fn restarts(pod: &Pod) -> BTreeMap<&str, i32> {
    let status = pod.status.as_ref();
    let statuses = status.and_then(|s| s.container_statuses.as_ref()).into_iter().flatten();
    let init = status.and_then(|s| s.init_container_statuses.as_ref()).into_iter().flatten();
    statuses.chain(init).map(|s| (s.name.as_str(), s.restart_count)).collect()
}

impl Known {
    fn take(&mut self, event: &WatchEvent) {
        match event {
            WatchEvent::Added(Object::Pod(pod)) | WatchEvent::Modified(Object::Pod(pod)) => {
                if let Some(before) = self.pods.get(pod.uid()) {
                    step(before, pod);
                }
                self.pods.insert(pod.uid().into(), pod.clone());
                self.check();
            }
            WatchEvent::Deleted(Object::Pod(pod)) => drop(self.pods.remove(pod.uid())),
            WatchEvent::Added(Object::Node(node)) | WatchEvent::Modified(Object::Node(node)) => {
                self.nodes.insert(node.name().into(), node.clone());
            }
            WatchEvent::Deleted(Object::Node(node)) => drop(self.nodes.remove(node.name())),
            other => panic!("{other:?}"),
        }
    }

    /// What must hold at every moment.
    fn check(&self) {
        let live = || self.pods.values().filter(|pod| !is_over(pod));
        let mut addresses = BTreeMap::new();
        let on_host = |pod: &Pod| pod.spec.as_ref().is_some_and(|s| s.host_network == Some(true));
        for pod in live().filter(|pod| !on_host(pod)) {
            if let Some(ip) = pod.status.as_ref().and_then(|s| s.pod_ip.clone())
                && let Some(other) = addresses.insert(ip.clone(), pod.name())
            {
                panic!("{} and {other} share {ip}", pod.name());
            }
        }
        for node in self.nodes.values() {
            let allocatable = resources::amounts(node.status.as_ref().and_then(|s| s.allocatable.as_ref()));
            let mut asked = resources::Amounts::new();
            let here = |pod: &&Rc<Pod>| pod.spec.as_ref().is_some_and(|s| s.node_name.as_deref() == Some(node.name()));
            for pod in live().filter(here) {
                for (name, amount) in resources::requests(pod, &resources::Options::default()) {
                    let sum = asked.get(&name).map_or(amount.clone(), |sum| sum.add(&amount));
                    asked.insert(name, sum);
                }
            }
            for (name, amount) in asked {
                assert!(amount <= allocatable[&name], "{}: {amount} of {name} asked for", node.name());
            }
        }
    }
}

/// What one change of a pod may do.
fn step(before: &Pod, after: &Pod) {
    let (from, to) = (phase(before), phase(after));
    let allowed = match from {
        "Pending" => true,
        // A pod whose sandbox is made anew runs its init containers again, and is Pending meanwhile.
        "Running" => to != "Pending" || after.spec.as_ref().is_some_and(|spec| spec.init_containers.is_some()),
        _ => to == from,
    };
    assert!(allowed, "{}: {from} -> {to}", after.name());
    let now = restarts(after);
    for (name, count) in restarts(before) {
        assert!(now.get(name).is_none_or(|n| *n >= count), "{}: restarts of {name} fell from {count}", after.name());
    }
    let version = |pod: &Pod| pod.metadata.resource_version.as_ref().and_then(|v| v.parse::<u64>().ok());
    assert!(version(before) < version(after), "{}: versions rise", after.name());
}

fn advance(lab: &mut Lab, by: Duration) -> Vec<u8> {
    let until = lab.now() + by;
    assert_eq!(lab.advance(until, 20_000_000), Reached::Time, "a quiet moment");
    lab.take_output()
}

#[test]
fn every_change_is_legal_and_a_replay_repeats_it() {
    for seed in 0..LABORATORIES {
        let mut chance = Chance(fastrand::Rng::with_seed(seed));
        let config = Config { seed, ..Config::default() };
        let mut lab = Lab::new(&config);
        let told = watch(&lab, &[Kind::Node, Kind::Pod], 0);
        let mut known = Known::default();
        // What exists already is told in no order.
        let mut screen = advance(&mut lab, Duration::ZERO);
        told.take().iter().for_each(|event| known.take(event));
        // By the version that the last of their events brought.
        let mut moments = Vec::new();
        for _ in 0..INPUTS {
            for input in input(&mut chance) {
                lab.input(input);
            }
            let pause = Duration::from_millis(if chance.in_ten(1) { 400_000 } else { chance.0.u64(..25_000) });
            screen.extend(advance(&mut lab, pause));
            for event in told.take() {
                known.take(&event);
                if let Some(pod @ Object::Pod(_)) = event.object() {
                    moments.push((pod.resource_version(), known.pods.clone()));
                }
            }
        }
        assert!(!known.nodes.is_empty(), "nodes were told");

        // Whoever knew the pods at some version, and is told what came after it, knows them as they are.
        // The server remembers as many changes at least.
        let remembered = moments.len().saturating_sub(100);
        for _ in 0..5 {
            let (version, pods) = moments[chance.0.usize(remembered..moments.len())].clone();
            let since = watch(&lab, &[Kind::Pod], version);
            advance(&mut lab, Duration::ZERO);
            let mut rebuilt = Known { pods, ..Known::default() };
            since.take().iter().for_each(|event| rebuilt.take(event));
            assert_eq!(rebuilt.pods, known.pods, "seed {seed}: from version {version}");
        }

        let inputs: Vec<(SimTime, Input)> = lab.inputs().to_vec();
        let mut again = Lab::replay(&config, &inputs, lab.now());
        assert_eq!(String::from_utf8_lossy(&again.take_output()), String::from_utf8_lossy(&screen), "seed {seed}");
        let pods = |lab: &Lab| -> Vec<Pod> { lab.view().pods().map(|pod| (**pod).clone()).collect() };
        assert_eq!(pods(&again), pods(&lab), "seed {seed}");
    }
}
