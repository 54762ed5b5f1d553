//! Timelines: a story is told to a laboratory, and what its watches then show is compared with what
//! the watches of a real cluster showed: rows of `get -w`, changes of status, events; their order
//! exactly, their times within [`TOLERANCE`].
//!
//! A kubelet lengthens its delays by chance. The laboratory is given the chance that the record shows
//! (within the law's bounds), as no two runs agree otherwise. What is measured rather than decided (how
//! long a pull took), drawn (UIDs, addresses) or said by the container runtime is not compared.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    time::Duration,
};

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Event, Taint};
use podarium::{
    api::{
        Kind, Object, Pod, Resource,
        client::{ListOptions, Patch, Subresource, WatchEvent, WriteOptions},
    },
    apiserver::table,
    kubelet::{Chance, statics},
    lab::{Config, Input, Lab, NodeShape, NodeSize, ORIGIN},
    sim::SimTime,
};
use serde_json::{Value, json};

use super::{
    Failure, Outcome, Table, each,
    neighbours::{self, Change, Deed},
};

/// Seconds.
const TOLERANCE: f64 = 1.5;
/// Seconds.
const FLEETING: f64 = 0.015;
/// Unknown of the record, so these are tried in turn: milliseconds after the story begins at which a
/// kubelet looks at containers and at due syncs, each second, and how long after a sync it looks at
/// what that started.
const PHASES: [(u64, u64, u64); 14] = [
    (750, 550, 0),
    (150, 450, 0),
    (350, 650, 3),
    (550, 850, 0),
    (950, 50, 0),
    (50, 250, 3),
    (250, 950, 0),
    (450, 150, 0),
    (650, 350, 3),
    (850, 750, 0),
    (350, 350, 0),
    (50, 550, 0),
    (650, 850, 0),
    (150, 50, 3),
];
/// Likewise the phases of controllers' clocks: each attempt begins so much later.
const LEAD_STEP: Duration = Duration::from_millis(2200);
/// When the story begins, after the laboratory has opened.
const LEAD: Duration = Duration::from_millis(3300);
const PULL_TIME: Duration = Duration::from_millis(1200);
/// Seconds: how late a due sync is noticed.
const SYNC_LAG: f64 = 0.5;
const POLLS: u64 = 50_000_000;

/// One moment of a list: when, and what.
type Moment = (f64, Value);

/// What the watches showed of one pod.
#[derive(Clone, Default)]
struct PodSeen {
    created: f64,
    rows: Vec<Moment>,
    transitions: Vec<Moment>,
}

#[derive(Clone, Default)]
struct Seen {
    pods: BTreeMap<String, PodSeen>,
    events: Vec<Moment>,
}

pub fn run(table: &Table) -> Vec<Outcome> {
    each(table, |case| {
        let alone = tell(case.all, &[]);
        let neighbours = neighbours::deeds(case.all);
        // What the others did is known by guesses about their clocks; a story that goes well without needs none.
        let told = if alone.is_ok() || neighbours.is_empty() { alone } else { tell(case.all, &neighbours) };
        told.map_err(|(expected, got)| Failure::new(expected, got))
    })
}

/// Tells a story; the first differences, if there are any: expected, got.
fn tell(case: &Value, neighbours: &[Deed]) -> Result<(), (String, String)> {
    if let Some(text) = case["actions"].as_array().into_iter().flatten().find_map(|a| unknown_action(&a[1])) {
        return Err((String::new(), format!("no such action here: {text}")));
    }
    let expected = recorded(case);
    let mut best: Option<(Seen, Vec<(String, String)>)> = None;
    for (attempt, phases) in PHASES.into_iter().enumerate() {
        let attempt = u32::try_from(attempt).unwrap_or(0);
        // Where it matters by whose name a pod is chosen, other names may have been drawn.
        let seed = if has_drawn_names(&expected) { u64::from(attempt) } else { 0 };
        let got = play(case, neighbours, phases, LEAD + LEAD_STEP * attempt, seed);
        let differences = match has_drawn_names(&expected) {
            true => {
                let (expected, got) = align(&expected, &got);
                compare(&expected, &got)
            }
            false => compare(&expected, &got),
        };
        if best.as_ref().is_none_or(|(_, fewest)| differences.len() < fewest.len()) {
            best = Some((got, differences));
        }
        if best.as_ref().is_some_and(|(_, fewest)| fewest.is_empty()) {
            break;
        }
    }
    let Some((got, differences)) = best else { return Ok(()) };
    if std::env::var("PODARIUM_STORY").is_ok_and(|id| case["id"] == id) {
        dump("recorded", &expected);
        dump("laboratory", &got);
    }
    if differences.is_empty() {
        return Ok(());
    }
    let (left, right): (Vec<String>, Vec<String>) = differences.into_iter().unzip();
    Err((left.join("; "), right.join("; ")))
}

fn dump(title: &str, seen: &Seen) {
    println!("---- {title}");
    for (name, pod) in &seen.pods {
        pod.rows.iter().for_each(|(t, row)| println!("R {name} {t:8.3} {row}"));
        pod.transitions.iter().for_each(|(t, summary)| println!("T {name} {t:8.3} {summary}"));
    }
    seen.events.iter().for_each(|(t, event)| println!("E {t:8.3} {event}"));
}

// ---- what was recorded

