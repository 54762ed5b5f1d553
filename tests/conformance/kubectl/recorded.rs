//! Recorded commands of a real kubectl, run in order on a simulated cluster: whole stdout, stderr and exit code are
//! compared, with ages, ids and the like masked.

use std::{rc::Rc, time::Duration};

use podarium::{
    api::{
        ApiClient, Error, Kind, Pod,
        client::{Answer, Body, Dial, ExecOptions, LogOptions, Session, Subresource, WriteOptions},
    },
    apiserver::{ApiServer, proxy::KubeletEndpoint},
    controllers,
    kubelet::{Kubelet, NodeConfig},
    manifest,
    os::{Filesystem, FsImage, Machine, Network},
    programs::Programs,
    registry::Catalogue,
    scheduler,
    sim::Sim,
};
use serde_json::{Value, json};

use super::world::{Ran, World, sim_at};
use crate::{Failure, Outcome, Table, guarded};

/// How long a recorded command may take.
const LIMIT: Duration = Duration::from_secs(90);
const STEPS: u64 = 1_000_000;

/// Runs the commands of one story in order; what has no expectation is run for what it does.
fn story(table: &Table, mut run: impl FnMut(&Value) -> Ran) -> Vec<Outcome> {
    let one = |case: &Value| {
        guarded(|| {
            let got = run(case);
            if case.get("stdout").is_some() {
                compare(case, &got)
            } else {
                if std::env::var_os("PODARIUM_CASES_TELL").is_some() {
                    println!("@@@ {} $ {}\n{}{}exit {:?}", case["id"], case["cmd"], got.stdout, got.stderr, got.code);
                }
                Ok(())
            }
        })
    };
    table.cases.iter().map(one).collect()
}

fn compare(case: &Value, got: &Ran) -> Outcome {
    let expected = Ran {
        stdout: case["stdout"].as_str().unwrap_or_default().into(),
        stderr: case["stderr"].as_str().unwrap_or_default().into(),
        code: case["exit"].as_i64().and_then(|code| i32::try_from(code).ok()),
    };
    if masked(&got.stdout) == masked(&expected.stdout)
        && masked(&real_warnings(&got.stderr)) == masked(&expected.stderr)
        && got.code == expected.code
    {
        return Ok(());
    }
    let line = case["cmd"].as_str().unwrap_or_default();
    let shown = |ran: &Ran| format!("\n{}{}exit {:?}\n", ran.stdout, ran.stderr, ran.code);
    Err(Failure::new(shown(&expected), format!("$ {line}{}", shown(got))))
}

/// Without what only this cluster warns of.
fn real_warnings(stderr: &str) -> String {
    let own = format!("Warning: {}", podarium::api::warnings::NOT_SIMULATED);
    stderr.split_inclusive('\n').filter(|line| !line.starts_with(&own)).collect()
}

/// Ages, ids, versions and dates differ from run to run, and with them the columns.
fn masked(text: &str) -> String {
    let line = |line: &str| match line.trim_start().trim_start_matches('"').starts_with("resourceVersion") {
        true => "VERSION\n".to_string(),
        false => {
            let words = line.split_whitespace().map(mask_word).collect::<Vec<_>>();
            // klog's lines hold the time and the process' number.
            let from = if words.first().is_some_and(|word| klog(word)) { 3.min(words.len()) } else { 0 };
            words[from..].join(" ") + "\n"
        }
    };
    text.lines().map(line).collect()
}

fn klog(word: &str) -> bool {
    word.len() == 5 && word.starts_with(['I', 'W', 'E']) && word[1..].bytes().all(|c| c.is_ascii_digit())
}

