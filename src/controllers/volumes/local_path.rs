//! `rancher.io/local-path`, the provisioner of kind's clusters: a volume is a directory of the node that the pod is
//! placed on. Source: `rancher/local-path-provisioner`.

use std::{collections::BTreeSet, future::poll_fn, rc::Rc, time::Duration};

use serde_json::{Value, json};

use super::{News, World, key, storage_class};
use crate::{
    api::{
        ApiClient, Kind, Object, Result,
        client::{Body, DeleteOptions, WriteOptions},
        other::Other,
        volumes::{self, PROVISIONED_BY, PROVISIONER, SELECTED_NODE, annotation, volume_of},
    },
    apiserver::events::{EventType, Recorder, reference},
    sim::Sim,
};

pub const NAME: &str = "rancher.io/local-path";
/// The class that kind's clusters have by default.
pub const CLASS: &str = "standard";
const DIRECTORY: &str = "/var/local-path-provisioner";
/// A helper pod makes the directory, and takes it away.
const HELP: Duration = Duration::from_millis(2300);

pub fn start(sim: &Sim, client: &Rc<dyn ApiClient>) {
    let mut rng = sim.rng(NAME);
    let pod = rng.string(5, crate::apiserver::NAME_ALPHABET);
    let identity = format!("{NAME}_local-path-provisioner-7dc846544d-{pod}_{}", rng.uuid());
    let recorder = Recorder::new(sim, client.clone(), &identity, "");
    let (client, of) = (client.clone(), sim.clone());
    super::keep(sim, move || run(of.clone(), client.clone(), recorder.clone()));
}

/// The default class.
pub fn class() -> Object {
    let content = json!({
        "provisioner": NAME,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    });
    let mut class = Other {
        kind: Kind::StorageClass,
        older: None,
        metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
            name: Some(CLASS.into()),
            ..Default::default()
        },
        content: content.as_object().cloned().unwrap_or_default(),
    };
    volumes::annotate(&mut class, "storageclass.kubernetes.io/is-default-class", "true");
    Object::Other(Rc::new(class))
}

async fn run(sim: Sim, client: Rc<dyn ApiClient>, recorder: Recorder) -> Result<()> {
    let mut world = World::watch(&sim, client.clone()).await?;
    let mut begun: BTreeSet<String> = BTreeSet::new();
    while let Some(news) = poll_fn(|cx| world.poll_news(cx)).await {
        match news {
            News::Claim(claim)
                if annotation(&claim, PROVISIONER) == NAME
                    && volume_of(&claim).is_empty()
                    && claim.metadata.deletion_timestamp.is_none() =>
            {
                let Some(class) = storage_class(&*client, volumes::class(&claim)).await else { continue };
                let node = annotation(&claim, SELECTED_NODE).to_string();
                if volumes::is_delayed(Some(&class)) && node.is_empty() {
                    continue;
                }
                if begun.insert(claim.metadata.uid.clone().unwrap_or_default()) {
                    let about = reference(&Object::Other(claim.clone()));
                    let (namespace, name) = key(&claim);
                    let text = format!("External provisioner is provisioning volume for claim \"{namespace}/{name}\"");
                    recorder.event(about.clone(), EventType::Normal, "Provisioning", text);
                    if node.is_empty() {
                        let text = format!(
                            "failed to provision volume with StorageClass \"{}\": configuration error, no node was \
                             specified",
                            volumes::class(&claim)
                        );
                        recorder.event(about, EventType::Warning, "ProvisioningFailed", text);
                        continue;
                    }
                    sim.spawn(make(sim.clone(), client.clone(), recorder.clone(), claim, class, node));
                }
            }
            News::Volume(volume)
                if annotation(&volume, PROVISIONED_BY) == NAME
                    && volume.text("status/phase") == "Released"
                    && volume.text("spec/persistentVolumeReclaimPolicy") == "Delete"
                    && volume.metadata.deletion_timestamp.is_none()
                    && begun.insert(volume.metadata.uid.clone().unwrap_or_default()) =>
            {
                sim.spawn(remove(sim.clone(), client.clone(), volume));
            }
            _ => {}
        }
    }
    Ok(())
}

async fn make(
    sim: Sim,
    client: Rc<dyn ApiClient>,
    recorder: Recorder,
    claim: Rc<Other>,
    class: Rc<Other>,
    node: String,
) {
    sim.sleep(HELP).await;
    let (namespace, claim_name) = key(&claim);
    let name = format!("pvc-{}", claim.metadata.uid.as_deref().unwrap_or_default());
    let text = |path: &str, default: &str| match class.text(path) {
        "" => Value::from(default),
        text => Value::from(text),
    };
    let volume = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "annotations": {PROVISIONED_BY: NAME, "local.path.provisioner/selected-node": node},
        },
        "spec": {
            "accessModes": claim.at("spec/accessModes"),
            "capacity": {"storage": claim.at("spec/resources/requests/storage")},
            "claimRef": volumes::reference(&claim),
            "hostPath": {"path": format!("{DIRECTORY}/{name}_{namespace}_{claim_name}"), "type": "DirectoryOrCreate"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]},
            ]}]}},
            "persistentVolumeReclaimPolicy": text("reclaimPolicy", "Delete"),
            "storageClassName": volumes::class(&claim),
            "volumeMode": text("volumeMode", "Filesystem"),
        },
    });
    let about = reference(&Object::Other(claim));
    let Ok(object) = Other::read(Kind::PersistentVolume, volume) else { return };
    let body = Body::Object(Object::Other(Rc::new(object)));
    match client.create(Kind::PersistentVolume, "", body, WriteOptions::default()).await {
        Ok(_) => {
            let text = format!("Successfully provisioned volume {name}");
            recorder.event(about, EventType::Normal, "ProvisioningSucceeded", text);
        }
        Err(error) => {
            let text = format!("Error saving provisioned volume: {error}");
            recorder.event(about, EventType::Warning, "ProvisioningFailed", text);
        }
    }
}

async fn remove(sim: Sim, client: Rc<dyn ApiClient>, volume: Rc<Other>) {
    sim.sleep(HELP).await;
    // Gone already is as good.
    let _done = client.delete(Kind::PersistentVolume, "", &key(&volume).1, DeleteOptions::default()).await;
}
