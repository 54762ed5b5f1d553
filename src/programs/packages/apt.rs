//! apt-get and apt of Debian 12 and Ubuntu: update, install, remove, upgrade, clean. Packages are Debian 12's; Ubuntu's
//! are taken to be the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    catalogue::{Catalogue, Package, make_parents, text_of},
    fetch::{Failure, fetch},
};
use crate::{
    os::{Errno, OpenFlags, Proc},
    programs::{
        net::resolve::Trouble,
        util::{self, Lines},
    },
};

pub(super) const PACKAGES: &str = include_str!("debian.txt");
const STATUS: &str = "/var/lib/dpkg/status";
const LISTS: &str = "/var/lib/apt/lists";
/// dpkg's count in a new image.
const FILES: usize = 6089;
const WIDTH: usize = 77;
const UNSTABLE: &str = "\nWARNING: apt does not have a stable CLI interface. Use with caution in scripts.\n\n";

/// A part of an archive: where it is, what it is called, and the bytes of its Release file and its list of packages.
struct Suite {
    part: &'static str,
    url: &'static str,
    name: &'static str,
    release: u64,
    packages: u64,
}

const DEBIAN: [Suite; 3] = [
    Suite { part: "b", url: "http://deb.debian.org/debian", name: "bookworm", release: 151_000, packages: 8_793_000 },
    Suite { part: "u", url: "http://deb.debian.org/debian", name: "bookworm-updates", release: 55_400, packages: 6924 },
    Suite {
        part: "s",
        url: "http://deb.debian.org/debian-security",
        name: "bookworm-security",
        release: 48_000,
        packages: 280_000,
    },
];
const UBUNTU: [Suite; 3] = [
    Suite { part: "b", url: "http://archive.ubuntu.com/ubuntu", name: "noble", release: 256_000, packages: 1_808_000 },
    Suite {
        part: "u",
        url: "http://archive.ubuntu.com/ubuntu",
        name: "noble-updates",
        release: 126_000,
        packages: 1_637_000,
    },
    Suite {
        part: "s",
        url: "http://security.ubuntu.com/ubuntu",
        name: "noble-security",
        release: 126_000,
        packages: 1_310_000,
    },
];

struct Apt {
    proc: Proc,
    catalogue: Catalogue,
    suites: &'static [Suite],
    /// 0: all; 1: `-q`; 2: `-qq`, errors only.
    quiet: u32,
    yes: bool,
    recommends: bool,
    simulate: bool,
}

pub async fn main(proc: Proc) -> i32 {
    let argv = proc.argv();
    let (mut words, mut quiet, mut yes, mut recommends, mut simulate) = (Vec::new(), 0, false, true, false);
    let mut args = argv.iter().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-y" | "--yes" | "--assume-yes" => yes = true,
            "-q" | "--quiet" => quiet += 1,
            "-s" | "--simulate" | "--dry-run" => simulate = true,
            "--no-install-recommends" => recommends = false,
            "-o" | "-t" | "-c" => {
                args.next();
            }
            long if long.starts_with("--") => {}
            short if short.starts_with('-') && short.len() > 1 => {
                for letter in short.chars().skip(1) {
                    match letter {
                        'y' => yes = true,
                        'q' => quiet += 1,
                        's' => simulate = true,
                        _ => {}
                    }
                }
            }
            word => words.push(word.to_string()),
        }
    }
    let name = util::program_name(&proc);
    let Some((command, names)) = words.split_first() else {
        return util::done(proc.print(&format!("apt 2.6.1 (amd64)\nUsage: {name} [options] command\n")).await);
    };
    // As apt-get has it: quiet twice means yes.
    let yes = yes || quiet > 1;
    let text = text_of(&proc, "/etc/os-release").await;
    let suites = if text.lines().any(|line| line == "ID=ubuntu") { &UBUNTU } else { &DEBIAN };
    if name == "apt" && proc.stdout().tty().is_none() {
        util::ignore(proc.eprint(UNSTABLE).await);
    }
    let apt =
        Apt { catalogue: Catalogue::read(PACKAGES), suites, quiet, yes, recommends, simulate, proc: proc.clone() };
    match command.as_str() {
        "update" => apt.update().await,
        "install" => apt.install(names).await,
        "remove" | "purge" => apt.remove(names).await,
        "upgrade" | "dist-upgrade" | "full-upgrade" | "autoremove" => apt.install(&[]).await,
        "clean" | "autoclean" => 0,
        other => util::fail(&proc, 100, &format!("E: Invalid operation {other}")).await,
    }
}

