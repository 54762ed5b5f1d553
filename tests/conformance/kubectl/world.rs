//! A machine with a shell and kubectl on it, and a client whose objects stand still.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use podarium::{
    api::{
        ApiClient, Error, Kind, Object,
        client::{
            Answer, Body, DeleteOptions, Deleted, Dial, ExecOptions, List, ListOptions, LogOptions, Patch, Result,
            Session, Subresource, Watch, WriteOptions, Written,
        },
        patch,
        selector::LabelSelector,
    },
    kubectl,
    os::{ExitStatus, File, Filesystem, FsImage, Machine, Network, SpawnOptions, fs::Content},
    programs::Programs,
    sim::{self, Sim},
};
use serde_json::Value;

pub struct World {
    pub sim: Sim,
    machine: Machine,
}

/// What a command line did.
#[derive(Debug, Default, PartialEq)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    /// `None`: it did not end.
    pub code: Option<i32>,
}

/// A simulation whose clock shows `now`.
pub fn sim_at(now: &str, seed: u64) -> Sim {
    Sim::new(seed, now.parse().unwrap_or(Timestamp::UNIX_EPOCH))
}

impl World {
    pub fn new(sim: &Sim, network: &Network, client: Rc<dyn ApiClient>) -> World {
        let programs = Programs::with(BTreeMap::from([("kubectl".to_string(), kubectl::program(client))]));
        let names = programs.names();
        let mut image: Vec<(String, u32, u32, Content)> = names
            .into_iter()
            .map(|name| (format!("/bin/{name}"), 0o755, 0, Content::Program { name, size: 1000 }))
            .collect();
        for directory in ["/tmp", "/work", "/root"] {
            image.push((directory.to_string(), 0o777, 0, Content::Directory));
        }
        let root = Filesystem::new("overlay", Rc::new(FsImage::new(image)));
        let net = network.namespace("workstation");
        World { sim: sim.clone(), machine: Machine::new(sim, network, Rc::new(programs), "workstation", net, root) }
    }

    /// Objects that stand still, at a time.
    pub fn still(now: &str, client: &Rc<Still>) -> World {
        let sim = sim_at(now, 1);
        World::new(&sim, &Network::new(&sim), client.clone())
    }

    pub fn write(&self, name: &str, text: &str) {
        if let Some(root) = self.machine.namespaces().mnt.mounts().first() {
            let path = if name.starts_with('/') { name.to_string() } else { format!("/work/{name}") };
            if let Some((directory, _)) = path.rsplit_once('/') {
                let _ = root.fs.mkdir_all(directory, 0o755);
            }
            root.fs.write(&path, text.as_bytes(), 0o644).expect("a file that can be written");
        }
    }

    /// Runs a line of shell in /work until it ends, or for so long.
    pub fn run(&self, line: &str, limit: Duration) -> Ran {
        self.run_words(&["sh", "-c", line], limit)
    }

    pub fn run_words(&self, argv: &[&str], limit: Duration) -> Ran {
        let capture = || {
            let text = Rc::new(RefCell::new(Vec::new()));
            let sink = text.clone();
            (text, File::sink(move |data| sink.borrow_mut().extend_from_slice(data)))
        };
        let ((out, stdout), (err, stderr)) = (capture(), capture());
        let options = SpawnOptions {
            argv: argv.iter().map(|word| word.to_string()).collect(),
            env: BTreeMap::from([("PATH", "/bin"), ("HOME", "/root")].map(|(k, v)| (k.into(), v.into()))),
            cwd: "/work".into(),
            uid: 0,
            gid: 0,
            namespaces: self.machine.namespaces().clone(),
            stdin: File::null(),
            stdout,
            stderr,
            tty: None,
            cgroup: self.machine.cgroup().child("conformance"),
            oom_score_adj: 0,
        };
        let proc = self.machine.spawn(options).expect("a program");
        let deadline = self.sim.now() + limit;
        while proc.status().is_none()
            && self.sim.next_time().is_none_or(|next| next < deadline)
            && self.sim.step(1_000_000)
        {}
        let text = |data: &RefCell<Vec<u8>>| String::from_utf8_lossy(&data.borrow()).into_owned();
        let ran = Ran { stdout: text(&out), stderr: text(&err), code: proc.status().map(ExitStatus::code) };
        if ran.code.is_none() {
            self.machine.kill(&proc, podarium::os::Signal::KILL);
        }
        ran
    }
}

/// Answers from a list of objects; remembers what was asked of logs and sent in patches.
#[derive(Default)]
pub struct Still {
    pub objects: Vec<Object>,
    /// `namespace/pod/container`
    pub logs: RefCell<Vec<String>>,
    /// The objects as patches made them.
    pub patched: RefCell<Vec<Value>>,
    pub created: RefCell<Vec<Value>>,
    /// Pod, container and command.
    pub executed: RefCell<Vec<(String, String, Vec<String>)>>,
    pub writes: Cell<usize>,
}

