//! Stories: manifests on a small cluster, and what `kubectl get pods -w` and the events tell.
//!
//! The rows were recorded on a real cluster whose pulls take 1.2 s.

use std::{cell::RefCell, rc::Rc, time::Duration};

use k8s_openapi::api::core::v1::Event;
use serde_json::Value;

use super::{Kubelet, NodeConfig};
use crate::{
    api::{
        ApiClient, Kind, Pod, Resource,
        client::{
            Body, DeleteOptions, ExecOptions, ListOptions, LogOptions, Patch, Subresource, WatchEvent, WriteOptions,
        },
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
    pub fn of(&self, pod: &str) -> Vec<(f64, String)> {
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
    Apply(&'static str),
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
            Act::Apply(manifest) => cluster.apply(manifest),
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

#[test]
fn init_containers_run_one_by_one() {
    let spec = "{initContainers: [{name: one, image: busybox, command: [sh, -c, 'sleep 3']}, {name: two, image: busybox, \
                command: [sh, -c, 'sleep 2']}], containers: [{name: app, image: nginx}]}";
    story(
        "init",
        &one("init", spec),
        &[(75.0, Act::Delete("init"))],
        80.0,
        "0.0 0/1 Pending 0
         0.0 0/1 Init:0/2 0
         5.2 0/1 Init:1/2 0
         9.2 0/1 PodInitializing 0
         10.4 1/1 Running 0
         75.1 1/1 Terminating 0
         75.1 0/1 Completed 0
         75.6 gone",
    );
}

#[test]
fn a_failing_liveness_probe_restarts() {
    let spec = "{containers: [{name: c, image: 'nginx:1.27', livenessProbe: {httpGet: {path: /healthz, port: 80}}}]}";
    let cluster = story(
        "liveness-default",
        &one("liveness-default", spec),
        &[],
        70.0,
        "0.0 0/1 Pending 0
         0.0 0/1 ContainerCreating 0
         1.5 1/1 Running 0
         30.3 1/1 Running 1
         60.3 1/1 Running 2",
    );
    let events = events(&cluster, "liveness-default");
    for line in [
        "Warning Unhealthy Liveness probe failed: HTTP probe failed with statuscode: 404 x6",
        "Normal Killing Container c failed liveness probe, will be restarted x2",
        "Normal Started Container started x3",
    ] {
        assert!(events.contains(line), "{line} in\n{events}");
    }
}

#[test]
fn an_image_that_does_not_exist() {
    let spec = "{containers: [{name: c, image: 'nginx:doesnotexist'}]}";
    let cluster = story(
        "imagepull-long",
        &one("imagepull-long", spec),
        &[(60.0, Act::Delete("imagepull-long"))],
        65.0,
        "0.0 0/1 Pending 0
         0.0 0/1 ContainerCreating 0
         1.5 0/1 ErrImagePull 0
         11..17 0/1 ImagePullBackOff 0
         22..33 0/1 ErrImagePull 0
         ?33..50 0/1 ImagePullBackOff 0
         ?43..60 0/1 ErrImagePull 0
         ?50..60 0/1 ImagePullBackOff 0
         60.0 0/1 Terminating 0
         60.5 0/1 ContainerStatusUnknown 0
         60.5 gone",
    );
    let reference = "docker.io/library/nginx:doesnotexist";
    let events = events(&cluster, "imagepull-long");
    for line in [
        "Normal Pulling Pulling image \"nginx:doesnotexist\"".to_string(),
        format!(
            "Warning Failed Failed to pull image \"nginx:doesnotexist\": rpc error: code = NotFound desc = failed to pull \
             and unpack image \"{reference}\": failed to resolve reference \"{reference}\": {reference}: not found"
        ),
        "Warning Failed Error: ErrImagePull".into(),
        "Normal BackOff Back-off pulling image \"nginx:doesnotexist\"".into(),
        "Warning Failed Error: ImagePullBackOff".into(),
    ] {
        assert!(events.contains(&line), "{line} in\n{events}");
    }
}

#[test]
fn a_container_that_completes_under_always() {
    let spec = "{containers: [{name: c, image: 'busybox:1.36', command: [sh, -c, 'sleep 3']}]}";
    story(
        "complete-always",
        &one("complete-always", spec),
        &[],
        55.0,
        "0.0 0/1 Pending 0
         0.0 0/1 ContainerCreating 0
         1.5 1/1 Running 0
         5.2 0/1 Completed 0
         5.2 1/1 Running 1
         9.0 0/1 Completed 1
         17..26 0/1 CrashLoopBackOff 1
         17..26 1/1 Running 2
         20..30 0/1 Completed 2
         39..61 0/1 CrashLoopBackOff 2
         39..61 1/1 Running 3
         ?42..65 0/1 Completed 3",
    );
}

#[test]
fn a_secret_that_comes_late() {
    let spec = "{containers: [{name: c, image: 'busybox:1.36', command: [sleep, '600'], volumeMounts: [{name: s, mountPath: \
                /s}]}], volumes: [{name: s, secret: {secretName: late}}]}";
    let secret = "{apiVersion: v1, kind: Secret, metadata: {name: late}, data: {pw: czM=}}";
    let cluster = story(
        "late",
        &one("late", spec),
        &[(5.0, Act::Apply(secret))],
        20.0,
        "0.0 0/1 Pending 0
         0.0 0/1 ContainerCreating 0
         9.1 1/1 Running 0",
    );
    let expected = "Warning FailedMount MountVolume.SetUp failed for volume \"s\" : secret \"late\" not found x4\n";
    assert!(events(&cluster, "late").starts_with(expected), "{}", events(&cluster, "late"));
}

#[test]
fn a_deadline_ends_the_pod() {
    let spec = "{activeDeadlineSeconds: 10, containers: [{name: c, image: 'nginx:1.27'}]}";
    let cluster = story(
        "deadline",
        &one("deadline", spec),
        &[],
        30.0,
        "0.0 0/1 Pending 0
         0.0 0/1 ContainerCreating 0
         1.5 1/1 Running 0
         ?10.0 0/1 Running 0
         10.5 0/1 Completed 0",
    );
    let status = cluster.pod("deadline").status.clone().expect("a status");
    assert_eq!((status.phase.as_deref(), status.reason.as_deref()), (Some("Failed"), Some("DeadlineExceeded")));
}

#[test]
fn a_node_that_loses_its_power() {
    let cluster = Cluster::new(1);
    let spec = "{containers: [{name: c, image: 'busybox:1.36', command: [sleep, '100000']}]}";
    cluster.apply(&one("web", spec));
    cluster.pass(5.0);
    let first = cluster.pod("web").status.clone().expect("a status");
    cluster.kubelets[0].stop();
    cluster.server.disconnect_kubelet("node-1");
    assert!(cluster.kubelets[0].machine().processes().is_empty());
    cluster.pass(60.0);
    let node = cluster.server.peek(Kind::Node, "", "node-1").expect("the node");
    assert!(
        table::row(&node, cluster.sim.wall())[1].starts_with("NotReady"),
        "{:?}",
        table::row(&node, cluster.sim.wall())
    );
    cluster.kubelets[0].restart();
    cluster.server.connect_kubelet("node-1", &cluster.kubelets[0].endpoint());
    cluster.pass(10.0);
    let second = cluster.pod("web").status.clone().expect("a status");
    assert_ne!(first.pod_ip, None);
    let statuses = second.container_statuses.as_ref().expect("containers");
    let ended = statuses[0].last_state.clone().and_then(|s| s.terminated).expect("a last state");
    assert_eq!((statuses[0].restart_count, statuses[0].ready), (1, true));
    assert_eq!((ended.exit_code, ended.reason.as_deref()), (255, Some("Unknown")));
    let changed = "Normal SandboxChanged Pod sandbox changed, it will be killed and re-created. x1";
    assert!(events(&cluster, "web").contains(changed), "{}", events(&cluster, "web"));
}

/// Runs a command in a pod: output and exit code.
fn exec(cluster: &Cluster, pod: &str, container: &str, command: &[&str]) -> (String, Result<i32, String>) {
    let options = ExecOptions {
        container: Some(container.into()),
        command: command.iter().map(|word| (*word).to_string()).collect(),
        ..ExecOptions::default()
    };
    let (client, pod) = (cluster.client.clone(), pod.to_string());
    cluster.wait(async move {
        let mut session = match client.exec("default", &pod, options).await {
            Ok(session) => session,
            Err(error) => return (String::new(), Err(error.message)),
        };
        let exit = session.exit.await.expect("an end");
        let mut text = Vec::new();
        while let Some((_, data)) = session.output.try_recv() {
            text.extend(data);
        }
        (String::from_utf8_lossy(&text).into_owned(), exit.map_err(|error| error.message))
    })
}

#[test]
fn inside_a_container() {
    let cluster = Cluster::new(1);
    cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: cm}, data: {colour: blue, file.txt: hello}}");
    cluster.apply(
        "{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, spec: {hostAliases: [{ip: 10.1.2.3, \
         hostnames: [db, db2]}], containers: [{name: app, image: 'busybox:1.36', command: [sh, -c, 'echo $GREETING; echo \
         oops >&2; sleep 1000'], workingDir: /srv/app, env: [{name: NAME, valueFrom: {fieldRef: {fieldPath: \
         metadata.name}}}, {name: GREETING, value: 'hi $(NAME) $(UNKNOWN)'}, {name: CPU, valueFrom: {resourceFieldRef: \
         {resource: limits.cpu}}}, {name: COLOUR, valueFrom: {configMapKeyRef: {name: cm, key: colour}}}], volumeMounts: \
         [{name: cfg, mountPath: /cfg}, {name: tmp, mountPath: /shared}]}, {name: side, image: 'busybox:1.36', command: \
         [sleep, '1000'], securityContext: {runAsUser: 1000}, volumeMounts: [{name: tmp, mountPath: /data}]}], volumes: \
         [{name: cfg, configMap: {name: cm}}, {name: tmp, emptyDir: {}}]}}",
    );
    cluster.pass(5.0);
    let ip = cluster.pod("web").status.as_ref().and_then(|s| s.pod_ip.clone()).expect("an IP");
    let exec = |container: &str, command: &[&str]| exec(&cluster, "web", container, command);
    let sh = |script: &str| {
        let (text, code) = exec("app", &["sh", "-c", script]);
        assert_eq!(code, Ok(0), "{script}: {text}");
        text
    };
    let options = LogOptions { container: Some("app".into()), ..LogOptions::default() };
    assert_eq!(cluster.logs("web", options), "hi web $(UNKNOWN)\noops\n");
    assert_eq!(
        sh("pwd; hostname; echo $NAME $CPU $COLOUR $KUBERNETES_SERVICE_HOST $HOME"),
        "/srv/app\nweb\nweb 4 blue 10.96.0.1 /root\n"
    );
    assert_eq!(
        sh("cat /cfg/file.txt; echo; ls /cfg; readlink /cfg/colour"),
        "hello\ncolour\nfile.txt\n..data/colour\n"
    );
    assert_eq!(sh("echo shared > /shared/x"), "");
    assert_eq!(exec("side", &["sh", "-c", "cat /data/x; id -u"]), ("shared\n1000\n".into(), Ok(0)));
    assert_eq!(
        sh("tail -n 5 /etc/hosts"),
        format!("fe00::2\tip6-allrouters\n{ip}\tweb\n\n# Entries added by HostAliases.\n10.1.2.3\tdb\tdb2\n")
    );
    assert_eq!(sh("cat /var/run/secrets/kubernetes.io/serviceaccount/namespace"), "default");
    assert_eq!(exec("app", &["sh", "-c", "exit 3"]).1, Ok(3));
    let missing = exec("app", &["nope"]).1.expect_err("no such program");
    assert!(missing.contains("exec: \"nope\": executable file not found in $PATH"), "{missing}");

    let uid = cluster.pod("web").uid().to_string();
    let view = cluster.kubelets[0].inspect(&uid).expect("a sandbox");
    assert_eq!((view.hostname.as_str(), view.interfaces.last().map(|i| i.name.as_str())), ("web", Some("eth0")));
    let containers: Vec<_> = view
        .containers
        .iter()
        .map(|c| (c.name.as_str(), c.processes.iter().map(|p| p.pid).collect::<Vec<_>>()))
        .collect();
    assert_eq!(containers, [("app", vec![1]), ("side", vec![1])]);
    assert_eq!(view.containers[0].log, ["hi web $(UNKNOWN)", "oops"]);
}

#[test]
fn starts_that_fail() {
    // (name, container, waiting reason, what the event says)
    let table = [
        (
            "missing",
            "image: 'busybox:1.36', command: [nope]",
            "RunContainerError",
            "Error: failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create \
             failed: unable to start container process: error during container init: exec: \"nope\": executable file not \
             found in $PATH",
        ),
        (
            "name",
            "image: 'Busy Box'",
            "InvalidImageName",
            "Failed to apply default image tag \"Busy Box\": couldn't parse image name \"Busy Box\": invalid reference format",
        ),
        (
            "never",
            "image: 'busybox:1.36', imagePullPolicy: Never",
            "ErrImageNeverPull",
            "Container image \"busybox:1.36\" is not present with pull policy of Never",
        ),
        (
            "config",
            "image: 'busybox:1.36', envFrom: [{configMapRef: {name: nope}}]",
            "CreateContainerConfigError",
            "Error: configmap \"nope\" not found",
        ),
        (
            "root",
            "image: 'busybox:1.36', securityContext: {runAsNonRoot: true}",
            "CreateContainerConfigError",
            "Error: container has runAsNonRoot and image will run as root (pod: \"root_default(UID)\", container: c)",
        ),
    ];
    for (name, container, reason, text) in table {
        let cluster = Cluster::new(1);
        cluster.apply(&one(name, &format!("{{containers: [{{name: c, {container}}}]}}")));
        cluster.pass(4.0);
        let status = cluster.pod(name).status.clone().expect("a status");
        let statuses = status.container_statuses.as_ref().expect("containers");
        let waiting = statuses[0].state.clone().and_then(|s| s.waiting).and_then(|w| w.reason);
        assert_eq!(waiting.as_deref(), Some(reason), "{name}");
        assert!(events(&cluster, name).contains(text), "{text} in\n{}", events(&cluster, name));
    }
}

#[test]
fn resizes_in_place() {
    let container = "name: c, image: 'busybox:1.36', command: [sleep, '1000'], resources: {requests: {cpu: 100m}}";
    let policy = "resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}]";
    // (more of the container, asked for, restarts, conditions, what happened)
    let table = [
        ("", "200m", 0, "", "ResizeStarted ResizeCompleted"),
        (policy, "200m", 1, "", "ResizeStarted Killing ResizeCompleted"),
        ("", "64", 0, "PodResizePending=Deferred", "ResizeDeferred"),
    ];
    for (more, cpu, restarts, waits, happened) in table {
        let cluster = Cluster::new(1);
        cluster.apply(&one(
            "web",
            &format!("{{terminationGracePeriodSeconds: 1, containers: [{{{container}, {more}}}]}}"),
        ));
        cluster.pass(5.0);
        let client = cluster.client.clone();
        let container = serde_json::json!({"name": "c", "resources": {"requests": {"cpu": cpu}}});
        let patch = Patch::Strategic(serde_json::json!({"spec": {"containers": [container]}}));
        cluster.wait(async move {
            let written =
                client.patch(Kind::Pod, "default", "web", Subresource::Resize, patch, WriteOptions::default());
            written.await.expect("it is accepted");
        });
        cluster.pass(10.0);
        let status = cluster.pod("web").status.clone().expect("a status");
        let told = &status.container_statuses.as_ref().expect("containers")[0];
        let has = told.resources.as_ref().and_then(|r| r.requests.as_ref()).map(|r| r["cpu"].0.clone());
        let granted = if waits.is_empty() { cpu } else { "100m" };
        assert_eq!((told.restart_count, has.as_deref()), (restarts, Some(granted)), "{cpu}");
        let resizing = status.conditions.iter().flatten().filter(|c| c.type_.starts_with("PodResize"));
        let resizing: Vec<_> =
            resizing.map(|c| format!("{}={}", c.type_, c.reason.as_deref().unwrap_or_default())).collect();
        assert_eq!(resizing.join(" "), waits, "{cpu}");
        let reasons: Vec<String> = cluster.events("web").iter().filter_map(|e| e.reason.clone()).collect();
        let since: Vec<&str> = reasons.iter().map(String::as_str).skip_while(|r| !r.starts_with("Resize")).collect();
        let since: Vec<&str> = since.into_iter().filter(|r| !["Pulled", "Created", "Started"].contains(r)).collect();
        assert_eq!(since.join(" "), happened, "{more} {cpu}");
    }
}

#[test]
fn a_resize_waits_for_room() {
    let cluster = Cluster::new(1);
    let pod = |name: &str, script: &str, cpu: &str| {
        let container = format!("name: c, image: 'busybox:1.36', command: [sh, -c, '{script}']");
        cluster.apply(&one(
            name,
            &format!(
                "{{restartPolicy: Never, containers: [{{{container}, resources: {{requests: {{cpu: '{cpu}'}}}}}}]}}"
            ),
        ));
    };
    pod("big", "sleep 60", "3");
    pod("small", "sleep 90", "500m");
    cluster.pass(5.0);
    let client = cluster.client.clone();
    let container = serde_json::json!({"name": "c", "resources": {"requests": {"cpu": "2"}}});
    let patch = Patch::Strategic(serde_json::json!({"spec": {"containers": [container]}}));
    cluster.wait(async move {
        let written = client.patch(Kind::Pod, "default", "small", Subresource::Resize, patch, WriteOptions::default());
        written.await.expect("it is accepted");
    });
    let resized = |cluster: &Cluster| -> Vec<String> {
        let events = cluster.events("small");
        events.iter().filter_map(|e| e.reason.clone()).filter(|r| r.starts_with("Resize")).collect()
    };
    cluster.pass(20.0);
    assert_eq!(resized(&cluster), ["ResizeDeferred"]);
    // The big one ends, and its room is free.
    cluster.pass(50.0);
    assert_eq!(resized(&cluster), ["ResizeDeferred", "ResizeStarted", "ResizeCompleted"]);
    cluster.pass(60.0);
    let client = cluster.client.clone();
    cluster.wait(async move {
        client.delete(Kind::Pod, "default", "small", DeleteOptions::default()).await.expect("it goes");
    });
    cluster.pass(5.0);
    assert!(cluster.server.peek(Kind::Pod, "default", "small").is_none());
}

#[test]
fn evicts_what_stores_too_much() {
    let write = "head -c 102400 /dev/zero > /data/x; sleep 1000";
    // (limit of the container, of the emptyDir, message)
    let table = [
        ("", "64Ki", "Usage of EmptyDir volume \"data\" exceeds the limit \"64Ki\". "),
        ("80Ki", "1Mi", "Pod ephemeral local storage usage exceeds the total limit of containers 80Ki. "),
        ("", "1Mi", ""),
    ];
    for (limit, dir, message) in table {
        let cluster = Cluster::new(1);
        let limits = if limit.is_empty() { String::new() } else { format!("ephemeral-storage: {limit}") };
        cluster.apply(&one(
            "web",
            &format!(
                "{{containers: [{{name: c, image: 'busybox:1.36', command: [sh, -c, '{write}'], resources: {{limits: \
                 {{{limits}}}}}, volumeMounts: [{{name: data, mountPath: /data}}]}}], volumes: [{{name: data, emptyDir: \
                 {{sizeLimit: {dir}}}}}]}}"
            ),
        ));
        cluster.pass(120.0);
        let status = cluster.pod("web").status.clone().expect("a status");
        let expected =
            if message.is_empty() { ("Running", None, None) } else { ("Failed", Some("Evicted"), Some(message)) };
        let got = (status.phase.as_deref().unwrap_or_default(), status.reason.as_deref(), status.message.as_deref());
        assert_eq!(got, expected);
        let evicted = events(&cluster, "web").contains(&format!("Warning Evicted {message} x1"));
        assert_eq!(evicted, !message.is_empty());
    }
}
