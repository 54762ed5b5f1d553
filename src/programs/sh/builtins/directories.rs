//! cd, pwd and bash's stack of directories.

use std::rc::Rc;

use crate::{
    os::fs::FileType,
    programs::sh::{
        Dialect,
        state::{Outcome, Shell},
    },
};

impl Shell {
    fn is_directory(&self, path: &str) -> bool {
        self.proc.stat(path).is_ok_and(|stat| stat.file_type == FileType::Directory)
    }

    /// `path` from the directory that the shell calls its own, which may have links in it.
    fn logical(&self, path: &str) -> String {
        let here = self.get("PWD").filter(|pwd| pwd.starts_with('/')).unwrap_or_else(|| self.proc.cwd());
        match path.starts_with('/') {
            true => self.proc.absolute(path),
            false => self.proc.absolute(&format!("{here}/{path}")),
        }
    }

    pub(super) async fn cd(&mut self, args: &[String]) -> Outcome {
        let mut physical = false;
        let mut args = args;
        while let Some(option @ ("-L" | "-P" | "--")) = args.first().map(String::as_str) {
            physical = option == "-P" || (physical && option != "-L");
            args = &args[1..];
            if option == "--" {
                break;
            }
        }
        let mut print = false;
        let mut target = match args {
            [] => match self.get("HOME") {
                Some(home) if !home.is_empty() => home,
                _ if self.dialect.is_bash() => return self.error("cd", "HOME not set").await,
                _ => return Ok(0),
            },
            [dash] if *dash == "-" => match self.get("OLDPWD") {
                Some(old) => {
                    print = true;
                    old
                }
                None => return self.error("cd", "OLDPWD not set").await,
            },
            [path] => path.clone(),
            _ if self.dialect.is_bash() => return self.error("cd", "too many arguments").await,
            [path, ..] => path.clone(),
        };
        let named = target.clone();
        let is_relative = !target.starts_with('/') && !matches!(target.split('/').next(), Some("." | ".."));
        if let Some(path) = self.get("CDPATH").filter(|_| is_relative && !print) {
            for dir in path.split(':') {
                let candidate = if dir.is_empty() { target.clone() } else { format!("{dir}/{target}") };
                if self.is_directory(&self.logical(&candidate)) {
                    print = !dir.is_empty();
                    target = candidate;
                    break;
                }
            }
        }
        match self.change_directory(&target, physical) {
            Ok(()) if print => {
                let now = self.get("PWD").unwrap_or_default();
                self.output(format!("{now}\n").as_bytes(), "cd").await
            }
            Ok(()) => Ok(0),
            Err(error) => {
                let text = match self.dialect {
                    Dialect::Bash => format!("{named}: {error}"),
                    Dialect::Dash => format!("can't cd to {named}"),
                    Dialect::Ash => format!("can't cd to {named}: {error}"),
                };
                self.error("cd", &text).await
            }
        }
    }

    fn change_directory(&mut self, target: &str, physical: bool) -> Result<(), crate::os::Errno> {
        let path = self.logical(target);
        if physical || self.proc.chdir(&path).is_err() {
            self.proc.chdir(target)?;
        }
        let before = self.get("PWD").unwrap_or_default();
        let kept = !physical && self.proc.stat(&path).is_ok();
        let now = if kept { path } else { self.proc.cwd() };
        self.put("OLDPWD", &before);
        self.put("PWD", &now);
        Ok(())
    }

    pub(super) async fn pwd(&mut self, args: &[String]) -> Outcome {
        let physical = args.iter().rfind(|arg| *arg == "-P" || *arg == "-L").is_some_and(|arg| arg == "-P");
        let logical = self.get("PWD").filter(|_| !physical);
        let text = logical.unwrap_or_else(|| self.proc.cwd()) + "\n";
        self.output(text.as_bytes(), "pwd").await
    }

    async fn print_directories(&mut self, name: &str) -> Outcome {
        let home = self.get("HOME").unwrap_or_default();
        let tilde = |path: &String| match path
            .strip_prefix(&home)
            .filter(|rest| !home.is_empty() && (rest.is_empty() || rest.starts_with('/')))
        {
            Some(rest) => format!("~{rest}"),
            None => path.clone(),
        };
        let here = self.get("PWD").unwrap_or_else(|| self.proc.cwd());
        let all: Vec<String> = std::iter::once(&here).chain(self.directories.iter().rev()).map(tilde).collect();
        self.output(format!("{}\n", all.join(" ")).as_bytes(), name).await
    }

    /// dirs, pushd and popd.
    pub(super) async fn directory_stack(&mut self, name: &str, args: &[String]) -> Outcome {
        let here = self.get("PWD").unwrap_or_else(|| self.proc.cwd());
        match (name, args.first()) {
            ("dirs", Some(option)) if option == "-c" => {
                self.directories = Rc::default();
                return Ok(0);
            }
            ("dirs", _) => {}
            ("pushd", Some(path)) => {
                if let Err(error) = self.change_directory(path, false) {
                    return self.error(name, &format!("{path}: {error}")).await;
                }
                Rc::make_mut(&mut self.directories).push(here);
            }
            _ => {
                let Some(top) = Rc::make_mut(&mut self.directories).pop() else {
                    let text = if name == "pushd" { "no other directory" } else { "directory stack empty" };
                    return self.error(name, text).await;
                };
                if let Err(error) = self.change_directory(&top, false) {
                    return self.error(name, &format!("{top}: {error}")).await;
                }
                if name == "pushd" {
                    Rc::make_mut(&mut self.directories).push(here);
                }
            }
        }
        self.print_directories(name).await
    }
}
