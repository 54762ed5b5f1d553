//! Transcripts: `tests/transcripts/*.md` are stories in which `$ command` lines run on a laboratory's
//! workstation, and everything below a command is what it must print.
//!
//! A block fenced as ```` ```yaml file=NAME ```` is a file of the workspace; a block fenced as
//! ```` ```console ```` holds commands and their output; `> ` continues a command. A command that
//! fails ends with a line `[exit N]`. `UPDATE=1 cargo test --test transcripts` writes what was
//! printed into the files.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use podarium::lab::{
    Config,
    headless::{self, Script},
};

/// Printed between commands; a control character that no command prints.
const MARK: char = '\u{1e}';

enum Part {
    /// Anything but a console block, fences included.
    Text(String),
    Console(Vec<(String, String)>),
}

fn parse(text: &str) -> (BTreeMap<String, Vec<u8>>, Vec<Part>) {
    let mut files = BTreeMap::new();
    let mut parts = vec![Part::Text(String::new())];
    let mut file: Option<(String, String)> = None;
    let mut console: Option<Vec<(String, String)>> = None;
    for line in text.lines() {
        if let Some(commands) = &mut console {
            if line == "```" {
                parts.push(Part::Console(console.take().unwrap_or_default()));
                parts.push(Part::Text("```\n".into()));
            } else if let Some(command) = line.strip_prefix("$ ") {
                commands.push((command.to_string(), String::new()));
            } else if let Some((command, output)) = commands.last_mut() {
                match line.strip_prefix("> ") {
                    Some(more) if output.is_empty() => *command += &format!("\n{more}"),
                    _ => *output += &format!("{line}\n"),
                }
            }
            continue;
        }
        if let Some(Part::Text(text)) = parts.last_mut() {
            *text += &format!("{line}\n");
        }
        match (&mut file, line) {
            (Some(_), "```") => files.extend(file.take().map(|(name, text)| (name, text.into_bytes()))),
            (Some((_, text)), _) => *text += &format!("{line}\n"),
            (None, "```console") => console = Some(Vec::new()),
            (None, _) => {
                if let Some(name) = line.strip_prefix("```").and_then(|l| l.split_once(" file=")) {
                    file = Some((name.1.to_string(), String::new()));
                }
            }
        }
    }
    (files, parts)
}

/// Runs all commands in one shell; the output of each.
fn run(files: BTreeMap<String, Vec<u8>>, commands: &[&str]) -> Vec<String> {
    let mut script = String::new();
    for command in commands {
        script += &format!("{command}\nprintf '\\036%s\\036' $?\n");
    }
    let mut printed = Vec::new();
    headless::run(Config { files, ..Config::default() }, Script::Input(script.into_bytes()), &mut |_, bytes| {
        printed.extend_from_slice(bytes);
        true
    });
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let mut pieces = printed.split(MARK);
    let mut outputs = Vec::new();
    while let (Some(output), Some(code)) = (pieces.next(), pieces.next()) {
        let newline = if output.is_empty() || output.ends_with('\n') { "" } else { "\n" };
        let exit = if code == "0" { String::new() } else { format!("[exit {code}]\n") };
        outputs.push(format!("{output}{newline}{exit}"));
    }
    outputs
}

fn rewritten(mut files: BTreeMap<String, Vec<u8>>, text: &str) -> String {
    let (own, mut parts) = parse(text);
    files.extend(own);
    let commands: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Part::Console(commands) => Some(commands),
            Part::Text(_) => None,
        })
        .flatten()
        .map(|(command, _)| command.as_str())
        .collect();
    let mut outputs = run(files, &commands).into_iter();
    for part in &mut parts {
        if let Part::Console(commands) = part {
            for (_, output) in commands {
                *output = outputs.next().unwrap_or_else(|| "[the shell was gone]\n".into());
            }
        }
    }
    let show = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Console(commands) => {
            commands.iter().map(|(command, output)| format!("$ {}\n{output}", command.replace('\n', "\n> "))).collect()
        }
    };
    parts.iter().map(show).collect()
}

