//! Stories: manifests on a small cluster, and what `kubectl get pods -w` and the events tell.
//!
//! The rows were recorded on a real cluster whose pulls take 1.2 s.

use std::{cell::RefCell, rc::Rc, time::Duration};

use k8s_openapi::api::core::v1::{Event, Pod};
use serde_json::Value;

use super::{Kubelet, NodeConfig};
use crate::{
    api::{
        ApiClient, Kind, Resource,
        client::{Body, DeleteOptions, ListOptions, LogOptions, WatchEvent, WriteOptions},
    },
    apiserver::{ApiServer, table},
    controllers,
    os::{Filesystem, FsImage, Machine, Network},
    programs::Programs,
    registry::{Catalogue, PullTimes},
    scheduler,
    sim::Sim,
};

/// A cluster of `nodes` workers.
pub struct Cluster {
    pub sim: Sim,
    pub server: Rc<ApiServer>,
    pub client: Rc<dyn ApiClient>,
    pub kubelets: Vec<Kubelet>,
}

impl Cluster {
    pub fn new(nodes: usize) -> Cluster {
        let epoch = jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_795_420_000);
        let sim = Sim::new(1, epoch);
        let server = ApiServer::new(&sim);
        let client: Rc<dyn ApiClient> = server.clone();
        let network = Network::new(&sim);
        let programs = Rc::new(Programs::default());
        let catalogue = Rc::new(Catalogue::load());
        let _scheduler = scheduler::start(&sim, client.clone(), "control-plane");
        controllers::start(&sim, &client);
        let kubelets = (1..=nodes)
            .map(|i| {
                let name = format!("node-{i}");
                let ip = format!("172.18.{}.{}", i / 250, i % 250 + 2);
                let host = network.namespace(&name);
                host.add_interface("eth0", ip.parse().expect("an address"), 16, None).expect("a free address");
                let root = Filesystem::new("ext4", Rc::new(FsImage::new([])));
                let machine = Machine::new(&sim, &network, programs.clone(), &name, host, root);
                let mut config = NodeConfig::new(&name, &format!("10.{}.{}.0/24", 244 + i / 250, i % 250), &ip);
                config.pull_times = PullTimes { fixed: Some(Duration::from_millis(1200)), ..PullTimes::default() };
                let kubelet = Kubelet::start(&sim, client.clone(), machine, catalogue.clone(), config);
                server.connect_kubelet(&name, &kubelet.endpoint());
                kubelet
            })
            .collect();
        let cluster = Cluster { sim, server, client, kubelets };
        cluster.pass(1.0);
        cluster
    }

    pub fn pass(&self, seconds: f64) {
        self.sim.run_until(self.sim.now() + Duration::from_secs_f64(seconds), u64::MAX);
    }

    pub fn wait<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> T {
        let (_task, result) = self.sim.spawn_join(future);
        let slot = Rc::new(RefCell::new(None));
        let put = slot.clone();
        self.sim.spawn(async move {
            put.replace(result.await);
        });
        self.sim.run_until(self.sim.now(), u64::MAX);
        slot.take().expect("an answer at once")
    }

    pub fn apply(&self, manifest: &str) {
        for document in serde_yaml::Deserializer::from_str(manifest) {
            let value: Value = serde::Deserialize::deserialize(document).expect("YAML");
            let kind = value["kind"].as_str().expect("a kind").to_string();
            let kind = Kind::ALL.iter().copied().find(|k| k.name() == kind).expect("a known kind");
            let client = self.client.clone();
            self.wait(async move {
                let options = WriteOptions::default();
                client.create(kind, "default", Body::Json(value), options).await.expect("it is accepted");
            });
        }
    }

    pub fn delete(&self, name: &str) {
        let (client, name) = (self.client.clone(), name.to_string());
        self.wait(async move {
            client.delete(Kind::Pod, "default", &name, DeleteOptions::default()).await.expect("it is there");
        });
    }

    pub fn pod(&self, name: &str) -> Rc<Pod> {
        let object = self.server.peek(Kind::Pod, "default", name).expect("the pod");
        Pod::from_object(&object).expect("a pod").clone()
    }

    pub fn events(&self, name: &str) -> Vec<Rc<Event>> {
        let mut events: Vec<Rc<Event>> =
            self.server.peek_all(Kind::Event).iter().filter_map(|o| Event::from_object(o).cloned()).collect();
        events.retain(|e| e.involved_object.name.as_deref() == Some(name));
        events.sort_by_key(|e| e.metadata.name.clone());
        events
    }

    pub fn logs(&self, name: &str, options: LogOptions) -> String {
        let (client, name) = (self.client.clone(), name.to_string());
        self.wait(async move {
            let mut log = client.logs("default", &name, options).await.expect("a log");
            let mut text = Vec::new();
            while let Some(data) = log.recv().await {
                text.extend(data);
            }
            String::from_utf8_lossy(&text).into_owned()
        })
    }

    /// Collects what `kubectl get pods -w` would print from now on.
    pub fn watch(&self) -> Rows {
        let rows = Rows::default();
        let (sim, client, to) = (self.sim.clone(), self.client.clone(), rows.clone());
        let began = sim.now();
        self.sim.spawn(async move {
            let mut watch = client.watch(Kind::Pod, "default", ListOptions::default()).await.expect("a watch");
            while let Some(event) = watch.recv().await {
                let Some(object) = event.object() else { return };
                let cells = table::row(object, sim.wall());
                let gone = matches!(event, WatchEvent::Deleted(_));
                let row = if gone { "gone".into() } else { cells[1..4].join(" ") };
                to.0.borrow_mut().push((sim.now().since(began).as_secs_f64(), object.name().to_string(), row));
            }
        });
        rows
    }
}

