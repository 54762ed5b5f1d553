//! apk of Alpine 3.22 (apk-tools 2.14): update, add, del, info, search.

use std::collections::BTreeSet;

use super::{
    catalogue::{Catalogue, Package, make_parents, text_of},
    fetch::{Failure, fetch},
};
use crate::{
    os::{Errno, OpenFlags, Proc},
    programs::util,
};

pub(super) const PACKAGES: &str = include_str!("alpine.txt");
/// Packages that an image begins with, and their size in KiB.
const BASE: (usize, u64) = (16, 7400);
const INSTALLED: &str = "/lib/apk/db/installed";
const WORLD: &str = "/etc/apk/world";
const REPOSITORIES: &str = "/etc/apk/repositories";
const USAGE: &str = "\
apk-tools 2.14.9, compiled for x86_64.

usage: apk [<OPTIONS>...] COMMAND [<ARGUMENTS>...]

Package installation and removal:
  add        Add packages to WORLD and commit changes
  del        Remove packages from WORLD and commit changes

System maintenance:
  update     Update repository indexes

Querying package information:
  info       Give detailed information about packages or repositories
  search     Search for packages by name or description
";

struct Apk {
    proc: Proc,
    catalogue: Catalogue,
    quiet: bool,
    no_cache: bool,
}

pub async fn main(proc: Proc) -> i32 {
    let argv = proc.argv();
    let (mut words, mut quiet, mut no_cache, mut update) = (Vec::new(), false, false, false);
    let mut args = argv.iter().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-q" | "--quiet" => quiet = true,
            "--no-cache" => no_cache = true,
            "-U" | "--update" | "--update-cache" => update = true,
            // They take a value.
            "-t" | "--virtual" | "-X" | "--repository" | "-p" | "--root" => {
                args.next();
            }
            option if option.starts_with('-') && option.len() > 1 => {}
            word => words.push(word),
        }
    }
    let Some((command, names)) = words.split_first() else {
        return if proc.print(USAGE).await.is_err() { 1 } else { i32::from(argv.len() < 2) };
    };
    let apk = Apk { catalogue: Catalogue::read(PACKAGES), quiet, no_cache, proc: proc.clone() };
    match *command {
        "update" => apk.update().await,
        "add" => apk.add(names, update).await,
        "del" => apk.del(names).await,
        "info" => apk.info(names).await,
        "search" => apk.search(names).await,
        other => util::fail(&proc, 1, &format!("apk: unrecognized command '{other}'")).await,
    }
}

/// A name without its version: `curl=8.14.1-r2`, `curl>8`, `curl@edge`.
fn bare(name: &str) -> &str {
    name.split(['=', '<', '>', '~', '@']).next().unwrap_or(name)
}

/// Sizes as apk shows them.
fn mebibytes(kib: u64) -> String {
    format!("{} MiB", kib.div_ceil(1024))
}

impl Apk {
    async fn say(&self, text: &str) {
        if !self.quiet {
            util::ignore(self.proc.print(text).await);
        }
    }

