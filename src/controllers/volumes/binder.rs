//! Binds claims to volumes, tells what a claim waits for, and releases the volumes of claims that have gone.
//! Source: kubernetes `pkg/controller/volume/persistentvolume/pv_controller.go`.
//!
//! As there, a claim is looked at when it changes and every [`RESYNC`]; a new volume alone moves no claim.

use std::{collections::BTreeMap, future::poll_fn, rc::Rc, time::Duration};

use serde_json::{Value, json};

use super::{Key, News, World, key, storage_class};
use crate::{
    api::{
        ApiClient, Kind, Object, Pod, Resource, Result,
        client::{DeleteOptions, ListOptions, Subresource},
        other::Other,
        quantity::Quantity,
        volumes::{
            self, BIND_COMPLETED, BOUND_BY_CONTROLLER, NO_PROVISIONER, OLD_PROVISIONER, PROVISIONED_BY, PROVISIONER,
            SELECTED_NODE, annotate, annotation, is_bound, is_claimed_by, volume_of,
        },
    },
    apiserver::{
        events::{EventType, Recorder, reference},
        whole_seconds,
    },
    sim::{Either, Sim, SimTime, race},
};

const NAME: &str = "persistentvolume-controller";
/// Also how long its clock's phase is.
const RESYNC: Duration = Duration::from_secs(15);

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let recorder = Recorder::new(sim, client.clone(), NAME, "");
    let of = sim.clone();
    let expander = Recorder::new(sim, client.clone(), "volume_expand", "");
    super::keep(sim, move || run(of.clone(), client.clone(), recorder.clone(), expander.clone()));
}

struct Binder {
    sim: Sim,
    world: World,
    recorder: Recorder,
    /// Speaks for the controller that enlarges volumes.
    expander: Recorder,
    /// What claims asked for when they were last looked at.
    requests: BTreeMap<Key, Quantity>,
}

async fn run(sim: Sim, client: Rc<dyn ApiClient>, recorder: Recorder, expander: Recorder) -> Result<()> {
    let world = World::watch(&sim, client).await?;
    let mut binder = Binder { sim: sim.clone(), world, recorder, expander, requests: BTreeMap::new() };
    loop {
        let waits = binder.world.claims.values().any(|claim| !is_bound(claim));
        let next = next_resync(sim.now());
        let news = poll_fn(|cx| binder.world.poll_news(cx));
        let news = match waits {
            false => Some(news.await),
            true => match race(news, sim.sleep_until(next)).await {
                Either::Left(news) => Some(news),
                Either::Right(()) => None,
            },
        };
        match news {
            None => binder.resync().await,
            Some(None) => return Ok(()),
            Some(Some(News::Claim(claim))) => {
                if let Some(before) = binder.requests.insert(key(&claim), volumes::request(&claim)) {
                    binder.tell_of_expansion(&claim, &before);
                }
                binder.claim(claim).await;
            }
            Some(Some(News::Volume(volume))) => binder.volume(volume).await,
            Some(Some(News::ClaimGone(claim))) => {
                binder.requests.remove(&key(&claim));
                let volume = binder.world.volumes.get(volume_of(&claim)).cloned();
                if let Some(volume) = volume {
                    binder.volume(volume).await;
                }
            }
            Some(Some(News::VolumeGone(volume))) => {
                let lost = binder.world.claims.values().find(|claim| volume_of(claim) == key(&volume).1).cloned();
                if let Some(claim) = lost {
                    binder.claim(claim).await;
                }
            }
        }
    }
}

fn next_resync(now: SimTime) -> SimTime {
    let every = RESYNC.as_nanos() as u64;
    SimTime::from_nanos((now.as_nanos() / every + 1) * every)
}

impl Binder {
    async fn resync(&mut self) {
        let volumes: Vec<Rc<Other>> = self.world.volumes.values().cloned().collect();
        for volume in volumes {
            self.volume(volume).await;
        }
        let claims: Vec<Rc<Other>> = self.world.claims.values().cloned().collect();
        for claim in claims {
            self.claim(claim).await;
        }
    }

