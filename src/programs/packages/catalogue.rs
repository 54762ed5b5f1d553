//! The packages that there are. A line: name, version, part of the archive, architecture (`+`: several may be installed side
//! by side, so it is named), size in bytes, installed size in KiB, the packages it needs (`?`: only recommended), those
//! it suggests, and its programs as `/path=program`; `-` for nothing. A line `= PACKAGE /path` begins a text file of the
//! package, which ends with a line `.`. Lines with `#` are comments.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    os::{Errno, Proc},
    programs::util,
};

pub struct Package {
    pub name: &'static str,
    pub version: &'static str,
    pub part: &'static str,
    pub architecture: &'static str,
    /// Several architectures' may be installed side by side.
    pub multi: bool,
    pub size: u64,
    /// In KiB.
    pub installed: u64,
    needs: &'static str,
    pub suggests: &'static str,
    programs: &'static str,
    files: Vec<(&'static str, &'static str)>,
}

pub struct Catalogue(BTreeMap<&'static str, Package>);

impl Catalogue {
    pub fn read(text: &'static str) -> Catalogue {
        let mut packages: BTreeMap<&str, Package> = BTreeMap::new();
        let mut rest = text;
        while let Some((line, after)) = rest.split_once('\n') {
            rest = after;
            if let Some((name, path)) = line.strip_prefix("= ").and_then(|line| line.split_once(' ')) {
                let (content, after) = rest.split_once("\n.\n").unwrap_or((rest, ""));
                if let Some(package) = packages.get_mut(name) {
                    package.files.push((path, content));
                }
                rest = after;
                continue;
            }
            if line.starts_with('#') {
                continue;
            }
            let words: Vec<&str> = line.split(' ').collect();
            if let [name, version, part, architecture, size, installed, needs, suggests, programs] = words[..] {
                let list = |text: &'static str| if text == "-" { "" } else { text };
                let package = Package {
                    name,
                    version,
                    part,
                    architecture: architecture.trim_end_matches('+'),
                    multi: architecture.ends_with('+'),
                    size: size.parse().unwrap_or(0),
                    installed: installed.parse().unwrap_or(0),
                    needs: list(needs),
                    suggests: list(suggests),
                    programs: list(programs),
                    files: Vec::new(),
                };
                packages.insert(name, package);
            }
        }
        Catalogue(packages)
    }

    pub fn get(&self, name: &str) -> Option<&Package> {
        self.0.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Package> {
        self.0.values()
    }

    /// What must be installed for `wanted`, each after what it needs. `has` knows what is there.
    pub fn closure(&self, wanted: &[&str], recommended: bool, has: &dyn Fn(&Package) -> bool) -> Vec<&Package> {
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        for name in wanted {
            self.visit(name, recommended, has, &mut seen, &mut order);
        }
        order
    }

    fn visit<'a>(
        &'a self,
        name: &str,
        recommended: bool,
        has: &dyn Fn(&Package) -> bool,
        seen: &mut BTreeSet<&'static str>,
        order: &mut Vec<&'a Package>,
    ) {
        let Some(package) = self.get(name).filter(|package| !has(package)) else { return };
        if !seen.insert(package.name) {
            return;
        }
        for (need, optional) in package.needs() {
            if recommended || !optional {
                self.visit(need, recommended, has, seen, order);
            }
        }
        order.push(package);
    }
}

impl Package {
    /// Names, and whether they are only recommended.
    pub fn needs(&self) -> impl Iterator<Item = (&'static str, bool)> {
        self.needs.split(',').filter(|name| !name.is_empty()).map(|name| match name.strip_prefix('?') {
            Some(name) => (name, true),
            None => (name, false),
        })
    }

    fn programs(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.programs.split(',').filter_map(|item| item.split_once('='))
    }

    pub fn has_programs(&self) -> bool {
        !self.programs.is_empty()
    }

    /// Whether its programs are there, however they came.
    pub fn is_present(&self, proc: &Proc) -> bool {
        self.has_programs() && self.programs().all(|(path, _)| proc.stat(path).is_ok())
    }

    /// Puts its files where they belong.
    pub async fn unpack(&self, proc: &Proc) -> Result<(), Errno> {
        for (path, program) in self.programs() {
            make_parents(proc, path);
            // A link to another program would be written through.
            let _none = proc.unlink(path);
            proc.write_file(path, &crate::os::fs::program(program)).await?;
            proc.chmod(path, 0o755)?;
        }
        for (path, text) in &self.files {
            make_parents(proc, path);
            // A person's own configuration stays.
            if proc.stat(path).is_err() {
                let end = if text.is_empty() { "" } else { "\n" };
                proc.write_file(path, format!("{text}{end}").as_bytes()).await?;
            }
        }
        Ok(())
    }

    /// Takes its programs away.
    pub fn remove(&self, proc: &Proc) {
        for (path, _) in self.programs() {
            // Gone already is as good.
            let _gone = proc.unlink(path);
        }
    }
}

/// The directories above `path`. Those that can't be made show when the file is written.
pub fn make_parents(proc: &Proc, path: &str) {
    for (at, _) in path.match_indices('/').skip(1) {
        let _made = proc.mkdir(&path[..at], 0o755);
    }
}

/// A file's text; empty if there is none.
pub async fn text_of(proc: &Proc, path: &str) -> String {
    proc.read_file(path).await.map(util::text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{os::ProgramTable, programs::Programs};

    #[test]
    fn every_package_can_be_installed() {
        let programs = Programs::default();
        for text in [super::super::apk::PACKAGES, super::super::apt::PACKAGES] {
            let lines = text.lines().filter(|line| !line.starts_with('#') && line.split(' ').count() == 9).count();
            let catalogue = Catalogue::read(text);
            assert!(lines > 20 && catalogue.iter().count() == lines, "{lines}");
            for package in catalogue.iter() {
                for (need, _) in package.needs() {
                    assert!(catalogue.get(need).is_some(), "{} needs {need}", package.name);
                }
                for (path, program) in package.programs() {
                    assert!(programs.get(program).is_some(), "{path} is {program}");
                }
                assert!(package.size > 0, "{}", package.name);
            }
        }
    }
}
