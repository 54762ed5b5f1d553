//! A node's images: which are there, pulling them one at a time, backing off from those that fail.
//! Source: kubernetes `pkg/kubelet/images/image_manager.go`.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};

use futures_util::future::LocalBoxFuture;
use k8s_openapi::api::core::v1::ContainerImage;

use super::{
    backoff::{Backoff, go_duration},
    credentials::Credential,
};
use crate::{
    apiserver::events::EventType,
    os::{Network, fs::Disk},
    registry::{Catalogue, Image, ImageRef, PullTimes, apply_default_tag},
    sim::{Notify, Sim, SimTime},
};

/// What is on the node's disk: it outlives the kubelet.
pub struct ImageStore {
    sim: Sim,
    catalogue: Rc<Catalogue>,
    times: PullTimes,
    disk: Disk,
    network: Network,
    /// By full name.
    images: RefCell<BTreeMap<String, Rc<Image>>>,
    /// With which credentials images were pulled, by full name, if not without any.
    pulled_with: RefCell<BTreeMap<String, Vec<Credential>>>,
    /// Pulls take turns: the next number to give out, and the one whose turn it is.
    tickets: Cell<(u64, u64)>,
    turn: Notify,
    limit: PullLimit,
    current: RefCell<Option<Pull>>,
}

/// A pull under way.
#[derive(Clone, Debug)]
pub struct Pull {
    pub image: String,
    pub started: SimTime,
    pub ends: SimTime,
    /// 0 if the image doesn't exist.
    pub total_bytes: u64,
}

/// What the image manager asks of the container runtime (CRI's image service).
pub trait ImageService {
    /// The image, if it is there; or why that can't be said.
    fn status(&self, image: &ImageRef) -> Result<Option<Rc<Image>>, String>;
    /// Pulls the image with one of the credentials, or with none if there is none; gives the time that the pull
    /// itself took, or what the runtime says.
    fn pull<'a>(&'a self, image: &'a ImageRef, credentials: &'a [Credential]) -> LocalBoxFuture<'a, Pulled>;
    /// Whether the pod may use the image that is there without asking the registry again. What was
    /// pulled without credentials is everybody's.
    fn is_accessible(&self, image: &ImageRef, credentials: &[Credential]) -> bool;
}

/// The image and how long it took, or why there is none.
pub type Pulled = Result<(Rc<Image>, Duration), String>;

/// An image as a container or a volume asks for it.
pub struct Wanted<'a> {
    pub image: &'a str,
    pub policy: Option<&'a str>,
    /// All that the pod has.
    pub credentials: &'a [Credential],
}

/// How often pulls may begin (`registryPullQPS`, `registryBurst`): a bucket that fills steadily and starts full.
pub struct PullLimit {
    per_second: f64,
    burst: f64,
    /// What is in the bucket, and since when.
    filled: Cell<(f64, SimTime)>,
}

impl PullLimit {
    pub fn new(per_second: u32, burst: u32, now: SimTime) -> PullLimit {
        let burst = f64::from(burst);
        PullLimit { per_second: f64::from(per_second), burst, filled: Cell::new((burst, now)) }
    }

    /// Whether one more may begin now. 0 a second is no limit.
    pub fn accept(&self, now: SimTime) -> Result<(), String> {
        if self.per_second == 0.0 {
            return Ok(());
        }
        let (filled, since) = self.filled.get();
        let filled = (filled + now.since(since).as_secs_f64() * self.per_second).min(self.burst);
        self.filled.set((if filled < 1.0 { filled } else { filled - 1.0 }, now));
        if filled < 1.0 { Err("pull QPS exceeded".into()) } else { Ok(()) }
    }
}

/// Failures to pull, by pod and image.
#[derive(Default)]
pub struct PullBackoff {
    waits: Backoff,
    /// What the last attempt said.
    errors: BTreeMap<String, String>,
}

impl PullBackoff {
    pub fn new(waits: Backoff) -> PullBackoff {
        PullBackoff { waits, errors: BTreeMap::new() }
    }

    /// When an image that could not be pulled may be tried again, and how long the whole wait is.
    pub fn ends(&self, uid: &str, image: &str) -> Option<(SimTime, Duration)> {
        let reference = ImageRef::parse(&apply_default_tag(image).ok()?).ok()?;
        self.waits.ends(&key(uid, &reference.to_string()))
    }

    pub fn forget_pod(&mut self, uid: &str) {
        let prefix = format!("{uid}_");
        let keys: Vec<String> = self
            .errors
            .range(prefix.clone()..)
            .map(|(k, _)| k.clone())
            .take_while(|k| k.starts_with(&prefix))
            .collect();
        for key in keys {
            self.waits.forget(&key);
            self.errors.remove(&key);
        }
    }
}

fn key(uid: &str, image: &str) -> String {
    format!("{uid}_{image}")
}

/// Why there is no image: the waiting state's reason and message.
pub type Refusal = (String, String);

