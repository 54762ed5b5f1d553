//! A pod's volumes: what they hold, and where containers see it.
//! Sources: kubernetes `pkg/volume/{configmap,secret,projected,downwardapi,emptydir,hostpath}`,
//! `pkg/volume/util/atomic_writer.go`.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    rc::Rc,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ConfigMap, DownwardAPIVolumeFile, KeyToPath, Secret, ServiceAccountTokenProjection, VolumeMount, VolumeProjection,
};

mod persistent;

use super::{
    env::{Context, Env, expand, field_value, resource_value},
    images::Refusal,
    quantity,
};
use crate::{
    api::{Resource, Volume, client, volumes::claim_of, wire::base64_url},
    os::{Errno, Filesystem, fs::FileType, fs::Mount},
    registry::Image,
};

/// Files by relative path: data, mode.
type Payload = BTreeMap<String, (Data, u32)>;

/// What a file is to hold: mostly the values of objects that are in memory anyway, or what can be told again.
#[derive(Clone, Hash)]
enum Data {
    Bytes(Vec<u8>),
    Value(Value),
    Token(Box<Token>),
}

/// A ConfigMap's text.
#[derive(Clone)]
struct Value {
    map: Rc<ConfigMap>,
    key: String,
}

impl Value {
    fn text(&self) -> &str {
        self.map.data.as_ref().and_then(|data| data.get(&self.key)).map_or("", String::as_str)
    }
}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text().hash(state);
    }
}

/// What a service account's token says.
#[derive(Clone, Hash)]
struct Token {
    audience: Option<String>,
    expires: i64,
    /// Made when the pod was, so that a refresh changes nothing.
    issued: i64,
    /// A line each: namespace, node, pod, its uid, account.
    names: Box<str>,
}

impl Data {
    fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Data::Bytes(bytes) => bytes.into(),
            Data::Value(value) => value.text().as_bytes().into(),
            Data::Token(token) => token.text().into(),
        }
    }
}

/// A volume that is set up.
pub struct Ready {
    pub fs: Filesystem,
    /// Where in `fs` it begins.
    base: String,
    /// What was written last, if the kubelet writes it.
    written: RefCell<Option<Written>>,
    version: Cell<u32>,
    /// Containers may not write to it, whatever their mount says.
    read_only: bool,
    /// Of an image volume: the image, once it is there, or why it isn't.
    image: RefCell<Option<Result<Rc<Image>, Refusal>>>,
}

/// What the kubelet last wrote into a volume.
struct Written {
    /// Of the files; whether they differ is all that matters.
    hash: u64,
    /// The directory that `..data` leads to.
    dir: Rc<str>,
    /// The links at the top.
    tops: Rc<[Box<str>]>,
}

/// Why a volume isn't set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The event's text.
    Mount(String),
    /// What is mounted isn't known; told only when the wait for it is over.
    Process(String),
}

impl Fault {
    pub fn set_up(volume: &str, error: &str) -> Fault {
        Fault::Mount(format!("MountVolume.SetUp failed for volume \"{volume}\" : {error}"))
    }
}

/// A pod's volumes, sorted by name: a list, as most pods have one.
#[derive(Default)]
pub struct Volumes(RefCell<Vec<(String, Rc<Ready>)>>);

/// What volumes are made from besides the pod.
pub struct Source<'a> {
    pub context: Context<'a>,
    pub host: &'a Filesystem,
    pub now: Timestamp,
    /// The pod's fsGroup.
    pub group: Option<u32>,
}

impl Volumes {
    pub fn get(&self, name: &str) -> Option<Rc<Ready>> {
        self.0.borrow().iter().find(|(known, _)| known == name).map(|(_, ready)| ready.clone())
    }

    pub fn is_ready(&self, name: &str) -> bool {
        self.0.borrow().iter().any(|(known, _)| known == name)
    }

