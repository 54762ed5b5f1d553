//! A container ends and is started again: by exit code, for memory, by its probes, for a port that another has.

use super::super::facts::{ContainerFacts, PodFacts, Role};
use super::super::{Mark, duration};
use super::Why;

const DELAYS: &str = "Each restart waits longer: 10 s, 20 s, 40 s, at most 5 min.";

pub(super) fn troubles(facts: &PodFacts, containers: &[ContainerFacts]) -> Option<Why> {
    containers.iter().find_map(|c| trouble(facts, c))
}

fn trouble(facts: &PodFacts, c: &ContainerFacts) -> Option<Why> {
    // Until the kubelet's next look at the pod the API tells the end itself; the back-off runs already.
    let crashed = c.ended().filter(|_| facts.inside_of(c.name).is_some_and(|i| i.back_off.is_some()));
    let last = if crashed.is_some() {
        crashed
    } else if c.waiting_reason() == Some("CrashLoopBackOff") {
        c.ended_before()
    } else {
        // Its node can't be asked, or it never failed; an init container that ended with 0 has done its work.
        return None;
    };
    let code = last.map(|t| t.exit_code);
    let next = next(facts, c);
    if let Some((port, holder)) = clash(facts, c) {
        let answer = format!(
            "Containers of a pod share one set of ports. {holder} has {port}, so {} can't bind it and exits with {}. \
             Give it another port or a pod of its own.",
            c.name,
            code.unwrap_or(1)
        );
        return Some(Why::new("Why is it not ready?", answer, Mark::Failed).next(next).field(c.field("ports")));
    }
    let (said, field) = cause(facts, c, code, last.and_then(|t| t.reason.as_deref()));
    let logs = format!("kubectl {}logs {} -c {}", facts.flag(), facts.name(), c.name);
    let restarts = match c.status.map_or(0, |s| s.restart_count) {
        0 => String::new(),
        1 => " Restarted once so far.".into(),
        n => format!(" Restarted {n} times so far."),
    };
    let mark = if code == Some(0) { Mark::Waiting } else { Mark::Failed };
    Some(
        Why::new("Why does it restart?", format!("{} {said}.{restarts}", c.name), mark)
            .next(next)
            .field(field)
            .command(logs),
    )
}

fn next(facts: &PodFacts, c: &ContainerFacts) -> String {
    let due = facts.inside_of(c.name).and_then(|i| i.back_off);
    let left = due.map(|(at, _)| at.duration_since(facts.now).as_secs_f64()).filter(|left| *left > 0.0);
    match left {
        Some(left) => format!("It is started again in {}. {DELAYS}", duration(left.ceil())),
        None => format!("It is started again. {DELAYS}"),
    }
}

/// Why it ended, and the field to look at.
fn cause(facts: &PodFacts, c: &ContainerFacts, code: Option<i32>, reason: Option<&str>) -> (String, String) {
    let command = c.field("command");
    if reason == Some("OOMKilled") {
        let limit = c.resources.memory.1.map(super::super::bytes).map(|l| format!(" of {l}")).unwrap_or_default();
        return (format!("was killed for using more memory than its limit{limit}"), c.field("resources.limits"));
    }
    if let Some((kind, said)) = probe_killed(facts, c.name) {
        let probe = c.probes.iter().find(|p| p.kind == kind);
        let what = probe.map(|p| format!(" ({}, {} in a row)", p.what, p.failures)).unwrap_or_default();
        let said = said.map(|s| format!(": {s}")).unwrap_or_default();
        return (format!("was ended because its {kind} probe failed{what}{said}"), c.field(&format!("{kind}Probe")));
    }
    let policy = facts.restart_policy();
    match code {
        Some(0) if c.role == Role::Sidecar => {
            ("ends with exit code 0, but a sidecar is to run as long as the pod".into(), command)
        }
        Some(0) => (
            format!("ends with exit code 0, and restartPolicy {policy} starts again even what succeeded"),
            "spec.restartPolicy".into(),
        ),
        Some(128) if reason == Some("StartError") => ("can't be started: its command is not there".into(), command),
        Some(code) => (format!("ends with exit code {code}{}", meaning(code)), command),
        None => ("keeps ending".into(), command),
    }
}

