//! Tests: pods of a real laboratory in telling situations, as pictures. Each is an SVG in `tests/pictures/`, which a browser
//! shows as the page would; `UPDATE=1 cargo test pictures` writes what is drawn now.

use std::{fs, path::PathBuf, time::Duration};

use super::{observe, phases, pod, svg, why};
use crate::lab::{Config, Input, Lab, NodeSize};

/// A pod, what is done to the laboratory, and when it is looked at.
struct Story {
    name: &'static str,
    /// Keys for the terminal, one command a line; `WAIT n` lets n seconds go by, `STOP node` pulls a plug, and
    /// `RESIZE node n` gives it n processors.
    script: &'static str,
    pod: &'static str,
}

const STORIES: &[Story] = &include!("stories.in");

fn look(story: &Story) -> Lab {
    let mut lab = Lab::new(&Config::introduction());
    let wait = |lab: &mut Lab, seconds: f64| {
        let until = lab.now() + Duration::from_secs_f64(seconds);
        lab.advance(until, u64::MAX);
    };
    let (script, manifest) = story.script.split_once("\n---\n").unwrap_or((story.script, ""));
    lab.input(Input::WriteFile { path: "pod.yaml".into(), data: manifest.as_bytes().to_vec() });
    for line in script.lines().filter(|l| !l.trim().is_empty()) {
        if let Some(seconds) = line.strip_prefix("WAIT ") {
            wait(&mut lab, seconds.parse().expect("seconds"));
        } else if let Some(node) = line.strip_prefix("STOP ") {
            let view = lab.view();
            let pod = view.pod("default", story.pod).and_then(|p| p.spec.as_ref()?.node_name.clone());
            let node = if node == "its" { pod.expect("a node") } else { node.to_owned() };
            drop(view);
            lab.input(Input::StopNode(node));
        } else if let Some((name, cpus)) = line.strip_prefix("RESIZE ").and_then(|rest| rest.split_once(' ')) {
            let size = NodeSize { cpu_millis: cpus.parse::<u64>().expect("a number") * 1000, ..NodeSize::default() };
            lab.input(Input::ResizeNode { name: name.into(), size });
        } else {
            lab.input(Input::Type(format!("{line}\r").into_bytes()));
            wait(&mut lab, 0.05);
        }
    }
    lab
}

#[test]
fn pictures() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    let update = std::env::var_os("UPDATE").is_some();
    let mut changed = Vec::new();
    for story in STORIES {
        let lab = look(story);
        let uid = lab.view().pod("default", story.pod).and_then(|p| p.metadata.uid.clone());
        let facts = uid.and_then(|uid| observe::pod(&lab, &uid)).unwrap_or_else(|| panic!("{}: no pod", story.name));
        let scene = pod::build(&facts, 860.0, pod::Options::default());
        let life = phases::build(&facts, 860.0);
        let parts = [
            svg::part("pod-scene", 0.0, scene.width, scene.height, &scene.groups),
            svg::part("phase-scene", scene.height, life.width, life.height, &life.groups),
        ];
        let picture = svg::document(scene.width, scene.height + life.height, &parts);
        let said = match why::build(&facts) {
            Some(w) => {
                let nodes: String = w.nodes.iter().map(|(node, reason)| format!("\n  {node}: {reason}")).collect();
                let command = w.command.map(|c| format!("\n$ {c}")).unwrap_or_default();
                let next = w.next.unwrap_or_default();
                format!("{} {}\n{next}\nfields {:?}{nodes}{command}", w.question, w.answer, w.fields)
            }
            None => "all is well".into(),
        };
        let text = format!(
            "<?xml-stylesheet href=\"../../www/base.css\"?>\n<?xml-stylesheet href=\"../../www/scene.css\"?>\n\
             <!--\n{} {} ({})\n{}\n-->\n{picture}",
            scene.mark.glyph(),
            scene.status,
            scene.about,
            said.replace("--", "- -")
        );
        let path = dir.join(format!("{}.svg", story.name));
        if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            changed.push(story.name);
            if update {
                fs::create_dir_all(&dir).expect("a directory");
                fs::write(path, text).expect("written");
            }
        }
    }
    assert!(update || changed.is_empty(), "other pictures than before: {changed:?}; UPDATE=1 takes them");
}