    fn put(&self, name: &str, ready: Rc<Ready>) {
        let mut all = self.0.borrow_mut();
        match all.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
            Ok(at) => all[at].1 = ready,
            Err(at) => {
                all.reserve_exact(1);
                all.insert(at, (name.to_string(), ready));
            }
        }
    }

    /// Bytes used by volume.
    pub fn used(&self) -> Vec<(String, u64)> {
        self.0.borrow().iter().map(|(name, ready)| (name.clone(), ready.fs.used())).collect()
    }

    /// Sets a volume up, or brings what the kubelet wrote up to date.
    pub async fn set_up(&self, source: &Source<'_>, volume: &Volume) -> Result<(), Fault> {
        if let Some(claim) = claim_of(source.context.pod, volume) {
            if !self.is_ready(&volume.name) {
                let ready = persistent::set_up(source, volume, &claim).await?;
                self.put(&volume.name, Rc::new(ready));
            }
            return Ok(());
        }
        self.set_up_own(source, volume).await.map_err(|error| Fault::set_up(&volume.name, &error))
    }

    async fn set_up_own(&self, source: &Source<'_>, volume: &Volume) -> Result<(), String> {
        let known = self.get(&volume.name);
        let payload = payload(source, volume).await?;
        let ready = match known {
            Some(ready) => ready,
            None => {
                let ready = Rc::new(make(source, volume, payload.is_some())?);
                self.put(&volume.name, ready.clone());
                ready
            }
        };
        if let Some(payload) = payload {
            ready.write(source, payload).map_err(|errno| errno.text().to_lowercase())?;
        }
        Ok(())
    }

    /// Puts an image into its volume, or says why there is none.
    pub fn set_image(&self, volume: &str, found: Result<Rc<Image>, Refusal>) {
        let Some(ready) = self.get(volume) else { return };
        let same = matches!((&*ready.image.borrow(), &found), (Some(Ok(old)), Ok(new)) if Rc::ptr_eq(old, new));
        if same {
            return;
        }
        let fs = match &found {
            Ok(image) => Filesystem::new("overlay", image.fs()),
            Err(_) => ready.fs.clone(),
        };
        let new = Ready {
            fs,
            base: ready.base.clone(),
            written: RefCell::default(),
            version: Cell::new(0),
            read_only: true,
            image: RefCell::new(Some(found)),
        };
        self.put(volume, Rc::new(new));
    }

    /// Why an image volume has no image.
    pub fn image_fault(&self, volume: &str) -> Option<Refusal> {
        match &*self.get(volume)?.image.borrow() {
            Some(Err(refusal)) => Some(refusal.clone()),
            _ => None,
        }
    }

    /// What containerd says of a mount of a part that the image hasn't.
    pub fn image_subpath_fault(&self, mount: &VolumeMount, env: &Env, sandbox: &str) -> Option<String> {
        let ready = self.get(&mount.name)?;
        let found = ready.image.borrow();
        let image = found.as_ref()?.as_ref().ok()?;
        let sub = sub_path(mount, env);
        if sub.is_empty() || ready.fs.exists(&format!("/{sub}")) {
            return None;
        }
        let digest = image.digest.trim_start_matches("sha256:");
        let place = format!("/run/containerd/io.containerd.grpc.v1.cri/image-volumes/{sandbox}/{digest}");
        Some(format!(
            "failed to mount image volume: failed to ensure image subpath \"{sub}\" in \"{place}\": stat {place}/{sub}: no \
             such file or directory"
        ))
    }

    /// The mount of a container. The error is the message of CreateContainerConfigError.
    pub fn mount(&self, mount: &VolumeMount, env: &Env) -> Result<Mount, String> {
        let Some(ready) = self.get(&mount.name) else {
            return Err(format!("cannot find volume \"{}\" to mount into container", mount.name));
        };
        let sub = sub_path(mount, env);
        let mut source = ready.base.clone();
        if !sub.is_empty() {
            let join = |dir: &str| format!("{}/{sub}", dir.trim_end_matches('/'));
            source = join(&ready.base);
            let written = join("/..data");
            if ready.written.borrow().is_some() && ready.fs.exists(&written) {
                source = written;
            } else if !ready.fs.exists(&source) {
                let made = ready.fs.mkdir_all(&source, 0o750);
                made.map_err(|_| format!("failed to prepare subPath for volumeMount \"{}\" of container", mount.name))?;
            }
        }
        Ok(Mount {
            target: mount.mount_path.clone(),
            fs: ready.fs.clone(),
            source,
            read_only: ready.read_only || mount.read_only == Some(true),
        })
    }
}