fn moments(list: &Value, what: impl Fn(&[Value]) -> Value) -> Vec<Moment> {
    let moment = |entry: &Value| {
        let fields = entry.as_array()?;
        Some((fields.first()?.as_f64()?, what(&fields[1..])))
    };
    list.as_array().into_iter().flatten().filter_map(moment).collect()
}

fn recorded(case: &Value) -> Seen {
    let mut seen = Seen::default();
    let mut add = |name: &str, pod: &Value, created: f64| {
        let rows = moments(&pod["rows"], |fields| Value::from(fields));
        let transitions = moments(&pod["transitions"], |fields| masked_summary(fields[0].clone()));
        let again = (2..).map(|n| format!("{name}#{n}"));
        let free = std::iter::once(name.to_string()).chain(again).find(|key| !seen.pods.contains_key(key));
        seen.pods.insert(free.unwrap_or_default(), PodSeen { created, rows, transitions });
    };
    match case["pods"].as_array() {
        Some(pods) => {
            for pod in pods {
                add(pod["name"].as_str().unwrap_or_default(), pod, pod["created"].as_f64().unwrap_or(0.0));
            }
        }
        None if case["rows"].as_array().is_some_and(|rows| !rows.is_empty()) => {
            add(case["finalObject"]["metadata"]["name"].as_str().unwrap_or_default(), case, 0.0);
        }
        None => {}
    }
    seen.events = moments(&case["events"], |fields| {
        let mut fields = fields.to_vec();
        fields.resize(7, Value::Null);
        masked_event(fields)
    });
    seen
}

// ---- the laboratory

fn unknown_action(action: &Value) -> Option<String> {
    let text = action.as_str().unwrap_or_default();
    let known = text.starts_with("kubectl ") || node_action(text).is_some() || static_file(text).is_some();
    (!known).then(|| text.lines().next().unwrap_or_default().to_string())
}

/// Starting and stopping kubelets, as the recorder did it.
fn node_action(text: &str) -> Option<Input> {
    let node = |rest: &str| rest.split(|c: char| c.is_whitespace() || c == ')').next().unwrap_or_default().to_string();
    if let Some(rest) = text.strip_prefix("kill -9 $(cat $O/run/pid/kubelet-") {
        return Some(Input::StopNode(node(rest)));
    }
    let rest = text.strip_prefix("$O/kubelet.sh ")?;
    Some(Input::StartNode(node(rest)))
}

/// A file in a node's directory of static pods, as the recorder wrote and removed it: node, name, text.
fn static_file(text: &str) -> Option<(&str, &str, Option<&str>)> {
    let path = |rest: &str| -> Option<usize> { rest.find([' ', '\n']).or(Some(rest.len())) };
    let (rest, written) = match text.strip_prefix("cat > $O/run/kubelet/") {
        Some(rest) => (rest, true),
        None => (text.strip_prefix("rm $O/run/kubelet/")?, false),
    };
    let (node, name) = rest[..path(rest)?].split_once("/static/")?;
    let here = || Some(rest.split_once("<<X\n")?.1.split_once("\nX")?.0);
    Some((node, name, if written { Some(here()?) } else { None }))
}

fn write_static(lab: &Lab, node: &str, name: &str, text: Option<&str>) {
    let kubelet = lab.cluster().kubelet(node).expect("the recorder's node");
    let mounts = kubelet.machine().namespaces().mnt.mounts();
    let (disk, path) = (&mounts[0].fs, format!("{}/{name}", statics::DIRECTORY));
    disk.mkdir_all(statics::DIRECTORY, 0o755).expect("a directory");
    match text {
        Some(text) => disk.write(&path, text.as_bytes(), 0o600).expect("a file"),
        None => disk.remove(&path).expect("the file"),
    }
}

/// The recorder's nodes.
fn nodes(case: &Value) -> Vec<NodeShape> {
    let text = case["clusterNodes"].as_str().unwrap_or_default();
    let last = text.strip_prefix("node-1..node-").and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or(3);
    let no_sandboxes = case["manifests"].to_string().contains("oracle/sandbox-error:");
    let shape = |n: u32| {
        let pool = match n {
            4 => "t",
            5 => "taint",
            6 | 7 => "drain",
            8 | 9 => "loss",
            10 => "big",
            11 => "pre",
            12 => "cordon",
            13 => "late",
            14 => "fix",
            _ => "",
        };
        let labels = (!pool.is_empty()).then(|| ("pool".to_string(), pool.to_string()));
        let taint = (n == 4).then(|| Taint {
            key: "dedicated".into(),
            value: Some("x".into()),
            effect: "NoSchedule".into(),
            ..Taint::default()
        });
        let mut size = NodeSize::default();
        if matches!(n, 10 | 11) {
            size.cpu_millis = 2000;
        }
        NodeShape {
            name: format!("node-{n}"),
            size,
            labels: labels.into_iter().collect(),
            taints: taint.into_iter().collect(),
            // A sandbox fails where no address is left.
            pod_cidr: no_sandboxes.then(|| format!("10.244.{n}.0/31")),
        }
    };
    (1..=last).map(shape).collect()
}