impl Still {
    pub fn new(objects: Vec<Object>) -> Rc<Still> {
        Rc::new(Still { objects, ..Still::default() })
    }

    fn find(&self, kind: Kind, namespace: &str, name: &str) -> Result<Object> {
        let is = |object: &&Object| object.kind() == kind && object.namespace() == namespace && object.name() == name;
        self.objects.iter().find(is).cloned().ok_or_else(|| Error::not_found(kind, name))
    }
}

fn refused<'a, T: 'a>() -> Answer<'a, T> {
    Box::pin(async { Err(Error::internal("nothing changes here")) })
}

impl ApiClient for Still {
    fn get<'a>(&'a self, kind: Kind, namespace: &'a str, name: &'a str) -> Answer<'a, Object> {
        Box::pin(async move { self.find(kind, namespace, name) })
    }

    fn list<'a>(&'a self, kind: Kind, namespace: &'a str, options: ListOptions) -> Answer<'a, List> {
        Box::pin(async move {
            let labels = match options.label_selector.as_str() {
                "" => None,
                text => Some(LabelSelector::parse(text).map_err(Error::bad_request)?),
            };
            let involved = options.field_selector.split(',').find_map(|term| term.strip_prefix("involvedObject.name="));
            let chosen = self.objects.iter().filter(|object| {
                object.kind() == kind
                    && (namespace.is_empty() || object.namespace() == namespace)
                    && labels.as_ref().is_none_or(|labels| labels.matches(object.meta().labels.as_ref()))
                    && involved.is_none_or(|name| object.to_value()["involvedObject"]["name"] == name)
            });
            Ok(List { items: chosen.cloned().collect(), resource_version: 1 })
        })
    }

    fn watch<'a>(&'a self, _: Kind, _: &'a str, _: ListOptions) -> Answer<'a, Watch> {
        refused()
    }

    fn create<'a>(&'a self, kind: Kind, _: &'a str, body: Body, _: WriteOptions) -> Answer<'a, Written> {
        Box::pin(async move {
            self.writes.set(self.writes.get() + 1);
            let value = match body {
                Body::Json(value) => value,
                Body::Object(object) => object.to_value(),
            };
            self.created.borrow_mut().push(value.clone());
            let object = Object::from_value(kind, value).map_err(|error| Error::bad_request(error.to_string()))?;
            Ok(Written { object, warnings: Vec::new() })
        })
    }

    fn update<'a>(
        &'a self,
        _: Kind,
        _: &'a str,
        _: &'a str,
        _: Subresource,
        _: Body,
        _: WriteOptions,
    ) -> Answer<'a, Written> {
        refused()
    }

    fn patch<'a>(
        &'a self,
        kind: Kind,
        namespace: &'a str,
        name: &'a str,
        _: Subresource,
        patch: Patch,
        _: WriteOptions,
    ) -> Answer<'a, Written> {
        Box::pin(async move {
            self.writes.set(self.writes.get() + 1);
            let live = self.find(kind, namespace, name)?.to_value();
            let value = match patch {
                Patch::Json(patch) => patch::json_patch(&live, &patch),
                Patch::Merge(patch) | Patch::Apply(patch) => Ok(patch::json_merge(&live, &patch)),
                Patch::Strategic(patch) => patch::strategic(kind, &live, &patch),
            };
            let value = value.map_err(Error::bad_request)?;
            self.patched.borrow_mut().push(value.clone());
            let object = Object::from_value(kind, value).map_err(|error| Error::bad_request(error.to_string()))?;
            Ok(Written { object, warnings: Vec::new() })
        })
    }

    fn delete<'a>(&'a self, _: Kind, _: &'a str, _: &'a str, _: DeleteOptions) -> Answer<'a, Deleted> {
        refused()
    }

    fn bind<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str, _: &'a str) -> Answer<'a, ()> {
        refused()
    }

    fn evict<'a>(&'a self, _: &'a str, _: &'a str, _: DeleteOptions) -> Answer<'a, ()> {
        refused()
    }

    fn logs<'a>(
        &'a self,
        namespace: &'a str,
        name: &'a str,
        options: LogOptions,
    ) -> Answer<'a, sim::Receiver<Vec<u8>>> {
        Box::pin(async move {
            let container = options.container.unwrap_or_default();
            self.logs.borrow_mut().push(format!("{namespace}/{name}/{container}"));
            Ok(sim::channel().1)
        })
    }

    fn exec<'a>(&'a self, _: &'a str, name: &'a str, options: ExecOptions) -> Answer<'a, Session> {
        let container = options.container.unwrap_or_default();
        self.executed.borrow_mut().push((name.to_string(), container, options.command));
        refused()
    }

    fn attach<'a>(&'a self, _: &'a str, _: &'a str, _: ExecOptions) -> Answer<'a, Session> {
        refused()
    }

    fn port_forward<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, Dial> {
        refused()
    }

    fn version<'a>(&'a self) -> Answer<'a, String> {
        Box::pin(async { Ok("v1.36.2".to_string()) })
    }
}