fn mask_word(word: &str) -> String {
    // Go's print of a whole object.
    if let Some((key, _)) = word.split_once("\":\"")
        && let key = key.trim_start_matches("{}{")
        && ["\"resourceVersion", "\"uid", "\"containerID", "\"imageID", "\"nodeName", "\"name"].contains(&key)
        && (key != "\"name" || word.contains(TOKEN))
    {
        return format!("{key}\":CHANCE");
    }
    if let Some((before, address)) = ["10.244.", "172.18.0."].iter().find_map(|net| word.split_once(net))
        && before.ends_with('"')
    {
        let after = address.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        return format!("{before}ADDRESS{after}");
    }
    // Endpoints in any order.
    if word.contains("10.244.") && word.contains(',') {
        return word.split(',').map(mask_word).collect::<Vec<_>>().join(",");
    }
    // A port of all nodes.
    if let Some((port, rest)) = word.split_once(":3")
        && let Some((drawn, protocol)) = rest.split_once('/')
        && drawn.len() == 4
        && drawn.bytes().all(|c| c.is_ascii_digit())
    {
        return format!("{port}:NODEPORT/{protocol}");
    }
    // The server's own lease is named after its machine.
    if word.starts_with("apiserver-") && word.len() >= 36 {
        return "apiserver-X".into();
    }
    let age = word.trim_matches(['(', ')']);
    let is_age = age.len() > 1
        && age.ends_with(['s', 'm', 'h', 'd'])
        && age.chars().all(|c| c.is_ascii_digit() || "smhd".contains(c))
        && age.starts_with(|c: char| c.is_ascii_digit());
    if is_age {
        return "AGE".into();
    }
    if by_chance(word) {
        return "CHANCE".into();
    }
    if let Some((debugger, _)) = word.rsplit_once('-')
        && debugger.starts_with("node-debugger-")
    {
        return format!("{debugger}-X");
    }
    // Pods of others end in five letters that are drawn.
    let drawn = |tail: &str| tail.len() == 5 && tail.chars().all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c));
    if let Some((head, tail)) = word.rsplit_once('-')
        && drawn(tail.trim_end_matches(['"', ',', ':', ')', ']']))
    {
        return format!("{head}-X");
    }
    if word.contains("kube-api-access-") {
        return "kube-api-access-X".into();
    }
    let nanos = |word: &str| word.len() == 18 && word.as_bytes()[2] == b':' && word.as_bytes()[8] == b'.';
    if word.contains("2026-11-23T") || nanos(word) {
        return "TIME".into();
    }
    for directory in ["/tmp/LIVE-", "/tmp/MERGED-"] {
        if let Some(rest) = word.strip_prefix(directory) {
            return format!("{directory}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
    }
    if let Some((head, tail)) = word.split_once("gen-")
        && tail.len() == 5
    {
        return format!("{head}gen-X");
    }
    let id = word.trim_matches(['"', ',']);
    if id.len() == 36 && id.matches('-').count() == 4 {
        return "UID".into();
    }
    word.into()
}

/// What the recording of `u` did between its commands: the section that it stands before, and the commands.
const BETWEEN: &[(&str, &str)] = &[
    // No controller published the root certificate.
    ("u/0", "kubectl create ns other; kubectl create sa default -n other; kubectl delete cm kube-root-ca.crt"),
    (
        "u/57",
        "for pod in selector cpu mem ext port1 port2 port3 aff anti1 anti2 anti3 tsc1 tsc2 tsc3 tsc4 pvc matchfields \
         gated sched nodename tol; do kubectl apply -f s-$pod.yaml; sleep 0.4; done; \
         kubectl cordon node2; sleep 0.5; kubectl apply -f s-cordon.yaml; sleep 1; \
         kubectl taint node node1 dedicated=db:NoSchedule; sleep 1; kubectl apply -f s-taint.yaml; sleep 3",
    ),
    ("u/90", "kubectl delete pods --all --force"),
    ("u/92", "for pod in low1 low2 low3 vip; do kubectl apply -f $pod.yaml; sleep 1; done"),
    (
        "u/97",
        "kubectl delete pods --all --force; \
         for pod in a-*.yaml m-*.yaml; do kubectl apply -f $pod; sleep 0.2; done; sleep 1",
    ),
    ("u/98", "kubectl delete pods --all --force"),
    (
        "u/299",
        "kubectl delete pods --all --force; kubectl run web --image=nginx --overrides='{\"spec\": {\"containers\": \
         [{\"name\": \"app\", \"image\": \"nginx\"}]}}'; kubectl run waiting --image=nginx \
         --overrides='{\"spec\": {\"containers\": [{\"name\": \"app\", \"image\": \"nginx\"}]}}'; sleep 1",
    ),
    ("u/231", "kubectl apply -f pod.yaml -f two.yaml"),
    (
        "u/261",
        "kubectl patch pod web --subresource=status -p '{\"status\": {\"phase\": \"Succeeded\", \"containerStatuses\": \
         [{\"name\": \"app\", \"image\": \"nginx:1.27\", \"imageID\": \"\", \"ready\": false, \"restartCount\": 0, \
         \"state\": {\"terminated\": {\"exitCode\": 0, \"reason\": \"Completed\"}}}]}}'",
    ),
    (
        "u/311",
        "kubectl delete pod web --force; \
         kubectl run web --image=nginx --overrides='{\"spec\": {\"nodeSelector\": {\"no\": \"where\"}}}'; sleep 1",
    ),
];

const TOKEN: &str = "kube-api-access-";

/// How long the recording's runtime pulled.
const PULL: Duration = Duration::from_millis(1200);

/// With this seed the first of two equal nodes is chosen first, as in the recording.
const SEED: u64 = 2;

/// The kubelet that the recording put in the place of a real one for its last section: it gives a kubelet's answers.
struct Answering;

impl KubeletEndpoint for Answering {
    fn logs<'a>(
        &'a self,
        pod: &'a Pod,
        container: &'a str,
        options: LogOptions,
    ) -> Answer<'a, podarium::sim::Receiver<Vec<u8>>> {
        Box::pin(async move {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            if options.previous {
                return Err(Error::bad_request(format!(
                    "previous terminated container {container:?} in pod {name:?} not found"
                )));
            }
            if name == "waiting" {
                return Err(Error::bad_request(format!(
                    "container {container:?} in pod {name:?} is waiting to start: ContainerCreating"
                )));
            }
            let (to, from) = podarium::sim::channel();
            let _ = to.send(b"hello\nworld\n".to_vec());
            Ok(from)
        })
    }

    fn exec<'a>(&'a self, _: &'a Pod, container: &'a str, _: ExecOptions) -> Answer<'a, Session> {
        Box::pin(async move { Err(no_container(container)) })
    }

    fn attach<'a>(&'a self, _: &'a Pod, container: &'a str, _: ExecOptions) -> Answer<'a, Session> {
        Box::pin(async move { Err(no_container(container)) })
    }

    fn port_forward(&self, pod: &Pod) -> podarium::api::Result<Dial> {
        Err(Error::not_found(Kind::Pod, pod.metadata.name.as_deref().unwrap_or_default()))
    }
}