/// Images that were on the nodes before: found there without a pull. Where a node is known to have pulled one, it didn't
/// have it.
fn present_images(case: &Value) -> Vec<(String, BTreeSet<String>)> {
    let mut met = BTreeSet::new();
    let mut present: Vec<(String, BTreeSet<String>)> = Vec::new();
    let mut nodes: BTreeMap<String, String> = BTreeMap::new();
    let mut first: BTreeSet<(String, String)> = BTreeSet::new();
    let mut pulled: BTreeSet<(String, String)> = BTreeSet::new();
    for event in case["events"].as_array().into_iter().flatten() {
        let (about, message) = (event[3].as_str().unwrap_or_default(), event[4].as_str().unwrap_or_default());
        if let Some((_, node)) = message.rsplit_once(" to ").filter(|_| event[2] == "Scheduled") {
            nodes.insert(about.into(), node.into());
        }
        let (Some(image), Some(node)) = (message.split('"').nth(1), nodes.get(about)) else { continue };
        let place = (image.to_string(), node.clone());
        if matches!(event[2].as_str(), Some("Pulling" | "Pulled"))
            && first.insert(place.clone())
            && event[2] == "Pulling"
        {
            pulled.insert(place);
        }
    }
    for event in case["events"].as_array().into_iter().flatten() {
        let message = event[4].as_str().unwrap_or_default();
        let Some(image) = message.split('"').nth(1) else { continue };
        match event[2].as_str() {
            Some("Pulling") => {
                met.insert(image.to_string());
            }
            Some("Pulled") if message.contains("already present") && met.insert(image.to_string()) => {
                let lacking = pulled.iter().filter(|(of, _)| of == image).map(|(_, node)| node.clone());
                present.push((image.to_string(), lacking.collect()));
            }
            _ => {}
        }
    }
    present
}

