//! The machine that a person sits at: a shell, kubectl, and the workspace's files in the home
//! directory.

use std::{collections::BTreeMap, rc::Rc};

use super::{cluster::Cluster, command};
use crate::{
    kubectl,
    os::{Errno, File, Filesystem, FsImage, Machine, Proc, SpawnOptions, Tty, fs::Content, fs::Mount},
    programs::{self, Programs},
    registry::Workspace,
    sim::Sim,
};

pub(super) const HOME: &str = "/home/user";
const UID: u32 = 1000;

/// Where kubectl finds the cluster, as kind writes it.
const KUBECONFIG: &str = "\
apiVersion: v1
clusters:
- cluster:
    server: https://172.18.0.2:6443
  name: kind-podarium
contexts:
- context:
    cluster: kind-podarium
    user: kind-podarium
  name: kind-podarium
current-context: kind-podarium
kind: Config
users:
- name: kind-podarium
  user: {}
";

/// The workstation. Its workspace is the file system mounted at [`HOME`].
pub(super) struct Workstation {
    machine: Machine,
    workspace: Filesystem,
}

impl Workstation {
    pub(super) fn start(sim: &Sim, cluster: &Rc<Cluster>, files: &BTreeMap<String, Vec<u8>>) -> Workstation {
        let client = cluster.client();
        let extra = BTreeMap::from([
            ("kubectl".to_string(), kubectl::program(client.clone())),
            ("lab".to_string(), command::program(cluster.clone())),
        ]);
        let programs = Programs::with(extra)
            .describe("kubectl", "talk to the cluster")
            .describe("lab", "the laboratory itself: stop and start nodes, cut the internet off")
            .with_completer("kubectl", kubectl::completer(client));
        let net = cluster.network().namespace("workstation");
        cluster.attach(&net, "172.18.0.1");
        let served = cluster.internet().serve_nodes(sim, &net, cluster.addresses());
        debug_assert!(served.is_ok(), "nobody else is there yet");
        let root = Filesystem::new("overlay", Rc::new(image()));
        let machine = Machine::new(sim, cluster.network(), Rc::new(programs), "workstation", net, root);
        let workspace = Filesystem::empty("tmpfs", None);
        workspace.set_clock(sim);
        let mounted = machine.namespaces().mnt.mount(Mount {
            target: HOME.to_string(),
            fs: workspace.clone(),
            source: "/".to_string(),
            read_only: false,
        });
        debug_assert!(mounted.is_ok(), "the home directory is part of the image");
        cluster.catalogue().set_workspace(Rc::new(Manifests(workspace.clone())));
        let workstation = Workstation { machine, workspace };
        // The root of a fresh file system can always be given away.
        let _ = workstation.workspace.chown("/", Some(UID), Some(UID));
        workstation.write_file(".kube/config", KUBECONFIG.as_bytes());
        for (path, data) in files {
            workstation.write_file(path, data);
        }
        workstation
    }

    /// Starts `argv` in the home directory.
    pub(super) fn spawn(&self, argv: &[&str], files: [File; 3], tty: Option<Tty>) -> Result<Proc, Errno> {
        spawn(&self.machine, argv, files, tty)
    }

    pub(super) fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let paths = self.workspace.files().into_iter().map(|(path, _)| path);
        paths
            .filter_map(|path| {
                let data = self.workspace.read(&path).ok()?;
                Some((path.trim_start_matches('/').to_string(), data))
            })
            .collect()
    }

    pub(super) fn files_revision(&self) -> u64 {
        self.workspace.revision()
    }

    /// Writes a file of the workspace. A path that can't be written (a directory, say) is left as it
    /// is; the editor shows what the files hold.
    pub(super) fn write_file(&self, path: &str, data: &[u8]) {
        let path = workspace_path(path);
        let mut made = String::new();
        for part in path.trim_start_matches('/').split('/') {
            if self.workspace.exists(&path) {
                break;
            }
            if !made.is_empty() && !self.workspace.exists(&made) {
                let _ = self.workspace.mkdir_all(&made, 0o755);
                let _ = self.workspace.chown(&made, Some(UID), Some(UID));
            }
            made = format!("{made}/{part}");
        }
        if self.workspace.write(&path, data, 0o644).is_ok() {
            let _ = self.workspace.chown(&path, Some(UID), Some(UID));
        }
    }

    pub(super) fn read_file(&self, path: &str) -> Option<Vec<u8>> {
        self.workspace.read(&workspace_path(path)).ok()
    }

    /// Replaces `removed` bytes at `at`; what lies beyond the file's end is taken to be its end.
    pub(super) fn edit_file(&self, path: &str, at: usize, removed: usize, data: &[u8]) {
        let mut text = self.read_file(path).unwrap_or_default();
        let at = at.min(text.len());
        let end = at.saturating_add(removed).min(text.len());
        text.splice(at..end, data.iter().copied());
        self.write_file(path, &text);
    }

    pub(super) fn remove_file(&self, path: &str) {
        // Gone already is as good as removed.
        let _ = self.workspace.remove(&workspace_path(path));
    }

    pub(super) fn rename_file(&self, from: &str, to: &str) {
        // A name that can't be taken leaves the file as it was.
        let _ = self.workspace.rename(&workspace_path(from), &workspace_path(to));
    }
}

