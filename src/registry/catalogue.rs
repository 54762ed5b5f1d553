//! Which images exist.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeMap,
    fmt,
    rc::Rc,
    time::Duration,
};

use super::{
    Image, ImageConfig, ImageRef, Login, PullError,
    format::{ImageFile, Layer, TagEntry},
    image::Files,
    own,
    pull::{self, Registry},
};
use crate::manifest::{self, Document};

// `IMAGES` and `BASES`: (file name, text) of every file under images/ and base/; see build.rs.
include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// Layers may stand on each other this deep.
const MAX_DEPTH: usize = 8;

/// Every image that can be pulled.
pub struct Catalogue {
    bases: Rc<Bases>,
    known: RefCell<Rc<Known>>,
    resolver: String,
    registries: Vec<Registry>,
    workspace: RefCell<Option<Rc<dyn Workspace>>>,
    /// The revision of the workspace whose images are known.
    seen: Cell<Option<u64>>,
    /// The workspace's images by full name, and those of them that somebody asked for.
    own: RefCell<BTreeMap<String, Rc<ImageFile>>>,
    own_resolved: RefCell<BTreeMap<String, Rc<Image>>>,
}

/// The images that aren't the workspace's: files by repository, and by full name what somebody asked for.
#[derive(Default)]
struct Known {
    repositories: BTreeMap<String, Rc<ImageFile>>,
    resolved: RefCell<BTreeMap<String, Rc<Image>>>,
}

thread_local! {
    /// What comes with the program: it never changes, so all laboratories share one copy, and the files of its images.
    static SHIPPED: (Rc<Bases>, Rc<Known>) = {
        let mut known = Known::default();
        // Each is checked by a test, so there is no error to report here.
        for (parsed, repositories) in IMAGES.iter().filter_map(|(_, text)| parse(text).ok()) {
            known.insert(&parsed, repositories);
        }
        (Rc::new(Bases::new()), Rc::new(known))
    };
}

impl Known {
    fn insert(&mut self, parsed: &Rc<ImageFile>, repositories: Vec<String>) {
        self.repositories.extend(repositories.into_iter().map(|repository| (repository, parsed.clone())));
    }
}

/// Where images of a person's own come from (`own`).
pub trait Workspace {
    /// Changes with the files.
    fn revision(&self) -> u64;
    /// The manifests: path and contents, by path.
    fn manifests(&self) -> Vec<(String, Vec<u8>)>;
}

/// A catalogue file that can't be used: which one, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueError {
    pub file: String,
    pub message: String,
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.message)
    }
}

impl std::error::Error for CatalogueError {}

/// The shared layers, read when first needed.
struct Bases {
    layers: BTreeMap<&'static str, Base>,
}

struct Base {
    text: &'static str,
    layer: OnceCell<Option<Rc<Layer>>>,
}

impl Bases {
    fn new() -> Bases {
        let base = |text| Base { text, layer: OnceCell::new() };
        Bases { layers: BASES.iter().map(|(file, text)| (file.trim_end_matches(".yaml"), base(*text))).collect() }
    }

    fn get(&self, name: &str) -> Option<Rc<Layer>> {
        let base = self.layers.get(name)?;
        base.layer.get_or_init(|| serde_yaml::from_str(base.text).ok().map(Rc::new)).clone()
    }

    /// The layers below `top`, lowest first.
    fn below(&self, top: &Layer) -> Result<Vec<Rc<Layer>>, String> {
        let mut layers = Vec::new();
        let mut from = top.from.clone();
        while let Some(name) = from {
            let layer = self.get(&name).ok_or_else(|| format!("from: there is no base layer {name}"))?;
            from = layer.from.clone();
            layers.push(layer);
            if layers.len() > MAX_DEPTH {
                return Err("from: layers stand on each other in a circle".into());
            }
        }
        layers.reverse();
        Ok(layers)
    }
}

impl Catalogue {
    /// The images that come with the program. A file that can't be read is left out; a test sees to
    /// it that there is none.
    pub fn load() -> Catalogue {
        Catalogue::of(SHIPPED.with(|(_, known)| known.clone()))
    }

    pub(super) fn empty() -> Catalogue {
        Catalogue::of(Rc::default())
    }

