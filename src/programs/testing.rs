//! A machine with every program in /bin, for tests.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use super::Programs;
use crate::{
    os::{ExitStatus, File, Filesystem, FsImage, Machine, Network, Proc, SpawnOptions, Tty, fs::Content},
    sim::Sim,
};

pub struct World {
    pub sim: Sim,
    pub machine: Machine,
    root: Filesystem,
}

/// What a command did.
#[derive(Debug, PartialEq)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    /// `None`: still running after an hour.
    pub code: Option<i32>,
}

impl Default for World {
    fn default() -> World {
        World::new()
    }
}

impl World {
    pub fn new() -> World {
        World::with(Programs::default(), Vec::new())
    }

    pub fn with(programs: Programs, files: Vec<(&str, &str)>) -> World {
        let sim = Sim::new(1, jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_700_000_000));
        let network = Network::new(&sim);
        let mut image: Vec<(String, u32, u32, Content)> = programs
            .names()
            .into_iter()
            .map(|name| (format!("/bin/{name}"), 0o755, 0, Content::Program { name, size: 1000 }))
            .collect();
        image.push(("/busybox".to_string(), 0o755, 0, Content::Directory));
        for name in programs.names() {
            let program = Content::Program { name: "busybox".to_string(), size: 1000 };
            image.push((format!("/busybox/{name}"), 0o755, 0, program));
        }
        image.push(("/tmp".to_string(), 0o1777, 0, Content::Directory));
        image.push(("/etc".to_string(), 0o755, 0, Content::Directory));
        image.push(("/root".to_string(), 0o700, 0, Content::Directory));
        for (path, text) in files {
            image.push((path.to_string(), 0o644, 0, Content::Data(text.as_bytes().into())));
        }
        let root = Filesystem::new("overlay", Rc::new(FsImage::new(image)));
        let net = network.namespace("test");
        let machine = Machine::new(&sim, &network, Rc::new(programs), "box", net, root.clone());
        World { sim, machine, root }
    }

    fn options(&self, argv: &[&str]) -> SpawnOptions {
        SpawnOptions {
            argv: argv.iter().map(|arg| arg.to_string()).collect(),
            env: BTreeMap::from([("PATH", "/bin"), ("HOME", "/root")].map(|(k, v)| (k.to_string(), v.to_string()))),
            cwd: "/tmp".to_string(),
            uid: 0,
            gid: 0,
            namespaces: self.machine.namespaces().clone(),
            stdin: File::null(),
            stdout: File::null(),
            stderr: File::null(),
            tty: None,
            cgroup: self.machine.cgroup().child("test"),
            oom_score_adj: 0,
        }
    }

    /// Runs a command to its end, with `stdin` to read.
    pub fn run(&self, argv: &[&str], stdin: &str) -> Ran {
        let (read, write) = crate::os::file::pipe();
        let data = stdin.as_bytes().to_vec();
        self.sim.spawn(async move {
            // The command may end without reading it.
            let _ = write.write_all(&data).await;
        });
        let capture = || {
            let text = Rc::new(RefCell::new(Vec::new()));
            let sink = text.clone();
            (text, File::sink(move |data| sink.borrow_mut().extend_from_slice(data)))
        };
        let (out, stdout) = capture();
        let (err, stderr) = capture();
        let mut options = self.options(argv);
        options.stdin = read;
        options.stdout = stdout;
        options.stderr = stderr;
        let proc = match self.machine.spawn(options) {
            Ok(proc) => proc,
            Err(error) => return Ran { stdout: String::new(), stderr: error.to_string(), code: Some(127) },
        };
        self.sim.run_until(self.sim.now() + Duration::from_secs(3600), 200_000);
        let text = |data: &RefCell<Vec<u8>>| String::from_utf8_lossy(&data.borrow()).into_owned();
        Ran { stdout: text(&out), stderr: text(&err), code: proc.status().map(ExitStatus::code) }
    }

    /// Runs a script as the file `script` in the new directory `cwd`, without input. Gives stdout and stderr in the order
    /// of writing, and the exit status. Busybox' ash finds busybox' programs, the other shells GNU's.
    pub fn script(&self, shell: &str, cwd: &str, text: &str) -> (String, Option<i32>) {
        let output = Rc::new(RefCell::new(Vec::new()));
        let sink = output.clone();
        let file = File::sink(move |data| sink.borrow_mut().extend_from_slice(data));
        let path = if shell == "ash" { "/busybox" } else { "/bin" };
        let mut options = self.options(&[shell, "script"]);
        options.env.extend([("PATH", path), ("LC_ALL", "C.UTF-8"), ("SH", shell)].map(|(k, v)| (k.into(), v.into())));
        options.cwd = cwd.to_string();
        options.stdout = file.clone();
        options.stderr = file;
        let written = self
            .root
            .mkdir_all(cwd, 0o755)
            .and_then(|()| self.root.write(&format!("{cwd}/script"), text.as_bytes(), 0o644));
        if let Err(error) = written {
            return (error.to_string(), None);
        }
        let proc = match self.machine.spawn(options) {
            Ok(proc) => proc,
            Err(error) => return (error.to_string(), None),
        };
        self.sim.run_until(self.sim.now() + Duration::from_secs(3600), 2_000_000);
        let text = String::from_utf8_lossy(&output.borrow()).into_owned();
        (text, proc.status().map(ExitStatus::code))
    }

    /// Starts a command on a terminal; gives what it shows as it comes.
    pub fn terminal(&self, argv: &[&str]) -> (Proc, Tty, Rc<RefCell<Vec<u8>>>) {
        let shown = Rc::new(RefCell::new(Vec::new()));
        let sink = shown.clone();
        let tty = Tty::new("pts/0", move |data| sink.borrow_mut().extend_from_slice(data));
        let mut options = self.options(argv);
        options.stdin = tty.file();
        options.stdout = tty.file();
        options.stderr = tty.file();
        options.tty = Some(tty.clone());
        let proc = self.machine.spawn(options);
        (proc.unwrap_or_else(|error| panic!("{argv:?}: {error}")), tty, shown)
    }

    pub fn pass(&self, seconds: u64) {
        self.sim.run_until(self.sim.now() + Duration::from_secs(seconds), 5_000_000);
    }
}