fn play(case: &Value, neighbours: &[Deed], phases: (u64, u64, u64), lead: Duration, seed: u64) -> Seen {
    let zero = Rc::new(Cell::new(None::<SimTime>));
    let config = Config {
        nodes: nodes(case),
        system_pods: false,
        pull_time: Some(PULL_TIME),
        chance: chance(case, zero.clone(), phases, lead),
        seed: Config::default().seed.wrapping_add(seed),
        ..Config::default()
    };
    let mut lab = Lab::new(&config);
    for (image, lacking) in present_images(case) {
        for node in config.nodes.iter().filter(|node| !lacking.contains(&node.name)) {
            if let Some(kubelet) = lab.cluster().kubelet(&node.name) {
                kubelet.preload(&image);
            }
        }
    }
    let namespace = case["namespace"].as_str().unwrap_or("default");
    let manifests: Vec<&str> = case["manifests"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (i, manifest) in manifests.iter().enumerate() {
        lab.input(Input::WriteFile { path: format!("m{i}.yaml"), data: steered(manifest).into_bytes() });
    }
    let run = |lab: &mut Lab, line: &str| lab.input(Input::Type(format!("{line}\r").into_bytes()));
    run(&mut lab, &format!("kubectl create namespace {namespace}"));
    if case["manifests"].to_string().contains("volumeClaimTemplates") {
        // The recorder's cluster had no default.
        run(&mut lab, "kubectl delete storageclass standard");
    }
    run(&mut lab, &format!("kubectl config set-context --current --namespace={namespace}"));

    // A story may begin before its first pod.
    let first = case["actions"][0][0].as_f64().unwrap_or(0.0);
    // What was lost a while ago is to be seen to be lost.
    let lost = neighbours.iter().find(|deed| matches!(deed.change, Change::Stopped)).map_or(0.0, |deed| deed.t);
    let first = first.min(lost.max(-70.0));
    let early = if first < -1.0 { Duration::from_secs_f64(-first) } else { Duration::ZERO };
    let start = lab.now() + lead + early;
    let mut inputs: VecDeque<(f64, Input)> = VecDeque::new();
    for deed in neighbours {
        let taint = |[key, value, effect]: [&str; 3]| json!({"key": key, "value": value, "effect": effect});
        match deed.change {
            Change::Stopped => inputs.push_back((deed.t, Input::StopNode(deed.node.into()))),
            Change::Started => inputs.push_back((deed.t, Input::StartNode(deed.node.into()))),
            Change::Cordoned(cordoned) => spec_of_node(&lab, start, deed, json!({"unschedulable": cordoned})),
            Change::Tainted(taints) => {
                let taints: Vec<Value> = taints.map(taint).into_iter().collect();
                spec_of_node(&lab, start, deed, json!({"taints": taints}));
            }
        }
    }
    let seen = Rc::new(RefCell::new(Seen::default()));
    let no_pods = case["rows"].as_array().is_none_or(Vec::is_empty) && case["pods"].is_null();
    if no_pods {
        zero.set(Some(start));
    }
    collect(&lab, namespace, &zero, &seen);

    let mut applied = 0;
    let mut end: f64 = 0.0;
    for action in case["actions"].as_array().into_iter().flatten() {
        let (t, text) = (action[0].as_f64().unwrap_or(0.0), action[1].as_str().unwrap_or_default());
        let took = action[4].as_f64().filter(|took| *took < 0.3).unwrap_or(0.06);
        while inputs.front().is_some_and(|(before, _)| *before < t)
            && let Some((before, input)) = inputs.pop_front()
        {
            lab.advance(SimTime::from_secs_f64((start.as_secs_f64() + before).max(lab.now().as_secs_f64())), POLLS);
            lab.input(input);
        }
        let at = start.as_secs_f64() + t + took - 0.01;
        lab.advance(SimTime::from_secs_f64(at), POLLS);
        end = end.max(t);
        if let Some((node, name, text)) = static_file(text) {
            write_static(&lab, node, name, text);
            continue;
        }
        if let Some(input) = node_action(text) {
            lab.input(input);
            continue;
        }
        let mut line = text.to_string();
        if text.ends_with("-f -") {
            let i = if text.contains(" delete ") { deleted_manifest(action, &manifests) } else { applied };
            applied += usize::from(!text.contains(" delete "));
            line = format!("{} m{i}.yaml", text.trim_end_matches(" -"));
        } else if is_reading(text) {
            continue;
        }
        run(&mut lab, &line.replace('\n', "\r"));
    }
    let expected = recorded(case);
    let last = expected.pods.values().flat_map(|p| p.rows.iter().map(|(t, _)| p.created + t));
    let last = last.chain(expected.events.iter().map(|(t, _)| *t)).fold(end, f64::max);
    lab.advance(SimTime::from_secs_f64(start.as_secs_f64() + last + 5.0), POLLS);
    if std::env::var("PODARIUM_STORY").is_ok_and(|id| case["id"] == id) {
        println!("{}", String::from_utf8_lossy(&lab.take_output()));
    }
    drop(lab);
    let mut seen = seen.take();
    let start = zero.get().unwrap_or(start).as_secs_f64();
    seen.events.iter_mut().for_each(|(t, _)| *t -= start);
    seen
}

/// Changes a node's spec when it is time.
fn spec_of_node(lab: &Lab, start: SimTime, deed: &Deed, change: Value) {
    let (client, sim, node) = (lab.cluster().client(), lab.sim().clone(), deed.node);
    let at = SimTime::from_secs_f64((start.as_secs_f64() + deed.t).max(lab.now().as_secs_f64()));
    lab.sim().spawn(async move {
        sim.sleep_until(at).await;
        let patch = Patch::Merge(json!({"spec": change}));
        let changed = client.patch(Kind::Node, "", node, Subresource::None, patch, WriteOptions::default()).await;
        changed.expect("the recorder's node");
    });
}

/// Looking on changes nothing.
fn is_reading(text: &str) -> bool {
    let mut words = text.split_whitespace().skip(1);
    match words.next() {
        Some("get" | "describe" | "logs") => !text.contains('|'),
        Some("rollout") => matches!(words.next(), Some("status" | "history")),
        _ => false,
    }
}

/// Which manifest a clean-up was about, by what it said.
fn deleted_manifest(action: &Value, manifests: &[&str]) -> usize {
    let said = action[2].as_str().unwrap_or_default();
    let mut words = said.split_whitespace();
    let kind = words.next().unwrap_or_default().split('.').next().unwrap_or_default().to_ascii_lowercase();
    let name = words.next().unwrap_or_default().trim_matches('"');
    let about = |manifest: &&str| {
        let lower = manifest.to_ascii_lowercase();
        lower.contains(&format!("kind: {kind}")) && manifest.contains(&format!("name: {name}"))
    };
    manifests.iter().position(about).unwrap_or(0)
}

/// The chance that the record shows: what it has next within a delay's bounds is what woke its kubelet.
fn chance(case: &Value, zero: Rc<Cell<Option<SimTime>>>, phases: (u64, u64, u64), lead: Duration) -> Chance {
    let begins = u64::try_from((ORIGIN + lead).since(SimTime::from_nanos(0)).as_millis()).unwrap_or(0);
    let phase = |after: u64, period: u64| Duration::from_millis((begins + after) % period);
    let (relist, tick, lag) = phases;
    let seen = recorded(case);
    let mut moments: Vec<f64> = seen.pods.values().flat_map(|p| p.rows.iter().map(|(t, _)| p.created + t)).collect();
    let kubelets = seen.events.iter().filter(|(_, event)| event[5] == "kubelet");
    moments.extend(kubelets.map(|(t, _)| *t));
    moments.sort_by(f64::total_cmp);
    let draw = move |now: SimTime, delay: Duration| {
        let Some(zero) = zero.get() else { return 0.5 };
        let (now, delay) = (now.as_secs_f64() - zero.as_secs_f64(), delay.as_secs_f64());
        let (first, last) = (now + delay - 0.3, now + delay * 1.5 + 2.0 * SYNC_LAG);
        let woken = moments.iter().find(|t| **t >= first && **t <= last);
        woken.map_or(0.5, |t| (t - SYNC_LAG - now - delay) / (delay * 0.5))
    };
    Chance::given(draw, (phase(relist, 1001), phase(tick, 1000)), Duration::from_millis(lag))
}

/// A manifest for shells instead of the recorder's stand-in for containers.
fn steered(manifest: &str) -> String {
    let Ok(Value::Object(mut object)) = serde_yaml::from_str::<Value>(manifest) else { return manifest.into() };
    let mut pod = &mut object;
    if pod["kind"] != "Pod" {
        for key in ["spec", "template"] {
            match pod.get_mut(key) {
                Some(Value::Object(inner)) => pod = inner,
                _ => return manifest.into(),
            }
        }
    }
    let annotations = pod.get("metadata").map(|metadata| metadata["annotations"].clone()).unwrap_or_default();
    let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) else { return manifest.into() };
    let restarts_all = spec.get("containers").is_some_and(|list| list.to_string().contains("RestartAllContainers"));
    let mut counts = false;
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            counts |= steer(container, &annotations, restarts_all);
        }
    }
    if counts {
        spec.insert("volumes".into(), json!([{"name": "oracle", "emptyDir": {}}]));
    }
    Value::Object(object).to_string()
}

