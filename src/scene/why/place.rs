//! No node has it: what each filter of the scheduler said.

use std::collections::BTreeMap;

use super::super::Mark;
use super::super::facts::{ContainerFacts, PodFacts};
use super::{Why, describe, sentence};

pub(super) fn unscheduled(facts: &PodFacts, containers: &[ContainerFacts]) -> Option<Why> {
    let condition = facts.condition("PodScheduled").filter(|c| c.status == "False")?;
    let message = condition.message.as_deref().unwrap_or("the scheduler has not said why");
    let question = "Why is it Pending?";
    if condition.reason.as_deref() == Some("SchedulingGated") {
        let answer = "It has scheduling gates: the scheduler does not look at it until all of them are removed.";
        return Some(Why::new(question, answer, Mark::Pending).field("spec.schedulingGates"));
    }
    // What stands before the first full stop tells all nodes' reasons; what comes after is about preemption.
    let (said, preemption) = message.split_once(". ").unwrap_or((message, ""));
    if facts.refusals.is_empty() {
        let mut why = Why::new(question, format!("No node can take it: {}", sentence(said)), Mark::Pending);
        if said.contains("persistentvolumeclaim") || said.contains("PersistentVolumeClaim") {
            why = why.field("spec.volumes").command("kubectl get pvc");
        }
        return Some(why.next(later(preemption)));
    }
    let mut by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for r in &facts.refusals {
        let reasons = by.entry(r.plugin).or_default();
        if !reasons.contains(&r.reason.as_str()) {
            reasons.push(&r.reason);
        }
    }
    let mut why = Why::new(question, String::new(), Mark::Pending).next(later(preemption));
    let mut told = vec!["No node can take it.".to_owned()];
    for (plugin, reasons) in by {
        let nodes = facts.refusals.iter().filter(|r| r.plugin == plugin).count();
        let (words, fields) = advice(plugin, reasons[0], facts, containers);
        let nodes = if nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") };
        told.push(format!("{nodes}: {words}."));
        for field in fields {
            if !why.fields.contains(&field) {
                why.fields.push(field);
            }
        }
    }
    why.answer = told.join(" ");
    why.nodes = facts.refusals.iter().map(|r| (r.node.clone(), r.reason.clone())).collect();
    Some(why.command(describe(facts)))
}

fn later(preemption: &str) -> String {
    if preemption.contains("No preemption victims")
        || preemption.contains("Preemption is not helpful")
        || preemption.is_empty()
    {
        "The scheduler tries again when something changes that could help; ending other pods by preemption would not."
            .into()
    } else {
        "The scheduler tries again when something changes that could help.".into()
    }
}

/// What a filter means in plain words, and the fields that it goes by.
fn advice(plugin: &str, reason: &str, facts: &PodFacts, containers: &[ContainerFacts]) -> (String, Vec<String>) {
    let spec = facts.pod.spec.as_ref();
    let own = |field: &str| vec![field.to_owned()];
    match plugin {
        "NodeResourcesFit" if reason == "Too many pods" => ("they run as many pods as they may".into(), Vec::new()),
        "NodeResourcesFit" => {
            let what =
                reason.strip_prefix("Insufficient ").unwrap_or(reason).split(", Insufficient ").collect::<Vec<_>>();
            let asks = |c: &&ContainerFacts| {
                if what.contains(&"memory") && !what.contains(&"cpu") {
                    c.resources.memory.0
                } else {
                    c.resources.cpu.0
                }
            };
            let most = containers.iter().max_by(|a, b| asks(a).unwrap_or(0.0).total_cmp(&asks(b).unwrap_or(0.0)));
            let field = most.map(|c| c.field("resources.requests")).unwrap_or_else(|| "spec.containers".into());
            (format!("less {} is free than it requests; ask for less, or make room", what.join(" and ")), vec![field])
        }
        "TaintToleration" => ("they are tainted, and the pod does not tolerate it".into(), own("spec.tolerations")),
        "NodeAffinity" => {
            let field =
                if spec.is_some_and(|s| s.node_selector.is_some()) { "spec.nodeSelector" } else { "spec.affinity" };
            ("their labels are not those that the pod wants".into(), own(field))
        }
        "NodeName" => ("it wants a node of another name".into(), own("spec.nodeName")),
        "NodeUnschedulable" => ("cordoned, so they take no new pods; kubectl uncordon lets them".into(), Vec::new()),
        "NodePorts" => {
            let c = containers.iter().find(|c| c.ports.iter().any(|p| p.host.is_some()));
            let words = "another pod there has the host port; only one pod of a node can".to_owned();
            (words, vec![c.map_or_else(|| "spec.hostNetwork".into(), |c| c.field("ports"))])
        }
        "InterPodAffinity" => {
            ("the pods there are not those it wants beside it, or it shuns them".into(), own("spec.affinity"))
        }
        "PodTopologySpread" => {
            ("with it, pods would be spread too unevenly".into(), own("spec.topologySpreadConstraints"))
        }
        "VolumeBinding" => (format!("its volumes can't be had there ({reason})"), own("spec.volumes")),
        _ => (reason.to_owned(), Vec::new()),
    }
}
