//! The floors of the house: a room imports only rooms below it (ARCHITECTURE.md).

use std::{fs, path::Path};

/// From the lowest floor up. Rooms of one inner list stand side by side and don't know each other.
const FLOORS: &[&[&str]] = &[
    &["sim"],
    &["os"],
    &["programs"],
    &["manifest"],
    &["api"],
    &["apiserver"],
    &["registry"],
    &["kubelet"],
    &["scheduler"],
    &["controllers"],
    &["network"],
    &["kubectl"],
    &["lab"],
    &["scene"],
    &["cli", "web"],
];

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

/// The files of a room. Its tests may stand on rooms above: a kubelet's stories need a scheduler.
fn sources(dir: &Path, files: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = fs::read_dir(dir).expect("readable").map(|e| e.expect("entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            files.push((path.display().to_string(), fs::read_to_string(&path).expect("utf-8")));
        }
    }
}

/// Names right after `crate::` in `text`, those within `crate::{…}` included.
fn imported(text: &str) -> Vec<String> {
    let ident = |s: &str| s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = Vec::new();
    for (at, found) in text.match_indices("crate::") {
        let rest = &text[at + found.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            rooms.push(ident(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (i, c) in group.char_indices() {
            if start && c.is_alphabetic() {
                rooms.push(ident(&group[i..]));
                start = false;
            }
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                _ => {}
            }
        }
    }
    rooms
}

#[test]
fn a_room_imports_only_rooms_below_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (index, floor) in FLOORS.iter().enumerate() {
        for room in *floor {
            let mut files = Vec::new();
            sources(&src.join(room), &mut files);
            assert!(!files.is_empty(), "no room {room}");
            for (path, text) in files {
                for other in imported(&text) {
                    let allowed = other == *room || floor_of(&other).is_some_and(|below| below < index);
                    if !allowed && floor_of(&other).is_some() {
                        wrong.push(format!("{path} imports {other}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the floors:\n{}", wrong.join("\n"));
}

#[test]
fn every_room_has_a_floor() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(src).expect("readable") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_string();
            assert!(floor_of(&name).is_some(), "{name} has no floor");
        }
    }
}

#[test]
fn imports_are_found_in_groups() {
    let text = "use crate::os;\nuse crate::{api::{Kind, sim_like}, lab::x, sim};";
    assert_eq!(imported(text), ["os", "api", "lab", "sim"]);
}