/// `oracle/NAME.N` is what container NAME does at its N-th start; true if it has to count them.
fn steer(container: &mut Value, annotations: &Value, restarts_all: bool) -> bool {
    if let Some(script) = container["command"].as_array_mut().and_then(|words| words.last_mut()) {
        // The stand-in runs a trap at once, a shell when its foreground command has ended.
        let text = script.as_str().unwrap_or_default().to_owned();
        if text.starts_with("trap ") && text.contains("; sleep ") {
            *script = format!("{text} & wait").into();
        }
        // A block is a buffer in memory.
        if let Some(before) = text.strip_suffix("; oom") {
            *script = format!("{before}; dd if=/dev/zero of=/dev/null bs=1G count=1").into();
        }
    }
    let name = container["name"].as_str().unwrap_or_default().to_string();
    let prefix = format!("oracle/{name}.");
    let steps = annotations
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, script)| Some((key.strip_prefix(&prefix)?.to_string(), script.as_str()?.to_string())));
    let steps: Vec<(String, String)> = steps.collect();
    let usual = container["command"][2].as_str().unwrap_or_default().to_string();
    match steps.as_slice() {
        [] => false,
        // After a restart of all the stand-in counts from 0 again.
        [(first, script)] if first == "0" && restarts_all => {
            container["command"][2] = script.as_str().into();
            false
        }
        _ => {
            let cases: String =
                steps.iter().map(|(n, script)| format!("{}) {script};; ", n.trim_start_matches('s'))).collect();
            container["command"][2] = format!(
                "n=$(cat /oracle/{name} 2>/dev/null || echo 0); echo $((n+1)) > /oracle/{name}; case $n in {cases}*) \
                 {usual};; esac"
            )
            .into();
            container["volumeMounts"] = json!([{"name": "oracle", "mountPath": "/oracle"}]);
            true
        }
    }
}

fn collect(lab: &Lab, namespace: &str, zero: &Rc<Cell<Option<SimTime>>>, seen: &Rc<RefCell<Seen>>) {
    for kind in [Kind::Pod, Kind::Event] {
        let (client, sim, namespace) = (lab.cluster().client(), lab.sim().clone(), namespace.to_string());
        let (zero, seen) = (zero.clone(), seen.clone());
        lab.sim().spawn(async move {
            let Ok(mut watch) = client.watch(kind, &namespace, ListOptions::default()).await else { return };
            while let Some(event) = watch.recv().await {
                let (word, object) = match &event {
                    WatchEvent::Added(object) => ("ADDED", object),
                    WatchEvent::Modified(object) => ("MODIFIED", object),
                    WatchEvent::Deleted(object) => ("DELETED", object),
                    WatchEvent::Error(_) => return,
                };
                match object {
                    Object::Pod(pod) => {
                        let start = zero.get().unwrap_or(sim.now());
                        zero.set(Some(start));
                        let t = sim.now().as_secs_f64() - start.as_secs_f64();
                        see_pod(&mut seen.borrow_mut(), t, word, object, pod, sim.wall());
                    }
                    Object::Event(event) if word != "DELETED" => {
                        // Told from the first pod on, which may be still to come.
                        seen.borrow_mut().events.push((sim.now().as_secs_f64(), masked_event(event_fields(event))));
                    }
                    _ => {}
                }
            }
        });
    }
}

fn see_pod(seen: &mut Seen, t: f64, word: &str, object: &Object, pod: &Pod, now: jiff::Timestamp) {
    // Of several pods by one name, those after the first have a number.
    let over = |pod: &PodSeen| pod.rows.last().is_some_and(|(_, row)| row[3] == "DELETED");
    let mut key = pod.name().to_string();
    for n in 2.. {
        if !seen.pods.get(&key).is_some_and(over) {
            break;
        }
        key = format!("{}#{n}", pod.name());
    }
    let entry = seen.pods.entry(key).or_insert_with(|| PodSeen { created: t, ..PodSeen::default() });
    let t = t - entry.created;
    let cells = table::row(object, now);
    entry.rows.push((t, json!([cells[1], cells[2], cells[3], word])));
    let mut summary = summary(pod);
    if word == "DELETED" {
        summary["watchEvent"] = "DELETED".into();
    }
    let summary = masked_summary(summary);
    if entry.transitions.last().is_none_or(|(_, last)| *last != summary) {
        entry.transitions.push((t, summary));
    }
}

fn event_fields(event: &Event) -> Vec<Value> {
    let about = &event.involved_object;
    let source = event.source.as_ref().and_then(|s| s.component.clone()).filter(|c| !c.is_empty());
    let count = event.series.as_ref().and_then(|s| s.count).or(event.count);
    let text = |text: Option<String>| text.map_or(Value::Null, Value::from);
    vec![
        text(event.type_.clone()),
        text(event.reason.clone()),
        format!("{}/{}", about.kind.as_deref().unwrap_or_default(), about.name.as_deref().unwrap_or_default()).into(),
        text(event.message.clone()),
        count.map_or(Value::Null, Value::from),
        text(source.or_else(|| event.reporting_component.clone())),
        text(about.field_path.clone()),
    ]
}