/// The part of a volume that a container mounts; empty for all of it.
fn sub_path(mount: &VolumeMount, env: &Env) -> String {
    let sub = match (&mount.sub_path, &mount.sub_path_expr) {
        (Some(path), _) if !path.is_empty() => path.clone(),
        (_, Some(expr)) if !expr.is_empty() => expand(expr, &[env]),
        _ => String::new(),
    };
    sub.trim_matches('/').to_string()
}

impl Ready {
    /// A number for the next directory that looks drawn, as MkdirTemp's: FNV-1a of whose it is and which.
    fn number(&self, source: &Source<'_>, payload: &Payload) -> u32 {
        let version = self.version.replace(self.version.get().wrapping_add(1));
        let paths = payload.keys().flat_map(|path| path.bytes());
        let parts = source.context.pod.uid().bytes().chain(version.to_le_bytes()).chain(paths);
        parts.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }

    /// As AtomicWriter: the files in a directory of their own, `..data` moved to it, and a link for
    /// each at the top.
    fn write(&self, source: &Source<'_>, payload: Payload) -> Result<(), Errno> {
        let mut hasher = DefaultHasher::new();
        payload.hash(&mut hasher);
        let hash = hasher.finish();
        let old = self.written.take();
        if old.as_ref().is_some_and(|written| written.hash == hash) {
            *self.written.borrow_mut() = old;
            return Ok(());
        }
        let number = self.number(source, &payload);
        let dir: Rc<str> = format!("..{}.{number}", source.now.strftime("%Y_%m_%d_%H_%M_%S")).into();
        let tops: BTreeSet<&str> = payload.keys().map(|path| path.split('/').next().unwrap_or_default()).collect();
        let tops: Rc<[Box<str>]> = tops.into_iter().map(Box::from).collect();
        // The group may read what it has, as far as volumes that the kubelet writes go.
        let group = if source.group.is_some() { 0o440 } else { 0 };
        let files: Box<[(Box<str>, Data, u32)]> =
            payload.into_iter().map(|(path, (data, mode))| (path.into(), data, mode | group)).collect();
        let plan = Plan { files, dir: dir.clone(), tops: tops.clone() };
        // Few ever look into the volume with their token. What can't fail waits until then: an empty tree takes any names.
        if old.is_none() && plan.is_flat() {
            self.fs.fill_later(move |fs| {
                let _cannot_fail = plan.carry_out(fs, None);
            });
        } else if let Err(errno) = plan.carry_out(&self.fs, old.as_ref()) {
            *self.written.borrow_mut() = old;
            return Err(errno);
        }
        *self.written.borrow_mut() = Some(Written { hash, dir, tops });
        Ok(())
    }
}

/// What is to be written.
struct Plan {
    files: Box<[(Box<str>, Data, u32)]>,
    dir: Rc<str>,
    tops: Rc<[Box<str>]>,
}

impl Plan {
    fn is_flat(&self) -> bool {
        self.files.iter().all(|(path, ..)| !path.contains('/') && path.len() < 250)
    }

    fn carry_out(&self, fs: &Filesystem, old: Option<&Written>) -> Result<(), Errno> {
        let dir = &self.dir;
        // Below a set-group-id directory all get its group and that bit.
        fs.mkdir_all(&format!("/{dir}"), 0o755)?;
        for (path, data, mode) in &self.files {
            let full = format!("/{dir}/{path}");
            if let Some((parent, _)) = full.rsplit_once('/') {
                fs.mkdir_all(parent, 0o755)?;
            }
            fs.write(&full, &data.bytes(), *mode)?;
        }
        fs.symlink(dir, "/..data_tmp")?;
        fs.rename("/..data_tmp", "/..data")?;
        let old_tops = old.map_or(&[][..], |old| &old.tops);
        for top in self.tops.iter().filter(|top| !old_tops.contains(top)) {
            fs.symlink(&format!("..data/{top}"), &format!("/{top}"))?;
        }
        for top in old_tops.iter().filter(|top| !self.tops.contains(top)) {
            fs.remove(&format!("/{top}"))?;
        }
        if let Some(old) = old {
            fs.remove(&format!("/{}", old.dir))?;
        }
        Ok(())
    }
}

