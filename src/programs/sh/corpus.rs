//! The scripts of `tests/shell`, whose answers are those of real shells, run by ours. Its README tells how to add one.
//! `CORPUS=GROUP` or `CORPUS=GROUP:TEXT` narrows to a file, and to headings that hold a text.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use crate::programs::testing::World;

const SHELLS: [&str; 3] = ["dash", "ash", "bash"];

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/shell")
}

fn read(name: &str) -> String {
    let path = directory().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// (heading, the lines below it)
fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            sections.push((heading.to_string(), String::new()));
        } else if let Some((_, body)) = sections.last_mut() {
            body.push_str(line);
            body.push('\n');
        }
    }
    sections
}

/// `heading [dash ash]`: the heading and the shells.
fn shells_of(heading: &str) -> (&str, Vec<&str>) {
    match heading.strip_suffix(']').and_then(|rest| rest.rsplit_once(" [")) {
        Some((name, shells)) => (name, shells.split(' ').collect()),
        None => (heading, SHELLS.to_vec()),
    }
}

#[derive(Debug, Default, PartialEq)]
struct Answer {
    output: String,
    status: i32,
}

/// The answers of the real shells, by heading and shell.
fn answers(group: &str) -> BTreeMap<(String, String), Answer> {
    let mut answers = BTreeMap::new();
    for (heading, body) in sections(&read(&format!("{group}.out"))) {
        let mut shells: Vec<String> = Vec::new();
        for line in body.lines() {
            if let Some((list, status)) = line.strip_prefix('[').and_then(|line| line.split_once("] ")) {
                shells = list.split(' ').map(str::to_string).collect();
                let status = status.parse().unwrap_or_else(|_| panic!("{group}: {heading}: bad status"));
                for shell in &shells {
                    answers.insert((heading.clone(), shell.clone()), Answer { status, output: String::new() });
                }
            }
            let text = match (line.strip_prefix('|'), line.strip_prefix(':')) {
                (Some(text), _) => format!("{text}\n"),
                (_, Some(text)) => text.to_string(),
                _ => continue,
            };
            for shell in &shells {
                if let Some(answer) = answers.get_mut(&(heading.clone(), shell.clone())) {
                    answer.output += &text;
                }
            }
        }
    }
    answers
}

/// Lines `GROUP: heading [shells]: reason`.
fn known_gaps() -> BTreeSet<(String, String, String)> {
    let mut gaps = BTreeSet::new();
    for line in read("known-gaps.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let parts = line.split_once(": ").and_then(|(group, rest)| Some((group, rest.split_once("]: ")?)));
        let Some((group, (heading, reason))) = parts else { panic!("known-gaps.txt: {line}") };
        assert!(!reason.trim().is_empty(), "known-gaps.txt: a reason is missing: {line}");
        let heading = format!("{heading}]");
        let (name, shells) = shells_of(&heading);
        gaps.extend(shells.into_iter().map(|shell| (group.to_string(), name.to_string(), shell.to_string())));
    }
    gaps
}

/// Lines with a mark each: what is missing and what is too much.
fn difference(expected: &str, found: &str) -> String {
    let (a, b): (Vec<_>, Vec<_>) = (expected.split('\n').collect(), found.split('\n').collect());
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let rest = |lines: &[&str], mark: char| -> String {
        lines[same.min(lines.len())..].iter().take(12).map(|line| format!("  {mark} {line:?}\n")).collect()
    };
    rest(&a, '-') + &rest(&b, '+')
}

fn check(group: &str) {
    let only = std::env::var("CORPUS").unwrap_or_default();
    let (only_group, only_text) = only.split_once(':').unwrap_or((&only, ""));
    if !only_group.is_empty() && only_group != group {
        return;
    }
    let gaps = known_gaps();
    let answers = answers(group);
    let worlds: BTreeMap<&str, World> = SHELLS.into_iter().map(|shell| (shell, World::new())).collect();
    let mut failures = Vec::new();
    for (number, (heading, script)) in sections(&read(&format!("{group}.sh"))).iter().enumerate() {
        let (name, shells) = shells_of(heading);
        if !name.contains(only_text) {
            continue;
        }
        for shell in shells {
            let Some(expected) = answers.get(&(name.to_string(), shell.to_string())) else {
                failures.push(format!("{group}: {name} [{shell}]: no answer; run tests/shell/regenerate\n"));
                continue;
            };
            let (output, status) = worlds[shell].script(shell, &format!("/tmp/{number}"), script);
            let found = Answer { output, status: status.unwrap_or(-1) };
            let is_gap = gaps.contains(&(group.to_string(), name.to_string(), shell.to_string()));
            if found == *expected && is_gap {
                failures.push(format!("{group}: {name} [{shell}] passes: take it out of known-gaps.txt\n"));
            } else if found != *expected && !is_gap {
                let mut text = format!("{group}: {name} [{shell}]\n");
                if found.status != expected.status {
                    text += &format!("  status {}, not {}\n", found.status, expected.status);
                }
                failures.push(text + &difference(&expected.output, &found.output));
            }
        }
    }
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.concat());
}

macro_rules! groups {
    ($($group:ident)*) => {
        $(#[test] fn $group() { check(stringify!($group)); })*

        #[test]
        fn every_group_is_run() {
            let files = fs::read_dir(directory()).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            let found: BTreeSet<String> = files.filter_map(|name| Some(name.strip_suffix(".sh")?.to_string())).collect();
            assert_eq!(found, BTreeSet::from([$(stringify!($group).to_string()),*]));
            let scripts: usize = found.iter().map(|group| sections(&read(&format!("{group}.sh"))).len()).sum();
            assert!(scripts >= 300, "only {scripts} scripts");
            for (group, name, _) in known_gaps() {
                let text = read(&format!("{group}.sh"));
                assert!(sections(&text).iter().any(|(own, _)| shells_of(own).0 == name), "known-gaps.txt: no {group}: {name}");
            }
        }
    };
}

groups! {
    arithmetic arrays awk builtins compound errors functions jobs options parameters pipelines programs quoting redirections sed substitution system traps
    tutorials words
}
