//! What runs in a container or on the workstation: the shell, coreutils, process tools, network
//! tools, servers.
//!
//! Each submodule lists its programs in a static `TABLE`; [`Programs`] joins them and is the table a
//! [`crate::os::Machine`] looks executables up in. A program is an `async fn(Proc) -> i32` that
//! touches nothing but its `Proc`.
//!
//! The executable `busybox` is many programs in one: it takes the applet's name from `argv[0]` and
//! runs the same code in busybox' words ([`Flavour`]), or `busybox-NAME` where an applet is a
//! program of its own.

use std::{collections::BTreeMap, rc::Rc};

use futures_util::future::LocalBoxFuture;

use crate::os::{Proc, Program, ProgramTable, process::Footprint};

/// A line of a program table.
pub struct Entry {
    pub name: &'static str,
    /// One line for `help`.
    pub about: &'static str,
    pub main: fn(Proc, Context) -> LocalBoxFuture<'static, i32>,
}

/// Whose words a program speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavour {
    #[default]
    Gnu,
    Busybox,
}

/// What a program may want to know besides its process.
#[derive(Clone)]
pub struct Context {
    pub programs: Programs,
    pub flavour: Flavour,
    /// busybox' own version, as its usage texts say it.
    pub version: &'static str,
}

impl Context {
    /// How busybox' usage texts begin.
    pub fn banner(&self) -> String {
        format!("BusyBox v{} multi-call binary.\n", self.version)
    }

    /// busybox' version as numbers to compare: (1, 28).
    pub fn busybox(&self) -> (u32, u32) {
        let mut numbers = self.version.split('.').map(|number| number.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

/// The versions of busybox that images have: the program `busybox@VERSION`. The last is what `busybox` alone is.
pub const BUSYBOX_VERSIONS: &[&str] =
    &["1.24.2", "1.27.2", "1.28.4", "1.30.1", "1.31.1", "1.33.1", "1.34.1", "1.35.0", "1.36.1", "1.37.0"];

/// The version that a program's name says, if it is busybox.
fn busybox_version(name: &str) -> Option<&'static str> {
    match name.strip_prefix("busybox")? {
        "" => BUSYBOX_VERSIONS.last().copied(),
        version => BUSYBOX_VERSIONS.iter().find(|own| version.strip_prefix('@') == Some(own)).copied(),
    }
}

/// A line of a table: `entry!("cat", files::cat, "print files")`. With `ctx` before the function it
/// is called with the [`Context`] as well.
macro_rules! entry {
    ($name:literal, ctx $main:path, $about:literal) => {
        $crate::programs::Entry { name: $name, about: $about, main: |proc, ctx| Box::pin($main(proc, ctx)) }
    };
    ($name:literal, $main:path, $about:literal) => {
        $crate::programs::Entry { name: $name, about: $about, main: |proc, _| Box::pin($main(proc)) }
    };
}

pub mod coreutils;
pub mod load;
pub mod net;
pub mod packages;
pub mod procutils;
pub mod servers;
pub mod sh;
#[cfg(test)]
pub mod testing;
pub mod unsimulated;
pub mod util;

/// Completes the arguments of one program in the interactive shell.
pub trait Completer {
    /// Candidates for `words[index]`, of which `prefix` stands before the cursor. Each candidate is a
    /// whole word that begins with `prefix`.
    fn complete(
        &self,
        proc: &Proc,
        words: &[String],
        index: usize,
        prefix: &str,
    ) -> LocalBoxFuture<'static, Vec<String>>;
}

const TABLES: &[&[Entry]] = &[
    sh::TABLE,
    coreutils::TABLE,
    procutils::TABLE,
    net::TABLE,
    servers::TABLE,
    load::TABLE,
    packages::TABLE,
    unsimulated::TABLE,
];

/// Every program there is, with those that a machine adds on top. Cheap to clone.
#[derive(Clone)]
pub struct Programs(Rc<Inner>);

#[derive(Default)]
struct Inner {
    entries: BTreeMap<&'static str, &'static Entry>,
    extra: BTreeMap<String, (Program, String)>,
    completers: BTreeMap<String, Rc<dyn Completer>>,
}

impl Default for Programs {
    fn default() -> Programs {
        Programs::with(BTreeMap::new())
    }
}

impl Programs {
    /// The table with more programs by name; they win over the built-in ones.
    pub fn with(extra: BTreeMap<String, Program>) -> Programs {
        let extra = extra.into_iter().map(|(name, program)| (name, (program, String::new()))).collect();
        let entries = TABLES.iter().flat_map(|table| table.iter()).map(|entry| (entry.name, entry)).collect();
        Programs(Rc::new(Inner { entries, extra, completers: BTreeMap::new() }))
    }

    /// Gives an added program its line in `help`.
    pub fn describe(self, name: &str, about: &str) -> Programs {
        self.change(|inner| {
            if let Some((_, text)) = inner.extra.get_mut(name) {
                *text = about.to_string();
            }
        })
    }

    /// Completes the arguments of the program `name` with `completer`.
    pub fn with_completer(self, name: &str, completer: Rc<dyn Completer>) -> Programs {
        self.change(|inner| {
            inner.completers.insert(name.to_string(), completer);
        })
    }

    fn change(self, change: impl FnOnce(&mut Inner)) -> Programs {
        let mut inner = Rc::try_unwrap(self.0).unwrap_or_else(|shared| Inner {
            entries: shared.entries.clone(),
            extra: shared.extra.clone(),
            completers: shared.completers.clone(),
        });
        change(&mut inner);
        Programs(Rc::new(inner))
    }

    pub fn completer(&self, name: &str) -> Option<Rc<dyn Completer>> {
        self.0.completers.get(name).cloned()
    }

    /// Name and one-line description of each program, by name.
    pub fn list(&self) -> Vec<(String, String)> {
        let mut list: BTreeMap<String, String> = self
            .0
            .entries
            .values()
            .filter(|entry| !entry.name.starts_with("busybox-") && entry.name != "not-simulated")
            .map(|entry| (entry.name.to_string(), entry.about.to_string()))
            .collect();
        list.extend(self.0.extra.iter().map(|(name, (_, about))| (name.clone(), about.clone())));
        list.into_iter().collect()
    }

    /// The names of all programs, for an image that has everything in /bin.
    pub fn names(&self) -> Vec<String> {
        self.list().into_iter().map(|(name, _)| name).collect()
    }

    fn entry(&self, name: &str) -> Option<&'static Entry> {
        self.0.entries.get(name).copied()
    }
}

impl ProgramTable for Programs {
    fn get(&self, name: &str) -> Option<Program> {
        if let Some((program, _)) = self.0.extra.get(name) {
            return Some(program.clone());
        }
        let programs = self.clone();
        if let Some(version) = busybox_version(name) {
            let ctx = Context { programs, flavour: Flavour::Busybox, version };
            return Some(Rc::new(move |proc| busybox(proc, ctx.clone())));
        }
        let entry = self.entry(name)?;
        Some(Rc::new(move |proc| {
            (entry.main)(proc, Context { programs: programs.clone(), flavour: Flavour::default(), version: "" })
        }))
    }