impl ImageStore {
    pub fn new(sim: &Sim, catalogue: Rc<Catalogue>, times: PullTimes, disk: &Disk, network: &Network) -> ImageStore {
        ImageStore {
            sim: sim.clone(),
            catalogue,
            times,
            disk: disk.clone(),
            network: network.clone(),
            pulled_with: RefCell::default(),
            images: RefCell::default(),
            tickets: Cell::default(),
            turn: Notify::new(),
            limit: PullLimit::new(5, 10, sim.now()),
            current: RefCell::default(),
        }
    }

    /// The node is up again: whoever waited for a pull is gone.
    pub fn reset(&self) {
        self.tickets.set((0, 0));
        self.current.take();
    }

    /// Puts an image on the disk without a pull.
    pub fn preload(&self, name: &str) {
        if let Ok(reference) = ImageRef::parse(name)
            && let Ok(image) = self.catalogue.resolve(&reference)
        {
            self.store(&reference, image);
        }
    }

    fn store(&self, reference: &ImageRef, image: Rc<Image>) {
        self.disk.take(image.size);
        let before = self.images.borrow_mut().insert(reference.to_string(), image);
        self.disk.give_back(before.map_or(0, |image| image.size));
    }

    /// Removes the images that no container uses (`DeleteUnusedImages`).
    pub fn delete_unused(&self, used: &[Rc<Image>]) {
        let mut images = self.images.borrow_mut();
        images.retain(|_, image| {
            let kept = used.iter().any(|used| Rc::ptr_eq(used, image));
            if !kept {
                self.disk.give_back(image.size);
            }
            kept
        });
    }

    pub fn current(&self) -> Option<Pull> {
        self.current.borrow().clone()
    }

    /// As the node's status lists them: largest first, at most 50.
    pub fn list(&self) -> Vec<ContainerImage> {
        let images = self.images.borrow();
        let mut list: Vec<&Rc<Image>> = images.values().collect();
        list.sort_by_key(|image| std::cmp::Reverse(image.size));
        list.truncate(50);
        let entry = |image: &&Rc<Image>| ContainerImage {
            names: Some(vec![image.image_id().to_string(), image.reference.to_string()]),
            size_bytes: i64::try_from(image.size).ok(),
        };
        list.iter().map(entry).collect()
    }

    pub fn count(&self) -> usize {
        self.images.borrow().len()
    }

    /// Waits for its turn and pulls.
    async fn pull_in_turn(&self, reference: &ImageRef, credentials: &[Credential]) -> Pulled {
        let (mine, serving) = self.tickets.get();
        self.tickets.set((mine + 1, serving));
        let turn = Turn(self);
        loop {
            let changed = self.turn.notified();
            if self.tickets.get().1 >= mine {
                break;
            }
            changed.await;
        }
        self.limit.accept(self.sim.now())?;
        let started = self.sim.now();
        let (found, used) = match self.network.is_outside_reachable() {
            true => self.ask(reference, credentials),
            false => (Err(self.catalogue.cut_off(reference).0.to_string()), None),
        };
        let (time, total_bytes) = match &found {
            Ok(image) => (self.times.of(image), image.size),
            Err(_) if !self.network.is_outside_reachable() => (self.catalogue.cut_off(reference).1, 0),
            Err(_) => (self.times.fixed.unwrap_or(self.times.latency), 0),
        };
        let pull = Pull { image: reference.to_string(), started, ends: started + time, total_bytes };
        *self.current.borrow_mut() = Some(pull);
        self.sim.sleep(time).await;
        self.current.take();
        drop(turn);
        let image = found?;
        self.store(reference, image.clone());
        let mut pulled_with = self.pulled_with.borrow_mut();
        match used {
            None => {
                pulled_with.remove(&reference.to_string());
            }
            Some(used) => pulled_with.entry(reference.to_string()).or_default().push(used.clone()),
        }
        Ok((image, time))
    }

    /// Asks the registry with one after another; says which were good.
    fn ask<'a>(
        &self,
        reference: &ImageRef,
        credentials: &'a [Credential],
    ) -> (Result<Rc<Image>, String>, Option<&'a Credential>) {
        let mut errors: Vec<String> = Vec::new();
        for credential in credentials {
            match self.catalogue.pull(reference, Some(&credential.login)) {
                Ok(image) => return (Ok(image), Some(credential)),
                Err(error) if !errors.contains(&error.to_string()) => errors.push(error.to_string()),
                Err(_) => {}
            }
        }
        let error = match errors.as_slice() {
            [] => return (self.catalogue.pull(reference, None).map_err(|error| error.to_string()), None),
            [only] => only.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        (Err(error), None)
    }
}

impl ImageService for ImageStore {
    fn status(&self, image: &ImageRef) -> Result<Option<Rc<Image>>, String> {
        Ok(self.images.borrow().get(&image.to_string()).cloned())
    }