/// A pod as the record sums it up.
fn summary(pod: &Pod) -> Value {
    let none = Default::default();
    let status = pod.status.as_deref().unwrap_or(&none);
    let conditions: Vec<Value> =
        (status.conditions.iter().flatten()).map(|c| json!([c.type_, c.status, c.reason, c.message])).collect();
    let list = |statuses: &Option<Vec<ContainerStatus>>| -> Vec<Value> {
        statuses.iter().flatten().map(container_summary).collect()
    };
    let mut out = json!({
        "phase": status.phase,
        "reason": status.reason,
        "conditions": conditions,
        "containers": list(&status.container_statuses),
        "qosClass": status.qos_class,
        "generation": pod.metadata.generation,
    });
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            out[key] = value;
        }
    };
    let text = |text: &Option<String>| text.clone().filter(|t| !t.is_empty()).map_or(Value::Null, Value::from);
    let inits = list(&status.init_container_statuses);
    if !inits.is_empty() {
        put("initContainers", inits.into());
    }
    let ephemeral = list(&status.ephemeral_container_statuses);
    if !ephemeral.is_empty() {
        put("ephemeralContainers", ephemeral.into());
    }
    put("message", text(&status.message));
    put("nodeName", pod.spec.as_ref().map_or(Value::Null, |spec| text(&spec.node_name)));
    put("podIP", text(&status.pod_ip));
    put("hostIP", text(&status.host_ip));
    put("nominatedNodeName", text(&status.nominated_node_name));
    put("observedGeneration", status.observed_generation.map_or(Value::Null, Value::from));
    if let Some(labels) = pod.metadata.labels.as_ref().filter(|labels| !labels.is_empty()) {
        put("labels", json!(labels));
    }
    if let Some(finalizers) = pod.metadata.finalizers.as_ref().filter(|f| !f.is_empty()) {
        put("finalizers", json!(finalizers));
    }
    if pod.metadata.deletion_timestamp.is_some() {
        put("deleting", json!({"graceSeconds": pod.metadata.deletion_grace_period_seconds}));
    }
    out
}

fn state_summary(state: Option<&ContainerState>) -> (&'static str, Value, Option<i32>, Option<String>) {
    let Some(state) = state else { return ("none", Value::Null, None, None) };
    if let Some(end) = &state.terminated {
        let reason = end.reason.clone().map_or(Value::Null, Value::from);
        return ("terminated", reason, Some(end.exit_code), end.message.clone());
    }
    if state.running.is_some() {
        return ("running", Value::Null, None, None);
    }
    let Some(waiting) = &state.waiting else { return ("none", Value::Null, None, None) };
    ("waiting", waiting.reason.clone().map_or(Value::Null, Value::from), None, waiting.message.clone())
}

fn container_summary(status: &ContainerStatus) -> Value {
    let (state, reason, exit_code, message) = state_summary(status.state.as_ref());
    let mut out = json!({
        "name": status.name,
        "state": state,
        "reason": reason,
        "ready": status.ready,
        "started": status.started,
        "restartCount": status.restart_count,
        "image": status.image,
    });
    if let Some(message) = message.filter(|m| !m.is_empty()) {
        out["message"] = message.into();
    }
    if let Some(code) = exit_code {
        out["exitCode"] = code.into();
    }
    let (state, reason, exit_code, _) = state_summary(status.last_state.as_ref());
    if state != "none" {
        out["lastState"] = json!({"state": state, "reason": reason});
        if let Some(code) = exit_code {
            out["lastState"]["exitCode"] = code.into();
        }
    }
    out
}

// ---- what is not compared

/// What was drawn, measured, or said by the container runtime, made the same on both sides.
fn mask(text: &str) -> String {
    let mut out = text.to_string();
    // The runtime's words about a pull; in messages, also behind the kubelet's own.
    for begin in ["Failed to pull image \"", "ErrImagePull: ", "Failed to create pod sandbox: "] {
        if let Some(at) = out.find(begin) {
            let mut end = at + begin.len();
            if begin.ends_with('"') {
                end += out[end..].find('"').map_or(0, |i| i + 1);
            }
            out.truncate(end);
            out += "RUNTIME";
        }
    }
    if out.starts_with("rpc error:") || out.starts_with("failed to pull and unpack") {
        out = "RUNTIME".into();
    }
    if let Some(at) = out.find(" in ").filter(|_| out.starts_with("Successfully pulled image")) {
        out.truncate(at);
    }
    mask_words(&out)
}

/// UIDs, addresses and nodes' names.
fn mask_words(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let mut out = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find(is_part) {
        out += &rest[..begin];
        rest = &rest[begin..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        let hyphens: Vec<usize> = word.split('-').map(str::len).collect();
        let bare = word.trim_end_matches('.');
        if hyphens == [8, 4, 4, 4, 12] {
            out += "UID";
        } else if bare.parse::<std::net::Ipv4Addr>().is_ok() {
            out += "IP";
        } else if bare.strip_prefix("node-").is_some_and(|n| n.parse::<u32>().is_ok()) {
            out += "NODE";
        } else {
            let parts: Vec<&str> =
                word.split('-').enumerate().map(|(i, part)| drawn(i, part).unwrap_or(part)).collect();
            out += &parts.join("-");
        }
        rest = &rest[end..];
    }
    out + rest
}

/// A part of a name that was drawn, or follows from what differs: the end of a pod's name, a template's hash, the minute
/// of a CronJob's Job.
fn drawn(index: usize, part: &str) -> Option<&'static str> {
    let of = |alphabet: &str| part.chars().all(|c| alphabet.contains(c));
    match part.len() {
        8 if index > 0 && of("0123456789") => Some("MINUTE"),
        7..=10 if of("456789bcdf") => Some("HASH"),
        5 if index > 0 && of("bcdfghjklmnpqrstvwxz2456789") => Some("DRAWN"),
        _ => None,
    }
}

