//! Runs one pod of a DaemonSet on each node that it fits. Source: pkg/controller/daemon.

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::api::core::v1::{
    Affinity, Node, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Toleration,
};
use serde_json::{Map, Value};

use super::{
    World, annotation,
    deployment::scaled,
    history, is_deleted, key_of, number,
    pods::{self, Template, is_ready, phase},
    status::count,
};
use crate::{
    api::{
        Pod, PodSpec, Resource, Result,
        other::Other,
        selector::{Operator, Requirement},
        taints,
    },
    apiserver::events::EventType,
    controllers::is_terminal,
};

/// How many pods are made or deleted in one go.
const BURST: usize = 250;
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// The pods of a set by the node that each is for.
type ByNode = BTreeMap<String, Vec<Rc<Pod>>>;

/// What a template asks of a node.
struct Placement {
    /// With the tolerations that all daemons have.
    spec: PodSpec,
}

impl Placement {
    fn new(mut spec: PodSpec) -> Placement {
        tolerate(&mut spec);
        Placement { spec }
    }

    /// Whether a pod should be made for a node, and whether one that is there may stay.
    fn on(&self, node: &Node) -> (bool, bool) {
        let wanted = self.spec.node_name.as_deref().unwrap_or_default();
        if (!wanted.is_empty() && wanted != node.name()) || !self.matches(node) {
            return (false, false);
        }
        let node_taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
        let tolerations = self.spec.tolerations.as_deref().unwrap_or_default();
        let refused = |effects: &[&str]| {
            taints::untolerated(node_taints, tolerations, |taint| effects.contains(&taint.effect.as_str()), false)
                .is_some()
        };
        (!refused(&["NoExecute", "NoSchedule"]), !refused(&["NoExecute"]))
    }

    fn matches(&self, node: &Node) -> bool {
        let label = |key: &str| node.metadata.labels.as_ref()?.get(key).map(String::as_str);
        let mut selector = self.spec.node_selector.iter().flatten();
        if !selector.all(|(key, value)| label(key) == Some(value)) {
            return false;
        }
        let affinity = self.spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
        let required = affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
        let holds = |requirement: &NodeSelectorRequirement, value: Option<&str>| {
            let operator = match requirement.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                "Gt" => Operator::GreaterThan,
                "Lt" => Operator::LessThan,
                _ => return false,
            };
            let values = requirement.values.clone().unwrap_or_default();
            Requirement::new(&requirement.key, operator, values).is_ok_and(|requirement| requirement.matches(value))
        };
        let term = |term: &NodeSelectorTerm| {
            let (labels, fields) = (term.match_expressions.iter().flatten(), term.match_fields.iter().flatten());
            let some = labels.clone().next().is_some() || fields.clone().next().is_some();
            some && labels.into_iter().all(|r| holds(r, label(&r.key)))
                && fields.into_iter().all(|r| r.key == "metadata.name" && holds(r, Some(node.name())))
        };
        required.is_none_or(|selector| selector.node_selector_terms.iter().any(term))
    }
}

/// A daemon bears what its node suffers from.
fn tolerate(spec: &mut PodSpec) {
    let mut all = vec![
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    ];
    if spec.host_network == Some(true) {
        all.push(("network-unavailable", "NoSchedule"));
    }
    let tolerations = spec.tolerations.get_or_insert_default();
    for (key, effect) in all {
        let toleration = Toleration {
            key: Some(format!("node.kubernetes.io/{key}")),
            operator: Some("Exists".into()),
            effect: Some(effect.into()),
            ..Toleration::default()
        };
        let same = |old: &&mut Toleration| {
            old.key == toleration.key && old.effect == toleration.effect && old.operator == toleration.operator
        };
        match tolerations.iter_mut().find(same) {
            Some(old) => *old = toleration,
            None => tolerations.push(toleration),
        }
    }
}

