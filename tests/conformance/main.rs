//! Upstream's own cases, run through the functions that the product uses.
//!
//! Every table (`*.json`) of the directory `PODARIUM_CASES`, or of this one, is run, case by case. `PODARIUM_CASES_ONLY`
//! names the tables to run, with commas between them; `TABLE:ID` runs the cases whose ids begin so and tells the whole
//! texts. What the product can't do stands in `known-gaps.txt`: the run fails when another case fails, and when one of those
//! passes. A panic is a failure of its case. With `PODARIUM_CASES_TELL` recorded commands without an expectation are told.

mod gaps;
mod kubectl;
mod kubelet;
mod neighbours;
mod pods;
mod printing;
mod scheduler;
mod timelines;
mod validation;
mod values;
mod write_path;

use std::{
    cell::RefCell,
    fmt::Debug,
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use serde_json::Value;

/// One file of cases.
pub struct Table {
    pub name: String,
    /// The whole file, but for its cases.
    pub head: Value,
    pub cases: Vec<Value>,
}

/// What a case gave.
pub type Outcome = Result<(), Failure>;

pub struct Failure {
    pub expected: String,
    pub got: String,
}

impl Failure {
    pub fn new(expected: impl Into<String>, got: impl Into<String>) -> Failure {
        Failure { expected: expected.into(), got: got.into() }
    }

    /// A case that can't be run.
    pub fn not_run(why: impl Into<String>) -> Failure {
        Failure::new("", why)
    }
}

/// The parts that most cases have; null where one is missing.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub all: &'a Value,
    pub id: &'a str,
    pub test: &'a str,
    pub name: &'a str,
    pub input: &'a Value,
    pub expected: &'a Value,
}

impl<'a> Case<'a> {
    pub fn new(all: &'a Value) -> Case<'a> {
        let text = |key: &str| all[key].as_str().unwrap_or_default();
        Case {
            all,
            id: text("id"),
            test: text("test"),
            name: text("name"),
            input: &all["input"],
            expected: &all["expected"],
        }
    }
}

/// Runs the cases, which don't know of each other, on all processors.
pub fn each(table: &Table, run: impl Fn(Case) -> Outcome + Sync) -> Vec<Outcome> {
    const STACK: usize = 16 << 20;
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let Some(case) = table.cases.get(at)
        {
            done.push((at, guarded(|| run(Case::new(case)))));
        }
        done
    };
    let mut outcomes = thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, |count| count.get());
        let start = |_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let started: Vec<_> = (0..threads).map(start).collect();
        let ended = started.into_iter().flatten().map(|thread| thread.join().unwrap_or_default());
        ended.flatten().collect::<Vec<_>>()
    });
    outcomes.sort_by_key(|(at, _)| *at);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Makes a panic a failure.
pub fn guarded(run: impl FnOnce() -> Outcome) -> Outcome {
    thread_local!(static PLACE: RefCell<String> = const { RefCell::new(String::new()) });
    panic::set_hook(Box::new(|info| PLACE.with(|place| *place.borrow_mut() = info.to_string())));
    panic::catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(Failure::not_run(PLACE.with(|place| place.borrow().clone()))))
}

/// Whether what we got is what was expected.
pub fn same<T: PartialEq + Debug>(got: T, expected: T) -> Outcome {
    if got == expected { Ok(()) } else { Err(Failure::new(format!("{expected:?}"), format!("{got:?}"))) }
}

/// A kind of case that isn't known.
pub fn unknown(kind: &str) -> Outcome {
    Err(Failure::not_run(format!("unknown kind of case: {kind:?}")))
}

/// The field that a table belongs to says what becomes of its cases, one for one; `None` for an unknown table.
fn run(table: &Table) -> Option<Vec<Outcome>> {
    let (field, _) = table.name.split_once('_')?;
    Some(match field {
        "a" | "a2" => printing::run(table),
        "c" | "d" | "i" | "j" | "m" => values::run(table),
        "g" | "h" => pods::run(table),
        "k0" | "k" | "k2" => validation::run(table),
        "s" | "s2" | "w" => write_path::run(table),
        "e" | "l" => scheduler::run(table),
        "b" | "f" | "f2" | "h2" | "n" | "o" => kubelet::run(table),
        "p" | "q" | "r" | "t" | "u" | "v" => kubectl::run(table),
        "x" => timelines::run(table),
        _ => return None,
    })
}