/// Runs every text of a directory below `tests/`, and compares or updates it.
fn check(directory: &str, rewritten: impl Fn(&str) -> String) {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(directory);
    let mut paths: Vec<PathBuf> = fs::read_dir(&dir).expect("readable").map(|e| e.expect("entry").path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "md"));
    paths.sort();
    assert!(!paths.is_empty(), "no transcripts in {}", dir.display());
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for path in paths {
        let expected = fs::read_to_string(&path).expect("utf-8");
        let got = rewritten(&expected);
        if got == expected {
            continue;
        }
        if update {
            fs::write(&path, got).expect("writable");
        } else {
            wrong.push(format!("=== {}\n{}", path.display(), difference(&expected, &got)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn transcripts() {
    check("transcripts", |text| rewritten(BTreeMap::new(), text));
}

/// Manifests with what becomes of them. Each section of `tests/examples/*.md` is headed by the path of one, and runs in
/// a laboratory of its own, with the directory as the workspace. `own/` are the project's, `page/` those that the page offers;
/// those that other people wrote aren't kept here: `PODARIUM_EXAMPLES` names their directory. Without it their sections must
/// still each name and use their manifest.
#[test]
fn examples() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples/own");
    let own = files_below(&own).into_iter().map(|(name, text)| (format!("own/{name}"), text));
    let page = podarium::lab::examples().map(|e| (format!("page/{}", e.name), e.text.as_bytes().to_vec()));
    let mut manifests: BTreeMap<String, Vec<u8>> = own.chain(page).collect();
    if let Some(directory) = std::env::var_os("PODARIUM_EXAMPLES") {
        manifests.extend(files_below(&PathBuf::from(directory)));
    }
    let told = RefCell::new(BTreeSet::new());
    check("examples", |text| {
        let mut sections = text.split_inclusive('\n').fold(vec![String::new()], |mut sections, line| {
            if line.starts_with("## ") {
                sections.push(String::new());
            }
            sections.last_mut().expect("one").push_str(line);
            sections
        });
        for section in sections.iter_mut().skip(1) {
            let name = section.lines().next().unwrap_or_default().trim_start_matches("## ").to_string();
            assert!(section.matches(name.as_str()).count() > 1, "{name} isn't used in its section");
            assert!(told.borrow_mut().insert(name.clone()), "{name} has two sections");
            if manifests.contains_key(&name) {
                *section = rewritten(manifests.clone(), section);
            }
        }
        sections.concat()
    });
    let untold: Vec<&String> = manifests.keys().filter(|name| !told.borrow().contains(*name)).collect();
    assert!(untold.is_empty(), "no section tells of {untold:?}");
}

/// The manifests below a directory, by their paths from there.
fn files_below(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![directory.to_path_buf()];
    while let Some(place) = left.pop() {
        for entry in fs::read_dir(&place).expect("a readable directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|e| e == "yaml") {
                let name = path.strip_prefix(directory).expect("below it").to_string_lossy().into_owned();
                found.insert(name, fs::read(&path).expect("readable"));
            }
        }
    }
    found
}

/// The lines around the first difference.
fn difference(expected: &str, got: &str) -> String {
    let (expected, got): (Vec<_>, Vec<_>) = (expected.lines().collect(), got.lines().collect());
    let at = (0..).find(|i| expected.get(*i) != got.get(*i)).unwrap_or(0);
    let show = |lines: &[&str], sign: char| -> String {
        lines.iter().skip(at).take(12).map(|line| format!("{sign} {line}\n")).collect()
    };
    let before: String = expected[at.saturating_sub(4)..at].iter().map(|line| format!("  {line}\n")).collect();
    format!("line {}:\n{before}{}{}", at + 1, show(&expected, '-'), show(&got, '+'))
}