/// Binds a pod to a node by the node's name, in place of whatever fields the template names.
fn pin(spec: &mut PodSpec, node: &str) {
    let field =
        NodeSelectorRequirement { key: "metadata.name".into(), operator: "In".into(), values: Some(vec![node.into()]) };
    let affinity = spec.affinity.get_or_insert_with(Affinity::default);
    let of_node = affinity.node_affinity.get_or_insert_with(NodeAffinity::default);
    let required =
        of_node.required_during_scheduling_ignored_during_execution.get_or_insert_with(NodeSelector::default);
    if required.node_selector_terms.is_empty() {
        required.node_selector_terms.push(NodeSelectorTerm::default());
    }
    required.node_selector_terms.iter_mut().for_each(|term| term.match_fields = Some(vec![field.clone()]));
}

/// The node that a pod has, or waits for.
fn target(pod: &Pod) -> Option<&str> {
    let spec = pod.spec.as_ref()?;
    if let Some(node) = spec.node_name.as_deref().filter(|node| !node.is_empty()) {
        return Some(node);
    }
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let terms = &affinity.required_during_scheduling_ignored_during_execution.as_ref()?.node_selector_terms;
    let mut fields = terms.iter().flat_map(|term| term.match_fields.iter().flatten());
    let field = fields.find(|field| field.key == "metadata.name" && field.operator == "In")?;
    field.values.as_ref()?.first().map(String::as_str)
}

fn hash(pod: &Pod) -> &str {
    let labels = pod.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(history::REVISION_LABEL)).map(String::as_str).unwrap_or_default()
}

fn oldest_first(pods: &mut [Rc<Pod>]) {
    let created = |pod: &Pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0.as_second());
    pods.sort_by(|a, b| {
        pods::node(a)
            .is_empty()
            .cmp(&pods::node(b).is_empty())
            .then(created(a).cmp(&created(b)))
            .then(a.name().cmp(b.name()))
    });
}

pub async fn sync(world: &mut World, set: &Rc<Other>) -> Result<()> {
    if set.at("spec/selector").as_object().is_none_or(Map::is_empty) {
        let text = "This daemon set is selecting all pods. A non-empty selector is required.";
        world.event(set, EventType::Warning, "SelectingAll", text);
        return Ok(());
    }
    if is_deleted(set) {
        return Ok(());
    }
    let history = history::sync(world, set).await?;
    let hash = history::hash_of(&history.current).to_string();
    let template = Template::of(set)?;
    let placement = Placement::new(template.spec.clone().into_inner());
    let mut by_node = ByNode::new();
    for pod in world.claim_pods(set, |_| true).await? {
        // What has ended and is being deleted makes room.
        if is_terminal(&pod) && pod.metadata.deletion_timestamp.is_some() {
            continue;
        }
        if let Some(node) = target(&pod) {
            by_node.entry(node.to_string()).or_default().push(pod);
        }
    }
    by_node.values_mut().for_each(|pods| oldest_first(pods));
    let (create, delete) = plan(world, set, &placement, &by_node, &hash);
    let acted = match create.is_empty() && delete.is_empty() {
        false => act(world, set, template, create, delete, &hash).await,
        true if set.text("spec/updateStrategy/type") == "RollingUpdate" => {
            let (create, delete) = roll(world, set, &placement, &by_node, &hash);
            act(world, set, template, create, delete, &hash).await
        }
        true => Ok(()),
    };
    let live = |revision: &Other| by_node.values().flatten().any(|pod| self::hash(pod) == history::hash_of(revision));
    history::clean_up(world, set, &history.old, live).await?;
    write_status(world, set, &placement, &by_node, &hash).await?;
    acted
}

