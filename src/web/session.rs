//! STAND-IN, only on branch `page`: the shape that `app` drives, over a fixed situation. With the laboratory: `Session` owns a `Lab`;
//! `cluster`, `pod`, `newest_pod` are `scene::observe`, `timeline` and the requests are `scene::past`; `diagnose` is `api::diagnose`.
use crate::scene::Mark;
use crate::scene::cluster::ClusterFacts;
use crate::scene::facts::*;
use crate::scene::timeline::*;
use std::collections::BTreeMap;
use std::rc::Rc;
pub struct Mark0 {
    pub start: usize,
    pub end: usize,
    pub severity: &'static str,
    pub message: String,
}
pub fn diagnose(text: &str) -> Vec<Mark0> {
    text.find("imagePullpolicy")
        .map(|i| Mark0 {
            start: i,
            end: i + 15,
            severity: "error",
            message: "unknown field \"spec.containers[1].imagePullpolicy\"".into(),
        })
        .into_iter()
        .collect()
}
pub struct Session {
    t: f64,
    files: BTreeMap<String, String>,
    rev: u64,
    out: Vec<u8>,
}
fn v<T: serde::de::DeserializeOwned>(j: serde_json::Value) -> Rc<T> {
    Rc::new(serde_json::from_value(j).unwrap())
}
use serde_json::json;
impl Session {
    pub fn new(files: Option<BTreeMap<String, String>>) -> Session {
        let files = files.unwrap_or_else(|| [
            ("kubia-http.yaml".to_string(), "apiVersion: v1\nkind: Pod\nmetadata:\n  name: kubia-http\nspec:\n  containers:\n  - name: kubia\n    image: luksa/kubia:1.0\n    ports:\n    - containerPort: 8080\n".to_string()),
            ("kubia-ssl.yaml".to_string(), "apiVersion: v1\nkind: Pod\nmetadata:\n  name: kubia-ssl\nspec:\n  containers:\n  - name: kubia\n    image: luksa/kubia:1.0\n    ports:\n    - name: http\n      containerPort: 8080\n  - name: second\n    image: luksa/kubia:1.0\n    imagePullpolicy: Always # ünïcode 🦀\n".to_string())].into());
        Session { t: 41.3, files, rev: 1, out: b"\x1b[2m~ $\x1b[0m kubectl get pod\r\nNAME        READY   STATUS             RESTARTS      AGE\r\nkubia-ssl   1/2     \x1b[31mCrashLoopBackOff\x1b[0m   2 (14s ago)   41s\r\n~ $ ".to_vec() }
    }
    pub fn files(&self) -> BTreeMap<String, String> {
        self.files.clone()
    }
    pub fn files_revision(&self) -> u64 {
        1
    }
    pub fn write_file(&mut self, p: &str, t: String) {
        self.files.insert(p.into(), t);
    }
    pub fn remove_file(&mut self, p: &str) {
        self.files.remove(p);
    }
    pub fn rename_file(&mut self, a: &str, b: &str) {
        if let Some(t) = self.files.remove(a) {
            self.files.insert(b.into(), t);
        }
    }
    pub fn type_text(&mut self, t: &str) {
        self.out.extend(t.replace('\r', "\r\n").bytes());
    }
    pub fn resize(&mut self, _: u16, _: u16) {}
    pub fn apply(&mut self, p: &str) {
        self.out.extend(format!("kubectl apply -f {p}\r\n").bytes());
    }
    pub fn stop_node(&mut self, _: &str) {}
    pub fn start_node(&mut self, _: &str) {}
    pub fn step(&mut self) {
        self.t += 1.0;
    }
    pub fn seconds(&self) -> f64 {
        self.t
    }
    pub fn reset(&mut self) {
        self.t = 0.0;
    }
    pub fn target(&self, dt: f64) -> f64 {
        self.t + dt
    }
    pub fn advance(&mut self, until: f64, _: u64) -> bool {
        self.t = until;
        true
    }
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
    pub fn revision(&self) -> u64 {
        self.rev
    }
    pub fn newest_pod(&self) -> Option<String> {
        Some("u1".into())
    }
    pub fn cluster(&self) -> ClusterFacts {
        let node = |n: &str, t: serde_json::Value| {
            (
                v(
                    json!({"metadata":{"name":n},"spec":{"taints":t},"status":{"allocatable":{"cpu":"4","memory":"8Gi"},"conditions":[{"type":"Ready","status":"True"}]}}),
                ),
                true,
            )
        };
        ClusterFacts {
            nodes: vec![
                node(
                    "podarium-control-plane",
                    json!([{"key":"node-role.kubernetes.io/control-plane","effect":"NoSchedule"}]),
                ),
                node("podarium-worker", json!([])),
                node("podarium-worker2", json!([])),
            ],
            pods: vec![
                (self.pod0(), "CrashLoopBackOff".into()),
                (
                    v(
                        json!({"metadata":{"name":"kubia-http","namespace":"default","uid":"u2"},"spec":{"nodeName":"podarium-worker","containers":[{"name":"a","resources":{"requests":{"cpu":"1","memory":"2Gi"}}}]},"status":{"phase":"Running"}}),
                    ),
                    "Running".into(),
                ),
                (
                    v(
                        json!({"metadata":{"name":"web","namespace":"default","uid":"u3"},"spec":{"nodeName":"podarium-worker2","containers":[]},"status":{"phase":"Pending"}}),
                    ),
                    "ContainerCreating".into(),
                ),
                (self.other("u4").unwrap().pod, "Running".into()),
                (self.other("u5").unwrap().pod, "Pending".into()),
            ],
        }
    }
    fn pod0(&self) -> Rc<k8s_openapi::api::core::v1::Pod> {
        v(json!({"metadata":{"name":"kubia-ssl","namespace":"default","uid":"u1"},
      "spec":{"nodeName":"podarium-worker","initContainers":[{"name":"init-demo","image":"luksa/init-demo:1.0"}],"containers":[{"name":"kubia","image":"luksa/kubia:1.0","ports":[{"name":"http","containerPort":8080}],"readinessProbe":{},"livenessProbe":{},"volumeMounts":[{"name":"html","mountPath":"/data"}]},{"name":"second","image":"luksa/kubia:1.0","ports":[{"containerPort":8443}],"volumeMounts":[{"name":"html","mountPath":"/srv","readOnly":true}]}],"volumes":[{"name":"html","emptyDir":{}}]},
      "status":{"phase":"Running","qosClass":"BestEffort","podIP":"10.244.1.7","hostIP":"172.18.0.3","initContainerStatuses":[{"name":"init-demo","image":"","imageID":"","ready":true,"restartCount":0,"state":{"terminated":{"exitCode":0}}}],"containerStatuses":[{"name":"kubia","image":"","imageID":"","ready":true,"restartCount":0,"state":{"running":{}}},{"name":"second","image":"","imageID":"","ready":false,"restartCount":2,"state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 20s restarting failed container"}},"lastState":{"terminated":{"exitCode":1,"startedAt":"2026-01-01T00:00:00Z","finishedAt":"2026-01-01T00:00:01Z"}}}]}}))
    }
    fn other(&self, uid: &str) -> Option<PodFacts> {
        let now: jiff::Timestamp = "2026-01-01T00:00:14Z".parse().unwrap();
        let st = |n: &str, s: serde_json::Value| json!({"name":n,"image":"","imageID":"","ready":s.get("running").is_some(),"restartCount":0,"state":s});
        let (spec, status, said, inside) = match uid {
            "u2" => (
                json!({"nodeName":"podarium-worker","containers":[{"name":"kubia","image":"luksa/kubia:1.0","ports":[{"containerPort":8080}]}]}),
                json!({"phase":"Running","qosClass":"BestEffort","podIP":"10.244.1.6","hostIP":"172.18.0.3","containerStatuses":[st("kubia",json!({"running":{}}))]}),
                "Running",
                Some(Inside {
                    hostname: "kubia-http".into(),
                    containers: vec![InsideContainer {
                        name: "kubia".into(),
                        processes: vec![Process { pid: 1, parent: 0, command: "node app.js".into() }],
                        ..Default::default()
                    }],
                    listeners: vec![Listener { port: 8080, container: "kubia".into(), local: false }],
                    shared_processes: vec![],
                }),
            ),
            "u3" => (
                json!({"nodeName":"podarium-worker2","initContainers":[{"name":"one","image":"busybox"}],"containers":[{"name":"web","image":"nginx:1.29","ports":[{"containerPort":80}]},{"name":"side","image":"busybox"},{"name":"third","image":"luksa/kubia-ssl-proxy:1.0"},{"name":"fourth","image":"busybox"}]}),
                json!({"phase":"Pending","qosClass":"BestEffort","initContainerStatuses":[st("one",json!({"running":{}}))],"containerStatuses":[st("web",json!({"waiting":{"reason":"PodInitializing"}})),st("side",json!({"waiting":{"reason":"ImagePullBackOff","message":"Back-off pulling image \"busybox:nope\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image"}})),st("third",json!({"waiting":{"reason":"PodInitializing"}})),st("fourth",json!({"waiting":{"reason":"PodInitializing"}}))]}),
                "Init:0/1",
                None,
            ),
            "u4" => (
                json!({"nodeName":"podarium-worker2","shareProcessNamespace":true,"containers":[{"name":"kubia","image":"luksa/kubia:1.0","ports":[{"containerPort":8080,"name":"http"}]},{"name":"envoy","image":"luksa/kubia-ssl-proxy:1.0","ports":[{"containerPort":8443,"name":"https"},{"containerPort":9901,"name":"admin"}]}]}),
                json!({"phase":"Running","qosClass":"Guaranteed","podIP":"10.244.2.3","hostIP":"172.18.0.4","containerStatuses":[st("kubia",json!({"running":{}})),st("envoy",json!({"running":{}}))]}),
                "Running",
                Some(Inside {
                    hostname: "kubia-ssl".into(),
                    containers: vec![],
                    listeners: vec![
                        Listener { port: 8080, container: "kubia".into(), local: false },
                        Listener { port: 8443, container: "envoy".into(), local: false },
                        Listener { port: 9901, container: "envoy".into(), local: true },
                    ],
                    shared_processes: vec![
                        Process { pid: 1, parent: 0, command: "/pause".into() },
                        Process { pid: 7, parent: 1, command: "node app.js".into() },
                        Process { pid: 14, parent: 1, command: "envoy -c /etc/envoy.yaml".into() },
                    ],
                }),
            ),
            _ => (
                json!({"containers":[{"name":"big","image":"nginx"}]}),
                json!({"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","message":"0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."}]}),
                "Pending",
                None,
            ),
        };
        let pod = v(
            json!({"metadata":{"name":format!("pod-{uid}"),"namespace":"default","uid":uid},"spec":spec,"status":status}),
        );
        Some(PodFacts {
            pod,
            status: said.into(),
            inside,
            node_lost: uid == "u2" && self.t > 50.0,
            now,
            requests: vec![],
        })
    }
    pub fn pod(&self, uid: &str) -> Option<PodFacts> {
        if uid != "u1" {
            return self.other(uid);
        }
        let now: jiff::Timestamp = "2026-01-01T00:00:14Z".parse().unwrap();
        Some(PodFacts {
            pod: self.pod0(),
            status: "CrashLoopBackOff".into(),
            node_lost: false,
            now,
            requests: vec![Request {
                id: (self.t / 3.0) as u64,
                port: 8080,
                from: "kubia-http".into(),
                what: "GET /".into(),
                local: false,
            }],
            inside: Some(Inside {
                hostname: "kubia-ssl".into(),
                shared_processes: vec![],
                listeners: vec![Listener { port: 8080, container: "kubia".into(), local: false }],
                containers: vec![
                    InsideContainer {
                        name: "kubia".into(),
                        processes: vec![
                            Process { pid: 1, parent: 0, command: "node app.js".into() },
                            Process { pid: 7, parent: 0, command: "bash".into() },
                            Process { pid: 12, parent: 7, command: "curl localhost:8080".into() },
                        ],
                        back_off: None,
                        log: vec![],
                    },
                    InsideContainer {
                        name: "second".into(),
                        processes: vec![],
                        back_off: Some(("2026-01-01T00:00:20Z".parse().unwrap(), 20.0)),
                        log: vec!["Error: listen EADDRINUSE: address already in use :::8080".into()],
                    },
                ],
            }),
        })
    }
    pub fn timeline(&self, _uid: &str) -> Option<TimelineFacts> {
        let s = |from: f64, until: Option<f64>, mark, words: &str| Span {
            from,
            until,
            mark,
            words: words.into(),
            due: None,
        };
        Some(TimelineFacts {
            now: self.t,
            from: 0.0,
            until: None,
            phases: vec![s(0.0, Some(4.3), Mark::Pending, "Pending"), s(4.3, None, Mark::Running, "Running")],
            lanes: vec![
                Lane {
                    name: "kubia".into(),
                    spans: vec![
                        s(0.0, Some(3.8), Mark::Pending, "ContainerCreating"),
                        s(3.8, None, Mark::Running, "Running"),
                    ],
                },
                Lane {
                    name: "second".into(),
                    spans: vec![
                        s(0.0, Some(4.2), Mark::Pending, "ContainerCreating"),
                        s(4.2, Some(4.6), Mark::Running, "Running"),
                        s(4.6, Some(5.5), Mark::Failed, "Error"),
                        s(5.5, Some(16.0), Mark::Waiting, "CrashLoopBackOff"),
                        s(16.0, Some(16.3), Mark::Running, "Running"),
                        Span { due: Some(47.0), ..s(16.3, None, Mark::Waiting, "CrashLoopBackOff") },
                    ],
                },
            ],
            ready: vec![s(0.0, None, Mark::Failed, "False: containers with unready status: [second]")],
            requests: vec![22.0, 24.0, 24.2, 27.0, 33.0, 36.0, 36.2],
            events: vec![
                EventMark { at: 0.1, reason: "Scheduled".into(), message: "".into(), warning: false, count: 1 },
                EventMark { at: 4.0, reason: "Started".into(), message: "".into(), warning: false, count: 1 },
                EventMark { at: 5.5, reason: "BackOff".into(), message: "".into(), warning: true, count: 1 },
                EventMark { at: 16.5, reason: "BackOff".into(), message: "".into(), warning: true, count: 2 },
            ],
        })
    }
}