    fn footprint(&self, name: &str) -> Footprint {
        footprint(name)
    }
}

/// What programs have in memory while they idle: private, shared, address space, in KiB. Estimates, of the
/// size that such programs usually have.
fn footprint(name: &str) -> Footprint {
    match name {
        _ if name.starts_with("busybox") => Footprint::kib(140, 900, 4400),
        "bash" => Footprint::kib(1300, 2400, 4600),
        "dash" | "sh" => Footprint::kib(160, 1400, 2600),
        "nginx" => Footprint::kib(1900, 5600, 11_600),
        "node" => Footprint::kib(24_600, 31_000, 590_000),
        "envoy" => Footprint::kib(22_000, 34_000, 2_200_000),
        // Go programs.
        "agnhost" => Footprint::kib(5200, 12_400, 1_270_000),
        "http-server" => Footprint::kib(2900, 4100, 1_230_000),
        "vish-stress" => Footprint::kib(1700, 2300, 8600),
        "curl" | "wget" => Footprint::kib(1500, 6500, 22_000),
        "pause" => Footprint::kib(130, 560, 1020),
        "stress-ng" => Footprint::kib(2100, 4300, 43_000),
        "grep" | "sed" | "awk" | "find" | "ps" | "top" => Footprint::kib(300, 2300, 6800),
        _ => Footprint::default(),
    }
}

/// Runs the applet that `argv[0]` names, or `argv[1]` when called as `busybox`.
fn busybox(proc: Proc, ctx: Context) -> LocalBoxFuture<'static, i32> {
    let argv = proc.argv();
    let called = argv.first().map(|name| util::file_name(name.trim_start_matches('-'))).unwrap_or_default();
    if called == "busybox" {
        let Some(applet) = argv.get(1) else {
            let text = ctx.banner() + "\nUsage: busybox [function [arguments]...]\n";
            return Box::pin(async move { util::done(proc.print(&text).await) });
        };
        let unknown = format!("{applet}: applet not found");
        return Box::pin(async move {
            match proc.exec(&proc.argv()[1..], proc.environ()).await {
                Ok(code) => code,
                Err(_) => util::fail(&proc, 127, &unknown).await,
            }
        });
    }
    let own = ctx.programs.entry(&format!("busybox-{called}"));
    match own.or_else(|| ctx.programs.entry(if called == "sh" { "ash" } else { called })) {
        Some(entry) => (entry.main)(proc, ctx),
        None => {
            let (code, text) = match unsimulated::APPLETS.contains(&called) {
                true => (1, format!("{called}: this program is not simulated")),
                false => (127, format!("{called}: applet not found")),
            };
            Box::pin(async move { util::fail(&proc, code, &text).await })
        }
    }
}
