//! What is fuzzed. Each target takes bytes and must come back: simulated time and steps bound it, no clock on a wall.

use std::{cell::Cell, collections::BTreeMap, rc::Rc, time::Duration};

use podarium::{
    manifest,
    os::{
        File, Filesystem, FsImage, Machine, Network, OpenFlags, Proc, SpawnOptions,
        fs::{Content, Mount},
    },
    programs::{
        Programs,
        net::http::{self, Connection, Response},
    },
    sim::Sim,
};

/// Virtual time for an input, and the steps that may be made in it.
const TIME: Duration = Duration::from_millis(200);
const STEPS: u64 = 300_000;
/// What the processes of an input may have in memory.
const MEMORY: u64 = 64 << 20;

struct World {
    sim: Sim,
    machine: Machine,
}

impl World {
    fn new() -> World {
        let sim = Sim::new(1, jiff::Timestamp::UNIX_EPOCH);
        let network = Network::new(&sim);
        let programs = Programs::default();
        let mut image: Vec<(String, u32, u32, Content)> = Vec::new();
        for name in programs.names() {
            image.push((format!("/bin/{name}"), 0o755, 0, Content::Program { name, size: 1000 }));
        }
        image.push(("/tmp".into(), 0o1777, 0, Content::Directory));
        let root = Filesystem::new("overlay", Rc::new(FsImage::new(image)));
        let machine = Machine::new(&sim, &network, Rc::new(programs), "box", network.namespace("box"), root);
        World { sim, machine }
    }

    fn options(&self, argv: &[&str], output: File) -> SpawnOptions {
        let cgroup = self.machine.cgroup().child("fuzz");
        cgroup.set_memory_max(Some(MEMORY));
        SpawnOptions {
            argv: argv.iter().map(|arg| (*arg).to_string()).collect(),
            env: BTreeMap::from([("PATH".to_string(), "/bin".to_string())]),
            cwd: "/tmp".into(),
            uid: 0,
            gid: 0,
            namespaces: self.machine.namespaces().clone(),
            stdin: File::null(),
            stdout: output.clone(),
            stderr: output,
            tty: None,
            cgroup,
            oom_score_adj: 0,
        }
    }

    fn run(&self) {
        self.sim.run_until(self.sim.now() + TIME, STEPS);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.machine.power_off();
        self.sim.shutdown();
    }
}

/// A script, run by each of the shells.
pub fn shell(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let shell = ["dash", "ash", "bash"][data.len() % 3];
    let world = World::new();
    let written = Rc::new(Cell::new(0_u64));
    let sink = written.clone();
    let output = File::sink(move |bytes| sink.set(sink.get() + bytes.len() as u64));
    if world.machine.spawn(world.options(&[shell, "-c", text], output)).is_ok() {
        world.run();
    }
    // What can be written in the time, as writing costs time.
    assert!(written.get() < 8 << 30, "{} bytes of output", written.get());
}

/// What a client sends to a server, and what a server answers a client.
pub fn http(data: &[u8]) {
    let world = World::new();
    let address = ([127, 0, 0, 1], 80).into();
    let serve = move |proc: Proc| async move {
        let Ok(listener) = proc.net().listen(&proc, address) else { return 1 };
        while let Ok(stream) = listener.accept().await {
            http::serve(Connection::plain(stream), Some(Response::new(400)), |request| async move {
                let mut response = Response::new(200).body(request.body);
                response.headers.add("X-Path", request.target.len());
                response
            })
            .await;
        }
        0
    };
    world.machine.spawn_fn(world.options(&["server"], File::null()), serve);
    let bytes = data.to_vec();
    let send = move |proc: Proc| async move {
        let Ok(stream) = proc.net().connect(Some(&proc), address).await else { return 1 };
        for piece in bytes.chunks(1 + bytes.len() / 3) {
            if stream.write_all(piece).await.is_err() {
                break;
            }
        }
        stream.shutdown();
        while stream.read(4096).await.is_ok_and(|answer| !answer.is_empty()) {}
        0
    };
    world.machine.spawn_fn(world.options(&["client"], File::null()), send);
    let (bytes, other) = (data.to_vec(), ([127, 0, 0, 1], 81).into());
    let answer = move |proc: Proc| async move {
        let Ok(listener) = proc.net().listen(&proc, other) else { return 1 };
        let Ok(stream) = listener.accept().await else { return 1 };
        i32::from(stream.write_all(&bytes).await.is_err())
    };
    world.machine.spawn_fn(world.options(&["raw-server"], File::null()), answer);
    let fetch = move |proc: Proc| async move {
        let Ok(stream) = proc.net().connect(Some(&proc), other).await else { return 1 };
        let mut connection = Connection::plain(stream);
        while connection.read_response("GET").await.is_ok() {}
        0
    };
    world.machine.spawn_fn(world.options(&["fetch"], File::null()), fetch);
    world.run();
    let text = String::from_utf8_lossy(data);
    for line in text.lines().take(20) {
        if let Ok(url) = http::Url::parse(line) {
            // What is found of it can be written and joined.
            let _joined = (url.authority(), url.join(&text));
        }
    }
}

