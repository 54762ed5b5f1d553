//! Tests: pods in well-known situations, written by hand, and the words and marks of their pictures.

use std::fmt::Write;
use std::rc::Rc;

use serde_json::{Value, json};

use super::facts::{Inside, InsideContainer, Listener, Outcome, PodFacts, Process, Request};
use super::{Group, Part, pod, timeline, why};

fn facts(spec: Value, status: Value, said: &str) -> PodFacts {
    let pod = json!({
        "metadata": {"name": "kubia-ssl", "namespace": "default", "uid": "u1"}, "spec": spec, "status": status
    });
    let pod = Rc::new(serde_json::from_value(pod).expect("a pod"));
    PodFacts::new(pod, said.into(), "2026-01-01T00:00:14Z".parse().expect("a time"))
}

fn status(name: &str, state: Value) -> Value {
    let ready = state.get("running").is_some();
    json!({"name": name, "image": "", "imageID": "", "ready": ready, "restartCount": 0, "state": state})
}

fn process(pid: i32, parent: i32, command: &str) -> Process {
    Process { pid, host_pid: 5000 + pid, parent, command: command.into() }
}

/// Two containers that want one port.
fn clash() -> PodFacts {
    let mut second = status("second", json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}}));
    second["restartCount"] = json!(2);
    second["lastState"] = json!({"terminated": {
        "exitCode": 1, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z"}});
    let mut f = facts(
        json!({
            "nodeName": "podarium-worker",
            "containers": [
                {"name": "kubia", "image": "luksa/kubia:1.0", "ports": [{"name": "http", "containerPort": 8080}],
                 "readinessProbe": {}, "volumeMounts": [{"name": "html", "mountPath": "/data"}]},
                {"name": "second", "image": "luksa/kubia:1.0", "ports": [{"containerPort": 8443}],
                 "volumeMounts": [{"name": "html", "mountPath": "/srv", "readOnly": true},
                    {"name": "kube-api-access-x", "mountPath": "/var/run/secrets"}]}
            ],
            "volumes": [{"name": "html", "emptyDir": {}}, {"name": "kube-api-access-x", "projected": {}}]
        }),
        json!({"phase": "Running", "qosClass": "BestEffort", "podIP": "10.244.1.7", "hostIP": "172.18.0.3",
            "containerStatuses": [status("kubia", json!({"running": {}})), second]}),
        "CrashLoopBackOff",
    );
    f.requests.push(Request {
        id: 7,
        port: 8080,
        from: "kubia-http".into(),
        what: "GET /".into(),
        local: false,
        outgoing: false,
        outcome: Outcome::Answered(200),
    });
    f.inside = Some(Inside {
        hostname: "kubia-ssl".into(),
        containers: vec![
            InsideContainer {
                name: "kubia".into(),
                processes: vec![process(1, 0, "node app.js"), process(7, 0, "bash"), process(12, 7, "curl localhost")],
                ..InsideContainer::default()
            },
            InsideContainer {
                name: "second".into(),
                back_off: Some(("2026-01-01T00:00:20Z".parse().expect("a time"), 20.0)),
                log: [
                    "Error: listen EADDRINUSE: address already in use :::8080",
                    "  code: 'EADDRINUSE',",
                    "  port: 8080",
                    "}",
                ]
                .map(String::from)
                .into(),
                ..InsideContainer::default()
            },
        ],
        listeners: vec![Listener { port: 8080, container: "kubia".into(), local: false }],
        ..Inside::default()
    });
    f
}

fn one(state: Value, said: &str) -> PodFacts {
    facts(
        json!({"nodeName": "podarium-worker", "containers": [{"name": "main", "image": "luksa/kubbia:1.0"}]}),
        json!({"phase": "Pending", "containerStatuses": [status("main", state)]}),
        said,
    )
}

/// What a picture says: each group with its label and texts, without the places.
fn told(groups: &[Group]) -> String {
    let mut out = String::new();
    for g in groups {
        let texts: Vec<&str> = g
            .parts
            .iter()
            .filter_map(|p| if let Part::Text { text, .. } = p { Some(text.as_str()) } else { None })
            .collect();
        let _ = writeln!(out, "{} [{}] {}", g.key, g.class, texts.join(" | "));
    }
    out
}

#[test]
fn a_port_wanted_twice() {
    let scene = pod::build(&clash(), 860.0, pod::Options::default());
    assert_eq!(scene.about, "default · on podarium-worker · BestEffort · 1 of 2 ready");
    assert_eq!(
        told(&scene.groups),
        "\
frame [frame] 
plate-net [plate net] network namespace | 10.244.1.7
plate-uts [plate uts] one hostname | kubia-ssl
plate-ipc [plate ipc] one IPC
rail [rail] eth0 | lo
request-7 [request] GET / from kubia-http → 200
port-8080 [port open] already bound | 8080 | http
port-8443 [port idle] 8443 | declared, nobody listens
node [node] podarium- | worker | 172.18.0.3 | bridge
kubelet [kubelet] kubelet
container-kubia [card running] kubia | ● Running | luksa/kubia:1.0 | its own processes and files | 1 node app.js | 7 bash | └ 12 curl localhost | ○ readiness 
shell-kubia [act] shell
container-second [card waiting] second | ✕ CrashLoopBackOff | luksa/kubia:1.0 | exited with 1 after 1 s, restarted 2 times | \
next try in 6 s | Error: listen EADDRINUSE: address already | in use :::8080
logs-second [act] logs
volume-html [volume shared] /data | /srv read-only | html | emptyDir
"
    );
}

#[test]
fn on_a_phone_the_same_is_a_column() {
    let scene = pod::build(&clash(), 366.0, pod::Options::default());
    let cards: Vec<&Group> = scene.groups.iter().filter(|g| g.class.starts_with("card")).collect();
    let boxes: Vec<_> = cards
        .iter()
        .filter_map(|g| g.parts.iter().find_map(|p| if let Part::Rect { at, .. } = p { Some(*at) } else { None }))
        .collect();
    assert_eq!(boxes.len(), 2);
    assert!(boxes[0].y + boxes[0].h < boxes[1].y, "one below the other: {boxes:?}");
    assert!(told(&scene.groups).contains("/srv ← html, read-only"), "{}", told(&scene.groups));
}

#[test]
fn nothing_leaves_the_picture_at_any_width() {
    for width in [300.0, 366.0, 480.0, 559.0, 560.0, 640.0, 800.0, 860.0, 1100.0, 1600.0] {
        let scene = pod::build(&clash(), width, pod::Options::default());
        for g in &scene.groups {
            for p in &g.parts {
                if let Part::Rect { at, class, .. } = p {
                    let inside = at.x >= 0.0 && at.y >= 0.0 && at.x + at.w <= width && at.y + at.h <= scene.height;
                    assert!(inside, "width {width}: {class} of {} at {at:?}, height {}", g.key, scene.height);
                }
            }
        }
    }
}

#[test]
fn why_where_the_api_lags() {
    // The kubelet waits already, the API still tells the end.
    let mut just_crashed = clash();
    {
        let pod = Rc::make_mut(&mut just_crashed.pod);
        let s = pod.status.as_mut().and_then(|s| s.container_statuses.as_mut()).expect("statuses");
        s[1].state =
            serde_json::from_value(json!({"terminated": {"exitCode": 1, "reason": "Error"}})).expect("a state");
        s[1].last_state = None;
    }
    let mut off = one(json!({"running": {}}), "Running");
    off.node_off = true;
    let well = facts(
        json!({"nodeName": "w", "containers": [{"name": "main"}]}),
        json!({"phase": "Running", "containerStatuses": [status("main", json!({"running": {}}))]}),
        "Running",
    );
    let said: Vec<String> = [clash(), just_crashed, off, well]
        .iter()
        .map(|f| match why::build(f) {
            Some(w) => format!("{} {} {:?}", w.question, w.answer, w.fields),
            None => "all is well".into(),
        })
        .collect();
    assert_eq!(
        said,
        [
            "Why is it not ready? Containers of a pod share one set of ports. kubia has 8080, so second can't bind it and \
             exits with 1. Give it another port or a pod of its own. [\"spec.containers[1].ports\"]",
            "Why is it not ready? Containers of a pod share one set of ports. kubia has 8080, so second can't bind it and \
             exits with 1. Give it another port or a pod of its own. [\"spec.containers[1].ports\"]",
            "What is known? podarium-worker is stopped, which nothing tells the API: it shows Pending until the node has been \
             silent for so long that it counts as NotReady. []",
            "all is well",
        ]
    );
}

#[test]
fn a_timeline_is_a_lane_for_each_voice() {
    use super::Mark;
    use timeline::{EventMark, Lane, Moment, Span, TimelineFacts};
    let asked = |at| Moment { at, words: "GET /".into(), bad: false };
    let span =
        |from: f64, until: Option<f64>, mark, words: &str| Span { from, until, mark, words: words.into(), due: None };
    let scene = timeline::build(
        &TimelineFacts {
            now: 30.0,
            head: 30.0,
            from: 10.0,
            until: None,
            phases: vec![span(10.0, Some(14.0), Mark::Pending, "Pending"), span(14.0, None, Mark::Running, "Running")],
            lanes: vec![Lane {
                name: "main".into(),
                spans: vec![
                    span(14.0, Some(24.0), Mark::Running, "Running"),
                    Span { due: Some(34.0), ..span(24.0, None, Mark::Waiting, "CrashLoopBackOff") },
                ],
            }],
            ready: vec![span(10.0, None, Mark::Pending, "False")],
            requests: [15.0, 15.001, 20.0].map(asked).into(),
            events: vec![EventMark {
                at: 25.0,
                reason: "BackOff".into(),
                message: "m".into(),
                warning: true,
                count: 2,
                container: None,
            }],
            ..TimelineFacts::default()
        },
        900.0,
    );
    assert_eq!((scene.from, scene.until), (10.0, 40.0));
    assert_eq!(
        told(&scene.groups),
        "\
axis [axis] 00:10 | 00:15 | 00:20 | 00:25 | 00:35
lane-phase [lane phase] phase
span-phase-0 [span phase pending] Pending
span-phase-1 [span phase running] Running
lane-c-main [lane container] main
span-main-0 [span container running] Running
span-main-1 [span container waiting] CrashLoopBackOff
lane-ready [lane ready] ready
span-ready-0 [span ready pending] False
requests [lane requests] requests
request-258 [request-mark] 
request-384 [request-mark] 
events [lane events] events
event-0 [event warning] BackOff ×2
now [playhead] 
"
    );
    let requests: Vec<&str> =
        scene.groups.iter().filter(|g| g.class == "request-mark").map(|g| g.label.as_str()).collect();
    assert_eq!(requests, ["00:15.0 GET /\n00:15.0 GET /", "00:20.0 GET /"], "requests nearer than a mark are one");
}