fn make(source: &Source<'_>, volume: &Volume, written: bool) -> Result<Ready, String> {
    let ready = |fs, base: &str, read_only| Ready {
        fs,
        base: base.into(),
        written: RefCell::default(),
        version: Cell::new(0),
        read_only,
        image: RefCell::default(),
    };
    if volume.image.is_some() {
        // The image comes when a container is to start.
        return Ok(ready(Filesystem::empty("overlay", None), "/", true));
    }
    let sticky = |memory: bool| if memory { 0o1777 } else { 0o777 };
    let owned = |fs: Filesystem, mode: u32, read_only: bool| {
        let owned = match source.group {
            None => fs.chmod("/", mode),
            Some(group) => fs.chown("/", None, Some(group)).and_then(|()| fs.chmod("/", mode | 0o2000)),
        };
        owned.map_err(|errno| errno.text().to_lowercase())?;
        Ok(ready(fs, "/", read_only))
    };
    if written {
        // A ConfigMap's files lie on the disk, all others in memory.
        let memory = volume.config_map.is_none();
        return owned(Filesystem::empty(if memory { "tmpfs" } else { "ext4" }, None), sticky(memory), true);
    }
    if let Some(path) = &volume.host_path
        && let Some(device) = path.path.strip_prefix("/dev").filter(|rest| rest.is_empty() || rest.starts_with('/'))
    {
        let dev = Filesystem::dev();
        host_path(&dev, if device.is_empty() { "/" } else { device }, path.type_.as_deref().unwrap_or_default())
            .map_err(|text| text.replace(device, &path.path))?;
        return Ok(ready(dev, device, false));
    }
    if let Some(path) = &volume.host_path {
        host_path(source.host, &path.path, path.type_.as_deref().unwrap_or_default())?;
        return Ok(ready(source.host.clone(), &path.path, false));
    }
    if let Some(dir) = &volume.empty_dir {
        let limit = dir.size_limit.as_ref().and_then(|q| quantity::parse(&q.0, 0)).and_then(|l| u64::try_from(l).ok());
        let memory = dir.medium.as_deref() == Some("Memory");
        let fs = Filesystem::empty(if memory { "tmpfs" } else { "ext4" }, limit.filter(|_| memory));
        if let Some(disk) = source.host.disk().filter(|_| !memory) {
            fs.lie_on(disk);
        }
        return owned(fs, sticky(memory), false);
    }
    Err(format!("no volume plugin matched name: {}", volume.name))
}

/// Checks or makes what a hostPath names.
fn host_path(host: &Filesystem, path: &str, kind: &str) -> Result<(), String> {
    let found = host.stat(path).ok().map(|stat| stat.file_type);
    let make_dir =
        || host.mkdir_all(path, 0o755).map_err(|errno| format!("mkdir {path}: {}", errno.text().to_lowercase()));
    let fail = |what: &str| Err(format!("hostPath type check failed: {path} is not {what}"));
    match (kind, found) {
        // Without a type the runtime makes a directory of what is missing.
        ("" | "DirectoryOrCreate", None) => make_dir(),
        ("FileOrCreate", None) => {
            let parent = path.rsplit_once('/').map_or("/", |(parent, _)| parent);
            let made = host.mkdir_all(if parent.is_empty() { "/" } else { parent }, 0o755);
            made.and_then(|()| host.write(path, b"", 0o644)).map_err(|errno| errno.text().to_lowercase())
        }
        ("", Some(_)) => Ok(()),
        ("Directory" | "DirectoryOrCreate", found) if found != Some(FileType::Directory) => fail("a directory"),
        ("File" | "FileOrCreate", found) if found != Some(FileType::Regular) => fail("a file"),
        ("Socket", found) if found != Some(FileType::Socket) => fail("a socket file"),
        ("CharDevice", found) if found != Some(FileType::CharDevice) => fail("a character device"),
        ("BlockDevice", _) => fail("a block device"),
        _ => Ok(()),
    }
}

/// What the kubelet writes into a volume; `None` for volumes that it doesn't write.
async fn payload(source: &Source<'_>, volume: &Volume) -> Result<Option<Payload>, String> {
    let mut files = Payload::new();
    if let Some(map) = &volume.config_map {
        let mode = mode(map.default_mode);
        add_config_map(source, &map.name, map.optional, map.items.as_deref(), mode, &mut files).await?;
    } else if let Some(secret) = &volume.secret {
        let name = secret.secret_name.as_deref().unwrap_or_default();
        let mode = mode(secret.default_mode);
        add_secret(source, name, secret.optional, secret.items.as_deref(), mode, &mut files).await?;
    } else if let Some(api) = &volume.downward_api {
        add_downward(source, api.items.as_deref().unwrap_or_default(), mode(api.default_mode), &mut files)?;
    } else if let Some(projected) = &volume.projected {
        for part in projected.sources.iter().flatten() {
            add_projection(source, part, mode(projected.default_mode), &mut files).await?;
        }
    } else {
        return Ok(None);
    }
    Ok(Some(files))
}

