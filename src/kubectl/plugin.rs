//! Plugins: programs named `kubectl-...` in the directories of `PATH` (`kubectl/pkg/cmd/plugin`).

use super::{Args, Ctx, Outcome, commands, fail, help};
use crate::os::{Errno, fs::FileType};

const PREFIX: &str = "kubectl-";

/// The directories of `PATH`, each once.
fn directories(cx: &Ctx) -> Vec<String> {
    let path = cx.proc.env("PATH").unwrap_or_default();
    let mut all: Vec<String> = Vec::new();
    for directory in path.split(':').map(|directory| directory.trim_end_matches('/')) {
        if !directory.trim().is_empty() && !all.iter().any(|known| known == directory) {
            all.push(directory.to_string());
        }
    }
    all
}

fn is_executable(cx: &Ctx, path: &str) -> bool {
    cx.proc.stat(path).is_ok_and(|stat| stat.file_type != FileType::Directory && stat.mode & 0o111 != 0)
}

/// Runs the plugin that the words name, the longest name first, with the words that are left; `None` if there is none.
pub async fn run(cx: &Ctx, words: &[String]) -> Option<i32> {
    let named = words.iter().take_while(|word| !word.starts_with('-')).count();
    for count in (1..=named).rev() {
        let name: Vec<String> = words[..count].iter().map(|word| word.replace('-', "_")).collect();
        let file = format!("{PREFIX}{}", name.join("-"));
        let found = directories(cx).into_iter().map(|directory| format!("{directory}/{file}"));
        if let Some(path) = found.into_iter().find(|path| is_executable(cx, path)) {
            let argv: Vec<String> = std::iter::once(path.clone()).chain(words[count..].iter().cloned()).collect();
            return match cx.proc.exec(&argv, cx.proc.environ()).await {
                Ok(code) => Some(code),
                Err(errno) => {
                    let why =
                        if errno == Errno::ENOEXEC { "exec format error".into() } else { errno.text().to_lowercase() };
                    cx.err(format!("error: {why}\n")).await;
                    Some(1)
                }
            };
        }
    }
    None
}

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    match args.args.first().map(String::as_str) {
        Some("list") => list(cx, args.on("name-only")).await,
        _ => {
            cx.out(commands::find("plugin").map_or_else(String::new, help::command)).await;
            Ok(0)
        }
    }
}

async fn list(cx: &Ctx, names: bool) -> Outcome {
    let mut plugins: Vec<(String, String)> = Vec::new();
    for directory in directories(cx) {
        match cx.proc.read_dir(&directory) {
            Ok(entries) => {
                let mut files: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
                files.retain(|name| name.starts_with(PREFIX));
                files.sort();
                plugins.extend(files.into_iter().map(|name| (format!("{directory}/{name}"), name)));
            }
            Err(errno) => {
                let why = format!("open {directory}: {}", errno.text().to_lowercase());
                cx.err(format!("Unable to read directory {directory:?} from your PATH: {why}. Skipping...\n")).await;
            }
        }
    }
    if plugins.is_empty() {
        return fail("unable to find any kubectl plugins in your PATH");
    }
    cx.out("The following compatible plugins are available:\n\n").await;
    let mut warnings = 0;
    for (at, (path, name)) in plugins.iter().enumerate() {
        cx.out(format!("{}\n", if names { name } else { path })).await;
        let mut told = Vec::new();
        if !is_executable(cx, path) {
            told.push(format!("warning: {path} identified as a kubectl plugin, but it is not executable"));
        }
        if let Some((other, _)) = plugins[..at].iter().find(|(_, known)| known == name) {
            told.push(format!("warning: {path} is overshadowed by a similarly named plugin: {other}"));
        }
        let command = name[PREFIX.len()..].split('-').next().unwrap_or_default();
        if commands::find(command).is_some() {
            told.push(format!("warning: {name} overwrites existing command: \"kubectl {command}\""));
        }
        for warning in &told {
            cx.err(format!("  - {warning}\n")).await;
        }
        warnings += told.len();
    }
    match warnings {
        0 => Ok(0),
        1 => fail("one plugin warning was found"),
        n => fail(format!("{n} plugin warnings were found")),
    }
}
