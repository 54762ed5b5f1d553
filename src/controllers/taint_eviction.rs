//! Deletes pods from nodes with NoExecute taints that they don't tolerate, at once or after their
//! tolerationSeconds.
//!
//! Only pods of tainted nodes are watched, so a calm cluster costs nothing.

use std::{collections::BTreeMap, future::poll_fn, rc::Rc, task::Poll, time::Duration};

use k8s_openapi::api::core::v1::{Node, Taint};

use super::{change_status, mark_disrupted};
use crate::{
    api::{
        ApiClient, Kind, Object, Pod, Resource, Result,
        client::{DeleteOptions, ListOptions, Watch, WatchEvent},
        taints::tolerates,
    },
    apiserver::events::{EventType, Recorder, pod_reference},
    sim::{Either, Sim, SimTime, race},
};

pub fn start(sim: &Sim, client: Rc<dyn ApiClient>) {
    let sim = sim.clone();
    sim.clone().spawn(async move {
        let recorder = Recorder::new(&sim, client.clone(), "taint-eviction-controller", "");
        loop {
            let mut controller = Controller {
                sim: sim.clone(),
                client: client.clone(),
                recorder: recorder.clone(),
                tainted: BTreeMap::new(),
                scheduled: BTreeMap::new(),
                due: BTreeMap::new(),
                seq: 0,
            };
            let _ended = controller.run().await;
            sim.sleep(Duration::from_secs(1)).await;
        }
    });
}

struct Controller {
    sim: Sim,
    client: Rc<dyn ApiClient>,
    recorder: Recorder,
    /// Nodes with NoExecute taints.
    tainted: BTreeMap<String, Tainted>,
    /// Deletions to come, by the pod's uid.
    scheduled: BTreeMap<String, Scheduled>,
    due: BTreeMap<(SimTime, u64), String>,
    seq: u64,
}

struct Tainted {
    taints: Vec<Taint>,
    watch: Watch,
    pods: BTreeMap<String, Rc<Pod>>,
}

struct Scheduled {
    pod: Rc<Pod>,
    created: SimTime,
    trigger: SimTime,
    seq: u64,
}

enum Heard {
    Node(Option<WatchEvent>),
    Pod(String, Option<WatchEvent>),
}

impl Controller {
    async fn run(&mut self) -> Result<()> {
        let mut nodes = self.client.watch(Kind::Node, "", ListOptions::default()).await?;
        loop {
            let next = self.due.keys().next().map(|(at, _)| *at);
            let tainted = &mut self.tainted;
            let heard = poll_fn(|cx| {
                if let Poll::Ready(event) = nodes.poll_recv(cx) {
                    return Poll::Ready(Heard::Node(event));
                }
                for (name, node) in tainted.iter_mut() {
                    if let Poll::Ready(event) = node.watch.poll_recv(cx) {
                        return Poll::Ready(Heard::Pod(name.clone(), event));
                    }
                }
                Poll::Pending
            });
            let heard = match next {
                None => heard.await,
                Some(at) => match race(heard, self.sim.sleep_until(at)).await {
                    Either::Left(heard) => heard,
                    Either::Right(()) => {
                        self.delete_due().await;
                        continue;
                    }
                },
            };
            match heard {
                Heard::Node(None) => return Ok(()),
                Heard::Node(Some(WatchEvent::Error(error))) => return Err(error),
                Heard::Node(Some(WatchEvent::Added(Object::Node(n)) | WatchEvent::Modified(Object::Node(n)))) => {
                    self.node(&n).await?;
                }
                Heard::Node(Some(WatchEvent::Deleted(object))) => self.untainted(object.name()),
                Heard::Node(Some(_)) => {}
                // A lost watch is opened again when the node is next heard of.
                Heard::Pod(node, None | Some(WatchEvent::Error(_))) => drop(self.tainted.remove(&node)),
                Heard::Pod(node, Some(event)) => self.pod(&node, &event),
            }
        }
    }

    async fn node(&mut self, node: &Node) -> Result<()> {
        let taints = node.spec.iter().flat_map(|s| s.taints.iter().flatten());
        let taints: Vec<Taint> = taints.filter(|taint| taint.effect == "NoExecute").cloned().collect();
        let name = node.name();
        if taints.is_empty() {
            self.untainted(name);
            return Ok(());
        }
        if let Some(known) = self.tainted.get_mut(name) {
            if known.taints == taints {
                return Ok(());
            }
            known.taints = taints;
            let pods: Vec<Rc<Pod>> = known.pods.values().cloned().collect();
            for pod in pods {
                self.consider(name, &pod);
            }
            return Ok(());
        }
        let options = ListOptions { field_selector: format!("spec.nodeName={name}"), ..ListOptions::default() };
        let watch = self.client.watch(Kind::Pod, "", options).await?;
        self.tainted.insert(name.into(), Tainted { taints, watch, pods: BTreeMap::new() });
        Ok(())
    }