fn masked(value: Value) -> Value {
    match value {
        Value::String(text) => mask(&text).into(),
        Value::Array(list) => list.into_iter().map(masked).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, masked(value))).collect(),
        other => other,
    }
}

fn masked_summary(mut summary: Value) -> Value {
    let mut deleted = false;
    if let Some(deleting) = summary.get_mut("deleting").and_then(Value::as_object_mut) {
        deleting.remove("deletionTimestamp");
        deleted = true;
    }
    // Garbage collection, once a minute, may have taken the sandbox with its address.
    if let Some(summary) = summary.as_object_mut().filter(|_| deleted) {
        summary.remove("podIP");
    }
    masked(summary)
}

/// [type, reason, object, message, count, component, fieldPath]
fn masked_event(mut fields: Vec<Value>) -> Value {
    // Their texts hold how long it took, or an id, so equal ones are counted by chance.
    let measured = ["Successfully pulled image", "Failed to create pod sandbox"];
    if fields[3].as_str().is_some_and(|text| measured.iter().any(|begin| text.starts_with(begin))) {
        fields[4] = Value::Null;
    }
    // Whom it is about is told apart by its name.
    let about = fields[2].clone();
    let mut fields = masked(fields.into());
    fields[2] = about;
    fields
}

// ---- names that are drawn

fn has_drawn_names(seen: &Seen) -> bool {
    let is_drawn = |name: &String| name.split('-').enumerate().any(|(i, part)| drawn(i, part).is_some());
    seen.pods.keys().any(is_drawn)
        || seen.events.iter().any(|(_, event)| event[2].as_str().is_some_and(|about| is_drawn(&about.to_string())))
}

/// A name whose hashes and minutes are numbered in the order in which they were met.
fn numbered(name: &str, met: &mut Vec<String>) -> String {
    let part = |(i, part): (usize, &str)| match drawn(i, part) {
        Some("DRAWN") => "DRAWN".to_string(),
        Some(what) => {
            let at = met.iter().position(|known| known == part).unwrap_or_else(|| {
                met.push(part.to_string());
                met.len() - 1
            });
            format!("{what}{at}")
        }
        None => part.to_string(),
    };
    name.split('-').enumerate().map(part).collect::<Vec<_>>().join("-")
}

/// Both with names that can be compared: of pods that are named alike but for what was drawn, each recorded one is
/// compared with the one that is most like it.
fn align(expected: &Seen, got: &Seen) -> (Seen, Seen) {
    let groups = |seen: &Seen, met: &mut Vec<String>| {
        let mut pods: Vec<(&String, &PodSeen)> = seen.pods.iter().collect();
        pods.sort_by(|a, b| a.1.created.total_cmp(&b.1.created));
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, _) in pods {
            groups.entry(numbered(name, met)).or_default().push(name.clone());
        }
        groups
    };
    let (mut met, mut met_here) = (Vec::new(), Vec::new());
    let recorded = groups(expected, &mut met);
    let mut ours = groups(got, &mut met_here);
    let (mut names, mut names_here) = (BTreeMap::new(), BTreeMap::new());
    for (group, members) in recorded {
        let free = ours.entry(group.clone()).or_default();
        for (number, name) in members.into_iter().enumerate() {
            let common = format!("{group}.{number}");
            let differences = |other: &String| {
                let (a, b) = (&expected.pods[&name], &got.pods[other]);
                let mut out = Vec::new();
                lists("rows", &a.rows, &b.rows, &mut out, &same_row);
                lists("status", &a.transitions, &b.transitions, &mut out, &|a, b| a == b);
                let events = |seen: &Seen, name: &str| -> Vec<Moment> {
                    let about = format!("Pod/{name}");
                    seen.events.iter().filter(|(_, event)| event[2] == about).cloned().collect()
                };
                let plain = |mut list: Vec<Moment>| {
                    list.iter_mut().for_each(|(_, event)| event[2] = Value::Null);
                    list
                };
                let (x, y) = (plain(events(expected, &name)), plain(events(got, other)));
                lists("events", &x, &y, &mut out, &|a, b| a == b);
                let apart = (a.created - b.created).abs();
                out.len() as f64 * 10.0 + if apart > TOLERANCE { apart } else { 0.0 }
            };
            names.insert(name.clone(), common.clone());
            let best = (0..free.len()).min_by(|a, b| differences(&free[*a]).total_cmp(&differences(&free[*b])));
            if let Some(best) = best {
                names_here.insert(free.remove(best), common);
            }
        }
    }
    (renamed(expected, &names, &mut met), renamed(got, &names_here, &mut met_here))
}

fn renamed(seen: &Seen, names: &BTreeMap<String, String>, met: &mut Vec<String>) -> Seen {
    let name = |name: &String| names.get(name).unwrap_or(name).clone();
    let pods = seen.pods.iter().map(|(key, pod)| (name(key), pod.clone())).collect();
    let mut event = |(t, event): &Moment| {
        let mut event = event.clone();
        let about = event[2].as_str().unwrap_or_default();
        event[2] = match about.strip_prefix("Pod/") {
            Some(pod) => format!("Pod/{}", name(&pod.to_string())),
            None => numbered(about, met),
        }
        .into();
        (*t, event)
    };
    Seen { pods, events: seen.events.iter().map(&mut event).collect() }
}

