//! It runs and is not ready, is about to be ended by a probe, or is held back by a limit.

use super::super::Mark;
use super::super::facts::{ContainerFacts, Counter, PodFacts, Probe, Role};
use super::{Why, describe};

pub(super) fn troubles(facts: &PodFacts, containers: &[ContainerFacts]) -> Option<Why> {
    if facts.phase() != "Running" {
        return None;
    }
    let running = || containers.iter().filter(|c| c.is_running() && !matches!(c.role, Role::Init | Role::Ephemeral));
    running()
        .find_map(|c| dying(facts, c))
        .or_else(|| running().find_map(|c| not_ready(facts, c)))
        .or_else(|| gates(facts))
        .or_else(|| running().find_map(|c| throttled(facts, c)))
}

fn failing<'a>(facts: &'a PodFacts, c: &'a ContainerFacts, kind: &str) -> Option<(&'a Probe, &'a Counter)> {
    let probe = c.probes.iter().find(|p| p.kind == kind)?;
    let counter = facts.counter(c.name, kind).filter(|c| c.last == Some(false))?;
    Some((probe, counter))
}

/// What a probe met, in its own words.
fn met(facts: &PodFacts, container: &str, kind: &str) -> String {
    let title = match kind {
        "startup" => "Startup probe failed: ",
        "liveness" => "Liveness probe failed: ",
        _ => "Readiness probe failed: ",
    };
    let own =
        facts.events.iter().rev().filter(|e| e.container.as_deref() == Some(container) && e.reason == "Unhealthy");
    let said = own.filter_map(|e| e.message.strip_prefix(title)).map(str::trim).find(|said| !said.is_empty());
    said.map(|said| format!(": {said}")).unwrap_or_default()
}

fn dying(facts: &PodFacts, c: &ContainerFacts) -> Option<Why> {
    let started = c.status.and_then(|s| s.started).unwrap_or(false);
    let kind = if started { "liveness" } else { "startup" };
    let (probe, counter) = failing(facts, c, kind)?;
    let left = probe.failures - i32::try_from(counter.run).unwrap_or(i32::MAX);
    let answer = format!("The {kind} probe of {} ({}) fails{}.", c.name, probe.what, met(facts, c.name, kind));
    let times = if left == 1 { "One more failure".to_owned() } else { format!("{left} more failures in a row") };
    let next = if left > 0 {
        format!("{times}, one every {} s, and the kubelet ends and restarts it.", probe.period)
    } else {
        "The kubelet ends and restarts it.".into()
    };
    let question = if kind == "startup" { "Why has it not started?" } else { "Why is it in danger?" };
    Some(
        Why::new(question, answer, Mark::Pending)
            .next(next)
            .field(c.field(&format!("{kind}Probe")))
            .command(describe(facts)),
    )
}

fn not_ready(facts: &PodFacts, c: &ContainerFacts) -> Option<Why> {
    if c.status.is_some_and(|s| s.ready) {
        return None;
    }
    let started = c.status.and_then(|s| s.started).unwrap_or(false);
    let question = "Why is it not ready?";
    if !started && c.probes.iter().any(|p| p.kind == "startup") {
        let answer =
            format!("{} runs, but its startup probe has not succeeded yet; the other probes wait for it.", c.name);
        return Some(Why::new(question, answer, Mark::Pending).field(c.field("startupProbe")));
    }
    let probe = c.probes.iter().find(|p| p.kind == "readiness")?;
    let (answer, next) = match failing(facts, c, "readiness") {
        Some(_) => (
            format!(
                "{} runs, but its readiness probe ({}) fails{}. No Service sends requests here; nothing is restarted for it.",
                c.name,
                probe.what,
                met(facts, c.name, "readiness")
            ),
            format!("It is asked again every {} s, and is ready when it succeeds.", probe.period),
        ),
        None => (
            format!("{} runs, but its readiness probe ({}) has not succeeded yet.", c.name, probe.what),
            "The first answer decides.".into(),
        ),
    };
    Some(Why::new(question, answer, Mark::Pending).next(next).field(c.field("readinessProbe")).command(describe(facts)))
}

fn gates(facts: &PodFacts) -> Option<Why> {
    let gates = facts.pod.spec.as_ref()?.readiness_gates.as_ref()?;
    let missing = gates.iter().find(|g| facts.condition(&g.condition_type).is_none_or(|c| c.status != "True"))?;
    let answer = format!(
        "Its containers are ready, but it has a readiness gate: the condition {} must be True, and somebody else has to set it.",
        missing.condition_type
    );
    Some(Why::new("Why is it not ready?", answer, Mark::Pending).field("spec.readinessGates"))
}

fn throttled(facts: &PodFacts, c: &ContainerFacts) -> Option<Why> {
    let limit = c.resources.cpu.1?;
    let (has, wants) = facts.inside_of(c.name)?.cpu;
    if wants <= has + 0.005 || has + 0.005 < limit {
        return None;
    }
    let answer = format!(
        "{} could use {wants} processors, but its limit is {limit}: when that share of each 100 ms is used up, it stands still for the rest.",
        c.name
    );
    Some(Why::new("Why is it slow?", answer, Mark::Running).field(c.field("resources.limits")))
}