    fn untainted(&mut self, node: &str) {
        let Some(tainted) = self.tainted.remove(node) else { return };
        for uid in tainted.pods.keys() {
            self.cancel(uid);
        }
    }

    fn pod(&mut self, node: &str, event: &WatchEvent) {
        let gone = matches!(event, WatchEvent::Deleted(_));
        let Some(Object::Pod(pod)) = event.object() else { return };
        let Some(tainted) = self.tainted.get_mut(node) else { return };
        if gone {
            tainted.pods.remove(pod.uid());
            self.unschedule(pod.uid());
            return;
        }
        let old = tainted.pods.insert(pod.uid().to_string(), pod.clone());
        let tolerations = |pod: &Pod| pod.spec.as_ref().and_then(|s| s.tolerations.clone());
        if old.is_none_or(|old| tolerations(&old) != tolerations(pod)) {
            self.consider(node, pod);
        }
    }

    /// Plans a pod's deletion, or drops the plan.
    fn consider(&mut self, node: &str, pod: &Rc<Pod>) {
        let Some(tainted) = self.tainted.get(node) else { return };
        let now = self.sim.now();
        match tolerated_for(pod, &tainted.taints) {
            Tolerated::Forever => self.cancel(pod.uid()),
            Tolerated::For(time) => {
                let mut created = now;
                if let Some(planned) = self.scheduled.get(pod.uid()) {
                    created = planned.created;
                    // A plan stays unless the time has become shorter than what it grants.
                    if created + time < now + time && planned.trigger <= created + time {
                        return;
                    }
                    self.unschedule(pod.uid());
                }
                self.schedule(pod.clone(), created, created + time);
            }
        }
    }

    fn schedule(&mut self, pod: Rc<Pod>, created: SimTime, trigger: SimTime) {
        self.seq += 1;
        let (seq, uid) = (self.seq, pod.uid().to_string());
        self.due.insert((trigger, seq), uid.clone());
        self.scheduled.insert(uid, Scheduled { pod, created, trigger, seq });
    }

    fn unschedule(&mut self, uid: &str) -> Option<Scheduled> {
        let planned = self.scheduled.remove(uid)?;
        self.due.remove(&(planned.trigger, planned.seq));
        Some(planned)
    }

    fn cancel(&mut self, uid: &str) {
        if let Some(planned) = self.unschedule(uid) {
            self.event(&planned.pod, "Cancelling deletion of Pod");
        }
    }

    fn event(&self, pod: &Pod, what: &str) {
        let message = format!("{what} {}/{}", pod.namespace(), pod.name());
        self.recorder.event(pod_reference(pod, None), EventType::Normal, "TaintManagerEviction", message);
    }

    async fn delete_due(&mut self) {
        let now = self.sim.now();
        while let Some(((at, _), uid)) = self.due.first_key_value()
            && *at <= now
        {
            let uid = uid.clone();
            let Some(planned) = self.unschedule(&uid) else { break };
            self.event(&planned.pod, "Marking for deletion Pod");
            // A pod that has gone meanwhile needs no deletion.
            let _gone = self.delete(&planned.pod).await;
        }
    }

    async fn delete(&self, pod: &Pod) -> Result<()> {
        change_status(&*self.client, pod, |pod| {
            let message = "Taint manager: deleting due to NoExecute taint";
            mark_disrupted(&self.sim, pod, "DeletionByTaintManager", message);
            true
        })
        .await?;
        let options = DeleteOptions { precondition_uid: Some(pod.uid().to_string()), ..DeleteOptions::default() };
        self.client.delete(Kind::Pod, pod.namespace(), pod.name(), options).await.map(drop)
    }
}

enum Tolerated {
    Forever,
    For(Duration),
}

/// How long a pod may stay under these taints: the shortest tolerationSeconds among the tolerations
/// that are used.
fn tolerated_for(pod: &Pod, taints: &[Taint]) -> Tolerated {
    let tolerations = pod.spec.as_ref().and_then(|s| s.tolerations.as_deref()).unwrap_or_default();
    let mut used = Vec::new();
    for taint in taints {
        let Some(toleration) = tolerations.iter().find(|t| tolerates(t, taint)) else {
            return Tolerated::For(Duration::ZERO);
        };
        used.push(toleration);
    }
    match used.iter().filter_map(|toleration| toleration.toleration_seconds).min() {
        None => Tolerated::Forever,
        Some(seconds) => Tolerated::For(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))),
    }
}