#[derive(Clone, Default)]
pub struct Rows(Rc<RefCell<Vec<(f64, String, String)>>>);

impl Rows {
    /// Each new row of a pod: `time READY STATUS RESTARTS`, without the age of the last restart.
    fn of(&self, pod: &str) -> Vec<(f64, String)> {
        let mut seen: Vec<(f64, String)> = Vec::new();
        for (at, name, row) in self.0.borrow().iter().filter(|(_, name, _)| name == pod) {
            let _ = name;
            let row = row.split(" (").next().unwrap_or(row).to_string();
            if seen.last().is_none_or(|(_, last)| *last != row) {
                seen.push((*at, row));
            }
        }
        seen
    }
}

fn show(rows: &[(f64, String)]) -> String {
    rows.iter().map(|(at, row)| format!("{at:.1} {row}\n")).collect()
}

/// What happens in a story besides the passing of time.
enum Act {
    Delete(&'static str),
}

/// Runs a story and compares its rows. A line of `expected` is `TIME ROW`: the time within 1.5 s, or a
/// range `A..B` where chance decides; a `?` before it marks a row that may be missing.
fn story(pod: &str, manifest: &str, acts: &[(f64, Act)], seconds: f64, expected: &str) -> Cluster {
    let cluster = Cluster::new(1);
    let rows = cluster.watch();
    cluster.apply(manifest);
    let began = cluster.sim.now();
    for (at, act) in acts {
        cluster.sim.run_until(began + Duration::from_secs_f64(*at), u64::MAX);
        match act {
            Act::Delete(name) => cluster.delete(name),
        }
    }
    cluster.sim.run_until(began + Duration::from_secs_f64(seconds), u64::MAX);
    let got = rows.of(pod);
    let mut left = got.iter();
    let mut next = left.next();
    for line in expected.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (optional, line) = line.strip_prefix('?').map_or((false, line), |rest| (true, rest));
        let (time, row) = line.split_once(' ').expect("a time and a row");
        let number = |text: &str| text.parse::<f64>().expect("a time");
        let (from, to) = match time.split_once("..") {
            Some((from, to)) => (number(from), number(to)),
            None => (number(time) - 1.5, number(time) + 1.5),
        };
        match next {
            Some((at, text)) if text == row && (from..=to).contains(at) => next = left.next(),
            _ if optional => {}
            other => panic!("{pod}: expected {line}, got {other:?} in\n{}", show(&got)),
        }
    }
    assert_eq!(next, None, "{pod}: more than expected in\n{}", show(&got));
    cluster
}

/// The events of a pod as `TYPE REASON MESSAGE xCOUNT`.
fn events(cluster: &Cluster, pod: &str) -> String {
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let uid = cluster.server.peek(Kind::Pod, "default", pod).map(|o| o.uid().to_string()).unwrap_or_default();
    let line = |e: &Rc<Event>| {
        let message = text(&e.message).replace(&uid, "UID");
        let message = if uid.is_empty() { text(&e.message) } else { message };
        format!("{} {} {} x{}\n", text(&e.type_), text(&e.reason), message, e.count.unwrap_or(1))
    };
    let kubelet = |e: &&Rc<Event>| e.source.as_ref().is_some_and(|s| s.component.as_deref() == Some("kubelet"));
    cluster.events(pod).iter().filter(kubelet).map(line).collect()
}

fn one(name: &str, spec: &str) -> String {
    format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {spec}}}")
}

#[test]
fn a_container_that_crashes_at_once() {
    let spec = "{containers: [{name: c, image: 'busybox:1.36', command: [sh, -c, 'exit 1']}]}";
    let cluster = story(
        "crash-instant",
        &one("crash-instant", spec),
        &[],
        60.0,
        "0.0 0/1 Pending 0
         0.0 0/1 ContainerCreating 0
         1.5 1/1 Running 0
         ?1.6 0/1 Error 0
         1.6 1/1 Running 1
         2.6 0/1 Error 1
         11.7..18 0/1 CrashLoopBackOff 1
         11.7..18 1/1 Running 2
         12..19 0/1 Error 2
         32..51 0/1 CrashLoopBackOff 2
         32..51 1/1 Running 3
         33..52 0/1 Error 3",
    );
    let expected = "Normal Pulling Pulling image \"busybox:1.36\" x1
Normal Pulled Successfully pulled image \"busybox:1.36\" in 1.2s (1.2s including waiting). Image size: SIZE bytes. x1
Normal Created Container created x4
Normal Started Container started x4
Normal Pulled Container image \"busybox:1.36\" already present on machine and can be accessed by the pod x3
Warning BackOff Back-off restarting failed container c in pod crash-instant_default(UID) x3
";
    let got = events(&cluster, "crash-instant");
    let size = got.split("Image size: ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a size").to_string();
    assert_eq!(got.replace(&format!("size: {size} "), "size: SIZE "), expected);
}

#[test]
fn a_trap_ends_the_container_within_its_grace() {
    let spec = "{terminationGracePeriodSeconds: 5, containers: [{name: c, image: 'busybox:1.36', command: [sh, -c, \"trap \
                'sleep 2; exit 0' TERM; while true; do sleep 1; done\"]}]}";
    story(
        "grace5-trap",
        &one("grace5-trap", spec),
        &[(8.0, Act::Delete("grace5-trap"))],
        20.0,
        "0.0 0/1 Pending 0
         0.0 0/1 ContainerCreating 0
         1.5 1/1 Running 0
         8.0 1/1 Terminating 0
         10.5 0/1 Completed 0
         11.0 gone",
    );
}