/// A part of what `PODARIUM_CASES_ONLY` asks for.
struct Only {
    table: String,
    case: Option<String>,
}

fn read(path: &Path, only: &[Only]) -> Result<Table, String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut head: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let Value::Array(mut cases) = head["cases"].take() else { return Err("no list of cases".into()) };
    let wanted = |case: &Value| {
        let id = case["id"].as_str().unwrap_or_default();
        let of_table = |only: &&Only| only.table == name;
        only.is_empty()
            || only
                .iter()
                .filter(of_table)
                .any(|only| only.case.as_ref().is_none_or(|case| id.starts_with(case.as_str())))
    };
    // Cases of one story follow each other: one can't be run without those before.
    if !matches!(name.split('_').next(), Some("u" | "v")) {
        cases.retain(wanted);
    }
    Ok(Table { name, head, cases })
}

/// One line, cut where it grows too long to read.
fn bounded(text: &str, limit: usize) -> String {
    let text = text.replace('\n', "\\n");
    if text.chars().count() <= limit { text } else { text.chars().take(limit).collect::<String>() + "…" }
}

fn main() -> ExitCode {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let directory = std::env::var_os("PODARIUM_CASES").map_or_else(|| own.clone(), PathBuf::from);
    let only: Vec<Only> = std::env::var("PODARIUM_CASES_ONLY")
        .unwrap_or_default()
        .split(',')
        .filter(|part| !part.is_empty())
        .map(|part| match part.split_once(':') {
            Some((table, case)) => Only { table: table.into(), case: Some(case.into()) },
            None => Only { table: part.into(), case: None },
        })
        .collect();
    let limits = if only.iter().any(|only| only.case.is_some()) { (usize::MAX, usize::MAX) } else { (60, 400) };
    let mut gaps = match gaps::Gaps::read(&own.join("known-gaps.txt")) {
        Ok(gaps) => gaps,
        Err(error) => {
            println!("known-gaps.txt: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut files: Vec<PathBuf> = match fs::read_dir(&directory) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) => {
            println!("{}: {error}", directory.display());
            return ExitCode::FAILURE;
        }
    };
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let (mut passed, mut failed, mut wrong) = (0, 0, Vec::new());
    for path in files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !only.is_empty() && !only.iter().any(|only| only.table == name) {
            continue;
        }
        let table = match read(&path, &only) {
            Ok(table) => table,
            Err(error) => {
                println!("{name}: 0 passed, 1 failed\n  {error}");
                failed += 1;
                wrong.push(format!("{name} can't be read"));
                continue;
            }
        };
        let outcomes =
            run(&table).unwrap_or_else(|| table.cases.iter().map(|_| Err(Failure::not_run("unknown table"))).collect());
        let good = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        // A case without an outcome has failed.
        let bad = table.cases.len().max(outcomes.len()) - good;
        println!("{name}: {good} passed, {bad} failed");
        (passed, failed) = (passed + good, failed + bad);
        let mut listed = 0;
        for (at, case) in table.cases.iter().enumerate() {
            let case = Case::new(case);
            let outcome = outcomes.get(at);
            let known = gaps.met(&name, case.id, matches!(outcome, Some(Ok(()))));
            let failure = match outcome {
                Some(Ok(())) => continue,
                Some(Err(failure)) => failure,
                None => &Failure::not_run("no outcome"),
            };
            if !known {
                wrong.push(format!("{name} {}", case.id));
            }
            listed += 1;
            if listed > limits.0 {
                continue;
            }
            let (title, mark) = (if case.name.is_empty() { "" } else { ": " }, if known { " (known gap)" } else { "" });
            println!("  {}{title}{}{mark}", case.id, bounded(case.name, 120));
            if !failure.expected.is_empty() {
                println!("    expected {}", bounded(&failure.expected, limits.1));
            }
            println!("    got      {}", bounded(&failure.got, limits.1));
        }
        if listed > limits.0 {
            println!("  and {} more", listed - limits.0);
        }
    }
    let closed = gaps.closed();
    for gap in &closed {
        println!("known gap passes: {gap}");
    }
    if !wrong.is_empty() {
        println!("{} failed that are no known gaps: {}", wrong.len(), bounded(&wrong.join(", "), 2000));
    }
    println!("conformance: {passed} passed, {failed} failed");
    if wrong.is_empty() && closed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