/// As apt shows amounts of bytes: `38.3 k`, `2130 k`, `756 `.
fn amount(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["", "k", "M", "G"] {
        if value < 100.0 && !unit.is_empty() {
            return format!("{value:.1} {unit}");
        }
        if value < 10_000.0 {
            return format!("{value:.0} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} T")
}

/// A headline and names beneath it, as wide as a terminal.
fn list(title: &str, names: impl IntoIterator<Item = String>) -> String {
    let (mut text, mut used) = (String::new(), 0);
    for name in names {
        if text.is_empty() {
            text.push_str(&format!("{title}\n  "));
        } else if used + name.len() >= WIDTH {
            text.push_str("\n  ");
            used = 0;
        } else {
            text.push(' ');
        }
        used += name.len() + 1;
        text.push_str(&name);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

impl Package {
    fn qualified(&self) -> String {
        if self.multi { format!("{}:{}", self.name, self.architecture) } else { self.name.into() }
    }

    fn file(&self) -> String {
        format!("{}_{}_{}.deb", self.name, self.version.replace(':', "%3a"), self.architecture)
    }
}

impl Apt {
    async fn say(&self, text: &str) {
        if self.quiet < 2 {
            util::ignore(self.proc.print(text).await);
        }
    }

    /// Progress that ends with `Done` on a terminal.
    async fn step(&self, what: &str) {
        let done = if self.quiet == 0 && self.proc.stdout().tty().is_some() { " Done" } else { "" };
        self.say(&format!("{what}...{done}\n")).await;
    }

    async fn reading(&self) {
        for what in ["Reading package lists", "Building dependency tree", "Reading state information"] {
            self.step(what).await;
        }
    }

    fn list_file(suite: &Suite) -> String {
        let place = suite.url.trim_start_matches("http://").replace('/', "_");
        format!("{LISTS}/{place}_dists_{}_InRelease", suite.name)
    }

    async fn error(&self, code: i32, text: &str) -> i32 {
        util::fail(&self.proc, code, text).await
    }

    /// Fetches as apt does, three times more if names can't be found. `told` is what a line says of the file.
    async fn get(&self, number: usize, told: &str, url: &str, size: u64, hit: bool) -> Result<(), String> {
        for retry in 0..4 {
            let failure = match fetch(&self.proc, url, if hit { 0 } else { size }).await {
                Ok(()) => {
                    let text = if hit {
                        format!("Hit:{number} {told}\n")
                    } else {
                        format!("Get:{number} {told} [{}B]\n", amount(size))
                    };
                    self.say(&text).await;
                    return Ok(());
                }
                Err(failure) => failure,
            };
            let host = url.split('/').nth(2).unwrap_or_default();
            let why = match &failure {
                Failure::Resolve(Trouble::Unknown) => format!("Could not resolve '{host}'"),
                Failure::Resolve(Trouble::TryAgain) => format!("Temporary failure resolving '{host}'"),
                Failure::Connect(error) => {
                    format!("Could not connect to {host}:80. - connect ({}: {})", error.number(), error.text())
                }
                Failure::TimedOut => format!("Could not connect to {host}:80, connection timed out"),
                Failure::Status(status, reason) => format!("{status}  {reason}"),
            };
            if retry == 3 || matches!(failure, Failure::Status(..)) {
                self.say(&format!("Err:{number} {told}\n  {why}\n")).await;
                return Err(why);
            }
            self.say(&format!("Ign:{number} {told}\n")).await;
        }
        Ok(())
    }

    /// Opens a lock file; tells why it can't.
    async fn lock(&self, path: &str, more: &str) -> Result<(), i32> {
        make_parents(&self.proc, path);
        let append = OpenFlags { truncate: false, ..OpenFlags::WRITE };
        let Err(error) = self.proc.open(path, append, 0o640) else { return Ok(()) };
        if error == Errno::EROFS && path.starts_with(LISTS) {
            let text = format!("E: List directory {LISTS}/partial is missing. - Acquire (30: Read-only file system)");
            return Err(self.error(100, &text).await);
        }
        let text =
            format!("E: Could not open lock file {path} - open ({}: {})\nE: {more}", error.number(), error.text());
        Err(self.error(100, &text).await)
    }

    async fn update(&self) -> i32 {
        if self.proc.uid() != 0 {
            self.step("Reading package lists").await;
        }
        if let Err(code) = self.lock(&format!("{LISTS}/lock"), &format!("Unable to lock directory {LISTS}/")).await {
            return code;
        }
        let begun = self.proc.sim().now();
        let (mut number, mut fetched, mut failed) = (0, 0, Vec::new());
        let mut fresh = Vec::new();
        for suite in self.suites {
            number += 1;
            let told = format!("{} {} InRelease", suite.url, suite.name);
            let url = format!("{}/dists/{}/InRelease", suite.url, suite.name);
            let known = self.proc.stat(&Apt::list_file(suite)).is_ok();
            match self.get(number, &told, &url, suite.release, known).await {
                Ok(()) if known => {}
                Ok(()) => {
                    fetched += suite.release;
                    fresh.push(suite);
                }
                Err(why) => failed.push(format!("W: Failed to fetch {url}  {why}\n")),
            }
        }
        for suite in fresh {
            number += 1;
            let told = format!("{} {}/main amd64 Packages", suite.url, suite.name);
            let url = format!("{}/dists/{}/main/binary-amd64/Packages.xz", suite.url, suite.name);
            match self.get(number, &told, &url, suite.packages, false).await {
                Ok(()) => {
                    fetched += suite.packages;
                    let path = Apt::list_file(suite);
                    make_parents(&self.proc, &path);
                    // What isn't kept is missing at the next install, which says so.
                    let _kept = self.proc.write_file(&path, format!("Suite: {}\n", suite.name).as_bytes()).await;
                }
                Err(why) => failed.push(format!("W: Failed to fetch {url}  {why}\n")),
            }
        }
        if fetched > 0 {
            self.told_speed(fetched, begun).await;
        }
        self.step("Reading package lists").await;
        if !failed.is_empty() {
            let last = "W: Some index files failed to download. They have been ignored, or old ones used instead.\n";
            util::ignore(self.proc.eprint(&format!("{}{last}", failed.concat())).await);
        }
        0
    }

    async fn told_speed(&self, fetched: u64, begun: crate::sim::SimTime) {
        let took = self.proc.sim().now().since(begun).as_secs_f64().max(0.001);
        let speed = amount((fetched as f64 / took) as u64);
        self.say(&format!("Fetched {}B in {:.0}s ({speed}B/s)\n", amount(fetched), took.floor())).await;
    }

    /// What dpkg knows to be installed, with versions.
    async fn status(&self) -> BTreeMap<String, String> {
        let text = text_of(&self.proc, STATUS).await;
        let field = |entry: &str, name: &str| {
            entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default().to_string()
        };
        text.split("\n\n").map(|entry| (field(entry, "Package"), field(entry, "Version"))).collect()
    }

    async fn install(&self, names: &[String]) -> i32 {
        if self.proc.uid() != 0 && !self.simulate {
            let more = "Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?";
            return match self.lock("/var/lib/dpkg/lock-frontend", more).await {
                Ok(()) => 0,
                Err(code) => code,
            };
        }
        self.reading().await;
        let status = self.status().await;
        let there = |package: &Package| status.contains_key(package.name) || package.is_present(&self.proc);
        let mut wanted = Vec::new();
        let mut missing = String::new();
        for name in names {
            let name = name.split(['=', ':', '/']).next().unwrap_or_default();
            let package = self.catalogue.get(name);
            let listed = self.suites.iter().any(|suite| self.proc.stat(&Apt::list_file(suite)).is_ok());
            match package {
                Some(package) if there(package) => {
                    let version = status.get(name).map_or(package.version, String::as_str);
                    self.say(&format!("{name} is already the newest version ({version}).\n")).await;
                }
                Some(package) if listed => wanted.push(package.name),
                _ => missing.push_str(&format!("E: Unable to locate package {name}\n")),
            }
        }
        if !missing.is_empty() {
            return self.error(100, missing.trim_end()).await;
        }
        let order = self.catalogue.closure(&wanted, self.recommends, &there);
        let mut sorted: Vec<&str> = order.iter().map(|package| package.name).collect();
        sorted.sort_unstable();
        let additional: Vec<&&str> = sorted.iter().filter(|name| !wanted.contains(name)).collect();
        let coming = |name: &str| sorted.contains(&name) || status.contains_key(name);
        let gather = |of: &dyn Fn(&Package) -> Vec<&'static str>| {
            let all: BTreeSet<&str> =
                order.iter().flat_map(|package| of(package)).filter(|name| !coming(name)).collect();
            all.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let suggested = gather(&|package| package.suggests.split(',').filter(|name| !name.is_empty()).collect());
        let recommended =
            gather(&|package| package.needs().filter(|(_, optional)| *optional).map(|(name, _)| name).collect());
        let text = [
            list(
                "The following additional packages will be installed:",
                additional.iter().map(|name| name.to_string()),
            ),
            list("Suggested packages:", suggested),
            list("Recommended packages:", recommended),
            list("The following NEW packages will be installed:", sorted.iter().map(|name| name.to_string())),
        ];
        self.say(&text.concat()).await;
        self.say(&format!("0 upgraded, {} newly installed, 0 to remove and 0 not upgraded.\n", order.len())).await;
        if order.is_empty() {
            return 0;
        }
        if self.simulate {
            let lines = |verb: &str| -> String {
                let line = |p: &&Package| {
                    format!("{verb} {} ({} Debian:12/oldstable [{}])\n", p.name, p.version, p.architecture)
                };
                order.iter().map(line).collect()
            };
            self.say(&format!("{}{}", lines("Inst"), lines("Conf"))).await;
            return 0;
        }
        let bytes: u64 = order.iter().map(|package| package.size).sum();
        let used: u64 = order.iter().map(|package| package.installed << 10).sum();
        let text = format!(
            "Need to get {}B of archives.\nAfter this operation, {}B of additional disk space will be used.\n",
            amount(bytes),
            amount(used)
        );
        self.say(&text).await;
        if !self.yes && !additional.is_empty() && !self.agreed().await {
            return 1;
        }
        match self.download(&order, bytes).await {
            Ok(()) => self.unpack(&order).await,
            Err(code) => code,
        }
    }

    async fn agreed(&self) -> bool {
        util::ignore(self.proc.print("Do you want to continue? [Y/n] ").await);
        // A broken input is no consent.
        let line = Lines::new(self.proc.stdin()).next_text().await.unwrap_or_default();
        let yes = line.is_some_and(|line| matches!(line.trim(), "" | "y" | "Y" | "yes"));
        if !yes {
            util::ignore(self.proc.print("Abort.\n").await);
        }
        yes
    }

    fn suite(&self, package: &Package) -> &Suite {
        self.suites.iter().find(|suite| suite.part == package.part).unwrap_or(&self.suites[0])
    }

    async fn download(&self, order: &[&Package], bytes: u64) -> Result<(), i32> {
        let begun = self.proc.sim().now();
        let mut failed = String::new();
        for (index, package) in order.iter().enumerate() {
            let suite = self.suite(package);
            let Package { name, version, architecture, .. } = package;
            let told = format!("{} {}/main amd64 {name} {architecture} {version}", suite.url, suite.name);
            let url = format!("{}/pool/main/{}/{name}/{}", suite.url, &name[..1], package.file());
            if let Err(why) = self.get(index + 1, &told, &url, package.size, false).await {
                failed.push_str(&format!("E: Failed to fetch {url}  {why}\n"));
            }
        }
        if failed.is_empty() {
            util::ignore(
                self.proc.eprint("debconf: delaying package configuration, since apt-utils is not installed\n").await,
            );
            self.told_speed(bytes, begun).await;
            return Ok(());
        }
        let last = "E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?";
        Err(self.error(100, &format!("{failed}{last}")).await)
    }

    async fn unpack(&self, order: &[&Package]) -> i32 {
        let mut status = text_of(&self.proc, STATUS).await;
        for (index, package) in order.iter().enumerate() {
            let name = package.qualified();
            self.say(&format!("Selecting previously unselected package {name}.\n")).await;
            if index == 0 {
                let count = FILES + status.matches("Package: ").count() * 40;
                self.say(&format!("(Reading database ... {count} files and directories currently installed.)\n")).await;
            }
            let file = if order.len() > 8 { format!("{index:02}-{}", package.file()) } else { package.file() };
            self.say(&format!("Preparing to unpack .../{file} ...\nUnpacking {name} ({}) ...\n", package.version))
                .await;
            if let Err(error) = package.unpack(&self.proc).await {
                let text = format!(
                    "dpkg: error processing archive /var/cache/apt/archives/{} (--unpack):\n unable to create file: {}\nE: Sub-process \
                     /usr/bin/dpkg returned an error code (1)",
                    package.file(),
                    error.text()
                );
                return self.error(100, &text).await;
            }
        }
        for package in order {
            self.say(&format!("Setting up {} ({}) ...\n", package.qualified(), package.version)).await;
            status.push_str(&format!(
                "Package: {}\nStatus: install ok installed\nArchitecture: {}\nVersion: {}\n\n",
                package.name, package.architecture, package.version
            ));
        }
        if order.iter().any(|package| package.name.starts_with("lib")) {
            self.say("Processing triggers for libc-bin (2.36-9+deb12u10) ...\n").await;
        }
        make_parents(&self.proc, STATUS);
        match self.proc.write_file(STATUS, status.as_bytes()).await {
            Ok(()) => 0,
            Err(error) => self.error(100, &format!("E: Could not write {STATUS}: {}", error.text())).await,
        }
    }

    async fn remove(&self, names: &[String]) -> i32 {
        if self.proc.uid() != 0 {
            return self.install(names).await;
        }
        self.reading().await;
        let status = self.status().await;
        let mut gone = Vec::new();
        for name in names {
            match self.catalogue.get(name) {
                Some(package) if status.contains_key(name) || package.is_present(&self.proc) => gone.push(package),
                Some(_) => self.say(&format!("Package '{name}' is not installed, so not removed\n")).await,
                None => return self.error(100, &format!("E: Unable to locate package {name}")).await,
            }
        }
        let freed: u64 = gone.iter().map(|package| package.installed << 10).sum();
        self.say(&list("The following packages will be REMOVED:", gone.iter().map(|package| package.name.to_string())))
            .await;
        self.say(&format!("0 upgraded, 0 newly installed, {} to remove and 0 not upgraded.\n", gone.len())).await;
        if gone.is_empty() {
            return 0;
        }
        self.say(&format!("After this operation, {}B disk space will be freed.\n", amount(freed))).await;
        if !self.yes && !self.agreed().await {
            return 1;
        }
        let mut text = text_of(&self.proc, STATUS).await;
        for package in gone {
            self.say(&format!("Removing {} ({}) ...\n", package.qualified(), package.version)).await;
            package.remove(&self.proc);
            let head = format!("Package: {}\n", package.name);
            text = text.split_inclusive("\n\n").filter(|entry| !entry.starts_with(&head)).collect();
        }
        match self.proc.write_file(STATUS, text.as_bytes()).await {
            Ok(()) => 0,
            Err(error) => self.error(100, &format!("E: Could not write {STATUS}: {}", error.text())).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        let rows = [
            (756, "756 "),
            (6144, "6144 "),
            (38_300, "38.3 k"),
            (524_000, "524 k"),
            (2_130_000, "2130 k"),
            (23_100_000, "23.1 M"),
        ];
        for (bytes, text) in rows {
            assert_eq!(amount(bytes), text);
        }
    }

    #[test]
    fn lists_are_as_wide_as_apts() {
        let names =
            "libbrotli1 libcurl4 libgssapi-krb5-2 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 libldap-2.5-0";
        let text = list("Title:", names.split(' ').map(str::to_owned));
        assert_eq!(
            text,
            "Title:\n  libbrotli1 libcurl4 libgssapi-krb5-2 libk5crypto3 libkeyutils1 libkrb5-3\n  libkrb5support0 libldap-2.5-0\n"
        );
    }
}
