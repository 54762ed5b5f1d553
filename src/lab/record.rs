//! What was done to a laboratory, and when: a tree of inputs, whose paths are the branches.
//!
//! With its config a record is all there is to know of a laboratory: every state on every branch follows from it.
//! Entries are never changed or removed, so an entry's number tells all that went before it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Config, Input, NodeSize, ORIGIN};
use crate::sim::SimTime;

const VERSION: u64 = 1;

/// An input and what came before it.
#[derive(Clone, Debug)]
pub struct Entry {
    before: Option<usize>,
    pub at: SimTime,
    pub input: Input,
    /// What it is called, if it changed the cluster.
    pub title: Option<String>,
}

/// One course of things.
#[derive(Clone, Debug)]
pub struct Branch {
    pub name: String,
    /// The branch that it left, and when.
    pub parent: Option<usize>,
    pub from: SimTime,
    /// As far as it has been lived.
    pub end: SimTime,
    /// How things stood when it was last left.
    pub outcome: String,
    last: Option<usize>,
    /// It undoes something of that branch.
    pub(super) undoes: Option<usize>,
    /// The inputs that it had when it began.
    pub(super) inherited: usize,
    /// It came to nothing.
    pub gone: bool,
}

/// All branches of a laboratory.
#[derive(Clone, Debug)]
pub struct Record {
    pub(super) config: Config,
    entries: Vec<Entry>,
    branches: Vec<Branch>,
    current: usize,
    /// The current branch's entries.
    path: Vec<usize>,
}

impl Record {
    pub fn new(config: Config) -> Record {
        let first = Branch {
            name: "As it began".into(),
            parent: None,
            from: ORIGIN,
            end: ORIGIN,
            outcome: String::new(),
            last: None,
            undoes: None,
            inherited: 0,
            gone: false,
        };
        Record { config, entries: Vec::new(), branches: vec![first], current: 0, path: Vec::new() }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn branches(&self) -> &[Branch] {
        &self.branches
    }

    pub fn current(&self) -> usize {
        self.current
    }

    pub fn branch(&self) -> &Branch {
        // There is always a current one.
        &self.branches[self.current]
    }

    pub(super) fn branch_mut(&mut self) -> &mut Branch {
        &mut self.branches[self.current]
    }

    /// The current branch's inputs, oldest first.
    pub fn inputs(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.path.iter().map(|id| &self.entries[*id])
    }

    pub(super) fn on_path(&self, index: usize) -> Option<(usize, &Entry)> {
        let id = *self.path.get(index)?;
        Some((id, &self.entries[id]))
    }

    pub(super) fn len(&self) -> usize {
        self.path.len()
    }

    /// Adds an input to the current branch.
    pub(super) fn push(&mut self, at: SimTime, input: Input) -> usize {
        let id = self.entries.len();
        self.entries.push(Entry { before: self.path.last().copied(), at, input, title: None });
        self.path.push(id);
        let branch = self.branch_mut();
        branch.last = Some(id);
        branch.end = branch.end.max(at);
        id
    }

    pub(super) fn name_entry(&mut self, id: usize, title: String) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.title = Some(title);
        }
    }

    /// Leaves the current branch after its first `inputs` inputs, at `from`.
    pub(super) fn fork(&mut self, inputs: usize, from: SimTime, name: String) {
        self.path.truncate(inputs);
        let branch = Branch {
            name,
            parent: Some(self.current),
            from,
            end: from,
            outcome: String::new(),
            last: self.path.last().copied(),
            undoes: None,
            inherited: inputs,
            gone: false,
        };
        self.current = self.branches.len();
        self.branches.push(branch);
    }

    /// False if there is no such branch.
    pub(super) fn switch(&mut self, to: usize) -> bool {
        let Some(branch) = self.branches.get_mut(to) else { return false };
        branch.gone = false;
        self.current = to;
        self.follow();
        true
    }

    pub(super) fn drop_branch(&mut self, index: usize) {
        if let Some(branch) = self.branches.get_mut(index) {
            branch.gone = true;
        }
    }

    fn follow(&mut self) {
        self.path = self.path_of(self.branch().last);
    }

    /// The entries up to one, oldest first.
    fn path_of(&self, last: Option<usize>) -> Vec<usize> {
        let before = |id: &usize| self.entries.get(*id).and_then(|entry| entry.before);
        let mut path: Vec<usize> = std::iter::successors(last, before).collect();
        path.reverse();
        path
    }

    /// How many inputs two branches have in common. None of those of a branch that isn't there.
    pub(super) fn common(&self, a: usize, b: usize) -> usize {
        let path = |i: usize| self.branches.get(i).map(|branch| self.path_of(branch.last)).unwrap_or_default();
        path(a).iter().zip(path(b)).take_while(|(a, b)| *a == b).count()
    }

    /// As text, to be kept. What isn't of a person's choosing in the config is left out.
    pub fn to_json(&self) -> String {
        let entry = |e: &Entry| {
            let mut value = input_to_json(&e.input);
            value.splice(0..0, [json!(e.before), json!(e.at.as_nanos()), json!(e.title)]);
            Value::Array(value)
        };
        let branch = |b: &Branch| {
            json!([
                b.name,
                b.parent,
                b.from.as_nanos(),
                b.end.as_nanos(),
                b.outcome,
                b.last,
                b.undoes,
                b.inherited,
                b.gone
            ])
        };
        let files = |(path, data): (&String, &Vec<u8>)| (path.clone(), Value::String(chars(data)));
        json!({
            "version": VERSION,
            "seed": self.config.seed,
            "workers": self.config.workers,
            "node": [self.config.node.cpu_millis, self.config.node.memory_bytes, self.config.node.pods],
            "files": self.config.files.iter().map(files).collect::<serde_json::Map<_, _>>(),
            "entries": self.entries.iter().map(entry).collect::<Vec<_>>(),
            "branches": self.branches.iter().map(branch).collect::<Vec<_>>(),
            "current": self.current,
        })
        .to_string()
    }

    /// What [`Record::to_json`] wrote; `None` if it is anything else.
    pub fn from_json(text: &str) -> Option<Record> {
        let value: Value = serde_json::from_str(text).ok()?;
        if value["version"].as_u64()? != VERSION {
            return None;
        }
        let mut config = Config { seed: value["seed"].as_u64()?, ..Config::default() };
        config.workers = index(&value["workers"])?.min(5000);
        config.node.cpu_millis = value["node"][0].as_u64()?;
        config.node.memory_bytes = value["node"][1].as_u64()?;
        config.node.pods = u32::try_from(value["node"][2].as_u64()?).ok()?;
        let file = |(path, data): (&String, &Value)| Some((path.clone(), bytes(data)?));
        config.files = value["files"].as_object()?.iter().map(file).collect::<Option<BTreeMap<_, _>>>()?;
        let mut record = Record::new(config);
        record.branches.clear();
        for e in value["entries"].as_array()? {
            let before = optional(&e[0]);
            let at = SimTime::from_nanos(e[1].as_u64()?);
            let earlier = before.map(|id| record.entries.get(id).map(|e| e.at));
            // Each comes after an earlier one, in time too.
            if earlier.is_some_and(|earlier| earlier.is_none_or(|earlier| earlier > at)) || at < ORIGIN {
                return None;
            }
            let title = e[2].as_str().map(str::to_string);
            record.entries.push(Entry { before, at, input: input_from_json(e.as_array()?.get(3..)?)?, title });
        }
        let (count, branches) = (record.entries.len(), value["branches"].as_array()?);
        for b in branches {
            let last = optional(&b[5]);
            let (parent, undoes) = (optional(&b[1]), optional(&b[6]));
            let known = |i: Option<usize>| i.is_none_or(|i| i < branches.len());
            if last.is_some_and(|last| last >= count) || !known(parent) || !known(undoes) {
                return None;
            }
            let end = last.map_or(ORIGIN, |last| record.entries[last].at);
            record.branches.push(Branch {
                name: b[0].as_str()?.into(),
                parent,
                from: SimTime::from_nanos(b[2].as_u64()?),
                end: SimTime::from_nanos(b[3].as_u64()?).max(end),
                outcome: b[4].as_str()?.into(),
                last,
                undoes,
                inherited: index(&b[7])?,
                gone: b[8].as_bool()?,
            });
        }
        record.switch(index(&value["current"])?).then_some(record)
    }
}

