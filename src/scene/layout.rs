//! Tests: whatever the pod and however wide the pane, words don't run into each other or over an edge.

use std::rc::Rc;

use serde_json::{Value, json};

use super::facts::{Counter, Inside, InsideContainer, Listener, Outcome, PodFacts, Process, Request};
use super::timeline::{self, EventMark, Lane, Span, TimelineFacts};
use super::{Group, Mark, Part, Rect, mono, phases, pod, sans};
use crate::os::namespace::{
    IpcKind::{Memory, Queue, Semaphores},
    IpcObject,
};

/// The stage's widths on a phone, beside editor and terminal, and on a wide screen.
const WIDTHS: [f64; 12] = [300.0, 344.0, 366.0, 458.0, 559.0, 560.0, 680.0, 778.0, 880.0, 1100.0, 1400.0, 1600.0];

struct Words {
    text: String,
    at: Rect,
}

/// The box of a text as the style sheet sets it, with the scenes' estimate of its width.
fn words(class: &str, x: f64, y: f64, text: &str) -> Words {
    let has = |word: &str| class.split(' ').any(|c| c == word);
    let size: f64 = match () {
        () if has("name") || has("number") => 14.0,
        () if has("tiny") => 10.5,
        () if has("small") || has("faint") || has("vol") => 11.0,
        () => 12.5,
    };
    let w = if has("mono") { mono(text, size.min(12.0)) } else { sans(text, size) };
    let x = if has("middle") {
        x - w / 2.0
    } else if has("end") {
        x - w
    } else {
        x
    };
    Words { text: text.into(), at: Rect { x, y: y - size * 0.76, w, h: size * 0.96 } }
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    let apart = |a: f64, aw: f64, b: f64, bw: f64| a + aw <= b + 0.5 || b + bw <= a + 0.5;
    !apart(a.x, a.w, b.x, b.w) && !apart(a.y, a.h, b.y, b.h)
}

fn within(a: &Rect, b: &Rect) -> bool {
    a.x >= b.x - 0.5 && a.y >= b.y - 0.5 && a.x + a.w <= b.x + b.w + 0.5 && a.y + a.h <= b.y + b.h + 0.5
}

/// What is wrong with a picture.
fn faults(groups: &[Group], width: f64, height: f64) -> Vec<String> {
    let mut all: Vec<Words> = Vec::new();
    let mut boxes: Vec<(&str, Rect)> = Vec::new();
    for part in groups.iter().flat_map(|g| &g.parts) {
        match part {
            Part::Text { class, x, y, text } => all.push(words(class, *x, *y, text)),
            Part::Rect { class, at, .. }
                if !["frame-box", "node-box", "hatch", "edge", "later", "due"].contains(class) =>
            {
                boxes.push((class, *at));
            }
            _ => {}
        }
    }
    let picture = Rect { x: 0.0, y: 0.0, w: width, h: height };
    let mut found = Vec::new();
    for (i, a) in all.iter().enumerate() {
        if !within(&a.at, &picture) {
            found.push(format!("\"{}\" leaves the picture: {:?}", a.text, a.at));
        }
        for b in all[i + 1..].iter().filter(|b| overlap(&a.at, &b.at)) {
            found.push(format!("\"{}\" and \"{}\": {:?} {:?}", a.text, b.text, a.at, b.at));
        }
        for (class, at) in boxes.iter().filter(|(_, at)| overlap(&a.at, at) && !within(&a.at, at)) {
            found.push(format!("\"{}\" over the edge of a {class}: {:?} {at:?}", a.text, a.at));
        }
    }
    // A span is at least two pixels wide, however short it was.
    boxes.retain(|(class, _)| *class != "span-box");
    for (i, (class, a)) in boxes.iter().enumerate() {
        for (other, b) in boxes[i + 1..].iter().filter(|(_, b)| overlap(a, b) && !within(a, b) && !within(b, a)) {
            found.push(format!("{class} and {other}: {a:?} {b:?}"));
        }
    }
    found
}