    fn event(&self, object: &Rc<Other>, kind: EventType, reason: &str, message: impl Into<String>) {
        self.recorder.event(reference(&Object::Other(object.clone())), kind, reason, message);
    }

    /// A claim asks for more than it did. No volume here is enlarged by Kubernetes itself, so it is left to others
    /// (`pkg/controller/volume/expand`).
    fn tell_of_expansion(&self, claim: &Rc<Other>, before: &Quantity) {
        if is_bound(claim) && volumes::request(claim) > *before && volumes::request(claim) > volumes::given(claim) {
            let text = "waiting for an external controller to expand this PVC";
            let about = reference(&Object::Other(claim.clone()));
            self.expander.event(about, EventType::Normal, "ExternalExpanding", text);
        }
    }

    async fn claim(&mut self, claim: Rc<Other>) {
        if is_bound(&claim) {
            self.bound_claim(claim).await;
        } else if claim.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(BIND_COMPLETED)) {
            let why = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!";
            self.lost(claim, "ClaimLost", why).await;
        } else if volume_of(&claim).is_empty() {
            self.unbound_claim(claim).await;
        } else {
            self.prebound_claim(claim).await;
        }
    }

    async fn unbound_claim(&mut self, claim: Rc<Other>) {
        let class_name = volumes::class(&claim).to_string();
        let class = match class_name.is_empty() {
            true => None,
            false => storage_class(&*self.world.client, &class_name).await,
        };
        let delayed = volumes::is_delayed(class.as_deref()) && annotation(&claim, SELECTED_NODE).is_empty();
        let everywhere = |volume: &Other| volumes::affinity(volume).is_none() || is_claimed_by(volume, &claim);
        let found = volumes::choose(self.world.volumes.values(), &claim, delayed, everywhere).cloned();
        if let Some(volume) = found {
            return self.bind(volume, claim).await;
        }
        if claim.at("spec/storageClassName").is_null() && class_name.is_empty() {
            // A default class that came after the claim counts as well.
            let classes = self.world.client.list(Kind::StorageClass, "", ListOptions::default()).await;
            if let Some(name) = classes.ok().and_then(|classes| volumes::default_class(&classes.items)) {
                let mut changed = Other::clone(&claim);
                set(&mut changed, "spec", "storageClassName", json!(name));
                // The write is told by the watch, and that looks at the claim again.
                self.world.write(changed, Subresource::None).await;
                return;
            }
        }
        if delayed {
            self.explain_delay(&claim).await;
        } else if class_name.is_empty() {
            let why = "no persistent volumes available for this claim and no storage class is set";
            self.event(&claim, EventType::Normal, "FailedBinding", why);
        } else {
            match class {
                None => {
                    let why = format!("storageclass.storage.k8s.io \"{class_name}\" not found");
                    self.event(&claim, EventType::Warning, "ProvisioningFailed", why);
                }
                Some(class) => return self.provision(claim, &class).await,
            }
        }
        self.phase(claim, "Pending").await;
    }

    /// What a claim waits for whose class lets a pod come first.
    async fn explain_delay(&self, claim: &Rc<Other>) {
        let (namespace, name) = key(claim);
        let pods = super::pods(&*self.world.client, &namespace).await;
        let uses =
            |pod: &&Rc<Pod>| !super::super::is_terminal(pod) && volumes::claims(pod).any(|(_, claim)| claim == name);
        let unplaced =
            |pod: &&Rc<Pod>| pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).is_none_or(str::is_empty);
        match pods.iter().filter(uses).find(unplaced) {
            Some(pod) => {
                let text = format!("waiting for pod {} to be scheduled", pod.name());
                self.event(claim, EventType::Normal, "WaitForPodScheduled", text);
            }
            None => {
                let text = "waiting for first consumer to be created before binding";
                self.event(claim, EventType::Normal, "WaitForFirstConsumer", text);
            }
        }
    }

    /// Leaves it to the class' provisioner to make a volume.
    async fn provision(&mut self, claim: Rc<Other>, class: &Other) {
        let provisioner = class.text("provisioner");
        if provisioner == NO_PROVISIONER {
            let why = format!("no volume plugin matched name: {provisioner}");
            self.event(&claim, EventType::Warning, "ProvisioningFailed", why);
            return self.phase(claim, "Pending").await;
        }
        let mut claim = claim;
        if annotation(&claim, PROVISIONER) != provisioner {
            let mut changed = Other::clone(&claim);
            annotate(&mut changed, PROVISIONER, provisioner);
            annotate(&mut changed, OLD_PROVISIONER, provisioner);
            match self.world.write(changed, Subresource::None).await {
                Some(written) => claim = written,
                None => return,
            }
        }
        let text = format!(
            "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the \
             system administrator. If volume creation is delayed, please verify that the provisioner is running and \
             correctly registered."
        );
        self.event(&claim, EventType::Normal, "ExternalProvisioning", text);
        self.phase(claim, "Pending").await;
    }

    /// A claim that names its volume.
    async fn prebound_claim(&mut self, claim: Rc<Other>) {
        let Some(volume) = self.world.volumes.get(volume_of(&claim)).cloned() else {
            return self.phase(claim, "Pending").await;
        };
        let reference = volume.at("spec/claimRef");
        if reference.is_object() && !is_claimed_by(&volume, &claim) {
            let why = format!("volume \"{}\" already bound to a different claim.", volume_of(&claim));
            self.event(&claim, EventType::Warning, "FailedBinding", why);
            return self.phase(claim, "Pending").await;
        }
        if reference.is_null()
            && let Some(why) = volumes::mismatch(&volume, &claim)
        {
            let why = format!("Cannot bind to requested volume \"{}\": {why}", volume_of(&claim));
            self.event(&claim, EventType::Warning, "VolumeMismatch", why);
            return self.phase(claim, "Pending").await;
        }
        self.bind(volume, claim).await;
    }

    async fn bound_claim(&mut self, claim: Rc<Other>) {
        let Some(volume) = self.world.volumes.get(volume_of(&claim)).cloned() else {
            let why = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
            return self.lost(claim, "ClaimLost", why).await;
        };
        if volume.at("spec/claimRef").is_null() || is_claimed_by(&volume, &claim) {
            return self.bind(volume, claim).await;
        }
        let why = "Two claims are bound to the same volume, this one is bound incorrectly";
        self.lost(claim, "ClaimMisbound", why).await;
    }

    async fn lost(&mut self, claim: Rc<Other>, reason: &str, why: &str) {
        if claim.text("status/phase") != "Lost" {
            self.event(&claim, EventType::Warning, reason, why);
        }
        self.phase(claim, "Lost").await;
    }

    /// Writes both sides, each only where it isn't so yet.
    async fn bind(&mut self, volume: Rc<Other>, claim: Rc<Other>) {
        let mut changed = Other::clone(&volume);
        let unclaimed = changed.at("spec/claimRef").is_null();
        if unclaimed {
            annotate(&mut changed, BOUND_BY_CONTROLLER, "yes");
        }
        if unclaimed || volume.at("spec/claimRef")["uid"].as_str().is_none_or(str::is_empty) {
            set(&mut changed, "spec", "claimRef", volumes::reference(&claim));
        }
        let Some(volume) = self.put(volume, changed).await else { return };
        let volume = match self.volume_phase(volume, "Bound").await {
            Some(volume) => volume,
            None => return,
        };
        let mut changed = Other::clone(&claim);
        if volume_of(&claim).is_empty() {
            set(&mut changed, "spec", "volumeName", json!(volume.metadata.name));
            annotate(&mut changed, BOUND_BY_CONTROLLER, "yes");
        }
        annotate(&mut changed, BIND_COMPLETED, "yes");
        let Some(claim) = self.put(claim, changed).await else { return };
        let mut changed = Other::clone(&claim);
        set(&mut changed, "status", "phase", json!("Bound"));
        set(&mut changed, "status", "accessModes", volume.at("spec/accessModes").clone());
        set(&mut changed, "status", "capacity", volume.at("spec/capacity").clone());
        if changed.content != claim.content {
            self.world.write(changed, Subresource::Status).await;
        }
    }

    /// Writes what has changed; `None` if that failed.
    async fn put(&mut self, old: Rc<Other>, new: Other) -> Option<Rc<Other>> {
        if *old == new { Some(old) } else { self.world.write(new, Subresource::None).await }
    }

    async fn phase(&mut self, claim: Rc<Other>, phase: &str) {
        if claim.text("status/phase") != phase {
            let mut changed = Other::clone(&claim);
            set(&mut changed, "status", "phase", json!(phase));
            self.world.write(changed, Subresource::Status).await;
        }
    }

    async fn volume_phase(&mut self, volume: Rc<Other>, phase: &str) -> Option<Rc<Other>> {
        if volume.text("status/phase") == phase {
            return Some(volume);
        }
        let mut changed = Other::clone(&volume);
        set(&mut changed, "status", "phase", json!(phase));
        set(&mut changed, "status", "lastPhaseTransitionTime", json!(whole_seconds(self.sim.wall())));
        self.world.write(changed, Subresource::Status).await
    }

    async fn volume(&mut self, volume: Rc<Other>) {
        let reference = volume.at("spec/claimRef");
        let text = |key: &str| reference[key].as_str().unwrap_or_default();
        if reference.is_null() || text("uid").is_empty() {
            self.volume_phase(volume, "Available").await;
            return;
        }
        let claim = self.world.claims.get(&(text("namespace").to_string(), text("name").to_string())).cloned();
        let claim = claim.filter(|claim| is_claimed_by(&volume, claim));
        match claim {
            None => self.release(volume).await,
            // Given to a claim that doesn't know it yet.
            Some(claim) if volume_of(&claim).is_empty() => self.unbound_claim(claim).await,
            Some(claim) if Some(volume_of(&claim)) == volume.metadata.name.as_deref() => {
                self.volume_phase(volume, "Bound").await;
            }
            // Its claim has another one.
            Some(_) => {
                let made = !annotation(&volume, PROVISIONED_BY).is_empty();
                if made && volume.text("spec/persistentVolumeReclaimPolicy") == "Delete" {
                    return self.release(volume).await;
                }
                let mut changed = Other::clone(&volume);
                unset(&mut changed, "spec", "claimRef");
                changed.metadata.annotations.iter_mut().for_each(|all| drop(all.remove(BOUND_BY_CONTROLLER)));
                if let Some(volume) = self.put(volume, changed).await {
                    self.volume_phase(volume, "Available").await;
                }
            }
        }
    }

    /// The claim has gone.
    async fn release(&mut self, volume: Rc<Other>) {
        if ["Released", "Failed"].contains(&volume.text("status/phase")) {
            return;
        }
        let Some(volume) = self.volume_phase(volume, "Released").await else { return };
        // What an external provisioner has made it takes away itself.
        if volume.text("spec/persistentVolumeReclaimPolicy") != "Delete"
            || !annotation(&volume, PROVISIONED_BY).is_empty()
        {
            return;
        }
        let path = volume.text("spec/hostPath/path");
        let why = match path {
            "" => "error getting deleter volume plugin for volume \"NAME\": no volume plugin matched"
                .replace("NAME", &key(&volume).1),
            path if path.starts_with("/tmp/") => {
                let name = key(&volume).1;
                // Gone already is as good.
                let _done = self.world.client.delete(Kind::PersistentVolume, "", &name, DeleteOptions::default()).await;
                return;
            }
            path => format!("host_path deleter only supports /tmp/.+ but received provided {path}"),
        };
        self.event(&volume, EventType::Warning, "VolumeFailedDelete", why.clone());
        let mut changed = Other::clone(&volume);
        set(&mut changed, "status", "message", json!(why));
        set(&mut changed, "status", "phase", json!("Failed"));
        set(&mut changed, "status", "lastPhaseTransitionTime", json!(whole_seconds(self.sim.wall())));
        self.world.write(changed, Subresource::Status).await;
    }
}

fn set(object: &mut Other, part: &str, field: &str, value: Value) {
    let part = object.content.entry(part).or_insert_with(|| json!({}));
    if !value.is_null() {
        part[field] = value;
    }
}

fn unset(object: &mut Other, part: &str, field: &str) {
    object.content.get_mut(part).and_then(Value::as_object_mut).map(|part| part.remove(field));
}