    fn of(known: Rc<Known>) -> Catalogue {
        Catalogue {
            bases: SHIPPED.with(|(bases, _)| bases.clone()),
            known: RefCell::new(known),
            // kind's nodes ask Docker's gateway.
            resolver: "172.18.0.1:53".into(),
            registries: pull::registries(),
            workspace: RefCell::default(),
            seen: Cell::default(),
            own: RefCell::default(),
            own_resolved: RefCell::default(),
        }
    }

    /// Adds an image from a file of the catalogue's format; it replaces one of the same name.
    pub fn add(&self, file: &str, text: &str) -> Result<(), CatalogueError> {
        let error = |message: String| CatalogueError { file: file.into(), message };
        let (parsed, repositories) = parse(text).map_err(&error)?;
        for tag in &parsed.tags {
            tag.pull_time().map_err(&error)?;
            assemble(&self.bases, &parsed, tag).map_err(&error)?;
        }
        let mut known = Known { repositories: self.known().repositories.clone(), ..Known::default() };
        known.insert(&parsed, repositories);
        *self.known.borrow_mut() = Rc::new(known);
        Ok(())
    }

    fn known(&self) -> Rc<Known> {
        self.known.borrow().clone()
    }

    /// Every name that can be pulled: `docker.io/library/nginx:1.27`, sorted by repository.
    pub fn names(&self) -> Vec<String> {
        let known = self.known();
        let tags = |file: &Rc<ImageFile>| -> Vec<String> { file.tags.iter().flat_map(|t| t.tag.clone()).collect() };
        known
            .repositories
            .iter()
            .flat_map(|(name, file)| tags(file).into_iter().map(move |t| format!("{name}:{t}")))
            .collect()
    }

    /// The image of that name, or containerd's reason why it can't be pulled. Equal names give the
    /// same image.
    pub fn resolve(&self, reference: &ImageRef) -> Result<Rc<Image>, PullError> {
        let name = reference.to_string();
        self.look_at_workspace();
        let repository = reference.repository();
        let own = self.own.borrow().get(&name).cloned();
        if let Some(error) = own.as_ref().and_then(|file| file.tags.first()?.pull_error.as_ref()) {
            return Err(pull::told(reference, error));
        }
        let all = self.known();
        let resolved = if own.is_some() { &self.own_resolved } else { &all.resolved };
        if let Some(image) = resolved.borrow().get(&name) {
            return Ok(image.clone());
        }
        if let Some(file) = own {
            let image = Rc::new(self.image(name.clone(), repository, file, 0));
            resolved.borrow_mut().insert(name, image.clone());
            return Ok(image);
        }
        let file = all.repositories.get(&repository).cloned();
        let missing =
            |known| pull::failure(reference, known, Registry::of(&self.registries, reference), &self.resolver);
        let Some(file) = file else { return Err(missing(false)) };
        let found = file.tags.iter().position(|entry| match (&reference.digest, &reference.tag) {
            (Some(digest), _) => digest_of(&repository, entry) == *digest,
            (None, Some(tag)) => entry.tag.contains(tag),
            (None, None) => false,
        });
        let Some(index) = found else { return Err(missing(true)) };
        let image = Rc::new(self.image(name.clone(), repository, file, index));
        resolved.borrow_mut().insert(name, image.clone());
        Ok(image)
    }

    /// Has images come from `workspace`, too.
    pub fn set_workspace(&self, workspace: Rc<dyn Workspace>) {
        *self.workspace.borrow_mut() = Some(workspace);
    }

    /// Reads the workspace's images anew if a file has changed.
    fn look_at_workspace(&self) {
        let Some(workspace) = self.workspace.borrow().clone() else { return };
        let revision = workspace.revision();
        if self.seen.replace(Some(revision)) == Some(revision) {
            return;
        }
        let mut found = BTreeMap::new();
        for (path, bytes) in workspace.manifests() {
            let text = String::from_utf8_lossy(&bytes);
            if !text.contains(own::API_VERSION) {
                continue;
            }
            for document in manifest::parse(&text).docs().filter(|document| own::is_image(&document.value)) {
                let Ok(reference) = ImageRef::parse(own::name_of(&document.value)) else { continue };
                let file = own::read(&document.value).and_then(|file| self.check_own(file));
                let file = file.unwrap_or_else(|faults| {
                    let told =
                        |fault: &own::Fault| format!("{path}:{}: {}", own::line(&text, document, fault), fault.told());
                    let told = faults.iter().map(told).collect::<Vec<_>>().join("; ");
                    ImageFile::broken(format!("the image's definition can't be used: {told}"))
                });
                found.insert(reference.to_string(), Rc::new(file));
            }
        }
        self.own_resolved.borrow_mut().clear();
        *self.own.borrow_mut() = found;
    }