/// A pod with so many containers, each with so many ports and mounts.
fn crowd(containers: usize, ports: usize, mounts: usize, long: bool) -> PodFacts {
    let name = |i: usize| {
        if long { format!("a-container-whose-name-is-as-long-as-a-label-may-be-{i:011}") } else { format!("c{i}") }
    };
    let port = |i: usize, p: usize| 8000 + i * 100 + p * 1111;
    let spec: Vec<Value> = (0..containers)
        .map(|i| {
            json!({
                "name": name(i), "image": if long { "registry.example.com/team/project/image:v1.2.3" } else { "busybox" },
                "ports": (0..ports).map(|p| json!({"containerPort": port(i, p),
                    "name": if long { "a-port-name-15c" } else { "http" }, "hostPort": if p == 1 { port(i, p) } else { 0 }})).collect::<Vec<_>>(),
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8000}}, "livenessProbe": {"exec": {"command": ["cat", "/tmp/ok"]}},
                "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}, "requests": {"memory": "32Mi"}},
                "volumeMounts": (0..mounts).map(|m| json!({"name": format!("volume-{m}"), "readOnly": m % 2 == 0,
                    "mountPath": format!("/a/path/that/is/long/{m}")})).collect::<Vec<_>>(),
            })
        })
        .collect();
    // In turn: running, in a back-off, running, waiting for a pull that fails.
    let state = |i: usize| match i % 4 {
        1 => json!({"waiting": {"reason": "CrashLoopBackOff"}}),
        3 => json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image: not found, again"}}),
        _ => json!({"running": {}}),
    };
    let statuses: Vec<Value> = (0..containers)
        .map(|i| {
            json!({"name": name(i), "image": "", "imageID": "", "ready": i % 4 == 0, "restartCount": i, "state": state(i),
                "lastState": {"terminated": {"exitCode": 137, "startedAt": "2026-01-01T00:00:00Z",
                    "finishedAt": "2026-01-01T00:00:09Z"}}})
        })
        .collect();
    let inits: Vec<Value> = (0..containers / 2).map(|i| json!({"name": format!("init-{}", name(i))})).collect();
    let done: Vec<Value> = (0..containers / 2)
        .map(|i| {
            json!({"name": format!("init-{}", name(i)), "image": "", "imageID": "", "ready": true, "restartCount": 0,
                "state": {"terminated": {"exitCode": 0}}})
        })
        .collect();
    let pod = json!({
        "metadata": {"name": if long { "a-pod-with-a-very-long-name-that-goes-on-and-on-and-on-and-on" } else { "p" },
            "namespace": "default", "uid": "u"},
        "spec": {"nodeName": "podarium-worker", "containers": spec, "initContainers": inits,
            "shareProcessNamespace": mounts == 1,
            "volumes": (0..mounts).map(|m| json!({"name": format!("volume-{m}"), "emptyDir": {}})).collect::<Vec<_>>()},
        "status": {"phase": "Running", "podIP": "10.244.111.211", "hostIP": "172.18.0.113", "containerStatuses": statuses,
            "initContainerStatuses": done},
    });
    let inside = |i: usize| InsideContainer {
        name: name(i),
        processes: if i.is_multiple_of(2) {
            (1..8)
                .map(|p| Process {
                    pid: p,
                    host_pid: 4000 + p,
                    parent: p / 2,
                    command: "sh -c 'while true; do date; sleep 1; done'".into(),
                })
                .collect()
        } else {
            Vec::new()
        },
        back_off: (i % 4 == 1).then(|| ("2026-01-01T00:05:00Z".parse().expect("a time"), 300.0)),
        pull_back_off: Some(("2026-01-01T00:05:00Z".parse().expect("a time"), 300.0)),
        log: vec!["Error: listen EADDRINUSE: address already in use :::8000".into(), "}".into()],
        running: i.is_multiple_of(2),
        memory: 61 << 20,
        cpu: (0.5, 2.0),
    };
    PodFacts {
        inside: Some(Inside {
            hostname: "p".into(),
            containers: (0..containers).map(inside).collect(),
            // Two that nobody declared, and every second of the declared ones.
            listeners: (0..containers)
                .flat_map(|i| (0..ports).map(move |p| (i, p)))
                .filter(|(i, p)| (i + p) % 2 == 0)
                .map(|(i, p)| Listener { port: port(i, p) as u16, container: name(i), local: p == 2 })
                .chain([9901, 15000].map(|port| Listener { port, container: name(0), local: true }))
                .collect(),
            shared_processes: if mounts == 1 {
                vec![Process { pid: 1, host_pid: 3999, parent: 0, command: "/pause".into() }]
            } else {
                Vec::new()
            },
            gateway: Some("10.244.111.1".into()),
            routes: [
                "default via 10.244.111.1 dev eth0",
                "10.244.111.0/24 dev eth0 proto kernel scope link src 10.244.111.211",
            ]
            .map(String::from)
            .into(),
            host_ipc: long,
            ipc: (0..mounts as u32 * 5)
                .map(|id| IpcObject {
                    kind: [Memory, Semaphores, Queue][id as usize % 3],
                    key: 0xfe00_0000 + id,
                    id,
                    uid: 0,
                    mode: 0o644,
                    size: 1 << (id * 2),
                })
                .collect(),
            shm: (0..ports).map(|i| (format!("/a/{}", "segment-of-shared-memory-".repeat(i)), 1 << (i * 8))).collect(),
            volumes: (0..mounts).map(|m| (format!("volume-{m}"), 4096 << m)).collect(),
            probes: (0..containers)
                .flat_map(|i| ["liveness", "readiness"].map(|kind| (i, kind)))
                .map(|(i, kind)| Counter { container: name(i), kind, last: Some(kind == "liveness"), run: 2 })
                .collect(),
            ..Inside::default()
        }),
        requests: (0..3)
            .map(|id| Request {
                id,
                port: 8000,
                from: "kubia-http".into(),
                what: "GET /".into(),
                local: false,
                outgoing: false,
                outcome: Outcome::Answered(200),
            })
            .collect(),
        ..PodFacts::new(
            Rc::new(serde_json::from_value(pod).expect("a pod")),
            "Running".into(),
            "2026-01-01T00:00:14Z".parse().expect("a time"),
        )
    }
}