/// The workspace, as registries see it.
struct Manifests(Filesystem);

impl Workspace for Manifests {
    fn revision(&self) -> u64 {
        self.0.revision()
    }

    fn manifests(&self) -> Vec<(String, Vec<u8>)> {
        let paths = self.0.files().into_iter().map(|(path, _)| path);
        let is_manifest = |path: &String| [".yaml", ".yml", ".json"].iter().any(|end| path.ends_with(end));
        paths
            .filter(is_manifest)
            .filter_map(|path| Some((path.trim_start_matches('/').to_string(), self.0.read(&path).ok()?)))
            .collect()
    }
}

/// Starts `argv` on the workstation, in the home directory.
pub(super) fn spawn(
    machine: &Machine,
    argv: &[&str],
    [stdin, stdout, stderr]: [File; 3],
    tty: Option<Tty>,
) -> Result<Proc, Errno> {
    let mut env: BTreeMap<String, String> = [
        ("HOME", HOME),
        ("USER", "user"),
        ("LOGNAME", "user"),
        ("SHELL", "/bin/bash"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "C.UTF-8"),
        ("PWD", HOME),
    ]
    .map(|(key, value)| (key.to_string(), value.to_string()))
    .into();
    if tty.is_some() {
        env.insert("TERM".into(), "xterm-256color".into());
        env.insert("PS1".into(), r"\w \$ ".into());
    }
    machine.spawn(SpawnOptions {
        argv: argv.iter().map(|s| s.to_string()).collect(),
        env,
        cwd: HOME.to_string(),
        uid: UID,
        gid: UID,
        namespaces: machine.namespaces().clone(),
        stdin,
        stdout,
        stderr,
        tty,
        cgroup: machine.cgroup().child("user.slice"),
        oom_score_adj: 0,
    })
}

fn workspace_path(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|p| !matches!(*p, "" | "." | "..")).collect();
    format!("/{}", parts.join("/"))
}

/// The workstation's own files: the tools that a person's machine has, without any server.
fn image() -> FsImage {
    let tables = [programs::sh::TABLE, programs::coreutils::TABLE, programs::procutils::TABLE, programs::net::TABLE];
    let names = tables.iter().flat_map(|table| table.iter()).map(|entry| entry.name);
    let tools = names.filter(|name| !name.starts_with("busybox")).chain(["kubectl", "lab"]);
    let mut files: Vec<(String, u32, u32, Content)> = tools
        .map(|name| (format!("/usr/bin/{name}"), 0o755, 0, Content::Program { name: name.into(), size: 65_536 }))
        .collect();
    let text = |path: &str, text: &str| (path.to_string(), 0o644, 0, Content::Data(text.as_bytes().into()));
    files.extend([
        ("/bin".to_string(), 0o777, 0, Content::Symlink("usr/bin".into())),
        ("/tmp".to_string(), 0o1777, 0, Content::Directory),
        ("/root".to_string(), 0o700, 0, Content::Directory),
        ("/usr/local/bin".to_string(), 0o755, 0, Content::Directory),
        (HOME.to_string(), 0o755, UID, Content::Directory),
        text("/etc/hostname", "workstation\n"),
        text("/etc/hosts", "127.0.0.1\tlocalhost\n172.18.0.1\tworkstation\n"),
        text("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000::/home/user:/bin/bash\n"),
        text("/etc/group", "root:x:0:\nuser:x:1000:\n"),
        text("/etc/os-release", "PRETTY_NAME=\"Podarium workstation\"\nNAME=\"Podarium\"\nID=podarium\n"),
    ]);
    FsImage::new(files)
}
