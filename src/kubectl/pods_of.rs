//! The pods behind a Deployment, Job, Service or the like (`kubectl/pkg/polymorphichelpers`).

use std::{rc::Rc, time::Duration};

use super::{Ctx, Failure, resource};
use crate::api::{
    Kind, Object, Pod, Resource,
    client::{self, ListOptions},
    selector::LabelSelector,
};

/// How long a first pod is waited for.
const LIMIT: Duration = Duration::from_secs(20);

/// By what an object selects its pods, as text; `None` if it selects none.
pub fn selector(object: &Object) -> Option<String> {
    let value = object.to_value();
    let selector = value.pointer("/spec/selector")?;
    let labels = match object.kind() {
        Kind::Service | Kind::ReplicationController => serde_json::from_value(selector.clone()).ok()?,
        _ => {
            let selector = serde_json::from_value(selector.clone()).ok()?;
            return LabelSelector::from_api(Some(&selector)).ok().map(|selector| selector.to_string());
        }
    };
    Some(LabelSelector::from_labels(&labels).to_string()).filter(|text| !text.is_empty())
}

/// What of several pods is chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Best {
    /// The one that runs best.
    Active,
    /// The one whose log tells most: of equals the one that was restarted most.
    Logging,
}

/// The pods that a selector chooses, the fittest first; waited for if there are none yet.
pub async fn sorted(cx: &Ctx, selector: &str, best: Best, limit: Duration) -> Result<Vec<Rc<Pod>>, Failure> {
    let options = ListOptions { label_selector: selector.into(), ..ListOptions::default() };
    let found = cx.client.list(Kind::Pod, &cx.namespace, options.clone()).await?;
    let mut pods: Vec<Rc<Pod>> = found.items.iter().filter_map(Pod::from_object).cloned().collect();
    pods.sort_by_key(|pod| {
        let status = pod.status.as_ref();
        let ready = status.and_then(|s| s.conditions.as_ref()).into_iter().flatten();
        let ready = ready.filter(|c| c.type_ == "Ready").find(|c| c.status == "True");
        let statuses = status.and_then(|s| s.container_statuses.as_ref()).into_iter().flatten();
        let restarts = statuses.map(|s| s.restart_count).max().unwrap_or(0);
        (
            pod.spec.as_ref().and_then(|s| s.node_name.as_ref()).is_none(),
            match status.and_then(|s| s.phase.as_deref()) {
                Some("Running") => 0,
                Some("Unknown") => 1,
                _ => 2,
            },
            ready.is_none(),
            ready.and_then(|c| c.last_transition_time.as_ref()).map(|t| t.0),
            if best == Best::Logging { -restarts } else { restarts },
            pod.metadata.creation_timestamp.as_ref().map(|t| t.0),
        )
    });
    if !pods.is_empty() {
        return Ok(pods);
    }
    let options = ListOptions { resource_version: found.resource_version, ..options };
    let mut watch = cx.client.watch(Kind::Pod, &cx.namespace, options).await?;
    let first = async {
        while let Some(event) = watch.recv().await {
            if let Some(pod) = event.object().and_then(Pod::from_object) {
                return Some(pod.clone());
            }
        }
        None
    };
    let found = cx.proc.sim().timeout(limit, first).await.flatten();
    found.map(|pod| vec![pod]).ok_or_else(|| Failure::Message("timed out waiting for the condition".into()))
}

/// The pods that `POD` or `TYPE/NAME` means, the fittest first. `doing` says what couldn't be done with them.
pub async fn meant(cx: &Ctx, word: &str, best: Best, doing: &str) -> Result<Vec<Rc<Pod>>, Failure> {
    let (kind, name) = match word.split_once('/') {
        None => (Kind::Pod, word),
        Some((kind, name)) => (resource::kind(kind)?, name),
    };
    if kind == Kind::Pod {
        return Ok(vec![client::get::<Pod>(&*cx.client, &cx.namespace, name).await?]);
    }
    let acts = [
        Kind::Service,
        Kind::Deployment,
        Kind::ReplicaSet,
        Kind::ReplicationController,
        Kind::StatefulSet,
        Kind::DaemonSet,
        Kind::Job,
    ];
    let object = match acts.contains(&kind) {
        true => Some(cx.client.get(kind, &cx.namespace, name).await?),
        false => None,
    };
    let Some(selector) = object.as_ref().and_then(selector) else {
        let message = format!("cannot {doing} *v1.{kind}: selector for *v1.{kind} not implemented");
        return Err(Failure::Message(message));
    };
    sorted(cx, &selector, best, LIMIT).await
}
