//! Makes the claims of pods' ephemeral volumes; they go with their pods, which own them.
//! Source: kubernetes `pkg/controller/volume/ephemeral`.

use std::{collections::BTreeMap, future::poll_fn, rc::Rc, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::{Value, json};

use super::REQUEST;
use crate::{
    api::{
        ApiClient, Kind, Object, Pod, Resource, Result, Volume,
        client::{Body, ListOptions, WatchEvent, WriteOptions},
        other::Other,
        volumes::{claim_of, is_made_for},
    },
    apiserver::events::{EventType, Recorder, pod_reference},
    sim::{Either, Sim, SimTime, race},
};

/// What failed is tried again after this, and after twice as long each time.
const RETRY: Duration = Duration::from_millis(5);
const RETRY_MAX: Duration = Duration::from_secs(1000);

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let recorder = Recorder::new(sim, client.clone(), "ephemeral_volume", "");
    let of = sim.clone();
    super::keep(sim, move || run(of.clone(), client.clone(), recorder.clone()));
}

fn is_concerned(pod: &Pod) -> bool {
    let mut volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    pod.metadata.deletion_timestamp.is_none() && volumes.any(|volume| volume.ephemeral.is_some())
}

/// A pod to look at, when, and how often that failed.
type Due = BTreeMap<String, (Rc<Pod>, SimTime, u32)>;

async fn run(sim: Sim, client: Rc<dyn ApiClient>, recorder: Recorder) -> Result<()> {
    let mut pods = client.watch(Kind::Pod, "", ListOptions::default()).await?;
    let mut claims = client.watch(Kind::PersistentVolumeClaim, "", ListOptions::default()).await?;
    // Pods with ephemeral volumes, by uid.
    let mut concerned: BTreeMap<String, Rc<Pod>> = BTreeMap::new();
    let mut due: Due = Due::new();
    loop {
        let news = poll_fn(|cx| match pods.poll_recv(cx) {
            std::task::Poll::Pending => claims.poll_recv(cx),
            news => news,
        });
        let next = due.values().map(|(_, at, _)| *at).min();
        let news = match next {
            None => Either::Left(news.await),
            Some(at) => race(news, sim.sleep_until(at)).await,
        };
        match news {
            Either::Left(None | Some(WatchEvent::Error(_))) => return Ok(()),
            Either::Left(Some(WatchEvent::Added(Object::Pod(pod)))) if is_concerned(&pod) => {
                due.insert(pod.uid().into(), (pod.clone(), sim.now(), 0));
                concerned.insert(pod.uid().into(), pod);
            }
            Either::Left(Some(WatchEvent::Modified(Object::Pod(pod)))) => {
                if let Some(known) = concerned.get_mut(pod.uid()) {
                    *known = pod;
                }
            }
            Either::Left(Some(WatchEvent::Deleted(Object::Pod(pod)))) => {
                concerned.remove(pod.uid());
                due.remove(pod.uid());
            }
            Either::Left(Some(WatchEvent::Deleted(Object::Other(claim)))) => {
                let users = concerned.values().filter(|pod| is_concerned(pod) && uses(pod, &claim));
                due.extend(users.map(|pod| (pod.uid().to_string(), (pod.clone(), sim.now(), 0))));
            }
            Either::Left(Some(_)) => {}
            Either::Right(()) => {
                let now = sim.now();
                let pods: Due = due.extract_if(.., |_, (_, at, _)| *at <= now).collect();
                for (uid, (pod, _, failures)) in pods {
                    let pod = concerned.get(&uid).cloned().unwrap_or(pod);
                    if let Err(why) = see_to(&sim, &*client, &pod).await {
                        recorder.event(pod_reference(&pod, None), EventType::Warning, "FailedBinding", why);
                        let delay = RETRY.saturating_mul(1 << failures.min(20)).min(RETRY_MAX);
                        due.insert(uid, (pod, now + delay, failures + 1));
                    }
                }
            }
        }
    }
}

fn uses(pod: &Pod, claim: &Other) -> bool {
    let mut volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    claim.metadata.namespace.as_deref() == Some(pod.namespace())
        && volumes.any(|volume| {
            volume.ephemeral.is_some() && claim_of(pod, volume).as_deref() == claim.metadata.name.as_deref()
        })
}

async fn see_to(sim: &Sim, client: &dyn ApiClient, pod: &Pod) -> std::result::Result<(), String> {
    if pod.metadata.deletion_timestamp.is_some() {
        return Ok(());
    }
    for volume in pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten()) {
        make(sim, client, pod, volume).await.map_err(|why| format!("ephemeral volume {}: {why}", volume.name))?;
    }
    Ok(())
}

async fn make(sim: &Sim, client: &dyn ApiClient, pod: &Pod, volume: &Volume) -> std::result::Result<(), String> {
    let (Some(source), Some(name)) = (&volume.ephemeral, claim_of(pod, volume)) else { return Ok(()) };
    match client.get(Kind::PersistentVolumeClaim, pod.namespace(), &name).await {
        Ok(Object::Other(claim)) => return is_made_for(&claim, pod),
        Err(error) if !error.is_not_found() => return Err(error.to_string()),
        _ => {}
    }
    let template = source.volume_claim_template.clone().unwrap_or_default();
    let given = template.metadata.unwrap_or_default();
    let metadata = ObjectMeta {
        name: Some(name.to_string()),
        namespace: pod.metadata.namespace.clone(),
        labels: given.labels,
        annotations: given.annotations,
        owner_references: Some(vec![OwnerReference {
            api_version: "v1".into(),
            kind: "Pod".into(),
            name: pod.name().into(),
            uid: pod.uid().into(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]),
        ..ObjectMeta::default()
    };
    let spec = serde_json::to_value(&template.spec).unwrap_or(Value::Null);
    let claim = json!({"metadata": metadata, "spec": spec});
    let failed = |why: String| format!("create PVC {name}: {why}");
    let claim = Other::read(Kind::PersistentVolumeClaim, claim).map_err(|error| failed(error.to_string()))?;
    let body = Body::Object(Object::Other(Rc::new(claim)));
    sim.sleep(REQUEST).await;
    let made = client.create(Kind::PersistentVolumeClaim, pod.namespace(), body, WriteOptions::default()).await;
    made.map(drop).map_err(|error| failed(error.to_string()))
}