// ---- comparison

/// Each list's first difference: expected, got.
fn compare(expected: &Seen, got: &Seen) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for (name, pod) in &expected.pods {
        let Some(ours) = got.pods.get(name) else {
            out.push((format!("pod {name}"), "no such pod".into()));
            continue;
        };
        if (pod.created - ours.created).abs() > TOLERANCE {
            out.push((format!("pod {name} at {:.2}", pod.created), format!("at {:.2}", ours.created)));
        }
        lists(&format!("{name} row"), &pod.rows, &ours.rows, &mut out, &same_row);
        lists(&format!("{name} status"), &pod.transitions, &ours.transitions, &mut out, &|a, b| a == b);
    }
    for name in got.pods.keys().filter(|name| !expected.pods.contains_key(*name)) {
        out.push(("no such pod".into(), format!("pod {name}")));
    }
    // Components write side by side, and each about several objects; the order of what one says of one
    // object is its own.
    let about = |event: &Value| {
        let part = |i: usize| event[i].as_str().unwrap_or_default().to_string();
        (part(5), part(2))
    };
    let writers: BTreeSet<_> = expected.events.iter().chain(&got.events).map(|(_, e)| about(e)).collect();
    for writer in writers {
        let of =
            |seen: &Seen| -> Vec<Moment> { seen.events.iter().filter(|(_, e)| about(e) == writer).cloned().collect() };
        let what = format!("event of {} about {}", writer.0, writer.1);
        lists(&what, &of(expected), &of(got), &mut out, &|a, b| a == b);
    }
    out
}

/// Compares two lists. A kubelet's writer skips what has been overtaken before it came to it, so a
/// moment that lasted less than [`FLEETING`] may be missing from either.
fn lists(
    what: &str,
    expected: &[Moment],
    got: &[Moment],
    out: &mut Vec<(String, String)>,
    same: &dyn Fn(&Value, &Value) -> bool,
) {
    let fleeting = |list: &[Moment], i: usize| list.get(i + 1).is_some_and(|(next, _)| next - list[i].0 < FLEETING);
    // Which (i, j) can be reached by pairs that agree and by leaving out fleeting moments.
    let (m, n) = (expected.len(), got.len());
    let mut reached = vec![vec![false; n + 1]; m + 1];
    reached[0][0] = true;
    let (mut i_stuck, mut j_stuck) = (0, 0);
    for i in 0..=m {
        for j in 0..=n {
            if !reached[i][j] {
                continue;
            }
            let mut moved = i == m && j == n;
            if i < m && j < n && same(&expected[i].1, &got[j].1) && (expected[i].0 - got[j].0).abs() <= TOLERANCE {
                reached[i + 1][j + 1] = true;
                moved = true;
            }
            if i < m && fleeting(expected, i) {
                reached[i + 1][j] = true;
            }
            if j < n && fleeting(got, j) {
                reached[i][j + 1] = true;
            }
            if !moved && i + j >= i_stuck + j_stuck {
                (i_stuck, j_stuck) = (i, j);
            }
        }
    }
    if reached[m][n] {
        return;
    }
    let (i, j) = (i_stuck, j_stuck);
    let side = |moment: Option<&Moment>, other: Option<&Moment>| match moment {
        Some((t, value)) => {
            let value = other
                .map_or(value.clone(), |(_, other)| if same(value, other) { Value::Null } else { only(value, other) });
            format!("{t:.2} {value}")
        }
        None => "none".into(),
    };
    let (e, g) = (expected.get(i), got.get(j));
    out.push((format!("{what} {i}: {}", side(e, g)), side(g, e)));
}

/// Of an object's fields, those in which it differs from `other`.
fn only(value: &Value, other: &Value) -> Value {
    match (value, other) {
        (Value::Object(a), Value::Object(b)) => {
            let differing = a.iter().filter(|(key, value)| b.get(*key) != Some(value));
            differing.map(|(key, v)| (key.clone(), only(v, b.get(key).unwrap_or(&Value::Null)))).collect()
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() && a.iter().all(|v| v.is_object() || v.is_array()) => {
            a.iter().zip(b).filter(|(x, y)| x != y).map(|(x, y)| only(x, y)).collect()
        }
        _ => value.clone(),
    }
}

/// Rows are equal but for up to two seconds in `(10s ago)`.
fn same_row(a: &Value, b: &Value) -> bool {
    let restarts = |row: &Value| {
        let text = row[2].as_str().unwrap_or_default();
        let (count, ago) = text.split_once(" (").unwrap_or((text, ""));
        (count.to_string(), seconds(ago.trim_end_matches(" ago)")))
    };
    let ((count, ago), (other, other_ago)) = (restarts(a), restarts(b));
    let near = match (ago, other_ago) {
        (Some(x), Some(y)) => (x - y).abs() <= if x >= 600 { 60 } else { 2 },
        (x, y) => x == y,
    };
    count == other && near && [0, 1, 3].iter().all(|i| a[i] == b[i])
}

/// `2m5s`
fn seconds(text: &str) -> Option<i64> {
    let (mut total, mut number) = (0, String::new());
    for c in text.chars() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        total += std::mem::take(&mut number).parse::<i64>().ok()? * unit;
    }
    (!text.is_empty()).then_some(total)
}