fn no_container(container: &str) -> Error {
    Error::internal(format!("unable to upgrade connection: container not found ({container:?})"))
}

/// Nodes that the scheduler chose among equals, the addresses that follow from it, ids, digests and times of day.
fn by_chance(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let address = |prefix: &str| {
        let ip = word.rsplit_once(':').map_or(word, |(ip, port)| if number(port) { ip } else { word });
        ip.strip_prefix(prefix).is_some_and(|rest| rest.split('.').all(number))
    };
    let time = word.len() == 8 && word.split(':').all(|part| part.len() == 2 && number(part));
    let (node, host) = word.split_once('/').unwrap_or((word, ""));
    let node = node.strip_prefix("node").map(|rest| rest.trim_start_matches('-')).is_some_and(number)
        && (host.is_empty() || host.starts_with("172.18.0."));
    node || time
        || address("10.244.")
        || address("10.96.")
        || address("172.18.0.")
        || word.starts_with("containerd://")
        || word.contains("@sha256:")
}

/// Node objects with a scheduler and nothing behind them (u).
pub fn without_kubelets(table: &Table) -> Vec<Outcome> {
    let sim = sim_at("2026-11-23T08:09:38Z", SEED);
    let server = ApiServer::new(&sim);
    let world = World::new(&sim, &Network::new(&sim), server.clone());
    for (name, text) in table.head["files"].as_object().into_iter().flatten() {
        // The story's files lie where its commands look for them.
        world.write(&format!("/tmp/{name}"), text.as_str().unwrap_or_default());
        world.write(name, text.as_str().unwrap_or_default());
    }
    scheduler::start(&sim, server.clone(), "control-plane");
    for (name, address) in [("control-plane", "192.168.1.19"), ("node1", "192.168.1.11"), ("node2", "192.168.1.12")] {
        let source = table.head["files"][format!("{name}.yaml")].as_str().unwrap_or_default();
        if let Some(document) = manifest::parse(source).docs().next() {
            node(&sim, &server, &document.value, address);
        }
    }
    world.write("/root/.kube/config", KUBECONFIG);
    let kubelet: Rc<dyn KubeletEndpoint> = Rc::new(Answering);
    story(table, |case| {
        if case["section"].as_str().is_some_and(|section| section.contains("stub kubelet")) {
            ["node1", "node2"].iter().for_each(|node| server.connect_kubelet(node, &kubelet));
        }
        if let Some((_, between)) = BETWEEN.iter().find(|(id, _)| case["id"] == *id) {
            world.run(between, LIMIT);
        }
        let ran = world.run(case["cmd"].as_str().unwrap_or_default(), LIMIT);
        // Whoever records needs a moment between two commands.
        sim.run_until(sim.now() + Duration::from_millis(100), STEPS);
        ran
    })
}

fn node(sim: &Sim, server: &Rc<ApiServer>, object: &Value, address: &str) {
    let (server, object, address) = (server.clone(), object.clone(), address.to_string());
    let (_task, _done) = sim.spawn_join(async move {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_string();
        let mut value = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": object["metadata"],
            "spec": object.get("spec").cloned().unwrap_or(json!({})),
        });
        let options = WriteOptions::default;
        server.create(Kind::Node, "", Body::Json(value.clone()), options()).await.expect("a node");
        // A new node is tainted until it says that it is ready.
        let taints = value["spec"].get("taints").cloned().unwrap_or(Value::Null);
        value = server.get(Kind::Node, "", &name).await.expect("the node").to_value();
        value["spec"]["taints"] = taints;
        let written = server.update(Kind::Node, "", &name, Subresource::None, Body::Json(value), options()).await;
        value = written.expect("taints").object.to_value();
        value["status"] = ready(&name, &address);
        let written = server.update(Kind::Node, "", &name, Subresource::Status, Body::Json(value), options()).await;
        written.expect("a status");
    });
    sim.run_ready(STEPS);
}