/// The nodes that lack a pod, and the pods that are where they shouldn't be.
fn plan(
    world: &mut World,
    set: &Rc<Other>,
    placement: &Placement,
    by_node: &ByNode,
    hash: &str,
) -> (Vec<String>, Vec<Rc<Pod>>) {
    let (mut create, mut delete, mut ended) = (Vec::new(), Vec::new(), Vec::new());
    for (name, node) in &world.nodes {
        let (should, may) = placement.on(node);
        let pods = by_node.get(name).map(Vec::as_slice).unwrap_or_default();
        if pods.is_empty() {
            create.extend(should.then(|| name.clone()));
            continue;
        }
        let staying = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        if !may {
            delete.extend(staying.cloned());
            continue;
        }
        let (over, running): (Vec<Rc<Pod>>, Vec<Rc<Pod>>) = staying.cloned().partition(|pod| is_terminal(pod));
        ended.extend(over);
        if surge(set, world.nodes.len()) == 0 {
            delete.extend(running.into_iter().skip(1));
            continue;
        }
        let (new, old): (Vec<Rc<Pod>>, Vec<Rc<Pod>>) = running.into_iter().partition(|pod| self::hash(pod) == hash);
        if let (Some(new), Some(old)) = (new.first(), old.first()) {
            let min_ready = number(set, "spec/minReadySeconds", 0);
            let now = world.sim.wall().as_second();
            let available = pods::available_from(new, min_ready).is_some_and(|from| from <= now);
            if available || !is_ready(old) {
                delete.push(old.clone());
            }
        }
        delete.extend(new.into_iter().skip(1));
        delete.extend(old.into_iter().skip(1));
    }
    for pod in ended {
        let (namespace, name, node) = (pod.namespace(), pod.name(), pods::node(&pod));
        let (kind, reason, text) = match phase(&pod) {
            "Failed" => (EventType::Warning, "FailedDaemonPod", "failed daemon pod"),
            _ => (EventType::Normal, "SucceededDaemonPod", "succeeded daemon pod"),
        };
        let what = if reason == "FailedDaemonPod" { "kill" } else { "delete" };
        let message = format!("Found {text} {namespace}/{name} on node {node}, will try to {what} it");
        world.event(set, kind, reason, message);
        delete.push(pod);
    }
    // Pods that wait for a node that has gone.
    for (name, pods) in by_node {
        if !world.nodes.contains_key(name) {
            delete.extend(pods.iter().filter(|pod| pods::node(pod).is_empty()).cloned());
        }
    }
    (create, delete)
}

fn surge(set: &Other, nodes: usize) -> i64 {
    if set.text("spec/updateStrategy/type") != "RollingUpdate" {
        return 0;
    }
    let nodes = i64::try_from(nodes).unwrap_or(0);
    scaled(set.at("spec/updateStrategy/rollingUpdate/maxSurge"), nodes, true)
}