    fn pull<'a>(&'a self, image: &'a ImageRef, credentials: &'a [Credential]) -> LocalBoxFuture<'a, Pulled> {
        Box::pin(self.pull_in_turn(image, credentials))
    }

    fn is_accessible(&self, image: &ImageRef, credentials: &[Credential]) -> bool {
        let pulled_with = self.pulled_with.borrow();
        let Some(known) = pulled_with.get(&image.to_string()) else { return true };
        known.iter().any(|one| credentials.iter().any(|own| own.is_as_good_as(one)))
    }
}

/// `EnsureImageExists` for the pod `uid`; `event` records (type, reason, message).
pub async fn ensure(
    service: &dyn ImageService,
    sim: &Sim,
    backoff: &RefCell<PullBackoff>,
    uid: &str,
    wanted: &Wanted<'_>,
    event: &dyn Fn(EventType, &str, String),
) -> Result<Rc<Image>, Refusal> {
    let asked = wanted.image;
    let refuse = |said: &str, reason: &str, message: String| {
        event(EventType::Warning, said, message.clone());
        Err((reason.to_string(), message))
    };
    let reference = match apply_default_tag(asked).and_then(|tagged| ImageRef::parse(&tagged)) {
        Ok(reference) => reference,
        Err(error) => {
            let why = format!("couldn't parse image name \"{asked}\": {error}");
            let message = format!("Failed to apply default image tag \"{asked}\": {why}");
            return refuse("InspectFailed", "InvalidImageName", message);
        }
    };
    let policy = wanted.policy.unwrap_or_else(|| default_policy(&reference));
    let credentials: Vec<Credential> =
        wanted.credentials.iter().filter(|credential| credential.covers(&reference)).cloned().collect();
    let never = || {
        let message = format!("Container image \"{asked}\" is not present with pull policy of Never");
        refuse("ErrImageNeverPull", "ErrImageNeverPull", message)
    };
    if policy != "Always" {
        match service.status(&reference) {
            Err(error) => {
                return refuse("InspectFailed", "ImageInspectError", format!("Failed to inspect image \"\": {error}"));
            }
            Ok(Some(image)) if service.is_accessible(&reference, &credentials) => {
                let text = "already present on machine and can be accessed by the pod";
                event(EventType::Normal, "Pulled", format!("Container image \"{asked}\" {text}"));
                return Ok(image);
            }
            Ok(_) if policy == "Never" => return never(),
            Ok(_) => {}
        }
    }
    let key = key(uid, &reference.to_string());
    let held = {
        let backoff = backoff.borrow();
        backoff.waits.holds(&key, sim.now()).then(|| backoff.errors.get(&key).cloned())
    };
    if let Some(last_error) = held {
        let message = format!("Back-off pulling image \"{asked}\"");
        event(EventType::Normal, "BackOff", message.clone());
        let message = last_error.map_or(message.clone(), |error| format!("{message}: {error}"));
        return Err(("ImagePullBackOff".into(), message));
    }
    event(EventType::Normal, "Pulling", format!("Pulling image \"{asked}\""));
    let asked_at = sim.now();
    match service.pull(&reference, &credentials).await {
        Ok((image, took)) => {
            let round = |d: Duration| go_duration(Duration::from_millis(d.as_millis() as u64));
            let (took, whole) = (round(took), round(sim.now().since(asked_at)));
            let message = format!(
                "Successfully pulled image \"{asked}\" in {took} ({whole} including waiting). Image size: {} bytes.",
                image.size
            );
            event(EventType::Normal, "Pulled", message);
            Ok(image)
        }
        Err(error) => {
            event(EventType::Warning, "Failed", format!("Failed to pull image \"{asked}\": {error}"));
            let (reason, message) = pull_error(asked, &error);
            let mut backoff = backoff.borrow_mut();
            let now = sim.now();
            backoff.waits.step(&key, now, now);
            backoff.errors.insert(key, format!("{reason}: {message}"));
            Err((reason.to_string(), message))
        }
    }
}

/// The waiting state for what the runtime said of a pull (`evalCRIPullErr`).
fn pull_error(asked: &str, error: &str) -> (&'static str, String) {
    let known = [
        ("RegistryUnavailable", "the registry is unavailable"),
        ("SignatureValidationFailed", "the signature validation failed"),
    ];
    for (reason, why) in known {
        if let Some(rest) = error.strip_prefix(reason) {
            return (reason, format!("image pull failed for {asked} because {why}{rest}"));
        }
    }
    ("ErrImagePull", error.to_string())
}

/// A place in the queue of pulls; the next one's turn comes when it is dropped.
struct Turn<'a>(&'a ImageStore);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let (next, serving) = self.0.tickets.get();
        self.0.tickets.set((next, serving + 1));
        self.0.turn.notify();
    }
}

fn default_policy(reference: &ImageRef) -> &'static str {
    if reference.tag.as_deref() == Some("latest") { "Always" } else { "IfNotPresent" }
}
