//! One image: its configuration and its files.

use std::{
    cell::{OnceCell, RefCell},
    collections::BTreeMap,
    fmt,
    rc::Rc,
    time::Duration,
};

use crate::os::{FsImage, Signal, fs::Content};

/// A transport protocol, as an exposed port names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortProtocol {
    Tcp,
    Udp,
    Sctp,
}

/// What an image says about running it (OCI image configuration).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    /// In the image's order.
    pub env: Vec<(String, String)>,
    /// Absolute; `/` if the image names none.
    pub working_dir: String,
    /// As the image names it: empty (root), `nobody`, `101`, `1000:1000`.
    pub user: String,
    pub stop_signal: Option<Signal>,
    pub exposed_ports: Vec<(u16, PortProtocol)>,
}

/// A file of an image: mode, owner uid, content.
pub(super) type Files = BTreeMap<String, (u32, u32, Content)>;

/// An image of the catalogue.
pub struct Image {
    /// The name by which it was asked for, in full: `docker.io/luksa/kubia:1.0`.
    pub reference: Rc<str>,
    /// `docker.io/luksa/kubia`.
    pub repository: String,
    /// The manifest's digest: `sha256:…`.
    pub digest: String,
    /// Compressed size in bytes, as `Image size: N bytes` reports it.
    pub size: u64,
    /// The catalogue's own pull time for this image, if it has one.
    pub pull_time: Option<Duration>,
    pub config: ImageConfig,
    pub(super) files: Box<dyn Fn() -> Files>,
    pub(super) id: OnceCell<Rc<str>>,
    pub(super) fs: OnceCell<Rc<FsImage>>,
    /// By mount points.
    pub(super) mounted: RefCell<BTreeMap<String, Rc<FsImage>>>,
}

/// Sets of mount points that an image remembers.
const MOUNTED: usize = 32;

impl Image {
    /// What a container's status shows as `imageID`: `docker.io/luksa/kubia@sha256:…`.
    pub fn image_id(&self) -> Rc<str> {
        self.id.get_or_init(|| format!("{}@{}", self.repository, self.digest).into()).clone()
    }

    /// The files, built on the first call and shared after it.
    pub fn fs(&self) -> Rc<FsImage> {
        self.fs
            .get_or_init(|| {
                let files = (self.files)();
                Rc::new(FsImage::new(files.into_iter().map(|(path, (mode, uid, content))| (path, mode, uid, content))))
            })
            .clone()
    }

    /// The files with the directories above these mount points: containers with the same ones share them.
    pub fn fs_with(&self, mount_points: &[&str]) -> Rc<FsImage> {
        let mut mounted = self.mounted.borrow_mut();
        let key = mount_points.join("\n");
        if let Some(fs) = mounted.get(&key) {
            return fs.clone();
        }
        if mounted.len() >= MOUNTED {
            mounted.clear();
        }
        let fs = Rc::new(self.fs().with_mount_points(mount_points));
        mounted.insert(key, fs.clone());
        fs
    }

    /// The programs that the image's files name: (path, program).
    pub fn programs(&self) -> Vec<(String, String)> {
        (self.files)()
            .into_iter()
            .filter_map(|(path, (_, _, content))| match content {
                Content::Program { name, .. } => Some((path, name)),
                _ => None,
            })
            .collect()
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({})", self.reference)
    }
}