fn index(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

fn optional(value: &Value) -> Option<usize> {
    // What is no number is none; whether the number is right, the caller sees.
    index(value)
}

/// A character for each byte: any bytes go through, and a browser keeps them without growth.
fn chars(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    value.as_str()?.chars().map(|c| u8::try_from(c).ok()).collect()
}

fn input_to_json(input: &Input) -> Vec<Value> {
    let Value::Array(value) = (match input {
        Input::Type(data) => json!(["type", chars(data)]),
        Input::Resize { columns, rows } => json!(["resize", columns, rows]),
        Input::WriteFile { path, data } => json!(["write", path, chars(data)]),
        Input::EditFile { path, at, removed, data } => json!(["edit", path, at, removed, chars(data)]),
        Input::RemoveFile { path } => json!(["remove", path]),
        Input::RenameFile { from, to } => json!(["rename", from, to]),
        Input::Apply { path } => json!(["apply", path]),
        Input::Command(line) => json!(["command", line]),
        Input::StopNode(name) => json!(["stop", name]),
        Input::StartNode(name) => json!(["start", name]),
        Input::ResizeNode { name, size } => {
            json!(["resize-node", name, size.cpu_millis, size.memory_bytes, size.pods])
        }
        Input::Internet(on) => json!(["internet", on]),
    }) else {
        return Vec::new();
    };
    value
}

fn input_from_json(value: &[Value]) -> Option<Input> {
    let text = |i: usize| Some(value.get(i)?.as_str()?.to_string());
    let data = |i: usize| bytes(value.get(i)?);
    let short = |i: usize| u16::try_from(value.get(i)?.as_u64()?).ok();
    Some(match value.first()?.as_str()? {
        "type" => Input::Type(data(1)?),
        "resize" => Input::Resize { columns: short(1)?, rows: short(2)? },
        "write" => Input::WriteFile { path: text(1)?, data: data(2)? },
        "edit" => Input::EditFile {
            path: text(1)?,
            at: index(value.get(2)?)?,
            removed: index(value.get(3)?)?,
            data: data(4)?,
        },
        "remove" => Input::RemoveFile { path: text(1)? },
        "rename" => Input::RenameFile { from: text(1)?, to: text(2)? },
        "apply" => Input::Apply { path: text(1)? },
        "command" => Input::Command(text(1)?),
        "stop" => Input::StopNode(text(1)?),
        "start" => Input::StartNode(text(1)?),
        "resize-node" => Input::ResizeNode {
            name: text(1)?,
            size: NodeSize {
                cpu_millis: value.get(2)?.as_u64()?,
                memory_bytes: value.get(3)?.as_u64()?,
                pods: u32::try_from(value.get(4)?.as_u64()?).ok()?,
            },
        },
        "internet" => Input::Internet(value.get(1)?.as_bool()?),
        _ => return None,
    })
}

impl Input {
    /// What it is called, if it needs no screen to tell.
    pub fn title(&self) -> Option<String> {
        Some(match self {
            Input::Apply { path } => format!("kubectl apply -f {path}"),
            Input::Command(line) => line.clone(),
            Input::StopNode(name) => format!("Stop {name}"),
            Input::StartNode(name) => format!("Start {name}"),
            Input::ResizeNode { name, size: NodeSize { cpu_millis, memory_bytes, pods } } => {
                let (cpus, memory) = (*cpu_millis as f64 / 1000.0, *memory_bytes as f64 / f64::from(1u32 << 30));
                format!("Resize {name}: {cpus} CPU, {memory}Gi, {pods} pods")
            }
            Input::Internet(on) => format!("Internet {}", if *on { "on" } else { "off" }),
            Input::WriteFile { path, .. } | Input::EditFile { path, .. } => format!("Edit {path}"),
            Input::RemoveFile { path } => format!("Delete {path}"),
            Input::RenameFile { from, to } => format!("Rename {from} to {to}"),
            Input::Type(_) | Input::Resize { .. } => return None,
        })
    }

    /// A line was finished with it.
    pub(super) fn is_enter(&self) -> bool {
        matches!(self, Input::Type(data) if data.iter().any(|b| matches!(b, b'\r' | b'\n')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let mut record = Record::new(Config::introduction());
        let at = |seconds| ORIGIN + std::time::Duration::from_secs(seconds);
        record.push(at(1), Input::Resize { columns: 80, rows: 24 });
        record.push(at(1), Input::Type("ä\x1b[A".into()));
        let apply = record.push(at(2), Input::Apply { path: "a b.yaml".into() });
        record.name_entry(apply, "kubectl apply -f 'a b.yaml'".into());
        record.push(at(3), Input::WriteFile { path: "x".into(), data: vec![0, 255, b'"'] });
        record.fork(2, at(2), "Edit x".into());
        record.push(at(4), Input::EditFile { path: "x".into(), at: 1, removed: 2, data: b"y".to_vec() });
        record.push(at(4), Input::RemoveFile { path: "x".into() });
        record.push(at(4), Input::RenameFile { from: "y".into(), to: "z".into() });
        record.push(at(5), Input::StopNode("n".into()));
        record.push(at(5), Input::StartNode("n".into()));
        record.push(at(5), Input::ResizeNode { name: "n".into(), size: NodeSize::default() });
        record
    }

    #[test]
    fn a_record_outlives_its_tab() {
        let before = record();
        let mut after = Record::from_json(&before.to_json()).expect("readable");
        assert_eq!(format!("{after:?}"), format!("{before:?}"));
        assert!(after.switch(0));
        let said: Vec<_> = after.inputs().map(|e| e.title.clone().or(e.input.title())).collect();
        assert_eq!(said, [None, None, Some("kubectl apply -f 'a b.yaml'".into()), Some("Edit x".into())]);
        assert!(!after.switch(2));
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let good: Value = serde_json::from_str(&record().to_json()).expect("JSON");
        for (path, wrong) in [
            ("/version", json!(9)),
            ("/current", json!(7)),
            ("/entries/0/1", json!(3)),
            ("/entries/1/0", json!(99)),
            ("/entries/1/3", json!("dance")),
            ("/entries/1/4", json!("ā")),
            ("/branches/0/5", json!(99)),
            ("/branches/1/1", json!(99)),
            ("/branches", json!([])),
            ("/files", json!(null)),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(path).expect(path) = wrong;
            assert!(Record::from_json(&bad.to_string()).is_none(), "{path}");
        }
        assert!(Record::from_json("").is_none());
    }
}
