//! docs/simulated.md: what is simulated, told by the tables themselves. `UPDATE=1 cargo test --test simulated` writes it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    rc::Rc,
    time::Duration,
};

use podarium::{
    api::{Kind, warnings},
    os::{File, Filesystem, FsImage, Machine, Network, Signal, SpawnOptions, fs::Content},
    programs::{Entry, Programs, coreutils, load, net, packages, procutils, servers, sh, unsimulated},
    registry::{Catalogue, ImageRef},
    sim::Sim,
};

/// Asks the programs themselves which options of one letter they know.
struct Asker {
    sim: Sim,
    machine: Machine,
}

impl Asker {
    fn new() -> Asker {
        let sim = Sim::new(1, jiff::Timestamp::UNIX_EPOCH);
        let network = Network::new(&sim);
        let programs = Programs::default();
        let files = programs
            .names()
            .into_iter()
            .map(|name| (format!("/bin/{name}"), 0o755, 0, Content::Program { name, size: 1000 }));
        let root = Filesystem::new("overlay", Rc::new(FsImage::new(files)));
        let machine = Machine::new(&sim, &network, Rc::new(programs), "box", network.namespace("box"), root);
        Asker { sim, machine }
    }

    /// `None`: it takes whatever comes, so it looks for none.
    fn options(&self, name: &str) -> Option<String> {
        let letters: Vec<char> = ('a'..='z').chain('A'..='Z').chain(['0', '1', '4', '6']).collect();
        let known: String = letters.iter().filter(|letter| self.knows(name, **letter)).collect();
        (known.len() < letters.len()).then_some(known)
    }

    fn knows(&self, name: &str, letter: char) -> bool {
        let said = Rc::new(RefCell::new(Vec::new()));
        let sink = said.clone();
        let output = File::sink(move |bytes| {
            let mut said = sink.borrow_mut();
            if said.len() < 4096 {
                said.extend_from_slice(bytes);
            }
        });
        let options = SpawnOptions {
            argv: vec![name.into(), format!("-{letter}")],
            env: BTreeMap::from([("PATH".to_string(), "/bin".to_string())]),
            cwd: "/".into(),
            uid: 0,
            gid: 0,
            namespaces: self.machine.namespaces().clone(),
            stdin: File::null(),
            stdout: output.clone(),
            stderr: output,
            tty: None,
            cgroup: self.machine.cgroup().child("asked"),
            oom_score_adj: 0,
        };
        let Ok(proc) = self.machine.spawn(options) else { return false };
        self.sim.run_until(self.sim.now() + Duration::from_millis(1), 5_000);
        self.machine.kill(&proc, Signal::KILL);
        self.sim.run_until(self.sim.now(), 1_000);
        let said = String::from_utf8_lossy(&said.borrow()).to_lowercase();
        let refusals = [
            "invalid option",
            "unrecognized option",
            "illegal option",
            "unknown option",
            "unknown signal",
            "is unknown",
        ];
        !refusals.iter().any(|refusal| said.contains(refusal))
    }
}