fn mode(mode: Option<i32>) -> u32 {
    mode.and_then(|mode| u32::try_from(mode).ok()).unwrap_or(0o644)
}

async fn add_projection(
    source: &Source<'_>,
    part: &VolumeProjection,
    mode: u32,
    files: &mut Payload,
) -> Result<(), String> {
    if let Some(map) = &part.config_map {
        add_config_map(source, &map.name, map.optional, map.items.as_deref(), mode, files).await?;
    }
    if let Some(secret) = &part.secret {
        add_secret(source, &secret.name, secret.optional, secret.items.as_deref(), mode, files).await?;
    }
    if let Some(api) = &part.downward_api {
        add_downward(source, api.items.as_deref().unwrap_or_default(), mode, files)?;
    }
    if let Some(token) = &part.service_account_token {
        // With a group for the files, only that may read the token.
        let mode = if source.group.is_some() { 0o600 } else { mode };
        files.insert(token.path.clone(), (service_account_token(source, token), mode));
    }
    Ok(())
}

async fn add_config_map(
    source: &Source<'_>,
    name: &str,
    optional: Option<bool>,
    items: Option<&[KeyToPath]>,
    mode: u32,
    files: &mut Payload,
) -> Result<(), String> {
    let Some(map) = fetch::<ConfigMap>(source, name, optional).await? else { return Ok(()) };
    let value = |key: &String| Data::Value(Value { map: map.clone(), key: key.clone() });
    let mut data: BTreeMap<String, Data> =
        map.data.iter().flatten().map(|(key, _)| (key.clone(), value(key))).collect();
    data.extend(map.binary_data.iter().flatten().map(|(key, bytes)| (key.clone(), Data::Bytes(bytes.0.clone()))));
    pick("configmap", data, optional, items, mode, files)
}

async fn add_secret(
    source: &Source<'_>,
    name: &str,
    optional: Option<bool>,
    items: Option<&[KeyToPath]>,
    mode: u32,
    files: &mut Payload,
) -> Result<(), String> {
    let Some(secret) = fetch::<Secret>(source, name, optional).await? else { return Ok(()) };
    let data = secret.data.iter().flatten().map(|(key, bytes)| (key.clone(), Data::Bytes(bytes.0.clone()))).collect();
    pick("secret", data, optional, items, mode, files)
}

async fn fetch<R: Resource>(source: &Source<'_>, name: &str, optional: Option<bool>) -> Result<Option<Rc<R>>, String> {
    let namespace = source.context.pod.metadata.namespace.as_deref().unwrap_or_default();
    match client::get::<R>(source.context.client, namespace, name).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() && optional == Some(true) => Ok(None),
        Err(error) if error.is_not_found() => Err(format!("{} \"{name}\" not found", R::KIND.singular())),
        Err(error) => Err(error.message),
    }
}

/// All keys, or those that `items` names.
fn pick(
    kind: &str,
    data: BTreeMap<String, Data>,
    optional: Option<bool>,
    items: Option<&[KeyToPath]>,
    default_mode: u32,
    files: &mut Payload,
) -> Result<(), String> {
    let Some(items) = items.filter(|items| !items.is_empty()) else {
        files.extend(data.into_iter().map(|(key, bytes)| (key, (bytes, default_mode))));
        return Ok(());
    };
    for item in items {
        match data.get(&item.key) {
            Some(bytes) => {
                let mode = item.mode.map_or(default_mode, |m| mode(Some(m)));
                files.insert(item.path.clone(), (bytes.clone(), mode));
            }
            None if optional == Some(true) => {}
            None => {
                return Err(format!("{kind} references non-existent config key: {}", item.key)
                    .replace("secret references non-existent config key", "references non-existent secret key"));
            }
        }
    }
    Ok(())
}

