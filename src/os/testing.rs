//! A machine for tests: an image with a few programs, and helpers to run things on it.

use std::{cell::RefCell, collections::BTreeMap, future::Future, rc::Rc, time::Duration};

use super::{
    Cgroup, File, Filesystem, FsImage, IpcNs, Machine, MountNs, Namespaces, NetNs, Network, PidNs, Proc, Program,
    ProgramTable, SpawnOptions, UtsNs, fs::Content,
};
use crate::sim::{Sim, SimTime};

struct Programs;

impl ProgramTable for Programs {
    fn get(&self, name: &str) -> Option<Program> {
        let program: Program = match name {
            "true" => Rc::new(|_| Box::pin(async { 0 })),
            // Prints its arguments, one a line.
            "args" => Rc::new(|proc| {
                Box::pin(async move {
                    let text: String = proc.argv().iter().map(|arg| format!("{arg}\n")).collect();
                    proc.print(&text).await.map_or(1, |()| 0)
                })
            }),
            "sleep" => Rc::new(|proc| {
                Box::pin(async move {
                    proc.sleep(Duration::from_secs(1000)).await;
                    0
                })
            }),
            "yes" => Rc::new(|proc| {
                Box::pin(async move {
                    loop {
                        proc.charge(Duration::from_millis(1)).await;
                        if proc.print("y\n").await.is_err() {
                            return 1;
                        }
                    }
                })
            }),
            _ => return None,
        };
        Some(program)
    }
}

/// `path`, mode and text; a text of the form `@NAME` is the program NAME, `->TARGET` a symlink.
pub fn image(files: &[(&str, u32, &str)]) -> Rc<FsImage> {
    Rc::new(FsImage::new(files.iter().map(|(path, mode, text)| {
        let content = match (text.strip_prefix('@'), text.strip_prefix("->")) {
            (Some(name), _) => Content::Program { name: name.to_owned(), size: 1000 },
            (_, Some(target)) => Content::Symlink(target.to_owned()),
            _ if path.ends_with('/') => Content::Directory,
            _ => Content::Data(text.as_bytes().into()),
        };
        ((*path).to_owned(), *mode, 0, content)
    })))
}

pub const FILES: &[(&str, u32, &str)] = &[
    ("/bin/true", 0o755, "@true"),
    ("/bin/args", 0o755, "@args"),
    ("/bin/sleep", 0o755, "@sleep"),
    ("/bin/yes", 0o755, "@yes"),
    ("/bin/missing-code", 0o755, "@nothing"),
    ("/bin/plain", 0o644, "text"),
    ("/bin/no-interpreter", 0o755, "text"),
    ("/bin/script", 0o755, "#! /bin/args -x y \nbody"),
    ("/bin/nested", 0o755, "#!/bin/script"),
    ("/bin/lost", 0o755, "#!/bin/absent"),
    ("/bin/loop", 0o755, "#!/bin/loop"),
    ("/usr/bin", 0o777, "->../bin"),
    ("/etc/motd", 0o644, "hello\n"),
    ("/etc/secret", 0o600, "s3cret\n"),
    ("/tmp/", 0o1777, ""),
    ("/home/user/", 0o755, ""),
    ("/log/out", 0o777, "->/dev/stdout"),
    ("/a", 0o777, "->/b"),
    ("/b", 0o777, "->/a"),
];

pub struct World {
    pub sim: Sim,
    pub network: Network,
    pub machine: Machine,
    /// Of its containers.
    pub cgroup: Cgroup,
}

impl World {
    pub fn new() -> World {
        let sim = Sim::new(1, jiff::Timestamp::UNIX_EPOCH);
        let network = Network::new(&sim);
        let net = network.namespace("host");
        net.add_interface("eth0", [192, 168, 0, 2].into(), 24, None).unwrap();
        let root = Filesystem::new("ext4", image(FILES));
        let machine = Machine::new(&sim, &network, Rc::new(Programs), "host", net, root);
        let cgroup = machine.cgroup().child("box");
        World { sim, network, machine, cgroup }
    }

    /// A pod's network namespace.
    pub fn pod(&self, name: &str, last: u8) -> NetNs {
        let net = self.network.namespace(name);
        net.add_interface("eth0", [10, 244, 1, last].into(), 24, Some([10, 244, 1, 1].into())).unwrap();
        net
    }

    /// Namespaces of a container of its own.
    pub fn container(&self) -> Namespaces {
        self.container_in(PidNs::child_of(&self.machine.namespaces().pid))
    }

    pub fn container_in(&self, pid: PidNs) -> Namespaces {
        Namespaces {
            net: self.network.namespace("pod"),
            uts: UtsNs::new("box"),
            ipc: IpcNs::default(),
            pid,
            mnt: MountNs::new(Filesystem::new("overlay", image(FILES)), false),
        }
    }

    /// Another container with the mounts of `like`.
    pub fn container_with(&self, like: Namespaces) -> Namespaces {
        Namespaces { mnt: like.mnt, ..self.container() }
    }

    pub fn options(&self, namespaces: Namespaces, argv: &[&str]) -> SpawnOptions {
        SpawnOptions {
            argv: argv.iter().map(|a| (*a).to_owned()).collect(),
            env: BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/bin".to_owned())]),
            cwd: "/".to_owned(),
            uid: 0,
            gid: 0,
            namespaces,
            stdin: File::null(),
            stdout: File::null(),
            stderr: File::null(),
            tty: None,
            cgroup: self.cgroup.clone(),
            oom_score_adj: 0,
        }
    }

    /// Starts `main` as process 1 of a container.
    pub fn start<F: Future<Output = i32> + 'static>(&self, main: impl FnOnce(Proc) -> F + 'static) -> Proc {
        self.machine.spawn_fn(self.options(self.container(), &["main"]), main)
    }

    /// Starts `main` as an ordinary process of the host.
    pub fn start_on_host<F: Future<Output = i32> + 'static>(&self, main: impl FnOnce(Proc) -> F + 'static) -> Proc {
        self.machine.spawn_fn(self.options(self.machine.namespaces().clone(), &["main"]), main)
    }

    /// Runs `main` as process 1 of a container to its end, and whatever else is going on for up to
    /// an hour; gives back what it returned.
    pub fn run<T: 'static, F: Future<Output = T> + 'static>(&self, main: impl FnOnce(Proc) -> F + 'static) -> T {
        let out = Rc::new(RefCell::new(None));
        let result = out.clone();
        self.start(move |proc| {
            let main = main(proc);
            async move {
                let value = main.await;
                *out.borrow_mut() = Some(value);
                0
            }
        });
        self.pass(3600.0);
        result.take().expect("the process ended by itself")
    }

    /// Lets time pass.
    pub fn pass(&self, secs: f64) {
        let until = self.sim.now() + Duration::from_secs_f64(secs);
        assert_eq!(self.sim.run_until(until, 1_000_000), crate::sim::Reached::Time, "a loop without awaiting");
    }

    pub fn now(&self) -> SimTime {
        self.sim.now()
    }
}

/// A sink and what was written to it.
pub fn capture() -> (File, Rc<RefCell<Vec<u8>>>) {
    let seen: Rc<RefCell<Vec<u8>>> = Rc::default();
    let to = seen.clone();
    (File::sink(move |data| to.borrow_mut().extend_from_slice(data)), seen)
}

pub fn text(seen: &Rc<RefCell<Vec<u8>>>) -> String {
    String::from_utf8_lossy(&seen.borrow()).into_owned()
}
