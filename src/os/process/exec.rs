//! From `argv` to a program: PATH, permissions, `#!`.

use std::{collections::BTreeMap, rc::Rc};

use super::{Footprint, Machine, Proc, Program};
use crate::os::{
    Errno, MountNs,
    fs::{Cred, Executable as Content, FileType, Step},
};

pub(super) struct Executable {
    pub(super) program: Program,
    /// As the program gets it: with the interpreter in front for a script.
    pub(super) argv: Vec<String>,
    pub(super) comm: Rc<str>,
    /// The file that runs.
    pub(super) path: Rc<str>,
    pub(super) footprint: Footprint,
}

/// PATH where none is set, as runc and the shells have it.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Interpreters of interpreters that the kernel follows.
const MAX_INTERPRETERS: usize = 4;

/// A process' short name: the file's, 15 bytes at most.
pub(super) fn comm(path: &str) -> Rc<str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let end = (0..=name.len().min(15)).rev().find(|i| name.is_char_boundary(*i)).unwrap_or(0);
    name[..end].into()
}

/// The program that `argv` names, as execvpe(3) finds it.
pub(super) fn resolve(
    machine: &Machine,
    mnt: &MountNs,
    cred: &Cred,
    proc: Option<&Proc>,
    cwd: &str,
    argv: &[String],
    env: &BTreeMap<String, String>,
) -> Result<Executable, Errno> {
    let name = argv.first().filter(|name| !name.is_empty()).ok_or(Errno::ENOENT)?;
    let load = |path: &str| load(machine, mnt, cred, proc, cwd, path, argv);
    if name.contains('/') {
        return load(name);
    }
    let path = env.get("PATH").map_or(DEFAULT_PATH, String::as_str);
    let mut denied = false;
    for dir in path.split(':') {
        let dir = if dir.is_empty() { "." } else { dir };
        match load(&format!("{dir}/{name}")) {
            Err(Errno::EACCES) => denied = true,
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            found => return found,
        }
    }
    Err(if denied { Errno::EACCES } else { Errno::ENOENT })
}

fn load(
    machine: &Machine,
    mnt: &MountNs,
    cred: &Cred,
    proc: Option<&Proc>,
    cwd: &str,
    path: &str,
    argv: &[String],
) -> Result<Executable, Errno> {
    let name = comm(path);
    let mut path = path.to_owned();
    // What stands before the arguments: argv[0], or the interpreter, its argument and the script.
    let mut front = vec![argv[0].clone()];
    for _ in 0..=MAX_INTERPRETERS {
        let absolute = if path.starts_with('/') { path.clone() } else { format!("{cwd}/{path}") };
        let found = mnt.walk(cred, proc, &absolute, true)?;
        let Step::Fs { mount, ino } = found.node.ok_or(Errno::ENOENT)? else { return Err(Errno::EACCES) };
        let fs = mnt.fs(mount);
        let stat = fs.stat_ino(ino);
        if stat.file_type != FileType::Regular {
            // The runtime looks before it calls execve(2).
            let is_dir = proc.is_none() && stat.file_type == FileType::Directory;
            return Err(if is_dir { Errno::EISDIR } else { Errno::EACCES });
        }
        cred.may(&stat, 1)?;
        let head = match fs.executable(ino) {
            Content::Program(program) => {
                let footprint = machine.programs().footprint(&program);
                let program = machine.programs().get(&program).ok_or(Errno::ENOEXEC)?;
                let argv = front.into_iter().chain(argv[1..].iter().cloned()).collect();
                return Ok(Executable { program, argv, comm: name, path: found.path.into(), footprint });
            }
            Content::Bytes(head) => head,
        };
        let (interpreter, argument) = interpreter(&head).ok_or(Errno::ENOEXEC)?;
        let rest = front.into_iter().skip(1);
        front = [Some(interpreter.clone()), argument, Some(path)].into_iter().flatten().chain(rest).collect();
        path = interpreter;
    }
    Err(Errno::ELOOP)
}

/// The interpreter of a `#!` line and its one argument.
fn interpreter(head: &[u8]) -> Option<(String, Option<String>)> {
    let line = head.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    let (interpreter, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let argument = argument.trim();
    (!interpreter.is_empty()).then(|| (interpreter.to_owned(), (!argument.is_empty()).then(|| argument.to_owned())))
}
