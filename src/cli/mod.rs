//! The same laboratory without a browser: `podarium sh`.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    path::Path,
    process::ExitCode,
};

use crate::{
    lab::{
        Config,
        headless::{self, Script},
    },
    os::Stream,
};

const USAGE: &str = "\
Usage: podarium sh [OPTIONS] [-c COMMANDS | SCRIPT]

Runs shell commands on the workstation of a simulated Kubernetes cluster and prints what its terminal
would print. Reads commands from standard input if neither COMMANDS nor SCRIPT is given. Time is
virtual: `sleep 60` takes no time, and a command that waits moves the clock as far as it must. The
exit code is that of the last command.

Options:
  -c COMMANDS    run these commands
  --nodes N      worker nodes beside the control plane (default 2)
  --seed N       seed of everything random (default 1); same seed and commands, same output
  --dir DIR      start with a copy of DIR as the working directory (never written back)
  -h, --help     show this help
  -V, --version  show the version
";

/// Files and folders deeper or bigger than this are not copied into the workspace.
const MAX_WORKSPACE_BYTES: u64 = 64 << 20;
const MAX_WORKSPACE_DEPTH: usize = 16;

struct Arguments {
    config: Config,
    script: Script,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|a| a.into_string().unwrap_or_else(|a| a.to_string_lossy().into())).collect();
    let text = match arguments.first().map(String::as_str) {
        Some("sh") => match parse(&arguments[1..]) {
            Ok(Some(arguments)) => return run(arguments),
            Ok(None) => USAGE.to_string(),
            Err(message) => return fail(&message),
        },
        Some("-h" | "--help" | "help") => USAGE.to_string(),
        Some("-V" | "--version") => format!("podarium {}\n", env!("CARGO_PKG_VERSION")),
        Some(other) => return fail(&format!("unknown command '{other}'")),
        None => return fail("no command given"),
    };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("podarium: {message}\nTry 'podarium --help' for more information.");
    ExitCode::from(2)
}

/// `None`: help was asked for.
fn parse(arguments: &[String]) -> Result<Option<Arguments>, String> {
    let mut config = Config::default();
    let mut script = None;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_string())),
            _ => (argument.as_str(), None),
        };
        let mut value = || {
            inline.clone().or_else(|| rest.next().cloned()).ok_or_else(|| format!("option '{name}' requires a value"))
        };
        match name {
            "-h" | "--help" => return Ok(None),
            "-c" => script = Some(Script::Commands(value()?)),
            "--nodes" => config.workers = number(name, &value()?)?,
            "--seed" => config.seed = number(name, &value()?)?,
            "--dir" => {
                let dir = value()?;
                config.files = workspace(Path::new(&dir)).map_err(|e| format!("can't read {dir}: {e}"))?;
            }
            _ if argument.starts_with('-') && argument != "-" => return Err(format!("unknown option '{argument}'")),
            _ if script.is_some() => return Err(format!("unexpected argument '{argument}'")),
            path => {
                let text = fs::read(path).map_err(|e| format!("can't read {path}: {e}"))?;
                script = Some(Script::Input(text));
            }
        }
    }
    let script = match script {
        Some(script) => script,
        None => {
            let mut text = Vec::new();
            io::stdin().read_to_end(&mut text).map_err(|e| format!("can't read standard input: {e}"))?;
            Script::Input(text)
        }
    };
    Ok(Some(Arguments { config, script }))
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("invalid value '{text}' for option '{name}'"))
}

/// The regular files below `dir`, by path relative to it.
fn workspace(dir: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    fn walk(
        dir: &Path,
        prefix: &str,
        depth: usize,
        files: &mut BTreeMap<String, Vec<u8>>,
        bytes: &mut u64,
    ) -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let meta = fs::metadata(entry.path())?;
            if meta.is_dir() && depth < MAX_WORKSPACE_DEPTH && !name.ends_with(".git") {
                walk(&entry.path(), &format!("{name}/"), depth + 1, files, bytes)?;
            } else if meta.is_file() {
                *bytes += meta.len();
                if *bytes > MAX_WORKSPACE_BYTES {
                    return Err(io::Error::other(format!("more than {} MiB of files", MAX_WORKSPACE_BYTES >> 20)));
                }
                files.insert(name, fs::read(entry.path())?);
            }
        }
        Ok(())
    }
    let mut files = BTreeMap::new();
    walk(dir, "", 0, &mut files, &mut 0)?;
    Ok(files)
}

fn run(arguments: Arguments) -> ExitCode {
    let (mut stdout, mut stderr) = (io::stdout().lock(), io::stderr().lock());
    let mut broken = false;
    let code = headless::run(arguments.config, arguments.script, &mut |stream, bytes| {
        let written = match stream {
            Stream::Stdout => stdout.write_all(bytes).and_then(|()| stdout.flush()),
            Stream::Stderr => stderr.write_all(bytes),
        };
        broken |= written.is_err();
        !broken
    });
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(u8::MAX))
}