    /// The database is locked for changes: who may not write it hears so.
    async fn lock(&self) -> Result<(), i32> {
        make_parents(&self.proc, INSTALLED);
        let append = OpenFlags { truncate: false, ..OpenFlags::WRITE };
        match self.proc.open("/lib/apk/db/lock", append, 0o600) {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = format!(
                    "ERROR: Unable to lock database: {0}\nERROR: Failed to open apk database: {0}",
                    error.text()
                );
                Err(util::fail(&self.proc, 99, &text).await)
            }
        }
    }

    /// The names in the database.
    async fn installed(&self) -> BTreeSet<String> {
        let text = text_of(&self.proc, INSTALLED).await;
        text.lines().filter_map(|line| line.strip_prefix("P:")).map(str::to_owned).collect()
    }

    async fn repositories(&self) -> Vec<String> {
        let text = text_of(&self.proc, REPOSITORIES).await;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// Where a repository's index is kept.
    fn index(repository: &str) -> String {
        let hash =
            repository.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        format!("/var/cache/apk/APKINDEX.{hash:08x}.tar.gz")
    }

    /// Fetches the indexes that are missing, or all; says which repositories can be used.
    async fn refresh(&self, all: bool) -> (Vec<String>, usize) {
        let (mut usable, mut errors) = (Vec::new(), 0);
        for repository in self.repositories().await {
            let index = Apk::index(&repository);
            if !all && !self.no_cache && self.proc.stat(&index).is_ok() {
                usable.push(repository);
                continue;
            }
            let url = format!("{repository}/x86_64/APKINDEX.tar.gz");
            self.say(&format!("fetch {url}\n")).await;
            let size = if repository.ends_with("community") { 2_200_000 } else { 500_000 };
            match fetch(&self.proc, &url, size).await {
                Ok(()) => {
                    if !self.no_cache {
                        make_parents(&self.proc, &index);
                        // Without it the next command fetches again.
                        let _kept = self.proc.write_file(&index, b"\x1f\x8b").await;
                    }
                    usable.push(repository);
                }
                Err(failure) => {
                    errors += 1;
                    let text = format!("WARNING: updating and opening {repository}: {}\n", reason(&failure));
                    util::ignore(self.proc.eprint(&text).await);
                }
            }
        }
        (usable, errors)
    }

    async fn update(&self) -> i32 {
        if let Err(code) = self.lock().await {
            return code;
        }
        let (usable, errors) = self.refresh(true).await;
        for repository in &usable {
            let version = repository.rsplit('/').nth(1).unwrap_or_default();
            self.say(&format!("{version}.2-1-g0f2a7d5c [{repository}]\n")).await;
        }
        let count: usize = usable.iter().map(|r| if r.ends_with("community") { 20_443 } else { 5_816 }).sum();
        if errors > 0 {
            let text = format!("{errors} unavailable, 0 stale; {} distinct packages available\n", count + BASE.0);
            util::ignore(self.proc.eprint(&text).await);
            return i32::try_from(errors).unwrap_or(1);
        }
        self.say(&format!("OK: {count} distinct packages available\n")).await;
        0
    }

    async fn add(&self, names: &[&str], update: bool) -> i32 {
        if let Err(code) = self.lock().await {
            return code;
        }
        let (usable, _) = self.refresh(update).await;
        let installed = self.installed().await;
        let known = |name: &str| !usable.is_empty() && self.catalogue.get(name).is_some();
        let there = |name: &str| installed.contains(name);
        let missing: Vec<&str> =
            names.iter().map(|name| bare(name)).filter(|name| !known(name) && !there(name)).collect();
        if !missing.is_empty() {
            let mut text = String::from("ERROR: unable to select packages:\n");
            for name in &missing {
                text.push_str(&format!("  {name} (no such package):\n    required by: world[{name}]\n"));
            }
            util::ignore(self.proc.eprint(&text).await);
            return i32::try_from(missing.len()).unwrap_or(1);
        }
        let wanted: Vec<&str> = names.iter().map(|name| bare(name)).collect();
        let order = self.catalogue.closure(&wanted, true, &|package: &Package| there(package.name));
        let mut database = text_of(&self.proc, INSTALLED).await;
        for (index, package) in order.iter().enumerate() {
            self.say(&format!("({}/{}) Installing {} ({})\n", index + 1, order.len(), package.name, package.version))
                .await;
            let base = usable.iter().find(|r| r.ends_with(package.part)).or(usable.first());
            let url = format!("{}/x86_64/{}-{}.apk", base.map_or("", String::as_str), package.name, package.version);
            if let Err(failure) = fetch(&self.proc, &url, package.size).await {
                let text = format!("ERROR: {}-{}: {}\n", package.name, package.version, reason(&failure));
                util::ignore(self.proc.eprint(&text).await);
                return 1;
            }
            if let Err(error) = package.unpack(&self.proc).await {
                return self.broken(package, error).await;
            }
            database.push_str(&format!(
                "P:{}\nV:{}\nA:x86_64\nI:{}\n\n",
                package.name,
                package.version,
                package.installed << 10
            ));
        }
        if order.iter().any(|package| package.has_programs()) {
            self.say("Executing busybox-1.37.0-r18.trigger\n").await;
        }
        if order.iter().any(|package| package.name == "ca-certificates") {
            self.say("Executing ca-certificates-20250911-r0.trigger\n").await;
        }
        let mut world: BTreeSet<String> = text_of(&self.proc, WORLD).await.lines().map(str::to_owned).collect();
        world.extend(wanted.iter().map(|name| name.to_string()));
        self.finish(&database, &world).await
    }

    async fn broken(&self, package: &Package, error: Errno) -> i32 {
        let text = format!("ERROR: {}-{}: {}", package.name, package.version, error.text());
        util::fail(&self.proc, 1, &text).await
    }

    /// Writes the database and the list of what is wanted, and sums up.
    async fn finish(&self, database: &str, world: &BTreeSet<String>) -> i32 {
        let world: String = world.iter().map(|name| format!("{name}\n")).collect();
        let written = async {
            self.proc.write_file(INSTALLED, database.as_bytes()).await?;
            self.proc.write_file(WORLD, world.as_bytes()).await
        };
        if let Err(error) = written.await {
            return util::fail(&self.proc, 1, &format!("ERROR: Failed to write database: {}", error.text())).await;
        }
        let count = database.matches("P:").count();
        let sizes = database.lines().filter_map(|line| line.strip_prefix("I:")?.parse::<u64>().ok());
        let kib = BASE.1 + sizes.sum::<u64>() / 1024;
        self.say(&format!("OK: {} in {} packages\n", mebibytes(kib), BASE.0 + count)).await;
        0
    }

    async fn del(&self, names: &[&str]) -> i32 {
        if let Err(code) = self.lock().await {
            return code;
        }
        let installed = self.installed().await;
        let mut world: BTreeSet<String> = text_of(&self.proc, WORLD).await.lines().map(str::to_owned).collect();
        for name in names {
            world.remove(*name);
        }
        let wanted: Vec<&str> = world.iter().map(String::as_str).collect();
        let kept: BTreeSet<&str> = self.catalogue.closure(&wanted, true, &|_| false).iter().map(|p| p.name).collect();
        let gone: Vec<&Package> =
            installed.iter().filter_map(|name| self.catalogue.get(name)).filter(|p| !kept.contains(p.name)).collect();
        let mut database = text_of(&self.proc, INSTALLED).await;
        for (index, package) in gone.iter().enumerate() {
            self.say(&format!("({}/{}) Purging {} ({})\n", index + 1, gone.len(), package.name, package.version)).await;
            package.remove(&self.proc);
            let entry =
                format!("P:{}\nV:{}\nA:x86_64\nI:{}\n\n", package.name, package.version, package.installed << 10);
            database = database.replacen(&entry, "", 1);
        }
        if gone.iter().any(|package| package.has_programs()) {
            self.say("Executing busybox-1.37.0-r18.trigger\n").await;
        }
        self.finish(&database, &world).await
    }

    async fn info(&self, names: &[&str]) -> i32 {
        let installed = self.installed().await;
        if names.is_empty() {
            let text: String = installed.iter().map(|name| format!("{name}\n")).collect();
            return util::done(self.proc.print(&text).await);
        }
        let mut code = 0;
        for name in names {
            match self.catalogue.get(name).filter(|_| installed.contains(*name)) {
                Some(p) => {
                    let text = format!("{0}-{1} installed size:\n{2}\n\n", p.name, p.version, mebibytes(p.installed));
                    util::ignore(self.proc.print(&text).await);
                }
                None => code = 1,
            }
        }
        code
    }

    async fn search(&self, names: &[&str]) -> i32 {
        let (usable, _) = self.refresh(false).await;
        let matches = |package: &&Package| names.iter().all(|name| package.name.contains(name));
        let found = self.catalogue.iter().filter(matches).filter(|_| !usable.is_empty());
        let text: String = found.map(|package| format!("{}-{}\n", package.name, package.version)).collect();
        util::done(self.proc.print(&text).await)
    }
}

fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Resolve(_) => "temporary error (try again later)".into(),
        Failure::Connect(Errno::ECONNREFUSED) => "could not connect to server (check repositories file)".into(),
        Failure::Connect(_) => "network error (check Internet connection and firewall)".into(),
        Failure::TimedOut => "operation timed out".into(),
        Failure::Status(404, _) => "package not found".into(),
        Failure::Status(..) => "remote server returned error (try 'apk update')".into(),
    }
}