/// One step of an update: the pods of old templates that may go, or the nodes that may have a second pod.
fn roll(
    world: &mut World,
    set: &Rc<Other>,
    placement: &Placement,
    by_node: &ByNode,
    hash: &str,
) -> (Vec<String>, Vec<Rc<Pod>>) {
    let now = world.sim.wall().as_second();
    let min_ready = number(set, "spec/minReadySeconds", 0);
    let is_available = |pod: &Rc<Pod>| pods::available_from(pod, min_ready).is_some_and(|from| from <= now);
    let desired = world.nodes.values().filter(|node| placement.on(node).0).count();
    let surge = surge(set, desired);
    let desired = i64::try_from(desired).unwrap_or(0);
    let mut unavailable_most = scaled(set.at("spec/updateStrategy/rollingUpdate/maxUnavailable"), desired, true);
    if unavailable_most == 0 && surge == 0 {
        unavailable_most = 1;
    }
    let (mut busy, mut must, mut may) = (0, Vec::new(), Vec::new());
    let (mut must_have, mut may_have, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
    for (node, pods) in by_node {
        let staying = || pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let new: Vec<&Rc<Pod>> = staying().filter(|pod| self::hash(pod) == hash).collect();
        let old: Vec<&Rc<Pod>> = staying().filter(|pod| self::hash(pod) != hash).collect();
        if new.len() > 1 || old.len() > 1 {
            busy += 1;
            continue;
        }
        match (new.first(), old.first(), surge) {
            (None, None, 0) | (Some(_), Some(_), 0) => busy += 1,
            (Some(new), None, 0) => busy += i64::from(!is_available(new)),
            (None, Some(old), 0) if !is_available(old) => must.push(Rc::clone(old)),
            (None, Some(old), 0) => may.push(Rc::clone(old)),
            (None, None, _) => {}
            (None, Some(old), _) if !is_available(old) => must_have.push(node.clone()),
            (None, Some(_), _) => may_have.push(node.clone()),
            (Some(new), _, _) if !is_available(new) => busy += 1,
            (Some(_), old, _) => replaced.extend(old.map(|old| Rc::clone(old))),
        }
    }
    if surge == 0 {
        let left = usize::try_from(unavailable_most - busy).unwrap_or(0);
        must.extend(may.into_iter().take(left));
        return (Vec::new(), must);
    }
    let left = usize::try_from(surge - busy).unwrap_or(0);
    must_have.extend(may_have.into_iter().take(left));
    (must_have, replaced)
}

async fn act(
    world: &mut World,
    set: &Rc<Other>,
    mut template: Template,
    create: Vec<String>,
    delete: Vec<Rc<Pod>>,
    hash: &str,
) -> Result<()> {
    tolerate(&mut template.spec);
    let labels = template.metadata.labels.get_or_insert_default();
    labels.insert(history::REVISION_LABEL.into(), hash.into());
    let generation = annotation(set, TEMPLATE_GENERATION).unwrap_or("1").to_string();
    labels.insert("pod-template-generation".into(), generation);
    let make = |at: usize| {
        let mut pod = template.pod(set);
        if let (Some(spec), Some(node)) = (&mut pod.spec, create.get(at)) {
            pin(spec, node);
        }
        pod
    };
    let made = world.create_pods(set, create.len().min(BURST), make).await;
    for pod in delete.iter().take(BURST) {
        world.delete_pod(set, pod).await?;
    }
    made
}

async fn write_status(
    world: &mut World,
    set: &Rc<Other>,
    placement: &Placement,
    by_node: &ByNode,
    hash: &str,
) -> Result<()> {
    let min_ready = number(set, "spec/minReadySeconds", 0);
    let now = world.sim.wall().as_second();
    let (mut desired, mut current, mut misplaced, mut ready, mut available, mut updated) = (0, 0, 0, 0, 0, 0);
    let mut next: Option<i64> = None;
    for (name, node) in &world.nodes {
        let first = by_node.get(name).and_then(|pods| pods.first());
        if !placement.on(node).0 {
            misplaced += i64::from(first.is_some());
            continue;
        }
        desired += 1;
        let Some(pod) = first else { continue };
        current += 1;
        ready += i64::from(is_ready(pod));
        match pods::available_from(pod, min_ready) {
            Some(from) if from <= now => available += 1,
            Some(from) => next = Some(next.map_or(from, |next| next.min(from))),
            None => {}
        }
        updated += i64::from(self::hash(pod) == hash);
    }
    let mut status = set.at("status").as_object().cloned().unwrap_or_default();
    for (key, value) in [
        ("currentNumberScheduled", current),
        ("numberMisscheduled", misplaced),
        ("desiredNumberScheduled", desired),
        ("numberReady", ready),
    ] {
        status.insert(key.into(), value.into());
    }
    count(&mut status, "observedGeneration", set.metadata.generation.unwrap_or(0));
    count(&mut status, "updatedNumberScheduled", updated);
    count(&mut status, "numberAvailable", available);
    count(&mut status, "numberUnavailable", desired - available);
    world.write_status(set, Value::Object(status)).await?;
    if let Some(next) = next {
        world.look_at_second(key_of(set), next);
    }
    Ok(())
}
