//! Static pods: they come from files of the node's disk, not from the apiserver, which gets a mirror of each to show.
//! Sources: kubernetes `pkg/kubelet/config/{common,file,file_linux}.go`, `pkg/kubelet/kubelet.go` (`SyncPod`,
//! `HandlePodCleanups`), `pkg/kubelet/pod/mirror_client.go`.
//!
//! Invariants:
//! - A static pod's uid is made from its node, its file and what it says, so a changed file is another pod.
//! - What the apiserver is told or asked about the mirror changes nothing of the static pod.
//! - A file that can't be read as a Pod changes nothing, as with the real kubelet's watch.

use std::{cell::Cell, cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use k8s_openapi::{
    api::core::v1::{PodStatus, Toleration},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};

use super::{Inner, next_beat, worker::Worker};
use crate::{
    api::{
        Kind, Object, Pod, Resource,
        client::{self, DeleteOptions, FieldValidation},
        decode, default, validate,
    },
    manifest,
    os::{Filesystem, fs::FileType},
    sim::{SimTime, Task},
};

/// Where kubeadm puts the manifests of the control plane.
pub const DIRECTORY: &str = "/etc/kubernetes/manifests";

const HASH: &str = "kubernetes.io/config.hash";
const MIRROR: &str = "kubernetes.io/config.mirror";
const SEEN: &str = "kubernetes.io/config.seen";
const SOURCE: &str = "kubernetes.io/config.source";

/// How often what should not be there is cleaned up, and how often statuses are compared with the server's.
const HOUSEKEEPING: Duration = Duration::from_secs(2);
const STATUS_SYNC: Duration = Duration::from_secs(10);

/// The files, by name: their text, and the pod of the last text that was one.
#[derive(Default)]
pub struct Manifests {
    files: RefCell<BTreeMap<String, File>>,
}

struct File {
    text: Vec<u8>,
    pod: Option<Rc<Pod>>,
}

/// What a worker of a static pod knows besides.
#[derive(Default)]
pub struct Static {
    /// Its file is gone, or says something else.
    removed: Cell<bool>,
    /// The uid of its mirror.
    mirror: RefCell<String>,
    /// Will write the status to a new mirror.
    resync: RefCell<Option<Task>>,
}

impl Static {
    pub fn is_removed(&self) -> bool {
        self.removed.get()
    }

    pub fn abort(&self) {
        let task = self.resync.take();
        if let Some(task) = task {
            task.abort();
        }
    }
}

/// The hash of the static pod that `pod` mirrors.
pub fn mirrored(pod: &Pod) -> Option<&str> {
    pod.metadata.annotations.as_ref()?.get(MIRROR).map(String::as_str)
}

impl Manifests {
    fn pods(&self) -> Vec<Rc<Pod>> {
        self.files.borrow().values().filter_map(|file| file.pod.clone()).collect()
    }
}

impl Inner {
    /// Runs what the files say, for ever.
    pub(super) async fn watch_manifests(self: Rc<Self>) {
        let changes = self.host_root.changes();
        loop {
            let changed = changes.notified();
            if self.read_manifests() {
                self.sync_statics();
            }
            changed.await;
        }
    }

    /// Reads the directory; true if a pod is new, other, or gone.
    fn read_manifests(&self) -> bool {
        let found = list(&self.host_root);
        let mut files = self.manifests.files.borrow_mut();
        let mut changed = false;
        files.retain(|name, file| {
            let there = found.contains_key(name);
            changed |= !there && file.pod.is_some();
            there
        });
        for (name, text) in found {
            let known = files.entry(name.clone()).or_insert_with(|| File { text: Vec::new(), pod: None });
            if known.text == text {
                continue;
            }
            // What isn't a Pod is logged by the kubelet, and what was known goes on.
            if let Some(pod) = self.static_pod(&format!("{DIRECTORY}/{name}"), &text) {
                known.pod = Some(pod);
                changed = true;
            }
            known.text = text;
        }
        changed
    }

    /// The pod that a file describes, as the kubelet completes it.
    fn static_pod(&self, path: &str, text: &[u8]) -> Option<Rc<Pod>> {
        let documents = manifest::parse(std::str::from_utf8(text).ok()?);
        let value = documents.docs().next()?.value.clone();
        if value.get("kind").and_then(|kind| kind.as_str()) != Some("Pod") {
            return None;
        }
        let (mut object, _) = decode::decode(Kind::Pod, value, FieldValidation::Ignore).ok()?;
        default::apply(&mut object);
        let Object::Pod(pod) = &mut object else { return None };
        let node = &self.config.name;
        let completed = Rc::make_mut(pod);
        let meta = &mut completed.metadata;
        let hash = hash(&[b"host:", node.as_bytes(), b"file:", path.as_bytes(), text]);
        meta.name = Some(format!("{}-{}", meta.name.as_deref().unwrap_or_default(), node.to_lowercase()));
        meta.namespace.get_or_insert_with(|| "default".into());
        meta.uid = Some(hash.clone());
        meta.annotations.get_or_insert_default().extend([
            (HASH.to_string(), hash),
            (SEEN.to_string(), self.sim.wall().to_string()),
            (SOURCE.to_string(), "file".to_string()),
        ]);
        let spec = completed.spec.get_or_insert_default();
        spec.node_name = Some(node.clone());
        let tolerations = spec.tolerations.get_or_insert_default();
        let toleration =
            Toleration { operator: Some("Exists".into()), effect: Some("NoExecute".into()), ..Toleration::default() };
        if !tolerations.contains(&toleration) {
            tolerations.push(toleration);
        }
        completed.status = Some(PodStatus { phase: Some("Pending".into()), ..PodStatus::default() }.into());
        match object {
            object if !validate::create(&object).is_empty() => None,
            Object::Pod(pod) => Some(pod),
            _ => None,
        }
    }

    /// Starts the static pods that don't run yet, and ends those that are no longer wanted. One waits until the one
    /// of its name before it has ended.
    pub(super) fn sync_statics(self: &Rc<Self>) {
        let wanted = self.manifests.pods();
        let workers: Vec<Rc<Worker>> = self.workers.borrow().values().filter(|w| w.fixed.is_some()).cloned().collect();
        for worker in &workers {
            if let Some(fixed) = worker.fixed.as_ref().filter(|_| wanted.iter().all(|pod| pod.uid() != worker.uid()))
                && !fixed.removed.replace(true)
            {
                worker.poke();
            }
        }
        for pod in wanted {
            let same = |worker: &Rc<Worker>| {
                let other = worker.pod();
                (other.namespace(), other.name()) == (pod.namespace(), pod.name())
            };
            if !workers.iter().any(same) {
                let worker = Worker::new(self, pod.clone());
                self.workers.borrow_mut().insert(pod.uid().to_string(), worker.clone());
                worker.begin();
            }
        }
    }

    fn static_worker(&self, namespace: &str, name: &str) -> Option<Rc<Worker>> {
        let workers = self.workers.borrow();
        let mut fixed = workers.values().filter(|worker| worker.fixed.is_some());
        fixed
            .find(|worker| {
                let pod = worker.pod();
                (pod.namespace(), pod.name()) == (namespace, name)
            })
            .cloned()
    }

    /// A mirror of this node's was written: one that goes, or that isn't of the pod that runs, is made again.
    pub(super) fn mirror_changed(self: &Rc<Self>, mirror: &Rc<Pod>) {
        match self.static_worker(mirror.namespace(), mirror.name()) {
            Some(worker) => {
                let other = mirrored(mirror) != Some(worker.uid());
                if mirror.metadata.deletion_timestamp.is_some() || other {
                    worker.poke();
                }
            }
            None => {
                let (kubelet, mirror) = (self.clone(), mirror.clone());
                self.sim.spawn(async move {
                    kubelet.sim.sleep_until(kubelet.next_housekeeping()).await;
                    if kubelet.running.get() && kubelet.static_worker(mirror.namespace(), mirror.name()).is_none() {
                        kubelet.delete_mirror(&mirror).await;
                    }
                });
            }
        }
    }

    pub(super) fn mirror_removed(&self, mirror: &Pod) {
        if let Some(worker) = self.static_worker(mirror.namespace(), mirror.name()) {
            worker.poke();
        }
    }

    /// The worker of a pod by the uid that the server knows: a static pod's is its mirror's.
    pub(super) fn worker_of(&self, uid: &str) -> Option<Rc<Worker>> {
        let workers = self.workers.borrow();
        let mirrors = |worker: &&Rc<Worker>| worker.fixed.as_ref().is_some_and(|fixed| *fixed.mirror.borrow() == uid);
        workers.get(uid).or_else(|| workers.values().find(mirrors)).cloned()
    }

    fn next_housekeeping(&self) -> SimTime {
        next_beat(self.sim.now(), self.tick_phase, HOUSEKEEPING)
    }

    async fn delete_mirror(&self, mirror: &Pod) {
        let options = DeleteOptions {
            grace_period_seconds: Some(0),
            precondition_uid: mirror.metadata.uid.clone(),
            ..DeleteOptions::default()
        };
        // Gone already: there is nothing to take back.
        let _done = self.client.delete(Kind::Pod, mirror.namespace(), mirror.name(), options).await;
    }
}

impl Worker {
    /// Sees to it that the apiserver has a mirror of this static pod.
    pub(super) async fn keep_mirror(self: &Rc<Self>, kubelet: &Rc<Inner>, pod: &Pod) {
        let Some(fixed) = &self.fixed else { return };
        let found = client::get::<Pod>(&*kubelet.client, pod.namespace(), pod.name()).await;
        match found {
            Ok(mirror) if mirror.metadata.deletion_timestamp.is_some() || mirrored(&mirror) != Some(self.uid()) => {
                kubelet.delete_mirror(&mirror).await;
            }
            Ok(mirror) => return drop(fixed.mirror.replace(mirror.uid().into())),
            Err(error) if error.is_not_found() => {}
            Err(_) => return,
        }
        let mut mirror = pod.clone();
        let meta = &mut mirror.metadata;
        meta.uid = None;
        meta.annotations.get_or_insert_default().insert(MIRROR.into(), self.uid.clone());
        meta.owner_references = Some(vec![OwnerReference {
            api_version: "v1".into(),
            kind: "Node".into(),
            name: kubelet.config.name.clone(),
            uid: kubelet.node.borrow().uid().into(),
            controller: Some(true),
            block_owner_deletion: None,
        }]);
        // Where it can't be made (no such namespace), the next sync tries again; the pod runs all the same.
        if let Ok(mirror) = client::create(&*kubelet.client, mirror).await {
            fixed.mirror.replace(mirror.uid().into());
        }
        // What is known of the pod by now comes with the next comparison of statuses.
        let (me, sim) = (Rc::downgrade(self), kubelet.sim.clone());
        let beat = next_beat(sim.now(), kubelet.tick_phase, STATUS_SYNC);
        let task = kubelet.sim.spawn(async move {
            sim.sleep_until(beat).await;
            if let Some(me) = me.upgrade()
                && let Some(kubelet) = me.kubelet.upgrade()
            {
                me.tell_mirror(&kubelet).await;
            }
        });
        let before = fixed.resync.replace(Some(task));
        if let Some(before) = before {
            before.abort();
        }
    }

    /// Writes the static pod's status to its mirror, if there is one.
    pub(super) async fn tell_mirror(&self, kubelet: &Inner) {
        let told = self.told();
        let Some(status) = &told.status else { return };
        for _ in 0..5 {
            let found = client::get::<Pod>(&*kubelet.client, told.namespace(), told.name()).await;
            let Ok(mirror) = found else { return };
            if mirrored(&mirror) != Some(self.uid()) {
                return;
            }
            let mut status = status.clone();
            if let Some(server) = &mirror.status {
                super::tell::keep_foreign(&mut status, server);
                if status == *server {
                    return;
                }
            }
            let next = Pod { metadata: mirror.metadata.clone(), spec: mirror.spec.clone(), status: Some(status) };
            match client::update_status(&*kubelet.client, Rc::new(next)).await {
                Err(error) if error.is_conflict() => {}
                _ => return,
            }
        }
    }

    /// The end of a static pod: it is forgotten when its file is gone, and then so is its mirror.
    pub(super) async fn end_static(self: &Rc<Self>, kubelet: &Rc<Inner>, fixed: &Static) {
        while !fixed.is_removed() {
            let woken = self.wake.notified();
            if fixed.is_removed() {
                break;
            }
            woken.await;
        }
        kubelet.sim.sleep_until(kubelet.next_housekeeping()).await;
        let pod = self.pod();
        let found = client::get::<Pod>(&*kubelet.client, pod.namespace(), pod.name()).await;
        if let Ok(mirror) = found
            && mirrored(&mirror) == Some(self.uid())
        {
            kubelet.delete_mirror(&mirror).await;
        }
        kubelet.forget(&self.uid);
        kubelet.sync_statics();
    }
}

/// The files of the directory with their contents, but for hidden ones.
fn list(root: &Filesystem) -> BTreeMap<String, Vec<u8>> {
    let names = root.names(DIRECTORY).unwrap_or_default();
    let file = |name: String| {
        let path = format!("{DIRECTORY}/{name}");
        let regular = root.stat(&path).is_ok_and(|stat| stat.file_type == FileType::Regular);
        let text = if regular && !name.starts_with('.') { root.read(&path).ok() } else { None };
        text.map(|text| (name, text))
    };
    names.into_iter().filter_map(file).collect()
}

/// 32 hexadecimal digits that tell texts apart.
fn hash(parts: &[&[u8]]) -> String {
    // FNV-1a.
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in parts.iter().copied().flatten() {
        hash = (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    format!("{hash:032x}")
}