#[test]
fn words_keep_apart_in_the_opened_pod() {
    let mut found = Vec::new();
    for width in WIDTHS {
        for (containers, ports, mounts, long) in [1, 2, 3, 4, 6, 10].into_iter().flat_map(|containers| {
            (0..4).flat_map(move |ports| {
                (0..4).flat_map(move |m| [(containers, ports, m, false), (containers, ports, m, true)])
            })
        }) {
            let scene = pod::build(&crowd(containers, ports, mounts, long), width, pod::Options::default());
            let case = format!("width {width}, {containers} containers, {ports} ports, {mounts} mounts, long {long}");
            found
                .extend(faults(&scene.groups, width, scene.height).into_iter().map(|fault| format!("{case}: {fault}")));
        }
    }
    assert!(found.is_empty(), "{} faults, as\n{}", found.len(), sample(&found));
}

#[test]
fn words_keep_apart_among_the_phases() {
    let mut found = Vec::new();
    let mut facts = crowd(3, 0, 0, false);
    for width in WIDTHS {
        for phase in ["Pending", "Running", "Succeeded", "Failed"] {
            for policy in ["Always", "Never"] {
                let pod = Rc::make_mut(&mut facts.pod);
                pod.status.as_mut().expect("a status").phase = Some(phase.into());
                let spec = pod.spec.as_mut().expect("a spec");
                spec.restart_policy = Some(policy.into());
                facts.phases = vec![(0.0, "Pending".into()), (3725.5, phase.into())];
                let scene = phases::build(&facts, width);
                let case = format!("width {width}, {phase}, {policy}");
                let faults = faults(&scene.groups, width, scene.height);
                found.extend(faults.into_iter().map(|fault| format!("{case}: {fault}")));
            }
        }
    }
    assert!(found.is_empty(), "{} faults, as\n{}", found.len(), sample(&found));
}

/// Some of them, from all over.
fn sample(found: &[String]) -> String {
    let few: Vec<&str> = found.iter().step_by(found.len() / 24 + 1).map(String::as_str).collect();
    few.join("\n")
}

#[test]
fn words_keep_apart_on_the_timeline() {
    let mut found = Vec::new();
    for width in WIDTHS {
        for now in [0.0, 3.0, 9.0, 33.0, 61.0, 400.0, 5000.0, 90_000.0] {
            let spans = |n: usize| {
                let at = |i: usize| now * (i as f64 / n as f64).powi(2);
                let span = |i: usize| Span {
                    from: at(i),
                    until: (i + 1 < n).then(|| at(i + 1)),
                    mark: if i.is_multiple_of(2) { Mark::Waiting } else { Mark::Running },
                    words: "CrashLoopBackOff".into(),
                    due: (i + 1 == n).then_some(now + 30.0),
                };
                (0..n).map(span).collect::<Vec<_>>()
            };
            let event = |i: usize| EventMark {
                at: now * i as f64 / 40.0,
                reason: if i.is_multiple_of(3) { "Pulled" } else { "BackOff" }.into(),
                message: String::new(),
                warning: false,
                count: i as u32,
                container: None,
            };
            let scene = timeline::build(
                &TimelineFacts {
                    now,
                    head: now,
                    phases: spans(2),
                    lanes: (1..9)
                        .map(|n| Lane { name: format!("container-with-a-long-name-{n}"), spans: spans(n) })
                        .collect(),
                    ready: spans(5),
                    events: (0..40).map(event).collect(),
                    ..TimelineFacts::default()
                },
                width,
            );
            let case = format!("width {width}, at {now} s");
            found
                .extend(faults(&scene.groups, width, scene.height).into_iter().map(|fault| format!("{case}: {fault}")));
        }
    }
    assert!(found.is_empty(), "{} faults, as\n{}", found.len(), sample(&found));
}