    /// What only building it can tell: a base that isn't there, a signal that is none.
    fn check_own(&self, file: ImageFile) -> Result<ImageFile, Vec<own::Fault>> {
        match file.tags.first().map(|entry| assemble(&self.bases, &file, entry)) {
            Some(Err(message)) => Err(vec![own::Fault { path: "spec".into(), message }]),
            _ => Ok(file),
        }
    }

    /// All complaints about an image of the workspace.
    pub fn faults_of_own(document: &Document) -> Vec<own::Fault> {
        let checked = own::read(&document.value).and_then(|file| Catalogue::empty().check_own(file));
        checked.err().unwrap_or_default()
    }

    /// What a registry answers to somebody who wants to pull: the image, or why not.
    pub fn pull(&self, reference: &ImageRef, login: Option<&Login>) -> Result<Rc<Image>, PullError> {
        if let Some(registry) = Registry::of(&self.registries, reference) {
            registry.admit(reference, login)?;
        }
        self.resolve(reference)
    }

    /// What a pull fails with when no registry can be reached, and when.
    pub fn cut_off(&self, reference: &ImageRef) -> (PullError, Duration) {
        pull::cut_off(reference, Registry::of(&self.registries, reference), &self.resolver)
    }

    fn image(&self, reference: String, repository: String, file: Rc<ImageFile>, index: usize) -> Image {
        let entry = &file.tags[index];
        // Both were checked when the file was added.
        let (_, config) = assemble(&self.bases, &file, entry).unwrap_or_default();
        let pull_time = entry.pull_time().unwrap_or_default();
        let (digest, size) = (digest_of(&repository, entry), entry.size);
        let bases = self.bases.clone();
        let files = Box::new(move || assemble(&bases, &file, &file.tags[index]).unwrap_or_default().0);
        Image {
            reference: reference.into(),
            repository,
            digest,
            size,
            pull_time,
            config,
            files,
            id: OnceCell::new(),
            fs: OnceCell::new(),
            mounted: RefCell::default(),
        }
    }
}

/// A file of the catalogue and the repositories that it is for.
fn parse(text: &str) -> Result<(Rc<ImageFile>, Vec<String>), String> {
    let parsed: ImageFile = serde_yaml::from_str(text).map_err(|e| e.to_string())?;
    let names = std::iter::once(&parsed.name).chain(&parsed.aliases);
    let repository = |name: &String| Ok(ImageRef::parse(name).map_err(|e| format!("name {name}: {e}"))?.repository());
    let repositories = names.map(repository).collect::<Result<_, String>>()?;
    Ok((Rc::new(parsed), repositories))
}

fn assemble(bases: &Bases, file: &ImageFile, entry: &TagEntry) -> Result<(Files, ImageConfig), String> {
    let (mut files, mut config) = (Files::new(), ImageConfig { working_dir: "/".into(), ..ImageConfig::default() });
    // A tag may stand on another base than the image's other tags.
    let below = bases.below(if entry.layer.from.is_some() { &entry.layer } else { &file.common })?;
    for layer in below.iter().map(Rc::as_ref).chain([&file.common, &entry.layer]) {
        layer.apply(&mut files, &mut config)?;
    }
    Ok((files, config))
}

impl ImageFile {
    /// An image that is there only to say why it isn't.
    fn broken(why: String) -> ImageFile {
        let entry = TagEntry {
            tag: Vec::new(),
            digest: None,
            size: 0,
            pull_seconds: None,
            pull_error: Some(why),
            layer: Layer::default(),
        };
        ImageFile { name: String::new(), aliases: Vec::new(), common: Layer::default(), tags: vec![entry] }
    }
}

fn digest_of(repository: &str, entry: &TagEntry) -> String {
    if let Some(digest) = &entry.digest {
        return digest.clone();
    }
    let tag = entry.tag.first().map_or("", String::as_str);
    digest_from(&format!("{repository}:{tag}"))
}

/// A digest that differs from text to text.
pub(super) fn digest_from(text: &str) -> String {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // SplitMix64 spreads the hash over a digest's 256 bits.
    let mut word = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    format!("sha256:{:016x}{:016x}{:016x}{:016x}", word(), word(), word(), word())
}