fn ready(name: &str, address: &str) -> Value {
    json!({
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
        "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
        "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready",
            "lastHeartbeatTime": null, "lastTransitionTime": null,
        }],
        "nodeInfo": {
            "architecture": "amd64", "bootID": "b", "containerRuntimeVersion": "containerd://2.1.4",
            "kernelVersion": "6.8.0-45-generic", "kubeProxyVersion": "", "kubeletVersion": "v1.36.2", "machineID": "m",
            "operatingSystem": "linux", "osImage": "Ubuntu 24.04.1 LTS", "systemUUID": "s",
        },
    })
}

/// Three real nodes (v). Each session has a cluster of its own and its own clock.
pub fn with_kubelets(table: &Table) -> Vec<Outcome> {
    let mut cluster = Cluster::start();
    let mut session = 1;
    story(table, |case| {
        let number = case["session"].as_i64().unwrap_or(1);
        if number != session {
            session = number;
            cluster.began = cluster.world.sim.now().since(podarium::sim::SimTime::ZERO);
        }
        cluster.run(case)
    })
}

struct Cluster {
    world: World,
    /// Dropped with the cluster.
    _kubelets: Vec<Kubelet>,
    /// When the session began.
    began: Duration,
}

impl Cluster {
    fn start() -> Cluster {
        let sim = sim_at("2026-11-23T08:50:00Z", 1);
        let network = Network::new(&sim);
        let server = ApiServer::new(&sim);
        let client: Rc<dyn ApiClient> = server.clone();
        controllers::start(&sim, &client);
        scheduler::start(&sim, client.clone(), "control-plane");
        let world = World::new(&sim, &network, client.clone());
        world.write("/root/.kube/config", NODES_KUBECONFIG);
        let catalogue = Rc::new(Catalogue::load());
        let mut kubelets = Vec::new();
        for index in 1..=3 {
            let (name, address) = (format!("node-{index}"), format!("172.18.0.{}", index + 1));
            let net = network.namespace(&name);
            if let Ok(address) = address.parse() {
                let _ = net.add_interface("eth0", address, 16, None);
            }
            let root = Filesystem::new("overlay", Rc::new(FsImage::default()));
            let machine = Machine::new(&sim, &network, Rc::new(Programs::default()), &name, net, root);
            let mut config = NodeConfig::new(&name, &format!("10.244.{}.0/24", index - 1), &address);
            config.os_image = "Debian GNU/Linux 12 (bookworm)".into();
            config.kernel = "6.8.0-generic".into();
            config.container_runtime = "containerd://2.2.0".into();
            config.pull_times.fixed = Some(PULL);
            let kubelet = Kubelet::start(&sim, client.clone(), machine, catalogue.clone(), config);
            server.connect_kubelet(&name, &kubelet.endpoint());
            kubelets.push(kubelet);
        }
        // The recording began on a cluster of twelve seconds.
        sim.run_until(sim.now() + Duration::from_secs(12), STEPS);
        let began = sim.now().since(podarium::sim::SimTime::ZERO);
        Cluster { world, _kubelets: kubelets, began }
    }

    fn run(&self, case: &Value) -> Ran {
        let sim = &self.world.sim;
        let at = self.began + Duration::from_secs_f64(case["t"].as_f64().unwrap_or_default());
        let at = podarium::sim::SimTime::ZERO + at;
        if at > sim.now() {
            sim.run_until(at, 100 * STEPS);
        }
        for (name, text) in case["files"].as_object().into_iter().flatten() {
            self.world.write(name, text.as_str().unwrap_or_default());
        }
        self.world.run(case["cmd"].as_str().unwrap_or_default(), LIMIT)
    }
}

const KUBECONFIG: &str = "\
apiVersion: v1
clusters:
- cluster:
    server: https://127.0.0.1:26443
  name: c
contexts:
- context:
    cluster: c
    user: u
  name: x
current-context: x
kind: Config
";

const NODES_KUBECONFIG: &str = "\
apiVersion: v1
clusters:
- cluster:
    certificate-authority: run/pki/ca.crt
    server: https://127.0.0.1:36443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    namespace: default
    user: admin
  name: oracle
current-context: oracle
kind: Config
users:
- name: admin
  user:
    token: secret
";