fn shown(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(|entry| !entry.about.is_empty() && !entry.name.starts_with("busybox-"))
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn programs(text: &mut String) {
    let asker = Asker::new();
    let groups: [(&str, &str, &[Entry]); 3] = [
        ("Text and files", "GNU's and busybox' words, by the image's flavour.", coreutils::TABLE),
        ("Processes and the system", "", procutils::TABLE),
        ("Network", "", net::TABLE),
    ];
    *text +=
        "## Programs\n\nThe options of one letter that each takes, as it answers itself; – where it looks for none.\n";
    for (title, note, table) in groups {
        *text += &format!("\n### {title}\n\n");
        if !note.is_empty() {
            *text += &format!("{note}\n\n");
        }
        *text += "| program | what it does | options |\n|---|---|---|\n";
        for entry in shown(table) {
            let options = asker.options(entry.name).unwrap_or("–".into());
            *text += &format!("| `{}` | {} | {options} |\n", cell(entry.name), cell(entry.about));
        }
    }
    let groups: [(&str, &str, &[Entry]); 4] = [
        (
            "Shells",
            "POSIX, in the words and with the extensions of each: bash with its arrays, menus and extended patterns.",
            sh::TABLE,
        ),
        (
            "Servers",
            "They listen, answer and log as the real ones; what they keep is as much as their clients notice.",
            servers::TABLE,
        ),
        ("Load", "", load::TABLE),
        ("Packages", "", packages::TABLE),
    ];
    for (title, note, table) in groups {
        *text += &format!("\n### {title}\n\n");
        if !note.is_empty() {
            *text += &format!("{note}\n\n");
        }
        *text += "| program | what it does |\n|---|---|\n";
        for entry in shown(table) {
            *text += &format!("| `{}` | {} |\n", cell(entry.name), cell(entry.about));
        }
    }
}

fn refused(text: &mut String, absent: &BTreeSet<String>) {
    *text += "\n## Programs that are refused\n\n\
        What an image doesn't have is not found: exit code 127, as anywhere. What an image has, but is not simulated, says so and \
        fails with exit code 1. Editors do likewise: the editor pane takes their place.\n\n\
        Of busybox' applets: ";
    let mut applets: Vec<&str> = unsimulated::APPLETS.to_vec();
    applets.sort_unstable();
    *text += &format!("{}.\n\nOf other images' programs: ", applets.join(", "));
    let names: Vec<&str> = absent.iter().map(String::as_str).collect();
    *text += &format!("{}.\n", names.join(", "));
}

fn images(text: &mut String) -> BTreeSet<String> {
    let catalogue = Catalogue::load();
    let mut repositories: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in catalogue.names() {
        if let Some((repository, tag)) = name.rsplit_once(':') {
            repositories.entry(repository.to_string()).or_default().push(tag.to_string());
        }
    }
    let mut absent = BTreeSet::new();
    *text += "\n## Images\n\nWhat runs in a container that names neither command nor arguments.\n\n";
    *text += "| image | tags | runs |\n|---|---|---|\n";
    for (repository, tags) in repositories {
        let reference = ImageRef::parse(&format!("{repository}:{}", tags[0])).expect("a name of the catalogue");
        let runs = match catalogue.resolve(&reference) {
            Ok(image) => {
                let programs = image.programs().into_iter().filter(|(_, program)| program == "not-simulated");
                absent.extend(programs.filter_map(|(path, _)| Some(path.rsplit('/').next()?.to_string())));
                let words = [image.config.entrypoint.clone(), image.config.cmd.clone()].concat();
                if words.is_empty() { String::new() } else { format!("`{}`", cell(&words.join(" "))) }
            }
            Err(_) => "(can't be pulled)".into(),
        };
        let short = repository.trim_start_matches("docker.io/").trim_start_matches("library/");
        *text += &format!("| {short} | {} | {runs} |\n", tags.join(", "));
    }
    absent
}

fn kinds(text: &mut String) {
    *text += "\n## Kinds\n\nAll are decoded, defaulted, validated and printed. What nothing here acts on is kept as a value, and who \
        creates one is warned.\n\n| kind | version | if nothing acts on it: the warning |\n|---|---|---|\n";
    for kind in Kind::ALL {
        let group = if kind.group().is_empty() { String::new() } else { format!("{}/", kind.group()) };
        let why = warnings::not_simulated(*kind).unwrap_or_default();
        *text += &format!("| {} | {group}{} | {} |\n", kind.name(), kind.version(), cell(&why));
    }
}

#[test]
fn the_page_is_current() {
    let mut text = String::from(
        "# What is simulated\n\nMade of the product's own tables by `UPDATE=1 cargo test --test simulated`, which also checks that it \
         is current.\n\n",
    );
    programs(&mut text);
    let mut tail = String::new();
    let absent = images(&mut tail);
    refused(&mut text, &absent);
    text += &tail;
    kinds(&mut text);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/simulated.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, text).expect("writable");
        return;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(text.lines()).find(|(written, now)| written != now);
    assert!(written == text, "docs/simulated.md is not current; first difference: {differs:?}");
}