/// Calls on files, one a few bytes. Afterwards the file system is whole.
pub fn files(data: &[u8]) {
    const PATHS: [&str; 20] = [
        "/",
        "a",
        "b",
        "a/b",
        "a/b/c",
        "../tmp",
        "./a/.",
        "a/..",
        "b/",
        "/tmp/a/b/../b",
        "link",
        "link/b",
        "/proc/self/fd/1",
        "/proc/self/root/tmp/a",
        "/dev/null",
        "/bin/sh",
        "/tmp",
        "fifo",
        "",
        "/proc/1/root/tmp/b",
    ];
    const LIMIT: u64 = 1 << 20;
    let world = World::new();
    let fs = Filesystem::empty("tmpfs", Some(LIMIT));
    let mount = Mount { target: "/tmp".into(), fs: fs.clone(), source: "/".into(), read_only: false };
    let namespaces = world.machine.namespaces().clone();
    if namespaces.mnt.mount(mount).is_err() {
        return;
    }
    let bytes = data.to_vec();
    let calls = move |proc: Proc| async move {
        let path = |byte: u8| PATHS[usize::from(byte) % PATHS.len()];
        let mut open: Vec<File> = Vec::new();
        for call in bytes.chunks_exact(3).take(2000) {
            let (one, other, number) = (path(call[1]), path(call[2]), u32::from(call[2]));
            let flags = [OpenFlags::READ, OpenFlags::WRITE, OpenFlags::APPEND, OpenFlags::READ_WRITE];
            // Failing is an answer, too.
            match call[0] % 18 {
                0 => drop(proc.mkdir(one, number << 3)),
                1 => drop(proc.unlink(one)),
                2 => drop(proc.rmdir(one)),
                3 => drop(proc.rename(one, other)),
                4 => drop(proc.symlink(one, other)),
                5 => drop(proc.link(one, other)),
                6 => drop(proc.mkfifo(one, 0o600)),
                7 => drop(proc.chmod(one, number << 4)),
                8 => drop(proc.chown(one, Some(number), None)),
                9 => drop((proc.stat(one), proc.lstat(one), proc.real_path(one), proc.read_link(one))),
                10 => drop(proc.read_dir(one)),
                11 => drop(proc.chdir(one)),
                12 if open.len() < 30 => open.extend(proc.open(one, flags[usize::from(call[2]) % 4], 0o644)),
                13 if !open.is_empty() => drop(open.swap_remove(usize::from(call[1]) % open.len())),
                14 if !open.is_empty() => {
                    let file = &open[usize::from(call[1]) % open.len()];
                    let text = vec![call[2]; usize::from(call[2]) * 64];
                    let _answer = proc.sim().timeout(Duration::from_millis(1), proc.write(file, &text)).await;
                }
                15 if !open.is_empty() => {
                    let file = &open[usize::from(call[1]) % open.len()];
                    drop(proc.sim().timeout(Duration::from_millis(1), file.read(usize::from(call[2]) * 99)).await);
                }
                16 if !open.is_empty() => {
                    let file = &open[usize::from(call[1]) % open.len()];
                    drop((file.seek(u64::from(number) << 9), file.truncate(u64::from(number) << 8), file.stat()));
                }
                _ => drop(proc.statfs(one)),
            }
        }
        0
    };
    world.machine.spawn_fn(world.options(&["calls"], File::null()), calls);
    world.run();
    assert!(fs.used() <= LIMIT, "{} bytes of {LIMIT}", fs.used());
    let held: u64 = fs.files().iter().map(|(_, size)| size).sum();
    assert!(held <= 64 * LIMIT, "{held} bytes by the names");
}

/// A manifest: what is read of it is the same when it is printed and read again.
pub fn manifest(data: &[u8]) {
    let read = manifest::parse_bytes(data);
    for document in read.docs() {
        let value = document.value.clone();
        let text = manifest::to_yaml(&value);
        let again = manifest::parse_yaml(&text);
        let values: Vec<_> = again.docs().map(|document| document.value.clone()).collect();
        if !value.is_null() {
            assert_eq!(values, [value], "{text}");
        }
    }
}
