//! Starting a sandbox and a container.
//! Source: kubernetes `pkg/kubelet/kuberuntime/kuberuntime_container.go`, `startContainer`.

use std::{
    net::{IpAddr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use k8s_openapi::{
    api::core::v1::{self, ContainerPort, EphemeralContainer},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{
    Inner,
    actions::container_hash,
    backoff::go_duration,
    cgroups::{self, container_limits, oom_score_adj},
    env::{Env, expand_all},
    hooks,
    hosts::{host_network_hosts_file, hostname_and_domain, hosts_file, kernel_hostname, node_hosts_file, resolv_conf},
    images::{self, Wanted, ensure},
    kill,
    runtime::{Container, ContainerOptions, Sandbox, SandboxOptions, user},
    status::{RecordState, Runtime},
    worker::Worker,
};
use crate::{
    api::{Container as ContainerSpec, Pod, PodSpec, Resource},
    apiserver::events::EventType,
    os::{
        Capabilities, Capability, Cgroup, Filesystem, FsImage, PidNs, Privileges,
        fs::{Content, Mount},
    },
    registry::Image,
    sim::SimTime,
};

/// Each container's /dev/shm.
const SHM_BYTES: u64 = 64 << 20;
/// The node's name server, as kind's nodes have it.
const NODE_RESOLVER: &str = "172.18.0.1";
const MESSAGE_PATH: &str = "/dev/termination-log";

/// `web_default(UID)`.
pub fn pod_label(pod: &Pod) -> String {
    format!("{}_{}({})", pod.name(), pod.namespace(), pod.uid())
}

/// An ephemeral container as the ordinary one that it runs like.
pub fn ephemeral(container: &EphemeralContainer) -> ContainerSpec {
    let c = container.clone();
    ContainerSpec::from(v1::Container {
        name: c.name,
        image: c.image,
        command: c.command,
        args: c.args,
        working_dir: c.working_dir,
        env: c.env,
        env_from: c.env_from,
        volume_mounts: c.volume_mounts,
        security_context: c.security_context,
        image_pull_policy: c.image_pull_policy,
        termination_message_path: c.termination_message_path,
        termination_message_policy: c.termination_message_policy,
        stdin: c.stdin,
        stdin_once: c.stdin_once,
        tty: c.tty,
        ..v1::Container::default()
    })
}

/// A failed start: reason and message of the waiting state, and what the event says.
struct Failed {
    reason: String,
    message: String,
}

impl Failed {
    fn new(reason: &str, message: impl Into<String>) -> Failed {
        Failed { reason: reason.into(), message: message.into() }
    }
}

impl Worker {
    /// The pod's control group, made when it is first needed.
    fn cgroup(&self, kubelet: &Inner, pod: &Pod) -> Cgroup {
        self.cgroup.borrow_mut().get_or_insert_with(|| kubelet.cgroups.pod(&kubelet.machine, pod)).clone()
    }

    pub(super) async fn create_sandbox(
        self: &Rc<Self>,
        kubelet: &Rc<Inner>,
        pod: &Pod,
        attempt: u32,
    ) -> Result<(), ()> {
        let none = PodSpec::default();
        let spec = pod.spec.as_deref().unwrap_or(&none);
        let host_network = spec.host_network == Some(true);
        let id: Rc<str> = kubelet.rng.borrow_mut().hex(64).into();
        let fail = |text: String| {
            let text = format!("Failed to create pod sandbox: rpc error: code = Unknown desc = {text}");
            kubelet.event(pod, None, EventType::Warning, "FailedCreatePodSandBox", text);
        };
        let hostname = kernel_hostname(pod).map_err(&fail)?;
        let address = match (&kubelet.ipam, host_network) {
            (_, true) => None,
            (Some(ipam), false) => match ipam.take() {
                Some(address) => Some((address, ipam.prefix, ipam.gateway())),
                None => {
                    let (first, last) = ipam.range();
                    fail(format!(
                        "failed to setup network for sandbox \"{id}\": plugin type=\"ptp\" failed (add): failed to \
                         allocate for range 0: no IP addresses available in range set: {first}-{last}"
                    ));
                    return Err(());
                }
            },
            (None, false) => {
                fail(format!("failed to setup network for sandbox \"{id}\": cni plugin not initialized"));
                return Err(());
            }
        };
        let options = SandboxOptions {
            id,
            attempt,
            name: format!("{}/{}", pod.namespace(), pod.name()),
            hostname,
            host_network,
            host_pid: spec.host_pid == Some(true),
            host_ipc: spec.host_ipc == Some(true),
            share_pids: spec.share_process_namespace == Some(true),
            host_ports: host_ports(kubelet, spec),
            cgroup: self.cgroup(kubelet, pod),
            oom_score_adj: cgroups::PAUSE_ADJ,
        };
        let me = Rc::downgrade(self);
        let ended = move || {
            if let Some(me) = me.upgrade() {
                me.runtime_changed();
            }
        };
        match Sandbox::create(&kubelet.machine, &kubelet.pause_root, options, address, ended) {
            Ok(sandbox) => {
                *self.sandbox.borrow_mut() = Some(sandbox);
                self.last_attempt.set(Some(attempt));
                self.files.take();
                self.runtime_changed();
                Ok(())
            }
            Err(errno) => {
                if let (Some(ipam), Some((address, ..))) = (&kubelet.ipam, address) {
                    ipam.free(address);
                }
                fail(format!("failed to setup network for sandbox: {}", errno.text().to_lowercase()));
                Err(())
            }
        }
    }

    /// Starts a container, unless it must wait. The error: how long its back-off still lasts, or
    /// `None` for another failure.
    pub(super) async fn start_container(
        self: &Rc<Self>,
        kubelet: &Rc<Inner>,
        pod: &Rc<Pod>,
        runtime: &Runtime,
        container: &ContainerSpec,
        path: &str,
    ) -> Result<(), Option<Duration>> {
        let name = &container.name;
        if let Some(left) = self.back_off(kubelet, pod, runtime, container, path) {
            return Err(Some(left));
        }
        match self.create_and_start(kubelet, pod, runtime, container, path).await {
            Ok(()) => {
                self.reasons.borrow_mut().remove(name);
                self.restarts_at.borrow_mut().remove(name);
                Ok(())
            }
            Err(Failed { reason, message }) => {
                self.reasons.borrow_mut().insert(name.clone(), (reason, message));
                Err(None)
            }
        }
    }

    /// The wait before a container that crashed is started again, if it isn't over (`doBackOff`).
    fn back_off(
        &self,
        kubelet: &Inner,
        pod: &Pod,
        runtime: &Runtime,
        container: &ContainerSpec,
        path: &str,
    ) -> Option<Duration> {
        let name = &container.name;
        let record = runtime.containers.iter().find(|r| r.name == *name && r.state == RecordState::Exited)?;
        let containers = self.containers.borrow();
        let finished: SimTime =
            containers.iter().find(|c| record.id.ends_with(&*c.id)).and_then(|c| c.finished_at())?;
        let key = format!("{name}_{:x}", container_hash(container));
        let now = kubelet.sim.now();
        let mut backoff = self.crash_backoff.borrow_mut();
        if !backoff.restarts_late(&key, finished, now) {
            return None;
        }
        let wait = backoff.wait(&key);
        let label = pod_label(pod);
        let text = format!("Back-off restarting failed container {name} in pod {label}");
        kubelet.event(pod, Some(path), EventType::Warning, "BackOff", text);
        let message = format!("back-off {} restarting failed container={name} pod={label}", go_duration(wait));
        self.reasons.borrow_mut().insert(name.clone(), ("CrashLoopBackOff".into(), message));
        self.restarts_at.borrow_mut().insert(name.clone(), finished + wait);
        Some((finished + wait).since(now))
    }

    async fn create_and_start(
        self: &Rc<Self>,
        kubelet: &Rc<Inner>,
        pod: &Rc<Pod>,
        runtime: &Runtime,
        container: &ContainerSpec,
        path: &str,
    ) -> Result<(), Failed> {
        let warn = |reason: &str, text: String| kubelet.event(pod, Some(path), EventType::Warning, reason, text);
        let record = |kind, reason: &str, text: String| kubelet.event(pod, Some(path), kind, reason, text);
        self.image_volume_fault(container, warn)?;
        let policy = container.image_pull_policy.as_deref();
        let image = container.image.as_deref().unwrap_or_default();
        let image = self.ensure_image(kubelet, image, policy, &record).await.map_err(|(reason, message)| {
            warn("Failed", format!("Error: {reason}"));
            Failed { reason, message }
        })?;
        let failed = |failed: Failed| {
            warn("Failed", format!("Error: {}", failed.message));
            failed
        };
        let created = Box::pin(self.create(kubelet, pod, runtime, container, image)).await.map_err(failed)?;
        kubelet.event(pod, Some(path), EventType::Normal, "Created", "Container created");
        self.add(created.clone());
        let me = Rc::downgrade(self);
        let ended = move || {
            if let Some(me) = me.upgrade() {
                me.runtime_changed();
            }
        };
        if let Err(text) = created.start(&kubelet.machine, ended) {
            return Err(failed(Failed::new("RunContainerError", text)));
        }
        kubelet.event(pod, Some(path), EventType::Normal, "Started", "Container started");
        let hook = container.lifecycle.as_ref().and_then(|l| l.post_start.as_ref());
        if let Some(hook) = hook
            && let Err(message) = Box::pin(hooks::run(kubelet, self, pod, container, &created, hook)).await
        {
            warn("FailedPostStartHook", "PostStartHook failed".into());
            let grace = kill::grace_period(pod, &container.name, super::actions::KillReason::Other);
            Box::pin(self.kill_container(kubelet, pod, &created.id, "FailedPostStartHook", grace, None)).await;
            return Err(Failed::new("PostStartHookError", message));
        }
        Ok(())
    }

    /// Has an image for this pod on the node, pulled if need be.
    async fn ensure_image(
        &self,
        kubelet: &Inner,
        image: &str,
        policy: Option<&str>,
        record: &dyn Fn(EventType, &str, String),
    ) -> Result<Rc<Image>, images::Refusal> {
        let credentials = self.credentials.borrow().clone();
        let wanted = Wanted { image, policy, credentials: &credentials };
        ensure(&kubelet.images, &kubelet.sim, &kubelet.pull_backoff, self.uid(), &wanted, record).await
    }

    /// Has the images on the node that the pod mounts, or remembers why not (`getImageVolumes`).
    pub(super) async fn ensure_image_volumes(&self, kubelet: &Inner, pod: &Pod) {
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
        let record = |kind, reason: &str, text: String| kubelet.event(pod, None, kind, reason, text);
        for volume in volumes {
            let Some(source) = &volume.image else { continue };
            let reference = source.reference.as_deref().unwrap_or_default();
            let found = self.ensure_image(kubelet, reference, source.pull_policy.as_deref(), &record).await;
            self.volumes.set_image(&volume.name, found);
        }
    }

    /// Why a container can't have the images that it mounts.
    fn image_volume_fault(&self, container: &ContainerSpec, warn: impl Fn(&str, String)) -> Result<(), Failed> {
        let mut first = None;
        for mount in container.volume_mounts.iter().flatten() {
            if let Some((reason, message)) = self.volumes.image_fault(&mount.name) {
                warn("Failed", format!("Error: {reason}"));
                first.get_or_insert(Failed { reason, message });
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Remembers a new instance, and of the older ones of its name only the last.
    fn add(&self, created: Rc<Container>) {
        let mut containers = self.containers.borrow_mut();
        let mut same = 0;
        let name = created.name.clone();
        containers.insert(0, created);
        containers.retain(|c| {
            same += usize::from(c.name == name);
            c.name != name || same <= 2
        });
        self.runtime_changed();
    }

    async fn create(
        &self,
        kubelet: &Inner,
        pod: &Pod,
        runtime: &Runtime,
        container: &ContainerSpec,
        image: Rc<Image>,
    ) -> Result<Rc<Container>, Failed> {
        let config_error = |message: String| Failed::new("CreateContainerConfigError", message);
        let Some(sandbox) = self.sandbox.borrow().clone() else {
            return Err(Failed::new("CreateContainerError", "sandbox not found"));
        };
        let restart_count = match runtime.find(&container.name) {
            Some(record) => record.restart_count + 1,
            None => self.last_count(&container.name),
        };
        let target = self.target(pod, &container.name)?;
        let environment = self.environment(kubelet, pod, container).await.map_err(config_error)?;
        let user = self.user(pod, container, &image)?;
        let mut mounts = Vec::new();
        for mount in container.volume_mounts.iter().flatten() {
            if let Some(fault) = self.volumes.image_subpath_fault(mount, &environment, &sandbox.id) {
                return Err(Failed::new("CreateContainerError", fault));
            }
            mounts.push(self.volumes.mount(mount, &environment).map_err(config_error)?);
        }
        let mut env: Env = image.config.env.iter().cloned().collect();
        let command = expand_all(container.command.as_deref(), &environment);
        let args = expand_all(container.args.as_deref(), &environment);
        env.extend(environment);
        let argv = match (command.is_empty(), args.is_empty()) {
            (false, _) => [command, args].concat(),
            (true, false) => [image.config.entrypoint.clone(), args].concat(),
            (true, true) => [image.config.entrypoint.clone(), image.config.cmd.clone()].concat(),
        };
        if argv.is_empty() {
            let text = "failed to generate container spec: failed to apply OCI options: no command specified";
            return Err(Failed::new("CreateContainerError", text));
        }
        let message_path = container.termination_message_path.clone().unwrap_or_else(|| MESSAGE_PATH.into());
        self.pod_mounts(kubelet, pod, container, restart_count, &message_path, &mut mounts);
        let cwd = container.working_dir.clone().filter(|dir| !dir.is_empty());
        let id = kubelet.rng.borrow_mut().hex(64).into();
        let options = ContainerOptions {
            id,
            name: container.name.clone(),
            hash: container_hash(container),
            restart_count,
            argv,
            env,
            cwd: cwd.unwrap_or_else(|| image.config.working_dir.clone()),
            user,
            privileges: privileges(pod, container),
            image,
            read_only_root: container
                .security_context
                .as_ref()
                .is_some_and(|s| s.read_only_root_filesystem == Some(true)),
            mounts,
            stdin: container.stdin == Some(true),
            tty: container.tty == Some(true),
            message_path,
            fallback_to_logs: container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError"),
            target,
            limits: container_limits(container),
            oom_score_adj: oom_score_adj(
                pod,
                container,
                i64::try_from(kubelet.capacity.borrow().memory_bytes()).unwrap_or(i64::MAX),
            ),
        };
        Container::create(&kubelet.machine, &sandbox, options).map_err(|text| Failed::new("RunContainerError", text))
    }

    /// The processes that an ephemeral container wants to see.
    fn target(&self, pod: &Pod, name: &str) -> Result<Option<PidNs>, Failed> {
        let mut ephemeral = pod.spec.iter().flat_map(|spec| spec.ephemeral_containers.iter().flatten());
        let wanted = ephemeral.find(|c| c.name == name).and_then(|c| c.target_container_name.as_deref());
        let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else { return Ok(None) };
        let Some(target) = self.containers.borrow().iter().find(|c| c.name == wanted).cloned() else {
            let text = format!("unable to find target container {wanted}");
            return Err(Failed::new("CreateContainerConfigError", text));
        };
        match target.processes() {
            Some(processes) => Ok(Some(processes)),
            None => Err(Failed::new(
                "CreateContainerError",
                format!(
                    "invalid target container: container \"{}\" is not running - in state CONTAINER_EXITED",
                    target.id
                ),
            )),
        }
    }

    /// The restart count of a container of which the runtime has nothing: its last one is still in
    /// its status.
    fn last_count(&self, name: &str) -> i32 {
        let status = self.status();
        let all = status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten());
        all.filter(|s| s.name == name).map(|s| s.restart_count).next().unwrap_or(0)
    }

    fn user(&self, pod: &Pod, container: &ContainerSpec, image: &Image) -> Result<user::User, Failed> {
        let of_pod = pod.spec.as_ref().and_then(|spec| spec.security_context.as_ref());
        let own = container.security_context.as_ref();
        let id = |id: Option<i64>| id.and_then(|id| u32::try_from(id).ok());
        let uid = id(own.and_then(|s| s.run_as_user).or(of_pod.and_then(|s| s.run_as_user)));
        let gid = id(own.and_then(|s| s.run_as_group).or(of_pod.and_then(|s| s.run_as_group)));
        let non_root = own.and_then(|s| s.run_as_non_root).or(of_pod.and_then(|s| s.run_as_non_root)) == Some(true);
        if non_root {
            let place = format!("(pod: \"{}\", container: {})", pod_label(pod), container.name);
            let name = image.config.user.split(':').next().unwrap_or_default();
            let refusal = match (uid, name, name.parse::<u32>()) {
                (Some(0), ..) => Some(format!("container's runAsUser breaks non-root policy {place}")),
                (Some(_), ..) => None,
                (None, "", _) | (None, _, Ok(0)) => {
                    Some(format!("container has runAsNonRoot and image will run as root {place}"))
                }
                (None, name, Err(_)) => Some(format!(
                    "container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root \
                     {place}"
                )),
                _ => None,
            };
            if let Some(message) = refusal {
                return Err(Failed::new("CreateContainerConfigError", message));
            }
        }
        let groups = of_pod.into_iter().flat_map(|s| s.supplemental_groups.iter().flatten().chain(&s.fs_group));
        let wanted = user::Wanted {
            uid,
            gid,
            groups: groups.filter_map(|group| u32::try_from(*group).ok()).collect(),
            strict: of_pod.and_then(|s| s.supplemental_groups_policy.as_deref()) == Some("Strict"),
        };
        let root = Filesystem::new("overlay", image.fs());
        user::resolve(&image.config.user, &wanted, &root).map_err(|text| Failed::new("CreateContainerError", text))
    }

    /// What every container gets: hosts, hostname, resolv.conf, shared memory, a place for its
    /// termination message. A volume mounted there wins.
    fn pod_mounts(
        &self,
        kubelet: &Inner,
        pod: &Pod,
        container: &ContainerSpec,
        restart_count: i32,
        message_path: &str,
        mounts: &mut Vec<Mount>,
    ) {
        let files =
            self.files.borrow_mut().get_or_insert_with(|| pod_files(kubelet, pod, &self.pod_ips(kubelet))).clone();
        let host_ipc = pod.spec.as_ref().and_then(|spec| spec.host_ipc) == Some(true);
        let shm = if host_ipc { kubelet.shm() } else { self.shm.borrow_mut().get_or_insert_with(new_shm).clone() };
        let message = format!("/{}.{restart_count}", container.name);
        let made = files.write(&message, b"", 0o666);
        let mut add = |target: &str, fs: Filesystem, source: &str| {
            if !mounts.iter().any(|mount| mount.target == target) {
                mounts.push(Mount { target: target.into(), fs, source: source.into(), read_only: false });
            }
        };
        if made.is_ok() {
            add(message_path, files.clone(), &message);
        }
        add("/etc/hosts", files.clone(), "/etc-hosts");
        add("/etc/hostname", files.clone(), "/hostname");
        add("/etc/resolv.conf", files, "/resolv.conf");
        add("/dev/shm", shm, "/");
    }
}

fn new_shm() -> Filesystem {
    Filesystem::empty("tmpfs", Some(SHM_BYTES))
}

impl Inner {
    /// The machine's own /dev/shm: as large as half of its memory.
    pub(super) fn shm(&self) -> Filesystem {
        let make = || Filesystem::empty("tmpfs", Some(self.capacity.borrow().memory_bytes() / 2));
        self.host_shm.borrow_mut().get_or_insert_with(make).clone()
    }
}

/// What the security context lets the container's processes do, as containerd sets it: all are added or dropped first.
fn privileges(pod: &Pod, container: &ContainerSpec) -> Privileges {
    let of_pod = pod.spec.as_ref().and_then(|spec| spec.security_context.as_ref());
    let own = container.security_context.as_ref();
    let privileged = own.and_then(|s| s.privileged) == Some(true);
    let wanted = own.and_then(|s| s.capabilities.as_ref());
    let add = || wanted.iter().flat_map(|c| c.add.iter().flatten());
    let drop = || wanted.iter().flat_map(|c| c.drop.iter().flatten());
    let all = |name: &String| name.eq_ignore_ascii_case("ALL");
    let mut bounding = if privileged || add().any(all) { Capabilities::ALL } else { Capabilities::DEFAULT };
    if !privileged {
        if drop().any(all) {
            bounding = Capabilities::NONE;
        }
        bounding = add().filter_map(|name| Capability::parse(name)).fold(bounding, Capabilities::with);
        bounding = drop().filter_map(|name| Capability::parse(name)).fold(bounding, Capabilities::without);
    }
    let profile = own.and_then(|s| s.seccomp_profile.as_ref()).or(of_pod.and_then(|s| s.seccomp_profile.as_ref()));
    Privileges {
        bounding,
        no_new: own.and_then(|s| s.allow_privilege_escalation) == Some(false),
        filtered: !privileged && profile.is_some_and(|profile| profile.type_ != "Unconfined"),
    }
}

/// The ports of the node that a pod with a network of its own takes.
fn host_ports(kubelet: &Inner, spec: &PodSpec) -> Vec<(SocketAddr, bool, u16)> {
    if spec.host_network == Some(true) {
        return Vec::new();
    }
    let sidecars =
        super::status::init_containers(spec).iter().filter(|c| c.restart_policy.as_deref() == Some("Always"));
    let ports = spec.containers.iter().chain(sidecars).flat_map(|c| c.ports.iter().flatten());
    let of = |port: &ContainerPort| -> Option<Vec<(SocketAddr, bool, u16)>> {
        let host = u16::try_from(port.host_port?).ok().filter(|port| *port > 0)?;
        let to = u16::try_from(port.container_port).ok()?;
        let wanted: Option<IpAddr> = port.host_ip.as_deref().and_then(|ip| ip.parse().ok());
        let addresses = match wanted.filter(|ip| !ip.is_unspecified()) {
            Some(ip) => vec![ip],
            None => kubelet.host_ips().iter().filter_map(|ip| ip.parse().ok()).collect(),
        };
        let udp = port.protocol.as_deref() == Some("UDP");
        Some(addresses.into_iter().map(|ip| (SocketAddr::new(ip, host), udp, to)).collect())
    };
    ports.filter_map(of).flatten().collect()
}

/// The names of [`pod_files`], without contents.
pub(super) fn hollow_pod_files() -> FsImage {
    let empty = |name: &str| (format!("/{name}"), 0o644, 0, Content::Data(Rc::default()));
    FsImage::new(["etc-hosts", "hostname", "resolv.conf"].map(empty))
}

/// The files that the kubelet and the runtime keep for a pod. Few pods ever look at them: so they are written when one
/// does.
fn pod_files(kubelet: &Inner, pod: &Pod, ips: &[String]) -> Filesystem {
    let files = Filesystem::new("ext4", kubelet.pod_files.clone());
    let on_host = pod.spec.as_ref().is_some_and(|spec| spec.host_network == Some(true));
    let node = on_host.then(|| Box::new((kubelet.config.internal_ip.clone(), kubelet.config.name.clone())));
    let ips: Box<[String]> = ips.into();
    let (namespace, name, spec) = (pod.metadata.namespace.clone(), pod.metadata.name.clone(), pod.spec.clone());
    files.fill_later(move |files| {
        let metadata = ObjectMeta { namespace, name, ..ObjectMeta::default() };
        let pod = Pod { metadata, spec, status: None };
        let aliases = pod.spec.as_ref().and_then(|spec| spec.host_aliases.as_deref()).unwrap_or_default();
        let (hosts, hostname) = match node {
            Some(node) => (host_network_hosts_file(&node_hosts_file(&node.0, &node.1), aliases), node.1),
            None => {
                // A name that isn't one has no sandbox.
                let (hostname, domain) = hostname_and_domain(&pod).unwrap_or_default();
                (hosts_file(&ips, &hostname, &domain, aliases), kernel_hostname(&pod).unwrap_or_default())
            }
        };
        let texts = [
            ("/etc-hosts", hosts),
            ("/hostname", format!("{hostname}\n")),
            ("/resolv.conf", resolv_conf(&pod, NODE_RESOLVER)),
        ];
        for (path, text) in texts {
            // A tree without a limit takes any file.
            let _written = files.write(path, text.as_bytes(), 0o644);
        }
    });
    files
}