fn add_downward(
    source: &Source<'_>,
    items: &[DownwardAPIVolumeFile],
    default_mode: u32,
    files: &mut Payload,
) -> Result<(), String> {
    for item in items {
        let value = if let Some(field) = &item.field_ref {
            field_value(&source.context, &field.field_path)?
        } else if let Some(selector) = &item.resource_field_ref {
            let wanted = selector.container_name.as_deref().unwrap_or_default();
            let spec = source.context.pod.spec.as_ref();
            let container = spec.and_then(|spec| {
                spec.containers.iter().chain(super::status::init_containers(spec)).find(|c| c.name == wanted)
            });
            let container = container.ok_or_else(|| format!("container {wanted} not found"))?;
            resource_value(&source.context, container, selector)?
        } else {
            continue;
        };
        let mode = item.mode.map_or(default_mode, |m| mode(Some(m)));
        files.insert(item.path.clone(), (Data::Bytes(value.into_bytes()), mode));
    }
    Ok(())
}

fn service_account_token(source: &Source<'_>, token: &ServiceAccountTokenProjection) -> Data {
    let pod = source.context.pod;
    let account = pod.spec.as_ref().and_then(|spec| spec.service_account_name.as_deref()).unwrap_or("default");
    let issued = pod.metadata.creation_timestamp.as_ref().map_or(0, |at| at.0.as_second());
    Data::Token(Box::new(Token {
        audience: token.audience.clone(),
        expires: issued + token.expiration_seconds.unwrap_or(3600),
        issued,
        names: [pod.namespace(), source.context.node, pod.name(), pod.uid(), account].join("\n").into(),
    }))
}

impl Token {
    /// In the form of a JWT. It says what a real one says; nobody signs or checks it.
    fn text(&self) -> Vec<u8> {
        let Token { audience, expires, issued, names } = self;
        let mut names = names.split('\n');
        let [namespace, node, pod, uid, account] = [(); 5].map(|()| names.next().unwrap_or_default());
        let audience = audience.as_deref().unwrap_or("https://kubernetes.default.svc.cluster.local");
        // Names need no escapes in JSON; only the audience is free text.
        let claims = format!(
            "{{\"aud\":[{}],\"exp\":{expires},\"iat\":{issued},\"iss\":\"https://kubernetes.default.svc.cluster.local\",\
             \"kubernetes.io\":{{\"namespace\":\"{namespace}\",\"node\":{{\"name\":\"{node}\"}},\
             \"pod\":{{\"name\":\"{pod}\",\"uid\":\"{uid}\"}},\"serviceaccount\":{{\"name\":\"{account}\"}}}},\
             \"nbf\":{issued},\"sub\":\"system:serviceaccount:{namespace}:{account}\"}}",
            serde_json::Value::from(audience),
        );
        let mut text = Vec::with_capacity(2 * claims.len());
        base64_url(br#"{"alg":"RS256","kid":"podarium"}"#, &mut text);
        text.push(b'.');
        base64_url(claims.as_bytes(), &mut text);
        text.push(b'.');
        base64_url(uid.as_bytes(), &mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64() {
        let table = [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("\u{3ff}", "z78")];
        for (text, expected) in table {
            let mut got = Vec::new();
            base64_url(text.as_bytes(), &mut got);
            assert_eq!(got, expected.as_bytes());
        }
    }

    #[test]
    fn host_paths() {
        let host = Filesystem::empty("ext4", None);
        host.write("/file", b"x", 0o644).expect("a file");
        // Order matters: some rows make what is missing.
        let table = [
            ("/file", "", Ok(())),
            ("/file", "Directory", Err("hostPath type check failed: /file is not a directory")),
            ("/none", "File", Err("hostPath type check failed: /none is not a file")),
            ("/none", "Socket", Err("hostPath type check failed: /none is not a socket file")),
            ("/made/here", "DirectoryOrCreate", Ok(())),
            ("/made/here", "Directory", Ok(())),
            ("/made/file", "FileOrCreate", Ok(())),
            ("/made/file", "File", Ok(())),
            ("/any", "", Ok(())),
            ("/any", "Directory", Ok(())),
        ];
        for (path, kind, expected) in table {
            assert_eq!(host_path(&host, path, kind), expected.map_err(str::to_string), "{path} {kind}");
        }
    }
}