/// The probe for which the container was last ended, and what the probe met.
fn probe_killed<'a>(facts: &'a PodFacts, container: &str) -> Option<(&'static str, Option<&'a str>)> {
    let own = || facts.events.iter().rev().filter(|e| e.container.as_deref() == Some(container));
    let killing = own().find(|e| matches!(e.reason.as_str(), "Killing" | "Started"))?;
    // Events that repeat are counted, not told again: the latest of the two is what counts.
    let kind = ["liveness", "startup"].into_iter().find(|k| killing.message.contains(&format!("failed {k} probe")))?;
    let title = if kind == "liveness" { "Liveness" } else { "Startup" };
    let met = own().find(|e| e.reason == "Unhealthy" && e.message.starts_with(title));
    Some((kind, met.and_then(|e| e.message.split_once("probe failed: ")).map(|(_, said)| said.trim())))
}

/// It runs again, but not for long.
pub(super) fn recent(facts: &PodFacts, containers: &[ContainerFacts]) -> Option<Why> {
    const RECENT: f64 = 60.0;
    let c = containers.iter().find(|c| {
        let started = c.state().and_then(|s| s.running.as_ref()?.started_at.as_ref());
        c.ended_before().is_some() && started.is_some_and(|t| facts.now.duration_since(t.0).as_secs_f64() < RECENT)
    })?;
    let last = c.ended_before()?;
    let (said, field) = match clash(facts, c) {
        Some((port, holder)) => {
            (format!("ends with exit code {}, as {holder} has port {port}", last.exit_code), c.field("ports"))
        }
        None => cause(facts, c, Some(last.exit_code), last.reason.as_deref()),
    };
    let times = c.status.map_or(1, |s| s.restart_count);
    let times = if times == 1 { "once".into() } else { format!("{times} times") };
    let logs = format!("kubectl {}logs {} -c {} --previous", facts.flag(), facts.name(), c.name);
    Some(
        Why::new("Why was it restarted?", format!("{} {said}. Restarted {times}; it runs now.", c.name), Mark::Running)
            .next("After 10 min without an end the delay before a restart is 10 s again.")
            .field(field)
            .command(logs),
    )
}

/// The port that the container wanted and that another holds.
fn clash(facts: &PodFacts, c: &ContainerFacts) -> Option<(u16, String)> {
    let log = &facts.inside_of(c.name)?.log;
    let lines: Vec<&String> = log
        .iter()
        .filter(|l| {
            let l = l.to_ascii_lowercase();
            l.contains("eaddrinuse") || l.contains("address already in use") || l.contains("address in use")
        })
        .collect();
    if lines.is_empty() {
        return None;
    }
    let named = |port: u16| {
        let port = port.to_string();
        lines.iter().any(|l| l.split(|ch: char| !ch.is_ascii_digit()).any(|word| word == port))
    };
    let inside = facts.inside.as_ref()?;
    let others = || inside.listeners.iter().filter(|l| l.container != c.name);
    others()
        .find(|l| named(l.port))
        .or_else(|| others().find(|l| c.ports.iter().any(|p| p.number == l.port)))
        .map(|l| (l.port, l.container.clone()))
}

/// Ports that a container lost to another, for the picture.
pub(in crate::scene) fn clashes(facts: &PodFacts) -> Vec<(u16, String)> {
    let containers = facts.containers();
    let ended = containers.iter().filter(|c| c.state().is_some_and(|s| s.running.is_none()));
    ended.filter_map(|c| clash(facts, c).map(|(port, _)| (port, c.name.to_owned()))).collect()
}

/// What a shell or the kernel means by an exit code.
pub(super) fn meaning(code: i32) -> String {
    match code {
        126 => " (the command is there, but can't be executed)".into(),
        127 => " (the command was not found)".into(),
        129..=159 => {
            let signal = code - 128;
            let name = match signal {
                1 => "SIGHUP",
                2 => "SIGINT",
                6 => "SIGABRT",
                9 => "SIGKILL",
                11 => "SIGSEGV",
                15 => "SIGTERM",
                _ => return format!(" (killed by signal {signal})"),
            };
            format!(" (killed by {name})")
        }
        _ => String::new(),
    }
}
